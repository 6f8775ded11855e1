import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'
import { createQueue, defineKind, enqueue, type Kind, type KindOptions } from './index.ts'
import { eventually } from './testing/eventually.ts'

/** What runs apart: a module of its own, for a function does not cross. Nothing of the queue is needed there. */
const MODULE = `
const OUTCOME = Symbol.for('countersign.queue.outcome')
const hog = []
export const told = { name: 'told', async run(job, ctx) {
  ctx.log.info({ from: 'there' }, 'hello')
  ctx.progress(50, 'half')
  await ctx.flush()
  ctx.enqueue({ kind: 'child', payload: { of: ctx.idempotencyKey } })
  return { payload: job.payload, attempt: ctx.attempt, day: job.enqueuedAt.getUTCFullYear() > 2000, pid: process.pid }
} }
export const kinds = [
  { name: 'spins', run() { for (;;); } },
  { name: 'dies', run() { process.exit(7) } },
  { name: 'hogs', run() { for (;;) hog.push(new Array(100_000).fill(hog.length)) } },
  { name: 'throws', run() { throw new TypeError('broken there') } },
  { name: 'snoozes', run() { return { [OUTCOME]: 'snooze', after_ms: 3_600_000 } } },
  { name: 'odd', run() { return { fn: () => 1 } } },
  { name: 'waits', run: (_, { signal }) => new Promise((resolve, reject) => {
    if (signal.aborted) reject(new Error('aborted before: ' + signal.reason))
    signal.addEventListener('abort', () => reject(new Error('aborted: ' + signal.reason)))
  }) },
]
`

function moduleFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-isolate-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'kinds.mjs'), MODULE)
  return pathToFileURL(join(folder, 'kinds.mjs')).href
}

const here = () => {
  throw new Error('this must not run in the worker')
}

async function open(isolate: 'thread' | 'process', names: readonly string[], more: Partial<KindOptions<unknown, unknown>> = {}) {
  const house = await database()
  const module = moduleFile()
  const lines: object[] = []
  const nothing = () => undefined
  const log = {
    debug: nothing,
    info: (fields: object, message: string) => void lines.push({ ...fields, message }),
    warn: nothing,
    error: nothing,
  }
  const kinds: Kind[] = names.map((name) => defineKind(name, { isolate, module, maxAttempts: 1, run: here, ...more }))
  const queue = createQueue({ database: { url: house.runtimeUrl }, kinds, clock: house.clock, log })
  onTestFinished(() => queue.close({ grace: '1s' }))
  return { ...house, queue, lines }
}

for (const place of ['thread', 'process'] as const) {
  test(`Q94 a kind of a ${place} of its own runs there with its payload, context and output`, async () => {
    const { queue, lines } = await open(place, ['told'])
    queue.work()
    const id = await enqueue(queue.house.store, { kind: 'told', payload: { n: 1 } })
    const output = (await queue.result(id)) as { pid: number }
    expect(output).toMatchObject({ payload: { n: 1 }, attempt: 1, day: true })
    if (place === 'process') expect(output.pid).not.toBe(process.pid)
    expect(lines).toContainEqual(expect.objectContaining({ from: 'there', message: 'hello', job_id: id, kind: 'told' }))
    expect((await queue.jobs({ kind: 'child' })).data).toMatchObject([{ payload: { of: id } }])
  })

  test(`Q94 a loop that never yields is ended hard at its deadline in a ${place}, and the worker works on`, async () => {
    const { queue, clock } = await open(place, ['spins', 'throws'], { deadline: '5s' })
    const worker = queue.work({ concurrency: 1 })
    const id = await enqueue(queue.house.store, { kind: 'spins' })
    await eventually(() => worker.ages().running).toBe(1)
    await clock.advance('6s')
    await expect(queue.result(id)).rejects.toMatchObject({ members: { reason: 'deadline_expired' } })
    // The only permit is free again, so that loop is gone.
    const next = await enqueue(queue.house.store, { kind: 'throws' })
    await expect(queue.result(next)).rejects.toMatchObject({ message: 'TypeError: broken there' })
    await eventually(() => worker.ages().running).toBe(0)
  })

  test(`Q94 Q113 a crash and a heap beyond its limit in a ${place} are attempts with the reason isolate_crashed, and no lost worker`, async () => {
    const { queue } = await open(place, ['dies', 'hogs'], { memory: 32, maxAttempts: 2, backoff: { base: '1h' } })
    const rescued: unknown[] = []
    queue.work({ hooks: { rescued: (job, reason) => rescued.push([job.kind, reason]) } })
    const ids = await queue.enqueueMany([{ kind: 'dies' }, { kind: 'hogs' }])
    for (const id of ids) {
      await eventually(async () => (await queue.job(id))?.state, { timeout: 15_000 }).toBe('retrying')
      expect(await queue.job(id)).toMatchObject({
        state_reason: 'isolate_crashed',
        attempt: 1,
        crashes: 0,
        errors: [{ reason: 'isolate_crashed', error: expect.stringContaining(`the ${place} of the handler ended`) }],
      })
    }
    expect(rescued.sort()).toEqual([
      ['dies', 'isolate_crashed'],
      ['hogs', 'isolate_crashed'],
    ])
  })

  test(`Q94 Q22 Q95 outcomes, errors, values that are no JSON and a cancel cross the border of a ${place}`, async () => {
    const { queue } = await open(place, ['snoozes', 'throws', 'odd', 'waits'])
    const worker = queue.work()
    const [snoozes, throws, odd, waits] = (await queue.enqueueMany(
      ['snoozes', 'throws', 'odd', 'waits'].map((kind) => ({ kind })),
    )) as [string, string, string, string]
    await expect(queue.result(throws)).rejects.toMatchObject({ message: 'TypeError: broken there' })
    await expect(queue.result(odd)).rejects.toMatchObject({ members: { reason: 'output_invalid' } })
    await eventually(async () => (await queue.job(snoozes))?.state).toBe('scheduled')
    await eventually(() => worker.ages().running).toBe(1)
    await queue.cancel(waits)
    await expect(queue.result(waits)).rejects.toMatchObject({ code: 'job_cancelled' })
  })
}

test('Q94 an isolated kind names its module, and a limit is a number of MiB', () => {
  expect(() => defineKind('a', { isolate: 'thread', run: here })).toThrow('/module')
  expect(() => defineKind('a', { isolate: 'thread', module: import.meta.url, memory: 1, run: here })).toThrow('/memory')
})
