import { expect, test } from 'vitest'
import { type Client, setup } from '#harness'
import { newId } from '../../packages/server/src/std/id.ts'

const CALLS = 300
const TRIES = 3

/** How long one call takes, and what it answers without the words that are of this call alone. */
async function timed(caller: Client, path: string) {
  const from = performance.now()
  const { status, headers, body } = await caller.get(path)
  const ms = performance.now() - from
  const { request_id: _, instance: __, ...rest } = body
  const names = [...headers.keys()].sort().join()
  return { ms, said: JSON.stringify({ status, names, rest }) }
}

const median = (list: number[]): number => list.toSorted((a, b) => a - b)[list.length >> 1] as number

/** Interleaved, and each goes first as often as the other, so that what else the machine does falls on both alike. */
async function measure(caller: Client, paths: [foreign: () => string, random: () => string]) {
  const times: [number[], number[]] = [[], []]
  const said = new Set<string>()
  for (let n = 0; n < CALLS; n++) {
    for (const which of n % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
      const one = await timed(caller, paths[which]())
      times[which].push(one.ms)
      said.add(one.said)
    }
  }
  return { foreign: median(times[0]), random: median(times[1]), said: [...said] }
}

test('P9 what is another tenant’s answers like what never was: same status, same headers, same body, same time', async () => {
  const house = await setup()
  const ids = { tasks: [] as string[], agents: [] as string[] }
  for (let n = 0; n < 20; n++) ids.tasks.push((await house.given.task()).id)
  for (let n = 0; n < 5; n++) ids.agents.push((await house.given.agent()).id)
  const stranger = await house.stranger.person()
  expect((await house.alice.get(`/api/v1/tasks/${ids.tasks[0]}`)).status).toBe(200)
  expect((await house.alice.get(`/api/v1/agents/${ids.agents[0]}`)).status).toBe(200)

  for (const [place, prefix] of [
    ['tasks', 'task'],
    ['agents', 'agt'],
  ] as const) {
    let n = 0
    const foreign = () => `/api/v1/${place}/${ids[place][n++ % ids[place].length]}`
    const random = () => `/api/v1/${place}/${newId(prefix)}`
    for (let warm = 0; warm < 20; warm++) await timed(stranger, warm % 2 ? foreign() : random())
    const found: string[] = []
    for (let tries = 0; tries < TRIES; tries++) {
      const { foreign: a, random: b, said } = await measure(stranger, [foreign, random])
      expect(said, place).toHaveLength(1)
      expect(JSON.parse(said[0] as string), place).toMatchObject({ status: 404, rest: { code: 'not_found' } })
      const apart = Math.abs(a - b)
      if (apart < 1 || apart < 0.05 * Math.min(a, b)) break
      found.push(`${a.toFixed(2)} ms and ${b.toFixed(2)} ms`)
    }
    // Another's work on the same machine may tilt one measurement; a leak tilts every one.
    expect(found.length, `${place}: ${found.join('; ')}`).toBeLessThan(TRIES)
  }
}, 120_000)
