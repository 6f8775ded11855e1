// What a client may say to the listener itself: CONNECT host:port, or a request whose target is a whole URL (V83). Every request shows its token; the header
// that carries it goes no further.
import type { Socket } from 'node:net'
import { Problem } from '@countersign/sdk'
import { newId } from '../std/id.ts'
import type { Log } from '../std/log.ts'
import { readAuthority } from './authority.ts'
import type { Cuts } from './cuts.ts'
import type { Admitted, Doorkeeper } from './doorkeeper.ts'
import type { Gatekeeper, OpenRun, Target } from './gatekeeper.ts'
import { ProtocolFault, type RequestHead, valuesOf } from './http1/head.ts'
import { type Served, serveHttp1 } from './http1/serve.ts'
import { expects, type Inside, insideHttp1, interceptTls, upgradeOf, type Visit } from './intercept.ts'
import { splitTarget } from './message.ts'
import { answerSaid, denied, saidText, say } from './problems.ts'
import { joinBlindly } from './tunnel.ts'
import type { Upstreams } from './upstream.ts'

export type Outside = {
  inside: Inside
  doorkeeper: Doorkeeper
  gatekeeper: Gatekeeper
  upstreams: Upstreams
  cuts: Cuts
  idleMs: number
  /** Absolute-form https is for listeners where nobody can listen in. */
  takesHttps: boolean
  isEnding(): boolean
  log: Log
}

const REALM = ['Proxy-Authenticate', 'Basic realm="countersign"'] as const

export function serveListener(outside: Outside, socket: Socket, clientAddress: string): void {
  let isKnown = false
  serveHttp1(socket, {
    idleMs: outside.idleMs,
    fault(fault, read) {
      const id = newId('req')
      // A head that does not end, from somebody who has shown nothing: a credential as long as that is a wrong one.
      if (!isKnown && fault.unended && !showsToken(read)) return saidText(say('run_token_required', id), [REALM])
      return saidText(say(fault.status === 414 ? 'uri_too_long' : 'protocol', id))
    },
    request(served) {
      answer(outside, served, socket, clientAddress, () => {
        isKnown = true
      }).catch((error: unknown) => {
        if (error instanceof ProtocolFault) return served.reject(error)
        // Whom the token belongs to is asked at the gate: where nobody answers, the client hears that and may come again (V82).
        if (error instanceof Problem && error.status === 503 && !served.answer.began())
          return answerSaid(served.answer, say('control_unreachable', newId('req'), { retry_after: 1 }), {
            method: served.head.method,
            fields: [],
          })
        outside.log.error({ err: error }, 'a request to the proxy broke')
        served.answer.cut()
      })
    },
  })
}

const showsToken = (read: Buffer): boolean => /\r\nproxy-authorization:[^\r\n]{1,512}\r\n/i.test(read.toString('latin1'))

async function answer(outside: Outside, served: Served, socket: Socket, clientAddress: string, known: () => void): Promise<void> {
  const { head } = served
  const asked = readTarget(head, outside.takesHttps)
  const admitted = await outside.doorkeeper.admit(head.fields, clientAddress)
  if (!('run' in admitted)) return refuse(served, admitted)
  known()
  if (asked instanceof ProtocolFault) return served.reject(asked)
  const visit: Visit = { run: admitted.run, target: asked.target, clientAddress }
  if (head.method === 'CONNECT') return connect(outside, visit, served, socket)
  const upgrade = upgradeOf(head.fields)
  outside.inside.exchange(
    admitted.run,
    {
      ...asked.target,
      ...splitTarget(asked.path),
      protocol: 'http/1.1',
      method: head.method,
      fields: head.fields,
      body: served.body,
      length: served.length,
      expectsContinue: head.minor === 1 && expects(head.fields),
      ...(upgrade && head.method === 'GET' ? { upgrade } : {}),
      clientAddress,
      onGone: served.onGone,
    },
    served.answer,
  )
}

function refuse(served: Served, admitted: Exclude<Admitted, { run: OpenRun }>): void {
  const id = newId('req')
  const isRate = admitted.refused === 'rate_limited'
  const said = isRate
    ? say('rate_limited', id, { bucket: 'proxy.credentials', retry_after: admitted.retryAfter })
    : // One text for whoever is not let in (V84): not even an id of its own.
      say('run_token_required', NOBODY)
  answerSaid(served.answer, isRate ? said : { ...said, fields: [...said.fields, REALM] }, {
    method: served.head.method,
    fields: [],
  })
}

