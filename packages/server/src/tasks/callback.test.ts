import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { setup } from '#harness'
import { compatibilitySignature } from '../crypto/signature.ts'
import { hmacSha256 } from '../crypto/token.ts'
import { DELAYS } from '../webhooks/schedule.ts'
import { awaithumansBody } from './callback.ts'
import { answer, REFUND } from './tasks.fixture.ts'

const CALLBACK_DELAYS = DELAYS.standard

type Got = { headers: IncomingHttpHeaders; body: string }

/** A receiver on this machine, entered as an exception of the egress guard. */
async function receiver(statuses: number[] = []) {
  const got: Got[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      got.push({ headers: request.headers, body: Buffer.concat(chunks).toString() })
      const status = statuses.shift() ?? 200
      response.writeHead(status, status >= 300 && status < 400 ? { Location: '/elsewhere' } : {}).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => new Promise<void>((resolve) => void server.close(() => resolve())))
  const { port } = server.address() as AddressInfo
  return { got, url: `http://127.0.0.1:${port}/hook`, settings: { EGRESS_ALLOW: `127.0.0.1:${port}`, EGRESS_HTTP: '1' } }
}

const KEY = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8'
const at = (id: unknown, act: string) => `/api/v1/tasks/${id}/${act}`

test('T70 T71 every terminal state is posted once, signed with the tenant’s key, nine members in their order', async () => {
  const there = await receiver()
  const house = await setup({ settings: there.settings })
  const imported = await house.alice.post('/api/v1/compatibility-keys', { key: KEY })
  expect(imported.body).toMatchObject({ key: KEY, origin: 'imported', version: 1 })
  const ask = async (more: object = {}) => {
    const { status, body } = await house.agent.post('/api/tasks', {
      ...REFUND,
      idempotency_key: crypto.randomUUID(),
      callback_url: there.url,
      ...more,
    })
    expect(status, JSON.stringify(body)).toBe(201)
    return body
  }
  const [answered, cancelled, timedOut] = [await ask(), await ask(), await ask({ timeout_seconds: 60 })]
  await house.alice.post(at(answered.id, 'decide'), answer())
  await house.agent.post(at(cancelled.id, 'cancel'), {})
  await house.clock.advance('61s')
  await house.runJobs()
  await house.runJobs()
  const bodies = new Map(there.got.map((one) => [JSON.parse(one.body).task_id, one]))
  expect([...bodies.values()].map((one) => JSON.parse(one.body).status).sort()).toEqual(['cancelled', 'completed', 'timed_out'])
  expect(there.got).toHaveLength(3)
  const post = bodies.get(answered.id) as Got
  const row = (await house.alice.get(`/api/v1/tasks/${answered.id}`)).body
  expect(post.body).toBe(
    `{"task_id":"${answered.id}","idempotency_key":"${answered.idempotency_key}","status":"completed","response":{"approved":true},` +
      `"completed_at":"${row.completed_at}","timed_out_at":null,"completed_by_email":"${house.alice.email}","completed_via_channel":"dashboard","verification_attempt":0}`,
  )
  expect(post.headers).toMatchObject({
    'content-type': 'application/json',
    'x-awaithumans-task-id': answered.id,
    'x-awaithumans-signature': compatibilitySignature(Buffer.from(KEY, 'base64url'), post.body),
    'webhook-attempt': '1',
  })
  expect(post.headers['webhook-id']).toMatch(/^evt_/)
  expect(JSON.parse((bodies.get(timedOut.id) as Got).body)).toMatchObject({
    status: 'timed_out',
    response: null,
    completed_at: null,
  })
  expect((await house.eventTypes()).filter((type) => type === 'task.callback_delivered')).toHaveLength(3)
})

test('T71 the published body signs to the published hex', () => {
  const body = awaithumansBody(
    {
      id: 'task_01',
      idempotency_key: 'k-1',
      status: 'completed',
      redact: 'none',
      completed_at: new Date('2026-01-02T03:04:05.000Z'),
      timed_out_at: null,
      completed_by_email: 'ann@example.com',
      completed_via_channel: 'email',
      verification_attempt: 0,
    } as Parameters<typeof awaithumansBody>[0],
    { response: { approved: true } },
  )
  expect(compatibilitySignature(Buffer.from(KEY, 'base64url'), body)).toBe(
    'sha256=442ea2029f4a6dee213448027fb5226e737c71f8da07d122cec13d33e6cfe1d6',
  )
})

test('T69 anything but 2xx is tried again on the schedule with the same bytes, redirects are not followed, and it ends after three days', async () => {
  const there = await receiver([500, 302, 404, ...Array(20).fill(503)])
  const house = await setup({ settings: there.settings })
  const { id } = await house.given.task({ ...REFUND, callback_url: there.url, callback_mode: 'awaithumans' })
  await house.alice.post(at(id, 'decide'), answer())
  await house.runJobs()
  for (const seconds of CALLBACK_DELAYS) {
    await house.clock.advance(seconds * 1_150)
    await house.runJobs()
  }
  expect(there.got).toHaveLength(CALLBACK_DELAYS.length + 1)
  expect(CALLBACK_DELAYS.reduce((sum, one) => sum + one, 0)).toBeGreaterThanOrEqual(3 * 86_400)
  expect(new Set(there.got.map((one) => one.body)).size).toBe(1)
  expect(new Set(there.got.map((one) => one.headers['x-awaithumans-signature'])).size).toBe(1)
  expect(new Set(there.got.map((one) => one.headers['webhook-id'])).size).toBe(1)
  expect(there.got.map((one) => one.headers['webhook-attempt'])).toEqual(there.got.map((_, i) => String(i + 1)))
  expect((await house.eventTypes()).at(-1)).toBe('task.callback_failed')
  await house.clock.advance('2d')
  await house.runJobs()
  expect(there.got).toHaveLength(CALLBACK_DELAYS.length + 1)
})

