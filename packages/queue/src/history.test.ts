import { expect, test } from 'vitest'
import type { Transition } from './index.ts'
import { openByHand } from './testing/by-hand.ts'

const words = (timeline: readonly Transition[] | null) => (timeline ?? []).map((one) => `${one.what} ${one.state}`)

test('Q138 the timeline of a ring job tells enqueue, claim and end, while the ring has it and after', async () => {
  const { queue, enqueue, claim, finish, prune, clock } = await openByHand()
  const [id] = (await enqueue([{ kind: 'a' }])) as [string]
  expect(words(await queue.timeline(id))).toEqual(['enqueued ready'])
  await clock.advance('2s')
  const held = await claim(1)
  expect(words(await queue.timeline(id))).toEqual(['enqueued ready', 'claimed running'])
  await clock.advance('3s')
  await finish(held, 'completed')
  const check = async (lease: unknown) => {
    const [, claimed, ended] = (await queue.timeline(id)) ?? []
    expect(claimed).toMatchObject({ what: 'claimed', worker: 'by-hand', actor: 'by-hand', attempt: 1, lease })
    expect(ended).toMatchObject({ what: 'completed', outcome: 'completed', worker: 'by-hand', error: null })
    expect(ended?.duration_ms).toBeGreaterThanOrEqual(3000)
    expect(ended?.duration_ms).toBeLessThan(10_000)
  }
  await check(held[0]?.lease)
  await prune()
  expect(words(await queue.timeline(id))).toEqual(['enqueued ready', 'claimed running', 'completed completed'])
  await check(null)
  expect(await queue.timeline('job_01920000000070008000000000')).toBeNull()
})

test('Q138 transitions of one instant are told in the order in which they happened', async () => {
  const { queue, enqueue, admin, claim, finish } = await openByHand()
  const [id] = (await enqueue([{ kind: 'a', delay_ms: 3_600_000 }])) as [string]
  await admin.query(`do $$ begin
    for i in 1..6 loop
      perform countersign_queue.cancel_job('${id}');
      perform countersign_queue.retry_job('${id}');
    end loop;
  end $$`)
  await finish(await claim(1), 'failed', { error: 'no' })
  const told = words(await queue.timeline(id))
  // Whatever the machine's pace: all of one instant, and stored in the least helpful order.
  await admin.query(`create temporary table kept as select * from countersign_queue.transitions where job_id = '${id}'`)
  await admin.query(`delete from countersign_queue.transitions where job_id = '${id}'`)
  await admin.query(`update kept set at = (select max(at) from kept), claimed_at = (select max(at) from kept) where from_state = 'running';
    update kept set at = (select max(at) from kept)`)
  await admin.query('insert into countersign_queue.transitions select * from kept order by to_state, from_state')
  expect(words(await queue.timeline(id))).toEqual(told)
  expect(told.slice(0, 4)).toEqual(['enqueued scheduled', 'cancelled cancelled', 'restarted ready', 'cancelled cancelled'])
  expect(told.at(-2)).toBe('claimed running')
})

test('Q138 attempts are separate, also when snoozed or parked, each with its worker, lease, outcome, error and duration; operators are named', async () => {
  const { queue, enqueue, claim, finish, ask, clock, admin } = await openByHand()
  const [id] = (await enqueue([{ kind: 'a', max_attempts: 3 }])) as [string]
  const again = async (time: string) => {
    await clock.advance(time)
    await ask("tick('{promote}')")
    return claim(1)
  }
  const first = await claim(1)
  await finish(first, 'snooze', { after_ms: 1000 })
  const second = await again('2s')
  const [attempt] = second
  const callback = await ask<{ id: string }>('callback_create($1, $2, $3, $4, $5, $6)', [
    id,
    attempt?.lease,
    attempt?.token,
    'bank',
    3_600_000,
    'resume',
  ])
  await finish(second, 'park', { callback_id: callback.id })
  await ask('callback_settle($1, $2, $3)', [callback.id, 'complete', '{"payload": 1}'])
  await clock.advance('1s')
  await finish(await claim(1), 'failed', { error: 'the bank said no' })
  await finish(await again('1h'), 'discard', { error: 'never again' })
  await admin.query("begin; set local countersign.principal = 'usr_ANNA'")
  await admin.query('select countersign_queue.retry_job($1)', [id])
  await admin.query('commit')
  await finish(await claim(1), 'completed')

  const timeline = (await queue.timeline(id)) ?? []
  expect(words(timeline)).toEqual([
    'enqueued ready',
    'claimed running',
    'snoozed scheduled',
    'due ready',
    'claimed running',
    'parked waiting',
    'resumed ready',
    'claimed running',
    'retried retrying',
    'due ready',
    'claimed running',
    'failed failed',
    'restarted ready',
    'claimed running',
    'completed completed',
  ])
  const at = timeline.map((one) => one.at)
  expect(at).toEqual([...at].sort())
  expect(timeline[8]).toMatchObject({ attempt: 1, outcome: 'retried', error: 'the bank said no', worker: 'by-hand' })
  expect(timeline[8]?.duration_ms).toBeLessThan(60_000)
  expect(timeline[11]).toMatchObject({ attempt: 2, reason: 'terminal_error', error: 'never again' })
  expect(timeline[12]).toMatchObject({ actor: 'usr_ANNA', worker: null })
  const leases = timeline.filter((one) => one.what === 'claimed').map((one) => one.lease)
  expect(new Set(leases).size).toBe(5)
  expect([...leases].sort((x, y) => Number(x) - Number(y))).toEqual(leases)
})

