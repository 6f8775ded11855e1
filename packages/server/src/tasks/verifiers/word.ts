// What others than a model say about an answer that lies with a verifier: the agent that asked (T129), and an operator who overrides.
import { type FieldError, Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import type { TasksHouse } from '../house.ts'
import { seeTask, showWhole } from '../look.ts'
import { whyNotOpen } from '../settle.ts'
import { isFinal, OPEN, type TaskRow } from '../sql.ts'
import type { Task } from '../wire.ts'
import type { Verifier } from './config.ts'
import { type At, findRuns } from './sql.ts'
import { fieldOf, type Verdict } from './verdict.ts'
import { settleVerification } from './verification.ts'

export type AgentsWord = {
  passed: boolean
  reason?: string | null
  field_errors?: { path: string; message: string; code?: string }[] | null
  decision_id?: string
}

/** The word of the asking agent on the answer that it was handed. */
export const verifyByAgent = (house: TasksHouse, scope: Scope, id: string, word: AgentsWord): Promise<Task> =>
  tx(house.db, scope, async (t) => {
    const { row, person } = await seeTask(t, scope, id, 'task.verify')
    const at = await whereItLies(t, scope, row, word.decision_id, 'agent')
    const one = (row.verifier_config ?? [])[at.position] as Verifier
    if (one.provider !== 'agent' || (word.decision_id !== undefined && word.decision_id !== at.decisionId))
      throw new Problem('state_conflict', { detail: 'This answer does not wait for your word.' })
    const errors = (word.field_errors ?? []).map(errorOf)
    if (!word.passed && !word.reason?.trim() && errors.length === 0)
      throw new Problem('validation_failed', {
        errors: [{ path: '/reason', code: 'required', message: 'Say why, so that the person can answer again.' }],
      })
    const reason = word.passed ? (word.reason ?? null) : word.reason?.trim() || errors.map(({ message }) => message).join('\n')
    const verdict: Verdict = { passed: word.passed, reason, field_errors: word.passed ? [] : errors, parsed_response: null }
    const now = await settleVerification(house, t, scope, row, at, {
      verdict,
      state: word.passed ? 'passed' : 'refused',
      spent: null,
    })
    if (!now) throw await whyNotOpen(t, scope, id)
    return showWhole(house, t, scope, now, null, person)
  })

const errorOf = ({ path, message, code }: { path: string; message: string; code?: string }): FieldError => {
  const whole = /^\/response(?=\/|$)/.test(path) ? path : `/response${path}`
  return { path: whole, field: fieldOf(whole), code: code ?? 'refused', message }
}

/** The answer counts although its verifier has not agreed; who says so, and why, stands in the record. */
export const overrideVerification = (house: TasksHouse, scope: Scope, id: string, reason: string): Promise<Task> =>
  tx(house.db, scope, async (t) => {
    const { row, person } = await seeTask(t, scope, id, 'task.override')
    const at = await whereItLies(t, scope, row)
    const verdict: Verdict = { passed: true, reason, field_errors: [], parsed_response: null }
    const now = await settleVerification(house, t, scope, row, at, { verdict, state: 'overridden', spent: null })
    if (!now) throw await whyNotOpen(t, scope, id)
    return showWhole(house, t, scope, now, null, person)
  })

/** Of several votes any may lie with a verifier: the named one, else the oldest. */
async function whereItLies(t: Tx, scope: Scope, row: TaskRow, decisionId?: string, provider?: string): Promise<At> {
  if (row.status === 'verifying' && row.verifying_decision_id !== null && row.verifying_position !== null)
    return { taskId: row.id, decisionId: row.verifying_decision_id, position: row.verifying_position }
  if (row.quorum !== null && OPEN.includes(row.status)) {
    const waiting = (await findRuns(t, scope, row.id)).filter((one) => one.state === 'waiting')
    const one = waiting.find((each) =>
      decisionId === undefined ? provider === undefined || each.provider === provider : each.decision_id === decisionId,
    )
    if (one) return { taskId: row.id, decisionId: one.decision_id, position: one.position }
  }
  if (isFinal(row.status)) throw await whyNotOpen(t, scope, row.id)
  throw new Problem('state_conflict', { state: row.status, detail: 'No answer of this task lies with a verifier.' })
}
