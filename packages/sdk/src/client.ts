// The client: every route of the server as a method, typed by wire.ts. It holds no state but its settings, and knows no rule of the
// product: what may be done when is said by the server, as a Problem.

import { type Clock, systemClock } from './clock.ts'
import { type LiveEvent, type StreamOptions, streamEvents } from './live.ts'
import { resolveSettings, type Settings } from './settings.ts'
import { type CallOptions, openTransport, type Query, type Transport } from './transport.ts'
import type {
  Agent,
  CreateAgent,
  CreateKey,
  CreateTask,
  DecideTask,
  EventRecord,
  Key,
  Me,
  NewKey,
  Page,
  PollResult,
  Session,
  SetupOperator,
  SetupResult,
  SetupStatus,
  Task,
  TaskListPage,
  TaskQuery,
  UpdateAgent,
  UpdateTask,
  WaitResult,
  WaitTasks,
} from './wire.ts'

/**
 * Where the server is and how to reach it. What is left out is looked up: `COUNTERSIGN_URL` and `COUNTERSIGN_KEY`, then the running
 * `countersign dev` of this machine, then `http://localhost:3001`. In a page the URL is that of the page.
 */
export type ClientOptions = {
  url?: string
  /** A bearer key; `null` for none, as in a page, where the session cookie speaks. */
  key?: string | null
  /** Another implementation of fetch, for instance that of `testServer()`. */
  fetch?: typeof fetch
  clock?: Clock
  /** A number in [0, 1), for the jitter of pauses. */
  random?: () => number
  /** How long a call other than a wait is repeated while that can help; default 10,000 ms, 0 for once. */
  retryMs?: number
  credentials?: RequestCredentials
}

/** What every call takes besides its own values. */
export type RequestOptions = Pick<CallOptions, 'signal' | 'headers'>

const id = encodeURIComponent

/**
 * A connection to one server, as one key or session.
 *
 * @example
 * ```ts
 * import { Countersign } from '@countersign/sdk'
 * const countersign = new Countersign({ url: 'http://localhost:3001', key: process.env.COUNTERSIGN_KEY })
 * for (const task of (await countersign.tasks.list({ status: 'open' })).data) console.log(task.id, task.task)
 * ```
 */
export class Countersign {
  readonly settings: Settings
  readonly transport: Transport

  constructor(options: ClientOptions = {}) {
    this.settings = resolveSettings(options)
    this.transport = openTransport({
      settings: this.settings,
      fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
      clock: options.clock ?? systemClock,
      random: options.random ?? Math.random,
      retryMs: options.retryMs ?? 10_000,
      credentials: options.credentials,
    })
  }

  /** The page on which a person answers the task. */
  taskUrl(taskId: string): string {
    return `${this.settings.url}/tasks/${id(taskId)}`
  }

