// What happened is told to the endpoints that are bound to it (relay.md R61, R68–R70): rendered once, sealed, written with its deliveries and jobs in the transaction of
// what happened; taken back, asked for again and shown to the side that it belongs to. Never shows one side what is the other's.
import { Problem } from '@countersign/sdk'
import { sealText } from '../../crypto/seal.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import { subjectKey } from '../../identity/keys-at-rest/tenant-key.ts'
import { newId, tenantWire } from '../../std/id.ts'
import { showDelivery } from '../deliveries/delivery.ts'
import { askAgain, endDeliveryIf } from '../deliveries/sql.ts'
import { filtersOf } from '../filter.ts'
import type { WebhooksHouse } from '../house.ts'
import { wakeNext } from '../sending/line.ts'
import { type BoundForm, enqueueDeliveries, RUNNER } from '../sending/sql.ts'
import type { Side } from './hooks.ts'
import { bodyPlace } from './letter.ts'
import {
  type Binding,
  cancelAbout,
  findAttemptsOf,
  findBound,
  findExhausted,
  findListeners,
  forgetAbout,
  insertBoundDeliveries,
  type Letters,
  type Listener,
  listAbout,
  lockAbout,
  type WrittenDelivery,
} from './sql.ts'
import { isNamed } from './wishes.ts'

export type Telling = {
  eventId: string
  type: string
  side: Side
  /** What endpoints may be bound to that want it: a thread, its card. */
  subjects: readonly string[]
  /** One after the other: the thread. */
  key: string
  /** Of what is brought to an owner's agent. */
  messageId?: string | null
  /** Somebody waits for what is answered, and for so long: told as what is left of it, and the attempt may last as long (R60). */
  waitMs?: number
  /** Of the caller's side. */
  relayGrantId: string | null
  /** The subject whose key seals the bodies: with it they are gone. */
  sealedUnder: string
  /** `data` of the body; a thin one has ids and links, and no parts. Called once for each form that somebody wants. */
  data(form: 'full' | 'thin'): unknown
  /** A StreamResponse of A2A; left out where that face tells nothing of it. */
  stream?(): unknown
  /** Of all that would hear of it, these endpoints alone. */
  only?: readonly string[]
}

/** Answers the deliveries that came of these, each in the place of what it tells. */
export async function deliverAll(
  house: WebhooksHouse,
  t: Tx,
  scope: Scope,
  all: readonly Telling[],
): Promise<{ id: string; endpoint_id: string }[][]> {
  const hasRoom = house.fast?.runner.rooms() ?? (() => false)
  const heard: { told: Telling; letters: Letters }[] = []
  const listening = await listenersOf(t, scope, all)
  for (const told of all) {
    const { eventId, type, side, key, sealedUnder, relayGrantId } = told
    const listeners = (listening.get(told) ?? []).map((one) => ({
      ...{ endpoint_id: one.id, form: formOf(side, one) },
      // What is told to callers goes by the queue, which knows how much of it a tenant may have on its way.
      offered: side === 'owner' && hasRoom(one.id),
    }))
    if (listeners.length === 0) continue
    const sealing = await subjectKey(house, t, scope, sealedUnder)
    const bodies = [...new Set(listeners.map(({ form }) => form))].map((form) => ({
      form,
      bytes: sealText(sealing, bodyPlace(scope, eventId, form), render(t, scope, told, form)),
    }))
    const messageId = told.messageId ?? null
    const waitUntil = told.waitMs === undefined ? null : new Date(t.now.getTime() + told.waitMs)
    const row = { eventId, type, side, key, relayGrantId, sealedUnder, messageId, waitUntil, trigger: 'auto' as const }
    heard.push({ told, letters: { told: row, listeners, bodies } })
  }
  const letters = heard.map((one) => one.letters)
  const written = letters.length === 0 ? [] : await insertBoundDeliveries(t, scope, letters)
  for (const { told, letters } of heard)
    for (const one of written)
      if (one.event_id === told.eventId && one.state === 'pending' && isOffered(letters, one))
        offer(house, t, scope, one, told.key)
  return all.map(({ eventId }) => written.filter((one) => one.event_id === eventId))
}

export const deliverTo = async (
  house: WebhooksHouse,
  t: Tx,
  scope: Scope,
  told: Telling,
): Promise<{ id: string; endpoint_id: string }[]> => (await deliverAll(house, t, scope, [told]))[0] ?? []

const isOffered = ({ listeners }: Letters, { endpoint_id: id }: WrittenDelivery): boolean =>
  listeners.some(({ endpoint_id, offered }) => offered && endpoint_id === id)

/** Who hears what: those of one type and side are looked up together. */
async function listenersOf(t: Tx, scope: Scope, all: readonly Telling[]): Promise<Map<Telling, Listener[]>> {
  const found = new Map<Telling, Listener[]>()
  for (const kind of new Set(all.map(({ side, type }) => `${side} ${type}`))) {
    const alike = all.filter(({ side, type }) => `${side} ${type}` === kind)
    const [{ side, type }] = alike as [Telling]
    const subjects = [...new Set(alike.flatMap((told) => told.subjects))]
    const rows = await findListeners(t, scope, subjects, side, filtersOf(type))
    // A push config hears of every step, other endpoints of what they can ask for by name.
    const named = isNamed(side, type)
    for (const told of alike) {
      const own = rows
        .filter(({ bound_to }) => told.subjects.includes(bound_to))
        .filter(({ mode }) => (mode === 'a2a' ? told.stream !== undefined : named))
        .filter(({ id }) => told.only?.includes(id) ?? true)
      found.set(told, own)
    }
  }
  return found
}

