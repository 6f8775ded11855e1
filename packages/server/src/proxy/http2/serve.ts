// HTTP/2 towards a client, inside a tunnel. nghttp2 refuses upper case, connection-specific fields and control bytes itself; what floods is limited; nothing is
// pushed. Each stream becomes a request like any other.
import { performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { trailerFields } from '../fields.ts'
import { type Field, type Flow, ignore, step } from '../flow.ts'
import { MOST_FIELDS, valuesOf } from '../http1/head.ts'
import type { Length } from '../http1/writer.ts'
import type { Outgoing } from '../message.ts'
import { flowOfStream, headersOf, pairs, sinkOfStream } from './streams.ts'

export type Stream = {
  method: string
  target: string
  authority: string | null
  scheme: string
  /** Extended CONNECT (RFC 8441). */
  websocket: boolean
  fields: Field[]
  body: Flow | null
  length: Length
  answer: Outgoing
  onGone(listener: () => void): void
}

export type Serving2 = {
  request(stream: Stream): void
  /** Said on the stream in place of everything else; the session ends after it. */
  refuse(answer: Outgoing): void
  idleMs: number
  mostStreams: number
}

const WINDOW = 131_072
const RESETS_PER_SECOND = 100

export function serveHttp2(socket: Socket, serving: Serving2): ServerHttp2Session {
  const session = performServerHandshake(socket, {
    maxHeaderListPairs: MOST_FIELDS + 20,
    maxSettings: 32,
    settings: {
      enablePush: false,
      enableConnectProtocol: true,
      initialWindowSize: WINDOW,
      maxConcurrentStreams: serving.mostStreams,
      maxHeaderListSize: 65_536,
    },
  })
  session.on('error', ignore)
  session.setTimeout(serving.idleMs, () => {
    // Streams that wait for a human keep their session.
    if (waiting === 0) session.destroy()
  })
  let waiting = 0
  let resets = 0
  const allowed = setInterval(() => {
    resets = 0
  }, 1_000)
  allowed.unref()
  session.on('close', () => clearInterval(allowed))
  session.on('stream', (stream, headers, flags, raw?: string[]) => {
    waiting++
    stream.on('error', ignore)
    stream.on('close', () => {
      waiting--
      // Streams that are opened only to be reset cost us a judgement each (rapid reset).
      if (stream.rstCode === 8 && ++resets > RESETS_PER_SECOND) session.destroy()
    })
    let gone = ignore
    let over = false
    stream.on('close', () => {
      if (!over) gone()
    })
    const fields = pairs(raw ?? [])
    const answer = answerOn(stream, () => {
      over = true
    })
    const lengths = valuesOf(fields, 'content-length')
    const hosts = valuesOf(fields, 'host')
    const authority = headers[':authority'] ?? hosts[0] ?? null
    const path = headers[':path']
    const protocol = headers[':protocol']
    const isConnect = headers[':method'] === 'CONNECT'
    const wrong =
      lengths.length > 1 ||
      lengths.some((one) => !/^\d{1,15}$/.test(one)) ||
      hosts.length > 1 ||
      (hosts[0] !== undefined &&
        headers[':authority'] !== undefined &&
        hosts[0].toLowerCase() !== headers[':authority'].toLowerCase()) ||
      path === undefined ||
      !/^[/*][\x21-\x7e]*$/.test(path) ||
      path.length > 32_768 ||
      fields.length > MOST_FIELDS ||
      (isConnect && protocol !== 'websocket') ||
      (!isConnect && protocol !== undefined)
    if (wrong) {
      serving.refuse(answer)
      return session.close()
    }
    const ended = (flags & 1) === 1
    serving.request({
      method: headers[':method'] ?? '',
      target: path,
      authority,
      scheme: headers[':scheme'] ?? '',
      websocket: isConnect,
      fields,
      body: ended || isConnect ? null : flowOfStream(stream),
      length: lengths[0] === undefined ? null : Number(lengths[0]),
      answer,
      onGone: (listener) => {
        gone = listener
        if (stream.destroyed) listener()
      },
    })
  })
  return session
}

function answerOn(stream: ServerHttp2Stream, over: () => void): Outgoing {
  let began = false
  return {
    inform(status, fields) {
      if (!began && !stream.destroyed && status !== 101) stream.additionalHeaders({ ':status': status, ...headersOf(fields) })
    },
    begin(head) {
      began = true
      const fields: Field[] = head.length === null ? [...head.fields] : [...head.fields, ['content-length', String(head.length)]]
      const sink = sinkOfStream(stream, trailerFields)
      if (stream.destroyed) return sink
      const endStream = head.bodyless || head.length === 0
      stream.respond({ ':status': head.status, ...headersOf(fields) }, { endStream, waitForTrailers: !endStream })
      return step(sink, {
        write: sink.write,
        end(trailers) {
          over()
          if (!endStream) sink.end(trailers)
        },
      })
    },
    upgrade(head) {
      began = true
      if (!stream.destroyed) stream.respond({ ':status': 200, ...headersOf(head.fields) })
      return { from: flowOfStream(stream), to: sinkOfStream(stream, () => []) }
    },
    began: () => began,
    cut: () => void (stream.destroyed || stream.close(2)),
  }
}
