// The tools over real HTTP, driven by the protocol's own client in both of its eras.

import { createQueue, defineKind, discard, enqueue, type Kind } from '@countersign/queue'
import { drain } from '@countersign/queue/testing'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { expect, onTestFinished, test } from 'vitest'
import { type Client as Caller, type House, setup } from '#harness'

const KINDS = [
  defineKind('report.build', { run: () => ({ pages: 3 }) }),
  defineKind('mail.send', { queue: 'mail', maxAttempts: 1, run: () => discard('no such mailbox') }),
] as unknown as Kind[]

const ALL = [
  ...['dead_letter_retry', 'dead_letters_list', 'job_cancel', 'job_get', 'job_retry', 'job_timeline', 'jobs_list'],
  ...['queue_doctor', 'queue_pause', 'queue_resume'],
]
const SCOPES = ['jobs:*', 'queues:*', 'dead_letters:*']

async function open(settings?: Record<string, string>) {
  const house = await setup({ settings })
  const engine = createQueue({ database: house.db.pool, listen: false, kinds: KINDS })
  onTestFinished(() => engine.close())
  await engine.register()
  const run = () => drain(engine, { queues: ['default', 'mail'] })
  const job = async (kind: string, own: object = {}, by: Caller = house.alice): Promise<string> => {
    const answer = await by.post('/api/v1/jobs', { kind, ...own })
    expect([answer.status, answer.body]).toEqual([201, expect.anything()])
    return answer.body.id
  }
  return { house, run, job }
}

type Era = 'modern' | 'legacy'

/** The client of the protocol, with a key. */
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
  const names = async () => (await client.listTools()).tools.map(({ name }) => name).sort()
  /** What a tool answered: its structured content, or the problem. */
  async function call(name: string, args: Record<string, unknown> = {}) {
    const { isError = false, structuredContent, content, _meta } = await client.callTool({ name, arguments: args })
    const [first] = content as { type: string; text: string }[]
    const said = JSON.parse(first?.text ?? 'null')
    if (!isError) expect(said).toEqual(structuredContent)
    return { isError, said, replayed: _meta?.['countersign/replayed'] === true }
  }
  return { client, names, call }
}

const adminKey = async (house: House, scopes = SCOPES, by: Caller = house.alice) =>
  house.given.key({ kind: 'adm', name: 'mcp', scopes }, by)

for (const era of ['modern', 'legacy'] as const)
  test(`Q142 every tool is the verb of its route: jobs, dead letters and queues are looked at and worked with (${era})`, async () => {
    const { house, run, job } = await open()
    const { client, names, call } = await connect(house, (await adminKey(house)).secret, era)
    expect(client.getServerVersion()?.name).toBe('countersign')
    expect(await names()).toEqual(ALL)

    const built = await job('report.build', { payload: { month: '2026-01' } })
    const bounced = await job('mail.send', { payload: { to: 'nobody' } })
    await run()
    const list = await call('jobs_list', { kind: 'report.build' })
    expect(list.said).toMatchObject({ data: [{ id: built, state: 'completed' }], next_cursor: null })
    expect(list.said).toEqual((await house.alice.get('/api/v1/jobs?kind=report.build')).body)
    const first = await call('jobs_list', { limit: 1 })
    expect(first.said.next_cursor).toEqual(expect.any(String))
    expect((await call('jobs_list', { limit: 1, cursor: first.said.next_cursor })).said.data).toHaveLength(1)
    expect((await call('job_get', { id: built })).said).toMatchObject({
      id: built,
      output: { pages: 3 },
      payload: { month: '2026-01' },
    })
    expect((await call('job_timeline', { id: built })).said.data.map((one: { what: string }) => one.what)).toEqual([
      'enqueued',
      'claimed',
      'completed',
    ])

    expect((await call('dead_letters_list')).said.data).toMatchObject([{ id: bounced, last_error: { reason: 'terminal_error' } }])
    expect((await call('dead_letter_retry', { id: bounced, payload: { to: 'Ada' } })).said).toMatchObject({
      state: 'ready',
      payload: { to: 'Ada' },
    })
    expect((await call('job_cancel', { id: bounced, reason: 'enough' })).said.state).toBe('cancelled')
    expect((await call('job_retry', { id: bounced })).said.state).toBe('ready')

    expect((await call('queue_pause', { queue: 'mail' })).said.paused_at).toEqual(expect.any(String))
    const sick = (await call('queue_doctor')).said
    expect(sick.healthy).toBe(false)
    expect(sick.findings.find((one: { code: string }) => one.code === 'queue_paused')?.what).toContain('mail')
    expect((await call('queue_resume', { queue: 'mail' })).said.paused_at).toBe(null)

    const types = await house.eventTypes()
    for (const type of ['dead_letter.retried', 'job.cancelled', 'job.retried', 'queue.paused', 'queue.resumed'])
      expect(types).toContain(type)
  })

