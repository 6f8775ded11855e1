import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'
import {
  AWA_SIGNATURE_HEADER,
  type Callback,
  type CallbackKey,
  type CallbackOptions,
  callbackHandler,
  createQueue,
  defineKind,
  enqueue,
  nodeCallbackHandler,
  openKeyFile,
  park,
  QueueError,
  type ReceiverOptions,
  SIGNATURE_HEADER,
  serveCallbacks,
  signAwa,
  signCallback,
} from './index.ts'
import { drain } from './testing.ts'

const newKey = (id: string, more: Partial<CallbackKey> = {}): CallbackKey => ({ id, secret: randomBytes(32), ...more })
const TENANT = '0192f3a4-5b6c-7d8e-9f01-23456789abcd'
const OTHER = '0192f3a4-5b6c-7d8e-9f01-23456789abce'

type Sent = {
  action?: string
  body?: string
  key?: CallbackKey | null
  at?: Date
  headers?: Record<string, string>
  path?: string
}

/** A queue whose one kind parks on a callback, and a receiver in front of it. */
async function open(options: { callback?: CallbackOptions; receiver?: Partial<ReceiverOptions>; kind?: object } = {}) {
  const house = await database()
  const made: Callback[] = []
  const bank = defineKind('bank', {
    async run(_, ctx) {
      const callback = await ctx.callback('answer', { timeout: '2h', ...options.callback })
      made.push(callback)
      return callback.resolved ? { said: callback.payload } : park(callback)
    },
    ...options.kind,
  })
  const queue = createQueue({ database: { url: house.runtimeUrl }, kinds: [bank], clock: house.clock, listen: false })
  onTestFinished(() => queue.close({ grace: '1s' }))
  const key = newKey('k1')
  const handler = callbackHandler(queue, { keys: [key], ...options.receiver })

  const parked = async (tenantId?: string) => {
    const id = await enqueue(queue.house.store, { kind: 'bank', tenantId })
    await drain(queue)
    return { id, callback: (made.at(-1) as Callback).id }
  }
  const send = async (id: string, sent: Sent = {}) => {
    const { action = 'complete', body = '', at = house.clock.now(), headers = {} } = sent
    const by = sent.key === undefined ? key : sent.key
    const signed = { action: action as 'complete', subject: id, body }
    const own: Record<string, string> = by ? { [SIGNATURE_HEADER]: await signCallback(by, signed, at) } : {}
    const response = await handler(
      new Request(`http://here${sent.path ?? '/api/v1/callbacks'}/${id}/${action}`, {
        method: 'POST',
        body,
        headers: { ...own, ...headers },
      }),
    )
    return { status: response.status, headers: response.headers, body: (await response.json()) as Record<string, unknown> }
  }
  /** Everything that an answer could change. */
  const rows = () =>
    house.admin.query(
      'select to_jsonb(j) as job, to_jsonb(c) as callback from countersign_queue.jobs j left join countersign_queue.callbacks c on c.job_id = j.id order by j.id',
    )
  return { ...house, queue, key, handler, parked, send, rows, made }
}

// biome-ignore lint/suspicious/noThenProperty: the word of the contract, and a text: nothing awaits it
const RESUME: CallbackOptions = { then: 'resume' }

const later = (at: Date, seconds: number) => new Date(at.getTime() + seconds * 1000)

test('Q134 Q135 A11 a signed answer completes, fails or keeps a job, and says {id, job_id, state}; both prefixes answer', async () => {
  const { queue, parked, send, clock } = await open()
  const one = await parked()
  const done = await send(one.callback, { body: '{"payload":{"ok":12345678901234567890.5}}' })
  expect(done).toMatchObject({ status: 200, body: { id: one.callback, job_id: one.id, state: 'completed' } })
  expect(Object.keys(done.body)).toHaveLength(3)
  expect(done.headers.get('cache-control')).toBe('no-store')
  expect(done.headers.get('access-control-allow-origin')).toBeNull()
  const two = await parked()
  await clock.advance('90m')
  expect(await send(two.callback, { action: 'heartbeat', path: '/api/callbacks' })).toMatchObject({
    status: 200,
    body: { state: 'waiting' },
  })
  await clock.advance('55m')
  expect(await send(two.callback, { action: 'heartbeat', body: '{"timeout_seconds":86400}' })).toMatchObject({ status: 200 })
  expect(await send(two.callback, { action: 'fail', body: '{"error":"no funds"}' })).toMatchObject({
    status: 200,
    body: { id: two.callback, job_id: two.id, state: 'failed' },
  })
  expect(await queue.job(two.id)).toMatchObject({ state_reason: 'terminal_error', errors: [{ error: 'no funds' }] })
})

