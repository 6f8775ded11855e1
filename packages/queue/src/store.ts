// The way to the database: a pool of the caller's or of our own, READ COMMITTED for the engine whatever the role's default is, and
// patience while the store is away. Never ends the process over a lost connection (Q97) and never changes a setting of a caller's session.
import pg from 'pg'
import { asQueueError, isDatabaseError, isStoreAway, isTakenBack } from './error.ts'
import type { Clock, Log } from './host.ts'
import { endReadCommitted, readCommitted } from './sql.ts'

/** Anything that runs a statement: a pg Client, PoolClient or Pool, or the server's transaction. */
export type Queryable = { query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }> }

export type DatabaseOption = pg.Pool | { url: string; max?: number }

export type Store = Queryable & {
  /** How to open the connection that listens. */
  readonly config: pg.ClientConfig
  /** One transaction of our own, in READ COMMITTED; whatever `work` throws rolls it back. */
  transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T>
  /** Repeats a call until it succeeds or fails for a reason of its own; gives up when `signal` says so. */
  insist<T>(fn: () => Promise<T>, signal?: AbortSignal): Promise<T>
  close(): Promise<void>
}

/** How often a statement is said that PostgreSQL took back for the sake of others. */
const MOST_AGAIN = 5
const FIRST_MS = 50
const LONGEST_MS = 5_000

/** 50 ms to 5 s, doubling, from half to the whole of it. */
export const retryMs = (failures: number): number =>
  Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 10)) * (0.5 + Math.random() / 2)

export function openStore(database: DatabaseOption, clock: Clock, log: Log): Store {
  const own = 'url' in database
  const pool = own
    ? new pg.Pool({ connectionString: database.url, max: database.max ?? 10, application_name: 'countersign-queue' })
    : database
  // An idle connection that breaks says so by this event; unheard, it would end the process. The error carries the whole connection, which is nothing to read in a log.
  const onError = ({ message, code }: Error & { code?: string }) =>
    log.warn({ err: { message, ...(code === undefined ? {} : { code }) } }, 'an idle connection to the database broke')
  pool.on('error', onError)
  // And one that breaks in the same read that handed it to the next in line has nobody else to tell.
  if (own) pool.on('connect', (client) => void client.on('error', () => undefined))

  const query = async (text: string, values?: unknown[]) => {
    for (let failures = 1; ; failures++) {
      try {
        return await pool.query(text, values)
      } catch (error) {
        if (isDatabaseError(error) && error.code === 'QJ006') return inReadCommitted(pool, (client) => client.query(text, values))
        // A statement that is a transaction by itself was taken back whole: it may be said again (Q154).
        if (!(isTakenBack(error) && failures < MOST_AGAIN)) throw asQueueError(error)
      }
    }
  }
  const transaction = <T>(work: (tx: Queryable) => Promise<T>) => inReadCommitted(pool, work)
  const insist = async <T>(fn: () => Promise<T>, signal?: AbortSignal): Promise<T> => {
    for (let failures = 1; ; failures++) {
      try {
        return await fn()
      } catch (error) {
        if (!isStoreAway(error) || signal?.aborted) throw error
        if (failures === 1) log.warn({ err: error }, 'the database is away; trying again')
        await pause(clock, retryMs(failures), signal)
      }
    }
  }
  const close = async () => {
    // Our own pool's connections may still break while they close; only a pool of the caller's goes on without us.
    if (own) await pool.end()
    else pool.off('error', onError)
  }
  return { config: pool.options, query, transaction, insist, close }
}

/** Also for a role whose sessions begin in another isolation level. */
async function inReadCommitted<T>(pool: pg.Pool, work: (client: Queryable) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  let broken = false
  const onError = () => {
    broken = true
  }
  client.on('error', onError)
  try {
    await client.query(readCommitted)
    const answer = await work(client)
    await client.query(endReadCommitted)
    return answer
  } catch (error) {
    broken = true // ending the session rolls back, whatever state it is in
    throw asQueueError(error)
  } finally {
    client.off('error', onError)
    client.release(broken)
  }
}

/** Waits; ends early when the signal aborts. */
export function pause(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resume) => {
    if (signal?.aborted) return resume()
    const done = () => {
      cancel()
      signal?.removeEventListener('abort', done)
      resume()
    }
    const cancel = clock.timer(ms, done)
    signal?.addEventListener('abort', done)
  })
}
