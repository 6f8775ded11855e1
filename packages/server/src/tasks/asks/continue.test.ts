// What people have agreed to is done without its asker coming back (T9): the end of the task enqueues it in its own transaction, and however many try, one does it.
import { createQueue, defineKind, type Kind } from '@countersign/queue'
import { expect, onTestFinished, test, vi } from 'vitest'
import { type AgentCaller, type Client, type House, setup } from '#harness'

const BUILD = { kind: 'report.build', payload: { month: '2026-01' }, run_at: '2031-01-02T03:04:05.000Z' }
const PEOPLE = '@id("people") permit (principal is User, action, resource);'
const ASKS = `@id("jobs") @ask("May it?") permit (principal is Agent, action, resource);\n${PEOPLE}`

async function open(): Promise<House> {
  const house = await setup()
  const kinds = [defineKind('report.build', { queue: 'reports', run: async () => undefined })] as unknown as Kind[]
  const engine = createQueue({ database: house.db.pool, listen: false, kinds })
  onTestFinished(() => engine.close())
  await engine.register()
  await activate(house.bob, ASKS)
  return { ...house, agent: await house.given.agent({ scopes: ['tasks:*', 'jobs:*'] }) }
}

async function activate(by: Client, text: string): Promise<void> {
  const saved = await by.post('/api/v1/policies', { text })
  expect([saved.status, saved.body.errors ?? saved.body]).toEqual([201, []])
  expect((await by.post(`/api/v1/policies/${saved.body.version}/activate`, {})).status).toBe(200)
}

const enqueue = (agent: AgentCaller, more: Record<string, string> = {}) => agent.post('/api/v1/jobs', BUILD, more)

async function asked(agent: AgentCaller, more: Record<string, string> = {}): Promise<string> {
  const { status, body } = await enqueue(agent, more)
  expect([status, body.code]).toEqual([428, 'approval_pending'])
  return body.task_id
}

async function agree({ bob }: House, id: string, approve = true): Promise<void> {
  const answer = { type: 'respond', response: { approve }, seen_revision: 1 }
  expect((await bob.post(`/api/v1/tasks/${id}/decide`, answer)).status).toBe(200)
}

const built = async ({ bob }: House) => (await bob.get('/api/v1/jobs?kind=report.build')).body.data
const events = async ({ bob }: House, type: string) => (await bob.get(`/api/v1/events?type=${type}`)).body.data
const stateOf = async ({ admin }: House, id: string) =>
  (await admin.one<{ state: string }>`select state from policy_asks where task_id = ${id}`).state

test('T9 once people have agreed the house does it in the name of its asker, who is then handed what came of it, once', async () => {
  const house = await open()
  const task = await asked(house.agent)
  await agree(house, task)
  expect(await built(house)).toEqual([])

  await house.runJobs()

  const [job, ...more] = await built(house)
  expect(more).toEqual([])
  expect(job).toMatchObject({ kind: BUILD.kind, run_at: BUILD.run_at, agent_id: house.agent.id })
  expect((await house.bob.get(`/api/v1/jobs/${job.id}`)).body.payload).toEqual(BUILD.payload)
  const [enqueued] = await events(house, 'job.enqueued')
  expect(enqueued).toMatchObject({ actor: { type: 'agent', id: house.agent.id }, decision: { outcome: 'ask' } })
  expect(await events(house, 'policy.spent')).toMatchObject([{ data: { task_id: task, action: 'job.enqueue' } }])

  const repeat = await enqueue(house.agent)
  expect([repeat.status, repeat.body.id]).toEqual([201, job.id])
  expect(await built(house)).toHaveLength(1)
  expect(await events(house, 'policy.spent')).toHaveLength(1)
  // From then on the same is asked anew (P68).
  expect(await asked(house.agent)).not.toBe(task)
})

test('T9 P78 with the same key of idempotency the repeat is handed the job that the house has made, and its stored reply from then on', async () => {
  const house = await open()
  const key = { 'Idempotency-Key': 'books' }
  await agree(house, await asked(house.agent, key))
  await house.runJobs()
  const [job] = await built(house)

  const answers = [await enqueue(house.agent, key), await enqueue(house.agent, key)]

  expect(answers.map(({ status, body }) => [status, body.id])).toEqual([
    [201, job.id],
    [201, job.id],
  ])
  expect(answers.map(({ headers }) => headers.get('idempotency-replayed'))).toEqual([null, 'true'])
  expect(await built(house)).toHaveLength(1)
})

test('T9 the repeat before the house came to it does it, and then the house does nothing', async () => {
  const house = await open()
  await agree(house, await asked(house.agent))
  expect((await enqueue(house.agent)).status).toBe(201)
  await house.runJobs()
  expect(await built(house)).toHaveLength(1)
  expect(await events(house, 'policy.not_done')).toEqual([])
})

