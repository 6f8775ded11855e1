// Failures of relay.md §10 in their short form: the store away, an answer that comes too late, an owner that is down for hours, people who leave while they are asked, clocks that are
// apart, a retention job that is behind. kill -9 of everything is test/faults/relay.test.ts.
import { expect, test } from 'vitest'
import { openMonitor } from '../status/monitor.ts'
import { openLog } from '../std/log.ts'
import { openReceiver } from '../webhooks/testing/receiver.ts'
import { BINDINGS, message, raw, rawResponse, readFrames } from './a2a/testing/agent.ts'
import { leastCard } from './cards/testing/cards.ts'
import { relayProbe } from './status/probe.ts'
import { type Card, type Loose, openRelay, type RelayTest } from './testing/relay.ts'

const now = { configuration: { returnImmediately: true } }
const agentOf = ({ house, card, grant }: RelayTest) => ({ house, slug: card.slug, grant })

/** What came over a native stream, as it comes. */
function follow(response: Response) {
  const log = { text: '', over: false }
  void (async () => {
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) log.text += new TextDecoder().decode(chunk)
    log.over = true
  })().catch(() => {
    log.over = true
  })
  return log
}

test('§10 R98 the store is away: writes are 503 with Retry-After on both faces, streams stay open with comments for a minute and close; nothing is half written', {
  timeout: 60_000,
}, async () => {
  const relay = await openRelay({ cable: true })
  const { house } = relay
  const { thread_id: id } = (await relay.start()).body
  const events = `/api/v1/threads/${id}/events`
  const headers = { accept: 'text/event-stream' }
  const native = follow(await relay.bearer(relay.server.key).raw(events, { headers }))
  const frames = await Promise.all(
    BINDINGS.map(async (binding) =>
      readFrames(await rawResponse(agentOf(relay), binding, { method: 'SubscribeToTask', params: { id } }), binding),
    ),
  )
  await expect
    .poll(() => [native.text.includes('message.accepted'), ...frames.map((log) => log.frames.length)])
    .toEqual([true, 1, 1])

  await house.cable?.pull()
  const refused = [await relay.start({ text: 'nobody' }), await relay.respond(id, { text: 'nobody' })]
  for (const { status, body } of refused) expect([status, body.code]).toEqual([503, 'store_unavailable'])
  for (const binding of BINDINGS) {
    const send = await raw(agentOf(relay), binding, { method: 'SendMessage', params: { message: message(), ...now } })
    expect([binding, send.status, Number(send.headers.get('retry-after')) > 0]).toEqual([binding, 503, true])
  }
  // A sweep has noticed by now, or does within a second.
  await expect
    .poll(() => house.logs.some((line) => line.includes('the versions of waited threads')), { timeout: 5_000 })
    .toBe(true)
  const written = native.text.length
  await house.clock.advance('50s')
  await expect.poll(() => native.text.slice(written)).toMatch(/^(:\n\n)+$/)
  expect([native.over, house.logs.some((line) => line.includes('"unhandled"'))]).toEqual([false, false])
  await house.clock.advance('11s')
  await expect.poll(() => native.over, { timeout: 5_000 }).toBe(true)
  await Promise.all(frames.map((log) => log.ended))

  await house.cable?.plug()
  expect((await relay.respond(id, { text: 'here again' })).status).toBe(200)
  const again = follow(await relay.bearer(relay.server.key).raw(events, { headers: { ...headers, 'last-event-id': '2' } }))
  await expect.poll(() => again.text).toContain('thread.responded')
  const ids = [...again.text.matchAll(/^id: (\d+)$/gm)].map(([, n]) => Number(n))
  expect(ids).toEqual(ids.map((_, n) => n + 3))
  expect(await house.admin.rows`select id from threads`).toEqual([{ id }])
  expect((await house.admin.one<Loose>`select count(*)::integer as n from messages where side = 'caller'`).n).toBe(1)
})

