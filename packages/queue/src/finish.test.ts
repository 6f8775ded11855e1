import { expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'
import { createQueue, defineKind } from './index.ts'
import { beat, claimPacked, leaveClaim, type PackedClaim, registerWorker, settleClaims, storeProgress } from './sql.ts'
import { eventually } from './testing/eventually.ts'

async function claimed(n: number) {
  const house = await database()
  const queue = createQueue({ database: { url: house.runtimeUrl }, kinds: [defineKind('a', { run: () => undefined })] })
  onTestFinished(() => queue.close())
  const { store } = queue.house
  const ids = await queue.enqueueMany(Array.from({ length: n }, () => ({ kind: 'a' })))
  await registerWorker(store, {
    id: 'w',
    queues: ['default'],
    kinds: ['a'],
    host: 'h',
    pid: 1,
    version: 'v',
    lostAfterMs: 60_000,
  })
  const token = crypto.randomUUID()
  const { claims } = await claimPacked(store, 'w', token, [{ queue: 'default', n, kinds: ['a'] }], 0, true)
  return { ...house, queue, store, ids, token, claim: claims[0] as PackedClaim }
}

test('Q49 Q54 a claim is settled whole or by positions; the same again is already there, another token is stale', async () => {
  const { queue, store, ids, token, claim } = await claimed(5)
  const { lease } = claim
  expect(claim.jobs.map(([id]) => id)).toEqual(ids)
  expect(await settleClaims(store, [{ lease, token: crypto.randomUUID(), done: [0] }])).toEqual([[{ i: 0, verdict: 'stale' }]])
  expect(await settleClaims(store, [{ lease, token, done: [1, 3] }])).toEqual([null])
  expect(await settleClaims(store, [{ lease, token, done: [1] }])).toEqual([[{ i: 1, verdict: 'already' }]])
  expect(await leaveClaim(store, ids[2] as string, lease + 2, token)).toBe(true)
  expect(await settleClaims(store, [{ lease, token, done: [0, 2, 4] }])).toEqual([[{ i: 2, verdict: 'moved' }]])
  expect((await queue.counts()).queues.default).toEqual({ completed: 4, running: 1 })
})

test('Q58 Q91 a heartbeat calls no attempt lost that gets a row of its own in the same moment', async () => {
  for (let round = 0; round < 8; round++) {
    const { store, ids, token, claim } = await claimed(300)
    const held = ids.map((id, i) => ({ id, lease: claim.lease + i }))
    let moved = false
    const move = async () => {
      for (let i = 0; i < held.length; i += 20)
        await storeProgress(
          store,
          held.slice(i, i + 20).map((one) => ({ ...one, token, progress: 1 })),
        )
      moved = true
    }
    const answers: unknown[] = []
    const ask = async () => {
      while (!moved) answers.push(await beat(store, 'w', held))
    }
    await Promise.all([move(), ask()])
    for (const answer of answers) expect(answer).toEqual({ lost: false, cancelled: [], gone: [] })
  }
})

test('Q49 Q89 Q54 completions go as positions of their claims; a connection lost on the way costs none of them and runs none twice', async () => {
  const house = await database({ cable: true })
  const runs = new Map<string, number>()
  const count = defineKind('count', { run: (job) => void runs.set(job.id, (runs.get(job.id) ?? 0) + 1) })
  const queue = createQueue({ database: { url: house.runtimeUrl }, kinds: [count], clock: house.clock })
  onTestFinished(() => queue.close({ grace: '1s' }))
  const ids = await queue.enqueueMany(Array.from({ length: 600 }, () => ({ kind: 'count' })))
  // Nothing ends while another session holds the stripes of claims, and then the connections that wait are cut.
  await house.admin.query('begin')
  await house.admin.query('select pg_advisory_xact_lock(1668248947, n) from generate_series(0, 63) n')
  const worker = queue.work({ concurrency: 600, maintenance: false })
  await eventually(() => runs.size, { timeout: 10_000 }).toBeGreaterThan(0)
  await house.admin.query(`select pg_terminate_backend(pid) from pg_stat_activity
    where usename = 'countersign_runtime' and datname = current_database() and wait_event_type = 'Lock'`)
  await house.admin.query('commit')
  await eventually(() => runs.size, { timeout: 20_000 }).toBe(ids.length)
  await eventually(() => worker.ages().unacknowledged, { timeout: 20_000 }).toBe(0)
  expect((await queue.counts()).queues.default).toEqual({ completed: 600 })
  expect([...runs.values()].every((n) => n === 1)).toBe(true)
})
