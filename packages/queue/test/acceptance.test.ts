// Acceptance A3 to A8 and A22 at the level of SQL, on the ring and on the oracle: whoever speaks to the functions has these promises, in any language.
import pg from 'pg'
import { expect, test } from 'vitest'
import { claim, claimAll, enqueue, finish, type Held, job, json, lose, names, register, tick, turn } from './acts.ts'
import { type Engine, openEngine, type Session, type Which } from './harness.ts'
import { violations } from './invariants.ts'
import { BOTH, randomOf } from './model/world.ts'

const both = (says: string, play: (engine: Engine, which: Which) => Promise<void>, timeout?: number) =>
  test(
    says,
    async () => {
      for (const which of BOTH) {
        const engine = await openEngine(which, { sessions: 20, patienceMs: 10_000 })
        await play(engine, which)
        expect(await violations(engine)).toEqual([])
        await engine.close()
      }
    },
    timeout,
  )

/** Every table of the engine as text, without what only says that a process is alive. */
async function dump(engine: Engine): Promise<Record<string, string>> {
  const tables = await engine.look<{ name: string }>(
    `select c.relname as name from pg_class c where c.relnamespace = 'countersign_queue'::regnamespace and c.relkind = 'r'
     and c.relname not in ('workers', 'leases') order by 1`,
  )
  const all: Record<string, string> = {}
  for (const { name } of tables) {
    const { rows } = await engine.lookOne<{ rows: string }>(
      `select coalesce(string_agg(t::text, chr(10) order by t::text), '') as rows from countersign_queue.${name} t`,
    )
    all[name] = rows
  }
  return all
}

both('A3 the old owner of a rescued job is refused whatever it says, and no table shows that it spoke', async (engine) => {
  const [old, other, third] = [engine.session(0), engine.session(1), engine.session(2)]
  await register(old, 'old')
  await register(other, 'new')
  // One that stays an attempt of its claim until the rescue, one that had left it, and one that the rescue found with a callback.
  await enqueue(old, ['plain', 'left', 'called'])
  const held = await claimAll(old, 'old')
  const [plain, left, called] = held as [Held, Held, Held]
  await old.get('progress($1::jsonb)', [json([{ ...left, progress: { percent: 1 } }])])
  const create = (s: Session, one: Held, name: string) =>
    s.call("callback_create($1::text, $2::bigint, $3::uuid, $4::text, 60000, 'finish')", [one.id, one.lease, one.token, name])
  expect((await create(old, called, 'bank')).code).toBeNull()
  await lose(engine, 'old')
  await tick(third, 'rescue')
  for (const one of held) expect((await job(third, one.id))?.state).toBe('ready')
  const again = await claim(other, 'new')
  expect(again).toHaveLength(1) // a suspect is given alone
  const newer = again[0] as Held
  const older = held.find((one) => one.id === newer.id) as Held
  expect([newer.attempt, newer.lease > older.lease]).toEqual([2, true])

  const before = await dump(engine)
  for (const one of held) {
    for (const said of [
      { outcome: 'completed' },
      { outcome: 'completed', output: { paid: true } },
      { outcome: 'completed', enqueue: [{ kind: 'plain', queue: 'alpha', payload: { k: 'follow-up' } }] },
      { outcome: 'failed', error: 'broken' },
      { outcome: 'retry', after_ms: 1 },
      { outcome: 'snooze', after_ms: 1 },
      { outcome: 'discard' },
      { outcome: 'cancel' },
      { outcome: 'release' },
      { outcome: 'completed', progress: { percent: 100 } },
    ])
      expect(await finish(old, [one], said), `${one.payload.k} ${said.outcome}`).toEqual(['stale'])
    expect((await old.call('finish_in_tx($1::jsonb)', [json({ ...one, outcome: 'completed' })])).code).toBe('QJ001')
    expect(await old.get('progress($1::jsonb)', [json([{ ...one, progress: { percent: 50 } }])])).toEqual([])
    expect(await old.get('start($1::text, $2::bigint, $3::uuid)', [one.id, one.lease, one.token])).toBe(false)
    expect((await create(old, one, 'another')).code).toBe('QJ001')
  }
  const told = await old.get<{ lost: boolean; gone: string[] }>('beat($1::text, $2::jsonb)', ['new', json(held)])
  expect(told.gone.sort()).toEqual(held.map((one) => one.id).sort())
  expect(await dump(engine)).toEqual(before)
  expect(await finish(other, again)).toEqual(['settled'])
  expect(plain.id).not.toBe(called.id)
})

