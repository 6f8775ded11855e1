// Bad input, item by item, on every route and binding that takes a message (relay.md §10): one answer each, and nothing stored. What only one face knows is beside that face.
import { request } from 'node:http'
import { expect, test } from 'vitest'
import { BINDINGS, type Binding, message, raw } from './a2a/testing/agent.ts'
import { type Loose, openRelay, type RelayTest } from './testing/relay.ts'

const agentOf = ({ house, card, grant }: RelayTest) => ({ house, slug: card.slug, grant })
const counts = ({ house }: RelayTest) =>
  house.admin
    .one<Loose>`select (select count(*) from threads)::integer as threads, (select count(*) from messages)::integer as messages`
const now = { configuration: { returnImmediately: true } }
const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)])

test('§10 what is no message is none to a start, a follow-up and an invocation alike, with the place of the fault', async () => {
  const relay = await openRelay()
  const { thread_id: id } = (await relay.start()).body
  const before = await counts(relay)
  const at = `/api/v1/agents/${relay.card.slug}`
  const bodies: [Record<string, unknown>, string][] = [
    [{}, '/'],
    [{ text: 'a', parts: [{ text: 'b' }] }, '/'],
    [{ text: 'a', data: 1 }, '/'],
    [{ text: '' }, '/text'],
    [{ text: null }, '/text'],
    [{ parts: [] }, '/parts'],
    [{ parts: [null] }, '/parts/0'],
    [{ parts: [{}] }, '/parts/0'],
    [{ parts: [{ text: 'a' }, { text: 'a', raw: 'aGk=' }] }, '/parts/1'],
    [{ parts: Array.from({ length: 33 }, () => ({ text: 'a' })) }, '/parts'],
    [{ data: deep(33) }, '/data'],
    [{ parts: [{ data: deep(33) }] }, '/parts/0/data'],
    [{ parts: [{ raw: 'not base64!' }] }, '/parts/0/raw'],
    [{ parts: [{ raw: 'abcde' }] }, '/parts/0/raw'],
    ...['javascript:alert(1)', 'file:///etc/passwd', 'http://a.example/', 'https://u:p@a.example/', 'https://a.example/a b']
      .concat(`https://a.example/${'a'.repeat(4_982)}`, `https://a.example/${'a'.repeat(2_031)}`)
      .map((url): [Record<string, unknown>, string] => [{ parts: [{ url }] }, '/parts/0/url']),
    [{ text: 'a', sync: { wait_ms: 25_001 } }, '/sync/wait_ms'],
    [{ text: 'a', operation_id: 'o'.repeat(129) }, '/operation_id'],
    [{ text: 'a', metadata: { note: 'x'.repeat(16_384) } }, '/metadata'],
  ]
  const key = (path: string) => relay.bearer(relay.grant.token).post.bind(null, path)
  for (const send of [key(`${at}/threads`), key(`/api/v1/threads/${id}/messages`)])
    for (const [body, path] of bodies) {
      const answer = await send(body)
      const name = JSON.stringify(body).slice(0, 60)
      expect([name, answer.status, answer.body.code]).toEqual([name, 422, 'validation_failed'])
      expect([name, answer.body.errors[0].path]).toEqual([
        name,
        expect.stringMatching(new RegExp(`^${path === '/' ? '/?$' : path}`)),
      ])
    }
  for (const [body] of bodies) expect((await key(`${at}/invoke`)({ skill: 'echo', ...body })).status).toBe(422)
  for (const text of ['a\u0000b', 'a\ud800b'])
    for (const path of [`${at}/threads`, `/api/v1/threads/${id}/messages`, `${at}/invoke`])
      expect([path, (await key(path)({ skill: 'echo', text })).body.code]).toEqual([path, 'json_invalid'])
  expect(await counts(relay)).toEqual(before)
  expect((await key(`${at}/threads`)({ data: deep(32) })).status).toBe(202)
})

