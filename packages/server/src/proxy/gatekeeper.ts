// What the data path of the proxy asks of the decision path, and all that it may know. The data path speaks TLS and HTTP, forwards bytes and masks what
// comes back; it holds no rule. The decision path judges and hands out what is to be injected; it opens no socket to a client or an upstream.
import type { Secret } from '../crypto/secret.ts'
import type { Injection } from '../vault/providers/definition.ts'

/** A run that a client showed the token of. `authority` signs the leaves that its clients see (V118). */
export type OpenRun = {
  id: string
  tenant: string
  agentId: string
  expiresAt: Date
  authority: { id: string; certificate: string; key: Secret }
}

export type Target = { scheme: 'https' | 'http'; host: string; port: number }

/** One request as the agent sent it, hop-by-hop fields and `Proxy-*` removed; names of fields in lower case, in their order. */
export type AskedRequest = Target & {
  /** Of this request, `req_…`. */
  id: string
  method: string
  /** Byte for byte what was sent up to `?`. */
  path: string
  /** Behind `?`, or empty. */
  query: string
  headers: readonly (readonly [string, string])[]
  upgrade?: 'websocket'
  protocol: 'http/1.1' | 'h2'
  clientAddress: string
  /** The whole body where it has at most so many bytes; `too_large` where it has more, and then nothing of it is lost: it can still be sent. */
  body(limit: number): Promise<Buffer | 'too_large'>
  /** Ends when the client goes away. */
  signal: AbortSignal
}

/** An injection with its templates filled: the bytes that are added on the way out. */
export type FilledInjection = { rule: Injection; value: Secret; user?: Secret; password?: Secret }

export type Send = {
  kind: 'send'
  connectionId: string | null
  grantId: string | null
  injections: readonly FilledInjection[]
  /** The placeholder that a client may have put where the credential goes (V59). */
  placeholder: string | null
  /** What must not come back (V114): every injected field, and the whole header values are added by the data path. */
  mask: readonly Secret[]
  /** In place of the client's body: what a human edited, with `Countersign-Edited: 1` in the answer. */
  edited?: { body: Buffer }
  scan: boolean
  /** The definition and the operator allow this credential on plain http (V110); otherwise the data path refuses to add it there. */
  plaintext?: true
  /** After a 401: the same request once more with new material, or null where it may not be sent again (V48). */
  again: ((status: number) => Promise<Send | null>) | null
  /** Cookies that stay on our side (V45): taken out of every answer, and handed over here when the site renews them. */
  capture?: { names: ReadonlySet<string>; keep(renewed: Readonly<Record<string, string>>): void }
  /** It goes to an MCP server (V99). */
  mcp?: McpPassage
  /** Fields that the answer to the agent carries, such as `Countersign-Outcome`. */
  answerHeaders: Readonly<Record<string, string>>
}

export type McpPassage = {
  /** `Mcp-Session-Id` as the server knows it; null: the agent sent none. */
  session: string | null
  /** The id of a session as this run alone may show it again. */
  bind(session: string): string
  /** What of the answer is to be narrowed; null: nothing in it can be a list of tools. */
  lists: McpLists | null
}
export type McpLists = {
  /** Of the calls of `tools/list` in this request; null: a stream that answers what was asked elsewhere. */
  ids: readonly (string | number | null)[] | null
  /** Which of these tools a dry evaluation does not deny. */
  mayCall(tools: readonly string[]): Promise<ReadonlySet<string>>
}

/** A refusal, a pending approval, a JSON-RPC error: answered by us, nothing was sent. */
export type Answer = {
  kind: 'answer'
  status: number
  headers: Readonly<Record<string, string>>
  body: Buffer
  grpcStatus?: number
}

export type Verdict = Send | Answer

export type Settled = {
  status: number | null
  /** `WWW-Authenticate` of a 403: what the provider wants more (V38). */
  challenge?: string
  /** A code of the catalogue where no answer came. */
  fault: string | null
  bytesUp: number
  bytesDown: number
  upstreamMs: number | null
  ttfbMs: number | null
  totalMs: number
  redactions: number
  replaced: boolean
  retried: boolean
  address: string | null
  protocolUpstream: 'http/1.1' | 'h2' | null
}

export type Tunnelled = { up: number; down: number; totalMs: number; fault: string | null }

export type Gatekeeper = {
  /** null: missing, malformed, unknown, ended, expired: the data path answers the same 407 to all (V84). */
  open(token: string, clientAddress: string): Promise<OpenRun | null>
  /** At CONNECT: whether TLS is intercepted, or bytes flow blindly because policy says so (V95). */
  connect(run: OpenRun, target: Target, asked: { id: string; clientAddress: string }): Promise<'intercept' | 'tunnel'>
  /** Every step of V91 from syntax to material. Never rejects for a denial: that is an `Answer`. */
  judge(run: OpenRun, request: AskedRequest): Promise<Verdict>
  /** Once for every judged request, when its last byte is through or its end is known. */
  settled(requestId: string, outcome: Settled): void
  /** Once for every CONNECT that was to be a blind tunnel, when it has ended: only bytes are known of it (V95). */
  tunnelled(id: string, how: Tunnelled): void
  /** False: too long without a fresh answer from the control plane; new requests get 503 `control_unreachable` (V82). */
  isFresh(): boolean
  /** Told what may not go on: streams, tunnels and sockets of this run, or those that carry this connection's injection, are cut (V113). */
  onCut(listener: (cut: { runId?: string; connectionId?: string; everythingInjected?: true }) => void): () => void
}
