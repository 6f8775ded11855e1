// An answer that people of the caller's side were asked about (relay.md R78, R80): let in, it is what the owner's agent said, to the byte; refused, left unanswered or denied by now,
// it is `refused`, and its thread has failed. The answer is given in the caller's tenant, and what becomes of it is done in the owner's, in one transaction.
import { across } from '../../db/across.ts'
import { type Scope, systemScope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import type { RelayHouse } from '../house.ts'
import { isEnded, type ThreadReason } from '../model.ts'
import { placeOfThread } from '../sql.ts'
import { changeThread } from '../threads/change.ts'
import { type CardRow, findCard, heldReplies, lockThread, type MessageRow, shareGrant, type ThreadRow } from '../threads/sql.ts'
import { answererOf, judgeComing } from './coming.ts'
import { aboutReply, goOut, isAsAsked } from './reply.ts'
import { decidedNews, REASON, type Settle } from './settle.ts'
import { type MessageAsk, settleAskIf, settleReplies } from './sql.ts'

export const settleComing: Settle = async (house, t, scope, task, ask, end) => {
  if ((await settleAskIf(t, scope, task.id, { state: end })) === 0) return
  const place = await placeOfThread(t, ask.thread_id)
  if (!place) return
  const owner = systemScope('relay', place.tenant_id)
  const reason = await across(t, scope, owner, async (): Promise<ThreadReason | null> => {
    const grant = await shareGrant(t, owner, ask.relay_grant_id)
    const thread = await lockThread(t, owner, ask.thread_id)
    const card = thread && (await findCard(t, owner, { id: thread.card_id }))
    if (!grant || !thread || !card || isEnded(thread.state)) {
      await settleReplies(t, owner, task.id, 'withdrawn', 'thread_ended')
      return null
    }
    const messages = await heldReplies(t, owner, task.id)
    const reply = { card, thread, messages, ask }
    const fits = grant.state === 'active' && !grant.is_over
    const refused =
      end !== 'agreed' ? REASON[end] : fits && (await passes(house, t, owner, scope, reply)) ? null : 'policy_denied'
    const response = ask.response as NonNullable<MessageAsk['response']>
    if (refused === null) {
      await goOut(house, t, owner, { card, thread, messages, response, before: [] })
      return null
    }
    await settleReplies(t, owner, task.id, 'refused', refused)
    const next = { state: 'failed', reason: 'reply_refused', claimedUntil: null } as const
    await changeThread(house, t, owner, thread, card, next)
    return refused
  })
  const news = await decidedNews(t, scope, task, ask, end, { reason })
  const data = {
    thread_id: ask.thread_id,
    relay_grant_id: ask.relay_grant_id,
    message_id: ask.message_id,
    ...news.data,
    ...news.own,
  }
  await record(t, scope, 'approval.decided', data, { resource: { type: 'thread', id: ask.thread_id } })
}

type Reply = { card: CardRow; thread: ThreadRow; messages: readonly MessageRow[]; ask: MessageAsk }

/** What people saw, and what the caller's policies of this moment do not deny. */
async function passes(house: RelayHouse, t: Tx, owner: Scope, home: Scope, reply: Reply): Promise<boolean> {
  if (!(await isAsAsked(house, t, owner, reply.messages))) return false
  const about = await aboutReply(house, t, owner, { ...reply, parts: null })
  const who = answererOf(home.tenantId, reply.card, null)
  const judged = await across(t, owner, who, () => judgeComing(house, t, who, about))
  return judged.outcome.outcome !== 'deny'
}
