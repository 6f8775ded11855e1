// What verifications of single answers and of votes have in common: rules on the spot, the run that waits and its job, and what is kept of a verdict.
import { enqueueMany } from '@countersign/queue'
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import { newId } from '../../std/id.ts'
import { openContents, sealValue } from '../content.ts'
import type { Decision } from '../decided.ts'
import type { TasksHouse } from '../house.ts'
import { answerBy } from '../quorum/answer.ts'
import { type DecisionRow, findDecisions, type NewDecision, type TaskRow } from '../sql.ts'
import { attemptsOf, isModel, type Verifier } from './config.ts'
import { type Facts, judgeByRules } from './rules.ts'
import { sealVerdict } from './sealed.ts'
import { type At, type By, insertRun, type Refusal } from './sql.ts'
import type { Verdict } from './verdict.ts'

export const KIND = 'task.verify'
export const QUEUE = 'verifiers'

/** Rules from `from` on are asked here and now: the position of the first verifier that is none, or of the rules that refuse. */
export async function firstOther(
  house: TasksHouse,
  verifiers: readonly Verifier[],
  from: number,
  facts: Facts,
): Promise<{ position: number; refusal: Verdict | null }> {
  for (let position = from; position < verifiers.length; position++) {
    const one = verifiers[position] as Verifier
    if (one.provider !== 'rules') return { position, refusal: null }
    const verdict = await judgeByRules(house, one, facts)
    if (!verdict.passed) return { position, refusal: verdict }
  }
  return { position: verifiers.length, refusal: null }
}

/** A run that waits, and the job that asks a model now or looks after an agent later. */
export async function hand(t: Tx, scope: Scope, row: TaskRow, at: At): Promise<void> {
  const one = (row.verifier_config ?? [])[at.position] as Verifier
  await insertRun(t, scope, { ...runOf(t, one, at), state: 'waiting', verdict: null })
  const payload = { task_id: at.taskId, decision_id: at.decisionId }
  const runAt = one.provider === 'agent' ? new Date(t.now.getTime() + one.timeout_seconds * 1_000) : undefined
  await enqueueMany(t, [{ kind: KIND, tenantId: scope.tenantId, payload, ...(runAt ? { runAt } : {}) }])
}

const runOf = (t: Tx, one: Verifier, { taskId, decisionId, position }: At) => ({
  id: newId('vrn', t.now.getTime()),
  task_id: taskId,
  decision_id: decisionId,
  position,
  provider: one.provider,
  model: isModel(one) ? (one.model ?? one.deployment) : null,
  verifier_id: one.verifier_id,
})

/** Rules ask nobody and wait for nobody: only what they refuse is kept, for whoever judges the next answer. */
export async function keepRefusal(house: TasksHouse, t: Tx, scope: Scope, row: TaskRow, at: At, verdict: Verdict): Promise<void> {
  const one = (row.verifier_config ?? [])[at.position] as Verifier
  await insertRun(t, scope, {
    ...runOf(t, one, at),
    state: 'refused',
    verdict: await sealedVerdict(house, t, scope, at, verdict),
  })
}

/** A verdict without words is not kept: its state says all of it. */
export async function sealedVerdict(house: TasksHouse, t: Tx, scope: Scope, at: At, verdict: Verdict): Promise<Buffer | null> {
  if (verdict.reason === null && verdict.field_errors.length === 0) return null
  return sealVerdict((await openContents(house, t, scope, [at.taskId])).key(at.taskId), scope, at, verdict)
}

export async function refusalOf(
  house: TasksHouse,
  t: Tx,
  scope: Scope,
  row: TaskRow,
  verdict: Verdict,
  uses: 0 | 1,
  by: By,
): Promise<Refusal> {
  const key = (await openContents(house, t, scope, [row.id])).key(row.id)
  const result = sealValue(key, scope, 'tasks', 'verifier_result', row.id, verdict)
  return { uses, most: attemptsOf(row.verifier_config ?? []), result, by }
}

export async function decisionOf(
  t: Tx,
  scope: Scope,
  { taskId, decisionId }: Pick<At, 'taskId' | 'decisionId'>,
): Promise<DecisionRow> {
  const found = (await findDecisions(t, scope, [taskId])).find(({ id }) => id === decisionId)
  if (!found) throw new Error(`${taskId} is verified by ${decisionId}, which is not there.`)
  return found
}

export const byOf = (one: Pick<NewDecision, 'user_id' | 'email' | 'display_name' | 'channel'>): By => ({
  user_id: one.user_id,
  email: one.email,
  display_name: one.display_name,
  channel: one.channel,
})

/** What rules see of an answer that is being given. */
export const factsOfDecision = ({ answer, content, person, scope }: Decision): Facts => ({
  response: answer,
  payload: content.payload,
  action: content.action,
  user: { id: scope.userId, email: person.email, display_name: person.display_name },
})

/** The same, of one that was given. */
export async function factsOf(house: TasksHouse, t: Tx, scope: Scope, row: TaskRow, at: At): Promise<Facts> {
  const decision = await decisionOf(t, scope, at)
  const opener = await openContents(house, t, scope, [row.id])
  const content = opener.task(row)
  const { user_id, email, display_name } = decision
  const response = answerBy(row, content, decision, opener.decision(decision))
  return { response, payload: content.payload, action: content.action, user: { id: user_id, email, display_name } }
}
