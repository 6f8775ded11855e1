// From one state of a thread to the next (relay.md §2.5): the one place where a thread's row, its events and the fate of its messages change together. The caller holds the lock of
// the row and has checked that the transition may happen; ended is final (R31).
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import type { Sql } from '../../db/sql.ts'
import type { Tx } from '../../db/tx.ts'
import type { EventData } from '../../events/event.ts'
import type { EventType } from '../../events/types.ts'
import { eraseSubject } from '../../identity/keys-at-rest/erasure/erase.ts'
import { withdrawAsksOfThreads } from '../asks/ask.ts'
import { expireOnceFree, expireUnread, heldAmong, isHeld } from '../holds/sql.ts'
import type { RelayHouse } from '../house.ts'
import { isEnded, type ThreadOutcome, type ThreadReason, type ThreadState, type Turn } from '../model.ts'
import { blankAll } from '../retention/sql.ts'
import { rememberChanged } from './locked.ts'
import {
  type ApprovalRow,
  type CardRow,
  findThread,
  type GrantRow,
  listUndelivered,
  lockThread,
  type MessageRow,
  settleMessages,
  shareGrant,
  type ThreadChange,
  type ThreadRow,
  updateThreads,
  withThreads,
} from './sql.ts'
import { type News, type ThreadNews, tellThreads } from './tell.ts'

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

type Times = Pick<CardRow, 'idle_seconds' | 'reply_closes_after_seconds' | 'retention_days' | 'ring_seconds'>
export function dueOf(now: Date, state: ThreadState, deadline: Date, card: Times): Date | null {
  if (isEnded(state)) return null
  const idle = now.getTime() + card.idle_seconds * 1000
  const answered = state === 'responded' ? now.getTime() + card.reply_closes_after_seconds * 1000 : Number.POSITIVE_INFINITY
  return new Date(Math.min(idle, answered, deadline.getTime()))
}

/** A live thread rings from the moment at which its message may go to the owner's side, until somebody answers (R20). */
export const ringsUntil = (now: Date, card: Times): Date => new Date(now.getTime() + card.ring_seconds * 1000)
export const ringing = (until: Date): News => ({ type: 'thread.ringing', data: { until: until.toISOString() } })
/** People have let it in just now. */
const startsToRing = (thread: ThreadRow, to: Next): boolean =>
  thread.live && thread.answered_at === null && thread.state === 'awaiting_approval' && to.state === 'queued'
const stillRings = (thread: ThreadRow, state: ThreadState, answeredAt: Date | null): boolean =>
  thread.live && answeredAt === null && thread.state !== 'awaiting_approval' && state !== 'awaiting_approval' && !isEnded(state)

/** One thread's change: `news` come first, the state entered last, with `data`. `by`: who brought it about, where several share a transaction. */
export type Change = { thread: ThreadRow; to: Next; news?: readonly News[]; data?: EventData; by?: Scope }

/** Writes the change and what is told of it. Answers the row as it is now. `before`: of this thread, made and not written yet; it goes with this one. */
export async function changeThread(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  thread: ThreadRow,
  card: Times,
  to: Next,
  news: readonly News[] = [],
  data: EventData = {},
  before: readonly Step[] = [],
): Promise<ThreadRow> {
  const [now] = await changeThreads(house, t, scope, card, [{ thread, to, news, data }], before)
  return now as ThreadRow
}

/** Any number of threads of one card, in as many statements as one takes. `writes`: what goes with it, as parts of the statement that records them. */
export async function changeThreads(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  card: Times,
  wanted: readonly Change[],
  before: readonly Step[] = [],
  writes: readonly Sql[] = [],
): Promise<ThreadRow[]> {
  const changes = wanted.map((one) => ({ ...one, to: whileAsked(one.thread, one.to) }))
  const ending = changes.filter(({ thread, to }) => isEnded(to.state ?? thread.state) && thread.ended_at === null)
  const earlier = before.at(-1)
  const ends = ending.map(({ thread }) => thread.id)
  if (earlier?.isAsked !== false) await withdrawAsksOfThreads(house, t, scope, ends)
  const withdrawn = await withdraw(t, scope, ends, earlier?.left)
  const over = card.retention_days === 0 ? ending.map(({ thread }) => thread.id) : []
  const goes = over.length === 0 ? [] : await freeOf(t, scope, over)
  const steps = changes.map((one) =>
    stepOf(t.now, card, one, [
      ...(withdrawn.get(one.thread.id) ?? []),
      ...(goes.includes(one.thread.id) ? [{ type: 'payload.expired' as const }] : []),
    ]),
  )
  await writeTold(house, t, scope, [...before, ...steps], steps, writes)
  if (goes.length > 0) await endContents(t, scope, goes)
  return steps.map(({ row }) => row)
}

