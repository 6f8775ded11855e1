import { Problem } from '@countersign/sdk'
import { expect, test, vi } from 'vitest'
import { type Database, database } from '#harness'
import { type Limits, limitHeaders, openLimits } from './limit.ts'
import { keyring, withOverrides } from './testing/door.ts'

const hundred = withOverrides({ 'api.key': { limit: 100, burst: 100 }, 'key.bad': { limit: 100 } })

const limitsOf = (house: Database, buckets = withOverrides({}), db = house.db) =>
  openLimits({ db, keyring, clock: house.clock, buckets })

/** The problem of a refusal, or null when the call passed. */
const refusal = (call: Promise<unknown>): Promise<Problem | null> =>
  call.then(
    () => null,
    (error: unknown) => {
      if (error instanceof Problem) return error
      throw error
    },
  )

async function untilRefused(take: () => Promise<unknown>, most = 200) {
  for (let passed = 0; passed < most; passed++) {
    const problem = await refusal(take())
    if (problem) return { passed, problem }
  }
  throw new Error(`${most} calls passed`)
}

test('P71 A21 of 500 calls at once from three processes exactly 100 pass a window, and a burst of 100 plus its refill passes a gcra', async () => {
  const house = await database({ max: 10 })
  const processes = [house.db, await house.open(), await house.open()].map((db) => limitsOf(house, hundred, db))
  const race = async (bucket: 'key.bad' | 'api.key') => {
    const from = performance.now()
    const calls = Array.from({ length: 500 }, (_, i) => refusal((processes[i % 3] as Limits).take({ bucket, key: 'one' })))
    const passed = (await Promise.all(calls)).filter((problem) => problem === null).length
    return { passed, refilled: Math.floor((performance.now() - from) / 600) }
  }

  const window = await race('key.bad')
  const gcra = await race('api.key')

  expect(window.passed).toBe(100)
  expect(gcra.passed).toBeGreaterThanOrEqual(100)
  expect(gcra.passed).toBeLessThanOrEqual(100 + gcra.refilled)
})

test('P71 a window never lets more than its limit through in any interval of its length, and Retry-After is never early', async () => {
  const house = await database()
  const limits = limitsOf(house)
  const take = () => limits.take({ bucket: 'login.address', key: '192.0.2.1' })
  for (let i = 0; i < 5; i++) await take()
  await house.clock.advance('100s')
  const { passed, problem } = await untilRefused(take)
  expect(passed).toBe(5)
  expect(problem).toMatchObject({ code: 'rate_limited', members: { bucket: 'login.address', limit: 10, window: 300 } })
  const wait = problem.members.retry_after as number
  expect(wait).toBeGreaterThan(190)
  expect(wait).toBeLessThanOrEqual(201)

  await house.clock.advance((wait - 2) * 1000)
  expect((await refusal(take()))?.code).toBe('rate_limited')
  await house.clock.advance(2000)
  expect((await untilRefused(take)).passed).toBe(5)
  expect((await untilRefused(() => limits.take({ bucket: 'login.address', key: '192.0.2.2' }))).passed).toBe(10)
})

test('P71 P74 a gcra gives its burst at once, then its rate; a cost takes as many, and the fields say what is left', async () => {
  const house = await database()
  const limits = limitsOf(house)
  const take = (cost = 1) => limits.take({ bucket: 'api.key', key: 'agt_1', cost }, { bucket: 'api.tenant', key: 'ten_1', cost })
  const fields = limitHeaders(await take(20))
  expect(fields['RateLimit-Policy']).toBe('"api.key";q=600;w=60, "api.tenant";q=6000;w=60')
  expect(fields.RateLimit).toMatch(/^"api.key";r=100;t=2, "api.tenant";r=1180;t=1$/)
  await take(50)
  await take(50)

  const problem = (await refusal(take(50))) as Problem
  expect(problem.members).toMatchObject({ bucket: 'api.key', retry_after: 5 })
  await house.clock.advance(3000)
  expect((await refusal(take(50)))?.members.retry_after).toBeLessThanOrEqual(2)
  await house.clock.advance(2000)
  expect(await refusal(take(50))).toBeNull()
})

