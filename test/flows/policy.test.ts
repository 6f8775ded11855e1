// Policies through the door: versions, the active one in every process, dry runs, and the decision path with people in it.
import { createQueue, defineKind, type Kind } from '@countersign/queue'
import { expect, onTestFinished, test } from 'vitest'
import { type AgentCaller, type Client, type House, setup } from '#harness'

const ALLOW = '@id("all") permit (principal, action, resource);'
const BUILD = { kind: 'report.build', payload: { month: '2026-01' } }

/** A house in which jobs of one kind can be made; nobody runs them. */
async function open(options: Parameters<typeof setup>[0] = {}): Promise<House> {
  const house = await setup(options)
  const kinds = [defineKind('report.build', { queue: 'reports', run: async () => undefined })] as unknown as Kind[]
  const engine = createQueue({ database: house.db.pool, listen: false, kinds })
  onTestFinished(() => engine.close())
  await engine.register()
  const agent = await house.given.agent({ scopes: ['tasks:*', 'jobs:*'] })
  return { ...house, agent }
}

async function save(by: Client, text: string): Promise<number> {
  const { status, body } = await by.post('/api/v1/policies', { text })
  expect([status, body.errors ?? body]).toEqual([201, []])
  return body.version
}

async function activate(by: Client, text: string): Promise<number> {
  const version = await save(by, text)
  const { status, body } = await by.post(`/api/v1/policies/${version}/activate`, {})
  expect([status, body.active]).toEqual([200, true])
  return version
}

const enqueue = (by: Client, body: object = BUILD) => by.post('/api/v1/jobs', body)
const decide = (by: Client, task: string, approve: boolean, more: object = {}) =>
  by.post(`/api/v1/tasks/${task}/decide`, { type: 'respond', response: { approve }, seen_revision: 1, reason: 'seen', ...more })

/** The task that a refused act waits for. */
async function asked(agent: AgentCaller, body: object = BUILD): Promise<string> {
  const { status, body: problem } = await enqueue(agent, body)
  expect([status, problem.code]).toEqual([428, 'approval_pending'])
  return problem.task_id
}

const events = async (house: House, type: string) => (await house.alice.get(`/api/v1/events?type=${type}&limit=200`)).body.data

test('P70 a tenant starts with the shipped set, active, without a warning, and every policy stands in it in words', async () => {
  const { alice, stranger } = await setup()

  const { status, body } = await alice.get('/api/v1/policies/active')

  expect([status, body.version, body.active, body.origin, body.errors, body.warnings]).toEqual([200, 1, true, 'starting', [], []])
  expect(body.policies.find(({ id }: { id: string }) => id === 'agents-enqueue')).toMatchObject({
    effect: 'permit',
    says: 'A person agrees to each job that an agent wants to run, or to run again.',
    ask: { text: 'May {agent} run this job?', quorum: 1, expires_seconds: 86_400, on_timeout: 'deny' },
  })
  // Each tenant its own, from its first moment.
  expect((await stranger.get('/api/v1/policies')).body.data).toMatchObject([{ version: 1, active: true, origin: 'starting' }])
})

test('P70 agents ask and read at once; people and their keys act by the matrix; a job of an agent waits for a person', async () => {
  const house = await open()
  const key = await house.given.key({ kind: 'adm', name: 'ops', scopes: ['jobs:*'] })

  expect((await house.given.task()).id).toMatch(/^task_/)
  expect((await enqueue(house.alice)).status).toBe(201)
  expect((await enqueue(house.member)).status).toBe(201)
  expect((await enqueue(house.nobody, BUILD)).status).toBe(401)
  const byKey = await house.nobody.raw('/api/v1/jobs', {
    method: 'POST',
    headers: { authorization: `Bearer ${key.secret}`, 'content-type': 'application/json' },
    body: JSON.stringify(BUILD),
  })
  expect(byKey.status).toBe(201)

  const held = await enqueue(house.agent)
  expect(held.status).toBe(428)
  expect(held.body).toMatchObject({
    code: 'approval_pending',
    task_id: expect.stringMatching(/^task_/),
    digest: expect.stringMatching(/^[0-9a-f]{64}$/),
  })
  expect(held.headers.get('retry-after')).toBe('5')
  const task = (await house.alice.get(`/api/v1/tasks/${held.body.task_id}`)).body
  expect(task).toMatchObject({
    task: 'May refund-bot run this job?',
    origin: 'queue',
    status: 'open',
    payload: {
      action: 'job.enqueue',
      principal: `Agent ${house.agent.id}`,
      resource: 'Kind report.build',
      context: { queue: 'reports' },
      body: BUILD,
      digest: held.body.digest,
    },
  })
})

