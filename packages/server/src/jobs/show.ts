// A job as it is shown: the engine's row in the words of the wire, its content withheld from whoever only audits or watches.
import type { JobRow, State } from '@countersign/queue'
import type { Scope } from '../db/scope.ts'
import { reach } from '../identity/matrix.ts'
import { agentOf, ownerOf, seesContent, withoutMarks } from './own.ts'

export const REDACTED = { _redacted: true } as const

export const withhold = (scope: Scope, value: unknown): unknown =>
  value === null || value === undefined ? null : seesContent(scope) ? value : REDACTED

/** Keys of limits, where the job has them. */
type Keyed = JobRow & { ordering_key?: string | null; concurrency_key?: string | null; rate_key?: string | null }

export const isOver = (state: State): boolean => state === 'completed' || state === 'failed' || state === 'cancelled'

const errorOf = (scope: Scope, error: JobRow['errors'][number]) => ({
  at: error.at,
  attempt: error.attempt,
  lease: error.lease ?? null,
  reason: error.reason,
  error: seesContent(scope) ? (error.error ?? null) : null,
  ...(error.stack && seesContent(scope) ? { stack: error.stack } : {}),
  ...(error.worker === undefined ? {} : { worker: error.worker }),
})

export function showRow(scope: Scope, job: Keyed) {
  const last = job.errors.at(-1)
  return {
    id: job.id,
    kind: job.kind,
    queue: job.queue,
    priority: job.priority,
    state: job.state,
    state_reason: job.state_reason,
    attempt: job.attempt,
    max_attempts: job.max_attempts,
    crashes: job.crashes,
    lease: job.lease,
    worker: job.worker,
    run_at: job.run_at,
    enqueued_at: job.enqueued_at,
    claimed_at: job.claimed_at,
    finished_at: job.finished_at,
    deadline_at: job.deadline_at,
    cancel_requested_at: job.cancel_requested_at,
    progress: withhold(scope, job.progress),
    metadata: job.metadata,
    tags: withoutMarks(job.tags),
    unique_key: job.unique_key,
    ordering_key: job.ordering_key ?? null,
    concurrency_key: job.concurrency_key ?? null,
    rate_key: job.rate_key ?? null,
    schedule: scheduleOf(job.metadata),
    dead_letter: job.dead_letter,
    agent_id: agentOf(job.tags),
    owner_id: ownerOf(job.tags),
    last_error: last ? errorOf(scope, last) : null,
  }
}

export function showJob(scope: Scope, job: Keyed) {
  return {
    ...showRow(scope, job),
    payload: withhold(scope, job.payload),
    payload_version: job.payload_version,
    output: withhold(scope, job.output),
    errors: job.errors.map((error) => errorOf(scope, error)),
    trace: job.trace as Record<string, unknown> | null,
    may: actsOn(scope, job.state),
  }
}

export type ShownJob = ReturnType<typeof showJob>

export type Act = 'retry' | 'cancel' | 'reschedule' | 'move'

/** The states that each act leaves (Q13), and the action of the matrix that it needs. */
const ACTS: Record<Act, { action: string; from: readonly State[] }> = {
  retry: { action: 'job.retry', from: ['failed', 'cancelled', 'scheduled', 'retrying'] },
  cancel: { action: 'job.cancel', from: ['scheduled', 'retrying', 'blocked', 'ready', 'running', 'waiting'] },
  reschedule: { action: 'job.reschedule', from: ['ready', 'scheduled', 'retrying'] },
  move: { action: 'dead_letter.retry', from: ['ready', 'scheduled', 'retrying', 'blocked'] },
}

const actsOn = (scope: Scope, state: State): Act[] =>
  (Object.keys(ACTS) as Act[]).filter((act) => ACTS[act].from.includes(state) && reach(scope, ACTS[act].action) !== 'none')

const scheduleOf = (metadata: Record<string, unknown>): string | null => {
  const name = metadata['countersign:schedule']
  return typeof name === 'string' ? name : null
}
