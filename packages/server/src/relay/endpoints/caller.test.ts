// A caller's server on this machine: where it says that it wants to be told of a thread, what it is sent, in which order, and what each side sees of that (relay.md §4.3, R61–R63, R66–R68, R70).
import { randomBytes } from 'node:crypto'
import { verifyWebhook } from '@countersign/sdk'
import { Webhook } from 'standardwebhooks'
import { expect, test } from 'vitest'
import { type Got, openReceiver, type Receiver } from '../../webhooks/testing/receiver.ts'
import { type Loose, openRelay } from '../testing/relay.ts'

async function given(own: Parameters<typeof openRelay>[0] = {}) {
  const there = await openReceiver()
  const settings = { EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${there.port}` }
  const relay = await openRelay({ settings, ...own })
  const url = (path = '/told') => `${there.origin}${path}`
  const endpoints = (id: string) => `/api/v1/threads/${id}/endpoints`
  return {
    ...{ there, relay, house: relay.house, url, endpoints },
    add: (id: string, body: object, by: Loose = relay.caller) => by.post(endpoints(id), body),
    tokenOf: async (id: string, by: Loose = relay.caller) =>
      (await by.post(`/api/v1/threads/${id}/access-tokens`, {})).body.thread_access_token as string,
    send: (id: string, body: object) => relay.bearer(relay.grant.token).post(`/api/v1/threads/${id}/messages`, body),
  }
}
const bodies = (there: Receiver): Loose[] => there.got.map(({ body }) => JSON.parse(body))
const told = (there: Receiver) => bodies(there).map(({ type }) => type)
const headersOf = (got: Got) => got.headers as Record<string, string>

test('R61 R62 R66 a thread that starts with a callback tells of its answer: signed both ways, with what was said, once', async () => {
  const { there, relay, house, url } = await given()
  const canary = randomBytes(12).toString('hex')
  const started = await relay.start({ text: 'hello', callback: { url: url(), generate_secret: true } })
  expect([started.status, started.body]).toMatchObject([202, { callback: { endpoint_id: expect.stringMatching(/^whe_/) } }])
  const { thread_id: id, callback } = started.body
  await relay.respond(id, { text: canary })
  await house.runJobs()
  expect(told(there)).toEqual(['artifact.completed', 'thread.responded'])
  const [, got] = there.got as [Got, Got]
  const body = JSON.parse(got.body)
  const events = (await relay.caller.get(`/api/v1/threads/${id}/events`)).body.data as Loose[]
  const event = events.find(({ type }) => type === 'thread.responded')
  expect(body).toMatchObject({
    ...{ id: event.id, type: 'thread.responded', occurred_at: event.at },
    data: {
      agent: relay.card.slug,
      thread: {
        id,
        state: 'responded',
        outcome: null,
        reason: 'responded',
        sequence: event.sequence,
        caller: { agent_id: relay.caller.id },
      },
      message: { side: 'owner', parts: [{ text: canary }], payload_hash: expect.stringMatching(/^sha256:/) },
      links: { inspect: `${house.url}/api/v1/threads/${id}` },
    },
  })
  expect(headersOf(got)).toMatchObject({ 'webhook-id': event.id, 'idempotency-key': event.id, 'webhook-attempt': '1' })
  for (const name of ['countersign-caller', 'countersign-reply-token', 'authorization']) expect(got.headers[name]).toBeUndefined()
  for (const mode of ['foragent', 'standard'] as const)
    await verifyWebhook({ headers: headersOf(got), body: got.body, secrets: callback.secret, mode, now: house.clock.now })
  expect(new Webhook(callback.secret).verify(got.body, headersOf(got))).toMatchObject({ type: 'thread.responded' })
  // It is sealed where it lies.
  const { rows } = await house.admin.query(`select bytes from countersign.event_bodies where subject is not null`)
  for (const { bytes } of rows) expect(bytes.toString('latin1')).not.toContain(canary)
})

test('R66 §10 a callback without a secret, or where nothing may be posted, is refused and starts nothing', async () => {
  const { there, relay, url, house } = await given()
  const threads = async () => (await house.admin.rows<{ id: string }>`select id from threads`).length
  const refused = async (callback: object) => {
    const { status, body } = await relay.start({ text: 'hello', callback })
    return [status, body.code, body.errors?.[0]?.path].filter(Boolean).join(' ')
  }
  expect(await refused({ url: url() })).toBe('422 callback_secret_missing')
  for (const address of [
    ...['https://127.0.0.1/', 'https://10.0.0.1/', 'https://169.254.169.254/', 'https://[::1]/', 'https://[::ffff:10.0.0.1]/'],
    ...['https://[64:ff9b::a00:1]/', 'https://[fe80::1]/', 'https://localhost/', `http://127.0.0.1:${there.port + 1}/`],
  ])
    expect(await refused({ url: address, generate_secret: true }), address).toMatch(/^422 url_(not_allowed|invalid)/)
  for (const address of ['https://user:pass@example.com/', 'https://example.com:22/', 'ftp://example.com/', 'nowhere'])
    expect(await refused({ url: address, generate_secret: true }), address).toMatch(/^422 url_(not_allowed|invalid)/)
  expect(await refused({ url: url(), generate_secret: true, events: ['message.accepted'] })).toBe(
    '422 validation_failed /callback/events/0',
  )
  expect(await threads()).toBe(0)
  expect(there.got).toEqual([])
})

