// How the owner's people answer (relay.md C3, C4, R24, R25, R76, R78, §10, §12.4): by the route or by the task, once, less than what was asked and never more.
import { expect, test } from 'vitest'
import type { Answer, Client, House } from '#harness'
import { openTwo, type Two } from '../testing/two.ts'

const at = (id: string, act = '') => `/api/v1/connection-requests/${id}${act && `/${act}`}`
const approve = (by: Client, id: string, body: object = {}, headers = {}) => by.post(at(id, 'approve'), body, headers)
const counts = (house: House) =>
  house.admin.one<{ grants: number; tokens: number }>`
    select (select count(*) from relay_grants)::integer as grants, (select count(*) from relay_tokens)::integer as tokens`

async function asked(two: Two, own: object = {}): Promise<{ id: string; task: string }> {
  const { status, body } = await two.ask(own)
  expect(status).toBe(201)
  return { id: body.id, task: body.task_url.split('/').at(-1) }
}

test('C3 R25 approving makes one relay grant, and the token stands in that one answer', async () => {
  const two = await openTwo()
  const { house, caller, askerTenant, events } = two
  const { id, task } = await asked(two)
  const agreed = await approve(house.bob, id, { note: 'Welcome', note_visible: true })
  expect(agreed.status).toBe(200)
  const { connection_request: request, relay_grant: grant, relay_token: token } = agreed.body
  expect(token).toMatch(/^cs_live_rly_[0-9A-Za-z]{36}$/)
  expect(request).toMatchObject({
    id,
    side: 'owner',
    state: 'approved',
    relay_grant_id: grant.id,
    issue: 'on_approve',
    decided_by: house.bob.id,
  })
  expect(grant).toMatchObject({
    state: 'active',
    scopes: expect.arrayContaining(['threads:start', 'threads:subscribe']),
    connection_request_id: id,
  })
  expect(grant.tokens).toMatchObject([{ prefix: token.slice(0, 12), last_four: token.slice(-4), is_live: true }])
  const days = (new Date(agreed.body.expires_at).getTime() - new Date(grant.created_at).getTime()) / 86_400_000
  expect(days).toBe(90)
  expect((await house.bob.get(`/api/v1/tasks/${task}`)).body).toMatchObject({ status: 'completed', outcome: 'accepted' })
  const theirs = await caller.get(at(id))
  expect(theirs.body).toMatchObject({ side: 'caller', state: 'approved', note: 'Welcome', relay_grant_id: grant.id })
  expect(theirs.body.given).toEqual(theirs.body.asked)
  expect(JSON.stringify(theirs.body)).not.toContain(house.bob.id)
  for (const tenant of [house.tenantId, askerTenant])
    expect((await events(tenant, 'relay_grant.%')).map(({ type }) => type)).toEqual(['relay_grant.created'])
  // Who of the owner's people it was is the owner's to know.
  expect(JSON.stringify(await events(askerTenant))).not.toContain(house.bob.id)
})

test('C3 §12.4 two approvers at the same instant: one relay grant, one token, one 409', async () => {
  const two = await openTwo()
  const { house } = two
  for (let round = 0; round < 3; round++) {
    const { id } = await asked(two)
    const answers: Answer[] = await Promise.all([approve(house.bob, id), approve(house.alice, id)])
    const [won, lost] = answers.sort((a, b) => a.status - b.status) as [Answer, Answer]
    expect([won.status, lost.status, lost.body.code, lost.body.state]).toEqual([200, 409, 'request_already_decided', 'approved'])
    expect(await counts(house)).toEqual({ grants: round + 1, tokens: round + 1 })
    expect((await house.bob.post(`/api/v1/relay-grants/${won.body.relay_grant.id}/revoke`, {})).status).toBe(200)
  }
})

