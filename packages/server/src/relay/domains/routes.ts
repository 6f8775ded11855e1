// The routes by which an owner proves that a domain is theirs.
import { type Route, route, s } from '../../http/route.ts'
import type { RelayHouse } from '../house.ts'
import { Domain } from '../peers/shapes.ts'
import { challengeDomain, listCardDomains, removeDomain, verifyDomain } from './domain.ts'

const tag = 'cards'
const params = { id: s.id('card') }
const one = { ...params, domain_id: s.id('dom') }
const write = { tag, auth: 'any', action: 'card.publish' } as const

const CardDomain = s.named(
  'CardDomain',
  s.object({
    id: s.id('dom'),
    card_id: s.id('card'),
    domain: s.text(),
    method: s.oneOf('dns', 'https'),
    state: s.oneOf('pending', 'verified', 'expired'),
    challenge: s
      .object({
        dns: s.object({ name: s.text(), type: s.literal('TXT'), value: s.text() }),
        https: s.object({ url: s.text(), line: s.text() }),
      })
      .describe('Publish one of the two: which of them is looked at, `method` says. Leave it there: it is looked at each week.'),
    verified_at: s.maybe(s.time()).describe('When it was found last.'),
    expires_at: s.maybe(s.time()).describe('90 days after that.'),
    checked_at: s.maybe(s.time()),
    failed_at: s.maybe(s.time()).describe('Of the last look, where it found nothing.'),
    created_at: s.time(),
  }),
  'A domain that belongs to whoever owns a card, or is to be proved to.',
)

export const domainRoutes = (house: RelayHouse): Route[] => [
  route(
    'GET /cards/:id/domains',
    {
      tag,
      auth: 'any',
      action: 'card.read',
      summary: 'List the domains of a card, proved and not',
      params,
      answers: { 200: s.list(CardDomain) },
      problems: ['not_found'],
    },
    ({ scope, params: { id } }) => listCardDomains(house, scope, id),
  ),
  route(
    'POST /cards/:id/domains',
    {
      ...write,
      summary: 'Ask for a challenge by which a domain is proved',
      description: 'Bound to this card of this tenant. Asked for again it is the same challenge (200); another method moves it.',
      params,
      body: s.object({ domain: Domain, method: s.withDefault(s.oneOf('dns', 'https'), 'dns') }),
      answers: { 200: CardDomain, 201: CardDomain },
      problems: ['not_found', 'state_conflict', 'busy'],
    },
    ({ scope, params: { id }, body, reply }) => {
      reply.status(201)
      return challengeDomain(house, scope, id, body, () => reply.status(200))
    },
  ),
  route(
    'POST /cards/:id/domains/:domain_id/verify',
    {
      ...write,
      summary: 'Have the challenge of a domain looked for now',
      params: one,
      answers: { 200: CardDomain },
      problems: ['not_found', 'state_conflict', 'verification_failed', 'busy'],
    },
    ({ scope, params: { id, domain_id } }) => verifyDomain(house, scope, id, domain_id),
  ),
  route(
    'DELETE /cards/:id/domains/:domain_id',
    {
      ...write,
      summary: 'Give up a domain of a card',
      params: one,
      answers: { 204: null },
      problems: ['not_found', 'state_conflict'],
    },
    ({ scope, params: { id, domain_id } }) => removeDomain(house, scope, id, domain_id),
  ),
]
