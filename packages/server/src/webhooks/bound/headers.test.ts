// What one delivery to an owner's agent or a caller looks like (relay.md R46, R60–R63, §12.14): its body, its headers, who believes them.
import { createHmac, randomBytes } from 'node:crypto'
import { verifyCaller, verifyWebhook } from '@countersign/sdk'
import { Webhook } from 'standardwebhooks'
import { expect, test } from 'vitest'
import { newId } from '../../std/id.ts'
import { openBinder } from '../testing/binder.ts'
import { type Got, openReceiver } from '../testing/receiver.ts'

const headersOf = (got: Got) => got.headers as Record<string, string>

test('R61 R62 §12.14 a message to an agent: the envelope, both signatures, its own id and the message’s as key, believed by ours, by an HMAC and by standardwebhooks', async () => {
  const there = await openReceiver()
  const rig = await openBinder([there])
  const { secret } = await rig.put(rig.card, { url: `${there.origin}/agent`, generate_secret: true })
  const [thread, messageId] = [rig.thread(), newId('msg')]
  const [made] = await rig.message(thread, { messageId })
  await rig.house.runJobs()
  const [got] = there.got as [Got]
  const headers = headersOf(got)
  const body = JSON.parse(got.body)
  expect(Object.keys(body)).toEqual(['id', 'type', 'occurred_at', 'tenant_id', 'data'])
  expect(body).toMatchObject({
    type: 'message.accepted',
    data: { agent: 'books', thread: { id: thread }, message: { payload_hash: 'sha256:00' } },
  })
  expect(headers).toMatchObject({
    'content-type': 'application/json',
    'webhook-id': body.id,
    'webhook-attempt': '1',
    'countersign-delivery': made?.id,
    'idempotency-key': messageId,
    'x-foragent-signature-version': '2',
  })
  expect(headers['x-foragent-timestamp']).toBe(headers['webhook-timestamp'])
  const mac = (text: string) =>
    createHmac('sha256', secret as string)
      .update(text)
      .digest('hex')
  expect(headers['x-foragent-signature']).toBe(mac(got.body))
  expect(headers['x-foragent-signature-v2']).toBe(
    mac(`v2.${headers['x-foragent-timestamp']}.${headers['x-foragent-nonce']}.${got.body}`),
  )
  const ours = { headers, body: got.body, secrets: secret as string, now: rig.house.clock.now }
  for (const mode of ['foragent', 'standard'] as const) expect((await verifyWebhook({ ...ours, mode })).id).toBe(body.id)
  expect(new Webhook(secret as string).verify(got.body, headers)).toEqual(body)

  const kept = new Set<string>()
  const refusal = (change: object, more: object = {}) =>
    verifyWebhook({
      ...{ ...ours, mode: 'foragent' as const, headers: { ...headers, ...change }, ...more },
      seen: (name) => kept.has(name) || !kept.add(name),
    }).then(
      () => 'taken',
      (error: { reason?: string }) => error.reason,
    )
  expect(await refusal({}, { body: `${got.body} ` })).toBe('mismatch')
  expect(await refusal({ 'x-foragent-timestamp': String(Number(headers['x-foragent-timestamp']) + 1) })).toBe('mismatch')
  expect(await refusal({ 'x-foragent-nonce': '0'.repeat(32) })).toBe('mismatch')
  expect(await refusal({ 'x-foragent-signature-version': '3' })).toBe('malformed')
  for (const name of ['x-foragent-signature-v2', 'x-foragent-timestamp', 'x-foragent-nonce', 'x-foragent-signature-version'])
    expect(await refusal({ [name]: undefined }), name).toBe('missing')
  const late = () => new Date(rig.house.clock.now().getTime() + 400_000)
  expect(await refusal({}, { now: late })).toBe('stale')
  expect([await refusal({}), await refusal({})]).toEqual(['taken', 'replayed'])
})

test('R61 what an attempt has of its own is in its headers: the same bytes and ids, another nonce and signature; the bytes lie sealed', async () => {
  const there = await openReceiver()
  there.answers = [500]
  const rig = await openBinder([there])
  await rig.put(rig.card, { url: `${there.origin}/agent`, generate_secret: true })
  const tokens = ['one', 'two'].map((name) => `cs_test_thr_${name}${randomBytes(8).toString('hex')}`)
  rig.room.attempt = ({ attempt }) => ({ replyToken: tokens[attempt - 1] as string })
  const canary = randomBytes(16).toString('hex')
  await rig.message(rig.thread(), { data: () => ({ message: { parts: [{ text: canary }] } }) })
  await rig.house.runJobs()
  await rig.house.clock.advance('6s')
  await rig.house.runJobs()
  const [first, second] = there.got as [Got, Got]
  expect(second.body).toBe(first.body)
  expect(second.body).toContain(canary)
  for (const name of ['webhook-id', 'countersign-delivery', 'idempotency-key'])
    expect(second.headers[name], name).toBe(first.headers[name])
  for (const name of ['webhook-attempt', 'webhook-signature', 'x-foragent-nonce', 'x-foragent-signature-v2'])
    expect(second.headers[name], name).not.toBe(first.headers[name])
  expect([first, second].map((one) => one.headers['countersign-reply-token'])).toEqual(tokens)
  for (const table of ['event_bodies', 'deliveries', 'delivery_attempts', 'events']) {
    const { rows } = await rig.house.admin.query(
      `select coalesce(string_agg(x::text, ' '), '') as text from countersign.${table} x`,
    )
    expect(rows[0].text, table).not.toContain(canary)
    expect(rows[0].text, table).not.toContain(Buffer.from(canary).toString('hex'))
  }
})

