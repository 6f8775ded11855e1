import { type StreamResponse, SubscribeToTaskRequest, TaskState } from '@a2a-js/sdk'
import { expect, test } from 'vitest'
import { systemScope } from '../../db/scope.ts'
import { untilMoved } from '../threads/read.ts'
import { openThreadWaits } from '../threads/wait.ts'
import type { Call } from './call.ts'
import { RELAY_EXTENSION } from './extension.ts'
import { resubscribe } from './follow.ts'
import type { A2aHouse } from './house.ts'
import {
  type Agent,
  BINDINGS,
  type Binding,
  message,
  openAgent,
  raw,
  rawResponse,
  readFrames,
  request,
  resultOf,
} from './testing/agent.ts'

const now = { configuration: { returnImmediately: true } }
const started = async (agent: Agent) =>
  resultOf('JSONRPC', await raw(agent, 'JSONRPC', { method: 'SendMessage', params: { message: message(), ...now } })).task
    .id as string
const threadOf = async ({ house }: Agent) =>
  (await house.admin.one<{ id: string }>`select id from threads order by id desc limit 1`).id

async function subscribe(agent: Agent, binding: Binding, id: string, headers: Record<string, string> = {}, url?: string) {
  const response = await rawResponse(agent, binding, { method: 'SubscribeToTask', params: { id }, headers }, url)
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8'])
  return readFrames(response, binding)
}
type Log = ReturnType<typeof readFrames>
const durable = ({ frames }: Log) => frames.filter((one) => one.id !== null)
// biome-ignore lint/suspicious/noExplicitAny: a test reads any frame
const ours = (frame: { data: any }) =>
  (frame.data.statusUpdate ?? frame.data.artifactUpdate ?? frame.data.task).metadata[RELAY_EXTENSION]
// biome-ignore lint/suspicious/noExplicitAny: a test reads any frame
const stateIn = ({ data }: { data: any }) =>
  (data.statusUpdate ?? data.task)?.status.state.replace('TASK_STATE_', '') ?? 'artifact'

test.each(BINDINGS)('R96 R2 a stream is a snapshot and then each change, and ends with the turn: %s', async (binding) => {
  const agent = await openAgent()
  const client = await agent.client(binding)
  const frames: StreamResponse[] = []
  const streaming = (async () => {
    for await (const frame of client.sendMessageStream(request())) frames.push(frame)
  })()
  await expect.poll(() => frames.length).toBe(1)
  const id = await threadOf(agent)
  await agent.respond(id, { outcome: 'progress', text: 'looking' })
  await agent.respond(id, {
    outcome: 'progress',
    text: 'drawing',
    artifacts: [{ artifact_id: 'plan', parts: [{ text: 'a' }], last_chunk: false }],
  })
  await agent.respond(id, {
    outcome: 'ask',
    text: 'red?',
    artifacts: [{ artifact_id: 'plan', parts: [{ text: 'b' }], append: true, last_chunk: true }],
  })
  await streaming
  const said = frames.map(({ payload }) => {
    if (payload?.$case === 'task') return ['task', payload.value.status?.state]
    if (payload?.$case === 'statusUpdate')
      return [payload.value.status?.state, payload.value.status?.message?.parts[0]?.content?.value]
    return payload?.$case === 'artifactUpdate' ? ['artifact', payload.value.append, payload.value.lastChunk] : []
  })
  expect(said).toEqual([
    ['task', TaskState.TASK_STATE_SUBMITTED],
    [TaskState.TASK_STATE_WORKING, 'looking'],
    ['artifact', false, false],
    [TaskState.TASK_STATE_WORKING, 'drawing'],
    ['artifact', true, true],
    [TaskState.TASK_STATE_INPUT_REQUIRED, 'red?'],
  ])
})

