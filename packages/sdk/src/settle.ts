// What the end of a task means to whoever asked: the typed answer, or the Problem that says why there is none. Pure: it knows no client and no clock.

import { ResponseInvalid, TaskCancelled, TaskDenied, TaskTimedOut, VerificationExhausted } from './errors.ts'
import type { ProblemMembers } from './problem.ts'
import type { ReadSchema } from './schema/schema.ts'
import type { PollResult } from './shapes.ts'

/** As much of a task as its end is read from. */
export type Ended = Pick<PollResult, 'status' | 'outcome' | 'response'> & { cancel_reason?: unknown }

export async function answerOf(taskId: string, result: Ended, schema: ReadSchema | null): Promise<unknown> {
  const about = { taskId }
  const members: ProblemMembers = { task_id: taskId, outcome: result.outcome }
  if (result.status === 'timed_out') throw new TaskTimedOut('task_timed_out', members, about)
  if (result.status === 'cancelled') {
    const detail = typeof result.cancel_reason === 'string' ? result.cancel_reason : undefined
    throw new TaskCancelled('task_cancelled', { ...members, detail }, about)
  }
  if (result.status === 'verification_exhausted') throw new VerificationExhausted('verification_exhausted', members, about)
  if (result.outcome === 'denied' && result.response === null) throw new TaskDenied('task_denied', members, about)
  if (!schema) return result.response
  const checked = await schema.check(result.response)
  if (!checked.ok) throw new ResponseInvalid('response_invalid', { ...members, errors: checked.errors }, about)
  return checked.value
}
