// Each decision is judged by policy as `task.decide` (T8), beside the rights that the matrix gives: policy narrows them. A forbid that a better proof would lift is
// a floor of assurance (T151), and the person is sent to prove more. Asks the database nothing and opens no question: one about a question is refused.
import type { Scope } from '../db/scope.ts'
import { denialOf } from '../identity/policies/denial.ts'
import type { Judged, judgeUnder } from '../identity/policies/judge.ts'
import type { Act } from '../identity/policies/request.ts'
import type { Action, ActionType } from './actions/proposal.ts'
import type { Content } from './content.ts'
import { proposalOf, questionText, refusedBy, withoutAsk } from './judgement.ts'
import { ASSURANCES, type Assurance, rank, STRONGEST, stepUpRequired } from './may-decide.ts'
import type { Person } from './person.ts'
import type { TaskRow } from './sql.ts'

export type Judge = Awaited<ReturnType<typeof judgeUnder>>

/** What is about to be decided, by whom, and how that is proven. */
export type Deciding = {
  scope: Scope
  row: TaskRow
  content: Content
  person: Person
  steppedIn: boolean
  have: Assurance
  type: ActionType
  args: Record<string, unknown> | null
  openUrl: string
}

/** That it may be done; throws `policy_denied`, `policy_error`, or `step_up_required` where the proof is all that is missing. */
export function judgeDecision(judge: Judge, deciding: Deciding): Judged {
  const judged = judgedWith(judge, deciding, deciding.have)
  if (judged.outcome.outcome === 'allow') return judged
  const need = betterProofs(deciding.have).find((proof) => judgedWith(judge, deciding, proof).outcome.outcome === 'allow')
  if (need) throw stepUpRequired(need, deciding.have, deciding.openUrl)
  throw refusedBy(deciding.scope, judged, denialOf(judged))
}

const betterProofs = (have: Assurance): Assurance[] =>
  ASSURANCES.filter((one) => rank(one) > rank(have) && rank(one) <= rank(STRONGEST))

const judgedWith = (judge: Judge, deciding: Deciding, proof: Assurance): Judged =>
  withoutAsk(judge({ scope: humanScope(deciding), act: actOf(deciding, proof) }))

/** Policy knows who decides as what they are in the tenant, however they came and whoever relays them. */
const humanScope = ({ scope, person }: Deciding): Scope =>
  scope.guest === undefined
    ? scope
    : { ...scope, actor: { type: scope.userId === null ? 'guest' : 'user', id: person.id }, role: person.role ?? null }

function actOf({ scope, row, content, steppedIn, type, args }: Deciding, proof: Assurance): Act {
  const { guest } = scope
  const relayed = guest?.attestedBy !== undefined
  const action = content.action as unknown as Action | null
  return {
    action: 'task.decide',
    resource: { type: 'Task', id: row.id },
    context: {
      type,
      origin: row.origin,
      risk: row.risk,
      priority: row.priority,
      tags: [...row.tags],
      agent: row.agent_id === null ? undefined : { __entity: { type: 'Agent', id: row.agent_id } },
      channel: guest?.channel ?? (scope.scopes === null ? 'dashboard' : 'api'),
      assurance: { name: proof, level: rank(proof) + 1 },
      // Who is relayed has their role and no more: that they were asked somewhere is vouched for by nobody but the key.
      guest: guest !== undefined && !(relayed && scope.userId !== null),
      relayed,
      stepped_in: steppedIn,
      action: action ? proposalOf({ name: action.name, args: args ?? action.args }, type === 'edit') : undefined,
      // Only a policy that reads it pays for it.
      get content() {
        return questionText(row.task, content)
      },
    },
  }
}
