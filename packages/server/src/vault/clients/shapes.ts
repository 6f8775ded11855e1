// What goes over the wire about clients: never a secret, in either direction but in.
import { s } from '../../http/route.ts'

export const Auth = s.oneOf('basic', 'post', 'none', 'private_key_jwt')

export const ClientBody = s.named(
  'ProviderClient',
  s.object({
    provider: s.text().describe('Whose record this is; products of one vendor may share one.'),
    issuer: s.maybe(s.text()),
    client_id: s.maybe(s.text({ max: 2_000 })),
    has_secret: s.boolean(),
    auth: Auth,
    key_id: s.maybe(s.text()).describe('The name of the key with which it signs, as the provider knows it.'),
    redirect_uris: s.array(s.text()),
    state: s.oneOf('registering', 'active', 'unknown', 'removed'),
    connections: s.int().describe('That were obtained under it and are still in use.'),
    created_by: s.text(),
    created_at: s.time(),
    updated_at: s.time(),
  }),
)

const confirmation = {
  confirm: s.optional(s.boolean()).describe('Needed where connections depend on it.'),
  affected: s
    .optional(s.int({ min: 0 }))
    .describe('How many connections whoever confirms has seen; another number is asked again.'),
  revoke_connections: s.optional(s.boolean()).describe('End the connections that were obtained under it; else they stay.'),
}
const issuer = s
  .optional(s.line({ max: 2_000 }))
  .describe('Of a client that was registered at one of several authorization servers.')

export const ClientChange = s.object({
  client_id: s.line({ max: 2_000 }),
  secret: s.nullish(s.text({ min: 1, max: 20_000 })).describe('Write-only. Left out: the present one stays.'),
  auth: s
    .optional(Auth)
    .describe('As the definition says, unless given. For `private_key_jwt` the secret is a private key: PEM, or a JWK.'),
  key_id: s
    .nullish(s.line({ min: 1, max: 200 }))
    .describe('For `private_key_jwt`: the name under which the provider has the public key.'),
  issuer,
  ...confirmation,
})

export const ClientRemoval = s.object({ issuer, ...confirmation })
export const Removed = s.named(
  'ProviderClientRemoved',
  s.object({ provider: s.text(), affected: s.object({ connections: s.int(), grants: s.int() }) }),
)