test('P68 A20 an agreed act is done exactly once, and one that differs by a byte is asked again', async () => {
  const house = await open()
  const task = await asked(house.agent)
  // Meanwhile the same act joins the question that is open.
  expect(await asked(house.agent)).toBe(task)

  expect((await decide(house.alice, task, true)).status).toBe(200)
  const other = await asked(house.agent, { ...BUILD, payload: { month: '2026-02' } })
  expect(other).not.toBe(task)
  const done = await enqueue(house.agent)
  expect([done.status, done.body.kind]).toEqual([201, 'report.build'])

  // Sent twice, it is asked again.
  const again = await asked(house.agent)
  expect([task, other]).not.toContain(again)
  const [enqueued] = await events(house, 'job.enqueued')
  expect(enqueued.decision).toEqual({ outcome: 'ask', policy_ids: ['agents-enqueue'], policy_version: 1 })
  expect(await events(house, 'policy.spent')).toMatchObject([{ data: { task_id: task, action: 'job.enqueue' } }])
})

test('P68 of ten requests at once for one agreement over two processes one is done', async () => {
  const house = await open()
  const elsewhere = await house.second()
  await decide(house.alice, await asked(house.agent), true)

  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, i) => enqueue(i % 2 ? house.agent : (house.agent.at(elsewhere.url) as typeof house.agent))),
  )

  expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
  expect(answers.filter(({ status }) => status === 428 || status === 503)).toHaveLength(9)
  expect(await events(house, 'policy.spent')).toHaveLength(1)
  expect((await house.alice.get('/api/v1/jobs?kind=report.build')).body.data).toHaveLength(1)
})

test('P68 the same key of idempotency gets the job once people have agreed, and its reply from then on', async () => {
  const house = await open()
  const key = { 'Idempotency-Key': 'one' }
  const held = await house.agent.post('/api/v1/jobs', BUILD, key)
  expect(held.status).toBe(428)
  await decide(house.alice, held.body.task_id, true)

  const done = await house.agent.post('/api/v1/jobs', BUILD, key)
  const replay = await house.agent.post('/api/v1/jobs', BUILD, key)

  expect([done.status, replay.status, replay.headers.get('idempotency-replayed')]).toEqual([201, 201, 'true'])
  expect(replay.body.id).toBe(done.body.id)
})

test('P68 a no stays a no while the question would be open, with what the person said; then it may be asked again', async () => {
  const house = await open()
  const task = await asked(house.agent)
  await decide(house.alice, task, false, { response: { approve: false, comment: 'Not this month.' } })

  const refused = await enqueue(house.agent)

  expect([refused.status, refused.body]).toMatchObject([403, { code: 'human_denied', task_id: task, comment: 'Not this month.' }])
  await house.clock.advance('24h')
  expect(await asked(house.agent)).not.toBe(task)
})

test('P66 A19 two different people make a quorum of two: nobody counts twice, nor anybody of the asking side', async () => {
  const house = await open()
  await activate(
    house.bob,
    '@id("two") @ask("Sure?") @quorum("2") permit (principal, action, resource);\n@id("people") permit (principal is User, action, resource);',
  )
  const task = await asked(house.agent)

  expect((await house.bob.post(`/api/v1/tasks/${task}/claim`, {})).body.code).toBe('state_conflict')
  // The agent is Alice's.
  expect((await decide(house.alice, task, true)).body.code).toBe('separation_of_duties')
  expect((await decide(house.bob, task, true)).body).toMatchObject({ status: 'open', decisions: [{ user_id: house.bob.id }] })
  expect((await decide(house.bob, task, true)).body.code).toBe('already_decided')
  expect(await asked(house.agent)).toBe(task)
  expect((await decide(house.operator, task, true)).body).toMatchObject({ status: 'completed' })
  expect((await enqueue(house.agent)).status).toBe(201)
  expect(await events(house, 'task.decision_recorded')).toHaveLength(1)
})

