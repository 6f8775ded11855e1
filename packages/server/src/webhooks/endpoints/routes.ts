// The routes of endpoints: schemas and one verb each.
import { type Route, route, s } from '../../http/route.ts'
import { enterOwn } from '../callers/enter.ts'
import { endpointStats } from '../deliveries/delivery.ts'
import type { WebhooksHouse } from '../house.ts'
import {
  changeEndpoint,
  createEndpoint,
  deleteEndpoint,
  getEndpoint,
  listEndpoints,
  pauseEndpoint,
  resumeEndpoint,
  testEndpoint,
  webhookKeys,
} from './endpoint.ts'
import { revokeSecret, rotateSecret } from './secret.ts'
import { EndpointBody, EndpointChange, EndpointStats, EndpointWithSecret, KeySet, NewEndpoint } from './shapes.ts'

const tag = 'webhooks'
const params = { id: s.id('whe') }
const read = { tag, auth: 'any', action: 'endpoint.read' } as const

export const endpointRoutes = (house: WebhooksHouse): Route[] => [
  route(
    'GET /endpoints',
    {
      ...read,
      summary: 'List webhook endpoints, newest first',
      query: {
        state: s.optional(s.oneOf('pending', 'active', 'paused', 'disabled')),
        event: s.optional(s.pattern(/^[a-z0-9_]+(\.[a-z0-9_]+)*$/, 'Must be an event type.').describe('Those that get it.')),
        ...s.page(),
      },
      answers: { 200: s.list(EndpointBody) },
      problems: ['cursor_invalid'],
    },
    ({ scope, query }) => listEndpoints(house, scope, query),
  ),
  route(
    'POST /endpoints',
    {
      summary: 'Add a webhook endpoint',
      description: 'Its secret stands in this answer and nowhere again. Until it answers a first ping its deliveries are held.',
      tag,
      auth: 'any',
      action: 'endpoint.create',
      body: NewEndpoint,
      answers: { 201: EndpointWithSecret },
      problems: ['url_invalid', 'url_not_allowed', 'state_conflict'],
      secretOnce: ['secret'],
    },
    ({ scope, body }) => createEndpoint(house, scope, body),
  ),
  route(
    'GET /endpoints/:id',
    { ...read, summary: 'Read a webhook endpoint', params, answers: { 200: EndpointBody }, problems: ['not_found'] },
    ({ scope, params }) => getEndpoint(house, scope, params.id),
  ),
  route(
    'GET /endpoints/:id/stats',
    {
      ...read,
      summary: 'See how an endpoint did in the last 24 hours',
      params,
      answers: { 200: EndpointStats },
      problems: ['not_found'],
      cost: 2,
    },
    ({ scope, params }) => endpointStats(house, scope, params.id),
  ),
  route(
    'PATCH /endpoints/:id',
    {
      summary: 'Change a webhook endpoint',
      tag,
      auth: 'any',
      action: 'endpoint.update',
      params,
      body: EndpointChange,
      answers: { 200: EndpointBody },
      problems: ['not_found', 'url_invalid', 'url_not_allowed', 'rotation_open'],
    },
    ({ scope, params, body }) => changeEndpoint(house, scope, params.id, body),
  ),
  route(
    'DELETE /endpoints/:id',
    {
      summary: 'Remove a webhook endpoint',
      tag,
      auth: 'any',
      action: 'endpoint.delete',
      stepUp: true,
      params,
      answers: { 204: null },
      problems: ['not_found'],
    },
    ({ scope, params }) => deleteEndpoint(house, scope, params.id),
  ),
  route(
    'POST /endpoints/:id/rotate',
    {
      summary: 'Give an endpoint a new secret',
      description: 'Both secrets sign until the overlap ends. A second rotation meanwhile is refused, unless forced.',
      tag,
      auth: 'any',
      enter: enterOwn(house, 'endpoint.rotate'),
      action: 'endpoint.rotate',
      stepUp: true,
      params,
      body: s.object({
        overlap_seconds: s.optional(s.int({ min: 0, max: 604_800 })),
        force: s.optional(s.boolean().describe('Ends the overlap of an earlier rotation now.')),
      }),
      answers: { 200: EndpointWithSecret },
      problems: ['not_found', 'rotation_open'],
      secretOnce: ['secret'],
    },
    ({ scope, params, body }) => rotateSecret(house, scope, params.id, body),
  ),
  route(
    'POST /endpoints/:id/secrets/:n/revoke',
    {
      summary: 'Revoke a secret before its overlap ends',
      tag,
      auth: 'any',
      action: 'endpoint.rotate',
      stepUp: true,
      params: { ...params, n: s.text({ min: 1, max: 20 }).describe('The number of a secret.') },
      answers: { 200: EndpointBody },
      problems: ['not_found', 'state_conflict'],
    },
    ({ scope, params }) => revokeSecret(house, scope, params.id, params.n),
  ),
  route(
    'POST /endpoints/:id/pause',
    {
      summary: 'Pause an endpoint; its deliveries are held',
      tag,
      auth: 'any',
      action: 'endpoint.pause',
      params,
      answers: { 200: EndpointBody },
      problems: ['not_found', 'state_conflict'],
    },
    ({ scope, params }) => pauseEndpoint(house, scope, params.id),
  ),
  route(
    'POST /endpoints/:id/resume',
    {
      summary: 'Resume an endpoint that was paused or disabled',
      description:
        'What was held is sent in its order; with `recover_since`, only what came to be since then, and the rest is cancelled.',
      tag,
      auth: 'any',
      action: 'endpoint.pause',
      params,
      body: s.object({ recover_since: s.optional(s.time()) }),
      answers: { 200: EndpointBody },
      problems: ['not_found', 'state_conflict'],
    },
    ({ scope, params, body }) => resumeEndpoint(house, scope, params.id, body),
  ),
  route(
    'POST /endpoints/:id/test',
    {
      summary: 'Send a test to an endpoint',
      description: 'One request, whatever its filters say. A pending endpoint that answers it becomes active.',
      tag,
      auth: 'any',
      enter: enterOwn(house, 'endpoint.test'),
      action: 'endpoint.test',
      params,
      answers: { 202: s.named('TestSent', s.object({ delivery_id: s.id('dlv') })) },
      problems: ['not_found'],
    },
    async ({ scope, params, limits }) => {
      await limits.take('endpoint.test', params.id)
      return testEndpoint(house, scope, params.id)
    },
  ),
]

/** Where receivers fetch the keys of `v1a` signatures, without any credential. */
export const webhookKeyRoute = (house: WebhooksHouse): Route =>
  route(
    'GET /.well-known/countersign/webhook-keys/:file',
    {
      summary: 'Read the public key of an endpoint',
      tag,
      auth: 'none',
      params: { file: s.pattern(/^whe_[0-7][0-9A-HJKMNP-TV-Z]{25}\.json$/, 'Must be `<endpoint id>.json`.') },
      answers: { 200: KeySet },
      problems: ['not_found'],
    },
    ({ params, reply }) => {
      reply.header('Cache-Control', 'public, max-age=300')
      return webhookKeys(house, params.file.slice(0, -'.json'.length))
    },
  )
