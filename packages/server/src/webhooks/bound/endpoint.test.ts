// Endpoints of a card or a thread (relay.md R63, R66, R68, R70, R100, R101, §12.16): how one comes to be, keeps and changes its secret, is replaced and goes.
import { randomBytes } from 'node:crypto'
import { verifyWebhook } from '@countersign/sdk'
import { Webhook } from 'standardwebhooks'
import { expect, test } from 'vitest'
import { tx } from '../../db/tx.ts'
import { newId } from '../../std/id.ts'
import { openBinder } from '../testing/binder.ts'
import { endpoint, type Got, openReceiver } from '../testing/receiver.ts'

const refused = (work: Promise<unknown>) =>
  work.then(
    () => 'taken',
    (error: { code?: string; members?: { errors?: { path: string; code: string }[] } }) =>
      error.members?.errors?.map(({ path, code }) => `${path} ${code}`).join() ?? error.code,
  )
const believes = (secret: string, got: Got) => {
  try {
    return Boolean(new Webhook(secret).verify(got.body, got.headers as Record<string, string>))
  } catch {
    return false
  }
}

test('R66 without a secret nothing is saved; a given one, that of an endpoint which is there, or a new one that is shown once', async () => {
  const there = await openReceiver()
  const rig = await openBinder([there])
  const [thread, next] = [rig.thread(), rig.thread()]
  const url = (path: string) => `${there.origin}/${path}`
  expect(await refused(rig.put(thread, { url: url('a') }))).toBe('callback_secret_missing')
  expect(await rig.seen('caller', thread)).toEqual([])
  const made = await rig.put(thread, { url: url('a'), generate_secret: true })
  expect(made.secret).toMatch(/^whsec_/)
  expect(made.endpoint).toMatchObject({ mode: 'foragent', events: ['*'], state: 'active', thin: false })
  const own = `own ${randomBytes(16).toString('hex')}`
  expect((await rig.put(thread, { url: url('b'), secret: own })).secret).toBeNull()
  // Of the same relay grant in another thread.
  expect((await rig.put(next, { url: url('c'), endpoint_id: made.endpoint.id })).secret).toBeNull()
  expect(await refused(rig.put(next, { url: url('d'), endpoint_id: newId('whe') }))).toBe('callback_secret_missing')
  await rig.news(thread)
  await rig.news(next)
  await rig.house.runJobs()
  for (const [path, secret] of [
    ['/a', made.secret],
    ['/b', own],
    ['/c', made.secret],
  ] as const) {
    const got = there.got.find((one) => one.path === path) as Got
    const judged = {
      headers: got.headers as Record<string, string>,
      body: got.body,
      secrets: secret as string,
      now: rig.house.clock.now,
    }
    for (const mode of ['foragent', 'standard'] as const) expect((await verifyWebhook({ ...judged, mode })).mode, path).toBe(mode)
  }
  const { rows } = await rig.house.admin.query(`select string_agg(x::text, ' ') as text from countersign.endpoint_secrets x`)
  for (const secret of [own, made.secret as string]) expect(rows[0].text).not.toContain(Buffer.from(secret).toString('hex'))
  expect(rig.house.logs.join('\n')).not.toContain(own)
})

test('R63 R66 what is no secret, no event, or two secrets at once is refused with its place', async () => {
  const there = await openReceiver()
  const rig = await openBinder([there])
  const thread = rig.thread()
  const ask = (more: object) => refused(rig.put(thread, { url: there.origin, generate_secret: true, ...more }))
  for (const secret of ['short', 'x'.repeat(129), 'whsec_AAAA', `${'ü'.repeat(24)}`])
    expect(await ask({ secret, generate_secret: undefined }), secret).toBe('/secret secret_invalid')
  expect(await ask({ secret: 'x'.repeat(32) })).toBe('/secret ambiguous')
  expect(await ask({ events: ['thread.responded', 'message.accepted'] })).toBe('/events/1 unknown_event_type')
  expect(await ask({ events: [] })).toBe('/events out_of_range')
  expect(await ask({ events: ['thread.*', 'artifact.completed'] })).toBe('taken')
  expect(await refused(rig.put(rig.card, { url: there.origin, generate_secret: true, events: ['thread.closed'] }))).toBe(
    '/events/0 unknown_event_type',
  )
})

