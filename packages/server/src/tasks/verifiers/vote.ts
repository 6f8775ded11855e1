// One vote of several on its way past the verifiers (T16): the task stays open meanwhile, the decision waits, and counts once it passed. The task's row is
// locked first, and the run that waits is ended by whoever settles it: zero rows, and somebody else was there.
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import type { TasksHouse } from '../house.ts'
import { lockIfOpen } from '../quorum/sql.ts'
import { recount } from '../quorum/vote.ts'
import type { TaskRow } from '../sql.ts'
import type { Verifier } from './config.ts'
import { byOf, decisionOf, factsOf, firstOther, hand, keepRefusal, refusalOf, sealedVerdict } from './hand.ts'
import { type At, endRun, refuseVote, setDecisionState, touch } from './sql.ts'
import { type How, tellRefused, tellVerified } from './tell.ts'
import { isWords } from './understood.ts'
import type { Verdict } from './verdict.ts'

export async function settleVote(
  house: TasksHouse,
  t: Tx,
  scope: Scope,
  seen: TaskRow,
  at: At,
  how: How,
): Promise<TaskRow | null> {
  const row = await lockIfOpen(t, scope, seen.id)
  if (!row) return null
  const ended = await endRun(t, scope, at, how.state, await sealedVerdict(house, t, scope, at, how.verdict), how.spent)
  if (ended === 0) return null
  if (how.state === 'refused' || how.state === 'returned' || isWords(await decisionOf(t, scope, at)))
    return refuse(house, t, scope, row, at, how.verdict, how.state === 'refused' ? 1 : 0)
  const verifiers: readonly Verifier[] = row.verifier_config ?? []
  const next = how.state === 'overridden' ? verifiers.length : at.position + 1
  const rest = await firstOther(house, verifiers, next, await factsOf(house, t, scope, row, at))
  if (rest.refusal) {
    await keepRefusal(house, t, scope, row, { ...at, position: rest.position }, rest.refusal)
    return refuse(house, t, scope, row, at, rest.refusal, 1)
  }
  if (rest.position < verifiers.length) {
    await hand(t, scope, row, { ...at, position: rest.position })
    return touch(t, scope, row.id)
  }
  await setDecisionState(t, scope, at.decisionId, 'counted')
  await tellVerified(t, scope, row, at, how)
  return (await recount(house, t, scope, row, { data: { decision_id: at.decisionId } })).row
}

async function refuse(
  house: TasksHouse,
  t: Tx,
  scope: Scope,
  row: TaskRow,
  at: At,
  verdict: Verdict,
  uses: 0 | 1,
): Promise<TaskRow | null> {
  const by = byOf(await decisionOf(t, scope, at))
  const refused = await refuseVote(t, scope, row.id, await refusalOf(house, t, scope, row, verdict, uses, by))
  if (!refused) return null
  await setDecisionState(t, scope, at.decisionId, 'returned')
  await tellRefused(house, t, scope, refused, row, at, verdict, by)
  return refused
}