test('§10 a callback URL that redirects is a failed attempt, and nothing is posted to where it leads', async () => {
  const [{ there, relay, house, url }, other] = [await given(), await openReceiver()]
  there.otherwise = { status: 302, headers: { location: `${other.origin}/elsewhere` } }
  const { thread_id: id } = (await relay.start({ text: 'hello', callback: { url: url(), generate_secret: true } })).body
  await relay.respond(id, { outcome: 'completed', text: 'done' })
  await house.runJobs()
  expect(there.got).toHaveLength(1)
  expect(other.got).toEqual([])
  const { data } = (await relay.caller.get(`/api/v1/threads/${id}/deliveries`)).body
  expect(data.at(-1)).toMatchObject({ state: 'pending', last_status: 302, log: [{ n: 1, status: 302, class: 'status' }] })
})

test('R63 R66 endpoints of a thread: added by key and by thread token, replaced by the same address, listed, taken away', async () => {
  const { there, relay, house, url, endpoints, add, tokenOf } = await given()
  const { thread_id: id } = (await relay.start()).body
  const token = relay.bearer(await tokenOf(id))
  expect((await add(id, { url: url() })).body.code).toBe('callback_secret_missing')
  const made = await add(id, { url: url(), generate_secret: true, events: ['thread.closed'] })
  expect([made.status, made.body]).toMatchObject([
    201,
    { signature: 'foragent', events: ['thread.closed'], secret: expect.stringMatching(/^whsec_/) },
  ])
  const own = `own ${randomBytes(16).toString('hex')}`
  const again = await add(id, { url: url(), secret: own, signature: 'standard', thin: true }, token)
  expect([again.status, again.body.id, again.body.secret]).toEqual([200, made.body.id, undefined])
  // The secret of one that is there.
  const second = await add(id, { url: url('/second'), endpoint_id: made.body.id })
  expect([second.status, second.body.secret]).toEqual([201, undefined])
  const listed = (await token.get(endpoints(id))).body.data
  expect(listed).toMatchObject([
    { id: made.body.id, url: url(), signature: 'standard', thin: true, events: ['*'], state: 'active' },
    { id: second.body.id, url: url('/second') },
  ])
  expect(JSON.stringify(listed)).not.toContain(own)
  expect(
    (await relay.caller.get(`/api/v1/threads/${id}/events`)).body.data.filter(({ type }: Loose) => type === 'endpoint.created'),
  ).toMatchObject([{ data: { endpoint_id: made.body.id, side: 'caller' } }, { data: { endpoint_id: second.body.id } }])
  await relay.respond(id, { text: 'one' })
  await house.runJobs()
  const [thin] = there.got.filter(({ path }) => path === '/told').slice(-1) as [Got]
  expect(JSON.parse(thin.body).data.message).toMatchObject({ payload_hash: expect.anything() })
  expect(JSON.parse(thin.body).data.message.parts).toBeUndefined()
  expect(thin.headers['x-foragent-signature']).toBeUndefined()
  await verifyWebhook({ headers: headersOf(thin), body: thin.body, secrets: own, mode: 'standard', now: house.clock.now })
  const whole = there.got.find(({ path }) => path === '/second') as Got
  await verifyWebhook({ headers: headersOf(whole), body: whole.body, secrets: own, mode: 'foragent', now: house.clock.now })

  const remove = (query: string) => relay.caller.delete(`${endpoints(id)}${query}`)
  const gone = await remove(`?url=${encodeURIComponent(url('/second'))}`)
  expect(gone.status).toBe(204)
  expect((await remove(`?endpoint_id=${second.body.id}`)).status).toBe(404)
  expect((await remove('')).status).toBe(422)
  expect((await relay.caller.get(endpoints(id))).body.data).toHaveLength(1)
})

