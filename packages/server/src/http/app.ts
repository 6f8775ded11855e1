// The door: one list of routes behind one listener. Finds the route, lets serve.ts walk it, and makes sure that every answer, whatever went wrong,
// carries the headers of browser.ts and a request id. Never redirects, never mends a path, never answers with text that the catalogue does not know.
import { setMaxListeners } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { Problem } from '@countersign/sdk'
import { getRequestListener } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { Hono } from 'hono'
import { findKeyInUrl } from '../crypto/token.ts'
import type { Scope } from '../db/scope.ts'
import { newId } from '../std/id.ts'
import type { TrustedProxies } from './address.ts'
import { type Answer, baseHeaders, toResponse, writeAnswer } from './answer.ts'
import { answerChecker } from './answer-check.ts'
import { type Cors, corsHeaders, hostCheck, preflightHeaders, securityHeaders } from './browser.ts'
import type { Buckets } from './bucket.ts'
import { type Exchange, MAX_URL, openExchange, refuseLoop, refuseMalformed } from './exchange.ts'
import { type Limits, openLimits } from './limit.ts'
import { openApiDocument } from './openapi.ts'
import { serveOwn } from './own.ts'
import { logProblem, problemAnswer, problemOf } from './problem.ts'
import { openReplies, type Replies, type ReplySealing } from './reply.ts'
import { type Dialect, type Method, type Route, route, STREAMED, s } from './route.ts'
import { type Entry, entryOf, type Gathered, type Handed, type HttpHouse, type Service, serve } from './serve.ts'
import { type Pages, pageAnswer } from './static.ts'
import { followCertificate, readCertificate, type TlsFiles, tlsOptions } from './tls.ts'

export type AppOptions = Handed & {
  house: HttpHouse
  /** Under /api/v1 and /api. */
  routes: readonly Route[]
  /** At the root: health, discovery, redirects of the dashboard. */
  rootRoutes?: readonly Route[]
  sealing: ReplySealing
  /** Where people reach this server; without it, where it listens. */
  publicUrl?: string
  allowedHosts?: readonly string[]
  hstsPreload?: boolean
  /** Ends TLS here; without it the listener speaks plain http. */
  tls?: TlsFiles | null
  trustedProxies?: TrustedProxies
  cors?: Cors | null
  buckets?: Buckets
  pages?: Pages
  /** How long replies are kept; a day. */
  keepRepliesMs?: number
  /** One line per request at `info`. */
  accessLog?: boolean
  /** false: no /openapi.json, for a listener that serves probes alone. */
  describes?: boolean
  /** For a listener that only a network of the operator's reaches: whatever name it is called by. */
  anyHost?: true
  /** Told of every answer: what was asked by its pattern, never by its path. */
  observe?(seen: { method: string; route: string | null; status: number; ms: number }): void
  /** For tests: an answer that its schema does not describe is an error. */
  checkAnswers?: boolean
  version?: string
  /** What we send, for the description of the API. */
  webhooks?: Record<string, unknown>
  /** By what our own requests are known when they come back (P105). */
  installation?: string
  /** Somebody ran into a limit. */
  limited?(scope: Scope, problem: Problem): void
  /** A key of ours stood in a URL (P59): the place to revoke it. */
  keyExposed?(key: string): Promise<void>
}

export type App = {
  /** For callers in this process; streams and address checks need `listen`. */
  fetch: (request: Request) => Promise<Response>
  listen(
    port: number,
    host?: string,
  ): Promise<{ port: number; url: string; close(options?: { graceMs?: number }): Promise<void> }>
  origin(): string
  limits: Limits
  replies: Replies
}

type Raw = { incoming?: IncomingMessage; outgoing?: ServerResponse }
/** A request on its way, handed through the router. */
type Here = { exchange: Exchange; gathered: Gathered; entry?: Entry }
type Env = { Bindings: { here: Here } }
/** Where this server is reached; known at once, or when it listens. */
type Place = { url: string | null; hosts: readonly string[] }

