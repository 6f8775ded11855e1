// Which of the views of an inbox a list asks for (T158): mine, claimable, of my teams. Widens nothing: the filters of the list hold all the same, and what the caller
// reaches holds every view of a person already.
import type { Scope } from '../../../db/scope.ts'
import type { Person } from '../../person.ts'
import { OPEN, type Status } from '../../sql.ts'
import { BY_ADDRESS, BY_USER, FREE, type InboxView } from './sql.ts'

export type Viewed = { mine?: boolean; claimable?: boolean; team?: boolean }

/** The narrowest view that holds all that is asked for, or null: what has ended, and what lies with the agent, stands in no inbox. */
export function viewOf(scope: Scope, person: Person | null, by: Viewed & { status?: readonly Status[] }): InboxView | null {
  // Whoever is let in for one task finds that one by its id.
  if (person === null || scope.guest) return null
  if (by.claimable === true) return { keys: person.keys, holds: [FREE], holder: null }
  if (!by.status || by.status.length === 0 || !by.status.every((status) => OPEN.includes(status))) return null
  if (by.mine === true) return { keys: person.keys, holds: [FREE, BY_ADDRESS], holder: person.id }
  const pools = person.keys.filter((key) => key.startsWith('pool:'))
  return by.team === true ? { keys: pools, holds: [FREE, BY_ADDRESS, BY_USER], holder: null } : null
}
