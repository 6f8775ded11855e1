import { type ClientHttp2Session, connect as http2Connect } from 'node:http2'
import { connect, createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { testClock } from '../std/clock.ts'
import { bearer, send } from './testing/gatekeeper.ts'
import { HOST, openWorld, untilClosed, type World } from './testing/world.ts'

async function session(world: World): Promise<ClientHttp2Session> {
  const socket = await world.tunnel({ alpn: ['h2'] })
  const opened = http2Connect(`https://${HOST}`, { createConnection: () => socket })
  opened.on('error', () => undefined)
  onTestFinished(() => opened.destroy())
  return opened
}

type Reply = {
  status: number
  headers: Record<string, unknown>
  trailers: Record<string, unknown>
  body: string
  informed: number[]
}

function ask(on: ClientHttp2Session, headers: Record<string, string>, body?: string | Buffer): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const stream = on.request(headers, { endStream: body === undefined })
    const reply: Reply = { status: 0, headers: {}, trailers: {}, body: '', informed: [] }
    stream.on('headers', (got) => reply.informed.push(Number(got[':status'])))
    stream.on('response', (got) => {
      reply.status = Number(got[':status'])
      reply.headers = got
    })
    stream.on('trailers', (got) => {
      reply.trailers = got
    })
    stream.setEncoding('latin1')
    stream.on('data', (chunk: string) => {
      reply.body += chunk
    })
    stream.on('end', () => resolve(reply))
    stream.on('error', reject)
    if (body !== undefined) stream.end(body)
  })
}

test('V86 an HTTP/2 client reaches an HTTP/2 upstream, many requests over one session', async () => {
  const world = await openWorld({ handler: (_, answer, seen) => answer.end(`${seen.protocol} ${seen.url} ${seen.body}`) })
  const h2 = await session(world)
  const first = await ask(h2, { ':path': '/0', ':method': 'POST' }, 'body')
  expect(first).toMatchObject({ status: 200, body: '2.0 /0 body' })
  const all = await Promise.all(Array.from({ length: 20 }, (_, i) => ask(h2, { ':path': `/${i + 1}` })))
  expect(all.map(({ body }) => body)).toEqual(Array.from({ length: 20 }, (_, i) => `2.0 /${i + 1} `))
  expect(world.connections()).toBe(1)
  await expect.poll(() => world.keeper.outcomes.length).toBe(21)
})

test('V86 a session is never shared between tenants, nor between connections', async () => {
  const world = await openWorld()
  const other = world.keeper.another({ tenant: 'tenant-2' })
  const one = async (path: string, token?: string) => {
    const socket = await world.tunnel(token === undefined ? {} : { token })
    socket.write(`GET ${path} HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`)
    expect(await untilClosed(socket)).toMatch(/^HTTP\/1\.1 200/)
  }
  world.keeper.verdict = ({ path }) => bearer('a-secret-of-this-test', { connectionId: path.slice(1) })
  await one('/conn_a')
  await one('/conn_a')
  expect(world.connections()).toBe(1)
  await one('/conn_b')
  expect(world.connections()).toBe(2)
  await one('/conn_a', other.token)
  expect(world.connections()).toBe(3)
})

test('V86 trailers and gRPC status pass unchanged, and a denial is a status without a body', async () => {
  const world = await openWorld()
  world.server.removeAllListeners('request')
  world.server.removeAllListeners('stream')
  world.server.on('stream', (stream, headers) => {
    expect(headers.te).toBe('trailers')
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '5', 'grpc-message': 'none' }))
    stream.end('frames')
  })
  const h2 = await session(world)
  const call = { ':method': 'POST', ':path': '/svc/Do', 'content-type': 'application/grpc', te: 'trailers' }
  expect(await ask(h2, call, 'x')).toMatchObject({
    status: 200,
    body: 'frames',
    trailers: { 'grpc-status': '5', 'grpc-message': 'none' },
  })
  world.keeper.verdict = () => ({ kind: 'answer', status: 403, headers: {}, body: Buffer.from('{}'), grpcStatus: 7 })
  expect(await ask(h2, call, 'x')).toMatchObject({
    status: 200,
    body: '',
    headers: { 'grpc-status': '7', 'content-type': 'application/grpc' },
  })
})

