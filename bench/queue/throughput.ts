// B1 end to end, B2 drain and enqueue, B3 small numbers of slots, B7 many queues: jobs per second, counted by the worker that ran them.
import { setTimeout as pause } from 'node:timers/promises'
import { copyIn } from '@countersign/queue'
import pg from 'pg'
import { PEER_SETTINGS, QUEUE, type SystemName, type WorkPlan } from './contenders.ts'
import { hire } from './crew.ts'
import type { Way } from './orders.ts'
import { play, sum } from './play.ts'
import { alone, PAYLOAD_BYTES, type Run, type Scenario, takeTurns } from './scenario.ts'

/** What each system does best with when a handler does nothing. */
const NOOP: Record<SystemName, WorkPlan> = {
  ours: { concurrency: 256, batched: true },
  'graphile-worker': { concurrency: 24, batched: true },
  'pg-boss': { concurrency: 500, batched: true },
}
const BATCH = 1_000
const PRODUCERS = 2

export const SETTINGS = {
  noop: NOOP,
  batch: BATCH,
  producers: PRODUCERS,
  payload_bytes: PAYLOAD_BYTES,
  warm_up_ms: 30_000,
  // The one thing that is relaxed, and for our claims alone.
  claims: 'synchronous_commit = off (Q47); enqueue and finish wait for the disk, as the peers do for all',
  peers: PEER_SETTINGS,
}

/** Producers and workers at once. In a quick run as many jobs as take a moment: how many those are, a first few tell. */
async function endToEnd(run: Run, system: SystemName): Promise<{ perSecond: number; jobs: number; again: number }> {
  return play(run.stage, system, async ({ theatre, producer, worker, drained }) => {
    const order = { connections: PRODUCERS, batch: BATCH, payloadBytes: PAYLOAD_BYTES }
    await producer.call('prepare', { system, url: theatre.url, connections: PRODUCERS })
    await worker.call('work', { system, url: theatre.url, plan: NOOP[system], handler: 'noop', tells: true })
    const warmed = performance.now()
    const first = await producer.call('produce', {
      ...order,
      depth: 20_000,
      ...(run.quick ? { count: 1_000 } : { ms: run.ms(30_000, 0) }),
    })
    const { at: warm } = await drained(first.accepted)
    const perMs = first.accepted / (warm - warmed)
    const count = run.quick ? Math.min(60_000, Math.max(3_000, Math.round(perMs * 900))) : run.count(200_000, 0)
    const begun = performance.now()
    const { accepted } = await producer.call('produce', { ...order, count })
    const { at, ranAgain } = await drained(first.accepted + accepted)
    return { perSecond: (accepted / (at - begun)) * 1000, jobs: accepted, again: ranAgain }
  })
}

export const b1: Scenario = {
  name: 'B1',
  title: 'no-op end to end, producers and workers at once',
  isQuick: true,
  async perform(run) {
    const systems: SystemName[] = ['ours', ...run.peers]
    const results = await takeTurns(run, systems, (system) => endToEnd(run, system))
    const ours = results.get('ours')?.perSecond ?? Number.NaN
    const goals: Record<string, number> = { 'graphile-worker': 4, 'pg-boss': 8 }
    for (const peer of run.peers) {
      const theirs = results.get(peer)?.perSecond ?? Number.NaN
      const times = goals[peer] as number
      run.say({
        metric: `B1 no-op end to end, against ${peer}`,
        unit: 'jobs/s',
        ours,
        peer_name: peer,
        peer: theirs,
        goal: `ratio >= ${times}`,
        meets: ours / theirs >= times,
      })
    }
    if (run.peers.length === 0) run.say({ metric: 'B1 no-op end to end', unit: 'jobs/s', ours, ...alone, goal: null })
    const loop = run.peers.includes('pg-boss') && !run.quick ? await bossLoop(run) : null
    if (loop !== null)
      run.say({
        metric: 'B1 no-op end to end, against the fetch and complete loop of pg-boss',
        unit: 'jobs/s',
        ours,
        peer_name: 'pg-boss fetch/complete',
        peer: loop,
        goal: null,
      })
  },
}

