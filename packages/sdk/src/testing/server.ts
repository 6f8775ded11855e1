// The in-memory server's door: the routes of tasks as a function from Request to Response. It opens no socket.

import type { Clock } from '../clock.ts'
import { Problem } from '../problem.ts'
import type { DecideTask, Task, TaskEvent, UpdateTask, VerifyTask, WaitTasks } from '../shapes.ts'
import { AGENT, PERSON } from './question.ts'
import { isFinal, openTasks, type Tasks } from './tasks.ts'

type Caller = typeof AGENT | typeof PERSON
type Ask = { caller: Caller; url: URL; id: string; body: unknown; request: Request }
type Handler = (tasks: Tasks, clock: Clock, ask: Ask) => Response | Promise<Response>

/** Keys that this server accepts, and who they are. */
export type Keys = { agent: string; person: string }

export function openServer(clock: Clock, url: string, keys: Keys, onOpen: (task: Task) => void) {
  const tasks = openTasks(clock, url, onOpen)
  let requests = 0
  return {
    tasks,
    async fetch(request: Request): Promise<Response> {
      const requestId = `req_${(++requests).toString().padStart(26, '0')}`
      let response: Response
      try {
        response = await answer(tasks, clock, keys, request)
      } catch (error) {
        const problem = error instanceof Problem ? error : new Problem('internal', {}, { cause: error })
        response = new Response(JSON.stringify(problem.toBody(requestId)), {
          status: problem.status,
          headers: { 'content-type': 'application/problem+json' },
        })
      }
      response.headers.set('x-request-id', requestId)
      return response
    },
  }
}

async function answer(tasks: Tasks, clock: Clock, keys: Keys, request: Request): Promise<Response> {
  const url = new URL(request.url)
  const path = url.pathname.replace(/^\/api\/v1/, '')
  const caller = callerOf(request, keys)
  const route = ROUTES.find(({ method, pattern }) => method === request.method && pattern.test(path))
  if (!route) throw new Problem(ROUTES.some(({ pattern }) => pattern.test(path)) ? 'method_not_allowed' : 'not_found')
  const text = await request.text()
  return route.handler(tasks, clock, {
    caller,
    url,
    id: route.pattern.exec(path)?.[1] ?? '',
    body: text === '' ? {} : parse(text),
    request,
  })
}

function callerOf(request: Request, keys: Keys): Caller {
  const bearer = /^bearer (.+)$/i.exec(request.headers.get('authorization') ?? '')?.[1]
  if (bearer === undefined) throw new Problem('unauthenticated')
  if (bearer === keys.agent) return AGENT
  if (bearer === keys.person) return PERSON
  throw new Problem('key_invalid')
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Problem('json_invalid', {}, { cause })
  }
}

const json = (body: unknown, status = 200, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } })

function seconds(value: unknown): number {
  const timeout = value === null || value === undefined ? 25 : Number(value)
  if (!Number.isInteger(timeout) || timeout < 1 || timeout > 30) {
    throw new Problem('validation_failed', { errors: [{ path: 'timeout', code: 'range', message: 'must be 1 to 30' }] })
  }
  return timeout
}

/** Listens before it looks, so that nothing falls between the two. */
function until(tasks: Tasks, clock: Clock, timeout: number, request: Request, done: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      stop()
      stopTimer()
      request.signal.removeEventListener('abort', finish)
      resolve()
    }
    const look = () => done() && finish()
    const stopTimer = clock.timer(timeout * 1000, finish)
    const stop = tasks.listen(look)
    request.signal.addEventListener('abort', finish, { once: true })
    look()
  })
}

const create: Handler = (tasks, _clock, { caller, body }) => {
  if (caller !== AGENT) throw new Problem('forbidden')
  const { task, replayed } = tasks.create(body)
  return json(task, replayed ? 200 : 201, replayed ? { 'idempotency-replayed': 'true' } : {})
}

const list: Handler = (tasks, _clock, { url }) => {
  const wanted = (name: string) => url.searchParams.getAll(name)
  const matches = (task: Task, name: 'status' | 'idempotency_key' | 'priority' | 'outcome') =>
    wanted(name).length === 0 || wanted(name).includes(String(task[name]))
  const limit = Number(url.searchParams.get('limit') ?? 50)
  if (!Number.isInteger(limit) || limit < 1 || limit > 200) {
    throw new Problem('validation_failed', { errors: [{ path: 'limit', code: 'range', message: 'must be 1 to 200' }] })
  }
  const all = tasks
    .all()
    .filter(
      (task) =>
        matches(task, 'status') && matches(task, 'idempotency_key') && matches(task, 'priority') && matches(task, 'outcome'),
    )
  const cursor = url.searchParams.get('cursor')
  const newestFirst = all.reverse()
  const start = cursor === null ? 0 : newestFirst.findIndex((task) => task.id === cursor) + 1
  if (cursor !== null && start === 0) throw new Problem('cursor_invalid')
  const data = newestFirst.slice(start, start + limit)
  return json({ data, next_cursor: start + limit < newestFirst.length ? data.at(-1)?.id : null })
}

