// What an agent elsewhere answers and is no A2A (relay.md §10): it is looked for or sent again, and not a byte of it is anybody's to read.
import { randomBytes } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import { leastCard } from '../../cards/testing/cards.ts'
import { type Loose, openRelay } from '../../testing/relay.ts'
import { openUpstreamAgent } from '../testing/upstream-agent.ts'

const json = (body: string) => ({ type: 'application/json', body })
const frames = (...bodies: string[]) => ({ type: 'text/event-stream', body: bodies.map((one) => `data: ${one}\n\n`).join('') })
const rpc = (result: unknown) => JSON.stringify({ jsonrpc: '2.0', id: 1, result })
const MB_10 = 10 * 1_048_576

/** By what is wrong with it; each holds the canary. */
const GARBAGE: Record<string, (canary: string) => { type: string; body: string }> = {
  'no JSON': (canary) => json(`<html>${canary}</html>`),
  'cut JSON': (canary) => json(`{"jsonrpc":"2.0","id":1,"result":{"task":{"id":"${canary}"`),
  '10 MB': (canary) =>
    json(rpc({ message: { messageId: canary, role: 'ROLE_AGENT', parts: [{ text: canary.repeat(MB_10 / canary.length) }] } })),
  'no result': (canary) => json(JSON.stringify({ jsonrpc: '2.0', id: 1, [canary]: canary })),
  'another thing': (canary) => json(rpc({ order: canary })),
  'a list': (canary) => json(JSON.stringify([canary])),
  'a task without id and state': (canary) => json(rpc({ task: { metadata: { canary } } })),
  'a task of numbers': (canary) =>
    json(rpc({ task: { id: { canary }, contextId: [canary], status: canary, artifacts: canary } })),
  'a message without parts': (canary) => json(rpc({ message: { messageId: canary, parts: canary } })),
  'a message of empty parts': (canary) =>
    json(rpc({ message: { messageId: canary, role: 'ROLE_AGENT', parts: [{ [canary]: canary }] } })),
  'frames of no JSON': (canary) => frames(canary, `{${canary}`),
  'frames of another thing': (canary) => frames(rpc({ order: canary }), rpc([canary])),
  'a frame of 10 MB': (canary) =>
    frames(rpc({ message: { messageId: canary, role: 'ROLE_AGENT', parts: [{ text: canary.repeat(MB_10 / canary.length) }] } })),
  'a state that is none': (canary) =>
    frames(rpc({ statusUpdate: { taskId: canary, contextId: canary, status: { state: canary } } })),
}

const send = (response: ServerResponse, { type, body }: { type: string; body: string }): true => {
  response.on('error', () => undefined)
  response.writeHead(200, { 'Content-Type': type }).end(body)
  return true
}

