// Schedules (Q114–Q116): what to fire is computed here from the last fire; that it is fired once is one compare-and-swap in SQL. Never fires for
// the time before a schedule was known, never below one second, and removes no schedule because nobody declares it.
import { Cron } from 'croner'
import { type Codecs, seal, show } from './codec.ts'
import { type Duration, milliseconds } from './duration.ts'
import { QueueError } from './error.ts'
import type { Log } from './host.ts'
import { jsonText } from './json.ts'
import {
  databaseNow,
  dueSchedules,
  fireIfUnchanged,
  pruneSchedules,
  type ScheduleFire,
  type ScheduleRow,
  scheduleFires,
  schedulesSeen,
  upsertSchedule,
} from './sql.ts'
import type { Queryable } from './store.ts'
import type { Meters } from './telemetry.ts'
import { type Fires, firesIn } from './zone.ts'

export type ScheduleOptions = {
  /** Five or six fields (the first of six are seconds), or @yearly, @monthly, @weekly, @daily, @hourly. */
  cron: string
  /** IANA name; default UTC. A time that the zone's clock skips fires right after the gap, a repeated one once. */
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
  /** Each job is due up to this much later, by chance. */
  jitter?: Duration
  /** The first moment at which it may fire, and the last. */
  startsAt?: Date
  endsAt?: Date
}

export type Schedule = ScheduleOptions & { readonly name: string }

export type PastFire = ScheduleFire
export type ScheduleFires = { schedule: ScheduleRow; past: PastFire[]; next: string[] }

/** Fires later than this are missed ones; a leader's death may cost 12 s. */
const ON_TIME_MS = 15_000
const A_PASS = 1_000
const AN_OUTAGE = 10_000
const NAMES = ['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly']
const LONGEST_JITTER_MS = 86_400_000

/**
 * Declares a schedule; one that is wrong, or never fires, is refused here, with the field named.
 * @example defineSchedule('nightly-report', { cron: '30 2 * * *', timezone: 'Europe/Berlin', kind: 'report.build' })
 */
export function defineSchedule(name: string, options: ScheduleOptions): Schedule {
  if (name.length < 1 || name.length > 200) throw invalid('name', 'the name of a schedule has 1 to 200 characters')
  const kind = typeof options.kind === 'string' ? options.kind : options.kind.name
  if (!/^[a-z][a-z0-9_.:-]{0,199}$/.test(kind)) throw invalid('kind', 'a schedule names a kind')
  const { queue, priority, missed = 'coalesce', overlap = 'allow', jitter, startsAt, endsAt } = options
  if (queue !== undefined && !/^[a-z0-9][a-z0-9_.:-]{0,199}$/.test(queue)) throw invalid('queue', 'not the name of a queue')
  if (priority !== undefined && ![1, 2, 3, 4].includes(priority)) throw invalid('priority', 'a priority is 1, 2, 3 or 4')
  if (!['coalesce', 'catch_up', 'skip'].includes(missed)) throw invalid('missed', 'missed is coalesce, catch_up or skip')
  if (!['allow', 'skip', 'replace'].includes(overlap)) throw invalid('overlap', 'overlap is allow, skip or replace')
  if (jitter !== undefined && !(jitterMs(jitter) <= LONGEST_JITTER_MS)) throw invalid('jitter', 'a jitter is at most a day')
  for (const [field, time] of Object.entries({ startsAt, endsAt }))
    if (time !== undefined && Number.isNaN(time.getTime())) throw invalid(field, `${field} is a time`)
  if (startsAt && endsAt && endsAt < startsAt) throw invalid('endsAt', 'the end is before the start')
  const { cron, timezone = 'UTC' } = options
  const fires = parse(cron, timezone)
  // 2024 is a leap year: what does not fire within the years that the search looks ahead never does.
  if (!fires(startsAt ?? new Date('2024-01-01T00:00:00Z'))) throw invalid('cron', 'this cron expression never fires')
  if (
    startsAt &&
    endsAt &&
    nextFires({ cron, timezone, starts_at: spoken(startsAt), ends_at: spoken(endsAt) }, startsAt, 1).length === 0
  )
    throw invalid('endsAt', 'the schedule never fires between its start and its end')
  jsonText(options.payload, '/payload')
  return { ...options, name }
}

