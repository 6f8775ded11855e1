// The jobs of the relay: one verb each, ids alone in their payloads.
import { defineKind, defineSchedule, type Kind, type Schedule } from '@countersign/queue'
import { cardJobs } from './cards/jobs.ts'
import { REVIEW } from './cards/review-job.ts'
import { grantJobs, grantSchedules } from './grants/jobs.ts'
import { healthSchedules } from './health/jobs.ts'
import type { RelayHouse } from './house.ts'
import { openReview } from './listing/review.ts'
import { expirePayloads } from './retention/retention.ts'
import { sweepRelay } from './sweep.ts'

export const relayJobs = (house: RelayHouse): Kind[] => [
  defineKind('relay.sweep', {
    keepOutput: false,
    async run() {
      await sweepRelay(house)
    },
  }) as Kind,
  defineKind('relay.retain', {
    keepOutput: false,
    async run(_job, { signal }) {
      await expirePayloads(house, signal)
    },
  }) as Kind,
  defineKind<{ card_id: string }>(REVIEW, {
    keepOutput: false,
    async run({ tenantId, payload }) {
      await openReview(house, tenantId, payload.card_id)
    },
  }) as Kind,
  ...cardJobs(house),
  ...grantJobs(house),
]

export const relaySchedules: Schedule[] = [
  defineSchedule('relay-sweep', { cron: '*/5 * * * * *', kind: 'relay.sweep', overlap: 'skip' }),
  defineSchedule('relay-retention', { cron: '7 * * * *', kind: 'relay.retain', overlap: 'skip' }),
  ...grantSchedules,
  ...healthSchedules,
]
