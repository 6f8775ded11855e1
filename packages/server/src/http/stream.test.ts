import { request } from 'node:http'
import { expect, test } from 'vitest'
import { type EventStream, type Route, route, s } from './route.ts'
import { openDoor, withOverrides } from './testing/door.ts'

type Opened = {
  text(): string
  ended: Promise<void>
  status: number
  headers: Record<string, unknown>
  leave(): void
  pause(): void
  resume(): void
}

function openStream(port: number, path: string, as = 'agent'): Promise<Opened> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { port, path, headers: { authorization: `Bearer ${as}`, accept: 'text/event-stream' }, agent: false },
      (answer) => {
        let text = ''
        answer.on('data', (chunk) => {
          text += chunk.toString()
        })
        const ended = new Promise<void>((done) => answer.on('close', () => done()))
        resolve({
          text: () => text,
          ended,
          status: answer.statusCode as number,
          headers: answer.headers,
          leave: () => sent.destroy(),
          pause: () => answer.pause(),
          resume: () => answer.resume(),
        })
      },
    )
    sent.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' ? undefined : reject(error)))
    sent.end()
  })
}

const streams: EventStream[] = []
const waits: { reason?: unknown }[] = []
const revocations = new Set<() => void>()
const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve())))

const routes = (): Route[] => {
  const spec = { summary: 'Flow', tag: 't', auth: 'any', self: true, answers: { 200: 'stream' } } as const
  return [
    route('GET /flow', spec, ({ stream }) =>
      stream(async (out) => {
        streams.push(out)
        await out.send({ id: '1', event: 'hello', data: { text: 'a\nb', n: 1 } })
        await untilAborted(out.signal)
      }),
    ),
    route('GET /three', spec, ({ stream }) =>
      stream(async (out) => {
        for (const n of [1, 2, 3]) await out.send({ data: n })
      }),
    ),
    route('GET /broken', spec, ({ stream }) =>
      stream(async (out) => {
        await out.send({ data: 1 })
        throw new Error('the source broke')
      }),
    ),
    route('GET /flood', spec, ({ stream }) =>
      stream(async (out) => {
        streams.push(out)
        for (let n = 0; n < 2_000 && !out.signal.aborted; n++) {
          await out.send({ data: 'x'.repeat(10_000) })
          sent.count = n + 1
        }
      }),
    ),
    route('GET /wait', { ...spec, answers: { 200: s.json() } }, async ({ signal }) => {
      const wait: { reason?: unknown } = {}
      waits.push(wait)
      await untilAborted(signal)
      wait.reason = signal.reason
      return { ended: signal.reason }
    }),
  ]
}
const sent = { count: 0 }

async function door(options = {}) {
  streams.length = 0
  waits.length = 0
  revocations.clear()
  return openDoor(routes, {
    revoked: (_, fn) => {
      revocations.add(fn)
      return () => void revocations.delete(fn)
    },
    ...options,
  })
}

test('a stream tells its retry time and its events, is commented every 15 s and ends by itself after 15 minutes', async () => {
  const house = await door()
  const flow = await openStream(house.port, '/api/v1/flow')
  expect([
    flow.status,
    flow.headers['content-type'],
    flow.headers['cache-control'],
    flow.headers['x-content-type-options'],
  ]).toEqual([200, 'text/event-stream; charset=utf-8', 'no-store, no-transform', 'nosniff'])
  expect(flow.headers['x-request-id']).toMatch(/^req_/)
  await expect.poll(flow.text).toBe('retry: 1000\n\nid: 1\nevent: hello\ndata: {"text":"a\\nb","n":1}\n\n')
  await house.clock.advance('16s')
  await expect.poll(flow.text).toMatch(/\n\n:\n\n$/)
  await house.clock.advance('15m')
  await flow.ended
  expect(streams[0]?.signal.reason).toBe('expired')
  expect(revocations.size).toBe(0)
})

