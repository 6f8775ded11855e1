// The gate's channel (V80): one TLS 1.3 connection a node, both ends known by the fingerprint of their certificate, lines of JSON in both directions.
// A stranger is closed before a byte of theirs is read. Both ends settle in the handshake which version of the protocol they speak, so that a node and a gate of different releases
// understand each other or say that they do not. Carries three verbs; knows what none of them means.
import { connect, createServer, type Server, type TLSSocket } from 'node:tls'
import { Problem, type ProblemCode, type ProblemMembers } from '@countersign/sdk'
import { backoffMs } from '../../std/backoff.ts'
import type { Clock } from '../../std/clock.ts'
import type { Log } from '../../std/log.ts'

export type Identity = { key: string; certificate: string }
export type Verbs = Record<string, (params: unknown) => Promise<unknown>>

type Asked = { id: number; verb: string; params: unknown }
type Answered = { id: number; result?: unknown; problem?: { code: ProblemCode; members: ProblemMembers } }

// A held request carries its body: 1 MiB, in base64.
const LONGEST_LINE = 2 * 1024 * 1024
const CALL_MS = 35_000
const MOST_AT_ONCE = 256

/** Every version of the protocol that this release speaks. A verb that is not in the list is as old as the protocol; who lacks a version is asked nothing that came with it. */
const PROTOCOLS: readonly number[] = [1]
const SINCE: Readonly<Record<string, number>> = {}
type Spoken = { protocols?: readonly number[]; since?: Readonly<Record<string, number>> }

const nameOf = (protocol: number): string => `countersign-gate/${protocol}`
/** What was settled; who offers nothing is of before the versions had names. */
const protocolOf = (socket: TLSSocket): number => Number(/\/(\d+)$/.exec(socket.alpnProtocol || nameOf(1))?.[1])

const TLS = { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' } as const

/** SHA-256 of the certificate's DER, as lower-case hex; null: it showed none. */
const fingerprintOf = (socket: TLSSocket): string | null =>
  socket.getPeerX509Certificate()?.fingerprint256.replaceAll(':', '').toLowerCase() ?? null

/** Calls `line` with each; false when one grew too long. */
function lines(line: (text: string) => void): (chunk: Buffer) => boolean {
  let parts: Buffer[] = []
  let length = 0
  return (chunk) => {
    let from = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      parts.push(chunk.subarray(from, end))
      const text = Buffer.concat(parts).toString('utf8')
      parts = []
      length = 0
      from = end + 1
      line(text)
    }
    parts.push(chunk.subarray(from))
    length += chunk.length - from
    return length <= LONGEST_LINE
  }
}

export type GateServer = {
  /** 0 on a socket of the file system. */
  port: number
  /** Who has a line now, by their fingerprints. */
  present(): string[]
  /** Breaks the lines of this one, in the middle of whatever is said. */
  cut(fingerprint: string): void
  close(): Promise<void>
}

/** An address and a port, or a socket in a folder that nobody else enters. */
export type Place = { host: string; port: number; path?: never } | { path: string; host?: never; port?: never }

export type ServeOptions = Place &
  Spoken & {
    identity: Identity
    /** Who shows this certificate: the node's verbs, or null for a stranger. */
    admit(fingerprint: string): Promise<Verbs | null>
    log: Log
  }

export async function serveChannel(options: ServeOptions): Promise<GateServer> {
  const { identity, admit, host, port, path, log, protocols = PROTOCOLS, since = SINCE } = options
  const newest = Math.max(...protocols)
  const open = new Map<TLSSocket, string | null>()
  const server: Server = createServer(
    {
      ...{ ...TLS, key: identity.key, cert: identity.certificate, requestCert: true, rejectUnauthorized: false },
      // The newest that both speak; without one there is no line.
      ALPNCallback: ({ protocols: theirs }) =>
        protocols
          .toSorted((a, b) => b - a)
          .map(nameOf)
          .find((name) => theirs.includes(name)),
    },
    (socket) => {
      // Known before it is looked up: who is expelled meanwhile is cut all the same.
      open.set(socket, fingerprintOf(socket))
      socket.on('close', () => open.delete(socket))
      socket.on('error', (error) => log.debug({ err: error }, 'a line of the gate broke'))
      void greet(socket)
    },
  )
  async function greet(socket: TLSSocket): Promise<void> {
    const fingerprint = open.get(socket) ?? null
    let verbs: Verbs | null = null
    try {
      verbs = fingerprint === null ? null : await admit(fingerprint)
    } catch (error) {
      log.warn({ err: error }, 'the gate could not look up a node')
    }
    if (verbs === null) {
      log.warn({ fingerprint }, 'a stranger knocked at the gate')
      socket.destroy()
      return
    }
    const protocol = protocolOf(socket)
    if (protocol !== newest)
      log.warn({ fingerprint, protocol, newest }, 'a node of another release: it is not asked and not answered what it lacks')
    answer(socket, Object.fromEntries(Object.entries(verbs).filter(([verb]) => (since[verb] ?? 1) <= protocol)), log)
  }
  server.on('tlsClientError', (error, socket) => {
    log.debug({ err: error }, 'no TLS came about at the gate')
    socket.destroy()
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    if (path === undefined) server.listen(port, host, resolve)
    else server.listen(path, resolve)
  })
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    present: () => [...new Set(open.values())].filter((one) => one !== null),
    cut(fingerprint) {
      for (const [socket, whose] of open) if (whose === fingerprint) socket.destroy()
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of open.keys()) socket.destroy()
      await closed
    },
  }
}

