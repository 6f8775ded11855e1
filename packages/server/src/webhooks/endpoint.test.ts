// Endpoints: what they may be, their states, their secrets, who sees what (P79–P82, A25).
import { Validator } from '@cfworker/json-schema'
import { verifyWebhook } from '@countersign/sdk'
import { expect, test } from 'vitest'
import { setup } from '#harness'
import { systemScope } from '../db/scope.ts'
import { tx } from '../db/tx.ts'
import { record } from '../events/event.ts'
import { bodiesOf, deliveriesOf, endpoint, houseFor, openReceiver } from './testing/receiver.ts'

const paths = (body: { errors: { path: string }[] }) => body.errors.map((one) => one.path)

test('P79 P81 an endpoint is made, read, listed, changed and removed; its secret is shown once and stands in no column, event or log', async () => {
  const there = await openReceiver()
  const house = await houseFor([there])
  const made = await endpoint(house, `${there.origin}/hook#part`, {
    label: 'Billing',
    events: 'task.*, agent.created',
    headers: { 'X-Token': 'very-secret-value' },
    schedule: [10, 60],
  })
  expect(made).toMatchObject({
    url: `${there.origin}/hook`,
    events: ['task.*', 'agent.created'],
    mode: 'standard',
    header: null,
    header_names: ['X-Token'],
    schedule: { name: 'own', delays: [10, 60], attempts: 3, total_seconds: 70 },
    timeout_seconds: 15,
    max_in_flight: 10,
    state: 'active',
  })
  expect(Buffer.from(made.secret.slice(6), 'base64')).toHaveLength(32)
  const read = (await house.alice.get(`/api/v1/endpoints/${made.id}`)).body
  expect(read).not.toHaveProperty('secret')
  expect(read.secrets).toMatchObject([{ n: 1, ends_at: null }])
  expect((await house.auditor.get('/api/v1/endpoints')).body.data.map((one: { id: string }) => one.id)).toEqual([made.id])
  expect((await house.alice.get('/api/v1/endpoints?event=key.created')).body.data).toEqual([])
  expect((await house.alice.get('/api/v1/endpoints?event=task.completed')).body.data).toHaveLength(1)

  const changed = await house.alice.patch(`/api/v1/endpoints/${made.id}`, { label: 'Books', events: ['*'], headers: null })
  expect(changed.body).toMatchObject({ label: 'Books', events: ['*'], header_names: [], schedule: { name: 'own' } })
  expect((await house.stranger.get(`/api/v1/endpoints/${made.id}`)).status).toBe(404)
  expect((await house.member.post('/api/v1/endpoints', { url: there.origin, events: '*' })).status).toBe(403)
  expect((await house.operator.delete(`/api/v1/endpoints/${made.id}`)).status).toBe(403)
  expect((await house.alice.delete(`/api/v1/endpoints/${made.id}`)).status).toBe(204)
  expect((await house.alice.get(`/api/v1/endpoints/${made.id}`)).status).toBe(404)

  const tables = ['endpoints', 'endpoint_secrets', 'events', 'event_bodies', 'deliveries']
  for (const table of tables) {
    const { rows } = await house.admin.query(`select coalesce(string_agg(x::text, ' '), '') as text from countersign.${table} x`)
    for (const secret of [made.secret, made.secret.slice(6), 'very-secret-value']) expect(rows[0].text).not.toContain(secret)
  }
  expect(house.logs.join('\n')).not.toContain(made.secret.slice(6, 30))
})

test('P79 a repeated create answers the same endpoint without its secret', async () => {
  const there = await openReceiver()
  const house = await houseFor([there])
  const ask = () =>
    house.alice.post('/api/v1/endpoints', { url: there.origin, events: '*', verify: false }, { 'Idempotency-Key': 'once' })
  const [first, again] = [await ask(), await ask()]
  expect(again.body.id).toBe(first.body.id)
  expect(again.body).toMatchObject({ secret_shown: false })
  expect(again.body).not.toHaveProperty('secret')
})