both(
  'A4 of twenty that finish one attempt at once one settles it; output, follow-up and history are there once',
  async (engine) => {
    const s = engine.session(0)
    await register(s, 'w1')
    await s.get('register_kinds($1::jsonb)', [
      json({ mail: { follow_ups: [{ on: 'completed', kind: 'plain', queue: 'beta', payload: { k: 'follow-up' } }] } }),
    ])
    for (const [n, said] of [
      { outcome: 'completed', output: { paid: true } },
      { outcome: 'completed', enqueue: [{ kind: 'plain', queue: 'gamma', payload: { k: 'child' } }] },
      { outcome: 'completed' },
    ].entries()) {
      const [id] = await enqueue(s, [`a${n}`], { kind: 'mail' })
      const held = await claimAll(s, 'w1')
      const answers = await Promise.all(Array.from({ length: 20 }, (_, at) => finish(engine.session(at), held, said)))
      expect(answers.flat().sort()).toEqual([...Array<string>(19).fill('already'), 'settled'])
      expect(await job(s, id)).toMatchObject({ state: 'completed', attempt: 1, output: 'output' in said ? { paid: true } : null })
    }
    expect(names(await claimAll(s, 'w1', { queue: 'beta' }))).toBe('follow-up follow-up follow-up')
    expect(names(await claimAll(s, 'w1', { queue: 'gamma' }))).toBe('child')
  },
)

const STRESS_MS = Number(process.env.PROPERTY_SECONDS ?? 0) > 60 ? 60_000 : 2_500
const OPEN_MS = STRESS_MS > 10_000 ? 2_000 : 300

/** Sixteen that enqueue in transactions of every sort, four that claim: what was committed, what was run, what was rolled back. */
async function stress(engine: Engine): Promise<{ committed: string[]; ran: string[]; undone: string[] }> {
  const random = randomOf(crypto.getRandomValues(new Uint32Array(1))[0] ?? 0)
  const committed: string[] = []
  const undone: string[] = []
  const ran: string[] = []
  const until = performance.now() + STRESS_MS
  let producing = 16
  const produce = async (n: number) => {
    const s = engine.session(n)
    while (performance.now() < until) {
      await s.run('begin')
      const kept = await enqueue(s, ['a', 'b'], { priority: 1 + random.below(2) })
      await s.run('savepoint s')
      const maybe = await enqueue(s, ['c'])
      const isBack = random.chance(0.5)
      await s.run(isBack ? 'rollback to savepoint s' : 'release savepoint s')
      // Held open as its users do: the time is what the test is about.
      if (random.chance(0.5)) await s.run(`select pg_sleep(${(random.below(OPEN_MS) / 1_000).toFixed(3)})`)
      kept.push(...(await enqueue(s, ['d'])))
      const commits = !random.chance(0.1)
      await s.run(commits ? 'commit' : 'rollback')
      ;(commits ? committed : undone).push(...kept)
      ;(commits && !isBack ? committed : undone).push(...maybe)
    }
    producing--
  }
  const consume = async (n: number) => {
    const s = engine.session(n)
    await register(s, `w${n}`)
    for (let idle = 0; idle < 3; ) {
      const isOver = producing === 0
      const held = await claim(s, `w${n}`, { n: 1 + random.below(40) })
      idle = isOver && held.length === 0 ? idle + 1 : 0
      if (held.length === 0) continue
      const verdicts = await finish(s, held)
      held.forEach((one, at) => {
        if (verdicts[at] === 'settled') ran.push(one.id)
      })
    }
  }
  await Promise.all([...Array.from({ length: 16 }, (_, n) => produce(n)), ...[16, 17, 18, 19].map(consume)])
  return { committed: committed.sort(), ran: ran.sort(), undone }
}

