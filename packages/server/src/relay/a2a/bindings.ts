// One request of either binding, in the order of R106: card, size, credential, version, type, JSON, method, params, capability, extension, and then the operation. Both bindings run
// the same operation of the SDK's transport and differ in how they say its result; every refusal leaves as the binding writes it.
import { PushNotificationNotSupportedError, UnsupportedOperationError } from '@a2a-js/sdk/errors'
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import type { Answer } from '../../http/answer.ts'
import type { BucketName } from '../../http/bucket.ts'
import { type Json, JsonRefused, readJsonBody, writeJson } from '../../http/json.ts'
import { logProblem, problemOf } from '../../http/problem.ts'
import { idempotencyKey } from '../../http/reply.ts'
import type { EventStream, RequestInfo, STREAMED, Steps } from '../../http/route.ts'
import { FACES, offers } from '../cards/document.ts'
import { enterWaiting } from '../party.ts'
import { type Agent, type Agents, seeAgent } from './agents.ts'
import { type Call, contextOf } from './call.ts'
import { checkParams, type Method } from './check.ts'
import { idOf, readEnvelope } from './envelope.ts'
import { type Fault, faultOf, Malformed, type RpcId, restErrorOf, rpcErrorOf, rpcStatusOf } from './errors.ts'
import { extendedCard } from './extended.ts'
import { activate, activatedHeader, RELAY_EXTENSION, relayAskOf } from './extension.ts'
import type { A2aHouse } from './house.ts'
import { answerTypeOf, refuseContentType } from './media.ts'
import { isObject, member, type WireObject } from './parts.ts'
import { restCallOf, restParams } from './rest.ts'
import { versionOf } from './version.ts'

const JSON_TYPE = 'application/json'
const NOTHING = 'There is nothing here.'
const SENDS: readonly Method[] = ['SendMessage', 'SendStreamingMessage']
const STREAMS: readonly Method[] = ['SendStreamingMessage', 'SubscribeToTask']
const WRITES: readonly Method[] = [...SENDS, 'CancelTask', 'CreateTaskPushNotificationConfig', 'DeleteTaskPushNotificationConfig']

/** What is known of the request on its way: a refusal is written by what is known then. */
type Walk = { isRpc: boolean; isThere: boolean; id: RpcId; type: string }
type Asked = { method: Method; params: WireObject; status: number }

/** `path`: below `/agents/{slug}/a2a`. */
export async function answerA2a(house: A2aHouse, agents: Agents, steps: Steps, path: string): Promise<Answer | typeof STREAMED> {
  const walk = walkOf(steps.request, path)
  try {
    return await walkThrough(house, agents, steps, path, walk)
  } catch (error) {
    return refusal(house, steps, walk, error)
  }
}

/** What is refused before anything of the request is looked at (R104); nothing of its address is said again. */
export function refuseAtDoor(house: A2aHouse, problem: Problem, request: RequestInfo, path: string): Answer {
  const error = problem.code === 'not_found' ? new Malformed('NOT_FOUND', NOTHING) : problem
  return written(house, '', walkOf(request, path), error)
}

function walkOf({ header }: RequestInfo, path: string): Walk {
  const isRpc = path === '/jsonrpc'
  const type = isRpc ? JSON_TYPE : answerTypeOf(header('accept'), header('content-type'))
  return { isRpc, isThere: false, id: null, type }
}

async function walkThrough(house: A2aHouse, agents: Agents, steps: Steps, path: string, walk: Walk) {
  const { agent, scope } = await seeAgent(house, agents, steps)
  walk.isThere = true
  versionOf(steps.request.header('a2a-version'), steps.request.query)
  const body = await readBody(steps, scope, agent)
  const asked = walk.isRpc ? askedByRpc(steps, body, agent, walk) : askedByRest(steps, path, body, agent)
  refuseCapability(agent, asked)
  const asks = asksWith(asked, scope, agent)
  const active = activate(steps.request.header('a2a-extensions'), agent.extensions)
  await steps.count(scope, WRITES.includes(asked.method) ? 2 : 1, asks ? 'relay.request' : bucketOf(asked))
  if (asks) await steps.count(scope, 0, 'relay.request.day')
  refuseSuspended(asked, scope)
  // Without a live relay grant there is still what was sent without one, to be read or taken back.
  const reader = SENDS.includes(asked.method) ? scope : await enterWaiting(house, scope, agent.card.slug)
  const call = callFor(steps, agent, reader, asked, active)
  if (asked.method === 'GetExtendedAgentCard') return whole(house, walk, call)
  return STREAMS.includes(asked.method) ? stream(steps, agent, walk, call) : once(agent, walk, asked, call)
}

