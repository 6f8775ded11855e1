// B4 latency of single jobs at a modest rate, B5 write-ahead log per job, B6 a snapshot that pins the horizon.
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { percentile } from '../figure.ts'
import type { SystemName, WorkPlan } from './contenders.ts'
import type { Way } from './orders.ts'
import { type Play, play } from './play.ts'
import { alone, PAYLOAD_BYTES, type Run, type Scenario, takeTurns } from './scenario.ts'
import { pinByRead, pinByXid, readAll, unpin } from './sql.ts'
import type { Theatre } from './stage.ts'

/** A stored text has a header of four bytes. */
const STORED_PAYLOAD = PAYLOAD_BYTES + 4
/** The greatest sum of dead tuples that was seen; statistics come in at most once a second. */
function watchDead(theatre: Theatre): { most(): Promise<number> } {
  let most = 0
  let on = true
  const watching = (async () => {
    while (on) {
      most = Math.max(most, await theatre.deadTuples())
      await pause(500)
    }
  })()
  return {
    async most() {
      on = false
      await watching
      return Math.max(most, await theatre.deadTuples())
    },
  }
}

/** The peers as they answer soonest. */
const SOONEST: Record<SystemName, WorkPlan> = {
  ours: { concurrency: 8, batched: false },
  'graphile-worker': { concurrency: 8, batched: false },
  'pg-boss': { concurrency: 8, batched: false },
}

type Latency = { p50: number; p99: number; dead: number; wal: number }

async function latencyOf(run: Run, system: SystemName): Promise<Latency> {
  return play(run.stage, system, async ({ theatre, producer, worker, drained }) => {
    await producer.call('prepare', { system, url: theatre.url, connections: 8 })
    await worker.call('work', { system, url: theatre.url, plan: SOONEST[system], handler: 'noop', tells: false })
    const order = { connections: 8, batch: 1, payloadBytes: PAYLOAD_BYTES, perSecond: 200 }
    const first = await producer.call('produce', { ...order, ms: run.ms(30_000, 400) })
    await drained(first.accepted)
    await theatre.checkpoint()
    const dead = watchDead(theatre)
    const wal = await theatre.walBytes()
    await worker.call('latencies', true)
    const { accepted } = await producer.call('produce', { ...order, ms: run.ms(900_000, 1_300) })
    await drained(first.accepted + accepted)
    const all = await worker.call('latencies', false)
    return {
      p50: percentile(all, 0.5),
      p99: percentile(all, 0.99),
      dead: await dead.most(),
      wal: ((await theatre.walBytes()) - wal) / accepted,
    }
  })
}

export const b4: Scenario = {
  name: 'B4',
  title: 'latency at 200 jobs a second, enqueued one by one, 8 slots',
  isQuick: true,
  async perform(run) {
    const peers = run.quick ? run.peers.filter((peer) => peer === 'graphile-worker') : run.peers
    const results = await takeTurns(run, ['ours', ...peers], (system) => latencyOf(run, system))
    const ours = results.get('ours') as Latency
    const [peer] = peers
    for (const [name, most] of [
      ['p50', 3],
      ['p99', 10],
    ] as const)
      for (const one of peer ? peers : [null])
        run.say({
          metric: `B4 enqueue to start, ${name}${one ? `, against ${one}` : ''}`,
          unit: 'ms',
          ours: ours[name],
          peer_name: one,
          peer: one ? (results.get(one) as Latency)[name] : null,
          goal: `<= ${most}`,
          meets: ours[name] <= most,
        })
    run.say({ metric: 'B4 dead tuples', unit: 'tuples', ours: ours.dead, ...alone, goal: '< 600', meets: ours.dead < 600 })
    const logged = ours.wal - STORED_PAYLOAD
    run.say({
      metric: 'B4 write-ahead log of a job, without its payload',
      unit: 'bytes',
      ours: logged,
      ...alone,
      goal: '<= 1000',
      meets: logged <= 1_000,
    })
  },
}

/** Bytes of write-ahead log per job, after a checkpoint, so that the full pages that follow one are counted. */
async function walOf(
  run: Run,
  system: SystemName,
  plan: WorkPlan,
  handler: 'noop' | Way,
  depth: number,
): Promise<{ bytes: number }> {
  return play(run.stage, system, async ({ theatre, producer, worker, drained }) => {
    await producer.call('prepare', { system, url: theatre.url, connections: 2 })
    await worker.call('work', { system, url: theatre.url, plan, handler, tells: true })
    const order = { connections: 2, batch: handler === 'noop' ? 1_000 : 200, payloadBytes: PAYLOAD_BYTES, depth }
    const first = await producer.call('produce', { ...order, ms: run.ms(10_000, 300) })
    await drained(first.accepted)
    await theatre.checkpoint()
    const before = await theatre.walBytes()
    const { accepted } = await producer.call('produce', { ...order, ms: run.ms(30_000, 800) })
    await drained(first.accepted + accepted)
    return { bytes: ((await theatre.walBytes()) - before) / accepted - STORED_PAYLOAD }
  })
}