async function pushing(own: object = {}) {
  const there = await openReceiver()
  const relay = await openRelay({ settings: { EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${there.port}` } })
  const { house } = relay
  const made = await house.alice.post('/api/v1/cards', { ...leastCard('ada-push'), agent_id: relay.server.id })
  const card: Card = { id: made.body.id, slug: made.body.slug }
  const delivery = { mode: 'push', url: `${there.origin}/agent`, generate_secret: true, ...own }
  expect((await house.alice.put(`/api/v1/cards/${card.id}/delivery`, delivery)).status).toBe(200)
  const { token } = await relay.makeGrant({ card })
  return { there, relay, house, card, token, start: (text: string) => relay.start({ text }, { card, token }) }
}

test('§10 R67 an answer that comes after the time is up counts as none: it is sent again with the same id and key, and what came late changes nothing', {
  timeout: 60_000,
}, async () => {
  const { there, relay, house, start } = await pushing()
  await house.admin.run`update endpoints set timeout_seconds = 1`
  there.answers = ['hang']
  there.otherwise = {
    status: 200,
    headers: { 'Content-Type': 'application/json' },
    body: '{"outcome":"completed","text":"once"}',
  }
  const { thread_id: id } = (await start('slow?')).body
  await house.runJobs()
  const failed = (await relay.server.get(`/api/v1/threads/${id}/events?limit=100`)).body.data.filter(
    ({ type }: Loose) => type === 'delivery.failed',
  )
  expect(failed).toMatchObject([{ data: { class: 'timeout' } }])
  expect(await relay.thread(id)).toMatchObject({ state: 'queued' })
  there.release()
  await house.clock.advance('10s')
  await house.runJobs()
  expect(there.got).toHaveLength(2)
  for (const name of ['webhook-id', 'countersign-delivery', 'idempotency-key'])
    expect([name, there.got[1]?.headers[name]]).toEqual([name, there.got[0]?.headers[name]])
  expect(await relay.thread(id)).toMatchObject({ state: 'closed', outcome: 'completed' })
  const said = (await relay.server.get(`/api/v1/threads/${id}/messages`)).body.data
  expect(said.filter(({ side, kind }: Loose) => side === 'owner' && kind === 'message')).toHaveLength(1)
})

test('§10 R67 R68 an owner that is down for hours: what waits stands in the hosted inbox with its attempts, the status says so, and it arrives in order', {
  timeout: 60_000,
}, async () => {
  const { there, relay, house, card, token, start } = await pushing()
  there.otherwise = 503
  const { thread_id: id } = (await start('one')).body
  await relay.bearer(token).post(`/api/v1/threads/${id}/messages`, { text: 'two' })
  for (const more of ['three', 'four']) await start(more)
  for (const wait of ['0s', '10s', '6m', '35m', '140m', '3h']) {
    await house.clock.advance(wait)
    await house.runJobs()
  }
  const inbox = (await relay.server.get(`/api/v1/agents/${card.slug}/inbox`)).body.data as Loose[]
  expect(inbox).toHaveLength(4)
  expect(inbox.filter((one) => one.thread_id === id || one.thread?.id === id).length).toBe(2)
  expect(inbox.filter(({ attempts }) => attempts >= 5)).toHaveLength(3)
  const measure = async () => {
    const monitor = openMonitor({ db: house.db, log: openLog({ level: 'silent' }), probes: [relayProbe] })
    await monitor.measure()
    await monitor.close()
    await house.clock.advance('2s')
    return (await house.alice.get('/status.json')).body.relay
  }
  const full = await measure()
  expect(full.queue_depth).toBe(4)
  expect(full.oldest_queued_seconds).toBeGreaterThan(5 * 3600)
  there.got.length = 0
  there.otherwise = 202
  for (const wait of ['6h', '1m', '1m']) {
    await house.clock.advance(wait)
    await house.runJobs()
  }
  const texts = there.got.map(({ body }) => JSON.parse(body).data.message.parts[0].text)
  expect([...texts].sort()).toEqual(['four', 'one', 'three', 'two'])
  expect(texts.indexOf('one')).toBeLessThan(texts.indexOf('two'))
  expect((await measure()).queue_depth).toBe(0)
})

test('§10 R78 R80 whoever agreed and then left, or lost the role for it, counts no more: it takes as many people as before', async () => {
  const relay = await openRelay()
  const { house } = relay
  const text = `@id("two") @ask("May {agent} write to us?") @quorum("2") permit (principal is Agent, action in [Action::"thread.start", Action::"thread.send"], resource);
@id("people") permit (principal is User, action, resource);`
  const saved = await house.bob.post('/api/v1/policies', { text })
  await house.bob.post(`/api/v1/policies/${saved.body.version}/activate`, {})
  const carol = await house.given.user({ role: 'owner' })
  const { body } = await relay.start({ text: 'hello' })
  const vote = (by: Loose) => by.post(`/api/v1/tasks/${body.approval.task_id}/decide`, { type: 'accept', seen_revision: 1 })
  const dave = await house.given.user({ role: 'owner' })
  const votes = async () => (await house.alice.get(`/api/v1/tasks/${body.approval.task_id}`)).body.votes
  expect((await vote(house.bob)).status).toBe(200)
  expect((await house.alice.patch(`/api/v1/users/${house.bob.id}`, { state: 'deactivated' })).status).toBe(200)
  await house.runJobs()
  expect(await votes()).toBe(0)
  expect((await vote(carol)).status).toBe(200)
  expect(await relay.thread(body.thread_id)).toMatchObject({ state: 'awaiting_approval' })
  expect((await house.alice.put(`/api/v1/users/${carol.id}/role`, { role: 'viewer' })).status).toBe(200)
  // Nobody has looked again yet: the next vote is counted with those of whoever is there.
  expect((await vote(house.alice)).status).toBe(200)
  expect([await votes(), (await relay.thread(body.thread_id)).state]).toEqual([1, 'awaiting_approval'])
  expect(await house.admin.rows`select state from messages`).toEqual([{ state: 'held' }])
  expect((await vote(dave)).status).toBe(200)
  expect((await relay.thread(body.thread_id)).state).toBe('queued')
})

test('§10 clocks an hour apart: lives of tokens, leases and threads are those of the store, whatever a process believes', {
  timeout: 60_000,
}, async () => {
  const relay = await openRelay()
  const { house, server, card } = relay
  const hour = 3_600_000
  const [ahead, behind] = [await house.second({ aheadMs: hour }), await house.second({ aheadMs: -hour })]
  const own = (await relay.start({ text: 'hello', want_thread_token: true })).body
  const at = (url: string) => (path: string) =>
    fetch(`${url}${path}`, { headers: { authorization: `Bearer ${own.thread_access_token}` } }).then(({ status }) => status)
  await house.clock.advance('59m')
  for (const { url } of [ahead, behind]) expect(await at(url)(`/api/v1/threads/${own.thread_id}`)).toBe(200)
  const [taken] = (await server.at(ahead.url).post(`/api/v1/agents/${card.slug}/inbox/claim`, { lease_seconds: 60 })).body.data
  // Nobody else has it while the lease lasts, and it is over for all at the same moment.
  expect((await server.at(behind.url).post(`/api/v1/agents/${card.slug}/inbox/claim`, {})).body.data).toEqual([])
  await house.clock.advance('61s')
  for (const { url } of [ahead, behind]) expect(await at(url)(`/api/v1/threads/${own.thread_id}`)).toBe(401)
  const settle = [{ claim_token: taken.claim_token, action: 'ack' }]
  const late = await server.at(behind.url).post(`/api/v1/agents/${card.slug}/inbox/settle`, settle)
  expect(late.body.data[0].status).toBe('lease_stale')
  expect((await server.at(behind.url).post(`/api/v1/agents/${card.slug}/inbox/claim`, {})).body.data).toHaveLength(1)
  const { token } = await relay.makeGrant({ agent: null, expires: new Date((await house.clock.now()).getTime() + hour / 2) })
  const start = async (url: string) =>
    (
      await fetch(`${url}/api/v1/agents/${card.slug}/threads`, {
        method: 'POST',
        body: '{"text":"x"}',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      })
    ).status
  expect([await start(ahead.url), await start(behind.url)]).toEqual([202, 202])
  await house.clock.advance('31m')
  expect([await start(ahead.url), await start(behind.url)]).toEqual([401, 401])
})

test('§10 R108 R111 a retention job that is behind: reads refuse at the time itself, and the status page says that it is late', async () => {
  const relay = await openRelay()
  const { house, server } = relay
  const { thread_id: id, message_id } = (await relay.start({ text: 'what is kept' })).body
  await relay.respond(id, { text: 'answer', outcome: 'completed' })
  const board = async () => {
    // A reading is kept for each minute.
    await house.clock.advance('61s')
    const monitor = openMonitor({ db: house.db, log: openLog({ level: 'silent' }), probes: [relayProbe] })
    await monitor.measure()
    await monitor.close()
    await house.clock.advance('2s')
    return (await house.nobody.get('/status.json')).body.relay.inbox
  }
  expect(await board()).toBe('ok')
  await house.clock.advance('32d')
  expect((await server.get(`/api/v1/threads/${id}/messages/${message_id}`)).body.code).toBe('payload_expired')
  expect(await board()).toBe('down')
  await house.server.queue.enqueueMany([{ kind: 'relay.retain' }])
  await house.runJobs()
  expect(await board()).toBe('ok')
})
