import { expect, test } from 'vitest'
import { testClock } from '../../std/clock.ts'
import { openLog } from '../../std/log.ts'
import { openRecorder, type Recorded } from './recorder.ts'

/** A database that answers when it is told to. */
function store() {
  const calls: { ids: string[]; answer: (error?: Error) => void }[] = []
  let leave = (): void => undefined
  let isLeaving: Promise<void> = Promise.resolve()
  const write = async (events: readonly Recorded[]) => {
    const done = new Promise<void>((resolve, reject) => {
      calls.push({ ids: events.map((one) => one.id), answer: (error) => (error ? reject(error) : resolve()) })
    })
    await isLeaving
    return { done }
  }
  /** Nothing leaves until the answer is called. */
  const stop = () => {
    isLeaving = new Promise((resolve) => {
      leave = resolve
    })
    return () => leave()
  }
  return { calls, write, stop }
}
const event = (id: string | number): Recorded => ({ id: `evt_${id}`, body: '{}' })
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
function opened() {
  const { calls, write, stop } = store()
  const clock = testClock()
  return { calls, stop, clock, recorder: openRecorder({ write, clock, log: openLog({ level: 'silent' }) }) }
}
const ended = async (promise: Promise<void>) => Promise.race([promise.then(() => true), turn().then(() => false)])

test('V121 an event alone leaves at once: it is sent before it is kept', async () => {
  const { calls, recorder } = opened()
  const { sent, kept } = recorder.add(event(1))
  expect(await ended(sent)).toBe(true)
  expect(calls.map((one) => one.ids)).toEqual([['evt_1']])
  expect(await ended(kept)).toBe(false)
  calls[0]?.answer()
  expect(await ended(kept)).toBe(true)
  expect(recorder.unacknowledged()).toBe(0)
})

test('V121 an event is on its way once its bytes have left this process, and no sooner', async () => {
  const { stop, recorder } = opened()
  const leave = stop()
  const { sent } = recorder.add(event(1))
  expect(await ended(sent)).toBe(false)
  leave()
  expect(await ended(sent)).toBe(true)
})

test('V121 events beside others that are on their way leave together, after 20 ms at most', async () => {
  const { calls, clock, recorder } = opened()
  recorder.add(event(1))
  await turn()
  const second = recorder.add(event(2))
  recorder.add(event(3))
  expect(await ended(second.sent)).toBe(false)
  clock.advance(20)
  expect(await ended(second.sent)).toBe(true)
  expect(calls.map((one) => one.ids)).toEqual([['evt_1'], ['evt_2', 'evt_3']])
})

test('V121 what was not acknowledged is sent again, whole, until it is', async () => {
  const { calls, clock, recorder } = opened()
  const { kept } = recorder.add(event(1))
  await turn()
  for (const attempt of [0, 1, 2]) {
    calls[attempt]?.answer(new Error('connection lost'))
    await turn()
    clock.advance(1_000)
    await turn()
  }
  expect(calls.map((one) => one.ids)).toEqual([['evt_1'], ['evt_1'], ['evt_1'], ['evt_1']])
  expect(await ended(kept)).toBe(false)
  calls[3]?.answer()
  expect(await ended(kept)).toBe(true)
})

test('V121 five seconds of silence, or more than 10,000 that nobody acknowledged: no new request', async () => {
  const { calls, clock, recorder } = opened()
  recorder.add(event(1))
  await turn()
  clock.advance(4_999)
  expect(recorder.isAvailable()).toBe(true)
  clock.advance(1)
  expect(recorder.isAvailable()).toBe(false)
  calls[0]?.answer()
  await turn()
  expect(recorder.isAvailable()).toBe(true)
  for (let i = 0; i < 10_000; i++) recorder.add(event(i))
  expect(recorder.isAvailable()).toBe(true)
  recorder.add(event('one more'))
  expect(recorder.isAvailable()).toBe(false)
})

test('V121 closing waits for what is on its way, and says how many were not kept', async () => {
  const { calls, clock, recorder } = opened()
  recorder.add(event(1))
  const closing = recorder.close(1_000)
  await turn()
  calls[0]?.answer()
  expect(await closing).toBe(0)
  recorder.add(event(2))
  const late = recorder.close(1_000)
  await turn()
  clock.advance(1_000)
  expect(await late).toBe(1)
})

test('V121 whoever waits for a database that is silent for five seconds is told so; the event is kept once it can be', async () => {
  const { calls, clock, recorder } = opened()
  const first = recorder.add(event(1))
  await turn()
  calls[0]?.answer(new Error('it refuses'))
  await turn()
  const second = recorder.add(event(2))
  const told = Promise.allSettled([first.kept, second.sent, second.kept])
  for (let i = 0; i < 6; i++) {
    clock.advance(1_000)
    await turn()
    calls.at(-1)?.answer(new Error('it still refuses'))
    await turn()
  }
  expect((await told).map((one) => one.status === 'rejected' && (one.reason as { code: string }).code)).toEqual([
    'record_unavailable',
    // It was handed over, and nobody knows what became of it.
    false,
    'record_unavailable',
  ])
  expect([recorder.isAvailable(), recorder.unacknowledged()]).toEqual([false, 2])
  clock.advance(5_000)
  await turn()
  for (const call of calls) call.answer()
  await turn()
  clock.advance(5_000)
  await turn()
  for (const call of calls) call.answer()
  await turn()
  expect([recorder.isAvailable(), recorder.unacknowledged()]).toEqual([true, 0])
})
