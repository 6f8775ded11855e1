// The contract table's one entry: what a route takes, answers and needs, and the plain function that calls one verb.
// Knows no product; what it cannot know (who asks, what they may do) is handed to the app.
import type { Problem, ProblemCode } from '@countersign/sdk'
import type * as z from 'zod'
import type { Scope } from '../db/scope.ts'
import type { Answer } from './answer.ts'
import type { BucketName } from './bucket.ts'
import type { CredentialKind } from './credential.ts'
import type { Parsed, ParsedShape, Shape } from './schema.ts'

export { s } from './schema.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
export type Dialect = 'native' | 'compatible'
export type Head = `${Method} /${string}`

/** What is known of a request before its body is read. */
export type RequestInfo = {
  readonly id: string
  readonly method: string
  /** Without the query. */
  readonly path: string
  /** After the `?`, as sent; empty where there is none. */
  readonly query: string
  /** Of the client, as P73 says: IPv6 as its /64. */
  readonly address: string
  /** User-Agent, shortened to 200 characters; null when none was sent. */
  readonly client: string | null
  header(name: string): string | undefined
  cookie(name: string): string | undefined
}

export type CookieOptions = {
  path?: string
  maxAge?: number
  sameSite?: 'Lax' | 'Strict' | 'None'
  httpOnly?: boolean
  secure?: boolean
}

/** What the answer carries beside its body. Statuses and headers set here before the transaction ends stand in a stored reply too. */
export type ReplyControl = {
  status(status: number): void
  header(name: string, value: string): void
  cookie(name: string, value: string, options?: CookieOptions): void
  location(path: string): void
}

export type StreamEvent = { event?: string; id?: string; data: unknown }
export type EventStream = {
  /** Resolves when the client has taken enough for the next one. Rejects nothing: after the end it does nothing. */
  send(event: StreamEvent): Promise<void>
  /** Aborted when the client left, the server stops, 15 minutes are over or the session or key was revoked; its reason says which. */
  readonly signal: AbortSignal
}
export const STREAMED: unique symbol = Symbol('streamed')

/** The limits of a verb's own, counted after the body was read (P72): `take` throws 429; `clear` empties a bucket after a success. */
export type AskLimits = {
  take(bucket: BucketName, key: string, cost?: number): Promise<void>
  clear(bucket: BucketName, key: string): Promise<void>
}

export type Ask<P extends Shape = Shape, Q extends Shape = Shape, B extends z.ZodType | undefined = undefined> = {
  /** Who asks. On a route of `auth: 'none'` it is the system scope `system:anonymous` without a tenant. */
  readonly scope: Scope
  readonly params: ParsedShape<P>
  readonly query: ParsedShape<Q>
  readonly body: B extends z.ZodType ? Parsed<B> : undefined
  /** The body as it came, where the route asks for its bytes; else empty. */
  readonly bytes: Uint8Array
  readonly request: RequestInfo
  /** Aborted when the client leaves or the server stops (reason `'client'` or `'shutdown'`). */
  readonly signal: AbortSignal
  readonly dialect: Dialect
  readonly reply: ReplyControl
  readonly limits: AskLimits
  /** Server-sent events: `return ask.stream(async (out) => { for … await out.send(…) })`. The stream ends when `write` returns. */
  stream(write: (out: EventStream) => Promise<void>): Promise<typeof STREAMED>
}

type DocumentType = 'text/html' | 'text/css' | 'text/plain' | 'application/atom+xml' | `text/plain; ${string}` | JsonType
type JsonType = 'application/json' | 'application/a2a+json' | 'application/jwk-set+json'

/**
 * A text that is sent as it is: `return new Document('text/html', html)` on a route whose answer is a 'page'. HTML gets the headers of pages (P134). JSON that was
 * stored, because somebody signed those bytes, is one too.
 */
export class Document {
  readonly type: string
  readonly text: string
  constructor(type: DocumentType, text: string) {
    // JSON is UTF-8 and says nothing of it (RFC 8259 §11).
    this.type = type.includes(';') || type.endsWith('json') ? type : `${type}; charset=utf-8`
    this.text = text
  }
}

