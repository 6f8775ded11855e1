// Which events of a thread this face tells of, and what the thread was right after one (R88, R96): by what the event says, so every reader is told the same, whenever it reads.
import type { RelayHouse } from '../house.ts'
import { THREAD_STATES, type Thread, type ThreadEvent, type ThreadState } from '../model.ts'
import { taskUrl } from '../threads/show.ts'

export const ARTIFACTS = ['artifact.updated', 'artifact.completed']
/** The events that frames are made of. */
export const TYPES = ['thread.accepted', ...THREAD_STATES.map((state) => `thread.${state}`), ...ARTIFACTS]

export type Entered = Pick<Thread, 'state' | 'outcome' | 'reason' | 'approval' | 'error'>

export function enteredBy(house: Pick<RelayHouse, 'origin'>, thread: Thread, { data }: ThreadEvent): Entered {
  const state = data.state as ThreadState
  const asked = data.approval as { task_id: string; side: 'caller' | 'owner'; expires_at: string } | undefined
  return {
    state,
    outcome: (data.outcome ?? null) as Thread['outcome'],
    reason: (data.reason ?? null) as Thread['reason'],
    approval: state === 'awaiting_approval' && asked ? { ...asked, url: taskUrl(house.origin(), asked.task_id) } : null,
    error: state === 'failed' ? thread.error : null,
  }
}
