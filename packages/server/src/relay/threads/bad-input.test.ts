// What threads refuse, row by row of the table (relay.md §10); §12.12 and §12.13 as they stand.
import { request } from 'node:http'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { type Loose, openRelay, type RelayTest } from '../testing/relay.ts'

type Answer = { status: number; body: Loose }
/** Bytes as they are, with whatever headers. */
const post = (
  { house, grant }: RelayTest,
  path: string,
  bytes: Buffer | Buffer[],
  headers: Record<string, string | string[]> = {},
) =>
  new Promise<Answer>((resolve, reject) => {
    const own = { authorization: `Bearer ${grant.token}`, 'content-type': 'application/json', ...headers }
    const out = request(house.url + path, { method: 'POST', headers: own }, (answer) => {
      const got: Buffer[] = []
      answer.on('data', (chunk) => got.push(chunk))
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, body: JSON.parse(Buffer.concat(got).toString() || 'null') }),
      )
    })
    out.on('error', reject)
    for (const chunk of Array.isArray(bytes) ? bytes : [bytes]) out.write(chunk)
    out.end()
  })
const stored = async ({ house }: RelayTest) =>
  (await house.admin.one<{ n: number }>`select count(*)::integer as n from messages`).n
const json = (text: string) => Buffer.from(text)

