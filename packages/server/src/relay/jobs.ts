// The jobs of the relay: one verb each, ids alone in their payloads.
import { defineKind, defineSchedule, discard, type Kind, type Schedule, snooze } from '@countersign/queue'
import { type IdPrefix, isId } from '../std/id.ts'
import { cardJobs } from './cards/jobs.ts'
import { REVIEW } from './cards/review-job.ts'
import { ERASE, runErasure } from './erasures/erasure.ts'
import { EXPORT, failExport, writeExport } from './exports/write.ts'
import { grantJobs, grantSchedules } from './grants/jobs.ts'
import { healthSchedules } from './health/jobs.ts'
import { KEEP_HELD, keepHeld } from './holds/hold.ts'
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
  defineKind<unknown, { erasure_id: string }>(ERASE, {
    keepOutput: false,
    deadline: '1h',
    schema: (value) => ({ erasure_id: idOf('ers', (value as { erasure_id?: unknown }).erasure_id) }),
    async run({ tenantId, payload }, { signal }) {
      // Held, or taken out at this moment: it goes on when that is over.
      return (await runErasure(house, tenantId, payload.erasure_id, signal)) ? undefined : snooze('5s')
    },
  }) as Kind,
  defineKind<unknown, { export_id: string }>(EXPORT, {
    keepOutput: false,
    maxAttempts: 5,
    deadline: '1h',
    schema: (value) => ({ export_id: idOf('exp', (value as { export_id?: unknown }).export_id) }),
    async run(job, { signal }) {
      const { tenantId, payload, attempt, maxAttempts } = job
      try {
        // What happened before it was asked for is sealed within a second or two.
        return (await writeExport(house, tenantId, payload.export_id, signal)) ? undefined : snooze('1s')
      } catch (error) {
        if (signal.aborted || attempt < maxAttempts) throw error
        await failExport(house, tenantId, payload.export_id, 'The export could not be written.')
        return discard(error instanceof Error ? error.message : 'failed')
      }
    },
  }) as Kind,
  defineKind(KEEP_HELD, {
    keepOutput: false,
    async run({ tenantId }, { signal }) {
      await keepHeld(house, tenantId, signal)
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

function idOf(prefix: IdPrefix, value: unknown): string {
  if (!isId(prefix, value)) throw new TypeError(`This is no id of ${prefix}_.`)
  return value
}
