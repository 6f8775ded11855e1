// The ring by itself, statement by statement: where rows lie, what a claim sees, when a slot goes. The property harness tries the same at random.
import { expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'

const TOKEN = '00000000-0000-4000-8000-000000000001'

async function open() {
  const { admin, db } = await database({ listen: false })
  await admin.query("select countersign_queue.register_worker('w', '{q}', '{k}', 'h', 1, 'v', 600000)")
  const ask = async <T>(
    call: string,
    values: unknown[] = [],
    on: { query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }> } = admin,
  ) => ((await on.query(`select countersign_queue.${call} as answer`, values)).rows[0] as { answer: T }).answer
  const enqueue = (n: number, on?: Parameters<typeof ask>[2], more: object = {}) =>
    ask<{ id: string }[]>(
      'enqueue_many($1::jsonb)',
      [JSON.stringify(Array.from({ length: n }, (_, i) => ({ kind: 'k', queue: 'q', payload: { i }, ...more })))],
      on,
    )
  type Group = { lease: number; jobs: [string, ...unknown[]][] }
  const claim = async (n: number, kinds: string[] = ['k']) => {
    const answer = await ask<{ claims: Group[]; jobs: { id: string }[] }>('claim_packed($1, $2::uuid, $3::jsonb)::json', [
      'w',
      TOKEN,
      JSON.stringify([{ queue: 'q', n, kinds }]),
    ])
    return {
      ...answer,
      ids: [...answer.claims.flatMap((group) => group.jobs.map(([id]) => id)), ...answer.jobs.map((job) => job.id)],
    }
  }
  const settle = (group: Group, done: number[] | null = null) =>
    ask<unknown[]>('settle_claims($1::jsonb)', [JSON.stringify([{ lease: group.lease, token: TOKEN, done }])])
  const rows = async <T>(text: string) => (await admin.query(text)).rows as T[]
  /** Time passes for the ring alone: its functions take it as an argument. */
  const turn = async (seconds: number) => ({
    rotated: await ask<number>(`rotate(countersign_queue.now() + interval '${seconds} seconds')`),
    pruned: await ask<number>(`prune(countersign_queue.now() + interval '${seconds + 120} seconds')`),
  })
  const session = async () => {
    const client = await db.pool.connect()
    onTestFinished(() => client.release(true))
    return client
  }
  return { admin, ask, enqueue, claim, settle, rows, turn, session }
}

test('Q27 Q28 Q29 a new queue is a row: lanes are integers, and a job lies in the ring with its transaction and its number', async () => {
  const { enqueue, rows, admin } = await open()
  const before = await rows<{ n: number }>(
    "select count(*)::int as n from pg_class where relnamespace = 'countersign_queue'::regnamespace",
  )
  await enqueue(3)
  await enqueue(1, undefined, { priority: 1 })
  expect(await rows('select queue, priority, shard from countersign_queue.lanes order by priority')).toEqual([
    { queue: 'q', priority: 1, shard: 0 },
    { queue: 'q', priority: 2, shard: 0 },
  ])
  const lying = await rows<{ xid: string; num: number }>('select xid::text, num, lane from countersign_queue.ring order by num')
  expect(lying).toHaveLength(4)
  expect(new Set(lying.slice(0, 3).map((row) => row.xid)).size).toBe(1)
  expect(lying.map((row) => row.num)).toEqual([...lying.map((row) => row.num)].sort((a, b) => a - b))
  expect(
    (
      await admin.one<{
        n: number
      }>`select count(*)::int as n from pg_class where relnamespace = 'countersign_queue'::regnamespace`
    ).n,
  ).toBe(before[0]?.n)
})

