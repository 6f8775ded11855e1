// The way of one request through its route, always in this order (P72): address buckets, who asks, their buckets, may they, what was sent,
// has it been asked before, the verb, the answer. Knows no product; a step that cannot be taken ends in a problem and nothing behind it runs.
import { Problem, type ProblemCode } from '@countersign/sdk'
import type { Keyring } from '../crypto/keyring.ts'
import { type Scope, systemScope } from '../db/scope.ts'
import type { Db, Tx } from '../db/tx.ts'
import type { Clock } from '../std/clock.ts'
import type { Log } from '../std/log.ts'
import { ourNames, wantsTheirNames, withTheirNames } from './aliases.ts'
import type { Answer } from './answer.ts'
import { readBody, readBytes } from './body.ts'
import { refuseCrossSite } from './browser.ts'
import { BUCKETS, type BucketName } from './bucket.ts'
import { kindOf, refuseOtherKind } from './credential.ts'
import { sendDownload } from './download.ts'
import type { Exchange } from './exchange.ts'
import { inputReader, type ReadInput } from './input.ts'
import { type Json, writeJson } from './json.ts'
import { type Left, type Limits, limitHeaders, type Want } from './limit.ts'
import { problemAnswer, problemOf } from './problem.ts'
import { refuseOtherBody } from './proven.ts'
import { type Attempt, idempotencyKey, isKept, type Replies, withoutSecrets } from './reply.ts'
import {
  type Ask,
  type CookieOptions,
  type Dialect,
  Document,
  Download,
  defaultStatus,
  isMutating,
  isStream,
  type ReplyControl,
  type RequestInfo,
  type Route,
  type RouteSpec,
  STREAMED,
} from './route.ts'
import { runStream } from './stream.ts'

export type HttpHouse = { db: Db; log: Log; clock: Clock; keyring: Keyring }

/** What this room cannot know and is handed. */
export type Handed = {
  /** Null = no credential. A refused one throws (`key_invalid`, `session_ended` …). */
  authenticate(request: RequestInfo, route: Route): Promise<Scope | null>
  /** Of a route that asks nobody who they are: throws for a credential that opens less than everybody has. */
  refuseGuest?(request: RequestInfo): void
  /** Throws `forbidden` or `scope_missing`. */
  authorise(scope: Scope, action: string): void | Promise<void>
  /** Throws `step_up_required`. */
  stepUp?(scope: Scope): void | Promise<void>
  /** Before the answer of a scope that came through break-glass leaves: what it shows goes on the record (P12). */
  looked?(scope: Scope, route: Route, params: Record<string, unknown>, result: unknown): Promise<void>
  /** Whether answers to this scope have names of another service beside ours. */
  compat?(scope: Scope): Promise<boolean>
  /** Calls `fn` when the session or key of this scope ended. */
  revoked?(scope: Scope, fn: () => void): () => void
}

export type Entry = {
  route: Route
  dialect: Dialect
  read: ReadInput
  cost: number
  status: number
  streams: boolean
}

export type Service = {
  house: HttpHouse
  handed: Handed
  limits: Limits
  replies: Replies
  origin(): string
  /** The headers that every answer starts with. */
  base(): Record<string, string>
  /** Aborted with `shutdown` when the server stops. */
  stopping: AbortSignal
  /** In tests: every answer is held against its schema, and against what its transaction would have stored for a replay. */
  check?(entry: Entry, answer: Answer, committed: Answer | undefined): void
}

export const entryOf = (route: Route, dialect: Dialect): Entry => ({
  route,
  dialect,
  read: inputReader(route),
  cost: route.spec.cost ?? (isMutating(route) ? 2 : 1),
  status: defaultStatus(route),
  streams: isStream(route),
})

const NO_BYTES = new Uint8Array()

/** What the answer will carry, gathered on the way; used for problems as well as for successes. */
export type Gathered = { headers: Record<string, string | string[]>; scope: Scope | null }

