// Secrets that are known by how they look (V131): keys of granted providers and of Countersign, JWTs, PEM blocks. Found in a stream, across all borders of pieces,
// and covered byte by byte, so that nothing changes its length. Holds back what begins like one and is not over; knows no value.

import type { Scanner } from '../../../proxy/redact/scan.ts'
import { beginningsOf, readExpression } from '../../../vault/providers/expression.ts'

/** `beginning`: ASCII. `length` says how many characters of a word that begins so are secret; 0: it is none. */
export type Format = { beginning: string; length(word: string): number }

const STAR = 0x2a
/** What is longer is judged by its beginning, and covered as it comes. */
const LONGEST = 16_384
const LONGEST_KEY = 512
const LONGEST_BLOCK = 65_536
/** Fewer characters stand in front of too much that is innocent. */
const SHORTEST_BEGINNING = 2

const setOf = (pattern: RegExp): Uint8Array =>
  Uint8Array.from({ length: 256 }, (_, byte) => Number(byte < 0x80 && pattern.test(String.fromCharCode(byte))))
const WORD = setOf(/[A-Za-z0-9_\-.~+/=]/)
const LETTER = setOf(/[A-Za-z0-9]/)
const OF_BLOCK = setOf(/[A-Za-z0-9+/=\\:,]/)
const SPACE = setOf(/\s/)
const DASH = 0x2d

const fits = (pattern: RegExp) => (word: string) => pattern.exec(word)?.[0].length ?? 0

export const OWN_FORMATS: readonly Format[] = [
  { beginning: 'eyJ', length: fits(/^eyJ[\w-]{4,}\.[\w-]{2,}(?:\.[\w-]*){1,3}/) },
  { beginning: 'cs_live_', length: fits(/^cs_live_[a-z]{3}_[0-9A-Za-z]{20,}/) },
  { beginning: 'cs_test_', length: fits(/^cs_test_[a-z]{3}_[0-9A-Za-z]{20,}/) },
  { beginning: 'whsec_', length: fits(/^whsec_[A-Za-z0-9+/]{20,}=*/) },
]

/** As a definition says that its keys look. One that begins with no word of its own fits too much that is none, and is not looked for. */
export function formatsOf(pattern: string): Format[] {
  const { test } = readExpression(pattern)
  const length = (word: string): number => {
    const key = word.slice(0, LONGEST_KEY)
    // A sentence may go on behind it.
    return test(key) || test(key.replace(/[.~+/=-]+$/, '')) ? word.length : 0
  }
  return beginningsOf(pattern)
    .filter((beginning) => beginning.length >= SHORTEST_BEGINNING && /^[\w.~+/=-]+$/.test(beginning))
    .map((beginning) => ({ beginning, length }))
}

const BLOCK = '-----BEGIN '
const BLOCK_HEAD = /^-----BEGIN [A-Z0-9 ]{1,48}-----/
const BLOCK_HEAD_SO_FAR = /^-----BEGIN (?:[A-Z0-9 ]{0,48}|[A-Z0-9 ]{1,48}-{1,5})$/

/** `word`: what is left of a word of which the beginning is covered. `block`: inside of a PEM block. */
type Mode = 'text' | 'word' | 'block'

export function scanFormats(formats: readonly Format[]): Scanner {
  const starts = new Map<number, Format[]>()
  for (const one of formats) {
    const byte = one.beginning.charCodeAt(0)
    starts.set(byte, [...(starts.get(byte) ?? []), one])
  }
  let mode: Mode = 'text'
  let carry: Buffer = Buffer.alloc(0)
  /** Of what is held: shown already, because nothing came for too long. */
  let sent = 0
  let before = 0
  let dashes = 0
  let blockBytes = 0
  let hits = 0

  /** Where scanning stops: all before it is settled. */
  function settle(bytes: Buffer, isEnd: boolean): number {
    let at = 0
    while (at < bytes.length) {
      const byte = bytes[at] as number
      if (mode === 'word') {
        if (WORD[byte]) bytes[at++] = STAR
        else mode = 'text'
      } else if (mode === 'block') at = inBlock(bytes, at)
      else if (byte === DASH && (at + 1 === bytes.length || bytes[at + 1] === DASH)) {
        const next = atDash(bytes, at, isEnd)
        if (next === null) return at
        at = next
      } else {
        const found = LETTER[at === 0 ? before : (bytes[at - 1] as number)] ? undefined : starts.get(byte)
        const next = found ? atWord(bytes, at, found, isEnd) : at + 1
        if (next === null) return at
        at = next
      }
    }
    return at
  }

  function inBlock(bytes: Buffer, at: number): number {
    const byte = bytes[at] as number
    dashes = byte === DASH ? dashes + 1 : 0
    blockBytes += 1
    // The dashes of its last line, or what stands in no block.
    if (dashes === 5 || blockBytes > LONGEST_BLOCK) mode = 'text'
    else if (OF_BLOCK[byte]) bytes[at] = STAR
    else if (byte !== DASH && !SPACE[byte]) {
      mode = 'text'
      return at
    }
    return at + 1
  }

  /** null: it may be the head of a block, and is not over. */
  function atDash(bytes: Buffer, at: number, isEnd: boolean): number | null {
    const text = bytes.toString('latin1', at, at + 80)
    const head = BLOCK_HEAD.exec(text)
    if (head) {
      hits += 1
      mode = 'block'
      dashes = 0
      blockBytes = 0
      return at + head[0].length
    }
    const mayBe = BLOCK.startsWith(text) || BLOCK_HEAD_SO_FAR.test(text)
    return mayBe && !isEnd ? null : at + 1
  }

  /** null: a word that begins like a secret is not over. */
  function atWord(bytes: Buffer, at: number, found: readonly Format[], isEnd: boolean): number | null {
    const left = bytes.length - at
    const near = bytes.toString('latin1', at, at + 32)
    const here = found.filter(({ beginning }) => near.startsWith(beginning))
    if (here.length === 0) return found.some(({ beginning }) => beginning.startsWith(near)) && left < 32 && !isEnd ? null : at + 1
    let end = at
    while (end < bytes.length && end - at < LONGEST && WORD[bytes[end] as number]) end++
    if (end === bytes.length && end - at < LONGEST && !isEnd) return null
    const word = bytes.toString('latin1', at, end)
    const length = Math.max(...here.map((one) => one.length(word)))
    if (length === 0) return at + 1
    hits += 1
    bytes.fill(STAR, at, at + length)
    if (length === word.length && word.length === LONGEST) mode = 'word'
    return at + length
  }

  function advance(bytes: Buffer, isEnd: boolean): Buffer {
    const original = bytes.length > 0 ? (bytes[bytes.length - 1] as number) : before
    const out = settle(bytes, isEnd)
    const ready = bytes.subarray(Math.min(sent, out), out)
    sent = Math.max(0, sent - out)
    // What a letter was is no letter any more once it is covered: nothing begins behind it that did not before.
    if (out > 0) before = out === bytes.length ? original : (bytes[out - 1] as number)
    carry = Buffer.from(bytes.subarray(out))
    return ready
  }

  return {
    push: (chunk) => advance(carry.length === 0 ? chunk : Buffer.concat([carry, chunk]), false),
    held: () => carry.length - sent,
    tail: () => carry.length,
    release(why) {
      if (why === 'end') return advance(carry, true)
      const ready = Buffer.from(carry.subarray(sent))
      sent = carry.length
      return ready
    },
    hits: () => hits,
  }
}
