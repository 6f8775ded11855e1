// Where callbacks are answered from outside (Q130–Q135): three routes, `POST {prefix}/{id}/{complete | fail | heartbeat}`, as a function from
// request to response that any server can mount. In this order: path, size, signature, time, body, callback. Never looks anything up before a
// signature is right, and never tells a signature that is unknown from one that is malformed.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { answerCallback, sealedAnswer, settledOf } from './callback.ts'
import { fixedKeys, type KeySource } from './callback-keys.ts'
import { type Codecs, hasCodecs } from './codec.ts'
import { isDatabaseError, isStoreAway, QueueError } from './error.ts'
import type { Log } from './host.ts'
import { jsonText } from './json.ts'
import {
  AWA_SIGNATURE_HEADER,
  type CallbackKey,
  DEFAULT_PREFIX,
  matchSignatures,
  SIGNATURE_HEADER,
  spokenPrefix,
  verifyAwa,
} from './signature.ts'
import { beatCallback, type Proof } from './sql.ts'
import type { Store } from './store.ts'

export type ReceiverOptions = {
  /** A list, or what `openKeyFile` gives: that is read again when it changes. */
  keys?: readonly CallbackKey[] | KeySource
  /** Accepts X-Awa-Signature as well, and ids that are UUIDs. Off by default: it knows neither time nor body. */
  acceptV1?: boolean
  /** Keys of version 1, when `keys` is a list. */
  awaKeys?: readonly Uint8Array[]
  /** Accepts everything, signed or not: only where nobody else can reach it. */
  allowUnsigned?: boolean
  /** default /api/v1/callbacks and /api/callbacks */
  prefixes?: readonly string[]
  log?: Log
}

export const MAX_BODY = 1_048_576

/** What went wrong, by code; those of the wire that a receiver can answer. */
export const RECEIVER_PROBLEMS = {
  request_invalid: [400, 'Request cannot be understood'],
  json_invalid: [400, 'Body is not acceptable JSON'],
  signature_invalid: [401, 'Signature does not match'],
  signature_expired: [401, 'Signature is too old'],
  not_found: [404, 'Not found'],
  method_not_allowed: [405, 'Method not allowed'],
  lease_stale: [409, 'Lease is no longer held'],
  callback_resolved: [409, 'Callback was answered'],
  callback_replayed: [409, 'Heartbeat is not newer than the last'],
  callback_expired: [410, 'Callback has expired'],
  body_too_large: [413, 'Body is too large'],
  payload_too_large: [413, 'Payload is too large'],
  callback_expression_failed: [422, 'Filter of the callback failed'],
  internal: [500, 'Something broke here'],
  read_only: [503, 'Database is read-only'],
  store_unavailable: [503, 'Database is away'],
} as const
export type ReceiverProblem = keyof typeof RECEIVER_PROBLEMS

export type Action = 'complete' | 'fail' | 'heartbeat'
/** One call, read as far as its path. `header` answers null for one that was not sent, and joins those sent twice. */
export type Call = { id: string; action: Action; header(name: string): string | null; body: Uint8Array }
export type Reply =
  | { status: 200 | 202; body: { id: string; job_id: string; state: string } }
  | { problem: ReceiverProblem; detail?: string; members?: Record<string, unknown>; cause?: unknown }

export type Receiver = {
  /** Whether an id has a shape that this receiver takes. */
  fits(id: string): boolean
  receive(call: Call): Promise<Reply>
}

/** The queue as far as a receiver needs it: a login with `countersign_callback` is enough. */
/** What answers jobs whose kinds it declares with a codec also reads callbacks (`countersign_reader`), to know which these are (Q88). */
export type CallbackQueue = { house: { store: Store; log: Log; kinds?: Codecs } }

const OWN_ID = /^cb_[0-7][0-9A-HJKMNP-TV-Z]{25}$/
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

export function openReceiver({ house: { store, kinds, ...house } }: CallbackQueue, options: ReceiverOptions): Receiver {
  const { acceptV1 = false, allowUnsigned = false, log = house.log } = options
  const source = sourceOf(options)
  if (!source && !allowUnsigned)
    throw QueueError.invalid('/keys', 'a receiver needs at least one key; without any, everybody could end jobs')

  async function prove(call: Call): Promise<Proof | null | undefined> {
    if (!source) return null
    const { keys, awa } = await source.read()
    const header = call.header(SIGNATURE_HEADER)
    if (header !== null) {
      const matches = await matchSignatures(header, keys, { action: call.action, subject: call.id, body: call.body })
      if (matches.length === 0) return undefined
      return matches.map(({ t, key }) => ({ t, tenant_id: key.tenantId, not_after: key.notAfter?.toISOString() }))
    }
    const old = acceptV1 ? call.header(AWA_SIGNATURE_HEADER) : null
    return old !== null && verifyAwa(old, awa, call.id) ? [{}] : undefined
  }

  async function sealedBody(kinds: Codecs, id: string, given: Record<string, unknown>): Promise<string> {
    return JSON.stringify({ ...given, payload: await sealedAnswer(kinds, store, id, given.payload) })
  }

  async function receive(call: Call): Promise<Reply> {
    try {
      if (call.body.length > MAX_BODY) return { problem: 'body_too_large', members: { limit: MAX_BODY } }
      const proof = await prove(call)
      if (proof === undefined) return { problem: 'signature_invalid' }
      const { id, action } = call
      const { text, given } = readBody(call)
      if (action === 'heartbeat') {
        const { timeout_seconds = 3600, lease } = given as { timeout_seconds?: number; lease?: number }
        return replyOf(
          settledOf(await beatCallback(store, id, timeout_seconds, lease === undefined ? null : String(lease), proof)),
        )
      }
      const body = action === 'complete' && kinds && hasCodecs(kinds) ? await sealedBody(kinds, id, given) : text
      return replyOf(await answerCallback(store, id, action, body, proof))
    } catch (error) {
      const reply = refusalOf(error)
      if (reply.problem === 'internal') log.error({ err: error }, 'a callback could not be taken')
      return reply
    }
  }

  return { fits: (id) => OWN_ID.test(id) || (acceptV1 && UUID.test(id)), receive }
}

