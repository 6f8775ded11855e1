// The way to a proxy that is not on this machine: a listener on loopback whose bytes go on over TLS, because most programs speak to a proxy in plain text alone.
// Adds nothing and reads nothing: whoever comes without the run's token is refused by the proxy. Gone with the command.
import { createServer, isIP, type Socket } from 'node:net'
import { connect } from 'node:tls'

export type Forwarder = { url: URL; close(): Promise<void> }

const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|\[::1\]|localhost)$/

/** Where the child is led: straight to a proxy on this machine, else through a forwarder. */
export async function wayTo(proxy: string): Promise<Forwarder> {
  const url = new URL(proxy)
  if (url.protocol === 'http:') return { url, close: async () => undefined }
  return openForwarder(url)
}

export const isOnThisMachine = (url: URL): boolean => LOOPBACK.test(url.hostname)

async function openForwarder(to: URL): Promise<Forwarder> {
  const host = to.hostname.replace(/^\[|\]$/g, '')
  const port = Number(to.port || 443)
  const open = new Set<Socket>()
  const keep = (socket: Socket): Socket => {
    open.add(socket)
    return socket.on('close', () => open.delete(socket))
  }
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ host, port, ...(isIP(host) ? {} : { servername: host }), ALPNProtocols: ['http/1.1'] })
    keep(near)
    keep(far)
    // Either end that breaks takes the other with it: the client sees a reset, as it would without us.
    near.on('error', () => far.destroy())
    far.on('error', () => near.destroy())
    near.pipe(far)
    far.pipe(near)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The forwarder has no port.')
  return {
    url: new URL(`http://127.0.0.1:${address.port}`),
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of open) socket.destroy()
      await closed
    },
  }
}
