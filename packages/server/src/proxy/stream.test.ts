import { connect as http2Connect } from 'node:http2'
import { createServer as createTls, connect as tlsConnect } from 'node:tls'
import zlib, { brotliCompressSync, gzipSync } from 'node:zlib'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { Secret } from '../crypto/secret.ts'
import { makeAuthority } from './testing/authority.ts'
import { bearer, filled, send } from './testing/gatekeeper.ts'
import { HOST, openWorld, untilClosed, type World } from './testing/world.ts'

const SECRET = 'canary-of-this-test/+9Zq'

const forms = (text: string): string[] => {
  const value = Buffer.from(text)
  const coded = [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift), value])
      .toString('base64')
      .slice(4, -4),
  )
  return [text, ...coded, value.toString('hex'), encodeURIComponent(text)]
}

function expectClean(text: string): void {
  for (const form of forms(SECRET)) expect(text).not.toContain(form)
}

async function ask(world: World, path = '/', more = ''): Promise<string> {
  const socket = await world.tunnel()
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${HOST}\r\n${more}Connection: close\r\n\r\n`)
  return untilClosed(socket)
}

test('V114 §12.25 an upstream that echoes the credential: headers, Location, Set-Cookie, JSON, pieces of one byte', async () => {
  const world = await openWorld({
    handler: (request, answer, { url }) => {
      const said = request.headers.authorization ?? ''
      answer.setHeader('X-Echo', said)
      answer.setHeader('X-Base64', Buffer.from(said).toString('base64'))
      answer.setHeader('Location', `https://evil.test/?t=${encodeURIComponent(SECRET)}`)
      answer.setHeader('Set-Cookie', [`a=${SECRET}`, 'b=plain'])
      if (url !== '/slow') return answer.end(JSON.stringify({ said, hex: Buffer.from(SECRET).toString('hex') }))
      const bytes = [...Buffer.from(`<${said}>`)]
      const next = () => {
        const byte = bytes.shift()
        if (byte === undefined) return answer.end()
        answer.write(Buffer.from([byte]), () => setImmediate(next))
      }
      next()
    },
  })
  world.keeper.verdict = () => bearer(SECRET)
  const whole = await ask(world)
  expectClean(whole)
  expect(whole).toMatch(/x-echo: \*{31}\r\n/i)
  expect(whole).toContain('"said":"*******')
  expect(whole).toContain('b=plain')
  const slow = await ask(world, '/slow')
  expectClean(slow)
  expect(slow.replace(/\r\n[0-9a-f]+\r\n/g, '')).toMatch(/\*{8}/)
  await expect.poll(() => world.keeper.outcomes.map(({ outcome }) => outcome.redactions > 0)).toEqual([true, true])
})

test('V115 §12.25 coded answers are decoded, scanned and go on as they are; a coding that nobody reads is refused', async () => {
  const text = `{"token":"${SECRET}"}`
  const codings: Record<string, Buffer> = { gzip: gzipSync(text), br: brotliCompressSync(text), compress: Buffer.from(text) }
  const world = await openWorld({
    handler: (_, answer, { url, headers }) => {
      const name = url.slice(1)
      answer.setHeader('Content-Encoding', name)
      answer.setHeader('Content-Type', 'application/json')
      answer.setHeader('ETag', '"1"')
      answer.setHeader('X-Asked', headers['accept-encoding'] ?? '')
      answer.end(codings[name])
    },
  })
  world.keeper.verdict = () => bearer(SECRET)
  const own = 'zstdCompressSync' in zlib
  if (own) codings.zstd = (zlib as unknown as { zstdCompressSync(text: string): Buffer }).zstdCompressSync(text)
  for (const name of own ? ['gzip', 'br', 'zstd'] : ['gzip', 'br']) {
    const answer = await ask(world, `/${name}`, 'Accept-Encoding: zstd, gzip;q=0.5, br, compress\r\n')
    expectClean(answer)
    expect(answer).toContain(`{"token":"${'*'.repeat(SECRET.length)}"}`)
    expect(answer).toMatch(/etag: W\/"1"/i)
    expect(answer).toMatch(own ? /x-asked: zstd, gzip;q=0\.5, br\r\n/i : /x-asked: gzip;q=0\.5, br\r\n/i)
    expect(answer).not.toMatch(/content-encoding/i)
  }
  expect(await ask(world, '/compress')).toMatch(/^HTTP\/1\.1 502 [\s\S]*coding_unsupported/)
  world.keeper.verdict = () => bearer(SECRET, { scan: false })
  expect(await ask(world, '/compress')).toContain(SECRET)
})

