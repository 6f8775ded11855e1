// What other clients call a transaction, made into what the engine takes: one statement with values in, rows out (Q84). Each adapter is the raw call that
// its library documents; none imports that library, begins or ends a transaction, or changes a setting.
import type { Queryable } from './store.ts'

// Methods, not function members: their parameters are compared both ways, so that a library's own narrower types fit without being imported.
type PostgresJs = {
  unsafe(text: string, values?: unknown[]): PromiseLike<Iterable<unknown>>
  typed(value: unknown, oid: number): unknown
}
const TEXT = 25

/**
 * postgres.js. Texts are sent as texts: it would make one that is to become JSON into JSON once more.
 * @example await sql.begin((tx) => enqueue(fromPostgresJs(tx), { kind: 'order.ship' }))
 */
export const fromPostgresJs = (sql: PostgresJs): Queryable => ({
  async query(text, values = []) {
    const sent = values.map((value) => (typeof value === 'string' ? sql.typed(value, TEXT) : value))
    return { rows: [...(await sql.unsafe(text, sent))] }
  },
})

type KyselyTransaction<Compiled> = { executeQuery(query: Compiled): Promise<{ rows: unknown[] }> }

/**
 * Kysely. `CompiledQuery` is Kysely's own.
 * @example await db.transaction().execute((trx) => enqueue(fromKysely(trx, CompiledQuery), { kind: 'order.ship' }))
 */
export const fromKysely = <Compiled>(
  trx: KyselyTransaction<Compiled>,
  compiled: { raw(text: string, values?: unknown[]): Compiled },
): Queryable => ({
  query: (text, values = []) => trx.executeQuery(compiled.raw(text, values)),
})

type DrizzleSql<Sql> = { raw(text: string): Sql; param(value: unknown): unknown; join(parts: Sql[]): Sql } & ((
  strings: TemplateStringsArray,
  ...values: unknown[]
) => Sql)

/**
 * Drizzle over pg or postgres.js. `sql` is Drizzle's own; values stay values.
 * @example await db.transaction((tx) => enqueue(fromDrizzle(tx, sql), { kind: 'order.ship' }))
 */
export const fromDrizzle = <Sql>(tx: { execute(query: Sql): PromiseLike<unknown> }, sql: DrizzleSql<Sql>): Queryable => ({
  async query(text, values = []) {
    // Odd parts are the numbers of values.
    const parts = text.split(/\$(\d+)/).map((part, n) => (n % 2 ? sql`${sql.param(values[Number(part) - 1])}` : sql.raw(part)))
    const failed = (error: Error) => Promise.reject(error.cause ?? error) // it wraps what the database said
    const answer = (await tx.execute(sql.join(parts)).then(null, failed)) as unknown[] | { rows: unknown[] }
    return { rows: Array.isArray(answer) ? [...answer] : answer.rows }
  },
})

/**
 * Prisma. An error of the engine stays Prisma's: its `meta.code` is the SQLSTATE.
 * @example await prisma.$transaction((tx) => enqueue(fromPrisma(tx), { kind: 'order.ship' }))
 */
export const fromPrisma = (tx: { $queryRawUnsafe(text: string, ...values: unknown[]): PromiseLike<unknown> }): Queryable => ({
  query: async (text, values = []) => ({ rows: (await tx.$queryRawUnsafe(text, ...values)) as unknown[] }),
})

/**
 * TypeORM: the EntityManager of a transaction, or a QueryRunner.
 * @example await dataSource.transaction((manager) => enqueue(fromTypeOrm(manager), { kind: 'order.ship' }))
 */
export const fromTypeOrm = (manager: { query(text: string, values?: unknown[]): Promise<unknown> }): Queryable => ({
  query: async (text, values) => ({ rows: (await manager.query(text, values)) as unknown[] }),
})
