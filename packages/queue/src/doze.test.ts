// Q67, Q68 without a database: what a worker asks for and how long it sleeps, by what its claims found.
import { expect, test } from 'vitest'
import { ASK_MS, type Doze, makeDoze, POLL_LISTENING_MS, POLL_MS } from './doze.ts'

/** Claims that find nothing, each after the sleep before: the sleeps. */
function idle(doze: Doze, from: number, claims: number, listening: boolean, nextMs: number | null = null): number[] {
  let now = from
  return Array.from({ length: claims }, () => {
    doze.asks(now, listening)
    doze.missed(now, false)
    const ms = doze.sleeps(now, listening, nextMs)
    now += ms
    return ms
  })
}

test('Q67 an idle worker doubles its polls from 1 ms: to 200 ms without LISTEN, to a second once it has asked to be woken', () => {
  expect(idle(makeDoze(), 0, 10, false)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, POLL_MS, POLL_MS])
  expect(idle(makeDoze(), 0, 9, true)).toEqual([1, 2, 4, 8, 16, 32, POLL_LISTENING_MS, POLL_LISTENING_MS, POLL_LISTENING_MS])
})

test('Q67 what is said to be due and is not found is looked for less and less often; what is due later is slept until', () => {
  for (const nextMs of [0, -4_000])
    expect(idle(makeDoze(), 0, 10, true, nextMs)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, POLL_MS, POLL_MS])
  // Another claim has it just now.
  expect(idle(makeDoze(), 0, 5, true, 1)).toEqual([1, 1, 1, 1, 1])
  expect(idle(makeDoze(), 0, 8, true, 20)).toEqual([1, 2, 4, 8, 16, 20, 20, 20])
})

test('Q68 a worker asks from its second look for nothing on, never without LISTEN, and then sleeps between two jobs without a poll', () => {
  const doze = makeDoze()
  expect(doze.asks(0, true)).toBe(0)
  doze.missed(0, false)
  expect(doze.asks(1, false)).toBe(0)
  expect(doze.asks(1, true)).toBe(ASK_MS)
  for (let now = 100; now < 10_000; now += 5) {
    doze.found(now)
    expect(doze.asks(now, true)).toBe(ASK_MS)
    doze.missed(now + 1, false)
    expect(doze.sleeps(now + 1, true)).toBe(POLL_LISTENING_MS)
  }
})

test('Q68 a busy worker asks no more, for three seconds', () => {
  const doze = makeDoze()
  doze.missed(0, false)
  expect(doze.asks(1, true)).toBe(ASK_MS)
  for (let n = 0; n < 16; n++) doze.found(10)
  doze.missed(11, false)
  expect(doze.asks(11, true)).toBe(0)
  expect(doze.sleeps(11, true)).toBe(1)
  expect(doze.asks(3_009, true)).toBe(0)
  expect(doze.asks(3_011, true)).toBe(ASK_MS)
})

test('Q68 a worker that others outrun is deaf for a while, polls, and asks again later', () => {
  const doze = makeDoze(() => 0.5)
  doze.missed(0, false)
  doze.asks(1, true)
  for (let n = 0; n < 7; n++) doze.missed(100, true)
  expect(doze.hears(100)).toBe(true)
  doze.found(100)
  for (let n = 0; n < 8; n++) doze.missed(100, true)
  expect(doze.hears(100)).toBe(false)
  expect(doze.asks(101, true)).toBe(0)
  expect(doze.sleeps(101, true)).toBeLessThanOrEqual(POLL_MS)
  expect(doze.hears(1_600)).toBe(true)
  expect(doze.asks(1_600, true)).toBe(ASK_MS)
})
