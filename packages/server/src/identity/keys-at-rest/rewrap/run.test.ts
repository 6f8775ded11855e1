import { expect, test } from 'vitest'
import { EnvelopeError } from '../../../crypto/seal.ts'
import { systemScope } from '../../../db/scope.ts'
import { tx } from '../../../db/tx.ts'
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
