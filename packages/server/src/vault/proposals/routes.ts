// The routes by which agents ask for connections, and people answer.
import { type Route, route, s } from '../../http/route.ts'
import { StartedAuthorization } from '../authorizations/shapes.ts'
import { ConnectionName, MethodName, Params, ProviderName } from '../connections/shapes.ts'
import type { VaultHouse } from '../house.ts'
import { acceptProposal, getProposal, listProposals, proposeConnection, rejectProposal } from './proposal.ts'

const tag = 'connections'
const params = { id: s.id('prp') }
const HELD = ['policy_denied', 'policy_error', 'approval_pending', 'human_denied', 'too_many_open', 'busy'] as const
const Status = s.oneOf('proposed', 'accepted', 'rejected', 'expired')
const wish = {
  method: s.optional(MethodName),
  name: s.optional(ConnectionName),
  shared: s.optional(s.boolean()),
  scopes: s.optional(s.array(s.line({ max: 300 }), { max: 100 })),
  params: s.optional(Params),
}

const ProposalBody = s.named(
  'ConnectionProposal',
  s.object({
    id: s.id('prp'),
    agent_id: s.id('agt'),
    provider: s.text(),
    method: s.maybe(MethodName),
    connection_name: s.text(),
    shared: s.boolean(),
    scopes: s.array(s.text()),
    params: s.record(s.text()),
    reason: s.text(),
    status: Status,
    status_cause: s.maybe(s.text()),
    task_id: s.maybe(s.id('task')).describe('In which people are asked.'),
    decided_by: s.maybe(s.text()),
    authorization_id: s.maybe(s.id('atz')).describe('By which whoever accepted connects.'),
    connection_id: s.maybe(s.id('conn')).describe('What came of it; to use it the agent needs a grant.'),
    created_at: s.time(),
    expires_at: s.time(),
  }),
  'An agent asks people to connect a provider.',
)

export const proposalRoutes = (house: VaultHouse): Route[] => [
  route(
    'GET /connection-proposals',
    {
      summary: 'List the connections that agents asked for, newest first',
      description: 'An agent sees its own.',
      tag,
      auth: 'any',
      action: 'grant.read',
      query: { status: s.optional(Status), agent_id: s.optional(s.id('agt')), ...s.page() },
      answers: { 200: s.list(ProposalBody) },
      problems: ['cursor_invalid'],
    },
    ({ scope, query }) => listProposals(house, scope, query),
  ),
  route(
    'POST /connection-proposals',
    {
      summary: 'Ask people, as an agent, for a new connection',
      description:
        'People are asked in a task, for seven days; the same again joins what waits (200). At most 20 proposals of an agent wait.',
      tag,
      auth: 'any',
      action: 'grant.create',
      body: s.object({ provider: ProviderName, ...wish, reason: s.text({ min: 1, max: 2_000 }) }),
      answers: { 201: ProposalBody, 200: ProposalBody },
      problems: ['not_found', ...HELD],
    },
    async ({ scope, body, reply }) => {
      reply.status(201)
      return proposeConnection(house, scope, body, () => reply.status(200))
    },
  ),
  route(
    'GET /connection-proposals/:id',
    {
      summary: 'Read what an agent asked for, and what came of it',
      tag,
      auth: 'any',
      action: 'grant.read',
      params,
      answers: { 200: ProposalBody },
      problems: ['not_found'],
    },
    ({ scope, params }) => getProposal(house, scope, params.id),
  ),
  route(
    'POST /connection-proposals/:id/accept',
    {
      summary: 'Accept a proposed connection, and begin to connect',
      description:
        'What is named in the body takes the place of what was proposed; scopes may only be fewer. Answers the link by which you connect. Again while nothing came of it: a new link.',
      tag,
      auth: 'any',
      action: 'grant.decide',
      params,
      body: s.object(wish),
      answers: { 201: StartedAuthorization },
      secretOnce: ['connect_url'],
      problems: [
        ...([
          'not_found',
          'state_conflict',
          'connection_exists',
          'client_needed',
          'definition_invalid',
          'provider_error',
        ] as const),
        ...(['url_not_allowed', 'url_invalid', ...HELD] as const),
      ],
    },
    ({ scope, params, body }) => acceptProposal(house, scope, params.id, body),
  ),
  route(
    'POST /connection-proposals/:id/reject',
    {
      summary: 'Refuse a proposed connection',
      tag,
      auth: 'any',
      action: 'grant.decide',
      params,
      body: s.object({ reason: s.optional(s.text({ max: 2_000 })) }),
      answers: { 200: ProposalBody },
      problems: ['not_found', 'state_conflict'],
    },
    ({ scope, params, body }) => rejectProposal(house, scope, params.id, body.reason),
  ),
]
