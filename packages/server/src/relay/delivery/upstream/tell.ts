// What an upstream says of a task, told to the caller once (relay.md R44): statuses, artifacts, chunks and direct messages one to one, whether they came on a stream, by a look, or both.
// Under the lock of the thread; what was told stands in digests beside the task, so a look after a broken stream tells what is new and nothing twice.
import { type Artifact, type StreamResponse, type Task, TaskState, type TaskStatus } from '@a2a-js/sdk'
import { Problem } from '@countersign/sdk'
import { type Scope, type Tx, tx } from '../../../db/tx.ts'
import { record } from '../../../events/event.ts'
import { isEnded, type ResponseOutcome } from '../../model.ts'
import { changeThread, writeBefore } from '../../threads/change.ts'
import { acknowledgeLater } from '../../threads/claim.ts'
import { isSaid, tellIfDenied } from '../../threads/gate.ts'
import { type Answered, type ArtifactInput, type ResponseInput, respondTo } from '../../threads/respond.ts'
import { type CardRow, listUndelivered, lockThread, type ThreadRow } from '../../threads/sql.ts'
import type { DeliveryHouse } from '../house.ts'
import { endRefused } from '../refused.ts'
import { holdsOf, type SentRow } from '../sql.ts'
import {
  type AnsweredStanding,
  findAnsweredStanding,
  markDirect,
  moveStage,
  noteSeen,
  putTaskBehind,
  renameContext,
  type Seen,
  type TaskBehind,
  taskBehind,
  withStage,
} from './sql.ts'
import { artifactOf, digestOf, payloadOf } from './words.ts'

/** go_on: more is to come; turn: the caller's, or it is over; left: somebody else follows it now, or nobody listens any more. */
export type Heard = 'go_on' | 'turn' | 'left'
/** `contextId`: theirs, as the request named it; '' where none was sent in this run. `isDirect`: that they answer without a task is known. */
export type Call = { threadId: string; messageId: string; card: CardRow; contextId: string; isDirect: boolean }

export const hear = (house: DeliveryHouse, scope: Scope, call: Call, said: StreamResponse): Promise<Heard> =>
  tx(house.db, scope, (t) => hearIn(house, t, scope, call, said), { holds: holdsOf(scope, call.threadId) })

/** Under the locks of its thread. */
async function hearIn(house: DeliveryHouse, t: Tx, scope: Scope, call: Call, said: StreamResponse): Promise<Heard> {
  const { threadId, messageId } = call
  const found = await findAnsweredStanding(t, scope, call, call.card.agent_id)
  if (!found?.message || found.message.stage === 'done') return 'left'
  const { thread, message, grant } = found
  if (isEnded(thread.state)) {
    await moveStage(t, scope, messageId, { stage: 'done' })
    await tellLate(t, scope, threadId, messageId)
    return 'left'
  }
  const payload = said.payload
  const telling: Telling = {
    ...{ house, t, scope, call, message, thread, grant, seen: {}, before: [] },
    ...{ card: found.card, asked: askedOf(found, call) },
  }
  if (payload?.$case === 'message') return hearMessage(telling, payload.value)
  const taskId = payload?.$case === 'task' ? payload.value.id : payload?.value.taskId
  if (!payload || !taskId) return 'go_on'
  const isNew = message.stage === 'calling'
  const behind = isNew
    ? await accept(telling, { taskId, contextId: payload.value.contextId })
    : await taskBehind(t, scope, threadId)
  if (!behind || behind.followed_by !== messageId || behind.upstream_task_id !== taskId) return 'left'
  telling.seen = behind.seen
  const heard = await hearOf(telling, payload)
  await written(telling)
  await noteSeen(t, scope, threadId, telling.seen, heard === 'turn' && isOver(payload))
  if (heard === 'turn') await moveStage(t, scope, messageId, { stage: 'done' })
  else if (isNew) await moveStage(t, scope, messageId, { stage: 'following' })
  return heard
}

type Payload = NonNullable<StreamResponse['payload']>
/** With the thread as it is now, under its lock, and what is told with its next change. */
type Telling = Answered & {
  house: DeliveryHouse
  t: Tx
  scope: Scope
  call: Call
  message: SentRow
  seen: Seen
  asked?: AnsweredStanding['asked'] | undefined
}

/** The policies were read for the agent that the card had; where it has another now, they are read again. */
const askedOf = ({ card, asked }: AnsweredStanding, call: Call): NonNullable<Telling['asked']> =>
  card.agent_id === call.card.agent_id ? asked : { ...asked, active: undefined }

/** What nothing came after is written by itself. */
const written = ({ house, t, scope, before }: Telling): Promise<void> => writeBefore(house, t, scope, before.splice(0))

