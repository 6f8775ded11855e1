// Waiting for rows that count their changes, of any tenants: a wait registers before its row is read, holds no connection, is woken by the listener, and what a lost wake-up missed
// is found by one statement a second for all waits of the process together. Whoever commits a row in this process may say what it is now, which saves the waits of this process a
// look: they go by it in not waking up, and read the row itself once they do. Knows no table: it is handed how versions are read.
import type { Clock } from '../std/clock.ts'
import type { Log } from '../std/log.ts'
import type { Listen } from './listen.ts'

export type VersionWaits<Row = never> = {
  /** Registers for the row. `moved` resolves once its version is above `version`. */
  watch(tenantId: string, id: string): VersionWatch<Row>
  /** Of a row that this process has just committed, after its topic was woken for it: what the wake-up would have looked for. */
  told(id: string, version: number, row: Row): void
  readonly size: number
}
export type VersionWatch<Row = never> = {
  /** `wants`: of a row that was told here, whether it is worth waking up for. */
  moved(beyond: number, wants?: (row: Row) => boolean): Promise<void>
  /** The store has been away for longer than whoever waits can be kept; it ends what `moved` promised as well. */
  readonly isLost: boolean
  /** For whoever knows a version that was true before it registered: what came between is found now, and not by the next sweep. */
  look(): void
  end(): void
}

export type VersionWaitOptions = {
  listen: Pick<Listen, 'subscribe'>
  topicOf(id: string): string
  read(ids: string[], tenants: string[]): Promise<readonly { id: string; version: number }[]>
  /** For the log: what is waited for. */
  what: string
  log?: Log
  /** For how long the store may be away before waits are lost; left out, they never are. */
  patience?: { clock: Clock; ms: number }
}

type Bell<Row> = { beyond: number; wants: ((row: Row) => boolean) | undefined; ring: () => void }
type Watched<Row> = {
  tenantId: string
  version: number
  bells: Set<Bell<Row>>
  unsubscribe: () => void
  watches: number
  isLost: boolean
}

export function openVersionWaits<Row = never>(options: VersionWaitOptions): VersionWaits<Row> {
  const { listen, topicOf, read: readVersions, what, log, patience } = options
  const watched = new Map<string, Watched<Row>>()
  // How often each was asked for since it was last read.
  const dirty = new Map<string, number>()
  let reading = false
  let awaySince: Date | null = null

  // However many topics were woken meanwhile, one statement asks for all of them.
  async function read(): Promise<void> {
    reading = true
    try {
      while (dirty.size > 0) {
        const ids = [...dirty.keys()].filter((id) => watched.has(id))
        dirty.clear()
        if (ids.length === 0) continue
        const tenants = ids.map((id) => (watched.get(id) as Watched<Row>).tenantId)
        const rows = await readVersions(ids, tenants)
        if (awaySince) come()
        for (const { id, version } of rows) ring(id, version)
      }
    } catch (error) {
      // The sweep comes back in a second; meanwhile every wait still ends at its own time.
      log?.warn({ err: error }, `the versions of waited ${what} could not be read`)
      if (patience) giveUp(patience)
    } finally {
      reading = false
    }
  }
  function come(): void {
    awaySince = null
    for (const one of watched.values()) one.isLost = false
  }
  function giveUp({ clock, ms }: NonNullable<VersionWaitOptions['patience']>): void {
    awaySince ??= clock.now()
    if (clock.now().getTime() - awaySince.getTime() < ms) return
    for (const one of watched.values()) {
      one.isLost = true
      for (const bell of [...one.bells]) bell.ring()
    }
  }
  function ring(id: string, version: number): void {
    const one = watched.get(id)
    if (!one) return
    one.version = Math.max(one.version, version)
    for (const bell of [...one.bells]) if (one.version > bell.beyond) bell.ring()
  }
  function told(id: string, version: number, row: Row): void {
    const one = watched.get(id)
    if (!one) return
    // Whoever else has asked for it meanwhile is still answered by a look.
    const asked = (dirty.get(id) ?? 0) - 1
    if (asked > 0) dirty.set(id, asked)
    else dirty.delete(id)
    for (const bell of one.bells) if (version > bell.beyond && bell.wants?.(row) === false) bell.beyond = version
    ring(id, version)
  }
  function look(id: string): void {
    dirty.set(id, (dirty.get(id) ?? 0) + 1)
    if (!reading) {
      reading = true
      setImmediate(() => void read())
    }
  }
  return {
    get size() {
      return watched.size
    },
    told,
    watch(tenantId, id) {
      const one: Watched<Row> = watched.get(id) ?? {
        tenantId,
        version: 0,
        bells: new Set(),
        unsubscribe: listen.subscribe(topicOf(id), () => look(id)),
        watches: 0,
        isLost: false,
      }
      one.watches++
      watched.set(id, one)
      const own = new Set<Bell<Row>>()
      return {
        get isLost() {
          return one.isLost
        },
        moved(beyond, wants) {
          if (one.version > beyond || one.isLost) return Promise.resolve()
          return new Promise((resolve) => {
            const bell: Bell<Row> = {
              ...{ beyond, wants },
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
        look: () => look(id),
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

/** The timeout, the client's leaving and the server's stopping end a wait alike: with the present state (T31). */
export function timeUp(clock: Clock, ms: number, signal: AbortSignal): { promise: Promise<void>; is(): boolean; cancel(): void } {
  let up = signal.aborted
  let cancel: () => void = () => undefined
  const promise = new Promise<void>((resolve) => {
    const finish = () => {
      up = true
      resolve()
    }
    const stop = clock.timer(ms, finish)
    signal.addEventListener('abort', finish, { once: true })
    cancel = () => {
      stop()
      signal.removeEventListener('abort', finish)
    }
    if (up) resolve()
  })
  return { promise, is: () => up, cancel }
}
