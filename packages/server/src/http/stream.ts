// Server-sent events, written on the raw response. A stream ends by itself after 15 minutes, at shutdown, when the client leaves, and within two seconds
// of the revocation of the session or key it was opened with. It holds at most what the socket's buffer holds: a slow client slows its own writer only.
import type { ServerResponse } from 'node:http'
import type { Clock } from '../std/clock.ts'
import { writeJson } from './json.ts'
import type { EventStream } from './route.ts'

const COMMENT_MS = 15_000
const LONGEST_MS = 15 * 60_000
/** Of a stream with a bound of its own (relay.md R98): whoever leaves so much unread for so long is sent away, and may come back for the rest. */
const MOST_UNREAD = 256 * 1024
const UNREAD_MS = 30_000

export type StreamEnd = 'client' | 'shutdown' | 'expired' | 'revoked' | 'slow' | 'done'

export type StreamOptions = {
  outgoing: ServerResponse
  headers: Record<string, string | string[]>
  clock: Clock
  /** Aborted with the reason `client` or `shutdown`. */
  signal: AbortSignal
  /** Calls back when the credential ended; returns how to stop listening. */
  revoked(fn: () => void): () => void
  /** It lasts as long as what it tells of, a slow reader does not hold up its writer, and nothing but data and comments goes over it. */
  plain?: true
}

/** Runs `write` until it returns or the stream ends; answers why it ended. What `write` throws is thrown on, after the stream was closed. */
export async function runStream(options: StreamOptions, write: (out: EventStream) => Promise<void>): Promise<StreamEnd> {
  const { outgoing, clock } = options
  const end = new AbortController()
  const finish = (why: StreamEnd) => end.abort(why)
  const onAbort = () => finish(options.signal.reason === 'shutdown' ? 'shutdown' : 'client')
  if (options.signal.aborted) onAbort()
  else options.signal.addEventListener('abort', onAbort, { once: true })
  const unsubscribe = options.revoked(() => finish('revoked'))
  const cancelEnd = options.plain ? () => undefined : clock.timer(LONGEST_MS, () => finish('expired'))
  let cancelComment: () => void = () => undefined
  const comment = () => {
    cancelComment = clock.timer(COMMENT_MS, () => {
      if (!end.signal.aborted && !outgoing.writableNeedDrain) outgoing.write(':\n\n')
      comment()
    })
  }

  outgoing.writeHead(200, {
    ...options.headers,
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-store, no-transform',
    'X-Accel-Buffering': 'no',
  })
  if (!options.plain) outgoing.write('retry: 1000\n\n')
  else outgoing.flushHeaders()
  comment()
  const ended = new Promise<void>((resolve) => {
    if (end.signal.aborted) resolve()
    else end.signal.addEventListener('abort', () => resolve(), { once: true })
  })
  const out: EventStream = {
    signal: end.signal,
    async send(event) {
      if (end.signal.aborted || outgoing.destroyed) return
      if (outgoing.write(frame(event)) || (options.plain && outgoing.writableLength <= MOST_UNREAD)) return
      const cancel = options.plain ? clock.timer(UNREAD_MS, () => finish('slow')) : () => undefined
      await Promise.race([drained(outgoing), ended])
      cancel()
    },
  }
  try {
    await Promise.race([write(out).then(() => finish('done')), ended])
    return end.signal.reason as StreamEnd
  } finally {
    finish('done')
    cancelEnd()
    cancelComment()
    unsubscribe()
    options.signal.removeEventListener('abort', onAbort)
    // What a slow reader left unread would keep the connection, and its memory, for as long as it likes.
    if (end.signal.reason === 'slow') outgoing.destroy()
    else outgoing.end()
  }
}

const drained = (outgoing: ServerResponse) => new Promise<void>((resolve) => outgoing.once('drain', () => resolve()))

// JSON holds no line break, and names of events are ours; an id is stripped of what would end its line.
const frame = ({ event, id, data }: { event?: string; id?: string; data: unknown }): string =>
  `${id === undefined ? '' : `id: ${line(id)}\n`}${event === undefined ? '' : `event: ${line(event)}\n`}data: ${writeJson(data)}\n\n`

const line = (text: string) => text.replace(/[\r\n\0]/g, '')
