// The figures of relay.md §13: `npm run bench -- relay [card accept claim …] [--quick] [--check] [--keep]`. Server, PostgreSQL and load share the machine's cores, so the figures are a
// floor. With --check it ends with 1 when a figure that has a goal is more than 25 % worse than the median of the last five runs of its length that --keep put in bench/results/relay.json,
// or when a quick run of all rows took too long (R129). With both it is held against those before it, and kept in any case.
import { cpus, loadavg, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { type Figure, report } from './figure.ts'
import { checkKept, keepLast } from './regression.ts'
import { a2a } from './relay/a2a.ts'
import { accept } from './relay/accept.ts'
import { card } from './relay/card.ts'
import { claims } from './relay/claim.ts'
import { deliver } from './relay/deliver.ts'
import { openEcho } from './relay/echo.ts'
import { type Options, ROWS, type Row, readOptions } from './relay/options.ts'
import { revoke } from './relay/revoke.ts'
import { connect, type Run } from './relay/rig.ts'
import { streams } from './relay/streams.ts'
import { startBench } from './server.ts'

const MEASURES: Record<Row, (run: Run) => Promise<void>> = { streams, card, a2a, deliver, revoke, claim: claims, accept }
const QUICK_MS = 45_000
const KEPT = fileURLToPath(new URL('results/relay.json', import.meta.url))

async function play({ names, quick, ...own }: Options): Promise<void> {
  const settings = settingsOf()
  const begun = performance.now()
  const figures = await perform(names.length > 0 ? names : ROWS, quick)
  const ms = performance.now() - begun
  const length = quick ? 'quick' : 'full'
  const isSlow = quick && names.length === 0 && ms > QUICK_MS
  const faults = isSlow ? [`the quick run took ${Math.round(ms / 1000)} s, where 45 s are allowed`] : []
  const worse = own.check ? checkKept(KEPT, length, figures) : []
  for (const fault of [...faults, ...worse]) process.stderr.write(`WORSE: ${fault}\n`)
  if (own.check && faults.length + worse.length > 0) process.exitCode = 1
  if (own.keep) keepLast(KEPT, length, settings, figures)
}

async function perform(rows: readonly Row[], quick: boolean): Promise<Figure[]> {
  const told: Figure[] = []
  const timed = async (what: string, act: () => Promise<void>) => {
    process.stderr.write(`${what} …\n`)
    const at = performance.now()
    await act()
    process.stderr.write(`${what}: ${((performance.now() - at) / 1000).toFixed(1)} s\n`)
  }
  const echo = await openEcho()
  const bench = await startBench({ COUNTERSIGN_EGRESS_ALLOW: `127.0.0.1:${echo.port}`, COUNTERSIGN_EGRESS_HTTP: '1' })
  const admin = await connect(bench)
  const say: Run['say'] = ({ met, peer = null, peer_name = null, ...rest }) => {
    // Only a full run meets a goal.
    const figure = { bench: 'relay', ...rest, peer, peer_name, met: quick ? null : met }
    told.push(figure)
    report(figure)
  }
  const run: Run = { bench, admin, quick, echo, say }
  try {
    for (const row of rows) await timed(row, () => MEASURES[row](run))
  } finally {
    await admin.end()
    await bench.stop()
    echo.close()
  }
  return told
}

const settingsOf = () => ({
  ...{ at: new Date().toISOString(), node: process.version, cpu: `${cpus().length} × ${cpus()[0]?.model.trim()}` },
  // Of whoever else uses the machine, in the minute before.
  ...{ memory_gb: Math.round(totalmem() / 2 ** 30), load_before: Number((loadavg()[0] ?? 0).toFixed(1)) },
})

const options = readOptions(process.argv.slice(2))
if (typeof options === 'string') {
  process.stderr.write(`${options}\nusage: npm run bench -- relay [row …] [--quick] [--check] [--keep]\n`)
  process.exit(2)
}
await play(options)
