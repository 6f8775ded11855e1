// B9 limits, B10 deferred jobs, B11 a backlog beside a busy queue, B12 what a process costs.
import { setTimeout as pause } from 'node:timers/promises'
import { copyIn, createQueue, type QueueChange } from '@countersign/queue'
import pg from 'pg'
import { percentile } from '../figure.ts'
import { QUEUE } from './contenders.ts'
import { hire } from './crew.ts'
import { play } from './play.ts'
import { alone, PAYLOAD_BYTES, type Run, type Scenario, takeTurns } from './scenario.ts'
import { claimRate } from './sql.ts'
import { steady } from './throughput.ts'

async function limit(url: string, settings: QueueChange): Promise<void> {
  const queue = createQueue({ database: { url, max: 1 }, listen: false })
  await queue.configure(QUEUE, settings)
  await queue.close()
}

/** Preloaded keyed jobs, drained by a no-op worker: jobs a second, and how often one came before its turn. */
async function keyedRate(run: Run, keyed: 'concurrencyKey' | 'strict'): Promise<{ perSecond: number; disorder: number }> {
  return play(run.stage, 'ours', async ({ theatre, producer, worker, drained }) => {
    if (keyed === 'concurrencyKey') await limit(theatre.url, { maxRunningPerKey: 1 })
    await producer.call('prepare', { system: 'ours', url: theatre.url, connections: 1 })
    const count = run.count(200_000, 5_000)
    const { accepted } = await producer.call('produce', {
      connections: 1,
      batch: 1_000,
      payloadBytes: PAYLOAD_BYTES,
      count,
      keyed,
    })
    const begun = performance.now()
    const plan = { concurrency: 256, batched: true }
    await worker.call('work', { system: 'ours', url: theatre.url, plan, handler: 'noop', tells: false })
    const { at } = await drained(accepted)
    const { disorder } = await worker.call('tally', null)
    return { perSecond: (accepted / (at - begun)) * 1000, disorder }
  })
}

const RATE = 1_000
const BURST = 100

async function limitedRate(run: Run): Promise<{ perSecond: number; most: number }> {
  return play(run.stage, 'ours', async ({ theatre, producer, worker, drained }) => {
    const seconds = run.ms(60_000, 3_000) / 1000
    await limit(theatre.url, { rate: { limit: RATE, per: '1s', burst: BURST } })
    await producer.call('prepare', { system: 'ours', url: theatre.url, connections: 1 })
    const order = { connections: 1, batch: 1_000, payloadBytes: PAYLOAD_BYTES }
    const { accepted } = await producer.call('produce', { ...order, count: Math.round(seconds) * RATE + BURST })
    const plan = { concurrency: 256, batched: true }
    await worker.call('work', { system: 'ours', url: theatre.url, plan, handler: 'noop', tells: false })
    while ((await worker.call('tally', null)).distinct <= BURST) await pause(5)
    const [first, begun] = [await worker.call('tally', null), performance.now()]
    await drained(accepted)
    const [row] = await theatre.look<{ took: number; most: number }>(claimRate)
    const [last, ended] = [await worker.call('tally', null), performance.now()]
    // By the database's own times where it kept them, else by what the worker saw.
    const perSecond = row?.took ? (accepted - BURST) / row.took : ((last.distinct - first.distinct) / (ended - begun)) * 1000
    return { perSecond, most: row?.most ?? Number.NaN }
  })
}

