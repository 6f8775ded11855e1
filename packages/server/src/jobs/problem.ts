// What the engine refuses, as problems of the catalogue (Q137): its typed errors, and its own SQLSTATEs (Q77) where a function was called in a
// transaction of ours. Never reads a message to tell errors apart.
import { QueueError } from '@countersign/queue'
import { Problem, type ProblemCode } from '@countersign/sdk'
import { type Scope, type Tx, type TxOptions, tx } from '../db/tx.ts'
import type { JobsHouse } from './house.ts'

const STATES: Record<string, ProblemCode> = {
  QJ001: 'lease_stale',
  QJ002: 'unique_conflict',
  QJ003: 'queue_full',
  QJ004: 'not_found',
  QJ005: 'validation_failed',
  QJ007: 'not_found',
  QJ008: 'engine_reanchoring',
  QJ009: 'schema_mismatch',
}

/** The codes that engine and wire have in common. */
const SHARED: readonly string[] = [
  ...Object.values(STATES),
  ...['filter_required', 'state_conflict', 'callback_resolved', 'callback_expired', 'callback_replayed', 'schedule_invalid'],
  ...['payload_too_large', 'dependency_unknown', 'flow_cyclic', 'kind_unknown', 'preview_stale', 'callback_expression_failed'],
]

/** One transaction of a caller, with what the engine refuses in it as problems. */
export const act = <T>(house: JobsHouse, scope: Scope, fn: (t: Tx) => Promise<T>, options?: TxOptions): Promise<T> =>
  tx(house.db, scope, fn, options).catch((error: unknown) => {
    throw asProblem(error)
  })

export const look = <T>(house: JobsHouse, scope: Scope, fn: (t: Tx) => Promise<T>): Promise<T> =>
  act(house, scope, fn, { readOnly: true })

export function asProblem(error: unknown): unknown {
  if (error instanceof Problem) return error
  if (error instanceof QueueError)
    return SHARED.includes(error.code) ? problemFor(error.code as ProblemCode, error.members, error) : error
  const code = stateOf(error)
  if (code === undefined) return error
  const { detail } = error as { detail?: string }
  return problemFor(code, detail ? (JSON.parse(detail) as Members) : {}, error as Error)
}

type Members = Readonly<Record<string, unknown>>

const stateOf = (error: unknown): ProblemCode | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? STATES[error.code] : undefined

function problemFor(code: ProblemCode, members: Members, cause: Error): Problem {
  switch (code) {
    case 'validation_failed':
      if (members.code === 'filter_required' || members.code === 'kind_unknown') return new Problem(members.code, {}, { cause })
      return refusal(members, cause)
    case 'schedule_invalid': {
      const errors = [{ path: onTheWire(`/${members.field ?? ''}`), code: 'invalid', message: cause.message }]
      return new Problem('schedule_invalid', { errors }, { cause })
    }
    case 'unique_conflict':
      return new Problem('unique_conflict', { job_id: members.job_id }, { cause })
    case 'state_conflict':
    case 'callback_resolved':
    case 'callback_expired':
      return new Problem(code, { state: members.state }, { cause })
    case 'queue_full':
    case 'engine_reanchoring':
      return new Problem(code, { retry_after: 1 }, { cause })
    default:
      return new Problem(code, {}, { cause })
  }
}

/** A payload over its bound has a code of its own, so that nobody mends what is not wrong. */
function refusal(members: Members, cause: Error): Problem {
  const told = (members.errors as { path: string; code: string; message: string }[] | undefined) ?? [
    { path: String(members.path ?? ''), code: String(members.code ?? 'invalid'), message: cause.message },
  ]
  if (told.some(({ path, code }) => path === '/payload' && code === 'too_large'))
    return new Problem('payload_too_large', { limit: MAX_PAYLOAD }, { cause })
  const errors = told.map(({ path, code, message }) => ({ path: onTheWire(path), code, message }))
  return new Problem('validation_failed', { errors }, { cause })
}

const MAX_PAYLOAD = 1_048_576

/** The engine's TypeScript says `/runAt` where the wire says `/run_at`; what lies inside a payload is the caller's own. */
const onTheWire = (path: string): string =>
  path.replace(/^\/[A-Za-z]+/, (first) => first.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`))

export const invalid = (path: string, code: string, message: string): Problem =>
  new Problem('validation_failed', { errors: [{ path, code, message }] })
