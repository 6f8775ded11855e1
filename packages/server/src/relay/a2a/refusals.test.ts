import { request } from 'node:http'
import { expect, test } from 'vitest'
import { mintKey } from '../../crypto/token.ts'
import { RELAY_EXTENSION } from './extension.ts'
import { type Agent, BINDINGS, message, OPERATIONS, openAgent, type RawCall, raw, resultOf } from './testing/agent.ts'

const now = { configuration: { returnImmediately: true } }
const SEND = { method: 'SendMessage', params: { message: message(), ...now } }
const started = async (agent: Agent) =>
  resultOf('JSONRPC', await raw(agent, 'JSONRPC', { ...SEND, params: { message: message(), ...now } })).task.id as string
const threads = async ({ house }: Agent) => (await house.admin.one<{ n: number }>`select count(*)::int as n from threads`).n

/** An operation with params that it would take. */
const callOf = (method: string, id: string): RawCall => {
  const params: Record<string, object> = {
    SendMessage: { message: message(), ...now },
    SendStreamingMessage: { message: message() },
    ListTasks: {},
    GetExtendedAgentCard: {},
    CreateTaskPushNotificationConfig: { taskId: id, url: 'https://hooks.example/a' },
    ListTaskPushNotificationConfigs: { taskId: id },
    GetTaskPushNotificationConfig: { taskId: id, id: 'c' },
    DeleteTaskPushNotificationConfig: { taskId: id, id: 'c' },
  }
  return { method, params: params[method] ?? { id } }
}

for (const binding of BINDINGS)
  test(`R87 §12.25 versions: absent, 1.0, 1.0.7, 99.0 and the query parameter: ${binding}`, async () => {
    const agent = await openAgent()
    const tried = async (version: string, query = '') => {
      const { error, status } = await raw(agent, binding, { method: 'ListTasks', headers: { 'A2A-Version': version }, query })
      return [error?.reason ?? 'fine', status]
    }
    const refused = ['VERSION_NOT_SUPPORTED', binding === 'JSONRPC' ? 200 : 400]
    expect(await tried('')).toEqual(refused)
    expect(await tried('1.0')).toEqual(['fine', 200])
    expect(await tried('1.0.7')).toEqual(['fine', 200])
    expect(await tried('99.0')).toEqual(refused)
    expect(await tried('0.3')).toEqual(refused)
    expect(await tried('', '?A2A-Version=1.0')).toEqual(['fine', 200])
  })

test.each(BINDINGS)(
  'R102 §12.26 every operation answers 401 and a challenge to whatever is no live token of this kind, before it reads the body: %s',
  async (binding) => {
    const agent = await openAgent()
    const { house } = agent
    const id = await started(agent)
    const expired = await agent.grantTo()
    await house.admin
      .run`update relay_tokens set expires_at = countersign.now() - interval '1 second' where id = ${expired.tokenId}`
    const ended = await agent.grantTo()
    await house.admin.run`update relay_tokens set ends_at = countersign.now() - interval '1 second' where id = ${ended.tokenId}`
    const revoked = await agent.grantTo()
    await house.admin.run`update relay_grants set state = 'revoked' where id = ${revoked.id}`
    const minted = await agent.worker.post(`/api/v1/threads/${id}/access-tokens`, {})
    const tokens: [string, string | null][] = [
      ['none', null],
      ['garbled', 'garbled'],
      ['cut', agent.grant.token.slice(0, -1)],
      ['unknown', mintKey('live', 'rly')],
      ['expired', expired.token],
      ['given up', ended.token],
      ['revoked', revoked.token],
      ['a thread token', minted.body.thread_access_token],
    ]
    for (const [name, token] of tokens) {
      // Who tries keys is slowed down by address.
      await house.clock.advance('61s')
      for (const method of OPERATIONS) {
        const { status, headers, body, error } = await raw(agent, binding, { ...callOf(method, id), token, body: '{"not json' })
        expect([name, method, status, error?.reason, error?.domain]).toEqual([
          name,
          method,
          401,
          'UNAUTHENTICATED',
          'countersign',
        ])
        expect(headers.get('www-authenticate')).toMatch(
          /^Bearer realm="countersign", (error="invalid_token", )?resource_metadata="http/,
        )
        if (binding === 'JSONRPC') expect([body.id, body.error.code]).toEqual([null, -32000])
      }
    }
    await house.clock.advance('61s')
    const cookie = house.alice.credential.cookie as string
    expect((await raw(agent, binding, { ...SEND, token: null, headers: { Cookie: cookie } })).status).toBe(401)
    expect(
      (await raw(agent, binding, { ...SEND, token: null, headers: { Authorization: `bEaReR ${agent.grant.token}` } })).status,
    ).toBe(200)
    const [, url = ''] =
      /resource_metadata="([^"]+)"/.exec((await raw(agent, binding, { token: null })).headers.get('www-authenticate') ?? '') ?? []
    expect(await (await fetch(url)).json()).toMatchObject({ resource: agent.base, authorization_servers: [house.url] })
  },
)

