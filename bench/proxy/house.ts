// The control plane that a benchmark of the proxy runs against, a process of its own: PostgreSQL, a server with its gate, an agent with a connection and a grant, and what
// the benchmark has it do. Names resolve here, to loopback.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { canonical } from '../../packages/server/src/crypto/canonical.ts'
import type { Keyring } from '../../packages/server/src/crypto/keyring.ts'
import { createKeyFile } from '../../packages/server/src/crypto/keyring-file.ts'
import { findRoots } from '../../packages/server/src/crypto/keyring-source.ts'
import { sha256 } from '../../packages/server/src/crypto/token.ts'
import { type Embedded, startEmbedded } from '../../packages/server/src/db/embedded/postgres.ts'
import { migrate } from '../../packages/server/src/db/migrate.ts'
import { type Scope, systemScope } from '../../packages/server/src/db/scope.ts'
import { type Db, openDb, tx } from '../../packages/server/src/db/tx.ts'
import { openDnsStub } from '../../packages/server/src/egress/testing/dns-stub.ts'
import { createAgent } from '../../packages/server/src/identity/agent.ts'
import { createKey } from '../../packages/server/src/identity/key.ts'
import { openRing } from '../../packages/server/src/identity/keys-at-rest/root/ring.ts'
import { createTenant, createUser } from '../../packages/server/src/identity/user.ts'
import { readConfig } from '../../packages/server/src/main/config.ts'
import { newIdentity } from '../../packages/server/src/main/node/identity.ts'
import type { Handed } from '../../packages/server/src/main/node/process.ts'
import { type Server, startServer } from '../../packages/server/src/main/server.ts'
import { enrolNode } from '../../packages/server/src/proxy/enrol/node.ts'
import { openLog } from '../../packages/server/src/std/log.ts'
import { storeClient } from '../../packages/server/src/vault/clients/client.ts'
import { storeConnection } from '../../packages/server/src/vault/connections/store.ts'
import { openMaterial, type SealedRow } from '../../packages/server/src/vault/material/material.ts'
import type { Definition } from '../../packages/server/src/vault/providers/definition.ts'
import { serve } from './remote.ts'

export const HOST = 'api.acme.example'
/** Hosts of the second provider, as many as one likes. */
export const MANY = 'many.example'
const STORM = `storm.${MANY}`
const LIMITS = ['api.key', 'api.user', 'api.tenant', 'anonymous'].map((bucket) => `${bucket}=10000000/1m+1000000`).join(',')
/** As a new tenant has it: reading goes, the rest is asked for; and what a host may add. */
const RULES = `permit (principal is User, action, resource);
@id("read") permit (principal is Agent, action == Action::"proxy.request", resource)
when { context.grant.mode == "allow" && ["GET", "HEAD", "OPTIONS"].contains(context.target.method) };
@id("sink") permit (principal is Agent, action == Action::"proxy.request", resource)
when { context.grant.mode == "allow" && context.target.path == "/sink" };
@id("write") @ask("May {agent} {method} {path}?") permit (principal is Agent, action == Action::"proxy.request", resource)
when { context.target.method == "POST" && context.target.path != "/sink" };
@id("night") forbid (principal is Agent, action == Action::"proxy.request", resource) when { context.target.path like "/forbidden/*" };`

type Given = { port: number; ca: string; tokenPort: number }
export type HouseKeys = { url: string; agentKey: string; personKey: string; connectionId: string; databaseUrl: string }

const log = openLog({ level: 'error' })
const leave: (() => unknown)[] = []
type Replica = { db: Db; keyring: Keyring; server: Server }
type Stage = {
  database: Embedded
  /** Two control planes over one database, each with a gate of its own. */
  replicas: [Replica, Replica]
  server: Server
  tokenPort: number
  ownerId: string
  scope: Scope
  trust: string
  dns: string
  port: number
  admin: pg.Client
  keys: HouseKeys
}
let stage: Stage

