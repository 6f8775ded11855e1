import { expect, test } from 'vitest'
import { database } from '#harness'
import { readGrants } from './catalogue.ts'
import { checkRoles } from './check.ts'
import { printManifest } from './manifest.ts'

test('Q140 the printed SQL puts every right as it should be, the queue’s functions included, and may be repeated', async () => {
  const given = await database()
  const grants = await readGrants(given.db.pool)
  const expected = { catalogue: { tables: {}, functions: {} }, grants }
  await given.admin.query(`
    grant execute on function countersign_queue.job(text) to public;
    grant execute on function countersign_queue.finish(jsonb) to countersign_producer;
    revoke execute on function countersign_queue.enqueue_many(jsonb) from countersign_producer;
    grant select on countersign_queue.jobs to countersign_reader`)
  const found = (await checkRoles(given.db, expected)).map(({ mend }) => mend)
  expect(found).toHaveLength(4)

  const sql = printManifest('sql', { database: given.name }, grants)
  await given.admin.query(sql)
  await given.admin.query(sql)
  // What is too much for a role of the model is the check's to find: a manifest grants, and takes from PUBLIC.
  expect((await checkRoles(given.db, expected)).map(({ mend }) => mend)).toEqual([
    'revoke execute on function countersign_queue.finish(results jsonb) from countersign_producer;',
    'revoke select on table countersign_queue.jobs from countersign_reader;',
  ])
  for (const { mend } of await checkRoles(given.db, expected)) await given.admin.query(mend)
  expect(await checkRoles(given.db, expected)).toEqual([])
})

test('Q140 on an empty server the same SQL makes the roles and passes over what is not there yet', async () => {
  const given = await database({ empty: true })
  await given.admin.query(printManifest('sql', { database: given.name }))
  expect(await given.admin.rows`select rolname from pg_roles where rolname = 'countersign_callback'`).toHaveLength(1)
})

test('Q140 the declarative form names every role, membership and function', () => {
  const yaml = printManifest('pgroles', { database: 'app' })
  expect(yaml).toContain('  - name: "countersign_worker"\n    login: false')
  expect(yaml).toContain('  - role: "countersign_owner"\n    members: [{ name: "countersign_migrator", inherit: false }]')
  expect(yaml).toMatch(
    /role: "countersign_producer"\n {4}privileges: \["EXECUTE"\]\n {4}object: \{ type: function, schema: "countersign_queue", name: "enqueue_many\(/,
  )
  expect(yaml).toContain('object: { type: database, name: "app" }')
})

test('P17 the rights of one schema alone, also where the engine stands under another name', () => {
  const own = printManifest('sql', { database: 'app', schema: 'jobs' })
  expect(own).toContain('grant usage on schema jobs to')
  expect(own).toMatch(/grant execute on function jobs\.enqueue\([^)]*\) to countersign_producer/)
  expect(own).not.toContain('countersign_queue')
  expect(own).not.toContain('on table countersign.tasks')
  expect(printManifest('pgroles', { database: 'app', schema: 'countersign' })).toContain('name: "tasks"')
  expect(printManifest('pgroles', { database: 'app', schema: 'countersign' })).not.toContain('countersign_queue')
  expect(() => printManifest('sql', { database: 'app', schema: 'a b' })).toThrow('no name of a schema')
})
