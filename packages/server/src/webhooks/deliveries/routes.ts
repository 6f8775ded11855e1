// The routes of deliveries and replays: schemas and one verb each.
import { type Route, route, s } from '../../http/route.ts'
import { enterOwn } from '../callers/enter.ts'
import type { WebhooksHouse } from '../house.ts'
import { cancelDelivery, getDelivery, listDeliveries, replayDelivery, replayEvent, skipDelivery } from './delivery.ts'
import { cancelReplay, getReplay, listReplays, startReplay } from './replay.ts'

const tag = 'webhooks'
const State = s.oneOf('pending', 'sending', 'succeeded', 'exhausted', 'held', 'cancelled')
const Class = s.oneOf(
  'status',
  'timeout',
  'unreachable',
  'tls',
  'too_large',
  'url_not_allowed',
  'url_invalid',
  'lost',
  'answer_invalid',
)
const Trigger = s.oneOf('auto', 'manual', 'bulk', 'test')
const ms = s.maybe(s.number())

const deliveryMembers = {
  id: s.id('dlv'),
  endpoint_id: s.maybe(s.id('whe')),
  url: s.maybe(s.text()).describe('Of a delivery to an address of its own, such as a task’s callback_url.'),
  event_id: s.id('evt'),
  event_type: s.text(),
  resource_id: s.maybe(s.text()),
  form: s.oneOf('full', 'thin', 'callback'),
  state: State,
  attempts: s.int(),
  trigger: Trigger,
  fifo: s.boolean(),
  blocks: s.boolean().describe('It is over and holds up its key until somebody skips or replays it.'),
  next_attempt_at: s.maybe(s.time()),
  last_status: s.maybe(s.int()),
  last_class: s.maybe(s.text()),
  replay_id: s.maybe(s.id('rpy')),
  created_at: s.time(),
  succeeded_at: s.maybe(s.time()),
  ended_at: s.maybe(s.time()),
}
export const DeliveryBody = s.named('Delivery', s.object(deliveryMembers))
const AttemptBody = s.named(
  'DeliveryAttempt',
  s.object({
    n: s.int(),
    trigger: Trigger,
    started_at: s.time(),
    ended_at: s.time(),
    ms: s.int(),
    dns_ms: ms,
    connect_ms: ms.describe('Null on a connection that was open already.'),
    tls_ms: ms,
    first_byte_ms: ms,
    address: s.maybe(s.text()).describe('Shown to hosts only.'),
    family: s.maybe(s.int()),
    status: s.maybe(s.int()),
    class: s.maybe(Class).describe('Null: it succeeded. lost: the worker died, and nobody knows whether it arrived.'),
    excerpt: s.maybe(s.text()),
  }),
)
const DeliveryDetail = s.named(
  'DeliveryDetail',
  s.object({
    ...deliveryMembers,
    waits_for: s.maybe(s.id('dlv')).describe('Of FIFO: the delivery that holds up its key.'),
    log: s.array(AttemptBody),
    body: s.maybe(s.text({ max: 300_000 })),
  }),
)
const replayMembers = {
  id: s.id('rpy'),
  state: s.oneOf('running', 'done', 'cancelled'),
  endpoint_id: s.maybe(s.id('whe')),
  event_id: s.maybe(s.id('evt')),
  type: s.maybe(s.text()),
  thread_id: s.maybe(s.id('thr')),
  what: s.oneOf('exhausted', 'any'),
  since: s.maybe(s.time()),
  until: s.maybe(s.time()),
  include_succeeded: s.boolean(),
  per_second: s.int(),
  total: s.int().describe('How many it was about when it began.'),
  started: s.int(),
  succeeded: s.int(),
  failed: s.int(),
  waiting: s.int(),
  created_by: s.text(),
  created_at: s.time(),
  ended_at: s.maybe(s.time()),
}
const ReplayBody = s.named('Replay', s.object(replayMembers))

const read = { tag, auth: 'any', action: 'delivery.read' } as const
const replay = { tag, auth: 'any', action: 'delivery.replay' } as const
const params = { id: s.id('dlv') }
const refusals = ['not_found', 'state_conflict'] as const

