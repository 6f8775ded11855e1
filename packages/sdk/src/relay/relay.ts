// The caller's side of the relay: threads with agents of other owners. It promises one Idempotency-Key for each logical call, however often it is sent, and reads with whatever
// opens the thread: the key that was given, or the thread token of the start. Decides nothing; what may be done is said by the server, as a Problem.

import type { ClientOptions, Countersign, RequestOptions } from '../client.ts'
import type { RouteBody } from '../shapes.ts'
import type { CallOptions } from '../transport.ts'
import type {
  AcceptedMessage,
  Thread,
  ThreadArtifact,
  ThreadCallback,
  ThreadEndpoint,
  ThreadEndpointMade,
  ThreadMessage,
} from '../wire.ts'
import { type EventsOptions, followThread, isEnded, type NumberedEvent } from './events.ts'
import { holdTokens } from './tokens.ts'

/** What begins a thread: `text`, `data` or `parts`, and what goes with it; `callback` says where to tell of it. */
export type StartThread = RouteBody<'POST /agents/:slug/threads'>
/** What goes on with one. */
export type SendMessage = RouteBody<'POST /threads/:id/messages'>

/** How a client of the relay calls; `url` and `key` are arguments of their own. */
export type RelayOptions = Omit<ClientOptions, 'url' | 'key'> & {
  /** One that there is already, in place of `url` and `credential`. */
  client?: Countersign
}

/** What a call that changes something takes besides its own values. */
export type OnceOptions = RequestOptions & {
  /** The name of this call, for whoever may make it again after a crash: under the same name it acts once in 24 hours. */
  idempotencyKey?: string
}

/** How to wait for a thread. */
export type WaitOptions = {
  /** The sequence that was seen last. */
  after?: number
  /** What is waited for; unless said, that the other side is not at work any more: `turn` is `caller` or `none`. */
  until?: (thread: Thread) => boolean
  /** Then it answers with the thread as it stands. Without it, it waits as long as it takes. */
  timeoutMs?: number
  signal?: AbortSignal
}

/** Where a thread tells of itself: signed requests, which `verifyWebhook` checks. By an agent's key or a thread token; a relay token names one with a start or a message alone. */
export type ThreadEndpoints = {
  list(threadId: string, options?: RequestOptions): Promise<ThreadEndpoint[]>
  /** The same address again is the same endpoint. A secret that was made stands in this answer alone. */
  create(threadId: string, callback: ThreadCallback, options?: OnceOptions): Promise<ThreadEndpointMade>
  /** What waits for it goes nowhere. */
  delete(threadId: string, which: { endpoint_id: string } | { url: string }, options?: OnceOptions): Promise<void>
}

/** Threads with agents of other owners, by one credential. */
export type Relay = {
  /** Starts a thread. With `want_thread_token` (a relay token needs it to read) the token is kept here and used for this thread. */
  start(agent: string, body: StartThread, options?: OnceOptions): Promise<AcceptedMessage>
  /** The same for one skill. */
  invoke(agent: string, body: StartThread & { skill: string }, options?: OnceOptions): Promise<AcceptedMessage>
  send(threadId: string, body: SendMessage, options?: OnceOptions): Promise<AcceptedMessage>
  read(threadId: string, options?: RequestOptions): Promise<Thread>
  /** Answers once `until` holds, or the thread has ended. */
  wait(threadId: string, options?: WaitOptions): Promise<Thread>
  /** Every event after `after`, once and in order, until the thread has ended; connects again by itself. */
  events(threadId: string, options?: EventsOptions): AsyncGenerator<NumberedEvent>
  messages(threadId: string, options?: RequestOptions): AsyncGenerator<ThreadMessage>
  artifacts(threadId: string, options?: RequestOptions): Promise<ThreadArtifact[]>
  close(threadId: string, options?: OnceOptions & { reason?: string }): Promise<Thread>
  /** Takes a message back that nobody has yet. */
  withdraw(threadId: string, messageId: string, options?: OnceOptions): Promise<ThreadMessage>
  readonly endpoints: ThreadEndpoints
  /** Goes on with a thread whose token was kept elsewhere. */
  hold(threadId: string, threadToken: string, expiresAt?: string): void
}

/** The longest that the server lets one call wait, and what the way there and back may take. */
const A_WAIT_S = 25
const ON_THE_WAY_MS = 15_000

/**
 * Opens the caller's side of the relay. `credential` is a relay token, the key of an agent with a relay grant, or a thread token (`hold` names its thread).
 *
 * @example
 * ```ts
 * import { relay } from '@countersign/sdk'
 * const calls = relay('http://localhost:3001', process.env.RELAY_TOKEN)
 * const { thread_id } = await calls.start('translator', { text: 'Good morning', want_thread_token: true })
 * for await (const event of calls.events(thread_id)) if (event.type === 'thread.responded') break
 * for await (const message of calls.messages(thread_id)) console.log(message.side, message.parts)
 * await calls.close(thread_id)
 * ```
 */
