// One call to the server: sent, repeated while repeating can help, and read. It promises that what comes out is either the answer or
// a Problem, and that a mutation which is repeated carries the same Idempotency-Key. It never follows a redirect with a key in hand.

import { jsonText } from './canonical.ts'
import { type Clock, orAbort, sleep } from './clock.ts'
import { problemOf, ServerUnreachable } from './errors.ts'
import { Problem } from './problem.ts'
import type { Prover } from './proof.ts'
import type { Settings } from './settings.ts'

export type Query = {
  readonly [name: string]:
    | string
    | number
    | boolean
    | null
    | undefined
    | readonly (string | number)[]
    | { readonly [member: string]: string }
}

/** How one call is made. */
export type CallOptions = {
  query?: Query
  body?: unknown
  headers?: Record<string, string>
  signal?: AbortSignal
  unref?: boolean
  /** Milliseconds until one attempt counts as cut. */
  attemptMs?: number
  /** Until when (ms since epoch) to repeat, given the time of the first failure in a row. */
  patience?: (firstFailure: number) => number
  /** `none` for calls that have no principal yet, such as signing in. */
  idempotency?: 'none'
  /** Called once, when the first attempt fails and another will be made. */
  onRetry?: (problem: Problem) => void
  taskId?: string
}

/** `text` is the body as it came: numbers that a double cannot hold stand in it digit for digit. */
export type Reply<T> = { status: number; headers: Headers; body: T; text: string }

export type Transport = {
  settings: Settings
  clock: Clock
  random: () => number
  call<T>(method: string, path: string, options?: CallOptions): Promise<Reply<T>>
  /** Opens a stream, once, or throws the Problem that came instead. The caller ends it through the signal. */
  open(
    path: string,
    options: { query?: Query; lastEventId?: string; signal: AbortSignal; accept?: string },
  ): Promise<ReadableStream<Uint8Array>>
}

export type TransportOptions = {
  settings: Settings
  /** Signs each attempt; without one the key speaks for itself. */
  prover?: Prover
  fetch: typeof fetch
  clock: Clock
  /** A number in [0, 1). */
  random: () => number
  retryMs: number
  credentials?: RequestCredentials
}

const ATTEMPT_MS = 30_000
const MUTATIONS = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])

