// A stand-in for Slack on this machine: it takes the calls that Slack's Web API documents, holds each to the published shape, and sends signed requests back. Whatever is
// not as documented is a fault, which a test reads at its end.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as z from 'zod'
import { randomBytes } from '../../packages/server/src/crypto/token.ts'
import { signatureOf } from '../../packages/server/src/tasks/channels/slack/signature.ts'

type Json = Record<string, unknown>
// biome-ignore lint/suspicious/noExplicitAny: a test reads whatever was posted
type Block = any

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

export type SlackStandIn = {
  url: string
  port: number
  team: { id: string; name: string }
  appId: string
  clientId: string
  clientSecret: string
  signingSecret: string
  botToken: string
  bot: string
  /** What time it is there; a house whose clock moves takes Slack along. */
  now(): number
  calls: { method: string; args: Json }[]
  messages: SlackMessage[]
  ephemerals: { channel: string; user: string; text: string }[]
  views: SlackView[]
  members: Member[]
  channels: { id: string; name: string }[]
  faults: string[]
  /** slow: nothing is answered until it is let go. */
  mode(how: 'well' | 'slow' | 'failing' | 'limited' | 'revoked'): void
  /** The next answer to this method is lost on its way, after it was acted upon. */
  loseNext(method: string): void
  forget(message: SlackMessage): void
  /** Somebody allowed the installation: the code that the browser carries back. */
  allow(): string
  /** As Slack sends it: signed now, unless said otherwise. */
  signed(body: string, how?: { secret?: string; at?: number }): Record<string, string>
  post(to: string, path: string, body: string, headers: Record<string, string>): Promise<Response>
  interact(to: string, payload: Json, how?: { secret?: string; at?: number }): Promise<Response>
  tell(to: string, event: Json, how?: { secret?: string; at?: number; id?: string }): Promise<Response>
  press(to: string, message: SlackMessage, actionId: string, user: string): Promise<Response>
  submit(to: string, view: SlackView, values: Json, user?: string): Promise<Response>
  close(): Promise<void>
}

const plainText = (max: number) =>
  z.strictObject({ type: z.literal('plain_text'), text: z.string().min(1).max(max), emoji: z.boolean().optional() })
const mrkdwn = (max: number) =>
  z.strictObject({ type: z.literal('mrkdwn'), text: z.string().min(1).max(max), verbatim: z.boolean().optional() })
const text = (max: number) => z.union([plainText(max), mrkdwn(max)])
const actionId = z.string().min(1).max(255)
const blockId = z.string().min(1).max(255).optional()
const option = z.strictObject({ text: text(75), value: z.string().min(1).max(150), description: plainText(75).optional() })
const confirm = z.strictObject({
  title: plainText(100),
  text: text(300),
  confirm: plainText(30),
  deny: plainText(30),
  style: z.enum(['primary', 'danger']).optional(),
})
const button = z.strictObject({
  type: z.literal('button'),
  action_id: actionId,
  text: plainText(75),
  value: z.string().max(2_000).optional(),
  url: z.url().max(3_000).optional(),
  style: z.enum(['primary', 'danger']).optional(),
  confirm: confirm.optional(),
})
const placeholder = plainText(150).optional()
const one = { action_id: actionId, initial_option: option.optional() }
const many = { action_id: actionId, initial_options: z.array(option).min(1).optional() }
const options = (max: number) => z.array(option).min(1).max(max)
const element = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('plain_text_input'),
    action_id: actionId,
    multiline: z.boolean().optional(),
    initial_value: z.string().max(3_000).optional(),
    min_length: z.int().min(0).max(3_000).optional(),
    max_length: z.int().min(1).max(3_000).optional(),
    placeholder,
  }),
  z.strictObject({ type: z.literal('email_text_input'), action_id: actionId, initial_value: z.string().optional(), placeholder }),
  z.strictObject({ type: z.literal('url_text_input'), action_id: actionId, initial_value: z.string().optional(), placeholder }),
  z.strictObject({
    type: z.literal('number_input'),
    action_id: actionId,
    is_decimal_allowed: z.boolean(),
    initial_value: z.string().optional(),
    min_value: z.string().optional(),
    max_value: z.string().optional(),
    placeholder,
  }),
  z.strictObject({ type: z.literal('radio_buttons'), options: options(10), ...one }),
  z.strictObject({ type: z.literal('checkboxes'), options: options(10), ...many }),
  z.strictObject({ type: z.literal('static_select'), options: options(100), placeholder, ...one }),
  z.strictObject({ type: z.literal('multi_static_select'), options: options(100), placeholder, ...many }),
  z.strictObject({ type: z.literal('external_select'), min_query_length: z.int().min(0).optional(), placeholder, ...one }),
  z.strictObject({ type: z.literal('multi_external_select'), min_query_length: z.int().min(0).optional(), placeholder, ...many }),
  z.strictObject({ type: z.literal('datepicker'), action_id: actionId, initial_date: z.iso.date().optional() }),
  z.strictObject({
    type: z.literal('timepicker'),
    action_id: actionId,
    initial_time: z
      .string()
      .regex(/^\d\d:\d\d$/)
      .optional(),
  }),
  z.strictObject({ type: z.literal('datetimepicker'), action_id: actionId, initial_date_time: z.int().optional() }),
])
const section = z.strictObject({ type: z.literal('section'), block_id: blockId, text: text(3_000) })
const context = z.strictObject({ type: z.literal('context'), block_id: blockId, elements: z.array(text(3_000)).min(1).max(10) })
const divider = z.strictObject({ type: z.literal('divider'), block_id: blockId })
const header = z.strictObject({ type: z.literal('header'), block_id: blockId, text: plainText(150) })
const actions = z.strictObject({ type: z.literal('actions'), block_id: blockId, elements: z.array(button).min(1).max(25) })
const input = z.strictObject({
  type: z.literal('input'),
  block_id: blockId,
  label: plainText(2_000),
  element,
  optional: z.boolean().optional(),
  hint: plainText(2_000).optional(),
})
const unique = (blocks: { block_id?: string }[]) => {
  const ids = blocks.flatMap(({ block_id }) => block_id ?? [])
  return new Set(ids).size === ids.length
}
const messageBlocks = z
  .array(z.discriminatedUnion('type', [section, context, divider, header, actions]))
  .max(50)
  .refine(unique, 'block_id twice')
