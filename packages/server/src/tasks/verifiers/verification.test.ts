// An answer on its way past a model (T126–T133, A27): the states, the attempts, what the person and the record hear, and every way in which no verdict comes.
import { expect, test } from 'vitest'
import { answer, errorsOf, REFUND } from '../tasks.fixture.ts'
import { asked, byModel, INSTRUCTIONS, KEY, openVerifying, putKey, read, say } from './verifier.fixture.ts'

test('T126 T130 an answer lies with the verifier, no transaction waits for it, and it counts once the model agrees', async () => {
  const here = await openVerifying()
  const { house, provider } = here
  await putKey(here, 'openai', { input_price: 2, output_price: 10 })
  const { id } = await asked(here, byModel())
  const given = await say(here, id)
  expect([given.status, given.body]).toEqual([
    202,
    expect.objectContaining({ status: 'verifying', outcome: null, response: null }),
  ])
  expect(given.body.verifying_at).not.toBe(null)
  expect(given.body.decisions).toMatchObject([{ state: 'pending' }])
  expect(provider.heard).toEqual([])
  expect((await say(here, id)).body).toMatchObject({ code: 'task_verifying', state: 'verifying' })
  await house.runJobs()
  expect(provider.heard).toMatchObject([{ api: 'openai', model: 'gpt-test', key: KEY, temperature: 0 }])
  const done = await read(here, id)
  expect(done).toMatchObject({
    ...{ status: 'completed', outcome: 'answered', response: { approved: true, note: 'For Ann.' }, verification_attempt: 0 },
    ...{ completed_by_user_id: house.alice.id, completed_via_channel: 'dashboard', verifier_result: { passed: true } },
  })
  expect(done.decisions).toMatchObject([{ state: 'counted' }])
  expect((await house.alice.get(`/api/v1/tasks/${id}/verification`)).body.data).toMatchObject([
    {
      provider: 'openai',
      model: 'gpt-test',
      state: 'passed',
      tries: 1,
      input_tokens: 120,
      output_tokens: 30,
      cost: 0.00054,
      fault: null,
    },
  ])
  expect((await house.eventTypes()).filter((type) => type.startsWith('task.'))).toEqual([
    ...['task.created', 'task.verifying', 'task.verified', 'task.completed', 'task.viewed'],
  ])
})

test('A27 T131 T132 two refusals use two attempts, the person reads each reason, the third answer counts, and the model hears all of it', async () => {
  const here = await openVerifying()
  const { house, provider } = here
  await putKey(here)
  const { id } = await asked(here, byModel())
  for (const [i, reason] of ['Who is the customer?', 'Ann who?'].entries()) {
    provider.says.push({ passed: false, reason, field_errors: [{ path: '/note', message: reason }] })
    expect((await say(here, id, `try ${i}`)).status).toBe(202)
    await house.runJobs()
    expect(await read(here, id)).toMatchObject({
      status: 'returned',
      verification_attempt: i + 1,
      verifier_result: { passed: false, reason, field_errors: [{ path: '/response/note', field: 'note', message: reason }] },
    })
  }
  expect((await say(here, id, 'Ann Archer')).status).toBe(202)
  await house.runJobs()
  const done = await read(here, id)
  expect(done).toMatchObject({ status: 'completed', verification_attempt: 2, response: { note: 'Ann Archer' } })
  expect(done.decisions.map(({ state }: { state: string }) => state)).toEqual(['returned', 'returned', 'counted'])
  const last = provider.heard[2]?.user ?? ''
  for (const said of ['try 0', 'Who is the customer?', 'try 1', 'Ann who?', 'Ann Archer']) expect(last).toContain(said)
  const returned = (await house.alice.get(`/api/v1/tasks/${id}/record?limit=50`)).body.data.filter(
    ({ type }: { type: string }) => type === 'task.returned',
  )
  expect(returned).toHaveLength(2)
  expect(JSON.stringify(returned)).not.toContain('customer')
})

