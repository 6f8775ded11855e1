import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { systemScope } from '../../../db/scope.ts'
import { tx } from '../../../db/tx.ts'
import { tenantWire } from '../../../std/id.ts'
import { subjectKey, tenantKey } from '../tenant-key.ts'
import { installation, put, read } from '../testing/ring.ts'
import { destroyUserKey, userKey } from '../user-key.ts'
import { eraseSubject, eraseTenant } from './erase.ts'
import { applyErasures, LedgerBroken, readErasures, writeErasures } from './ledger.ts'

function ledger(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ledger-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'backups', 'erasures.jsonl')
}
const lines = (file: string) => readFileSync(file, 'utf8').trimEnd().split('\n')

test('P128 a tenant’s keys destroyed leave everything it sealed unreadable in every process, and no new key is made', async () => {
  const { pg, first, start, tenant } = await installation()
  const [scope, other] = [await tenant(), await tenant()]
  for (const one of [scope, other]) await put(first, one, 1)
  await tx(first.db, scope, (t) => subjectKey(first, t, scope, 'task:task_1'))
  const second = await start()
  expect(await tx(first.db, scope, (t) => eraseTenant(t, scope))).toBe(2)
  expect(await tx(first.db, scope, (t) => eraseTenant(t, scope))).toBe(0)
  const rows = await pg.admin.rows`select wrapped, state from tenant_keys where tenant_id = ${scope.tenantId}::uuid`
  expect(rows).toEqual([{ wrapped: null, state: 'destroyed' }])
  await expect(read(second, scope, 1)).rejects.toMatchObject({ code: 'content_erased' })
  await expect(tx(second.db, scope, (t) => tenantKey(second, t, scope))).rejects.toMatchObject({ code: 'content_erased' })
  expect(await read(second, other, 1)).toBe('text 1')
  const events = await pg.admin.rows<{ type: string }>`select type from events where tenant_id = ${scope.tenantId}::uuid`
  expect(events).toEqual([{ type: 'keyring.destroyed' }])
})

test('P128 each erasure stands once in the ledger, signed and chained, whoever destroyed the key and how', async () => {
  const { pg, first, tenant } = await installation()
  const scope = await tenant()
  const file = ledger()
  for (const subject of ['task:task_1', 'task:task_2', 'user:usr_1'])
    await tx(first.db, scope, (t) => subjectKey(first, t, scope, subject))
  await tx(first.db, scope, (t) => eraseSubject(t, scope, 'task:task_1'))
  expect(await writeErasures(first, file)).toBe(1)
  expect(await writeErasures(first, file)).toBe(0)
  // Another room's own statement leaves its line too.
  await tx(
    first.db,
    scope,
    (t) => t.run`
    update subject_keys set wrapped = null, destroyed_at = ${t.now}::timestamptz, destroyed_by = 'x' where subject = 'task:task_2'`,
  )
  await pg.admin.run`delete from subject_keys where subject = 'user:usr_1'`
  expect(await writeErasures(first, file)).toBe(2)
  const entries = await readErasures(first, file)
  expect(entries.map(({ tenant_id, subject }) => [tenant_id, subject])).toEqual(
    ['task:task_1', 'task:task_2', 'user:usr_1'].map((subject) => [tenantWire(scope.tenantId), subject]),
  )
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(await pg.admin.rows`select 1 from key_erasures where written_at is null`).toEqual([])
})

test('P128 a crash between the file and the commit, or in the middle of a line, writes nothing twice and loses nothing', async () => {
  const { pg, first, tenant } = await installation()
  const scope = await tenant()
  const file = ledger()
  for (const n of [1, 2]) {
    await tx(first.db, scope, (t) => subjectKey(first, t, scope, `task:task_${n}`))
    await tx(first.db, scope, (t) => eraseSubject(t, scope, `task:task_${n}`))
    await writeErasures(first, file)
  }
  await pg.admin.run`update key_erasures set written_at = null`
  expect(await writeErasures(first, file)).toBe(0)
  expect(lines(file)).toHaveLength(2)
  const half = lines(file)[1] as string
  writeFileSync(file, `${lines(file)[0]}\n${half.slice(0, 40)}`)
  await pg.admin.run`update key_erasures set written_at = null`
  expect(await writeErasures(first, file)).toBe(1)
  expect((await readErasures(first, file)).map(({ subject }) => subject)).toEqual(['task:task_1', 'task:task_2'])
})

test('P128 a line that is altered, missing, foreign or no entry makes the ledger broken at that line', async () => {
  const { first, tenant } = await installation()
  const stranger = await installation()
  const scope = await tenant()
  const file = ledger()
  for (const n of [1, 2, 3]) {
    await tx(first.db, scope, (t) => subjectKey(first, t, scope, `task:task_${n}`))
    await tx(first.db, scope, (t) => eraseSubject(t, scope, `task:task_${n}`))
  }
  await writeErasures(first, file)
  const [one, two, three] = lines(file) as [string, string, string]
  const brokenAt = async (text: string) => {
    writeFileSync(file, text)
    const error = await readErasures(first, file).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(LedgerBroken)
    return (error as LedgerBroken).line
  }
  expect(await brokenAt(`${one}\n${two.replace('task_2', 'task_9')}\n${three}\n`)).toBe(2)
  expect(await brokenAt(`${one}\n${three}\n`)).toBe(2)
  expect(await brokenAt(`${two}\n${three}\n`)).toBe(1)
  expect(await brokenAt(`${one}\nnot json\n`)).toBe(2)
  writeFileSync(file, `${one}\n${two}\n${three}\n`)
  await expect(readErasures(stranger.first, file)).rejects.toThrow(/not signed by this installation/)
  expect(await readErasures(first, file)).toHaveLength(3)
})

