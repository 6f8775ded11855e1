// What an attempt comes to, on the clock: offsets, Retry-After, 410, redirects, a hang, the log (A24, P86–P89, P91).
import { expect, test } from 'vitest'
import type { House } from '#harness'
import type { Client } from '../../../../test/harness/client.ts'
import { DELAYS } from './schedule.ts'
import { deliveriesOf, endpoint, houseFor, keyHolder, openReceiver, type Receiver } from './testing/receiver.ts'

const logOf = async (house: House, id: unknown, by: Client = house.alice) =>
  (await by.get(`/api/v1/deliveries/${id}`)).body as Record<string, unknown> & { log: Record<string, unknown>[] }

/** One endpoint for one type, and one delivery on its way. */
async function given(there: Receiver, more: Record<string, unknown> = {}, settings?: Record<string, string>) {
  const house = await houseFor([there], settings)
  const own = await endpoint(house, `${there.origin}/hook`, { events: ['task.created'], ...more })
  await house.given.task()
  const [row] = await deliveriesOf(house, `endpoint=${own.id}`)
  return { house, own, id: row?.id as string }
}

/**
 * Moves the time to the attempt after the n-th and runs it. Answers how long it was to wait, in seconds, by the log: how fast this machine is plays no part.
 * On a slow one a wait of a second or two may be over already.
 */
async function nextAttempt(
  house: House,
  id: string,
  n: number,
  by: Client = house.alice,
): Promise<{ waited: number; isExact: boolean }> {
  const { next_attempt_at, log } = await logOf(house, id, by)
  const ended = Date.parse(String(log[n - 1]?.ended_at))
  if (log.length > n) return { waited: (Date.parse(String(log[n]?.started_at)) - ended) / 1000, isExact: false }
  const due = Date.parse(String(next_attempt_at))
  await house.clock.advance(Math.max(0, due - house.clock.now().getTime()) + 5)
  await house.runJobs()
  return { waited: (due - ended) / 1000, isExact: true }
}

for (const schedule of ['standard', 'quick_24h'] as const)
  test(`A24 P87 the offsets of schedule ${schedule} are the published ones ± 10 %, every attempt has its row, and it ends exhausted`, async () => {
    const there = await openReceiver()
    there.otherwise = { status: 500, body: 'out of paper, token=abcdefghijkl' }
    const { house, id } = await given(there, { schedule })
    const holder = await keyHolder(house)
    await house.runJobs()
    for (const [i, seconds] of DELAYS[schedule].entries()) {
      const { waited, isExact } = await nextAttempt(house, id, i + 1, holder)
      expect(waited).toBeGreaterThanOrEqual(Math.max(0.5, seconds * 0.9) - 0.01)
      if (isExact) expect(waited).toBeLessThanOrEqual(seconds * 1.1 + 0.01)
    }
    const { state, attempts, log } = await logOf(house, id, holder)
    expect({ state, attempts }).toEqual({ state: 'exhausted', attempts: DELAYS[schedule].length + 1 })
    expect(log.map((one) => one.n)).toEqual(there.got.map((_, i) => i + 1))
    expect(log[0]).toMatchObject({ status: 500, class: 'status', trigger: 'auto', family: 4, address: null })
    expect(log[0]?.excerpt).toContain('out of paper')
    expect(log[0]?.excerpt).not.toContain('abcdefghijkl')
    expect(log[0]?.first_byte_ms).toBeGreaterThan(0)
    expect(log[0]?.connect_ms).toBeGreaterThan(0)
    expect(new Set(there.got.map((got) => got.body)).size).toBe(1)
    expect(new Set(there.got.map((got) => got.headers['webhook-id'])).size).toBe(1)
    expect(new Set(there.got.map((got) => got.headers['webhook-signature'])).size).toBe(there.got.length)
    expect(await house.eventTypes()).toContain('endpoint.failing')
  })

test('A24 P86 redirects are not followed, 4xx is tried again, 2xx of any number ends it', async () => {
  const there = await openReceiver()
  there.answers = [
    { status: 301, headers: { Location: '/elsewhere' } },
    { status: 302, headers: { Location: '/elsewhere' } },
    404,
    { status: 299 },
  ]
  const { house, id } = await given(there)
  await house.runJobs()
  for (const n of [1, 2, 3]) await nextAttempt(house, id, n)
  expect(there.got.map((got) => got.path)).toEqual(['/hook', '/hook', '/hook', '/hook'])
  const { state, log } = await logOf(house, id)
  expect(state).toBe('succeeded')
  expect(log.map((one) => one.status)).toEqual([301, 302, 404, 299])
})

test('A24 P86 429 with Retry-After: 120 waits at least two minutes; rubbish in it is ignored', async () => {
  const there = await openReceiver()
  there.answers = [
    { status: 429, headers: { 'Retry-After': '120' } },
    { status: 503, headers: { 'Retry-After': 'in a while' } },
  ]
  const { house, id, own } = await given(there, { schedule: [1, 600, 600] })
  await house.runJobs()
  expect((await house.alice.get(`/api/v1/endpoints/${own.id}`)).body.health.slowed_until).not.toBeNull()
  expect((await nextAttempt(house, id, 1)).waited).toBeGreaterThanOrEqual(120)
  const second = await nextAttempt(house, id, 2)
  expect(second.waited).toBeGreaterThanOrEqual(540)
  expect(second.waited).toBeLessThanOrEqual(660)
  expect(await logOf(house, id)).toMatchObject({ state: 'succeeded', attempts: 3 })
})