test('§12.4 §10 R78 an outsider decides nothing and it is still pending: not the asking side, no agent, nobody of a third tenant', async () => {
  const two = await openTwo()
  const { house, bea, caller } = two
  const { id } = await asked(two)
  const random = at(id).replace(/[0-9A-Z]{8}$/, '0000000Z')
  for (const act of ['approve', 'deny']) {
    const told = async (by: Client) => {
      const { status, body } = await by.post(at(id, act), {})
      return [status, body.code]
    }
    expect(await told(bea)).toEqual([403, 'separation_of_duties'])
    expect(await told(house.member)).toEqual([403, 'not_owner'])
    expect(await told(house.viewer)).toEqual([403, 'forbidden'])
    expect((await told(caller))[0]).toBe(403)
    expect((await told(house.agent))[0]).toBe(403)
    expect((await told(house.nobody))[0]).toBe(401)
    const foreign = await house.stranger.post(at(id, act), {})
    const nowhere = await house.stranger.post(`${random}/${act}`, {})
    expect([foreign.status, { ...foreign.body, request_id: '' }]).toEqual([404, { ...nowhere.body, request_id: '' }])
  }
  expect((await house.bob.get(at(id))).body.state).toBe('pending')
  expect(await counts(house)).toEqual({ grants: 0, tokens: 0 })
})

test('R78 whoever belongs to both sides speaks for the asking one, by the route and by the task', async () => {
  const two = await openTwo()
  const { house, askerTenant } = two
  await house.admin.query(
    `insert into countersign.roles select $1, user_id, role, is_host, created_at from countersign.roles where tenant_id = $2 and user_id = $3`.replace(
      'select $1, user_id, role, is_host, created_at',
      await rolesWithTenant(house),
    ),
    [askerTenant, house.tenantId, house.bob.id],
  )
  const { id, task } = await asked(two)
  const refused = await approve(house.bob, id)
  expect([refused.status, refused.body.code]).toEqual([403, 'separation_of_duties'])
  const byTask = await house.bob.post(`/api/v1/tasks/${task}/decide`, { type: 'accept', seen_revision: 1 })
  expect([byTask.status, byTask.body.code]).toEqual([403, 'separation_of_duties'])
  expect((await house.alice.get(at(id))).body.state).toBe('pending')
  expect((await approve(house.alice, id)).status).toBe(200)
})

/** The columns of `roles`, the tenant's in the place of $1. */
async function rolesWithTenant(house: House): Promise<string> {
  const columns = await house.admin.rows<{ name: string }>`
    select column_name as name from information_schema.columns where table_schema = 'countersign' and table_name = 'roles' order by ordinal_position`
  return `select ${columns.map(({ name }) => (name === 'tenant_id' ? '$1::uuid' : name)).join(', ')}`
}

test('R24 approval narrows and never widens; what was asked stands beside what was given', async () => {
  const two = await openTwo()
  const { house, caller } = two
  const wish = {
    ...{ skills: ['book', 'cancel'], scopes: ['threads:start', 'threads:send', 'threads:read'] },
    ...{ expires_in_seconds: 864_000, limits: { max_open_threads: 50, rate: 60 } },
  }
  const { id, task } = await asked(two, wish)
  for (const [wider, path] of [
    [{ skills: ['fly'] }, '/skills/0'],
    [{ scopes: ['threads:subscribe'] }, '/scopes/0'],
    [{ expires_in_seconds: 864_001 }, '/expires_in_seconds'],
    [{ limits: { max_open_threads: 51 } }, '/limits/max_open_threads'],
    [{ limits: { rate: 0 } }, '/limits/rate'],
    [{ bind: { addresses: ['10.0.0.0/33'] } }, '/bind/addresses/0'],
    [{ bind: { addresses: Array.from({ length: 21 }, (_, i) => `10.0.0.${i}`) } }, '/bind/addresses'],
    [{ bind: { dpop_jkt: 'short' } }, '/bind/dpop_jkt'],
    [{ encryption: 'required' }, '/encryption'],
  ] as const) {
    const refused = await approve(house.bob, id, wider)
    expect([wider, refused.status, refused.body.code]).toEqual([wider, 422, 'validation_failed'])
    expect(JSON.stringify(refused.body.errors)).toContain(path.split('/')[1])
  }
  const narrow = {
    ...{ skills: ['book'], scopes: ['threads:send', 'threads:start'], expires_in_seconds: 3_600 },
    ...{ limits: { max_open_threads: 2 }, bind: { addresses: ['10.1.2.3/8', '2001:db8::1'] } },
  }
  const agreed = await approve(house.bob, id, narrow)
  expect(agreed.status).toBe(200)
  expect(agreed.body.relay_grant).toMatchObject({
    ...{ skills: ['book'], scopes: ['threads:start', 'threads:send'], limits: { max_open_threads: 2, rate: 60 } },
    ...{ bind: { addresses: ['10.0.0.0/8', '2001:db8::1/128'], dpop_jkt: null }, token_lifetime_seconds: 3_600 },
  })
  const seen = (await caller.get(at(id))).body
  expect(seen.asked).toMatchObject(wish)
  expect(seen.given).toMatchObject({ skills: ['book'], expires_in_seconds: 3_600 })
  // What people agreed to is on the record of their task, to the letter.
  const decided = (await house.bob.get(`/api/v1/tasks/${task}`)).body
  expect(decided).toMatchObject({
    outcome: 'edited',
    response: { type: 'edit', args: { skills: ['book'], expires_in_seconds: 3_600 } },
  })
})

