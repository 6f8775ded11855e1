// An installation as operators run it, for what has to survive being killed: a control plane with its gate on a socket of the file system, proxies as processes of their
// own, a service behind TLS that counts what reaches it, and clients that send one numbered request after another and now and then go away in the middle of one.
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { type AddressInfo, connect as netConnect, type Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TLSSocket, connect as tlsConnect } from 'node:tls'
import { expect, onTestFinished } from 'vitest'
import { canonical } from '../../packages/server/src/crypto/canonical.ts'
import { fingerprintOfCertificate } from '../../packages/server/src/crypto/certificate.ts'
import { randomBytes, sha256 } from '../../packages/server/src/crypto/token.ts'
import { openDnsStub } from '../../packages/server/src/egress/testing/dns-stub.ts'
import { newIdentity } from '../../packages/server/src/main/node/identity.ts'
import { makeAuthority } from '../../packages/server/src/proxy/testing/authority.ts'
import { headOf } from '../../packages/server/src/proxy/testing/world.ts'
import { clientOf } from '../harness/client.ts'
import { openInstallation, type Process } from '../harness/installation.ts'
import { cli, temporaryFolder } from '../harness/process.ts'

const HOST = 'api.acme.example'
const POLICY = `permit (principal is User, action, resource);
permit (principal is Agent, action == Action::"proxy.request", resource) when { context.grant.mode == "allow" };`

/** What of a canonical line is held against the record. */
export type Line = { request_id: string; run_id: string; outcome: string; policy_version: number | null }
export type Run = { token: string; ca: string }
export type RunningProxy = { port: number; lines: Line[]; end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> }

const DEFINITION = (port: number) => ({
  schema: 1,
  name: 'acme',
  kind: 'custom',
  display_name: 'Acme',
  hosts: [{ host: HOST, port }],
  methods: ['api_key'],
  api_key: { fields: [{ name: 'api_key', label: 'Key', secret: true }] },
  inject: [{ where: 'header', name: 'authorization', template: 'Bearer {{api_key}}' }],
})

