import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'
import {
  type CallbackOptions,
  createQueue,
  defineKind,
  enqueue,
  type JobPage,
  type JobRow,
  type Kind,
  park,
  retry,
  STATES,
  snooze,
} from './index.ts'

async function open(kinds: readonly Kind[]) {
  const house = await database()
  const queue = createQueue({ database: { url: house.runtimeUrl }, kinds, clock: house.clock })
  onTestFinished(() => queue.close({ grace: '1s' }))
  return { ...house, queue }
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client(url)
  await client.connect()
  onTestFinished(() => client.end())
  return client
}

const after = defineKind('after', { unique: { key: 'one at a time' }, run: () => undefined })
const order = defineKind('order', {
  onCompleted: [after],
  unique: { key: 'the order' },
  run: (_, ctx) => {
    ctx.enqueue({ kind: 'receipt', payload: 1 })
    ctx.enqueue({ kind: 'receipt', payload: 2 })
    return { paid: true }
  },
})

test('Q4 a connection killed between a settlement and its follow-up leaves neither, nor output, nor enqueued jobs, nor a free key; then all come at once', async () => {
  const { queue, admin, adminUrl } = await open([order])
  await queue.register()
  await queue.house.store.query('select countersign_queue.register_kinds($1)', [
    JSON.stringify({ after: { unique: { key: 'one at a time' } } }),
  ])
  // Somebody else's open transaction holds the follow-up's unique key: the settlement stands still in the middle of its statement.
  const rival = await connect(adminUrl)
  await rival.query('begin')
  await enqueue(rival, { kind: 'after' })
  const id = await enqueue(queue.house.store, { kind: 'order' })
  const waiting = async () =>
    (
      await admin.rows<{ pid: number }>`
        select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like '%finish(%'`
    )[0]?.pid ?? 0
  queue.work()
  for (let killed = 0, last = 0; killed < 2; killed++) {
    await expect.poll(async () => ![0, last].includes(await waiting()), { timeout: 10_000 }).toBe(true)
    last = await waiting()
    expect(await admin.one<{ done: boolean }>`select pg_terminate_backend(${last}::int) as done`).toEqual({ done: true })
    expect(await queue.job(id)).toMatchObject({ state: 'running', output: null, finished_at: null, errors: [] })
    expect((await queue.jobs()).data.map((job) => job.kind)).toEqual(['order'])
    // The key is not free. An enqueue would say so too, but may wait for the settlement, which is tried again by now.
    expect((await admin.query('select id from countersign_queue.jobs where unique_held')).rows).toEqual([{ id }])
  }
  await rival.query('rollback')
  expect(await queue.result(id)).toEqual({ paid: true })
  expect((await queue.jobs()).data.map((job) => job.kind).sort()).toEqual(['after', 'order', 'receipt', 'receipt'])
  expect(await queue.job(id)).toMatchObject({ attempt: 1, errors: [] })
  expect(await enqueue(queue.house.store, { kind: 'order' })).not.toBe(id)
})

test('Q4 a follow-up that cannot be stored now stops the whole settlement until it can; one that never can is an error of its own job', async () => {
  const { queue, admin } = await open([order])
  await admin.query(`create function public.full() returns trigger language plpgsql as
    $$ begin raise exception 'could not extend file' using errcode = '53100'; end $$`)
  const refused = { after: 'after', receipt: 'receipt' }
  for (const kind of Object.values(refused)) {
    // Ready jobs lie in the ring, those with a unique key in rows.
    for (const table of ['jobs', 'ring'])
      await admin.query(`create trigger full_${kind} before insert on countersign_queue.${table} for each row
        when (new.kind = '${kind}') execute function public.full()`)
    const id = await enqueue(queue.house.store, { kind: 'order' })
    const worker = queue.work()
    await expect.poll(async () => (await queue.job(id))?.state).toBe('running')
    await expect.poll(() => worker.ages()).toMatchObject({ running: 0, unacknowledged: 1 })
    expect(await queue.job(id), kind).toMatchObject({ state: 'running', output: null, errors: [] })
    expect((await queue.jobs({ state: 'ready' })).data.length, kind).toBe(0)
    for (const table of ['jobs', 'ring']) await admin.query(`drop trigger full_${kind} on countersign_queue.${table}`)
    expect(await queue.result(id), kind).toEqual({ paid: true })
    expect((await queue.jobs({ state: 'ready' })).data.map((job) => job.kind).sort(), kind).toEqual([
      'after',
      'receipt',
      'receipt',
    ])
    await worker.stop()
    await queue.drain('default')
  }
  await admin.query(`create or replace function public.full() returns trigger language plpgsql as
    $$ begin raise exception 'never' using errcode = '23514'; end $$;
    create trigger never before insert on countersign_queue.jobs for each row when (new.kind = 'after') execute function public.full()`)
  const id = await enqueue(queue.house.store, { kind: 'order' })
  queue.work()
  expect(await queue.result(id)).toEqual({ paid: true })
  expect((await queue.job(id))?.errors).toMatchObject([{ reason: 'follow_up', error: 'never' }])
})

