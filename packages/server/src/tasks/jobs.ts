// The jobs of tasks: ids in, one verb, a verdict out.
import { defineKind, discard, type Kind, retry, snooze } from '@countersign/queue'
import { isId } from '../std/id.ts'
import { deliverCallback, giveUpCallback } from './callback.ts'
import { expireTask } from './deadline.ts'
import type { TasksHouse } from './house.ts'
import { CALLBACK_ATTEMPTS, CALLBACK_DELAYS } from './schedule.ts'

type Payload = { task_id: string }

function readPayload(value: unknown): Payload {
  const { task_id } = value as Partial<Payload>
  if (!isId('task', task_id)) throw new TypeError('task_id is the id of a task')
  return { task_id }
}

/** ±10 % (P87), so that many that failed together do not come back together. */
const jittered = (seconds: number): number =>
  Math.round(seconds * (900 + ((crypto.getRandomValues(new Uint32Array(1))[0] as number) % 201)))

export const taskJobs = (house: TasksHouse): Kind[] => [
  defineKind<unknown, Payload>('task.expire', {
    schema: readPayload,
    keepOutput: false,
    backoff: { base: '250ms', cap: '10s' },
    async run({ tenantId, payload }) {
      const again = await expireTask(house, tenantId, payload.task_id)
      return again === null ? undefined : snooze(again)
    },
  }) as Kind,
  defineKind<unknown, Payload>('task.callback', {
    schema: readPayload,
    keepOutput: false,
    maxAttempts: CALLBACK_ATTEMPTS,
    deadline: '60s',
    async run(job, { signal }) {
      const attempt = { job: job.id, number: job.attempt }
      const done = await deliverCallback(house, job.tenantId, job.payload.task_id, attempt, signal)
      if (typeof done === 'string') return undefined
      if (job.attempt >= job.maxAttempts) {
        await giveUpCallback(house, job.tenantId, job.payload.task_id, job.attempt, job.id)
        return discard(done.failed)
      }
      const scheduled = jittered(CALLBACK_DELAYS[job.attempt - 1] ?? 86_400)
      const asked = Math.min((done.retryAfterSeconds ?? 0) * 1000, 86_400_000)
      return retry({ after: Math.max(scheduled, asked), error: done.failed })
    },
  }) as Kind,
]
