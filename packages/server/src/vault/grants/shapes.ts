// Grants on the wire. No member reads what is sealed: a grant is use, and nothing else (V12, V13).
import { s } from '../../http/route.ts'
import { ConnectionName, ProviderName } from '../connections/shapes.ts'
import { OPS } from './rules.ts'

export const GrantStatus = s.oneOf('proposed', 'active', 'suspended', 'expired', 'revoked', 'rejected')
const CIDR = s.text({ min: 1, max: 50 })
const FactValue = s.either(s.number(), s.text({ max: 500 }), s.boolean())

export const RuleBody = s.named(
  'GrantRule',
  s.object({
    effect: s.oneOf('allow', 'ask', 'deny'),
    hosts: s.optional(s.array(s.text({ max: 253 }), { max: 50 })).describe('Of the definition’s; all of them when left out.'),
    methods: s.optional(s.array(s.text({ max: 32 }), { max: 30 })).describe('`*`, or names in upper case.'),
    paths: s
      .optional(s.array(s.text({ max: 2_000 }), { max: 100 }))
      .describe('Prefixes of whole segments; `*` is one segment, a last `**` the rest, `=` in front means exactly this one.'),
    tools: s.optional(s.array(s.text({ max: 200 }), { max: 200 })).describe('MCP tools, `*` at the end for any that begin so.'),
    where: s.optional(
      s.array(
        s.object({
          fact: s.text({ min: 1, max: 100 }),
          op: s.oneOf(...OPS),
          value: s.either(FactValue, s.array(FactValue, { min: 1, max: 100 })),
        }),
        { max: 20 },
      ),
    ),
  }),
)

const NarrowBody = s.object({
  repositories: s.optional(s.array(s.line({ max: 200 }), { max: 200 })),
  permissions: s.optional(s.record(s.line({ max: 100 }))),
  role: s.optional(s.line({ max: 200 })),
  session_policy: s.optional(s.text({ max: 10_000 })),
  regions: s.optional(s.array(s.line({ max: 50 }), { max: 50 })),
  services: s.optional(s.array(s.line({ max: 50 }), { max: 50 })),
})

export const terms = {
  rules: s.optional(s.array(RuleBody, { max: 500 })),
  starts_at: s.optional(s.time()),
  expires_at: s.optional(s.time()).describe('30 days from its start when left out.'),
  max_uses: s.optional(s.maybe(s.int({ min: 0 }))),
  client_cidrs: s.optional(s.array(CIDR, { max: 100 })),
  placeholder_required: s.optional(s.boolean()),
  minting: s.optional(s.boolean()).describe('Whether endpoints that hand out new credentials are within it.'),
  narrow: s.optional(NarrowBody).describe('Limits of what is minted for a run.'),
  record: s.optional(s.oneOf('auto', 'before', 'stream')),
  scan: s.optional(s.boolean()).describe('False lets answers of an unknown coding through unread.'),
}

export const NewGrant = s.object({
  agent_id: s.optional(s.id('agt')).describe('Or `agent_label`; an agent proposes for itself.'),
  agent_label: s.optional(s.line({ max: 100 })),
  connection_id: s.optional(s.id('conn')).describe('Or `provider`, with `connection` where not the default is meant.'),
  provider: s.optional(ProviderName),
  connection: s.optional(ConnectionName),
  reason: s.optional(s.text({ max: 2_000 })),
  ...terms,
})

export const GrantBody = s.named(
  'Grant',
  s.object({
    id: s.id('grt'),
    agent_id: s.maybe(s.id('agt')),
    agent_label: s.maybe(s.text()),
    connection_id: s.id('conn'),
    rules: s.array(RuleBody),
    starts_at: s.time(),
    expires_at: s.time(),
    max_uses: s.maybe(s.int()),
    uses: s.int(),
    client_cidrs: s.array(s.text()),
    placeholder_required: s.boolean(),
    minting: s.boolean(),
    narrow: NarrowBody,
    record: s.oneOf('auto', 'before', 'stream'),
    scan: s.boolean(),
    status: GrantStatus,
    status_cause: s.maybe(s.text()),
    status_since: s.time(),
    reason: s.text(),
    generation: s.int().describe('Raised by every change; the ETag.'),
    task_id: s.maybe(s.id('task')).describe('In which people are asked for a proposed one.'),
    created_by: s.text(),
    created_at: s.time(),
    updated_at: s.time(),
  }),
  'One agent, or every agent with a label, may use one connection. It never reads it.',
)
