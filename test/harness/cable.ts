// The cable between a server and its database, which a test can pull and plug in again: every connection breaks, new ones are refused.
import { connect, createServer, type Socket } from 'node:net'

export type Cable = {
  /** The same database, through the cable. */
  url: string
  pull(): Promise<void>
  plug(): Promise<void>
}

export async function layCable(to: string): Promise<Cable & { close(): Promise<void> }> {
  const { hostname, port } = new URL(to)
  const sockets = new Set<Socket>()
  const pass = (near: Socket): void => {
    const far = connect(Number(port), hostname)
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
      socket.pipe(other)
    }
  }
  let server = createServer(pass)
  const listen = (at: number) => new Promise<void>((resolve) => server.listen(at, '127.0.0.1', resolve))
  await listen(0)
  const own = (server.address() as { port: number }).port
  const pull = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    for (const socket of [...sockets]) socket.destroy()
    await closed
  }
  const url = new URL(to)
  url.port = String(own)
  return {
    url: url.href,
    pull,
    plug: () => {
      server = createServer(pass)
      return listen(own)
    },
    close: pull,
  }
}
