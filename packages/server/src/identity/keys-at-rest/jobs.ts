// The jobs of keys at rest: one verb each. They work for the installation, so no tenant's state holds them.
import { defineKind, defineSchedule, type Kind, type Schedule } from '@countersign/queue'
import { systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { homeTenant } from '../sql.ts'
import { writeErasures } from './erasure/ledger.ts'
import { workRewraps } from './rewrap/run.ts'
import { REWRAP, view } from './rewrap/start.ts'
import { destroyDueRootKeys, type KeyringHouse } from './root/root-key.ts'

/** `erasuresFile`: where the ledger is kept; null: nowhere, which `keyring status` says. */
export const keyringJobs = (house: KeyringHouse, erasuresFile: string | null): Kind[] => [
  defineKind(REWRAP, {
    keepOutput: false,
    deadline: 0,
    async run(_job, ctx) {
      await workRewraps(house, {
        signal: ctx.signal,
        told: (row) => {
          const { total, done } = view(row)
          ctx.progress(total === 0 ? 100 : (100 * done) / total, row.phase)
        },
      })
    },
  }) as Kind,
  defineKind('keyring.destroy', {
    keepOutput: false,
    async run() {
      const { id } = await tx(house.db, systemScope('keyring'), homeTenant, { readOnly: true })
      if (id) await destroyDueRootKeys(house, systemScope('keyring', id))
    },
  }) as Kind,
  defineKind('erasures.write', {
    keepOutput: false,
    async run() {
      if (erasuresFile) await writeErasures(house, erasuresFile)
    },
  }) as Kind,
]

export const keyringSchedules: readonly Schedule[] = [
  // A run whose process died is gone on with at the next minute.
  defineSchedule('keyring-rewraps', { cron: '* * * * *', kind: REWRAP, overlap: 'skip' }),
  defineSchedule('keyring-destroy', { cron: '23 * * * *', kind: 'keyring.destroy', overlap: 'skip' }),
  defineSchedule('erasures-write', { cron: '*/30 * * * * *', kind: 'erasures.write', overlap: 'skip' }),
]