export function relay(url: string | undefined, credential: string | null | undefined, options: RelayOptions = {}): Relay {
  const tokens = holdTokens({ ...options, url, key: credential })
  const { clock } = tokens.own.transport
  const at = (id: string) => ({ params: { id } })

  async function begin(
    head: 'POST /agents/:slug/threads' | 'POST /agents/:slug/invoke',
    agent: string,
    body: StartThread,
    once: OnceOptions = {},
  ): Promise<AcceptedMessage> {
    const accepted = await tokens.own.call(head, { params: { slug: agent }, body, ...sending(once, body) })
    const { thread_id, thread_access_token: token, thread_access_token_expires_at: expiresAt } = accepted
    if (token) tokens.hold(thread_id, token, expiresAt ?? undefined)
    return accepted
  }

  const read = async (
    id: string,
    query: { wait_seconds?: number; after?: number },
    call: Pick<CallOptions, 'signal' | 'headers' | 'attemptMs'>,
  ) => (await tokens.of(id)).call('GET /threads/:id', { ...at(id), query, ...call })

  return {
    start: (agent, body, once) => begin('POST /agents/:slug/threads', agent, body, once),
    invoke: (agent, body, once) => begin('POST /agents/:slug/invoke', agent, body, once),
    send: (id, body, once = {}) => tokens.own.call('POST /threads/:id/messages', { ...at(id), body, ...sending(once, body) }),
    read: (id, { signal, headers } = {}) => read(id, {}, { ...(signal && { signal }), ...(headers && { headers }) }),
    async wait(id, { after, until = isCallersTurn, timeoutMs, signal } = {}) {
      const end = timeoutMs === undefined ? Number.POSITIVE_INFINITY : clock.now().getTime() + timeoutMs
      let seen = after
      for (;;) {
        const left = end - clock.now().getTime()
        const wait_seconds = Math.max(0, Math.min(A_WAIT_S, Math.floor(left / 1000)))
        // The first look waits for nothing: what is waited for may be there already.
        const query = seen === undefined ? {} : { wait_seconds, after: seen }
        const thread = await read(id, query, { ...(signal && { signal }), attemptMs: A_WAIT_S * 1000 + ON_THE_WAY_MS })
        const isNew = after === undefined || thread.sequence > after
        if (isEnded(thread) || (isNew && until(thread)) || end - clock.now().getTime() < 1_000) return thread
        seen = thread.sequence
      }
    },
    events: (id, follow = {}) => followThread(tokens, id, follow),
    async *messages(id, call = {}) {
      for (let cursor: string | undefined; ; ) {
        const client = await tokens.of(id)
        const query = cursor === undefined ? {} : { cursor }
        const page = await client.call('GET /threads/:id/messages', { ...at(id), query, ...call })
        yield* page.data
        if (page.next_cursor === null) return
        cursor = page.next_cursor
      }
    },
    artifacts: async (id, call = {}) =>
      (await (await tokens.of(id)).call('GET /threads/:id/artifacts', { ...at(id), ...call })).data,
    async close(id, { reason, ...once } = {}) {
      const body = reason === undefined ? {} : { reason }
      return (await tokens.of(id)).call('POST /threads/:id/close', { ...at(id), body, ...sending(once) })
    },
    withdraw: (id, mid, once = {}) =>
      tokens.own.call('POST /threads/:id/messages/:mid/withdraw', { params: { id, mid }, ...sending(once) }),
    endpoints: {
      list: async (id, call = {}) =>
        (await (await tokens.of(id)).call('GET /threads/:id/endpoints', { ...at(id), ...call })).data,
      create: async (id, body, once = {}) =>
        (await tokens.of(id)).call('POST /threads/:id/endpoints', { ...at(id), body, ...sending(once) }),
      async delete(id, which, once = {}) {
        await (await tokens.of(id)).call('DELETE /threads/:id/endpoints', { ...at(id), query: which, ...sending(once) })
      },
    },
    hold: (id, token, expiresAt) => tokens.hold(id, token, expiresAt),
  }
}

const isCallersTurn = ({ turn }: Thread): boolean => turn === 'caller' || turn === 'none'

/** An answer that is waited for may take as long as it was given. */
function sending({ idempotencyKey, headers, signal }: OnceOptions, body: { sync?: { wait_ms: number } } = {}) {
  const named = idempotencyKey === undefined ? headers : { ...headers, 'idempotency-key': idempotencyKey }
  return {
    ...(named && { headers: named }),
    ...(signal && { signal }),
    ...(body.sync && { attemptMs: body.sync.wait_ms + ON_THE_WAY_MS }),
  }
}
