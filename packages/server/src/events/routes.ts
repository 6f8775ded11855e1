// The record over HTTP: a list, one event, the types, and the stream. Nothing here writes.
import { route, s } from '../http/route.ts'
import type { AuditHouse } from './audit/house.ts'
import { getEventDetail } from './detail.ts'
import { listEvents } from './event.ts'
import { eventCatalogue } from './schema.ts'
import { followEvents, startOf } from './stream.ts'

const Principal = s.object({ type: s.oneOf('user', 'agent', 'key', 'guest', 'system'), id: s.text() })

const eventShape = {
  id: s.id('evt'),
  type: s.text(),
  class: s.oneOf('audit', 'activity'),
  occurred_at: s.time(),
  tenant_id: s.id('ten'),
  actor: s.object({
    type: s.oneOf('user', 'agent', 'key', 'guest', 'system'),
    id: s.text(),
    session_id: s.optional(s.id('ses')),
    key_id: s.optional(s.id('key')),
    assurance: s.optional(s.oneOf('key', 'link', 'channel', 'session', 'step_up')),
    origin: s.optional(s.text().describe('The SHA-256 of the side envelope of address and client.')),
  }),
  on_behalf_of: s.array(Principal),
  resource: s.maybe(s.object({ type: s.text(), id: s.text() })),
  data: s.jsonObject(),
  before: s.optional(s.jsonObject()),
  after: s.optional(s.jsonObject()),
  decision: s.optional(s.jsonObject()),
  request_id: s.maybe(s.text()),
  trace_id: s.optional(s.text()),
}

export const EventBody = s.named(
  'Event',
  s.object({ ...eventShape, seq: s.optional(s.int().describe('Its number in the sealed log; in lists, once it is sealed.')) }),
  'What happened, who did it and to what. It holds ids, states and names of fields, never content.',
)

const EventDetailBody = s.named(
  'EventDetail',
  s.object({
    ...eventShape,
    body: s.text().describe('The exact text that is hashed and exported (RFC 8785).'),
    seal: s.maybe(
      s.object({
        seq: s.int(),
        digest: s.text(),
        prev_hash: s.text(),
        hash: s.text(),
        sealed_at: s.time(),
        checkpointed: s.boolean().describe('Whether a signed checkpoint covers it.'),
      }),
    ),
    origin: s.maybe(
      s.object({
        sha256: s.text(),
        erased: s.boolean(),
        address: s.optional(s.text()),
        client: s.optional(s.text()),
        email: s.optional(s.text()),
        name: s.optional(s.text()),
      }),
    ),
  }),
  'An event with its place in the log, and where it came from while that is not erased.',
)

const EventTypeBody = s.named(
  'EventType',
  s.object({
    name: s.text(),
    version: s.int(),
    class: s.oneOf('audit', 'activity'),
    says: s.text(),
    sensitive: s.boolean().describe('Deliveries of it are thin unless their endpoint asks for all.'),
    schema: s.jsonObject().describe('JSON Schema of the body that endpoints get.'),
  }),
)

const filter = {
  actor: s.optional(s.text({ min: 1, max: 100 }).describe('The id of who acted.')),
  resource: s.optional(s.text({ min: 1, max: 100 }).describe('The id of what it concerns.')),
  type: s.optional(
    s.pattern(/^[a-z0-9_]+(\.[a-z0-9_]+)*(\.\*)?$/, 'Must be an event type or `task.*`.').describe('A type, or `task.*`.'),
  ),
  class: s.optional(s.oneOf('audit', 'activity')),
  action: s.optional(s.text({ min: 1, max: 100 }).describe('What was asked for, or how a type ends: `created`.')),
  decision: s.optional(
    s.text({ min: 1, max: 40 }).describe('The outcome of the decision that it tells of: `allow`, `ask`, `deny`.'),
  ),
  since: s.optional(s.time().describe('At or after this time.')),
  until: s.optional(s.time().describe('Before this time.')),
}
const { since: _since, until: _until, ...streamFilter } = filter

export const eventRoutes = (house: AuditHouse) => [
  route(
    'GET /events',
    {
      summary: 'List events, newest first',
      tag: 'events',
      auth: 'any',
      action: 'event.list',
      query: { ...filter, ...s.page() },
      answers: { 200: s.list(EventBody) },
      problems: ['cursor_invalid'],
    },
    ({ scope, query }) => listEvents(house, scope, query),
  ),
  route(
    'GET /events/types',
    {
      summary: 'List the types that events may have',
      tag: 'events',
      auth: 'any',
      action: 'event.list',
      answers: { 200: s.list(EventTypeBody) },
    },
    async () => ({ data: eventCatalogue(), next_cursor: null }),
  ),
  route(
    'GET /events/stream',
    {
      summary: 'Follow the record as server-sent events',
      description:
        'Each event once and in order. Send the last id as `Last-Event-ID` to go on after it; without it the stream begins now.',
      tag: 'events',
      auth: 'any',
      action: 'event.list',
      query: streamFilter,
      answers: { 200: 'stream' },
      problems: ['cursor_invalid'],
      bucket: 'stream',
    },
    async (ask) => {
      const after = await startOf(house, ask.scope, ask.request.header('last-event-id'))
      return ask.stream(async (out) => {
        const events = followEvents(house, ask.scope, { filter: ask.query, after, signal: out.signal })
        for await (const event of events) await out.send({ event: event.type, id: event.id, data: event })
      })
    },
  ),
  route(
    'GET /events/:id',
    {
      summary: 'Read one event',
      tag: 'events',
      auth: 'any',
      action: 'event.list',
      params: { id: s.id('evt') },
      answers: { 200: EventDetailBody },
      problems: ['not_found'],
    },
    ({ scope, params }) => getEventDetail(house, scope, params.id),
  ),
]