test.each(BINDINGS)(
  'R115 §12.26 another grant’s task is not there, for no operation, and no list counts it: %s',
  async (binding) => {
    const agent = await openAgent()
    const id = await started(agent)
    const { token } = await agent.grantTo()
    const of = async (method: string, task: string) => {
      const { status, error, text } = await raw(agent, binding, { ...callOf(method, task), token })
      return { status, reason: error?.reason, text: text.replaceAll(task, 'ID') }
    }
    const random = 'thr_01KE0000000000000000000000'
    for (const method of ['GetTask', 'CancelTask', 'SubscribeToTask']) {
      const foreign = await of(method, id)
      expect([method, foreign.reason]).toEqual([method, 'TASK_NOT_FOUND'])
      expect(foreign).toEqual(await of(method, random))
    }
    const follow = { method: 'SendMessage', params: { message: message([{ text: 'a' }], { taskId: id }) }, token }
    expect((await raw(agent, binding, follow)).error?.reason).toBe('TASK_NOT_FOUND')
    expect(resultOf(binding, await raw(agent, binding, { method: 'ListTasks', token }))).toMatchObject({ totalSize: 0 })
  },
)

test.each(BINDINGS)('R102 each operation needs its scope: %s', async (binding) => {
  const agent = await openAgent()
  const id = await started(agent)
  const needs: [string, string][] = [
    ['SendMessage', 'threads:start'],
    ['SendStreamingMessage', 'threads:start'],
    ['GetTask', 'threads:read'],
    ['ListTasks', 'threads:read'],
    ['SubscribeToTask', 'threads:read'],
    ['CancelTask', 'threads:close'],
  ]
  const { id: grantId } = agent.grant
  for (const [method, scope] of needs) {
    const others = ['threads:start', 'threads:send', 'threads:read', 'threads:close', 'threads:subscribe'].filter(
      (one) => one !== scope,
    )
    await agent.house.admin.run`update relay_tokens set scopes = ${others}::text[] where relay_grant_id = ${grantId}`
    const { status, error } = await raw(agent, binding, callOf(method, id))
    expect([method, status, error?.reason]).toEqual([method, 403, 'SCOPE_MISSING'])
  }
  await agent.house.admin
    .run`update relay_tokens set scopes = ${['threads:start', 'threads:read']}::text[] where relay_grant_id = ${grantId}`
  const follow = { method: 'SendMessage', params: { message: message([{ text: 'a' }], { taskId: id }) } }
  expect((await raw(agent, binding, follow)).error?.reason).toBe('SCOPE_MISSING')
})

