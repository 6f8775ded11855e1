// A receiver of deliveries on this machine, entered as an exception of the egress guard, and the words in which tests speak of webhooks.
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished } from 'vitest'
import { type House, setup } from '#harness'
import { type Client, clientOf } from '../../../../../test/harness/client.ts'

export type Got = { path: string; headers: IncomingHttpHeaders; body: string; at: number }
export type Reply = number | { status: number; headers?: Record<string, string>; body?: string } | 'hang'

export type Receiver = {
  got: Got[]
  origin: string
  port: number
  /** What it answers: one after the other, then `otherwise`. */
  answers: Reply[]
  otherwise: Reply
  /** By path, before anything else. */
  byPath: Record<string, Reply>
  /** What happens while whoever sent waits. */
  beforeAnswer: (() => Promise<void>) | null
  /** Lets go what it holds. */
  release(): void
}

export async function openReceiver(): Promise<Receiver> {
  const held: ServerResponse[] = []
  const here: Receiver = {
    got: [],
    origin: '',
    port: 0,
    answers: [],
    otherwise: 204,
    byPath: {},
    beforeAnswer: null,
    release: () => void held.splice(0).map((response) => response.destroy()),
  }
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', async () => {
      const path = request.url ?? '/'
      here.got.push({ path, headers: request.headers, body: Buffer.concat(chunks).toString(), at: performance.now() })
      await here.beforeAnswer?.()
      const reply = here.byPath[path] ?? here.answers.shift() ?? here.otherwise
      if (reply === 'hang') return void held.push(response)
      const { status, headers = {}, body = '' } = typeof reply === 'number' ? { status: reply } : reply
      response.writeHead(status, headers).end(body)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    here.release()
    server.closeAllConnections()
    return new Promise<void>((resolve) => void server.close(() => resolve()))
  })
  here.port = (server.address() as AddressInfo).port
  here.origin = `http://127.0.0.1:${here.port}`
  return here
}

/** A house whose guard lets these receivers be reached. */
export const houseFor = (receivers: readonly Receiver[], settings: Record<string, string> = {}): Promise<House> =>
  setup({
    settings: { EGRESS_HTTP: '1', EGRESS_ALLOW: receivers.map(({ port }) => `127.0.0.1:${port}`).join(','), ...settings },
  })

/** Active at once, unless said otherwise. Answers the body of the 201, its secret included. */
export async function endpoint(house: House, url: string, more: Record<string, unknown> = {}) {
  const { status, body } = await house.alice.post('/api/v1/endpoints', { url, events: '*', verify: false, ...more })
  expect(status, JSON.stringify(body)).toBe(201)
  return body as { id: string; secret: string; state: string } & Record<string, unknown>
}

export const deliveriesOf = async (house: House, query = '') =>
  (await house.alice.get(`/api/v1/deliveries?limit=200${query && `&${query}`}`)).body.data as Record<string, unknown>[]

export const bodiesOf = (receiver: Receiver, type: string) => receiver.got.filter((one) => JSON.parse(one.body).type === type)

/** Somebody whose right outlives days: a session does not. */
export async function keyHolder(house: House): Promise<Client> {
  const { secret } = await house.given.key({ kind: 'usr', scopes: ['endpoints:*', 'deliveries:*', 'events:list', 'tasks:*'] })
  return clientOf(house.url, { bearer: secret })
}
