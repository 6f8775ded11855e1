// The one kind of job of this room: tenants are told of what the host announced. Ids in, one verb, done.
import { defineKind, type Kind } from '@countersign/queue'
import { isId } from '../std/id.ts'
import { type IncidentHouse, TELL, tellTenants } from './incident.ts'

type Payload = { update_id: string }

function readPayload(value: unknown): Payload {
  const { update_id } = value as Partial<Payload>
  if (!isId('upd', update_id)) throw new TypeError('update_id is the id of an update')
  return { update_id }
}

export const statusJobs = (house: IncidentHouse): Kind[] => [
  defineKind<unknown, Payload>(TELL, {
    schema: readPayload,
    keepOutput: false,
    async run({ payload }) {
      await tellTenants(house, payload.update_id)
      return undefined
    },
  }) as Kind,
]
