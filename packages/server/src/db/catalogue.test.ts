// The two files that the boot proof compares with are made here: `npx vitest run packages/server/src/db/catalogue.test.ts -u` after a migration.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type Database, database } from '#harness'
import { readCatalogue, readGrants, readTables, renderExpected, tableKey } from './catalogue.ts'
import { GROUPS, PROCESS_LOGINS, ROLES, RUNTIME } from './roles.ts'
import { TABLES } from './tables.ts'

test('P18 P153 the expected catalogue and grants are the ones that the migrations make', async () => {
  const { db } = await database({ listen: false })

  for (const [file, text] of Object.entries(await renderExpected(db.pool))) await expect(text).toMatchFileSnapshot(file)
})

test('P1 every table is listed once, and every listed table exists', async () => {
  const { db } = await database({ listen: false })
  const listed = Object.keys(TABLES).filter((name) => !TABLES[name]?.optional)

  expect([...new Set((await readTables(db.pool)).map((table) => tableKey(table.name)))].sort()).toEqual(listed.sort())
})

test('P2 V11 a tenant table has its tenant as second column, unique with its id, and every index led by it or excused by name', async () => {
  const { db } = await database({ listen: false })
  const broken: string[] = []
  for (const table of await readTables(db.pool)) {
    const listed = TABLES[tableKey(table.name)]
    if (listed?.kind !== 'tenant' || listed.tenantColumn) continue
    if (table.columns[1] !== 'tenant_id uuid not null') broken.push(`${table.name}: the second column is ${table.columns[1]}`)
    const hasId = table.columns[0]?.startsWith('id ')
    const unique = table.indexes.some((index) => /UNIQUE INDEX .*\(tenant_id, id\)$/.test(index.definition))
    if (hasId && !unique) broken.push(`${table.name}: no unique (tenant_id, id)`)
    for (const index of table.indexes)
      if (index.leads_with !== 'tenant_id' && !listed.indexes?.[index.name])
        broken.push(`${table.name}: the index ${index.name} is led by ${index.leads_with}`)
  }

  expect(broken).toEqual([])
})

test('P5 foreign keys between tenant tables carry the tenant', async () => {
  const { admin } = await database({ listen: false })
  const keys = await admin.rows<{ name: string; from: string; to: string; columns: string[] }>`
    select c.conname as name, c.conrelid::regclass::text as from, c.confrelid::regclass::text as to,
      array(select a.attname::text from pg_attribute a where a.attrelid = c.conrelid and a.attnum = any (c.conkey)) as columns
    from pg_constraint c join pg_class r on r.oid = c.conrelid join pg_namespace n on n.oid = r.relnamespace
    where c.contype = 'f' and n.nspname = 'countersign'`
  const isTenant = (name: string) => TABLES[name]?.kind === 'tenant'

  const broken = keys.filter((key) => isTenant(key.from) && isTenant(key.to) && !key.columns.includes('tenant_id'))
  expect(broken).toEqual([])
})

test('P7 a function that runs with its owner’s rights belongs to the engine, fixes its search_path, is closed to PUBLIC and has its reason', async () => {
  const { db } = await database({ listen: false })
  const reasons = readFileSync(new URL('functions.md', import.meta.url), 'utf8')
  const grants = await readGrants(db.pool)
  const definers = Object.entries((await readCatalogue(db.pool)).functions).filter(([, one]) => one.definer)

  for (const [name, one] of definers) {
    const [path, ...planner] = one.settings
    expect([name, one.owner, path]).toEqual([name, 'countersign_engine', 'search_path=pg_catalog, pg_temp'])
    expect(planner.filter((setting) => !/^(enable_|jit=|plan_cache_mode=)/.test(setting))).toEqual([])
    expect(Object.keys(grants[`function ${name}`] ?? {}), name).not.toContain('public')
  }
  const engineOwn = definers
    .map(([name]) => name.split('(')[0] as string)
    .filter((name) => name.startsWith('countersign_engine.'))
  expect([...new Set(engineOwn)].filter((name) => !reasons.includes(`\`${name.split('.')[1]}\``))).toEqual([])
})

