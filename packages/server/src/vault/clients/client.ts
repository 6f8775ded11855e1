// Our registration at a provider (V10): client id, sealed secret, how it proves itself. Whoever calls a token endpoint opens it here; no read of the API shows more
// than the id. Never tells how long a secret is: it is padded before it is sealed.
import { EnvelopeError, open, type Place, seal } from '../../crypto/seal.ts'
import { Secret } from '../../crypto/secret.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import { tenantKey } from '../../identity/keys-at-rest/tenant-key.ts'
import { newId, tenantWire } from '../../std/id.ts'
import type { VaultHouse } from '../house.ts'
import { padded } from '../material/material.ts'
import { providerOf } from '../providers/catalogue.ts'
import type { ClientAuth } from '../providers/definition.ts'
import { type ClientRow, type ClientState, findClient, insertClient, lockClient, updateClient } from './sql.ts'

type Keys = Pick<VaultHouse, 'db' | 'keyring'>

/** What is sealed: the secret or, for `private_key_jwt`, the key as PEM; the token of a registration (RFC 7592). */
export type ClientSecrets = { secret?: string; registration_token?: string; registration_url?: string }

export type Client = {
  id: string
  provider: string
  issuer: string
  /** Null while it is being registered. */
  client_id: string | null
  auth: ClientAuth
  secret: Secret | null
  /** The name of the key, where it is one. */
  keyId: string | null
  /** Where and with what the registration can be read and deleted (RFC 7592). */
  managed: { url: string; token: Secret } | null
  registration: Record<string, unknown> | null
  state: ClientState
}

const placeOf = (scope: Scope, id: string, generation: number): Place => ({
  tenant: tenantWire(scope.tenantId),
  table: 'clients',
  column: 'secret',
  row: `${id}/${generation}`,
})

/** The name of the provider under which the record of this one is kept: a vendor's products share one (`client.record`). */
export async function recordNameOf(house: Pick<VaultHouse, 'db'>, t: Tx, scope: Scope, provider: string): Promise<string> {
  const found = await providerOf(house, t, scope, provider)
  return found?.definition.client?.record ?? found?.name ?? provider
}

/** Null: none is registered. `provider` may be the name of a record or of whoever shares it. */
export async function clientOf(house: Keys, t: Tx, scope: Scope, provider: string, issuer = ''): Promise<Client | null> {
  const row = await findClient(t, scope, await recordNameOf(house, t, scope, provider), issuer)
  return row && openClient(house, t, scope, row)
}

export async function openClient(house: Keys, t: Tx, scope: Scope, row: ClientRow): Promise<Client> {
  const { id, provider, issuer, client_id, auth, registration, state } = row
  const secrets = await openSecrets(house, t, scope, row)
  const { secret, registration_url: url, registration_token: token } = secrets
  return {
    ...{ id, provider, issuer, client_id, auth, registration, state },
    secret: secret === undefined ? null : new Secret(secret),
    keyId: row.key_id,
    managed: url === undefined || token === undefined ? null : { url, token: new Secret(token) },
  }
}

export async function openSecrets(house: Keys, t: Tx, scope: Scope, row: ClientRow): Promise<ClientSecrets> {
  if (row.secret === null) return {}
  const plain = open(await tenantKey(house, t, scope), placeOf(scope, row.id, row.generation), row.secret)
  try {
    return JSON.parse(plain.toString('utf8')) as ClientSecrets
  } catch (error) {
    if (error instanceof SyntaxError) throw new EnvelopeError('broken')
    throw error
  } finally {
    plain.fill(0)
  }
}

export type NewClient = {
  /** Of the record. */
  provider: string
  issuer?: string
  clientId: string | null
  secrets: ClientSecrets
  auth: ClientAuth
  keyId?: string | null
  redirectUris: readonly string[]
  registration?: object | null
  state?: ClientState
  /** Registrations without an answer, this one too. */
  sent?: number
}

/** Writes the one record of its provider and issuer; what was there is replaced in place and keeps its id, so that connections go on under it. */
export async function storeClient(house: Keys, t: Tx, scope: Scope, input: NewClient): Promise<ClientRow> {
  const { provider, issuer = '', registration = null, state = 'active', keyId = null, sent = 0 } = input
  const present = await lockClient(t, scope, provider, issuer)
  const id = present?.id ?? newId('clt', t.now.getTime())
  const generation = (present?.generation ?? 0) + 1
  const written = {
    ...{ id, provider, issuer, generation, registration, state, sent },
    key_id: keyId,
    client_id: input.clientId,
    secret: await sealSecrets(house, t, scope, id, generation, input.secrets),
    auth: input.auth,
    redirect_uris: input.redirectUris,
  }
  return present ? updateClient(t, scope, written) : insertClient(t, scope, written)
}

async function sealSecrets(house: Keys, t: Tx, scope: Scope, id: string, generation: number, secrets: ClientSecrets) {
  if (Object.values(secrets).every((one) => one === undefined)) return null
  const plain = padded({ ...secrets } as Record<string, string>)
  try {
    return seal(await tenantKey(house, t, scope), placeOf(scope, id, generation), plain)
  } finally {
    plain.fill(0)
  }
}
