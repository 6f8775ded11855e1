import { connect } from 'node:net'
import { Problem } from '@countersign/sdk'
import { expect, test } from 'vitest'
import { newId } from '../std/id.ts'
import { parseTrustedProxies } from './address.ts'
import { type Route, route, s } from './route.ts'
import { type Door, openDoor, rawCall, type Sent, withOverrides } from './testing/door.ts'

const Note = s.object({
  text: s.text({ min: 1, max: 20 }),
  count: s.optional(s.int({ min: 0, max: 5 })),
  ratio: s.optional(s.number({ min: 0, max: 1 })),
  tags: s.optional(s.array(s.oneOf('a', 'b'), { max: 2 })),
  inner: s.optional(s.object({ deep: s.boolean() })),
  payload: s.optional(s.jsonObject()),
})
const free = { tag: 'notes', auth: 'none', bucket: 'none' } as const
const owned = { tag: 'notes', auth: 'any', action: 'note.any' } as const
const written: unknown[] = []

const routes = (): Route[] => [
  route(
    'GET /free',
    {
      summary: 'Free',
      ...free,
      query: {
        ...s.page(),
        kind: s.optional(s.array(s.oneOf('a', 'b'))),
        flag: s.optional(s.boolean()),
        since: s.optional(s.time()),
      },
      answers: { 200: s.jsonObject() },
    },
    async ({ query }) => query,
  ),
  route('POST /notes', { summary: 'Make', ...owned, body: Note, answers: { 201: s.json() } }, async ({ body, reply }) => {
    written.push(body)
    reply.location('/api/v1/notes/1')
    return body
  }),
  route(
    'GET /notes/:id',
    { summary: 'One', ...owned, params: { id: s.id('task') }, answers: { 200: s.object({ id: s.id('task'), by: s.text() }) } },
    async ({ params, scope }) => {
      if (scope.tenantId === written[0]) throw new Problem('not_found')
      return { id: params.id, by: scope.principal }
    },
  ),
  route('GET /notes/recent', { summary: 'Recent', ...owned, answers: { 200: s.object({ recent: s.boolean() }) } }, async () => ({
    recent: true,
  })),
  route(
    'DELETE /notes/:id',
    { summary: 'Gone', ...owned, params: { id: s.id('task') }, answers: { 204: null } },
    async () => undefined,
  ),
  route(
    'POST /small',
    { summary: 'Small', ...free, maxBody: 100, body: s.object({ a: s.text() }), answers: { 200: s.json() } },
    async ({ body }) => body,
  ),
  route('GET /bug', { summary: 'Bug', ...free, answers: { 200: null } }, async () => {
    throw new Error('the table secrets has no column password')
  }),
  route('GET /liar', { summary: 'Liar', ...free, answers: { 200: s.object({ a: s.int() }) } }, async () => ({ b: 1 })),
  route(
    'GET /forbidden',
    { summary: 'F', tag: 'notes', auth: 'any', action: 'forbidden', answers: { 200: null } },
    async () => undefined,
  ),
  route(
    'GET /user-only',
    { summary: 'U', tag: 'notes', auth: 'session', self: true, answers: { 204: null } },
    async () => undefined,
  ),
  route('GET /key-only', { summary: 'K', tag: 'notes', auth: 'key', self: true, answers: { 204: null } }, async () => undefined),
  route(
    'POST /sudo',
    { summary: 'S', tag: 'notes', auth: 'session', self: true, stepUp: true, answers: { 204: null } },
    async () => undefined,
  ),
  route(
    'POST /both',
    { summary: 'Native', ...free, body: s.object({ a: s.int() }), answers: { 200: s.json() } },
    async ({ dialect, body }) => ({ dialect, ...body }),
  ),
  route(
    'POST /both',
    {
      summary: 'Compatible',
      ...free,
      dialect: 'compatible',
      body: s.object({ a: s.int(), o: s.optional(s.object({ b: s.int() })) }),
      answers: { 201: s.json() },
    },
    async ({ dialect, body }) => ({ dialect, ...body }),
  ),
  route('GET /either', { summary: 'E', ...free, dialect: 'both', answers: { 200: s.json() } }, async ({ dialect }) => {
    if (dialect === 'compatible') throw new Problem('task_not_open')
    return { dialect }
  }),
  route('GET /who', { summary: 'Address', tag: 'notes', auth: 'none', answers: { 200: s.json() } }, async ({ request }) => ({
    address: request.address,
    cookie: request.cookie('a') ?? null,
  })),
]

