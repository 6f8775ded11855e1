// Waiting for rows that count their changes, of any tenants: a wait registers before its row is read, holds no connection, is woken by the listener, and what a lost wake-up missed
// is found by one statement a second for all waits of the process together. Knows no table: it is handed how versions are read.
import type { Clock } from '../std/clock.ts'
import type { Log } from '../std/log.ts'
import type { Listen } from './listen.ts'

export type VersionWaits = {
  /** Registers for the row. `moved` resolves once its version is above `version`. */
  watch(tenantId: string, id: string): VersionWatch
  readonly size: number
}
export type VersionWatch = {
  moved(beyond: number): Promise<void>
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

type Watched = {
  tenantId: string
  version: number
  bells: Set<{ beyond: number; ring: () => void }>
  unsubscribe: () => void
  watches: number
  isLost: boolean
}

export function openVersionWaits({ listen, topicOf, read: readVersions, what, log, patience }: VersionWaitOptions): VersionWaits {
  const watched = new Map<string, Watched>()
  const dirty = new Set<string>()
  let reading = false
  let awaySince: Date | null = null

  // However many topics were woken meanwhile, one statement asks for all of them.
  async function read(): Promise<void> {
    reading = true
    try {
      while (dirty.size > 0) {
        const ids = [...dirty].filter((id) => watched.has(id))
        dirty.clear()
        if (ids.length === 0) continue
        const tenants = ids.map((id) => (watched.get(id) as Watched).tenantId)
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
        unsubscribe: listen.subscribe(topicOf(id), () => look(id)),
        watches: 0,
        isLost: false,
      }
      one.watches++
      watched.set(id, one)
      const own = new Set<{ beyond: number; ring: () => void }>()
      return {
        get isLost() {
          return one.isLost
        },
        moved(beyond) {
          if (one.version > beyond || one.isLost) return Promise.resolve()
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