test('R66 a secret that was made is in one answer alone: a repeat under the key of the start has it not', async () => {
  const { relay, url } = await given()
  const callback = { url: url(), generate_secret: true }
  const key = randomBytes(8).toString('hex')
  const first = (await relay.start({ text: 'hello', callback }, { key })).body
  const again = (await relay.start({ text: 'hello', callback }, { key })).body
  expect(first.callback.secret).toMatch(/^whsec_/)
  expect(again).toEqual({ ...first, callback: { endpoint_id: first.callback.endpoint_id, secret_shown: false } })
})

test('R62 R66 only the caller’s side puts endpoints, with the right to; of somebody else’s thread nothing is there', async () => {
  const { relay, url, add, endpoints, tokenOf } = await given()
  const { thread_id: id } = (await relay.start()).body
  const body = { url: url(), generate_secret: true }
  expect((await add(id, body, relay.server)).body.code).toBe('not_participant')
  const owners = relay.bearer(await tokenOf(id, relay.server))
  expect((await add(id, body, owners)).status).toBe(403)
  expect((await add(id, body, relay.bearer(relay.grant.token))).body.code).toBe('wrong_token_kind')
  const other = await relay.makeGrant({ agent: null })
  const strange = (await relay.start({ text: 'x' }, { token: other.token })).body.thread_id
  expect((await add(strange, body)).status).toBe(404)
  expect((await relay.caller.get(endpoints(strange))).status).toBe(404)
  const mute = await relay.makeGrant({ agent: null, scopes: ['threads:start', 'threads:send'] })
  const refused = await relay.start({ text: 'x', callback: body }, { token: mute.token })
  expect([refused.status, refused.body.code, refused.body.needed]).toEqual([403, 'scope_missing', 'threads:subscribe'])
})

test('R67 R68 §12.15 down for six hours: everything arrives in its order, each under its first id, and the next waits for the one before', async () => {
  const { there, relay, house, url, send } = await given()
  there.otherwise = 503
  const { thread_id: id } = (
    await relay.start({ text: 'a', callback: { url: url(), generate_secret: true, events: ['thread.*'] } })
  ).body
  await relay.respond(id, { text: 'one' })
  await send(id, { text: 'b' })
  await relay.respond(id, { outcome: 'ask', text: 'two' })
  await send(id, { text: 'c' })
  await relay.respond(id, { outcome: 'completed', text: 'three' })
  for (const wait of ['0s', '10s', '6m', '35m', '140m', '4h']) {
    await house.clock.advance(wait)
    await house.runJobs()
  }
  expect(new Set(told(there))).toEqual(new Set(['thread.responded']))
  const first = there.got[0] as Got
  expect(there.got.length).toBeGreaterThan(3)
  for (const one of there.got)
    expect([one.headers['webhook-id'], one.headers['countersign-delivery'], one.body]).toEqual([
      first.headers['webhook-id'],
      first.headers['countersign-delivery'],
      first.body,
    ])
  there.otherwise = 204
  there.got.length = 0
  await house.clock.advance('20h')
  await house.runJobs()
  expect(told(there)).toEqual(['thread.responded', 'thread.waiting_caller', 'thread.closed'])
})

