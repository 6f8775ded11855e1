// The figures of tasks.md §14: `npm run bench -- tasks [B1 B2 …] [--quick] [--servers n] [--pooled] [--share x] [--check|--accept] [--draw]`. Server processes, PostgreSQL and
// load share the machine's cores here, so the figures are a floor. The peer's are its recorded ones: it cannot be installed from npm. A run that is not --quick is
// made with one process, with three, and with three through PgBouncer where the machine has it (T169; `--servers n`: with so many; `--pooled`: also so), kept under bench/results and drawn in docs/benchmarks/tasks.md. With --check it ends with 1 when a figure is
// more than 20 % worse than the last published one, which --accept writes, or when a quick run took too long.
import { cpus, loadavg, totalmem } from 'node:os'
import { findPgBouncer } from '../test/chaos/pgbouncer.ts'
import { type Figure, report } from './figure.ts'
import { accept, check, type Length } from './regression.ts'
import { startBench } from './server.ts'
import { inbox, stats } from './tasks/inbox.ts'
import type { Run } from './tasks/load.ts'
import { deadlines, deliveries, openReceiver, type Receiver } from './tasks/moments.ts'
import { type Name, type Options, readOptions, SCENARIOS } from './tasks/options.ts'
import { draw, keep, PUBLISHED, readKept, type Settings } from './tasks/results.ts'
import { creates, decisions } from './tasks/throughput.ts'
import { waiting } from './tasks/waits.ts'

const QUICK_MS = 45_000

async function play({ names, quick, share, servers, pooled, ...own }: Options): Promise<void> {
  const begun = performance.now()
  const told: Figure[] = []
  for (const pass of passesOf(servers, pooled)) {
    const settings = settingsOf(share, pass.servers)
    const figures = await perform({ names, quick, share }, pass)
    told.push(...figures)
    if (!quick && pass.pgbouncer === null) keep(settings, figures)
  }
  const length: Length = quick ? 'quick' : 'full'
  const faults = own.check ? check(PUBLISHED, length, told) : []
  const ms = performance.now() - begun
  if (quick && names.length === SCENARIOS.length && ms > QUICK_MS)
    faults.push(`the quick run took ${Math.round(ms / 1000)} s, where 45 s are allowed`)
  for (const fault of faults) process.stderr.write(`WORSE: ${fault}\n`)
  if (own.check && faults.length > 0) process.exitCode = 1
  if (own.accept) accept(PUBLISHED, length, settingsOf(share, servers[0] as number), told)
}

type Pass = { servers: number; pgbouncer: string | null }

function passesOf(servers: readonly number[], pooled: boolean): Pass[] {
  const direct = servers.map((count) => ({ servers: count, pgbouncer: null }))
  if (!pooled) return direct
  const pgbouncer = findPgBouncer()
  if (pgbouncer === null)
    process.stderr.write('PgBouncer is not on this machine (PGBOUNCER names it): nothing is measured through it\n')
  return pgbouncer === null ? direct : [...direct, { servers: Math.max(...servers), pgbouncer }]
}

/** What is asked of several processes is what they could break: B1 to B5 (T169). */
const AMONG_SEVERAL: readonly Name[] = ['B1', 'B2', 'B4', 'B5']

async function perform(
  { names, quick, share }: Pick<Options, 'names' | 'quick' | 'share'>,
  { servers, pgbouncer }: Pass,
): Promise<Figure[]> {
  const told: Figure[] = []
  const suffix = `${servers === 1 ? '' : `, ${servers} processes`}${pgbouncer === null ? '' : ', through PgBouncer'}`
  const receiver = await openReceiver()
  const bench = await startBench(
    {
      COUNTERSIGN_EGRESS_ALLOW: `127.0.0.1:${receiver.port}`,
      COUNTERSIGN_EGRESS_HTTP: '1',
      COUNTERSIGN_EGRESS_LITERALS: '1',
    },
    servers,
    pgbouncer,
  )
  const say: Run['say'] = ({ metric, peer = null, met, ...rest }) => {
    const whole = {
      ...{ bench: 'tasks', metric: `${metric}${suffix}`, ...rest, peer, peer_name: peer === null ? null : PEER_NAME },
      // Only a full run meets a goal.
      met: share < 1 || quick ? null : met,
    }
    told.push(whole)
    report(whole)
  }
  const run: Run = { bench, quick, share, say }
  try {
    for (const name of names) {
      if ((servers > 1 || pgbouncer !== null) && !AMONG_SEVERAL.includes(name)) continue
      process.stderr.write(`${name}${suffix} …\n`)
      for (const part of PARTS[name]) await part(run, receiver)
    }
  } finally {
    await bench.stop()
    receiver.close()
  }
  return told
}

const PEER_NAME = 'awaithumans 0.1.4 (recorded)'
const PARTS: Record<Name, readonly ((run: Run, receiver: Receiver) => Promise<void>)[]> = {
  B1: [creates],
  B2: [waiting],
  B4: [deliveries],
  B5: [deadlines],
  B6: [stats, inbox],
  B7: [decisions],
}

const settingsOf = (share: number, servers: number): Settings => ({
  ...{ at: new Date().toISOString(), share, servers, node: process.version },
  ...{ cpu: `${cpus().length} × ${cpus()[0]?.model.trim()}`, memory_gb: Math.round(totalmem() / 2 ** 30) },
  // Of whoever else uses the machine, in the minute before.
  load_before: Number((loadavg()[0] ?? 0).toFixed(1)),
  postgresql: 'the embedded one, with its settings for one small box',
})

const options = readOptions(process.argv.slice(2))
if (options.draw) draw(readKept())
else await play(options)
