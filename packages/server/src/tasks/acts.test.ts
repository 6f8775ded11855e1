// What one may do with a task is exactly what the verbs allow, and what is said of the rest is the verbs' own reason.
import { expect, test } from 'vitest'
import { type Client, type House, setup } from '#harness'
import { answer, REFUND } from './tasks.fixture.ts'

const at = (id: unknown, act = '') => `/api/v1/tasks/${id}${act && `/${act}`}`
const seen = async (by: Client, id: string) => (await by.get(at(id))).body
const codeOf = async (by: Client, id: string, act: string, body: object = {}) => {
  const { status, body: problem } = await by.post(at(id, act), body)
  return status < 300 ? 'done' : problem.code
}

async function asked(house: House, more: object = {}): Promise<string> {
  return (await house.given.task({ ...REFUND, ...more })).id
}

test('T41 T159 who is on the asking side reads that, and the verb says the same; everybody else may', async () => {
  const house = await setup()
  const operator = await house.operator.person()
  // The agent is Alice's.
  const id = await asked(house, { assign_to: { emails: [house.alice.email, house.bob.email, operator.email] }, quorum: 2 })
  const mine = await seen(house.alice, id)
  expect([mine.may.includes('decide'), mine.may_not.decide]).toEqual([false, 'separation_of_duties'])
  expect(await codeOf(house.alice, id, 'decide', answer())).toBe('separation_of_duties')
  const theirs = await seen(house.bob, id)
  expect([theirs.may.includes('decide'), theirs.may_not.decide]).toEqual([true, undefined])
})

test('T94 T159 who came second reads that somebody holds it; who was not asked, that they were not; who voted, that they have', async () => {
  const house = await setup()
  const [first, second, third] = await Promise.all([
    house.given.user({ role: 'member' }),
    house.given.user({ role: 'member' }),
    house.operator.person(),
  ])
  const id = await asked(house, { assign_to: { emails: [first.email, second.email] } })
  expect((await seen(second, id)).may).toEqual(expect.arrayContaining(['decide', 'claim']))
  expect((await first.post(at(id, 'claim'), {})).status).toBe(200)

  const late = await seen(second, id)
  expect(late.may_not).toMatchObject({ decide: 'task_already_claimed', claim: 'task_already_claimed', release: 'not_eligible' })
  expect(await codeOf(second, id, 'claim')).toBe('task_already_claimed')
  // Whoever runs the work steps in, and is given no reason against it.
  const operator = await seen(third, id)
  expect([operator.may.includes('step_in'), operator.may_not.decide]).toEqual([true, undefined])

  const two = await asked(house, { assign_to: { emails: [first.email, second.email] }, quorum: 2 })
  expect((await first.post(at(two, 'decide'), answer())).status).toBe(200)
  expect((await seen(first, two)).may_not).toMatchObject({ decide: 'already_decided', claim: 'needs_several' })
  expect(await codeOf(first, two, 'decide', answer())).toBe('already_decided')
  expect((await seen(third, two)).may_not.decide).toBe('not_eligible')
  expect(await codeOf(third, two, 'decide', answer({ approved: true }, { reason: 'x' }))).toBe('not_eligible')
})

test('T19 T159 an agent reads that it may not decide, an auditor’s role that it may not, and of what is over that it is', async () => {
  const house = await setup()
  const id = await asked(house)
  expect((await seen(house.agent, id)).may_not).toMatchObject({ decide: 'agent_may_not_decide', claim: 'agent_may_not_decide' })
  expect((await house.agent.post(at(id, 'decide'), answer())).body.code).toBe('agent_may_not_decide')
  expect((await house.bob.post(at(id, 'decide'), answer({ approved: true }, { reason: 'x' }))).status).toBe(200)
  expect((await seen(house.bob, id)).may_not).toEqual({
    ...{ decide: 'task_not_open', claim: 'task_not_open', release: 'task_not_open', cancel: 'task_not_open' },
  })
  expect(await codeOf(house.bob, id, 'decide', answer())).toBe('task_not_open')
})

test('T151 T159 who has to prove more before they decide reads what, and nothing once they have', async () => {
  const house = await setup()
  const id = await asked(house, { risk: 'high', assign_to: { email: house.bob.email } })
  expect((await seen(house.bob, id)).needs_proof).toBeNull()
  await house.clock.advance('11m')
  expect(await seen(house.bob, id)).toMatchObject({ needs_proof: 'step_up', may: expect.arrayContaining(['decide']) })
  expect((await house.bob.post(at(id, 'decide'), answer())).body).toMatchObject({ code: 'step_up_required', need: 'step_up' })
  expect((await seen(house.alice, id)).needs_proof).toBe('step_up')
  const calm = await asked(house, { assign_to: { email: house.bob.email } })
  expect((await seen(house.bob, calm)).needs_proof).toBeNull()
})
