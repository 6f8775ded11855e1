// The routes of cards: those by which they are kept, and those at which anybody reads what is public.
import { type Route, route, s } from '../../http/route.ts'
import { getAgent } from '../../identity/agent.ts'
import { Agent } from '../../identity/shapes.ts'
import { isId } from '../../std/id.ts'
import { readAgentCard } from './agent.ts'
import { changeCard, createCard, getCard, listOwnCards, pauseCard, resumeCard, retireCard } from './card.ts'
import { agentUrl, FACES, hasA2aFace } from './document.ts'
import type { CardsHouse } from './house.ts'
import { CardChange, NewCard, Slug, VISIBILITIES } from './input.ts'
import { previewCard } from './preview.ts'
import { readCard, readKeySet } from './read.ts'
import { rotateCardKey } from './rotate.ts'
import {
  AgentCard,
  CardBody,
  CardKeySet,
  CardPreview,
  CardVersion,
  KeyRotation,
  NewCardBody,
  WholeCardVersion,
} from './shapes.ts'
import type { Card } from './show.ts'
import { getCardVersion, listCardVersions, restoreCardVersion } from './version.ts'

const tag = 'cards'
const params = { id: s.id('card') }
const VersionNumber = s.pattern(/^[1-9]\d{0,8}$/, 'Must be the number of a version.')
const read = { tag, auth: 'any', action: 'card.read' } as const
const write = { tag, auth: 'any', action: 'card.publish' } as const
const HELD = ['policy_denied', 'policy_error', 'approval_pending', 'human_denied', 'too_many_open', 'busy'] as const
const CHANGED = ['not_found', 'state_conflict', ...HELD] as const
/** Twice what a card may be, so that one that is too large is told so by name. */
const MOST_BODY = 131_072

const withTag = (result: unknown) => ({ headers: { ETag: (result as Card).etag }, body: result })

