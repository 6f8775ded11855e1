// Limits, exact over any number of processes (P71–P75): each count is one row of PostgreSQL, taken in one statement with its clock.
// Counts nothing in this process but reads while the database takes no writes (limit-here.ts), keeps no name of a person (only its HMAC), and never lets a call through because the store is away.
import { Problem } from '@countersign/sdk'
import type { Keyring } from '../crypto/keyring.ts'
import { hmacSha256, randomToken } from '../crypto/token.ts'
import type { Sql } from '../db/sql.ts'
import { type Db, once } from '../db/tx.ts'
import type { Clock } from '../std/clock.ts'
import { BUCKETS, type Bucket, type BucketName, type Buckets, type Gcra, NAMED, type Window } from './bucket.ts'
import { openLeases } from './leases.ts'
import { countHere, countsHere } from './limit-here.ts'
import {
  type BucketRow,
  deleteBucket,
  findBuckets,
  type Rate,
  type RateRow,
  releaseLeases,
  renewLeases,
  sweepBuckets,
  type TakenRow,
  takeBackOff,
  takeLease,
  takeRates,
  takeWindow,
} from './sql.ts'
import { together } from './together.ts'

export type Want = { bucket: BucketName; key: string; cost?: number }
/** What is left of a bucket: `remaining` calls now, all of them again after `reset` seconds. */
export type Left = { bucket: BucketName; quota: number; per: number; remaining: number; reset: number }

export type Limits = {
  /** All or a 429: asks in the given order, rates in one round trip; what stands behind a refusal is not counted. */
  take(...wants: Want[]): Promise<Left[]>
  /** The same for what only reads: while the database takes no writes, this process counts for itself. */
  takeForRead(...wants: Want[]): Promise<Left[]>
  /** After a success: the bucket is empty again. */
  clear(bucket: BucketName, key: string): Promise<void>
  /** One of the things that may be open at once (429 `concurrency_limited`), all of them reads; it ends by `release`, or 90 s after its process died. */
  hold(bucket: BucketName, key: string): Promise<{ release(): Promise<void> }>
  /** Rows that nobody touched for two windows. */
  sweep(): Promise<number>
}

const LEASE_MS = 90_000
// Statements about rates that may be under way; who comes meanwhile goes with the next.
const AT_ONCE = 2
// A row of failures outlives its longest wait by far, so that who comes back after a pause does not start from nothing.
const FAILURES_IDLE_MS = 24 * 3_600_000

