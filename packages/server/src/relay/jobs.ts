// The jobs of the relay: one verb each, ids alone in their payloads.
import { defineKind, defineSchedule, type Kind, type Schedule } from '@countersign/queue'
import { cardJobs } from './cards/jobs.ts'
import { grantJobs, grantSchedules } from './grants/jobs.ts'
import type { RelayHouse } from './house.ts'
import { sweepRelay } from './sweep.ts'

export const relayJobs = (house: RelayHouse): Kind[] => [
  defineKind('relay.sweep', {
    keepOutput: false,
    async run() {
      await sweepRelay(house)
    },
  }) as Kind,
  ...cardJobs(house),
  ...grantJobs(house),
]

export const relaySchedules: Schedule[] = [
  defineSchedule('relay-sweep', { cron: '*/5 * * * * *', kind: 'relay.sweep', overlap: 'skip' }),
  ...grantSchedules,
]