test('T131 the last attempt ends the task, with one event and the name of who answered last', async () => {
  const here = await openVerifying()
  const { house, provider } = here
  await putKey(here)
  provider.otherwise = { passed: false, reason: 'No.' }
  const { id } = await asked(here, byModel({ max_attempts: 2 }))
  for (let i = 0; i < 2; i++) {
    await say(here, id)
    await house.runJobs()
  }
  expect(await read(here, id)).toMatchObject({
    ...{ status: 'verification_exhausted', outcome: null, response: null, verification_attempt: 2 },
    ...{
      completed_by_user_id: house.alice.id,
      completed_via_channel: 'dashboard',
      verification_exhausted_at: expect.any(String),
    },
  })
  const ends = (await house.eventTypes()).filter((type) => type === 'task.verification_exhausted')
  expect(ends).toHaveLength(1)
  expect((await say(here, id)).body.code).toBe('task_not_open')
  const poll = await house.agent.get(`/api/v1/tasks/${id}/poll?timeout=1`)
  expect(poll.body).toMatchObject({ status: 'verification_exhausted', verification_attempt: 2, response: null })
})

test('A27 T131 an outage and a reply outside the form use no attempt; it is asked after 1, 5, 15 and 60 seconds, then held', async () => {
  const here = await openVerifying()
  const { house, provider } = here
  await putKey(here)
  provider.says.push(
    { status: 503 },
    { as: { passed: 'perhaps' } },
    { status: 429 },
    { raw: 'no' },
    { status: 500 },
    { status: 500 },
  )
  const { id } = await asked(here, byModel())
  await say(here, id)
  await house.runJobs()
  for (const [i, seconds] of [1, 5, 15].entries()) {
    expect(provider.heard).toHaveLength(i + 1)
    await house.clock.advance(`${seconds}s`)
    await house.runJobs()
  }
  await house.clock.advance('20s')
  await house.runJobs()
  expect(provider.heard).toHaveLength(4)
  await house.clock.advance('40s')
  await house.runJobs()
  expect(provider.heard).toHaveLength(5)
  expect(await read(here, id)).toMatchObject({ status: 'verifying', verification_attempt: 0 })
  expect((await house.eventTypes()).filter((type) => type === 'task.verifier_unavailable')).toHaveLength(1)
  expect((await house.alice.get(`/api/v1/tasks/${id}/verification`)).body.data).toMatchObject([
    { state: 'waiting', tries: 5, fault: 'status_500' },
  ])
  for (let i = 0; i < 2; i++) {
    await house.clock.advance('60s')
    await house.runJobs()
  }
  expect(provider.heard).toHaveLength(7)
  expect(await read(here, id)).toMatchObject({ status: 'completed', verification_attempt: 0 })
  expect((await house.eventTypes()).filter((type) => type === 'task.verifier_unavailable')).toHaveLength(1)
})

test.each([
  ['accept', { status: 'completed', verification_attempt: 0 }, 'accepted', 'counted'],
  ['return', { status: 'returned', verification_attempt: 0 }, 'returned', 'returned'],
] as const)(
  'T131 where nobody can be reached, %s is what was set for it, and no attempt is used',
  async (then, task, run, decision) => {
    const here = await openVerifying()
    const { house, provider } = here
    await putKey(here)
    provider.otherwise = { status: 500 }
    const { id } = await asked(here, byModel({ on_unavailable: then }))
    await say(here, id)
    await house.runJobs()
    for (const seconds of [1, 5, 15, 60]) {
      await house.clock.advance(`${seconds}s`)
      await house.runJobs()
    }
    expect(await read(here, id)).toMatchObject({ ...task, decisions: [{ state: decision }] })
    expect((await house.alice.get(`/api/v1/tasks/${id}/verification`)).body.data).toMatchObject([{ state: run, tries: 5 }])
  },
)