test('P66 two approvals at once of two people settle a quorum of two, and one denial refuses', async () => {
  const house = await open()
  await activate(
    house.bob,
    '@id("two") @ask("Sure?") @quorum("2") permit (principal is Agent, action, resource);\n@id("people") permit (principal is User, action, resource);',
  )
  const operator = await house.operator.person()
  const task = await asked(house.agent)
  const answers = await Promise.all([decide(house.bob, task, true), decide(operator, task, true)])
  expect(answers.map(({ body }) => body.status).sort()).toEqual(['completed', 'open'])
  expect((await enqueue(house.agent)).status).toBe(201)

  const second = await asked(house.agent)
  expect((await decide(operator, second, false)).body.status).toBe('completed')
  expect((await enqueue(house.agent)).body.code).toBe('human_denied')
})

test('P66 an ask ends by its shortest expiry; deny ends it, escalate asks once more for as long and then ends it', async () => {
  const house = await open()
  const set = (onTimeout: string) =>
    `@id("q") @ask("Sure?") @expires("10m") @on_timeout("${onTimeout}") permit (principal is Agent, action, resource);\n@id("p") permit (principal is User, action, resource);`
  await activate(house.alice, set('deny'))
  const first = await asked(house.agent)
  await house.clock.advance('601s')
  await house.runJobs()
  expect((await house.alice.get(`/api/v1/tasks/${first}`)).body).toMatchObject({ status: 'completed', outcome: 'denied' })

  // The proof of Alice's presence is too old by now.
  await activate(await house.given.user({ role: 'owner' }), set('escalate'))
  const second = await asked(house.agent)
  expect(second).not.toBe(first)
  await house.clock.advance('601s')
  await house.runJobs()
  expect((await house.alice.get(`/api/v1/tasks/${second}`)).body).toMatchObject({ status: 'open', priority: 'urgent' })
  expect((await events(house, 'task.escalated')).map(({ resource }: { resource: { id: string } }) => resource.id)).toEqual([
    second,
  ])
  await decide(house.alice, second, true)
  expect((await enqueue(house.agent)).status).toBe(201)

  const third = await asked(house.agent)
  await house.clock.advance('601s')
  await house.runJobs()
  await house.clock.advance('601s')
  await house.runJobs()
  expect((await house.alice.get(`/api/v1/tasks/${third}`)).body).toMatchObject({ status: 'completed', outcome: 'denied' })
})

test('P66 escalate asks the fallback pool as well, once: who could not answer before then can, those who were asked still can, and silence ends it', async () => {
  const house = await open()
  const [desk, duty] = [await house.given.user({ role: 'member' }), await house.given.user({ role: 'member' })]
  const pool = async (name: string, who: { id: string }) =>
    (await house.alice.post('/api/v1/pools', { name, members: [who.id], strategy: 'broadcast' })).body.id
  const settings = { default_pool_id: await pool('desk', desk), fallback_pool_id: await pool('duty', duty) }
  expect((await house.alice.put('/api/v1/routing', settings)).status).toBe(200)
  await activate(
    house.alice,
    `@id("q") @ask("Sure?") @expires("10m") @on_timeout("escalate") permit (principal is Agent, action, resource);\n@id("p") permit (principal is User, action, resource);`,
  )
  const task = await asked(house.agent)
  expect((await decide(duty, task, true)).status).not.toBe(200)
  await house.clock.advance('601s')
  await house.runJobs()
  const { data } = (await events(house, 'task.escalated'))[0]
  expect(data).toMatchObject({ because: 'deadline', mode: 'add', level: 1, priority: 'urgent' })
  // The act waits for the very question, with its new time.
  const waits = await enqueue(house.agent)
  expect([waits.status, waits.body.task_id, waits.body.expires_at]).toEqual([428, task, data.deadline_at])
  expect((await decide(duty, task, true)).body).toMatchObject({ status: 'completed', completed_by_user_id: duty.id })
  expect((await enqueue(house.agent)).status).toBe(201)

  const second = await asked(house.agent)
  await house.clock.advance('601s')
  await house.runJobs()
  expect((await decide(desk, second, true)).body).toMatchObject({ status: 'completed', completed_by_user_id: desk.id })
  expect((await enqueue(house.agent)).status).toBe(201)

  const third = await asked(house.agent)
  for (let i = 0; i < 2; i++) {
    await house.clock.advance('601s')
    await house.runJobs()
  }
  expect((await house.alice.get(`/api/v1/tasks/${third}`)).body).toMatchObject({ status: 'completed', outcome: 'denied' })
  const escalated = (await events(house, 'task.escalated')).map(({ resource }: { resource: { id: string } }) => resource.id)
  expect(escalated).toEqual([third, second, task])
})

