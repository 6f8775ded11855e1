// The jobs of this room: one verb each.
import { defineKind, defineSchedule, type Kind, type Schedule } from '@countersign/queue'
import type { IdentityHouse } from './house.ts'
import { warnExpiringKeys } from './key.ts'

export const identityJobs = (house: Pick<IdentityHouse, 'db'>): Kind[] => [
  defineKind('key.warn', {
    keepOutput: false,
    async run() {
      await warnExpiringKeys(house)
    },
  }) as Kind,
]

export const identitySchedules: readonly Schedule[] = [
  defineSchedule('key-warnings', { cron: '7 * * * *', kind: 'key.warn', overlap: 'skip' }),
]
