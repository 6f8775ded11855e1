// The classes behind a problem, so that `catch` can ask by kind. Each is a Problem and adds nothing but its name; the code tells all.

import { isProblemCode, type ProblemCode } from './catalogue.ts'
import { Problem, type ProblemMembers } from './problem.ts'

/**
 * Nobody answered before the deadline.
 *
 * @example
 * ```ts
 * import { awaitHuman, TaskTimedOut } from '@countersign/sdk'
 * try {
 *   await awaitHuman({ task: 'Ship it?', response: { type: 'object' }, timeout: '10m' })
 * } catch (error) {
 *   if (error instanceof TaskTimedOut) console.log('nobody was there for', error.taskId)
 * }
 * ```
 */
export class TaskTimedOut extends Problem {
  override name = 'TaskTimedOut'
}

/**
 * The question was withdrawn, by its agent or by a person.
 *
 * @example
 * ```ts
 * import { TaskCancelled } from '@countersign/sdk'
 * const gone = (error: unknown) => error instanceof TaskCancelled
 * ```
 */
export class TaskCancelled extends Problem {
  override name = 'TaskCancelled'
}

/**
 * A person, or the deadline, said no and there is no typed answer that says it.
 *
 * @example
 * ```ts
 * import { TaskDenied } from '@countersign/sdk'
 * const refused = (error: unknown) => error instanceof TaskDenied
 * ```
 */
export class TaskDenied extends Problem {
  override name = 'TaskDenied'
}

/**
 * No answer passed the verifier of the task.
 *
 * @example
 * ```ts
 * import { VerificationExhausted } from '@countersign/sdk'
 * const unverified = (error: unknown) => error instanceof VerificationExhausted
 * ```
 */
export class VerificationExhausted extends Problem {
  override name = 'VerificationExhausted'
}

/**
 * There is no such task, or it is not this agent's.
 *
 * @example
 * ```ts
 * import { resume, TaskNotFound } from '@countersign/sdk'
 * const handle = await resume('refund-1042').catch((error) => (error instanceof TaskNotFound ? null : Promise.reject(error)))
 * ```
 */
export class TaskNotFound extends Problem {
  override name = 'TaskNotFound'
}

/**
 * The payload does not fit its schema, or is not JSON. Nothing was sent.
 *
 * @example
 * ```ts
 * import { PayloadInvalid } from '@countersign/sdk'
 * const places = (error: unknown) => (error instanceof PayloadInvalid ? error.errors.map((e) => e.path) : [])
 * ```
 */
export class PayloadInvalid extends Problem {
  override name = 'PayloadInvalid'
}

/**
 * The answer does not fit the schema of the agent, for instance one of its refinements.
 *
 * @example
 * ```ts
 * import { ResponseInvalid } from '@countersign/sdk'
 * const places = (error: unknown) => (error instanceof ResponseInvalid ? error.errors.map((e) => e.path) : [])
 * ```
 */
export class ResponseInvalid extends Problem {
  override name = 'ResponseInvalid'
}

/**
 * The time given is outside 5 seconds to 365 days, or cannot be read.
 *
 * @example
 * ```ts
 * import { TimeoutOutOfRange } from '@countersign/sdk'
 * const bad = (error: unknown) => error instanceof TimeoutOutOfRange
 * ```
 */
export class TimeoutOutOfRange extends Problem {
  override name = 'TimeoutOutOfRange'
}

/**
 * The idempotency key was used for another question; `members.differs` names what is not equal.
 *
 * @example
 * ```ts
 * import { KeyReused } from '@countersign/sdk'
 * const differs = (error: unknown) => (error instanceof KeyReused ? error.members.differs : [])
 * ```
 */
export class KeyReused extends Problem {
  override name = 'KeyReused'
}

/**
 * The key or session is missing, wrong, expired or revoked; `code` tells which.
 *
 * @example
 * ```ts
 * import { Unauthorized } from '@countersign/sdk'
 * const signIn = (error: unknown) => error instanceof Unauthorized && error.code === 'session_ended'
 * ```
 */
export class Unauthorized extends Problem {
  override name = 'Unauthorized'
}