test('Q134 every digit of a payload arrives', async () => {
  const { admin, parked, send } = await open()
  const { id, callback } = await parked()
  await send(callback, { body: '{"payload":{"amount":12345678901234567890.123}}' })
  const { rows } = await admin.query('select output::text as text from countersign_queue.jobs where id = $1', [id])
  expect(rows[0].text).toBe('{"amount": 12345678901234567890.123}')
})

test('Q130 §8 A11 what is not signed rightly is one and the same 401, whatever is wrong, and nothing was looked up or changed', async () => {
  const { parked, send, key, rows, clock } = await open()
  const { callback } = await parked()
  const body = '{"payload":1}'
  const right = await signCallback(key, { action: 'complete', subject: callback, body }, clock.now())
  const before = (await rows()).rows
  const wrong: Record<string, string>[] = [
    {},
    { [SIGNATURE_HEADER]: '' },
    { [SIGNATURE_HEADER]: right.slice(0, -1) },
    { [SIGNATURE_HEADER]: right.replace(/sig=../, 'sig=zz') },
    { [SIGNATURE_HEADER]: right.replace(/sig=(.*)/, (_, sig: string) => `sig=${sig.toUpperCase()}`) },
    { [SIGNATURE_HEADER]: right.replace('kid=k1', 'kid=k9') },
    { [SIGNATURE_HEADER]: `${right},${right}` },
    { [SIGNATURE_HEADER]: `${right}, ${right}` },
    { [SIGNATURE_HEADER]: right.replace('kid=k1', 'kid=k1;kid=k1') },
    {
      [SIGNATURE_HEADER]: [1, 2, 3, 4]
        .map((n) => right.replace('k1', `x${n}`))
        .concat(right)
        .join(),
    },
    { [SIGNATURE_HEADER]: `${right},${'x'.repeat(1024)}` },
    {
      [SIGNATURE_HEADER]: await signCallback(
        { ...key, secret: randomBytes(32) },
        { action: 'complete', subject: callback, body },
        clock.now(),
      ),
    },
    { [SIGNATURE_HEADER]: await signCallback(key, { action: 'fail', subject: callback, body }, clock.now()) },
    { [SIGNATURE_HEADER]: await signCallback(key, { action: 'complete', subject: callback, body: `${body} ` }, clock.now()) },
    { [SIGNATURE_HEADER]: await signCallback(key, { action: 'complete', subject: `${callback}x`, body }, clock.now()) },
    { [AWA_SIGNATURE_HEADER]: signAwa(key.secret, callback) },
  ]
  const told = []
  for (const headers of wrong) {
    const { status, body: said } = await send(callback, { body, key: null, headers })
    told.push({ status, ...said, request_id: undefined })
  }
  expect(new Set(told.map((one) => JSON.stringify(one)))).toEqual(
    new Set([
      JSON.stringify({
        status: 401,
        type: 'urn:countersign:problem:signature_invalid',
        title: 'Signature does not match',
        code: 'signature_invalid',
      }),
    ]),
  )
  // Where nothing is, the answer is the same: nothing was looked up.
  const nowhere = await send('cb_01KAMZX5V1E0000000000000ZZ', { body, key: null, headers: { [SIGNATURE_HEADER]: right } })
  expect(nowhere).toMatchObject({ status: 401, body: { code: 'signature_invalid' } })
  expect((await rows()).rows).toEqual(before)
})

test('Q130 Q5 a right MAC outside 300 s of the clock of the database is 401 signature_expired, also for a callback that is not there', async () => {
  const { parked, send, rows, clock } = await open()
  const { callback } = await parked()
  const before = (await rows()).rows
  const now = clock.now()
  for (const seconds of [-301, 302])
    expect(await send(callback, { at: later(now, seconds) })).toMatchObject({ status: 401, body: { code: 'signature_expired' } })
  expect(await send('cb_01KAMZX5V1E0000000000000ZZ', { at: later(now, -301) })).toMatchObject({ status: 401 })
  expect(await send('cb_01KAMZX5V1E0000000000000ZZ')).toMatchObject({ status: 404, body: { code: 'not_found' } })
  expect((await rows()).rows).toEqual(before)
  // What this process takes for the time is never asked.
  await clock.advance('2h')
  expect(await send((await parked()).callback, { at: later(clock.now(), -290) })).toMatchObject({ status: 200 })
})

