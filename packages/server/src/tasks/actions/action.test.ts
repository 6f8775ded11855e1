import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { type Client, type House, type Person, setup } from '#harness'
import { errorsOf, NOTHING, remains } from '../tasks.fixture.ts'

const at = (id: unknown, act = '') => `/api/v1/tasks/${id}${act && `/${act}`}`
const SCHEMA = {
  type: 'object',
  properties: {
    amount: { type: 'number', minimum: 1, maximum: 1_000 },
    order: { type: 'integer' },
    note: { type: 'string' },
  },
  required: ['amount', 'order'],
  additionalProperties: false,
}
const ACTION = {
  name: 'refund',
  args: { order: 1042, amount: 240, note: 'parcel lost' },
  args_schema: SCHEMA,
  editable: ['/amount', '/note'],
}
const ASK = { task: 'Refund order 1042?', timeout_seconds: 3_600, action: ACTION }
const ask = async (house: House, action: object = {}, more: object = {}) => {
  const { status, body } = await house.agent.post('/api/v1/tasks', { ...ASK, ...more, action: { ...ACTION, ...action } })
  expect([status, body.errors]).toEqual([201, undefined])
  return body
}
const decide = (who: Client, id: unknown, body: object) => who.post(at(id, 'decide'), { seen_revision: 1, ...body })
const poll = async (house: House, id: unknown) => (await house.agent.get(at(id, 'poll'))).body
const activate = async (house: House, text: string) => {
  const saved = await house.bob.post('/api/v1/policies', { text })
  expect([saved.status, saved.body.errors]).toEqual([201, []])
  expect((await house.bob.post(`/api/v1/policies/${saved.body.version}/activate`, {})).status).toBe(200)
}

test('T44 T47 accept, respond, ignore and deny: the agent gets the type, and exactly the arguments to run', async () => {
  const house = await setup()
  const everything = { allow: ['accept', 'edit', 'respond', 'ignore', 'deny'] }
  const cases: [object, string, object][] = [
    [{ type: 'accept' }, 'accepted', { type: 'accept', args: ACTION.args }],
    [
      { type: 'respond', response: { message: 'Ask again on Monday.' } },
      'responded',
      { type: 'respond', response: { message: 'Ask again on Monday.' } },
    ],
    [{ type: 'ignore' }, 'ignored', { type: 'ignore' }],
    [{ type: 'deny', reason: 'too much' }, 'denied', { type: 'deny', reason: 'too much' }],
  ]
  for (const [body, outcome, response] of cases) {
    const { id, ...made } = await ask(house, everything)
    expect(made).toMatchObject({ action: { ...ACTION, ...everything }, outcome: null })
    const done = await decide(house.bob, id, body)
    expect([done.status, done.body.outcome, done.body.response]).toEqual([200, outcome, response])
    expect(await poll(house, id)).toMatchObject({ status: 'completed', outcome, response })
  }
})

test('T45 A12 an edit of one number at an editable pointer gives the agent a number, and the patch is recorded', async () => {
  const house = await setup()
  const { id } = await ask(house)
  const done = await decide(house.bob, id, { type: 'edit', args: { ...ACTION.args, amount: '200' } })
  const args = { ...ACTION.args, amount: 200 }
  expect(done.body).toMatchObject({ status: 'completed', outcome: 'edited', response: { type: 'edit', args } })
  expect(done.body.decisions).toMatchObject([
    { type: 'edit', args, patch: [{ op: 'replace', path: '/amount', value: 200 }], response: null },
  ])
  const { response } = await poll(house, id)
  expect(response.args.amount).toBe(200)
})

