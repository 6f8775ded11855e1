// B1 and B7: creates and decisions per second, each answered after its own commit.
import { percentile } from '../figure.ts'
import { decide, expect, hammer, inBatches, many, open, PAYLOAD, QUESTION, type Run } from './load.ts'

export async function creates(run: Run): Promise<void> {
  const create = async () => {
    expect(201, await run.bench.agent('POST', '/tasks', { ...QUESTION, payload: PAYLOAD }))
    return true
  }
  await hammer(64, 1, create)
  const before = run.bench.cpuMs()
  const { perSecond, latencies } = await hammer(64, many(run, 60, 3), create)
  const cpu = (run.bench.cpuMs() - before) / latencies.length
  const p99 = percentile(latencies, 0.99)
  run.say({
    ...{ metric: 'B1 creates, 64 connections', unit: '1/s', ours: perSecond, peer: 66 },
    ...{ goal: '>= 1500', met: perSecond >= 1500 },
  })
  // Says more than the rate where others use the machine as well.
  run.say({ metric: 'B1 processor time of the server processes per create', unit: 'ms', ours: cpu, goal: null, met: null })
  run.say({ metric: 'B1 create p99', unit: 'ms', ours: p99, goal: '<= 150', met: p99 <= 150 })
}

/** Alone, and beside creates that come at half of what B1 asks for. */
export async function decisions(run: Run): Promise<void> {
  // Each half has tasks of its own: whoever is quick in the first leaves the second what it needs.
  const halves = [0, 1].map(() => inBatches(many(run, 12_000, 500), 32, () => open(run)))
  const [alone = [], mixedIds = []] = await Promise.all(halves)
  const from = (ids: string[]) => async () => {
    const id = ids.pop()
    if (id !== undefined) await decide(run, id)
    return id !== undefined
  }
  const seconds = many(run, 12, 1)
  tell(run, 'B7 decisions, 32 connections', 'B7 decision p99', await hammer(32, seconds, from(alone)))
  let isOver = false
  const beside = pace(
    750,
    () => isOver,
    () => open(run, { payload: PAYLOAD }),
  )
  const mixed = await hammer(32, seconds, from(mixedIds))
  isOver = true
  await beside
  tell(run, 'B7 decisions beside 750 creates a second', 'B7 decision p99 beside creates', mixed)
}

function tell(run: Run, rate: string, late: string, { perSecond, latencies }: Awaited<ReturnType<typeof hammer>>): void {
  const p99 = percentile(latencies, 0.99)
  run.say({ metric: rate, unit: '1/s', ours: perSecond, goal: '>= 800', met: perSecond >= 800 })
  run.say({ metric: late, unit: 'ms', ours: p99, goal: '<= 150', met: p99 <= 150 })
}

/** So many a second, whatever becomes of those before, but never more than 64 at once. */
async function pace(perSecond: number, isOver: () => boolean, act: () => Promise<unknown>): Promise<void> {
  const under = new Set<Promise<unknown>>()
  const started = performance.now()
  for (let sent = 0; !isOver(); ) {
    const due = ((performance.now() - started) / 1000) * perSecond
    for (; sent < due && under.size < 64; sent++) {
      const one: Promise<unknown> = act().finally(() => under.delete(one))
      under.add(one)
    }
    if (sent < due) sent = Math.floor(due)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await Promise.all(under)
}
