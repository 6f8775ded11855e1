import {
  CancelTaskRequest,
  GetTaskRequest,
  ListTasksRequest,
  type Message,
  Role,
  type StreamResponse,
  type Task,
  TaskState,
} from '@a2a-js/sdk'
import { TaskNotCancelableError, TaskNotFoundError, UnsupportedOperationError } from '@a2a-js/sdk/errors'
import { expect, test } from 'vitest'
import { RELAY_EXTENSION } from './extension.ts'
import { type Agent, BINDINGS, type Binding, message, openAgent, raw, request, resultOf, taskOf } from './testing/agent.ts'

const textOf = (one: Message | undefined) => one?.parts.map((part) => part.content?.value).join()
const stateOf = (task: Task) => task.status?.state
const now = { configuration: { returnImmediately: true } }
/** Of the thread that was started last. */
const threadOf = async ({ house }: Agent) =>
  (await house.admin.one<{ id: string }>`select id from threads order by id desc limit 1`).id
const waiting = async (agent: Agent, n = 1) =>
  expect.poll(async () => (await agent.house.admin.one<{ n: number }>`select count(*)::int as n from threads`).n).toBe(n)

test.each(BINDINGS)(
  'R2 §12.23 with a base URL and a token the official client sends, reads, follows, lists and cancels: %s',
  async (binding) => {
    const agent = await openAgent()
    const client = await agent.client(binding)
    const sending = client.sendMessage(request({ message: message([{ text: 'two chairs' }], { contextId: 'order-7' }) }))
    await waiting(agent)
    const id = await threadOf(agent)
    await agent.respond(id, { outcome: 'ask', text: 'which colour?' })
    const asked = taskOf(await sending)
    expect([asked.id, asked.contextId, stateOf(asked), textOf(asked.status?.message)]).toEqual([
      id,
      'order-7',
      TaskState.TASK_STATE_INPUT_REQUIRED,
      'which colour?',
    ])
    const following = client.sendMessage(request({ message: message([{ text: 'blue' }], { taskId: id }) }))
    await expect
      .poll(async () => stateOf(await client.getTask(GetTaskRequest.fromJSON({ id }))))
      .toBe(TaskState.TASK_STATE_SUBMITTED)
    await agent.respond(id, { outcome: 'completed', parts: [{ data: { total: 80 } }] })
    const done = taskOf(await following)
    expect(done).toMatchObject({ status: { state: TaskState.TASK_STATE_COMPLETED }, artifacts: [{ artifactId: 'response' }] })
    expect(done.history.map((one) => [one.role, textOf(one)])).toEqual([
      [Role.ROLE_USER, 'two chairs'],
      [Role.ROLE_AGENT, 'which colour?'],
      [Role.ROLE_USER, 'blue'],
    ])
    expect(await client.getTask(GetTaskRequest.fromJSON({ id }))).toEqual(done)
    const other = taskOf(await client.sendMessage(request(now)))
    expect(stateOf(await client.cancelTask(CancelTaskRequest.fromJSON({ id: other.id })))).toBe(TaskState.TASK_STATE_CANCELED)
    await expect(client.cancelTask(CancelTaskRequest.fromJSON({ id: other.id }))).rejects.toThrow(TaskNotCancelableError)
    const { tasks, totalSize } = await client.listTasks(ListTasksRequest.fromJSON({}))
    expect([tasks.map((one) => one.id), totalSize]).toEqual([[other.id, id], 2])
    const native = await agent.worker.get(`/api/v1/threads/${id}`)
    expect(native.body).toMatchObject({ id, state: 'closed', outcome: 'completed', context_id: 'order-7' })
  },
)

test('R89 R90 §12.23 both bindings say the same of the same task', async () => {
  const agent = await openAgent()
  const { body } = await raw(agent, 'JSONRPC', { method: 'SendMessage', params: { message: message(), ...now } })
  const { id } = body.result.task
  await agent.respond(id, { outcome: 'progress', text: 'looking' })
  await agent.respond(id, {
    outcome: 'reply',
    text: 'forty',
    artifacts: [{ artifact_id: 'a', name: 'A', parts: [{ text: 'x' }] }],
  })
  for (const [method, params] of [
    ['GetTask', { id }],
    ['GetTask', { id, historyLength: 1 }],
    ['GetTask', { id, historyLength: 0 }],
    ['ListTasks', {}],
    ['ListTasks', { includeArtifacts: true, pageSize: 1 }],
  ] as const) {
    const [rpc, rest] = await Promise.all(BINDINGS.map((binding) => raw(agent, binding, { method, params })))
    expect(resultOf('JSONRPC', rpc as never)).toEqual(resultOf('HTTP+JSON', rest as never))
    expect(rest?.status).toBe(200)
  }
})

