// The routes of contacts, blocks and handles: schemas and one verb each.
import { type Route, route, s } from '../../http/route.ts'
import { Slug } from '../cards/input.ts'
import type { RelayHouse } from '../house.ts'
import { createBlock, getBlock, listBlocks, removeBlock } from './block.ts'
import { changeContact, listContacts } from './contact.ts'
import { claimHandle, listHandles, readHandle, releaseHandle } from './handle.ts'
import { REASONS, reportCard, reportContact } from './report.ts'
import { BlockBody, ContactBody, ContactState, Domain, HandleBody, HandleCard } from './shapes.ts'

const tag = 'peers'
const block = { tag, auth: 'session', action: 'block.manage' } as const

const report = { tag, auth: 'any', action: 'contact.update', bucket: 'relay.request' } as const
const Report = s.object({
  reason: s.oneOf(...REASONS),
  note: s.optional(s.text({ min: 1, max: 2_000 })).describe('For the people who look after it; the other side does not read it.'),
})
const Reported = s.named(
  'PeerReported',
  s.object({ peer: s.text(), reason: s.oneOf(...REASONS), reported_at: s.time() }),
  'The people of the installation were asked to look after it.',
)

export const peerRoutes = (house: RelayHouse): Route[] => [
  route(
    'GET /contacts',
    {
      summary: 'List the peers that this tenant has met',
      description: 'in: agents that asked for a card of yours; out: cards that an agent of yours asked for.',
      tag,
      auth: 'any',
      action: 'contact.read',
      query: {
        direction: s.optional(s.oneOf('in', 'out')),
        state: s.optional(ContactState),
        favourite: s.optional(s.oneOf('true', 'false')),
        q: s.optional(s.line({ max: 100 })).describe('Part of a name.'),
        ...s.page(),
      },
      answers: { 200: s.list(ContactBody) },
      problems: ['cursor_invalid'],
    },
    ({ scope, query: { favourite, ...query } }) =>
      listContacts(house, scope, { ...query, ...(favourite && { favourite: favourite === 'true' }) }),
  ),
  route(
    'PATCH /contacts/:id',
    {
      summary: 'Note something about a peer',
      tag,
      auth: 'any',
      action: 'contact.update',
      params: { id: s.id('ctc') },
      body: s.object({
        note: s.nullish(s.text({ min: 1, max: 2_000 })),
        favourite: s.optional(s.boolean()),
      }),
      answers: { 200: ContactBody },
      problems: ['not_found'],
    },
    ({ scope, params, body }) => changeContact(house, scope, params.id, body),
  ),
  route(
    'POST /contacts/:id/report',
    {
      ...report,
      summary: 'Tell the operator of a peer that ought not to be here',
      params: { id: s.id('ctc') },
      body: Report,
      answers: { 201: Reported },
      problems: ['not_found'],
    },
    ({ scope, params, body, reply }) => {
      reply.status(201)
      return reportContact(house, scope, params.id, body)
    },
  ),
  route(
    'POST /agents/:slug/report',
    {
      ...report,
      summary: 'Tell the operator of a public card that ought not to be here',
      params: { slug: Slug },
      body: Report,
      answers: { 201: Reported },
      problems: ['not_found'],
    },
    ({ scope, params, body, reply }) => {
      reply.status(201)
      return reportCard(house, scope, params.slug, body)
    },
  ),
  route(
    'GET /blocks',
    {
      ...block,
      summary: 'List whom this tenant refuses, newest first',
      query: s.page(),
      answers: { 200: s.list(BlockBody) },
      problems: ['cursor_invalid'],
    },
    ({ scope, query }) => listBlocks(house, scope, query),
  ),
  route(
    'POST /blocks',
    {
      ...block,
      summary: 'Refuse a tenant, an agent or whoever proved a domain',
      description:
        'Its requests, threads and messages are refused as policy would refuse them, and it does not find your cards in the listing. What is blocked already is answered as it is (200).',
      body: s.object({
        tenant: s.optional(s.id('ten')),
        agent: s.optional(s.id('agt')),
        domain: s.optional(Domain),
        reason: s.optional(s.line({ max: 500 })),
      }),
      answers: { 200: BlockBody, 201: BlockBody },
    },
    ({ scope, body, reply }) => {
      reply.status(201)
      return createBlock(house, scope, body, () => reply.status(200))
    },
  ),
  route(
    'GET /blocks/:id',
    { ...block, summary: 'Read a block', params: { id: s.id('blk') }, answers: { 200: BlockBody }, problems: ['not_found'] },
    ({ scope, params }) => getBlock(house, scope, params.id),
  ),
  route(
    'DELETE /blocks/:id',
    { ...block, summary: 'Refuse a peer no more', params: { id: s.id('blk') }, answers: { 204: null }, problems: ['not_found'] },
    ({ scope, params }) => removeBlock(house, scope, params.id),
  ),
  route(
    'GET /handles',
    { summary: 'List the handles of this tenant', tag, auth: 'any', action: 'card.read', answers: { 200: s.list(HandleBody) } },
    ({ scope }) => listHandles(house, scope),
  ),
  route(
    'GET /handles/:handle',
    {
      summary: 'Find the card that a handle leads to',
      tag,
      auth: 'none',
      params: { handle: Slug },
      answers: { 200: HandleCard },
      problems: ['not_found'],
    },
    ({ params }) => readHandle(house, params.handle),
  ),
  route(
    'PUT /handles/:handle',
    {
      summary: 'Claim a handle for this tenant or for yourself, or change where it leads',
      tag,
      auth: 'session',
      action: 'card.publish',
      params: { handle: Slug },
      body: s.object({
        of: s.oneOf('tenant', 'user'),
        card_id: s.nullish(s.id('card')).describe('null: the primary card of the tenant.'),
        findable: s.optional(s.boolean()).describe('Until it is true, nobody finds you by it.'),
      }),
      answers: { 200: HandleBody, 201: HandleBody },
      problems: ['slug_taken', 'state_conflict'],
    },
    ({ scope, params, body, reply }) => claimHandle(house, scope, params.handle, body, () => reply.status(201)),
  ),
  route(
    'DELETE /handles/:handle',
    {
      summary: 'Give up a handle',
      tag,
      auth: 'session',
      action: 'card.publish',
      params: { handle: Slug },
      answers: { 204: null },
      problems: ['not_found'],
    },
    ({ scope, params }) => releaseHandle(house, scope, params.handle),
  ),
]
