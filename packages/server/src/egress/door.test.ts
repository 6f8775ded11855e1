import { once } from 'node:events'
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { type Allowed, parseAllowed } from './address.ts'
import type { EgressRequest } from './fetch.ts'
import { checkUrl, openGuard } from './guard.ts'
import { postOrProblem, postSigned } from './post.ts'
import { openRig, RIG_CERTIFICATE } from './testing/rig.ts'

const allow = (...texts: string[]): Allowed[] => texts.map((text) => parseAllowed(text) as Allowed)
const RIG = allow('rig.example.com:80', 'rig.example.com:443')
const zone = (_: string, type: string) => ({ records: type === 'A' ? [{ address: '127.0.0.1' }] : [] })
const open = (options: Parameters<typeof openRig>[0] = {}) =>
  openRig({ zone, ...options, guard: { allowed: RIG, ...options.guard } })
const ask = (more: Partial<EgressRequest> = {}): EgressRequest => ({ tenantId: 't', url: 'http://rig.example.com/', ...more })

test('P104 an exact host and port is an exception for scheme, port and address; the port beside it is not', async () => {
  const rig = await open()
  expect(await rig.door.fetch(ask())).toMatchObject({ status: 200, url: 'http://rig.example.com/' })
  expect(await rig.door.fetch(ask({ url: 'http://rig.example.com:8080/' }))).toEqual({ failed: 'url_not_allowed' })
  expect(await rig.door.fetch(ask({ url: 'http://other.example.com/' }))).toEqual({ failed: 'url_not_allowed' })
})

test('P97 our own names are refused, unless the operator names them', async () => {
  const guard = openGuard({
    ownHosts: ['cs.example.com', 'admin.example.com:8443'],
    nameServers: [{ address: '127.0.0.1', port: 1 }],
  })
  for (const url of ['https://cs.example.com/x', 'https://CS.example.com./', 'https://admin.example.com/'])
    expect(await guard.check(url)).toEqual({ refused: 'url_not_allowed' })
})

test('P100 the name stays in Host and TLS though the address is dialled, and a certificate for another name is refused', async () => {
  const rig = await open({ guard: { allowed: [...RIG, ...allow('other.example.com:443')] } })
  expect(await rig.door.fetch(ask({ url: 'https://rig.example.com/', ca: RIG_CERTIFICATE }))).toMatchObject({ status: 200 })
  expect(rig.seen[0]?.host).toBe('rig.example.com')
  expect(await rig.door.fetch(ask({ url: 'https://rig.example.com/' }))).toEqual({ failed: 'tls' })
  expect(await rig.door.fetch(ask({ url: 'https://other.example.com/', ca: RIG_CERTIFICATE }))).toEqual({ failed: 'tls' })
  expect(rig.seen).toHaveLength(1)
})

test('P100 a peer that is not the dialled address gets not one byte', async () => {
  const rig = await openRig({ zone: () => ({ records: [{ address: '8.8.8.8' }] }), guard: { http: true } })
  expect(await rig.door.fetch(ask({ url: 'http://hooks.example.com/' }))).toEqual({ failed: 'url_not_allowed' })
  expect(rig.dialled).toEqual(['8.8.8.8 80'])
  expect(rig.seen).toEqual([])
})

test('P100 when no name server answers the dial is unreachable, and a URL can still be saved', async () => {
  const rig = await open({ zone: () => ({ silent: true }) })
  const started = performance.now()
  expect(await rig.door.fetch(ask())).toEqual({ failed: 'unreachable' })
  expect(performance.now() - started).toBeLessThan(4_500)
  const closed = openGuard({ nameServers: [{ address: '127.0.0.1', port: 1 }] })
  expect(await closed.check('https://hooks.example.com/')).toEqual({ refused: 'unreachable' })
  expect(await checkUrl(closed, 'https://HOOKS.example.com/a?b#c', '/callback_url')).toBe('https://hooks.example.com/a?b')
})

test('P96 P97 a URL that may not be called is a 422 with its field', async () => {
  const rig = await open()
  for (const [url, code] of [
    ['http://rig.example.com@x/', 'url_invalid'],
    ['https://127.0.0.1/', 'url_not_allowed'],
    ['ftp://a.example/', 'url_not_allowed'],
  ] as const) {
    await expect(checkUrl(rig.door.guard, url, '/callback_url')).rejects.toMatchObject({
      code,
      status: 422,
      members: { errors: [{ path: '/callback_url', code }] },
    })
  }
})

