// Labels by which users are asked (T92): roles and access levels of the tenant's own words. They grant nothing, and nothing reads them but routing.
import { Problem } from '@countersign/sdk'
import { type Scope, type Tx, tx } from '../../../db/tx.ts'
import { record } from '../../../events/event.ts'
import type { TasksHouse } from '../../house.ts'
import { findMembers } from '../sql.ts'
import { findLabels, findPersonRoutings, type LabelRow, putLabels } from './sql.ts'

export type Labels = { roles: string[]; access_levels: string[] }

export const readLabels = (house: TasksHouse, scope: Scope, userId: string): Promise<Labels> =>
  tx(house.db, scope, (t) => labelsIn(t, scope, userId), { readOnly: true })

async function labelsIn(t: Tx, scope: Scope, userId: string): Promise<Labels> {
  const [member] = await findMembers(t, scope, [userId])
  if (!member) throw new Problem('not_found')
  const rows = await findLabels(t, scope, userId)
  const of = (kind: LabelRow['kind']) => rows.filter((row) => row.kind === kind).map(({ label }) => label)
  return { roles: of('role'), access_levels: of('access_level') }
}

const folded = (labels: readonly string[]) => [...new Set(labels.map((label) => label.trim().toLowerCase()).filter(Boolean))]

export const changeLabels = (house: TasksHouse, scope: Scope, userId: string, input: Labels): Promise<Labels> =>
  tx(house.db, scope, async (t) => {
    const before = await labelsIn(t, scope, userId)
    const rows: LabelRow[] = [
      ...folded(input.roles).map((label) => ({ kind: 'role' as const, label })),
      ...folded(input.access_levels).map((label) => ({ kind: 'access_level' as const, label })),
    ]
    await putLabels(t, scope, userId, rows)
    const after = await labelsIn(t, scope, userId)
    await record(t, scope, 'user.labelled', { user_id: userId }, { resource: { type: 'user', id: userId }, before, after })
    return after
  })

/** Everybody who could be asked. */
export const listPeople = (house: TasksHouse, scope: Scope) =>
  tx(house.db, scope, async (t) => ({ data: await findPersonRoutings(t, scope), next_cursor: null }), { readOnly: true })
