// The keys with which anybody checks what the relay sends: who it says that calls (relay.md R14, R46), and what it pushes to clients of A2A (R101).
import { publishedKeys } from '../../events/audit/keys.ts'
import { type Route, route, s } from '../../http/route.ts'
import type { WebhooksHouse } from '../house.ts'

const KeySet = s.named(
  'RelayKeySet',
  s.object({
    keys: s.array(
      s.object({
        ...{ kty: s.literal('OKP'), crv: s.literal('Ed25519'), alg: s.literal('EdDSA'), use: s.literal('sig') },
        ...{ kid: s.text(), x: s.text() },
      }),
    ),
  }),
)

/** Outside of /api, without any credential. */
export const relayKeysRoute = (house: WebhooksHouse): Route =>
  route(
    'GET /.well-known/countersign/relay-keys.json',
    {
      summary: 'The keys that say who calls and sign what is pushed, as a JWK set',
      ...{ tag: 'webhooks', auth: 'none' },
      answers: { 200: KeySet },
    },
    async ({ reply }) => {
      reply.header('Cache-Control', 'public, max-age=300')
      const keys = [...(await publishedKeys(house, 'relay-sign')), ...(await publishedKeys(house, 'webhook-ed25519'))]
      return {
        keys: keys
          .filter(({ retired_at }) => retired_at === null)
          .map(({ kid, public_key }) => ({
            ...{ kty: 'OKP' as const, crv: 'Ed25519' as const, alg: 'EdDSA' as const, use: 'sig' as const },
            ...{ kid, x: public_key.toString('base64url') },
          })),
      }
    },
  )
