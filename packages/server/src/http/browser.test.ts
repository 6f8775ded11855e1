import { expect, test } from 'vitest'
import { parseCors } from './browser.ts'
import { type Route, route, s } from './route.ts'
import { openDoor } from './testing/door.ts'

const routes = (): Route[] => [
  route('POST /act', { summary: 'Act', tag: 't', auth: 'session', self: true, answers: { 204: null } }, async () => undefined),
  route('GET /look', { summary: 'Look', tag: 't', auth: 'session', self: true, answers: { 200: s.json() } }, async () => ({})),
  route(
    'POST /signed',
    { summary: 'Signed', tag: 't', auth: 'none', bucket: 'none', selfAuthenticated: true, answers: { 204: null } },
    async () => undefined,
  ),
  route(
    'POST /cookie',
    { summary: 'Cookie', tag: 't', auth: 'none', bucket: 'none', answers: { 204: null } },
    async ({ reply }) => {
      reply.cookie('a', '1', { maxAge: 60 })
      reply.cookie('b', '2', { httpOnly: false, sameSite: 'Strict' })
    },
  ),
]

const cors = (text: string) => parseCors(text, { credentials: true, production: false })

test('P135 an unsafe call with a cookie passes only from our own origin', async () => {
  const house = await openDoor(routes)
  const act = (headers: Record<string, string>, path = '/api/v1/act') =>
    house.call(path, { method: 'POST', as: 'nobody', headers: { cookie: 'cs_session=user', ...headers } })
  const refused: Record<string, string>[] = [
    {},
    { 'sec-fetch-site': 'none' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'cross-site' },
    { origin: 'null' },
    { origin: 'https://evil.example' },
    { origin: `${house.url}.evil.example` },
    { 'sec-fetch-site': 'cross-site', origin: house.url },
  ]
  for (const headers of refused) {
    const { status, body } = await act(headers)
    expect([status, body.code], JSON.stringify(headers)).toEqual([403, 'csrf_refused'])
  }
  expect((await act({ 'sec-fetch-site': 'same-origin' })).status).toBe(204)
  expect((await act({ origin: house.url })).status).toBe(204)
  expect((await act({}, '/api/v1/signed')).status).toBe(204)
  expect(
    (await house.call('/api/v1/look', { as: 'nobody', headers: { cookie: 'cs_session=user', 'sec-fetch-site': 'cross-site' } }))
      .status,
  ).toBe(200)
})

test('P135 a form or plain text cannot reach a JSON route', async () => {
  const house = await openDoor(routes)
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])
    expect((await house.call('/api/v1/signed', { method: 'POST', raw: '{}', headers: { 'content-type': type } })).body.code).toBe(
      'media_type_unsupported',
    )
})

test('cookies are set apart, and secure where the public URL is https', async () => {
  const house = await openDoor(routes, { publicUrl: 'https://cs.example.com' })
  const { headers } = await house.call('/api/v1/cookie', { method: 'POST', headers: { host: 'cs.example.com' } })
  expect(headers['set-cookie']).toEqual([
    'a=1; Path=/; SameSite=Lax; Max-Age=60; HttpOnly; Secure',
    'b=2; Path=/; SameSite=Strict; Secure',
  ])
})

test('P136 without CORS_ORIGINS no answer speaks of CORS', async () => {
  const house = await openDoor(routes)
  const { headers } = await house.call('/api/v1/look', { as: 'user', headers: { origin: 'https://a.example' } })
  expect([headers['access-control-allow-origin'], headers.vary]).toEqual([undefined, undefined])
})

test('P136 named origins may read and ask ahead, others get only Vary', async () => {
  const house = await openDoor(routes, { cors: cors('https://a.example, http://localhost:5173') })
  const from = (origin: string, method = 'GET', headers = {}) =>
    house.call('/api/v1/look', { as: 'user', method, headers: { origin, ...headers } })
  const allowed = await from('https://a.example')
  expect(allowed.headers).toMatchObject({
    'access-control-allow-origin': 'https://a.example',
    'access-control-allow-credentials': 'true',
    vary: 'Origin',
    'cross-origin-resource-policy': 'cross-origin',
  })
  expect(allowed.headers['access-control-expose-headers']).toContain('X-Request-Id')
  const other = await from('https://b.example')
  expect([other.headers['access-control-allow-origin'], other.headers.vary]).toEqual([undefined, 'Origin'])
  const preflight = await from('http://localhost:5173', 'OPTIONS', { 'access-control-request-method': 'GET' })
  expect(preflight.headers).toMatchObject({
    'access-control-allow-methods': 'GET',
    'access-control-max-age': '600',
    'access-control-allow-origin': 'http://localhost:5173',
  })
  expect((await from('https://a.example', 'POST')).headers['access-control-allow-origin']).toBe('https://a.example')
})

test('P136 with a star there are never credentials', async () => {
  const house = await openDoor(routes, { cors: parseCors('*', { credentials: false, production: true }) })
  const { headers } = await house.call('/api/v1/look', { as: 'user', headers: { origin: 'https://a.example' } })
  expect([headers['access-control-allow-origin'], headers['access-control-allow-credentials']]).toEqual(['*', undefined])
})

test('P136 §21 each unfit origin is refused by name', () => {
  const refused = [
    '*,https://a.example',
    '*',
    'http://a.example',
    'null',
    'https://a.example/',
    'https://a.example/path',
    'https://*.example',
    '.example',
    'https://a.example,https://a.example',
    'https://A.example',
    'https://a.example:443',
    'ftp://a.example',
    'https://u@a.example',
    'https://a.example,,',
  ]
  for (const text of refused) expect(() => cors(text), text).toThrow(/^CORS_ORIGINS: "/)
  expect(() => parseCors('http://localhost:3000', { credentials: false, production: true })).toThrow(/production/)
  expect(parseCors('', { credentials: true, production: true })).toBeNull()
  expect(cors('https://a.example:8443,http://127.0.0.1:5173')?.origins).toEqual(
    new Set(['https://a.example:8443', 'http://127.0.0.1:5173']),
  )
})
