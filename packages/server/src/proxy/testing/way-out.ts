// The whole way of an agent's request in one process: a server with its gate, nodes of their own logins behind it, each with a proxy in front, and a TLS upstream that
// writes down what reaches it. Only names are made up: what is dialled is loopback.
import { X509Certificate } from 'node:crypto'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { createServer } from 'node:https'
import { connect as netConnect, type Socket } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import { expect, onTestFinished } from 'vitest'
import { openDb } from '../../db/tx.ts'
import { type Allowed, parseAllowed } from '../../egress/address.ts'
import { openDoor } from '../../egress/fetch.ts'
import { openGuard } from '../../egress/guard.ts'
import { openDnsStub } from '../../egress/testing/dns-stub.ts'
import { makeCertificate } from '../../http/testing/certificate.ts'
import type { Server } from '../../main/server.ts'
import { newId } from '../../std/id.ts'
import { openLog } from '../../std/log.ts'
import { openVault, type VaultTest } from '../../vault/testing/vault.ts'
import { dialChannel, type GateClient } from '../gate/channel.ts'
import { type Node, openNode } from '../node/gatekeeper.ts'
import { openProxy } from '../proxy.ts'
import { makeAuthority } from './authority.ts'
import { headOf } from './world.ts'

const HOST = 'api.example.com'
/** What else upstream is called. */
export const OTHER_HOSTS = ['pay.example.org', 'docs.example.net'] as const
const HOSTS = [HOST, ...OTHER_HOSTS]
const log = openLog({ level: 'silent' })

export type Reached = {
  host: string | undefined
  method: string
  url: string
  body: string
  authorization: string | undefined
  cookie?: string | undefined
  /** `Mcp-Session-Id`. */
  session?: string | string[] | undefined
}
export type Answered = { status: number; headers: IncomingMessage['headers']; body: string; json: Record<string, unknown> }
export type WayNode = { id: string; port: number; node: Node; stop(): Promise<void> }
export type Line = { id: string; identity: { key: string; certificate: string }; client: GateClient }
export type Run = { id: string; token: string; ca: string }
export type Sending = {
  host?: string
  method?: string
  path?: string
  body?: string
  headers?: Record<string, string>
  wait?: number
}
export type Sent = { answer: Promise<Answered>; destroy(): void }

export type WayOut = VaultTest & {
  reached: Reached[]
  /** What upstream answers; 200 unless a test says otherwise. */
  upstream: {
    answer: (one: Reached) => Promise<{ status: number; body?: string; headers?: Record<string, string | string[]> }>
    /** Nobody listens there. */
    isAway: boolean
  }
  /** The line of an enrolled node to a gate; with `as`, of the same node to another. */
  dial(server?: Server, as?: Line): Promise<Line>
  node(server?: Server): Promise<WayNode>
  run(): Promise<Run>
  send(through: WayNode, run: Run, what?: Sending): Sent
}

