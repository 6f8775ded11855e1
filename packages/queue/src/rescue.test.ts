import { type ChildProcess, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'
import { createQueue, defineKind, enqueue, type Kind, type QueueOptions } from './index.ts'
import { drain } from './testing.ts'

async function open(kinds: readonly Kind[] = [], options: Partial<QueueOptions> = {}) {
  const house = await database()
  const queue = createQueue({ database: { url: house.runtimeUrl }, kinds, clock: house.clock, ...options })
  onTestFinished(() => queue.close({ grace: '1s' }))
  return { ...house, queue }
}

const PROCESS = `
  const { createQueue, defineKind } = await import(process.env.FACE)
  const die = () => process.kill(process.pid, 'SIGKILL')
  const kinds = [
    defineKind('hang', { run: () => new Promise(() => console.log('started')) }),
    defineKind('poison', { run: async () => { console.log('poison'); await new Promise((r) => setTimeout(r, 20)); die() } }),
    defineKind('harmless', { run: () => new Promise((r) => setTimeout(r, 50)) }),
  ]
  const queue = createQueue({ database: { url: process.env.URL }, kinds })
  queue.work({ concurrency: 64, heartbeat: '200ms', lostAfter: '700ms', maintenance: false })
  setTimeout(() => process.exit(3), 45_000)
`

/** A worker in a process of its own; resolves when it says a word. */
function worker(url: string): { child: ChildProcess; said: (word: string) => Promise<void>; words: string[] } {
  const tsx = createRequire(import.meta.url).resolve('tsx')
  const child = spawn(process.execPath, ['--import', tsx, '--input-type=module', '-e', PROCESS], {
    env: { ...process.env, URL: url, FACE: fileURLToPath(new URL('./index.ts', import.meta.url)) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const words: string[] = []
  child.stdout?.on('data', (chunk: Buffer) => words.push(...chunk.toString().trim().split('\n')))
  return { child, words, said: (word) => expect.poll(() => words, { timeout: 20_000 }).toContain(word) }
}

const ended = (child: ChildProcess) => new Promise<void>((resolve) => child.on('exit', () => resolve()))

test('Q17 Q19 A1 the job of a process that got kill -9 runs again elsewhere: lease and attempt one higher, the loss in its errors', async () => {
  const { queue, runtimeUrl } = await open([defineKind('hang', { run: (job) => ({ attempt: job.attempt }) })])
  const id = await enqueue(queue.house.store, { kind: 'hang' })
  const lost = worker(runtimeUrl)
  await lost.said('started')
  lost.child.kill('SIGKILL')
  await ended(lost.child)
  queue.work()
  expect(await queue.result(id, { timeout: '20s' })).toEqual({ attempt: 2 })
  const job = await queue.job(id)
  expect(job).toMatchObject({ attempt: 2, crashes: 0, errors: [{ reason: 'worker_lost', attempt: 1 }] })
  expect(job?.lease).toBeGreaterThan(job?.errors[0]?.lease as number)
}, 40_000)

test('Q18 A2 a handler that kills its process three times is a dead letter after exactly three entries; its neighbours lose at most one attempt', async () => {
  const { queue, runtimeUrl, admin } = await open()
  const others = await queue.enqueueMany(Array.from({ length: 63 }, () => ({ kind: 'harmless' })))
  const poison = await enqueue(queue.house.store, { kind: 'poison', maxAttempts: 3, backoff: { base: 0 } })
  let entries = 0
  for (let crash = 1; crash <= 3; crash++) {
    const one = worker(runtimeUrl)
    await ended(one.child)
    entries += one.words.filter((word) => word === 'poison').length
    await expect
      .poll(
        async () => {
          await queue.tick()
          return (await queue.job(poison))?.crashes
        },
        { timeout: 10_000 },
      )
      .toBe(crash)
  }
  const last = worker(runtimeUrl)
  await expect
    .poll(async () => (await queue.jobs({ kind: 'harmless', state: 'completed' }, { limit: 100 })).data.length, {
      timeout: 40_000,
    })
    .toBe(63)
  last.child.kill('SIGKILL')
  expect(entries).toBe(3)
  expect(await queue.job(poison)).toMatchObject({
    state: 'failed',
    state_reason: 'max_attempts_exhausted',
    dead_letter: true,
    attempt: 3,
  })
  const { rows } = await admin.query('select max(attempt) as most from countersign_queue.jobs where id = any ($1)', [others])
  expect(rows[0].most).toBeLessThanOrEqual(2)
}, 90_000)

/** Claims like a worker that then says no more. */
async function claimAndVanish(
  admin: Awaited<ReturnType<typeof open>>['admin'],
  id: string,
  name = `gone-${crypto.randomUUID()}`,
) {
  const token = crypto.randomUUID()
  await admin.query(`select countersign_queue.register_worker($1, '{default}', '{a}', 'h', 1, 'v', 15000)`, [name])
  const { rows } = await admin.query(
    `select countersign_queue.claim($1, $2, '[{"queue": "default", "n": 9, "kinds": ["a"]}]') as answer`,
    [name, token],
  )
  const job = rows[0].answer.jobs.find((one: { id: string }) => one.id === id)
  await admin.query(`update countersign_queue.workers set beat_at = beat_at - interval '1 hour' where id = $1`, [name])
  return { lease: job?.lease as number, token, crashes: job?.crashes as number }
}

test('Q17 Q19 the first loss makes a job ready at once, the second waits out its backoff, the third in a row is too often', async () => {
  const { queue, admin, clock } = await open()
  const id = await enqueue(queue.house.store, { kind: 'a' })
  const lose = async () => {
    const { lease, token, crashes } = await claimAndVanish(admin, id)
    if (crashes > 0) await admin.query('select countersign_queue.start($1, $2, $3)', [id, lease, token])
    await queue.tick()
  }
  await lose()
  expect(await queue.job(id)).toMatchObject({ state: 'ready', state_reason: 'worker_lost', attempt: 1, crashes: 1 })
  await lose()
  expect(await queue.job(id)).toMatchObject({ state: 'retrying', attempt: 2, crashes: 2 })
  await clock.advance('1h')
  await lose()
  expect(await queue.job(id)).toMatchObject({ state: 'failed', state_reason: 'crashed_too_often', attempt: 3, dead_letter: true })
})

test('Q18 a suspect lost before its start was recorded costs neither attempt nor crash, and a worker gets one suspect at a time', async () => {
  const { queue, admin } = await open()
  const ids = await queue.enqueueMany([{ kind: 'a' }, { kind: 'a' }])
  await claimAndVanish(admin, ids[0] as string)
  await queue.tick()
  const first = await claimAndVanish(admin, ids[0] as string)
  expect(first.crashes).toBe(1)
  await queue.tick()
  expect(await queue.job(ids[0] as string)).toMatchObject({ state: 'ready', attempt: 1, crashes: 1, lease: first.lease })
  expect(await queue.job(ids[1] as string)).toMatchObject({ state: 'ready', attempt: 1, crashes: 1 })
})

test('Q15 A3 what an old owner says after its job was rescued is stale, and changes nothing', async () => {
  const { queue, admin } = await open()
  const id = await enqueue(queue.house.store, { kind: 'a' })
  const { lease, token } = await claimAndVanish(admin, id)
  await queue.tick()
  const before = await queue.job(id)
  for (const outcome of ['completed', 'failed', 'retry', 'snooze', 'discard', 'cancel', 'release', 'park']) {
    const { rows } = await admin.query('select countersign_queue.finish($1) as answer', [
      JSON.stringify([{ id, lease, token, outcome, progress: { percent: 1 }, enqueue: [{ kind: 'b' }] }]),
    ])
    expect(rows[0].answer, outcome).toEqual(['stale'])
  }
  expect(
    (await admin.query('select countersign_queue.progress($1) as answer', [JSON.stringify([{ id, lease, token, progress: {} }])]))
      .rows[0].answer,
  ).toEqual([])
  for (const call of [
    `callback_create('${id}', ${lease}, '${token}', 'x', 1000, 'finish')`,
    `finish_in_tx('${JSON.stringify({ id, lease, token, outcome: 'completed' })}')`,
  ])
    await expect(admin.query(`select countersign_queue.${call}`), call).rejects.toMatchObject({ code: 'QJ001' })
  expect((await admin.query('select countersign_queue.start($1, $2, $3) as answer', [id, lease, token])).rows[0].answer).toBe(
    false,
  )
  expect(await queue.job(id)).toEqual(before)
  expect((await queue.jobs({ kind: 'b' })).data).toEqual([])
})

test('Q58 a worker that was given up aborts its handlers, drops their results, and works on under a new name', async () => {
  const reasons: unknown[] = []
  let entries = 0
  const long = defineKind('long', {
    run: (_, { signal }) => {
      entries++
      if (entries > 1) return 'second'
      return new Promise((resolve) =>
        signal.addEventListener('abort', () => {
          reasons.push(signal.reason)
          resolve('first')
        }),
      )
    },
  })
  const { queue, admin } = await open([long])
  const worker = queue.work({ heartbeat: '100ms', lostAfter: '300ms' })
  const id = await enqueue(queue.house.store, { kind: 'long' })
  await expect.poll(() => entries).toBe(1)
  const name = worker.id
  await admin.query(`update countersign_queue.workers set lost_at = clock_timestamp()`)
  expect(await queue.result(id)).toBe('second')
  expect(reasons).toEqual(['lease_lost'])
  expect(worker.id).not.toBe(name)
})

test('Q86 a job that comes back to find its key held by a newer one is cancelled as superseded, and no batch is lost for it', async () => {
  const { queue, admin } = await open()
  const unique = { key: 'k', while: ['ready', 'scheduled', 'retrying'] as const }
  const old = await enqueue(queue.house.store, { kind: 'a', unique })
  const neighbour = await enqueue(queue.house.store, { kind: 'a' })
  await claimAndVanish(admin, old)
  const newer = await enqueue(queue.house.store, { kind: 'a', unique })
  expect(newer).not.toBe(old)
  await queue.tick()
  expect(await queue.job(old)).toMatchObject({ state: 'cancelled', state_reason: 'superseded' })
  expect(await queue.job(neighbour)).toMatchObject({ state: 'ready' })
  expect(await queue.job(newer)).toMatchObject({ state: 'ready' })
})

test('Q20 a kind that no live worker has known for ten minutes is a dead letter; while nobody serves the queue its jobs wait', async () => {
  const { queue, clock } = await open([defineKind('known', { run: () => 1 })])
  const id = await enqueue(queue.house.store, { kind: 'nobody.knows' })
  await clock.advance('20m')
  await queue.tick()
  expect(await queue.job(id)).toMatchObject({ state: 'ready' })
  queue.work({ maintenance: false })
  await expect.poll(async () => (await queue.workers()).length).toBe(1)
  await queue.tick()
  expect(await queue.job(id)).toMatchObject({ state: 'ready' })
  await clock.advance('11m')
  await queue.tick()
  expect(await queue.job(id)).toMatchObject({ state: 'failed', state_reason: 'unknown_kind', dead_letter: true })
})

test('Q95 a cancel that nobody honours for 30 s is carried out by maintenance, and the owner is stale', async () => {
  const { queue, clock } = await open([defineKind('deaf', { deadline: 0, run: () => new Promise(() => undefined) })])
  queue.work({ maintenance: false })
  const id = await enqueue(queue.house.store, { kind: 'deaf' })
  await expect.poll(async () => (await queue.job(id))?.state).toBe('running')
  await queue.cancel(id)
  await queue.tick()
  expect(await queue.job(id)).toMatchObject({ state: 'running' })
  await clock.advance('31s')
  // A tick skips what somebody holds at that moment, and the next one finds it.
  await expect
    .poll(async () => {
      await queue.tick()
      return (await queue.job(id))?.state
    })
    .toBe('cancelled')
})

test('Q122 one process at a time leads; its death hands the duty on; a stop releases it at once', async () => {
  const { queue, runtimeUrl, admin, clock } = await open()
  const other = createQueue({ database: { url: runtimeUrl }, clock })
  onTestFinished(() => other.close())
  queue.maintain()
  await expect.poll(async () => (await queue.health()).leader).not.toBeNull()
  const first = (await queue.health()).leader
  other.maintain()
  await queue.close()
  await expect.poll(async () => (await other.health()).leader, { timeout: 5_000 }).not.toBe(first)
  await expect.poll(async () => (await other.health()).leader, { timeout: 5_000 }).not.toBeNull()
  await admin.query(`update countersign_queue.leases set holder = 'dead', until = clock_timestamp() + interval '300 ms'`)
  await expect.poll(async () => (await other.health()).leader, { timeout: 5_000 }).toMatch(/^(?!dead)/)
})

test('Q65 Q122 cleaning forgets outputs after their time and what a finished job held after a day; its line stays a week, a dead letter thirty days', async () => {
  const { queue, clock } = await open([
    defineKind('short', { keepOutput: '1h', run: () => 'out' }),
    defineKind('dies', {
      maxAttempts: 1,
      run: () => {
        throw new Error('x')
      },
    }),
  ])
  const [short, dies] = (await queue.enqueueMany([{ kind: 'short' }, { kind: 'dies' }])) as [string, string]
  expect((await drain(queue)).map((one) => one.outcome)).toEqual(['completed', 'failed'])
  await clock.advance('2h')
  await queue.tick()
  expect(await queue.job(short)).toMatchObject({ state: 'completed', output: null })
  await clock.advance('1d')
  await queue.tick()
  expect(await queue.job(short)).toMatchObject({ state: 'completed', payload: null, output: null })
  expect(await queue.job(dies)).toMatchObject({ dead_letter: true, errors: [{ error: 'Error: x' }] })
  for (let day = 0; day < 31; day += 2) {
    await clock.advance('2d')
    await queue.tick()
    if (day === 12) expect(await queue.job(short)).toBeNull()
  }
  expect(await queue.job(dies)).toMatchObject({ state: 'failed', dead_letter: false, errors: [] })
})

test('Q16 after failed attempt n the delay lies between 2ⁿ s and a quarter more, at most a day', async () => {
  const { admin } = await open()
  for (const n of [1, 2, 5, 12, 16, 17, 40, 999]) {
    const { rows } = await admin.query('select countersign_queue.backoff_ms($1, null)::int8 as ms from generate_series(1, 50)', [
      n,
    ])
    const least = Math.min(2 ** n * 1000, 86_400_000)
    for (const { ms } of rows) {
      expect(Number(ms)).toBeGreaterThanOrEqual(least)
      expect(Number(ms)).toBeLessThanOrEqual(Math.min(1.25 * 2 ** n * 1000, 86_400_000))
    }
  }
})
