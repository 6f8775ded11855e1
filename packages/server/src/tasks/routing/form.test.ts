import { Problem } from '@countersign/sdk'
import { expect, test } from 'vitest'
import { readAssignment } from './form.ts'
import { readPythonLiteral } from './python.ts'

const USER = 'usr_01JQZV6W4X2F3Y8K7M9N0P1Q2R'

const READ: [string, unknown, unknown][] = [
  ['null', null, null],
  ['left out', undefined, null],
  ['an address', 'Ann@Example.com', { email: 'Ann@Example.com' }],
  ['a list', ['ann@example.com', 'bob@example.com'], { emails: ['ann@example.com', 'bob@example.com'] }],
  ['email', { email: 'ann@example.com' }, { email: 'ann@example.com' }],
  ['emails', { emails: ['ann@example.com'] }, { emails: ['ann@example.com'] }],
  ['user_id', { user_id: USER }, { user_id: USER }],
  ['userId', { userId: USER }, { user_id: USER }],
  ['users', { users: [USER] }, { users: [USER] }],
  ['labels', { role: 'cfo', accessLevel: 'gold' }, { role: 'cfo', access_level: 'gold' }],
  ['a member that is null is not there', { role: 'cfo', access_level: null, pool: null }, { role: 'cfo' }],
  ['pool', { pool: 'finance' }, { pool: 'finance' }],
  ['pool and strategy', { pool: 'finance', strategy: 'broadcast' }, { pool: 'finance', strategy: 'broadcast' }],
  ['any', { any: ['ann@example.com', { pool: 'x' }] }, { any: [{ email: 'ann@example.com' }, { pool: 'x' }] }],
]

test.each(READ)('T91 assign_to is read: %s', (_name, given, form) => {
  expect(readAssignment(given).form).toEqual(form)
})

test('T92 addresses are kept as typed and compared in one form', () => {
  expect(readAssignment(['Ann@Example.com', 'ANN@example.COM']).folded).toEqual(['ann@example.com'])
})

const REFUSED: [string, unknown, string, string | undefined][] = [
  ['a form that is near one', { mail: 'ann@example.com' }, '/assign_to/mail assign_to_form', 'email'],
  ['another word for it', { team: 'finance' }, '/assign_to/team assign_to_form', 'pool'],
  ['two forms', { email: 'ann@example.com', user_id: USER }, '/assign_to assign_to_form', undefined],
  ['labels beside a form', { pool: 'x', email: 'ann@example.com' }, '/assign_to/email assign_to_form', undefined],
  ['nothing', {}, '/assign_to assign_to_form', undefined],
  ['an empty list', [], '/assign_to count', undefined],
  ['101 addresses', Array.from({ length: 101 }, (_, i) => `p${i}@example.com`), '/assign_to count', undefined],
  ['no address', 'nobody', '/assign_to address_invalid', undefined],
  ['an address with a line break', 'a@b.example\r\nBcc: c@d.example', '/assign_to address_invalid', undefined],
  ['a wrong address in a list', ['ann@example.com', 'x'], '/assign_to/1 address_invalid', undefined],
  ['a number', 4, '/assign_to assign_to_form', undefined],
  ['a user that is none', { user_id: 'usr_1' }, '/assign_to/user_id user_unknown', undefined],
  ['a strategy nobody knows', { pool: 'x', strategy: 'least_recnt' }, '/assign_to/strategy not_offered', 'least_recent'],
  ['a strategy without a pool', { role: 'x', strategy: 'broadcast' }, '/assign_to/strategy assign_to_form', '{pool, strategy}'],
  ['six of any', { any: Array(6).fill('ann@example.com') }, '/assign_to/any form_count', undefined],
  ['any in any', { any: [{ any: ['ann@example.com'] }] }, '/assign_to/any/0/any assign_to_form', undefined],
  ['the market place', { marketplace: true }, '/assign_to/marketplace assign_to_form', undefined],
  ['a rota that nobody has made', { on_call: 'night' }, '/assign_to/on_call rota_unknown', undefined],
  ['a text in value, natively', { value: "{'pool': 'x'}" }, '/assign_to/value assign_to_form', undefined],
]

test.each(REFUSED)('T91 T166 assign_to is refused: %s', (_name, given, error, meant) => {
  let thrown: unknown
  try {
    readAssignment(given)
  } catch (problem) {
    thrown = problem
  }
  expect(thrown).toBeInstanceOf(Problem)
  const { code, members } = thrown as Problem & { members: { errors: { path: string; code: string }[]; did_you_mean?: string } }
  const [first] = members.errors
  expect([code, `${first?.path} ${first?.code}`, members.did_you_mean]).toEqual(['assign_to_invalid', error, meant])
})

test('T64 the text that the Python client makes of a plain dict is read in the compatible dialect', () => {
  const compatible = (value: unknown) => readAssignment({ value }, '/assign_to', { compatible: true }).form
  expect(compatible("{'email': 'ann@example.com'}")).toEqual({ email: 'ann@example.com' })
  expect(compatible("{'emails': ['ann@example.com', 'bob@example.com']}")).toEqual({
    emails: ['ann@example.com', 'bob@example.com'],
  })
  expect(compatible("{'role': 'cfo', 'access_level': None, 'pool': None}")).toEqual({ role: 'cfo' })
  expect(compatible('{"pool": "finance"}')).toEqual({ pool: 'finance' })
  for (const wrong of ["{'marketplace': True}", '__import__("os")', "{'pool': open('x')}", 'x', ''])
    expect(() => compatible(wrong)).toThrow(Problem)
})

const LITERALS: [string, unknown][] = [
  ["{'a': 'b'}", { a: 'b' }],
  [`{'a': "it's", "b": 'say "x"'}`, { a: "it's", b: 'say "x"' }],
  ["{'a': [1, -2, True, False, None,],}", { a: [1, -2, true, false, null] }],
  ["('x', 'y')", ['x', 'y']],
  [String.raw`'\x41\u00e9\n\\'`, 'Aé\n\\'],
  ['{"a": {"b": true, "c": null}}', { a: { b: true, c: null } }],
]
test.each(LITERALS)('T64 a literal is read and nothing in it is run: %s', (text, value) => {
  expect(readPythonLiteral(text)).toEqual(value)
})

test.each([
  'f(1)',
  "{'a': 1 + 1}",
  "{'a': b}",
  "{'a': 1.5}",
  "{'a': 'x}",
  "{'a': 1} x",
  "{'a': 1, 'a': 2}",
  "{'__proto__': 1}",
  "{1: 'a'}",
  '[[[[[[[[1]]]]]]]]',
  "'\\ud8'",
  "{'a'",
])('T64 what is no literal stays unread: %s', (text) => {
  expect(readPythonLiteral(text)).toBeUndefined()
})
