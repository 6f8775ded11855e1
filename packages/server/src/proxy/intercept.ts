// Behind CONNECT: TLS with a leaf for the requested name, then requests, each of which must name the same host (V85). Whatever is refused is refused in here,
// where the agent's client can read it; no upstream socket is opened for it.
import type { Socket } from 'node:net'
import { type SecureContext, TLSSocket } from 'node:tls'
import { newId } from '../std/id.ts'
import { readAuthority } from './authority.ts'
import type { Leaves } from './certificates.ts'
import type { Field } from './flow.ts'
import { ignore } from './flow.ts'
import type { OpenRun, Target } from './gatekeeper.ts'
import { elementsOf, ProtocolFault, valuesOf } from './http1/head.ts'
import { type Served, serveHttp1 } from './http1/serve.ts'
import { type Stream, serveHttp2 } from './http2/serve.ts'
import { type Incoming, type Outgoing, splitTarget } from './message.ts'
import { answerSaid, saidText, say } from './problems.ts'

export type Inside = {
  leaves: Leaves
  idleMs: number
  mostStreams: number
  exchange(run: OpenRun, incoming: Incoming, outgoing: Outgoing): void
}

export type Visit = { run: OpenRun; target: Target; clientAddress: string }

const HANDSHAKE_MS = 10_000

export function interceptTls(inside: Inside, visit: Visit, raw: Socket, context: SecureContext): void {
  const { host } = visit.target
  const secure = new TLSSocket(raw, {
    isServer: true,
    secureContext: context,
    ALPNProtocols: ['h2', 'http/1.1'],
    SNICallback(name, done) {
      const asked = readAuthority(name)?.host
      if (asked === undefined || asked === host) return done(null, context)
      // A leaf for the name that was asked for, so that its client gets to read that it is the wrong one.
      inside.leaves.contextFor(visit.run, asked).then((other) => done(null, other ?? context), done)
    },
  })
  const timer = setTimeout(() => raw.destroy(), HANDSHAKE_MS)
  secure.on('close', () => clearTimeout(timer))
  secure.on('error', () => raw.destroy())
  raw.on('error', ignore)
  secure.once('secure', () => {
    clearTimeout(timer)
    // What a TLS server of node's own would have set: a session of HTTP/2 waits for it before it reads.
    Object.assign(secure, { secureConnecting: false })
    // Without a name (an address, or an old client) it is the CONNECT host that counts.
    const name = (secure as TLSSocket & { servername?: string | false | null }).servername
    const isOther = typeof name === 'string' && name !== '' && readAuthority(name)?.host !== host
    if (secure.alpnProtocol === 'h2') inside2(inside, visit, secure, isOther)
    else insideHttp1(inside, visit, secure, isOther)
  })
}

/** Requests of HTTP/1.1 inside of a tunnel, with TLS or without. */
export function insideHttp1(inside: Inside, visit: Visit, socket: Socket, isOther = false): void {
  socket.setNoDelay(true)
  serveHttp1(socket, {
    idleMs: inside.idleMs,
    fault: (fault) => saidText(say(fault.status === 414 ? 'uri_too_long' : 'protocol', newId('req'))),
    request(served) {
      const { head, answer } = served
      const { method, target, fields } = head
      if (method === 'TRACE' || method === 'CONNECT' || !(target.startsWith('/') || (target === '*' && method === 'OPTIONS')))
        throw new ProtocolFault('This form of target has no place in a tunnel.')
      const hosts = valuesOf(fields, 'host')
      if (hosts.length > 1 || (hosts.length === 0 && head.minor === 1)) throw new ProtocolFault('Host is missing or given twice.')
      if (isOther || (hosts[0] !== undefined && !names(hosts[0], visit.target))) return mismatch(answer, visit, method, fields)
      inside.exchange(visit.run, incomingOf(served, visit), answer)
    },
  })
}

function inside2(inside: Inside, visit: Visit, socket: Socket, isOther: boolean): void {
  serveHttp2(socket, {
    idleMs: inside.idleMs,
    mostStreams: inside.mostStreams,
    refuse: (answer) => answerSaid(answer, say('protocol', newId('req')), { method: 'GET', fields: [] }),
    request(stream) {
      const { method, authority, answer, fields } = stream
      if (method === 'TRACE') return answerSaid(answer, say('protocol', newId('req')), { method, fields })
      if (isOther || authority === null || !names(authority, visit.target)) return mismatch(answer, visit, method, fields)
      inside.exchange(visit.run, incoming2(stream, visit), answer)
    },
  })
}

const mismatch = (answer: Outgoing, { run }: Visit, method: string, fields: readonly Field[]): void =>
  answerSaid(answer, say('host_mismatch', newId('req'), { reason: 'host_mismatch' }, run), { method, fields })

function names(text: string, { host, port, scheme }: Target): boolean {
  const named = readAuthority(text)
  return named !== null && named.host === host && (named.port ?? (scheme === 'https' ? 443 : 80)) === port
}

/** What `Upgrade` asks for: a WebSocket, or nothing that we know; h2c is refused by name (V88). */
export function upgradeOf(fields: readonly Field[]): 'websocket' | undefined {
  const asked = elementsOf(valuesOf(fields, 'upgrade'))
  if (asked.includes('h2c')) throw new ProtocolFault('Upgrade to h2c is refused.')
  const isMeant = elementsOf(valuesOf(fields, 'connection')).includes('upgrade')
  return isMeant && asked.length === 1 && asked[0] === 'websocket' ? 'websocket' : undefined
}

export const expects = (fields: readonly Field[]): boolean =>
  valuesOf(fields, 'expect').some((value) => value.toLowerCase() === '100-continue')

function incomingOf({ head, body, length, onGone }: Served, { target, clientAddress }: Visit): Incoming {
  const upgrade = upgradeOf(head.fields)
  return {
    ...target,
    ...splitTarget(head.target),
    protocol: 'http/1.1',
    method: head.method,
    fields: head.fields,
    body,
    length,
    expectsContinue: head.minor === 1 && expects(head.fields),
    ...(upgrade && head.method === 'GET' ? { upgrade } : {}),
    clientAddress,
    onGone,
  }
}

function incoming2(stream: Stream, { target, clientAddress }: Visit): Incoming {
  return {
    ...target,
    ...splitTarget(stream.target),
    protocol: 'h2',
    method: stream.websocket ? 'GET' : stream.method,
    fields: stream.fields,
    body: stream.body,
    length: stream.length,
    expectsContinue: expects(stream.fields),
    ...(stream.websocket ? { upgrade: 'websocket' as const } : {}),
    clientAddress,
    onGone: stream.onGone,
  }
}
