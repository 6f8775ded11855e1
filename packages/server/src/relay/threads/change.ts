// From one state of a thread to the next (relay.md §2.5): the one place where a thread's row, its events and the fate of its messages change together. The caller holds the lock of
// the row and has checked that the transition may happen; ended is final (R31).
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import type { EventData } from '../../events/event.ts'
import type { EventType } from '../../events/types.ts'
import type { RelayHouse } from '../house.ts'
import { isEnded, type ThreadOutcome, type ThreadReason, type ThreadState, type Turn } from '../model.ts'
import {
  type ApprovalRow,
  type CardRow,
  findThread,
  listUndelivered,
  lockThread,
  type MessageRow,
  settleMessages,
  shareGrant,
  type ThreadChange,
  type ThreadRow,
  updateThread,
} from './sql.ts'
import { type News, tellThread } from './tell.ts'

const DAY_MS = 86_400_000
const DEADLINE_DAYS = 90
/** How long an envelope is kept after its thread ended (R58). */
const ENVELOPE_DAYS = 400

export type Next = {
  state?: ThreadState
  outcome?: ThreadOutcome | null
  reason?: ThreadReason | null
  turn?: Turn
  approval?: ApprovalRow | null
  error?: { code: string; message: string } | null
  answeredAt?: Date | null
  claimedUntil?: Date | null
}

const TURN: Record<ThreadState, Turn> = {
  awaiting_approval: 'human',
  queued: 'owner',
  delivering: 'owner',
  waiting_owner: 'owner',
  waiting_caller: 'caller',
  responded: 'caller',
  closed: 'none',
  failed: 'none',
  rejected: 'none',
  revoked: 'none',
  expired: 'none',
}

/** When it ends at the latest, from its start. */
export const deadlineOf = (now: Date, seconds?: number): Date =>
  new Date(now.getTime() + (seconds === undefined ? DEADLINE_DAYS * DAY_MS : Math.min(seconds * 1000, DEADLINE_DAYS * DAY_MS)))

type Times = Pick<CardRow, 'idle_seconds' | 'reply_closes_after_seconds'>
export function dueOf(now: Date, state: ThreadState, deadline: Date, card: Times): Date | null {
  if (isEnded(state)) return null
  const idle = now.getTime() + card.idle_seconds * 1000
  const answered = state === 'responded' ? now.getTime() + card.reply_closes_after_seconds * 1000 : Number.POSITIVE_INFINITY
  return new Date(Math.min(idle, answered, deadline.getTime()))
}

/** Writes the change and what is told of it; `news` come first, the state entered last. Answers the row as it is now. */
export async function changeThread(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  thread: ThreadRow,
  card: Times,
  to: Next,
  news: readonly News[] = [],
  data: EventData = {},
): Promise<ThreadRow> {
  const state = to.state ?? thread.state
  const ends = isEnded(state) && thread.ended_at === null
  const withdrawn = ends ? await withdraw(t, scope, thread) : []
  const entered = to.state !== undefined
  const all: News[] = [
    ...news,
    ...withdrawn,
    ...(entered
      ? [
          {
            type: `thread.${state}` as EventType,
            data: { state, outcome: to.outcome ?? null, reason: to.reason ?? null, ...data },
          },
        ]
      : []),
  ]
  const change: ThreadChange = {
    state,
    outcome: to.outcome === undefined ? thread.outcome : to.outcome,
    reason: to.reason === undefined ? (entered ? null : thread.reason) : to.reason,
    turn: to.turn ?? TURN[state],
    sequence: thread.sequence + all.length,
    approval: to.approval === undefined ? thread.approval : to.approval,
    error: to.error === undefined ? thread.error : to.error,
    answered_at: to.answeredAt === undefined ? thread.answered_at : to.answeredAt,
    claimed_until: to.claimedUntil === undefined ? thread.claimed_until : to.claimedUntil,
    ended_at: ends ? t.now : thread.ended_at,
    due_at: dueOf(t.now, state, thread.deadline_at, card),
    expires_at: thread.expires_at,
    kept_until: ends ? new Date(t.now.getTime() + ENVELOPE_DAYS * DAY_MS) : thread.kept_until,
  }
  await updateThread(t, scope, thread.id, change)
  const now = { ...thread, ...change, updated_at: t.now }
  await tellThread(house, t, scope, now, thread.sequence, all)
  return now
}

/** What nobody has taken when a thread ends is nobody's any more (T13). */
async function withdraw(t: Tx, scope: Scope, thread: ThreadRow): Promise<News[]> {
  const left = await listUndelivered(t, scope, thread.id)
  if (left.length === 0) return []
  await settleMessages(
    t,
    scope,
    left.map((one) => one.id),
    { state: 'withdrawn', reason: 'thread_ended', via: null },
  )
  return left.map((message) => ({
    type: 'message.withdrawn',
    message: { ...message, state: 'withdrawn' as MessageRow['state'] },
  }))
}

/** Why nothing can be added to an ended thread. */
export function refuseEnded(thread: Pick<ThreadRow, 'state' | 'outcome' | 'reason'>): void {
  const { state, outcome, reason } = thread
  if (!isEnded(state)) return
  throw new Problem(state === 'closed' ? 'thread_closed' : state === 'revoked' ? 'thread_revoked' : 'thread_ended', {
    state,
    outcome,
    reason,
  })
}

/**
 * The thread of this id under its lock, with its relay grant held live: the grant first and then the thread, as whoever revokes takes them. Throws `not_found`, or why nothing can
 * be added any more.
 */
export async function openThread(t: Tx, scope: Scope, id: string): Promise<ThreadRow> {
  const seen = await findThread(t, scope, id)
  if (!seen || (seen.kept_until !== null && seen.kept_until <= t.now)) throw new Problem('not_found')
  const grant = await shareGrant(t, scope, seen.relay_grant_id)
  const thread = await lockThread(t, scope, id)
  if (!thread || !grant) throw new Problem('not_found')
  refuseEnded(thread)
  // Its thread may not have ended yet where a grant had very many; nothing is written to it all the same.
  if (grant.state !== 'active' || grant.is_over)
    throw new Problem('thread_revoked', { state: 'revoked', outcome: null, reason: 'grant_revoked' })
  return thread
}
