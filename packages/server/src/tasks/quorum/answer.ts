// The answer that one decision is, as the asking side gets it.
import type { Action } from '../actions/proposal.ts'
import type { Content, DecisionContent } from '../content.ts'
import type { DecisionRow, TaskRow } from '../sql.ts'

/** What the asking side gets of one decision. */
export function answerBy(
  row: TaskRow,
  content: Content,
  { type }: DecisionRow,
  { response, args, reason }: DecisionContent,
): unknown {
  if (row.action === null) return response
  const said = reason === null ? {} : { reason }
  if (type === 'accept') return { type, args: (content.action as unknown as Action).args, ...said }
  if (type === 'edit') return { type, args, ...said }
  return type === 'respond' ? { type, response, ...said } : { type, ...said }
}
