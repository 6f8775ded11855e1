import { expect, test } from 'vitest'
import { type JobFilter, type JobRow, STATES } from './index.ts'
import { openByHand } from './testing/by-hand.ts'

type Hand = Awaited<ReturnType<typeof openByHand>>

async function allPages({ queue }: Hand, filter: JobFilter = {}, limit = 7): Promise<JobRow[]> {
  const found: JobRow[] = []
  for (let after: string | undefined; ; ) {
    const page = await queue.jobs(filter, { after, limit })
    expect(page.data.length).toBeLessThanOrEqual(limit)
    found.push(...page.data)
    if (page.next_cursor === null) return found
    after = page.next_cursor
  }
}

const states = (jobs: readonly JobRow[]) => Object.fromEntries(jobs.map((job) => [job.id, job.state]))

test('Q12 Q14 a job is found by its id wherever it lies: ready or claimed in the ring, ended there, as a row, and in the history', async () => {
  const hand = await openByHand()
  const { queue, enqueue, claim, finish, prune } = hand
  const ids = await enqueue(
    Array.from({ length: 40 }, (_, n) => ({ kind: 'a', payload: { n }, tags: ['t'], metadata: { n }, max_attempts: 7 })),
  )
  expect(await queue.job(ids[3] as string)).toMatchObject({
    id: ids[3],
    state: 'ready',
    payload: { n: 3 },
    tags: ['t'],
    metadata: { n: 3 },
    attempt: 0,
    max_attempts: 7,
    worker: null,
    queue: 'default',
    priority: 2,
  })
  const held = [...(await claim(10)), ...(await claim(10)), ...(await claim(1))]
  expect(held.map((job) => job.id)).toEqual(ids.slice(0, 21))
  const [done, failed, still] = [held.slice(0, 5), held.slice(5, 8), held.slice(8)]
  await finish(done, 'completed')
  await finish(failed, 'failed', { error: 'no' })
  const expected = (n: number) => (n < 5 ? 'completed' : n < 8 ? 'retrying' : n < 21 ? 'running' : 'ready')
  for (const [n, id] of ids.entries()) expect((await queue.job(id))?.state, `${n}`).toBe(expected(n))
  expect(await queue.job(ids[10] as string)).toMatchObject({
    lease: held[10]?.lease,
    worker: 'by-hand',
    attempt: 1,
    deadline_at: expect.any(String),
  })
  expect(await queue.job(ids[1] as string)).toMatchObject({ deadline_at: null, finished_at: expect.any(String), output: null })

  await finish(still, 'completed')
  await finish(await claim(100), 'completed')
  await prune()
  const { claimed_at, finished_at, enqueued_at } = (await queue.job(ids[1] as string)) as JobRow
  expect(await queue.job(ids[1] as string)).toMatchObject({
    state: 'completed',
    payload: null,
    worker: 'by-hand',
    attempt: 1,
    kind: 'a',
  })
  expect(enqueued_at <= String(claimed_at) && String(claimed_at) <= String(finished_at)).toBe(true)
  expect((await queue.job(ids[6] as string))?.state).toBe('retrying')
  for (const id of ['job_01920000000070008000000000', 'job_', '', `${ids[0]}x`]) expect(await queue.job(id), id).toBeNull()
})

test('Q12 finding a job by its id reads no table from end to end, however many are ready', async () => {
  const { queue, enqueue, claim, admin } = await openByHand()
  const ids: string[] = []
  for (let n = 0; n < 20; n++) ids.push(...(await enqueue(Array.from({ length: 1000 }, () => ({ kind: 'a' })))))
  for (let n = 0; n < 40; n++) await claim(50)
  const scans = async () => {
    await admin.query('select pg_stat_force_next_flush()')
    const { rows } = await admin.query(
      "select sum(seq_scan)::int as n from pg_stat_all_tables where schemaname = 'countersign_queue' and relname ~ '^(ring|claims|closures|history|jobs)(_|$)'",
    )
    return rows[0].n
  }
  const client = await queue.house.store.query('select pg_stat_force_next_flush()').then(scans)
  for (let n = 0; n < 20_000; n += 997) expect((await queue.job(ids[n] as string))?.state).toBe(n < 2000 ? 'running' : 'ready')
  await queue.house.store.query('select pg_stat_force_next_flush()')
  expect(await scans()).toBe(client)
})

