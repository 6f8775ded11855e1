// Jobs that change their place while a function looks for them. A job leaves the ring for a row and never goes back; a function that looks at both with a
// view of its own each must find it all the same. Here the move commits exactly between the two looks: an exclusive lock, queued behind the mover, holds
// whoever asks at a table of the ring until the move is there.
import { expect, test } from 'vitest'
import { claim, claimAll, enqueue, finish, json, register, tick, turn } from './acts.ts'
import { connect, type Engine, openEngine, type Session, type Told } from './harness.ts'
import { violations } from './invariants.ts'

const PATIENCE = { sessions: 3, patienceMs: 60_000 }

/** Asks while the mover's transaction is open; it commits when the asker has come as far as `table`. */
async function between(
  engine: Engine,
  table: string,
  move: (s: Session) => Promise<unknown>,
  ask: (s: Session) => Promise<Told>,
): Promise<Told> {
  const [mover, asker] = [engine.session(1), engine.session(2)]
  const gate = await connect(engine.adminUrl)
  try {
    const { pid } = (await gate.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0] as { pid: number }
    await mover.run('begin')
    await move(mover)
    await gate.query('begin')
    const shut = gate.query(`lock table ${table} in access exclusive mode`)
    await waits(engine, pid, 'the gate')
    const told = ask(asker)
    await waits(engine, asker.pid, 'the asker')
    await mover.run('commit')
    await shut
    await gate.query('rollback')
    return await told
  } finally {
    await gate.end()
  }
}

async function waits(engine: Engine, pid: number, who: string): Promise<void> {
  await expect
    .poll(async () => (await engine.lookOne<{ n: number }>('select cardinality(pg_blocking_pids($1)) as n', [pid])).n, {
      timeout: 30_000,
      message: `${who} never came to wait`,
    })
    .toBeGreaterThan(0)
}

const slotOf = (lease: number): string => String((lease >> 10) & 15).padStart(2, '0')

async function running(n: number) {
  const engine = await openEngine('ring', PATIENCE)
  const s = engine.session(0)
  await register(s, 'w1')
  await enqueue(
    s,
    Array.from({ length: n }, (_, i) => `k${i}`),
  )
  const held = await claim(s, 'w1')
  const [first] = held
  if (!first || held.length !== n) throw new Error('the claim gave something else')
  const closures = `countersign_queue.closures_${slotOf(first.lease)}`
  const ring = `countersign_queue.ring_${slotOf(first.lease)}`
  const leave = (s: Session) => s.get('leave_claim($1::text, $2::bigint, $3::uuid)', [first.id, first.lease, first.token])
  return { engine, s, held, first, closures, ring, leave }
}

test('Q114 Q14 a fire that may not overlap finds the job before it running, also while that gets a row of its own', async () => {
  const { engine, s, first, ring, leave } = await running(2)
  const made = await s.get<{ id: string; last_fire: string }>('schedule_upsert($1::jsonb)', [
    json({
      ...{ name: 'often', cron: '* * * * *', timezone: 'UTC', overlap: 'skip', next_fire: new Date().toISOString() },
      job: { kind: 'plain', queue: 'alpha' },
    }),
  ])
  await engine.look('update countersign_queue.schedules set last_job_id = $1', [first.id])
  const now = new Date().toISOString()
  const told = await between(engine, ring, leave, (s) =>
    s.call('schedule_fire($1::text, $2::timestamptz, $3::timestamptz[], $4::timestamptz, $5::timestamptz, 0)', [
      ...[made.id, made.last_fire, [now], now, now],
    ]),
  )
  expect(told).toMatchObject({ code: null, answer: [] })
  expect(await s.get('schedule_fires($1::text)', [made.id])).toMatchObject({ past: [{ skipped: 'overlap', job_id: null }] })
})

test('Q97 Q15 a claim whose answer was lost is handed back whole, also the job that gets a row of its own meanwhile', async () => {
  const { engine, s, held, first, closures, leave } = await running(3)
  const told = await between(engine, closures, leave, (s) => s.call('hand_back($1::text, $2::uuid)', ['w1', first.token]))
  expect(told).toMatchObject({ code: null, answer: 3 })
  expect((await s.get<{ queues: object }>('counts()')).queues).toEqual({ alpha: { ready: 3 } })
  const again = await claimAll(s, 'w1')
  expect(again.map((one) => [one.id, one.attempt]).sort()).toEqual(held.map((one) => [one.id, 1]).sort())
})

