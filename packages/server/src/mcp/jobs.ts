// Jobs and queues as tools (queue.md Q142): the verbs of the room jobs/, nothing beside them.
import { s } from '../http/route.ts'
import { listDeadLetters, retryDeadLetter } from '../jobs/dead-letter.ts'
import { examine } from '../jobs/doctor.ts'
import type { JobsHouse } from '../jobs/house.ts'
import { cancelJob, getJob, getTimeline, listJobs, retryJob } from '../jobs/job.ts'
import { pauseQueue, resumeQueue } from '../jobs/queue.ts'
import {
  FindingsBody,
  JobBody,
  JobRowBody,
  jobId,
  listQuery,
  overrides,
  QueueBody,
  QueueName,
  TimelineBody,
} from '../jobs/shapes.ts'
import { type Tool, tool } from './tool.ts'

const page = s.page()
const reason = s.optional(s.text({ max: 1_000 }).describe('Why; kept with the job.'))
const queue = { queue: QueueName.describe('The name of the queue.') }

export const jobTools = (house: JobsHouse): Tool[] => [...reads(house), ...acts(house)]

const reads = (house: JobsHouse): Tool[] => [
  tool({
    name: 'jobs_list',
    title: 'List jobs',
    description:
      'Lists jobs, newest first, without their content. Narrow by state, kind, queue, tag, key or time; go on with `cursor` while `next_cursor` is not null. Read one with job_get.',
    action: 'job.read',
    effect: 'reads',
    input: { ...listQuery, ...page },
    output: s.list(JobRowBody),
    run: (scope, input) => listJobs(house, scope, input),
  }),
  tool({
    name: 'job_get',
    title: 'Read a job',
    description:
      'Reads one job: state, payload, output, the errors of its last attempts, and in `may` what you may do with it now.',
    action: 'job.read',
    effect: 'reads',
    input: jobId,
    output: JobBody,
    run: (scope, { id }) => getJob(house, scope, id),
  }),
  tool({
    name: 'job_timeline',
    title: 'Read the timeline of a job',
    description:
      'Reads every transition of a job, oldest first: when, by whom, by which worker, in which attempt, with which outcome and error.',
    action: 'job.read',
    effect: 'reads',
    input: jobId,
    output: s.list(TimelineBody),
    run: (scope, { id }) => getTimeline(house, scope, id),
  }),
  tool({
    name: 'dead_letters_list',
    title: 'List dead letters',
    description:
      'Lists jobs that failed for good and were kept, newest first. `last_error` says why. Once the cause is mended, run one again with dead_letter_retry.',
    action: 'job.read',
    effect: 'reads',
    input: {
      kind: listQuery.kind,
      queue: listQuery.queue,
      reason: s.optional(s.line({ max: 100 }).describe('`attempts_exhausted`, `terminal_error`, `payload_invalid` …')),
      tag: listQuery.tag,
      q: listQuery.q,
      ...page,
    },
    output: s.list(JobRowBody),
    run: (scope, input) => listDeadLetters(house, scope, input),
  }),
  tool({
    name: 'queue_doctor',
    title: 'Examine the queue',
    description: 'Says in sentences what is wrong with the queue and what to do about it. An empty list: nothing is.',
    action: 'queue.read',
    effect: 'reads',
    cost: 4,
    input: {},
    output: FindingsBody,
    run: (scope) => examine(house, scope),
  }),
]

const acts = (house: JobsHouse): Tool[] => [
  tool({
    name: 'job_retry',
    title: 'Retry a job',
    description:
      'Runs a failed or cancelled job again, or one that waits now. It keeps its payload unless you give another. `state_conflict` says that the job is in a state that it cannot be retried from.',
    action: 'job.retry',
    effect: 'changes',
    input: { ...jobId, ...overrides },
    output: JobBody,
    run: (scope, { id, ...own }) => retryJob(house, scope, id, own),
  }),
  tool({
    name: 'job_cancel',
    title: 'Cancel a job',
    description:
      'Cancels a job that is not over. The worker of a running one is asked to stop, and the job ends within its grace.',
    action: 'job.cancel',
    effect: 'destroys',
    input: { ...jobId, reason },
    output: JobBody,
    run: (scope, input) => cancelJob(house, scope, input.id, input.reason ?? null),
  }),
  tool({
    name: 'dead_letter_retry',
    title: 'Retry a dead letter',
    description: 'Runs a dead letter again from its first attempt. `unique_conflict` says that a newer job does the same work.',
    action: 'dead_letter.retry',
    effect: 'changes',
    input: { ...jobId, ...overrides },
    output: JobBody,
    run: (scope, { id, ...own }) => retryDeadLetter(house, scope, id, own),
  }),
  tool({
    name: 'queue_pause',
    title: 'Pause a queue',
    description:
      'Stops giving out jobs of a queue, for all tenants. Jobs may still be enqueued, and those that run go on. Undo with queue_resume.',
    action: 'queue.pause',
    shared: true,
    effect: 'destroys',
    input: queue,
    output: QueueBody,
    run: (scope, input) => pauseQueue(house, scope, input.queue),
  }),
  tool({
    name: 'queue_resume',
    title: 'Resume a queue',
    description: 'Gives out jobs of a paused queue again.',
    action: 'queue.resume',
    shared: true,
    effect: 'changes',
    input: queue,
    output: QueueBody,
    run: (scope, input) => resumeQueue(house, scope, input.queue),
  }),
]
