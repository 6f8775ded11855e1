// What a process accepts it also brings to the owner's agent, without the queue (relay.md R43), and what becomes of it where there is no such process, or it dies.
import { expect, test } from 'vitest'
import { clientOf } from '#harness'
import { openReceiver } from '../../webhooks/testing/receiver.ts'
import { leastCard } from '../cards/testing/cards.ts'
import { type Card, type Loose, openRelay } from '../testing/relay.ts'
import { openUpstreamAgent } from './testing/upstream-agent.ts'

const WORKS = { ROLES: 'web,worker,callbacks' }

async function given(port: number, delivery: object, settings: Record<string, string> = {}) {
  const relay = await openRelay({ settings: { EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${port}`, ...settings } })
  const { house } = relay
  const made = await house.alice.post('/api/v1/cards', { ...leastCard('ada-fast'), agent_id: relay.server.id })
  const card: Card = { id: made.body.id, slug: made.body.slug }
  expect((await house.alice.put(`/api/v1/cards/${card.id}/delivery`, delivery)).status).toBe(200)
  const { token } = await relay.makeGrant({ card })
  const startAt = (url: string, body: object = { text: 'hello' }) =>
    clientOf(url, { bearer: token }).post(`/api/v1/agents/${card.slug}/threads`, body)
  const jobs = (kind: string): Promise<Loose[]> =>
    house.admin.rows<Loose>`select state, attempt from countersign_queue.jobs where kind = ${kind}`
  const send = (id: string, body: object) => relay.bearer(token).post(`/api/v1/threads/${id}/messages`, body)
  return { relay, house, startAt, jobs, send, start: (body?: object) => startAt(house.url, body) }
}

const pushTo = (origin: string) => ({ mode: 'push', url: `${origin}/agent`, generate_secret: true })

test('R43 what a process accepts it brings to the agent by itself; the job comes later and finds nothing to do', async () => {
  const there = await openReceiver()
  const { relay, house, start, jobs } = await given(there.port, pushTo(there.origin), WORKS)
  const started = await start()
  expect(started.status).toBe(202)
  await expect.poll(async () => (await relay.thread(started.body.thread_id)).state).toBe('waiting_owner')
  expect(there.got).toHaveLength(1)
  expect(await jobs('webhook.offered')).toMatchObject([{ state: 'scheduled', attempt: 0 }])
  await house.clock.advance('10s')
  await expect.poll(async () => (await jobs('webhook.offered')).filter(({ state }) => state !== 'completed')).toEqual([])
  expect(await jobs('webhook.deliver')).toEqual([])
  expect(there.got).toHaveLength(1)
})

test('R43 messages of one thread arrive in their order, each once, where the process brings them by itself', async () => {
  const there = await openReceiver()
  const { house, start, send } = await given(there.port, pushTo(there.origin), WORKS)
  const { thread_id: id } = (await start({ text: '0' })).body
  for (let n = 1; n < 8; n++) expect((await send(id, { text: String(n) })).status).toBe(202)
  await expect.poll(() => there.got.length, { timeout: 20_000 }).toBe(8)
  await house.clock.advance('10s')
  expect(there.got.map(({ body }) => JSON.parse(body).data.message.parts[0].text)).toEqual([...'01234567'])
})

test('R43 without such a process the queue brings it', async () => {
  const there = await openReceiver()
  const { house, start, jobs } = await given(there.port, pushTo(there.origin))
  await start()
  expect(await jobs('webhook.deliver')).toMatchObject([{ state: 'ready', attempt: 0 }])
  await house.runJobs()
  expect(there.got).toHaveLength(1)
})

test('R43 a process that dies with a message in its hands: its claim ends, and the queue brings it under the same key', async () => {
  const there = await openReceiver()
  const { relay, house, startAt } = await given(there.port, pushTo(there.origin))
  const second = await house.second({ settings: WORKS })
  there.otherwise = 'hang'
  const started = await startAt(second.url)
  await expect.poll(() => there.got.length).toBe(1)
  await second.close()
  there.otherwise = 202
  await house.clock.advance('10s')
  await house.runJobs()
  expect(there.got).toHaveLength(1)
  await house.clock.advance('1m')
  await house.runJobs()
  expect(there.got).toHaveLength(2)
  const keys = there.got.map(({ headers }) => [
    headers['idempotency-key'],
    headers['webhook-id'],
    headers['countersign-delivery'],
  ])
  expect(keys[1]).toEqual(keys[0])
  expect(await relay.thread(started.body.thread_id)).toMatchObject({ state: 'waiting_owner' })
  const attempts = await house.admin.rows<Loose>`select n, class from delivery_attempts order by n`
  expect(attempts).toEqual([
    { n: 1, class: 'lost' },
    { n: 2, class: null },
  ])
})

test('R43 an agent that answers elsewhere is called by the process that accepted the message, once', async () => {
  const agent = await openUpstreamAgent({ streaming: false })
  agent.execute = (_context, say) => say.message('here')
  const upstream = { mode: 'a2a', upstream: { card_url: agent.cardUrl } }
  const { relay, house, start, jobs } = await given(agent.port, upstream, WORKS)
  const { thread_id: id } = (await start()).body
  await expect.poll(async () => (await relay.thread(id)).state).toBe('closed')
  expect(await jobs('relay.call')).toMatchObject([{ state: 'scheduled', attempt: 0 }])
  await house.clock.advance('10s')
  await expect.poll(async () => (await jobs('relay.call')).map(({ state }) => state)).toEqual(['completed'])
  expect(agent.ran).toHaveLength(1)
})

test('R43 R45 the job leaves a message alone while its process has it, and looks before it sends again where that has died', async () => {
  const agent = await openUpstreamAgent({ streaming: false })
  const upstream = { mode: 'a2a', upstream: { card_url: agent.cardUrl } }
  const { relay, house, startAt } = await given(agent.port, upstream)
  const second = await house.second({ settings: WORKS })
  let isHeld = true
  agent.instead = (method) => isHeld && method === 'SendMessage'
  const { thread_id: id } = (await startAt(second.url)).body
  await expect.poll(() => agent.ran.length).toBe(1)
  await house.clock.advance('8s')
  await house.runJobs()
  expect(agent.calls.filter(({ method }) => method !== 'SendMessage')).toEqual([])
  await second.close()
  isHeld = false
  await house.clock.advance('1m')
  await house.runJobs()
  expect(await relay.thread(id)).toMatchObject({ state: 'closed' })
  expect(agent.ran).toHaveLength(1)
  expect(agent.calls.some(({ method }) => method === 'ListTasks')).toBe(true)
})