test('§10 R37 a body as long as the card’s limit is taken, and one byte more is 413, on every way in', async () => {
  const relay = await openRelay()
  const limit = 16 * 1024
  const card = await relay.makeCard({ max_message_bytes: limit })
  const grant = await relay.makeGrant({ card })
  const { thread_id: id } = (await relay.start({ text: 'a' }, { card, token: grant.token })).body
  const auth = { authorization: `Bearer ${grant.token}`, 'content-type': 'application/json', 'a2a-version': '1.0' }
  const send = async (path: string, make: (text: string) => object, bytes: number, chunked: boolean) => {
    const text = 'x'.repeat(bytes - Buffer.byteLength(JSON.stringify(make(''))))
    const body = Buffer.from(JSON.stringify(make(text)))
    expect(body.length).toBe(bytes)
    return new Promise<number>((resolve, reject) => {
      const headers = { ...auth, ...(chunked ? {} : { 'content-length': String(bytes) }) }
      const out = request(relay.house.url + path, { method: 'POST', headers }, (answer) => {
        answer.resume()
        answer.on('end', () => resolve(answer.statusCode ?? 0))
      })
      out.on('error', reject)
      out.write(body.subarray(0, 9_000))
      out.end(body.subarray(9_000))
    })
  }
  const a2a = (text: string) => ({ message: message([{ text }], { messageId: 'm'.repeat(36) }), ...now })
  const ways: [string, (text: string) => object, number][] = [
    [`/api/v1/agents/${card.slug}/threads`, (text) => ({ text }), 202],
    [`/api/v1/threads/${id}/messages`, (text) => ({ text }), 202],
    [`/api/v1/agents/${card.slug}/invoke`, (text) => ({ skill: 'echo', text }), 202],
    [`/agents/${card.slug}/a2a/jsonrpc`, (text) => ({ jsonrpc: '2.0', id: 1, method: 'SendMessage', params: a2a(text) }), 200],
    [`/agents/${card.slug}/a2a/rest/message:send`, a2a, 200],
  ]
  for (const [path, make, taken] of ways)
    for (const chunked of [false, true]) {
      expect([path, chunked, await send(path, make, limit + 1, chunked)]).toEqual([path, chunked, 413])
      expect([path, chunked, await send(path, make, limit, chunked)]).toEqual([path, chunked, taken])
    }
  expect((await counts(relay)).messages).toBe(1 + ways.length * 2)
})

test.each(BINDINGS)(
  '§10 bytes that are no JSON, keys that are none and contexts of others are refused over A2A: %s',
  async (binding) => {
    const relay = await openRelay()
    const agent = agentOf(relay)
    const good = { message: message(), ...now }
    const bytes = (params: string) =>
      binding === 'JSONRPC' ? `{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":${params}}` : params
    const whole = JSON.stringify(good)
    const bodies: [string, string | Buffer][] = [
      ['no byte', ''],
      ['cut off', bytes(whole).slice(0, -3)],
      ['NUL', bytes(whole.replace('a quote', 'a\\u0000quote'))],
      ['half a character', bytes(whole.replace('a quote', 'a\\ud800quote'))],
      ['a key twice', bytes(`${whole.slice(0, -1)},"message":{}}`)],
      ['no UTF-8', Buffer.concat([Buffer.from(bytes(whole).slice(0, -2)), Buffer.from([0xff, 0xfe])])],
      ['depth 5,000', bytes(JSON.stringify({ message: message([{ data: deep(5_000) }]), ...now }))],
    ]
    for (const [name, body] of bodies) {
      const { status, error } = await raw(agent, binding, { method: 'SendMessage', body: body as string })
      const said = name === 'no byte' && binding === 'HTTP+JSON' ? 'INVALID_PARAMS' : 'PARSE_ERROR'
      expect([name, status, error?.reason]).toEqual([name, binding === 'JSONRPC' ? 200 : 400, said])
    }
    const fault = (params: object) => raw(agent, binding, { method: 'SendMessage', params })
    for (const [parts, field] of [
      [[{ data: deep(33) }], 'message.parts[0].data'],
      [[{ raw: 'abcde' }], 'message.parts[0].raw'],
      [[{ url: 'file:///etc/passwd' }], 'message.parts[0].url'],
      [[{ url: `https://a.example/${'a'.repeat(4_982)}` }], 'message.parts[0].url'],
      [[{ text: 'a' }, { text: 'b', url: 'https://a.example/' }], 'message.parts[1]'],
      [[null], 'message.parts[0]'],
    ] as [object[], string][])
      expect((await fault({ message: message(parts), ...now })).error?.fields).toEqual([field])
    for (const key of [' ', 'k'.repeat(256), 'a\tb', 'one, two']) {
      const answer = await raw(agent, binding, { method: 'SendMessage', params: good, headers: { 'Idempotency-Key': key } })
      expect([key, answer.error?.reason]).toEqual([key, 'IDEMPOTENCY_KEY_INVALID'])
    }
    expect(await counts(relay)).toEqual({ threads: 0, messages: 0 })

    // What is somebody else's is not there; what is mine under another name of theirs is a contradiction.
    const other = await relay.makeGrant({ agent: null })
    const theirs = (await relay.start({ text: 'a', context_id: 'theirs' }, { token: other.token })).body
    const mine = (await relay.start({ text: 'a', context_id: 'mine' })).body
    const follow = (own: object) => fault({ message: message([{ text: 'a' }], own), ...now })
    expect((await follow({ taskId: theirs.thread_id })).error?.reason).toBe('TASK_NOT_FOUND')
    const crossed = await follow({ taskId: mine.thread_id, contextId: theirs.context_id })
    expect([crossed.error?.reason, crossed.error?.fields]).toEqual(['INVALID_PARAMS', ['message.contextId']])
    const strange = await fault({ message: message([{ text: 'a' }], { taskId: mine.thread_id }), tenant: 'other', ...now })
    expect([strange.error?.reason, strange.error?.fields]).toEqual(['INVALID_PARAMS', ['tenant']])
    // The same word starts another context here.
    const started = await fault({ message: message([{ text: 'a' }], { contextId: theirs.context_id }), ...now })
    expect(started.error).toBeNull()
    expect((await relay.caller.get('/api/v1/threads?side=caller&context_id=theirs')).body.data).toHaveLength(1)
  },
)