export async function serve(
  service: Service,
  entry: Entry,
  exchange: Exchange,
  params: Record<string, string>,
  gathered: Gathered,
): Promise<Answer | typeof STREAMED> {
  const { spec } = entry.route
  if (!spec.selfAuthenticated) refuseCrossSite(exchange.method, exchange.header, service.origin())
  refuseAccept(entry, exchange.header('accept'))
  const key = readIdempotencyKey(entry, exchange)
  const lefts: Left[] = []
  const limited = async (...wants: Want[]) => {
    lefts.push(...(await takerOf(service, entry)(...wants)))
    Object.assign(gathered.headers, limitHeaders(lefts))
  }

  if (spec.auth === 'none' && spec.bucket !== 'none')
    await limited({ bucket: spec.bucket ?? 'anonymous', key: exchange.address, cost: spec.cost })
  if (spec.auth === 'none' && !spec.credentials) service.handed.refuseGuest?.(exchange)
  const asker = await whoAsks(service, entry, exchange)
  gathered.scope = asker
  // What somebody may not do at home they do nowhere: said before anything is said of the thing.
  if (spec.enter && spec.action && isAtHome(asker)) await service.handed.authorise(asker, spec.action)
  const scope = await entered(entry, asker, params, exchange)
  gathered.scope = scope
  if (spec.auth !== 'none') {
    const wants = principalWants(entry, scope)
    if (wants.length > 0) await limited(...wants)
    if (spec.action) await service.handed.authorise(scope, spec.action)
    if (spec.stepUp) await service.handed.stepUp?.(scope)
  }

  if (scope.proof?.nonce) gathered.headers['DPoP-Nonce'] = scope.proof.nonce
  const see = (seen: Uint8Array) => refuseOtherBody(scope.proof, exchange.header('content-digest'), seen)
  const bytes = spec.bytes ? await readBytes(exchange, spec.maxBody) : NO_BYTES
  if (spec.bytes) see(bytes)
  const sent = isMutating(entry.route) && !spec.bytes ? await readBody(exchange, spec.maxBody, see) : undefined
  const body = ourNames(spec.aliases, sent)
  const ignored: string[] = []
  const input = entry.read({ params, query: exchange.query, body }, entry.dialect, ignored)
  if (ignored.length > 0) gathered.headers['Countersign-Ignored'] = ignored.map(encodeURIComponent).join(', ').slice(0, 4_000)

  const request: Running = { service, entry, exchange, scope, input, bytes, gathered }
  if (entry.streams && exchange.method === 'HEAD')
    return { status: 200, headers: { 'Content-Type': 'text/event-stream; charset=utf-8' }, body: null }
  const answer =
    key === null || spec.auth === 'none' || spec.idempotency === 'none' ? await run(request) : await once(request, key, body)
  return spec.aliases && answer !== STREAMED && answer.status < 300 ? named(service, spec, exchange, gathered, answer) : answer
}

/** Headers that the verb set count as well as those of the answer. */
async function named(service: Service, spec: RouteSpec, exchange: Exchange, gathered: Gathered, answer: Answer): Promise<Answer> {
  const { headers, scope } = gathered
  const isWanted = wantsTheirNames(exchange) || (scope !== null && (await service.handed.compat?.(scope)) === true)
  return isWanted ? withTheirNames(spec, { ...answer, headers: { ...headers, ...answer.headers } }) : answer
}

/** With a role or a key's scopes in a tenant of their own; a token of the relay has none. */
const isAtHome = (scope: Scope): boolean => ['session', 'key'].includes(kindOf(scope)) && scope.actor.type !== 'system'

/** Reads go on while the database takes no writes; nothing else does (queue.md Q136). */
export const takerOf = ({ limits }: Service, { route }: Entry): Limits['take'] =>
  isMutating(route) && !route.spec.mixed ? limits.take : limits.takeForRead

