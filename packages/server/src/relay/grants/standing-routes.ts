// The routes of standing permissions of a relay grant (relay.md R79): schemas and one verb each.
import { type Route, route, s } from '../../http/route.ts'
import type { RelayHouse } from '../house.ts'
import { activateStanding, draftStanding, listStanding, revokeStanding } from './standing.ts'

const tag = 'approval'
const params = { id: s.id('rgr') }
const one = { ...params, pid: s.line({ max: 64 }) }
const MOST_SECONDS = 90 * 86_400

const StandingBody = s.named(
  'StandingPermission',
  s.object({
    id: s.text().describe('Of the policy: decisions that used it name it.'),
    state: s.oneOf('draft', 'active', 'ended'),
    version: s.int().describe('Of the policies in which it stands.'),
    actions: s.array(s.text()).describe('What it allows: messages to the agent, or its answers.'),
    skill: s.maybe(s.text()).describe('null: what names none.'),
    ceilings: s.record(s.int()).describe('What a fact may be at most.'),
    facts: s.record(s.json()).describe('Facts that have to be as they were when people were asked.'),
    until: s.maybe(s.time()),
    says: s.text().describe('The permit in words.'),
    text: s.text().describe('The permit in Cedar.'),
  }),
)

export const standingRoutes = (house: RelayHouse): Route[] => [
  route(
    'GET /relay-grants/:id/standing-permissions',
    {
      summary: 'List what is allowed from now on under a relay grant',
      description:
        'In the policies of your own tenant, of whichever side: those in force, and drafts that nobody has activated or set aside, unless their time is over.',
      tag,
      auth: 'any',
      action: 'relay_grant.read',
      params,
      answers: { 200: s.object({ data: s.array(StandingBody) }) },
      problems: ['not_found'],
    },
    ({ scope, params }) => listStanding(house, scope, params.id),
  ),
  route(
    'POST /relay-grants/:id/standing-permissions',
    {
      summary: 'Draft: allow this from now on',
      description:
        'From a message that people were asked about: a permit for this relay grant and its skill, up to a ceiling for each fact (what the message said, unless you say otherwise), for at most 90 days. It counts once it is activated; as a version of the policies it can be run over past decisions before (`/policies/{version}/dry-run`).',
      tag,
      auth: 'session',
      action: 'relay_grant.update',
      params,
      body: s.object({
        task_id: s.id('task'),
        ceilings: s.optional(s.record(s.int())).describe('By the name of a fact that is a number.'),
        for_seconds: s.int({ min: 60, max: MOST_SECONDS }),
      }),
      answers: { 201: StandingBody },
      problems: ['not_found', 'version_conflict', 'policy_invalid'],
    },
    ({ scope, params, body }) => draftStanding(house, scope, params.id, body),
  ),
  route(
    'POST /relay-grants/:id/standing-permissions/:pid/activate',
    {
      summary: 'Put a standing permission in force',
      description:
        'A version of the policies: the active one with this permit. Counts from the next message. What was taken back, set aside or is over is refused with its `state` (`revoked`, `discarded`, `ended`): draft another.',
      tag,
      auth: 'session',
      stepUp: true,
      action: 'policy.activate',
      params: one,
      answers: { 200: StandingBody },
      problems: ['not_found', 'state_conflict', 'version_conflict', 'policy_invalid'],
    },
    ({ scope, params }) => activateStanding(house, scope, params.id, params.pid),
  ),
  route(
    'DELETE /relay-grants/:id/standing-permissions/:pid',
    {
      summary: 'Take a standing permission back, or set a draft aside',
      description:
        'From the next message on people are asked again. A draft that nobody has activated is listed no more and can be activated no more.',
      tag,
      auth: 'session',
      stepUp: true,
      action: 'policy.activate',
      params: one,
      answers: { 204: null },
      problems: ['not_found', 'version_conflict'],
    },
    ({ scope, params }) => revokeStanding(house, scope, params.id, params.pid),
  ),
]
