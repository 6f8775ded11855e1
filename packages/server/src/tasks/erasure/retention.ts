// How long the content of settled tasks is kept (T57): 400 days unless the tenant says otherwise, each night by itself. Begins where it came to the night
// before; killed and run again it goes on. A hold stops it, in the transaction of each task.
import { type Scope, systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { firstIdAt } from '../../std/id.ts'
import type { TasksHouse } from '../house.ts'
import type { Reminder } from '../time/moments.ts'
import { findTaskDefaults, putTaskDefaults } from '../time/sql.ts'
import { eraseIn } from './erase.ts'
import { findCandidates, findTenants, isHeld, putErasedBefore } from './sql.ts'

const DAY_MS = 86_400_000
const BATCH = 200
const DEFAULT_DAYS = 400

export type TaskSettings = { retention_days: number; reminders: Reminder[] | null }

export const getTaskSettings = (house: Pick<TasksHouse, 'db'>, scope: Scope): Promise<TaskSettings> =>
  tx(
    house.db,
    scope,
    async (t) => {
      const row = await findTaskDefaults(t, scope)
      return { retention_days: row?.retention_days ?? DEFAULT_DAYS, reminders: row?.reminders ?? null }
    },
    { readOnly: true },
  )

export const setTaskSettings = (house: Pick<TasksHouse, 'db'>, scope: Scope, next: TaskSettings): Promise<TaskSettings> =>
  tx(house.db, scope, async (t) => {
    const row = await findTaskDefaults(t, scope)
    const before = { retention_days: row?.retention_days ?? DEFAULT_DAYS, reminders: row?.reminders?.length ?? null }
    await putTaskDefaults(t, scope, next)
    const after = { retention_days: next.retention_days, reminders: next.reminders?.length ?? null }
    await record(t, scope, 'settings.changed', { setting: 'tasks' }, { before, after })
    return next
  })

/** Every tenant. Answers how many tasks lost their content. */
export async function eraseWhatIsOver(house: TasksHouse, signal?: AbortSignal): Promise<number> {
  let erased = 0
  for (let after: string | null = null; ; ) {
    const tenants = await tx(house.db, systemScope('retention'), (t) => findTenants(t, after), { readOnly: true })
    for (const { id } of tenants) {
      signal?.throwIfAborted()
      erased += await eraseOfTenant(house, systemScope('retention', id), signal)
    }
    const last = tenants.at(-1)
    if (!last) return erased
    after = last.id
  }
}

async function eraseOfTenant(house: TasksHouse, scope: Scope, signal?: AbortSignal): Promise<number> {
  const start = await tx(house.db, scope, async (t) => {
    const row = await findTaskDefaults(t, scope)
    const cutoff = new Date(t.now.getTime() - (row?.retention_days ?? DEFAULT_DAYS) * DAY_MS)
    return { from: row?.erased_before ?? firstIdAt('task', 0), cutoff, held: await isHeld(t, scope) }
  })
  if (start.held) return 0
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
