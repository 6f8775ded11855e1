// What the routes of authorizations and of the connect pages take and answer.
import { s } from '../../http/route.ts'
import { METHODS } from '../providers/definition.ts'

export const STATUSES = ['pending', 'waiting_for_user', 'processing', 'completed', 'failed', 'expired', 'cancelled'] as const

const Fault = s.object({
  code: s.text().describe('Ours, or the provider’s own.'),
  said: s.maybe(s.text()).describe('In the provider’s words: data, never markup.'),
})

const shown = {
  authorization_id: s.id('atz'),
  status: s.oneOf(...STATUSES),
  provider: s.text(),
  method: s.oneOf(...METHODS),
  connection_name: s.text(),
  owner_id: s.maybe(s.id('usr')).describe('Null: the connection is the tenant’s, shared.'),
  next_action: s.oneOf('open_url', 'show_code', 'none'),
  user_code: s.maybe(s.text()),
  verification_uri: s.maybe(s.text()),
  verification_uri_complete: s.maybe(s.text()),
  interval: s.maybe(s.int()),
  error: s.maybe(Fault),
  connection_id: s.maybe(s.id('conn')),
  created_at: s.time(),
  expires_at: s.time(),
}

export const Authorization = s.named('Authorization', s.object(shown))
export const StartedAuthorization = s.named(
  'StartedAuthorization',
  s.object({
    ...shown,
    connect_url: s
      .optional(s.text())
      .describe(
        'Opens the page for whoever has it, once. The token stands in the fragment; a repeated call does not show it again.',
      ),
  }),
)

const Texts = s.record(s.text({ max: 20_000 }))

export const StartAuthorization = s.object({
  provider: s.line({ max: 64 }),
  method: s.optional(s.oneOf(...METHODS)),
  name: s.optional(s.line({ max: 63 })),
  shared: s.optional(s.boolean()),
  scopes: s.optional(s.array(s.line({ max: 300 }), { max: 100 })),
  params: s.optional(s.record(s.line({ max: 500 }))),
  replace: s.optional(s.boolean()),
  fields: s.optional(Texts).describe('For keys and passwords, without a page. Only from a session.'),
  store_anyway: s.optional(s.boolean()).describe('Also where the provider’s test of the fields fails; the connection says so.'),
})

export const ConnectView = s.named(
  'ConnectView',
  s.object({
    authorization_id: s.id('atz'),
    status: s.oneOf(...STATUSES),
    step: s.oneOf('fields', 'choose_issuer', 'go_on', 'device', 'wait', 'done', 'ended'),
    provider: s.object({
      name: s.text(),
      display_name: s.text(),
      description: s.maybe(s.text()),
      docs_url: s.maybe(s.text()),
      verified_on: s.maybe(s.text()),
      hosts: s.array(s.text()),
    }),
    owner: s.maybe(s.text()).describe('Null: everybody in the tenant who may.'),
    asked_by: s.maybe(s.text()).describe('The agent that asked for it.'),
    connection_name: s.text(),
    replaces: s.boolean(),
    method: s.oneOf(...METHODS),
    pkce: s.boolean(),
    scopes: s.array(s.object({ name: s.text(), says: s.maybe(s.text()) })),
    redirect_url: s.maybe(s.text()),
    fields: s.array(
      s.object({ name: s.text(), label: s.text(), secret: s.boolean(), pattern: s.maybe(s.text()), hint: s.maybe(s.text()) }),
    ),
    issuers: s.array(s.text()),
    nonce: s.maybe(s.text()),
    user_code: s.maybe(s.text()),
    verification_uri: s.maybe(s.text()),
    verification_uri_complete: s.maybe(s.text()),
    error: s.maybe(Fault),
    connection_id: s.maybe(s.id('conn')),
    expires_at: s.time(),
  }),
)

export const OpenConnect = s.object({ token: s.optional(s.pattern(/^[A-Za-z0-9_-]{43}$/, 'Must be the token of the link.')) })
export const SubmitConnect = s.object({
  nonce: s.line({ max: 100 }),
  fields: s.optional(Texts),
  issuer: s.optional(s.line({ max: 2_000 })),
  store_anyway: s.optional(s.boolean()),
})
export const Submitted = s.object({ redirect_to: s.maybe(s.text()), view: ConnectView })
export const ReturnConnect = s.object({
  code: s.optional(s.text({ max: 8_000 })),
  state: s.optional(s.text({ max: 2_000 })),
  iss: s.optional(s.text({ max: 2_000 })),
  error: s.optional(s.text({ max: 200 })),
  error_description: s.optional(s.text({ max: 2_000 })),
})
