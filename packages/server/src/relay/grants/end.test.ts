// How relay grants end (relay.md G2, G3, R26, T14, §12.11): revoked by either side or by time, with all their threads; warned of before, renewed after.
import { expect, test } from 'vitest'
import type { Answer, Client } from '#harness'
import { openTwo, type Two } from '../testing/two.ts'

const at = (id: string, act = '') => `/api/v1/relay-grants/${id}${act && `/${act}`}`
const start = ({ slug }: Two, by: Client): Promise<Answer> => by.post(`/api/v1/agents/${slug}/threads`, { text: 'Hello' })
const INTROSPECT = '/api/v1/relay-tokens/introspect'
const threads = async ({ house }: Two) =>
  (await house.admin.rows<{ state: string; reason: string | null }>`select state, reason from threads order by id`).map(
    ({ state, reason }) => `${state} ${reason}`,
  )

/** As many open threads, in every state that a thread can be open in. */
async function openThreads(two: Two, by: Client, count: number): Promise<string[]> {
  const ids: string[] = []
  for (let i = 0; i < count; i++) {
    const { status, body } = await start(two, by)
    expect([status, body.code]).toEqual([202, undefined])
    ids.push(body.thread_id)
  }
  const states = ['queued', 'delivering', 'waiting_owner', 'waiting_caller', 'responded', 'awaiting_approval']
  for (const [i, id] of ids.entries())
    await two.house.admin.query('update countersign.threads set state = $2 where id = $1', [id, states[i % states.length]])
  return ids
}

test('G2 T14 §12.11 with the revocation nothing is accepted any more, every open thread ends in it, and history stays readable', async () => {
  const two = await openTwo()
  const { house, as, caller, askerTenant, events } = two
  const { grantId, token } = await two.connect()
  const ids = await openThreads(two, as(token), 20)
  const revoked = await house.bob.post(at(grantId, 'revoke'), { reason: 'It is over.' })
  expect(revoked.body).toEqual({ state: 'revoked', threads_revoked: 20 })
  expect(await threads(two)).toEqual(Array(20).fill('revoked grant_revoked'))
  expect((await house.bob.post(at(grantId, 'revoke'), {})).body).toEqual({ state: 'revoked', threads_revoked: 0 })
  expect((await start(two, as(token))).body.code).toBe('key_revoked')
  expect((await start(two, caller)).body.code).toBe('approval_required')
  expect((await caller.post(`/api/v1/threads/${ids[0]}/messages`, { text: 'More' })).body.code).toBe('thread_revoked')
  expect((await caller.post(at(grantId, 'rotate'), {})).body).toMatchObject({ code: 'grant_ended', state: 'revoked' })
  expect((await caller.get(`/api/v1/threads/${ids[0]}`)).body).toMatchObject({ state: 'revoked', reason: 'grant_revoked' })
  expect((await house.nobody.get(`/api/v1/agents/${two.slug}/card`)).status).toBe(200)
  expect((await caller.get(at(grantId))).body).toMatchObject({ state: 'revoked', ended_reason: 'It is over.', is_expired: false })
  for (const tenant of [house.tenantId, askerTenant])
    expect((await events(tenant, 'relay_grant.revoked')).map(({ body }) => body.data)).toMatchObject([
      { by: 'owner', threads: 20 },
    ])
})

test('G2 §12.11 of starts and messages that race a revocation none commits after it', async () => {
  const two = await openTwo()
  const { house, as, caller } = two
  const { grantId, token } = await two.connect()
  const ids = await openThreads(two, as(token), 6)
  await house.admin.query("update countersign.threads set state = 'queued'")
  const elsewhere = caller.at((await house.second()).url)
  const racing = [
    ...ids.map((id) => caller.post(`/api/v1/threads/${id}/messages`, { text: 'More' })),
    ...ids.map((id) => elsewhere.post(`/api/v1/threads/${id}/messages`, { text: 'More' })),
    start(two, as(token)),
    start(two, elsewhere),
  ]
  const written = async () => (await house.admin.one<{ n: number }>`select count(*)::integer as n from messages`).n
  const ending = house.bob.post(at(grantId, 'revoke'), {}).then(async ({ status }) => ({ status, messages: await written() }))
  const [revoked, ...answers] = await Promise.all([ending, ...racing])
  expect(revoked.status).toBe(200)
  for (const { status, body } of answers)
    expect([status, status === 202 ? null : body.code]).toEqual([
      status,
      status === 202 ? null : expect.stringMatching(/_revoked$|approval_required/),
    ])
  expect(new Set(await threads(two))).toEqual(new Set(['revoked grant_revoked']))
  // What was accepted was there when the revocation was answered.
  expect(await written()).toBe(revoked.messages)
})

test('G2 the caller gives it up as well, by key or by session; what is not theirs nobody ends', async () => {
  const two = await openTwo()
  const { house, caller, bea } = two
  for (const by of [caller, bea]) {
    const { grantId, token } = await two.connect()
    await openThreads(two, two.as(token), 2)
    expect((await house.stranger.post(at(grantId, 'revoke'), {})).status).toBe(404)
    expect((await house.member.post(at(grantId, 'revoke'), {})).status).toBe(404)
    const key = { 'idempotency-key': `${grantId}-r` }
    const revoked = await by.post(at(grantId, 'revoke'), {}, key)
    expect(revoked.body).toEqual({ state: 'revoked', threads_revoked: 2 })
    expect((await by.post(at(grantId, 'revoke'), {}, key)).headers.get('idempotency-replayed')).toBe('true')
  }
})

