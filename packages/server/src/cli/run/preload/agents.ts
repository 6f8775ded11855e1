// The global agents of http and https with a tunnel under each connection: CONNECT with the run's token, then TLS as ever, with the names and authorities that the
// caller gave. What is excepted, and what is no TCP, goes as it always did.
import http from 'node:http'
import https from 'node:https'
import { connect, isIP, type Socket } from 'node:net'
import { connect as secure } from 'node:tls'
import type { Way } from './way.ts'

/** As Node makes its own. */
const AGENT = { keepAlive: true, scheduling: 'lifo', timeout: 5_000 } as const
const LONGEST_HEAD = 16_384

type Options = {
  host?: string | null
  port?: number | string | null
  socketPath?: string | undefined
  servername?: string | undefined
}
type Done = (error: Error | null, socket?: Socket) => void
type Straight = (options: Options, done: Done) => Socket | undefined

export function agentsThrough(way: Way): { http: http.Agent; https: https.Agent } {
  const plain = new http.Agent(AGENT)
  const tls = new https.Agent(AGENT)
  lead(way, plain, 80, (_, socket) => socket)
  lead(way, tls, 443, ({ host, port: _, ...options }, socket) => {
    const name = options.servername || host || ''
    return secure({ ...options, socket, ...(isIP(name) ? {} : { servername: name }) })
  })
  return { http: plain, https: tls }
}

function lead(way: Way, agent: http.Agent, fallback: number, wrap: (options: Options, socket: Socket) => Socket): void {
  const own = agent as unknown as { createConnection: Straight }
  const straight = own.createConnection.bind(agent)
  own.createConnection = (options, done) => {
    const host = options.host || 'localhost'
    if (options.socketPath || way.isDirect(host)) return straight(options, done)
    tunnel(way, host, Number(options.port || fallback), (error, socket) => {
      if (error || !socket) return done(error)
      done(null, wrap(options, socket))
    })
    return undefined
  }
}

function tunnel(way: Way, host: string, port: number, done: Done): void {
  const authority = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`
  const socket = connect({ host: way.host, port: way.port })
  let head = Buffer.alloc(0)
  const end = (error: Error | null): void => {
    socket.off('data', read).off('error', end).off('close', closed)
    if (error) socket.destroy()
    done(error, error ? undefined : socket)
  }
  const closed = (): void => end(refusal(authority, 'closed the connection'))
  const read = (chunk: Buffer): void => {
    head = Buffer.concat([head, chunk])
    const at = head.indexOf('\r\n\r\n')
    if (at < 0 && head.length <= LONGEST_HEAD) return
    const [, status = 'no HTTP'] = at < 0 ? [] : (/^HTTP\/1\.[01] (\d{3})/.exec(head.toString('latin1')) ?? [])
    if (status === '200') {
      socket.pause()
      const rest = head.subarray(at + 4)
      if (rest.length > 0) socket.unshift(rest)
    }
    end(status === '200' ? null : refusal(authority, `answered ${status}`))
  }
  socket.on('data', read).on('error', end).on('close', closed)
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\nProxy-Authorization: ${way.authorization}\r\n\r\n`)
}

const refusal = (authority: string, what: string): Error =>
  Object.assign(new Error(`The proxy of the run ${what} when asked for ${authority}.`), { code: 'ERR_PROXY_TUNNEL' })
