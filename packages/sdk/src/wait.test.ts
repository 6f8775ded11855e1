import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { ask, awaitHuman, resume } from './await-human.ts'
import { Countersign } from './client.ts'
import { RateLimited, ServerUnreachable, TaskNotFound, Unauthorized } from './errors.ts'
import { Problem } from './problem.ts'
import { testServer } from './testing/index.ts'
import { backoff } from './transport.ts'

const question = { task: 'Ship it?', response: { type: 'object' }, timeout: '1h' } as const

/** The in-memory server behind a fetch that can be made to fail, and a clock that runs by itself whenever a pause begins. */
function shaky() {
  const server = testServer()
  const faults: ((request: Request) => Response | Error | null)[] = []
  const calls: string[] = []
  const pauses: number[] = []
  const fetchHere: typeof fetch = async (input, init) => {
    const request = new Request(input, init)
    calls.push(`${request.method} ${new URL(request.url).pathname.replace(/task_\w+/, ':id')}${new URL(request.url).search}`)
    const fault = faults[0]?.(request) ?? null
    if (fault !== null) faults.shift()
    if (fault instanceof Error) throw fault
    return fault ?? server.fetch(request)
  }
  const clock = {
    now: server.clock.now,
    timer: (ms: number, fn: () => void) => {
      // Pauses are below 10 s and pass by themselves; whatever guards a request is longer and waits for the test.
      if (ms >= 10_000) return server.clock.timer(ms, fn)
      pauses.push(ms)
      queueMicrotask(() => void server.clock.advance(ms))
      return server.clock.timer(ms, fn)
    },
  }
  return { server, faults, calls, pauses, through: { ...server.through, fetch: fetchHere, clock } }
}

const anyCall = (answer: Response | Error) => () => answer
const only = (path: RegExp, answer: () => Response | Error) => (request: Request) => (path.test(request.url) ? answer() : null)
const problem = (code: ConstructorParameters<typeof Problem>[0], headers: Record<string, string> = {}) => {
  const { status, ...rest } = new Problem(code)
  return new Response(JSON.stringify(new Problem(rest.code).toBody('req_1')), {
    status,
    headers: { 'content-type': 'application/problem+json', ...headers },
  })
}
const page = (status: number) => new Response('<h1>Bad gateway</h1>', { status, headers: { 'content-type': 'text/html' } })

test('T136 the wait prefers the stream, and a poll tells what the stream announced', async () => {
  const at = shaky()
  const handle = await ask({ ...at.through, ...question })
  const waiting = handle.wait()
  void at.server.answerNext({ ok: true })
  expect(await waiting).toEqual({ ok: true })
  expect(at.calls.slice(0, 3)).toEqual([
    'POST /api/v1/tasks',
    'GET /api/v1/tasks/:id/stream',
    'GET /api/v1/tasks/:id/poll?timeout=1',
  ])
})

test.each([
  ['refused for being one too many', () => problem('concurrency_limited')],
  ['unknown to something in between', () => page(404)],
  ['swallowed by something that answers pages', () => page(200)],
])('T136 a stream that is %s falls back to polls of 25 seconds', async (_name, answer) => {
  const at = shaky()
  at.faults.push(only(/stream/, answer))
  const handle = await ask({ ...at.through, ...question })
  const waiting = handle.wait()
  await at.server.clock.advance('60s')
  void at.server.answerNext({ ok: true })
  expect(await waiting).toEqual({ ok: true })
  expect(at.calls.slice(2)).toEqual(Array(3).fill('GET /api/v1/tasks/:id/poll?timeout=25'))
})

test('T136 a stream that is cut is opened again', async () => {
  const at = shaky()
  const short = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode('retry: 1000\n\n'))
      controller.close()
    },
  })
  at.faults.push(only(/stream/, () => new Response(short, { headers: { 'content-type': 'text/event-stream' } })))
  const handle = await ask({ ...at.through, ...question })
  const waiting = handle.wait()
  await at.server.clock.advance('2s')
  void at.server.answerNext({ ok: true })
  expect(await waiting).toEqual({ ok: true })
  expect(at.calls.filter((call) => call.endsWith('stream'))).toHaveLength(2)
})

test.each([
  ['a connection that fails', () => new TypeError('fetch failed', { cause: { code: 'ECONNREFUSED' } })],
  ['408', () => page(408)],
  ['425', () => page(425)],
  ['a page of a proxy', () => page(502)],
  ['503 store_unavailable', () => problem('store_unavailable', { 'retry-after': '1' })],
  ['500 internal', () => problem('internal')],
])('T136 creating and waiting survive %s', async (_name, fault) => {
  const at = shaky()
  at.faults.push(anyCall(fault()), anyCall(fault()), only(/poll/, fault), only(/poll/, fault))
  const asked = ask({ ...at.through, ...question })
  const handle = await asked
  const waiting = handle.wait()
  void at.server.answerNext({ ok: true })
  expect(await waiting).toEqual({ ok: true })
  expect(at.server.questions).toHaveLength(1)
})

