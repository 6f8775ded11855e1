// Jobs over the API: looked at, made, run again, cancelled, put off. One transaction each, with its event; what a caller does not reach is not there.
import { type Enqueue, enqueue, type JobFilter, type JobRow, QueueError } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import type { Tx } from '../db/tx.ts'
import { type EventData, listEvents, recordMany, type Told } from '../events/event.ts'
import type { EventType } from '../events/types.ts'
import { Digits } from '../http/json.ts'
import type { Passed } from '../identity/policies/countersign.ts'
import { DEFAULT_QUEUE, enqueueAct, judged, retryAct } from './act.ts'
import { findWithin, readJobs } from './engine.ts'
import type { JobsHouse } from './house.ts'
import { isReserved, marksOf, markWithin, seesContent } from './own.ts'
import { type Page, type PageQuery, pageThrough, whole } from './page.ts'
import { act, invalid, look } from './problem.ts'
import { isOver, type ShownJob, showJob, showRow, withhold } from './show.ts'
import { markConflict, returnToConflict } from './sql.ts'

export type ListInput = Omit<JobFilter, 'since' | 'until'> & PageQuery & { since?: Date; until?: Date }

export const listJobs = (
  house: JobsHouse,
  scope: Scope,
  input: ListInput,
  route = 'GET /jobs',
): Promise<Page<ReturnType<typeof showRow>>> => {
  const { limit, cursor, since, until, ...rest } = input
  if (since && until && since > until) throw invalid('since', 'range_reversed', 'since lies after until.')
  if (rest.tag !== undefined && isReserved(rest.tag))
    throw invalid('tag', 'reserved', 'Tags that begin with countersign: are not searched.')
  const filter: JobFilter = {
    ...rest,
    ...(since && { since: since.toISOString() }),
    ...(until && { until: until.toISOString() }),
  }
  return look(house, scope, async (t) => {
    const mark = markWithin(scope, 'job.read')
    const page = await pageThrough(house, t, scope, { route, filter, query: { limit, cursor } }, (after, most) =>
      readJobs(house, t, filter, { mark }, { after, limit: most }),
    )
    return { ...page, data: page.data.map((job) => showRow(scope, job)) }
  })
}

export const getJob = (house: JobsHouse, scope: Scope, id: string): Promise<ShownJob> =>
  look(house, scope, async (t) => showJob(scope, await see(house, t, scope, id, 'job.read')))

/** The job, or 404: what is another's looks like what never was. */
async function see(house: JobsHouse, t: Tx, scope: Scope, id: string, action: string): Promise<JobRow> {
  const job = await findWithin(house, t, id, markWithin(scope, action))
  if (!job) throw new Problem('not_found')
  return job
}

export type NewJob = {
  kind: string
  payload?: unknown
  queue?: string
  priority?: number
  run_at?: Date
  max_attempts?: number
  deadline_seconds?: number
  unique_key?: string
  on_conflict?: 'reject' | 'return' | 'replace'
  ordering_key?: string
  order?: 'shard' | 'strict'
  concurrency_key?: string
  rate_key?: string
  tags?: string[]
  metadata?: Record<string, unknown>
}

export type Created = { job: ShownJob; created: boolean }

export async function createJob(house: JobsHouse, scope: Scope, input: NewJob): Promise<Created> {
  const job = spoken(house, scope, input)
  const make = (t: Tx) => enqueueOnce(t, job, input.on_conflict ?? 'reject')
  const asked = async (t: Tx) => enqueueAct(input, await settingsOfKind(house, t, input), make)
  const effect = async (t: Tx, decision: Passed | null): Promise<Created> => {
    const { id, created } = await make(t)
    const row = (await house.queue.job(id, { tx: t })) as JobRow
    if (created) await tell(t, scope, 'job.enqueued', row, { after: { state: row.state }, ...(decision ? { decision } : {}) })
    return { job: showJob(scope, row), created }
  }
  const again = async (t: Tx, id: string) => ({ job: await showMade(house, t, scope, id), created: true })
  return judged(house, scope, asked, effect, { idOf: ({ job: made }) => made.id, again })
}

/** What the house has made in this caller's name. */
async function showMade(house: JobsHouse, t: Tx, scope: Scope, id: string): Promise<ShownJob> {
  const row = await house.queue.job(id, { tx: t })
  if (!row) throw new Problem('state_conflict', { detail: `It was done as ${id}, of which nothing is kept any more.` })
  return showJob(scope, row)
}

