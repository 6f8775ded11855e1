// What a model made of somebody's own words (T131): shown to that person and to nobody else as their answer, until they send it themselves. Words alone settle
// nothing, whatever the verifier, the agent or an operator says of them.
import { Problem } from '@countersign/sdk'
import { canonical } from '../../crypto/canonical.ts'
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import { type Decision, judgeByTask } from '../decided.ts'
import type { TasksHouse } from '../house.ts'
import type { DecisionRow, TaskRow } from '../sql.ts'
import { findDecisions } from '../sql.ts'
import { findRuns } from './sql.ts'
import type { How } from './tell.ts'
import { UNREACHED, type Verdict } from './verdict.ts'

const CONFIRM =
  'Your words were understood as the answer below. Look at it, change what is wrong, and send it: only then is it your answer.'

export const isWords = ({ raw_text }: Pick<DecisionRow, 'raw_text'>): boolean => raw_text !== null

/** A verdict on words, with the answer as the task takes it; null: it came without an answer that fits the task, and is no verdict. */
export async function usable(house: TasksHouse, row: TaskRow, verdict: Verdict): Promise<Verdict | null> {
  if (!verdict.passed) return verdict
  if (verdict.parsed_response === null) return null
  try {
    const parsed = await judgeByTask(house, row, verdict.parsed_response)
    return { ...verdict, parsed_response: parsed as Verdict['parsed_response'] }
  } catch (error) {
    if (error instanceof Problem && error.code === 'response_invalid') return null
    throw error
  }
}

/** What becomes of words once somebody has spoken about them: they go back to their writer, who has the last one. */
export function backToWriter({ verdict, state, ...how }: How): How {
  if (state === 'overridden') {
    const detail = 'Somebody wrote in their own words, and nobody has confirmed yet what they mean.'
    throw new Problem('state_conflict', { detail })
  }
  if (state === 'accepted') return { ...how, verdict: UNREACHED, state: 'returned' }
  if (state === 'passed') return { ...how, verdict: { ...verdict, reason: CONFIRM }, state }
  return { ...how, verdict, state }
}

/** Where the model stands that understood this very answer of this very person; −1: nobody did. */
export async function understoodAt(t: Tx, { scope, content, person, response }: Decision, row: TaskRow): Promise<number> {
  const result = content.verifier_result as Pick<Verdict, 'passed' | 'parsed_response'> | null
  if (!result?.passed || result.parsed_response === null || response === null) return -1
  if (canonical(result.parsed_response) !== canonical(response)) return -1
  return lastUnderstood(t, scope, row, person.id)
}

async function lastUnderstood(t: Tx, scope: Scope, row: TaskRow, person: string): Promise<number> {
  const theirs = (await findDecisions(t, scope, [row.id])).filter((one) => isWords(one) && one.seen_revision === row.revision)
  const last = theirs.at(-1)
  if (last?.person !== person) return -1
  const run = (await findRuns(t, scope, row.id)).find(({ decision_id, state }) => decision_id === last.id && state === 'passed')
  return run?.position ?? -1
}