test('V114 §12.25 over HTTP/2, with trailers', async () => {
  const world = await openWorld()
  world.server.removeAllListeners('request')
  world.server.removeAllListeners('stream')
  world.server.on('stream', (stream) => {
    stream.respond({ ':status': 200 }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-said': `Bearer ${SECRET}` }))
    stream.write(SECRET.slice(0, 10))
    setImmediate(() => stream.end(`${SECRET.slice(10)} end`))
  })
  world.keeper.verdict = () => bearer(SECRET)
  const socket = await world.tunnel({ alpn: ['h2'] })
  const session = http2Connect(`https://${HOST}`, { createConnection: () => socket })
  onTestFinished(() => session.destroy())
  const got = await new Promise<{ body: string; trailers: unknown }>((resolve, reject) => {
    const stream = session.request({ ':path': '/' })
    let body = ''
    let trailers: unknown
    stream.setEncoding('latin1')
    stream.on('data', (chunk: string) => {
      body += chunk
    })
    stream.on('trailers', (fields) => {
      trailers = fields['x-said']
    })
    stream.on('end', () => resolve({ body, trailers }))
    stream.on('error', reject)
  })
  expect(got).toEqual({ body: `${'*'.repeat(SECRET.length)} end`, trailers: '*'.repeat(SECRET.length + 7) })
})

test('V112 §12.25 events are not held, and an echo in one is covered: each arrives before the next is sent', async () => {
  let answerOf: { write(text: string): void; end(): void } | null = null
  const world = await openWorld({
    handler: (_, answer) => {
      answer.writeHead(200, { 'content-type': 'text/event-stream' })
      answerOf = answer
      answer.write('data: 0\n\n')
    },
  })
  world.keeper.verdict = () => bearer(SECRET)
  const socket = await world.tunnel()
  let got = ''
  socket.on('data', (chunk: Buffer) => {
    got += chunk.toString('latin1')
  })
  socket.write(`GET /events HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`)
  for (let i = 0; i < 5; i++) {
    await expect.poll(() => got).toContain(`data: ${i}\n\n`)
    ;(answerOf as unknown as { write(text: string): void }).write(`data: ${i + 1}\n\n`)
  }
  // What it echoes in one of them is covered, also where it comes in two.
  const say = (text: string) => (answerOf as unknown as { write(text: string): void }).write(text)
  say(`data: ${SECRET.slice(0, 11)}`)
  await expect.poll(() => got).toContain('data: 5')
  say(`${SECRET.slice(11)}\n\ndata: after\n\n`)
  await expect.poll(() => got).toContain('data: after\n\n')
  expect(got).toContain(`${'*'.repeat(SECRET.length)}\n\n`)
  expectClean(got)
  expectClean(got.replace(/\r\n[0-9a-f]+\r\n/g, ''))
})

async function webSockets(): Promise<{ world: World; server: WebSocketServer; asked: Record<string, unknown>[] }> {
  const asked: Record<string, unknown>[] = []
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: true, handleProtocols: () => false })
  const world = await openWorld()
  world.server.on('upgrade', (request, socket, head) => {
    asked.push({ url: request.url, ...request.headers })
    server.handleUpgrade(request, socket as never, head as never, (opened) => server.emit('connection', opened, request))
  })
  onTestFinished(() => {
    for (const client of server.clients) client.terminate()
    server.close()
  })
  return { world, server, asked }
}

