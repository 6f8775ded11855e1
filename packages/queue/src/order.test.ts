import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'
import { createQueue } from './index.ts'
import { type Claim, claimer, put } from './testing/claimers.ts'

const LONG = process.env.FAULTS === 'long'
const TIME = LONG ? 900_000 : 60_000

async function open(workers = 1, kinds: readonly string[] = ['a']) {
  const house = await database()
  const queue = createQueue({ database: house.db.pool, listen: false })
  const all = await Promise.all(Array.from({ length: workers }, (_, n) => claimer(house.db.pool, `w${n}`, ['default'], kinds)))
  const state = async (id: string) => {
    const { rows } = await house.admin.query(
      'select state, state_reason, aside, attempt from countersign_queue.jobs where id = $1',
      [id],
    )
    return rows[0] as { state: string; state_reason: string | null; aside: string | null; attempt: number }
  }
  const tick = () => house.admin.query("select countersign_queue.tick('{rescue,promote}')")
  return { ...house, queue, pool: house.db.pool, workers: all, one: all[0] as (typeof all)[number], state, tick }
}

const strict = (key: string, more: Record<string, unknown> = {}) => ({ ordering_key: key, order: 'strict', ...more })
const numbers = (jobs: readonly Claim[]) => jobs.map((job) => job.payload.n)

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client(url)
  await client.connect()
  onTestFinished(() => client.end())
  return client
}

/** No blocked job without somebody before it, and nothing set aside for an order that is free (Q151). */
const ORPHANS = `
  select j.id from countersign_queue.jobs j
  where j.ordered and ((j.state = 'blocked' and j.state_reason = 'order') or j.aside = 'order')
    and not exists (select from countersign_queue.jobs b where b.queue = j.queue and b.tenant_id = j.tenant_id and b.ordering_key = j.ordering_key
      and b.ordered and b.id <> j.id and b.finished_at is null and (b.ord < j.ord or b.state in ('running', 'waiting')))`

/** Live jobs of the same key before one of these: there must be none when they start. */
const EARLIER = `
  select b.id from countersign_queue.jobs j join countersign_queue.jobs b
    on b.queue = j.queue and b.tenant_id = j.tenant_id and b.ordering_key = j.ordering_key and b.ordered and b.finished_at is null and b.ord < j.ord
  where j.id = any ($1)`

test('Q105 A17 job 2 of a strict key starts when job 1 is over, through two failures and a rescue; other keys go on; skip frees the key', async () => {
  const { pool, admin, clock, queue, one, state, tick } = await open()
  const [first, second, third, other] = (await put(pool, [strict('K'), strict('K'), strict('K'), strict('L')])) as [
    string,
    string,
    string,
    string,
  ]
  expect(await state(second)).toMatchObject({ state: 'blocked', state_reason: 'order' })
  const head = async () => {
    const jobs = await one.claim(10)
    expect(jobs.map((job) => job.id)).toEqual([first])
    expect((await state(second)).state).toBe('blocked')
    return jobs
  }

  const begun = await one.claim(10)
  expect(numbers(begun)).toEqual([0, 3])
  await one.finish(begun.slice(0, 1), { outcome: 'failed', error: 'no' })
  await one.finish(begun.slice(1))
  expect((await state(other)).state).toBe('completed')
  await clock.advance('1m')
  await one.finish(await head(), { outcome: 'failed', error: 'again no' })
  await clock.advance('1m')
  await head()
  await one.die()
  await tick()
  const next = await claimer(pool, 'w-next')
  expect((await state(first)).state).toBe('ready')
  const rescued = await next.claim(10)
  expect(rescued.map((job) => [job.id, job.attempt])).toEqual([[first, 4]])
  await next.finish(rescued)
  expect(await state(second)).toMatchObject({ state: 'ready', state_reason: null })

  await next.finish(await next.claim(10), { outcome: 'failed', error: 'no' })
  expect(await next.claim(10)).toEqual([])
  expect(await queue.keys.list('default')).toMatchObject([
    { what: 'order', key: 'K', waiting: 1, running: 0, head: { id: second, kind: 'a', state: 'retrying', attempt: 1 } },
  ])
  expect(await queue.keys.skip('default', 'K')).toMatchObject({ id: second, state: 'failed', changed: true })
  expect((await next.claim(10)).map((job) => job.id)).toEqual([third])
  expect(await queue.keys.list('default')).toEqual([])
  const { rows } = await admin.query('select state_reason from countersign_queue.jobs where id = $1', [second])
  expect(rows).toEqual([{ state_reason: 'operator' }])
})

