// An agent behind the relay and one caller of it, over the whole server: the card by its route, and both sides as their programs act. For tests.
import { type Message, SendMessageRequest, type Task } from '@a2a-js/sdk'
import {
  type Client,
  ClientFactory,
  ClientFactoryOptions,
  JsonRpcTransportFactory,
  RestTransportFactory,
} from '@a2a-js/sdk/client'
import { type AgentCaller, type House, type SetupOptions, setup } from '#harness'
import { mintKey, sha256 } from '../../../crypto/token.ts'
import { newId } from '../../../std/id.ts'
import { RELAY_SCOPES } from '../../party.ts'

export const BINDINGS = ['JSONRPC', 'HTTP+JSON'] as const
export type Binding = (typeof BINDINGS)[number]

type Granted = { id: string; token: string; tokenId: string }
export type Agent = {
  house: House
  slug: string
  cardId: string
  /** With its slash. */
  base: string
  grant: Granted
  /** Another relay grant of the same card, unless `slug` says otherwise. */
  grantTo(own?: { label?: string; scopes?: readonly string[]; cardId?: string }): Promise<Granted>
  card(own: Record<string, unknown>): Promise<{ id: string; slug: string }>
  client(binding: Binding, token?: string, options?: { fetch?: typeof fetch; url?: string }): Promise<Client>
  /** As the owner's agent answers. */
  respond(threadId: string, body: Record<string, unknown>): Promise<void>
  worker: AgentCaller
}

const CARD = {
  name: 'Quotes',
  summary: 'Gives quotes.',
  skills: [
    { id: 'quote', name: 'Quote', description: 'Makes a quote.', tags: ['sales'] },
    { id: 'draw', name: 'Draw', description: 'Draws.', tags: ['art'], input_modes: ['image/png'] },
  ],
  accepted_inputs: ['text/plain', 'application/json'],
  expected_outputs: ['text/plain', 'application/json'],
}

export async function openAgent(options: SetupOptions & { card?: Record<string, unknown> } = {}): Promise<Agent> {
  const house = await setup(options)
  const card = async (own: Record<string, unknown>) => {
    const made = await house.alice.post('/api/v1/cards', { ...CARD, ...own })
    if (made.status !== 201) throw new Error(`The card was refused: ${JSON.stringify(made.body)}`)
    return made.body as { id: string; slug: string }
  }
  const slug = 'quotes'
  const { id: cardId } = await card({ slug, ...options.card })
  const worker = await house.given.agent({ name: 'quotes', scopes: ['threads:*'] })
  const grantTo: Agent['grantTo'] = (own = {}) =>
    insertGrant(house, own.cardId ?? cardId, own.label ?? 'buyer', own.scopes ?? RELAY_SCOPES)
  const grant = await grantTo()
  const base = `${house.url}/agents/${slug}/`
  return {
    house,
    slug,
    cardId,
    base,
    grant,
    grantTo,
    card,
    worker,
    client: (binding, token = grant.token, { fetch: own = fetch, url = house.url } = {}) =>
      clientOf(`${url}/agents/${slug}/`, binding, token, own),
    respond: async (threadId, body) => {
      const answer = await worker.post(`/api/v1/threads/${threadId}/responses`, body)
      if (answer.status !== 200) throw new Error(`The answer was refused: ${JSON.stringify(answer.body)}`)
    },
  }
}