/** A file that is written while it is sent: `return new Download('text/csv; charset=utf-8', 'decisions.csv', pieces)` on a route whose answer is a 'page'. */
export class Download {
  readonly type: string
  readonly name: string
  readonly pieces: AsyncIterable<string>
  constructor(type: string, name: string, pieces: AsyncIterable<string>) {
    this.type = type
    this.name = name
    this.pieces = pieces
  }
}

/** What a route with an order of its own takes for itself (`RouteSpec.own`); each throws what the caller is to be told. */
export type Steps = {
  readonly params: Readonly<Record<string, string>>
  readonly request: RequestInfo
  /** Every value that was sent under the name of a header. */
  all(name: string): string[]
  /** 413 for a body that says itself that it is longer. */
  refuseLarge(maxBytes: number): void
  /** Whoever asks, inside of the tenant that `enter` leads to. */
  who(): Promise<Scope>
  /** In the buckets of everybody, and in one of the route's own. */
  count(scope: Scope, cost: number, bucket?: BucketName): Promise<void>
  /** The body as it came; 413 once it is longer. */
  read(scope: Scope, maxBytes: number): Promise<Uint8Array>
  /** Aborted when the client leaves or the server stops. */
  readonly signal: AbortSignal
  /** Server-sent events that last as long as what they tell of. `open` runs before anything is sent; what it throws is the answer. */
  stream(
    scope: Scope,
    headers: Readonly<Record<string, string>>,
    open: () => Promise<(out: EventStream) => Promise<void>>,
  ): Promise<typeof STREAMED>
}

/** How a verb's result becomes an answer, when that is more than "the first success status with the result as body". */
export type Rendered = { status?: number; headers?: Record<string, string>; body: unknown }

export type RouteSpec<
  P extends Shape = Shape,
  Q extends Shape = Shape,
  B extends z.ZodType | undefined = z.ZodType | undefined,
> = {
  summary: string
  tag: string
  description?: string
  auth: 'none' | 'session' | 'key' | 'any'
  /**
   * Every kind that the route takes, in place of what `auth` says of kinds; a good one of another kind is 401 `wrong_token_kind` (relay.md R114). `auth` still says
   * whether anybody has to show one: with 'none' a credential is optional, and one that is shown counts (a cookie only where 'session' is listed).
   */
  credentials?: readonly CredentialKind[]
  /**
   * Takes whoever asks into the tenant where the thing lies, as a party of another tenant with `relayParty`: right after they are known, before limits, matrix and
   * idempotency. `params` stand as in the path, not yet held against their schemas. What it returns is the scope from there on; the state of that tenant is its to
   * look at. Never called for nobody, nor for who came through break-glass.
   */
  enter?(scope: Scope, params: Readonly<Record<string, string>>, request: RequestInfo): Promise<Scope>
  /** The cell of the matrix; required unless the route is open or concerns only the caller. */
  action?: string
  self?: true
  stepUp?: true
  /** Also where the tenant is not active (P11) and through break-glass (P12): it writes nothing there but what ends or leaves that state. */
  always?: true
  /** Its body says whether it reads or writes: counted as a read, so that it works while the database takes no writes; what writes is refused there. */
  mixed?: true
  params?: P
  query?: Q
  body?: B
  /** Body by status; null = no body, 'stream' = server-sent events, 'page' = a redirect or a page, without schema. The first 2xx (or 3xx) is the default. */
  answers: Record<number, z.ZodType | null | 'stream' | 'page'>
  /** The codes of its own; the common ones need no naming. */
  problems?: readonly ProblemCode[]
  /** Of an open route: counted by address before anything else (`anonymous` unless said; 'none' = uncounted). Of others: counted beside the principal's and the tenant's. */
  bucket?: BucketName | 'none'
  /** read 1, write 2 unless said otherwise (P74) */
  cost?: number
  /** Bytes; 1 MiB unless said otherwise. */
  maxBody?: number
  /** Also answers with server-sent events where the request's Accept names them; the handler then calls `ask.stream`. */
  alsoStreams?: true
  /** Having waited after its transaction, its answer may say more than what a repeat is told. */
  grows?: true
  /** The verb gets the bytes of the body, unread, because they were signed; `body` then only describes them. */
  bytes?: true
  /** The header is checked and then ignored: for routes that end in a cookie or whose repetition is harmless. */
  idempotency?: 'none'
  /** Members that a stored reply drops, with `secret_shown: false` in their place (P78). */
  secretOnce?: readonly string[]
  /** compatible: under /api only; native (default): under /api/v1, and under /api unless a compatible route stands there. */
  dialect?: Dialect | 'both'
  /**
   * What clients of another service call members of ours (relay.md §3.4), each by their name: `takes` in the body (`a`, or `a.b` inside of an object), `calls` in the answer and
   * `heads` among its headers, both for who sends `Countersign-Compat: foragent`.
   */
  aliases?: {
    takes?: Readonly<Record<string, string>>
    calls?: Readonly<Record<string, string>>
    heads?: Readonly<Record<string, string>>
  }
  /** Problems that the other clients know by another word on this route alone (tasks.md §3.4). */
  compatibleWords?: Partial<Record<ProblemCode, string>>
  /** Signed by its own means (callbacks): takes no cookie and needs no same-origin proof (P135). */
  selfAuthenticated?: true
  /** Of another protocol, with an order of checks and a wire of its own: it is handed the steps, answers refusals itself, and its handler is never called. */
  own?(steps: Steps): Promise<Answer | typeof STREAMED>
  /** How the wire of such a route says what is refused before any step of it: a key in the address, another host, a target that is no path. */
  ownRefusal?(problem: Problem, request: RequestInfo): Answer
  // A method, not a property: a route of a known result type stays a Route.
  render?(result: unknown, request: { dialect: Dialect }): Rendered
}

