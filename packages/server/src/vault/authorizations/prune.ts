// What is over is forgotten: an authorization that ended a month ago is deleted, with the link's hash and what was shown of it. What came of it stands in its event.
import { defineKind, defineSchedule, type Kind, type Schedule } from '@countersign/queue'
import { systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import type { VaultHouse } from '../house.ts'
import { deleteSettled, tenantsWithSettled } from './sql.ts'

export const KEPT_MS = 30 * 86_400_000
const AT_ONCE = 500

/** Answers how many were deleted. */
export async function pruneAuthorizations(house: Pick<VaultHouse, 'db'>): Promise<number> {
  const before = new Date(house.db.clock.now().getTime() - KEPT_MS)
  const tenants = await tx(house.db, systemScope('vault'), (t) => tenantsWithSettled(t, before), { readOnly: true })
  let deleted = 0
  for (const { tenant_id } of tenants) {
    const scope = systemScope('vault', tenant_id)
    let batch: number
    do {
      batch = await tx(house.db, scope, (t) => deleteSettled(t, scope, before, AT_ONCE))
      deleted += batch
    } while (batch === AT_ONCE)
  }
  return deleted
}

export const pruneJobs = (house: Pick<VaultHouse, 'db'>): Kind[] => [
  defineKind('authorization.prune', {
    keepOutput: false,
    async run() {
      await pruneAuthorizations(house)
    },
  }) as Kind,
]

export const pruneSchedules: readonly Schedule[] = [
  defineSchedule('authorization-pruning', { cron: '23 3 * * *', kind: 'authorization.prune', overlap: 'skip' }),
]
