// The boot proof of the database (P153): one line each, with what is wrong and the statement that mends it. Looks only; mending is a person's act.
import { ownerDifferences } from './adopt.ts'
import {
  describeLogin,
  describeReach,
  describeServer,
  hasLedger,
  type LoginRow,
  listOwners,
  listRoles,
  type OwnerRow,
  type ReachRow,
  type RoleRow,
  readClock,
  type ServerRow,
  type TableRow,
  whereAmI,
} from './catalogue/sql.ts'
import catalogueJson from './catalogue.json' with { type: 'json' }
import {
  type Catalogue,
  compareCatalogue,
  compareGrants,
  type Difference,
  type Grants,
  readCatalogue,
  readGrants,
  readTables,
  tableKey,
  tenantPolicy,
} from './catalogue.ts'
import { asProblem, isStoreAway } from './errors.ts'
import grantsJson from './grants.json' with { type: 'json' }
import { compareMigrations, listMigrations, migrationLabel } from './migrate.ts'
import { type Applied, listApplied } from './migrations/sql.ts'
import { compareRoles, ROLES } from './roles.ts'
import { systemScope } from './scope.ts'
import { TABLES } from './tables.ts'
import { type Db, tx } from './tx.ts'

export type CheckCode = 'db.role' | 'db.version' | 'db.schema' | 'db.rls' | 'db.pooler' | 'db.clock' | 'db.replica'
export type CheckLine = { code: CheckCode; status: 'ok' | 'warn' | 'fail'; what: string; mend: string | null }

export type CheckOptions = {
  /** A movable clock then fails instead of warning. */
  production?: boolean
  /** false: a process that only reads may stand on a replica. */
  writes?: boolean
  /** Instead of catalogue.json and grants.json: how the database should look. */
  expected?: Expected
}

export type Expected = { catalogue: Catalogue; grants: Grants }

const SHIPPED: Expected = { catalogue: catalogueJson as Catalogue, grants: grantsJson as Grants }

const OLDEST = 150_000
// The first minors with the fixes of CVE-2024-10976 (row security below subqueries) and CVE-2025-8713 (statistics past row security).
const FLOORS: Record<number, number> = { 15: 14, 16: 10, 17: 6, 18: 0 }
const CLOCK_TOLERANCE_MS = 5_000

/** All of them, each code at least once. Throws `store_unavailable` when there is no database to look at. */
export async function checkSchema(db: Db, options: CheckOptions = {}): Promise<CheckLine[]> {
  try {
    const server = (await db.pool.query<ServerRow>(describeServer)).rows[0] as ServerRow
    return [
      ...(await checkLogin(db)),
      ...checkVersion(server),
      ...checkReplica(server, options),
      ...(await checkStructure(db, server, options.expected ?? SHIPPED)),
      ...(await checkRowSecurity(db)),
      ...(await checkPooler(db)),
      ...(await checkClock(db, server, options)),
    ]
  } catch (error) {
    throw asProblem(error)
  }
}

/** For a process whose login calls these functions and reaches nothing else (V79): it may not read what the other checks look at. */
export async function checkReach(db: Db, functions: readonly string[]): Promise<CheckLine[]> {
  try {
    const server = (await db.pool.query<ServerRow>(describeServer)).rows[0] as ServerRow
    const reach = (await db.pool.query<ReachRow>(describeReach, [functions])).rows[0] as ReachRow
    const much = reach.tables.map((table) => ({
      what: `This login may read or write ${table}.`,
      mend: 'Connect as countersign_run_proxy, which may not.',
    }))
    const little = reach.missing.map((name) => ({
      what: `The function ${name} is not there, or not for this login: the database is behind, or the login is another one.`,
      mend: 'countersign migrate',
    }))
    return [
      ...(await checkLogin(db)),
      ...checkVersion(server),
      ...checkReplica(server, {}),
      ...lines('db.schema', [...much, ...little], 'its functions, and nothing else'),
    ]
  } catch (error) {
    throw asProblem(error)
  }
}

/** `countersign db roles --check`: roles, memberships, and every right too much or too little. */
export async function checkRoles(db: Db, expected: Expected = SHIPPED): Promise<Difference[]> {
  const server = (await db.pool.query<ServerRow>(describeServer)).rows[0] as ServerRow
  const owners = (await db.pool.query<OwnerRow>(listOwners)).rows
  return [
    ...(await roleDifferences(db, server)),
    ...ownerDifferences(owners, expected),
    ...compareGrants(expected.grants, await readGrants(db.pool), server.database),
  ]
}

const ok = (code: CheckCode, what: string): CheckLine => ({ code, status: 'ok', what, mend: null })
const fail = (code: CheckCode, what: string, mend: string): CheckLine => ({ code, status: 'fail', what, mend })
const lines = (code: CheckCode, differences: readonly Difference[], otherwise: string): CheckLine[] =>
  differences.length === 0 ? [ok(code, otherwise)] : differences.map(({ what, mend }) => fail(code, what, mend))

