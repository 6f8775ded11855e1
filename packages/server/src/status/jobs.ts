// The jobs of this room: tenants are told of what the host announced, and a notice that is owed is missed once and loudly. Ids in, one verb, done.
import { defineKind, defineSchedule, type Kind, type Schedule } from '@countersign/queue'
import { isId } from '../std/id.ts'
import type { Log } from '../std/log.ts'
import { alarmOwed, type IncidentHouse, TELL, tellTenants } from './incident.ts'

const ALARM = 'incident.alarm'

type Payload = { update_id: string }

function readPayload(value: unknown): Payload {
  const { update_id } = value as Partial<Payload>
  if (!isId('upd', update_id)) throw new TypeError('update_id is the id of an update')
  return { update_id }
}

export const statusJobs = (house: IncidentHouse & { log: Log }): Kind[] => [
  defineKind<unknown, Payload>(TELL, {
    schema: readPayload,
    keepOutput: false,
    async run({ payload }) {
      await tellTenants(house, payload.update_id)
      return undefined
    },
  }) as Kind,
  defineKind(ALARM, {
    keepOutput: false,
    async run() {
      await alarmOwed(house)
    },
  }) as Kind,
]

export const statusSchedules: readonly Schedule[] = [
  defineSchedule('incident-notices', { cron: '*/5 * * * *', kind: ALARM, overlap: 'skip' }),
]
