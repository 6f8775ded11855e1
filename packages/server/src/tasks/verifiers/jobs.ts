// The job of an answer that lies with a verifier: ids in, one verb, a verdict out. How often a model was asked stands in the row; the job only sleeps until then.
import { defineKind, type Kind, snooze } from '@countersign/queue'
import { isId } from '../../std/id.ts'
import type { TasksHouse } from '../house.ts'
import { KIND, QUEUE } from './hand.ts'
import { type Asked, verifyAnswer } from './run.ts'

/** Jobs that a process holds at a time: each may wait two minutes for a model, and nothing else waits behind it. */
export const HELD_VERIFICATIONS = 64

function readPayload(value: unknown): Asked {
  const { task_id, decision_id } = value as Partial<Asked>
  if (!isId('task', task_id) || !isId('dec', decision_id)) throw new TypeError('a task and a decision')
  return { task_id, decision_id }
}

export const verifierJobs = (house: TasksHouse): Kind[] => [
  defineKind<unknown, Asked>(KIND, {
    queue: QUEUE,
    schema: readPayload,
    keepOutput: false,
    // The tries are the row's own. What fails here is our own affair (a database that is away), and no number of killed workers may leave an answer lying.
    maxAttempts: 1_000,
    maxCrashes: 0,
    backoff: { base: '500ms', cap: '1m' },
    deadline: '5m',
    async run({ tenantId, payload }, { signal }) {
      const again = await verifyAnswer(house, tenantId, payload, signal)
      if (again === null) return undefined
      return snooze('at' in again ? again.at : again.afterMs)
    },
  }) as Kind,
]
