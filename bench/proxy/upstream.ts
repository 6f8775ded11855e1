// The service behind the proxy, a process of its own: TLS with keep-alive. `/v1/…` is one KiB of JSON, `/bytes/<n>` so many bytes, `/sink` counts what it is sent, `/events`
// says once a second what time it is. Counts what reached it and when: the moments of held requests are read from here.
import { createServer as createPlain } from 'node:http'
import { createServer } from 'node:https'
import type { Socket } from 'node:net'
import { serve } from './remote.ts'

const PIECE = Buffer.alloc(65_536, 'an answer of many bytes that holds no credential, ')
const EVENT_MS = 1_000
const sockets = new Set<Socket>()
let requests = 0
let lastAt = 0
let tokens = 0

const now = (): number => performance.timeOrigin + performance.now()

const verbs = {
  start: ({ cert, key }: { cert: string; key: string }): Promise<number> => {
    const body = Buffer.from(JSON.stringify({ text: 'x'.repeat(1_024 - 11) }))
    const server = createServer({ cert, key, keepAliveTimeout: 60_000 }, (request, answer) => {
      requests++
      lastAt = now()
      const { url = '' } = request
      if (url.startsWith('/bytes/')) return bytes(answer, Number(url.slice(7)))
      if (url === '/sink') return counted(request, answer)
      if (url === '/events') return events(answer)
      answer.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length })
      answer.end(body)
    })
    server.on('connection', (socket: Socket) => {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => sockets.delete(socket))
    })
    return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port)))
  },
  seen: () => ({ requests, lastAt }),
  /** The token endpoint of a provider, which takes its time: its port. */
  async tokens({ ms }: { ms: number }): Promise<number> {
    const server = createPlain((request, answer) => {
      tokens++
      request.resume()
      const token = { access_token: crypto.randomUUID(), token_type: 'bearer', expires_in: 3_600 }
      setTimeout(() => answer.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(token)), ms)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return (server.address() as { port: number }).port
  },
  tokensAsked: () => tokens,
}
export type Upstream = typeof verbs

type Answer = Parameters<NonNullable<Parameters<typeof createServer>[1]>>[1]
type Request = Parameters<NonNullable<Parameters<typeof createServer>[1]>>[0]

function bytes(answer: Answer, length: number): void {
  answer.writeHead(200, { 'content-type': 'text/plain', 'content-length': length })
  let left = length
  const more = () => {
    while (left > 0) {
      const piece = left < PIECE.length ? PIECE.subarray(0, left) : PIECE
      left -= piece.length
      if (!answer.write(piece)) return void answer.once('drain', more)
    }
    answer.end()
  }
  more()
}

function counted(request: Request, answer: Answer): void {
  let length = 0
  request.on('data', (chunk: Buffer) => {
    length += chunk.length
  })
  request.on('end', () => {
    const body = JSON.stringify({ length })
    answer.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body)
  })
}

function events(answer: Answer): void {
  answer.writeHead(200, { 'content-type': 'text/event-stream' })
  answer.flushHeaders()
  const say = () => void answer.write(`data: ${now()}\n\n`)
  let timer = setTimeout(() => {
    say()
    timer = setInterval(say, EVENT_MS)
  }, Math.random() * EVENT_MS)
  answer.on('close', () => clearTimeout(timer))
}

serve(verbs, () => {
  for (const socket of sockets) socket.destroy()
})
