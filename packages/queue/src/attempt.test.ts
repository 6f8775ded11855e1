import type pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'
import {
  type Context,
  createQueue,
  defineKind,
  enqueue,
  type Job,
  type Kind,
  type KindOptions,
  park,
  type QueueOptions,
  retry,
  snooze,
} from './index.ts'
import { eventually } from './testing/eventually.ts'

async function open(kinds: readonly Kind[], options: Partial<QueueOptions> = {}) {
  const house = await database()
  const queue = createQueue({ database: { url: house.runtimeUrl }, kinds, clock: house.clock, ...options })
  onTestFinished(() => queue.close({ grace: '1s' }))
  return { ...house, queue }
}

const kindOf = (
  name: string,
  run: (job: Job, ctx: Context) => unknown,
  more: Partial<KindOptions<unknown, unknown>> = {},
): Kind => defineKind(name, { run, ...more })

function gate<T = void>() {
  let open: (value: T) => void = () => undefined
  const opened = new Promise<T>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

test('Q52 A8 while the transaction of finishIn is open, the other jobs of its claim end; a roll-back leaves the attempt to its handler', async () => {
  const started = gate()
  const commit = gate()
  let pool: pg.Pool | undefined
  const atomic = kindOf('atomic', async (_, ctx) => {
    const client = await (pool as pg.Pool).connect()
    try {
      await client.query('begin')
      await ctx.finishIn(client, { inside: true })
      started.open()
      await commit.opened
      await client.query('commit')
    } finally {
      client.release()
    }
  })
  const { queue, db } = await open([atomic, kindOf('plain', () => undefined)])
  pool = db.pool
  const [id, ...others] = await queue.enqueueMany([{ kind: 'atomic' }, ...Array.from({ length: 9 }, () => ({ kind: 'plain' }))])
  queue.work({ maintenance: false })
  await started.opened
  await eventually(async () => (await queue.counts()).queues.default).toEqual({ running: 1, completed: 9 })
  expect(others).toHaveLength(9)
  commit.open()
  expect(await queue.result(id as string)).toEqual({ inside: true })
})

test('Q92 the functions of a context may be taken apart from it, and what was not touched is not made', async () => {
  const seen: Record<string, unknown> = {}
  const apart = kindOf(
    'apart',
    async (job, { signal, attempt, lease, idempotencyKey, log, logger, progress, flush, heartbeat, enqueue: make, span }) => {
      Object.assign(seen, { signal, attempt, lease, idempotencyKey, span, same: log === logger, id: job.id })
      progress(10, 'a tenth')
      await flush()
      await heartbeat()
      make({ kind: 'child' })
    },
  )
  const { queue } = await open([apart, kindOf('child', () => 'made')])
  queue.work({ maintenance: false })
  const id = await enqueue(queue.house.store, { kind: 'apart' })
  await queue.result(id)
  expect(seen).toMatchObject({ attempt: 1, idempotencyKey: id, id, same: true, span: undefined })
  expect(seen.signal).toBeInstanceOf(AbortSignal)
  await eventually(async () => (await queue.jobs({ kind: 'child' })).data[0]?.state).toBe('completed')
})

test('Q8 Q92 every attempt of a job sees the same idempotencyKey, also after a failure, a retry and a snooze, and no other job has it', async () => {
  const seen: Record<string, string[]> = {}
  const often = kindOf(
    'often',
    (job, { attempt, idempotencyKey }) => {
      const keys = [...(seen[job.id] ?? []), idempotencyKey]
      seen[job.id] = keys
      if (keys.length === 1) throw new Error('broken')
      if (keys.length === 2) return retry({ after: '1ms' })
      if (keys.length === 3) return snooze('1ms')
      return attempt
    },
    { maxAttempts: 9, backoff: { base: '1ms', factor: 1, jitter: 0 } },
  )
  const { queue, clock } = await open([often])
  const ids = await queue.enqueueMany([{ kind: 'often' }, { kind: 'often' }])
  queue.work()
  for (const id of ids)
    await eventually(async () => {
      await clock.advance('1s')
      await queue.tick()
      return (await queue.job(id))?.state
    }).toBe('completed')
  for (const id of ids) expect([id, seen[id]?.length, new Set(seen[id]).size]).toEqual([id, 4, 1])
  expect(new Set(ids.map((id) => seen[id]?.[0])).size).toBe(2)
})

test('Q95 a handler that does not honour a cancel within its grace loses the job to it; what it says later changes nothing', async () => {
  const started = gate()
  const late = gate<string>()
  const reasons: unknown[] = []
  const deaf = kindOf(
    'deaf',
    (_, { signal }) => {
      signal.addEventListener('abort', () => reasons.push(signal.reason))
      started.open()
      return late.opened
    },
    { cancelGrace: '5s' },
  )
  const { queue, clock } = await open([deaf])
  const worker = queue.work({ maintenance: false })
  const id = await enqueue(queue.house.store, { kind: 'deaf' })
  await started.opened
  await queue.cancel(id, { reason: 'no longer' })
  await eventually(() => reasons).toEqual(['cancelled'])
  expect(await queue.job(id)).toMatchObject({ state: 'running' })
  await clock.advance('6s')
  await expect(queue.result(id)).rejects.toMatchObject({ code: 'job_cancelled' })
  expect(worker.ages().running).toBe(1) // the permit is the handler's until it returns
  late.open('too late')
  await eventually(() => worker.ages().running).toBe(0)
  expect(await queue.job(id)).toMatchObject({ state: 'cancelled', state_reason: 'no longer', output: null })
})

test('Q92 after cancelled a handler may still return an outcome of its own: the end of the work itself wins', async () => {
  const started = gate()
  const finishes = kindOf('finishes', async (_, { signal }) => {
    started.open()
    await new Promise((resume) => signal.addEventListener('abort', resume))
    return 'was done already'
  })
  const { queue } = await open([finishes])
  queue.work({ maintenance: false })
  const id = await enqueue(queue.house.store, { kind: 'finishes' })
  await started.opened
  await queue.cancel(id)
  expect(await queue.result(id)).toBe('was done already')
})

test('Q113 hooks are told what starts, settles, waits and is ended in place of its handler; their errors reach the log and nothing else', async () => {
  const told: string[] = []
  const errors: string[] = []
  const log = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: (_: object, message: string) => void errors.push(message),
  }
  const started = gate()
  const kinds = [
    kindOf('plain', () => undefined),
    kindOf('parks', async (_, ctx) => park(await ctx.callback('x'))),
    kindOf('stuck', () => new Promise(() => started.open()), { deadline: '5s', maxAttempts: 1 }),
  ]
  const { queue, clock } = await open(kinds, { log })
  queue.work({
    maintenance: false,
    hooks: {
      started: (job) => told.push(`started ${job.kind}`),
      settled: async (job, outcome) => {
        told.push(`settled ${job.kind} ${outcome}`)
        throw new Error('a hook is no part of the work')
      },
      waiting: (job) => told.push(`waiting ${job.kind}`),
      rescued: (job, reason) => told.push(`rescued ${job.kind} ${reason}`),
    },
  })
  const [plain, parks, stuck] = (await queue.enqueueMany([{ kind: 'plain' }, { kind: 'parks' }, { kind: 'stuck' }])) as [
    string,
    string,
    string,
  ]
  await queue.result(plain)
  await eventually(async () => (await queue.job(parks))?.state).toBe('waiting')
  await started.opened
  await clock.advance('6s')
  await expect(queue.result(stuck)).rejects.toMatchObject({ members: { reason: 'deadline_expired' } })
  await eventually(() => errors.filter((one) => one === 'a hook failed').length).toBe(3)
  expect(told.sort()).toEqual([
    'rescued stuck deadline_expired',
    'settled parks park',
    'settled plain completed',
    'settled stuck failed',
    'started parks',
    'started plain',
    'started stuck',
    'waiting parks',
  ])
})

test('Q104 progress is written at most once a second and job, and the last of it rides on the end', async () => {
  const asked = gate()
  const end = gate<void>()
  const steps = kindOf('steps', async (_, ctx) => {
    for (let i = 1; i <= 50; i++) ctx.progress(i, `step ${i}`, { [`k${i % 3}`]: i })
    asked.open()
    await end.opened
    ctx.progress(99)
    throw new Error('at 99')
  })
  const { queue, clock } = await open([steps])
  queue.work({ maintenance: false })
  const id = await enqueue(queue.house.store, { kind: 'steps' })
  await asked.opened
  expect((await queue.job(id))?.progress).toBeNull()
  await clock.advance('1s')
  await eventually(async () => (await queue.job(id))?.progress).toEqual({
    percent: 50,
    message: 'step 50',
    data: { k0: 48, k1: 49, k2: 50 },
  })
  end.open()
  await eventually(async () => (await queue.job(id))?.state).toBe('retrying')
  expect((await queue.job(id))?.progress).toMatchObject({ percent: 99 })
})
