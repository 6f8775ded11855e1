// The routes of mail: its senders, their tests, and the door at which answers by mail arrive.
import { type Route, route, s } from '../../../http/route.ts'
import { receiveBy } from '../receive.ts'
import type { EmailHouse } from './house.ts'
import {
  changeMailIdentity,
  confirmMailIdentity,
  createMailIdentity,
  getMailIdentity,
  type IdentityChange,
  type IdentityInput,
  listMailIdentities,
  removeMailIdentity,
  testMailIdentity,
} from './identity.ts'
import { InboundBody } from './shapes.ts'

const tag = 'channels'
const name = s.pattern(/^[a-z0-9][a-z0-9_-]{0,99}$/, 'Must be 1 to 100 of a-z, 0-9, _ and -.')
const params = { id: name }
const domain = s.pattern(
  /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/,
  'Must be a domain such as reply.example.com.',
)
const transport = s.oneOf('smtp', 'resend', 'http', 'file', 'log', 'none')

const input = {
  display_name: s.line({ max: 200 }),
  from_email: s.email(),
  from_name: s.nullish(s.line({ max: 200 })),
  reply_to: s.nullish(s.email()),
  transport,
  settings: s.optional(
    s
      .jsonObject()
      .describe(
        'smtp: host, port, security (tls, starttls, none), user, password, ca. resend: api_key, base_url. http: url, headers, template. Others: none.',
      ),
  ),
  inbound_domain: s.nullish(domain.describe('Answers to its mails go to reply+…@ this domain.')),
  is_default: s.optional(s.boolean()),
}

const Identity = {
  id: s.text().describe('What `email+id:` names.'),
  display_name: s.text(),
  from_email: s.text(),
  from_name: s.maybe(s.text()),
  reply_to: s.maybe(s.text()),
  transport,
  settings: s.jsonObject().describe('Without what is secret.'),
  has_secret: s.boolean(),
  inbound_domain: s.maybe(s.text()),
  inbound_url: s.maybe(s.text()).describe('Where the provider posts what arrives.'),
  is_default: s.boolean(),
  verified_at: s.maybe(s.time()),
  last_sent_at: s.maybe(s.time()),
  last_error: s.maybe(s.text()),
  last_error_at: s.maybe(s.time()),
  created_at: s.time(),
  updated_at: s.time(),
}
const IdentityBody = s.named('MailIdentity', s.object(Identity), 'Who mails come from, and how they leave.')
const Shown = s.named(
  'NewMailIdentity',
  s.object({ ...Identity, inbound_secret: s.maybe(s.text()).describe('Signs what the provider posts. Shown once.') }),
)
const PROBLEMS = ['not_found', 'state_conflict', 'version_conflict', 'url_not_allowed', 'url_invalid'] as const
const manage = { tag, auth: 'any', action: 'task.configure', stepUp: true } as const

export const emailRoutes = (house: EmailHouse): Route[] => [
  route(
    'GET /channels/email/identities',
    {
      summary: 'List the senders of mail',
      tag,
      auth: 'any',
      action: 'task.configure',
      answers: { 200: s.list(IdentityBody) },
    },
    ({ scope }) => listMailIdentities(house, scope),
  ),
  route(
    'POST /channels/email/identities',
    {
      summary: 'Add a sender of mail',
      description: 'The first one is the default. Its password or key is kept sealed and never answered.',
      ...manage,
      body: s.object({ id: name, ...input }),
      answers: { 201: Shown },
      problems: PROBLEMS,
      secretOnce: ['inbound_secret'],
    },
    ({ scope, body }) => createMailIdentity(house, scope, body as IdentityInput),
  ),
  route(
    'GET /channels/email/identities/:id',
    {
      summary: 'Read a sender of mail',
      tag,
      auth: 'any',
      action: 'task.configure',
      params,
      answers: { 200: IdentityBody },
      problems: ['not_found'],
    },
    ({ scope, params: { id } }) => getMailIdentity(house, scope, id),
  ),
  route(
    'PATCH /channels/email/identities/:id',
    {
      summary: 'Change a sender of mail',
      ...manage,
      params,
      body: s.object({
        ...input,
        display_name: s.optional(input.display_name),
        from_email: s.optional(input.from_email),
        transport: s.optional(transport),
      }),
      answers: { 200: Shown },
      problems: PROBLEMS,
      secretOnce: ['inbound_secret'],
    },
    ({ scope, params: { id }, body }) => changeMailIdentity(house, scope, id, body as IdentityChange),
  ),
  route(
    'DELETE /channels/email/identities/:id',
    {
      summary: 'Remove a sender of mail',
      description: 'Its secrets are dropped. What it has sent stays where it is, and its links work on.',
      ...manage,
      params,
      answers: { 204: null },
      problems: ['not_found'],
    },
    ({ scope, params: { id } }) => removeMailIdentity(house, scope, id),
  ),
  route(
    'POST /channels/email/identities/:id/test',
    {
      summary: 'Send a test mail',
      description: 'With a code that confirms the sender. `sent` false says why in `reason`.',
      ...manage,
      bucket: 'mail.test',
      idempotency: 'none',
      params,
      body: s.object({ to: s.email() }),
      answers: { 200: s.object({ sent: s.boolean(), reason: s.maybe(s.text()) }) },
      problems: ['not_found'],
    },
    ({ scope, params: { id }, body }) => testMailIdentity(house, scope, id, body.to),
  ),
  route(
    'POST /channels/email/identities/:id/confirm',
    {
      summary: 'Confirm that the test mail arrived',
      ...manage,
      params,
      body: s.object({ code: s.line({ max: 20 }) }),
      answers: { 200: IdentityBody },
      problems: ['not_found'],
    },
    ({ scope, params: { id }, body }) => confirmMailIdentity(house, scope, id, body.code),
  ),
  route(
    'POST /channels/email/inbound/:identity',
    {
      summary: 'Take a mail that came back',
      description:
        'Posted by the provider of mail, signed as Standard Webhooks say by the identity’s `inbound_secret` over these bytes (docs/tasks/mail.md).',
      tag,
      auth: 'none',
      selfAuthenticated: true,
      bucket: 'mail.inbound',
      idempotency: 'none',
      bytes: true,
      params: { identity: s.id('mid') },
      body: InboundBody,
      maxBody: 12 * 1_048_576,
      answers: {
        200: s.object({ outcome: s.oneOf('comment', 'decision', 'dropped', 'refused', 'bounced'), reason: s.maybe(s.text()) }),
      },
      problems: ['signature_invalid'],
    },
    ({ params: { identity }, bytes, request, limits }) =>
      receiveBy(house.tasks, 'email', { door: 'reply', identity, bytes, request, limits }),
  ),
]