test('P80 filters: exact names, prefix.* and *; everything else is 422 with its place, an unknown name with the nearest known one', async () => {
  const house = await setup({ settings: { EGRESS_HTTP: '1', EGRESS_ALLOW: '127.0.0.1:9' } })
  const ask = (events: unknown) => house.alice.post('/api/v1/endpoints', { url: 'http://127.0.0.1:9/', events, verify: false })
  for (const bad of [['a*b'], ['**'], ['*.x'], ['a..b'], ['Task.created'], ['task.'], [''], ['.task'], ['task.*.x']]) {
    const { status, body } = await ask(bad)
    expect([bad, status, paths(body)]).toEqual([bad, 422, ['/events/0']])
  }
  for (const bad of ['', [], Array(10_000).fill('task.created')]) expect((await ask(bad)).status).toBe(422)
  expect((await ask(['task.created', 'task.complted'])).body).toMatchObject({
    errors: [{ path: '/events/1', code: 'unknown_event_type' }],
    did_you_mean: 'task.completed',
  })
  expect((await ask('taks.*')).body).toMatchObject({ did_you_mean: 'task.*' })
  expect((await ask('task.*,*,task.*')).body.events).toEqual(['task.*', '*'])
})

test('P79 P87 section 21 bad settings are 422 at their place and nothing is written', async () => {
  const house = await setup({ settings: { EGRESS_HTTP: '1', EGRESS_ALLOW: '127.0.0.1:9' } })
  const ask = (more: object) =>
    house.alice.post('/api/v1/endpoints', { url: 'http://127.0.0.1:9/', events: '*', verify: false, ...more })
  const faults: [object, string][] = [
    [{ label: 'a\r\nb' }, '/label'],
    [{ label: 'x'.repeat(5_000) }, '/label'],
    [{ label: 'a\u202eb' }, '/label'],
    [{ schedule: [86_400, 86_400, 86_400, 86_400, 86_400, 86_400, 86_400, 86_400] }, '/schedule'],
    [{ schedule: 'never' }, '/schedule'],
    [{ timeout_seconds: 31 }, '/timeout_seconds'],
    [{ max_in_flight: 51 }, '/max_in_flight'],
    [{ headers: { 'webhook-id': 'mine' } }, '/headers/webhook-id'],
    [{ headers: { Host: 'elsewhere' } }, '/headers/Host'],
    [{ headers: { 'X-A': 'a\r\nb: c' } }, '/headers/X-A'],
    [{ headers: Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`X-${i}`, 'a'])) }, '/headers'],
    [{ ca_pem: 'nonsense' }, '/ca_pem'],
    [{ client_certificate: { cert: 'a', key: 'b' } }, '/client_certificate'],
    [{ mode: 'github', ed25519: true }, '/ed25519'],
    [{ header: 'Humane-Signature' }, '/header'],
  ]
  for (const [more, path] of faults) {
    const { status, body } = await ask(more)
    expect([more, status, body.errors?.[0]?.path]).toEqual([more, 422, path])
  }
  for (const url of ['http://example.com/', 'https://localhost/', 'https://10.0.0.1/', 'https://user:x@example.com/'])
    expect((await ask({ url })).status, url).toBe(422)
  expect((await ask({ url: 'not a url' })).body).toMatchObject({ code: 'url_invalid', errors: [{ path: '/url' }] })
  expect(await house.admin.rows`select id from countersign.endpoints`).toEqual([])
})

test('P82 a pending endpoint holds its events until it answers a ping of 0, 5, 30 and 300 seconds', async () => {
  const there = await openReceiver()
  there.answers = [500, 500, 200]
  const house = await houseFor([there])
  const own = await endpoint(house, `${there.origin}/hook`, { events: ['task.created'], verify: undefined })
  expect(own.state).toBe('pending')
  await house.given.task()
  await house.runJobs()
  expect((await deliveriesOf(house, 'type=task.created')).map((row) => row.state)).toEqual(['held'])
  for (const seconds of [5, 30]) {
    expect((await house.alice.get(`/api/v1/endpoints/${own.id}`)).body.state).toBe('pending')
    await house.clock.advance(seconds * 1_101)
    await house.runJobs()
  }
  expect((await house.alice.get(`/api/v1/endpoints/${own.id}`)).body.state).toBe('active')
  expect(bodiesOf(there, 'endpoint.ping')).toHaveLength(3)
  expect(bodiesOf(there, 'task.created')).toHaveLength(1)
  expect((await deliveriesOf(house, 'type=task.created')).map((row) => row.state)).toEqual(['succeeded'])
})