test('Q131 an answer is given once: the identical one gets the stored reply, another 409, and after the time 410', async () => {
  const { parked, send, clock, queue } = await open({ callback: RESUME })
  const { id, callback } = await parked()
  const body = '{"payload":{"n":1}}'
  const first = await send(callback, { body })
  expect(first).toMatchObject({ status: 200, body: { state: 'ready' } })
  await drain(queue)
  expect(await queue.job(id)).toMatchObject({ state: 'completed', output: { said: { n: 1 } } })
  // The reply of the first, not the state of now; the bytes may differ where the JSON does not.
  expect((await send(callback, { body: '{ "payload": {"n": 1} }', at: later(clock.now(), 9) })).body).toEqual(first.body)
  for (const [action, other] of [
    ['complete', '{"payload":{"n":2}}'],
    ['complete', ''],
    ['fail', '{"error":"x"}'],
    ['heartbeat', ''],
  ] as const)
    expect(await send(callback, { action, body: other })).toMatchObject({
      status: 409,
      body: { code: 'callback_resolved', state: 'completed' },
    })
  const failed = await parked()
  const no = '{"error":"no","retryable":false}'
  expect((await send(failed.callback, { action: 'fail', body: no })).body).toEqual(
    (await send(failed.callback, { action: 'fail', body: no })).body,
  )
  const late = await parked()
  await clock.advance('3h')
  expect(await send(late.callback, { body })).toMatchObject({ status: 410, body: { code: 'callback_expired' } })
  expect(await send(late.callback, { action: 'heartbeat' })).toMatchObject({ status: 410 })
  expect(await queue.job(late.id)).toMatchObject({ state: 'retrying', state_reason: 'callback_timeout' })
})

test('Q131 Q150 A10 of many answers at once over many connections one wins, and who says the same hears the same', async () => {
  const { parked, send, queue } = await open()
  const { id, callback } = await parked()
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, n) =>
      n % 2 ? send(callback, { body: `{"payload":${n % 4}}` }) : send(callback, { action: 'fail', body: `{"error":"${n % 4}"}` }),
    ),
  )
  const won = answers.filter((answer) => answer.status === 200)
  expect(won).toHaveLength(3)
  expect(new Set(won.map((answer) => JSON.stringify(answer.body))).size).toBe(1)
  expect(answers.filter((answer) => answer.status === 409 && answer.body.code === 'callback_resolved')).toHaveLength(9)
  expect((await queue.job(id))?.state).toBe(won[0]?.body.state)
})

test('Q131 Q150 a heartbeat’s time must be greater than the last accepted, and none ever shortens the wait', async () => {
  const { parked, send, queue, clock } = await open()
  const { callback } = await parked()
  const beat = (seconds: number, body = '') => send(callback, { action: 'heartbeat', at: later(now, seconds), body })
  const timeout = async () => new Date((await queue.callbacks.get(callback))?.timeout_at as string).getTime()
  const now = clock.now()
  const before = await timeout()
  expect(await beat(0, '{"timeout_seconds":1}')).toMatchObject({ status: 200 })
  expect(await timeout()).toBe(before)
  expect(await beat(0)).toMatchObject({ status: 409, body: { code: 'callback_replayed', state: 'waiting' } })
  expect(await beat(-5)).toMatchObject({ status: 409, body: { code: 'callback_replayed' } })
  expect(await timeout()).toBe(before)
  expect(await beat(2, '{"timeout_seconds":86400}')).toMatchObject({ status: 200 })
  expect((await timeout()) - now.getTime()).toBeGreaterThan(23 * 3_600_000)
  // Refused ones move nothing, and neither does one that was too far in the future.
  expect(await beat(900)).toMatchObject({ status: 401 })
  expect(await beat(3)).toMatchObject({ status: 200 })
})