export const b9: Scenario = {
  name: 'B9',
  title: 'limits: a thousand keys of one at a time, a rate, strict order',
  async perform(run) {
    const goals = { concurrencyKey: [5_000, '1,000 keys of maxRunning 1'], strict: [4_000, 'strict order, 1,000 keys'] } as const
    for (const [keyed, [least, what]] of Object.entries(goals)) {
      const turns = await takeTurns(run, ['ours'], () => keyedRate(run, keyed as keyof typeof goals))
      const { perSecond, disorder } = turns.get('ours') as { perSecond: number; disorder: number }
      const meets = perSecond >= least && (keyed !== 'strict' || disorder === 0)
      run.say({ metric: `B9 ${what}`, unit: 'jobs/s', ours: perSecond, ...alone, goal: `>= ${least}`, meets })
      if (keyed === 'strict')
        run.say({
          metric: 'B9 strict order: jobs before their turn',
          unit: 'jobs',
          ours: disorder,
          ...alone,
          goal: '<= 0',
          meets,
        })
    }
    const turns = await takeTurns(run, ['ours'], () => limitedRate(run))
    const { perSecond, most } = turns.get('ours') as { perSecond: number; most: number }
    const off = Math.abs(perSecond / RATE - 1)
    run.say({ metric: `B9 rate of ${RATE}/s, off by`, unit: 'share', ours: off, ...alone, goal: '<= 0.01', meets: off <= 0.01 })
    const bound = RATE + BURST
    run.say({
      metric: 'B9 most claims in any second',
      unit: 'jobs',
      ours: most,
      ...alone,
      goal: `<= ${bound}`,
      meets: most <= bound,
    })
  },
}

/** So many jobs of a queue that nobody serves, or that are not due for hours. */
async function preload(url: string, count: number, job: { queue: string; runAt?: '6h' }): Promise<void> {
  const pool = new pg.Pool({ connectionString: url, max: 2 })
  const payload = { x: 'x'.repeat(PAYLOAD_BYTES - 8) }
  function* source(share: number) {
    for (let n = 0; n < share; n++) yield { kind: 'bench', payload, ...job }
  }
  await Promise.all([copyIn(pool, source(count >> 1)), copyIn(pool, source(count - (count >> 1)))])
  await pool.end()
}

const LEAD_MS = 2_000

async function deferred(run: Run): Promise<{ late: number }> {
  return play(run.stage, 'ours', async ({ theatre, producer, worker }) => {
    await preload(theatre.url, run.count(2_000_000, 20_000), { queue: 'bench', runAt: '6h' })
    await producer.call('prepare', { system: 'ours', url: theatre.url, connections: 8 })
    const plan = { concurrency: 64, batched: true }
    await worker.call('work', { system: 'ours', url: theatre.url, plan, handler: 'noop', tells: false })
    await worker.call('latencies', true)
    const { accepted } = await producer.call('produce', {
      connections: 8,
      batch: 10,
      payloadBytes: PAYLOAD_BYTES,
      perSecond: 1_000,
      ms: run.ms(300_000, 2_000),
      delayMs: LEAD_MS,
    })
    for (const begun = performance.now(); (await worker.call('tally', null)).distinct < accepted; await pause(20))
      if (performance.now() - begun > 60_000) throw new Error('B10: deferred jobs did not run')
    const latencies = await worker.call('latencies', false)
    return { late: percentile(latencies, 0.99) - LEAD_MS }
  })
}

export const b10: Scenario = {
  name: 'B10',
  title: 'deferred jobs: many that wait, a thousand due each second',
  async perform(run) {
    const turns = await takeTurns(run, ['ours'], () => deferred(run))
    const late = turns.get('ours')?.late ?? Number.NaN
    run.say({
      metric: `B10 lateness p99, ${run.count(2_000_000, 20_000)} deferred and 1,000 due a second`,
      unit: 'ms',
      ours: late,
      ...alone,
      goal: '<= 400',
      meets: late <= 400,
    })
    const shape = {
      plan: { concurrency: 16, batched: true },
      handler: 'polled',
      warmMs: run.ms(10_000, 500),
      ms: run.ms(30_000, 1_000),
    } as const
    const rates = await takeTurns(run, ['ours'], async () => ({
      clean: await steady(run, shape),
      beside: await steady(run, {
        ...shape,
        before: (url) => preload(url, run.count(2_000_000, 20_000), { queue: 'bench', runAt: '6h' }),
      }),
    }))
    const { clean, beside } = rates.get('ours') as { clean: number; beside: number }
    run.say({
      metric: 'B10 hot rate beside them, of the rate without',
      unit: 'share',
      ours: beside / clean,
      ...alone,
      goal: '>= 0.95',
      meets: beside / clean >= 0.95,
    })
  },
}

