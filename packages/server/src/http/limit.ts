// Limits, exact over any number of processes (P71–P75): each count is one row of PostgreSQL, taken in one statement with its clock.
// Counts nothing in this process, keeps no name of a person (only its HMAC), and never lets a call through because the store is away.
import { Problem } from '@countersign/sdk'
import type { Keyring } from '../crypto/keyring.ts'
import { hmacSha256, randomToken } from '../crypto/token.ts'
import { asProblem } from '../db/errors.ts'
import type { Sql } from '../db/sql.ts'
import type { Db } from '../db/tx.ts'
import type { Clock } from '../std/clock.ts'
import { BUCKETS, type Bucket, type BucketName, type Buckets, NAMED } from './bucket.ts'
import {
  type BucketRow,
  deleteBucket,
  findBuckets,
  releaseLease,
  renewLease,
  sweepBuckets,
  type TakenRow,
  takeAll,
  takeBackOff,
  takeGcra,
  takeLease,
  takeWindow,
} from './sql.ts'

export type Want = { bucket: BucketName; key: string; cost?: number }
/** What is left of a bucket: `remaining` calls now, all of them again after `reset` seconds. */
export type Left = { bucket: BucketName; quota: number; per: number; remaining: number; reset: number }

export type Limits = {
  /** All or a 429: asks in the given order, in one round trip. */
  take(...wants: Want[]): Promise<Left[]>
  /** After a success: the bucket is empty again. */
  clear(bucket: BucketName, key: string): Promise<void>
  /** One of the things that may be open at once (429 `concurrency_limited`); it ends by `release`, or 90 s after its process died. */
  hold(bucket: BucketName, key: string): Promise<{ release(): Promise<void> }>
  /** Rows that nobody touched for two windows. */
  sweep(): Promise<number>
}

const LEASE_MS = 90_000
const RENEW_MS = 30_000
// A row of failures outlives its longest wait by far, so that who comes back after a pause does not start from nothing.
const FAILURES_IDLE_MS = 24 * 3_600_000

export function openLimits(options: { db: Pick<Db, 'pool'>; keyring: Keyring; clock: Clock; buckets?: Buckets }): Limits {
  const { db, clock, buckets = BUCKETS as Buckets } = options
  const secret = options.keyring.purpose('bucket')
  const rowKey = ({ bucket, key }: { bucket: BucketName; key: string }) =>
    `${bucket} ${NAMED.includes(bucket) ? hmacSha256(secret, key).subarray(0, 16).toString('base64url') : key}`
  const query = async <T>(statement: Sql): Promise<T[]> => {
    try {
      return (await db.pool.query(statement.text, statement.values as unknown[])).rows as T[]
    } catch (error) {
      throw asProblem(error)
    }
  }

  const refuse = async (wants: Want[], nth: number): Promise<never> => {
    const want = wants[nth] as Want
    const [row] = await query<BucketRow>(findBuckets([rowKey(want)]))
    const bucket = buckets[want.bucket]
    const seconds = Math.max(1, Math.ceil(waitMs(bucket, want.cost ?? 1, row) / 1000))
    throw new Problem('rate_limited', {
      bucket: want.bucket,
      retry_after: seconds,
      ...('limit' in bucket && 'per' in bucket ? { limit: bucket.limit, window: bucket.per } : {}),
    })
  }

  return {
    async take(...wants) {
      const rows = await query<TakenRow>(takeAll(wants.map((want) => part(buckets[want.bucket], rowKey(want), want.cost ?? 1))))
      const taken = new Map(rows.map((row) => [row.nth, row]))
      const refused = wants.findIndex((_, i) => !taken.has(i))
      if (refused >= 0) return refuse(wants, refused)
      return wants.flatMap((want, i) => left(want.bucket, buckets[want.bucket], taken.get(i) as TakenRow))
    },
    async clear(bucket, key) {
      await query(deleteBucket(rowKey({ bucket, key })))
    },
    async hold(bucket, key) {
      const rule = buckets[bucket]
      if (rule.kind !== 'concurrency') throw new TypeError(`${bucket} does not count what is open at once.`)
      const [row, holder] = [rowKey({ bucket, key }), randomToken(9)]
      const [held] = await query(takeLease(row, holder, rule.limit, LEASE_MS))
      if (!held) throw new Problem('concurrency_limited', { bucket, limit: rule.limit, retry_after: 1 })
      return keepLease(clock, RENEW_MS, {
        renew: () => query(renewLease(row, holder, LEASE_MS)),
        release: () => query(releaseLease(row, holder)),
      })
    },
    async sweep() {
      const { rowCount } = await db.pool.query(sweepBuckets().text)
      return rowCount ?? 0
    },
  }
}

