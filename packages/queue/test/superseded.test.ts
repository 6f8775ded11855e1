// Q86: a unique key that is held only from a later state on may be taken when a job comes to that state. Then that job is superseded, whichever way it
// came, and whoever moved it goes on with the others: one conflict stops no queue.
import { expect, test } from 'vitest'
import { claim, claimAll, enqueue, finish, job, json, register, tick } from './acts.ts'
import { type Engine, openEngine, type Session } from './harness.ts'
import { violations } from './invariants.ts'
import { BOTH } from './model/world.ts'

const keyed = (k: string, held: string[], more: object = {}) => ({
  ...{ kind: 'plain', queue: 'alpha', payload: { k }, unique: { key: 'one', while: held } },
  ...more,
})

async function opened(which: 'ring' | 'oracle'): Promise<{ engine: Engine; s: Session; put(jobs: object[]): Promise<string[]> }> {
  const engine = await openEngine(which, { sessions: 1 })
  const s = engine.session(0)
  await register(s, 'w1')
  const put = async (jobs: object[]) =>
    (await s.get<{ id: string }[]>('enqueue_many($1::jsonb)', [json(jobs)])).map((one) => one.id)
  return { engine, s, put }
}

for (const which of BOTH) {
  test(`Q86 Q51 on the ${which} a job whose key is held only while it runs is superseded at the claim by one that runs; the claim gives the others`, async () => {
    const { engine, s, put } = await opened(which)
    const [first, second] = await put([keyed('1', ['running', 'waiting']), keyed('2', ['running', 'waiting'])])
    await enqueue(s, ['3'])
    const held = await claimAll(s, 'w1')
    expect(held.map((one) => one.payload.k).sort()).toEqual(['1', '3'])
    expect(await job(s, first)).toMatchObject({ state: 'running' })
    expect(await job(s, second)).toMatchObject({ state: 'cancelled', state_reason: 'superseded' })
    // Also beside one that runs already, and after it none.
    const [third] = await put([keyed('4', ['running', 'waiting'])])
    expect(await claimAll(s, 'w1')).toEqual([])
    expect(await job(s, third)).toMatchObject({ state: 'cancelled', state_reason: 'superseded' })
    await finish(s, held)
    await put([keyed('5', ['running', 'waiting'])])
    expect((await claimAll(s, 'w1')).map((one) => one.payload.k)).toEqual(['5'])
    expect(await violations(engine)).toEqual([])
  })

  test(`Q86 Q105 Q51 on the ${which} the next of a strict key whose unique key another took meanwhile is superseded; its key goes on, and so does whoever ended the head`, async () => {
    const { engine, s, put } = await opened(which)
    const strict = { ordering_key: 'o', order: 'strict' }
    const plain = (k: string) => ({ kind: 'plain', queue: 'alpha', payload: { k }, ...strict })
    const held = ['ready', 'running']
    const [, second] = await put([plain('head'), keyed('second', held, strict), plain('third')])
    await put([keyed('newer', held, { delay_ms: 0 })])
    const [head] = (await claim(s, 'w1', { n: 9 })).filter((one) => one.payload.k === 'head')
    if (!head) throw new Error('the head was not given')
    expect(await finish(s, [head])).toEqual(['settled'])
    await tick(s, 'promote')
    expect(await job(s, second)).toMatchObject({ state: 'cancelled', state_reason: 'superseded' })
    expect((await claimAll(s, 'w1')).map((one) => one.payload.k)).toEqual(['third'])
    expect(await violations(engine)).toEqual([])
  })
}
