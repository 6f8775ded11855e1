import { expect, test } from 'vitest'
import { type House, setup } from '#harness'
import { answer, REFUND } from '../tasks.fixture.ts'

test('T96 an address that belongs to nobody here counts as one of the people, and not where a sign-in is needed', async () => {
  const house = await setup()
  const outside = { emails: [house.bob.email, 'outside@elsewhere.example'] }
  const create = (more: object) => house.agent.post('/api/v1/tasks', { ...REFUND, assign_to: outside, ...more })
  const made = await create({ quorum: 2 })
  expect([made.status, made.body.votes_needed]).toEqual([201, 2])
  expect((await create({ quorum: 2, risk: 'high' })).body).toMatchObject({ code: 'quorum_unreachable', eligible: 1, need: 2 })
})

const ALL = '@id("all") permit (principal, action, resource);'
const DECIDE = 'action == Action::"task.decide"'

async function activate({ bob }: House, text: string): Promise<void> {
  const saved = await bob.post('/api/v1/policies', { text })
  expect([saved.status, saved.body.errors ?? saved.body]).toEqual([201, []])
  expect((await bob.post(`/api/v1/policies/${saved.body.version}/activate`, {})).status).toBe(200)
}

const eventsOf = async ({ bob }: House, type: string) => (await bob.get(`/api/v1/events?type=${type}`)).body.data

test('T42 T151 whom policy lets decide by no way is not counted on: the quorum is refused at creation, also of "all", and where a risk brings it', async () => {
  const house = await setup()
  const operator = await house.operator.person()
  const two = { emails: [house.bob.email, operator.email] }
  const create = (more: object) => house.agent.post('/api/v1/tasks', { ...REFUND, assign_to: two, ...more })
  expect((await create({ quorum: 2 })).status).toBe(201)
  await activate(house, `${ALL}\n@id("not-bob") forbid (principal == User::"${house.bob.id}", ${DECIDE}, resource);`)

  expect((await create({ quorum: 2 })).body).toMatchObject({ code: 'quorum_unreachable', eligible: 1, need: 2 })
  const all = await create({ quorum: 'all' })
  expect([all.status, all.body.votes_needed]).toEqual([201, 1])
  expect((await create({ risk: 'critical' })).body).toMatchObject({ code: 'quorum_unreachable', eligible: 1, need: 2 })
  // Of other tasks the policy does not speak.
  await activate(
    house,
    `${ALL}\n@id("not-bob") forbid (principal == User::"${house.bob.id}", ${DECIDE}, resource) when { context.priority == "urgent" };`,
  )
  expect((await create({ quorum: 2 })).status).toBe(201)
  expect((await create({ quorum: 2, priority: 'urgent' })).body.code).toBe('quorum_unreachable')
})

test('T151 a floor that a better proof meets keeps nobody out, and one that nobody can meet keeps everybody out', async () => {
  const house = await setup()
  const operator = await house.operator.person()
  const floor = (level: number) =>
    `${ALL}\n@id("floor") forbid (principal, ${DECIDE}, resource) when { context.assurance.level < ${level} };`
  const create = () =>
    house.agent.post('/api/v1/tasks', { ...REFUND, assign_to: { emails: [house.bob.email, operator.email] }, quorum: 2 })
  await activate(house, floor(4))
  expect((await create()).status).toBe(201)
  await activate(house, floor(5))
  expect((await create()).body).toMatchObject({ code: 'quorum_unreachable', eligible: 0, need: 2 })

  // An address outside brings a link and nothing better.
  const outside = { ...REFUND, assign_to: { emails: [house.bob.email, 'outside@elsewhere.example'] }, quorum: 2 }
  await activate(house, floor(3))
  expect((await house.agent.post('/api/v1/tasks', outside)).body).toMatchObject({ code: 'quorum_unreachable', eligible: 1 })
  await activate(house, floor(1))
  expect((await house.agent.post('/api/v1/tasks', outside)).status).toBe(201)
})

test('T42 a policy that keeps somebody from deciding makes an open quorum unreachable: said once, and mended when it is taken back', async () => {
  const house = await setup()
  const operator = await house.operator.person()
  const { id } = await house.given.task({
    ...REFUND,
    assign_to: { emails: [house.bob.email, operator.email] },
    quorum: 2,
  })
  await activate(house, `${ALL}\n@id("not-bob") forbid (principal == User::"${house.bob.id}", ${DECIDE}, resource);`)
  await house.runJobs()

  expect((await house.alice.get(`/api/v1/tasks/${id}`)).body.unreachable_at).not.toBeNull()
  expect(await eventsOf(house, 'task.quorum_unreachable')).toMatchObject([{ resource: { id } }])
  const vote = answer({ approved: true })
  expect((await house.bob.post(`/api/v1/tasks/${id}/decide`, vote)).body.code).toBe('policy_denied')

  await activate(house, ALL)
  await house.runJobs()
  expect((await house.alice.get(`/api/v1/tasks/${id}`)).body.unreachable_at).toBeNull()
  for (const person of [house.bob, operator]) expect((await person.post(`/api/v1/tasks/${id}/decide`, vote)).status).toBe(200)
  expect((await house.alice.get(`/api/v1/tasks/${id}`)).body).toMatchObject({ status: 'completed' })
  expect(await eventsOf(house, 'task.quorum_unreachable')).toHaveLength(1)
})
