// The way to the proxy where the child cannot take it itself: a listener on loopback, or on a socket in the run's folder, whose bytes go on to the proxy, over TLS where
// that is not on this machine. Adds nothing and reads nothing: whoever comes without the run's token is refused by the proxy. Gone with the command.
import { connect, createServer, isIP, type Server, type Socket } from 'node:net'
import { connect as connectSecurely } from 'node:tls'

export type Forwarder = { url: URL; close(): Promise<void> }
export type Dial = () => Socket

/** Where the child is led: straight to a proxy that speaks plain HTTP, else through a forwarder. */
export async function wayTo(proxy: string): Promise<Forwarder> {
  const url = new URL(proxy)
  if (url.protocol === 'http:') return { url, close: async () => undefined }
  const server = forwarding(dialOf(proxy))
  const port = await listen(server, { host: '127.0.0.1', port: 0 })
  return { url: new URL(`http://127.0.0.1:${port}`), close: server.end }
}

/** One connection to the proxy. */
export function dialOf(proxy: string): Dial {
  const { protocol, hostname, port } = new URL(proxy)
  const host = hostname.replace(/^\[|\]$/g, '')
  if (protocol === 'http:') return () => connect({ host, port: Number(port || 80), allowHalfOpen: true })
  const to = { host, port: Number(port || 443), ...(isIP(host) ? {} : { servername: host }), ALPNProtocols: ['http/1.1'] }
  return () => connectSecurely(to)
}

export type Forwarding = Server & { end(): Promise<void> }

/** `meet`: what is said first on a connection, and by whom it may be made; without it bytes flow at once. */
export function forwarding(dial: Dial, meet: (near: Socket, join: () => Socket) => void = (_, join) => void join()): Forwarding {
  const open = new Set<Socket>()
  const keep = (socket: Socket): Socket => {
    open.add(socket)
    return socket.on('close', () => open.delete(socket))
  }
  const server = createServer({ allowHalfOpen: true }, (near) => {
    keep(near).on('error', () => near.destroy())
    meet(near, () => {
      const far = keep(dial())
      // Either end that breaks takes the other with it: the client sees a reset, as it would without us.
      near.on('close', () => far.destroy())
      far.on('error', () => near.destroy())
      near.pipe(far)
      far.pipe(near)
      return far
    })
  })
  const end = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of open) socket.destroy()
    await closed
  }
  return Object.assign(server, { end })
}

/** Answers the port, where there is one. */
export async function listen(server: Server, at: { host: string; port: number } | { path: string }): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(at, resolve)
  })
  const address = server.address()
  return address !== null && typeof address === 'object' ? address.port : 0
}