const SKEWED = `
  const OFF = Number(process.env.OFF)
  const Real = Date
  globalThis.Date = class extends Real {
    constructor(...args) { super(...(args.length === 0 ? [Real.now() + OFF] : args)) }
    static now() { return Real.now() + OFF }
  }
  const { createQueue, defineKind, defineSchedule, retry, snooze } = await import(process.env.FACE)
  const kinds = [
    defineKind('now', { run: (job) => ({ said: new Date().toISOString(), attempt: job.attempt }) }),
    defineKind('later', { run: () => 'ran' }),
    defineKind('again', { backoff: { base: '1h', jitter: 0 }, run: (job) => { if (job.attempt === 1) throw new Error('once') } }),
    defineKind('nap', { run: () => snooze('2h') }),
    defineKind('long', { deadline: '1h', run: () => new Promise((r) => setTimeout(r, 2_500)) }),
  ]
  const schedules = [defineSchedule('yearly', { cron: '0 0 1 1 *', kind: 'later' })]
  const queue = createQueue({ database: { url: process.env.URL }, kinds, schedules })
  await queue.register()
  await queue.enqueue(kinds[1], null, { runAt: '1h' })
  await queue.enqueueMany(['now', 'again', 'nap', 'long'].map((kind) => ({ kind })))
  queue.work({ heartbeat: '200ms', lostAfter: '1s' })
  process.stdin.on('end', () => queue.close({ grace: '1s' }).then(() => process.exit(0))).resume()
`

test('Q5 a worker whose clock is off by two days, either way, changes nothing: due, backoff, snooze, deadline, liveness and schedules are the database’s', async () => {
  for (const days of [2, -2]) {
    const { queue, runtimeUrl, clock, admin } = await open([])
    const tsx = createRequire(import.meta.url).resolve('tsx')
    const child = spawn(process.execPath, ['--import', tsx, '--input-type=module', '-e', SKEWED], {
      env: {
        ...process.env,
        OFF: String(days * 86_400_000),
        URL: runtimeUrl,
        FACE: fileURLToPath(new URL('./index.ts', import.meta.url)),
      },
      stdio: ['pipe', 'inherit', 'inherit'],
    })
    const ended = new Promise((resolve) => child.on('exit', resolve))
    onTestFinished(() => void child.kill('SIGKILL'))
    const of = async (kind: string) => (await queue.jobs({ kind })).data[0]
    const states = async () =>
      // What completed an hour ago is told from the history, which a list of the completed goes on into.
      Object.fromEntries(
        [...(await queue.jobs({ state: 'completed' })).data, ...(await queue.jobs()).data].map((job) => [
          job.kind,
          `${job.state} ${job.attempt}`,
        ]),
      )
    await expect
      .poll(states, { timeout: 20_000 })
      .toEqual({ now: 'completed 1', later: 'scheduled 0', again: 'retrying 1', nap: 'scheduled 0', long: 'completed 1' })

    const { now } = await admin.one<{ now: Date }>`select countersign.now() as now`
    const minutesFrom = (text: string | null | undefined) => Math.abs(new Date(text ?? 0).getTime() - now.getTime()) / 60_000
    const said = (await of('now'))?.output as { said: string }
    expect(minutesFrom(said.said)).toBeGreaterThan(2 * 24 * 60 - 5) // the process does believe its own clock
    for (const job of (await queue.jobs()).data)
      for (const time of [job.enqueued_at, job.claimed_at, job.finished_at, ...job.errors.map((one) => one.at)])
        if (time) expect(minutesFrom(time), job.kind).toBeLessThan(5)
    const dueIn = async (kind: string) => Math.round(minutesFrom((await of(kind))?.run_at) / 10) * 10
    expect([await dueIn('later'), await dueIn('again'), await dueIn('nap')]).toEqual([60, 60, 120])
    const workers = await queue.workers()
    expect(workers.map((one) => one.alive)).toEqual([true])
    expect((await queue.job((await of('long'))?.id as string))?.errors).toEqual([]) // neither rescued nor past its deadline
    expect((await queue.schedules.list())[0]?.next_fire).toMatch(/^\d{4}-01-01T00:00:00/)
    expect((await queue.jobs({ kind: 'later' })).data).toHaveLength(1)

    await clock.advance('61m')
    await expect
      .poll(states, { timeout: 10_000 })
      .toEqual({ now: 'completed 1', later: 'completed 1', again: 'completed 2', nap: 'scheduled 0', long: 'completed 1' })
    child.stdin?.end()
    await ended
  }
}, 60_000)