test('T45 T166 an edit elsewhere, of the name, or of another type is refused with every error, and leaves the task as it was', async () => {
  const house = await setup()
  const { id } = await ask(house)
  const before = await remains(house)
  const edit = (args: object, more: object = {}) => decide(house.bob, id, { type: 'edit', args, ...more })
  const elsewhere = await edit({ order: 1043, amount: 2_000, note: 'x' })
  expect([elsewhere.status, elsewhere.body.code, errorsOf(elsewhere.body)]).toEqual([
    422,
    'args_invalid',
    ['/args/amount maximum', '/args/order not_editable'],
  ])
  expect(errorsOf((await edit({ order: 1042, note: 'x' })).body)).toEqual(['/args/amount required'])
  expect(errorsOf((await edit(ACTION.args, { name: 'pay' })).body)).toEqual(['/name unknown'])
  expect(errorsOf((await decide(house.bob, id, { type: 'edit' })).body)).toEqual(['/args required'])
  expect(errorsOf((await decide(house.bob, id, { type: 'accept', args: ACTION.args })).body)).toEqual(['/args not_allowed'])
  expect(errorsOf((await decide(house.bob, id, { type: 'ignore' })).body)).toEqual(['/type not_allowed'])
  expect(errorsOf((await decide(house.bob, id, { type: 'respond' })).body)).toEqual(['/response required'])
  const empty = await decide(house.bob, id, { type: 'respond', response: { message: '' } })
  expect([empty.body.code, errorsOf(empty.body)]).toEqual(['response_invalid', ['/response/message min_length']])
  expect((await decide(house.bob, id, { type: 'accept', seen_revision: 2 })).body.code).toBe('task_revised')
  expect(await remains(house)).toEqual(before)
})

test('T45 without a schema what was proposed says what fits; T6 digits stay', async () => {
  const house = await setup()
  const proposed = '{"id":9007199254740993,"amount":240,"express":false,"lines":[{"sku":"a","count":1}],"note":null}'
  const body = JSON.stringify({ ...ASK, action: null }).replace('"action":null', `"action":{"name":"pay","args":${proposed}}`)
  const { id } = (await house.agent.post('/api/v1/tasks', body)).body
  const send = (args: string) =>
    house.bob.raw(at(id, 'decide'), { method: 'POST', body: `{"type":"edit","seen_revision":1,"args":${args}}` })
  const wrong = await send('{"id":9007199254740993,"amount":"much","express":1,"lines":{},"note":"x"}')
  expect(errorsOf((await wrong.json()) as object)).toEqual(['/args/amount type', '/args/express type', '/args/lines type'])
  const right = await send(
    '{"id":9007199254740993,"amount":"250.5","express":"true","lines":[{"sku":"a","count":2},{"sku":"b"}],"note":"x"}',
  )
  expect(right.status).toBe(200)
  expect(await (await house.agent.raw(at(id, 'poll'))).text()).toContain(
    '"args":{"id":9007199254740993,"amount":250.5,"express":true,"lines":[{"sku":"a","count":2},{"sku":"b"}],"note":"x"}',
  )
  const text = await (await house.bob.raw(at(id))).text()
  expect(text).toContain('{"op":"replace","path":"/lines/0/count","value":2}')
})

test('T44 T166 a proposal that is wrong in itself is refused and leaves nothing', async () => {
  const house = await setup()
  const create = (action: unknown, more: object = {}) => house.agent.post('/api/v1/tasks', { ...ASK, ...more, action })
  const wrong = await create({ ...ACTION, args: { amount: 0, order: 'x' } })
  expect([wrong.body.code, errorsOf(wrong.body).sort()]).toEqual([
    'args_invalid',
    ['/action/args/amount minimum', '/action/args/order type'],
  ])
  expect((await create({ ...ACTION, args_schema: { $ref: 'https://example.com/x' } })).body.code).toBe('schema_invalid')
  const refused: [unknown, string][] = [
    [{ ...ACTION, name: '' }, '/action/name'],
    [{ ...ACTION, name: 'x'.repeat(201) }, '/action/name'],
    [{ ...ACTION, args: [] }, '/action/args'],
    [{ ...ACTION, allow: [] }, '/action/allow'],
    [{ ...ACTION, allow: ['run'] }, '/action/allow'],
    [{ ...ACTION, editable: ['amount'] }, '/action/editable'],
    [{ ...ACTION, allow_remember: true }, '/action/allow_remember'],
    [{ ...ACTION, args: { note: 'x'.repeat(1_048_577) }, args_schema: null }, '/action/args'],
  ]
  for (const [action, path] of refused) {
    const { status, body } = await create(action)
    expect([path, status, errorsOf(body)[0]?.startsWith(path)]).toEqual([path, 422, true])
  }
  expect(errorsOf((await house.agent.post('/api/v1/tasks', { ...ASK, action: undefined })).body)).toEqual([
    '/response_schema required',
  ])
  expect(await remains(house)).toEqual(NOTHING)
})

