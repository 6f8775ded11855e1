// A29: everything through a transaction-mode pooler of five server connections: our own small one always, and PgBouncer where the machine has it.

import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { root } from '../harness/process.ts'
import { openArena, recovered } from './arena.ts'
import { settleAccounts } from './chaos.ts'
import { stopLeader } from './faults.ts'
import { findPgBouncer, openPgBouncer } from './pgbouncer.ts'
import { openPooler, type Pooler } from './pooler.ts'

const SERVERS = 5
/** Without LISTEN a process looks every 200 ms at least; one that believed in a LISTEN would look each second. Twice that leaves room for a busy machine. */
const CEILING_MS = 2 * 200

async function prove(open: (url: string) => Promise<Pooler>): Promise<void> {
  const { buildIfStale } = (await import(join(root, 'scripts/build.mjs'))) as { buildIfStale(names: string[]): Promise<void> }
  await buildIfStale(['queue'])
  let pooler: Pooler | undefined
  const arena = await openArena({
    workers: 3,
    perSecond: 20,
    concurrency: 8,
    handlerMs: 1,
    heartbeat: '400ms',
    lostAfter: '1500ms',
    deadline: '5s',
    through: async (url) => {
      pooler = await open(url)
      return { url: pooler.url, listen: true }
    },
  })
  onTestFinished(async () => {
    await arena.close()
    await pooler?.close()
  })
  const { ledger, fighters } = arena
  await pause(1_500)
  await recovered(arena)
  const healths = await Promise.all(fighters.map((fighter) => fighter.health()))
  for (const { degraded, ready } of healths) {
    expect(ready).toBe(true)
    expect(degraded).toContain('listen')
  }
  const median = ledger.waits.toSorted((a, b) => a - b)[ledger.waits.length >> 1] as number
  expect(median).toBeLessThan(CEILING_MS)

  const said = await stopLeader.strike(arena, 0)
  await pooler?.restart()
  const back = await recovered(arena)
  const { lost, settledTwice, strange, accepted } = await settleAccounts(arena)
  process.stdout.write(
    `chaos: behind a pooler: half start within ${Math.round(median)} ms, ${said}, all settled ${Math.round(back)} ms after its restart; ${accepted} accepted, ${lost.length} lost\n`,
  )
  expect({ lost, settledTwice, strange, died: arena.died }).toEqual({ lost: [], settledTwice: [], strange: [], died: [] })
}

test(
  'A29 Q69 behind a transaction-mode pooler jobs start within the poll ceiling, leadership changes, health says degraded, and work resumes after its restart',
  {
    timeout: 120_000,
  },
  () => prove((url) => openPooler(url, SERVERS)),
)

const pgbouncer = findPgBouncer()
if (pgbouncer)
  test('A29 Q69 behind PgBouncer in transaction mode the same holds', { timeout: 120_000 }, () =>
    prove((url) => openPgBouncer(pgbouncer, url, SERVERS)),
  )
