import { X509Certificate } from 'node:crypto'
import { createServer, connect as netConnect } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import { expect, test } from 'vitest'
import { mintKey } from '../crypto/token.ts'
import { testClock } from '../std/clock.ts'
import { HOST, headOf, openWorld, untilClosed } from './testing/world.ts'

const get = (path = '/', more = '') => `GET ${path} HTTP/1.1\r\nHost: ${HOST}\r\n${more}Connection: close\r\n\r\n`

test('V83 V85 behind CONNECT a request reaches the upstream, with a leaf for the name that was asked for', async () => {
  const world = await openWorld({ handler: (_, answer) => answer.end('hello') })
  const socket = await world.tunnel()
  socket.write(get('/v1/x?a=b'))
  const answer = await untilClosed(socket)
  expect(answer).toMatch(/^HTTP\/1\.1 200 /)
  expect(answer).toContain('hello')
  expect(world.seen).toHaveLength(1)
  expect(world.seen[0]).toMatchObject({ method: 'GET', url: '/v1/x?a=b' })
  expect(world.seen[0]?.headers['proxy-authorization']).toBeUndefined()
  expect(world.keeper.asked[0]).toMatchObject({ scheme: 'https', host: HOST, port: 443, path: '/v1/x', query: 'a=b' })
  await expect.poll(() => world.keeper.outcomes.length).toBe(1)
  expect(world.keeper.outcomes[0]?.outcome).toMatchObject({ status: 200, fault: null, address: '127.0.0.1' })
})

test('V83 plain http and https in absolute form are taken; origin-form, TRACE and CONNECT without port are not', async () => {
  const world = await openWorld()
  const ask = async (text: string) => {
    const socket = netConnect({ host: '127.0.0.1', port: world.port })
    socket.write(text)
    return untilClosed(socket)
  }
  const auth = `Proxy-Authorization: ${world.auth()}\r\n`
  expect(await ask(`GET http://${HOST}/a HTTP/1.1\r\nHost: ${HOST}\r\n${auth}Connection: close\r\n\r\n`)).toMatch(
    /^HTTP\/1\.1 200/,
  )
  expect(await ask(`GET https://${HOST}/b HTTP/1.1\r\nHost: ${HOST}\r\n${auth}Connection: close\r\n\r\n`)).toMatch(
    /^HTTP\/1\.1 200/,
  )
  expect(world.seen.map((one) => one.url)).toEqual(['/a', '/b'])
  expect(world.keeper.asked.map((one) => one.scheme)).toEqual(['http', 'https'])
  for (const line of [
    'GET / HTTP/1.1',
    `TRACE http://${HOST}/ HTTP/1.1`,
    `CONNECT ${HOST} HTTP/1.1`,
    `CONNECT ${HOST}:0 HTTP/1.1`,
    `CONNECT ${HOST}:65536 HTTP/1.1`,
    `GET ${HOST}:443 HTTP/1.1`,
    `GET ftp://${HOST}/ HTTP/1.1`,
    `GET http://user@${HOST}/ HTTP/1.1`,
    'CONNECT 2130706433:443 HTTP/1.1',
  ]) {
    const answer = await ask(`${line}\r\nHost: ${HOST}\r\n${auth}\r\n`)
    expect([line, answer.slice(0, 12), answer.includes('"code":"protocol"')]).toEqual([line, 'HTTP/1.1 400', true])
  }
  expect(world.seen).toHaveLength(2)
})

