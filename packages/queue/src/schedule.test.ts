import { expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'
import { createQueue, defineKind, defineSchedule, nextFires, type ScheduleOptions } from './index.ts'
import { fireDue, firesOf } from './schedule.ts'
import type { ScheduleRow } from './sql.ts'
import { drain } from './testing.ts'

const report = defineKind('report', { run: () => undefined })

async function open(schedules: Record<string, Omit<ScheduleOptions, 'kind'>>) {
  const house = await database()
  const declared = Object.entries(schedules).map(([name, options]) => defineSchedule(name, { kind: report, ...options }))
  const more = { database: { url: house.runtimeUrl }, kinds: [report], schedules: declared, clock: house.clock, listen: false }
  const queue = createQueue(more)
  onTestFinished(() => queue.close({ grace: '1s' }))
  await queue.register()
  const fires = async (name: string) =>
    (await queue.jobs({ kind: 'report' }, { limit: 200 })).data
      .filter((job) => job.metadata['countersign:schedule'] === name)
      .map((job) => job.metadata['countersign:fire_time'] as string)
      .sort()
  return { ...house, queue, fires }
}

test('Q114 a schedule that is wrong or never fires is refused with its field', () => {
  const wrong: [string, string, string][] = [
    ['61 * * * *', 'UTC', 'cron'],
    ['* * 31 2 *', 'UTC', 'cron'],
    ['* * * *', 'UTC', 'cron'],
    ['0 0 0 1 1 * 2030', 'UTC', 'cron'],
    ['rubbish', 'UTC', 'cron'],
    ['* * * * *', 'Europe/Atlantis', 'timezone'],
  ]
  for (const [cron, timezone, field] of wrong)
    expect(() => defineSchedule('x', { cron, timezone, kind: 'report' }), cron).toThrow(
      expect.objectContaining({ code: 'schedule_invalid', members: { field } }),
    )
  for (const cron of ['@hourly', '*/5 * * * * *', '30 2 * * MON-FRI'])
    expect(defineSchedule('x', { cron, kind: 'report' }).cron).toBe(cron)
})

const berlin = { timezone: 'Europe/Berlin', starts_at: null, ends_at: null }
const times = (cron: string, after: string, count: number) =>
  nextFires({ ...berlin, cron }, new Date(after), count).map((fire) => fire.toISOString())

test('Q115 A15 a time that DST skips fires at the first moment after the gap, a doubled one once, short intervals run through', () => {
  // 29 March 2026, 02:00 → 03:00
  expect(times('30 2 * * *', '2026-03-28T12:00:00Z', 2)).toEqual(['2026-03-29T01:00:00.000Z', '2026-03-30T00:30:00.000Z'])
  expect(times('*/30 * * * *', '2026-03-29T00:00:00Z', 4)).toEqual([
    '2026-03-29T00:30:00.000Z',
    '2026-03-29T01:00:00.000Z',
    '2026-03-29T01:30:00.000Z',
    '2026-03-29T02:00:00.000Z',
  ])
  // 25 October 2026, 03:00 → 02:00
  expect(times('30 2 * * *', '2026-10-24T12:00:00Z', 2)).toEqual(['2026-10-25T00:30:00.000Z', '2026-10-26T01:30:00.000Z'])
  expect(times('*/30 * * * *', '2026-10-25T00:00:00Z', 4)).toEqual([
    '2026-10-25T00:30:00.000Z',
    '2026-10-25T01:00:00.000Z',
    '2026-10-25T01:30:00.000Z',
    '2026-10-25T02:00:00.000Z',
  ])
})

test('Q114 A14 of ten processes at once each fire is emitted once, and the first registration emits none in the past', async () => {
  const { queue, clock, fires } = await open({ minutely: { cron: '* * * * *' } })
  await queue.tick()
  expect(await fires('minutely')).toEqual([])
  for (let minute = 1; minute <= 3; minute++) {
    await clock.advance('1m')
    await Promise.all(Array.from({ length: 10 }, () => fireDue(queue.house.store, queue.house.log)))
    expect(await fires('minutely')).toHaveLength(minute)
  }
  expect(new Set(await fires('minutely')).size).toBe(3)
  await queue.register() // another start changes nothing
  expect((await fireDue(queue.house.store, queue.house.log)).ids).toEqual([])
})

test('Q115 after an outage coalesce fires the newest once, catch_up each once and oldest first, skip none', async () => {
  const { queue, clock, fires } = await open({
    coalesce: { cron: '0 * * * *' },
    catch_up: { cron: '0 * * * *', missed: 'catch_up' },
    skip: { cron: '0 * * * *', missed: 'skip' },
  })
  await clock.advance('5h')
  while ((await fireDue(queue.house.store, queue.house.log)).ids.length > 0);
  expect(await fires('coalesce')).toHaveLength(1)
  expect(await fires('catch_up')).toHaveLength(5)
  expect((await fires('catch_up')).at(-1)).toBe((await fires('coalesce'))[0])
  const { metadata } = (await queue.jobs({ kind: 'report' })).data[0] ?? {}
  expect(metadata).toHaveProperty('countersign:fire_time')
  const skipped = await fires('skip')
  expect(skipped.length).toBeLessThanOrEqual(1) // one only when the test itself runs at a full hour
})

test('Q115 catch_up emits at most 1,000 a pass and 10,000 an outage, then the newest, and says how many it dropped', () => {
  const row = {
    cron: '* * * * *',
    timezone: 'UTC',
    starts_at: null,
    ends_at: null,
    missed: 'catch_up',
    caught_up: 0,
  } as ScheduleRow
  const start = new Date('2026-01-01T00:00:00Z')
  const now = new Date(start.getTime() + 15_000 * 60_000)
  let last = start
  let caught = 0
  let emitted = 0
  let dropped = 0
  for (let pass = 0; last < now; pass++) {
    const fire = firesOf({ ...row, last_fire: last.toISOString(), caught_up: caught }, now)
    expect(fire.fires.length).toBeLessThanOrEqual(1001)
    expect(pass).toBeLessThan(12)
    emitted += fire.fires.length
    dropped += fire.dropped
    last = fire.reached
    caught = fire.caughtUp
  }
  expect(emitted).toBe(10_001)
  expect(dropped).toBe(15_000 - 10_001)
}, 60_000)

test('Q116 a pause stops every later fire, a trigger by hand asks none, and a removed schedule is gone', async () => {
  const { queue, clock, fires } = await open({ hourly: { cron: '0 * * * *' } })
  const [row] = await queue.schedules.list({ name: 'hourly' })
  const id = row?.id as string
  expect(await queue.schedules.pause(id, { actor: 'usr_x' })).toMatchObject({ paused_by: 'usr_x' })
  await clock.advance('3h')
  await queue.tick()
  expect(await fires('hourly')).toEqual([])
  expect(await queue.schedules.trigger(id)).toMatch(/^job_/)
  await queue.schedules.resume(id)
  await queue.tick()
  expect((await fires('hourly')).filter(Boolean)).toHaveLength(1)
  expect(await queue.schedules.remove(id)).toBe(true)
  expect(await queue.schedules.list()).toEqual([])
})

test('Q114 overlap skips a fire while the last job lives, or replaces that job', async () => {
  const { queue, clock, fires } = await open({
    skips: { cron: '0 * * * *', overlap: 'skip' },
    replaces: { cron: '0 * * * *', overlap: 'replace' },
  })
  for (let hour = 0; hour < 3; hour++) {
    await clock.advance('1h')
    await queue.tick()
  }
  expect(await fires('skips')).toHaveLength(1)
  expect(await fires('replaces')).toHaveLength(3)
  expect((await queue.jobs({ kind: 'report', state: 'cancelled' })).data).toHaveLength(2)
  expect(await drain(queue)).toHaveLength(2)
})