/** `most`: how many numbers there are. */
export async function openTraffic(most: number) {
  const origin = await makeAuthority('aut_origin')
  const service = await openService(await origin.issue([HOST]), most)
  const dns = await openDnsStub((name, type) => ({ records: type === 'A' && name === HOST ? [{ address: '127.0.0.1' }] : [] }))
  onTestFinished(() => dns.close())
  const folder = temporaryFolder()
  const socket = `unix:${join(folder, 'gate', 'gate.sock')}`
  const house = await openInstallation({
    servers: 1,
    env: { COUNTERSIGN_GATE_LISTEN: socket, COUNTERSIGN_PROXY_URL: 'http://127.0.0.1:7980' },
  })
  const [control] = house.servers as [Process]
  const owner = await house.owner(control)
  const agent = clientOf(control.url, { bearer: await house.agentKey('busy') })
  await furnish(house, owner, service.port)
  const trust = join(folder, 'trust.json')
  writeFileSync(join(folder, 'origin.pem'), origin.certificate)
  writeFileSync(trust, JSON.stringify([{ host: HOST, port: service.port, ca_file: 'origin.pem' }]), { mode: 0o600 })
  const [certificate = ''] =
    /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(
      readFileSync(join(house.home, 'keys', 'gate.pem'), 'utf8'),
    ) ?? []
  const target = `${HOST}:${service.port}`
  let nodes = 0

  async function proxy(): Promise<RunningProxy> {
    const name = `edge-${++nodes}`
    const { key, certificate: own, fingerprint } = await newIdentity('Countersign node')
    const file = join(folder, `${name}.pem`)
    writeFileSync(file, `${key.trim()}\n${own.trim()}\n`, { mode: 0o600 })
    const enrolled = await owner.post('/api/v1/proxy/nodes', { fingerprint, name })
    expect([enrolled.status, enrolled.body.code]).toEqual([201, undefined])
    const settings = {
      ENVIRONMENT: 'development',
      LOG_LEVEL: 'info',
      HOME: join(folder, 'home'),
      PROXY_LISTEN: '127.0.0.1:0',
      // A machine that stands still makes a proxy refuse; here it is to let requests out.
      PROXY_STALE_AFTER: '10s',
      PROXY_NODE: enrolled.body.id,
      PROXY_NODE_FILE: file,
      GATE_ADDRESS: socket,
      GATE_FINGERPRINT: fingerprintOfCertificate(certificate),
      EGRESS_DNS_SERVERS: `127.0.0.1:${dns.port}`,
      EGRESS_ALLOW: target,
      PROXY_TRUST_FILE: trust,
      DATABASE_URL: house.database.proxyUrl,
    }
    const env = Object.fromEntries(Object.entries(settings).map(([word, value]) => [`COUNTERSIGN_${word}`, value]))
    return startProxy({ PATH: process.env.PATH ?? '', HOME: folder, ...env })
  }

  return {
    house,
    control,
    owner,
    folder,
    reached: service.reached,
    proxy,
    async run(): Promise<Run> {
      const opened = await agent.post('/api/v1/runs', { purpose: 'a test' })
      expect([opened.status, opened.body.code]).toEqual([201, undefined])
      return { token: opened.body.token, ca: opened.body.ca_pem }
    },
    /** One socket after another through the proxy, one number after another on each, until there are none: some clients go away before they have heard. */
    async send(port: () => number, run: Run, numbers: Iterator<number>, leaves: () => boolean): Promise<void> {
      for (;;) {
        const tunnel = await openTunnel(port(), target, run)
        if (tunnel === null) continue
        const isOver = await sendOn(tunnel, target, numbers, leaves)
        tunnel.destroy()
        if (isOver) return
      }
    },
  }
}

async function furnish(
  { look }: Awaited<ReturnType<typeof openInstallation>>,
  owner: Awaited<ReturnType<Awaited<ReturnType<typeof openInstallation>>['owner']>>,
  port: number,
): Promise<void> {
  const [tenant] = await look<{ id: string }>('select tenant_id as id from agents limit 1')
  const text = canonical(DEFINITION(port))
  const [{ id: user }] = (await look<{ id: string }>('select id from users limit 1')) as [{ id: string }]
  const { id: tenantId } = tenant as { id: string }
  await look(
    `insert into providers (name, tenant_id, version, overrides, created_by, created_at) values ('acme', $1, 1, false, $2, now())`,
    [tenantId, user],
  )
  await look(
    `insert into definitions (provider, tenant_id, version, digest, source, definition, state, proposed_by, proposed_at)
     values ('acme', $1, 1, $2, $3::text, $3::text::jsonb, 'active', $4, now())`,
    [tenantId, sha256(text), text, user],
  )
  await look(`insert into provider_names (name, tenant_id, provider) values ('acme', $1, 'acme')`, [tenantId])
  const saved = await owner.post('/api/v1/policies', { text: POLICY })
  expect([saved.status, saved.body.errors]).toEqual([201, []])
  expect((await owner.post(`/api/v1/policies/${saved.body.version}/activate`, {})).status).toBe(200)
  const stored = await owner.post('/api/v1/authorizations', {
    ...{ provider: 'acme', method: 'api_key' },
    fields: { api_key: `key-${randomBytes(12).toString('hex')}` },
  })
  expect([stored.status, stored.body.code, typeof stored.body.connection_id]).toEqual([201, undefined, 'string'])
  const [agent] = await look<{ id: string }>('select id from agents limit 1')
  const grant = await owner.post('/api/v1/grants', {
    ...{ agent_id: agent?.id, connection_id: stored.body.connection_id },
    rules: [{ effect: 'allow' }],
  })
  expect([grant.status, grant.body.code]).toEqual([201, undefined])
}

