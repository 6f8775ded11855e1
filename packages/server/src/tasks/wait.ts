// Waiting for a task to move on (T27–T29, T31). A wait registers before it reads, holds no database connection, and is woken by the listener; what a lost wake-up
// missed is found by one statement a second for all waits of the process together.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import { type Db, once, type Tx, tx } from '../db/tx.ts'
import type { Log } from '../std/log.ts'
import { openContents } from './content.ts'
import type { TasksHouse } from './house.ts'
import { isUncollected } from './look.ts'
import { personOf, within } from './person.ts'
import { taskTopic } from './settle.ts'
import { collectIfFinal, findPolls, findVersions, isFinal, type PollRow, type VersionRow } from './sql.ts'
import { candidatesOf } from './verifiers/candidate.ts'
import { type Poll, showPoll } from './wire.ts'

export type Waits = {
  /** Registers for the task. `moved` resolves once its version is above `version`. */
  watch(tenantId: string, id: string): Watch
  readonly size: number
}
export type Watch = { moved(beyond: number): Promise<void>; end(): void }

type Watched = {
  tenantId: string
  version: number
  bells: Set<{ beyond: number; ring: () => void }>
  unsubscribe: () => void
  watches: number
}

export function openWaits(db: Db, log?: Log): Waits {
  const watched = new Map<string, Watched>()
  const dirty = new Set<string>()
  let reading = false

  // However many topics were woken meanwhile, one statement asks for all of them.
  async function read(): Promise<void> {
    reading = true
    try {
      while (dirty.size > 0) {
        const ids = [...dirty].filter((id) => watched.has(id))
        dirty.clear()
        if (ids.length === 0) continue
        const tenants = ids.map((id) => (watched.get(id) as Watched).tenantId)
        const rows = await once<VersionRow>(db, findVersions(tenants, ids))
        for (const { id, version } of rows) ring(id, version)
      }
    } catch (error) {
      // The sweep comes back in a second; meanwhile every wait still ends at its own time.
      log?.warn({ err: error }, 'the versions of waited tasks could not be read')
    } finally {
      reading = false
    }
  }
  function ring(id: string, version: number): void {
    const one = watched.get(id)
    if (!one) return
    one.version = Math.max(one.version, version)
    for (const bell of [...one.bells]) if (one.version > bell.beyond) bell.ring()
  }
  function look(id: string): void {
    dirty.add(id)
    if (!reading) {
      reading = true
      setImmediate(() => void read())
    }
  }
  return {
    get size() {
      return watched.size
    },
    watch(tenantId, id) {
      const one = watched.get(id) ?? {
        tenantId,
        version: 0,
        bells: new Set(),
        unsubscribe: db.listen.subscribe(taskTopic(id), () => look(id)),
        watches: 0,
      }
      one.watches++
      watched.set(id, one)
      const own = new Set<{ beyond: number; ring: () => void }>()
      return {
        moved(beyond) {
          if (one.version > beyond) return Promise.resolve()
          return new Promise((resolve) => {
            const bell = {
              beyond,
              ring: () => {
                one.bells.delete(bell)
                own.delete(bell)
                resolve()
              },
            }
            one.bells.add(bell)
            own.add(bell)
          })
        },
        end() {
          for (const bell of own) one.bells.delete(bell)
          if (--one.watches === 0) {
            one.unsubscribe()
            watched.delete(id)
          }
        },
      }
    },
  }
}

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
  const over = timeUp(house.db, seconds, signal)
  try {
    for (;;) {
      const { rows, shown } = await readAll(house, scope, ids)
      if (enough(rows) || over.is()) return shown
      const moves = rows.filter((row) => !isFinal(row.status)).map((row) => (watches.get(row.id) as Watch).moved(row.version))
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

/** The timeout, the client's leaving and the server's stopping end a wait alike: with the present state (T31). */
function timeUp(db: Db, seconds: number, signal: AbortSignal): { promise: Promise<void>; is(): boolean; cancel(): void } {
  let up = signal.aborted
  let cancel: () => void = () => undefined
  const promise = new Promise<void>((resolve) => {
    const finish = () => {
      up = true
      resolve()
    }
    const stop = db.clock.timer(seconds * 1000, finish)
    signal.addEventListener('abort', finish, { once: true })
    cancel = () => {
      stop()
      signal.removeEventListener('abort', finish)
    }
    if (up) resolve()
  })
  return { promise, is: () => up, cancel }
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