async function backlog(run: Run): Promise<{ clean: number; beside: number; read: number }> {
  return play(run.stage, 'ours', async ({ theatre, producer, worker }) => {
    await producer.call('prepare', { system: 'ours', url: theatre.url, connections: 8 })
    const plan = { concurrency: 64, batched: true }
    await worker.call('work', { system: 'ours', url: theatre.url, plan, handler: 'noop', tells: false })
    const order = { connections: 8, batch: 1, payloadBytes: PAYLOAD_BYTES, perSecond: 1_000, ms: run.ms(60_000, 1_500) }
    const latency = async () => {
      await worker.call('latencies', true)
      await producer.call('produce', order)
      return percentile(await worker.call('latencies', true), 0.99)
    }
    await latency()
    const clean = await latency()
    await preload(theatre.url, run.count(5_000_000, 50_000), { queue: 'cold' })
    const queue = createQueue({ database: { url: theatre.url, max: 2 }, listen: false })
    let read = 0
    let on = true
    const reading = (async () => {
      while (on) {
        for (const ask of [() => queue.counts(), () => queue.jobs({ queue: 'cold' }), () => queue.jobs({ state: 'ready' })]) {
          const begun = performance.now()
          await ask()
          read = Math.max(read, performance.now() - begun)
        }
        await pause(200)
      }
    })()
    const beside = await latency()
    on = false
    await reading
    await queue.close()
    return { clean, beside, read }
  })
}

export const b11: Scenario = {
  name: 'B11',
  title: 'a backlog in one queue, another at a thousand a second, and somebody who looks',
  async perform(run) {
    const turns = await takeTurns(run, ['ours'], () => backlog(run))
    const { clean, beside, read } = turns.get('ours') as { clean: number; beside: number; read: number }
    const waiting = `${run.count(5_000_000, 50_000)} ready in another queue`
    run.say({
      metric: `B11 enqueue to start p99 beside ${waiting}, of the clean p99`,
      unit: 'times',
      ours: beside / clean,
      ...alone,
      goal: '<= 2',
      meets: beside / clean <= 2,
    })
    run.say({
      metric: `B11 slowest list or count, ${waiting}`,
      unit: 'ms',
      ours: read,
      ...alone,
      goal: '<= 300',
      meets: read <= 300,
    })
  },
}

type Cost = { core: number; rss: number; start: number; stop: number }

async function cost(run: Run): Promise<Cost> {
  return play(run.stage, 'ours', async ({ theatre, producer }) => {
    await producer.call('prepare', { system: 'ours', url: theatre.url, connections: 1 })
    const order = { connections: 1, batch: 1, payloadBytes: PAYLOAD_BYTES, count: 1 }
    await producer.call('produce', order)
    const plan = { concurrency: 16, batched: true }
    const begun = performance.now()
    const worker = await hire()
    await worker.call('work', { system: 'ours', url: theatre.url, plan, handler: 'noop', tells: false })
    while ((await worker.call('tally', null)).distinct < 1) await pause(1)
    const start = performance.now() - begun
    const stopping = performance.now()
    await worker.stop()
    const stop = performance.now() - stopping

    const idle = await hire()
    const queues = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`q${n}`, 2]))
    await idle.call('work', { system: 'ours', url: theatre.url, plan: { ...plan, queues }, handler: 'noop', tells: false })
    await pause(run.ms(20_000, 1_500))
    const before = await idle.call('usage', null)
    await pause(run.ms(600_000, 2_000))
    const after = await idle.call('usage', null)
    await idle.stop()
    const worked = after.cpu.user + after.cpu.system - before.cpu.user - before.cpu.system
    return { core: worked / 1000 / (after.uptimeMs - before.uptimeMs), rss: after.rss / 2 ** 20, start, stop }
  })
}

export const b12: Scenario = {
  name: 'B12',
  title: 'what a process costs',
  async perform(run) {
    const { core, rss, start, stop } = (await takeTurns(run, ['ours'], () => cost(run))).get('ours') as Cost
    const say = (metric: string, unit: string, ours: number, most: number, goal: string) =>
      run.say({ metric: `B12 ${metric}`, unit, ours, ...alone, goal, meets: ours <= most })
    say('idle with 100 queues, of a core', 'share', core, 0.01, '<= 0.01')
    say('idle with 100 queues, resident', 'MB', rss, 100, '<= 100')
    say('from the start of the process to its first job', 'ms', start, 300, '<= 300')
    say('from stop to the end of the process', 'ms', stop, 100, '<= 100')
  },
}
