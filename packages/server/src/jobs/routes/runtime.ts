// The routes of the engine itself, of figures, and of callbacks seen from inside: schemas and one verb each.
import { type Route, route, s } from '../../http/route.ts'
import { cancelCallback, getCallback, listCallbacks, resumeCallback, retryCallback } from '../callback.ts'
import { examine } from '../doctor.ts'
import type { JobsHouse } from '../house.ts'
import { getCapabilities, getMaintenance, getRing, getWorker, listWorkers, tick } from '../runtime.ts'
import {
  CallbackBody,
  CapabilitiesBody,
  callbackId,
  FindingsBody,
  KindStats,
  listQuery,
  MaintenanceBody,
  QueueStatsRow,
  RingBody,
  SeriesBody,
  SettledBody,
  StatsBody,
  TickBody,
  WorkerBody,
} from '../shapes.ts'
import { getSeries, getStats, listKindStats, listQueueStats } from '../stats.ts'

const read = { tag: 'engine', auth: 'any', action: 'queue.read' } as const

export const runtimeRoutes = (house: JobsHouse): Route[] => [...engine(house), ...stats(house), ...callbacks(house)]

const engine = (house: JobsHouse): Route[] => [
  route('GET /workers', { ...read, summary: 'List workers', answers: { 200: s.list(WorkerBody) } }, ({ scope }) =>
    listWorkers(house, scope),
  ),
  route(
    'GET /queue/doctor',
    { ...read, summary: 'Say what is wrong with the queue, and what to do', cost: 5, answers: { 200: FindingsBody } },
    ({ scope }) => examine(house, scope),
  ),
  route(
    'GET /workers/:id',
    {
      ...read,
      summary: 'Read a worker',
      params: { id: s.pattern(/^[^\0/]{1,300}$/, 'Must be the id of a worker.') },
      answers: { 200: WorkerBody },
      problems: ['not_found'],
    },
    ({ scope, params }) => getWorker(house, scope, params.id),
  ),
  route('GET /ring', { ...read, summary: 'Read the ring of slots', answers: { 200: RingBody } }, ({ scope }) =>
    getRing(house, scope),
  ),
  route('GET /maintenance', { ...read, summary: 'Read how maintenance stands', answers: { 200: MaintenanceBody } }, ({ scope }) =>
    getMaintenance(house, scope),
  ),
  route(
    'POST /maintenance/tick',
    {
      summary: 'Run one round of maintenance now',
      tag: 'engine',
      auth: 'any',
      action: 'maintenance.tick',
      answers: { 200: TickBody },
      cost: 10,
    },
    ({ scope }) => tick(house, scope),
  ),
  route(
    'GET /capabilities',
    { ...read, summary: 'Read what this server can do now', answers: { 200: CapabilitiesBody } },
    ({ scope }) => getCapabilities(house, scope),
  ),
]

const stats = (house: JobsHouse): Route[] => {
  const read = { tag: 'stats', auth: 'any', action: 'queue.read' } as const
  return [
    route('GET /stats', { ...read, summary: 'Read how the tenant’s jobs stand', answers: { 200: StatsBody } }, ({ scope }) =>
      getStats(house, scope),
    ),
    route(
      'GET /stats/timeseries',
      {
        ...read,
        summary: 'Read figures over time',
        query: {
          from: s.optional(s.time().describe('An hour before `to` unless said.')),
          to: s.optional(s.time().describe('Now unless said.')),
          step: s.optional(s.int({ min: 60, max: 86_400 }).describe('Seconds of one point; 60 unless said.')),
          by: s.optional(s.oneOf('kind', 'queue', 'outcome')),
        },
        answers: { 200: SeriesBody },
      },
      ({ scope, query }) => getSeries(house, scope, query),
    ),
    route('GET /stats/kinds', { ...read, summary: 'Read figures by kind', answers: { 200: s.list(KindStats) } }, ({ scope }) =>
      listKindStats(house, scope),
    ),
    route(
      'GET /stats/queues',
      { ...read, summary: 'Read figures by queue', answers: { 200: s.list(QueueStatsRow) } },
      ({ scope }) => listQueueStats(house, scope),
    ),
  ]
}

const callbacks = (house: JobsHouse): Route[] => {
  const read = { tag: 'callbacks', auth: 'any', action: 'job.read' } as const
  const settle = {
    tag: 'callbacks',
    auth: 'any',
    action: 'callback.settle',
    params: callbackId,
    answers: { 200: SettledBody },
    problems: ['not_found', 'state_conflict', 'callback_resolved', 'callback_expired', 'payload_too_large'],
  } as const
  return [
    route(
      'GET /callbacks',
      {
        ...read,
        summary: 'List callbacks that jobs wait for, newest first',
        query: {
          state: s.optional(CallbackBody.shape.state),
          kind: listQuery.kind,
          queue: listQuery.queue,
          job_id: s.optional(s.id('job')),
          ...s.page(),
        },
        answers: { 200: s.list(CallbackBody) },
        problems: ['cursor_invalid'],
      },
      ({ scope, query }) => listCallbacks(house, scope, query),
    ),
    route(
      'GET /callbacks/:id',
      { ...read, summary: 'Read a callback', params: callbackId, answers: { 200: CallbackBody }, problems: ['not_found'] },
      ({ scope, params }) => getCallback(house, scope, params.id),
    ),
    route(
      'POST /callbacks/:id/resume',
      {
        ...settle,
        summary: 'Answer a callback from inside; its job runs on',
        body: s.object({ payload: s.optional(s.json()) }),
        maxBody: 2_097_152,
      },
      ({ scope, params, body }) => resumeCallback(house, scope, params.id, body.payload ?? null),
    ),
    route('POST /callbacks/:id/retry', { ...settle, summary: 'Run the waiting job again from the start' }, ({ scope, params }) =>
      retryCallback(house, scope, params.id),
    ),
    route(
      'POST /callbacks/:id/cancel',
      { ...settle, summary: 'Withdraw a callback; its job runs on and may make another' },
      ({ scope, params }) => cancelCallback(house, scope, params.id),
    ),
  ]
}