test('T44 where the tenant says so whoever denies gives a reason', async () => {
  const house = await setup()
  await house.alice.patch('/api/v1/decision-settings', { deny_reason: true })
  const { id } = await ask(house)
  expect(errorsOf((await decide(house.bob, id, { type: 'deny', reason: ' ' })).body)).toEqual(['/reason reason_required'])
  expect((await decide(house.bob, id, { type: 'deny', reason: 'no' })).status).toBe(200)
})

test('T33 T34 A9 the deadline of an action denies or gives a decision that it allows; high risk refuses one that approves', async () => {
  const house = await setup()
  const create = (on_timeout: unknown, more: object = {}) => house.agent.post('/api/v1/tasks', { ...ASK, ...more, on_timeout })
  const edited = { type: 'edit', args: { ...ACTION.args, amount: 1 } }
  const made = await Promise.all(['deny', { default: { type: 'accept' } }, { default: edited }].map((one) => create(one)))
  expect(made.map(({ status }) => status)).toEqual([201, 201, 201])
  await house.clock.advance('3601s')
  await house.runJobs()
  expect(await Promise.all(made.map(async ({ body }) => (await poll(house, body.id)).response))).toEqual([
    { type: 'deny' },
    { type: 'accept', args: ACTION.args },
    edited,
  ])
  const outcomes = await Promise.all(made.map(async ({ body }) => (await house.bob.get(at(body.id))).body.outcome))
  expect(outcomes).toEqual(['denied', 'defaulted', 'defaulted'])
  for (const type of [{ type: 'accept' }, edited])
    for (const risk of ['high', 'critical']) {
      await Promise.all([house.operator.person(), house.member.person()])
      const { body } = await create({ default: type }, { risk })
      expect(body).toMatchObject({ status: 422, code: 'unsafe_default' })
    }
  expect((await create({ default: { type: 'deny' } }, { risk: 'high' })).status).toBe(201)
  expect((await create({ default: { approved: true } })).body.code).toBe('response_invalid')
  expect((await create({ default: { ...edited, args: { ...ACTION.args, order: 1 } } })).body.code).toBe('args_invalid')
})

const PEOPLE = '@id("all") permit (principal, action, resource);'

test('T46 A12 edited arguments go before policy again: what it forbids is refused with its reason, and the refusal is recorded', async () => {
  const house = await setup()
  await activate(
    house,
    `${PEOPLE}\n@id("cap") forbid (principal, action == Action::"task.create", resource) when { context has action && context.action.edited && context.action has amount && context.action.amount > 500 };`,
  )
  const { id } = await ask(house)
  const denied = await decide(house.bob, id, { type: 'edit', args: { ...ACTION.args, amount: 501 } })
  expect(denied.body).toMatchObject({ status: 422, code: 'edited_action_denied', policy_ids: ['cap'] })
  expect((await house.bob.get(at(id))).body).toMatchObject({ status: 'open', decisions: [] })
  expect((await house.bob.get('/api/v1/events?type=policy.decided')).body.data).toHaveLength(1)
  expect((await decide(house.bob, id, { type: 'edit', args: { ...ACTION.args, amount: 500 } })).status).toBe(200)
})

test('T46 an edit that policy asks more people about raises the quorum and voids the votes on what was there before', async () => {
  const house = await setup()
  const [one, two, three] = (await Promise.all([1, 2, 3].map(() => house.given.user({ role: 'reviewer' })))) as [
    Person,
    Person,
    Person,
  ]
  await activate(
    house,
    `@id("large") @ask("Sure?") @quorum("3") permit (principal, action == Action::"task.create", resource) when { context has action && context.action.edited && context.action has amount && context.action.amount > 300 };
@id("small") permit (principal, action == Action::"task.create", resource) unless { context has action && context.action.edited && context.action has amount && context.action.amount > 300 };
@id("rest") permit (principal is User, action, resource);`,
  )
  const assign_to = { emails: [one, two, three].map(({ email }) => email) }
  const { id } = await ask(house, {}, { assign_to, quorum: 2 })
  expect((await decide(one, id, { type: 'accept' })).body).toMatchObject({ status: 'open', votes: 1, votes_needed: 2 })
  const larger = { type: 'edit', args: { ...ACTION.args, amount: 400 } }
  const raised = await decide(two, id, larger)
  expect(raised.body).toMatchObject({ status: 'open', votes: 1, votes_needed: 3 })
  expect(raised.body.decisions.map((decision: { state: string }) => decision.state)).toEqual(['void', 'counted'])
  // Voted on something else before: may vote on this.
  expect((await decide(one, id, larger)).body).toMatchObject({ votes: 2 })
  const done = await decide(three, id, larger)
  expect(done.body).toMatchObject({ status: 'completed', outcome: 'edited', response: larger })
  const types = (await house.eventTypes()).filter((type) => type.startsWith('task.'))
  expect(types).toEqual([
    'task.created',
    'task.routed',
    'task.decision_recorded',
    'task.votes_voided',
    'task.quorum_raised',
    'task.decision_recorded',
    'task.decision_recorded',
    'task.completed',
  ])
})

