// Q149: real workers of random options on one engine, of which some stop, some are cut off, while queues are paused and handlers end in every way. What each
// worker runs and holds is looked at from inside its handlers and from the tables; no handler knows what is looked at.
import { EventEmitter, once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import {
  cancel,
  createQueue,
  defineKind,
  discard,
  type Job,
  type Kind,
  type Queue,
  retry,
  snooze,
  type Worker,
  type WorkerOptions,
} from '../src/index.ts'
import { type Engine, openEngine } from './harness.ts'
import { violations } from './invariants.ts'
import { type Random, randomOf } from './model/world.ts'

const SECONDS = Number(process.env.PROPERTY_SECONDS ?? 8)
// The suite runs one program that is the same on every machine; the long run searches by chance.
const SEED = process.env.PROPERTY_SEED ?? (process.env.PROPERTY_SECONDS === undefined ? '1' : undefined)
const QUEUES = ['alpha', 'beta'] as const
const BATCH = 4

const napping = (ms: number) => new Promise<void>((resume) => setTimeout(resume, ms))

/** A process with one worker, and what its handlers saw. */
class Process {
  readonly queue: Queue
  readonly worker: Worker
  readonly most: number
  readonly names = new Set<string>()
  /** Handlers at work, a batch counted by its jobs. */
  running = 0
  readonly faults: string[] = []
  ended = 0
  stopped: Promise<void> | undefined

  constructor(url: string, random: Random) {
    const concurrency = 1 + random.below(6)
    const pool = 1 + random.below(4)
    const queues: WorkerOptions['queues'] = random.pick([
      ['alpha', 'beta'],
      { alpha: { min: 1, weight: 2 }, beta: {} },
      { alpha: pool, beta: {} },
    ])
    const hasPool = !Array.isArray(queues) && typeof (queues as Record<string, unknown>).alpha === 'number'
    this.most = concurrency + (hasPool ? pool : 0)
    this.queue = createQueue({ database: { url }, kinds: this.kinds(random) })
    this.worker = this.queue.work({
      concurrency,
      queues,
      heartbeat: random.pick(['100ms', '1s']),
      lostAfter: '60s',
      maintenance: false,
    })
    onTestFinished(() => this.queue.close({ grace: '1s' }))
  }

  kinds(random: Random): Kind[] {
    const plain = defineKind<{ n: number }>('plain', {
      maxAttempts: 3,
      backoff: { base: '1ms', factor: 1, jitter: 0 },
      run: (job) => this.handle(random, [job]),
    })
    const many = defineKind<{ n: number }>('many', {
      batch: { max: BATCH, wait: '20ms' },
      maxAttempts: 3,
      backoff: { base: '1ms', factor: 1, jitter: 0 },
      run: (jobs) => this.handle(random, jobs),
    })
    return [plain, many] as Kind[]
  }

  async handle(random: Random, jobs: readonly Job<{ n: number }>[]): Promise<unknown> {
    this.names.add(this.worker.id)
    this.running++
    this.look(jobs)
    await napping(random.below(10) === 0 ? 120 : random.below(15))
    this.look(jobs)
    this.running--
    this.ended++
    return random.weighted<() => unknown>([
      [10, () => undefined],
      [3, () => ({ n: 1 })],
      [1, () => retry({ after: '1ms' })],
      [1, () => snooze('1ms')],
      [1, () => cancel('not wanted')],
      [1, () => discard('hopeless')],
      [
        2,
        () => {
          throw new Error('broken')
        },
      ],
    ])()
  }

  look(jobs: readonly unknown[] = []): void {
    this.names.add(this.worker.id)
    const { running, waiting, unacknowledged } = this.worker.ages()
    const wrong = (holds: boolean, invariant: string, n: number, most: number) => {
      if (!holds) this.faults.push(`${invariant}: ${n}, at most ${most}`)
    }
    wrong(this.running <= this.most, 'PermitsBounded', this.running, this.most)
    // Its own count says no more than its handlers do, and no less.
    wrong(running >= this.running, 'RunningHasPermit', this.running, running)
    wrong(waiting <= 2 * 2 * this.most + this.most + 2 * BATCH, 'AheadBounded', waiting, 5 * this.most + 2 * BATCH)
    wrong(unacknowledged <= 256 + this.most * BATCH, 'UnacknowledgedBounded', unacknowledged, 256 + this.most * BATCH)
    wrong(jobs.length <= BATCH, 'BatchBounded', jobs.length, BATCH)
  }
}

/** By the clock that stamps claims, which counts milliseconds. */
/** A claim that began before the commit of a pause is bound by nothing: those that are under way end first. */
async function claimsAreOver(engine: Engine): Promise<void> {
  const { at } = await engine.lookOne<{ at: string }>('select clock_timestamp()::text as at')
  const open = `select count(*)::int as n from pg_stat_activity
    where datname = current_database() and state = 'active' and query like '%claim_packed%' and pid <> pg_backend_pid() and query_start < $1::timestamptz`
  await expect.poll(async () => (await engine.lookOne<{ n: number }>(open, [at])).n, { timeout: 10_000, interval: 5 }).toBe(0)
}

const now = async (engine: Engine) => (await engine.lookOne<{ at: string }>('select countersign_queue.now()::text as at')).at

/** Claims of the ring and rows of jobs that some worker was given after a moment and before another; their times are rounded to milliseconds. */
async function given(
  engine: Engine,
  where: { workers?: string[]; queue?: string; after: string; before?: string },
): Promise<unknown[]> {
  return engine.look(
    `select c.worker, l.queue, c.claimed_at::text from countersign_queue.claims c join countersign_queue.lanes l on l.lane = c.lane
     where c.n > 0 and c.claimed_at > $3::timestamptz + interval '2 ms' and c.claimed_at < coalesce($4::timestamptz, 'infinity') and c.worker is not null
       and ($1::text[] is null or c.worker = any ($1)) and ($2::text is null or l.queue = $2)
     union all
     select j.worker, j.queue, j.claimed_at::text from countersign_queue.jobs j
     where j.claimed_at > $3::timestamptz + interval '2 ms' and j.claimed_at < coalesce($4::timestamptz, 'infinity') and j.worker is not null
       and ($1::text[] is null or j.worker = any ($1)) and ($2::text is null or j.queue = $2)`,
    [where.workers ?? null, where.queue ?? null, where.after, where.before ?? null],
  )
}

/** What a worker still owns: attempts in rows, open positions of its claims. */
const owned = (engine: Engine, workers: string[]) =>
  engine.look(
    `select j.id from countersign_queue.jobs j where j.state = 'running' and j.worker = any ($1)
     union all
     select c.id::text from countersign_queue.claims c where c.worker = any ($1) and c.n > 0 and countersign_queue.is_open(c.id, c.n)`,
    [workers],
  )

test(
  'Q149 workers of random options hold their bounds, claim nothing after a pause or their stop, and own nothing when they stopped',
  async () => {
    const seed = SEED === undefined ? (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) : Number(SEED)
    process.stdout.write(`workers PROPERTY_SEED=${seed}\n`)
    const random = randomOf(seed)
    const engine = await openEngine('ring', { sessions: 2, patienceMs: 10_000 })
    const s = engine.session(0)
    const all: Process[] = []
    const start = () => all.push(new Process(engine.url, random))
    const checked = { stops: 0, pauses: 0 }
    start()
    start()
    const began = performance.now()
    for (let step = 1; step <= 12 || (SEED === undefined && performance.now() - began < SECONDS * 1_000); step++) {
      const jobs = Array.from({ length: random.below(60) }, (_, n) => ({
        kind: random.pick(['plain', 'plain', 'many']),
        queue: random.pick(QUEUES),
        payload: { n },
        ...(random.chance(0.2) ? { metadata: { n } } : {}),
        ...(random.chance(0.1) ? { unique: { key: `u${random.below(5)}`, on_conflict: 'return' } } : {}),
      }))
      await s.get('enqueue_many($1::jsonb)', [JSON.stringify(jobs)])
      const live = all.filter((one) => !one.stopped)
      if (random.chance(0.3) && live.length > 1) {
        const one = random.pick(live)
        one.look()
        one.stopped = one.worker.stop({ grace: '30s' })
        await one.stopped
        const at = await now(engine)
        expect(await owned(engine, [...one.names]), 'StoppedWorkersOwnNothing').toEqual([])
        expect(one.running, 'HandlersEnded').toBe(0)
        expect(one.worker.ages(), 'TerminalReleasesPermit').toMatchObject({ running: 0, waiting: 0, unacknowledged: 0 })
        // The others go on and get enough to do; this one gets nothing.
        await s.get('enqueue_many($1::jsonb)', [JSON.stringify(jobs)])
        await napping(30)
        expect(await given(engine, { workers: [...one.names], after: at }), 'NoClaimAfterStop').toEqual([])
        checked.stops++
        start()
      } else if (random.chance(0.4)) {
        const queue = random.pick(QUEUES)
        await s.get('set_paused($1::text, $2::text, true)', ['queue', queue])
        await claimsAreOver(engine)
        const after = await now(engine)
        await s.get('enqueue_many($1::jsonb)', [JSON.stringify(jobs.map((job) => ({ ...job, queue })))])
        await napping(40)
        const before = await now(engine)
        await s.get('set_paused($1::text, $2::text, false)', ['queue', queue])
        expect(await given(engine, { queue, after, before }), 'NoClaimAfterPauseCommitted').toEqual([])
        checked.pauses++
      } else if (random.chance(0.3)) await s.get('tick($1::text[])', [['promote', 'rescue', 'rotate']])
      else await napping(20)
      for (const one of all) {
        if (!one.stopped) one.look()
        expect(one.faults, `seed ${seed}, step ${step}`).toEqual([])
      }
    }
    // With faults stopped every job ends, and every permit is free again.
    const live = all.filter((one) => !one.stopped)
    await expect
      .poll(
        async () => {
          await s.get("tick('{promote,rescue}')")
          return (await s.get<{ queues: Record<string, Record<string, number>> }>('counts()')).queues
        },
        { timeout: 120_000, interval: 200 },
      )
      .toSatisfy((queues: Record<string, Record<string, number>>) =>
        Object.values(queues).every((states) =>
          Object.entries(states).every(([state, n]) => n === 0 || ['completed', 'failed', 'cancelled'].includes(state)),
        ),
      )
    for (const one of live)
      await expect.poll(() => one.worker.ages(), { timeout: 30_000 }).toMatchObject({ running: 0, waiting: 0, unacknowledged: 0 })
    await Promise.all(live.map((one) => one.worker.stop({ grace: '10s' })))
    expect(
      await owned(
        engine,
        all.flatMap((one) => [...one.names]),
      ),
    ).toEqual([])
    expect(await violations(engine)).toEqual([])
    for (const one of all) expect(one.faults).toEqual([])
    process.stdout.write(
      `workers: ${all.length} of them ran ${all.reduce((sum, one) => sum + one.ended, 0)} handlers; ${JSON.stringify(checked)}\n`,
    )
    expect(all.reduce((sum, one) => sum + one.ended, 0)).toBeGreaterThan(50)
  },
  (SECONDS + 240) * 1_000,
)

test('Q149 HeartbeatUntilDrained: a worker that stops vouches for itself until its last handler has returned, and claims nothing meanwhile', async () => {
  const engine = await openEngine('ring', { sessions: 1, patienceMs: 10_000 })
  const s = engine.session(0)
  const gate = new EventEmitter()
  const opened = once(gate, 'open')
  let began = false
  const slow = defineKind('slow', {
    async run() {
      began = true
      await opened
    },
  })
  const queue = createQueue({ database: { url: engine.url }, kinds: [slow] })
  onTestFinished(() => queue.close({ grace: '1s' }))
  const worker = queue.work({ concurrency: 2, heartbeat: '50ms', lostAfter: '10m', maintenance: false })
  await queue.enqueue(slow, undefined)
  await expect.poll(() => began, { timeout: 30_000 }).toBe(true)
  const stopped = worker.stop({ grace: '10m' })
  const at = await now(engine)
  await queue.enqueue(slow, undefined)
  const beats = async () =>
    (await engine.look<{ at: string }>('select beat_at::text as at from countersign_queue.workers where id = $1', [worker.id]))[0]
      ?.at
  for (let n = 0; n < 3; n++) {
    const last = await beats()
    expect(last).toBeDefined()
    await expect.poll(beats, { timeout: 30_000 }).not.toBe(last)
  }
  expect(await given(engine, { workers: [worker.id], after: at })).toEqual([])
  gate.emit('open')
  await stopped
  expect(await owned(engine, [worker.id])).toEqual([])
  expect((await s.get<{ queues: Record<string, Record<string, number>> }>('counts()')).queues.default).toMatchObject({
    completed: 1,
    ready: 1,
  })
})
