import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'
import {
  type Context,
  cancel,
  createQueue,
  defineKind,
  discard,
  enqueue,
  type Job,
  type Kind,
  type QueueOptions,
  retry,
  snooze,
  type WorkerOptions,
} from './index.ts'

/** A queue over a fresh database, as the runtime login. Several may be opened over one. */
async function open(kinds: readonly Kind[], options: Partial<QueueOptions> = {}) {
  const house = await database()
  const another = (own: readonly Kind[] = kinds, more: Partial<QueueOptions> = {}) => {
    const queue = createQueue({ database: { url: house.runtimeUrl }, clock: house.clock, ...options, ...more, kinds: own })
    onTestFinished(() => queue.close({ grace: '1s' }))
    return queue
  }
  return { ...house, queue: another(), another }
}

/** A promise with its ends in hand. */
function gate<T = void>() {
  let open: (value: T) => void = () => undefined
  const opened = new Promise<T>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

const kindOf = (name: string, run: (job: Job, ctx: Context) => unknown, more: object = {}): Kind =>
  defineKind(name, { run, ...more })
const alone: WorkerOptions = { concurrency: 4 }

test('Q1 Q68 an enqueued job wakes a sleeping worker and is completed with its output', async () => {
  const hello = defineKind<{ name: string }>('hello', { run: (job) => ({ said: `hello ${job.payload.name}` }) })
  const { queue } = await open([hello])
  queue.work()
  const id = await queue.enqueue(hello, { name: 'Ada' })
  expect(await queue.result(id)).toEqual({ said: 'hello Ada' })
  expect(await queue.job(id)).toMatchObject({ state: 'completed', attempt: 1, finished_at: expect.any(String) })
})

test('Q23 what a handler returns decides: completed, cancelled, a dead letter, a retry, a snooze', async () => {
  const kinds = [
    kindOf('done', () => undefined),
    kindOf('gone', () => cancel('not wanted')),
    kindOf('hopeless', () => discard('no such account')),
    kindOf('later', (job) => (job.attempt === 1 ? retry({ after: '1h', error: 'busy' }) : undefined)),
    kindOf('snoozer', () => snooze('1h')),
    kindOf('thrower', () => {
      throw new TypeError('broken')
    }),
  ]
  const { queue } = await open(kinds)
  const ids = await queue.enqueueMany(kinds.map((kind) => ({ kind: kind.name })))
  queue.work()
  const [done, gone, hopeless, later, snoozer, thrower] = ids as [string, string, string, string, string, string]
  await queue.result(done)
  await expect(queue.result(gone)).rejects.toMatchObject({ code: 'job_cancelled' })
  await expect(queue.result(hopeless)).rejects.toMatchObject({ code: 'job_failed', members: { reason: 'terminal_error' } })
  await expect.poll(async () => (await queue.job(thrower))?.state).toBe('retrying')
  await expect.poll(async () => (await queue.job(snoozer))?.state).toBe('scheduled')
  expect(await queue.job(hopeless)).toMatchObject({ dead_letter: true, errors: [{ error: 'no such account' }] })
  expect(await queue.job(gone)).toMatchObject({ state: 'cancelled', state_reason: 'not wanted', dead_letter: false })
  expect(await queue.job(later)).toMatchObject({ state: 'retrying', attempt: 1, errors: [{ error: 'busy' }] })
  expect(await queue.job(snoozer)).toMatchObject({ attempt: 0, errors: [] })
  expect(await queue.job(thrower)).toMatchObject({
    errors: [{ attempt: 1, error: 'TypeError: broken', stack: expect.stringContaining('worker.test') }],
  })
})

test('Q22 a return value that is no JSON is a failed attempt and never the end of the worker', async () => {
  const circle: Record<string, unknown> = {}
  circle.self = circle
  const outputs: Record<string, unknown> = {
    circle,
    big: 'x'.repeat(1_048_577),
    nul: 'a\0',
    fn: () => 1,
    odd: { [Symbol.for('countersign.queue.outcome')]: 'explode' },
  }
  const odd = kindOf('odd', (job) => outputs[job.payload as string], { maxAttempts: 1 })
  const { queue } = await open([odd, kindOf('fine', () => 1)])
  queue.work()
  for (const payload of Object.keys(outputs)) {
    const id = await enqueue(queue.house.store, { kind: 'odd', payload })
    await expect(queue.result(id), payload).rejects.toMatchObject({ members: { reason: 'output_invalid' } })
  }
  expect(await queue.result(await enqueue(queue.house.store, { kind: 'fine' }))).toBe(1)
})

test('Q21 a payload that the schema refuses at dispatch is a dead letter at once; an older version is upgraded first', async () => {
  const strict = defineKind<unknown, { n: number }>('strict', {
    payloadVersion: 2,
    upgrade: (old, from) => (from === 1 ? { n: Number((old as { count: string }).count) } : old),
    schema: (value) => {
      const { n } = value as { n: unknown }
      if (typeof n !== 'number') throw new Error('n is a number')
      return { n }
    },
    run: (job) => job.payload.n + 1,
  })
  const { queue } = await open([strict])
  queue.work()
  const bad = await enqueue(queue.house.store, { kind: 'strict', payload: { n: 'x' }, payloadVersion: 2 })
  await expect(queue.result(bad)).rejects.toMatchObject({
    members: { reason: 'payload_invalid' },
    message: '/payload: n is a number',
  })
  expect(await queue.job(bad)).toMatchObject({ attempt: 1, dead_letter: true })
  const old = await enqueue(queue.house.store, { kind: 'strict', payload: { count: '41' }, payloadVersion: 1 })
  expect(await queue.result(old)).toBe(42)
})

test('Q20 a worker takes only kinds that it knows; the job waits for one that does', async () => {
  const { queue, another } = await open([kindOf('known', () => 1)])
  queue.work()
  const id = await enqueue(queue.house.store, { kind: 'new.kind' })
  expect(await queue.result(await enqueue(queue.house.store, { kind: 'known' }))).toBe(1)
  expect(await queue.job(id)).toMatchObject({ state: 'ready', attempt: 0 })
  another([kindOf('new.kind', () => 2)]).work()
  expect(await queue.result(id)).toBe(2)
})

test('Q64 a job due in 400 ms starts at most 200 ms late, with LISTEN and without', async () => {
  for (const listen of [true, false]) {
    let started = gate<number>()
    const { queue } = await open([kindOf('due', () => started.open(Date.now()))], { listen })
    queue.work()
    await expect.poll(async () => (await queue.workers()).length).toBe(1)
    const once = async () => {
      started = gate<number>()
      const runAt = new Date(Date.now() + 400)
      await enqueue(queue.house.store, { kind: 'due', runAt })
      return (await started.opened) - runAt.getTime()
    }
    // A machine that is held up makes one late or another; a worker that looks too seldom has no three in a row that are on time.
    const late: number[] = []
    const onTime = (ms: number) => ms < (listen ? 200 : 400) // 200 without, and the machine's own noise
    while (late.length < 20 && !(late.length >= 3 && late.slice(-3).every(onTime))) late.push(await once())
    expect(Math.min(...late), `listen ${listen}`).toBeGreaterThanOrEqual(0)
    expect(late.slice(-3).every(onTime), `listen ${listen}: ${late.join(', ')} ms late`).toBe(true)
  }
})

test('Q95 cancelling a running job aborts its signal; the attempt ends as cancelled', async () => {
  for (const listen of [true, false]) {
    const started = gate()
    const waits = kindOf('waits', async (_, { signal }) => {
      started.open()
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error(`aborted: ${signal.reason}`))))
    })
    const { queue } = await open([waits], { listen })
    queue.work()
    const id = await enqueue(queue.house.store, { kind: 'waits' })
    await started.opened
    expect(await queue.cancel(id, { reason: 'changed my mind' })).toMatchObject({ state: 'running', changed: true })
    await expect(queue.result(id)).rejects.toMatchObject({ code: 'job_cancelled' })
    expect(await queue.job(id)).toMatchObject({ state: 'cancelled', state_reason: 'changed my mind' })
  }
})

test('Q56 a deadline aborts the signal and fails the attempt; the late result changes nothing', async () => {
  const started = gate()
  const late = gate<unknown>()
  const reasons: unknown[] = []
  const slow = kindOf(
    'slow',
    async (_, { signal }) => {
      signal.addEventListener('abort', () => reasons.push(signal.reason))
      started.open()
      return late.opened
    },
    { deadline: '5s', maxAttempts: 1 },
  )
  const { queue, clock } = await open([slow])
  queue.work()
  const id = await enqueue(queue.house.store, { kind: 'slow' })
  await started.opened
  await clock.advance('6s')
  await expect(queue.result(id)).rejects.toMatchObject({ members: { reason: 'deadline_expired' } })
  late.open('too late')
  expect(reasons).toEqual(['deadline'])
  expect(await queue.job(id)).toMatchObject({ state: 'failed', output: null })
})

test('Q89 a permit is held while a handler runs, and never more than there are', async () => {
  let running = 0
  let most = 0
  const busy = kindOf('busy', async () => {
    most = Math.max(most, ++running)
    await new Promise((resume) => setImmediate(resume))
    running--
  })
  const { queue } = await open([busy])
  const ids = await queue.enqueueMany(Array.from({ length: 60 }, () => ({ kind: 'busy' })))
  queue.work(alone)
  await Promise.all(ids.map((id) => queue.result(id)))
  expect(most).toBe(4)
})

