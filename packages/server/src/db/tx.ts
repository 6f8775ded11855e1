// One transaction for one scope: the tenant, the principal and the limits are set local to it in the round trip that opens it (P3).
// Never sets anything on a session, never reaches outside the process while a transaction is open, never hides an error it does not know.

import { AsyncLocalStorage } from 'node:async_hooks'
import pg from 'pg'
import { backoffMs } from '../std/backoff.ts'
import { type Clock, systemClock } from '../std/clock.ts'
import type { Log } from '../std/log.ts'
import { asProblem, isRetryable, isStalePlan, storeUnavailable } from './errors.ts'
import { type Listen, openListen } from './listen.ts'
import { type Connection, greetedBy, openPool } from './pool.ts'
import { openStatements, type Prepare, type Statements } from './prepared.ts'
import type { Scope } from './scope.ts'
import { type Sql, sql } from './sql.ts'

export type Tx = {
  /** The one time of this transaction: the database's, to the millisecond. */
  readonly now: Date
  rows<T>(strings: TemplateStringsArray, ...values: unknown[]): Promise<T[]>
  /** Exactly one row; anything else is a bug. */
  one<T>(strings: TemplateStringsArray, ...values: unknown[]): Promise<T>
  maybe<T>(strings: TemplateStringsArray, ...values: unknown[]): Promise<T | null>
  /** How many rows the statement touched. */
  run(strings: TemplateStringsArray, ...values: unknown[]): Promise<number>
  /** For @countersign/queue, which writes its own statements. */
  // biome-ignore lint/suspicious/noExplicitAny: the driver's own shape, which the queue package takes from any driver
  query(text: string, values?: unknown[]): Promise<{ rows: any[]; rowCount: number }>
  /** After COMMIT the waiters on this topic look again: those of this process at once, others by NOTIFY. It only shortens a wait. */
  wake(topic: string): void
  afterCommit(fn: () => void): void
  /** What follows rows of the record in their own transaction; undefined where main wired nothing. */
  readonly fanOut: FanOut | undefined
}

/** Handed to db by main, carried by every transaction, called by whoever writes the record: it never learns who listens. */
export type FanOut = {
  /** A scalar that the insert of the rows answers beside them, so that who has no listener pays no statement of its own. */
  wanted(scope: Scope): Sql
  follow(t: Tx, scope: Scope, told: readonly { readonly id: string; readonly body: string }[]): Promise<void>
}

export type Db = {
  readonly pool: pg.Pool
  readonly listen: Listen
  readonly clock: Clock
  /** The time of the database, as near as its last transaction told it: for what outlives this process and has no transaction at hand. */
  now(): Date
  /** By how much the database's clock is ahead of `clock`; each transaction tells it anew. */
  aheadMs: number
  readonly log: Log | undefined
  readonly statementTimeoutMs: number
  readonly statements: Statements
  /** Set once, by main, before anything is served. */
  fanOut: FanOut | undefined
  /** Which transaction a call is made inside of, where that is looked at. */
  readonly inside: AsyncLocalStorage<{ is: boolean }> | null
  close(): Promise<void>
}

export type DbOptions = {
  url: Connection
  /** Connections of the pool. */
  max?: number
  /** false: no LISTEN connection; a URL: LISTEN there, because the other goes through a pooler. */
  listen?: boolean | string
  /** web 15 s, worker 60 s, maintenance 300 s (P3) */
  statementTimeoutMs?: number
  /** `auto`: named statements, unless a pooler is noticed (default). `off`: unnamed ones. */
  prepare?: Prepare
  /** true: a transaction that is opened inside another throws. Each would keep a connection while it waits for the next, and many of them for ever. */
  strict?: boolean
  clock?: Clock
  log?: Log
}

/**
 * Thrown inside of a transaction by who lacks something that lies outside of this process, such as an answer of a KMS: the transaction is rolled back,
 * `work` runs while none is open, and the transaction begins again.
 */
export class OutsideFirst extends Error {
  readonly work: () => Promise<void>
  constructor(work: () => Promise<void>) {
    super('This transaction needs something from outside first.')
    this.name = 'OutsideFirst'
    this.work = work
  }
}

/** `holds`: locks that are taken in the round trip that opens it, in this order; what the transaction reads then is read after them. Their values are texts. */
export type TxOptions = { readOnly?: boolean; isolation?: 'repeatable read'; holds?: readonly Sql[] }

