// The proxy between a client and real upstream servers on loopback: TLS with an authority of the test, names from a DNS stub, addresses judged by the real
// guard. Upstreams are told apart by the port in the URL; what was dialled is written down.
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http'
import { createSecureServer, type Http2SecureServer } from 'node:http2'
import { connect as netConnect, type Server, type Socket } from 'node:net'
import { type TLSSocket, connect as tlsConnect } from 'node:tls'
import { onTestFinished } from 'vitest'
import { type Allowed, parseAllowed } from '../../egress/address.ts'
import { openDoor } from '../../egress/fetch.ts'
import { openGuard } from '../../egress/guard.ts'
import { openDnsStub, type Zone } from '../../egress/testing/dns-stub.ts'
import { type Clock, systemClock } from '../../std/clock.ts'
import { openLog } from '../../std/log.ts'
import { openProxy, type ProxyLimits } from '../proxy.ts'
import { makeAuthority } from './authority.ts'
import { type TestGatekeeper, testGatekeeper } from './gatekeeper.ts'

export const HOST = 'api.example.com'

export type Seen = {
  method: string
  url: string
  headers: IncomingMessage['headers']
  rawHeaders: string[]
  body: Buffer
  protocol: string
}
export type Handler = (request: IncomingMessage, answer: ServerResponse, seen: Seen) => void

export type World = {
  port: number
  keeper: TestGatekeeper
  /** What the authority of the runs signs is trusted with this. */
  ca: string
  seen: Seen[]
  /** How many sockets the upstream has taken. */
  connections: () => number
  dialled: string[]
  asked: string[]
  handler: Handler
  server: Http2SecureServer
  logged: string[]
  /** Behind CONNECT and TLS. */
  tunnel(options?: Tunnelling): Promise<TLSSocket>
  /** The proxy's answer to CONNECT, and the socket behind it. */
  connect(target?: string, token?: string | null): Promise<{ status: number; text: string; socket: Socket }>
  auth(token?: string): string
}

export type Tunnelling = { host?: string; port?: number; servername?: string; alpn?: string[]; token?: string }

export type WorldOptions = {
  handler?: Handler
  zone?: Zone
  limits?: Partial<ProxyLimits>
  clock?: Clock
  /** In place of the TLS upstream: whatever listens there. */
  raw?: Server
  allowed?: readonly string[]
  /** What the upstream’s certificate is for, beside the hosts of the tests. */
  names?: readonly string[]
}

const readAll = (request: IncomingMessage): Promise<Buffer> =>
  new Promise((resolve) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => resolve(Buffer.concat(chunks)))
    request.on('error', () => undefined)
  })

export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const [runs, origin] = await Promise.all([makeAuthority(), makeAuthority('aut_origin')])
  const keeper = testGatekeeper(runs)
  const { cert, key } = await origin.issue([HOST, '*.example.com', ...(options.names ?? [])])
  let connections = 0
  const seen: Seen[] = []
  const dialled: string[] = []
  const logged: string[] = []
  const world = { handler: options.handler ?? ((_request, answer) => answer.end('ok')) } as World
  const take = (request: IncomingMessage, answer: ServerResponse) => {
    readAll(request).then(
      (body) => {
        const { method = '', url = '', headers, rawHeaders, httpVersion } = request
        // A stream that was reset ends like one that is whole.
        if ((request as unknown as { stream?: { aborted: boolean } }).stream?.aborted) return
        const one = { method, url, headers, rawHeaders, body, protocol: httpVersion }
        seen.push(one)
        world.handler(request, answer, one)
      },
      () => undefined,
    )
  }
  const server = createSecureServer({ cert, key, allowHTTP1: true })
  server.on('request', (request, answer) => take(request as unknown as IncomingMessage, answer as unknown as ServerResponse))
  const plain = createHttp(take)
  const secure = options.raw ?? server
  for (const one of [secure, plain]) {
    one.on('connection', (socket: Socket) => {
      connections++
      socket.on('error', () => undefined)
    })
    await listen(one as Server)
  }
  const dns = await openDnsStub(options.zone ?? ((_, type) => ({ records: type === 'A' ? [{ address: '127.0.0.1' }] : [] })))
  onTestFinished(() => dns.close())
  const allowed = (options.allowed ?? [`${HOST}:443`, `${HOST}:80`, 'other.example.com:443']).map(
    (text) => parseAllowed(text) as Allowed,
  )
  const guard = openGuard({ nameServers: [dns], allowed })
  const through = ((to: { host: string; port: number }) => {
    dialled.push(`${to.host} ${to.port}`)
    return netConnect({ host: '127.0.0.1', port: portOf(to.port === 80 ? plain : (secure as Server)) })
  }) as typeof netConnect
  const door = openDoor({ guard, installation: 'test', version: '0', connect: through })
  const proxy = await openProxy({
    gatekeeper: keeper,
    door,
    clock: options.clock ?? systemClock,
    log: openLog({ level: 'info', sink: (line) => void logged.push(line) }),
    installation: 'test',
    listen: [{ host: '127.0.0.1', port: 0 }],
    ...(options.limits ? { limits: options.limits } : {}),
    trust: () => ({ ca: origin.certificate }),
  })
  onTestFinished(async () => {
    await proxy.close()
    await door.close()
  })
  const port = proxy.addresses[0]?.port as number
  const auth = (token = keeper.token) => `Basic ${Buffer.from(`run:${token}`).toString('base64')}`

  async function connect(target = `${HOST}:443`, token: string | null = keeper.token) {
    const socket = netConnect({ host: '127.0.0.1', port })
    socket.on('error', () => undefined)
    onTestFinished(() => void socket.destroy())
    const shown = token === null ? '' : `Proxy-Authorization: ${auth(token)}\r\n`
    socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${shown}\r\n`)
    const text = await headOf(socket)
    return { status: Number(text.slice(9, 12)), text, socket }
  }

  return Object.assign(world, {
    port,
    keeper,
    ca: runs.certificate,
    seen,
    connections: () => connections,
    dialled,
    asked: dns.asked,
    server,
    logged,
    auth,
    connect,
    async tunnel({ host = HOST, port: to = 443, servername = host, alpn = ['http/1.1'], token }: Tunnelling = {}) {
      const { status, socket } = await connect(`${host}:${to}`, token)
      if (status !== 200) throw new Error(`CONNECT was answered ${status}`)
      return new Promise<TLSSocket>((resolve, reject) => {
        const secured = tlsConnect({ socket, ca: runs.certificate, servername, ALPNProtocols: alpn }, () => resolve(secured))
        secured.on('error', reject)
      })
    },
  })
}

/** The head of an answer; what came behind it stays to be read. */
export function headOf(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const read = (chunk: Buffer) => {
      text += chunk.toString('latin1')
      const at = text.indexOf('\r\n\r\n')
      if (at < 0) return
      socket.off('data', read)
      socket.pause()
      const rest = Buffer.from(text.slice(at + 4), 'latin1')
      if (rest.length > 0) socket.unshift(rest)
      resolve(text.slice(0, at))
    }
    socket.on('data', read)
    socket.once('close', () => reject(new Error(`The connection was closed behind: ${text}`)))
  })
}

/** All that comes until the other side closes. */
export function untilClosed(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')))
    socket.resume()
  })
}

const portOf = (server: Server): number => (server.address() as { port: number }).port

async function listen(server: Server): Promise<void> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of sockets) socket.destroy()
    await closed
  })
}