const poll: Handler = async (tasks, clock, { id, url, caller, request }) => {
  const timeout = seconds(url.searchParams.get('timeout'))
  const since = url.searchParams.get('since_version')
  await until(tasks, clock, timeout, request, () => {
    const task = tasks.get(id)
    return isFinal(task) || (since !== null && task.version > Number(since))
  })
  return json(tasks.result(id, caller))
}

const waitMany: Handler = async (tasks, clock, { body, caller, request }) => {
  const { ids, mode, timeout } = body as WaitTasks
  if (!Array.isArray(ids) || ids.length < 1 || ids.length > 100) {
    throw new Problem('validation_failed', { errors: [{ path: '/ids', code: 'range', message: 'must have 1 to 100 items' }] })
  }
  const final = () => ids.filter((id) => isFinal(tasks.get(id)))
  await until(tasks, clock, seconds(timeout), request, () =>
    mode === 'all' ? final().length === ids.length : final().length > 0,
  )
  return json({ final: final(), tasks: Object.fromEntries(ids.map((id) => [id, tasks.result(id, caller)])) })
}

const decide: Handler = (tasks, _clock, { id, body, caller }) => {
  if (caller === AGENT) throw new Problem('agent_may_not_decide')
  return json(tasks.decide(id, body as DecideTask))
}

const verify: Handler = (tasks, _clock, { id, body, caller }) => {
  if (caller !== AGENT) throw new Problem('forbidden')
  return json(tasks.verify(id, body as VerifyTask))
}

const claim: Handler = (tasks, _clock, { id, caller }) => {
  if (caller === AGENT) throw new Problem('agent_may_not_decide')
  return json(tasks.claim(id))
}

const stream =
  (of: (event: TaskEvent, id: string) => boolean): Handler =>
  (tasks, _clock, { id, request }) => {
    if (id) tasks.get(id)
    const mine = () => tasks.events.filter((event) => of(event, id))
    const last = request.headers.get('last-event-id')
    const seen = last === null ? mine().length : mine().findIndex((event) => event.id === last) + 1
    if (last !== null && seen === 0) throw new Problem('cursor_invalid')
    return new Response(eventStream(tasks, request.signal, mine, seen), {
      headers: { 'content-type': 'text/event-stream; charset=utf-8' },
    })
  }

function eventStream(tasks: Tasks, signal: AbortSignal, mine: () => TaskEvent[], start: number): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let stop: () => void = () => undefined
  let sent = start
  return new ReadableStream({
    start(controller) {
      const write = (text: string) => controller.enqueue(encoder.encode(text))
      const send = () => {
        for (const event of mine().slice(sent)) write(`id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
        sent = mine().length
      }
      stop = tasks.listen(send)
      signal.addEventListener(
        'abort',
        () => {
          stop()
          controller.error(signal.reason)
        },
        { once: true },
      )
      write('retry: 1000\n\n')
      send()
    },
    cancel: () => stop(),
  })
}

const ROUTES: { method: string; pattern: RegExp; handler: Handler }[] = [
  { method: 'POST', pattern: /^\/tasks$/, handler: create },
  { method: 'GET', pattern: /^\/tasks$/, handler: list },
  { method: 'POST', pattern: /^\/tasks\/wait$/, handler: waitMany },
  { method: 'GET', pattern: /^\/tasks\/stream$/, handler: stream(() => true) },
  { method: 'GET', pattern: /^\/tasks\/([^/]+)$/, handler: (tasks, _clock, { id }) => json(tasks.get(id)) },
  {
    method: 'PATCH',
    pattern: /^\/tasks\/([^/]+)$/,
    handler: (tasks, _clock, { id, body }) => json(tasks.update(id, body as UpdateTask)),
  },
  { method: 'GET', pattern: /^\/tasks\/([^/]+)\/poll$/, handler: poll },
  { method: 'GET', pattern: /^\/tasks\/([^/]+)\/stream$/, handler: stream((event, id) => event.task_id === id) },
  { method: 'POST', pattern: /^\/tasks\/([^/]+)\/decide$/, handler: decide },
  { method: 'POST', pattern: /^\/tasks\/([^/]+)\/verification$/, handler: verify },
  { method: 'POST', pattern: /^\/tasks\/([^/]+)\/claim$/, handler: claim },
  { method: 'POST', pattern: /^\/tasks\/([^/]+)\/release$/, handler: (tasks, _clock, { id }) => json(tasks.release(id)) },
  {
    method: 'POST',
    pattern: /^\/tasks\/([^/]+)\/cancel$/,
    handler: (tasks, _clock, { id, body }) => json(tasks.cancel(id, (body as { reason?: string }).reason ?? null)),
  },
]
