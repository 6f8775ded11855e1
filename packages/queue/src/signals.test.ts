import { expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'
import { createQueue, defineKind } from './index.ts'
import { eventually } from './testing/eventually.ts'
import { startProgram } from './testing/worker-process.ts'

const PROGRAM = (mine: string) => `
  const say = (word) => console.log(word)
  let long = false
  const kinds = [face.defineKind('a', { run: (job, { signal }) => {
    if (!job.payload.long) return
    say('began ' + job.id)
    return new Promise((resume) => {
      signal.addEventListener('abort', () => { say('aborted ' + signal.reason); resume('gave way') })
      if (!job.payload.stubborn) setTimeout(() => resume('ended'), 1_500)
    })
  } })]
  const queue = face.createQueue({ database: { url }, kinds })
  const worker = queue.work({ concurrency: 2, heartbeat: '100ms', lostAfter: '600ms', maintenance: false })
  setInterval(() => worker.ages().waiting > 0 && say('waiting'), 5)
  ${mine}
`

async function open() {
  const house = await database()
  const queue = createQueue({ database: { url: house.runtimeUrl }, kinds: [defineKind('a', { run: () => 'elsewhere' })] })
  onTestFinished(() => queue.close({ grace: '1s' }))
  return { ...house, queue }
}

// The bound is of wall-clock time: a run that the machine held up is tried again.
test('Q96 A30 SIGTERM during long handlers: what was claimed ahead runs elsewhere within 2 s without an attempt, handlers end, the process too', {
  retry: 2,
  timeout: 40_000,
}, async () => {
  const { queue, runtimeUrl } = await open()
  await queue.enqueueMany(Array.from({ length: 60 }, () => ({ kind: 'a', payload: {} })))
  const own = startProgram(runtimeUrl, PROGRAM(''))
  await eventually(async () => (await queue.counts()).queues.default, { timeout: 20_000 }).toEqual({ completed: 60 })
  const ids = await queue.enqueueMany(Array.from({ length: 12 }, () => ({ kind: 'a', payload: { long: true } })))
  await own.said('waiting')
  own.child.kill('SIGTERM')
  const told = performance.now()
  const began = () => own.words.filter((word) => word.startsWith('began')).map((word) => word.slice(6))
  queue.work()
  const others = () => ids.filter((id) => !began().includes(id))
  expect(others().length).toBeGreaterThan(5)
  for (const id of others()) expect(await queue.result(id)).toBe('elsewhere')
  expect(performance.now() - told).toBeLessThan(2_000)
  for (const id of began()) expect(await queue.result(id)).toBe('ended') // heartbeats went on: nothing was taken from it
  expect(await own.ended).toMatchObject({ signal: 'SIGTERM' })
  for (const id of ids) expect(await queue.job(id)).toMatchObject({ attempt: 1, crashes: 0, errors: [] })
})

test('Q96 a second signal ends the process at once, whatever its handlers do', async () => {
  const { queue, runtimeUrl } = await open()
  await queue.enqueueMany([{ kind: 'a', payload: { long: true, stubborn: true } }])
  const own = startProgram(runtimeUrl, PROGRAM(''))
  await own.said(/^began/)
  const told = performance.now()
  // Signals of one sort that come before the first was heard are one.
  await eventually(() => own.child.kill('SIGTERM') && own.child.signalCode, { timeout: 10_000, interval: 100 }).not.toBeNull()
  expect(await own.ended).toMatchObject({ signal: 'SIGTERM' })
  expect(performance.now() - told).toBeLessThan(10_000) // its grace is 30 s
}, 40_000)

test('Q96 a host that listens for the signal itself decides what it means', async () => {
  const { queue, runtimeUrl } = await open()
  await queue.enqueueMany([{ kind: 'a', payload: { long: true, stubborn: true } }])
  const own = startProgram(
    runtimeUrl,
    PROGRAM(`process.on('SIGTERM', () => worker.stop({ grace: '2500ms' }).then(() => { say('stopped'); process.exit(5) }))`),
  )
  await own.said(/^began/)
  own.child.kill('SIGTERM')
  expect(await own.ended).toMatchObject({ code: 5 })
  expect(own.words).toContain('aborted shutdown')
  expect(own.words).toContain('stopped')
}, 40_000)
