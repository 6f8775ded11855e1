import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'
import { createQueue, defineKind, enqueue, type Job, type Kind, type KindOptions, type QueueOptions } from './index.ts'
import { eventually } from './testing/eventually.ts'

type Said = { call: string; values: unknown[]; at: number }

/** A queue over a pool that remembers which functions were called, and whose answer to the next call of `lose` is lost on its way. */
async function open(kinds: readonly Kind[], options: Partial<QueueOptions> = {}) {
  const house = await database()
  const pool = new pg.Pool({ connectionString: house.runtimeUrl, max: 10 })
  // A connection that ends while its database is dropped says so; nobody waits for it any more.
  pool.on('error', () => undefined)
  // What a database says that is dropped while its connections are ending is no error of a test.
  pool.on('connect', (client) => void client.on('error', () => undefined))
  const said: Said[] = []
  const query = pool.query.bind(pool) as (text: string, values?: unknown[]) => Promise<pg.QueryResult>
  const lose = new Set<string>()
  const heard = async (text: string, values: unknown[] = []) => {
    const call = /countersign_queue\.(\w+)/.exec(text)?.[1] ?? ''
    said.push({ call, values, at: performance.now() })
    const answer = await query(text, values)
    if (lose.delete(call)) throw new Error('Connection terminated unexpectedly')
    return answer
  }
  pool.query = heard as typeof pool.query
  const queue = createQueue({ database: pool, kinds, clock: house.clock, ...options })
  onTestFinished(async () => {
    await queue.close({ grace: '1s' })
    await pool.end()
  })
  const of = (call: string) => said.filter((one) => one.call === call)
  return { ...house, queue, of, lose }
}

const kindOf = (name: string, run: (job: Job) => unknown, more: Partial<KindOptions<unknown, unknown>> = {}): Kind =>
  defineKind(name, { run, ...more })
const many = (n: number, kind: string, more: object = {}) => Array.from({ length: n }, () => ({ kind, ...more }))
const turn = () => new Promise((resume) => setImmediate(resume))

/** Ends of handlers in hand. */
function held() {
  const ends: (() => void)[] = []
  return { ends, wait: () => new Promise<void>((resume) => ends.push(resume)) }
}

test('Q43 an idle process asks for all its queues in one statement', async () => {
  const { queue, of } = await open([kindOf('a', () => 1)])
  queue.work({ queues: ['one', 'two', 'three'], maintenance: false })
  await eventually(() => of('claim_packed').length).toBeGreaterThan(2)
  const wants = JSON.parse(of('claim_packed').at(-1)?.values[2] as string) as { queue: string }[]
  expect([...new Set(wants.map((one) => one.queue))].sort()).toEqual(['one', 'three', 'two'])
})

test('Q47 claims alone may commit relaxed, and strictClaims switches that off', async () => {
  const { queue, of } = await open([kindOf('a', () => 1)])
  const worker = queue.work({ maintenance: false })
  await eventually(() => of('claim_packed').length).toBeGreaterThan(0)
  expect(of('claim_packed').every((one) => one.values[4] === true)).toBe(true)
  await worker.stop()
  const before = of('claim_packed').length
  queue.work({ maintenance: false, strictClaims: true })
  await eventually(() => of('claim_packed').length).toBeGreaterThan(before)
  expect(
    of('claim_packed')
      .slice(before)
      .every((one) => one.values[4] === false),
  ).toBe(true)
})

test('Q67 Q68 an idle process doubles its polls up to a second with LISTEN and 200 ms without, and announces that it sleeps', async () => {
  for (const listen of [true, false]) {
    const { queue, of, admin } = await open([kindOf('a', () => 1)], { listen })
    queue.work({ maintenance: false })
    const gaps = () => {
      const at = of('claim_packed').map((one) => one.at)
      return at.slice(1).map((time, i) => time - (at[i] as number))
    }
    const longest = listen ? 900 : 150
    await eventually(() => gaps().filter((gap) => gap >= longest).length, { timeout: 10_000 }).toBeGreaterThan(1)
    // A machine that is held up stretches one gap or another; polls that had doubled on would all be a second apart.
    if (!listen) {
      await eventually(() => gaps().length, { timeout: 10_000 }).toBeGreaterThan(12)
      const last = gaps().slice(-7)
      expect(last.sort((a, b) => a - b)[3]).toBeLessThan(900)
    }
    const { rows } = await admin.query('select sleeps_until > clock_timestamp() as asleep from countersign_queue.workers')
    expect(rows[0].asleep ?? false).toBe(listen)
  }
})