test('T12 2.3 an operator overrides with a reason, nobody else does, and the verdict that comes later changes nothing', async () => {
  const here = await openVerifying()
  const { house, provider } = here
  await putKey(here)
  provider.otherwise = { status: 500 }
  const { id } = await asked(here, byModel())
  const path = `/api/v1/tasks/${id}/verification/override`
  expect((await house.operator.post(path, { reason: 'We know her.' })).body.code).toBe('state_conflict')
  await say(here, id)
  await house.runJobs()
  expect((await house.operator.post(path, {})).body.code).toBe('validation_failed')
  expect((await house.agent.post(path, { reason: 'Please.' })).body.code).toBe('agent_may_not_decide')
  expect((await house.member.post(path, { reason: 'x' })).status).toBe(403)
  const overridden = await house.operator.post(path, { reason: 'We know her.' })
  expect([overridden.status, overridden.body]).toEqual([
    200,
    expect.objectContaining({ status: 'completed', completed_by_user_id: house.alice.id, outcome: 'answered' }),
  ])
  expect((await house.eventTypes()).filter((type) => type.startsWith('task.')).slice(-2)).toEqual([
    'task.overridden',
    'task.completed',
  ])
  provider.otherwise = { passed: false, reason: 'No.' }
  await house.clock.advance('1h')
  await house.runJobs()
  expect(await read(here, id)).toMatchObject({ status: 'completed', verification_attempt: 0 })
  expect((await house.operator.post(path, { reason: 'Again.' })).body.code).toBe('task_not_open')
})

test('T14 A9 the deadline rests while an answer is verified, and what was refused after it can still be mended', async () => {
  const here = await openVerifying()
  const { house, provider } = here
  await putKey(here)
  const { id } = await asked(here, byModel(), { timeout_seconds: 600 })
  await house.clock.advance('500s')
  await say(here, id)
  await house.clock.advance('200s')
  await house.runJobs()
  expect(await read(here, id)).toMatchObject({ status: 'completed', outcome: 'answered' })

  const late = await asked(here, byModel(), { timeout_seconds: 1_200 })
  await house.clock.advance('800s')
  await say(here, late.id)
  provider.says.push({ passed: false, reason: 'No.' })
  await house.clock.advance('2000s')
  await house.runJobs()
  expect(await read(here, late.id)).toMatchObject({ status: 'returned' })
  await house.clock.advance('200s')
  await house.runJobs()
  expect((await read(here, late.id)).status).toBe('returned')
  await house.clock.advance('300s')
  await house.runJobs()
  expect((await read(here, late.id)).status).toBe('timed_out')
})

test('T14 after an hour with the verifier the deadline counts again', async () => {
  const here = await openVerifying()
  const { house, provider } = here
  await putKey(here)
  provider.otherwise = { status: 500 }
  const { id } = await asked(here, byModel(), { timeout_seconds: 60 })
  await say(here, id)
  await house.clock.advance('59m')
  await house.runJobs()
  expect((await read(here, id)).status).toBe('verifying')
  await house.clock.advance('2m')
  await house.runJobs()
  expect(await read(here, id)).toMatchObject({ status: 'timed_out' })
  provider.otherwise = { passed: true }
  await house.clock.advance('1h')
  await house.runJobs()
  expect(await read(here, id)).toMatchObject({ status: 'timed_out', response: null })
})

test('T130 T167 while a silent model is waited for no connection is held, others decide, and once it is back the answer counts', async () => {
  const here = await openVerifying()
  const { house, provider } = here
  await putKey(here)
  provider.says.push('hang')
  const { id } = await asked(here, byModel({ timeout_seconds: 120 }))
  await say(here, id)
  const running = house.runJobs()
  await expect.poll(() => provider.held(), { timeout: 20_000 }).toBe(1)
  await expect.poll(() => house.db.pool.totalCount - house.db.pool.idleCount, { timeout: 20_000 }).toBe(0)
  const other = await house.given.task(REFUND)
  expect((await say(here, other.id)).body.status).toBe('completed')
  expect((await read(here, id)).status).toBe('verifying')
  provider.drop()
  await running
  expect((await house.alice.get(`/api/v1/tasks/${id}/verification`)).body.data).toMatchObject([
    { state: 'waiting', tries: 1, fault: 'unreachable' },
  ])
  await house.clock.advance('1s')
  await house.runJobs()
  expect(await read(here, id)).toMatchObject({ status: 'completed', verification_attempt: 0 })
})

test('T12 an answer that is withdrawn while it is verified stays withdrawn', async () => {
  const here = await openVerifying()
  const { house } = here
  await putKey(here)
  const { id } = await asked(here, byModel())
  await say(here, id)
  expect((await house.agent.post(`/api/v1/tasks/${id}/cancel`, { reason: 'Found out.' })).body.status).toBe('cancelled')
  await house.runJobs()
  expect(await read(here, id)).toMatchObject({ status: 'cancelled', response: null })
  expect((await house.alice.get(`/api/v1/tasks/${id}/verification`)).body.data).toMatchObject([{ state: 'ended' }])
})