function spoken({ ownKinds }: JobsHouse, scope: Scope, input: NewJob): Enqueue {
  if (ownKinds.has(input.kind)) throw invalid('/kind', 'reserved', 'Jobs of this kind are made by the server alone.')
  const reserved = (input.tags ?? []).findIndex(isReserved)
  if (reserved >= 0) throw invalid(`/tags/${reserved}`, 'reserved', 'Tags that begin with countersign: are the server’s.')
  refuseDigits(input.payload, '/payload')
  refuseDigits(input.metadata, '/metadata')
  const { kind, payload, queue, run_at: runAt, max_attempts: maxAttempts, metadata } = input
  return {
    kind,
    payload,
    queue,
    priority: input.priority as Enqueue['priority'],
    runAt,
    maxAttempts,
    deadline: input.deadline_seconds === undefined ? undefined : input.deadline_seconds * 1000,
    metadata,
    orderingKey: input.ordering_key,
    order: input.ordering_key === undefined ? undefined : input.order,
    concurrencyKey: input.concurrency_key,
    rateKey: input.rate_key,
    tags: [...(input.tags ?? []), ...marksOf(scope)],
    tenantId: scope.tenantId,
    ...(input.unique_key === undefined ? {} : { unique: { key: input.unique_key, onConflict: input.on_conflict ?? 'reject' } }),
  }
}

/** A payload is stored as the engine's own JSON; a number that no double gives back would silently become another. */
export function refuseDigits(value: unknown, path: string): void {
  if (value instanceof Digits) throw invalid(path, 'number_not_exact', 'Send this number as text: no double holds it exactly.')
  if (typeof value !== 'object' || value === null) return
  for (const [name, member] of Object.entries(value))
    refuseDigits(member, `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`)
}

/** 422 for a kind that nobody declared, unless its queue takes such: its job would wait and then be buried. */
async function settingsOfKind(house: JobsHouse, t: Tx, { kind: name, queue = DEFAULT_QUEUE }: NewJob) {
  const kind = (await house.queue.kinds({ tx: t })).find((one) => one.name === name)
  if (!kind && !(await house.queue.settings(queue, { tx: t })).undeclared) throw new Problem('kind_unknown')
  return kind?.settings ?? {}
}

/** Tries for a new job first, so that the answer is definite: a new one, or the one that has the key. */
async function enqueueOnce(
  t: Tx,
  job: Enqueue,
  onConflict: 'reject' | 'return' | 'replace',
): Promise<{ id: string; created: boolean }> {
  if (job.unique === undefined || onConflict === 'reject') return { id: await enqueue(t, job), created: true }
  await markConflict(t)
  try {
    return { id: await enqueue(t, { ...job, unique: { ...job.unique, onConflict: 'reject' } }), created: true }
  } catch (error) {
    if (!(error instanceof QueueError && error.code === 'unique_conflict')) throw error
    await returnToConflict(t)
    if (onConflict === 'return') return { id: String(error.members.job_id), created: false }
    return { id: await enqueue(t, job), created: false }
  }
}

export const retryJob = (
  house: JobsHouse,
  scope: Scope,
  id: string,
  own: { queue?: string; priority?: number; run_at?: Date; payload?: unknown },
): Promise<ShownJob> => {
  refuseDigits(own.payload, '/payload')
  const overrides = {
    queue: own.queue,
    priority: own.priority as 1 | 2 | 3 | 4 | undefined,
    runAt: own.run_at,
    payload: own.payload,
  }
  return retryOne(house, scope, id, own, (t) => house.queue.retry(id, { ...overrides, tx: t }))
}

function retryOne(house: JobsHouse, scope: Scope, id: string, own: object, fn: (t: Tx) => Promise<unknown>): Promise<ShownJob> {
  const asked = async (t: Tx) => retryAct(await see(house, t, scope, id, 'job.retry'), own, fn)
  return judged(
    house,
    scope,
    asked,
    (t, decision) => changeIn(house, t, scope, id, { action: 'job.retry', type: 'job.retried', fn, decision }),
    { idOf: (job) => job.id, again: (t, made) => showMade(house, t, scope, made) },
  )
}

export const cancelJob = (house: JobsHouse, scope: Scope, id: string, reason: string | null): Promise<ShownJob> =>
  change(house, scope, id, 'job.cancel', 'job.cancelled', (t) => house.queue.cancel(id, { reason: reason ?? undefined, tx: t }))

