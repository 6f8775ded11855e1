// Dead letters: failed jobs kept whole. Looked at, run again, deleted, and moved in by hand; nothing here means everything by saying nothing (Q117).
import type { DeadLetterFilter, JobRow } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import type { Tx } from '../db/tx.ts'
import { type EventData, record } from '../events/event.ts'
import { findWithin, readJobs } from './engine.ts'
import type { JobsHouse } from './house.ts'
import { type Bulk, changeMany, refuseDigits } from './job.ts'
import { markWithin } from './own.ts'
import { type PageQuery, pageThrough } from './page.ts'
import { act, look } from './problem.ts'
import { showJob, showRow } from './show.ts'

export const listDeadLetters = (
  house: JobsHouse,
  scope: Scope,
  { limit, cursor, ...filter }: PageQuery & { kind?: string; queue?: string; reason?: string; tag?: string; q?: string },
) =>
  look(house, scope, async (t) => {
    const query = { limit, cursor }
    const { reason, ...rest } = filter
    const page = await pageThrough(house, t, scope, { route: 'GET /dead-letters', filter, query }, (after, most) =>
      readJobs(house, t, { ...rest, dead_letter: true }, { mark: markWithin(scope, 'job.read'), reason }, { after, limit: most }),
    )
    return { ...page, data: page.data.map((job) => showRow(scope, job)) }
  })

async function find(house: JobsHouse, t: Tx, scope: Scope, id: string, action: string): Promise<JobRow> {
  const job = await findWithin(house, t, id, markWithin(scope, action))
  if (!job?.dead_letter) throw new Problem('not_found')
  return job
}

export const getDeadLetter = (house: JobsHouse, scope: Scope, id: string) =>
  look(house, scope, async (t) => showJob(scope, await find(house, t, scope, id, 'job.read')))

/** How many there are, by what failed and why. */
export const deadLetterDepth = (house: JobsHouse, scope: Scope) =>
  look(house, scope, (t) => house.queue.deadLetters.depth({ tx: t }))

export type Overrides = { queue?: string; priority?: number; run_at?: Date; payload?: unknown }

const spoken = ({ queue, priority, run_at, payload }: Overrides) => ({
  queue,
  priority: priority as 1 | 2 | 3 | 4 | undefined,
  runAt: run_at,
  payload,
})

export const retryDeadLetter = (house: JobsHouse, scope: Scope, id: string, overrides: Overrides) => {
  refuseDigits(overrides.payload, '/payload')
  return act(house, scope, async (t) => {
    const before = await find(house, t, scope, id, 'dead_letter.retry')
    await house.queue.retry(id, { ...spoken(overrides), tx: t })
    const after = (await house.queue.job(id, { tx: t })) as JobRow
    await record(
      t,
      scope,
      'dead_letter.retried',
      { kind: before.kind, queue: before.queue },
      {
        resource: { type: 'job', id },
        before: { state: before.state, reason: before.state_reason },
        after: { state: after.state },
      },
    )
    return showJob(scope, after)
  })
}

export const purgeDeadLetter = (house: JobsHouse, scope: Scope, id: string) =>
  act(house, scope, async (t) => {
    const before = await find(house, t, scope, id, 'dead_letter.purge')
    await house.queue.deadLetters.purge({ ids: [id] }, { tx: t })
    await record(
      t,
      scope,
      'dead_letter.purged',
      { kind: before.kind, queue: before.queue },
      {
        resource: { type: 'job', id },
        before: { state: before.state, reason: before.state_reason },
      },
    )
    return null
  })

/** What one call takes; the engine's own bound. */
const A_CALL = 1_000

export const retryDeadLetters = (house: JobsHouse, scope: Scope, filter: DeadLetterFilter, overrides: Overrides) => {
  refuseDigits(overrides.payload, '/payload')
  return act(house, scope, async (t) => {
    const { retried, conflicts, next } = await house.queue.deadLetters.retry(filter, { ...spoken(overrides), tx: t })
    const data = { filter: filter as EventData, retried: retried.length, conflicts: conflicts.length }
    const change = { before: { state: 'failed' }, after: { state: 'ready', ids: retried } }
    if (retried.length > 0) await record(t, scope, 'dead_letter.retried', data, change)
    return { retried: retried.length, conflicts: conflicts.map(({ id, conflict }) => ({ id, job_id: conflict })), next }
  })
}

export const purgeDeadLetters = (house: JobsHouse, scope: Scope, filter: DeadLetterFilter) =>
  act(house, scope, async (t) => {
    const purged = await house.queue.deadLetters.purge(filter, { tx: t })
    if (purged > 0) await record(t, scope, 'dead_letter.purged', { filter: filter as EventData, purged })
    return { purged, more: purged >= A_CALL }
  })

const MOVABLE = ['ready', 'scheduled', 'retrying', 'blocked'] as const

export type MoveFilter = { ids?: string[]; kind?: string; queue?: string; tag?: string; all?: true }

/** Moves jobs that nobody runs to the dead letters, at most a thousand a call. */
export async function moveToDeadLetters(
  house: JobsHouse,
  scope: Scope,
  filter: MoveFilter,
  reason: string | null,
): Promise<Bulk> {
  const { ids, all, ...rest } = filter
  if (ids === undefined && all === undefined && Object.values(rest).every((value) => value === undefined))
    throw new Problem('filter_required')
  const chosen = ids ?? (await look(house, scope, (t) => movable(house, t, rest)))
  return changeMany(house, scope, chosen, 'dead_letter.retry', 'dead_letter.moved', (t, id) =>
    house.queue.deadLetters.move(id, { reason: reason ?? undefined, tx: t }),
  )
}

async function movable(house: JobsHouse, t: Tx, filter: { kind?: string; queue?: string; tag?: string }): Promise<string[]> {
  const found: string[] = []
  for (const state of MOVABLE) {
    let after: string | undefined
    do {
      const page = await readJobs(house, t, { ...filter, state }, { mark: null }, { after, limit: 200 })
      found.push(...page.data.map(({ id }) => id))
      after = page.next_cursor ?? undefined
    } while (after !== undefined && found.length < A_CALL)
  }
  return found.slice(0, A_CALL)
}
