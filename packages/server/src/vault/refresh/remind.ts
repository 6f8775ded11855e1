// What ends and what nothing renews: keys with an end, imported sessions (V50, V45). Who watches is told 30, 7 and 1 days before, each once; at the end the connection waits
// for its human.
import { defineKind, defineSchedule, type Kind, type Schedule } from '@countersign/queue'
import { systemScope } from '../../db/scope.ts'
import { type Scope, type Tx, tx } from '../../db/tx.ts'
import { findConnection } from '../connections/sql.ts'
import { tellConnection } from '../connections/store.ts'
import type { VaultHouse } from '../house.ts'
import { needReauth } from './need.ts'
import { endingConnections, remindIf } from './sql.ts'

const DAY_MS = 86_400_000
const STEPS = [1, 7, 30] as const
const AT_ONCE = 500

/** The nearest reminder that has come; 0: it is over. Null: it is too soon for one. */
export function stepAt(now: Date, expiresAt: Date): 0 | (typeof STEPS)[number] | null {
  const left = expiresAt.getTime() - now.getTime()
  if (left <= 0) return 0
  return STEPS.find((days) => left <= days * DAY_MS) ?? null
}

export async function remindOfEnds(house: Pick<VaultHouse, 'db'>): Promise<number> {
  let told = 0
  for (;;) {
    const due = await tx(house.db, systemScope('vault'), (t) => endingConnections(t, AT_ONCE), { readOnly: true })
    let changed = 0
    for (const { id, tenant_id } of due) {
      const scope = systemScope('vault', tenant_id)
      changed += await tx(house.db, scope, (t) => remindOne(t, scope, id))
    }
    told += changed
    if (due.length < AT_ONCE || changed === 0) return told
  }
}

async function remindOne(t: Tx, scope: Scope, id: string): Promise<0 | 1> {
  const row = await findConnection(t, scope, id, { owner: null, agent: null })
  const step = row?.expires_at ? stepAt(t.now, row.expires_at) : null
  if (!row || row.expires_at === null || step === null || (await remindIf(t, scope, id, step, row.expires_at)) === 0) return 0
  if (step === 0) await needReauth(t, scope, id, 'expired', 'expired', row.generation)
  else await tellConnection(t, scope, 'connection.expiring', row, { days: step, expires_at: row.expires_at.toISOString() })
  return 1
}

export const reminderJobs = (house: Pick<VaultHouse, 'db'>): Kind[] => [
  defineKind('connection.remind', {
    keepOutput: false,
    async run() {
      await remindOfEnds(house)
    },
  }) as Kind,
]

export const reminderSchedules: readonly Schedule[] = [
  defineSchedule('connection-reminders', { cron: '*/10 * * * *', kind: 'connection.remind', overlap: 'skip' }),
]