type Running = {
  service: Service
  entry: Entry
  exchange: Exchange
  scope: Scope
  input: ReturnType<ReadInput>
  bytes: Uint8Array
  gathered: Gathered
}

function refuseAccept({ streams, route }: Entry, accept: string | undefined): void {
  if (accept === undefined || accept.includes('*/*') || Object.values(route.spec.answers).includes('page')) return
  if (route.spec.alsoStreams && /text\/(\*|event-stream)/i.test(accept)) return
  if (streams ? /text\/(\*|event-stream)/i.test(accept) : /application\/(\*|json|problem\+json)/i.test(accept)) return
  throw new Problem('not_acceptable', { offered: [streams ? 'text/event-stream' : 'application/json'] })
}

function readIdempotencyKey(entry: Entry, exchange: Exchange): string | null {
  if (!isMutating(entry.route) && !entry.streams) return null
  const key = idempotencyKey(exchange.all('idempotency-key'))
  if (key !== null && entry.streams)
    throw new Problem('idempotency_key_invalid', { detail: 'A stream takes no Idempotency-Key.' })
  return key
}

const REFUSED_KEYS: readonly string[] = [
  'key_invalid',
  'key_expired',
  'key_revoked',
  'embed_token_invalid',
  'proof_invalid',
  'proof_replayed',
] satisfies ProblemCode[]

/** Whoever it is; where nobody has to be anybody, the system's scope without a tenant. */
async function whoAsks(service: Service, entry: Entry, exchange: Exchange): Promise<Scope> {
  const { auth, credentials } = entry.route.spec
  if (auth !== 'none') return authenticated(service, entry, exchange)
  const anonymous = { ...systemScope('anonymous'), requestId: exchange.id }
  if (!credentials) return anonymous
  if (exchange.header('authorization') !== undefined) return authenticated(service, entry, exchange)
  if (!credentials.includes('session')) return anonymous
  // A browser shows its cookie wherever it goes: one that counts no more must not keep it from what is open to everybody.
  return authenticated(service, entry, exchange).catch((error: unknown) => {
    if (error instanceof Problem && (error.code === 'unauthenticated' || error.code === 'session_ended')) return anonymous
    throw error
  })
}

/** The proof stays the asker's: what was signed is this request, in whichever tenant it acts. Break-glass sees one tenant and goes through no other door. */
export async function entered(
  { route }: Entry,
  asker: Scope,
  params: Record<string, string>,
  exchange: Exchange,
): Promise<Scope> {
  if (!route.spec.enter || asker.breakGlass || asker.actor.type === 'system') return asker
  const inside = await route.spec.enter(asker, params, exchange)
  return { ...inside, requestId: exchange.id, ...(asker.proof ? { proof: asker.proof } : {}) }
}

export async function authenticated(service: Service, entry: Entry, exchange: Exchange): Promise<Scope> {
  let scope: Scope | null
  try {
    scope = await service.handed.authenticate(exchange, entry.route)
  } catch (error) {
    // Who tries keys is slowed down by address (P73); who holds a good one at the same address is not.
    if (error instanceof Problem && REFUSED_KEYS.includes(error.code))
      await takerOf(service, entry)({ bucket: 'key.bad', key: exchange.address })
    throw error
  }
  if (scope === null) throw new Problem('unauthenticated')
  refuseOtherKind(entry.route.spec, scope)
  return scope.requestId === exchange.id ? scope : { ...scope, requestId: exchange.id }
}

/** The principal's and the tenant's bucket and the route's own, in this order and in one round trip. */
function principalWants(entry: Entry, scope: Scope): Want[] {
  const { bucket } = entry.route.spec
  // A wait is counted while it waits, by its verb, and not as a call (tasks.md T31).
  if (bucket === 'task.wait') return []
  const wants: Want[] = [
    { bucket: kindOf(scope) === 'session' ? 'api.user' : 'api.key', key: scope.principal, cost: entry.cost },
    { bucket: 'api.tenant', key: scope.tenantId, cost: entry.cost },
  ]
  if (bucket && bucket !== 'none' && BUCKETS[bucket].kind !== 'concurrency') wants.push({ bucket, key: ownKey(bucket, scope) })
  return wants
}