test('Q132 old and new key verify until notAfter, and a tenant’s key opens only that tenant’s callbacks', async () => {
  const old = newKey('old', { notAfter: new Date(Date.now() + 3_600_000) })
  const fresh = newKey('new')
  const narrow = newKey('narrow', { tenantId: TENANT })
  const { parked, send, clock, rows } = await open({ receiver: { keys: [fresh, old, narrow] }, callback: { timeout: '9h' } })
  expect(await send((await parked()).callback, { key: old })).toMatchObject({ status: 200 })
  expect(await send((await parked(TENANT)).callback, { key: narrow })).toMatchObject({ status: 200 })
  const foreign = await parked(OTHER)
  const before = (await rows()).rows
  for (const action of ['complete', 'heartbeat'])
    expect(await send(foreign.callback, { action, key: narrow })).toMatchObject({ status: 404, body: { code: 'not_found' } })
  expect((await rows()).rows).toEqual(before)
  await clock.advance('61m')
  expect(await send(foreign.callback, { key: old })).toMatchObject({ status: 401, body: { code: 'signature_invalid' } })
  // Signed by both while a key is changed: one that is live is enough.
  const both = await Promise.all(
    [old, fresh].map((key) => signCallback(key, { action: 'complete', subject: foreign.callback, body: '' }, clock.now())),
  )
  expect(await send(foreign.callback, { key: null, headers: { [SIGNATURE_HEADER]: both.join() } })).toMatchObject({ status: 200 })
})

test('Q132 a key file is read again when it changes, must be 0600, and a broken one leaves the keys before in force', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'keys-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const path = join(folder, 'keys.json')
  const write = async (file: object | string, mode = 0o600) => {
    await writeFile(`${path}.new`, typeof file === 'string' ? file : JSON.stringify(file))
    await chmod(`${path}.new`, mode)
    await rename(`${path}.new`, path)
  }
  const spoken = ({ id, secret }: CallbackKey, more = {}) => ({ id, secret: Buffer.from(secret).toString('hex'), ...more })
  const [one, two] = [newKey('one'), newKey('two')]
  await write({ keys: [spoken(one)] }, 0o640)
  expect(() => openKeyFile(path)).toThrow('others can reach it')
  for (const broken of [
    '{',
    '[]',
    { keys: {} },
    { keys: [{ id: 'x', secret: 'zz' }] },
    { keys: [spoken(one), spoken(one)] },
    { key: [] },
  ]) {
    await write(broken)
    expect(() => openKeyFile(path), JSON.stringify(broken)).toThrow(QueueError)
  }
  await write({ keys: [spoken(one, { not_after: '2999-01-01T00:00:00Z' })], awa: ['07'.repeat(32)] })
  const keys = openKeyFile(path)
  const { parked, send, queue } = await open({ receiver: { keys }, callback: { timeout: '9h' } })
  expect(await send((await parked()).callback, { key: one })).toMatchObject({ status: 200 })
  const waiting = await parked()
  expect(await send(waiting.callback, { key: two })).toMatchObject({ status: 401 })
  await write({ keys: [spoken(two), spoken(one)] })
  expect(await send(waiting.callback, { key: two })).toMatchObject({ status: 200 })
  for (const [file, mode] of [
    ['{', 0o600],
    [{ keys: [] }, 0o644],
  ] as const) {
    await write(file, mode)
    expect(await send((await parked()).callback, { key: two })).toMatchObject({ status: 200 })
  }
  await rm(path)
  expect(await send((await parked()).callback, { key: one })).toMatchObject({ status: 200 })
  await write({ keys: [spoken(two)] })
  expect(await send((await parked()).callback, { key: one })).toMatchObject({ status: 401 })
  expect((await queue.jobs({ state: 'waiting' })).data).toHaveLength(1)
})

