// HTTP/2 towards an upstream: one session, many calls. Nothing is pushed to us; what fails before the head is told as a fault, what breaks later to the sink.
import { type ClientHttp2Stream, connect } from 'node:http2'
import type { Socket } from 'node:net'
import { trailerFields } from '../fields.ts'
import { ignore } from '../flow.ts'
import { valuesOf } from '../http1/head.ts'
import type { Call, Fault, Reply } from '../upstream.ts'
import { flowOfStream, headersOf, pairs, sinkOfStream } from './streams.ts'

export type Http2Session = {
  isOpen(): boolean
  call(call: Call, reply: Reply): { abort(): void }
  destroy(): void
}

const WINDOW = 131_072
const MOST_INFORMED = 64

export function openHttp2Session(socket: Socket, origin: string, idleMs: number, closed: () => void): Http2Session {
  const session = connect(origin, {
    createConnection: () => socket,
    maxHeaderListPairs: 220,
    settings: { enablePush: false, initialWindowSize: WINDOW, maxHeaderListSize: 65_536 },
  })
  let open = true
  const end = () => {
    if (!open) return
    open = false
    closed()
  }
  session.on('error', end)
  session.on('goaway', end)
  session.on('close', end)
  socket.on('error', ignore)
  session.on('stream', (stream) => stream.close(7))
  session.setTimeout(idleMs, () => session.close())
  return {
    isOpen: () => open && !session.closed && !session.destroyed,
    destroy() {
      end()
      session.destroy()
    },
    call(call, reply) {
      const headers = {
        ':method': call.method,
        ':path': call.target,
        ':scheme': origin.startsWith('https:') ? 'https' : 'http',
        ':authority': call.authority,
        ...headersOf(call.fields),
        ...(call.trailers ? { te: 'trailers' } : {}),
        ...(call.body && call.length !== null ? { 'content-length': String(call.length) } : {}),
      }
      let begun = false
      const fail = (fault: Fault) => {
        if (begun) return
        begun = true
        reply.failed(fault)
      }
      let stream: ClientHttp2Stream
      try {
        stream = session.request(headers, { endStream: call.body === null, waitForTrailers: call.body !== null })
      } catch (error) {
        if (!(error instanceof Error)) throw error
        // A session that closed since it was chosen.
        queueMicrotask(() => fail('unreachable'))
        return { abort: ignore }
      }
      receive(stream, call, reply, {
        began: () => {
          begun = true
        },
        fail,
      })
      stream.setTimeout(idleMs, () => {
        fail('timeout')
        stream.close(8)
      })
      call.body?.into(sinkOfStream(stream, trailerFields))
      return { abort: () => void (stream.destroyed || stream.close(8)) }
    },
  }
}

function receive(stream: ClientHttp2Stream, call: Call, reply: Reply, on: { began(): void; fail(fault: Fault): void }): void {
  let informed = 0
  stream.on('error', ignore)
  stream.on('headers', (headers, _flags, raw?: string[]) => {
    const status = Number(headers[':status'])
    if (++informed > MOST_INFORMED) {
      on.fail('too_large')
      stream.close(8)
    } else if (status !== 100) reply.inform(status, pairs(raw ?? []))
  })
  stream.on('response', (headers, flags, raw?: string[]) => {
    const status = Number(headers[':status'])
    const fields = pairs(raw ?? [])
    const [declared] = valuesOf(fields, 'content-length')
    // END_STREAM with the headers: nothing follows.
    const ended = (flags & 1) === 1
    const bodyless = call.method === 'HEAD' || status === 204 || status === 304
    on.began()
    const length = declared === undefined ? (ended && !bodyless ? 0 : null) : Number(declared)
    const sink = reply.head({
      status,
      reason: '',
      fields,
      length: ended && !bodyless && declared === undefined ? 0 : length,
      bodyless,
    })
    flowOfStream(stream).into(sink)
  })
  stream.on('close', () => on.fail('unreachable'))
}