test('a stream whose source is over ends, and so does one whose source breaks, which the log knows', async () => {
  const house = await door()
  const three = await openStream(house.port, '/api/v1/three')
  await three.ended
  expect(three.text()).toBe('retry: 1000\n\ndata: 1\n\ndata: 2\n\ndata: 3\n\n')
  const broken = await openStream(house.port, '/api/v1/broken')
  await broken.ended
  expect(broken.text()).toBe('retry: 1000\n\ndata: 1\n\n')
  expect(house.logs.join('')).toContain('the source broke')
})

test('P28 a stream ends at once when its session or key is revoked', async () => {
  const house = await door()
  const flow = await openStream(house.port, '/api/v1/flow')
  await expect.poll(() => revocations.size).toBe(1)
  for (const fn of revocations) fn()
  await flow.ended
  expect(streams[0]?.signal.reason).toBe('revoked')
})

test('a client that leaves ends its stream and its wait, and frees its place', async () => {
  const house = await door({ buckets: withOverrides({ stream: { limit: 1 } }) })
  const flow = await openStream(house.port, '/api/v1/flow')
  await expect.poll(() => streams.length).toBe(1)
  const second = await house.call('/api/v1/flow', { headers: { accept: 'text/event-stream' } })
  expect([second.status, second.body.code]).toEqual([429, 'concurrency_limited'])
  flow.leave()
  await expect.poll(() => streams[0]?.signal.reason).toBe('client')
  await expect.poll(async () => (await openStream(house.port, '/api/v1/three')).status).toBe(200)

  const wait = await new Promise<ReturnType<typeof request>>((resolve) => {
    const asked = request({ port: house.port, path: '/api/v1/wait', headers: { authorization: 'Bearer agent' } })
    asked.on('error', () => undefined)
    asked.end(() => resolve(asked))
  })
  await expect.poll(() => waits.length).toBe(1)
  wait.destroy()
  await expect.poll(() => waits[0]?.reason).toBe('client')
})

test('at shutdown waits answer and streams end at once, and the server closes', async () => {
  const house = await door()
  const flow = await openStream(house.port, '/api/v1/flow')
  const wait = house.call('/api/v1/wait')
  await expect.poll(() => [streams.length, waits.length]).toEqual([1, 1])
  await house.close()
  expect((await wait).body).toEqual({ ended: 'shutdown' })
  expect((await wait).headers.connection).toBe('close')
  await flow.ended
  expect(streams[0]?.signal.reason).toBe('shutdown')
  await expect(house.call('/api/v1/wait')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

test('at shutdown a client that keeps its connection for a next call does not hold the server', async () => {
  const house = await door()
  const { body } = await fetch(`http://127.0.0.1:${house.port}/api/v1/flow`, { headers: { authorization: 'Bearer agent' } })
  await expect.poll(() => streams.length).toBe(1)
  // If the grace had to pass, the test would not live to see it.
  await Promise.all([house.close(120_000), new Response(body).text()])
})

test('a client that does not read slows its own stream only', async () => {
  const house = await door()
  sent.count = 0
  const flood = await openStream(house.port, '/api/v1/flood')
  flood.pause()
  await expect.poll(() => streams.length).toBe(1)
  const three = await openStream(house.port, '/api/v1/three')
  await three.ended
  // 20 MB do not fit into the buffers of a socket.
  expect(sent.count).toBeLessThan(2_000)
  flood.resume()
  await flood.ended
  expect(sent.count).toBe(2_000)
})

test('HEAD on a stream opens none, and a client that wants JSON hears 406', async () => {
  const house = await door()
  const head = await house.call('/api/v1/flow', { method: 'HEAD' })
  expect([head.status, head.headers['content-type']]).toEqual([200, 'text/event-stream; charset=utf-8'])
  expect((await house.call('/api/v1/flow', { headers: { accept: 'application/json' } })).body.code).toBe('not_acceptable')
  expect(streams).toEqual([])
})
