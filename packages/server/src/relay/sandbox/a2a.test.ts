// The caller's part with nothing but the official client, the base URL of an agent and a relay token (relay.md R2): the card, a start, progress as a stream, a thread that is canceled and
// one that is completed; and the same threads by the native API.
import {
  CancelTaskRequest,
  GetTaskRequest,
  Role,
  SendMessageRequest,
  type StreamResponse,
  SubscribeToTaskRequest,
  type Task,
  TaskState,
} from '@a2a-js/sdk'
import {
  type Client,
  ClientFactory,
  ClientFactoryOptions,
  JsonRpcTransportFactory,
  RestTransportFactory,
} from '@a2a-js/sdk/client'
import { expect, test } from 'vitest'
import type { Loose } from '../testing/relay.ts'
import { openSandbox } from './testing/sandbox.ts'

const BINDINGS = ['JSONRPC', 'HTTP+JSON'] as const

/** All that somebody elsewhere has. */
async function connect(base: string, token: string, binding: (typeof BINDINGS)[number]): Promise<Client> {
  const fetchImpl: typeof fetch = (input, init) => {
    const headers = new Headers(init?.headers)
    headers.set('Authorization', `Bearer ${token}`)
    return fetch(input, { ...init, headers })
  }
  const transports = [
    binding === 'JSONRPC' ? new JsonRpcTransportFactory({ fetchImpl }) : new RestTransportFactory({ fetchImpl }),
  ]
  return new ClientFactory({ ...ClientFactoryOptions.default, transports, preferredTransports: [binding] }).createFromUrl(base)
}

const saying = (text: string, more: object = {}, configuration?: object) =>
  SendMessageRequest.fromJSON({
    message: { messageId: crypto.randomUUID(), role: 'ROLE_USER', parts: [{ text }], ...more },
    ...(configuration ? { configuration } : {}),
  } as never)
const taskOf = (result: object): Task => result as Task
const textOf = (one: Loose): string | undefined => one?.parts[0].content.value
const stateOf = (one: Loose) => one.status?.state

for (const binding of BINDINGS)
  test(`R2 the caller’s part by nothing but the official client, and the same threads natively: ${binding}`, async () => {
    const { house, token, thread, messages, events } = await openSandbox()
    const client = await connect(`${house.url}/agents/sandbox/`, token, binding)
    const card = (await client.getAgentCard()) as Loose
    expect([card.name, card.skills.length, card.supportedInterfaces[0].protocolVersion]).toEqual(['Sandbox', 3, '1.0'])

    // Started, answered, gone on with, and completed.
    const started = taskOf(await client.sendMessage(saying('ask', { contextId: 'order-7' })))
    expect([stateOf(started), textOf(started.status?.message)]).toEqual([
      TaskState.TASK_STATE_INPUT_REQUIRED,
      'What shall I say?',
    ])
    const done = taskOf(await client.sendMessage(saying('blue', { taskId: started.id })))
    expect([done.id, stateOf(done), textOf(done.status?.message)]).toEqual([
      started.id,
      TaskState.TASK_STATE_COMPLETED,
      'You said: blue',
    ])
    expect(await client.getTask(GetTaskRequest.fromJSON({ id: done.id }))).toEqual(done)
    expect(await thread(done.id)).toMatchObject({ state: 'closed', outcome: 'completed', context_id: 'order-7', turn: 'none' })
    const said = (await messages(done.id)).filter(({ kind }: Loose) => kind === 'message')
    expect(said.map((one: Loose) => [one.side === 'caller' ? Role.ROLE_USER : Role.ROLE_AGENT, one.parts[0].text])).toEqual([
      ...done.history.map((one) => [one.role, textOf(one)]),
      [Role.ROLE_AGENT, 'You said: blue'],
    ])

    // Progress, as it comes.
    const frames: StreamResponse[] = []
    for await (const frame of client.sendMessageStream(saying('slow 2'))) {
      frames.push(frame)
      if (frames.length > 1) await house.clock.advance('1s')
      else setTimeout(() => void house.clock.advance('1s'), 100)
    }
    const updates = frames.flatMap(({ payload }) => (payload?.$case === 'statusUpdate' ? [payload.value] : []))
    const told = updates.map((one: Loose) => textOf(one.status?.message)).filter((text) => text !== undefined)
    expect(told).toEqual(['1 of 2 seconds', 'Done after 2 seconds.'])
    const streamed = updates.at(-1) as Loose
    expect(stateOf(streamed)).toBe(TaskState.TASK_STATE_COMPLETED)
    const progress = (await messages(streamed.taskId)).filter(({ side, kind }: Loose) => side === 'owner' && kind !== 'artifact')
    expect(progress.map((one: Loose) => [one.kind, one.parts[0].text])).toEqual([
      ['progress', '1 of 2 seconds'],
      ['message', 'Done after 2 seconds.'],
    ])
    const last = (await events(streamed.taskId)).at(-1)
    expect([last.type, last.data.outcome]).toEqual(['thread.closed', 'completed'])

    // Given up.
    const silent = taskOf(await client.sendMessage(saying('silent', {}, { returnImmediately: true })))
    const canceled = await client.cancelTask(CancelTaskRequest.fromJSON({ id: silent.id }))
    expect(stateOf(canceled)).toBe(TaskState.TASK_STATE_CANCELED)
    expect(await thread(silent.id)).toMatchObject({ state: 'closed', outcome: 'canceled', reason: 'closed_by_caller' })
  })

