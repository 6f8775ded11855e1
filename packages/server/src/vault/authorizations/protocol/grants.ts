// The token calls without a browser at the other end: refresh (RFC 6749 §6), the service's own (§4.4), and the device grant (RFC 8628).
import * as oauth from 'oauth4webapi'
import { readAnswer, readTokenAnswer } from './answer.ts'
import { resourceOf, setIdTokenAside } from './code.ts'
import { faultOf, ProviderFault } from './fault.ts'
import { asOf, authOf, call, type Outside, options, type ProviderClient, type ProviderServer, secretsOf } from './server.ts'
import { type Tokens, tokensOf } from './tokens.ts'

export async function refreshTokens(
  outside: Outside,
  server: ProviderServer,
  client: ProviderClient,
  refreshToken: string,
): Promise<Tokens> {
  const hidden = secretsOf(client, refreshToken)
  const as = asOf(server)
  const own = { client_id: client.clientId }
  const how = { answer: server.answer, body: server.tokenBody, secrets: hidden, kind: 'token' } as const
  try {
    const more = { ...options(outside, server.tokenUrl, how), ...resourceOf(server) }
    const response = await oauth.refreshTokenGrantRequest(as, own, authOf(client), refreshToken, more)
    const { response: rest, idToken } = await setIdTokenAside(server, response)
    return tokensOf(await oauth.processRefreshTokenResponse(as, own, rest), idToken)
  } catch (error) {
    throw faultOf(error, hidden)
  }
}

/** V42: the token of the service itself. */
export async function clientCredentials(
  outside: Outside,
  server: ProviderServer,
  client: ProviderClient,
  wanted: { scopes: readonly string[]; extra: Readonly<Record<string, string>> },
  auth: oauth.ClientAuth = authOf(client),
): Promise<Tokens> {
  const hidden = secretsOf(client)
  const as = asOf(server)
  const own = { client_id: client.clientId }
  const how = { answer: server.answer, body: server.tokenBody, secrets: hidden, kind: 'token' } as const
  const parameters = new URLSearchParams({ ...wanted.extra, ...(server.resource === null ? {} : { resource: server.resource }) })
  if (wanted.scopes.length > 0) parameters.set('scope', wanted.scopes.join(server.scopeSeparator))
  try {
    const response = await oauth.clientCredentialsGrantRequest(as, own, auth, parameters, options(outside, server.tokenUrl, how))
    return tokensOf(await oauth.processClientCredentialsResponse(as, own, response), null)
  } catch (error) {
    throw faultOf(error, hidden)
  }
}

export type DeviceStyle = 'form' | 'json'
export type DeviceCode = {
  deviceCode: string
  userCode: string
  verificationUri: string
  verificationUriComplete: string | null
  lifetime: number
  interval: number
}

const DEFAULT_INTERVAL = 5
const LONGEST_DEVICE = 1_800

export async function startDevice(
  outside: Outside,
  server: ProviderServer,
  client: ProviderClient,
  style: DeviceStyle,
  scopes: readonly string[],
): Promise<DeviceCode> {
  if (server.deviceUrl === null) throw new ProviderFault('unusable', 'device_url_missing')
  const hidden = secretsOf(client)
  const members: Record<string, string> = { client_id: client.clientId }
  if (scopes.length > 0) members.scope = scopes.join(server.scopeSeparator)
  if (server.resource !== null) members.resource = server.resource
  const json = await post(outside, server, server.deviceUrl, members, style, hidden, client)
  const { device_code, user_code, expires_in, interval } = json
  // The member's name changed between drafts, and some stayed.
  const uri = json.verification_uri ?? json.verification_url
  const complete = json.verification_uri_complete
  const life = Number(expires_in ?? LONGEST_DEVICE)
  if (!isToken(device_code) || !isLine(user_code) || !isPage(uri) || !(life >= 1))
    throw new ProviderFault('unusable', 'answer_invalid', { said: 'The answer is not that of a device flow.' })
  const every = Number(interval ?? DEFAULT_INTERVAL)
  return {
    deviceCode: device_code,
    userCode: user_code,
    verificationUri: uri,
    verificationUriComplete: isPage(complete) ? complete : null,
    lifetime: Math.min(Math.floor(life), LONGEST_DEVICE),
    interval: every >= 1 && every <= 300 ? Math.ceil(every) : DEFAULT_INTERVAL,
  }
}

/** Tokens, or what to do: `authorization_pending` and `slow_down` come as such; anything else is thrown. */
export async function pollDevice(
  outside: Outside,
  server: ProviderServer,
  client: ProviderClient,
  style: DeviceStyle,
  deviceCode: string,
): Promise<Tokens | 'pending' | 'slow_down'> {
  const hidden = secretsOf(client, deviceCode)
  const grant = {
    grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
    device_code: deviceCode,
    client_id: client.clientId,
  }
  try {
    const json = await post(outside, server, server.tokenUrl, grant, style, hidden, client, 'token')
    return tokensOf(json as unknown as oauth.TokenEndpointResponse, typeof json.id_token === 'string' ? json.id_token : null)
  } catch (error) {
    const fault = faultOf(error, hidden)
    if (fault.code === 'authorization_pending') return 'pending'
    if (fault.code === 'slow_down') return 'slow_down'
    throw fault
  }
}

async function post(
  outside: Outside,
  server: ProviderServer,
  url: string,
  members: Record<string, string>,
  style: DeviceStyle,
  hidden: readonly string[],
  client: ProviderClient,
  kind: 'token' | 'other' = 'other',
): Promise<Record<string, unknown>> {
  const headers = new Headers({ 'content-type': style === 'json' ? 'application/json' : 'application/x-www-form-urlencoded' })
  const body = new URLSearchParams(members)
  await authOf(client)(asOf(server), { client_id: client.clientId }, body, headers)
  const text = style === 'json' ? JSON.stringify(Object.fromEntries(body)) : body.toString()
  const raw = await call(outside, { url, method: 'POST', headers: Object.fromEntries(headers), body: text })
  const { status, json } = (kind === 'token' ? readTokenAnswer : readAnswer)(server.answer, raw, hidden)
  if (status !== 200)
    throw new ProviderFault(status >= 500 ? 'outside' : 'refused', json.error as string, {
      said: typeof json.error_description === 'string' ? json.error_description : null,
      status,
    })
  return json
}

const isToken = (value: unknown): value is string => typeof value === 'string' && value !== '' && value.length <= 4_096
const isLine = (value: unknown): value is string => typeof value === 'string' && /^[\x20-\x7e]{1,64}$/.test(value)
const isPage = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= 2_000 && URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)
