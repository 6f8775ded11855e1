// A stand-in for Slack on this machine: the workspace of `countersign dev` behind a socket, with what only a test needs. It holds each call to the published shape, fails as
// it is told, and sends signed requests back. Whatever is not as documented is a fault, which a test reads at its end.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  type Json,
  openWorkspace,
  type SlackMessage,
  type SlackView,
  signedBy,
  type Workspace,
} from '../../packages/server/src/main/dev/slack/workspace.ts'

export type { Member, SlackMessage, SlackView } from '../../packages/server/src/main/dev/slack/workspace.ts'

type How = { secret?: string; at?: number }

export type SlackStandIn = Workspace & {
  url: string
  port: number
  /** What time it is there; a house whose clock moves takes Slack along. */
  now(): number
  calls: { method: string; args: Json }[]
  faults: string[]
  /** slow: nothing is answered until it is let go. */
  mode(how: 'well' | 'slow' | 'failing' | 'limited' | 'revoked'): void
  /** The next answer to this method is lost on its way, after it was acted upon. */
  loseNext(method: string): void
  forget(message: SlackMessage): void
  /** As Slack sends it: signed now, unless said otherwise. */
  signed(body: string, how?: How): Record<string, string>
  post(to: string, path: string, body: string, headers: Record<string, string>): Promise<Response>
  interact(to: string, payload: Json, how?: How): Promise<Response>
  tell(to: string, event: Json, how?: How & { id?: string }): Promise<Response>
  press(to: string, message: SlackMessage, actionId: string, user: string): Promise<Response>
  submit(to: string, view: SlackView, values: Json, user?: string): Promise<Response>
  close(): Promise<void>
}

/** Lists come in pages so small that every test turns one. */
const PAGE = 2

export async function openSlack(): Promise<SlackStandIn> {
  const state = {
    mode: 'well' as 'well' | 'slow' | 'failing' | 'limited' | 'revoked',
    lost: new Set<string>(),
    held: [] as (() => void)[],
  }

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
    const fault = slack.faultOf(method, args, isJson)
    if (fault !== null) {
      slack.faults.push(fault)
      return send(200, { ok: false, error: 'invalid_arguments' })
    }
    slack.calls.push({ method, args })
    const bearer = incoming.headers.authorization
    if (method !== 'oauth.v2.access' && bearer !== `Bearer ${slack.botToken}`)
      return send(200, { ok: false, error: 'invalid_auth' })
    if (state.mode === 'revoked') return send(200, { ok: false, error: 'token_revoked' })
    const reply = slack.act(method, args)
    if (state.lost.delete(method)) return void outgoing.destroy()
    send(200, reply)
  }

  const server = createServer((incoming, outgoing) => void answer(incoming, outgoing))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`

  const slack: SlackStandIn = Object.assign(openWorkspace({ url: () => url, page: PAGE }), {
    url,
    port,
    now: () => Date.now(),
    calls: [],
    faults: [],
    mode(how: typeof state.mode) {
      state.mode = how
      if (how !== 'slow') for (const go of state.held.splice(0)) go()
    },
    loseNext: (method: string) => void state.lost.add(method),
    forget: (message: SlackMessage) => void slack.messages.splice(slack.messages.indexOf(message), 1),
    signed: (body: string, { secret: by = slack.signingSecret, at = slack.now() }: How = {}) => signedBy(by, body, at),
    post: (to: string, path: string, body: string, headers: Record<string, string>) =>
      fetch(`${to}/api/v1/channels/slack/${path}`, { method: 'POST', body, headers }),
    interact(to: string, payload: Json, how?: How) {
      const body = slack.formOf(payload)
      const path = payload.type === 'block_suggestion' ? 'options' : 'interactions'
      return slack.post(to, path, body, { 'content-type': 'application/x-www-form-urlencoded', ...slack.signed(body, how) })
    },
    tell(to: string, event: Json, how: How & { id?: string } = {}) {
      const body = slack.eventOf(event, how.id)
      return slack.post(to, 'events', body, { 'content-type': 'application/json', ...slack.signed(body, how) })
    },
    press: (to: string, message: SlackMessage, action: string, user: string) =>
      slack.interact(to, slack.pressed(message, action, user)),
    submit: (to: string, view: SlackView, values: Json, user?: string) => slack.interact(to, slack.submitted(view, values, user)),
    close: async () => {
      slack.mode('well')
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  })
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