export const rescheduleJob = (house: JobsHouse, scope: Scope, id: string, runAt: Date): Promise<ShownJob> =>
  change(house, scope, id, 'job.reschedule', 'job.rescheduled', (t) => house.queue.reschedule(id, runAt, { tx: t }))

const change = (
  house: JobsHouse,
  scope: Scope,
  id: string,
  action: string,
  type: EventType,
  fn: (t: Tx) => Promise<unknown>,
): Promise<ShownJob> => act(house, scope, (t) => changeIn(house, t, scope, id, { action, type, fn, decision: null }))

async function changeIn(
  house: JobsHouse,
  t: Tx,
  scope: Scope,
  id: string,
  { action, type, fn, decision }: { action: string; type: EventType; fn: (t: Tx) => Promise<unknown>; decision: Passed | null },
): Promise<ShownJob> {
  const before = await see(house, t, scope, id, action)
  await fn(t)
  const after = (await house.queue.job(id, { tx: t })) as JobRow
  await tell(t, scope, type, before, { before: standing(before), after: standing(after), ...(decision ? { decision } : {}) })
  return showJob(scope, after)
}

const standing = (job: JobRow): EventData => ({
  state: job.state,
  queue: job.queue,
  priority: job.priority,
  attempt: job.attempt,
  run_at: job.run_at,
  cancel_requested_at: job.cancel_requested_at,
})

type Change = { before?: EventData; after?: EventData; decision?: Passed }

const told = (scope: Scope, type: EventType, job: JobRow, change: Change): Told => ({
  scope,
  type,
  data: { kind: job.kind, queue: job.queue },
  options: { resource: { type: 'job', id: job.id }, ...change },
})

const tell = (t: Tx, scope: Scope, type: EventType, job: JobRow, change: Change) =>
  recordMany(t, [told(scope, type, job, change)])

export type Bulk = {
  changed: number
  data: { id: string; changed: boolean; state: JobRow['state'] | null; code: BulkCode | null; job_id?: string }[]
}
type BulkCode = 'not_found' | 'state_conflict' | 'unique_conflict' | 'approval_pending' | 'policy_denied' | 'human_denied'

/** What an agent wants to run again is judged job by job, each in a transaction of its own, for each may wait for people by itself. */
export const retryJobs = (house: JobsHouse, scope: Scope, ids: string[]): Promise<Bulk> =>
  scope.agentId !== null
    ? retryEach(house, { ...scope, beforeCommit: undefined }, ids)
    : changeMany(house, scope, ids, 'job.retry', 'job.retried', (t, id) => house.queue.retry(id, { tx: t }))

const HELD: readonly string[] = [
  'approval_pending',
  'policy_denied',
  'human_denied',
  'not_found',
  'state_conflict',
  'unique_conflict',
]

async function retryEach(house: JobsHouse, scope: Scope, ids: readonly string[]): Promise<Bulk> {
  const data: Bulk['data'] = []
  for (const id of [...new Set(ids)].sort()) {
    try {
      data.push({ id, changed: true, state: (await retryJob(house, scope, id, {})).state, code: null })
    } catch (error) {
      if (!(error instanceof Problem) || !HELD.includes(error.code)) throw error
      data.push({ id, changed: false, state: null, code: error.code as BulkCode })
    }
  }
  return { changed: data.filter(({ changed }) => changed).length, data }
}

export const cancelJobs = (house: JobsHouse, scope: Scope, ids: string[], reason: string | null): Promise<Bulk> =>
  changeMany(house, scope, ids, 'job.cancel', 'job.cancelled', (t, id) =>
    house.queue.cancel(id, { reason: reason ?? undefined, tx: t }),
  )

/** Each job by itself: what cannot be changed is said and keeps no other from it. In order of id, as every bulk act locks. */
export const changeMany = (
  house: JobsHouse,
  scope: Scope,
  ids: readonly string[],
  action: string,
  type: EventType,
  fn: (t: Tx, id: string) => Promise<{ state: JobRow['state'] }>,
): Promise<Bulk> =>
  act(house, scope, async (t) => {
    const mark = markWithin(scope, action)
    const data: Bulk['data'] = []
    const events: Told[] = []
    for (const id of [...new Set(ids)].sort()) {
      const job = await findWithin(house, t, id, mark)
      if (!job) {
        data.push({ id, changed: false, state: null, code: 'not_found' })
        continue
      }
      try {
        const { state } = await fn(t, id)
        data.push({ id, changed: true, state, code: null })
        events.push(told(scope, type, job, { before: { state: job.state }, after: { state } }))
      } catch (error) {
        data.push({ id, changed: false, state: job.state, ...refused(error) })
      }
    }
    await recordMany(t, events)
    return { changed: events.length, data }
  })

