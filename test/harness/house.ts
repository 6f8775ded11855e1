// The whole server on a database of its own, in this process: what main/server.ts wires, with a clock that can be moved and people who can be called.
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { drain, type Ran } from '@countersign/queue/testing'
import { onTestFinished, TestRunner } from 'vitest'
import type { Keyring } from '../../packages/server/src/crypto/keyring.ts'
import { memorySource } from '../../packages/server/src/crypto/keyring-memory.ts'
import { type Role, type Scope, systemScope } from '../../packages/server/src/db/scope.ts'
import type { Db } from '../../packages/server/src/db/tx.ts'
import type { Route } from '../../packages/server/src/http/route.ts'
import type { Pages } from '../../packages/server/src/http/static.ts'
import { createAgent } from '../../packages/server/src/identity/agent.ts'
import type { IdentityHouse } from '../../packages/server/src/identity/house.ts'
import { createKey } from '../../packages/server/src/identity/key.ts'
import { openRing, type Ring } from '../../packages/server/src/identity/keys-at-rest/root/ring.ts'
import { cookieName, startSession } from '../../packages/server/src/identity/session.ts'
import { createTenant, createUser } from '../../packages/server/src/identity/user.ts'
import { type Config, readConfig } from '../../packages/server/src/main/config.ts'
import type { Inside } from '../../packages/server/src/main/dev/desk.ts'
import { type Server, startServer } from '../../packages/server/src/main/server.ts'
import { openLog } from '../../packages/server/src/std/log.ts'
import type { Cable } from './cable.ts'
import { type Answer, type Client, clientOf } from './client.ts'
import type { MovableClock } from './clock.ts'
import { type Admin, database } from './database.ts'

/** Somebody with a session. */
export type Person = Client & { id: string; email: string; displayName: string }
/** An agent with its key. */
export type AgentCaller = Client & { id: string; key: string; keyId: string }
/** Made when first called; `person()` tells who it is. */
export type LazyPerson = Client & { person(): Promise<Person> }

export type House = {
  url: string
  server: Server
  db: Db
  admin: Admin
  cable: Cable | null
  clock: MovableClock
  tenantId: string
  keyring: Keyring
  /** The key ring of each process, in the order of their start. */
  rings: Ring[]
  given: Given
  /** Owner. */
  alice: Person
  /** Admin. */
  bob: Person
  operator: LazyPerson
  member: LazyPerson
  reviewer: LazyPerson
  auditor: LazyPerson
  viewer: LazyPerson
  /** Alice's agent. */
  agent: AgentCaller
  /** Owner of another tenant. */
  stranger: LazyPerson
  /** Without any credential. */
  nobody: Client
  /** Types of the tenant's events in order; those of the setting up are left out. */
  eventTypes(): Promise<string[]>
  /** Kinds of the jobs that wait, run or ran, in order. */
  jobKinds(): Promise<string[]>
  /** Runs what is due, one job after another, until nothing is: no worker runs by itself unless `settings.ROLES` says so. */
  runJobs(): Promise<Ran[]>
  /** Another process on the same database, by whose clock it is `aheadMs` later: `house.alice.at((await house.second()).url)`. */
  second(options?: { login?: string; settings?: Record<string, string>; aheadMs?: number }): Promise<Server>
  /** The settings of this house and more. */
  configOf(settings?: Record<string, string>): Config
  /** Its database as another login. */
  urlOf(login: string): string
  /** Every line that any of the processes logged. */
  logs: string[]
  close(): Promise<void>
}

export type Given = {
  tenant(name?: string): Promise<string>
  user(options?: { role?: Role; tenantId?: string; email?: string; displayName?: string; password?: string }): Promise<Person>
  /** `tenantId`: that of its owner, where it is another. */
  agent(options?: { owner?: Person; name?: string; scopes?: string[]; tenantId?: string }): Promise<AgentCaller>
  /** A key of `by` (alice unless said), as `POST /keys` takes it. Answers the body of the 201. */
  key(input: Record<string, unknown>, by?: Client): Promise<{ id: string; secret: string }>
  /** A task that the agent asked; answers its body. */
  task(input?: Record<string, unknown>, by?: Client): Promise<{ id: string } & Record<string, unknown>>
}