test('P69 an agreement under an older version does not lift what the newer one forbids', async () => {
  const house = await open()
  await decide(house.alice, await asked(house.agent), true)
  await activate(house.alice, `${ALLOW}\n@id("stop") forbid (principal is Agent, action == Action::"job.enqueue", resource);`)

  const { status, body } = await enqueue(house.agent)

  expect([status, body.code, body.reason, body.policy_ids]).toEqual([403, 'policy_denied', 'forbidden', ['stop']])
})

test('P69 an activation counts from the next decision in every process, and so does going back', async () => {
  const house = await open()
  const agent = house.agent
  const there = agent.at((await house.second()).url)
  const two = await activate(house.alice, ALLOW)
  expect([(await enqueue(agent)).status, (await enqueue(there)).status]).toEqual([201, 201])

  expect((await house.alice.post('/api/v1/policies/1/activate', { replaces: two })).status).toBe(200)
  expect([(await enqueue(there)).status, (await enqueue(agent)).status]).toEqual([428, 428])

  // Somebody who believes that another version is active is told.
  const stale = await house.alice.post(`/api/v1/policies/${two}/activate`, { replaces: two })
  expect([stale.status, stale.body.code, stale.body.version]).toEqual([409, 'version_conflict', 1])
  expect((await events(house, 'policy.activated')).map(({ data }: { data: object }) => data)).toEqual([
    { version: 1, previous: 2 },
    { version: 2, previous: 1 },
  ])
})

test('P69 a version never changes, and of two saves over the same one the second is told', async () => {
  const { alice, bob, admin } = await setup()
  const version = await save(alice, ALLOW)
  const late = await bob.post('/api/v1/policies', { text: `${ALLOW} ${ALLOW.replace('all', 'more')}`, based_on: 1 })
  expect([late.status, late.body.code, late.body.version]).toEqual([409, 'version_conflict', version])
  expect((await bob.get('/api/v1/policies')).body.data.map((one: { version: number }) => one.version)).toEqual([2, 1])
  expect((await bob.get(`/api/v1/policies/${version}`)).body).toMatchObject({ text: ALLOW, saved_by: alice.id, active: false })
  const rights = await admin.rows<{ name: string }>`
    select privilege_type as name from information_schema.role_table_grants
    where grantee = 'countersign_runtime' and table_name = 'policies' order by 1`
  expect(rights.map(({ name }) => name)).toEqual(['INSERT', 'SELECT'])
})

test('P69 two versions are compared policy by policy', async () => {
  const { alice } = await setup()
  const one = await save(
    alice,
    '@id("a") permit (principal, action, resource);\n@id("b") forbid (principal is Agent, action, resource);',
  )
  const two = await save(
    alice,
    '@id("a") permit (principal is User, action, resource);\n@id("c") permit (principal is Key, action, resource);',
  )
  expect((await alice.get(`/api/v1/policies/${two}/diff?against=${one}`)).body).toMatchObject({
    version: two,
    against: one,
    added: [{ id: 'c' }],
    removed: [{ id: 'b' }],
    changed: [{ id: 'a', before: expect.stringContaining('(principal, '), after: expect.stringContaining('is User') }],
    same: 0,
  })
})