test('Q142 tools say what they do to the world, and what they take and answer', async () => {
  const { house } = await open()
  const { client } = await connect(house, (await adminKey(house)).secret)
  const { tools } = await client.listTools()
  const hints = Object.fromEntries(
    tools.map(({ name, annotations }) => [name, [annotations?.readOnlyHint, annotations?.destructiveHint]]),
  )
  expect(hints).toMatchObject({
    jobs_list: [true, false],
    job_retry: [false, false],
    job_cancel: [false, true],
    queue_pause: [false, true],
  })
  for (const { name, description, inputSchema, outputSchema, annotations } of tools) {
    expect([name, description?.length]).toEqual([name, expect.any(Number)])
    expect([name, inputSchema.type, inputSchema.additionalProperties, outputSchema?.type]).toEqual([
      name,
      'object',
      false,
      'object',
    ])
    expect([name, 'idempotency_key' in (inputSchema.properties ?? {})]).toEqual([name, annotations?.readOnlyHint === false])
  }
})

test('Q142 a key sees the tools that its scopes and its kind reach, and no tool does more than its route', async () => {
  const { house, job } = await open()
  const reader = await connect(house, (await adminKey(house, ['jobs:read'])).secret)
  expect(await reader.names()).toEqual(['dead_letters_list', 'job_get', 'job_timeline', 'jobs_list'])
  await expect(reader.call('job_cancel', { id: await job('report.build') })).rejects.toMatchObject({ code: -32602 })

  // An agent works with its own jobs, and pauses nothing, whatever its scopes say.
  const agent = await house.given.agent({ scopes: SCOPES.slice(0, 2) })
  const mine = await connect(house, agent.key)
  expect(await mine.names()).toEqual(ALL.filter((name) => !/^(queue_pause|queue_resume|dead_letter_retry)$/.test(name)))
  const own = await enqueue(house.db.pool, {
    kind: 'report.build',
    tenantId: house.tenantId,
    tags: [`countersign:agent:${agent.id}`],
  })
  const others = await job('report.build')
  expect((await mine.call('jobs_list')).said.data.map((one: { id: string }) => one.id)).toEqual([own])
  expect((await mine.call('job_cancel', { id: others })).said.code).toBe('not_found')
  expect((await mine.call('job_cancel', { id: own })).said).toMatchObject({ id: own, state: 'cancelled', agent_id: agent.id })
})

test('Q142 P68 what policy asks people about waits for them: the tool says so with the task, and the same call goes through once they agreed', async () => {
  const { house } = await open()
  const agent = await house.given.agent({ scopes: SCOPES.slice(0, 2) })
  const mark = { tenantId: house.tenantId, tags: [`countersign:agent:${agent.id}`] }
  const id = await enqueue(house.db.pool, { kind: 'report.build', ...mark })
  const { call } = await connect(house, agent.key)
  await call('job_cancel', { id })
  const again = { id, idempotency_key: 'once' }
  const held = await call('job_retry', again)
  expect(held).toMatchObject({
    isError: true,
    said: { code: 'approval_pending', status: 428, task_id: expect.stringMatching(/^task_/) },
  })
  expect((await call('job_get', { id })).said.state).toBe('cancelled')
  const answer = { type: 'respond', response: { approve: true }, seen_revision: 1, reason: 'seen' }
  expect((await house.alice.post(`/api/v1/tasks/${held.said.task_id}/decide`, answer)).status).toBe(200)
  expect((await call('job_retry', again)).said).toMatchObject({ id, state: 'ready' })
  expect(await call('job_retry', again)).toMatchObject({ isError: false, replayed: true })
})