test.each(BINDINGS)(
  'R97 §12.28 two readers see the same frames, one of them cut off and resumed at another process: %s',
  async (binding) => {
    const agent = await openAgent()
    const id = await started(agent)
    const first = await subscribe(agent, binding, id)
    const second = await subscribe(agent, binding, id)
    await expect.poll(() => [first.frames.length, second.frames.length]).toEqual([1, 1])
    await agent.respond(id, { outcome: 'progress', text: 'one' })
    await expect.poll(() => durable(second).length).toBe(1)
    await second.leave()
    await agent.respond(id, { outcome: 'progress', text: 'two', artifacts: [{ artifact_id: 'a', parts: [{ text: 'x' }] }] })
    await agent.respond(id, { outcome: 'reply', text: 'three' })
    const other = await agent.house.second()
    const last = durable(second).at(-1)?.id as string
    const resumed = await subscribe(agent, binding, id, { 'Last-Event-ID': last }, other.url)
    await expect.poll(() => durable(resumed).length).toBeGreaterThanOrEqual(3)
    await agent.respond(id, { outcome: 'completed', text: 'four' })
    await Promise.all([first.ended, resumed.ended])
    expect([...durable(second), ...durable(resumed)]).toEqual(durable(first))
    expect(durable(first).map(stateIn)).toEqual([
      'WORKING',
      'artifact',
      'WORKING',
      'artifact',
      'INPUT_REQUIRED',
      'artifact',
      'COMPLETED',
    ])
    // The snapshot says where it stands and has no number of its own; each frame names the one before it, so a gap would show.
    for (const log of [first, second, resumed])
      expect([log.frames[0]?.id, Object.keys(log.frames[0]?.data ?? {})]).toEqual([null, ['task']])
    const numbers = durable(first).map(ours)
    for (const [i, one] of numbers.entries()) {
      expect(String(one.sequence)).toBe(durable(first)[i]?.id)
      if (i > 0) expect(one.previous_sequence).toBe(numbers[i - 1].sequence)
    }

    // Once it has ended only who knows the extension is told what was missed.
    const extended = { 'A2A-Extensions': RELAY_EXTENSION }
    const after = await subscribe(agent, binding, id, { ...extended, 'Last-Event-ID': last }, other.url)
    await after.ended
    expect(durable(after)).toEqual(durable(resumed))
    const whole = await subscribe(agent, binding, id, { ...extended, 'Last-Event-ID': '0' })
    await whole.ended
    expect(durable(whole).slice(1)).toEqual(durable(first))
    for (const headers of [{}, extended, { 'Last-Event-ID': last }] as Record<string, string>[]) {
      const { error } = await raw(agent, binding, { method: 'SubscribeToTask', params: { id }, headers })
      expect(error?.reason).toBe('UNSUPPORTED_OPERATION')
    }
  },
)

test.each(BINDINGS)('R97 §10 a number that the task has not given is refused: %s', async (binding) => {
  const agent = await openAgent()
  const id = await started(agent)
  for (const given of ['-1', 'abc', '99', '1.5']) {
    const { error } = await raw(agent, binding, {
      method: 'SubscribeToTask',
      params: { id },
      headers: { 'Last-Event-ID': given },
    })
    expect([given, error?.reason, error?.fields]).toEqual([given, 'INVALID_PARAMS', ['Last-Event-ID']])
  }
})

test('R96 the official client resumes a subscription, on GET as on POST', async () => {
  const agent = await openAgent()
  const id = await started(agent)
  const client = await agent.client('HTTP+JSON')
  const frames = client.resubscribeTask(SubscribeToTaskRequest.fromJSON({ id }))
  expect((await frames.next()).value?.payload).toMatchObject({ $case: 'task', value: { id } })
  const byGet = readFrames(await rawResponse(agent, 'HTTP+JSON', { path: `/tasks/${id}:subscribe`, verb: 'GET' }), 'HTTP+JSON')
  await agent.respond(id, { outcome: 'completed', text: 'done' })
  const seen: (string | undefined)[] = []
  for await (const frame of frames) seen.push(frame.payload?.$case)
  expect(seen).toEqual(['artifactUpdate', 'statusUpdate'])
  await byGet.ended
  expect(byGet.frames.map(stateIn)).toEqual(['SUBMITTED', 'artifact', 'COMPLETED'])
})

