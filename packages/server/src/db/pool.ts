// The connections of one process, and how PostgreSQL's types arrive in JavaScript. Sets nothing on a session: every setting is local to a transaction.
import pg from 'pg'

export type Connection = string | pg.ClientConfig

const { builtins } = pg.types

function safeInteger(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new RangeError(`The number ${text} does not fit; select it as text.`)
  return value
}

const asText = (text: string) => text

const PARSERS = new Map<number, (text: string) => unknown>([
  [builtins.INT8, safeInteger],
  [
    1016,
    (text) =>
      text
        .slice(1, -1)
        .split(',')
        .filter(Boolean)
        .map((item) => (item === 'NULL' ? null : safeInteger(item))),
  ], // int8[]
  // A calendar date has no zone; a Date would give it one.
  [builtins.DATE, asText],
  [builtins.TIMESTAMP, asText],
])

const types = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    (format !== 'binary' && PARSERS.get(oid)) || pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
}

export function clientConfig(url: Connection): pg.ClientConfig {
  const given = typeof url === 'string' ? { connectionString: url } : url
  return { application_name: 'countersign', keepAlive: true, connectionTimeoutMillis: 5_000, ...given, types }
}

export function openPool(url: Connection, options: { max?: number } = {}): pg.Pool {
  const pool = new pg.Pool({ ...clientConfig(url), max: options.max ?? 10, idleTimeoutMillis: 30_000 })
  // An idle connection that dies is taken out of the pool; the next transaction opens another and says what is wrong, if it still is.
  pool.on('error', () => undefined)
  // Between the pool's hand and the taker's nobody listens: who waited for a connection gets it inside the very read that answered the one before,
  // and when PostgreSQL's farewell stands in that read too, it would end the process. The taker's first statement says what is wrong.
  pool.on('connect', (client) => void client.on('error', () => undefined))
  return pool
}

/** The process id that the server gave in its greeting; a pooler gives one of its own. The driver's types do not tell of it. */
export const greetedBy = (client: pg.ClientBase): number => (client as pg.ClientBase & { processID: number }).processID
