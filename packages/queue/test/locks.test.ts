// Q154: the locks of the engine. What waits, waits in one order; what promises never to wait, does not; nobody holds more than a few; and whoever works at
// once on the same jobs never waits crosswise.
import { expect, test } from 'vitest'
import { claim, enqueue, finish, type Held, json, lose, register, tick } from './acts.ts'
import { connect, type Engine, openEngine, type Session, type Told } from './harness.ts'
import { violations } from './invariants.ts'
import { advisoryLocks, MOST_ADVISORY, openWalker } from './locks.ts'
import { BOTH, randomOf } from './model/world.ts'

const told = (s: Session, call: string, ...values: unknown[]): Promise<Told> => s.call(call, values)
const reversed = <T>(list: readonly T[]): T[] => [...list].reverse()
const spoken = (jobs: readonly Held[], said: object = { outcome: 'completed' }) =>
  json(jobs.map(({ id, lease, token }) => ({ id, lease, token, ...said })))

/** Jobs of many claims, in an order that is none, and some that have rows. */
async function heldJobs(engine: Engine, worker: string): Promise<Held[]> {
  const s = engine.session(0)
  await register(s, worker, ['alpha', 'beta', 'gamma'])
  const held: Held[] = []
  for (let n = 0; n < 5; n++) {
    await enqueue(s, [`${worker}${n}a`, `${worker}${n}b`])
    held.push(...(await claim(s, worker)))
  }
  await s.get('progress($1::jsonb)', [json(held.slice(0, 4).map((one) => ({ ...one, progress: { percent: 1 } })))])
  return held
}

test('Q154 Q50 AscendingOrder: whatever a call waits for comes after all that it holds: lanes, stripes, rows by id', async () => {
  const engine = await openEngine('ring', { sessions: 3 })
  const walker = await openWalker(engine)
  try {
    const s = engine.session(1)
    const held = await heldJobs(engine, 'w1')
    await heldJobs(engine, 'w2')
    // The lane that was made last holds the jobs with the lowest ids.
    const ready = [...(await enqueue(s, ['r1', 'r2'], { priority: 1 })), ...(await enqueue(s, ['s1', 's2']))]
    const keyed = async (key: string) => {
      const job = {
        kind: 'plain',
        queue: 'gamma',
        payload: { k: key },
        delay_ms: 3_600_000,
        unique: { key, on_conflict: 'replace' },
      }
      await s.get('enqueue_many($1::jsonb)', [json([job])])
      return job
    }
    // In the order of their ids, which is not that of their hashes.
    const replacing: object[] = []
    for (let n = 0; n < 8; n++) replacing.push(await keyed(`key${n}`))
    await enqueue(s, ['l1', 'l2'], { delay_ms: 3_600_000 })
    const letters = await enqueue(s, ['d1', 'd2', 'd3'], { queue: 'beta' })
    for (const id of letters) await s.get('bury_job($1::text)', [id])
    const claims = new Map<number, Held[]>()
    for (const one of held.slice(4)) claims.set(one.lease >> 10, [...(claims.get(one.lease >> 10) ?? []), one])
    const settled = [...claims.values()].map((of) => ({
      lease: Math.min(...of.map((one) => one.lease)),
      token: of[0]?.token,
      done: null,
    }))
    const calls: Record<string, (s: Session) => Promise<Told>> = {
      finish: (s) => told(s, 'finish($1::jsonb)', spoken(reversed(held))),
      failed: (s) => told(s, 'finish($1::jsonb)', spoken(reversed(held), { outcome: 'failed', error: 'broken' })),
      progress: (s) => told(s, 'progress($1::jsonb)', spoken(reversed(held), { progress: { percent: 2 } })),
      settle_claims: (s) => told(s, 'settle_claims($1::jsonb)', json(reversed(settled))),
      hand_back: (s) => told(s, 'hand_back($1::text, $2::uuid)', 'w1', held[0]?.token),
      leave_claim: (s) => told(s, 'leave_claim($1::text, $2::bigint, $3::uuid)', held[9]?.id, held[9]?.lease, held[9]?.token),
      finish_in_tx: (s) => told(s, 'finish_in_tx($1::jsonb)', json({ ...held[8], outcome: 'completed' })),
      callback_create: (s) =>
        told(
          s,
          "callback_create($1::text, $2::bigint, $3::uuid, 'bank', 60000, 'finish')",
          held[9]?.id,
          held[9]?.lease,
          held[9]?.token,
        ),
      'cancel_job of the ring': (s) => told(s, 'cancel_job($1::text)', ready[0]),
      'cancel_job that runs': (s) => told(s, 'cancel_job($1::text)', held[9]?.id),
      retry_dead_letters: (s) => told(s, 'retry_dead_letters($1::jsonb)', json({ queue: 'beta' })),
      purge_dead_letters: (s) => told(s, 'purge_dead_letters($1::jsonb)', json({ queue: 'beta' })),
      bury_jobs: (s) => told(s, 'bury_jobs($1::text[])', [...reversed(ready), ...held.slice(4).map((one) => one.id)]),
      'enqueue_many that replaces': (s) => told(s, 'enqueue_many($1::jsonb)', json(replacing)),
      drain_queue: (s) => told(s, "drain_queue('alpha')"),
      set_paused: (s) => told(s, "set_paused('queue', 'alpha', true)"),
      claim: (s) =>
        told(
          s,
          'claim($1::text, $2::uuid, $3::jsonb)',
          'w2',
          crypto.randomUUID(),
          json([{ queue: 'alpha', n: 9, kinds: ['plain'] }]),
        ),
    }
    const waits: Record<string, number | null> = {}
    for (const [name, ask] of Object.entries(calls)) waits[name] = await walker.walk(name, s, ask)
    // Each was looked at: what has to wait somewhere did.
    expect(Object.entries(waits).filter(([, n]) => n === null)).toEqual([])
    expect(waits.finish).toBeGreaterThan(5)
    expect(waits.settle_claims).toBeGreaterThan(1)
    expect(waits['cancel_job of the ring']).toBeGreaterThan(0)
    expect(waits.drain_queue).toBeGreaterThan(1)
    expect(waits.bury_jobs).toBeGreaterThan(1)
    expect(waits['enqueue_many that replaces']).toBe(8)
    expect(waits.claim).toBe(0)
    process.stdout.write(`locks waited for: ${json(waits)}\n`)
  } finally {
    await walker.close()
  }
})