test.each(BINDINGS)('R96 a quiet stream has comments and no events of its own: %s', async (binding) => {
  const agent = await openAgent()
  const log = await subscribe(agent, binding, await started(agent))
  await expect.poll(() => log.frames.length).toBe(1)
  await agent.house.clock.advance('16s')
  await expect.poll(log.text).toMatch(/\n\n:\n\n$/)
  expect(log.text()).not.toMatch(/^(event|retry):/m)
  await log.leave()
})

test.each(BINDINGS)('R52 a send that streams is repeated under its key by the stream of the same task: %s', async (binding) => {
  const agent = await openAgent()
  const params = { message: message() }
  const open = async () =>
    readFrames(
      await rawResponse(agent, binding, { method: 'SendStreamingMessage', params, headers: { 'Idempotency-Key': 'k' } }),
      binding,
    )
  const first = await open()
  await expect.poll(() => first.frames.length).toBe(1)
  const again = await open()
  await agent.respond(await threadOf(agent), { outcome: 'completed', text: 'done' })
  await Promise.all([first.ended, again.ended])
  expect(durable(again)).toEqual(durable(first))
  expect((await agent.house.admin.one<{ n: number }>`select count(*)::int as n from threads`).n).toBe(1)
})

test.each(BINDINGS)('R98 §12.29 a reader that vanishes frees its place, and the thread goes on: %s', async (binding) => {
  const agent = await openAgent({ settings: { LIMITS: 'stream=1' } })
  const id = await started(agent)
  for (let n = 0; n < 3; n++) {
    // Only one may be open at once: the next one finds room as soon as the last has left.
    const open = async () => rawResponse(agent, binding, { method: 'SubscribeToTask', params: { id } })
    let response = await open()
    for (; response.status === 429; response = await open()) await response.text()
    const log = readFrames(response, binding)
    await expect.poll(() => log.frames.length).toBe(1)
    await log.leave()
  }
  await agent.respond(id, { outcome: 'completed', text: 'done' })
  const read = await (await agent.client(binding)).getTask({ id, tenant: '' })
  expect(read.status?.state).toBe(TaskState.TASK_STATE_COMPLETED)
})

test('R94 §12.29 a stream, and the wait of a blocking send, end with their client, and nothing of them stays', async () => {
  const { house, grant, slug } = await openAgent()
  const waits = openThreadWaits(house.db)
  const a2a = {
    db: house.db,
    keyring: house.keyring,
    origin: () => house.url,
    waits,
  } as unknown as A2aHouse
  const id = await started({ house, grant, slug } as Agent)
  const scope = { ...systemScope('test', house.tenantId), relayParty: grant.id, relaySide: 'caller' as const }
  const client = new AbortController()
  const call = {
    scope,
    card: { slug },
    params: {},
    active: [],
    idempotencyKey: null,
    signal: client.signal,
    method: 'SubscribeToTask',
  } as unknown as Call
  const frames = resubscribe(a2a, call, id)
  expect((await frames.next()).value?.payload?.$case).toBe('task')
  const next = frames.next()
  const waiting = untilMoved(a2a, scope, id, () => false, 55_000, client.signal)
  await expect.poll(() => waits.size).toBe(1)
  client.abort('client')
  expect(await next).toEqual({ done: true, value: undefined })
  expect((await waiting).state).toBe('queued')
  expect(waits.size).toBe(0)
})

test.each(BINDINGS)('R96 a token that is given up closes its streams within two seconds: %s', async (binding) => {
  const agent = await openAgent()
  const log = await subscribe(agent, binding, await started(agent))
  await expect.poll(() => log.frames.length).toBe(1)
  await agent.house.admin.run`update relay_tokens set ends_at = countersign.now() where id = ${agent.grant.tokenId}`
  const from = performance.now()
  await log.ended
  expect(performance.now() - from).toBeLessThan(5_000)
})