async function roleDifferences(db: Db, server: ServerRow): Promise<Difference[]> {
  const { rows } = await db.pool.query<RoleRow>(listRoles, [ROLES.map((role) => role.name)])
  return compareRoles(rows, server)
}

async function checkLogin(db: Db): Promise<CheckLine[]> {
  const login = (await db.pool.query<LoginRow>(describeLogin)).rows[0] as LoginRow
  const other = 'Serve as countersign_runtime: put that login into DATABASE_URL.'
  // A superuser may do all that follows; one line says it better than six.
  if (login.superuser)
    return [fail('db.role', `The login ${login.login} is a superuser, so row security does not hold it.`, other)]
  const found: Difference[] = [
    ...(login.bypasses
      ? [{ what: `The login ${login.login} has BYPASSRLS.`, mend: `alter role ${login.login} nobypassrls;` }]
      : []),
    ...(login.makes_roles
      ? [
          {
            what: `The login ${login.login} may create roles or databases.`,
            mend: `alter role ${login.login} nocreaterole nocreatedb;`,
          },
        ]
      : []),
    ...(login.owned.length > 0
      ? [{ what: `The login ${login.login} owns tables (${login.owned.join(', ')}).`, mend: other }]
      : []),
    ...login.creates_in.map((place) => ({
      what: `The login ${login.login} may create objects in the ${place}.`,
      mend: `revoke create on ${place} from ${login.login};`,
    })),
    ...login.may_become.map((role) => ({
      what: `The login ${login.login} can SET ROLE to ${role}.`,
      mend: `revoke ${role} from ${login.login};`,
    })),
  ]
  return lines('db.role', found, `${login.login}: no superuser, owns nothing, creates nothing`)
}

function checkVersion({ version_number, version }: ServerRow): CheckLine[] {
  const major = Math.floor(version_number / 10_000)
  const floor = FLOORS[major] ?? 0
  if (version_number < OLDEST)
    return [fail('db.version', `PostgreSQL ${version} is too old.`, 'Upgrade to PostgreSQL 15 or later.')]
  if (version_number % 10_000 < floor)
    return [
      fail(
        'db.version',
        `PostgreSQL ${version} lacks security fixes of row security.`,
        `Upgrade to PostgreSQL ${major}.${floor} or later.`,
      ),
    ]
  return [ok('db.version', `PostgreSQL ${version}`)]
}

function checkReplica(server: ServerRow, { writes = true }: CheckOptions): CheckLine[] {
  const reason = server.in_recovery ? 'a replica in recovery' : server.read_only ? 'read-only' : null
  if (!reason) return [ok('db.replica', 'writable')]
  if (!writes) return [ok('db.replica', reason)]
  return [fail('db.replica', `The connection is ${reason}, and this process writes.`, 'Point DATABASE_URL to the primary.')]
}

async function checkStructure(db: Db, server: ServerRow, expected: Expected): Promise<CheckLine[]> {
  const differences = await migrationDifferences(db)
  if (differences.length > 0) return lines('db.schema', differences, '')
  const unlisted = (await readTables(db.pool))
    .filter((table) => !TABLES[tableKey(table.name)])
    .map((table) => ({
      what: `The table ${table.name} is in no list (db/tables.ts).`,
      mend: `alter table ${table.name} set schema public;`,
    }))
  const named = new Set(unlisted.map((one) => one.mend))
  const shape = compareCatalogue(expected.catalogue, await readCatalogue(db.pool)).filter((one) => !named.has(one.mend))
  const grants = compareGrants(expected.grants, await readGrants(db.pool), server.database)
  return lines(
    'db.schema',
    [...unlisted, ...shape, ...(await roleDifferences(db, server)), ...grants],
    `${Object.keys(expected.catalogue.tables).length} tables, every migration, every right as it should be`,
  )
}

async function migrationDifferences(db: Db): Promise<Difference[]> {
  const { rows } = await db.pool.query<{ readable: boolean | null }>(hasLedger)
  const applied = rows[0]?.readable ? (await db.pool.query<Applied>(listApplied)).rows : []
  const { pending, changed, ahead } = compareMigrations(listMigrations(), applied)
  const list = (ones: readonly { series: string; name: string }[]) => ones.map(migrationLabel).join(', ')
  return [
    ...(pending.length > 0
      ? [{ what: `The database is behind: ${list(pending)} did not run.`, mend: 'countersign migrate' }]
      : []),
    ...changed.map((one) => ({
      what: `${migrationLabel(one)} has another checksum than when it ran here.`,
      mend: 'Restore the file as it was released; put a change into a new migration.',
    })),
    ...(ahead.length > 0
      ? [
          {
            what: `The database is ahead: this version does not know ${list(ahead)}.`,
            mend: 'Start the version that migrated it, or a later one.',
          },
        ]
      : []),
  ]
}

