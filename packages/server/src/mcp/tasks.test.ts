// Questions to people as tools (tasks.md T145), driven by the protocol's own client in both of its eras.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { expect, onTestFinished, test } from 'vitest'
import { type House, setup } from '#harness'

type Era = 'modern' | 'legacy'

async function connect(house: House, key: string, era: Era = 'modern') {
  const client = new Client(
    { name: 'test', version: '1.0.0' },
    { versionNegotiation: { mode: era === 'modern' ? { pin: '2026-07-28' } : 'legacy' } },
  )
  const transport = new StreamableHTTPClientTransport(new URL('/mcp', house.url), {
    requestInit: { headers: { Authorization: `Bearer ${key}` } },
  })
  await client.connect(transport)
  onTestFinished(() => client.close())
  async function call(name: string, args: Record<string, unknown> = {}, onprogress?: (progress: object) => void) {
    const answered = await client.callTool({ name, arguments: args }, onprogress ? { onprogress, timeout: 60_000 } : undefined)
    const [first] = answered.content as { type: string; text: string }[]
    const said = JSON.parse(first?.text ?? 'null')
    if (!answered.isError) expect(said).toEqual(answered.structuredContent)
    return { isError: answered.isError === true, said, replayed: answered._meta?.['countersign/replayed'] === true }
  }
  return { client, call }
}

const decide = (house: House, id: string, response: object, more: object = {}) =>
  house.alice.post(`/api/v1/tasks/${id}/decide`, { type: 'respond', response, seen_revision: 1, reason: 'x', ...more })

for (const era of ['modern', 'legacy'] as const)
  test(`T145 an agent asks, looks again, and gets the typed answer with what to do now (${era})`, async () => {
    const house = await setup()
    const { client, call } = await connect(house, house.agent.key, era)
    const tools = (await client.listTools()).tools
    const names = tools.map(({ name }) => name)
    expect(names).toEqual(expect.arrayContaining(['ask_human', 'check', 'withdraw', 'report_outcome']))
    for (const one of tools.filter(({ name }) => ['ask_human', 'check', 'withdraw', 'report_outcome'].includes(name)))
      expect(one.outputSchema).toMatchObject({ type: 'object', properties: { task_id: expect.anything() } })
    expect(tools.find(({ name }) => name === 'ask_human')?.description).toContain('must not be done another way')

    const question = { task: 'Refund order 1042?', payload: { amount: 240 }, wait_seconds: 0 }
    const open = (await call('ask_human', { ...question, idempotency_key: 'refund-1042' })).said
    expect(open).toMatchObject({ status: 'open', answer: null, outcome: null, url: expect.stringContaining(open.task_id) })
    expect((await call('ask_human', { ...question, idempotency_key: 'refund-1042' })).said.task_id).toBe(open.task_id)
    const task = (await house.alice.get(`/api/v1/tasks/${open.task_id}`)).body
    expect(task).toMatchObject({ agent_id: house.agent.id, origin: 'agent', payload: { amount: 240 } })
    expect((await decide(house, open.task_id, { approved: true })).status).toBe(200)
    const done = (await call('check', { task_id: open.task_id, wait_seconds: 5 })).said
    expect(done).toMatchObject({ status: 'completed', outcome: 'answered', answer: { approved: true } })
    expect(done.what_now).toContain('exactly as it was given')
    const told = { task_id: open.task_id, status: 'succeeded', detail: 'Refunded.' }
    expect((await call('report_outcome', told)).said).toEqual({ task_id: open.task_id, agent_outcome: 'succeeded' })
    expect((await call('report_outcome', told)).said.code).toBe('state_conflict')
  })

for (const era of ['modern', 'legacy'] as const)
  test(`T145 while it waits it reports progress, and the answer ends the wait (${era})`, async () => {
    const house = await setup()
    const { call } = await connect(house, house.agent.key, era)
    const heard: object[] = []
    let first: () => void = () => undefined
    const begun = new Promise<void>((resolve) => {
      first = resolve
    })
    const asked = call('ask_human', { task: 'Which one?', options: ['red', 'blue'], wait_seconds: 50 }, (progress) => {
      heard.push(progress)
      first()
    })
    await expect.poll(async () => (await house.alice.get('/api/v1/tasks')).body.data.length, { timeout: 20_000 }).toBe(1)
    const { id } = (await house.alice.get('/api/v1/tasks')).body.data[0]
    await house.clock.advance('6s')
    await begun
    await decide(house, id, { choice: 'blue' })
    expect((await asked).said).toMatchObject({ status: 'completed', answer: { choice: 'blue' } })
    expect(heard[0]).toMatchObject({
      progress: expect.any(Number),
      total: 50,
      message: expect.stringContaining('Nobody has answered yet'),
    })
  })