test('Q89 a permit is free when its handler returns, though no result can be stored; a full window of results stops starts and no running handler', async () => {
  let ran = 0
  const { queue, admin } = await open([kindOf('quick', () => void ran++)])
  await queue.enqueueMany(many(900, 'quick'))
  // The stripes under which claims end, held by somebody else.
  await admin.query('begin')
  await admin.query('select pg_advisory_xact_lock(1668248947, n) from generate_series(0, 63) n')
  const worker = queue.work({ concurrency: 4, maintenance: false })
  await eventually(() => ran).toBeGreaterThanOrEqual(256)
  const { unacknowledged, running } = worker.ages()
  expect(running).toBe(0)
  expect(unacknowledged).toBe(256)
  for (let i = 0; i < 20; i++) await turn()
  expect(ran).toBe(256)
  await admin.query('commit')
  await eventually(() => ran).toBe(900)
  await eventually(() => worker.ages().unacknowledged).toBe(0)
})

test('Q90 Q149 what starts soon is claimed ahead, never more than twice the permits; handlers that take long get nothing ahead', async () => {
  const { ends, wait } = held()
  const most = { running: 0, waiting: 0 }
  const look = () => {
    const { running, waiting } = worker.ages()
    most.running = Math.max(most.running, running)
    most.waiting = Math.max(most.waiting, waiting)
  }
  const quick = kindOf('quick', async () => {
    look()
    await turn()
  })
  const { queue } = await open([quick, kindOf('long', wait, { queue: 'slow' })])
  await queue.enqueueMany(
    [...many(600, 'quick'), ...many(40, 'long')].map((one) => ({ ...one, queue: one.kind === 'long' ? 'slow' : 'default' })),
  )
  const worker = queue.work({ queues: { default: 4, slow: 3 }, maintenance: false })
  await eventually(async () => (await queue.counts()).queues.default, { timeout: 20_000 }).toEqual({ completed: 600 })
  expect(most.running).toBeLessThanOrEqual(4 + 3)
  expect(most.waiting).toBeGreaterThan(0)
  expect(most.waiting).toBeLessThanOrEqual(4 * 3)
  expect(worker.ages()).toMatchObject({ running: 3, waiting: 0 })
  for (const end of ends) end()
})

test('Q90 Q96 Q149 jobs claimed ahead and not started are handed back at a stop without an attempt, and no claim follows', async () => {
  const { ends, wait } = held()
  const started: string[] = []
  let slow = false
  const mixed = kindOf('mixed', (job) => {
    started.push(job.id)
    return slow ? wait() : undefined
  })
  const { queue, of } = await open([mixed])
  await queue.enqueueMany(many(40, 'mixed'))
  const worker = queue.work({ concurrency: 2, maintenance: false })
  await eventually(() => started.length).toBe(40)
  slow = true
  const ids = await queue.enqueueMany(many(12, 'mixed'))
  await eventually(() => worker.ages().waiting).toBeGreaterThan(0)
  const stopped = worker.stop()
  const claims = of('claim_packed').length
  for (const end of ends) end()
  await stopped
  const ran = new Set(started)
  for (const id of ids)
    expect(await queue.job(id)).toMatchObject(
      ran.has(id) ? { state: 'completed', attempt: 1 } : { state: 'ready', attempt: 0, errors: [] },
    )
  expect(ids.filter((id) => !ran.has(id)).length).toBeGreaterThan(0)
  expect(of('claim_packed').length).toBeLessThanOrEqual(claims + 1)
})

