// Q154 NoDeadlock: pairs of calls that once waited crosswise, in the order of steps in which they did. Whoever asks for a unique key waits for everybody
// who just changes its holder, not only for who just takes it: so a call that changes several rows has to have them all before it changes the first.
import { expect, test } from 'vitest'
import { claim, claimAll, enqueue, type Held, json, register } from './acts.ts'
import { type Engine, openEngine, type Session, type Told } from './harness.ts'
import { violations } from './invariants.ts'
import { openWalker } from './locks.ts'
import { BOTH } from './model/world.ts'

const PATIENCE = { sessions: 5, patienceMs: 60_000 }
const KINDS = ['plain', 'mail']

/** Resolves when a session waits for a lock, or rests before it looks for one again. */
async function stands(engine: Engine, s: Session, who: string): Promise<void> {
  await expect
    .poll(
      async () => {
        const [row] = await engine.look<{ waits: string | null }>(
          "select case when state = 'active' and (wait_event_type = 'Lock' or wait_event = 'PgSleep') then wait_event end as waits from pg_stat_activity where pid = $1",
          [s.pid],
        )
        return row?.waits ?? 'nothing'
      },
      { timeout: 30_000, message: `${who} never came to wait` },
    )
    .not.toBe('nothing')
}

const keyed = (key: string, on_conflict = 'return', more: object = {}) => ({
  ...{ kind: 'plain', queue: 'alpha', payload: { k: key }, unique: { key, on_conflict } },
  ...more,
})

/** So many keys in the order in which one call takes them. */
async function keysInOrder(engine: Engine): Promise<[string, string, string]> {
  const rows = await engine.look<{ key: string }>(
    `select key from unnest('{u1,u2,u3}'::text[]) key order by countersign_queue.key_rank(
       jsonb_build_object('kind', 'plain', 'queue', 'alpha', 'unique', jsonb_build_object('key', key)), now())`,
  )
  return rows.map((row) => row.key) as [string, string, string]
}

/** Jobs one after another, each with a later id. */
async function oneByOne(engine: Engine, s: Session, jobs: readonly object[]): Promise<string[]> {
  const ids: string[] = []
  for (const job of jobs) {
    await engine.advance(1)
    const [made] = await s.get<[{ id: string }]>('enqueue_many($1::jsonb)', [json([job])])
    ids.push(made.id)
  }
  return ids
}

/**
 * The producer has locked the row that it is to replace and waits for its first key, which the gate holds; then the other call begins, and stands
 * behind the producer; then the gate opens. Both must come to their end.
 */
async function crossed(
  engine: Engine,
  gateKey: string,
  produce: readonly object[],
  other: (s: Session) => Promise<Told>,
): Promise<{ producer: Told; other: Told }> {
  const [gate, producer, second] = [engine.session(1), engine.session(2), engine.session(3)]
  await gate.run('begin')
  await gate.get('enqueue_many($1::jsonb)', [json([keyed(gateKey)])])
  const produced = producer.call('enqueue_many($1::jsonb)', [json(produce)])
  await stands(engine, producer, 'the producer')
  const told = other(second)
  await stands(engine, second, 'the other call')
  await gate.run('rollback')
  return { producer: await produced, other: await told }
}

const fence = ({ id, lease, token }: Held) => ({ id, lease, token })

for (const which of BOTH) {
  test(`Q154 NoDeadlock on the ${which}: progress of several attempts, and a producer that asks for the keys of both`, async () => {
    const engine = await openEngine(which, PATIENCE)
    const s = engine.session(0)
    const [gate, low, high] = await keysInOrder(engine)
    await oneByOne(engine, s, [keyed(low), keyed(high)])
    await register(s, 'w1')
    const held = await claim(s, 'w1')
    expect(held.map((one) => one.payload.k)).toEqual([low, high])
    const told = await crossed(engine, gate, [keyed(gate), keyed(low), keyed(high, 'replace')], (s) =>
      s.call('progress($1::jsonb)', [json(held.map((one) => ({ ...fence(one), progress: { percent: 1 } })))]),
    )
    // One that runs is replaced by nobody.
    expect(told.producer).toMatchObject({ code: 'QJ002' })
    expect(told.other).toMatchObject({ code: null, answer: held.map((one) => one.id) })
    expect(await violations(engine)).toEqual([])
  })

  test(`Q154 NoDeadlock on the ${which}: finish of several attempts of which one enqueues to replace, and a producer that asks for both keys`, async () => {
    const engine = await openEngine(which, PATIENCE)
    const s = engine.session(0)
    const [gate, low, high] = await keysInOrder(engine)
    const [, , waiting] = await oneByOne(engine, s, [
      keyed(low),
      { kind: 'plain', queue: 'alpha', payload: { k: 'leaves' } },
      keyed(high, 'return', { delay_ms: 36_000_000 }),
    ])
    await register(s, 'w1')
    const held = await claimAll(s, 'w1')
    const [first, leaves] = [low, 'leaves'].map((k) => held.find((one) => one.payload.k === k)) as [Held, Held]
    const replacing = keyed(high, 'replace', { delay_ms: 36_000_000 })
    const told = await crossed(engine, gate, [keyed(gate), keyed(low), replacing], (s) =>
      s.call('finish($1::jsonb)', [
        json([
          { ...fence(first), outcome: 'completed' },
          { ...fence(leaves), outcome: 'completed', enqueue: [replacing] },
        ]),
      ]),
    )
    expect(told.producer).toMatchObject({ code: null, answer: [{ conflict: false }, { id: first.id }, { id: waiting }] })
    expect(told.other).toMatchObject({ code: null, answer: ['settled', 'settled'] })
    expect(await violations(engine)).toEqual([])
  })
}

