// The jobs of stored credentials, grants and runs: one verb each. Payloads hold ids alone, and none of these needs one.
import { defineKind, defineSchedule, type Kind, type Schedule } from '@countersign/queue'
import type { VaultHouse } from './house.ts'
import { compareWithRecord } from './material/check.ts'

export const vaultJobs = (house: VaultHouse): Kind[] => [
  defineKind('vault.compare', {
    keepOutput: false,
    async run() {
      await compareWithRecord(house)
    },
  }) as Kind,
]

export const vaultSchedules: readonly Schedule[] = [
  defineSchedule('vault-comparison', { cron: '41 3 * * *', kind: 'vault.compare', overlap: 'skip' }),
]
