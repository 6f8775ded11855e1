// An authorization that nobody goes on with ends, and so does one whose process was killed at work on it (V28); and whoever started one can give it up.
import { Problem } from '@countersign/sdk'
import { type Scope, systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import type { VaultHouse } from '../house.ts'
import { settle } from './finish.ts'
import { isOpen, type ShownAuthorization, seeAuthorization, showAuthorization } from './show.ts'
import { findAuthorization, lockAuthorization } from './sql.ts'

/** A token call takes 30 seconds at most, and storing what it gave takes none. */
const LONGEST_WORK_MS = 120_000

/** Answers when to look again; null: it is over. */
export function expireAuthorization(house: Pick<VaultHouse, 'db'>, tenantId: string, id: string): Promise<Date | null> {
  const scope = systemScope('authorizations', tenantId)
  return tx(house.db, scope, async (t) => {
    const row = await lockAuthorization(t, scope, id)
    if (!row) return null
    if (row.status === 'processing' && row.processing_since) {
      const lost = new Date(row.processing_since.getTime() + LONGEST_WORK_MS)
      if (lost > t.now) return lost
      await settle(t, scope, row, ['processing'], { status: 'failed', code: 'processing_lost', said: null })
      return null
    }
    if (!isOpen(row)) return null
    if (row.expires_at > t.now) return row.expires_at
    await settle(t, scope, row, ['pending', 'waiting_for_user'], { status: 'expired' })
    return null
  })
}

export const cancelAuthorization = (house: VaultHouse, scope: Scope, id: string): Promise<ShownAuthorization> =>
  tx(house.db, scope, async (t) => {
    const row = await seeAuthorization(t, scope, id)
    if (!isOpen(row)) throw new Problem('state_conflict', { status: row.status })
    await settle(t, scope, row, ['pending', 'waiting_for_user'], { status: 'cancelled' })
    return showAuthorization((await findAuthorization(t, scope, id)) ?? row)
  })
