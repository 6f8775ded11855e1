// Q66, Q14: whatever is listed once is counted once, also what stands in the ring and in a row.
import { expect, test } from 'vitest'
import { enqueue, job } from './acts.ts'
import { openEngine } from './harness.ts'
import { violations } from './invariants.ts'
import { BOTH } from './model/world.ts'

for (const which of BOTH)
  test(`Q66 Q14 on the ${which} a drained job that somebody looks after again is counted in one state, before and after it is retried`, async () => {
    const engine = await openEngine(which, { sessions: 1 })
    const s = engine.session(0)
    const counted = async () => (await s.get<{ queues: Record<string, object> }>('counts()')).queues
    const [first] = await enqueue(s, ['1', '2'])
    await s.get("drain_queue('alpha')")
    expect(await counted()).toEqual({ alpha: { cancelled: 2 } })
    // Nothing to release; but in the ring it has its row from here on.
    expect(await s.get('release_job($1::text)', [first])).toMatchObject({ state: 'cancelled', changed: false })
    expect(await counted()).toEqual({ alpha: { cancelled: 2 } })
    await s.run("set countersign.tenant = '00000000-0000-0000-0000-000000000000'")
    expect(await counted()).toEqual({ alpha: { cancelled: 2 } })
    await s.run('reset countersign.tenant')
    expect(await s.get('retry_job($1::text)', [first])).toMatchObject({ state: 'ready', changed: true })
    expect(await counted()).toEqual({ alpha: { cancelled: 1, ready: 1 } })
    expect(await job(s, first)).toMatchObject({ state: 'ready' })
    expect(await violations(engine)).toEqual([])
  })
