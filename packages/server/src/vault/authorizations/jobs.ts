// The jobs of authorizations: ids in, one verb, a verdict out. When they come again is what the row says.
import { defineKind, type Kind, snooze } from '@countersign/queue'
import { isId } from '../../std/id.ts'
import type { VaultHouse } from '../house.ts'
import { pollAuthorization } from './device.ts'
import { SETTLE } from './doubt.ts'
import { expireAuthorization } from './expire.ts'
import { settleRegistration } from './settle-registration.ts'

type Payload = { authorization_id: string }

function readPayload(value: unknown): Payload {
  const { authorization_id } = value as Partial<Payload>
  if (!isId('atz', authorization_id)) throw new TypeError('an authorization')
  return { authorization_id }
}

type Settlement = { provider: string; issuer: string; doubt?: boolean }

function readPlace(value: unknown): Settlement {
  const { provider, issuer, doubt } = value as Partial<Settlement>
  if (typeof provider !== 'string' || typeof issuer !== 'string') throw new TypeError('a provider and an issuer')
  return { provider, issuer, doubt: doubt === true }
}

export const authorizationJobs = (house: VaultHouse): Kind[] => [
  defineKind<unknown, Payload>('authorization.expire', {
    schema: readPayload,
    keepOutput: false,
    async run({ tenantId, payload }) {
      const again = await expireAuthorization(house, tenantId, payload.authorization_id)
      return again ? snooze(again) : undefined
    },
  }) as Kind,
  defineKind<unknown, Payload>('authorization.poll', {
    schema: readPayload,
    keepOutput: false,
    maxAttempts: 1_000,
    maxCrashes: 0,
    backoff: { base: '5s', cap: '1m' },
    deadline: '1m',
    async run({ tenantId, payload }, { signal }) {
      const again = await pollAuthorization(house, tenantId, payload.authorization_id, signal)
      return again ? snooze(again) : undefined
    },
  }) as Kind,
  defineKind<unknown, Settlement>(SETTLE, {
    schema: readPlace,
    keepOutput: false,
    async run({ tenantId, payload }) {
      await settleRegistration(house, tenantId, payload)
    },
  }) as Kind,
]