test('T9 of the house and five repeats at the same moment over two processes one does it', async () => {
  const house = await open()
  const elsewhere = house.agent.at((await house.second()).url) as AgentCaller
  const task = await asked(house.agent)
  await agree(house, task)

  const [, ...answers] = await Promise.all([
    house.runJobs(),
    ...[house.agent, elsewhere, house.agent, elsewhere, house.agent].map((agent) => enqueue(agent)),
  ])

  const jobs = await built(house)
  expect(jobs).toHaveLength(1)
  const handed = answers.filter(({ status }) => status === 201)
  expect(handed.map(({ body }) => body.id)).toEqual([jobs[0].id])
  expect(await events(house, 'policy.spent')).toMatchObject([{ data: { task_id: task } }])
})

test('T9 a server that is lost in the middle leaves the agreement whole, and the next try does it', async () => {
  const house = await open()
  const task = await asked(house.agent)
  await agree(house, task)
  // The act is held up in its transaction, and the connection that it runs on is lost there.
  await house.admin.query('begin')
  await house.admin.query('select from countersign.policy_asks where task_id = $1 for update', [task])
  const ran = house.runJobs()
  await vi.waitFor(
    async () => {
      const { rows } = await house.admin.query(
        'select pg_terminate_backend(pid) as lost from pg_stat_activity where pg_backend_pid() = any(pg_blocking_pids(pid))',
      )
      expect(rows).toEqual([{ lost: true }])
    },
    { timeout: 30_000, interval: 50 },
  )
  await house.admin.query('rollback')
  await ran
  expect(await stateOf(house, task)).toBe('agreed')
  expect(await built(house)).toEqual([])

  await house.clock.advance('5m')
  await house.runJobs()

  expect(await built(house)).toHaveLength(1)
  expect(await stateOf(house, task)).toBe('spent')
})

test('T9 P68 where policy lets it through by the time its asker comes back, it is done once all the same', async () => {
  const house = await open()
  await agree(house, await asked(house.agent))
  await activate(house.bob, `@id("jobs") permit (principal is Agent, action, resource);\n${PEOPLE}`)
  await house.runJobs()
  const [job] = await built(house)
  expect((await enqueue(house.agent)).body.id).toBe(job.id)
  expect(await built(house)).toHaveLength(1)
  // It was handed over, so that the next one is a new one.
  expect((await enqueue(house.agent)).body.id).not.toBe(job.id)
})

test('T9 P68 nothing is done that policy forbids by now, nor in the name of a key that counts no more, and the record says why', async () => {
  const house = await open()
  const forbidden = await asked(house.agent)
  await agree(house, forbidden)
  await activate(house.bob, `${ASKS}\n@id("stop") forbid (principal is Agent, action == Action::"job.enqueue", resource);`)
  await house.runJobs()
  expect(await events(house, 'policy.not_done')).toMatchObject([
    { resource: { type: 'task', id: forbidden }, data: { task_id: forbidden, action: 'job.enqueue', code: 'policy_denied' } },
  ])
  await activate(house.bob, ASKS)

  const other = await house.given.agent({ scopes: ['tasks:*', 'jobs:*'], name: 'left-bot' })
  const left = await asked(other)
  const { id: keyId } = (await house.alice.get('/api/v1/keys')).body.data.find(
    ({ agent_id }: { agent_id: string | null }) => agent_id === other.id,
  )
  expect((await house.alice.post(`/api/v1/keys/${keyId}/revoke`, {})).status).toBe(204)
  await agree(house, left)
  await house.runJobs()

  expect((await events(house, 'policy.not_done'))[0]).toMatchObject({ data: { task_id: left, code: 'key_revoked' } })
  expect(await built(house)).toEqual([])
  expect([await stateOf(house, forbidden), await stateOf(house, left)]).toEqual(['agreed', 'agreed'])
})

test('T9 a no, a withdrawal and silence continue nothing', async () => {
  const house = await open()
  await activate(house.bob, ASKS.replace('@ask("May it?")', '@ask("May it?") @expires("10m")'))
  await agree(house, await asked(house.agent), false)
  await house.clock.advance('11m')
  const withdrawn = await asked(house.agent)
  expect((await house.bob.post(`/api/v1/tasks/${withdrawn}/cancel`, {})).status).toBe(200)
  await asked(house.agent)
  await house.clock.advance('11m')
  await house.runJobs()
  const { kinds } = await house.admin.one<{ kinds: number }>`
    select count(*)::integer as kinds from events where type in ('policy.spent', 'policy.not_done')`
  expect([kinds, await built(house)]).toEqual([0, []])
})

test('T9 a job that is run again is continued as well, with what was sent for it', async () => {
  const house = await open()
  await agree(house, await asked(house.agent))
  const { id } = (await enqueue(house.agent)).body
  await house.agent.post(`/api/v1/jobs/${id}/cancel`, {})
  const changes = { payload: { month: 'all' }, run_at: '2031-02-03T04:05:06.000Z' }
  const retry = () => house.agent.post(`/api/v1/jobs/${id}/retry`, changes)
  const held = await retry()
  expect(held.body.code).toBe('approval_pending')
  await agree(house, held.body.task_id)

  await house.runJobs()

  expect((await house.bob.get(`/api/v1/jobs/${id}`)).body).toMatchObject({ ...changes, state: 'scheduled' })
  expect((await retry()).status).toBe(200)
  expect(await events(house, 'job.retried')).toHaveLength(1)
})
