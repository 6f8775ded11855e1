// A forward proxy on this machine, as an operator runs one: it takes CONNECT and nothing else, wants credentials where a test says so, and leads every tunnel to
// a port of this machine. Speaks real HTTP over real sockets; leaves this machine never.
import { createServer, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

export type ProxyStandIn = {
  port: number
  /** Each CONNECT: where to, and with which credentials. */
  asked: { authority: string; authorization: string | null }[]
  /** From now on nobody answers at this port. */
  stop(): Promise<void>
}

export type ProxyOptions = {
  /** The port of this machine that stands for an authority; null: what is asked for is not reached (502). */
  leadsTo: (authority: string) => number | null
  /** `user:password`; without them 407. */
  credentials?: string
  tls?: { cert: string; key: string }
  /** late: the yes comes together with the first words of the other side. garbage: no HTTP. silent: never. */
  manner?: 'prompt' | 'late' | 'garbage' | 'silent'
}

export async function openProxy({ leadsTo, credentials, tls, manner = 'prompt' }: ProxyOptions): Promise<ProxyStandIn> {
  const asked: ProxyStandIn['asked'] = []
  const sockets = new Set<Socket>()
  const keep = (socket: Socket) => {
    sockets.add(socket)
    // Either side may leave at any time.
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
  }
  const wanted = credentials === undefined ? null : `Basic ${Buffer.from(credentials).toString('base64')}`
  const server = (tls ? createSecureServer(tls) : createServer()) as unknown as Server
  server.on(tls ? 'secureConnection' : 'connection', keep)
  server.on('connect', (request, client: Socket) => {
    const authority = request.url ?? ''
    const authorization = request.headers['proxy-authorization'] ?? null
    asked.push({ authority, authorization })
    if (manner === 'silent') return
    if (manner === 'garbage') return void client.end('SSH-2.0-OpenSSH_9.0\r\n')
    if (wanted !== authorization && wanted !== null)
      return void client.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="proxy"\r\n\r\n')
    const port = leadsTo(authority)
    if (port === null) return void client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')
    const target = connect(port, '127.0.0.1')
    keep(target)
    const join = (first: Buffer) => {
      client.write(Buffer.concat([Buffer.from('HTTP/1.1 200 Connection established\r\n\r\n'), first]))
      client.pipe(target).pipe(client)
    }
    if (manner === 'late') target.once('data', join)
    else target.once('connect', () => join(Buffer.alloc(0)))
    client.once('close', () => target.destroy())
    target.once('close', () => client.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const stop = async () => {
    for (const socket of sockets) socket.destroy()
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  }
  onTestFinished(stop)
  return { port: (server.address() as AddressInfo).port, asked, stop }
}
