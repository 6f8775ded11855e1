// Which tasks a list has to look at at all, where an index knows (T55): words, tags, metadata, and what concerns one person. Never widens anything: the list
// itself is read under the same filters and the same rights, among these ids.
import type { Scope, Tx } from '../../db/tx.ts'
import { reach } from '../../identity/matrix.ts'
import type { Person } from '../person.ts'
import { findInboxIds, type InboxView } from './inbox/sql.ts'
import { describing, findByIndex, findOfPerson, MOST_IDS, wordsOf } from './sql.ts'

type Narrowing = { q?: string; tag?: string; metadata?: Record<string, string> }

/** Null: no index knows, or it finds so many that reading tasks in their order is quicker. */
export async function narrowed(
  t: Tx,
  scope: Scope,
  person: Person | null,
  by: Narrowing,
  /** The list is a view of this person's inbox, and is read in its order or in another one. */
  inbox: { view: InboxView; inOrder: boolean } | null = null,
): Promise<string[] | null> {
  const words = by.q === undefined ? null : wordsOf(by.q)
  const asked = words !== null || by.tag !== undefined || by.metadata !== undefined
  const { ids: said } = asked
    ? await findByIndex(t, scope, {
        words,
        tags: by.tag === undefined ? null : [by.tag],
        metadata: by.metadata === undefined ? null : describing(by.metadata),
      })
    : { ids: null }
  if (said !== null && said.length === 0) return said
  if (inbox?.inOrder) return said
  if (inbox) return both(said, (await findInboxIds(t, scope, inbox.view, MOST_IDS)).ids)
  // Agents have an index of their own, and a guest has one task.
  const isOwn = person !== null && !scope.guest && scope.agentId === null && reach(scope, 'task.list') === 'own'
  const { ids: own } = isOwn ? await findOfPerson(t, scope, person) : { ids: null }
  return both(said, own)
}

function both(said: string[] | null, own: string[] | null): string[] | null {
  if (said === null || own === null) return said ?? own
  const mine = new Set(own)
  return said.filter((id) => mine.has(id))
}
