import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'
import { createQueue, defineKind, type Kind, QueueError, retry } from './index.ts'
import { paceMs, spokenSettings } from './limit.ts'
import { type Claim, type Claimer, claimer, put } from './testing/claimers.ts'

const LONG = process.env.FAULTS === 'long'
const TIME = LONG ? 900_000 : 60_000

async function open(kinds: readonly Kind[] = []) {
  const house = await database()
  const queue = createQueue({ database: house.db.pool, kinds, listen: false, clock: house.clock })
  await queue.register()
  const one = await claimer(house.db.pool, 'w0', ['default', 'other'], ['a', 'b'])
  const query = async <T>(text: string, values: unknown[] = []) => (await house.admin.query(text, values)).rows as T[]
  return { ...house, queue, pool: house.db.pool, one, query }
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client(url)
  await client.connect()
  onTestFinished(() => client.end())
  return client
}

const numbers = (jobs: readonly Claim[]) => jobs.map((job) => job.payload.n)
const many = (n: number, job: Record<string, unknown> | ((n: number) => Record<string, unknown>)) =>
  Array.from({ length: n }, (_, i) => (typeof job === 'function' ? job(i) : job))

/** Most jobs of one group that ran at the same time, by what the rows say of their last attempts. */
const OVERLAP = `
  with spans as (select coalesce(%s, '') as grp, claimed_at, finished_at from countersign_queue.jobs where claimed_at is not null),
  edges as (select grp, claimed_at as at, 1 as step from spans union all select grp, finished_at, -1 from spans)
  select coalesce(max(running), 0)::int as most from (select sum(step) over (partition by grp order by at, step) as running from edges) r`

/** The worst excess of any interval over limit · t / per + burst; at most 0 when the bucket holds (RateBound). */
const EXCESS = `
  with starts as (
    select extract(epoch from claimed_at) * 1000 as at, row_number() over (order by claimed_at, ord) as n from countersign_queue.jobs
    where claimed_at is not null and %s)
  select max(b.n - a.n + 1 - (b.at - a.at) * $1::float8 / $2::float8 - $3::float8)::float8 as excess from starts a join starts b on b.n >= a.n`

test(
  'Q106 A19 with 2 at once per key and 10 in 100 ms on four workers, one of which dies, no key ever has three and no interval breaks the bucket',
  async () => {
    const { queue, pool, admin, adminUrl, query, clock } = await open()
    const rate = { limit: 10, per: '100ms', burst: 10 } as const
    await queue.configure('default', { maxRunningPerKey: 2, rate })
    const total = LONG ? 1_000 : 300
    await put(
      pool,
      many(total, (n) => ({ concurrency_key: `k${n % 7}` })),
    )
    let left = total
    const work = async (n: number, dies: boolean) => {
      const client = await connect(adminUrl)
      const me: Claimer = await claimer(client, `w-${n}`)
      for (let calls = 0; left > 0; calls++) {
        const jobs = await me.claim(5)
        if (dies && jobs.length > 0 && calls > 10) {
          await me.die()
          await admin.query("select countersign_queue.tick('{rescue}')")
          return
        }
        if (jobs.length === 0) await new Promise((resume) => clock.timer(4, () => resume(null)))
        const ended = (await me.finish(jobs)).length
        left -= ended
      }
    }
    await Promise.all([work(1, false), work(2, false), work(3, false), work(4, true)])
    expect(await query('select state, count(*)::int as n from countersign_queue.jobs group by state')).toEqual([
      { state: 'completed', n: total },
    ])
    expect((await query<{ most: number }>(OVERLAP.replace('%s', 'concurrency_key')))[0]?.most).toBeLessThanOrEqual(2)
    // The claims of the dead worker are not in the rows any more: what is left is fewer, never more.
    expect((await query<{ excess: number }>(EXCESS.replace('%s', 'true'), [10, 100, 10]))[0]?.excess).toBeLessThanOrEqual(0)
  },
  TIME,
)

