// Two control planes and two proxies as real processes over one database, each proxy at the gate of its own replica; a provider that rotates, and a service behind TLS that says
// what it was shown. What a whole installation does when a part of it dies can be seen here.
import { X509Certificate } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { expect, onTestFinished } from 'vitest'
import { makeKeyring } from '../../packages/server/src/crypto/keyring.ts'
import { parseKeyText } from '../../packages/server/src/crypto/keyring-file.ts'
import { randomToken } from '../../packages/server/src/crypto/token.ts'
import { systemScope } from '../../packages/server/src/db/scope.ts'
import { tx } from '../../packages/server/src/db/tx.ts'
import { openDnsStub } from '../../packages/server/src/egress/testing/dns-stub.ts'
import { HOST, knock } from '../../packages/server/src/main/node/testing/edge.ts'
import { makeAuthority } from '../../packages/server/src/proxy/testing/authority.ts'
import { untilClosed } from '../../packages/server/src/proxy/testing/world.ts'
import { SANDBOX_TENANT } from '../../packages/server/src/relay/sandbox/place.ts'
import { giveClient, giveProvider, oauthProvider } from '../../packages/server/src/vault/authorizations/testing/provider.ts'
import { openVendor, type Vendor } from '../../packages/server/src/vault/authorizations/testing/vendor.ts'
import { storeConnection } from '../../packages/server/src/vault/connections/store.ts'
import { type Client, clientOf } from '../harness/client.ts'
import { openServers, type Process } from '../harness/installation.ts'
import { newFolder } from '../harness/place.ts'
import { cli, start } from '../harness/process.ts'

const RULES = `permit (principal is User, action, resource);
permit (principal is Agent, action == Action::"proxy.request", resource) when { context.grant.mode == "allow" };`

export type Run = { token: string; ca_pem: string }
export type Called = { status: number; text: string }

/** In order: what the vault believes is there, what the provider takes next. */
export type Tokens = { access: string; refresh: string; issued: string[] }