const door = (options = {}) => openDoor(routes, options)
const id = newId('task')
const asJson = { 'content-type': 'application/json' }
const post = (house: Door, path: string, raw: string | Buffer, headers: Record<string, string> = asJson) =>
  house.call(path, { method: 'POST', raw, headers })

test('P138 §21 each body that is not acceptable JSON is answered with its code and writes nothing', async () => {
  const house = await door()
  written.length = 0
  const invalid = [
    '[1',
    '{"text":"a","text":"b"}',
    '{"text":"a","__proto__":{}}',
    '{"text":"\\ud800"}',
    '{"text":"a\\u0000"}',
    '\ufeff{"text":"a"}',
    '{"count":NaN}',
    '{"text":"a",}',
    '"text"',
    '7',
    'null',
    '',
    `${'['.repeat(65)}${']'.repeat(65)}`,
  ]
  for (const raw of invalid)
    expect((await post(house, '/api/v1/notes', raw)).body, raw).toMatchObject({ status: 400, code: 'json_invalid' })
  expect((await post(house, '/api/v1/notes', Buffer.from([0x7b, 0xff, 0x7d]))).body.code).toBe('json_invalid')
  expect((await post(house, '/api/v1/notes', '[]')).body.code).toBe('validation_failed')

  const typed = (type: string, coding?: string) =>
    post(house, '/api/v1/notes', '{"text":"a"}', { 'content-type': type, ...(coding ? { 'content-encoding': coding } : {}) })
  for (const type of ['text/plain', 'application/json; charset=utf-16', 'application/x-www-form-urlencoded', 'application/jsonx'])
    expect((await typed(type)).body, type).toMatchObject({ status: 415, code: 'media_type_unsupported' })
  expect((await typed('application/json', 'gzip')).body.code).toBe('media_type_unsupported')
  expect((await post(house, '/api/v1/notes', '{"text":"a"}', {})).body.code).toBe('media_type_unsupported')
  expect(written).toEqual([])
  expect((await typed('application/json; charset="UTF-8"')).status).toBe(201)
})

test('P138 §21 a body of 1 MiB and one byte is 413, announced or not, and the route may allow less', async () => {
  const house = await door()
  const filled = (bytes: number) => `{"text":"${'x'.repeat(bytes - 11)}"}`
  expect((await post(house, '/api/v1/notes', filled(1_048_576))).body.code).toBe('validation_failed')
  expect((await post(house, '/api/v1/notes', filled(1_048_577))).body).toMatchObject({
    status: 413,
    code: 'body_too_large',
    max_bytes: 1_048_576,
  })
  expect((await post(house, '/api/v1/small', filled(101), { ...asJson, 'transfer-encoding': 'chunked' })).body).toMatchObject({
    status: 413,
    max_bytes: 100,
  })
  expect((await post(house, '/api/v1/small', '{"a":"b"}')).status).toBe(200)
})