test('G2 T14 more threads than one transaction takes end right after it', async () => {
  const two = await openTwo()
  const { house, as } = two
  const { grantId, token } = await two.connect()
  const [id] = await openThreads(two, as(token), 1)
  await house.admin.query(
    `insert into countersign.threads (id, tenant_id, card_id, card_version, relay_grant_id, context_id, face, state, turn, sequence, created_at, updated_at, deadline_at)
     select 'thr_0000000000000000000000' || lpad(n::text, 4, '0'), tenant_id, card_id, card_version, relay_grant_id, context_id, face, 'queued', 'owner', 1,
       created_at, updated_at, deadline_at from countersign.threads cross join generate_series(1, 1004) as n where id = $1`,
    [id],
  )
  const revoked = await house.bob.post(at(grantId, 'revoke'), {})
  expect(revoked.body).toEqual({ state: 'revoked', threads_revoked: 1_000 })
  expect((await threads(two)).filter((one) => one.startsWith('queued'))).toHaveLength(5)
  await house.runJobs()
  expect(new Set(await threads(two))).toEqual(new Set(['revoked grant_revoked']))
})

test('G3 time ends it on use at once and by a job for good, with its threads; the owner renews it within 30 days, with a new token', async () => {
  const two = await openTwo()
  const { house, as, caller, askerTenant, events } = two
  const { grantId, token } = await two.connect({ expires_in_seconds: 3_600 })
  await openThreads(two, as(token), 2)
  await house.clock.advance('1h')
  expect((await as(token).post(INTROSPECT, {})).body.code).toBe('key_expired')
  expect((await start(two, caller)).status).toBe(403)
  expect((await house.bob.get(at(grantId))).body).toMatchObject({ state: 'active', is_expired: true })
  expect((await caller.post(at(grantId, 'rotate'), {})).body).toMatchObject({ code: 'grant_ended', state: 'expired' })
  await house.server.queue.enqueueMany([{ kind: 'relay.sweep' }])
  await house.runJobs()
  expect((await house.bob.get(at(grantId))).body).toMatchObject({ state: 'expired', is_expired: true })
  expect(await threads(two)).toEqual(Array(2).fill('revoked grant_expired'))
  for (const tenant of [house.tenantId, askerTenant])
    expect((await events(tenant, 'relay_grant.expired')).map(({ body }) => body.data)).toMatchObject([
      { by: 'system', threads: 2 },
    ])

  expect((await two.bea.post(at(grantId, 'renew'))).body.code).toBe('not_owner')
  const renewed = await house.bob.post(at(grantId, 'renew'))
  expect(renewed.body.relay_grant).toMatchObject({ state: 'active', is_expired: false, ended_at: null })
  expect((await as(token).post(INTROSPECT, {})).status).toBe(401)
  expect((await as(renewed.body.relay_token).post(INTROSPECT, {})).body.active).toBe(true)
  // Ended is final: the threads stay as they are.
  expect(await threads(two)).toEqual(Array(2).fill('revoked grant_expired'))
  expect((await house.bob.post(at(grantId, 'renew'))).body.code).toBe('state_conflict')
  await house.bob.post(at(grantId, 'revoke'), {})
  expect((await house.bob.post(at(grantId, 'renew'))).body).toMatchObject({ code: 'grant_ended', state: 'revoked' })
})

test('G3 after 30 days it is not renewed any more; an expired one is in nobody’s way', async () => {
  const two = await openTwo()
  const { house, caller } = two
  const { grantId } = await two.connect({ expires_in_seconds: 3_600 })
  await house.clock.advance('2h')
  // Nobody has written down yet that it is over.
  const again = await two.ask()
  expect([again.status, again.body.state]).toEqual([201, 'pending'])
  expect((await caller.get(at(grantId))).body.state).toBe('expired')
  await house.clock.advance('30d')
  const owner = await house.given.user({ role: 'owner' })
  expect((await owner.post(at(grantId, 'renew'))).body).toMatchObject({ code: 'grant_ended', state: 'expired' })
})

test('R26 both sides are told 14 and 3 days before the end and on the last day, each once; a rotation begins anew', async () => {
  const two = await openTwo()
  const { house, askerTenant, events, caller } = two
  const { grantId } = await two.connect()
  const warn = async () => {
    await house.server.queue.enqueueMany([{ kind: 'relay.grant_warn' }])
    await house.runJobs()
  }
  const told = async (tenant: string) =>
    (await events(tenant, 'relay_grant.expiring')).map(({ body }) => (body.data as { days: number }).days)
  await house.clock.advance('75d')
  await warn()
  expect(await told(house.tenantId)).toEqual([])
  for (const ahead of ['26h', '1h', '264h', '1h', '48h', '1h']) {
    await house.clock.advance(ahead)
    await warn()
  }
  for (const tenant of [house.tenantId, askerTenant]) expect(await told(tenant)).toEqual([14, 3, 0])
  expect((await caller.post(at(grantId, 'rotate'), {})).status).toBe(200)
  await house.clock.advance('80d')
  await warn()
  for (const tenant of [house.tenantId, askerTenant]) expect(await told(tenant)).toEqual([14, 3, 0, 14])
})
