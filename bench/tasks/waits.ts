// B2 and B3: how soon a wait hears of its answer, and what thousands of waits cost in memory.
import { percentile } from '../figure.ts'
import { decide, inBatches, many, open, type Run } from './load.ts'

/** From the answer's 200 to the waiting poll's return; negative differences (the poll was faster) count as zero. */
async function wakeUps(run: Run, waits: number, weigh = false): Promise<number[]> {
  const { bench } = run
  const ids = await inBatches(waits, 50, () => open(run))
  const before = bench.memoryMb()
  const returned = new Map<string, number>()
  const polls = ids.map(async (id) => {
    let status = 'open'
    while (status === 'open') status = (await bench.agent('GET', `/tasks/${id}/poll?timeout=30`)).body.status as string
    returned.set(id, performance.now())
  })
  await new Promise((resolve) => setTimeout(resolve, 1500))
  if (weigh) {
    const held = bench.memoryMb()
    process.stderr.write(`${Math.round(held - before)} MB of it since the waits began\n`)
    run.say({
      ...{ metric: `B3 resident memory with ${waits} waits`, unit: 'MB', ours: held },
      ...{ goal: '< 300', met: held < 300 },
    })
  }
  const decided = new Map<string, number>()
  for (const id of ids) {
    await decide(run, id)
    decided.set(id, performance.now())
  }
  await Promise.all(polls)
  return ids.map((id) => Math.max(0, (returned.get(id) as number) - (decided.get(id) as number)))
}

export async function waiting(run: Run): Promise<void> {
  const some = await wakeUps(run, many(run, 200, 20))
  const [p50, p99] = [percentile(some, 0.5), percentile(some, 0.99)]
  run.say({ metric: 'B2 wake-up p50', unit: 'ms', ours: p50, peer: 650, goal: '<= 10', met: p50 <= 10 })
  run.say({ metric: 'B2 wake-up p99', unit: 'ms', ours: p99, goal: '<= 50', met: p99 <= 50 })
  const waits = many(run, 5_000, 100)
  const late = percentile(await wakeUps(run, waits, true), 0.99)
  run.say({ metric: `B3 wake-up p99, ${waits} waits`, unit: 'ms', ours: late, goal: '<= 250', met: late <= 250 })
}