export function openTransport(options: TransportOptions): Transport {
  const { settings, clock } = options

  function address(path: string, query: Query = {}): string {
    const search = new URLSearchParams()
    for (const [name, value] of Object.entries(query)) {
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
        for (const [member, text] of Object.entries(value)) search.append(`${name}[${member}]`, String(text))
        continue
      }
      for (const item of Array.isArray(value) ? value : [value])
        if (item !== undefined && item !== null) search.append(name, String(item))
    }
    const text = search.toString()
    return `${settings.url}${path.startsWith('/') ? `/api/v1${path}` : `/${path}`}${text ? `?${text}` : ''}`
  }

  function headersOf(more: Record<string, string | undefined>): Record<string, string> {
    const all: Record<string, string | undefined> = {
      authorization: settings.key && !options.prover ? `Bearer ${settings.key}` : undefined,
      ...more,
    }
    return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined))
  }

  /** A proof is about one request and counts once: each attempt has its own, and one more where the refusal told a nonce or the time. */
  async function send(url: string, init: RequestInit & { method: string; headers: Record<string, string> }): Promise<Response> {
    const { prover } = options
    for (let tries = 0; ; tries++) {
      const body = typeof init.body === 'string' ? init.body : undefined
      const proof = prover ? await prover.headers({ method: init.method, url, body }) : {}
      const response = await options.fetch(url, { ...init, headers: { ...init.headers, ...proof } })
      if (!prover || !(await prover.learns(response)) || tries > 0) return response
    }
  }

  async function attempt<T>(
    method: string,
    path: string,
    call: CallOptions,
    headers: Record<string, string>,
    body: string | undefined,
  ): Promise<Reply<T>> {
    const cut = new AbortController()
    const abort = () => cut.abort(call.signal?.reason)
    call.signal?.addEventListener('abort', abort, { once: true })
    const attemptMs = call.attemptMs ?? ATTEMPT_MS
    const stop = clock.timer(attemptMs, () => cut.abort(new Error(`no answer within ${attemptMs} ms`)), { unref: call.unref })
    try {
      call.signal?.throwIfAborted()
      const sent = send(address(path, call.query), {
        method,
        headers,
        body,
        signal: cut.signal,
        redirect: 'manual',
        credentials: options.credentials ?? 'same-origin',
      })
      // Not every fetch given to us listens to its signal.
      const response = await orAbort(sent, cut.signal)
      const text = await orAbort(response.text(), cut.signal)
      return read<T>(response, text, call.taskId)
    } catch (error) {
      if (call.signal?.aborted) throw call.signal.reason
      if (error instanceof Problem) throw error
      throw new ServerUnreachable(
        'server_unreachable',
        { detail: `${settings.url} (${reasonOf(error)})` },
        { cause: error, taskId: call.taskId },
      )
    } finally {
      stop()
      call.signal?.removeEventListener('abort', abort)
    }
  }

  function read<T>(response: Response, text: string, taskId: string | undefined): Reply<T> {
    const type = response.headers.get('content-type')
    const requestId = response.headers.get('x-request-id')
    const about = { status: response.status, type, requestId, taskId, retryAfter: retryAfter(response.headers, clock) }
    if (isRedirect(response)) {
      const to = response.headers.get('location')
      throw new Problem('answer_unreadable', {
        detail: `The server redirects${to ? ` to ${to}` : ''}; use that URL.`,
        http_status: 308,
      })
    }
    let body: unknown = null
    if (text !== '') {
      try {
        body = JSON.parse(text)
      } catch {
        throw problemOf({ ...about, body: null }) // a page of something in between, or half an answer
      }
    }
    if (!response.ok) throw problemOf({ ...about, body })
    return { status: response.status, headers: response.headers, body: body as T, text } // the caller names the type of the route it calls
  }

  return {
    settings,
    clock,
    random: options.random,
    async call<T>(method: string, path: string, call: CallOptions = {}): Promise<Reply<T>> {
      const body = call.body === undefined ? undefined : jsonText(call.body)
      const ownKey = MUTATIONS.has(method) && call.idempotency !== 'none' ? randomHex() : undefined
      const headers = headersOf({
        accept: 'application/json',
        'content-type': body === undefined ? undefined : 'application/json',
        'idempotency-key': ownKey,
        ...call.headers,
      })
      const started = clock.now().getTime()
      const patience = call.patience ?? (() => started + options.retryMs)
      let firstFailure: number | null = null
      for (let failures = 0; ; failures++) {
        try {
          return await attempt<T>(method, path, call, headers, body)
        } catch (error) {
          if (!(error instanceof Problem) || !canRepeat(error)) throw error
          const now = clock.now().getTime()
          if (firstFailure === null) firstFailure = now
          const pause = Math.max(backoff(failures, options.random()), (error.members.retry_after ?? 0) * 1000)
          if (now + pause > patience(firstFailure)) throw error
          if (failures === 0) call.onRetry?.(error)
          await sleep(clock, pause, call)
        }
      }
    },
    async open(path, { query, lastEventId, signal, accept = 'text/event-stream' }) {
      const headers = headersOf({ accept, 'last-event-id': lastEventId || undefined })
      const sent = send(address(path, query), {
        method: 'GET',
        headers,
        signal,
        redirect: 'manual',
        credentials: options.credentials ?? 'same-origin',
      })
      const response = await orAbort(sent, signal)
      const type = response.headers.get('content-type')
      if (response.ok && response.body && type?.startsWith(accept)) return response.body
      read(response, await orAbort(response.text(), signal), undefined)
      throw problemOf({ status: response.status, type, requestId: response.headers.get('x-request-id'), body: null })
    },
  }
}

/** Pauses grow from at least 0.25 s to at most 10 s, and differ between clients so that they do not come back all at once. */
export function backoff(failures: number, random: number): number {
  const most = Math.min(10_000, 500 * 2 ** Math.min(failures, 10))
  return Math.round(250 + random * (most - 250))
}

/** T136: a network that fails, 408, 425, 429 and 5xx may get better; of the 4xx only those that are not ours, or that say when. */
export function canRepeat(problem: Problem): boolean {
  if (problem.code === 'server_unreachable' || problem.retry === 'after') return true
  if (problem.code !== 'answer_unreadable') return problem.status === 429 || problem.status >= 500
  return problem.members.http_status !== 308 // an answer that is not ours, but a redirect stays one
}

const isRedirect = (response: Response) => response.type === 'opaqueredirect' || (response.status >= 300 && response.status < 400)

/** Seconds until the server wants to be asked again: a number or an HTTP date; rubbish is no wish. */
function retryAfter(headers: Headers, clock: Clock): number | undefined {
  const text = headers.get('retry-after')?.trim()
  if (!text) return undefined
  if (/^\d{1,9}$/.test(text)) return Number(text)
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - clock.now().getTime()) / 1000))
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause as { code?: string; message?: string } | undefined
  return cause?.code ?? cause?.message ?? error.message
}

function randomHex(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
