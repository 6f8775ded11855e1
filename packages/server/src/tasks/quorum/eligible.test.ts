import { expect, test } from 'vitest'
import { setup } from '#harness'
import { REFUND } from '../tasks.fixture.ts'

test('T96 an address that belongs to nobody here counts as one of the people, and not where a sign-in is needed', async () => {
  const house = await setup()
  const outside = { emails: [house.bob.email, 'outside@elsewhere.example'] }
  const create = (more: object) => house.agent.post('/api/v1/tasks', { ...REFUND, assign_to: outside, ...more })
  const made = await create({ quorum: 2 })
  expect([made.status, made.body.votes_needed]).toEqual([201, 2])
  expect((await create({ quorum: 2, risk: 'high' })).body).toMatchObject({ code: 'quorum_unreachable', eligible: 1, need: 2 })
})
