// The only door out (P95): every request is checked, dialled at a checked address, capped in time and size, and told apart only in five ways (P101–P105).
// Never follows a redirect unless it is told to, never uses a proxy but the one that the operator names to us (proxy.ts), never tells the caller what the other
// side said in TLS or TCP.
import { connect as netConnect, type Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { Agent } from 'undici'
import { sha256Hex } from '../crypto/token.ts'
import type { Log } from '../std/log.ts'
import { readBody } from './body.ts'
import { dial, straight, type Trust } from './dial.ts'
import { EgressError, type Failed, type Failure } from './failure.ts'
import type { Guard, Route } from './guard.ts'
import { type Lane, type LaneRequest, openLane } from './lane.ts'
import { type ForwardProxy, wireThrough } from './proxy.ts'
import { rounded, type Timings, watchBody } from './timing.ts'
import { readUrl } from './url.ts'

export type Answer = {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: Buffer
  /** Where it came from, after redirects. */
  url: string
}

export type Caps = {
  connectMs: number
  headersMs: number
  idleMs: number
  wholeMs: number
  headerBytes: number
  bodyBytes: number
}
export const CAPS: Caps = {
  connectMs: 5_000,
  headersMs: 10_000,
  idleMs: 10_000,
  wholeMs: 30_000,
  headerBytes: 16_384,
  bodyBytes: 10_000_000,
}

export type EgressRequest = {
  /** Connections are never shared between tenants. */
  tenantId: string
  url: string
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  headers?: Record<string, string>
  body?: string | Buffer
  /** 0 unless said otherwise; at most 3. */
  redirects?: number
  /** cut: read so much and no more; fail (default): `too_large`. */
  onLarge?: 'cut' | 'fail'
  /** raw: the body as it came. */
  encoding?: 'decompress' | 'raw'
  caps?: Partial<Caps>
  /** A private authority in place of the public ones. */
  ca?: string
  /** What we show of ourselves when asked, both in PEM. */
  client?: { cert: string; key: string }
  /** Connections of its own, so many at most, that nobody else's slowness fills. */
  pool?: { name: string; connections: number }
  /** Filled in on the way; for that the body is a buffer that no other request sends. */
  timings?: Timings
  signal?: AbortSignal
}

/** An answer whose body is read as it comes; `wholeMs` bounds nothing here, the others do. Whoever leaves early ends the request. */
export type Streamed = Omit<Answer, 'body' | 'url'> & { body: AsyncIterable<Buffer> }

export type Door = {
  readonly guard: Guard
  fetch(request: EgressRequest): Promise<Answer | Failure>
  /** Follows no redirect. The body of the request is a buffer of its own where `timings` are to say whether it left. */
  stream(request: Omit<EgressRequest, 'redirects' | 'onLarge' | 'encoding'>): Promise<Streamed | Failure>
  /** A bare connection of a checked route, for what is no HTTP: a server of mail. */
  dial(route: Route, ms: number): Promise<Socket>
  /** A checked connection for who streams HTTP over it themselves. */
  lane(request: LaneRequest): Promise<Lane | Failure>
  close(): Promise<void>
}

export type DoorOptions = {
  guard: Guard
  /** Tells our own requests when they come back (P105). */
  installation: string
  version: string
  log?: Log
  /** Every connection goes through it; while it is away none is made. */
  proxy?: ForwardProxy | null
  /** Opens the TCP connection; handed in by tests whose rig listens on another port. */
  connect?: typeof netConnect
}

const MOST_POOLS = 256
const MOST_HEADERS = 100
const MOST_REDIRECTS = 3
const CARRIED_ACROSS = ['accept', 'accept-language', 'user-agent', 'via']

export const viaOf = (installation: string): string => `1.1 countersign-${installation}`

export function openDoor(options: DoorOptions): Door {
  const { guard, log, connect = netConnect } = options
  const wire = options.proxy ? wireThrough(options.proxy, connect) : straight(connect)
  const pools = new Map<string, Agent>()

  /** One pool per tenant, origin and set of addresses (P102): a connection is reused only for what it was checked for. */
  function poolOf(request: EgressRequest, route: Route, caps: Caps): Agent {
    const where = route.addresses.map((address) => Buffer.from(address).toString('hex')).sort()
    const key = [
      request.tenantId,
      route.url.origin,
      ...where,
      request.ca || request.client ? sha256Hex(`${request.ca}${request.client?.cert}`) : '',
      caps.headerBytes,
      caps.connectMs,
      request.pool?.name ?? '',
    ].join(' ')
    const trust = { ca: request.ca, ...request.client }
    const pool = pools.get(key) ?? openPool(route, caps, trust, request.pool?.connections ?? 8)
    // Moved to the end: the first one is the one that was used longest ago.
    pools.delete(key)
    pools.set(key, pool)
    const [oldest] = pools.size > MOST_POOLS ? pools : []
    if (oldest) {
      pools.delete(oldest[0])
      void oldest[1].close()
    }
    return pool
  }

  const openPool = (route: Route, caps: Caps, trust: Trust, connections: number): Agent =>
    new Agent({
      connections,
      pipelining: 1,
      maxHeaderSize: caps.headerBytes,
      allowH2: false,
      connect: (_, done) => {
        dial(route, caps.connectMs, trust, wire).then(
          (socket) => done(null, inSlices(socket) as never),
          (error: Error) => done(error, null),
        )
      },
    })

  /** Sends one request over a connection of its checked route. */
  async function send(request: EgressRequest, route: Route, caps: Caps, signal?: AbortSignal) {
    const headers = {
      'user-agent': `Countersign/${options.version}`,
      ...lower(request.headers),
      via: viaOf(options.installation),
    }
    const { timings } = request
    if (timings && Buffer.isBuffer(request.body)) watchBody(request.body, timings)
    return poolOf(request, route, caps).request({
      origin: route.url.origin,
      path: route.url.pathname + route.url.search,
      method: request.method ?? 'GET',
      headers,
      body: request.body,
      headersTimeout: caps.headersMs,
      bodyTimeout: caps.idleMs,
      signal,
    })
  }

  async function hop(request: EgressRequest, route: Route, caps: Caps, signal: AbortSignal): Promise<Answer> {
    const { timings } = request
    const sent = performance.now()
    const { statusCode, headers: got, body } = await send(request, route, caps, signal)
    if (timings) timings.firstByteMs = rounded(performance.now() - sent)
    const { onLarge = 'fail', encoding = 'decompress' } = request
    const limits = { bytes: caps.bodyBytes, onLarge, encoding }
    try {
      if (Object.values(got).flat().length > MOST_HEADERS) throw new EgressError('too_large')
      return {
        status: statusCode,
        headers: got,
        body: await readBody(body, [got['content-encoding']].flat()[0], limits),
        url: route.url.href,
      }
    } finally {
      // A reply that is left early says so by an event; unheard, it would end the process.
      body.on('error', () => undefined).destroy()
    }
  }

  async function openStream(request: EgressRequest): Promise<Streamed> {
    const caps = { ...CAPS, ...request.caps }
    const verdict = await guard.check(request.url, request.tenantId)
    if ('refused' in verdict) throw new EgressError(verdict.refused === 'unreachable' ? 'unreachable' : 'url_not_allowed')
    const { statusCode, headers, body } = await send(request, verdict.route, caps, request.signal)
    body.on('error', () => undefined)
    const coding = [headers['content-encoding']].flat()[0]?.trim().toLowerCase() || 'identity'
    if (Object.values(headers).flat().length > MOST_HEADERS || coding !== 'identity') {
      body.destroy()
      throw new EgressError('too_large')
    }
    return { status: statusCode, headers, body: bounded(body, caps.bodyBytes) }
  }

  async function follow(request: EgressRequest, signal: AbortSignal): Promise<Answer> {
    const caps = { ...CAPS, ...request.caps }
    let next = request
    for (let left = Math.min(request.redirects ?? 0, MOST_REDIRECTS); ; left--) {
      const asked = performance.now()
      const verdict = await guard.check(next.url, next.tenantId)
      if (next.timings) next.timings.dnsMs = rounded(performance.now() - asked)
      if ('refused' in verdict) throw new EgressError(verdict.refused === 'unreachable' ? 'unreachable' : 'url_not_allowed')
      const answer = await hop(next, verdict.route, caps, signal).catch((error: unknown) => {
        // A line break inside Location is no HTTP any more: for who follows, where it points is what is wrong.
        throw request.redirects && isMalformed(error) ? new EgressError('url_not_allowed', error) : error
      })
      const location = answer.headers.location
      if (!request.redirects || ![301, 302, 303, 307, 308].includes(answer.status) || location === undefined) return answer
      if (left === 0) throw new EgressError('url_not_allowed')
      next = redirected(next, verdict.route.url, answer.status, location)
    }
  }

  return {
    guard,
    async fetch(request) {
      const whole = AbortSignal.timeout(request.caps?.wholeMs ?? CAPS.wholeMs)
      const signal = request.signal ? AbortSignal.any([whole, request.signal]) : whole
      try {
        return await abortable(follow(request, signal), signal)
      } catch (error) {
        const failed = classify(error)
        log?.info({ err: error, failed, url: hostOf(request.url) }, 'a request out failed')
        return { failed }
      }
    },
    async stream(request) {
      try {
        return await openStream(request)
      } catch (error) {
        const failed = classify(error)
        log?.info({ err: error, failed, url: hostOf(request.url) }, 'a request out failed')
        return { failed }
      }
    },
    dial: (route, ms) => dial(route, ms, {}, wire),
    async lane(request) {
      const lane = await openLane(guard, wire, request)
      if ('failed' in lane)
        log?.info({ err: lane.cause, failed: lane.failed, url: hostOf(request.origin) }, 'a connection out failed')
      return lane
    },
    async close() {
      await Promise.all([...pools.values()].map((pool) => pool.destroy()))
      pools.clear()
    },
  }
}

/** So many bytes and no more; what is left unread when the reader goes is not waited for. */
async function* bounded(body: Readable, bytes: number): AsyncGenerator<Buffer> {
  let size = 0
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > bytes) throw new EgressError('too_large')
      yield chunk
    }
  } finally {
    body.destroy()
  }
}

