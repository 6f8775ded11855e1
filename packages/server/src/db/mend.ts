// Mends what `doctor --fix` may mend (P153): rights, roles, policies and row security, by the very statements that the checks name. As the migrator, in the
// role that owns the thing, each finding in a transaction of its own. Never a table, a column, an index, a function or a row.
import pg from 'pg'
import { type Connection, clientConfig } from './pool.ts'
import { ENGINE, OWNER } from './roles.ts'

export type Mendable = { code: string; what: string; mend: string | null }
export type Mended = { code: string; what: string; statement: string; refused: string | null }

const MAY = [
  /^grant [a-z ,()_0-9]+ on [a-z]+ [^;]+ to [a-z_0-9, "]+$/i,
  /^revoke [a-z ,()_0-9]+ on [a-z]+ [^;]+ from [a-z_0-9, "]+$/i,
  /^(grant|revoke) countersign_[a-z_]+ (to|from) [a-z_0-9"]+$/i,
  /^(create|alter) role countersign_[a-z_]+ [a-z ]+$/i,
  /^alter role [a-z_0-9"]+ no[a-z ]+$/i,
  /^(create|drop) policy [^;]+$/i,
  /^alter table [a-z_.0-9"]+ (enable|force) row level security$/i,
  /^alter database [^;]+ owner to countersign_owner$/i,
]

const statementsOf = (mend: string): string[] =>
  mend
    .split(';')
    .map((one) => one.trim())
    .filter(Boolean)

/** A mend that is a sentence, or touches anything else, is a person's. */
export const isMendable = ({ mend }: Mendable): boolean =>
  mend !== null && statementsOf(mend).length > 0 && statementsOf(mend).every((one) => MAY.some((pattern) => pattern.test(one)))

export async function mendRights(migrator: Connection, findings: readonly Mendable[]): Promise<Mended[]> {
  const client = new pg.Client({ ...clientConfig(migrator), application_name: 'countersign-doctor' })
  // A connection that breaks between two statements says so only by this event; the next statement then fails.
  client.on('error', () => undefined)
  await client.connect()
  try {
    const done: Mended[] = []
    // Two checks may see one fault and name one statement.
    const seen = new Set<string>()
    for (const { code, what, mend } of findings) {
      if (mend === null || seen.has(mend) || !isMendable({ code, what, mend })) continue
      seen.add(mend)
      done.push({ code, what, statement: mend, refused: await run(client, mend) })
    }
    return done
  } finally {
    await client.end()
  }
}

const INSUFFICIENT_PRIVILEGE = '42501'
// It is there already, or gone already: the statement of another finding did it.
const DONE = ['42710', '42704']

/** Null: done. Tables are the owner's, the functions across tenants the engine's; what neither may do is an administrator's. */
async function run(client: pg.Client, mend: string): Promise<string | null> {
  let refused = ''
  for (const role of [OWNER, ENGINE, null]) {
    try {
      await client.query('begin')
      if (role) await client.query(`set local role ${role}`)
      await client.query("set local lock_timeout = '5s'")
      await client.query(mend)
      await client.query('commit')
      return null
    } catch (error) {
      await client.query('rollback')
      if (!(error instanceof pg.DatabaseError)) throw error
      if (DONE.includes(error.code ?? '')) return null
      refused = error.message
      if (error.code !== INSUFFICIENT_PRIVILEGE) return refused
    }
  }
  return `${refused}; an administrator of the database can run it`
}