const METHODS: readonly Method[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']
// A probe asks by whatever name it has.
const ANY_HOST = ['/livez', '/readyz']
const TIMERS = { headersTimeout: 10_000, requestTimeout: 60_000, keepAliveTimeout: 72_000, maxHeaderSize: 32_768 }

export function buildApp(options: AppOptions): App {
  const { house } = options
  const place: Place = { url: options.publicUrl ?? null, hosts: options.allowedHosts ?? [] }
  const edge = edgeOf(options, place)
  const origin = () => edge().origin
  const stop = new AbortController()
  // Every request that waits listens to it; Node takes more than ten for a leak.
  setMaxListeners(0, stop.signal)
  const limits = openLimits({ db: house.db, keyring: house.keyring, clock: house.clock, buckets: options.buckets })
  const replies = openReplies({ db: house.db, sealing: options.sealing, keepMs: options.keepRepliesMs })
  const entries = listEntries(options)
  const service: Service = {
    house,
    handed: options,
    limits,
    replies,
    origin,
    base: () => edge().security.api,
    stopping: stop.signal,
    check: options.checkAnswers ? answerChecker() : undefined,
  }
  const door = makeDoor(options, service, entries, edge)
  return {
    fetch: async (request) => door(request, {}),
    listen: (port, host = '127.0.0.1') => listen({ port, host, tls: options.tls ?? null, house, door, stop, place, edge }),
    origin,
    limits,
    replies,
  }
}

type Placed = Entry & { pattern: string }

/** T59: a native route stands under both prefixes, unless a compatible one has its place under /api. */
function listEntries(options: AppOptions): Placed[] {
  const { routes, rootRoutes = [] } = options
  const compatible = new Set(routes.filter((one) => one.spec.dialect === 'compatible').map((one) => `${one.method} ${one.path}`))
  const placed = routes.flatMap((one): Placed[] => {
    const as = (dialect: Dialect, prefix: string): Placed => ({ ...entryOf(one, dialect), pattern: `${prefix}${one.path}` })
    if (one.spec.dialect === 'compatible') return [as('compatible', '/api')]
    if (one.spec.dialect === 'both') return [as('native', '/api/v1'), as('compatible', '/api')]
    const both = compatible.has(`${one.method} ${one.path}`) ? [] : [as('native', '/api')]
    return [as('native', '/api/v1'), ...both]
  })
  const document = route(
    'GET /openapi.json',
    { summary: 'This description', tag: 'meta', auth: 'none', answers: { 200: s.jsonObject() } },
    async () => cached(),
  )
  let made: object | undefined
  const cached = () => {
    made ??= openApiDocument(routes, { version: options.version ?? '0.0.0', rootRoutes, webhooks: options.webhooks })
    return made
  }
  const rooted = [...rootRoutes, ...(options.describes === false ? [] : [document])].map(
    (one): Placed => ({ ...entryOf(one, 'native'), pattern: one.path }),
  )
  const all = [...placed, ...rooted]
  const seen = new Set<string>()
  for (const { route: one, pattern } of all) {
    const head = `${one.method} ${pattern}`
    if (seen.has(head)) throw new TypeError(`${head} stands twice in the table of routes.`)
    if (one.spec.stepUp && !options.stepUp) throw new TypeError(`${head} needs a step-up that nobody handed in.`)
    seen.add(head)
  }
  return all.sort((a, b) => compareSpecific(a.pattern, b.pattern))
}

/** Fixed parts before named ones, so that /events/types is not the event called "types". */
function compareSpecific(a: string, b: string): number {
  const [left, right] = [a.split('/'), b.split('/')]
  const rank = (part: string | undefined) => (part === undefined ? 0 : part === '*' ? 3 : part.startsWith(':') ? 2 : 1)
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const order = rank(left[i]) - rank(right[i])
    if (order !== 0) return order
  }
  return 0
}

type Door = (request: Request, raw: Raw) => Promise<Response>

