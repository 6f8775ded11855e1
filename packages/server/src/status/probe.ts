// A probe measures one thing and says how it stands (P142). Rooms hand theirs in; those of database, schema, queue, record, certificate and security.txt are here.
// A probe looks and never mends, holds no name of a tenant, and what it measures are numbers.
import type { Queue } from '@countersign/queue'
import { compareMigrations, listMigrations } from '../db/migrate.ts'
import { type Applied, listApplied } from '../db/migrations/sql.ts'
import type { Tx } from '../db/tx.ts'
import { sealStatusIn } from '../events/audit/status.ts'
import { daysLeft, readSecurityTxt, SECURITY_TXT_WARN_DAYS } from './security-txt.ts'
import { firstAttempts, readStore } from './sql.ts'

export type State = 'ok' | 'warn' | 'outage'
export type Measured = Record<string, number | null>
export type Reading = { state: State; measured: Measured }

export type Probe = {
  /** Lower case and dots: `webhooks.first_attempt`. */
  name: string
  /** As people read it: `Webhooks`. */
  title: string
  /** What it looks at, in one sentence for people. */
  says: string
  measure(t: Tx): Promise<Reading>
}

/** The worst that a value is: above `outage`, above `warn`, or fine. */
export const above = (value: number | null, warn: number, outage: number): State =>
  value === null ? 'ok' : value > outage ? 'outage' : value > warn ? 'warn' : 'ok'

const TIMES = 20

export const databaseProbe: Probe = {
  name: 'database',
  title: 'Database',
  says: 'How fast PostgreSQL answers.',
  async measure(t) {
    const took: number[] = []
    for (let i = 0; i < TIMES; i++) {
      const from = performance.now()
      await readStore(t)
      took.push(performance.now() - from)
    }
    took.sort((a, b) => a - b)
    const at = (share: number) => Math.round((took[Math.floor(TIMES * share)] ?? 0) * 100) / 100
    return { state: above(at(0.95), 250, 1_000), measured: { p50_ms: at(0.5), p95_ms: at(0.95) } }
  },
}

export const schemaProbe: Probe = {
  name: 'schema',
  title: 'Schema',
  says: 'Whether the database is that of this version.',
  async measure(t) {
    const { rows } = await t.query(listApplied)
    const { pending, changed, ahead } = compareMigrations(listMigrations(), rows as Applied[])
    const state = pending.length + changed.length > 0 ? 'outage' : ahead.length > 0 ? 'warn' : 'ok'
    return { state, measured: { pending: pending.length, changed: changed.length, ahead: ahead.length } }
  },
}

export const queueProbe = (queue: Pick<Queue, 'health' | 'stats'>): Probe => ({
  name: 'queue',
  title: 'Background work',
  says: 'How long work waits for its turn.',
  async measure() {
    const { oldest_ready_ms, workers } = await queue.health()
    // A login that only keeps the house may not read figures by kind (P18); the age of the oldest it may.
    const lag = await queue.stats.totals().then((totals) => totals.last_minute.wait_p95_ms, nullIfDenied)
    return {
      state: above(oldest_ready_ms, 60_000, 900_000),
      measured: { lag_p95_ms: lag, oldest_due_ms: oldest_ready_ms, workers },
    }
  },
})

const INSUFFICIENT_PRIVILEGE = '42501'

function nullIfDenied(error: unknown): null {
  if (error instanceof Error && (error as Error & { code?: string }).code === INSUFFICIENT_PRIVILEGE) return null
  throw error
}

export const recordProbe: Probe = {
  name: 'record',
  title: 'Record',
  says: 'How soon what happened is sealed against change.',
  async measure(t) {
    const { state, lag_seconds, waiting } = await sealStatusIn(t)
    return { state, measured: { oldest_unsealed_s: lag_seconds, waiting } }
  },
}

const HOUR_MS = 3_600_000
const FEW = 20

/** Most refusals are the receivers' own: only when next to nothing is taken is something wrong here. */
export const webhooksProbe: Probe = {
  name: 'webhooks',
  title: 'Webhooks',
  says: 'How many deliveries are taken at the first attempt.',
  async measure(t) {
    const { taken, refused } = await firstAttempts(t, new Date(t.now.getTime() - HOUR_MS))
    const all = taken + refused
    const share = all === 0 ? null : Math.round((taken / all) * 1_000) / 1_000
    const state = share === null || all < FEW ? 'ok' : share === 0 ? 'outage' : share < 0.5 ? 'warn' : 'ok'
    return { state, measured: { first_attempt_share: share, first_attempts: all } }
  },
}

/** Only where TLS ends in this process. `read` gives the dates of the certificate that is served. */
export const certificateProbe = (read: () => { from: Date; until: Date }): Probe => ({
  name: 'certificate',
  title: 'Certificate',
  says: 'How much of the TLS certificate’s life is left.',
  async measure(t) {
    const { from, until } = read()
    const left = (until.getTime() - t.now.getTime()) / (until.getTime() - from.getTime())
    const days = Math.floor((until.getTime() - t.now.getTime()) / 86_400_000)
    // Shares, not days: right for certificates of a year and of a week alike (P140).
    return {
      state: left < 0.1 ? 'outage' : left < 0.25 ? 'warn' : 'ok',
      measured: { share_left: Math.round(left * 1_000) / 1_000, days_left: days },
    }
  },
})

export const securityTxtProbe = (file: string): Probe => ({
  name: 'security_txt',
  title: 'security.txt',
  says: 'Whether people who find a hole are told whom to write to.',
  async measure(t) {
    const read = readSecurityTxt(file)
    if ('refused' in read) return { state: 'warn', measured: { days_left: null } }
    const days = daysLeft(read.expires, t.now)
    return { state: days < SECURITY_TXT_WARN_DAYS ? 'warn' : 'ok', measured: { days_left: days } }
  },
})
