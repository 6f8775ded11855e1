// Schedules of a tenant, by name. Those declared in code belong to the server's process and come back with its next start; here one is made, changed,
// paused, fired by hand and removed.
import type { ScheduleOptions, ScheduleRow } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import type { Tx } from '../db/tx.ts'
import { type EventData, record } from '../events/event.ts'
import type { EventType } from '../events/types.ts'
import { actorOf, actorText } from './engine.ts'
import type { JobsHouse } from './house.ts'
import { refuseDigits } from './job.ts'
import { runsTheWork } from './own.ts'
import { whole } from './page.ts'
import { act, invalid, look } from './problem.ts'
import { REDACTED } from './show.ts'

function show(scope: Scope, row: ScheduleRow) {
  return {
    id: row.id,
    name: row.name,
    cron: row.cron,
    timezone: row.timezone,
    kind: row.job.kind,
    queue: row.job.queue ?? null,
    priority: row.job.priority ?? null,
    payload: row.job.payload == null || runsTheWork(scope) ? (row.job.payload ?? null) : REDACTED,
    missed: row.missed,
    overlap: row.overlap,
    jitter_seconds: row.jitter_ms / 1000,
    starts_at: row.starts_at,
    ends_at: row.ends_at,
    declared_in: row.declared_in,
    seen_at: row.seen_at,
    paused_at: row.paused_at,
    paused_by: actorOf(scope, row.paused_by),
    last_fire: row.last_fire,
    next_fire: row.next_fire,
    last_job_id: row.last_job_id,
  }
}

export const listSchedules = (house: JobsHouse, scope: Scope) =>
  look(house, scope, async (t) => whole((await house.queue.schedules.list({ tx: t })).map((row) => show(scope, row))))

async function find(house: JobsHouse, t: Tx, name: string): Promise<ScheduleRow> {
  const [row] = await house.queue.schedules.list({ name, tx: t })
  if (!row) throw new Problem('not_found')
  return row
}

export const getSchedule = (house: JobsHouse, scope: Scope, name: string) =>
  look(house, scope, async (t) => show(scope, await find(house, t, name)))

export type ScheduleInput = {
  cron: string
  timezone?: string
  kind: string
  payload?: unknown
  queue?: string
  priority?: number
  missed?: ScheduleRow['missed']
  overlap?: ScheduleRow['overlap']
  jitter_seconds?: number
  starts_at?: Date | null
  ends_at?: Date | null
}

export const createSchedule = (house: JobsHouse, scope: Scope, input: ScheduleInput & { name: string }) => {
  refuseOwn(house, input)
  return act(house, scope, async (t) => {
    const [there] = await house.queue.schedules.list({ name: input.name, tx: t })
    if (there) throw new Problem('state_conflict', { detail: 'A schedule of this name exists: change that one.' })
    return save(house, t, scope, input.name, input, null)
  })
}

export const changeSchedule = (house: JobsHouse, scope: Scope, name: string, change: Partial<ScheduleInput>) => {
  refuseOwn(house, change)
  return act(house, scope, async (t) => {
    const before = await find(house, t, name)
    const present: ScheduleInput = {
      cron: before.cron,
      timezone: before.timezone,
      ...before.job,
      missed: before.missed,
      overlap: before.overlap,
      jitter_seconds: before.jitter_ms / 1000,
      starts_at: before.starts_at ? new Date(before.starts_at) : null,
      ends_at: before.ends_at ? new Date(before.ends_at) : null,
    }
    const said = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined))
    return save(house, t, scope, name, { ...present, ...said }, before)
  })
}

function refuseOwn({ ownKinds }: JobsHouse, { kind, payload }: { kind?: string; payload?: unknown }): void {
  if (kind !== undefined && ownKinds.has(kind))
    throw invalid('/kind', 'reserved', 'Jobs of this kind are made by the server alone.')
  refuseDigits(payload, '/payload')
}

async function save(house: JobsHouse, t: Tx, scope: Scope, name: string, input: ScheduleInput, before: ScheduleRow | null) {
  const { cron, timezone, kind, payload, queue, missed, overlap, starts_at, ends_at } = input
  const options: ScheduleOptions = {
    cron,
    timezone,
    kind,
    payload: payload ?? null,
    queue,
    priority: input.priority as ScheduleOptions['priority'],
    missed,
    overlap,
    jitter: input.jitter_seconds === undefined ? undefined : input.jitter_seconds * 1000,
    startsAt: starts_at ?? undefined,
    endsAt: ends_at ?? undefined,
    tenantId: scope.tenantId,
  }
  const row = await house.queue.schedules.save({ ...options, name }, { tx: t })
  await tell(t, scope, before ? 'schedule.changed' : 'schedule.created', row, {
    ...(before ? { before: told(before) } : {}),
    after: told(row),
  })
  return show(scope, row)
}

/** Without the payload: the record holds no content. */
const told = ({ cron, timezone, job, missed, overlap, starts_at, ends_at }: ScheduleRow): EventData => ({
  cron,
  timezone,
  kind: job.kind,
  missed,
  overlap,
  starts_at,
  ends_at,
})

const tell = (
  t: Tx,
  scope: Scope,
  type: EventType,
  row: ScheduleRow,
  change: { before?: EventData; after?: EventData },
  data: EventData = {},
) => record(t, scope, type, { name: row.name, ...data }, { resource: { type: 'schedule', id: row.id }, ...change })

export const removeSchedule = (house: JobsHouse, scope: Scope, name: string) =>
  act(house, scope, async (t) => {
    const row = await find(house, t, name)
    await house.queue.schedules.remove(row.id, { tx: t })
    await tell(t, scope, 'schedule.removed', row, { before: told(row) })
    return null
  })

/** Enqueues its job now; asks no pause and moves no fire. */
export const triggerSchedule = (house: JobsHouse, scope: Scope, name: string) =>
  act(house, scope, async (t) => {
    const row = await find(house, t, name)
    const job_id = await house.queue.schedules.trigger(row.id, { tx: t })
    if (job_id === null) throw new Problem('not_found')
    await tell(t, scope, 'schedule.triggered', row, {}, { job_id })
    return { job_id }
  })

export const pauseSchedule = (house: JobsHouse, scope: Scope, name: string) => setPaused(house, scope, name, true)
export const resumeSchedule = (house: JobsHouse, scope: Scope, name: string) => setPaused(house, scope, name, false)

const setPaused = (house: JobsHouse, scope: Scope, name: string, paused: boolean) =>
  act(house, scope, async (t) => {
    const before = await find(house, t, name)
    const own = { actor: actorText(scope), tx: t }
    const row = await (paused ? house.queue.schedules.pause(before.id, own) : house.queue.schedules.resume(before.id, own))
    if (!row) throw new Problem('not_found')
    await tell(t, scope, paused ? 'schedule.paused' : 'schedule.resumed', row, {
      before: { paused_at: before.paused_at },
      after: { paused_at: row.paused_at },
    })
    return show(scope, row)
  })

export const listFires = (house: JobsHouse, scope: Scope, name: string) =>
  look(house, scope, async (t) => {
    const row = await find(house, t, name)
    const fires = await house.queue.schedules.fires(row.id, { tx: t })
    if (!fires) throw new Problem('not_found')
    return {
      past: fires.past.map(({ fire_time, at, job_id, state, skipped, error, fires: unmade }) => ({
        fire_time,
        at,
        job_id,
        state: state ?? null,
        skipped: skipped ?? null,
        error: runsTheWork(scope) ? (error ?? null) : null,
        fires: unmade ?? null,
      })),
      next: fires.next,
    }
  })
