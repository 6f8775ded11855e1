import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { policySchema } from '../../identity/policies/judge.ts'
import { startingText } from '../../identity/policies/starting.ts'
import { openSets } from '../../policy/decide.ts'
import type { AskedRequest } from '../gatekeeper.ts'
import { judgeRequest } from './judge.ts'
import { connection, definition, GRANT, view } from './testing/view.fixture.ts'
import type { View, ViewGrant } from './view.ts'

const AT = new Date('2026-03-02T10:00:00Z')
const setsOf = (text: string) => openSets({ version: 3, text, guardrails: '', schema: policySchema() })
const STARTING = setsOf(startingText())
// The grant's mode alone decides.
const LOOSE = setsOf(`permit (principal is Agent, action in [Action::"proxy.request", Action::"proxy.tool"], resource)
  when { context.grant.mode == "allow" };
@ask("May {agent} send {method} {host}{path}?")
permit (principal is Agent, action in [Action::"proxy.request", Action::"proxy.tool"], resource) when { context.grant.mode == "ask" };`)

const asked = (method: string, url: string, more: Partial<AskedRequest> & { sent?: Buffer | string } = {}): AskedRequest => {
  const { hostname, port, search, protocol } = new URL(url)
  const sent = Buffer.from(more.sent ?? '')
  return {
    id: 'req_1',
    scheme: protocol.slice(0, -1) as 'https',
    host: hostname,
    port: Number(port || 443),
    method,
    // As it was sent: URL would have tidied it.
    path: (/^\w+:\/\/[^/]+([^?]*)/.exec(url)?.[1] as string) || '/',
    query: search.slice(1),
    headers: [],
    protocol: 'http/1.1',
    clientAddress: '127.0.0.1',
    body: async (limit) => (sent.length > limit ? 'too_large' : sent),
    signal: new AbortController().signal,
    ...more,
  }
}
const grant = (rules: ViewGrant['rules'], more: Partial<ViewGrant> = {}): ViewGrant => ({ ...GRANT, rules, ...more })
const ALL = grant([{ effect: 'allow' }])
const STRIPE = definition('stripe', [{ host: 'api.stripe.com' }], {
  facts: { amount: { in: 'body', pointer: '/amount', type: 'long' } },
  oauth: { token_url: 'https://api.stripe.com/oauth/token' },
  minting: [{ methods: ['POST'], paths: ['/v1/ephemeral_keys'] }],
})
const of = (...grants: ViewGrant[]) => view([connection('1', STRIPE, { grants })])
const judge = (given: View, request: AskedRequest, sets = LOOSE, inspectBody = 65_536) =>
  judgeRequest({ view: given, sets, limits: { inspectBody }, at: AT }, request)
const refund = (amount: unknown, more: Partial<AskedRequest> = {}) =>
  asked('POST', 'https://api.stripe.com/v1/refunds', {
    headers: [['content-type', 'application/json']],
    sent: JSON.stringify({ amount }),
    ...more,
  })

test('V18 the starting set lets reads of an allowing grant out and asks for everything else', async () => {
  expect(await judge(of(ALL), asked('GET', 'https://api.stripe.com/v1/charges'), STARTING)).toMatchObject({ outcome: 'allow' })
  expect(await judge(of(ALL), refund(4), STARTING)).toMatchObject({ outcome: 'ask', policy: { policy_ids: ['proxy-writes'] } })
  const asks = grant([{ effect: 'ask' }])
  expect(await judge(of(asks), asked('GET', 'https://api.stripe.com/v1/charges'), STARTING)).toMatchObject({ outcome: 'ask' })
  expect(await judge(of(ALL), asked('GET', 'https://example.com/'), STARTING)).toMatchObject({
    outcome: 'deny',
    reason: 'no_grant',
  })
})

test('V18 a grant is necessary, a policy decides: neither alone lets a request out', async () => {
  const nothing = setsOf('forbid (principal, action == Action::"proxy.request", resource);')
  expect(await judge(of(ALL), asked('GET', 'https://api.stripe.com/'), nothing)).toMatchObject({ reason: 'policy_forbid' })
  const none = setsOf('permit (principal, action == Action::"task.create", resource);')
  expect(await judge(of(ALL), asked('GET', 'https://api.stripe.com/'), none)).toMatchObject({ reason: 'no_permit' })
  expect(await judge(of(grant([])), asked('GET', 'https://api.stripe.com/'))).toMatchObject({ reason: 'no_grant' })
})

