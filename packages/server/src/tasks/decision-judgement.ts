// Each decision is judged by policy as `task.decide` (T8), beside the rights that the matrix gives: policy narrows them. A forbid that a better proof would lift is
// a floor of assurance (T151), and the person is sent to prove more. Asks the database nothing and opens no question: one about a question is refused.
import { type Scope, systemScope } from '../db/scope.ts'
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
  withoutAsk(judge({ scope: humanScope(deciding), act: actOf(wayOf(deciding, proof), deciding) }))

/** Policy knows who decides as what they are in the tenant, however they came and whoever relays them. */
const humanScope = ({ scope, person }: Deciding): Scope =>
  scope.guest === undefined
    ? scope
    : { ...scope, actor: { type: scope.userId === null ? 'guest' : 'user', id: person.id }, role: person.role ?? null }

/** By which way somebody comes to their decision. */
type Way = { channel: string; proof: Assurance; guest: boolean; relayed: boolean }

function wayOf({ scope }: Deciding, proof: Assurance): Way {
  const { guest } = scope
  const relayed = guest?.attestedBy !== undefined
  return {
    channel: guest?.channel ?? (scope.scopes === null ? 'dashboard' : 'api'),
    proof,
    // Who is relayed has their role and no more: that they were asked somewhere is vouched for by nobody but the key.
    guest: guest !== undefined && !(relayed && scope.userId !== null),
    relayed,
  }
}

/** What policy may know of a task that somebody decides. */
export type Decided = {
  row: Pick<TaskRow, 'id' | 'origin' | 'risk' | 'priority' | 'tags' | 'agent_id' | 'task'>
  content: Pick<Content, 'description' | 'payload' | 'action'>
}

type Answering = Decided & Pick<Deciding, 'steppedIn' | 'type' | 'args'>

function actOf({ channel, proof, guest, relayed }: Way, { row, content, steppedIn, type, args }: Answering): Act {
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
      channel,
      assurance: { name: proof, level: rank(proof) + 1 },
      guest,
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

/** Somebody who was asked; `role` null: an address that is no user's here. */
export type Voter = { id: string; role: string | null }

const OF_USERS: readonly Way[] = [
  { channel: 'dashboard', proof: STRONGEST, guest: false, relayed: false },
  { channel: 'api', proof: 'link', guest: false, relayed: false },
  { channel: 'slack', proof: 'channel', guest: true, relayed: false },
  { channel: 'email', proof: 'link', guest: true, relayed: false },
]
const OF_OTHERS: readonly Way[] = [
  { channel: 'email', proof: 'link', guest: true, relayed: false },
  { channel: 'api', proof: 'link', guest: true, relayed: true },
]

/** Whether policy would ever let somebody say yes to it, by whichever way and with the best proof that they can bring: nobody else is waited for (T42, T151). */
export function couldDecide(judge: Judge, scope: Scope, decided: Decided): (voter: Voter) => boolean {
  const action = decided.content.action as unknown as Action | null
  const types = action ? action.allow.filter((type) => type !== 'deny' && type !== 'ignore') : (['respond'] as const)
  return ({ id, role }) => {
    const own = { ...systemScope('quorum', scope.tenantId), role: role as Scope['role'], userId: role === null ? null : id }
    const voter: Scope = { ...own, actor: { type: role === null ? 'guest' : 'user', id } }
    const passes = (way: Way, type: ActionType) =>
      withoutAsk(judge({ scope: voter, act: actOf(way, { ...decided, steppedIn: false, type, args: null }) })).outcome.outcome ===
      'allow'
    return (role === null ? OF_OTHERS : OF_USERS).some((way) => types.some((type) => passes(way, type)))
  }
}
