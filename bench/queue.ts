// The figures of queue.md §11: `npm run bench -- queue [B1 B4 …] [--quick] [--peer graphile-worker|pg-boss|none] [--rounds n] [--share x] [--check]`.
// Ours and the peers take turns in one run, on one PostgreSQL of its own, and every job is accounted for or the run ends. Server, PostgreSQL and load share
// the machine's cores, so the figures are a floor. A run that is not --quick is kept under bench/results and drawn in docs/benchmarks/queue.md.
import type { Figure } from './figure.ts'
import { type Options, readOptions } from './queue/options.ts'
import { judge, keep } from './queue/results.ts'
import { type Run, type Scenario, teller } from './queue/scenario.ts'
import { SCENARIOS, SETTINGS } from './queue/scenarios.ts'
import { openStage } from './queue/stage.ts'

const options: Options = readOptions(process.argv.slice(2))
const chosen: Scenario[] = SCENARIOS.filter(({ name, isQuick }) =>
  options.names.length > 0 ? options.names.includes(name) : !options.quick || isQuick,
)
const full = !options.quick && options.share === 1 && options.rounds >= 3
const told: Figure[] = []
const stage = await openStage()
try {
  const shrunk = (whole: number, quick: number) => (options.quick ? quick : Math.max(quick, Math.round(whole * options.share)))
  const run: Run = {
    stage,
    quick: options.quick,
    peers: options.peers,
    rounds: options.rounds,
    full,
    ms: shrunk,
    count: shrunk,
    say: teller(full, told),
  }
  const { quick, share, rounds } = options
  const settings = { at: new Date().toISOString(), quick, share, rounds, ...(await stage.settings()), ...SETTINGS }
  process.stdout.write(`${JSON.stringify({ bench: 'queue', settings })}\n`)
  for (const scenario of chosen) {
    process.stderr.write(`${scenario.name} ${scenario.title} …\n`)
    await scenario.perform(run)
  }
  if (!options.quick) keep(settings, told)
  if (options.check && !judge(told)) process.exitCode = 1
} finally {
  await stage.close()
}
