// The listener of the proxy (V83): CONNECT, and requests in absolute form. Whoever shows no token of an open run is told so and nothing happens (V84).
// Listens on loopback, or with TLS, or where the operator said so; opens no socket to anywhere itself.
import { createServer, type Server, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Door } from '../egress/fetch.ts'
import { viaOf } from '../egress/fetch.ts'
import type { Clock } from '../std/clock.ts'
import type { Log } from '../std/log.ts'
import { openLeaves } from './certificates.ts'
import { openCuts } from './cuts.ts'
import { openDoorkeeper } from './doorkeeper.ts'
import { type ExchangeHouse, exchange } from './exchange.ts'
import { ignore } from './flow.ts'
import type { Gatekeeper, OpenRun, Target } from './gatekeeper.ts'
import type { Inside } from './intercept.ts'
import { serveListener } from './outside.ts'
import { openMasks } from './redact/mask.ts'
import { openUpstreams, type Trust } from './upstream.ts'

export type Listen = {
  host: string
  port: number
  /** TLS on the listener itself. */
  tls?: { cert: string; key: string }
  /** The operator wants an address that is not loopback without TLS. */
  open?: true
}

export type ProxyLimits = {
  connectMs: number
  headersMs: number
  idleMs: number
  streamsPerRun: number
  leafCache: number
}

export const PROXY_LIMITS: ProxyLimits = {
  connectMs: 5_000,
  headersMs: 300_000,
  idleMs: 300_000,
  streamsPerRun: 64,
  leafCache: 2_000,
}

export type ProxyOptions = {
  gatekeeper: Gatekeeper
  door: Door
  clock: Clock
  log: Log
  /** Tells our own requests when they come back. */
  installation: string
  listen: readonly Listen[]
  limits?: Partial<ProxyLimits>
  trust?(target: Target): Trust | undefined
}

export type Proxy = {
  addresses: { host: string; port: number }[]
  /** Takes no connection, no tunnel and no request any more, and waits until what is under way has ended, at most so long. */
  drain(withinMs: number): Promise<void>
  /** At once, whatever is under way. */
  close(): Promise<void>
}

/** The whole of 127.0.0.0/8 and ::1. */
const isLoopbackHost = (host: string): boolean => /^127(?:\.\d{1,3}){3}$/.test(host) || host === '::1' || host === 'localhost'

export async function openProxy(options: ProxyOptions): Promise<Proxy> {
  const limits = { ...PROXY_LIMITS, ...options.limits }
  const { gatekeeper, door, clock, log } = options
  const upstreams = openUpstreams({ ...limits, door, clock, trust: options.trust ?? (() => undefined) })
  const cuts = openCuts(gatekeeper, upstreams)
  const masks = openMasks((ms, fn) => clock.timer(ms, fn))
  const house: ExchangeHouse = {
    gatekeeper,
    upstreams,
    cuts,
    masks,
    clock,
    log,
    via: viaOf(options.installation),
    streamsPerRun: limits.streamsPerRun,
    isEnding: false,
  }
  const run = (one: OpenRun, ...rest: [Parameters<typeof exchange>[2], Parameters<typeof exchange>[3]]) => {
    exchange(house, one, ...rest).catch((error: unknown) => {
      log.error({ err: error }, 'an exchange of the proxy broke')
      rest[1].cut()
    })
  }
  const inside: Inside = {
    leaves: openLeaves({ clock, most: limits.leafCache }),
    idleMs: limits.idleMs,
    mostStreams: limits.streamsPerRun,
    exchange: run,
  }
  const doorkeeper = openDoorkeeper({ gatekeeper, clock })
  const sockets = new Set<Socket>()
  const servers: Server[] = []
  const addresses: Proxy['addresses'] = []
  for (const listen of options.listen) {
    if (!listen.tls && !listen.open && !isLoopbackHost(listen.host))
      throw new Error(`The proxy listens on ${listen.host} only with TLS, or when the operator says that it may be open.`)
    const takesHttps = listen.tls !== undefined || isLoopbackHost(listen.host)
    const serve = (socket: Socket) => {
      socket.setNoDelay(true)
      const clientAddress = socket.remoteAddress?.replace(/^::ffff:/, '') ?? ''
      serveListener(
        {
          inside,
          doorkeeper,
          gatekeeper,
          upstreams,
          cuts,
          idleMs: limits.idleMs,
          takesHttps,
          isEnding: () => house.isEnding,
          log,
        },
        socket,
        clientAddress,
      )
    }
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
      socket.on('error', ignore)
      if (listen.tls) withTls(socket, listen.tls, serve)
      else serve(socket)
    })
    servers.push(server)
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(listen.port, listen.host, resolve)
    })
    addresses.push({ host: listen.host, port: (server.address() as { port: number }).port })
  }
  let closed: Promise<unknown> | null = null
  const shut = (): Promise<unknown> => {
    closed ??= Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
    return closed
  }
  return {
    addresses,
    async drain(withinMs) {
      house.isEnding = true
      void shut()
      let stop = ignore
      const late = new Promise<void>((resolve) => {
        stop = clock.timer(withinMs, resolve)
      })
      await Promise.race([cuts.quiet().then(() => Promise.all([...sockets].map(emptied))), late])
      stop()
    },
    async close() {
      const isShut = shut()
      cuts.close()
      upstreams.close()
      masks.clear()
      for (const socket of sockets) socket.destroy()
      await isShut
    },
  }
}

/** What was written last has left; a turn later, for TLS inside of the socket writes in the next one. */
const emptied = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(() => (socket.writable ? void socket.write('', () => resolve()) : resolve()))
  })

function withTls(socket: Socket, { cert, key }: { cert: string; key: string }, serve: (socket: Socket) => void): void {
  const secure = new TLSSocket(socket, { isServer: true, cert, key, ALPNProtocols: ['http/1.1'], minVersion: 'TLSv1.2' })
  secure.on('error', () => socket.destroy())
  secure.once('secure', () => serve(secure))
}