test('Q106 maxRunning of a queue, of a kind and per key, by prefix, hold together; the end of an attempt lets the next one go', async () => {
  const { queue, pool, one } = await open([defineKind('b', { maxRunning: 2, run: () => undefined })])
  await queue.configure('default', { maxRunning: 5, maxRunningPerKey: { '': 1, 'gold:': 3 } })
  await put(pool, [...many(4, { concurrency_key: 'k' }), ...many(5, { concurrency_key: 'gold:x' }), ...many(4, { kind: 'b' })])
  const begun = await one.claim(20)
  expect(begun.map((job) => `${job.kind} ${job.payload.n}`)).toEqual(['a 0', 'a 4', 'a 5', 'a 6', 'b 9'])
  expect(await one.claim(20)).toEqual([])
  await one.finish(begun.slice(1, 3), { outcome: 'failed', error: 'x' })
  expect(numbers(await one.claim(20))).toEqual([7, 8])
})

test('Q106 the kinds of one limit are counted over all queues', async () => {
  const { pool, one, query } = await open([defineKind('b', { maxRunning: 2, run: () => undefined })])
  await put(
    pool,
    many(6, (n) => ({ kind: 'b', queue: n % 2 ? 'other' : 'default' })),
  )
  const begun = [...(await one.claim(5)), ...(await one.claim(5, 'other'))]
  expect(begun).toHaveLength(2)
  await one.finish(begun)
  let done = 2
  for (let tries = 0; done < 6 && tries < 20; tries++) {
    const jobs = [...(await one.claim(5, 'other')), ...(await one.claim(5))]
    expect(jobs.length).toBeLessThanOrEqual(2)
    await one.finish(jobs)
    done += jobs.length
  }
  expect(await query('select count(*)::int as n from countersign_queue.jobs where state = $1', ['completed'])).toEqual([{ n: 6 }])
})

test('Q106 limits change while work runs: lowering drains and ends nothing, raising lets go who was set aside, taking away lets go all', async () => {
  const { queue, pool, one, query } = await open()
  await queue.configure('default', { maxRunningPerKey: 4 })
  await put(pool, many(12, { concurrency_key: 'k' }))
  const begun = await one.claim(20)
  expect(begun).toHaveLength(4)
  expect(await queue.configure('default', { maxRunningPerKey: 2 })).toEqual({ max_running_per_key: 2 })
  await one.finish(begun.slice(0, 2))
  expect(await one.claim(20)).toEqual([])
  await one.finish(begun.slice(2, 3))
  const next = await one.claim(20)
  expect(numbers(next)).toEqual([4])
  await queue.configure('default', { maxRunningPerKey: 5 })
  expect(numbers(await one.claim(20))).toEqual([5, 6, 7])
  expect(await queue.configure('default', { maxRunningPerKey: null })).toEqual({})
  expect(numbers(await one.claim(20))).toEqual([8, 9, 10, 11])
  expect(await query("select state from countersign_queue.jobs where state not in ('running', 'completed')")).toEqual([])
})

test(
  'Q106 no interval holds more than limit · t / per + burst: of a queue, of a kind, of a rate key, whoever claims; and the rate is used up',
  async () => {
    const { queue, pool, adminUrl, query, clock } = await open([
      defineKind('b', { rate: { limit: 50, per: '1s', burst: 5 }, run: () => undefined }),
    ])
    await queue.configure('default', { rate: { limit: 200, per: '1s', burst: 10 } })
    await queue.configure('other', { ratePerKey: { limit: 20, per: '1s', burst: 2 } })
    const ms = LONG ? 10_000 : 1_500
    await put(pool, [
      ...many(LONG ? 3_000 : 500, {}),
      ...many(LONG ? 800 : 150, { kind: 'b', queue: 'third' }),
      ...many(LONG ? 500 : 100, (n) => ({ queue: 'other', rate_key: `r${n % 2}` })),
    ])
    const until = performance.now() + ms
    const began = clock.now().getTime()
    await Promise.all(
      ['default', 'default', 'third', 'third', 'other', 'other'].map(async (name, n) => {
        const me = await claimer(await connect(adminUrl), `w-${n}`, [name], ['a', 'b'])
        while (performance.now() < until) {
          const jobs = await me.claim(20)
          if (jobs.length > 0) await me.finish(jobs)
          else await new Promise((resume) => clock.timer(3, () => resume(null)))
        }
      }),
    )
    const seconds = (clock.now().getTime() - began) / 1000
    for (const [where, limit, burst] of [
      ["queue = 'default'", 200, 10],
      ["kind = 'b'", 50, 5],
      ["rate_key = 'r0'", 20, 2],
      ["rate_key = 'r1'", 20, 2],
    ] as const) {
      const [{ excess }] = (await query<{ excess: number }>(EXCESS.replace('%s', where), [limit, 1000, burst])) as [
        { excess: number },
      ]
      expect(excess, where).toBeLessThanOrEqual(0)
      const [{ n }] = (await query<{ n: number }>(
        `select count(*)::int as n from countersign_queue.jobs where claimed_at is not null and ${where}`,
      )) as [{ n: number }]
      expect(n, where).toBeGreaterThan(Math.min(limit * seconds * 0.6, 40))
    }
  },
  TIME,
)

