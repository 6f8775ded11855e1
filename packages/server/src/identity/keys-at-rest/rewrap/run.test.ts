import { expect, test } from 'vitest'
import { EnvelopeError } from '../../../crypto/seal.ts'
import { tx } from '../../../db/tx.ts'
import { tenantWire } from '../../../std/id.ts'
import { addRootKey, promoteRootKey, retireRootKey } from '../root/root-key.ts'
import { subjectKey, tenantKey } from '../tenant-key.ts'
import { fill, installation, put, read } from '../testing/ring.ts'
import { workRewraps } from './run.ts'
import { destroyRetiredTenantKeys, getRewrap, startRewrap } from './start.ts'

test('P126 V72 root and tenant keys go add, promote, rewrap, retire while every process reads and writes on', async () => {
  const { pg, first, start, tenant } = await installation()
  const [one, two] = [await tenant(), await tenant()]
  for (const scope of [one, two]) for (const version of [1, 2, 3]) await put(first, scope, version)
  const second = await start()
  expect(await read(second, one, 1)).toBe('text 1')

  const added = await addRootKey(first, one)
  expect(added.version).toBe(2)
  await second.ring.refresh()
  await promoteRootKey(first, one, 2)
  const { id } = await startRewrap(first, one, {})
  await workRewraps(first)

  const done = await getRewrap(first, id)
  expect(done).toMatchObject({ state: 'finished', failed: 0, total: 6, done: 6 })
  expect(done.items).toEqual([{ item: 'compatibility_keys.material', version: 1, total: 6, done: 6 }])
  for (const process of [first, second]) for (const scope of [one, two]) expect(await read(process, scope, 2)).toBe('text 2')
  await put(second, one, 4)
  expect(await read(first, one, 4)).toBe('text 4')
  const keys = await pg.admin.rows<{ version: number; state: string; root_version: number }>`
    select version, state, root_version from tenant_keys where tenant_id = ${one.tenantId}::uuid order by version`
  expect(keys).toEqual([
    { version: 1, state: 'retired', root_version: 2 },
    { version: 2, state: 'current', root_version: 2 },
  ])
  await retireRootKey(first, one, 1)
})

test('P126 a rewrap touches the wrap and nothing behind it, and a moved envelope still does not open', async () => {
  const { pg, first, tenant } = await installation()
  const scope = await tenant()
  for (const version of [1, 2]) await put(first, scope, version)
  const bytes = async () =>
    (await pg.admin.rows<{ material: Buffer }>`select material from compatibility_keys order by version`).map(
      (row) => row.material,
    )
  const before = await bytes()
  await startRewrap(first, scope, {})
  await workRewraps(first)
  const after = await bytes()
  for (const [i, envelope] of after.entries()) {
    expect(envelope.subarray(66)).toEqual(before[i]?.subarray(66))
    expect(envelope.subarray(0, 66)).not.toEqual(before[i]?.subarray(0, 66))
    expect(envelope.readUInt32BE(2)).toBe(2)
  }
  await pg.admin
    .run`update compatibility_keys set material = (select material from compatibility_keys where version = 1) where version = 2`
  await expect(read(first, scope, 2)).rejects.toThrow(EnvelopeError)
})

test('P126 A34 short: 3,000 envelopes rotate twice under requests from two processes without one error', async () => {
  const { first, start, tenant } = await installation()
  const scope = await tenant()
  const second = await start()
  await fill(first, scope, 3_000)
  const asked = { reads: 0, writes: 0, on: true }
  const errors: unknown[] = []
  const caller = async (process: typeof first, from: number) => {
    for (let n = 1; asked.on; n++) {
      try {
        await read(process, scope, ((n * 7_919 + from) % 3_000) + 1)
        asked.reads++
        if (n % 5 === 0) {
          await put(process, scope, from + n)
          expect(await read(process === first ? second : first, scope, from + n)).toBe(`text ${from + n}`)
          asked.writes++
        }
      } catch (error) {
        errors.push(error)
      }
    }
  }
  const callers = [caller(first, 1_000_000), caller(second, 2_000_000)]
  for (const [old, next] of [
    [1, 2],
    [2, 3],
  ] as const) {
    await addRootKey(first, scope)
    await second.ring.refresh()
    await promoteRootKey(first, scope, next)
    const { id } = await startRewrap(first, scope, {})
    await workRewraps(next === 2 ? first : second)
    const run = await getRewrap(first, id)
    expect(run).toMatchObject({ state: 'finished', failed: 0 })
    expect(run.done).toBeGreaterThanOrEqual(3_000)
    await retireRootKey(first, scope, old)
  }
  asked.on = false
  await Promise.all(callers)
  expect(errors).toEqual([])
  expect(Math.min(asked.reads, asked.writes)).toBeGreaterThan(0)
}, 120_000)

test('V72 two processes at one run: each wrap moves once, and two runs go one after the other', async () => {
  const { pg, first, start, tenant } = await installation()
  const scope = await tenant()
  const second = await start()
  await fill(first, scope, 900)
  const ids = [(await startRewrap(first, scope, {})).id, (await startRewrap(second, scope, {})).id]
  await Promise.all([workRewraps(first), workRewraps(second)])
  await workRewraps(first)
  for (const id of ids) expect(await getRewrap(first, id)).toMatchObject({ state: 'finished', total: 900, done: 900 })
  const [a, b] = await pg.admin.rows<{ started_at: Date; finished_at: Date }>`
    select started_at, finished_at from rewraps order by id`
  expect(b?.started_at.getTime()).toBeGreaterThanOrEqual(a?.finished_at.getTime() as number)
  const keys = await pg.admin.rows`select version, state from tenant_keys order by version`
  expect(keys).toEqual([
    { version: 1, state: 'retired' },
    { version: 2, state: 'retired' },
    { version: 3, state: 'current' },
  ])
})