export type SetupOptions = {
  /** Settings of main/config.ts without their prefix: `{ EGRESS_ALLOW: '127.0.0.1:9000' }`. */
  settings?: Record<string, string>
  /** A built dashboard. */
  pages?: Pages | null
  /** true: `house.cable` lies between the server and its database. */
  cable?: boolean
  /** true: a transaction inside another throws. It costs every promise of the thread, so for tests that go everywhere and no others. */
  strict?: boolean
  /** Who the server connects as: see `database()`. */
  login?: string
  /** false: as in production, answers are not held against the table; only then do calls that come together share a transaction. */
  checkAnswers?: boolean
  /** true: with the agent `sandbox`, which answers where `settings.ROLES` has a worker. */
  sandbox?: boolean
  /** Is handed the rooms of each process as it starts, and may serve routes beside theirs. */
  beside?: (inside: Inside) => Route[]
}

/** Two hashes' worth of memory instead of 64 MiB: a suite signs in hundreds of times. */
const CHEAP = { memoryKib: 64, passes: 1, lanes: 1 }
// A test calls more in a second than a person in a minute. Tests of limits give their own.
const WIDE = [
  'api.key=1000000/1m+100000,api.user=1000000/1m+100000,api.tenant=1000000/1m+100000,anonymous=100000/1m+10000',
  'relay.request=0,relay.request.day=0,relay.start=0,relay.send=0,relay.token=0,relay.serve=0',
].join(',')

export async function setup(options: SetupOptions = {}): Promise<House> {
  const logs: string[] = []
  const log = openLog({ level: 'debug', sink: (line) => void logs.push(line) })
  const data = await database({
    log,
    cable: options.cable,
    strict: options.strict,
    ...(options.login ? { login: options.login } : {}),
  })
  const { db, admin, clock } = data
  const roots = { sources: [memorySource()], skipped: [], warnings: [], created: true }
  // What a process remembers beside its database; most write nothing there.
  const home = join(tmpdir(), `countersign-test-home-${crypto.randomUUID()}`)
  const settings = Object.entries({
    ENVIRONMENT: 'development',
    PORT: '0',
    ROLES: 'web,callbacks,relay',
    HOME: home,
    LIMITS: WIDE,
    ...options.settings,
  })
  const configOf = (own: Record<string, string> = {}) =>
    readConfig(Object.fromEntries([...settings, ...Object.entries(own)].map(([name, value]) => [`COUNTERSIGN_${name}`, value])), {
      cwd: process.cwd(),
      isRoot: false,
    })
  const servers: Server[] = []
  const rings: Ring[] = []
  const start = async (over: Db, own?: Record<string, string>): Promise<Server> => {
    const config = configOf(own)
    const ring = await openRing({ db: over, roots, log, roles: config.roles })
    rings.push(ring)
    const server = await startServer({
      config,
      db: over,
      ring,
      log,
      version: '0.0.0-test',
      pages: options.pages ?? null,
      passwordCost: CHEAP,
      checkAnswers: options.checkAnswers ?? true,
      sandbox: options.sandbox ?? false,
      ...(options.beside ? { beside: options.beside } : {}),
    })
    servers.push(server)
    return server
  }
  const close = async () => {
    await Promise.all(servers.splice(0).map((one) => one.close()))
    await data.close()
    rmSync(home, { recursive: true, force: true })
  }
  if (TestRunner.getCurrentTest()) onTestFinished(close)

  const server = await start(db)
  const { url, identity } = server
  const tenantId = await createTenant(identity, 'Main')
  const given = makeGiven({ url, identity, tenantId, logs })
  const [alice, bob] = await Promise.all([
    given.user({ role: 'owner', displayName: 'Alice' }),
    given.user({ role: 'admin', displayName: 'Bob' }),
  ])
  const agent = await given.agent({ owner: alice })
  const lazy = (role: Role) => lazyPerson(() => given.user({ role, displayName: role }))
  return {
    url,
    server,
    db,
    admin,
    cable: data.cable,
    clock,
    tenantId,
    keyring: server.identity.keyring,
    rings,
    given: {
      ...given,
      agent: (own = {}) => given.agent({ ...own, owner: own.owner ?? alice }),
      key: (input, by = alice) => given.key(input, by),
      task: (input, by = agent) => given.task(input, by),
    },
    alice,
    bob,
    operator: lazy('operator'),
    member: lazy('member'),
    reviewer: lazy('reviewer'),
    auditor: lazy('auditor'),
    viewer: lazy('viewer'),
    agent,
    stranger: lazyPerson(async () => given.user({ role: 'owner', tenantId: await given.tenant('Elsewhere') })),
    nobody: clientOf(url),
    eventTypes: () => listEventTypes(admin, tenantId),
    jobKinds: async () =>
      (await admin.rows<{ kind: string }>`select kind from countersign_queue.jobs order by id`).map((job) => job.kind),
    runJobs: () => drain(server.queue),
    second: async ({ login, settings: own, aheadMs = 0 } = {}) => {
      // One whose own clock is wrong by so much; what it waits for flows as for everybody.
      const wrong = { ...clock, now: () => new Date(clock.now().getTime() + aheadMs) }
      return start(await data.open({ clock: wrong, ...(login ? { url: data.urlOf(login) } : {}) }), own)
    },
    configOf,
    urlOf: data.urlOf,
    logs,
    close,
  }
}

