// The authorization code flow (V35): with PKCE S256, or without where a provider knows none; a state of 256 bits; `iss` and `nonce` checked where they were announced.
// The code of an answer that does not fit is never sent on.
import * as oauth from 'oauth4webapi'
import { faultOf, ProviderFault } from './fault.ts'
import { asOf, authOf, type Outside, options, type ProviderClient, type ProviderServer, secretsOf } from './server.ts'
import { type Tokens, tokensOf } from './tokens.ts'

export type CodeSecrets = { state: string; verifier: string | null; nonce: string | null }

export const newCodeSecrets = (server: ProviderServer, scopes: readonly string[]): CodeSecrets => ({
  state: oauth.generateRandomState(),
  verifier: server.pkce === 'S256' ? oauth.generateRandomCodeVerifier() : null,
  nonce: scopes.includes('openid') ? oauth.generateRandomNonce() : null,
})

export type Wanted = { redirectUri: string; scopes: readonly string[]; extra: Readonly<Record<string, string>> }

/** Where the human is sent. What the definition adds stands before what the flow needs, so that it can replace none of that. */
export async function authorizationUrl(
  server: ProviderServer,
  client: ProviderClient,
  secrets: CodeSecrets,
  wanted: Wanted,
): Promise<string> {
  if (server.authorizationUrl === null) throw new ProviderFault('unusable', 'authorization_url_missing')
  const url = new URL(server.authorizationUrl)
  const set = (name: string, value: string | null) => value !== null && url.searchParams.set(name, value)
  for (const [name, value] of Object.entries(wanted.extra)) set(name, value)
  set('response_type', 'code')
  set('client_id', client.clientId)
  set('redirect_uri', wanted.redirectUri)
  set('scope', wanted.scopes.length === 0 ? null : wanted.scopes.join(server.scopeSeparator))
  set('state', secrets.state)
  set('code_challenge', secrets.verifier && (await oauth.calculatePKCECodeChallenge(secrets.verifier)))
  set('code_challenge_method', secrets.verifier && 'S256')
  set('nonce', secrets.nonce)
  set('resource', server.resource)
  return url.href
}

export type Returned = {
  code?: string | undefined
  state?: string | undefined
  iss?: string | undefined
  error?: string | undefined
  error_description?: string | undefined
}

export async function exchangeCode(
  outside: Outside,
  server: ProviderServer,
  client: ProviderClient,
  secrets: CodeSecrets,
  returned: Returned,
  redirectUri: string,
): Promise<Tokens> {
  const hidden = secretsOf(client, secrets.verifier, returned.code)
  const as = asOf(server)
  const own = { client_id: client.clientId }
  try {
    const given = new URLSearchParams()
    for (const [name, value] of Object.entries(returned)) if (value !== undefined) given.set(name, value)
    // Some send one although they announce none, and what it ought to be is then known to nobody.
    if (server.issuer === null) given.delete('iss')
    const parameters = oauth.validateAuthResponse(as, own, given, secrets.state)
    const how = { answer: server.answer, body: server.tokenBody, secrets: hidden, kind: 'token' } as const
    const response = await oauth.authorizationCodeGrantRequest(
      as,
      own,
      authOf(client),
      parameters,
      redirectUri,
      secrets.verifier ?? oauth.nopkce,
      { ...options(outside, server.tokenUrl, how), ...resourceOf(server) },
    )
    const { response: rest, idToken } = await setIdTokenAside(server, response)
    const answer = await oauth.processAuthorizationCodeResponse(as, own, rest, {
      ...(server.issuer !== null && secrets.nonce !== null ? { expectedNonce: secrets.nonce, requireIdToken: true } : {}),
    })
    if (server.issuer === null && secrets.nonce !== null) checkIdToken(idToken, own.client_id, secrets.nonce)
    return tokensOf(answer, idToken)
  } catch (error) {
    throw faultOf(error, hidden)
  }
}

export const resourceOf = ({ resource }: ProviderServer) => (resource === null ? {} : { additionalParameters: { resource } })

/** Where the issuer is known the library checks the token in its place; elsewhere it would compare it with nothing. */
export async function setIdTokenAside(
  { issuer }: ProviderServer,
  response: Response,
): Promise<{ response: Response; idToken: string | null }> {
  const json = (await response.clone().json()) as { id_token?: unknown }
  const idToken = typeof json.id_token === 'string' ? json.id_token : null
  if (issuer !== null || idToken === null) return { response, idToken }
  const { id_token: _, ...rest } = json
  const { status, headers } = response
  return { response: new Response(JSON.stringify(rest), { status, headers }), idToken }
}

/** It came from the token endpoint itself, so that TLS says whose it is (OpenID Connect Core 3.1.3.7); whom and which visit it is for must still fit. */
function checkIdToken(idToken: string | null, clientId: string, nonce: string): void {
  const claims = idToken === null ? null : claimsOf(idToken)
  if (claims === null || claims.nonce !== nonce || ![claims.aud].flat().includes(clientId))
    throw new ProviderFault('unusable', 'id_token_invalid', { said: 'The id token is not for this sign-in.' })
}

export function claimsOf(jwt: string): Record<string, unknown> | null {
  try {
    const claims: unknown = JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString('utf8'))
    return typeof claims === 'object' && claims !== null ? (claims as Record<string, unknown>) : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}
