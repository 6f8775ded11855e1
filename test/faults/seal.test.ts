// kill -9 of the process that seals, in the middle of its steps, while writers go on: nothing of the step is seen, and the next one seals the same rows (platform.md §21).
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { database } from '#harness'
import { chainOf, digestOf, FIRST_PREV } from '../../packages/server/src/crypto/chain.ts'
import { systemScope } from '../../packages/server/src/db/scope.ts'
import { tx } from '../../packages/server/src/db/tx.ts'
import { sealStep } from '../../packages/server/src/events/audit/sealing.ts'
import { record } from '../../packages/server/src/events/event.ts'
import { newTenantUuid } from '../../packages/server/src/std/id.ts'
import { root, start } from '../harness/process.ts'

const KILLS = 6

test('P112 A32 a sealer that is killed in the middle of its steps leaves a whole chain without a gap, and every event is sealed once', async () => {
  const { admin, db, runtimeUrl } = await database({ max: 8 })
  const tenantId = newTenantUuid()
  await admin.run`insert into tenants (id, name) values (${tenantId}::uuid, 'one')`
  const scope = systemScope('test', tenantId)
  let writing = true
  let written = 0
  const writers = Array.from({ length: 4 }, async () => {
    while (writing) {
      await tx(db, scope, async (t) => {
        for (let n = 0; n < 20; n++) await record(t, scope, 'task.created', { n })
      })
      written += 20
    }
  })
  const sealedNow = async () => (await admin.one<{ n: number }>`select count(*)::int as n from seals`).n
  for (let n = 0; n < KILLS; n++) {
    const before = await sealedNow()
    const sealer = start(process.execPath, ['--import', 'tsx', join(root, 'test/faults/sealer.ts')], {
      env: { DATABASE_URL: runtimeUrl },
    })
    await sealer.line(/^step/)
    // Past some whole steps, then anywhere in the next.
    await expect.poll(sealedNow, { timeout: 60_000 }).toBeGreaterThan(before)
    for (let turn = 0; turn < n * 37; turn++) await setImmediate()
    sealer.child.kill('SIGKILL')
    await sealer.ended
  }
  writing = false
  await Promise.all(writers)
  await sealStep({ db })

  const seals = await admin.rows<{ seq: number; digest: Buffer; prev_hash: Buffer; hash: Buffer; body: string }>`
    select s.seq::int as seq, s.digest, s.prev_hash, s.hash, e.body from seals s join events e on e.id = s.event_id order by s.seq`
  expect(seals).toHaveLength(written)
  const link = chainOf(tenantId)
  let prev: Buffer = FIRST_PREV
  for (const [i, seal] of seals.entries()) {
    const whole = seal.seq === i + 1 && seal.prev_hash.equals(prev) && seal.digest.equals(digestOf(seal.body))
    if (!whole || !seal.hash.equals(link(seal.seq, prev, seal.digest))) expect(seal).toBe(`a whole link at ${i + 1}`)
    prev = seal.hash
  }
}, 180_000)