export const deliveryRoutes = (house: WebhooksHouse): Route[] => [
  route(
    'GET /deliveries',
    {
      ...read,
      summary: 'List deliveries, newest first',
      query: {
        endpoint: s.optional(s.id('whe')),
        event: s.optional(s.id('evt')),
        type: s.optional(s.pattern(/^[a-z0-9_]+(\.[a-z0-9_]+)*(\.\*)?$/, 'Must be an event type or `task.*`.')),
        resource: s.optional(s.text({ min: 1, max: 100 })),
        state: s.optional(State),
        class: s.optional(Class),
        replay: s.optional(s.id('rpy')),
        since: s.optional(s.time()),
        until: s.optional(s.time()),
        ...s.page(),
      },
      answers: { 200: s.list(DeliveryBody) },
      problems: ['cursor_invalid'],
    },
    ({ scope, query }) => listDeliveries(house, scope, query),
  ),
  route(
    'GET /deliveries/:id',
    {
      ...read,
      enter: enterOwn(house, 'delivery.read'),
      summary: 'Read a delivery with its log',
      params,
      answers: { 200: DeliveryDetail },
      problems: ['not_found'],
    },
    ({ scope, params }) => getDelivery(house, scope, params.id),
  ),
  route(
    'POST /deliveries/:id/replay',
    {
      ...replay,
      enter: enterOwn(house, 'delivery.replay'),
      summary: 'Send a delivery once more',
      description: 'One attempt with the same bytes and the same webhook-id, also of what succeeded.',
      params,
      answers: { 202: DeliveryBody },
      problems: refusals,
    },
    ({ scope, params }) => replayDelivery(house, scope, params.id),
  ),
  route(
    'POST /deliveries/:id/skip',
    {
      summary: 'Let the next delivery of a FIFO key go',
      tag,
      auth: 'any',
      enter: enterOwn(house, 'delivery.skip'),
      action: 'delivery.skip',
      params,
      answers: { 200: DeliveryBody },
      problems: refusals,
    },
    ({ scope, params }) => skipDelivery(house, scope, params.id),
  ),
  route(
    'POST /deliveries/:id/cancel',
    {
      summary: 'Cancel a delivery',
      tag,
      auth: 'any',
      enter: enterOwn(house, 'delivery.cancel'),
      action: 'delivery.cancel',
      params,
      answers: { 200: DeliveryBody },
      problems: refusals,
    },
    ({ scope, params }) => cancelDelivery(house, scope, params.id),
  ),
  route(
    'POST /events/:id/replay',
    {
      ...replay,
      summary: 'Send an event once more to every endpoint that it went to',
      params: { id: s.id('evt') },
      answers: { 202: s.named('EventReplayed', s.object({ deliveries: s.array(s.id('dlv')) })) },
      problems: ['not_found'],
    },
    ({ scope, params }) => replayEvent(house, scope, params.id),
  ),
  route(
    'GET /replays',
    {
      ...read,
      summary: 'List replays, newest first',
      query: s.page(),
      answers: { 200: s.list(ReplayBody) },
      problems: ['cursor_invalid'],
    },
    ({ scope, query }) => listReplays(house, scope, query),
  ),
  route(
    'POST /replays',
    {
      ...replay,
      summary: 'Send many deliveries once more',
      description: 'All exhausted ones of an endpoint since a time, or a range of time. Runs as a job; follow it, or cancel it.',
      body: s.object({
        endpoint_id: s.optional(s.id('whe')),
        event_id: s.optional(s.id('evt')),
        type: s.optional(s.pattern(/^[a-z0-9_]+(\.[a-z0-9_]+)*$/, 'Must be an event type.')),
        thread_id: s.optional(s.id('thr').describe('What was to go to one’s own side of a thread.')),
        what: s.optional(
          s.oneOf('exhausted', 'any').describe('exhausted: by when they ended; any (default): by when they came to be.'),
        ),
        since: s.optional(s.time()),
        until: s.optional(s.time()),
        include_succeeded: s.optional(s.boolean()),
        per_second: s.optional(s.int({ min: 1, max: 100 })),
      }),
      answers: { 202: ReplayBody },
      problems: ['not_found', 'replay_running'],
      cost: 10,
    },
    ({ scope, body }) => startReplay(house, scope, body),
  ),
  route(
    'GET /replays/:id',
    {
      ...read,
      summary: 'See how far a replay is',
      params: { id: s.id('rpy') },
      answers: { 200: ReplayBody },
      problems: ['not_found'],
    },
    ({ scope, params }) => getReplay(house, scope, params.id),
  ),
  route(
    'DELETE /replays/:id',
    { ...replay, summary: 'Cancel a replay', params: { id: s.id('rpy') }, answers: { 204: null }, problems: refusals },
    ({ scope, params }) => cancelReplay(house, scope, params.id),
  ),
]
