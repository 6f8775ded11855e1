import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { type Database, database } from '#harness'
import { makeKeyring } from '../../crypto/keyring.ts'
import { EnvelopeError, openText, type Place, sealText } from '../../crypto/seal.ts'
import { systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { newTenantUuid, tenantWire } from '../../std/id.ts'
import {
  destroySubjectKey,
  hasSealedRows,
  missingRootKey,
  openContent,
  subjectKey,
  subjectKeys,
  tenantKey,
} from './tenant-key.ts'

const keyring = (root = randomBytes(32)) => makeKeyring({ current: 1, versions: new Map([[1, root]]) })

async function given() {
  const house = await database()
  const tenant = async () => {
    const id = newTenantUuid()
    await house.admin.run`insert into tenants (id, name) values (${id}::uuid, 'one')`
    return systemScope('test', id)
  }
  return { house, tenant, scope: await tenant(), keys: { db: house.db, keyring: keyring() } }
}
const at = (tenantId: string): Place => ({ tenant: tenantWire(tenantId), table: 'tasks', column: 'payload', row: 'task_1' })
const another = async (house: Database, ring = keyring()) => ({ db: await house.open({ listen: false }), keyring: ring })

test('P124 of two processes that use a tenant for the first time one makes its key, and both seal and open with it', async () => {
  const { house, scope, keys } = await given()
  const others = await Promise.all([1, 2, 3].map(() => another(house, keys.keyring)))
  const made = await Promise.all([keys, ...others].map((one) => tx(one.db, scope, (t) => tenantKey(one, t, scope))))
  expect(new Set(made.map((key) => key.versions.get(1)?.toString('hex'))).size).toBe(1)
  const [row] = await house.admin.rows<{
    count: number
    wrapped: Buffer
  }>`select count(*) over ()::int as count, wrapped from tenant_keys`
  expect(row?.count).toBe(1)
  expect(row?.wrapped.includes(made[0]?.versions.get(1) as Buffer)).toBe(false)
})

test('P124 a tenant key made in a transaction that rolls back is not held', async () => {
  const { scope, keys, house } = await given()
  const lost = tx(keys.db, scope, async (t) => {
    await tenantKey(keys, t, scope)
    throw new Error('changed my mind')
  })
  await expect(lost).rejects.toThrow('changed my mind')
  const key = await tx(keys.db, scope, (t) => tenantKey(keys, t, scope))
  const elsewhere = await another(house, keys.keyring)
  const theirs = await tx(elsewhere.db, scope, (t) => tenantKey(elsewhere, t, scope))
  expect(theirs.versions.get(1)?.equals(key.versions.get(1) as Buffer)).toBe(true)
})

test('V64 a tenant key is held for five minutes at most', async () => {
  const { scope, keys, house } = await given()
  const bytes = async () => (await tx(keys.db, scope, (t) => tenantKey(keys, t, scope))).versions.get(1)?.toString('hex')
  const first = await bytes()
  const other = keyring()
  const wrapped = await other.wrapTenantKey(tenantWire(scope.tenantId), 1, randomBytes(32))
  await house.admin.run`update tenant_keys set wrapped = ${wrapped}`
  await house.clock.advance('240s')
  expect(await bytes()).toBe(first)
  await house.clock.advance('61s')
  await expect(bytes()).rejects.toThrow(EnvelopeError)
})

test('V67 two tenants never share a key, and a row of one does not open as the other', async () => {
  const { scope, keys, tenant } = await given()
  const other = await tenant()
  const mine = await tx(keys.db, scope, (t) => subjectKey(keys, t, scope, 'task:task_1'))
  const theirs = await tx(keys.db, other, (t) => subjectKey(keys, t, other, 'task:task_1'))
  const envelope = sealText(mine, at(scope.tenantId), '"hello"')
  expect(openText(mine, at(scope.tenantId), envelope)).toBe('"hello"')
  expect(() => openText(theirs, at(scope.tenantId), envelope)).toThrow(EnvelopeError)
})

test('P124 of two first uses of a subject at once one key is made', async () => {
  const { scope, keys, house } = await given()
  const second = await another(house, keys.keyring)
  const made = await Promise.all(
    [keys, second, keys, second].map((one) => tx(one.db, scope, (t) => subjectKey(one, t, scope, 'task:task_1'))),
  )
  expect(new Set(made.map((key) => key.versions.get(1)?.toString('hex'))).size).toBe(1)
})

test('P128 T7 once the key of a subject is destroyed its content reads content_erased in every process, and no new key is made for it', async () => {
  const { scope, keys, house } = await given()
  const second = await another(house, keys.keyring)
  const place = at(scope.tenantId)
  const envelope = sealText(await tx(keys.db, scope, (t) => subjectKey(keys, t, scope, 'task:task_1')), place, '"hello"')
  const read = (one: typeof keys) =>
    tx(one.db, scope, async (t) =>
      openContent((await subjectKeys(one, t, scope, ['task:task_1', 'task:none'])).get('task:task_1'), place, envelope),
    )
  expect(await read(second)).toEqual({ state: 'open', text: '"hello"' })

  expect(await tx(keys.db, scope, (t) => destroySubjectKey(t, scope, 'task:task_1'))).toBe(true)
  expect(await tx(keys.db, scope, (t) => destroySubjectKey(t, scope, 'task:task_1'))).toBe(false)

  for (const one of [keys, second]) {
    expect(await read(one)).toEqual({ state: 'content_erased' })
    await expect(tx(one.db, scope, (t) => subjectKey(one, t, scope, 'task:task_1'))).rejects.toMatchObject({
      code: 'content_erased',
    })
  }
  const [row] = await house.admin.rows<{
    wrapped: Buffer | null
    destroyed_by: string
  }>`select wrapped, destroyed_by from subject_keys`
  expect(row).toMatchObject({ wrapped: null, destroyed_by: 'system:test' })
})

test('V66 sealed rows forbid a new root key, and a wrong one is named by the fingerprint that is missing', async () => {
  const { scope, keys } = await given()
  expect(await hasSealedRows(keys.db)).toBe(false)
  expect(await missingRootKey(keys.db, keys.keyring)).toBeNull()
  await tx(keys.db, scope, (t) => tenantKey(keys, t, scope))
  expect(await hasSealedRows(keys.db)).toBe(true)
  expect(await missingRootKey(keys.db, keys.keyring)).toBeNull()
  expect(await missingRootKey(keys.db, keyring())).toContain(keys.keyring.fingerprint())
})

test('P124 a subject is written as kind and id', async () => {
  const { scope, keys } = await given()
  for (const bad of ['', 'task', 'task:', 'Task:1', 'task:a b']) {
    await expect(tx(keys.db, scope, (t) => subjectKey(keys, t, scope, bad))).rejects.toThrow(TypeError)
  }
})