test('P69 a dry run judges what was decided again and lists every outcome that would change', async () => {
  const house = await open()
  await asked(house.agent)
  await house.given.task()
  await enqueue(house.alice)
  const draft = await save(
    house.alice,
    '@id("people") permit (principal is User, action, resource);\n@id("jobs") permit (principal is Agent, action == Action::"job.enqueue", resource);',
  )

  const { status, body } = await house.alice.post(`/api/v1/policies/${draft}/dry-run`, {})

  expect([status, body.version, body.judged, body.unreadable]).toEqual([200, draft, 3, 0])
  expect(body.changed).toMatchObject([
    {
      action: 'task.create',
      before: { outcome: 'allow', policy_ids: ['agents-ask'] },
      after: { outcome: 'deny', reason: 'no_permit' },
    },
    {
      action: 'job.enqueue',
      before: { outcome: 'ask', policy_ids: ['agents-enqueue'] },
      after: { outcome: 'allow', policy_ids: ['jobs'] },
    },
  ])
  // Nothing came of it.
  expect((await house.alice.get('/api/v1/policies/active')).body.version).toBe(1)
})

test('P69 what decisions were asked is sealed: the database holds no text of it', async () => {
  const house = await open()
  await activate(
    house.alice,
    `${ALLOW}\n@id("no") forbid (principal, action == Action::"task.create", resource) when { context has content && context.content like "*launch codes*" };`,
  )
  const denied = await house.agent.post('/api/v1/tasks', {
    task: 'May I have the launch codes?',
    response_schema: { type: 'object', properties: { approve: { type: 'boolean' } }, required: ['approve'] },
    timeout_seconds: 60,
  })
  expect([denied.status, denied.body.code, denied.body.policy_ids]).toEqual([403, 'policy_denied', ['no']])
  const [told] = await events(house, 'policy.decided')
  expect(told).toMatchObject({
    actor: { id: house.agent.id },
    decision: { outcome: 'deny', policy_ids: ['no'], policy_version: 2 },
    data: { action: 'task.create', reason: 'forbidden' },
  })
  const rows = await house.admin.rows<{
    text: string
  }>`select encode(request, 'escape') || policy_decisions::text as text from policy_decisions`
  expect(rows).toHaveLength(1)
  expect(rows[0]?.text).not.toContain('launch')
  // It can be judged again by what it said.
  const run = await house.alice.post('/api/v1/policies/1/dry-run', {})
  expect(run.body).toMatchObject({
    judged: 1,
    without_content: 0,
    changed: [{ before: { outcome: 'deny' }, after: { outcome: 'allow' } }],
  })
})

test('P64 an act can be judged by where it comes from', async () => {
  const house = await open()
  const only = (network: string) =>
    `${ALLOW}\n@id("office") forbid (principal, action == Action::"job.enqueue", resource) unless { context has ip && context.ip.isInRange(ip("${network}")) };`
  await activate(house.alice, only('127.0.0.0/8'))
  expect((await enqueue(house.agent)).status).toBe(201)
  await activate(house.alice, only('10.0.0.0/8'))
  expect((await enqueue(house.agent)).body).toMatchObject({ code: 'policy_denied', policy_ids: ['office'] })
})

test('T8 a policy that asks before a question may be asked denies it', async () => {
  const house = await setup()
  await activate(house.alice, '@ask("Really?") permit (principal, action == Action::"task.create", resource);')
  const { status, body } = await house.agent.post('/api/v1/tasks', {
    task: 'May I?',
    response_schema: { type: 'object', properties: { approve: { type: 'boolean' } }, required: ['approve'] },
    timeout_seconds: 60,
  })
  expect([status, body.code]).toEqual([403, 'policy_error'])
})

