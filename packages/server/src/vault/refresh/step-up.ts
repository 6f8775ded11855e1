// A provider that wants more than was granted (V38): it answers an injected request with 403 and `insufficient_scope`, and names the scopes. Only a human can give
// them: the connection waits for its owner, and the next sign-in asks for these too.
import { type Scope, tx } from '../../db/tx.ts'
import { findConnection } from '../connections/sql.ts'
import type { VaultHouse } from '../house.ts'
import type { Method } from '../providers/definition.ts'
import { needReauth } from './need.ts'
import { setAskedScopes } from './sql.ts'

const CODE = 'insufficient_scope'
/** Those that a human signs in for, at a page that shows scopes. */
const BY_SIGN_IN: readonly Method[] = ['code', 'device', 'register']
const MOST = 50
// RFC 6750 §3: visible ASCII but the quotation mark and the backslash.
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/

/** The scopes that a `WWW-Authenticate` of such an answer names; null: it is no such answer. */
export function scopesAskedIn(status: number, header: string | undefined): string[] | null {
  if (status !== 403 || header === undefined || header.length > 8_192) return null
  const bearer = /(?:^|,)\s*(?:Bearer|DPoP)\s+(.*)$/is.exec(header)?.[1]
  if (bearer === undefined || parameter(bearer, 'error') !== CODE) return null
  const named = (parameter(bearer, 'scope') ?? '').split(' ').filter((one) => SCOPE.test(one))
  return [...new Set(named)].slice(0, MOST)
}

function parameter(text: string, name: string): string | null {
  const found = new RegExp(`(?:^|[\\s,])${name}\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s,"]+))`, 'i').exec(text)
  return found ? (found[1]?.replace(/\\(.)/g, '$1') ?? found[2] ?? null) : null
}

/**
 * `generation`: of what was sent; a connection that signed in again meanwhile has another. False: nothing changed, for it has all of these, was renewed, or is one
 * that no human signs in for.
 */
export async function scopesAsked(
  house: Pick<VaultHouse, 'db'>,
  scope: Scope,
  connectionId: string,
  scopes: readonly string[],
  generation: number | null = null,
): Promise<boolean> {
  return tx(house.db, scope, async (t) => {
    const row = await findConnection(t, scope, connectionId, { owner: null, agent: null })
    if (row?.status !== 'connected' || !BY_SIGN_IN.includes(row.method)) return false
    if (generation !== null && row.generation !== generation) return false
    const asked = scopes.filter((one) => SCOPE.test(one)).slice(0, MOST)
    // Who has them all and is refused lacks something that no scope gives: signing in again would end here once more.
    if (asked.length === 0 || asked.every((one) => row.scopes.includes(one))) return false
    await setAskedScopes(t, scope, connectionId, asked)
    return needReauth(t, scope, connectionId, CODE, CODE, generation)
  })
}
