// Connection requests between two owners (relay.md C1–C5, R24, R25, R71, R76, R78).
import { expect, test } from 'vitest'
import { type Client, clientOf } from '#harness'
import { tenantWire } from '../../std/id.ts'
import { agentOf, openTwo } from '../testing/two.ts'

const at = (id: string, act = '') => `/api/v1/connection-requests/${id}${act && `/${act}`}`

test('C1 R71 R76 a request waits in the common inbox of the owner, both records know of it, and a second one is told of the first', async () => {
  const { house, ask, askerTenant, caller, slug } = await openTwo()
  const asked = await ask({ skills: ['book'], expires_in_seconds: 86_400, limits: { max_open_threads: 5 } })
  expect(asked.status).toBe(201)
  expect(asked.headers.get('location')).toBe(at(asked.body.id))
  expect(asked.body).toMatchObject({ side: 'caller', state: 'pending', agent: slug, given: null, relay_grant_id: null })
  expect(asked.body.asked).toMatchObject({
    skills: ['book'],
    expires_in_seconds: 86_400,
    limits: { max_open_threads: 5 },
    encryption: 'off',
  })
  expect(asked.body).not.toHaveProperty('decided_by')
  const task = await house.bob.get(new URL(asked.body.task_url).pathname.replace('/tasks', '/api/v1/tasks'))
  expect(task.body).toMatchObject({ origin: 'relay', origin_ref: asked.body.id, status: 'open', separate: true })
  expect(task.body.action).toMatchObject({ name: 'connection_request.create', args: { skills: ['book'] } })
  const inbox = await house.bob.get('/api/v1/connection-requests?side=owner&state=pending')
  expect(inbox.body.data).toMatchObject([{ id: asked.body.id, side: 'owner', asker: { agent_id: caller.id } }])
  for (const tenant of [house.tenantId, askerTenant]) {
    const told = await house.admin.rows<{ type: string }>`
      select type from events where tenant_id = ${tenant}::uuid and type like 'connection_request.%'`
    expect(told).toEqual([{ type: 'connection_request.created' }])
  }
  const again = await ask()
  expect([again.status, again.body.code, again.body.existing_id]).toEqual([409, 'duplicate_request', asked.body.id])
})

test('C1 two equal requests at the same moment are one: the other names it', async () => {
  const { house, ask, caller } = await openTwo()
  const elsewhere = caller.at((await house.second()).url)
  const answers = await Promise.all([ask(), ask({}, elsewhere), ask(), ask({}, elsewhere)])
  const made = answers.filter(({ status }) => status === 201)
  expect(made).toHaveLength(1)
  const others = answers.filter(({ status }) => status !== 201)
  expect(others.map(({ body }) => [body.code, body.existing_id])).toEqual(
    others.map(() => ['duplicate_request', made[0]?.body.id]),
  )
  const { n } = await house.admin.one<{ n: number }>`select count(*)::integer as n from tasks where origin = 'relay'`
  expect(n).toBe(1)
})

test('C2 where the owner’s policies let it through there is no task, and the same rules of grants: the token is made when it is collected', async () => {
  const { house, ask, caller, events } = await openTwo()
  const text = `@id("open") permit (principal is Agent, action == Action::"connection_request.create", resource) when { context.direction == "in" };
@id("people") permit (principal is User, action, resource);`
  await activate(house.bob, text)
  const asked = await ask({ scopes: ['threads:start'] })
  expect(asked.body).toMatchObject({ state: 'approved', task_url: null, issue: 'on_collect', token_issued_at: null })
  expect(asked.body.given).toMatchObject({ scopes: ['threads:start'] })
  const seen = await house.bob.get(at(asked.body.id))
  expect(seen.body).toMatchObject({ side: 'owner', policy_version: 2, decided_by: 'system:relay' })
  const { n } = await house.admin.one<{ n: number }>`select count(*)::integer as n from relay_tokens`
  expect(n).toBe(0)
  expect((await caller.post(at(asked.body.id, 'collect'))).body.relay_token).toMatch(/^cs_live_rly_/)
  expect((await events(house.tenantId, 'connection_request.%')).map(({ type }) => type)).toEqual([
    'connection_request.created',
    'connection_request.approved',
    'connection_request.collected',
  ])
  const again = await ask()
  expect([again.body.code, again.body.existing_id, again.body.state]).toEqual(['duplicate_request', asked.body.id, 'approved'])
})