async function open({ port, ca, tokenPort }: Given): Promise<HouseKeys> {
  const home = mkdtempSync('/tmp/countersign-bench-')
  chmodSync(home, 0o711)
  leave.push(() => rmSync(home, { recursive: true, force: true }))
  const database = await startEmbedded({ home })
  leave.push(() => database.stop())
  await migrate(database.migratorUrl)
  const { pathname } = new URL(database.runtimeUrl)
  const admin = new pg.Client({ connectionString: Object.assign(new URL(database.adminUrl), { pathname }).href })
  await admin.connect()
  leave.push(() => admin.end())
  const file = join(home, 'keys', 'root.key')
  await createKeyFile(file)
  const roots = await findRoots({
    given: `file:${file}`,
    home,
    production: false,
    variable: () => undefined,
    mayCreate: () => false,
  })
  const dns = await openDnsStub((name, type) => ({
    records: type === 'A' && name.endsWith('.example') ? [{ address: '127.0.0.1' }] : [],
  }))
  leave.push(() => dns.close())
  const start = async (name: string): Promise<Replica> => {
    const db = await openDb({ url: database.runtimeUrl, max: 20 })
    leave.push(() => db.close())
    const ring = await openRing({ db, roots, log, roles: ['web', 'worker'] })
    const config = readConfig(
      {
        COUNTERSIGN_ENVIRONMENT: 'development',
        COUNTERSIGN_PORT: '0',
        COUNTERSIGN_ROLES: 'web,worker',
        COUNTERSIGN_LIMITS: LIMITS,
        COUNTERSIGN_HOME: home,
        COUNTERSIGN_GATE_LISTEN: '127.0.0.1:0',
        COUNTERSIGN_GATE_KEY_FILE: join(home, `${name}.pem`),
        // The provider of the storm answers here.
        COUNTERSIGN_EGRESS_ALLOW: `127.0.0.1:${tokenPort}`,
        COUNTERSIGN_EGRESS_HTTP: '1',
        COUNTERSIGN_EGRESS_LITERALS: '1',
      },
      { cwd: home, isRoot: false },
    )
    const server = await startServer({ config, db, ring, log, version: 'bench', pages: null })
    leave.push(() => server.close())
    return { db, keyring: ring.keyring, server }
  }
  const replicas: Stage['replicas'] = [await start('one'), await start('two')]
  const [{ server, db, keyring }] = replicas
  const tenantId = await createTenant(server.identity, 'Bench')
  const system = systemScope('bench', tenantId)
  const person = await createUser(server.identity, system, { email: 'owner@example.com', display_name: 'Owner', role: 'owner' })
  const scope: Scope = { ...system, role: 'owner', userId: person.id }
  await admin.query('set search_path = countersign')
  await admin.query(
    'insert into policies (version, tenant_id, text, origin, saved_by, saved_at) values (100, $1, $2, $3::text, $3::text, now())',
    [tenantId, RULES, 'saved'],
  )
  await admin.query(
    'insert into policy_activations (ordinal, tenant_id, version, activated_by, activated_at) values (100, $1, 100, $2, now())',
    [tenantId, 'bench'],
  )
  const agent = await createAgent(server.identity, scope, { name: 'bench' })
  const { secret: agentKey } = await createKey(server.identity, scope, { kind: 'agt', agent_id: agent.id })
  const { secret: personKey } = await createKey(server.identity, scope, {
    ...{ kind: 'usr', name: 'bench' },
    scopes: ['connections:*', 'grants:*', 'tasks:*', 'runs:*'],
  })
  const secret = `canary-${crypto.randomUUID()}`
  const connect = async (name: string, host: string) => {
    await define(admin, tenantId, person.id, {
      schema: 1,
      name,
      kind: 'custom',
      display_name: name,
      hosts: [{ host, port }],
      methods: ['api_key'],
      api_key: { fields: [{ name: 'api_key', label: 'Key', secret: true }] },
      inject: [{ where: 'header', name: 'authorization', template: 'Bearer {{api_key}}' }],
      env: { [`${name.toUpperCase()}_API_KEY`]: 'api_key' },
    })
    const row = await tx(db, system, (t) =>
      storeConnection({ db, keyring }, t, system, {
        ...{ provider: name, version: 2, belongs: { owner: person.id }, method: 'api_key' },
        material: { api_key: secret },
      }),
    )
    return row.id
  }
  const connectionId = await connect('alpha', HOST)
  const manyId = await connect('many', `*.${MANY}`)
  writeFileSync(join(home, 'origin.pem'), ca)
  const trust = join(home, 'trust.json')
  const trusted = [HOST, `*.${MANY}`].map((host) => ({ host, port, ca_file: 'origin.pem' }))
  writeFileSync(trust, JSON.stringify(trusted), { mode: 0o600 })
  const keys = { url: server.url, agentKey, personKey, connectionId, databaseUrl: database.runtimeUrl }
  stage = {
    ...{ database, replicas, tokenPort, ownerId: person.id },
    server,
    scope,
    trust,
    dns: `127.0.0.1:${dns.port}`,
    port,
    admin,
    keys,
  }
  agentId = agent.id
  for (const id of [connectionId, manyId]) await verbs.grant(id)
  return keys
}

let agentId = ''

async function define(admin: pg.Client, tenantId: string, by: string, definition: Definition): Promise<void> {
  const text = canonical(definition)
  await admin.query(
    'insert into providers (name, tenant_id, version, overrides, created_by, created_at) values ($1, $2, 2, false, $3, now())',
    [definition.name, tenantId, by],
  )
  await admin.query(
    `insert into definitions (provider, tenant_id, version, digest, source, definition, state, proposed_by, proposed_at)
     values ($1, $2, 2, $3, $4::text, $4::text::jsonb, 'active', $5, now())`,
    [definition.name, tenantId, sha256(text), text, by],
  )
  await admin.query('insert into provider_names (name, tenant_id, provider) values ($1::text, $2, $1::text)', [
    definition.name,
    tenantId,
  ])
}

