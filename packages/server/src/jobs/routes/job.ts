// The routes of jobs: schemas and one verb each.
import { type Route, route, s } from '../../http/route.ts'
import type { JobsHouse } from '../house.ts'
import {
  type Created,
  cancelJob,
  cancelJobs,
  createJob,
  getJob,
  getResult,
  getTimeline,
  listJobs,
  type NewJob,
  rescheduleJob,
  retryJob,
  retryJobs,
} from '../job.ts'
import {
  BulkBody,
  CreateJobBody,
  ids,
  JobBody,
  JobRowBody,
  jobId,
  listQuery,
  overrides,
  ResultBody,
  TimelineBody,
} from '../shapes.ts'
import { followJobs } from '../stream.ts'

const MIB = 1_048_576
const tag = 'jobs'
/** What the decision path answers in place of the act. */
const HELD = ['policy_denied', 'policy_error', 'approval_pending', 'human_denied', 'too_many_open', 'busy'] as const

export const jobRoutes = (house: JobsHouse): Route[] => [...reads(house), ...acts(house)]

const reads = (house: JobsHouse): Route[] => [
  route(
    'GET /jobs',
    {
      summary: 'List jobs, newest first',
      tag,
      auth: 'any',
      action: 'job.read',
      query: { ...listQuery, ...s.page() },
      answers: { 200: s.list(JobRowBody) },
      problems: ['cursor_invalid'],
    },
    ({ scope, query }) => listJobs(house, scope, query),
  ),
  route(
    'GET /jobs/stream',
    {
      summary: 'Follow jobs as server-sent events',
      description:
        'Event `job` for every state that a job passes through: `{id, kind, queue, state, reason, attempt, worker, at}`. Send the last id as `Last-Event-ID` to go on after it; what came just before may come again. Event `reset`: too much was missed, read the lists again.',
      tag,
      auth: 'any',
      action: 'job.read',
      query: { state: listQuery.state, kind: listQuery.kind, queue: listQuery.queue },
      answers: { 200: 'stream' },
      problems: ['cursor_invalid'],
      bucket: 'stream',
    },
    async (ask) => {
      const changes = followJobs(house, ask.scope, ask.query, ask.request.header('last-event-id'))
      return ask.stream(async (out) => {
        for await (const change of changes(out.signal)) await out.send(change)
      })
    },
  ),
  route(
    'GET /jobs/:id',
    {
      summary: 'Read a job',
      tag,
      auth: 'any',
      action: 'job.read',
      params: jobId,
      answers: { 200: JobBody },
      problems: ['not_found'],
    },
    ({ scope, params }) => getJob(house, scope, params.id),
  ),
  route(
    'GET /jobs/:id/timeline',
    {
      summary: 'Read every transition of a job, oldest first',
      tag,
      auth: 'any',
      action: 'job.read',
      params: jobId,
      answers: { 200: s.list(TimelineBody) },
      problems: ['not_found'],
    },
    ({ scope, params }) => getTimeline(house, scope, params.id),
  ),
  route(
    'GET /jobs/:id/result',
    {
      summary: 'Read how a job ended, or wait for it',
      tag,
      auth: 'any',
      action: 'job.read',
      params: jobId,
      query: { wait: s.withDefault(s.int({ min: 0, max: 30 }), 0) },
      answers: { 200: ResultBody },
      problems: ['not_found'],
    },
    ({ scope, params, query }) => getResult(house, scope, params.id, query.wait),
  ),
]

const acts = (house: JobsHouse): Route[] => [
  route(
    'POST /jobs',
    {
      summary: 'Enqueue a job',
      description:
        'Where policy asks, the answer is 428 `approval_pending` with the task that people answer; the same request again enqueues it, once, when they have agreed.',
      tag,
      auth: 'any',
      action: 'job.enqueue',
      body: CreateJobBody,
      maxBody: 2 * MIB,
      answers: { 201: JobBody, 200: JobBody },
      problems: [...HELD, 'kind_unknown', 'unique_conflict', 'queue_full', 'payload_too_large'],
      render(result) {
        const { job, created } = result as Created
        return { status: created ? 201 : 200, body: job }
      },
    },
    ({ scope, body }) => createJob(house, scope, body as NewJob),
  ),
  route(
    'POST /jobs/:id/retry',
    {
      summary: 'Run a failed or cancelled job again, or a waiting one now',
      tag,
      auth: 'any',
      action: 'job.retry',
      params: jobId,
      body: s.object(overrides),
      maxBody: 2 * MIB,
      answers: { 200: JobBody },
      problems: [...HELD, 'not_found', 'state_conflict', 'unique_conflict', 'payload_too_large'],
    },
    ({ scope, params, body }) => retryJob(house, scope, params.id, body),
  ),
  route(
    'POST /jobs/:id/cancel',
    {
      summary: 'Cancel a job; the worker of a running one is asked to stop',
      tag,
      auth: 'any',
      action: 'job.cancel',
      params: jobId,
      body: s.object({ reason: s.nullish(s.text({ max: 1_000 })) }),
      answers: { 200: JobBody },
      problems: ['not_found', 'state_conflict'],
    },
    ({ scope, params, body }) => cancelJob(house, scope, params.id, body.reason ?? null),
  ),
  route(
    'POST /jobs/:id/reschedule',
    {
      summary: 'Give a job that waits another time',
      tag,
      auth: 'any',
      action: 'job.reschedule',
      params: jobId,
      body: s.object({ run_at: s.time() }),
      answers: { 200: JobBody },
      problems: ['not_found', 'state_conflict'],
    },
    ({ scope, params, body }) => rescheduleJob(house, scope, params.id, body.run_at),
  ),
  route(
    'POST /jobs/bulk-retry',
    {
      summary: 'Run up to 1,000 jobs again',
      tag,
      auth: 'any',
      action: 'job.retry',
      body: s.object({ ids }),
      answers: { 200: BulkBody },
      cost: 10,
    },
    ({ scope, body }) => retryJobs(house, scope, body.ids),
  ),
  route(
    'POST /jobs/bulk-cancel',
    {
      summary: 'Cancel up to 1,000 jobs',
      tag,
      auth: 'any',
      action: 'job.cancel',
      body: s.object({ ids, reason: s.nullish(s.text({ max: 1_000 })) }),
      answers: { 200: BulkBody },
      cost: 10,
    },
    ({ scope, body }) => cancelJobs(house, scope, body.ids, body.reason ?? null),
  ),
]
