// A house that is connected to a stand-in of Slack on this machine, and a person who reads there.
import { expect } from 'vitest'
import {
  type House,
  openSlack,
  type Person,
  readable,
  type SetupOptions,
  type SlackMessage,
  type SlackStandIn,
  type SlackView,
  setup,
} from '#harness'
import type { Message, Rig, Said } from '../../testing/conformance.ts'

export type SlackRig = { house: House; slack: SlackStandIn; member: Person; dana: string }

export async function slackRig(options: SetupOptions = {}, how: { connect?: boolean } = {}): Promise<SlackRig> {
  const slack = await openSlack()
  const allowed = [`127.0.0.1:${slack.port}`, options.settings?.EGRESS_ALLOW ?? []].flat().join()
  const settings = { SLACK_URL: slack.url, EGRESS_HTTP: '1', ...options.settings, EGRESS_ALLOW: allowed }
  const house = await setup({ ...options, settings })
  slack.now = () => house.clock.now().getTime()
  const member = await house.member.person()
  await house.admin.run`update user_emails set verified_at = countersign.now() where user_id = ${member.id}::text`
  slack.members.push({ id: 'U0DANA', name: 'dana', email: member.email })
  if (how.connect !== false) await connect(house, slack)
  return { house, slack, member, dana: 'U0DANA' }
}

export async function connect(house: House, slack: SlackStandIn): Promise<void> {
  const { clientId: client_id, clientSecret: client_secret, signingSecret: signing_secret, appId: app_id } = slack
  const app = await house.alice.put('/api/v1/channels/slack/app', { app_id, client_id, client_secret, signing_secret })
  expect(app.status, JSON.stringify(app.body)).toBe(200)
  const made = await house.alice.post('/api/v1/channels/slack/installations', { bot_token: slack.botToken })
  expect(made.status, JSON.stringify(made.body)).toBe(201)
}

/** What somebody typed, by the ids of its blocks, as Slack's state of a view has it. */
export function typed(view: SlackView, response: Record<string, unknown>): Record<string, unknown> {
  const blocks = view.blocks.filter(({ type }) => type === 'input')
  return Object.fromEntries(
    blocks.flatMap(({ block_id, element }) => {
      const value = response[String(block_id).replace(/^f-/, '')]
      return [[block_id, { [element.action_id]: stateOf(element, value) }]]
    }),
  )
}

// biome-ignore lint/suspicious/noExplicitAny: an element as it was posted
function stateOf(element: any, value: unknown): Record<string, unknown> {
  const { type } = element
  if (type === 'radio_buttons' || type === 'static_select' || type === 'external_select') {
    const wanted = typeof value === 'boolean' ? String(value) : value
    const option = (element.options ?? [{ value }]).find(
      (each: { value: string; text?: { text: string } }) => each.value === wanted || each.text?.text === wanted,
    )
    return { type, selected_option: option ?? null }
  }
  if (type === 'checkboxes' || type.startsWith('multi_')) {
    const list = Array.isArray(value) ? value : []
    return {
      type,
      selected_options: (element.options ?? []).filter((each: { text: { text: string } }) => list.includes(each.text.text)),
    }
  }
  if (type === 'datepicker') return { type, selected_date: value ?? null }
  if (type === 'timepicker') return { type, selected_time: value ?? null }
  if (type === 'datetimepicker') return { type, selected_date_time: value ?? null }
  return { type, value: value === undefined ? null : String(value) }
}

/** The conformance suite's way to this channel. */
export async function conformingRig(): Promise<Rig> {
  const rig = await slackRig()
  const { house, slack, member, dana } = rig
  return {
    channel: 'slack',
    house,
    entry: `slack:${member.email}`,
    person: { userId: member.id, email: member.email, displayName: member.displayName },
    messages: async () => slack.messages.filter(({ channel }) => channel === 'D0DANA').map(messageOf),
    answer: async (message, response) => (await openModal(rig, message))(response),
    open: (message) => openModal(rig, message),
    async forge({ ref }, response) {
      const views = slack.views.length
      await slack.press(house.url, (ref as Held).before, 'cs_review', dana)
      const view = slack.views[views] as SlackView
      const body = slack.submitted(view, typed(view, response))
      return (await slack.interact(house.url, body, { secret: `${slack.signingSecret}0` })).status
    },
    shows: async ({ ref }) => readable((ref as Held).now),
    reachable: `127.0.0.1:${slack.port}`,
    provider: { mode: (how) => slack.mode(how) },
    async close() {
      await slack.close()
      expect(slack.faults).toEqual([])
      expect(dana).toBe('U0DANA')
    },
  }
}

/** As it was when it was looked at, whose buttons a slow screen still has, and as it is now. */
type Held = { before: SlackMessage; now: SlackMessage }
const messageOf = (now: SlackMessage): Message => ({ text: readable(now), ref: { before: structuredClone(now), now } })

async function openModal(
  { house, slack, dana }: SlackRig,
  { ref }: Message,
): Promise<(response: Record<string, unknown>) => Promise<Said>> {
  const { before, now } = ref as Held
  const views = slack.views.length
  const pressed = await slack.press(house.url, before, 'cs_review', dana)
  expect(pressed.status).toBe(200)
  const view = slack.views[views]
  const refused = async (): Promise<Said> => {
    await house.runJobs()
    expect(slack.ephemerals.at(-1)).toMatchObject({ user: dana, text: expect.stringMatching(/\w/) })
    const [, by = null] = /(?:Approved|Denied|Answered) by (.+?) in Slack/.exec(readable(now)) ?? []
    return { taken: false, code: 'private', fields: {}, by }
  }
  if (!view) return refused
  return async (response) => {
    const sent = await slack.submit(house.url, view, typed(view, response))
    expect(sent.status).toBe(200)
    const said = (await sent.json()) as { response_action?: string; errors?: Record<string, string> }
    if (said.response_action === undefined) return { taken: true }
    const fields = Object.entries(said.errors ?? {}).map(([id, words]) => [id.replace(/^f-/, ''), words])
    const [, by = null] = /(?:Approved|Denied|Answered) by (.+?) in Slack/.exec(readable(now)) ?? []
    return { taken: false, code: 'private', fields: Object.fromEntries(fields), by }
  }
}
