// The job that takes an exchange of keys from step to step; which one comes next is what the rotation's row says.
import { defineKind, type Kind, snooze } from '@countersign/queue'
import { isId } from '../../std/id.ts'
import type { VaultHouse } from '../house.ts'
import { ROTATE, stepRotation } from './rotate.ts'

type Payload = { rotation_id: string }

function readPayload(value: unknown): Payload {
  const { rotation_id } = value as Partial<Payload>
  if (!isId('rot', rotation_id)) throw new TypeError('a rotation')
  return { rotation_id }
}

export const rotationJobs = (house: VaultHouse): Kind[] => [
  defineKind<unknown, Payload>(ROTATE, {
    schema: readPayload,
    keepOutput: false,
    maxAttempts: 1_000,
    maxCrashes: 0,
    backoff: { base: '5s', cap: '10m' },
    deadline: '5m',
    async run({ tenantId, payload }, { signal }) {
      for (;;) {
        const pause = await stepRotation(house, tenantId, payload.rotation_id, signal)
        if (pause !== 0) return pause === null ? undefined : snooze(pause)
      }
    },
  }) as Kind,
]