test('T75 T130 an answer that does not fit the schema never reaches the model', async () => {
  const here = await openVerifying()
  await putKey(here)
  const { id } = await asked(here, byModel())
  const refused = await here.house.alice.post(`/api/v1/tasks/${id}/decide`, answer({ approved: 'perhaps' }, { reason: 'x' }))
  expect([refused.status, refused.body.code]).toEqual([422, 'response_invalid'])
  await here.house.runJobs()
  expect(here.provider.heard).toEqual([])
  expect(await read(here, id)).toMatchObject({ status: 'open', verification_attempt: 0 })
})

test('T127 T65 A27 what would fail when the answer is there fails when the task is made, and leaves nothing', async () => {
  const here = await openVerifying()
  const { house, provider } = here
  const refused = async (verifier_config: unknown, more: object = {}) => {
    const { status, body } = await house.agent.post('/api/v1/tasks', { ...REFUND, verifier_config, ...more })
    return [status, body.code, ...errorsOf(body)]
  }
  const jobs = (await house.jobKinds()).length
  expect(await refused(byModel())).toEqual([422, 'verifier_not_configured', '/verifier_config verifier_not_configured'])
  await putKey(here)
  expect(await refused(byModel({ connection: 'other' }))).toEqual([
    422,
    'verifier_not_configured',
    '/verifier_config/connection verifier_not_configured',
  ])
  expect(await refused(byModel({ base_url: 'https://evil.example/v1' }))).toEqual([
    422,
    'verifier_not_configured',
    '/verifier_config/base_url address',
  ])
  expect(await refused({ ...byModel(), provider: 'gemini' })).toEqual([
    422,
    'verifier_not_configured',
    '/verifier_config verifier_not_configured',
  ])
  expect(await refused('ver_01M80RJPTRET7VF1SWGGCYENFF')).toEqual([
    422,
    'verifier_not_configured',
    '/verifier_config verifier_not_configured',
  ])
  expect(await refused(byModel(), { redact: 'notify' })).toEqual([
    422,
    'verifier_conflicts_with_redaction',
    '/verifier_config redacted',
  ])
  expect((await refused(byModel({ api_key_env: 'OPENAI_API_KEY' })))[1]).toBe('validation_failed')
  const own = await house.alice.post('/api/v1/tasks', { ...REFUND, verifier_config: { provider: 'agent' } })
  expect(own.body.code).toBe('verifier_not_configured')
  expect((await house.jobKinds()).length).toBe(jobs)
  expect((await house.alice.get('/api/v1/tasks')).body.data).toEqual([])
  expect(provider.heard).toEqual([])
})

test('T128 rules refuse in the answer itself, before any model is asked, and name the field', async () => {
  const here = await openVerifying()
  const { house, provider } = here
  await putKey(here)
  const rules = {
    provider: 'rules',
    rules: [
      {
        schema: {
          type: 'object',
          if: { properties: { payload: { properties: { amount: { minimum: 200 } } } } },
          // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
          then: { properties: { response: { required: ['note'] } } },
        },
        message: 'Above 200 a note is needed.',
        field: 'note',
      },
    ],
  }
  const { id } = await asked(here, [rules, byModel()])
  const refused = await house.alice.post(`/api/v1/tasks/${id}/decide`, answer({ approved: true }, { reason: 'x' }))
  expect([refused.status, refused.body]).toEqual([
    200,
    expect.objectContaining({
      ...{ status: 'returned', verification_attempt: 1 },
      verifier_result: {
        ...{ passed: false, reason: 'Above 200 a note is needed.', parsed_response: null },
        field_errors: [{ path: '/response/note', field: 'note', code: 'refused', message: 'Above 200 a note is needed.' }],
      },
    }),
  ])
  expect(await house.jobKinds()).not.toContain('task.verify')
  expect((await say(here, id, 'For Ann.')).status).toBe(202)
  await house.runJobs()
  expect(provider.heard[0]?.user).toContain('Above 200 a note is needed.')
  expect((await read(here, id)).status).toBe('completed')

  const alone = await asked(here, rules)
  expect((await say(here, alone.id)).body).toMatchObject({ status: 'completed', verification_attempt: 0 })
  const small = await asked(here, rules, { payload: { amount: 10 } })
  const bare = await house.alice.post(`/api/v1/tasks/${small.id}/decide`, answer({ approved: true }, { reason: 'x' }))
  expect(bare.body.status).toBe('completed')
})