/** Whether any caller could be told from a stranger now. */
export async function hasKey(options: ReceiverOptions): Promise<boolean> {
  const known = await sourceOf(options)?.read()
  return known !== undefined && (known.keys.length > 0 || (options.acceptV1 === true && known.awa.length > 0))
}

function sourceOf({ keys, awaKeys = [] }: ReceiverOptions): KeySource | null {
  if (keys && 'read' in keys) return keys
  return keys?.length || awaKeys.length ? fixedKeys(keys ?? [], awaKeys) : null
}

const replyOf = ({ id, job_id, state, ignored }: Awaited<ReturnType<typeof answerCallback>>): Reply => ({
  status: ignored ? 202 : 200,
  body: { id, job_id, state },
})

/** A body that means nothing here: with the place of each fault. */
class BodyRefused extends Error {
  readonly problem: 'json_invalid' | 'request_invalid'
  readonly path: string
  constructor(problem: 'json_invalid' | 'request_invalid', path: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.problem = problem
    this.path = path
  }
}

const isText = (value: unknown): boolean => typeof value === 'string'
const isLease = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0
type Member = [is: (value: unknown) => boolean, says: string]
const LEASE: Member = [isLease, 'lease is the number that came with the job']
const MEMBERS: Record<Action, Record<string, Member>> = {
  complete: { payload: [() => true, ''], lease: LEASE },
  fail: {
    error: [isText, 'error is a text'],
    retryable: [(value) => typeof value === 'boolean', 'retryable is true or false'],
    lease: LEASE,
  },
  heartbeat: {
    timeout_seconds: [
      (value) => Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 86_400,
      'timeout_seconds is an integer between 1 and 86400',
    ],
    lease: LEASE,
  },
}