export function ownKey(bucket: BucketName, scope: Scope): string {
  const { by } = BUCKETS[bucket]
  if (by === 'relay grant') return scope.relayParty ?? scope.principal
  return by === 'tenant' ? scope.tenantId : scope.principal
}

/** With an Idempotency-Key: the stored reply, or the verb with a place for its reply in its own transaction (P77). */
async function once(running: Running, key: string, body: Json | undefined): Promise<Answer | typeof STREAMED> {
  const { service, entry, exchange, scope } = running
  const { method, path, query } = exchange
  const route = `${method} ${entry.dialect === 'compatible' ? '/api' : ''}${entry.route.path}`
  const begun = await service.replies.begin(scope, { route, method, path, query, body, key })
  if ('replay' in begun) return begun.replay
  const { attempt } = begun
  try {
    const answer = await run(running, attempt)
    if (answer !== STREAMED) await attempt.settle(toStore(running, answer), true)
    return answer
  } catch (error) {
    const problem = problemOf(error)
    await attempt.settle(problemAnswer(problem, exchange.id, entry.dialect), isKept(problem)).catch((failed: unknown) => {
      // The lease ends by itself; what the caller must hear is why the call failed.
      service.house.log.warn({ request_id: exchange.id, err: failed }, 'an idempotency key could not be freed')
    })
    throw error
  }
}

/** With the headers gathered on the way, without what is shown once. */
const toStore = ({ entry, gathered }: Running, answer: Answer): Answer => {
  const names = entry.route.spec.secretOnce
  const body = names && answer.body !== null ? withoutSecrets(String(answer.body), names) : answer.body
  return { status: answer.status, headers: { ...gathered.headers, ...answer.headers }, body }
}

async function run(running: Running, attempt?: Attempt): Promise<Answer | typeof STREAMED> {
  const { service, entry, exchange, input, gathered } = running
  const control = replyControl(service, gathered)
  const signals = requestSignal(service, exchange)
  const committed: { answer?: Answer } = {}
  const beforeCommit = async (t: Tx, result: unknown) => {
    // A transaction on the way that answers nothing has nothing to store; the last one that does is the reply.
    if (result === undefined && entry.route.spec.answers[entry.status] !== null) return
    committed.answer = rendered(entry, control, result)
    await attempt?.complete(t, toStore(running, committed.answer))
  }
  const hooked = attempt || (service.check && isMutating(entry.route) && entry.route.spec.idempotency !== 'none')
  const ask = {
    scope: hooked ? { ...running.scope, beforeCommit } : running.scope,
    ...input,
    bytes: running.bytes,
    request: exchange,
    get signal() {
      return signals.open()
    },
    dialect: entry.dialect,
    reply: control,
    limits: {
      take: async (bucket: BucketName, key: string, cost?: number) => void (await service.limits.take({ bucket, key, cost })),
      clear: service.limits.clear,
    },
    stream: (write) => streamed(running, signals.open(), () => write),
  } as Ask
  try {
    const result = await entry.route.handler(ask as Parameters<Route['handler']>[0])
    if (result === STREAMED) return STREAMED
    if (running.scope.breakGlass) await service.handed.looked?.(running.scope, entry.route, { ...input.params }, result)
    if (result instanceof Download)
      return sendDownload(result, { exchange, headers: { ...service.base(), ...gathered.headers }, signal: signals.open() })
    const answer = rendered(entry, control, result)
    service.check?.(entry, answer, entry.route.spec.grows ? undefined : committed.answer)
    return answer
  } finally {
    signals.close()
  }
}

type Control = ReplyControl & { chosen: { status?: number } }

