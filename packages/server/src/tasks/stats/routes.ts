// The route of the figures: schemas and the verb.
import { type Route, route, s } from '../../http/route.ts'
import type { TasksHouse } from '../house.ts'
import { type StatsInput, taskStats } from './stats.ts'

const count = () => s.int({ min: 0 })
const counts = {
  created: count(),
  open: count(),
  answered: count(),
  accepted: count(),
  edited: count(),
  responded: count(),
  ignored: count(),
  denied: count(),
  defaulted: count(),
  timed_out: count(),
  cancelled: count(),
  verification_exhausted: count(),
}
const Times = s.object({
  tasks: count(),
  median_seconds: s.maybe(s.number()),
  p90_seconds: s.maybe(s.number()),
  histogram: s.array(s.object({ from_seconds: s.number(), up_to_seconds: s.number(), tasks: count() })),
})

export const StatsBody = s.named(
  'TaskStats',
  s.object({
    from: s.time(),
    to: s.time(),
    days: count(),
    time_zone: s.text(),
    totals: s.object(counts),
    volume: s.array(s.object({ day: s.text(), ...counts })).describe('By the day on which it was asked, and how it ended.'),
    heat: s.array(s.object({ weekday: count(), hour: count(), tasks: count() })).describe('When questions come; Monday is 0.'),
    first_look: Times.describe('From the question to the first person who opened it.'),
    decision: Times.describe('From the question to its end.'),
    backlog: s.object({
      open: count(),
      oldest_seconds: s.maybe(count()),
      ages: s.array(s.object({ up_to_seconds: s.number(), tasks: count() })),
    }),
    escalated: count(),
    edits: s.object({
      rate: s.maybe(s.number()).describe('Of the actions that people agreed to, the share that they changed first.'),
      edited: count(),
      accepted: count(),
      fields: s.array(s.object({ pointer: s.text(), tasks: count() })),
    }),
    verifier: s.object({ refusals: count(), tasks: count() }),
    quorum: s.object({ tasks: count(), unanimous: count() }),
    after_approval: s.object({ approved: count(), succeeded: count(), failed: count(), skipped: count(), missing: count() }),
    groups: s.array(
      s.object({
        key: s.text(),
        name: s.text(),
        tasks: count(),
        escalated: count(),
        approved: count(),
        mean_seconds: s.maybe(s.number()),
      }),
    ),
  }),
  'The figures of tasks over a stretch of time, within what the caller reaches.',
)

export const statsRoutes = (house: TasksHouse): Route[] => [
  route(
    'GET /tasks/stats',
    {
      summary: 'Read the figures of tasks',
      description: 'Counts and times only. Medians are read from buckets and are some percent off at most.',
      ...{ tag: 'tasks', auth: 'any', action: 'task.stats' },
      query: {
        days: s.withDefault(s.int({ min: 1, max: 365 }), 30),
        agent_id: s.optional(s.id('agt')),
        person: s.optional(s.id('usr').describe('Who decided.')),
        pool: s.optional(s.line({ max: 110 }).describe('Asked of this pool, as a task names it.')),
        channel: s.optional(s.oneOf('dashboard', 'email', 'slack', 'embed', 'webhook', 'api', 'cli', 'timeout')),
        tag: s.optional(s.text({ min: 1, max: 50 })),
        by: s.withDefault(s.oneOf('none', 'agent', 'person', 'channel'), 'none'),
        time_zone: s.withDefault(s.line({ max: 64 }), 'UTC'),
      },
      answers: { 200: StatsBody },
    },
    ({ scope, query }) => taskStats(house, scope, query as StatsInput),
  ),
]