async function openSocket(world: World, path = '/ws', protocols: string[] = []): Promise<WebSocket> {
  const tunnel = await world.tunnel()
  const socket = new WebSocket(`wss://${HOST}${path}`, protocols, { createConnection: () => tunnel as never })
  socket.on('error', () => undefined)
  onTestFinished(() => socket.terminate())
  return socket
}

test('V112 V114 §12.25 a WebSocket carries the credential at its upgrade, and its frames come back masked and whole', async () => {
  const { world, server, asked } = await webSockets()
  server.on('connection', (opened, request) => {
    opened.on('message', (data) => {
      const text = data.toString()
      if (text === 'parts') {
        opened.send(`<${SECRET.slice(0, 9)}`, { fin: false })
        opened.ping('still here')
        opened.send(`${SECRET.slice(9)}>`, { fin: true })
      } else if (text === 'long') opened.send('x'.repeat(70_000) + SECRET)
      else opened.send(`${text} ${request.headers.authorization}`)
    })
  })
  world.keeper.verdict = () => bearer(SECRET)
  const socket = await openSocket(world)
  const messages: string[] = []
  let pings = 0
  socket.on('message', (data) => messages.push(data.toString()))
  socket.on('ping', () => pings++)
  await new Promise((resolve) => socket.once('open', resolve))
  for (const text of ['echo', 'parts', 'long', 'end']) socket.send(text)
  await expect.poll(() => messages.length).toBe(4)
  expect(messages[0]).toBe(`echo ${'*'.repeat(SECRET.length + 7)}`)
  expect(messages[1]).toBe(`<${'*'.repeat(SECRET.length)}>`)
  expect(messages[2]).toBe('x'.repeat(70_000) + '*'.repeat(SECRET.length))
  expect(pings).toBe(1)
  expect(asked[0]?.authorization).toBe(`Bearer ${SECRET}`)
  expect(asked[0]?.['sec-websocket-extensions']).toBeUndefined()
  expect(world.keeper.asked[0]).toMatchObject({ upgrade: 'websocket', method: 'GET' })
  socket.close()
  await expect.poll(() => world.keeper.outcomes.map(({ outcome }) => outcome.status)).toEqual([101])
})

test('V56 ws_protocol: one element of Sec-WebSocket-Protocol, in the place of our placeholder', async () => {
  const { world, asked } = await webSockets()
  world.keeper.verdict = () =>
    send({
      connectionId: 'conn_1',
      placeholder: 'csph_conn_1',
      injections: [filled({ where: 'ws_protocol', template: 'token.{{t}}' }, 'token.secret-of-test')],
      mask: [new Secret('secret-of-test')],
    })
  const socket = await openSocket(world, '/ws', ['chat', 'csph_conn_1', 'v2'])
  socket.on('error', () => undefined)
  await expect.poll(() => asked.length).toBe(1)
  expect(asked[0]?.['sec-websocket-protocol']).toMatch(/^chat, ?token\.secret-of-test, ?v2$/)
})