test('P16 PUBLIC may do nothing: not on the database, the schemas, the tables, the functions', async () => {
  const { db } = await database({ listen: false })
  const open = Object.entries(await readGrants(db.pool)).filter(([, grantees]) => grantees.public)

  expect(open).toEqual([])
})

test('P8 no view hides rows of tenants behind its owner’s rights', async () => {
  const { admin } = await database({ listen: false })
  const views = await admin.rows<{ name: string }>`
    select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname like 'countersign%' and (c.relkind = 'm' or (c.relkind = 'v' and not coalesce('security_invoker=true' = any (c.reloptions), false)))`

  expect(views).toEqual([])
})

const PRIVILEGES = ['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']

/** What a role can really do, memberships and PUBLIC included, asked of PostgreSQL. */
async function effective({ admin }: Database, role: string): Promise<string[]> {
  const tables = await admin.rows<{ object: string; privilege: string }>`
    select n.nspname || '.' || c.relname as object, p as privilege from pg_class c join pg_namespace n on n.oid = c.relnamespace, unnest(${PRIVILEGES}::text[]) p
    where n.nspname like 'countersign%' and c.relkind in ('r', 'p') and c.relname <> 'test_clock' and has_table_privilege(${role}::name, c.oid, p)`
  const functions = await admin.rows<{ object: string; privilege: string }>`
    select n.nspname || '.' || f.proname || '(' || pg_get_function_identity_arguments(f.oid) || ')' as object, 'execute' as privilege
    from pg_proc f join pg_namespace n on n.oid = f.pronamespace
    where n.nspname like 'countersign%' and has_function_privilege(${role}::name, f.oid, 'execute')`
  return [...tables, ...functions].map((one) => `${one.object}: ${one.privilege}`).sort()
}

test('P18 every role may do exactly what grants.json says, on every table and every function', async () => {
  const given = await database({ listen: false })
  const grants = JSON.parse(readFileSync(new URL('grants.json', import.meta.url), 'utf8')) as Record<
    string,
    Record<string, string[]>
  >
  const logins = ROLES.filter((role) => role.name === RUNTIME || GROUPS.includes(role) || PROCESS_LOGINS.includes(role))

  for (const role of logins) {
    const names = [role.name, ...role.memberOf, ...(role.memberOf.includes(RUNTIME) ? GROUPS.map((one) => one.name) : [])]
    const expected = Object.entries(grants).flatMap(([object, grantees]) => {
      const name = /^(?:table|function) (countersign.*)$/.exec(object)?.[1]
      if (!name) return []
      const privileges = new Set(
        names.flatMap((grantee) => grantees[grantee] ?? []).filter((privilege) => !privilege.includes('(')),
      )
      return [...privileges].map((privilege) => `${name}: ${privilege}`)
    })
    expect([role.name, await effective(given, role.name)]).toEqual([role.name, expected.sort()])
  }
})

test('P18 the runtime role cannot create, truncate, make a temporary table or take another role', async () => {
  const { db } = await database({ listen: false })
  const tries = [
    'create table countersign.mine (id int)',
    'create table public.mine (id int)',
    'create temporary table mine (id int)',
    'create schema mine',
    'create function countersign.mine() returns int language sql return 1',
    'truncate countersign.tenants',
    'alter table countersign.tenants disable row level security',
    'drop table countersign.tenants',
    'set role countersign_owner',
    'set role countersign_engine',
    'select countersign.make_tenant_table($$tenants$$, array[$$select$$])',
    'delete from countersign.tenants',
    'update countersign.migrations set checksum = $$x$$',
  ]

  for (const statement of tries) await expect(db.pool.query(statement), statement).rejects.toMatchObject({ code: '42501' })
})
