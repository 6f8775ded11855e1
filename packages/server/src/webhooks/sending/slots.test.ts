import { expect, test } from 'vitest'
import { movableClock } from '../../../../../test/harness/clock.ts'
import { type Answered, openSlots, type Pass, type Slots } from './slots.ts'

const SOCKETS = 8
const open = () => {
  const clock = movableClock(async () => undefined)
  return { clock, slots: openSlots(clock, SOCKETS) }
}
const isPass = (got: Pass | { againMs: number }): got is Pass => 'leave' in got

async function enter(slots: Slots, lane: string): Promise<Pass> {
  const got = await slots.enter(lane)
  if (!isPass(got)) throw new Error(`${lane} was sent away for ${got.againMs} ms`)
  return got
}

/** As many at once as it gets; the others are waiting when this answers. */
async function enterMany(slots: Slots, lane: string, n: number): Promise<Pass[]> {
  const got: Pass[] = []
  for (let i = 0; i < n; i++) {
    void slots.enter(lane).then((one) => {
      if (isPass(one)) got.push(one)
    })
  }
  await new Promise((resolve) => setImmediate(resolve))
  return got
}

async function prove(slots: Slots, lane: string, times = 4): Promise<void> {
  for (let i = 0; i < times; i++) (await enter(slots, lane)).leave('answered')
}

test('P93 an endpoint earns its room: one at first, then twice as many with every answer, never more than the process has', async () => {
  const { slots } = open()
  expect(await enterMany(slots, 'new', 5)).toHaveLength(1)
  const { slots: later } = open()
  await prove(later, 'known')
  expect(await enterMany(later, 'known', 20)).toHaveLength(SOCKETS)
  expect(later.busy).toBe(SOCKETS)
})

test('P93 endpoints that hang hold at most half of the sockets, however many they are, and those that answer have the rest', async () => {
  const { slots } = open()
  await prove(slots, 'healthy')
  const hung: Pass[] = []
  for (let i = 0; i < 30; i++) hung.push(...(await enterMany(slots, `hangs-${i}`, 3)))
  expect(hung).toHaveLength(SOCKETS / 2)
  const free = await enterMany(slots, 'healthy', 10)
  expect(free).toHaveLength(SOCKETS / 2)
  expect(slots.busy).toBe(SOCKETS)
})

test('P93 an endpoint that was well and begins to hang counts among the doubtful as soon as it is slow, and nobody waits behind it', async () => {
  const { clock, slots } = open()
  await prove(slots, 'was-well')
  const held = await enterMany(slots, 'was-well', 6)
  expect(held.length).toBeGreaterThan(SOCKETS / 2)
  for (const one of held) one.sends()
  await clock.advance('2s')
  const got = await slots.enter('was-well')
  expect(isPass(got)).toBe(false)
  for (const one of held) one.leave('timeout')
  expect(slots.busy).toBe(0)
})

test('P93 R43 what has not been sent yet says nothing of its endpoint: behind our own slowness one waits, for as long as one may', async () => {
  const { clock, slots } = open()
  await prove(slots, 'well')
  const held = await enterMany(slots, 'well', SOCKETS)
  await clock.advance('2s')
  let got: Pass | { againMs: number } | null = null
  const waiting = slots.enter('well', 4_000).then((one) => {
    got = one
  })
  await clock.advance('3s')
  expect(got).toBeNull()
  held[0]?.leave('answered')
  await waiting
  expect(got && isPass(got)).toBe(true)
})

test('P93 after three timeouts in a row it gets one slot, until it answers', async () => {
  const { slots } = open()
  await prove(slots, 'tired')
  for (let i = 0; i < 3; i++) (await enter(slots, 'tired')).leave('timeout')
  const one = await enter(slots, 'tired')
  expect(isPass(await slots.enter('tired'))).toBe(false)
  one.leave('answered')
  const two = await enterMany(slots, 'tired', 2)
  expect(two).toHaveLength(2)
  // What the rows say of an endpoint that this process has not met holds here too.
  slots.learn('stranger', 3)
  const first = await enter(slots, 'stranger')
  expect(isPass(await slots.enter('stranger'))).toBe(false)
  first.leave('answered')
})

test('P86 whoever asks for less gets half for a minute', async () => {
  const { clock, slots } = open()
  // Room for four: two answers, each doubling it.
  await prove(slots, 'busy', 2)
  const room = async () => {
    const got = await enterMany(slots, 'busy', 10)
    const n = got.length
    // Those who wait are let go by the time, and only then the places are given back.
    await clock.advance('300ms')
    for (const one of got) one.leave('nothing')
    return n
  }
  expect(await room()).toBe(4)
  ;(await enter(slots, 'busy')).leave('slow_down')
  expect(await room()).toBe(2)
  await clock.advance('61s')
  expect(await room()).toBe(4)
})

test.each(['answered', 'timeout', 'failed', 'slow_down', 'nothing'] as (Answered | 'nothing')[])(
  'P93 a place that was left (%s) is free once, however often it is left',
  async (how) => {
    const { slots } = open()
    const one = await enter(slots, 'a')
    one.leave(how)
    one.leave(how)
    expect(slots.busy).toBe(0)
    await enter(slots, 'b')
    expect(slots.busy).toBe(1)
  },
)

test('P93 whoever waits for a place gets the next one that its endpoint may have, or is sent away before it holds up its worker', async () => {
  const { clock, slots } = open()
  const first = await enter(slots, 'one')
  const second = slots.enter('one')
  first.leave('answered')
  expect(isPass(await second)).toBe(true)
  const third = slots.enter('two')
  expect(isPass(await third)).toBe(true)
  const fourth = slots.enter('two')
  await clock.advance('250ms')
  const away = await fourth
  expect(isPass(away)).toBe(false)
  expect((away as { againMs: number }).againMs).toBeGreaterThan(0)
})