test('C3 R76 deciding the task is the approve route: the grant is there, and the token is made when it is collected', async () => {
  const two = await openTwo()
  const { house, caller } = two
  const first = await asked(two, { skills: ['book', 'cancel'] })
  const wide = {
    type: 'edit',
    seen_revision: 1,
    args: {
      skills: ['book', 'fly'],
      scopes: ['threads:start'],
      expires_in_seconds: 9_000,
      limits: {},
      bind: { addresses: null, dpop_jkt: null },
    },
  }
  const refused = await house.bob.post(`/api/v1/tasks/${first.task}/decide`, wide)
  expect([refused.status, refused.body.code]).toEqual([422, 'edited_action_denied'])
  const less = { ...wide, args: { ...wide.args, skills: ['book'] } }
  expect((await house.bob.post(`/api/v1/tasks/${first.task}/decide`, less)).status).toBe(200)
  expect((await house.bob.get(at(first.id))).body).toMatchObject({
    state: 'approved',
    issue: 'on_collect',
    given: { skills: ['book'], scopes: ['threads:start'] },
  })
  expect(await counts(house)).toEqual({ grants: 1, tokens: 0 })
  const collected = await caller.post(at(first.id, 'collect'))
  expect(collected.body).toMatchObject({ relay_token: expect.stringMatching(/^cs_live_rly_/) })
  await house.bob.post(`/api/v1/relay-grants/${collected.body.relay_grant_id}/revoke`, {})

  const second = await asked(two)
  const no = { type: 'deny', reason: 'We do not know you.', seen_revision: 1 }
  expect((await house.bob.post(`/api/v1/tasks/${second.task}/decide`, no)).status).toBe(200)
  expect((await house.bob.get(at(second.id))).body).toMatchObject({ state: 'denied', note: 'We do not know you.' })
  expect((await caller.get(at(second.id))).body).toMatchObject({ state: 'denied', note: null })
})

test('C4 §10 a denial tells the asking side its state and the note that is meant for it; what is decided stays decided', async () => {
  const two = await openTwo()
  const { house, caller } = two
  const { id } = await asked(two)
  const denied = await house.bob.post(at(id, 'deny'), { note: 'Ask again in May.', note_visible: true })
  expect([denied.status, denied.body.state, denied.body.side]).toEqual([200, 'denied', 'owner'])
  expect((await caller.get(at(id))).body).toMatchObject({ state: 'denied', note: 'Ask again in May.', given: null })
  for (const act of ['approve', 'deny']) {
    const late = await house.alice.post(at(id, act), {})
    expect([late.status, late.body.code, late.body.state]).toEqual([409, 'request_already_decided', 'denied'])
  }
  // The next one is another question.
  const next = await asked(two)
  expect((await approve(house.bob, next.id)).status).toBe(200)
  const again = await approve(house.bob, next.id)
  expect([again.status, again.body.code, again.body.state]).toEqual([409, 'request_already_decided', 'approved'])
})

