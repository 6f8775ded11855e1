// Where the A2A face stands: one place for each verb under /agents/{slug}/a2a, for the paths below are A2A's own and not of our table, and the metadata that a refused credential is
// told of (RFC 9728).
import { Problem } from '@countersign/sdk'
import { type Route, route, s, type Method as Verb } from '../../http/route.ts'
import { agentUrl } from '../cards/document.ts'
import { enterAgent, placeOfCard, RELAY_SCOPES } from '../party.ts'
import type { Agents } from './agents.ts'
import { answerA2a, refuseAtDoor } from './bindings.ts'
import type { A2aHouse } from './house.ts'

const VERBS: readonly Verb[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']
const belowOf = ({ path }: { path: string }): string => /^\/agents\/[^/]+\/a2a(\/.*)?$/.exec(path)?.[1] ?? ''

/** Where either tenant is suspended, so is what goes between them. */
function entering(house: A2aHouse): NonNullable<Route['spec']['enter']> {
  const enter = enterAgent(house)
  return async (scope, params) => {
    const inside = await enter(scope, params)
    return inside.tenantState === 'active' ? { ...inside, tenantState: scope.tenantState } : inside
  }
}

export function a2aRoutes(house: A2aHouse): Route[] {
  const agents: Agents = new Map()
  return [
    ...VERBS.map((verb) =>
      route(
        `${verb} /agents/:slug/a2a/*`,
        {
          summary: 'Speak A2A 1.0 with an agent: JSON-RPC at jsonrpc, HTTP+JSON below rest',
          tag: 'a2a',
          auth: 'key',
          credentials: ['key', 'relay'],
          enter: entering(house),
          self: true,
          // Its body says whether it reads or writes: what writes is refused there (P11).
          always: true,
          params: { slug: s.text({ max: 64 }) },
          answers: { 200: 'page' },
          own: (steps) => answerA2a(house, agents, steps, belowOf(steps.request)),
          ownRefusal: (problem, request) => refuseAtDoor(house, problem, request, belowOf(request)),
        },
        async () => undefined,
      ),
    ),
    route(
      'GET /.well-known/oauth-protected-resource/agents/:slug/',
      {
        summary: 'Which credentials an agent takes, and where they come from (RFC 9728)',
        tag: 'a2a',
        auth: 'none',
        params: { slug: s.text({ max: 64 }) },
        answers: {
          200: s.object({
            resource: s.text(),
            authorization_servers: s.array(s.text()),
            scopes_supported: s.array(s.text()),
            bearer_methods_supported: s.array(s.text()),
          }),
        },
        problems: ['not_found'],
      },
      async ({ params }) => {
        const { visibility } = await placeOfCard(house, params.slug)
        if (visibility !== 'public') throw new Problem('not_found')
        const origin = house.origin()
        return {
          resource: agentUrl(origin, params.slug),
          authorization_servers: [origin],
          scopes_supported: [...RELAY_SCOPES],
          bearer_methods_supported: ['header'],
        }
      },
    ),
  ]
}
