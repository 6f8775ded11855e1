// The routes of embeds: schemas and one verb each.
import { type Route, route, s } from '../../http/route.ts'
import type { TasksHouse } from '../house.ts'
import { allowOrigin, listOrigins, removeOrigin } from './origins.ts'
import { listEmbeds, type MintInput, mintEmbed, revokeEmbed } from './token.ts'

const tag = 'embed'

const Allow = s.oneOf('decide', 'comment')
const Theme = s.oneOf('auto', 'light', 'dark')
const Minted = {
  embed_token: s.optional(s.text()).describe('In this answer only. It goes into no URL but the fragment of `embed_url`.'),
  embed_url: s.optional(s.text()).describe('The address of the frame.'),
  expires_at: s.time(),
  secret_shown: s.optional(s.boolean()).describe('false in a replayed answer, which no longer has the token.'),
}
const MINT_PROBLEMS = ['not_found', 'embed_origin_not_allowed'] as const

const OriginBody = s.named(
  'EmbedOrigin',
  s.object({ id: s.id('emo'), origin: s.text(), created_by: s.text(), created_at: s.time() }),
  'A page that may show tasks of the tenant.',
)
const TokenBody = s.named(
  'EmbedToken',
  s.object({
    id: s.id('emb'),
    task_id: s.id('task'),
    agent_id: s.maybe(s.id('agt')),
    sub: s.maybe(s.text()).describe('Who answers there, as whoever minted the token said.'),
    parent_origin: s.text(),
    allow: s.array(Allow),
    theme: Theme,
    key_id: s.maybe(s.id('key')).describe('The key that minted it.'),
    created_by: s.text(),
    created_at: s.time(),
    expires_at: s.time(),
    last_used_at: s.maybe(s.time()),
    revoked_at: s.maybe(s.time()),
    state: s.oneOf('live', 'settled', 'expired', 'revoked').describe('settled: it still reads the result, and decides nothing.'),
  }),
  'A token that opens one task inside another page.',
)

export const embedRoutes = (house: TasksHouse): Route[] => [...tokens(house), ...origins(house)]

const tokens = (house: TasksHouse): Route[] => [
  route(
    'POST /embed/tokens',
    {
      summary: 'Show a task inside a page of yours',
      description:
        'Call it on your server. `parent_origin` is the origin of the page that will hold the frame; the tenant, and the key where it names any, must allow it. The lifetime lies between 60 and 3,600 seconds.',
      tag,
      auth: 'any',
      action: 'task.embed',
      body: s.object({
        task_id: s.id('task'),
        parent_origin: s.line({ max: 256 }),
        sub: s.nullish(s.line({ max: 256 })).describe('Who will answer, in your own words: you vouch for them.'),
        ttl_seconds: s.nullish(s.int({ min: 0, max: 31_536_000 })),
        allow: s.nullish(s.array(Allow, { min: 0, max: 2 })).describe('What may be done there; decide unless said otherwise.'),
        theme: s.nullish(Theme),
      }),
      answers: { 200: s.named('MintedEmbed', s.object({ id: s.id('emb'), ...Minted })) },
      problems: MINT_PROBLEMS,
      secretOnce: ['embed_token', 'embed_url'],
    },
    ({ scope, body }) => mintEmbed(house, scope, body as MintInput, 'native'),
  ),
  route(
    'POST /embed/tokens',
    {
      summary: 'Show a task inside a page of yours (compatible)',
      tag: 'compatible',
      dialect: 'compatible',
      auth: 'any',
      action: 'task.embed',
      body: s.object({
        task_id: s.line({ max: 64 }),
        parent_origin: s.line({ max: 256 }),
        sub: s.nullish(s.line({ max: 256 })),
        ttl_seconds: s.nullish(s.number({ min: 0 })),
      }),
      answers: { 200: s.named('CompatibleMintedEmbed', s.object(Minted)) },
      problems: MINT_PROBLEMS,
      secretOnce: ['embed_token', 'embed_url'],
      compatibleWords: {
        key_invalid: 'SERVICE_KEY_NOT_FOUND',
        key_revoked: 'SERVICE_KEY_NOT_FOUND',
        unauthenticated: 'SERVICE_KEY_NOT_FOUND',
      },
      render(result) {
        const { id: _, ...minted } = result as Record<string, unknown>
        return { body: minted }
      },
    },
    ({ scope, body }) => mintEmbed(house, scope, body as MintInput, 'compatible'),
  ),
  route(
    'GET /embed/tokens',
    {
      summary: 'List embed tokens, newest first',
      tag,
      auth: 'any',
      action: 'task.embed',
      query: { task_id: s.optional(s.id('task')), live: s.optional(s.boolean()), ...s.page() },
      answers: { 200: s.list(TokenBody) },
      problems: ['cursor_invalid'],
    },
    ({ scope, query }) => listEmbeds(house, scope, query),
  ),
  route(
    'DELETE /embed/tokens/:id',
    {
      summary: 'Revoke an embed token',
      tag,
      auth: 'any',
      action: 'task.embed',
      params: { id: s.id('emb') },
      answers: { 204: null },
      problems: ['not_found'],
    },
    ({ scope, params }) => revokeEmbed(house, scope, params.id),
  ),
]

const origins = (house: TasksHouse): Route[] => [
  route(
    'GET /embed/origins',
    {
      summary: 'List the origins that may show tasks',
      tag,
      auth: 'any',
      action: 'task.configure',
      answers: { 200: s.list(OriginBody) },
    },
    ({ scope }) => listOrigins(house, scope),
  ),
  route(
    'POST /embed/origins',
    {
      summary: 'Let an origin show tasks',
      tag,
      auth: 'any',
      action: 'task.configure',
      stepUp: true,
      body: s.object({ origin: s.line({ max: 256 }) }),
      answers: { 201: OriginBody },
    },
    ({ scope, body }) => allowOrigin(house, scope, body.origin),
  ),
  route(
    'DELETE /embed/origins/:id',
    {
      summary: 'Let an origin show no more tasks',
      tag,
      auth: 'any',
      action: 'task.configure',
      stepUp: true,
      params: { id: s.id('emo') },
      answers: { 204: null },
      problems: ['not_found'],
    },
    ({ scope, params }) => removeOrigin(house, scope, params.id),
  ),
]
