// How many tasks wait, for the tabs of an inbox (T158): mine, claimable, of my teams, all that I reach. Each is counted up to a bound, and says so when there are more: a
// count never costs what the list is long. Reads no content, and of the views of a person no task.
import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import type { TasksHouse } from '../house.ts'
import { type Person, personOf, within } from '../person.ts'
import { countInbox } from './inbox/sql.ts'
import { type Viewed, viewOf } from './inbox/view.ts'
import { narrowed } from './narrow.ts'
import { countOpen } from './sql.ts'

/** So far is counted; what people work off by hand is less. */
const MOST = 10_000

export type Counts = { mine: number; claimable: number; team: number; all: number; at_least: boolean }

export async function countTasks(house: TasksHouse, scope: Scope): Promise<Counts> {
  return tx(
    house.db,
    scope,
    async (t) => {
      const person = await personOf(t, scope)
      const [mine, claimable, team] = [
        await countView(t, scope, person, { mine: true }),
        await countView(t, scope, person, { claimable: true }),
        await countView(t, scope, person, { team: true }),
      ]
      const among = await narrowed(t, scope, person, {})
      const open = await countOpen(t, scope, within(scope, 'task.list', person), { among, most: MOST })
      // Each view is part of what the caller reaches, and may hold what was not looked at there.
      const all = Math.max(open.reached, mine, claimable, team)
      const [most, at_least] = [(count: number) => Math.min(count, MOST), Math.max(open.looked, all) > MOST]
      return { mine: most(mine), claimable: most(claimable), team: most(team), all: most(all), at_least }
    },
    { readOnly: true },
  )
}

async function countView(t: Tx, scope: Scope, person: Person | null, by: Viewed): Promise<number> {
  const view = viewOf(scope, person, { ...by, status: ['open', 'returned'] })
  return view === null ? 0 : (await countInbox(t, scope, view, MOST)).tasks
}
