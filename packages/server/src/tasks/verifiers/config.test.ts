// The forms in which verifiers come, and each that does not count.
import { Problem } from '@countersign/sdk'
import { expect, test } from 'vitest'
import { fromCompatible } from './compatible.ts'
import { readVerifiers } from './config.ts'
import { readVerdict } from './verdict.ts'

const errorsOf = (given: unknown): string[] => {
  try {
    readVerifiers(given, '/verifier_config')
  } catch (error) {
    if (error instanceof Problem) return (error.members.errors ?? []).map(({ path, code }) => `${path} ${code}`)
    throw error
  }
  return []
}

test('T126 what is left out has its default, and a list holds at most three', () => {
  expect(readVerifiers({ provider: 'openai', instructions: 'x' }, '')).toEqual([
    {
      path: '',
      verifier: {
        ...{
          verifier_id: null,
          name: null,
          provider: 'openai',
          instructions: 'x',
          model: null,
          connection: null,
          base_url: null,
        },
        ...{
          deployment: null,
          api_version: null,
          max_attempts: 3,
          timeout_seconds: 30,
          on_unavailable: 'hold',
          allow_redacted: false,
        },
      },
    },
  ])
  const [agent] = readVerifiers({ provider: 'agent' }, '') as { verifier: object }[]
  expect(agent?.verifier).toMatchObject({ timeout_seconds: 300, on_unavailable: 'accept', max_attempts: 3 })
  const rules = { provider: 'rules', rules: [{ schema: {}, message: 'No.' }] }
  expect(readVerifiers([rules, 'ver_01M80RJPTRET7VF1SWGGCYENFF', { provider: 'agent' }], '/v').map(({ path }) => path)).toEqual([
    '/v/0',
    '/v/1',
    '/v/2',
  ])
  expect(errorsOf([rules, rules, rules, rules])).toEqual(['/verifier_config too_many'])
  expect(errorsOf([])).toEqual(['/verifier_config too_many'])
})

test.each([
  ['a number', 1, '/verifier_config type'],
  ['another id', 'task_01M80RJPTRET7VF1SWGGCYENFF', '/verifier_config type'],
  ['an unknown provider', { provider: 'oracle' }, '/verifier_config/provider enum'],
  ['no instructions', { provider: 'gemini' }, '/verifier_config/instructions'],
  ['too many attempts', { provider: 'gemini', instructions: 'x', max_attempts: 11 }, '/verifier_config/max_attempts'],
  ['too little time', { provider: 'gemini', instructions: 'x', timeout_seconds: 4 }, '/verifier_config/timeout_seconds'],
  ['a key', { provider: 'openai', instructions: 'x', api_key: 'k' }, '/verifier_config/api_key'],
  ['an environment variable', { provider: 'openai', instructions: 'x', api_key_env: 'K' }, '/verifier_config/api_key_env'],
  ['rules without one', { provider: 'rules', rules: [] }, '/verifier_config/rules'],
  ['long instructions', { provider: 'openai', instructions: 'x'.repeat(20_001) }, '/verifier_config/instructions'],
])('T126 T166 %s is refused with its place', (_, given, place) => {
  expect(errorsOf(given).some((error) => error.startsWith(place))).toBe(true)
})

test('T128 a rule is a schema: conditions of another form are refused by name', () => {
  const rules = [
    { schema: {}, message: 'No.', when: {} },
    { require: {}, message: 'No.' },
  ]
  expect(errorsOf({ provider: 'rules', rules })).toEqual([
    '/verifier_config/rules/0/when not_supported',
    '/verifier_config/rules/1/require not_supported',
  ])
})

test('T65 the other clients name providers, members and a key in their own words', () => {
  const sent = {
    provider: 'claude',
    instructions: 'x',
    maxAttempts: 2,
    api_key_env: 'ANTHROPIC_API_KEY',
    model: null,
    metadata: { a: 1 },
  }
  expect(fromCompatible(sent)).toEqual({
    config: { provider: 'anthropic', instructions: 'x', max_attempts: 2 },
    hint: 'ANTHROPIC_API_KEY',
  })
  for (const [theirs, ours] of [
    ['google', 'gemini'],
    ['azure', 'azure_openai'],
    ['azure_openai', 'azure_openai'],
    ['openai', 'openai'],
  ])
    expect(fromCompatible({ provider: theirs, instructions: 'x' }).config.provider).toBe(ours)
  for (const provider of ['custom', 'rules', 'agent', undefined, 7])
    expect(() => fromCompatible({ provider, instructions: 'x' })).toThrow(Problem)
})

test('T130 the field of an error is found however the model writes its path', () => {
  for (const path of ['note', '/note', '/response/note', '#/note', 'answer/note'])
    expect(readVerdict({ passed: false, reason: 'No.', field_errors: [{ path, message: 'm' }] })?.field_errors[0]).toMatchObject({
      path: '/response/note',
      field: 'note',
    })
  expect(readVerdict({ passed: true, reason: null })).toEqual({
    passed: true,
    reason: null,
    field_errors: [],
    parsed_response: null,
  })
})
