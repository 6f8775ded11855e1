import { expect, test } from 'vitest'
import type { Injection } from './definition.ts'
import { appliesTo, fillInjection, InjectionInvalid } from './fill.ts'

const header: Injection = { where: 'header', name: 'Authorization', template: 'Bearer {{key}}' }

test('V56 each place has its form', () => {
  const material = { key: 'k-1', user: 'u', pass: 'p:w', access_key_id: 'AKIA', secret_access_key: 's' }
  const filled = (injection: Injection) => fillInjection(injection, material)
  expect(filled(header)).toEqual({ where: 'header', name: 'Authorization', value: 'Bearer k-1' })
  expect(filled({ ...header, template: 'Basic {{base64(user:pass)}}' })).toMatchObject({ value: `Basic ${btoa('u:p:w')}` })
  expect(filled({ ...header, template: 'Basic {{base64(x-token:key)}}' })).toMatchObject({
    value: `Basic ${btoa('x-token:k-1')}`,
  })
  expect(filled({ where: 'basic', user: '{{user}}', password: '' })).toMatchObject({ value: `Basic ${btoa('u:')}` })
  expect(filled({ where: 'basic', user: '', password: '{{key}}' })).toMatchObject({ value: `Basic ${btoa(':k-1')}` })
  expect(filled({ where: 'path', name: '1', template: 'bot{{key}}' })).toMatchObject({ encoded: 'botk-1' })
  expect(filled({ where: 'cookie', name: 'auth_token', template: '{{key}}' })).toEqual({
    where: 'cookie',
    name: 'auth_token',
    value: 'k-1',
  })
  expect(filled({ where: 'body', name: '/api_key', template: '{{key}}' })).toMatchObject({ name: '/api_key', value: 'k-1' })
  expect(filled({ where: 'ws_protocol', template: 'token.{{key}}' })).toMatchObject({ value: 'token.k-1' })
  expect(filled({ where: 'sigv4', service: 'bedrock' })).toEqual({
    where: 'sigv4',
    service: 'bedrock',
    accessKeyId: 'AKIA',
    secretAccessKey: 's',
    sessionToken: null,
  })
})

test('V56 values in a target are percent-encoded and never make a new segment or parameter', () => {
  const odd = "a b&c=d#?%'()"
  expect(fillInjection({ where: 'query', name: 'key', template: '{{key}}' }, { key: odd })).toMatchObject({
    value: odd,
    encoded: 'a%20b%26c%3Dd%23%3F%25%27%28%29',
  })
  expect(fillInjection({ where: 'path', name: '1', template: 'bot{{key}}' }, { key: '12:ab?' })).toMatchObject({
    encoded: 'bot12:ab%3F',
  })
  for (const key of ['a/b', '..', '.', 'a\\b'])
    expect(() => fillInjection({ where: 'path', name: '1', template: '{{key}}' }, { key })).toThrow(InjectionInvalid)
})

test.each(['a\r\nX: y', 'a\nb', 'a\0', '', ' a', 'a ', 'ключ', 'a\u007f'])(
  'V57 the value %j fails the injection, and the failure says nothing of it',
  (key) => {
    const act = () => fillInjection({ ...header, template: '{{key}}' }, { key })
    expect(act).toThrow(InjectionInvalid)
    expect(act).toThrow('The stored credential holds what may not stand in its place.')
  },
)

test.each<[Injection, string]>([
  [{ where: 'cookie', name: 'c', template: '{{key}}' }, 'a; b'],
  [{ where: 'cookie', name: 'c', template: '{{key}}' }, 'a,b'],
  [{ where: 'ws_protocol', template: '{{key}}' }, 'a, b'],
  [{ where: 'basic', user: '{{key}}', password: '' }, 'a:b'],
  [{ where: 'basic', user: 'u', password: '{{key}}' }, 'a\r\n'],
  [{ ...header, template: '{{base64(key:key)}}' }, 'a\n'],
  [{ where: 'query', name: 'k', template: '{{key}}' }, '\n'],
  [{ where: 'body', name: 'k', template: '{{key}}' }, '\0'],
])('V57 bytes outside the grammar of %j are refused', (injection, key) => {
  expect(() => fillInjection(injection, { key })).toThrow(InjectionInvalid)
})

test('V56 an injection for another way of connecting does not apply, and a name that objects have by birth is no field', () => {
  expect(fillInjection(header, { access_token: 't' })).toBe(null)
  expect(fillInjection({ ...header, template: '{{constructor}}' }, {})).toBe(null)
  expect(fillInjection({ where: 'sigv4', service: 's3' }, { key: 'x' })).toBe(null)
  // A value that is no text is not written down as one.
  expect(fillInjection({ ...header, template: '{{extra}}' }, { extra: { a: 1 } })).toBe(null)
})

test('V56 only: hosts and whole segments of paths', () => {
  const only: Injection = { ...header, only: { hosts: ['api.acme.example'], paths: ['/account'] } }
  expect(appliesTo(only, { host: 'api.acme.example', path: '/account/keys' })).toBe(true)
  expect(appliesTo(only, { host: 'api.acme.example', path: '/accounts' })).toBe(false)
  expect(appliesTo(only, { host: 'other.acme.example', path: '/account' })).toBe(false)
  expect(appliesTo(header, { host: 'any.example', path: '/' })).toBe(true)
  const fits = (prefix: string, path: string) =>
    appliesTo({ ...header, only: { paths: [prefix] } }, { host: 'any.example', path })
  expect([
    fits('/', '/x'),
    fits('/v1', '/v10'),
    fits('/*/info/refs', '/a/info/refs'),
    fits('/a/**', '/a/b/c'),
    fits('/a/b', '/a'),
    // As rules read it: in both readings, or not at all.
    fits('/account', '/%61ccount'),
    fits('/account', '/account/../keys'),
  ]).toEqual([true, false, true, true, false, true, false])
})
