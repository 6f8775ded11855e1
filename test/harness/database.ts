// A database of its own for one test, cloned from the template: the runtime login for the code under test, a superuser for looking.
import { inject, onTestFinished, TestRunner } from 'vitest'
import { openPool } from '../../packages/server/src/db/pool.ts'
import { databaseRolesSql } from '../../packages/server/src/db/roles.ts'
import { sql } from '../../packages/server/src/db/sql.ts'
import { type Db, type DbOptions, openDb } from '../../packages/server/src/db/tx.ts'
import { type Cable, layCable } from './cable.ts'
import { type MovableClock, movableClock } from './clock.ts'

/** The superuser's connection. Row security does not hold it: for looking and for breaking things, never for the code under test. */
export type Admin = {
  rows<T>(strings: TemplateStringsArray, ...values: unknown[]): Promise<T[]>
  one<T>(strings: TemplateStringsArray, ...values: unknown[]): Promise<T>
  run(strings: TemplateStringsArray, ...values: unknown[]): Promise<number>
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever it selected
  query(text: string, values?: unknown[]): Promise<{ rows: any[]; rowCount: number | null }>
}

type Pool = ReturnType<typeof openPool>

export type Database = {
  name: string
  adminUrl: string
  migratorUrl: string
  runtimeUrl: string
  /** The same database as another login of this cluster. */
  urlOf(login: string): string
  clock: MovableClock
  admin: Admin
  /** With `cable: true`: what lies between `db` and the database. */
  cable: Cable | null
  /** Opened as the runtime role. */
  db: Db
  /** Another process, as far as the database can tell. Closed with the rest. */
  open(options?: Partial<DbOptions>): Promise<Db>
  close(): Promise<void>
}

export type DatabaseOptions = {
  /** true: the roles and nothing else, for tests of the migrations themselves. */
  empty?: boolean
  /** Who the code under test connects as, instead of the runtime login: a process login of roles.ts, or `superuser` for an install without roles. */
  login?: string
  /** true: the runtime login goes through a cable that the test can pull. */
  cable?: boolean
} & Partial<Pick<DbOptions, 'listen' | 'max' | 'log' | 'statementTimeoutMs' | 'strict'>>

export async function database(options: DatabaseOptions = {}): Promise<Database> {
  const { empty = false, cable: wantsCable = false, login = process.env.COUNTERSIGN_TEST_LOGIN, ...dbOptions } = options
  const cluster = inject('pg')
  const name = empty ? await createDatabase('template1') : await takeClone()
  const adminUrl = at(cluster.adminUrl, name)
  const migratorUrl = at(cluster.migratorUrl, name)
  const own = login === 'superuser' ? cluster.adminUrl : login ? cluster.logins[login] : cluster.runtimeUrl
  if (own === undefined) throw new TypeError(`There is no login ${login}.`)
  const cable = wantsCable ? await layCable(at(own, name)) : null
  const runtimeUrl = cable?.url ?? at(own, name)
  // One connection and no more, so that a transaction that a test opens with it is where the next statement goes.
  const client = openPool({ connectionString: adminUrl, options: '-c search_path=countersign,public' }, { max: 1 })
  await client.query(databaseRolesSql(name))

  const clock = movableClock((ms) => client.query('update countersign.test_clock set offset_ms = offset_ms + $1', [ms]))
  const opened: Db[] = []
  const open = async (own: Partial<DbOptions> = {}) => {
    const db = await openDb({ url: runtimeUrl, clock, ...dbOptions, ...own })
    clock.onMove(() => db.listen.sweep())
    opened.push(db)
    return db
  }
  let closing: Promise<void> | undefined
  const close = () => {
    closing ??= (async () => {
      await Promise.all(opened.map((db) => db.close()))
      await cable?.close()
      await client.end()
      await withPool(cluster.adminUrl, (last) => last.query(`drop database if exists ${name} with (force)`))
    })()
    return closing
  }
  if (TestRunner.getCurrentTest()) onTestFinished(close)
  const db = await open(empty ? { listen: false } : {})
  const urlOf = (one: string) => at(cluster.logins[one] ?? cluster.runtimeUrl, name)
  return { name, adminUrl, migratorUrl, runtimeUrl, urlOf, clock, admin: adminOf(client), cable, db, open, close }
}

// One clone stands ready: while a test runs, PostgreSQL already copies for the next one of this worker.
let ready: Promise<string> | undefined

async function takeClone(): Promise<string> {
  const taken = ready ?? createDatabase(inject('pg').template)
  const name = await taken
  ready = createDatabase(inject('pg').template)
  ready.catch(() => {
    ready = undefined
  })
  return name
}

async function createDatabase(template: string): Promise<string> {
  const name = `t_${crypto.randomUUID().replaceAll('-', '').slice(0, 12)}`
  await withPool(inject('pg').adminUrl, async (client) => {
    await client.query(`create database ${name} template ${template} strategy file_copy`)
  })
  return name
}

function adminOf(client: Pool): Admin {
  const run = (strings: TemplateStringsArray, values: unknown[]) => {
    const statement = sql(strings, ...values)
    return client.query(statement.text, statement.values as unknown[])
  }
  return {
    rows: async <T>(strings: TemplateStringsArray, ...values: unknown[]) => (await run(strings, values)).rows as T[],
    one: async <T>(strings: TemplateStringsArray, ...values: unknown[]) => {
      const { rows } = await run(strings, values)
      if (rows.length !== 1) throw new Error(`Expected one row, got ${rows.length}.`)
      return rows[0] as T
    },
    run: async (strings, ...values) => (await run(strings, values)).rowCount ?? 0,
    query: (text, values) => client.query(text, values),
  }
}

function at(url: string, name: string): string {
  const own = new URL(url)
  own.pathname = `/${name}`
  return own.href
}

async function withPool(url: string, fn: (pool: Pool) => Promise<unknown>): Promise<void> {
  const pool = openPool(url, { max: 1 })
  try {
    await fn(pool)
  } finally {
    await pool.end()
  }
}
