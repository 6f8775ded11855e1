// An answer that has to pass a verifier before it counts (tasks.md 2.3): handed to the first of them, or refused by rules on the spot, in the transaction that
// brought it. Decides nothing: where nothing stands in the way, the caller does.
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import type { Decision } from '../decided.ts'
import type { TasksHouse } from '../house.ts'
import type { NewDecision, TaskRow } from '../sql.ts'
import { isModel } from './config.ts'
import { byOf, factsOfDecision, firstOther, hand, keepRefusal, refusalOf } from './hand.ts'
import { type At, type By, type Held, refuseIfOpen, refuseVote, touch, verifyIfOpen } from './sql.ts'
import { tellHanded, tellRefused } from './tell.ts'
import { understoodAt } from './understood.ts'
import type { Verdict } from './verdict.ts'

/** Null: the task moved on meanwhile. `passed`: nothing stands in the way of the decision. */
export type Hold = { row: TaskRow; state: 'pending' | 'returned' } | 'passed' | null

/** A denial needs no verifier: nothing is done with it. */
export const needsVerifier = ({ row, type }: Pick<Decision, 'row' | 'type'>): boolean =>
  (row.verifier_config?.length ?? 0) > 0 && type !== 'deny' && type !== 'ignore'

/** In the deciding transaction, the task's row locked. The caller stores the decision with the state that this answers. */
export async function holdForVerifiers(
  house: TasksHouse,
  t: Tx,
  decision: Decision,
  decided: NewDecision,
  row: TaskRow,
): Promise<Hold> {
  const { scope } = decision
  const verifiers = row.verifier_config ?? []
  const rules = await firstToAsk(house, t, decision, row)
  if (rules.position === verifiers.length && !rules.refusal) return 'passed'
  const at = { taskId: row.id, decisionId: decided.id, position: rules.position }
  const by = byOf(decided)
  if (row.quorum !== null) return holdVote(house, t, scope, row, at, rules.refusal, by)
  const held: Held = {
    taskId: row.id,
    decisionId: decided.id,
    revision: decision.row.revision,
    outcome: decision.outcome,
    unlessHeldByAnother: decision.steppedIn ? null : decision.person.id,
  }
  if (rules.refusal) {
    const refused = await refuseIfOpen(t, scope, held, await refusalOf(house, t, scope, row, rules.refusal, 1, by))
    if (!refused) return null
    await keepRefusal(house, t, scope, row, at, rules.refusal)
    await tellRefused(house, t, scope, refused, row, at, rules.refusal, by)
    return { row: refused, state: 'returned' }
  }
  const now = await verifyIfOpen(t, scope, held, rules.position)
  if (!now) return null
  await hand(t, scope, now, at)
  await tellHanded(t, scope, now, row, at)
  return { row: now, state: 'pending' }
}

/** Words are for the first model that reads them; an answer that its person took from there needs no second look by that model (T131). */
async function firstToAsk(
  house: TasksHouse,
  t: Tx,
  decision: Decision,
  row: TaskRow,
): Promise<{ position: number; refusal: Verdict | null }> {
  const verifiers = row.verifier_config ?? []
  if (decision.input.raw_text) return { position: verifiers.findIndex(isModel), refusal: null }
  const facts = factsOfDecision(decision)
  const first = await firstOther(house, verifiers, 0, facts)
  const isUnderstood = !first.refusal && first.position === (await understoodAt(t, decision, row))
  return isUnderstood ? firstOther(house, verifiers, first.position + 1, facts) : first
}

/** One vote of several (T16): the task stays open for the others, whatever becomes of this one. */
async function holdVote(
  house: TasksHouse,
  t: Tx,
  scope: Scope,
  row: TaskRow,
  at: At,
  refusal: Verdict | null,
  by: By,
): Promise<Hold> {
  if (refusal) {
    const refused = await refuseVote(t, scope, row.id, await refusalOf(house, t, scope, row, refusal, 1, by))
    if (!refused) return null
    await keepRefusal(house, t, scope, row, at, refusal)
    await tellRefused(house, t, scope, refused, row, at, refusal, by)
    return { row: refused, state: 'returned' }
  }
  const now = await touch(t, scope, row.id)
  if (!now) return null
  await hand(t, scope, now, at)
  await tellHanded(t, scope, now, row, at)
  return { row: now, state: 'pending' }
}