test('V112 an upgrade that upstream refuses is an answer like any other', async () => {
  const world = await openWorld()
  world.server.on('upgrade', (_, socket) => socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno'))
  const socket = await openSocket(world)
  const status = await new Promise((resolve) => socket.once('unexpected-response', (_, answer) => resolve(answer.statusCode)))
  expect(status).toBe(403)
})

test('V86 V112 extended CONNECT of HTTP/2 opens a WebSocket', async () => {
  const { world, server } = await webSockets()
  server.on('connection', (opened) => opened.send('hello'))
  const socket = await world.tunnel({ alpn: ['h2'] })
  const session = http2Connect(`https://${HOST}`, { createConnection: () => socket })
  onTestFinished(() => session.destroy())
  await new Promise((resolve) => session.once('remoteSettings', resolve))
  const stream = session.request({
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':scheme': 'https',
    ':path': '/ws',
    ':authority': HOST,
    'sec-websocket-version': '13',
  })
  const status = await new Promise((resolve) => stream.once('response', (headers) => resolve(headers[':status'])))
  expect(status).toBe(200)
  const frame = await new Promise<Buffer>((resolve) => stream.once('data', resolve))
  expect(frame.toString('latin1')).toBe('\x81\x05hello')
})

test('V113 what carries the credential of a connection is cut at once, and only that', async () => {
  const world = await openWorld({
    handler: (_, answer) => {
      answer.writeHead(200, { 'content-type': 'text/event-stream' })
      answer.write('data: 0\n\n')
    },
  })
  world.keeper.verdict = ({ path }) => bearer(SECRET, { connectionId: path.slice(1) })
  const open = async (path: string) => {
    const socket = await world.tunnel()
    socket.on('error', () => undefined)
    socket.write(`GET ${path} HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`)
    await new Promise((resolve) => socket.once('data', resolve))
    let closed = false
    socket.on('close', () => {
      closed = true
    })
    socket.resume()
    return () => closed
  }
  const [one, two] = [await open('/conn_1'), await open('/conn_2')]
  world.keeper.cut({ connectionId: 'conn_1' })
  await expect.poll(one).toBe(true)
  expect(two()).toBe(false)
  world.keeper.cut({ runId: world.keeper.run.id })
  await expect.poll(two).toBe(true)
  await expect.poll(() => world.keeper.outcomes.map(({ outcome }) => outcome.fault)).toEqual(['aborted', 'aborted'])
})

test('V113 V23 the end of a run closes its tunnels, a WebSocket too', async () => {
  const { world } = await webSockets()
  world.keeper.verdict = () => bearer(SECRET)
  const socket = await openSocket(world)
  socket.on('error', () => undefined)
  await new Promise((resolve) => socket.once('open', resolve))
  const idle = await world.tunnel()
  idle.on('error', () => undefined)
  const closed = Promise.all([
    new Promise((resolve) => socket.once('close', resolve)),
    new Promise((resolve) => idle.once('close', resolve)),
  ])
  idle.resume()
  world.keeper.cut({ runId: world.keeper.run.id })
  await closed
})

test('V95 a blind tunnel passes bytes as they are, its name must be the one that was asked for, and only bytes are known', async () => {
  const pinned = await makeAuthority('aut_pinned')
  const server = createTls(await pinned.issue([HOST]), (socket) => {
    socket.on('error', () => undefined)
    socket.once('data', (chunk) => socket.end(`pinned ${chunk}`))
  })
  const world = await openWorld({ raw: server })
  world.keeper.how = () => 'tunnel'
  const { status, socket } = await world.connect()
  expect(status).toBe(200)
  const through = tlsConnect({ socket, ca: pinned.certificate, servername: HOST })
  through.write('hello')
  expect(await untilClosed(through)).toBe('pinned hello')
  await expect.poll(() => world.keeper.tunnels.length).toBe(1)
  expect(world.keeper.tunnels[0]?.up).toBeGreaterThan(100)
  const other = await world.connect()
  const wrong = tlsConnect({ socket: other.socket, ca: pinned.certificate, servername: 'other.example.com' })
  expect(await untilClosed(wrong)).toBe('')
  const plain = await world.connect()
  plain.socket.write('GET / HTTP/1.1\r\n\r\n')
  expect(await untilClosed(plain.socket)).toBe('')
  await expect.poll(() => world.keeper.tunnels.map(({ up }) => up > 0)).toEqual([true, false, false])
  expect(world.keeper.asked).toEqual([])
})

test('V108 a blind tunnel to an address that may not be called is refused', async () => {
  const world = await openWorld({ zone: () => ({ records: [{ address: '10.0.0.1' }] }) })
  world.keeper.how = () => 'tunnel'
  const { status, text } = await world.connect('inner.example.com:443')
  expect([status, world.dialled]).toEqual([403, []])
  expect(text).toContain('Countersign-Outcome: deny')
})
