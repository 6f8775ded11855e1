// One attempt of a bound delivery, ready to leave (relay.md R61–R63, R101): the body that was rendered once, opened; what the attempt has of its own, asked of whoever
// bound the endpoint; all of it in headers, signed. Changes no byte of a body.
import { callerProof } from '../../crypto/caller-proof.ts'
import { signedHeaders } from '../../crypto/signature.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import { signingKey } from '../../events/audit/keys.ts'
import { openContent, subjectKeys } from '../../identity/keys-at-rest/tenant-key.ts'
import { tenantWire } from '../../std/id.ts'
import type { WebhooksHouse } from '../house.ts'
import type { Material } from '../material.ts'
import type { Took } from '../sending/sql.ts'
import type { BoundAttempt, BoundDelivery } from './hooks.ts'

const LONGEST_WINDOW_MS = 25_000

export type BoundLetter = {
  body: Buffer
  headers: Record<string, string>
  timeoutMs: number
  replyBytes?: number
}

/** One that may leave, and what it says. */
export type Leaving = { took: Took; material: Material; body: Buffer }

/** Of each of these that may leave still, its letter: whoever bound the endpoints is asked once for all. */
export async function boundLetters(
  house: WebhooksHouse,
  t: Tx,
  scope: Scope,
  all: readonly Leaving[],
): Promise<Map<string, BoundLetter>> {
  const letters = new Map<string, BoundLetter>()
  if (all.length === 0) return letters
  if (!house.bound) throw new Error('Nobody answers for what is bound.')
  const asked = all.map(({ took, material }) => boundDelivery(took, material.boundTo as string))
  const attempts = await house.bound.attempt(t, scope, asked)
  for (const one of all) {
    const attempt = attempts.get(one.took.id)
    if (attempt) letters.set(one.took.id, await boundLetter(house, t, one, attempt))
  }
  return letters
}

async function boundLetter(
  house: WebhooksHouse,
  t: Tx,
  { took, material, body }: Leaving,
  attempt: BoundAttempt,
): Promise<BoundLetter> {
  const { replyBytes } = attempt
  const waitMs = waitOf(t, took)
  const timeoutMs = Math.max(material.timeoutMs, Math.min(waitMs ?? 0, LONGEST_WINDOW_MS))
  const headers = {
    ...(material.headers ? (JSON.parse(material.headers.reveal()) as Record<string, string>) : {}),
    'content-type': material.mode === 'a2a' ? 'application/a2a+json' : 'application/json',
    'webhook-attempt': String(took.attempt),
    'countersign-delivery': took.id,
    'idempotency-key': took.message_id ?? took.event_id,
    ...(waitMs === null ? {} : { 'countersign-wait-ms': String(waitMs) }),
    ...(await spokenHeaders(house, t, attempt, new URL(material.url).origin)),
    ...(await proofOf(house, t, took, material, body)),
  }
  return { body, headers, timeoutMs, ...(replyBytes === undefined ? {} : { replyBytes }) }
}

/** What is left of it; null: nobody waits, or nobody any more. */
function waitOf(t: Tx, { wait_until }: Took): number | null {
  const left = wait_until === null ? 0 : wait_until.getTime() - t.now.getTime()
  return left > 0 ? left : null
}

export const boundDelivery = (took: Took, boundTo: string): BoundDelivery => ({
  id: took.id,
  endpointId: took.endpoint_id as string,
  boundTo,
  side: took.side as 'owner' | 'caller',
  key: took.resource_id as string,
  eventId: took.event_id,
  type: took.event_type,
  messageId: took.message_id,
  relayGrantId: took.relay_grant_id,
  attempt: took.attempt,
  trigger: took.trigger,
})

async function spokenHeaders(
  house: WebhooksHouse,
  t: Tx,
  attempt: BoundAttempt,
  audience: string,
): Promise<Record<string, string>> {
  const { caller, replyToken } = attempt
  const at = { issuer: house.origin(), audience, now: t.now }
  return {
    ...(caller ? { 'countersign-caller': callerProof(await signingKey(house, t, 'relay-sign'), caller, at) } : {}),
    ...(replyToken === undefined ? {} : { 'countersign-reply-token': replyToken }),
  }
}

async function proofOf(
  house: WebhooksHouse,
  t: Tx,
  took: Took,
  material: Material,
  body: Buffer,
): Promise<Record<string, string>> {
  const { mode, header, seed } = material
  const secrets = material.secrets.filter(({ endsAt }) => endsAt === null || endsAt > t.now).map(({ secret }) => secret.reveal())
  const own = seed ? Buffer.from(seed.reveal(), 'base64') : undefined
  const pair = mode === 'a2a' ? (await signingKey(house, t, 'webhook-ed25519')).seed : own
  return signedHeaders({
    ...{ mode, header, secrets, body, id: took.event_id, timestamp: Math.floor(t.now.getTime() / 1_000) },
    ...(mode === 'foragent' ? { beside: 'standard' as const } : {}),
    ...(pair ? { seed: pair } : {}),
  })
}

export const bodyPlace = (scope: Scope, eventId: string, form: string) => ({
  tenant: tenantWire(scope.tenantId),
  table: 'event_bodies',
  column: 'bytes',
  row: `${eventId}/${form}`,
})

/** Of those that are bound, what each says; one that is not in the answer says nothing any more. */
export async function openBodies(house: WebhooksHouse, t: Tx, scope: Scope, took: readonly Took[]): Promise<Map<string, Buffer>> {
  const sealed = took.filter((one) => one.side !== null)
  const keys = await subjectKeys(house, t, scope, [...new Set(sealed.flatMap(({ subject }) => subject ?? []))])
  const opened = new Map<string, Buffer>()
  for (const { id, bytes, subject, event_id, form } of sealed) {
    if (bytes === null || subject === null) continue
    const content = openContent(keys.get(subject), bodyPlace(scope, event_id, form), bytes)
    if (content.state === 'open') opened.set(id, Buffer.from(content.text))
  }
  return opened
}