test('Q138 a rescue is in the timeline, and in the figures, with the worker that was lost', async () => {
  const { queue, enqueue, claim, ask, clock } = await openByHand()
  const [id] = (await enqueue([{ kind: 'a' }])) as [string]
  const { now } = clock
  const since = new Date(now().getTime() - 60_000)
  await claim(1)
  await ask("release_worker('by-hand')")
  await ask("tick('{rescue}')")
  expect(words(await queue.timeline(id))).toEqual(['enqueued ready', 'claimed running', 'rescued ready'])
  expect((await queue.timeline(id))?.[2]).toMatchObject({ worker: 'by-hand', reason: 'worker_lost', attempt: 1 })
  const { series } = await queue.stats.timeseries({ from: since, to: new Date(now().getTime() + 60_000), step: 120 })
  expect(series[0]?.points.reduce((sum, point) => sum + point.rescued, 0)).toBe(1)
})

test('Q65 Q153 each job that ends in the ring is folded once, however its claim was closed; rollups and history come to the same', async () => {
  const { queue, enqueue, claim, finish, prune, admin } = await openByHand()
  const ids: string[] = []
  for (let n = 0; n < 10; n++)
    ids.push(
      ...(await enqueue(Array.from({ length: 100 }, (_, i) => ({ kind: i % 3 ? 'a' : 'b', payload: i, priority: 1 + (i % 2) })))),
    )
  for (let held = await claim(90); held.length > 0; held = await claim(90)) {
    await finish(
      held.filter((_, i) => i % 7 === 1),
      'completed',
    )
    await finish(
      held.filter((_, i) => i % 7 === 3),
      'failed',
      { error: 'x' },
    )
    await finish(
      held.filter((_, i) => i % 7 === 5),
      'cancel',
    )
    await finish(
      held.filter((_, i) => i % 7 !== 1 && i % 7 !== 3 && i % 7 !== 5),
      'completed',
    )
  }
  const before = Object.fromEntries(await Promise.all(ids.map(async (id) => [id, (await queue.job(id))?.state])))
  await prune()
  const after = Object.fromEntries(await Promise.all(ids.map(async (id) => [id, (await queue.job(id))?.state])))
  expect(after).toEqual(before)
  // Retried ones that came back in time ended as rows, which stay for a day.
  const [held] = (await admin.query("select count(*)::int as n from countersign_queue.jobs where state = 'completed'")).rows
  const completed = Object.values(before).filter((state) => state === 'completed').length - held.n
  expect(completed).toBeGreaterThan(500)
  const { rows } = await admin.query(`select (select count(*)::int from countersign_queue.ring) as ring,
    (select sum(n)::int from countersign_queue.history) as kept, (select sum(n)::int from countersign_queue.rollups where outcome = 'completed') as counted,
    (select sum(v::int)::int from countersign_queue.rollups, jsonb_each_text(durations) d (k, v)) as timed,
    (select sum(v::int)::int from countersign_queue.rollups, jsonb_each_text(waits) d (k, v)) as waited`)
  expect(rows).toEqual([{ ring: 0, kept: completed, counted: completed, timed: completed, waited: completed }])

  // A day later the rows that are over go the same way.
  await admin.query(
    "update countersign_queue.jobs set finished_at = finished_at - interval '2 days' where state in ('cancelled', 'completed')",
  )
  for (let n = 1; n > 0; ) n = (await admin.query(`select (countersign_queue.tick('{clean}') ->> 'clean')::int as n`)).rows[0].n
  for (const id of ids) expect((await queue.job(id))?.state).toBe(before[id])
  const cancelled = ids.filter((id) => before[id] === 'cancelled')
  const told = words(await queue.timeline(cancelled[0] as string))
  expect([told[0], told[1], told.at(-1)]).toEqual(['enqueued ready', 'claimed running', 'cancelled cancelled'])
}, 60_000)

