import { expect, test } from 'vitest'
import { compareFits, DefinitionFault, matchHost, nameAbove, normalHost, parsePattern, portOf, readBaseUrl } from './pattern.ts'

const fits = (pattern: string, host: string, params = {}): boolean => {
  const name = normalHost(host)
  return name !== null && matchHost(parsePattern(pattern), name, params) !== null
}
const refused = (pattern: string): string => {
  try {
    parsePattern(pattern)
  } catch (error) {
    if (error instanceof DefinitionFault) return error.code
    throw error
  }
  return 'taken'
}

test('V3 labels fit whole: exact, one, one or more, a parameter in a part of one', () => {
  expect(fits('api.example.com', 'api.example.com')).toBe(true)
  expect(fits('*.example.com', 'a.example.com')).toBe(true)
  expect(fits('*.example.com', 'a.b.example.com')).toBe(false)
  expect(fits('*.example.com', 'example.com')).toBe(false)
  expect(fits('**.example.com', 'a.b.example.com')).toBe(true)
  expect(fits('**.example.com', 'example.com')).toBe(false)
  expect(fits('a.*.example.com', 'a.b.example.com')).toBe(true)
  expect(fits('{dc}.api.mailchimp.com', 'us6.api.mailchimp.com', { dc: 'us6' })).toBe(true)
  expect(fits('{dc}.api.mailchimp.com', 'us7.api.mailchimp.com', { dc: 'us6' })).toBe(false)
  expect(
    fits('{location}-aiplatform.googleapis.com', 'europe-west4-aiplatform.googleapis.com', { location: 'europe-west4' }),
  ).toBe(true)
  // Without its value a parameter fits nothing, and a value never is more than a label.
  expect(fits('{dc}.api.mailchimp.com', 'us6.api.mailchimp.com')).toBe(false)
  expect(fits('{dc}.api.mailchimp.com', 'a.b.api.mailchimp.com', { dc: 'a.b' })).toBe(false)
  expect(fits('{dc}.api.mailchimp.com', 'constructor.api.mailchimp.com')).toBe(false)
})

test('V3 the closest pattern sorts first: exact before * before **', () => {
  const order = ['**.example.com', 'api.eu.example.com', '*.eu.example.com', '**.eu.example.com', 'api.*.example.com']
    .map((text) => ({ text, fit: matchHost(parsePattern(text), 'api.eu.example.com') }))
    .flatMap(({ text, fit }) => (fit ? [{ text, fit }] : []))
    .sort((a, b) => compareFits(a.fit, b.fit))
    .map(({ text }) => text)
  expect(order).toEqual(['api.eu.example.com', '*.eu.example.com', '**.eu.example.com', 'api.*.example.com', '**.example.com'])
})

test.each([
  'api.example.com.evil.test',
  'evilexample.com',
  'notapi.example.com',
  'api.example.com:8443',
  'api.example.com@evil.test',
  'ａpi.example.com',
  'api.exam\u00adple.com',
  'api.example。com',
  'api.example.com..',
  'api.example.com%00.evil.test',
  'api%2eexample.com',
  'api.example.com/',
  'api.example.com\\.evil.test',
  ' api.example.com',
  'аpi.example.com', // a Cyrillic а
])('§10.1 the look-alike %j gets nothing', (host) => {
  expect(fits('api.example.com', host)).toBe(false)
})

test('§10.1 upper case and a trailing dot are the real host; a Unicode name is its A-label', () => {
  expect(normalHost('API.EXAMPLE.COM.')).toBe('api.example.com')
  expect(normalHost('bücher.example')).toBe('xn--bcher-kva.example')
  expect(normalHost('BÜCHER.example')).toBe('xn--bcher-kva.example')
  expect(normalHost('xn--bcher-kva.example')).toBe('xn--bcher-kva.example')
  // Non-transitional: ß stays itself.
  expect(normalHost('faß.de')).toBe('xn--fa-hia.de')
  expect(fits('bücher.example', 'xn--bcher-kva.example')).toBe(true)
})

test.each([
  '',
  '.',
  'a..b',
  '1.2.3.4',
  '0x7f.1',
  '127.1',
  '[::1]',
  '::1',
  'xn--zzzzzz.com',
  `${'a'.repeat(64)}.com`,
  '-a.com',
  'a-.com',
  'a b.com',
])('V3 %j is no name of a host', (text) => {
  expect(normalHost(text)).toBe(null)
})

test.each([
  ['*.com', 'wildcard_too_wide'],
  ['**', 'host_invalid'],
  ['*', 'host_invalid'],
  ['**.co.uk', 'wildcard_too_wide'],
  ['*.github.io', 'wildcard_too_wide'],
  ['*.googleapis.com', 'wildcard_too_wide'],
  ['api.*.com', 'wildcard_too_wide'],
  ['{x}.com', 'param_too_wide'],
  ['{x}.co.uk', 'param_too_wide'],
  ['api-*.example.com', 'wildcard_place'],
  ['a.**.example.com', 'wildcard_place'],
  ['regex:.*\\.example\\.com', 'host_expression'],
  ['127.0.0.1', 'host_invalid'],
  ['[::1]', 'host_invalid'],
  ['localhost', 'host_invalid'],
  ['user@example.com', 'host_userinfo'],
  ['example.com:443', 'host_invalid'],
  ['example.com/path', 'host_invalid'],
  ['ｅxample.com', 'host_invalid'],
  ['{base_url}.example.com', 'host_invalid'],
  ['ü{x}.example.com', 'host_invalid'],
])('V3 the pattern %j is refused: %s', (text, code) => {
  expect(refused(text)).toBe(code)
})

test('V3 patterns that mean the same have one normal form', () => {
  expect(parsePattern('API.Example.COM.').text).toBe('api.example.com')
  expect(parsePattern('bücher.example').text).toBe(parsePattern('xn--bcher-kva.example').text)
  expect(parsePattern('{Dc}.example.com'.toLowerCase()).params).toEqual(['dc'])
})

test('V2 a base_url is an https origin; its host and port are where the credential goes', () => {
  const base = { base_url: 'https://git.example.org:8443' }
  expect(fits('{base_url}', 'git.example.org', base)).toBe(true)
  expect(fits('{base_url}', 'example.org', base)).toBe(false)
  expect(fits('{base_url}', 'git.example.org')).toBe(false)
  expect(portOf({ host: '{base_url}' }, base)).toBe(8443)
  expect(portOf({ host: 'api.example.com' })).toBe(443)
  for (const text of [
    'http://git.example.org',
    'https://git.example.org/api',
    'https://u:p@git.example.org',
    'https://127.0.0.1',
    'https://localhost',
    'git',
  ])
    expect([text, readBaseUrl(text)]).toEqual([text, null])
})

test('V118 the name above all that a pattern fits: what follows its last wildcard, with parameters filled', () => {
  const above = (pattern: string, params = {}) => nameAbove(parsePattern(pattern), params)
  expect(above('api.example.com')).toBe('api.example.com')
  expect(above('*.example.com')).toBe('example.com')
  expect(above('**.eu.example.com')).toBe('eu.example.com')
  expect(above('a.*.example.com')).toBe('example.com')
  expect(above('{dc}.api.mailchimp.com', { dc: 'US6' })).toBe('us6.api.mailchimp.com')
  expect(above('{dc}.api.mailchimp.com')).toBe(null)
  expect(above('{base_url}', { base_url: 'https://git.example.com' })).toBe('git.example.com')
})
