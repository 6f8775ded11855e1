// A workspace of Slack in memory: its people and channels, the messages and forms that an app has put there, and what Slack would post to the app when somebody presses,
// types or sends. The tests' stand-in and the pretend Slack of `countersign dev` are both this. It opens no socket, and refuses what Slack's documents do not allow.
import * as z from 'zod'
import { randomBytes } from '../../../crypto/token.ts'
import { signatureOf } from '../../../tasks/channels/slack/signature.ts'
import { METHODS } from './shapes.ts'

export type Json = Record<string, unknown>
// biome-ignore lint/suspicious/noExplicitAny: blocks are what was posted, of any kind that Slack has
export type Block = any

export type SlackMessage = {
  channel: string
  ts: string
  text: string
  blocks: Block[]
  thread_ts?: string
  metadata?: Json
  edited: number
}
export type SlackView = {
  id: string
  hash: string
  trigger: string
  callback_id: string
  private_metadata: string
  blocks: Block[]
  user: string
}
export type Member = {
  id: string
  name: string
  email: string
  confirmed?: boolean
  real_name?: string
  deleted?: boolean
  is_bot?: boolean
}
export type Ephemeral = { channel: string; user: string; text: string }

/** Who the app is there. */
export type App = {
  team: { id: string; name: string }
  appId: string
  clientId: string
  clientSecret: string
  signingSecret: string
  botToken: string
  bot: string
}

export type Workspace = App & {
  messages: SlackMessage[]
  ephemerals: Ephemeral[]
  views: SlackView[]
  members: Member[]
  channels: { id: string; name: string }[]
  /** What is wrong with a call, by the published shapes; null: nothing. */
  faultOf(method: string, args: Json, isJson: boolean): string | null
  /** What a call does, and Slack's answer. */
  act(method: string, args: Json): Json
  /** Somebody allowed the installation: the code that the browser carries back. */
  allow(): string
  /** What Slack posts about a button of a message, a form that is sent, what is typed into a long list. */
  pressed(message: SlackMessage, actionId: string, user: string): Json
  submitted(view: SlackView, values: Json, user?: string): Json
  suggested(view: SlackView, blockId: string, actionId: string, typed: string): Json
  /** As a body of its interactions. */
  formOf(payload: Json): string
  eventOf(event: Json, id?: string): string
}

export type WorkspaceOptions = {
  /** Where it is, for the addresses that it speaks of. */
  url(): string
  /** How many of a list come at once. */
  page?: number
  app?: Partial<App>
}

export const secret = (bytes = 16): string => randomBytes(bytes).toString('hex')

export const newApp = (): App => ({
  team: { id: 'T0TEAM', name: 'Example' },
  appId: 'A0APP',
  clientId: '123.456',
  clientSecret: secret(),
  signingSecret: secret(),
  botToken: `xoxb-${secret()}`,
  bot: 'U0BOT',
})

/** Signed as Slack signs, at this moment of its clock. */
export function signedBy(by: string, body: string, at: number): Record<string, string> {
  const timestamp = String(Math.floor(at / 1_000))
  return { 'x-slack-request-timestamp': timestamp, 'x-slack-signature': signatureOf(by, timestamp, Buffer.from(body)) }
}

/** The conversation of the app with one person. */
export const directOf = (user: string): string => `D${user.slice(1)}`

const no = (error: string): Json => ({ ok: false, error })

