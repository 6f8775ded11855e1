// What `--mask` finds (V131): the same whatever pieces the stream comes in, one asterisk for each byte, and nothing that only looks a little like a secret.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { mintKey } from '../../../crypto/token.ts'
import { coversOf } from './cover.ts'
import { formatsOf, OWN_FORMATS } from './formats.ts'

const part = (length: number): string => Buffer.from(crypto.getRandomValues(new Uint8Array(length))).toString('base64url')
const jwt = (): string => `${Buffer.from('{"alg":"ES256"}').toString('base64url')}.${part(40)}.${part(48)}`
const pem = (kind = 'PRIVATE KEY'): string =>
  `-----BEGIN ${kind}-----\n${Buffer.from(part(60)).toString('base64')}\n${Buffer.from(part(9)).toString('base64')}\n-----END ${kind}-----`
const stars = (text: string): string => '*'.repeat(Buffer.byteLength(text))

const PROVIDERS = ['^sk-ant-', '^(?:sk|rk)_(?:live|test)_.{8,}$', '^sk-.{20,}$'].flatMap(formatsOf)
const openCover = (values: string[] = []) => coversOf(values, [...OWN_FORMATS, ...PROVIDERS])()

function through(text: string, sizes: readonly number[] = [], values: string[] = []): string {
  const cover = openCover(values)
  const bytes = Buffer.from(text)
  const out: Buffer[] = []
  let at = 0
  for (const size of sizes) {
    out.push(Buffer.from(cover.push(Buffer.from(bytes.subarray(at, at + size)))))
    at += size
  }
  out.push(Buffer.from(cover.push(Buffer.from(bytes.subarray(at)))), cover.release('end'))
  return Buffer.concat(out).toString()
}

test('V131 what is covered: values in their forms, keys of granted providers, our own keys, JWTs, PEM blocks', () => {
  const value = `va lue/${part(12)}`
  for (const secret of [value, Buffer.from(value).toString('hex'), encodeURIComponent(value)])
    expect(through(`a ${secret} b`, [], [value])).toBe(`a ${stars(secret)} b`)
  for (const secret of [
    `sk-ant-${part(30)}`,
    `rk_live_${part(12)}`,
    `sk-${part(24)}`,
    mintKey('live', 'agt'),
    mintKey('test', 'prx'),
    `whsec_${'aB3'.repeat(12)}`,
    jwt(),
  ]) {
    expect(through(`{"key":"${secret}"}\n`)).toBe(`{"key":"${stars(secret)}"}\n`)
    expect(through(`KEY=${secret}`)).toBe(`KEY=${stars(secret)}`)
    expect(through(`https://user:${secret}@example.com/`)).toBe(`https://user:${stars(secret)}@example.com/`)
  }
  for (const kind of ['PRIVATE KEY', 'RSA PRIVATE KEY', 'CERTIFICATE']) {
    const block = pem(kind)
    const covered = block.replace(/\n[^-]+\n/g, (body) => body.replace(/[^\n]/g, '*'))
    expect(through(`before\n${block}\nafter.`)).toBe(`before\n${covered}\nafter.`)
    expect(through(JSON.stringify({ block }))).toHaveLength(JSON.stringify({ block }).length)
    expect(through(JSON.stringify({ block }))).not.toMatch(/[A-Za-z0-9]{20}/)
  }
})

test('V131 a value of several lines is covered line by line, as a terminal ends them', () => {
  const [one, two] = [part(16), part(16)]
  expect(through(`${one}\r\n  ${two}`, [], [`${one}\n${two}`])).toBe(`${stars(one)}\r\n  ${stars(two)}`)
})

test('V131 what only begins so is left alone', () => {
  const innocent = [
    'pip install sk-learn # risk-management-of-a-long-and-winding-name task-force-of-more-than-twenty',
    '---------- | ----------- BEGIN of it -----BEGINNERS----- eyJ. eyJhbGciOi cs_live_ whsec_short',
    'a sentence about cs_live_agt_ keys, and sk-ant, and more.',
    'csph_conn_01J9Z3K4M5N6P7Q8R9S0T1V2W4 0123456789abcdef0123456789abcdef é ü 漢字',
  ].join('\n')
  expect(through(innocent)).toBe(innocent)
})

test('V131 a block without an end covers no more than what could stand in one', () => {
  expect(through('-----BEGIN PRIVATE KEY-----\nabcd (and then it broke off) more')).toBe(
    '-----BEGIN PRIVATE KEY-----\n**** (and then it broke off) more',
  )
})

test('V131 the pieces that a stream comes in make no difference, and no length changes', () => {
  const value = `known-${part(12)}`
  const secrets = [
    value,
    `sk-ant-${part(20)}`,
    mintKey('live', 'usr'),
    jwt(),
    pem(),
    'plain words ',
    '-----',
    'eyJ',
    'sk-',
    '\n',
    ' = ',
  ]
  fc.assert(
    fc.property(
      fc.array(fc.nat(secrets.length - 1), { maxLength: 12 }),
      fc.array(fc.nat(9), { maxLength: 80 }),
      (picks, sizes) => {
        const text = picks.map((pick) => secrets[pick]).join('')
        const whole = through(text, [], [value])
        expect(through(text, sizes, [value])).toBe(whole)
        expect(whole).toHaveLength(text.length)
      },
    ),
    { seed: 131, numRuns: 1_000 },
  )
})

test('V131 nothing waits but what a secret begins with; little of it goes on when nothing follows, and the rest is covered when it does', () => {
  const cover = openCover()
  const push = (text: string): string => Buffer.from(cover.push(Buffer.from(text))).toString()
  expect(push('Password: ')).toBe('Password: ')
  expect(cover.dawdles()).toBe(false)
  expect(push('a sk-a')).toBe('a ')
  expect(cover.dawdles()).toBe(true)
  expect(cover.release('late').toString()).toBe('sk-a')
  expect(push('nt-12345')).toBe('')
  expect(cover.dawdles()).toBe(false)
  expect(push('678 ')).toBe(`${stars('nt-12345678')} `)
})

test('V131 what is longer than any key is covered as it comes, and its end is seen', () => {
  const cover = openCover()
  const long = `sk-ant-${'a'.repeat(40_000)}`
  const out = Buffer.from(cover.push(Buffer.from(`${long} b`))).toString()
  expect(out).toBe(`${stars(long)} b`)
})