/** pg-boss without its workers: fetch 500, complete 500, two loops, while one producer fills. No goal. */
async function bossLoop(run: Run): Promise<number> {
  const { default: PgBoss } = await import('pg-boss')
  return play(run.stage, 'pg-boss', async ({ theatre, producer }) => {
    const boss = await new PgBoss({ connectionString: theatre.url, schedule: false, supervise: false }).start()
    await producer.call('prepare', { system: 'pg-boss', url: theatre.url, connections: PRODUCERS })
    const count = run.count(100_000, 10_000)
    const begun = performance.now()
    let done = 0
    const loop = async () => {
      while (done < count) {
        const jobs = await boss.fetch(QUEUE, { batchSize: 500 })
        if (jobs.length === 0) await pause(5)
        else
          await boss.complete(
            QUEUE,
            jobs.map((job) => job.id),
          )
        done += jobs.length
      }
    }
    const produced = producer.call('produce', { connections: PRODUCERS, batch: BATCH, payloadBytes: PAYLOAD_BYTES, count })
    await Promise.all([loop(), loop(), produced])
    const perSecond = (count / (performance.now() - begun)) * 1000
    await boss.stop({ graceful: false })
    return perSecond
  })
}

async function drain(run: Run, system: SystemName): Promise<{ perSecond: number }> {
  return play(run.stage, system, async ({ theatre, producer, worker, drained }) => {
    await producer.call('prepare', { system, url: theatre.url, connections: 2 })
    const count = run.count(1_000_000, 10_000)
    const { accepted } = await producer.call('produce', { connections: 2, batch: BATCH, payloadBytes: PAYLOAD_BYTES, count })
    const begun = performance.now()
    await worker.call('work', { system, url: theatre.url, plan: NOOP[system], handler: 'noop', tells: false })
    const { at } = await drained(accepted)
    return { perSecond: (accepted / (at - begun)) * 1000 }
  })
}

type Enqueueing = { producers: number; how: 'single' | 'batch' | 'copy' }

async function enqueueAlone(run: Run, { producers, how }: Enqueueing): Promise<{ perSecond: number }> {
  return play(run.stage, 'ours', async ({ theatre, producer }) => {
    const ms = run.ms(15_000, 1_000)
    if (how === 'copy') return { perSecond: await copyAlone(theatre.url, producers, ms) }
    await producer.call('prepare', { system: 'ours', url: theatre.url, connections: producers })
    const order = { connections: producers, batch: how === 'single' ? 1 : BATCH, payloadBytes: PAYLOAD_BYTES }
    await producer.call('produce', { ...order, ms: run.ms(5_000, 200) })
    const { accepted, ms: took } = await producer.call('produce', { ...order, ms })
    return { perSecond: (accepted / took) * 1000 }
  })
}

async function copyAlone(url: string, producers: number, ms: number): Promise<number> {
  const pool = new pg.Pool({ connectionString: url, max: producers })
  const until = performance.now() + ms
  const payload = { x: 'x'.repeat(PAYLOAD_BYTES - 8) }
  function* source() {
    while (performance.now() < until) for (let n = 0; n < 100; n++) yield { kind: 'bench', queue: QUEUE, payload }
  }
  const begun = performance.now()
  const copied = await Promise.all(Array.from({ length: producers }, () => copyIn(pool, source())))
  const took = performance.now() - begun
  await pool.end()
  return (sum(copied.map(({ count }) => count)) / took) * 1000
}

export const b2: Scenario = {
  name: 'B2',
  title: 'no-op drain of a preloaded queue, and enqueue alone',
  async perform(run) {
    const systems: SystemName[] = ['ours', ...run.peers.filter((peer) => peer === 'graphile-worker')]
    const results = await takeTurns(run, systems, (system) => drain(run, system))
    const ours = results.get('ours')?.perSecond ?? Number.NaN
    const theirs = results.get('graphile-worker')?.perSecond ?? null
    run.say({
      metric: `B2 drain of ${run.count(1_000_000, 10_000)} preloaded`,
      unit: 'jobs/s',
      ours,
      peer_name: theirs === null ? null : 'graphile-worker',
      peer: theirs,
      goal: 'ratio >= 6',
      meets: theirs !== null && ours / theirs >= 6,
    })
    for (const how of ['single', 'batch', 'copy'] as const)
      for (const producers of [1, 4, 16]) {
        const { perSecond } = (await takeTurns(run, ['ours'], () => enqueueAlone(run, { producers, how }))).get('ours') as {
          perSecond: number
        }
        const isGoal = how === 'batch' && producers === 4
        run.say({
          metric: `B2 enqueue alone, ${producers} producers, ${how === 'batch' ? 'batches of 1,000' : how}`,
          unit: 'jobs/s',
          ours: perSecond,
          ...alone,
          goal: isGoal ? '>= 100000' : null,
          ...(isGoal ? { meets: perSecond >= 100_000 } : {}),
        })
      }
  },
}

export type Steady = {
  system?: SystemName
  plan: WorkPlan
  handler: Way
  queues?: string[]
  warmMs: number
  ms: number
  /** What is in the database before. */
  before?: (url: string) => Promise<void>
}

