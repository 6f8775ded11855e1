// Creation, notices and decisions before policy (T8), and policy as a floor of how a decision is proven (T151).
import { expect, test } from 'vitest'
import { type Client, clientOf, type House, type Person, setup } from '#harness'
import { linksTo, pageOf, readerOf } from './links/links.fixture.ts'
import { answer, NOTHING, REFUND, remains } from './tasks.fixture.ts'

const ALL = '@id("all") permit (principal, action, resource);'
const at = (id: unknown, act = '') => `/api/v1/tasks/${id}${act && `/${act}`}`
const decide = (who: Client, id: unknown, more: object = {}) => who.post(at(id, 'decide'), answer({ approved: true }, more))
const events = async (house: House, type: string) =>
  (await house.alice.get(`/api/v1/events?type=${type}&limit=200`)).body.data as { data: object; decision: object }[]

async function activate(house: House, text: string): Promise<number> {
  const saved = await house.bob.post('/api/v1/policies', { text })
  expect([saved.status, saved.body.errors ?? saved.body, saved.body.warnings]).toEqual([201, [], []])
  const { status } = await house.bob.post(`/api/v1/policies/${saved.body.version}/activate`, {})
  expect(status).toBe(200)
  return saved.body.version
}

const askOf = (house: House, who: Person, more: object = {}) =>
  house.given.task({ ...REFUND, assign_to: { email: who.email }, ...more })

test('T8 a decision that a policy forbids is refused with the policy’s name, settles nothing, and the refusal is on the record', async () => {
  const house = await setup()
  const reviewer = await house.reviewer.person()
  await activate(
    house,
    `${ALL}\n@id("no-night-refunds") forbid (principal, action == Action::"task.decide", resource) when { context.tags.contains("refund") && context.type == "respond" };`,
  )
  const { id } = await askOf(house, reviewer, { tags: ['refund'] })
  const before = await remains(house)
  const refused = await decide(reviewer, id)
  expect([refused.status, refused.body]).toMatchObject([
    403,
    { code: 'policy_denied', action: 'task.decide', reason: 'forbidden', policy_ids: ['no-night-refunds'], policy_version: 2 },
  ])
  expect(await remains(house)).toEqual(before)
  expect((await house.alice.get(at(id))).body).toMatchObject({ status: 'open', decisions: [] })
  expect(await events(house, 'policy.decided')).toMatchObject([
    {
      data: { action: 'task.decide', resource_type: 'Task', resource_id: id, reason: 'forbidden' },
      decision: { outcome: 'deny', policy_ids: ['no-night-refunds'] },
    },
  ])
  const other = await askOf(house, reviewer)
  expect((await decide(reviewer, other.id)).body).toMatchObject({ status: 'completed' })
})

test('T8 without a permit nobody decides, and an activation counts from the next decision', async () => {
  const house = await setup()
  const reviewer = await house.reviewer.person()
  const { id } = await askOf(house, reviewer)
  await activate(house, '@id("ask") permit (principal is Agent, action, resource);')
  expect((await decide(reviewer, id)).body).toMatchObject({ status: 403, code: 'policy_denied', reason: 'no_permit' })
  await house.bob.post('/api/v1/policies/1/activate', {})
  expect((await decide(reviewer, id)).status).toBe(200)
})

test('T8 a policy that asks about a question, a notice or an answer denies it: nobody is asked about a question', async () => {
  const house = await setup()
  const asking = (action: string) =>
    `@id("asks") @ask("Really?") permit (principal, action == Action::"${action}", resource);\n@id("rest") permit (principal, action, resource) unless { action == Action::"${action}" };`
  const outside = { assign_to: { email: 'someone@elsewhere.example' } }

  await activate(house, asking('task.create'))
  const created = await house.agent.post('/api/v1/tasks', REFUND)
  expect([created.status, created.body.code, created.body.policy_ids]).toEqual([403, 'policy_error', ['asks']])
  await activate(house, asking('task.notify'))
  const told = await house.agent.post('/api/v1/tasks', { ...REFUND, ...outside })
  expect([told.status, told.body.code]).toEqual([422, 'address_not_allowed'])
  expect(await remains(house)).toEqual(NOTHING)
  await activate(house, asking('task.decide'))
  const { id } = await house.given.task(REFUND)
  const decided = await decide(house.bob, id)
  expect([decided.status, decided.body.code, decided.body.policy_ids]).toEqual([403, 'policy_error', ['asks']])
  expect((await house.bob.get(at(id))).body).toMatchObject({ status: 'open', decisions: [] })
  const found = await events(house, 'policy.decided')
  expect(found.map(({ data, decision }) => ({ ...data, ...decision }))).toMatchObject(
    ['task.decide', 'task.notify', 'task.create'].map((action) => ({ action, reason: 'policy_error', outcome: 'deny' })),
  )
})

test('T8 who answers by a link is known to policy as who they are: the shipped set lets those who were asked answer, another may not', async () => {
  const house = await setup()
  const viewer = await house.viewer.person()
  const asked = { userId: null, email: 'asked@example.com', displayName: 'Asked', vouched: false }
  const link = async (who: typeof asked | ReturnType<typeof readerOf>) => {
    const { id } = await house.given.task({ assign_to: { email: who.email } })
    return pageOf(house, (await linksTo(house, id, who))[0]?.token as string)
  }
  for (const who of [asked, readerOf(viewer)]) expect((await (await link(who)).answer()).status).toBe(200)
  await activate(
    house,
    `${ALL}\n@id("sign-in") forbid (principal is Guest, action == Action::"task.decide", resource);\n@id("not-by-mail") forbid (principal == User::"${viewer.id}", action == Action::"task.decide", resource) when { context.guest && context.channel == "email" };`,
  )
  expect((await (await link(asked)).answer()).body).toMatchObject({ code: 'policy_denied', policy_ids: ['sign-in'] })
  expect((await (await link(readerOf(viewer))).answer()).body).toMatchObject({
    code: 'policy_denied',
    policy_ids: ['not-by-mail'],
  })
})