test('T133 a model sees what the task may show: parts that are hidden stay hidden, and a level only where that was allowed', async () => {
  const here = await openVerifying()
  const { house, provider } = here
  await putKey(here)
  const parts = await asked(here, byModel(), { redact: { payload: ['/order'] }, payload: { order: 'HIDDEN-1', amount: 7 } })
  const allowed = await asked(here, byModel({ allow_redacted: true }), { redact: 'notify', payload: { order: 'SHOWN-2' } })
  for (const { id } of [parts, allowed]) {
    await say(here, id)
    await house.runJobs()
  }
  expect(provider.heard[0]?.user).not.toContain('HIDDEN-1')
  expect(provider.heard[1]?.user).toContain('SHOWN-2')
})

test('T65 T133 the other clients: their names, a key by its name, 422 without one, and no call where content is hidden', async () => {
  const here = await openVerifying()
  const { house, provider } = here
  const theirs = (verifier_config: object, more: object = {}) =>
    house.agent.post('/api/tasks', { ...REFUND, idempotency_key: crypto.randomUUID(), verifier_config, ...more })
  const config = {
    provider: 'openai',
    instructions: INSTRUCTIONS,
    maxAttempts: 2,
    api_key_env: 'MY_KEY',
    metadata: { team: 'a' },
  }
  expect((await theirs(config)).body).toMatchObject({ code: 'verifier_not_configured', error: expect.any(String) })
  await putKey(here, 'default')
  await putKey(here, 'MY_KEY', { key: 'sk-other', model: 'gpt-other' })
  const { status, body } = await theirs(config)
  expect([status, body.status]).toEqual([201, 'created'])
  expect((await say(here, body.id)).status).toBe(202)
  expect((await house.agent.get(`/api/tasks/${body.id}`)).body.status).toBe('submitted')
  provider.says.push({ passed: false, reason: 'No.' })
  await house.runJobs()
  expect(provider.heard).toMatchObject([{ key: 'sk-other', model: 'gpt-other' }])
  expect((await house.agent.get(`/api/tasks/${body.id}`)).body).toMatchObject({ status: 'rejected', verification_attempt: 1 })
  expect((await theirs({ ...config, provider: 'custom' })).body.code).toBe('verifier_not_configured')
  expect((await theirs({ ...config, provider: 'claude' })).body.code).toBe('verifier_not_configured')

  const hidden = await theirs(config, { redact_payload: true })
  expect(hidden.body).toMatchObject({ verification: 'skipped_redacted', verifier_config: null })
  expect((await say(here, hidden.body.id)).body.status).toBe('completed')
  expect(await house.eventTypes()).toContain('task.verification_skipped')
  expect(provider.heard).toHaveLength(1)
})

test('T127 canary: a key of a provider stands in no row, event, job, answer or log line', async () => {
  const here = await openVerifying()
  const { house, provider } = here
  await putKey(here)
  provider.says.push({ status: 401, body: JSON.stringify({ error: `Incorrect API key provided: ${KEY}` }) }, { passed: true })
  const { id } = await asked(here, byModel())
  await say(here, id)
  await house.runJobs()
  await house.clock.advance('1s')
  await house.runJobs()
  expect(provider.heard.map(({ key }) => key)).toEqual([KEY, KEY])
  const answers = []
  for (const path of ['/provider-keys', `/tasks/${id}`, `/tasks/${id}/verification`, `/tasks/${id}/record`, '/events'])
    answers.push(await house.alice.get(`/api/v1${path}`))
  expect(JSON.stringify(answers)).not.toContain(KEY)
  expect(house.logs.join('\n')).not.toContain(KEY)
  const tables = await house.admin.rows<{ name: string }>`
    select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname in ('countersign', 'countersign_queue')`
  for (const { name } of tables) {
    const { rows } = await house.admin.query(`select count(*)::int as n from ${name} as whole where whole::text like '%${KEY}%'`)
    expect([name, rows[0].n]).toEqual([name, 0])
  }
})
