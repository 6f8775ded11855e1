// What a caller of the queue may have to handle, as one class with a closed union of codes. A bug is any other error and passes as it is.
// Never carries a payload, and never tells errors apart by their message.
export type QueueErrorCode =
  | 'validation_failed'
  | 'filter_required'
  | 'not_found'
  | 'lease_stale'
  | 'unique_conflict'
  | 'queue_full'
  | 'kind_unknown'
  | 'state_conflict'
  | 'callback_resolved'
  | 'callback_expired'
  | 'callback_replayed'
  | 'callback_expression_failed'
  | 'signature_invalid'
  | 'signature_expired'
  | 'schedule_invalid'
  | 'isolation_level'
  | 'schema_mismatch'
  | 'job_failed'
  | 'job_cancelled'
  | 'timeout'

export type Fault = { path: string; code: string; message: string }

export class QueueError extends Error {
  readonly code: QueueErrorCode
  readonly members: Readonly<Record<string, unknown>>

  constructor(code: QueueErrorCode, message: string, members: Record<string, unknown> = {}, options?: ErrorOptions) {
    super(message, options)
    this.name = 'QueueError'
    this.code = code
    this.members = members
  }

  static invalid(path: string, message: string, code = 'invalid'): QueueError {
    return new QueueError('validation_failed', `${path || '/'}: ${message}`, {
      errors: [{ path, code, message }] satisfies Fault[],
    })
  }
}

/** The engine's own SQLSTATEs (Q77). */
const CODES: Record<string, QueueErrorCode> = {
  QJ001: 'lease_stale',
  QJ002: 'unique_conflict',
  QJ003: 'queue_full',
  QJ004: 'not_found',
  QJ005: 'validation_failed',
  QJ006: 'isolation_level',
  QJ007: 'not_found',
}

type DatabaseError = Error & { code: string; detail?: string }

export const isDatabaseError = (error: unknown): error is DatabaseError =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' && /^[0-9A-Z]{5}$/.test(error.code)

/** The typed form of an error of the engine; every other error as it is. */
export function asQueueError(error: unknown): unknown {
  if (!isDatabaseError(error)) return error
  const code = CODES[error.code]
  if (!code) return error
  const detail = (error.detail ? JSON.parse(error.detail) : {}) as Record<string, unknown>
  if (code !== 'validation_failed') return new QueueError(code, error.message, detail, { cause: error })
  if (detail.code === 'filter_required') return new QueueError('filter_required', error.message, {}, { cause: error })
  const { path = '', index } = detail
  if (detail.code === 'kind_unknown')
    return new QueueError('kind_unknown', error.message, index === undefined ? {} : { index }, { cause: error })
  const errors = [{ path, code: 'invalid', message: error.message }]
  return new QueueError(code, error.message, index === undefined ? { errors } : { errors, index }, { cause: error })
}

/** Classes and codes of errors that say nothing about the statement: the same one may succeed in a moment (Q97). */
const AGAIN = /^(08|53)|^57P0|^(25006|40001|40P01|55P03|57014)$/

/** What PostgreSQL took back for the sake of others: a deadlock, a serialization failure. */
const TAKEN_BACK = new Set(['40001', '40P01'])
export const isTakenBack = (error: unknown): boolean => isDatabaseError(error) && TAKEN_BACK.has(error.code)

/** Whether the store, not the caller, is at fault. An error without SQLSTATE is the connection's. */
export function isStoreAway(error: unknown): boolean {
  if (error instanceof QueueError) return false
  if (isDatabaseError(error)) return AGAIN.test(error.code)
  return (
    error instanceof Error && !(error instanceof TypeError) && !(error instanceof SyntaxError) && !(error instanceof RangeError)
  )
}