// biome-ignore lint/suspicious/noThenProperty: the word of the contract, and a text: nothing awaits it
const RESUME: CallbackOptions = { timeout: '1h', then: 'resume' }

test('Q14 in any snapshot of a busy run every job is there exactly once, in one state, whichever reader is asked', async () => {
  const N = 150
  const napped = new Set<string>()
  const kinds = [
    defineKind('plain', { run: () => undefined }),
    defineKind('flaky', { backoff: { base: 0 }, run: (job) => (job.attempt < 3 ? retry() : undefined) }),
    defineKind('napper', { run: (job) => (napped.has(job.id) || !napped.add(job.id) ? undefined : snooze(5)) }),
    defineKind('parker', {
      run: async (_, ctx) => {
        const callback = await ctx.callback('bank', RESUME)
        if (callback.resolved) return
        setTimeout(() => void queue.callbacks.complete(callback.id), 5)
        return park(callback)
      },
    }),
    defineKind('doomed', { maxAttempts: 1, run: () => Promise.reject(new Error('doomed')) }),
  ]
  const { queue, runtimeUrl } = await open(kinds)
  const ids = await queue.enqueueMany(
    Array.from({ length: N }, (_, n) => ({
      kind: kinds[n % kinds.length]?.name as string,
      queue: n % 2 ? 'default' : 'second',
      runAt: n,
    })),
  )
  const reader = await connect(runtimeUrl)
  const ask = async <T>(call: string, values: unknown[] = []): Promise<T> =>
    (await reader.query(`select countersign_queue.${call} as answer`, values)).rows[0].answer
  const seen = new Set<string>()
  const look = async () => {
    await reader.query('begin isolation level repeatable read')
    const listed = (await ask<JobPage>('list_jobs($1, null, 200)', [{}])).data
    const byState: JobRow[] = []
    for (const state of STATES) byState.push(...(await ask<JobPage>('list_jobs($1, null, 200)', [{ state }])).data)
    const { queues } = await ask<{ queues: Record<string, Record<string, number>> }>('counts()')
    const one = await ask<JobRow>('job($1)', [ids[seen.size % N]])
    await reader.query('commit')
    expect(listed.map((job) => job.id).sort()).toEqual([...ids].sort())
    expect(byState.map((job) => `${job.id} ${job.state}`).sort()).toEqual(listed.map((job) => `${job.id} ${job.state}`).sort())
    const counted = Object.values(queues).flatMap((states) => Object.entries(states))
    for (const [state] of counted) seen.add(state)
    expect(counted.reduce((sum, [, n]) => sum + n, 0)).toBe(N)
    expect(one.state).toBe(listed.find((job) => job.id === one.id)?.state)
    return listed.every((job) => ['completed', 'failed'].includes(job.state))
  }
  queue.work({ queues: ['default', 'second'], concurrency: 2 })
  let looks = 1
  while (!(await look())) looks++
  expect(looks).toBeGreaterThan(5)
  expect(seen.size).toBeGreaterThanOrEqual(4)
})
