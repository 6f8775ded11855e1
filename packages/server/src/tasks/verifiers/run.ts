// The job that asks (T130, T131): what is needed is read, the connection is given back, the model is asked, and what came of it is settled by one conditional
// update. Nothing is kept in memory between two tries: how often it was tried stands in the row.
import { systemScope } from '../../db/scope.ts'
import { type Scope, type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { type Opener, openContents } from '../content.ts'
import type { TasksHouse } from '../house.ts'
import { answerBy } from '../quorum/answer.ts'
import { mask } from '../redaction.ts'
import { type DecisionRow, EVERY, findDecisions, findTask, isFinal, OPEN, type TaskRow } from '../sql.ts'
import { type AgentVerifier, isModel, type ModelVerifier, type Verifier } from './config.ts'
import { type Answered, askModel } from './model.ts'
import type { Question } from './prompt.ts'
import { type Access, keyFor, openAccess } from './provider-key.ts'
import { openVerdict } from './sealed.ts'
import { type At, countTry, endRunsOf, findProviderKeys, findRuns, type RunRow } from './sql.ts'
import { isWords, usable } from './understood.ts'
import { PASSED, UNREACHED } from './verdict.ts'
import { settleVerification } from './verification.ts'

/** Seconds before the tries after the first. */
const PAUSES = [1, 5, 15, 60]
/** While it is held, it goes on being asked: often in the first hour, then now and then. */
const HELD_S = 60
const HELD_LATER_S = 600
const HOUR_MS = 3_600_000

export type Asked = { task_id: string; decision_id: string }

/** When to come again, in milliseconds or at a time; null: nothing is left to do. */
export type Again = { afterMs: number } | { at: Date } | null

export async function verifyAnswer(house: TasksHouse, tenantId: string, asked: Asked, signal: AbortSignal): Promise<Again> {
  const scope = systemScope('verify', tenantId)
  const found = await tx(house.db, scope, (t) => look(house, t, scope, asked))
  if (found === null || !('one' in found)) return found
  const { one, question, access } = found
  const answered: Answered =
    access === null
      ? { fault: 'no_key', spent: { input_tokens: 0, output_tokens: 0, cost: null }, afterMs: null }
      : await askModel({ door: house.door, tenantId, signal }, one, access, question)
  // Stopped in the middle: nobody knows what it would have said. It is asked again.
  if (signal.aborted) return { afterMs: 0 }
  return tx(house.db, scope, (t) => settle(house, t, scope, found, answered))
}

type Found = { one: ModelVerifier; at: At; question: Question; access: Access | null }

async function look(house: TasksHouse, t: Tx, scope: Scope, asked: Asked): Promise<Found | Again> {
  const row = await findTask(t, scope, asked.task_id, EVERY)
  const run = row && (await waitingRun(t, scope, row, asked))
  if (!row || !run) {
    await endRunsOf(t, scope, asked.task_id, asked.decision_id)
    return null
  }
  const at = { taskId: row.id, decisionId: run.decision_id, position: run.position }
  const one = (row.verifier_config ?? [])[run.position] as Verifier
  if (one.provider === 'agent') return lookAfterAgent(house, t, scope, row, run, one, at)
  if (!isModel(one)) throw new Error('Rules wait for nobody.')
  const decisions = await findDecisions(t, scope, [row.id])
  const opener = await openContents(house, t, scope, [row.id])
  const key = keyFor(await findProviderKeys(t, scope), one.provider, one.connection)
  // A key that was put under the name since then, for another address, is not the one that this task was made with.
  const access = key && key.base_url === one.base_url ? await openAccess(house, t, scope, key) : null
  const reasons = new Map(
    (await findRuns(t, scope, row.id)).flatMap((each) => {
      const verdict = openVerdict(opener.key(row.id), scope, each)
      return verdict && each.state === 'refused' ? [[each.decision_id, verdict.reason] as const] : []
    }),
  )
  return { one, at, question: questionOf(row, one, decisions, run, opener, reasons), access }
}

/** Null: the answer lies with no verifier any more. Of several votes each has a run of its own (T16). */
async function waitingRun(t: Tx, scope: Scope, row: TaskRow, { decision_id }: Asked): Promise<RunRow | null> {
  const isThere =
    row.quorum === null ? row.status === 'verifying' && row.verifying_decision_id === decision_id : OPEN.includes(row.status)
  if (!isThere) return null
  const run = (await findRuns(t, scope, row.id)).find((one) => one.decision_id === decision_id && one.state === 'waiting')
  if (!run || row.quorum === null) return run ?? null
  // Voided or withdrawn meanwhile: nobody waits for a word on it.
  return (await findDecisions(t, scope, [row.id])).some(({ id, state }) => id === decision_id && state === 'pending') ? run : null
}

/** What leaves the house is masked as on any other surface; only the level was allowed to be seen when the task was made. */
function questionOf(
  row: TaskRow,
  one: ModelVerifier,
  decisions: readonly DecisionRow[],
  run: RunRow,
  opener: Opener,
  reasons: ReadonlyMap<string, string | null>,
): Question {
  const stored = { redact: 'none' as const, redact_pointers: row.redact_pointers }
  const content = mask({ ...opener.task(row) }, stored, 'verifier')
  const answerOf = (each: DecisionRow) =>
    answerBy(row, content, each, mask({ ...opener.decision(each) }, stored, 'verifier', 'decision'))
  const given = decisions.find(({ id }) => id === run.decision_id)
  const words =
    given && isWords(given) ? (mask({ ...opener.decision(given) }, stored, 'verifier', 'decision').raw_text as string) : null
  const refused = decisions.filter(({ id, state }) => state === 'returned' && id !== run.decision_id)
  return {
    instructions: one.instructions,
    task: row.task,
    description: content.description,
    payload: content.payload,
    action: content.action,
    response_schema: row.response_schema,
    response: given && !words ? answerOf(given) : null,
    raw_text: words,
    refusals: refused.map((each) => ({ response: answerOf(each), reason: reasons.get(each.id) ?? null })),
  }
}

async function settle(house: TasksHouse, t: Tx, scope: Scope, found: Found, given: Answered): Promise<Again> {
  const { one, at, question } = found
  const row = await findTask(t, scope, at.taskId, EVERY)
  if (!row || isFinal(row.status)) return null
  const { spent } = given
  const ofWords = 'verdict' in given && question.raw_text !== null
  const read = ofWords ? await usable(house, row, given.verdict) : null
  const answered: Answered = !ofWords ? given : read ? { verdict: read, spent } : { fault: 'bad_reply', spent, afterMs: null }
  if ('verdict' in answered) {
    const { verdict } = answered
    await settleVerification(house, t, scope, row, at, {
      verdict,
      state: verdict.passed ? 'passed' : 'refused',
      spent,
      data: { ...spent },
    })
    return null
  }
  const counted = await countTry(t, scope, at, answered.fault, spent)
  if (!counted) return null
  const pause = PAUSES[counted.tries - 1]
  if (pause !== undefined) return { afterMs: Math.max(pause * 1_000, answered.afterMs ?? 0) }
  const isNews = counted.tries === PAUSES.length + 1
  return withoutVerdict(house, t, scope, row, one, at, { fault: answered.fault, isNews, startedAt: counted.started_at })
}

/** Nobody said anything about the answer: no attempt is used, whatever follows (T131). */
async function withoutVerdict(
  house: TasksHouse,
  t: Tx,
  scope: Scope,
  row: TaskRow,
  one: ModelVerifier | AgentVerifier,
  at: At,
  { fault, isNews, startedAt }: { fault: string; isNews: boolean; startedAt: Date },
): Promise<Again> {
  const then = one.on_unavailable
  if (isNews) {
    const data = { decision_id: at.decisionId, provider: one.provider, fault, then, agent_id: row.agent_id }
    await record(t, scope, 'task.verifier_unavailable', data, { resource: { type: 'task', id: row.id } })
  }
  if (then === 'hold') {
    const since = t.now.getTime() - startedAt.getTime()
    return { afterMs: (since < HOUR_MS ? HELD_S : HELD_LATER_S) * 1_000 }
  }
  if (then === 'accept') await settleVerification(house, t, scope, row, at, { verdict: PASSED, state: 'accepted', spent: null })
  else await settleVerification(house, t, scope, row, at, { verdict: UNREACHED, state: 'returned', spent: null })
  return null
}

/** The agent has until then to say something (T129). */
async function lookAfterAgent(
  house: TasksHouse,
  t: Tx,
  scope: Scope,
  row: TaskRow,
  run: RunRow,
  one: AgentVerifier,
  at: At,
): Promise<Again> {
  const until = new Date(run.started_at.getTime() + one.timeout_seconds * 1_000)
  if (until > t.now) return { at: until }
  const isNews = run.tries === 0
  if (isNews) await countTry(t, scope, at, 'silent', { input_tokens: 0, output_tokens: 0, cost: null })
  return withoutVerdict(house, t, scope, row, one, at, { fault: 'silent', isNews, startedAt: run.started_at })
}
