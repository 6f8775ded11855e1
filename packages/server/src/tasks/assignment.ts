// Who is asked (T91, T92), as far as it goes without pools and rotas: nobody in particular, one user, one address, or several of whom the first to claim holds it.
import { type FieldError, Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import type { Tx } from '../db/tx.ts'
import { foldEmail } from '../identity/email.ts'
import { isId } from '../std/id.ts'
import { DEFAULT_POOL } from './person.ts'
import { type AssignTo, findAsked } from './sql.ts'

/** What was asked for, in one spelling; `folded` are the addresses as they are compared. */
export type Assignment = { form: AssignTo | null; folded: string[] }

export type Asked = {
  asked: string[]
  assigned_to_user_id: string | null
  assigned_to_email: string | null
  assigned_to_display_name: string | null
}

const MOST = 100
const FORMS = ['a mail address', 'a list of addresses', '{email}', '{emails}', '{user_id}', 'null']

/** Snake and camel case are equal; exactly one form. */
export function readAssignment(given: unknown, path = '/assign_to'): Assignment {
  if (given === null || given === undefined) return { form: null, folded: [] }
  if (typeof given === 'string') return one(given, path)
  if (Array.isArray(given)) return several(given, path)
  const members = Object.entries(given as object)
  const [name, value] = members[0] ?? ['', null]
  if (members.length !== 1) return refuse(path, 'assign_to_form', `assign_to is exactly one of ${FORMS.join(', ')}.`)
  if (name === 'email') return one(value, `${path}/email`)
  if (name === 'emails') return several(value, `${path}/emails`)
  if (name === 'user_id' || name === 'userId') {
    if (isId('usr', value)) return { form: { user_id: value }, folded: [] }
    return refuse(`${path}/${name}`, 'user_unknown', 'There is no such user.')
  }
  return refuse(`${path}/${name}`, 'assign_to_form', `assign_to is exactly one of ${FORMS.join(', ')}.`, nearestForm(name))
}

const nearestForm = (name: string): string | undefined =>
  /mail/i.test(name) ? (/s$/i.test(name) ? 'emails' : 'email') : /user|person|assignee/i.test(name) ? 'user_id' : undefined

function one(value: unknown, path: string): Assignment {
  const folded = typeof value === 'string' ? foldEmail(value) : null
  return folded === null
    ? refuse(path, 'address_invalid', 'This is not a mail address.')
    : { form: { email: value as string }, folded: [folded] }
}

function several(value: unknown, path: string): Assignment {
  if (!Array.isArray(value) || value.length === 0 || value.length > MOST)
    return refuse(path, 'address_count', `Name 1 to ${MOST} addresses.`)
  const all = value.map((address, i) => one(address, `${path}/${i}`))
  return { form: { emails: value as string[] }, folded: [...new Set(all.flatMap((assignment) => assignment.folded))] }
}

function refuse(path: string, code: string, message: string, meant?: string): never {
  const errors: FieldError[] = [{ path, code, message }]
  throw new Problem('assign_to_invalid', meant ? { errors, did_you_mean: meant } : { errors })
}

/** One person named is the holder at once; several, or nobody, are asked until one claims or answers. */
export async function resolveAssignment(t: Tx, scope: Scope, { form, folded }: Assignment): Promise<Asked> {
  const nobody = { assigned_to_user_id: null, assigned_to_email: null, assigned_to_display_name: null }
  if (form === null) {
    // The owner of an asking agent is one of those who run its work (T91); their role still has to let them decide.
    const owner = scope.agentId !== null && scope.userId !== null ? [scope.userId] : []
    return { asked: [DEFAULT_POOL, ...owner], ...nobody }
  }
  if ('emails' in form) return { asked: folded, ...nobody }
  const user = await findAsked(t, scope, 'user_id' in form ? { userId: form.user_id } : { email: folded[0] })
  if ('user_id' in form && !user) return refuse('/assign_to/user_id', 'user_unknown', 'There is no such user.')
  if (!user) {
    const address = (form as { email: string }).email
    return { asked: folded, assigned_to_user_id: null, assigned_to_email: address, assigned_to_display_name: address }
  }
  return {
    asked: [user.id, ...folded],
    assigned_to_user_id: user.id,
    assigned_to_email: user.email,
    assigned_to_display_name: user.display_name,
  }
}
