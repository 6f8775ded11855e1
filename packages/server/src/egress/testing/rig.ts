// Receivers on this machine for tests of the door: what was dialled is written down, and every dial lands on a listener of ours whatever its port was.
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { type Door, type DoorOptions, openDoor } from '../fetch.ts'
import { type GuardOptions, openGuard } from '../guard.ts'
import { RIG_CERTIFICATE, RIG_KEY } from './certificate.ts'
import { openDnsStub, type Zone } from './dns-stub.ts'

export type Seen = { method: string; url: string; host: string; headers: IncomingMessage['headers']; body: string }
export type Handler = (seen: Seen, answer: ServerResponse) => void

export type Rig = {
  door: Door
  /** Addresses and ports that were dialled, in order. */
  dialled: string[]
  seen: Seen[]
  /** Connections to places that nobody may reach. */
  canary: () => number
  connections: () => number
}

export async function openRig(options: {
  zone?: Zone
  guard?: GuardOptions
  handler?: Handler
  /** Speaks below HTTP, in place of the handler. */
  raw?: (socket: Socket) => void
  connect?: DoorOptions['connect']
}): Promise<Rig> {
  const dialled: string[] = []
  const seen: Seen[] = []
  let touched = 0
  let connections = 0
  const listener = (request: IncomingMessage, answer: ServerResponse) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      const one = { method, url, host: headers.host ?? '', headers, body: Buffer.concat(chunks).toString() }
      seen.push(one)
      ;(options.handler ?? ((_, reply) => reply.end('ok')))(one, answer)
    })
  }
  const plain = await listen(options.raw ? createServer(options.raw) : createHttp(listener))
  const secure = await listen(createHttps({ key: RIG_KEY, cert: RIG_CERTIFICATE }, listener))
  const trap = await listen(
    createServer((socket) => {
      touched++
      socket.destroy()
    }),
  )
  plain.server.on('connection', () => connections++)
  secure.server.on('connection', () => connections++)

  const dns = await openDnsStub(options.zone ?? (() => ({ records: [{ address: '127.0.0.1' }] })))
  onTestFinished(() => dns.close())
  const guard = openGuard({ nameServers: [dns], ...options.guard })
  const through = ((to: { host: string; port: number }) => {
    dialled.push(`${to.host} ${to.port}`)
    if (to.host !== '127.0.0.1') return connect({ host: '127.0.0.1', port: plain.port }) // nobody leaves this machine; the peer's address tells
    return connect({ ...to, port: to.port === 443 ? secure.port : to.port === 80 ? plain.port : trap.port })
  }) as typeof connect
  const door = openDoor({ guard, installation: 'rig', version: '0', connect: options.connect ?? through })
  onTestFinished(() => door.close())
  return { door, dialled, seen, canary: () => touched, connections: () => connections }
}

async function listen(server: Server): Promise<{ server: Server; port: number }> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return { server, port: (server.address() as { port: number }).port }
}

export { RIG_CERTIFICATE }