/** Past the SDK: its codec would drop what the signatures cover. */
async function whole(house: A2aHouse, walk: Walk, call: Call): Promise<Answer> {
  const card = await extendedCard(house, call)
  const headers = { 'Content-Type': walk.type, 'Cache-Control': 'private, no-store', ...activatedHeader(call.active) }
  const result = card as unknown as Json
  return { status: 200, headers, body: writeJson(walk.isRpc ? { jsonrpc: '2.0', id: walk.id, result } : result) }
}

async function readBody(steps: Steps, scope: Scope, { card }: Agent): Promise<unknown> {
  const { method, header } = steps.request
  if (method === 'GET' || method === 'HEAD' || method === 'DELETE') return undefined
  refuseContentType(header('content-type'), header('content-encoding'))
  const bytes = await steps.read(scope, card.max_message_bytes)
  if (bytes.length === 0) return undefined
  try {
    return readJsonBody(bytes)
  } catch (error) {
    if (error instanceof JsonRefused) throw new Malformed('PARSE_ERROR', error.message)
    throw error
  }
}

function askedByRpc(steps: Steps, body: unknown, { card }: Agent, walk: Walk): Asked {
  if (steps.request.method !== 'POST') throw new Problem('method_not_allowed', { allowed: ['POST'] })
  if (body === undefined) throw new Malformed('PARSE_ERROR', 'The body is empty.')
  walk.id = idOf(body)
  const { method, params } = readEnvelope(body)
  checkParams(method, params, card.slug)
  return { method, params, status: 200 }
}

function askedByRest(steps: Steps, path: string, body: unknown, { card }: Agent): Asked {
  const [, below] = /^\/rest(\/.*)$/.exec(path) ?? []
  if (below === undefined) throw new Malformed('NOT_FOUND', NOTHING)
  const rest = restCallOf(steps.request.method, below)
  const params = restParams(rest, steps.request.query, body)
  checkParams(rest.operation, params, card.slug)
  return { method: rest.operation, params, status: rest.status }
}

/** What the card does not offer is not done (R84). */
function refuseCapability({ card }: Agent, { method, params }: Asked): void {
  if (STREAMS.includes(method) && !offers(card.content, FACES, 'streaming'))
    throw new UnsupportedOperationError('This agent streams nothing.')
  const configuration = isObject(params.configuration) ? params.configuration : {}
  const wantsPush = method.endsWith('PushNotificationConfig') || method.endsWith('PushNotificationConfigs')
  const ridesAlong = SENDS.includes(method) && member(configuration, 'taskPushNotificationConfig') !== undefined
  if ((wantsPush || ridesAlong) && !offers(card.content, FACES, 'push_notifications'))
    throw new PushNotificationNotSupportedError()
  if (method === 'GetExtendedAgentCard' && !offers(card.content, FACES, 'extended_card'))
    throw new UnsupportedOperationError('This agent has no extended card.')
}

/** A suspended tenant is read, and nothing is written in it or by it (P11). */
function refuseSuspended({ method }: Asked, { tenantState: state }: Scope): void {
  if (WRITES.includes(method) && state !== 'active') throw new Problem('tenant_suspended', { state })
}

/** Whoever has no relay grant asks for one with the message, where the card lets it (R103). */
const asksWith = ({ method }: Asked, { relayParty }: Scope, { card }: Agent): boolean =>
  SENDS.includes(method) && relayParty === undefined && card.unapproved === 'request'

/** Those of the relay grant, beside everybody's. */
function bucketOf({ method, params }: Asked): BucketName | undefined {
  if (method === 'CancelTask') return 'relay.send'
  if (!SENDS.includes(method)) return undefined
  return isObject(params.message) && member(params.message, 'taskId') ? 'relay.send' : 'relay.start'
}

function callFor(steps: Steps, { card }: Agent, scope: Scope, { method, params }: Asked, active: string[]): Call {
  return {
    scope,
    card,
    method,
    params,
    active,
    idempotencyKey: SENDS.includes(method) ? keyOf(steps, params) : null,
    lastEventId: method === 'SubscribeToTask' ? steps.request.header('last-event-id') : undefined,
    signal: steps.signal,
  }
}

/** By the header or in the metadata; both, when they say the same. */
function keyOf(steps: Steps, params: WireObject): string | null {
  const header = idempotencyKey(steps.all('idempotency-key'))
  const said = relayAskOf(params).idempotency_key ?? null
  if (header === null || said === null || header === said) return header ?? said
  const field = `metadata["${RELAY_EXTENSION}"].idempotency_key`
  throw new Malformed('INVALID_PARAMS', 'The header Idempotency-Key says another key.', [
    { field, description: 'Differs from the header Idempotency-Key.' },
  ])
}

