// Which kinds of credential a route takes, and what is said to a good one of another kind (relay.md R114). Knows no secret and looks nothing up.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import type { RouteSpec } from './route.ts'

/** session: the cookie of a user. key: of a user, an agent or the tenant. relay: of a relay grant. thread: of one side of one thread. */
export type CredentialKind = 'session' | 'key' | 'relay' | 'thread'

export function kindOf(scope: Scope): CredentialKind {
  if (scope.relayThread !== undefined) return 'thread'
  if (scope.relayScopes !== undefined) return 'relay'
  return scope.scopes === null ? 'session' : 'key'
}

const OF_AUTH = { none: [], session: ['session'], key: ['key'], any: ['session', 'key'] } as const

/** All that count here. */
export const acceptedBy = ({ auth, credentials }: Pick<RouteSpec, 'auth' | 'credentials'>): readonly CredentialKind[] =>
  credentials ?? OF_AUTH[auth]

export function refuseOtherKind(spec: Pick<RouteSpec, 'auth' | 'credentials'>, scope: Scope): void {
  const accepted = acceptedBy(spec)
  const kind = kindOf(scope)
  if (accepted.includes(kind)) return
  // A token of the relay opens what names it and nothing else, also where nobody thought of it.
  if (spec.credentials || kind === 'relay' || kind === 'thread') throw new Problem('wrong_token_kind', { accepted })
  throw new Problem('forbidden', {
    detail: spec.auth === 'session' ? 'This needs a signed-in user, not a key.' : 'This needs a key, not a session.',
  })
}
