// Relay grants on the wire. No member of any answer but three is a token: those that make one.
import { s } from '../../http/route.ts'
import { Limits } from '../cards/input.ts'
import { RELAY_SCOPES } from '../party.ts'
import { LIFE, MOST_ADDRESSES } from './terms.ts'

export const Side = s.oneOf('owner', 'caller')
export const GrantState = s.oneOf('active', 'revoked', 'expired')
export const Slug = s.text({ min: 1, max: 64 })
const SkillId = s.text({ min: 1, max: 64 })
const RelayScope = s.oneOf(...RELAY_SCOPES)
const Thumbprint = s.pattern(/^[A-Za-z0-9_-]{43}$/, 'Must be a SHA-256 thumbprint (RFC 7638) in base64url.')

/** What both who asks and who gives may say. */
export const wishes = {
  skills: s.optional(s.array(SkillId, { min: 1, max: 64 })).describe('Ids of the card’s skills; all of them when left out.'),
  scopes: s.optional(s.array(RelayScope, { min: 1, max: RELAY_SCOPES.length })).describe('All five when left out.'),
  expires_in_seconds: s
    .optional(s.int({ min: LIFE.min, max: LIFE.max }))
    .describe('Of the grant and of each of its tokens, from when it is made; 90 days when left out.'),
  limits: s.optional(Limits),
}
export const Bind = s.object({
  addresses: s
    .nullish(s.array(s.text({ min: 1, max: 50 }), { min: 1, max: MOST_ADDRESSES }))
    .describe('Addresses or networks from which its tokens work.'),
  dpop_jkt: s.nullish(Thumbprint).describe('Its tokens work only with proofs of this key (RFC 9449).'),
})
export const binding = {
  bind: s.optional(s.maybe(Bind)),
  encryption: s.optional(s.literal('off')).describe('End-to-end encryption is not offered.'),
}

const TokenBody = s.named(
  'RelayTokenEnds',
  s.object({
    id: s.id('rtk'),
    prefix: s.text(),
    last_four: s.text(),
    scopes: s.array(RelayScope),
    created_at: s.time(),
    expires_at: s.time(),
    ends_at: s.maybe(s.time()).describe('After a rotation: until when it still works. Or when it was given up.'),
    last_used_on: s.maybe(s.text()),
    last_used_range: s.maybe(s.text()).describe('The network that it was last used from, never the address.'),
    is_live: s.boolean(),
  }),
  'The two ends of a relay token, that tell it from others.',
)

export const TermsBody = {
  skills: s.maybe(s.array(s.text())).describe('Null: every skill of the card.'),
  scopes: s.array(RelayScope),
  limits: Limits,
}

export const GrantBody = s.named(
  'RelayGrant',
  s.object({
    id: s.id('rgr'),
    side: Side.describe('On which side of it you stand.'),
    agent: s.text(),
    card_id: s.id('card'),
    connection_request_id: s.maybe(s.id('creq')),
    asker: s.object({ tenant_id: s.maybe(s.id('ten')), agent_id: s.maybe(s.id('agt')), label: s.text() }),
    label: s.text(),
    purpose: s.text(),
    ...TermsBody,
    bind: s.object({ addresses: s.maybe(s.array(s.text())), dpop_jkt: s.maybe(s.text()) }),
    encryption: s.oneOf('off', 'optional', 'required'),
    environment: s.oneOf('live', 'test'),
    sandbox: s.boolean(),
    only_thread: s.maybe(s.id('thr')).describe('Made for this thread alone: it starts no other, and ends with it.'),
    token_lifetime_seconds: s.int(),
    state: GrantState,
    is_expired: s.boolean(),
    expires_at: s.maybe(s.time()).describe('A rotation moves it on by the lifetime of the new token, up to `ends_at`.'),
    ends_at: s.maybe(s.time()).describe('What the owner has set; nothing goes beyond it.'),
    version: s.int(),
    created_by: s.maybe(s.text()),
    created_at: s.time(),
    ended_at: s.maybe(s.time()),
    ended_reason: s.maybe(s.text()),
    tokens: s.array(TokenBody).describe('Newest first.'),
  }),
  'What lets an agent of another owner work with one of yours, or one of yours with theirs.',
)

export const GrantInUse = s.named(
  'RelayGrantInUse',
  s.object({
    ...GrantBody.shape,
    usage: s
      .object({
        open_threads: s.int(),
        messages_today: s.int(),
        bytes_today: s.int(),
        limits: s
          .object({ max_open_threads: s.int(), messages_per_day: s.int(), bytes_per_day: s.int() })
          .describe('Those in force: its own, else the card’s, else everybody’s. 0: none.'),
        resets_at: s.time().describe('When the day of both begins anew (UTC).'),
      })
      .describe('What of its quotas is used.'),
  }),
  'A relay grant, and what of its quotas is used.',
)

export const Issued = s.named(
  'IssuedRelayToken',
  s.object({
    relay_grant: GrantBody,
    relay_token: s.optional(s.text()).describe('Shown in this one answer.'),
    secret_shown: s.optional(s.literal(false)),
    expires_at: s.time(),
  }),
)
export const Overlap = s.withDefault(s.int({ min: 0, max: 604_800 }), 86_400)

export const Introspection = s.named(
  'RelayTokenIntrospection',
  s.object({
    active: s.boolean(),
    scope: s.optional(s.text()),
    client_id: s.optional(s.text()),
    token_type: s.optional(s.oneOf('Bearer', 'DPoP')),
    exp: s.optional(s.int()),
    iat: s.optional(s.int()),
    sub: s.optional(s.text()),
    aud: s.optional(s.text()),
    cnf: s.optional(s.object({ jkt: s.text() })),
    relay_grant: s.optional(s.id('rgr')),
    agent: s.optional(s.text()),
    scopes: s.optional(s.array(RelayScope)),
    state: s.optional(GrantState),
    is_expired: s.optional(s.boolean()),
    expires_at: s.optional(s.time()),
    last_used_on: s.optional(s.maybe(s.text())),
    last_used_at: s.optional(s.maybe(s.text())).describe('The start of the day on which it was last used.'),
    prefix: s.optional(s.text()),
    last_four: s.optional(s.text()),
  }),
  'RFC 7662, and what it opens. Of a token that is not yours to ask about nothing but `active: false`.',
)