test('V84 §10.1 proxy credentials: whoever shows no token of an open run reads one and the same 407, and nothing is resolved or dialled', async () => {
  const clock = testClock()
  const world = await openWorld({ clock })
  const { keeper } = world
  const wrong = [
    null,
    'Basic',
    'Basic !!!',
    `Basic ${Buffer.from('run:').toString('base64')}`,
    `Basic ${Buffer.from(`other:${keeper.token}`).toString('base64')}`,
    world.auth(`${keeper.token.slice(0, -1)}x`),
    world.auth(mintKey('test', 'prx')),
    world.auth(mintKey('test', 'agt')),
    `Bearer ${mintKey('live', 'prx')}`,
    `${world.auth()}\r\nProxy-Authorization: ${world.auth()}`,
  ]
  const bodies = new Set<string>()
  for (const value of wrong) {
    const socket = netConnect({ host: '127.0.0.1', port: world.port })
    socket.write(
      `CONNECT ${HOST}:443 HTTP/1.1\r\nHost: ${HOST}:443\r\n${value === null ? '' : `Proxy-Authorization: ${value}\r\n`}\r\n`,
    )
    const head = await headOf(socket)
    expect(head).toMatch(/^HTTP\/1\.1 407 /)
    expect(head).toContain('Proxy-Authenticate: Basic realm="countersign"')
    socket.end()
    bodies.add((await untilClosed(socket)).replace(/^[\s\S]*?\{/, '{'))
  }
  expect(bodies.size).toBe(1)
  expect([...bodies][0]).toContain('run_token_required')
  expect(world.asked).toEqual([])
  expect(world.dialled).toEqual([])
})

test('V84 §10.1 proxy credentials: shown inside of the tunnel they are stripped, and never forwarded', async () => {
  const world = await openWorld()
  const socket = await world.tunnel()
  socket.write(get('/', `Proxy-Authorization: ${world.auth()}\r\nProxy-Connection: keep-alive\r\n`))
  expect(await untilClosed(socket)).toMatch(/^HTTP\/1\.1 200 /)
  expect(Object.keys(world.seen[0]?.headers ?? {}).filter((name) => name.startsWith('proxy-'))).toEqual([])
  expect(world.keeper.asked[0]?.headers.filter(([name]) => name.startsWith('proxy-'))).toEqual([])
  expect(world.logged.join('')).not.toContain(world.keeper.token)
})

test('V84 §10.1 a credential of 100 kB is one that is wrong', async () => {
  const world = await openWorld()
  const socket = netConnect({ host: '127.0.0.1', port: world.port })
  socket.on('error', () => undefined)
  const answer = untilClosed(socket)
  socket.write(`CONNECT ${HOST}:443 HTTP/1.1\r\nHost: ${HOST}:443\r\nProxy-Authorization: Basic ${'A'.repeat(100_000)}\r\n\r\n`)
  expect(await answer).toMatch(/^HTTP\/1\.1 407 /)
})

test('V84 after a 407 the same connection takes the second try', async () => {
  const world = await openWorld()
  const first = await world.connect(undefined, null)
  expect(first.status).toBe(407)
  const { socket } = first
  const length = Number(/content-length: (\d+)/i.exec(first.text)?.[1])
  await new Promise<void>((resolve) => {
    let read = 0
    socket.on('data', (chunk: Buffer) => {
      read += chunk.length
      if (read >= length) resolve()
    })
    socket.resume()
  })
  socket.removeAllListeners('data')
  socket.write(`CONNECT ${HOST}:443 HTTP/1.1\r\nHost: ${HOST}:443\r\nProxy-Authorization: ${world.auth()}\r\n\r\n`)
  expect(await headOf(socket)).toMatch(/^HTTP\/1\.1 200 /)
})

test('V84 twenty failures in a minute and the address waits, but not a run that is known', async () => {
  const clock = testClock()
  const world = await openWorld({ clock })
  expect((await world.connect()).status).toBe(200)
  for (let i = 0; i < 20; i++) expect((await world.connect(undefined, mintKey('test', 'prx'))).status).toBe(407)
  const limited = await world.connect(undefined, mintKey('test', 'prx'))
  expect(limited.status).toBe(429)
  expect(Number(/retry-after: (\d+)/i.exec(limited.text)?.[1])).toBeGreaterThan(0)
  const opened = world.keeper.opened.length
  expect((await world.connect(undefined, mintKey('test', 'prx'))).status).toBe(429)
  expect(world.keeper.opened).toHaveLength(opened)
  expect((await world.connect()).status).toBe(200)
  clock.advance(61_000)
  expect((await world.connect(undefined, mintKey('test', 'prx'))).status).toBe(407)
})

test('V85 a host that differs in SNI or Host is refused inside TLS with 421, and nothing is dialled', async () => {
  const world = await openWorld()
  const bySni = await world.tunnel({ servername: 'other.example.com' })
  bySni.write(get())
  expect(await untilClosed(bySni)).toMatch(/^HTTP\/1\.1 421 [\s\S]*"code":"host_mismatch"/)
  for (const host of ['other.example.com', `${HOST}:8443`, `${HOST}.evil.test`]) {
    const byHost = await world.tunnel()
    byHost.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
    expect(await untilClosed(byHost)).toMatch(/^HTTP\/1\.1 421 [\s\S]*"reason":"host_mismatch"/)
  }
  expect(world.dialled).toEqual([])
  expect(world.keeper.asked).toEqual([])
})

test('V3 V85 upper case, a trailing dot and the port 443 are the same host', async () => {
  const world = await openWorld()
  for (const host of [HOST.toUpperCase(), `${HOST}.`, `${HOST}:443`]) {
    const socket = await world.tunnel()
    socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
    expect(await untilClosed(socket)).toMatch(/^HTTP\/1\.1 200 /)
  }
  expect(new Set(world.keeper.asked.map((one) => one.host))).toEqual(new Set([HOST]))
})

test('V97 a denial is answered inside TLS as it was judged, and no upstream socket is opened', async () => {
  const world = await openWorld()
  world.keeper.verdict = () => ({
    kind: 'answer',
    status: 403,
    headers: { 'content-type': 'application/problem+json', 'countersign-outcome': 'deny' },
    body: Buffer.from('{"code":"proxy_denied","reason":"no_grant"}'),
  })
  const socket = await world.tunnel()
  socket.write(get())
  const answer = await untilClosed(socket)
  expect(answer).toMatch(/^HTTP\/1\.1 403 /)
  expect(answer).toContain('"reason":"no_grant"')
  expect(world.dialled).toEqual([])
  expect(world.keeper.outcomes).toHaveLength(1)
})

test('V108 addresses and ports that may not be called are refused after the judgement, whatever it said', async () => {
  const world = await openWorld({
    zone: (name) => ({ records: [{ address: name === 'rebinds.example.com' ? '169.254.169.254' : '10.0.0.1' }] }),
  })
  const ask = async (host: string, port: number) => {
    const socket = await world.tunnel({ host, port, servername: /^[\d.]+$/.test(host) ? '' : host })
    socket.write(`GET / HTTP/1.1\r\nHost: ${port === 443 ? host : `${host}:${port}`}\r\nConnection: close\r\n\r\n`)
    return untilClosed(socket)
  }
  expect(await ask('inner.example.com', 443)).toContain('"reason":"address_denied"')
  expect(await ask('rebinds.example.com', 443)).toContain('"reason":"address_denied"')
  expect(await ask('inner.example.com', 8443)).toContain('"reason":"port_denied"')
  expect(world.dialled).toEqual([])
  expect(world.keeper.outcomes.map(({ outcome }) => outcome.fault)).toEqual(['proxy_denied', 'proxy_denied', 'proxy_denied'])
})

test('V108 §12.21 §10.2 literals, the metadata address, and a resolver that mixes or rebinds its answers: each refused, and no listener is reached', async () => {
  let looks = 0
  const world = await openWorld({
    zone: (name) => {
      if (name === 'mixed.example.com') return { records: [{ address: '93.184.215.14' }, { address: '127.0.0.1' }] }
      // The first answer is public, and every later one is not.
      if (name === 'rebinds.example.com') return { records: [{ address: looks++ === 0 ? '93.184.215.14' : '127.0.0.1' }] }
      return { records: [{ address: '127.0.0.1' }] }
    },
    raw: createServer((socket) => socket.destroy()),
    allowed: [],
  })
  const inside = async (host: string) => {
    const { status, text, socket } = await world.connect(`${host}:443`)
    if (status !== 200) return text + (await untilClosed(socket))
    const secured = tlsConnect({
      socket,
      ca: world.ca,
      ...(/^[[\d]/.test(host) ? { checkServerIdentity: () => undefined } : { servername: host }),
    })
    secured.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
    return untilClosed(secured)
  }
  for (const host of [
    '127.0.0.1',
    '[::ffff:127.0.0.1]',
    '[::1]',
    '169.254.169.254',
    '10.0.0.1',
    'mixed.example.com',
    'inner.example.com',
  ])
    expect([host, await inside(host)]).toEqual([host, expect.stringContaining('"reason":"address_denied"')])
  for (const url of ['http://127.0.0.1/', 'http://169.254.169.254/latest/meta-data/', 'http://inner.example.com/']) {
    const socket = netConnect({ host: '127.0.0.1', port: world.port })
    const host = new URL(url).host
    socket.write(`GET ${url} HTTP/1.1\r\nHost: ${host}\r\nProxy-Authorization: ${world.auth()}\r\nConnection: close\r\n\r\n`)
    expect([url, await untilClosed(socket)]).toEqual([url, expect.stringContaining('"reason":"address_denied"')])
  }
  // What is dialled is what was checked, and nothing that a later answer says.
  await inside('rebinds.example.com')
  expect(world.dialled.filter((to) => !to.startsWith('93.184.215.14 '))).toEqual([])
})

test('V119 a leaf has what strict verifiers ask for, one key for all names, and an address as an address', async () => {
  const world = await openWorld()
  const leafOf = async (host: string, servername = host) => {
    const socket = await world.tunnel({ host, servername })
    return new X509Certificate(socket.getPeerX509Certificate()?.raw as Buffer)
  }
  const one = await leafOf(HOST)
  const two = await leafOf('other.example.com')
  const ca = new X509Certificate(world.ca)
  expect(one.verify(ca.publicKey)).toBe(true)
  expect(one.checkHost(HOST)).toBe(HOST)
  expect(two.checkHost(HOST)).toBeUndefined()
  expect(one.publicKey.export({ type: 'spki', format: 'pem' })).toBe(two.publicKey.export({ type: 'spki', format: 'pem' }))
  expect(one.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1')
  expect(one.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1'])
  expect(one.serialNumber).toHaveLength(32)
  expect(one.serialNumber).not.toBe(two.serialNumber)
  const der = one.raw.toString('hex')
  for (const oid of ['0603551d0e', '0603551d23', '0603551d0f', '0603551d13']) expect(der).toContain(oid)
})

test('V119 a run that asks for too many new names at once is told to wait; known names still work', async () => {
  const world = await openWorld({ clock: testClock({ start: new Date(performance.timeOrigin) }) })
  for (let i = 0; i < 20; i++) expect((await world.connect(`h${i}.example.com:443`)).status).toBe(200)
  expect((await world.connect('h20.example.com:443')).status).toBe(429)
  expect((await world.connect('h3.example.com:443')).status).toBe(200)
})

test('V82 while nothing is heard of the control plane new requests are refused', async () => {
  const world = await openWorld()
  const socket = await world.tunnel()
  world.keeper.fresh = false
  socket.write(get())
  expect(await untilClosed(socket)).toMatch(/^HTTP\/1\.1 503 [\s\S]*control_unreachable/)
  expect(world.keeper.asked).toEqual([])
})