async function given(streaming: boolean) {
  const agent = await openUpstreamAgent({ streaming })
  const relay = await openRelay({ settings: { EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${agent.port}` } })
  const { house } = relay
  const made = await house.alice.post('/api/v1/cards', { ...leastCard('ada-a2a'), agent_id: relay.server.id })
  const card = { id: made.body.id as string, slug: made.body.slug as string }
  const set = await house.alice.put(`/api/v1/cards/${card.id}/delivery`, { mode: 'a2a', upstream: { card_url: agent.cardUrl } })
  expect(set.status).toBe(200)
  const grant = await relay.makeGrant({ card })
  /** All that is kept or was said of it, to either side, on the record and in the log. */
  const everything = async (id: string, token: string): Promise<string> => {
    const caller = relay.bearer(token)
    const read = (path: string) => Promise.all([relay.server.get(path), caller.get(path)])
    const task = await fetch(`${house.url}/agents/${card.slug}/a2a/rest/tasks/${id}`, {
      headers: { Authorization: `Bearer ${grant.token}`, 'A2A-Version': '1.0' },
    })
    const rows = await house.admin.rows`select to_jsonb(e) as row from events e
      union all select to_jsonb(t) from threads t union all select to_jsonb(m) from messages m`
    const path = `/api/v1/threads/${id}`
    return JSON.stringify([
      ...(await Promise.all([read(path), read(`${path}/messages`), read(`${path}/events?limit=200`), read(`${path}/artifacts`)])),
      ...[await task.text(), rows, house.logs],
    ])
  }
  return { agent, relay, house, card, grant, everything }
}

/** Where it was the last word, and nothing of it could be read. */
const FINAL = ['a message without parts', 'a message of empty parts', '10 MB']
/** Read as one that the agent then does not know. */
const NAMED = ['a task of numbers', 'a state that is none']

const CASES = Object.entries(GARBAGE).flatMap(([kind, made]) =>
  [true, false]
    .filter((streaming) => streaming || made('x').type === 'application/json')
    .map((streaming) => ({ kind, made, streaming })),
)
test.each(CASES)(
  '§10 R123 of an answer that is no A2A nobody reads a byte, and the message is looked for and sent again, or fails: $kind (streaming $streaming)',
  async ({ kind, made, streaming }) => {
    const { agent, relay, house, card, grant, everything } = await given(streaming)
    const canary = randomBytes(12).toString('hex')
    agent.before = (method, _request, response) => /^Send/.test(method) && send(response, made(canary))
    const { thread_id: id, thread_access_token } = (
      await relay.start({ text: 'hello', want_thread_token: true }, { card, token: grant.token })
    ).body
    await house.runJobs()
    await house.clock.advance('3s')
    await house.runJobs()
    const told = await house.admin.rows<{ class: string }>`
      select body::json -> 'data' ->> 'class' as class from events where type = 'delivery.failed' and tenant_id = ${house.tenantId}::uuid`
    // A stream that holds one JSON body has no frame in it.
    const isRead = streaming === (made('x').type === 'text/event-stream')
    if (!isRead || !NAMED.includes(kind)) expect(told.map((one) => one.class)).toContain('answer_invalid')
    // All that a stop of the agent would leave to its caller.
    expect(await everything(id, thread_access_token)).not.toContain(canary)
    agent.before = null
    for (const wait of ['6s', '6s', '6s']) {
      await house.clock.advance(wait)
      await house.runJobs()
    }
    expect(await everything(id, thread_access_token)).not.toContain(canary)
    const { state, outcome, reason } = await relay.thread(id)
    const isFinal = isRead && [...NAMED, ...FINAL].includes(kind)
    if (isFinal) expect([state, reason, agent.ran.length]).toEqual(['failed', 'agent_error', 0])
    else expect([state, outcome, agent.ran.length]).toEqual(['closed', 'completed', 1])
  },
)

test('§10 an agent that answers with nothing else is asked on the schedule of deliveries, and not once more after its end', async () => {
  const { agent, relay, house, card, grant } = await given(false)
  agent.before = (method, _request, response) => /^Send/.test(method) && send(response, json('<html>'))
  const { thread_id: id } = (await relay.start({ text: 'hello' }, { card, token: grant.token })).body
  const sends = () => agent.calls.filter(({ method }) => method === 'SendMessage').length
  for (const wait of ['0s', '3s', '6s', '6s']) {
    await house.clock.advance(wait)
    await house.runJobs()
  }
  expect(sends()).toBe(2)
  for (const wait of ['3s', '6s', '60s']) {
    await house.clock.advance(wait)
    await house.runJobs()
  }
  // The next one is five minutes away.
  expect(sends()).toBe(2)
  for (let i = 0; i < 40; i++) {
    await house.clock.advance(i % 3 === 2 ? '25h' : '10s')
    await house.runJobs()
  }
  expect(sends()).toBe(10)
  const [message] = await house.admin.rows<Loose>`select state, state_reason from messages where thread_id = ${id}`
  expect(message).toEqual({ state: 'exhausted', state_reason: 'attempts_exhausted' })
})