const RETRIES = 3
// One for each key that a KMS has to open; more is a loop.
const OUTSIDE = 32
const LOCK_TIMEOUT_MS = 5_000
const IDLE_TIMEOUT_MS = 30_000
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export async function openDb(options: DbOptions): Promise<Db> {
  const inside = options.strict ? new AsyncLocalStorage<{ is: boolean }>() : null
  const { url, max, listen: listens = true, statementTimeoutMs = 15_000, clock = systemClock, log } = options
  const statements = openStatements(options.prepare ?? 'auto')
  const pool = openPool(url, { max })
  const listen = await openListen({
    url: listens === false ? null : listens === true ? url : listens,
    notify: (channel, payload) => pool.query('select pg_notify($1::text, $2::text)', [channel, payload]),
    log,
  })
  let closing: Promise<void> | undefined
  const close = () => {
    closing ??= listen.close().then(() => pool.end())
    // Kept on, it would go on following every promise of the process.
    inside?.disable()
    return closing
  }
  const db: Db = {
    ...{ pool, listen, clock, log, statementTimeoutMs, statements, fanOut: undefined, inside, close },
    aheadMs: 0,
    now: () => new Date(clock.now().getTime() + db.aheadMs),
  }
  return db
}

export async function tx<T>(db: Db, scope: Scope, fn: (t: Tx) => Promise<T>, options: TxOptions = {}): Promise<T> {
  refuseInside(db)
  for (let attempt = 1, outside = 0; ; attempt++) {
    try {
      return await attemptTx(db, scope, fn, options)
    } catch (error) {
      if (error instanceof OutsideFirst && outside++ < OUTSIDE) {
        await error.work()
        attempt--
        continue
      }
      if (isStalePlan(error)) db.statements.forget()
      else if (!isRetryable(error)) throw asProblem(error)
      if (attempt > RETRIES) throw asProblem(error)
      await pause(attempt)
    }
  }
}

function refuseInside({ inside }: Db): void {
  if (inside?.getStore()?.is)
    throw new Error(
      'A transaction inside another: it waits for a connection while the other keeps one. Use its own, or throw OutsideFirst.',
    )
}

const pause = (attempt: number) =>
  new Promise<void>((resume) => setTimeout(resume, backoffMs(attempt, { firstMs: 10, maxMs: 200 })))

/** One statement by itself, in one round trip: for functions of the engine, which name what they touch and need no tenant (P7). */
export async function once<T>(db: Db, statement: Sql): Promise<T[]> {
  refuseInside(db)
  for (let attempt = 1; ; attempt++) {
    try {
      return (await db.pool.query(db.statements.query(statement))).rows as T[]
    } catch (error) {
      if (isStalePlan(error) && attempt === 1) db.statements.forget()
      // It lost a race and left nothing behind; by itself it may simply run again.
      else if (isRetryable(error) && attempt <= RETRIES) await pause(attempt)
      // Without a state of PostgreSQL it is the way there that failed.
      else throw error instanceof pg.DatabaseError ? asProblem(error) : storeUnavailable(error)
    }
  }
}

async function attemptTx<T>(db: Db, scope: Scope, fn: (t: Tx) => Promise<T>, options: TxOptions): Promise<T> {
  const client = await db.pool.connect().catch((error: unknown) => {
    throw storeUnavailable(error)
  })
  // A connection that breaks between two statements says so only by this event; unheard, it would end the process.
  let broken: Error | undefined
  const onError = (error: Error) => {
    broken = error
  }
  client.on('error', onError)
  const open = { is: true }
  const topics = new Set<string>()
  const after: (() => void)[] = []
  try {
    const readOnly = options.readOnly === true || scope.breakGlass !== undefined
    const now = await begin(db, client, scope, { ...options, readOnly })
    const t = makeTx(db, client, now, open, topics, after)
    const result = await (db.inside ? db.inside.run(open, fn, t) : fn(t))
    if (!readOnly) await scope.beforeCommit?.(t, result)
    open.is = false
    const { command } = await client.query('commit')
    // COMMIT of an aborted transaction answers ROLLBACK: a caller who swallowed the error must not be told that it is done.
    if (command !== 'COMMIT')
      throw new Error('The transaction was rolled back: a statement in it failed and its error was swallowed.')
    client.off('error', onError)
    client.release()
    finish(db, topics, after)
    return result
  } catch (error) {
    if (open.is && !broken) {
      open.is = false
      await client.query('rollback').catch(onError)
    }
    client.off('error', onError)
    client.release(broken ?? false)
    throw broken ? storeUnavailable(broken) : error
  }
}