async function checkRowSecurity(db: Db): Promise<CheckLine[]> {
  const tables = (await readTables(db.pool)).filter((table) => TABLES[tableKey(table.name)]?.kind === 'tenant')
  const { tables: described } = await readCatalogue(db.pool)
  const differences = tables.flatMap((table) => rowSecurityDifferences(table, described[table.name]?.policies ?? {}))
  return lines('db.rls', differences, `${tables.length} tenant tables under forced row security`)
}

function rowSecurityDifferences(table: TableRow, policies: Record<string, string>): Difference[] {
  const wanted = tenantPolicy(TABLES[tableKey(table.name)]?.tenantColumn ?? 'tenant_id')
  const forced = `alter table ${table.name} enable row level security; alter table ${table.name} force row level security;`
  const again = `create policy tenant on ${table.name} ${wanted};`
  // A second permissive policy widens the first. The engine's is its own, and only the engine's.
  const wider = table.policies.filter(
    (policy) => policy.name !== 'tenant' && policy.permissive && policy.roles.some((role) => role !== 'countersign_engine'),
  )
  return [
    ...(table.row_security === 'off' ? [{ what: `${table.name} has row security off.`, mend: forced }] : []),
    ...(table.row_security === 'on' ? [{ what: `${table.name} does not force row security on its owner.`, mend: forced }] : []),
    ...(policies.tenant === undefined ? [{ what: `${table.name} has no policy "tenant".`, mend: again }] : []),
    ...(policies.tenant !== undefined && policies.tenant !== wanted
      ? [
          {
            what: policies.tenant.includes(' with check ')
              ? `The policy "tenant" of ${table.name} is not the one of every tenant table.`
              : `The policy "tenant" of ${table.name} has no WITH CHECK.`,
            mend: `drop policy tenant on ${table.name}; ${again}`,
          },
        ]
      : []),
    ...wider.map((policy) => ({
      what: `The policy "${policy.name}" of ${table.name} lets ${policy.roles.join(', ')} see more than the tenant's rows.`,
      mend: `drop policy if exists ${policy.name} on ${table.name};`,
    })),
  ]
}

/** A statement pooler changes the server connection within a transaction; a session setting that leaked is still there outside of one. */
async function checkPooler(db: Db): Promise<CheckLine[]> {
  const scope = systemScope('check')
  const read = () =>
    tx(db, scope, async (t) => {
      const first = await t.query(whereAmI)
      const second = await t.query(whereAmI)
      return [first.rows[0], second.rows[0]] as { pid: number; principal: string | null }[]
    })
  const mend = 'Set the pooler to transaction mode (PgBouncer: pool_mode = transaction).'
  let seen: { pid: number; principal: string | null }[]
  try {
    seen = await read()
  } catch (error) {
    if (isStoreAway(error)) throw error
    return [fail('db.pooler', `A transaction does not hold together: ${error instanceof Error ? error.message : error}`, mend)]
  }
  const [first, second] = seen
  if (first?.pid !== second?.pid || second?.principal !== scope.principal)
    return [fail('db.pooler', 'Two statements of one transaction went to different connections.', mend)]
  const { rows } = await db.pool.query<{ principal: string | null }>(whereAmI)
  if (rows[0]?.principal)
    return [
      fail(
        'db.pooler',
        'A setting of a transaction is still there after it ended.',
        'Let the pooler reset sessions (PgBouncer: server_reset_query = DISCARD ALL), and set nothing on the role or database.',
      ),
    ]
  return [ok('db.pooler', 'transactions hold together, settings end with them')]
}

async function checkClock(db: Db, server: ServerRow, options: CheckOptions): Promise<CheckLine[]> {
  if (server.test_clock) {
    const line = fail(
      'db.clock',
      'The time of this database can be moved: it was made for tests.',
      'Use a database of its own for serving.',
    )
    return [options.production ? line : { ...line, status: 'warn' }]
  }
  const before = db.clock.now().getTime()
  const { rows } = await db.pool.query<{ now: Date }>(readClock)
  const after = db.clock.now().getTime()
  const database = (rows[0] as { now: Date }).now.getTime()
  const apart = Math.max(before - database, database - after, 0)
  if (apart <= CLOCK_TOLERANCE_MS) return [ok('db.clock', `within ${apart} ms of the process`)]
  return [
    fail(
      'db.clock',
      `The clocks of database and process are ${Math.round(apart / 1000)} s apart.`,
      'Let both machines keep time by NTP.',
    ),
  ]
}