const viewBlocks = z
  .array(z.discriminatedUnion('type', [section, context, divider, header, actions, input]))
  .min(1)
  .max(100)
  .refine(unique, 'block_id twice')
const channel = z.string().regex(/^[CGD][A-Z0-9]+$/)
const view = z
  .strictObject({
    type: z.literal('modal'),
    callback_id: z.string().max(255).optional(),
    private_metadata: z.string().max(3_000).optional(),
    title: plainText(24),
    submit: plainText(24).optional(),
    close: plainText(24).optional(),
    blocks: viewBlocks,
  })
  .refine(
    (given) => given.submit !== undefined || !given.blocks.some(({ type }) => type === 'input'),
    'input blocks need a submit',
  )
const metadata = z.strictObject({ event_type: z.string().max(255), event_payload: z.record(z.string(), z.unknown()) })
const METHODS: Record<string, z.ZodType> = {
  'auth.test': z.strictObject({}),
  'oauth.v2.access': z.strictObject({
    code: z.string(),
    client_id: z.string(),
    client_secret: z.string(),
    redirect_uri: z.url(),
  }),
  'chat.postMessage': z.strictObject({
    channel,
    text: z.string().min(1).max(40_000),
    blocks: messageBlocks.optional(),
    thread_ts: z.string().optional(),
    unfurl_links: z.boolean().optional(),
    unfurl_media: z.boolean().optional(),
    metadata: metadata.optional(),
  }),
  'chat.update': z.strictObject({
    channel,
    ts: z.string(),
    text: z.string().min(1).max(40_000),
    blocks: messageBlocks.optional(),
  }),
  'chat.postEphemeral': z.strictObject({ channel, user: z.string().regex(/^[UW]/), text: z.string().min(1).max(40_000) }),
  'views.open': z.strictObject({ trigger_id: z.string(), view }),
  'conversations.open': z.strictObject({ users: z.string().regex(/^[UW]/) }),
  'conversations.list': z.strictObject({
    types: z.string(),
    exclude_archived: z.literal('true'),
    limit: z.string(),
    cursor: z.string().optional(),
  }),
  'conversations.history': z.strictObject({ channel, limit: z.string(), include_all_metadata: z.literal('true') }),
  'users.list': z.strictObject({ limit: z.string(), cursor: z.string().optional() }),
  'users.info': z.strictObject({ user: z.string() }),
  'users.lookupByEmail': z.strictObject({ email: z.email() }),
}

const secret = (bytes = 16) => randomBytes(bytes).toString('hex')
const PAGE = 2

