// The names of ForAgent for what the relay has too (relay.md §3.4): its paths are routes of ours under another name, its members are ours by another name, its pages lead to ours.
// Nothing here does anything by itself.
import { type Route, type RouteSpec, route } from '../http/route.ts'

const SAID = {
  message: 'text',
  payload: 'data',
  callbackUrl: 'callback.url',
  callbackSecret: 'callback.secret',
  operationId: 'operation_id',
}
const SENT = {
  threadAccessToken: 'thread_access_token',
  expiresAt: 'expires_at',
  threadId: 'thread_id',
  threadPublicId: 'thread_id',
  status: 'state',
  inspectUrl: 'links.inspect',
}
const GRANT = {
  grantId: 'id',
  grantPublicId: 'id',
  status: 'state',
  isExpired: 'is_expired',
  expiresAt: 'expires_at',
  relayToken: 'relay_token',
}
const REQUEST = {
  requestId: 'id',
  status: 'state',
  expiresAt: 'expires_at',
  grantId: 'relay_grant_id',
  grantPublicId: 'relay_grant_id',
}
const DECIDED = {
  relayToken: 'relay_token',
  expiresAt: 'expires_at',
  requestId: 'connection_request.id',
  status: 'connection_request.state',
  grantId: 'relay_grant.id',
  grantPublicId: 'relay_grant.id',
}

const ALIASES: Readonly<Record<string, RouteSpec['aliases']>> = {
  'GET /agents/:slug/card': { heads: { 'X-ForAgent-Card-Version': 'Countersign-Card-Version' } },
  'POST /agents/:slug/connection-requests': {
    takes: { message: 'purpose', note: 'purpose', callbackUrl: 'callback.url', callbackSecret: 'callback.secret' },
    calls: REQUEST,
  },
  'GET /connection-requests/:id': { calls: REQUEST },
  'POST /connection-requests/:id/approve': { calls: DECIDED },
  'POST /connection-requests/:id/deny': { calls: REQUEST },
  'POST /connection-requests/:id/collect': { calls: { relayToken: 'relay_token', expiresAt: 'expires_at' } },
  'POST /agents/:slug/threads': { takes: SAID, calls: SENT },
  'POST /agents/:slug/invoke': { takes: SAID, calls: SENT },
  'POST /threads/:id/messages': { takes: SAID, calls: SENT },
  'POST /threads/:id/access-tokens': { calls: { threadAccessToken: 'thread_access_token', expiresAt: 'expires_at' } },
  'GET /threads/:id': {
    calls: {
      threadId: 'id',
      threadPublicId: 'id',
      grantId: 'relay_grant_id',
      grantPublicId: 'relay_grant_id',
      status: 'state',
      expiresAt: 'expires_at',
      inspectUrl: 'links.inspect',
    },
  },
  'GET /relay-grants/:id': { calls: GRANT },
  'POST /relay-grants/:id/rotate': { calls: GRANT },
  'POST /relay-grants/:id/revoke': { calls: { status: 'state' } },
}

/** Under a second path: the same route, so the same handler, limits and refusals. */
const PATHS: Readonly<Record<string, string>> = {
  'POST /relay-grants/:id/rotate': '/connection-grants/:id/rotate',
  'GET /relay-grants/:id': '/connection-grants/:id/introspect',
  'POST /relay-grants/:id/revoke': '/connection-grants/:id/revoke',
}

const headOf = ({ method, path }: Route): string => `${method} ${path}`

/** Throws for a name of a route that is not there: an alias that leads nowhere is a mistake of ours. */
export function withForAgentNames(routes: readonly Route[]): Route[] {
  const heads = new Set(routes.map(headOf))
  const lost = Object.keys(ALIASES).filter((head) => !heads.has(head))
  if (lost.length > 0) throw new TypeError(`There are no such routes to name otherwise: ${lost.join(', ')}.`)
  return routes.flatMap((one) => {
    const aliases = ALIASES[headOf(one)]
    if (!aliases) return [one]
    const known: Route = { ...one, spec: { ...one.spec, aliases } }
    const path = PATHS[headOf(one)]
    return path === undefined
      ? [known]
      : [known, { ...known, path, spec: { ...known.spec, summary: `${one.spec.summary} (the name of ForAgent)` } }]
  })
}

/** Its pages and files, and where the same purpose is served here. */
const LEADS: Readonly<Record<string, { to: string; says: string }>> = {
  '/create': { to: '/cards/new', says: 'Go to where a card is made' },
  '/recover': { to: '/login', says: 'Go to where one signs in' },
  '/docs': { to: '/openapi.json', says: 'Go to the description of the API' },
  '/security': { to: '/profile', says: 'Go to where one’s sign-ins and keys are' },
  '/starter/foragent-relay-contract.json': { to: '/starter/relay-contract.json', says: 'Go to the contract of the relay' },
  '/starter/foragent-openapi.json': { to: '/openapi.json', says: 'Go to the description of the API' },
}

export const forAgentLeads = (house: { origin(): string }): Route[] =>
  Object.entries(LEADS).map(([path, { to, says }]) =>
    route(`GET ${path}` as 'GET /', { summary: says, tag: 'meta', auth: 'none', answers: { 302: 'page' } }, async ({ reply }) => {
      reply.location(`${house.origin()}${to}`)
      return undefined
    }),
  )