test('R68 R70 the same address is replaced and keeps its secret and what is on its way; another is another, ten at most; a card has one', async () => {
  const there = await openReceiver()
  const rig = await openBinder([there])
  const thread = rig.thread()
  const list = (boundTo: string, side: 'owner' | 'caller') => rig.inTx((t) => rig.bound.list(t, rig.scope, { boundTo, side }))
  const first = await rig.put(thread, { url: `${there.origin}/a`, generate_secret: true })
  await rig.news(thread)
  const again = await rig.put(thread, { url: `${there.origin}/a`, events: ['thread.closed'], mode: 'standard' })
  expect([again.endpoint.id, again.replaced, again.secret]).toEqual([first.endpoint.id, true, null])
  await rig.house.runJobs()
  expect(there.got).toHaveLength(1)
  expect(believes(first.secret as string, there.got[0] as Got)).toBe(true)
  expect(await rig.news(thread)).toEqual([])
  for (let n = 1; n < 10; n++) await rig.put(thread, { url: `${there.origin}/${n}`, generate_secret: true })
  expect(await refused(rig.put(thread, { url: `${there.origin}/10`, generate_secret: true }))).toBe('state_conflict')
  expect(await list(thread, 'caller')).toHaveLength(10)
  expect(await list(thread, 'owner')).toEqual([])
  const card = await rig.put(rig.card, { url: `${there.origin}/x`, generate_secret: true })
  const moved = await rig.put(rig.card, { url: `${there.origin}/y` })
  expect([moved.endpoint.id, (await list(rig.card, 'owner')).map(({ url }) => url)]).toEqual([
    card.endpoint.id,
    [`${there.origin}/y`],
  ])
  const gone = await rig.inTx((t) =>
    rig.bound.remove(t, rig.scope, { boundTo: thread, side: 'caller' }, { url: `${there.origin}/1` }),
  )
  const nothing = await rig.inTx((t) => rig.bound.remove(t, rig.scope, { boundTo: thread, side: 'owner' }, 'all'))
  const rest = await rig.inTx((t) => rig.bound.remove(t, rig.scope, { boundTo: thread, side: 'caller' }, 'all'))
  expect([gone, nothing, rest]).toEqual([1, 0, 9])
})

test('R66 §12.16 a standard endpoint rotates with overlap: who knows either secret alone believes; a foragent one has none, and with 0 the new signature alone', async () => {
  const there = await openReceiver()
  const rig = await openBinder([there])
  const { bound, scope, inTx, house } = rig
  const thread = rig.thread()
  const at = { boundTo: thread, side: 'caller' } as const
  const rotate = (id: string, input: object) => inTx((t) => bound.rotate(t, scope, at, id, input))
  const standard = await rig.put(thread, { url: `${there.origin}/standard`, generate_secret: true, mode: 'standard' })
  const foragent = await rig.put(thread, { url: `${there.origin}/foragent`, generate_secret: true })
  const second = await rotate(standard.endpoint.id, { overlap_seconds: 60 })
  expect(await refused(rotate(standard.endpoint.id, {}))).toBe('rotation_open')
  expect(await refused(rotate(foragent.endpoint.id, { overlap_seconds: 1 }))).toBe('/overlap_seconds no_overlap')
  const taken = await rotate(foragent.endpoint.id, { overlap_seconds: 0 })
  await rig.news(thread)
  await house.runJobs()
  const [byStandard, byForagent] = ['/standard', '/foragent'].map(
    (path) => there.got.find((got) => got.path === path) as Got,
  ) as [Got, Got]
  for (const secret of [standard.secret, second.secret]) expect(believes(secret as string, byStandard)).toBe(true)
  expect(believes(taken.secret as string, byForagent)).toBe(true)
  expect(believes(foragent.secret as string, byForagent)).toBe(false)
  const one = {
    headers: byForagent.headers as Record<string, string>,
    body: byForagent.body,
    mode: 'foragent',
    now: house.clock.now,
  } as const
  await expect(verifyWebhook({ ...one, secrets: foragent.secret as string })).rejects.toMatchObject({ reason: 'mismatch' })
  await house.clock.advance('61s')
  await rig.news(thread)
  await house.runJobs()
  expect(there.got.filter(({ path }) => path === '/standard').at(-1)?.headers['webhook-signature']).toMatch(/^v1,\S+$/)
  expect(await refused(inTx((t) => bound.rotate(t, scope, { boundTo: thread, side: 'owner' }, standard.endpoint.id, {})))).toBe(
    'not_found',
  )
})

test('R66 §12.16 a tenant’s own endpoint of mode foragent rotates without overlap too, and a test proves the new secret', async () => {
  const there = await openReceiver()
  const { house } = await openBinder([there])
  const own = await endpoint(house, `${there.origin}/hook`, { mode: 'foragent', events: ['task.created'] })
  expect((await house.alice.post(`/api/v1/endpoints/${own.id}/rotate`, { overlap_seconds: 60 })).status).toBe(422)
  const { secret } = (await house.alice.post(`/api/v1/endpoints/${own.id}/rotate`, { overlap_seconds: 0 })).body
  expect((await house.alice.post(`/api/v1/endpoints/${own.id}/test`, {})).status).toBe(202)
  await house.runJobs()
  const [got] = there.got as [Got]
  const one = { headers: got.headers as Record<string, string>, body: got.body, mode: 'foragent', now: house.clock.now } as const
  expect((await verifyWebhook({ ...one, secrets: secret })).json()).toMatchObject({ type: 'endpoint.test' })
  await expect(verifyWebhook({ ...one, secrets: own.secret })).rejects.toMatchObject({ reason: 'mismatch' })
})

