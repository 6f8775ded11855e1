// The proxy as operators run it: a house with an open gate, processes of the role `proxy` of their own, each enrolled and with a cable between it and the database, and
// a service behind TLS on loopback under a name of its own. Real sockets and real processes; nothing leaves this machine.
import { rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server as HttpsServer } from 'node:https'
import { type AddressInfo, connect as netConnect, type Socket } from 'node:net'
import { join } from 'node:path'
import { type TLSSocket, connect as tlsConnect } from 'node:tls'
import { expect, onTestFinished } from 'vitest'
import { type Cable, layCable } from '../../../../../../test/harness/cable.ts'
import { newFolder } from '../../../../../../test/harness/place.ts'
import { buildCommand, type Running, start } from '../../../../../../test/harness/process.ts'
import { openDnsStub } from '../../../egress/testing/dns-stub.ts'
import { makeAuthority } from '../../../proxy/testing/authority.ts'
import { headOf, untilClosed } from '../../../proxy/testing/world.ts'
import { ALPHA, openVault, type VaultTest } from '../../../vault/testing/vault.ts'

export const HOST = 'api.acme.example'

export type Edge = VaultTest & {
  folder: string
  /** Host and port of the service. */
  target: string
  canary: string
  connectionId: string
  grantId: string
  /** What the service was shown, and how many connections it took. */
  seen: { url: string; authorization: string | undefined }[]
  connections(): number
  /** Names that proxies asked for. */
  asked: string[]
  /** The settings of an enrolled proxy, without its database. */
  settingsOf(name: string): Promise<Record<string, string>>
  /** `prelude`: what its shell does before, such as taking something away from it. */
  proxy(name: string, more?: Record<string, string>, prelude?: string): Promise<ProxyProcess>
  /** Lets the answers to `/held` end. */
  letGo(): void
  /** `countersign …` as the built command. */
  command(words: readonly string[], env?: Record<string, string>): Running
  openRun(): Promise<{ id: string; token: string; ca: string }>
}

export type ProxyProcess = { running: Running; node: string; port: number; cable: Cable }

/** People may do what their role lets them; a grant's own mode decides what its agent may send. */
const RULES = `permit (principal is User, action, resource);
permit (principal is Agent, action == Action::"proxy.request", resource) when { context.grant.mode == "allow" };`