test('V86 §12.29 gRPC of all four kinds: frames, trailers and status are those of a direct call, and a denied method is status 7', async () => {
  const world = await openWorld()
  world.server.removeAllListeners('request')
  world.server.removeAllListeners('stream')
  const frame = (text: string): Buffer => {
    const head = Buffer.alloc(5)
    head.writeUInt32BE(Buffer.byteLength(text), 1)
    return Buffer.concat([head, Buffer.from(text)])
  }
  world.server.on('stream', (stream, headers) => {
    const kind = String(headers[':path']).slice('/echo.Echo/'.length)
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.on('wantTrailers', () =>
      stream.sendTrailers({ 'grpc-status': kind === 'Unary' ? '0' : '10', 'grpc-message': kind, 'x-end-bin': 'AAE' }),
    )
    let got = 0
    stream.on('data', (chunk: Buffer) => {
      got += chunk.length
      if (kind === 'Both') stream.write(chunk)
    })
    stream.on('end', () => {
      if (kind === 'Both') return stream.end()
      if (kind === 'Server') for (const text of ['one', 'two']) stream.write(frame(text))
      stream.end(frame(`${got}`))
    })
  })
  const h2 = await session(world)
  /** Pieces one by one; where the service answers each, the next only after the answer to the one before. */
  const call = (kind: string, pieces: readonly string[]) =>
    new Promise<{ frames: string; trailers: Record<string, unknown> }>((resolve, reject) => {
      const stream = h2.request({
        ':method': 'POST',
        ':path': `/echo.Echo/${kind}`,
        'content-type': 'application/grpc',
        te: 'trailers',
      })
      const left = [...pieces]
      const chunks: Buffer[] = []
      let trailers: Record<string, unknown> = {}
      const next = () => {
        const text = left.shift()
        if (text === undefined) stream.end()
        else stream.write(frame(text), () => void (kind === 'Both' || next()))
      }
      stream.on('response', (fields) => {
        if (fields['grpc-status'] !== undefined) trailers = fields
      })
      stream.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        if (kind === 'Both') next()
      })
      stream.on('trailers', (fields) => {
        trailers = fields
      })
      stream.on('end', () => resolve({ frames: Buffer.concat(chunks).toString('latin1'), trailers }))
      stream.on('error', reject)
      next()
    })
  const frames = (...texts: string[]) => Buffer.concat(texts.map(frame)).toString('latin1')
  const ends = (status: string, message: string) => ({ 'grpc-status': status, 'grpc-message': message, 'x-end-bin': 'AAE' })
  expect(await call('Unary', ['abc'])).toMatchObject({ frames: frames('8'), trailers: ends('0', 'Unary') })
  expect(await call('Client', ['abc', 'de'])).toMatchObject({ frames: frames('15'), trailers: ends('10', 'Client') })
  expect(await call('Server', ['abc'])).toMatchObject({ frames: frames('one', 'two', '8'), trailers: ends('10', 'Server') })
  expect(await call('Both', ['a', 'b', 'c'])).toMatchObject({ frames: frames('a', 'b', 'c'), trailers: ends('10', 'Both') })
  world.keeper.verdict = () => ({ kind: 'answer', status: 403, headers: {}, body: Buffer.from('{}'), grpcStatus: 7 })
  expect(await call('Unary', ['abc'])).toMatchObject({ frames: '', trailers: { 'grpc-status': '7' } })
})

