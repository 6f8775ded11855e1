// Queues and their keys: looked at, paused, drained, limited. A queue has a name and settings for the whole installation; its figures here are the tenant's.
import type { State } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import type { Tx } from '../db/tx.ts'
import { type EventData, record } from '../events/event.ts'
import { actorOf, actorText, readersOf } from './engine.ts'
import type { JobsHouse } from './house.ts'
import { whole } from './page.ts'
import { act, look } from './problem.ts'

type Depth = Partial<Record<State, number>>
type Row = { name: string; paused_at: string | null; paused_by: string | null } & Record<string, unknown>

async function readQueues(house: JobsHouse, t: Tx, scope: Scope) {
  const [rows, counts, workers] = [
    (await house.queue.queues({ tx: t })) as Row[],
    await house.queue.counts({ tx: t }),
    await house.queue.workers(),
  ]
  return rows.map((row) => {
    const live = workers.filter(({ alive, queues }) => alive && queues.includes(row.name)).length
    return show(scope, row, counts.queues[row.name] ?? {}, counts.as_of, live)
  })
}

function show(scope: Scope, row: Row, depth: Depth, asOf: string, workers: number) {
  return {
    name: row.name,
    paused_at: row.paused_at,
    paused_by: actorOf(scope, row.paused_by),
    depth,
    as_of: asOf,
    oldest_ready_ms: (row.oldest_ready_ms ?? null) as number | null,
    workers,
    ...settingsOf(row),
  }
}

export type Rate = { limit: number; per_seconds: number; burst: number }
export type Settings = {
  max_running: number | null
  rate: Rate | null
  max_depth: number | null
  on_full: 'reject' | 'signal'
  fair_by: 'tenant' | 'concurrency_key' | null
  aging_seconds: number
}

function settingsOf(row: Record<string, unknown>): Settings {
  const rate = row.rate as { limit: number; per_ms: number; burst: number } | null | undefined
  return {
    max_running: (row.max_running ?? null) as number | null,
    rate: rate ? { limit: rate.limit, per_seconds: rate.per_ms / 1000, burst: rate.burst } : null,
    max_depth: (row.max_depth ?? null) as number | null,
    on_full: (row.on_full ?? 'reject') as 'reject' | 'signal',
    fair_by: (row.fair_by ?? null) as Settings['fair_by'],
    aging_seconds: Number(row.aging_ms ?? 60_000) / 1000,
  }
}

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
    await tell(t, scope, 'queue.drained', name, { before: { depth }, after: { cancelled } })
    return { name, cancelled }
  })

export type Change = Partial<Settings>

export const changeQueue = (house: JobsHouse, scope: Scope, name: string, change: Change) =>
  act(house, scope, async (t) => {
    const before = await find(house, t, scope, name)
    await readersOf(house).configure(name, spokenSettings(change), { tx: t })
    const after = await find(house, t, scope, name)
    const fields = (Object.keys(change) as (keyof Settings)[]).filter((field) => change[field] !== undefined)
    const part = (of: ShownQueue) => Object.fromEntries(fields.map((field) => [field, of[field]])) as EventData
    await tell(t, scope, 'queue.changed', name, { before: part(before), after: part(after) }, { fields })
    return after
  })

function spokenSettings({ rate, aging_seconds, ...rest }: Change): Record<string, unknown> {
  return {
    ...rest,
    ...(rate === undefined ? {} : { rate: rate && { limit: rate.limit, per_ms: rate.per_seconds * 1000, burst: rate.burst } }),
    ...(aging_seconds === undefined ? {} : { aging_ms: aging_seconds * 1000 }),
  }
}

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