/**
 * Known, but not allowed to do this; `code` tells why.
 *
 * @example
 * ```ts
 * import { Forbidden } from '@countersign/sdk'
 * const needed = (error: unknown) => (error instanceof Forbidden ? error.members.needed : undefined)
 * ```
 */
export class Forbidden extends Problem {
  override name = 'Forbidden'
}

/**
 * A limit was hit and stayed hit for as long as the call was repeated.
 *
 * @example
 * ```ts
 * import { RateLimited } from '@countersign/sdk'
 * const bucket = (error: unknown) => (error instanceof RateLimited ? error.members.bucket : undefined)
 * ```
 */
export class RateLimited extends Problem {
  override name = 'RateLimited'
}

/**
 * No server answered for as long as the call was repeated; `cause` is the last error of the network.
 *
 * @example
 * ```ts
 * import { ServerUnreachable } from '@countersign/sdk'
 * const offline = (error: unknown) => error instanceof ServerUnreachable
 * ```
 */
export class ServerUnreachable extends Problem {
  override name = 'ServerUnreachable'
}

/**
 * The schema says something that no form can ask for; `members.path` names the place. Nothing was sent.
 *
 * @example
 * ```ts
 * import { SchemaNotConvertible } from '@countersign/sdk'
 * const place = (error: unknown) => (error instanceof SchemaNotConvertible ? error.members.path : undefined)
 * ```
 */
export class SchemaNotConvertible extends Problem {
  override name = 'SchemaNotConvertible'
}

/**
 * The caller's signal ended the wait. With `onAbort: 'cancel'`, `cancelled` resolves once the task is withdrawn, to false if it could not be.
 *
 * @example
 * ```ts
 * import { Aborted, awaitHuman } from '@countersign/sdk'
 * const signal = AbortSignal.timeout(60_000)
 * try {
 *   await awaitHuman({ task: 'Ship it?', response: { type: 'object' }, timeout: '1h', signal, onAbort: 'cancel' })
 * } catch (error) {
 *   if (error instanceof Aborted) console.log('withdrawn:', await error.cancelled)
 * }
 * ```
 */
export class Aborted extends Problem {
  override name = 'Aborted'
  cancelled: Promise<boolean> = Promise.resolve(false)
}

const BY_CODE: Partial<Record<ProblemCode, typeof Problem>> = {
  payload_invalid: PayloadInvalid,
  response_invalid: ResponseInvalid,
  idempotency_mismatch: KeyReused,
}
const BY_STATUS: Record<number, typeof Problem> = { 401: Unauthorized, 403: Forbidden, 429: RateLimited }
const CODE_OF_STATUS: Record<number, ProblemCode> = {
  400: 'request_invalid',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not_found',
  409: 'state_conflict',
  422: 'validation_failed',
  429: 'rate_limited',
}

type Answer = {
  status: number
  type: string | null
  requestId: string | null
  body: unknown
  retryAfter?: number
  taskId?: string
}

/** The error that an answer means. One that is not a problem of ours becomes `answer_unreadable`. */
export function problemOf(answer: Answer): Problem {
  const body = answer.body
  if (typeof body !== 'object' || body === null || !('code' in body) || typeof body.code !== 'string') {
    const detail = `HTTP ${answer.status}${answer.type ? ` with ${answer.type}` : ''}`
    return new Problem('answer_unreadable', { detail, http_status: answer.status, retry_after: answer.retryAfter }, answer)
  }
  const { type: _type, title: _title, status: _status, code, request_id: requestId, ...rest } = body as Record<string, unknown>
  // A newer server may know a code that this catalogue does not: its status still says how to treat it.
  const known = isProblemCode(code)
    ? code
    : (CODE_OF_STATUS[answer.status] ?? (answer.status < 500 ? 'request_invalid' : 'internal'))
  const members: ProblemMembers = known === code ? rest : { ...rest, unknown_code: code }
  if (answer.retryAfter !== undefined) members.retry_after = answer.retryAfter
  const Kind = BY_CODE[known] ?? (known === 'not_found' && answer.taskId ? TaskNotFound : (BY_STATUS[answer.status] ?? Problem))
  return new Kind(known, members, {
    requestId: typeof requestId === 'string' ? requestId : answer.requestId,
    taskId: answer.taskId,
  })
}
