// The routes of exports: schemas and one verb each.
import { type Route, route, s } from '../../http/route.ts'
import type { RelayHouse } from '../house.ts'
import { createExport, downloadExport, getExport, pageExports } from './export.ts'

const tag = 'leaving'
const params = { id: s.id('exp') }
const count = () => s.int({ min: 0 })
const SubjectName = s.oneOf('thread', 'relay_grant', 'card', 'tenant')
const ExportBody = s.named(
  'Export',
  s.object({
    id: s.id('exp'),
    subject: SubjectName,
    subject_id: s.text(),
    side: s.oneOf('owner', 'caller', 'both'),
    state: s.oneOf('running', 'ready', 'failed', 'expired'),
    requested_by: s.text(),
    event_id: s.id('evt'),
    threads: count(),
    written: count(),
    bytes: count(),
    checkpoint_size: s.maybe(count()),
    lines_hash: s.maybe(s.text()),
    error: s.maybe(s.text()),
    created_at: s.time(),
    finished_at: s.maybe(s.time()),
    expires_at: s.maybe(s.time()),
  }),
  'One side of a thread, a relay grant or a card, or all that a tenant has, taken out as JSON Lines.',
)

export const exportRoutes = (house: RelayHouse): Route[] => [
  route(
    'POST /exports',
    {
      summary: 'Export one’s side of a thread, a relay grant or a card, or the whole tenant',
      description:
        'A job writes it; read its progress by its id. One at a time of the same thing. It is kept for seven days. Of a tenant it holds the record, its rows by table, its tasks as in GET /tasks/export, and both of its sides of the relay; its last lines say what was left out and why.',
      ...{ tag, auth: 'session', action: 'thread.export', stepUp: true, bucket: 'export' },
      body: s.object({
        subject: SubjectName,
        id: s.text({ max: 40 }).describe('Of the thread, the relay grant, the card or one’s own tenant.'),
      }),
      answers: { 202: ExportBody },
      problems: ['not_found', 'export_running'],
    },
    ({ scope, body }) => createExport(house, scope, body),
  ),
  route(
    'GET /exports',
    {
      summary: 'List exports, newest first',
      ...{ tag, auth: 'any', action: 'thread.export' },
      query: s.page(),
      answers: { 200: s.list(ExportBody) },
      problems: ['cursor_invalid'],
    },
    ({ scope, query }) => pageExports(house, scope, query),
  ),
  route(
    'GET /exports/:id',
    {
      summary: 'Read how an export stands',
      ...{ tag, auth: 'any', action: 'thread.export' },
      params,
      answers: { 200: ExportBody },
      problems: ['not_found'],
    },
    ({ scope, params: at }) => getExport(house, scope, at.id),
  ),
  route(
    'GET /exports/:id/pieces/:n',
    {
      summary: 'Read a piece of a finished export',
      description:
        'Pieces are whole lines. Begin with 0 and go on with `next` until it is null; the file is their texts one after the other.',
      ...{ tag, auth: 'session', action: 'thread.export' },
      params: { ...params, n: s.pattern(/^\d{1,7}$/, 'Must be a number.') },
      answers: { 200: s.object({ n: s.int(), text: s.text({ max: 100_000_000 }), next: s.maybe(s.int()) }) },
      problems: ['not_found', 'state_conflict'],
    },
    ({ scope, params: at }) => downloadExport(house, scope, at.id, Number(at.n)),
  ),
]
