// Two engines behind the same function names: the ring, and the oracle in which every job is a row (Q79). Each test run migrates one template of
// either and clones it for each program. Sessions are real connections of one plain login; the superuser looks and breaks, never does.
import pg from 'pg'
import { inject, onTestFinished, TestRunner } from 'vitest'
import { migrate } from '../src/migrate.ts'

export type Which = 'ring' | 'oracle'

/** What a call came to: its answer, or the error that it raised. */
export type Told = { answer: unknown; code: null } | { answer: null; code: string; message: string; detail: string }

export type Session = {
  readonly pid: number
  /** One function of the engine: `call('job($1::text)', [id])`. */
  call(text: string, values?: readonly unknown[]): Promise<Told>
  /** Throws what the call raised. */
  get<T>(text: string, values?: readonly unknown[]): Promise<T>
  /** Any statement, on this connection and in its transaction. */
  run(text: string): Promise<unknown[]>
}

export type Engine = {
  readonly which: Which
  readonly url: string
  /** The superuser's url of the same database. */
  readonly adminUrl: string
  session(n: number): Session
  open(options?: { patienceMs: number }): Promise<Session>
  /** Ends the connection of a session as a crash of its process would, and puts a new one in its place. */
  kill(n: number): Promise<void>
  /** Ends every session at once and opens new ones, as a server that starts again does to its clients. */
  restart(): Promise<void>
  /** As the superuser. */
  look<T>(text: string, values?: readonly unknown[]): Promise<T[]>
  lookOne<T>(text: string, values?: readonly unknown[]): Promise<T>
  /** Moves the database's own clock. */
  advance(minutes: number): Promise<void>
  /** As freshly installed, but for numbers, time and what history keeps: cheaper than a clone. Ends what sessions left open. */
  empty(): Promise<void>
  /** Ends the sessions, so that the database's statistics are complete. */
  rest(): Promise<void>
  close(): Promise<void>
}

// A step of the program that would wait is taken back on both engines, so nobody waits for long unless a test asks for patience.
const PATIENCE_MS = 100
const OPTIONS = '-c statement_timeout=20000 -c synchronous_commit=off'

const EMPTY = `
  set session_replication_role = replica;
  ${[
    'ring',
    'claims',
    'closures',
    'tombstones',
    'lanes',
    'quiets',
    'prunings',
    'callbacks',
    'jobs',
    'workers',
    'queues',
    'kinds',
    'schedules',
  ]
    .map((table) => `delete from countersign_queue.${table};`)
    .join('\n')}
  delete from countersign_queue.generations;
  insert into countersign_queue.generations values (16, countersign_queue.now());
  set session_replication_role = origin`

type Template = { name: string; role: string; password: string }
const templates = new Map<string, Promise<Template>>()

/** A clone of a freshly installed engine, closed and dropped after the test. `change` is applied to a template of its own, made once. */
export async function openEngine(
  which: Which,
  options: { sessions?: number; patienceMs?: number; change?: { name: string; apply(admin: pg.Client): Promise<void> } } = {},
): Promise<Engine> {
  const kind = `${which} ${options.change?.name ?? ''}`
  let made = templates.get(kind)
  if (!made) {
    made = makeTemplate(which, options.change?.apply)
    templates.set(kind, made)
  }
  return openClone(which, await made, options.sessions ?? 10, options.patienceMs ?? PATIENCE_MS)
}

async function makeTemplate(which: Which, apply?: (admin: pg.Client) => Promise<void>): Promise<Template> {
  const password = crypto.randomUUID()
  const name = `prop_${crypto.randomUUID().replaceAll('-', '').slice(0, 12)}`
  const admin = await connect(inject('pg').adminUrl)
  try {
    await admin.query(`create role ${name} login password '${password}'`)
    await admin.query(`create database ${name} owner ${name}`)
    await migrate(urlOf(name, name, password), { testClock: true, ring: which === 'ring' })
    if (apply) {
      const inside = await connect(adminUrlOf(name))
      try {
        await apply(inside)
      } finally {
        await inside.end()
      }
    }
  } finally {
    await admin.end()
  }
  return { name, role: name, password }
}

