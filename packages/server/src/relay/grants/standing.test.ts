// "Allow this from now on" (relay.md R79, §12.19).
import { expect, test } from 'vitest'
import type { Person } from '#harness'
import { type Loose, openRelay, type RelayTest } from '../testing/relay.ts'

const ASKS = `@id("asks") @ask("May {agent} write to us?") permit (principal is Agent, action in [Action::"thread.start", Action::"thread.send"], resource);
@id("people") permit (principal is User, action, resource);
@id("server") permit (principal is Agent, action in [Action::"thread.respond", Action::"thread.serve", Action::"thread.read"], resource);`

async function activate(owner: Pick<Person, 'post'>, text: string): Promise<void> {
  const saved = await owner.post('/api/v1/policies', { text })
  expect([saved.status, saved.body.errors]).toEqual([201, []])
  expect((await owner.post(`/api/v1/policies/${saved.body.version}/activate`, {})).status).toBe(200)
}
type Open = RelayTest & { path: string; asked: Loose; pay(amount: number): Promise<Loose> }
async function open(): Promise<Open> {
  const relay = await openRelay()
  // The facts that the card declares are those of its tenant's policies.
  await activate(relay.house.bob, ASKS)
  const pay = async (amount: number) => (await relay.start({ data: { amount }, skill: 'pay' })).body
  return { ...relay, pay, asked: await pay(400), path: `/api/v1/relay-grants/${relay.grant.id}/standing-permissions` }
}
const draft = (
  { house, path, asked }: Open,
  more: object = { ceilings: { amount: 1_000 } },
  by: Pick<Person, 'post'> = house.bob,
) => by.post(path, { task_id: asked.approval.task_id, for_seconds: 86_400, ...more })

test('R79 a draft allows nothing; activated it lets pass what it names up to its ceiling, is named in each decision, and is revoked in one call', async () => {
  const relay = await open()
  const { house, path, pay } = relay
  const made = await draft(relay)
  expect([made.status, made.body.state]).toEqual([201, 'draft'])
  expect(made.body.text).toContain('context.facts.amount <= 1000')
  const says = { actions: ['thread.start', 'thread.send'], skill: 'pay', ceilings: { amount: 1_000 }, facts: {} }
  expect(made.body).toMatchObject(says)
  expect((await pay(10)).state).toBe('awaiting_approval')
  expect((await house.bob.get(path)).body.data).toMatchObject([{ id: made.body.id, state: 'draft', ...says }])
  const dry = await house.bob.post(`/api/v1/policies/${made.body.version}/dry-run`, {})
  expect(dry.body.changed).toContainEqual(
    expect.objectContaining({
      action: 'thread.start',
      before: expect.objectContaining({ outcome: 'ask' }),
      after: expect.objectContaining({ outcome: 'allow' }),
    }),
  )
  const active = await house.bob.post(`${path}/${made.body.id}/activate`, {})
  expect([active.status, active.body.state]).toEqual([200, 'active'])
  const paid = await pay(1_000)
  expect(paid.state).toBe('queued')
  const told = (await relay.server.get(`/api/v1/threads/${paid.thread_id}/events`)).body.data
  expect(told[0].data).toMatchObject({ decision: 'allow', policy_version: active.body.version })
  expect(told[0].data.policy_ids).toContain(made.body.id)
  expect((await pay(1_001)).state).toBe('awaiting_approval')
  // Of this skill and of this relay grant alone.
  expect((await relay.start({ text: 'hi', skill: 'echo' })).body.state).toBe('awaiting_approval')
  const other = await relay.makeGrant({ agent: null })
  expect((await relay.start({ data: { amount: 1 }, skill: 'pay' }, { token: other.token })).body.state).toBe('awaiting_approval')
  expect((await house.bob.delete(`${path}/${made.body.id}`)).status).toBe(204)
  expect((await pay(1)).state).toBe('awaiting_approval')
  expect((await house.bob.delete(`${path}/${made.body.id}`)).status).toBe(404)
})

test('§12.19 messages below and above the ceiling race: those below pass and name that version, those above ask, and after the revocation every one asks', async () => {
  const relay = await open()
  const { house, path, pay } = relay
  const { id } = (await draft(relay)).body
  const { version } = (await house.bob.post(`${path}/${id}/activate`, {})).body
  const amounts = [1, 5_000, 999, 1_001, 1_000, 70_000, 3, 2_000]
  const all = await Promise.all(amounts.map((amount) => pay(amount)))
  expect(all.map(({ state }) => state)).toEqual(amounts.map((amount) => (amount <= 1_000 ? 'queued' : 'awaiting_approval')))
  for (const { thread_id } of all.filter(({ state }) => state === 'queued')) {
    const [accepted] = (await relay.server.get(`/api/v1/threads/${thread_id}/events`)).body.data
    expect(accepted.data).toMatchObject({ policy_version: version, policy_ids: expect.arrayContaining([id]) })
  }
  const [, ...late] = await Promise.all([house.bob.delete(`${path}/${id}`), ...amounts.map(() => pay(1))])
  expect(late.every(({ state }) => state === 'queued' || state === 'awaiting_approval')).toBe(true)
  expect((await Promise.all(amounts.map(() => pay(1)))).every(({ state }) => state === 'awaiting_approval')).toBe(true)
})

