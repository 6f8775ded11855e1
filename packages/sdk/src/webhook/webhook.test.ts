import { readFileSync } from 'node:fs'
import { createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { WebhookMode } from './mode.ts'
import {
  type ReceiveOptions,
  webhookExpressHandler,
  webhookFetchHandler,
  webhookHonoHandler,
  webhookNodeHandler,
} from './receive.ts'
import { type VerifyOptions, verifyWebhook, WebhookRefused } from './verify.ts'

type Inputs = { id: string; timestamp: number; nonce: string; body: string; public_key: string }
type Vector = { scheme: string; key: string | string[]; inputs: Inputs; expected: string }

const vectors = JSON.parse(readFileSync(new URL('../../../../test/vectors/signatures.json', import.meta.url), 'utf8')) as Vector[]
const standardHeaders = ({ inputs, expected }: Vector) => ({
  'webhook-id': inputs.id,
  'webhook-timestamp': String(inputs.timestamp),
  'webhook-signature': expected,
})

const SCHEMES: Record<string, (vector: Vector) => Partial<VerifyOptions> & { mode: WebhookMode }> = {
  'standard-webhooks': (vector) => ({ mode: 'standard', headers: standardHeaders(vector) }),
  'standard-webhooks-overlap': (vector) => ({ mode: 'standard', headers: standardHeaders(vector) }),
  'standard-webhooks-ed25519': (vector) => ({
    mode: 'standard',
    headers: standardHeaders(vector),
    secrets: vector.inputs.public_key,
  }),
  stripe: ({ expected }) => ({ mode: 'stripe', headers: { 'Countersign-Signature': expected } }),
  'stripe-overlap': ({ expected }) => ({ mode: 'stripe', headers: { 'X-Humane-Signature': expected } }),
  github: ({ expected }) => ({ mode: 'github', headers: { 'X-Hub-Signature-256': expected } }),
  'awaithumans-webhook': ({ expected }) => ({ mode: 'awaithumans', headers: { 'X-Awaithumans-Signature': expected } }),
  'foragent-v1': ({ expected }) => ({
    mode: 'foragent-v1',
    allowUnstamped: true,
    headers: { 'X-ForAgent-Signature': expected },
  }),
  'foragent-v2': ({ inputs, expected }) => ({
    mode: 'foragent',
    headers: {
      'X-ForAgent-Signature-V2': expected,
      'X-ForAgent-Timestamp': String(inputs.timestamp),
      'X-ForAgent-Nonce': inputs.nonce,
      'X-ForAgent-Signature-Version': '2',
    },
  }),
  'slack-v0': ({ inputs, expected }) => ({
    mode: 'slack',
    headers: { 'X-Slack-Signature': expected, 'X-Slack-Request-Timestamp': String(inputs.timestamp) },
  }),
}

const covered = vectors.filter(({ scheme }) => Object.hasOwn(SCHEMES, scheme))

/** Options that verify a vector at the moment it was signed. */
function optionsOf(vector: Vector): VerifyOptions & { mode: WebhookMode } {
  const now = () => new Date((vector.inputs.timestamp ?? 0) * 1000)
  return {
    body: vector.inputs.body,
    secrets: vector.key,
    headers: {},
    now,
    ...SCHEMES[vector.scheme]?.(vector),
  } as VerifyOptions & { mode: WebhookMode }
}

async function reasonOf(options: VerifyOptions): Promise<string> {
  const error = await verifyWebhook(options).catch((thrown: unknown) => thrown)
  if (error instanceof WebhookRefused) return error.reason
  throw error
}

test('T140 every scheme of the vectors that signs a delivery is covered', () => {
  expect(new Set(covered.map(({ scheme }) => scheme))).toEqual(new Set(Object.keys(SCHEMES)))
})

test.each(covered.map((vector) => [vector.scheme, vector] as const))(
  'T140 P94 the vector of %s verifies, and with one changed byte it does not',
  async (_scheme, vector) => {
    const options = optionsOf(vector)
    expect(await verifyWebhook(options)).toMatchObject({ mode: options.mode, text: vector.inputs.body })
    expect(await reasonOf({ ...options, body: `${vector.inputs.body} ` })).toBe('mismatch')
    expect(await verifyWebhook({ ...options, body: new TextEncoder().encode(vector.inputs.body) })).toMatchObject({
      text: vector.inputs.body,
    })
  },
)

test('T140 P81 during a rotation either secret verifies alone', async () => {
  for (const vector of covered.filter(({ key }) => Array.isArray(key))) {
    for (const secret of vector.key)
      expect((await verifyWebhook({ ...optionsOf(vector), secrets: secret })).text).toBe(vector.inputs.body)
  }
})

test('T71 the key of awaithumans receivers is derived, and their whole body verifies', async () => {
  const body =
    '{"task_id":"task_01","idempotency_key":"k-1","status":"completed","response":{"approved":true},"completed_at":"2026-01-02T03:04:05.000Z","timed_out_at":null,"completed_by_email":"ann@example.com","completed_via_channel":"email","verification_attempt":0}'
  const delivery = await verifyWebhook({
    headers: { 'x-awaithumans-signature': 'sha256=442ea2029f4a6dee213448027fb5226e737c71f8da07d122cec13d33e6cfe1d6' },
    body,
    secrets: 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8',
  })
  expect(delivery).toMatchObject({ mode: 'awaithumans', timestamp: null })
  expect(delivery.json<{ task_id: string }>().task_id).toBe('task_01')
})

const [standard] = covered as [Vector]
const good = optionsOf(standard)
const signature = standard.expected
const withSignature = (text: string): VerifyOptions => ({
  ...good,
  headers: { ...standardHeaders(standard), 'webhook-signature': text },
})

test('P94 a mode is found by its header where that is safe, and has to be named where another mode signs alike', async () => {
  const { mode: _mode, ...unnamed } = good
  expect((await verifyWebhook(unnamed)).mode).toBe('standard')
  for (const scheme of ['github', 'foragent-v1', 'slack-v0']) {
    const { mode: _named, ...rest } = optionsOf(covered.find((vector) => vector.scheme === scheme) as Vector)
    expect(await reasonOf(rest)).toBe('missing')
  }
})

test('P94 nothing signed is missing; another key, id or time is a mismatch', async () => {
  expect(await reasonOf({ ...good, headers: {} })).toBe('missing')
  expect(await reasonOf({ ...good, secrets: 'whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=' })).toBe('mismatch')
  expect(await reasonOf({ ...good, headers: { ...standardHeaders(standard), 'webhook-id': 'other' } })).toBe('mismatch')
  expect(await reasonOf({ ...good, headers: { ...standardHeaders(standard), 'webhook-timestamp': '1614265331' } })).toBe(
    'mismatch',
  )
})

test.each([
  ['1,000 candidates', withSignature(Array(1000).fill(signature).join(' '))],
  ['17 candidates', withSignature(Array(17).fill(signature).join(' '))],
  ['9 kB', withSignature(`${signature} ${'v9,'.padEnd(9_000, 'x')}`)],
  ['no comma', withSignature('v1')],
  ['url-safe base64', withSignature(signature.replace('/', '_'))],
  ['truncated base64', withSignature(signature.slice(0, -5))],
  ['a version nobody knows', withSignature('v7,AAAA')],
  ['an id with a dot', { ...good, headers: { ...standardHeaders(standard), 'webhook-id': 'a.b' } }],
  ['no id', { ...good, headers: { ...standardHeaders(standard), 'webhook-id': undefined } }],
  ['two signature headers', { ...good, headers: { ...standardHeaders(standard), 'webhook-signature': [signature, signature] } }],
  ...['-1', '1.5', '1e20', '', ' 1', '99999999999999999999'].map(
    (time) =>
      [
        `a time of ${JSON.stringify(time)}`,
        { ...good, headers: { ...standardHeaders(standard), 'webhook-timestamp': time } },
      ] as const,
  ),
  ...['t=1,t=1,v1=00', 't=-1,v1=00', 't=1e20,v1=00', 't=,v1=00', 'v1=00', 't=1', 't=1,v1=zz', 't=1,v1', 'nonsense'].map(
    (text) => [`stripe ${text}`, { ...good, mode: 'stripe', headers: { 'countersign-signature': text } }] as const,
  ),
  ['github without its prefix', { ...good, mode: 'github', headers: { 'x-hub-signature-256': '00'.repeat(32) } }],
  ['github in upper case', { ...good, mode: 'github', headers: { 'x-hub-signature-256': `sha256=${'AA'.repeat(32)}` } }],
] as [string, VerifyOptions][])('P94 a signature with %s is malformed, never a throw of another kind', async (_name, options) => {
  expect(await reasonOf(options)).toBe('malformed')
})

test('T140 five minutes are tolerated to either side, no more, and only a signature that fits can be stale', async () => {
  const at = (offset: number) => ({ ...good, now: () => new Date((standard.inputs.timestamp + offset) * 1000) })
  for (const offset of [-300, 300])
    expect((await verifyWebhook(at(offset))).timestamp).toEqual(new Date(standard.inputs.timestamp * 1000))
  for (const offset of [-301, 301]) expect(await reasonOf(at(offset))).toBe('stale')
  expect(await reasonOf({ ...at(9999), body: 'x' })).toBe('mismatch')
  expect(await reasonOf({ ...at(11), toleranceSeconds: 10 })).toBe('stale')
})

test('T140 the replay hook sees the signed id, or the signature where no id is signed', async () => {
  const seen: string[] = []
  const hook = (id: string, expiresAt: Date) => {
    expect(expiresAt.getTime()).toBeGreaterThan(standard.inputs.timestamp * 1000)
    return seen.includes(id) || seen.push(id) === 0
  }
  await verifyWebhook({ ...good, seen: hook })
  expect(await reasonOf({ ...good, seen: hook })).toBe('replayed')
  const github = optionsOf(covered.find(({ scheme }) => scheme === 'github') as Vector)
  await verifyWebhook({ ...github, now: good.now, headers: { ...github.headers, 'webhook-id': 'evt_1' }, seen: hook })
  expect(await reasonOf({ ...github, now: good.now, headers: { ...github.headers, 'webhook-id': 'evt_2' }, seen: hook })).toBe(
    'replayed',
  )
  expect(seen).toEqual([standard.inputs.id, expect.stringMatching(/^github:sha256=/)])
})

test("T140 a secret of the wrong form, no secret, or a parsed body is the receiver's own mistake", async () => {
  for (const mistake of [
    { secrets: 'whsec_!' },
    { secrets: [] },
    { secrets: '' },
    { body: { parsed: true } as unknown as string },
  ]) {
    await expect(verifyWebhook({ ...good, ...mistake })).rejects.toThrow(TypeError)
  }
})

// The handlers

const url = 'http://receiver.test/webhooks'
const post = (options: VerifyOptions, body: string = standard.inputs.body) =>
  new Request(url, { method: 'POST', body, headers: options.headers as Record<string, string> })

const ANSWERS: [string, (taken: unknown[]) => ReceiveOptions, VerifyOptions, string | undefined, number, number][] = [
  ['a proved delivery', (taken) => ({ ...good, onDelivery: ({ text }) => taken.push(text) }), good, undefined, 200, 1],
  ['no signature', (taken) => ({ ...good, onDelivery: () => taken.push(1) }), { ...good, headers: {} }, undefined, 400, 0],
  ['a malformed signature', (taken) => ({ ...good, onDelivery: () => taken.push(1) }), withSignature('x'), undefined, 400, 0],
  ['another body', (taken) => ({ ...good, onDelivery: () => taken.push(1) }), good, '{}', 401, 0],
  ['an old delivery', (taken) => ({ ...good, now: () => new Date(), onDelivery: () => taken.push(1) }), good, undefined, 401, 0],
  [
    'one that was handled before',
    (taken) => ({ ...good, seen: () => true, onDelivery: () => taken.push(1) }),
    good,
    undefined,
    200,
    0,
  ],
  ['one that is too large', (taken) => ({ ...good, maxBytes: 5, onDelivery: () => taken.push(1) }), good, undefined, 413, 0],
]

test.each(ANSWERS)('T140 the Fetch and Hono handlers answer %s rightly', async (_name, options, sent, body, status, count) => {
  const taken: unknown[] = []
  expect((await webhookFetchHandler(options(taken))(post(sent, body))).status).toBe(status)
  expect(taken).toHaveLength(count)
  expect((await webhookHonoHandler(options(taken))({ req: { raw: post(sent, body) } })).status).toBe(status)
})

async function listen(handler: ReturnType<typeof webhookNodeHandler>): Promise<string> {
  const server = createServer((request, response) => void handler(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test.each(ANSWERS)('T140 the node:http handler answers %s rightly', async (_name, options, sent, body, status, count) => {
  const taken: unknown[] = []
  const base = await listen(webhookNodeHandler(options(taken)))
  const response = await fetch(base, {
    method: 'POST',
    body: body ?? standard.inputs.body,
    headers: sent.headers as Record<string, string>,
  })
  expect([response.status, taken.length]).toEqual([status, count])
})

test('T140 the Express handler takes raw bytes from a parser before it, and refuses what was parsed', async () => {
  const error = vi.spyOn(console, 'error').mockReturnValue()
  onTestFinished(() => error.mockRestore())
  const taken: string[] = []
  const handler = webhookExpressHandler({ ...good, onDelivery: ({ text }) => taken.push(text) })
  const run = async (body: unknown) => {
    const response = { statusCode: 0, setHeader: () => undefined, end: () => undefined }
    const request = {
      headers: good.headers as Record<string, string>,
      body,
      [Symbol.asyncIterator]: async function* () {
        yield* [] as Uint8Array[]
      },
    }
    await handler(request, response)
    return response.statusCode
  }
  expect(await run(new TextEncoder().encode(standard.inputs.body))).toBe(200)
  expect(await run(standard.inputs.body)).toBe(200)
  expect(await run(JSON.parse(standard.inputs.body))).toBe(500)
  expect(taken).toEqual([standard.inputs.body, standard.inputs.body])
  expect(String(error.mock.calls[0]?.[1])).toContain('raw bytes')
})

test('T140 what the receiver throws makes the sender come again; a sender that leaves breaks nothing', async () => {
  const error = vi.spyOn(console, 'error').mockReturnValue()
  onTestFinished(() => error.mockRestore())
  const options: ReceiveOptions = {
    ...good,
    onDelivery: () => {
      throw new Error('no room')
    },
  }
  expect((await webhookFetchHandler(options)(post(good))).status).toBe(500)
  const base = await listen(webhookNodeHandler(options))
  await new Promise<void>((resolve) => {
    const leaving = httpRequest(base, { method: 'POST', headers: { 'content-length': '100' } })
    leaving.on('error', () => resolve())
    leaving.write('half', () => leaving.destroy(new Error('gone')))
  })
  expect(
    (await fetch(base, { method: 'POST', body: standard.inputs.body, headers: good.headers as Record<string, string> })).status,
  ).toBe(500)
})