test('R4 `message` is a direct Message, `artifact` and `chunks` are artifacts of the task, `fail` and `reject` its ends', async () => {
  const { house, token } = await openSandbox()
  const client = await connect(`${house.url}/agents/sandbox/`, token, 'JSONRPC')
  const direct = (await client.sendMessage(saying('message hello'))) as Loose
  expect([direct.role, textOf(direct)]).toEqual([Role.ROLE_AGENT, 'hello'])
  const made = taskOf(await client.sendMessage(saying('artifact')))
  expect(made.artifacts.map((one: Loose) => [one.artifactId, one.parts[0].content.$case])).toEqual([
    ['text', 'text'],
    ['data', 'data'],
    ['file', 'raw'],
  ])
  // What the stream begins with may have the first piece already.
  const pieces: (string | undefined)[] = []
  for await (const { payload } of client.sendMessageStream(saying('chunks 3'))) {
    if (payload?.$case === 'task')
      for (const one of payload.value.artifacts as Loose[]) pieces.push(...one.parts.map((part: Loose) => part.content.value))
    if (payload?.$case === 'artifactUpdate') pieces.push(textOf(payload.value.artifact))
  }
  expect(pieces).toEqual(['piece 1 of 3\n', 'piece 2 of 3\n', 'piece 3 of 3\n'])
  expect(stateOf(await client.sendMessage(saying('fail')))).toBe(TaskState.TASK_STATE_FAILED)
  expect(stateOf(await client.sendMessage(saying('reject')))).toBe(TaskState.TASK_STATE_REJECTED)
})

test('R4 §12.27 `approve` is AUTH_REQUIRED at once; after a yes the open stream goes on without another message, a no ends it', async () => {
  const { house, token } = await openSandbox()
  const client = await connect(`${house.url}/agents/sandbox/`, token, 'JSONRPC')
  const decide = async (type: string) => {
    const [task] = (await house.alice.get('/api/v1/tasks?status=open')).body.data
    expect((await house.alice.post(`/api/v1/tasks/${task.id}/decide`, { type, seen_revision: 1 })).status).toBe(200)
  }
  const asked = taskOf(await client.sendMessage(saying('approve ask')))
  expect(stateOf(asked)).toBe(TaskState.TASK_STATE_AUTH_REQUIRED)
  expect(textOf(asked.status?.message)).toContain(`${house.url}/tasks/`)
  const states: (TaskState | undefined)[] = []
  for await (const { payload } of client.resubscribeTask(SubscribeToTaskRequest.fromJSON({ id: asked.id }))) {
    if (payload?.$case !== 'task' && payload?.$case !== 'statusUpdate') continue
    states.push(stateOf(payload.value))
    if (states.length === 1) await decide('accept')
    if (states.at(-1) === TaskState.TASK_STATE_INPUT_REQUIRED) break
  }
  expect([states[0], states.at(-1)]).toEqual([TaskState.TASK_STATE_AUTH_REQUIRED, TaskState.TASK_STATE_INPUT_REQUIRED])
  const refused = taskOf(await client.sendMessage(saying('approve')))
  await decide('deny')
  expect(stateOf(await client.getTask(GetTaskRequest.fromJSON({ id: refused.id })))).toBe(TaskState.TASK_STATE_REJECTED)
})
