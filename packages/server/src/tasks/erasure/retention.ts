// How long the content of settled tasks is kept (T57): 400 days unless the tenant says otherwise, each night by itself. Begins where it came to the night
// before; killed and run again it goes on. What told people of them goes with them. A hold stops it, in the transaction of each task.
import { type Scope, systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { firstIdAt } from '../../std/id.ts'
import type { TasksHouse } from '../house.ts'
import { DEFAULT_DAYS } from '../time/defaults.ts'
import { findTaskDefaults } from '../time/sql.ts'
import { eraseIn } from './erase.ts'
import { pruneWhatIsOver } from './pruning/prune.ts'
import { findCandidates, findTenants, isHeld, putErasedBefore } from './sql.ts'

const DAY_MS = 86_400_000
const BATCH = 200

/** Every tenant. Answers how many tasks lost their content. */
export async function eraseWhatIsOver(house: TasksHouse, signal?: AbortSignal): Promise<number> {
  let erased = 0
  for (let after: string | null = null; ; ) {
    const tenants = await tx(house.db, systemScope('retention'), (t) => findTenants(t, after), { readOnly: true })
    for (const { id } of tenants) {
      signal?.throwIfAborted()
      const scope = systemScope('retention', id)
      const { cutoff, held } = await startOf(house, scope)
      if (held) continue
      erased += await eraseOfTenant(house, scope, cutoff, signal)
      await pruneWhatIsOver(house, scope, cutoff, signal)
    }
    const last = tenants.at(-1)
    if (!last) return erased
    after = last.id
  }
}

const startOf = (house: TasksHouse, scope: Scope) =>
  tx(house.db, scope, async (t) => {
    const days = (await findTaskDefaults(t, scope))?.retention_days ?? DEFAULT_DAYS
    return { cutoff: new Date(t.now.getTime() - days * DAY_MS), held: await isHeld(t, scope) }
  })

async function eraseOfTenant(house: TasksHouse, scope: Scope, cutoff: Date, signal?: AbortSignal): Promise<number> {
  const row = await tx(house.db, scope, (t) => findTaskDefaults(t, scope), { readOnly: true })
  const start = { from: row?.erased_before ?? firstIdAt('task', 0), cutoff }
  const before = firstIdAt('task', start.cutoff.getTime())
  let [from, mark, erased] = [start.from, null as string | null, 0]
  for (;;) {
    signal?.throwIfAborted()
    const at = { from, before, cutoff: start.cutoff, limit: BATCH }
    const rows = await tx(house.db, scope, (t) => findCandidates(t, scope, at), { readOnly: true })
    for (const row of rows) {
      const gone = row.erased || (row.due && (await eraseOne(house, scope, row.id)))
      if (gone && !row.erased) erased++
      // The next night begins at the first one that is still there.
      if (!gone) mark ??= row.id
    }
    const last = rows.at(-1)
    if (!last || rows.length < BATCH) {
      const end = mark ?? (last ? `${last.id}0` : null)
      if (end !== null && end !== start.from) await tx(house.db, scope, (t) => putErasedBefore(t, scope, end))
      return erased
    }
    from = `${last.id}0`
  }
}

const eraseOne = (house: TasksHouse, scope: Scope, id: string): Promise<boolean> =>
  tx(house.db, scope, async (t) => ((await isHeld(t, scope)) ? false : eraseIn(t, scope, id, 'retention')))