test('V72 a run that was stopped at any batch goes on where it was, and counts nothing twice', async () => {
  const { first, start, tenant } = await installation()
  const scope = await tenant()
  await fill(first, scope, 1_000)
  const { id } = await startRewrap(first, scope, {})
  for (let stops = 1; stops <= 4; stops++) {
    const stop = new AbortController()
    let told = 0
    await workRewraps(await start(), {
      signal: stop.signal,
      told: () => {
        if (++told === stops) stop.abort('shutdown')
      },
    })
  }
  await workRewraps(first)
  expect(await getRewrap(first, id)).toMatchObject({ state: 'finished', total: 1_000, done: 1_000, failed: 0 })
  expect(await read(first, scope, 1_000)).toHaveLength(48)
})

test('V72 a broken envelope is counted, named and left; its old version is then neither retired nor destroyed', async () => {
  const { pg, first, tenant } = await installation()
  const scope = await tenant()
  for (const version of [1, 2, 3]) await put(first, scope, version)
  await pg.admin
    .run`update compatibility_keys set material = set_byte(material, 30, get_byte(material, 30) # 1) where version = 2`
  const { id } = await startRewrap(first, scope, {})
  await workRewraps(first)
  expect(await getRewrap(first, id)).toMatchObject({ state: 'finished', total: 3, done: 2, failed: 1 })
  await pg.clock.advance('10m')
  expect(await destroyRetiredTenantKeys(first, scope)).toEqual({ destroyed: 0, kept: 0 })
  expect(await pg.admin.rows`select version, state from tenant_keys order by version`).toEqual([
    { version: 1, state: 'accepted' },
    { version: 2, state: 'current' },
  ])
})

test('V72 a retired version is destroyed on command once nothing can name it, and kept where something does', async () => {
  const { pg, first, tenant } = await installation()
  const scope = await tenant()
  await put(first, scope, 1)
  const [old] = await pg.admin.rows<{ material: Buffer }>`select material from compatibility_keys`
  await startRewrap(first, scope, {})
  await workRewraps(first)
  expect(await destroyRetiredTenantKeys(first, scope)).toEqual({ destroyed: 0, kept: 0 })
  await pg.clock.advance('301s')
  await pg.admin.run`update compatibility_keys set material = ${old?.material}`
  expect(await destroyRetiredTenantKeys(first, scope)).toEqual({ destroyed: 0, kept: 1 })
  await startRewrap(first, scope, {})
  await workRewraps(first)
  await pg.clock.advance('301s')
  expect(await destroyRetiredTenantKeys(first, scope, scope.tenantId)).toEqual({ destroyed: 2, kept: 0 })
  expect(await read(first, scope, 1)).toBe('text 1')
  expect(await pg.admin.rows`select 1 from key_erasures`).toEqual([])
})

test('P124 subjects’ keys move with their tenant’s, so what a subject sealed is not touched', async () => {
  const { pg, first, start, tenant } = await installation()
  const scope = await tenant()
  const before = await tx(first.db, scope, (t) => subjectKey(first, t, scope, 'task:task_1'))
  await startRewrap(first, scope, {})
  await workRewraps(first)
  const [row] = await pg.admin.rows<{ wrapped: Buffer }>`select wrapped from subject_keys`
  expect(row?.wrapped.readUInt32BE(1)).toBe(2)
  const other = await start()
  const after = await tx(other.db, scope, (t) => subjectKey(other, t, scope, 'task:task_1'))
  expect(after.versions.get(1)).toEqual(before.versions.get(1))
})

test('V72 reseal replaces data keys and nonces, and the text stays', async () => {
  const { pg, first, tenant } = await installation()
  const scope = await tenant()
  await put(first, scope, 1)
  const [before] = await pg.admin.rows<{ material: Buffer }>`select material from compatibility_keys`
  await startRewrap(first, scope, { reseal: true })
  await workRewraps(first)
  const [after] = await pg.admin.rows<{ material: Buffer }>`select material from compatibility_keys`
  expect(after?.material.subarray(66, 78)).not.toEqual(before?.material.subarray(66, 78))
  expect(await read(first, scope, 1)).toBe('text 1')
})

test('V72 one tenant’s rekey leaves the others, and a tenant without keys is not found', async () => {
  const { pg, first, tenant } = await installation()
  const [one, two] = [await tenant(), await tenant()]
  for (const scope of [one, two]) await put(first, scope, 1)
  await startRewrap(first, one, { tenant_id: tenantWire(one.tenantId) })
  await workRewraps(first)
  const rows = await pg.admin.rows<{ tenant_id: string; top: number }>`
    select tenant_id, max(version)::integer as top from tenant_keys group by 1`
  expect(Object.fromEntries(rows.map((row) => [row.tenant_id, row.top]))).toEqual({ [one.tenantId]: 2, [two.tenantId]: 1 })
  await expect(startRewrap(first, one, { tenant_id: tenantWire(crypto.randomUUID()) })).rejects.toMatchObject({
    code: 'not_found',
  })
})

test('P126 a process that holds a tenant’s key while it is rotated sees the new version in the key that it holds', async () => {
  const { first, start, tenant } = await installation()
  const scope = await tenant()
  await put(first, scope, 1)
  const second = await start()
  const held = await tx(second.db, scope, (t) => tenantKey(second, t, scope))
  expect([...held.versions.keys()]).toEqual([1])
  await startRewrap(first, scope, {})
  await workRewraps(first)
  // No call on `second` in between: what it holds was brought up to date before anything was sealed under version 2.
  expect([...held.versions.keys()].sort()).toEqual([1, 2])
  expect(held.current).toBe(2)
})