test.each(BINDINGS)(
  'R103 an agent without a relay grant is told where to ask for one, and a relay token opens no other agent: %s',
  async (binding) => {
    const agent = await openAgent()
    const other = await agent.card({ slug: 'other' })
    const elsewhere = await agent.grantTo({ cardId: other.id })
    for (const token of [agent.house.agent.key, elsewhere.token])
      for (const method of ['SendMessage', 'SendStreamingMessage', 'ListTasks']) {
        const { status, error, body } = await raw(agent, binding, { ...callOf(method, 'x'), token })
        expect([method, status, error?.reason, error?.domain]).toEqual([method, 403, 'APPROVAL_REQUIRED', 'countersign'])
        expect(JSON.stringify(body)).toContain(`${agent.house.url}/api/v1/agents/quotes/connection-requests`)
      }
    expect(await threads(agent)).toBe(0)
  },
)

test.each(BINDINGS)('R85 an agent that is not public is not there for whoever may not know of it: %s', async (binding) => {
  const agent = await openAgent({ card: { visibility: 'grant_holders' } })
  const other = await agent.card({ slug: 'other' })
  const elsewhere = await agent.grantTo({ cardId: other.id })
  expect((await raw(agent, binding, { method: 'ListTasks' })).status).toBe(200)
  const unknown = (own: Partial<Agent>) => ({ ...agent, ...own })
  for (const token of [null, 'garbled', elsewhere.token]) {
    const hidden = await raw(agent, binding, { method: 'ListTasks', token })
    const missing = await raw(unknown({ slug: 'nowhere' }), binding, { method: 'ListTasks', token })
    expect([hidden.status, hidden.text]).toEqual([404, missing.text])
  }
})

test('R104 §10 what is no place, no verb or too large is said in the binding’s JSON', async () => {
  const agent = await openAgent({ card: { max_message_bytes: 16_384 } })
  const kinds = async (binding: 'JSONRPC' | 'HTTP+JSON', call: RawCall) => {
    const { status, headers, error } = await raw(agent, binding, call)
    return [status, headers.get('content-type'), error?.code ?? null]
  }
  expect(await kinds('HTTP+JSON', { path: '/nothing' })).toEqual([404, 'application/json', 404])
  expect(await kinds('HTTP+JSON', { path: '/tasks/a/b', verb: 'POST', body: '{}' })).toEqual([404, 'application/json', 404])
  expect(await kinds('HTTP+JSON', { path: '/tasks', verb: 'PUT', body: '{}' })).toEqual([405, 'application/json', 405])
  expect(await kinds('HTTP+JSON', { path: '/nothing', headers: { Accept: 'application/a2a+json' } })).toEqual([
    404,
    'application/a2a+json',
    404,
  ])
  expect(await kinds('JSONRPC', { verb: 'GET' })).toEqual([405, 'application/json', -32601])
  const large = JSON.stringify({ message: message([{ text: 'x'.repeat(16_384) }]) })
  const over = `{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":${large}}`
  expect(await kinds('JSONRPC', { body: over })).toEqual([413, 'application/json', -32602])
  expect(await kinds('HTTP+JSON', { method: 'SendMessage', body: large })).toEqual([413, 'application/json', 413])
  const put = await fetch(`${agent.house.url}/agents/quotes/a2a/rest/tasks`, {
    method: 'PUT',
    headers: { 'A2A-Version': '1.0', Authorization: `Bearer ${agent.grant.token}` },
  })
  expect(put.headers.get('allow')).toBe('GET')
  const chunks = new ReadableStream({
    start(out) {
      for (let i = 0; i < 20; i++) out.enqueue(new TextEncoder().encode('x'.repeat(1_000)))
      out.close()
    },
  })
  const chunked = await fetch(`${agent.house.url}/agents/quotes/a2a/jsonrpc`, {
    method: 'POST',
    headers: { 'A2A-Version': '1.0', 'Content-Type': 'application/json', Authorization: `Bearer ${agent.grant.token}` },
    body: chunks,
    duplex: 'half',
  } as RequestInit)
  expect([chunked.status, (await chunked.json()).error.code]).toEqual([413, -32602])
  expect(await threads(agent)).toBe(0)
})

