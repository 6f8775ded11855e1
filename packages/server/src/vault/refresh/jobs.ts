// Credentials are renewed before they end (V47): a look each minute over all tenants, and a job for each that is due. What failed comes again when its row says.
import { defineKind, defineSchedule, enqueue, type Kind, type Schedule } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import { systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { isId } from '../../std/id.ts'
import type { VaultHouse } from '../house.ts'
import { keepAlive } from './keep-alive.ts'
import { fresh } from './refresh.ts'
import { dueConnections } from './sql.ts'

type Payload = { connection_id: string }
const A_LOOK = 500

function readPayload(value: unknown): Payload {
  const { connection_id } = value as Partial<Payload>
  if (!isId('conn', connection_id)) throw new TypeError('a connection')
  return { connection_id }
}

/** What the row says already is no failure of the job. */
const EXPECTED = ['needs_reauth', 'not_found', 'state_conflict', 'provider_error']

export const refreshJobs = (house: VaultHouse): Kind[] => [
  defineKind('connection.refresh_due', {
    keepOutput: false,
    async run() {
      for (const { tenant_id, id } of await dueConnections(house.db, A_LOOK))
        await tx(house.db, systemScope('refresh', tenant_id), (t) =>
          enqueue(t, { kind: 'connection.refresh', tenantId: tenant_id, payload: { connection_id: id }, uniqueKey: id }),
        )
    },
  }) as Kind,
  defineKind<unknown, Payload>('connection.refresh', {
    schema: readPayload,
    keepOutput: false,
    maxAttempts: 3,
    deadline: '2m',
    async run({ tenantId, payload }) {
      try {
        if (await keepAlive(house, tenantId, payload.connection_id)) return
        await fresh(house, systemScope('refresh', tenantId), payload.connection_id, { reason: 'due' })
      } catch (error) {
        if (!(error instanceof Problem) || !EXPECTED.includes(error.code)) throw error
      }
    },
  }) as Kind,
]

export const refreshSchedules: readonly Schedule[] = [
  defineSchedule('connection-refreshes', { cron: '* * * * *', kind: 'connection.refresh_due', overlap: 'skip' }),
]