test('Q14 Q136 pages of any size give each job once, in one state, over ring, rows and history; by state they give the same', async () => {
  const hand = await openByHand()
  const { queue, enqueue, claim, finish, prune } = hand
  const mixed = (n: number) => ({ kind: n % 3 ? 'a' : 'b', queue: n % 4 ? 'default' : 'mail', priority: 1 + (n % 2), payload: n })
  const ids = await enqueue(Array.from({ length: 60 }, (_, n) => mixed(n)))
  await finish(await claim(20), 'completed')
  await finish(await claim(25), 'cancel')
  await finish(await claim(5, 'mail'), 'completed')
  await finish(await claim(100, 'mail'), 'completed')
  await prune()
  ids.push(...(await enqueue(Array.from({ length: 30 }, (_, n) => mixed(n)))))
  ids.push(
    ...(await enqueue([
      { kind: 'a', delay_ms: 60_000 },
      { kind: 'a', hold: 'first ask' },
    ])),
  )
  ids.push(...(await enqueue(Array.from({ length: 5 }, (_, n) => ({ kind: 'a', unique: { key: `u${n}` } })))))
  const held = await claim(9)
  await finish(held.slice(0, 2), 'completed')
  await finish(held.slice(2, 3), 'discard', { error: 'no' })
  await queue.cancel(held[3]?.id as string)
  const [waiting] = (await queue.jobs({ state: 'ready' })).data
  await queue.cancel(waiting?.id as string)

  const all = await allPages(hand)
  for (const limit of [1, 3, 50, 200]) expect(states(await allPages(hand, {}, limit))).toEqual(states(all))
  const byState: JobRow[] = []
  for (const state of STATES) {
    const some = await allPages(hand, { state }, 4)
    expect(some.every((job) => job.state === state)).toBe(true)
    byState.push(...some)
  }
  // What ended in one way is listed on into the history; a list of everything shows what is there in full.
  expect(byState.map((job) => job.id).sort()).toEqual([...ids].sort())
  const whole = byState.filter((job) => job.payload !== null || job.state !== 'completed')
  expect(whole.length).toBeLessThan(byState.length)
  expect(states(all)).toEqual(states(whole))
  expect(all.length).toBe(whole.length)
  for (const job of byState) expect((await queue.job(job.id))?.state, job.id).toBe(job.state)
  const live = (state: string) => all.filter((job) => job.state === state).length
  const { queues, estimated } = await queue.counts()
  const counted = (state: keyof (typeof queues)[string]) =>
    Object.values(queues).reduce((sum, depth) => sum + (depth[state] ?? 0), 0)
  for (const state of STATES) expect(counted(state), state).toBe(live(state))
  expect(estimated).toEqual([])
})

test('Q136 jobs enqueued while somebody turns the pages are not in the later ones, and shift nothing', async () => {
  const hand = await openByHand()
  const ids = await hand.enqueue(Array.from({ length: 30 }, () => ({ kind: 'a' })))
  const found: string[] = []
  for (let after: string | undefined, n = 0; ; n++) {
    const page = await hand.queue.jobs({}, { after, limit: 8 })
    found.push(...page.data.map((job) => job.id))
    if (page.next_cursor === null) break
    after = page.next_cursor
    await hand.enqueue([{ kind: 'a' }, { kind: 'a', delay_ms: 1000 }])
    if (n < 2) await hand.claim(3)
  }
  expect(found.sort()).toEqual(ids.sort())
})

