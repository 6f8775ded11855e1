// Decisions of people that a key relays (T19): whose they are, what the record says of them, and what no such key can do.
import { expect, test } from 'vitest'
import { type Client, clientOf, type House, type Person, setup } from '#harness'
import { answer, errorsOf, REFUND, remains } from './tasks.fixture.ts'

const at = (id: unknown, act = '') => `/api/v1/tasks/${id}${act && `/${act}`}`
const RELAYS = ['tasks:decide_for']

async function relay(house: House, more: object = {}): Promise<Client & { id: string }> {
  const key = await house.given.key({ kind: 'adm', name: 'front desk', scopes: RELAYS, ...more })
  return Object.assign(clientOf(house.url, { bearer: key.secret }), { id: key.id })
}
const decideFor = (who: Client, person: string, id: unknown, more: object = {}) =>
  who.post(at(id, 'decide'), answer({ approved: true }, { on_behalf_of: person, ...more }))
const askOf = (house: House, who: Pick<Person, 'email'>, more: object = {}) =>
  house.given.task({ ...REFUND, assign_to: { email: who.email }, ...more })

test('T19 a key relays a person’s decision: it is theirs, attested by that key, ranks as a link, and shows the key no content', async () => {
  const house = await setup()
  const reviewer = await house.reviewer.person()
  const desk = await relay(house)
  for (const name of [reviewer.id, reviewer.email.toUpperCase()]) {
    const { id } = await askOf(house, reviewer)
    const done = await decideFor(desk, name, id)
    expect([done.status, done.body.status, done.body.payload]).toEqual([200, 'completed', { _redacted: true }])
    const task = (await house.alice.get(at(id))).body
    expect(task).toMatchObject({ completed_by_user_id: reviewer.id, completed_via_channel: 'api', response: { approved: true } })
    expect(task.decisions).toMatchObject([
      { user_id: reviewer.id, channel: 'api', assurance: 'link', attested_by: desk.id, stepped_in: false },
    ])
  }
  const [event] = (await house.alice.get('/api/v1/events?type=task.completed')).body.data
  expect(event).toMatchObject({ actor: { type: 'key', id: desk.id }, data: { attested_by: desk.id } })
  const own = await askOf(house, reviewer)
  await reviewer.post(at(own.id, 'decide'), answer())
  expect((await house.alice.get(at(own.id))).body.decisions).toMatchObject([{ attested_by: null }])
})

test('T19 who is relayed may what they may: no more than who was asked, in no other role, and never beyond a link', async () => {
  const house = await setup()
  const [reviewer, viewer, operator] = await Promise.all([
    house.reviewer.person(),
    house.viewer.person(),
    house.operator.person(),
  ])
  const desk = await relay(house)
  const { id } = await askOf(house, reviewer)
  const before = await remains(house)
  for (const who of [house.bob, operator, viewer])
    expect((await decideFor(desk, who.id, id, { reason: 'away' })).body).toMatchObject({ status: 403, code: 'not_eligible' })
  for (const name of ['usr_01JZZZZZZZZZZZZZZZZZZZZZZZ', 'nobody@example.com', house.agent.id, 'Alice']) {
    const { status, body } = await decideFor(desk, name, id)
    expect([name, status, errorsOf(body)]).toEqual([name, 422, ['/on_behalf_of unknown']])
  }
  const risky = await askOf(house, reviewer, { risk: 'high' })
  expect((await decideFor(desk, reviewer.id, risky.id)).body).toMatchObject({ code: 'step_up_required', have: 'link' })
  await house.alice.patch('/api/v1/decision-settings', { separate_duties: 'all' })
  const owners = await askOf(house, house.alice)
  expect((await decideFor(desk, house.alice.id, owners.id)).body.code).toBe('separation_of_duties')
  expect((await remains(house)).decisions).toBe(before.decisions)
  // Those who run the work are asked where nobody is named, and may be relayed there as anybody who was asked.
  await house.alice.patch('/api/v1/decision-settings', { separate_duties: 'asked' })
  expect((await decideFor(desk, operator.id, (await house.given.task(REFUND)).id)).status).toBe(200)
  const outside = await house.given.task({ ...REFUND, assign_to: { email: 'asked@example.com' } })
  const done = await decideFor(desk, 'asked@example.com', outside.id)
  expect(done.status).toBe(200)
  const { body } = await house.alice.get(at(outside.id))
  expect(body.decisions).toMatchObject([{ user_id: null, email: 'asked@example.com', attested_by: desk.id }])
})