test('Q106 a limit counts the job that leaves the ring for a row while it counts', async () => {
  const { engine, s, closures, leave } = await running(1)
  await s.get('configure_queue($1::text, $2::jsonb)', ['alpha', json({ max_running: 1 })])
  await enqueue(s, ['next'])
  const wants = json([{ queue: 'alpha', n: 5, kinds: ['plain'] }])
  const told = await between(engine, closures, leave, (s) =>
    s.call('claim($1::text, $2::uuid, $3::jsonb)', ['w1', crypto.randomUUID(), wants]),
  )
  expect(told).toMatchObject({ code: null, answer: { jobs: [] } })
})

test('Q37 Q3 in REPEATABLE READ nobody changes a job of the ring by an old view of it: QJ006, and nothing is written', async () => {
  const { engine, s, held } = await running(2)
  const [ready] = await enqueue(s, ['ready'])
  const old = engine.session(1)
  await old.run('begin isolation level repeatable read')
  await old.get('counts()')
  // Claimed, run and over since the view was taken.
  await register(s, 'w2')
  const [got] = await claim(s, 'w2')
  expect(got?.id).toBe(ready)
  if (got) await finish(s, [got])
  const calls: [string, unknown[]][] = [
    ['cancel_job($1::text)', [ready]],
    ['reschedule_job($1::text, now())', [ready]],
    ['bury_job($1::text)', [ready]],
    ['bury_jobs($1::text[])', [[ready]]],
    ["drain_queue('alpha')", []],
    ['leave_claim($1::text, $2::bigint, $3::uuid)', [held[0]?.id, held[0]?.lease, held[0]?.token]],
    ['finish_in_tx($1::jsonb)', [json({ ...held[0], outcome: 'completed' })]],
  ]
  for (const [call, values] of calls) {
    await old.run('savepoint before')
    expect([call, (await old.call(call, values)).code]).toEqual([call, 'QJ006'])
    await old.run('rollback to before')
  }
  await old.run('commit')
  expect(await s.get('job($1::text)', [ready])).toMatchObject({ state: 'completed' })
  expect(await violations(engine)).toEqual([])
})

test('§8 cancel, bury and reschedule of a job that only the history knows say what it is, and change nothing', async () => {
  const { engine, s, held, first } = await running(1)
  await finish(s, held)
  await turn(engine, s, 4)
  expect(await engine.look('select from countersign_queue.ring where id = $1', [first.id])).toEqual([])
  for (const call of ['cancel_job($1::text)', 'bury_job($1::text)', 'reschedule_job($1::text, now())', 'retry_job($1::text)'])
    expect([call, await s.get(call, [first.id])]).toEqual([call, { id: first.id, state: 'completed', changed: false }])
  expect(await s.get('bury_jobs($1::text[])', [[first.id]])).toEqual({
    moved: [],
    skipped: [{ id: first.id, state: 'completed' }],
  })
})

test('Q61 a slot from which rows were carried is truncated only when nobody looks at the database as it was before', async () => {
  const { engine, s, first } = await running(1)
  const slot = (first.lease >> 10) & 15
  const live = async () =>
    (
      await engine.look(
        'select from countersign_queue.ring_00 r where false union all select from countersign_queue.generations g where (g.generation & 15) = $1 and not exists (select from countersign_queue.prunings p where p.generation = g.generation)',
        [slot],
      )
    ).length
  // What a dump does: a snapshot first, its locks on the tables later.
  const dump = await connect(engine.adminUrl)
  try {
    await dump.query('begin isolation level repeatable read')
    await dump.query('select 1')
    await engine.advance(2)
    await tick(s, 'rotate')
    await enqueue(s, ['other'])
    await engine.advance(2)
    await tick(s, 'rotate')
    expect(await tick(s, 'carry')).toEqual({ carry: 1 })
    await engine.advance(2)
    for (let n = 0; n < 3; n++) await tick(s, 'prune')
    expect(await live()).toBe(1)
    const seen = await dump.query(
      'select id from countersign_queue.ring where id = $1 union all select id from countersign_queue.jobs where id = $1',
      [first.id],
    )
    expect(seen.rows).toEqual([{ id: first.id }])
    await dump.query('commit')
    for (let n = 0; n < 3; n++) await tick(s, 'prune')
    expect(await live()).toBe(0)
    expect(await s.get('job($1::text)', [first.id])).toMatchObject({ state: 'running' })
  } finally {
    await dump.end()
  }
})
