// Finds many patterns in a stream and covers them with as many asterisks (V114), across all borders of pieces. By shifts over blocks of two bytes (Wu and
// Manber): where nothing resembles a pattern, seven of eight bytes are never looked at, so an ordinary answer costs next to nothing.
// Holds back only a tail that a pattern begins with (V116); a hit is never sent in part but for seven bytes of one that dawdles.
import { SHORTEST } from './forms.ts'

const SLOTS = 4_096
const STAR = 0x2a

export type Patterns = {
  /** Ranges of whole matches, in order of their ends, that end behind `from`. */
  find(bytes: Buffer, from: number): [start: number, end: number][]
  /** How many bytes at the end begin a pattern that is not over yet. */
  tail(bytes: Buffer): number
}

export function compile(patterns: readonly Buffer[]): Patterns {
  const window = Math.min(...patterns.map((pattern) => pattern.length))
  const longest = Math.max(...patterns.map((pattern) => pattern.length))
  const shift = new Uint8Array(SLOTS).fill(Math.min(window - 1, 255))
  const ending: (Buffer[] | undefined)[] = new Array(SLOTS)
  const starts = new Uint8Array(256)
  const beginning: Buffer[][] = Array.from({ length: 256 }, () => [])
  for (const pattern of patterns) {
    for (let i = 1; i < window; i++) {
      const slot = slotOf(pattern[i - 1] as number, pattern[i] as number)
      shift[slot] = Math.min(shift[slot] as number, window - 1 - i)
    }
    const last = slotOf(pattern[window - 2] as number, pattern[window - 1] as number)
    ending[last] = [...(ending[last] ?? []), pattern]
    starts[pattern[0] as number] = 1
    beginning[pattern[0] as number]?.push(pattern)
  }

  return {
    find(bytes, from) {
      const found: [number, number][] = []
      const length = bytes.length
      for (let i = Math.max(from, 0) + window - 1; i < length; ) {
        const slot = (((bytes[i - 1] as number) << 4) ^ (bytes[i] as number)) & (SLOTS - 1)
        const by = shift[slot] as number
        if (by > 0) {
          i += by
          continue
        }
        const at = i - window + 1
        for (const pattern of ending[slot] ?? [])
          if (at + pattern.length <= length && bytes.compare(pattern, 0, pattern.length, at, at + pattern.length) === 0)
            found.push([at, at + pattern.length])
        i++
      }
      return found
    },
    tail(bytes) {
      const { length } = bytes
      for (let at = Math.max(0, length - longest + 1); at < length; at++) {
        if (starts[bytes[at] as number] === 0) continue
        const left = length - at
        for (const pattern of beginning[bytes[at] as number] as Buffer[])
          if (pattern.length > left && bytes.compare(pattern, 0, left, at, length) === 0) return left
      }
      return 0
    },
  }
}

const slotOf = (a: number, b: number): number => ((a << 4) ^ b) & (SLOTS - 1)

export type Scanner = {
  /** What may go on now; the rest is held. Bytes given are changed in place. */
  push(chunk: Buffer): Buffer
  /** How many bytes are held that were not sent. */
  held(): number
  /** The whole of the beginning that is not over, sent or not. */
  tail(): number
  /** What is held goes on after all: nothing more came in time (`late`), or at all. */
  release(why: 'late' | 'end'): Buffer
  hits(): number
}

const NOTHING = Buffer.alloc(0)

export function openScanner(patterns: Patterns): Scanner {
  /** The held tail as it came, and how much of it is covered, and sent, already. */
  let carry: Buffer = NOTHING
  let covered = 0
  let sent = 0
  let hits = 0
  return {
    push(chunk) {
      const bytes = carry.length === 0 ? chunk : Buffer.concat([carry, chunk])
      const found = patterns.find(bytes, 0)
      const keep = patterns.tail(bytes)
      const out = bytes.length - keep
      const held = keep === 0 ? NOTHING : Buffer.from(bytes.subarray(out))
      let reach = covered
      hits += found.length
      if (covered > 0) bytes.fill(STAR, 0, covered)
      for (const [start, end] of found) {
        bytes.fill(STAR, start, end)
        reach = Math.max(reach, end)
      }
      const ready = bytes.subarray(Math.min(sent, out), out)
      sent = Math.max(0, sent - out)
      covered = Math.max(0, reach - out)
      carry = held
      return ready
    },
    held: () => carry.length - sent,
    tail: () => carry.length,
    release(why) {
      if (covered > 0) carry.fill(STAR, 0, covered)
      const ready = Buffer.from(carry.subarray(sent))
      if (why === 'end') {
        carry = NOTHING
        covered = 0
        sent = 0
      } else sent = carry.length
      return ready
    },
    hits: () => hits,
  }
}

/** Whether a tail of this length may be kept waiting for what follows (V116). */
export const mayWait = (held: number): boolean => held >= SHORTEST
