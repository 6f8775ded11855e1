// The jobs of this room: one verb each.
import { defineKind, defineSchedule, type Kind, type Schedule } from '@countersign/queue'
import { systemScope } from '../db/scope.ts'
import { tx } from '../db/tx.ts'
import { sweepSignIns } from './cli/sign-in.ts'
import type { IdentityHouse } from './house.ts'
import { warnExpiringKeys } from './key.ts'
import { pruneOldDecisions } from './policies/recorded.ts'
import { sweepRegistrations } from './proofs/registration.ts'
import { sweepSeenProofs } from './proofs/sql.ts'

export const identityJobs = (house: Pick<IdentityHouse, 'db'>): Kind[] => [
  defineKind('key.warn', {
    keepOutput: false,
    async run() {
      await warnExpiringKeys(house)
    },
  }) as Kind,
  defineKind('proof.sweep', {
    keepOutput: false,
    async run() {
      await tx(house.db, systemScope('proofs'), async (t) => {
        await sweepSeenProofs(t)
        await sweepRegistrations(t)
        await sweepSignIns(t)
      })
    },
  }) as Kind,
  defineKind('policy.prune', {
    keepOutput: false,
    async run() {
      await tx(house.db, systemScope('policies'), pruneOldDecisions)
    },
  }) as Kind,
]

export const identitySchedules: readonly Schedule[] = [
  defineSchedule('key-warnings', { cron: '7 * * * *', kind: 'key.warn', overlap: 'skip' }),
  defineSchedule('proof-sweeping', { cron: '*/10 * * * *', kind: 'proof.sweep', overlap: 'skip' }),
  defineSchedule('policy-pruning', { cron: '23 * * * *', kind: 'policy.prune', overlap: 'skip' }),
]
