// What a clock moves on: approvals that nobody used, requests that were let out and of which nobody said what came, and what waits for a run that is over.
import { systemScope } from '../../db/scope.ts'
import { once, tx } from '../../db/tx.ts'
import type { GateHouse } from '../gate/house.ts'
import { closeIfLive, lapse } from './end.ts'
import { findHold, holdsDue, pruneOpenings, settleIf } from './sql.ts'
import { holdTopic } from './wait.ts'

const AT_ONCE = 200
const PRUNED_AT_ONCE = 1_000

type Due = { tenant_id: string; id: string; due: 'unknown' | 'lapsed' | 'run_ended' }

/** Answers how many moved. */
export async function sweepHolds(house: GateHouse): Promise<number> {
  const { db } = house.vault
  let moved = 0
  for (;;) {
    const due = await once<Due>(db, holdsDue(AT_ONCE))
    for (const one of due) {
      await move(house, one)
      moved += 1
    }
    if (due.length < AT_ONCE) break
  }
  await once(db, pruneOpenings(PRUNED_AT_ONCE))
  return moved
}

const move = (house: GateHouse, { tenant_id, id, due }: Due): Promise<void> => {
  const scope = systemScope('proxy', tenant_id)
  return tx(house.vault.db, scope, async (t) => {
    const row = await findHold(t, scope, id)
    if (!row) return
    if (due === 'lapsed') await lapse(t, scope, row)
    else if (due === 'run_ended') await closeIfLive(house, t, scope, row, 'run_ended')
    // Nothing is sent again by itself: the next one like it is asked anew, and its people read that this one may have been done (V106).
    else if (await settleIf(t, scope, id, { state: 'unknown', from: ['spent'] })) t.wake(holdTopic(id))
  })
}
