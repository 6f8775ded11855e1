// Who stands in for somebody who is away (T98): their delegate, that one's if they are away too, at most three deep. Nobody stands in for themself.
import type { Scope, Tx } from '../../db/tx.ts'
import { findPeopleAsked, type RoutedPerson } from './sql.ts'

export const DEEPEST = 3

export async function standInFor(
  t: Tx,
  scope: Scope,
  person: RoutedPerson,
  without: readonly string[],
): Promise<RoutedPerson | null> {
  const seen = new Set([person.id])
  let at = person
  for (let depth = 0; depth < DEEPEST; depth++) {
    const next = at.delegate_user_id
    if (next === null || seen.has(next)) return null
    const [found] = await findPeopleAsked(t, scope, [next])
    if (!found) return null
    if (!found.away) return without.includes(found.id) ? null : found
    seen.add(found.id)
    at = found
  }
  return null
}
