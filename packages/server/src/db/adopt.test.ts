import { expect, test } from 'vitest'
import { type Database, database, setup } from '#harness'
import { adoptRoles } from './adopt.ts'
import { checkRoles } from './check.ts'
import { ROLES } from './roles.ts'
import { openDb } from './tx.ts'

/** As a dump is restored without owners and rights: everything belongs to one login, and nobody else may do anything. */
async function disown({ admin, name }: Pick<Database, 'admin' | 'name'>, owner: string): Promise<void> {
  const objects = await admin.rows<{ text: string }>`
    select format('alter schema %I owner to %I', n.nspname, ${owner}::text) as text from pg_namespace n where n.nspname like 'countersign%'
    union all
    select format('alter %s %I.%I owner to %I', case c.relkind when 'S' then 'sequence' else 'table' end, n.nspname, c.relname, ${owner}::text)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname like 'countersign%' and c.relkind in ('r', 'p', 'S')
      and not exists (select from pg_depend d where d.objid = c.oid and d.deptype in ('i', 'a') and c.relkind = 'S')
    union all
    select format('alter function %s owner to %I', p.oid::regprocedure, ${owner}::text)
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname like 'countersign%'`
  for (const { text } of objects) await admin.query(text)
  const roles = ['owner', 'engine', 'runtime', 'migrator', 'producer', 'worker', 'callback', 'reader', 'admin', 'maintenance']
  for (const role of roles.map((one) => `countersign_${one}`))
    for (const schema of ['countersign', 'countersign_engine', 'countersign_queue']) {
      await admin.query(`revoke all on all tables in schema ${schema} from ${role}`)
      await admin.query(`revoke all on all sequences in schema ${schema} from ${role}`)
      await admin.query(`revoke all on all functions in schema ${schema} from ${role}`)
      await admin.query(`revoke all on schema ${schema} from ${role}`)
    }
  await admin.query('grant execute on all functions in schema countersign_engine to public')
  await admin.query(`alter database ${name} owner to ${owner}`)
}

const superuserOf = async ({ admin }: Pick<Database, 'admin'>) =>
  (await admin.one<{ me: string }>`select current_user::text as me`).me

test('A5 P17 an install of a single superuser is adopted twice under traffic: no request fails, nothing is left to mend, and the runtime login serves', async () => {
  const house = await setup({ login: 'superuser' })
  const name = (await house.admin.one<{ name: string }>`select current_database()::text as name`).name
  await disown({ admin: house.admin, name }, await superuserOf(house))
  const adminUrl = house.db.pool.options.connectionString as string
  const statuses: number[] = []
  let going = true
  const traffic = Array.from({ length: 4 }, async () => {
    while (going) {
      const made = await house.alice.post('/api/v1/tasks', {
        task: 'Go on?',
        response_schema: { type: 'object', properties: { approve: { type: 'boolean' } }, required: ['approve'] },
        timeout_seconds: 3_600,
      })
      const decided = await house.alice.post(`/api/v1/tasks/${made.body.id}/decide`, {
        type: 'respond',
        response: { approve: true },
        seen_revision: 1,
      })
      const listed = await house.bob.get('/api/v1/tasks')
      statuses.push(made.status, decided.status, listed.status)
    }
  })
  await expect.poll(() => statuses.length, { timeout: 20_000 }).toBeGreaterThan(12)
  const begun = performance.now()
  const first = await adoptRoles(adminUrl)
  const second = await adoptRoles(adminUrl)
  const took = Math.round(performance.now() - begun)
  const seen = statuses.length
  await expect.poll(() => statuses.length, { timeout: 20_000 }).toBeGreaterThan(seen + 12)
  going = false
  await Promise.all(traffic)
  process.stdout.write(`adopt: ${took} ms, twice, under traffic\n`)

  expect([...new Set(statuses)].sort()).toEqual([200, 201])
  expect(first.statements.length).toBeGreaterThan(300)
  expect(second).toEqual({ statements: [], kept: [] })
  expect(await checkRoles(house.db)).toEqual([])
})

