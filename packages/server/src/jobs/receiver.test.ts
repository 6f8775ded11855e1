import { randomBytes } from 'node:crypto'
import { createQueue, defineKind, fixedKeys, park, RECEIVER_PROBLEMS, SIGNATURE_HEADER, signCallback } from '@countersign/queue'
import { PROBLEMS } from '@countersign/sdk'
import { expect, onTestFinished, test } from 'vitest'
import { openDoor } from '../http/testing/door.ts'
import { openLog } from '../std/log.ts'
import { openCallbackKeys, openCallbackReceiver, receiverRoutes } from './receiver.ts'

const key = { id: 'k1', secret: randomBytes(32) }
const log = openLog({ level: 'silent' })

async function open(keys = fixedKeys([key])) {
  const made: string[] = []
  const bank = defineKind('bank', {
    async run(_, ctx) {
      const callback = await ctx.callback('answer')
      made.push(callback.id)
      return park(callback)
    },
  })
  const queues: ReturnType<typeof createQueue>[] = []
  const door = await openDoor((db) => {
    const queue = createQueue({ database: db.pool, kinds: [bank], clock: db.clock, listen: false })
    queues.push(queue)
    return receiverRoutes({ receiver: openCallbackReceiver(queue, keys, false, log) })
  })
  const [queue] = queues as [ReturnType<typeof createQueue>]
  onTestFinished(() => queue.close({ grace: '1s' }))
  const id = await queue.enqueue(bank, null)
  queue.work({ maintenance: false })
  await expect.poll(async () => (await queue.job(id))?.state, { timeout: 10_000 }).toBe('waiting')
  const callback = made[0] as string
  const send = async (
    action: 'complete' | 'fail' | 'heartbeat',
    body: string,
    more: Record<string, string> = {},
    under = '/api/v1',
  ) =>
    door.call(`${under}/callbacks/${callback}/${action}`, {
      method: 'POST',
      as: 'nobody',
      raw: body,
      headers: { [SIGNATURE_HEADER]: await signCallback(key, { action, subject: callback, body }, door.clock.now()), ...more },
    })
  return { ...door, queue, id, callback, send }
}

test('Q134 Q135 the server takes signed callbacks under both prefixes, without session, key or same origin, whatever type the body claims to have', async () => {
  const { send, id, callback, queue } = await open()
  expect(await send('heartbeat', '', { origin: 'https://elsewhere.example', 'sec-fetch-site': 'cross-site' })).toMatchObject({
    status: 200,
    body: { id: callback, job_id: id, state: 'waiting' },
  })
  const body = '{ "payload": {"n": 12345678901234567890} }'
  expect(await send('complete', body, { 'content-type': 'text/plain' }, '/api')).toMatchObject({
    status: 200,
    body: { state: 'completed' },
  })
  expect(await queue.job(id)).toMatchObject({ state: 'completed' })
  expect((await send('complete', body)).body).toEqual({ id: callback, job_id: id, state: 'completed' })
  const other = await send('complete', '{"payload":2}')
  expect(other).toMatchObject({
    status: 409,
    body: { code: 'callback_resolved', state: 'completed', request_id: expect.any(String) },
  })
  expect(other.headers['content-type']).toBe('application/problem+json')
})

test('Q130 Q134 the server refuses as the receiver does: signature, id, body and size', async () => {
  const { send, callback, call, id, queue } = await open()
  const post = (path: string, headers = {}, raw = '') => call(path, { method: 'POST', as: 'nobody', raw, headers })
  expect(await post(`/api/v1/callbacks/${callback}/complete`)).toMatchObject({ status: 401, body: { code: 'signature_invalid' } })
  expect(await post(`/api/v1/callbacks/${callback}x/complete`)).toMatchObject({
    status: 400,
    body: { code: 'request_invalid', errors: [{ path: '/id' }] },
  })
  expect(await send('complete', '{"payload":1')).toMatchObject({ status: 400, body: { code: 'json_invalid' } })
  expect(await send('heartbeat', '{"timeout_seconds":0}')).toMatchObject({
    status: 400,
    body: { errors: [{ path: '/timeout_seconds' }] },
  })
  expect(await send('complete', `{"payload":"${'x'.repeat(1_048_576)}"}`)).toMatchObject({
    status: 413,
    body: { code: 'body_too_large' },
  })
  expect(await queue.job(id)).toMatchObject({ state: 'waiting', errors: [] })
})

test('Q132 a server without a key file believes nobody', async () => {
  const { send } = await open(openCallbackKeys(null, log))
  expect(await send('complete', '')).toMatchObject({ status: 401, body: { code: 'signature_invalid' } })
})

test('Q137 what the receiver says by itself is what the catalogue says', () => {
  for (const [code, [status, title]] of Object.entries(RECEIVER_PROBLEMS))
    expect([status, title], code).toEqual([
      PROBLEMS[code as keyof typeof PROBLEMS].status,
      PROBLEMS[code as keyof typeof PROBLEMS].title,
    ])
})
