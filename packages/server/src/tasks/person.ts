// Who a scope is among those who are asked: which tasks it sees and which it may answer (tasks.md §2.4). Decides nothing by itself and knows no state of a task
// beyond who holds it.
import type { Guest, Scope } from '../db/scope.ts'
import type { Sql } from '../db/sql.ts'
import type { Tx } from '../db/tx.ts'
import { foldEmail } from '../identity/email.ts'
import { isKeyScope, type Reach, reach } from '../identity/matrix.ts'
import { RUNNERS } from './routing/sql.ts'
import { EVERY, findAsked, findPerson, NONE, ofAgent, ofAsker, ofId, ofPerson, type PersonRow } from './sql.ts'

/** A human behind a session, a personal key, or without either; `id` tells them apart from others and is a user's
 *  where there is one, `keys` are the names under which they can be asked. */
export type Person = PersonRow & { keys: string[]; vouched?: boolean }

/** Those who run the work: asked where a tenant has no other pool for what names nobody (T91). */
export const DEFAULT_POOL = RUNNERS
const DEFAULT_ROLES = ['owner', 'admin', 'operator']

/** Agents, tenant-wide keys and the system are no persons, whoever owns them. */
export const isPerson = (scope: Scope): boolean =>
  scope.guest !== undefined ||
  (scope.userId !== null && scope.actor.type !== 'system' && (!isKeyScope(scope) || scope.keyKind === 'usr'))

const roleOf = (scope: Scope) => (isKeyScope(scope) ? scope.makerRole : scope.role)

export async function personOf(t: Tx, scope: Scope): Promise<Person | null> {
  if (!isPerson(scope)) return null
  if (scope.guest) return guestOf(t, scope, scope.guest)
  const row = await findPerson(t, scope)
  return row && { ...row, keys: [row.id, ...row.emails, ...row.pools, ...poolsOf(roleOf(scope))] }
}

const poolsOf = (role: string | null | undefined): string[] => (DEFAULT_ROLES.includes(role ?? '') ? [DEFAULT_POOL] : [])

/** One who is a user answers as that user; the address that let them in is theirs too. */
async function guestOf(t: Tx, scope: Scope, guest: Guest): Promise<Person> {
  const row = scope.userId === null ? null : await findPerson(t, scope)
  const emails = [...new Set([...(row?.emails ?? []), ...(guest.email === null ? [] : [guest.email])])]
  const id = row?.id ?? guest.email ?? guest.ref
  const slack = guest.slackUserId === null ? [] : [`slack:${guest.slackUserId}`]
  return {
    id,
    display_name: scope.displayName,
    email: guest.email,
    pools: [],
    agents: [],
    ...row,
    emails,
    // Without a sign-in nobody has the rights of their role; what is asked of those who run the work is asked of them all the same.
    keys: [id, ...emails, ...slack, ...(guest.keys ?? []), ...(row?.pools ?? []), ...poolsOf(row?.role)],
    vouched: guest.vouched,
  }
}

/** Whose address this is here, who can act now; for those who read no rows of tasks. */
export const userBehind = (t: Tx, scope: Scope, email: string) => findAsked(t, scope, { email })

/** The tasks that this scope reaches with this action, as a predicate; no filter of a caller widens it (T18, P61). */
export function within(scope: Scope, action: string, person: Person | null): Sql {
  const reached: Reach = reach(scope, action)
  if (reached === 'any') return EVERY
  if (reached === 'none') return NONE
  if (scope.guest) return ofId(scope.guest.taskId)
  if (scope.agentId !== null) return ofAgent(scope.agentId)
  return person ? ofPerson(scope, person.id, person.keys) : ofAsker(scope.principal)
}

type Held = { asked: string[]; assigned_to_user_id: string | null; assigned_to_email?: string | null; claimed_at?: Date | null }

/** May decide now without stepping in: the holder, or while nobody holds it whoever was asked. */
export function isEligible(task: Held, person: Person): boolean {
  if (task.assigned_to_user_id !== null) return task.assigned_to_user_id === person.id
  // Claimed by somebody who is no user here: known by their address alone.
  if (task.claimed_at && task.assigned_to_email) return person.emails.includes(foldEmail(task.assigned_to_email) ?? '')
  return person.vouched === true || task.asked.some((key) => person.keys.includes(key))
}