test('T8 what is decided is known to policy: the kind of answer, the asking agent, and an edited amount', async () => {
  const house = await setup()
  const reviewer = await house.reviewer.person()
  const second = await house.given.agent()
  await activate(
    house,
    `${ALL}
@id("no-edits-above") forbid (principal, action == Action::"task.decide", resource) when { context has action && context.action.edited && context.action has amount && context.action.amount > 100 };
@id("not-this-agent") forbid (principal, action == Action::"task.decide", resource) when { context has agent && context.agent == Agent::"${second.id}" };`,
  )
  const action = { name: 'refund', args: { amount: 50 } }
  const ask = { task: 'Refund?', action, timeout_seconds: 3_600, assign_to: { email: reviewer.email } }
  const { id } = await house.given.task({ ...ask, response_schema: undefined, payload: undefined })
  const edit = (amount: number) => reviewer.post(at(id, 'decide'), { type: 'edit', args: { amount }, seen_revision: 1 })
  expect((await edit(101)).body).toMatchObject({ code: 'policy_denied', policy_ids: ['no-edits-above'] })
  expect((await edit(100)).body).toMatchObject({ status: 'completed', outcome: 'edited' })
  const theirs = await house.given.task({ ...REFUND, assign_to: { email: reviewer.email } }, second)
  expect((await decide(reviewer, theirs.id)).body).toMatchObject({ policy_ids: ['not-this-agent'] })
})

test('T151 a policy is a floor of assurance: with less it is 403 step_up_required with the page that goes on, and a fresh proof passes', async () => {
  const house = await setup()
  const reviewer = await house.member.person()
  await activate(
    house,
    `${ALL}\n@id("fresh-for-urgent") forbid (principal, action == Action::"task.decide", resource) when { context.priority == "urgent" && context.assurance.level < 4 };`,
  )
  const { id } = await askOf(house, reviewer, { priority: 'urgent' })
  const key = await house.given.key({ kind: 'usr', scopes: ['tasks:*'] }, reviewer)
  const byKey = clientOf(house.url, { bearer: key.secret })
  expect((await decide(byKey, id)).body).toMatchObject({ code: 'step_up_required', need: 'step_up', have: 'link' })
  await house.clock.advance('11m')
  const stale = await decide(reviewer, id)
  expect([stale.status, stale.body]).toMatchObject([
    403,
    { code: 'step_up_required', need: 'step_up', have: 'session', methods: ['password'], open_url: `${house.url}/tasks/${id}` },
  ])
  expect((await house.alice.get(at(id))).body).toMatchObject({ status: 'open', decisions: [] })
  await house.admin.run`update sessions set step_up_at = countersign.now() where user_id = ${reviewer.id}`
  expect((await decide(reviewer, id)).body).toMatchObject({ status: 'completed', decisions: [{ assurance: 'step_up' }] })

  const [link] = await linksTo(house, (await askOf(house, reviewer, { priority: 'urgent' })).id, readerOf(reviewer))
  const byLink = await pageOf(house, link?.token as string).answer({ type: 'respond', response: { approved: true } })
  expect(byLink.body).toMatchObject({ code: 'step_up_required', need: 'step_up', have: 'link' })
})

test('T151 the tenant’s floor holds beside a policy’s: the higher of both is asked for', async () => {
  const house = await setup()
  const reviewer = await house.member.person()
  const key = await house.given.key({ kind: 'usr', scopes: ['tasks:*'] }, reviewer)
  const byKey = clientOf(house.url, { bearer: key.secret })
  const { id } = await askOf(house, reviewer)
  await house.alice.patch('/api/v1/decision-settings', { decision_assurance: 'session' })
  expect((await decide(byKey, id)).body).toMatchObject({ code: 'step_up_required', need: 'session', have: 'link' })
  await activate(
    house,
    `${ALL}\n@id("fresh") forbid (principal, action == Action::"task.decide", resource) unless { context.assurance.name == "step_up" || context.assurance.name == "passkey" };`,
  )
  await house.clock.advance('11m')
  expect((await decide(reviewer, id)).body).toMatchObject({ code: 'step_up_required', need: 'step_up', have: 'session' })
})

test('T8 P69 decisions are judged again by a draft; those that are alike stand for one another', async () => {
  const house = await setup()
  const reviewer = await house.reviewer.person()
  for (let i = 0; i < 3; i++) expect((await decide(reviewer, (await askOf(house, reviewer)).id)).status).toBe(200)
  const text = `${ALL}\n@id("none") forbid (principal is User, action == Action::"task.decide", resource);`
  const { body: draft } = await house.bob.post('/api/v1/policies', { text })
  const { body } = await house.bob.post(`/api/v1/policies/${draft.version}/dry-run`, {})
  const changed = (body.changed as { action: string }[]).filter(({ action }) => action === 'task.decide')
  expect(changed).toMatchObject([{ before: { outcome: 'allow' }, after: { outcome: 'deny', policy_ids: ['none'] } }])
})