test('Q106 a handler that was told to slow down stops its rate key until then, and no other', async () => {
  const { queue, pool, one, clock } = await open()
  await queue.configure('default', { ratePerKey: { limit: 1000, per: '1s' } })
  await put(
    pool,
    many(6, (n) => ({ rate_key: n % 2 ? 'remote' : 'near' })),
  )
  const [first, ...rest] = (await one.claim(2)) as [Claim, Claim]
  expect(first.payload.n).toBe(0)
  await one.finish(rest, { outcome: 'retry', after_ms: 60_000, hold: 'rate_key' })
  expect(numbers(await one.claim(10))).toEqual([2, 4])
  expect(await one.claim(10)).toEqual([])
  expect(await queue.keys.list('default')).toMatchObject([{ what: 'rate', key: 'remote', waiting: 2, head: { state: 'ready' } }])
  await clock.advance('59s')
  expect(await one.claim(10)).toEqual([])
  await clock.advance('2s')
  expect(numbers(await one.claim(10)).sort()).toEqual([1, 3, 5])
  expect(retry({ after: '1m', hold: 'rate_key' })).toMatchObject({ after_ms: 60_000, hold: 'rate_key' })
})

test('Q107 a job of a key at its limit is set aside once: no later claim writes or walks over it; a queue without limits is judged by nobody', async () => {
  const { queue, pool, admin, one, query } = await open()
  await queue.configure('default', { maxRunningPerKey: 1 })
  await put(pool, many(50, { concurrency_key: 'k' }))
  await one.claim(10)
  await one.claim(10)
  const versions = () => query("select ctid::text as at, aside from countersign_queue.jobs where state = 'ready' order by ord")
  const before = await versions()
  expect(new Set(before.map((row) => (row as { aside: string }).aside))).toEqual(new Set(['concurrency']))
  for (let n = 0; n < 5; n++) expect(await one.claim(10)).toEqual([])
  expect(await versions()).toEqual(before)

  await put(pool, [{ queue: 'other', concurrency_key: 'k' }])
  await admin.query('begin')
  const { rows } = await admin.query(
    "select cardinality(countersign_queue.claim_rows('w0', gen_random_uuid(), 'other', '{a}', 5, true, countersign_queue.now(), null)) as n",
  )
  expect(rows).toEqual([{ n: 1 }])
  expect(
    (
      await admin.query(
        "select count(*)::int as n from pg_locks where locktype = 'advisory' and classid = 1668248939 and pid = pg_backend_pid() and mode = 'ExclusiveLock'",
      )
    ).rows,
  ).toEqual([{ n: 0 }])
  await admin.query('rollback')
})

test('Q52 Q106 a transaction that ends an attempt and stays open holds up neither other ends of its key nor claims; its own room comes with its commit', async () => {
  const { queue, pool, adminUrl, one } = await open()
  await queue.configure('default', { maxRunningPerKey: 2 })
  await put(pool, many(6, { concurrency_key: 'k' }))
  const [first, second] = (await one.claim(10)) as [Claim, Claim]
  const client = await connect(adminUrl)
  await client.query("begin; set local lock_timeout = '1s'")
  await client.query('select countersign_queue.finish_in_tx($1)', [
    JSON.stringify({ id: first.id, lease: first.lease, token: first.token, outcome: 'completed' }),
  ])
  expect(await one.finish([second])).toEqual(['settled'])
  expect(numbers(await one.claim(10))).toEqual([2])
  await client.query('commit')
  expect(numbers(await one.claim(10))).toEqual([3])
})

