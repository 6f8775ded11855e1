// The jobs of stored credentials, grants and runs: one verb each. Payloads hold ids alone, and none of these needs one.
import { defineKind, defineSchedule, type Kind, type Schedule } from '@countersign/queue'
import { systemScope } from '../db/scope.ts'
import { tx } from '../db/tx.ts'
import { isId } from '../std/id.ts'
import { REVOKE } from './connections/end.ts'
import { eraseMaterialIfOver } from './connections/sql.ts'
import type { VaultHouse } from './house.ts'
import { compareWithRecord } from './material/check.ts'

export const vaultJobs = (house: VaultHouse): Kind[] => [
  defineKind('vault.compare', {
    keepOutput: false,
    async run() {
      await compareWithRecord(house)
    },
  }) as Kind,
  defineKind<unknown, { connection_id: string }>(REVOKE, {
    keepOutput: false,
    schema: readConnectionId,
    async run({ tenantId, payload }) {
      const scope = systemScope('vault', tenantId)
      await tx(house.db, scope, (t) => eraseMaterialIfOver(t, scope, payload.connection_id, 'none'))
    },
  }) as Kind,
]

function readConnectionId(value: unknown): { connection_id: string } {
  const id = (value as { connection_id?: unknown } | null)?.connection_id
  if (!isId('conn', id)) throw new TypeError('connection_id is an id')
  return { connection_id: id }
}

export const vaultSchedules: readonly Schedule[] = [
  defineSchedule('vault-comparison', { cron: '41 3 * * *', kind: 'vault.compare', overlap: 'skip' }),
]
