// Connections on the wire. No schema here has a member for what is sealed.
import { s } from '../../http/route.ts'
import { METHODS } from '../providers/definition.ts'

export const ConnectionStatus = s.oneOf('pending', 'connected', 'needs_reauth', 'suspended', 'revoked', 'removed')
export const MethodName = s.oneOf(...METHODS)
export const ProviderName = s.pattern(/^[a-z0-9][a-z0-9_-]{1,62}$/, 'Must be the name of a provider.')
export const ConnectionName = s.pattern(
  /^[a-z0-9][a-z0-9_-]{0,62}$/,
  'Must be 1 to 63 lower-case letters, digits, - and _, beginning with a letter or a digit.',
)
export const Labels = s.array(s.line({ max: 100 }), { max: 50 })
export const Params = s.record(s.text({ max: 2_000 }))

export const ConnectionBody = s.named(
  'Connection',
  s.object({
    id: s.id('conn'),
    provider: s.text(),
    definition_version: s.int({ min: 0 }).describe('Of the provider’s definition; 0 is the bundled one.'),
    name: s.text(),
    owner: s.maybe(s.id('usr')),
    shared: s.boolean().describe('True: it is the tenant’s, and nobody’s own.'),
    labels: s.array(s.text()),
    params: s.record(s.text()),
    method: MethodName,
    status: ConnectionStatus,
    status_cause: s.maybe(s.text()),
    status_since: s.time(),
    scopes: s.array(s.text()),
    asked_scopes: s.array(s.text()).describe('What the provider asked for in addition; signing in again asks for these too.'),
    hosts: s.array(s.text()).describe('Where alone it may go, as whoever brought it said; empty: every host of the provider.'),
    account: s.maybe(s.object({ id: s.maybe(s.text()), label: s.maybe(s.text()) })),
    expires_at: s.maybe(s.time()),
    refresh_at: s.maybe(s.time()),
    obtained_at: s.maybe(s.time()),
    last_used_at: s.maybe(s.time()),
    last_error: s.maybe(s.object({ code: s.text(), at: s.time() })),
    generation: s.int().describe('Raised each time other material is stored.'),
    revision: s.int().describe('Raised by every change; the ETag.'),
    provider_revocation: s.maybe(s.oneOf('waiting', 'done', 'failed', 'none')),
    rotation: s
      .maybe(
        s.object({
          state: s.oneOf('creating', 'testing', 'overlapping', 'retiring', 'undoing', 'over'),
          cause: s.maybe(s.text()).describe('Why it ended early; null: it did not.'),
          started_at: s.time(),
          retire_at: s.maybe(s.time()).describe('Until then the old key counts beside the new one.'),
        }),
      )
      .describe('The last exchange of its key for a new one.'),
    used_by: s
      .array(s.object({ grant_id: s.id('grt'), agent_id: s.maybe(s.id('agt')), agent_label: s.maybe(s.text()) }))
      .describe('The active grants on it; an agent sees its own.'),
    default_of: s.array(s.text()).describe('Users and agents whose default it is; empty text stands for the tenant.'),
    created_by: s.text(),
    created_at: s.time(),
    updated_at: s.time(),
  }),
  'A stored credential of a provider. What is secret in it stands in no answer.',
)

const Lines = s.record(s.text({ max: 16_384 }))

export const ImportBody = s.object({
  items: s.array(
    s.object({
      provider: s.line({ max: 64 }),
      method: s.optional(MethodName),
      name: s.optional(s.line({ max: 63 })),
      shared: s.optional(s.boolean()),
      labels: s.optional(Labels),
      params: s.optional(Params),
      fields: s.optional(Lines),
      cookies: s.optional(s.either(s.text({ max: 65_536 }), Lines)).describe('By name, or the line of a `Cookie` field.'),
      hosts: s
        .optional(s.array(s.line({ max: 300 }), { max: 50 }))
        .describe('Where the cookies are from, and the only hosts that they go to; each must be one of the provider’s.'),
      expires_at: s.optional(s.time()),
      lifetime_seconds: s.optional(s.int({ min: 60, max: 31_536_000 })).describe('Of cookies a day, unless given.'),
      replace: s.optional(s.boolean()),
    }),
    { min: 1, max: 200 },
  ),
})

export const ImportResults = s.named(
  'ImportedConnections',
  s.object({
    data: s.array(
      s.object({
        index: s.int(),
        provider: s.text(),
        status: s.oneOf('imported', 'replaced', 'failed'),
        connection_id: s.maybe(s.id('conn')),
        expires_at: s.maybe(s.time()),
        ignored: s.array(s.text()).describe('Cookies that the provider’s definition has no use for.'),
        code: s.maybe(s.text()),
        message: s.maybe(s.text()),
      }),
    ),
  }),
)

export const ConnectionChange = s.object({
  name: s.optional(ConnectionName),
  labels: s.optional(Labels),
  shared: s.optional(s.boolean()),
  expires_at: s
    .nullish(s.time())
    .describe('Of a key that ends: 30, 7 and 1 days before the event `connection.expiring` says so.'),
  params: s.optional(Params).describe('Where the credential goes: every grant is suspended until somebody confirms it.'),
})
