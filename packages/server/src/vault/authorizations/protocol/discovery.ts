// From the URL of a resource to the endpoints of its authorization server (V38): RFC 9728 metadata named by a 401 or found at its place, RFC 8414 metadata, then
// OpenID's. `resource` and `issuer` are compared byte for byte, and a server without S256 is refused.

import { ProviderFault } from './fault.ts'
import type { Outside, ProviderServer } from './server.ts'
import { call } from './server.ts'

export type Discovered = {
  server: ProviderServer
  registrationUrl: string | null
  /** It takes the URL of a document as client id. */
  takesDocument: boolean
  authMethods: readonly string[]
}

type Json = Record<string, unknown>
const KEPT_MS = 300_000
const MOST_KEPT = 500
const kept = new Map<string, { at: number; found: Discovered }>()

/** The issuers that the resource names, in its order; what it names of scopes. */
export async function discoverResource(outside: Outside, resource: string): Promise<{ issuers: string[]; scopes: string[] }> {
  const asked = await call(outside, { url: resource, method: 'GET', headers: {} })
  const named = metadataUrlOf(asked.headers['www-authenticate'])
  const url = named ?? inserted(resource, 'oauth-protected-resource')
  const found = await readJson(outside, url)
  if (found === null)
    throw new ProviderFault('unusable', 'resource_metadata_missing', { said: 'The resource names no authorization server.' })
  // Its own identifier, not one that a proxy or a redirect suggests: else tokens could be had for somebody else's resource.
  if (found.resource !== resource)
    throw new ProviderFault('unusable', 'resource_mismatch', { said: 'The metadata is of another resource.' })
  const issuers = textsIn(found.authorization_servers).filter((issuer) => URL.canParse(issuer))
  if (issuers.length === 0)
    throw new ProviderFault('unusable', 'resource_metadata_missing', { said: 'The resource names no authorization server.' })
  return { issuers, scopes: textsIn(found.scopes_supported) }
}

const CHALLENGE = /\bresource_metadata="((?:[^"\\]|\\.)*)"/i

function metadataUrlOf(header: string | undefined): string | null {
  const text = CHALLENGE.exec(header ?? '')?.[1]?.replace(/\\(.)/g, '$1')
  return text !== undefined && URL.canParse(text) ? text : null
}

/** RFC 8414 §3.1, RFC 9728 §3.1: between host and path. */
function inserted(of: string, name: string): string {
  const url = new URL(of)
  return `${url.origin}/.well-known/${name}${url.pathname === '/' ? '' : url.pathname.replace(/\/$/, '')}${url.search}`
}

export async function discoverServer(outside: Outside, issuer: string): Promise<Discovered> {
  const key = `${outside.tenantId} ${issuer}`
  const known = kept.get(key)
  const now = performance.now()
  if (known && now - known.at < KEPT_MS) return known.found
  const found = readMetadata(issuer, await metadataOf(outside, issuer))
  const [oldest] = kept.size >= MOST_KEPT ? kept.keys() : []
  if (oldest !== undefined) kept.delete(oldest)
  kept.set(key, { at: now, found })
  return found
}

async function metadataOf(outside: Outside, issuer: string): Promise<Json> {
  const places = [
    inserted(issuer, 'oauth-authorization-server'),
    inserted(issuer, 'openid-configuration'),
    `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`,
  ]
  for (const url of new Set(places)) {
    const found = await readJson(outside, url)
    if (found === null) continue
    if (found.issuer !== issuer)
      throw new ProviderFault('unusable', 'issuer_mismatch', { said: 'The metadata is of another issuer.' })
    return found
  }
  throw new ProviderFault('unusable', 'server_metadata_missing', { said: 'The authorization server publishes no metadata.' })
}

/** Null: there is none at this place. */
async function readJson(outside: Outside, url: string): Promise<Json | null> {
  const { status, body } = await call(outside, { url, method: 'GET', headers: {} })
  if (status >= 500) throw new ProviderFault('outside', `http_${status}`, { status })
  if (status !== 200) return null
  try {
    const json: unknown = JSON.parse(body.toString('utf8'))
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as Json) : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

function readMetadata(issuer: string, found: Json): Discovered {
  const url = (name: string): string | null => {
    const value = found[name]
    return typeof value === 'string' && URL.canParse(value) && /^https?:$/.test(new URL(value).protocol) ? value : null
  }
  const tokenUrl = url('token_endpoint')
  const authorizationUrl = url('authorization_endpoint')
  if (tokenUrl === null || authorizationUrl === null)
    throw new ProviderFault('unusable', 'server_metadata_missing', { said: 'The metadata names no endpoints.' })
  if (!textsIn(found.code_challenge_methods_supported).includes('S256'))
    throw new ProviderFault('unusable', 'pkce_missing', { said: 'The authorization server does not announce PKCE with S256.' })
  const methods = textsIn(found.token_endpoint_auth_methods_supported)
  return {
    server: {
      issuer,
      announcesIss: found.authorization_response_iss_parameter_supported === true,
      authorizationUrl,
      tokenUrl,
      deviceUrl: url('device_authorization_endpoint'),
      revocationUrl: url('revocation_endpoint'),
      pkce: 'S256',
      answer: 'standard',
      tokenBody: 'form',
      resource: null,
      scopeSeparator: ' ',
    },
    registrationUrl: url('registration_endpoint'),
    takesDocument: found.client_id_metadata_document_supported === true,
    authMethods: methods.length === 0 ? ['client_secret_basic'] : methods,
  }
}

const textsIn = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : []
