// Who of one side acts is not told to the other (relay.md R36): to the owner its callers are agents or relay grants, to callers the owner is an agent. Over every event of a long story
// between two tenants, and over everything that either side reads, is streamed, exports or is told at an address.
import { expect, test } from 'vitest'
import type { Client, Person } from '#harness'
import { raw } from '../../packages/server/src/relay/a2a/testing/agent.ts'
import { leastCard } from '../../packages/server/src/relay/cards/testing/cards.ts'
import { exported } from '../../packages/server/src/relay/testing/leaving.ts'
import { type Loose, openRelay, type RelayTest } from '../../packages/server/src/relay/testing/relay.ts'
import { tenantWire } from '../../packages/server/src/std/id.ts'
import { openReceiver, type Receiver } from '../../packages/server/src/webhooks/testing/receiver.ts'

const ASKS = `@id("asks") @ask("May they?") permit (principal is Agent, action in [Action::"thread.start", Action::"thread.respond", Action::"connection_request.create"], resource) when { context has direction };
@id("rest") permit (principal, action, resource) unless { context has direction && principal is Agent };`
const LEAVES = `@id("leaves") @ask("May {agent} write?") permit (principal is Agent, action == Action::"thread.start", resource) when { context.direction == "out" };
@id("rest") permit (principal is Agent, action, resource) unless { action == Action::"thread.start" };
@id("people") permit (principal is User, action, resource);`
const ALL = '@id("all") permit (principal, action, resource);'

async function activate(owner: Pick<Person, 'post'>, text: string): Promise<void> {
  const saved = await owner.post('/api/v1/policies', { text })
  expect([saved.status, saved.body.errors]).toEqual([201, []])
  expect((await owner.post(`/api/v1/policies/${saved.body.version}/activate`, {})).status).toBe(200)
}
const ok = async (answer: Promise<{ status: number; body: Loose }>): Promise<Loose> => {
  const { status, body } = await answer
  expect(status, JSON.stringify(body)).toBeLessThan(300)
  return body
}