test('V14 a rule that says to ask is asked for, whatever policy would let through', async () => {
  const open = setsOf('permit (principal is Agent, action == Action::"proxy.request", resource);')
  const asks = await judge(of(grant([{ effect: 'ask' }])), asked('GET', 'https://api.stripe.com/'), open)
  expect(asks).toMatchObject({ outcome: 'ask', policy: { ask: { quorum: 1, on_timeout: 'deny' } } })
})

test('V12 of several grants the rule that speaks most closely counts, and names its grant', async () => {
  const reads = grant([{ effect: 'allow', methods: ['GET'] }], { id: 'grt_reads' })
  const refunds = grant([{ effect: 'ask', methods: ['POST'], paths: ['/v1/refunds'] }], { id: 'grt_refunds' })
  const both = of(reads, refunds)
  expect(await judge(both, asked('GET', 'https://api.stripe.com/v1/refunds'))).toMatchObject({
    outcome: 'allow',
    use: { grant: { id: 'grt_reads' } },
  })
  expect(await judge(both, refund(4))).toMatchObject({ outcome: 'ask', use: { grant: { id: 'grt_refunds' } } })
  expect(await judge(both, asked('DELETE', 'https://api.stripe.com/v1/refunds'))).toMatchObject({ reason: 'method' })
})

test.each([
  ['suspended', { status: 'suspended' as const }, 'suspended'],
  ['over', { expiresAt: new Date(AT.getTime() - 1) }, 'grant_expired'],
  ['used up', { maxUses: 3, uses: 3 }, 'grant_expired'],
  ['not begun', { startsAt: new Date(AT.getTime() + 1) }, 'no_grant'],
  ['for another network', { clientCidrs: ['10.0.0.0/8', '2001:db8::/32'] }, 'no_grant'],
  ['bound to a placeholder that is not there', { placeholderRequired: true }, 'placeholder_missing'],
])('V12 a grant that is %s lets nothing out', async (_, more, reason) => {
  const given = of(grant([{ effect: 'allow' }], more))
  expect(await judge(given, asked('GET', 'https://api.stripe.com/'))).toMatchObject({ outcome: 'deny', reason })
})

test('V12 a grant for this network, and one whose placeholder stands in the request, let it out', async () => {
  const near = of(grant([{ effect: 'allow' }], { clientCidrs: ['127.0.0.0/8'], placeholderRequired: true }))
  const request = asked('GET', 'https://api.stripe.com/', { headers: [['authorization', 'Bearer csph_conn_1']] })
  expect(await judge(near, request)).toMatchObject({ outcome: 'allow' })
})

test('V90 §10.1 §12.19 path: what two readers could read in two ways is ambiguous, with or without a connection for its host; what does not lie under /v1 is outside of it', async () => {
  const v1 = of(grant([{ effect: 'allow', paths: ['/v1'] }]))
  for (const path of ['/v1/../admin', '/v1/%2e%2e/x', '/v1/%252e%252e/x', '/v1\\x', '/v1/%5c/x', '/v1/%00'])
    for (const host of ['api.stripe.com', 'elsewhere.example'])
      expect([path, await judge(v1, asked('GET', `https://${host}${path}`))]).toMatchObject([path, { reason: 'path_ambiguous' }])
  for (const path of ['/v10', '//v1', '/', '/v1;x=1', '/%2Fv1'])
    expect([path, await judge(v1, asked('GET', `https://api.stripe.com${path}`))]).toMatchObject([path, { reason: 'path' }])
  // An escaped slash stays inside of its segment, and unreserved letters are what they are.
  for (const path of ['/v1', '/v1/a%2Fb', '/%761/x'])
    expect(await judge(v1, asked('GET', `https://api.stripe.com${path}`))).toMatchObject({ outcome: 'allow' })
})