test('T46 an edit of a task that one person could decide may make it one for two', async () => {
  const house = await setup()
  await activate(
    house,
    `@id("large") @ask("Sure?") @quorum("2") permit (principal, action == Action::"task.create", resource) when { context has action && context.action.edited };
@id("small") permit (principal, action == Action::"task.create", resource) unless { context has action && context.action.edited };
@id("rest") permit (principal is User, action, resource);`,
  )
  const { id } = await ask(house)
  const edit = { type: 'edit', args: { ...ACTION.args, amount: 1 } }
  // Nobody of the asking side counts from then on, nor raises it by an edit.
  expect((await decide(house.alice, id, edit)).body.code).toBe('separation_of_duties')
  expect((await decide(house.bob, id, edit)).body).toMatchObject({ status: 'open', votes: 1, votes_needed: 2 })
  const operator = await house.operator.person()
  expect((await decide(operator, id, edit)).body).toMatchObject({ status: 'completed', response: edit })
})

test('T38 T45 votes on an action count together only for the same arguments', async () => {
  const house = await setup()
  const [one, two, three] = (await Promise.all([1, 2, 3].map(() => house.given.user({ role: 'reviewer' })))) as [
    Person,
    Person,
    Person,
  ]
  const assign_to = { emails: [one, two, three].map(({ email }) => email) }
  const { id } = await ask(house, {}, { assign_to, quorum: 2 })
  const edit = { type: 'edit', args: { ...ACTION.args, amount: 100 } }
  expect((await decide(one, id, { type: 'accept' })).body.status).toBe('open')
  expect((await decide(two, id, edit)).body).toMatchObject({ status: 'open', votes: 2 })
  expect((await decide(three, id, edit)).body).toMatchObject({ status: 'completed', outcome: 'edited', response: edit })
})

test('T156 T157 the receipt binds the proposed call and what was decided about it', async () => {
  const house = await setup()
  const { id } = await ask(house)
  const args = { ...ACTION.args, amount: 200 }
  const { body } = await decide(house.bob, id, { type: 'edit', args })
  const { receipt } = (await house.bob.get(at(id, 'receipt?include=content'))).body
  const claims = JSON.parse(Buffer.from(receipt.split('.')[1], 'base64url').toString())
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
  expect(JSON.parse(claims.content).action).toMatchObject({ name: 'refund', args: ACTION.args, editable: ACTION.editable })
  expect(sha256(claims.content)).toBe(claims.content_sha256)
  const [decision] = claims.decisions
  expect(JSON.parse(decision.content)).toMatchObject({ type: 'edit', args, content_sha256: claims.content_sha256 })
  expect(sha256(decision.content)).toBe(decision.decision_sha256)
  expect(decision.decision_sha256).toBe(body.decisions[0].decision_sha256)
})

test('T7 an action and what was edited stand in envelopes only', async () => {
  const house = await setup()
  const { id } = await ask(house, { args: { ...ACTION.args, note: 'canary-proposed' } })
  await decide(house.bob, id, { type: 'edit', args: { ...ACTION.args, note: 'canary-edited' } })
  const dump = await house.admin.one<{ text: string }>`
    select (select string_agg(t::text, ' ') from tasks t) || (select string_agg(d::text, ' ') from decisions d)
      || (select string_agg(e::text, ' ') from events e) as text`
  expect(dump.text).toContain(id)
  for (const canary of ['canary-proposed', 'canary-edited'])
    for (const form of [canary, Buffer.from(canary).toString('hex')]) expect(dump.text).not.toContain(form)
})
