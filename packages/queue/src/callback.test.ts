import { expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'
import {
  type Callback,
  type CallbackOptions,
  createQueue,
  defineKind,
  enqueue,
  enqueueMany,
  type Kind,
  park,
  type Queue,
} from './index.ts'
import { claim, registerWorker, releaseWorker } from './sql.ts'
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
function bank(then: 'finish' | 'resume', more: object = {}, expressions: CallbackOptions = {}) {
  const made: Callback[] = []
  const kind = defineKind('bank', {
    async run(_, ctx) {
      const callback = await ctx.callback('answer', { timeout: '2h', ...expressions, then })
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
  await expect(queue.callbacks.resume(resumed, 7)).rejects.toMatchObject({ code: 'callback_resolved' })
  await expect(queue.callbacks.cancel(withdrawn)).rejects.toMatchObject({ code: 'callback_resolved' })
})

/** A worker that takes what is ready and is never heard of again. */
async function loseWorker({ house: { store }, tick }: Queue) {
  const id = `lost-${crypto.randomUUID()}`
  await registerWorker(store, {
    id,
    queues: ['default'],
    kinds: ['steps'],
    host: 'here',
    pid: 1,
    version: '0',
    lostAfterMs: 60_000,
  })
  const { jobs } = await claim(store, id, crypto.randomUUID(), [{ queue: 'default', n: 1, kinds: ['steps'] }], 0)
  await releaseWorker(store, id)
  await tick()
  return jobs
}

test('Q99 Q150 A9 a handler that waits three times passes answered waits at once, also when its worker is lost in between: each effect once', async () => {
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
    backoff: { base: 0 },
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
    expect((await loseWorker(queue)).map((job) => job.id)).toEqual([id])
    expect((await queue.job(id))?.state).toMatch(/ready|retrying/)
  }
  await drain(queue)
  expect(effects).toEqual(['one', 'two', 'three'])
  expect(await queue.job(id)).toMatchObject({ state: 'completed', output: ['one!', 'two!', 'three!'] })
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

test.each([
  ['filter', { filter: '$.a ==' }],
  ['on_fail', { onFail: 'lax' }],
  ['on_complete', { onComplete: '$[' }],
  ['transform', { transform: '' }],
  ['filter', { filter: '$.name like_regex "("' }],
  ['filter', { filter: `$.${'a'.repeat(4_096)}` }],
  ['default', { default: 'perhaps' as 'ignore' }],
] as [string, CallbackOptions][])(
  'Q102 §8 a %s that cannot be one is refused when the callback is made',
  async (member, options) => {
    const { kind, made } = bank('finish', {}, options)
    const { queue, admin } = await open([kind])
    const id = await enqueue(queue.house.store, { kind: 'bank' })
    await drain(queue, { max: 1 })
    expect(made).toEqual([])
    expect((await queue.job(id))?.errors[0]?.error).toContain(`${member} is `)
    expect((await admin.query('select from countersign_queue.callbacks')).rowCount).toBe(0)
  },
)

test('Q102 onFail is asked before onComplete, the default says the rest, and what is stored is the transform', async () => {
  const names: [CallbackOptions, unknown, object][] = [
    [
      { onFail: '$.code > 399', onComplete: '$.code == 500' },
      { code: 500, error: 'down' },
      { state: 'failed', errors: [{ error: 'down' }] },
    ],
    [{ onFail: '$ ? (@.bad == true)' }, { bad: true }, { state: 'failed', state_reason: 'terminal_error' }],
    [{ onFail: '$.code > 399' }, { code: 200 }, { state: 'completed', output: { code: 200 } }],
    [{ onComplete: '$.code == 200' }, { code: 200 }, { state: 'completed' }],
    [{ onComplete: '$.code == 200' }, { code: 202 }, { state: 'waiting' }],
    [{ onComplete: '$.code == 200', default: 'complete' }, { code: 202 }, { state: 'completed' }],
    [{ default: 'fail' }, 1, { state: 'failed', errors: [{ error: 'the answer to callback answer means failure' }] }],
    [{ default: 'ignore' }, 1, { state: 'waiting' }],
    [{ filter: '$.done' }, { done: false }, { state: 'waiting' }],
    [{ filter: '$.done' }, {}, { state: 'waiting' }],
    [{ filter: '$.done' }, { done: null }, { state: 'waiting' }],
    [{ filter: '$.done' }, { done: 'yes' }, { state: 'completed' }],
    [{ filter: '$.done == true', default: 'fail' }, { done: false }, { state: 'waiting' }],
    [{ transform: '$.items[*].id' }, { items: [{ id: 4 }, { id: 5 }] }, { state: 'completed', output: 4 }],
    [{ transform: '$.nothing' }, {}, { state: 'completed', output: null }],
  ]
  const made: Callback[] = []
  const kind = defineKind<number>('judge', {
    async run(job, ctx) {
      const callback = await ctx.callback('answer', names[job.payload]?.[0])
      made[job.payload] = callback
      return park(callback)
    },
  })
  const { queue } = await open([kind])
  const ids = await enqueueMany(
    queue.house.store,
    names.map((_, payload) => ({ kind: 'judge', payload })),
  )
  await drain(queue)
  for (const [i, [options, payload, told]] of names.entries()) {
    const settled = await queue.callbacks.complete(made[i]?.id ?? '', payload)
    expect(settled.ignored === true, JSON.stringify(options)).toBe(settled.state === 'waiting')
    expect(await queue.job(ids[i] ?? ''), JSON.stringify(options)).toMatchObject(told)
  }
})

test('Q102 an expression that errors changes nothing, in the caller’s own transaction too, and a resume from inside asks none', async () => {
  const { kind, made } = bank('finish', {}, { filter: 'strict $.ready' })
  const { queue, db } = await open([kind])
  const id = await enqueue(queue.house.store, { kind: 'bank' })
  await drain(queue)
  const callback = made[0]?.id ?? ''
  const failing = queue.callbacks.complete(callback, {}, { tx: db.pool })
  await expect(failing).rejects.toMatchObject({ code: 'callback_expression_failed', members: { state: 'waiting' } })
  expect(await queue.callbacks.get(callback)).toMatchObject({
    state: 'open',
    payload: null,
    expressions: { filter: 'strict $.ready' },
  })
  expect(await queue.callbacks.resume(callback, 7)).toMatchObject({ state: 'ready' })
  await drain(queue)
  expect(await queue.job(id)).toMatchObject({ state: 'completed', output: { said: 7 } })
})

test('Q150 whatever happens in whatever order, a callback is resolved once, and waits, answers and timeouts keep their promises', async () => {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
  const random = seeded(seed)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const steps = defineKind('steps', {
    async run(_, ctx) {
      for (const name of ['one', 'two']) {
        const callback = await ctx.callback(name, RESUME)
        if (!callback.resolved) return park(callback)
      }
      return 'done'
    },
    maxAttempts: 3,
    backoff: { base: 0 },
  })
  const { queue, admin, clock } = await open([steps])
  await enqueueMany(
    queue.house.store,
    Array.from({ length: 6 }, () => ({ kind: 'steps' })),
  )
  type Row = {
    id: string
    name: string
    job_id: string
    state: string
    payload: unknown
    timeout_at: Date
    job: string
    of: string | null
  }
  const look = async () =>
    (
      await admin.query(
        `select c.id, c.name, c.job_id, c.state, c.payload, c.timeout_at, j.state as job, j.callback_id as of
         from countersign_queue.callbacks c join countersign_queue.jobs j on j.id = c.job_id order by c.id`,
      )
    ).rows as Row[]
  let before: Row[] = []
  for (let step = 0; step < 60; step++) {
    const open = before.map((one) => one.id)
    const at = `seed ${seed}, step ${step}`
    const act = pick(['run', 'complete', 'complete', 'fail', 'heartbeat', 'cancel', 'retry', 'time', 'lose', 'cancel job'])
    const refused = (error: { code: string }) => expect(error.code, at).toMatch(/callback_|state_conflict/)
    const id = open.length > 0 ? pick(open) : null
    if (act === 'run') await drain(queue, { max: 3 })
    else if (act === 'lose') await loseWorker(queue)
    else if (act === 'time') await clock.advance('25m').then(() => queue.tick())
    else if (id === null) continue
    else if (act === 'complete') await queue.callbacks.complete(id, step).catch(refused)
    else if (act === 'fail') await queue.callbacks.fail(id, { error: 'no', retryable: random() < 0.7 }).catch(refused)
    else if (act === 'heartbeat') await queue.callbacks.heartbeat(id, pick(['1s', '2h'])).catch(refused)
    else if (act === 'cancel') await queue.callbacks.cancel(id).catch(refused)
    else if (act === 'retry') await queue.callbacks.retry(id).catch(refused)
    else if (random() < 0.1) await queue.cancel(before.find((one) => one.id === id)?.job_id ?? '').catch(refused)
    const now = await look()
    for (const row of now) {
      const old = before.find((one) => one.id === row.id)
      // AtMostOnceResolution, EarlierAnswersKept
      if (old && old.state !== 'open') expect([row.state, row.payload], at).toEqual([old.state, old.payload])
      // HeartbeatNeverShortens
      if (old) expect(row.timeout_at.getTime(), at).toBeGreaterThanOrEqual(old.timeout_at.getTime())
      // TerminalHasNoOpenCallback
      if (['completed', 'failed', 'cancelled'].includes(row.job)) expect(row.state, at).not.toBe('open')
      // WaitingHasOpenCallback
      if (row.job === 'waiting' && row.of === row.id) expect(row.state, at).toBe('open')
      // A timed-out callback leaves waiting.
      if (act === 'time' && row.state === 'open')
        expect(row.timeout_at.getTime(), at).toBeGreaterThan(clock.now().getTime() - 1_000)
    }
    before = now
  }
})

/** mulberry32 */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
