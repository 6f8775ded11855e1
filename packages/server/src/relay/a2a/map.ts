// R91: which state of A2A each state of a thread is. One table, read in both directions; it knows no row and no wording.
import type { Thread, ThreadOutcome, ThreadState } from '../model.ts'

export const TASK_STATES = [
  'TASK_STATE_SUBMITTED',
  'TASK_STATE_WORKING',
  'TASK_STATE_INPUT_REQUIRED',
  'TASK_STATE_AUTH_REQUIRED',
  'TASK_STATE_COMPLETED',
  'TASK_STATE_FAILED',
  'TASK_STATE_CANCELED',
  'TASK_STATE_REJECTED',
] as const
/** By its name on the wire. */
export type TaskStateName = (typeof TASK_STATES)[number]

/** One row of the map: a state of a thread, and of a closed one also its outcome. */
export type MapRow = { state: ThreadState; outcome: ThreadOutcome | null; task: TaskStateName }

export const STATE_MAP: readonly MapRow[] = [
  { state: 'awaiting_approval', outcome: null, task: 'TASK_STATE_AUTH_REQUIRED' },
  { state: 'queued', outcome: null, task: 'TASK_STATE_SUBMITTED' },
  { state: 'delivering', outcome: null, task: 'TASK_STATE_WORKING' },
  { state: 'waiting_owner', outcome: null, task: 'TASK_STATE_WORKING' },
  { state: 'waiting_caller', outcome: null, task: 'TASK_STATE_INPUT_REQUIRED' },
  { state: 'responded', outcome: null, task: 'TASK_STATE_INPUT_REQUIRED' },
  { state: 'closed', outcome: 'completed', task: 'TASK_STATE_COMPLETED' },
  { state: 'closed', outcome: 'canceled', task: 'TASK_STATE_CANCELED' },
  { state: 'failed', outcome: null, task: 'TASK_STATE_FAILED' },
  { state: 'expired', outcome: null, task: 'TASK_STATE_FAILED' },
  { state: 'rejected', outcome: null, task: 'TASK_STATE_REJECTED' },
  { state: 'revoked', outcome: null, task: 'TASK_STATE_REJECTED' },
]

const keyOf = (state: ThreadState, outcome: ThreadOutcome | null): string =>
  state === 'closed' ? `closed ${outcome ?? 'completed'}` : state
const BY_THREAD = new Map(STATE_MAP.map((row) => [keyOf(row.state, row.outcome), row.task]))

export const taskStateOf = ({ state, outcome }: Pick<Thread, 'state' | 'outcome'>): TaskStateName =>
  BY_THREAD.get(keyOf(state, outcome)) as TaskStateName

/** What a filter by a state of A2A means among threads. */
export const threadStatesOf = (task: TaskStateName): { state: ThreadState; outcome: ThreadOutcome | null }[] =>
  STATE_MAP.filter((row) => row.task === task).map(({ state, outcome }) => ({ state, outcome }))

export const isTaskState = (name: unknown): name is TaskStateName => (TASK_STATES as readonly unknown[]).includes(name)

const ENDED: readonly TaskStateName[] = [
  'TASK_STATE_COMPLETED',
  'TASK_STATE_FAILED',
  'TASK_STATE_CANCELED',
  'TASK_STATE_REJECTED',
]
export const isEndedTask = (task: TaskStateName): boolean => ENDED.includes(task)

/** R94: where a blocking send returns. */
export const endsBlocking = (task: TaskStateName): boolean =>
  isEndedTask(task) || task === 'TASK_STATE_INPUT_REQUIRED' || task === 'TASK_STATE_AUTH_REQUIRED'

/** R96: where the stream of a send ends; an approval that is waited for keeps it open. */
export const endsSendStream = (task: TaskStateName): boolean => isEndedTask(task) || task === 'TASK_STATE_INPUT_REQUIRED'
