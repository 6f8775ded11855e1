// A caller's message that the owner's policy asked about (relay.md T2, T3): agreed, it waits to be delivered like any other; refused, left unanswered or denied by now, its thread is
// rejected and no byte of it went anywhere. Locks the relay grant and then the thread, as whoever accepts does.

import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import { isEnded } from '../model.ts'
import { changeThread } from '../threads/change.ts'
import { callerScope } from '../threads/gate.ts'
import type { ApprovalRow } from '../threads/sql.ts'
import {
  findCard,
  findMessage,
  listUndelivered,
  lockThread,
  requeueMessage,
  settleMessages,
  shareGrant,
  type ThreadRow,
} from '../threads/sql.ts'
import { aboutStored, decidedNews, REASON, type Settle, stillPasses, wholePayload } from './settle.ts'
import { findAskOfMessage, settleAskIf } from './sql.ts'

export const settleSend: Settle = async (house, t, scope, task, ask, end) => {
  const grant = await shareGrant(t, scope, ask.relay_grant_id)
  const thread = await lockThread(t, scope, ask.thread_id)
  const message = await findMessage(t, scope, ask.thread_id, ask.message_id)
  if ((await settleAskIf(t, scope, task.id, { state: end })) === 0) return
  if (!grant || !thread || isEnded(thread.state) || message?.state !== 'held') return
  const card = await findCard(t, scope, { id: thread.card_id })
  // Whatever ends the relay grant ends the thread; until then nothing of it goes out.
  if (!card || (end === 'agreed' && (grant.state !== 'active' || grant.is_over))) return

  const passes = async () => {
    const payload = await wholePayload(house, t, scope, message, ask)
    if (!payload) return false
    const action = ask.action === 'thread.start' ? ('thread.start' as const) : ('thread.send' as const)
    const about = await aboutStored(t, scope, { thread, message, card, grant, payload }, { action, direction: 'in' })
    return stillPasses(house, t, scope, callerScope({ ...scope, address: null }, grant), about)
  }
  const reason = end === 'agreed' ? ((await passes()) ? null : ('policy_denied' as const)) : REASON[end]
  if (reason === null) {
    await requeueMessage(t, scope, message.id, { state: 'queued', at: null, reason: null })
    const news = await decidedNews(t, scope, task, ask, end, { reason, message: { ...message, state: 'queued' } })
    const next = await standing(t, scope, thread)
    await changeThread(house, t, scope, thread, card, next, [news], { message_id: message.id })
    return
  }
  await settleMessages(t, scope, [message.id], { state: 'refused', reason, via: null })
  const news = await decidedNews(t, scope, task, ask, end, { reason, message: { ...message, state: 'refused' } })
  await changeThread(house, t, scope, thread, card, { state: 'rejected', reason, approval: null, claimedUntil: null }, [news])
}

/** Where a thread stands by what its caller sent and nobody has taken: it waits for people while any of that does. */
export async function standing(
  t: Tx,
  scope: Scope,
  thread: ThreadRow,
): Promise<{ state?: 'queued' | 'delivering' | 'waiting_owner'; approval: ApprovalRow | null }> {
  const left = (await listUndelivered(t, scope, [thread.id])).filter((one) => one.state !== 'exhausted')
  const held = left.find((one) => one.state === 'held')
  const ask = held && (await findAskOfMessage(t, scope, held.id, 'send_in'))
  if (ask) return { approval: { task_id: ask.task_id, side: 'owner', expires_at: ask.expires_at.toISOString() } }
  if (left.length === 0) return { state: 'waiting_owner', approval: null }
  return { state: left.some((one) => one.state === 'delivering') ? 'delivering' : 'queued', approval: null }
}
