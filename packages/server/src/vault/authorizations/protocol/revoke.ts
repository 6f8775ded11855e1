// Telling a provider that a token is to count no more (V51), in whichever way it knows: RFC 7009, a call with the token itself, or a DELETE.
// A status that says "gone already" is as good as "done"; only a 2xx and those are.
import * as oauth from 'oauth4webapi'
import type { Material, Revocation } from '../../providers/definition.ts'
import { ProviderFault } from './fault.ts'
import { asOf, authOf, call, type Outside, type ProviderClient, type ProviderServer } from './server.ts'
import { textOf } from './tokens.ts'

export type RevocationPlan = Revocation & { url: string }

/** The tokens in the order in which they are sent: the refresh token first, for it could make new ones. */
function tokensToSend(plan: RevocationPlan, material: Material): { token: string; hint: 'refresh_token' | 'access_token' }[] {
  const refresh = textOf(material, 'refresh_token')
  const access = textOf(material, 'access_token')
  const send = plan.send ?? (plan.style === 'rfc7009' ? 'both' : plan.style === 'delete_path' ? 'refresh' : 'access')
  const wanted = [
    ...(send !== 'access' && refresh !== null ? [{ token: refresh, hint: 'refresh_token' as const }] : []),
    ...(send !== 'refresh' && access !== null ? [{ token: access, hint: 'access_token' as const }] : []),
  ]
  // A provider that wants the one that is not there can be told by the other.
  if (wanted.length > 0) return wanted
  const other = refresh ?? access
  return other === null ? [] : [{ token: other, hint: refresh === null ? 'access_token' : 'refresh_token' }]
}

export async function revokeAt(
  outside: Outside,
  server: ProviderServer,
  client: ProviderClient | null,
  plan: RevocationPlan,
  material: Material,
): Promise<void> {
  for (const { token, hint } of tokensToSend(plan, material)) {
    const { status, error } = await STYLES[plan.style as Style](outside, server, client, plan.url, token, hint)
    if (status >= 200 && status < 300 && error === null) continue
    if (GONE.has(status) || (error !== null && GONE_WORDS.has(error))) continue
    const outsideFault = status >= 500 || status === 429
    throw new ProviderFault(outsideFault ? 'outside' : 'refused', error ?? `http_${status}`, { status })
  }
}

const GONE = new Set([404, 410])
const GONE_WORDS = new Set(['invalid_token', 'token_revoked', 'account_inactive', 'not_authed', 'token_expired'])

type Style = Exclude<Revocation['style'], 'none'>
type Sent = { status: number; error: string | null }
type Send = (
  outside: Outside,
  server: ProviderServer,
  client: ProviderClient | null,
  url: string,
  token: string,
  hint: string,
) => Promise<Sent>

const STYLES: Record<Style, Send> = {
  async rfc7009(outside, server, client, url, token, hint) {
    const headers = new Headers({ 'content-type': 'application/x-www-form-urlencoded' })
    const body = new URLSearchParams({ token, token_type_hint: hint })
    const auth = client === null ? oauth.None() : authOf(client)
    if (client !== null) await auth(asOf(server), { client_id: client.clientId }, body, headers)
    return sent(await call(outside, { url, method: 'POST', headers: Object.fromEntries(headers), body: body.toString() }))
  },
  async bearer(outside, _server, _client, url, token) {
    const answer = await call(outside, { url, method: 'POST', headers: { authorization: `Bearer ${token}` } })
    // The token is its own credential: one that is not let in any more is gone.
    return answer.status === 401 ? { status: 404, error: null } : sent(answer)
  },
  async delete_path(outside, _server, _client, url, token) {
    return sent(await call(outside, { url: url.replace('{token}', encodeURIComponent(token)), method: 'DELETE', headers: {} }))
  },
  async basic_delete(outside, _server, client, url, token) {
    // A key is never sent anywhere: this style wants a secret.
    if (client === null || client.secret === null || client.auth === 'private_key_jwt')
      throw new ProviderFault('unusable', 'client_needed')
    const basic = Buffer.from(`${client.clientId}:${client.secret.reveal()}`).toString('base64')
    const headers = { authorization: `Basic ${basic}`, 'content-type': 'application/json' }
    const to = url.replace('{client_id}', encodeURIComponent(client.clientId))
    return sent(await call(outside, { url: to, method: 'DELETE', headers, body: JSON.stringify({ access_token: token }) }))
  },
}

/** Some say no with 200 here too. */
function sent({ status, body }: { status: number; body: Buffer }): Sent {
  const text = body.toString('utf8')
  if (!/^\s*\{/.test(text)) return { status, error: null }
  try {
    const json = JSON.parse(text) as { ok?: unknown; error?: unknown }
    const refused = json.ok === false || typeof json.error === 'string'
    return { status, error: refused ? (typeof json.error === 'string' ? json.error : 'provider_error') : null }
  } catch (error) {
    if (error instanceof SyntaxError) return { status, error: null }
    throw error
  }
}
