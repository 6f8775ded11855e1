// §6.3 and R104: every refusal as both bindings say it. What the relay's verbs refuse (our problems), what A2A itself refuses (the SDK's errors) and what our own
// checks refuse end in one `Fault`; an unknown error says nothing but that something failed.
import { A2A_ERROR_CODE, A2A_ERROR_DOMAIN, A2AError, ERROR_INFO_TYPE } from '@a2a-js/sdk/errors'
import type { FieldError, Problem } from '@countersign/sdk'
import { problemOf } from '../../http/problem.ts'

export type Detail = { '@type': string; [member: string]: unknown }

/** One refusal, before it is written for a binding. */
export type Fault = {
  /** Of JSON-RPC. */
  code: number
  /** Of HTTP+JSON. */
  http: number
  /** Of google.rpc. */
  status: string
  message: string
  details: Detail[]
  /** In seconds. */
  retryAfter: number | null
}

type Row = { code: number; http: number; status: string }
const row = (code: number, http: number, status: string): Row => ({ code, http, status })

const C = A2A_ERROR_CODE
const OURS = 'countersign'
/** Of errors that A2A gives no number of its own. */
const NOT_OF_A2A = -32_000

const OF_A2A: Record<string, Row> = {
  TASK_NOT_FOUND: row(C.TASK_NOT_FOUND, 404, 'NOT_FOUND'),
  TASK_NOT_CANCELABLE: row(C.TASK_NOT_CANCELABLE, 400, 'FAILED_PRECONDITION'),
  PUSH_NOTIFICATION_NOT_SUPPORTED: row(C.PUSH_NOTIFICATION_NOT_SUPPORTED, 400, 'FAILED_PRECONDITION'),
  UNSUPPORTED_OPERATION: row(C.UNSUPPORTED_OPERATION, 400, 'FAILED_PRECONDITION'),
  CONTENT_TYPE_NOT_SUPPORTED: row(C.CONTENT_TYPE_NOT_SUPPORTED, 400, 'INVALID_ARGUMENT'),
  INVALID_AGENT_RESPONSE: row(C.INVALID_AGENT_RESPONSE, 500, 'INTERNAL'),
  EXTENDED_AGENT_CARD_NOT_CONFIGURED: row(C.EXTENDED_CARD_NOT_CONFIGURED, 400, 'FAILED_PRECONDITION'),
  EXTENSION_SUPPORT_REQUIRED: row(C.EXTENSION_SUPPORT_REQUIRED, 400, 'FAILED_PRECONDITION'),
  VERSION_NOT_SUPPORTED: row(C.VERSION_NOT_SUPPORTED, 400, 'FAILED_PRECONDITION'),
  PARSE_ERROR: row(C.PARSE_ERROR, 400, 'INVALID_ARGUMENT'),
  INVALID_REQUEST: row(C.INVALID_REQUEST, 400, 'INVALID_ARGUMENT'),
  METHOD_NOT_FOUND: row(C.METHOD_NOT_FOUND, 404, 'INVALID_ARGUMENT'),
  INVALID_PARAMS: row(C.INVALID_PARAMS, 400, 'INVALID_ARGUMENT'),
  // No such agent, or no such place of its interface.
  NOT_FOUND: row(C.METHOD_NOT_FOUND, 404, 'NOT_FOUND'),
}

/** Problems that A2A has a word of its own for. */
const AS_A2A: Partial<Record<string, string>> = {
  not_found: 'TASK_NOT_FOUND',
  thread_closed: 'UNSUPPORTED_OPERATION',
  thread_revoked: 'UNSUPPORTED_OPERATION',
  thread_ended: 'UNSUPPORTED_OPERATION',
  media_type_unsupported: 'CONTENT_TYPE_NOT_SUPPORTED',
  json_invalid: 'PARSE_ERROR',
  validation_failed: 'INVALID_PARAMS',
  cursor_invalid: 'INVALID_PARAMS',
}

/** Every other problem, by its status: whatever else a verb may say, a caller of A2A hears a kind that it knows. */
const BY_STATUS: Record<number, Row> = {
  400: row(C.INVALID_PARAMS, 400, 'INVALID_ARGUMENT'),
  401: row(NOT_OF_A2A, 401, 'UNAUTHENTICATED'),
  403: row(NOT_OF_A2A, 403, 'PERMISSION_DENIED'),
  404: row(C.METHOD_NOT_FOUND, 404, 'NOT_FOUND'),
  405: row(C.METHOD_NOT_FOUND, 405, 'INVALID_ARGUMENT'),
  409: row(C.UNSUPPORTED_OPERATION, 400, 'FAILED_PRECONDITION'),
  410: row(C.TASK_NOT_FOUND, 404, 'NOT_FOUND'),
  413: row(C.INVALID_PARAMS, 413, 'INVALID_ARGUMENT'),
  414: row(C.INVALID_REQUEST, 414, 'INVALID_ARGUMENT'),
  421: row(C.INVALID_REQUEST, 421, 'INVALID_ARGUMENT'),
  422: row(C.INVALID_PARAMS, 422, 'INVALID_ARGUMENT'),
  429: row(NOT_OF_A2A, 429, 'RESOURCE_EXHAUSTED'),
  431: row(C.INVALID_REQUEST, 431, 'INVALID_ARGUMENT'),
  503: row(NOT_OF_A2A, 503, 'UNAVAILABLE'),
  508: row(NOT_OF_A2A, 508, 'FAILED_PRECONDITION'),
}
const INTERNAL = row(C.INTERNAL_ERROR, 500, 'INTERNAL')