function makeDoor(options: AppOptions, service: Service, entries: Placed[], edge: () => Edge): Door {
  const { house, cors = null, pages = new Map(), trustedProxies = [] } = options
  const hono = new Hono<Env>({ getPath: pathOf })
  for (const entry of entries)
    hono.on(entry.route.method, entry.pattern, async (c) => {
      const { here } = c.env
      here.entry = entry
      const answer = await (entry.route.spec.own ? serveOwn : serve)(service, entry, here.exchange, c.req.param(), here.gathered)
      return answer === STREAMED ? RESPONSE_ALREADY_SENT : send(here, answer, answer.isPage ? edge().page : edge().api)
    })
  hono.onError((error) => {
    throw error
  })
  const foreign = entries.flatMap(({ route: { spec }, pattern }) =>
    spec.ownRefusal ? [{ places: placesOf(pattern), refusal: spec.ownRefusal }] : [],
  )
  const allowed = (path: string) => METHODS.filter((method) => hono.router.match(method, path)[0].length > 0)
  hono.notFound(async (c) => {
    const { here } = c.env
    const { method, path, header } = here.exchange
    const page = method === 'GET' || method === 'HEAD' ? pageAnswer(pages, path, header) : null
    if (page) return send(here, page, edge().page)
    const methods = allowed(path)
    if (methods.length === 0) throw new Problem('not_found')
    here.gathered.headers.Allow = allowHeader(methods)
    throw new Problem('method_not_allowed', { allowed: methods })
  })

  const send = ({ exchange, gathered }: Here, answer: Answer, base = edge().api): Response => {
    const whole = { ...answer, headers: { ...gathered.headers, ...answer.headers } }
    if (service.stopping.aborted) whole.headers.Connection = 'close'
    if (!exchange.outgoing) return toResponse(whole, base)
    writeAnswer(exchange.outgoing, whole, base)
    return RESPONSE_ALREADY_SENT
  }

  return async (request, raw) => {
    const from = options.accessLog || options.observe ? performance.now() : 0
    const exchange = openExchange(request, raw, trustedProxies)
    const headers: Gathered['headers'] = { 'X-Request-Id': exchange.id }
    if (cors) Object.assign(headers, corsHeaders(cors, exchange.header))
    const here: Here = { exchange, gathered: { headers, scope: null } }
    let status = 0
    try {
      refuseMalformed(exchange)
      if (options.installation) refuseLoop(exchange.header('via'), options.installation)
      if (raw.incoming && !options.anyHost && !ANY_HOST.includes(exchange.path)) edge().refuseHost(exchange.header('host'))
      await refuseExposedKey(exchange, options)
      const response =
        request.method === 'OPTIONS' ? send(here, optionsAnswer(exchange, allowed, cors)) : await hono.fetch(request, { here })
      status = raw.outgoing?.statusCode ?? response.status
      return response
    } catch (error) {
      const problem = problemOf(error)
      status = problem.status
      logProblem(house.log, problem, fieldsOf(here))
      if (status === 429 && here.gathered.scope) options.limited?.(here.gathered.scope, problem)
      if (raw.outgoing?.headersSent) return RESPONSE_ALREADY_SENT
      const own = foreign.find(({ places }) => places.test(exchange.path))
      if (own) return send(here, own.refusal(problem, exchange))
      const dialect = here.entry?.dialect ?? (/^\/api\/(?!v1(?:\/|$))/.test(exchange.path) ? 'compatible' : 'native')
      return send(here, problemAnswer(problem, exchange.id, dialect, here.entry?.route.spec.compatibleWords))
    } finally {
      options.observe?.({
        method: METHODS.includes(exchange.method as Method) ? exchange.method : 'other',
        route: here.entry?.route.path ?? null,
        status,
        ms: performance.now() - from,
      })
      if (options.accessLog) house.log.info({ ...fieldsOf(here), status, ms: Math.round(performance.now() - from) }, 'request')
    }
  }
}

/** Every path of a pattern, whatever the verb. */
const placesOf = (pattern: string): RegExp =>
  new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll(/:\w+/g, '[^/]+').replace(/\/\*$/, '(?:/.*)?')}$`)

type Edge = ReturnType<typeof makeEdge>

function makeEdge(options: AppOptions, { url, hosts }: Place) {
  const known = url ?? 'http://localhost'
  const security = securityHeaders({
    https: Boolean(options.tls) || known.startsWith('https:'),
    hstsPreload: options.hstsPreload,
  })
  return {
    url,
    origin: new URL(known).origin,
    security,
    api: baseHeaders(security.api),
    page: baseHeaders(security.page),
    refuseHost: hostCheck(known, hosts),
  }
}

/** Made again when the server learns where it listens. */
function edgeOf(options: AppOptions, place: Place): () => Edge {
  let edge = makeEdge(options, place)
  return () => {
    if (edge.url !== place.url) edge = makeEdge(options, place)
    return edge
  }
}

const fieldsOf = ({ exchange, gathered, entry }: Here) => ({
  request_id: exchange.id,
  method: exchange.method,
  // The pattern, never the path: a path may hold what is nobody's business in a log.
  route: entry?.route.path ?? null,
  ...(gathered.scope ? { principal: gathered.scope.principal, tenant: gathered.scope.tenantId } : {}),
})

/** The path as it was sent: hono would decode parts of it, and a path that means two things means neither here. */
function pathOf(request: Request): string {
  const from = request.url.indexOf('/', request.url.indexOf('://') + 3)
  const cut = request.url.slice(from).search(/[?#]/)
  return cut < 0 ? request.url.slice(from) : request.url.slice(from, from + cut)
}

async function refuseExposedKey({ path, query }: Exchange, options: AppOptions): Promise<void> {
  const key = findKeyInUrl(`${path}?${query}`)
  if (!key) return
  await options.keyExposed?.(key)
  throw new Problem('credential_in_url')
}

const allowHeader = (methods: readonly string[]) =>
  [...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].join(', ')

function optionsAnswer(exchange: Exchange, allowed: (path: string) => readonly string[], cors: Cors | null): Answer {
  const methods = allowed(exchange.path)
  if (methods.length === 0) throw new Problem('not_found')
  const preflight = cors && exchange.header('access-control-request-method') !== undefined
  return { status: 204, headers: { Allow: allowHeader(methods), ...(preflight ? preflightHeaders(methods) : {}) }, body: null }
}

type Listening = {
  port: number
  host: string
  tls: TlsFiles | null
  house: HttpHouse
  door: Door
  stop: AbortController
  place: Place
  edge(): Edge
}

async function listen({ port, host, tls, house, door, stop, place, edge }: Listening) {
  const listener = getRequestListener((request, env) => door(request, env as Raw), {
    // Others in this process (egress, protocol libraries) want the platform's own Request and Response.
    overrideGlobalObjects: false,
    // What the adapter cannot even make a Request of.
    errorHandler: (error) => toResponse(malformed(error), edge().api),
  })
  // Node does not count a connection that never asked anything as idle, and would wait for it at the end.
  // By its other end: with TLS, what connects and what asks are two objects.
  const silent = new Map<string, Socket>()
  const answer = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    silent.delete(farEnd(incoming.socket))
    void listener(incoming, outgoing)
  }
  const pair = tls && readCertificate(tls)
  const secure = pair && createTlsServer({ ...TIMERS, ...tlsOptions(pair) }, answer)
  const server = secure ?? createServer(TIMERS, answer)
  server.on('connection', (socket: Socket) => {
    const from = farEnd(socket)
    silent.set(from, socket)
    socket.once('close', () => silent.delete(from))
  })
  server.on('checkExpectation', (incoming: IncomingMessage, outgoing: ServerResponse) => void listener(incoming, outgoing))
  server.on('clientError', (error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket: Socket) =>
    refuseSocket(error, socket, edge().security.api),
  )
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const stopFollowing = tls && pair && secure ? followCertificate(secure, tls, pair, house) : () => undefined
  const bound = (server.address() as AddressInfo).port
  const url = `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${bound}`
  if (place.url === null) {
    place.url = url
    place.hosts = [...place.hosts, ...['localhost', '127.0.0.1', '[::1]'].map((name) => `${name}:${bound}`)]
  }
  return {
    port: bound,
    url,
    close: (own: { graceMs?: number } = {}) => {
      stopFollowing()
      return close(server, silent, stop, own.graceMs ?? 5_000)
    },
  }
}

const farEnd = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`

