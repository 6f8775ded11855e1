// The patterns of one request, made once for the same secrets: every value that was injected, in all its forms. Keeps digests as keys, never values.
import { sha256Hex } from '../../crypto/token.ts'
import { type Field, type Sink, step } from '../flow.ts'
import { formsOf } from './forms.ts'
import { compile, mayWait, openScanner, type Patterns, type Scanner } from './scan.ts'

export type Mask = {
  /** Values covered; the very same array where nothing was found. */
  fields(fields: readonly Field[]): { fields: readonly Field[]; hits: number }
  text(text: string): string
  scanner(): Scanner
  /** A step before a sink. `hit` is told how many at the end. */
  sink(to: Sink, hit: (hits: number) => void): Sink
}

export type Masks = { of(values: readonly Buffer[]): Mask | null; clear(): void }

const MOST = 512
const LATE_MS = 50

export function openMasks(timer: (ms: number, fn: () => void) => () => void): Masks {
  const made = new Map<string, Mask | null>()
  return {
    of(values) {
      if (values.length === 0) return null
      const key = sha256Hex(values.length === 1 ? (values[0] as Buffer) : framed(values))
      const known = made.get(key)
      if (known !== undefined) return known
      const patterns = values.flatMap(formsOf)
      const mask = patterns.length === 0 ? null : maskOf(compile(patterns), timer)
      made.set(key, mask)
      const [oldest] = made.size > MOST ? made.keys() : []
      if (oldest !== undefined) made.delete(oldest)
      return mask
    },
    clear: () => made.clear(),
  }
}

function framed(values: readonly Buffer[]): Buffer {
  return Buffer.concat(values.flatMap((value) => [Buffer.from(`${value.length}:`), value]))
}

function maskOf(patterns: Patterns, timer: (ms: number, fn: () => void) => () => void): Mask {
  function cover(text: string): string {
    const bytes = Buffer.from(text, 'latin1')
    const found = patterns.find(bytes, 0)
    if (found.length === 0) return text
    for (const [start, end] of found) bytes.fill(0x2a, start, end)
    return bytes.toString('latin1')
  }
  const mask: Mask = {
    text: cover,
    scanner: () => openScanner(patterns),
    fields(fields) {
      if (fields.length === 0) return { fields, hits: 0 }
      // One look at all of them: a line break stands in no value.
      let all = ''
      for (const [name, value] of fields) all += `${name}\n${value}\n`
      const hits = patterns.find(Buffer.from(all, 'latin1'), 0).length
      return { hits, fields: hits === 0 ? fields : fields.map(([name, value]) => [cover(name), cover(value)] as const) }
    },
    sink(to, hit) {
      const scanner = openScanner(patterns)
      let stop: (() => void) | null = null
      return step(to, {
        write(chunk) {
          stop?.()
          stop = null
          const ready = scanner.push(chunk)
          if (scanner.held() > 0 && !mayWait(scanner.tail()))
            stop = timer(LATE_MS, () => {
              stop = null
              to.write(scanner.release('late'))
            })
          return ready.length === 0 || to.write(ready)
        },
        end(trailers) {
          stop?.()
          const rest = scanner.release('end')
          if (rest.length > 0) to.write(rest)
          const safe = mask.fields(trailers)
          hit(scanner.hits() + safe.hits)
          to.end(safe.fields)
        },
      })
    },
  }
  return mask
}