test('Q128 Q135 version 1 is taken only where it is asked for, for every action of its id, and there UUIDs are ids', async () => {
  const awaKeys = [randomBytes(32), randomBytes(32)] as const
  const uuid = '00000000-0000-0000-0000-000000000001'
  const v1 = (id: string) => ({ key: null, headers: { [AWA_SIGNATURE_HEADER]: signAwa(awaKeys[1], id) } })
  const off = await open({ receiver: { awaKeys, keys: [newKey('k1')] } })
  const there = (await off.parked()).callback
  expect(await off.send(there, v1(there))).toMatchObject({ status: 401 })
  expect(await off.send(uuid, v1(uuid))).toMatchObject({ status: 400, body: { code: 'request_invalid' } })
  const on = await open({ receiver: { awaKeys, keys: [], acceptV1: true } })
  const { callback } = await on.parked()
  expect(await on.send(callback, { action: 'heartbeat', ...v1(callback) })).toMatchObject({ status: 200 })
  expect(await on.send(callback, { action: 'heartbeat', ...v1(callback) })).toMatchObject({ status: 200 })
  expect(await on.send(callback, { ...v1(callback), body: '{"payload":1}' })).toMatchObject({ status: 200 })
  expect(await on.send(uuid, v1(uuid))).toMatchObject({ status: 404 })
  expect(await on.send(uuid, { key: null })).toMatchObject({ status: 401 })
  // A version 2 header that is wrong is not made good by an old one.
  const twice = { ...v1(callback).headers, [SIGNATURE_HEADER]: 'v2' }
  expect(await on.send(callback, { key: null, headers: twice })).toMatchObject({ status: 401 })
})

test.each([
  ['complete', 400, 'json_invalid', '{'],
  ['complete', 400, 'json_invalid', '\ufeff{}'],
  ['complete', 400, 'json_invalid', '{"payload":"\\u0000"}'],
  ['complete', 400, 'json_invalid', '{"payload":"\\ud800"}'],
  ['complete', 400, 'json_invalid', `{"payload":${'['.repeat(70)}${']'.repeat(70)}}`],
  ['complete', 400, 'json_invalid', '{"payload":1e999}'],
  ['complete', 400, 'request_invalid', '[]'],
  ['complete', 400, 'request_invalid', '{"payloads":1}'],
  ['complete', 400, 'request_invalid', '{"lease":"1"}'],
  ['complete', 409, 'lease_stale', '{"lease":12345}'],
  ['complete', 413, 'payload_too_large', `{"payload":[${'1,'.repeat(520_000)}1]}`],
  ['complete', 413, 'body_too_large', `{"payload":"${'x'.repeat(1_048_576)}"}`],
  ['fail', 400, 'request_invalid', ''],
  ['fail', 400, 'request_invalid', '{"error":1}'],
  ['fail', 400, 'request_invalid', '{"error":"x","retryable":"yes"}'],
  ['fail', 400, 'request_invalid', `{"error":"${'x'.repeat(8_193)}"}`],
  ['heartbeat', 400, 'request_invalid', '{"timeout_seconds":-1}'],
  ['heartbeat', 400, 'request_invalid', '{"timeout_seconds":0}'],
  ['heartbeat', 400, 'request_invalid', '{"timeout_seconds":1.5}'],
  ['heartbeat', 400, 'request_invalid', '{"timeout_seconds":90000}'],
  ['heartbeat', 409, 'lease_stale', '{"lease":12345}'],
])('Q134 §8 a body of %s that is answered %i %s changes nothing', async (action, status, code, body) => {
  const { parked, send, rows } = await open()
  const { callback } = await parked()
  const before = (await rows()).rows
  expect(await send(callback, { action, body })).toMatchObject({ status, body: { code, status } })
  expect((await rows()).rows).toEqual(before)
})

test('Q134 §8 an id of another shape is 400, a path that is not one of the three 404, another method 405, and a lease that is the job’s is right', async () => {
  const { parked, send, handler, queue } = await open()
  const { id, callback } = await parked()
  for (const wrong of [
    'x',
    'CB_01KAMZX5V1E0000000000000ZZ',
    `${callback}0`,
    `%63b_${callback.slice(3)}`,
    'cb_01KAMZX5V1E000000000000OZZ',
  ])
    expect(await send(wrong), wrong).toMatchObject({ status: 400, body: { code: 'request_invalid', errors: [{ path: '/id' }] } })
  const get = async (path: string, method = 'GET') => (await handler(new Request(`http://here${path}`, { method }))).status
  expect(await get(`/api/v1/callbacks/${callback}/complete`)).toBe(405)
  for (const path of [
    '/',
    '/api/v1/jobs',
    '/api/v1/callbacks',
    `/api/v1/callbacks/${callback}/resume`,
    `/x/api/v1/callbacks/${callback}/complete`,
  ])
    expect(await get(path, 'POST'), path).toBe(404)
  const lease = (await queue.job(id))?.lease
  expect(await send(callback, { action: 'heartbeat', body: JSON.stringify({ lease }) })).toMatchObject({ status: 200 })
  expect(await send(callback, { body: JSON.stringify({ lease }) })).toMatchObject({ status: 200 })
})