/** To this process itself, once it is committed (R43). */
function offer(
  { fast }: WebhooksHouse,
  t: Tx,
  { tenantId }: Scope,
  { id, endpoint_id: lane, generation }: WrittenDelivery,
  key: string,
) {
  fast?.runner.offer(t, lane, (signal) => fast.deliver({ id, generation, job: RUNNER, tenantId, lane, fifo: true, key }, signal))
}

const formOf = (side: Side, { mode, thin }: Listener): BoundForm => {
  if (mode === 'a2a') return 'a2a'
  return thin === true ? `${side}_thin` : side
}

function render(t: Tx, scope: Scope, told: Telling, form: BoundForm): string {
  if (form === 'a2a') return JSON.stringify(told.stream?.())
  const head = { id: told.eventId, type: told.type, occurred_at: t.now, tenant_id: tenantWire(scope.tenantId) }
  return JSON.stringify({ ...head, data: told.data(form.endsWith('_thin') ? 'thin' : 'full') })
}

export const PING = 'relay.ping'

/** One request now to each endpoint of a card, to see whether it is there (R23): what came of it reaches `settled`. */
export async function pingBound(
  house: WebhooksHouse,
  t: Tx,
  scope: Scope,
  binding: Binding,
): Promise<{ id: string; endpoint_id: string }[]> {
  const found = (await findBound(t, scope, binding)).filter(({ state }) => state === 'active')
  if (found.length === 0) return []
  const { boundTo, side } = binding
  const eventId = newId('evt', t.now.getTime())
  const head = { id: eventId, type: PING, occurred_at: t.now, tenant_id: tenantWire(scope.tenantId) }
  const sealedUnder = `probe:${boundTo}`
  const key = await subjectKey(house, t, scope, sealedUnder)
  const bytes = sealText(key, bodyPlace(scope, eventId, side), JSON.stringify({ ...head, data: { id: boundTo } }))
  const row = {
    eventId,
    type: PING,
    side,
    key: boundTo,
    messageId: null,
    waitUntil: null,
    relayGrantId: null,
    trigger: 'test' as const,
    sealedUnder,
  }
  const listeners = found.map(({ id }) => ({ endpoint_id: id, form: side }))
  return insertBoundDeliveries(t, scope, [{ told: row, listeners, bodies: [{ form: side, bytes }] }])
}

/** What has not arrived arrives no more: all of a key, or what brings these messages. Answers how many there were. */
export async function cancelBound(
  t: Tx,
  scope: Scope,
  key: string,
  side: Side,
  messageIds: readonly string[] | null = null,
): Promise<number> {
  const ended = await cancelAbout(t, scope, key, side, messageIds)
  if (ended.length > 0) await wakeNext(t, scope, ended)
  return ended.length
}

/** What was said about a key is unreadable from the commit on, also to what is still to be sent or sent again (R109). */
export async function forgetBound(t: Tx, scope: Scope, key: string): Promise<void> {
  await forgetAbout(t, scope, key)
}

/** Newest first, each with its log; `before` is the `position` of the last one seen. Never the body: it is content. */
export async function deliveriesAbout(
  t: Tx,
  scope: Scope,
  { key, side, before = null, limit }: { key: string; side: Side; before?: string | null; limit: number },
) {
  const rows = await listAbout(t, scope, key, side, before, limit)
  const logs = await findAttemptsOf(
    t,
    scope,
    rows.map((row) => row.id),
  )
  return rows.map((row) => ({
    ...showDelivery(row),
    position: row.ord,
    log: logs
      .filter((one) => one.delivery_id === row.id)
      // Where exactly it went is the host's to know.
      .map(({ delivery_id: _, address: __, ...attempt }) => attempt),
  }))
}

/** One more attempt now, with the same bytes and the same ids; never swallowed (R69). */
export async function replayBound(
  t: Tx,
  scope: Scope,
  { key, side, id }: { key: string; side: Side; id: string },
): Promise<void> {
  const row = await lockAbout(t, scope, key, side, id)
  if (!row) throw new Problem('not_found')
  if (row.state === 'held')
    throw new Problem('state_conflict', {
      state: row.state,
      detail: 'The endpoint is not active; the delivery is sent once it is.',
    })
  await again(t, scope, [id], 'manual')
}

const REPLAYED_AT_ONCE = 1_000

/** All that used up its schedule, in its order. Answers how many. */
export async function replayExhausted(t: Tx, scope: Scope, { key, side }: { key: string; side: Side }): Promise<number> {
  const ids = (await findExhausted(t, scope, key, side, REPLAYED_AT_ONCE)).map((one) => one.id)
  return ids.length === 0 ? 0 : again(t, scope, ids, 'bulk')
}

async function again(t: Tx, scope: Scope, ids: readonly string[], trigger: 'manual' | 'bulk'): Promise<number> {
  const asked = (await askAgain(t, scope, ids, { trigger, replayId: null })).map((one) => one.id)
  await enqueueDeliveries(t, scope, asked)
  return asked.length
}

/** What holds up its key is over, and the next one goes (R68). Whoever calls records it. */
export async function skipBound(t: Tx, scope: Scope, { key, side, id }: { key: string; side: Side; id: string }): Promise<void> {
  const row = await lockAbout(t, scope, key, side, id)
  if (!row) throw new Problem('not_found')
  const ended = await endDeliveryIf(t, scope, id, ['pending', 'sending', 'held'], 'exhausted')
  if (!ended) throw new Problem('state_conflict', { state: row.state, detail: 'It is over and holds up nothing.' })
  await wakeNext(t, scope, [ended])
}
