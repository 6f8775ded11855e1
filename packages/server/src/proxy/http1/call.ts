// HTTP/1.1 towards an upstream, on a socket that egress has checked: one call at a time. An answer that can be read in two ways is no answer; a connection
// that sent something nobody asked for is not used again.
import type { Socket } from 'node:net'
import { type Field, ignore } from '../flow.ts'
import type { AnswerHead } from '../message.ts'
import type { Call, Fault, Reply } from '../upstream.ts'
import { elementsOf, readStatusHead, statusFraming, valuesOf } from './head.ts'
import { openReader } from './reader.ts'
import { rawEnds } from './serve.ts'
import { headText, writeMessage } from './writer.ts'

export type Http1Session = {
  /** Ready for another call. */
  isFree(): boolean
  call(call: Call, reply: Reply): { abort(): void }
  destroy(): void
}

export type SessionEvents = {
  /** It has nothing to do; it may be kept so many milliseconds. */
  free(ms: number): void
  closed(): void
}

/** Servers commonly close after five seconds; a call that meets the close is lost, so we let go first. */
const KEPT_MS = 4_000
const MOST_INFORMED = 64

export function openHttp1Session(socket: Socket, idleMs: number, on: SessionEvents): Http1Session {
  let active: {
    reply: Reply
    call: Call
    begun: boolean
    sent: boolean
    answered: boolean
    keep: boolean
    informed: number
  } | null = null
  let open = true
  let free = true
  let keptMs = KEPT_MS
  const reader = openReader(socket, {
    head(text) {
      if (active) answered(text)
    },
    fault: (fault) => broke(/too (long|many)/.test(fault.message) ? 'too_large' : 'unreachable'),
    ended: () => broke('unreachable'),
  })
  socket.on('error', ignore)
  socket.on('timeout', () => broke('timeout'))

  function broke(fault: Fault): void {
    if (!open) return
    open = false
    free = false
    const was = active
    active = null
    socket.destroy()
    if (was && !was.begun) was.reply.failed(fault)
    on.closed()
  }

  function over(): void {
    const was = active
    if (!was?.answered) return
    if (!was.sent) {
      // An early answer: what is left of the request is wanted by nobody.
      was.call.body?.abort()
      was.keep = false
    }
    active = null
    socket.setTimeout(0)
    if (!was.keep || keptMs <= 0) {
      open = false
      socket.destroy()
      return void on.closed()
    }
    free = true
    on.free(keptMs)
  }

  function answered(text: string): void {
    const was = active as NonNullable<typeof active>
    const head = readStatusHead(text)
    const { status, reason, fields } = head
    if (status === 101 && was.call.upgrade) {
      open = false
      active = null
      const rest = reader.detach()
      on.closed()
      return void was.reply.upgraded?.({ status, reason, fields, length: null, bodyless: true }, rawEnds(socket, rest, idleMs))
    }
    if (status < 200) {
      if (++was.informed > MOST_INFORMED || status === 101) return void broke(status === 101 ? 'unreachable' : 'too_large')
      if (status !== 100) was.reply.inform(status, fields)
      return void reader.awaitHead()
    }
    const framing = statusFraming(head, was.call.method)
    const connection = elementsOf(valuesOf(fields, 'connection'))
    was.keep = framing.kind !== 'close' && head.minor === 1 && !connection.includes('close')
    keptMs = keptFor(fields)
    was.begun = true
    const bodyless = framing.kind === 'none'
    const declared = bodyless ? (valuesOf(fields, 'content-length')[0] ?? null) : null
    const length = framing.kind === 'length' ? framing.length : declared === null ? null : Number(declared)
    const answer: AnswerHead = { status, reason, fields, length, bodyless }
    socket.setTimeout(idleMs)
    const sink = was.reply.head(answer)
    const done = () => {
      was.answered = true
      over()
    }
    reader.body(framing, done).into(sink)
  }

  return {
    isFree: () => free && open && reader.peek().length === 0 && !socket.destroyed,
    call(call, reply) {
      free = false
      const was = { reply, call, begun: false, sent: call.body === null, answered: false, keep: true, informed: 0 }
      active = was
      const text = headText(`${call.method} ${call.target} HTTP/1.1`, requestHead(call))
      if (call.body) {
        const sent = () => {
          was.sent = true
        }
        call.body.into(writeMessage(socket, text, call.length, { over: sent, aborted: () => broke('unreachable') }))
      } else socket.write(text, 'latin1')
      reader.awaitHead()
      return { abort: () => void (active === was && broke('unreachable')) }
    },
    destroy: () => broke('unreachable'),
  }
}

function requestHead(call: Call): Field[] {
  const fields: Field[] = [['Host', call.authority], ...call.fields]
  if (call.upgrade) fields.push(['Connection', 'Upgrade'], ['Upgrade', call.upgrade])
  const needsLength = !['GET', 'HEAD', 'OPTIONS', 'DELETE', 'CONNECT', 'TRACE'].includes(call.method)
  if (call.body && call.length === null) fields.push(['Transfer-Encoding', 'chunked'])
  else if (call.body) fields.push(['Content-Length', String(call.length)])
  else if (needsLength && !call.upgrade) fields.push(['Content-Length', '0'])
  return fields
}

function keptFor(fields: readonly Field[]): number {
  const [, seconds] = /(?:^|[,\s])timeout=(\d{1,5})/i.exec(valuesOf(fields, 'keep-alive').join(',')) ?? []
  return seconds === undefined ? KEPT_MS : Math.min(Number(seconds) * 1_000 - 1_000, 60_000)
}