test('R79 it ends by itself, is drafted from what was asked under this relay grant alone, and is activated by who may activate policies', async () => {
  const relay = await open()
  const { house, path } = relay
  const made = await draft(relay, { for_seconds: 600 })
  expect(made.body.text).toContain('context.facts.amount <= 400')
  const operator = await house.given.user({ role: 'operator' })
  expect((await operator.post(`${path}/${made.body.id}/activate`, {})).body.code).toBe('forbidden')
  await house.bob.post(`${path}/${made.body.id}/activate`, {})
  expect((await relay.pay(400)).state).toBe('queued')
  const other = await relay.makeGrant({ agent: null })
  const strange = await house.bob.post(`/api/v1/relay-grants/${other.id}/standing-permissions`, {
    task_id: relay.asked.approval.task_id,
    for_seconds: 600,
  })
  expect([strange.status, strange.body.errors]).toMatchObject([422, [{ path: '/task_id' }]])
  expect((await draft(relay, { ceilings: { colour: 1 } })).body.errors).toMatchObject([{ path: '/ceilings/colour' }])
  expect((await draft(relay, { for_seconds: 90 * 86_400 + 1 })).status).toBe(422)
  await house.clock.advance('601s')
  expect((await relay.pay(400)).state).toBe('awaiting_approval')
  expect((await house.bob.get(path)).body.data).toMatchObject([{ id: made.body.id, state: 'ended' }])
})

test('R79 a draft is set aside: it is listed no more, cannot be activated, and who did it is on the record', async () => {
  const relay = await open()
  const { house, path } = relay
  const [first, second] = [(await draft(relay)).body, (await draft(relay)).body]
  const listed = async () => (await house.bob.get(path)).body.data.map(({ id, state }: Loose) => [id, state])
  expect(await listed()).toEqual([
    [second.id, 'draft'],
    [first.id, 'draft'],
  ])
  // An older draft stays one when something later is put in force.
  expect((await house.bob.post(`${path}/${second.id}/activate`, {})).status).toBe(200)
  expect(await listed()).toEqual([
    [second.id, 'active'],
    [first.id, 'draft'],
  ])
  const operator = await house.given.user({ role: 'operator' })
  expect((await operator.delete(`${path}/${first.id}`)).body.code).toBe('forbidden')
  const other = await relay.makeGrant({ agent: null })
  const elsewhere = `/api/v1/relay-grants/${other.id}/standing-permissions`
  expect((await house.bob.delete(`${elsewhere}/${first.id}`)).status).toBe(404)
  expect((await house.bob.delete(`${path}/${first.id}`)).status).toBe(204)
  expect(await listed()).toEqual([[second.id, 'active']])
  expect((await house.bob.delete(`${path}/${first.id}`)).status).toBe(404)
  const refused = await house.bob.post(`${path}/${first.id}/activate`, {})
  expect([refused.status, refused.body]).toMatchObject([409, { code: 'state_conflict', state: 'discarded' }])
  const [told] = (await house.bob.get('/api/v1/events?type=policy.draft_discarded')).body.data
  expect(told).toMatchObject({ actor: { id: house.bob.id }, data: { policy_id: first.id, version: first.version } })
  // What was in force once is no draft again.
  expect((await house.bob.delete(`${path}/${second.id}`)).status).toBe(204)
  expect(await listed()).toEqual([])
})

test('R79 what was taken back, by its own route or by another version of the policies, or is over is activated no more', async () => {
  const relay = await open()
  const { house, path } = relay
  const activated = async ({ id }: Loose) => {
    const { status, body } = await house.bob.post(`${path}/${id}/activate`, {})
    return [status, body.state]
  }
  const [first, second, third] = [
    (await draft(relay)).body,
    (await draft(relay)).body,
    (await draft(relay, { for_seconds: 60 })).body,
  ]
  const { version } = (await house.bob.get('/api/v1/policies/active')).body
  expect(await activated(first)).toEqual([200, 'active'])
  const stands = (await house.bob.get('/api/v1/policies/active')).body.version
  // Once more while it stands: nothing changes.
  expect(await activated(first)).toEqual([200, 'active'])
  expect((await house.bob.get('/api/v1/policies/active')).body.version).toBe(stands)
  expect((await house.bob.delete(`${path}/${first.id}`)).status).toBe(204)
  expect(await activated(first)).toEqual([409, 'revoked'])
  expect((await relay.pay(1)).state).toBe('awaiting_approval')
  expect(await activated(second)).toEqual([200, 'active'])
  expect((await house.bob.post(`/api/v1/policies/${version}/activate`, {})).status).toBe(200)
  expect(await activated(second)).toEqual([409, 'revoked'])
  await house.clock.advance('61s')
  expect(await activated(third)).toEqual([409, 'ended'])
})

test('R79 a draft whose time is over is listed no more', async () => {
  const relay = await open()
  await draft(relay, { for_seconds: 60 })
  await relay.house.clock.advance('601s')
  expect((await relay.house.bob.get(relay.path)).body.data).toEqual([])
})

test('R79 remembered for a while: this relay grant, this skill, and no more than what was agreed to', async () => {
  const relay = await open()
  const said = await relay.house.bob.post(`/api/v1/tasks/${relay.asked.approval.task_id}/decide`, {
    type: 'accept',
    seen_revision: 1,
    remember: { for_seconds: 600 },
  })
  expect(said.status).toBe(200)
  expect((await relay.pay(400)).state).toBe('queued')
  expect((await relay.pay(401)).state).toBe('awaiting_approval')
})