const envelopeOf = (walk: Walk, { method, params }: Pick<Asked, 'method' | 'params'>) => ({
  jsonrpc: '2.0',
  id: walk.id,
  method,
  params,
})

async function once({ transport }: Agent, walk: Walk, asked: Asked, call: Call): Promise<Answer> {
  const envelope = await transport.handle(envelopeOf(walk, asked), contextOf(call))
  if (!('result' in envelope)) throw call.failed ?? new Error(`${asked.method} made no result.`)
  const headers = { 'Content-Type': walk.type, ...activatedHeader(call.active) }
  if (walk.isRpc) return { status: 200, headers, body: writeJson(envelope) }
  if (asked.status === 204) return { status: 204, headers: activatedHeader(call.active), body: null }
  return { status: asked.status, headers, body: writeJson(envelope.result) }
}

type Envelope = { result?: unknown }

function stream(steps: Steps, { transport }: Agent, walk: Walk, asked: Call): Promise<typeof STREAMED> {
  // Whatever ends the stream ends its source: the client, the server, its credential, its own slowness.
  const end = new AbortController()
  if (asked.signal.aborted) end.abort(asked.signal.reason)
  asked.signal.addEventListener('abort', () => end.abort(asked.signal.reason), { once: true })
  const call: Call = { ...asked, signal: end.signal }
  return steps.stream(call.scope, activatedHeader(call.active), async () => {
    const frames = (await transport.handle(envelopeOf(walk, call), contextOf(call))) as AsyncGenerator<Envelope, void, undefined>
    // A refusal comes before the first frame, and is no stream at all.
    const first = await frames.next()
    return async (out) => {
      out.signal.addEventListener('abort', () => end.abort(out.signal.reason), { once: true })
      if (out.signal.aborted) end.abort(out.signal.reason)
      try {
        for (let next = first; !next.done && !out.signal.aborted; next = await frames.next())
          await sendFrame(out, walk, next.value)
      } finally {
        end.abort('done')
        await frames.return(undefined)
      }
    }
  })
}

/** Durable frames have their number as id; a snapshot has none, for it is never sent again as it was. */
async function sendFrame(out: EventStream, walk: Walk, envelope: Envelope): Promise<void> {
  const { statusUpdate, artifactUpdate } = envelope.result as { statusUpdate?: Framed; artifactUpdate?: Framed }
  const sequence = (statusUpdate ?? artifactUpdate)?.metadata[RELAY_EXTENSION]?.sequence
  await out.send({ ...(sequence === undefined ? {} : { id: String(sequence) }), data: walk.isRpc ? envelope : envelope.result })
}
type Framed = { metadata: Record<string, { sequence?: number } | undefined> }

function refusal(house: A2aHouse, { request, params }: Steps, walk: Walk, error: unknown): Answer {
  const fault = faultOf(error)
  // What the caller did not do wrong is the operator's to know.
  if (fault.http >= 500) logProblem(house.log, problemOf(error), { request_id: request.id, route: 'A2A' })
  return written(house, params.slug ?? '', walk, error)
}

function written(house: A2aHouse, slug: string, walk: Walk, error: unknown): Answer {
  const fault = faultOf(error)
  const status = walk.isRpc && walk.isThere ? rpcStatusOf(fault) : fault.http
  return {
    status,
    headers: { 'Content-Type': walk.type, ...headersOf(house, fault, slug, error) },
    body: writeJson(walk.isRpc ? rpcErrorOf(fault, walk.id) : restErrorOf(fault)),
  }
}

function headersOf(house: A2aHouse, fault: Fault, slug: string, error: unknown): Record<string, string> {
  const headers: Record<string, string> = {}
  if (fault.retryAfter !== null) headers['Retry-After'] = String(fault.retryAfter)
  // The rest of a body that was refused is not worth reading.
  if (fault.http === 413) headers.Connection = 'close'
  if (fault.http === 405 && error instanceof Problem) headers.Allow = (error.members.allowed as string[]).join(', ')
  if (fault.http === 401) headers['WWW-Authenticate'] = challengeOf(house, slug, error)
  return headers
}

/** RFC 6750 and RFC 9728: what to show, and where it says how to come by one. */
function challengeOf(house: A2aHouse, slug: string, error: unknown): string {
  const isShown = error instanceof Problem && error.code !== 'unauthenticated'
  const about = `${isShown ? 'error="invalid_token", ' : ''}resource_metadata="${metadataUrl(house.origin(), slug)}"`
  return `Bearer realm="countersign", ${about}`
}

export const metadataUrl = (origin: string, slug: string): string =>
  `${origin}/.well-known/oauth-protected-resource/agents/${slug}/`
