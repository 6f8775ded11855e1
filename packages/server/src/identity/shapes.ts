// What goes over the wire in this room: the bodies that its routes take and answer. Checks form only.
import { s } from '../http/route.ts'
import { ROLES } from './matrix.ts'

export const Role = s.oneOf(...ROLES)
// Judged as typed, spaces and all; the rest of what makes a password good is said by `password_refused`.
export const Password = s.pattern(/^[\s\S]{1,4096}$/u, 'Must have 1 to 4096 characters.')
export const Address = s.line({ max: 320 })
export const LinkToken = s.line({ max: 200 })
export const Environment = s.oneOf('live', 'test')

export const SetupStatus = s.named('SetupStatus', s.object({ needs_setup: s.boolean(), token_active: s.optional(s.boolean()) }))
export const Joined = s.named('Joined', s.object({ user_id: s.id('usr'), email: s.text(), tenant_id: s.id('ten') }))
const userMembers = {
  id: s.id('usr'),
  display_name: s.text(),
  username: s.maybe(s.text()),
  email: s.text(),
  role: Role,
  state: s.oneOf('active', 'deactivated'),
  is_host: s.boolean(),
  created_at: s.time(),
}
export const User = s.named('User', s.object(userMembers))
export const Me = s.named(
  'Me',
  s.object({
    ...userMembers,
    tenant_id: s.id('ten'),
    tenant_name: s.text(),
    tenant_state: s.oneOf('active', 'suspended', 'closing', 'erased'),
    break_glass: s
      .maybe(s.object({ id: s.id('bgl'), ends_at: s.time() }))
      .describe('The door through which a host sees this tenant.'),
    session_id: s.maybe(s.id('ses')),
    may: s.record(s.oneOf('any', 'own')).describe('How far each action reaches for this person; what is not here is not open.'),
    dev: s.optional(s.boolean()).describe('Only from a server that `countersign dev` started: its desk is the page /dev.'),
  }),
)
export const Session = s.named(
  'Session',
  s.object({
    id: s.id('ses'),
    started_at: s.time(),
    last_seen_at: s.time(),
    expires_at: s.time(),
    address: s.maybe(s.text()),
    client: s.maybe(s.text()),
    methods: s.array(s.text()),
    assurance: s.oneOf('session', 'step_up'),
    current: s.boolean(),
  }),
)
const invitationMembers = {
  id: s.id('inv'),
  email: s.text(),
  role: Role,
  invited_by: s.text(),
  state: s.oneOf('open', 'accepted', 'expired', 'revoked'),
  created_at: s.time(),
  expires_at: s.time(),
  accepted_at: s.maybe(s.time()),
  revoked_at: s.maybe(s.time()),
}
export const Invitation = s.named('Invitation', s.object(invitationMembers))
export const MadeInvitation = s.named(
  'MadeInvitation',
  s.object({ ...invitationMembers, link: s.optional(s.text()), secret_shown: s.optional(s.boolean()) }),
)
export const Agent = s.named(
  'Agent',
  s.object({
    id: s.id('agt'),
    name: s.text(),
    description: s.text(),
    owner_user_id: s.id('usr'),
    owner_display_name: s.text(),
    environment: Environment,
    labels: s.array(s.text()),
    proof: s.oneOf('optional', 'required').describe('Required: a bare key of this agent does not count.'),
    state: s.oneOf('unclaimed', 'active', 'paused', 'revoked'),
    created_at: s.time(),
    updated_at: s.time(),
  }),
)
/** What a public key is written as; judged where it is read. */
export const PublicKeyText = s
  .either(s.line({ max: 200 }), s.jsonObject())
  .describe('did:key:z6Mk… of Ed25519, or a public JWK of Ed25519 or P-256.')
export const KeyKind = s.oneOf('agt', 'usr', 'adm', 'emb')
const keyMembers = {
  id: s.id('key'),
  kind: KeyKind,
  environment: Environment,
  name: s.text(),
  agent_id: s.maybe(s.id('agt')),
  agent_ids: s.array(s.id('agt')).describe('Of a key for embeds: whose tasks it may show.'),
  origins: s.array(s.text()).describe('Of a key for embeds: where; none means wherever the tenant allows.'),
  thumbprint: s
    .maybe(s.text())
    .describe('Of a key pair: the name of its public half (RFC 7638), shown with a proof in place of a secret.'),
  scopes: s.array(s.text()),
  addresses: s.array(s.text()),
  created_by: s.id('usr'),
  created_by_display_name: s.text(),
  prefix: s.text(),
  last_four: s.text(),
  state: s.oneOf('active', 'expired', 'revoked'),
  created_at: s.time(),
  expires_at: s.time(),
  revoked_at: s.maybe(s.time()),
  rotation_ends_at: s.maybe(s.time()).describe('Until then the token before the last rotation works too.'),
  last_used_at: s.maybe(s.time()).describe('The day, in UTC.'),
  last_used_from: s.maybe(s.text()).describe('The /24 or /48 of the last use.'),
}
export const Key = s.named('Key', s.object(keyMembers))
export const NewKey = s.named(
  'NewKey',
  s.object({
    ...keyMembers,
    secret: s.optional(s.text()).describe('The key itself, in this answer only.'),
    secret_shown: s.optional(s.boolean()).describe('false in a replayed answer, which no longer has the secret.'),
  }),
)