test('V62 the token endpoint of the provider gets nothing; V110 nor does plain http', async () => {
  for (const path of ['/oauth/token', '/oauth/%74oken', '/%6Fauth/token'])
    expect(await judge(of(ALL), asked('POST', `https://api.stripe.com${path}`))).toMatchObject({ reason: 'path' })
  expect(await judge(of(ALL), asked('GET', 'http://api.stripe.com/', { port: 443 }))).toMatchObject({ reason: 'plaintext' })
})

test('V62 so does one at an origin of one’s own', async () => {
  const own = definition('gitlab', [{ host: '{base_url}' }], { oauth: { token_url: '{base_url}/oauth/token' } })
  const given = view([connection('g', own, { params: { base_url: 'https://git.acme.example' }, grants: [ALL] })])
  expect(await judge(given, asked('POST', 'https://git.acme.example/oauth/token'))).toMatchObject({ reason: 'path' })
  expect(await judge(given, asked('POST', 'https://git.acme.example/oauth'))).toMatchObject({ outcome: 'allow' })
})

test('V61 an endpoint that hands out credentials wants a grant that says so', async () => {
  const mints = asked('POST', 'https://api.stripe.com/v1/ephemeral_keys')
  expect(await judge(of(ALL), mints)).toMatchObject({ reason: 'minting' })
  expect(await judge(of(grant([{ effect: 'allow' }], { minting: true })), mints)).toMatchObject({
    outcome: 'allow',
    use: { minting: true },
  })
})

const ABOVE_100 = [
  { effect: 'allow', methods: ['POST'], paths: ['/v1/refunds'] },
  { effect: 'ask', methods: ['POST'], paths: ['/v1/refunds'], where: [{ fact: 'amount', op: 'gt', value: 100 }] },
] as const

test('V98 §12.23 40 goes through and 400 waits', async () => {
  expect(await judge(of(grant(ABOVE_100)), refund(40))).toMatchObject({ outcome: 'allow', facts: { values: { amount: 40 } } })
  expect(await judge(of(grant(ABOVE_100)), refund(400))).toMatchObject({ outcome: 'ask', facts: { values: { amount: 400 } } })
  const zipped = refund(400, {
    headers: [
      ['content-type', 'application/json'],
      ['content-encoding', 'gzip'],
    ],
    body: async () => gzipSync('{"amount":400}'),
  })
  expect(await judge(of(grant(ABOVE_100)), zipped)).toMatchObject({ outcome: 'ask' })
})

test.each([
  ['as text', '400'],
  ['beyond numbers', 1e300],
])('V98 §10.1 an amount %s is denied where a rule compares it', async (_, amount) => {
  expect(await judge(of(grant(ABOVE_100)), refund(amount))).toMatchObject({ reason: 'body_ambiguous' })
})

test('V98 a body beyond what is read, or coded as nobody can read it, is denied where somebody needs it', async () => {
  const large = asked('POST', 'https://api.stripe.com/v1/refunds', {
    headers: [['content-type', 'application/json']],
    sent: `{"amount":4,"note":"${'x'.repeat(70_000)}"}`,
  })
  expect(await judge(of(grant(ABOVE_100)), large)).toMatchObject({ reason: 'body_too_large_to_inspect' })
  const bomb = refund(4, {
    headers: [
      ['content-type', 'application/json'],
      ['content-encoding', 'gzip'],
    ],
    body: async () => gzipSync(`{"amount":4,"note":"${'x'.repeat(200_000)}"}`),
  })
  expect(await judge(of(grant(ABOVE_100)), bomb)).toMatchObject({ reason: 'body_too_large_to_inspect' })
  const odd = refund(4, {
    headers: [
      ['content-type', 'application/json'],
      ['content-encoding', 'snappy'],
    ],
  })
  expect(await judge(of(grant(ABOVE_100)), odd)).toMatchObject({ reason: 'body_ambiguous' })
  // Nobody compares the amount: it goes out unread.
  expect(await judge(of(ALL), large)).toMatchObject({ outcome: 'allow' })
})

