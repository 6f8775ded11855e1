// The routes of routing: pools, labels, availability, reassigning. Schemas and one verb each.
import { type Route, route, s } from '../../http/route.ts'
import type { TasksHouse } from '../house.ts'
import { CHANNELS } from '../notices/grammar.ts'
import { TaskBody } from '../shapes.ts'
import type { Task } from '../wire.ts'
import { STRATEGIES } from './form.ts'
import { reassignTask } from './reroute.ts'
import { changeAvailability, readAvailability } from './settings/availability.ts'
import { changeLabels, listPeople, readLabels } from './settings/label.ts'
import { changePool, changeRouting, createPool, getPool, listPools, readRouting, removePool } from './settings/pool.ts'

const tag = 'routing'
const Strategy = s.oneOf(...STRATEGIES)
const id = { id: s.id('pool') }

const PoolIn = s.object({
  name: s.line({ min: 1, max: 100 }),
  description: s.optional(s.text({ max: 1_000 })),
  strategy: s.optional(Strategy),
  claim_seconds: s.nullish(s.int({ min: 10, max: 2_592_000 }).describe('How long a claim without an answer lasts.')),
  members: s.array(s.id('usr'), { max: 300 }),
})
const PoolBody = s.named(
  'Pool',
  s.object({
    id: s.id('pool'),
    name: s.text(),
    description: s.text(),
    strategy: Strategy,
    claim_seconds: s.maybe(s.int()),
    members: s.array(s.id('usr')),
    created_by: s.text(),
    created_at: s.time(),
    updated_at: s.time(),
  }),
  'A named group of users from which whoever is asked is taken.',
)
const RoutingBody = s.named(
  'Routing',
  s.object({ default_pool_id: s.maybe(s.id('pool')), fallback_pool_id: s.maybe(s.id('pool')) }),
  'Who is asked where nobody is named, and who gets what reaches nobody; null: owners, admins and operators.',
)
const LabelsBody = s.named(
  'Labels',
  s.object({
    roles: s.array(s.line({ min: 1, max: 100 }), { max: 50 }),
    access_levels: s.array(s.line({ min: 1, max: 100 }), { max: 50 }),
  }),
  'By what a user can be asked besides their name; labels grant nothing.',
)
const Clock = s.pattern(/^(?:[01]\d|2[0-3]):[0-5]\d$/, 'Must be a time such as 22:00.')
const ChannelNames = s.nullish(s.array(s.text({ max: 40 }), { max: CHANNELS.length }))
const quiet = { from: Clock, until: Clock, time_zone: s.line({ min: 1, max: 64 }) }

const AvailabilityIn = s.object({
  away: s.optional(s.array(s.object({ from: s.time(), until: s.time(), delegate_id: s.nullish(s.id('usr')) }), { max: 50 })),
  max_open: s.nullish(s.int({ min: 1, max: 10_000 })),
  quiet_hours: s.nullish(s.object(quiet)),
  notify: s.nullish(s.object({ direct: ChannelNames, shared: ChannelNames })),
})
const Told = s.maybe(s.array(s.oneOf(...CHANNELS)))
const AvailabilityBody = s.named(
  'Availability',
  s.object({
    away: s.array(s.object({ id: s.id('abs'), from: s.time(), until: s.time(), delegate_id: s.maybe(s.id('usr')) })),
    max_open: s.maybe(s.int()),
    quiet_hours: s.maybe(s.object(quiet)),
    notify: s.object({ direct: Told, shared: Told }),
  }),
  'When and how a person is asked.',
)

const PersonBody = s.named(
  'RoutedPerson',
  s.object({
    user_id: s.id('usr'),
    display_name: s.text(),
    role: s.text(),
    roles: s.array(s.text()),
    access_levels: s.array(s.text()),
    pools: s.array(s.id('pool')),
    max_open: s.maybe(s.int()),
    open: s.int({ min: 0 }).describe('Tasks that they hold now.'),
    away_until: s.maybe(s.time()),
    delegate_user_id: s.maybe(s.id('usr')),
  }),
)

export const routingRoutes = (house: TasksHouse): Route[] => [...pools(house), ...people(house), ...tasks(house)]

