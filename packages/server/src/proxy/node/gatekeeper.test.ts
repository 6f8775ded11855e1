// The decision path of a node over a real database, as its own login, and the real channel to a gate. What the gate's verbs answer is this test's.
import { X509Certificate } from 'node:crypto'
import { Problem } from '@countersign/sdk'
import { expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'
import { mintKey, sha256Hex } from '../../crypto/token.ts'
import { makeCertificate } from '../../http/testing/certificate.ts'
import { systemClock } from '../../std/clock.ts'
import { newId } from '../../std/id.ts'
import { openLog } from '../../std/log.ts'
import type { Definition } from '../../vault/providers/definition.ts'
import { bodyDigest, requestDigest } from '../decide/digest.ts'
import { definition } from '../decide/testing/view.fixture.ts'
import { dialChannel, serveChannel } from '../gate/channel.ts'
import type { AskParams, AskResult, MaterialParams, OpenParams } from '../gate/wire.ts'
import type { Answer, AskedRequest, OpenRun, Send, Verdict } from '../gatekeeper.ts'
import { openNode } from './gatekeeper.ts'
import { putRows } from './testing/rows.ts'

const logged: string[] = []
const log = openLog({ level: 'info', sink: (line) => void logged.push(line) })
const STRIPE = definition('stripe', [{ host: 'api.stripe.com' }])
const LOOSE = `permit (principal is Agent, action == Action::"proxy.request", resource) when { context.grant.mode == "allow" };
@ask("May {agent} send {method}?")
permit (principal is Agent, action == Action::"proxy.request", resource) when { context.grant.mode == "ask" };`

async function opened(
  given: { rules?: object[]; definition?: Definition; ask?: (params: AskParams) => Promise<Partial<AskResult>> } = {},
) {
  const store = await database({ login: 'countersign_run_proxy', listen: false })
  const { admin } = store
  const rows = await putRows(admin)
  const secret = `sk-${crypto.randomUUID()}`
  await admin.run`update grants set rules = ${JSON.stringify(given.rules ?? [{ effect: 'allow' }])}::jsonb`
  await admin.run`insert into policies (version, tenant_id, text, origin, saved_by, saved_at)
    values (1, ${rows.tenantId}::uuid, ${LOOSE}::text, 'saved', 'test', countersign.now())`
  await admin.run`insert into policy_activations (ordinal, tenant_id, version, activated_by, activated_at)
    values (1, ${rows.tenantId}::uuid, 1, 'test', countersign.now())`
  const token = mintKey('live', 'prx')
  const calls: { verb: string; params: unknown }[] = []
  const [control, own] = await Promise.all([makeCertificate(), makeCertificate()])
  const said =
    <P>(verb: string, answer: (params: P) => unknown) =>
    async (params: unknown) => {
      calls.push({ verb, params })
      return answer(params as P)
    }
  const gate = await serveChannel({
    identity: { key: control.key, certificate: control.cert },
    admit: async () => ({
      open: said('open', ({ token_hash }: OpenParams) =>
        token_hash !== sha256Hex(token)
          ? null
          : {
              run: {
                id: rows.run,
                tenant: rows.tenant,
                agent_id: rows.agent,
                expires_at: new Date(systemClock.now().getTime() + 3_600_000),
              },
              authority: { id: rows.authority, certificate: control.cert, key: control.key },
              origin: 'https://x.example',
            },
      ),
      material: said('material', (_: MaterialParams) => ({ material: { api_key: secret }, generation: 1, lease_ms: 30_000 })),
      ask: said('ask', async (params: AskParams) => ({
        hold_id: 'hld_none',
        task_id: 'task_1',
        task_url: 'https://x.example/tasks/task_1',
        digest: 'd',
        expires_at: '2026-03-02T10:00:00.000Z',
        state: 'open',
        ...(await given.ask?.(params)),
      })),
    }),
    host: '127.0.0.1',
    port: 0,
    log,
  })
  onTestFinished(() => gate.close())
  const fingerprint = new X509Certificate(control.cert).fingerprint256.replaceAll(':', '').toLowerCase()
  const identity = { key: own.key, certificate: own.cert }
  const client = dialChannel({ identity, host: '127.0.0.1', port: gate.port, fingerprint, clock: systemClock, log })
  onTestFinished(() => client.close())
  await expect.poll(() => client.isOpen(), { timeout: 10_000, interval: 10 }).toBe(true)
  const bundled = new Map([['stripe', given.definition ?? STRIPE]])
  // Nothing is stale while a test runs: what it looks at, it looks at itself.
  const limits = { pollMs: 1e9, staleAfterMs: 1e9 }
  const node = openNode({ node: rows.node, db: store.db, gate: client, clock: systemClock, log, bundled, guardrails: '', limits })
  onTestFinished(() => node.close())
  const run = (await node.gatekeeper.open(token, '127.0.0.1')) as OpenRun
  const events = () =>
    admin.rows<{
      type: string
      data: Record<string, unknown>
    }>`select type, body::jsonb -> 'data' as data from events order by ord`
  return { admin, rows, node, run, token, secret, calls, events }
}

const asked = (method = 'GET', more: Partial<AskedRequest> = {}): AskedRequest => ({
  id: newId('req'),
  scheme: 'https',
  host: 'api.stripe.com',
  port: 443,
  method,
  path: '/v1/refunds',
  query: 'secret=value',
  headers: [],
  protocol: 'http/1.1',
  clientAddress: '127.0.0.1',
  body: async () => Buffer.from('{"amount":4}'),
  signal: new AbortController().signal,
  ...more,
})
const problemOf = (verdict: Verdict) => JSON.parse((verdict as Answer).body.toString()) as { code: string; reason?: string }
const SETTLED = {
  status: 200,
  fault: null,
  bytesUp: 1,
  bytesDown: 2,
  upstreamMs: 1,
  ttfbMs: 1,
  totalMs: 3.4,
  redactions: 0,
  replaced: false,
  retried: false,
  address: '127.0.0.1',
  protocolUpstream: 'h2' as const,
}

test('V84 a token opens its run; another, and what is no run token, opens none, and the gate is asked of none that cannot be one', async () => {
  const { node, run, rows, token, calls } = await opened()
  expect(run).toMatchObject({ id: rows.run, tenant: rows.tenant, agentId: rows.agent })
  expect(await node.gatekeeper.open(token, '127.0.0.1')).toBe(run)
  expect(await node.gatekeeper.open(mintKey('live', 'prx'), '127.0.0.1')).toBeNull()
  for (const text of ['', 'x', mintKey('live', 'agt'), `${token}x`, token.replace(/.$/, (last) => (last === 'a' ? 'b' : 'a'))])
    expect(await node.gatekeeper.open(text, '127.0.0.1')).toBeNull()
  expect(calls.filter(({ verb }) => verb === 'open')).toHaveLength(2)
  expect(JSON.stringify(calls)).not.toContain(token)
})

test('V122 each request is one line of the log, with what decided, how it ended, and no value of a query', async () => {
  const { node, run, rows, secret } = await opened()
  const line = (id: string) =>
    logged.map((text) => JSON.parse(text)).find((one) => one.message === 'proxy' && one.request_id === id) as Record<
      string,
      unknown
    >
  for (const leased of [false, true]) {
    const request = asked()
    await node.gatekeeper.judge(run, request)
    expect(line(request.id)).toBeUndefined()
    node.gatekeeper.settled(request.id, SETTLED)
    expect(line(request.id)).toMatchObject({
      ...{ level: 'info', tenant_id: rows.tenant, agent_id: rows.agent, run_id: rows.run, connection_id: rows.connection },
      ...{ grant_id: rows.grant, outcome: 'allow', reason: null, policy_version: 1, host: 'api.stripe.com', method: 'GET' },
      ...{
        path: '/v1/refunds',
        status: SETTLED.status,
        bytes_up: SETTLED.bytesUp,
        proto_client: 'http/1.1',
        leased,
        cached: leased,
      },
    })
  }
  const refused = asked('GET', { host: 'nobody.example.com' })
  await node.gatekeeper.judge(run, refused)
  node.gatekeeper.settled(refused.id, { ...SETTLED, status: 403 })
  expect(line(refused.id)).toMatchObject({ outcome: 'deny', reason: 'no_grant', connection_id: null, status: 403 })
  expect(Object.keys(line(refused.id)).sort()).toEqual(
    'address agent_id bytes_down bytes_up cached connection_id grant_id host leased level message method outcome path policy_version port proto_client proto_upstream reason redactions replaced request_id retried run_id scheme status task_id tenant_id time total_ms ttfb_ms upstream_ms'.split(
      ' ',
    ),
  )
  expect(logged.join('')).not.toContain(secret)
  expect(logged.join('')).not.toMatch(/secret=value/)
})

test('V91 V120 what is allowed gets its injection once its event is on the way, and is settled by a second one', async () => {
  const { node, run, rows, secret, events } = await opened()
  const request = asked()
  const verdict = (await node.gatekeeper.judge(run, request)) as Send
  expect(verdict).toMatchObject({
    kind: 'send',
    connectionId: rows.connection,
    grantId: rows.grant,
    placeholder: `csph_${rows.connection}`,
  })
  expect(verdict.injections.map(({ value }) => value.reveal())).toEqual([`Bearer ${secret}`])
  expect(verdict.mask.map((one) => one.reveal())).toEqual([secret])
  node.gatekeeper.settled(request.id, SETTLED)
  await expect.poll(async () => (await events()).map(({ type }) => type)).toEqual(['proxy.allowed', 'proxy.settled'])
  const [allowed] = await events()
  expect(allowed?.data).toMatchObject({
    run_id: rows.run,
    grant_id: rows.grant,
    host: 'api.stripe.com',
    method: 'GET',
    path: '/v1/refunds',
  })
  expect(JSON.stringify(await events())).not.toMatch(/secret=value|amount/)
  expect(JSON.stringify(await events())).not.toContain(secret)
})

test('V24 a second request of the same run is served from the lease; after a change of the connection it is not', async () => {
  const { node, run, rows, calls, admin } = await opened()
  await node.gatekeeper.judge(run, asked())
  await node.gatekeeper.judge(run, asked())
  const materials = () => calls.filter(({ verb }) => verb === 'material').length
  expect(materials()).toBe(1)
  await admin.run`update connections set generation = 2 where id = ${rows.connection}::text`
  await node.look()
  await node.gatekeeper.judge(run, asked())
  expect(materials()).toBe(2)
})

test('V97 a refusal is one event and a problem with its reason; nothing is asked of the gate', async () => {
  const { node, run, calls, events } = await opened({ rules: [{ effect: 'allow', methods: ['GET'] }] })
  const verdict = await node.gatekeeper.judge(run, asked('DELETE'))
  expect(verdict).toMatchObject({ kind: 'answer', status: 403, headers: { 'countersign-outcome': 'deny' } })
  expect(problemOf(verdict)).toMatchObject({ code: 'proxy_denied', reason: 'method', run_id: run.id })
  await expect
    .poll(async () => (await events()).map(({ type, data }) => [type, data.reason]))
    .toEqual([['proxy.denied', 'method']])
  const grpc = await node.gatekeeper.judge(run, asked('DELETE', { headers: [['content-type', 'application/grpc']] }))
  expect(grpc).toMatchObject({ grpcStatus: 7 })
  expect(calls.map(({ verb }) => verb)).toEqual(['open'])
})

test('V12 a grant of five uses lets five of nine at once out', async () => {
  const { node, run } = await opened()
  const all = await Promise.all(Array.from({ length: 9 }, () => node.gatekeeper.judge(run, asked())))
  expect(all.filter((one) => one.kind === 'send')).toHaveLength(5)
  expect(problemOf(all.find((one) => one.kind === 'answer') as Verdict)).toMatchObject({ reason: 'grant_expired' })
})

test('V113 a run that has ended, and a revoked grant, let nothing out with the next look', async () => {
  const { node, run, admin } = await opened()
  expect(await node.gatekeeper.judge(run, asked())).toMatchObject({ kind: 'send' })
  await admin.run`update grants set status = 'revoked', status_since = countersign.now()`
  await node.look()
  expect(problemOf(await node.gatekeeper.judge(run, asked()))).toMatchObject({ reason: 'connection_missing' })
  await admin.run`update runs set ended_at = countersign.now()`
  await node.look()
  expect(problemOf(await node.gatekeeper.judge(run, asked()))).toMatchObject({ reason: 'run_ended' })
})

const ASKS = [{ effect: 'ask' }]

test('V100 V104 what policy asks for is asked with its digest; nobody answered in time is 428, a no is a no', async () => {
  let state: AskResult['state'] = 'open'
  const { node, run, calls, rows } = await opened({ rules: ASKS, ask: async () => ({ state, comment: 'not today' }) })
  const post = () => asked('POST', { headers: [['countersign-wait', '0']] })
  const pending = await node.gatekeeper.judge(run, post())
  expect(pending).toMatchObject({
    status: 428,
    headers: { 'countersign-outcome': 'ask', 'countersign-task': 'task_1', 'retry-after': '5' },
  })
  expect(problemOf(pending)).toMatchObject({ code: 'approval_pending', task_id: 'task_1', digest: 'd' })
  const { params } = calls.find(({ verb }) => verb === 'ask') as { params: AskParams }
  expect(params).toMatchObject({
    run_id: rows.run,
    wait_ms: 0,
    seen: { client_address: '127.0.0.1', carries_placeholder: false },
    request: { method: 'POST', path: '/v1/refunds', body_bytes: 12, tenant_id: rows.tenant },
  })
  expect(Buffer.from(params.body, 'base64').toString()).toBe('{"amount":4}')
  state = 'refused'
  expect(problemOf(await node.gatekeeper.judge(run, post()))).toMatchObject({ code: 'human_denied', comment: 'not today' })
  state = 'expired'
  expect(problemOf(await node.gatekeeper.judge(run, post()))).toMatchObject({ code: 'approval_expired' })
  const large = await node.gatekeeper.judge(run, asked('POST', { body: async () => 'too_large' }))
  expect(large).toMatchObject({ status: 413 })
})

test('V105 V106 of four sockets with one approval one sends, and the hold says that it was sent', async () => {
  const hold = newId('hld')
  const { node, run, rows, admin } = await opened({
    rules: ASKS,
    // Whoever was not first asks once more, without waiting, and hears what became of it.
    ask: async ({ wait_ms }) => ({ state: wait_ms === 0 ? 'spent' : 'agreed', hold_id: hold }),
  })
  await admin.query('alter table proxy_holds drop constraint proxy_holds_tenant_id_task_id_fkey')
  const put = (digest: Buffer) =>
    admin.query(
      `insert into proxy_holds (id, tenant_id, task_id, digest, agent_id, run_id, connection_id, grant_id, grant_generation, policy_version,
        state, state_since, opened_at, expires_at, lapses_at)
      values ($1, $2, 'task_1', $3, $4, $5, $6, $7, 1, 1, 'agreed', now(), now(), countersign.now() + interval '1 hour', countersign.now() + interval '10 minutes')`,
      [hold, rows.tenantId, digest, rows.agent, rows.run, rows.connection, rows.grant],
    )
  const digest = requestDigest({
    tenant_id: rows.tenant,
    agent_id: rows.agent,
    run_id: rows.run,
    connection_id: rows.connection,
    scheme: 'https',
    host: 'api.stripe.com',
    port: 443,
    method: 'POST',
    path: '/v1/refunds',
    query: 'secret=value',
    bound_headers: {},
    body_bytes: 12,
    body_sha256: bodyDigest(Buffer.from('{"amount":4}')),
  })
  await put(digest)
  const requests = Array.from({ length: 4 }, () => asked('POST'))
  const all = await Promise.all(requests.map((request) => node.gatekeeper.judge(run, request)))
  const sent = all.findIndex((one) => one.kind === 'send')
  expect(all.filter((one) => one.kind === 'send')).toHaveLength(1)
  expect(all.flatMap((one) => (one.kind === 'answer' ? [problemOf(one).code] : []))).toEqual([
    'hold_spent',
    'hold_spent',
    'hold_spent',
  ])
  node.gatekeeper.settled((requests[sent] as AskedRequest).id, SETTLED)
  await expect
    .poll(() => admin.rows`select state, spent_request from proxy_holds`)
    .toEqual([{ state: 'sent', spent_request: (requests[sent] as AskedRequest).id }])
  const other = await node.gatekeeper.judge(run, asked('POST', { body: async () => Buffer.from('{"amount":5}') }))
  expect(problemOf(other)).toMatchObject({ code: 'hold_spent' })
})

test('V48 after a 401 the same request goes once more with new material, where it may', async () => {
  const { node, run, calls } = await opened()
  const verdict = (await node.gatekeeper.judge(run, asked())) as Send
  expect(await verdict.again?.(500)).toBeNull()
  expect(await verdict.again?.(401)).toMatchObject({ kind: 'send', again: null })
  expect(calls.filter(({ verb }) => verb === 'material').map(({ params }) => (params as MaterialParams).refresh)).toEqual([
    undefined,
    { generation: 1 },
  ])
  expect(((await node.gatekeeper.judge(run, asked('POST'))) as Send).again).toBeNull()
  const keyed = asked('POST', { headers: [['idempotency-key', 'k']] })
  expect(((await node.gatekeeper.judge(run, keyed)) as Send).again).not.toBeNull()
})

test('V57 a value that may not stand in its place sends nothing', async () => {
  const broken = { ...STRIPE, inject: [{ where: 'header' as const, name: 'x-key', template: '{{api_key}}\n' }] }
  const { node, run, events } = await opened({ definition: broken })
  const request = asked()
  expect(problemOf(await node.gatekeeper.judge(run, request))).toMatchObject({ reason: 'injection_invalid' })
  node.gatekeeper.settled(request.id, { ...SETTLED, status: 403, address: null, protocolUpstream: null })
  // It was judged once; what came of it is its outcome.
  await expect
    .poll(async () => (await events()).map(({ type, data }) => [type, data.fault ?? null]))
    .toEqual([
      ['proxy.allowed', null],
      ['proxy.settled', 'injection_invalid'],
    ])
})

test('V95 V120 a CONNECT to a host of nobody is intercepted unless policy lets its bytes pass', async () => {
  const { node, run, admin, rows, events } = await opened()
  const at = (host: string, id = newId('req')) =>
    node.gatekeeper.connect(run, { scheme: 'https', host, port: 443 }, { id, clientAddress: '127.0.0.1' })
  expect(await at('docs.example')).toBe('intercept')
  await admin.run`insert into policies (version, tenant_id, text, origin, saved_by, saved_at) values (2, ${rows.tenantId}::uuid,
    'permit (principal is Agent, action == Action::"proxy.pass", resource) when { !context.intercepted };', 'saved', 'test', countersign.now())`
  await admin.run`insert into policy_activations (ordinal, tenant_id, version, activated_by, activated_at)
    values (2, ${rows.tenantId}::uuid, 2, 'test', countersign.now())`
  await node.look()
  const id = newId('req')
  expect(await at('docs.example', id)).toBe('tunnel')
  expect(await at('api.stripe.com')).toBe('intercept')
  // On the record once, and only bytes with its end.
  node.gatekeeper.tunnelled(id, { up: 10, down: 20, totalMs: 5, fault: null })
  await expect
    .poll(async () => (await events()).map(({ type, data }) => [type, data.method ?? data.bytes_down, data.host ?? null]))
    .toEqual([
      ['proxy.passed', 'CONNECT', 'docs.example'],
      ['proxy.settled', 20, null],
    ])
})

test('V82 a gate that says the vault is sealed is heard by the agent, and the use is settled by nobody', async () => {
  const problem = new Problem('vault_sealed', { retry_after: 5 })
  const { node, run } = await opened({ rules: ASKS, ask: async () => Promise.reject(problem) })
  await expect(node.gatekeeper.judge(run, asked('POST'))).resolves.toMatchObject({ kind: 'answer', status: 503 })
})