test('Q105 the head of a blocked key is retried now, cancelled at once, or asked to end when it runs; a key without jobs has none', async () => {
  const { pool, queue, one, state, clock } = await open()
  const ids = await put(pool, [strict('K', { delay_ms: 3_600_000 }), strict('K'), strict('K')])
  expect(await one.claim(10)).toEqual([])
  await queue.keys.retry('default', 'K')
  const [first] = (await one.claim(10)) as [Claim]
  expect(first.id).toBe(ids[0])
  await expect(queue.keys.skip('default', 'K')).rejects.toMatchObject({ code: 'state_conflict', members: { state: 'running' } })
  expect(await queue.keys.cancel('default', 'K', { reason: 'stuck' })).toMatchObject({ id: ids[0], state: 'running' })
  await one.finish([first], { outcome: 'failed', error: 'aborted' })
  expect((await state(first.id)).state).toBe('cancelled')
  const [second] = (await one.claim(10)) as [Claim]
  expect(second.id).toBe(ids[1])
  await one.finish([second], { outcome: 'snooze', after_ms: 60_000 })
  expect(await one.claim(10)).toEqual([])
  expect(await queue.keys.cancel('default', 'K')).toMatchObject({ id: ids[1], state: 'cancelled' })
  await one.finish(await one.claim(10))
  expect((await state(ids[2] as string)).state).toBe('completed')
  await expect(queue.keys.skip('default', 'K')).rejects.toMatchObject({ code: 'not_found' })
  await clock.advance('2h')
  expect(await one.claim(10)).toEqual([])
})

test('Q105 a parked head keeps its key, and the answer to its callback frees it in the same transaction', async () => {
  const { pool, admin, queue, one, state } = await open()
  const ids = await put(pool, [strict('K'), strict('K')])
  const [job] = (await one.claim(10)) as [Claim]
  const { rows } = await admin.query('select countersign_queue.callback_create($1, $2, $3, $4, 60000, $5) as made', [
    job.id,
    job.lease,
    job.token,
    'bank',
    'finish',
  ])
  const callback = rows[0].made.id as string
  await one.finish([job], { outcome: 'park', callback_id: callback })
  expect(await one.claim(10)).toEqual([])
  expect((await state(ids[1] as string)).state).toBe('blocked')
  await queue.callbacks.complete(callback, { ok: true })
  expect((await state(ids[1] as string)).state).toBe('ready')
  expect((await one.claim(10)).map((one) => one.id)).toEqual([ids[1]])
})

test('Q105 jobs of one key whose enqueues overlap run one after the other, and none of them is left behind', async () => {
  const { admin, adminUrl, one, workers } = await open(2)
  const a = await connect(adminUrl)
  const b = await connect(adminUrl)
  await a.query('begin')
  await b.query('begin')
  const [early] = await put(a, [strict('K')])
  const [late] = await put(b, [strict('K')])
  await b.query('commit')
  const [begun] = (await one.claim(10)) as [Claim]
  expect(begun.id).toBe(late)
  await a.query('commit')
  // Enqueued before, seen after: it waits for whoever is at work.
  expect(await workers[1]?.claim(10)).toEqual([])
  await one.finish([begun])
  expect((await one.claim(10)).map((job) => job.id)).toEqual([early])
  const { rows } = await admin.query(ORPHANS)
  expect(rows).toEqual([])
})

test('Q105 a job that went in behind a head just as that ended is found by the turn that it left', async () => {
  const { pool, admin, adminUrl, one, state } = await open()
  const [head] = (await put(pool, [strict('K')])) as [string]
  const begun = await one.claim(10)
  const a = await connect(adminUrl)
  await a.query('begin')
  const [behind] = (await put(a, [strict('K')])) as [string]
  await one.finish(begun)
  expect((await state(head)).state).toBe('completed')
  await a.query('commit')
  expect(await state(behind)).toMatchObject({ state: 'blocked' })
  await admin.query("select countersign_queue.take_turns('default', countersign_queue.now())")
  expect((await one.claim(10)).map((job) => job.id)).toEqual([behind])
})

test('Q30 Q105 a producer that keeps its transaction open with a strict key holds up neither the end of the head nor other keys', async () => {
  const { pool, adminUrl, one } = await open()
  await put(pool, [strict('K'), strict('K'), strict('L')])
  const a = await connect(adminUrl)
  await a.query("begin; set local lock_timeout = '1s'")
  await put(a, [strict('K'), strict('L'), strict('M')])
  const patient = await connect(adminUrl)
  await patient.query("set lock_timeout = '1s'")
  const other = await claimer(patient, 'w9')
  const seen: number[] = []
  for (let jobs = await other.claim(10); jobs.length > 0; jobs = await other.claim(10)) {
    seen.push(...numbers(jobs))
    expect(await other.finish(jobs)).toEqual(jobs.map(() => 'settled'))
    await put(patient, [])
  }
  expect(seen.sort()).toEqual([0, 1, 2])
  expect(await one.claim(10)).toEqual([])
  await a.query('commit')
  expect((await one.claim(10)).sort((x, y) => x.payload.n - y.payload.n)).toMatchObject([
    { payload: { n: 0 } },
    { payload: { n: 1 } },
    { payload: { n: 2 } },
  ])
})

test('Q105 a held job keeps its place: let go, it is still behind those before it', async () => {
  const { pool, queue, one, state } = await open()
  const ids = await put(pool, [strict('K'), strict('K', { hold: 'ask' }), strict('K')])
  await queue.release(ids[1] as string)
  expect(await state(ids[1] as string)).toMatchObject({ state: 'blocked', state_reason: 'order' })
  for (const n of [0, 1, 2]) {
    const jobs = await one.claim(10)
    expect(numbers(jobs)).toEqual([n])
    await one.finish(jobs)
  }
})

