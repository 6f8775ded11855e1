// A problem is an expected refusal: a code of the catalogue, members that the client may read, and a cause that it never sees.
// This file promises that the body it renders is RFC 9457; it never puts a cause, a stack or an unknown message into one.

import { type ClientCode, entryOf, type ProblemCode, type Retry } from './catalogue.ts'

// Names, not addresses: a self-hosted product has no site of its own that a type could point to.
const TYPE = 'urn:countersign:problem:'
const DOCS = 'docs/errors.md#'

/** One thing that is wrong with what was sent; `path` is a JSON Pointer into the body, or the bare name of a query or header field. */
export type FieldError = { path: string; code: string; message: string; field?: string }

/** What a problem carries beside its code. Everything here is sent to the client. */
export type ProblemMembers = {
  detail?: string
  errors?: FieldError[]
  retry_after?: number
  task_id?: string
  [member: string]: unknown
}

/** A problem as it travels (`application/problem+json`). */
export type ProblemBody = {
  type: string
  title: string
  status: number
  detail?: string
  code: ProblemCode
  request_id: string
  errors?: FieldError[]
  [member: string]: unknown
}

/**
 * The one class of expected errors, on both sides: a verb of the server throws it, and the client throws it again when it has read
 * the body. `switch (problem.code)` is the way to tell them apart; the message never is.
 *
 * @example
 * ```ts
 * import { Problem } from '@countersign/sdk'
 * try {
 *   throw new Problem('task_not_open', { status: 'completed' })
 * } catch (error) {
 *   if (error instanceof Problem) console.log(error.code, error.status, error.hint)
 * }
 * ```
 */
export class Problem extends Error {
  readonly code: ProblemCode | ClientCode
  /** The HTTP status; 0 when no server said this. */
  readonly status: number
  readonly title: string
  /** What travels beside the code. `status` in here is a member of the problem, not the HTTP status. */
  readonly members: ProblemMembers
  readonly retry: Retry
  /** What to do about it, from the catalogue. */
  readonly hint: string
  /** Where this code is explained. */
  readonly docs: string
  readonly requestId: string | null
  readonly taskId: string | null

  constructor(
    code: ProblemCode | ClientCode,
    members: ProblemMembers = {},
    options: { cause?: unknown; requestId?: string | null; taskId?: string | null } = {},
  ) {
    const entry = entryOf(code)
    super(messageOf(entry.title, members), 'cause' in options ? { cause: options.cause } : undefined)
    this.name = 'Problem'
    this.code = code
    this.status = entry.status
    this.title = entry.title
    this.members = members
    this.retry = entry.retry
    this.hint = entry.advice
    this.docs = `${DOCS}${code}`
    this.requestId = options.requestId ?? null
    this.taskId = options.taskId ?? (typeof members.task_id === 'string' ? members.task_id : null)
  }

  /** All field errors, empty when there are none. */
  get errors(): FieldError[] {
    return this.members.errors ?? []
  }

  /** The body to send. Members never overwrite `type`, `title`, `code` or `request_id`; a member `status` is sent as `state`. */
  toBody(requestId: string): ProblemBody {
    if (this.status === 0) return new Problem('internal').toBody(requestId)
    // RFC 9457 owns the member `status`, so the state that a verb names travels as `state`, like that of state_conflict.
    const { detail, status: state, ...rest } = this.members
    return {
      ...(state === undefined ? {} : { state }),
      ...rest,
      type: `${TYPE}${this.code}`,
      title: this.title,
      status: this.status,
      ...(detail === undefined ? {} : { detail }),
      code: this.code as ProblemCode, // status is not 0, so it is one of the codes that travel
      request_id: requestId,
    }
  }
}

function messageOf(title: string, members: ProblemMembers): string {
  if (members.detail) return `${title}: ${members.detail}`
  const first = members.errors?.[0]
  if (!first) return title
  const more = (members.errors?.length ?? 1) - 1
  return `${title}: ${first.path || '/'} ${first.message}${more > 0 ? ` (and ${more} more)` : ''}`
}
