// The figures of queue.md §11: `npm run bench -- queue [B1 B4 …] [--quick] [--peer graphile-worker|pg-boss|none] [--rounds n] [--share x] [--check|--accept]`.
// Ours and the peers take turns in one run, on one PostgreSQL of its own, and every job is accounted for or the run ends. Server, PostgreSQL and load share
// the machine's cores, so the figures are a floor. A run that is not --quick is kept under bench/results and drawn in docs/benchmarks/queue.md (`--draw`:
// drawn anew from what was kept). With --check it ends with 1 when a ratio is below 70 % of the last accepted one, or a quick scenario took too long.
import type { Figure } from './figure.ts'
import { accept, check, type Length } from './queue/accepted.ts'
import { type Options, readOptions } from './queue/options.ts'
import { ACCEPTED, draw, keep, readKept } from './queue/results.ts'
import { perform, type Run, type Scenario, teller } from './queue/scenario.ts'
import { SCENARIOS, SETTINGS } from './queue/scenarios.ts'
import { openStage } from './queue/stage.ts'

const options: Options = readOptions(process.argv.slice(2))
if (options.draw) draw(readKept())
else await play(options)

async function play({ names, quick, share, rounds, peers, ...own }: Options): Promise<void> {
  const chosen: Scenario[] = SCENARIOS.filter(({ name, isQuick }) =>
    names.length > 0 ? names.includes(name) : !quick || isQuick,
  )
  const full = !quick && share === 1 && rounds >= 3
  const told: Figure[] = []
  const faults: string[] = []
  const stage = await openStage()
  try {
    const shrunk = (whole: number, short: number) => (quick ? short : Math.max(short, Math.round(whole * share)))
    const run: Run = { stage, quick, peers, rounds, full, ms: shrunk, count: shrunk, say: teller(full, told) }
    const settings = { at: new Date().toISOString(), quick, share, rounds, ...(await stage.settings()), ...SETTINGS }
    process.stdout.write(`${JSON.stringify({ bench: 'queue', settings })}\n`)
    for (const scenario of chosen) {
      process.stderr.write(`${scenario.name} ${scenario.title} …\n`)
      const overdue = await perform(scenario, run)
      if (overdue) faults.push(overdue)
    }
    if (!quick) keep(settings, told)
    const length: Length = quick ? 'quick' : 'full'
    if (own.check) faults.push(...check(ACCEPTED, length, told))
    if (own.accept) accept(ACCEPTED, length, settings, told)
  } finally {
    await stage.close()
  }
  for (const fault of faults) process.stderr.write(`NOT GOOD: ${fault}\n`)
  if (own.check && faults.length > 0) process.exitCode = 1
}