const NOBODY = 'req_00000000000000000000000000'

/** Where it is to go, or what is wrong with how it says so: told only to who may be here. */
function readTarget(head: RequestHead, takesHttps: boolean): { target: Target; path: string } | ProtocolFault {
  const { method, target, fields } = head
  const hosts = valuesOf(fields, 'host')
  if (hosts.length > 1 || (hosts.length === 0 && head.minor === 1)) return new ProtocolFault('Host is missing or given twice.')
  if (method === 'TRACE') return new ProtocolFault('TRACE is refused.')
  if (method === 'CONNECT') {
    const named = readAuthority(target)
    if (named?.port === null || !named) return new ProtocolFault('CONNECT needs a host and a port.')
    return { target: { scheme: 'https', host: named.host, port: named.port }, path: '' }
  }
  const [, scheme, authority, path = ''] = /^(https?):\/\/([^/?#@\\]+)([/?][^#]*)?$/i.exec(target) ?? []
  const named = authority === undefined ? null : readAuthority(authority)
  if (!named || scheme === undefined) return new ProtocolFault('The target is not a URL.')
  const isHttps = scheme.toLowerCase() === 'https'
  if (isHttps && !takesHttps) return new ProtocolFault('https in absolute form needs TLS to the proxy.')
  const port = named.port ?? (isHttps ? 443 : 80)
  const said = hosts[0] === undefined ? null : readAuthority(hosts[0])
  if (hosts[0] !== undefined && (!said || said.host !== named.host || (said.port ?? (isHttps ? 443 : 80)) !== port))
    return new ProtocolFault('Host is unlike the target.')
  return {
    target: { scheme: isHttps ? 'https' : 'http', host: named.host, port },
    path: path.startsWith('/') ? path : `/${path}`,
  }
}

async function connect(outside: Outside, visit: Visit, served: Served, socket: Socket): Promise<void> {
  const { run, target } = visit
  const { inside } = outside
  if (outside.isEnding()) {
    const said = say('not_ready', newId('req'), { checks: ['proxy'], retry_after: 1 }, run)
    return answerSaid(served.answer, said, { method: 'CONNECT', fields: [] })
  }
  const id = newId('req')
  const how = await outside.gatekeeper.connect(run, target, { id, clientAddress: visit.clientAddress })
  if (how === 'tunnel') return tunnel(outside, { ...visit, id }, served, socket)
  const context = await inside.leaves.contextFor(run, target.host)
  if (!context) {
    const said = say('rate_limited', newId('req'), { bucket: 'proxy.names', retry_after: 1 }, run)
    return answerSaid(served.answer, said, { method: 'CONNECT', fields: [] })
  }
  const rest = established(served, socket)
  const done = outside.cuts.add({ runId: run.id, connectionId: null, counted: false, cut: () => socket.destroy() })
  socket.on('close', done)
  socket.unshift(rest)
  // TLS begins with a handshake record; some clients speak plain HTTP through a tunnel, and are judged as such.
  const look = () => {
    const first = socket.read() as Buffer | null
    if (first === null) return void socket.once('readable', look)
    socket.unshift(first)
    if (first[0] === 22) interceptTls(inside, visit, socket, context)
    else insideHttp1(inside, { ...visit, target: { ...target, scheme: 'http' } }, socket)
  }
  socket.on('end', () => socket.end())
  look()
}

async function tunnel(
  outside: Outside,
  { run, target, id }: Visit & { id: string },
  served: Served,
  socket: Socket,
): Promise<void> {
  const began = performance.now()
  const lane = await outside.upstreams.lane({ tenant: run.tenant, connectionId: null }, target)
  const stopped = (fault: string) =>
    outside.gatekeeper.tunnelled(id, { up: 0, down: 0, totalMs: performance.now() - began, fault })
  if ('failed' in lane) {
    stopped(lane.failed === 'url_not_allowed' ? 'proxy_denied' : lane.failed)
    const said = lane.failed === 'url_not_allowed' ? denied('address_denied', id, run) : say(lane.failed, id, {}, run)
    return answerSaid(served.answer, said, { method: 'CONNECT', fields: [] })
  }
  if (socket.destroyed) {
    lane.socket.destroy()
    return stopped('aborted')
  }
  socket.unshift(established(served, socket))
  joinBlindly(outside, { run, target, id }, socket, lane.socket)
}

function established(served: Served, socket: Socket): Buffer {
  const rest = served.take()
  socket.write('HTTP/1.1 200 Connection Established\r\n\r\n')
  return rest
}