  /** Any route, for what has no method here. `path` begins with a slash and stands below `/api/v1`. */
  async request<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
    return (await this.transport.call<T>(method, path, options)).body
  }

  readonly tasks = {
    /** Creates a task, or finds the one that has the same `idempotency_key`. Repeated without harm when it has one. */
    create: (body: CreateTask, options: RequestOptions = {}): Promise<Task> =>
      this.request('POST', '/tasks', { ...options, body }),
    get: (taskId: string, options: RequestOptions = {}): Promise<Task> =>
      this.request('GET', `/tasks/${id(taskId)}`, { ...options, taskId }),
    list: (query: TaskQuery = {}, options: RequestOptions = {}): Promise<TaskListPage> =>
      this.request('GET', '/tasks', { ...options, query }),
    /** Every task of a list, page after page. */
    all: (query: TaskQuery = {}, options: RequestOptions = {}): AsyncGenerator<Task> =>
      this.#pages<Task>('/tasks', query, options),
    update: (taskId: string, body: UpdateTask, options: RequestOptions = {}): Promise<Task> =>
      this.request('PATCH', `/tasks/${id(taskId)}`, { ...options, body, taskId }),
    /** Answers when the task is final, or after `timeout` seconds (1–30) with its present state. */
    poll: (
      taskId: string,
      query: { timeout?: number; since_version?: number } = {},
      options: RequestOptions = {},
    ): Promise<PollResult> =>
      this.request('GET', `/tasks/${id(taskId)}/poll`, {
        ...options,
        query,
        taskId,
        attemptMs: ((query.timeout ?? 25) + 10) * 1000,
      }),
    /** The same for up to 100 tasks: until any or all of them are final. */
    wait: (body: WaitTasks, options: RequestOptions = {}): Promise<WaitResult> =>
      this.request('POST', '/tasks/wait', {
        ...options,
        body,
        attemptMs: ((body.timeout ?? 25) + 10) * 1000,
        idempotency: 'none',
      }),
    /** What happens to one task, live; reconnects by itself and misses nothing. */
    stream: (taskId: string, options: StreamOptions = {}) => this.stream<EventRecord>(`/tasks/${id(taskId)}/stream`, options),
    /** What happens to all tasks one may see, live. */
    streamAll: (query: Query = {}, options: StreamOptions = {}) =>
      this.stream<EventRecord>('/tasks/stream', { ...options, query }),
    decide: (taskId: string, body: DecideTask, options: RequestOptions = {}): Promise<Task> =>
      this.request('POST', `/tasks/${id(taskId)}/decide`, { ...options, body, taskId }),
    claim: (taskId: string, options: RequestOptions = {}): Promise<Task> =>
      this.request('POST', `/tasks/${id(taskId)}/claim`, { ...options, body: {}, taskId }),
    release: (taskId: string, body: { reason?: string } = {}, options: RequestOptions = {}): Promise<Task> =>
      this.request('POST', `/tasks/${id(taskId)}/release`, { ...options, body, taskId }),
    cancel: (taskId: string, body: { reason?: string } = {}, options: RequestOptions = {}): Promise<Task> =>
      this.request('POST', `/tasks/${id(taskId)}/cancel`, { ...options, body, taskId }),
  }

  readonly agents = {
    create: (body: CreateAgent, options: RequestOptions = {}): Promise<Agent> =>
      this.request('POST', '/agents', { ...options, body }),
    get: (agentId: string, options: RequestOptions = {}): Promise<Agent> =>
      this.request('GET', `/agents/${id(agentId)}`, options),
    list: (query: Query = {}, options: RequestOptions = {}): Promise<Page<Agent>> =>
      this.request('GET', '/agents', { ...options, query }),
    update: (agentId: string, body: UpdateAgent, options: RequestOptions = {}): Promise<Agent> =>
      this.request('PATCH', `/agents/${id(agentId)}`, { ...options, body }),
  }

  readonly keys = {
    /** The secret stands in the answer once and nowhere else. */
    create: (body: CreateKey, options: RequestOptions = {}): Promise<NewKey> =>
      this.request('POST', '/keys', { ...options, body }),
    list: (query: Query = {}, options: RequestOptions = {}): Promise<Page<Key>> =>
      this.request('GET', '/keys', { ...options, query }),
    rotate: (keyId: string, body: { overlap_seconds?: number } = {}, options: RequestOptions = {}): Promise<NewKey> =>
      this.request('POST', `/keys/${id(keyId)}/rotate`, { ...options, body }),
    revoke: (keyId: string, options: RequestOptions = {}): Promise<void> =>
      this.request('POST', `/keys/${id(keyId)}/revoke`, { ...options, body: {} }),
  }

  readonly me = {
    get: (options: RequestOptions = {}): Promise<Me> => this.request('GET', '/me', options),
    update: (body: { display_name?: string }, options: RequestOptions = {}): Promise<Me> =>
      this.request('PATCH', '/me', { ...options, body }),
    changePassword: (body: { old_password?: string; password: string }, options: RequestOptions = {}): Promise<void> =>
      this.request('POST', '/me/password', { ...options, body, idempotency: 'none' }),
  }

  readonly sessions = {
    list: (options: RequestOptions = {}): Promise<Page<Session>> => this.request('GET', '/me/sessions', options),
    end: (sessionId: string, options: RequestOptions = {}): Promise<void> =>
      this.request('DELETE', `/me/sessions/${id(sessionId)}`, options),
    endOthers: (options: RequestOptions = {}): Promise<void> => this.request('DELETE', '/me/sessions', options),
  }

  /** Signing in and out by cookie; of use in a page, or with a fetch that keeps cookies. Never repeated by itself. */
  readonly auth = {
    login: (body: { login: string; password: string }, options: RequestOptions = {}): Promise<unknown> =>
      this.request('POST', '/auth/login', { ...options, body, ...ONCE }),
    logout: (options: RequestOptions = {}): Promise<void> =>
      this.request('POST', '/auth/logout', { ...options, body: {}, ...ONCE }),
    me: (options: RequestOptions = {}): Promise<Me> => this.request('GET', '/auth/me', options),
    stepUp: (body: { password: string }, options: RequestOptions = {}): Promise<void> =>
      this.request('POST', '/auth/step-up', { ...options, body, ...ONCE }),
  }

  readonly setup = {
    status: (options: RequestOptions = {}): Promise<SetupStatus> => this.request('GET', '/setup/status', options),
    operator: (body: SetupOperator, options: RequestOptions = {}): Promise<SetupResult> =>
      this.request('POST', '/setup/operator', { ...options, body, ...ONCE }),
  }

  readonly events = {
    get: (eventId: string, options: RequestOptions = {}): Promise<EventRecord> =>
      this.request('GET', `/events/${id(eventId)}`, options),
    list: (query: Query = {}, options: RequestOptions = {}): Promise<Page<EventRecord>> =>
      this.request('GET', '/events', { ...options, query }),
    /** Every event of a list, page after page. */
    all: (query: Query = {}, options: RequestOptions = {}) => this.#pages<EventRecord>('/events', query, options),
    stream: (options: StreamOptions = {}) => this.stream<EventRecord>('/events/stream', options),
  }

  /**
   * A live stream of any route that has one. It reconnects with `Last-Event-ID`, so that nothing is lost or repeated, and ends when
   * the signal aborts or the loop over it is left.
   *
   * @example
   * ```ts
   * import { Countersign } from '@countersign/sdk'
   * const countersign = new Countersign()
   * for await (const { event, data } of countersign.stream('/events/stream')) console.log(event, data)
   * ```
   */
  stream<T>(path: string, options: StreamOptions = {}): AsyncGenerator<LiveEvent<T>> {
    return streamEvents<T>(this.transport, path, options)
  }

  async *#pages<T>(path: string, query: Query, options: RequestOptions): AsyncGenerator<T> {
    let cursor: string | null | undefined
    do {
      const page: Page<T> = await this.request('GET', path, { ...options, query: { ...query, cursor: cursor ?? query.cursor } })
      yield* page.data
      cursor = page.next_cursor
    } while (cursor)
  }
}

const ONCE = { idempotency: 'none', patience: () => 0 } as const

/**
 * The same as `new Countersign(options)`.
 *
 * @example
 * ```ts
 * import { createClient } from '@countersign/sdk'
 * const countersign = createClient({ url: 'http://localhost:3001' })
 * console.log((await countersign.setup.status()).needs_setup)
 * ```
 */
export function createClient(options: ClientOptions = {}): Countersign {
  return new Countersign(options)
}
