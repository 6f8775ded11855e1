// Schedules (Q114–Q116): cron by croner, truth by the database. What to fire is computed here from the last fire; that it is fired once is one
// compare-and-swap in SQL. Never fires for the time before a schedule was known, never below one second.
import { Cron } from 'croner'
import { type Duration, milliseconds } from './duration.ts'
import { QueueError } from './error.ts'
import type { Log } from './host.ts'
import { jsonText } from './json.ts'
import { databaseNow, dueSchedules, fireIfUnchanged, type ScheduleRow, upsertSchedule } from './sql.ts'
import type { Queryable } from './store.ts'

export type ScheduleOptions = {
  /** Five or six fields, or @hourly and its like. */
  cron: string
  /** IANA name; default UTC */
  timezone?: string
  kind: string | { name: string }
  payload?: unknown
  queue?: string
  priority?: 1 | 2 | 3 | 4
  tenantId?: string
  /** After an outage: `coalesce` (default) fires once for the newest, `catch_up` once for each, `skip` not at all. */
  missed?: 'coalesce' | 'catch_up' | 'skip'
  /** While the job of the last fire is not over: `allow` (default), `skip` the fire, or `replace` the job. */
  overlap?: 'allow' | 'skip' | 'replace'
  jitter?: Duration
  startsAt?: Date
  endsAt?: Date
}

export type Schedule = ScheduleOptions & { readonly name: string }

/** A later fire than this is a missed one; a leader's death may cost 12 s. */
const ON_TIME_MS = 15_000
const A_PASS = 1_000
const AN_OUTAGE = 10_000

/**
 * Declares a schedule; a cron expression that is wrong, or never fires, is refused here.
 * @example defineSchedule('nightly-report', { cron: '30 2 * * *', timezone: 'Europe/Berlin', kind: 'report.build' })
 */
export function defineSchedule(name: string, options: ScheduleOptions): Schedule {
  if (name.length < 1 || name.length > 200)
    throw new QueueError('schedule_invalid', 'the name of a schedule has 1 to 200 characters', { field: 'name' })
  parseCron(options.cron, options.timezone ?? 'UTC')
  if (options.jitter !== undefined) milliseconds(options.jitter, '/jitter')
  jsonText(options.payload, '/payload')
  return { ...options, name }
}

function parseCron(cron: string, timezone: string): Cron {
  const fields = cron.trim().split(/\s+/)
  const invalid = (field: string, message: string, cause?: unknown) =>
    new QueueError('schedule_invalid', message, { field }, { cause })
  if (!cron.startsWith('@') && fields.length !== 5 && fields.length !== 6)
    throw invalid('cron', 'a cron expression has five or six fields')
  try {
    new Intl.DateTimeFormat('en', { timeZone: timezone })
  } catch (error) {
    throw invalid('timezone', `there is no time zone ${timezone}`, error)
  }
  let parsed: Cron
  try {
    parsed = new Cron(cron, { timezone, paused: true })
  } catch (error) {
    throw invalid('cron', error instanceof Error ? error.message : 'the cron expression is wrong', error)
  }
  if (!parsed.nextRun(new Date('2024-01-01T00:00:00Z'))) throw invalid('cron', 'this cron expression never fires')
  return parsed
}

type Times = Pick<ScheduleRow, 'cron' | 'timezone' | 'starts_at' | 'ends_at'>

/** The first fire after a moment, inside the schedule's own bounds; null when there is none any more. */
export const nextFire = (schedule: Times, after: Date): Date | null => nextFires(schedule, after, 1)[0] ?? null

/** The next fires of a schedule, for people to look at. */
export function nextFires({ cron, timezone, starts_at, ends_at }: Times, after: Date, count: number): Date[] {
  const parsed = parseCron(cron, timezone)
  const end = ends_at ? new Date(ends_at) : null
  const fires: Date[] = []
  // A fire at the very start counts, so the search begins a second before it.
  let from: Date | null = starts_at && new Date(starts_at) > after ? new Date(new Date(starts_at).getTime() - 1000) : after
  while (fires.length < count) {
    from = parsed.nextRun(from)
    if (!from || (end && from > end)) return fires
    fires.push(from)
  }
  return fires
}

