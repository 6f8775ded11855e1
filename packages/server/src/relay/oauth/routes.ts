// The token endpoint and what says where it is (RFC 6749, RFC 8414).
import { type Route, route, s } from '../../http/route.ts'
import { answerToken, CHILD_SCOPES, type OauthHouse } from './token.ts'

export const oauthRoutes = (house: OauthHouse): Route[] => [
  route(
    'POST /oauth/token',
    {
      summary: 'Get a child key for one agent (RFC 6749 client credentials, RFC 8707)',
      description:
        'The client is an agent and its secret a key of it, by Basic or in the form. `resource` is the base URL of the agent that the child key opens, for 60 minutes at most and with the scopes asked for. Refusals are those of RFC 6749.',
      tag: 'approval',
      auth: 'none',
      idempotency: 'none',
      selfAuthenticated: true,
      maxBody: 8_192,
      body: s.object({
        grant_type: s.literal('client_credentials'),
        resource: s.text({ max: 2_048 }),
        scope: s.optional(s.text({ max: 500 })),
        client_id: s.optional(s.text({ max: 100 })),
        client_secret: s.optional(s.text({ max: 200 })),
      }),
      bytes: true,
      answers: { 200: 'page' },
      own: (steps) => answerToken(house, steps),
    },
    async () => undefined,
  ),
]

export const oauthRootRoutes = (house: OauthHouse): Route[] => [
  route(
    'GET /.well-known/oauth-authorization-server',
    {
      summary: 'Where tokens come from (RFC 8414)',
      tag: 'approval',
      auth: 'none',
      answers: {
        200: s.object({
          issuer: s.text(),
          token_endpoint: s.text(),
          grant_types_supported: s.array(s.text()),
          response_types_supported: s.array(s.text()),
          token_endpoint_auth_methods_supported: s.array(s.text()),
          scopes_supported: s.array(s.text()),
        }),
      },
    },
    async () => ({
      issuer: house.origin(),
      token_endpoint: `${house.origin()}/api/v1/oauth/token`,
      grant_types_supported: ['client_credentials'],
      response_types_supported: [],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
      scopes_supported: [...CHILD_SCOPES],
    }),
  ),
]