async function openClone(which: Which, template: Template, count: number, patienceMs: number): Promise<Engine> {
  const name = `pc_${crypto.randomUUID().replaceAll('-', '').slice(0, 12)}`
  const root = await connect(inject('pg').adminUrl)
  await root.query(`create database ${name} template ${template.name} owner ${template.role} strategy file_copy`)
  const url = urlOf(name, template.role, template.password)
  const adminUrl = adminUrlOf(name)
  const admin = await connect(adminUrl)
  const open = () => openSession(url, patienceMs)
  const sessions = await Promise.all(Array.from({ length: count }, open))
  const extra: OpenSession[] = []
  let offset = 0
  const at = (n: number) => {
    const session = sessions[n]
    if (!session) throw new Error(`no session ${n}`)
    return session
  }
  const look = async <T>(text: string, values: readonly unknown[] = []) => (await admin.query(text, [...values])).rows as T[]
  let resting: Promise<unknown> | undefined
  const rest = async () => {
    resting ??= Promise.all([...sessions, ...extra].map((one) => one.end()))
    await resting
  }
  let closing: Promise<void> | undefined
  const close = () => {
    closing ??= (async () => {
      await rest()
      await admin.end()
      await root.query(`drop database ${name} with (force)`)
      await root.end()
    })()
    return closing
  }
  if (TestRunner.getCurrentTest()) onTestFinished(close)
  return {
    which,
    url,
    adminUrl,
    session: at,
    async open(options) {
      const one = await openSession(url, options?.patienceMs ?? patienceMs)
      extra.push(one)
      return one
    },
    async kill(n) {
      const { pid } = at(n)
      await admin.query('select pg_terminate_backend($1, 5000)', [pid])
      await at(n).gone
      sessions[n] = await open()
    },
    async restart() {
      await admin.query('select pg_terminate_backend(pid, 5000) from unnest($1::integer[]) pid', [sessions.map((one) => one.pid)])
      await Promise.all(sessions.map((one) => one.gone))
      sessions.splice(0, sessions.length, ...(await Promise.all(sessions.map(open))))
    },
    look,
    async lookOne<T>(text: string, values: readonly unknown[] = []) {
      const [row] = await look<T>(text, values)
      if (row === undefined) throw new Error(`no row: ${text}`)
      return row
    },
    async advance(minutes) {
      offset += minutes * 60_000
      await admin.query('select countersign_queue.set_test_offset($1)', [offset])
    },
    async empty() {
      await Promise.all(sessions.map((one) => one.run('rollback')))
      await admin.query(EMPTY)
    },
    rest,
    close,
  }
}

type OpenSession = Session & { gone: Promise<void>; end(): Promise<void> }

async function openSession(url: string, patienceMs: number): Promise<OpenSession> {
  const client = new pg.Client({ connectionString: url, options: `${OPTIONS} -c lock_timeout=${patienceMs}` })
  let isGone = false
  const gone = new Promise<void>((resolve) => {
    client.once('end', () => {
      isGone = true
      resolve()
    })
  })
  // A connection that the superuser ends says so by an event; whoever asked something is told by its own rejection.
  client.on('error', () => (isGone = true))
  await client.connect()
  const {
    rows: [{ pid }],
  } = await client.query('select pg_backend_pid() as pid')
  const call = async (text: string, values: readonly unknown[] = []): Promise<Told> => {
    try {
      const { rows } = await client.query(`select countersign_queue.${text} as answer`, [...values])
      return { answer: rows[0]?.answer ?? null, code: null }
    } catch (error) {
      const { code = '', message = '', detail = '' } = error as { code?: string; message?: string; detail?: string }
      if (code === '' && !isGone) throw error
      return { answer: null, code: code || 'gone', message, detail }
    }
  }
  return {
    pid,
    gone,
    call,
    async get<T>(text: string, values: readonly unknown[] = []) {
      const told = await call(text, values)
      if (told.code !== null)
        throw Object.assign(new Error(`${text}: ${told.code} ${told.message} ${told.detail}`), { code: told.code })
      return told.answer as T
    },
    run: async (text) => (await client.query(text)).rows,
    end: () => (isGone ? gone : client.end()),
  }
}

export async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client(url)
  await client.connect()
  return client
}

function urlOf(database: string, role: string, password: string): string {
  const url = new URL(inject('pg').adminUrl)
  url.username = role
  url.password = password
  url.pathname = `/${database}`
  return url.href
}

function adminUrlOf(database: string): string {
  const url = new URL(inject('pg').adminUrl)
  url.pathname = `/${database}`
  return url.href
}