test('V86 V87 1xx passes, and 100 is said after the judgement only', async () => {
  const world = await openWorld({
    handler: (_, answer) => {
      answer.writeEarlyHints({ link: '</a.css>; rel=preload' })
      answer.end('done')
    },
  })
  const h2 = await session(world)
  expect(await ask(h2, { ':path': '/' })).toMatchObject({ status: 200, informed: [103], body: 'done' })
  let judged = false
  world.keeper.verdict = () => {
    judged = true
    return send()
  }
  const socket = await world.tunnel()
  socket.write(`POST /x HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n`)
  const first = await new Promise<string>((resolve) => socket.once('data', (chunk: Buffer) => resolve(chunk.toString('latin1'))))
  expect(first).toMatch(/^HTTP\/1\.1 100 /)
  expect(judged).toBe(true)
  socket.write('body')
  expect(await untilClosed(socket)).toContain('done')
  expect(world.seen.at(-1)?.body.toString()).toBe('body')
})

test('V87 a client that says Expect to a request that is denied is never told to go on', async () => {
  const world = await openWorld()
  world.keeper.verdict = () => ({ kind: 'answer', status: 403, headers: {}, body: Buffer.from('no') })
  const socket = await world.tunnel()
  socket.write(`POST /x HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n`)
  expect(await untilClosed(socket)).toMatch(/^HTTP\/1\.1 403 /)
})

test('V87 a large body streams both ways and arrives whole', async () => {
  const size = 16 * 1_048_576
  const world = await openWorld()
  world.server.removeAllListeners('request')
  world.server.on('request', (request, answer) => {
    answer.writeHead(200)
    request.pipe(answer)
  })
  world.keeper.verdict = () => bearer('a-secret-of-this-test')
  const socket = await world.tunnel()
  socket.write(`POST /echo HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: ${size}\r\nConnection: close\r\n\r\n`)
  const done = new Promise<void>((resolve) => socket.on('close', () => resolve()))
  socket.resume()
  const piece = Buffer.alloc(65_536, 'x')
  for (let sent = 0; sent < size; sent += piece.length)
    if (!socket.write(piece)) await new Promise((resolve) => socket.once('drain', resolve))
  await done
  await expect.poll(() => world.keeper.outcomes[0]?.outcome).toMatchObject({ bytesUp: size, bytesDown: size, fault: null })
}, 60_000)

test('V87 an upstream that does not read stops the client', async () => {
  const world = await openWorld()
  world.server.removeAllListeners('request')
  world.server.on('request', (request) => void request.pause())
  const socket = await world.tunnel()
  socket.write(`POST /x HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: ${64 * 1_048_576}\r\n\r\n`)
  let written = 0
  let full = false
  const more = () => {
    while (written < 64 * 1_048_576) {
      written += 65_536
      if (!socket.write(Buffer.alloc(65_536))) return void socket.once('drain', more)
    }
    full = true
  }
  more()
  await untilStill(() => written)
  expect(full).toBe(false)
  expect(written).toBeLessThan(32 * 1_048_576)
})

test('V87 a reader that stops reading stops the upstream', async () => {
  const world = await openWorld()
  let written = 0
  world.server.removeAllListeners('request')
  world.server.on('request', (_, answer) => {
    const piece = Buffer.alloc(65_536)
    const more = () => {
      while (written < 64 * 1_048_576) {
        written += piece.length
        if (!answer.write(piece)) return void answer.once('drain', more)
      }
      answer.end()
    }
    more()
  })
  const socket = await world.tunnel()
  socket.write(`GET /big HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`)
  await new Promise((resolve) => socket.once('readable', resolve))
  // It stands still once all buffers between the two are full.
  await untilStill(() => written)
  expect(written).toBeLessThan(32 * 1_048_576)
})

test('V87 a client that goes away ends the call upstream, and the outcome is told once', async () => {
  const world = await openWorld()
  let closed = 0
  world.server.removeAllListeners('request')
  world.server.on('request', (request, answer) => {
    answer.write('begun')
    request.on('close', () => closed++)
  })
  const socket = await world.tunnel()
  socket.write(`GET /long HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`)
  await new Promise((resolve) => socket.once('data', resolve))
  socket.destroy()
  await expect.poll(() => closed).toBe(1)
  await expect.poll(() => world.keeper.outcomes.length).toBe(1)
  expect(world.keeper.outcomes[0]?.outcome).toMatchObject({ status: 200, fault: 'aborted' })
})

