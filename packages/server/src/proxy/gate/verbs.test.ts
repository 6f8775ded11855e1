// The gate of a running server, as an enrolled node calls it over its pinned line: what it is told of runs, material and grants, and what it is refused.
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { Problem } from '@countersign/sdk'
import { expect, test, vi } from 'vitest'
import { randomToken, sha256Hex } from '../../crypto/token.ts'
import { newId } from '../../std/id.ts'
import { giveProvider, oauthProvider, reaching } from '../../vault/authorizations/testing/provider.ts'
import { openVendor } from '../../vault/authorizations/testing/vendor.ts'
import { type Line, openWayOut, type Run, type WayOut } from '../testing/way-out.ts'
import { MOST_CALLS_A_MINUTE } from './verbs.ts'
import type { MaterialResult, OpenResult } from './wire.ts'

// Each of these starts a server and its gate.
vi.setConfig({ testTimeout: 120_000 })

const openRun = ({ client }: Line, token: string) =>
  client.call('open', { token_hash: sha256Hex(token), client_address: '127.0.0.1' }) as Promise<OpenResult>
/** The code with which the gate refuses; null: it does not. */
const refusalOf = async (call: Promise<unknown>) => {
  try {
    await call
    return null
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return error.members.reason ?? error.code
  }
}
const alarms = ({ house }: WayOut) => house.logs.filter((line) => line.includes('"alarm":"gate"')).length

type Scene = WayOut & {
  line: Line
  going: Run
  connectionId: string
  grantId: string
  lease(more?: object): Promise<MaterialResult>
}

async function opened(
  own: Parameters<WayOut['connect']>[0] = {},
  settings: Record<string, string> = {},
  grantMore: object = {},
): Promise<Scene> {
  const way = await openWayOut(settings)
  const { house } = way
  const { id: connectionId } = await way.connect(own)
  const grant = await house.alice.post('/api/v1/grants', {
    ...{ agent_id: house.agent.id, connection_id: connectionId, rules: [{ effect: 'allow' }], ...grantMore },
  })
  expect(grant.status).toBe(201)
  const [line, going] = [await way.dial(), await way.run()]
  await openRun(line, going.token)
  const lease = (more: object = {}) =>
    line.client.call('material', {
      ...{ run_id: going.id, connection_id: connectionId, grant_id: grant.body.id },
      ...more,
    }) as Promise<MaterialResult>
  return { ...way, line, going, connectionId, grantId: grant.body.id, lease }
}

test('V81 V118 a node that shows the hash of a run’s token is told the run and the key of its authority; every other hash opens nothing', async () => {
  const { house, line, going } = await opened()
  const found = (await openRun(line, going.token)) as NonNullable<OpenResult>
  expect(found).toMatchObject({ run: { id: going.id, agent_id: house.agent.id }, origin: house.url })
  expect(found.authority.certificate).toBe(going.ca)
  const certificate = new X509Certificate(found.authority.certificate)
  expect(certificate.checkPrivateKey(createPrivateKey({ key: found.authority.key, format: 'pem', type: 'pkcs8' }))).toBe(true)
  expect(await openRun(line, `${going.token}x`)).toBeNull()
  expect((await house.agent.post(`/api/v1/runs/${going.id}/end`, {})).status).toBe(200)
  expect(await openRun(line, going.token)).toBeNull()
})

test('V81 a node names only runs that it opened: by whichever replica, and after every reconnect; others are an alarm', async () => {
  const way = await opened()
  const { house, line, going, connectionId, grantId } = way
  const params = { run_id: going.id, connection_id: connectionId, grant_id: grantId }
  const second = await house.second({ settings: { GATE_LISTEN: '127.0.0.1:0' } })
  const again = await way.dial(second, line)
  expect(((await again.client.call('material', params)) as MaterialResult).generation).toBe(1)
  const before = alarms(way)
  const stranger = await way.dial()
  expect(await refusalOf(stranger.client.call('material', params))).toBe('forbidden')
  expect(await refusalOf(line.client.call('material', { ...params, run_id: newId('run') }))).toBe('forbidden')
  expect(alarms(way) - before).toBe(2)
  expect(await house.admin.rows`select node_id, opens::int, materials::int from proxy_openings`).toEqual([
    { node_id: line.id, opens: 1, materials: 1 },
  ])
})

test('V81 what no node sends is refused whole, and is an alarm', async () => {
  const way = await opened()
  const { line, going } = way
  const before = alarms(way)
  const sent: [string, unknown][] = [
    ['open', { token_hash: going.token, client_address: '127.0.0.1' }],
    ['material', { run_id: going.id, connection_id: 'conn_1', grant_id: 'grt_1' }],
    ['ask', { run_id: going.id }],
    ['ask', null],
  ]
  for (const [verb, params] of sent)
    expect([verb, await refusalOf(line.client.call(verb, params))]).toEqual([verb, 'request_invalid'])
  expect(alarms(way) - before).toBe(sent.length)
})

test('V81 more calls in a minute than any node makes are refused until it is over', async () => {
  const way = await opened()
  const { house, lease } = way
  await house.admin.run`update proxy_openings set minute_calls = ${MOST_CALLS_A_MINUTE}::integer, minute_at = countersign.now()`
  expect(await refusalOf(lease())).toBe('rate_limited')
  expect(alarms(way)).toBe(1)
  await house.clock.advance('61s')
  expect(await refusalOf(lease())).toBeNull()
})

