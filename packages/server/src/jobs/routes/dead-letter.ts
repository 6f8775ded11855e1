// The routes of dead letters: schemas and one verb each.
import type { DeadLetterFilter as Filter } from '@countersign/queue'
import { type Route, route, s } from '../../http/route.ts'
import {
  deadLetterDepth,
  getDeadLetter,
  listDeadLetters,
  type MoveFilter,
  moveToDeadLetters,
  purgeDeadLetter,
  purgeDeadLetters,
  retryDeadLetter,
  retryDeadLetters,
} from '../dead-letter.ts'
import type { JobsHouse } from '../house.ts'
import {
  BulkBody,
  DeadLetterDepth,
  DeadLetterFilter,
  JobBody,
  JobRowBody,
  jobId,
  listQuery,
  overrides,
  PurgedBody,
  RetriedBody,
} from '../shapes.ts'

const tag = 'dead letters'
const read = { tag, auth: 'any', action: 'job.read' } as const
const retry = { tag, auth: 'any', action: 'dead_letter.retry' } as const
const purge = { tag, auth: 'any', action: 'dead_letter.purge' } as const
const MIB = 1_048_576

export const deadLetterRoutes = (house: JobsHouse): Route[] => [
  route(
    'GET /dead-letters',
    {
      ...read,
      summary: 'List dead letters, newest first',
      query: {
        kind: listQuery.kind,
        queue: listQuery.queue,
        reason: DeadLetterFilter.shape.reason,
        tag: listQuery.tag,
        q: listQuery.q,
        ...s.page(),
      },
      answers: { 200: s.list(JobRowBody) },
      problems: ['cursor_invalid'],
    },
    ({ scope, query }) => listDeadLetters(house, scope, query),
  ),
  route(
    'GET /dead-letters/depth',
    {
      ...read,
      summary: 'Count dead letters by kind, queue and reason',
      action: 'queue.read',
      answers: { 200: DeadLetterDepth },
    },
    ({ scope }) => deadLetterDepth(house, scope),
  ),
  route(
    'GET /dead-letters/:id',
    { ...read, summary: 'Read a dead letter', params: jobId, answers: { 200: JobBody }, problems: ['not_found'] },
    ({ scope, params }) => getDeadLetter(house, scope, params.id),
  ),
  route(
    'DELETE /dead-letters/:id',
    { ...purge, summary: 'Delete a dead letter', params: jobId, answers: { 204: null }, problems: ['not_found'] },
    ({ scope, params }) => purgeDeadLetter(house, scope, params.id),
  ),
  route(
    'POST /dead-letters/:id/retry',
    {
      ...retry,
      summary: 'Run a dead letter again',
      params: jobId,
      body: s.object(overrides),
      maxBody: 2 * MIB,
      answers: { 200: JobBody },
      problems: ['not_found', 'state_conflict', 'unique_conflict', 'payload_too_large'],
    },
    ({ scope, params, body }) => retryDeadLetter(house, scope, params.id, body),
  ),
  route(
    'POST /dead-letters/bulk-retry',
    {
      ...retry,
      summary: 'Run dead letters again, at most 1,000 a call',
      body: s.object({ filter: DeadLetterFilter, ...overrides }),
      maxBody: 2 * MIB,
      answers: { 200: RetriedBody },
      problems: ['filter_required', 'payload_too_large'],
      cost: 10,
    },
    ({ scope, body: { filter, ...own } }) => retryDeadLetters(house, scope, filter as Filter, own),
  ),
  route(
    'POST /dead-letters/bulk-purge',
    {
      ...purge,
      summary: 'Delete dead letters, at most 1,000 a call',
      body: s.object({ filter: DeadLetterFilter }),
      answers: { 200: PurgedBody },
      problems: ['filter_required'],
      cost: 10,
    },
    ({ scope, body }) => purgeDeadLetters(house, scope, body.filter as Filter),
  ),
  route(
    'POST /dead-letters/bulk-move',
    {
      ...retry,
      summary: 'Move jobs that nobody runs to the dead letters, at most 1,000 a call',
      body: s.object({
        filter: s.object({
          ids: DeadLetterFilter.shape.ids,
          kind: listQuery.kind,
          queue: listQuery.queue,
          tag: listQuery.tag,
          all: DeadLetterFilter.shape.all,
        }),
        reason: s.nullish(s.text({ max: 1_000 })),
      }),
      answers: { 200: BulkBody },
      problems: ['filter_required'],
      cost: 10,
    },
    ({ scope, body }) => moveToDeadLetters(house, scope, body.filter as MoveFilter, body.reason ?? null),
  ),
]
