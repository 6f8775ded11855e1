// The routes of erasures: schemas and one verb each.
import { type Route, route, s } from '../../http/route.ts'
import type { RelayHouse } from '../house.ts'
import { cancelErasure, confirmErasure, getErasure, pageErasures, planErasure } from './erasure.ts'

const tag = 'leaving'
const params = { id: s.id('ers') }
export const SubjectName = s.oneOf('thread', 'relay_grant', 'card')
export const subjectBody = () =>
  s.object({ subject: SubjectName, id: s.text({ max: 40 }).describe('Of the thread, the relay grant or the card.') })

const count = () => s.int({ min: 0 })
const erasure = {
  id: s.id('ers'),
  subject: SubjectName,
  subject_id: s.text(),
  state: s.oneOf('planned', 'running', 'done', 'cancelled'),
  plan: s.object({
    threads: count(),
    open_threads: count(),
    messages: count(),
    tasks: count(),
    deliveries: count(),
    exports: count(),
  }),
  stays: s.array(s.text()),
  counts: s.maybe(s.object({ threads: count(), messages: count(), tasks: count(), deliveries: count(), keys: count() })),
  event_id: s.maybe(s.id('evt')),
  planned_by: s.text(),
  created_at: s.time(),
  confirmed_by: s.maybe(s.text()),
  confirmed_at: s.maybe(s.time()),
  finished_at: s.maybe(s.time()),
}
const ErasureBody = s.named('Erasure', s.object(erasure), 'What an erasure takes away, and how it stands.')
const WithReceipt = s.object({
  ...erasure,
  receipt: s.maybe(s.object({ receipt: s.text({ max: 1_000_000 }), kid: s.text(), sealed: s.boolean() })),
})

export const erasureRoutes = (house: RelayHouse): Route[] => [
  route(
    'POST /erasures',
    {
      summary: 'Plan an erasure',
      description: 'Counts what it would take away and says what stays. Nothing is gone before it is confirmed.',
      ...{ tag, auth: 'session', action: 'thread.erase', stepUp: true, bucket: 'erasure' },
      body: subjectBody(),
      answers: { 202: ErasureBody },
      problems: ['not_found', 'legal_hold', 'state_conflict'],
    },
    ({ scope, body }) => planErasure(house, scope, body),
  ),
  route(
    'GET /erasures',
    {
      summary: 'List erasures, newest first',
      ...{ tag, auth: 'any', action: 'thread.erase' },
      query: s.page(),
      answers: { 200: s.list(ErasureBody) },
      problems: ['cursor_invalid'],
    },
    ({ scope, query }) => pageErasures(house, scope, query),
  ),
  route(
    'GET /erasures/:id',
    {
      summary: 'Read an erasure, with its receipt once it is done',
      ...{ tag, auth: 'any', action: 'thread.erase' },
      params,
      answers: { 200: WithReceipt },
      problems: ['not_found'],
    },
    ({ scope, params: at }) => getErasure(house, scope, at.id),
  ),
  route(
    'POST /erasures/:id/confirm',
    {
      summary: 'Confirm an erasure',
      description: 'It begins at once and cannot be taken back. It waits for an export of the same thing that is being written.',
      ...{ tag, auth: 'session', action: 'thread.erase', stepUp: true },
      params,
      answers: { 202: ErasureBody },
      problems: ['not_found', 'legal_hold', 'state_conflict'],
    },
    ({ scope, params: at }) => confirmErasure(house, scope, at.id),
  ),
  route(
    'POST /erasures/:id/cancel',
    {
      summary: 'Take back an erasure that is not confirmed',
      ...{ tag, auth: 'session', action: 'thread.erase', stepUp: true },
      params,
      answers: { 200: ErasureBody },
      problems: ['not_found', 'state_conflict'],
    },
    ({ scope, params: at }) => cancelErasure(house, scope, at.id),
  ),
]