const pools = (house: TasksHouse): Route[] => [
  route(
    'GET /pools',
    { summary: 'List pools', tag, auth: 'any', action: 'task.route', answers: { 200: s.list(PoolBody) } },
    ({ scope }) => listPools(house, scope),
  ),
  route(
    'POST /pools',
    { summary: 'Make a pool', tag, auth: 'any', action: 'task.route', body: PoolIn, answers: { 201: PoolBody } },
    ({ scope, body }) => createPool(house, scope, body as Parameters<typeof createPool>[2]),
  ),
  route(
    'GET /pools/:id',
    {
      summary: 'Read a pool',
      tag,
      auth: 'any',
      action: 'task.route',
      params: id,
      answers: { 200: PoolBody },
      problems: ['not_found'],
    },
    ({ scope, params }) => getPool(house, scope, params.id),
  ),
  route(
    'PUT /pools/:id',
    {
      summary: 'Change a pool',
      description: 'Whole: what is left out goes back to its default. Whose turn it is stays as it was.',
      tag,
      auth: 'any',
      action: 'task.route',
      params: id,
      body: PoolIn,
      answers: { 200: PoolBody },
      problems: ['not_found'],
    },
    ({ scope, params, body }) => changePool(house, scope, params.id, body as Parameters<typeof changePool>[3]),
  ),
  route(
    'DELETE /pools/:id',
    {
      summary: 'Remove a pool',
      tag,
      auth: 'any',
      action: 'task.route',
      params: id,
      answers: { 204: null },
      problems: ['not_found', 'state_conflict'],
    },
    ({ scope, params }) => removePool(house, scope, params.id),
  ),
  route(
    'GET /routing',
    { summary: 'Read who is asked by default', tag, auth: 'any', action: 'task.route', answers: { 200: RoutingBody } },
    ({ scope }) => readRouting(house, scope),
  ),
  route(
    'PUT /routing',
    {
      summary: 'Choose the default and the fallback pool',
      tag,
      auth: 'any',
      action: 'task.route',
      body: RoutingBody,
      answers: { 200: RoutingBody },
    },
    ({ scope, body }) => changeRouting(house, scope, body),
  ),
]

const people = (house: TasksHouse): Route[] => [
  route(
    'GET /routing/people',
    {
      summary: 'List who can be asked, and by what',
      tag,
      auth: 'any',
      action: 'task.route',
      answers: { 200: s.list(PersonBody) },
    },
    ({ scope }) => listPeople(house, scope),
  ),
  route(
    'GET /users/:id/labels',
    {
      summary: 'Read the labels of a user',
      tag,
      auth: 'any',
      action: 'task.route',
      params: { id: s.id('usr') },
      answers: { 200: LabelsBody },
      problems: ['not_found'],
    },
    ({ scope, params }) => readLabels(house, scope, params.id),
  ),
  route(
    'PUT /users/:id/labels',
    {
      summary: 'Set the labels of a user',
      tag,
      auth: 'any',
      action: 'task.route',
      params: { id: s.id('usr') },
      body: LabelsBody,
      answers: { 200: LabelsBody },
      problems: ['not_found'],
    },
    ({ scope, params, body }) => changeLabels(house, scope, params.id, body),
  ),
  route(
    'GET /me/availability',
    { summary: 'Read when and how you are asked', tag, auth: 'any', self: true, answers: { 200: AvailabilityBody } },
    ({ scope }) => readAvailability(house, scope),
  ),
  route(
    'PUT /me/availability',
    {
      summary: 'Say when you are away, who stands in for you, and how you want to be told',
      description: 'Whole: what is left out is as if it had never been said.',
      tag,
      auth: 'any',
      self: true,
      body: AvailabilityIn,
      answers: { 200: AvailabilityBody },
    },
    ({ scope, body }) => changeAvailability(house, scope, body as Parameters<typeof changeAvailability>[2]),
  ),
]

const tasks = (house: TasksHouse): Route[] => [
  route(
    'POST /tasks/:id/reassign',
    {
      summary: 'Give a task to others',
      description: 'Counted votes and comments stay. The holder may do it while the task is `delegable`.',
      tag: 'tasks',
      auth: 'any',
      action: 'task.reassign',
      params: { id: s.id('task') },
      body: s.object({ assign_to: s.json(), reason: s.text({ min: 1, max: 4_000 }) }),
      answers: { 200: TaskBody },
      problems: [
        'not_found',
        'task_not_open',
        'assign_to_invalid',
        'no_eligible_human',
        'address_not_allowed',
        'not_eligible',
        'policy_denied',
      ],
      render: (result) => ({ headers: { ETag: `"${(result as Task).version}"` }, body: result }),
    },
    ({ scope, params, body }) => reassignTask(house, scope, params.id, body as Parameters<typeof reassignTask>[3]),
  ),
]
