// `countersign db roles --adopt` (P17): a database that one login or a superuser owns is brought to the role model in one transaction, while it serves. What is
// as it should be is not touched, so it may be repeated. Never moves a row, never takes a right from the login that serves, and gives nobody a password.
import pg from 'pg'
import { backoffMs } from '../std/backoff.ts'
import { describeServer, listOwners, type OwnerRow, type ServerRow, setAdoptLimits, setPatience } from './catalogue/sql.ts'
import catalogueJson from './catalogue.json' with { type: 'json' }
import { type Catalogue, compareGrants, type Grants, readGrants } from './catalogue.ts'
import { isRetryable } from './errors.ts'
import grantsJson from './grants.json' with { type: 'json' }
import { type Connection, clientConfig } from './pool.ts'
import { bootstrapRolesSql, ENGINE, OWNER, ROLES, RUNTIME } from './roles.ts'

type Expected = { catalogue: Catalogue; grants: Grants }
const SHIPPED: Expected = { catalogue: catalogueJson as Catalogue, grants: grantsJson as Grants }

export type Adopted = {
  /** What was done, in order; empty when everything was as it should be. */
  statements: string[]
  /** Logins that owned something and serve on as members of countersign_runtime. */
  kept: string[]
}

const TRIES = 40
const OURS = new Set(ROLES.map((role) => role.name))

/** Functions belong to the engine or to the owner, as the catalogue says; one that it does not know keeps an owner of ours. Everything else is the owner's. */
function ownerOf(object: OwnerRow, { catalogue }: Expected): string {
  if (object.kind !== 'function') return OWNER
  const known = catalogue.functions[object.name]?.owner
  return known ?? (OURS.has(object.owner) ? object.owner : object.schema === 'countersign' ? OWNER : ENGINE)
}

/** What belongs to somebody else, with the statement that mends it. */
export const ownerDifferences = (rows: readonly OwnerRow[], expected: Expected = SHIPPED) =>
  rows
    .filter((row) => row.owner !== ownerOf(row, expected))
    .map((row) => ({
      what: `The ${row.kind} ${row.name} belongs to ${row.owner}.`,
      mend: `alter ${row.kind} ${row.name} owner to ${ownerOf(row, expected)};`,
    }))

/** As an administrator: a superuser, or whoever owns it all and may make roles. */
export async function adoptRoles(url: Connection, expected: Expected = SHIPPED): Promise<Adopted> {
  const client = new pg.Client({ ...clientConfig(url), application_name: 'countersign-adopt' })
  await client.connect()
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        return await adoptOnce(client, expected)
      } catch (error) {
        await client.query('rollback')
        // A lock that did not become free: whoever serves goes on, and we try again.
        if ((!isRetryable(error) && (error as { code?: string }).code !== '55P03') || attempt === TRIES) throw error
        await new Promise<void>((resume) => setTimeout(resume, backoffMs(attempt, { firstMs: 50, maxMs: 1_000 })))
      }
    }
  } finally {
    await client.end()
  }
}

async function adoptOnce(client: pg.Client, expected: Expected): Promise<Adopted> {
  const done: string[] = []
  const run = async (statements: readonly string[]) => {
    if (statements.length > 0) await client.query(statements.join('\n'))
    done.push(...statements)
  }
  await client.query('begin')
  await client.query(setAdoptLimits)
  const { database } = (await client.query<ServerRow>(describeServer)).rows[0] as ServerRow
  const { me, superuser } = (await client.query<{ me: string; superuser: boolean }>(setPatience)).rows[0] as Me
  await client.query(bootstrapRolesSql({ database }))
  if (!superuser) await client.query(`grant ${ENGINE} to ${pg.escapeIdentifier(me)}`)
  for (const role of [OWNER, ENGINE])
    await client.query(`alter default privileges for role ${role} revoke execute on functions from public`)

  const owners = (await client.query<OwnerRow>(listOwners)).rows
  const former = [...new Set(owners.filter((one) => one.login && !one.superuser && !OURS.has(one.owner)).map((one) => one.owner))]
  const isRelation = (one: OwnerRow) => one.kind === 'table' || one.kind === 'view' || one.kind === 'sequence'
  const mends = (rows: readonly OwnerRow[]) => ownerDifferences(rows, expected).map((one) => one.mend)
  // What nobody waits for comes first, and last, under locks, what everybody does.
  await run(former.map((login) => `grant ${RUNTIME} to ${pg.escapeIdentifier(login)};`))
  await run(compareGrants(expected.grants, await readGrants(client), database).map((one) => one.mend))
  await run(mends(owners.filter((one) => one.kind !== 'function' && !isRelation(one))))
  const functions = mends(owners.filter((one) => one.kind === 'function'))
  const schemas = [...new Set(owners.filter((one) => one.kind === 'function').map((one) => pg.escapeIdentifier(one.schema)))]
  // Whoever is no superuser hands a function only to a role that might have made it there; it may for as long as that takes.
  const isOpened = !superuser && functions.length > 0
  if (isOpened) for (const schema of schemas) await client.query(`grant create on schema ${schema} to ${OWNER}, ${ENGINE}`)
  await run(functions)
  const relations = owners.filter((one) => isRelation(one) && one.owner !== ownerOf(one, expected))
  if (relations.some((one) => one.kind === 'table')) await closeTheGate(client, relations)
  await run(mends(relations))
  if (isOpened) for (const schema of schemas) await client.query(`revoke create on schema ${schema} from ${ENGINE}`)
  await run(compareGrants(expected.grants, await readGrants(client), database).map((one) => one.mend))
  // The way in that an administrator needed to hand things over is shut behind it.
  if (!superuser) for (const role of [OWNER, ENGINE]) await client.query(`revoke ${role} from ${pg.escapeIdentifier(me)}`)
  await client.query('commit')
  return { statements: done, kept: former }
}

type Me = { me: string; superuser: boolean }

// Every request begins by asking who asks: with these tables locked first the next ones wait there, and those under way run to their end.
const GATE = ['countersign.session_tokens', 'countersign.key_tokens']
const DRAIN_MS = 250

async function closeTheGate(client: pg.Client, relations: readonly OwnerRow[]): Promise<void> {
  const tables = relations.filter((one) => one.kind === 'table').map((one) => one.name)
  const gate = GATE.filter((name) => tables.includes(name))
  if (gate.length > 0) {
    await client.query(`lock table ${gate.join(', ')} in access exclusive mode`)
    await new Promise<void>((resume) => setTimeout(resume, DRAIN_MS))
  }
  await client.query(`lock table ${tables.join(', ')} in access exclusive mode`)
}