test('T69 mode standard is signed as Standard Webhooks with the secret that was shown', async () => {
  const there = await receiver()
  const house = await setup({ settings: there.settings })
  const { secret } = (await house.alice.post('/api/v1/compatibility-keys', {})).body
  const { id } = await house.given.task({ ...REFUND, callback_url: there.url, metadata: { run: 7 } })
  await house.alice.post(at(id, 'decide'), answer())
  await house.runJobs()
  const [{ headers, body }] = there.got as [Got]
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`
  const expected = hmacSha256(Buffer.from(secret.slice(6), 'base64'), signed).toString('base64')
  expect(headers['webhook-signature']).toBe(`v1,${expected}`)
  expect(JSON.parse(body)).toMatchObject({
    type: 'task.completed',
    data: { task_id: id, status: 'completed', outcome: 'answered', response: { approved: true }, metadata: { run: 7 } },
  })
})

test('T72 the key is shown once, replaced at a chosen moment, and stands in no column, event or log', async () => {
  const there = await receiver()
  const house = await setup({ settings: there.settings })
  expect((await house.operator.post('/api/v1/compatibility-keys', {})).status).toBe(403)
  expect((await house.alice.post('/api/v1/compatibility-keys', { key: 'short' })).status).toBe(422)
  await house.alice.post('/api/v1/compatibility-keys', { key: KEY })
  const later = new Date(house.clock.now().getTime() + 3_600_000).toISOString()
  const next = await house.alice.post('/api/v1/compatibility-keys', { effective_at: later })
  expect(next.body).toMatchObject({ version: 2, origin: 'made', effective_at: later })
  const signedBy = async (key: string) => {
    const { id } = await house.given.task({ ...REFUND, callback_url: there.url, callback_mode: 'awaithumans' })
    await house.alice.post(at(id, 'decide'), answer())
    await house.runJobs()
    const { headers, body } = there.got.at(-1) as Got
    return headers['x-awaithumans-signature'] === compatibilitySignature(Buffer.from(key, 'base64url'), body)
  }
  expect(await signedBy(KEY)).toBe(true)
  await house.clock.advance('2h')
  expect(await signedBy(next.body.key)).toBe(true)
  const { body } = await house.alice.get('/api/v1/compatibility-keys')
  expect(body.data.map((one: object) => Object.keys(one).sort())).toEqual([
    ['created_at', 'effective_at', 'origin', 'version'],
    ['created_at', 'effective_at', 'origin', 'version'],
  ])
  const { rows } = await house.admin.query(`
    select (select string_agg(k::text, ' ') from countersign.compatibility_keys k) || (select string_agg(body, ' ') from countersign.events) as everything`)
  for (const secret of [KEY, next.body.key, Buffer.from(KEY, 'base64url').toString('hex')]) {
    expect(rows[0].everything).not.toContain(secret)
    expect(house.logs.join('\n')).not.toContain(secret)
  }
})

test('T69 P83 P90 a callback stands in the log of deliveries, its body lies sealed under the task’s key, and a replay sends the same bytes', async () => {
  const there = await receiver()
  const house = await setup({ settings: there.settings })
  await house.alice.post('/api/v1/compatibility-keys', { key: KEY })
  const { id } = await house.given.task({ ...REFUND, callback_url: there.url })
  await house.alice.post(at(id, 'decide'), answer())
  await house.runJobs()
  const { data } = (await house.alice.get(`/api/v1/deliveries?resource=${id}`)).body
  expect(data).toMatchObject([
    { endpoint_id: null, url: there.url, event_type: 'task.completed', form: 'callback', state: 'succeeded', attempts: 1 },
  ])
  const shown = (await house.alice.get(`/api/v1/deliveries/${data[0].id}`)).body
  expect(shown).toMatchObject({ body: null, log: [{ n: 1, status: 200, class: null, trigger: 'auto' }] })
  const [stored] = await house.admin.rows<{ bytes: Buffer; subject: string }>`
    select bytes, subject from countersign.event_bodies where form = 'callback'`
  expect(stored?.subject).toBe(`task:${id}`)
  expect(stored?.bytes.includes(Buffer.from('approved'))).toBe(false)

  expect((await house.alice.post(`/api/v1/deliveries/${data[0].id}/replay`, {})).status).toBe(202)
  await house.runJobs()
  expect(there.got).toHaveLength(2)
  expect(there.got[1]?.body).toBe(there.got[0]?.body)
  expect(there.got[1]?.headers['webhook-id']).toBe(there.got[0]?.headers['webhook-id'])
  // What arrives twice is told once.
  expect((await house.eventTypes()).filter((type) => type === 'task.callback_delivered')).toHaveLength(1)

  // Once the key of the task is gone there is nothing left to send.
  await house.admin.query(
    'update countersign.subject_keys set wrapped = null, destroyed_at = countersign.now(), destroyed_by = $1',
    ['test'],
  )
  await house.alice.post(`/api/v1/deliveries/${data[0].id}/replay`, {})
  await house.runJobs()
  expect(there.got).toHaveLength(2)
  expect((await house.alice.get(`/api/v1/deliveries/${data[0].id}`)).body.state).toBe('cancelled')
})