test('Q154 Q30 Q60 PruneNeverWaits, EnqueueNeverWaits: neither a tick nor a plain enqueue waits, whatever lock of the engine another one holds', async () => {
  const engine = await openEngine('ring', { sessions: 4, patienceMs: 0 })
  const [s, other] = [engine.session(0), engine.session(1)]
  const blocker = await connect(engine.adminUrl)
  try {
    const held = await heldJobs(engine, 'w1')
    await enqueue(s, ['ready'])
    for (let n = 0; n < 3; n++) {
      await engine.advance(2)
      await tick(s, 'rotate')
      await enqueue(s, [`turn${n}`])
    }
    const holders: Record<string, string> = {
      'every lane': 'select pg_advisory_xact_lock(1668248940, lane) from countersign_queue.lanes',
      'every stripe': 'select pg_advisory_xact_lock(1668248947, n) from generate_series(0, 63) n',
      'every queue':
        "select pg_advisory_xact_lock(c, hashtext(q)) from unnest('{alpha,beta,gamma,fresh}'::text[]) q, unnest('{1668248939,1668248945}'::integer[]) c",
      'every worker': 'select pg_advisory_xact_lock(1668248951, hashtext(id)) from countersign_queue.workers',
      'every row': 'select from countersign_queue.jobs for update',
      'the ring, as a producer does': 'lock table countersign_queue.ring in row exclusive mode',
      'the ring, as a reader does':
        'lock table countersign_queue.ring, countersign_queue.claims, countersign_queue.closures in access share mode',
    }
    await lose(engine, 'w1')
    for (const [what, text] of Object.entries(holders)) {
      await blocker.query('begin')
      await blocker.query(text)
      // A session without patience: a wait would last until its statement is cancelled.
      const calls: [string, unknown[]][] = [
        ['tick($1::text[])', [['rotate', 'prune', 'carry', 'rescue', 'promote']]],
        [
          'enqueue_many($1::jsonb)',
          [
            json([
              { kind: 'plain', queue: 'alpha', payload: 1 },
              { kind: 'plain', queue: `fresh`, payload: 1 },
            ]),
          ],
        ],
      ]
      for (const [call, values] of calls) {
        const asked = other.call(call, values)
        const waits = await isStuck(engine, other.pid, asked)
        if (waits) await blocker.query('rollback')
        expect([what, call, waits, (await asked).code]).toEqual([what, call, false, null])
      }
      await blocker.query('rollback')
    }
    expect(held.length).toBe(10)
  } finally {
    await blocker.end()
  }
})