test('R67 410 ends it, Retry-After is kept to, and a thread that nobody wants to hear of costs no statement of its endpoints', async () => {
  const { there, relay, house, url } = await given()
  there.answers = [{ status: 503, headers: { 'retry-after': '3600' } }, 410]
  const callback = { url: url(), generate_secret: true, events: ['thread.*'] }
  const { thread_id: id } = (await relay.start({ text: 'a', callback })).body
  await relay.respond(id, { text: 'one' })
  await house.runJobs()
  await house.clock.advance('50m')
  await house.runJobs()
  expect(there.got).toHaveLength(1)
  await house.clock.advance('20m')
  await house.runJobs()
  expect(there.got).toHaveLength(2)
  expect((await relay.caller.get(`/api/v1/threads/${id}/endpoints`)).body.data).toMatchObject([
    { state: 'disabled', state_reason: 'gone' },
  ])
  const silent = (await relay.start()).body.thread_id
  const [row] = await house.admin.rows<{ has_endpoints: boolean }>`select has_endpoints from threads where id = ${silent}`
  expect(row).toEqual({ has_endpoints: false })
})

test('R70 each side sees its own deliveries and nothing of the other’s', async () => {
  const { relay, house, url, tokenOf } = await given()
  const { thread_id: id } = (await relay.start({ text: 'a', callback: { url: url(), generate_secret: true } })).body
  await relay.respond(id, { outcome: 'completed', text: 'done' })
  await house.runJobs()
  const mine = await relay.caller.get(`/api/v1/threads/${id}/deliveries`)
  expect(mine.body.data).toMatchObject([
    { event_type: 'thread.closed', state: 'succeeded', form: 'full', log: [{ n: 1, status: 204, class: null }] },
    { event_type: 'artifact.completed', state: 'succeeded' },
  ])
  expect(JSON.stringify(mine.body)).not.toContain('127.0.0.1')
  const paged = await relay.caller.get(`/api/v1/threads/${id}/deliveries?limit=1`)
  const rest = await relay.caller.get(
    `/api/v1/threads/${id}/deliveries?limit=1&cursor=${encodeURIComponent(paged.body.next_cursor)}`,
  )
  expect([...paged.body.data, ...rest.body.data]).toEqual(mine.body.data)
  const token = relay.bearer(await tokenOf(id))
  expect((await token.get(`/api/v1/threads/${id}/deliveries`)).body.data).toHaveLength(2)
  for (const theirs of [
    (await relay.server.get(`/api/v1/threads/${id}/deliveries`)).body,
    (await house.alice.get('/api/v1/deliveries')).body,
    (await house.alice.get('/api/v1/endpoints')).body,
  ])
    expect(theirs.data).toEqual([])
})

test('R61 a result in pieces is told once, whole; what is gone with the end of the thread is told without its parts', async () => {
  const { there, relay, house, url } = await given()
  const card = await relay.makeCard({ retention_days: 0 })
  const grant = await relay.makeGrant({ card })
  const callback = { url: url(), generate_secret: true, events: ['artifact.completed', 'thread.closed'] }
  const start = async (own: object = {}) => (await relay.start({ text: 'a', callback }, own)).body.thread_id
  const id = await start()
  const piece = (text: string, last: boolean, append = true) => ({
    artifact_id: 'a',
    name: 'A',
    parts: [{ text }],
    append,
    last_chunk: last,
  })
  await relay.respond(id, { outcome: 'progress', artifacts: [piece('one ', false, false)] })
  await relay.respond(id, { outcome: 'progress', artifacts: [piece('two', true)] })
  await house.runJobs()
  expect(bodies(there)).toMatchObject([
    {
      type: 'artifact.completed',
      data: { artifact: { artifact_id: 'a', name: 'A', parts: [{ text: 'one ' }, { text: 'two' }], is_complete: true } },
    },
  ])
  there.got.length = 0
  const brief = await start({ card, token: grant.token })
  const canary = randomBytes(8).toString('hex')
  await relay.respond(brief, { outcome: 'completed', text: canary })
  await house.runJobs()
  const closed = bodies(there).find(({ type }) => type === 'thread.closed')
  expect(closed.data).toMatchObject({
    thread: { id: brief, state: 'closed', outcome: 'completed' },
    message: { payload_hash: expect.anything() },
  })
  expect(JSON.stringify(bodies(there))).not.toContain(canary)
})