test('§10 JSON-RPC: what is no JSON, no call, a batch, no method', async () => {
  const agent = await openAgent()
  const rpc = async (body: string) => {
    const { status, body: answer } = await raw(agent, 'JSONRPC', { body })
    return [status, answer.error.code, answer.id]
  }
  const call = (own: object) => JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'GetTask', params: { id: 'x' }, ...own })
  expect(await rpc('{')).toEqual([200, -32700, null])
  expect(await rpc('')).toEqual([200, -32700, null])
  expect(await rpc('{"a":1,"a":2}')).toEqual([200, -32700, null])
  expect(await rpc('{"a":"\\u0000"}')).toEqual([200, -32700, null])
  expect(await rpc(`[${call({})}]`)).toEqual([200, -32600, null])
  expect(await rpc('{}')).toEqual([200, -32600, null])
  expect(await rpc(call({ id: {} }))).toEqual([200, -32600, null])
  expect(await rpc(call({ id: 'x'.repeat(1_025) }))).toEqual([200, -32600, null])
  expect(await rpc(call({ method: 'DoIt' }))).toEqual([200, -32601, 7])
  expect(await rpc(call({ method: 'getTask' }))).toEqual([200, -32601, 7])
  expect(await rpc(call({ params: undefined }))).toEqual([200, -32602, 7])
  expect(await rpc(call({ id: undefined }))).toEqual([200, -32001, null])
})

test.each(BINDINGS)(
  'R105 §10 types: others than JSON are refused, and HTTP+JSON answers in the type that was named: %s',
  async (binding) => {
    const agent = await openAgent()
    const types = async (headers: Record<string, string>) => {
      const { error, headers: said } = await raw(agent, binding, { ...SEND, params: { message: message(), ...now }, headers })
      return error?.reason ?? said.get('content-type')
    }
    const own = binding === 'JSONRPC' ? 'application/json' : 'application/a2a+json'
    expect(await types({})).toBe('application/json')
    expect(await types({ Accept: 'application/a2a+json' })).toBe(own)
    expect(await types({ 'Content-Type': 'application/a2a+json' })).toBe(own)
    expect(await types({ 'Content-Type': 'text/plain' })).toBe('CONTENT_TYPE_NOT_SUPPORTED')
    expect(await types({ 'Content-Encoding': 'gzip' })).toBe('CONTENT_TYPE_NOT_SUPPORTED')
  },
)

for (const binding of BINDINGS)
  test(`R105 parts are held against the input modes of the card, or of the skill: ${binding}`, async () => {
    const agent = await openAgent()
    const tried = async (part: object, skill?: string) => {
      const metadata = skill ? { [RELAY_EXTENSION]: { skill } } : undefined
      const { error } = await raw(agent, binding, {
        method: 'SendMessage',
        params: { message: message([part]), metadata, ...now },
      })
      return error?.reason ?? 'fine'
    }
    expect(await tried({ text: 'a' })).toBe('fine')
    expect(await tried({ data: 1 })).toBe('fine')
    expect(await tried({ raw: 'aGk=', mediaType: 'image/png' })).toBe('CONTENT_TYPE_NOT_SUPPORTED')
    expect(await tried({ raw: 'aGk=', mediaType: 'image/png' }, 'draw')).toBe('fine')
    expect(await tried({ text: 'a' }, 'draw')).toBe('CONTENT_TYPE_NOT_SUPPORTED')
    expect(await tried({ text: 'a' }, 'unknown')).toBe('INVALID_PARAMS')
  })