/** Whether a call waits for any lock before it ends. */
async function isStuck(engine: Engine, pid: number, asked: Promise<unknown>): Promise<boolean> {
  let over = false
  const ended = asked.then(() => {
    over = true
  })
  while (!over) {
    const { n } = await engine.lookOne<{ n: number }>('select cardinality(pg_blocking_pids($1)) as n', [pid])
    if (n > 0) return true
  }
  await ended
  return false
}

const MANY = 150

test('Q154 Q50 BoundedAdvisoryLocks: no call holds more than 64 of them, however many queues, claims, lanes and lost workers it meets', async () => {
  const engine = await openEngine('ring', { sessions: 3 })
  const s = engine.session(0)
  const queues = Array.from({ length: MANY }, (_, n) => `queue-${n}`)
  const seen: [string, number][] = []
  const look = async (name: string, call: string, values: unknown[], commits = true): Promise<unknown> => {
    await s.run('begin')
    const answer = await s.get(call, values)
    seen.push([name, await advisoryLocks(engine, s.pid)])
    await s.run(commits ? 'commit' : 'rollback')
    return answer
  }
  const jobs = queues.map((queue) => ({ kind: 'plain', queue, payload: { k: queue } }))
  await look('enqueue into new queues', 'enqueue_many($1::jsonb)', [json(jobs)])
  for (const queue of queues) await enqueue(s, ['again'], { queue })
  await register(s, 'w1', queues)
  const wants = json(queues.map((queue) => ({ queue, n: 9, kinds: ['plain'] })))
  let got: Held[] = []
  for (let more = -1; more !== 0; ) {
    const token = crypto.randomUUID()
    const answer = (await look('claim of many queues', 'claim($1::text, $2::uuid, $3::jsonb)', ['w1', token, wants])) as {
      jobs: Held[]
    }
    more = answer.jobs.length
    got = [...got, ...answer.jobs.map((one) => ({ ...one, token }))]
  }
  expect(got).toHaveLength(2 * MANY)
  await look('finish of many claims', 'finish($1::jsonb)', [spoken(got)], false)
  const leaving = got.map(({ id, lease, token }, n) => ({
    ...{ id, lease, token, outcome: 'completed' },
    enqueue: [{ kind: 'plain', queue: `fresh-${n}`, payload: 1 }],
  }))
  await look('finish of many claims that enqueue into new queues', 'finish($1::jsonb)', [json(leaving)], false)
  const strict = queues.map((queue) => ({ kind: 'plain', queue, payload: 1, ordering_key: 'k', order: 'strict' }))
  await s.get('enqueue_many($1::jsonb)', [json([...strict, ...strict])])
  await look('turns of many queues', "tick('{promote}')", [])
  await finish(s, got.slice(0, MANY))
  await engine.advance(2)
  await look('rotate', "tick('{rotate}')", [])
  await enqueue(s, ['one'])
  await engine.advance(2)
  await look('rotate', "tick('{rotate}')", [])
  await look('prune', "tick('{prune}')", [])
  for (let n = 0; n < MANY; n++) {
    await register(s, `lost${n}`, queues)
    await enqueue(s, ['lost'], { queue: queues[n] })
    await claim(s, `lost${n}`, { queue: queues[n] as string })
  }
  for (let n = 0; n < MANY; n++) await lose(engine, `lost${n}`)
  const all = (await look('every duty in one call', 'tick()', [], false)) as Record<string, number>
  // What a duty before it took of the locks is what this one needs: it is put off, and says so by having no count.
  expect(Object.keys(all)).toEqual(expect.arrayContaining(['rescue', 'rotate', 'clean']))
  expect(Object.keys(all)).not.toContain('carry')
  await look('rescue of many workers', "tick('{rescue}')", [])
  await look('carry', "tick('{carry}')", [])
  process.stdout.write(`advisory locks: ${json(seen)}\n`)
  expect(seen.filter(([, n]) => n > MOST_ADVISORY)).toEqual([])
})

