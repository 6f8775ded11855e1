// The tenant's list of pages that may show its tasks (T123). Taking an origin off stops new tokens; those that are out end within the hour.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { newId } from '../../std/id.ts'
import type { TasksHouse } from '../house.ts'
import { invalid } from '../settle.ts'
import { readPattern } from './origin.ts'
import { deleteOrigin, findOrigins, insertOrigin, type OriginRow } from './sql.ts'

const MOST = 200

export async function listOrigins(house: Pick<TasksHouse, 'db'>, scope: Scope) {
  return { data: await tx(house.db, scope, (t) => findOrigins(t, scope), { readOnly: true }), next_cursor: null }
}

/** One that is there already is answered as it is. */
export async function allowOrigin(house: Pick<TasksHouse, 'db'>, scope: Scope, given: string): Promise<OriginRow> {
  const origin = readPattern(given)
  if (origin === null)
    throw invalid(
      '/origin',
      'origin_invalid',
      'Must be an origin such as https://app.example.com or https://*.example.com; plain http is for localhost alone.',
    )
  return tx(house.db, scope, async (t) => {
    const there = await findOrigins(t, scope)
    if (there.length >= MOST) throw invalid('/origin', 'too_many', `A tenant lists at most ${MOST} origins.`)
    const added = await insertOrigin(t, scope, newId('emo', t.now.getTime()), origin)
    if (added) await record(t, scope, 'settings.changed', { setting: 'embed_origins', added: origin })
    return added ?? ((await findOrigins(t, scope)).find((one) => one.origin === origin) as OriginRow)
  })
}

export const removeOrigin = (house: Pick<TasksHouse, 'db'>, scope: Scope, id: string): Promise<null> =>
  tx(house.db, scope, async (t) => {
    const removed = await deleteOrigin(t, scope, id)
    if (!removed) throw new Problem('not_found')
    await record(t, scope, 'settings.changed', { setting: 'embed_origins', removed: removed.origin })
    return null
  })
