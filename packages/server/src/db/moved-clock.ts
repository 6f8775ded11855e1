// The time of a development database, moved forward: as the migrator, through the owner's table that every function of time reads. A database whose time was ever moved is
// refused in production (`db.clock`). Never moves it back.
import pg from 'pg'
import { isMovable, lockMigrations, moveClock, readMoved, startFile, testClockSql } from './migrations/sql.ts'
import { type Connection, clientConfig } from './pool.ts'

/** By how many milliseconds it is ahead; 0 where it was never moved. */
export const clockAhead = (url: Connection): Promise<number> =>
  asOwner(url, async (client) => {
    const { rows } = await client.query<{ there: boolean }>(isMovable)
    if (!rows[0]?.there) return 0
    return (await client.query<{ offset_ms: number }>(readMoved)).rows[0]?.offset_ms ?? 0
  })

/** Makes it movable when it is moved for the first time. */
export const moveClockBy = (url: Connection, ms: number): Promise<void> =>
  asOwner(url, async (client) => {
    await client.query(testClockSql)
    await client.query(moveClock, [ms])
  })

/** In one transaction, in the migrators' turn. */
async function asOwner<T>(url: Connection, fn: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ ...clientConfig(url), application_name: 'countersign-clock' })
  await client.connect()
  try {
    await client.query('begin')
    await client.query(lockMigrations)
    await client.query(startFile)
    const result = await fn(client)
    await client.query('commit')
    return result
  } finally {
    // What was not committed ends with the connection.
    await client.end()
  }
}
