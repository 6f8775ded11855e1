import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'
import { retryAfterMs, VERSION } from './http-worker.ts'
import {
  AWA_SIGNATURE_HEADER,
  CALLBACK_PREFIX,
  callbackHandler,
  callbackUrl,
  createQueue,
  DispatchRefused,
  defineHttpKind,
  enqueue,
  fixedKeys,
  type HttpKindOptions,
  type Kind,
  SIGNATURE_HEADER,
  signCallback,
  verifyAwa,
  verifySignature,
} from './index.ts'
import { drain } from './testing.ts'

type Seen = { headers: IncomingHttpHeaders; body: string; path: string }
type Answers = (response: ServerResponse, seen: Seen) => unknown

/** An endpoint on a real port. */
async function endpoint(answers: Answers) {
  const seen: Seen[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const one = { headers: request.headers, body: Buffer.concat(chunks).toString(), path: request.url ?? '' }
    seen.push(one)
    await answers(response, one)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/work` }
}

const key = { id: 'k1', secret: randomBytes(32) }
const BASE = 'https://jobs.example.com'

async function open(kind: (house: { now: () => Date }) => Kind) {
  const house = await database()
  const queue = createQueue({
    database: { url: house.runtimeUrl },
    kinds: [kind({ now: house.clock.now })],
    clock: house.clock,
    listen: false,
    callbackUrl: (id) => callbackUrl(BASE, CALLBACK_PREFIX, id, 'complete'),
  })
  onTestFinished(() => queue.close({ grace: '1s' }))
  return { ...house, queue }
}

/** One job through an endpoint, and what became of it. */
async function run(answers: Answers, options: Partial<HttpKindOptions<unknown, unknown>> = {}) {
  const there = await endpoint(answers)
  const house = await open(({ now }) => defineHttpKind('render', { url: there.url, now, ...options }))
  const id = await enqueue(house.queue.house.store, { kind: 'render', payload: { page: 1 } })
  await drain(house.queue)
  const job = async () => await house.queue.job(id)
  return { ...house, ...there, id, job, first: await job() }
}

const status =
  (code: number, headers = {}, body = ''): Answers =>
  (response) =>
    response.writeHead(code, headers).end(body)

test('Q103 the version in the user agent is that of the package', () => {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
  expect(VERSION).toBe(manifest.version)
})

test('Q103 A13 an asynchronous endpoint gets the job, signed, and answers later: 202 waits, and its signed callback is the output', async () => {
  const { seen, id, first, queue, clock, job } = await run(status(202), {
    keys: [key],
    headers: { Authorization: 'Bearer x', 'User-Agent': 'theirs' },
  })
  expect(first).toMatchObject({ state: 'waiting', attempt: 1 })
  const { headers, body } = seen[0] as Seen
  const told = JSON.parse(body) as Record<string, unknown>
  expect(told).toEqual({
    job_id: id,
    kind: 'render',
    payload: { page: 1 },
    args: { page: 1 },
    attempt: 1,
    max_attempts: 25,
    lease: first?.lease,
    deadline_at: expect.stringMatching(/^\d{4}-.*Z$/),
    callback_id: expect.stringMatching(/^cb_/),
    callback_url: `${BASE}/api/v1/callbacks/${told.callback_id}/complete`,
  })
  expect(headers).toMatchObject({
    'content-type': 'application/json',
    'user-agent': `countersign-queue/${VERSION}`,
    authorization: 'Bearer x',
  })
  const header = headers[SIGNATURE_HEADER.toLowerCase()] as string
  await verifySignature(header, [key], { action: 'dispatch', subject: id, body }, clock.now())
  await expect(
    verifySignature(header, [key], { action: 'dispatch', subject: id, body: `${body} ` }, clock.now()),
  ).rejects.toThrow()
  expect(headers[AWA_SIGNATURE_HEADER.toLowerCase()]).toBeUndefined()

  const receive = callbackHandler(queue, { keys: [key] })
  const answer = JSON.stringify({ payload: { pages: 3 }, lease: told.lease })
  const signature = await signCallback(
    key,
    { action: 'complete', subject: told.callback_id as string, body: answer },
    clock.now(),
  )
  const request = new Request(told.callback_url as string, {
    method: 'POST',
    body: answer,
    headers: { [SIGNATURE_HEADER]: signature },
  })
  expect((await receive(request)).status).toBe(200)
  expect(await job()).toMatchObject({ state: 'completed', output: { pages: 3 } })
})

test('Q103 A13 a synchronous endpoint’s JSON is the output, what is no JSON is none, and what is too large is refused', async () => {
  const json = { 'content-type': 'application/json' }
  const one = await run(status(200, json, '{"pages":3}'), { mode: 'sync' })
  expect(one.first).toMatchObject({ state: 'completed', output: { pages: 3 } })
  expect(JSON.parse((one.seen[0] as Seen).body)).not.toHaveProperty('callback_id')
  expect((await run(status(204), { mode: 'sync' })).first).toMatchObject({ state: 'completed', output: null })
  expect((await run(status(200, {}, '<ok>'), { mode: 'sync' })).first).toMatchObject({ state: 'completed', output: null })
  const large = await run(status(200, json, JSON.stringify('x'.repeat(1_048_576))), { mode: 'sync' })
  expect(large.first).toMatchObject({ state: 'retrying', errors: [{ reason: 'output_invalid' }] })
})

test.each([
  [500, 'retrying'],
  [503, 'retrying'],
  [408, 'retrying'],
  [429, 'retrying'],
  [404, 'failed'],
  [400, 'failed'],
  [302, 'failed'],
  [307, 'failed'],
] as const)('Q103 A13 an endpoint that answers %i makes the job %s, in both modes', async (code, state) => {
  for (const mode of ['async', 'sync'] as const) {
    const headers = code < 400 ? { location: '/elsewhere' } : {}
    const { first, seen } = await run(status(code, headers, 'said\u0000so'), { mode })
    expect(first).toMatchObject({ state, attempt: 1 })
    expect(first?.errors[0]?.error).toContain(String(code))
    if (code >= 400) expect(first?.errors[0]?.error).toContain('said')
    if (state === 'failed') expect(first).toMatchObject({ state_reason: 'terminal_error', dead_letter: true })
    expect(seen.map((one) => one.path)).toEqual(['/work'])
  }
})

test('Q103 A13 Retry-After decides when the job runs again', async () => {
  const { first, clock, queue, job, seen } = await run(status(429, { 'retry-after': '600' }))
  const wait = new Date(first?.run_at ?? 0).getTime() - clock.now().getTime()
  expect(wait).toBeGreaterThan(590_000)
  expect(wait).toBeLessThanOrEqual(600_000)
  await clock.advance('601s')
  await drain(queue)
  expect(await job()).toMatchObject({ state: 'retrying', attempt: 2 })
  expect(seen.map((one) => (JSON.parse(one.body) as { callback_id: string }).callback_id)).toHaveLength(2)
})

test('Q103 Retry-After is seconds or an HTTP date, at most a day; rubbish is no wish', () => {
  const now = new Date('2026-01-01T00:00:00Z')
  expect(retryAfterMs('120', now)).toBe(120_000)
  expect(retryAfterMs('Thu, 01 Jan 2026 00:01:00 GMT', now)).toBe(60_000)
  expect(retryAfterMs('Wed, 31 Dec 2025 00:00:00 GMT', now)).toBe(0)
  expect(retryAfterMs('99999999', now)).toBe(86_400_000)
  for (const rubbish of [null, '', '-1', '1.5', 'soon', '2026-01-01', '1e3']) expect(retryAfterMs(rubbish, now)).toBeNull()
})

test('Q103 A13 an endpoint that says nothing, or is not there, is tried again', async () => {
  const silent = await run(() => undefined, { timeout: 50 })
  expect(silent.first).toMatchObject({ state: 'retrying', errors: [{ error: 'the endpoint took too long' }] })
  const stalled = await run((response) => response.writeHead(200).write('{'), { timeout: 50, mode: 'sync' })
  expect(stalled.first).toMatchObject({ state: 'retrying', errors: [{ error: 'the endpoint took too long' }] })
  const gone = await run(status(200), { url: 'http://127.0.0.1:1/' })
  expect(gone.first).toMatchObject({ state: 'retrying', errors: [{ error: 'the endpoint could not be reached' }] })
})

test('Q103 410 fails the job and pauses the kind: by the hand of the host, else for this process and this URL', async () => {
  const told: unknown[] = []
  const durable = await run(status(410), { onGone: (gone) => told.push(gone) })
  expect(durable.first).toMatchObject({ state: 'failed', state_reason: 'terminal_error' })
  expect(told).toEqual([{ kind: 'render', url: durable.url }])
  const { queue, seen, first } = await run(status(410))
  expect(first).toMatchObject({ state: 'failed' })
  const next = await enqueue(queue.house.store, { kind: 'render' })
  await drain(queue)
  expect(await queue.job(next)).toMatchObject({ state: 'scheduled', state_reason: 'snoozed', attempt: 0 })
  expect(seen).toHaveLength(1)
})

test('Q103 Q100 a dispatch that was accepted is not repeated once its answer is there, and each attempt’s callback has its whole time', async () => {
  let code = 500
  const { queue, clock, job, seen, admin } = await run((response) => response.writeHead(code).end(), {
    backoff: { base: '50m', jitter: 0 },
  })
  const open = async () =>
    (await admin.query(`select id, timeout_at from countersign_queue.callbacks where state = 'open'`)).rows as {
      id: string
      timeout_at: Date
    }[]
  const [before] = await open()
  code = 202
  await clock.advance('51m')
  await drain(queue)
  expect(await job()).toMatchObject({ state: 'waiting', attempt: 2 })
  const [after] = await open()
  expect(after?.id).toBe(before?.id)
  expect((after?.timeout_at ?? new Date(0)).getTime() - clock.now().getTime()).toBeGreaterThan(3_590_000)
  await queue.callbacks.fail(after?.id ?? '', { error: 'busy', retryable: true })
  expect(await job()).toMatchObject({ state: 'retrying', errors: [{}, { error: 'busy' }] })
  await clock.advance('2h')
  await drain(queue)
  expect(seen).toHaveLength(3)
  expect((await open())[0]?.id).not.toBe(before?.id)
})

test('Q128 Q103 version 1 goes along only where it is asked for', async () => {
  const awa = randomBytes(32)
  const { seen } = await run(status(202), { keys: fixedKeys([key], [awa]), signV1: true })
  const { headers, body } = seen[0] as Seen
  const { callback_id } = JSON.parse(body) as { callback_id: string }
  expect(verifyAwa(headers[AWA_SIGNATURE_HEADER.toLowerCase()] as string, [awa], callback_id)).toBe(true)
})

test('Q103 §8 a URL that is not http(s) or carries credentials is an error at definition; one that is refused later is a dead letter with the reason', async () => {
  for (const url of ['ftp://a.example/x', 'https://user:pass@a.example', 'a.example', 'file:///etc/passwd', ''])
    expect(() => defineHttpKind('render', { url }), url).toThrow('/url')
  expect(() => defineHttpKind('render', { url: 'https://a.example', mode: 'later' as 'sync' })).toThrow('/mode')
  expect((await run(status(200), { url: () => 'https://user:pass@a.example' })).first).toMatchObject({
    state: 'failed',
    state_reason: 'terminal_error',
    errors: [{ error: expect.stringContaining('credentials') }],
  })
  const refused = await run(status(200), {
    fetch: async () => {
      throw new DispatchRefused('a private address')
    },
  })
  expect(refused.first).toMatchObject({
    state: 'failed',
    errors: [{ error: 'the endpoint may not be called: a private address' }],
  })
  expect(refused.seen).toEqual([])
})
