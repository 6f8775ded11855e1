// The routes of the listing: what owners hand in, what reviewers decide, and what everybody finds.
import { type Route, route, s } from '../../http/route.ts'
import { Slug } from '../cards/input.ts'
import { CardBody } from '../cards/shapes.ts'
import type { RelayHouse } from '../house.ts'
import { reviewCard } from './review.ts'
import { readListing } from './search.ts'
import { changeListing } from './submit.ts'

const tag = 'listing'
const params = { id: s.id('card') }
const Listing = s.oneOf('direct_link_only', 'submitted', 'listed', 'rejected')
const yes = () => s.optional(s.oneOf('true', 'false'))

const ListedCard = s.named(
  'ListedCard',
  s.object({
    slug: Slug,
    version: s.int({ min: 1 }),
    name: s.text(),
    summary: s.text(),
    category: s.maybe(s.text()),
    provider: s.maybe(s.object({ name: s.text(), url: s.text() })),
    skills: s.array(s.object({ id: s.text(), name: s.text(), tags: s.array(s.text()) })),
    accepted_inputs: s.array(s.text()),
    expected_outputs: s.array(s.text()),
    url: s.text(),
    card_url: s.text(),
    listed_at: s.time(),
    signed: s.object({ at: s.time() }),
    verified_domains: s.array(
      s.object({ domain: s.text(), method: s.oneOf('dns', 'https'), verified_at: s.time(), expires_at: s.time() }),
    ),
    health: s.maybe(
      s.object({
        state: s.oneOf('ok', 'degraded', 'down'),
        reason: s.maybe(s.text()),
        checked_at: s.time(),
        p50_ms: s.maybe(s.int()),
      }),
    ),
  }),
  'A reviewed version of a card, with what is known of it and since when.',
)

export const listingRoutes = (house: RelayHouse): Route[] => [
  route(
    'GET /listing',
    {
      summary: 'Search the reviewed cards',
      description:
        'The best match first, and of equals those that proved a domain. With a credential, whoever blocks you is not there.',
      tag,
      auth: 'none',
      credentials: ['session', 'key'],
      query: {
        q: s.optional(s.line({ max: 200 })),
        skill: s.optional(s.line({ max: 64 })),
        tag: s.optional(s.line({ max: 40 })),
        input: s.optional(s.line({ max: 127 })).describe('A media type that it takes.'),
        output: s.optional(s.line({ max: 127 })).describe('A media type that it gives.'),
        verified: yes(),
        healthy: yes(),
        ...s.page(),
      },
      answers: { 200: s.list(ListedCard) },
      problems: ['cursor_invalid'],
    },
    ({ scope, query: { verified, healthy, ...query } }) =>
      readListing(house, scope, {
        ...query,
        ...(verified && { verified: verified === 'true' }),
        ...(healthy && { healthy: healthy === 'true' }),
      }),
  ),
  route(
    'POST /cards/:id/listing',
    {
      summary: 'Hand a card in for the listing, or take it out',
      tag,
      auth: 'any',
      action: 'card.submit',
      params,
      body: s.object({ action: s.oneOf('submit', 'withdraw') }),
      answers: { 200: CardBody },
      problems: ['not_found', 'state_conflict', 'listing_conflict'],
    },
    ({ scope, params, body }) => changeListing(house, scope, params.id, body.action),
  ),
  route(
    'POST /cards/:id/review',
    {
      summary: 'Decide whether a version that was handed in is listed',
      description: 'By the people of the review tenant, and nobody of the submitter’s side. The same as answering its task.',
      tag,
      auth: 'session',
      action: 'card.review',
      params,
      body: s.object({
        version: s.int({ min: 1 }),
        decision: s.oneOf('list', 'reject', 'delist'),
        note: s.optional(s.text({ min: 1, max: 2_000 })).describe('Required to reject.'),
      }),
      answers: {
        200: s.named(
          'CardReviewed',
          s.object({
            card_id: s.id('card'),
            slug: Slug,
            listing: Listing,
            version: s.int(),
            pending_version: s.maybe(s.int()).describe('Of a listed card: saved since, and waiting for its review.'),
          }),
        ),
      },
      problems: ['not_found', 'separation_of_duties', 'listing_conflict', 'not_eligible', 'policy_denied', 'busy'],
    },
    ({ scope, params, body, request }) => reviewCard(house, scope, params.id, body, { address: request.address }),
  ),
]