export async function openSlack(): Promise<SlackStandIn> {
  const clock = { ts: 1_700_000_000 }
  const state = {
    mode: 'well' as 'well' | 'slow' | 'failing' | 'limited' | 'revoked',
    lost: new Set<string>(),
    held: [] as (() => void)[],
    codes: new Set<string>(),
  }
  const nextTs = () => `${clock.ts++}.${String(clock.ts).slice(-6)}`

  async function answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const method = (incoming.url ?? '').replace(/^\/api\//, '')
    const body = await read(incoming)
    if (state.mode === 'slow') await new Promise<void>((resolve) => state.held.push(resolve))
    const send = (status: number, reply: Json, headers: Record<string, string> = {}) => {
      outgoing.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers })
      outgoing.end(JSON.stringify(reply))
    }
    if (state.mode === 'failing') return send(503, { ok: false, error: 'service_unavailable' })
    if (state.mode === 'limited') return send(429, { ok: false, error: 'ratelimited' }, { 'retry-after': '30' })
    const isJson = (incoming.headers['content-type'] ?? '').startsWith('application/json')
    const args = isJson ? (JSON.parse(body) as Json) : Object.fromEntries(new URLSearchParams(body))
    const isRead = /^(?:users|auth|oauth)\.|^conversations\.(?:list|history)/.test(method)
    if (isRead === isJson) slack.faults.push(`${method} came as ${incoming.headers['content-type']}`)
    const schema = METHODS[method]
    const checked = schema?.safeParse(args)
    if (!checked?.success) {
      slack.faults.push(`${method}: ${checked ? z.prettifyError(checked.error) : 'is no method'}`)
      return send(200, { ok: false, error: 'invalid_arguments' })
    }
    slack.calls.push({ method, args })
    const bearer = incoming.headers.authorization
    if (method !== 'oauth.v2.access' && bearer !== `Bearer ${slack.botToken}`)
      return send(200, { ok: false, error: 'invalid_auth' })
    if (state.mode === 'revoked') return send(200, { ok: false, error: 'token_revoked' })
    const reply = act(method, args)
    if (state.lost.delete(method)) return void outgoing.destroy()
    send(200, reply)
  }

  const no = (error: string): Json => ({ ok: false, error })
  const userOf = (member: Member): Json => ({
    id: member.id,
    team_id: slack.team.id,
    name: member.name,
    real_name: member.real_name ?? member.name,
    deleted: member.deleted ?? false,
    is_bot: member.is_bot ?? false,
    is_email_confirmed: member.confirmed ?? true,
    profile: { email: member.email, display_name: '' },
  })

  function act(method: string, args: Json): Json {
    switch (method) {
      case 'auth.test':
        return {
          ok: true,
          url: slack.url,
          team: slack.team.name,
          user: 'countersign',
          team_id: slack.team.id,
          user_id: slack.bot,
          bot_id: 'B0BOT',
        }
      case 'oauth.v2.access': {
        if (!state.codes.delete(String(args.code))) return no('invalid_code')
        if (args.client_id !== slack.clientId || args.client_secret !== slack.clientSecret) return no('bad_client_secret')
        return {
          ok: true,
          ...{
            app_id: slack.appId,
            token_type: 'bot',
            access_token: slack.botToken,
            scope: 'chat:write,im:write',
            bot_user_id: slack.bot,
          },
          ...{ team: slack.team, enterprise: null, is_enterprise_install: false, authed_user: { id: 'U0ADMIN' } },
        }
      }
      case 'chat.postMessage': {
        const ts = nextTs()
        const { channel: to, text: words, blocks = [], thread_ts, metadata: more } = args as Block
        slack.messages.push({
          channel: to,
          ts,
          text: words,
          blocks,
          ...(thread_ts ? { thread_ts } : {}),
          ...(more ? { metadata: more } : {}),
          edited: 0,
        })
        return { ok: true, channel: to, ts, message: { text: words } }
      }
      case 'chat.update': {
        const message = slack.messages.find(({ channel: to, ts }) => to === args.channel && ts === args.ts)
        if (!message) return no('message_not_found')
        Object.assign(message, { text: args.text, blocks: args.blocks ?? [], edited: message.edited + 1 })
        return { ok: true, channel: args.channel, ts: args.ts, text: args.text }
      }
      case 'chat.postEphemeral':
        slack.ephemerals.push(args as SlackStandIn['ephemerals'][number])
        return { ok: true, message_ts: nextTs() }
      case 'views.open': {
        const given = args.view as Block
        const [, user = ''] = String(args.trigger_id).split('.')
        slack.views.push({ ...given, id: `V${secret(4).toUpperCase()}`, hash: secret(4), trigger: String(args.trigger_id), user })
        return { ok: true, view: { ...given, id: slack.views.at(-1)?.id } }
      }
      case 'conversations.open':
        return { ok: true, channel: { id: `D${String(args.users).slice(1)}` } }
      case 'conversations.history':
        return { ok: true, messages: slack.messages.filter(({ channel: to }) => to === args.channel), has_more: false }
      case 'conversations.list':
        return paged(slack.channels, 'channels', args)
      case 'users.list':
        return paged(slack.members.map(userOf), 'members', args)
      case 'users.info': {
        const member = slack.members.find(({ id }) => id === args.user)
        return member ? { ok: true, user: userOf(member) } : no('user_not_found')
      }
      case 'users.lookupByEmail': {
        const member = slack.members.find(({ email }) => email === args.email)
        return member ? { ok: true, user: userOf(member) } : no('users_not_found')
      }
      default:
        return no('unknown_method')
    }
  }

  const paged = (all: readonly unknown[], name: string, { cursor }: Json): Json => {
    const from = Number(cursor ?? 0)
    const next = from + PAGE < all.length ? String(from + PAGE) : ''
    return { ok: true, [name]: all.slice(from, from + PAGE), response_metadata: { next_cursor: next } }
  }

  const server = createServer((incoming, outgoing) => void answer(incoming, outgoing))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo

  const about = () => ({ team: { id: slack.team.id, domain: 'example' }, api_app_id: slack.appId, token: 'unused' })
  const slack: SlackStandIn = {
    url: `http://127.0.0.1:${port}`,
    port,
    team: { id: 'T0TEAM', name: 'Example' },
    appId: 'A0APP',
    clientId: '123.456',
    clientSecret: secret(),
    signingSecret: secret(),
    botToken: `xoxb-${secret()}`,
    bot: 'U0BOT',
    now: () => Date.now(),
    calls: [],
    messages: [],
    ephemerals: [],
    views: [],
    members: [],
    channels: [],
    faults: [],
    mode(how) {
      state.mode = how
      if (how !== 'slow') for (const go of state.held.splice(0)) go()
    },
    loseNext: (method) => void state.lost.add(method),
    forget: (message) => void slack.messages.splice(slack.messages.indexOf(message), 1),
    allow() {
      const code = secret()
      state.codes.add(code)
      return code
    },
    signed(body, { secret: by = slack.signingSecret, at = slack.now() } = {}) {
      const timestamp = String(Math.floor(at / 1_000))
      return { 'x-slack-request-timestamp': timestamp, 'x-slack-signature': signatureOf(by, timestamp, Buffer.from(body)) }
    },
    post: (to, path, body, headers) => fetch(`${to}/api/v1/channels/slack/${path}`, { method: 'POST', body, headers }),
    interact(to, payload, how) {
      const body = new URLSearchParams({ payload: JSON.stringify({ ...about(), ...payload }) }).toString()
      const path = payload.type === 'block_suggestion' ? 'options' : 'interactions'
      return slack.post(to, path, body, { 'content-type': 'application/x-www-form-urlencoded', ...slack.signed(body, how) })
    },
    tell(to, event, how = {}) {
      const { token, api_app_id } = about()
      const id = how.id ?? `Ev${secret(6)}`
      const body = JSON.stringify({
        token,
        api_app_id,
        team_id: slack.team.id,
        type: 'event_callback',
        event_id: id,
        event_time: clock.ts,
        event,
      })
      return slack.post(to, 'events', body, { 'content-type': 'application/json', ...slack.signed(body, how) })
    },
    press(to, message, action, user) {
      const block = message.blocks.find(
        ({ type, elements }: Block) => type === 'actions' && elements.some((each: Block) => each.action_id === action),
      )
      const pressed = block?.elements.find((each: Block) => each.action_id === action)
      return slack.interact(to, {
        type: 'block_actions',
        user: { id: user, username: user, name: user, team_id: slack.team.id },
        container: { type: 'message', message_ts: message.ts, channel_id: message.channel, is_ephemeral: false },
        trigger_id: `${secret(4)}.${user}.${secret(4)}`,
        channel: { id: message.channel, name: 'x' },
        message: { ts: message.ts, text: message.text, blocks: message.blocks },
        response_url: `${slack.url}/response/${secret(4)}`,
        actions: [
          {
            type: 'button',
            action_id: action,
            block_id: block?.block_id ?? 'none',
            value: pressed?.value ?? '',
            action_ts: nextTs(),
          },
        ],
      })
    },
    submit: (to, { trigger: _, ...opened }, values, user = opened.user) =>
      slack.interact(to, {
        type: 'view_submission',
        user: { id: user, username: user, name: user, team_id: slack.team.id },
        trigger_id: `${secret(4)}.${user}.${secret(4)}`,
        view: { ...opened, state: { values } },
      }),
    close: async () => {
      slack.mode('well')
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
  return slack
}

async function read(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

/** All that a person can read of a message. */
export const readable = ({ text: words, blocks }: Pick<SlackMessage, 'text' | 'blocks'>): string =>
  [words, ...blocks.flatMap(textsIn)].join('\n')

function textsIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(textsIn)
  if (typeof value !== 'object' || value === null) return []
  const { type, text: own } = value as { type?: string; text?: unknown }
  if ((type === 'plain_text' || type === 'mrkdwn') && typeof own === 'string') return [own]
  return Object.values(value).flatMap(textsIn)
}