test('Q30 Q34 Q35 a transaction that commits late is neither waited for nor missed, and each row is claimed once', async () => {
  const { enqueue, claim, session } = await open()
  const [late, rolled] = [await session(), await session()]
  await enqueue(1)
  await late.query('begin')
  const [hidden] = await enqueue(1, late)
  await rolled.query('begin; savepoint a')
  await enqueue(2, rolled)
  await rolled.query('rollback to a')
  const [kept] = await enqueue(1, rolled)
  const others = await enqueue(2)
  const first = await claim(10)
  expect(first.ids).toHaveLength(3)
  expect(first.ids).toEqual(expect.arrayContaining(others.map((one) => one.id)))
  expect((await claim(10)).ids).toEqual([])
  await rolled.query('commit')
  expect((await claim(10)).ids).toEqual([kept?.id])
  const after = await enqueue(1)
  expect((await claim(10)).ids).toEqual([after[0]?.id])
  await late.query('commit')
  expect((await claim(10)).ids).toEqual([hidden?.id])
  expect((await claim(10)).ids).toEqual([])
})

test('Q32 Q45 jobs of one transaction run in their order, a transaction behind one that committed before it began, n at a time', async () => {
  const { enqueue, claim, session } = await open()
  const client = await session()
  await client.query('begin')
  const first = [...(await enqueue(3, client)), ...(await enqueue(2, client))]
  await client.query('commit')
  const second = await enqueue(2)
  const got = [...(await claim(3)).ids, ...(await claim(2)).ids, ...(await claim(9)).ids]
  expect(got).toEqual([...first, ...second].map((one) => one.id))
})

test('Q36 Q43 a lane that another claim holds is passed over, not waited for', async () => {
  const { enqueue, claim, session, ask, rows } = await open()
  await enqueue(2)
  const [{ lane }] = (await rows<{ lane: number }>('select lane from countersign_queue.lanes')) as [{ lane: number }]
  const holder = await session()
  await holder.query('begin')
  await ask('lock_lane($1)', [lane], holder).catch(() => undefined)
  await holder.query('rollback')
  await holder.query('begin; select pg_advisory_xact_lock(1668248940, $1)'.replace('$1', String(lane)))
  const busy = await claim(2)
  expect([busy.ids, (busy as unknown as { wait_ms: number }).wait_ms]).toEqual([[], 1])
  await holder.query('commit')
  expect((await claim(2)).ids).toHaveLength(2)
})

test('Q38 Q39 rows of an open or rolled back transaction cost a claim nothing, and a claim that finds nothing writes nothing', async () => {
  const { enqueue, claim, session, rows } = await open()
  const open_one = await session()
  await open_one.query('begin')
  for (let i = 0; i < 4; i++) await enqueue(1_000, open_one)
  await enqueue(1)
  await claim(1)
  const count = async () => (await rows<{ n: number }>('select count(*)::int as n from countersign_queue.claims'))[0]?.n
  const before = await count()
  for (let i = 0; i < 5; i++) expect((await claim(10)).ids).toEqual([])
  expect(await count()).toBe(before)
  // What was looked at: the plan reads the rows that a range gives, not those of the open transaction.
  const [plan] = await rows<{ n: number }>(`
    select count(*)::int as n from countersign_queue.window_ranges('1:1:'::pg_snapshot, pg_current_snapshot(), '0', 0) r, unnest(r.from_xids) x`)
  expect(plan?.n).toBeGreaterThan(1)
  await open_one.query('rollback')
  expect((await claim(10)).ids).toEqual([])
})