test('Q102 what a filter does not hold for is 202 and still waits; an expression that fails is 422, changes nothing and stands in the timeline once', async () => {
  const { parked, send, queue } = await open({ callback: { filter: '$.final == true', transform: 'strict $.result' } })
  const { id, callback } = await parked()
  expect(await send(callback, { body: '{"payload":{"final":false}}' })).toMatchObject({
    status: 202,
    body: { job_id: id, state: 'waiting' },
  })
  for (let n = 0; n < 3; n++)
    expect(await send(callback, { body: '{"payload":{"final":true}}' })).toMatchObject({
      status: 422,
      body: { code: 'callback_expression_failed', detail: expect.stringContaining('result') },
    })
  expect(await queue.job(id)).toMatchObject({ state: 'waiting', errors: [{ reason: 'callback_expression_failed' }] })
  expect(await send(callback, { body: '{"payload":{"final":true,"result":[7]}}' })).toMatchObject({ status: 200 })
  expect(await queue.job(id)).toMatchObject({ state: 'completed', output: [7] })
})

test('Q102 an expression that runs for longer than a second is cut off and counts as failed', async () => {
  const { parked, send, queue } = await open({ callback: { onComplete: 'exists($.a[*] ? (@ == $.a[*] + 1000000))' } })
  const { id, callback } = await parked()
  const from = performance.now()
  const body = JSON.stringify({ payload: { a: Array.from({ length: 60_000 }, (_, i) => i) } })
  expect(await send(callback, { body })).toMatchObject({ status: 422, body: { code: 'callback_expression_failed' } })
  expect(performance.now() - from).toBeLessThan(5_000)
  expect(await queue.job(id)).toMatchObject({ state: 'waiting', errors: [{ error: 'an expression ran longer than 1 s' }] })
})

test('Q134 a database that takes no writes is 503 read_only, and one that is away 503 store_unavailable; both say when to come again', async () => {
  const { parked, send, admin, name, queue, key, clock } = await open()
  const { callback } = await parked()
  const body = '{"payload":1}'
  const refused = async (url: string) => {
    const other = createQueue({ database: { url }, listen: false })
    onTestFinished(() => other.close())
    const headers = { [SIGNATURE_HEADER]: await signCallback(key, { action: 'complete', subject: callback, body }, clock.now()) }
    const request = new Request(`http://here/api/v1/callbacks/${callback}/complete`, { method: 'POST', body, headers })
    const answer = await callbackHandler(other, { keys: [key] })(request)
    return {
      status: answer.status,
      after: answer.headers.get('retry-after'),
      code: ((await answer.json()) as { code: string }).code,
    }
  }
  const { runtimeUrl } = { runtimeUrl: queue.house.store.config.connectionString as string }
  await admin.query(`alter role countersign_runtime in database ${name} set default_transaction_read_only = on`)
  expect(await refused(runtimeUrl)).toEqual({ status: 503, after: '1', code: 'read_only' })
  await admin.query(`alter role countersign_runtime in database ${name} reset default_transaction_read_only`)
  const nobody = new URL(runtimeUrl)
  nobody.port = '1'
  nobody.hostname = '127.0.0.1'
  nobody.search = ''
  expect(await refused(nobody.href)).toEqual({ status: 503, after: '1', code: 'store_unavailable' })
  expect(await send(callback, { body })).toMatchObject({ status: 200 })
})