test('P71 calls of one turn are let through in their order, each told what was left after it, and those beyond the burst cost the tenant nothing', async () => {
  const house = await database()
  const limits = limitsOf(house, withOverrides({ 'api.key': { limit: 1, burst: 10 }, 'api.tenant': { limit: 1 } }))
  const call = (key: string, cost: number) =>
    limits.take({ bucket: 'api.key', key, cost }, { bucket: 'api.tenant', key: 'ten_1', cost })
  const left = (key: string, cost: number) =>
    call(key, cost).then(
      ([one]) => one?.remaining,
      (error: Problem) => `${error.code} ${error.members.bucket}`,
    )

  const answers = await Promise.all([left('a', 3), left('b', 9), left('a', 3), left('a', 3), left('b', 9), left('a', 3)])

  const refused = 'rate_limited api.key'
  expect(answers).toEqual([7, 1, 4, 1, refused, refused])
  const [, tenant] = await call('c', 1)
  expect(tenant?.remaining).toBe(1_200 - 3 * 3 - 9 - 1)
})

test('P71 a refusal by the first bucket costs the second nothing', async () => {
  const house = await database()
  const limits = limitsOf(house, withOverrides({ 'api.key': { burst: 1 } }))
  await limits.take({ bucket: 'api.key', key: 'agt_1' }, { bucket: 'api.tenant', key: 'ten_1' })
  await refusal(limits.take({ bucket: 'api.key', key: 'agt_1' }, { bucket: 'api.tenant', key: 'ten_1' }))
  const [left] = await limits.take({ bucket: 'api.tenant', key: 'ten_1' })
  expect(left?.remaining).toBeGreaterThanOrEqual(1198)
})

test('P73 from the tenth failure in a row the pair waits 30 s and twice as long each time, 900 s at most, and a success empties it', async () => {
  const house = await database()
  const limits = limitsOf(house)
  const take = () => limits.take({ bucket: 'login.pair', key: 'alice@example.com 192.0.2.1' })
  for (let i = 0; i < 10; i++) await take()
  const waits: number[] = []
  for (let i = 0; i < 7; i++) {
    const wait = (await refusal(take()))?.members.retry_after as number
    waits.push(wait)
    await house.clock.advance(wait * 1000)
    await take()
  }
  expect(waits).toEqual([30, 60, 120, 240, 480, 900, 900])
  await limits.clear('login.pair', 'alice@example.com 192.0.2.1')
  for (let i = 0; i < 10; i++) await take()
  expect((await refusal(take()))?.members.retry_after).toBe(30)
})

test('P75 a login name stands in the table as its HMAC only', async () => {
  const house = await database()
  await limitsOf(house).take({ bucket: 'login.account', key: 'alice@example.com' })
  const { key } = await house.admin.one<{ key: string }>`select key from buckets`
  expect(key).toMatch(/^login\.account [A-Za-z0-9_-]{22}$/)
})

test('P71 of what may be open at once no more is held over two processes, a released one frees its place, and a dead one does after its lease', async () => {
  const house = await database()
  const [one, two] = [limitsOf(house), limitsOf(house, withOverrides({}), await house.open())]
  const asks = Array.from({ length: 50 }, (_, i) => (i % 2 ? one : two).hold('stream', 'agt_1'))
  const settled = await Promise.allSettled(asks)
  const held = settled.filter((each) => each.status === 'fulfilled').map((each) => each.value)
  expect(held).toHaveLength(20)
  expect(await refusal(one.hold('stream', 'agt_1'))).toMatchObject({ code: 'concurrency_limited', status: 429 })

  await held.pop()?.release()
  const again = await one.hold('stream', 'agt_1')
  expect((await refusal(two.hold('stream', 'agt_1')))?.code).toBe('concurrency_limited')
  await Promise.all([...held, again].map((each) => each.release()))

  // A process that died renews nothing: its rows are put there as it would have left them.
  await house.admin
    .run`update buckets set leases = (select jsonb_object_agg('dead' || n, (extract(epoch from countersign.now()) + 90) * 1000) from generate_series(1, 20) n)`
  expect((await refusal(one.hold('stream', 'agt_1')))?.code).toBe('concurrency_limited')
  await house.clock.advance('91s')
  await (await one.hold('stream', 'agt_1')).release()
})

