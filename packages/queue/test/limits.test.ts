// Q151: a random program over queues and kinds with limits, rates and strict keys, on the ring and on the oracle: several workers, outcomes of every sort,
// lost workers, a clock that jumps, limits that change meanwhile. What holds is looked at after each step; at the end every job must come to its end.
import { expect, test } from 'vitest'
import { type Held, json, lose, tick } from './acts.ts'
import { type Engine, openEngine, type Session } from './harness.ts'
import { violations } from './invariants.ts'
import { BOTH, type Random, randomOf } from './model/world.ts'

const SECONDS = Number(process.env.PROPERTY_SECONDS ?? 8)
// The suite runs one program that is the same on every machine; the long run searches by chance.
const SEED = process.env.PROPERTY_SEED ?? (process.env.PROPERTY_SECONDS === undefined ? '1' : undefined)
const STEPS = Number(process.env.PROPERTY_STEPS ?? 150)

const WORKERS = ['w1', 'w2', 'w3']
const KINDS = ['plain', 'few']
const QUEUES = ['narrow', 'paced', 'ordered'] as const
type Queue = (typeof QUEUES)[number]
type Given = Held & { queue: Queue; worker: string }
type Start = { scope: string; at: number }

/** Nobody keeps these jobs waiting any more: neither a job of their key before them nor one that runs. */
const ORPHANS = `
  select j.id from countersign_queue.jobs j
  where j.ordered and ((j.state = 'blocked' and j.state_reason = 'order') or j.aside = 'order')
    and not exists (select from countersign_queue.jobs b where b.queue = j.queue and b.tenant_id = j.tenant_id and b.ordering_key = j.ordering_key
      and b.ordered and b.id <> j.id and b.finished_at is null and (b.ord < j.ord or b.state in ('running', 'waiting')))`
const EARLIER = `
  select j.id, b.id as before, b.state from countersign_queue.jobs j join countersign_queue.jobs b
    on b.queue = j.queue and b.tenant_id = j.tenant_id and b.ordering_key = j.ordering_key and b.ordered and b.finished_at is null and b.ord < j.ord
  where j.id = any ($1)`
/** What runs, and how much may, of every scope that a job of this claim belongs to. */
const ROOMS = `
  with given as (select * from countersign_queue.jobs where id = any ($1)), scopes as (
    select distinct 'queue ' || g.queue as scope, (q.settings ->> 'max_running')::integer as most,
      (select count(*) from countersign_queue.jobs r where r.state = 'running' and r.queue = g.queue)::integer as n
    from given g join countersign_queue.queues q on q.name = g.queue
    union all
    select distinct 'key ' || g.concurrency_key, (q.settings ->> 'max_running_per_key')::integer,
      (select count(*) from countersign_queue.jobs r where r.state = 'running' and r.queue = g.queue and r.concurrency_key = g.concurrency_key)::integer
    from given g join countersign_queue.queues q on q.name = g.queue where g.concurrency_key is not null
    union all
    select distinct 'kind ' || g.kind, (k.settings ->> 'max_running')::integer,
      (select count(*) from countersign_queue.jobs r where r.state = 'running' and r.kind = g.kind)::integer
    from given g join countersign_queue.kinds k on k.name = g.kind)
  select scope, most, n from scopes where n > most`

const PACE = { limit: 3, per_ms: 600_000, burst: 2 }
const PER_KEY = { limit: 1, per_ms: 600_000, burst: 1 }

class Program {
  readonly engine: Engine
  readonly random: Random
  readonly s: Session
  readonly held: Given[] = []
  readonly ids: string[] = []
  readonly starts: Start[] = []
  readonly did: string[] = []
  readonly seen = { given: 0, full: 0, blocked: 0 }

  constructor(engine: Engine, random: Random) {
    this.engine = engine
    this.random = random
    this.s = engine.session(0)
  }

  async prepare(): Promise<void> {
    const backoff = { base_ms: 900_000, factor: 1, jitter: 0 }
    await this.s.get('register_kinds($1::jsonb)', [
      json({ plain: { backoff, max_attempts: 4 }, few: { backoff, max_attempts: 4, max_running: 2 } }),
    ])
    await this.configure('narrow', { max_running: 4, max_running_per_key: 2 })
    await this.configure('paced', { rate: PACE, rate_per_key: PER_KEY })
    for (const worker of WORKERS) await this.register(worker)
  }

  configure = (queue: Queue, settings: object) => this.s.get('configure_queue($1::text, $2::jsonb)', [queue, json(settings)])
  register = (worker: string) =>
    this.s.get("register_worker($1::text, $2::text[], $3::text[], 'host', 1, 'test', 3600000)", [worker, QUEUES, KINDS])

