// Counting in this process, for reads while the database takes no writes: the same table of limits, the same arithmetic, of this process alone. An
// installation of n processes lets through up to n times as many reads then; no sign-in, no link and no mutation is ever counted here.
import { Problem } from '@countersign/sdk'
import type { Clock } from '../std/clock.ts'
import { BUCKETS, type Bucket, type BucketName, type Gcra, type Window } from './bucket.ts'
import type { Left, Want } from './limit.ts'

export type LimitsHere = {
  /** All or a 429; what stands behind a refusal is not counted. */
  take(wants: readonly Want[]): Left[]
  hold(bucket: BucketName, key: string): { release(): Promise<void> }
  /** The database counts again. */
  forget(): void
}

type Row = { tat: number; hits: number[]; open: number }

/** So many keys at once; beyond that the oldest are forgotten, which lets them through. */
const MOST = 10_000

export function countHere(clock: Clock, buckets: Record<BucketName, Bucket>): LimitsHere {
  const rows = new Map<string, Row>()

  function rowOf({ bucket, key }: Pick<Want, 'bucket' | 'key'>): Row {
    const name = `${bucket} ${key}`
    const row = rows.get(name) ?? { tat: 0, hits: [], open: 0 }
    rows.delete(name) // the order of a map is that of insertion: what is used last is forgotten last
    rows.set(name, row)
    for (const [oldest, { open }] of rows) {
      if (rows.size <= MOST) break
      if (open === 0) rows.delete(oldest)
    }
    return row
  }

  function takeOne(want: Want, now: number): Left | null {
    const rule = buckets[want.bucket]
    if (rule.kind === 'gcra') return takeRate(rowOf(want), want, rule, now)
    if (rule.kind === 'window') return takeHit(rowOf(want), want, rule, now)
    return null
  }

  return {
    take(wants) {
      const now = clock.now().getTime()
      return wants.flatMap((want) => takeOne(want, now) ?? [])
    },
    hold(bucket, key) {
      const rule = buckets[bucket]
      if (rule.kind !== 'concurrency') throw new TypeError(`${bucket} does not count what is open at once.`)
      const row = rowOf({ bucket, key })
      if (row.open >= rule.limit) throw new Problem('concurrency_limited', { bucket, limit: rule.limit, retry_after: 1 })
      row.open++
      return {
        async release() {
          row.open--
        },
      }
    },
    forget() {
      for (const [name, { open }] of rows) if (open === 0) rows.delete(name)
    },
  }
}

/** Whether a refusal of the database's may be made up for here: nothing that guards a password, a link or a key. */
export const countsHere = (wants: readonly { bucket: BucketName }[]): boolean =>
  wants.every(({ bucket }) => !('signIn' in BUCKETS[bucket]) || bucket === 'key.bad')

function takeRate(row: Row, { bucket, cost = 1 }: Want, { limit, per, burst }: Gcra, now: number): Left {
  const unit = (per * 1000) / limit
  const until = Math.max(row.tat, now) + unit * cost
  if (until > now + unit * burst) throw limited(bucket, limit, per, until - unit * burst - now)
  row.tat = until
  const ahead = until - now
  return { bucket, quota: limit, per, remaining: Math.max(0, Math.floor(burst - ahead / unit)), reset: Math.ceil(ahead / 1000) }
}

function takeHit(row: Row, { bucket }: Want, { limit, per }: Window, now: number): Left {
  row.hits = row.hits.filter((hit) => hit + per * 1000 >= now)
  const [first = now] = row.hits
  if (row.hits.length >= limit) throw limited(bucket, limit, per, first + per * 1000 + 1 - now)
  row.hits.push(now)
  return {
    bucket,
    quota: limit,
    per,
    remaining: limit - row.hits.length,
    reset: Math.max(0, Math.ceil((first + per * 1000 - now) / 1000)),
  }
}

const limited = (bucket: BucketName, limit: number, window: number, ms: number): Problem =>
  new Problem('rate_limited', { bucket, retry_after: Math.max(1, Math.ceil(ms / 1000)), limit, window })
