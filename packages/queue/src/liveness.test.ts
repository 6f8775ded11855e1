import { expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'
import { createQueue, defineKind, enqueue, type Kind } from './index.ts'
import { vouchFor } from './liveness.ts'
import { eventually } from './testing/eventually.ts'
import { startProgram } from './testing/worker-process.ts'

async function open(kinds: readonly Kind[] = []) {
  const house = await database()
  const queue = createQueue({ database: { url: house.runtimeUrl }, kinds, clock: house.clock })
  onTestFinished(() => queue.close({ grace: '1s' }))
  return { ...house, queue }
}

/** The thread's connections to this database. */
const ownConnections = async ({ admin }: Awaited<ReturnType<typeof open>>): Promise<number> =>
  (
    await admin.query(`select count(*)::integer as n from pg_stat_activity
      where datname = current_database() and application_name = 'countersign-queue-liveness'`)
  ).rows[0].n

/** Blocks its event loop, and says so before and after. */
const blocker = (ms: number, stallAfter: string) => `
  const { writeSync } = await import('node:fs')
  const say = (word) => writeSync(1, word + '\\n')
  function spin() {
    const until = performance.now() + ${ms}
    while (performance.now() < until);
  }
  const block = face.defineKind('block', { run() { say('blocked'); spin(); say('free'); return 'late' } })
  const log = { debug() {}, info() {}, warn() {}, error: (fields, message) => say(JSON.stringify({ ...fields, message })) }
  const queue = face.createQueue({ database: { url }, kinds: [block], log })
  queue.work({ heartbeat: '200ms', lostAfter: '2s', stallAfter: '${stallAfter}', maintenance: false,
    hooks: { settled: (job, outcome, stale) => say('settled ' + outcome + ' ' + stale) } })
`

test('Q55 A31 a handler that blocks the event loop far beyond the time of a lost worker keeps its job, for a thread vouches for the process', async () => {
  const house = await open()
  const { queue, runtimeUrl } = house
  const own = startProgram(runtimeUrl, blocker(5_000, '60s'))
  await eventually(() => ownConnections(house), { timeout: 20_000 }).toBe(1)
  const id = await enqueue(queue.house.store, { kind: 'block' })
  await own.said('blocked')
  while (!own.words.includes('free')) {
    await queue.tick()
    expect(await queue.job(id)).toMatchObject({ state: expect.stringMatching(/running|completed/), crashes: 0 })
  }
  await own.said('settled completed false')
  expect(await queue.job(id)).toMatchObject({ state: 'completed', attempt: 1, output: 'late', errors: [] })
}, 40_000)

test('Q55 A31 beyond the limit the process is no longer vouched for and says where it stands; the job is rescued and the late result refused', async () => {
  const house = await open([defineKind('block', { run: () => 'elsewhere' })])
  const { queue, runtimeUrl } = house
  const own = startProgram(runtimeUrl, blocker(9_000, '500ms'))
  await eventually(() => ownConnections(house), { timeout: 20_000 }).toBe(1)
  const id = await enqueue(queue.house.store, { kind: 'block' })
  await own.said('blocked')
  queue.work()
  expect(await queue.result(id, { timeout: '20s' })).toBe('elsewhere')
  expect(own.words).not.toContain('free')
  await own.said(/settled completed true|lease_lost|was no longer vouched for/)
  await eventually(() => own.words.some((word) => word.includes('was no longer vouched for')), { timeout: 10_000 }).toBe(true)
  const said = JSON.parse(own.words.find((word) => word.includes('was no longer vouched for')) as string)
  expect(said.stood_ms).toBeGreaterThanOrEqual(500)
  expect(said.stack).toContain('spin')
  expect(own.errors()).toContain('no longer vouched for') // said at once, for the log waits for the loop
  expect(await queue.job(id)).toMatchObject({ state: 'completed', attempt: 2, output: 'elsewhere' })
}, 40_000)

test('Q55 a worker has a connection of its own for that, by which its row stays fresh', async () => {
  const house = await open([defineKind('a', { run: () => 1 })])
  house.queue.work({ heartbeat: '50ms', lostAfter: '500ms' })
  await eventually(() => ownConnections(house)).toBe(1)
  await house.admin.query(`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and application_name = 'countersign-queue-liveness'`)
  await eventually(() => ownConnections(house)).toBe(1)
})

test('Q55 settings that cannot be handed to a thread leave vouching to the main loop, and the log says so', () => {
  const warnings: string[] = []
  const log = {
    debug: () => undefined,
    info: () => undefined,
    warn: (_: object, message: string) => void warnings.push(message),
    error: () => undefined,
  }
  const config = { host: '127.0.0.1', password: async () => 'changes' }
  expect(vouchFor({ id: 'w', config, everyMs: 100, stallMs: 1_000, log, onLost: () => undefined })).toBeNull()
  expect(warnings).toEqual([expect.stringContaining('the liveness thread is off')])
})

test('Q55 a program whose queue is closed ends at once: the thread that lingers holds nobody', async () => {
  const { runtimeUrl } = await open()
  const own = startProgram(
    runtimeUrl,
    `const quick = face.defineKind('quick', { run: () => 1 })
    const queue = face.createQueue({ database: { url }, kinds: [quick] })
    const worker = queue.work()
    await queue.result(await queue.enqueue(quick, {}))
    await worker.stop({ grace: '1s' })
    await queue.close()
    const at = performance.now()
    process.on('exit', () => console.log('held for ' + Math.round(performance.now() - at) + ' ms'))`,
  )
  expect([await own.ended, own.errors()]).toEqual([{ code: 0, signal: null }, ''])
  const [, held] = /held for (\d+) ms/.exec(own.words.join('\n')) ?? []
  expect(Number(held)).toBeLessThan(2_500)
}, 40_000)