test('§4.3 the last days, the new token and the end of a relay grant are told once at each address of its open threads', async () => {
  const { there, relay, house, url } = await given()
  const card = await relay.makeCard()
  const expires = new Date(house.clock.now().getTime() + 15 * 86_400_000)
  const grant = await relay.makeGrant({ card, expires })
  const start = async (path: string) => {
    const callback = { url: url(path), generate_secret: true, events: ['relay_grant.*'] }
    return (await relay.start({ text: 'a', callback }, { card, token: grant.token })).body.thread_id as string
  }
  await start('/told')
  await start('/told')
  await relay.respond(await start('/over'), { outcome: 'completed', text: 'done' })
  await house.clock.advance('25h')
  await house.server.queue.enqueueMany([{ kind: 'relay.grant_warn' }])
  await house.runJobs()
  expect(bodies(there)).toMatchObject([
    { type: 'relay_grant.expiring', data: { agent: card.slug, relay_grant: { id: grant.id, state: 'active', days: 14 } } },
  ])
  const rotated = await relay.caller.post(`/api/v1/relay-grants/${grant.id}/rotate`, {})
  expect(rotated.status).toBe(200)
  await house.runJobs()
  expect(bodies(there)[1]).toMatchObject({
    type: 'relay_grant.rotated',
    data: { relay_grant: { id: grant.id, state: 'active', by: 'caller', overlap_seconds: 86_400 } },
  })
  expect(there.got[1]?.body).not.toContain(rotated.body.relay_token)
  expect((await relay.caller.post(`/api/v1/relay-grants/${grant.id}/revoke`, {})).status).toBe(200)
  await house.runJobs()
  expect(there.got.map(({ path }) => path)).toEqual(['/told', '/told', '/told'])
  expect(bodies(there)[2]).toMatchObject({
    type: 'relay_grant.revoked',
    data: { relay_grant: { state: 'revoked', by: 'caller' } },
  })
})

test('§4.3 a thread that waits for people and one that its relay grant ended are told of, with where to look', async () => {
  const { there, relay, house, url } = await given()
  const callback = { url: url(), generate_secret: true, events: ['thread.*'] }
  const policy =
    '@id("asks") @ask("Well?") permit (principal is Agent, action == Action::"thread.start", resource);\n@id("people") permit (principal is User, action, resource);'
  const saved = await house.bob.post('/api/v1/policies', { text: policy })
  expect([saved.status, saved.body.errors]).toEqual([201, []])
  expect((await house.bob.post(`/api/v1/policies/${saved.body.version}/activate`, {})).status).toBe(200)
  const asked = (await relay.start({ text: 'a', callback })).body
  const id = asked.thread_id
  await house.alice.post(`/api/v1/relay-grants/${relay.grant.id}/revoke`, {})
  await house.runJobs()
  expect(bodies(there)).toMatchObject([
    { type: 'thread.awaiting_approval', data: { thread: { id, state: 'awaiting_approval', approval: asked.approval } } },
    { type: 'thread.revoked', data: { thread: { id, state: 'revoked', reason: 'grant_revoked' } } },
  ])
  expect(bodies(there)[0].data.thread.sequence).toBeLessThan(bodies(there)[1].data.thread.sequence)
})

test('§4.3 a tenant’s own webhook endpoint hears of its threads with others: the caller’s of the answer, the owner’s of the message', async () => {
  const { there, relay, house, url } = await given()
  const made = async (who: Loose, path: string) =>
    (await who.post('/api/v1/endpoints', { url: url(path), events: ['thread.responded', 'message.accepted'], verify: false }))
      .status
  expect([await made(relay.bea, '/bea'), await made(house.alice, '/alice')]).toEqual([201, 201])
  const { thread_id: id } = (await relay.start()).body
  await relay.respond(id, { text: 'one' })
  // A worker hands on what was written into another tenant's record.
  await house.server.queue.enqueueMany([{ kind: 'proxy.tell' }])
  await house.runJobs()
  const heard = (path: string) =>
    there.got
      .filter((one) => one.path === path)
      .map(({ body }) => JSON.parse(body).type)
      .sort()
  expect([heard('/bea'), heard('/alice')]).toEqual(
    Array.from({ length: 2 }, () => ['message.accepted', 'message.accepted', 'thread.responded']),
  )
})