test.each([
  ['@aks("x")', `@aks("x") ${ALLOW}`, 'annotation_unknown', 1, 1],
  ['two @ask', `@ask("a")\n@ask("b") ${ALLOW}`, 'annotation_twice', 2, 1],
  ['@quorum("0")', `@ask("a") @quorum("0") ${ALLOW}`, 'quorum_invalid', 1, 11],
  ['@on_timeout("allow")', `@ask("a") @on_timeout("allow") ${ALLOW}`, 'on_timeout_invalid', 1, 11],
  [
    'a permit that reads context.content',
    'permit (principal, action == Action::"job.enqueue", resource)\nwhen { context has content };',
    'content_read',
    2,
    20,
  ],
  ['501 policies', 'permit (principal, action, resource);\n'.repeat(501), 'too_many_policies', 501, 1],
  ['1 MB', `permit (principal, action, resource) when { "${'a'.repeat(1_000_000)}" == "" };`, 'policy_too_large', 1, 1],
])('§21 P67 %s is 422 policy_invalid with line and column, and nothing is saved', async (_name, text, code, line, column) => {
  const { alice } = await setup()
  const { status, body } = await alice.post('/api/v1/policies', { text })
  expect([status, body.code, body.errors[0]]).toMatchObject([422, 'policy_invalid', { path: '/text', code, line, column }])
  expect((await alice.post('/api/v1/policies/check', { text })).body).toMatchObject({
    valid: false,
    errors: [{ code, line, column }],
  })
  expect((await alice.get('/api/v1/policies')).body.data).toHaveLength(1)
})

test('V19 saving says which question is never asked', async () => {
  const { alice } = await setup()
  const { body } = await alice.post('/api/v1/policies', {
    text: `@id("q") @ask("Sure?") permit (principal is Agent, action, resource);\n${ALLOW}`,
  })
  expect(body.warnings).toMatchObject([
    {
      code: 'ask_covered',
      line: 1,
      column: 1,
      policy_id: 'q',
      message: 'The question of q is never asked: all permits the same without @ask.',
    },
  ])
})

test('P64 a request is judged aloud: who is taken as they are in the tenant, and the policies that decided are shown', async () => {
  const { alice, agent, member } = await setup()
  const { id } = await member.person()
  const ask = (body: object) => alice.post('/api/v1/policies/decide', body)
  const context = { queue: 'q', priority: 2, tags: [], delayed: false, payload_bytes: 1, body_sha256: '0' }
  const job = { action: 'job.enqueue', resource: { type: 'Kind', id: 'report.build' }, context }

  expect((await ask({ principal: { type: 'Agent', id: agent.id }, ...job })).body).toMatchObject({
    outcome: 'ask',
    reason: 'asked',
    says: 'agents-enqueue permits it once a person has agreed.',
    policies: [{ id: 'agents-enqueue', text: expect.stringContaining('@ask'), line: expect.any(Number) }],
    ask: { quorum: 1, expires_seconds: 86_400, on_timeout: 'deny', texts: ['May {agent} run this job?'] },
  })
  expect((await ask({ principal: { type: 'User', id }, ...job })).body).toMatchObject({
    outcome: 'allow',
    policy_ids: ['members'],
  })
  expect(
    (await ask({ principal: { type: 'User', id }, action: 'policy.activate', resource: { type: 'Policy', id: '1' } })).body,
  ).toMatchObject({ outcome: 'deny', reason: 'no_permit', policies: [] })
  expect(
    (
      await ask({
        principal: { type: 'Agent', id: agent.id },
        action: 'task.claim',
        resource: { type: 'Task', id: 'task_1' },
        text: ALLOW,
      })
    ).body,
  ).toMatchObject({
    outcome: 'deny',
    reason: 'forbidden',
    policy_ids: ['host:agents-never-decide'],
    policy_version: 0,
  })
  expect((await ask({ principal: { type: 'Agent', id: agent.id }, ...job, context: {} })).body).toMatchObject({
    outcome: 'deny',
    reason: 'policy_error',
    faults: [expect.stringContaining('expected the record to have an attribute')],
  })
  expect((await ask({ principal: { type: 'Agent', id: agent.id }, action: 'job.explode' })).body.errors).toMatchObject([
    { path: '/action', code: 'unknown_action' },
  ])
})

