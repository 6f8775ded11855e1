// What a caller may do with a task now, why not where they may not, and what they would have to prove. What a page shows as possible is exactly what the verbs allow, and
// what it says of the rest is the verbs' own reason. Reads no row; changes nothing.
import type { Scope } from '../db/scope.ts'
import { reach } from '../identity/matrix.ts'
import { mayRemember } from './actions/remember.ts'
import { type Assurance, type Circumstances, isRequester, isSeparated, mayStepIn, neededAssurance, rank } from './may-decide.ts'
import { isEligible, type Person } from './person.ts'
import { isFinal, OPEN, type TaskRow } from './sql.ts'
import { mayComment, maySendBack } from './talk/may.ts'
import type { Act, May, WhyNot } from './wire.ts'

/** What has to be known beside the row: the tenant's rules, whether this person has voted, and how they have proven to be there. */
export type About = { around: Circumstances | null; vote: boolean; have: Assurance }

export function mayOf(scope: Scope, row: TaskRow, person: Person | null, about: About): May {
  const may = actsOf(scope, row, person, about)
  const decides = may.includes('decide') || may.includes('step_in')
  const need = about.around && decides ? neededAssurance(row, about.around.settings) : null
  return {
    may,
    may_not: {
      ...(decides ? {} : { decide: whyNotDecide(scope, row, person, about) }),
      ...(may.includes('claim') ? {} : { claim: whyNotClaim(scope, row, person) }),
      ...(may.includes('release') ? {} : { release: whyNotRelease(scope, row, person) }),
      ...(may.includes('cancel') ? {} : { cancel: isFinal(row.status) ? 'task_not_open' : 'forbidden' }),
    },
    needs_proof: need !== null && rank(about.have) < rank(need) ? need : null,
  }
}

const whyNotOpen = ({ status }: TaskRow): WhyNot | null =>
  OPEN.includes(status) ? null : status === 'verifying' ? 'task_verifying' : 'task_not_open'

/** In the order in which the verb would say it. */
function whyNotDecide(scope: Scope, row: TaskRow, person: Person | null, { around, vote }: About): WhyNot {
  if (!person) return 'agent_may_not_decide'
  const closed = whyNotOpen(row)
  if (closed) return closed
  if (reach(scope, 'task.decide') === 'none') return 'forbidden'
  if (vote) return 'already_decided'
  if (around !== null && isSeparated(row, around.settings) && isRequester(row, person, around)) return 'separation_of_duties'
  return isHeldByAnother(row, person) ? 'task_already_claimed' : 'not_eligible'
}

function whyNotClaim(scope: Scope, row: TaskRow, person: Person | null): WhyNot {
  if (!person) return 'agent_may_not_decide'
  const closed = whyNotOpen(row)
  if (closed) return closed
  if (reach(scope, 'task.claim') === 'none') return 'forbidden'
  if (row.quorum !== null) return 'needs_several'
  return row.assigned_to_user_id === null ? 'not_eligible' : 'task_already_claimed'
}

function whyNotRelease(scope: Scope, row: TaskRow, person: Person | null): WhyNot {
  if (!person) return 'agent_may_not_decide'
  const closed = whyNotOpen(row)
  if (closed) return closed
  if (reach(scope, 'task.release') === 'none') return 'forbidden'
  return row.claimed_at === null ? 'not_claimed' : 'not_eligible'
}

/** Asked as well, but somebody else took it. */
const isHeldByAnother = (row: TaskRow, person: Person): boolean =>
  row.claimed_at !== null && !isEligible(row, person) && row.asked.some((key) => person.keys.includes(key))

function actsOf(scope: Scope, row: TaskRow, person: Person | null, about: About): Act[] {
  const acts: Act[] = []
  const open = OPEN.includes(row.status)
  if (person && open && reach(scope, 'task.decide') !== 'none') {
    const { around, vote } = about
    const separated = around !== null && isSeparated(row, around.settings) && isRequester(row, person, around)
    if (vote) acts.push('withdraw_vote')
    else if (isEligible(row, person) && !separated)
      acts.push(...(mayRemember(scope, row) ? (['decide', 'remember'] as const) : (['decide'] as const)))
    else if (around !== null && mayStepIn(scope, row, person, around)) acts.push('step_in')
  }
  if (person && open && row.quorum === null && row.assigned_to_user_id === null && mayClaim(scope, row, person))
    acts.push('claim')
  if (person && open && row.claimed_at !== null && mayRelease(scope, row, person)) acts.push('release')
  if (mayComment(scope, row)) acts.push('comment')
  if (person && open && maySendBack(scope, row, person)) acts.push('send_back')
  if (!isFinal(row.status) && mayChange(scope, row, person, 'task.cancel')) acts.push('cancel')
  if (!isFinal(row.status) && mayChange(scope, row, person, 'task.update')) acts.push('update')
  if (row.erased_at === null && reach(scope, 'task.delete') === 'any') acts.push('erase')
  return acts
}

export const mayClaim = (scope: Scope, row: TaskRow, person: Person): boolean =>
  reach(scope, 'task.claim') === 'any' || (reach(scope, 'task.claim') === 'own' && isEligible(row, person))

export const mayRelease = (scope: Scope, row: TaskRow, person: Person): boolean =>
  reach(scope, 'task.release') === 'any' || (reach(scope, 'task.release') === 'own' && row.assigned_to_user_id === person.id)

/** Withdrawing and changing belong to the asking side and to those who run the work, not to who was asked (tasks.md §2.4). */
export function mayChange(scope: Scope, row: TaskRow, person: Person | null, action: 'task.cancel' | 'task.update'): boolean {
  const reached = reach(scope, action)
  if (reached !== 'own') return reached === 'any'
  if (scope.agentId !== null) return row.agent_id === scope.agentId
  return person !== null && (row.asker === person.id || (row.agent_id !== null && person.agents.includes(row.agent_id)))
}
