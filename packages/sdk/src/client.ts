// The client: every route of the server by its head, typed by wire.ts, and names for those that are used most. It holds no state but
// its settings and knows no rule of the product: what may be done when is said by the server, as a Problem.

import { type Clock, systemClock } from './clock.ts'
import { type LiveEvent, type StreamOptions, streamEvents } from './live.ts'
import { openProver, type ProofOptions } from './proof.ts'
import { resolveSettings, type Settings } from './settings.ts'
import type {
  Comment,
  EventRecord,
  Head,
  Page,
  ReportOutcome,
  ReviseTask,
  RouteAnswer,
  RouteBody,
  RouteQuery,
  TaskEvent,
  TaskListItem,
} from './shapes.ts'
import { type CallOptions, openTransport, type Query, type Transport } from './transport.ts'
import type { Agent } from './wire.ts'

/**
 * Where the server is and how to reach it. What is left out is looked up: `COUNTERSIGN_URL` and `COUNTERSIGN_KEY`, then the running
 * `countersign dev` of this machine, then `http://localhost:3001`. In a page the URL is that of the page.
 */
export type ClientOptions = {
  url?: string
  /** A bearer key; `null` for none, as in a page, where the session cookie speaks. */
  key?: string | null
  /**
   * Signs each call with a key pair, so that nothing that can be copied on the way opens anything. Without a `key` the pair stands for itself,
   * and neither the environment nor a file is asked for one.
   */
  proof?: ProofOptions
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

type Repeated = Omit<CallOptions, 'query' | 'body'>

/** What one call is made of. */
export type RouteCall<H extends Head> = Repeated & {
  params?: { [name: string]: string }
  query?: RouteQuery<H>
  body?: RouteBody<H>
}

const ONCE = { idempotency: 'none', patience: () => 0 } as const

/**
 * A connection to one server, as one key or session.
 *
 * @example
 * ```ts
 * import { Countersign } from '@countersign/sdk'
 * const countersign = new Countersign({ url: 'http://localhost:3001', key: process.env.COUNTERSIGN_KEY })
 * for (const task of (await countersign.tasks.list({ status: ['open'] })).data) console.log(task.id, task.task)
 * ```
 */
export class Countersign {
  readonly settings: Settings
  readonly transport: Transport

  constructor(options: ClientOptions = {}) {
    const { proof, clock = systemClock } = options
    this.settings = resolveSettings(proof ? { url: options.url, key: options.key ?? null } : options)
    this.transport = openTransport({
      settings: this.settings,
      prover: proof && openProver(proof, this.settings, () => clock.now()),
      fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
      clock,
      random: options.random ?? Math.random,
      retryMs: options.retryMs ?? 10_000,
      credentials: options.credentials,
    })
  }

  /** The page on which a person answers the task. */
  taskUrl(taskId: string): string {
    return `${this.settings.url}/tasks/${encodeURIComponent(taskId)}`
  }

  /**
   * Any route, by its method and path.
   *
   * @example
   * ```ts
   * import { Countersign } from '@countersign/sdk'
   * const countersign = new Countersign()
   * const agent = await countersign.call('PATCH /agents/:id', { params: { id: 'agt_01JD8Z6V3QK8W2N4T6Y8B0C2E4' }, body: { state: 'paused' } })
   * console.log(agent.name)
   * ```
   */
  async call<H extends Head>(head: H, { params = {}, ...options }: RouteCall<H> = {}): Promise<RouteAnswer<H>> {
    const [method, pattern] = head.split(' ') as [string, string]
    const path = pattern.replace(/:([a-z_]+)/g, (_match, name: string) => encodeURIComponent(params[name] ?? ''))
    return (await this.transport.call<RouteAnswer<H>>(method, path, options as CallOptions)).body
  }

  readonly tasks = {
    /** Creates a task, or finds the one that has the same `idempotency_key`. */
    create: (body: RouteBody<'POST /tasks'>, options: RequestOptions = {}) => this.call('POST /tasks', { ...options, body }),
    get: (taskId: string, options: RequestOptions = {}) => this.call('GET /tasks/:id', { ...options, ...one(taskId) }),
    list: (query: RouteQuery<'GET /tasks'> = {}, options: RequestOptions = {}) => this.call('GET /tasks', { ...options, query }),
    /** Every task of a list, page after page. */
    all: (query: RouteQuery<'GET /tasks'> = {}, options: RequestOptions = {}): AsyncGenerator<TaskListItem> =>
      pages((cursor) => this.tasks.list({ ...query, cursor: cursor ?? query.cursor }, options)),
    /** How much waits: what is mine, what I can claim, what was asked of my pools, all that I see. */
    counts: (options: RequestOptions = {}) => this.call('GET /tasks/counts', options),
    update: (taskId: string, body: RouteBody<'PATCH /tasks/:id'>, options: RequestOptions = {}) =>
      this.call('PATCH /tasks/:id', { ...options, ...one(taskId), body }),
    /** Answers when the task is final, or after `timeout` seconds (1–30) with its present state. */
    poll: (taskId: string, query: RouteQuery<'GET /tasks/:id/poll'> = {}, options: Repeated = {}) =>
      this.call('GET /tasks/:id/poll', { ...options, ...one(taskId), query, attemptMs: ((query.timeout ?? 25) + 10) * 1000 }),
    /** The same for up to 100 tasks: until any or all of them are final. */
    wait: (body: RouteBody<'POST /tasks/wait'>, options: Repeated = {}) =>
      this.call('POST /tasks/wait', { ...options, body, attemptMs: ((body.timeout ?? 25) + 10) * 1000, idempotency: 'none' }),
    /** What happens to one task, live; reconnects by itself and misses nothing. */
    stream: (taskId: string, options: StreamOptions = {}) =>
      this.stream<TaskEvent>(`/tasks/${encodeURIComponent(taskId)}/stream`, options),
    /** What happens to all tasks one may see, live. */
    streamAll: (query: RouteQuery<'GET /tasks/stream'> = {}, options: StreamOptions = {}) =>
      this.stream<TaskEvent>('/tasks/stream', { ...options, query: query as Query }),
    /** Who said what about it. */
    decisions: (taskId: string, options: RequestOptions = {}) =>
      this.call('GET /tasks/:id/decisions', { ...options, ...one(taskId) }),
    /** What happened to it, and who did it. */
    record: (taskId: string, query: RouteQuery<'GET /tasks/:id/record'> = {}, options: RequestOptions = {}) =>
      this.call('GET /tasks/:id/record', { ...options, ...one(taskId), query }),
    decide: (taskId: string, body: RouteBody<'POST /tasks/:id/decide'>, options: RequestOptions = {}) =>
      this.call('POST /tasks/:id/decide', { ...options, ...one(taskId), body }),
    /** Relays what a person decided elsewhere, with a key of the scope `tasks:decide_for`; the record says that this key vouches for it, and nobody else. */
    decideFor: (person: string, taskId: string, body: RouteBody<'POST /tasks/:id/decide'>, options: RequestOptions = {}) =>
      this.tasks.decide(taskId, { ...body, on_behalf_of: person }, options),
    /** Fixes a decision, for its person to prove exactly this one: `decide` then takes `assertion: { nonce }`. */
    challenge: (taskId: string, body: RouteBody<'POST /tasks/:id/decide'>, options: RequestOptions = {}) =>
      this.call('POST /tasks/:id/decide/challenge', { ...options, ...one(taskId), body, idempotency: 'none' }),
    /** What was said about it, page after page. */
    comments: (taskId: string, options: RequestOptions = {}): AsyncGenerator<Comment> =>
      pages((cursor) =>
        this.call('GET /tasks/:id/comments', { ...options, ...one(taskId), query: { cursor: cursor ?? undefined } }),
      ),
    comment: (taskId: string, body: RouteBody<'POST /tasks/:id/comments'>, options: RequestOptions = {}) =>
      this.call('POST /tasks/:id/comments', { ...options, ...one(taskId), body }),
    /** How it was revised, oldest first, with what it said before. */
    revisions: (taskId: string, options: RequestOptions = {}) =>
      this.call('GET /tasks/:id/revisions', { ...options, ...one(taskId) }),
    /** Erases its content; who decided, and when, remains. */
    erase: (taskId: string, options: RequestOptions = {}) => this.call('DELETE /tasks/:id', { ...options, ...one(taskId) }),
    /** Counts and times of a stretch of days. */
    stats: (query: RouteQuery<'GET /tasks/stats'> = {}, options: RequestOptions = {}) =>
      this.call('GET /tasks/stats', { ...options, query }),
    /** Hands it back to the agent, with a comment. */
    sendBack: (taskId: string, body: RouteBody<'POST /tasks/:id/send-back'>, options: RequestOptions = {}) =>
      this.call('POST /tasks/:id/send-back', { ...options, ...one(taskId), body }),
    /** Changes what it asks; decisions on the earlier content count no more. */
    revise: (taskId: string, body: ReviseTask, options: RequestOptions = {}) =>
      this.call('POST /tasks/:id/revisions', { ...options, ...one(taskId), body }),
    /** Tells once what became of the answer. */
    reportOutcome: (taskId: string, body: ReportOutcome, options: RequestOptions = {}) =>
      this.call('POST /tasks/:id/outcome', { ...options, ...one(taskId), body }),
    /** Decisions as CSV, or as one JSON object a line: the text as it comes. */
    export: (query: RouteQuery<'GET /tasks/export'> = {}, options: { signal?: AbortSignal } = {}): AsyncGenerator<string> =>
      this.#text(
        '/tasks/export',
        query as Query,
        query.format === 'ndjson' ? 'application/x-ndjson' : 'text/csv',
        options.signal,
      ),
    /** The word of the agent that asked on an answer that lies with it. */
    verify: (taskId: string, body: RouteBody<'POST /tasks/:id/verification'>, options: RequestOptions = {}) =>
      this.call('POST /tasks/:id/verification', { ...options, ...one(taskId), body }),
    /** Lets an answer count that its verifier has not agreed to. */
    overrideVerification: (taskId: string, reason: string, options: RequestOptions = {}) =>
      this.call('POST /tasks/:id/verification/override', { ...options, ...one(taskId), body: { reason } }),
    /** What the verifiers of a task did, and what it cost. */
    verification: (taskId: string, options: RequestOptions = {}) =>
      this.call('GET /tasks/:id/verification', { ...options, ...one(taskId) }),
    /** Takes one's own vote back while the task waits for others. */
    withdrawVote: (taskId: string, decisionId: string, options: RequestOptions = {}) =>
      this.call('DELETE /tasks/:id/decisions/:decision', { ...options, taskId, params: { id: taskId, decision: decisionId } }),
    /** Ends what was remembered with an approval. */
    forget: (taskId: string, options: RequestOptions = {}) =>
      this.call('DELETE /tasks/:id/remembered', { ...options, ...one(taskId) }),
    claim: (taskId: string, options: RequestOptions = {}) => this.call('POST /tasks/:id/claim', { ...options, ...one(taskId) }),
    release: (taskId: string, options: RequestOptions = {}) =>
      this.call('POST /tasks/:id/release', { ...options, ...one(taskId) }),
    /** Gives it to others; votes and comments stay. */
    reassign: (taskId: string, body: RouteBody<'POST /tasks/:id/reassign'>, options: RequestOptions = {}) =>
      this.call('POST /tasks/:id/reassign', { ...options, ...one(taskId), body }),
    /** A proof of the decision that stands alone; `include: 'content'` for the texts that were digested. */
    receipt: (taskId: string, query: RouteQuery<'GET /tasks/:id/receipt'> = {}, options: RequestOptions = {}) =>
      this.call('GET /tasks/:id/receipt', { ...options, ...one(taskId), query }),
    cancel: (taskId: string, body: RouteBody<'POST /tasks/:id/cancel'> = {}, options: RequestOptions = {}) =>
      this.call('POST /tasks/:id/cancel', { ...options, ...one(taskId), body }),
  }

  readonly verifiers = {
    create: (body: RouteBody<'POST /verifiers'>, options: RequestOptions = {}) =>
      this.call('POST /verifiers', { ...options, body }),
    get: (id: string, options: RequestOptions = {}) => this.call('GET /verifiers/:id', { ...options, params: { id } }),
    list: (query: RouteQuery<'GET /verifiers'> = {}, options: RequestOptions = {}) =>
      this.call('GET /verifiers', { ...options, query }),
    update: (id: string, body: RouteBody<'PUT /verifiers/:id'>, options: RequestOptions = {}) =>
      this.call('PUT /verifiers/:id', { ...options, params: { id }, body }),
    remove: (id: string, options: RequestOptions = {}) => this.call('DELETE /verifiers/:id', { ...options, params: { id } }),
    /** Asks it once about one answer; nothing is stored. */
    test: (id: string, body: RouteBody<'POST /verifiers/:id/test'>, options: RequestOptions = {}) =>
      this.call('POST /verifiers/:id/test', { ...options, params: { id }, body }),
  }

  readonly compatibilityKeys = {
    list: (options: RequestOptions = {}) => this.call('GET /compatibility-keys', options),
    /** A new one, or one that receivers hold already; shown this once. */
    put: (body: RouteBody<'POST /compatibility-keys'> = {}, options: RequestOptions = {}) =>
      this.call('POST /compatibility-keys', { ...options, body }),
  }

  readonly providerKeys = {
    list: (options: RequestOptions = {}) => this.call('GET /provider-keys', options),
    put: (name: string, body: RouteBody<'PUT /provider-keys/:name'>, options: RequestOptions = {}) =>
      this.call('PUT /provider-keys/:name', { ...options, params: { name }, body }),
    remove: (name: string, options: RequestOptions = {}) =>
      this.call('DELETE /provider-keys/:name', { ...options, params: { name } }),
  }

  /** How the tenant decides: stepping in, floors, separation of duties. */
  readonly decisionSettings = {
    get: (options: RequestOptions = {}) => this.call('GET /decision-settings', options),
    update: (body: RouteBody<'PATCH /decision-settings'>, options: RequestOptions = {}) =>
      this.call('PATCH /decision-settings', { ...options, body }),
  }

  readonly agents = {
    create: (body: RouteBody<'POST /agents'>, options: RequestOptions = {}) => this.call('POST /agents', { ...options, body }),
    /** By its id; by a slug the same address answers a card (`call('GET /agents/:id')`). */
    get: async (agentId: string, options: RequestOptions = {}): Promise<Agent> =>
      // An id has a `_` and a slug none, so that an id is answered by an agent.
      (await this.call('GET /agents/:id', { ...options, params: { id: agentId } })) as Agent,
    list: (query: RouteQuery<'GET /agents'> = {}, options: RequestOptions = {}) =>
      this.call('GET /agents', { ...options, query }),
    update: (agentId: string, body: RouteBody<'PATCH /agents/:id'>, options: RequestOptions = {}) =>
      this.call('PATCH /agents/:id', { ...options, params: { id: agentId }, body }),
  }

  readonly keys = {
    /** The secret stands in the answer once and nowhere else. */
    create: (body: RouteBody<'POST /keys'>, options: RequestOptions = {}) => this.call('POST /keys', { ...options, body }),
    get: (keyId: string, options: RequestOptions = {}) => this.call('GET /keys/:id', { ...options, params: { id: keyId } }),
    list: (query: RouteQuery<'GET /keys'> = {}, options: RequestOptions = {}) => this.call('GET /keys', { ...options, query }),
    rotate: (keyId: string, body: RouteBody<'POST /keys/:id/rotate'> = {}, options: RequestOptions = {}) =>
      this.call('POST /keys/:id/rotate', { ...options, params: { id: keyId }, body }),
    revoke: (keyId: string, options: RequestOptions = {}) =>
      this.call('POST /keys/:id/revoke', { ...options, params: { id: keyId } }),
  }

  readonly users = {
    get: (userId: string, options: RequestOptions = {}) => this.call('GET /users/:id', { ...options, params: { id: userId } }),
    list: (query: RouteQuery<'GET /users'> = {}, options: RequestOptions = {}) => this.call('GET /users', { ...options, query }),
    update: (userId: string, body: RouteBody<'PATCH /users/:id'>, options: RequestOptions = {}) =>
      this.call('PATCH /users/:id', { ...options, params: { id: userId }, body }),
    setRole: (userId: string, body: RouteBody<'PUT /users/:id/role'>, options: RequestOptions = {}) =>
      this.call('PUT /users/:id/role', { ...options, params: { id: userId }, body }),
  }

  readonly invitations = {
    /** The link stands in the answer once and nowhere else. */
    create: (body: RouteBody<'POST /invitations'>, options: RequestOptions = {}) =>
      this.call('POST /invitations', { ...options, body }),
    list: (query: RouteQuery<'GET /invitations'> = {}, options: RequestOptions = {}) =>
      this.call('GET /invitations', { ...options, query }),
    withdraw: (id: string, options: RequestOptions = {}) => this.call('DELETE /invitations/:id', { ...options, params: { id } }),
    accept: (body: RouteBody<'POST /invitations/accept'>, options: RequestOptions = {}) =>
      this.call('POST /invitations/accept', { ...options, body, ...ONCE }),
  }

  /** The tenants of the installation by name and state; for hosts. */
  readonly tenants = {
    list: (query: RouteQuery<'GET /tenants'> = {}, options: RequestOptions = {}) =>
      this.call('GET /tenants', { ...options, query }),
    get: (id: string, options: RequestOptions = {}) => this.call('GET /tenants/:id', { ...options, params: { id } }),
    create: (body: RouteBody<'POST /tenants'>, options: RequestOptions = {}) =>
      this.call('POST /tenants', { ...options, body, ...ONCE }),
    update: (id: string, body: RouteBody<'PATCH /tenants/:id'>, options: RequestOptions = {}) =>
      this.call('PATCH /tenants/:id', { ...options, params: { id }, body }),
  }

  /** The tenant of the key or session, and those that a person may switch to. */
  readonly tenant = {
    get: (options: RequestOptions = {}) => this.call('GET /tenant', options),
    update: (body: RouteBody<'PATCH /tenant'>, options: RequestOptions = {}) => this.call('PATCH /tenant', { ...options, body }),
    transfer: (userId: string, options: RequestOptions = {}) =>
      this.call('POST /tenant/transfer', { ...options, body: { user_id: userId } }),
    close: (body: RouteBody<'POST /tenant/close'>, options: RequestOptions = {}) =>
      this.call('POST /tenant/close', { ...options, body }),
    reopen: (options: RequestOptions = {}) => this.call('POST /tenant/reopen', options),
    mine: (options: RequestOptions = {}) => this.call('GET /me/tenants', options),
    switch: (tenantId: string, options: RequestOptions = {}) =>
      this.call('POST /me/tenant', { ...options, body: { tenant_id: tenantId }, ...ONCE }),
  }

  /** The one way for a host to look into a tenant. `visits` and `end` are the tenant's own. */
  readonly breakGlass = {
    request: (body: RouteBody<'POST /break-glass'>, options: RequestOptions = {}) =>
      this.call('POST /break-glass', { ...options, body, ...ONCE }),
    list: (query: RouteQuery<'GET /break-glass'> = {}, options: RequestOptions = {}) =>
      this.call('GET /break-glass', { ...options, query }),
    get: (id: string, options: RequestOptions = {}) => this.call('GET /break-glass/:id', { ...options, params: { id } }),
    close: (id: string, options: RequestOptions = {}) =>
      this.call('POST /break-glass/:id/close', { ...options, params: { id }, ...ONCE }),
    visits: (query: RouteQuery<'GET /tenant/break-glass'> = {}, options: RequestOptions = {}) =>
      this.call('GET /tenant/break-glass', { ...options, query }),
    end: (id: string, options: RequestOptions = {}) =>
      this.call('POST /tenant/break-glass/:id/end', { ...options, params: { id } }),
  }

  /** How the installation stands and what hosts say of it; for hosts. */
  readonly status = {
    get: (options: RequestOptions = {}) => this.call('GET /status', options),
    checks: (options: RequestOptions = {}) => this.call('GET /status/checks', options),
  }

  readonly incidents = {
    list: (query: RouteQuery<'GET /incidents'> = {}, options: RequestOptions = {}) =>
      this.call('GET /incidents', { ...options, query }),
    get: (id: string, options: RequestOptions = {}) => this.call('GET /incidents/:id', { ...options, params: { id } }),
    announce: (body: RouteBody<'POST /incidents'>, options: RequestOptions = {}) =>
      this.call('POST /incidents', { ...options, body }),
    update: (id: string, body: RouteBody<'PATCH /incidents/:id'>, options: RequestOptions = {}) =>
      this.call('PATCH /incidents/:id', { ...options, params: { id }, body }),
  }

  /** What a tenant may reach besides public addresses; for hosts. */
  readonly egress = {
    allowed: (tenantId: string, options: RequestOptions = {}) =>
      this.call('GET /egress/allow', { ...options, query: { tenant_id: tenantId } }),
    allow: (body: RouteBody<'PUT /egress/allow'>, options: RequestOptions = {}) =>
      this.call('PUT /egress/allow', { ...options, body }),
  }

  readonly me = {
    get: (options: RequestOptions = {}) => this.call('GET /me', options),
    update: (body: RouteBody<'PATCH /me'>, options: RequestOptions = {}) => this.call('PATCH /me', { ...options, body }),
    changePassword: (body: RouteBody<'POST /me/password'>, options: RequestOptions = {}) =>
      this.call('POST /me/password', { ...options, body, ...ONCE }),
  }

  readonly sessions = {
    list: (options: RequestOptions = {}) => this.call('GET /me/sessions', options),
    end: (sessionId: string, options: RequestOptions = {}) =>
      this.call('DELETE /me/sessions/:id', { ...options, params: { id: sessionId } }),
    endOthers: (options: RequestOptions = {}) => this.call('DELETE /me/sessions', options),
  }

  /** Signing in and out by cookie; of use in a page, or with a fetch that keeps cookies. Never repeated by itself. */
  readonly auth = {
    login: (body: RouteBody<'POST /auth/login'>, options: RequestOptions = {}) =>
      this.call('POST /auth/login', { ...options, body, ...ONCE }),
    logout: (options: RequestOptions = {}) => this.call('POST /auth/logout', { ...options, ...ONCE }),
    stepUp: (body: RouteBody<'POST /auth/step-up'>, options: RequestOptions = {}) =>
      this.call('POST /auth/step-up', { ...options, body, ...ONCE }),
  }

  readonly setup = {
    status: (options: RequestOptions = {}) => this.call('GET /setup/status', options),
    operator: (body: RouteBody<'POST /setup/operator'>, options: RequestOptions = {}) =>
      this.call('POST /setup/operator', { ...options, body, ...ONCE }),
  }

  readonly audit = {
    /** How far the record is sealed and signed. */
    status: (options: RequestOptions = {}) => this.call('GET /audit/status', options),
    checkpoints: (query: RouteQuery<'GET /audit/checkpoints'> = {}, options: RequestOptions = {}) =>
      this.call('GET /audit/checkpoints', { ...options, query }),
    latestCheckpoint: (options: RequestOptions = {}) => this.call('GET /audit/checkpoints/latest', options),
    proof: (eventId: string, options: RequestOptions = {}) =>
      this.call('GET /audit/proofs/:event_id', { ...options, params: { event_id: eventId } }),
    consistency: (query: RouteQuery<'GET /audit/consistency'>, options: RequestOptions = {}) =>
      this.call('GET /audit/consistency', { ...options, query }),
    /** Begins an export; read `get` until its state is `ready`. */
    export: (body: RouteBody<'POST /audit/exports'> = {}, options: RequestOptions = {}) =>
      this.call('POST /audit/exports', { ...options, body }),
    get: (exportId: string, options: RequestOptions = {}) =>
      this.call('GET /audit/exports/:id', { ...options, params: { id: exportId } }),
    list: (query: RouteQuery<'GET /audit/exports'> = {}, options: RequestOptions = {}) =>
      this.call('GET /audit/exports', { ...options, query }),
    /** The text of a finished export, piece by piece. */
    read: (exportId: string, options: RequestOptions = {}): AsyncGenerator<string> => this.#pieces(exportId, options),
  }

  async *#text(path: string, query: Query, accept: string, signal = new AbortController().signal): AsyncGenerator<string> {
    const decoder = new TextDecoder()
    const reader = (await this.transport.open(path, { query, accept, signal })).getReader()
    for (let piece = await reader.read(); !piece.done; piece = await reader.read())
      yield decoder.decode(piece.value, { stream: true })
  }

  async *#pieces(exportId: string, options: RequestOptions): AsyncGenerator<string> {
    for (let n: number | null = 0; n !== null; ) {
      const params: { [name: string]: string } = { id: exportId, n: String(n) }
      const piece: RouteAnswer<'GET /audit/exports/:id/pieces/:n'> = await this.call('GET /audit/exports/:id/pieces/:n', {
        ...options,
        params,
      })
      yield piece.text
      n = piece.next
    }
  }

  readonly events = {
    get: (eventId: string, options: RequestOptions = {}) => this.call('GET /events/:id', { ...options, params: { id: eventId } }),
    /** A proof of one event that stands alone. */
    receipt: (eventId: string, options: RequestOptions = {}) =>
      this.call('GET /events/:id/receipt', { ...options, params: { id: eventId } }),
    list: (query: RouteQuery<'GET /events'> = {}, options: RequestOptions = {}) =>
      this.call('GET /events', { ...options, query }),
    /** Every event of a list, page after page. */
    all: (query: RouteQuery<'GET /events'> = {}, options: RequestOptions = {}): AsyncGenerator<EventRecord> =>
      pages((cursor) => this.events.list({ ...query, cursor: cursor ?? query.cursor }, options)),
    types: (options: RequestOptions = {}) => this.call('GET /events/types', options),
    stream: (query: RouteQuery<'GET /events/stream'> = {}, options: StreamOptions = {}) =>
      this.stream<EventRecord>('/events/stream', { ...options, query: query as Query }),
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
}

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

/** The id in the path, and for the errors that are about this task. */
const one = (taskId: string) => ({ params: { id: taskId }, taskId })

async function* pages<T>(read: (cursor: string | undefined) => Promise<Page<T>>): AsyncGenerator<T> {
  let cursor: string | undefined
  do {
    const page = await read(cursor)
    yield* page.data
    cursor = page.next_cursor ?? undefined
  } while (cursor)
}
