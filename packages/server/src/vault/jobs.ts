// The jobs of stored credentials, grants and runs: one verb each. Payloads hold ids alone, and none of these needs one.
import { defineKind, defineSchedule, type Kind, type Schedule, snooze } from '@countersign/queue'
import { systemScope } from '../db/scope.ts'
import { isId } from '../std/id.ts'
import { pruneJobs, pruneSchedules } from './authorizations/prune.ts'
import { clientJobs } from './clients/forget.ts'
import { expireGrants } from './grants/expire.ts'
import { FOLLOW, followProposal } from './grants/proposal.ts'
import type { VaultHouse } from './house.ts'
import { compareWithRecord } from './material/check.ts'
import { proposalJobs } from './proposals/follow.ts'
import { END_CONNECTIONS, endConnectionsNow } from './providers/end.ts'
import { reminderJobs, reminderSchedules } from './refresh/remind.ts'
import { rotationJobs } from './rotation/jobs.ts'
import { sweepRuns } from './runs/run.ts'
import { verifyJobs } from './verify/jobs.ts'

export const vaultJobs = (house: VaultHouse): Kind[] => [
  ...verifyJobs(house),
  ...clientJobs(house),
  ...reminderJobs(house),
  ...rotationJobs(house),
  ...proposalJobs(house),
  ...pruneJobs(house),
  defineKind('vault.compare', {
    keepOutput: false,
    async run() {
      await compareWithRecord(house)
    },
  }) as Kind,
  defineKind('grant.expire', {
    keepOutput: false,
    async run() {
      await expireGrants(house)
    },
  }) as Kind,
  defineKind('run.sweep', {
    keepOutput: false,
    async run() {
      await sweepRuns(house)
    },
  }) as Kind,
  defineKind<unknown, { grant_id: string }>(FOLLOW, {
    keepOutput: false,
    schema: readGrantId,
    async run({ tenantId, payload }) {
      const pause = await followProposal(house, tenantId, payload.grant_id)
      return pause === null ? undefined : snooze(pause)
    },
  }) as Kind,
  defineKind<unknown, { provider: string; cause: string }>(END_CONNECTIONS, {
    keepOutput: false,
    schema: readEnd,
    async run({ tenantId, payload }) {
      await endConnectionsNow(house, systemScope('vault', tenantId), payload.provider, payload.cause)
    },
  }) as Kind,
]

function readGrantId(value: unknown): { grant_id: string } {
  const id = (value as { grant_id?: unknown } | null)?.grant_id
  if (!isId('grt', id)) throw new TypeError('grant_id is an id')
  return { grant_id: id }
}

/** Names of providers and of causes, as verbs here wrote them. */
function readEnd(value: unknown): { provider: string; cause: string } {
  const { provider, cause } = (value ?? {}) as { provider?: unknown; cause?: unknown }
  if (typeof provider !== 'string' || typeof cause !== 'string') throw new TypeError('provider and cause are names')
  return { provider, cause }
}

export const vaultSchedules: readonly Schedule[] = [
  ...reminderSchedules,
  ...pruneSchedules,
  defineSchedule('vault-comparison', { cron: '41 3 * * *', kind: 'vault.compare', overlap: 'skip' }),
  defineSchedule('run-sweep', { cron: '* * * * *', kind: 'run.sweep', overlap: 'skip' }),
  defineSchedule('grant-expiry', { cron: '* * * * *', kind: 'grant.expire', overlap: 'skip' }),
]