/** People of both sides do by their sessions and by thread tokens whatever they may. Answers the threads and relay grants that came of it. */
async function story(relay: RelayTest, there: Receiver) {
  const { house, bea, caller, server, grant } = relay
  const { alice, bob } = house
  const token = async (who: Pick<Client, 'post'>, id: string) =>
    relay.bearer((await ok(who.post(`/api/v1/threads/${id}/access-tokens`, {}))).thread_access_token)
  const threads: string[] = []
  const grants: string[] = [grant.id]
  const endpoint = { url: `${there.origin}/told`, events: '*', verify: false }
  for (const who of [alice, bea]) await ok(who.post('/api/v1/endpoints', endpoint))

  // a thread that both sides' people read, renew, answer and close
  const first = await ok(relay.start({ text: 'hello', callback: { url: `${there.origin}/callback`, generate_secret: true } }))
  threads.push(first.thread_id)
  const [owners, callers] = [await token(alice, first.thread_id), await token(bea, first.thread_id)]
  for (const one of [owners, callers]) {
    await token(one, first.thread_id)
    await ok(one.get(`/api/v1/threads/${first.thread_id}/messages`))
  }
  await relay.claim()
  await ok(owners.post(`/api/v1/threads/${first.thread_id}/responses`, { outcome: 'progress', text: 'soon' }))
  await ok(owners.post(`/api/v1/threads/${first.thread_id}/responses`, { outcome: 'ask', text: 'which?' }))
  await ok(callers.post(`/api/v1/threads/${first.thread_id}/close`, {}))
  const config = { taskId: first.thread_id, id: 'mine', url: `${there.origin}/config` }
  const of = { house, slug: relay.card.slug, grant }
  const live = await ok(relay.start({ text: 'again' }))
  threads.push(live.thread_id)
  await raw(of, 'JSONRPC', { method: 'CreateTaskPushNotificationConfig', params: { ...config, taskId: live.thread_id } })
  await ok((await token(alice, live.thread_id)).post(`/api/v1/threads/${live.thread_id}/close`, {}))

  // a person's own key, on either side
  const keys: Client[] = []
  for (const who of [alice, bea]) {
    const made = await ok(
      who.post('/api/v1/keys', { kind: 'usr', scopes: ['threads:*', 'relay_grants:*', 'connection_requests:*'] }),
    )
    keys.push(relay.bearer(made.secret) as Client)
  }
  const [aliceKey, beaKey] = keys as [Client, Client]
  const third = await ok(relay.start({ text: 'third' }))
  threads.push(third.thread_id)
  await ok(beaKey.get(`/api/v1/threads/${third.thread_id}/messages`))
  await beaKey.post(`/api/v1/threads/${third.thread_id}/messages`, { text: 'from a person' })
  await aliceKey.post(`/api/v1/threads/${third.thread_id}/responses`, { text: 'from a person' })
  await ok(beaKey.post(`/api/v1/threads/${third.thread_id}/close`, {}))

  // what people of either side are asked about
  await activate(bea, LEAVES)
  const held = await ok(caller.post(`/api/v1/agents/${relay.card.slug}/threads`, { text: 'may I?' }))
  threads.push(held.thread_id)
  await ok(bea.post(`/api/v1/tasks/${held.approval.task_id}/decide`, { type: 'accept', seen_revision: 1 }))
  await activate(bea, ALL)
  await activate(bob, ASKS)
  const asked = await ok(relay.start({ text: 'let me in' }))
  threads.push(asked.thread_id)
  await ok(bob.post(`/api/v1/tasks/${asked.approval.task_id}/decide`, { type: 'accept', seen_revision: 1 }))
  const waits = await ok(server.post(`/api/v1/threads/${asked.thread_id}/responses`, { text: 'answer' }))
  await ok(bob.post(`/api/v1/tasks/${waits.approval.task_id}/decide`, { type: 'accept', seen_revision: 1 }))
  const other = await ok(relay.start({ text: 'no' }))
  threads.push(other.thread_id)
  await ok(bob.post(`/api/v1/tasks/${other.approval.task_id}/decide`, { type: 'deny', seen_revision: 1 }))

  // connection requests by a person: one withdrawn, one denied, one agreed to, collected, rotated and revoked by either
  const ids: string[] = []
  for (const verdict of ['withdraw', 'deny', 'approve'] as const) {
    const card = await ok(alice.post('/api/v1/cards', leastCard(`ada-${verdict}`)))
    const path = `/api/v1/agents/${card.slug}/connection-requests`
    const request = await ok(bea.post(path, { purpose: 'to test', from_agent_id: caller.id }))
    ids.push(request.id)
    const at = `/api/v1/connection-requests/${request.id}`
    await ok((verdict === 'withdraw' ? bea : bob).post(`${at}/${verdict}`, verdict === 'approve' ? { issue: 'on_collect' } : {}))
    if (verdict !== 'approve') continue
    const { relay_grant_id: id } = await ok(bea.post(`${at}/collect`, {}))
    grants.push(id)
    for (const who of [bea, alice]) await ok(who.post(`/api/v1/relay-grants/${id}/rotate`, { force: true }))
    const rotated = await ok(bea.post(`/api/v1/relay-grants/${id}/rotate`, { force: true }))
    await ok(bea.post('/api/v1/relay-tokens/revoke', { token: rotated.relay_token }))
    await ok(bea.post(`/api/v1/relay-grants/${id}/revoke`, {}))
  }
  await activate(bob, ALL)
  const last = await ok(relay.start({ text: 'open until the end' }))
  threads.push(last.thread_id)
  await ok(alice.post(`/api/v1/relay-grants/${grant.id}/revoke`, {}))
  for (const wait of ['0s', '10s', '6m']) {
    await house.clock.advance(wait)
    await house.runJobs()
  }
  return { threads, grants, ids }
}

/** Names of people, keys and sessions of a tenant: those of its agents are no secret to whom they talk. */
async function namesOf({ house }: RelayTest, tenantId: string): Promise<string[]> {
  const rows = await house.admin.rows<{ id: string }>`
    select r.user_id as id from roles r where r.tenant_id = ${tenantId}::uuid union select k.id from keys k where k.tenant_id = ${tenantId}::uuid
    union select s.id from sessions s where s.user_id in (select r.user_id from roles r where r.tenant_id = ${tenantId}::uuid)`
  expect(rows.length).toBeGreaterThan(2)
  return rows.map(({ id }) => id)
}

test('R36 neither side is told who of the other’s people acts: not in events, lists, streams, exports, deliveries or either face', {
  timeout: 360_000,
}, async () => {
  const there = await openReceiver()
  const relay = await openRelay({ settings: { EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${there.port}` } })
  const { house, bea, caller, server, callerTenant } = relay
  const { threads, grants, ids } = await story(relay, there)
  const sides = [
    { of: house.alice, agent: server, tenant: house.tenantId, others: await namesOf(relay, callerTenant) },
    { of: bea, agent: caller, tenant: callerTenant, others: await namesOf(relay, house.tenantId) },
  ]
  const found: string[] = []
  const types = new Map<string, Set<string>>()
  for (const { of, agent, tenant, others } of sides) {
    const look = (place: string, text: string) => {
      for (const name of others)
        if (text.includes(name))
          found.push(
            `${name} in ${place} of ${of.id}: ${text.slice(Math.max(0, text.indexOf(name) - 300), text.indexOf(name) + 60)}`,
          )
    }
    for (const { type, body } of await house.admin.rows<{ type: string; body: string }>`
      select type, body from events where tenant_id = ${tenant}::uuid order by ord`) {
      look(type, body)
      types.set(type, (types.get(type) ?? new Set()).add(tenant))
    }
    const paths = [
      'relay-grants',
      'connection-requests',
      'contacts',
      'threads',
      'threads?side=caller',
      'deliveries',
      'tasks',
      'endpoints',
    ]
    for (const path of [...paths, ...grants.map((id) => `relay-grants/${id}`), ...ids.map((id) => `connection-requests/${id}`)])
      look(`GET ${path}`, JSON.stringify((await of.get(`/api/v1/${path}`)).body))
    for (const id of threads) {
      for (const path of ['', '/messages', '/events?limit=200', '/artifacts', '/endpoints', '/deliveries'])
        look(`GET thread${path}`, JSON.stringify((await agent.get(`/api/v1/threads/${id}${path}`)).body))
      const stream = await agent.raw(`/api/v1/threads/${id}/events`, { headers: { accept: 'text/event-stream' } })
      look('a stream', await stream.text())
    }
    for (const id of grants) look('an export', await exported(house, of, { subject: 'relay_grant', id }))
  }
  // What was sent says in its address whose it was: the callback and the config of the caller, and each tenant’s own.
  const [owner, callers] = sides as [(typeof sides)[0], (typeof sides)[0]]
  for (const { path, body, headers } of there.got) {
    const isOwners = path === '/told' && JSON.parse(body).tenant_id === tenantWire(house.tenantId)
    for (const name of (isOwners ? owner : callers).others)
      if (`${body}${JSON.stringify(headers)}`.includes(name)) found.push(`${name} sent to ${path}`)
  }
  expect([...new Set(found)]).toEqual([])
  expect(there.got.length).toBeGreaterThan(10)
  // The story is long enough to have told of what it is about.
  for (const type of [
    'thread_token.minted',
    'thread.closed',
    'thread.revoked',
    'message.accepted',
    'relay_grant.rotated',
    'relay_grant.revoked',
  ])
    expect([type, types.get(type)?.size]).toEqual([type, 2])
  for (const type of ['connection_request.created', 'connection_request.withdrawn', 'connection_request.denied', 'thread.viewed'])
    expect([type, types.get(type)?.size]).toEqual([type, 2])
  // And nothing of a caller's people lies in rows of the owner but who minted a token and for whom a message was sent.
  const hits = await rowsWith(relay, house.tenantId, owner.others)
  expect(hits.filter((one) => !['thread_tokens.minted_by', 'messages.created_by'].includes(one))).toEqual([])
  expect(await rowsWith(relay, callerTenant, callers.others)).toEqual([])
})

/** Columns of a tenant's rows in which one of these names stands. */
async function rowsWith({ house }: RelayTest, tenantId: string, names: readonly string[]): Promise<string[]> {
  const tables = await house.admin.rows<{ name: string }>`
    select table_name as name from information_schema.columns where table_schema = 'countersign' and column_name = 'tenant_id'
      and table_name in (select table_name from information_schema.tables where table_type = 'BASE TABLE')`
  const hits = new Set<string>()
  for (const { name } of tables) {
    const { rows } = await house.admin.query(`select to_jsonb(x) as row from countersign."${name}" x where tenant_id = $1`, [
      tenantId,
    ])
    for (const { row } of rows)
      for (const [column, value] of Object.entries(row as object))
        if (names.some((one) => JSON.stringify(value)?.includes(one))) hits.add(`${name}.${column}`)
  }
  return [...hits].sort()
}