/**
 * A thread as a change leaves it, and what is told of that. Of one that is not written yet: what goes with it, as parts of the statement that does; what its caller has not been
 * handed then, and whether people are asked about it, both under its lock.
 */
export type Step = {
  row: ThreadRow
  told: ThreadNews
  writes?: Sql[]
  left?: readonly MessageRow[]
  isAsked?: boolean
}

/** Writes nothing. `besides`: what follows from it, told before the state that is entered. */
export function stepOf(now: Date, card: Times, change: Change, besides: readonly News[] = []): Step {
  const { thread, news = [], data = {}, by } = change
  const to = whileAsked(thread, change.to)
  const { state } = to
  const entered = { state: state ?? null, outcome: to.outcome ?? null, reason: to.reason ?? null, ...data }
  const all: News[] = [
    ...news,
    ...besides,
    ...(startsToRing(thread, to) ? [ringing(ringsUntil(now, card))] : []),
    ...(state === undefined ? [] : [{ type: `thread.${state}` as EventType, data: entered }]),
  ]
  const row = { ...thread, ...changeOf(now, thread, card, to, all.length), updated_at: now }
  return { row, told: { thread: row, after: thread.sequence, news: all, ...(by ? { by } : {}) } }
}

/** Under the locks that the caller holds. What ends a thread goes through `changeThreads`, for more follows from it. */
export async function writeSteps(t: Tx, scope: Scope, steps: readonly Step[]): Promise<void> {
  const rows = steps.map(({ row }) => row)
  await updateThreads(t, scope, rows.map(pick))
  rememberChanged(t, rows)
}

/** What was to go with a next change of one thread, where none came. */
export async function writeBefore(house: RelayHouse, t: Tx, scope: Scope, before: readonly Step[]): Promise<void> {
  if (before.length === 0) return
  await writeTold(house, t, scope, before, before.slice(-1))
}

/** In one statement, unless there is nothing to tell. `last`: the threads as they are after all of `steps`. */
async function writeTold(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  steps: readonly Step[],
  last: readonly Step[],
  besides: readonly Sql[] = [],
): Promise<void> {
  if (last.length === 0) return
  const writes = [...besides, ...steps.flatMap((one) => one.writes ?? [])]
  if (writes.length === 0 && steps.every(({ told }) => told.news.length === 0)) return writeSteps(t, scope, last)
  const rows = last.map(({ row }) => row)
  rememberChanged(t, rows)
  await tellThreads(
    house,
    t,
    scope,
    steps.map(({ told }) => told),
    [...writes, withThreads(t, scope, rows.map(pick))],
  )
}

/** Of threads whose contents are over those that no hold keeps; the contents of the others go once it is lifted. */
async function freeOf(t: Tx, scope: Scope, threadIds: readonly string[]): Promise<string[]> {
  if (await isHeld(t, scope)) {
    await expireUnread(t, scope, threadIds)
    return []
  }
  const held = (await heldAmong(t, scope, threadIds)).map(({ id }) => id)
  if (held.length > 0) await expireOnceFree(t, scope, held)
  return threadIds.filter((id) => !held.includes(id))
}

/** What was to be kept only while the thread was open (R108). */
async function endContents(t: Tx, scope: Scope, threadIds: readonly string[]): Promise<void> {
  for (const id of threadIds) await eraseSubject(t, scope, `thread:${id}`)
  await blankAll(t, scope, threadIds)
}

