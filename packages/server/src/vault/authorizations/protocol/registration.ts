// Dynamic registration (RFC 7591) and what can be done with one afterwards (RFC 7592): read it, delete it. And the document by which we say who we are where a
// server takes the URL of one as client id.
import type { ClientAuth } from '../../providers/definition.ts'
import { ProviderFault, quoted } from './fault.ts'
import { call, type Outside } from './server.ts'

export type Registration = {
  clientId: string
  secret: string | null
  auth: ClientAuth
  /** RFC 7592: where and with what it can be read and deleted. */
  managed: { url: string; token: string } | null
  /** What the server answered, without anything secret. */
  metadata: Record<string, unknown>
}

export type OurSelf = { name: string; redirectUri: string; origin: string }

/** What is sealed, or nobody's business. */
const SECRET = ['client_secret', 'registration_access_token', 'registration_client_uri']

export const ourMetadata = ({ name, redirectUri, origin }: OurSelf, auth: ClientAuth) => ({
  client_name: name,
  client_uri: origin,
  redirect_uris: [redirectUri],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: NAMES[auth],
  // Of a web application providers take https alone; on a machine of one's own there is none (RFC 8252 §7.3).
  ...(origin.startsWith('http:') ? { application_type: 'native' } : {}),
})

const NAMES: Record<ClientAuth, string> = {
  basic: 'client_secret_basic',
  post: 'client_secret_post',
  none: 'none',
  private_key_jwt: 'private_key_jwt',
}
const BY_NAME: Record<string, ClientAuth> = { client_secret_basic: 'basic', client_secret_post: 'post', none: 'none' }

/** The best of those that the server takes and we can do. */
export const authFor = (methods: readonly string[]): ClientAuth =>
  methods.includes('none')
    ? 'none'
    : methods.includes('client_secret_basic')
      ? 'basic'
      : methods.includes('client_secret_post')
        ? 'post'
        : 'none'

export async function register(outside: Outside, url: string, us: OurSelf, auth: ClientAuth): Promise<Registration> {
  const headers = { 'content-type': 'application/json' }
  const { status, body } = await call(outside, { url, method: 'POST', headers, body: JSON.stringify(ourMetadata(us, auth)) })
  const json = readJson(body)
  if (status !== 201 && status !== 200) {
    if (status >= 500 || status === 429) throw new ProviderFault('outside', `http_${status}`, { status })
    throw new ProviderFault('refused', typeof json.error === 'string' ? json.error : `http_${status}`, {
      said: quoted(json.error_description),
      status,
    })
  }
  return registrationOf(json, auth)
}

type Managed = NonNullable<Registration['managed']>

/** RFC 7592 §2.1. Null: it is there no more, or never was; where it answers with less than before, that stays. */
export async function readRegistration(outside: Outside, managed: Managed, auth: ClientAuth): Promise<Registration | null> {
  const { status, body } = await call(outside, { url: managed.url, method: 'GET', headers: bearer(managed) })
  if (GONE.includes(status)) return null
  if (status !== 200) throw unanswered(status)
  const made = registrationOf(readJson(body), auth)
  return { ...made, managed: made.managed ?? managed }
}

/** RFC 7592 §2.3. False: the server offers no deletion. */
export async function deleteRegistration(outside: Outside, managed: Managed): Promise<boolean> {
  const { status } = await call(outside, { url: managed.url, method: 'DELETE', headers: bearer(managed) })
  if (status === 204 || status === 200 || GONE.includes(status)) return true
  if (status === 405 || status === 501) return false
  throw unanswered(status)
}

const bearer = ({ token }: Managed) => ({ authorization: `Bearer ${token}` })
/** A token of a registration that was deleted is refused like any other (RFC 7592 §2.1). */
const GONE = [401, 404, 410]
const unanswered = (status: number) =>
  new ProviderFault(status >= 500 || status === 429 ? 'outside' : 'refused', `http_${status}`, { status })

function registrationOf(json: Record<string, unknown>, auth: ClientAuth): Registration {
  const { client_id, client_secret, registration_client_uri, registration_access_token, token_endpoint_auth_method } = json
  if (typeof client_id !== 'string' || client_id === '' || client_id.length > 2_000)
    throw new ProviderFault('unusable', 'answer_invalid', { said: 'The registration has no client id.' })
  const secret = typeof client_secret === 'string' && client_secret !== '' ? client_secret : null
  const given = typeof token_endpoint_auth_method === 'string' ? BY_NAME[token_endpoint_auth_method] : auth
  if (given === undefined || (secret === null && given !== 'none'))
    throw new ProviderFault('unusable', 'answer_invalid', {
      said: 'The registration asks for a way to sign in that we did not offer.',
    })
  const isManaged =
    typeof registration_client_uri === 'string' &&
    typeof registration_access_token === 'string' &&
    URL.canParse(registration_client_uri)
  return {
    clientId: client_id,
    secret,
    auth: given,
    managed: isManaged ? { url: registration_client_uri, token: registration_access_token } : null,
    metadata: Object.fromEntries(Object.entries(json).filter(([name]) => !SECRET.includes(name))),
  }
}

function readJson(body: Buffer): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(body.toString('utf8'))
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as Record<string, unknown>) : {}
  } catch (error) {
    if (error instanceof SyntaxError) return {}
    throw error
  }
}
