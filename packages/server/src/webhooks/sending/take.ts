// A worker takes deliveries to send: many in one transaction, each with all that its request needs. Nothing is sent here and no transaction is open while
// something is; what may not leave now is told when to come again, or that its job has nothing left to do.

import { openText, sealText } from '../../crypto/seal.ts'
import type { Secret } from '../../crypto/secret.ts'
import { type SigningMode, signedHeaders } from '../../crypto/signature.ts'
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { openContent, subjectKey, subjectKeys } from '../../identity/keys-at-rest/tenant-key.ts'
import { tenantWire } from '../../std/id.ts'
import { boundLetters, type Leaving, openBodies } from '../bound/letter.ts'
import type { WebhooksHouse } from '../house.ts'
import { type Material, materialsOf } from '../material.ts'
import { DELAYS } from '../schedule.ts'
import { wakeNext } from './line.ts'
import {
  type AttemptRow,
  type Claimed,
  findPresent,
  holdDeliveries,
  insertAttempts,
  insertSealedBody,
  lockHeads,
  putBack,
  reservePace,
  settleDeliveries,
  type Took,
  takeDeliveries,
} from './sql.ts'

export type Asked = Claimed & {
  tenantId: string
  lane: string
  fifo: boolean
  key: string | null
}

export type Letter = {
  took: Took
  url: string
  body: Buffer
  headers: Record<string, string>
  delays: readonly number[]
  timeoutMs: number
  connections: number
  /** Of a bound one: what its endpoint is bound to, how much of an answer is read, and whose exceptions of the guard count. */
  boundTo?: string
  replyBytes?: number
  guardedAs?: string
  ca?: string
  client?: { cert: string; key: string }
}

export type Taken = { letter: Letter } | { at: Date } | 'done'

export const deliveryScope = (tenantId: string): Scope => systemScope('webhooks', tenantId)

/** While another worker sends it. */
const BUSY_MS = 1_000
/** A start that is due so soon is not worth another round. */
const NEAR_MS = 50
/** Of an address without an endpoint. */
export const OWN_SLOTS = 10
const OWN_TIMEOUT_MS = 15_000

/** All of one tenant; answers in their order. */
export async function takeMany(house: WebhooksHouse, asked: readonly Asked[]): Promise<Taken[]> {
  const [first] = asked
  if (!first) return []
  const scope = deliveryScope(first.tenantId)
  return tx(house.db, scope, async (t) => {
    const candidates: Asked[] = []
    const unsure: Asked[] = []
    const answers = new Map<string, Taken>()
    await holdKeys(house, t, scope, asked)
    const inOrder = [...asked].sort((a, b) => (a.id < b.id ? -1 : 1))
    const heads = await headsOfLine(t, scope, inOrder)
    for (const one of inOrder) {
      const head = one.fifo ? heads.get(one.id) : one.id
      // Whoever is not first in line has no job; the end of the one before gives it one (P92).
      if (head === one.id) candidates.push(one)
      else if (head === undefined) unsure.push(one)
      else answers.set(one.id, 'done')
    }
    const took = candidates.length === 0 ? [] : await takeDeliveries(t, scope, candidates)
    const here = new Set(took.map((one) => one.id))
    const missing = [...candidates.filter((one) => !here.has(one.id)), ...unsure]
    if (missing.length > 0) for (const [id, verdict] of await whyNot(t, scope, missing)) answers.set(id, verdict)
    await tellLost(t, scope, took)
    for (const [id, verdict] of await write(house, t, scope, took)) answers.set(id, verdict)
    return asked.map((one) => answers.get(one.id) ?? 'done')
  })
}

/** Before any delivery is locked: who changes a thread locks it first as well. */
export async function holdKeys(house: WebhooksHouse, t: Tx, scope: Scope, all: readonly { key: string | null }[]): Promise<void> {
  const keys = [...new Set(all.flatMap(({ key }) => key ?? []))].sort()
  if (keys.length > 0) await house.bound?.hold(t, scope, keys)
}

const LOOKS = 3

// A head that ends while we wait for its row matches no more, and the statement does not answer it; the next one sees who is first now. That our own job
// was made after its end had looked for the next would otherwise leave us behind nobody.
async function headsOfLine(t: Tx, scope: Scope, asked: readonly Asked[]): Promise<Map<string, string>> {
  const heads = new Map<string, string>()
  let left = asked.filter((one) => one.fifo).map((one) => one.id)
  for (let look = 0; look < LOOKS && left.length > 0; look++) {
    for (const { id, head } of await lockHeads(t, scope, left)) heads.set(id, head)
    left = left.filter((id) => !heads.has(id))
  }
  return heads
}