function answer(socket: TLSSocket, verbs: Verbs, log: Log): void {
  let running = 0
  const write = (said: Answered) => {
    if (!socket.destroyed) socket.write(`${JSON.stringify(said)}\n`)
  }
  const read = lines((text) => {
    const asked = JSON.parse(text) as Asked
    const verb = Object.hasOwn(verbs, asked.verb) ? verbs[asked.verb] : undefined
    // A node asks for three things; whoever asks for another is none of ours any more.
    if (!verb || ++running > MOST_AT_ONCE) {
      log.error({ verb: String(asked.verb).slice(0, 64), running }, 'a node asked what no node asks')
      socket.destroy()
      return
    }
    verb(asked.params)
      .then((result) => write({ id: asked.id, result }))
      .catch((error: unknown) => {
        if (error instanceof Problem && error.status !== 0)
          write({ id: asked.id, problem: { code: error.code as ProblemCode, members: error.members } })
        else {
          log.error({ err: error, verb: asked.verb }, 'a verb of the gate failed')
          write({ id: asked.id, problem: { code: 'internal', members: {} } })
        }
      })
      .finally(() => running--)
  })
  socket.on('data', (chunk: Buffer) => {
    try {
      if (!read(chunk)) socket.destroy()
    } catch (error) {
      log.warn({ err: error }, 'a node spoke what is no line of the gate')
      socket.destroy()
    }
  })
}

export type GateClient = {
  /** Rejects with the problem that the gate answered; `control_unreachable` when it does not answer. */
  call(verb: string, params: unknown): Promise<unknown>
  isOpen(): boolean
  /** The version of the protocol that is spoken; null while there is no line. */
  protocol(): number | null
  close(): void
}

export type DialOptions = Place &
  Spoken & {
    identity: Identity
    /** Of the gate's certificate. */
    fingerprint: string
    clock: Clock
    log: Log
  }

type Waiting = { resolve: (result: unknown) => void; reject: (error: Problem) => void; stop: () => void }
/** Not on its way yet: as many are under way as the gate takes. */
type Queued = { send(): void; reject: (error: Problem) => void }

/** Comes back by itself when the line breaks; calls meanwhile are refused, not kept: whoever asks again is judged anew. */
export function dialChannel(options: DialOptions): GateClient {
  const { identity, host, port, path, fingerprint, clock, log, protocols = PROTOCOLS, since = SINCE } = options
  const place = path === undefined ? { host, port } : { path }
  const waiting = new Map<number, Waiting>()
  const queued: Queued[] = []
  let socket: TLSSocket | null = null
  let isOpen = false
  let closed = false
  let isForeign = false
  let attempt = 0
  let next = 0

  const drop = (): void => {
    isOpen = false
    for (const one of waiting.values()) {
      one.stop()
      one.reject(unreachable())
    }
    waiting.clear()
    for (const one of queued.splice(0)) one.reject(unreachable())
  }
  const sendNext = (): void => {
    if (waiting.size < MOST_AT_ONCE) queued.shift()?.send()
  }
  const settle = (text: string): void => {
    const said = JSON.parse(text) as Answered
    const one = waiting.get(said.id)
    if (!one) return
    waiting.delete(said.id)
    one.stop()
    if (said.problem) one.reject(new Problem(said.problem.code, said.problem.members))
    else one.resolve(said.result)
    sendNext()
  }
  const dial = (): void => {
    if (closed) return
    // No name and no chain is checked: the fingerprint says more than both.
    const line = connect({
      ...{ ...TLS, ...place, key: identity.key, cert: identity.certificate, rejectUnauthorized: false },
      ALPNProtocols: protocols.toSorted((a, b) => b - a).map(nameOf),
    })
    socket = line
    const read = lines(settle)
    line.once('secureConnect', () => {
      if (fingerprintOf(line) !== fingerprint) {
        log.error({ fingerprint: fingerprintOf(line) }, 'the gate shows another certificate than the one that is pinned')
        line.destroy()
        return
      }
      attempt = 0
      isOpen = true
    })
    line.on('data', (chunk: Buffer) => {
      if (!isOpen || !read(chunk)) line.destroy()
    })
    line.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL' && !isForeign)
        log.error({ protocols }, 'the gate is of a release that speaks no version of the protocol that this one speaks')
      isForeign = error.code === 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL'
      log.debug({ err: error }, 'the line to the gate broke')
    })
    line.once('close', () => {
      drop()
      if (!closed) clock.timer(backoffMs(++attempt, { firstMs: 50, maxMs: 1_000 }), dial)
    })
  }
  dial()
  return {
    isOpen: () => isOpen,
    protocol: () => (isOpen && socket !== null ? protocolOf(socket) : null),
    call(verb, params) {
      const line = socket
      if (!isOpen || line === null) return Promise.reject(unreachable())
      const spoken = protocolOf(line)
      if ((since[verb] ?? 1) > spoken)
        return Promise.reject(
          new Problem('control_unreachable', {
            detail: `The gate is of an older release: its protocol ${spoken} has no ${verb}.`,
          }),
        )
      return new Promise((resolve, reject) => {
        const send = (): void => {
          const id = ++next
          const stop = clock.timer(CALL_MS, () => {
            waiting.delete(id)
            reject(unreachable())
            sendNext()
          })
          waiting.set(id, { resolve, reject, stop })
          line.write(`${JSON.stringify({ id, verb, params } satisfies Asked)}\n`)
        }
        if (waiting.size < MOST_AT_ONCE) send()
        else queued.push({ send, reject })
      })
    },
    close() {
      closed = true
      drop()
      socket?.destroy()
    },
  }
}

const unreachable = (): Problem => new Problem('control_unreachable', { retry_after: 1 })