test('R71 R120 who is blocked and whom policy refuses hear the same, and the owner’s policies are named to neither', async () => {
  const { house, ask, askerTenant, caller, events } = await openTwo()
  await activate(
    house.bob,
    `@id("closed") forbid (principal, action == Action::"connection_request.create", resource);
@id("people") permit (principal is User, action, resource);`,
  )
  const refused = await ask()
  expect([refused.status, refused.body.code]).toEqual([403, 'policy_denied'])
  expect(JSON.stringify(refused.body)).not.toContain('closed')
  expect((await events(house.tenantId, 'policy.decided')).map(({ body }) => body)).toMatchObject([
    { decision: { outcome: 'deny', policy_ids: ['closed'] } },
  ])
  expect(await events(askerTenant, 'connection_request.%')).toEqual([])

  await activate(house.bob, `@id("all") permit (principal, action, resource);`)
  for (const column of ['blocked_tenant', 'blocked_agent']) {
    await house.admin.query('delete from countersign.blocks')
    await house.admin.query(
      `insert into countersign.blocks (id, tenant_id, ${column}, created_by, created_at) values ('blk_1', $1, $2, 'usr_1', now())`,
      [house.tenantId, column === 'blocked_tenant' ? askerTenant : caller.id],
    )
    const blocked = await ask()
    expect([blocked.status, { ...blocked.body, request_id: '' }]).toEqual([403, { ...refused.body, request_id: '' }])
  }
  await house.admin.query('delete from countersign.blocks')
  expect((await ask()).status).toBe(201)
})

test('R71 the asking side’s own policies come first: where they ask, their people agree before the owner hears of it', async () => {
  const { house, ask, bea, events } = await openTwo()
  await activate(
    bea,
    `@id("out") @ask("May {agent} go out?") permit (principal is Agent, action == Action::"connection_request.create", resource) when { context.direction == "out" };
@id("people") permit (principal is User, action, resource);`,
  )
  const held = await ask()
  expect([held.status, held.body.code]).toEqual([428, 'approval_pending'])
  expect(await events(house.tenantId, 'connection_request.%')).toEqual([])
  const decided = await bea.post(`/api/v1/tasks/${held.body.task_id}/decide`, {
    ...{ type: 'respond', response: { approve: true }, seen_revision: 1 },
  })
  expect(decided.status).toBe(200)
  expect((await ask()).status).toBe(201)

  await activate(bea, `@id("people") permit (principal is User, action, resource);`)
  const { body } = await ask()
  // What waits already is told before anybody is asked.
  expect(body.code).toBe('duplicate_request')
})

