import { expect, test } from 'vitest'
import { type Loose, openRelay, type RelayTest } from '../testing/relay.ts'
import { RELAY_EXTENSION } from './extension.ts'
import { taskStateOf } from './map.ts'
import { BINDINGS, type Binding, message, raw, rawResponse, readFrames, resultOf } from './testing/agent.ts'

const ASKS = `@id("asks") @ask("May {agent} write to us?") permit (principal is Agent, action in [Action::"thread.start", Action::"thread.send"], resource);
@id("people") permit (principal is User, action, resource);
@id("server") permit (principal is Agent, action in [Action::"thread.respond", Action::"thread.serve", Action::"thread.read"], resource);`

async function asking(): Promise<RelayTest> {
  const relay = await openRelay()
  const saved = await relay.house.bob.post('/api/v1/policies', { text: ASKS })
  expect((await relay.house.bob.post(`/api/v1/policies/${saved.body.version}/activate`, {})).status).toBe(200)
  return relay
}
const agentOf = ({ house, card, grant }: RelayTest) => ({ house, slug: card.slug, grant })
const decide = ({ house }: RelayTest, id: string, type: 'accept' | 'deny') =>
  house.bob.post(`/api/v1/tasks/${id}/decide`, { type, seen_revision: 1 })
const send = async (relay: RelayTest, binding: Binding, params: object = { message: message() }) =>
  resultOf(binding, await raw(agentOf(relay), binding, { method: 'SendMessage', params })).task as Loose
const ours = ({ data }: Loose) => (data.statusUpdate ?? data.task).metadata[RELAY_EXTENSION]
const stateIn = ({ data }: Loose) => (data.statusUpdate ?? data.task)?.status.state ?? 'artifact'

test.each(BINDINGS)(
  'R94 §12.27 a message that people are asked about returns at once, with the address where they are: %s',
  async (binding) => {
    const relay = await asking()
    const task = await send(relay, binding)
    const { approval } = task.metadata[RELAY_EXTENSION]
    expect(task.status.state).toBe('TASK_STATE_AUTH_REQUIRED')
    expect(approval).toMatchObject({ side: 'owner', url: `${relay.house.url}/tasks/${approval.task_id}` })
    expect(task.status.message.parts[0].text).toContain(approval.url)
    expect(task.status.message.parts[0].text).toContain(approval.expires_at)
  },
)

test.each(BINDINGS)(
  'R96 §12.27 an open stream goes on through the approval to the end, without another message: %s',
  async (binding) => {
    const relay = await asking()
    const agent = agentOf(relay)
    const open = readFrames(
      await rawResponse(agent, binding, { method: 'SendStreamingMessage', params: { message: message() } }),
      binding,
    )
    await expect.poll(() => open.frames.map(stateIn)).toEqual(['TASK_STATE_AUTH_REQUIRED'])
    const { task } = (open.frames[0] as Loose).data
    const { approval } = task.metadata[RELAY_EXTENSION]
    const second = readFrames(await rawResponse(agent, binding, { method: 'SubscribeToTask', params: { id: task.id } }), binding)
    await expect.poll(() => second.frames.length).toBe(1)
    expect((await decide(relay, approval.task_id, 'accept')).status).toBe(200)
    await relay.respond(task.id, { outcome: 'completed', text: 'welcome' })
    await Promise.all([open.ended, second.ended])
    expect(open.frames.map(stateIn)).toEqual([
      'TASK_STATE_AUTH_REQUIRED',
      'TASK_STATE_SUBMITTED',
      'artifact',
      'TASK_STATE_COMPLETED',
    ])
    expect(second.frames.slice(1)).toEqual(open.frames.slice(1))
    // Whoever comes later is told of the approval as those were who saw it.
    const headers = { 'A2A-Extensions': RELAY_EXTENSION, 'Last-Event-ID': '0' }
    const late = readFrames(
      await rawResponse(agent, binding, { method: 'SubscribeToTask', params: { id: task.id }, headers }),
      binding,
    )
    await late.ended
    const asked = late.frames.find((one) => one.id !== null && ours(one).approval !== undefined)
    expect(ours(asked).approval).toEqual(approval)
  },
)

test.each(BINDINGS)('R91 §12.27 a refusal ends in REJECTED: %s', async (binding) => {
  const relay = await asking()
  const task = await send(relay, binding)
  const { approval } = task.metadata[RELAY_EXTENSION]
  const open = readFrames(
    await rawResponse(agentOf(relay), binding, { method: 'SubscribeToTask', params: { id: task.id } }),
    binding,
  )
  await expect.poll(() => open.frames.length).toBe(1)
  expect((await decide(relay, approval.task_id, 'deny')).status).toBe(200)
  await open.ended
  expect(stateIn(open.frames.at(-1))).toBe('TASK_STATE_REJECTED')
  expect(ours(open.frames.at(-1)).reason).toBe('approval_denied')
})