test('Q142 P1 another tenant’s key finds nothing of this one, and may not pause what all share', async () => {
  const { house, job } = await open()
  const id = await job('report.build')
  const stranger = await connect(house, (await adminKey(house, SCOPES, house.stranger)).secret)
  expect((await stranger.call('jobs_list')).said).toEqual({ data: [], next_cursor: null })
  for (const name of ['job_get', 'job_timeline', 'job_retry', 'job_cancel', 'dead_letter_retry']) {
    const { isError, said } = await stranger.call(name, { id })
    expect([name, isError, said.code, said.status]).toEqual([name, true, 'not_found', 404])
  }
  expect(await stranger.names()).toEqual(ALL.filter((name) => !/^queue_(pause|resume)$/.test(name)))
  const paused = await stranger.call('queue_pause', { queue: 'default' })
  expect([paused.isError, ['forbidden', 'not_found'].includes(paused.said.code)]).toEqual([true, true])
  const codes = async ({ call }: typeof stranger) =>
    ((await call('queue_doctor')).said.findings as { code: string }[]).map((one) => one.code)
  expect(await codes(await connect(house, (await adminKey(house)).secret))).toContain('queue_without_worker')
  expect((await codes(stranger)).filter((code) => code.startsWith('queue_'))).toEqual([])
})

test('Q142 bad input is a problem that names the place, for every tool, and nothing is done', async () => {
  const { house, job } = await open()
  const id = await job('report.build')
  const { call } = await connect(house, (await adminKey(house)).secret)
  const before = await house.eventTypes()
  const bad: Record<string, [Record<string, unknown>, string]> = {
    jobs_list: [{ state: 'lost' }, '/state'],
    job_get: [{ id: 'tsk_1' }, '/id'],
    job_timeline: [{}, '/id'],
    job_retry: [{ id, priority: 9 }, '/priority'],
    job_cancel: [{ id, why: 'x' }, '/why'],
    queue_pause: [{ queue: 'NO' }, '/queue'],
    queue_resume: [{ queue: 7 }, '/queue'],
    dead_letters_list: [{ limit: 0 }, '/limit'],
    dead_letter_retry: [{ id, run_at: 'soon' }, '/run_at'],
    queue_doctor: [{ all: true }, '/all'],
  }
  expect(Object.keys(bad).sort()).toEqual(ALL)
  for (const [name, [args, path]] of Object.entries(bad)) {
    const { isError, said } = await call(name, args)
    expect([name, isError, said.code, said.errors?.[0]?.path]).toEqual([name, true, 'validation_failed', path])
    expect(said.request_id).toEqual(expect.any(String))
  }
  expect((await call('dead_letter_retry', { id })).said.code).toBe('not_found')
  expect((await call('job_retry', { id, idempotency_key: 'with space' })).said.errors[0].path).toBe('/idempotency_key')
  expect(await house.eventTypes()).toEqual(before)
})

test('Q142 P77 the same call with the same idempotency_key acts once and answers the same; with other input it is refused', async () => {
  const { house, job } = await open()
  const id = await job('report.build')
  const { call } = await connect(house, (await adminKey(house)).secret)
  const key = crypto.randomUUID()
  const first = await call('job_cancel', { id, idempotency_key: key })
  const again = await call('job_cancel', { id, idempotency_key: key })
  expect([first.said.state, first.replayed, again.replayed]).toEqual(['cancelled', false, true])
  expect(again.said).toEqual(first.said)
  expect((await call('job_cancel', { id, reason: 'other', idempotency_key: key })).said.code).toBe('idempotency_mismatch')
  expect((await call('job_cancel', { id })).said.code).toBe('state_conflict')
  const refused = { id, idempotency_key: crypto.randomUUID() }
  expect((await call('job_cancel', refused)).said.code).toBe('state_conflict')
  expect(await call('job_cancel', refused)).toMatchObject({ isError: true, said: { code: 'state_conflict' }, replayed: true })
  expect((await house.eventTypes()).filter((type) => type === 'job.cancelled')).toHaveLength(1)
})