/** The text goes to the database as it came, so that no digit of a number is lost. An empty body is an empty object. */
function readBody({ action, body }: Call): { text: string; given: Record<string, unknown> } {
  const { text, value } = readJson(body)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new BodyRefused('request_invalid', '', 'the body is an object')
  const given = value as Record<string, unknown> // every object is one
  for (const [name, member] of Object.entries(given)) {
    const [is, says] = MEMBERS[action][name] ?? [() => false, `${action} has no member ${JSON.stringify(name)}`]
    if (!is(member)) throw new BodyRefused('request_invalid', `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, says)
  }
  if (action === 'fail' && !('error' in given)) throw new BodyRefused('request_invalid', '/error', 'fail needs an error')
  return { text, given }
}

function readJson(body: Uint8Array): { text: string; value: unknown } {
  if (body.length === 0) return { text: '{}', value: {} }
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)
    const value: unknown = JSON.parse(text)
    jsonText(value, '', Number.POSITIVE_INFINITY)
    return { text, value }
  } catch (error) {
    throw new BodyRefused('json_invalid', '', 'the body is not JSON that can be stored', { cause: error })
  }
}

const SHARED: readonly string[] = [
  ...['not_found', 'lease_stale', 'callback_resolved', 'callback_expired', 'callback_replayed'],
  ...['callback_expression_failed', 'signature_invalid', 'signature_expired'],
]

type Refusal = Extract<Reply, { problem: string }>

function refusalOf(error: unknown): Refusal {
  if (error instanceof BodyRefused) return refusedAt(error.problem, error.path, error.message)
  if (error instanceof QueueError) {
    const problem = error.code as ReceiverProblem
    if (error.code === 'callback_expression_failed') return { problem, detail: error.message }
    const { state } = error.members
    if (SHARED.includes(error.code)) return { problem, members: state === undefined ? {} : { state } }
    const [fault] = (error.members.errors ?? []) as { path: string; message: string }[]
    if (error.code !== 'validation_failed' || !fault) return { problem: 'internal', cause: error }
    return fault.path === '/payload'
      ? { problem: 'payload_too_large', members: { limit: MAX_BODY } }
      : refusedAt('request_invalid', fault.path, fault.message)
  }
  if (isDatabaseError(error) && error.code === '25006') return { problem: 'read_only', cause: error }
  // A number that PostgreSQL cannot hold is the sender's.
  if (isDatabaseError(error) && error.code.startsWith('22')) return { problem: 'json_invalid', cause: error }
  return { problem: isStoreAway(error) ? 'store_unavailable' : 'internal', cause: error }
}

const refusedAt = (problem: ReceiverProblem, path: string, message: string): Refusal => ({
  problem,
  members: { errors: [{ path, code: 'invalid', message }] },
})

type Answer = { status: number; headers: Record<string, string>; body: string }

const REQUEST_ID = /^[A-Za-z0-9_-]{8,64}$/

/** A reply as it goes over the wire: JSON, or a problem of RFC 9457. */
function answerOf(reply: Reply, asked: string | null): Answer {
  const id = asked !== null && REQUEST_ID.test(asked) ? asked : crypto.randomUUID()
  const headers: Record<string, string> = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff', 'X-Request-Id': id }
  if (!('problem' in reply))
    return { status: reply.status, headers: { ...headers, 'Content-Type': 'application/json' }, body: JSON.stringify(reply.body) }
  const { problem: code, detail, members } = reply
  const [status, title] = RECEIVER_PROBLEMS[code]
  if (status === 503) headers['Retry-After'] = '1'
  if (status === 413) headers.Connection = 'close'
  if (status === 405) headers.Allow = 'POST'
  const body = { ...members, type: `urn:countersign:problem:${code}`, title, status, detail, code, request_id: id }
  return { status, headers: { ...headers, 'Content-Type': 'application/problem+json' }, body: JSON.stringify(body) }
}

type Path = Pick<Call, 'id' | 'action'> | Refusal

/** Reads nothing into a path that is not there to the letter. */
function pathReader(options: ReceiverOptions, receiver: Receiver): (method: string, path: string) => Path {
  const prefixes = new Set((options.prefixes ?? [DEFAULT_PREFIX, '/api/callbacks']).map(spokenPrefix))
  return (method, path) => {
    const [, prefix, id, action] = /^(.*)\/([^/]*)\/(complete|fail|heartbeat)$/.exec(path) ?? []
    if (prefix === undefined || id === undefined || !prefixes.has(prefix)) return { problem: 'not_found' }
    if (method !== 'POST') return { problem: 'method_not_allowed' }
    if (!receiver.fits(id)) return refusedAt('request_invalid', '/id', 'this is not the id of a callback')
    return { id, action: action as Action }
  }
}

/**
 * The receiver as a function from Request to Response, for any framework that knows these.
 * @example const receive = callbackHandler(queue, { keys: [{ id: 'k1', secret }] })
 */
export function callbackHandler(queue: CallbackQueue, options: ReceiverOptions): (request: Request) => Promise<Response> {
  const receiver = openReceiver(queue, options)
  const readPath = pathReader(options, receiver)
  return async (request) => {
    const header = (name: string) => request.headers.get(name)
    const path = readPath(request.method, new URL(request.url).pathname)
    const reply =
      'problem' in path ? path : await receiver.receive({ ...path, header, body: await readCapped(request.body ?? []) })
    const { status, headers, body } = answerOf(reply, header('x-request-id'))
    return new Response(body, { status, headers })
  }
}

/**
 * The same for `node:http`.
 * @example createServer(nodeCallbackHandler(queue, { keys })).listen(3002, '127.0.0.1')
 */
export function nodeCallbackHandler(
  queue: CallbackQueue,
  options: ReceiverOptions,
): (request: IncomingMessage, response: ServerResponse) => void {
  const receiver = openReceiver(queue, options)
  const readPath = pathReader(options, receiver)
  const log = options.log ?? queue.house.log
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const header = (name: string) => {
      const value = request.headers[name.toLowerCase()]
      return value === undefined ? null : [value].flat().join(', ')
    }
    const path = readPath(request.method ?? '', (request.url ?? '').replace(/[?#].*$/, ''))
    const reply = 'problem' in path ? path : await receiver.receive({ ...path, header, body: await readIncoming(request) })
    const { status, headers, body } = answerOf(reply, header('x-request-id'))
    response.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(body) }).end(body)
  }
  return (request, response) => {
    handle(request, response).catch((error: unknown) => {
      log.debug({ err: error }, 'a caller left before its callback was read')
      response.destroy()
    })
  }
}

/** The connection must live on for the answer, so what is too much is read past and not kept. */
async function readIncoming(request: IncomingMessage): Promise<Uint8Array> {
  const body = await readCapped(request.iterator({ destroyOnReturn: false }))
  if (!request.readableEnded) request.resume()
  return body
}

/** All of a body, or one byte more than may be, so that the receiver sees that it is too large. */
async function readCapped(stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of stream) {
    chunks.push(chunk)
    size += chunk.length
    if (size > MAX_BODY) break
  }
  return Buffer.concat(chunks)
}