test('Q106 a job with an ordering key, a concurrency key and a rate key goes when all three have room, and is called by whichever is last', async () => {
  const { queue, pool, one, clock, query } = await open()
  await queue.configure('default', { maxRunningPerKey: 1, ratePerKey: { limit: 1, per: '1m', burst: 1 } })
  const job = (order: string, c: string, r: string) => ({ ordering_key: order, order: 'strict', concurrency_key: c, rate_key: r })
  await put(pool, [job('o', 'c1', 'r'), job('o', 'c2', 'r2'), job('p', 'c1', 'r2'), job('q', 'c2', 'r')])
  const first = await one.claim(10)
  expect(numbers(first)).toEqual([0])
  await one.finish(first)
  const second = await one.claim(10)
  expect(numbers(second)).toEqual([1])
  expect(await one.claim(10)).toEqual([])
  await one.finish(second)
  expect(await one.claim(10)).toEqual([])
  await clock.advance('61s')
  expect(numbers(await one.claim(10)).sort()).toEqual([2, 3])
  expect(await query("select id from countersign_queue.jobs where aside is not null or state = 'blocked'")).toEqual([])
})

test(
  'Q151 RunningPerKeyBound, live: free keys free their next: random claims, failures, snoozes and crashes over limited keys end with every job over',
  async () => {
    const { queue, pool, admin, adminUrl, query, clock } = await open()
    await queue.configure('default', { maxRunning: 9, maxRunningPerKey: { '': 2, 'one:': 1 } })
    const total = LONG ? 5_000 : 200
    const seed = Math.floor(Math.random() * 2 ** 31)
    let x = seed
    const random = (below: number) => {
      x = (Math.imul(x, 1103515245) + 12345) & 0x7fffffff
      return (x >>> 8) % below
    }
    await put(
      pool,
      many(total, (n) => ({ concurrency_key: n % 3 ? `k${n % 5}` : `one:${n % 4}`, max_attempts: 4, max_crashes: 0 })),
    )
    const over = `select concurrency_key from countersign_queue.jobs where state = 'running' group by concurrency_key
    having count(*) > case when concurrency_key like 'one:%' then 1 else 2 end`
    const lines = await Promise.all([0, 1, 2].map(() => connect(adminUrl)))
    const claimers = await Promise.all(lines.map((line, n) => claimer(line, `r${n}`)))
    for (let step = 0; ; step++) {
      const n = random(3)
      const me = claimers[n] as Claimer
      const jobs = await me.claim(1 + random(6))
      expect(await query(over), `seed ${seed}`).toEqual([])
      expect(
        (await query<{ n: number }>("select count(*)::int as n from countersign_queue.jobs where state = 'running'"))[0]?.n,
      ).toBeLessThanOrEqual(9)
      for (const job of jobs) {
        const what = random(10)
        if (what === 0) continue
        await me.finish(
          [job],
          what < 2
            ? { outcome: 'failed', error: 'x' }
            : what === 2
              ? { outcome: 'snooze', after_ms: 1 }
              : { outcome: 'completed' },
        )
      }
      if (jobs.length === 0 || random(15) === 0) {
        await me.die()
        claimers[n] = await claimer(lines[n] as pg.Client, `r${n}-${step}`)
        await clock.advance('10m')
        await admin.query("select countersign_queue.tick('{rescue,promote}')")
        const [{ left }] = (await query<{ left: number }>(
          'select count(*)::int as left from countersign_queue.jobs where finished_at is null',
        )) as [{ left: number }]
        if (left === 0) break
      }
      expect(step, `seed ${seed}: it ends`).toBeLessThan(total * 10)
    }
  },
  TIME,
)