test('P82 an endpoint whose pings went unanswered stays pending, and a test that it answers makes it active', async () => {
  const there = await openReceiver()
  there.otherwise = 500
  const house = await houseFor([there])
  const own = await endpoint(house, `${there.origin}/hook`, { events: ['task.created'], verify: true })
  for (let n = 0; n < 5; n++) {
    await house.runJobs()
    await house.clock.advance('6m')
  }
  expect(there.got).toHaveLength(4)
  there.otherwise = 204
  const sent = await house.alice.post(`/api/v1/endpoints/${own.id}/test`, {})
  expect(sent.status).toBe(202)
  await house.runJobs()
  expect((await house.alice.get(`/api/v1/endpoints/${own.id}`)).body.state).toBe('active')
  expect((await house.alice.post(`/api/v1/endpoints/${own.id}/test`, {})).status).toBe(202)
  await house.runJobs()
  expect(bodiesOf(there, 'endpoint.test')).toHaveLength(1)
})

test('P82 P90 a paused endpoint holds; resumed with recover_since only what came since then is sent', async () => {
  const there = await openReceiver()
  const house = await houseFor([there])
  const own = await endpoint(house, `${there.origin}/hook`, { events: ['task.created'] })
  expect((await house.alice.post(`/api/v1/endpoints/${own.id}/pause`, {})).body.state).toBe('paused')
  expect((await house.alice.post(`/api/v1/endpoints/${own.id}/pause`, {})).status).toBe(409)
  const old = await house.given.task()
  await house.clock.advance('1h')
  const since = house.clock.now()
  await house.clock.advance('1m')
  const recent = await house.given.task()
  await house.runJobs()
  expect(there.got).toEqual([])
  await house.alice.post(`/api/v1/endpoints/${own.id}/resume`, { recover_since: since.toISOString() })
  await house.runJobs()
  expect(there.got.map((got) => JSON.parse(got.body).data.resource.id)).toEqual([recent.id])
  const states = new Map((await deliveriesOf(house)).map((row) => [row.resource_id, row.state]))
  expect([states.get(old.id), states.get(recent.id)]).toEqual(['cancelled', 'succeeded'])
})

test('A25 P81 in an overlap both secrets verify, after it the new one alone; a second rotation waits; early revoke is at once', async () => {
  const there = await openReceiver()
  const house = await houseFor([there])
  const own = await endpoint(house, `${there.origin}/hook`, { events: ['task.created'] })
  let by = house.alice
  const rotate = (body: object = {}) => by.post(`/api/v1/endpoints/${own.id}/rotate`, body)
  const fits = async (secret: string) => {
    const got = there.got.at(-1) as (typeof there.got)[0]
    const headers = got.headers as Record<string, string>
    return verifyWebhook({ headers, body: got.body, secrets: secret, now: house.clock.now }).then(
      () => true,
      () => false,
    )
  }
  const fire = async () => {
    await house.given.task()
    await house.runJobs()
  }
  await fire()
  const second = (await rotate({ overlap_seconds: 3_600 })).body.secret
  expect((await rotate()).body).toMatchObject({ code: 'rotation_open' })
  await fire()
  expect([await fits(own.secret), await fits(second)]).toEqual([true, true])
  expect(there.got.at(-1)?.headers['webhook-signature']).toMatch(/^v1,\S+ v1,\S+$/)
  await house.clock.advance('61m')
  await fire()
  expect([await fits(own.secret), await fits(second)]).toEqual([false, true])

  // Her proof of presence is an hour old by now.
  expect((await rotate()).body).toMatchObject({ code: 'step_up_required' })
  by = await house.given.user({ role: 'owner' })
  const third = (await rotate()).body.secret
  await fire()
  expect([await fits(second), await fits(third)]).toEqual([true, true])
  const revoke = (n: number) => by.post(`/api/v1/endpoints/${own.id}/secrets/${n}/revoke`, {})
  expect((await revoke(2)).body.secrets).toMatchObject([{ n: 3 }])
  await fire()
  expect([await fits(second), await fits(third)]).toEqual([false, true])
  expect([(await revoke(2)).status, (await revoke(3)).status]).toEqual([404, 409])

  const fourth = (await rotate({ overlap_seconds: 60 })).body.secret
  const fifth = (await rotate({ overlap_seconds: 60, force: true })).body.secret
  await fire()
  expect([await fits(third), await fits(fourth), await fits(fifth)]).toEqual([false, true, true])
  for (const overlap_seconds of [-1, 604_801, '24h']) expect((await rotate({ overlap_seconds })).status).toBe(422)
})