test('R92 equal message ids are two messages, and each stays as it was sent', async () => {
  const agent = await openAgent()
  const client = await agent.client('JSONRPC')
  const metadata = { colour: 'blue', [RELAY_EXTENSION]: { operation_id: 'op-1' } }
  const sent = {
    message: message([{ text: 'a' }, { data: { n: [1, null] } }, { raw: 'aGk=', mediaType: 'text/plain', filename: 'h' }], {
      messageId: 'same',
      metadata,
      extensions: ['urn:x'],
    }),
  }
  const first = taskOf(await client.sendMessage(request({ ...sent, ...now })))
  const second = taskOf(await client.sendMessage(request({ ...sent, ...now })))
  expect(first.id).not.toBe(second.id)
  expect(first.history).toEqual([
    { ...request(sent).message, contextId: first.contextId, taskId: first.id, metadata: { colour: 'blue' } },
  ])
  expect((await agent.worker.get(`/api/v1/threads/${first.id}`)).body.operation_id).toBe('op-1')
})

test.each(BINDINGS)('R88 what a caller says under the key of the extension counts: %s', async (binding) => {
  const agent = await openAgent()
  const metadata = { [RELAY_EXTENSION]: { operation_id: 'op-1', skill: 'quote' } }
  const answered = await raw(agent, binding, {
    method: 'SendMessage',
    params: { message: message(), metadata, ...now },
    headers: { 'A2A-Extensions': `urn:unknown,${RELAY_EXTENSION}` },
  })
  expect(answered.headers.get('a2a-extensions')).toBe(RELAY_EXTENSION)
  const { task } = resultOf(binding, answered)
  expect(task.metadata[RELAY_EXTENSION]).toMatchObject({
    thread_id: task.id,
    sequence: 2,
    payload_hash: expect.stringMatching(/^sha256:/),
  })
  expect((await agent.worker.get(`/api/v1/threads/${task.id}`)).body).toMatchObject({ operation_id: 'op-1', skill: 'quote' })
})

test.each(BINDINGS)(
  'R50 a follow-up belongs to its task: its context is known, another is refused, an ended task takes none: %s',
  async (binding) => {
    const agent = await openAgent()
    const client = await agent.client(binding)
    const task = taskOf(await client.sendMessage(request(now)))
    expect(task.contextId).toMatch(/^ctx_/)
    const follow = (own: object) =>
      client.sendMessage(request({ message: message([{ text: 'b' }], { taskId: task.id, ...own }), ...now }))
    expect(taskOf(await follow({})).contextId).toBe(task.contextId)
    expect(taskOf(await follow({ contextId: task.contextId })).id).toBe(task.id)
    const other = await raw(agent, binding, {
      method: 'SendMessage',
      params: { message: message([{ text: 'b' }], { taskId: task.id, contextId: 'other' }) },
    })
    expect([other.error?.reason, other.error?.fields]).toEqual(['INVALID_PARAMS', ['message.contextId']])
    await expect(client.sendMessage(request({ message: message([{ text: 'b' }], { taskId: 'thr_unknown' }) }))).rejects.toThrow(
      TaskNotFoundError,
    )
    await agent.respond(task.id, { outcome: 'completed', text: 'done' })
    await expect(follow({})).rejects.toThrow(UnsupportedOperationError)
  },
)

test('R94 a blocking send returns at each state at which the turn is not the owner’s', async () => {
  const agent = await openAgent()
  const client = await agent.client('JSONRPC')
  const ends: [Record<string, unknown>, TaskState][] = [
    [{ outcome: 'reply', text: 'a' }, TaskState.TASK_STATE_INPUT_REQUIRED],
    [{ outcome: 'ask', text: 'a' }, TaskState.TASK_STATE_INPUT_REQUIRED],
    [{ outcome: 'completed', text: 'a' }, TaskState.TASK_STATE_COMPLETED],
    [{ outcome: 'failed', error: { code: 'no_stock', message: 'Nothing is left.' } }, TaskState.TASK_STATE_FAILED],
    [{ outcome: 'rejected', text: 'no' }, TaskState.TASK_STATE_REJECTED],
  ]
  for (const [i, [response, state]] of ends.entries()) {
    const sending = client.sendMessage(request())
    await waiting(agent, i + 1)
    await agent.respond(await threadOf(agent), { outcome: 'progress', text: 'working' })
    await agent.respond(await threadOf(agent), response)
    const task = taskOf(await sending)
    expect(stateOf(task)).toBe(state)
    expect(JSON.stringify(task)).not.toContain('wait_limit_reached')
  }
})