export function openLimits(options: { db: Db; keyring: Keyring; clock: Clock; buckets?: Buckets }): Limits {
  const { db, clock, buckets = BUCKETS as Buckets } = options
  // Asked anew each time: a promoted root key must not leave two processes with two counts of one thing.
  const secret = () => options.keyring.purpose('bucket')
  const rowKey = ({ bucket, key }: { bucket: BucketName; key: string }) =>
    `${bucket} ${NAMED.includes(bucket) ? hmacSha256(secret(), key).subarray(0, 16).toString('base64url') : key}`
  const query = <T>(statement: Sql): Promise<T[]> => once<T>(db, statement)

  const refuse = async (want: Want): Promise<never> => {
    const [row] = await query<BucketRow>(findBuckets([rowKey(want)]))
    const bucket = buckets[want.bucket]
    const seconds = Math.max(1, Math.ceil(waitMs(bucket, want.cost ?? 1, row) / 1000))
    throw new Problem('rate_limited', {
      bucket: want.bucket,
      retry_after: seconds,
      ...('limit' in bucket && 'per' in bucket ? { limit: bucket.limit, window: bucket.per } : {}),
    })
  }

  // The rows' locks let calls through one after the other in any case: so those that come meanwhile share a statement.
  const rates = together<Want[], (RateRow | null)[]>({
    groupOf: () => '',
    atOnce: AT_ONCE,
    async run(calls) {
      const places = new Map<string, number>()
      const rules: Rate[] = []
      const wants = calls.flatMap((call, n) =>
        call.map((want) => {
          const key = rowKey(want)
          const place = places.get(key) ?? rules.push(rateOf(key, buckets[want.bucket] as Gcra))
          places.set(key, place)
          return { call: n, place, cost: want.cost ?? 1 }
        }),
      )
      const taken: (RateRow | undefined)[] = []
      for (const row of await query<RateRow>(takeRates(rules, wants))) taken[row.nth] = row
      let first = 0
      return calls.map((call) => call.map(() => taken[first++] ?? null))
    },
  })

  const keep = openLeases(clock, {
    renew: (all) => query(renewLeases(all, LEASE_MS)),
    release: (all) => query(releaseLeases(all)),
  })

  const takeAll = async (wants: Want[]): Promise<Left[]> => {
    const rows = await rates(wants)
    const refused = wants.find((_, i) => !rows[i])
    if (refused) return refuse(refused)
    return wants.map((want, i) => leftOfRate(want.bucket, buckets[want.bucket] as Gcra, rows[i] as RateRow))
  }

  const takeCount = async (want: Want): Promise<Left[]> => {
    const bucket = buckets[want.bucket]
    const [row] = await query<TakenRow>(takeOne(rowKey(want), bucket))
    if (!row) return refuse(want)
    return bucket.kind === 'window' ? [leftOfWindow(want.bucket, bucket, row)] : []
  }

  const here = countHere(clock, buckets)
  const unlessReadOnly = async <T>(wants: readonly Want[], ask: () => Promise<T>, instead: () => T): Promise<T> => {
    try {
      const answer = await ask()
      here.forget()
      return answer
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== 'read_only' || !countsHere(wants)) throw error
      return instead()
    }
  }

  const limits: Limits = {
    async take(...wants) {
      const lefts: Left[] = []
      for (let rest = wants; rest.length > 0; ) {
        const first = rest[0] as Want
        const cut = rest.findIndex((want) => buckets[want.bucket].kind !== 'gcra')
        const run = cut < 0 ? rest : rest.slice(0, Math.max(1, cut))
        lefts.push(...(buckets[first.bucket].kind === 'gcra' ? await takeAll(run) : await takeCount(first)))
        rest = rest.slice(run.length)
      }
      return lefts
    },
    takeForRead: (...wants) =>
      unlessReadOnly(
        wants,
        () => limits.take(...wants),
        () => here.take(wants),
      ),
    async clear(bucket, key) {
      await query(deleteBucket(rowKey({ bucket, key })))
    },
    async hold(bucket, key) {
      const rule = buckets[bucket]
      if (rule.kind !== 'concurrency') throw new TypeError(`${bucket} does not count what is open at once.`)
      const [row, holder] = [rowKey({ bucket, key }), randomToken(9)]
      const take = async () => {
        const [held] = await query(takeLease(row, holder, rule.limit, LEASE_MS))
        if (!held) throw new Problem('concurrency_limited', { bucket, limit: rule.limit, retry_after: 1 })
        return keep({ row, holder })
      }
      return unlessReadOnly([{ bucket, key }], take, () => here.hold(bucket, key))
    },
    async sweep() {
      const [row] = await query<{ swept: number }>(sweepBuckets())
      return row?.swept ?? 0
    },
  }
  return limits
}

const rateOf = (key: string, { limit, per, burst }: Gcra): Rate => ({
  key,
  unit: (per * 1000) / limit,
  burst,
  idle: 2 * per * 1000,
})

function takeOne(key: string, bucket: Bucket): Sql {
  if (bucket.kind === 'window') return takeWindow(key, { limit: bucket.limit, per: bucket.per * 1000 })
  if (bucket.kind !== 'backoff') throw new TypeError('What is open at once is held, not taken.')
  const { from, wait, most } = bucket
  return takeBackOff(key, { from, wait: wait * 1000, most: most * 1000, idle: FAILURES_IDLE_MS })
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

function leftOfRate(name: BucketName, bucket: Gcra, row: RateRow): Left {
  const unit = (bucket.per * 1000) / bucket.limit
  const ahead = Math.max(0, row.tat - row.at)
  const remaining = Math.max(0, Math.floor(bucket.burst - ahead / unit))
  return { bucket: name, quota: bucket.limit, per: bucket.per, remaining, reset: Math.ceil(ahead / 1000) }
}

function leftOfWindow(name: BucketName, bucket: Window, row: TakenRow): Left {
  const reset = Math.max(0, Math.ceil(((row.first ?? row.at) + bucket.per * 1000 - row.at) / 1000))
  return { bucket: name, quota: bucket.limit, per: bucket.per, remaining: bucket.limit - row.used, reset }
}

/** The fields of the IETF draft, on success and refusal alike (P74). */
export function limitHeaders(lefts: readonly Left[]): Record<string, string> {
  if (lefts.length === 0) return {}
  return {
    'RateLimit-Policy': lefts.map((one) => `"${one.bucket}";q=${one.quota};w=${one.per}`).join(', '),
    RateLimit: lefts.map((one) => `"${one.bucket}";r=${one.remaining};t=${one.reset}`).join(', '),
  }
}