async function begin(db: Db, client: pg.PoolClient, scope: Scope, options: TxOptions): Promise<Date> {
  if (!UUID.test(scope.tenantId)) throw new TypeError('A scope names its tenant by a lower-case uuid.')
  const settings = {
    search_path: 'countersign, pg_temp',
    'countersign.tenant': scope.tenantId,
    'countersign.principal': scope.principal,
    // Empty where nobody of another tenant acts, so that nothing which was left on a connection could open a row.
    'countersign.relay_party': scope.relayParty ?? '',
    statement_timeout: String(db.statementTimeoutMs),
    lock_timeout: String(LOCK_TIMEOUT_MS),
    idle_in_transaction_session_timeout: String(IDLE_TIMEOUT_MS),
  }
  const mode = `${options.isolation ? ` isolation level ${options.isolation}` : ''}${options.readOnly ? ' read only' : ''}`
  const sets = Object.entries(settings).map(([name, value]) => `set_config('${name}', ${pg.escapeLiteral(value)}, true)`)
  // One simple-protocol message, so literals and not parameters: they are a checked uuid, a principal of our own making and constants.
  const holds = (options.holds ?? []).map((one) => `; ${written(one)}`)
  const answer = await client.query(
    `begin${mode}; select ${sets.join(', ')}, countersign.now() as now, pg_backend_pid() as pid${holds.join('')}`,
  )
  const [, selected] = answer as unknown as [pg.QueryResult, pg.QueryResult<{ now: Date; pid: number }>]
  const { now, pid } = selected.rows[0] as { now: Date; pid: number }
  db.statements.see(greetedBy(client), pid)
  db.aheadMs = now.getTime() - db.clock.now().getTime()
  return now
}

/** With its values in it, quoted by the driver. */
function written({ strings, values }: Sql): string {
  const literals = values.map((value) => {
    if (typeof value !== 'string') throw new TypeError('A lock is named by texts alone.')
    return pg.escapeLiteral(value)
  })
  return strings.reduce((text, part, i) => `${text}${literals[i - 1]}${part}`)
}

function makeTx(db: Db, client: pg.PoolClient, now: Date, open: { is: boolean }, topics: Set<string>, after: (() => void)[]): Tx {
  const guardOpen = () => {
    if (!open.is) throw new Error('This transaction is over.')
  }
  const query = (text: string, values?: unknown[]) => {
    guardOpen()
    return client.query(text, values)
  }
  const run = (strings: TemplateStringsArray, values: unknown[]) => {
    guardOpen()
    return client.query(db.statements.query(sql(strings, ...values)))
  }
  return {
    now,
    rows: async <T>(strings: TemplateStringsArray, ...values: unknown[]) => (await run(strings, values)).rows as T[],
    one: async <T>(strings: TemplateStringsArray, ...values: unknown[]) => {
      const { rows } = await run(strings, values)
      if (rows.length !== 1) throw new Error(`Expected one row, got ${rows.length}: ${strings.join('…').trim().slice(0, 120)}`)
      return rows[0] as T
    },
    maybe: async <T>(strings: TemplateStringsArray, ...values: unknown[]) => {
      const { rows } = await run(strings, values)
      if (rows.length > 1)
        throw new Error(`Expected at most one row, got ${rows.length}: ${strings.join('…').trim().slice(0, 120)}`)
      return (rows[0] as T | undefined) ?? null
    },
    run: async (strings, ...values) => (await run(strings, values)).rowCount ?? 0,
    query: async (text, values) => {
      const { rows, rowCount } = await query(text, values)
      return { rows, rowCount: rowCount ?? 0 }
    },
    wake: (topic) => void topics.add(topic),
    afterCommit: (fn) => void after.push(fn),
    fanOut: db.fanOut,
  }
}

function finish(db: Db, topics: Set<string>, after: (() => void)[]): void {
  if (topics.size > 0) db.listen.publish([...topics])
  for (const fn of after) {
    try {
      fn()
    } catch (error) {
      db.log?.error({ err: error }, 'what should follow a commit failed')
    }
  }
}

export type { Scope }