/** `lifeSeconds`: for how long the first token is good still, out of an hour. `proxies: 0` where nobody calls out. */
export async function openReplicas({ lifeSeconds, proxies = 2 }: { lifeSeconds: number; proxies?: 0 | 2 }) {
  const folder = newFolder()
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const [vendor, service, dns] = await Promise.all([
    openVendor(),
    openService(),
    openDnsStub((name, type) => ({ records: type === 'A' && name === HOST ? [{ address: '127.0.0.1' }] : [] })),
  ])
  onTestFinished(() => dns.close())
  const gateOf = (n: number) => join(folder, `gate-${n}`, 'socket')
  const installation = await openServers({
    servers: 2,
    env: { COUNTERSIGN_EGRESS_ALLOW: `127.0.0.1:${vendor.port}`, COUNTERSIGN_EGRESS_LITERALS: '1' },
    envOf: (n) => ({ COUNTERSIGN_GATE_LISTEN: `unix:${gateOf(n)}` }),
  })
  const { data, home, servers } = installation
  const owner = await installation.owner(servers[0] as Process)
  const bearer = await installation.agentKey('traveller')
  const agent = clientOf((servers[0] as Process).url, { bearer })
  const agentId = (await agent.get('/api/v1/agents/self')).body.agent.id as string

  const { id: tenantId } = await data.admin.one<{ id: string }>`select id from tenants where id <> ${SANDBOX_TENANT}::uuid`
  const { id: userId } = await data.admin.one<{ id: string }>`select id from users`
  const keyring = makeKeyring(parseKeyText(readFileSync(join(home, 'keys', 'root.key'), 'utf8'), 'root.key'))
  const house = { db: data.db, keyring, admin: data.admin, tenantId, server: { identity: { db: data.db, keyring } } }
  const definition = { ...oauthProvider(vendor), hosts: [{ host: HOST, port: service.port }] }
  await giveProvider(house as never, definition)
  await giveClient(house as never, 'acme')
  await data.admin.run`insert into policies (version, tenant_id, text, origin, saved_by, saved_at)
    values (100, ${tenantId}::uuid, ${RULES}::text, 'saved', 'test', countersign.now())`
  await data.admin.run`insert into policy_activations (ordinal, tenant_id, version, activated_by, activated_at)
    values (100, ${tenantId}::uuid, 100, 'test', countersign.now())`

  const tokens: Tokens = { access: randomToken(), refresh: randomToken(), issued: [] }
  const { id: clientId } = await data.admin.one<{ id: string }>`select id from clients`
  const scope = systemScope('test', tenantId)
  const connection = await tx(data.db, scope, (t) =>
    storeConnection({ db: data.db, keyring }, t, scope, {
      ...{ provider: 'acme', version: 1, belongs: { owner: userId }, method: 'code', clientId, scopes: ['read'] },
      material: { access_token: tokens.access, refresh_token: tokens.refresh },
      expiresAt: new Date(t.now.getTime() + lifeSeconds * 1_000),
      refreshAt: null,
    }),
  )
  await data.admin.run`update connections set obtained_at = expires_at - interval '1 hour'`
  const grant = await owner.post('/api/v1/grants', {
    ...{ agent_id: agentId, connection_id: connection.id },
    rules: [{ effect: 'allow' }],
  })
  expect([grant.status, grant.body.code]).toEqual([201, undefined])

  const trust = join(folder, 'trust.json')
  writeFileSync(join(folder, 'origin.pem'), service.ca)
  writeFileSync(trust, JSON.stringify([{ host: HOST, port: service.port, ca_file: 'origin.pem' }]), { mode: 0o600 })
  const gate = new X509Certificate(readFileSync(join(home, 'keys', 'gate.pem'))).fingerprint256.replaceAll(':', '').toLowerCase()
  mkdirSync(join(folder, 'proxy'))

  /** A proxy at the gate of the replica of this number. */
  async function proxy(n: number): Promise<number> {
    const file = join(folder, `proxy-${n}.pem`)
    const own = { HOME: folder, COUNTERSIGN_HOME: join(folder, 'proxy') }
    const made = start(process.execPath, [cli, 'proxy', 'enroll', '--file', file, '--json'], { env: own })
    expect([(await made.ended).code, made.stderr()]).toEqual([0, ''])
    const { fingerprint } = JSON.parse(made.stdout()) as { fingerprint: string }
    const enrolled = await owner.post('/api/v1/proxy/nodes', { fingerprint, name: `proxy ${n}` })
    expect([enrolled.status, enrolled.body.code]).toEqual([201, undefined])
    const running = start(process.execPath, [cli, 'serve', '--roles', 'proxy', '--json'], {
      env: {
        ...own,
        COUNTERSIGN_ENVIRONMENT: 'development',
        COUNTERSIGN_LOG_LEVEL: 'warn',
        COUNTERSIGN_DATABASE_URL: data.urlOf('countersign_run_proxy'),
        COUNTERSIGN_PROXY_LISTEN: '127.0.0.1:0',
        COUNTERSIGN_PROXY_NODE: enrolled.body.id,
        COUNTERSIGN_PROXY_NODE_FILE: file,
        COUNTERSIGN_GATE_ADDRESS: `unix:${gateOf(n)}`,
        COUNTERSIGN_GATE_FINGERPRINT: gate,
        COUNTERSIGN_EGRESS_DNS_SERVERS: `127.0.0.1:${dns.port}`,
        COUNTERSIGN_EGRESS_ALLOW: `${HOST}:${service.port}`,
        COUNTERSIGN_PROXY_TRUST_FILE: trust,
        // Of a machine that stands still for a second nothing is told here.
        COUNTERSIGN_PROXY_STALE_AFTER: '10s',
      },
    })
    const { url } = JSON.parse(await running.line(/^\{"ready":true/)) as { url: string }
    return Number(new URL(url).port)
  }
  const ports: number[] = []
  for (let n = 0; n < proxies; n++) ports.push(await proxy(n))

  return {
    ...installation,
    ...{ vendor, owner, agent, tokens, ports, seen: service.seen, connectionId: connection.id, grantId: grant.body.id as string },
    async openRun(): Promise<Run> {
      const opened = await agent.post('/api/v1/runs', { purpose: 'a test' })
      expect([opened.status, opened.body.code]).toEqual([201, undefined])
      return opened.body as Run
    },
    /** One request through the proxy of this number; the answer ends the connection. */
    async call(n: number, run: Run, path: string): Promise<Called> {
      const target = `${HOST}:${service.port}`
      const { status, socket } = await knock(ports[n] as number, target, run.token)
      if (status !== 200) return { status, text: '' }
      const secured = connect({ socket, ca: run.ca_pem, servername: HOST, ALPNProtocols: ['http/1.1'] })
      secured.write(`GET ${path} HTTP/1.1\r\nHost: ${target}\r\nConnection: close\r\n\r\n`)
      const text = await untilClosed(secured)
      return { status: Number(text.slice(9, 12)), text }
    },
    read: async (by: Client = owner) => (await by.get(`/api/v1/connections/${connection.id}`)).body,
    events: async () =>
      (await data.admin.rows<{ type: string }>`select type from events where type like 'connection.%' order by ord`).map(
        ({ type }) => type,
      ),
  }
}

/** Each refresh token is good once, and an old one is refused, as a provider that rotates does. */
export function rotating(vendor: Vendor, tokens: Tokens): void {
  vendor.at('/token', ({ form }) => {
    if (form.refresh_token !== tokens.refresh) return { status: 400, json: { error: 'invalid_grant' } }
    tokens.refresh = randomToken()
    tokens.access = randomToken()
    tokens.issued.push(tokens.access)
    return { json: { access_token: tokens.access, refresh_token: tokens.refresh, token_type: 'Bearer', expires_in: 3_600 } }
  })
}

type Service = { port: number; ca: string; seen: { url: string; authorization: string | undefined }[] }

async function openService(): Promise<Service> {
  const origin = await makeAuthority('aut_origin')
  const seen: Service['seen'] = []
  const sockets = new Set<Socket>()
  const server = createServer(await origin.issue([HOST]), ({ url = '', headers }, answer) => {
    seen.push({ url, authorization: headers.authorization })
    answer.setHeader('content-type', 'text/plain').end(`seen ${url}`)
  })
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of sockets) socket.destroy()
    await closed
  })
  return { port: (server.address() as AddressInfo).port, ca: origin.certificate, seen }
}