export const cardRoutes = (house: CardsHouse): Route[] => [
  route(
    'GET /cards',
    {
      ...read,
      summary: 'List the cards of this tenant, newest first',
      query: {
        state: s.optional(s.oneOf('active', 'paused', 'retired')),
        agent_id: s.optional(s.id('agt')),
        visibility: s.optional(s.oneOf(...VISIBILITIES)),
        ...s.page(),
      },
      answers: { 200: s.list(CardBody) },
      problems: ['cursor_invalid'],
    },
    ({ scope, query }) => listOwnCards(house, scope, query),
  ),
  route(
    'POST /cards',
    {
      ...write,
      summary: 'Publish the card of an agent',
      description:
        'It is signed and readable at its address at once; whatever stands on a card of visibility `public` is public from then on, listed or not.',
      body: NewCardBody,
      maxBody: MOST_BODY,
      answers: { 201: CardBody },
      problems: ['slug_taken', 'secret_in_card', ...HELD],
      render: withTag,
    },
    ({ scope, body, reply }) => {
      reply.status(201)
      return createCard(house, scope, body)
    },
  ),
  route(
    'POST /cards/preview',
    {
      ...write,
      summary: 'See a card as it would be published, without saving it',
      description:
        'Both documents, not signed, and what in them looks like a secret. `card_id` names the card that this would be a change of. Nothing is stored.',
      body: s.object({ ...NewCard.shape, card_id: s.optional(s.id('card')) }),
      maxBody: MOST_BODY,
      idempotency: 'none',
      answers: { 200: CardPreview },
      problems: ['not_found'],
    },
    ({ scope, body }) => previewCard(house, scope, body),
  ),
  route(
    'GET /cards/:id',
    { ...read, summary: 'Read a card', params, answers: { 200: CardBody }, problems: ['not_found'], render: withTag },
    ({ scope, params }) => getCard(house, scope, params.id),
  ),
  route(
    'PATCH /cards/:id',
    {
      ...write,
      summary: 'Change a card',
      description:
        '`If-Match` names the ETag of what you have read. Other content makes a version, signed at once; the same content changes nothing.',
      params,
      body: CardChange,
      maxBody: MOST_BODY,
      answers: { 200: CardBody },
      problems: ['precondition_required', 'version_conflict', 'slug_taken', 'secret_in_card', ...CHANGED],
      render: withTag,
    },
    ({ scope, params, body, request }) => changeCard(house, scope, params.id, body, request.header('if-match')),
  ),
  route(
    'DELETE /cards/:id',
    {
      ...write,
      summary: 'Retire a card',
      description: 'It is out of use and out of the listing for good; its slug stays its own.',
      params,
      answers: { 204: null },
      problems: CHANGED,
    },
    ({ scope, params }) => retireCard(house, scope, params.id),
  ),
  route(
    'POST /cards/:id/pause',
    {
      ...write,
      summary: 'Pause an agent; it takes no new threads and messages',
      params,
      body: s.object({ reason: s.optional(s.line({ max: 500 })) }),
      answers: { 200: CardBody },
      problems: CHANGED,
      render: withTag,
    },
    ({ scope, params, body }) => pauseCard(house, scope, params.id, body),
  ),
  route(
    'POST /cards/:id/resume',
    { ...write, summary: 'Resume a paused agent', params, answers: { 200: CardBody }, problems: CHANGED, render: withTag },
    ({ scope, params }) => resumeCard(house, scope, params.id),
  ),
  route(
    'GET /cards/:id/versions',
    {
      ...read,
      summary: 'List the versions of a card, newest first',
      params,
      query: s.page(),
      answers: { 200: s.list(CardVersion) },
      problems: ['not_found', 'cursor_invalid'],
    },
    ({ scope, params, query }) => listCardVersions(house, scope, params.id, query),
  ),
  route(
    'GET /cards/:id/versions/:n',
    {
      ...read,
      summary: 'Read a version of a card, with both of its documents',
      params: { ...params, n: VersionNumber },
      answers: { 200: WholeCardVersion },
      problems: ['not_found'],
    },
    ({ scope, params }) => getCardVersion(house, scope, params.id, Number(params.n)),
  ),
  route(
    'POST /cards/:id/versions/:n/restore',
    {
      ...write,
      summary: 'Put an older version of a card in force again, as a new one',
      description: 'What is in force already is answered as it is (200).',
      params: { ...params, n: VersionNumber },
      body: s.object({ confirm_public: s.optional(s.boolean()) }),
      answers: { 200: CardBody, 201: CardBody },
      problems: ['secret_in_card', ...CHANGED],
      render: withTag,
    },
    ({ scope, params, body, reply }) =>
      restoreCardVersion(house, scope, params.id, { ...body, number: Number(params.n) }, () => reply.status(201)),
  ),
  route(
    'POST /relay/keys/rotate',
    {
      summary: 'Give the cards of this tenant a new signing key',
      description:
        'For 30 days cards bear the signatures of both keys. `compromised: true`: the older keys leave the key set at once, together with their signatures.',
      tag,
      auth: 'session',
      action: 'card_key.rotate',
      stepUp: true,
      body: s.object({ compromised: s.optional(s.boolean()) }),
      answers: { 202: KeyRotation },
    },
    ({ scope, body }) => rotateCardKey(house, scope, body),
  ),
  route(
    'GET /agents/:id',
    {
      summary: 'Read an agent: one of yours by its id, or the card of anybody’s by its slug',
      description: 'No slug has a `_`, and every id does.',
      tag: 'Agents',
      auth: 'any',
      action: 'agent.read',
      params: { id: s.either(s.id('agt'), Slug) },
      answers: { 200: s.either(Agent, AgentCard) },
      problems: ['not_found'],
    },
    ({ scope, params }) => (isId('agt', params.id) ? getAgent(house, scope, params.id) : readAgentCard(house, scope, params.id)),
  ),
  route(
    'GET /agents/:slug/card',
    {
      summary: 'Read the public card of an agent',
      description: 'The bytes that were signed. `If-None-Match` and `If-Modified-Since` give 304.',
      tag: 'publicCard',
      auth: 'none',
      params: { slug: Slug },
      query: { version: s.optional(s.int({ min: 1, max: 999_999_999 })) },
      answers: { 200: 'page', 304: null },
      problems: ['not_found'],
    },
    ({ params, query, request, reply }) =>
      readCard(house, params.slug, { request, reply, version: query.version ?? null, as: 'native' }),
  ),
]

/** Below the base address of an agent, without any credential. */
export const cardRootRoutes = (house: CardsHouse): Route[] => [
  route(
    'GET /agents/:slug',
    {
      summary: 'Go to the base address of an agent, which ends in a slash',
      tag: 'publicCard',
      auth: 'none',
      params: { slug: Slug },
      answers: { 308: 'page' },
    },
    async ({ params, request, reply }) => {
      reply.status(308)
      reply.location(`${agentUrl('', params.slug)}${request.query === '' ? '' : `?${request.query}`}`)
      return undefined
    },
  ),
  route(
    'GET /agents/:slug/.well-known/jwks.json',
    {
      summary: 'Read the keys by which the card of an agent is signed',
      tag: 'publicCard',
      auth: 'none',
      params: { slug: Slug },
      answers: { 200: CardKeySet },
      problems: ['not_found'],
    },
    ({ params, reply }) => readKeySet(house, params.slug, reply),
  ),
  ...(hasA2aFace(FACES) ? [agentCardRoute(house)] : []),
]

/** The Agent Card of A2A. */
export const agentCardRoute = (house: CardsHouse): Route =>
  route(
    'GET /agents/:slug/.well-known/agent-card.json',
    {
      summary: 'Read the A2A card of an agent',
      tag: 'publicCard',
      auth: 'none',
      params: { slug: Slug },
      answers: { 200: 'page', 304: null },
      problems: ['not_found'],
    },
    ({ params, request, reply }) => readCard(house, params.slug, { request, reply, as: 'a2a' }),
  )