/** As an owner gives one to a caller that has no account here (R29). */
async function insertGrant(
  { admin, tenantId }: House,
  cardId: string,
  label: string,
  scopes: readonly string[],
): Promise<Granted> {
  const [id, tokenId, token] = [newId('rgr'), newId('rtk'), mintKey('live', 'rly')]
  await admin.run`
    insert into relay_grants (id, tenant_id, card_id, label, purpose, scopes, environment, state, state_since, created_by, created_at)
    values (${id}, ${tenantId}::uuid, ${cardId}, ${label}, 'to buy', ${[...RELAY_SCOPES]}::text[], 'live', 'active', countersign.now(), 'usr_test', countersign.now())`
  await admin.run`
    insert into relay_tokens (id, tenant_id, relay_grant_id, token_hash, prefix, last_four, scopes, created_by, created_at, expires_at)
    values (${tokenId}, ${tenantId}::uuid, ${id}, ${sha256(token)}::bytea, 'cs_live_rly', ${token.slice(-4)}, ${[...scopes]}::text[], 'usr_test', countersign.now(),
      countersign.now() + interval '90 days')`
  return { id, token, tokenId }
}

/** Nothing but the official client, the agent's base URL and a token (R2). */
async function clientOf(base: string, binding: Binding, token: string | null, own: typeof fetch = fetch): Promise<Client> {
  const shown: typeof fetch = (input, init) => {
    const headers = new Headers(init?.headers)
    if (token !== null) headers.set('Authorization', `Bearer ${token}`)
    return own(input, { ...init, headers })
  }
  const transports = [
    binding === 'JSONRPC' ? new JsonRpcTransportFactory({ fetchImpl: shown }) : new RestTransportFactory({ fetchImpl: shown }),
  ]
  const factory = new ClientFactory({ ...ClientFactoryOptions.default, transports, preferredTransports: [binding] })
  return factory.createFromUrl(base)
}

const SAY = { text: 'a quote, please' }

/** The least that a client sends. */
export const message = (parts: object[] = [SAY], more: object = {}) => ({
  messageId: crypto.randomUUID(),
  role: 'ROLE_USER',
  parts,
  ...more,
})

/** A request as the official client takes it. */
export const request = (own: { message?: object; configuration?: object; metadata?: object } = {}) =>
  SendMessageRequest.fromJSON({ ...own, message: own.message ?? message() } as never)

const isTask = (result: Message | Task): result is Task => 'status' in result
export const taskOf = (result: Message | Task): Task => {
  if (!isTask(result)) throw new Error('This is a message, not a task.')
  return result
}

/** One raw call of an operation, on either binding, with whatever is to be wrong. */
export type RawCall = {
  method?: string
  params?: unknown
  headers?: Record<string, string>
  token?: string | null
  body?: string
  path?: string
  verb?: string
  query?: string
}

const REST: Record<string, (params: Record<string, string>) => [string, string, boolean]> = {
  SendMessage: () => ['POST', '/message:send', true],
  SendStreamingMessage: () => ['POST', '/message:stream', true],
  GetTask: ({ id }) => ['GET', `/tasks/${id}`, false],
  ListTasks: () => ['GET', '/tasks', false],
  CancelTask: ({ id }) => ['POST', `/tasks/${id}:cancel`, false],
  SubscribeToTask: ({ id }) => ['POST', `/tasks/${id}:subscribe`, false],
  CreateTaskPushNotificationConfig: ({ taskId }) => ['POST', `/tasks/${taskId}/pushNotificationConfigs`, true],
  GetTaskPushNotificationConfig: ({ taskId, id }) => ['GET', `/tasks/${taskId}/pushNotificationConfigs/${id}`, false],
  ListTaskPushNotificationConfigs: ({ taskId }) => ['GET', `/tasks/${taskId}/pushNotificationConfigs`, false],
  DeleteTaskPushNotificationConfig: ({ taskId, id }) => ['DELETE', `/tasks/${taskId}/pushNotificationConfigs/${id}`, false],
  GetExtendedAgentCard: () => ['GET', '/extendedAgentCard', false],
}
export const OPERATIONS = Object.keys(REST)

type RawAnswer = {
  status: number
  headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: a test reads any body
  body: any
  text: string
  error: { code: number | null; reason: string | undefined; domain: string | undefined; fields: string[] } | null
}

