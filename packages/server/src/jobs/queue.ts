// Queues and their keys: looked at, paused, drained, limited. A queue has a name and settings for the whole installation; its figures here are the tenant's.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import type { Tx } from '../db/tx.ts'
import { type EventData, record } from '../events/event.ts'
import { actorOf, actorText, type QueueRow, readersOf } from './engine.ts'
import type { JobsHouse } from './house.ts'
import { whole } from './page.ts'
import { act, invalid, look } from './problem.ts'

const readQueues = async (house: JobsHouse, t: Tx, scope: Scope) =>
  (await readersOf(house).queues({ tx: t })).map((row) => show(scope, row))

const show = (scope: Scope, row: QueueRow) => ({
  name: row.name,
  paused_at: row.paused_at,
  paused_by: actorOf(scope, row.paused_by),
  depth: row.depth,
  estimated: row.estimated,
  as_of: row.as_of,
  oldest_ready_ms: row.oldest_ready_ms,
  workers: row.workers,
  ...settingsOf(row.settings),
})

export type Rate = { limit: number; per_seconds: number; burst?: number }
type ByKey<T> = T | Record<string, T>
export type Settings = {
  max_running: number | null
  max_running_per_key: ByKey<number> | null
  rate: Rate | null
  rate_per_key: ByKey<Rate> | null
  max_depth: number | null
  on_full: 'reject' | 'signal'
  order: 'shard' | 'strict'
  fair_by: 'tenant' | 'concurrency_key' | null
  aging_seconds: number
}

/** As the engine keeps them: times in milliseconds. */
type Stored = Partial<Omit<Settings, 'rate' | 'rate_per_key' | 'aging_seconds'>> & {
  rate?: StoredRate | null
  rate_per_key?: ByKey<StoredRate> | null
  aging_ms?: number
}
type StoredRate = { limit: number; per_ms: number; burst?: number }

const AGING_MS = 60_000

const settingsOf = (stored: Stored): Settings => ({
  max_running: stored.max_running ?? null,
  max_running_per_key: stored.max_running_per_key ?? null,
  rate: stored.rate ? rateOf(stored.rate) : null,
  rate_per_key: stored.rate_per_key ? eachRate(stored.rate_per_key, isStored, rateOf) : null,
  max_depth: stored.max_depth ?? null,
  on_full: stored.on_full ?? 'reject',
  order: stored.order ?? 'shard',
  fair_by: stored.fair_by ?? null,
  aging_seconds: (stored.aging_ms ?? AGING_MS) / 1000,
})

const rateOf = ({ per_ms, ...rest }: StoredRate): Rate => ({ ...rest, per_seconds: per_ms / 1000 })
const storedRate = ({ per_seconds, ...rest }: Rate): StoredRate => ({ ...rest, per_ms: per_seconds * 1000 })
const isStored = (rule: ByKey<StoredRate>): rule is StoredRate => typeof rule.limit === 'number'
const isSpoken = (rule: ByKey<Rate>): rule is Rate => typeof rule.limit === 'number'

/** One rate for every key, or one by prefix. */
const eachRate = <A extends object, B>(rule: ByKey<A>, isOne: (rule: ByKey<A>) => rule is A, spell: (rate: A) => B): ByKey<B> =>
  isOne(rule) ? spell(rule) : Object.fromEntries(Object.entries(rule).map(([prefix, rate]) => [prefix, spell(rate as A)]))

export type ShownQueue = ReturnType<typeof show>

export const listQueues = (house: JobsHouse, scope: Scope) =>
  look(house, scope, async (t) => whole(await readQueues(house, t, scope)))

/** A queue is known by a job, a kind or a setting; any other name is not there. */
async function find(house: JobsHouse, t: Tx, scope: Scope, name: string): Promise<ShownQueue> {
  const queue = (await readQueues(house, t, scope)).find((one) => one.name === name)
  if (!queue) throw new Problem('not_found')
  return queue
}

export const getQueue = (house: JobsHouse, scope: Scope, name: string) => look(house, scope, (t) => find(house, t, scope, name))

export const pauseQueue = (house: JobsHouse, scope: Scope, name: string) => setPaused(house, scope, name, true)
export const resumeQueue = (house: JobsHouse, scope: Scope, name: string) => setPaused(house, scope, name, false)