test('R61 R62 news to a caller has the event’s id as its key, and a thin endpoint gets no parts', async () => {
  const [whole, thin] = [await openReceiver(), await openReceiver()]
  const rig = await openBinder([whole, thin])
  const thread = rig.thread()
  await rig.put(thread, { url: `${whole.origin}/hook`, generate_secret: true })
  await rig.put(thread, { url: `${thin.origin}/hook`, generate_secret: true, thin: true, mode: 'standard' })
  await rig.news(thread)
  await rig.house.runJobs()
  const [[full], [short]] = [whole.got as [Got], thin.got as [Got]]
  expect(JSON.parse(full.body).data.message.parts).toHaveLength(1)
  expect(JSON.parse(short.body).data).toMatchObject({ thread: { id: thread }, links: {} })
  expect(short.body).not.toContain('parts')
  expect(full.headers['idempotency-key']).toBe(JSON.parse(full.body).id)
  expect(short.headers['webhook-id']).toBe(full.headers['webhook-id'])
  expect(short.headers['x-foragent-signature']).toBeUndefined()
  expect(short.headers['webhook-signature']).toMatch(/^v1,/)
})

test('R62 with Ed25519 the signature of the endpoint’s own key pair stands beside the others', async () => {
  const there = await openReceiver()
  const rig = await openBinder([there])
  const { endpoint } = await rig.put(rig.card, { url: there.origin, generate_secret: true, ed25519: true })
  await rig.message(rig.thread())
  await rig.house.runJobs()
  const [got] = there.got as [Got]
  const one = { headers: headersOf(got), body: got.body, mode: 'standard', now: rig.house.clock.now } as const
  expect(got.headers['webhook-signature']).toMatch(/^v1,\S+ v1a,\S+$/)
  expect((await verifyWebhook({ ...one, secrets: endpoint.public_key as string })).id).toBe(got.headers['webhook-id'])
})

test('R46 §12.14 who asked is told in a token of the instance for this origin, which the key set at the known place proves', async () => {
  const there = await openReceiver()
  const rig = await openBinder([there])
  await rig.put(rig.card, { url: `${there.origin}/agent`, generate_secret: true })
  const claims = {
    tenant: 'ten_x',
    agent: 'agt_x',
    user: 'usr_x',
    relay_grant: rig.grant,
    thread: 'thr_x',
    message: 'msg_x',
    payload_hash: 'sha256:00',
  }
  rig.room.attempt = () => ({ caller: claims })
  await rig.message(rig.thread())
  await rig.house.runJobs()
  const keys = await rig.house.nobody.get('/.well-known/countersign/relay-keys.json')
  expect(keys.headers.get('cache-control')).toBe('public, max-age=300')
  const { user, ...told } = claims
  const token = there.got[0]?.headers['countersign-caller'] as string
  const options = { jwks: keys.body, audience: there.origin, issuer: rig.house.server.publicUrl, now: rig.house.clock.now }
  expect(await verifyCaller(token, options)).toMatchObject({ ...told, sub: user, act: { sub: 'agt_x' } })
  await expect(verifyCaller(token, { ...options, audience: 'https://elsewhere.example' })).rejects.toMatchObject({
    reason: 'mismatch',
  })
})

test('R60 R67 what is left of a window is told while somebody waits, and not after it', async () => {
  const there = await openReceiver()
  const rig = await openBinder([there])
  await rig.put(rig.card, { url: `${there.origin}/agent`, generate_secret: true })
  there.answers = [500, 500]
  await rig.message(rig.thread(), { waitMs: 20_000 })
  await rig.house.runJobs()
  await rig.house.clock.advance('8s')
  await rig.house.runJobs()
  await rig.house.clock.advance('6m')
  await rig.house.runJobs()
  const [first, second, third] = there.got.map((got) => got.headers['countersign-wait-ms'])
  expect(Number(first)).toBeGreaterThan(10_000)
  expect(Number(first)).toBeLessThanOrEqual(20_000)
  expect(Number(second)).toBeGreaterThan(0)
  expect(Number(second)).toBeLessThanOrEqual(12_000)
  expect([third, there.got.length]).toEqual([undefined, 3])
})
