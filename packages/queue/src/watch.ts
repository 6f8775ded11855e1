// Transitions of jobs as they happen (Q111), for one who looks on: each state of a job at least once while connected, coalesced, and from a cursor on
// after a break. Reads what is stored and marks nothing; a watcher that stands still holds up nobody. Never carries a payload.
import { newEnding } from './ending.ts'
import { QueueError } from './error.ts'
import type { Clock } from './host.ts'
import { makeSleeper } from './sleeper.ts'
import { type Passed, transitionsSince, type WatchFilter } from './sql.ts'
import type { Queryable, Store } from './store.ts'
import type { Wake } from './wake.ts'

/** `cursor`: from here on after a break. */
export type Watched = Passed & { cursor: string }

export type WatchOptions = {
  after?: string
  signal?: AbortSignal
  /** What to read through, when not all tenants are to be seen: something whose statements are narrowed to one. */
  through?: Queryable
}

export type Watches = {
  watch(filter?: WatchFilter, options?: WatchOptions): AsyncGenerator<Watched, void, void>
  /** Somebody in this process settled something. */
  look(): void
  close(): void
}

const A_LOOK = 1_000
const BUSY_MS = 100
const IDLE_MS = 1_000
/** What was told in the last few looks is not told again. */
const REMEMBERED = 20_000

export function makeWatches(store: Store, wake: Wake, clock: Clock): Watches {
  const closing = newEnding()
  const sleepers = new Set<ReturnType<typeof makeSleeper>>()
  const rouse = () => {
    for (const sleeper of sleepers) sleeper.rouse()
  }
  const unsubscribe = wake.subscribe(({ topic }) => {
    if (topic === 'clock') rouse()
  })

  async function* watch(
    filter: WatchFilter = {},
    { after, signal, through = store }: WatchOptions = {},
  ): AsyncGenerator<Watched, void, void> {
    const sleeper = makeSleeper(clock)
    const isOver = () => signal?.aborted || closing.signal.aborted
    sleepers.add(sleeper)
    signal?.addEventListener('abort', sleeper.rouse)
    const told = new Set<string>()
    let cursor = after === undefined ? null : cursorOf(after)
    try {
      while (!isOver()) {
        sleeper.attend()
        let found: Awaited<ReturnType<typeof transitionsSince>>
        try {
          found = await store.insist(() => transitionsSince(through, cursor, filter, A_LOOK), closing.signal)
        } catch (error) {
          if (isOver()) return
          throw error
        }
        if (found.lost)
          throw QueueError.invalid(
            '/after',
            'the queue has gone on too far: read the jobs as they are, and watch from there',
            'too_old',
          )
        // The step before may be read again after a break, never one that was not told.
        const from = spoken(cursor ?? found.cursor)
        const to = spoken(found.cursor)
        const fresh = found.transitions.filter((one) => !told.has(keyOf(one)))
        for (const [i, one] of fresh.entries()) {
          remember(told, keyOf(one))
          yield { ...one, cursor: i === fresh.length - 1 ? to : from }
          if (isOver()) return
        }
        cursor = found.cursor
        if (!found.more) await sleeper.sleep(fresh.length > 0 ? BUSY_MS : IDLE_MS)
      }
    } finally {
      sleepers.delete(sleeper)
      signal?.removeEventListener('abort', sleeper.rouse)
    }
  }

  return {
    watch,
    look: rouse,
    close() {
      unsubscribe()
      closing.abort()
      rouse()
    },
  }
}

const keyOf = ({ id, state, attempt, at }: Passed): string => `${id} ${state} ${attempt} ${at}`

function remember(told: Set<string>, key: string): void {
  told.add(key)
  // A set keeps the order in which it was filled: the oldest goes first.
  for (const oldest of told) {
    if (told.size <= REMEMBERED) return
    told.delete(oldest)
  }
}

const spoken = (cursor: unknown): string => Buffer.from(JSON.stringify(cursor)).toString('base64url')

const SNAPSHOT = /^\d+:\d+:[\d,]*$/

function cursorOf(text: string): unknown {
  const refused = QueueError.invalid('/after', 'is not a cursor of a watch', 'cursor')
  try {
    const cursor = JSON.parse(Buffer.from(text, 'base64url').toString()) as Record<string, unknown>
    const numbers = ['at', 'since', 'mark_x', 'mark_at'].every((member) => Number.isSafeInteger(cursor[member]))
    if (numbers && SNAPSHOT.test(String(cursor.lo)) && (cursor.hi === undefined || SNAPSHOT.test(String(cursor.hi))))
      return cursor
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw refused
}
