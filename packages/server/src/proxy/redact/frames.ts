// Frames of a WebSocket on their way to the client (V114): payloads of a message are scanned as one text, whatever frames they stand in; lengths and headers
// stay as they were. A message's end is the end of what is held back: it must arrive when it was sent.
import { type Sink, step } from '../flow.ts'
import type { Mask } from './mask.ts'

const NOTHING = Buffer.alloc(0)

export function frameSink(mask: Mask, to: Sink, hit: (hits: number) => void): Sink {
  const scanner = mask.scanner()
  let header: Buffer = NOTHING
  let left = 0
  let control: Buffer | null = null
  let isLast = false
  let inPayload = false
  let counted = 0
  let broken = false

  type Piece = { at: number; bytes: Buffer }
  /** Headers by the number of payload bytes before them, while some payload is held. */
  let queued: Piece[] = []
  let released = 0
  let taken = 0

  function out(payload: Buffer): Buffer[] {
    const pieces: Buffer[] = []
    let from = 0
    for (const piece of queued) {
      const upTo = piece.at - released
      if (upTo > payload.length) break
      if (upTo > from) pieces.push(payload.subarray(from, upTo))
      from = Math.max(from, upTo)
      pieces.push(piece.bytes)
    }
    queued = queued.filter((piece) => piece.at - released > payload.length)
    if (from < payload.length) pieces.push(payload.subarray(from))
    released += payload.length
    return pieces
  }

  function advance(bytes: Buffer): Buffer[] {
    const pieces: Buffer[] = []
    let at = 0
    while (at < bytes.length || (inPayload && left === 0)) {
      if (!inPayload) {
        const before = header.length
        header = Buffer.concat([header, bytes.subarray(at, at + 14)])
        const size = headerSize(header)
        if (size === null || header.length < size) return pieces
        at += size - before
        const whole = header.subarray(0, size)
        header = NOTHING
        const opcode = (whole[0] as number) & 0x0f
        // A reserved bit means an extension that was never agreed to, and that could hide anything.
        if (((whole[0] as number) & 0x70) !== 0 || ((whole[1] as number) & 0x80) !== 0) {
          broken = true
          return pieces
        }
        isLast = ((whole[0] as number) & 0x80) !== 0
        left = payloadSize(whole)
        control = opcode >= 8 ? NOTHING : null
        inPayload = true
        queued.push({ at: taken, bytes: Buffer.from(whole) })
        if (released === taken) pieces.push(...out(NOTHING))
        continue
      }
      const piece = bytes.subarray(at, at + Math.min(left, bytes.length - at))
      at += piece.length
      left -= piece.length
      if (control !== null) control = Buffer.concat([control, piece])
      else {
        taken += piece.length
        pieces.push(...out(scanner.push(piece)))
      }
      if (left > 0) continue
      inPayload = false
      if (control !== null) {
        const covered = Buffer.from(mask.text(control.toString('latin1')), 'latin1')
        queued.push({ at: taken, bytes: covered })
        if (released === taken) pieces.push(...out(NOTHING))
      } else if (isLast) pieces.push(...out(scanner.release('end')))
    }
    return pieces
  }

  return step(to, {
    write(chunk) {
      const pieces = advance(chunk)
      if (broken) {
        to.abort()
        return true
      }
      hit(scanner.hits() - counted)
      counted = scanner.hits()
      return pieces.length === 0 || to.write(pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces))
    },
    end(trailers) {
      const rest = out(scanner.release('end'))
      if (rest.length > 0) to.write(Buffer.concat(rest))
      to.end(trailers)
    },
  })
}

function headerSize(bytes: Buffer): number | null {
  if (bytes.length < 2) return null
  const short = (bytes[1] as number) & 0x7f
  return 2 + (short === 126 ? 2 : short === 127 ? 8 : 0) + (((bytes[1] as number) & 0x80) !== 0 ? 4 : 0)
}

function payloadSize(header: Buffer): number {
  const short = (header[1] as number) & 0x7f
  if (short === 126) return header.readUInt16BE(2)
  if (short === 127) return Number(header.readBigUInt64BE(2))
  return short
}
