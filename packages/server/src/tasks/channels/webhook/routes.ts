// The routes of endpoints as a channel: in which form notices come, and the door at which programs answer.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../../db/scope.ts'
import { tx } from '../../../db/tx.ts'
import { record } from '../../../events/event.ts'
import { type Route, route, s } from '../../../http/route.ts'
import { LINK_PROBLEMS, LinkAnswered } from '../../links/shapes.ts'
import { DECIDE_PROBLEMS } from '../../routes.ts'
import { receiveBy } from '../receive.ts'
import type { WebhookChannelHouse } from './house.ts'
import { ActionBody } from './shapes.ts'
import { listTemplates, putTemplate, type Template } from './sql.ts'
import { testWebhook } from './trial.ts'

const tag = 'channels'
const Form = s.oneOf('raw', 'teams', 'discord', 'google_chat')
const TemplateBody = s.named(
  'NoticeTemplate',
  s.object({ endpoint_id: s.id('whe'), template: Form, updated_at: s.time() }),
  'The form in which notices come to an endpoint; without one they come raw.',
)

export const webhookChannelRoutes = (house: WebhookChannelHouse): Route[] => [
  route(
    'POST /channels/webhook/actions',
    {
      summary: 'Answer a task from a program',
      description:
        'Signed as Standard Webhooks say, by a secret of the endpoint that was sent the link: `webhook-id`, `webhook-timestamp`, `webhook-signature` over these bytes.',
      tag,
      auth: 'none',
      selfAuthenticated: true,
      bucket: 'link.address',
      idempotency: 'none',
      bytes: true,
      body: ActionBody,
      maxBody: 2 * 1_048_576,
      answers: { 200: LinkAnswered },
      problems: ['signature_invalid', ...LINK_PROBLEMS, ...DECIDE_PROBLEMS],
    },
    ({ bytes, request, limits }) => receiveBy(house.tasks, 'webhook', { door: 'program', bytes, request, limits }),
  ),
  route(
    'GET /channels/webhook/templates',
    {
      summary: 'List the forms of notices at endpoints',
      tag,
      auth: 'any',
      action: 'task.configure',
      answers: { 200: s.list(TemplateBody) },
    },
    ({ scope }) =>
      tx(house.tasks.db, scope, async (t) => ({ data: await listTemplates(t, scope), next_cursor: null }), { readOnly: true }),
  ),
  route(
    'PUT /channels/webhook/templates/:endpoint',
    {
      summary: 'Say in which form notices come to an endpoint',
      tag,
      auth: 'any',
      action: 'task.configure',
      stepUp: true,
      params: { endpoint: s.id('whe') },
      body: s.object({ template: Form }),
      answers: { 200: TemplateBody },
      problems: ['not_found'],
    },
    ({ scope, params, body }) => chooseTemplate(house, scope, params.endpoint, body.template),
  ),
  route(
    'POST /channels/webhook/test',
    {
      summary: 'Send a test notice to an endpoint',
      description:
        'In the form that the endpoint has, or in the one that is named; as data with `test: true`. It is of no task and nothing is kept of it.',
      tag,
      auth: 'any',
      action: 'task.configure',
      stepUp: true,
      idempotency: 'none',
      body: s.object({ endpoint: s.id('whe'), template: s.optional(Form) }),
      answers: {
        200: s.object({
          sent: s.boolean(),
          status: s.maybe(s.int()).describe('What the endpoint answered.'),
          reason: s.maybe(s.text()),
        }),
      },
      problems: ['not_found'],
    },
    ({ scope, body }) => testWebhook(house, scope, body),
  ),
]

const chooseTemplate = (house: WebhookChannelHouse, scope: Scope, endpointId: string, template: Template) =>
  tx(house.tasks.db, scope, async (t) => {
    if (!(await house.messages.find(t, scope, endpointId))) throw new Problem('not_found')
    const row = await putTemplate(t, scope, endpointId, template)
    const data = { endpoint_id: endpointId, notice_template: template }
    await record(t, scope, 'settings.changed', data, { resource: { type: 'endpoint', id: endpointId } })
    return row
  })
