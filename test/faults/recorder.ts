// A process that sends one row at a time and is gone the moment that it is on its way: what the test of a killed proxy starts again and again.
import { dispatch } from '../../packages/server/src/db/dispatch.ts'
import { sql } from '../../packages/server/src/db/sql.ts'
import { openDb } from '../../packages/server/src/db/tx.ts'

const db = await openDb({ url: process.env.DATABASE_URL as string, listen: false, max: 1 })
// Parsed once, as it is after the first event of a proxy.
for (const id of ['first', process.env.ID as string]) {
  const { done } = await dispatch(db, sql`insert into countersign.tenants (id, name) values (gen_random_uuid(), ${id}::text)`)
  if (id === 'first') await done
}
process.kill(process.pid, 'SIGKILL')
