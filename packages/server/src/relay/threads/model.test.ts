// What threads are made of, as both sides see it (relay.md R8, R9, R31, R34, R36, R37, R39, R50, R51, R53, §12.9).
import { expect, test } from 'vitest'
import { mintKey } from '../../crypto/token.ts'
import { type Loose, openRelay, type RelayTest } from '../testing/relay.ts'

const eventsOf = async ({ server }: RelayTest, id: string): Promise<Loose[]> =>
  (await server.get(`/api/v1/threads/${id}/events?limit=200`)).body.data
const follow = (relay: RelayTest, id: string, body: Record<string, unknown> = { text: 'more' }) =>
  relay.bearer(relay.grant.token).post(`/api/v1/threads/${id}/messages`, body)

/** Every row of every table, as text. */
async function everything({ house }: RelayTest): Promise<string> {
  const tables = await house.admin.rows<{ name: string }>`
    select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and n.nspname like 'countersign%'`
  const rows = await Promise.all(
    tables.map(async ({ name }) => (await house.admin.query(`select t::text as row from ${name} t`, [])) as unknown),
  )
  return JSON.stringify(rows)
}

test('R8 each id says what it names, and the id of the thread is that of its A2A task, byte for byte', async () => {
  const relay = await openRelay()
  const { body } = await relay.start({ text: 'hello' })
  const [event] = await eventsOf(relay, body.thread_id)
  const shapes: [string, string][] = [
    [body.thread_id, 'thr'],
    [body.message_id, 'msg'],
    [body.context_id, 'ctx'],
    [event.id, 'evt'],
    [(await relay.thread(body.thread_id)).relay_grant_id, 'rgr'],
  ]
  for (const [id, kind] of shapes) expect(id).toMatch(new RegExp(`^${kind}_[0-9A-HJKMNP-TV-Z]{26}$`))
  expect(body.links.a2a_task).toMatch(new RegExp(`/tasks/${body.thread_id}$`))
  const task = await relay
    .bearer(relay.grant.token)
    .raw(`/agents/${relay.card.slug}/a2a/rest/tasks/${body.thread_id}`, { headers: { 'a2a-version': '1.0' } })
  expect(((await task.json()) as Loose).id).toBe(body.thread_id)
})

test('R9 neither table, nor log, nor answer gives a token back', async () => {
  const relay = await openRelay()
  const { house, grant, caller, bearer } = relay
  const { body } = await relay.start({ text: 'hello', want_thread_token: true })
  const thread: string = body.thread_access_token
  expect(grant.token).toMatch(/^cs_live_rly_/)
  expect(thread).toMatch(/^cs_live_thr_/)
  const answers = [
    await caller.get(`/api/v1/relay-grants/${grant.id}`),
    await house.alice.get('/api/v1/relay-grants'),
    await bearer(grant.token).post('/api/v1/relay-tokens/introspect', { token: grant.token }),
    await house.alice.get('/api/v1/events?limit=200'),
    await bearer(thread).get(`/api/v1/threads/${body.thread_id}/events`),
  ]
  const places = [await everything(relay), house.logs.join('\n'), JSON.stringify(answers.map((one) => one.body))]
  expect(places[0]).toContain(body.thread_id)
  for (const place of places) for (const secret of [grant.token, thread]) expect(place).not.toContain(secret)
})

test('R9 tokens of a test agent say so, and open nothing of a live one', async () => {
  const relay = await openRelay()
  const card = await relay.makeCard({ environment: 'test' })
  const made = await relay.house.alice.post('/api/v1/relay-grants', { agent: card.slug, label: 'Trial', purpose: 'to test' })
  expect([made.status, made.body.relay_token?.slice(0, 12)]).toEqual([201, 'cs_test_rly_'])
  const token: string = made.body.relay_token
  const own = await relay.start({ text: 'hello', want_thread_token: true }, { token, card })
  expect([own.status, own.body.thread_access_token?.slice(0, 12)]).toEqual([202, 'cs_test_thr_'])
  expect((await relay.start({ text: 'hello' }, { token })).status).not.toBe(202)
  expect((await relay.start({ text: 'hello' }, { token: mintKey('test', 'rly') })).body.code).toBe('key_invalid')
})

