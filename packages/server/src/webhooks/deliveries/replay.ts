// Many deliveries again (P90): a job that starts so many a second, can be seen and cancelled, and touches each at most once. Each gets one more attempt.
import { enqueue } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import { once, type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { openCursor, pageOf } from '../../http/cursor.ts'
import { newId } from '../../std/id.ts'
import { type CallerPlace, callerPlace, countOfCallers, nextOfCallers, progressOfCallers } from '../callers/sql.ts'
import { findEndpointsByIds } from '../endpoints/sql.ts'
import type { WebhooksHouse } from '../house.ts'
import { enqueueDeliveries } from '../sending/sql.ts'
import { deliveryScope } from '../sending/take.ts'
import {
  advanceReplay,
  askAgain,
  countReplayable,
  endReplayIfRunning,
  findReplay,
  findRunningReplay,
  insertReplay,
  listReplaysBefore,
  lockReplay,
  lockReplays,
  nextReplayable,
  type ReplayFilter,
  type ReplayRow,
  replayProgress,
} from './sql.ts'

export const REPLAY = 'webhook.replay'
const PER_SECOND = 20
/** Of what lies with other tenants; more than these are taken all the same, and not counted beforehand. */
const MOST_ELSEWHERE = 1_000_000

export type NewReplay = {
  endpoint_id?: string
  event_id?: string
  type?: string
  thread_id?: string
  what?: 'exhausted' | 'any'
  since?: Date
  until?: Date
  include_succeeded?: boolean
  per_second?: number
}

export async function startReplay(house: WebhooksHouse, scope: Scope, input: NewReplay) {
  const filter = readFilter(input)
  const { endpoint_id: named } = input
  const theirs = named !== undefined && (await once<CallerPlace>(house.db, callerPlace(named, scope.tenantId))).length > 0
  return tx(house.db, scope, async (t) => {
    if (filter.endpoint !== undefined && !theirs) await mustBeOurs(t, scope, filter.endpoint)
    await lockReplays(t, scope)
    const running = await findRunningReplay(t, scope, filter.endpoint ?? null)
    if (running) throw new Problem('replay_running', { replay_id: running.id })
    const include_succeeded = input.include_succeeded ?? false
    const ours = await countReplayable(t, scope, filter, include_succeeded)
    const total = ours.n + (await countOfCallers(t, filter, include_succeeded, MOST_ELSEWHERE)).n
    const id = newId('rpy', t.now.getTime())
    await insertReplay(t, scope, { id, filter, include_succeeded, per_second: input.per_second ?? PER_SECOND, total })
    if (total > 0) await enqueue(t, { kind: REPLAY, tenantId: scope.tenantId, payload: { replay_id: id } })
    await record(
      t,
      scope,
      'replay.started',
      { replay_id: id, endpoint_id: filter.endpoint, total },
      { resource: { type: 'replay', id } },
    )
    return show(t, scope, (await findReplay(t, scope, id)) as ReplayRow)
  })
}

/** A tenant's own endpoint, or that of one of its agents. */
async function mustBeOurs(t: Tx, scope: Scope, id: string): Promise<void> {
  const [row] = await findEndpointsByIds(t, scope, [id])
  if (!row || row.state === 'deleted' || row.side === 'caller') throw new Problem('not_found')
}

/** All of a tenant is never meant by leaving everything out. */
function readFilter({ endpoint_id, event_id, type, thread_id, what = 'any', since, until }: NewReplay): ReplayFilter {
  const fail = (path: string, code: string, message: string): never => {
    throw new Problem('validation_failed', { errors: [{ path, code, message }] })
  }
  if (endpoint_id === undefined && event_id === undefined && thread_id === undefined && since === undefined)
    fail('', 'filter_missing', 'Name an endpoint, an event, a thread or a time.')
  if (since && until && since > until) fail('/since', 'range_reversed', 'since lies after until.')
  if (what === 'exhausted' && until) fail('/until', 'unexpected', 'Exhausted deliveries are taken from since until now.')
  return {
    what,
    ...(endpoint_id === undefined ? {} : { endpoint: endpoint_id }),
    ...(event_id === undefined ? {} : { event: event_id }),
    ...(type === undefined ? {} : { type }),
    ...(thread_id === undefined ? {} : { thread: thread_id }),
    ...(since === undefined ? {} : { since: since.toISOString() }),
    ...(until === undefined ? {} : { until: until.toISOString() }),
  }
}

export const getReplay = (house: WebhooksHouse, scope: Scope, id: string) =>
  tx(
    house.db,
    scope,
    async (t) => {
      const row = await findReplay(t, scope, id)
      if (!row) throw new Problem('not_found')
      return show(t, scope, row)
    },
    { readOnly: true },
  )

export async function listReplays(house: WebhooksHouse, scope: Scope, query: { limit: number; cursor?: string }) {
  const { limit, cursor } = query
  const at = { tenantId: scope.tenantId, route: 'GET /replays', filter: {} }
  return tx(
    house.db,
    scope,
    async (t) => {
      const before = cursor === undefined ? null : openCursor<string>(house.keyring, at, cursor, t.now)
      const rows = await listReplaysBefore(t, scope, before, limit + 1)
      const page = pageOf(house.keyring, at, rows, { limit, now: t.now, position: (row) => row.id })
      const data = []
      for (const row of page.data) data.push(await show(t, scope, row))
      return { ...page, data }
    },
    { readOnly: true },
  )
}

/** No further delivery is started; those that were are on their way. */
export const cancelReplay = (house: WebhooksHouse, scope: Scope, id: string): Promise<null> =>
  tx(house.db, scope, async (t) => {
    const row = await lockReplay(t, scope, id)
    if (!row) throw new Problem('not_found')
    if ((await endReplayIfRunning(t, scope, id, 'cancelled')) === 0)
      throw new Problem('state_conflict', { state: row.state, detail: 'It is over.' })
    await record(t, scope, 'replay.cancelled', { replay_id: id, started: row.started }, { resource: { type: 'replay', id } })
    return null
  })

/** One second's worth. False: there is nothing left to do. */
export const continueReplay = async (house: WebhooksHouse, tenantId: string, id: string): Promise<boolean> => {
  const scope = deliveryScope(tenantId)
  const next = await tx(house.db, scope, async (t) => {
    const row = await lockReplay(t, scope, id)
    if (row?.state !== 'running') return null
    const { filter, include_succeeded, position, created_at, per_second } = row
    const ours = (await nextReplayable(t, scope, row, per_second)).map((one) => ({ ...one, at: null }))
    const elsewhere = await nextOfCallers(t, filter, include_succeeded, position, created_at, per_second)
    const all = [...ours, ...elsewhere.map((one) => ({ id: one.id, ord: one.ord, at: one }))]
    return all.sort((a, b) => (BigInt(a.ord) < BigInt(b.ord) ? -1 : 1)).slice(0, per_second)
  })
  if (next === null) return false
  // Each where it lies, and before it is counted: one that fails on the way is asked for twice, and none is left out.
  let sent = 0
  for (const { at, id: deliveryId } of next) {
    if (at === null) continue
    const there = { ...deliveryScope(at.tenant_id), relayParty: at.relay_grant_id, relaySide: 'caller' as const }
    sent += await tx(house.db, there, (t) => startAgain(t, there, id, [deliveryId]))
  }
  const here = next.filter(({ at }) => at === null).map((one) => one.id)
  return tx(house.db, scope, async (t) => {
    const row = await lockReplay(t, scope, id)
    if (row?.state !== 'running') return false
    const started = sent + (await startAgain(t, scope, id, here))
    const last = next.at(-1)
    if (last) await advanceReplay(t, scope, id, last.ord, started)
    if (next.length === row.per_second) return true
    await endReplayIfRunning(t, scope, id, 'done')
    return false
  })
}

async function startAgain(t: Tx, scope: Scope, replayId: string, ids: readonly string[]): Promise<number> {
  if (ids.length === 0) return 0
  const asked = (await askAgain(t, scope, ids, { trigger: 'bulk', replayId })).map((one) => one.id)
  if (asked.length > 0) await enqueueDeliveries(t, scope, asked)
  return asked.length
}

async function show(t: Tx, scope: Scope, row: ReplayRow) {
  const { filter } = row
  return {
    id: row.id,
    state: row.state,
    endpoint_id: filter.endpoint ?? null,
    event_id: filter.event ?? null,
    type: filter.type ?? null,
    thread_id: filter.thread ?? null,
    what: filter.what,
    since: filter.since ? new Date(filter.since) : null,
    until: filter.until ? new Date(filter.until) : null,
    include_succeeded: row.include_succeeded,
    per_second: row.per_second,
    total: row.total,
    started: row.started,
    ...sum(await replayProgress(t, scope, row.id), await progressOfCallers(t, row.id)),
    created_by: row.created_by,
    created_at: row.created_at,
    ended_at: row.ended_at,
  }
}

type Progress = { succeeded: number; failed: number; waiting: number }
const sum = (a: Progress, b: Progress): Progress => ({
  succeeded: a.succeeded + b.succeeded,
  failed: a.failed + b.failed,
  waiting: a.waiting + b.waiting,
})