test('Q44 A18 a job of priority 4 starts once it has aged past newer urgent ones, and never with aging 0', async () => {
  for (const [aging, starts] of [
    ['5s', true],
    [0, false],
  ] as const) {
    const { queue, pool, one, clock } = await open()
    await queue.configure('default', { aging, maxRunning: 1000 })
    const [old] = await put(pool, [{ priority: 4 }])
    let started = false
    for (let second = 0; second <= 20; second += 2) {
      await put(pool, many(8, { priority: 1 }))
      const jobs = await one.claim(4)
      started ||= jobs.some((job) => job.id === old)
      await one.finish(jobs)
      await clock.advance('2s')
    }
    expect(started, String(aging)).toBe(starts)
  }
})

test('Q87 a full queue rejects with advice, or signals how full it is; a paced producer slows down as it fills', async () => {
  const { queue, pool, one, clock } = await open([defineKind('a', { run: () => undefined })])
  const kind = defineKind('a', { run: () => undefined })
  await queue.configure('default', { maxDepth: 4 })
  await put(pool, many(3, {}))
  await expect(queue.enqueueMany([{ kind: 'a' }, { kind: 'a' }])).rejects.toMatchObject({
    code: 'queue_full',
    members: { queue: 'default', depth: 4, max_depth: 4, retry_after_ms: 1000 },
  })
  expect((await queue.jobs({})).data ?? (await queue.jobs({}))).toHaveLength(3) // nothing is half written
  await queue.enqueue(kind, null)
  await expect(queue.enqueue(kind, null)).rejects.toBeInstanceOf(QueueError)
  await one.finish(await one.claim(2))
  await queue.enqueue(kind, null)

  await queue.configure('default', { onFull: 'signal', maxDepth: 10 })
  const { rows } = await pool.query(`select countersign_queue.enqueue_many('[{"kind": "a"}, {"kind": "a"}]') as told`)
  expect(rows[0].told).toMatchObject([{ pressure: 0.4 }, { pressure: 0.5 }])
  const paced = queue.paced()
  await paced.enqueueMany([{ kind: 'a' }, { kind: 'a' }, { kind: 'a' }])
  let through = false
  const waiting = paced.enqueue(kind, null).then(() => {
    through = true
  })
  await queue.counts()
  expect(through).toBe(false)
  await clock.advance('1s')
  await waiting
  expect([0, 0.5, 0.75, 1, 2].map(paceMs)).toEqual([0, 0, 250, 1000, 1000])
})

test('Q82 Q106 keys come from the payload where the kind says so, and options stand on kind, queue and enqueue: the nearest wins', async () => {
  const kind = defineKind<{ customer: string }>('b', {
    concurrencyKey: (payload) => payload.customer,
    orderingKey: 'all of them',
    order: 'strict',
    rateKey: 'r',
    maxRunningPerKey: 1,
    run: () => undefined,
  })
  const { queue, query } = await open([kind])
  await queue.enqueue(kind, { customer: 'c1' })
  await queue.enqueue(kind, { customer: 'c2' }, { concurrencyKey: 'mine', order: 'shard' })
  await queue.enqueueMany([{ kind: 'b', payload: { customer: 'c3' }, orderingKey: 'other' }])
  expect(
    await query(
      'select concurrency_key as c, ordering_key as o, ordered, rate_key as r from countersign_queue.jobs order by ord',
    ),
  ).toEqual([
    { c: 'c1', o: 'all of them', ordered: true, r: 'r' },
    { c: 'mine', o: 'all of them', ordered: false, r: 'r' },
    { c: 'c3', o: 'other', ordered: true, r: 'r' },
  ])
})

