// One message to an agent that answers elsewhere (relay.md R44, R45, T4): what is written before the request is, and which step comes next. A request of which nobody knows whether it
// arrived is never sent again on a guess: it is looked for first (look.ts). Killed anywhere, the job's next run goes on from the row.
import { type Outcome, snooze } from '@countersign/queue'
import { randomToken, sha256 } from '../../../crypto/token.ts'
import { systemScope } from '../../../db/scope.ts'
import { type Scope, type Tx, tx } from '../../../db/tx.ts'
import { isEnded } from '../../model.ts'
import { changeThread } from '../../threads/change.ts'
import { exhaust } from '../../threads/claim.ts'
import { isWhole, openPayloads, type Payload } from '../../threads/payload.ts'
import { type CardRow, listUndelivered, type MessageRow, type ThreadRow } from '../../threads/sql.ts'
import type { DeliveryHouse } from '../house.ts'
import { holdsOf } from '../sql.ts'
import { followTask } from './follow.ts'
import { lookFor } from './look.ts'
import { isStale, pauseUpstream, refreshCard } from './pause.ts'
import { PAUSED, type Plan } from './plan.ts'
import { requestIn, send } from './send.ts'
import { beginCall, contextBehind, findStanding, moveStage, RUNS_MS, takeOver, taskBehind, type UpstreamRow } from './sql.ts'

export type CallPayload = { thread_id: string; message_id: string }
/** Whoever accepted it, while it has it to itself, or the job. */
export type Caller = 'runner' | 'job'
type Begun =
  | { is: 'over' }
  | { is: 'unseen'; card: CardRow; upstream: UpstreamRow }
  | { is: 'later'; at: Date | string }
  | ({ is: 'call' | 'look' | 'follow' } & Plan)

/** Longer than any call without an answer. */
const LEASE_MS = 120_000
const BEHIND = '1s'
/** How often the job looks whether the process that has the message still has it. */
const LOOK_AGAIN_MS = 15_000

export async function callUpstream(
  house: DeliveryHouse,
  tenantId: string,
  payload: CallPayload,
  signal: AbortSignal,
  by: Caller = 'job',
): Promise<Outcome | undefined> {
  const scope = systemScope('relay', tenantId)
  const holds = holdsOf(scope, payload.thread_id)
  const beginAs = (how: { by: Caller; isSeen: boolean }) =>
    tx(house.db, scope, (t) => begin(house, t, scope, payload, how), { holds })
  let begun = await beginAs({ by, isSeen: false })
  if (begun.is === 'unseen') {
    // What its owner declared, looked at from time to time before anything is sent there.
    const reason = await refreshCard(house, scope, begun.upstream)
    if (reason) {
      await pauseUpstream(house, scope, begun.card, reason)
      return snooze(PAUSED)
    }
    begun = await beginAs({ by, isSeen: true })
  }
  if (begun.is === 'over' || begun.is === 'unseen') return undefined
  if (begun.is === 'later') return snooze(begun.at as Date)
  if (begun.is === 'look') return lookFor(house, scope, begun, signal)
  if (begun.is === 'follow') return followTask(house, scope, begun, signal)
  return send(house, scope, begun, signal)
}

/** T4, and the word that the request may have left, in one transaction before it does, under the locks of its thread. */
async function begin(
  house: DeliveryHouse,
  t: Tx,
  scope: Scope,
  { thread_id, message_id }: CallPayload,
  { by, isSeen }: { by: Caller; isSeen: boolean },
): Promise<Begun> {
  const standing = await findStanding(t, scope, { threadId: thread_id, messageId: message_id })
  const { thread, message, grant, card } = standing ?? {}
  if (!thread || !message || message.stage === 'done') return { is: 'over' }
  const runs = message.runs_until
  if (by === 'runner' && (runs === null || runs <= t.now)) return { is: 'over' }
  if (by === 'job' && runs !== null && runs > t.now)
    return { is: 'later', at: new Date(Math.min(runs.getTime(), t.now.getTime() + LOOK_AGAIN_MS)) }
  if (message.mode !== 'a2a' || isEnded(thread.state) || !card) return { is: 'over' }
  if (!isSeen && card.state === 'active' && isStale(card, t.now)) return { is: 'unseen', card, upstream: card }
  if (grant?.state !== 'active' || grant.is_over) return { is: 'over' }
  const at = { cardId: card.id, grantId: thread.relay_grant_id, contextId: thread.context_id }
  const behind = isFirst(thread, message) ? null : await taskBehind(t, scope, thread_id)
  const plan = (contextId: string, taskId: string | null, now = thread): Plan => ({
    ...{
      call: { threadId: thread_id, messageId: message_id, card, contextId, isDirect: card.answers_directly },
      upstream: card,
      thread: now,
      message,
    },
    ...{ sending: message, contextId, taskId },
  })
  const openTask = behind && !behind.is_over ? behind.upstream_task_id : null
  if (message.stage === 'following') return { is: 'follow', ...plan('', behind?.upstream_task_id ?? null) }
  if (card.state === 'paused') return { is: 'later', at: PAUSED }
  if (message.stage === 'calling') return { is: 'look', ...plan((await contextBehind(t, scope, at, randomToken())).id, openTask) }
  if (message.state !== 'queued') return { is: 'over' }
  if (message.next_attempt_at !== null && message.next_attempt_at > t.now) return { is: 'later', at: message.next_attempt_at }
  const [first] = isFirst(thread, message)
    ? [message]
    : (await listUndelivered(t, scope, [thread_id])).filter(({ state }) => state !== 'exhausted')
  if (first && first.id !== message_id) return { is: 'later', at: BEHIND }
  const payload = (await openPayloads(house, t, scope, [message])).get(message_id)
  const fault = !payload ? 'payload_expired' : isWhole(message, payload) ? null : 'payload_mismatch'
  if (fault) {
    await moveStage(t, scope, message_id, { stage: 'done' })
    await exhaust(house, t, scope, card, thread, message, fault)
    return { is: 'over' }
  }
  const tries = message.tries + 1
  const until = new Date(t.now.getTime() + LEASE_MS)
  const runsUntil = by === 'runner' ? new Date(t.now.getTime() + RUNS_MS) : null
  const hash = sha256(`${message_id}.${tries}`)
  const context = (await beginCall(t, scope, message_id, { ...at, made: randomToken() }, { hash, until, tries, runsUntil })).id
  if (openTask !== null) await takeOver(t, scope, thread_id, message_id)
  const now = await changeThread(house, t, scope, thread, card, { state: 'delivering', claimedUntil: until })
  const made = { ...plan(context, openTask, now), sending: { ...message, tries } }
  return { is: 'call', ...made, request: await requestIn(house, t, made, payload as Payload) }
}

/** Nothing came before it, and nothing after it yet. */
const isFirst = (thread: ThreadRow, message: MessageRow): boolean => message.sequence === 2 && thread.sequence === 2