  async step(): Promise<void> {
    const { random } = this
    const act = random.weighted<() => Promise<string>>([
      [20, () => this.enqueue()],
      [25, () => this.claim()],
      [25, () => this.finish()],
      [6, () => this.clock()],
      [4, () => this.loseWorker()],
      [4, () => this.limit()],
      [5, () => this.operate()],
      [5, async () => `tick ${json(await tick(this.s, 'rescue', 'promote'))}`],
    ])
    this.did.push(await act())
    await this.look()
  }

  async enqueue(): Promise<string> {
    const { random } = this
    const jobs = Array.from({ length: 1 + random.below(6) }, () => {
      const queue = random.pick(QUEUES)
      return {
        kind: random.pick(KINDS),
        queue,
        payload: { k: 'x' },
        ...(queue === 'narrow' ? { concurrency_key: `c${random.below(3)}` } : {}),
        ...(queue === 'paced' ? { rate_key: `r${random.below(3)}` } : {}),
        ...(queue === 'ordered' ? { ordering_key: `o${random.below(3)}`, order: 'strict' } : {}),
        ...(random.chance(0.1) ? { delay_ms: 1_500_000 } : {}),
        ...(random.chance(0.1) ? { priority: 1 + random.below(4) } : {}),
      }
    })
    const made = await this.s.get<{ id: string }[]>('enqueue_many($1::jsonb)', [json(jobs)])
    this.ids.push(...made.map((one) => one.id))
    return `enqueue ${jobs.map((job) => job.queue).join(' ')}`
  }

  async claim(n = 1 + this.random.below(8), queues: readonly Queue[] = this.random.some(QUEUES, 3)): Promise<string> {
    const worker = this.random.pick(WORKERS)
    const token = crypto.randomUUID()
    const wants = queues.map((queue) => ({ queue, n, kinds: KINDS }))
    const { jobs } = await this.s.get<{ jobs: Given[] }>('claim($1::text, $2::uuid, $3::jsonb)', [worker, token, json(wants)])
    this.held.push(...jobs.map((job) => ({ ...job, token, worker })))
    const ids = jobs.map((job) => job.id)
    this.seen.given += ids.length
    if (ids.length < n * queues.length) this.seen.full++
    expect(await this.engine.look(ROOMS, [ids]), 'RunningPerKeyBound').toEqual([])
    expect(await this.engine.look(EARLIER, [ids]), 'StrictKeyOrder').toEqual([])
    const begun = await this.engine.look<{ rate_key: string; at: number }>(
      "select rate_key, extract(epoch from claimed_at)::float8 * 1000 as at from countersign_queue.jobs where id = any ($1) and queue = 'paced'",
      [ids],
    )
    for (const { rate_key, at } of begun) this.starts.push({ scope: 'queue', at }, { scope: rate_key, at })
    return `${worker} claims ${ids.length} of ${queues.join(' ')}`
  }

  async finish(some: Given[] = this.random.some(this.held, 6), said?: object): Promise<string> {
    if (some.length === 0) return 'nothing to finish'
    const outcomes = some.map((one) => ({
      ...{ id: one.id, lease: one.lease, token: one.token },
      ...(said ??
        this.random.weighted<object>([
          [8, { outcome: 'completed' }],
          [2, { outcome: 'failed', error: 'broken' }],
          [1, { outcome: 'retry', after_ms: 900_000 }],
          [1, { outcome: 'retry', after_ms: 900_000, ...(one.queue === 'paced' ? { hold: 'rate_key' } : {}) }],
          [1, { outcome: 'snooze', after_ms: 900_000 }],
          [1, { outcome: 'discard', error: 'no' }],
          [1, { outcome: 'release' }],
        ])),
    }))
    const verdicts = await this.s.get<string[]>('finish($1::jsonb)', [json(outcomes)])
    for (const one of some) this.held.splice(this.held.indexOf(one), 1)
    return `finish ${outcomes.map((one, n) => `${some[n]?.queue} ${(one as { outcome?: string }).outcome} ${verdicts[n]}`).join(', ')}`
  }

  async clock(): Promise<string> {
    const minutes = this.random.pick([1, 5, 20])
    await this.engine.advance(minutes)
    return `${minutes} minutes pass`
  }

  async loseWorker(): Promise<string> {
    const worker = this.random.pick(WORKERS)
    await lose(this.engine, worker)
    await tick(this.s, 'rescue')
    await this.register(worker)
    const gone = this.held.filter((one) => one.worker === worker)
    for (const one of gone) this.held.splice(this.held.indexOf(one), 1)
    return `${worker} is lost with ${gone.length}`
  }

