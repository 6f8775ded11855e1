// What an endpoint of a card or a thread is to be, checked before any transaction: the address by the guard, the secret, the filter, the parts of an A2A push config
// (relay.md R63, R66, R100, R117). Says where each fault is; reads no row.
import { type FieldError, Problem } from '@countersign/sdk'
import { isSigningSecret } from '../../crypto/signature.ts'
import { NO_TENANT } from '../../db/scope.ts'
import type { WebhooksHouse } from '../house.ts'
import type { Side } from './hooks.ts'

export const BOUND_EVENTS: Readonly<Record<Side, readonly string[]>> = {
  owner: ['message.accepted'],
  caller: [
    ...[
      'thread.responded',
      'thread.waiting_caller',
      'thread.awaiting_approval',
      'thread.closed',
      'thread.failed',
      'thread.rejected',
    ],
    ...[
      'thread.revoked',
      'thread.expired',
      'artifact.completed',
      'relay_grant.expiring',
      'relay_grant.rotated',
      'relay_grant.revoked',
    ],
  ],
}

/** To an endpoint of a connection request: what became of it. */
const REQUEST_EVENTS = ['approved', 'denied', 'withdrawn', 'expired'].map((end) => `connection_request.${end}`)
/** What endpoints hear of that ask for events by name. */
export const isNamed = (side: Side, type: string): boolean =>
  BOUND_EVENTS[side].includes(type) || (side === 'caller' && REQUEST_EVENTS.includes(type))

export type BoundWishes = {
  url: string
  /** One of three: the caller's own, that of an endpoint which is there, or a new one. */
  secret?: string
  endpoint_id?: string
  generate_secret?: boolean
  events?: readonly string[]
  mode?: 'foragent' | 'standard'
  /** Ids and links, without parts. */
  thin?: boolean
  /** Signs with a key pair of the endpoint's own besides. */
  ed25519?: boolean
}

/** An A2A push config as a client gives it. */
export type ConfigWishes = {
  url: string
  id?: string
  token?: string
  authentication?: { scheme: string; credentials?: string }
}

export type Prepared = {
  url: string
  /** Whose exceptions of the guard count there; null: the tenant's that the endpoint lies in. */
  callerTenant: string | null
  events: string[]
  mode: 'foragent' | 'standard' | 'a2a'
  thin: boolean | null
  ed25519: boolean
  secret: { own: string } | { of: string } | 'new' | null
  config: { id: string | null; scheme: string | null; headers: Record<string, string> } | null
}

export type Whose =
  | { side: 'owner'; tenantId: string }
  /** `callerTenant`: whose address it is; null: nobody's here. The tenant that the thread lies in lends a stranger none of its exceptions. */
  | { side: 'caller'; callerTenant: string | null; about?: 'request' }

/** `at` is where the wishes stand in the body, such as `/callback`. */
export async function prepareBound(house: WebhooksHouse, whose: Whose, wishes: BoundWishes, at = ''): Promise<Prepared> {
  const { events = ['*'], mode = 'foragent', thin = null, ed25519 = false } = wishes
  const secret = secretOf(wishes)
  refuse([...secretFaults(wishes, at), ...eventFaults(events, eventsOf(whose), at)])
  return {
    ...(await addressed(house, whose, wishes.url, at)),
    events: [...new Set(events)],
    mode,
    thin,
    ed25519,
    secret,
    config: null,
  }
}

export async function prepareConfig(house: WebhooksHouse, whose: Whose, wishes: ConfigWishes, at = ''): Promise<Prepared> {
  const { id = null, token, authentication } = wishes
  refuse(configFaults(wishes, at))
  const headers = {
    ...(authentication ? { authorization: `${authentication.scheme} ${authentication.credentials ?? ''}`.trimEnd() } : {}),
    ...(token === undefined ? {} : { 'x-a2a-notification-token': token }),
  }
  const config = { id, scheme: authentication?.scheme ?? null, headers }
  const plain = { events: ['*'], mode: 'a2a', thin: null, ed25519: false, secret: null } as const
  return { ...(await addressed(house, whose, wishes.url, at, 'saved')), ...plain, events: ['*'], config }
}

async function addressed(house: WebhooksHouse, whose: Whose, url: string, at: string, unresolved?: 'saved') {
  const guardedAs = whose.side === 'owner' ? whose.tenantId : (whose.callerTenant ?? NO_TENANT)
  const callerTenant = whose.side === 'owner' ? null : guardedAs
  return { url: await house.checkUrl(url, `${at}/url`, guardedAs, unresolved), callerTenant }
}

function secretOf({ secret, endpoint_id, generate_secret }: BoundWishes): Prepared['secret'] {
  if (secret !== undefined) return { own: secret }
  if (endpoint_id !== undefined) return { of: endpoint_id }
  return generate_secret === true ? 'new' : null
}

const fault = (path: string, code: string, message: string): FieldError => ({ path, code, message })
function refuse(errors: FieldError[]): void {
  if (errors.length > 0) throw new Problem('validation_failed', { errors })
}

function secretFaults({ secret, endpoint_id, generate_secret }: BoundWishes, at: string): FieldError[] {
  const given = [secret !== undefined, endpoint_id !== undefined, generate_secret === true].filter(Boolean).length
  if (given > 1)
    return [fault(`${at}/secret`, 'ambiguous', 'Give a secret, name an endpoint, or have one made: one of the three.')]
  if (secret === undefined || isSigningSecret(secret)) return []
  const message = 'Must be `whsec_` and the base64 of 24 to 64 bytes, or 20 to 128 printable ASCII characters.'
  return [fault(`${at}/secret`, 'secret_invalid', message)]
}

const eventsOf = (whose: Whose): readonly string[] =>
  whose.side === 'caller' && whose.about === 'request' ? REQUEST_EVENTS : BOUND_EVENTS[whose.side]

function eventFaults(events: readonly string[], sent: readonly string[], at: string): FieldError[] {
  if (events.length === 0 || events.length > 50) return [fault(`${at}/events`, 'out_of_range', 'Name 1 to 50 events.')]
  return events.flatMap((text, i) => {
    const stem = text.endsWith('.*') ? text.slice(0, -1) : null
    const known = text === '*' || sent.some((name) => (stem === null ? name === text : name.startsWith(stem)))
    return known
      ? []
      : [fault(`${at}/events/${i}`, 'unknown_event_type', `Nothing of that name is sent there: ${text.slice(0, 64)}.`)]
  })
}

const SCHEME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/
const VALUE = /^[\x21-\x7e](?:[\x20-\x7e]{0,2046}[\x21-\x7e])?$/

function configFaults({ id, token, authentication }: ConfigWishes, at: string): FieldError[] {
  const { scheme, credentials = '' } = authentication ?? {}
  return [
    ...(id === undefined || /^[\x21-\x7e]{1,200}$/.test(id)
      ? []
      : [fault(`${at}/id`, 'id_invalid', 'Must be 1 to 200 visible ASCII characters.')]),
    ...(token === undefined || VALUE.test(token)
      ? []
      : [fault(`${at}/token`, 'header_invalid', 'Must be 1 to 2048 visible ASCII characters.')]),
    ...(scheme === undefined || SCHEME.test(scheme)
      ? []
      : [fault(`${at}/authentication/scheme`, 'header_invalid', 'Must be the name of a scheme.')]),
    ...(credentials === '' || VALUE.test(credentials)
      ? []
      : [fault(`${at}/authentication/credentials`, 'header_invalid', 'Must be 1 to 2048 visible ASCII characters.')]),
  ]
}
