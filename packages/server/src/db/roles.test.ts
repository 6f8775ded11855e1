import { expect, test } from 'vitest'
import { database } from '#harness'
import { bootstrapRolesSql, compareRoles, printRoles, ROLES, type RoleFacts } from './roles.ts'

const asModelled = (): RoleFacts[] =>
  ROLES.map(({ name, login, inherit, memberOf }) => ({ name, login, inherit, powers: [], member_of: [...memberOf] }))
const names = ROLES.map((role) => role.name)
const at = { database: 'app', database_owner: 'countersign_owner' }

test('P16 the bootstrap may be repeated and leaves CONNECT to the logins only', async () => {
  const given = await database({ empty: true })
  await given.admin.query(bootstrapRolesSql({ database: given.name }))
  await given.admin.query(bootstrapRolesSql({ database: given.name }))

  const { owner, may } = await given.admin.one<{ owner: string; may: string[] }>`
    select pg_get_userbyid(d.datdba)::text as owner,
      array(select r.rolname::text from pg_roles r where r.rolname = any (${names}::text[]) and has_database_privilege(r.oid, d.oid, 'connect') order by 1) as may
    from pg_database d where d.datname = current_database()`
  expect(owner).toBe('countersign_owner')
  // The owner of a database may always connect, but has no login; the migrator is its member without inheriting.
  expect(may).toEqual(['countersign_owner', ...ROLES.filter((role) => role.login).map((role) => role.name)].sort())
})

test('P7 no role of ours has BYPASSRLS or another power over the cluster', async () => {
  const { admin } = await database({ empty: true })

  expect(
    await admin.rows`select rolname from pg_roles where rolname = any (${names}::text[])
      and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)`,
  ).toEqual([])
})

test('the migrator has the owner’s rights only by SET ROLE', async () => {
  const given = await database()
  const migrator = await given.open({ url: given.migratorUrl, listen: false, max: 1 })

  await expect(migrator.pool.query('create table countersign.mine (id int)')).rejects.toMatchObject({ code: '42501' })
  await migrator.pool.query('begin; set local role countersign_owner; create table countersign.mine (id int); rollback')
})

test('P17 each difference from the model comes with the statement that mends it', () => {
  expect(compareRoles(asModelled(), at)).toEqual([])

  const facts = asModelled().filter((role) => role.name !== 'countersign_callback')
  for (const role of facts) {
    if (role.name === 'countersign_runtime') role.member_of.push('countersign_owner')
    if (role.name === 'countersign_engine') role.powers.push('bypassrls')
    if (role.name === 'countersign_migrator') role.member_of = ['countersign_owner']
  }
  const mends = compareRoles(facts, { ...at, database_owner: 'postgres' }).map((one) => one.mend)

  const plain = 'nosuperuser nocreatedb nocreaterole noreplication nobypassrls'
  expect(mends).toEqual([
    `alter role countersign_engine nologin inherit ${plain};`,
    `create role countersign_callback nologin inherit ${plain};`,
    'grant countersign_engine to countersign_migrator;',
    'revoke countersign_owner from countersign_runtime;',
    'alter database "app" owner to countersign_owner;',
  ])
})

test('P17 the printed model names every role, says what it is for, and holds no password', () => {
  const page = printRoles({ database: 'app' })

  for (const role of ROLES) expect(page).toContain(`--   ${role.name}`)
  expect(page).toContain(`grant connect on database "app"`)
  expect(page).not.toMatch(/password '/)
})