test.each(BINDINGS)('R107 §10 bad params are refused with their place, and nothing is stored: %s', async (binding) => {
  const agent = await openAgent()
  const bad: [object, string][] = [
    [{}, 'message'],
    [{ message: message([]) }, 'message.parts'],
    [{ message: message([{ text: 'a', data: 1 }]) }, 'message.parts[0]'],
    [{ message: message([{}]) }, 'message.parts[0]'],
    [{ message: message(Array(33).fill({ text: 'a' })) }, 'message.parts'],
    [{ message: message([{ raw: '!' }]) }, 'message.parts[0].raw'],
    [{ message: message([{ url: 'javascript:1' }]) }, 'message.parts[0].url'],
    [{ message: { ...message(), role: 'ROLE_AGENT' } }, 'message.role'],
    [{ message: { ...message(), role: 1 } }, 'message.role'],
    [{ message: { ...message(), kind: 'message' } }, 'message.kind'],
    [{ message: message(), tenant: 'other' }, 'tenant'],
  ]
  for (const [params, field] of bad)
    for (const method of ['SendMessage', 'SendStreamingMessage']) {
      const { status, error } = await raw(agent, binding, { method, params })
      expect([field, status, error?.reason, error?.fields]).toEqual([
        field,
        binding === 'JSONRPC' ? 200 : 400,
        'INVALID_PARAMS',
        [field],
      ])
    }
  for (const [params, field] of [
    [{ status: '2' }, 'status'],
    [{ status: 'task_state_working' }, 'status'],
    [{ pageSize: 0 }, 'pageSize'],
    [{ statusTimestampAfter: '2026-01-01T00:00:00+01:00' }, 'statusTimestampAfter'],
  ] as const)
    expect((await raw(agent, binding, { method: 'ListTasks', params })).error?.fields).toEqual([field])
  expect((await raw(agent, binding, { ...SEND, params: { message: message(), tenant: 'quotes', ...now } })).error).toBeNull()
  expect(await threads(agent)).toBe(1)
})

test('R83 a path may begin with the agent’s name, and with no other', async () => {
  const agent = await openAgent()
  const id = await started(agent)
  expect((await raw(agent, 'HTTP+JSON', { path: `/quotes/tasks/${id}` })).body.id).toBe(id)
  expect((await raw(agent, 'HTTP+JSON', { path: `/other/tasks/${id}` })).error?.fields).toEqual(['tenant'])
})

test.each(BINDINGS)('R84 R86 what the card does not offer is not done, and the card does not say it: %s', async (binding) => {
  const agent = await openAgent({ card: { capabilities: { streaming: false } } })
  const card = (await (await fetch(`${agent.base}.well-known/agent-card.json`)).json()) as {
    capabilities: Record<string, unknown>
  }
  expect(card.capabilities).not.toHaveProperty('streaming')
  const id = await started(agent)
  for (const method of ['SendStreamingMessage', 'SubscribeToTask', 'GetExtendedAgentCard'])
    expect([method, (await raw(agent, binding, callOf(method, id))).error?.reason]).toEqual([method, 'UNSUPPORTED_OPERATION'])
  expect(await threads(agent)).toBe(1)
})

test('R106 of several faults the first in order is said', async () => {
  const agent = await openAgent()
  const every = { token: 'garbled', headers: { 'A2A-Version': '9.9', 'Content-Type': 'text/plain' }, body: '{' }
  const said = async (own: RawCall, slug = 'quotes') =>
    (await raw({ ...agent, slug }, 'HTTP+JSON', { method: 'SendMessage', ...every, ...own })).error?.reason
  const { token } = agent.grant
  expect(await said({}, 'nowhere')).toBe('NOT_FOUND')
  expect(await said({ body: 'x'.repeat(1_048_577) })).toBe('BODY_TOO_LARGE')
  expect(await said({})).toBe('UNAUTHENTICATED')
  expect(await said({ token })).toBe('VERSION_NOT_SUPPORTED')
  expect(await said({ token, headers: { 'Content-Type': 'text/plain' } })).toBe('CONTENT_TYPE_NOT_SUPPORTED')
  expect(await said({ token, headers: {} })).toBe('PARSE_ERROR')
  expect(await said({ token, headers: {}, body: '{}', path: '/nothing' })).toBe('NOT_FOUND')
  expect(await said({ token, headers: {}, body: '{}' })).toBe('INVALID_PARAMS')
})

