// What people say of themselves (T98, T102): when they are away and who stands in for them, how much they take on, when and by what they are told. An absence that
// has begun moves what they have before them at once; one that comes does when it begins.
import { enqueueMany } from '@countersign/queue'
import { type FieldError, Problem } from '@countersign/sdk'
import { type Scope, type Tx, tx } from '../../../db/tx.ts'
import { record } from '../../../events/event.ts'
import { isKeyScope, reach } from '../../../identity/matrix.ts'
import { ROUTING_QUEUE } from '../../../identity/user.ts'
import { newId } from '../../../std/id.ts'
import type { TasksHouse } from '../../house.ts'
import { CHANNELS } from '../../notices/grammar.ts'
import { isTimeZone } from '../../notices/quiet.ts'
import { DEEPEST } from '../delegate.ts'
import { findMembers } from '../sql.ts'
import {
  type AbsenceRow,
  deleteAbsences,
  findAbsences,
  findAvailability,
  findOverlapping,
  insertAbsences,
  lockAvailabilities,
  putAvailability,
} from './sql.ts'

export type AvailabilityInput = {
  away?: { from: Date; until: Date; delegate_id?: string | null }[]
  max_open?: number | null
  quiet_hours?: { from: string; until: string; time_zone: string } | null
  /** Channels in the order in which they are tried; null: as shipped. */
  notify?: { direct?: string[] | null; shared?: string[] | null } | null
}

const MOST = 50

export const readAvailability = (house: TasksHouse, scope: Scope) =>
  tx(house.db, scope, (t) => availabilityIn(t, scope), { readOnly: true })

async function availabilityIn(t: Tx, scope: Scope) {
  const me = myself(scope)
  const row = await findAvailability(t, scope, me)
  const away = await findAbsences(t, scope, me)
  return {
    away: away.map(({ id, starts_at, ends_at, delegate_user_id }) => ({
      ...{ id, from: starts_at, until: ends_at, delegate_id: delegate_user_id },
    })),
    max_open: row?.max_open ?? null,
    quiet_hours: row?.quiet_from ? { from: row.quiet_from, until: row.quiet_until, time_zone: row.time_zone } : null,
    notify: { direct: row?.notify_direct ?? null, shared: row?.notify_shared ?? null },
  }
}

/** A key of theirs speaks for a person where it may take tasks on for them; no agent's does, and no link. */
const myself = (scope: Scope): string => {
  const { userId, guest } = scope
  const isTheirs = !guest && (!isKeyScope(scope) || reach(scope, 'task.claim') !== 'none')
  if (userId === null || !isTheirs) throw new Problem('forbidden', { detail: 'Only a person has an availability.' })
  return userId
}

/** Whole: what is left out goes back to what it was without. */
export const changeAvailability = (house: TasksHouse, scope: Scope, input: AvailabilityInput) =>
  tx(house.db, scope, async (t) => {
    const me = myself(scope)
    const errors = faultsOf(input)
    if (errors.length > 0) throw new Problem('validation_failed', { errors })
    await lockAvailabilities(t, scope)
    const absences = (input.away ?? []).map((one) => absenceOf(t, one))
    await checkDelegates(t, scope, me, absences)
    const { quiet_hours: quiet, notify } = input
    await putAvailability(t, scope, me, {
      max_open: input.max_open ?? null,
      ...{ quiet_from: quiet?.from ?? null, quiet_until: quiet?.until ?? null, time_zone: quiet?.time_zone ?? null },
      ...{ notify_direct: notify?.direct ?? null, notify_shared: notify?.shared ?? null },
    })
    await deleteAbsences(t, scope, me)
    await insertAbsences(t, scope, me, absences)
    await enqueueMany(
      t,
      absences.map(({ starts_at }) => jobOf(t, scope, me, starts_at)),
    )
    await record(t, scope, 'availability.changed', { user_id: me, absences: absences.length })
    return availabilityIn(t, scope)
  })

const jobOf = (t: Tx, scope: Scope, userId: string, startsAt: Date) => ({
  kind: 'task.reroute',
  queue: ROUTING_QUEUE,
  tenantId: scope.tenantId,
  payload: { user_id: userId, because: 'away' },
  ...(startsAt > t.now ? { runAt: startsAt } : {}),
})

const absenceOf = (t: Tx, { from, until, delegate_id }: NonNullable<AvailabilityInput['away']>[number]): AbsenceRow => ({
  id: newId('abs', t.now.getTime()),
  starts_at: from,
  ends_at: until,
  delegate_user_id: delegate_id ?? null,
})

const fault = (path: string, code: string, message: string): FieldError => ({ path, code, message })

function faultsOf({ away = [], quiet_hours, notify }: AvailabilityInput): FieldError[] {
  const errors: FieldError[] = []
  if (away.length > MOST) errors.push(fault('/away', 'too_many', `At most ${MOST} times.`))
  for (const [i, { from, until }] of away.entries())
    if (until <= from) errors.push(fault(`/away/${i}/until`, 'out_of_order', 'It ends before it begins.'))
  if (quiet_hours && !isTimeZone(quiet_hours.time_zone))
    errors.push(fault('/quiet_hours/time_zone', 'unknown', 'This is no time zone, such as Europe/Berlin.'))
  if (quiet_hours && quiet_hours.from === quiet_hours.until)
    errors.push(fault('/quiet_hours/until', 'empty', 'Quiet hours end at another time than they begin.'))
  for (const [name, channels] of Object.entries(notify ?? {}))
    for (const [i, channel] of (channels ?? []).entries())
      if (!(CHANNELS as readonly string[]).includes(channel))
        errors.push(fault(`/notify/${name}/${i}`, 'channel_unknown', `Channels are ${CHANNELS.join(', ')}.`))
  return errors
}

/** Whoever stands in is active, is not oneself, and no round of stand-ins leads back; a chain is at most three long. */
async function checkDelegates(t: Tx, scope: Scope, me: string, absences: readonly AbsenceRow[]): Promise<void> {
  for (const [i, absence] of absences.entries()) {
    const first = absence.delegate_user_id
    if (first === null) continue
    const path = `/away/${i}/delegate_id`
    const [member] = await findMembers(t, scope, [first])
    if (!member?.active || first === me) throw refused(path, 'user_unknown', 'Name another active user.')
    let at: string | null = first
    for (let depth = 1; at !== null; depth++) {
      const overlapping: AbsenceRow[] = await findOverlapping(t, scope, at, absence.starts_at, absence.ends_at)
      const next: string | null = overlapping.find(({ delegate_user_id }) => delegate_user_id !== null)?.delegate_user_id ?? null
      if (next === me) throw refused(path, 'loop', 'They are away then too, and you stand in for them.')
      if (next !== null && depth >= DEEPEST) throw refused(path, 'too_long', 'Too many people would stand in for each other.')
      at = next
    }
  }
}

const refused = (path: string, code: string, message: string): Problem =>
  new Problem('validation_failed', { errors: [fault(path, code, message)] })