test('R31 ended is final: the work goes on in a new thread of the same context that names the old one', async () => {
  const relay = await openRelay()
  const first = (await relay.start({ text: 'one', context_id: 'case-9' })).body.thread_id
  await relay.respond(first, { outcome: 'completed', text: 'done' })
  const acts = [
    await follow(relay, first),
    await relay.respond(first, { text: 'one more thing' }),
    await relay.server.post(`/api/v1/threads/${first}/responses`, { outcome: 'progress', text: 'still on it' }),
  ]
  for (const { status, body } of acts)
    expect([status, body.code, body.state, body.outcome]).toEqual([409, 'thread_closed', 'closed', 'completed'])
  const failed = (await relay.start({ text: 'two', context_id: 'case-9' })).body.thread_id
  await relay.respond(failed, { outcome: 'failed', error: { code: 'broken', message: 'It broke.' } })
  expect([(await follow(relay, failed)).body.code, await relay.thread(failed)]).toMatchObject([
    'thread_ended',
    { state: 'failed' },
  ])
  const next = await relay.start({ text: 'three', context_id: 'case-9', reference_thread_ids: [first, failed] })
  expect(next.status).toBe(202)
  expect(await relay.thread(next.body.thread_id)).toMatchObject({ context_id: 'case-9', reference_thread_ids: [first, failed] })
  expect((await relay.caller.get('/api/v1/threads?side=caller&context_id=case-9')).body.data).toHaveLength(3)
})

test('R34 R36 one counter numbers every event without a gap, a message has the number of its event, and the record has the same ones', async () => {
  const relay = await openRelay()
  const { body } = await relay.start({ text: 'hello' })
  const id: string = body.thread_id
  const taken = await relay.claim()
  await relay.respond(id, { outcome: 'progress', text: 'looking', claim_token: taken[0].claim_token })
  await relay.respond(id, {
    outcome: 'ask',
    text: 'which one?',
    artifacts: [{ artifact_id: 'list', parts: [{ text: 'a' }], last_chunk: false }],
    claim_token: taken[0].claim_token,
  })
  const second = (await follow(relay, id, { text: 'the first' })).body
  const third = (await follow(relay, id, { text: 'no, wait' })).body
  await relay.bearer(relay.grant.token).post(`/api/v1/threads/${id}/messages/${third.message_id}/withdraw`, {})
  await relay.caller.post(`/api/v1/threads/${id}/access-tokens`, {})
  await relay.respond(id, { outcome: 'completed', text: 'here you are' })
  const events = await eventsOf(relay, id)
  expect(events.map((one) => one.sequence)).toEqual(events.map((_, i) => i + 1))
  const types = events.map((one) => one.type)
  for (const type of [
    ...['thread.accepted', 'message.accepted', 'thread.delivering', 'message.delivered', 'thread.waiting_owner'],
    ...['artifact.updated', 'thread.waiting_caller', 'message.withdrawn', 'thread_token.minted', 'artifact.completed'],
    'thread.closed',
  ])
    expect(types).toContain(type)
  const messages: Loose[] = (await relay.server.get(`/api/v1/threads/${id}/messages?limit=100`)).body.data
  expect(messages.map((one) => one.sequence)).toEqual([...messages.map((one) => one.sequence)].sort((a, b) => a - b))
  for (const { sequence, id: message } of messages) {
    const event = events[sequence - 1]
    expect([event.sequence, event.data.message_id]).toEqual([sequence, message])
  }
  expect([body.sequence, second.sequence < third.sequence]).toEqual([2, true])
  for (const event of events) {
    expect(Object.keys(event).sort()).toEqual(['actor', 'at', 'data', 'id', 'sequence', 'type'])
    expect(JSON.stringify(event)).not.toMatch(/cs_(?:live|test)_|looking|which one|here you are/)
  }
  const record: Loose[] = (await relay.house.alice.get('/api/v1/events?limit=200')).body.data
  const own = new Map(record.map((one) => [one.id, one]))
  for (const { id: event, type } of events) {
    const row = own.get(event)
    if (/^(?:message|artifact)\./.test(type)) continue
    expect([type, row?.type]).toEqual([type, type])
  }
})

