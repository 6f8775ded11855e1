// The jobs of tasks: ids in, one verb, a verdict out.
import { defineKind, defineSchedule, type Kind, type Schedule, snooze } from '@countersign/queue'
import { isId } from '../std/id.ts'
import { continueAct } from './asks/continue.ts'
import { expireTask } from './deadline.ts'
import { eraseWhatIsOver } from './erasure/retention.ts'
import { returnClaim } from './holding.ts'
import type { TasksHouse } from './house.ts'
import { noticeKinds } from './notices/jobs.ts'
import { routingKinds } from './routing/jobs.ts'
import { foldRollups } from './stats/rollup/fold.ts'
import { missOutcome } from './talk/outcome.ts'
import { verifierJobs } from './verifiers/jobs.ts'

type Payload = { task_id: string }

function readPayload(value: unknown): Payload {
  const { task_id } = value as Partial<Payload>
  if (!isId('task', task_id)) throw new TypeError('task_id is the id of a task')
  return { task_id }
}

type Claim = Payload & { claimed_at: Date }

function readClaim(value: unknown): Claim {
  const { claimed_at } = value as { claimed_at?: string }
  const at = new Date(claimed_at ?? Number.NaN)
  if (Number.isNaN(at.getTime())) throw new TypeError('claimed_at is the time of a claim')
  return { ...readPayload(value), claimed_at: at }
}

export const taskJobs = (house: TasksHouse): Kind[] => [
  ...verifierJobs(house),
  ...noticeKinds(house),
  ...routingKinds(house),
  defineKind<unknown, Claim>('task.return_claim', {
    schema: readClaim,
    keepOutput: false,
    run: ({ tenantId, payload }) => returnClaim(house, tenantId, payload.task_id, payload.claimed_at),
  }) as Kind,
  defineKind<unknown, Payload>('task.expire', {
    schema: readPayload,
    keepOutput: false,
    backoff: { base: '250ms', cap: '10s' },
    async run({ tenantId, payload }) {
      const again = await expireTask(house, tenantId, payload.task_id)
      return again === null ? undefined : snooze(again)
    },
  }) as Kind,
  defineKind<unknown, Payload>('act.continue', {
    schema: readPayload,
    keepOutput: false,
    run: ({ tenantId, payload }) => continueAct(house, tenantId, payload.task_id),
  }) as Kind,
  defineKind<unknown, Payload>('task.expect_outcome', {
    schema: readPayload,
    keepOutput: false,
    async run({ tenantId, payload }) {
      const again = await missOutcome(house, tenantId, payload.task_id)
      return again === null ? undefined : snooze(again)
    },
  }) as Kind,
  defineKind('task.retain', {
    keepOutput: false,
    deadline: '1h',
    async run(_job, { signal }) {
      await eraseWhatIsOver(house, signal)
    },
  }) as Kind,
  defineKind('task.fold_rollups', {
    keepOutput: false,
    deadline: '10m',
    async run(_job, { signal }) {
      await foldRollups(house, signal)
    },
  }) as Kind,
]

/** What is no longer kept is erased at night; what has ended is counted each minute. */
export const taskSchedules: readonly Schedule[] = [
  defineSchedule('task-retention', { cron: '7 2 * * *', kind: 'task.retain', overlap: 'skip' }),
  defineSchedule('task-rollups', { cron: '* * * * *', kind: 'task.fold_rollups', overlap: 'skip' }),
]
