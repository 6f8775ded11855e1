// An agent that answers elsewhere, made of the SDK's own server, behind the relay (relay.md R44–R47, §10, §12.32, §12.33).
import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { makeCardKey } from '../../../crypto/card-signature.ts'
import { leastCard } from '../../cards/testing/cards.ts'
import { type Card, type Loose, openRelay } from '../../testing/relay.ts'
import { type Execute, openUpstreamAgent, type UpstreamAgent } from '../testing/upstream-agent.ts'

async function given(own: { streaming?: boolean; execute?: Execute; signed?: boolean } = {}) {
  const agent = await openUpstreamAgent(own)
  if (own.execute) agent.execute = own.execute
  if (own.signed) agent.key = makeCardKey('ES256')
  const relay = await openRelay({ settings: { EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${agent.port}` } })
  const { house } = relay
  const made = await house.alice.post('/api/v1/cards', { ...leastCard('ada-a2a'), agent_id: relay.server.id })
  const card: Card = { id: made.body.id, slug: made.body.slug }
  const put = () => house.alice.put(`/api/v1/cards/${card.id}/delivery`, { mode: 'a2a', upstream: { card_url: agent.cardUrl } })
  const set = await put()
  expect([set.status, set.body]).toMatchObject([
    200,
    { delivery: { mode: 'a2a' }, upstream: { card_url: agent.cardUrl, signed: own.signed ?? false } },
  ])
  const grant = await relay.makeGrant({ card })
  const caller = relay.bearer(grant.token)
  return {
    ...{ agent, relay, house, card, put, caller },
    start: (body: Record<string, unknown> = { text: 'hello' }) => relay.start(body, { card, token: grant.token }),
    send: (id: string, body: Record<string, unknown>) => caller.post(`/api/v1/threads/${id}/messages`, body),
    close: (id: string) => relay.server.post(`/api/v1/threads/${id}/close`, {}),
    messages: async (id: string): Promise<Loose[]> =>
      (await relay.server.get(`/api/v1/threads/${id}/messages?limit=100`)).body.data,
    artifacts: async (id: string): Promise<Loose[]> => (await relay.server.get(`/api/v1/threads/${id}/artifacts`)).body.data,
    message: (id: string) =>
      house.admin
        .one<Loose>`select state, state_reason, attempts from messages where thread_id = ${id} and side = 'caller' order by sequence desc limit 1`,
  }
}

const typesOf = async (relay: Loose, id: string): Promise<string[]> =>
  (await relay.server.get(`/api/v1/threads/${id}/events?limit=200`)).body.data.map((one: Loose) => one.type)
const sends = (agent: UpstreamAgent) => agent.calls.filter(({ method }) => /^Send/.test(method))

test.each([true, false])(
  'R44 statuses, artifacts and chunks come back one to one (streaming %s), and no id of theirs is ever shown',
  async (streaming) => {
    const { agent, relay, house, start, messages, artifacts } = await given({
      streaming,
      execute: (_context, say) => {
        say.task('TASK_STATE_SUBMITTED')
        say.status('TASK_STATE_WORKING', 'thinking')
        say.artifact('report', ['a'], { append: false, lastChunk: false })
        say.artifact('report', ['b'], { append: true, lastChunk: false })
        say.artifact('report', ['c'], { append: true, lastChunk: true })
        say.status('TASK_STATE_COMPLETED', 'ready')
      },
    })
    const canary = randomBytes(12).toString('hex')
    const started = await start({ parts: [{ text: canary }], metadata: { order: 7 } })
    const id = started.body.thread_id
    await house.runJobs()
    await house.clock.advance('2s')
    await house.runJobs()
    expect(await relay.thread(id)).toMatchObject({ state: 'closed', outcome: 'completed' })
    const [sent] = sends(agent) as [Loose]
    expect(sent.params.message).toMatchObject({
      messageId: started.body.message_id,
      role: 'ROLE_USER',
      parts: [{ text: canary }],
      metadata: { order: 7, 'urn:countersign:a2a:relay:v1': { hops: 1 } },
    })
    expect(sent.headers['idempotency-key']).toBe(started.body.message_id)
    const claims = JSON.parse(
      Buffer.from(String(sent.headers['countersign-caller']).split('.')[1] as string, 'base64url').toString(),
    )
    expect(claims).toMatchObject({ aud: agent.origin, thread: id, message: started.body.message_id })
    expect(sent.params.message.contextId).not.toBe(started.body.context_id)

    const said = (await messages(id)).filter(({ side }) => side === 'owner')
    expect((await artifacts(id)).map(({ artifact_id, parts, is_complete }) => [artifact_id, parts, is_complete])).toEqual([
      ['report', [{ text: 'a' }, { text: 'b' }, { text: 'c' }], true],
    ])
    expect(said.at(-1)).toMatchObject({ outcome: 'completed', parts: [{ text: 'ready' }] })
    if (streaming) {
      expect(said.map(({ kind, append, last_chunk, parts }) => [kind, append, last_chunk, parts?.[0]?.text])).toEqual([
        ['progress', undefined, undefined, 'thinking'],
        ['artifact', false, false, 'a'],
        ['artifact', true, false, 'b'],
        ['artifact', true, true, 'c'],
        ['message', undefined, undefined, 'ready'],
      ])
    }
    const behind = await house.admin.one<Loose>`select upstream_task_id as id from upstream_tasks where thread_id = ${id}`
    const shown = JSON.stringify([await relay.thread(id), await messages(id), await typesOf(relay, id)])
    expect(shown).not.toContain(behind.id)
    expect(shown).not.toContain(String(agent.port))
  },
)

test('§12.33 a direct Message is the whole answer: the thread is closed, completed, and no task stands behind it', async () => {
  const { relay, house, start, messages } = await given({ execute: (_context, say) => say.message('just so') })
  const { thread_id: id } = (await start()).body
  await house.runJobs()
  expect(await relay.thread(id)).toMatchObject({ state: 'closed', outcome: 'completed' })
  expect((await messages(id)).at(-1)).toMatchObject({ side: 'owner', outcome: 'message', parts: [{ text: 'just so' }] })
  expect(await house.admin.rows`select 1 from upstream_tasks`).toHaveLength(0)
})

test('R44 T10 T12 it asks back, and the next message of the thread goes to the same task', async () => {
  const { agent, relay, house, start, send } = await given({
    execute: (context, say) => {
      say.task('TASK_STATE_WORKING', [...(context.task?.history ?? []), context.userMessage])
      if (context.task) say.status('TASK_STATE_COMPLETED', 'thanks')
      else say.status('TASK_STATE_INPUT_REQUIRED', 'which one?')
    },
  })
  const { thread_id: id } = (await start()).body
  await house.runJobs()
  expect(await relay.thread(id)).toMatchObject({ state: 'waiting_caller', turn: 'caller' })
  await send(id, { text: 'that one' })
  await house.runJobs()
  expect(await relay.thread(id)).toMatchObject({ state: 'closed', outcome: 'completed' })
  const [first, second] = sends(agent) as [Loose, Loose]
  expect(first.params.message.taskId ?? '').toBe('')
  const behind = await house.admin.one<Loose>`select upstream_task_id as id from upstream_tasks where thread_id = ${id}`
  expect(second.params.message).toMatchObject({ taskId: behind.id, contextId: first.params.message.contextId })
})

test('R45 §12.32 the connection is cut after the request was written: the task that ran is found by its message and adopted, and ran once', async () => {
  const { agent, relay, house, start, messages } = await given()
  const cut = { left: 1 }
  agent.instead = (method, response) => {
    if (!/^Send/.test(method) || cut.left-- <= 0) return false
    response.destroy()
    return true
  }
  const { thread_id: id, message_id } = (await start()).body
  await house.runJobs()
  expect(await relay.thread(id)).toMatchObject({ state: 'delivering' })
  await house.clock.advance('3s')
  await house.runJobs()
  expect(agent.calls.map(({ method }) => method)).toContain('ListTasks')
  expect(agent.ran).toEqual([message_id])
  expect(await relay.thread(id)).toMatchObject({ state: 'closed', outcome: 'completed' })
  expect((await messages(id)).at(-1)).toMatchObject({ parts: [{ text: 'done' }] })
})

test('R45 §12.32 with ListTasks disabled the message is exhausted with outcome_unknown, and nothing is sent again', async () => {
  const { agent, house, start, message } = await given()
  agent.before = (method, _request, response) => {
    if (method !== 'ListTasks') return false
    const error = { code: -32_601, message: 'Method not found' }
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id: null, error }))
    return true
  }
  agent.instead = (method, response) => {
    if (/^Send/.test(method)) response.destroy()
    return /^Send/.test(method)
  }
  const { thread_id: id, message_id } = (await start()).body
  await house.runJobs()
  await house.clock.advance('3s')
  await house.runJobs()
  expect(await message(id)).toMatchObject({ state: 'exhausted', state_reason: 'outcome_unknown' })
  await house.clock.advance('2h')
  await house.runJobs()
  expect(agent.ran).toEqual([message_id])
  expect(sends(agent)).toHaveLength(1)
})

test('R45 provably absent, it is sent again under the same message id and Idempotency-Key', async () => {
  const { agent, relay, house, start } = await given()
  const cut = { left: 1 }
  agent.before = (method, _request, response) => {
    if (!/^Send/.test(method) || cut.left-- <= 0) return false
    response.destroy()
    return true
  }
  const { thread_id: id, message_id } = (await start()).body
  for (const wait of ['0s', '3s', '6s', '6s']) {
    await house.clock.advance(wait)
    await house.runJobs()
  }
  expect(sends(agent)).toHaveLength(2)
  expect(new Set(sends(agent).map(({ headers }) => headers['idempotency-key']))).toEqual(new Set([message_id]))
  expect(agent.ran).toEqual([message_id])
  expect(await relay.thread(id)).toMatchObject({ state: 'closed' })
})

test('R45 an agent that answers without tasks proves nothing by having none: a person decides', async () => {
  const { agent, house, start, message } = await given({ execute: (_context, say) => say.message('yes') })
  await start()
  await house.runJobs()
  agent.instead = (method, response) => {
    if (/^Send/.test(method)) response.destroy()
    return /^Send/.test(method)
  }
  const { thread_id: id } = (await start()).body
  for (const wait of ['0s', '3s', '6s']) {
    await house.clock.advance(wait)
    await house.runJobs()
  }
  expect(await message(id)).toMatchObject({ state: 'exhausted', state_reason: 'outcome_unknown' })
  expect(agent.ran).toHaveLength(2)
})

test('R44 a broken stream is taken up again by SubscribeToTask, and nothing is told twice', async () => {
  let go: () => void = () => undefined
  const gate = new Promise<void>((resolve) => {
    go = resolve
  })
  const { agent, relay, house, start, messages, artifacts } = await given({
    execute: async (_context, say) => {
      say.task('TASK_STATE_WORKING')
      say.artifact('log', ['one'], { append: false, lastChunk: false })
      await gate
      say.artifact('log', ['two'], { append: true, lastChunk: true })
      say.status('TASK_STATE_COMPLETED', 'end')
    },
  })
  agent.before = (method, _request, response) => {
    // The first stream is cut once its beginning is through; whoever comes back to it finds the task at work.
    if (/^SendStreaming/.test(method)) setTimeout(() => response.destroy(), 300)
    if (method === 'SubscribeToTask') setTimeout(go, 50)
    return false
  }
  const { thread_id: id } = (await start()).body
  for (const wait of ['0s', '1s', '1s', '2s']) {
    await house.clock.advance(wait)
    await house.runJobs()
  }
  expect(agent.calls.map(({ method }) => method)).toContain('SubscribeToTask')
  expect(await relay.thread(id)).toMatchObject({ state: 'closed', outcome: 'completed' })
  expect((await artifacts(id)).map(({ parts }) => parts)).toEqual([[{ text: 'one' }, { text: 'two' }]])
  expect((await messages(id)).filter(({ outcome }) => outcome === 'completed')).toHaveLength(1)
  expect(agent.ran).toHaveLength(1)
})

test('T6 T13 an agent that is not there is tried again on the schedule; a thread that its caller ends is cancelled upstream', async () => {
  const { agent, relay, house, start, message, caller } = await given({
    streaming: false,
    execute: (_context, say) => say.task('TASK_STATE_WORKING'),
  })
  let left = 1
  agent.before = (_method, _request, response) => {
    if (left-- <= 0) return false
    response.writeHead(503).end()
    return true
  }
  const { thread_id: id, thread_access_token: token } = (await start({ text: 'hello', want_thread_token: true })).body
  await house.runJobs()
  expect(await message(id)).toMatchObject({ state: 'queued' })
  await house.clock.advance('6s')
  await house.runJobs()
  expect(await relay.thread(id)).toMatchObject({ state: 'waiting_owner' })
  expect((await relay.bearer(token).post(`/api/v1/threads/${id}/close`, {})).status).toBe(200)
  await house.runJobs()
  const behind = await house.admin.one<Loose>`select upstream_task_id as id, is_over from upstream_tasks where thread_id = ${id}`
  expect(behind.is_over).toBe(true)
  expect(agent.calls.at(-1)).toMatchObject({ method: 'CancelTask', params: { id: behind.id } })
  expect(caller).toBeDefined()
})

test('R44 what the agent refuses in the words of the protocol fails the thread, and none of its words are shown', async () => {
  const { agent, relay, house, start } = await given()
  const secret = randomBytes(12).toString('hex')
  agent.before = (_method, _request, response) => {
    const error = { code: -32_602, message: `no: ${secret}` }
    const id = agent.calls.at(-1)?.params && 1
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, error }))
    return true
  }
  const { thread_id: id } = (await start()).body
  await house.runJobs()
  expect(await relay.thread(id)).toMatchObject({ state: 'failed', reason: 'agent_error', error: { code: 'agent_error' } })
  expect(JSON.stringify(await relay.thread(id))).not.toContain(secret)
})

test('§10 R118 a door that is shut, a card that vanished or was signed by another key: the agent is paused, a person is asked, and starts are 503', async () => {
  const { agent, relay, house, card, start, message, put } = await given({ signed: true })
  agent.before = (_method, _request, response) => {
    response.writeHead(401).end()
    return true
  }
  const { thread_id: id } = (await start()).body
  await house.runJobs()
  expect(await message(id)).toMatchObject({ state: 'queued', state_reason: 'credential_refused' })
  expect(await relay.thread(id)).toMatchObject({ state: 'queued' })
  const tasks = (await house.alice.get('/api/v1/tasks')).body.data
  expect(tasks).toMatchObject([{ task: expect.stringMatching(/is paused/) }])
  const refused = await start()
  expect([refused.status, refused.body.code]).toEqual([503, 'agent_paused'])

  agent.before = null
  expect((await house.alice.post(`/api/v1/cards/${card.id}/resume`, {})).status).toBe(200)
  await house.clock.advance('2m')
  await house.runJobs()
  expect(await relay.thread(id)).toMatchObject({ state: 'closed' })

  agent.key = makeCardKey('ES256')
  await house.clock.advance('1h')
  const next = (await start()).body.thread_id
  await house.runJobs()
  expect((await house.alice.get(`/api/v1/cards/${card.id}`)).body).toMatchObject({ state: 'paused' })
  expect((await house.alice.get(`/api/v1/cards/${card.id}`)).body.paused_reason).toMatch(/another key/)
  expect((await put()).status).toBe(200)
  await house.alice.post(`/api/v1/cards/${card.id}/resume`, {})
  await house.clock.advance('2m')
  await house.runJobs()
  expect(await relay.thread(next)).toMatchObject({ state: 'closed' })
})

test('R47 a message that has come through five relays goes through no sixth', async () => {
  const { start } = await given()
  const through = (hops: number) => start({ text: 'round', metadata: { 'urn:countersign:a2a:relay:v1': { hops } } })
  expect((await through(5)).status).toBe(202)
  const sixth = await through(6)
  expect([sixth.status, sixth.body.code]).toEqual([508, 'loop_detected'])
})

test('R117 a card at a private address is refused as it is saved, and one that is no card says so', async () => {
  const { agent, house, card } = await given()
  const put = (card_url: string) => house.alice.put(`/api/v1/cards/${card.id}/delivery`, { mode: 'a2a', upstream: { card_url } })
  const inside = await put('https://10.1.2.3/card.json')
  expect([inside.status, inside.body.code]).toEqual([422, 'url_not_allowed'])
  const none = await put(`${agent.origin}/jwks.json`)
  expect([none.status, none.body.errors[0].code]).toEqual([422, 'no_interface'])
})