test('Q136 a filter of any kind finds the same in the ring and among rows', async () => {
  const hand = await openByHand()
  const { queue, enqueue, admin } = hand
  await enqueue([{ kind: 'c', payload: 'old' }])
  await hand.clock.advance('1h')
  const { at } = await admin.one<{ at: string }>`select countersign_queue.spoken(countersign_queue.now()) as at`
  const plain = { kind: 'a', queue: 'mail', tags: ['blue'], metadata: { x: 1 } }
  const [ring, row] = await enqueue([plain, { ...plain, delay_ms: 1000, unique: { key: 'invoice-7' } }])
  const both = [ring, row].sort()
  await enqueue(Array.from({ length: 300 }, () => ({ kind: 'b' })))
  const found = async (filter: JobFilter) => (await allPages(hand, filter, 50)).map((job) => job.id).sort()
  expect(await found({ kind: 'a' })).toEqual(both)
  expect(await found({ queue: 'mail' })).toEqual(both)
  expect(await found({ tag: 'blue' })).toEqual(both)
  expect(await found({ tag: 'red' })).toEqual([])
  expect(await found({ since: at, kind: 'a' })).toEqual(both)
  expect(await found({ since: at, kind: 'c' })).toEqual([])
  expect(await found({ until: at })).toHaveLength(1)
  expect(await found({ unique_key: 'invoice-7' })).toEqual([row])
  expect(await found({ q: 'INVOICE' })).toEqual([row])
  expect(await found({ q: ring?.slice(-8) as string })).toEqual([ring])
  expect(await found({ q: 'blue' })).toEqual(both)
  expect(await found({ state: 'ready', kind: 'a' })).toEqual([ring])
  expect(await found({ schedule: 'nightly' })).toEqual([])
  await queue.schedules.save({ name: 'nightly', cron: '0 0 * * *', kind: 'c' } as never)
  const [schedule] = await queue.schedules.list({ name: 'nightly' })
  await queue.schedules.trigger(schedule?.id as string)
  expect(await found({ schedule: 'nightly' })).toHaveLength(1)
  expect(await found({ dead_letter: true })).toEqual([])
  await queue.deadLetters.move(ring as string, { reason: 'wrong' })
  expect(await found({ dead_letter: true })).toEqual([ring])
  expect(await found({ dead_letter: false, kind: 'a' })).toEqual([row])
})

test('Q136 a wrong limit, filter or cursor is refused by its path', async () => {
  const { queue } = await openByHand()
  const path = (own: string) => ({ code: 'validation_failed', members: { errors: [expect.objectContaining({ path: own })] } })
  await expect(queue.jobs({}, { limit: 0 })).rejects.toMatchObject(path('/limit'))
  await expect(queue.jobs({}, { limit: 201 })).rejects.toMatchObject(path('/limit'))
  await expect(queue.jobs({ color: 'red' } as never)).rejects.toMatchObject(path(''))
  await expect(queue.jobs({ since: 'yesterday-ish' })).rejects.toMatchObject(path(''))
  for (const after of [
    'x',
    '',
    'e30x',
    btoa('[]'),
    btoa('{"ring": 7}'),
    btoa('{"ring": ["x"]}'),
    'job_01920000000070008000000000',
  ])
    await expect(queue.jobs({}, { after }), after).rejects.toMatchObject(path('/after'))
})

