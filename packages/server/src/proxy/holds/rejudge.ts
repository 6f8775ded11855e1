// What waits is judged again after every change of what it was judged by (V107): the grant, the connection, the definition, the policies. What may not go out like
// this any more is closed, and its people are told. What stands may be used under what counts now.
import { type Scope, systemScope } from '../../db/scope.ts'
import { once, tx } from '../../db/tx.ts'
import type { GateHouse } from '../gate/house.ts'
import { closeIfLive } from './end.ts'
import { asksPeople, isStricter, judgeStored } from './judge.ts'
import { findHold, holdsToRejudge, keepJudged, keepRevision } from './sql.ts'
import { holdKey, openStored } from './stored.ts'

const AT_ONCE = 200

/** Answers how many were closed. */
export async function rejudgeHolds(house: GateHouse): Promise<number> {
  const { db } = house.vault
  let closed = 0
  for (;;) {
    const due = await once<{ tenant_id: string; id: string }>(db, holdsToRejudge(AT_ONCE))
    for (const { tenant_id, id } of due) if (await rejudge(house, systemScope('proxy', tenant_id), id)) closed += 1
    if (due.length < AT_ONCE) return closed
  }
}

/** True: it was closed. */
const rejudge = (house: GateHouse, scope: Scope, id: string): Promise<boolean> =>
  tx(house.vault.db, scope, async (t) => {
    const row = await findHold(t, scope, id)
    if (!row?.request || (row.state !== 'open' && row.state !== 'agreed')) return false
    const stored = openStored(await holdKey(house, t, scope, row.task_id), scope, id, row.request)
    const judgement = await judgeStored(house, t, scope, stored)
    // Its run is over, or its agent may not act: so nothing of it goes out.
    if (!judgement) return (await closeIfLive(house, t, scope, row, 'run_ended')) !== null
    const { view, judged } = judgement
    if (isStricter(judged, row)) return (await closeIfLive(house, t, scope, row, 'rejudged')) !== null
    if (!asksPeople(judged)) {
      await keepRevision(t, scope, id, view.revision)
      return false
    }
    const { grant } = judged.use
    const under = { grantId: grant.id, grantGeneration: grant.generation, policyVersion: judged.policy.policy_version }
    await keepJudged(t, scope, id, { revision: view.revision, ...under })
    return false
  })