function parse(cron: string, timezone: string): Fires {
  const expression = cron.trim()
  const fields = expression.split(/\s+/)
  if (expression.startsWith('@') && !NAMES.includes(expression)) throw invalid('cron', `the names are ${NAMES.join(', ')}`)
  if (!expression.startsWith('@') && fields.length !== 5 && fields.length !== 6)
    throw invalid('cron', 'a cron expression has five or six fields')
  try {
    new Intl.DateTimeFormat('en', { timeZone: timezone })
  } catch (error) {
    throw invalid('timezone', `there is no time zone ${timezone}`, error)
  }
  try {
    new Cron(expression, { paused: true })
  } catch (error) {
    throw invalid('cron', error instanceof Error ? error.message : 'the cron expression is wrong', error)
  }
  return firesIn(expression, timezone)
}

const invalid = (field: string, message: string, cause?: unknown) =>
  new QueueError('schedule_invalid', message, { field }, { cause })

function jitterMs(jitter: Duration): number {
  try {
    return milliseconds(jitter, '/jitter')
  } catch (error) {
    throw invalid('jitter', 'a duration is written like 500ms, 10s, 5m, 2h or 7d', error)
  }
}

const spoken = (time: Date | undefined): string | null => time?.toISOString() ?? null

type Times = Pick<ScheduleRow, 'cron' | 'timezone' | 'starts_at' | 'ends_at'>

/** The first fire after a moment, inside the schedule's own bounds; null when there is none any more. */
export const nextFire = (schedule: Times, after: Date): Date | null => nextFires(schedule, after, 1)[0] ?? null

/** The next fires of a schedule, for people to look at. */
export const nextFires = (schedule: Times, after: Date, count: number): Date[] =>
  firesUpTo(schedule, after, schedule.ends_at ? new Date(schedule.ends_at) : null, count)

function firesUpTo({ cron, timezone, starts_at }: Times, after: Date, end: Date | null, count: number): Date[] {
  const next = parse(cron, timezone)
  const fires: Date[] = []
  // A fire at the very start counts.
  let from: Date | null = starts_at && new Date(starts_at) > after ? new Date(new Date(starts_at).getTime() - 1) : after
  while (fires.length < count) {
    from = next(from)
    if (!from || (end && from > end)) return fires
    fires.push(from)
  }
  return fires
}

/** A schedule as this process may see it. */
export async function shownSchedule(kinds: Codecs, row: ScheduleRow): Promise<ScheduleRow> {
  if (row.job.payload === undefined) return row
  return { ...row, job: { ...row.job, payload: await show(kinds.get(row.job.kind)?.codec, row.job.payload) } }
}

export async function saveSchedule(
  db: Queryable,
  schedule: Schedule,
  declaredIn: 'code' | 'api',
  kinds: Codecs = new Map(),
): Promise<ScheduleRow> {
  const checked = defineSchedule(schedule.name, schedule)
  const { name, cron, timezone = 'UTC', kind, payload, queue, priority, tenantId, missed, overlap, jitter } = checked
  const times: Times = { cron, timezone, starts_at: spoken(checked.startsAt), ends_at: spoken(checked.endsAt) }
  const next = nextFire(times, await databaseNow(db))
  // From code it may have come to its end; by hand that is a slip.
  if (!next && declaredIn === 'api') throw invalid('endsAt', 'the schedule has no fire left')
  const kindName = typeof kind === 'string' ? kind : kind.name
  const codec = kinds.get(kindName)?.codec
  const saved = await upsertSchedule(db, {
    ...times,
    name,
    tenant_id: tenantId,
    job: { kind: kindName, payload: codec ? await seal(codec, payload, '/payload') : (payload ?? null), queue, priority },
    missed,
    overlap,
    jitter_ms: jitter === undefined ? 0 : milliseconds(jitter, '/jitter'),
    declared_in: declaredIn,
    next_fire: next,
  })
  return shownSchedule(kinds, saved)
}

/** Newest first what it fired, and the next ten; null when there is no such schedule. */
export async function listFires(db: Queryable, id: string, kinds: Codecs): Promise<ScheduleFires | null> {
  const found = await scheduleFires(db, id)
  if (!found) return null
  const { schedule, past, now } = found
  const next = schedule.paused_at ? [] : nextFires(schedule, new Date(now), 10).map((fire) => fire.toISOString())
  return { schedule: await shownSchedule(kinds, schedule), past, next }
}

const declaredOf = (schedules: Iterable<Schedule>) =>
  [...schedules].map(({ name, tenantId }) => ({ name, tenant_id: tenantId ?? null }))