async function call<T>(path: string, key: string, body?: object, method = 'POST'): Promise<T> {
  const answer = await fetch(`${stage.server.url}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
  return JSON.parse(text) as T
}

const now = (): number => performance.timeOrigin + performance.now()

const verbs = {
  open,
  /** What a proxy process is started with. */
  async node({ name, replica = 0, settings = {} }: { name: string; replica?: 0 | 1; settings?: Record<string, string> }) {
    const { database, replicas, server, scope, dns, trust, port } = stage
    const { key, certificate, fingerprint } = await newIdentity(name)
    const { gate } = replicas[replica].server
    if (!gate) throw new Error('The gate does not listen.')
    const { id } = await enrolNode(server.identity, scope, { fingerprint, name })
    const handed: Handed = {
      databaseUrl: database.proxyUrl,
      node: id,
      identity: { key, certificate },
      gate: { address: gate.address, fingerprint: gate.fingerprint },
      egressProxy: null,
      anyPort: true,
    }
    return {
      handed,
      settings: {
        COUNTERSIGN_EGRESS_DNS_SERVERS: dns,
        COUNTERSIGN_EGRESS_ALLOW: `127.0.0.1/32:${port}`,
        COUNTERSIGN_PROXY_TRUST_FILE: trust,
        ...settings,
      },
    }
  },
  async run(): Promise<{ id: string; token: string; ca: string }> {
    const { run, token, ca_pem } = await call<{ run: { id: string }; token: string; ca_pem: string }>(
      '/runs',
      stage.keys.agentKey,
      {
        purpose: 'a benchmark',
      },
    )
    return { id: run.id, token, ca: ca_pem }
  },
  async grant(connectionId: string): Promise<string> {
    const rules = [{ effect: 'allow' }]
    return (
      await call<{ id: string }>('/grants', stage.keys.personKey, { agent_id: agentId, connection_id: connectionId, rules })
    ).id
  },
  /** Answers when its transaction is over, and when that was. */
  async revoke(grantId: string): Promise<number> {
    await call(`/grants/${grantId}/revoke`, stage.keys.personKey, {})
    return now()
  },
  async grantsOf(connectionId: string): Promise<string[]> {
    const { rows } = await stage.admin.query<{ id: string }>(
      "select id from grants where connection_id = $1 and status = 'active'",
      [connectionId],
    )
    return rows.map(({ id }) => id)
  },
  /** The click of whoever is asked next; when it was made. */
  async approveNext(): Promise<number> {
    const { admin } = stage
    for (;;) {
      const { rows } = await admin.query<{ id: string; revision: number }>(
        "select id, revision from tasks where origin = 'proxy' and status = 'open' limit 1",
      )
      const [task] = rows
      if (!task) {
        await new Promise((resume) => setTimeout(resume, 20))
        continue
      }
      const at = now()
      await call(`/tasks/${task.id}/decide`, stage.keys.personKey, { seen_revision: task.revision, type: 'accept' })
      return at
    }
  },
  /** So many times what `material` does for a connection: the milliseconds of each. */
  async resolve(times: number): Promise<number[]> {
    const { scope, keys, replicas } = stage
    const [{ db, keyring }] = replicas
    const took: number[] = []
    for (let i = 0; i < times; i++) {
      const began = performance.now()
      await tx(
        db,
        scope,
        async (t) => {
          const row =
            await t.one<SealedRow>`select id, generation, material, status, status_cause from connections where id = ${keys.connectionId}`
          return openMaterial({ db, keyring }, t, scope, row)
        },
        { readOnly: true },
      )
      took.push(performance.now() - began)
    }
    return took
  },
  /** A connection whose token has ended, granted: whoever uses it first has it renewed. */
  async expired(): Promise<void> {
    const { admin, scope, ownerId, port, tokenPort, replicas } = stage
    const [{ db, keyring }] = replicas
    const token_url = `http://127.0.0.1:${tokenPort}/token`
    await define(admin, scope.tenantId, ownerId, {
      ...{ schema: 1, name: 'storm', kind: 'app', display_name: 'Storm', hosts: [{ host: STORM, port }], methods: ['code'] },
      client: { needed: 'always', auth: 'none' },
      oauth: {
        ...{ authorization_url: token_url, token_url, pkce: 'required' },
        scopes: { default: ['read'], catalogue: { read: 'Read what you can read.' } },
      },
      inject: [{ where: 'header', name: 'authorization', template: 'Bearer {{access_token}}' }],
    })
    const id = await tx(db, scope, async (t) => {
      const client = await storeClient({ db, keyring }, t, scope, {
        ...{ provider: 'storm', clientId: 'client-1', secrets: {}, auth: 'none', redirectUris: [] },
      })
      const row = await storeConnection({ db, keyring }, t, scope, {
        ...{ provider: 'storm', version: 2, belongs: { owner: ownerId }, method: 'code', scopes: ['read'] },
        material: { access_token: crypto.randomUUID(), refresh_token: crypto.randomUUID() },
        ...{ expiresAt: new Date(t.now.getTime() - 60_000), clientId: client.id },
      })
      return row.id
    })
    await verbs.grant(id)
  },
  tellProxy: (url: string) => stage.server.tellProxy(url),
}
export type HouseProcess = typeof verbs

serve(verbs, async () => {
  for (const last of leave.splice(0).reverse()) await last()
})
