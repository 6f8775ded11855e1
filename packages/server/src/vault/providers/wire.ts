// What goes over the wire about providers and versions of their definitions.
import { s } from '../../http/route.ts'
import { KINDS, METHODS } from './definition.ts'
import { NAME, NAME_RULE } from './shape.ts'

/** More than a definition may have, so that one that is too large is refused as a definition. */
export const MAX_SENT = 2_000_000

export const aName = s.pattern(NAME, NAME_RULE)
const Fault = s.object({ path: s.text(), code: s.text(), message: s.text() })
const Usage = s.object({ connections: s.int(), grants: s.int() })
const Digest = s.text().describe('SHA-256 of the canonical form, in hex.')

const shown = {
  name: s.text(),
  aliases: s.array(s.text()),
  kind: s.oneOf(...KINDS),
  display_name: s.text(),
  state: s
    .oneOf('available', 'configured', 'connected')
    .describe('available: a client has to be registered first; connected: for whoever looks.'),
  methods: s.array(s.oneOf(...METHODS)),
  hosts: s.array(s.text()),
  env: s.record(s.text()).describe('Variables that programs read its fields from.'),
  verified_on: s
    .maybe(s.text())
    .describe('The day on which somebody compared it with the vendor’s documentation; null: not verified.'),
  bundled: s.boolean(),
  overridden: s.boolean().describe('The tenant’s own stands in place of a bundled one.'),
  proposed: s.boolean().describe('A version waits for approval.'),
  in_force: s.boolean().describe('false: it is only proposed so far; told to who could approve it.'),
  version: s.int().describe('0: the bundled one.'),
}
export const ProviderRow = s.named('Provider', s.object(shown))

export const VersionBody = s.named(
  'ProviderVersion',
  s.object({
    provider: s.text(),
    version: s.int(),
    digest: Digest,
    state: s.oneOf('proposed', 'active', 'superseded', 'rejected', 'removed'),
    reason: s.text(),
    source: s.text({ max: 300_000 }).describe('As it was written, comments and all.'),
    definition: s.jsonObject(),
    proposed_by: s.text(),
    proposed_at: s.time(),
    decided_by: s.maybe(s.text()),
    decided_at: s.maybe(s.time()),
    difference: s
      .array(s.object({ path: s.text({ max: 4_000 }), change: s.oneOf('added', 'removed', 'changed') }))
      .describe('Against what was in force.'),
    suspends_grants: s
      .boolean()
      .describe('A credential could go elsewhere by it: on approval every grant waits to be confirmed.'),
    affected: Usage,
    warnings: s.array(Fault),
  }),
)

export const ProviderBody = s.named(
  'ProviderDetail',
  s.object({
    name: s.text(),
    provider: s.maybe(s.object(shown)).describe('null: nothing is in force yet.'),
    definition: s.maybe(s.jsonObject()),
    source: s.maybe(s.text({ max: 300_000 })).describe('As it was written, comments and all.'),
    digest: s.maybe(Digest),
    redirect_url: s.text().describe('To register at the provider.'),
    client: s.array(
      s.object({
        client_id: s.maybe(s.text({ max: 2_000 })),
        issuer: s.maybe(s.text()),
        auth: s.text(),
        state: s.text(),
      }),
    ),
    usage: s.maybe(Usage),
    proposals: s.array(VersionBody),
  }),
)

export const CheckedBody = s.named(
  'DefinitionCheck',
  s.object({
    canonical: s.text({ max: 300_000 }),
    digest: Digest,
    warnings: s.array(Fault),
    fields: s.array(
      s.object({
        name: s.text(),
        label: s.text(),
        secret: s.boolean(),
        pattern: s.optional(s.text()),
        hint: s.optional(s.text()),
      }),
    ),
  }),
)

export const EndedBody = s.named(
  'ProviderEnded',
  s.object({
    provider: s.text(),
    affected: Usage,
    job_id: s.maybe(s.text()).describe('The job that ends the connections; null: there is none to end.'),
  }),
)

const source = s.text({ max: MAX_SENT }).describe('JSON, with comments and trailing commas.')
export const SourceBody = s.object({ source })
export const ProposalBody = s.object({
  source,
  override: s.optional(s.boolean()).describe('It stands in place of a bundled definition of this name.'),
  reason: s.withDefault(s.text({ max: 2_000 }), ''),
})
export const ConfirmBody = s.object({
  confirm: s.optional(s.boolean()),
  affected: s
    .optional(s.int({ min: 0 }))
    .describe('How many connections whoever confirms has seen; another number is asked again.'),
})
