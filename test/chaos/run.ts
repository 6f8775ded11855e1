// npm run test:chaos [-- --short] [-- --faults|--hold-up]: the long form of the chaos. A24, A25: each fault with 30 s clean, 60 s of it, 60 s after, at a steady
// rate with the workers' own default times. A26: a paused queue of a million jobs, jobs of ten minutes and a dump, beside 2,000 jobs a second for ten minutes.
// Prints recovery, losses and the disk; ends with 1 when something was lost, settled twice, did not come back, or the disk went on growing.
import { setTimeout as pause } from 'node:timers/promises'
import { type Arena, type ArenaOptions, openArena } from './arena.ts'
import { settleAccounts, spoken, suffer } from './chaos.ts'
import { backends, exhaustion, type Fault, killLeader, killWorkers, pin, restart } from './faults.ts'
import { holdUp, levelsOff, type Sizes } from './hold-up.ts'

const IS_SHORT = process.argv.includes('--short')
const LENGTHS = IS_SHORT
  ? { cleanMs: 3_000, faultMs: 6_000, afterMs: 4_000 }
  : { cleanMs: 30_000, faultMs: 60_000, afterMs: 60_000 }
const PIN_MS = IS_SHORT ? 6_000 : 240_000
const MINUTE = 60_000
const HOLD_UP: Sizes = IS_SHORT
  ? { paused: 20_000, running: { n: 4, ms: 20_000 }, dumpMs: 10_000, ms: 30_000 }
  : { paused: 1_000_000, running: { n: 4, ms: 10 * MINUTE }, dumpMs: 2 * MINUTE, ms: 10 * MINUTE }
const BACK_MS = 30_000
const SHARE = 0.98
const FAULTS: [Fault, number][] = [
  [restart, LENGTHS.faultMs],
  [backends, LENGTHS.faultMs],
  [exhaustion, LENGTHS.faultMs],
  [killWorkers, LENGTHS.faultMs],
  [killLeader, 0],
  [pin, PIN_MS],
]

const { buildIfStale } = (await import(new URL('../../scripts/build.mjs', import.meta.url).href)) as {
  buildIfStale(names: string[]): Promise<void>
}
await buildIfStale(['queue'])
let good = true
const say = (line: string) => void process.stdout.write(`${line}\n`)
const complain = (what: string) => {
  good = false
  say(`  NOT GOOD: ${what}`)
}

async function inArena(own: Partial<ArenaOptions>, play: (arena: Arena) => Promise<void>): Promise<void> {
  const arena = await openArena({
    workers: 3,
    perSecond: IS_SHORT ? 200 : 800,
    concurrency: 32,
    handlerMs: 2,
    heartbeat: '5s',
    lostAfter: '15s',
    deadline: '20s',
    settings: { max_connections: '200' },
    ...own,
  })
  try {
    await pause(2_000)
    await play(arena)
    const { accepted, terminal, live, lost, settledTwice, strange, ranAgain } = await settleAccounts(arena)
    say(
      `${accepted} accepted = ${terminal} terminal + ${live} live; lost ${lost.length}, settled twice ${settledTwice.length}, from nowhere ${strange.length}; ${ranAgain} ran again`,
    )
    if (accepted !== terminal + live || lost.length + settledTwice.length + strange.length > 0) complain('the accounts')
    for (const line of arena.died) complain(line)
  } finally {
    await arena.close()
  }
}

async function hurt(arena: Arena): Promise<void> {
  for (const [fault, faultMs] of FAULTS) {
    const suffered = await suffer(arena, fault, { ...LENGTHS, faultMs })
    say(spoken(suffered))
    // The producers are steady: what is offered is what can come, so that the clean rate is theirs.
    if (suffered.recoveredMs > BACK_MS) complain(`back only after ${suffered.recoveredMs} ms`)
    if (!IS_SHORT && suffered.after < SHARE * suffered.clean) complain('less than 98 % of the clean rate')
  }
}

async function hold(arena: Arena): Promise<void> {
  const before = arena.ledger.settledAt.length
  const begun = performance.now()
  const { disk, waited, missing } = await holdUp(arena, HOLD_UP)
  const rate = ((arena.ledger.settledAt.length - before) / (performance.now() - begun)) * 1_000
  const [first, most, last] = [disk[0] ?? Number.NaN, Math.max(...disk), disk.at(-1) ?? Number.NaN].map((bytes) =>
    (bytes / 2 ** 20).toFixed(0),
  )
  say(
    `held up by ${HOLD_UP.paused} paused jobs, long ones and a dump: ${Math.round(rate)} jobs/s; disk ${first} MiB, at most ${most}, in the end ${last}; ${waited.length} claims waited, ${missing.length} jobs are not in the dump`,
  )
  if (missing.length > 0) complain(`the dump lacks ${missing.slice(0, 3).join(', ')} …`)
  if (waited.length > 0) complain(`claims waited for a lock: ${waited[0]}`)
  if (!IS_SHORT && !levelsOff(disk)) complain(`the disk goes on growing: ${disk.join(' ')}`)
}

const isChosen = (name: string) =>
  process.argv.includes(name) || !process.argv.some((arg) => arg === '--faults' || arg === '--hold-up')
if (isChosen('--faults')) await inArena({}, hurt)
if (isChosen('--hold-up')) await inArena(IS_SHORT ? {} : { perSecond: 2_000 }, hold)
process.exit(good ? 0 : 1)