test('T145 T19 what was withdrawn or ran out of time is no permission, and the tool says so; no tool answers a question', async () => {
  const house = await setup()
  const { client, call } = await connect(house, house.agent.key)
  const names = (await client.listTools()).tools.map(({ name }) => name)
  expect(names.filter((name) => /decide|answer|approve|claim/.test(name))).toEqual([])
  const { task_id } = (await call('ask_human', { task: 'Delete it?', wait_seconds: 0 })).said
  const withdrawn = (await call('withdraw', { task_id, reason: 'Not needed.' })).said
  expect(withdrawn).toMatchObject({ status: 'cancelled', reason: 'Not needed.', what_now: expect.stringContaining('do not do') })
  expect((await call('withdraw', { task_id })).said.code).toBe('task_not_open')
  const again = {
    task_id: (await call('ask_human', { task: 'Delete that?', wait_seconds: 0 })).said.task_id,
    idempotency_key: 'w-1',
  }
  expect(await call('withdraw', again)).toMatchObject({ replayed: false, said: { status: 'cancelled' } })
  expect(await call('withdraw', again)).toMatchObject({ replayed: true, said: { status: 'cancelled', task_id: again.task_id } })

  const answered = (await house.alice.get(`/api/v1/tasks/${task_id}`)).body
  expect(answered.status).toBe('cancelled')
  const short = (await call('ask_human', { task: 'Now?', timeout_seconds: 5, wait_seconds: 0 })).said
  await house.clock.advance('6s')
  await house.runJobs()
  expect((await call('check', { task_id: short.task_id, wait_seconds: 0 })).said).toMatchObject({
    status: 'timed_out',
    what_now: expect.stringContaining('no permission'),
  })
})

test('T19 A15 no tool of any key decides, claims or gives back a task, by whatever name it is called', async () => {
  const house = await setup()
  const { id } = await house.given.task()
  const relays = await house.given.key({ kind: 'adm', scopes: ['tasks:*', 'tasks:decide_for'] })
  const answer = {
    id,
    task_id: id,
    type: 'respond',
    response: { approved: true },
    seen_revision: 1,
    on_behalf_of: house.alice.id,
  }
  for (const key of [house.agent.key, (await house.given.agent({ scopes: ['tasks:*'] })).key, relays.secret]) {
    const { client } = await connect(house, key)
    const { tools } = await client.listTools()
    expect(tools.map(({ name }) => name).filter((name) => /decide|answer|complete|approve|claim|release/.test(name))).toEqual([])
    for (const name of ['decide', 'decide_task', 'task_decide', 'tasks_decide', 'complete', 'claim', 'release', 'answer'])
      await expect(client.callTool({ name, arguments: answer }), name).rejects.toThrow(/not found|unknown|no tool/i)
  }
  expect((await house.alice.get(`/api/v1/tasks/${id}`)).body).toMatchObject({ status: 'open', version: 1, decisions: [] })
})

test('T145 T18 tools act as the agent of the key and validate like the API', async () => {
  const house = await setup()
  const { call } = await connect(house, house.agent.key)
  const other = await house.given.task()
  const elsewhere = await house.given.agent({ name: 'other' })
  expect((await (await connect(house, elsewhere.key)).call('check', { task_id: other.id, wait_seconds: 0 })).said.code).toBe(
    'not_found',
  )
  const wrong: [Record<string, unknown>, string, string][] = [
    [{ task: '' }, 'validation_failed', '/task'],
    [{ task: 'x', wait_seconds: 51 }, 'validation_failed', '/wait_seconds'],
    [{ task: 'x', options: ['one'] }, 'validation_failed', '/options'],
    [{ task: 'x', options: ['a', 'b'], response_schema: { type: 'object' } }, 'validation_failed', '/options'],
    [{ task: 'x', response_schema: { type: 'string' }, wait_seconds: 0 }, 'schema_invalid', '/response_schema'],
    [{ task: 'x', more: 1 }, 'validation_failed', '/more'],
  ]
  for (const [args, code, path] of wrong) {
    const { isError, said } = await call('ask_human', args)
    expect([isError, said.code, said.errors[0].path.slice(0, path.length)]).toEqual([true, code, path])
  }
  const few = await house.given.key({ kind: 'agt', agent_id: house.agent.id, scopes: ['tasks:poll'] })
  const { client } = await connect(house, few.secret)
  expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['check'])
})