function replyControl(service: Service, gathered: Gathered): Control {
  const chosen: Control['chosen'] = {}
  return {
    chosen,
    status: (status) => {
      chosen.status = status
    },
    header: (name, value) => {
      gathered.headers[name] = value
    },
    cookie: (name, value, options) => {
      const cookies = (gathered.headers['Set-Cookie'] as string[] | undefined) ?? []
      gathered.headers['Set-Cookie'] = [
        ...cookies,
        cookieText(name, value, { secure: service.origin().startsWith('https:'), ...options }),
      ]
    },
    location: (path) => {
      gathered.headers.Location = path
    },
  }
}

function cookieText(name: string, value: string, options: CookieOptions): string {
  const { path = '/', maxAge, sameSite = 'Lax', httpOnly = true, secure } = options
  const parts = [`${name}=${value}`, `Path=${path}`, `SameSite=${sameSite}`]
  if (maxAge !== undefined) parts.push(`Max-Age=${maxAge}`)
  if (httpOnly) parts.push('HttpOnly')
  if (secure) parts.push('Secure')
  return parts.join('; ')
}

function rendered({ route, dialect, status: usual }: Entry, control: Control, result: unknown): Answer {
  const { spec } = route
  const made = spec.render ? spec.render(result, { dialect }) : { body: result }
  const status = made.status ?? control.chosen.status ?? usual
  const headers: Answer['headers'] = made.headers ?? {}
  if (spec.answers[status] === null || made.body === undefined) return { status, headers, body: null }
  if (made.body instanceof Document) {
    const { type, text } = made.body
    return { status, headers: { 'Content-Type': type, ...headers }, body: text, isPage: /^text\/(html|css)/.test(type) }
  }
  return { status, headers: { 'Content-Type': 'application/json', ...headers }, body: writeJson(made.body) }
}

/** Made only for a verb that waits: aborted when the client leaves or the server stops. */
export function requestSignal(service: Service, { outgoing }: Exchange) {
  let controller: AbortController | undefined
  const onClose = () => controller?.abort('client')
  const onStop = () => controller?.abort('shutdown')
  return {
    open() {
      if (controller) return controller.signal
      controller = new AbortController()
      if (outgoing?.destroyed) onClose()
      else if (service.stopping.aborted) onStop()
      outgoing?.once('close', onClose)
      service.stopping.addEventListener('abort', onStop, { once: true })
      return controller.signal
    },
    close() {
      outgoing?.off('close', onClose)
      service.stopping.removeEventListener('abort', onStop)
    },
  }
}

type Write = Parameters<Ask['stream']>[0]

/** `open`: what has to go well before anything is sent, and makes the writer. */
export async function streamed(
  { service, scope, exchange, gathered, entry }: Pick<Running, 'service' | 'scope' | 'exchange' | 'gathered' | 'entry'>,
  signal: AbortSignal,
  open: () => Write | Promise<Write>,
  plain?: true,
): Promise<typeof STREAMED> {
  const { outgoing } = exchange
  if (!outgoing) throw new Problem('not_acceptable', { detail: 'Streams need a connection of their own.' })
  const held = entry.route.spec.auth === 'none' ? null : await service.limits.hold('stream', scope.principal)
  const { clock, log } = service.house
  let isOpen = false
  try {
    const write = await open()
    isOpen = true
    const why = await runStream(
      {
        outgoing,
        headers: { ...service.base(), ...gathered.headers },
        clock,
        signal,
        revoked: (fn) => service.handed.revoked?.(scope, fn) ?? (() => undefined),
        ...(plain ? { plain } : {}),
      },
      write,
    )
    log.debug({ request_id: exchange.id, why }, 'a stream ended')
  } catch (error) {
    if (!isOpen) throw error
    // The head is long gone; the client sees the stream end and comes back, the operator sees why.
    log.error({ request_id: exchange.id, route: entry.route.path, err: error }, 'a stream broke')
  } finally {
    await held?.release()
  }
  return STREAMED
}