test('P137 §21 headers that stand twice, are too large or contradict each other are refused', async () => {
  const house = await door()
  const ask = (lines: string[], target = '/api/v1/free') =>
    rawCall(
      house.port,
      `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${house.port}\r\nConnection: close\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`,
    )
  const said = async (lines: string[], target?: string) =>
    /^HTTP\/1\.1 (\d+)[\s\S]*"code":"(\w+)"/
      .exec(await ask(lines, target))
      ?.slice(1)
      .join(' ')
  expect(await said(['Authorization: Bearer agent', 'Authorization: Bearer user'])).toBe('400 request_invalid')
  expect(await said([`Host: 127.0.0.1:${house.port}`])).toBe('400 request_invalid')
  expect(await said(['Content-Type: application/json', 'content-type: text/plain'])).toBe('400 request_invalid')
  expect(await said([`Authorization: Bearer ${'x'.repeat(100_000)}`])).toBe('431 headers_too_large')
  expect(await said([`X-Much: ${'x'.repeat(17_000)}`])).toBe('431 headers_too_large')
  expect(await said([], `/api/v1/notes/${'x'.repeat(10_000)}`)).toBe('414 uri_too_long')
  expect(await said([], `/api/v1/notes/${'x'.repeat(60_000)}`)).toBe('414 uri_too_long')
  expect(await said(['Transfer-Encoding: chunked', 'Content-Length: 5'])).toBe('400 request_invalid')
  expect(await said(['X-Bad: a\u0000b'])).toBe('400 request_invalid')
  expect(await said([], 'http://127.0.0.1/api/v1/free')).toBe('400 request_invalid')
  expect(await ask(['X-HTTP-Method-Override: DELETE', 'X-Method: DELETE'])).toMatch(/^HTTP\/1\.1 200/)
  const refused = await ask([`X-Much: ${'x'.repeat(60_000)}`])
  expect(refused).toMatch(/X-Content-Type-Options: nosniff/)
  expect(refused).toMatch(/X-Request-Id: req_/)
})

test('P137 a host that is not ours is 421, but for the probes', async () => {
  const live = route('GET /livez', { summary: 'Live', ...free, answers: { 200: s.json() } }, async () => ({ live: true }))
  const house = await door({ publicUrl: 'https://cs.example.com', allowedHosts: ['internal:8080'], rootRoutes: [live] })
  const at = (host: string, path = '/api/v1/free') => house.call(path, { headers: { host } })
  expect((await at('evil.example')).body).toMatchObject({ status: 421, code: 'host_unknown' })
  expect((await at(`127.0.0.1:${house.port}`)).status).toBe(421)
  for (const host of ['cs.example.com', 'CS.example.com:443', 'internal:8080']) expect((await at(host)).status, host).toBe(200)
  expect((await at('10.0.0.1', '/livez')).status).toBe(200)
})

test('P9 §21 an id that is none, of another kind or of another tenant is one 404', async () => {
  const house = await door()
  const bad = [
    newId('usr'),
    id.toLowerCase(),
    id.slice(0, -1),
    `${id}A`,
    '..',
    '%2e%2e%2f',
    '%2e%2e',
    '%00',
    "'",
    '%27%20or%201=1',
    'task_',
    '%',
    '%ff',
  ]
  for (const one of bad) {
    const { status, body } = await house.call(`/api/v1/notes/${one}`)
    expect({ status, code: body.code, members: Object.keys(body).sort() }, one).toEqual({
      status: 404,
      code: 'not_found',
      members: ['code', 'request_id', 'status', 'title', 'type'],
    })
  }
  expect((await house.call(`/api/v1/notes/${id}`)).body).toEqual({ id, by: 'agt_1' })
  expect((await house.call('/api/v1/notes/recent')).body).toEqual({ recent: true })
})

test('T62 P73 no other spelling of a path reaches a route and nothing redirects', async () => {
  const house = await door()
  const spellings = [
    '/api/v1/free/',
    '//api/v1/free',
    '/api//v1/free',
    '/API/v1/free',
    '/api/v1/free;x=1',
    '/api/v1/fre%65',
    '/api/v1%2ffree',
    '/api/v1/free.',
    '/api/v1/free%20',
    '/api/v1/./free',
    '/api/v1/x/../free',
    '/api/v1/%2e/free',
    '/api/v1/free%3bx',
  ]
  for (const path of spellings) {
    const answer = await house.call(path)
    expect([answer.status, answer.headers.location], path).toEqual([404, undefined])
  }
  expect((await house.call('/api\\v1\\free')).body.code).toBe('request_invalid')
  expect((await house.call('/api/v1/free')).status).toBe(200)
  expect((await house.call('/api/free')).status).toBe(200)
})