test('V87 a client that goes away while it is judged sends nothing', async () => {
  const world = await openWorld()
  let go: (() => void) | null = null
  world.keeper.verdict = (asked) =>
    new Promise((resolve) => {
      go = () => resolve(send())
      asked.signal.addEventListener('abort', () => resolve(send()))
    })
  const socket = await world.tunnel()
  socket.write(`GET /x HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`)
  await expect.poll(() => go !== null).toBe(true)
  socket.destroy()
  await expect.poll(() => world.keeper.outcomes.map(({ outcome }) => outcome.fault)).toEqual(['aborted'])
  expect(world.dialled).toEqual([])
})

test('V87 §10.2 upstream resets, hangs, sends garbage, a head without end, endless 1xx: each is a code of the catalogue', async () => {
  const answers: Record<string, string | null> = {
    garbage: 'no http at all\r\n\r\n',
    both: 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    hints: 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(80),
    large: `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(80_000)}`,
    nothing: null,
  }
  const clock = testClock()
  const world = await openWorld({
    clock,
    raw: createServer(),
    allowed: [`${HOST}:80`, `${HOST}:443`],
  })
  expect(await plain(world, '/x')).toMatch(/^HTTP\/1\.1 200 /)
  for (const [name, text] of Object.entries(answers)) {
    world.handler = (request) => {
      if (text === null) return clock.advance(300_000)
      request.socket.end(text)
    }
    const answer = (await plain(world, `/${name}`)).replace(/^(?:HTTP\/1\.1 103 .*\r\n\r\n)+/, '')
    const code = name === 'nothing' ? 'timeout' : name === 'large' || name === 'hints' ? 'too_large' : 'unreachable'
    expect([name, answer.slice(0, 12), /"code":"(\w+)"/.exec(answer)?.[1]]).toEqual([
      name,
      code === 'timeout' ? 'HTTP/1.1 504' : 'HTTP/1.1 502',
      code,
    ])
  }
})

/** Twice the same, a while apart. */
async function untilStill(value: () => number): Promise<void> {
  let last = -1
  const isStill = () => {
    const before = last
    last = value()
    return last === before
  }
  await expect.poll(isStill, { interval: 250 }).toBe(true)
}

async function plain(world: World, path: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port: world.port })
  socket.on('error', () => undefined)
  socket.write(
    `GET http://${HOST}${path} HTTP/1.1\r\nHost: ${HOST}\r\nProxy-Authorization: ${world.auth()}\r\nConnection: close\r\n\r\n`,
  )
  return untilClosed(socket)
}

test('V109 an upstream whose certificate is not trusted is refused', async () => {
  const world = await openWorld({ allowed: ['wrong.example.org:443'] })
  const socket = await world.tunnel({ host: 'wrong.example.org' })
  socket.write('GET / HTTP/1.1\r\nHost: wrong.example.org\r\nConnection: close\r\n\r\n')
  expect(await untilClosed(socket)).toMatch(/^HTTP\/1\.1 502 [\s\S]*"code":"tls"/)
  expect(world.seen).toEqual([])
})

test('V87 bodies by chunks keep their trailers, and one connection carries one request after the other', async () => {
  const world = await openWorld({
    handler: (request, answer) => {
      answer.setHeader('x-trailers', JSON.stringify(request.trailers))
      answer.end('ok')
    },
  })
  const socket = await world.tunnel()
  const head = `POST /t HTTP/1.1\r\nHost: ${HOST}\r\nTransfer-Encoding: chunked\r\n`
  socket.write(`${head}\r\n3\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n${head}Connection: close\r\n\r\n2\r\nde\r\n0\r\n\r\n`)
  const answer = await untilClosed(socket)
  expect(answer.match(/HTTP\/1\.1 200 /g)).toHaveLength(2)
  expect(world.seen.map(({ body }) => body.toString())).toEqual(['abc', 'de'])
  expect(answer).toContain('{"x-sum":"7"}')
})
