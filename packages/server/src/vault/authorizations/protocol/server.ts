// The provider's side of a flow, whether a definition names its endpoints or metadata did, as the protocol library takes it; and our side, with its secret.
// Every call leaves by the one door: 30 seconds, no redirect, 256 KiB (V36).
import * as oauth from 'oauth4webapi'
import type { Secret } from '../../../crypto/secret.ts'
import type { Door } from '../../../egress/fetch.ts'
import type { ClientAuth, OAuth } from '../../providers/definition.ts'
import { type AnswerStyle, type Raw, readAnswer, readTokenAnswer } from './answer.ts'
import { signedAssertion } from './assertion.ts'
import { ProviderFault } from './fault.ts'

export const CALL_CAPS = { wholeMs: 30_000, headersMs: 30_000, idleMs: 30_000, bodyBytes: 262_144 }

export type ProviderServer = {
  /** Known where metadata was read; then `iss` and the issuer of an id token are checked. */
  issuer: string | null
  announcesIss: boolean
  authorizationUrl: string | null
  tokenUrl: string
  deviceUrl: string | null
  revocationUrl: string | null
  pkce: 'S256' | 'absent'
  answer: AnswerStyle
  tokenBody: 'form' | 'json'
  resource: string | null
  scopeSeparator: string
}

/** `secret` is a key where it proves itself by `private_key_jwt`, and `keyId` its name at the provider. */
export type ProviderClient = { clientId: string; auth: ClientAuth; secret: Secret | null; keyId?: string | null }

/** A call to a provider on behalf of a tenant. */
export type Outside = { door: Door; tenantId: string; signal?: AbortSignal }

export const serverOf = (definition: OAuth, urls: (template: string) => string): ProviderServer => {
  const filled = (url: string | undefined) => (url === undefined ? null : urls(url))
  return {
    issuer: null,
    announcesIss: false,
    authorizationUrl: filled(definition.authorization_url),
    tokenUrl: filled(definition.token_url) ?? '',
    deviceUrl: filled(definition.device_url),
    revocationUrl: filled(definition.revocation?.url),
    pkce: definition.pkce === 'absent' ? 'absent' : 'S256',
    answer: definition.answer ?? 'standard',
    tokenBody: definition.token_body ?? 'form',
    resource: filled(definition.resource),
    scopeSeparator: definition.scopes?.separator ?? ' ',
  }
}

/** Where nobody announced an issuer the library wants one all the same; nothing is ever compared with this. */
const NO_ISSUER = 'https://issuer.invalid'

export const asOf = (server: ProviderServer): oauth.AuthorizationServer => ({
  issuer: server.issuer ?? NO_ISSUER,
  token_endpoint: server.tokenUrl,
  ...(server.authorizationUrl ? { authorization_endpoint: server.authorizationUrl } : {}),
  ...(server.deviceUrl ? { device_authorization_endpoint: server.deviceUrl } : {}),
  ...(server.revocationUrl ? { revocation_endpoint: server.revocationUrl } : {}),
  ...(server.announcesIss ? { authorization_response_iss_parameter_supported: true } : {}),
})

export function authOf(client: ProviderClient): oauth.ClientAuth {
  const { auth, secret } = client
  if (auth === 'none' || secret === null) return oauth.None()
  if (auth === 'basic') return oauth.ClientSecretBasic(secret.reveal())
  if (auth === 'post') return oauth.ClientSecretPost(secret.reveal())
  return signedAssertion(secret, client.keyId ?? null, (as) =>
    as.issuer === NO_ISSUER ? (as.token_endpoint as string) : as.issuer,
  )
}

export const secretsOf = (client: ProviderClient | null, ...more: (string | null | undefined)[]): string[] =>
  [client?.secret?.reveal(), ...more].filter((text): text is string => typeof text === 'string' && text !== '')

type How = { answer: AnswerStyle; body: 'form' | 'json'; secrets: readonly string[]; kind: 'token' | 'other' }

/** The library's `fetch`: out by the door, and in as the specifications have it. */
export function options(outside: Outside, url: string, how: How) {
  const read = how.kind === 'token' ? readTokenAnswer : readAnswer
  const fetching = async (to: string, init: { method?: string; headers?: HeadersInit; body?: unknown }): Promise<Response> => {
    const headers = Object.fromEntries(new Headers(init.headers))
    const body = init.body === undefined || init.body === null ? undefined : bodyOf(init.body, how.body, headers)
    const { status, json } = read(
      how.answer,
      await call(outside, { url: to, method: init.method ?? 'GET', headers, body }),
      how.secrets,
    )
    return new Response(JSON.stringify(json), { status, headers: { 'content-type': 'application/json' } })
  }
  return {
    [oauth.customFetch]: fetching as never,
    // Whether plain http is dialled at all is for the door to say.
    [oauth.allowInsecureRequests]: url.startsWith('http:'),
    ...(outside.signal ? { signal: outside.signal } : {}),
  }
}

function bodyOf(given: unknown, as: 'form' | 'json', headers: Record<string, string>): string {
  if (!(given instanceof URLSearchParams)) return String(given)
  if (as === 'form') return given.toString()
  headers['content-type'] = 'application/json'
  return JSON.stringify(Object.fromEntries(given))
}

type Call = { url: string; method: string; headers: Record<string, string>; body?: string | undefined }

/** One request to the provider. Throws what kept it from answering. */
export async function call(
  { door, tenantId, signal }: Outside,
  { url, method, headers, body }: Call,
): Promise<Raw & { headers: Record<string, string | undefined> }> {
  const answer = await door.fetch({
    tenantId,
    url,
    method: method as 'GET' | 'POST' | 'PUT' | 'DELETE',
    headers: { accept: 'application/json', ...headers },
    ...(body === undefined ? {} : { body }),
    redirects: 0,
    caps: CALL_CAPS,
    ...(signal ? { signal } : {}),
  })
  if ('failed' in answer) throw new ProviderFault('outside', answer.failed)
  const named = Object.fromEntries(Object.entries(answer.headers).map(([name, value]) => [name, [value].flat()[0]]))
  if (answer.status === 429 || answer.status === 503) {
    const seconds = Number(named['retry-after'])
    if (Number.isInteger(seconds) && seconds > 0)
      throw new ProviderFault('outside', `http_${answer.status}`, { status: answer.status, retryAfterMs: seconds * 1_000 })
  }
  return { status: answer.status, type: named['content-type'], body: answer.body, headers: named }
}
