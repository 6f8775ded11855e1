import { expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'
import { type Callback, type CallbackOptions, createQueue, defineKind, enqueue, type Kind, park } from './index.ts'
import { drain } from './testing.ts'

async function open(kinds: readonly Kind[]) {
  const house = await database()
  const queue = createQueue({
    database: { url: house.runtimeUrl },
    kinds,
    clock: house.clock,
    listen: false,
    callbackUrl: (id) => `https://here/callbacks/${id}`,
  })
  onTestFinished(() => queue.close({ grace: '1s' }))
  return { ...house, queue }
}

// biome-ignore lint/suspicious/noThenProperty: the word of the contract, and a text: nothing awaits it
const RESUME: CallbackOptions = { then: 'resume' }

/** A kind that parks on one callback and hands its callback out. */
function bank(then: 'finish' | 'resume', more: object = {}) {
  const made: Callback[] = []
  const kind = defineKind('bank', {
    async run(_, ctx) {
      const callback = await ctx.callback('answer', { timeout: '2h', then })
      made.push(callback)
      return callback.resolved ? { said: callback.payload } : park(callback)
    },
    ...more,
  })
  return { kind: kind, made }
}

test('Q99 Q100 a parked job is completed by its answer, or runs on with it, without another attempt', async () => {
  for (const then of ['finish', 'resume'] as const) {
    const { kind, made } = bank(then)
    const { queue } = await open([kind])
    const id = await enqueue(queue.house.store, { kind: 'bank' })
    await drain(queue)
    expect(await queue.job(id)).toMatchObject({ state: 'waiting', attempt: 1 })
    expect(made[0]?.url).toBe(`https://here/callbacks/${made[0]?.id}`)
    expect(await queue.callbacks.complete(made[0]?.id as string, { ok: true })).toMatchObject({
      job_id: id,
      state: then === 'finish' ? 'completed' : 'ready',
    })
    await drain(queue)
    const output = then === 'finish' ? { ok: true } : { said: { ok: true } }
    expect(await queue.job(id)).toMatchObject({ state: 'completed', attempt: 1, output })
  }
})

test('Q100 A10 the first answer wins: the same again is no error, another is refused, and one after the timeout comes too late', async () => {
  const { kind, made } = bank('finish', { maxAttempts: 1 })
  const { queue, clock } = await open([kind])
  await queue.enqueueMany([{ kind: 'bank' }, { kind: 'bank' }])
  await drain(queue)
  const [one, two] = made.map((callback) => callback.id) as [string, string]
  await queue.callbacks.complete(one, 1)
  expect(await queue.callbacks.complete(one, 1)).toMatchObject({ state: 'completed' })
  await expect(queue.callbacks.complete(one, 2)).rejects.toMatchObject({ code: 'callback_resolved' })
  await expect(queue.callbacks.fail(one, { error: 'x' })).rejects.toMatchObject({ code: 'callback_resolved' })
  await clock.advance('90m')
  expect((await queue.callbacks.heartbeat(two, '1h')).timeout_at > new Date().toISOString()).toBe(true)
  await clock.advance('45m')
  await queue.tick()
  expect((await queue.callbacks.get(two))?.state).toBe('open')
  await clock.advance('30m')
  await expect(queue.callbacks.complete(two, 1)).rejects.toMatchObject({ code: 'callback_expired' })
  expect(await queue.job((await queue.callbacks.get(two))?.job_id as string)).toMatchObject({
    state: 'failed',
    state_reason: 'callback_timeout',
    dead_letter: true,
  })
  await expect(queue.callbacks.complete('cb_none', 1)).rejects.toMatchObject({ code: 'not_found' })
})

test('Q100 an answer that comes before the park counts, for each of complete and fail', async () => {
  let answer: (id: string) => Promise<unknown> = async () => undefined
  const early = defineKind('early', {
    async run(_, ctx) {
      const callback = await ctx.callback('answer', RESUME)
      if (callback.resolved) return { got: callback.payload }
      await answer(callback.id)
      return park(callback)
    },
  })
  const { queue } = await open([early])
  answer = (id) => queue.callbacks.complete(id, 'early')
  const good = await enqueue(queue.house.store, { kind: 'early' })
  await drain(queue)
  expect(await queue.job(good)).toMatchObject({ state: 'completed', attempt: 1, output: { got: 'early' } })
  answer = (id) => queue.callbacks.fail(id, { error: 'no funds' })
  const bad = await enqueue(queue.house.store, { kind: 'early' })
  await drain(queue)
  expect(await queue.job(bad)).toMatchObject({ state: 'failed', state_reason: 'terminal_error', errors: [{ error: 'no funds' }] })
})

test('Q100 from inside a callback is resumed with a payload, retried from the start, or withdrawn', async () => {
  const { kind, made } = bank('finish')
  const { queue } = await open([kind])
  const ids = await queue.enqueueMany([{ kind: 'bank' }, { kind: 'bank' }, { kind: 'bank' }])
  await drain(queue)
  const [resumed, retried, withdrawn] = made.map((callback) => callback.id) as [string, string, string]
  expect(await queue.callbacks.resume(resumed, 7)).toMatchObject({ state: 'ready' })
  expect(await queue.callbacks.retry(retried)).toMatchObject({ state: 'ready' })
  expect(await queue.job(ids[1] as string)).toMatchObject({ attempt: 0 })
  expect(await queue.callbacks.cancel(withdrawn)).toMatchObject({ state: 'ready' })
  await drain(queue)
  expect(await queue.job(ids[0] as string)).toMatchObject({ state: 'completed', output: { said: 7 } })
  expect(await queue.job(ids[1] as string)).toMatchObject({ state: 'waiting', attempt: 1 })
  expect(await queue.job(ids[2] as string)).toMatchObject({ state: 'waiting', attempt: 1 })
  expect(new Set(made.map((callback) => callback.id)).size).toBe(5)
  await expect(queue.callbacks.complete(withdrawn, 1)).rejects.toMatchObject({ code: 'callback_resolved' })
})

test('Q99 A9 a handler that waits three times passes answered waits at once, and each step’s effect happens once', async () => {
  const effects: string[] = []
  const steps = defineKind('steps', {
    async run(_, ctx) {
      const answers: unknown[] = []
      for (const name of ['one', 'two', 'three']) {
        const callback = await ctx.callback(name, RESUME)
        if (!callback.resolved) {
          effects.push(name)
          return park(callback)
        }
        answers.push(callback.payload)
      }
      return answers
    },
  })
  const { queue, admin } = await open([steps])
  const id = await enqueue(queue.house.store, { kind: 'steps' })
  for (const name of ['one', 'two', 'three']) {
    await drain(queue)
    const { rows } = await admin.query(
      `select id from countersign_queue.callbacks where job_id = $1 and name = $2 and state = 'open'`,
      [id, name],
    )
    await queue.callbacks.complete(rows[0].id, `${name}!`)
  }
  await drain(queue)
  expect(effects).toEqual(['one', 'two', 'three'])
  expect(await queue.job(id)).toMatchObject({ state: 'completed', attempt: 1, output: ['one!', 'two!', 'three!'] })
})

test('Q99 cb.wait() waits inside the handler, and a failure rejects there', async () => {
  const ids: string[] = []
  const waits = defineKind('waits', {
    async run(_, ctx) {
      const callback = await ctx.callback('answer', RESUME)
      ids.push(callback.id)
      return callback.wait().catch((error: Error) => ({ caught: error.message }))
    },
  })
  const { queue } = await open([waits])
  queue.work()
  const [good, bad] = (await queue.enqueueMany([
    { kind: 'waits', payload: 1 },
    { kind: 'waits', payload: 2 },
  ])) as [string, string]
  await expect.poll(() => ids.length).toBe(2)
  for (const id of ids) {
    const job = (await queue.callbacks.get(id))?.job_id
    if (job === good) await queue.callbacks.complete(id, 'answer')
    else await queue.callbacks.fail(id, { error: 'refused' })
  }
  expect(await queue.result(good)).toBe('answer')
  expect(await queue.result(bad)).toEqual({ caught: 'refused' })
})

test('Q150 a job that ends leaves no open callback, and a retryable failure is an attempt', async () => {
  const { kind, made } = bank('finish', { backoff: { base: 0 } })
  const { queue } = await open([kind])
  const [gone, again] = (await queue.enqueueMany([{ kind: 'bank' }, { kind: 'bank' }])) as [string, string]
  await drain(queue)
  await queue.cancel(gone)
  expect((await queue.callbacks.get(made[0]?.id as string))?.state).toBe('cancelled')
  await queue.callbacks.fail(made[1]?.id as string, { error: 'busy', retryable: true })
  expect(await queue.job(again)).toMatchObject({ state: 'retrying', attempt: 1, errors: [{ error: 'busy' }] })
  await drain(queue)
  expect(await queue.job(again)).toMatchObject({ state: 'waiting', attempt: 2 })
})

test('Q101 an answer from SQL alone, by a login that may do nothing else, runs follow-ups in its own transaction', async () => {
  const { kind, made } = bank('finish', { onCompleted: [{ kind: 'told' }] })
  const { queue, admin } = await open([kind])
  const id = await enqueue(queue.house.store, { kind: 'bank' })
  await drain(queue)
  await admin.query('begin; set local role countersign_callback')
  const { rows } = await admin.query('select countersign_queue.callback_resolve($1, $2, $3) as answer', [
    made[0]?.id,
    'complete',
    { payload: 1 },
  ])
  expect(rows[0].answer).toMatchObject({ verdict: 'done', job_id: id, state: 'completed' })
  await admin.query('rollback')
  expect(await queue.job(id)).toMatchObject({ state: 'waiting' })
  expect((await queue.jobs({ kind: 'told' })).data).toEqual([])
  await admin.query('begin; set local role countersign_callback')
  await admin.query('select countersign_queue.callback_resolve($1, $2, $3)', [made[0]?.id, 'complete', { payload: 1 }])
  await admin.query('commit')
  expect((await queue.jobs({ kind: 'told' })).data).toHaveLength(1)
})