test('P71 what is held long is renewed and stays counted', async () => {
  const house = await database()
  const limits = limitsOf(house, withOverrides({ stream: { limit: 1 } }))
  const held = await limits.hold('stream', 'agt_1')
  for (let i = 0; i < 5; i++) {
    await house.clock.advance('31s')
    await expect
      .poll(
        () => house.admin.one<{ s: number }>`select (extract(epoch from idle_at - countersign.now()))::float8 as s from buckets`,
      )
      .toMatchObject({ s: expect.closeTo(180, -1) })
  }
  expect((await refusal(limits.hold('stream', 'agt_1')))?.code).toBe('concurrency_limited')
  await held.release()
})

test('R96 however much is held, one statement renews all of it, and what ends together is given back by few; another process’s and what had ended stay as they are', async () => {
  const house = await database()
  const many = withOverrides({ stream: { limit: 1000 } })
  const [one, two] = [limitsOf(house, many), limitsOf(house, many, await house.open())]
  const held = await Promise.all(Array.from({ length: 60 }, (_, i) => one.hold('stream', `agt_${i % 3}`)))
  const theirs = await two.hold('stream', 'agt_1')
  await house.admin.run`update buckets set leases = '{}' where key = 'stream agt_2'`
  const query = vi.spyOn(house.db.pool, 'query')
  const untils = () =>
    house.admin.rows<{ key: string; held: number; renewed: number }>`
      select key, count(holder)::int as held, (count(*) filter (where until::float8 > (extract(epoch from countersign.now()) + 85) * 1000))::int as renewed
      from buckets left join lateral jsonb_each_text(leases) as l (holder, until) on true group by key order by key`

  await house.clock.advance('31s')
  await expect.poll(untils).toEqual([
    { key: 'stream agt_0', held: 20, renewed: 20 },
    { key: 'stream agt_1', held: 21, renewed: 21 },
    { key: 'stream agt_2', held: 0, renewed: 0 },
  ])
  expect(query).toHaveBeenCalledTimes(1)

  await Promise.all(held.map((each) => each.release()))
  expect(query.mock.calls.length).toBeLessThanOrEqual(3)
  expect((await untils()).map((row) => row.held)).toEqual([0, 1, 0])
  // Nothing is held here any more, and nothing is renewed.
  query.mockClear()
  await house.clock.advance('31s')
  expect(query).not.toHaveBeenCalled()
  await theirs.release()
  expect((await untils()).map((row) => row.held)).toEqual([0, 0, 0])
})

test('P75 rows that were idle for two windows are swept, others stay', async () => {
  const house = await database()
  const limits = limitsOf(house)
  await limits.take({ bucket: 'anonymous', key: '192.0.2.1' })
  await limits.take({ bucket: 'signup.address', key: '192.0.2.1' })
  await house.clock.advance('121s')
  expect(await limits.sweep()).toBe(1)
  expect(await house.admin.rows`select key from buckets`).toEqual([{ key: 'signup.address 192.0.2.1' }])
})

test('P75 with PostgreSQL away a take is 503 store_unavailable, never a pass', async () => {
  const house = await database()
  const db = await house.open({ listen: false })
  await db.close()
  const away = openLimits({
    db: { ...db, pool: { query: () => Promise.reject(Object.assign(new Error('away'), { code: 'ECONNREFUSED' })) } as never },
    keyring,
    clock: house.clock,
  })
  expect(await refusal(away.take({ bucket: 'login.address', key: '192.0.2.1' }))).toMatchObject({
    code: 'store_unavailable',
    status: 503,
  })
})
