// Deadlines of all attempts of a worker on a few timers: those that fall into the same tenth of a second share one. Never fires early, and at most
// a tenth of a second late.
import type { Clock } from './host.ts'

const STEP_MS = 100

/** What has a deadline; it carries its own place among the others, so that leaving costs no search. */
type Watched<T> = { expire(): void; bucket: Set<T> | null }
type Bucket<T> = { due: Set<T>; cancel: () => void; key: number }

export type Deadlines<T> = {
  watch(one: T, ms: number, now: number): void
  forget(one: T): void
  close(): void
}

export function makeDeadlines<T extends Watched<T>>(clock: Clock): Deadlines<T> {
  const buckets = new Map<number, Bucket<T>>()
  let newest: Bucket<T> | undefined

  const drop = (bucket: Bucket<T>) => {
    bucket.cancel()
    buckets.delete(bucket.key)
  }
  const open = (key: number, now: number): Bucket<T> => {
    if (newest?.due.size === 0) drop(newest)
    const bucket: Bucket<T> = { due: new Set(), key, cancel: () => undefined }
    bucket.cancel = clock.timer(Math.max(0, (key + 1) * STEP_MS - now), () => {
      buckets.delete(key)
      for (const one of bucket.due) {
        one.bucket = null
        one.expire()
      }
    })
    buckets.set(key, bucket)
    newest = bucket
    return bucket
  }

  return {
    watch(one, ms, now) {
      const key = Math.floor((now + Math.max(0, ms)) / STEP_MS)
      const bucket = buckets.get(key) ?? open(key, now)
      bucket.due.add(one)
      one.bucket = bucket.due
    },
    forget(one) {
      one.bucket?.delete(one)
      one.bucket = null
    },
    close() {
      for (const bucket of [...buckets.values()]) drop(bucket)
    },
  }
}