test('V20 V67 text of the body may forbid: what policies read of it is its beginning', async () => {
  const careful = setsOf(`permit (principal is Agent, action == Action::"proxy.request", resource);
    forbid (principal, action == Action::"proxy.request", resource) when { context has content && context.content like "*drop table*" };`)
  const query = (text: string) =>
    asked('POST', 'https://api.stripe.com/v1/query', { headers: [['content-type', 'text/plain']], sent: text })
  expect(await judge(of(ALL), query('select 1'), careful)).toMatchObject({ outcome: 'allow' })
  expect(await judge(of(ALL), query('drop table users'), careful)).toMatchObject({ reason: 'policy_forbid' })
})

const MCP = definition('tools', [{ host: 'mcp.example.com' }], { mcp: { paths: ['/mcp'] } })
const tools = view([
  connection('m', MCP, {
    grants: [
      grant([
        { effect: 'allow', tools: ['read*'] },
        { effect: 'ask', tools: ['refund'] },
      ]),
    ],
  }),
])
const rpc = (value: unknown) =>
  asked('POST', 'https://mcp.example.com/mcp', { headers: [['content-type', 'application/json']], sent: JSON.stringify(value) })
const call = (id: number, name: string) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: {} } })

test('V99 §12.30 each call of a tool is judged, and the strictest rules the batch', async () => {
  expect(await judge(tools, rpc(call(1, 'read_file')))).toMatchObject({ outcome: 'allow' })
  expect(await judge(tools, rpc([call(1, 'read_file'), call(2, 'refund')]))).toMatchObject({
    outcome: 'ask',
    rpc: { isBatch: true },
  })
  const denied = await judge(tools, rpc([call(1, 'read_file'), call(2, 'delete_all'), call(3, 'refund')]))
  expect(denied).toMatchObject({ outcome: 'deny', reason: 'tool', rpc: { calls: [{ id: 1 }, { id: 2 }, { id: 3 }] } })
})

test('V99 whoever may call a tool may speak to its server as far as that takes, and no further; a rule that denies a tool opens nothing', async () => {
  const say = (method: string) => rpc({ jsonrpc: '2.0', id: 1, method })
  const at = (method: string, headers: [string, string][]) => asked(method, 'https://mcp.example.com/mcp', { headers })
  for (const method of ['initialize', 'tools/list', 'notifications/initialized'])
    expect([method, await judge(tools, say(method))]).toMatchObject([
      method,
      { outcome: 'allow', mcp: true, use: { effect: 'allow' } },
    ])
  expect(await judge(tools, at('GET', [['accept', 'application/json, text/event-stream']]))).toMatchObject({ outcome: 'allow' })
  expect(await judge(tools, at('DELETE', [['mcp-session-id', 's']]))).toMatchObject({ outcome: 'allow' })
  for (const method of ['resources/read', 'tools/call2', ''])
    expect([method, await judge(tools, say(method))]).toMatchObject([method, { outcome: 'deny' }])
  expect(await judge(tools, at('GET', []))).toMatchObject({ reason: 'tool' })
  expect(await judge(tools, at('DELETE', []))).toMatchObject({ reason: 'tool' })
  const given = (...rules: ViewGrant['rules'][number][]) => view([connection('m', MCP, { grants: [grant(rules)] })])
  expect(await judge(given({ effect: 'deny', tools: ['a'] }), say('initialize'))).toMatchObject({ reason: 'tool' })
  // What else a rule says of the server still counts, and a rule that fits counts first.
  const elsewhere = given({ effect: 'allow', tools: ['a'], paths: ['/other'] })
  expect(await judge(elsewhere, say('initialize'))).toMatchObject({ reason: 'path' })
  expect(await judge(given({ effect: 'allow', tools: ['a'] }, { effect: 'deny' }), say('initialize'))).toMatchObject({
    reason: 'path',
  })
})

test('V99 §10.1 JSON-RPC: what is none is body_ambiguous, and what is too large to be read is not passed on', async () => {
  expect(await judge(tools, rpc({ jsonrpc: '2.0', id: {}, method: 'tools/call' }))).toMatchObject({
    reason: 'body_ambiguous',
    rpc: 'invalid',
  })
  const twice = '{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call","params":{"name":"refund"}}'
  const raw = asked('POST', 'https://mcp.example.com/mcp', { sent: twice })
  expect(await judge(tools, raw)).toMatchObject({ reason: 'body_ambiguous' })
  const large = asked('POST', 'https://mcp.example.com/mcp', { sent: JSON.stringify(call(1, 'x'.repeat(70_000))) })
  expect(await judge(tools, large)).toMatchObject({ reason: 'body_too_large_to_inspect' })
})

