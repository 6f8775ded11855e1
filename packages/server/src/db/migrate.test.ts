import { expect, test } from 'vitest'
import { database } from '#harness'
import { compareMigrations, listMigrations, migrate, readMigration } from './migrate.ts'

// Over the spine and a few files of its own, so that no other room's file decides whether these pass.
const spine = listMigrations().filter((one) => one.series === 'server' && one.number === 1)
const file = (number: number, text: string) => readMigration('server', `${String(number).padStart(4, '0')}_test.sql`, text)
const noted = 'create table countersign.notes (id int); create function countersign.note() returns int language sql return 1'

test('P14 each file runs once, as the owner, and what it makes belongs to the owner from its first second', async () => {
  const given = await database({ empty: true })
  const migrations = [...spine, file(9001, noted)]

  expect(await migrate(given.migratorUrl, { migrations })).toEqual({ applied: ['server/0001_spine.sql', 'server/9001_test.sql'] })
  expect(await migrate(given.migratorUrl, { migrations })).toEqual({ applied: [] })

  expect(
    await given.admin.rows`
      select relname::text as name, pg_get_userbyid(relowner)::text as owner from pg_class
      where relnamespace = 'countersign'::regnamespace and relkind = 'r' order by 1`,
  ).toEqual(['migrations', 'notes', 'tenants'].map((name) => ({ name, owner: 'countersign_owner' })))
  const { checksum } = await given.admin.one<{ checksum: string }>`select checksum from migrations where number = 9001`
  expect(checksum).toBe(migrations[1]?.checksum)
})

test('P16 what a migration makes is closed to PUBLIC without a word about it', async () => {
  const given = await database({ empty: true })
  const engine = `set local role countersign_engine;
    create function countersign_engine.peek() returns int language sql security definer set search_path = pg_catalog, pg_temp return 1;
    set local role countersign_owner`
  await migrate(given.migratorUrl, { migrations: [...spine, file(9001, noted), file(9002, engine)] })

  for (const call of ['countersign.note()', 'countersign_engine.peek()'])
    await expect(given.db.pool.query(`select ${call}`), call).rejects.toMatchObject({ code: '42501' })
  const { owner } = await given.admin.one<{ owner: string }>`
    select pg_get_userbyid(proowner)::text as owner from pg_proc where proname = 'peek'`
  expect(owner).toBe('countersign_engine')
})

test('P14 a file that fails leaves nothing of itself, names its line, and the ones before it stay', async () => {
  const given = await database({ empty: true })
  const migrations = [
    ...spine,
    file(9001, 'create table countersign.half (id int);\n\nselect nonsense from nowhere;'),
    file(9002, noted),
  ]

  await expect(migrate(given.migratorUrl, { migrations })).rejects.toThrow(
    'server/9001_test.sql:3: relation "nowhere" does not exist',
  )

  const { half, spineRan } = await given.admin.one<{ half: string | null; spineRan: string | null }>`
    select to_regclass('countersign.half')::text as half, to_regclass('countersign.tenants')::text as "spineRan"`
  expect([half, spineRan]).toEqual([null, 'tenants'])
})

test('P14 a file that changed after it ran, and a database that is ahead, are refused and nothing is written', async () => {
  const given = await database({ empty: true })
  await migrate(given.migratorUrl, { migrations: [...spine, file(9001, noted)] })
  const count = async () => (await given.admin.one<{ count: number }>`select count(*)::int as count from migrations`).count

  const changed = migrate(given.migratorUrl, { migrations: [...spine, file(9001, `${noted};`), file(9002, 'select 1')] })
  await expect(changed).rejects.toThrow('9001_test.sql was changed after it ran here')
  const older = migrate(given.migratorUrl, { migrations: [...spine, file(9002, 'select 1')] })
  await expect(older).rejects.toThrow('which this version does not know')
  expect(await count()).toBe(2)
})

test('P14 migrators that start at once take turns and each file runs once', async () => {
  const given = await database({ empty: true })
  const migrations = [...spine, file(9001, noted), file(9002, 'insert into countersign.notes values (1)')]

  const ran = await Promise.all([1, 2, 3].map(() => migrate(given.migratorUrl, { migrations })))

  expect(ran.flatMap((one) => one.applied).sort()).toEqual([
    'server/0001_spine.sql',
    'server/9001_test.sql',
    'server/9002_test.sql',
  ])
  expect(await given.admin.rows`select id from notes`).toEqual([{ id: 1 }])
})

test('P14 a first line says that a migration breaks older binaries, and the ledger keeps it', async () => {
  const given = await database({ empty: true })
  await migrate(given.migratorUrl, { migrations: [...spine, file(9001, '--! breaking\nselect 1')] })

  expect(await given.admin.rows`select number, breaking from migrations order by 1`).toEqual([
    { number: 1, breaking: false },
    { number: 9001, breaking: true },
  ])
})

test('P2 a table without its tenant as second column cannot be made a tenant table', async () => {
  const given = await database({ empty: true })
  const wrong = file(
    9001,
    `create table countersign.notes (id text primary key); select countersign.make_tenant_table('notes', array['select'])`,
  )

  await expect(migrate(given.migratorUrl, { migrations: [...spine, wrong] })).rejects.toThrow('tenant_id uuid not null')
})

test('the runtime login cannot migrate', async () => {
  const given = await database({ empty: true })

  await expect(migrate(given.runtimeUrl, { migrations: spine })).rejects.toMatchObject({ code: '42501' })
})

test('files are compared by series and number: pending, changed, ahead', () => {
  const [one, two] = [file(1, 'a'), file(2, 'b')]
  const applied = [
    { ...one, checksum: 'other' },
    { ...file(3, 'c'), series: 'queue' },
  ]

  const { pending, changed, ahead } = compareMigrations([one, two], applied)

  expect([pending, changed, ahead]).toEqual([[two], [one], [applied[1]]])
})

test('P14 the shipped files run in a fixed order: the spine, the queue, then the rest', () => {
  const order = listMigrations().map((one) => `${one.series} ${one.number <= 9 ? 'spine' : 'rest'}`)
  const rank = (label: string) => (label === 'server spine' ? 0 : label.startsWith('queue') ? 1 : 2)

  expect(order.map(rank)).toEqual(order.map(rank).sort())
})
