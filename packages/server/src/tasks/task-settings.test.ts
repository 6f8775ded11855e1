// How a tenant wants its tasks: what is hidden at least, and what the other clients meet; by key as well as by session.
import { expect, test } from 'vitest'
import { clientOf, openModelProvider, setup } from '#harness'
import { errorsOf, REFUND } from './tasks.fixture.ts'

const SETTINGS = '/api/v1/tasks/settings'

test('T162 what is left out stays, a change that changes nothing is not told, and a key of an admin may do all of it', async () => {
  const house = await setup()
  const { secret } = await house.given.key({ kind: 'usr', scopes: ['tasks:*'] })
  const key = clientOf(house.url, { bearer: secret })
  expect((await key.put(SETTINGS, { retention_days: 30 })).body).toMatchObject({ retention_days: 30, redact: 'none' })
  expect((await key.put(SETTINGS, { redact: 'notify' })).body).toMatchObject({ retention_days: 30, redact: 'notify' })
  expect((await key.put(SETTINGS, {})).body).toMatchObject({ retention_days: 30, redact: 'notify' })
  const told = (await house.alice.get('/api/v1/events?type=settings.changed')).body.data
  expect(told).toHaveLength(2)
  expect((await house.agent.put(SETTINGS, { redact: 'none' })).status).toBe(403)
  for (const wrong of [
    { redact: 'all' },
    { retention_days: 3_651 },
    { reminders: [{ at_percent: 100 }] },
    { compat_strict_replay: 'yes' },
  ])
    expect((await key.put(SETTINGS, wrong)).status, JSON.stringify(wrong)).toBe(422)
  expect((await key.patch('/api/v1/decision-settings', { step_in: false })).body).toMatchObject({ step_in: false })
})

test('T153 what the tenant hides at least, no task shows; one may hide more, and a model is then asked only with leave', async () => {
  const provider = await openModelProvider()
  const house = await setup({ settings: { EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${provider.port}` } })
  const before = await house.given.task(REFUND)
  await house.alice.put(SETTINGS, { redact: 'notify' })
  await house.alice.put('/api/v1/provider-keys/openai', {
    ...{ provider: 'openai', key: crypto.randomUUID(), base_url: `${provider.origin}/v1`, model: 'gpt-test' },
  })
  const levels = []
  for (const redact of [undefined, 'none', 'notify', 'strict'] as const)
    levels.push((await house.given.task({ ...REFUND, redact })).redact)
  expect(levels).toEqual(['notify', 'notify', 'notify', 'strict'])
  const pointed = await house.given.task({ ...REFUND, redact: { payload: ['/order'] } })
  expect(pointed.redact).toMatchObject({ level: 'notify', payload: ['/order'] })
  expect((await house.alice.get(`/api/v1/tasks/${before.id}`)).body.redact).toBe('none')

  const checked = { ...REFUND, verifier_config: { provider: 'openai', instructions: 'x' } }
  const refused = await house.agent.post('/api/v1/tasks', checked)
  expect([refused.status, refused.body.code]).toEqual([422, 'verifier_conflicts_with_redaction'])
  expect(errorsOf(refused.body)).toEqual(['/verifier_config redacted'])
  const leave = { ...checked, verifier_config: { ...checked.verifier_config, allow_redacted: true } }
  expect((await house.agent.post('/api/v1/tasks', leave)).status).toBe(201)
})

test('T66 where the tenant says so, the other clients too are refused another question under a known key, and nothing is written', async () => {
  const house = await setup()
  const ask = (amount: number) =>
    house.agent.post('/api/tasks', {
      ...REFUND,
      callback_url: null,
      payload: { amount },
      timeout_seconds: 600,
      idempotency_key: 'order-1042',
    })
  expect((await ask(240)).status).toBe(201)
  expect((await ask(300)).headers.get('countersign-replay-mismatch')).toBe('true')
  await house.alice.put(SETTINGS, { compat_strict_replay: true })
  const events = await house.eventTypes()
  const refused = await ask(300)
  expect([refused.status, refused.body.code]).toEqual([422, 'idempotency_mismatch'])
  expect(refused.body).toMatchObject({ error: 'IDEMPOTENCY_MISMATCH', differs: ['payload'] })
  expect(await house.eventTypes()).toEqual(events)
  expect((await ask(240)).headers.get('idempotent-replayed')).toBe('true')
})

test('T98 T102 a person’s own key says when they are away; no agent’s, no admin’s and no narrower one does', async () => {
  const house = await setup()
  const path = '/api/v1/me/availability'
  const given = async (kind: 'usr' | 'adm', scopes: string[]) =>
    clientOf(house.url, { bearer: (await house.given.key({ kind, scopes })).secret })
  const mine = await given('usr', ['tasks:*'])
  expect((await mine.put(path, { max_open: 3 })).body).toMatchObject({ max_open: 3 })
  expect((await house.alice.get(path)).body).toMatchObject({ max_open: 3 })
  for (const other of [await given('adm', ['tasks:*']), await given('usr', ['tasks:read']), house.agent]) {
    expect((await other.get(path)).status).toBe(403)
    expect((await other.put(path, { max_open: 9 })).status).toBe(403)
  }
  expect((await house.alice.get(path)).body).toMatchObject({ max_open: 3 })
})