  async limit(): Promise<string> {
    const change = this.random.pick([
      { max_running: 2 },
      { max_running: 6 },
      { max_running_per_key: 1 },
      { max_running_per_key: 3 },
    ])
    await this.configure('narrow', change)
    return `narrow ${json(change)}`
  }

  async operate(): Promise<string> {
    if (this.ids.length === 0) return 'nothing to operate on'
    const id = this.random.pick(this.ids)
    const call = this.random.pick(['cancel_job($1::text)', 'bury_job($1::text)', 'free'])
    if (call !== 'free') return `${call} ${json(await this.s.get(call, [id]))}`
    const key = `o${this.random.below(3)}`
    return `free_key ${key} ${json(await this.s.get("free_key('ordered', $1::text, $2::text)", [key, this.random.pick(['skip', 'cancel'])]))}`
  }

  async look(): Promise<void> {
    expect(await this.engine.look(ORPHANS), 'NoBlockedWithoutBlocker').toEqual([])
    expect(await violations(this.engine)).toEqual([])
    const { n } = await this.engine.lookOne<{ n: number }>(
      "select count(*)::integer as n from countersign_queue.jobs where state = 'blocked'",
    )
    if (n > 0) this.seen.blocked++
    this.rates()
  }

  /** In every interval of length t at most limit · t / per + burst starts. */
  rates(): void {
    for (const scope of new Set(this.starts.map((one) => one.scope))) {
      const { limit, per_ms, burst } = scope === 'queue' ? PACE : PER_KEY
      const times = this.starts
        .filter((one) => one.scope === scope)
        .map((one) => one.at)
        .sort((a, b) => a - b)
      times.forEach((from, first) => {
        times.forEach((to, last) => {
          if (last < first || last - first + 1 <= (limit * (to - from)) / per_ms + burst + 1e-6) return
          throw new Error(`RateBound: ${scope} has ${last - first + 1} starts in ${to - from} ms`)
        })
      })
    }
  }

  /** No more faults: each key that is free frees its next, until nothing is left. */
  async settleDown(): Promise<void> {
    for (const worker of WORKERS) await this.register(worker)
    const live = async () =>
      (
        await this.engine.lookOne<{ n: number }>(
          'select count(*)::integer as n from countersign_queue.jobs where finished_at is null',
        )
      ).n
    for (let round = 1; (await live()) > 0; round++) {
      if (round > 300)
        expect(
          await this.engine.look(
            'select id, queue, state, state_reason, aside from countersign_queue.jobs where finished_at is null',
          ),
          'Liveness',
        ).toEqual([])
      await this.finish([...this.held], { outcome: 'completed' })
      this.did.push(await this.claim(50, QUEUES))
      await this.look()
      // Before time passes: what is claimed and not ended in five minutes is past its deadline, and comes back.
      await this.finish([...this.held], { outcome: 'completed' })
      await this.engine.advance(10)
      await tick(this.s, 'rescue', 'promote')
    }
  }
}

for (const which of BOTH)
  test(
    `Q151 on the ${which} no key, queue or kind ever runs more than it may, no interval holds more than its rate, strict keys keep their order, and what is free goes on`,
    async () => {
      const began = performance.now()
      const first = SEED === undefined ? (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) : Number(SEED)
      const seen = { given: 0, full: 0, blocked: 0 }
      for (let n = 0; n === 0 || (SEED === undefined && performance.now() - began < SECONDS * 1_000); n++) {
        const seed = (first + n) >>> 0
        process.stdout.write(`limits PROPERTY_SEED=${seed}\n`)
        const engine = await openEngine(which, { sessions: 1 })
        const program = new Program(engine, randomOf(seed))
        try {
          await program.prepare()
          for (let step = 1; step <= STEPS && (SEED !== undefined || performance.now() - began < SECONDS * 1_000); step++)
            await program.step()
          await program.settleDown()
        } catch (error) {
          throw Object.assign(error as Error, {
            message: `${(error as Error).message}\n  seed ${seed}, its last steps:\n${program.did.slice(-15).join('\n')}`,
          })
        }
        for (const name of ['given', 'full', 'blocked'] as const) seen[name] += program.seen[name]
        await engine.close()
      }
      process.stdout.write(`limits: ${json(seen)}\n`)
      expect(Math.min(...Object.values(seen))).toBeGreaterThan(0)
    },
    (SECONDS + 240) * 1_000,
  )
