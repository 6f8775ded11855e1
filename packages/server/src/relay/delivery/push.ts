// A card's agent is told of each message by a signed POST (relay.md R42, T4–T7): what the room of deliveries asks as an attempt begins, and tells as it ends, always under the lock of
// the thread. A delivery never says more of a message than was accepted; an answer that comes too late changes nothing, and is on the record.
import type { Problem } from '@countersign/sdk'
import { sha256 } from '../../crypto/token.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { notePing } from '../health/note.ts'
import { isEnded } from '../model.ts'
import { changeThread, refuseClosed, writeBefore } from '../threads/change.ts'
import { acknowledge, acknowledgeFirst, exhaust } from '../threads/claim.ts'
import { isSaid, tellIfDenied } from '../threads/gate.ts'
import { lockedThread, rememberLocked } from '../threads/locked.ts'
import { isWhole, openPayloads } from '../threads/payload.ts'
import { type Answered, respondTo } from '../threads/respond.ts'
import { type CardRow, findCard, findGrant, lockThread, type MessageRow, requeueMessage, type ThreadRow } from '../threads/sql.ts'
import { mintIn } from '../threads/token.ts'
import { claimsOf } from './caller.ts'
import type { BoundAnswer, BoundAttempt, BoundDelivery, BoundResult, DeliveryHouse } from './house.ts'
import { endRefused } from './refused.ts'
import { type ReadReply, readReply } from './reply.ts'
import { type FencedRow, findFenced, holdThreads, takeMessage } from './sql.ts'

/** Asks whether an endpoint is there, and is about no message (R23). */
const PING = 'relay.ping'
/** Longer than any attempt: who comes back after it finds the message with somebody else. */
const LEASE_MS = 120_000

/** The fence of one attempt; names no secret and needs none. */
const fenceOf = ({ id, attempt }: BoundDelivery): string => `${id}.${attempt}`

export const deliveryHooks = (house: DeliveryHouse) => ({
  hold: async (t: Tx, scope: Scope, keys: readonly string[]): Promise<void> => {
    const threads = keys.filter((key) => key.startsWith('thr_'))
    if (threads.length > 0) rememberLocked(t, await holdThreads(t, scope, threads))
  },
  attempt: (t: Tx, scope: Scope, delivery: BoundDelivery) => begin(house, t, scope, delivery),
  answered: (t: Tx, scope: Scope, delivery: BoundDelivery, answer: BoundAnswer) => hear(house, t, scope, delivery, answer),
  settled: (t: Tx, scope: Scope, delivery: BoundDelivery, result: BoundResult) => settle(house, t, scope, delivery, result),
})

type Found = { thread: ThreadRow; message: FencedRow; card: CardRow }

async function find(t: Tx, scope: Scope, { key, messageId }: BoundDelivery): Promise<Found | null> {
  if (messageId === null) return null
  const thread = lockedThread(t, key) ?? (await lockThread(t, scope, key))
  const message = await findFenced(t, scope, key, messageId)
  const card = thread && (await findCard(t, scope, { id: thread.card_id }))
  return thread && message && card ? { thread, message, card } : null
}

/** Whether this very attempt still holds the message. */
const isHeld = ({ message: { state, claim_hash } }: Found, delivery: BoundDelivery): boolean =>
  state === 'delivering' && claim_hash !== null && claim_hash.equals(sha256(fenceOf(delivery)))

/** T4. Null: nobody is to be told any more. */
async function begin(house: DeliveryHouse, t: Tx, scope: Scope, delivery: BoundDelivery): Promise<BoundAttempt | null> {
  // What is told to a caller, and a probe of the endpoint, is about no message of an owner.
  if (delivery.side === 'caller' || delivery.messageId === null) return {}
  const found = await find(t, scope, delivery)
  if (!found || isEnded(found.thread.state)) return null
  const { thread, message, card } = found
  const isAgain = delivery.trigger !== 'auto'
  // Shared since its key was held.
  const grant = await findGrant(t, scope, thread.relay_grant_id)
  if (grant?.state !== 'active' || grant.is_over || (card.delivery_mode !== 'push' && !isAgain)) return null
  const fault = await faultOf(house, t, scope, message)
  if (fault) {
    if (message.state === 'queued' || message.state === 'delivering') await exhaust(house, t, scope, card, thread, message, fault)
    return null
  }
  const until = new Date(t.now.getTime() + LEASE_MS)
  const took = await takeMessage(t, scope, message.id, 'push', sha256(fenceOf(delivery)), until)
  // Asked for once more by a person: what was answered long ago is sent all the same, and changes nothing.
  if (took === 0 && !isAgain) return null
  const now =
    took === 0 ? thread : await changeThread(house, t, scope, thread, card, { state: 'delivering', claimedUntil: until })
  const { thread_access_token } = await mintIn(t, scope, now, card, 'owner')
  return {
    caller: claimsOf(thread, message),
    replyToken: thread_access_token,
    replyBytes: card.max_message_bytes,
  }
}

async function faultOf(house: DeliveryHouse, t: Tx, scope: Scope, message: MessageRow): Promise<string | null> {
  const payload = (await openPayloads(house, t, scope, [message])).get(message.id)
  if (!payload) return 'payload_expired'
  return isWhole(message, payload) ? null : 'payload_mismatch'
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
  const found = await find(t, scope, delivery)
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

/** T5–T7. */
async function settle(house: DeliveryHouse, t: Tx, scope: Scope, delivery: BoundDelivery, result: BoundResult): Promise<void> {
  if (delivery.type === PING && (result.state === 'succeeded' || result.state === 'exhausted'))
    return notePing(t, scope, delivery.boundTo, result.state === 'succeeded')
  if (delivery.side === 'caller' || delivery.messageId === null) return
  const found = await find(t, scope, delivery)
  if (!found || isEnded(found.thread.state)) return
  const { thread, message, card } = found
  if (!isHeld(found, delivery)) return
  if (result.state === 'succeeded') return void (await acknowledge(house, t, scope, card, thread, message, 'push'))
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
