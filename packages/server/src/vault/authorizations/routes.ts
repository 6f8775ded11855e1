// The routes of authorizations under /api, and at the root those of the connect pages, which ask nobody who they are but for a cookie of their own (V133).
import { Problem } from '@countersign/sdk'
import { type Route, route, s } from '../../http/route.ts'
import type { VaultHouse } from '../house.ts'
import { documentOf } from './document.ts'
import { cancelAuthorization } from './expire.ts'
import { openAsOwner, openConnect, submitConnect } from './page.ts'
import { returnConnect } from './return.ts'
import {
  Authorization,
  ConnectView,
  OpenConnect,
  ReturnConnect,
  StartAuthorization,
  StartedAuthorization,
  SubmitConnect,
  Submitted,
} from './shapes.ts'
import { getAuthorization } from './show.ts'
import { startAuthorization } from './start.ts'

const tag = 'connections'
const id = { id: s.id('atz') }

export const authorizationRoutes = (house: VaultHouse): Route[] => [
  route(
    'POST /authorizations',
    {
      summary: 'Begin to connect to a provider',
      description:
        'Answers where a human goes on: a page, or a code to type in at the provider. With `fields` (from a session) a key is stored at once. An existing connection of this name needs `replace: true`; what is stored stays until the new is there.',
      tag,
      auth: 'any',
      action: 'connection.create',
      body: StartAuthorization,
      answers: { 201: StartedAuthorization },
      secretOnce: ['connect_url'],
      maxBody: 262_144,
      problems: [
        'not_found',
        'connection_exists',
        'client_needed',
        'definition_invalid',
        'provider_error',
        'url_not_allowed',
        'url_invalid',
        'policy_denied',
        'policy_error',
        'approval_pending',
        'human_denied',
      ],
    },
    ({ scope, body }) => startAuthorization(house, scope, body),
  ),
  route(
    'GET /authorizations/:id',
    {
      summary: 'How far an authorization is',
      tag,
      auth: 'any',
      action: 'connection.create',
      params: id,
      answers: { 200: Authorization },
      problems: ['not_found'],
    },
    ({ scope, params }) => getAuthorization(house, scope, params.id),
  ),
  route(
    'POST /authorizations/:id/cancel',
    {
      summary: 'Give an authorization up',
      tag,
      auth: 'any',
      action: 'connection.create',
      params: id,
      answers: { 200: Authorization },
      problems: ['not_found', 'state_conflict'],
    },
    ({ scope, params }) => cancelAuthorization(house, scope, params.id),
  ),
  route(
    'POST /authorizations/:id/open',
    {
      summary: 'Open the page of an authorization as its signed-in owner',
      description: 'Gives the browser the cookie that the token of `connect_url` gives to who has no account.',
      tag,
      auth: 'session',
      action: 'connection.create',
      params: id,
      idempotency: 'none',
      answers: { 200: ConnectView },
      problems: ['not_found', 'authorization_expired'],
    },
    ({ scope, params, request, reply }) => openAsOwner(house, scope, { request, reply }, params.id),
  ),
]

const open = { tag, auth: 'none', bucket: 'link.address', idempotency: 'none' } as const

export const connectRoutes = (house: VaultHouse): Route[] => [
  route(
    'POST /connect/:id/open',
    {
      ...open,
      summary: 'Open a connect page',
      description: 'Trades the token of the link, once, for a cookie; with the cookie it shows the page again, with a new nonce.',
      params: id,
      body: OpenConnect,
      answers: { 200: ConnectView },
      problems: ['not_found', 'authorization_expired', 'form_replayed'],
    },
    ({ params, body, request, reply }) => openConnect(house, { request, reply }, params.id, body.token),
  ),
  route(
    'POST /connect/:id/submit',
    {
      ...open,
      summary: 'Send the form of a connect page',
      description: 'The nonce of the page is used up, whatever comes of it. `redirect_to` is where the browser goes to sign in.',
      params: id,
      body: SubmitConnect,
      maxBody: 262_144,
      answers: { 200: Submitted },
      problems: ['not_found', 'authorization_expired', 'form_replayed', 'validation_failed', 'provider_error'],
    },
    ({ params, body, request, reply }) => submitConnect(house, { request, reply }, params.id, body),
  ),
  route(
    'POST /connect/return',
    {
      ...open,
      summary: 'Take what a provider sent back with the browser',
      body: ReturnConnect,
      answers: { 200: ConnectView },
      problems: ['authorization_expired', 'form_replayed'],
    },
    ({ body, request, reply }) => returnConnect(house, { request, reply }, body),
  ),
  route(
    'GET /.well-known/oauth-client/:provider',
    {
      tag,
      auth: 'none',
      summary: 'Who we are, for authorization servers that take the URL of a document as client id',
      params: { provider: s.pattern(/^[a-z0-9][a-z0-9_-]{1,62}$/, 'Must be the name of a provider.') },
      answers: { 200: s.jsonObject() },
      problems: ['not_found'],
    },
    async ({ params }) => {
      if (!house.origin().startsWith('https:')) throw new Problem('not_found')
      return documentOf(house, params.provider)
    },
  ),
]
