import { createQueue, defineKind, type Kind } from '@countersign/queue'
import { expect, onTestFinished, test } from 'vitest'
import { type AgentCaller, type Client, type House, setup } from '#harness'

const at = (id: unknown, act = '') => `/api/v1/tasks/${id}${act && `/${act}`}`
const KIND = 'report.build'
const enqueue = (who: Client, payload: object, kind = KIND) => who.post('/api/v1/jobs', { kind, payload })
const approve = (who: Client, id: unknown, more: object = {}) =>
  who.post(at(id, 'decide'), { type: 'respond', response: { approve: true }, seen_revision: 1, ...more })

const aJobAgent = (house: House): Promise<AgentCaller> => house.given.agent({ scopes: ['tasks:*', 'jobs:*'] })

/** Whatever an agent enqueues here is asked about; nobody runs it. */
async function open(): Promise<House> {
  const house = await setup()
  const kinds = [KIND, 'report.delete'].map((name) =>
    defineKind(name, { queue: 'reports', run: async () => undefined }),
  ) as unknown as Kind[]
  const engine = createQueue({ database: house.db.pool, listen: false, kinds })
  onTestFinished(() => engine.close())
  await engine.register()
  const text =
    '@id("ask") @ask("May {agent} run this?") permit (principal is Agent, action, resource);\n@id("people") permit (principal is User, action, resource);'
  const saved = await house.bob.post('/api/v1/policies', { text })
  await house.bob.post(`/api/v1/policies/${saved.body.version}/activate`, {})
  return { ...house, agent: await aJobAgent(house) }
}
const asked = async (house: House, payload: object): Promise<string> => {
  const { status, body } = await enqueue(house.agent, payload)
  expect([status, body.code]).toEqual([428, 'approval_pending'])
  return body.task_id
}

test('T48 an approval is remembered for a while as a version of the policies: the same act passes, another does not, and it ends by itself', async () => {
  const house = await open()
  const id = await asked(house, { month: 1 })
  expect((await house.bob.get(at(id))).body.may).toContain('remember')
  const done = await approve(house.bob, id, { remember: { for_seconds: 3_600 } })
  expect([done.status, done.body.status]).toEqual([200, 'completed'])
  expect(done.body.decisions[0].remembered_until).toMatch(/Z$/)
  const active = (await house.bob.get('/api/v1/policies/active')).body
  expect(active.policies).toMatchObject([{ id: 'ask' }, { id: 'people' }, { id: `remembered.${id.slice(5).toLowerCase()}` }])
  expect((await enqueue(house.agent, { month: 2 })).status).toBe(201)
  expect((await enqueue(house.agent, { month: 2 }, 'report.delete')).body.code).toBe('approval_pending')
  expect((await enqueue(await aJobAgent(house), { month: 2 })).body.code).toBe('approval_pending')
  await house.clock.advance('3601s')
  await asked(house, { month: 3 })
})

test('T48 what is remembered ends at one click', async () => {
  const house = await open()
  const id = await asked(house, { month: 1 })
  await approve(house.bob, id, { remember: { for_seconds: 3_600 } })
  expect((await house.operator.delete(at(id, 'remembered'))).status).toBe(403)
  expect((await house.bob.delete(at(id, 'remembered'))).status).toBe(204)
  expect((await house.bob.delete(at(id, 'remembered'))).body.code).toBe('state_conflict')
  // What was agreed to is still done once.
  expect((await enqueue(house.agent, { month: 1 })).status).toBe(201)
  await asked(house, { month: 2 })
})

test('T48 only who may activate policies, with a fresh proof, remembers, and only what policy asked about', async () => {
  const house = await open()
  const id = await asked(house, { month: 1 })
  const remember = { for_seconds: 3_600 }
  expect((await house.operator.get(at(id))).body.may).not.toContain('remember')
  expect((await approve(await house.operator.person(), id, { remember })).status).toBe(403)
  for (const for_seconds of [59, 86_401, 1.5])
    expect((await approve(house.bob, id, { remember: { for_seconds } })).status).toBe(422)
  const refusal = { type: 'respond', response: { approve: false }, seen_revision: 1, remember }
  expect((await house.bob.post(at(id, 'decide'), refusal)).body.errors[0]).toMatchObject({ code: 'not_approved' })
  await house.clock.advance('11m')
  expect((await approve(house.bob, id, { remember })).body.code).toBe('step_up_required')
  expect((await house.bob.get(at(id))).body).toMatchObject({ status: 'open', decisions: [] })

  const plain = await house.bob.post('/api/v1/tasks', {
    task: 'Ship it?',
    response_schema: { type: 'object', properties: { approve: { type: 'boolean' } }, required: ['approve'] },
    timeout_seconds: 3_600,
  })
  expect((await approve(house.bob, plain.body.id, { remember })).body.errors[0]).toMatchObject({ code: 'not_offered' })
})
