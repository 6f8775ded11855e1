// Problems as they leave (RFC 9457): a known refusal with its members, anything else as `internal` with nothing but the request's id.
// Never sends a cause, a stack or the message of an unknown error; all of that goes to the log.
import { Problem, type ProblemCode } from '@countersign/sdk'
import { asProblem } from '../db/errors.ts'
import type { Log } from '../std/log.ts'
import type { Answer } from './answer.ts'
import { writeJson } from './json.ts'
import type { Dialect } from './route.ts'

/** Where the compatible words are not just the code in upper case (T68). */
const COMPATIBLE_WORDS: Partial<Record<ProblemCode, string>> = {
  not_found: 'TASK_NOT_FOUND',
  task_not_open: 'TASK_ALREADY_TERMINAL',
  task_already_claimed: 'TASK_ALREADY_CLAIMED',
  embed_token_invalid: 'INVALID_EMBED_TOKEN',
  embed_origin_not_allowed: 'EMBED_ORIGIN_NOT_ALLOWED',
}

/** Every error is a problem from here on; what the store says of itself keeps its meaning. */
export function problemOf(error: unknown): Problem {
  const known = asProblem(error)
  if (known instanceof Problem && known.status !== 0) return known
  return new Problem('internal', {}, { cause: error })
}

/** `words`: of a route whose clients know a code by another word than the rest. */
export function problemAnswer(
  problem: Problem,
  requestId: string,
  dialect: Dialect = 'native',
  words: Partial<Record<string, string>> = {},
): Answer {
  const body: Record<string, unknown> = problem.toBody(requestId)
  if (dialect === 'compatible') {
    body.message = problem.members.detail ?? problem.title
    body.docs = problem.docs
    body.error = words[problem.code] ?? COMPATIBLE_WORDS[problem.code as ProblemCode] ?? problem.code.toUpperCase()
  }
  const headers: Record<string, string> = { 'Content-Type': 'application/problem+json' }
  const after = problem.members.retry_after
  if (typeof after === 'number') headers['Retry-After'] = String(Math.max(1, Math.ceil(after)))
  if (problem.status === 401) headers['WWW-Authenticate'] = challengeOf(problem)
  const { nonce, now } = problem.members
  if (typeof nonce === 'string') headers['DPoP-Nonce'] = nonce
  // The time of the database: by it proofs are judged, whatever the clock of this machine says.
  if (now instanceof Date) headers.Date = now.toUTCString()
  // The rest of a body that was refused is not worth reading.
  if (problem.status === 413) headers.Connection = 'close'
  return { status: problem.status, headers, body: writeJson(body) }
}

/** RFC 9449 §7.1: what to show instead. */
function challengeOf({ code, members }: Problem): string {
  if (code !== 'proof_invalid' && code !== 'proof_replayed') return 'Bearer'
  return `DPoP error="${members.reason === 'nonce' ? 'use_dpop_nonce' : 'invalid_dpop_proof'}", algs="EdDSA ES256"`
}

export function logProblem(log: Log, problem: Problem, fields: Record<string, unknown>): void {
  const said = { ...fields, code: problem.code, status: problem.status }
  if (problem.code === 'internal') log.error({ ...said, err: problem.cause ?? problem }, 'a request failed')
  else if (problem.status >= 500) log.warn({ ...said, err: problem.cause ?? problem }, 'a request could not be served')
  else log.debug({ ...said, errors: problem.members.errors, cause: problem.cause }, 'a request was refused')
}