test('§10 names that are no agent’s are 404 at each of its addresses, and nobody’s bytes come back', async () => {
  const relay = await openRelay()
  const { card, house } = relay
  const names = ['..', '%2e%2e', card.slug.toUpperCase(), 'api', 'a'.repeat(65), `${card.slug.replace('e', 'е')}`, 'a--b', '-a']
  for (const name of [...names, '%00', `${card.slug}%20`, 'a%2fb', `${card.slug}%2f..`])
    for (const path of [`/api/v1/agents/${name}/card`, `/agents/${name}/.well-known/agent-card.json`, `/agents/${name}/`]) {
      const answer = await fetch(house.url + path, { redirect: 'manual' })
      expect([path, answer.status, (await answer.text()).includes('Says it again')]).toEqual([path, 404, false])
    }
  for (const name of names.slice(2))
    for (const binding of BINDINGS as readonly Binding[]) {
      const answer = await raw({ ...agentOf(relay), slug: name }, binding, { method: 'ListTasks' })
      expect([name, answer.status]).toEqual([name, 404])
    }
})

test('§10 R34 a number that the thread has not come to is refused wherever one may be named, and none is made to fit', async () => {
  const relay = await openRelay()
  const { thread_id: short } = (await relay.start()).body
  const { thread_id: long } = (await relay.start()).body
  await relay.respond(long, { text: 'one' })
  const { sequence } = await relay.thread(long)
  const ask = (path: string) => relay.server.get(`/api/v1/threads/${path}`)
  expect((await ask(`${long}/events?after=${sequence}`)).body.data).toEqual([])
  for (const path of [
    `${short}/events?after=${sequence}`,
    `${short}?after=${sequence}`,
    `${short}?wait_seconds=25&after=${sequence}`,
  ])
    expect([path, (await ask(path)).body.errors?.[0].path]).toEqual([path, '/after'])
  // Nor is a cursor good for another thread.
  const { next_cursor: cursor } = (await ask(`${long}/messages?limit=1`)).body
  expect((await ask(`${long}/messages?cursor=${cursor}`)).status).toBe(200)
  expect((await ask(`${short}/messages?cursor=${cursor}`)).body.code).toBe('cursor_invalid')
})