test('T19 A15 no agent decides, whatever its key carries and policies permit: it names a person or is refused, and never answers what its own side asked', async () => {
  const house = await setup()
  const reviewer = await house.reviewer.person()
  const saved = await house.bob.post('/api/v1/policies', { text: '@id("all") permit (principal, action, resource);' })
  await house.bob.post(`/api/v1/policies/${saved.body.version}/activate`, {})
  const key = await house.given.key({ kind: 'agt', agent_id: house.agent.id, scopes: ['tasks:*', ...RELAYS] })
  const agent = clientOf(house.url, { bearer: key.secret })
  const other = await house.given.agent()
  const own = await askOf(house, reviewer)
  const theirs = await house.given.task({ ...REFUND, assign_to: { email: reviewer.email } }, other)

  for (const { id } of [own, theirs]) {
    expect((await agent.post(at(id, 'decide'), answer())).body).toMatchObject({ status: 403, code: 'agent_may_not_decide' })
    expect((await house.agent.post(at(id, 'decide'), answer())).body.code).toBe('agent_may_not_decide')
    expect((await decideFor(house.agent, reviewer.id, id)).body.code).toBe('agent_may_not_decide')
    for (const act of ['claim', 'release']) expect((await agent.post(at(id, act), {})).body.code).toBe('agent_may_not_decide')
    const compatible = await agent.post(`/api/tasks/${id}/complete`, {
      response: { approved: true },
      completed_by_email: reviewer.email,
    })
    expect([compatible.status, compatible.body.code]).toEqual([403, 'agent_may_not_decide'])
  }
  expect((await decideFor(agent, reviewer.id, own.id)).body).toMatchObject({ status: 403, code: 'agent_may_not_decide' })
  // A tenant's key, or its maker, is an asking side as well.
  const desk = await relay(house, { scopes: ['tasks:create', ...RELAYS] })
  const asked = await house.given.task({ ...REFUND, assign_to: { email: reviewer.email } }, desk)
  expect((await decideFor(desk, reviewer.id, asked.id)).body.code).toBe('agent_may_not_decide')
  for (const { id } of [own, theirs, asked])
    expect((await house.alice.get(at(id))).body).toMatchObject({ status: 'open', decisions: [] })
  expect((await decideFor(agent, reviewer.id, theirs.id)).status).toBe(200)
})

test('T19 T21 only a key with that scope names somebody else: sessions, personal keys and wildcards do not', async () => {
  const house = await setup()
  const reviewer = await house.reviewer.person()
  const { id } = await askOf(house, reviewer)
  const named = await house.bob.post(at(id, 'decide'), answer({ approved: true }, { on_behalf_of: reviewer.id, reason: 'x' }))
  expect([named.status, errorsOf(named.body)]).toEqual([422, ['/on_behalf_of not_allowed']])
  const personal = await house.given.key({ kind: 'usr', scopes: ['tasks:*'] })
  const { body } = await decideFor(clientOf(house.url, { bearer: personal.secret }), reviewer.id, id)
  expect(body).toMatchObject({ status: 403, code: 'scope_missing', needed: 'tasks:decide_for' })
  // With the scope alone nobody decides in their own name.
  const alone = await house.given.key({ kind: 'usr', scopes: RELAYS })
  const nameless = await clientOf(house.url, { bearer: alone.secret }).post(at(id, 'decide'), answer())
  expect(nameless.body).toMatchObject({ status: 403, code: 'scope_missing', needed: 'tasks:decide' })
  expect((await decideFor(house.nobody, reviewer.id, id)).status).toBe(401)
  const stranger = await house.stranger.person()
  const elsewhere = await house.given.key({ kind: 'adm', scopes: RELAYS }, stranger)
  expect((await decideFor(clientOf(house.url, { bearer: elsewhere.secret }), reviewer.id, id)).status).toBe(404)
  expect((await house.alice.get(at(id))).body).toMatchObject({ status: 'open', decisions: [] })
})

test('T19 P56 only owners and admins give that scope, and it is worth no more than its maker is now', async () => {
  const house = await setup()
  const operator = await house.operator.person()
  for (const input of [
    { kind: 'usr', scopes: RELAYS },
    { kind: 'agt', agent_id: (await house.given.agent({ owner: operator })).id, scopes: RELAYS },
  ])
    expect((await operator.post('/api/v1/keys', input)).body).toMatchObject({ code: 'scope_too_wide', scopes: RELAYS })
  const reviewer = await house.reviewer.person()
  const maker = await house.given.user({ role: 'admin' })
  const key = await house.given.key({ kind: 'adm', scopes: RELAYS }, maker)
  const desk = clientOf(house.url, { bearer: key.secret })
  const { id } = await askOf(house, reviewer)
  await house.admin.run`update roles set role = 'operator' where user_id = ${maker.id}`
  expect((await decideFor(desk, reviewer.id, id)).status).toBe(403)
  await house.admin.run`update roles set role = 'admin' where user_id = ${maker.id}`
  expect((await decideFor(desk, reviewer.id, id)).status).toBe(200)
})

test('T19 T8 policy knows the person, not the key, and may forbid what is relayed', async () => {
  const house = await setup()
  const reviewer = await house.reviewer.person()
  const desk = await relay(house)
  const text = `@id("all") permit (principal, action, resource);\n@id("in-person") forbid (principal == User::"${reviewer.id}", action == Action::"task.decide", resource) when { context.relayed };`
  const saved = await house.bob.post('/api/v1/policies', { text })
  await house.bob.post(`/api/v1/policies/${saved.body.version}/activate`, {})
  const { id } = await askOf(house, reviewer)
  expect((await decideFor(desk, reviewer.id, id)).body).toMatchObject({ code: 'policy_denied', policy_ids: ['in-person'] })
  expect((await reviewer.post(at(id, 'decide'), answer())).status).toBe(200)
})

test('T19 the same key of idempotency replays what was relayed, once', async () => {
  const house = await setup()
  const reviewer = await house.reviewer.person()
  const desk = await relay(house)
  const { id } = await askOf(house, reviewer)
  const send = () =>
    desk.post(at(id, 'decide'), answer({ approved: true }, { on_behalf_of: reviewer.id }), { 'Idempotency-Key': 'once' })
  const [first, second] = [await send(), await send()]
  expect([first.status, second.status, second.headers.get('idempotency-replayed')]).toEqual([200, 200, 'true'])
  expect((await remains(house)).decisions).toBe(1)
})