const SLICE = 2_048

/**
 * undici notices too many headers, but reads the chunk to its end all the same and makes an error for each header that is left: 60 ms of our time for 64 kB
 * of theirs. In slices what is left is little.
 */
function inSlices(socket: Socket): Socket {
  const read = socket.read.bind(socket)
  socket.read = (size?: number) => (socket.destroyed ? null : read(size ?? (socket.readableLength > SLICE ? SLICE : undefined)))
  return socket
}

/** A new pass for where a redirect points (P101). Throws when it may not be followed at all. */
function redirected(request: EgressRequest, from: URL, status: number, location: string | string[]): EgressRequest {
  const [text] = [location].flat()
  // Judged as it came: a parser would silently drop a line break or a tab.
  const isOne = text !== undefined && !Array.isArray(location) && !/[\p{Cc} \\]/u.test(text)
  const to = isOne ? readUrl(text, from.href) : null
  if (!to) throw new EgressError('url_not_allowed')
  const sameOrigin = to.origin === from.origin
  if (from.protocol === 'https:' && to.protocol !== 'https:') throw new EgressError('url_not_allowed')
  const keepsBody = status === 307 || status === 308
  if (keepsBody && request.body !== undefined && !sameOrigin) throw new EgressError('url_not_allowed')
  const all = lower(request.headers)
  const headers = sameOrigin ? all : Object.fromEntries(Object.entries(all).filter(([name]) => CARRIED_ACROSS.includes(name)))
  if (keepsBody) return { ...request, url: to.href, headers }
  return { ...request, url: to.href, headers, method: 'GET', body: undefined }
}

const lower = (headers: Record<string, string> = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))

/** The resolver and the dial know no signal; whoever waits is let go all the same. */
function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(new EgressError('timeout', signal.reason))
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

const BY_CODE: Record<string, Failed> = {
  UND_ERR_HEADERS_TIMEOUT: 'timeout',
  UND_ERR_BODY_TIMEOUT: 'timeout',
  UND_ERR_ABORTED: 'timeout',
  UND_ERR_HEADERS_OVERFLOW: 'too_large',
}

function classify(error: unknown): Failed {
  if (error instanceof EgressError) return error.failed
  if (!(error instanceof Error)) return 'unreachable'
  if (error.name === 'AbortError' || error.name === 'TimeoutError') return 'timeout'
  return BY_CODE[(error as NodeJS.ErrnoException).code ?? ''] ?? 'unreachable'
}

/** undici gives its parser's errors no code, only this name. */
const isMalformed = (error: unknown): boolean => error instanceof Error && error.name === 'HTTPParserError'

const hostOf = (url: string): string | undefined => readUrl(url)?.host
