// What the policies of a caller's own side know of a message (relay.md R71, R73, R74), and ceilings there (R79).
import { expect, test } from 'vitest'
import type { Person } from '#harness'
import { type Loose, openRelay, type RelayTest } from '../testing/relay.ts'

const REST = `@id("rest") permit (principal is Agent, action, resource) unless { context has direction && context.direction == "out" };
@id("people") permit (principal is User, action, resource);`
const ASKS = `@id("asks") @ask("May {agent} write to {connection}?")
permit (principal is Agent, action in [Action::"thread.start", Action::"thread.send"], resource) when { context.direction == "out" };
${REST}`

async function activate(owner: Pick<Person, 'post'>, text: string): Promise<void> {
  const saved = await owner.post('/api/v1/policies', { text })
  expect([saved.status, saved.body.errors]).toEqual([201, []])
  expect((await owner.post(`/api/v1/policies/${saved.body.version}/activate`, {})).status).toBe(200)
}
async function open(text: string): Promise<RelayTest & { pay(amount: unknown): Promise<{ status: number; body: Loose }> }> {
  const relay = await openRelay()
  await activate(relay.bea, text)
  return { ...relay, pay: (amount) => relay.start({ data: { amount }, skill: 'pay' }) }
}
/** Allows what holds, where the message leaves. */
const when = (holds: string) =>
  `@id("out") permit (principal is Agent, action in [Action::"thread.start", Action::"thread.send"], resource) when { context.direction == "out" && ${holds} };\n${REST}`

test('R73 R74 a caller’s own policies read the facts that the skill declares, of starts and of follow-ups that name no skill', async () => {
  const relay = await open(when('context.facts has amount && context.facts.amount <= 500'))
  const paid = await relay.pay(500)
  expect([paid.status, paid.body.state]).toEqual([202, 'queued'])
  expect([(await relay.pay(501)).body.code, (await relay.start({ text: 'hi' })).body.code]).toEqual([
    'policy_denied',
    'policy_denied',
  ])
  const more = (amount: number) =>
    relay.bearer(relay.grant.token).post(`/api/v1/threads/${paid.body.thread_id}/messages`, { data: { amount } })
  expect([(await more(7)).status, (await more(501)).body.code]).toEqual([202, 'policy_denied'])
})

test('R74 a fact that is missing or mistyped is 422 at its path before anybody is asked, and leaves nothing', async () => {
  const relay = await open(ASKS)
  for (const amount of [undefined, '5', 1.5, null]) {
    const { status, body } = await relay.pay(amount)
    expect([status, body.code, body.errors?.[0]?.path]).toEqual([422, 'validation_failed', '/data/amount'])
  }
  expect(await relay.house.admin.rows`select id from held_messages`).toEqual([])
  expect((await relay.bea.get('/api/v1/tasks')).body.data).toEqual([])
})

test('R73 it knows the number of a message, how far the relay grant is used and since when', async () => {
  const holds = 'context has relay_grant && context.relay_grant.open_threads < 2 && context.relay_grant.messages_today < 3'
  const relay = await open(when(`${holds} && context.sequence < 4 && context.relay_grant.age_days == 0`))
  const first = await relay.start()
  expect(first.status).toBe(202)
  const send = (id: string) => relay.bearer(relay.grant.token).post(`/api/v1/threads/${id}/messages`, { text: 'more' })
  expect((await send(first.body.thread_id)).status).toBe(202)
  // Its fourth event.
  expect((await send(first.body.thread_id)).body.code).toBe('policy_denied')
  expect((await relay.start()).status).toBe(202)
  expect((await relay.start()).body.code).toBe('policy_denied')
})

test('R79 "allow this from now on" on the caller’s side: up to the ceiling nobody is asked, above it people are', async () => {
  const relay = await open(ASKS)
  const asked = (await relay.pay(400)).body
  expect([asked.state, asked.approval.side]).toEqual(['awaiting_approval', 'caller'])
  expect((await relay.bea.get(`/api/v1/tasks/${asked.approval.task_id}`)).body.payload.context.facts).toEqual({ amount: 400 })
  const path = `/api/v1/relay-grants/${relay.grant.id}/standing-permissions`
  const made = await relay.bea.post(path, { task_id: asked.approval.task_id, for_seconds: 600, ceilings: { amount: 1_000 } })
  expect([made.status, made.body.ceilings]).toEqual([201, { amount: 1_000 }])
  expect((await relay.bea.post(`${path}/${made.body.id}/activate`, {})).status).toBe(200)
  expect((await relay.pay(1_000)).body.state).toBe('queued')
  expect((await relay.pay(1_001)).body.state).toBe('awaiting_approval')
  await relay.house.clock.advance('601s')
  expect((await relay.pay(1)).body.state).toBe('awaiting_approval')
})

test('R74 what another card declares as another type is no fact of this tenant: its ceiling does not hold, and nothing breaks', async () => {
  const relay = await open(ASKS)
  const skill = (type: string) => ({
    skills: [
      {
        id: 'pay',
        name: 'Pay',
        description: 'Pays.',
        tags: ['t'],
        facts: [{ name: 'level', pointer: '/level', type, values: ['high'] }],
      },
    ],
  })
  const given = async (type: string) => {
    const card = await relay.makeCard({ content: skill(type) })
    const { token } = await relay.makeGrant({ card })
    return async (level: unknown) => (await relay.start({ data: { level }, skill: 'pay' }, { card, token })).body
  }
  const [numbers, words] = [await given('long'), await given('word')]
  await activate(relay.bea, when('context.facts has level && context.facts.level <= 5'))
  expect([(await numbers(5)).state, (await numbers(6)).code, (await words('high')).code]).toEqual([
    'queued',
    'policy_denied',
    'policy_denied',
  ])
  await activate(relay.bea, when('!(context.facts has level)'))
  expect([(await words('high')).state, (await numbers(5)).code]).toEqual(['queued', 'policy_denied'])
})

test('R7 R77 a follow-up that names no skill is one of its thread’s: agreed to, it goes in with the hash that people saw', async () => {
  const relay = await open(`@id("starts") permit (principal is Agent, action == Action::"thread.start", resource);
@id("asks") @ask("More?") permit (principal is Agent, action == Action::"thread.send", resource) when { context.direction == "out" && context.skill == "pay" };
${REST}`)
  const { body: started } = await relay.pay(5)
  expect(started.state).toBe('queued')
  const path = `/api/v1/threads/${started.thread_id}/messages`
  const { body: more } = await relay.bearer(relay.grant.token).post(path, { data: { amount: 6 } })
  expect([more.state, more.approval.side]).toEqual(['awaiting_approval', 'caller'])
  const task = (await relay.bea.get(`/api/v1/tasks/${more.approval.task_id}`)).body
  expect(task.payload).toMatchObject({ payload_hash: more.payload_hash, context: { skill: 'pay', facts: { amount: 6 } } })
  const answer = { type: 'accept', seen_revision: 1 }
  expect((await relay.bea.post(`/api/v1/tasks/${more.approval.task_id}/decide`, answer)).status).toBe(200)
  const [, went] = (await relay.caller.get(path)).body.data
  expect(went).toMatchObject({ id: more.message_id, skill: 'pay', state: 'queued', payload_hash: more.payload_hash })
})