export async function openEdge(): Promise<Edge> {
  const folder = newFolder()
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const cli = await buildCommand()
  const [service, dns] = await Promise.all([
    openService(),
    openDnsStub((name, type) => ({ records: type === 'A' && name === HOST ? [{ address: '127.0.0.1' }] : [] })),
  ])
  onTestFinished(() => dns.close())
  const vault = await openVault({ settings: { GATE_LISTEN: '127.0.0.1:0', GATE_KEY_FILE: join(folder, 'gate.pem') } })
  const { house } = vault
  await vault.define({ ...ALPHA, hosts: [{ host: HOST, port: service.port }], facts: {} }, 2)
  const connection = await vault.connect({ version: 2 })
  await house.admin.run`insert into policies (version, tenant_id, text, origin, saved_by, saved_at)
    values (100, ${house.tenantId}::uuid, ${RULES}::text, 'saved', 'test', countersign.now())`
  await house.admin.run`insert into policy_activations (ordinal, tenant_id, version, activated_by, activated_at)
    values (100, ${house.tenantId}::uuid, 100, 'test', countersign.now())`
  await house.admin.run`insert into hosts (user_id, since) values (${house.alice.id}::text, countersign.now())`
  const grant = await house.alice.post('/api/v1/grants', {
    ...{ agent_id: house.agent.id, connection_id: connection.id },
    rules: [{ effect: 'allow' }],
  })
  expect([grant.status, grant.body.code]).toEqual([201, undefined])
  const trust = join(folder, 'trust.json')
  writeFileSync(join(folder, 'origin.pem'), service.ca)
  writeFileSync(trust, JSON.stringify([{ host: HOST, port: service.port, ca_file: 'origin.pem' }]), { mode: 0o600 })

  const command = (words: readonly string[], env: Record<string, string> = {}, prelude = ':'): Running =>
    start('/bin/sh', ['-c', `${prelude}; exec "$@"`, 'sh', process.execPath, cli, ...words], {
      cwd: folder,
      env: { HOME: folder, COUNTERSIGN_HOME: join(folder, 'home'), ...env },
    })

  async function settingsOf(name: string): Promise<Record<string, string>> {
    const file = join(folder, `${name}.pem`)
    const made = command(['proxy', 'enroll', '--file', file, '--json'])
    expect([(await made.ended).code, made.stderr()]).toEqual([0, ''])
    const { fingerprint } = JSON.parse(made.stdout()) as { fingerprint: string }
    const enrolled = await house.alice.post('/api/v1/proxy/nodes', { fingerprint, name })
    expect([enrolled.status, enrolled.body.code]).toEqual([201, undefined])
    const { gate } = house.server
    if (gate === null || 'path' in gate.address) throw new Error('The gate does not listen.')
    return {
      COUNTERSIGN_ENVIRONMENT: 'development',
      COUNTERSIGN_LOG_LEVEL: 'warn',
      COUNTERSIGN_PROXY_LISTEN: '127.0.0.1:0',
      COUNTERSIGN_PROXY_NODE: enrolled.body.id,
      COUNTERSIGN_PROXY_NODE_FILE: file,
      COUNTERSIGN_GATE_ADDRESS: `${gate.address.host}:${gate.address.port}`,
      COUNTERSIGN_GATE_FINGERPRINT: gate.fingerprint,
      COUNTERSIGN_EGRESS_DNS_SERVERS: `127.0.0.1:${dns.port}`,
      COUNTERSIGN_EGRESS_ALLOW: `${HOST}:${service.port}`,
      COUNTERSIGN_PROXY_TRUST_FILE: trust,
    }
  }

  return {
    ...vault,
    ...{
      folder,
      target: `${HOST}:${service.port}`,
      canary: connection.value,
      connectionId: connection.id,
      grantId: grant.body.id,
    },
    ...{ seen: service.seen, connections: service.connections, asked: dns.asked, command, settingsOf },
    letGo: service.letGo,
    async proxy(name, more = {}, prelude) {
      const cable = await layCable(house.urlOf('countersign_run_proxy'))
      onTestFinished(() => cable.close())
      const settings = await settingsOf(name)
      const env = { ...settings, COUNTERSIGN_DATABASE_URL: cable.url, ...more }
      const running = command(['serve', '--roles', 'proxy', '--json'], env, prelude)
      const { url } = JSON.parse(await running.line(/^\{"ready":true/)) as { url: string }
      return { running, node: settings.COUNTERSIGN_PROXY_NODE as string, port: Number(new URL(url).port), cable }
    },
    async openRun() {
      const opened = await house.agent.post('/api/v1/runs', { purpose: 'a test' })
      expect([opened.status, opened.body.code]).toEqual([201, undefined])
      return { id: opened.body.run.id, token: opened.body.token, ca: opened.body.ca_pem }
    },
  }
}

type Run = { token: string; ca: string }

/** The proxy's answer to CONNECT, and the socket behind it. */
export async function knock(
  port: number,
  target: string,
  token: string | null,
): Promise<{ status: number; text: string; socket: Socket }> {
  const socket = netConnect({ host: '127.0.0.1', port })
  socket.on('error', () => undefined)
  onTestFinished(() => void socket.destroy())
  const shown = token === null ? '' : `Proxy-Authorization: Basic ${Buffer.from(`run:${token}`).toString('base64')}\r\n`
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${shown}\r\n`)
  const text = await headOf(socket)
  return { status: Number(text.slice(9, 12)), text, socket }
}

/** TLS to the service, through the proxy, trusting the authority of the run and nothing else. */
export async function tunnel(edge: Edge, port: number, run: Run): Promise<TLSSocket> {
  const { status, socket } = await knock(port, edge.target, run.token)
  if (status !== 200) throw new Error(`CONNECT was answered ${status}`)
  return new Promise((resolve, reject) => {
    const secured = tlsConnect({ socket, ca: run.ca, servername: HOST, ALPNProtocols: ['http/1.1'] }, () => resolve(secured))
    secured.on('error', reject)
  })
}

/** One request on that connection: the whole answer, which ends the connection. */
export async function ask(edge: Edge, port: number, run: Run, path = '/'): Promise<{ status: number; text: string }> {
  const socket = await tunnel(edge, port, run)
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${edge.target}\r\nConnection: close\r\n\r\n`)
  const text = await untilClosed(socket)
  return { status: Number(text.slice(9, 12)), text }
}