test('Q154 Q41 Q60 a slot whose lanes are idle is truncated a few lanes a tick, and no tick holds more than 64 advisory locks', async () => {
  const engine = await openEngine('ring', { sessions: 1 })
  const s = engine.session(0)
  const queues = Array.from({ length: MANY }, (_, n) => `queue-${n}`)
  const jobs = json(queues.map((queue) => ({ kind: 'plain', queue, payload: { k: queue } })))
  await s.get('enqueue_many($1::jsonb)', [jobs])
  await register(s, 'w1', queues)
  const claimEach = async (queue: string) => finish(s, await claim(s, 'w1', { queue }))
  for (const queue of queues) await claimEach(queue)
  const locks: number[] = []
  let pruned = 0
  for (let n = 0; n < 12 && pruned < 2; n++) {
    await engine.advance(2)
    await tick(s, 'rotate')
    await s.run('begin')
    pruned += (await tick(s, 'prune')).prune ?? 0
    locks.push(await advisoryLocks(engine, s.pid))
    await s.run('commit')
    // So that the ring has a reason to turn.
    await enqueue(s, ['turn'], { queue: 'other' })
    await claimEach('other')
  }
  expect(pruned).toBeGreaterThan(0)
  expect(Math.max(...locks)).toBeGreaterThan(40)
  expect(Math.max(...locks)).toBeLessThanOrEqual(MOST_ADVISORY)
  // Every lane goes on where it was.
  await s.get('enqueue_many($1::jsonb)', [jobs])
  const again: string[] = []
  for (const queue of queues) again.push(...(await claim(s, 'w1', { queue })).map((one) => one.payload.k))
  expect(again.sort()).toEqual([...queues].sort())
  expect(await violations(engine)).toEqual([])
})

// A chance search, so it belongs to the long run, where a finding is looked at. What it found stands as a test of its own in crosswise.test.ts.
const STRESS_MS = 60_000
const isLong = Number(process.env.PROPERTY_SECONDS ?? 0) > 30

test.runIf(isLong)(
  'Q154 NoDeadlock: many that enqueue, claim, finish, hand back, operate and sweep the same jobs at once never wait crosswise (a search of minutes: npm run test:property)',
  async () => {
    for (const which of BOTH) {
      const engine = await openEngine(which, { sessions: 10, patienceMs: 10_000 })
      const [{ name }] = (await engine.look<{ name: string }>('select current_database() as name')) as [{ name: string }]
      // So that no wait that is crosswise is over before somebody looks.
      await engine.look(`alter database ${name} set deadlock_timeout = '5ms'`)
      await engine.restart()
      const codes = await stress(engine)
      expect(codes.filter((code) => code === '40P01')).toEqual([])
      // What a user may hear at all: a fence that went, a job that changed.
      expect([...new Set(codes)].filter((code) => !code.startsWith('QJ'))).toEqual([])
      expect(await violations(engine)).toEqual([])
      await engine.rest()
      expect(
        await engine.lookOne('select deadlocks::integer as n from pg_stat_database where datname = current_database()'),
      ).toEqual({ n: 0 })
      await engine.close()
    }
  },
  STRESS_MS * 2 + 60_000,
)

