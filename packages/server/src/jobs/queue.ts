// Queues and their keys: looked at, paused, drained, limited. A queue has a name and settings for the whole installation; its figures here are the tenant's.
import type { QueueChange } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import type { Tx } from '../db/tx.ts'
import { type EventData, record } from '../events/event.ts'
import { actorOf, actorText, guardShared } from './engine.ts'
import type { JobsHouse } from './house.ts'
import { type PageQuery, pageThrough, whole } from './page.ts'
import { act, invalid, look } from './problem.ts'

const readQueues = async (house: JobsHouse, t: Tx, scope: Scope) =>
  (await house.queue.queues({ tx: t })).map((row) => show(scope, row))

type Row = Awaited<ReturnType<JobsHouse['queue']['queues']>>[number]

const show = (scope: Scope, row: Row) => ({
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
  fair_by: 'tenant' | 'concurrency_key' | null
  weights: Record<string, number> | null
  aging_seconds: number
  undeclared: boolean | null
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
  fair_by: stored.fair_by ?? null,
  weights: stored.weights ?? null,
  aging_seconds: (stored.aging_ms ?? AGING_MS) / 1000,
  undeclared: stored.undeclared ?? null,
})

const rateOf = ({ per_ms, ...rest }: StoredRate): Rate => ({ ...rest, per_seconds: per_ms / 1000 })
const engineRate = ({ per_seconds, ...rest }: Rate) => ({ ...rest, per: per_seconds * 1000 })
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
    await guardShared(t, scope, paused ? 'queue.pause' : 'queue.resume')
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
    await guardShared(t, scope, 'queue.override')
    await house.queue.configure(name, spokenChange(change), { tx: t })
    const after = await find(house, t, scope, name)
    const part = (of: ShownQueue) => Object.fromEntries(fields.map((field) => [field, of[field]])) as EventData
    await tell(t, scope, 'queue.changed', name, { before: part(before), after: part(after) }, { fields })
    return after
  })
}

/** What is left out stays; null takes a setting away. */
const spokenChange = (change: Change): QueueChange => ({
  maxRunning: change.max_running,
  maxRunningPerKey: change.max_running_per_key,
  rate: change.rate && engineRate(change.rate),
  ratePerKey: change.rate_per_key && eachRate(change.rate_per_key, isSpoken, engineRate),
  maxDepth: change.max_depth,
  onFull: change.on_full,
  fairBy: change.fair_by,
  weights: change.weights,
  aging: change.aging_seconds === undefined ? undefined : change.aging_seconds * 1000,
  undeclared: change.undeclared,
})

const BY = { order: 'ordering_key', concurrency: 'concurrency_key', rate: 'rate_key', kind: 'kind' } as const

export const listKeys = (house: JobsHouse, scope: Scope, name: string, { limit, cursor }: PageQuery) =>
  look(house, scope, async (t) => {
    await find(house, t, scope, name)
    const query = { limit, cursor }
    const page = await pageThrough<KeyRow, Mark>(
      house,
      t,
      scope,
      { route: 'GET /queues/:name/keys', filter: { name }, query },
      async (after, most) => {
        const rows = await house.queue.keys.list(name, { after, limit: most, tx: t })
        const last = rows.at(-1)
        return { data: rows, next_cursor: last && rows.length === most ? { what: last.what, key: last.key } : null }
      },
    )
    return { ...page, data: page.data.map(showKey) }
  })

type KeyRow = Awaited<ReturnType<JobsHouse['queue']['keys']['list']>>[number]
type Mark = { what: string; key: string }

const showKey = ({ what, key, waiting, running, until, head }: KeyRow) => ({
  ref: refOf(key),
  key,
  by: BY[what],
  waiting,
  running,
  until,
  head,
})

/** How a key stands in a path: as it is, or, where no path may hold it, its bytes behind a tilde. */
const refOf = (key: string): string =>
  /^[A-Za-z0-9_.:@-]{1,200}$/.test(key) ? key : `~${Buffer.from(key).toString('base64url')}`
const keyOf = (ref: string): string => (ref.startsWith('~') ? Buffer.from(ref.slice(1), 'base64url').toString() : ref)

/** The job that the others of an ordering key wait for becomes a dead letter, or runs now. */
export const skipKey = (house: JobsHouse, scope: Scope, name: string, ref: string) =>
  freeKey(house, scope, name, keyOf(ref), 'skip')
export const retryKey = (house: JobsHouse, scope: Scope, name: string, ref: string) =>
  freeKey(house, scope, name, keyOf(ref), 'retry')

const freeKey = (house: JobsHouse, scope: Scope, name: string, key: string, how: 'skip' | 'retry') =>
  act(house, scope, async (t) => {
    await find(house, t, scope, name)
    const { id, state } = await house.queue.keys[how](name, key, { tenantId: scope.tenantId, tx: t })
    await tell(t, scope, how === 'skip' ? 'queue.key_skipped' : 'queue.key_retried', name, { after: { state } }, { job_id: id })
    return { key, job_id: id, state }
  })
