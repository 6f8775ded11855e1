// Whose account it is, as the provider says it with the new token: an id and a name, for people to tell connections apart. Not knowing is no fault.
import type { Definition } from '../../providers/definition.ts'
import { fillUrl } from '../../providers/params.ts'
import type { Params } from '../../providers/pattern.ts'
import { claimsOf } from './code.ts'
import { ProviderFault, quoted } from './fault.ts'
import { call, type Outside } from './server.ts'
import type { Tokens } from './tokens.ts'

export type Account = { id: string | null; label: string | null }
const LONGEST = 200

export async function readAccount(outside: Outside, { oauth }: Definition, params: Params, tokens: Tokens): Promise<Account> {
  const asked = oauth?.userinfo ? await askUserinfo(outside, fillUrl(oauth.userinfo.url, params), tokens.accessToken) : null
  if (asked && oauth?.userinfo) return { id: lineAt(asked, oauth.userinfo.id), label: lineAt(asked, oauth.userinfo.label) }
  const claims = tokens.idToken === null ? null : claimsOf(tokens.idToken)
  return claims === null
    ? { id: null, label: null }
    : { id: line(claims.sub), label: line(claims.email ?? claims.preferred_username ?? claims.name) }
}

async function askUserinfo(outside: Outside, url: string, token: string): Promise<unknown> {
  try {
    const { status, body } = await call(outside, { url, method: 'GET', headers: { authorization: `Bearer ${token}` } })
    return status === 200 ? (JSON.parse(body.toString('utf8')) as unknown) : null
  } catch (error) {
    if (error instanceof ProviderFault || error instanceof SyntaxError) return null
    throw error
  }
}

/** A JSON pointer, or the name of a member. */
function lineAt(json: unknown, at: string): string | null {
  let value = json
  for (const part of (at.startsWith('/') ? at.slice(1) : at).split('/')) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~')
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return null
    value = (value as Record<string, unknown>)[name]
  }
  return line(value)
}

const line = (value: unknown): string | null =>
  quoted(typeof value === 'number' ? String(value) : value)?.slice(0, LONGEST) ?? null
