import { request } from 'node:http'
import { expect, test } from 'vitest'
import { problemOf } from './problem.ts'
import { type EventStream, type Route, route, type Steps } from './route.ts'
import { openDoor, withOverrides } from './testing/door.ts'

const out: EventStream[] = []
const refused = (error: unknown) => ({
  status: 418,
  headers: { 'Content-Type': 'text/plain' },
  body: `refused: ${problemOf(error).code}`,
})
type Own = (steps: Steps) => ReturnType<NonNullable<Route['spec']['own']>>

const routesOf = (own: Own): Route[] =>
  (['GET', 'POST'] as const).map((method) =>
    route(
      `${method} /foreign/*`,
      {
        summary: 'Another protocol',
        tag: 't',
        auth: 'key',
        credentials: ['key', 'relay'],
        self: true,
        answers: { 200: 'page' },
        own: (steps) => own(steps).catch(refused),
      },
      async () => undefined,
    ),
  )

async function door(own: Own, options = {}) {
  out.length = 0
  return openDoor(() => [], { rootRoutes: routesOf(own), ...options })
}

const said = (body: unknown) => ({ status: 200, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) })

test('a route of another protocol takes the steps that it likes, and answers refusals itself', async () => {
  const house = await door(async (steps) => {
    steps.refuseLarge(10)
    const scope = await steps.who()
    await steps.count(scope, 1)
    return said({ principal: scope.principal, bytes: (await steps.read(scope, 10)).length, path: steps.request.path })
  })
  const answered = await house.call('/foreign/a/b:c', { raw: '12345' })
  expect(answered.body).toEqual({ principal: 'agt_1', bytes: 5, path: '/foreign/a/b:c' })
  expect(answered.headers.ratelimit).toBeDefined()
  expect(answered.headers['x-request-id']).toMatch(/^req_/)
  const refusals = await Promise.all([
    house.call('/foreign/a', { raw: '12345678901' }),
    house.call('/foreign/a', { raw: '12345678901', headers: { 'transfer-encoding': 'chunked' } }),
    house.call('/foreign/a', { as: 'bad' }),
    house.call('/foreign/a', { as: 'thread' }),
    house.call('/foreign/a', { as: 'nobody' }),
  ])
  expect(refusals.map(({ status, text }) => [status, text])).toEqual(
    ['body_too_large', 'body_too_large', 'key_invalid', 'wrong_token_kind', 'unauthenticated'].map((code) => [
      418,
      `refused: ${code}`,
    ]),
  )
  expect(JSON.stringify((await house.call('/openapi.json')).body)).not.toContain('foreign')
})

test('R114 a cookie is no credential there', async () => {
  const house = await door(async (steps) => said((await steps.who()).principal))
  expect((await house.call('/foreign/a', { as: 'nobody', headers: { cookie: 'cs_session=user' } })).text).toBe(
    'refused: unauthenticated',
  )
  expect((await house.call('/foreign/a', { headers: { cookie: 'cs_session=user' } })).body).toBe('agt_1')
})

const untilAborted = (signal: AbortSignal) => new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))

function reader(port: number) {
  let text = ''
  const sent = request({ port, path: '/foreign/s', headers: { authorization: 'Bearer agent' }, agent: false })
  const answer = new Promise<{ pause(): void; resume(): void; ended: Promise<void>; type: unknown }>((resolve) => {
    sent.on('error', () => undefined)
    sent.on('response', (one) => {
      one.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
      one.on('error', () => undefined)
      const ended = new Promise<void>((done) => one.on('close', done))
      resolve({ pause: () => one.pause(), resume: () => one.resume(), ended, type: one.headers['content-type'] })
    })
  })
  sent.end()
  return { answer, text: () => text }
}

test('R96 its stream has data and comments and nothing else, and no end of its own', async () => {
  const house = await door(async (steps) =>
    steps.stream(await steps.who(), { 'X-Own': 'yes' }, async () => async (stream) => {
      out.push(stream)
      await stream.send({ id: '7', data: { n: 1 } })
      await untilAborted(stream.signal)
    }),
  )
  const one = reader(house.port)
  expect((await one.answer).type).toBe('text/event-stream; charset=utf-8')
  await expect.poll(one.text).toBe('id: 7\ndata: {"n":1}\n\n')
  await house.clock.advance('16s')
  await expect.poll(one.text).toBe('id: 7\ndata: {"n":1}\n\n:\n\n')
  await house.clock.advance('2h')
  expect(out[0]?.signal.aborted).toBe(false)
  await house.close()
  expect(out[0]?.signal.reason).toBe('shutdown')
})

test('R96 what goes wrong before a stream is open is an answer, and gives its place back', async () => {
  let broken = true
  const house = await door(
    async (steps) =>
      steps.stream(await steps.who(), {}, async () => {
        if (broken) throw new Error('no')
        return async (stream) => stream.send({ data: 1 })
      }),
    { buckets: withOverrides({ stream: { limit: 1 } }) },
  )
  for (let n = 0; n < 3; n++) expect((await house.call('/foreign/s')).text).toBe('refused: internal')
  broken = false
  expect((await house.call('/foreign/s')).text).toBe('data: 1\n\n')
})

test('R98 whoever leaves 256 KiB unread for 30 seconds is sent away', async () => {
  let written = 0
  const house = await door(async (steps) =>
    steps.stream(await steps.who(), {}, async () => async (stream) => {
      out.push(stream)
      for (; !stream.signal.aborted; written++) await stream.send({ data: 'x'.repeat(10_000) })
    }),
  )
  const one = reader(house.port)
  ;(await one.answer).pause()
  // It stops where the socket takes no more and as much again waits here.
  await expect.poll(() => written).toBeGreaterThan(25)
  let before = -1
  await expect
    .poll(() => {
      const isStill = before === written
      before = written
      return isStill
    })
    .toBe(true)
  await house.clock.advance('29s')
  expect(out[0]?.signal.aborted).toBe(false)
  await house.clock.advance('2s')
  expect(out[0]?.signal.reason).toBe('slow')
  ;(await one.answer).resume()
  await (await one.answer).ended
})