test('Q39 Q41 a lane that had nothing while the ring turned moves its cursor once, so that no poll walks those slots again, and an idle ring stays as it is', async () => {
  const { ask, enqueue, claim, rows, turn } = await open()
  await enqueue(1)
  await claim(1)
  for (let n = 1; n <= 5; n++) {
    await ask(`enqueue_many('[{"kind": "k", "queue": "busy"}]')`)
    expect(await ask<number>(`rotate(countersign_queue.now() + interval '${6 * n} seconds')`)).toBe(1)
    await ask(`hush(countersign_queue.now())`)
  }
  const lane = "from countersign_queue.claims c join countersign_queue.lanes l using (lane) where l.queue = 'q'"
  const look = () =>
    rows<{ n: number; worker: string | null; floor: number }>(`select n, worker, floor::int ${lane} order by id desc`)
  const before = await look()
  expect((await claim(10)).ids).toEqual([])
  const moved = await look()
  expect(moved).toHaveLength(before.length + 1)
  expect(moved[0]).toMatchObject({ n: 0, worker: null })
  for (let n = 0; n < 3; n++) expect((await claim(10)).ids).toEqual([])
  expect(await look()).toEqual(moved)
  // Nothing but the cursor lies in the newest slot: no reason to turn.
  expect(await turn(60)).toMatchObject({ rotated: 0 })
  const [{ id } = { id: '' }] = await enqueue(1)
  expect((await claim(10)).ids).toEqual([id])
})

test('Q60 a slot whose claims name a generation that was forgotten is truncated like any other', async () => {
  const { ask, admin, enqueue, claim, settle, rows } = await open()
  await enqueue(1)
  const turns = () => ask<number>("rotate(countersign_queue.now() + interval '6 seconds')")
  expect(await turns()).toBe(1)
  const { claims } = await claim(1)
  expect(await settle(claims[0] as (typeof claims)[number])).toEqual([null])
  expect(await ask<number>("rotate(countersign_queue.now() + interval '12 seconds')")).toBe(1)
  const [first = 0, second = 0] = (
    await rows<{ g: number }>('select generation::int as g from countersign_queue.generations order by 1')
  ).map(({ g }) => g)
  expect(await ask<number>("prune(countersign_queue.now() + interval '120 seconds')")).toBe(1)
  // What a prune does a hundred turns later.
  for (const table of ['generations', 'prunings', 'quiets'])
    await admin.query(`delete from countersign_queue.${table} where generation = $1`, [first])
  expect(await ask('gate($1::bigint)', [second])).toBeNull()
})

test('Q40 with many writers open a claim names the window of the one before it, and writes less than 1 KiB', async () => {
  const { enqueue, claim, session, rows, admin } = await open()
  const writers = await Promise.all(Array.from({ length: 8 }, session))
  for (const writer of writers) await writer.query('begin; select pg_current_xact_id(); savepoint a')
  await enqueue(30)
  await claim(1)
  await claim(1)
  const { wide } = await admin.one<{ wide: number }>`
    select max(length(coalesce(window_lo::text, '') || coalesce(window_hi::text, '')))::int as wide from countersign_queue.claims`
  expect(wide).toBeGreaterThan(0)
  // Of this statement alone: the server writes for other tests too.
  const wants = JSON.stringify([{ queue: 'q', n: 1, kinds: ['k'] }])
  const [told] = await rows<{ 'QUERY PLAN': [{ Plan: { 'WAL Bytes': number } }] }>(
    `explain (analyze, wal, format json) select countersign_queue.claim_packed('w', '${TOKEN}', '${wants}')`,
  )
  const bytes = told?.['QUERY PLAN'][0].Plan['WAL Bytes']
  expect(bytes).toBeGreaterThan(0)
  expect(bytes).toBeLessThan(1_024 * 8) // a page image may be among it; the record itself is small
})

test('Q31 Q41 Q59 Q60 the ring turns, a slot goes when all of it has ended and not before, and its cursors go on', async () => {
  const { enqueue, claim, settle, turn, rows, ask } = await open()
  await enqueue(3)
  const { claims } = await claim(3)
  expect((await turn(6)).rotated).toBe(1)
  expect((await turn(7)).rotated).toBe(0) // the new slot is empty, and younger than five seconds
  expect((await turn(6)).pruned).toBe(0)
  expect(await ask('gate(16)')).toBe('running')
  await settle(claims[0] as never, [0, 1])
  expect((await turn(6)).pruned).toBe(0)
  await settle(claims[0] as never, [2])
  expect((await turn(6)).pruned).toBe(1)
  expect(await rows('select generation from countersign_queue.prunings')).toEqual([{ generation: 16 }])
  expect((await rows('select from countersign_queue.ring')).length).toBe(0)
  // The lane's cursor was carried: what was claimed is not claimed again, what comes is claimed once.
  expect((await claim(5)).ids).toEqual([])
  const [next] = await enqueue(1)
  expect((await claim(5)).ids).toEqual([next?.id])
})

