import { expect, test } from 'vitest'
import { type Client, type House, type Person, setup } from '#harness'
import { answer, errorsOf, NOTHING, REFUND, remains } from './tasks.fixture.ts'

const at = (id: unknown, act = '') => `/api/v1/tasks/${id}${act && `/${act}`}`
const decide = (who: Client, id: unknown, more: object = {}) => who.post(at(id, 'decide'), answer({ approved: true }, more))
const configure = (house: House, settings: object) => house.alice.patch('/api/v1/decision-settings', settings)
const freshly = (house: House, who: Person) =>
  house.admin.run`update sessions set step_up_at = countersign.now() where user_id = ${who.id}`

test('T20 stepping in is a setting of the tenant, and off for several people, critical tasks and the requester’s own side', async () => {
  const house = await setup()
  const reviewer = await house.reviewer.person()
  const ask = (more: object = {}) => house.given.task({ ...REFUND, assign_to: { email: reviewer.email }, ...more })
  const plain = await ask()
  expect((await house.bob.get(at(plain.id))).body.may).toContain('step_in')
  expect((await decide(house.bob, plain.id, { reason: 'away' })).body.decisions).toMatchObject([{ stepped_in: true }])

  const second = await ask()
  expect((await configure(house, { step_in: false })).body).toMatchObject({ step_in: false })
  expect((await house.bob.get(at(second.id))).body.may).not.toContain('step_in')
  expect((await decide(house.bob, second.id, { reason: 'away' })).body.code).toBe('not_eligible')

  await configure(house, { step_in: true, separate_duties: 'all' })
  // The agent is Alice's.
  expect((await decide(house.alice, second.id, { reason: 'away' })).body.code).toBe('separation_of_duties')
  expect((await house.alice.get(at(second.id))).body.may).not.toContain('step_in')
  expect((await decide(house.bob, second.id, { reason: 'away' })).status).toBe(200)
})

test('T41 a tenant separates duties from high risk on, or always', async () => {
  const house = await setup()
  const task = (risk: string) => house.given.task({ ...REFUND, risk, assign_to: { user_id: house.alice.id } })
  await configure(house, { separate_duties: 'high' })
  expect((await decide(house.alice, (await task('normal')).id)).status).toBe(200)
  expect((await decide(house.alice, (await task('high')).id)).body.code).toBe('separation_of_duties')
})

test('T151 A29 a critical task needs two people, each with a fresh proof of presence; the refusal says what is needed', async () => {
  const house = await setup()
  const operator = await house.operator.person()
  const { id, ...made } = await house.given.task({ ...REFUND, risk: 'critical' })
  expect(made).toMatchObject({ risk: 'critical', votes_needed: 2, separate: true })
  await house.clock.advance('11m')
  const stale = await decide(house.bob, id)
  expect(stale.body).toMatchObject({ status: 403, code: 'step_up_required', need: 'step_up', have: 'session' })
  expect(stale.body.methods).toEqual(['password'])
  expect(stale.body.open_url).toBe(`${house.url}/tasks/${id}`)
  await Promise.all([house.bob, operator, house.alice].map((who) => freshly(house, who)))
  expect((await decide(house.alice, id)).body.code).toBe('separation_of_duties')
  expect((await decide(house.bob, id)).body).toMatchObject({ status: 'open', decisions: [{ assurance: 'step_up' }] })
  expect((await decide(operator, id)).body).toMatchObject({ status: 'completed' })

  await configure(house, { critical_quorum: 1 })
  const alone = await house.given.task({ ...REFUND, risk: 'critical' })
  expect(alone).toMatchObject({ votes_needed: 1, separate: true })
  expect((await decide(house.bob, alone.id)).body.status).toBe('completed')
})

test('T151 what nobody can prove yet, or too few people, is refused when a task is made', async () => {
  const house = await setup()
  const create = (more: object) => house.agent.post('/api/v1/tasks', { ...REFUND, ...more })
  expect(errorsOf((await create({ assurance: 'passkey' })).body)).toEqual(['/assurance not_available'])
  expect(errorsOf((await create({ risk: 'critical', quorum: 1 })).body)).toEqual(['/quorum too_few'])
  // Bob alone is left beside the agent's owner.
  expect((await create({ risk: 'critical' })).body).toMatchObject({ code: 'quorum_unreachable', eligible: 1, need: 2 })
  expect(await remains(house)).toEqual(NOTHING)
})

test('T151 the tenant’s decision_assurance and the task’s own are floors', async () => {
  const house = await setup()
  const key = await house.given.key({ kind: 'usr', name: 'mine', scopes: ['tasks:*'] }, house.bob)
  const { id } = await house.given.task(REFUND)
  const byKey = (task: unknown) => house.nobody.post(at(task, 'decide'), answer(), { authorization: `Bearer ${key.secret}` })
  const strict = await house.given.task({ ...REFUND, assurance: 'session' })
  expect((await byKey(strict.id)).body).toMatchObject({ code: 'step_up_required', need: 'session', have: 'link' })
  expect((await configure(house, { decision_assurance: 'step_up' })).status).toBe(200)
  expect((await byKey(id)).body).toMatchObject({ code: 'step_up_required', need: 'step_up', have: 'link' })
  await configure(house, { decision_assurance: 'link' })
  expect((await byKey(id)).body).toMatchObject({ status: 'completed' })
})

test('T155 a change of how a tenant decides is recorded with before and after; who may not configure is refused', async () => {
  const house = await setup()
  expect((await house.operator.patch('/api/v1/decision-settings', { step_in: false })).status).toBe(403)
  expect((await house.operator.get('/api/v1/decision-settings')).body).toEqual({
    step_in: true,
    decision_assurance: 'link',
    separate_duties: 'asked',
    critical_quorum: 2,
    deny_reason: false,
  })
  await configure(house, { step_in: false, deny_reason: false })
  const [event] = (await house.alice.get('/api/v1/events?type=settings.changed')).body.data
  expect(event.data).toEqual({ fields: ['step_in'] })
})
