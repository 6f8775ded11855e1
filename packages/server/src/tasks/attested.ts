// Decisions that a key relays from a front end of its own (T19): they are of the person whom it names, and the record says that nobody but this key vouches for
// that. They rank as a link. Never of an agent, never for what the key's own side has asked, and never more than that person may.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import { type Tx, tx } from '../db/tx.ts'
import { foldEmail } from '../identity/email.ts'
import { guestScope } from '../identity/guest.ts'
import { isKeyScope, mayAnswer, reach } from '../identity/matrix.ts'
import { findRole } from '../identity/policies/sql.ts'
import { askerOf } from './creation.ts'
import type { TasksHouse } from './house.ts'
import { invalid } from './settle.ts'
import { EVERY, findAsked, findTask, type TaskRow } from './sql.ts'

/** The scope of the person who is named, for this one decision. */
export async function attestedScope(house: TasksHouse, scope: Scope, taskId: string, name: string): Promise<Scope> {
  if (!isKeyScope(scope))
    throw invalid('/on_behalf_of', 'not_allowed', 'Whoever is signed in, or holds a link, decides in their own name.')
  if (reach(scope, 'task.decide_for') === 'none') throw new Problem('scope_missing', { needed: 'tasks:decide_for' })
  const { userId, email, displayName } = await tx(house.db, scope, (t) => whoIs(t, scope, taskId, name), { readOnly: true })
  const keyId = scope.actor.key_id as string
  const guest = {
    taskId,
    channel: 'api',
    assurance: 'link',
    ref: keyId,
    email,
    slackUserId: null,
    vouched: false,
    attestedBy: keyId,
    acts: ['task.decide'],
  } as const
  const { requestId, origin, address, traceId } = scope
  const attested = guestScope(scope.tenantId, guest, { userId, displayName }, { requestId, origin, address, traceId })
  return { ...attested, actor: { type: 'key', id: keyId, key_id: keyId, assurance: 'key' }, beforeCommit: scope.beforeCommit }
}

type Who = { userId: string | null; email: string | null; displayName: string }

async function whoIs(t: Tx, scope: Scope, taskId: string, name: string): Promise<Who> {
  const row = await findTask(t, scope, taskId, EVERY)
  if (!row) throw new Problem('not_found')
  // Who asks does not say that the answer was a yes.
  if (isOwn(scope, row)) throw new Problem('agent_may_not_decide')
  const email = foldEmail(name)
  const user = await findAsked(t, scope, name.startsWith('usr_') ? { userId: name } : { email: email ?? '' })
  if (user) {
    if (!mayAnswer((await findRole(t, scope, user.id))?.role ?? null)) throw new Problem('not_eligible')
    return { userId: user.id, email: user.email, displayName: user.display_name }
  }
  if (email === null || !row.asked.includes(email))
    throw invalid('/on_behalf_of', 'unknown', 'Nobody here has this id or address, and nobody was asked by it.')
  return { userId: null, email, displayName: email }
}

const isOwn = (scope: Scope, row: TaskRow): boolean =>
  (scope.agentId !== null && row.agent_id === scope.agentId) || row.created_by === scope.principal || row.asker === askerOf(scope)