test('decisions §5 all errors of query and body come at once, each with its place and code', async () => {
  const house = await door()
  const { body } = await house.call('/api/v1/notes', {
    body: { text: '', count: 2.5, ratio: 2, tags: ['a', 'c'], inner: { deep: 'yes', 'a/b~c': 1 }, more: 1 },
  })
  expect(body).toMatchObject({ status: 422, code: 'validation_failed' })
  expect(Object.fromEntries(body.errors.map((error: { path: string; code: string }) => [error.path, error.code]))).toEqual({
    '/text': 'too_small',
    '/count': 'type',
    '/ratio': 'invalid',
    '/tags/1': 'not_offered',
    '/inner/deep': 'type',
    '/inner/a~1b~0c': 'unknown',
    '/more': 'unknown',
  })
  const missing = await house.call('/api/v1/notes?x=1', { body: { count: 6, tags: ['a', 'b', 'a'] } })
  expect(missing.body.errors.map((error: { path: string; code: string }) => `${error.path} ${error.code}`).sort()).toEqual([
    '/count too_large',
    '/tags too_large',
    '/text required',
    'x unknown',
  ])
  const long = await post(house, '/api/v1/notes', '{"text":"a","count":9007199254740993}')
  expect(long.body.errors).toMatchObject([{ path: '/count', code: 'type' }])
  expect((await house.call(`/api/v1/notes/${id}`, { method: 'DELETE', body: { a: 1 } })).body.errors).toMatchObject([
    { path: '/a', code: 'unknown' },
  ])
})

test('T6 a member of any JSON comes back digit for digit', async () => {
  const house = await door()
  const { status, text } = await post(
    house,
    '/api/v1/notes',
    '{"text":"a","payload":{"amount":12345678901234567890.12345678901234567890,"n":[9007199254740993]}}',
  )
  expect([status, text]).toEqual([
    201,
    '{"text":"a","payload":{"amount":12345678901234567890.12345678901234567890,"n":[9007199254740993]}}',
  ])
})

test('§21 paging and times outside their form are 422 with the bare name of the field', async () => {
  const house = await door()
  for (const query of [
    'limit=0',
    'limit=-1',
    'limit=201',
    'limit=1.5',
    'limit=x',
    'limit=',
    'limit=5&limit=6',
    'limit=1e1',
    'flag=yes',
    'kind=a,c',
    'cursor=',
    'cursor=%00',
    'cursor=%ff',
  ]) {
    const { status, body } = await house.call(`/api/v1/free?${query}`)
    expect([status, body.errors?.[0]?.path], query).toEqual([422, query.split('=')[0]])
  }
  for (const time of [
    '23:59:60',
    '2026-12-31T23:59:60Z',
    '10000-01-01T00:00:00Z',
    '2026-02-30T00:00:00Z',
    '2026-01-01',
    '2026-01-01T00:00:00',
    '1767225600',
  ])
    expect((await house.call(`/api/v1/free?since=${time}`)).body.errors, time).toMatchObject([{ path: 'since' }])
  const { body } = await house.call('/api/v1/free?limit=7&kind=a,b&flag=true&since=2026-01-01T02:00:00%2B02:00')
  expect(body).toEqual({ limit: 7, kind: ['a', 'b'], flag: true, since: '2026-01-01T00:00:00.000Z' })
})

