// A pretend Slack for development: a workspace behind a listener on loopback that answers the Web API as Slack does, holds each call to the published shape, and makes the
// signed requests that Slack would make. It sends nothing itself: who presses is on the page /dev.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { listenOn, type Party } from '../party.ts'
import { type App, type Json, type Member, openWorkspace, signedBy, type Workspace } from './workspace.ts'

export type SlackParty = Party & {
  url: string
  space: Workspace
  /** Calls that Slack would have refused; the page shows them, for they are faults of ours. */
  faults: string[]
  /** A request as Slack would post it to one of the app's doors. */
  request(payload: Json): { path: string; headers: Record<string, string>; body: string }
}

const MOST_MESSAGES = 100
const MOST_BYTES = 2 * 1_048_576

export type SlackOptions = { now: () => Date; people: () => Promise<Member[]> }

export async function openSlackParty(port: number, app: App, { now, people }: SlackOptions): Promise<SlackParty> {
  const faults: string[] = []
  let at = ''
  const space = openWorkspace({ url: () => at, app })
  const server = createServer((incoming, outgoing) => void answer(incoming, outgoing))

  async function answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const send = (reply: Json) => {
      outgoing.writeHead(200, { 'content-type': 'application/json; charset=utf-8' })
      outgoing.end(JSON.stringify(reply))
    }
    const method = (incoming.url ?? '').replace(/^\/api\//, '')
    const body = await read(incoming)
    if (body === null) return void outgoing.destroy()
    const isJson = (incoming.headers['content-type'] ?? '').startsWith('application/json')
    const args = argsOf(body, isJson)
    const fault = args === null ? `${method}: no arguments that could be read` : space.faultOf(method, args, isJson)
    if (args === null || fault !== null) {
      faults.push(String(fault))
      return send({ ok: false, error: 'invalid_arguments' })
    }
    if (method !== 'oauth.v2.access' && incoming.headers.authorization !== `Bearer ${space.botToken}`)
      return send({ ok: false, error: 'invalid_auth' })
    // Who came since is there too.
    if (method.startsWith('users.')) space.members = await people()
    send(space.act(method, args))
    space.messages.splice(0, Math.max(0, space.messages.length - MOST_MESSAGES))
  }

  const party = await listenOn(server, port)
  at = `http://127.0.0.1:${party.port}`
  return Object.assign(party, {
    url: at,
    space,
    faults,
    request(payload: Json) {
      const body = space.formOf(payload)
      const door = payload.type === 'block_suggestion' ? 'options' : 'interactions'
      const headers = {
        'content-type': 'application/x-www-form-urlencoded',
        ...signedBy(space.signingSecret, body, now().getTime()),
      }
      return { path: `/api/v1/channels/slack/${door}`, headers, body }
    },
  })
}

function argsOf(body: string, isJson: boolean): Json | null {
  if (!isJson) return Object.fromEntries(new URLSearchParams(body))
  try {
    return JSON.parse(body) as Json
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

async function read(incoming: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MOST_BYTES) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
