// Acts of other rooms that wait for people (T9): their tasks are made by the one verb, say what policy said, and settle what waits for them in the transaction of
// their end.
import { createQueue, defineKind, type Kind } from '@countersign/queue'
import { expect, onTestFinished, test } from 'vitest'
import { type AgentCaller, type House, setup } from '#harness'

const at = (id: unknown, act = '') => `/api/v1/tasks/${id}${act && `/${act}`}`
const BUILD = { kind: 'report.build', payload: { month: '2026-01' } }

async function open(annotations: string): Promise<House> {
  const house = await setup()
  const kinds = [defineKind('report.build', { queue: 'reports', run: async () => undefined })] as unknown as Kind[]
  const engine = createQueue({ database: house.db.pool, listen: false, kinds })
  onTestFinished(() => engine.close())
  await engine.register()
  const text = `@id("reports") ${annotations} permit (principal is Agent, action == Action::"job.enqueue", resource);\n@id("people") permit (principal is User, action, resource);`
  const saved = await house.bob.post('/api/v1/policies', { text })
  expect(saved.status).toBe(201)
  await house.bob.post(`/api/v1/policies/${saved.body.version}/activate`, {})
  return { ...house, agent: await house.given.agent({ scopes: ['tasks:*', 'jobs:*'] }) }
}

const asked = async (agent: AgentCaller): Promise<string> => {
  const { status, body } = await agent.post('/api/v1/jobs', BUILD)
  expect([status, body.code]).toEqual([428, 'approval_pending'])
  return body.task_id
}
const standing = async ({ admin }: House, id: string) =>
  (await admin.one<{ state: string }>`select state from policy_asks where task_id = ${id}`).state

test('T9 the annotations of the policy are members of the task: what is asked, how many, until when, and what silence means', async () => {
  const house = await open('@ask("May {agent} build the books?") @quorum("2") @expires("10m") @on_timeout("deny")')
  const id = await asked(house.agent)
  const task = (await house.bob.get(at(id))).body
  expect(task).toMatchObject({
    ...{ origin: 'queue', status: 'open', task: 'May refund-bot build the books?', timeout_seconds: 600, on_timeout: 'deny' },
    ...{ description: expect.stringContaining('May refund-bot build the books?'), votes_needed: 2, agent_id: house.agent.id },
    payload: { action: 'job.enqueue', body: BUILD },
  })
  expect(task.origin_ref).toMatch(/^[0-9a-f]{64}$/)
  const [created] = (await house.bob.get('/api/v1/events?type=task.created')).body.data
  expect(created).toMatchObject({ resource: { type: 'task', id } })
})

test('T9 the end of the task, whatever brought it about, settles the act in the same transaction', async () => {
  const house = await open('@ask("May it?") @expires("10m")')
  const says = (id: string, approve: boolean) =>
    house.bob.post(at(id, 'decide'), { type: 'respond', response: { approve }, seen_revision: 1 })

  const agreed = await asked(house.agent)
  expect((await says(agreed, true)).status).toBe(200)
  expect(await standing(house, agreed)).toBe('agreed')
  expect((await house.agent.post('/api/v1/jobs', BUILD)).status).toBe(201)
  expect(await standing(house, agreed)).toBe('spent')

  const withdrawn = await asked(house.agent)
  expect((await house.bob.post(at(withdrawn, 'cancel'), {})).status).toBe(200)
  expect(await standing(house, withdrawn)).toBe('withdrawn')

  const late = await asked(house.agent)
  await house.clock.advance('601s')
  await house.runJobs()
  expect((await house.bob.get(at(late))).body).toMatchObject({ status: 'completed', outcome: 'denied' })
  expect(await standing(house, late)).toBe('expired')

  const refused = await asked(house.agent)
  expect((await says(refused, false)).status).toBe(200)
  expect(await standing(house, refused)).toBe('refused')
  expect((await house.agent.post('/api/v1/jobs', BUILD)).body).toMatchObject({ code: 'human_denied', task_id: refused })

  // Nothing of it is left half done where the end itself is undone.
  const rows = await house.admin.rows<{ id: string }>`
    select a.task_id as id from policy_asks a join tasks t on t.id = a.task_id
    where (a.state = 'open') <> (t.status in ('open', 'returned', 'revising', 'verifying'))`
  expect(rows).toEqual([])
})

test('T9 no caller says of its own question that another room asked it', async () => {
  const house = await setup()
  for (const member of [{ origin: 'queue' }, { origin_ref: 'a'.repeat(64) }]) {
    const { status, body } = await house.agent.post('/api/v1/tasks', {
      task: 'May I?',
      response_schema: { type: 'object', properties: { approve: { type: 'boolean' } }, required: ['approve'] },
      timeout_seconds: 60,
      ...member,
    })
    expect([status, body.code]).toEqual([422, 'validation_failed'])
  }
})
