// Whom an escalation names, looked for when its task is made (T36): a pool or user that does not exist is refused then and not found missing at a deadline. Picks
// nobody: whose turn it is shows when it is taken.

import type { Scope, Tx } from '../../db/tx.ts'
import { nearest } from '../../http/nearest.ts'
import type { PreparedTime } from '../time/prepare.ts'
import { type Assignment, readAssignment, refuse, type Simple } from './form.ts'
import { findMembers, findPoolNamed, findPoolNames } from './sql.ts'

export type Named = { assignment: Assignment; notify: readonly string[]; path: string }

/** Each of the people that a task hands itself on to, with the place where they were named. */
export function namedIn({ escalation, escalation_order, timeout_escalations }: PreparedTime): Named[] {
  const read = (one: { assign_to: unknown; notify?: string[] }, path: string): Named => ({
    assignment: readAssignment(one.assign_to, `${path}/assign_to`),
    notify: one.notify ?? [],
    path,
  })
  const chain = timeout_escalations ?? []
  return [
    ...(escalation ?? []).map((step, i) => read(step, `/escalation/${escalation_order[i]}`)),
    ...chain.map((one, i) => read(one, `/on_timeout/escalate${'/then/escalate'.repeat(i)}`)),
  ]
}

export async function refuseUnknownNames(t: Tx, scope: Scope, { assignment: { form }, path }: Named): Promise<void> {
  if (form === null) return
  const at = `${path}/assign_to`
  const forms: [Simple, string][] = 'any' in form ? form.any.map((one, i) => [one, `${at}/any/${i}`]) : [[form, at]]
  for (const [one, place] of forms) await refuseUnknown(t, scope, one, place)
}

async function refuseUnknown(t: Tx, scope: Scope, form: Simple, path: string): Promise<void> {
  if ('pool' in form && form.pool !== undefined && !(await findPoolNamed(t, scope, form.pool))) {
    const names = (await findPoolNames(t, scope)).map(({ name }) => name)
    refuse(`${path}/pool`, 'pool_unknown', 'There is no such pool.', nearest(form.pool, names) ?? undefined)
  }
  const ids = 'user_id' in form ? [form.user_id] : 'users' in form ? form.users : []
  if (ids.length === 0) return
  const known = new Set((await findMembers(t, scope, ids)).map(({ user_id }) => user_id))
  const unknown = ids.findIndex((id) => !known.has(id))
  if (unknown >= 0)
    refuse('user_id' in form ? `${path}/user_id` : `${path}/users/${unknown}`, 'user_unknown', 'There is no such user.')
}
