// What the proxy says itself: problem documents of the catalogue (V97), or for gRPC a status without a body. Never tells more than code, reason and ids.
import { Problem, type ProblemCode, type ProblemMembers } from '@countersign/sdk'
import type { Field } from './flow.ts'
import type { OpenRun } from './gatekeeper.ts'
import { valuesOf } from './http1/head.ts'
import { headText } from './http1/writer.ts'
import type { Outgoing } from './message.ts'
import { answerWhole } from './message.ts'

export type Said = { status: number; fields: Field[]; body: Buffer; grpc: number }

const RETRY_AFTER: Record<string, string> = {
  control_unreachable: '1',
  record_unavailable: '1',
  rate_limited: '1',
  concurrency_limited: '1',
}

export function say(code: ProblemCode, requestId: string, members: ProblemMembers = {}, run?: OpenRun): Said {
  const problem = new Problem(code, run ? { run_id: run.id, ...members } : members)
  const body = Buffer.from(JSON.stringify(problem.toBody(requestId)))
  const fields: Field[] = [
    ['Content-Type', 'application/problem+json'],
    ['Cache-Control', 'no-store'],
  ]
  if (problem.status === 403 || problem.status === 421) fields.push(['Countersign-Outcome', 'deny'])
  const after = RETRY_AFTER[code]
  if (after !== undefined) fields.push(['Retry-After', String(members.retry_after ?? after)])
  return {
    status: problem.status,
    fields,
    body,
    grpc: problem.status === 429 ? 8 : problem.status === 403 || problem.status === 421 ? 7 : 14,
  }
}

export const denied = (reason: string, requestId: string, run: OpenRun, members: ProblemMembers = {}): Said =>
  say('proxy_denied', requestId, { reason, ...members }, run)

export const isGrpc = (fields: readonly Field[]): boolean =>
  /^application\/grpc(?:$|[+;])/i.test(valuesOf(fields, 'content-type')[0] ?? '')

export function answerSaid(to: Outgoing, said: Said, request: { method: string; fields: readonly Field[] }): void {
  if (!isGrpc(request.fields)) return void answerWhole(to, said.status, said.fields, said.body, request.method)
  answerGrpc(to, said.fields, said.grpc, 'Countersign')
}

/** Trailers alone: how gRPC says that there is no answer. */
export function answerGrpc(to: Outgoing, fields: readonly Field[], status: number, message: string): void {
  const kept = fields.filter(([name]) => !/^content-|^cache-/i.test(name))
  const all: Field[] = [...kept, ['content-type', 'application/grpc'], ['grpc-status', String(status)], ['grpc-message', message]]
  to.begin({ status: 200, reason: '', fields: all, length: 0, bodyless: false }).end([])
}

/** The same as bytes, for a connection that nobody will read from again. */
export function saidText(said: Said, more: readonly Field[] = []): string {
  const fields: Field[] = [...said.fields, ...more, ['Content-Length', String(said.body.length)], ['Connection', 'close']]
  return headText(`HTTP/1.1 ${said.status} `, fields) + said.body.toString('latin1')
}
