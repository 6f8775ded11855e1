import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { testClock } from '../../std/clock.ts'
import { type Field, ignore, type Sink } from '../flow.ts'
import { formsOf } from './forms.ts'
import { openMasks } from './mask.ts'
import { compile, openScanner } from './scan.ts'

const SECRET = 'sk-test/"Ünï+42=&secret'

/** What goes through in these pieces, byte by byte. */
function through(values: readonly Buffer[], pieces: readonly Buffer[]): Buffer {
  const scanner = openScanner(compile(values.flatMap(formsOf)))
  const out = pieces.map((piece) => Buffer.from(scanner.push(Buffer.from(piece))))
  return Buffer.concat([...out, scanner.release('end')])
}

/** The plain way: each form, everywhere it stands. */
function covered(values: readonly Buffer[], text: Buffer): Buffer {
  const out = Buffer.from(text)
  for (const form of values.flatMap(formsOf))
    for (let at = text.indexOf(form); at >= 0; at = text.indexOf(form, at + 1)) out.fill('*', at, at + form.length)
  return out
}

function cut(text: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = []
  let at = 0
  for (const size of sizes) {
    pieces.push(text.subarray(at, at + size))
    at += size
  }
  return [...pieces, text.subarray(at)]
}

test('V114 every form of a value is found: raw, base64 at three alignments, base64url, hex, percent, JSON', () => {
  const value = Buffer.from(SECRET)
  const forms = [
    SECRET,
    ...[0, 1, 2].map((shift) => Buffer.concat([Buffer.alloc(shift, 'p'), value]).toString('base64')),
    ...[0, 1, 2].map((shift) => Buffer.concat([Buffer.alloc(shift, 'p'), value, Buffer.from('tail')]).toString('base64url')),
    value.toString('hex'),
    value.toString('hex').toUpperCase(),
    encodeURIComponent(SECRET),
    new URLSearchParams({ a: SECRET }).toString(),
    JSON.stringify({ a: SECRET }),
    JSON.stringify({ a: SECRET }).replaceAll('/', '\\/'),
  ]
  for (const form of forms) {
    const out = through([value], [Buffer.from(`before ${form} after`)])
    expect(out.length).toBe(Buffer.byteLength(`before ${form} after`))
    expect([form, /\*{8}/.test(out.toString('latin1'))]).toEqual([form, true])
    for (const clear of ['secret', value.toString('hex').slice(8, 30), Buffer.from('2=&secre').toString('base64').slice(0, 8)])
      expect(out.toString('latin1').toLowerCase()).not.toContain(clear.toLowerCase())
  }
})

test('V114 wherever a stream is cut, what comes out is what a search over the whole covers', () => {
  const values = fc.array(fc.stringMatching(/^[ab=/+"]{8,14}$/), { minLength: 1, maxLength: 3 })
  fc.assert(
    fc.property(
      values,
      fc.array(fc.nat(3), { maxLength: 12 }),
      fc.array(fc.nat(9), { maxLength: 60 }),
      fc.stringMatching(/^[ab=/+"x]{0,20}$/),
      (texts, picks, sizes, noise) => {
        const secrets = texts.map((text) => Buffer.from(text))
        const forms = secrets.flatMap(formsOf)
        // Forms, halves of forms and noise, one after the other.
        const text = Buffer.concat(
          picks.map((pick, i) => {
            const form = forms[(pick * 7 + i * 3) % forms.length] as Buffer
            return pick === 0 ? Buffer.from(noise) : pick === 1 ? form.subarray(0, form.length - 1 - (i % 5)) : form
          }),
        )
        expect(through(secrets, cut(text, sizes)).toString('latin1')).toBe(covered(secrets, text).toString('latin1'))
      },
    ),
    { seed: 114, numRuns: 1_500 },
  )
})

test('V114 bytes one by one', () => {
  const text = Buffer.from(`{"a":"${SECRET}"}`)
  const out = through(
    [Buffer.from(SECRET)],
    [...text].map((byte) => Buffer.from([byte])),
  )
  expect(out.toString('latin1')).toMatch(/^\{"a":".*\*{8}/)
  expect(out.includes('secret')).toBe(false)
})

type Caught = Sink & { bytes: () => Buffer; ended: () => readonly Field[] | null; wasAborted: () => boolean }

function catcher(): Caught {
  const chunks: Buffer[] = []
  let ended: readonly Field[] | null = null
  let aborted = false
  return {
    write(chunk) {
      chunks.push(Buffer.from(chunk))
      return true
    },
    end(trailers) {
      ended = trailers
    },
    abort() {
      aborted = true
    },
    drained: ignore,
    bytes: () => Buffer.concat(chunks),
    ended: () => ended,
    wasAborted: () => aborted,
  }
}

test('V116 an ordinary piece is not held, a short beginning for 50 ms, a long one until more comes', () => {
  const clock = testClock()
  const mask = openMasks((ms, fn) => clock.timer(ms, fn)).of([Buffer.from('abcdefghijklmnop')])
  const out = catcher()
  const sink = mask?.sink(out, ignore) as Sink
  sink.write(Buffer.from('data: hello\n\n'))
  expect(out.bytes().toString()).toBe('data: hello\n\n')
  sink.write(Buffer.from('xxabc'))
  expect(out.bytes().toString()).toBe('data: hello\n\nxx')
  clock.advance(50)
  expect(out.bytes().toString()).toBe('data: hello\n\nxxabc')
  sink.write(Buffer.from('defghijkl'))
  clock.advance(60_000)
  expect(out.bytes().toString()).toBe('data: hello\n\nxxabc')
  sink.write(Buffer.from('mnop!'))
  expect(out.bytes().toString()).toBe(`data: hello\n\nxxabc${'*'.repeat(13)}!`)
  sink.write(Buffer.from('abcdefghij'))
  sink.end([['X-Sum', 'abcdefghijklmnop']])
  expect(out.bytes().toString()).toMatch(/!abcdefghij$/)
  expect(out.ended()).toEqual([['X-Sum', '*'.repeat(16)]])
})

test('V117 values below eight bytes are no patterns, and what resembles none is untouched', () => {
  expect(formsOf(Buffer.from('1234567'))).toEqual([])
  expect(openMasks(() => ignore).of([Buffer.from('1234567')])).toBeNull()
})

test('V115 codings decode to the same text whatever pieces they come in', async () => {
  const { decoding } = await import('./coding.ts')
  const text = Buffer.from('some text, again and again. '.repeat(2_000))
  for (const [name, coded] of [
    ['gzip', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['br', brotliCompressSync(text)],
  ] as const) {
    const out = catcher()
    const sink = decoding(name, out)
    for (const piece of cut(
      coded,
      Array.from({ length: 50 }, () => 1),
    ))
      sink.write(piece)
    sink.end([])
    await expect.poll(() => out.ended()).toEqual([])
    expect(out.bytes().equals(text)).toBe(true)
  }
})

test('V115 a bomb is cut', async () => {
  const { decoding } = await import('./coding.ts')
  const out = catcher()
  decoding('gzip', out).write(gzipSync(Buffer.alloc(40 * 1_048_576)))
  await expect.poll(() => out.wasAborted()).toBe(true)
  expect(out.bytes().length).toBeLessThan(16 * 1_048_576)
})
