// A card's agent is told of each message by a signed POST (relay.md R42, T4–T7): what the room of deliveries asks as an attempt begins, and tells as it ends, always under the lock of
// the thread. A delivery never says more of a message than was accepted; an answer that comes too late changes nothing, and is on the record.
import type { Problem } from '@countersign/sdk'
import type { Scope, Tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { notePing } from '../health/note.ts'
import { isEnded } from '../model.ts'
import { changeThread, changeThreads, refuseClosed, writeBefore } from '../threads/change.ts'
import { acknowledgeAll, acknowledgeFirst, exhaust } from '../threads/claim.ts'
import { isSaid, tellIfDenied } from '../threads/gate.ts'
import { rememberLocked } from '../threads/locked.ts'
import { isWhole, openPayloads } from '../threads/payload.ts'
import { type Answered, respondTo } from '../threads/respond.ts'
import { findGrant, requeueMessage } from '../threads/sql.ts'
import { claimsOf } from './caller.ts'
import { byCard, type Found, fenceOf, findAll, isHeld, roundsOf } from './found.ts'
import type { BoundAnswer, BoundAttempt, BoundDelivery, BoundResult, DeliveryHouse } from './house.ts'
import { endRefused } from './refused.ts'
import { type ReadReply, readReply } from './reply.ts'
import { mintReplies } from './reply-token.ts'
import { findOpenGrants, holdThreads, takeMessages } from './sql.ts'

/** Asks whether an endpoint is there, and is about no message (R23). */
const PING = 'relay.ping'
/** Longer than any attempt: who comes back after it finds the message with somebody else. */
const LEASE_MS = 120_000

export const deliveryHooks = (house: DeliveryHouse) => ({
  hold: async (t: Tx, scope: Scope, keys: readonly string[]): Promise<void> => {
    const threads = keys.filter((key) => key.startsWith('thr_'))
    if (threads.length > 0) rememberLocked(t, await holdThreads(t, scope, threads))
  },
  attempt: (t: Tx, scope: Scope, deliveries: readonly BoundDelivery[]) => beginAll(house, t, scope, deliveries),
  answered: (t: Tx, scope: Scope, delivery: BoundDelivery, answer: BoundAnswer) => hear(house, t, scope, delivery, answer),
  settled: (t: Tx, scope: Scope, all: readonly Settled[]) => settleAll(house, t, scope, all),
})

type Settled = { delivery: BoundDelivery; result: BoundResult }
type Going = Found & { delivery: BoundDelivery }

/** T4, of any number. Who is not in the answer is to be told of nothing any more. */
async function beginAll(
  house: DeliveryHouse,
  t: Tx,
  scope: Scope,
  deliveries: readonly BoundDelivery[],
): Promise<Map<string, BoundAttempt>> {
  // What is told to a caller, and a probe of the endpoint, is about no message of an owner.
  const isOurs = ({ side, messageId }: BoundDelivery) => side === 'owner' && messageId !== null
  const attempts = new Map<string, BoundAttempt>(deliveries.filter((one) => !isOurs(one)).map(({ id }) => [id, {}]))
  for (const round of roundsOf(deliveries.filter(isOurs), ({ key }) => key))
    for (const [id, attempt] of await begin(house, t, scope, round)) attempts.set(id, attempt)
  return attempts
}

/** Each of a thread of its own. */
async function begin(
  house: DeliveryHouse,
  t: Tx,
  scope: Scope,
  deliveries: readonly BoundDelivery[],
): Promise<Map<string, BoundAttempt>> {
  const found = await findAll(t, scope, deliveries)
  const going = await whole(house, t, scope, await mayGo(t, scope, deliveries, found))
  const until = new Date(t.now.getTime() + LEASE_MS)
  const fences = going.map(({ message, delivery }) => ({ id: message.id, hash: fenceOf(delivery) }))
  const took = new Set((going.length === 0 ? [] : await takeMessages(t, scope, 'push', fences, until)).map(({ id }) => id))
  // Asked for once more by a person: what was answered long ago is sent all the same, and changes nothing.
  const leaving = going.filter(({ message, delivery }) => took.has(message.id) || isAgain(delivery))
  const to = { state: 'delivering', claimedUntil: until } as const
  for (const { card, ofCard } of byCard(leaving.filter(({ message }) => took.has(message.id)))) {
    const changes = ofCard.map(({ thread }) => ({ thread, to }))
    await changeThreads(house, t, scope, card, changes)
  }
  const tokens = await mintReplies(t, scope, leaving)
  return new Map(
    leaving.map(({ delivery, thread, message, card }, i) => [
      delivery.id,
      { caller: claimsOf(thread, message), replyToken: tokens[i] as string, replyBytes: card.max_message_bytes },
    ]),
  )
}

const isAgain = ({ trigger }: BoundDelivery): boolean => trigger !== 'auto'

/** Whose thread, relay grant and card let them go still. */
async function mayGo(
  t: Tx,
  scope: Scope,
  deliveries: readonly BoundDelivery[],
  found: ReadonlyMap<string, Found>,
): Promise<Going[]> {
  const live = deliveries.flatMap((delivery): Going[] => {
    const one = found.get(delivery.id)
    return one && !isEnded(one.thread.state) ? [{ ...one, delivery }] : []
  })
  if (live.length === 0) return []
  // Shared since their keys were held.
  const grants = await findOpenGrants(t, scope, [...new Set(live.map(({ thread }) => thread.relay_grant_id))])
  const open = new Set(grants.map(({ id }) => id))
  return live.filter(
    ({ thread, card, delivery }) => open.has(thread.relay_grant_id) && (card.delivery_mode === 'push' || isAgain(delivery)),
  )
}

/** Those that are what was accepted; the others go nowhere. */
async function whole(house: DeliveryHouse, t: Tx, scope: Scope, all: readonly Going[]): Promise<Going[]> {
  const messages = all.map(({ message }) => message)
  const payloads = await openPayloads(house, t, scope, messages)
  const good: Going[] = []
  for (const one of all) {
    const { card, thread, message } = one
    const payload = payloads.get(message.id)
    if (payload && isWhole(message, payload)) good.push(one)
    else if (message.state === 'queued' || message.state === 'delivering')
      await exhaust(house, t, scope, card, thread, message, payload ? 'payload_mismatch' : 'payload_expired')
  }
  return good
}

/** What came back with 2xx: the owner's response, or that it was taken and is answered later. */
async function hear(
  house: DeliveryHouse,
  t: Tx,
  scope: Scope,
  delivery: BoundDelivery,
  answer: BoundAnswer,
): Promise<'taken' | 'invalid'> {
  if (delivery.messageId === null) return 'taken'
  const read = readReply(answer)
  if (read.is === 'taken') return 'taken'
  if (read.is === 'invalid') return 'invalid'
  const found = (await findAll(t, scope, [delivery])).get(delivery.id)
  const grant = found && (await findGrant(t, scope, found.thread.relay_grant_id))
  if (!found || !grant) return 'taken'
  const { card, message } = found
  const answered: Answered = { thread: found.thread, card, grant, before: [] }
  try {
    refuseClosed(answered.thread, grant)
    // Before the answer is judged: what policy refuses leaves the message where it is, with the agent.
    if (isHeld(found, delivery)) {
      const step = await acknowledgeFirst(t, scope, card, { thread: found.thread, message }, 'push')
      answered.before.push(step)
      answered.thread = step.row
    }
    await respondTo(house, t, scope, answered, 'push', { ...responseOf(read), settlesNothing: true })
  } catch (error) {
    if (!isSaid(error)) throw error
    await writeBefore(house, t, scope, answered.before.splice(0))
    if (await tellIfDenied(house, t, scope, error)) await endRefused(house, t, scope, found.thread.id, found.card)
    else await tellLate(t, scope, delivery, (error as Problem).code)
  }
  return 'taken'
}

/** A last word in a shape that nobody can read is a last word all the same: it is not asked for again. */
function responseOf(read: Exclude<ReadReply, { is: 'taken' | 'invalid' }>) {
  if (read.is === 'response') return read.input
  const error = { code: 'agent_error', message: 'The agent ended its work with an answer that could not be read.' }
  return { outcome: 'failed' as const, payload: null, artifacts: [], error }
}

/** The thread takes nothing any more; the record says that somebody answered. */
const tellLate = (t: Tx, scope: Scope, { id, key, messageId, attempt }: BoundDelivery, reason: string) =>
  record(
    t,
    scope,
    'delivery.failed',
    { thread_id: key, message_id: messageId, delivery_id: id, attempt, class: 'late', reason },
    { resource: { type: 'thread', id: key } },
  )

/** T5–T7, of any number. */
async function settleAll(house: DeliveryHouse, t: Tx, scope: Scope, all: readonly Settled[]): Promise<void> {
  const ours: Settled[] = []
  for (const one of all) {
    const { delivery, result } = one
    if (delivery.type === PING && (result.state === 'succeeded' || result.state === 'exhausted'))
      await notePing(t, scope, delivery.boundTo, result.state === 'succeeded')
    else if (delivery.side === 'owner' && delivery.messageId !== null) ours.push(one)
  }
  for (const round of roundsOf(ours, ({ delivery }) => delivery.key)) await settle(house, t, scope, round)
}

/** Each of a thread of its own. What another attempt holds by now is that one's to settle. */
async function settle(house: DeliveryHouse, t: Tx, scope: Scope, all: readonly Settled[]): Promise<void> {
  const deliveries = all.map(({ delivery }) => delivery)
  const found = await findAll(t, scope, deliveries)
  const held = all.flatMap((one) => {
    const its = found.get(one.delivery.id)
    return its && !isEnded(its.thread.state) && isHeld(its, one.delivery) ? [{ ...one, ...its }] : []
  })
  const arrived = held.filter(({ result }) => result.state === 'succeeded')
  for (const { card, ofCard } of byCard(arrived)) await acknowledgeAll(house, t, scope, card, ofCard, 'push')
  for (const one of held) if (one.result.state !== 'succeeded') await putBack(house, t, scope, one)
}

async function putBack(
  house: DeliveryHouse,
  t: Tx,
  scope: Scope,
  { delivery, result, thread, message, card }: Found & Settled,
): Promise<void> {
  const failed = {
    type: 'delivery.failed' as const,
    data: {
      ...{ message_id: message.id, delivery_id: delivery.id, attempt: delivery.attempt, class: result.class },
      ...{ status: result.status, next_attempt_at: result.nextAt?.toISOString() ?? null },
    },
  }
  const back = { state: 'queued', claimedUntil: null } as const
  await requeueMessage(t, scope, message.id, { state: 'queued', at: result.nextAt, reason: result.class })
  const now = await changeThread(house, t, scope, thread, card, back, [failed])
  if (result.state === 'exhausted') await exhaust(house, t, scope, card, now, message, 'attempts_exhausted')
}