async function whyNot(t: Tx, scope: Scope, missing: readonly Asked[]): Promise<Map<string, Taken>> {
  await holdDeliveries(t, scope, missing)
  const present = new Map(
    (
      await findPresent(
        t,
        scope,
        missing.map((one) => one.id),
      )
    ).map((row) => [row.id, row]),
  )
  return new Map(
    missing.map((one): [string, Taken] => {
      const row = present.get(one.id)
      // Another job of this delivery counts now.
      if (!row || row.generation !== one.generation) return [one.id, 'done']
      if (row.state === 'sending') return [one.id, { at: new Date(t.now.getTime() + BUSY_MS) }]
      return [one.id, row.state === 'pending' ? { at: row.next_at ?? t.now } : 'done']
    }),
  )
}

/** Attempts whose worker died: they may have arrived, and nobody knows. */
async function tellLost(t: Tx, scope: Scope, took: readonly Took[]): Promise<void> {
  const lost = took.flatMap((one): AttemptRow[] => {
    const since = one.was_sending_since
    if (since === null) return []
    const nothing = { dns_ms: null, connect_ms: null, tls_ms: null, first_byte_ms: null, address: null, family: null }
    const ms = Math.max(0, t.now.getTime() - since.getTime())
    const row = { delivery_id: one.id, n: one.attempt - 1, endpoint_id: one.endpoint_id, trigger: one.trigger, ms }
    return [{ ...row, ...nothing, started_at: since.toISOString(), status: null, class: 'lost', excerpt: null }]
  })
  if (lost.length > 0) await insertAttempts(t, scope, lost)
}

async function write(house: WebhooksHouse, t: Tx, scope: Scope, took: readonly Took[]): Promise<Map<string, Taken>> {
  const versions = new Map(
    took.flatMap((one) => (one.endpoint_id === null ? [] : [[one.endpoint_id, one.endpoint_version as number] as const])),
  )
  const materials = await materialsOf(house, t, scope, versions)
  const answers = new Map<string, Taken>()
  for (const one of took.filter((each) => each.endpoint_id === null)) answers.set(one.id, await ownLetter(house, t, scope, one))
  const opened = await openBodies(house, t, scope, took)
  const late: { id: string; next_at: string }[] = []
  const leaving: Leaving[] = []
  const silent: Took[] = []
  for (const [endpointId, material] of materials) {
    const own = took.filter((one) => one.endpoint_id === endpointId)
    const asking = own.filter((one) => !one.was_paced)
    const starts = await paceOf(t, scope, asking, material)
    for (const one of own) {
      // Whoever comes at the time that it was given asks for no other.
      const start = one.was_paced ? t.now : (starts[asking.indexOf(one)] as Date)
      const body = opened.get(one.id)
      if (start.getTime() - t.now.getTime() > NEAR_MS) {
        late.push({ id: one.id, next_at: start.toISOString() })
        answers.set(one.id, { at: start })
      } else if (one.side === null) answers.set(one.id, { letter: letterOf(t, one, material) })
      else if (body) leaving.push({ took: one, material, body })
      else silent.push(one)
    }
  }
  if (late.length > 0) await putBack(t, scope, late)
  for (const [id, taken] of await boundOrOver(house, t, scope, leaving, silent)) answers.set(id, taken)
  return answers
}

/** When each may start, at the endpoint's rate; half of it for a minute after it asked for less (P86). */
async function paceOf(t: Tx, scope: Scope, own: readonly Took[], material: Material): Promise<Date[]> {
  const { ratePerSecond } = material
  if (ratePerSecond === null || own.length === 0) return own.map(() => t.now)
  const isSlowed = (own[0]?.slowed_until ?? t.now) > t.now
  const intervalMs = (1000 / ratePerSecond) * (isSlowed ? 2 : 1)
  const first = (await reservePace(t, scope, material.id, own.length, intervalMs))?.first_at ?? t.now
  return own.map((_, i) => new Date(first.getTime() + i * intervalMs))
}