const wantsOf = (...queues: string[]) => json(queues.map((queue) => ({ queue, n: 9, kinds: KINDS })))
const claimOf = (s: Session, worker: string, ...queues: string[]): Promise<Told> =>
  s.call('claim($1::text, $2::uuid, $3::jsonb)', [worker, crypto.randomUUID(), wantsOf(...queues)])

/** Alpha gives rows and jobs of the ring freely, beta has a limit, gamma strict keys. */
async function threeQueues(engine: Engine): Promise<void> {
  const s = engine.session(0)
  await s.get('configure_queue($1::text, $2::jsonb)', ['beta', json({ max_running: 20 })])
  for (const worker of ['w1', 'w2']) await register(s, worker, ['alpha', 'beta', 'gamma'])
  await enqueue(s, ['ring1', 'ring2'])
  const unique = ['a1', 'a2'].map((key) => keyed(key))
  await s.get('enqueue_many($1::jsonb)', [json(unique)])
  await enqueue(s, ['b1', 'b2'], { queue: 'beta' })
  await enqueue(s, ['c1', 'c2'], { queue: 'gamma', ordering_key: 'k', order: 'strict' })
}

for (const which of BOTH) {
  test(`Q154 Q43 AscendingOrder on the ${which}: a claim waits for the claims of a queue before it takes anything, whatever queues it names and in whatever order`, async () => {
    const engine = await openEngine(which, { sessions: 3 })
    await threeQueues(engine)
    const walker = await openWalker(engine)
    try {
      const asks: Record<string, (s: Session) => Promise<Told>> = {
        'claim of a queue that judges nothing': (s) => claimOf(s, 'w2', 'alpha'),
        'claim of a queue with a limit': (s) => claimOf(s, 'w2', 'beta'),
        'claim of a queue with strict keys': (s) => claimOf(s, 'w2', 'gamma'),
        'claim of three queues': (s) => claimOf(s, 'w2', 'alpha', 'beta', 'gamma'),
        'claim of three queues, the other way round': (s) => claimOf(s, 'w2', 'gamma', 'beta', 'alpha'),
        'a claim behind another one of the same transaction': async (s) => {
          await s.get('claim($1::text, $2::uuid, $3::jsonb)', ['w2', crypto.randomUUID(), wantsOf('alpha')])
          return claimOf(s, 'w2', 'beta', 'gamma')
        },
        'a claim behind an enqueue of the same transaction': async (s) => {
          await enqueue(s, ['before'])
          return claimOf(s, 'w2', 'beta', 'gamma')
        },
      }
      const waits: Record<string, number | null> = {}
      for (const [says, ask] of Object.entries(asks)) waits[says] = await walker.walk(says, engine.session(1), ask)
      // Once, for the first queue; behind other work of the same transaction for none of its own.
      expect(waits).toEqual({
        ...Object.fromEntries(Object.keys(asks).map((says) => [says, 1])),
        'a claim behind an enqueue of the same transaction': 0,
      })
    } finally {
      await walker.close()
    }
  })

  test(`Q43 Q154 on the ${which} a claim of several queues gives what the others hold while one of them is being judged, and says that it comes back`, async () => {
    const engine = await openEngine(which, PATIENCE)
    await threeQueues(engine)
    const [one, two] = [engine.session(1), engine.session(2)]
    await one.run('begin')
    expect(await claimOf(one, 'w1', 'beta')).toMatchObject({ code: null })
    const beside = await claimOf(two, 'w2', 'alpha', 'beta', 'gamma')
    const given = (told: Told) => (told.answer as { jobs: Held[] }).jobs.map((job) => job.payload.k).sort()
    expect(given(beside)).toEqual(['a1', 'a2', 'c1', 'ring1', 'ring2'])
    expect(beside).toMatchObject({ answer: { wait_ms: 1 } })
    await one.run('rollback')
    expect(given(await claimOf(two, 'w2', 'alpha', 'beta'))).toEqual(['b1', 'b2'])
    expect(await violations(engine)).toEqual([])
  })
}

