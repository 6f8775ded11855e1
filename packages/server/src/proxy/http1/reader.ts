// Takes HTTP/1.1 messages off a socket: a head, then a body, when they are asked for. Holds at most one head and one piece; a sink that is full stops the
// socket. Never guesses where a message ends: what is not exactly as the standard has it is a fault, and nothing behind a fault is read.
import type { Socket } from 'node:net'
import { type Field, type Flow, ignore, type Sink } from '../flow.ts'
import { type Framing, LONGEST_HEAD, ProtocolFault, readFields } from './head.ts'

export type ReaderEvents = {
  /** The head's text without its last line break. Nothing more is read until the body or the next head is asked for. */
  head(text: string): void
  fault(fault: ProtocolFault): void
  /** The other side has ended what it sends (false: in the middle of something). */
  ended(clean: boolean): void
}

export type Reader = {
  awaitHead(): void
  /** Throws where a body that is here already, as far as it is, is not well formed: before anybody judges its head. */
  check(framing: Framing): void
  /** The body behind the head that was just told; `done` when its last byte is through. */
  body(framing: Framing, done: () => void): Flow
  /** Lets go of the socket and hands out what was read and not consumed. */
  detach(): Buffer
  /** What has been read and waits, for a look at a head that does not end. */
  peek(): Buffer
}

const MOST_WAITING = 65_536
const CHUNK = /^([0-9a-fA-F]{1,12})(?:;[\t\x20-\x7e]*)?$/
const LONGEST_EXTENSION = 256
const NOTHING = Buffer.alloc(0)
const CRLF2 = Buffer.from('\r\n\r\n')
const CRLF = Buffer.from('\r\n')

type State = 'idle' | 'head' | 'data' | 'until-close' | 'size' | 'after-data' | 'trailers' | 'over'