/** Says that these are still declared by a live process. */
export const noteSchedules = (db: Queryable, schedules: Iterable<Schedule>): Promise<void> =>
  schedulesSeen(db, declaredOf(schedules))

/** Schedules from code that neither `schedules` nor, for `unseenFor`, any live process declares; with `remove` they are deleted. */
export const prune = (
  db: Queryable,
  schedules: Iterable<Schedule>,
  { unseenFor = '1h', remove = false }: { unseenFor?: Duration; remove?: boolean },
): Promise<ScheduleRow[]> => pruneSchedules(db, declaredOf(schedules), milliseconds(unseenFor, '/unseenFor'), remove)

export type Fired = { ids: string[]; waitMs: number | null }

/** Fires whatever is due. Answers the ids of the jobs that this call made, and how long until something else is due. */
export async function fireDue(db: Queryable, log: Log, meters?: Meters): Promise<Fired> {
  const { now, due, wait_ms } = await dueSchedules(db)
  const made: string[] = []
  let again = false
  for (const schedule of due) {
    try {
      const fire = firesOf(schedule, new Date(now))
      const ids = await fireIfUnchanged(db, schedule, fire)
      if (ids) made.push(...ids)
      again ||= fire.next !== null && fire.next <= new Date(now)
      if (ids && fire.dropped > 0) {
        meters?.dutySkipped('cron', 'outage', fire.dropped)
        log.warn({ schedule: schedule.name, fires: fire.dropped }, 'fires were missed and not made up for')
      }
    } catch (error) {
      log.error({ err: error, schedule: schedule.name }, 'a schedule could not be fired')
    }
  }
  return { ids: made, waitMs: again ? 0 : wait_ms }
}

export type Fire = { fires: Date[]; reached: Date; next: Date | null; caughtUp: number; dropped: number }

/** What one pass fires at `now`, by the rule for missed fires. Pure. */
export function firesOf(schedule: ScheduleRow, now: Date): Fire {
  const last = new Date(schedule.last_fire)
  const end = schedule.ends_at && new Date(schedule.ends_at) < now ? new Date(schedule.ends_at) : now
  const next = nextFire(schedule, now)
  const [oldest] = firesUpTo(schedule, last, end, 1)
  if (!oldest) return { fires: [], reached: last, next, caughtUp: 0, dropped: 0 }
  const onTime = firesUpTo(schedule, new Date(Math.max(last.getTime(), now.getTime() - ON_TIME_MS - 1)), end, A_PASS)
  const lateMs = now.getTime() - oldest.getTime()
  // Nobody was away: a look that comes a little late fires each.
  if (lateMs <= ON_TIME_MS) return { fires: onTime, reached: onTime.at(-1) ?? last, next, caughtUp: 0, dropped: 0 }
  const newest = onTime.at(-1) ?? newestFire(schedule, last, end)
  if (schedule.missed === 'skip') return { fires: onTime, reached: newest, next, caughtUp: 0, dropped: 0 }
  if (schedule.missed === 'coalesce') return { fires: [newest], reached: newest, next, caughtUp: 0, dropped: 0 }
  const room = Math.min(A_PASS, AN_OUTAGE - schedule.caught_up)
  const fires = room > 0 ? firesUpTo(schedule, last, newest, room) : []
  const reached = fires.at(-1) ?? last
  if (reached >= newest) return { fires, reached, next, caughtUp: 0, dropped: 0 }
  // More of this outage to come: due again at once, until the outage's own limit; then one for all the rest.
  if (schedule.caught_up + fires.length < AN_OUTAGE)
    return { fires, reached, next: reached, caughtUp: schedule.caught_up + fires.length, dropped: 0 }
  const rest = firesUpTo(schedule, reached, newest, AN_OUTAGE).length
  return { fires: [...fires, newest], reached: newest, next, caughtUp: 0, dropped: rest - 1 }
}

/** The newest fire after `last` and not after `end`; there is one. Looks back in growing steps, so that a long outage costs no enumeration. */
function newestFire(schedule: Times, last: Date, end: Date): Date {
  for (let back = 60_000; ; back *= 8) {
    const from = new Date(Math.max(last.getTime(), end.getTime() - back))
    const newest = firesUpTo(schedule, from, end, Number.POSITIVE_INFINITY).at(-1)
    if (newest || from <= last) return newest ?? last
  }
}