test('V24 a lease holds the fields that are injected and no other, for thirty seconds at most', async () => {
  const value = 'a-key-of-this-test'
  const { lease } = await opened({ material: { api_key: value, refresh_token: 'r', client_secret: 's', extra: { kept: true } } })
  expect(await lease()).toEqual({ material: { api_key: value }, generation: 1, lease_ms: 30_000 })
})

test('V24 a lease ends a minute before the credential, and with its grant; what ends sooner is handed out for one request', async () => {
  const { lease, house } = await opened()
  await house.admin.run`update connections set expires_at = countersign.now() + interval '89 seconds'`
  const { lease_ms } = await lease()
  expect(lease_ms).toBeGreaterThan(0)
  expect(lease_ms).toBeLessThanOrEqual(29_000)
  await house.clock.advance('30s')
  expect((await lease()).lease_ms).toBe(0)
})

test('V24 the end of a grant ends its leases', async () => {
  const { lease, house, grantId } = await opened()
  await house.admin.run`update grants set expires_at = countersign.now() + interval '10 seconds' where id = ${grantId}::text`
  const { lease_ms } = await lease()
  expect(lease_ms).toBeLessThanOrEqual(10_000)
})

test('V24 VAULT_LEASE_SECONDS=0 turns reuse off', async () => {
  const { lease } = await opened({}, { VAULT_LEASE_SECONDS: '0' })
  expect((await lease()).lease_ms).toBe(0)
})

test('V49 V97 what may not be used is refused with its reason, and the owner’s way to sign in again', async () => {
  const way = await opened()
  const { house, line, lease, connectionId, grantId } = way
  const set = (table: 'connections' | 'grants', status: string) =>
    house.admin.query(`update ${table} set status = $1, status_since = countersign.now()`, [status])
  await set('connections', 'needs_reauth')
  const refused = (await lease().catch((error: unknown) => error)) as Problem
  expect(refused.members).toMatchObject({
    reason: 'needs_reauth',
    connection: connectionId,
    connect_url: `${house.url}/connections/${connectionId}`,
  })
  await set('connections', 'suspended')
  expect(await refusalOf(lease())).toBe('suspended')
  await set('connections', 'revoked')
  expect(await refusalOf(lease())).toBe('connection_missing')
  await set('connections', 'connected')
  for (const [status, reason] of [
    ['suspended', 'suspended'],
    ['expired', 'grant_expired'],
    ['revoked', 'no_grant'],
  ] as const) {
    await set('grants', status)
    expect([status, await refusalOf(lease())]).toEqual([status, reason])
  }
  await set('grants', 'active')
  expect(await refusalOf(lease())).toBeNull()
  // A grant of another agent, and one on another connection, are none.
  const other = await house.given.agent({ name: 'other-bot' })
  const second = await way.connect({ name: 'second' })
  const [foreign, elsewhere] = await Promise.all([
    house.alice.post('/api/v1/grants', { agent_id: other.id, connection_id: connectionId, rules: [{ effect: 'allow' }] }),
    house.alice.post('/api/v1/grants', { agent_id: house.agent.id, connection_id: second.id, rules: [{ effect: 'allow' }] }),
  ])
  expect(await refusalOf(lease({ grant_id: foreign.body.id }))).toBe('no_grant')
  expect(await refusalOf(lease({ grant_id: elsewhere.body.id }))).toBe('no_grant')
  expect(grantId).not.toBe(foreign.body.id)
  expect(line.client.isOpen()).toBe(true)
})

test('V38 V49 a provider that wants another scope has its owner sign in again, and the agent is told where', async () => {
  const vendor = await openVendor()
  const way = await openWayOut(reaching(vendor).settings)
  const { house, upstream } = way
  await giveProvider(house, { ...oauthProvider(vendor), hosts: [{ host: 'api.example.com' }] })
  const material = { access_token: randomToken(), refresh_token: randomToken() }
  const connection = await way.connect({ provider: 'acme', method: 'code', params: {}, material, scopes: ['read'] })
  const rules = [{ effect: 'allow' }]
  await house.alice.post('/api/v1/grants', { agent_id: house.agent.id, connection_id: connection.id, rules })
  const [through, going] = [await way.node(), await way.run()]
  const challenge = 'Bearer error="insufficient_scope", scope="read admin"'
  upstream.answer = async () => ({ status: 403, headers: { 'www-authenticate': challenge } })
  const get = () => way.send(through, going, { method: 'GET', path: '/v1/refunds' }).answer
  expect((await get()).status).toBe(403)
  const path = `/api/v1/connections/${connection.id}`
  await expect
    .poll(async () => (await house.alice.get(path)).body, { timeout: 20_000, interval: 50 })
    .toMatchObject({ status: 'needs_reauth', status_cause: 'insufficient_scope' })
  await through.node.look()
  expect((await get()).json).toMatchObject({
    ...{ code: 'proxy_denied', reason: 'needs_reauth' },
    connect_url: `${house.url}/connections/${connection.id}`,
  })
  expect(way.reached).toHaveLength(1)
})