test('C1 §10 what is not asked rightly is refused with its place, and what may not be known of is not there', async () => {
  const { house, ask, bea, caller, slug } = await openTwo()
  const other = await house.given.agent({ name: 'other' })
  for (const [wish, path] of [
    [{ skills: ['fly'] }, '/skills/0'],
    [{ skills: [] }, '/skills'],
    [{ purpose: ' ' }, '/purpose'],
    [{ purpose: 'x'.repeat(2_001) }, '/purpose'],
    [{ expires_in_seconds: 3_599 }, '/expires_in_seconds'],
    [{ expires_in_seconds: 31_536_001 }, '/expires_in_seconds'],
    [{ scopes: ['threads:everything'] }, '/scopes/0'],
    [{ limits: { max_open_threads: -1 } }, '/limits/max_open_threads'],
    [{ from_agent_id: other.id }, '/from_agent_id'],
    [{ encryption_key: {} }, '/encryption_key'],
  ] as const) {
    const refused = await ask(wish)
    expect([wish, refused.status, refused.body.code]).toEqual([wish, 422, 'validation_failed'])
    expect(JSON.stringify(refused.body.errors)).toContain(path.slice(1).split('/')[0])
  }
  expect((await bea.post(`/api/v1/agents/${slug}/connection-requests`, { purpose: 'x' })).body.errors).toMatchObject([
    { path: '/from_agent_id', code: 'required' },
  ])
  for (const nowhere of ['nobody-here', 'Nobody', '..%2f', 'x'.repeat(65)])
    expect((await caller.post(`/api/v1/agents/${nowhere}/connection-requests`, { purpose: 'x' })).status).toBe(404)
  await house.admin.query("update countersign.cards set visibility = 'members'")
  expect((await ask()).status).toBe(404)
  const { n } = await house.admin.one<{ n: number }>`select count(*)::integer as n from connection_requests`
  expect(n).toBe(0)
})

test('C1 R78 people ask in the name of one of their agents, and members of their own alone', async () => {
  const { house, ask, bea, caller, askerTenant } = await openTwo()
  const member = await house.given.user({ role: 'member', tenantId: askerTenant })
  const foreign = await ask({ from_agent_id: caller.id }, member)
  expect([foreign.status, foreign.body.errors]).toMatchObject([422, [{ path: '/from_agent_id', code: 'not_found' }]])
  expect((await ask({ from_agent_id: caller.id }, bea)).body).toMatchObject({ state: 'pending', asker: { agent_id: caller.id } })
  const narrow = await house.given.key({ kind: 'agt', agent_id: caller.id, scopes: ['threads:*'] }, bea)
  expect((await ask({}, clientOf(house.url, { bearer: narrow.secret }))).body.code).toBe('scope_missing')
})

test('R71 what a tenant permits everybody of its own it does not permit agents of others', async () => {
  const { house, ask } = await openTwo()
  await activate(house.bob, `@id("us") permit (principal in Tenant::"${tenantWire(house.tenantId)}", action, resource);`)
  expect((await ask()).body.code).toBe('policy_denied')
  const ours = await agentOf(house, house.alice, ['connection_requests:*'], 'ours')
  expect((await ask({}, ours)).body.state).toBe('approved')
})

test('R112 an asker has so many requests an hour and so many a day', async () => {
  const hourly = await openTwo({ settings: { LIMITS: 'relay.request=2/1h' } })
  const codes = []
  for (let i = 0; i < 3; i++) codes.push((await hourly.ask({ purpose: '' })).body.code)
  expect(codes).toEqual(['validation_failed', 'validation_failed', 'rate_limited'])
  const daily = await openTwo({ settings: { LIMITS: 'relay.request=0,relay.request.day=1/1d' } })
  expect((await daily.ask()).status).toBe(201)
  const late = await daily.ask()
  expect([late.status, late.body.bucket]).toEqual([429, 'relay.request.day'])
})

async function activate(by: Client, text: string): Promise<void> {
  const saved = await by.post('/api/v1/policies', { text })
  expect([saved.status, saved.body.errors]).toEqual([201, []])
  expect((await by.post(`/api/v1/policies/${saved.body.version}/activate`, {})).status).toBe(200)
}

test('C1 R52 with an Idempotency-Key the repeat is the same answer, and no second question', async () => {
  const { house, caller, slug } = await openTwo()
  const send = (purpose: string) =>
    caller.post(`/api/v1/agents/${slug}/connection-requests`, { purpose }, { 'idempotency-key': 'ask-1' })
  const first = await send('To book.')
  const again = await send('To book.')
  expect([first.status, again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 201, 'true'])
  expect(again.body).toEqual(first.body)
  expect((await send('Something else.')).body.code).toBe('idempotency_mismatch')
  const { n } = await house.admin.one<{ n: number }>`select count(*)::integer as n from connection_requests`
  expect(n).toBe(1)
})
