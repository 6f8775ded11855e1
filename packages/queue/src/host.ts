// What the host hands in: a log and a timer. The database decides every time (Q5); this clock only paces polling and local deadlines.
export type Log = Record<'debug' | 'info' | 'warn' | 'error', (fields: object, message: string) => void>

export type Clock = {
  /** Calls `fn` once after `ms`; the returned function cancels. */
  timer(ms: number, fn: () => void): () => void
}

const LONGEST = 2 ** 31 - 1

export const systemClock: Clock = {
  timer(ms, fn) {
    const handle = setTimeout(fn, Math.min(Math.max(ms, 0), LONGEST))
    return () => clearTimeout(handle)
  },
}

const nothing = () => undefined

export const silentLog: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing }
