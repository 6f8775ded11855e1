// Whoever asks for a connection is told at an address what became of it (relay.md §3, R54, R61, R62, R66, R70, R117).
import { randomBytes } from 'node:crypto'
import { verifyWebhook } from '@countersign/sdk'
import { expect, test } from 'vitest'
import { type Got, openReceiver, type Receiver } from '../../webhooks/testing/receiver.ts'
import { openTwo } from '../testing/two.ts'

// biome-ignore lint/suspicious/noExplicitAny: a test reads whatever came back
type Loose = any

async function given(settings: Record<string, string> = {}) {
  const there = await openReceiver()
  const two = await openTwo({ settings: { EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${there.port}`, ...settings } })
  const url = (path = '/told') => `${there.origin}${path}`
  const decide = (id: string, act: 'approve' | 'deny', body: object = {}) =>
    two.house.bob.post(`/api/v1/connection-requests/${id}/${act}`, body)
  return { ...two, there, url, decide, callback: { url: url(), generate_secret: true } }
}
const bodies = (there: Receiver): Loose[] => there.got.map(({ body }) => JSON.parse(body))
const headersOf = (got: Got) => got.headers as Record<string, string>

test('R61 R62 R66 an approval is told once, signed both ways, with where to collect the token and without the token', async () => {
  const { there, ask, decide, house, callback, caller, askerTenant } = await given()
  const asked = await ask({ callback })
  expect([asked.status, asked.body]).toMatchObject([
    201,
    { state: 'pending', callback: { endpoint_id: expect.stringMatching(/^whe_/), secret: expect.stringMatching(/^whsec_/) } },
  ])
  const { id } = asked.body
  await house.runJobs()
  expect(there.got).toEqual([])
  const agreed = await decide(id, 'approve', { issue: 'on_collect', note: 'inside words' })
  expect(agreed.status).toBe(200)
  await house.runJobs()
  const [body] = bodies(there)
  const at = `${house.url}/api/v1/connection-requests/${id}`
  expect(body).toMatchObject({
    type: 'connection_request.approved',
    data: {
      connection_request: {
        ...{ id, state: 'approved', issue: 'on_collect', note: null, relay_grant_id: agreed.body.relay_grant.id },
        asker: { agent_id: caller.id },
      },
      links: { connection_request: at, collect: `${at}/collect` },
    },
  })
  const [got] = there.got as [Got]
  expect(headersOf(got)).toMatchObject({ 'webhook-id': body.id, 'idempotency-key': body.id })
  for (const mode of ['foragent', 'standard'] as const)
    await verifyWebhook({
      ...{ headers: headersOf(got), body: got.body, mode, now: house.clock.now },
      secrets: asked.body.callback.secret,
    })
  expect(got.body).not.toContain('inside words')
  expect((await caller.post(`/api/v1/connection-requests/${id}/collect`, {})).status).toBe(200)
  await house.runJobs()
  expect(there.got).toHaveLength(1)
  // It is in the list of what the asking side was told, and can be sent again from there; its owner's side sees none of it.
  const own = await house.given.user({ role: 'owner', tenantId: askerTenant })
  const [delivery] = (await own.get('/api/v1/deliveries')).body.data
  expect(delivery).toMatchObject({ event_type: 'connection_request.approved', state: 'succeeded' })
  expect((await own.post(`/api/v1/deliveries/${delivery.id}/replay`, {})).status).toBeLessThan(300)
  await house.runJobs()
  expect(bodies(there).map((one) => one.id)).toEqual([body.id, body.id])
  expect((await house.alice.get('/api/v1/deliveries')).body.data).toEqual([])
  expect((await house.alice.get('/api/v1/endpoints')).body.data).toEqual([])
})

test('R61 a refusal with its note, an end by time and what its asker takes back are told; others than those asked for are not', async () => {
  const { there, ask, decide, house, callback, caller } = await given()
  const denied = await ask({ callback: { ...callback, thin: true } })
  await decide(denied.body.id, 'deny', { note: 'Not this year.', note_visible: true })
  const again = await ask({ callback })
  await decide(again.body.id, 'deny', { note: 'Not this year.', note_visible: true })
  const back = await ask({ callback })
  expect((await caller.post(`/api/v1/connection-requests/${back.body.id}/withdraw`, {})).status).toBe(200)
  const quiet = await ask({ callback: { ...callback, events: ['connection_request.approved'] } })
  await decide(quiet.body.id, 'deny')
  const late = await ask({ callback })
  await house.clock.advance('24h')
  await house.clock.advance('1m')
  await house.runJobs()
  const told = bodies(there).map(({ type, data }) => [type, data.connection_request.id, data.connection_request.note])
  expect(told).toEqual(
    expect.arrayContaining([
      ['connection_request.denied', denied.body.id, undefined],
      ['connection_request.denied', again.body.id, 'Not this year.'],
      ['connection_request.withdrawn', back.body.id, null],
      ['connection_request.expired', late.body.id, null],
    ]),
  )
  expect(told).toHaveLength(4)
})

test('R61 C2 what policy lets through at once is told as well', async () => {
  const { there, ask, house, callback } = await given()
  const text = `@id("open") permit (principal, action, resource);`
  const saved = await house.bob.post('/api/v1/policies', { text })
  await house.bob.post(`/api/v1/policies/${saved.body.version}/activate`, {})
  const asked = await ask({ callback })
  expect([asked.status, asked.body.state]).toEqual([201, 'approved'])
  await house.runJobs()
  expect(bodies(there)).toMatchObject([
    { type: 'connection_request.approved', data: { connection_request: { id: asked.body.id } } },
  ])
})

test('R54 R66 a secret of one’s own, under the names of ForAgent too; a repeat of the call is not told a made one again', async () => {
  const { there, slug, caller, decide, house, url } = await given()
  const secret = `whsec_${randomBytes(32).toString('base64')}`
  const path = `/api/v1/agents/${slug}/connection-requests`
  const asked = await caller.post(path, { message: 'To talk.', callbackUrl: url(), callbackSecret: secret })
  expect([asked.status, asked.body.callback]).toEqual([201, { endpoint_id: expect.stringMatching(/^whe_/) }])
  await decide(asked.body.id, 'deny')
  await house.runJobs()
  const [got] = there.got as [Got]
  await verifyWebhook({ headers: headersOf(got), body: got.body, secrets: secret, mode: 'foragent', now: house.clock.now })
  const body = { purpose: 'To talk.', callback: { url: url('/more'), generate_secret: true } }
  const once = { 'idempotency-key': 'asked-once' }
  const first = await caller.post(path, body, once)
  const second = await caller.post(path, body, once)
  expect(first.body.callback.secret).toMatch(/^whsec_/)
  expect(second.body).toEqual({
    ...first.body,
    callback: { endpoint_id: first.body.callback.endpoint_id, secret_shown: false },
  })
})

test('R66 R117 what cannot be told is not asked either: no secret, no address, an address inside, a name of no event, no scope', async () => {
  const { ask, url, house, callback, bea, slug } = await given()
  const refused = async (wishes: object) => {
    const { status, body } = await ask({ callback: wishes })
    return [status, body.code, body.errors?.[0]?.path]
  }
  expect(await refused({ url: url() })).toEqual([422, 'callback_secret_missing', undefined])
  expect((await refused({ ...callback, url: 'https://10.0.0.1/told' })).slice(0, 2)).toEqual([422, 'url_not_allowed'])
  expect((await refused({ ...callback, url: 'told' })).slice(0, 2)).toEqual([422, 'url_invalid'])
  expect(await refused({ ...callback, events: ['thread.closed'] })).toEqual([422, 'validation_failed', '/callback/events/0'])
  const { id } = (await bea.post('/api/v1/agents', { name: 'asks-only' })).body
  const key = await house.given.key({ kind: 'agt', agent_id: id, name: 'asks', scopes: ['connection_requests:*'] }, bea)
  const unscoped = await fetch(`${house.url}/api/v1/agents/${slug}/connection-requests`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key.secret}`, 'content-type': 'application/json' },
    body: JSON.stringify({ purpose: 'To talk.', callback }),
  })
  expect([unscoped.status, (await unscoped.json()).code]).toEqual([403, 'scope_missing'])
  const rows = await house.admin.one<{ requests: number; endpoints: number }>`
    select (select count(*) from connection_requests)::integer as requests, (select count(*) from endpoints)::integer as endpoints`
  expect(rows).toEqual({ requests: 0, endpoints: 0 })
})

test('R71 R72 the asking side’s own policies judge where its agent wants to be told', async () => {
  const { ask, bea, callback, house } = await given()
  const text = `@id("no") forbid (principal, action == Action::"thread.subscribe", resource) when { context has endpoint && context.endpoint.host like "127.*" };
@id("rest") permit (principal, action, resource);`
  const saved = await bea.post('/api/v1/policies', { text })
  expect([saved.status, saved.body.errors]).toEqual([201, []])
  await bea.post(`/api/v1/policies/${saved.body.version}/activate`, {})
  const refused = await ask({ callback })
  expect([refused.status, refused.body.code]).toEqual([403, 'policy_denied'])
  expect((await ask()).status).toBe(201)
  expect(await house.admin.rows`select id from endpoints`).toEqual([])
})

test('R100 thirty days after the decision its endpoint goes', async () => {
  const { ask, decide, house, callback } = await given()
  const { id } = (await ask({ callback })).body
  await decide(id, 'deny')
  await house.runJobs()
  const live = () => house.admin.rows`select id from endpoints where bound_to = ${id} and state <> 'deleted'`
  const retain = async () => {
    await house.server.queue.enqueueMany([{ kind: 'relay.retain' }])
    await house.runJobs()
  }
  await house.clock.advance('29d')
  await retain()
  expect(await live()).toHaveLength(1)
  await house.clock.advance('2d')
  await retain()
  expect(await live()).toEqual([])
})
