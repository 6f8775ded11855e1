// Refusals as the agent reads them (V97): a closed list of reasons, problem+json, and trailers alone for gRPC. Says no more than the agent may know.
import { Problem, type ProblemCode, type ProblemMembers } from '@countersign/sdk'
import type { Answer } from '../gatekeeper.ts'

export const REASONS = [
  'no_grant',
  'grant_expired',
  'method',
  'host',
  'path',
  'path_ambiguous',
  'tool',
  'body_ambiguous',
  'body_too_large_to_inspect',
  'policy_forbid',
  'no_permit',
  'ambiguous',
  'connection_missing',
  'needs_reauth',
  'suspended',
  'minting',
  'plaintext',
  'host_mismatch',
  'address_denied',
  'port_denied',
  'budget',
  'placeholder_missing',
  'injection_invalid',
  'run_ended',
] as const
export type Reason = (typeof REASONS)[number]

export type About = {
  requestId: string
  runId: string
  connection?: string
  connectUrl?: string
  choices?: readonly string[]
}

/** One refusal: the problem that the agent reads, and the reason that the record tells. */
export type Denial = { reason: Reason; problem: Problem }

export function denial(reason: Reason, about: About, members: ProblemMembers = {}): Denial {
  const code: ProblemCode = reason === 'host_mismatch' ? 'host_mismatch' : 'proxy_denied'
  const problem = new Problem(code, {
    reason,
    run_id: about.runId,
    ...(about.connection === undefined ? {} : { connection: about.connection }),
    ...(about.connectUrl === undefined ? {} : { connect_url: about.connectUrl }),
    ...(about.choices === undefined ? {} : { choices: about.choices }),
    ...members,
  })
  return { reason, problem }
}

export type Outcome = 'deny' | 'ask'

// gRPC reads a status of its own, in trailers: 7 denied, 9 not yet, 8 too much (V97).
const grpcStatusOf = (problem: Problem): number => (problem.status === 429 ? 8 : problem.code === 'approval_pending' ? 9 : 7)

export const isGrpc = (headers: readonly (readonly [string, string])[]): boolean =>
  headers.some(([name, value]) => name === 'content-type' && value.startsWith('application/grpc'))

export function answerOf(
  problem: Problem,
  outcome: Outcome,
  { requestId, grpc }: { requestId: string; grpc: boolean },
  more: Readonly<Record<string, string>> = {},
): Answer {
  const after = problem.members.retry_after
  const headers = {
    'content-type': 'application/problem+json',
    'countersign-outcome': outcome,
    ...(typeof after === 'number' ? { 'retry-after': String(Math.max(1, Math.ceil(after))) } : {}),
    ...more,
  }
  const answer = {
    kind: 'answer' as const,
    status: problem.status,
    headers,
    body: Buffer.from(JSON.stringify(problem.toBody(requestId))),
  }
  return grpc ? { ...answer, grpcStatus: grpcStatusOf(problem) } : answer
}
