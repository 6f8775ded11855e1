// The routes of connection requests: schemas and one verb each.
import { type Route, route, s } from '../../http/route.ts'
import { enterGrant } from '../grants/grant.ts'
import { Side, Slug } from '../grants/shapes.ts'
import type { RelayHouse } from '../house.ts'
import { collectToken, enterAsking, withdrawRequest } from './asker.ts'
import { approveRequest, denyRequest, enterDeciding } from './decide.ts'
import { getRequest, listRequestsOf } from './list.ts'
import { askConnection } from './request.ts'
import { Approval, Collected, Decided, NewRequest, notes, RequestBody, RequestMade, RequestState } from './shapes.ts'

const tag = 'approval'
const params = { id: s.id('creq') }
const HELD = ['policy_denied', 'policy_error', 'approval_pending', 'human_denied', 'too_many_open', 'busy'] as const
const DECIDING = [
  ...([
    'not_found',
    'not_owner',
    'separation_of_duties',
    'step_up_required',
    'request_already_decided',
    'state_conflict',
  ] as const),
  ...(['already_decided', 'task_already_claimed', 'agent_may_not_decide', 'policy_denied', 'policy_error'] as const),
]

export const requestRoutes = (house: RelayHouse): Route[] => [
  route(
    'POST /agents/:slug/connection-requests',
    {
      summary: 'Ask to be connected to an agent',
      description:
        'Its owner’s people are asked, unless their policies let it through. While one of yours waits another is `duplicate_request`.',
      tag,
      auth: 'any',
      action: 'connection_request.create',
      bucket: 'relay.request',
      params: { slug: s.text({ min: 1, max: 100 }) },
      body: NewRequest,
      secretOnce: ['callback.secret'],
      answers: { 201: RequestMade },
      problems: ['not_found', 'duplicate_request', 'callback_secret_missing', 'url_invalid', 'url_not_allowed', ...HELD],
    },
    async ({ scope, params, body, limits, reply }) => {
      await limits.take('relay.request.day', scope.principal)
      const made = await askConnection(house, scope, params.slug, body)
      reply.location(`/api/v1/connection-requests/${made.id}`)
      return made
    },
  ),
  route(
    'GET /connection-requests',
    {
      summary: 'List connection requests, newest first',
      description: 'Those that your tenant was asked, and those that it asked of others; an agent sees its own.',
      tag,
      auth: 'any',
      action: 'connection_request.read',
      query: { side: s.optional(Side), state: s.optional(RequestState), agent: s.optional(Slug), ...s.page() },
      answers: { 200: s.list(RequestBody) },
      problems: ['cursor_invalid'],
    },
    ({ scope, query }) => listRequestsOf(house, scope, query),
  ),
  route(
    'GET /connection-requests/:id',
    {
      summary: 'Read a connection request, from either side',
      tag,
      auth: 'any',
      action: 'connection_request.read',
      enter: enterGrant(house, 'connection_request.read'),
      params,
      answers: { 200: RequestBody },
      problems: ['not_found'],
    },
    ({ scope, params }) => getRequest(house, scope, params.id),
  ),
  route(
    'POST /connection-requests/:id/approve',
    {
      summary: 'Agree to a connection, as narrowly as you want',
      description:
        'What is named takes the place of what was asked for, and may only be less. Decides the task in which people were asked.',
      tag,
      auth: 'session',
      action: 'connection_request.decide',
      params,
      enter: enterDeciding(house),
      body: Approval,
      answers: { 200: Decided },
      secretOnce: ['relay_token'],
      problems: [...DECIDING, 'args_invalid', 'edited_action_denied', 'agent_paused', 'quota_exceeded'],
    },
    ({ scope, params, body, request }) => approveRequest(house, scope, params.id, body, { address: request.address }),
  ),
  route(
    'POST /connection-requests/:id/deny',
    {
      summary: 'Refuse a connection',
      tag,
      auth: 'session',
      action: 'connection_request.decide',
      params,
      enter: enterDeciding(house),
      body: s.object(notes),
      answers: { 200: RequestBody },
      problems: DECIDING,
    },
    ({ scope, params, body, request }) => denyRequest(house, scope, params.id, body, { address: request.address }),
  ),
  route(
    'POST /connection-requests/:id/withdraw',
    {
      summary: 'Take back a connection request, as who asked',
      tag,
      auth: 'any',
      action: 'connection_request.create',
      params,
      enter: enterAsking(house),
      answers: { 200: RequestBody },
      problems: ['not_found', 'not_participant', 'request_already_decided'],
    },
    ({ scope, params }) => withdrawRequest(house, scope, params.id),
  ),
  route(
    'POST /connection-requests/:id/collect',
    {
      summary: 'Fetch the relay token that was agreed to, once',
      description: 'It is made at this moment. A lost one is replaced by rotating the relay grant.',
      tag,
      auth: 'any',
      action: 'connection_request.create',
      bucket: 'relay.token',
      params,
      enter: enterAsking(house),
      answers: { 200: Collected },
      secretOnce: ['relay_token'],
      problems: ['not_found', 'not_participant', 'state_conflict', 'token_already_issued', 'grant_ended'],
    },
    ({ scope, params }) => collectToken(house, scope, params.id),
  ),
]
