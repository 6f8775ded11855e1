// The routes of grants: schemas and one verb each.
import { type Route, route, s } from '../../http/route.ts'
import type { VaultHouse } from '../house.ts'
import { approveGrant, changeGrant, createGrant, endGrant, getGrant, listGrantsOf } from './grant.ts'
import { proposeGrant } from './proposal.ts'
import { GrantBody, GrantStatus, NewGrant, terms } from './shapes.ts'
import type { GrantRow } from './sql.ts'

const tag = 'grants'
const params = { id: s.id('grt') }
const HELD = ['policy_denied', 'policy_error', 'approval_pending', 'human_denied', 'too_many_open', 'busy'] as const
const CHANGED = ['not_found', 'version_conflict', 'state_conflict'] as const
const WHY = s.object({ reason: s.optional(s.text({ max: 2_000 })) })

export const grantRoutes = (house: VaultHouse): Route[] => [
  route(
    'GET /grants',
    {
      summary: 'List grants, newest first',
      description: 'An agent sees its own, and those of its labels.',
      tag,
      auth: 'any',
      action: 'grant.read',
      query: {
        agent_id: s.optional(s.id('agt')),
        connection_id: s.optional(s.id('conn')),
        status: s.optional(GrantStatus),
        ...s.page(),
      },
      answers: { 200: s.list(GrantBody) },
      problems: ['cursor_invalid'],
    },
    ({ scope, query }) => listGrantsOf(house, scope, query),
  ),
  route(
    'POST /grants',
    {
      summary: 'Let an agent use a connection',
      description:
        'Of people, it holds at once. Of an agent, it is proposed, and people are asked; the same again joins what waits (200).',
      tag,
      auth: 'any',
      action: 'grant.create',
      body: NewGrant,
      answers: { 201: GrantBody, 200: GrantBody },
      problems: ['connection_missing', 'state_conflict', ...HELD],
    },
    async ({ scope, body, reply }) => {
      reply.status(201)
      if (scope.actor.type !== 'agent') return createGrant(house, scope, body)
      return proposeGrant(house, scope, body, () => reply.status(200))
    },
  ),
  route(
    'GET /grants/:id',
    {
      summary: 'Read a grant',
      tag,
      auth: 'any',
      action: 'grant.read',
      params,
      answers: { 200: GrantBody },
      problems: ['not_found'],
    },
    async ({ scope, params, reply }) => {
      const row = await getGrant(house, scope, params.id)
      reply.header('ETag', `"${row.generation}"`)
      return row
    },
  ),
  route(
    'PATCH /grants/:id',
    {
      summary: 'Change what a grant lets its agent do',
      description: '`If-Match` with the ETag refuses the change when the grant moved on.',
      tag,
      auth: 'any',
      action: 'grant.decide',
      params,
      body: s.object(terms),
      answers: { 200: GrantBody },
      problems: [...CHANGED, ...HELD],
    },
    ({ scope, params, body, request }) => changeGrant(house, scope, params.id, body, request.header('if-match')),
  ),
  route(
    'POST /grants/:id/approve',
    {
      summary: 'Accept a proposed grant, or confirm a suspended one',
      description: 'What is named in the body takes the place of what was proposed.',
      tag,
      auth: 'any',
      action: 'grant.decide',
      params,
      body: s.object(terms),
      answers: { 200: GrantBody },
      problems: [...CHANGED, ...HELD],
    },
    ({ scope, params, body, request }) => approveGrant(house, scope, params.id, body, request.header('if-match')),
  ),
  ...(['reject', 'suspend'] as const).map((how) =>
    route(
      `POST /grants/:id/${how}`,
      {
        summary: how === 'reject' ? 'Refuse a proposed grant' : 'Suspend a grant until somebody confirms it',
        tag,
        auth: 'any',
        action: 'grant.decide',
        params,
        body: WHY,
        answers: { 200: GrantBody },
        problems: CHANGED,
      },
      ({ scope, params, body, request }): Promise<GrantRow> =>
        endGrant(house, scope, params.id, how, body, request.header('if-match')),
    ),
  ),
  route(
    'POST /grants/:id/revoke',
    {
      summary: 'Take a grant back for good',
      tag,
      auth: 'any',
      action: 'grant.revoke',
      params,
      body: WHY,
      answers: { 200: GrantBody },
      problems: [...CHANGED, ...HELD],
    },
    ({ scope, params, body, request }) => endGrant(house, scope, params.id, 'revoke', body, request.header('if-match')),
  ),
]
