// The work on relay grants that no request waits for: one verb each. Whatever a schedule does late is refused in time by whoever accepts.
import { defineKind, defineSchedule, type Kind, type Schedule } from '@countersign/queue'
import { isId } from '../../std/id.ts'
import type { RelayHouse } from '../house.ts'
import { END_THREADS, endRest } from './end.ts'
import { warnOfEnds } from './warn.ts'

export const grantJobs = (house: RelayHouse): Kind[] => [
  defineKind('relay.grant_warn', {
    keepOutput: false,
    async run() {
      await warnOfEnds(house)
    },
  }) as Kind,
  defineKind<unknown, { relay_grant_id: string }>(END_THREADS, {
    keepOutput: false,
    schema(value) {
      const id = (value as { relay_grant_id?: unknown } | null)?.relay_grant_id
      if (!isId('rgr', id)) throw new TypeError('relay_grant_id is an id')
      return { relay_grant_id: id }
    },
    async run({ tenantId, payload }) {
      await endRest(house, tenantId, payload.relay_grant_id)
    },
  }) as Kind,
]

export const grantSchedules: readonly Schedule[] = [
  defineSchedule('relay-grant-warnings', { cron: '17 * * * *', kind: 'relay.grant_warn', overlap: 'skip' }),
]