/** Jobs per second in a window in which the producer keeps 4,000 waiting; fewer in a quick run, which must not spend its time on the rest. */
export async function steady(run: Run, { system = 'ours', plan, handler, queues, warmMs, ms, before }: Steady): Promise<number> {
  return play(run.stage, system, async ({ theatre, producer, worker, drained }) => {
    await before?.(theatre.url)
    await producer.call('prepare', { system, url: theatre.url, connections: PRODUCERS })
    await worker.call('work', { system, url: theatre.url, plan, handler, tells: true })
    const produced = producer.call('produce', {
      connections: PRODUCERS,
      batch: 200,
      payloadBytes: PAYLOAD_BYTES,
      depth: run.quick ? 1_000 : 4_000,
      ms: warmMs + ms,
      ...(queues ? { queues } : {}),
    })
    await pause(warmMs)
    const [first, begun] = [await worker.call('tally', null), performance.now()]
    await pause(ms - 50)
    const [last, ended] = [await worker.call('tally', null), performance.now()]
    const { accepted } = await produced
    if (!before) await drained(accepted)
    return ((last.handled - first.handled) / (ended - begun)) * 1000
  })
}

const GOALS: Record<number, number> = { 4: 3_400, 16: 9_000, 64: 18_000 }

export const b3: Scenario = {
  name: 'B3',
  title: 'few slots and a handler of one millisecond',
  isQuick: true,
  async perform(run) {
    for (const slots of run.quick ? [4] : [4, 16, 64])
      for (const handler of ['polled', 'timer'] as const) {
        const judge = await hire()
        const most = await judge.call('ceiling', { way: handler, slots, ms: run.ms(5_000, 300) })
        await judge.stop()
        const steps = {
          plan: { concurrency: slots, batched: true },
          handler,
          warmMs: run.ms(30_000, 400),
          ms: run.ms(120_000, 1_000),
        }
        const turns = await takeTurns(run, ['ours'], async () => ({ perSecond: await steady(run, steps) }))
        const ours = turns.get('ours')?.perSecond ?? Number.NaN
        const goal = goalOf(slots, handler, most)
        run.say({
          metric: `B3 ceiling: ${slots} bare loops, ${handler} wait`,
          unit: '1/s',
          ours: most,
          ...alone,
          goal: null,
        })
        run.say({
          metric: `B3 W=${slots}, 1 ms ${handler} wait`,
          unit: 'jobs/s',
          ours,
          ...alone,
          goal: goal === null ? null : `>= ${Math.round(goal)}`,
          ...(goal === null ? {} : { meets: ours >= goal }),
        })
      }
  },
}

/** Q158: by a polled wait as the table says; by a timer at W=4 the lower of that and 94 % of what the timer itself gives. */
export function goalOf(slots: number, handler: Way, most: number): number | null {
  if (handler === 'polled') return GOALS[slots] as number
  return slots === 4 ? Math.min(GOALS[4] as number, 0.94 * most) : null
}

export const b7: Scenario = {
  name: 'B7',
  title: 'many queues of few slots against one of many',
  isQuick: true,
  async perform(run) {
    const queues = (count: number) => Array.from({ length: count }, (_, n) => `q${n}`)
    const shape = (names: string[], each: number): Steady => ({
      plan: { concurrency: names.length * each, batched: true, queues: Object.fromEntries(names.map((name) => [name, each])) },
      handler: 'polled',
      queues: names,
      warmMs: run.ms(10_000, 400),
      ms: run.ms(60_000, 900),
    })
    const shapes = { '1 x 128': shape(queues(1), 128), '4 x 32': shape(queues(4), 32), '64 x 2': shape(queues(64), 2) }
    // The shapes take turns as systems do elsewhere.
    const turns = await takeTurns(run, ['ours'], async () => {
      const rates: Record<string, number> = {}
      for (const [name, one] of Object.entries(shapes)) rates[name] = await steady(run, one)
      return rates
    })
    const rates = turns.get('ours') as Record<keyof typeof shapes, number>
    run.say({ metric: 'B7 1 queue x 128 slots, 1 ms', unit: 'jobs/s', ours: rates['1 x 128'], ...alone, goal: null })
    for (const [name, least] of [
      ['4 x 32', 0.8],
      ['64 x 2', 0.6],
    ] as const) {
      const share = rates[name] / rates['1 x 128']
      run.say({ metric: `B7 ${name} slots, 1 ms`, unit: 'jobs/s', ours: rates[name], ...alone, goal: null })
      run.say({
        metric: `B7 ${name} of 1 x 128`,
        unit: 'share',
        ours: share,
        ...alone,
        goal: `>= ${least}`,
        meets: share >= least,
      })
    }
  },
}
