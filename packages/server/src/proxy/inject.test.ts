import { expect, test } from 'vitest'
import { Secret } from '../crypto/secret.ts'
import type { Injection } from '../vault/providers/definition.ts'
import { bearer, filled, send } from './testing/gatekeeper.ts'
import { HOST, openWorld, untilClosed, type World } from './testing/world.ts'

const PLACEHOLDER = 'csph_conn_1'

async function ask(world: World, text: string): Promise<string> {
  const socket = await world.tunnel()
  socket.write(text)
  return untilClosed(socket)
}

const get = (target: string, more = ''): string => `GET ${target} HTTP/1.1\r\nHost: ${HOST}\r\n${more}Connection: close\r\n\r\n`
const post = (type: string, body: string): string =>
  `POST /v1 HTTP/1.1\r\nHost: ${HOST}\r\nContent-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`

async function injected(rule: Injection, value: string, text: string, more: { user?: string; password?: string } = {}) {
  const world = await openWorld()
  world.keeper.verdict = () =>
    send({ connectionId: 'conn_1', injections: [filled(rule, value, more)], placeholder: PLACEHOLDER, mask: [new Secret(value)] })
  const answer = await ask(world, text)
  return { world, answer, seen: world.seen[0], outcome: world.keeper.outcomes[0]?.outcome }
}

test('V56 V58 header: exactly one arrives, whatever the client said; our placeholder gives way unseen', async () => {
  const rule = { where: 'header', name: 'X-Api-Key', template: '{{key}}' } as const
  const plain = await injected(rule, 'key-of-this-test', get('/'))
  expect(plain.seen?.rawHeaders.filter((_, i, all) => all[i - 1]?.toLowerCase() === 'x-api-key')).toEqual(['key-of-this-test'])
  expect(plain.outcome).toMatchObject({ replaced: false })
  const other = await injected(rule, 'key-of-this-test', get('/', 'x-api-key: own\r\nX-API-KEY: second\r\n'))
  expect(other.seen?.headers['x-api-key']).toBe('key-of-this-test')
  expect(other.outcome).toMatchObject({ replaced: true })
  const placed = await injected(rule, 'key-of-this-test', get('/', `x-api-key: ${PLACEHOLDER}\r\n`))
  expect(placed.seen?.headers['x-api-key']).toBe('key-of-this-test')
  expect(placed.outcome).toMatchObject({ replaced: false })
})

test('V56 when_present: keep leaves what the client said, deny refuses it and sends nothing', async () => {
  const rule = (when_present: 'keep' | 'deny') =>
    ({ where: 'header', name: 'X-Api-Key', template: '{{key}}', when_present }) as const
  const kept = await injected(rule('keep'), 'key-of-this-test', get('/', 'X-Api-Key: own\r\n'))
  expect(kept.seen?.headers['x-api-key']).toBe('own')
  const refused = await injected(rule('deny'), 'key-of-this-test', get('/', 'X-Api-Key: own\r\n'))
  expect(refused.answer).toMatch(/^HTTP\/1\.1 403 [\s\S]*"reason":"injection_invalid"/)
  expect(refused.world.dialled).toEqual([])
})

test('V56 query: every parameter of that name goes, the value is added, all other bytes stay', async () => {
  const rule = { where: 'query', name: 'key', template: '{{key}}' } as const
  const { seen } = await injected(rule, 'a b&c=d/é', get('/v1?b=2&key=x&a=%41;q&k%65y=y&=&z'))
  expect(seen?.url).toBe('/v1?b=2&a=%41;q&=&z&key=a%20b%26c%3Dd%2F%C3%A9')
  const bare = await injected(rule, 'value-of-this-test', get('/v1'))
  expect(bare.seen?.url).toBe('/v1?key=value-of-this-test')
})

test('V56 path: one whole segment, encoded, and never a slash', async () => {
  const rule = { where: 'path', name: '1', template: 'bot{{key}}' } as const
  const { seen } = await injected(rule, 'bot12:ab?c', get(`/bot${PLACEHOLDER}/send%2Fx?y`))
  expect(seen?.url).toBe('/bot12:ab%3Fc/send%2Fx?y')
  for (const value of ['a/b', 'a\\b', '..', 'a\nb']) {
    const refused = await injected(rule, value, get('/bot/x'))
    expect(refused.answer).toContain('"reason":"injection_invalid"')
    expect(refused.world.dialled).toEqual([])
  }
})

test('V56 basic: user and password may be empty, and the placeholder may stand inside', async () => {
  const rule = { where: 'basic', user: '{{key}}', password: '' } as const
  const coded = Buffer.from(`${PLACEHOLDER}:x`).toString('base64')
  const { seen, outcome } = await injected(rule, '', get('/', `Authorization: Basic ${coded}\r\n`), {
    user: 'key-of-this-test',
    password: '',
  })
  expect(seen?.headers.authorization).toBe(`Basic ${Buffer.from('key-of-this-test:').toString('base64')}`)
  expect(outcome).toMatchObject({ replaced: false })
})

test('V56 cookie: merged by name, the others stay', async () => {
  const rule = { where: 'cookie', name: 'sid', template: '{{sid}}' } as const
  const { seen } = await injected(rule, 'sid-of-this-test', get('/', 'Cookie: a=1; sid=own; b=2\r\nCookie: c=3\r\n'))
  expect(seen?.headers.cookie).toBe('a=1; b=2; c=3; sid=sid-of-this-test')
})

