// The five ways in which a request out may fail, and nothing more (P103).
/** All that a caller learns (P103): nothing tells a closed port from a filtered one. */
export type Failed = 'url_not_allowed' | 'unreachable' | 'timeout' | 'too_large' | 'tls'
export type Failure = { failed: Failed }

export class EgressError extends Error {
  readonly failed: Failed
  constructor(failed: Failed, cause?: unknown) {
    super(failed, { cause })
    this.name = 'EgressError'
    this.failed = failed
  }
}
