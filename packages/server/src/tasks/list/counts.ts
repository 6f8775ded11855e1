// How many tasks wait, for the tabs of an inbox (T158): mine, claimable, of my teams, all that I reach. It looks at a bounded number of open tasks, the most pressing
// first, and says so when there are more: a count never costs what the list is long. Reads no content.
import type { Scope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import type { TasksHouse } from '../house.ts'
import { personOf, within } from '../person.ts'
import { narrowed } from './narrow.ts'
import { countWaiting } from './sql.ts'

/** So many open tasks are looked at; what people work off by hand is less. */
const MOST = 10_000

export type Counts = { mine: number; claimable: number; team: number; all: number; at_least: boolean }

export async function countTasks(house: TasksHouse, scope: Scope): Promise<Counts> {
  return tx(
    house.db,
    scope,
    async (t) => {
      const person = await personOf(t, scope)
      const among = await narrowed(t, scope, person, {})
      const { looked, ...counts } = await countWaiting(t, scope, within(scope, 'task.list', person), person, {
        among,
        most: MOST,
      })
      return { ...counts, at_least: looked > MOST }
    },
    { readOnly: true },
  )
}
