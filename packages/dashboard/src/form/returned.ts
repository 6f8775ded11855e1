// The answer that a verifier gave back, and what it said about its fields, for the form in which the person answers again: nobody types twice.
import type { Task } from '@countersign/sdk'
import { readExact, type Shown } from '../exact.ts'

export type Said = { path: string; message: string }

/** Nothing unless the task waits for another answer now, and nothing where the words are hidden. */
export function returnedFields(task: Pick<Task, 'status' | 'verifier_result'>): readonly Said[] | undefined {
  if (task.status !== 'returned') return undefined
  const { field_errors: said } = (task.verifier_result ?? {}) as { field_errors?: unknown }
  return Array.isArray(said) ? said.filter(isSaid) : undefined
}

const isSaid = (one: unknown): one is Said =>
  typeof one === 'object' &&
  one !== null &&
  'path' in one &&
  'message' in one &&
  typeof one.path === 'string' &&
  typeof one.message === 'string'

/** The last answer of this person, if it is one that came back; nothing where it is hidden. */
export function returnedAnswer(
  task: Pick<Task, 'status' | 'verifier_result'>,
  decisions: Shown,
  who: { user_id: string | null; email?: string | null },
): Shown {
  if (task.status !== 'returned' || !Array.isArray(decisions)) return null
  const isTheirs = (one: Shown) =>
    one instanceof Map &&
    (who.user_id === null ? (who.email ?? null) !== null && one.get('email') === who.email : one.get('user_id') === who.user_id)
  const last = decisions.filter(isTheirs).at(-1)
  return last instanceof Map && last.get('state') === 'returned' ? (last.get('response') ?? understood(task)) : null
}

type Result = { passed?: unknown; parsed_response?: unknown } | null

/** Somebody wrote in their own words, a model made an answer of them, and nobody has confirmed it (T131). */
export const isUnderstood = ({ status, verifier_result }: Pick<Task, 'status' | 'verifier_result'>): boolean =>
  status === 'returned' && (verifier_result as Result)?.passed === true

const understood = (task: Pick<Task, 'status' | 'verifier_result'>): Shown =>
  isUnderstood(task) ? readExact(JSON.stringify((task.verifier_result as Result)?.parsed_response ?? null)) : null