export function openReader(socket: Socket, on: ReaderEvents): Reader {
  let waiting: Buffer = NOTHING
  let state: State = 'idle'
  let left = 0
  let scanned = 0
  let chunked = false
  let blocked = false
  let feeding = false
  let sink: Sink | null = null
  let done = ignore
  let finished = false

  const onData = (chunk: Buffer) => {
    waiting = waiting.length === 0 ? chunk : Buffer.concat([waiting, chunk])
    feed()
  }
  const onEnd = () => {
    finished = true
    feed()
    if (state === 'over') return
    if (state === 'until-close' && !blocked) return close([])
    if (state === 'idle' || (state === 'head' && waiting.length === 0)) return on.ended(true)
    if (blocked) return
    broke()
  }
  const onClose = () => {
    if (state !== 'over') broke()
  }
  socket.on('data', onData)
  socket.on('end', onEnd)
  socket.on('close', onClose)

  function broke(): void {
    state = 'over'
    const open = sink
    sink = null
    open?.abort()
    on.ended(false)
  }

  function close(trailers: readonly Field[]): void {
    const open = sink as Sink
    const told = done
    sink = null
    state = 'idle'
    open.end(trailers)
    told()
  }

  function feed(): void {
    if (feeding || state === 'over') return
    feeding = true
    try {
      while (!blocked && advance());
    } catch (error) {
      if (!(error instanceof ProtocolFault)) throw error
      state = 'over'
      const open = sink
      sink = null
      // First what is wrong, then that the rest never comes: the one who reads may still say it.
      on.fault(error)
      open?.abort()
    } finally {
      feeding = false
    }
    if (blocked || (state === 'idle' && waiting.length > MOST_WAITING)) socket.pause()
  }

  /** One step; false when more bytes are needed, or nobody asks. */
  function advance(): boolean {
    if (state === 'head') return takeHead()
    if (state === 'data') return takeData()
    if (state === 'until-close') return takeRest()
    if (state === 'size') return takeSize()
    if (state === 'after-data') return takeBreak()
    if (state === 'trailers') return takeTrailers()
    return false
  }

  function take(bytes: number): Buffer {
    const taken = waiting.subarray(0, bytes)
    waiting = bytes === waiting.length ? NOTHING : waiting.subarray(bytes)
    scanned = 0
    return taken
  }

  function push(chunk: Buffer): void {
    if (sink?.write(chunk) === false) blocked = true
  }

  /** Up to and with an end that is looked for; null while it has not come. */
  function until(end: Buffer, most: number, what: string): string | null {
    const at = waiting.indexOf(end, Math.max(0, scanned - end.length))
    if (at > most || (at < 0 && waiting.length > most)) throw new ProtocolFault(`${what} is too long.`, 400, state === 'head')
    if (at >= 0) {
      const text = waiting.toString('latin1', 0, at)
      take(at + end.length)
      return text
    }
    // A line break of one byte would be waited behind for ever; whoever sends it is told at once.
    for (let lf = waiting.indexOf(10, scanned); lf >= 0; lf = waiting.indexOf(10, lf + 1))
      if (lf === 0 || waiting[lf - 1] !== 13) throw new ProtocolFault('A line ends in a bare line feed.')
    scanned = waiting.length
    return null
  }

  function takeHead(): boolean {
    const text = until(CRLF2, LONGEST_HEAD, 'The head')
    if (text === null) return false
    state = 'idle'
    on.head(text)
    return true
  }

  function takeData(): boolean {
    if (waiting.length === 0) return false
    const piece = take(Math.min(left, waiting.length))
    left -= piece.length
    push(piece)
    if (left === 0) {
      if (chunked) state = 'after-data'
      else close([])
    }
    return true
  }

  function takeRest(): boolean {
    if (waiting.length > 0) push(take(waiting.length))
    else if (finished) close([])
    else return false
    return true
  }

  function takeSize(): boolean {
    const line = until(CRLF, LONGEST_EXTENSION + 12, 'A chunk extension')
    if (line === null) return false
    const [, size] = CHUNK.exec(line) ?? []
    if (size === undefined) throw new ProtocolFault('The size of a chunk is malformed.')
    left = Number.parseInt(size, 16)
    state = left === 0 ? 'trailers' : 'data'
    return true
  }

  function takeBreak(): boolean {
    if (waiting.length < 2) return false
    if (waiting[0] !== 13 || waiting[1] !== 10) throw new ProtocolFault('A chunk is longer than it says.')
    take(2)
    state = 'size'
    return true
  }

  function takeTrailers(): boolean {
    // No trailers: the empty line comes at once.
    if (waiting.length >= 2 && waiting[0] === 13 && waiting[1] === 10) {
      take(2)
      close([])
      return true
    }
    const text = until(CRLF2, LONGEST_HEAD, 'The section of trailers')
    if (text === null) return false
    close(readFields(text.split('\r\n'), 0))
    return true
  }

  function check(): void {
    for (let at = 0; ; ) {
      const end = waiting.indexOf(CRLF, at)
      const line = waiting.toString('latin1', at, end < 0 ? Math.min(waiting.length, at + LONGEST_EXTENSION + 13) : end)
      if (line.length > LONGEST_EXTENSION + 12 || line.includes('\n'))
        throw new ProtocolFault('The size of a chunk is malformed.')
      if (end < 0) return
      const [, size] = CHUNK.exec(line) ?? []
      if (size === undefined) throw new ProtocolFault('The size of a chunk is malformed.')
      const next = end + 2 + Number.parseInt(size, 16)
      if (Number.parseInt(size, 16) === 0 || next + 2 > waiting.length) return
      if (waiting[next] !== 13 || waiting[next + 1] !== 10) throw new ProtocolFault('A chunk is longer than it says.')
      at = next + 2
    }
  }

  function go(): void {
    blocked = false
    feed()
    if (!blocked && state !== 'over') {
      if (finished && state !== 'idle' && state !== 'head') onEnd()
      else if (socket.isPaused()) socket.resume()
    }
  }

  return {
    awaitHead() {
      state = 'head'
      go()
    },
    check(framing) {
      if (framing.kind === 'chunked') check()
    },
    body(framing, told) {
      return {
        into(to) {
          if (state === 'over') return to.abort()
          sink = to
          done = told
          to.drained = go
          chunked = framing.kind === 'chunked'
          left = framing.kind === 'length' ? framing.length : 0
          state = chunked ? 'size' : framing.kind === 'close' ? 'until-close' : 'data'
          if (framing.kind === 'none' || (framing.kind === 'length' && left === 0)) close([])
          go()
        },
        abort() {
          sink = null
          state = 'over'
        },
      }
    },
    detach() {
      state = 'over'
      socket.off('data', onData)
      socket.off('end', onEnd)
      socket.off('close', onClose)
      // Whoever takes over listens before a byte more is read.
      socket.pause()
      return take(waiting.length)
    },
    peek: () => waiting,
  }
}