test('Q90 Q149 jobs held and not started go back without an attempt when their queue is paused, and when they have waited five seconds', async () => {
  const { ends, wait } = held()
  let ran = 0
  let slow = false
  const mixed = kindOf('mixed', () => {
    ran++
    return slow ? wait() : undefined
  })
  const { queue } = await open([mixed])
  const worker = queue.work({ concurrency: 2, maintenance: false })
  await eventually(async () => (await queue.health()).listen).toBe('listening')
  for (const pauses of [true, false]) {
    slow = false
    const before = ran
    await queue.enqueueMany(many(60, 'mixed'))
    await eventually(() => ran).toBe(before + 60)
    slow = true
    await queue.enqueueMany(many(12, 'mixed'))
    await eventually(() => worker.ages().running).toBe(2)
    await eventually(() => worker.ages().waiting).toBeGreaterThan(0)
    if (pauses) await queue.pause({ queue: 'default' })
    await eventually(() => worker.ages()).toMatchObject({ running: 2, waiting: 0, unacknowledged: 0 })
    await eventually(async () => (await queue.counts()).queues.default).toMatchObject({ running: 2, ready: 10 })
    expect(ran).toBe(before + 62)
    slow = false
    for (const end of ends.splice(0)) end()
    if (pauses) await queue.resume({ queue: 'default' })
    await eventually(() => ran).toBe(before + 72)
  }
  const { data } = await queue.jobs({}, { limit: 200 })
  expect(data.filter((job) => job.attempt !== 1 || job.errors.length > 0)).toEqual([])
}, 60_000)

test('Q18 of 64 jobs claimed together a job that comes back from a lost worker starts before all that wait, and alone of its sort', async () => {
  const order: string[] = []
  let suspects = 0
  let together = 0
  const kind = kindOf('a', async (job) => {
    const suspect = (job.payload as { suspect?: boolean } | null)?.suspect === true
    if (suspect) together = Math.max(together, ++suspects)
    order.push(suspect ? 'suspect' : 'other')
    await turn()
    if (suspect) suspects--
  })
  const { queue, admin } = await open([kind])
  const ids = await queue.enqueueMany(many(3, 'a', { payload: { suspect: true } }))
  for (const id of ids) await admin.query(`select countersign_queue.own_job($1)`, [id])
  await admin.query('update countersign_queue.jobs set crashes = 1 where id = any ($1)', [ids])
  await queue.enqueueMany(many(61, 'a'))
  queue.work({ concurrency: 8, maintenance: false })
  await eventually(() => order.length, { timeout: 10_000 }).toBe(64)
  expect(together).toBe(1)
  for (const id of ids) await eventually(async () => (await queue.job(id))?.state).toBe('completed')
})

test('Q20 A23 1,000 jobs of a kind that an old process does not know are all done by the new one, and the old one does not spin over them', async () => {
  let ran = 0
  const { queue, of, runtimeUrl } = await open([kindOf('old', () => 1)])
  queue.work({ maintenance: false })
  const younger = createQueue({
    database: { url: runtimeUrl },
    kinds: [kindOf('old', () => 1), kindOf('young', () => void ran++)],
  })
  onTestFinished(() => younger.close({ grace: '1s' }))
  for (let i = 0; i < 10; i++) await younger.enqueueMany(many(100, 'young'))
  await eventually(() => of('claim_packed').length).toBeGreaterThan(3)
  expect(of('finish').length).toBe(0)
  younger.work({ maintenance: false })
  await eventually(() => ran, { timeout: 20_000 }).toBe(1_000)
  await eventually(async () => (await queue.counts()).queues.default).toEqual({ completed: 1_000 })
})

test('Q98 thousands of jobs leave nothing behind: no listener, no timer, no growth of the heap', async () => {
  const { queue } = await open([
    kindOf('none', () => undefined),
    defineKind('signal', { run: (_, { signal }) => void signal.aborted }),
  ])
  const worker = queue.work({ concurrency: 64, maintenance: false })
  let done = 0
  const round = async () => {
    for (let i = 0; i < 4; i++) await queue.enqueueMany(many(500, i % 2 ? 'none' : 'signal'))
    done += 2_000
    await eventually(async () => (await queue.counts()).queues.default?.completed, { timeout: 20_000 }).toBe(done)
    await eventually(() => worker.ages().unacknowledged).toBe(0)
    globalThis.gc?.()
    return process.getActiveResourcesInfo().filter((one) => one === 'Timeout').length
  }
  await round()
  const before = await round()
  const after = await round()
  expect(after - before).toBeLessThan(10)
  expect(worker.ages()).toMatchObject({ running: 0, waiting: 0, unacknowledged: 0 })
}, 60_000)

