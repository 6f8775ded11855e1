// HTTP/1.1 towards a client, on any socket: one request after the other, each read strictly and answered before the next is looked at. After a fault it says
// why and closes; what a client sends behind a fault is never read as a request.
import type { Socket } from 'node:net'
import { type Field, type Flow, ignore, type Sink } from '../flow.ts'
import type { AnswerHead, Outgoing } from '../message.ts'
import { elementsOf, type ProtocolFault, type RequestHead, readRequestHead, requestFraming, valuesOf } from './head.ts'
import { openReader } from './reader.ts'
import { headText, type Length, writeMessage } from './writer.ts'

export type Served = {
  head: RequestHead
  body: Flow | null
  length: Length
  answer: Outgoing
  onGone(listener: () => void): void
  /** Says why it is no request, and closes. */
  reject(fault: ProtocolFault): void
  /** For CONNECT: the socket is the caller's, with what was read ahead. */
  take(): Buffer
}

export type Serving = {
  request(served: Served): void
  /** What to say to a fault: a whole message. */
  fault(fault: ProtocolFault, read: Buffer): string
  idleMs: number
}

const REASONS: Record<number, string> = { 101: 'Switching Protocols', 200: 'OK', 407: 'Proxy Authentication Required' }

export function serveHttp1(socket: Socket, serving: Serving): void {
  let gone: (() => void) | null = null
  let lastOne = false
  /** The head of an answer is out: nothing else can be said before its body. */
  let speaking = false
  const reader = openReader(socket, {
    head(text) {
      socket.setTimeout(0)
      serve(readRequestHead(text))
    },
    fault: refuse,
    ended(clean) {
      // Whoever ends while it is answered has gone: the other half of a connection is of no use to a client of HTTP.
      if (gone !== null || !clean) leave()
      else socket.end()
    },
  })
  socket.on('error', ignore)
  socket.on('timeout', () => socket.destroy())
  const next = () => {
    socket.setTimeout(serving.idleMs)
    reader.awaitHead()
  }
  next()

  function refuse(fault: ProtocolFault): void {
    const told = gone
    gone = null
    told?.()
    if (speaking) return void socket.destroy()
    socket.write(serving.fault(fault, reader.peek()), 'latin1')
    lingering(socket)
  }

  function leave(): void {
    const told = gone
    gone = null
    told?.()
    socket.destroy()
  }

  function serve(head: RequestHead): void {
    const framing = requestFraming(head)
    reader.check(framing)
    const connection = elementsOf(valuesOf(head.fields, 'connection'))
    if (head.minor === 0 || connection.includes('close')) lastOne = true
    let read = framing.kind === 'none'
    let wanted = false
    let answered = false
    let began = false
    let onGone = ignore
    gone = () => onGone()

    const over = () => {
      answered = true
      speaking = false
      gone = null
      // A body that nobody has read to its end would be taken for the next request.
      if (lastOne || !read) return lingering(socket)
      next()
    }
    const flow = reader.body(framing, () => {
      read = true
    })
    const body: Flow = {
      into(sink) {
        wanted = true
        socket.setTimeout(serving.idleMs)
        flow.into(sink)
      },
      abort: () => undefined,
    }
    const begin = (answer: AnswerHead): Sink => {
      began = true
      speaking = true
      socket.setTimeout(serving.idleMs)
      const unknown = answer.length === null && !answer.bodyless
      if (!read && !wanted) lastOne = true
      if (unknown && head.minor === 0) lastOne = true
      const fields: Field[] = [...answer.fields]
      if (answer.length !== null && answer.status !== 204) fields.push(['Content-Length', String(answer.length)])
      else if (unknown && head.minor === 1) fields.push(['Transfer-Encoding', 'chunked'])
      if (lastOne) fields.push(['Connection', 'close'])
      const length = answer.bodyless ? 0 : unknown && head.minor === 0 ? Number.MAX_SAFE_INTEGER : answer.length
      const text = headText(statusLine(answer), fields)
      const sink = writeMessage(socket, text, length, { over, aborted: () => socket.destroy() })
      return length === Number.MAX_SAFE_INTEGER ? { ...sink, end: over } : sink
    }
    serving.request({
      head,
      body: framing.kind === 'none' ? null : body,
      length: framing.kind === 'length' ? framing.length : null,
      onGone: (listener) => {
        onGone = listener
      },
      reject: refuse,
      take() {
        gone = null
        socket.setTimeout(0)
        return reader.detach()
      },
      answer: {
        inform: (status, fields) =>
          void (began || head.minor === 0 || socket.write(headText(`HTTP/1.1 ${status} `, fields), 'latin1')),
        begin,
        upgrade(answer) {
          began = true
          const rest = reader.detach()
          gone = null
          socket.write(
            headText(statusLine(answer), [...answer.fields, ['Connection', 'Upgrade'], ['Upgrade', 'websocket']]),
            'latin1',
          )
          return rawEnds(socket, rest, serving.idleMs)
        },
        began: () => began,
        cut: () => void (answered || socket.destroy()),
      },
    })
  }
}

const statusLine = ({ status, reason }: AnswerHead): string => `HTTP/1.1 ${status} ${reason || (REASONS[status] ?? '')}`

/** Says all that is to be said before it closes: a reset could take the answer away from a client that is still sending. */
export function lingering(socket: Socket): void {
  socket.end()
  socket.removeAllListeners('data')
  socket.on('data', ignore)
  socket.resume()
  socket.setTimeout(1_000, () => socket.destroy())
  const timer = setTimeout(() => socket.destroy(), 1_000)
  socket.on('close', () => clearTimeout(timer))
}

/** Both directions of a socket as flow and sink, for bytes that nobody reads as HTTP any more. */
export function rawEnds(socket: Socket, first: Buffer, idleMs: number): { from: Flow; to: Sink } {
  let open = true
  socket.setTimeout(idleMs)
  const to: Sink = {
    drained: ignore,
    write: (chunk) => socket.write(chunk),
    end: () => void socket.end(),
    abort: () => void socket.destroy(),
  }
  socket.on('drain', () => to.drained())
  const from: Flow = {
    into(sink) {
      sink.drained = () => void socket.resume()
      const push = (chunk: Buffer) => void (sink.write(chunk) || socket.pause())
      const end = (how: () => void) => {
        if (open) how()
        open = false
      }
      socket.on('data', push)
      socket.on('end', () => end(() => sink.end([])))
      socket.on('close', () => end(() => sink.abort()))
      socket.on('error', ignore)
      if (first.length > 0) push(first)
      if (socket.destroyed) end(() => sink.abort())
      else if (!socket.isPaused() || first.length === 0) socket.resume()
    },
    abort: () => void socket.destroy(),
  }
  return { from, to }
}
