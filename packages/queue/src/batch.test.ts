import { expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'
import { createQueue, defineKind, enqueue, type Kind, retry, snooze, type WorkerOptions } from './index.ts'
import { eventually } from './testing/eventually.ts'

async function open(kinds: readonly Kind[], worker: WorkerOptions = {}) {
  const house = await database()
  const queue = createQueue({ database: { url: house.runtimeUrl }, kinds, clock: house.clock })
  onTestFinished(() => queue.close({ grace: '1s' }))
  return { ...house, queue, work: () => queue.work({ maintenance: false, ...worker }) }
}

test('Q93 jobs of a batch kind run together, at most as many as the rule says, and each has its own outcome', async () => {
  const sizes: number[] = []
  const index = defineKind<number>('index', {
    batch: { max: 10, wait: '1h' },
    run(jobs) {
      sizes.push(jobs.length)
      return new Map(jobs.map((job) => [job.id, { squared: job.payload ** 2 }]))
    },
  })
  const { queue, work } = await open([index])
  const ids = await queue.enqueueMany(Array.from({ length: 30 }, (_, n) => ({ kind: 'index', payload: n })))
  work()
  const outputs = await Promise.all(ids.map((id) => queue.result(id)))
  expect(outputs).toEqual(ids.map((_, n) => ({ squared: n ** 2 })))
  expect(sizes).toEqual([10, 10, 10])
})

test('Q93 a batch that does not fill runs after its wait; one outcome may stand for all', async () => {
  const sizes: number[] = []
  const few = defineKind('few', {
    batch: { max: 100, wait: '40ms' },
    run(jobs) {
      sizes.push(jobs.length)
      return 'all the same'
    },
  })
  const { queue, work } = await open([few])
  const ids = await queue.enqueueMany([{ kind: 'few' }, { kind: 'few' }, { kind: 'few' }])
  work()
  expect(await Promise.all(ids.map((id) => queue.result(id)))).toEqual(['all the same', 'all the same', 'all the same'])
  expect(sizes).toEqual([3])
})

test('Q93 a throw concerns those that have no outcome yet; an object by job id tells outcomes apart; a job it leaves out has failed', async () => {
  const mixed = defineKind<string>('mixed', {
    batch: { max: 4, wait: '1h' },
    maxAttempts: 1,
    run(jobs, ctx) {
      const [first, second, third] = jobs as [(typeof jobs)[0], (typeof jobs)[0], (typeof jobs)[0]]
      if (first.payload === 'throws') {
        ctx.settle(second, 'was done before')
        throw new Error('half way')
      }
      return { [first.id]: 'fine', [second.id]: snooze('1h'), [third.id]: retry({ error: 'busy' }) }
    },
  })
  const { queue, work } = await open([mixed], { queues: { default: { min: 0 } } })
  const thrown = await queue.enqueueMany(['throws', 'b', 'c', 'd'].map((payload) => ({ kind: 'mixed', payload })))
  const told = await queue.enqueueMany(['e', 'f', 'g', 'h'].map((payload) => ({ kind: 'mixed', payload })))
  work()
  expect(await queue.result(thrown[1] as string)).toBe('was done before')
  for (const id of [thrown[0], thrown[2], thrown[3]])
    await expect(queue.result(id as string)).rejects.toMatchObject({ message: 'Error: half way' })
  expect(await queue.result(told[0] as string)).toBe('fine')
  await eventually(async () => (await queue.job(told[1] as string))?.state).toBe('scheduled')
  await expect(queue.result(told[2] as string)).rejects.toMatchObject({ message: 'busy' })
  await expect(queue.result(told[3] as string)).rejects.toMatchObject({ members: { reason: 'output_invalid' } })
})

test('Q93 Q149 while a batch gathers no permit is held: another kind runs with the only one; a batch run holds one', async () => {
  const order: string[] = []
  const slow = defineKind('gathering', {
    batch: { max: 3, wait: '1h' },
    run: (jobs) => void order.push(`batch of ${jobs.length}`),
  })
  const quick = defineKind('quick', { run: () => void order.push('quick') })
  const { queue, work } = await open([slow, quick], { concurrency: 1 })
  await queue.enqueueMany([{ kind: 'gathering' }, { kind: 'gathering' }])
  const worker = work()
  await eventually(() => worker.ages().waiting).toBe(2)
  expect(worker.ages().running).toBe(0)
  await queue.enqueueMany([{ kind: 'quick' }])
  await eventually(() => order).toEqual(['quick'])
  await queue.enqueueMany([{ kind: 'gathering' }])
  await eventually(() => order).toEqual(['quick', 'batch of 3'])
})

test('Q93 Q96 jobs that gather are handed back at a stop, without an attempt', async () => {
  const never = defineKind('never', { batch: { max: 9, wait: '1h' }, run: () => undefined })
  const { queue, work } = await open([never])
  const id = await enqueue(queue.house.store, { kind: 'never' })
  const worker = work()
  await eventually(() => worker.ages().waiting).toBe(1)
  await worker.stop()
  expect(await queue.job(id)).toMatchObject({ state: 'ready', attempt: 0, errors: [] })
})

test('Q93 Q21 a payload that the schema refuses is that job’s end; the others run without it, each with its own context', async () => {
  const seen: number[] = []
  const strict = defineKind<unknown, number>('strict', {
    batch: { max: 3, wait: '1h' },
    schema: (value) => {
      if (typeof value !== 'number') throw new Error('a number')
      return value
    },
    run(jobs, ctx) {
      for (const job of jobs) {
        seen.push(job.payload)
        expect(ctx.of(job).idempotencyKey).toBe(job.id)
      }
      expect(() => ctx.of({ id: 'job_of_others' })).toThrow('is not one of this batch')
      ctx.of(jobs[0] as { id: string }).enqueue({ kind: 'after' })
    },
  })
  const { queue, work } = await open([strict, defineKind('after', { run: () => 'made' })])
  const ids = await queue.enqueueMany([1, 'two', 3].map((payload) => ({ kind: 'strict', payload }))).catch(() => [])
  expect(ids).toEqual([]) // the schema is asked at the enqueue, too
  const [, bad] = await Promise.all([1, 'two', 3].map((payload) => enqueue(queue.house.store, { kind: 'strict', payload })))
  work()
  await expect(queue.result(bad as string)).rejects.toMatchObject({ members: { reason: 'payload_invalid' } })
  await eventually(() => seen.sort()).toEqual([1, 3])
  await eventually(async () => (await queue.jobs({ kind: 'after', state: 'completed' })).data.length).toBe(1)
})

test('Q93 the rule of a batch is checked where the kind is defined', () => {
  const run = () => undefined
  expect(() => defineKind('a', { batch: { max: 0, wait: '1s' }, run })).toThrow('/batch/max')
  expect(() => defineKind('a', { batch: { max: 5, wait: 'soon' as '1s' }, run })).toThrow('/batch/wait')
})
