// Withdrawing a task, and changing the little about it that may change while it is open (T5).
import { Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import { type Tx, tx } from '../db/tx.ts'
import { record } from '../events/event.ts'
import { writeJson } from '../http/json.ts'
import { mayChange } from './acts.ts'
import { sealIf, taskKey } from './content.ts'
import { metadataErrors } from './creation.ts'
import { enqueueExpiries } from './deadline.ts'
import type { TasksHouse } from './house.ts'
import { seeTask, showWhole } from './look.ts'
import { readNotifyChange } from './notices/change.ts'
import { notify } from './notices/notice.ts'
import { invalid, notOpen, taskTopic, tellOfEnd, whyNotOpen } from './settle.ts'
import { cancelIfNotFinal, EVERY, findTask, isFinal, type TaskRow, updateIfNotFinal } from './sql.ts'
import { momentsOf, nextMoment, type Reminder } from './time/moments.ts'
import type { Task } from './wire.ts'

export async function cancelTask(house: TasksHouse, scope: Scope, id: string, reason: string | null): Promise<Task> {
  return tx(house.db, scope, async (t) => {
    const { row, person } = await seeTask(t, scope, id, 'task.cancel')
    if (!mayChange(scope, row, person, 'task.cancel')) throw new Problem('forbidden', { action: 'task.cancel' })
    if (isFinal(row.status)) throw notOpen(row)
    const cancelled = await cancelIn(house, t, scope, row, reason)
    if (!cancelled) throw await whyNotOpen(t, scope, id)
    return showWhole(house, t, scope, cancelled, null, person)
  })
}

/** For a room whose act waits no more: its question is taken back in its own transaction. False: it was over before. */
export async function withdrawTaskIn(house: TasksHouse, t: Tx, scope: Scope, id: string, reason: string): Promise<boolean> {
  const row = await findTask(t, scope, id, EVERY)
  return row !== null && !isFinal(row.status) && (await cancelIn(house, t, scope, row, reason)) !== null
}

async function cancelIn(
  house: TasksHouse,
  t: Tx,
  scope: Scope,
  { id, status }: TaskRow,
  reason: string | null,
): Promise<TaskRow | null> {
  const key = reason === null ? null : await taskKey(house, t, scope, id)
  const cancelReason = key && sealIf(key, scope, 'tasks', 'cancel_reason', id, reason)
  const end = { status: 'cancelled' as const, outcome: null, response: null, cancelReason, by: null, channel: null }
  const cancelled = await cancelIfNotFinal(t, scope, id, end)
  if (cancelled) await tellOfEnd(house, t, scope, cancelled, status)
  return cancelled
}

export type UpdateInput = {
  notify?: string[]
  priority?: TaskRow['priority']
  tags?: string[]
  metadata?: Record<string, unknown>
  deadline_at?: Date
  reminders?: Reminder[]
}

const LONGEST_MS = 31_536_000_000

export async function updateTask(
  house: TasksHouse,
  scope: Scope,
  id: string,
  input: UpdateInput,
  ifMatch: string | undefined,
): Promise<Task> {
  const fields = Object.keys(input).filter((name) => input[name as keyof UpdateInput] !== undefined)
  if (fields.length === 0)
    throw invalid('', 'nothing_to_change', 'Send at least one of priority, tags, metadata, deadline_at, reminders, notify.')
  const errors = input.metadata ? metadataErrors(input.metadata) : []
  if (errors.length > 0) throw new Problem('validation_failed', { errors })
  return tx(house.db, scope, async (t) => {
    const { row, person } = await seeTask(t, scope, id, 'task.update')
    if (!mayChange(scope, row, person, 'task.update')) throw new Problem('forbidden', { action: 'task.update' })
    if (isFinal(row.status)) throw notOpen(row)
    if (input.deadline_at && input.deadline_at.getTime() - t.now.getTime() > LONGEST_MS)
      throw invalid('/deadline_at', 'out_of_range', 'A deadline lies at most 365 days ahead.')
    const version = versionOf(ifMatch)
    const told = input.notify && (await readNotifyChange(house, t, scope, row, input.notify))
    const change = {
      priority: input.priority,
      tags: input.tags && [...new Set(input.tags)],
      metadata: input.metadata && writeJson(input.metadata),
      deadline_at: input.deadline_at,
      ...remindersFrom(row, input, t.now),
      notify: told?.notify,
      added: told?.added,
    }
    const updated = await updateIfNotFinal(t, scope, id, change, version)
    if (!updated) throw await whyNotUpdated(t, scope, id, input, version)
    if (isSooner(updated, row, t.now)) await enqueueExpiries(t, scope, [updated])
    if (told && told.fresh.length > 0) await notify(house, t, scope, [updated], { purpose: 'asked', entries: told.fresh })
    const data = { fields, agent_id: row.agent_id }
    await record(t, scope, 'task.updated', data, {
      resource: { type: 'task', id },
      before: { priority: row.priority, tags: row.tags, deadline_at: row.deadline_at },
      after: { priority: updated.priority, tags: updated.tags, deadline_at: updated.deadline_at },
    })
    t.wake(taskTopic(id))
    return showWhole(house, t, scope, updated, null, person)
  })
}

/** Other reminders begin anew; those whose time is over already are not made up for. */
function remindersFrom(row: TaskRow, { reminders, deadline_at = row.deadline_at }: UpdateInput, now: Date) {
  if (!reminders) return {}
  const moments = momentsOf({ reminders, created_at: row.created_at, deadline_at })
  return {
    reminders: JSON.stringify(reminders),
    reminded: moments.reduce((mask, at, i) => (at <= now ? mask | (1 << i) : mask), 0),
  }
}

/** The job that waits looks again by itself, and finds a later time; only an earlier one needs a job of its own. */
function isSooner(next: TaskRow, before: TaskRow, now: Date): boolean {
  const [to, from] = [nextMoment(next, now), nextMoment(before, now)]
  return to !== null && (from === null || to < from)
}

/** The ETag is the version (§2.1); `*` matches whatever is there. */
function versionOf(ifMatch: string | undefined): number | null {
  if (ifMatch === undefined || ifMatch.trim() === '*') return null
  const version = /^(?:W\/)?"(\d{1,9})"$/.exec(ifMatch.trim())?.[1]
  if (version === undefined) throw new Problem('request_invalid', { detail: 'If-Match is the ETag of the task, such as "3".' })
  return Number(version)
}

async function whyNotUpdated(t: Tx, scope: Scope, id: string, input: UpdateInput, version: number | null): Promise<Problem> {
  const row = await findTask(t, scope, id, EVERY)
  if (!row || isFinal(row.status)) return whyNotOpen(t, scope, id)
  if (version !== null && row.version !== version) return new Problem('version_conflict', { version: row.version })
  if (row.deadline_at <= t.now) return notOpen(row)
  if (input.deadline_at) return invalid('/deadline_at', 'shortened', 'A deadline is never shortened.')
  return new Problem('state_conflict', { detail: 'The task changed meanwhile.' })
}
