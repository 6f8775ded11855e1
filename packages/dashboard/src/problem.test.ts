import { PROBLEMS, Problem, type ProblemCode } from '@countersign/sdk'
import { expect, test } from 'vitest'
import { placeErrors, speak } from './problem.ts'

test('every code of the catalogue has a sentence', () => {
  for (const code of Object.keys(PROBLEMS) as ProblemCode[]) expect(speak(new Problem(code)).text).toMatch(/\w+.*\.$/s)
})

test('what did not come from the server is a lost connection', () => {
  expect(speak(new TypeError('fetch failed')).text).toContain('could not be reached')
})

test('T75 a message stands at the deepest input that holds what it is about, and what no input holds goes to the banner', () => {
  const refusal = new Problem('response_invalid', {
    errors: [
      { path: '/response/lines/0/sku', code: 'required', message: 'Is missing.' },
      { path: '/response/extra/a/b', code: 'type', message: 'Must be text.' },
      { path: '/response/extra', code: 'type', message: 'Too deep.' },
      { path: '/response/unknown', code: 'unknown', message: 'Is not asked for.' },
      { path: '/response', code: 'too_large', message: 'Is too large.' },
      { path: '/reason', code: 'required', message: 'Say why.' },
    ],
  })
  const { beside, rest } = placeErrors(refusal, ['/lines', '/lines/0/sku', '/extra'], '/response')
  expect([...beside]).toEqual([
    ['/lines/0/sku', 'Is missing.'],
    ['/extra', 'Must be text. Too deep.'],
  ])
  expect(rest).toEqual(['unknown: Is not asked for.', 'Is too large.'])
  expect(placeErrors(refusal, [''], '/response').beside.get('')).toContain('Is not asked for.')
  expect(placeErrors(refusal, ['/reason']).beside.get('/reason')).toBe('Say why.')
})