test('P103 closed, not HTTP and hung up are one class, and the caller learns nothing else', async () => {
  const rig = await open({ raw: (socket) => socket.end('SSH-2.0-OpenSSH_9.0\r\n') })
  expect(await rig.door.fetch(ask())).toEqual({ failed: 'unreachable' })
  const hung = await open({ raw: (socket) => socket.destroy() })
  expect(await hung.door.fetch(ask())).toEqual({ failed: 'unreachable' })
  const closed = await open({ connect: ((to: object) => connect({ ...to, port: 1 })) as typeof connect })
  expect(await closed.door.fetch(ask())).toEqual({ failed: 'unreachable' })
})

test('P102 who does not answer is left after the time for headers, who drips after the idle time, who goes on after the whole time', async () => {
  const silent = await open({ raw: () => undefined })
  expect(await silent.door.fetch(ask({ caps: { headersMs: 100 } }))).toEqual({ failed: 'timeout' })
  const stops = await open({ handler: (_, answer) => answer.writeHead(200).write('a') })
  expect(await stops.door.fetch(ask({ caps: { idleMs: 100 } }))).toEqual({ failed: 'timeout' })
  const drips = await open({
    handler: (_, answer) => {
      const drip = setInterval(() => answer.write('a'), 20)
      answer.on('close', () => clearInterval(drip))
    },
  })
  expect(await drips.door.fetch(ask({ caps: { wholeMs: 300 } }))).toEqual({ failed: 'timeout' })
})

test('P102 the caller’s own signal ends the request', async () => {
  const silent = await open({ raw: () => undefined })
  const stop = new AbortController()
  const answer = silent.door.fetch(ask({ signal: stop.signal }))
  stop.abort()
  expect(await answer).toEqual({ failed: 'timeout' })
})

test('P102 headers of more than 16 kB or 100 lines, bodies above the cap and bombs are too_large', async () => {
  const lines = await open({
    handler: (_, answer) =>
      answer.writeHead(200, Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`x-${i}`, '1']))).end(),
  })
  expect(await lines.door.fetch(ask())).toEqual({ failed: 'too_large' })
  const wide = await open({ handler: (_, answer) => answer.writeHead(200, { 'x-wide': 'a'.repeat(20_000) }).end() })
  expect(await wide.door.fetch(ask())).toEqual({ failed: 'too_large' })
  const large = await open({ handler: (_, answer) => answer.end(Buffer.alloc(200_000)) })
  expect(await large.door.fetch(ask({ caps: { bodyBytes: 100_000 } }))).toEqual({ failed: 'too_large' })
  expect(await large.door.fetch(ask({ caps: { bodyBytes: 100_000 }, onLarge: 'cut' }))).toMatchObject({
    status: 200,
    body: { length: 100_000 },
  })
  const bomb = await open({
    handler: (_, answer) => answer.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(5_000_000))),
  })
  expect(await bomb.door.fetch(ask())).toEqual({ failed: 'too_large' })
})

test('P102 a body is decompressed within the cap, or handed on as it came', async () => {
  const text = JSON.stringify({ hello: 'world', list: Array.from({ length: 50 }, (_, i) => i) })
  const rig = await open({ handler: (_, answer) => answer.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(text)) })
  expect(await rig.door.fetch(ask())).toMatchObject({ body: Buffer.from(text) })
  expect(await rig.door.fetch(ask({ encoding: 'raw' }))).toMatchObject({ body: gzipSync(text) })
  const unknown = await open({ handler: (_, answer) => answer.writeHead(200, { 'content-encoding': 'zip' }).end('x') })
  expect(await unknown.door.fetch(ask())).toEqual({ failed: 'unreachable' })
})

test('P102 a connection is used again by the same tenant and never by another', async () => {
  const rig = await open()
  for (const tenantId of ['a', 'a', 'a', 'b']) await rig.door.fetch(ask({ tenantId }))
  expect(rig.connections()).toBe(2)
  expect(rig.seen).toHaveLength(4)
})