both(
  'A5 Q30 Q35 of sixteen producers with open transactions, savepoints and roll-backs every committed job runs once, and nothing else',
  async (engine) => {
    const { committed, ran, undone } = await stress(engine)
    expect(committed.length).toBeGreaterThan(50)
    expect(undone.length).toBeGreaterThan(0)
    expect(ran).toEqual(committed)
    process.stdout.write(`stress: ${engine.which} ran ${ran.length} of ${committed.length} committed jobs, each once\n`)
  },
  STRESS_MS * 2 + 60_000,
)

both('A7 Q3 a job beside a business row is there with it or not at all, and only a commit wakes a worker', async (engine) => {
  const [s, worker] = [engine.session(0), engine.session(1)]
  await engine.look('create table public.orders (id integer); grant all on public.orders to public')
  await register(worker, 'w1')
  await worker.get('claim($1::text, $2::uuid, $3::jsonb, 60000)', [
    'w1',
    crypto.randomUUID(),
    json([{ queue: 'alpha', n: 1, kinds: ['plain'] }]),
  ])
  const ear = new pg.Client(engine.url)
  await ear.connect()
  const heard: string[] = []
  ear.on('notification', ({ payload }) => void heard.push(payload ?? ''))
  await ear.query('listen countersign_queue')
  try {
    for (const commits of [false, true]) {
      await s.run('begin')
      await s.run(`insert into public.orders values (${commits ? 1 : 0})`)
      await enqueue(s, ['order'])
      await s.run(commits ? 'commit' : 'rollback')
      // A round trip after the end: what was sent with it has come.
      await ear.query('select 1')
      expect(heard.filter((one) => one === 'work:alpha')).toEqual(commits ? ['work:alpha'] : [])
      if (!commits) {
        expect(await claimAll(worker, 'w1')).toEqual([])
        await worker.get('claim($1::text, $2::uuid, $3::jsonb, 60000)', [
          'w1',
          crypto.randomUUID(),
          json([{ queue: 'alpha', n: 1, kinds: ['plain'] }]),
        ])
        continue
      }
      const [held] = await claimAll(worker, 'w1')
      expect(held?.payload.k).toBe('order')
      expect(await engine.look('select id from public.orders')).toEqual([{ id: 1 }])
    }
  } finally {
    await ear.end()
  }
})

both(
  'A8 Q52 finish_in_tx ends the attempt with the business rows or not at all, and holds up no other job of its claim',
  async (engine) => {
    const [owner, other] = [engine.session(0), engine.session(1)]
    await engine.look('create table public.orders (id integer); grant all on public.orders to public')
    await register(owner, 'w1')
    await register(other, 'w2')
    await enqueue(owner, ['mine', 'x', 'y'])
    const [mine, x, y] = (await claimAll(owner, 'w1')) as [Held, Held, Held]
    // As a worker does it: the attempt leaves its claim in a transaction of its own, so that the open one holds its row alone.
    await owner.get('leave_claim($1::text, $2::bigint, $3::uuid)', [mine.id, mine.lease, mine.token])
    await owner.run('begin')
    await owner.run('insert into public.orders values (1)')
    expect(await owner.get('finish_in_tx($1::jsonb)', [json({ ...mine, outcome: 'completed', output: 1 })])).toBe('settled')
    // While that transaction is open: whoever waited for it would be sent back by the session's patience.
    expect(await finish(other, [x, y])).toEqual(['settled', 'settled'])
    await lose(engine, 'w1')
    await tick(other, 'rescue')
    expect((await job(other, mine.id))?.state).toBe('running') // held: rescue leaves it alone
    await engine.kill(0)
    expect(await engine.look('select id from public.orders')).toEqual([])
    await tick(other, 'rescue')
    expect(await job(other, mine.id)).toMatchObject({ state: 'ready', attempt: 1, output: null })

    const [again] = (await claimAll(other, 'w2')) as [Held]
    expect([again.id, again.attempt]).toEqual([mine.id, 2])
    await other.run('begin')
    await other.run('insert into public.orders values (2)')
    expect(await other.get('finish_in_tx($1::jsonb)', [json({ ...again, outcome: 'completed', output: 2 })])).toBe('settled')
    await other.run('commit')
    expect(await engine.look('select id from public.orders')).toEqual([{ id: 2 }])
    expect(await claimAll(engine.session(2), 'w2')).toEqual([])
    expect(await job(other, mine.id)).toMatchObject({ state: 'completed', output: 2 })
  },
)