test('Q42 Q154 NoDeadlock: reanchor waits for a transaction that reads and then writes the ring, and holds none of it meanwhile', async () => {
  const engine = await openEngine('ring', PATIENCE)
  const [s, producer, upkeep] = [engine.session(0), engine.session(1), engine.session(2)]
  await register(s, 'w1')
  const [early] = await enqueue(s, ['early'])
  await producer.run('begin')
  await producer.get('job($1::text)', [early])
  const moved = upkeep.call('reanchor()')
  await stands(engine, upkeep, 'reanchor')
  await enqueue(producer, ['late'])
  // And it still waits: for the commit of whoever writes.
  await stands(engine, upkeep, 'reanchor')
  await producer.run('commit')
  expect(await moved).toMatchObject({ code: null, answer: '2' })
  expect((await claimAll(s, 'w1')).map((one) => one.payload.k)).toEqual(['early', 'late'])
  expect(await violations(engine)).toEqual([])
})

test('Q42 Q154 NoDeadlock: reanchor beside live producers, workers and readers ends nobody, and every job runs once', async () => {
  const engine = await openEngine('ring', { sessions: 7, patienceMs: 60_000 })
  const [{ name }] = (await engine.look<{ name: string }>('select current_database() as name')) as [{ name: string }]
  // So that no wait that is crosswise is over before somebody looks.
  await engine.look(`alter database ${name} set deadlock_timeout = '5ms'`)
  await engine.restart()
  for (const worker of ['w5', 'w6']) await register(engine.session(0), worker)
  const codes: string[] = []
  const heard = (told: Told): Told => {
    if (told.code !== null) codes.push(told.code)
    return told
  }
  const ran: string[] = []
  let busy = 3
  const produce = async (n: number) => {
    for (let i = 0; i < 60; i++) {
      const jobs = [0, 1].map((k) => ({
        kind: 'plain',
        queue: i % 10 === 0 ? `new-${n}-${i}` : 'alpha',
        payload: { k: `${n} ${i} ${k}` },
      }))
      heard(await engine.session(n).call('enqueue_many($1::jsonb)', [json(jobs)]))
    }
    busy--
  }
  const work = async (n: number) => {
    const s = engine.session(n)
    while (busy > 0) {
      const token = crypto.randomUUID()
      const told = heard(await s.call('claim($1::text, $2::uuid, $3::jsonb)', [`w${n}`, token, wantsOf('alpha')]))
      const jobs = told.code === null ? (told.answer as { jobs: Held[] }).jobs : []
      const results = jobs.map(({ id, lease }) => ({ id, lease, token, outcome: 'completed' }))
      const ended = heard(await s.call('finish($1::jsonb)', [json(results)]))
      if (ended.code === null) expect(ended.answer).toEqual(jobs.map(() => 'settled'))
      ran.push(...jobs.map((job) => job.payload.k))
      heard(await s.call('counts()'))
    }
  }
  const upkeep = async () => {
    for (let i = 0; i < 4; i++) heard(await engine.session(4).call('reanchor()'))
  }
  await Promise.all([produce(1), produce(2), produce(3), work(5), work(6), upkeep()])
  // A claim may meet the ring just as it began anew: it is told to ask again.
  expect(codes.filter((code) => code !== '40001')).toEqual([])
  const s = engine.session(0)
  const queues = await engine.look<{ queue: string }>(
    'select queue from countersign_queue.lanes union select queue from countersign_queue.jobs',
  )
  for (const { queue } of queues) ran.push(...(await claimAll(s, 'w5', { queue })).map((one) => one.payload.k))
  const all = [1, 2, 3].flatMap((n) => Array.from({ length: 60 }, (_, i) => [0, 1].map((k) => `${n} ${i} ${k}`)).flat())
  expect(ran.sort()).toEqual(all.sort())
  expect(await violations(engine)).toEqual([])
  await engine.rest()
  expect(await engine.lookOne('select deadlocks::integer as n from pg_stat_database where datname = current_database()')).toEqual(
    {
      n: 0,
    },
  )
})
