// Waiting for a task to move on (T27–T29, T31). A wait registers before it reads, holds no database connection, and is woken by the listener; what a lost wake-up
// missed is found by one statement a second for all waits of the process together.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import { type Db, once, type Tx, tx } from '../db/tx.ts'
import { openVersionWaits, timeUp, type VersionWaits, type VersionWatch } from '../db/version-waits.ts'
import type { Log } from '../std/log.ts'
import { openContents } from './content.ts'
import type { TasksHouse } from './house.ts'
import { isUncollected } from './look.ts'
import { personOf, within } from './person.ts'
import { taskTopic } from './settle.ts'
import { collectIfFinal, findPolls, findVersions, isFinal, type PollRow, type VersionRow } from './sql.ts'
import { candidatesOf } from './verifiers/candidate.ts'
import { type Poll, showPoll } from './wire.ts'

export type Waits = VersionWaits

export const openWaits = (db: Db, log?: Log): Waits =>
  openVersionWaits({
    listen: db.listen,
    topicOf: taskTopic,
    read: (ids, tenants) => once<VersionRow>(db, findVersions(tenants, ids)),
    what: 'tasks',
    ...(log ? { log } : {}),
  })

export type PollInput = { timeout: number; since_version?: number }

/** Answers at once when there is something to say, else when there is, else after `timeout` seconds with the present state. */
export async function pollTask(
  house: TasksHouse,
  scope: Scope,
  id: string,
  input: PollInput,
  signal: AbortSignal,
): Promise<Poll> {
  const { since_version } = input
  const isNews = (row: PollRow) => isFinal(row.status) || (since_version !== undefined && row.version > since_version)
  const found = await waitUntil(house, scope, [id], (rows) => rows.some(isNews), input.timeout, signal)
  return found.get(id) as Poll
}

export type WaitInput = { ids: string[]; mode: 'any' | 'all'; timeout: number }
export type WaitAnswer = { tasks: Record<string, Poll>; final: string[]; pending: string[] }

export async function waitForTasks(house: TasksHouse, scope: Scope, input: WaitInput, signal: AbortSignal): Promise<WaitAnswer> {
  const ids = [...new Set(input.ids)]
  const enough = (rows: PollRow[]) =>
    input.mode === 'any' ? rows.some((row) => isFinal(row.status)) : rows.every((row) => isFinal(row.status))
  const found = await waitUntil(house, scope, ids, enough, input.timeout, signal)
  const isDone = (id: string) => isFinal((found.get(id) as Poll).status as PollRow['status'])
  return { tasks: Object.fromEntries(found), final: ids.filter(isDone), pending: ids.filter((id) => !isDone(id)) }
}

async function waitUntil(
  house: TasksHouse,
  scope: Scope,
  ids: string[],
  enough: (rows: PollRow[]) => boolean,
  seconds: number,
  signal: AbortSignal,
): Promise<Map<string, Poll>> {
  const leave = await house.slots.hold(scope.principal)
  const watches = new Map(ids.map((id) => [id, house.waits.watch(scope.tenantId, id)]))
  const over = timeUp(house.db.clock, seconds * 1000, signal)
  try {
    for (;;) {
      const { rows, shown } = await readAll(house, scope, ids)
      if (enough(rows) || over.is()) return shown
      const moves = rows
        .filter((row) => !isFinal(row.status))
        .map((row) => (watches.get(row.id) as VersionWatch).moved(row.version))
      const hasMoved = await Promise.race([over.promise.then(() => false), ...moves.map((move) => move.then(() => true))])
      // Thousands end at once when the server stops (A32): what was read and has not moved since is the present state, and costs no statement.
      if (!hasMoved && signal.aborted) return shown
    }
  } finally {
    over.cancel()
    for (const watch of watches.values()) watch.end()
    leave()
  }
}

async function readAll(house: TasksHouse, scope: Scope, ids: string[]): Promise<{ rows: PollRow[]; shown: Map<string, Poll> }> {
  return tx(house.db, scope, async (t: Tx) => {
    const person = await personOf(t, scope)
    const rows = await findPolls(t, scope, ids, within(scope, 'task.poll', person))
    if (rows.length < ids.length) throw new Problem('not_found')
    const final = rows.filter((row) => isFinal(row.status))
    const uncollected = final.filter((row) => isUncollected(scope, row)).map((row) => row.id)
    if (uncollected.length > 0) await collectIfFinal(t, scope, uncollected)
    const opener =
      final.length === 0
        ? null
        : await openContents(
            house,
            t,
            scope,
            final.map((row) => row.id),
          )
    const candidates = await candidatesOf(house, t, scope, rows)
    const shown = new Map(
      rows.map((row) => [
        row.id,
        showPoll(row, isFinal(row.status) && opener ? opener.task(row) : null, scope, candidates.get(row.id) ?? null),
      ]),
    )
    return { rows, shown }
  })
}