test('Q105 an old job that an operator runs again waits for the one at work, and nobody starts beside it', async () => {
  const { pool, queue, one, state } = await open()
  const ids = await put(pool, [strict('K'), strict('K'), strict('K')])
  await one.finish(await one.claim(10), { outcome: 'discard', error: 'broken' })
  const begun = await one.claim(10)
  expect(numbers(begun)).toEqual([1])
  await queue.retry(ids[0] as string)
  expect(await one.claim(10)).toEqual([])
  expect(await state(ids[0] as string)).toMatchObject({ state: 'ready', aside: 'order' })
  await one.finish(begun, { outcome: 'failed', error: 'later' })
  const old = await one.claim(10)
  expect(numbers(old)).toEqual([0])
  await one.finish(old)
  await queue.keys.retry('default', 'K')
  expect(numbers(await one.claim(10))).toEqual([1])
})

test('Q105 the same key of two tenants, of two queues, or without strict order is no order', async () => {
  const { pool, one } = await open()
  await put(pool, [
    strict('K'),
    strict('K', { tenant_id: '01920000-0000-7000-8000-000000000001' }),
    { ordering_key: 'K' },
    { ordering_key: 'K', order: 'shard' },
  ])
  expect(await one.claim(10)).toHaveLength(4)
  const refused = await pool
    .query(`select countersign_queue.enqueue_many('[{"kind": "a", "order": "strict"}]')`)
    .catch((e: unknown) => e)
  expect(refused).toMatchObject({ code: 'QJ005', detail: expect.stringContaining('/ordering_key') })
})

test(
  'Q151 StrictKeyOrder, NoBlockedWithoutBlocker: four workers, six keys, failures, snoozes, crashes and overlapping producers',
  async () => {
    const { admin, adminUrl, clock, tick } = await open(0)
    const seed = Math.floor(Math.random() * 2 ** 31)
    let x = seed
    const random = (below: number) => {
      x = (Math.imul(x, 1103515245) + 12345) & 0x7fffffff
      return (x >>> 8) % below
    }
    const total = LONG ? 1_500 : 120
    const lines = await Promise.all([0, 1, 2, 3].map(() => connect(adminUrl)))
    let workers = await Promise.all(lines.map((line, n) => claimer(line, `s${n}`)))
    const clients = await Promise.all([0, 1].map(() => connect(adminUrl)))
    let made = 0
    const running = new Map<string, string>()
    for (let step = 0; ; step++) {
      const act = random(10)
      if (made < total && act < 4) {
        const client = clients[random(2)] as pg.Client
        if (random(3) === 0) await client.query('begin')
        await put(
          client,
          Array.from({ length: 5 }, (_, n) => strict(`k${(made + n) % 6}`, { max_attempts: 3, max_crashes: 0 })),
        )
        made += 5
        if (random(2) === 0) await client.query('commit')
      } else if (act < 9) {
        const worker = workers[random(4)] as (typeof workers)[number]
        const jobs = await worker.claim(1 + random(8))
        const { rows } = await admin.query('select id, ordering_key as key from countersign_queue.jobs where id = any ($1)', [
          jobs.map((j) => j.id),
        ])
        expect((await admin.query(EARLIER, [jobs.map((j) => j.id)])).rows, `seed ${seed}`).toEqual([])
        for (const job of jobs) {
          const key = (rows as { id: string; key: string }[]).find((row) => row.id === job.id)?.key as string
          for (const other of running.values()) expect(other, `seed ${seed}`).not.toBe(key)
          running.set(job.id, key)
        }
        for (const job of jobs) {
          const what = random(12)
          if (what === 0) continue // its worker may die with it
          const outcome =
            what < 3
              ? { outcome: 'failed', error: 'x' }
              : what === 3
                ? { outcome: 'snooze', after_ms: 1 }
                : { outcome: 'completed' }
          await worker.finish([job], outcome)
          running.delete(job.id)
        }
      } else {
        const dead = random(4)
        await workers[dead]?.die()
        await tick()
        running.clear()
        workers = await Promise.all(workers.map((w, n) => (n === dead ? claimer(lines[n] as pg.Client, `s${n}-${step}`) : w)))
        await clock.advance('10m') // every deadline is over
        await tick()
        running.clear()
      }
      if (made >= total) {
        for (const client of clients) await client.query('commit')
        const { rows } = await admin.query('select count(*)::int as n from countersign_queue.jobs where finished_at is null')
        if (rows[0].n === 0) break
      }
      expect(step, `seed ${seed}: it ends`).toBeLessThan(total * 40)
    }
    const { rows } = await admin.query('select count(*)::int as n from countersign_queue.jobs')
    expect(rows).toEqual([{ n: total }])
    expect((await admin.query(ORPHANS)).rows).toEqual([])
  },
  TIME,
)