test('decisions §5 unknown routes, methods and types are 404, 405 with Allow, and 406; HEAD and OPTIONS are harmless', async () => {
  const house = await door()
  expect((await house.call('/api/v1/nothing')).body.code).toBe('not_found')
  const wrong = await house.call('/api/v1/notes/recent', { method: 'PUT' })
  expect([wrong.status, wrong.body.code, wrong.headers.allow]).toEqual([405, 'method_not_allowed', 'GET, DELETE, HEAD, OPTIONS'])
  expect((await house.call('/api/v1/free', { headers: { accept: 'text/html' } })).body.code).toBe('not_acceptable')
  for (const accept of ['*/*', 'application/*', 'application/json;q=0.5', 'text/html, application/problem+json'])
    expect((await house.call('/api/v1/free', { headers: { accept } })).status).toBe(200)
  const head = await house.call('/api/v1/free', { method: 'HEAD' })
  expect([head.status, head.text, head.headers['content-length']]).toEqual([200, '', '12'])
  expect((await house.call('/api/v1/nothing', { method: 'HEAD' })).status).toBe(404)
  const options = await house.call('/api/v1/notes', { method: 'OPTIONS', as: 'nobody' })
  expect([options.status, options.headers.allow]).toEqual([204, 'POST, OPTIONS'])
  expect((await house.call('/api/v1/notes', { method: 'TRACE' })).status).toBe(405)
})

test("P134 every answer carries the security headers and a request id, the caller's where it is one", async () => {
  const house = await door({ publicUrl: 'https://cs.example.com', hstsPreload: true })
  const host = { host: 'cs.example.com' }
  const calls: [string, Sent][] = [
    ['/api/v1/free', {}],
    ['/none', {}],
    ['/api/v1/bug', {}],
    ['/api/v1/small', { method: 'POST', raw: 'x'.repeat(200), headers: asJson }],
    ['/api/v1/notes', { as: 'nobody', method: 'POST' }],
    ['/api/v1/free', { method: 'OPTIONS' }],
    ['/api/v1/free', { method: 'HEAD' }],
  ]
  for (const [path, sent] of calls) {
    const { headers } = await house.call(path, {
      ...sent,
      headers: { ...sent.headers, ...host, 'x-request-id': 'caller_12345678' },
    })
    expect(headers, path).toMatchObject({
      'strict-transport-security': 'max-age=31536000; includeSubDomains; preload',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'no-store',
      'x-request-id': 'caller_12345678',
    })
    expect(headers['permissions-policy']).toContain('camera=()')
  }
  for (const bad of ['short', 'x'.repeat(65), 'with space 123'])
    expect((await house.call('/api/v1/free', { headers: { ...host, 'x-request-id': bad } })).headers['x-request-id']).toMatch(
      /^req_[0-9A-Z]{26}$/,
    )
})

test('decisions §5 an unknown error is internal outside and whole in the log', async () => {
  const house = await door()
  const { status, headers, body } = await house.call('/api/v1/bug')
  expect([status, headers['content-type']]).toEqual([500, 'application/problem+json'])
  expect(body).toEqual({
    type: 'urn:countersign:problem:internal',
    title: expect.any(String),
    status: 500,
    code: 'internal',
    request_id: headers['x-request-id'],
  })
  const line = house.logs.find((text) => text.includes('has no column')) as string
  expect(JSON.parse(line)).toMatchObject({
    level: 'error',
    request_id: body.request_id,
    route: '/bug',
    err: { message: expect.any(String) },
  })
  expect((await house.call('/api/v1/liar')).body.code).toBe('internal')
  expect(house.logs.join('')).toContain('does not look as the table says')
})

test('P72 who asks, with what and whether they may is judged in order', async () => {
  const house = await door()
  const nobody = await house.call('/api/v1/notes', { as: 'nobody', method: 'POST', raw: 'not json', headers: asJson })
  expect([nobody.status, nobody.body.code, nobody.headers['www-authenticate']]).toEqual([401, 'unauthenticated', 'Bearer'])
  expect((await house.call('/api/v1/notes', { as: 'wrong', body: {} })).body.code).toBe('key_invalid')
  expect((await house.call('/api/v1/forbidden')).body.code).toBe('forbidden')
  expect((await house.call('/api/v1/user-only')).body.code).toBe('forbidden')
  expect((await house.call('/api/v1/user-only', { as: 'user' })).status).toBe(204)
  expect((await house.call('/api/v1/key-only', { as: 'user' })).body.code).toBe('forbidden')
  expect((await house.call('/api/v1/sudo', { as: 'user', method: 'POST' })).body.code).toBe('step_up_required')
})