test('Q60 Q62 a slot in which somebody may still write is not truncated, and the ring goes on without it', async () => {
  const { enqueue, claim, settle, turn, session, ask } = await open()
  const writer = await session()
  await enqueue(1) // whoever is first makes the lane, and the jobs of others are rows until he commits
  await writer.query('begin')
  const [late] = await enqueue(1, writer)
  const { claims } = await claim(5)
  await settle(claims[0] as never)
  for (let i = 1; i <= 20; i++) {
    await enqueue(1)
    const more = await claim(5)
    await settle(more.claims[0] as never)
    await turn(6 * i)
  }
  expect(await ask('gate(16)')).toBe('writers')
  expect(await ask<number>('current_generation()')).toBeGreaterThan(25)
  await writer.query('commit')
  expect((await claim(5)).ids).toEqual([late?.id])
})

test('Q61 what waits in a slot that holds the ring up becomes rows, in its order, and is claimed once', async () => {
  const { enqueue, claim, turn, ask, rows } = await open()
  const ids = (await enqueue(20)).map((one) => one.id)
  for (let i = 1; i <= 12; i++) {
    await enqueue(1, undefined, { queue: 'other', kind: 'o' })
    await ask("rotate(countersign_queue.now() + $1 * interval '6 seconds')", [i])
    await ask('claim_packed(\'w\', $1::uuid, \'[{"queue": "other", "n": 9, "kinds": ["o"]}]\')', [TOKEN])
  }
  await turn(100)
  expect(await ask<number>("carry(countersign_queue.now() + interval '300 seconds', 10000)")).toBeGreaterThan(0)
  expect((await rows("select from countersign_queue.jobs where state = 'ready' and queue = 'q'")).length).toBe(20)
  expect((await claim(50)).ids).toEqual(ids)
  expect((await claim(50)).ids).toEqual([])
})

test('Q48 a pause that has committed is obeyed by every claim that begins after it', async () => {
  const { enqueue, claim, ask } = await open()
  await enqueue(2)
  await ask("set_paused('queue', 'q', true)")
  expect((await claim(5)).ids).toEqual([])
  await ask("set_paused('queue', 'q', false)")
  await ask("set_paused('kind', 'k', true)")
  expect((await claim(5)).ids).toEqual([])
  await ask("set_paused('kind', 'k', false)")
  expect((await claim(5)).ids).toHaveLength(2)
})

test('Q50 Q53 Q57 one attempt leaves its claim and the others stay; each position is closed once, whoever tries', async () => {
  const { enqueue, claim, settle, ask, rows } = await open()
  const [one, two, three] = (await enqueue(3)).map((job) => job.id)
  const { claims } = await claim(3)
  const group = claims[0] as { lease: number; jobs: [string][] }
  expect(await ask('leave_claim($1, $2, $3::uuid)', [two, group.lease + 1, TOKEN])).toBe(true)
  expect(await ask('leave_claim($1, $2, $3::uuid)', [two, group.lease + 1, TOKEN])).toBe(true)
  expect(await ask('leave_claim($1, $2, $3::uuid)', [one, group.lease, crypto.randomUUID()])).toBe(false)
  expect(await rows('select id, state, attempt from countersign_queue.jobs')).toEqual([{ id: two, state: 'running', attempt: 1 }])
  expect(await settle(group as never)).toEqual([[{ i: 1, verdict: 'moved' }]])
  expect(await settle(group as never, [0, 2])).toEqual([
    [
      { i: 0, verdict: 'already' },
      { i: 2, verdict: 'already' },
    ],
  ])
  expect(await rows('select verdict, bits::text from countersign_queue.closures order by verdict')).toEqual([
    { verdict: 'completed', bits: '101' },
    { verdict: 'moved', bits: '010' },
  ])
  expect([await ask('job_state($1)', [one]), await ask('job_state($1)', [two]), await ask('job_state($1)', [three])]).toEqual([
    'completed',
    'running',
    'completed',
  ])
})