const setPaused = (house: JobsHouse, scope: Scope, name: string, paused: boolean) =>
  act(house, scope, async (t) => {
    const before = await find(house, t, scope, name)
    const own = { actor: actorText(scope), tx: t }
    await (paused ? house.queue.pause({ queue: name }, own) : house.queue.resume({ queue: name }, own))
    await tell(t, scope, paused ? 'queue.paused' : 'queue.resumed', name, {
      before: { paused_at: before.paused_at },
      after: { paused: paused },
    })
    return find(house, t, scope, name)
  })

const tell = (
  t: Tx,
  scope: Scope,
  type: Parameters<typeof record>[2],
  name: string,
  change: { before?: EventData; after?: EventData },
  data: EventData = {},
) => record(t, scope, type, data, { resource: { type: 'queue', id: name }, ...change })

/** Cancels what waits in the queue and is of this tenant. */
export const drainQueue = (house: JobsHouse, scope: Scope, name: string) =>
  act(house, scope, async (t) => {
    const { depth } = await find(house, t, scope, name)
    const { cancelled } = await house.queue.drain(name, { tx: t })
    await tell(t, scope, 'queue.drained', name, {
      before: { depth: depth as EventData },
      after: { cancelled: cancelled as EventData },
    })
    return { name, cancelled }
  })

export type Change = Partial<Settings>

export const changeQueue = (house: JobsHouse, scope: Scope, name: string, change: Change) => {
  const fields = (Object.keys(change) as (keyof Settings)[]).filter((field) => change[field] !== undefined)
  if (fields.length === 0) throw invalid('', 'nothing_to_change', 'Send at least one setting.')
  return act(house, scope, async (t) => {
    const before = await find(house, t, scope, name)
    await readersOf(house).configure(name, spokenSettings(change), { tx: t })
    const after = await find(house, t, scope, name)
    const part = (of: ShownQueue) => Object.fromEntries(fields.map((field) => [field, of[field]])) as EventData
    await tell(t, scope, 'queue.changed', name, { before: part(before), after: part(after) }, { fields })
    return after
  })
}

const spokenSettings = ({ rate, rate_per_key, aging_seconds, ...rest }: Change): Record<string, unknown> => ({
  ...rest,
  ...(rate === undefined ? {} : { rate: rate && storedRate(rate) }),
  ...(rate_per_key === undefined ? {} : { rate_per_key: rate_per_key && eachRate(rate_per_key, isSpoken, storedRate) }),
  ...(aging_seconds === undefined ? {} : { aging_ms: aging_seconds * 1000 }),
})

export const listKeys = (house: JobsHouse, scope: Scope, name: string) =>
  look(house, scope, async (t) => {
    await find(house, t, scope, name)
    const rows = await readersOf(house).keys(name, { tx: t })
    return whole(
      rows.map((row) => ({
        key: row.key,
        by: row.by ?? ('ordering_key' as const),
        blocked: row.blocked ?? 0,
        running: row.running ?? null,
        limit: row.limit ?? null,
        head_job_id: row.head_job_id ?? null,
        head_state: row.head_state ?? null,
      })),
    )
  })

/** Cancels the job that the others of this key wait for, or runs it again. */
export const skipKey = (house: JobsHouse, scope: Scope, name: string, key: string) => freeKey(house, scope, name, key, 'skip')
export const retryKey = (house: JobsHouse, scope: Scope, name: string, key: string) => freeKey(house, scope, name, key, 'retry')

const freeKey = (house: JobsHouse, scope: Scope, name: string, key: string, how: 'skip' | 'retry') =>
  act(house, scope, async (t) => {
    await find(house, t, scope, name)
    const head = (await readersOf(house).keys(name, { tx: t })).find((row) => row.key === key)?.head_job_id ?? null
    if (head === null) throw new Problem('not_found')
    if (how === 'skip') await readersOf(house).skipKey(name, key, { tx: t })
    else await house.queue.retry(head, { tx: t })
    const after = await house.queue.job(head, { tx: t })
    await tell(t, scope, how === 'skip' ? 'queue.key_skipped' : 'queue.key_retried', name, {}, { job_id: head })
    return { key, job_id: head, state: after?.state ?? null }
  })
