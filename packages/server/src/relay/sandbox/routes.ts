// The route of those who try things out: the sandbox, or a card of one's own from the other side.
import { type Route, route, s } from '../../http/route.ts'
import { GrantBody, Slug } from '../grants/shapes.ts'
import type { RelayHouse } from '../house.ts'
import { tryAgent } from './try.ts'

const Commands = s.named(
  'TryCommands',
  s.object({
    curl: s.text().describe('One line for a shell.'),
    cli: s.text().describe('One line for a shell, where these commands are installed.'),
    a2a: s.text().describe('A module of JavaScript over @a2a-js/sdk.'),
  }),
  'Each starts a thread and shows the answer, as it is pasted. They hold the token.',
)

export const sandboxRoutes = (house: RelayHouse): Route[] => [
  route(
    'POST /relay/sandbox',
    {
      summary: 'Try it out: a relay grant of a day to the sandbox, or to a card of your own',
      description:
        'For people, signed in or by a key of their own. Nobody is asked; what it then asks about, you may decide yourself. A repeat answers the same relay grant with another token.',
      tag: 'approval',
      auth: 'any',
      action: 'connection_request.create',
      bucket: 'relay.request',
      body: s.object({
        agent: s.optional(Slug).describe('The slug or the id of a card of your own; the agent `sandbox` when left out.'),
        from_agent_id: s.optional(s.id('agt')).describe('In whose name; an agent of yours is made for it when left out.'),
      }),
      answers: {
        201: s.named(
          'Tried',
          s.object({
            relay_grant: GrantBody,
            agent: s.text(),
            relay_token: s.optional(s.text()).describe('Shown in this one answer. It reaches this agent and no other.'),
            commands: s.optional(Commands),
            secret_shown: s.optional(s.literal(false)),
            expires_at: s.time(),
            links: s.object({
              card: s.text(),
              threads: s.text(),
              threads_page: s.text().describe('In the dashboard: its threads, live.'),
            }),
          }),
        ),
      },
      secretOnce: ['relay_token', 'commands'],
      problems: [
        'not_found',
        'duplicate_request',
        ...(['policy_denied', 'policy_error', 'approval_pending', 'human_denied', 'too_many_open', 'busy'] as const),
      ],
    },
    ({ scope, body }) => tryAgent(house, scope, body),
  ),
]
