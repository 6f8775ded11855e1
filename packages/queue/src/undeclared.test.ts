import { expect, test } from 'vitest'
import { database } from '#harness'
import { copyIn, createQueue, defineKind, enqueue, QueueError } from './index.ts'

const known = defineKind('known', { run: () => undefined })
const unknown = { code: 'QJ005', detail: expect.stringContaining('"kind_unknown"') }

async function open() {
  const { db, clock } = await database()
  const queue = createQueue({ database: db.pool, kinds: [known], listen: false, clock })
  await queue.register()
  const ask = (call: string, values: unknown[] = []) => db.pool.query(`select countersign_queue.${call} as told`, values)
  const depth = async () => (await queue.jobs({})).data.length
  return { queue, pool: db.pool, ask, depth }
}

test('§8 Q143 the row "kind undeclared": SQL and TypeScript enqueue it as long as the queue does not turn such away, then it is kind_unknown and nothing is written', async () => {
  const { queue, pool, ask, depth } = await open()
  await ask(`enqueue('strict', 'stranger', '{}')`)
  await queue.configure('strict', { undeclared: false })
  expect(await queue.settings('strict')).toEqual({ undeclared: false })

  // Each way in: ready and later, alone, alike, mixed with known kinds, with a key of its own.
  await expect(ask(`enqueue('strict', 'stranger', '{}')`)).rejects.toMatchObject(unknown)
  await expect(ask(`enqueue('strict', 'stranger', '{}', '{"delay_ms": 1000}')`)).rejects.toMatchObject(unknown)
  await expect(ask(`enqueue('strict', 'stranger', '{}', '{"unique": {"key": "k"}}')`)).rejects.toMatchObject(unknown)
  const job = (kind: string, own: object = {}) => ({ kind, queue: 'strict', ...own })
  for (const [at, jobs] of [
    [0, [job('stranger'), job('stranger'), job('stranger')]],
    [2, [job('known'), job('known', { priority: 1 }), job('stranger')]],
    [1, [job('known', { delay_ms: 5 }), job('stranger', { delay_ms: 5 }), job('known', { delay_ms: 5 })]],
  ] as const)
    await expect(ask('enqueue_many($1::jsonb)', [JSON.stringify(jobs)])).rejects.toSatisfy(
      (error: { detail: string }) => JSON.parse(error.detail).index === at,
    )
  const refusal = await enqueue(pool, { kind: 'stranger', queue: 'strict' }).catch((error: unknown) => error)
  expect(refusal).toBeInstanceOf(QueueError)
  expect(refusal).toMatchObject({ code: 'kind_unknown', message: expect.stringContaining('the kind stranger') })
  expect(await copyIn(pool, [job('known'), job('stranger'), job('known')], { mode: 'skip' })).toMatchObject({
    count: 2,
    refused: [{ index: 1, code: 'kind_unknown' }],
  })
  expect(await depth()).toBe(3)

  // Another queue, a kind that somebody declares, and the queue once it allows it again: all take it.
  await ask(`enqueue('default', 'stranger', '{}')`)
  await ask(`register_kinds('{"stranger": {}}')`)
  await ask(`enqueue('strict', 'stranger', '{}')`)
  await queue.configure('strict', { undeclared: true })
  await ask(`enqueue('strict', 'another', '{}')`)
  await queue.configure('strict', { undeclared: null })
  await ask(`enqueue('strict', 'third', '{}')`)
  expect(await depth()).toBe(7)
  await expect(ask(`configure_queue('strict', '{"undeclared": "no"}')`)).rejects.toMatchObject({
    code: 'QJ005',
    detail: '{"path": "/undeclared"}',
  })
})
