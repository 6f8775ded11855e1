// What became of an answer that lies with a verifier (tasks.md 2.3, T12, T126–T132): completed, handed on, returned, or exhausted. Every transition names the
// answer and the verifier whose word it is, so that of a job, an agent, an operator and a deadline one acts. Sends nothing.
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import { openContents, sealValue } from '../content.ts'
import { enqueueExpiries } from '../deadline.ts'
import type { TasksHouse } from '../house.ts'
import { answerBy } from '../quorum/answer.ts'
import { taskTopic, tellOfEnd } from '../settle.ts'
import type { TaskRow } from '../sql.ts'
import { byOf, decisionOf, factsOf, firstOther, hand, keepRefusal, refusalOf, sealedVerdict } from './hand.ts'
import { type At, advanceIfVerifying, completeIfVerifying, endRun, refuseIfVerifying, setDecisionState } from './sql.ts'
import { type How, tellRefused, tellVerified } from './tell.ts'
import { backToWriter, isWords } from './understood.ts'
import { settleVote } from './vote.ts'

/** Null: somebody else settled it. Else the task as it is now. */
export async function settleVerification(
  house: TasksHouse,
  t: Tx,
  scope: Scope,
  row: TaskRow,
  at: At,
  given: How,
): Promise<TaskRow | null> {
  const words = isWords(await decisionOf(t, scope, at))
  const how = words ? backToWriter(given) : given
  if (row.quorum !== null) return settleVote(house, t, scope, row, at, how)
  if (words || how.state === 'refused' || how.state === 'returned') return giveBack(house, t, scope, row, at, how)
  const verifiers = row.verifier_config ?? []
  const next = how.state === 'overridden' ? verifiers.length : at.position + 1
  const rest = await firstOther(house, verifiers, next, await factsOf(house, t, scope, row, at))
  if (rest.refusal) {
    await endRun(t, scope, at, how.state, await sealedVerdict(house, t, scope, at, how.verdict), how.spent)
    const back = await giveBack(house, t, scope, row, at, { verdict: rest.refusal, state: 'refused', spent: null })
    if (back) await keepRefusal(house, t, scope, row, { ...at, position: rest.position }, rest.refusal)
    return back
  }
  if (rest.position < verifiers.length) {
    const on = await advanceIfVerifying(t, scope, at, rest.position)
    if (!on) return null
    await endRun(t, scope, at, how.state, await sealedVerdict(house, t, scope, at, how.verdict), how.spent)
    await hand(t, scope, on, { ...at, position: rest.position })
    t.wake(taskTopic(row.id))
    return on
  }
  return complete(house, t, scope, row, at, how)
}

async function complete(house: TasksHouse, t: Tx, scope: Scope, row: TaskRow, at: At, how: How): Promise<TaskRow | null> {
  const decision = await decisionOf(t, scope, at)
  const opener = await openContents(house, t, scope, [row.id])
  const answer = answerBy(row, opener.task(row), decision, opener.decision(decision))
  const seal = (column: string, value: unknown) => sealValue(opener.key(row.id), scope, 'tasks', column, row.id, value)
  const done = await completeIfVerifying(t, scope, at, {
    response: answer === null ? null : seal('response', answer),
    result: seal('verifier_result', how.verdict),
    by: byOf(decision),
  })
  if (!done) return null
  await endRun(t, scope, at, how.state, await sealedVerdict(house, t, scope, at, how.verdict), how.spent)
  await setDecisionState(t, scope, at.decisionId, 'counted')
  await tellVerified(t, scope, row, at, how)
  await tellOfEnd(house, t, scope, done, row.status, {
    decision_id: decision.id,
    type: decision.type,
    stepped_in: decision.stepped_in,
    fields: typeof answer === 'object' && answer !== null ? Object.keys(answer) : [],
    decision_sha256: decision.decision_sha256.toString('hex'),
  })
  return done
}

async function giveBack(house: TasksHouse, t: Tx, scope: Scope, row: TaskRow, at: At, how: How): Promise<TaskRow | null> {
  const decision = await decisionOf(t, scope, at)
  const refusal = await refusalOf(house, t, scope, row, how.verdict, how.state === 'refused' ? 1 : 0, byOf(decision))
  const back = await refuseIfVerifying(t, scope, at, refusal)
  if (!back) return null
  await endRun(t, scope, at, how.state, await sealedVerdict(house, t, scope, at, how.verdict), how.spent)
  await setDecisionState(t, scope, at.decisionId, 'returned')
  // Its deadline lies elsewhere now: the job that looked at it sleeps until the hour is over.
  if (back.status === 'returned') await enqueueExpiries(t, scope, [back])
  await tellRefused(house, t, scope, back, row, at, how.verdict, byOf(decision))
  return back
}
