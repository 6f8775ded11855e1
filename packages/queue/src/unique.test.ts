import { expect, test } from 'vitest'
import { database } from '#harness'
import { createQueue, defineKind, type Enqueue, enqueue, type UniqueRule } from './index.ts'
import { type Claim, claimer, put } from './testing/claimers.ts'

const LONG = process.env.FAULTS === 'long'
const TIME = LONG ? 900_000 : 60_000

async function open() {
  const house = await database()
  const queue = createQueue({ database: house.db.pool, listen: false, clock: house.clock })
  const one = await claimer(house.db.pool, 'w0', ['default', 'other'], ['a'])
  const rows = async <T>(text: string, values: unknown[] = []) => (await house.admin.query(text, values)).rows as T[]
  const make = (unique: UniqueRule, payload: unknown = null, more: Partial<Enqueue> = {}) =>
    enqueue(house.db.pool, { kind: 'a', payload, unique, ...more })
  return { ...house, queue, pool: house.db.pool, one, rows, make }
}

test('Q85 the whole payload is the key, however its members are ordered and whichever language wrote it', async () => {
  const { make, pool } = await open()
  const first = await make({ by: 'payload' }, { a: 1, b: [1, { c: null }] })
  expect(await make({ by: 'payload' }, { b: [1, { c: null }], a: 1 })).toBe(first)
  const { rows } = await pool.query(
    `select countersign_queue.enqueue('default', 'a', '{ "b": [1.0, {"c":null}], "a":1 }', '{"unique": {"by": "payload"}}') as id,
       countersign_queue.enqueue('default', 'a', '{"a": 1, "b": [1, {"c": null}]}', '{"unique": {"by": "payload"}}') as same`,
  )
  expect(rows[0].same).toBe(first)
  for (const other of [{ a: 1, b: [1, {}] }, { a: '1', b: [1, { c: null }] }, { a: 1, b: [{ c: null }, 1] }, null, [], {}])
    expect(await make({ by: 'payload' }, other), JSON.stringify(other)).not.toBe(first)
})

test('Q85 named paths are the key, in their order, and an absent one is not a null of another', async () => {
  const { make } = await open()
  const first = await make({ by: ['order.id', 'list.0'] }, { order: { id: 7 }, list: ['x'], note: 1 })
  expect(await make({ by: ['order.id', 'list.0'] }, { order: { id: 7 }, list: ['x', 'y'] })).toBe(first)
  expect(await make({ by: ['list.0', 'order.id'] }, { order: { id: 7 }, list: ['x'] })).not.toBe(first)
  expect(await make({ by: ['order.id', 'list.0'] }, { order: { id: '7' }, list: ['x'] })).not.toBe(first)
  expect(await make({ by: ['order.id'] }, { order: { id: 7 } })).not.toBe(first)
  const absent = await make({ by: ['x', 'y'] }, { y: 1 })
  expect(await make({ by: ['x', 'y'] }, { x: 1 })).not.toBe(absent)
})

test('Q85 kind, tenant, own key, queue scope and period are parts of the key', async () => {
  const { make, clock } = await open()
  const rule: UniqueRule = { key: 'k' }
  const first = await make(rule)
  expect(await make(rule, { other: 'payload' })).toBe(first)
  expect(await make(rule, null, { queue: 'other' })).toBe(first)
  expect(await make({ key: 'K' })).not.toBe(first)
  expect(await make(rule, null, { kind: 'b' })).not.toBe(first)
  expect(await make(rule, null, { tenantId: '01920000-0000-7000-8000-000000000001' })).not.toBe(first)
  const scoped = await make({ key: 'k', scope: ['queue'] })
  expect(await make({ key: 'k', scope: ['queue'] }, null, { queue: 'other' })).not.toBe(scoped)
  const hourly: UniqueRule = { key: 'p', period: '1h', while: ['ready', 'running', 'completed'] }
  const now = await make(hourly)
  expect(await make(hourly)).toBe(now)
  await clock.advance('1h')
  expect(await make(hourly)).not.toBe(now)
})

