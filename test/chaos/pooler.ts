// A pooler in transaction mode, of the smallest kind: clients come without a password, a few server connections serve them all, and each belongs to a client
// only until its transaction is over. What a session sets, listens to or prepares by name is therefore lost or somebody else's, as behind PgBouncer.
import { createServer, type Socket } from 'node:net'
import pg from 'pg'

export type Pooler = { url: string; restart(): Promise<void>; close(): Promise<void> }

type Server = { socket: Socket; client: Near | null; pending: number; rest: Buffer; forget(): void }
type Near = { socket: Socket; server: Server | null; queue: Buffer[]; rest: Buffer; isOpen: boolean; isGreeted: boolean }

const QUERY = 'Q'.charCodeAt(0)
const SYNC = 'S'.charCodeAt(0)
const TERMINATE = 'X'.charCodeAt(0)
const READY = 'Z'.charCodeAt(0)
const IDLE = 'I'.charCodeAt(0)
const SSL_REQUEST = 80877103

export async function openPooler(url: string, size: number): Promise<Pooler> {
  const nears = new Set<Near>()
  const servers = new Set<Server>()
  const free: Server[] = []
  const waiting: Near[] = []
  let opening = 0

  /** A server connection for the next client in line, made when there are too few. */
  function serve(): void {
    while (waiting.length > 0) {
      const server = free.pop()
      if (!server) break
      const near = waiting.shift() as Near
      if (!near.isOpen) {
        free.push(server)
        continue
      }
      near.server = server
      server.client = near
      for (const message of near.queue.splice(0)) send(server, message)
    }
    if (waiting.length > 0 && servers.size + opening < size) {
      opening++
      dial().then(
        (server) => {
          opening--
          free.push(server)
          serve()
        },
        () => {
          opening--
          // The database refuses: so does the pooler.
          waiting.shift()?.socket.destroy()
          serve()
        },
      )
    }
  }

  /** Logs in by the driver and takes the socket from it. */
  async function dial(): Promise<Server> {
    const client = new pg.Client({ connectionString: url })
    client.on('error', () => undefined) // its socket is ours from here on
    await client.connect()
    const { stream } = (client as unknown as { connection: { stream: Socket } }).connection
    for (const event of ['data', 'end', 'close', 'error']) stream.removeAllListeners(event)
    const server: Server = {
      socket: stream,
      client: null,
      pending: 0,
      rest: Buffer.alloc(0),
      forget() {
        servers.delete(server)
        if (free.includes(server)) free.splice(free.indexOf(server), 1)
        server.socket.destroy()
      },
    }
    stream.on('data', (chunk: Buffer) => answer(server, chunk))
    const onLost = () => {
      server.forget()
      server.client?.socket.destroy()
    }
    stream.on('error', onLost).on('close', onLost)
    servers.add(server)
    return server
  }

  function send(server: Server, message: Buffer): void {
    if (message[0] === QUERY || message[0] === SYNC) server.pending++
    server.socket.write(message)
  }

  function answer(server: Server, chunk: Buffer): void {
    server.client?.socket.write(chunk)
    server.rest = messagesOf(Buffer.concat([server.rest, chunk]), (message) => {
      if (message[0] !== READY) return
      server.pending--
      if (server.pending > 0 || message[5] !== IDLE) return
      if (server.client) server.client.server = null
      server.client = null
      free.push(server)
      serve()
    })
  }

  function ask(near: Near, message: Buffer): void {
    if (message[0] === TERMINATE) {
      near.socket.end()
    } else if (near.server) {
      send(near.server, message)
    } else {
      near.queue.push(message)
      if (!waiting.includes(near)) waiting.push(near)
      serve()
    }
  }

  const accept = (socket: Socket): void => {
    const near: Near = { socket, server: null, queue: [], rest: Buffer.alloc(0), isOpen: true, isGreeted: false }
    nears.add(near)
    socket.on('data', (chunk: Buffer) => {
      near.rest = Buffer.concat([near.rest, chunk])
      while (!near.isGreeted && near.rest.length >= 8 && near.rest.length >= near.rest.readInt32BE(0)) {
        const isSsl = near.rest.readInt32BE(4) === SSL_REQUEST
        near.rest = near.rest.subarray(near.rest.readInt32BE(0))
        near.isGreeted = !isSsl
        socket.write(isSsl ? 'N' : GREETING)
      }
      if (near.isGreeted) near.rest = messagesOf(near.rest, (message) => ask(near, message))
    })
    const onGone = () => {
      near.isOpen = false
      nears.delete(near)
      if (waiting.includes(near)) waiting.splice(waiting.indexOf(near), 1)
      // Nobody may meet a transaction that another left open.
      near.server?.forget()
    }
    socket.on('error', onGone).on('close', onGone)
  }

  let door = createServer(accept)
  const listen = (port: number) => new Promise<void>((resolve) => door.listen(port, '127.0.0.1', resolve))
  await listen(0)
  const { port } = door.address() as { port: number }
  const stop = async () => {
    const closed = new Promise<void>((resolve) => door.close(() => resolve()))
    for (const { socket } of nears) socket.destroy()
    for (const server of [...servers]) server.forget()
    await closed
  }
  const own = new URL(url)
  own.hostname = '127.0.0.1'
  own.port = String(port)
  return {
    url: own.href,
    async restart() {
      await stop()
      door = createServer(accept)
      await listen(port)
    },
    close: stop,
  }
}

/** Hands over each whole message and answers what is left of the last. */
function messagesOf(bytes: Buffer, each: (message: Buffer) => void): Buffer {
  let at = 0
  while (bytes.length - at >= 5) {
    const length = bytes.readInt32BE(at + 1) + 1
    if (bytes.length - at < length) break
    each(bytes.subarray(at, at + length))
    at += length
  }
  return bytes.subarray(at)
}

/** AuthenticationOk, the parameters that a driver looks at, a key for cancels that nobody uses, ReadyForQuery. */
const GREETING = Buffer.concat([
  message('R', Buffer.from([0, 0, 0, 0])),
  ...Object.entries({
    server_version: '18.0',
    client_encoding: 'UTF8',
    standard_conforming_strings: 'on',
    DateStyle: 'ISO, MDY',
  }).map(([name, value]) => message('S', Buffer.from(`${name}\0${value}\0`))),
  message('K', Buffer.alloc(8)),
  message('Z', Buffer.from('I')),
])

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.write(type)
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}
