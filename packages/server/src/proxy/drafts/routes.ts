// The route of drafts: its schema and one verb.
import { type Route, route, s } from '../../http/route.ts'
import { RuleBody } from '../../vault/grants/shapes.ts'
import type { GateHouse } from '../gate/house.ts'
import { draftOfRun } from './draft.ts'
import { WHY } from './rules.ts'

const learned = {
  scheme: s.oneOf('http', 'https'),
  host: s.text(),
  port: s.int(),
  method: s.text(),
  path: s.text().describe('With what stands for one thing among many as `*`.'),
  requests: s.int(),
}

const DraftBody = s.named(
  'RunDraft',
  s.object({
    run_id: s.id('run'),
    agent_id: s.id('agt'),
    mode: s.oneOf('enforce', 'learn'),
    requests: s.int().describe('How many it learned from.'),
    truncated: s.boolean().describe('There was more: only the newest were read, and the most wanted stand here.'),
    learned: s.array(s.object(learned)),
    grants: s.array(
      s.object({
        provider: s.text(),
        name: s.text(),
        requests: s.int(),
        other_connections: s.array(s.id('conn')).describe('That fit as well; name one of them in its place where it is meant.'),
        grant: s
          .object({ agent_id: s.id('agt'), connection_id: s.id('conn'), reason: s.text(), rules: s.array(RuleBody) })
          .describe('As `POST /grants` takes it.'),
      }),
    ),
    passes: s
      .array(s.object({ host: s.text(), requests: s.int(), policy_id: s.text(), policy: s.text().describe('Cedar.') }))
      .describe('Hosts of nobody, each with a policy that lets this agent pass it without a credential.'),
    missing: s
      .array(
        s.object({
          provider: s.text(),
          display_name: s.text(),
          reason: s.oneOf('connection_missing', 'needs_reauth'),
          connection_id: s.maybe(s.id('conn')),
          hosts: s.array(s.text()),
          requests: s.int(),
          connect_url: s.text().describe('Where you connect it, or sign in to it again.'),
        }),
      )
      .describe('Providers to connect first; read the draft again afterwards.'),
    left_out: s
      .array(s.object({ ...learned, why: s.oneOf(...WHY) }))
      .describe(
        'What no rule of the draft lets out: sent without TLS, for tokens, handing out credentials, or not to be named by a rule.',
      ),
  }),
  'What a run learned, as grants and policies that are not made yet.',
)

export const draftRoutes = (house: GateHouse): Route[] => [
  route(
    'GET /runs/:id/draft',
    {
      summary: 'Read what a run learned, as a draft of grants and policies',
      description:
        'For people who may grant. Reading it publishes nothing: send a grant to `POST /grants`, and save a policy with the others.',
      tag: 'runs',
      auth: 'any',
      action: 'grant.decide',
      params: { id: s.id('run') },
      answers: { 200: DraftBody },
      problems: ['not_found'],
    },
    ({ scope, params }) => draftOfRun(house, scope, params.id),
  ),
]
