// An answer on its way past its verifiers (tasks.md 2.3, T12, T126–T132): handed to the first, settled by each, completed, returned, or exhausted. Every
// transition names the answer and the verifier whose word it is, so that of a job, an agent, an operator and a deadline one acts. Sends nothing.
import { enqueueMany } from '@countersign/queue'
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import { type EventData, record } from '../../events/event.ts'
import { newId } from '../../std/id.ts'
import { openContents, sealValue } from '../content.ts'
import { enqueueExpiries } from '../deadline.ts'
import type { TasksHouse } from '../house.ts'
import { taskTopic, tellOfEnd } from '../settle.ts'
import { type DecisionRow, findDecisions, type TaskRow } from '../sql.ts'
import { attemptsOf, isModel, type Verifier } from './config.ts'
import { type Facts, judgeByRules } from './rules.ts'
import { sealVerdict } from './sealed.ts'
import {
  type At,
  advanceIfVerifying,
  type By,
  completeIfVerifying,
  endRun,
  type Held,
  insertRun,
  type RunState,
  refuseIfOpen,
  refuseIfVerifying,
  type Spent,
  setDecisionState,
  verifyIfOpen,
} from './sql.ts'
import type { Verdict } from './verdict.ts'

export const KIND = 'task.verify'
export const QUEUE = 'verifiers'

/** What a decision brings that has to be verified before it counts. */
export type Candidate = Held & { row: TaskRow; by: By; facts: Facts }

/** `pending`: it lies with a verifier; `returned`: a rule refused it on the spot; `passed`: rules alone, and they are satisfied; null: the task moved on. */
export type Hold = { row: TaskRow; state: 'pending' | 'returned' } | 'passed' | null

export const needsVerifier = (row: Pick<TaskRow, 'verifier_config'>): boolean => (row.verifier_config?.length ?? 0) > 0

/** In the deciding transaction. The caller stores the decision with the state that this answers, and decides by itself when it passed. */
export async function holdForVerifiers(house: TasksHouse, t: Tx, scope: Scope, candidate: Candidate): Promise<Hold> {
  const { row, decisionId } = candidate
  const verifiers = row.verifier_config ?? []
  const rules = await firstOther(house, verifiers, 0, candidate.facts)
  const at = { taskId: row.id, decisionId, position: rules.position }
  if (rules.refusal) {
    const refusal = await refusalOf(house, t, scope, row, rules.refusal, 1, candidate.by)
    const refused = await refuseIfOpen(t, scope, candidate, refusal)
    if (!refused) return null
    await keepRefusal(house, t, scope, row, at, rules.refusal)
    await tellRefused(house, t, scope, refused, row, at, rules.refusal)
    return { row: refused, state: 'returned' }
  }
  if (rules.position === verifiers.length) return 'passed'
  const held = await verifyIfOpen(t, scope, candidate, rules.position)
  if (!held) return null
  await hand(t, scope, held, at)
  const about = { from: row.status, to: held.status, decision_id: decisionId, agent_id: row.agent_id }
  await record(t, scope, 'task.verifying', { ...about, ...briefly(verifiers[rules.position] as Verifier) }, resourceOf(row))
  t.wake(taskTopic(row.id))
  return { row: held, state: 'pending' }
}

/** Rules from `from` on are asked here and now: the position of the first verifier that is none, or of the rules that refuse. */
async function firstOther(house: TasksHouse, verifiers: readonly Verifier[], from: number, facts: Facts) {
  for (let position = from; position < verifiers.length; position++) {
    const one = verifiers[position] as Verifier
    if (one.provider !== 'rules') return { position, refusal: null }
    const verdict = await judgeByRules(house, one, facts)
    if (!verdict.passed) return { position, refusal: verdict }
  }
  return { position: verifiers.length, refusal: null }
}

