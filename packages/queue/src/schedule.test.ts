import { expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'
import { createQueue, defineKind, defineSchedule, nextFires, type ScheduleOptions } from './index.ts'
import { fireDue, firesOf, noteSchedules } from './schedule.ts'
import { dueSchedules, fireIfUnchanged, type ScheduleRow } from './sql.ts'
import { drain } from './testing.ts'

const report = defineKind('report', { run: () => undefined })

async function open(schedules: Record<string, Omit<ScheduleOptions, 'kind'>>) {
  const house = await database()
  // Real time moves this clock too: from just behind a full minute, away from a full hour, no test crosses either by itself.
  await house.clock.advance(3_900_500 - (house.clock.now().getTime() % 3_600_000))
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
  const wrong: [Partial<ScheduleOptions>, string][] = [
    [{ cron: '61 * * * *' }, 'cron'],
    [{ cron: '* * 31 2 *' }, 'cron'],
    [{ cron: '* * * *' }, 'cron'],
    [{ cron: '0 0 0 1 1 * 2030' }, 'cron'],
    [{ cron: 'rubbish' }, 'cron'],
    [{ cron: '@reboot' }, 'cron'],
    [{ timezone: 'Europe/Atlantis' }, 'timezone'],
    [{ kind: 'No Kind' }, 'kind'],
    [{ queue: 'No Queue' }, 'queue'],
    [{ priority: 5 as 4 }, 'priority'],
    [{ jitter: '25h' }, 'jitter'],
    [{ jitter: 'soon' as '1s' }, 'jitter'],
    [{ startsAt: new Date('rubbish') }, 'startsAt'],
    [{ startsAt: new Date('2026-02-01'), endsAt: new Date('2026-01-01') }, 'endsAt'],
    [{ cron: '0 0 1 7 *', startsAt: new Date('2026-01-01'), endsAt: new Date('2026-06-01') }, 'endsAt'],
  ]
  for (const [options, field] of wrong)
    expect(() => defineSchedule('x', { cron: '* * * * *', kind: 'report', ...options }), JSON.stringify(options)).toThrow(
      expect.objectContaining({ code: 'schedule_invalid', members: { field } }),
    )
  expect(() => defineSchedule('', { cron: '* * * * *', kind: 'report' })).toThrow(
    expect.objectContaining({ members: { field: 'name' } }),
  )
  const names = ['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly']
  for (const cron of [...names, '*/5 * * * * *', '30 2 * * MON-FRI', '0 0 29 2 *'])
    expect(defineSchedule('x', { cron, kind: 'report' }).cron).toBe(cron)
})

const utc = { timezone: 'UTC', starts_at: null, ends_at: null }

test('Q114 a schedule fires from its start to its end, both counted, never a moment before', () => {
  const fires = (starts_at: string | null, ends_at: string | null) =>
    nextFires({ ...utc, cron: '0 * * * *', starts_at, ends_at }, new Date('2026-01-01T00:00:00Z'), 3).map((at) =>
      at.toISOString().slice(11, 16),
    )
  expect(fires('2026-01-01T05:00:00.000Z', null)).toEqual(['05:00', '06:00', '07:00'])
  expect(fires('2026-01-01T05:00:00.500Z', null)).toEqual(['06:00', '07:00', '08:00'])
  expect(fires(null, '2026-01-01T02:00:00.000Z')).toEqual(['01:00', '02:00'])
  expect(fires(null, '2025-12-31T23:00:00.000Z')).toEqual([])
})

const rowOf = (more: Partial<ScheduleRow>) => ({ ...utc, missed: 'coalesce', caught_up: 0, ...more }) as ScheduleRow
const spokenFire = ({ fires, reached }: ReturnType<typeof firesOf>) => ({
  fires: fires.map((at) => at.toISOString().slice(11, 19)),
  reached: reached.toISOString().slice(11, 19),
})

