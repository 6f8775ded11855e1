// Acts about jobs that the house does by itself once people have agreed (T9): the verbs that the asker called, from what people saw.
import type { Continuation, CountersignedAct } from '../identity/policies/countersign.ts'
import type { JobsHouse } from './house.ts'
import { createJob, type NewJob, retryJob } from './job.ts'

type Retry = { job: string; changes: { queue?: string; priority?: number; run_at?: string; payload?: unknown } }

/** A time was written as text where people saw it. */
const timed = <T extends { run_at?: string }>({ run_at, ...rest }: T) => ({
  ...rest,
  ...(run_at === undefined ? {} : { run_at: new Date(run_at) }),
})

export const jobContinuations = (house: JobsHouse): [CountersignedAct['action'], Continuation][] => [
  [
    'job.enqueue',
    (countersign, scope, body) =>
      createJob({ ...house, countersign }, scope, timed(body as NewJob & { run_at?: string }) as NewJob),
  ],
  [
    'job.retry',
    (countersign, scope, body) => {
      const { job, changes } = body as Retry
      return retryJob({ ...house, countersign }, scope, job, timed(changes))
    },
  ],
]
