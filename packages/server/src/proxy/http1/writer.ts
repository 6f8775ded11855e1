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

/** Head and whatever follows in the same turn of the loop leave in one record. */
export function writeTogether(socket: Socket, text: string): boolean {
  if (socket.writableCorked === 0) {
    socket.cork()
    process.nextTick(() => socket.uncork())
  }
  return socket.write(text, 'latin1')
}

const LAST = '0\r\n'

/** Where a body goes behind a head that announced it. `over`: its last byte is handed to the socket; `short`: fewer or more bytes came than were announced. */
export function bodySink(socket: Socket, length: Length, on: { over(): void; aborted(): void }): Sink {
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
      if (left >= 0) return socket.write(chunk)
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
