import { Problem } from '@countersign/sdk'
import { expect, test } from 'vitest'
import { type Database, database } from '#harness'
import { readCatalogue, readGrants } from './catalogue.ts'
import { type CheckLine, checkRoles, checkSchema, type Expected } from './check.ts'

type Given = Database & { expected: Expected }

/** What stands in catalogue.json is another test's business (catalogue.test.ts): here a database is compared with itself before it was broken. */
async function pristine(options?: Parameters<typeof database>[0]): Promise<Given> {
  const given = await database(options)
  return { ...given, expected: { catalogue: await readCatalogue(given.db.pool), grants: await readGrants(given.db.pool) } }
}

const failures = async ({ db, expected }: Given): Promise<CheckLine[]> =>
  (await checkSchema(db, { expected })).filter((line) => line.status === 'fail')

/** Each broken thing gives its line, the line's own statement mends it, and then there is nothing left to say. */
async function breaksAndMends(given: Given, breaking: string, wanted: Partial<CheckLine>[]): Promise<void> {
  await given.admin.query(breaking)
  const found = await failures(given)
  expect(found).toMatchObject(wanted)
  for (const line of found) await given.admin.query(line.mend as string)
  expect(await failures(given)).toEqual([])
}

test('P153 a database as the migrations leave it passes every check', async () => {
  const { db, expected } = await pristine()

  const lines = await checkSchema(db, { expected })

  expect(lines.map((line) => `${line.code} ${line.status}`)).toEqual([
    'db.role ok',
    'db.version ok',
    'db.replica ok',
    'db.schema ok',
    'db.rls ok',
    'db.pooler ok',
    'db.clock warn', // the tests can move it
  ])
})

test('P153 A3 a table with row security off, not forced, or open to more gives its line', async () => {
  const given = await pristine()

  await breaksAndMends(given, 'alter table tenants disable row level security', [
    { code: 'db.rls', what: 'countersign.tenants has row security off.' },
  ])
  await breaksAndMends(given, 'alter table tenants no force row level security', [
    { code: 'db.rls', what: 'countersign.tenants does not force row security on its owner.' },
  ])
  await breaksAndMends(given, 'create policy open on tenants for select to countersign_runtime using (true)', [
    { code: 'db.schema', what: 'The policy open of countersign.tenants is not ours.' },
    {
      code: 'db.rls',
      what: 'The policy "open" of countersign.tenants lets countersign_runtime see more than the tenant\'s rows.',
    },
  ])
})

test('P153 A3 a policy without WITH CHECK gives its line', async () => {
  const given = await pristine()
  const using = `using (id = (select nullif(current_setting('countersign.tenant', true), '')::uuid))`

  await breaksAndMends(given, `drop policy tenant on tenants; create policy tenant on tenants to countersign_runtime ${using}`, [
    { code: 'db.schema', what: 'The policy tenant of countersign.tenants is another.' },
    { code: 'db.rls', what: 'The policy "tenant" of countersign.tenants has no WITH CHECK.' },
  ])
  await breaksAndMends(given, 'alter policy tenant on tenants using (true)', [
    { code: 'db.schema' },
    { code: 'db.rls', what: 'The policy "tenant" of countersign.tenants is not the one of every tenant table.' },
  ])
})

test('P153 A3 serving as a superuser, or as a login with too much power, gives its line', async () => {
  const given = await pristine()
  const admin = await given.open({ url: given.adminUrl, listen: false })
  const lines = (await checkSchema(admin)).filter((line) => line.code === 'db.role')
  expect(lines).toMatchObject([{ status: 'fail', mend: 'Serve as countersign_runtime: put that login into DATABASE_URL.' }])
  expect(lines[0]?.what).toContain('is a superuser')

  const migrator = await given.open({ url: given.migratorUrl, listen: false })
  const { rows } = await migrator.pool.query('select 1')
  expect(rows).toHaveLength(1)
  await given.admin.query(`grant create on schema countersign to countersign_runtime`)
  expect((await failures(given)).map((line) => `${line.code} ${line.mend}`)).toEqual([
    'db.role revoke create on schema countersign from countersign_runtime;',
    'db.schema revoke create on schema countersign from countersign_runtime;',
  ])
})

test('P153 A3 a grant too much and a grant too little give their lines', async () => {
  const given = await pristine()

  await breaksAndMends(given, 'grant delete on tenants to countersign_runtime', [
    { code: 'db.schema', mend: 'revoke delete on table countersign.tenants from countersign_runtime;' },
  ])
  await breaksAndMends(given, 'revoke select on tenants from countersign_runtime', [
    { code: 'db.schema', mend: 'grant select on table countersign.tenants to countersign_runtime;' },
  ])
  await breaksAndMends(given, 'grant execute on function countersign.now() to public', [
    { code: 'db.schema', mend: 'revoke execute on function countersign.now() from public;' },
  ])
  await breaksAndMends(
    given,
    `do $$ begin execute format('grant temporary on database %I to public', current_database()); end $$`,
    [{ code: 'db.schema', what: expect.stringContaining('public may temporary on database') as unknown as string }],
  )
})