export type Stream = { status: number | null; bytes: number; endedAt: number | null; socket: TLSSocket }

/** A request whose answer never ends by itself: how much came, and when it was cut. */
export async function stream(edge: Edge, port: number, run: Run, path: string, more = ''): Promise<Stream> {
  const socket = await tunnel(edge, port, run)
  const one: Stream = { status: null, bytes: 0, endedAt: null, socket }
  socket.on('error', () => undefined)
  socket.on('data', (chunk: Buffer) => {
    one.status ??= Number(chunk.toString('latin1', 9, 12))
    one.bytes += chunk.length
  })
  socket.on('close', () => {
    one.endedAt = performance.now()
  })
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${edge.target}\r\n${more}\r\n`)
  return one
}

type Service = { port: number; ca: string; seen: Edge['seen']; connections(): number; letGo(): void }

/** `/` answers what it was asked; `/held` ends when the test says so, `/events` and `/download` never; an upgrade becomes frames that never end. */
async function openService(): Promise<Service> {
  const origin = await makeAuthority('aut_origin')
  const seen: Service['seen'] = []
  let connections = 0
  const timers = new Set<NodeJS.Timeout>()
  const held: (() => void)[] = []
  const every = (socket: { on(name: 'close', then: () => void): unknown }, ms: number, write: () => void) => {
    const timer = setInterval(write, ms)
    timers.add(timer)
    socket.on('close', () => clearInterval(timer))
  }
  const server: HttpsServer = createServer(await origin.issue([HOST]), (request, answer) => {
    const { url = '', headers } = request
    seen.push({ url, authorization: headers.authorization })
    if (url === '/events') {
      answer.writeHead(200, { 'content-type': 'text/event-stream' })
      return every(answer, 20, () => void answer.write('data: tick\n\n'))
    }
    if (url === '/download') {
      answer.writeHead(200, { 'content-type': 'application/octet-stream' })
      const piece = Buffer.alloc(65_536, 7)
      // As fast as it is taken, and no faster than leaves room on the machine for what is measured.
      return every(answer, 10, () => void (answer.writableNeedDrain || answer.write(piece)))
    }
    if (url === '/held') {
      answer.writeHead(200, { 'content-type': 'text/plain' })
      answer.write('first ')
      return void held.push(() => answer.end('and last'))
    }
    answer.setHeader('content-type', 'text/plain').end(`seen ${url} with ${headers.authorization}`)
  })
  server.on('upgrade', (request, socket) => {
    seen.push({ url: request.url ?? '', authorization: request.headers.authorization })
    socket.on('error', () => undefined)
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    // A text frame of two bytes.
    every(socket, 20, () => void socket.write(Buffer.from([0x81, 2, 104, 105])))
  })
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    connections++
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve))
    for (const timer of timers) clearInterval(timer)
    for (const socket of sockets) socket.destroy()
    await closed
  })
  return {
    port: (server.address() as AddressInfo).port,
    ...{ ca: origin.certificate, seen, connections: () => connections },
    letGo() {
      for (const end of held.splice(0)) end()
    },
  }
}