/** Members of a problem that a client acts on and that travel in `ErrorInfo.metadata`, which holds texts alone. */
const TOLD = ['request_url', 'request_state', 'bucket', 'quota', 'limit', 'resets_at', 'until', 'max_bytes', 'scope', 'state']

/** One thing that is wrong with the params; `field` as google.rpc writes it: `message.parts[0].text`. */
export type Violation = { field: string; description: string }

/** What our own checks refuse: the place, the envelope, the method or the params. */
export class Malformed extends Error {
  readonly reason: 'PARSE_ERROR' | 'INVALID_REQUEST' | 'METHOD_NOT_FOUND' | 'INVALID_PARAMS' | 'NOT_FOUND'
  readonly violations: readonly Violation[]
  constructor(reason: Malformed['reason'], message: string, violations: readonly Violation[] = []) {
    super(message)
    this.name = 'Malformed'
    this.reason = reason
    this.violations = violations
  }
}

export function faultOf(error: unknown): Fault {
  if (error instanceof Malformed)
    return {
      ...made(error.reason, error.message),
      details: [infoOf(error.reason, A2A_ERROR_DOMAIN), ...badRequest(error.violations)],
    }
  if (error instanceof A2AError) {
    const { reason, message, metadata } = error
    const known = OF_A2A[reason]
    if (known) return { ...known, message, details: [infoOf(reason, A2A_ERROR_DOMAIN, metadata)], retryAfter: null }
  }
  return problemFault(problemOf(error))
}

function problemFault(problem: Problem): Fault {
  const { code, status, title, members } = problem
  const word = AS_A2A[code]
  const told = toldOf(members)
  if (word) {
    const message = typeof members.detail === 'string' ? members.detail : title
    return {
      ...made(word, message),
      details: [infoOf(word, A2A_ERROR_DOMAIN, told), ...badRequest(problem.errors.map(violationOf))],
    }
  }
  const late = code === 'idempotency_in_flight' ? BY_STATUS[503] : BY_STATUS[status]
  const known = late ?? INTERNAL
  if (known === INTERNAL)
    return { ...INTERNAL, message: 'The call failed.', details: [infoOf('INTERNAL', OURS)], retryAfter: null }
  const reason = status === 401 ? 'UNAUTHENTICATED' : code.toUpperCase()
  const after = members.retry_after
  const retryAfter = typeof after === 'number' ? Math.max(1, Math.ceil(after)) : null
  return {
    ...known,
    message: typeof members.detail === 'string' ? `${title}: ${members.detail}` : title,
    details: [
      infoOf(reason, OURS, status === 401 ? { ...told, code } : told),
      ...(retryAfter === null ? [] : [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: `${retryAfter}s` }]),
      ...badRequest(problem.errors.map(violationOf)),
    ],
    retryAfter,
  }
}

const made = (reason: string, message: string) => ({ ...(OF_A2A[reason] as Row), message, retryAfter: null })

const infoOf = (reason: string, domain: string, metadata: Record<string, string> = {}): Detail => ({
  '@type': ERROR_INFO_TYPE,
  reason,
  domain,
  ...(Object.keys(metadata).length > 0 ? { metadata } : {}),
})

const badRequest = (fieldViolations: readonly Violation[]): Detail[] =>
  fieldViolations.length === 0 ? [] : [{ '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations }]

const toldOf = (members: Record<string, unknown>): Record<string, string> =>
  Object.fromEntries(
    TOLD.flatMap((name) => {
      const value = members[name]
      if (value instanceof Date) return [[name, value.toISOString()]]
      return typeof value === 'string' || typeof value === 'number' ? [[name, String(value)]] : []
    }),
  )

/** A JSON Pointer of ours as google.rpc writes a field. */
const violationOf = ({ path, message }: FieldError): Violation => ({
  field: path
    .split('/')
    .filter((part) => part !== '')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((field, part) => (/^\d+$/.test(part) ? `${field}[${part}]` : field === '' ? part : `${field}.${part}`), ''),
  description: message,
})

/** The statuses that JSON-RPC travels with as well; every other refusal of it is an answer like any. What is no POST is no call of it at all. */
const BARE: readonly number[] = [401, 403, 405, 413, 429, 500, 503]
export const rpcStatusOf = (fault: Fault): number => (BARE.includes(fault.http) ? fault.http : 200)

export type RpcId = string | number | null

export const rpcErrorOf = (fault: Fault, id: RpcId) => ({
  jsonrpc: '2.0',
  id,
  error: { code: fault.code, message: fault.message, data: fault.details },
})

export const restErrorOf = (fault: Fault) => ({
  error: { code: fault.http, status: fault.status, message: fault.message, details: fault.details },
})
