// The routes of connections: schemas and one verb each.
import { type Route, route, s } from '../../http/route.ts'
import type { VaultHouse } from '../house.ts'
import { compareConnections } from './compare.ts'
import { changeConnection, getConnection, listConnectionsOf, removeConnection } from './connection.ts'
import { makeDefault } from './default.ts'
import { exportFields, FORMATS } from './export.ts'
import { importConnections } from './import.ts'
import { ConnectionBody, ConnectionChange, ConnectionStatus, ImportBody, ImportResults, ProviderName } from './shapes.ts'

const tag = 'connections'
const params = { id: s.id('conn') }
const HELD = ['policy_denied', 'policy_error', 'approval_pending', 'human_denied', 'too_many_open', 'busy'] as const

export const connectionRoutes = (house: VaultHouse): Route[] => [
  route(
    'GET /connections',
    {
      summary: 'List connections, newest first',
      description: 'Metadata only. An agent sees those that it was granted.',
      tag,
      auth: 'any',
      action: 'connection.read',
      query: {
        provider: s.optional(ProviderName),
        status: s.optional(ConnectionStatus),
        owner: s.optional(s.id('usr')),
        shared: s.optional(s.oneOf('true', 'false')),
        q: s.optional(s.line({ max: 100 })).describe('A part of a name, an account or a provider.'),
        ...s.page(),
      },
      answers: { 200: s.list(ConnectionBody) },
      problems: ['cursor_invalid'],
    },
    ({ scope, query: { shared, ...query } }) =>
      listConnectionsOf(house, scope, { ...query, ...(shared === undefined ? {} : { shared: shared === 'true' }) }),
  ),
  route(
    'GET /connections/:id',
    {
      summary: 'Read a connection',
      tag,
      auth: 'any',
      action: 'connection.read',
      params,
      answers: { 200: ConnectionBody },
      problems: ['not_found'],
    },
    async ({ scope, params, reply }) => {
      const found = await getConnection(house, scope, params.id)
      reply.header('ETag', `"${found.revision}"`)
      return found
    },
  ),
  route(
    'PATCH /connections/:id',
    {
      summary: 'Rename, label or share a connection',
      description: '`If-Match` with the ETag refuses the change when the connection moved on.',
      tag,
      auth: 'any',
      action: 'connection.update',
      params,
      body: ConnectionChange,
      answers: { 200: ConnectionBody },
      problems: ['not_found', 'version_conflict', 'connection_exists', 'state_conflict'],
    },
    ({ scope, params, body, request }) => changeConnection(house, scope, params.id, body, request.header('if-match')),
  ),
  route(
    'DELETE /connections/:id',
    {
      summary: 'Revoke and remove a connection',
      description: 'Its use ends at once, with every grant on it; its provider is told afterwards.',
      tag,
      auth: 'any',
      action: 'connection.delete',
      params,
      answers: { 200: ConnectionBody },
      problems: [
        'not_found',
        'state_conflict',
        'policy_denied',
        'policy_error',
        'approval_pending',
        'human_denied',
        'too_many_open',
        'busy',
      ],
    },
    ({ scope, params }) => removeConnection(house, scope, params.id),
  ),
  route(
    'POST /connections/:id/default',
    {
      summary: 'Make a connection the one that is meant where none is named',
      description: 'Of an agent, of the tenant, or of whoever asks.',
      tag,
      auth: 'any',
      action: 'connection.update',
      params,
      body: s.object({ agent_id: s.optional(s.id('agt')), tenant: s.optional(s.boolean()) }),
      answers: { 200: ConnectionBody },
      problems: ['not_found'],
    },
    ({ scope, params, body }) => makeDefault(house, scope, params.id, body),
  ),
  route(
    'POST /connections/compare',
    {
      summary: 'Hold values against stored ones',
      description: 'For people. Says `match` or `different`, and of what is not yours `missing`; a limit counts each item.',
      tag,
      auth: 'any',
      action: 'connection.update',
      body: s.object({
        items: s.array(s.object({ connection_id: s.id('conn'), fields: s.record(s.text({ min: 1, max: 16_384 })) }), {
          min: 1,
          max: 200,
        }),
      }),
      answers: {
        200: s.object({
          data: s.array(s.object({ connection_id: s.id('conn'), state: s.oneOf('match', 'different', 'missing') })),
        }),
      },
      problems: ['envelope_unknown'],
      idempotency: 'none',
    },
    async ({ scope, body, limits }) => ({
      data: await compareConnections(house, scope, body.items, (cost) => limits.take('vault.compare', scope.principal, cost)),
    }),
  ),
  route(
    'POST /connections/import',
    {
      summary: 'Store credentials that a human brings: keys, passwords, cookies of a session',
      description:
        'Each item for itself, with a result of its own. Nothing is tried at a provider. `replace: true` puts an item in place of what has its name; a repeated call then does the same again.',
      tag,
      auth: 'session',
      action: 'connection.create',
      body: ImportBody,
      maxBody: 4_194_304,
      answers: { 200: ImportResults },
      idempotency: 'none',
    },
    async ({ scope, body }) => ({ data: await importConnections(house, scope, body.items) }),
  ),
  route(
    'POST /connections/:id/export',
    {
      summary: 'Take fields of a stored credential out',
      description:
        'Off until the tenant switches it on (`vault_export`). Each field leaves an event with the reason. Refresh tokens, client secrets and private keys never leave.',
      tag,
      auth: 'session',
      action: 'connection.export',
      stepUp: true,
      params,
      body: s.object({
        fields: s.array(s.line({ max: 100 }), { min: 1, max: 20 }),
        format: s.oneOf(...FORMATS),
        reason: s.text({ min: 1, max: 500 }),
      }),
      answers: { 200: 'page' },
      problems: ['not_found', 'not_exportable', 'export_off', 'state_conflict', 'envelope_unknown', ...HELD],
      idempotency: 'none',
    },
    ({ scope, params, body, reply }) => {
      reply.header('Cache-Control', 'no-store')
      return exportFields(house, scope, params.id, body)
    },
  ),
]