export async function raw(
  agent: Pick<Agent, 'house' | 'slug' | 'grant'>,
  binding: Binding,
  call: RawCall,
  url = agent.house.url,
): Promise<RawAnswer> {
  const response = await rawResponse(agent, binding, call, url)
  const text = await response.text()
  const body = text === '' ? null : JSON.parse(text)
  return { status: response.status, headers: response.headers, body, text, error: errorOf(binding, body) }
}

export async function rawResponse(
  agent: Pick<Agent, 'house' | 'slug' | 'grant'>,
  binding: Binding,
  call: RawCall,
  url = agent.house.url,
): Promise<Response> {
  const { token = agent.grant.token, params = {}, method = 'GetTask', query = '' } = call
  const headers: Record<string, string> = {
    'A2A-Version': '1.0',
    'Content-Type': 'application/json',
    ...(token === null ? {} : { Authorization: `Bearer ${token}` }),
    ...call.headers,
  }
  for (const [name, value] of Object.entries(headers)) if (value === '') delete headers[name]
  const root = `${url}/agents/${agent.slug}/a2a`
  if (binding === 'JSONRPC') {
    const body = call.body ?? JSON.stringify({ jsonrpc: '2.0', id: 'one', method, params })
    const verb = call.verb ?? 'POST'
    return fetch(`${root}${call.path ?? '/jsonrpc'}${query}`, { method: verb, headers, ...(verb === 'GET' ? {} : { body }) })
  }
  const [verb, path, hasBody] = REST[method]?.(params as Record<string, string>) ?? ['GET', '/', false]
  const asked = new URLSearchParams()
  if (!hasBody)
    for (const [name, value] of Object.entries(params as object))
      if (!['id', 'taskId'].includes(name)) asked.set(name, String(value))
  const search = query !== '' ? query : asked.size > 0 ? `?${asked}` : ''
  const used = call.verb ?? verb
  const body = call.body ?? (hasBody ? JSON.stringify(params) : undefined)
  return fetch(`${root}/rest${call.path ?? path}${search}`, {
    method: used,
    headers,
    ...(used === 'GET' || body === undefined ? {} : { body }),
  })
}

// biome-ignore lint/suspicious/noExplicitAny: a test reads any body
function errorOf(binding: Binding, body: any): RawAnswer['error'] {
  const error = body?.error
  if (!error) return null
  const details = ((binding === 'JSONRPC' ? error.data : error.details) ?? []) as Record<string, never>[]
  const of = (name: string) => details.find((one) => String(one['@type']).endsWith(name)) as Record<string, never> | undefined
  const fields = ((of('BadRequest')?.fieldViolations ?? []) as { field: string }[]).map((one) => one.field)
  return { code: error.code, reason: of('ErrorInfo')?.reason, domain: of('ErrorInfo')?.domain, fields }
}

/** What a raw result is, on either binding. */
export const resultOf = (binding: Binding, { body }: Pick<RawAnswer, 'body'>) => (binding === 'JSONRPC' ? body.result : body)

/** A stream as it comes over the wire. */
export function readFrames(response: Response, binding: Binding) {
  const frames: { id: string | null; data: Record<string, never> }[] = []
  let text = ''
  const state = { ended: false }
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  const ended = (async () => {
    const decoder = new TextDecoder()
    let left = ''
    for (;;) {
      const { done, value } = await reader.read().catch(() => ({ done: true as const, value: undefined }))
      if (done) break
      const piece = decoder.decode(value, { stream: true })
      text += piece
      const blocks = `${left}${piece}`.split('\n\n')
      left = blocks.pop() as string
      for (const block of blocks) {
        const data = /^data: (.*)$/m.exec(block)?.[1]
        if (data === undefined) continue
        const read = JSON.parse(data)
        frames.push({ id: /^id: (.*)$/m.exec(block)?.[1] ?? null, data: binding === 'JSONRPC' ? read.result : read })
      }
    }
    state.ended = true
  })()
  return { frames, ended, state, text: () => text, leave: () => reader.cancel() }
}