test('Q142 P54 no key, a session, and a key that was revoked meanwhile get no answer', async () => {
  const { house } = await open()
  const key = await adminKey(house)
  const { call } = await connect(house, key.secret)
  expect((await call('jobs_list')).isError).toBe(false)
  expect((await house.alice.post(`/api/v1/keys/${key.id}/revoke`)).status).toBeLessThan(300)
  await expect(call('jobs_list')).rejects.toThrow()
  await expect(connect(house, key.secret)).rejects.toThrow()
  const message = { jsonrpc: '2.0', id: 1, method: 'tools/list' }
  const nobody = await house.nobody.post('/mcp', message)
  expect([nobody.status, nobody.body.code, nobody.headers.get('www-authenticate')]).toEqual([401, 'unauthenticated', 'Bearer'])
  expect((await house.alice.post('/mcp', message)).body.code).toBe('forbidden')
})

test('Q142 P135 P138 one message a call, as JSON, from no foreign page, without a stream to open', async () => {
  const { house } = await open()
  const { secret } = await adminKey(house)
  const send = async (body: string, headers: Record<string, string> = {}, method = 'POST') => {
    const answer = await house.nobody.raw('/mcp', {
      method,
      ...(method === 'POST' ? { body } : {}),
      headers: { Authorization: `Bearer ${secret}`, Accept: 'application/json, text/event-stream', ...headers },
    })
    return { status: answer.status, allow: answer.headers.get('allow'), body: await answer.json() }
  }
  const list = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' })
  expect((await send(list)).body.result.tools).toHaveLength(ALL.length)
  expect((await send(list, { Origin: house.url })).status).toBe(200)
  expect((await send(list, { Origin: 'https://evil.example' })).body.code).toBe('csrf_refused')
  for (const method of ['GET', 'DELETE'])
    expect(await send('', {}, method)).toMatchObject({ status: 405, allow: 'POST, OPTIONS' })
  expect((await send(`[${list},${list}]`)).body.error.code).toBe(-32600)
  expect((await send('{"jsonrpc"')).body.code).toBe('json_invalid')
  expect((await send(list, { 'content-type': 'text/plain' })).status).toBe(415)
  expect((await send(`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"x":"${'y'.repeat(1_100_000)}"}}`)).status).toBe(
    413,
  )
  expect((await send('{"jsonrpc":"2.0","id":1,"method":"resources/list"}')).body.error.code).toBe(-32601)
  expect((await send('{"jsonrpc":"2.0","id":2,"method":"subscriptions/listen"}')).body).toMatchObject({
    id: 2,
    error: { code: -32601 },
  })
})

test('Q142 P74 calls of tools are counted with those of the API, what changes something twice', async () => {
  const { house } = await open({ LIMITS: 'api.key=60/1m+4,api.user=600/1m+100,api.tenant=600/1m+100' })
  const { secret } = await adminKey(house)
  const call = (name: string, args: object) =>
    house.nobody.post(
      '/mcp',
      { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args } },
      { Authorization: `Bearer ${secret}`, Accept: 'application/json, text/event-stream' },
    )
  expect((await call('jobs_list', {})).headers.get('ratelimit')).toContain('"api.key";r=3')
  await call('queue_resume', { queue: 'default' })
  const left = await call('jobs_list', {})
  expect(left.headers.get('ratelimit')).toContain('"api.key";r=0')
  expect((await call('jobs_list', {})).body).toMatchObject({ code: 'rate_limited', bucket: 'api.key' })
})

test('Q142 Q136 while the database takes no writes tools that read answer, and the others say read_only', async () => {
  const { house, job } = await open()
  const id = await job('report.build')
  const { secret } = await adminKey(house)
  await house.admin.query('set default_transaction_read_only = off')
  const { name } = await house.admin.one<{ name: string }>`select current_database()::text as name`
  await house.admin.query(`alter database "${name}" set default_transaction_read_only = on`)
  await house.admin
    .rows`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name}::text and pid <> pg_backend_pid()`
  await expect.poll(async () => (await house.alice.get('/api/v1/jobs')).status, { timeout: 20_000 }).toBe(200)
  const { call } = await connect(house, secret)
  expect((await call('job_get', { id })).said.id).toBe(id)
  expect((await call('job_cancel', { id })).said).toMatchObject({ code: 'read_only', status: 503 })
  expect((await call('job_cancel', { id, idempotency_key: 'k' })).said.code).toBe('read_only')
})