test('Q46 Q92 a job of the ring and one of a row look alike to a handler; times, tags and metadata are there when they are read', async () => {
  const seen: Job[] = []
  const { queue } = await open([kindOf('look', (job) => void seen.push(job))])
  const options = { metadata: { a: 1 }, tags: ['t'], deadline: '1h' as const, maxAttempts: 7 }
  const jobs = [
    { kind: 'look', payload: { n: 1 }, ...options },
    { kind: 'look', payload: { n: 1 }, uniqueKey: 'has a row', ...options },
  ]
  await queue.enqueueMany(jobs)
  queue.work({ maintenance: false })
  await eventually(() => seen.length).toBe(2)
  const [ring, row] = seen.map((job) => JSON.parse(JSON.stringify(job))) as [Record<string, unknown>, Record<string, unknown>]
  const alike = ({
    payload,
    metadata,
    tags,
    maxAttempts,
    attempt,
    kind,
    queue: name,
    priority,
    progress,
    tenantId,
  }: Record<string, unknown>) => ({
    ...{ payload, metadata, tags, maxAttempts, attempt, kind, queue: name, priority, progress, tenantId },
  })
  expect(alike(ring)).toEqual(alike(row))
  for (const job of seen) {
    expect(job.enqueuedAt).toBeInstanceOf(Date)
    expect(Math.abs(job.runAt.getTime() - job.enqueuedAt.getTime())).toBeLessThan(1_000)
    expect(job.deadlineAt?.getTime()).toBeGreaterThan(job.enqueuedAt.getTime() + 3_000_000)
  }
})

test('bad worker options are one full sentence that lists every fault, before any connection', async () => {
  const queue = createQueue({
    database: { url: 'postgres://nobody@127.0.0.1:1/nowhere' },
    listen: false,
    kinds: [{ name: 'hasty', deadline: 5, run: () => undefined }],
  })
  onTestFinished(() => queue.close())
  expect(() =>
    queue.work({ concurrency: 0, queues: { a: { weight: 0 }, b: { weight: -1 } }, heartbeat: '5s', lostAfter: '14s' }),
  ).toThrow(
    /^The worker cannot start: concurrency is a whole number above 0; the weight of queue a is above 0; the weight of queue b is above 0; lostAfter is at least three heartbeats; the deadline of kind hasty is at least 1s, or 0 for none\.$/,
  )
  expect(() => queue.work({ lostAfter: 'soon' as '1s' })).toThrow('lostAfter is a duration')
})

