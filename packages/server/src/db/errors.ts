// PostgreSQL's error codes as named sets, and what a caller is told when the store is away. Never reads an error's message.
import { Problem } from '@countersign/sdk'

/** The transaction lost a race and may simply run again. */
const RETRYABLE = new Set(['40001', '40P01'])

// The last three: disk full, memory short, I/O error. Nothing is half written and the reader's advice is the same: later.
const AWAY = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH', 'EAI_AGAIN', 'ENOENT'],
  ...['57P01', '57P02', '57P03', '53300', '53100', '53200', '58030'],
])

// A lock was not given in time, a statement ran too long: the house is crowded, and nothing was written.
const CROWDED = new Set(['55P03', '57014'])

const READ_ONLY = '25006'
const UNIQUE = '23505'

const member = (error: unknown, name: 'code' | 'constraint' | 'routine'): string | undefined => {
  const value = error instanceof Error ? (error as Error & Record<string, unknown>)[name] : undefined
  return typeof value === 'string' ? value : undefined
}

/** SQLSTATE, or the name of a socket error. */
const errorCode = (error: unknown): string | undefined => member(error, 'code')

export const isUniqueViolation = (error: unknown, constraint?: string): boolean =>
  errorCode(error) === UNIQUE && (constraint === undefined || member(error, 'constraint') === constraint)

export const isRetryable = (error: unknown): boolean => RETRYABLE.has(errorCode(error) ?? '')

/** A kept plan met a table that was changed since: the statement itself is right. The code alone also means "not supported". */
export const isStalePlan = (error: unknown): boolean =>
  errorCode(error) === '0A000' && member(error, 'routine') === 'RevalidateCachedQuery'

export function isStoreAway(error: unknown): boolean {
  const code = errorCode(error)
  return code !== undefined && (AWAY.has(code) || (code.length === 5 && code.startsWith('08')))
}

export const storeUnavailable = (cause: unknown): Problem => new Problem('store_unavailable', { retry_after: 1 }, { cause })

/** What leaves a transaction: the store's own troubles as problems, everything else as it came. */
export function asProblem(error: unknown): unknown {
  if (errorCode(error) === READ_ONLY) return new Problem('read_only', { retry_after: 1 }, { cause: error })
  if (CROWDED.has(errorCode(error) ?? '')) return new Problem('busy', { retry_after: 1 }, { cause: error })
  return isStoreAway(error) ? storeUnavailable(error) : error
}
