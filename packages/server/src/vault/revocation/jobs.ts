// The job that tells a provider; when it comes again is what the connection's row says.
import { defineKind, type Kind, snooze } from '@countersign/queue'
import { isId } from '../../std/id.ts'
import { REVOKE } from '../connections/end.ts'
import type { VaultHouse } from '../house.ts'
import { revokeAtProvider } from './revoke.ts'

type Payload = { connection_id: string }

function readPayload(value: unknown): Payload {
  const { connection_id } = value as Partial<Payload>
  if (!isId('conn', connection_id)) throw new TypeError('a connection')
  return { connection_id }
}

export const revocationJobs = (house: VaultHouse): Kind[] => [
  defineKind<unknown, Payload>(REVOKE, {
    schema: readPayload,
    keepOutput: false,
    maxAttempts: 1_000,
    maxCrashes: 0,
    backoff: { base: '5s', cap: '10m' },
    deadline: '5m',
    async run({ tenantId, payload }, { signal }) {
      const pause = await revokeAtProvider(house, tenantId, payload.connection_id, signal)
      return pause === null ? undefined : snooze(pause)
    },
  }) as Kind,
]