test('A24 P82 P86 410 disables the endpoint at once; what is on its way is held and not lost, and goes out once it is resumed', async () => {
  const there = await openReceiver()
  there.answers = [410]
  const { house, own, id } = await given(there)
  await house.runJobs()
  expect((await house.alice.get(`/api/v1/endpoints/${own.id}`)).body).toMatchObject({ state: 'disabled', state_reason: 'gone' })
  await house.given.task()
  await house.runJobs()
  expect((await deliveriesOf(house, `endpoint=${own.id}`)).map((row) => row.state)).toEqual(['held', 'held'])
  expect(await house.eventTypes()).toContain('endpoint.disabled')
  expect(there.got).toHaveLength(1)
  expect((await house.alice.post(`/api/v1/deliveries/${id}/replay`, {})).status).toBe(409)
  expect((await house.alice.post(`/api/v1/endpoints/${own.id}/resume`, {})).body).toMatchObject({ state: 'active' })
  await house.runJobs()
  expect((await deliveriesOf(house, `endpoint=${own.id}`)).map((row) => row.state)).toEqual(['succeeded', 'succeeded'])
  expect(there.got).toHaveLength(3)
})

test('A24 P88 a hang ends at the endpoint’s timeout and is tried again; the first header must come within it', async () => {
  const there = await openReceiver()
  there.answers = ['hang']
  const { house, id } = await given(there, { timeout_seconds: 1 })
  await house.runJobs()
  const [first] = (await logOf(house, id)).log
  expect(first).toMatchObject({ status: null, class: 'timeout' })
  expect(first?.ms).toBeGreaterThanOrEqual(990)
  await nextAttempt(house, id, 1)
  expect(await logOf(house, id)).toMatchObject({ state: 'succeeded', attempts: 2 })
})

test('P88 a long reply is read so far and no further, a compressed one is not opened, no cookie comes back', async () => {
  const there = await openReceiver()
  there.answers = [
    { status: 200, body: 'x'.repeat(1_000_000), headers: { 'Set-Cookie': 'a=b' } },
    { status: 500, body: 'not gzip', headers: { 'Content-Encoding': 'gzip' } },
  ]
  const { house, id } = await given(there)
  await house.runJobs()
  const [first] = (await logOf(house, id)).log
  expect(first).toMatchObject({ status: 200, class: null })
  expect(String(first?.excerpt).length).toBeLessThanOrEqual(4_096)
  await house.alice.post(`/api/v1/deliveries/${id}/replay`, {})
  await house.runJobs()
  const { log, state } = await logOf(house, id)
  expect(log[1]).toMatchObject({ status: 500, class: 'status', trigger: 'manual', excerpt: 'not gzip' })
  // It had arrived before: a replay that fails takes nothing back.
  expect(state).toBe('succeeded')
  expect(there.got[1]?.headers.cookie).toBeUndefined()
})

test('P91 five days of nothing but failures over three events disable; two lone failures never do', async () => {
  const there = await openReceiver()
  const house = await houseFor([there])
  const own = await endpoint(house, `${there.origin}/hook`, { events: ['task.created'], schedule: [86_400] })
  const holder = await keyHolder(house)
  const state = async () => (await holder.get(`/api/v1/endpoints/${own.id}`)).body.state
  there.otherwise = 500
  await house.given.task()
  await house.runJobs()
  await house.clock.advance('6d')
  await house.runJobs()
  await house.given.task()
  await house.runJobs()
  expect(await state()).toBe('active')
  await house.given.task()
  await house.runJobs()
  expect(await state()).toBe('disabled')
  const told = (await house.eventTypes()).filter((type) => type.startsWith('endpoint.'))
  expect(told.filter((type) => type === 'endpoint.disabled')).toHaveLength(1)
})

test('P91 the first exhausted delivery tells of it, at most once a day; a success ends the run of failures', async () => {
  const there = await openReceiver()
  const house = await houseFor([there])
  const own = await endpoint(house, `${there.origin}/hook`, { events: ['task.created'], schedule: [1] })
  const holder = await keyHolder(house)
  const failing = async () => (await house.eventTypes()).filter((type) => type === 'endpoint.failing').length
  there.otherwise = 500
  for (let n = 0; n < 3; n++) {
    await house.given.task()
    await house.runJobs()
    await house.clock.advance('2s')
    await house.runJobs()
  }
  expect(await failing()).toBe(1)
  expect((await holder.get(`/api/v1/endpoints/${own.id}`)).body.health.failing_since).not.toBeNull()
  there.otherwise = 200
  await house.given.task()
  await house.runJobs()
  expect((await holder.get(`/api/v1/endpoints/${own.id}`)).body.health).toMatchObject({ failing_since: null })
  there.otherwise = 500
  await house.clock.advance('25h')
  await house.given.task()
  await house.runJobs()
  await house.clock.advance('2s')
  await house.runJobs()
  expect(await failing()).toBe(2)
})
