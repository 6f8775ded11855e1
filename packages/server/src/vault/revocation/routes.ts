// What is done with a stored credential at its provider: one verb a line.
import { type Route, route, s } from '../../http/route.ts'
import { ConnectionBody } from '../connections/shapes.ts'
import type { VaultHouse } from '../house.ts'
import { renewConnection, revokeConnection, testConnection } from './acts.ts'

const tag = 'connections'
const params = { id: s.id('conn') }

export const revocationRoutes = (house: VaultHouse): Route[] => [
  route(
    'POST /connections/:id/revoke',
    {
      summary: 'Revoke a connection',
      description:
        'Its use ends at once, with every grant on it. A job tells the provider for up to a day and then erases what was stored; with `local_only` it is erased and the provider is not told.',
      tag,
      auth: 'any',
      action: 'connection.delete',
      params,
      body: s.object({ local_only: s.optional(s.boolean()) }),
      answers: { 202: s.object({ status: s.oneOf('revoked'), job_id: s.id('job') }) },
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
    ({ scope, params, body }) => revokeConnection(house, scope, params.id, body.local_only ?? false),
  ),
  route(
    'POST /connections/:id/refresh',
    {
      summary: 'Have a connection renewed at its provider now',
      tag,
      auth: 'any',
      action: 'connection.update',
      params,
      answers: { 200: ConnectionBody },
      problems: ['not_found', 'needs_reauth', 'provider_error', 'state_conflict'],
    },
    ({ scope, params }) => renewConnection(house, scope, params.id),
  ),
  route(
    'POST /connections/:id/test',
    {
      summary: 'Try a connection by the call that its provider’s definition names',
      tag,
      auth: 'any',
      action: 'connection.update',
      params,
      answers: {
        200: s.object({ status: s.oneOf('works', 'refused', 'untested'), code: s.maybe(s.text()), ms: s.int() }),
      },
      problems: ['not_found', 'needs_reauth', 'provider_error', 'state_conflict'],
    },
    ({ scope, params }) => testConnection(house, scope, params.id),
  ),
]