test('P74 limited routes say what is left on success, and 429 says when to come back', async () => {
  const house = await door({ buckets: withOverrides({ 'api.key': { limit: 60, burst: 6 } }) })
  const first = await house.call(`/api/v1/notes/${id}`)
  expect(first.headers['ratelimit-policy']).toBe('"api.key";q=60;w=60, "api.tenant";q=6000;w=60')
  expect(first.headers.ratelimit).toMatch(/^"api\.key";r=5;t=1, "api\.tenant";r=1199;t=1$/)
  await house.call('/api/v1/notes', { body: { text: 'a' } })
  await house.call('/api/v1/notes', { body: { text: 'a' } })
  const refused = await house.call('/api/v1/notes', { body: { text: 'a' } })
  expect([refused.status, refused.headers['retry-after']]).toEqual([429, '1'])
  expect(refused.body).toMatchObject({ code: 'rate_limited', bucket: 'api.key', retry_after: 1 })
  expect((await house.call(`/api/v1/notes/${id}`, { as: 'twin' })).status).toBe(200)
})

test('P73 open routes are counted by address, and neither a header, a spelling nor a new /64 host adds a call', async () => {
  const house = await door({
    buckets: withOverrides({ anonymous: { limit: 1, burst: 3 } }),
    trustedProxies: parseTrustedProxies('127.0.0.1'),
  })
  const from = (forwarded: string, path = '/api/v1/who') =>
    house.call(path, { as: 'nobody', headers: { 'x-forwarded-for': forwarded } })
  expect((await from('203.0.113.1')).body.address).toBe('203.0.113.1')
  expect((await from('9.9.9.9, 203.0.113.1')).status).toBe(200)
  expect((await from('::ffff:203.0.113.1', '/api/who')).status).toBe(200)
  expect((await from('8.8.8.8, 203.0.113.1')).body).toMatchObject({ code: 'rate_limited', bucket: 'anonymous' })
  for (const path of ['//api/v1/who', '/api/v1/who/', '/api/v1/WHO', '/api/v1/%77ho', '/api/v1/who;x'])
    expect((await from('203.0.113.1', path)).status).toBe(404)
  for (let host = 1; host <= 3; host++) await from(`2001:db8:0:1::${host}`)
  expect((await from('2001:db8:0:1:ffff::9')).status).toBe(429)
})

test('P73 of refused keys an address has 30 a minute, then it hears 429; a good key is not held back', async () => {
  const house = await door()
  for (let i = 0; i < 30; i++) expect((await house.call('/api/v1/key-only', { as: `bad${i}` })).status).toBe(401)
  expect((await house.call('/api/v1/key-only', { as: 'bad' })).body).toMatchObject({ code: 'rate_limited', bucket: 'key.bad' })
  expect((await house.call('/api/v1/key-only')).status).toBe(204)
  await house.clock.advance('61s')
  expect((await house.call('/api/v1/key-only', { as: 'bad' })).body.code).toBe('key_invalid')
})

test('P59 a key in a URL is refused, and who can revoke it hears of it', async () => {
  const exposed: string[] = []
  const house = await door({ keyExposed: async (key: string) => void exposed.push(key) })
  const key = `cs_live_agt_${'a'.repeat(36)}`
  expect((await house.call(`/api/v1/free?key=${key}`)).body.code).toBe('credential_in_url')
  expect((await house.call(`/api/v1/notes/${key}`)).body.code).toBe('credential_in_url')
  expect((await house.call(`/api/v1/free?key=${key.replaceAll('_', '%5F')}`)).body.code).toBe('credential_in_url')
  expect((await house.call(`/api/v1/free?key=x${key}${key}`)).body.code).toBe('credential_in_url')
  expect(exposed).toEqual([key, key, key, key])
  expect(house.logs.join('')).not.toContain(key)
})