test('T136 pauses grow from 0.25 to 10 seconds, differ by chance, and honour Retry-After', async () => {
  for (const random of [0, 0.5, 0.999]) {
    const pauses = Array.from({ length: 12 }, (_, failures) => backoff(failures, random))
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(250)
    expect(Math.max(...pauses)).toBeLessThanOrEqual(10_000)
    expect(pauses).toEqual([...pauses].sort((a, b) => a - b))
  }
  expect(backoff(0, 0)).toBe(250)
  expect(backoff(11, 1)).toBe(10_000)
  const at = shaky()
  at.faults.push(
    anyCall(problem('rate_limited', { 'retry-after': '7' })),
    anyCall(problem('busy', { 'retry-after': new Date(at.server.clock.now().getTime() + 10_000).toUTCString() })),
  )
  void at.server.answerNext({ ok: true })
  await awaitHuman({ ...at.through, ...question })
  expect(at.pauses).toEqual([7_000, 3_000])
})

test('T136 failures are survived for the whole wait and 60 seconds more, then the server is unreachable', async () => {
  const at = shaky()
  const started = at.server.clock.now().getTime()
  at.faults.push(...Array.from({ length: 10_000 }, () => anyCall(new TypeError('fetch failed'))))
  const error = await awaitHuman({ ...at.through, random: () => 0.9, ...question, timeout: '5m' }).catch(
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(ServerUnreachable)
  const lasted = at.server.clock.now().getTime() - started
  expect(lasted).toBeGreaterThan(350_000)
  expect(lasted).toBeLessThanOrEqual(360_000)
})

test('T136 a 4xx of ours ends the wait at once, with its class', async () => {
  const at = shaky()
  at.faults.push(anyCall(problem('key_revoked')))
  await expect(awaitHuman({ ...at.through, ...question })).rejects.toThrow(Unauthorized)
  const handle = await ask({ ...at.through, ...question })
  at.faults.push(only(/poll/, () => problem('not_found')))
  await expect(handle.wait()).rejects.toThrow(TaskNotFound)
  expect(at.pauses).toEqual([])
})

test('T136 a redirect is never followed with a key in hand', async () => {
  const at = shaky()
  at.faults.push(anyCall(new Response(null, { status: 301, headers: { location: 'https://elsewhere.example/' } })))
  await expect(ask({ ...at.through, ...question })).rejects.toMatchObject({
    code: 'answer_unreadable',
    message: expect.stringContaining('https://elsewhere.example/'),
  })
})

test('T138 a call that is not a wait gives up after its own time, and a mutation keeps its Idempotency-Key', async () => {
  const at = shaky()
  const keys: (string | null)[] = []
  const countersign = new Countersign({
    ...at.through,
    retryMs: 5_000,
    fetch: async (input, init) => {
      keys.push(new Request(input, init).headers.get('idempotency-key'))
      return problem('rate_limited', { 'retry-after': '1' })
    },
  })
  await expect(countersign.agents.create({ name: 'a' })).rejects.toThrow(RateLimited)
  expect(keys.length).toBeGreaterThan(3)
  expect(new Set(keys).size).toBe(1)
  expect(keys[0]).toMatch(/^[0-9a-f]{32}$/)
})

/** A real HTTP server in front of the in-memory one, which can drop connections. */
async function overHttp() {
  const server = testServer()
  let drop = 0
  let open = 0
  const http = createServer((request, response) => {
    if (drop > 0 && request.url?.includes('/poll')) {
      drop--
      request.socket.destroy()
      return
    }
    open++
    response.on('close', () => open--)
    void forward(server.fetch, request, response)
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    http.closeAllConnections()
    http.close()
  })
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  return {
    server,
    through: { url, key: server.key, random: () => 0 },
    open: () => open,
    cut: () => http.closeAllConnections(),
    dropNext: (count: number) => {
      drop = count
    },
  }
}

async function forward(to: typeof fetch, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const gone = new AbortController()
  response.on('close', () => gone.abort())
  const answer = await to(`http://countersign.test${request.url}`, {
    method: request.method,
    headers: Object.entries(request.headers).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    body: chunks.length > 0 ? Buffer.concat(chunks) : undefined,
    signal: gone.signal,
  })
  response.writeHead(answer.status, Object.fromEntries(answer.headers))
  response.flushHeaders()
  const reader = answer.body?.getReader()
  try {
    for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) response.write(part.value)
  } catch (error) {
    if (!gone.signal.aborted) throw error
  }
  response.end()
}

test('T136 T141 over real connections: the wait survives connections that are cut, and closes its own', async () => {
  const at = await overHttp()
  const handle = await ask({ ...at.through, ...question })
  at.dropNext(1)
  const waiting = handle.wait()
  await new Promise<void>((resolve) => {
    const stop = setInterval(() => {
      if (at.open() < 2) return
      clearInterval(stop)
      resolve()
    }, 5)
  })
  at.cut()
  void at.server.answerNext({ ok: true })
  expect(await waiting).toEqual({ ok: true })
  await expect.poll(() => at.open()).toBe(0)
})

test('T137 an abort ends the wait at once, within 50 ms, and closes its connections', async () => {
  const at = await overHttp()
  const handle = await resume((await ask({ ...at.through, ...question })).id, at.through)
  const stop = new AbortController()
  const waiting = handle.wait({ signal: stop.signal })
  await expect.poll(() => at.open()).toBe(2)
  const ended = waiting.then(
    () => 'answered',
    (error: { code: string }) => error.code,
  )
  stop.abort()
  expect(await Promise.race([ended, turns().then(() => 'still waiting')])).toBe('aborted')
  await expect.poll(() => at.open()).toBe(0)
})

/** Over after some turns of the event loop: what is settled by then has waited for no timer and for no network, however slow the machine is. */
async function turns(): Promise<void> {
  for (let n = 0; n < 20; n++) await new Promise((resume) => setImmediate(resume))
}