test('Q135 Q101 A12 the standalone receiver needs no right but countersign_callback, runs follow-ups with the answer, and serves nothing else', async () => {
  const { parked, queue, admin, name, key, clock } = await open({ kind: { onCompleted: [{ kind: 'told' }] } })
  const { id, callback } = await parked()
  const role = `cb_${crypto.randomUUID().slice(0, 8)}`
  await admin.query(
    `create role ${role} login password 'x' in role countersign_callback; grant connect on database ${name} to ${role}`,
  )
  const url = new URL(queue.house.store.config.connectionString as string)
  url.username = role
  url.password = 'x'
  const narrow = createQueue({ database: { url: url.href }, listen: false })
  onTestFinished(async () => {
    await server.close()
    await narrow.close()
    await admin.query(`revoke connect on database ${name} from ${role}; drop role ${role}`)
  })
  const server = await serveCallbacks(narrow, { keys: [key] })
  expect(new URL(server.url).hostname).toBe('127.0.0.1')
  const post = async (path: string, body = '', headers: Record<string, string> = {}) =>
    fetch(`${server.url}${path}`, { method: 'POST', body, headers })
  for (const path of ['/', '/livez', '/api/v1/jobs', '/api/v1/me', `/api/v1/callbacks/${callback}/retry`, '/metrics']) {
    expect((await fetch(`${server.url}${path}`)).status, path).toBe(404)
    expect((await post(path)).status, path).toBe(404)
  }
  const path = `/api/v1/callbacks/${callback}/complete`
  expect((await post(path)).status).toBe(401)
  expect(
    (await fetch(`${server.url}${path}`, { method: 'OPTIONS', headers: { origin: 'https://elsewhere' } })).headers.get(
      'access-control-allow-origin',
    ),
  ).toBeNull()
  const tooLarge = await post(path, 'x'.repeat(1_048_577))
  expect([tooLarge.status, ((await tooLarge.json()) as { code: string }).code]).toEqual([413, 'body_too_large'])
  const body = '{"payload":{"ok":true}}'
  const headers = { [SIGNATURE_HEADER]: await signCallback(key, { action: 'complete', subject: callback, body }, clock.now()) }
  const answer = await post(path, body, headers)
  expect([answer.status, await answer.json()]).toEqual([200, { id: callback, job_id: id, state: 'completed' }])
  expect((await queue.jobs({ kind: 'told' })).data).toHaveLength(1)
})

test('Q135 a receiver starts neither without a key, nor unsigned where strangers are, nor on a database that takes no writes', async () => {
  const { queue, admin, name, parked, key } = await open()
  await expect(serveCallbacks(queue, {})).rejects.toThrow('at least one key')
  await expect(serveCallbacks(queue, { keys: [] })).rejects.toThrow('at least one key')
  await expect(serveCallbacks(queue, { keys: [], awaKeys: [randomBytes(32)] })).rejects.toThrow('at least one key')
  expect(() => callbackHandler(queue, {})).toThrow('at least one key')
  for (const host of ['0.0.0.0', '::', '203.0.113.9', '11.0.0.1', '172.32.0.1'])
    await expect(serveCallbacks(queue, { host, allowUnsigned: true }), host).rejects.toThrow('private address')
  const server = await serveCallbacks(queue, { allowUnsigned: true })
  const { id, callback } = await parked()
  expect((await fetch(`${server.url}/api/callbacks/${callback}/complete`, { method: 'POST' })).status).toBe(200)
  expect(await queue.job(id)).toMatchObject({ state: 'completed' })
  await server.close()
  await admin.query(`alter role countersign_runtime in database ${name} set default_transaction_read_only = on`)
  const other = createQueue({ database: { url: queue.house.store.config.connectionString as string }, listen: false })
  onTestFinished(() => other.close())
  await expect(serveCallbacks(other, { keys: [key] })).rejects.toThrow('read-only')
})

test('Q135 the receiver stands in any server of node:http, under a prefix of one’s own', async () => {
  const { queue, key, parked, clock } = await open()
  const { callback } = await parked()
  const server = createServer(nodeCallbackHandler(queue, { keys: [key], prefixes: ['/jobs/back/'] }))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const send = async (path: string) =>
    fetch(`${base}${path}`, {
      method: 'POST',
      headers: {
        [SIGNATURE_HEADER]: await signCallback(key, { action: 'complete', subject: callback, body: '' }, clock.now()),
        'X-Request-Id': 'a-request-of-theirs',
      },
    })
  expect((await send(`/api/v1/callbacks/${callback}/complete`)).status).toBe(404)
  const answer = await send(`/jobs/back/${callback}/complete?ignored=1`)
  expect(answer.status).toBe(200)
  expect(answer.headers.get('x-request-id')).toBe('a-request-of-theirs')
})