test('Q11 Q106 a limit that nobody can obey is refused where it is said, with its path, and nothing is stored', async () => {
  const { queue, pool, admin, query } = await open()
  const bad: [string, Record<string, unknown>][] = [
    ['/maxRunning', { maxRunning: -1 }],
    ['/maxRunning', { maxRunning: 1.5 }],
    ['/rate/limit', { rate: { limit: 0, per: '1s' } }],
    ['/rate/limit', { rate: { limit: Number.POSITIVE_INFINITY, per: '1s' } }],
    ['/rate/per', { rate: { limit: 1, per: 0 } }],
    ['/rate/burst', { rate: { limit: 0.5, per: '1s' } }],
    ['/ratePerKey/gold', { ratePerKey: { gold: { limit: 1, per: 'soon' } } }],
    ['/maxRunningPerKey/gold', { maxRunningPerKey: { gold: -2 } }],
    ['/maxDepth', { maxDepth: 0 }],
    ['/weights/x', { weights: { x: 0 } }],
    ['/aging', { aging: -1 }],
  ]
  for (const [path, change] of bad)
    expect(() => spokenSettings(change), path).toThrow(
      expect.objectContaining({ code: 'validation_failed', message: expect.stringContaining(path) }),
    )
  const sqlBad: [string, unknown][] = [
    ['/max_running', { max_running: 'two' }],
    ['/max_depth', { max_depth: 0 }],
    ['/rate', { rate: { limit: 0, per_ms: 1000 } }],
    ['/rate', { rate: 5 }],
    ['/rate_per_key', { rate_per_key: 7 }],
    ['/rate_per_key/g', { rate_per_key: { g: { limit: 1 } } }],
    ['/fair_by', { fair_by: 'kind' }],
    ['/on_full', { on_full: 'explode' }],
    ['/weights/x', { weights: { x: 0 } }],
    ['/surprise', { surprise: 1 }],
    ['', []],
  ]
  for (const [path, settings] of sqlBad) {
    const refused = await admin
      .query("select countersign_queue.configure_queue('default', $1)", [JSON.stringify(settings)])
      .catch((e: unknown) => e)
    expect(refused, JSON.stringify(settings)).toMatchObject({ code: 'QJ005' })
    expect(JSON.parse((refused as { detail: string }).detail).path).toBe(path)
  }
  await expect(
    admin.query('select countersign_queue.register_kinds($1)', [JSON.stringify({ z: { rate: { limit: 1 } } })]),
  ).rejects.toMatchObject({ code: 'QJ005' })
  expect(await query("select name from countersign_queue.queues where name = 'default'")).toEqual([])
  for (const key of ['ordering_key', 'concurrency_key', 'rate_key'])
    for (const value of ['', 'k'.repeat(513), 'ü'.repeat(257), 7])
      await expect(put(pool, [{ [key]: value }]), `${key} ${value}`).rejects.toMatchObject({ code: 'QJ005' })
  await expect(put(pool, [{ order: 'fifo', ordering_key: 'k' }])).rejects.toMatchObject({ code: 'QJ005' })
  expect(() => defineKind('z', { maxRunning: -1, run: () => undefined })).toThrow(/maxRunning/)
  await expect(queue.configure('No Name', {})).rejects.toMatchObject({ code: 'validation_failed' })
  expect(await queue.settings('default')).toEqual({})
})

test('Q106 only jobs without any key or limit stand in the ring', async () => {
  const { query } = await open()
  const cases: [boolean, unknown, unknown, unknown][] = [
    [false, {}, null, null],
    [false, { ordering_key: 'k' }, { deadline_ms: 1000 }, { aging_ms: 0 }],
    [true, { unique: { key: 'k' } }, null, null],
    [true, { hold: 'x' }, null, null],
    [true, { concurrency_key: 'k' }, null, null],
    [true, { rate_key: 'k' }, null, null],
    [true, { ordering_key: 'k', order: 'strict' }, null, null],
    [true, { ordering_key: 'k' }, { order: 'strict' }, null],
    [true, {}, { unique: {} }, null],
    [true, {}, { max_running: 1 }, null],
    [true, {}, { rate: {} }, null],
    [true, {}, null, { max_running: 1 }],
    [true, {}, null, { rate: {} }],
    [true, {}, null, { max_running_per_key: 1 }],
    [true, {}, null, { fair_by: 'tenant' }],
    [true, {}, null, { max_depth: 1 }],
  ]
  for (const [row, job, kind, queue] of cases)
    expect(
      await query(
        'select countersign_queue.needs_row($1, $2, $3) as row',
        [job, kind, queue].map((one) => (one === null ? null : JSON.stringify(one))),
      ),
      JSON.stringify([job, kind, queue]),
    ).toEqual([{ row }])
})