async function listEventTypes(admin: Admin, tenantId: string): Promise<string[]> {
  const rows = await admin.rows<{ type: string }>`
    select type from events
    where tenant_id = ${tenantId}::uuid and actor_id <> ${`system:${HARNESS}`}::text
      and not (type = 'session.started' and body::jsonb @? ${`$.**.methods[*] ? (@ == "${HARNESS}")`}::jsonpath)
    order by ord`
  return rows.map((row) => row.type)
}

// What the harness itself brings about is told apart by this actor and this method of signing in, and left out of eventTypes().
const HARNESS = 'given'

type GivenHouse = { url: string; identity: IdentityHouse; tenantId: string; logs: readonly string[] }

function makeGiven({ url, identity, tenantId, logs }: GivenHouse) {
  let users = 0
  const by = (owner: Person | null, tenant: string): Scope => ({
    ...systemScope(HARNESS, tenant),
    ...(owner ? { role: 'owner', userId: owner.id } : {}),
  })
  return {
    tenant: (name = 'Test') => createTenant(identity, name),
    async user(own: Parameters<Given['user']>[0] = {}): Promise<Person> {
      const { role = 'member', tenantId: tenant = tenantId, password } = own
      users += 1
      const email = own.email ?? `${role}${users}@example.com`
      const displayName = own.displayName ?? `${role} ${users}`
      const { id } = await createUser(identity, by(null, tenant), { email, display_name: displayName, role, password })
      const { token } = await startSession(identity, tenant, { id, methods: [HARNESS] })
      const origin = identity.origin()
      return Object.assign(clientOf(url, { cookie: `${cookieName(origin)}=${token}`, origin }), { id, email, displayName })
    },
    async agent(own: { owner: Person; name?: string; scopes?: string[]; tenantId?: string }): Promise<AgentCaller> {
      const scope = by(own.owner, own.tenantId ?? tenantId)
      const { id } = await createAgent(identity, scope, { name: own.name ?? 'refund-bot' })
      const key = await createKey(identity, scope, { kind: 'agt', agent_id: id, scopes: own.scopes })
      return Object.assign(clientOf(url, { bearer: key.secret }), { id, key: key.secret, keyId: key.id })
    },
    key: async (input: Record<string, unknown>, caller: Client) =>
      made(await caller.post('/api/v1/keys', input), logs) as ShownKey,
    task: async (input: Record<string, unknown> = {}, caller: Client) =>
      made(await caller.post('/api/v1/tasks', { ...TASK, ...input }), logs) as ShownTask,
  }
}

type ShownKey = { id: string; secret: string }
type ShownTask = { id: string } & Record<string, unknown>

/** The smallest question: yes or no. */
const TASK = {
  task: 'Approve the refund?',
  payload: { amount: 40, currency: 'EUR' },
  response_schema: { type: 'object', properties: { approve: { type: 'boolean' } }, required: ['approve'] },
  timeout_seconds: 3_600,
}

function made(answer: Answer, logs: readonly string[]): unknown {
  if (answer.status !== 201)
    throw new Error(`Expected 201, got ${answer.status}: ${JSON.stringify(answer.body)}\n${logs.slice(-20).join('\n')}`)
  return answer.body
}

/** Most tests call two of the roles; the others cost them nothing. */
function lazyPerson(make: () => Promise<Person>): LazyPerson {
  let made: Promise<Person> | undefined
  const person = () => {
    made ??= make()
    return made
  }
  const client = (at: () => Promise<Client>): Client => ({
    get: async (...args) => (await at()).get(...args),
    post: async (...args) => (await at()).post(...args),
    put: async (...args) => (await at()).put(...args),
    patch: async (...args) => (await at()).patch(...args),
    delete: async (...args) => (await at()).delete(...args),
    raw: async (...args) => (await at()).raw(...args),
    at: (other) => client(async () => (await person()).at(other)),
    credential: {},
  })
  return { ...client(person), person }
}