export type Route = {
  readonly method: Method
  /** As written in the table: `/tasks/:id/claim`. */
  readonly path: string
  readonly spec: RouteSpec
  readonly handler: (ask: Ask<Shape, Shape, z.ZodType>) => Promise<unknown>
}

const HEAD = /^(GET|POST|PUT|PATCH|DELETE) (\/(?:[a-z0-9_.*-]+|:[a-z_]+)(?:\/(?:[a-z0-9_.*-]+|:[a-z_]+))*\/?|\/)$/

/**
 * One route: `route('POST /tasks/:id/claim', { … }, ({ scope, params }) => claimTask(house, scope, params.id))`.
 * In a mutating route the writing transaction returns what the handler returns: the stored reply of P77 is made of it before COMMIT.
 */
export function route<
  P extends Shape = Record<never, never>,
  Q extends Shape = Record<never, never>,
  B extends z.ZodType | undefined = undefined,
>(head: Head, spec: RouteSpec<P, Q, B>, handler: (ask: Ask<P, Q, B>) => Promise<unknown>): Route {
  const [, method, path] = HEAD.exec(head) ?? []
  if (!method || !path) throw new TypeError(`${head} is not a route: a method and a kebab-case path with :named parts.`)
  const named = [...path.matchAll(/:([a-z_]+)/g)].map((match) => match[1])
  const declared = Object.keys(spec.params ?? {})
  if (named.toSorted().join() !== declared.toSorted().join())
    throw new TypeError(`${head} names (${named.join(', ')}) but describes (${declared.join(', ')}).`)
  if (spec.auth !== 'none' && !spec.action && !spec.self) throw new TypeError(`${head} needs an action, or self: true.`)
  if (method === 'GET' && spec.body) throw new TypeError(`${head} may not take a body.`)
  return { method: method as Method, path, spec: spec as unknown as RouteSpec, handler: handler as unknown as Route['handler'] }
}

export const isMutating = (route: Route): boolean => route.method !== 'GET'
export const isStream = (route: Route): boolean => Object.values(route.spec.answers).includes('stream')

/** The status of an answer that nobody set: the first success that the route declares. */
export const defaultStatus = (route: Route): number =>
  Object.keys(route.spec.answers)
    .map(Number)
    .find((status) => status >= 200 && status < 400) ?? 204