test('R100 R101 a push config keeps the client’s id and tells nobody its credentials: a StreamResponse under them, signed with the instance’s key', async () => {
  const there = await openReceiver()
  const rig = await openBinder([there])
  const { house } = rig
  const thread = rig.thread()
  const [token, credentials] = [randomBytes(16).toString('hex'), randomBytes(16).toString('hex')]
  const wishes = { url: `${there.origin}/push`, id: 'mine', token, authentication: { scheme: 'Bearer', credentials } }
  const made = await rig.putConfig(thread, wishes)
  const other = await rig.putConfig(thread, { url: `${there.origin}/bare` })
  expect(made.endpoint).toMatchObject({ client_id: 'mine', auth_scheme: 'Bearer', mode: 'a2a', secrets: [] })
  expect(other.endpoint.client_id).toBe(other.endpoint.id)
  expect((await rig.putConfig(thread, { ...wishes, url: `${there.origin}/push2` })).endpoint.id).toBe(made.endpoint.id)
  const shown = JSON.stringify(await rig.inTx((t) => rig.bound.list(t, rig.scope, { boundTo: thread, side: 'caller' })))
  for (const secret of [token, credentials]) expect(shown).not.toContain(secret)
  const update = { statusUpdate: { taskId: thread, status: { state: 'TASK_STATE_WORKING' } } }
  await rig.news(thread, { stream: () => update })
  expect(await rig.news(thread, { stream: undefined })).toEqual([])
  await house.runJobs()
  const [got, bare] = ['/push2', '/bare'].map((path) => there.got.find((one) => one.path === path) as Got) as [Got, Got]
  expect(JSON.parse(got.body)).toEqual(update)
  expect(got.headers).toMatchObject({
    'content-type': 'application/a2a+json',
    authorization: `Bearer ${credentials}`,
    'x-a2a-notification-token': token,
  })
  expect(bare.headers).not.toHaveProperty('authorization')
  const { keys } = (await house.nobody.get('/.well-known/countersign/relay-keys.json')).body as {
    keys: { kid: string; x: string }[]
  }
  const key = keys.find(({ kid }) => kid.startsWith('webhook-ed25519')) as { x: string }
  const secrets = `whpk_${Buffer.from(key.x, 'base64url').toString('base64')}`
  const judged = {
    headers: got.headers as Record<string, string>,
    body: got.body,
    secrets,
    mode: 'standard',
    now: house.clock.now,
  } as const
  expect((await verifyWebhook(judged)).json()).toEqual(update)
  const { rows } = await house.admin.query(`select string_agg(x::text, ' ') as text from countersign.endpoints x`)
  for (const secret of [token, credentials]) expect(rows[0].text).not.toContain(Buffer.from(secret).toString('hex'))
  expect(await refused(rig.putConfig(thread, { ...wishes, token: 'a\nb' }))).toBe('/token header_invalid')
  const remove = () => rig.inTx((t) => rig.bound.remove(t, rig.scope, { boundTo: thread, side: 'caller' }, { clientId: 'mine' }))
  expect([await remove(), await remove()]).toEqual([1, 0])
})

test('R7 R70 whoever acts through another relay grant reaches neither the endpoint nor what goes to it, by no statement', async () => {
  const there = await openReceiver()
  const rig = await openBinder([there])
  const thread = rig.thread()
  const mine = await rig.put(thread, { url: there.origin, generate_secret: true })
  await rig.put(rig.card, { url: `${there.origin}/agent`, generate_secret: true })
  await rig.news(thread)
  const counts = (relayParty: string) =>
    tx(rig.house.db, { ...rig.scope, relayParty }, async (t) => ({
      ...(await t.one<object>`select count(*)::integer as endpoints from endpoints where relay_grant_id is not null`),
      ...(await t.one<object>`select count(*)::integer as deliveries from deliveries`),
    }))
  expect(await counts(rig.grant)).toEqual({ endpoints: 1, deliveries: 1 })
  expect(await counts(newId('rgr'))).toEqual({ endpoints: 0, deliveries: 0 })
  // A message of the caller still finds the agent that it is for.
  const asCaller = { ...rig.scope, relayParty: rig.grant }
  const telling = {
    eventId: newId('evt'),
    type: 'message.accepted',
    side: 'owner',
    subjects: [rig.card],
    key: thread,
    relayGrantId: null,
  } as const
  expect(
    await tx(rig.house.db, asCaller, (t) =>
      rig.bound.deliver(t, asCaller, { ...telling, sealedUnder: 'day:2026-11-23', data: () => ({}) }),
    ),
  ).toHaveLength(1)
  expect(await refused(rig.put(rig.thread(), { url: there.origin, endpoint_id: mine.endpoint.id }))).toBe('taken')
})