async function hearOf(telling: Telling, payload: Payload): Promise<Heard> {
  if (payload.$case === 'artifactUpdate') {
    const { artifact, append, lastChunk } = payload.value
    if (artifact) await tellPiece(telling, artifact, { append, lastChunk })
    return 'go_on'
  }
  if (payload.$case === 'task') await tellArtifacts(telling, payload.value)
  return payload.$case === 'message' ? 'go_on' : tellStatus(telling, payload.value.status)
}

const statusOf = (payload: Payload): TaskStatus | undefined =>
  payload.$case === 'task' || payload.$case === 'statusUpdate' ? payload.value.status : undefined
const isOver = (payload: Payload): boolean => {
  const state = statusOf(payload)?.state
  return state !== undefined && ENDS.includes(state)
}

/** T5: what it is upstream is known from now on. */
async function accept(telling: Telling, theirs: { taskId: string; contextId: string }): Promise<TaskBehind> {
  const { t, scope, call, thread, card } = telling
  const behind = await putTaskBehind(t, scope, thread, { taskId: theirs.taskId, followedBy: call.messageId })
  const at = { cardId: card.id, grantId: thread.relay_grant_id, contextId: thread.context_id }
  if (theirs.contextId && theirs.contextId !== call.contextId) await renameContext(t, scope, at, theirs.contextId)
  await taken(telling)
  return behind
}

/** Settled now, and told with what the agent says. */
async function taken(telling: Telling): Promise<void> {
  const { t, scope, card, thread, message } = telling
  if (message.state === 'delivered') return
  const left = isAlone(thread, message) ? [] : await listUndelivered(t, scope, [thread.id])
  const step = {
    ...acknowledgeLater(t, scope, card, { thread, message }, 'a2a', left),
    isAsked: telling.asked?.is_asked !== false,
  }
  telling.before.push(step)
  telling.thread = step.row
}

/** The first of its thread, and nothing has come since it was taken. */
const isAlone = (thread: ThreadRow, message: SentRow): boolean =>
  message.sequence === 2 && thread.sequence === 3 && thread.state === 'delivering'

/** The whole answer, without a task (§12.33). */
async function hearMessage(telling: Telling, said: NonNullable<TaskStatus['message']>): Promise<Heard> {
  const { t, scope, call } = telling
  if (!call.isDirect) await markDirect(t, scope, call.card.id)
  await taken(telling)
  const [step] = telling.before
  if (step) step.writes = [...(step.writes ?? []), withStage(scope, call.messageId, { stage: 'done' })]
  else await moveStage(t, scope, call.messageId, { stage: 'done' })
  const how = { artifacts: [], settlesNothing: true, client_message_id: said.messageId }
  await respondOrFail(telling, () => ({ outcome: 'message', payload: payloadOf(said) ?? refuseEmpty(), ...how }))
  await written(telling)
  return 'turn'
}

/** A message says something: one without parts is none. */
function refuseEmpty(): never {
  throw new Problem('validation_failed')
}

const OUTCOME: Partial<Record<TaskState, ResponseOutcome>> = {
  [TaskState.TASK_STATE_SUBMITTED]: 'progress',
  [TaskState.TASK_STATE_WORKING]: 'progress',
  [TaskState.TASK_STATE_INPUT_REQUIRED]: 'ask',
  [TaskState.TASK_STATE_AUTH_REQUIRED]: 'ask',
  [TaskState.TASK_STATE_COMPLETED]: 'completed',
  [TaskState.TASK_STATE_FAILED]: 'failed',
  [TaskState.TASK_STATE_REJECTED]: 'rejected',
}
const ENDS: readonly TaskState[] = [
  TaskState.TASK_STATE_COMPLETED,
  TaskState.TASK_STATE_FAILED,
  TaskState.TASK_STATE_REJECTED,
  TaskState.TASK_STATE_CANCELED,
]

async function tellStatus(telling: Telling, status: TaskStatus | undefined): Promise<Heard> {
  if (!status) return 'go_on'
  const { house, t, scope, seen } = telling
  const { state, message } = status
  const outcome = OUTCOME[state]
  const isTurn = state === TaskState.TASK_STATE_CANCELED || (outcome !== undefined && outcome !== 'progress')
  const digest = `${state} ${message?.messageId ?? ''}`
  // What it asked before our message came stands there until it has read that.
  if (seen.status === digest) return ENDS.includes(state) ? 'turn' : 'go_on'
  seen.status = digest
  if (state === TaskState.TASK_STATE_CANCELED) {
    const closed = { state: 'closed', outcome: 'canceled', reason: 'closed_by_owner', claimedUntil: null } as const
    const { thread, card, before } = telling
    if (!isEnded(thread.state))
      telling.thread = await changeThread(house, t, scope, thread, card, { ...closed, approval: null }, [], {}, before.splice(0))
    return 'turn'
  }
  if (outcome === undefined || (outcome === 'progress' && !message)) return isTurn ? 'turn' : 'go_on'
  const isSilent = Object.keys(seen.artifacts ?? {}).length > 0
  await respondOrFail(telling, () => ({
    ...{ outcome, payload: payloadOf(message), artifacts: [], settlesNothing: true, hasArtifacts: isSilent },
    ...(message ? { client_message_id: message.messageId } : {}),
    ...(outcome === 'failed' ? { error: { code: 'agent_error', message: wordsOf(message) } } : {}),
  }))
  return isTurn ? 'turn' : 'go_on'
}