test.each(BINDINGS)('R94 a wait that is over first answers with the task as it is, and says so: %s', async (binding) => {
  const agent = await openAgent({ settings: { RELAY_A2A_WAIT_SECONDS: '30' } })
  const sending = raw(agent, binding, { method: 'SendMessage', params: { message: message() } })
  await waiting(agent)
  await agent.house.clock.advance('29s')
  await agent.respond(await threadOf(agent), { outcome: 'progress', text: 'working' })
  await agent.house.clock.advance('2s')
  const { task } = resultOf(binding, await sending)
  expect(task.status.state).toBe('TASK_STATE_WORKING')
  expect(task.metadata[RELAY_EXTENSION]).toMatchObject({ wait_limit_reached: true })
  const read = resultOf(binding, await raw(agent, binding, { method: 'GetTask', params: { id: task.id } }))
  expect(read.metadata[RELAY_EXTENSION]).not.toHaveProperty('wait_limit_reached')
})

for (const binding of BINDINGS)
  test(`R95 returnImmediately answers with the task as it was stored: ${binding}`, async () => {
    const agent = await openAgent()
    const task = taskOf(await (await agent.client(binding)).sendMessage(request(now)))
    expect([stateOf(task), task.status?.message, task.history.length]).toEqual([TaskState.TASK_STATE_SUBMITTED, undefined, 1])
  })

test.each(BINDINGS)('R93 §12.33 an answer without a task is a Message, and a stream of exactly that one: %s', async (binding) => {
  const agent = await openAgent({ card: { direct_messages: true } })
  const client = await agent.client(binding)
  const sending = client.sendMessage(request())
  await waiting(agent)
  const id = await threadOf(agent)
  await agent.respond(id, { outcome: 'message', text: 'forty-two' })
  const answer = await sending
  expect(answer).toMatchObject({ role: Role.ROLE_AGENT, taskId: '', metadata: { [RELAY_EXTENSION]: { thread_id: id } } })
  expect(textOf(answer as Message)).toBe('forty-two')
  expect((await agent.worker.get(`/api/v1/threads/${id}`)).body).toMatchObject({ state: 'closed', outcome: 'completed' })

  const frames: StreamResponse[] = []
  const streaming = (async () => {
    for await (const frame of client.sendMessageStream(request())) frames.push(frame)
  })()
  await waiting(agent, 2)
  await agent.respond(await threadOf(agent), { outcome: 'message', text: 'again' })
  await streaming
  expect(frames.map(({ payload }) => payload?.$case)).toEqual(['message'])
})

test('R93 a card that may answer directly holds the first frame for a second at most', async () => {
  const agent = await openAgent({ card: { direct_messages: true } })
  const client = await agent.client('JSONRPC')
  const frames = client.sendMessageStream(request())
  const first = frames.next()
  await waiting(agent)
  await agent.house.clock.advance('1s')
  expect((await first).value?.payload).toMatchObject({
    $case: 'task',
    value: { status: { state: TaskState.TASK_STATE_SUBMITTED } },
  })
  await frames.return()
})

const list = async (agent: Agent, binding: Binding, params: object, token?: string) =>
  raw(agent, binding, { method: 'ListTasks', params, ...(token ? { token } : {}) })

