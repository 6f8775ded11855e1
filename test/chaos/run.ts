// npm run test:chaos [-- --short]: the long form of the chaos (A24, A25): each fault with 30 s clean, 60 s of it, 60 s after, at a steady rate with
// the workers' own default times. Prints recovery and losses; ends with 1 when something was lost, settled twice or did not come back.
import { setTimeout as pause } from 'node:timers/promises'
import { openArena } from './arena.ts'
import { settleAccounts, spoken, suffer } from './chaos.ts'
import { backends, exhaustion, type Fault, killLeader, killWorkers, pin, restart } from './faults.ts'

const IS_SHORT = process.argv.includes('--short')
const LENGTHS = IS_SHORT
  ? { cleanMs: 3_000, faultMs: 6_000, afterMs: 4_000 }
  : { cleanMs: 30_000, faultMs: 60_000, afterMs: 60_000 }
const PIN_MS = IS_SHORT ? 6_000 : 240_000
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
const perSecond = IS_SHORT ? 200 : 800
const arena = await openArena({
  workers: 3,
  perSecond,
  concurrency: 32,
  handlerMs: 2,
  heartbeat: '5s',
  lostAfter: '15s',
  deadline: '20s',
  settings: { max_connections: '200' },
})
let good = true
const complain = (what: string) => {
  good = false
  process.stdout.write(`  NOT GOOD: ${what}\n`)
}
try {
  await pause(2_000)
  for (const [fault, faultMs] of FAULTS) {
    const suffered = await suffer(arena, fault, { ...LENGTHS, faultMs })
    process.stdout.write(`${spoken(suffered)}\n`)
    // The producers are steady: what is offered is what can come, so that the clean rate is theirs.
    if (suffered.recoveredMs > BACK_MS) complain(`back only after ${suffered.recoveredMs} ms`)
    if (!IS_SHORT && suffered.after < SHARE * suffered.clean) complain('less than 98 % of the clean rate')
  }
  const { accepted, terminal, live, lost, settledTwice, strange, ranAgain } = await settleAccounts(arena)
  process.stdout.write(
    `${accepted} accepted = ${terminal} terminal + ${live} live; lost ${lost.length}, settled twice ${settledTwice.length}, from nowhere ${strange.length}; ${ranAgain} ran again\n`,
  )
  if (accepted !== terminal + live || lost.length + settledTwice.length + strange.length > 0) complain('the accounts')
  for (const line of arena.died) complain(line)
} finally {
  await arena.close()
}
process.exit(good ? 0 : 1)