/** A run that waits, and the job that asks a model now or looks after an agent later. */
async function hand(t: Tx, scope: Scope, row: TaskRow, at: At): Promise<void> {
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

/** How a verifier's part ended: by its verdict, without one, or by an operator. */
export type How = { verdict: Verdict; state: Exclude<RunState, 'waiting' | 'ended'>; spent: Spent | null; data?: EventData }

/** Zero rows: somebody else settled it, null. Else the task as it is now. */
export async function settleVerification(house: TasksHouse, t: Tx, scope: Scope, row: TaskRow, at: At, how: How): Promise<TaskRow | null> {
  if (how.state === 'refused' || how.state === 'returned') return giveBack(house, t, scope, row, at, how)
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
  const response = opener.decision(decision).response
  const seal = (column: string, value: unknown) => sealValue(opener.key(row.id), scope, 'tasks', column, row.id, value)
  const done = await completeIfVerifying(t, scope, at, {
    response: response === null ? null : seal('response', response),
    result: seal('verifier_result', how.verdict),
    by: byOf(decision),
  })
  if (!done) return null
  await endRun(t, scope, at, how.state, await sealedVerdict(house, t, scope, at, how.verdict), how.spent)
  await setDecisionState(t, scope, at.decisionId, 'counted')
  const data = { decision_id: at.decisionId, ...briefly((row.verifier_config ?? [])[at.position] as Verifier) }
  const type = how.state === 'overridden' ? 'task.overridden' : 'task.verified'
  await record(t, scope, type, { ...data, how: how.state, ...how.data, agent_id: row.agent_id }, resourceOf(row))
  const about = {
    decision_id: decision.id,
    type: decision.type,
    revision: decision.seen_revision,
    assurance: decision.assurance,
    stepped_in: decision.stepped_in,
    fields: typeof response === 'object' && response !== null ? Object.keys(response) : [],
    decision_sha256: decision.decision_sha256.toString('hex'),
  }
  await tellOfEnd(house, t, scope, done, row.status, about)
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
  await tellRefused(house, t, scope, back, row, at, how.verdict)
  return back
}

async function tellRefused(house: TasksHouse, t: Tx, scope: Scope, now: TaskRow, before: TaskRow, at: At, verdict: Verdict): Promise<void> {
  const data = {
    decision_id: at.decisionId,
    attempt: now.verification_attempt,
    attempts: attemptsOf(before.verifier_config ?? []),
    fields: verdict.field_errors.map(({ path }) => path),
    ...briefly((before.verifier_config ?? [])[at.position] as Verifier),
  }
  if (now.status === 'verification_exhausted') return tellOfEnd(house, t, scope, now, before.status, data)
  await record(t, scope, 'task.returned', { from: before.status, to: now.status, agent_id: now.agent_id, ...data }, resourceOf(now))
  t.wake(taskTopic(now.id))
}

const briefly = (one: Verifier): EventData => ({
  provider: one.provider,
  ...(isModel(one) ? { model: one.model } : {}),
  ...(one.verifier_id === null ? {} : { verifier_id: one.verifier_id }),
})
const resourceOf = (row: TaskRow) => ({ resource: { type: 'task' as const, id: row.id } })

async function refusalOf(house: TasksHouse, t: Tx, scope: Scope, row: TaskRow, verdict: Verdict, uses: 0 | 1, by: By) {
  const key = (await openContents(house, t, scope, [row.id])).key(row.id)
  const result = sealValue(key, scope, 'tasks', 'verifier_result', row.id, verdict)
  return { uses, most: attemptsOf(row.verifier_config ?? []), result, by }
}

/** A verdict without words is not kept: its state says all of it. */
async function sealedVerdict(house: TasksHouse, t: Tx, scope: Scope, at: At, verdict: Verdict): Promise<Buffer | null> {
  if (verdict.reason === null && verdict.field_errors.length === 0) return null
  return sealVerdict((await openContents(house, t, scope, [at.taskId])).key(at.taskId), scope, at, verdict)
}

/** Rules ask nobody and wait for nobody: only what they refuse is kept, for whoever judges the next answer. */
async function keepRefusal(house: TasksHouse, t: Tx, scope: Scope, row: TaskRow, at: At, verdict: Verdict): Promise<void> {
  const one = (row.verifier_config ?? [])[at.position] as Verifier
  await insertRun(t, scope, { ...runOf(t, one, at), state: 'refused', verdict: await sealedVerdict(house, t, scope, at, verdict) })
}

export async function decisionOf(t: Tx, scope: Scope, { taskId, decisionId }: Pick<At, 'taskId' | 'decisionId'>): Promise<DecisionRow> {
  const found = (await findDecisions(t, scope, [taskId])).find(({ id }) => id === decisionId)
  if (!found) throw new Error(`${taskId} is verified by ${decisionId}, which is not there.`)
  return found
}

const byOf = (one: DecisionRow): By => ({
  user_id: one.user_id,
  email: one.email,
  display_name: one.display_name,
  channel: one.channel,
})

async function factsOf(house: TasksHouse, t: Tx, scope: Scope, row: TaskRow, at: At): Promise<Facts> {
  const decision = await decisionOf(t, scope, at)
  const opener = await openContents(house, t, scope, [row.id])
  return factsFrom(opener.task(row), opener.decision(decision).response, {
    id: decision.user_id,
    email: decision.email,
    display_name: decision.display_name,
  })
}

export const factsFrom = (content: { payload: unknown }, response: unknown, user: Facts['user']): Facts => ({
  response,
  payload: content.payload,
  action: (content as { action?: unknown }).action ?? null,
  user,
})