test('V56 body: a JSON pointer and a field of a form, with the length computed anew', async () => {
  const json = await injected(
    { where: 'body', name: '/auth/token', template: '{{t}}' },
    'tok"en-of-test',
    post('application/json', '{"auth":{"token":"x"},"n":1}'),
  )
  expect(json.seen?.body.toString()).toBe('{"auth":{"token":"tok\\"en-of-test"},"n":1}')
  expect(json.seen?.headers['content-length']).toBe(String(json.seen?.body.length))
  const form = await injected(
    { where: 'body', name: 'token', template: '{{t}}' },
    'a b&c-of-this-test',
    post('application/x-www-form-urlencoded', 'token=1&z=2&token=3'),
  )
  expect(form.seen?.body.toString()).toBe('z=2&token=a+b%26c-of-this-test')
  for (const text of [
    post('multipart/form-data; boundary=x', '--x--'),
    post('application/json', '{'),
    post('application/json', '[1]'),
    post('text/plain', 'x'),
  ]) {
    const refused = await injected({ where: 'body', name: '/auth/token', template: '{{t}}' }, 'value-of-this-test', text)
    expect(refused.answer).toContain('"reason":"injection_invalid"')
  }
})

test('V56 body above 1 MiB is not looked for a place', async () => {
  const { answer, world } = await injected(
    { where: 'body', name: '/t', template: '{{t}}' },
    'value-of-this-test',
    post('application/json', `{"a":"${'x'.repeat(1_048_577)}"}`),
  )
  expect(answer).toContain('"reason":"body_too_large_to_inspect"')
  expect(world.dialled).toEqual([])
})

test('V57 a value that does not fit its place fails the request, and nothing of it is told', async () => {
  for (const value of ['a\r\nX-Evil: 1', 'a\nb', 'a\x00b', 'é', ' a', 'a\x7f']) {
    const { answer, world } = await injected({ where: 'header', name: 'X-Api-Key', template: '{{k}}' }, value, get('/'))
    expect(answer).toMatch(/^HTTP\/1\.1 403 [\s\S]*"reason":"injection_invalid"/)
    expect(answer).not.toContain('Evil')
    expect(world.dialled).toEqual([])
  }
})

test('V110 plain http gets no injection, unless the verdict says that this credential may go there', async () => {
  const world = await openWorld()
  const { connect } = await import('node:net')
  const plain = async () => {
    const socket = connect({ host: '127.0.0.1', port: world.port })
    socket.write(
      `GET http://${HOST}/ HTTP/1.1\r\nHost: ${HOST}\r\nProxy-Authorization: ${world.auth()}\r\nConnection: close\r\n\r\n`,
    )
    return untilClosed(socket)
  }
  world.keeper.verdict = () => bearer('a-secret-of-this-test')
  expect(await plain()).toMatch(/^HTTP\/1\.1 403 [\s\S]*"reason":"plaintext"/)
  expect(world.dialled).toEqual([])
  world.keeper.verdict = () => bearer('a-secret-of-this-test', { plaintext: true })
  expect(await plain()).toMatch(/^HTTP\/1\.1 200 /)
})

test('V48 after a 401 a small request goes once more with new material, and a second 401 is passed on', async () => {
  const world = await openWorld({
    handler: (request, answer) => {
      answer.statusCode = request.headers.authorization === 'Bearer new-secret-of-test' ? 200 : 401
      answer.end(`${request.headers.authorization}`)
    },
  })
  const next = { current: 'new-secret-of-test' }
  world.keeper.verdict = () =>
    bearer('old-secret-of-test', {
      again: async () => bearer(next.current, { mask: [new Secret('old-secret-of-test'), new Secret(next.current)] }),
    })
  const request = `PUT /x HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody`
  const answer = await ask(world, request)
  expect(answer).toMatch(/^HTTP\/1\.1 200 /)
  expect(answer).not.toContain('secret-of-test')
  expect(world.seen.map(({ body }) => body.toString())).toEqual(['body', 'body'])
  expect(world.keeper.outcomes.map(({ outcome }) => [outcome.status, outcome.retried])).toEqual([[200, true]])
  next.current = 'bad-secret-of-test'
  expect(await ask(world, request)).toMatch(/^HTTP\/1\.1 401 /)
  expect(world.seen).toHaveLength(4)
  world.keeper.verdict = () => bearer('old-secret-of-test', { again: async () => null })
  expect(await ask(world, request)).toMatch(/^HTTP\/1\.1 401 [\s\S]*\*{8}/)
})

test('V48 a large body is not kept for a second time', async () => {
  const world = await openWorld({
    handler: (_, answer) => {
      answer.statusCode = 401
      answer.end()
    },
  })
  world.keeper.verdict = () => bearer('old-secret-of-test', { again: async () => bearer('new-secret-of-test') })
  const body = 'x'.repeat(70_000)
  expect(
    await ask(world, `PUT /x HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`),
  ).toMatch(/^HTTP\/1\.1 401 /)
  expect(world.seen).toHaveLength(1)
})

test('V103 an edited body goes in place of what the client sent, and the answer says so', async () => {
  const world = await openWorld()
  world.keeper.verdict = async (asked) => {
    expect((await asked.body(65_536)).toString()).toBe('{"n":1}')
    return send({ edited: { body: Buffer.from('{"n":2222}') } })
  }
  const answer = await ask(world, post('application/json', '{"n":1}'))
  expect(answer).toMatch(/countersign-edited: 1/i)
  expect(world.seen[0]?.body.toString()).toBe('{"n":2222}')
})

test('V98 a judge that looks at a body loses nothing of it, however large it is', async () => {
  const world = await openWorld()
  const looked: unknown[] = []
  world.keeper.verdict = async (asked) => {
    looked.push(await asked.body(1_000))
    return send()
  }
  const body = 'abcdefgh'.repeat(30_000)
  await ask(world, post('text/plain', body))
  expect(looked).toEqual(['too_large'])
  expect(world.seen[0]?.body.toString()).toBe(body)
})