test('R37 what is larger than the bounds is refused and stored nowhere; what is as large as they are is taken', async () => {
  const relay = await openRelay()
  const text = (bytes: number) => 'x'.repeat(bytes)
  const raw = (bytes: number) => Buffer.alloc(bytes, 7).toString('base64')
  const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)])
  const modes = { content: { accepted_inputs: ['text/plain', 'application/json', 'application/octet-stream'] } }
  const card = await relay.makeCard(modes)
  const grant = await relay.makeGrant({ card })
  const send = (body: Record<string, unknown>) => relay.start(body, { card, token: grant.token })
  const bin = { media_type: 'application/octet-stream' }
  const refused: [Record<string, unknown>, number, string][] = [
    [{ text: text(512 * 1024 + 1) }, 422, '/text'],
    [{ parts: [{ raw: raw(512 * 1024 + 1), ...bin }] }, 422, '/parts/0/raw'],
    [{ parts: Array.from({ length: 33 }, () => ({ text: 'a' })) }, 422, '/parts'],
    [{ data: deep(33) }, 422, '/data'],
    [{ text: 'a', metadata: { note: text(16 * 1024) } }, 422, '/metadata'],
    [{ parts: [{ text: text(512 * 1024) }, { text: text(512 * 1024) }] }, 413, ''],
  ]
  for (const [body, status, path] of refused) {
    const answer = await send(body)
    expect([path, answer.status, answer.body.code]).toEqual([
      path,
      status,
      status === 413 ? 'body_too_large' : 'validation_failed',
    ])
    if (status === 422) expect(answer.body.errors[0].path).toMatch(new RegExp(`^${path}`))
  }
  expect(await relay.house.admin.one`select count(*)::integer as n from messages`).toEqual({ n: 0 })
  const taken = [
    { text: text(512 * 1024) },
    { parts: [{ raw: raw(512 * 1024), ...bin }] },
    { parts: Array.from({ length: 32 }, () => ({ text: 'a' })) },
    { data: deep(31) },
  ]
  for (const body of taken) expect((await send(body)).status).toBe(202)
  const small = await relay.makeCard({ ...modes, max_message_bytes: 16 * 1024 })
  const narrow = await relay.makeGrant({ card: small })
  const over = await relay.start({ text: text(17 * 1024) }, { card: small, token: narrow.token })
  expect([over.status, over.body]).toMatchObject([413, { code: 'body_too_large', max_bytes: 16 * 1024 }])
})

test('R37 a thread takes ten thousand messages and no more', async () => {
  const relay = await openRelay()
  const { thread_id: id } = (await relay.start()).body
  await relay.house.admin.run`update threads set sequence = 10000 where id = ${id}`
  const { status, body } = await follow(relay, id)
  expect([status, body]).toMatchObject([429, { code: 'quota_exceeded', quota: 'messages_per_thread', limit: 10_000 }])
})

test('R39 who wants one and may read has a thread token with the 202, once; a replay has null in its place', async () => {
  const relay = await openRelay()
  const ask = { text: 'hello', want_thread_token: true }
  const first = (await relay.start(ask, { key: 'k-1' })).body
  const again = (await relay.start(ask, { key: 'k-1' })).body
  expect([again.thread_id, again.thread_access_token ?? null]).toEqual([first.thread_id, null])
  expect((await relay.bearer(first.thread_access_token).get(`/api/v1/threads/${first.thread_id}`)).status).toBe(200)
  expect(Date.parse(first.thread_access_token_expires_at) - relay.house.clock.now().getTime()).toBeGreaterThan(59 * 60_000)
  const grant = await relay.makeGrant({ card: await relay.makeCard(), scopes: ['threads:start', 'threads:send'] })
  const card = await relay.house.admin
    .one<Loose>`select c.slug, c.id from cards c join relay_grants g on g.card_id = c.id where g.id = ${grant.id}`
  const none = await relay.start(ask, { token: grant.token, card })
  expect([none.status, none.body.thread_access_token ?? null]).toEqual([202, null])
})

