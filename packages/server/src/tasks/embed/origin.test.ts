import { expect, test } from 'vitest'
import { matches, readOrigin, readPattern } from './origin.ts'

test('T123 an origin is a scheme, a host and a port as browsers write them: https, and plain http for this machine alone', () => {
  for (const good of [
    'https://app.example.com',
    'https://app.example.com:8443',
    'http://localhost:3000',
    'http://127.0.0.1:5173',
  ])
    expect([good, readOrigin(good), readPattern(good)]).toEqual([good, good, good])
  for (const bad of [
    ...['http://app.example.com', 'https://app.example.com/', 'https://app.example.com/x', 'https://a:b@app.example.com'],
    ...[
      'https://APP.example.com',
      'https://app.example.com:443',
      'app.example.com',
      '*',
      'null',
      '',
      'https://[::1]',
      'data:text/html,x',
    ],
    ...[
      "https://app.example.com; script-src 'unsafe-inline'",
      `https://${'a'.repeat(60)}.${'b'.repeat(250)}.com`,
      'ftp://localhost',
    ],
  ])
    expect([bad, readOrigin(bad)]).toEqual([bad, null])
})

test('T123 one leading wildcard label stands for one label, of a name that has an owner', () => {
  expect(readPattern('https://*.example.com')).toBe('https://*.example.com')
  for (const bad of [
    ...[
      'https://*.com',
      'https://*',
      'https://a.*.example.com',
      'https://*.*.example.com',
      'http://*.localhost',
      'https://*.10.0.0.1',
    ],
    ...['https://*example.com', 'https://*.example.com/x', 'http://*.example.com'],
  ])
    expect([bad, readPattern(bad)]).toEqual([bad, null])
  const pattern = 'https://*.example.com'
  expect(matches('https://app.example.com', pattern)).toBe(true)
  for (const other of [
    ...['https://example.com', 'https://a.b.example.com', 'https://app.example.com:8443', 'http://app.example.com'],
    ...['https://evil.com', 'https://appexample.com', 'https://app.example.com.evil.com'],
  ])
    expect([other, matches(other, pattern)]).toEqual([other, false])
  expect(matches('https://app.example.com', 'https://app.example.com')).toBe(true)
})