export async function openWayOut(settings: Record<string, string> = {}): Promise<WayOut> {
  const vault = await openVault({ settings: { GATE_LISTEN: '127.0.0.1:0', ...settings } })
  const { house } = vault
  const origin = await makeAuthority('aut_origin')
  const leaf = await origin.issue(HOSTS)
  const reached: Reached[] = []
  const upstream: WayOut['upstream'] = { answer: async () => ({ status: 200, body: 'done' }), isAway: false }
  const sockets = new Set<Socket>()
  const server = createServer({ cert: leaf.cert, key: leaf.key }, (request, answer) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      const one = {
        host: headers.host,
        method,
        url,
        body: Buffer.concat(chunks).toString(),
        authorization: headers.authorization,
        cookie: headers.cookie,
        session: headers['mcp-session-id'],
      }
      reached.push(one)
      upstream.answer(one).then(
        ({ status, body = '', headers }) => answer.writeHead(status, { 'content-type': 'text/plain', ...headers }).end(body),
        () => answer.destroy(),
      )
    })
  })
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of sockets) socket.destroy()
    await closed
  })
  const { port: upstreamPort } = server.address() as { port: number }
  const dns = await openDnsStub((_, type) => ({ records: type === 'A' ? [{ address: '127.0.0.1' }] : [] }))
  onTestFinished(() => dns.close())

  async function enrol(): Promise<Omit<Line, 'client'>> {
    const { key, cert } = await makeCertificate()
    const id = newId('nod')
    const shown = Buffer.from(new X509Certificate(cert).fingerprint256.replaceAll(':', ''), 'hex')
    await house.admin.run`insert into proxy_nodes (id, fingerprint, name, enrolled_by, enrolled_at)
      values (${id}::text, ${shown}::bytea, 'a test', 'test', countersign.now())`
    return { id, identity: { key, certificate: cert } }
  }
  async function dial(at: Server, as?: Line): Promise<Line> {
    const { id, identity } = as ?? (await enrol())
    const gate = at.gate
    if (!gate || !('port' in gate.address)) throw new Error('This server has no gate.')
    const { host, port } = gate.address
    const client = dialChannel({ identity, host, port, fingerprint: gate.fingerprint, clock: house.clock, log })
    onTestFinished(() => client.close())
    await expect.poll(() => client.isOpen(), { timeout: 20_000, interval: 10 }).toBe(true)
    return { id, identity, client }
  }

  async function openWayNode(at: Server): Promise<WayNode> {
    const { id, client } = await dial(at)
    const db = await openDb({ url: house.urlOf('countersign_run_proxy'), listen: false, clock: house.clock, log })
    // Nothing is stale while a test runs: what it looks at, it looks at itself.
    const limits = { pollMs: 1e9, staleAfterMs: 1e12 }
    const node = openNode({ node: id, db, gate: client, clock: house.clock, log, bundled: new Map(), guardrails: '', limits })
    const guard = openGuard({ nameServers: [dns], allowed: HOSTS.map((name) => parseAllowed(`${name}:443`) as Allowed) })
    const through = (() => netConnect({ host: '127.0.0.1', port: upstream.isAway ? 1 : upstreamPort })) as typeof netConnect
    const door = openDoor({ guard, installation: 'test', version: '0', connect: through })
    const proxy = await openProxy({
      ...{ gatekeeper: node.gatekeeper, door, clock: house.clock, log, installation: 'test' },
      listen: [{ host: '127.0.0.1', port: 0 }],
      trust: () => ({ ca: origin.certificate }),
    })
    let stopped: Promise<void> | undefined
    const stop = () => {
      stopped ??= (async () => {
        await proxy.close()
        await door.close()
        client.close()
        await node.close()
        await db.close()
      })()
      return stopped
    }
    onTestFinished(stop)
    return { id, port: proxy.addresses[0]?.port as number, node, stop }
  }

  return {
    ...vault,
    reached,
    upstream,
    dial: (at = house.server, as) => dial(at, as),
    node: (at = house.server) => openWayNode(at),
    async run() {
      const opened = await house.agent.post('/api/v1/runs', { purpose: 'Refund what was promised' })
      expect([opened.status, opened.body.code]).toEqual([201, undefined])
      return { id: opened.body.run.id, token: opened.body.token, ca: opened.body.ca_pem }
    },
    send: ({ port }, run, what = {}) => sendThrough(port, run, what),
  }
}

/** One request of a client that knows proxies and trusts the authority of its run. */
function sendThrough(
  port: number,
  run: Run,
  { host = HOST, method = 'POST', path = '/v1/refunds', body = '', headers = {}, wait = 0 }: Sending,
): Sent {
  const socket = netConnect({ host: '127.0.0.1', port })
  socket.on('error', () => undefined)
  onTestFinished(() => void socket.destroy())
  const authorization = `Basic ${Buffer.from(`run:${run.token}`).toString('base64')}`
  const answer = (async (): Promise<Answered> => {
    socket.write(`CONNECT ${host}:443 HTTP/1.1\r\nHost: ${host}:443\r\nProxy-Authorization: ${authorization}\r\n\r\n`)
    const head = await headOf(socket)
    if (!head.startsWith('HTTP/1.1 200')) throw new Error(`CONNECT was answered ${head.slice(0, 12)}`)
    const secured = tlsConnect({ socket, ca: run.ca, servername: host, ALPNProtocols: ['http/1.1'] })
    return new Promise<Answered>((resolve, reject) => {
      secured.on('error', reject)
      const request = httpRequest(
        {
          createConnection: () => secured,
          ...{ method, path },
          headers: {
            host,
            ...{ connection: 'close', 'countersign-wait': String(wait) },
            ...(body === '' ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
            ...headers,
          },
        },
        (incoming) => {
          const chunks: Buffer[] = []
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
          incoming.on('error', reject)
          incoming.on('end', () => {
            const text = Buffer.concat(chunks).toString()
            const isProblem = String(incoming.headers['content-type']).includes('json')
            resolve({
              ...{ status: incoming.statusCode ?? 0, headers: incoming.headers, body: text },
              json: isProblem ? (JSON.parse(text) as Record<string, unknown>) : {},
            })
          })
        },
      )
      request.on('error', reject)
      request.end(body)
    })
  })()
  // A test that has its client vanish does not ask what became of it.
  answer.catch(() => undefined)
  return { answer, destroy: () => void socket.destroy() }
}
