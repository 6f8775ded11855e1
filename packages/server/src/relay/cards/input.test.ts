import { type FieldError, Problem } from '@countersign/sdk'
import { expect, test } from 'vitest'
import { judge } from '../../http/input.ts'
import { CardChange, isReserved, NEW_CONTENT, NewCard, readContent, Slug } from './input.ts'
import { FIXTURES, leastCard, sealedCard, wholeCard } from './testing/cards.ts'

/** Where a new card is refused, by the schema or by what it cannot tell; empty: it is not. */
function faults(card: unknown): string[] {
  const errors: FieldError[] = []
  const parsed = judge(NewCard, card, errors)
  if (errors.length > 0) return errors.map((one) => one.path)
  try {
    readContent(NEW_CONTENT, parsed as ReturnType<typeof leastCard>)
    return []
  } catch (error) {
    if (error instanceof Problem) return error.errors.map((one) => one.path)
    throw error
  }
}
const withSkill = (change: object) => ({ ...leastCard('ada'), skills: [{ ...leastCard('ada').skills[0], ...change }] })
const withFact = (change: object) => withSkill({ facts: [{ name: 'amount', pointer: '/amount', type: 'long', ...change }] })

test('R10 the fixtures are cards', () => {
  for (const make of FIXTURES) expect(faults(make('ada-travel'))).toEqual([])
})

test.each([
  '..',
  '%2e%2e',
  'Ada',
  'ab',
  'a'.repeat(65),
  '-ada',
  'ada-',
  'a--da',
  'a_da',
  'аda',
  'ada ',
  'agt_01KE0000000000000000000000',
  'adà',
])('R10 §10 the slug %s is refused', (slug) => {
  expect(new Set(faults(leastCard(slug)))).toEqual(new Set(['/slug']))
  expect(Slug.safeParse(slug).success).toBe(false)
})

test.each(['register', 'self', 'api', 'admin', 'sandbox', 'agents', 'well-known'])('R10 §10 the slug %s is reserved', (slug) => {
  expect(isReserved(slug)).toBe(true)
  expect(isReserved(`${slug}-of-mine`)).toBe(false)
})

test.each([
  ['/name', { name: 'x'.repeat(81) }],
  ['/name', { name: '' }],
  ['/name', { name: '  ' }],
  ['/summary', { summary: 'x'.repeat(281) }],
  ['/description', { description: 'x'.repeat(4_001) }],
  ['/description', { description: '' }],
  ['/category', { category: '' }],
  ['/skills', { skills: [] }],
  ['/skills', { skills: Array.from({ length: 65 }, (_, i) => ({ id: `s${i}`, name: 'x', description: 'x', tags: ['x'] })) }],
  ['/accepted_inputs', { accepted_inputs: [] }],
  ['/expected_outputs', { expected_outputs: [] }],
  ['/accepted_inputs/0', { accepted_inputs: ['text'] }],
  ['/accepted_inputs/1', { accepted_inputs: ['text/plain', 'text/plain'] }],
  ['/provider/name', { provider: { name: '', url: 'https://ada.example' } }],
  ['/provider/url', { provider: { name: 'Ada', url: 'http://ada.example' } }],
  ['/provider/url', { provider: { name: 'Ada', url: 'https://ada:secret@ada.example' } }],
  ['/documentation_url', { documentation_url: 'javascript:alert(1)' }],
  ['/icon_url', { icon_url: `https://ada.example/${'x'.repeat(2_048)}` }],
  ['/encryption_keys', { encryption_keys: [] }],
  ['/encryption_keys/0', { encryption_keys: [{ kty: 'RSA' }] }],
  ['/limits', { limits: {} }],
  ['/limits/rate', { limits: { rate: -1 } }],
  ['/capabilities', { capabilities: {} }],
  ['/visibility', { visibility: 'secret' }],
  ['/retention_days', { retention_days: 3_651 }],
  ['/max_message_bytes', { max_message_bytes: 16_383 }],
  ['/idle_seconds', { idle_seconds: 3_599 }],
  ['/colour', { colour: 'red' }],
])('R10 a card is refused at %s', (path, change) => {
  expect(faults({ ...leastCard('ada'), ...change })).toContain(path)
})

test.each([
  ['/skills/0/id', withSkill({ id: '' })],
  ['/skills/0/tags', withSkill({ tags: [] })],
  ['/skills/0/tags/1', withSkill({ tags: ['a', 'a'] })],
  ['/skills/0/input_modes', withSkill({ input_modes: [] })],
  ['/skills/0/examples/0', withSkill({ examples: [''] })],
  ['/skills/0/facts', withSkill({ facts: [] })],
  ['/skills/1/id', { ...leastCard('ada'), skills: [leastCard('ada').skills[0], leastCard('ada').skills[0]] }],
  ['/skills/0/facts/0/pointer', withFact({ pointer: 'amount' })],
  ['/skills/0/facts/0/type', withFact({ type: 'decimal' })],
  ['/skills/0/facts/0/values', withFact({ values: ['a'] })],
  ['/skills/0/facts/0/values', withFact({ type: 'word' })],
  ['/skills/0/facts/0/values/1', withFact({ type: 'word', values: ['a', 'a'] })],
])('R10 a skill is refused at %s', (path, card) => {
  expect(faults(card)).toContain(path)
})

test('R10 a private key among the encryption keys is refused', () => {
  const [key] = sealedCard('ada').encryption_keys ?? []
  expect(faults({ ...leastCard('ada'), encryption_keys: [{ ...key, d: 'x' }] })).toEqual(['/encryption_keys/0'])
})

test('R10 R16 null takes an optional field away, a required one never; what says nothing is not kept', () => {
  expect(CardChange.safeParse({ description: null, provider: null, limits: null }).success).toBe(true)
  for (const name of ['name', 'summary', 'skills', 'accepted_inputs', 'visibility'])
    expect(CardChange.safeParse({ [name]: null }).success).toBe(false)
  const whole = readContent(NEW_CONTENT, wholeCard('ada'))
  expect(readContent(whole, { description: null })).not.toHaveProperty('description')
  expect(whole.skills[0]?.facts?.[2]).toEqual({ name: 'refundable', pointer: '/refundable', type: 'bool' })
})