test.each(BINDINGS)('R104 a limit is 429 with the time to come back, a paused agent 503: %s', async (binding) => {
  const agent = await openAgent({ settings: { LIMITS: 'relay.start=1/1m+1' } })
  expect((await raw(agent, binding, { ...SEND, params: { message: message(), ...now } })).status).toBe(200)
  const limited = await raw(agent, binding, { ...SEND, params: { message: message(), ...now } })
  expect([limited.status, limited.error?.reason]).toEqual([429, 'RATE_LIMITED'])
  expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(limited.text).toContain('google.rpc.RetryInfo')
  await agent.house.clock.advance('2m')
  await agent.house.alice.post(`/api/v1/cards/${agent.cardId}/pause`, { reason: 'lunch' })
  const paused = await raw(agent, binding, { ...SEND, params: { message: message(), ...now } })
  expect([paused.status, paused.error?.reason]).toEqual([503, 'AGENT_PAUSED'])
  expect(Number(paused.headers.get('retry-after'))).toBeGreaterThan(0)
})

test.each(BINDINGS)(
  'R104 R114 what is refused before the agent is looked for says it as the binding does: a token in the address, which is revoked, another host, a long address, an unknown verb: %s',
  async (binding) => {
    const agent = await openAgent()
    const { house, slug } = agent
    const root = `${house.url}/agents/${slug}/a2a${binding === 'JSONRPC' ? '/jsonrpc' : '/rest/tasks'}`
    const asked = async (url: string, own: { headers?: Record<string, string>; method?: string } = {}) =>
      new Promise<[number | undefined, string | undefined, string]>((resolve, reject) => {
        const headers = { 'A2A-Version': '1.0', Accept: 'application/a2a+json', ...own.headers }
        request(url, { method: binding === 'JSONRPC' ? 'POST' : 'GET', ...own, headers }, (answer) => {
          let text = ''
          answer.setEncoding('utf8').on('data', (piece: string) => {
            text += piece
          })
          answer.on('end', () => resolve([answer.statusCode, answer.headers['content-type'], text]))
        })
          .on('error', reject)
          .end()
      })
    const type = binding === 'JSONRPC' ? 'application/json' : 'application/a2a+json'
    const refusal = async (...call: Parameters<typeof asked>) => {
      const [status, said, text] = await asked(...call)
      const { error, ...rest } = JSON.parse(text)
      expect([said, rest]).toEqual([type, binding === 'JSONRPC' ? { jsonrpc: '2.0', id: null } : {}])
      const details = binding === 'JSONRPC' ? error.data : error.details
      expect(details[0]).toMatchObject({ '@type': 'type.googleapis.com/google.rpc.ErrorInfo' })
      return { status, code: error.code, reason: details[0].reason, text }
    }
    const own = (rpc: number, http: number) => (binding === 'JSONRPC' ? rpc : http)
    for (const url of [`${root}?token=${agent.grant.token}`, root.replace(slug, mintKey('live', 'rly'))]) {
      const leaked = await refusal(url)
      expect(leaked).toMatchObject({ status: 400, code: own(-32602, 400), reason: 'CREDENTIAL_IN_URL' })
      expect(leaked.text).not.toContain('cs_live')
    }
    expect((await raw(agent, binding, { method: 'ListTasks' })).status).toBe(401)
    expect(await refusal(root, { headers: { Host: 'elsewhere.example' } })).toMatchObject({ status: 421, code: own(-32600, 421) })
    expect(await refusal(`${root}?q=${'x'.repeat(9_000)}`)).toMatchObject({ status: 414, reason: 'URI_TOO_LONG' })
    expect(await refusal(root, { method: 'PROPFIND' })).toMatchObject({ status: 405, reason: 'METHOD_NOT_ALLOWED' })
  },
)

test.each(BINDINGS)('R47 R104 a message that came through too many relays is told so on either binding: %s', async (binding) => {
  const agent = await openAgent()
  const params = { message: message(undefined, { metadata: { [RELAY_EXTENSION]: { hops: 6 } } }), ...now }
  const { status, error } = await raw(agent, binding, { method: 'SendMessage', params })
  expect([status, error?.reason]).toEqual([binding === 'JSONRPC' ? 200 : 508, 'LOOP_DETECTED'])
})