export function openWorkspace(options: WorkspaceOptions): Workspace {
  const { url, page = 200 } = options
  const clock = { ts: 1_700_000_000 }
  const codes = new Set<string>()
  const nextTs = () => `${clock.ts++}.${String(clock.ts).slice(-6)}`

  const userOf = (member: Member): Json => ({
    id: member.id,
    team_id: space.team.id,
    name: member.name,
    real_name: member.real_name ?? member.name,
    deleted: member.deleted ?? false,
    is_bot: member.is_bot ?? false,
    is_email_confirmed: member.confirmed ?? true,
    profile: { email: member.email, display_name: '' },
  })

  const paged = (all: readonly unknown[], name: string, { cursor }: Json): Json => {
    const from = Number(cursor ?? 0)
    const next = from + page < all.length ? String(from + page) : ''
    return { ok: true, [name]: all.slice(from, from + page), response_metadata: { next_cursor: next } }
  }

  const METHOD: Readonly<Record<string, (args: Block) => Json>> = {
    'auth.test': () => ({
      ok: true,
      ...{ url: url(), team: space.team.name, user: 'countersign' },
      ...{ team_id: space.team.id, user_id: space.bot, bot_id: 'B0BOT' },
    }),
    'oauth.v2.access'(args) {
      if (!codes.delete(String(args.code))) return no('invalid_code')
      if (args.client_id !== space.clientId || args.client_secret !== space.clientSecret) return no('bad_client_secret')
      return {
        ok: true,
        ...{ app_id: space.appId, token_type: 'bot', access_token: space.botToken, scope: 'chat:write,im:write' },
        ...{ bot_user_id: space.bot, team: space.team, enterprise: null, is_enterprise_install: false },
        authed_user: { id: 'U0ADMIN' },
      }
    },
    'chat.postMessage'({ channel, text, blocks = [], thread_ts, metadata }) {
      const ts = nextTs()
      const more = { ...(thread_ts ? { thread_ts } : {}), ...(metadata ? { metadata } : {}) }
      space.messages.push({ channel, ts, text, blocks, ...more, edited: 0 })
      return { ok: true, channel, ts, message: { text } }
    },
    'chat.update'({ channel, ts, text, blocks = [] }) {
      const message = space.messages.find((one) => one.channel === channel && one.ts === ts)
      if (!message) return no('message_not_found')
      Object.assign(message, { text, blocks, edited: message.edited + 1 })
      return { ok: true, channel, ts, text }
    },
    'chat.postEphemeral'(args) {
      space.ephemerals.push(args)
      return { ok: true, message_ts: nextTs() }
    },
    'views.open'({ trigger_id, view }) {
      const [, user = ''] = String(trigger_id).split('.')
      const id = `V${secret(4).toUpperCase()}`
      space.views.push({ ...view, id, hash: secret(4), trigger: String(trigger_id), user })
      return { ok: true, view: { ...view, id } }
    },
    'conversations.open': ({ users }) => ({ ok: true, channel: { id: directOf(String(users)) } }),
    'conversations.history': ({ channel }) => ({
      ok: true,
      messages: space.messages.filter((one) => one.channel === channel),
      has_more: false,
    }),
    'conversations.list': (args) => paged(space.channels, 'channels', args),
    'users.list': (args) => paged(space.members.map(userOf), 'members', args),
    'users.info'({ user }) {
      const member = space.members.find(({ id }) => id === user)
      return member ? { ok: true, user: userOf(member) } : no('user_not_found')
    },
    'users.lookupByEmail'({ email }) {
      const member = space.members.find((one) => one.email === email)
      return member ? { ok: true, user: userOf(member) } : no('users_not_found')
    },
  }

  const about = () => ({ team: { id: space.team.id, domain: 'example' }, api_app_id: space.appId, token: 'unused' })
  const personOf = (user: string) => ({ id: user, username: user, name: user, team_id: space.team.id })
  const triggerOf = (user: string) => `${secret(4)}.${user}.${secret(4)}`

  const space: Workspace = {
    ...newApp(),
    ...options.app,
    messages: [],
    ephemerals: [],
    views: [],
    members: [],
    channels: [],
    faultOf(method, args, isJson) {
      const isRead = /^(?:users|auth|oauth)\.|^conversations\.(?:list|history)/.test(method)
      const encoding = isRead === isJson ? [`${method} came as ${isJson ? 'JSON' : 'a form'}`] : []
      const schema = METHODS[method]
      const checked = schema?.safeParse(args)
      const shape = checked?.success ? [] : [`${method}: ${checked ? z.prettifyError(checked.error) : 'is no method'}`]
      return [...encoding, ...shape].join('; ') || null
    },
    act: (method, args) => METHOD[method]?.(args) ?? no('unknown_method'),
    allow() {
      const code = secret()
      codes.add(code)
      return code
    },
    pressed(message, actionId, user) {
      const block = message.blocks.find(
        ({ type, elements }: Block) => type === 'actions' && elements.some((each: Block) => each.action_id === actionId),
      )
      const button = block?.elements.find((each: Block) => each.action_id === actionId)
      const block_id = block?.block_id ?? 'none'
      return {
        type: 'block_actions',
        user: personOf(user),
        container: { type: 'message', message_ts: message.ts, channel_id: message.channel, is_ephemeral: false },
        trigger_id: triggerOf(user),
        channel: { id: message.channel, name: 'x' },
        message: { ts: message.ts, text: message.text, blocks: message.blocks },
        response_url: `${url()}/response/${secret(4)}`,
        actions: [{ type: 'button', action_id: actionId, block_id, value: button?.value ?? '', action_ts: nextTs() }],
      }
    },
    submitted: ({ trigger: _, ...opened }, values, user = opened.user) => ({
      type: 'view_submission',
      user: personOf(user),
      trigger_id: triggerOf(user),
      view: { ...opened, state: { values } },
    }),
    suggested: ({ trigger: _, ...opened }, block_id, action_id, value) => ({
      type: 'block_suggestion',
      user: personOf(opened.user),
      ...{ action_id, block_id, value },
      container: { type: 'view', view_id: opened.id },
      view: opened,
    }),
    formOf: (payload) => new URLSearchParams({ payload: JSON.stringify({ ...about(), ...payload }) }).toString(),
    eventOf(event, id = `Ev${secret(6)}`) {
      const { token, api_app_id } = about()
      const told = { team_id: space.team.id, type: 'event_callback', event_id: id, event_time: clock.ts, event }
      return JSON.stringify({ token, api_app_id, ...told })
    },
  }
  return space
}