function startProxy(env: Record<string, string>): Promise<RunningProxy> {
  const child = spawn(process.execPath, [cli, 'serve', '--roles', 'proxy', '--json'], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const lines: Line[] = []
  const other: string[] = []
  createInterface({ input: child.stderr }).on('line', (text) => {
    const said = JSON.parse(text) as Line & { message: string }
    if (said.message !== 'proxy') return void other.push(text)
    const { request_id, run_id, outcome, policy_version } = said
    lines.push({ request_id, run_id, outcome, policy_version })
  })
  const end = async (signal: 'SIGKILL' | 'SIGTERM') => {
    child.kill(signal)
    await ended
  }
  onTestFinished(() => end('SIGTERM'))
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (text) => {
      if (text.startsWith('{"ready":true'))
        resolve({ port: Number(new URL((JSON.parse(text) as { url: string }).url).port), lines, end })
    })
    void ended.then(() => reject(new Error(`The proxy ended: ${other.join('\n')}`)))
  })
}

/** null: nobody is there, or nobody may come in just now. */
async function openTunnel(port: number, target: string, run: Run): Promise<TLSSocket | null> {
  const socket = netConnect({ host: '127.0.0.1', port })
  socket.on('error', () => undefined)
  const auth = Buffer.from(`run:${run.token}`).toString('base64')
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\nProxy-Authorization: Basic ${auth}\r\n\r\n`)
  const head = await headOf(socket).catch(() => '')
  if (!head.startsWith('HTTP/1.1 200')) {
    socket.destroy()
    await new Promise((resolve) => void setTimeout(resolve, 20))
    return null
  }
  return new Promise((resolve) => {
    const secured = tlsConnect({ socket, ca: run.ca, servername: HOST, ALPNProtocols: ['http/1.1'] }, () => resolve(secured))
    secured.on('error', () => undefined)
    secured.once('close', () => resolve(null))
  })
}

/** True: no number is left. False: this socket is of no use any more. */
async function sendOn(socket: TLSSocket, target: string, numbers: Iterator<number>, leaves: () => boolean): Promise<boolean> {
  let text = ''
  let heard: (isWhole: boolean) => void = () => undefined
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
    const end = text.indexOf('\r\n\r\n')
    const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? Number.NaN)
    if (end < 0 || text.length < end + 4 + length) return
    text = ''
    heard(true)
  })
  socket.once('close', () => heard(false))
  for (;;) {
    const next = numbers.next()
    if (next.done) return true
    const answered = new Promise<boolean>((resolve) => {
      heard = resolve
    })
    // Each eighth is one that waits for the commit of its event.
    const method = next.value % 8 === 0 ? 'POST' : 'GET'
    const body = method === 'POST' ? '{"n":1}' : ''
    const framed = body === '' ? '' : `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`
    socket.write(`${method} /n/${next.value} HTTP/1.1\r\nHost: ${target}\r\n${framed}\r\n${body}`)
    if (leaves()) {
      // Somewhere between its head and the last byte of its answer.
      for (let turn = (next.value * 7) % 40; turn > 0; turn--) await new Promise((resolve) => void setImmediate(resolve))
      return false
    }
    if (!(await answered)) return false
  }
}

async function openService(tls: { cert: string; key: string }, most: number): Promise<{ port: number; reached: Uint8Array }> {
  /** How often each number came. */
  const reached = new Uint8Array(most)
  const sockets = new Set<Socket>()
  const server = createServer(tls, (request, answer) => {
    const n = Number(request.url?.slice('/n/'.length))
    reached[n] = (reached[n] ?? 0) + 1
    request.resume()
    request.on('end', () => answer.setHeader('content-type', 'application/json').end('{"ok":true}'))
  })
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of sockets) socket.destroy()
    await closed
  })
  return { port: (server.address() as AddressInfo).port, reached }
}