test('Q85 Q152 the key is held in the states of while and in no other; the moment it is released it can be taken, in the same transaction', async () => {
  const { make, queue, pool, one } = await open()
  const waiting: UniqueRule = { key: 'k', while: ['ready', 'scheduled'] }
  const first = await make(waiting)
  expect(await make(waiting)).toBe(first)
  const begun = await one.claim(5)
  const second = await make(waiting)
  expect(second).not.toBe(first)
  await one.finish(begun)
  const client = await pool.connect()
  await client.query('begin')
  await queue.cancel(second, { tx: client })
  const third = await enqueue(client, { kind: 'a', unique: waiting })
  await client.query('rollback')
  client.release()
  expect([first, second]).not.toContain(third)
  expect(await make(waiting)).toBe(second)
  const all: UniqueRule = { key: 'done', period: '1h', while: ['ready', 'running', 'completed'] }
  const done = await make(all)
  await one.finish((await one.claim(5)).filter((job) => job.id === done))
  expect(await make(all)).toBe(done)
})

test('Q85 replace gives a holder that does not run payload, time and priority, or keeps its time; one that runs is a conflict', async () => {
  const { make, queue, one, clock } = await open()
  const rule = (more: Partial<UniqueRule> = {}): UniqueRule => ({ key: 'k', onConflict: 'replace', ...more })
  const id = await make(rule(), { v: 1 }, { runAt: '1h', priority: 3 })
  expect(await make(rule({ preserveRunAt: true }), { v: 2 }, { runAt: '5h', priority: 1 })).toBe(id)
  const kept = await queue.job(id)
  expect(kept).toMatchObject({ payload: { v: 2 }, priority: 1, state: 'scheduled' })
  expect(Date.parse(kept?.run_at as string)).toBeLessThan(clock.now().getTime() + 3_700_000)
  expect(await make(rule(), { v: 3 })).toBe(id)
  expect(await queue.job(id)).toMatchObject({ payload: { v: 3 }, priority: 1, state: 'scheduled' })
  const [job] = (await one.claim(5)) as [Claim]
  expect(job).toMatchObject({ id, payload: { v: 3 } })
  await expect(make(rule(), { v: 4 })).rejects.toMatchObject({
    code: 'unique_conflict',
    members: { job_id: id, state: 'running' },
  })
  expect((await queue.job(id))?.payload).toEqual({ v: 3 })
})

test(
  'Q86 A16 of 50 producers with one key under each conflict mode one job comes, and 50 definite answers',
  async () => {
    const { runtimeUrl, rows } = await open()
    const wide = createQueue({ database: { url: runtimeUrl, max: 25 }, listen: false })
    try {
      for (const onConflict of ['return', 'reject', 'replace'] as const) {
        const told = await Promise.all(
          Array.from({ length: 50 }, (_, n) =>
            wide.enqueueMany([{ kind: onConflict, payload: { n }, unique: { key: 'the one', onConflict } }]).then(
              ([id]) => id as string,
              (error: { code: string; members: { job_id: string } }) => `${error.code} ${error.members.job_id}`,
            ),
          ),
        )
        const [{ id }, ...more] = (await rows<{ id: string }>('select id from countersign_queue.jobs where kind = $1', [
          onConflict,
        ])) as [{ id: string }]
        expect(more).toEqual([])
        const expected = onConflict === 'reject' ? [id, ...Array(49).fill(`unique_conflict ${id}`)] : Array(50).fill(id)
        expect(told.sort(), onConflict).toEqual(expected.sort())
      }
    } finally {
      await wide.close()
    }
  },
  TIME,
)

test('Q3 Q86 who waits for a key that is rolled back gets it; a roll-back leaves the key free', async () => {
  const { pool, queue } = await open()
  const a = await pool.connect()
  await a.query('begin')
  const lost = await enqueue(a, { kind: 'a', uniqueKey: 'k' })
  const waiting = enqueue(pool, { kind: 'a', uniqueKey: 'k' })
  await a.query('rollback')
  a.release()
  const made = await waiting
  expect(made).not.toBe(lost)
  expect(await queue.job(lost)).toBeNull()
  expect(await enqueue(pool, { kind: 'a', uniqueKey: 'k' })).toBe(made)
})