both(
  'A6 Q30 Q34 a transaction that enqueued and stays open holds up nobody, and its jobs run after its commit, also when the ring has turned around meanwhile',
  async (engine) => {
    const [open, s] = [engine.session(0), engine.session(1)]
    await register(s, 'w1')
    await enqueue(s, ['before'])
    await open.run('begin')
    await enqueue(open, ['late1', 'late2'])
    expect(names(await claimAll(s, 'w1'))).toBe('before')
    for (let round = 0; round < 20; round++) {
      const ks = [`a${round}`, `b${round}`, `c${round}`]
      await enqueue(s, ks)
      const held = await claimAll(s, 'w1')
      expect(names(held)).toBe(ks.join(' '))
      expect(await finish(s, held)).toEqual(['settled', 'settled', 'settled'])
      await turn(engine, s)
    }
    await open.run('commit')
    const late = await claimAll(s, 'w1')
    expect(names(late)).toBe('late1 late2')
    expect(await finish(s, late)).toEqual(['settled', 'settled'])
    expect(await claimAll(s, 'w1')).toEqual([])
  },
)

type Shown = { state: string; state_reason: string | null; attempt: number; run_at: string; errors: { at: string }[] }

both(
  'A22 Q16 a hundred snoozes cost no attempt, a retry on the last attempt is a dead letter, and the delay after throw n lies between 2^n and 1.25 * 2^n seconds by the database',
  async (engine) => {
    const s = engine.session(0)
    await register(s, 'w1')
    const shown = (id: string) => s.get<Shown>('job($1::text)', [id])
    const [snoozed] = (await enqueue(s, ['snoozed'])) as [string]
    for (let n = 0; n < 100; n++) {
      const held = await claim(s, 'w1')
      expect(held.map((one) => [one.id, one.attempt])).toEqual([[snoozed, 1]])
      expect(await finish(s, held, { outcome: 'snooze', after_ms: 1_000 })).toEqual(['settled'])
      await engine.advance(1)
    }
    expect(await shown(snoozed)).toMatchObject({ state: 'scheduled', attempt: 0, errors: [] })
    await finish(s, await claim(s, 'w1'))

    const [last] = (await enqueue(s, ['last'], { max_attempts: 1 })) as [string]
    await finish(s, await claim(s, 'w1'), { outcome: 'retry', after_ms: 60_000 })
    expect(await shown(last)).toMatchObject({
      state: 'failed',
      state_reason: 'max_attempts_exhausted',
      attempt: 1,
      dead_letter: true,
    })

    const [thrown] = (await enqueue(s, ['thrown'])) as [string]
    for (let n = 1; n <= 12; n++) {
      const held = await claim(s, 'w1')
      expect(held.map((one) => [one.id, one.attempt])).toEqual([[thrown, n]])
      await finish(s, held, { outcome: 'failed', error: 'broken' })
      const { run_at, errors, state } = await shown(thrown)
      expect(state).toBe('retrying')
      const seconds = (Date.parse(run_at) - Date.parse(errors.at(-1)?.at as string)) / 1_000
      expect(seconds).toBeGreaterThanOrEqual(2 ** n)
      expect(seconds).toBeLessThanOrEqual(1.25 * 2 ** n)
      await engine.advance(Math.ceil((1.25 * 2 ** n) / 60))
    }
  },
  60_000,
)