/** The error codes that were heard. */
async function stress(engine: Engine): Promise<string[]> {
  const random = randomOf(crypto.getRandomValues(new Uint32Array(1))[0] ?? 0)
  const shuffled = <T>(list: readonly T[]): T[] =>
    list
      .map((one) => ({ one, at: random.below(1e9) }))
      .sort((a, b) => a.at - b.at)
      .map(({ one }) => one)
  const held: Held[] = []
  const ids: string[] = []
  const codes: string[] = []
  const until = performance.now() + STRESS_MS
  const kinds = { plain: { backoff: { base_ms: 1, factor: 1, jitter: 0 } }, mail: { max_attempts: 1 } }
  await engine.session(0).get('register_kinds($1::jsonb)', [json(kinds)])
  // So that claims of both queues judge one of them.
  await engine.session(0).get('configure_queue($1::text, $2::jsonb)', ['beta', json({ max_running: 60 })])
  for (const worker of ['w0', 'w1', 'w2']) await register(engine.session(0), worker, ['alpha', 'beta'])
  const act = async (n: number): Promise<Told> => {
    const s = engine.session(n)
    const worker = `w${random.below(3)}`
    switch (random.below(12)) {
      case 0: {
        // The same keys in every order.
        const of = random.pick([1, 12])
        const keys = shuffled(Array.from({ length: 12 }, (_, k) => `u${k}`)).slice(0, of)
        const jobs = keys.map((key) => ({
          kind: 'plain',
          queue: 'alpha',
          payload: { k: key },
          delay_ms: random.below(50),
          unique: { key, on_conflict: random.pick(['replace', 'return']) },
        }))
        return told(s, 'enqueue_many($1::jsonb)', json(jobs))
      }
      case 1:
      case 2: {
        const jobs = Array.from({ length: 10 }, () => ({
          kind: random.pick(['plain', 'mail']),
          queue: random.pick(['alpha', 'beta']),
          payload: { k: 'x' },
          priority: 1 + random.below(3),
        }))
        const answer = await told(s, 'enqueue_many($1::jsonb)', json(jobs))
        if (answer.code === null) ids.push(...(answer.answer as { id: string }[]).map((one) => one.id))
        return answer
      }
      case 3:
      case 4: {
        const token = crypto.randomUUID()
        const wants = shuffled(['alpha', 'beta']).map((queue) => ({ queue, n: 8, kinds: ['plain', 'mail'] }))
        const answer = await told(s, 'claim($1::text, $2::uuid, $3::jsonb)', worker, token, json(wants))
        if (answer.code === null) held.push(...(answer.answer as { jobs: Held[] }).jobs.map((one) => ({ ...one, token })))
        return answer
      }
      case 5:
      case 6:
        return told(
          s,
          'finish($1::jsonb)',
          spoken(
            shuffled(held.slice(-60)).slice(0, 25),
            random.pick([
              { outcome: 'completed' },
              { outcome: 'failed', error: 'x' },
              { outcome: 'release' },
              {
                outcome: 'completed',
                enqueue: [
                  {
                    ...{ kind: 'plain', queue: 'alpha', payload: { k: 'next' }, delay_ms: random.below(50) },
                    unique: { key: `u${random.below(12)}`, on_conflict: 'replace' },
                  },
                ],
              },
            ]),
          ),
        )
      case 7:
        return told(s, 'progress($1::jsonb)', spoken(shuffled(held.slice(-60)).slice(0, 25), { progress: { percent: 1 } }))
      case 8:
        return told(
          s,
          random.pick(['cancel_job($1::text)', 'retry_job($1::text)', 'bury_job($1::text)']),
          ids.at(-1 - random.below(Math.max(1, Math.min(40, ids.length)))) ?? null,
        )
      case 9:
        return random.chance(0.5)
          ? told(s, 'hand_back($1::text, $2::uuid)', worker, held.at(-1)?.token ?? crypto.randomUUID())
          : told(s, random.pick(['retry_dead_letters(\'{"all": true}\')', "drain_queue('beta')", "drain_queue('alpha')"]))
      case 10:
        if (random.chance(0.3)) {
          await lose(engine, worker)
          const answer = await told(s, "tick('{rescue}')")
          await register(s, worker, ['alpha', 'beta'])
          return answer
        }
        return told(s, 'tick()')
      default:
        return told(s, 'beat($1::text, $2::jsonb)', worker, spoken(held.slice(-20)))
    }
  }
  let acts = 0
  await Promise.all(
    Array.from({ length: 10 }, async (_, n) => {
      while (performance.now() < until) {
        const { code } = await act(n)
        acts++
        if (code !== null) codes.push(code)
      }
    }),
  )
  process.stdout.write(`crosswise: ${acts} calls on the ${engine.which}, ${codes.length} refused\n`)
  return codes
}