/** What the agent says of its failure, as far as it is text. */
const wordsOf = (message: TaskStatus['message']): string =>
  (message?.parts ?? [])
    .flatMap(({ content }) => (content?.$case === 'text' ? [content.value] : []))
    .join('\n')
    .slice(0, 2_000)

/** A look at the whole task: what is there beyond what was told. */
async function tellArtifacts(telling: Telling, task: Task): Promise<void> {
  for (const artifact of task.artifacts) {
    const before = telling.seen.artifacts?.[artifact.artifactId]
    const whole = asInput(artifact, { append: false, lastChunk: true })
    if (!whole) {
      await tellUnreadable(telling)
      continue
    }
    if (!before) await tellInput(telling, whole)
    else if (digestOf(whole.parts) !== before.digest) {
      const isLonger = whole.parts.length > before.parts && digestOf(whole.parts.slice(0, before.parts)) === before.digest
      await tellInput(telling, isLonger ? { ...whole, parts: whole.parts.slice(before.parts), append: true } : whole)
    }
  }
}

async function tellPiece(telling: Telling, artifact: Artifact, how: { append: boolean; lastChunk: boolean }): Promise<void> {
  const piece = asInput(artifact, how)
  if (piece) await tellInput(telling, piece)
  else await tellUnreadable(telling)
}

function asInput(artifact: Artifact, how: { append: boolean; lastChunk: boolean }): ArtifactInput | null {
  try {
    return artifactOf(artifact, how)
  } catch (error) {
    if (error instanceof Problem) return null
    throw error
  }
}

async function tellInput(telling: Telling, piece: ArtifactInput): Promise<void> {
  const { seen } = telling
  const before = piece.append ? seen.artifacts?.[piece.artifact_id] : undefined
  seen.artifacts = {
    ...seen.artifacts,
    [piece.artifact_id]: {
      parts: (before?.parts ?? 0) + piece.parts.length,
      digest: digestOf(piece.parts, before?.digest),
    },
  }
  await respondOrFail(telling, () => ({
    ...{ outcome: 'progress', payload: null, artifacts: [piece], settlesNothing: true },
  }))
}

/** What is no content of ours ends the thread where it was the last word, and is told where it was not (§10). */
async function respondOrFail(telling: Telling, input: () => ResponseInput): Promise<void> {
  const { house, t, scope, call } = telling
  let outcome: ResponseOutcome = 'message'
  // An earlier piece of the same answer was the last that could be told.
  if (isEnded(telling.thread.state)) return
  try {
    const made = input()
    outcome = made.outcome
    await respondTo(house, t, scope, telling, 'a2a', made)
  } catch (error) {
    if (!isSaid(error)) throw error
    // What came before the answer stands, whatever becomes of it.
    await written(telling)
    if (await tellIfDenied(house, t, scope, error)) await endRefused(house, t, scope, call.threadId, call.card)
    else {
      if (!['validation_failed', 'body_too_large'].includes((error as Problem).code)) throw error
      await tellInvalid(t, scope, call)
      if (outcome !== 'progress') await failThread(house, t, scope, call, UNREADABLE)
    }
    telling.thread = (await lockThread(t, scope, call.threadId)) ?? telling.thread
  }
}

export const UNREADABLE = 'The agent answered with something that could not be read.'
/** In our words: what the agent said is nothing that could be shown. */
export async function failThread(
  house: DeliveryHouse,
  t: Tx,
  scope: Scope,
  { threadId, card }: Call,
  said: string,
): Promise<void> {
  const thread = await lockThread(t, scope, threadId)
  if (!thread || isEnded(thread.state)) return
  const error = { code: 'agent_error', message: said }
  await changeThread(house, t, scope, thread, card, { state: 'failed', reason: 'agent_error', error, claimedUntil: null })
}

const tellUnreadable = ({ t, scope, call }: Telling) => tellInvalid(t, scope, call)

export const tellInvalid = (t: Tx, scope: Scope, { threadId, messageId }: Call) =>
  tellFailure(t, scope, threadId, { message_id: messageId, class: 'answer_invalid' })
const tellLate = (t: Tx, scope: Scope, threadId: string, messageId: string) =>
  tellFailure(t, scope, threadId, { message_id: messageId, class: 'late' })
export const tellFailure = (t: Tx, scope: Scope, threadId: string, data: Record<string, string | number | null>) =>
  record(t, scope, 'delivery.failed', { thread_id: threadId, ...data }, { resource: { type: 'thread', id: threadId } })