const malformed = (cause: unknown): Answer => {
  const id = newId('req')
  const answer = problemAnswer(new Problem('request_invalid', {}, { cause }), id)
  return { ...answer, headers: { ...answer.headers, 'X-Request-Id': id } }
}

/** What Node's parser refused never becomes a request: the answer is written on the socket. */
function refuseSocket(error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket: Socket, base: Record<string, string>): void {
  // Who did not get through the handshake would not understand an answer either.
  if (/^(ECONNRESET|EPROTO|ERR_SSL_|ERR_TLS_)/.test(error.code ?? '') || !socket.writable) {
    socket.destroy(error)
    return
  }
  const overflow = error.code === 'HPE_HEADER_OVERFLOW'
  const longTarget = overflow && startsLong(error.rawPacket)
  const problem = overflow
    ? new Problem(longTarget ? 'uri_too_long' : 'headers_too_large', longTarget ? { max_bytes: MAX_URL } : {})
    : new Problem('request_invalid')
  const id = newId('req')
  const { status, headers, body } = problemAnswer(problem, id)
  const text = String(body)
  const all = { ...base, ...headers, 'X-Request-Id': id, Connection: 'close', 'Content-Length': Buffer.byteLength(text) }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${status} ${problem.title}\r\n${lines.join('')}\r\n${text}`)
}

/** Whether what overflowed was the request line; a later packet of the same head does not start with a method. */
function startsLong(packet: Buffer | undefined): boolean {
  const first = packet?.indexOf('\n') ?? 0
  return (first < 0 || first > MAX_URL) && /^[A-Z]{3,7} /.test(packet?.toString('latin1', 0, 8) ?? '')
}

const SILENT_MS = 300

/** Waits and streams end at once, calls that run get the grace, and then nothing is left open. */
async function close(server: Server, silent: ReadonlyMap<string, Socket>, stop: AbortController, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  stop.abort('shutdown')
  server.closeIdleConnections()
  // A connection that was just made may have its request on the way; one that stays silent has none.
  const hush = setTimeout(() => {
    for (const socket of silent.values()) socket.destroy()
  }, SILENT_MS)
  // A stream's head said nothing of closing, so its connection would stay for the client's next call until the grace is over.
  const idle = setInterval(() => server.closeIdleConnections(), 20)
  const cut = setTimeout(() => server.closeAllConnections(), graceMs)
  await closed
  clearInterval(idle)
  clearTimeout(cut)
  clearTimeout(hush)
}
