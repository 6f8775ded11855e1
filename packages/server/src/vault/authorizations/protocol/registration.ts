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

const SECRET = ['client_secret', 'registration_access_token']

export const ourMetadata = ({ name, redirectUri, origin }: OurSelf, auth: ClientAuth) => ({
  client_name: name,
  client_uri: origin,
  redirect_uris: [redirectUri],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: NAMES[auth],
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
