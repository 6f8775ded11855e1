// The short form of the chaos (A24, A25, A26): `npm run test:chaos` is the long one. One arena suffers everything in turn; in the end every job is accounted for.
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { root } from '../harness/process.ts'
import { openArena, until } from './arena.ts'
import { settleAccounts, spoken, suffer } from './chaos.ts'
import { backends, exhaustion, killLeader, killWorkers, pin, restart } from './faults.ts'
import { holdUp } from './hold-up.ts'

const say = (line: string) => void process.stdout.write(`chaos: ${line}\n`)

async function built(): Promise<void> {
  const { buildIfStale } = (await import(join(root, 'scripts/build.mjs'))) as { buildIfStale(names: string[]): Promise<void> }
  await buildIfStale(['queue'])
}

test('A24 A25 A26 Q154 whatever breaks, no process ends by itself, what was accepted is settled once or still there, and a dump taken meanwhile holds what was pending', {
  timeout: 180_000,
}, async () => {
  await built()
  const arena = await openArena({
    workers: 2,
    perSecond: 150,
    concurrency: 16,
    handlerMs: 2,
    heartbeat: '400ms',
    lostAfter: '1500ms',
    deadline: '3s',
    settings: { max_connections: '50' },
  })
  onTestFinished(() => arena.close())
  const { queue, ledger } = arena

  // A new one leads when the lease of the old is over: the rest goes on meanwhile.
  const leader = killLeader.strike(arena, 0)
  leader.catch(() => undefined) // it is awaited below, after the others

  // A26: a paused queue, and jobs that run all the while.
  const { waited, missing } = await holdUp(arena, { paused: 500, running: { n: 4, ms: 4_000 }, dumpMs: 500, ms: 0 })
  expect({ waited, missing }).toEqual({ waited: [], missing: [] })

  const lengths = { cleanMs: 300, faultMs: 1_000, afterMs: 300 }
  for (const fault of [restart, backends, exhaustion, pin]) say(spoken(await suffer(arena, fault, lengths)))
  say(`${killLeader.name}: ${await leader}`)
  // Some that are sure to be in the hands of a worker when it is killed.
  const held = await queue.enqueueMany(
    Array.from({ length: 12 }, () => ({ kind: 'chaos', queue: 'chaos', payload: { ms: 1_500 } })),
  )
  for (const id of held) ledger.accepted.set(id, performance.now())
  await until('they run', () => held.every((id) => ledger.started.has(id)))
  say(spoken(await suffer(arena, killWorkers, { ...lengths, cleanMs: 0 })))

  const sums = await settleAccounts(arena)
  const { lost, settledTwice, strange, accepted, terminal, ranAgain } = sums
  say(
    `${accepted} accepted, ${terminal} terminal, ${sums.live} live, ${lost.length} lost; ${ranAgain} ran again, each settled once`,
  )
  expect({ lost, settledTwice, strange, died: arena.died }).toEqual({ lost: [], settledTwice: [], strange: [], died: [] })
  expect(accepted).toBe(terminal + sums.live)
  expect(accepted).toBeGreaterThan(500)
  expect(ranAgain).toBeGreaterThan(0)
  // Since the statistics began anew, which they do when the server did not shut down cleanly.
  expect(await arena.look('select deadlocks::integer as n from pg_stat_database where datname = current_database()', [])).toEqual(
    [{ n: 0 }],
  )
})