test('P17 the login that owned everything serves on as a member of the runtime, and can no longer change a table', async () => {
  const given = await database()
  const password = crypto.randomUUID()
  await given.admin.query(`create role single_${given.name} login noinherit password '${password}'`)
  const single = `single_${given.name}`
  try {
    await given.admin.query(`alter role ${single} inherit`)
    await disown(given, single)
    const url = Object.assign(new URL(given.adminUrl), { username: single, password }).href
    const { statements, kept } = await adoptRoles(given.adminUrl)
    expect(statements).toContain(`alter table countersign.tasks owner to countersign_owner;`)
    expect(kept).toEqual([single])
    const db = await openDb({ url, listen: false })
    try {
      expect((await db.pool.query('select countersign.now() as now')).rows).toHaveLength(1)
      expect((await db.pool.query('select count(*) from countersign.tasks')).rows).toEqual([{ count: 0 }])
      for (const refused of [
        'alter table countersign.tasks add column x int',
        'drop table countersign.tasks',
        'set role countersign_owner',
      ])
        await expect(db.pool.query(refused), refused).rejects.toMatchObject({ code: '42501' })
    } finally {
      await db.close()
    }
    expect(await checkRoles(given.db)).toEqual([])
  } finally {
    await given.close()
    await (await database({ empty: true })).admin.query(`drop role ${single}`)
  }
})

test('P17 an administrator who is no superuser, but owns it all and made the roles, adopts twice; who owned it serves on and has no way back', async () => {
  const given = await database()
  const password = crypto.randomUUID()
  const boss = `boss_${given.name}`
  await given.admin.query(`create role ${boss} login createrole createdb password '${password}'`)
  try {
    // As PostgreSQL 16 and newer give it to whoever makes a role: the right to hand it on, and nothing else of it.
    const { is16 } = await given.admin.one<{ is16: boolean }>`select current_setting('server_version_num')::int >= 160000 as is16`
    for (const { name } of ROLES)
      await given.admin.query(`grant ${name} to ${boss} with ${is16 ? 'admin true, inherit false, set false' : 'admin option'}`)
    await disown(given, boss)
    const url = Object.assign(new URL(given.adminUrl), { username: boss, password }).href
    const { statements, kept } = await adoptRoles(url)
    expect(statements).toContain('alter table countersign.tasks owner to countersign_owner;')
    expect(kept).toEqual([boss])
    expect(await checkRoles(given.db)).toEqual([])
    const db = await openDb({ url, listen: false })
    try {
      expect((await db.pool.query('select count(*) from countersign.tasks')).rows).toEqual([{ count: 0 }])
      for (const refused of ['drop table countersign.tasks', 'set role countersign_owner', 'set role countersign_engine'])
        await expect(db.pool.query(refused), refused).rejects.toMatchObject({ code: '42501' })
    } finally {
      await db.close()
    }
    expect(await adoptRoles(url)).toEqual({ statements: [], kept: [] })
    expect(await checkRoles(given.db)).toEqual([])
  } finally {
    await given.close()
    const { admin } = await database({ empty: true })
    await admin.query(`drop role ${boss}`)
  }
})

test('P17 what belongs to another is told with the statement that mends it', async () => {
  const given = await database()
  await given.admin.query(`alter table countersign.tasks owner to ${await superuserOf(given)}`)
  await given.admin.query(`alter function countersign_engine.held_tenants() owner to ${await superuserOf(given)}`)
  const mends = (await checkRoles(given.db)).map((one) => one.mend)
  expect(mends).toEqual(
    expect.arrayContaining([
      'alter table countersign.tasks owner to countersign_owner;',
      'alter function countersign_engine.held_tenants() owner to countersign_engine;',
    ]),
  )
  for (const mend of mends) await given.admin.query(mend)
  expect(await checkRoles(given.db)).toEqual([])
})
