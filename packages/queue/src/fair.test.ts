import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'
import { createQueue } from './index.ts'
import { type Claim, claimer, put } from './testing/claimers.ts'

const LONG = process.env.FAULTS === 'long'
const TIME = LONG ? 900_000 : 60_000
const tenant = (n: number) => `01920000-0000-7000-8000-${String(n).padStart(12, '0')}`

async function open() {
  const house = await database()
  const queue = createQueue({ database: house.db.pool, listen: false, clock: house.clock })
  const one = await claimer(house.db.pool, 'w0', ['default'], ['a'])
  return { ...house, queue, pool: house.db.pool, one }
}

const some = (n: number, job: Record<string, unknown>) => Array.from({ length: n }, () => job)
const share = (jobs: readonly Claim[], key: (job: Claim) => unknown) => {
  const counts = new Map<unknown, number>()
  for (const job of jobs) counts.set(key(job), (counts.get(key(job)) ?? 0) + 1)
  return Object.fromEntries([...counts].sort())
}
const ofTenant = (job: Claim) => job.tenant_id.slice(-1)

test(
  'Q108 A20 three tenants with very different backlogs: the small ones are through before a fraction of the large one is',
  async () => {
    const { queue, pool, one } = await open()
    await queue.configure('default', { fairBy: 'tenant' })
    const sizes = LONG ? [100_000, 1_000, 10] : [2_000, 20, 4]
    for (const [n, size] of sizes.entries())
      for (let left = size; left > 0; left -= 1000) await put(pool, some(Math.min(left, 1000), { tenant_id: tenant(n + 1) }))
    const all = sizes.reduce((sum, size) => sum + size, 0)
    let started = 0
    const small = new Map([
      [tenant(2), sizes[1] as number],
      [tenant(3), sizes[2] as number],
    ])
    while (small.size > 0) {
      const jobs = await one.claim(LONG ? 200 : 10)
      started += jobs.length
      for (const { tenant_id } of jobs) {
        const left = small.get(tenant_id)
        if (left !== undefined && left > 1) small.set(tenant_id, left - 1)
        else small.delete(tenant_id)
      }
      await one.finish(jobs)
    }
    expect(started / all).toBeLessThanOrEqual(0.05)
  },
  TIME,
)

test(
  'Q108 Q151 FairShare: over any stretch each group starts within 20 % of its weight’s share, whoever claims and in what batches',
  async () => {
    const { queue, pool, adminUrl } = await open()
    await queue.configure('default', { fairBy: 'concurrency_key', weights: { gold: 3, lead: 0.5 } })
    const keys = ['gold', 'silver', 'tin', 'lead']
    const weights: Record<string, number> = { gold: 3, silver: 1, tin: 1, lead: 0.5 }
    const depth = LONG ? 5_000 : 400
    for (const key of keys) await put(pool, some(depth, { concurrency_key: key, payload: key }))
    const workers = await Promise.all(
      [0, 1, 2].map(async (n) => {
        const client = new pg.Client(adminUrl)
        await client.connect()
        onTestFinished(() => client.end())
        return claimer(client, `f${n}`)
      }),
    )
    const order: string[] = []
    // While all have a backlog: gold's share is 3 / 5.5.
    while (order.length < depth * 1.6) {
      for (const [n, worker] of workers.entries()) {
        const jobs = await worker.claim([3, 17, 8][n] as number)
        order.push(...jobs.map((job) => String(job.payload)))
        await worker.finish(jobs)
      }
    }
    const stretch = 110
    for (let from = 0; from + stretch <= order.length; from += 20) {
      const part = order.slice(from, from + stretch)
      for (const key of keys) {
        const fair = (stretch * (weights[key] as number)) / 5.5
        const got = part.filter((one) => one === key).length
        expect(Math.abs(got - fair), `${key} from ${from}`).toBeLessThanOrEqual(Math.max(0.2 * fair, 3))
      }
    }
  },
  TIME,
)

test('Q108 the first job of a new group on a busy queue starts within two rounds, and a group that was idle has saved up nothing', async () => {
  const { queue, pool, one } = await open()
  await queue.configure('default', { fairBy: 'tenant' })
  for (const n of [1, 2, 3]) await put(pool, some(200, { tenant_id: tenant(n) }))
  for (let n = 0; n < 20; n++) await one.finish(await one.claim(9))
  await put(pool, some(50, { tenant_id: tenant(4) }))
  const rounds = [...(await one.claim(4)), ...(await one.claim(4))]
  expect(share(rounds, ofTenant)['4']).toBeGreaterThanOrEqual(1)
  await one.finish(rounds)
  const later: Claim[] = []
  for (let n = 0; n < 5; n++) later.push(...(await one.claim(8)))
  expect(share(later, ofTenant)).toEqual({ 1: 10, 2: 10, 3: 10, 4: 10 })
})

test('Q108 Q106 fairness holds among those who may run: a group at its limit gives up its turn and gets it back', async () => {
  const { queue, pool, one } = await open()
  await queue.configure('default', { fairBy: 'tenant', maxRunningPerKey: 1 })
  for (const n of [1, 2])
    await put(pool, some(30, { tenant_id: tenant(n), concurrency_key: n === 1 ? 'one at a time' : undefined }))
  const begun = await one.claim(6)
  expect(share(begun, ofTenant)).toEqual({ 1: 1, 2: 5 })
  expect(share(await one.claim(4), ofTenant)).toEqual({ 2: 4 })
  await one.finish(begun)
  expect(share(await one.claim(4), ofTenant)).toEqual({ 1: 1, 2: 3 })
})

test('Q108 within a group the more urgent go first; what was enqueued before the queue was fair takes its turn as one group, and after it no longer is, nothing stays behind', async () => {
  const { queue, pool, one, admin } = await open()
  await queue.configure('default', { maxRunning: 1_000 })
  await put(pool, some(6, {}))
  await queue.configure('default', { fairBy: 'tenant' })
  await put(pool, [...some(3, { tenant_id: tenant(1) }), { tenant_id: tenant(1), priority: 1 }])
  const first = await one.claim(5)
  expect(first[0]).toMatchObject({ tenant_id: tenant(1), priority: 1 })
  expect(share(first, ofTenant)).toEqual({ 0: 3, 1: 2 })
  await queue.configure('default', { fairBy: null, maxRunning: null })
  expect(await one.claim(20)).toHaveLength(5)
  expect((await admin.query("select id from countersign_queue.jobs where state <> 'running'")).rows).toEqual([])
})
