// Shapes of paths: what is folded, what is not, and that a folded path is named by a rule as wide as itself.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fitsPath, readPath } from '../../vault/grants/path.ts'
import { shapeOf } from './shape.ts'

test('V96 ids of a path are folded, one segment each', () => {
  const ids = [
    ...['7', '0012', '42.json', '3f2504e0-4f89-11d3-9a0c-0305e82c3301', '{3F2504E0-4F89-11D3-9A0C-0305E82C3301}'],
    ...['deadbeefdeadbeef', 'da39a3ee5e6b4b0d3255bfef95601890afd80709', '3f2504e0-4f89-11d3-9a0c-0305e82c3301.png'],
    ...['01J9Z3K4X5Y6W7V8T9S0R1Q2P3', '01j9z3k4x5y6w7v8t9s0r1q2p3', 'cus_9s6XKzkNRiz8i3', 'run_01J9Z3K4X5Y6W7V8T9S0R1Q2P3'],
    ...['pi_test_3MtwBwLkdIwHu7ix', 'C024BE91L', '1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms'],
    ...[
      'aB3-dE5_fG7-hI9_jK1-mN3_pQ5',
      'eyJhbGciOiJIUzI1NiJ9',
      'olga@example.com',
      'x'.repeat(65),
      'a%20b',
      '%C3%A9t%C3%A9',
      '**',
      'a*b',
    ],
  ]
  for (const id of ids) expect([id, shapeOf(`/v1/things/${id}/parts`)]).toEqual([id, '/v1/things/*/parts'])
  expect(shapeOf('/v1/7/01J9Z3K4X5Y6W7V8T9S0R1Q2P3/')).toBe('/v1/*/*/')
})

test('V96 names and words are not ids', () => {
  const words = [
    ...[
      'v1',
      'v1beta1',
      'chat',
      'completions',
      'repos',
      'octocat',
      'hello-world',
      'gpt-4o-2024-08-06',
      '2010-04-01',
      'index.html',
    ],
    ...[
      'claude-3-5-sonnet-20241022',
      'projects-2024-annual-review-final',
      'customer_payment_methods',
      'getUserNotificationSettings',
    ],
    ...['.well-known', 'oauth2', 'messages:send', '@types', 'x-www-form-urlencoded', 'feedface', 'CUSTOMERS', 'a~b', ''],
  ]
  for (const word of words) expect([word, shapeOf(`/a/${word}/b`)]).toEqual([word, `/a/${word}/b`])
  expect([shapeOf('/'), shapeOf('/a/'), shapeOf('//a')]).toEqual(['/', '/a/', '//a'])
})

test('V96 a path that rules do not read has no shape', () => {
  for (const path of ['', 'a', '*', '/a/../b', '/a/%2e%2e/b', '/a%', '/a\\b', '/%00'])
    expect([path, shapeOf(path)]).toEqual([path, null])
})

const segment = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.string({ maxLength: 40 }),
  fc.uuid(),
  fc.nat().map(String),
  fc.ulid(),
  fc.constantFrom('', '*', '**', 'users', 'v1', '.well-known', 'a%2Fb', '%41', '%2A'),
)
const path = fc
  .array(segment, { minLength: 1, maxLength: 8 })
  .map((some) => `/${some.map((one) => one.replaceAll('/', '')).join('/')}`)

test('V96 property: a shape has the segments of its path, each as it was or one star, and is its own shape', () => {
  fc.assert(
    fc.property(path, (one) => {
      const shape = shapeOf(one)
      expect(shape === null).toBe(readPath(one) === null)
      if (shape === null) return
      const [before, after] = [one.split('/'), shape.split('/')]
      expect(after.length).toBe(before.length)
      for (const [i, part] of after.entries()) expect(part === '*' ? before[i] !== '' : part === before[i]).toBe(true)
      expect(shapeOf(shape)).toBe(shape)
    }),
    { numRuns: 2_000 },
  )
})

test('V96 property: a rule of exactly a shape names the path that it is of, and none with a segment more or less', () => {
  fc.assert(
    fc.property(
      path.filter((one) => !/[?#]/.test(one)),
      (one) => {
        const shape = shapeOf(one)
        if (shape === null) return
        expect(fitsPath([`=${shape}`], one)).toBe(true)
        expect(fitsPath([`=${shape}`], `${one}/more`)).toBe(false)
        expect(fitsPath([`=${shape}`], one.slice(0, one.lastIndexOf('/')))).toBe(false)
      },
    ),
    { numRuns: 2_000 },
  )
})