test('T59 §3.4 the compatible dialect ignores what it does not know and names it; its problems say more', async () => {
  const house = await door()
  const odd = { a: 1, x: 2, o: { b: 1, y: 2 } }
  const compatible = await house.call('/api/both', { body: odd })
  expect([compatible.status, compatible.body, compatible.headers['countersign-ignored']]).toEqual([
    201,
    { dialect: 'compatible', a: 1, o: { b: 1 } },
    'o.y, x',
  ])
  expect((await house.call('/api/v1/both', { body: { a: 1 } })).body).toEqual({ dialect: 'native', a: 1 })
  expect((await house.call('/api/v1/both', { body: { a: 1, x: 2 } })).body.errors).toMatchObject([
    { path: '/x', code: 'unknown' },
  ])
  const wrong = await house.call('/api/both', { body: { a: 'x', more: 1 } })
  expect(wrong.body).toMatchObject({
    code: 'validation_failed',
    error: 'VALIDATION_FAILED',
    message: expect.any(String),
    docs: expect.stringContaining('validation_failed'),
  })
  expect(wrong.body.errors).toHaveLength(1)
  expect((await house.call('/api/either')).body).toMatchObject({
    status: 409,
    code: 'task_not_open',
    error: 'TASK_ALREADY_TERMINAL',
  })
  expect((await house.call('/api/v1/either')).body).toEqual({ dialect: 'native' })
  expect((await house.call('/api/v1/nothing')).body).not.toHaveProperty('error')
})

test('P75 with PostgreSQL away limited routes are 503 with Retry-After and others answer', async () => {
  const house = await door()
  const away = new URL(house.runtimeUrl)
  away.port = '1'
  const other = await house.second({ url: away.href, listen: false })
  const answer = await other.call(`/api/v1/notes/${id}`)
  expect([answer.status, answer.body.code, answer.headers['retry-after']]).toEqual([503, 'store_unavailable', '1'])
  expect((await other.call('/api/v1/free')).status).toBe(200)
})

test('the table of routes refuses a route that stands twice or forgets its action', async () => {
  const one = route('GET /x', { summary: 'x', ...free, answers: { 204: null } }, async () => undefined)
  await expect(openDoor(() => [one, one])).rejects.toThrow(/stands twice/)
  expect(() => route('GET /x', { summary: 'x', tag: 't', auth: 'any', answers: { 204: null } }, async () => undefined)).toThrow(
    /needs an action/,
  )
  expect(() => route('GET /x/:id', { summary: 'x', ...free, answers: { 204: null } }, async () => undefined)).toThrow(
    /names \(id\)/,
  )
})

test('a caller in this process asks without a socket', async () => {
  const house = await door()
  const answer = await house.app.fetch(
    new Request('http://localhost/api/v1/both', { method: 'POST', body: '{"a":1}', headers: asJson }),
  )
  expect([answer.status, await answer.json(), answer.headers.get('x-content-type-options')]).toEqual([
    200,
    { dialect: 'native', a: 1 },
    'nosniff',
  ])
  expect((await house.app.fetch(new Request('http://localhost/nothing'))).status).toBe(404)
})

test('T31 a connection that never asked anything does not hold up the end of the server', async () => {
  const { app } = await door()
  const server = await app.listen(0)
  const socket = connect(server.port, '127.0.0.1')
  await new Promise((resolve) => socket.once('connect', resolve))
  const ended = new Promise((resolve) => socket.once('close', resolve))
  // If the grace had to pass, the test would not live to see it.
  await server.close({ graceMs: 120_000 })
  await ended
})
