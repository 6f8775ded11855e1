// An owner's agent as an HTTP server on this machine: what it is sent, what its answers do, and what becomes of a message when it is not there (relay.md R40, R42, R60, §10).
import { randomBytes } from 'node:crypto'
import { verifyWebhook } from '@countersign/sdk'
import { expect, test } from 'vitest'
import { openReceiver, type Receiver } from '../../webhooks/testing/receiver.ts'
import { leastCard } from '../cards/testing/cards.ts'
import { type Card, type Loose, openRelay } from '../testing/relay.ts'

const json = (value: unknown, status = 200) => ({
  status,
  headers: { 'Content-Type': 'application/json' },
  body: typeof value === 'string' ? value : JSON.stringify(value),
})

/** A card of mode push whose agent is this receiver, and a caller with a relay grant to it. */
async function given(own: Record<string, unknown> = {}) {
  const there = await openReceiver()
  const settings = { EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${there.port}` }
  const relay = await openRelay({ settings })
  const { house } = relay
  const made = await house.alice.post('/api/v1/cards', { ...leastCard('ada-push'), agent_id: relay.server.id })
  expect([made.status, made.body]).toMatchObject([201, {}])
  const card: Card = { id: made.body.id, slug: made.body.slug }
  const put = await house.alice.put(`/api/v1/cards/${card.id}/delivery`, {
    ...{ mode: 'push', url: `${there.origin}/agent`, generate_secret: true },
    ...own,
  })
  expect([put.status, put.body]).toMatchObject([200, { delivery: { mode: 'push' }, endpoint: { mode: 'foragent' } }])
  const grant = await relay.makeGrant({ card })
  return {
    ...{ there, relay, house, card, secret: put.body.secret as string },
    start: (body: Record<string, unknown> = { text: 'hello' }) => relay.start(body, { card, token: grant.token }),
    send: (id: string, body: Record<string, unknown>) => relay.bearer(grant.token).post(`/api/v1/threads/${id}/messages`, body),
  }
}

const eventsOf = async (relay: Loose, id: string): Promise<Loose[]> =>
  (await relay.server.get(`/api/v1/threads/${id}/events?limit=200`)).body.data
const typesOf = async (relay: Loose, id: string) => (await eventsOf(relay, id)).map(({ type }) => type)
const bodies = (there: Receiver): Loose[] => there.got.map(({ body }) => JSON.parse(body))

test('R42 R46 a message is posted signed, once, and what is answered is the owner’s response', async () => {
  const { there, relay, house, card, secret, start } = await given()
  const canary = randomBytes(12).toString('hex')
  there.otherwise = json({ outcome: 'completed', text: `re: ${canary}` })
  const started = await start({ text: canary })
  expect(started.status).toBe(202)
  await house.runJobs()
  const id = started.body.thread_id
  expect(there.got).toHaveLength(1)
  const [got] = there.got as [Receiver['got'][number]]
  expect(got.headers['idempotency-key']).toBe(started.body.message_id)
  await verifyWebhook({
    headers: got.headers as Record<string, string>,
    body: got.body,
    secrets: secret,
    now: () => house.clock.now(),
  })
  expect(JSON.parse(got.body)).toMatchObject({
    type: 'message.accepted',
    data: {
      agent: card.slug,
      thread: { id, state: 'queued', caller: { agent_id: relay.caller.id } },
      message: { id: started.body.message_id, parts: [{ text: canary }], payload_hash: started.body.payload_hash },
    },
  })
  const claims = JSON.parse(
    Buffer.from(String(got.headers['countersign-caller']).split('.')[1] as string, 'base64url').toString(),
  )
  expect(claims).toMatchObject({
    aud: there.origin,
    sub: relay.caller.id,
    thread: id,
    message: started.body.message_id,
    payload_hash: started.body.payload_hash,
  })
  expect(await relay.thread(id)).toMatchObject({ state: 'closed', outcome: 'completed' })
  expect(await typesOf(relay, id)).toEqual([
    ...[
      'thread.accepted',
      'message.accepted',
      'thread.delivering',
      'message.delivered',
      'thread.waiting_owner',
      'artifact.completed',
    ],
    ...['message.accepted', 'thread.closed'],
  ])
})

test('R60 the agent is told how long its caller still waits; one attempt is made meanwhile, and the next comes by the schedule', async () => {
  const { there, house, start } = await given()
  there.answers = [503]
  there.otherwise = json({ outcome: 'reply', text: 'at last' })
  const waiting = start({ text: 'soon?', sync: { wait_ms: 4_000 } })
  await expect.poll(() => house.jobKinds()).toContain('webhook.deliver')
  await house.runJobs()
  expect(there.got).toHaveLength(1)
  const said = Number(there.got[0]?.headers['countersign-wait-ms'])
  expect(said).toBeGreaterThan(0)
  expect(said).toBeLessThanOrEqual(4_000)
  await house.clock.advance('6s')
  expect((await waiting).status).toBe(202)
  await house.runJobs()
  expect(there.got).toHaveLength(2)
  expect(there.got[1]?.headers['countersign-wait-ms']).toBeUndefined()
})

test('R42 202 is taken: the thread waits for the owner, and the reply token of that attempt answers', async () => {
  const { there, relay, house, start } = await given()
  there.otherwise = 202
  const { thread_id: id } = (await start()).body
  await house.runJobs()
  expect(await relay.thread(id)).toMatchObject({ state: 'waiting_owner', turn: 'owner' })
  const token = String(there.got[0]?.headers['countersign-reply-token'])
  const answered = await relay.bearer(token).post(`/api/v1/threads/${id}/responses`, { text: 'later' })
  expect([answered.status, answered.body.state]).toEqual([200, 'responded'])
})

test('R42 the messages of a thread arrive one after the other, the second once the first was taken', async () => {
  const { there, relay, house, start, send } = await given()
  there.answers = [503, 202, 202]
  const { thread_id: id } = (await start({ text: 'one' })).body
  await send(id, { text: 'two' })
  await house.runJobs()
  expect(bodies(there).map(({ data }) => data.message.parts[0].text)).toEqual(['one'])
  const states = async () =>
    (await relay.house.admin.rows<{ state: string }>`select state from messages where thread_id = ${id} order by sequence`).map(
      (row) => row.state,
    )
  expect(await states()).toEqual(['queued', 'queued'])
  expect((await eventsOf(relay, id)).filter(({ type }) => type === 'delivery.failed')).toMatchObject([
    { data: { class: 'status', status: 503, attempt: 1 } },
  ])
  await house.clock.advance('10s')
  await house.runJobs()
  expect(bodies(there).map(({ data }) => data.message.parts[0].text)).toEqual(['one', 'one', 'two'])
  expect(await states()).toEqual(['delivered', 'delivered'])
  expect(new Set(there.got.slice(0, 2).map(({ headers }) => headers['webhook-id'])).size).toBe(1)
})

test('§10 an answer that is none is told with its class and asked for again; a last word that nobody can read ends the thread', async () => {
  const { there, relay, house, start } = await given()
  there.answers = [json('{"outcome": '), json({ received: true }), json('"ok"'), json({ outcome: 'reply', text: 'at last' })]
  const { thread_id: id } = (await start()).body
  for (const wait of ['0s', '10s', '6m', '40m']) {
    await house.clock.advance(wait)
    await house.runJobs()
  }
  expect((await eventsOf(relay, id)).filter(({ type }) => type === 'delivery.failed').map(({ data }) => data.class)).toEqual([
    'answer_invalid',
    'answer_invalid',
    'answer_invalid',
  ])
  expect(await relay.thread(id)).toMatchObject({ state: 'responded' })

  there.answers = [json({ outcome: 'completed', parts: [{ text: 'a', url: 'b' }] })]
  const other = (await start()).body.thread_id
  await house.runJobs()
  expect(await relay.thread(other)).toMatchObject({ state: 'failed', reason: 'agent_error', error: { code: 'agent_error' } })
  expect(there.got).toHaveLength(5)
})

test('§10 an answer of ten megabytes is a failure, and nothing of it is kept', async () => {
  const { there, relay, house, start } = await given()
  there.answers = [json({ outcome: 'completed', text: 'x'.repeat(10_000_000) }), 202]
  const { thread_id: id } = (await start()).body
  await house.runJobs()
  expect((await eventsOf(relay, id)).filter(({ type }) => type === 'delivery.failed')).toMatchObject([
    { data: { class: 'too_large' } },
  ])
  await house.clock.advance('10s')
  await house.runJobs()
  expect(await relay.thread(id)).toMatchObject({ state: 'waiting_owner' })
})

test.each(['queue', 'fail'] as const)(
  'T7 after the schedule the message is exhausted and waits for a person; with on_exhausted %s the thread goes that way',
  async (on_exhausted) => {
    const { there, house, start } = await given({ on_exhausted })
    there.otherwise = 500
    const { thread_id: id } = (await start()).body
    for (const wait of ['0s', '6s', '6m', '35m', '3h', '6h', '12h', '16h', '23h', '27h']) {
      await house.clock.advance(wait)
      await house.runJobs()
    }
    expect(there.got).toHaveLength(10)
    expect(await house.admin.one<Loose>`select state, state_reason from messages where thread_id = ${id}`).toMatchObject(
      on_exhausted === 'queue' ? { state: 'exhausted', state_reason: 'attempts_exhausted' } : { state: 'withdrawn' },
    )
    expect(await house.admin.one<Loose>`select state, reason from threads where id = ${id}`).toMatchObject(
      on_exhausted === 'queue' ? { state: 'queued' } : { state: 'failed', reason: 'delivery_exhausted' },
    )
    expect((await house.eventTypes()).filter((type) => type === 'message.exhausted')).toHaveLength(1)
  },
  90_000,
)

test('R40 a change of the mode moves what nobody has taken, in both directions', async () => {
  const { there, relay, house, card, start } = await given()
  there.otherwise = 503
  const { thread_id: id } = (await start({ text: 'moves' })).body
  await house.runJobs()
  expect(there.got).toHaveLength(1)
  const inbox = await house.alice.put(`/api/v1/cards/${card.id}/delivery`, { mode: 'inbox' })
  expect([inbox.status, inbox.body]).toMatchObject([200, { delivery: { mode: 'inbox' }, endpoint: null }])
  await house.clock.advance('1h')
  await house.runJobs()
  expect(there.got).toHaveLength(1)
  there.otherwise = 202
  const back = { mode: 'push', url: `${there.origin}/other`, generate_secret: true }
  expect((await house.alice.put(`/api/v1/cards/${card.id}/delivery`, back)).status).toBe(200)
  await house.runJobs()
  expect(there.got.map(({ path }) => path)).toEqual(['/agent', '/other'])
  expect(await relay.thread(id)).toMatchObject({ state: 'waiting_owner' })

  await house.alice.put(`/api/v1/cards/${card.id}/delivery`, { mode: 'inbox' })
  const pulled = (await start({ text: 'pulled' })).body.thread_id
  const [claimed] = await relay.claim({}, card)
  expect(claimed.message).toMatchObject({ thread_id: pulled, parts: [{ text: 'pulled' }] })
})

test('R40 answered from the inbox by a person, the agent’s undelivered copy is settled and never sent', async () => {
  const { there, relay, house, start } = await given()
  there.answers = [503]
  const { thread_id: id } = (await start()).body
  await house.runJobs()
  const session = await house.alice.post(`/api/v1/threads/${id}/responses`, { text: 'by hand' })
  expect([session.status, session.body.code]).toEqual([401, 'wrong_token_kind'])
  const minted = (await house.alice.post(`/api/v1/threads/${id}/access-tokens`, {})).body.thread_access_token
  const answered = await relay.bearer(minted).post(`/api/v1/threads/${id}/responses`, { text: 'by hand' })
  expect(answered.status).toBe(200)
  await house.clock.advance('10m')
  await house.runJobs()
  expect(there.got).toHaveLength(1)
  expect(
    await house.admin.one<Loose>`select state, state_reason from messages where thread_id = ${id} and side = 'caller'`,
  ).toEqual({
    state: 'delivered',
    state_reason: 'answered_in_inbox',
  })
  expect(await relay.thread(id)).toMatchObject({ state: 'responded' })
})

test('§10 revoked while the delivery is on the wire: the answer is refused and recorded as late', async () => {
  const { there, relay, house, start } = await given()
  there.otherwise = json({ outcome: 'completed', text: 'too late' })
  const { thread_id: id } = (await start()).body
  const revoked = async () => {
    await house.admin
      .run`update relay_grants set state = 'revoked', ended_by = 'x' where id in (select relay_grant_id from threads where id = ${id})`
  }
  there.beforeAnswer = revoked
  await house.runJobs()
  expect(there.got).toHaveLength(1)
  const late = (await house.alice.get('/api/v1/events?type=delivery.failed')).body.data
  expect(late).toMatchObject([{ data: { thread_id: id, class: 'late', reason: 'thread_revoked' } }])
  const said = await house.admin.rows`select 1 from messages where thread_id = ${id} and side = 'owner'`
  expect(said).toHaveLength(0)
  await start().then(({ status }) => expect(status).toBe(401))
  expect(relay.card).toBeDefined()
})

test('§10 R35 a payload that is not what was accepted goes nowhere', async () => {
  const { there, relay, house, start } = await given()
  const { thread_id: id } = (await start()).body
  await house.admin.run`update messages set payload_hash = ${`sha256:${'0'.repeat(64)}`} where thread_id = ${id}`
  await house.runJobs()
  expect(there.got).toHaveLength(0)
  expect(await house.admin.one<Loose>`select state, state_reason from messages where thread_id = ${id}`).toEqual({
    state: 'exhausted',
    state_reason: 'payload_mismatch',
  })
  expect(await typesOf(relay, id)).toContain('message.exhausted')
})

test('R66 §3 a push endpoint without a secret, or to a private address, is refused as it is saved; modes are not mixed', async () => {
  const { house, card, there } = await given()
  const path = `/api/v1/cards/${card.id}/delivery`
  await house.alice.put(path, { mode: 'inbox' })
  const missing = await house.alice.put(path, { mode: 'push', url: `${there.origin}/agent` })
  expect([missing.status, missing.body.code]).toEqual([422, 'callback_secret_missing'])
  const inside = await house.alice.put(path, { mode: 'push', url: 'https://10.0.0.1/agent', generate_secret: true })
  expect([inside.status, inside.body.code]).toEqual([422, 'url_not_allowed'])
  const mixed = await house.alice.put(path, { mode: 'inbox', url: `${there.origin}/agent` })
  expect([mixed.status, mixed.body.errors[0].path]).toEqual([422, '/url'])
  expect((await house.alice.get(`/api/v1/cards/${card.id}`)).body.delivery.mode).toBe('inbox')
})
