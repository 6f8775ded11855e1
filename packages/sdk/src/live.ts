// A live stream that survives its connections: it reconnects with the id of the last event and gives up only when told so, or when
// the server refuses in a way that will not change.

import { sleep } from './clock.ts'
import { ServerUnreachable } from './errors.ts'
import { Problem } from './problem.ts'
import { readEvents } from './sse.ts'
import { backoff, canRepeat, type Query, type Transport } from './transport.ts'

/** One event of a live stream. `event` is its type, `data` its record. */
export type LiveEvent<T> = { id: string; event: string; data: T }

/** How to follow a stream. */
export type StreamOptions = {
  query?: Query
  /** Where to go on: the id of the last event seen. */
  lastEventId?: string
  signal?: AbortSignal
  /** Let the process end although the stream is waiting to reconnect. */
  unref?: boolean
  /** How many failures in a row end it; without a number it goes on for ever. */
  attempts?: number
  /** Called whenever a connection stands. */
  onOpen?: () => void
  /** Asked when the server ends a stream by itself: true where nothing can follow. Without it the stream is opened again for ever. */
  isOver?: (lastEventId: string) => Promise<boolean>
}

const QUIET_MS = 45_000 // the server says something at least every 15 s

export async function* streamEvents<T>(transport: Transport, path: string, options: StreamOptions): AsyncGenerator<LiveEvent<T>> {
  const { clock } = transport
  const { signal } = options
  let lastEventId = options.lastEventId ?? ''
  let retry = 1_000
  let failures = 0
  while (!signal?.aborted) {
    const cut = new AbortController()
    const abort = () => cut.abort(signal?.reason)
    signal?.addEventListener('abort', abort, { once: true })
    let stopWatch: () => void = () => undefined
    const watch = () => {
      stopWatch()
      stopWatch = clock.timer(QUIET_MS, () => cut.abort(new Error('the stream fell silent')), { unref: true })
    }
    const notes = {
      alive: watch,
      retry: (ms: number) => {
        retry = ms
      },
    }
    try {
      watch()
      const body = await transport.open(path, { query: options.query, lastEventId, signal: cut.signal })
      failures = 0
      options.onOpen?.()
      for await (const { id, event, data } of readEvents(body, lastEventId, notes)) {
        lastEventId = id
        yield { id, event, data: JSON.parse(data) as T } // the record that this route sends
      }
      if (!signal?.aborted && (await options.isOver?.(lastEventId))) return
    } catch (error) {
      if (signal?.aborted) return
      if (error instanceof Problem && !canRepeat(error)) throw error
      failures++
      if (options.attempts !== undefined && failures >= options.attempts) {
        throw error instanceof Problem
          ? error
          : new ServerUnreachable('server_unreachable', { detail: transport.settings.url }, { cause: error })
      }
    } finally {
      stopWatch()
      signal?.removeEventListener('abort', abort)
      cut.abort()
    }
    const pause = failures > 0 ? Math.max(backoff(failures - 1, transport.random()), retry) : retry
    await sleep(clock, pause, { signal, unref: options.unref }).catch(() => undefined) // aborted: the condition of the loop ends it
  }
}