test('Q96 stop lets running handlers end, hands the others back without an attempt, and frees its row', async () => {
  const ends = gate<string>()
  const aborts: unknown[] = []
  const started: string[] = []
  const polite = kindOf('polite', (job) => {
    started.push(job.kind)
    return ends.opened
  })
  const stubborn = kindOf('stubborn', async (job, { signal }) => {
    started.push(job.kind)
    signal.addEventListener('abort', () => aborts.push(signal.reason))
    await new Promise(() => undefined)
  })
  const { queue, another } = await open([polite, stubborn])
  const worker = queue.work({ concurrency: 2 })
  const one = await enqueue(queue.house.store, { kind: 'polite' })
  const other = await enqueue(queue.house.store, { kind: 'stubborn' })
  await expect.poll(() => started.length).toBe(2)
  const third = await enqueue(queue.house.store, { kind: 'polite' })
  const stopped = worker.stop({ grace: '1500ms' })
  ends.open('ended')
  await stopped
  expect(aborts).toEqual(['shutdown'])
  expect(await queue.job(one)).toMatchObject({ state: 'completed', output: 'ended' })
  expect(await queue.job(other)).toMatchObject({ state: 'ready', attempt: 0, crashes: 0, errors: [] })
  expect(await queue.job(third)).toMatchObject({ state: 'ready', attempt: 0 })
  expect((await queue.workers()).filter((one) => one.alive)).toEqual([])
  const next = another([kindOf('stubborn', () => 'calm')])
  next.work()
  expect(await queue.result(other)).toBe('calm')
})

