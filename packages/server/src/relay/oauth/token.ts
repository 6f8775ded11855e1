// The token endpoint for plain OAuth clients (RFC 6749 §4.4 with RFC 8707): whoever shows an agent's key as client credentials gets a child key for the one agent that `resource`
// names. Every refusal has the form and the words of RFC 6749 §5.2. Other grant types are other rooms'; none of them is served here.
import { Problem } from '@countersign/sdk'
import { type Scope, systemScope } from '../../db/scope.ts'
import { once } from '../../db/tx.ts'
import type { Answer } from '../../http/answer.ts'
import type { Steps } from '../../http/route.ts'
import { mintChild } from '../../identity/children/child.ts'
import { holdsScope } from '../../identity/matrix.ts'
import type { RelayHouse } from '../house.ts'
import { placeOfCard, RELAY_SCOPES } from '../party.ts'
import { type GrantBetween, grantBetween } from '../sql.ts'

/** Who a bearer is, as everywhere else; main hands it in. Throws what is wrong with it. */
export type Client = (request: Steps['request'], secret: string) => Promise<Scope | null>
export type OauthHouse = RelayHouse & { client: Client }

/** What a child key may carry: both sides of threads, and nothing else of a key. */
export const CHILD_SCOPES = [...RELAY_SCOPES, 'threads:serve', 'threads:respond'] as const
const MAX_BODY = 8_192

class Refused extends Error {
  readonly code: string
  readonly status: number
  readonly headers: Record<string, string>
  constructor(code: string, says: string, status = 400, headers: Record<string, string> = {}) {
    super(says)
    this.code = code
    this.status = status
    this.headers = headers
  }
}

const NO_STORE = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', Pragma: 'no-cache' }

export async function answerToken(house: OauthHouse, steps: Steps): Promise<Answer> {
  try {
    return { status: 200, headers: NO_STORE, body: JSON.stringify(await grant(house, steps)) }
  } catch (error) {
    const { code, message, status, headers } = refusalOf(error)
    return { status, headers: { ...NO_STORE, ...headers }, body: JSON.stringify({ error: code, error_description: message }) }
  }
}

function refusalOf(error: unknown): Refused {
  if (error instanceof Refused) return error
  if (!(error instanceof Problem)) throw error
  const { code, status, members } = error
  if (code === 'rate_limited')
    return new Refused('temporarily_unavailable', 'Too many calls.', 429, { 'Retry-After': String(members.retry_after ?? 1) })
  if (code === 'body_too_large') return new Refused('invalid_request', 'The body is too large.', 413)
  if (code === 'scope_too_wide') return new Refused('invalid_scope', 'The key of this client has not all of these scopes.')
  if (status === 503) return new Refused('temporarily_unavailable', error.title, 503, { 'Retry-After': '1' })
  throw error
}

async function grant(house: OauthHouse, steps: Steps) {
  const { request } = steps
  const nobody = { ...systemScope('anonymous'), principal: request.address }
  if (!/^application\/x-www-form-urlencoded(?:;|$)/i.test(request.header('content-type') ?? ''))
    throw new Refused('invalid_request', 'Send a form: application/x-www-form-urlencoded.')
  steps.refuseLarge(MAX_BODY)
  const form = new URLSearchParams(Buffer.from(await steps.read(nobody, MAX_BODY)).toString('utf8'))
  const one = (name: string) => only(form, name)
  const grantType = one('grant_type')
  if (grantType === null) throw new Refused('invalid_request', 'grant_type is missing.')
  if (grantType !== 'client_credentials')
    throw new Refused('unsupported_grant_type', 'This server takes client_credentials here.')
  const scope = await clientOf(house, steps, form, nobody)
  await steps.count(scope, 2, 'relay.token')
  const audience = await audienceOf(house, scope, form)
  const child = await mintChild(house, scope, { audience, scopes: scopesOf(scope, one('scope')) })
  return { access_token: child.token, token_type: 'Bearer', expires_in: child.expiresIn, scope: child.scopes.join(' ') }
}