test.each(BINDINGS)(
  'R99 lists a caller’s own tasks by their last change, in pages that are bound to filter and caller: %s',
  async (binding) => {
    const agent = await openAgent()
    const client = await agent.client(binding)
    const ids: string[] = []
    for (let i = 0; i < 5; i++) {
      await agent.house.clock.advance('1m')
      ids.unshift(
        taskOf(
          await client.sendMessage(
            request({ message: message([{ text: `${i}` }], { contextId: i % 2 ? 'odd' : 'even' }), ...now }),
          ),
        ).id,
      )
    }
    await agent.house.clock.advance('1m')
    await agent.respond(ids[4] as string, { outcome: 'completed', text: 'done' })
    const order = [ids[4], ...ids.slice(0, 4)]
    const whole = resultOf(binding, await list(agent, binding, {}))
    expect(whole).toMatchObject({ nextPageToken: '', pageSize: 50, totalSize: 5 })
    expect(whole.tasks.map((one: Task) => one.id)).toEqual(order)
    for (const one of whole.tasks) expect(one).not.toHaveProperty('artifacts')
    const seen: string[] = []
    let token = ''
    do {
      const page = resultOf(binding, await list(agent, binding, { pageSize: 2, ...(token ? { pageToken: token } : {}) }))
      expect([page.totalSize, page.pageSize]).toEqual([5, 2])
      seen.push(...page.tasks.map((one: Task) => one.id))
      token = page.nextPageToken
    } while (token)
    expect(seen).toEqual(order)
    const filtered = async (params: object) =>
      resultOf(binding, await list(agent, binding, params)).tasks.map((one: Task) => one.id)
    expect(await filtered({ status: 'TASK_STATE_COMPLETED' })).toEqual([ids[4]])
    expect(await filtered({ contextId: 'odd' })).toEqual([ids[1], ids[3]])
    expect(await filtered({ statusTimestampAfter: whole.tasks[1].status.timestamp })).toEqual(order.slice(0, 2))
    const [full] = resultOf(binding, await list(agent, binding, { includeArtifacts: true, pageSize: 1 })).tasks
    expect(full.artifacts).toHaveLength(1)

    const { nextPageToken: foreign } = resultOf(binding, await list(agent, binding, { pageSize: 1 }))
    const stranger = await agent.grantTo({ label: 'stranger' })
    expect(resultOf(binding, await list(agent, binding, {}, stranger.token))).toMatchObject({ totalSize: 0, nextPageToken: '' })
    for (const bad of [
      await list(agent, binding, { pageSize: 1, pageToken: foreign }, stranger.token),
      await list(agent, binding, { pageSize: 1, contextId: 'odd', pageToken: foreign }),
      await list(agent, binding, { pageToken: 'made-up' }),
    ])
      expect(bad.error?.reason).toBe('INVALID_PARAMS')
  },
)

test.each(BINDINGS)('R52 §12.8 a send under one key is one thread, by header and by metadata: %s', async (binding) => {
  const agent = await openAgent()
  const params = { message: message(), ...now }
  const byHeader = () => raw(agent, binding, { method: 'SendMessage', params, headers: { 'Idempotency-Key': 'k-1' } })
  const ids = async (calls: Promise<{ body: unknown; status: number }>[]) =>
    (await Promise.all(calls)).flatMap((one) => (one.status === 200 ? [resultOf(binding, one).task.id] : [one.status]))
  const first = await byHeader()
  const id = resultOf(binding, first).task.id
  expect(await ids([byHeader(), byHeader()])).toEqual([id, id])
  // The same key on the other binding is the same key.
  const other = BINDINGS.find((one) => one !== binding) as Binding
  const again = await raw(agent, other, { method: 'SendMessage', params, headers: { 'Idempotency-Key': 'k-1' } })
  expect(resultOf(other, again).task.id).toBe(id)
  const mismatch = await raw(agent, binding, {
    method: 'SendMessage',
    params: { message: message(), ...now },
    headers: { 'Idempotency-Key': 'k-1' },
  })
  expect([mismatch.error?.reason, mismatch.status]).toEqual(['IDEMPOTENCY_MISMATCH', binding === 'JSONRPC' ? 200 : 422])
  const stranger = await agent.grantTo()
  const foreign = await raw(agent, binding, {
    method: 'SendMessage',
    params,
    token: stranger.token,
    headers: { 'Idempotency-Key': 'k-1' },
  })
  expect(resultOf(binding, foreign).task.id).not.toBe(id)

  const metadata = { [RELAY_EXTENSION]: { idempotency_key: 'k-2' } }
  const byMetadata = () => raw(agent, binding, { method: 'SendMessage', params: { ...params, metadata } })
  const many = await Promise.all(Array.from({ length: 20 }, byMetadata))
  // Whoever comes while the first is under way is told to come back.
  const made = many.flatMap((one) => (one.error ? [] : [resultOf(binding, one).task.id]))
  expect(new Set(many.flatMap((one) => one.error?.reason ?? []))).toEqual(
    new Set(many.some((one) => one.error) ? ['IDEMPOTENCY_IN_FLIGHT'] : []),
  )
  expect(new Set(made).size).toBe(1)
  expect((await agent.house.admin.one<{ n: number }>`select count(*)::int as n from threads`).n).toBe(3)
  const both = await raw(agent, binding, {
    method: 'SendMessage',
    params: { ...params, metadata },
    headers: { 'Idempotency-Key': 'k-9' },
  })
  expect(both.error?.fields).toEqual([`metadata["${RELAY_EXTENSION}"].idempotency_key`])
})
