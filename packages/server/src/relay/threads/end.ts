// How threads end without an answer (relay.md T13–T16, R32): closed by a side, with their relay grant, or by time; and how a message is taken back before anybody has it.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { withdrawAsksOfMessage, withdrawAsksOfThreads } from '../asks/ask.ts'
import { standing } from '../asks/send.ts'
import { closeHeldThread } from '../held/end.ts'
import { withdrawHeld } from '../held/withdraw.ts'
import type { RelayHouse } from '../house.ts'
import { isEnded, type ThreadReason } from '../model.ts'
import { sideOf } from '../party.ts'
import { changeThread, changeThreads, openThread, refuseEnded } from './change.ts'
import { seeThread } from './read.ts'
import {
  findCard,
  findMessage,
  findThread,
  lockThread,
  type MessageRow,
  newestMessages,
  openThreadsOf,
  settleMessages,
  type ThreadRow,
} from './sql.ts'

const RECENT = 200

/** Repeating it on a closed thread changes nothing. `canceled`: whatever was answered, as A2A's CancelTask says. */
export const closeThread = <T>(
  house: RelayHouse,
  scope: Scope,
  id: string,
  how: { canceled?: boolean; note?: string | undefined },
  show: (t: Tx, thread: ThreadRow) => Promise<T>,
): Promise<T> =>
  tx(house.db, scope, async (t) => {
    const seen = await findThread(t, scope, id)
    if (seen?.state === 'closed') return show(t, seen)
    if (!seen) {
      const apart = await seeThread(t, scope, id)
      if (apart.state === 'closed') return show(t, apart)
      refuseEnded(apart)
      // In the meantime it may have gone in.
      if (await closeHeldThread(house, t, scope, id)) return show(t, await seeThread(t, scope, id))
    }
    if (seen && !isEnded(seen.state)) await withdrawAsksOfThreads(house, t, scope, [id])
    const thread = await openThread(t, scope, id)
    const card = await cardOf(t, scope, thread)
    const answered = !how.canceled && (await newestMessages(t, scope, id, RECENT)).some((one) => one.outcome === 'reply')
    const reason: ThreadReason = sideOf(scope) === 'caller' ? 'closed_by_caller' : 'closed_by_owner'
    const outcome = answered ? 'completed' : 'canceled'
    return show(
      t,
      await changeThread(
        house,
        t,
        scope,
        thread,
        card,
        { state: 'closed', outcome, reason, claimedUntil: null, approval: null },
        [],
        noteOf(how.note),
      ),
    )
  })

const noteOf = (note: string | undefined) => (note === undefined ? {} : { note })

async function cardOf(t: Tx, scope: Scope, thread: ThreadRow) {
  const card = await findCard(t, scope, { id: thread.card_id })
  if (!card) throw new Error(`The card of thread ${thread.id} is not there.`)
  return card
}

/** One card for all, for they are one relay grant's. Answers how many ended; call again while it answers `most`. */
export async function endThreadsOfGrant(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  grantId: string,
  reason: 'grant_revoked' | 'grant_expired',
  most = 1_000,
): Promise<number> {
  const open = await openThreadsOf(t, scope, grantId, most)
  const [first] = open
  if (!first) return 0
  const card = await cardOf(t, scope, first)
  const to = { state: 'revoked', reason, claimedUntil: null, approval: null } as const
  await changeThreads(
    house,
    t,
    scope,
    card,
    open.map((thread) => ({ thread, to })),
  )
  return open.length
}

const isRinging = (thread: ThreadRow): boolean =>
  thread.live && thread.answered_at === null && thread.state !== 'awaiting_approval'

/** T15, T16: by what the row says now, whoever was asked to look. Answers whether it ended. */
export async function endIfDue(house: RelayHouse, t: Tx, scope: Scope, id: string): Promise<boolean> {
  const thread = await lockThread(t, scope, id)
  if (!thread || isEnded(thread.state) || thread.due_at === null || thread.due_at > t.now) return false
  const card = await cardOf(t, scope, thread)
  const isAnswered = thread.state === 'responded' && thread.deadline_at > t.now
  const closes = isAnswered && t.now.getTime() - thread.updated_at.getTime() < card.idle_seconds * 1000
  const next = closes
    ? ({ state: 'closed', outcome: 'completed', reason: 'completed' } as const)
    : ({ state: 'expired', reason: isRinging(thread) ? 'no_answer' : 'deadline_passed' } as const)
  await changeThread(house, t, scope, thread, card, { ...next, claimedUntil: null, approval: null })
  return true
}

/** R32: once a claim or an attempt has begun it is too late. */
export const withdrawMessage = <T>(
  house: RelayHouse,
  scope: Scope,
  threadId: string,
  messageId: string,
  show: (t: Tx, message: MessageRow) => Promise<T>,
): Promise<T> =>
  tx(house.db, scope, async (t) => {
    const seen = await findMessage(t, scope, threadId, messageId)
    if (!seen) {
      const held = await withdrawHeld(house, t, scope, threadId, messageId)
      if (held) return show(t, held)
    }
    if (seen?.side !== 'caller') throw new Problem('not_found')
    if (seen.state === 'withdrawn') return show(t, seen)
    if (seen.state === 'held') await withdrawAsksOfMessage(house, t, scope, messageId)
    const thread = await lockThread(t, scope, threadId)
    if (!thread) throw new Problem('not_found')
    refuseEnded(thread)
    const message = await findMessage(t, scope, threadId, messageId)
    if (!message || !['queued', 'held', 'exhausted'].includes(message.state))
      throw new Problem('already_delivered', { state: message?.state ?? 'delivered' })
    await settleMessages(t, scope, [messageId], { state: 'withdrawn', reason: 'by_caller', via: null })
    const gone: MessageRow = { ...message, state: 'withdrawn', state_reason: 'by_caller' }
    const waits = thread.state === 'queued' || thread.state === 'awaiting_approval'
    const next = waits ? await standing(t, scope, thread) : {}
    await changeThread(house, t, scope, thread, await cardOf(t, scope, thread), next, [
      { type: 'message.withdrawn', message: gone },
    ])
    return show(t, gone)
  })
