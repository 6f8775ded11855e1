import { type ChildProcess, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'
import { createQueue, defineKind, defineSchedule, enqueue, prometheusMeter, type QueueOptions } from './index.ts'
import { DUTIES, restMs } from './maintenance.ts'
import { tick } from './sql.ts'

const report = defineKind('report', { run: () => undefined })
const minutely = defineSchedule('minutely', { cron: '* * * * *', missed: 'catch_up', kind: report })

async function open(options: Partial<QueueOptions> = {}) {
  const house = await database()
  const another = (more: Partial<QueueOptions> = {}) => {
    const queue = createQueue({ database: { url: house.runtimeUrl }, clock: house.clock, kinds: [report], ...more })
    onTestFinished(() => queue.close({ grace: '1s' }))
    return queue
  }
  return { ...house, another, queue: another(options) }
}

const LEADER = `
  const { createQueue, defineKind, defineSchedule } = await import(process.env.FACE)
  const kinds = [defineKind('report', { run: () => undefined })]
  const schedules = [defineSchedule('minutely', { cron: '* * * * *', missed: 'catch_up', kind: 'report' })]
  createQueue({ database: { url: process.env.URL }, kinds, schedules }).maintain()
  setTimeout(() => process.exit(3), 25_000)
`

function leader(url: string): ChildProcess {
  const tsx = createRequire(import.meta.url).resolve('tsx')
  const child = spawn(process.execPath, ['--import', tsx, '--input-type=module', '-e', LEADER], {
    env: { ...process.env, URL: url, FACE: fileURLToPath(new URL('./index.ts', import.meta.url)) },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

test('Q122 A14 when the leader is killed across a fire, another leads within 12 s and every fire exists once', async () => {
  const { queue, another, runtimeUrl, clock } = await open({ schedules: [minutely] })
  // Real time moves the clock too: from just behind a full minute it makes no fire of its own while the test runs.
  await clock.advance(60_500 - (clock.now().getTime() % 60_000))
  const child = leader(runtimeUrl)
  const leads = async () => (await queue.health()).leader
  await expect.poll(leads, { timeout: 20_000 }).toContain(`-${child.pid}-`)
  await expect.poll(async () => (await queue.schedules.list()).length, { timeout: 20_000 }).toBe(1)
  const fires = async () =>
    (await queue.jobs({ kind: 'report' }, { limit: 200 })).data.map((job) => job.metadata['countersign:fire_time']).sort()
  await clock.advance('2m')
  await expect.poll(async () => (await fires()).length, { timeout: 10_000 }).toBe(2)
  const second = another({ schedules: [minutely] })
  second.maintain()
  const gone = new Promise((resolve) => child.on('exit', resolve))
  await clock.advance('1m') // a fire is due now, and whoever gets to it first is shot
  child.kill('SIGKILL')
  await gone
  const killedAt = performance.now()
  await expect.poll(leads, { timeout: 15_000 }).toContain(`-${process.pid}-`)
  expect(performance.now() - killedAt).toBeLessThan(12_500)
  await clock.advance('1m')
  await expect.poll(async () => (await fires()).length, { timeout: 10_000 }).toBe(4)
  expect(new Set(await fires()).size).toBe(4)
}, 60_000)

test('Q122 a leader that stops gives its lease up at once, and its report stands for everybody while it leads', async () => {
  const { queue, another } = await open()
  queue.maintain()
  await expect.poll(async () => (await queue.maintenance()).leader, { timeout: 5_000 }).not.toBe(null)
  const first = (await queue.maintenance()).leader
  const second = another()
  second.maintain()
  await expect.poll(async () => (await second.maintenance()).duties.length, { timeout: 10_000 }).toBeGreaterThan(5)
  expect((await second.maintenance()).duties.find((one) => one.duty === 'rescue')).toMatchObject({
    every_ms: 1_000,
    overruns: 0,
    error: null,
    runs: expect.any(Number),
  })
  await queue.close()
  await expect.poll(async () => (await second.maintenance()).leader, { timeout: 5_000 }).not.toBe(first)
  await expect.poll(async () => (await second.maintenance()).leader, { timeout: 5_000 }).not.toBe(null)
})

test('Q123 every duty of the engine has a cadence and a budget here', async () => {
  const { queue } = await open()
  const known = DUTIES.map((duty) => duty.name)
  expect(Object.keys(await tick(queue.house.store, null)).filter((name) => !(known as string[]).includes(name))).toEqual([])
  for (const { everyMs, budgetMs } of DUTIES) expect(budgetMs).toBeLessThanOrEqual(10 * everyMs)
})

test('Q123 a duty that overran rests twice its time, and never falls below a tenth of its cadence', () => {
  const duty = { everyMs: 1_000, budgetMs: 500 }
  expect([100, 500, 501, 700, 4_000, 60_000].map((took) => restMs(duty, took))).toEqual([
    1_000, 1_000, 1_002, 1_400, 8_000, 10_000,
  ])
})

test('Q123 a duty that hangs is put off by itself, is reported, and starves none of the others', async () => {
  const meter = prometheusMeter()
  const warned: string[] = []
  const quiet = () => undefined
  const { queue, admin, clock } = await open({
    schedules: [minutely],
    telemetry: { meter },
    log: { debug: quiet, info: quiet, error: quiet, warn: (_fields, message) => void warned.push(message) },
  })
  await admin.query(`create or replace function countersign_queue.rotate(at timestamptz) returns integer language sql volatile
    as 'select 1 from pg_sleep(2.2)'`)
  queue.maintain()
  const duty = async (name: string) => (await queue.maintenance()).duties.find((one) => one.duty === name)
  await expect.poll(async () => (await duty('rotate'))?.overruns, { timeout: 15_000 }).toBeGreaterThanOrEqual(1)
  expect((await duty('rotate'))?.rests_ms).toBeGreaterThan(4_000)
  expect(warned).toContain('a duty of maintenance overran its budget')
  await clock.advance('1m')
  await expect.poll(async () => (await queue.jobs({ kind: 'report' })).data.length, { timeout: 10_000 }).toBeGreaterThanOrEqual(1)
  expect((await duty('cron'))?.runs).toBeGreaterThan((await duty('rotate'))?.runs ?? 0)
  expect(await meter.text()).toContain('countersign_queue_maintenance_skipped_total{duty="rotate",reason="overrun"}')
})

test('Q122 tick does what is due from anywhere: all, some duties, within a budget, at once from many places, and again changes nothing', async () => {
  const { queue, clock, another } = await open({ schedules: [minutely] })
  await queue.register()
  const ids = await queue.enqueueMany(
    Array.from({ length: 3 }, () => ({ kind: 'report', queue: 'other', runAt: '30s' as const })),
  )
  await clock.advance('1m')
  expect(await queue.tick({ only: ['promote'] })).toEqual({ promote: 3 })
  expect((await queue.job(ids[0] as string))?.state).toBe('ready')
  const all = await Promise.all(Array.from({ length: 8 }, () => another({ schedules: [minutely] }).tick()))
  expect(all.reduce((sum, done) => sum + (done.cron ?? 0), 0)).toBe(1)
  expect(Object.keys(all[0] ?? {})).toEqual(DUTIES.map((duty) => duty.name))
  expect(await queue.tick()).toMatchObject({ cron: 0, promote: 0, rescue: 0 })
  // What a budget does not reach is not in the answer; the first duty is always done.
  expect(Object.keys(await queue.tick({ budget: 0 }))).toEqual(['cron'])
  await enqueue(queue.house.store, { kind: 'report' })
})