test('Q97 a claim fails while the database is away, and the worker goes on when it is back', async () => {
  let ran = 0
  const { queue, admin, runtimeUrl } = await open([kindOf('a', () => void ran++)])
  const worker = queue.work({ maintenance: false })
  await enqueue(queue.house.store, { kind: 'a' })
  await eventually(() => ran).toBe(1)
  await admin.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where usename = $1 and datname = current_database()`,
    [new URL(runtimeUrl).username],
  )
  await eventually(
    () =>
      enqueue(queue.house.store, { kind: 'a' }).then(
        () => true,
        () => false,
      ),
    { timeout: 10_000 },
  ).toBe(true)
  await eventually(() => ran, { timeout: 10_000 }).toBeGreaterThanOrEqual(2)
  expect(worker.ages().claim_loop_age_ms).toBeLessThan(5_000)
})

test('Q97 a claim that committed while its answer was lost costs its jobs nothing: they are given back at once and run', async () => {
  let ran = 0
  const { queue, of, lose } = await open([kindOf('a', () => void ran++)])
  const ids = await queue.enqueueMany([...many(20, 'a'), ...many(5, 'a').map((one, n) => ({ ...one, uniqueKey: `row ${n}` }))])
  lose.add('claim_packed')
  // The first claim only finds that the worker is new; of the second the answer is lost.
  const worker = queue.work({ maintenance: false })
  await eventually(() => of('register_worker').length).toBe(1)
  lose.add('claim_packed')
  await eventually(() => ran, { timeout: 10_000 }).toBe(25)
  await eventually(() => worker.ages().unacknowledged).toBe(0)
  expect(of('hand_back').length).toBeGreaterThan(0)
  for (const id of ids) expect(await queue.job(id)).toMatchObject({ state: 'completed', attempt: 1, crashes: 0, errors: [] })
})

test('Q97 Q54 a settlement whose answer was lost is sent again, and is already there', async () => {
  let ran = 0
  const { queue, of, lose } = await open([kindOf('a', () => void ran++), kindOf('out', () => 'output')])
  const ids = await queue.enqueueMany([...many(20, 'a'), ...many(3, 'out')])
  lose.add('settle_claims').add('finish')
  const stale: string[] = []
  const worker = queue.work({
    maintenance: false,
    hooks: { settled: (job, outcome, isStale) => isStale && stale.push(`${job.id} ${outcome}`) },
  })
  for (const id of ids) await eventually(async () => (await queue.job(id))?.state, { timeout: 10_000 }).toBe('completed')
  await eventually(() => worker.ages().unacknowledged).toBe(0)
  expect(of('settle_claims').length).toBeGreaterThan(1)
  expect(stale).toEqual([])
  expect(ran).toBe(20)
})

test('Q149 RunningHasPermit PermitsBounded UnacknowledgedBounded AheadBounded BatchBounded TerminalReleasesPermit NoClaimAfterPauseCommitted NoClaimAfterStop HeartbeatUntilDrained StoppedWorkersOwnNothing', async () => {
  const { ends, wait } = held()
  const W = 4
  const MAX = 8
  const faults: string[] = []
  const broken = (what: string, sound: boolean) => void (sound || faults.push(`${what} ${JSON.stringify(worker.ages())}`))
  let inHandlers = 0
  const inside = async (fn: () => unknown) => {
    inHandlers++
    look()
    try {
      await turn()
      return await fn()
    } finally {
      inHandlers--
      look()
    }
  }
  const kinds = [
    kindOf('plain', () => inside(() => undefined)),
    kindOf('flaky', (job) => inside(() => (job.attempt < 2 ? Promise.reject(new Error('once')) : 'out')), {
      backoff: { base: 0 },
    }),
    defineKind('many', {
      batch: { max: MAX, wait: '20ms' },
      run: (jobs) => {
        broken('BatchBounded', jobs.length <= MAX)
        return inside(() => undefined)
      },
    }),
    kindOf('long', () => inside(wait), { queue: 'slow' }),
  ]
  const { queue, of, admin } = await open(kinds)
  const worker = queue.work({
    queues: { default: {}, slow: { min: 1 } },
    concurrency: W,
    maintenance: false,
    heartbeat: '50ms',
    lostAfter: '5s',
  })
  function look(): void {
    const { waiting, unacknowledged } = worker.ages()
    broken('PermitsBounded', inHandlers <= W)
    broken('AheadBounded', waiting <= W + 2 * W + MAX)
    broken('UnacknowledgedBounded', unacknowledged <= 256 + W * MAX + waiting)
  }
  for (let i = 0; i < 120; i++) await queue.enqueueMany([{ kind: 'plain' }, { kind: 'flaky' }, ...many(3, 'many')])
  await eventually(async () => (await queue.counts()).queues.default, { timeout: 25_000 }).toEqual({ completed: 600 })
  await eventually(() => worker.ages()).toMatchObject({ running: 0, waiting: 0, unacknowledged: 0 })

  await queue.pause({ queue: 'default' })
  // A claim that began before the commit of the pause is bound by nothing; of the second that ends after it, it began after it.
  const claimedAt = () => performance.now() - worker.ages().claim_loop_age_ms
  for (let n = 0; n < 2; n++) {
    const last = claimedAt()
    await eventually(() => claimedAt() - last).toBeGreaterThan(2)
  }
  await queue.enqueueMany(
    [...many(20, 'plain'), ...many(2, 'long')].map((one) => ({ ...one, queue: one.kind === 'long' ? 'slow' : 'default' })),
  )
  await eventually(() => ends.length).toBe(2)
  broken('RunningHasPermit', worker.ages().running === 2)
  expect((await queue.counts()).queues.default).toEqual({ completed: 600, ready: 20 })

  const name = worker.id
  const stopped = worker.stop({ grace: '20s' })
  const beats = async () =>
    (await admin.query('select beat_at from countersign_queue.workers where id = $1', [name])).rows[0].beat_at as Date
  const claims = of('claim_packed').length
  const before = await beats()
  await eventually(async () => (await beats()) > before).toBe(true)
  for (const end of ends) end()
  await stopped
  expect(of('claim_packed').length).toBeLessThanOrEqual(claims + 1) // one may have been under way
  expect((await queue.jobs({ state: 'running' })).data).toEqual([])
  expect((await queue.workers()).filter((one) => one.alive)).toEqual([])
  expect(faults).toEqual([])
}, 60_000)