test('P81 a mode whose header holds one value rotates without overlap only', async () => {
  const there = await openReceiver()
  const house = await houseFor([there])
  const own = await endpoint(house, `${there.origin}/hook`, { mode: 'github' })
  const rotate = (body: object) => house.alice.post(`/api/v1/endpoints/${own.id}/rotate`, body)
  expect((await rotate({ overlap_seconds: 60 })).body).toMatchObject({ errors: [{ path: '/overlap_seconds' }] })
  const rotated = await rotate({})
  expect(rotated.body.secrets).toHaveLength(1)
  const two = await endpoint(house, `${there.origin}/two`)
  await house.alice.post(`/api/v1/endpoints/${two.id}/rotate`, {})
  expect((await house.alice.patch(`/api/v1/endpoints/${two.id}`, { mode: 'github' })).body).toMatchObject({
    code: 'rotation_open',
  })
})

test('P80 the catalogue of events says name, version, sensitivity and schema; the same stands in the API description, and live bodies fit', async () => {
  const there = await openReceiver()
  const house = await houseFor([there])
  await endpoint(house, there.origin, { events: ['task.*'] })
  const { data } = (await house.alice.get('/api/v1/events/types')).body
  const byName = new Map<string, { sensitive: boolean; version: number; schema: Record<string, unknown> }>(
    data.map((one: { name: string }) => [one.name, one]),
  )
  expect(byName.get('signin.failed')).toMatchObject({ sensitive: true, version: 1 })
  expect(byName.get('task.created')).toMatchObject({ sensitive: false })
  const { webhooks } = (await house.nobody.get('/openapi.json')).body
  expect(webhooks['task.completed'].post.requestBody.content['application/json'].schema).toEqual(
    byName.get('task.completed')?.schema,
  )
  const task = await house.given.task()
  await house.alice.post(`/api/v1/tasks/${task.id}/decide`, { type: 'respond', response: { approve: true }, seen_revision: 1 })
  await house.runJobs()
  for (const type of ['task.created', 'task.completed']) {
    const [got] = bodiesOf(there, type)
    const judge = new Validator(byName.get(type)?.schema as object, '2020-12')
    const body = JSON.parse(got?.body ?? 'null')
    expect(judge.validate(body).errors).toEqual([])
    expect(judge.validate({ ...body, type: 'other' }).valid).toBe(false)
  }
})

test('P83 thin sends an address in place of data: where asked for, for sensitive types, and for what is too large', async () => {
  const there = await openReceiver()
  const house = await houseFor([there])
  await endpoint(house, `${there.origin}/thin`, { events: ['task.created'], thin: true })
  await endpoint(house, `${there.origin}/full`, { events: ['task.created', 'signin.failed', 'job.enqueued'] })
  await endpoint(house, `${there.origin}/all`, { events: ['signin.failed'], thin: false })
  const { id } = await house.given.task()
  const scope = systemScope('test', house.tenantId)
  await tx(house.db, scope, async (t) => {
    await record(t, scope, 'signin.failed', { reason: 'password' })
    await record(t, scope, 'job.enqueued', { note: 'x'.repeat(270_000) })
  })
  await house.runJobs()
  const body = (path: string, type: string) => {
    const got = there.got.find((one) => one.path === path && JSON.parse(one.body).type === type)
    return JSON.parse(got?.body ?? 'null')
  }
  const thin = body('/thin', 'task.created')
  expect(Object.keys(thin)).toEqual(['id', 'type', 'occurred_at', 'tenant_id', 'resource'])
  expect(thin.resource).toEqual({ type: 'task', id, url: `${house.url}/api/v1/tasks/${id}` })
  expect(body('/full', 'task.created')).toHaveProperty('data')
  expect(body('/full', 'signin.failed')).not.toHaveProperty('data')
  expect(body('/all', 'signin.failed').data).toMatchObject({ reason: 'password' })
  expect(body('/full', 'job.enqueued')).toMatchObject({ thin_reason: 'size', resource: { type: 'event' } })
})