export async function saveSchedule(db: Queryable, schedule: Schedule, declaredIn: 'code' | 'api'): Promise<ScheduleRow> {
  const {
    name,
    cron,
    timezone = 'UTC',
    kind,
    payload,
    queue,
    priority,
    tenantId,
    missed,
    overlap,
    jitter,
    startsAt,
    endsAt,
  } = defineSchedule(schedule.name, schedule)
  const times: Times = { cron, timezone, starts_at: startsAt?.toISOString() ?? null, ends_at: endsAt?.toISOString() ?? null }
  return upsertSchedule(db, {
    ...times,
    name,
    tenant_id: tenantId,
    job: { kind: typeof kind === 'string' ? kind : kind.name, payload: payload ?? null, queue, priority },
    missed,
    overlap,
    jitter_ms: jitter === undefined ? 0 : milliseconds(jitter, '/jitter'),
    declared_in: declaredIn,
    next_fire: nextFire(times, await databaseNow(db)),
  })
}

/** Fires whatever is due. Answers the ids of the jobs that this call made. */
export async function fireDue(db: Queryable, log: Log): Promise<string[]> {
  const { now, due } = await dueSchedules(db)
  const made: string[] = []
  for (const schedule of due) {
    try {
      const fire = firesOf(schedule, new Date(now))
      const ids = await fireIfUnchanged(db, schedule, fire)
      if (ids) made.push(...ids)
      if (fire.dropped > 0) log.warn({ schedule: schedule.name, fires: fire.dropped }, 'fires were missed and not made up for')
    } catch (error) {
      log.error({ err: error, schedule: schedule.name }, 'a schedule could not be fired')
    }
  }
  return made
}

export type Fire = { fires: Date[]; reached: Date; next: Date | null; caughtUp: number; dropped: number }

/** What one pass fires at `now`, by the rule for missed fires. Pure. */
export function firesOf(schedule: ScheduleRow, now: Date): Fire {
  const last = new Date(schedule.last_fire)
  const newest = newestFire(schedule, last, now)
  const next = nextFire(schedule, now)
  if (!newest) return { fires: [], reached: last, next, caughtUp: 0, dropped: 0 }
  if (schedule.missed === 'skip') {
    const fires = now.getTime() - newest.getTime() <= ON_TIME_MS ? [newest] : []
    return { fires, reached: newest, next, caughtUp: 0, dropped: 0 }
  }
  if (schedule.missed === 'coalesce') return { fires: [newest], reached: newest, next, caughtUp: 0, dropped: 0 }
  const room = Math.min(A_PASS, AN_OUTAGE - schedule.caught_up)
  const fires = room > 0 ? nextFires({ ...schedule, ends_at: newest.toISOString() }, last, room) : []
  const reached = fires.at(-1) ?? last
  if (reached >= newest) return { fires, reached, next, caughtUp: 0, dropped: 0 }
  // More of this outage to come: due again at once, until the outage's own limit; then one for all the rest.
  if (schedule.caught_up + fires.length < AN_OUTAGE)
    return { fires, reached, next: reached, caughtUp: schedule.caught_up + fires.length, dropped: 0 }
  return {
    fires: [...fires, newest],
    reached: newest,
    next,
    caughtUp: 0,
    dropped: nextFires({ ...schedule, ends_at: newest.toISOString() }, reached, AN_OUTAGE).length - 1,
  }
}

/** The newest fire after `last` and not after `now`. Looks back from now in growing steps, so that a long outage costs no enumeration. */
function newestFire(schedule: Times, last: Date, now: Date): Date | null {
  const until = schedule.ends_at && new Date(schedule.ends_at) < now ? schedule.ends_at : now.toISOString()
  for (let back = 60_000; ; back *= 8) {
    const from = new Date(Math.max(last.getTime(), now.getTime() - back))
    const newest = nextFires({ ...schedule, ends_at: until }, from, Number.POSITIVE_INFINITY).at(-1)
    if (newest || from <= last) return newest ?? null
  }
}