test('§10 R37 bytes that are no body: too many, packed, of another type, no UTF-8, NUL, the same key twice', async () => {
  const relay = await openRelay()
  const at = `/api/v1/agents/${relay.card.slug}/threads`
  const limit = 1024 * 1024
  const long = Buffer.from(JSON.stringify({ parts: [1, 2, 3].map(() => ({ text: 'x'.repeat(limit / 3) })) }))
  const rows: [string, Buffer | Buffer[], Record<string, string>, number, string][] = [
    ['too long', long, { 'content-length': String(long.length) }, 413, 'body_too_large'],
    ['too long, in chunks', [long.subarray(0, 600_000), long.subarray(600_000)], {}, 413, 'body_too_large'],
    ['gzip', gzipSync('{"text":"x"}'), { 'content-encoding': 'gzip' }, 415, 'media_type_unsupported'],
    ['a form', json('text=x'), { 'content-type': 'application/x-www-form-urlencoded' }, 415, 'media_type_unsupported'],
    ['plain text', json('{"text":"x"}'), { 'content-type': 'text/plain' }, 415, 'media_type_unsupported'],
    ['no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]), {}, 400, 'json_invalid'],
    ['NUL', json('{"text":"a\u0000b"}'), {}, 400, 'json_invalid'],
    ['a key twice', json('{"text":"a","text":"b"}'), {}, 400, 'json_invalid'],
    ['cut off', json('{"text":"a'), {}, 400, 'json_invalid'],
    ['JSON of no byte', Buffer.alloc(0), {}, 400, 'json_invalid'],
    ['a list', json('[]'), {}, 422, 'validation_failed'],
  ]
  for (const [name, bytes, headers, status, code] of rows) {
    const answer = await post(relay, at, bytes, headers)
    expect([name, answer.status, answer.body?.code]).toEqual([name, status, code])
  }
  const none = await relay.bearer(relay.grant.token).post(at)
  expect([none.status, none.body.code]).toEqual([422, 'validation_failed'])
  expect(await stored(relay)).toBe(0)
})

test('§10 numbers outside their bounds are refused with the bound, and never made to fit', async () => {
  const relay = await openRelay()
  const { server, card, caller, grant } = relay
  const { body } = await relay.start()
  const at = `/api/v1/agents/${card.slug}`
  const rows: [string, () => Promise<Answer>, string][] = [
    ...[0, -1, 25_001, '5', 1.5].map(
      (wait_ms) =>
        [`wait ${wait_ms}`, () => relay.start({ text: 'x', sync: { wait_ms } }), '/sync/wait_ms'] as [
          string,
          () => Promise<Answer>,
          string,
        ],
    ),
    ...[0, 201, 'x'].map(
      (limit) =>
        [`limit ${limit}`, () => caller.get(`/api/v1/threads?limit=${limit}`), '/limit'] as [
          string,
          () => Promise<Answer>,
          string,
        ],
    ),
    ...[14, 3_601].map(
      (lease_seconds) =>
        [`lease ${lease_seconds}`, () => server.post(`${at}/inbox/claim`, { lease_seconds }), '/lease_seconds'] as [
          string,
          () => Promise<Answer>,
          string,
        ],
    ),
    ['claim 101', () => server.post(`${at}/inbox/claim`, { limit: 101 }), '/limit'],
    ['overlap', () => caller.post(`/api/v1/relay-grants/${grant.id}/rotate`, { overlap_seconds: 604_801 }), '/overlap_seconds'],
    ['wait 26', () => server.get(`/api/v1/threads/${body.thread_id}?wait_seconds=26`), '/wait_seconds'],
    ['after -1', () => server.get(`/api/v1/threads/${body.thread_id}/events?after=-1`), '/after'],
    ['after abc', () => server.get(`/api/v1/threads/${body.thread_id}/events?after=abc`), '/after'],
  ]
  for (const [name, act, path] of rows) {
    const answer = await act()
    expect([name, answer.status, answer.body.code, answer.body.errors?.[0].path]).toEqual([
      name,
      422,
      'validation_failed',
      expect.stringContaining(path.slice(1)),
    ])
  }
  expect(
    (await relay.house.admin.one<Loose>`select count(*)::integer as n from relay_tokens where relay_grant_id = ${grant.id}`).n,
  ).toBe(1)
})

test('§10 an Idempotency-Key that is empty, too long, with control characters or there twice is refused', async () => {
  const relay = await openRelay()
  const at = `/api/v1/agents/${relay.card.slug}/threads`
  const body = json('{"text":"x"}')
  for (const key of ['', 'k'.repeat(256), 'a\tb', ['one', 'two']]) {
    const answer = await post(relay, at, body, { 'idempotency-key': key })
    expect([key, answer.status, answer.body.code]).toEqual([key, 400, 'idempotency_key_invalid'])
  }
  expect(await stored(relay)).toBe(0)
  expect((await post(relay, at, body, { 'idempotency-key': 'k'.repeat(255) })).status).toBe(202)
})

test('§10 a Last-Event-ID that the thread has not given is refused', async () => {
  const relay = await openRelay()
  const { thread_id: id } = (await relay.start()).body
  const ask = (value: string) =>
    relay
      .bearer(relay.server.key)
      .raw(`/api/v1/threads/${id}/events`, { headers: { accept: 'text/event-stream', 'last-event-id': value } })
  for (const value of ['-1', 'abc', '3', '1.5', '99999999999999999999']) {
    const answer = await ask(value)
    expect([value, answer.status]).toEqual([value, 422])
  }
})

test('§10 what the other side writes is stored as given, byte for byte, and told inert', async () => {
  const relay = await openRelay()
  const text = '<img src=x onerror=alert(1)>\u202e\u001b[31m ![x](https://evil.example/p.png) \u{1f600}'
  const { body } = await relay.start({ parts: [{ text, filename: '../../<b>.txt' }] })
  const [claimed] = await relay.claim()
  expect(claimed.message.parts).toEqual([{ text, filename: '../../<b>.txt' }])
  const raw = await relay.bearer(relay.server.key).raw(`/api/v1/threads/${body.thread_id}/messages`)
  expect([raw.headers.get('content-type'), raw.headers.get('x-content-type-options')]).toEqual(['application/json', 'nosniff'])
})

test('§12.12 R41 eight workers, two of them killed: every message is settled once, in the order of its thread, and a late settle is lease_stale', {
  timeout: 120_000,
}, async () => {
  const relay = await openRelay()
  const { house, grant, bearer, server, card } = relay
  const [THREADS, EACH] = [40, 8]
  const ids = await Promise.all(
    Array.from({ length: THREADS }, async () => (await relay.start({ text: '0' })).body.thread_id as string),
  )
  for (let n = 1; n < EACH; n++)
    await Promise.all(ids.map((id) => bearer(grant.token).post(`/api/v1/threads/${id}/messages`, { text: `${n}` })))
  const settled = new Map<string, string[]>(ids.map((id) => [id, []]))
  const late: string[] = []
  const other = (await house.second()).url
  const settle = (items: object[], url: string) => server.at(url).post(`/api/v1/agents/${card.slug}/inbox/settle`, items)
  const total = () => [...settled.values()].flat().length
  const worker = async (n: number, dies: boolean) => {
    const url = n % 2 === 0 ? house.url : other
    for (let turn = 0; total() < THREADS * EACH; turn++) {
      const { body } = await server.at(url).post(`/api/v1/agents/${card.slug}/inbox/claim`, { limit: 10, lease_seconds: 30 })
      if (dies && body.data.length > 0) return void late.push(...body.data.map((one: Loose) => one.claim_token))
      if (body.data.length === 0) {
        if (turn > 400) throw new Error('Nothing comes any more.')
        await house.clock.advance('5s')
        continue
      }
      const done = await settle(
        body.data.map((one: Loose) => ({ claim_token: one.claim_token, action: 'ack' })),
        url,
      )
      for (const [i, item] of done.body.data.entries())
        if (item.status === 'ok') settled.get(body.data[i].thread.id)?.push(body.data[i].message.parts[0].text)
    }
  }
  await Promise.all(Array.from({ length: 8 }, (_, n) => worker(n, n < 2)))
  const order = Array.from({ length: EACH }, (_, n) => `${n}`)
  for (const [id, texts] of settled) expect([id, texts]).toEqual([id, order])
  expect(late.length).toBeGreaterThan(0)
  const stale = await settle(
    late.map((claim_token) => ({ claim_token, action: 'ack' })),
    house.url,
  )
  expect(new Set(stale.body.data.map((one: Loose) => one.status))).toEqual(new Set(['lease_stale']))
})
