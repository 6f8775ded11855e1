import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { testClock } from './clock.ts'
import { type LogOptions, openLog, scrubText } from './log.ts'

function capture(options: LogOptions = {}) {
  const lines: string[] = []
  const log = openLog({
    level: 'trace',
    clock: testClock({ start: '2026-11-22T10:00:00.000Z' }),
    sink: (line) => lines.push(line),
    ...options,
  })
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? 'null') as Record<string, unknown> }
}

const KEY = 'cs_live_agt_0000000000000000000000000000004V6Jep'
const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl'
const PEM = '-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG\n-----END PRIVATE KEY-----'

test('P130 a record is one JSON line with time, level, message and the fields it was given', () => {
  const { log, lines } = capture({ fields: { role: 'web' } })
  log.child({ request_id: 'req_1', trace_id: 't1', tenant: 'ten_1' }).warn({ route: 'GET /tasks' }, 'slow')
  expect(lines).toHaveLength(1)
  expect(lines[0]?.endsWith('\n')).toBe(true)
  expect(JSON.parse(lines[0] ?? '')).toEqual({
    time: '2026-11-22T10:00:00.000Z',
    level: 'warn',
    role: 'web',
    request_id: 'req_1',
    trace_id: 't1',
    tenant: 'ten_1',
    route: 'GET /tasks',
    message: 'slow',
  })
})

test('P130 control characters are escaped in values, names and messages, in JSON and in pretty lines', () => {
  const evil = 'a\r\nFAKE line\u001b[31m\u009b\u2028\u202eb'
  for (const pretty of [false, true]) {
    const { log, lines } = capture({ pretty })
    log.info({ [evil]: evil }, evil)
    expect(lines[0]?.slice(0, -1)).not.toMatch(/[\p{Cc}\u2028\u202e]/u)
    expect(lines[0]).toContain('\\n')
  }
})

test('P130 a level below the chosen one writes nothing', () => {
  const { log, lines } = capture({ level: 'warn' })
  log.info('quiet')
  log.error('loud')
  expect(lines).toHaveLength(1)
})

const planted: [string, string, string][] = [
  ['an OpenAI key', 'sk-proj-abcDEF123456789', 'abcDEF123456789'],
  ['a Stripe key', 'sk_live_4eC39HqLyjWDarjtT1zdp7dc', '4eC39HqLyj'],
  ['a Stripe test key', 'sk_test_4eC39HqLyjWDarjtT1zdp7dc', '4eC39HqLyj'],
  ['a restricted key', 'rk_live_4eC39HqLyjWDarjtT1zdp7dc', '4eC39HqLyj'],
  ['a bearer', 'Bearer abc.def-ghi', 'abc.def-ghi'],
  ['basic credentials', 'basic dXNlcjpwYXNz', 'dXNlcjpwYXNz'],
  ['a Google key', 'AIzaSyA-1234567890abcdefghijklmnopqrstu', '1234567890'],
  ['an AWS key id', 'AKIAIOSFODNN7EXAMPLE', 'IOSFODNN7'],
  ['a GitHub token', 'ghp_16C7e42F292c6912E7710c838347Ae178B4a', '16C7e42F'],
  ['a GitHub OAuth token', 'gho_16C7e42F292c6912E7710c838347Ae178B4a', '16C7e42F'],
  ['a GitHub server token', 'ghs_16C7e42F292c6912E7710c838347Ae178B4a', '16C7e42F'],
  ['a fine-grained GitHub token', 'github_pat_11ABCDEFG0abcdefghijkl_mnop', '11ABCDEFG0'],
  ['a Slack token', 'xoxb-1234567-abcdefgh', 'abcdefgh'],
  ['a webhook secret', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'MfKQ9r8G'],
  ['our own key', KEY, '000000000000'],
  ['our own key with something behind it', `${KEY}x`, '000000000000'],
  ['a JWT', JWT, 'eyJzdWIi'],
  ['a PEM private key', PEM, 'MIIEvQ'],
  ['a PEM private key cut short', PEM.slice(0, 45), 'MIIEvQ'],
  ['a JSON member', '{"client_secret": "hunter\\"2-canary"}', 'canary'],
  ['a JSON member inside JSON text', '{\\"password\\":\\"canary-1\\"}', 'canary'],
  ['a form', 'user=ann&password=canary-1&x=1', 'canary'],
  ['a query', 'https://x.example/y?api_key=canary-1', 'canary'],
  ['a spaced assignment', "passwd = 'canary 1'", 'canary'],
  ['userinfo in a URL', 'postgres://ann:canary-1@db.example/app', 'canary'],
  ['an Authorization header in text', 'Authorization: Digest canary-1', 'canary'],
  ['a cookie header in text', 'cookie: a=1; __Host-countersign=canary-1', 'canary'],
  ['a callback signature', 'Countersign-Callback-Signature: canary-1', 'canary'],
  ['a signature header of webhooks', 'webhook-signature: v1,canary-1', 'canary'],
  ['a card number', 'paid with 4242 4242 4242 4242 today', '4242 4242'],
]