/** Only what the engine answers without an error of the database: after one of those nothing in this transaction could stand. */
function refused(error: unknown): { code: BulkCode; job_id?: string } {
  if (error instanceof QueueError && error.code === 'unique_conflict')
    return { code: 'unique_conflict', job_id: String(error.members.job_id) }
  if (error instanceof QueueError && (error.code === 'state_conflict' || error.code === 'not_found')) return { code: error.code }
  throw error
}

/** How the job ended; waits up to `wait` seconds for that. The row is the truth, the wait only a wait. */
export async function getResult(house: JobsHouse, scope: Scope, id: string, wait: number) {
  const first = await readResult(house, scope, id)
  if (first.done || wait === 0) return first
  await house.queue.result(id, { timeout: wait * 1000 }).catch((error: unknown) => {
    if (!(error instanceof QueueError)) throw error
  })
  return readResult(house, scope, id)
}

const readResult = (house: JobsHouse, scope: Scope, id: string) =>
  look(house, scope, async (t) => {
    const job = await see(house, t, scope, id, 'job.read')
    return {
      id,
      state: job.state,
      done: isOver(job.state),
      reason: job.state_reason,
      output: withhold(scope, job.output),
      error: seesContent(scope) ? (job.errors.at(-1)?.error ?? null) : null,
    }
  })

const ACTS_OF_PEOPLE = 200

/** Every transition of a job, oldest first, with who brought it about (Q138): what the engine kept, and of the record what changes no state. */
export async function getTimeline(house: JobsHouse, scope: Scope, id: string) {
  const rows = await look(house, scope, async (t) => {
    await see(house, t, scope, id, 'job.read')
    return house.queue.timeline(id, { tx: t })
  })
  const { data: events } = await listEvents(house, scope, { resource: id, limit: ACTS_OF_PEOPLE })
  const sees = seesContent(scope)
  const enqueued = events.find(({ type }) => type === 'job.enqueued')
  const transitions = (rows ?? []).map((row) => ({
    ...row,
    actor: row.what === 'enqueued' && enqueued ? { type: enqueued.actor.type, id: enqueued.actor.id } : actorIn(row.actor),
    error: sees ? row.error : null,
  }))
  const acts = events.filter(isQuiet).map((event) => ({
    ...QUIET,
    at: event.occurred_at,
    what: event.type === 'job.cancelled' ? 'cancel_requested' : (event.type.split('.')[1] as string),
    state: (event.after as { state: JobRow['state'] }).state,
    actor: { type: event.actor.type, id: event.actor.id },
  }))
  return whole(inOrder(transitions, acts))
}

/** What changes no state stands, of one instant, where the job was in that state; the engine's own order is never touched. */
export function inOrder<T extends { at: string; state: string | null }, A extends T>(
  transitions: readonly T[],
  acts: readonly A[],
): T[] {
  const told: T[] = [...transitions]
  for (const act of [...acts].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))) {
    const later = told.findIndex((one) => one.at > act.at)
    const end = later < 0 ? told.length : later
    let place = end
    // From the instant's end back to where the job stood in that state.
    while (place > 0 && told[place - 1]?.state !== act.state && told[place - 1]?.at === act.at) place--
    const stood = place > 0 && told[place - 1]?.state === act.state
    told.splice(stood ? place : end, 0, act)
  }
  return told
}

const QUIET = { attempt: null, lease: null, worker: null, outcome: null, reason: null, error: null, duration_ms: null }

/** Somebody asked a running job to stop, or gave a waiting one another time: the engine keeps no transition, for there was none. */
const isQuiet = ({ before, after }: { before?: Record<string, unknown>; after?: Record<string, unknown> }): boolean =>
  typeof before?.state === 'string' && before.state === after?.state

const PRINCIPALS = { usr: 'user', agt: 'agent', key: 'key' } as const

/** The engine keeps the principal of the transaction, or else the worker. */
function actorIn(text: string | null): { type: 'user' | 'agent' | 'key' | 'system' | 'worker'; id: string } | null {
  if (text === null) return null
  const prefix = /^(usr|agt|key)_/.exec(text)?.[1] as keyof typeof PRINCIPALS | undefined
  return { type: prefix ? PRINCIPALS[prefix] : text.startsWith('system:') ? 'system' : 'worker', id: text }
}