test('Q115 what is a little late fires each, what was missed by the rule: the newest, none, or all', () => {
  const secondly = (missed: ScheduleRow['missed'], now: string) =>
    spokenFire(
      firesOf(rowOf({ cron: '*/5 * * * * *', missed, last_fire: '2026-01-01T00:00:00.000Z' }), new Date(`2026-01-01T${now}Z`)),
    )
  for (const missed of ['coalesce', 'catch_up', 'skip'] as const)
    expect(secondly(missed, '00:00:12')).toEqual({ fires: ['00:00:05', '00:00:10'], reached: '00:00:10' })
  expect(secondly('coalesce', '00:01:02')).toEqual({ fires: ['00:01:00'], reached: '00:01:00' })
  expect(secondly('catch_up', '00:01:02').fires).toHaveLength(12)
  expect(secondly('skip', '00:01:02')).toEqual({ fires: ['00:00:50', '00:00:55', '00:01:00'], reached: '00:01:00' })
})

test('Q115 A15 of 30 minutes around a change of the clock catch_up makes up for each, coalesce for the newest, skip for none', () => {
  // Berlin: away from 01:45 to 03:15 (30 minutes pass), and from 02:45 of the first pass to 02:15 of the second.
  const changes = [
    { last: '2026-03-29T00:45:00.000Z', now: '2026-03-29T01:15:20.000Z', each: ['01:00:00', '01:15:00'] },
    { last: '2026-10-25T00:45:00.000Z', now: '2026-10-25T01:15:20.000Z', each: ['01:00:00', '01:15:00'] },
  ]
  for (const { last, now, each } of changes) {
    const by = (missed: ScheduleRow['missed'], cron: string) =>
      spokenFire(firesOf(rowOf({ cron, timezone: 'Europe/Berlin', missed, last_fire: last }), new Date(now))).fires
    expect(by('catch_up', '*/15 * * * *')).toEqual(each)
    expect(by('coalesce', '*/15 * * * *')).toEqual(each.slice(-1))
    expect(by('skip', '*/15 * * * *')).toEqual([])
  }
  const once = (last: string, now: string) =>
    spokenFire(
      firesOf(rowOf({ cron: '30 2 * * *', timezone: 'Europe/Berlin', missed: 'catch_up', last_fire: last }), new Date(now)),
    ).fires
  expect(once('2026-03-28T01:30:00.000Z', '2026-03-29T01:20:00.000Z')).toEqual(['01:00:00'])
  expect(once('2026-03-29T01:00:00.000Z', '2026-03-29T03:00:00.000Z')).toEqual([])
  expect(once('2026-10-25T00:30:00.000Z', '2026-10-25T01:40:00.000Z')).toEqual([])
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
  expect(await fires('skip')).toEqual([])
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

test('Q116 fires are listed past and next, ten each, with what became of their jobs', async () => {
  const { queue, clock } = await open({ minutely: { cron: '* * * * *', overlap: 'skip' } })
  const id = (await queue.schedules.list({ name: 'minutely' }))[0]?.id as string
  expect(await queue.schedules.fires(id)).toMatchObject({ past: [], next: { length: 10 } })
  for (let n = 0; n < 12; n++) {
    await clock.advance('1m')
    await queue.tick({ only: ['cron'] })
    if (n === 10) await drain(queue)
  }
  const { past = [], next = [], schedule } = (await queue.schedules.fires(id)) ?? {}
  expect(past).toHaveLength(10)
  expect(past.map((one) => one.skipped ?? one.state)).toEqual(['ready', ...Array(9).fill('overlap')])
  expect(past.map((one) => one.fire_time)).toEqual(
    past
      .map((one) => one.fire_time)
      .sort()
      .reverse(),
  )
  expect(schedule?.last_fire).toBe(past[0]?.fire_time)
  expect(Date.parse(next[0] as string) - Date.parse(past[0]?.fire_time as string)).toBe(60_000)
  await queue.schedules.pause(id)
  expect((await queue.schedules.fires(id))?.next).toEqual([])
  expect(await queue.schedules.fires('sch_nobody')).toBe(null)
})

test('Q114 a fire whose job can never be enqueued is noted and passed over, and stops no later one', async () => {
  const { queue, clock, admin, fires } = await open({ hourly: { cron: '0 * * * *' } })
  const id = (await queue.schedules.list())[0]?.id as string
  await admin.run`update countersign_queue.schedules set job = job || '{"queue": "NOT A QUEUE"}'`
  await clock.advance('1h')
  await queue.tick({ only: ['cron'] })
  expect((await queue.schedules.fires(id))?.past).toMatchObject([
    { job_id: null, skipped: 'error', error: expect.stringContaining('queue') },
  ])
  await admin.run`update countersign_queue.schedules set job = job - 'queue'`
  await clock.advance('1h')
  await queue.tick({ only: ['cron'] })
  expect(await fires('hourly')).toHaveLength(1)
})

test('Q114 two leaders with the same row in hand fire it once, and a pause that committed stops the one that was late', async () => {
  const { queue, clock, fires } = await open({ hourly: { cron: '0 * * * *' } })
  await clock.advance('1h')
  const { due, now } = await dueSchedules(queue.house.store)
  const row = due[0] as ScheduleRow
  const both = await Promise.all([0, 1].map(() => fireIfUnchanged(queue.house.store, row, firesOf(row, new Date(now)))))
  expect(both.filter((ids) => ids !== null)).toHaveLength(1)
  await clock.advance('1h')
  const later = (await dueSchedules(queue.house.store)).due[0] as ScheduleRow
  await queue.schedules.pause(row.id)
  expect(await fireIfUnchanged(queue.house.store, later, firesOf(later, new Date(Date.parse(now) + 3_600_000)))).toBe(null)
  expect(await fires('hourly')).toHaveLength(1)
})

test('Q115 a schedule whose times change begins anew, one that is declared again as it was goes on, and jitter only ever delays', async () => {
  const { queue, clock, fires } = await open({ a: { cron: '0 * * * *', missed: 'catch_up', jitter: '10m' } })
  await clock.advance('2h')
  await queue.register()
  await queue.tick({ only: ['cron'] })
  expect(await fires('a')).toHaveLength(2)
  const jobs = await queue.jobs({ kind: 'report' })
  for (const job of jobs.data) {
    const late = Date.parse(job.run_at) - Date.parse(job.enqueued_at)
    expect(late).toBeGreaterThanOrEqual(0)
    expect(late).toBeLessThanOrEqual(600_000)
  }
  await clock.advance('2h')
  await queue.schedules.save(defineSchedule('a', { cron: '30 * * * *', missed: 'catch_up', kind: report }))
  await queue.tick({ only: ['cron'] })
  expect((await fires('a')).length).toBe(2)
  await expect(
    queue.schedules.save(defineSchedule('a', { cron: '0 0 1 1 *', endsAt: new Date('2020-06-01'), kind: report })),
  ).rejects.toMatchObject({ code: 'schedule_invalid', members: { field: 'endsAt' } })
})

test('Q116 schedules from code are never removed by absence: prune lists them, and removes them when told', async () => {
  const { queue, clock, runtimeUrl } = await open({ kept: { cron: '@daily' }, dropped: { cron: '@daily' } })
  await queue.schedules.save(defineSchedule('by-hand', { cron: '@daily', kind: report }))
  const next = createQueue({
    database: { url: runtimeUrl },
    kinds: [report],
    schedules: [defineSchedule('kept', { cron: '@daily', kind: report })],
    listen: false,
  })
  onTestFinished(() => next.close())
  await next.register()
  const names = async (own = {}) => (await next.schedules.prune(own)).map((one) => one.name)
  expect(await names()).toEqual([]) // another process may have declared it a moment ago
  await clock.advance('2h')
  expect(await names()).toEqual(['dropped'])
  await noteSchedules(queue.house.store, [defineSchedule('dropped', { cron: '@daily', kind: report })])
  expect(await names()).toEqual([])
  expect(await names({ unseenFor: 0, remove: true })).toEqual(['dropped'])
  expect((await next.schedules.list()).map((one) => one.name)).toEqual(['by-hand', 'kept'])
})

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