export const b5: Scenario = {
  name: 'B5',
  title: 'write-ahead log per job, without its payload',
  isQuick: true,
  async perform(run) {
    const flows = [
      ['end to end, batches of 1,000', 'noop', 20_000, { ours: 256, 'graphile-worker': 24, 'pg-boss': 500 }],
      ['W=64, 1 ms', 'polled', 4_000, { ours: 64, 'graphile-worker': 64, 'pg-boss': 64 }],
    ] as const
    for (const [what, handler, depth, slots] of flows) {
      const systems: SystemName[] = run.quick ? ['ours'] : ['ours', ...run.peers]
      const results = await takeTurns(run, systems, (system) =>
        walOf(run, system, { concurrency: slots[system], batched: true }, handler, depth),
      )
      const ours = results.get('ours')?.bytes ?? Number.NaN
      for (const peer of systems.length > 1 ? systems.slice(1) : [null])
        run.say({
          metric: `B5 write-ahead log of a job, without its payload, ${what}${peer ? `, against ${peer}` : ''}`,
          unit: 'bytes',
          ours,
          peer_name: peer,
          peer: peer ? (results.get(peer)?.bytes ?? null) : null,
          goal: '<= 450',
          meets: ours <= 450,
        })
    }
  },
}

type Phase = { perSecond: number; p99: number }
type Pinned = { share: number; times: number; dead: number; grown: number }
const PINS = { 'idle transaction with an xid': pinByXid, 'REPEATABLE READ reader': pinByRead } as const

async function phase({ producer, worker }: Play, ms: number): Promise<Phase> {
  await worker.call('latencies', true)
  const [before, begun] = [await worker.call('tally', null), performance.now()]
  await producer.call('produce', { connections: 8, batch: 1, payloadBytes: PAYLOAD_BYTES, perSecond: 800, ms })
  const [after, ended] = [await worker.call('tally', null), performance.now()]
  const latencies = await worker.call('latencies', true)
  return { perSecond: ((after.handled - before.handled) / (ended - begun)) * 1000, p99: percentile(latencies, 0.99) }
}

/** 800 jobs a second: clean, under one pin after the other, and after them. */
async function pinnedOf(run: Run, system: SystemName): Promise<Pinned> {
  return play(run.stage, system, async (scene) => {
    const { theatre, producer, worker, drained } = scene
    await producer.call('prepare', { system, url: theatre.url, connections: 8 })
    const plan = { concurrency: 32, batched: false }
    await worker.call('work', { system, url: theatre.url, plan, handler: 'noop', tells: false })
    await phase(scene, run.ms(30_000, 400))
    const clean = await phase(scene, run.ms(60_000, 1_200))
    const dead = watchDead(theatre)
    const size = await theatre.sizeBytes()
    const phases: Phase[] = []
    for (const pin of Object.values(PINS)) {
      const holder = new pg.Client({ connectionString: theatre.adminUrl })
      await holder.connect()
      await holder.query(pin)
      if (pin === pinByRead) for (const table of await theatre.tables()) await holder.query(readAll(table))
      phases.push(await phase(scene, run.ms(240_000, 1_200)))
      await holder.query(unpin)
      await holder.end()
    }
    await phase(scene, run.ms(60_000, 500))
    const numbers = {
      share: Math.min(...phases.map((one) => one.perSecond)) / clean.perSecond,
      times: Math.max(...phases.map((one) => one.p99)) / clean.p99,
      dead: await dead.most(),
      grown: ((await theatre.sizeBytes()) - size) / 2 ** 20,
    }
    await drained(await producer.call('produced', null))
    return numbers
  })
}

export const b6: Scenario = {
  name: 'B6',
  title: 'a pinned snapshot: 800 jobs a second, 32 slots',
  isQuick: true,
  async perform(run) {
    const systems: SystemName[] = run.quick ? ['ours'] : ['ours', ...run.peers]
    const results = await takeTurns(run, systems, (system) => pinnedOf(run, system))
    const ours = results.get('ours') as Pinned
    for (const peer of systems.length > 1 ? systems.slice(1) : [null]) {
      const theirs = peer ? (results.get(peer) as Pinned) : null
      const against = peer ? `, against ${peer}` : ''
      const beside = (metric: string, unit: string, name: keyof Pinned, goal: string | null, meets?: boolean) =>
        run.say({
          metric: `B6 ${metric}${against}`,
          unit,
          ours: ours[name],
          peer_name: peer,
          peer: theirs?.[name] ?? null,
          goal,
          ...(meets === undefined ? {} : { meets }),
        })
      beside('rate under a pin, of the clean rate', 'share', 'share', '>= 0.98', ours.share >= 0.98)
      beside('p99 under a pin, of the clean p99', 'times', 'times', '<= 2', ours.times <= 2)
      beside('dead tuples', 'tuples', 'dead', '< 600', ours.dead < 600)
      beside('growth of the tables until after the release', 'MiB', 'grown', null)
    }
  },
}