test('Q42 after a logical copy whose transactions have other numbers every waiting job runs once, none that ended, and new ones too', async () => {
  const { enqueue, claim, settle, ask, admin, rows } = await open()
  const ended = await enqueue(2)
  await settle((await claim(2)).claims[0] as never)
  const running = await enqueue(1)
  await claim(1)
  const waiting = await enqueue(3)
  // As a restored dump is: what the rows and the cursor name lies far ahead of this cluster.
  await admin.query('update countersign_queue.ring set xid = (xid::text::bigint + 1000000000)::text::xid8')
  await admin.query(`update countersign_queue.claims set xids = array(select (x::text::bigint + 1000000000)::text::xid8 from unnest(xids) x),
    pos_xid = (pos_xid::text::bigint + 1000000000)::text::xid8,
    window_lo = case when window_lo::text <> '1:1:' then '1000000001:1000000001:'::pg_snapshot else window_lo end,
    window_hi = case when window_hi is not null and window_hi::text <> '1:1:' then ((select min(xid)::text from countersign_queue.ring where id = '${waiting[0]?.id}') || ':'
      || (select min(xid)::text from countersign_queue.ring where id = '${waiting[0]?.id}') || ':')::pg_snapshot else window_hi end`)
  await expect(claim(5)).rejects.toMatchObject({ code: 'QJ008' })
  expect(await ask<{ reanchor: number }>('tick()')).toMatchObject({ reanchor: 4 })
  const got = (await claim(9)).ids
  expect(got).toEqual(waiting.map((one) => one.id))
  const [fresh] = await enqueue(1)
  expect((await claim(9)).ids).toEqual([fresh?.id])
  expect(await rows<{ state: string }>(`select state from countersign_queue.jobs where id = '${running[0]?.id}'`)).toEqual([
    { state: 'running' },
  ])
  expect(got).not.toEqual(expect.arrayContaining(ended.map((one) => one.id)))
})

test('Q42 a claim that commits while the ring is looked at is no copy: nothing is moved, in whatever moment it comes', async () => {
  const { enqueue, claim, settle, session, ask } = await open()
  for (let i = 0; i < 30; i++) await enqueue(1, undefined, { queue: `q${i}` })
  const upkeep = await session()
  let working = true
  const answers: object[] = []
  const look = async () => {
    while (working) answers.push(await ask<object>("tick('{rotate}')", [], upkeep))
  }
  const work = async () => {
    for (let i = 0; i < 150; i++) {
      await enqueue(2)
      for (const group of (await claim(2)).claims) await settle(group)
    }
    working = false
  }
  await Promise.all([look(), work()])
  expect(answers.filter((answer) => 'reanchor' in answer)).toEqual([])
})

test('Q63 a snapshot that pins the horizon changes nothing: the ring is inserted into and truncated, and leaves no dead row', async () => {
  const { enqueue, claim, settle, turn, session, rows } = await open()
  const pin = await session()
  await pin.query('begin isolation level repeatable read; select pg_current_xact_id()')
  for (let i = 1; i <= 5; i++) {
    await enqueue(50)
    const { claims } = await claim(50)
    await settle(claims[0] as never)
    await turn(6 * i)
  }
  await rows('select pg_stat_force_next_flush()')
  const dead = await rows<{ n: number }>(
    "select coalesce(sum(n_tup_upd + n_tup_del), 0)::int as n from pg_stat_user_tables where schemaname = 'countersign_queue' and relname ~ '^(ring|claims|closures)_'",
  )
  expect(dead).toEqual([{ n: 0 }])
})