test('Q65 the history of a job costs at most 64 bytes of WAL', async () => {
  const { enqueue, claim, ask, clock, admin } = await openByHand()
  for (let n = 0; n < 8; n++) await enqueue(Array.from({ length: 1000 }, (_, i) => ({ kind: i % 3 ? 'a' : 'b' })))
  for (;;) {
    const [first] = await claim(400)
    if (!first) break
    await ask('settle_claims($1)', [JSON.stringify([{ lease: first.lease, token: first.token, done: null }])])
  }
  await clock.advance('6s')
  await ask("tick('{rotate}')")
  // Pages that are new since a checkpoint are written whole once; that is the checkpoint's cost.
  await admin.query('checkpoint')
  // Of this statement alone: the server writes for other tests too.
  const { rows } = await admin.query(`explain (analyze, wal, format json)
    select countersign_queue.fold_slot((min(generation) & 15)::smallint, countersign_queue.now()) from countersign_queue.generations`)
  const folded = await admin.query('select sum(n)::int as n from countersign_queue.history')
  expect(folded.rows[0].n).toBe(8000)
  const bytes = rows[0]['QUERY PLAN'][0].Plan['WAL Bytes']
  expect(bytes).toBeGreaterThan(0)
  expect(bytes / 8000).toBeLessThan(64)
}, 60_000)

test('Q65 history is kept for 7 days, minutes for 30, hours for 400; then whole partitions are emptied and nothing is deleted or counted twice', async () => {
  const { queue, enqueue, claim, finish, prune, ask, clock, admin } = await openByHand()
  const ids = await enqueue(Array.from({ length: 20 }, () => ({ kind: 'a' })))
  await finish(await claim(12), 'completed')
  await finish(await claim(5), 'discard', { error: 'x' })
  await finish(await claim(3), 'cancel')
  await prune()
  const began = new Date(clock.now().getTime() - 3_600_000)
  const sums = async () => {
    const { series } = await queue.stats.timeseries({
      from: began,
      to: new Date(clock.now().getTime() + 1000),
      step: 864_000,
      by: null,
    })
    const sum = { completed: 0, failed: 0, cancelled: 0 }
    for (const point of series[0]?.points ?? []) {
      sum.completed += point.completed
      sum.failed += point.failed
      sum.cancelled += point.cancelled
    }
    return sum
  }
  const lines = async (table: string) =>
    (await admin.query(`select count(*)::int as n from countersign_queue.${table}`)).rows[0].n
  const day = async (n: number) => {
    for (let i = 0; i < n; i++) {
      await clock.advance('1d')
      await ask("tick('{clean}')")
    }
  }
  const expected = { completed: 12, failed: 5, cancelled: 3 }
  expect(await sums()).toEqual(expected)
  await ask("tick('{clean}')")
  await day(7)
  expect((await queue.job(ids[0] as string))?.state).toBe('completed')
  expect(await sums()).toEqual(expected)
  await day(5)
  expect(await queue.job(ids[0] as string)).toBeNull()
  expect(await lines('transitions')).toBe(0)
  expect(await sums()).toEqual(expected)
  await day(17)
  expect(await lines('rollups')).toBeGreaterThan(0)
  await day(32)
  expect(await lines('rollups_hourly')).toBeGreaterThan(0)
  expect(await sums()).toEqual(expected)
  await day(330)
  expect(await sums()).toEqual(expected)
  for (let n = 0; n < 14; n++) {
    await clock.advance('10d')
    await ask("tick('{clean}')")
  }
  expect(await sums()).toEqual({ completed: 0, failed: 0, cancelled: 0 })
  await admin.query('select pg_stat_force_next_flush()')
  const { rows } = await admin.query(`select sum(n_tup_upd + n_tup_del)::int as changed from pg_stat_all_tables
    where schemaname = 'countersign_queue' and relname ~ '^(history|rollups|rollups_hourly|transitions)_[0-9]'`)
  expect(rows).toEqual([{ changed: 0 }])
}, 60_000)