test(
  'Q86 Q51 A16 NewestWins: of 500 jobs lost with their worker the one whose key a newer job holds is cancelled, and the others run again',
  async () => {
    const { pool, admin, one, rows } = await open()
    const total = LONG ? 500 : 120
    const ids = await put(
      pool,
      Array.from({ length: total }, (_, n) => ({ unique: { key: `k${n}`, while: ['ready', 'scheduled', 'retrying'] } })),
    )
    for (let left = total; left > 0; ) left -= (await one.claim(100)).length
    const [newer] = await put(pool, [{ unique: { key: 'k7', while: ['ready', 'scheduled', 'retrying'] } }])
    expect(ids).not.toContain(newer)
    await one.die()
    for (let n = 0; n < 3; n++) await admin.query("select countersign_queue.tick('{rescue}')")
    expect(
      await rows('select state, state_reason, count(*)::int as n from countersign_queue.jobs group by 1, 2 order by 1, 2'),
    ).toEqual([
      { state: 'cancelled', state_reason: 'superseded', n: 1 },
      { state: 'ready', state_reason: 'worker_lost', n: total - 1 },
      { state: 'ready', state_reason: null, n: 1 },
    ])
    expect(await rows("select id from countersign_queue.jobs where state_reason = 'superseded'")).toEqual([{ id: ids[7] }])
  },
  TIME,
)

test(
  'Q152 OneHolderPerKey, HolderExists, HolderInMask: random enqueues, ends and cancels leave each key with at most one live holder',
  async () => {
    const { pool, queue, one, rows } = await open()
    const seed = Math.floor(Math.random() * 2 ** 31)
    let x = seed
    const random = (below: number) => {
      x = (Math.imul(x, 1103515245) + 12345) & 0x7fffffff
      return (x >>> 8) % below
    }
    const modes = ['return', 'replace', 'reject'] as const
    for (let step = 0; step < (LONG ? 3_000 : 150); step++) {
      const key = `k${random(4)}`
      const act = random(4)
      if (act < 2) {
        const told = await enqueue(pool, { kind: 'a', unique: { key, onConflict: modes[random(3)] } }).catch(
          (error: { code: string; members: { job_id: string } }) => error.members.job_id,
        )
        expect(await queue.job(told), `seed ${seed}`).toMatchObject({ unique_key: key })
      } else if (act === 2) {
        for (const job of await one.claim(2))
          await one.finish([job], random(2) ? { outcome: 'completed' } : { outcome: 'failed', error: 'x' })
      } else await queue.cancelByKey({ kind: 'a', unique: { key } })
      expect(
        await rows('select unique_hash from countersign_queue.jobs where unique_held group by 1 having count(*) > 1'),
        `seed ${seed}`,
      ).toEqual([])
      expect(
        await rows('select id from countersign_queue.jobs where unique_held and state <> all (unique_while)'),
        `seed ${seed}`,
      ).toEqual([])
    }
  },
  TIME,
)

test('§8 a unique rule that can never hold or that nobody can read is refused at defineKind and in SQL, with its path', async () => {
  const { pool, rows } = await open()
  const run = () => undefined
  const bad: [string, UniqueRule][] = [
    ['/unique/while', { key: 'k', while: [] }],
    ['/unique/while', { key: 'k', while: ['completed', 'running'] }],
    ['/unique/while', { key: 'k', while: ['completed'], period: '1h' }],
    ['/unique/by', { by: [] }],
    ['/unique/by', { by: [''] }],
    ['/unique/period', { key: 'k', period: 'soon' as '1s' }],
  ]
  for (const [path, unique] of bad)
    expect(() => defineKind('a', { unique, run }), JSON.stringify(unique)).toThrow(
      expect.objectContaining({ message: expect.stringContaining(path) }),
    )
  const said: [string, unknown][] = [
    ['/unique/while', { key: 'k', while: [] }],
    ['/unique/while', { key: 'k', while: ['asleep'] }],
    ['/unique/while', { key: 'k', while: ['completed', 'running'] }],
    ['/unique/by', { by: [] }],
    ['/unique/by', { by: 'all' }],
    ['/unique/by', { by: [1] }],
    ['/unique/by', { by: [''] }],
    ['/unique/key', { key: 'k'.repeat(513) }],
    ['/unique/key', { key: 5 }],
    ['/unique/scope', { key: 'k', scope: ['kind'] }],
    ['/unique/on_conflict', { key: 'k', on_conflict: 'explode' }],
    ['/period_ms', { key: 'k', period_ms: 0 }],
    ['/unique', { key: 'k', colour: 'red' }],
    ['/unique', 'k'],
  ]
  for (const [path, unique] of said) {
    const refused = await put(pool, [{ unique }]).catch((error: unknown) => error)
    expect(refused, JSON.stringify(unique)).toMatchObject({ code: 'QJ005' })
    expect(JSON.parse((refused as { detail: string }).detail).path, JSON.stringify(unique)).toBe(path)
  }
  expect(await rows('select id from countersign_queue.jobs')).toEqual([])
})