const pick = (row: ThreadRow): ThreadChange & { id: string } => {
  const { id, state, outcome, reason, turn, sequence, approval, error } = row
  const { answered_at, claimed_until, ended_at, due_at, expires_at, kept_until } = row
  return {
    ...{ id, state, outcome, reason, turn, sequence, approval, error },
    ...{ answered_at, claimed_until, ended_at, due_at, expires_at, kept_until },
  }
}

function changeOf(now: Date, thread: ThreadRow, card: Times, to: Next, events: number): ThreadChange {
  const state = to.state ?? thread.state
  const ends = isEnded(state) && thread.ended_at === null
  const or = <T>(next: T | undefined, before: T): T => (next === undefined ? before : next)
  const answeredAt = or(to.answeredAt, thread.answered_at)
  return {
    state,
    outcome: or(to.outcome, thread.outcome),
    reason: or(to.reason, to.state === undefined ? thread.reason : null),
    turn: to.turn ?? TURN[state],
    sequence: thread.sequence + events,
    approval: or(to.approval, thread.approval),
    error: or(to.error, thread.error),
    answered_at: answeredAt,
    claimed_until: or(to.claimedUntil, thread.claimed_until),
    ended_at: ends ? now : thread.ended_at,
    due_at: startsToRing(thread, to)
      ? ringsUntil(now, card)
      : stillRings(thread, state, answeredAt)
        ? thread.due_at
        : dueOf(now, state, thread.deadline_at, card),
    expires_at: thread.expires_at,
    kept_until: ends ? new Date(now.getTime() + ENVELOPE_DAYS * DAY_MS) : thread.kept_until,
  }
}

/** What was sent before goes on its way while people are asked about what came after it: the thread waits for them all the same. */
function whileAsked(thread: ThreadRow, to: Next): Next {
  const goesOn = to.state === 'queued' || to.state === 'delivering' || to.state === 'waiting_owner'
  if (thread.state !== 'awaiting_approval' || thread.approval === null || to.approval !== undefined || !goesOn) return to
  const { state: _state, reason: _reason, ...rest } = to
  return rest
}

/** What nobody has taken when a thread ends is nobody's any more (T13). */
async function withdraw(
  t: Tx,
  scope: Scope,
  threadIds: readonly string[],
  known?: readonly MessageRow[],
): Promise<Map<string, News[]>> {
  const left = threadIds.length === 0 ? [] : (known ?? (await listUndelivered(t, scope, threadIds)))
  if (left.length > 0)
    await settleMessages(
      t,
      scope,
      left.map((one) => one.id),
      { state: 'withdrawn', reason: 'thread_ended', via: null },
    )
  const news = new Map<string, News[]>()
  for (const message of left) {
    const gone: MessageRow = { ...message, state: 'withdrawn' }
    news.set(message.thread_id, [...(news.get(message.thread_id) ?? []), { type: 'message.withdrawn', message: gone }])
  }
  return news
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
export const openThread = async (t: Tx, scope: Scope, id: string): Promise<ThreadRow> => (await openWhole(t, scope, id)).thread

/** With its relay grant as it is under that share. */
export async function openWhole(t: Tx, scope: Scope, id: string): Promise<{ thread: ThreadRow; grant: GrantRow }> {
  const seen = await findThread(t, scope, id)
  if (!seen || (seen.kept_until !== null && seen.kept_until <= t.now)) throw new Problem('not_found')
  const grant = await shareGrant(t, scope, seen.relay_grant_id)
  const thread = await lockThread(t, scope, id)
  if (!thread || !grant) throw new Problem('not_found')
  refuseClosed(thread, grant)
  return { thread, grant }
}

/** The same of a thread that is held with its relay grant already: throws why nothing can be added any more. */
export function refuseClosed(thread: ThreadRow, grant: GrantRow): void {
  refuseEnded(thread)
  // Its thread may not have ended yet where a grant had very many; nothing is written to it all the same.
  if (grant.state !== 'active' || grant.is_over)
    throw new Problem('thread_revoked', { state: 'revoked', outcome: null, reason: 'grant_revoked' })
  refuseInactive(grant)
}

/** A tenant that is suspended or closing takes nothing, whichever side writes and whoever let it in (P11). */
export function refuseInactive({ tenant_state: state }: Pick<GrantRow, 'tenant_state'>): void {
  if (state !== 'active') throw new Problem('tenant_suspended', { state })
}
