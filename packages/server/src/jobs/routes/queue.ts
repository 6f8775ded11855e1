// The routes of queues, their keys, and kinds: schemas and one verb each.
import { type Route, route, s } from '../../http/route.ts'
import type { JobsHouse } from '../house.ts'
import { getKind, listKinds, pauseKind, resumeKind } from '../kind.ts'
import {
  type Change,
  changeQueue,
  drainQueue,
  getQueue,
  listKeys,
  listQueues,
  pauseQueue,
  resumeQueue,
  retryKey,
  skipKey,
} from '../queue.ts'
import { BlockedKey, DrainedBody, FreedKey, KindBody, keyName, kindName, QueueBody, QueueChange, queueName } from '../shapes.ts'

export const queueRoutes = (house: JobsHouse): Route[] => [...queues(house), ...keys(house), ...kinds(house)]

const queues = (house: JobsHouse): Route[] => {
  const read = { tag: 'queues', auth: 'any', action: 'queue.read' } as const
  const one = { params: queueName, answers: { 200: QueueBody }, problems: ['not_found'] } as const
  return [
    route('GET /queues', { ...read, summary: 'List queues', answers: { 200: s.list(QueueBody) } }, ({ scope }) =>
      listQueues(house, scope),
    ),
    route('GET /queues/:name', { ...read, ...one, summary: 'Read a queue' }, ({ scope, params }) =>
      getQueue(house, scope, params.name),
    ),
    route(
      'PATCH /queues/:name',
      {
        ...one,
        summary: 'Change the limits of a queue',
        description: 'What is left out stays as it is; null takes a limit away.',
        tag: 'queues',
        auth: 'any',
        action: 'queue.override',
        body: QueueChange,
      },
      ({ scope, params, body }) => changeQueue(house, scope, params.name, body as Change),
    ),
    route(
      'POST /queues/:name/pause',
      { ...one, summary: 'Stop giving out jobs of a queue', tag: 'queues', auth: 'any', action: 'queue.pause' },
      ({ scope, params }) => pauseQueue(house, scope, params.name),
    ),
    route(
      'POST /queues/:name/resume',
      { ...one, summary: 'Give out jobs of a queue again', tag: 'queues', auth: 'any', action: 'queue.resume' },
      ({ scope, params }) => resumeQueue(house, scope, params.name),
    ),
    route(
      'POST /queues/:name/drain',
      {
        ...one,
        summary: 'Cancel everything that waits in a queue',
        tag: 'queues',
        auth: 'any',
        action: 'queue.drain',
        answers: { 200: DrainedBody },
      },
      ({ scope, params }) => drainQueue(house, scope, params.name),
    ),
  ]
}

const keys = (house: JobsHouse): Route[] => {
  const act = {
    tag: 'queues',
    auth: 'any',
    action: 'queue.resume',
    params: keyName,
    problems: ['not_found', 'state_conflict'],
  } as const
  return [
    route(
      'GET /queues/:name/keys',
      {
        summary: 'List the keys of a queue that hold up jobs',
        tag: 'queues',
        auth: 'any',
        action: 'queue.read',
        params: queueName,
        query: s.page(),
        answers: { 200: s.list(BlockedKey) },
        problems: ['not_found', 'cursor_invalid'],
      },
      ({ scope, params, query }) => listKeys(house, scope, params.name, query),
    ),
    route(
      'POST /queues/:name/keys/:key/skip',
      { ...act, summary: 'Make the job that holds up an ordering key a dead letter', answers: { 200: FreedKey } },
      ({ scope, params }) => skipKey(house, scope, params.name, params.key),
    ),
    route(
      'POST /queues/:name/keys/:key/retry',
      { ...act, summary: 'Run the job now that holds up an ordering key', answers: { 200: FreedKey } },
      ({ scope, params }) => retryKey(house, scope, params.name, params.key),
    ),
  ]
}

const kinds = (house: JobsHouse): Route[] => {
  const read = { tag: 'kinds', auth: 'any', action: 'queue.read' } as const
  const one = { params: kindName, answers: { 200: KindBody }, problems: ['not_found'] } as const
  return [
    route('GET /kinds', { ...read, summary: 'List kinds', answers: { 200: s.list(KindBody) } }, ({ scope }) =>
      listKinds(house, scope),
    ),
    route('GET /kinds/:name', { ...read, ...one, summary: 'Read a kind' }, ({ scope, params }) =>
      getKind(house, scope, params.name),
    ),
    route(
      'POST /kinds/:name/pause',
      { ...one, summary: 'Stop giving out jobs of a kind', tag: 'kinds', auth: 'any', action: 'queue.pause' },
      ({ scope, params }) => pauseKind(house, scope, params.name),
    ),
    route(
      'POST /kinds/:name/resume',
      { ...one, summary: 'Give out jobs of a kind again', tag: 'kinds', auth: 'any', action: 'queue.resume' },
      ({ scope, params }) => resumeKind(house, scope, params.name),
    ),
  ]
}
