// Following the record: every event once, in order, whatever order transactions commit in, and from where a broken stream left off (T30).
// Holds no database connection while it waits, and never hands on an event that a slower transaction could still slip in front of.
import { Problem } from '@countersign/sdk'
import { type Db, type Scope, tx } from '../db/tx.ts'
import type { Clock } from '../std/clock.ts'
import { checkFilter, type Event, eventTopic, readEvent } from './event.ts'
import { type EventFilter, findEvent, findEventsAfter, type Position, presentPosition } from './sql.ts'

const BATCH = 200
// How long to wait for slower transactions when an event is committed but not settled; a second later the sweep looks anyway.
const UNSETTLED_MS = 25
const AWAY_MS = 500

/** After the event `lastEventId`, or from now on. An id that this tenant's record does not have is `cursor_invalid`. */
export async function startOf(house: { db: Db }, scope: Scope, lastEventId: string | undefined): Promise<Position> {
  return tx(
    house.db,
    scope,
    async (t) => {
      if (lastEventId === undefined) return presentPosition(t)
      const row = await findEvent(t, scope, lastEventId)
      if (!row) throw new Problem('cursor_invalid')
      return { xid: row.xid, ord: row.ord }
    },
    { readOnly: true },
  )
}

/** Yields until `signal` aborts; it never ends by itself. */
export async function* followEvents(
  house: { db: Db },
  scope: Scope,
  options: { filter?: EventFilter; after: Position; signal: AbortSignal },
): AsyncGenerator<Event, void, undefined> {
  const { filter = {}, signal } = options
  checkFilter(filter)
  let after = options.after
  const bell = openBell(house.db.clock)
  // Subscribed before the first read: what is recorded in between rings (T28).
  const unsubscribe = house.db.listen.subscribe(eventTopic(scope), bell.ring)
  signal.addEventListener('abort', bell.ring)
  try {
    while (!signal.aborted) {
      const rung = bell.next()
      const position = after
      const read = () => tx(house.db, scope, (t) => findEventsAfter(t, scope, filter, position, BATCH), { readOnly: true })
      const rows = await onceBack(house.db.clock, signal, read)
      if (rows === null) return
      const settled = rows.filter((row) => row.settled)
      for (const row of settled) {
        if (signal.aborted) return
        yield readEvent(row)
        after = { xid: row.xid, ord: row.ord }
      }
      if (settled.length < BATCH) await rung.within(rows.length > settled.length ? UNSETTLED_MS : null)
    }
  } finally {
    unsubscribe()
    signal.removeEventListener('abort', bell.ring)
  }
}

/** A stream outlives its database: what cannot be read while the store is away is read when it is back. Null once `signal` aborted. */
export async function onceBack<T>(clock: Clock, signal: AbortSignal, read: () => Promise<T>): Promise<T | null> {
  while (!signal.aborted) {
    try {
      return await read()
    } catch (error) {
      if (!(error instanceof Problem && error.code === 'store_unavailable')) throw error
    }
    const bell = openBell(clock)
    const pause = bell.next()
    signal.addEventListener('abort', bell.ring)
    await pause.within(AWAY_MS)
    signal.removeEventListener('abort', bell.ring)
  }
  return null
}

/** Remembers a ring that came before anybody waited for it. */
function openBell(clock: Clock) {
  let ring = (): void => undefined
  return {
    ring: () => ring(),
    next() {
      let cancel = (): void => undefined
      const rung = new Promise<void>((resolve) => {
        ring = resolve
      })
      return {
        async within(ms: number | null): Promise<void> {
          if (ms !== null) cancel = clock.timer(ms, ring)
          await rung
          cancel()
        },
      }
    },
  }
}