test('C3 C4 an approval and a denial that meet: one of them counts', async () => {
  const two = await openTwo()
  const { house } = two
  for (let round = 0; round < 4; round++) {
    const { id } = await asked(two)
    const [yes, no] = await Promise.all([approve(house.bob, id), house.alice.post(at(id, 'deny'), {})])
    expect([yes.status, no.status].sort()).toEqual([200, 409])
    const { state, relay_grant_id: grant } = (await house.bob.get(at(id))).body
    expect(state).toBe(yes.status === 200 ? 'approved' : 'denied')
    expect(grant === null).toBe(state === 'denied')
    if (grant) await house.bob.post(`/api/v1/relay-grants/${grant}/revoke`, {})
  }
})

test('R78 with a quorum the last of several decides, and one refusal refuses', async () => {
  const two = await openTwo()
  const { house } = two
  const text = `@id("two") @ask("May {agent} be connected?") @quorum("2") permit (principal is Agent, action == Action::"connection_request.create", resource);
@id("people") permit (principal is User, action, resource);`
  const saved = await house.bob.post('/api/v1/policies', { text })
  await house.bob.post(`/api/v1/policies/${saved.body.version}/activate`, {})
  const first = await asked(two)
  const half = await approve(house.bob, first.id, { skills: ['book'] })
  expect([half.status, half.body.connection_request.state, half.body.relay_grant]).toEqual([200, 'pending', null])
  expect(half.body).not.toHaveProperty('relay_token')
  expect((await approve(house.bob, first.id)).body.code).toBe('already_decided')
  // Those agree who agree to the same.
  const other = await approve(house.alice, first.id)
  expect(other.body.connection_request.state).toBe('pending')
  const whole = await approve(house.operator, first.id, { skills: ['book'], issue: 'on_collect' })
  expect(whole.body.connection_request).toMatchObject({ state: 'approved', given: { skills: ['book'] }, issue: 'on_collect' })
  expect(await counts(house)).toEqual({ grants: 1, tokens: 0 })
  await house.bob.post(`/api/v1/relay-grants/${whole.body.relay_grant.id}/revoke`, {})

  const second = await asked(two)
  expect((await approve(house.bob, second.id)).body.connection_request.state).toBe('pending')
  expect((await house.alice.post(at(second.id, 'deny'), {})).body.state).toBe('denied')
})

test('R25 §12.5 a replay of the approval has everything but the token', async () => {
  const two = await openTwo()
  const { house } = two
  const { id } = await asked(two)
  const key = { 'idempotency-key': 'agree-1' }
  const first = await approve(house.bob, id, { scopes: ['threads:start'] }, key)
  const replay = await approve(house.bob, id, { scopes: ['threads:start'] }, key)
  expect([first.status, replay.status, replay.headers.get('idempotency-replayed')]).toEqual([200, 200, 'true'])
  const { relay_token: token, ...rest } = first.body
  expect(replay.body).toEqual({ ...rest, secret_shown: false })
  expect(token).toMatch(/^cs_live_rly_/)
  expect(await counts(house)).toEqual({ grants: 1, tokens: 1 })
})

test('R78 where silence is to escalate, a second group is asked for as long again, and can still agree', async () => {
  const two = await openTwo()
  const { house, caller } = two
  const text = `@id("asks") @ask("May {agent} be connected?") @expires("10m") @on_timeout("escalate") permit (principal is Agent, action == Action::"connection_request.create", resource);
@id("people") permit (principal is User, action, resource);`
  const saved = await house.bob.post('/api/v1/policies', { text })
  await house.bob.post(`/api/v1/policies/${saved.body.version}/activate`, {})
  const { id } = await asked(two)
  const first = new Date((await caller.get(at(id))).body.expires_at).getTime()
  await house.clock.advance('10m')
  await house.runJobs()
  const escalated = (await caller.get(at(id))).body
  expect(escalated.state).toBe('pending')
  expect(new Date(escalated.expires_at).getTime()).toBeGreaterThan(first)
  await house.clock.advance('9m')
  expect((await approve(house.bob, id)).body.connection_request).toMatchObject({ state: 'approved' })
})
