// Schemas are shared by all that ask for the same, and nobody's description reaches another's.
import { expect, test } from 'vitest'
import * as z from 'zod'
import { s } from './schema.ts'

test('§13 who asks for the same schema gets the same one, and other bounds, prefixes or values are another', () => {
  expect(s.id('thr')).toBe(s.id('thr'))
  expect(s.id('thr')).not.toBe(s.id('msg'))
  expect(s.text({ max: 5 })).toBe(s.text({ min: 0, max: 5 }))
  expect(s.text({ max: 5 })).not.toBe(s.text({ max: 6 }))
  expect(s.literal('1')).not.toBe(s.literal(1))
  expect(s.oneOf('a', 'b,c')).not.toBe(s.oneOf('a,b', 'c'))
  expect(s.optional(s.maybe(s.int()))).toBe(s.optional(s.maybe(s.int())))
  expect(s.array(s.time())).toBe(s.array(s.time()))
  expect(s.array(s.time())).not.toBe(s.array(s.time(), { max: 2 }))
  expect(s.text({ max: 5 }).safeParse('123456').success).toBe(false)
  expect(s.text({ max: 6 }).safeParse('123456').success).toBe(true)
})

test('§13 what describes or names a shared schema makes another', () => {
  const said = s.maybe(s.line()).describe('Of one place alone.')
  const named = s.named('Line', s.line())
  expect([said.description, s.maybe(s.line()).description, s.line().description]).toEqual([
    'Of one place alone.',
    undefined,
    undefined,
  ])
  expect(z.toJSONSchema(z.object({ a: named, b: s.line() }), { io: 'input' })).toMatchObject({
    properties: { a: { $ref: '#/$defs/Line' }, b: { type: 'string' } },
  })
})