test('R38 §12.9 a thread token lives an hour and renews itself for a day; after that whoever has a key mints anew', async () => {
  const relay = await openRelay()
  const { house, bearer, caller } = relay
  const { body } = await relay.start({ text: 'hello', want_thread_token: true })
  const at = `/api/v1/threads/${body.thread_id}`
  const other = (await relay.start()).body.thread_id
  const renew = (token: string) => bearer(token).post(`${at}/access-tokens`, {})
  let token: string = body.thread_access_token
  const wrong = await bearer(token).post(`${at}/responses`, { text: 'x' })
  expect([wrong.status, wrong.body.code]).toEqual([403, 'not_participant'])
  const foreign = await bearer(token).get(`/api/v1/threads/${other}`)
  const random = await bearer(token).get(`/api/v1/threads/thr_${'0'.repeat(26)}`)
  expect([foreign.status, { ...foreign.body, request_id: '' }]).toEqual([404, { ...random.body, request_id: '' }])
  for (let minutes = 50; minutes < 24 * 60; minutes += 50) {
    await house.clock.advance('50m')
    const next = await renew(token)
    if (next.status !== 201) throw new Error(JSON.stringify(next.body))
    token = next.body.thread_access_token
  }
  // The line ends a day after its first token, however young its last one is.
  await house.clock.advance('50m')
  expect((await renew(token)).body.code).toBe('key_expired')
  const fresh = (await caller.post(`${at}/access-tokens`, {})).body.thread_access_token
  expect((await bearer(fresh).get(at)).status).toBe(200)
  await house.clock.advance('61m')
  const late = await bearer(fresh).get(at)
  expect([late.status, late.body.code]).toEqual([401, 'key_expired'])
})

test('R38 R40 R71 a person answers with a token of theirs and is judged as that person; once they have left it opens nothing', async () => {
  const relay = await openRelay()
  const { house, bearer } = relay
  const first = (await relay.start()).body.thread_id
  const second = (await relay.start()).body.thread_id
  const tokenOf = async (id: string) => (await house.bob.post(`/api/v1/threads/${id}/access-tokens`, {})).body.thread_access_token
  const own = await tokenOf(first)
  expect((await bearer(own).post(`/api/v1/threads/${first}/responses`, { outcome: 'progress', text: 'I am on it' })).status).toBe(
    200,
  )
  const saved = await house.alice.post('/api/v1/policies', {
    text: '@id("agents-answer") forbid (principal is User, action == Action::"thread.respond", resource);\n@id("rest") permit (principal, action, resource);',
  })
  expect((await house.alice.post(`/api/v1/policies/${saved.body.version}/activate`, {})).status).toBe(200)
  const refused = await bearer(own).post(`/api/v1/threads/${first}/responses`, { text: 'by hand' })
  expect([refused.status, refused.body.code]).toEqual([403, 'policy_denied'])
  expect((await relay.respond(second, { text: 'by the agent' })).status).toBe(200)
  await house.admin.run`update roles set deactivated_at = countersign.now() where user_id = ${house.bob.id}`
  const left = await bearer(own).get(`/api/v1/threads/${first}`)
  expect([left.status, left.body.code]).toEqual([401, 'key_revoked'])
})