test.each(planted)(
  'P131 %s is replaced wherever it stands: message, value, name, nested, in an error and its cause',
  (_what, text, marker) => {
    const { log, lines } = capture()
    expect(scrubText(`before ${text}`)).toContain('[secret]')
    log.error(
      {
        plain: text,
        nested: { list: [text], map: new Map([['k', text]]) },
        [text]: 1,
        err: new Error(text, { cause: new Error(text) }),
      },
      text,
    )
    log.error(new Error(text))
    expect(lines.join('')).not.toContain(marker)
    expect(lines.join('')).toContain('[secret]')
  },
)

test('P131 a member is hidden by its name, whatever its value looks like', () => {
  const { log, last } = capture()
  const names = [
    'password',
    'Authorization',
    'set-cookie',
    'apiKey',
    'client_secret',
    'access_token',
    'x-awa-signature',
    'privateKey',
    'setupToken',
    'DPoP',
  ]
  log.info(Object.fromEntries(names.map((name) => [name, { inner: 'canary' }])))
  for (const name of names) expect(last()[name]).toBe('[secret]')
  log.info({ headers: new Headers({ authorization: 'x canary', accept: 'text/html' }) })
  expect(last().headers).toEqual({ authorization: '[secret]', accept: 'text/html' })
  log.info({ secrets_seen: 3, token_count: 5, key_id: 'key_1' })
  expect(last()).toMatchObject({ secrets_seen: 3, token_count: 5, key_id: 'key_1' })
})

test('P131 an object that bears the mark of a Secret prints [secret], also as an own member of an error', () => {
  const secret = { [Symbol.for('countersign.secret')]: true, value: 'canary' }
  const { log, lines, last } = capture()
  log.info({ thing: secret, list: [secret], err: Object.assign(new Error('x'), { input: secret }) })
  expect(lines.join('')).not.toContain('canary')
  expect(last().thing).toBe('[secret]')
})

test('P131 cyclic, deep and odd values are written, never thrown', () => {
  const { log, last } = capture()
  const loop: Record<string, unknown> = {
    n: 10n,
    f: () => 1,
    when: new Date(0),
    bad: new Date(Number.NaN),
    raw: Buffer.from('canary'),
    none: undefined,
    nil: null,
  }
  loop.self = loop
  log.info(loop)
  expect(last()).toMatchObject({
    n: '10',
    f: '[function]',
    when: '1970-01-01T00:00:00.000Z',
    bad: null,
    raw: '[6 bytes]',
    nil: null,
  })
  expect(inspect(last())).toContain('[circular]')
})

test('P131 a hostile text of 200,000 characters is scrubbed in bounded time', () => {
  const started = performance.now()
  for (const piece of [
    'a',
    'token',
    '1 ',
    'cookie:',
    '::',
    '"',
    'eyJ',
    '-----BEGIN PRIVATE KEY-----',
    'a@',
    'a.',
    '://',
    'password="\\',
  ]) {
    const { log } = capture()
    log.info({ piece: piece.repeat(200_000 / piece.length) })
  }
  expect(performance.now() - started).toBeLessThan(3_000)
})

test('P132 an e-mail becomes u: and eight hex, an address its /24 or /48', () => {
  const { log, last } = capture({ pseudonym: () => 'u:0a1b2c3d' })
  log.info(
    {
      who: 'Ann <ann.b+x@example.com>',
      at: '203.0.113.77',
      six: '[2001:db8:aa:bb::1]:443',
      mapped: '2a00:1450:4001:81b:0:0:0:200e',
    },
    'mail to ann@example.com',
  )
  expect(last()).toMatchObject({
    who: 'Ann <u:0a1b2c3d>',
    at: '203.0.113.0/24',
    six: '[2001:db8:aa::/48]:443',
    mapped: '2a00:1450:4001::/48',
    message: 'mail to u:0a1b2c3d',
  })
})

test('P132 clock times, loopback and networks stay readable', () => {
  const { log, last } = capture()
  log.info({ a: 'at 12:34:56', b: 'http://127.0.0.1:3001', c: '10.0.0.0/8', d: '::1', e: 'v18.4.0' })
  expect(last()).toMatchObject({ a: 'at 12:34:56', b: 'http://127.0.0.1:3001', c: '10.0.0.0/8', d: '::1', e: 'v18.4.0' })
})

test('P132 LOG_PERSONAL shows persons for 24 hours and then stops by itself; credentials it never shows', () => {
  const clock = testClock()
  const { log, last } = capture({ personal: true, clock })
  log.info({ who: 'ann@example.com', key: KEY })
  expect(last()).toMatchObject({ who: 'ann@example.com', key: '[secret]' })
  clock.advance(24 * 3_600_000)
  log.info({ who: 'ann@example.com' })
  expect(last().who).toBe('u:-')
})

test('P131 a run of nothing but zeros is no card: the id that stands for no tenant can be read', () => {
  expect(scrubText('tenant 00000000-0000-0000-0000-000000000000')).toBe('tenant 00000000-0000-0000-0000-000000000000')
})