test('P153 A3 a migration that is behind, ahead or changed gives its line', async () => {
  const given = await pristine()

  await given.admin.query(`update migrations set checksum = 'other' where name = '0001_spine.sql'`)
  expect(await failures(given)).toMatchObject([
    { code: 'db.schema', what: 'server/0001_spine.sql has another checksum than when it ran here.' },
  ])
  await given.admin.query(`delete from migrations where name = '0001_spine.sql'`)
  expect(await failures(given)).toMatchObject([
    { code: 'db.schema', what: 'The database is behind: server/0001_spine.sql did not run.', mend: 'countersign migrate' },
  ])
  await given.admin.query(`insert into migrations (series, number, name, checksum, breaking)
    select 'server', 9000, '9000_future.sql', 'x', false union all select 'server', 1, '0001_spine.sql', 'x', false`)
  expect((await failures(given)).map((line) => line.what)).toEqual([
    'server/0001_spine.sql has another checksum than when it ran here.',
    'The database is ahead: this version does not know server/9000_future.sql.',
  ])
})

test('P153 an empty database is behind by every migration', async () => {
  const given = await pristine({ empty: true })

  const found = await failures(given)

  expect(found.map((line) => line.code)).toContain('db.schema')
  expect(found.find((line) => line.code === 'db.schema')?.mend).toBe('countersign migrate')
})

test('P1 P153 a table, column, index or function that is not ours, or is gone, gives its line', async () => {
  const given = await pristine()

  await breaksAndMends(given, 'create table stowaway (id int)', [
    { code: 'db.schema', what: 'The table countersign.stowaway is in no list (db/tables.ts).' },
  ])
  await breaksAndMends(given, 'alter table tenants add column note text', [
    { code: 'db.schema', mend: 'alter table countersign.tenants drop column note;' },
  ])
  await breaksAndMends(given, 'create index tenants_name on tenants (name)', [
    { code: 'db.schema', mend: 'drop index countersign.tenants_name;' },
  ])
  await breaksAndMends(given, 'drop policy engine on tenants', [
    { code: 'db.schema', what: 'The policy engine of countersign.tenants is missing.' },
  ])
  await breaksAndMends(given, 'alter function make_tenant_table(text, text[], text) reset search_path', [{ code: 'db.schema' }])
  await breaksAndMends(given, 'alter table tenants owner to countersign_engine', [
    { code: 'db.schema', mend: 'alter table countersign.tenants owner to countersign_owner;' },
    { code: 'db.schema', mend: 'grant select on table countersign.tenants to countersign_engine;' },
  ])
})

test('P17 roles that differ from the model are listed with the statement that mends each', async () => {
  const given = await pristine()
  expect(await checkRoles(given.db, given.expected)).toEqual([])

  await given.admin.query('grant delete on tenants to countersign_worker')

  expect(await checkRoles(given.db, given.expected)).toEqual([
    {
      what: 'countersign_worker may delete on table countersign.tenants, and should not.',
      mend: 'revoke delete on table countersign.tenants from countersign_worker;',
    },
  ])
})

test('P153 §10.2 clock moved ± 10 min: doctor fails where clocks are apart; a database made for tests is refused in production', async () => {
  const given = await pristine()
  const clock = async (options: { production?: boolean }) =>
    (await checkSchema(given.db, options)).find((line) => line.code === 'db.clock')
  expect(await clock({})).toMatchObject({ status: 'warn' })
  expect(await clock({ production: true })).toMatchObject({
    status: 'fail',
    what: 'The time of this database can be moved: it was made for tests.',
  })

  await given.admin.query('alter table test_clock rename to other_clock')
  const ahead = { now: () => new Date(Date.now() + 600_000), timer: given.clock.timer }
  const late = await given.open({ listen: false, clock: ahead })
  const line = (await checkSchema(late)).find((one) => one.code === 'db.clock')
  expect(line).toMatchObject({ status: 'fail', what: expect.stringContaining('600 s apart') as unknown as string })
})

test('P153 a read-only connection is refused where the process writes, and taken where it only reads', async () => {
  const given = await pristine()
  await given.admin.query(
    `do $$ begin execute format('alter database %I set default_transaction_read_only = on', current_database()); end $$`,
  )
  const replica = await given.open({ listen: false })
  const line = async (writes: boolean) => (await checkSchema(replica, { writes })).find((one) => one.code === 'db.replica')

  expect(await line(true)).toMatchObject({ status: 'fail', mend: 'Point DATABASE_URL to the primary.' })
  expect(await line(false)).toMatchObject({ status: 'ok' })
})

test('P153 a setting that outlives its transaction is a leaking pooler', async () => {
  const given = await pristine({ max: 1 })
  await given.db.pool.query(`select set_config('countersign.principal', 'system:leak', false)`)

  expect((await failures(given)).map((line) => line.code)).toEqual(['db.pooler'])
})

test('without a database there is no proof, only store_unavailable', async () => {
  const given = await pristine()
  const nowhere = await given.open({ url: 'postgres://x:y@127.0.0.1:1/none', listen: false })

  const error = await checkSchema(nowhere).catch((one: unknown) => one)

  expect(error).toBeInstanceOf(Problem)
  expect(error).toMatchObject({ code: 'store_unavailable' })
})
