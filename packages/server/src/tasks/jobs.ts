// The jobs of tasks: ids in, one verb, a verdict out.
import { defineKind, type Kind, snooze } from '@countersign/queue'
import { isId } from '../std/id.ts'
import { expireTask } from './deadline.ts'
import type { TasksHouse } from './house.ts'

type Payload = { task_id: string }

function readPayload(value: unknown): Payload {
  const { task_id } = value as Partial<Payload>
  if (!isId('task', task_id)) throw new TypeError('task_id is the id of a task')
  return { task_id }
}

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
]