test('R50 a context is the caller’s own word, and the same word under another relay grant is another context', async () => {
  const relay = await openRelay()
  const other = await relay.makeCard()
  const grant = await relay.makeGrant({ card: other })
  const own = (await relay.start({ text: 'a', context_id: 'ours!~' })).body
  const theirs = (await relay.start({ text: 'b', context_id: 'ours!~' }, { card: other, token: grant.token })).body
  const made = (await relay.start({ text: 'c' })).body
  expect([own.context_id, theirs.context_id]).toEqual(['ours!~', 'ours!~'])
  expect(made.context_id).toMatch(/^ctx_/)
  const more = await relay.start({ text: 'd', context_id: made.context_id })
  expect(more.body.context_id).toBe(made.context_id)
  const listed = await relay
    .bearer(relay.grant.token)
    .raw(`/agents/${relay.card.slug}/a2a/rest/tasks?contextId=${encodeURIComponent('ours!~')}`, {
      headers: { 'a2a-version': '1.0' },
    })
  expect(((await listed.json()) as Loose).tasks.map((one: Loose) => one.id)).toEqual([own.thread_id])
  for (const context_id of ['', 'x'.repeat(129), 'with space', 'ümlaut', 'a\u0007'])
    expect([context_id, (await relay.start({ text: 'a', context_id })).status]).toEqual([context_id, 422])
  expect((await relay.start({ text: 'a', context_id: 'x'.repeat(128) })).status).toBe(202)
})

test('R51 operation_id is kept, told, found by, and makes nothing one', async () => {
  const relay = await openRelay()
  const [one, two] = [
    (await relay.start({ text: 'same', operation_id: 'order-77' })).body,
    (await relay.start({ text: 'same', operation_id: 'order-77' })).body,
  ]
  expect([one.operation_id, one.thread_id === two.thread_id]).toEqual(['order-77', false])
  await relay.start({ text: 'same', operation_id: 'order-78' })
  const found: Loose[] = (await relay.caller.get('/api/v1/threads?side=caller&operation_id=order-77')).body.data
  expect(found.map((line) => line.id).sort()).toEqual([one.thread_id, two.thread_id].sort())
  const searched = async (who: Loose, q: string) =>
    (await who.get(`/api/v1/threads?${q}`)).body.data.map((line: Loose) => line.id)
  expect(await searched(relay.caller, 'side=caller&q=ORDER-78')).toHaveLength(1)
  expect((await searched(relay.server, 'q=order-77')).sort()).toEqual([one.thread_id, two.thread_id].sort())
  expect(await searched(relay.server, 'q=%25')).toEqual([])
  expect(await relay.thread(one.thread_id)).toMatchObject({ operation_id: 'order-77' })
  expect((await relay.claim())[0].message.operation_id).toBe('order-77')
})

test('R53 pieces of an artifact are merged by its id; an answer without artifacts is the artifact `response`', async () => {
  const relay = await openRelay()
  const { thread_id: id } = (await relay.start()).body
  const piece = (text: string, more: object = {}) => ({ artifact_id: 'plan', parts: [{ text }], ...more })
  const tell = (artifact: object) => relay.respond(id, { outcome: 'progress', text: 'on it', artifacts: [artifact] })
  await tell(piece('first draft', { name: 'Plan', last_chunk: false }))
  await tell(piece('one, ', { last_chunk: false }))
  await tell(piece('two, ', { append: true, last_chunk: false }))
  await tell(piece('three', { append: true, last_chunk: true }))
  const artifacts = async () => (await relay.server.get(`/api/v1/threads/${id}/artifacts`)).body.data
  expect(await artifacts()).toMatchObject([
    { artifact_id: 'plan', name: 'Plan', parts: [{ text: 'one, ' }, { text: 'two, ' }, { text: 'three' }], is_complete: true },
  ])
  await relay.respond(id, { outcome: 'reply', text: 'the answer' })
  expect(await artifacts()).toMatchObject([
    { artifact_id: 'plan' },
    { artifact_id: 'response', parts: [{ text: 'the answer' }], is_complete: true },
  ])
  const messages: Loose[] = (await relay.server.get(`/api/v1/threads/${id}/messages?limit=100`)).body.data
  expect(messages.filter((one) => one.parts[0].text === 'the answer').map((one) => one.kind)).toEqual(['artifact', 'message'])
})
