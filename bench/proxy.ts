// The figures of vault.md §13: `npm run bench -- proxy [row …] [--quick]`. Ours is the product's own process with policy, redaction, events and leases on; direct and peers run
// on the same machine in the same run, in rounds, so that what else the machine does weighs on all. A quick run has smaller counts, meets no goal, and ends with 1 when
// a ratio is below 80 % of its goal or it took longer than it may. What a full run printed is kept and drawn (`--draw`: anew, without a run); `--accept` makes this run the
// one that `--check` holds later ones of its length against.
import type { Figure } from './figure.ts'
import { report } from './figure.ts'
import { ACCEPTED, draw, keep, readKept, settingsOf } from './proxy/results.ts'
import { openRig, type Rig } from './proxy/rig.ts'
import { ROWS, type Row, type RowName } from './proxy/rows.ts'
import { accept, check } from './regression.ts'

const QUICK_MS = 45_000
/** Of the goal of a ratio to direct or to a peer, in a quick run. */
const TOLERATED = 0.8

const args = process.argv.slice(2)
const quick = args.includes('--quick')
const names = Object.keys(ROWS) as RowName[]
const asked = args.filter((arg) => !arg.startsWith('--'))
const unknown = asked.filter((name) => !(names as string[]).includes(name))
if (unknown.length > 0) {
  process.stderr.write(`There is no row ${unknown.join(', ')}; there are ${names.join(', ')}.\n`)
  process.exit(2)
}

/** What a ratio must not fall below in a quick run: the others are held to their goal by full runs alone. */
const isFarBelow = ({ ours, peer, goal }: Figure): boolean => {
  const [, least] = /^>= ([\d.]+)$/.exec(goal ?? '') ?? []
  return least !== undefined && peer !== null && ours < Number(least) * TOLERATED * peer
}

if (args.includes('--draw')) {
  draw(readKept())
  process.exit(0)
}

const settings = settingsOf(quick)
const begun = performance.now()
const told = new Map<string, Figure[]>()
let current: Figure[] = []
const faults: string[] = []
const say = (figure: Figure): void => {
  report(quick ? { ...figure, met: null } : figure)
  current.push(figure)
  if (quick && isFarBelow(figure)) faults.push(`${figure.bench} ${figure.metric}: below ${TOLERATED * 100} % of ${figure.goal}`)
}
let rig: Rig | null = null
try {
  for (const name of asked.length > 0 ? (asked as RowName[]) : names) {
    process.stderr.write(`— ${name}\n`)
    current = []
    told.set(name, current)
    const row: Row = ROWS[name]
    if (row.alone) await row.alone({ quick, say })
    else {
      rig ??= await openRig()
      await row.measure(rig, { quick, say })
    }
  }
} finally {
  await rig?.close()
}
const ms = performance.now() - begun
if (quick && asked.length === 0 && ms > QUICK_MS)
  faults.push(`the quick run took ${Math.round(ms / 1_000)} s, where 45 s are allowed`)
if (!quick) keep(settings, told)
const length = quick ? 'quick' : 'full'
const figures = [...told.values()].flat()
if (args.includes('--check')) faults.push(...check(ACCEPTED, length, figures))
if (args.includes('--accept')) accept(ACCEPTED, length, settings, figures)
for (const fault of faults) process.stderr.write(`WORSE: ${fault}\n`)
if (faults.length > 0) process.exitCode = 1
