// Writes HTTP/1.1 messages: heads from fields that have been read strictly, bodies by length or in chunks. Never writes a line break that somebody else chose.
import type { Socket } from 'node:net'
import { trailerFields } from '../fields.ts'
import { type Field, ignore, type Sink } from '../flow.ts'

/** How many bytes a body has; null: nobody knows before its end. */
export type Length = number | null

export function headText(first: string, fields: readonly Field[]): string {
  let text = `${first}\r\n`
  for (const [name, value] of fields) text += `${name}: ${value}\r\n`
  return `${text}\r\n`
}

const LAST = '0\r\n'
/** A body of up to this leaves in one record with its head, if it is there. */
const TOGETHER = 8_192

/**
 * A head, and where the body goes that it announced. What of the body follows in the same turn of the loop leaves with the head: two records cost twice as much.
 * `over`: its last byte is handed to the socket; `aborted`: fewer or more bytes came than were announced.
 */
export function writeMessage(socket: Socket, text: string, length: Length, on: { over(): void; aborted(): void }): Sink {
  if (length === null || length === 0 || length > TOGETHER) {
    if (length === null) inOneTurn(socket)
    socket.write(text, 'latin1')
    return bodySink(socket, length, on)
  }
  let head: string | null = text
  const say = () => {
    if (head === null || socket.destroyed) return
    socket.write(head, 'latin1')
    head = null
  }
  process.nextTick(say)
  return bodySink(socket, length, on, (chunk) => {
    if (head === null) return chunk
    const whole = Buffer.allocUnsafe(head.length + chunk.length)
    whole.write(head, 0, 'latin1')
    chunk.copy(whole, head.length)
    head = null
    return whole
  })
}

/** A chunk is three pieces. */
function inOneTurn(socket: Socket): void {
  if (socket.writableCorked > 0) return
  socket.cork()
  process.nextTick(() => socket.uncork())
}

function bodySink(
  socket: Socket,
  length: Length,
  on: { over(): void; aborted(): void },
  first: ((chunk: Buffer) => Buffer) | null = null,
): Sink {
  let left = length ?? 0
  let open = true
  const drain = () => sink.drained()
  socket.on('drain', drain)
  const finish = (how: () => void) => {
    if (!open) return
    open = false
    socket.off('drain', drain)
    how()
  }
  const sink: Sink = {
    drained: ignore,
    write(chunk) {
      if (!open || chunk.length === 0) return true
      if (length === null) {
        socket.cork()
        socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1')
        socket.write(chunk)
        const room = socket.write('\r\n', 'latin1')
        socket.uncork()
        return room
      }
      left -= chunk.length
      if (left >= 0) {
        const bytes = first ? first(chunk) : chunk
        first = null
        return socket.write(bytes)
      }
      finish(on.aborted)
      return true
    },
    end(trailers) {
      if (open && length !== null && left > 0) return finish(on.aborted)
      finish(() => {
        if (length === null) socket.write(LAST + headText('', trailerFields(trailers)).slice(2), 'latin1')
        on.over()
      })
    },
    abort: () => finish(on.aborted),
  }
  return sink
}