test('P128 P147 a restored database shows the data again until the ledger is applied, and then never', async () => {
  const { pg, first, start, tenant } = await installation()
  const [scope, gone] = [await tenant(), await tenant()]
  const file = ledger()
  await put(first, gone, 1)
  await tx(first.db, scope, (t) => subjectKey(first, t, scope, 'task:task_1'))
  const before = await pg.admin.rows<{ wrapped: Buffer }>`select wrapped from subject_keys`
  const tenants = await pg.admin.rows<{
    wrapped: Buffer
  }>`select wrapped from tenant_keys where tenant_id = ${gone.tenantId}::uuid`
  await tx(first.db, scope, (t) => eraseSubject(t, scope, 'task:task_1'))
  await tx(first.db, gone, (t) => eraseTenant(t, gone))
  await writeErasures(first, file)

  // The rows as an older backup has them.
  await pg.admin.run`update subject_keys set wrapped = ${before[0]?.wrapped}, destroyed_at = null, destroyed_by = null`
  await pg.admin
    .run`update tenant_keys set wrapped = ${tenants[0]?.wrapped}, state = 'current', destroyed_at = null where tenant_id = ${gone.tenantId}::uuid`
  const restored = await start()
  expect(await read(restored, gone, 1)).toBe('text 1')
  expect(await applyErasures(restored, file)).toEqual({ entries: 2, destroyed: 2 })
  expect(await applyErasures(restored, file)).toEqual({ entries: 2, destroyed: 0 })
  const again = await start()
  await expect(read(again, gone, 1)).rejects.toMatchObject({ code: 'content_erased' })
  await expect(tx(again.db, scope, (t) => subjectKey(again, t, scope, 'task:task_1'))).rejects.toMatchObject({
    code: 'content_erased',
  })
})

test('P128 P124 the keys of a user, which belong to no tenant, stand in the ledger too, and a restored database loses them again', async () => {
  const { pg, first, start, tenant } = await installation()
  await tenant()
  const file = ledger()
  const scope = systemScope('test')
  const [gone, stays] = [{ id: 'usr_1' }, { id: 'usr_2' }]
  for (const { id } of [gone, stays])
    await pg.admin.run`insert into users (id, display_name, created_at) values (${id}, ${id}, now())`
  for (const { id } of [gone, stays]) await tx(first.db, scope, (t) => userKey(first, t, id))
  const [before] = await pg.admin.rows<{ wrapped: Buffer }>`select wrapped from user_keys where user_id = ${gone.id}`
  expect(await tx(first.db, scope, (t) => destroyUserKey(t, scope, gone.id))).toBe(true)
  expect(await tx(first.db, scope, (t) => destroyUserKey(t, scope, gone.id))).toBe(false)
  expect(await writeErasures(first, file)).toBe(1)
  expect(await writeErasures(first, file)).toBe(0)
  expect(await readErasures(first, file)).toMatchObject([{ tenant_id: null, subject: `user:${gone.id}` }])

  await pg.admin
    .run`update user_keys set wrapped = ${before?.wrapped}, destroyed_at = null, destroyed_by = null where user_id = ${gone.id}`
  const restored = await start()
  await tx(restored.db, scope, (t) => userKey(restored, t, gone.id))
  expect(await applyErasures(restored, file)).toEqual({ entries: 1, destroyed: 1 })
  await expect(tx(restored.db, scope, (t) => userKey(restored, t, gone.id))).rejects.toMatchObject({ code: 'content_erased' })
  await tx(restored.db, scope, (t) => userKey(restored, t, stays.id))
  // A row that is deleted leaves its line as well.
  await pg.admin.run`delete from user_keys where user_id = ${stays.id}`
  // One for the key that the ledger itself destroyed again, one for the deleted row.
  expect(await writeErasures(first, file)).toBe(2)
})

test('P128 of two processes one writes at a time, and no line is lost or doubled', async () => {
  const { first, start, tenant } = await installation()
  const scope = await tenant()
  const file = ledger()
  const second = await start()
  for (let n = 1; n <= 20; n++) {
    await tx(first.db, scope, (t) => subjectKey(first, t, scope, `task:task_${n}`))
    await tx(first.db, scope, (t) => eraseSubject(t, scope, `task:task_${n}`))
    await Promise.all([writeErasures(first, file), writeErasures(second, file)])
  }
  await writeErasures(first, file)
  expect(new Set((await readErasures(second, file)).map(({ subject }) => subject)).size).toBe(20)
  expect(lines(file)).toHaveLength(20)
})