test('P60 policies are read by those who may, and written by owners and admins alone; no agent touches them', async () => {
  const { operator, auditor, viewer, member, bob, agent } = await setup()
  const statuses = async (who: Client) =>
    Promise.all([
      who.get('/api/v1/policies').then(({ status }) => status),
      who.post('/api/v1/policies/check', { text: ALLOW }).then(({ status }) => status),
      who.post('/api/v1/policies', { text: ALLOW }).then(({ status }) => status),
    ])
  expect(await statuses(bob)).toEqual([200, 200, 201])
  expect(await statuses(operator)).toEqual([200, 200, 403])
  expect(await statuses(auditor)).toEqual([200, 200, 403])
  expect(await statuses(viewer)).toEqual([403, 403, 403])
  expect(await statuses(member)).toEqual([403, 403, 403])
  expect(await statuses(agent)).toEqual([403, 403, 403])
})

test('P68 what would be refused anyway bothers nobody, and at most twenty acts of one agent wait', async () => {
  const house = await open()
  expect((await enqueue(house.agent, { kind: 'no.such' })).body.code).toBe('kind_unknown')
  for (let i = 0; i < 20; i++) await asked(house.agent, { ...BUILD, payload: { i } })
  const { status, body } = await enqueue(house.agent, { ...BUILD, payload: { i: 20 } })
  expect([status, body.code, body.limit]).toEqual([429, 'too_many_open', 20])
  expect((await house.alice.get('/api/v1/tasks?status=open&limit=200')).body.data).toHaveLength(20)
})

test('P68 running a job again is an act of its own, with another payload or with the same', async () => {
  const house = await open()
  await decide(house.alice, await asked(house.agent), true)
  const { id } = (await enqueue(house.agent)).body
  await house.agent.post(`/api/v1/jobs/${id}/cancel`, {})
  const retry = () => house.agent.post(`/api/v1/jobs/${id}/retry`, { payload: { month: 'all' } })

  const held = await retry()
  expect([held.status, held.body.code]).toEqual([428, 'approval_pending'])
  expect((await house.agent.post('/api/v1/jobs/bulk-retry', { ids: [id] })).body).toMatchObject({
    changed: 0,
    data: [{ id, code: 'approval_pending' }],
  })
  await decide(house.alice, held.body.task_id, true)
  expect((await retry()).status).toBe(200)
})

test('policy.active: a tenant without a set is given one at its first decision, and one that this build does not understand denies all', async () => {
  const house = await setup()
  await house.admin.run`insert into policies (version, tenant_id, text, origin, saved_by, saved_at)
    values (7, ${house.tenantId}::uuid, 'permit (principal is Robot, action, resource); @id("x") @ask ', 'saved', 'usr_old', now())`
  await house.alice.get('/api/v1/policies')
  await house.admin.run`insert into policy_activations (ordinal, tenant_id, version, activated_by, activated_at)
    values (9, ${house.tenantId}::uuid, 7, 'usr_old', now())`
  const { checkActivePolicies, giveStartingSets } = await import('../../packages/server/src/identity/policies/doctor.ts')

  expect(await checkActivePolicies(house.db)).toMatchObject({
    code: 'policy.active',
    status: 'fail',
    what: expect.stringContaining('version 7, line 1'),
  })
  const { status, body } = await house.agent.post('/api/v1/tasks', {
    task: 'May I?',
    response_schema: { type: 'object', properties: { approve: { type: 'boolean' } }, required: ['approve'] },
    timeout_seconds: 60,
  })
  expect([status, body.code]).toEqual([403, 'policy_error'])
  expect((await house.alice.post('/api/v1/policies/7/activate', {})).body.code).toBe('policy_invalid')

  const other = await house.given.tenant('Bare')
  expect(await giveStartingSets(house.db)).toBeGreaterThanOrEqual(1)
  expect(await house.admin.rows`select version, origin from policies where tenant_id = ${other}::uuid`).toEqual([
    { version: 1, origin: 'starting' },
  ])
})