/** A parameter that is sent without a value counts as left out; none may be sent twice (RFC 6749 §3.2). */
function only(form: URLSearchParams, name: string): string | null {
  const values = form.getAll(name)
  if (values.length > 1) throw new Refused('invalid_request', `${name} is there twice.`)
  return values[0] || null
}

type Credentials = { id: string; secret: string }

async function clientOf(house: OauthHouse, { request, count }: Steps, form: URLSearchParams, nobody: Scope): Promise<Scope> {
  const basic = basicOf(request.header('authorization'))
  const [id, secret] = [only(form, 'client_id'), only(form, 'client_secret')]
  if (basic && secret !== null) throw new Refused('invalid_request', 'Authenticate one way: by Basic or in the form.')
  const shown: Credentials | null = basic ?? (id !== null && secret !== null ? { id, secret } : null)
  const scope = shown && (await whoIs(house, request, shown.secret))
  const isOwn = scope?.agentId != null && (shown?.id === scope.agentId || shown?.id === scope.actor.key_id)
  if (scope && isOwn && scope.actor.key_id !== undefined && scope.audience === undefined) {
    if (basic && id !== null && id !== basic.id) throw new Refused('invalid_request', 'client_id is another than that of Basic.')
    return scope
  }
  await count(nobody, 1, 'key.bad')
  throw new Refused('invalid_client', 'The id of an agent and a key of it are needed.', 401, {
    'WWW-Authenticate': 'Basic realm="countersign"',
  })
}

/** Each half is encoded as in a form before both are joined (RFC 6749 §2.3.1). Null: another scheme, or none. */
function basicOf(header: string | undefined): Credentials | null {
  const [, encoded] = /^basic +([A-Za-z0-9+/=]+)$/i.exec(header ?? '') ?? []
  if (encoded === undefined) return null
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const at = text.indexOf(':')
  if (at < 0) return null
  const plain = (half: string) => new URLSearchParams(`v=${half}`).get('v') ?? ''
  return { id: plain(text.slice(0, at)), secret: plain(text.slice(at + 1)) }
}

async function whoIs({ client }: OauthHouse, request: Steps['request'], secret: string): Promise<Scope | null> {
  try {
    return await client(request, secret)
  } catch (error) {
    // Whatever is wrong with it, and whether it was ever right, is nobody's to learn here.
    if (error instanceof Problem && error.status < 500 && error.code !== 'rate_limited') return null
    throw error
  }
}

/** The base URL of an agent that this client may know of (RFC 8707 §2). */
async function audienceOf(house: OauthHouse, scope: Scope, form: URLSearchParams): Promise<string> {
  const [resource, ...more] = form.getAll('resource').filter((one) => one !== '')
  if (resource === undefined) throw new Refused('invalid_target', 'Name the agent: resource is its base URL.')
  if (more.length > 0) throw new Refused('invalid_target', 'A key is for one agent: name one resource.')
  const base = `${house.origin()}/agents/`
  const slug = resource.startsWith(base) ? resource.slice(base.length).replace(/\/$/, '') : ''
  if (!/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(slug) || !(await mayKnow(house, scope, slug)))
    throw new Refused('invalid_target', 'There is no agent at this resource.')
  return slug
}

async function mayKnow(house: OauthHouse, scope: Scope, slug: string): Promise<boolean> {
  try {
    const place = await placeOfCard(house, slug)
    if (place.visibility === 'public' || place.tenant_id === scope.tenantId) return true
    const [found] = await once<GrantBetween>(house.db, grantBetween(scope.agentId as string, slug))
    return found !== undefined
  } catch (error) {
    if (error instanceof Problem && error.code === 'not_found') return false
    throw error
  }
}

function scopesOf(scope: Scope, asked: string | null): string[] {
  const held = CHILD_SCOPES.filter((one) => holdsScope(scope.scopes ?? [], one))
  const wanted = asked === null ? held : [...new Set(asked.split(' ').filter(Boolean))]
  const unknown = wanted.find((one) => !(held as string[]).includes(one))
  if (wanted.length === 0) throw new Refused('invalid_scope', 'The key of this client has no scope for threads.')
  if (unknown !== undefined) throw new Refused('invalid_scope', 'Ask for scopes of threads that the key of this client has.')
  return [...wanted].sort()
}
