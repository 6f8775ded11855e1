// What people let go of a caller's own side goes in (relay.md R7, T2, T3): judged again by both sides, whole, in the order in which it was sent, and in the transaction of the answer
// that lets it go. What they refuse, leave unanswered or may not send any more ends its thread, and the owner's side has no byte of it.
import { Problem, type ProblemCode } from '@countersign/sdk'
import { across } from '../../db/across.ts'
import { type Scope, systemScope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { decidedNews, REASON, type Settle, stillPasses } from '../asks/settle.ts'
import { settleAskIf } from '../asks/sql.ts'
import { placeOf } from '../endpoints/endpoint.ts'
import { markThread } from '../endpoints/sql.ts'
import type { RelayHouse } from '../house.ts'
import { sendIn, startIn } from '../threads/accept.ts'
import { changeThread, openThread } from '../threads/change.ts'
import { tellIfDenied } from '../threads/gate.ts'
import { declared, outAbout, senderOf } from '../threads/out.ts'
import { isWhole, openPayloads, type Payload } from '../threads/payload.ts'
import { findCard, findGranted, type ThreadRow } from '../threads/sql.ts'
import { endHeldThread } from './end.ts'
import { partyOf } from './home.ts'
import { deleteHeld, findHeld, type HeldRow, listHeld, lockHeld, settleHeldIf } from './sql.ts'

type Reason = NonNullable<ThreadRow['reason']>

export const settleOut: Settle = async (house, t, scope, task, ask, end) => {
  await lockHeld(t, ask.thread_id)
  const held = await findHeld(t, scope, ask.message_id)
  if ((await settleAskIf(t, scope, task.id, { state: end })) === 0) return
  if (held?.state !== 'asked') return
  if (end === 'agreed') await settleHeldIf(t, scope, held.id, { state: 'ready', reason: null })
  else await refuse(house, t, scope, held, REASON[end])
  const reason = end === 'agreed' ? ((await releaseReady(house, t, scope, held.thread_id)).get(held.id) ?? null) : REASON[end]
  const news = await decidedNews(t, scope, task, ask, end, { reason })
  await record(
    t,
    scope,
    'approval.decided',
    {
      ...{ thread_id: held.thread_id, agent: held.slug, relay_grant_id: held.relay_grant_id, message_id: held.id },
      ...{ payload_hash: held.payload_hash, ...news.data },
    },
    { resource: { type: 'thread', id: held.thread_id } },
  )
}

/** What waits behind nothing any more, one after the other. Answers why one of them did not go in. */
export async function releaseReady(house: RelayHouse, t: Tx, scope: Scope, threadId: string): Promise<Map<string, Reason>> {
  const refused = new Map<string, Reason>()
  for (;;) {
    const [first] = (await listHeld(t, scope, threadId)).filter((one) => one.state === 'asked' || one.state === 'ready')
    if (first?.state !== 'ready') return refused
    const went = await goIn(house, t, scope, first)
    if (went === 'in' || went === 'ended') continue
    refused.set(first.id, went)
    await refuse(house, t, scope, first, went)
  }
}

// The other side has ended what it would belong to; that is told where it ended.
const ENDED: Partial<Record<ProblemCode, Reason>> = {
  key_revoked: 'grant_revoked',
  key_expired: 'grant_expired',
  not_found: 'grant_revoked',
  thread_revoked: 'grant_revoked',
}
// It was fit to be sent when it was asked about; what the agent takes has changed since.
const UNFIT: readonly ProblemCode[] = [
  'validation_failed',
  'media_type_unsupported',
  'body_too_large',
  'scope_missing',
  'loop_detected',
]

/** A problem of this moment alone, such as a quota, is thrown: then nothing is decided, and whoever decides may try again. */
async function goIn(house: RelayHouse, t: Tx, scope: Scope, held: HeldRow): Promise<'in' | 'ended' | Reason> {
  const payload = await wholeOf(house, t, scope, held)
  if (!payload) return 'policy_denied'
  const party = partyOf(scope.tenantId, held)
  try {
    if (!(await passesOut(house, t, scope, held, payload))) return 'policy_denied'
    await across(t, scope, party, () => accept(house, t, party, held, payload))
  } catch (error) {
    const owner = systemScope('relay', held.owner_tenant)
    if (await across(t, scope, owner, () => tellIfDenied(house, t, owner, error))) return 'policy_denied'
    if (!(error instanceof Problem)) throw error
    if (error.code === 'thread_closed' || error.code === 'thread_ended') {
      await settleHeldIf(t, scope, held.id, { state: 'withdrawn', reason: 'thread_ended' })
      return 'ended'
    }
    const reason = ENDED[error.code as ProblemCode]
    if (reason === undefined) {
      if (UNFIT.includes(error.code as ProblemCode)) return 'agent_rejected'
      throw error
    }
    await settleHeldIf(t, scope, held.id, { state: 'withdrawn', reason: 'thread_ended' })
    if (held.starts) await endHeldThread(house, t, scope, held.thread_id, { state: 'revoked', outcome: null, reason })
    return 'ended'
  }
  await deleteHeld(t, scope, held.id)
  return 'in'
}

async function wholeOf(house: RelayHouse, t: Tx, scope: Scope, held: HeldRow): Promise<Payload | null> {
  const payload = (await openPayloads(house, t, scope, [held], 'held_messages')).get(held.id)
  if (payload && isWhole(held, payload)) return payload
  house.log.error({ thread_id: held.thread_id, message_id: held.id }, 'a message is not what was approved; it goes nowhere')
  return null
}

/** As it was judged when it was sent, by the policies of this moment. */
async function passesOut(house: RelayHouse, t: Tx, scope: Scope, held: HeldRow, payload: Payload): Promise<boolean> {
  const granted = await findGranted(t, scope, held.relay_grant_id, held.thread_id)
  if (!granted) return false
  const sent = { id: held.thread_id, face: held.face, first: held.starts, slug: held.slug }
  const message = { payload, skill: held.skill ?? undefined }
  const about = outAbout(
    granted,
    held.relay_grant_id,
    sent,
    await declared(house, t, granted, held.relay_grant_id, sent, message),
  )
  const who = senderOf(scope.tenantId, { id: held.agent_id, label: held.label })
  return stillPasses(house, t, who, who, about)
}

const accept = (house: RelayHouse, t: Tx, party: Scope, held: HeldRow, payload: Payload) => {
  const place = { id: held.thread_id, messageId: held.id, face: held.face }
  const message = {
    payload,
    skill: held.skill ?? undefined,
    operation_id: held.operation_id ?? undefined,
    client_message_id: held.client_message_id ?? undefined,
    reference_thread_ids: held.reference_thread_ids,
    bodyBytes: held.body_bytes,
  }
  if (!held.starts) return sendIn(house, t, party, place, message)
  const seconds = Math.max(1, Math.ceil((held.deadline_at.getTime() - t.now.getTime()) / 1000))
  const thread = {
    ...{ context_id: held.context_id, accepted_output_modes: held.accepted_output_modes, live: held.live },
    expires_in_seconds: seconds,
    bind: (_t: Tx, opened: ThreadRow) => withCallbacks(house, t, party, opened),
  }
  return startIn(house, t, party, held.slug, place, { ...message, ...thread })
}

/** Where its caller wants to be told was put with the message, before there was a thread. */
async function withCallbacks(house: RelayHouse, t: Tx, party: Scope, thread: ThreadRow): Promise<ThreadRow> {
  if ((await house.callbacks.list(t, party, placeOf(thread))).length === 0) return thread
  await markThread(t, party, thread.id)
  return { ...thread, has_endpoints: true }
}

/** The thread ends with it (T3): here if it never began, and otherwise where it lies. */
async function refuse(house: RelayHouse, t: Tx, scope: Scope, held: HeldRow, reason: Reason): Promise<void> {
  await settleHeldIf(t, scope, held.id, { state: 'refused', reason })
  if (held.starts) {
    await endHeldThread(house, t, scope, held.thread_id, { state: 'rejected', outcome: null, reason })
    return
  }
  const party = partyOf(scope.tenantId, held)
  await across(t, scope, party, async () => {
    const thread = await openThread(t, party, held.thread_id).catch(endedAlready)
    const card = thread && (await findCard(t, party, { id: thread.card_id }))
    if (!thread || !card) return
    await changeThread(house, t, party, thread, card, { state: 'rejected', reason, approval: null, claimedUntil: null })
  })
}

const endedAlready = (error: unknown): null => {
  if (error instanceof Problem && ['thread_closed', 'thread_ended', 'thread_revoked'].includes(error.code)) return null
  throw error
}
