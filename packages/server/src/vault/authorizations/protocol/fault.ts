// What went wrong with a provider, as data: a code that we or the provider gave, and the provider's own words, cut short and without anything secret.
// Holds no token, no code, no secret of a client: whoever makes one hands in what must not be repeated.
import * as oauth from 'oauth4webapi'

const CODE = /^[a-z0-9_.:-]{1,64}$/i
const LONGEST = 300

/** `outside`: it never answered, so trying again may help. `refused`: it said no. `unusable`: it said something that nobody can use. */
export type FaultKind = 'outside' | 'refused' | 'unusable'

export class ProviderFault extends Error {
  readonly kind: FaultKind
  readonly code: string
  /** In the provider's words; data, never markup. */
  readonly said: string | null
  readonly status: number | null
  readonly retryAfterMs: number | null

  constructor(
    kind: FaultKind,
    code: string,
    more: { said?: string | null; status?: number | null; retryAfterMs?: number | null; cause?: unknown } = {},
  ) {
    super(`The provider's answer: ${code}`, { cause: more.cause })
    this.name = 'ProviderFault'
    this.kind = kind
    this.code = CODE.test(code) ? code : 'provider_error'
    this.said = more.said ?? null
    this.status = more.status ?? null
    this.retryAfterMs = more.retryAfterMs ?? null
  }
}

/** One line, without control characters and turns of the direction of writing, and with `[secret]` for whatever must not be repeated. */
export function quoted(text: unknown, secrets: readonly string[] = []): string | null {
  if (typeof text !== 'string') return null
  let said = text
  for (const secret of secrets) if (secret.length >= 4) said = said.replaceAll(secret, '[secret]')
  said = said
    .replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069\s]+/gu, ' ')
    .trim()
    .slice(0, LONGEST)
  return said === '' ? null : said
}

/** What the protocol library threw, in our words. Anything that is no answer of a provider is thrown on: that is a bug. */
export function faultOf(error: unknown, secrets: readonly string[] = []): ProviderFault {
  if (error instanceof ProviderFault) return error
  if (error instanceof oauth.ResponseBodyError)
    return new ProviderFault(error.status >= 500 || error.status === 429 ? 'outside' : 'refused', error.error, {
      said: quoted(error.error_description, secrets),
      status: error.status,
      cause: error,
    })
  if (error instanceof oauth.AuthorizationResponseError)
    return new ProviderFault('refused', error.error, { said: quoted(error.error_description, secrets), cause: error })
  if (error instanceof oauth.WWWAuthenticateChallengeError)
    return new ProviderFault('refused', 'invalid_client', { status: error.status, cause: error })
  if (error instanceof oauth.OperationProcessingError || error instanceof oauth.UnsupportedOperationError)
    return new ProviderFault('unusable', 'answer_invalid', { said: quoted(error.message, secrets), cause: error })
  throw error
}
