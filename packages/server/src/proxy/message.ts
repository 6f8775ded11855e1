// A request of a client and the way its answer goes back, the same for HTTP/1.1 and HTTP/2. What is read is strict; what is written is made by us.

import type { Field, Flow, Sink } from './flow.ts'
import type { Target } from './gatekeeper.ts'
import type { Length } from './http1/writer.ts'

export type Incoming = Target & {
  protocol: 'http/1.1' | 'h2'
  method: string
  path: string
  query: string | null
  /** All of them, as they were sent. */
  fields: readonly Field[]
  /** null: it has none. */
  body: Flow | null
  length: Length
  expectsContinue: boolean
  upgrade?: 'websocket'
  clientAddress: string
  /** Called once when the client goes away before its answer is over. */
  onGone(listener: () => void): void
}

export type AnswerHead = {
  status: number
  reason: string
  fields: readonly Field[]
  length: Length
  /** An answer that has no body whatever its length says: to HEAD, 204, 304. */
  bodyless: boolean
}

export type Outgoing = {
  /** 1xx. */
  inform(status: number, fields: readonly Field[]): void
  begin(head: AnswerHead): Sink
  /** Bytes in both directions behind a 101 (or a 200 to extended CONNECT): what the client sends, and where bytes to it go. */
  upgrade(head: AnswerHead): { from: Flow; to: Sink }
  began(): boolean
  /** Ends it the hard way: the client must not take what it has for the whole. */
  cut(): void
}

/** `/path?query` into its halves; the query of `/x?` is empty, that of `/x` is null. */
export function splitTarget(target: string): { path: string; query: string | null } {
  const at = target.indexOf('?')
  return at < 0 ? { path: target, query: null } : { path: target.slice(0, at), query: target.slice(at + 1) }
}

/** Everything at once. */
export function answerWhole(to: Outgoing, status: number, fields: readonly Field[], body: Buffer, method = 'GET'): void {
  const bodyless = method === 'HEAD' || status === 204 || status === 304
  const sink = to.begin({ status, reason: '', fields, length: body.length, bodyless })
  if (!bodyless && body.length > 0) sink.write(body)
  sink.end([])
}