/** What may leave, and what is cancelled: `silent` have nothing left to say. */
async function boundOrOver(
  house: WebhooksHouse,
  t: Tx,
  scope: Scope,
  leaving: readonly Leaving[],
  silent: readonly Took[],
): Promise<Map<string, Taken>> {
  const letters = await boundLetters(house, t, scope, leaving)
  const over = [...silent, ...leaving.map(({ took }) => took).filter(({ id }) => !letters.has(id))]
  if (over.length > 0) await wakeNext(t, scope, await cancelTaken(t, scope, over))
  const answers = new Map<string, Taken>(over.map(({ id }) => [id, 'done']))
  for (const { took, material } of leaving) {
    const letter = letters.get(took.id)
    const { delays, maxInFlight: connections, url, guardedAs } = material
    const own = { took, url, delays, connections, guardedAs, boundTo: material.boundTo as string }
    if (letter) answers.set(took.id, { letter: { ...letter, ...own } })
  }
  return answers
}

const cancelTaken = (t: Tx, scope: Scope, all: readonly Took[]) =>
  settleDeliveries(
    t,
    scope,
    all.map(({ id, attempt, tries }) => ({ id, attempt, tries, state: 'cancelled', next_at: null, status: null, class: null })),
  )

function letterOf(t: Tx, took: Took, material: Material): Letter {
  const { header, seed, ca, client, timeoutMs } = material
  const mode = material.mode as SigningMode
  const secrets = material.secrets.filter(({ endsAt }) => endsAt === null || endsAt > t.now).map(({ secret }) => secret.reveal())
  const body = took.bytes as Buffer
  const signed = signing(took, t.now, { mode, secrets, body })
  const own = material.headers ? (JSON.parse(material.headers.reveal()) as Record<string, string>) : {}
  return {
    took,
    url: material.url,
    body,
    headers: {
      ...own,
      ...attemptHeaders(took),
      ...signedHeaders({ ...signed, header, ...(seed ? { seed: Buffer.from(seed.reveal(), 'base64') } : {}) }),
    },
    delays: took.event_type === 'endpoint.ping' ? DELAYS.ping : material.delays,
    timeoutMs,
    connections: material.maxInFlight,
    ...(ca === undefined ? {} : { ca }),
    ...(client ? { client: readClient(client) } : {}),
  }
}

const readClient = (client: Secret) => JSON.parse(client.reveal()) as { cert: string; key: string }

const attemptHeaders = (took: Took) => ({ 'content-type': 'application/json', 'webhook-attempt': String(took.attempt) })

const signing = (took: Took, now: Date, own: { mode: SigningMode; secrets: string[]; body: Buffer }) => ({
  ...own,
  id: took.event_id,
  timestamp: Math.floor(now.getTime() / 1000),
  taskId: took.resource_id?.startsWith('task_') ? took.resource_id : null,
})

/** To an address of its own: the body is rendered at the first attempt, in an envelope of what it tells of, and is the same ever after. */
async function ownLetter(house: WebhooksHouse, t: Tx, scope: Scope, took: Took): Promise<Taken> {
  const source = house.sources[took.source as 'task']
  const text = await bodyOf(house, t, scope, took)
  if (text === null) {
    await cancelTaken(t, scope, [took])
    return 'done'
  }
  const body = Buffer.from(text)
  const secrets = [await source.secret(t, scope)]
  return {
    letter: {
      took,
      url: took.target_url as string,
      body,
      headers: {
        ...attemptHeaders(took),
        ...signedHeaders(signing(took, t.now, { mode: took.target_mode as 'standard' | 'awaithumans', secrets, body })),
      },
      delays: DELAYS.standard,
      timeoutMs: OWN_TIMEOUT_MS,
      connections: OWN_SLOTS,
    },
  }
}

/** Null: erased meanwhile, or never there. */
async function bodyOf(house: WebhooksHouse, t: Tx, scope: Scope, took: Took): Promise<string | null> {
  const at = { tenant: tenantWire(scope.tenantId), table: 'event_bodies', column: 'bytes', row: `${took.event_id}/callback` }
  if (took.bytes && took.subject) {
    const key = (await subjectKeys(house, t, scope, [took.subject])).get(took.subject)
    const opened = openContent(key, at, took.bytes)
    return opened.state === 'open' ? opened.text : null
  }
  const rendered = await house.sources[took.source as 'task'].render(t, scope, took.resource_id as string)
  if (!rendered) return null
  const key = await subjectKey(house, t, scope, rendered.subject)
  const envelope = sealText(key, at, rendered.body)
  await insertSealedBody(t, scope, took.event_id, envelope, rendered.subject)
  return openText(key, at, envelope)
}