test('P105 a request tells that it is ours', async () => {
  const rig = await open()
  await rig.door.fetch(ask({ headers: { Via: 'forged' } }))
  expect(rig.seen[0]?.headers).toMatchObject({ via: '1.1 countersign-rig', 'user-agent': 'Countersign/0' })
})

test('P101 a body is sent again to the same origin only, and a redirect is not followed unless asked for', async () => {
  const rig = await open({
    guard: { allowed: [...RIG, ...allow('other.example.com:80')] },
    handler: ({ url, host }, answer) => {
      if (host !== 'rig.example.com' || url === '/end') return void answer.end('end')
      answer.writeHead(Number(url.slice(1, 4)), { location: url.endsWith('same') ? '/end' : 'http://other.example.com/' }).end()
    },
  })
  const post = (path: string, redirects = 3) =>
    rig.door.fetch(ask({ url: `http://rig.example.com${path}`, method: 'POST', body: 'secret', redirects }))
  expect(await post('/307same')).toMatchObject({ status: 200 })
  expect(rig.seen.at(-1)).toMatchObject({ method: 'POST', body: 'secret' })
  expect(await post('/303same')).toMatchObject({ status: 200 })
  expect(rig.seen.at(-1)).toMatchObject({ method: 'GET', body: '' })
  expect(await post('/307other')).toEqual({ failed: 'url_not_allowed' })
  expect(await post('/302other')).toMatchObject({ status: 200 })
  expect(rig.seen.at(-1)).toMatchObject({ method: 'GET', body: '', host: 'other.example.com' })
  expect(await post('/302same', 0)).toMatchObject({ status: 302 })
})

test('P86 P88 T69 a post sends exactly the signed bytes, follows nothing, reads 64 kB, and keeps 4 kB without secrets', async () => {
  const body = '{"a":1,"n":9007199254740993,"t":"Grüße"}'
  const rig = await open({
    handler: (_, answer) =>
      answer.writeHead(302, { location: '/x', 'retry-after': '120' }).end(`token=canary-1 ${'a'.repeat(1_000_000)}`),
  })
  const posted = await postSigned(rig.door, {
    tenantId: 't',
    url: 'http://rig.example.com/hook',
    body,
    headers: { 'webhook-id': 'evt_1' },
  })
  expect(posted).toMatchObject({ status: 302, retryAfter: '120' })
  expect((posted as { excerpt: string }).excerpt.length).toBeLessThanOrEqual(4_096)
  expect((posted as { excerpt: string }).excerpt).toMatch(/^token=\[secret\] a/)
  expect(rig.seen).toHaveLength(1)
  expect(rig.seen[0]).toMatchObject({
    method: 'POST',
    url: '/hook',
    body,
    headers: { 'content-type': 'application/json', 'webhook-id': 'evt_1' },
  })
})

test('T69 a post that cannot leave says its class, or throws it as a Problem', async () => {
  const rig = await open()
  const post = { tenantId: 't', url: 'https://169.254.169.254/', body: '{}', headers: {} }
  expect(await postSigned(rig.door, post)).toMatchObject({ failed: 'url_not_allowed' })
  await expect(postOrProblem(rig.door, post)).rejects.toMatchObject({ code: 'url_not_allowed' })
})

test('P101 proxies of the environment are ignored', async () => {
  const before = process.env.http_proxy
  process.env.http_proxy = 'http://127.0.0.1:1'
  const rig = await open()
  const answer = await rig.door.fetch(ask())
  if (before === undefined) delete process.env.http_proxy
  else process.env.http_proxy = before
  expect(answer).toMatchObject({ status: 200 })
})

test('P95 a closed door leaves no connection behind', async () => {
  const rig = await open({
    raw: (socket) => void once(socket, 'data').then(() => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')),
  })
  expect(await rig.door.fetch(ask())).toMatchObject({ status: 200 })
  await rig.door.close()
})

test('P102 the client below has the mends of its parser', async () => {
  const { default: manifest } = await import('undici/package.json', { with: { type: 'json' } })
  const [major = 0, minor = 0, patch = 0] = manifest.version.split('.').map(Number)
  const floors: Record<number, [number, number]> = { 6: [28, 1], 7: [29, 1], 8: [10, 2] }
  const floor = floors[major]
  expect(floor, manifest.version).toBeDefined()
  const [least, fix] = floor as [number, number]
  expect(minor > least || (minor === least && patch >= fix), manifest.version).toBe(true)
})