test('V95 V96 a host of nobody passes where policy permits it, or in a run that learns; what is forbidden does not', async () => {
  const passes = setsOf(`permit (principal is Agent, action == Action::"proxy.pass", resource) when { context.intercepted };
    forbid (principal, action == Action::"proxy.pass", resource) when { resource.name == "evil.example" };`)
  expect(await judge(of(ALL), asked('GET', 'https://docs.example/'), passes)).toMatchObject({ outcome: 'pass' })
  expect(await judge(of(ALL), asked('GET', 'https://evil.example/'), passes)).toMatchObject({ reason: 'policy_forbid' })
  const learning = view([], { mode: 'learn' })
  expect(await judge(learning, asked('GET', 'https://docs.example/'))).toMatchObject({ outcome: 'learn' })
  expect(await judge(learning, asked('GET', 'https://evil.example/'), passes)).toMatchObject({ reason: 'policy_forbid' })
  // Of a provider that nobody connected: learned, whatever passes, and never where a policy forbids it.
  const known = {
    ...learning,
    known: [definition('docs', [{ host: 'docs.example' }]), definition('evil', [{ host: 'evil.example' }])],
  }
  expect(await judge(known, asked('GET', 'https://docs.example/'))).toMatchObject({ outcome: 'learn' })
  expect(await judge(known, asked('GET', 'https://docs.example/'), passes)).toMatchObject({ outcome: 'learn' })
  expect(await judge(known, asked('GET', 'https://evil.example/'), passes)).toMatchObject({
    reason: 'policy_forbid',
    provider: 'evil',
  })
})

test('V17 a policy reads any fact that a provider of the tenant has, of its type; one of another type counts in rules alone', async () => {
  const facts = {
    currency: { in: 'body', pointer: '/currency', type: 'string' },
    in: { in: 'query', pointer: 'in', type: 'bool' },
  } as const
  const paying = definition('payer', [{ host: 'api.stripe.com' }], { facts })
  const given = view([connection('1', paying, { grants: [ALL] })])
  const sets = setsOf(`permit (principal is Agent, action == Action::"proxy.request", resource);
@id("dollars") forbid (principal, action == Action::"proxy.request", resource) when { context.facts has currency && context.facts.currency == "USD" };
@id("inward") forbid (principal, action == Action::"proxy.request", resource) when { context.facts has "in" && context.facts["in"] };`)
  const pay = (currency: unknown, query = '') =>
    asked('POST', `https://api.stripe.com/v1/pay${query}`, {
      headers: [['content-type', 'application/json']],
      sent: JSON.stringify({ currency }),
    })
  expect(await judge(given, pay('EUR'), sets)).toMatchObject({ outcome: 'allow' })
  expect(await judge(given, pay('USD'), sets)).toMatchObject({ outcome: 'deny', policy: { policy_ids: ['dollars'] } })
  expect(await judge(given, pay('EUR', '?in=true'), sets)).toMatchObject({ outcome: 'deny', policy: { policy_ids: ['inward'] } })
  expect(await judge(given, pay(7), sets)).toMatchObject({ outcome: 'deny' })
  // In force is a definition in which it is a number: what this older one reads is nothing to policies, and the request is judged all the same.
  expect(await judge({ ...given, facts: { currency: 'long' } }, pay('USD'), sets)).toMatchObject({ outcome: 'allow' })
})

test('V17 V120 a policy sees whether the run was opened by an agent that proved its key', async () => {
  const proven = setsOf(
    'permit (principal is Agent, action == Action::"proxy.request", resource) when { context.run.proof == "dpop" };',
  )
  const request = asked('GET', 'https://api.stripe.com/v1/x')
  const { run } = of(ALL)
  expect(await judge({ ...of(ALL), run: { ...run, proof: 'dpop' } }, request, proven)).toMatchObject({ outcome: 'allow' })
  expect(await judge({ ...of(ALL), run: { ...run, proof: 'bearer' } }, request, proven)).toMatchObject({ outcome: 'deny' })
})