test('Q97 the worker outlives the loss of every connection, and no job fails for it', async () => {
  let ran = 0
  const count = kindOf('count', async () => {
    await new Promise((resume) => setImmediate(resume))
    return ++ran
  })
  const { queue, admin } = await open([count])
  const ids = await queue.enqueueMany(Array.from({ length: 400 }, () => ({ kind: 'count' })))
  queue.work(alone)
  for (let i = 0; i < 5; i++) {
    await expect.poll(() => ran, { interval: 5, timeout: 10_000 }).toBeGreaterThan(i * 40)
    await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity
      where usename = 'countersign_runtime' and datname = current_database()`)
  }
  await expect
    .poll(async () => (await queue.counts().catch(() => null))?.queues.default, { timeout: 25_000, interval: 100 })
    .toEqual({ completed: 400 })
  const jobs = (await queue.jobs({}, { limit: 200 })).data
  expect(ids).toHaveLength(400)
  expect(jobs.flatMap((job) => job.errors.filter((error) => error.reason !== 'worker_lost'))).toEqual([])
}, 40_000)

test('Q54 Q2 the same outcome twice is acknowledged as already there; another one, or an old lease, is stale and changes nothing', async () => {
  const { queue, admin } = await open([])
  const id = await enqueue(queue.house.store, { kind: 'a' })
  const token = crypto.randomUUID()
  await admin.query(`select countersign_queue.register_worker('w', '{default}', '{a}', 'h', 1, 'v', 15000)`)
  const { rows } = await admin.query(
    `select countersign_queue.claim('w', $1, '[{"queue": "default", "n": 1, "kinds": ["a"]}]') as answer`,
    [token],
  )
  const { lease } = rows[0].answer.jobs[0] as { lease: number }
  const finish = async (outcome: string, more: object = {}) => {
    const { rows } = await admin.query('select countersign_queue.finish($1) as answer', [
      JSON.stringify([{ id, lease, token, outcome, ...more }]),
    ])
    return rows[0].answer[0]
  }
  expect(await finish('completed', { token: crypto.randomUUID() })).toBe('stale')
  expect(await finish('completed', { lease: lease + 1 })).toBe('stale')
  const answers = await Promise.all(Array.from({ length: 20 }, () => finish('completed')))
  expect(answers.filter((one) => one === 'settled')).toHaveLength(1)
  expect(answers.filter((one) => one === 'already')).toHaveLength(19)
  expect(await finish('failed')).toBe('stale')
  expect(await finish('snooze', { after_ms: 5 })).toBe('stale')
  expect(await queue.job(id)).toMatchObject({ state: 'completed', attempt: 1, errors: [] })
})

test('Q51 of a batch with a stale and a broken member the others are settled', async () => {
  const { queue, admin } = await open([])
  const ids = await queue.enqueueMany([{ kind: 'a' }, { kind: 'a' }, { kind: 'a' }])
  const token = crypto.randomUUID()
  await admin.query(`select countersign_queue.register_worker('w', '{default}', '{a}', 'h', 1, 'v', 15000)`)
  const claimed = await admin.query(
    `select countersign_queue.claim('w', $1, '[{"queue": "default", "n": 3, "kinds": ["a"]}]') as answer`,
    [token],
  )
  const lease = Object.fromEntries(claimed.rows[0].answer.jobs.map((job: { id: string; lease: number }) => [job.id, job.lease]))
  const results = [
    { id: ids[0], lease: lease[ids[0] as string], token, outcome: 'completed' },
    { id: ids[1], lease: lease[ids[1] as string] + 7, token, outcome: 'completed' },
    { id: ids[2], lease: lease[ids[2] as string], token, outcome: 'completed', enqueue: [{ kind: 'NOT A KIND' }] },
  ]
  const { rows } = await admin.query('select countersign_queue.finish($1) as answer', [JSON.stringify(results)])
  expect(rows[0].answer).toEqual(['settled', 'stale', 'settled'])
  expect(await queue.job(ids[0] as string)).toMatchObject({ state: 'completed' })
  expect(await queue.job(ids[1] as string)).toMatchObject({ state: 'running' })
  expect(await queue.job(ids[2] as string)).toMatchObject({ state: 'retrying', state_reason: 'output_invalid' })
})

test('Q52 Q92 finishIn settles with the business rows, a roll-back leaves the attempt open, and ctx.enqueue rides on the completion', async () => {
  let pool: import('pg').Pool | undefined
  const atomic = kindOf(
    'atomic',
    async (job, ctx) => {
      const client = await pool?.connect()
      if (!client) throw new Error('no pool')
      try {
        await client.query('begin')
        await ctx.finishIn(client, { settled: 'inside' })
        await client.query(job.attempt === 1 ? 'rollback' : 'commit')
      } finally {
        client.release()
      }
      if (job.attempt === 1) throw new Error('rolled back')
      return 'ignored'
    },
    { backoff: { base: 0 } },
  )
  const parent = kindOf('parent', (_, ctx) => {
    ctx.enqueue({ kind: 'child', payload: { of: ctx.idempotencyKey } })
    return 'parent done'
  })
  const { queue, db } = await open([atomic, parent, kindOf('child', () => 'child done')])
  pool = db.pool
  queue.work()
  const id = await enqueue(queue.house.store, { kind: 'atomic' })
  expect(await queue.result(id)).toEqual({ settled: 'inside' })
  expect(await queue.job(id)).toMatchObject({ attempt: 2 })
  const of = await enqueue(queue.house.store, { kind: 'parent' })
  expect(await queue.result(of)).toBe('parent done')
  expect((await queue.jobs({ kind: 'child' })).data).toMatchObject([{ payload: { of } }])
})

test('Q104 progress is clamped and merged, kept over a retry, cleared on completion, and refused from a stale owner', async () => {
  const seen: unknown[] = []
  const steps = kindOf('steps', async (job, ctx) => {
    seen.push(job.progress)
    ctx.progress(140, 'first', { a: 1 })
    ctx.progress(undefined, undefined, { b: 2 })
    await ctx.flush()
    if (job.attempt === 1) return retry({ after: 0 })
  })
  const { queue, admin } = await open([steps])
  queue.work()
  const id = await enqueue(queue.house.store, { kind: 'steps' })
  await queue.result(id)
  expect(seen).toEqual([null, { percent: 100, message: 'first', data: { a: 1, b: 2 } }])
  expect((await queue.job(id))?.progress).toBeNull()
  const { rows } = await admin.query('select countersign_queue.progress($1) as answer', [
    JSON.stringify([{ id, lease: 20_000, token: crypto.randomUUID(), progress: { percent: 1 } }]),
  ])
  expect(rows[0].answer).toEqual([])
})

test('Q16 Q117 a spent job is a dead letter, kept whole; a retry runs it again with attempt 0, and a filter is asked for', async () => {
  let broken = true
  const flaky = kindOf(
    'flaky',
    () => {
      if (broken) throw new Error('down')
      return 'up'
    },
    { maxAttempts: 2, backoff: { base: 0 } },
  )
  const { queue } = await open([flaky])
  queue.work()
  const id = await enqueue(queue.house.store, { kind: 'flaky', payload: { keep: true } })
  await expect(queue.result(id)).rejects.toMatchObject({ members: { reason: 'max_attempts_exhausted' } })
  expect((await queue.deadLetters.list()).data).toMatchObject([
    { id, payload: { keep: true }, attempt: 2, errors: [{ attempt: 1 }, { attempt: 2 }] },
  ])
  await expect(queue.deadLetters.retry({})).rejects.toMatchObject({ code: 'filter_required' })
  await expect(queue.deadLetters.purge({})).rejects.toMatchObject({ code: 'filter_required' })
  broken = false
  expect(await queue.deadLetters.retry({ kind: 'flaky' })).toMatchObject({ retried: [id], conflicts: [] })
  expect(await queue.result(id)).toBe('up')
  expect(await queue.job(id)).toMatchObject({ attempt: 1, dead_letter: false, errors: [{}, {}] })
})

test('Q119 a paused queue or kind gives no job until it is resumed; drain cancels all that does not run', async () => {
  const { queue } = await open([kindOf('a', () => 1), kindOf('b', () => 2)])
  await queue.pause({ queue: 'default' })
  queue.work()
  const ids = await queue.enqueueMany([{ kind: 'a' }, { kind: 'a', runAt: '1h' }, { kind: 'b', hold: 'x' }])
  const side = await enqueue(queue.house.store, { kind: 'a', queue: 'side' })
  queue.work({ queues: ['side'] })
  expect(await queue.result(side)).toBe(1)
  expect(await queue.job(ids[0] as string)).toMatchObject({ state: 'ready' })
  expect(await queue.drain('default')).toEqual({ cancelled: { ready: 1, scheduled: 1, blocked: 1 } })
  await queue.resume({ queue: 'default' })
  await queue.pause({ kind: 'a' })
  const paused = await enqueue(queue.house.store, { kind: 'a' })
  expect(await queue.result(await enqueue(queue.house.store, { kind: 'b' }))).toBe(2)
  expect(await queue.job(paused)).toMatchObject({ state: 'ready' })
  await queue.resume({ kind: 'a' })
  expect(await queue.result(paused)).toBe(1)
})

test('Q112 follow-ups are made in the transaction of the transition, whoever causes it', async () => {
  const owner = kindOf('owner.notify', (job) => job.payload)
  const work = kindOf('work', (job) => (job.payload === 'bad' ? discard('hopeless') : { sum: 3 }), {
    onCompleted: [{ kind: 'owner.notify', select: '$.outcome.output' }],
    onFailed: [owner],
    onCancelled: [{ kind: 'NOT VALID' }],
  })
  const { queue } = await open([owner, work])
  await queue.register()
  const never = await enqueue(queue.house.store, { kind: 'work', hold: 'x' })
  await queue.cancel(never)
  expect(await queue.job(never)).toMatchObject({ state: 'cancelled', errors: [{ reason: 'follow_up' }] })
  queue.work()
  const good = await enqueue(queue.house.store, { kind: 'work' })
  const bad = await enqueue(queue.house.store, { kind: 'work', payload: 'bad' })
  await queue.result(good)
  await queue.result(bad).catch(() => undefined)
  const told = (await queue.jobs({ kind: 'owner.notify' })).data.map((job) => [job.metadata['countersign:follows'], job.payload])
  expect(told).toContainEqual([good, { sum: 3 }])
  expect(told).toContainEqual([bad, { job_id: bad, kind: 'work', state: 'failed', reason: 'terminal_error' }])
})

test('Q37 a role whose sessions begin in REPEATABLE READ works all the same', async () => {
  const { runtimeUrl, queue } = await open([kindOf('a', () => 'fine')])
  const odd = createQueue({
    database: {
      url: `${runtimeUrl}${runtimeUrl.includes('?') ? '&' : '?'}options=${encodeURIComponent('-c default_transaction_isolation=repeatable\\ read')}`,
    },
    kinds: [kindOf('a', () => 'fine')],
  })
  odd.work()
  expect(await odd.result(await enqueue(queue.house.store, { kind: 'a' }))).toBe('fine')
  await odd.close()
})

test('Q69 Q84 the caller’s own pool serves as it is, and the listening connection is opened from its settings', async () => {
  const { runtimeUrl } = await database()
  const { hostname, port, username, password, pathname } = new URL(runtimeUrl)
  const pool = new pg.Pool({ host: hostname, port: Number(port), user: username, password, database: pathname.slice(1) })
  // A connection that ends while its database is dropped says so; nobody waits for it any more.
  pool.on('error', () => undefined)
  // What a database says that is dropped while its connections are ending is no error of a test.
  pool.on('connect', (client) => void client.on('error', () => undefined))
  const queue = createQueue({ database: pool, kinds: [kindOf('a', () => 'fine')] })
  onTestFinished(async () => {
    await queue.close()
    await pool.end()
  })
  queue.work()
  await expect.poll(async () => (await queue.health()).listen).toBe('listening')
  expect(await queue.result(await enqueue(pool, { kind: 'a' }))).toBe('fine')
  expect(await queue.health()).toMatchObject({ ready: true, database: 'ok', workers: 1, shutting_down: false })
})
