// Who may hand a task back, and who may remark on it. What a page shows as possible is exactly what the verbs allow. Reads nothing.
import type { Scope } from '../../db/scope.ts'
import { reach } from '../../identity/matrix.ts'
import { isAct } from '../asks/ask.ts'
import { isEligible, type Person } from '../person.ts'
import type { TaskRow } from '../sql.ts'
import { MOST_COMMENTS, MOST_REVISION } from './sql.ts'

/** Whether this person could hand it back now; what a page shows as possible is what the verb allows. */
export const maySendBack = (scope: Scope, row: TaskRow, person: Person): boolean =>
  canBeRevised(row) &&
  (reach(scope, 'task.send_back') === 'any' || (reach(scope, 'task.send_back') === 'own' && isEligible(row, person)))

/** By an agent, and not without end; an act of another room is what it is. */
export const canBeRevised = (row: TaskRow): boolean => row.agent_id !== null && !isAct(row) && row.revision < MOST_REVISION

/** Whoever sees it may remark on it, whatever its state; an erased task has nothing left to remark on. */
export const mayComment = (scope: Scope, row: TaskRow): boolean =>
  reach(scope, 'task.comment') !== 'none' && row.erased_at === null && row.comment_count < MOST_COMMENTS
