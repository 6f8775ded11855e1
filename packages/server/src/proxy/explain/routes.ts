// The routes that say what would become of a request: schemas and one verb each.
import { type Route, route, s } from '../../http/route.ts'
import type { GateHouse } from '../gate/house.ts'
import { explainRequest, MOST_SIMULATED, simulate } from './explain.ts'

const MOST_POLICY = 4_194_304
const typed = {
  method: s.pattern(/^[A-Z][A-Z-]{0,31}$/, 'Must be a method, such as GET.'),
  url: s.text({ min: 1, max: 8_000 }),
  headers: s.optional(s.record(s.text({ max: 8_000 }))).describe('By name; a placeholder or `Countersign-Connection` selects.'),
  body: s.optional(s.text({ max: 1_048_576 })),
  address: s.optional(s.line({ max: 45 })).describe('Of the client; 127.0.0.1, unless said.'),
}

const Outcome = s.oneOf('allow', 'ask', 'deny', 'pass', 'learn')
const Explained = s.named(
  'ExplainedRequest',
  s.object({
    outcome: Outcome,
    reason: s.maybe(s.text()).describe('Why it would be denied: a reason of `proxy_denied`.'),
    connection_id: s.maybe(s.id('conn')),
    grant_id: s.maybe(s.id('grt')),
    choices: s.array(s.text()).describe('What the agent may name, where several connections fit.'),
    policy: s.object({
      version: s.int().describe('0 for policies that are not saved.'),
      ids: s.array(s.text()),
      reason: s.maybe(s.text()),
      ask: s.maybe(
        s.object({
          quorum: s.int(),
          expires_seconds: s.int(),
          on_timeout: s.oneOf('deny', 'escalate'),
          texts: s.array(s.text()),
        }),
      ),
    }),
    steps: s.array(
      s.object({
        step: s.text(),
        result: s.oneOf('passed', 'refused', 'asks', 'not_reached', 'not_tried'),
        detail: s.jsonObject(),
      }),
    ),
  }),
  'What the proxy would do with a request, step by step. Nothing was sent, opened, asked or counted.',
)

export const explainRoutes = (house: GateHouse): Route[] => [
  route(
    'POST /grants/explain',
    {
      summary: 'Say what the proxy would do with a request',
      description: 'Judges what is sent as the proxy would, under what holds at this moment. An agent asks about itself.',
      tag: 'grants',
      auth: 'any',
      action: 'grant.read',
      maxBody: 2_097_152,
      body: s.object({
        ...typed,
        agent_id: s.optional(s.id('agt')),
        mode: s.optional(s.oneOf('enforce', 'learn')),
        labels: s.optional(s.array(s.line({ max: 100 }), { max: 50 })).describe('Of the run.'),
      }),
      answers: { 200: Explained },
      problems: ['state_conflict', 'policy_error'],
      idempotency: 'none',
    },
    ({ scope, body }) => explainRequest(house, scope, body),
  ),
  route(
    'POST /proxy/simulate',
    {
      summary: 'Judge requests under the policies in force and under others',
      description: `Up to ${MOST_SIMULATED} requests: typed ones, or the newest recorded ones since a time, whose queries and bodies are in no record.`,
      tag: 'proxy',
      auth: 'any',
      action: 'policy.dry_run',
      maxBody: 2 * MOST_POLICY,
      body: s.object({
        policies: s.optional(s.text({ max: MOST_POLICY })).describe('Cedar text that is not saved.'),
        requests: s.optional(s.array(s.object({ ...typed, agent_id: s.id('agt') }), { min: 1, max: MOST_SIMULATED })),
        since: s.optional(s.time()),
      }),
      answers: {
        200: s.object({
          judged: s.int(),
          changed: s.int(),
          skipped: s.int().describe('Recorded requests of agents that do not act now.'),
          data: s.array(
            s.object({
              agent_id: s.id('agt'),
              method: s.text(),
              url: s.text(),
              recorded: s.maybe(s.object({ event_id: s.id('evt'), at: s.time(), outcome: s.text(), reason: s.maybe(s.text()) })),
              before: Explained,
              after: s.maybe(Explained),
              changed: s.boolean(),
            }),
          ),
        }),
      },
      problems: ['policy_invalid', 'policy_error'],
      bucket: 'policy.dry_run',
      cost: 5,
      idempotency: 'none',
    },
    ({ scope, body }) => simulate(house, scope, body),
  ),
]
