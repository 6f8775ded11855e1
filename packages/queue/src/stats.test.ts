import { expect, test } from 'vitest'
import { openByHand } from './testing/by-hand.ts'

test('Q136 Q141 figures by time, kind and queue tell what happened and how long it took, and say the same before and after the ring let go', async () => {
  const { queue, enqueue, claim, finish, prune, clock } = await openByHand()
  const from = new Date(clock.now().getTime() - 1000)
  await enqueue(Array.from({ length: 20 }, (_, n) => ({ kind: n < 15 ? 'a' : 'b', queue: n % 2 ? 'default' : 'mail' })))
  await clock.advance('10s')
  const held = [...(await claim(10)), ...(await claim(10, 'mail'))]
  await clock.advance('20s')
  await finish(
    held.filter((job) => job.kind === 'a'),
    'completed',
  )
  await finish(
    held.filter((job) => job.kind === 'b'),
    'failed',
    { error: 'x' },
  )
  const look = async () => {
    const to = new Date(clock.now().getTime() + 1000)
    const { series, ...head } = await queue.stats.timeseries({ from, to, step: 3600, by: 'kind' })
    expect(head).toEqual({ from: from.toISOString(), to: to.toISOString(), step_seconds: 3600 })
    expect(series.map((one) => one.key)).toEqual(['a', 'b'])
    const [a, b] = series.map((one) => one.points[0])
    expect(a).toMatchObject({ completed: 15, failed: 0, retried: 0 })
    expect(b).toMatchObject({ completed: 0, failed: 0, retried: 5, p50_ms: null })
    // Right to 9 %, and a little more for what the statements themselves took.
    for (const [ms, time] of [
      [a?.p50_ms, 20_000],
      [a?.p95_ms, 20_000],
      [a?.wait_p50_ms, 10_000],
      [a?.wait_p95_ms, 10_000],
    ] as const) {
      expect(ms).toBeGreaterThan(time * 0.9)
      expect(ms).toBeLessThan(time * 1.4)
    }
    const all = await queue.stats.timeseries({ from, to, step: 3600 })
    expect(all.series).toMatchObject([{ key: null, points: [{ completed: 15, retried: 5 }] }])
    const byQueue = await queue.stats.timeseries({ from, to, step: 3600, by: 'queue' })
    expect(byQueue.series.map((one) => [one.key, one.points[0]?.completed])).toEqual([
      ['default', 7],
      ['mail', 8],
    ])
    expect((await queue.stats.byKind()).map((one) => [one.kind, one.completed, one.retried, one.reasons])).toEqual([
      ['a', 15, 0, {}],
      ['b', 0, 5, { error: 5 }],
    ])
  }
  await look()
  expect(await queue.stats.totals()).toMatchObject({
    depth: { completed: 15, retrying: 5 },
    dead_letters: 0,
    workers: 1,
    last_minute: { completed: 15, retried: 5, failed: 0 },
  })
  await prune()
  await look()
  expect((await queue.stats.byQueue()).map((one) => [one.queue, one.completed, one.depth])).toEqual([
    ['default', 7, { retrying: 3 }],
    ['mail', 8, { retrying: 2 }],
  ])
  expect((await queue.stats.totals()).last_minute).toMatchObject({ completed: 0, retried: 0 })
})

test('Q136 a series has every step of its time, and a wrong step, time or key is refused by its path', async () => {
  const { queue, clock } = await openByHand()
  const to = clock.now()
  const from = new Date(to.getTime() - 600_000)
  const { series } = await queue.stats.timeseries({ from, to, step: 60 })
  expect(series[0]?.points.map((point) => point.at)).toEqual(
    Array.from({ length: 10 }, (_, n) => new Date(from.getTime() + n * 60_000).toISOString()),
  )
  const path = (own: string) => ({ code: 'validation_failed', members: { errors: [expect.objectContaining({ path: own })] } })
  await expect(queue.stats.timeseries({ from, to, step: 0 })).rejects.toMatchObject(path('/step'))
  await expect(queue.stats.timeseries({ from: new Date(0), to, step: 1 })).rejects.toMatchObject(path('/step'))
  await expect(queue.stats.timeseries({ from: to, to: from, step: 1 })).rejects.toMatchObject(path('/to'))
  await expect(queue.stats.timeseries({ from, to, step: 60, by: 'tenant' as never })).rejects.toMatchObject(path('/by'))
})

test('Q141 the ring is a picture: what each slot is, how full, and what keeps the oldest one; inside a tenant without the others’ numbers', async () => {
  const { queue, enqueue, claim, ask, clock, admin } = await openByHand()
  await enqueue(Array.from({ length: 50 }, () => ({ kind: 'a' })))
  const empty = await queue.ring()
  expect(empty).toMatchObject({ free_slots: 15, ring_blocked: false, blocked: null, horizon_age_xids: expect.any(Number) })
  expect(empty.slots).toHaveLength(16)
  expect(empty.slots.filter((slot) => slot.state === 'current')).toMatchObject([
    { jobs: 50, generation: empty.generation, held_by: null },
  ])

  await clock.advance('6s')
  await ask("tick('{rotate}')")
  await clock.advance('70s')
  await ask("tick('{prune}')")
  const held = async () => (await queue.ring()).slots.find((slot) => slot.state === 'sealed')
  expect(await held()).toMatchObject({ jobs: 50, held_by: 'unclaimed' })
  await claim(50)
  expect(await held()).toMatchObject({ held_by: 'running' })
  expect((await queue.ring()).slots.filter((slot) => slot.state === 'free')).toHaveLength(14)
  expect((await queue.ring()).oldest_age_ms).toBeGreaterThanOrEqual(70_000)

  await admin.query("begin; set local countersign.tenant = '01920000-0000-7000-8000-000000000001'")
  const { rows } = await admin.query('select countersign_queue.ring_view() as ring')
  await admin.query('rollback')
  expect(rows[0].ring.slots.every((slot: { jobs: number | null }) => slot.jobs === null)).toBe(true)
})

test('Q141 queues, kinds and workers are listed with what they hold', async () => {
  const { queue, enqueue, claim, clock } = await openByHand()
  await queue.house.store.query('select countersign_queue.register_kinds($1)', [
    JSON.stringify({ a: { queue: 'default' }, quiet: {} }),
  ])
  await enqueue([
    { kind: 'a' },
    { kind: 'a' },
    { kind: 'a', unique: { key: 'x' } },
    { kind: 'b', queue: 'mail', delay_ms: 1000 },
    { kind: 'a' },
  ])
  await claim(2)
  await clock.advance('5s')
  const [first, second] = await queue.queues()
  expect(first).toMatchObject({ name: 'default', depth: { ready: 2, running: 2 }, workers: 1, paused_at: null, settings: {} })
  expect(first?.oldest_ready_ms).toBeGreaterThanOrEqual(5000)
  expect(second).toMatchObject({ name: 'mail', depth: { scheduled: 1 }, oldest_ready_ms: null, estimated: false })
  await queue.pause({ kind: 'quiet' }, { actor: 'anna' })
  expect(await queue.kinds()).toMatchObject([
    { name: 'a', settings: { queue: 'default' }, stale: false, workers: 1 },
    { name: 'quiet', paused_by: 'anna', workers: 0 },
  ])
  await clock.advance('25h')
  expect((await queue.kinds()).map((kind) => kind.stale)).toEqual([true, true])
  expect(await queue.workers()).toMatchObject([{ id: 'by-hand', alive: true, running: 2 }])
})