test('R91 §12.31 natively and over A2A a thread says the same at every step', { timeout: 90_000 }, async () => {
  const relay = await openRelay()
  const agent = { ...agentOf(relay), grant: { ...relay.grant, token: relay.caller.key } }
  const same = async (id: string, state: string) => {
    const [thread, messages, artifacts] = await Promise.all(
      ['', '/messages', '/artifacts'].map(async (what) => (await relay.caller.get(`/api/v1/threads/${id}${what}`)).body),
    )
    expect(thread.state).toBe(state)
    const task = resultOf('JSONRPC', await raw(agent, 'JSONRPC', { method: 'GetTask', params: { id } }))
    expect([task.status.state, task.contextId]).toEqual([taskStateOf(thread), thread.context_id])
    // While people are asked the words of the status are ours, and nobody's message.
    const isOurs = state === 'awaiting_approval'
    expect(Boolean(task.status.message?.parts[0].text?.includes('/tasks/'))).toBe(isOurs)
    const said = [...(task.history ?? []), ...(task.status.message && !isOurs ? [task.status.message] : [])]
    const native = messages.data.filter((one: Loose) => one.kind !== 'artifact')
    expect(said.map((one: Loose) => one.parts)).toEqual(native.map((one: Loose) => one.parts))
    expect((task.artifacts ?? []).map((one: Loose) => [one.artifactId, one.parts])).toEqual(
      artifacts.data.map((one: Loose) => [one.artifact_id, one.parts]),
    )
  }
  const start = async () => (await relay.start({ text: 'hello' })).body.thread_id as string
  const id = await start()
  await same(id, 'queued')
  const [claimed] = await relay.claim()
  await same(id, 'delivering')
  await relay.respond(id, { outcome: 'progress', text: 'looking', claim_token: claimed.claim_token })
  await same(id, 'waiting_owner')
  await relay.respond(id, { outcome: 'ask', text: 'which?' })
  await same(id, 'waiting_caller')
  await relay.bearer(relay.grant.token).post(`/api/v1/threads/${id}/messages`, { text: 'that' })
  await same(id, 'queued')
  await relay.respond(id, { outcome: 'reply', data: { total: 7 }, artifacts: [{ artifact_id: 'plan', parts: [{ text: 'a' }] }] })
  await same(id, 'responded')
  await relay.respond(id, { outcome: 'completed', text: 'done' })
  await same(id, 'closed')
  const failed = await start()
  await relay.respond(failed, { outcome: 'failed', text: 'no', error: { code: 'x', message: 'y' } })
  await same(failed, 'failed')
  const rejected = await start()
  await relay.respond(rejected, { outcome: 'rejected', text: 'no' })
  await same(rejected, 'rejected')
  const canceled = await start()
  await raw(agent, 'JSONRPC', { method: 'CancelTask', params: { id: canceled } })
  await same(canceled, 'closed')
  const idle = await start()
  await relay.house.clock.advance('7d')
  await relay.house.server.queue.enqueueMany([{ kind: 'relay.sweep' }])
  await relay.house.runJobs()
  await same(idle, 'expired')
  const bob = await relay.house.given.user({ role: 'admin' })
  const asks = await bob.post('/api/v1/policies', { text: ASKS })
  expect((await bob.post(`/api/v1/policies/${asks.body.version}/activate`, {})).status).toBe(200)
  await same(await start(), 'awaiting_approval')
  const revoked = await start()
  const open = readFrames(
    await rawResponse(agentOf(relay), 'JSONRPC', { method: 'SubscribeToTask', params: { id: revoked } }),
    'JSONRPC',
  )
  await expect.poll(() => open.frames.length).toBe(1)
  expect((await bob.post(`/api/v1/relay-grants/${relay.grant.id}/revoke`, {})).status).toBe(200)
  await open.ended
  expect(open.frames.map(stateIn)).toEqual(['TASK_STATE_AUTH_REQUIRED', 'TASK_STATE_REJECTED'])
  expect((await relay.caller.get(`/api/v1/threads/${revoked}`)).body).toMatchObject({ state: 'revoked', reason: 'grant_revoked' })
})

test.each(BINDINGS)(
  'R7 §12.20 what the caller’s own side asks about is AUTH_REQUIRED from its own tenant, listed, and goes on in the same stream: %s',
  async (binding) => {
    const relay = await openRelay()
    const leaves = ASKS.replace('resource);', 'resource) when { context.direction == "out" };')
    const saved = await relay.bea.post('/api/v1/policies', {
      text: `${leaves}\n@id("rest") permit (principal is Agent, action, resource) when { context has direction && context.direction == "in" };`,
    })
    expect((await relay.bea.post(`/api/v1/policies/${saved.body.version}/activate`, {})).status).toBe(200)
    const agent = agentOf(relay)
    const open = readFrames(
      await rawResponse(agent, binding, { method: 'SendStreamingMessage', params: { message: message() } }),
      binding,
    )
    await expect.poll(() => open.frames.map(stateIn)).toEqual(['TASK_STATE_AUTH_REQUIRED'])
    const { task } = (open.frames[0] as Loose).data
    const { approval } = task.metadata[RELAY_EXTENSION]
    expect(approval.side).toBe('caller')
    expect(await relay.house.admin.rows`select id from threads`).toEqual([])
    const asked = async (method: string, params: object) =>
      resultOf(binding, await raw(agent, binding, { method, params })) as Loose
    const got = await asked('GetTask', { id: task.id })
    expect([got.status.state, got.history.length]).toEqual(['TASK_STATE_AUTH_REQUIRED', 1])
    const listed = await asked('ListTasks', { status: 'TASK_STATE_AUTH_REQUIRED' })
    expect([listed.totalSize, listed.tasks.map(({ id }: Loose) => id)]).toEqual([1, [task.id]])
    expect((await relay.bea.post(`/api/v1/tasks/${approval.task_id}/decide`, { type: 'accept', seen_revision: 1 })).status).toBe(
      200,
    )
    await relay.respond(task.id, { outcome: 'completed', text: 'welcome' })
    await open.ended
    expect(open.frames.map(stateIn).slice(-1)).toEqual(['TASK_STATE_COMPLETED'])
    const second = await send(relay, binding)
    expect(second.status.state).toBe('TASK_STATE_AUTH_REQUIRED')
    const canceled = await asked('CancelTask', { id: second.id })
    expect(canceled.status.state).toBe('TASK_STATE_CANCELED')
    expect((await asked('ListTasks', {})).totalSize).toBe(2)
  },
)