test('Q66 depth is exact where it can be counted in time and within 10 % by the sample that stands in above, of all and of one tenant, also of a queue partly worked off', async () => {
  const { claim, ask, admin, queue } = await openByHand()
  const big = '01920000-0000-7000-8000-00000000000a'
  // Built where it is stored: 30 MB of payload, so that not every page is looked at.
  for (let n = 0; n < 16; n++)
    await admin.query(
      `select count(*) from (select countersign_queue.enqueue_many((select jsonb_agg(jsonb_build_object('kind', 'a', 'payload', repeat('x', 1900),
        'queue', case when i % 5 = 0 then 'mail' else 'default' end, 'tenant_id', $1::text)) from generate_series(1, 1000) i)) offset 0) s`,
      [big],
    )
  for (let n = 0; n < 2; n++) {
    const [first] = await claim(250)
    await ask('settle_claims($1)', [JSON.stringify([{ lease: first?.lease, token: first?.token, done: null }])])
  }
  await claim(7)
  const check = (queues: Record<string, Record<string, number>>, estimated: string[]) => {
    expect(queues.mail).toEqual({ ready: 3200 })
    expect(queues.default?.running).toBe(7)
    expect(queues.default?.ready).toBe(12_800 - 507)
    expect(queues.default?.completed).toBe(500)
    expect(estimated).toEqual([])
  }
  const all = await queue.counts()
  check(all.queues as Record<string, Record<string, number>>, all.estimated)
  const own = await admin
    .query(`begin; set local countersign.tenant = '${big}'`)
    .then(() => admin.query('select countersign_queue.counts() as c'))
  await admin.query('rollback')
  check(own.rows[0].c.queues, own.rows[0].c.estimated)
  const sampled = await admin.query(`select sum(s.n)::int as n from countersign_queue.ready_by_sample(
    array(select countersign_queue.cursor_seen(l.lane, countersign_queue.live_generations()) from countersign_queue.lanes l where l.queue = 'default'),
    countersign_queue.live_generations(), '${big}') s`)
  expect(Math.abs(sampled.rows[0].n / (12_800 - 507) - 1)).toBeLessThan(0.1)
  await admin.query("begin; set local countersign.tenant = '01920000-0000-7000-8000-00000000000b'")
  expect((await admin.query('select countersign_queue.counts() as c')).rows[0].c).toMatchObject({ queues: {}, estimated: [] })
  expect((await admin.query('select countersign_queue.list_jobs() as c')).rows[0].c.data).toEqual([])
  expect((await admin.query('select countersign_queue.stats() as c')).rows[0].c.depth).toEqual({})
  await admin.query('rollback')
  expect(await ask<{ as_of: string }>('counts()')).toMatchObject({ as_of: expect.stringMatching(/Z$/) })
}, 60_000)

test('Q14 a reader and a prune never meet: who began to read keeps the slot, and prune goes on the next time', async () => {
  const { enqueue, claim, finish, ask, clock, admin, queue } = await openByHand()
  const [id] = await enqueue([{ kind: 'a' }])
  await finish(await claim(1), 'completed')
  await clock.advance('6s')
  await ask("tick('{rotate}')")
  await clock.advance('61s')
  await admin.query('begin')
  await admin.query('select countersign_queue.counts()')
  expect(await ask("tick('{prune}')")).toMatchObject({ prune: 0 })
  await admin.query('commit')
  expect(await ask("tick('{prune}')")).toMatchObject({ prune: 1 })
  expect((await queue.job(id as string))?.state).toBe('completed')
})

test('Q111 the result of a ring job is known while it runs, after its end, and after the ring let it go', async () => {
  const { enqueue, claim, finish, prune, ask, admin } = await openByHand()
  const ids = await enqueue([{ kind: 'a' }, { kind: 'a' }])
  expect(await ask('job_results($1)', [ids])).toMatchObject({
    [ids[0] as string]: { state: 'ready' },
    [ids[1] as string]: { state: 'ready' },
  })
  expect((await admin.rows`select job_id from countersign_queue.awaited`).length).toBe(2)
  await finish(await claim(2), 'completed')
  expect(await admin.rows`select job_id from countersign_queue.awaited`).toEqual([])
  expect(await ask('job_results($1)', [[ids[0]]])).toEqual({
    [ids[0] as string]: { kind: 'a', state: 'completed', reason: null, output: null, error: null },
  })
  await prune()
  expect(await ask('job_results($1)', [[ids[1]]])).toMatchObject({ [ids[1] as string]: { state: 'completed' } })
})
