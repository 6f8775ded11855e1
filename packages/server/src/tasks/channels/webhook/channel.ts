// Endpoints as a channel (T120): a notice is posted to one, signed like any event, with links as its actions. What was posted cannot be changed, so a change is posted
// too; the links answer with how things stand.
import { type Scope, systemScope } from '../../../db/scope.ts'
import { type Tx, tx } from '../../../db/tx.ts'
import { makeLinks, type Reader, takeBackLinks } from '../../links/link.ts'
import { type Channel, ChannelFault, type Notice, noDoor, type Shown } from '../channel.ts'
import { choicesOf } from '../choices.ts'
import { heardFromProgram } from './actions.ts'
import { type Action, bodyOf } from './body.ts'
import type { WebhookChannelHouse } from './house.ts'
import { findTemplate, type Template } from './sql.ts'

export const openWebhookChannel = (house: WebhookChannelHouse): Channel => ({
  name: 'webhook',
  can({ task }) {
    const { choices, why } = choicesOf(task)
    return { means: choices.length > 0 ? 'buttons' : 'link', why }
  },
  knows: async (t, scope, { target }) => ((await house.messages.find(t, scope, target)) ? null : 'target'),
  send: (notice, shown) => sendNotice(house, notice, shown),
  // While it can be answered, what it says now comes with links of its own.
  async rewrite(notice, shown) {
    const isOpen = shown.task.status === 'open' || shown.task.status === 'returned'
    const links = isOpen ? await linksOf(house, notice, shown) : { actions: [], linkIds: [] }
    await post(house, notice, { shown, ...links, isUpdate: true, id: `${notice.id}-${shown.task.version}` })
  },
  // A refusal or an end is posted as the change that it is; an endpoint is a place and nobody in particular.
  tell: async () => undefined,
  receive: async (incoming) =>
    incoming.door === 'program'
      ? heardFromProgram(house, incoming.bytes, incoming.request, incoming.limits)
      : noDoor('webhook', incoming),
})

async function sendNotice(house: WebhookChannelHouse, notice: Notice, shown: Shown): Promise<{ ref: Record<string, unknown> }> {
  const links = await linksOf(house, notice, shown)
  return post(house, notice, { shown, ...links, isUpdate: false, id: notice.id })
}

type Links = { actions: Action[]; linkIds: string[] }

function linksOf(house: WebhookChannelHouse, notice: Notice, shown: Shown): Promise<Links> {
  const scope = systemScope('webhook', notice.tenantId)
  return tx(house.tasks.db, scope, async (t) => {
    const endpoint = await endpointOf(house, t, scope, notice)
    const { choices } = choicesOf(shown.task)
    const { id, revision, deadline_at } = shown.task
    const told = {
      channel: 'webhook',
      task: { id, revision, deadline_at: new Date(deadline_at) },
      reader: readerOf(notice, endpoint.label),
      noticeId: notice.id,
      endpointId: endpoint.id,
    } as const
    const links = await makeLinks(house.tasks, t, scope, told, [
      ...choices.map(({ label, answer }) => ({ purpose: 'answer' as const, choice: { label, answer } })),
      { purpose: 'review' },
    ])
    const actions = links.map(
      ({ url, expiresAt }, i): Action => ({
        type: i < choices.length ? 'answer' : 'review',
        label: choices[i]?.label ?? 'Open',
        url,
        expires_at: expiresAt,
      }),
    )
    return { actions, linkIds: links.map((link) => link.id) }
  })
}

/** Whoever answers there was let in by the endpoint; a person that the notice names is that person. */
const readerOf = ({ party }: Notice, label: string): Reader =>
  party
    ? { userId: party.userId, email: party.email, displayName: party.displayName, vouched: false }
    : { userId: null, email: null, displayName: label || 'an endpoint', vouched: true }

type Message = { shown: Shown; actions: readonly Action[]; linkIds: readonly string[]; isUpdate: boolean; id: string }

async function post(house: WebhookChannelHouse, notice: Notice, message: Message): Promise<{ ref: Record<string, unknown> }> {
  const scope = systemScope('webhook', notice.tenantId)
  const { endpoint, template, now } = await tx(
    house.tasks.db,
    scope,
    async (t) => {
      const found = await endpointOf(house, t, scope, notice)
      const form: Template = (await findTemplate(t, scope, found.id))?.template ?? 'raw'
      return { endpoint: found, template: form, now: t.now }
    },
    { readOnly: true },
  )
  const { shown, actions, isUpdate, id } = message
  const body = bodyOf(template, { notice, shown, actions, isUpdate, now })
  const answer = await house.messages.send(notice.tenantId, endpoint.id, { id, body, taskId: notice.taskId })
  if (!('failed' in answer) && answer.status >= 200 && answer.status < 300)
    return { ref: { endpoint_id: endpoint.id, message_id: id } }
  // Nobody was told of these.
  if (message.linkIds.length > 0) await tx(house.tasks.db, scope, (t) => takeBackLinks(t, scope, message.linkIds))
  if ('failed' in answer)
    throw new ChannelFault(`The endpoint could not be reached (${answer.failed}).`, answer.failed !== 'no_endpoint')
  const after = Number(answer.retryAfter)
  const isLater = answer.status === 408 || answer.status === 429 || answer.status >= 500
  throw new ChannelFault(`The endpoint answered ${answer.status}.`, isLater, after > 0 ? Math.min(after, 3_600) * 1_000 : null)
}

async function endpointOf(house: WebhookChannelHouse, t: Tx, scope: Scope, { target }: Notice) {
  const endpoint = await house.messages.find(t, scope, target)
  if (!endpoint) throw new ChannelFault(`There is no endpoint called ${target}.`, false)
  return endpoint
}
