// What goes over the wire about tenants, memberships and break-glass. Checks form only.
import { s } from '../../http/route.ts'
import { Role } from '../shapes.ts'

const State = s.oneOf('active', 'suspended', 'closing', 'erased')
export const Reason = s.text({ min: 1, max: 1_000 })

const plate = {
  id: s.id('ten'),
  name: s.text(),
  state: State,
  state_since: s.time(),
  state_reason: s.maybe(s.text()),
  created_at: s.time(),
  erased_after: s.maybe(s.time()).describe('Of a closing tenant: until then it can be opened again.'),
}
export const TenantPlate = s.named(
  'TenantPlate',
  s.object({ ...plate, state_by: s.text() }),
  'What a host sees of a tenant: its name and its state, nothing that lives in it.',
)
export const MadeTenant = s.named(
  'MadeTenant',
  s.object({
    ...plate,
    state_by: s.text(),
    invitation_id: s.optional(s.id('inv')),
    link: s.optional(s.text()).describe('The invitation of its owner, in this answer only.'),
  }),
)
export const Profile = s.oneOf('standard', 'strict', 'custom')
export const IdleSeconds = s.int({ min: 300, max: 2_592_000 })
export const AbsoluteSeconds = s.int({ min: 1_800, max: 2_592_000 })
export const CardVerification = s.oneOf('ignore', 'prefer', 'require')
export const RelayCompat = s.oneOf('none', 'foragent')
export const Tenant = s.named(
  'Tenant',
  s.object({
    ...plate,
    session_profile: Profile,
    session_idle_seconds: s.maybe(IdleSeconds),
    session_absolute_seconds: s.maybe(AbsoluteSeconds),
    revoke_exposed_keys: s.boolean(),
    proof_nonce: s.boolean().describe('Whether a proof of an agent has to repeat a nonce of this server.'),
    vault_export: s.boolean().describe('Whether people may take stored credentials out, field by field.'),
    grant_max_seconds: s.int().describe('How long a grant may last.'),
    card_verification: CardVerification.describe(
      'How cards of agents elsewhere are taken: not verified, verified where they are signed, or only where they verify.',
    ),
    relay_compat: RelayCompat.describe(
      '`foragent`: answers of the relay about your agents, and to yours, have the names of ForAgent beside ours, as with the header `Countersign-Compat`.',
    ),
  }),
)
export const Membership = s.named(
  'Membership',
  s.object({
    tenant_id: s.id('ten'),
    name: s.text(),
    state: State,
    role: s.maybe(Role).describe('null: a tenant that break-glass opened for you, to read.'),
    current: s.boolean(),
    break_glass_id: s.maybe(s.id('bgl')),
    break_glass_ends_at: s.maybe(s.time()),
  }),
)
export const BreakGlass = s.named(
  'BreakGlass',
  s.object({
    id: s.id('bgl'),
    tenant_id: s.id('ten'),
    tenant_name: s.text(),
    host_id: s.id('usr'),
    host_name: s.text(),
    reason: s.text(),
    minutes: s.int(),
    state: s.oneOf('asked', 'open', 'refused', 'withdrawn', 'expired', 'closed'),
    task_id: s.maybe(s.id('task')).describe('The question to the owners, in their inbox.'),
    asked_at: s.time(),
    hosts_from: s.time().describe('From then on a second host may decide.'),
    expires_at: s.time(),
    decided_at: s.maybe(s.time()),
    decided_by: s.maybe(s.text()),
    decided_as: s.maybe(s.oneOf('owner', 'host')),
    ends_at: s.maybe(s.time()),
    closed_at: s.maybe(s.time()),
    closed_by: s.maybe(s.text()),
    closed_reason: s.maybe(s.oneOf('time', 'left', 'ended_by_owner', 'ended_by_host')),
  }),
)