/** Renews until released. A renewal that fails is tried again at the next turn: the lease lasts three of them. */
function keepLease(clock: Clock, everyMs: number, lease: { renew(): Promise<unknown>; release(): Promise<unknown> }) {
  let cancel: () => void = () => undefined
  const again = () => {
    cancel = clock.timer(everyMs, () => {
      again()
      lease.renew().catch(() => undefined)
    })
  }
  again()
  return {
    async release() {
      cancel()
      await lease.release()
    },
  }
}

function part(bucket: Bucket, key: string, cost: number) {
  switch (bucket.kind) {
    case 'gcra': {
      const per = bucket.per * 1000
      return (after: Sql) => takeGcra(key, { unit: per / bucket.limit, burst: bucket.burst, cost, idle: 2 * per }, after)
    }
    case 'window':
      return (after: Sql) => takeWindow(key, { limit: bucket.limit, per: bucket.per * 1000 }, after)
    case 'backoff': {
      const { from, wait, most } = bucket
      return (after: Sql) => takeBackOff(key, { from, wait: wait * 1000, most: most * 1000, idle: FAILURES_IDLE_MS }, after)
    }
    case 'concurrency':
      throw new TypeError('What is open at once is held, not taken.')
  }
}

/** Never early: a tenth of a second too long is kinder than a second refusal. */
function waitMs(bucket: Bucket, cost: number, row: BucketRow | undefined): number {
  if (!row) return 0
  if (bucket.kind === 'window') {
    const oldest = row.hits?.[row.hits.length - bucket.limit] ?? row.now
    return oldest + bucket.per * 1000 + 1 - row.now
  }
  const tat = row.tat ?? row.now
  if (bucket.kind !== 'gcra') return tat - row.now
  const unit = (bucket.per * 1000) / bucket.limit
  return tat + unit * cost - unit * bucket.burst - row.now
}

function left(name: BucketName, bucket: Bucket, row: TakenRow): Left[] {
  if (bucket.kind === 'gcra') {
    const unit = (bucket.per * 1000) / bucket.limit
    const ahead = Math.max(0, (row.tat ?? row.at) - row.at)
    const remaining = Math.max(0, Math.floor(bucket.burst - ahead / unit))
    return [{ bucket: name, quota: bucket.limit, per: bucket.per, remaining, reset: Math.ceil(ahead / 1000) }]
  }
  if (bucket.kind !== 'window') return []
  const reset = Math.max(0, Math.ceil(((row.first ?? row.at) + bucket.per * 1000 - row.at) / 1000))
  return [{ bucket: name, quota: bucket.limit, per: bucket.per, remaining: bucket.limit - (row.used ?? 1), reset }]
}

/** The fields of the IETF draft, on success and refusal alike (P74). */
export function limitHeaders(lefts: readonly Left[]): Record<string, string> {
  if (lefts.length === 0) return {}
  return {
    'RateLimit-Policy': lefts.map((one) => `"${one.bucket}";q=${one.quota};w=${one.per}`).join(', '),
    RateLimit: lefts.map((one) => `"${one.bucket}";r=${one.remaining};t=${one.reset}`).join(', '),
  }
}
