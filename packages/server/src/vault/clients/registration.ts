// The client record of a provider as people write it (V10): who may, how many connections it concerns, and what becomes of them. A secret comes in and never out.
import { enqueue } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import { canonical } from '../../crypto/canonical.ts'
import { checkSigningKey, SigningKeyFault } from '../../crypto/signing-key.ts'
import { sha256 } from '../../crypto/token.ts'
import { type Scope, type Tx, tx } from '../../db/tx.ts'
import { type EventData, record } from '../../events/event.ts'
import type { EventType } from '../../events/types.ts'
import { actOnProvider } from '../connections/act.ts'
import { revokeConnectionIn } from '../connections/end.ts'
import type { VaultHouse } from '../house.ts'
import { type Provider, providerOf } from '../providers/catalogue.ts'
import type { ClientAuth } from '../providers/definition.ts'
import { requireConfirmed } from '../providers/end.ts'
import { redirectUrl } from '../providers/read.ts'
import { judged } from '../providers/version.ts'
import { openSecrets, storeClient } from './client.ts'
import { FORGET } from './forget.ts'
import {
  type ClientRow,
  eraseSecretIfRemoved,
  findClient,
  findConnectionsUnder,
  findUntoldUnder,
  lockClient,
  removeClientIf,
} from './sql.ts'

export type ClientInput = {
  client_id: string
  /** Left out: it stays; null: there is none. */
  secret?: string | null
  auth?: ClientAuth
  key_id?: string | null
  issuer?: string
  confirm?: boolean
  affected?: number
  revoke_connections?: boolean
}

export const getClient = (house: VaultHouse, scope: Scope, name: string, issuer = '') =>
  tx(
    house.db,
    scope,
    async (t) => {
      const provider = await present(house, t, scope, name)
      const row = await findClient(t, scope, recordOf(provider), issuer)
      if (!row) throw new Problem('not_found', { detail: 'No client is registered at this provider.' })
      return show(house, t, scope, row)
    },
    { readOnly: true },
  )

export async function setClient(house: VaultHouse, scope: Scope, name: string, input: ClientInput) {
  const { client_id, secret, issuer = '', revoke_connections = false } = input
  const act = actOf(house, scope, name, 'client_set', {
    client_id,
    issuer,
    auth: input.auth ?? null,
    ...(input.key_id === undefined ? {} : { key_id: input.key_id }),
    secret: digestOf(secret),
    revoke_connections,
  })
  return house.countersign(scope, act, async (t, passed) => {
    const provider = await present(house, t, scope, name)
    const recorded = recordOf(provider)
    const before = await lockClient(t, scope, recorded, issuer)
    const auth = input.auth ?? before?.auth ?? provider.definition.client?.auth ?? 'basic'
    const kept = before ? await openSecrets(house, t, scope, before) : {}
    const wanted = secret === undefined ? kept.secret : (secret ?? undefined)
    if ((auth === 'basic' || auth === 'post' || auth === 'private_key_jwt') && wanted === undefined)
      throw new Problem('validation_failed', {
        errors: [{ path: '/secret', code: 'required', message: `A client that proves itself by ${auth} has a secret.` }],
      })
    if (auth === 'private_key_jwt') checkKey(wanted as string)
    const keyId = input.key_id === undefined ? (before?.key_id ?? null) : input.key_id
    const changed = [
      ...(before?.client_id === client_id ? [] : ['client_id']),
      ...(wanted === kept.secret ? [] : ['secret']),
      ...(before?.auth === auth ? [] : ['auth']),
      ...((before?.key_id ?? null) === keyId ? [] : ['key_id']),
    ]
    const affected = await affectedBy(t, scope, before)
    if (changed.includes('client_id') || changed.includes('secret')) requireConfirmed(input, affected)
    // Another id is another registration: with what was there it could neither be read nor deleted.
    const stays = before?.client_id === client_id
    const row = await storeClient(house, t, scope, {
      ...{ provider: recorded, issuer, clientId: client_id, auth, keyId, redirectUris: [redirectUrl(house)] },
      secrets: { ...(stays ? kept : {}), secret: wanted },
      registration: stays ? before.registration : null,
    })
    const revoked = revoke_connections ? await revokeUnder(t, scope, row.id) : 0
    const data = { fields: changed, affected_connections: affected.connections, revoked_connections: revoked }
    await tell(t, scope, before ? 'client.changed' : 'client.registered', row, { ...data, decision: passed?.outcome })
    return show(house, t, scope, row)
  })
}

export async function removeClient(
  house: VaultHouse,
  scope: Scope,
  name: string,
  input: Pick<ClientInput, 'issuer' | 'confirm' | 'affected' | 'revoke_connections'>,
) {
  const { issuer = '', revoke_connections = false } = input
  const act = actOf(house, scope, name, 'client_remove', { issuer, revoke_connections })
  return house.countersign(scope, act, async (t, passed) => {
    const provider = await present(house, t, scope, name)
    const row = await lockClient(t, scope, recordOf(provider), issuer)
    if (!row) throw new Problem('not_found', { detail: 'No client is registered at this provider.' })
    const affected = await affectedBy(t, scope, row)
    requireConfirmed(input, affected)
    const revoked = revoke_connections ? await revokeUnder(t, scope, row.id) : 0
    await removeClientIf(t, scope, row.id)
    const { registration_url } = await openSecrets(house, t, scope, row)
    // Its provider has to be told something with it; else nothing secret of it stays from now on.
    const isNeeded = registration_url !== undefined || (await findUntoldUnder(t, scope, row.id)).length > 0
    if (isNeeded) await enqueue(t, { kind: FORGET, tenantId: scope.tenantId, payload: { client_id: row.id } })
    else await eraseSecretIfRemoved(t, scope, row.id)
    const data = { affected_connections: affected.connections, revoked_connections: revoked, decision: passed?.outcome }
    await tell(t, scope, 'client.removed', row, data)
    return { provider: row.provider, affected }
  })
}

async function revokeUnder(t: Tx, scope: Scope, id: string): Promise<number> {
  const under = await findConnectionsUnder(t, scope, id)
  for (const one of under) await revokeConnectionIn(t, scope, one.id, { cause: 'client_changed' })
  return under.length
}

async function affectedBy(t: Tx, scope: Scope, row: ClientRow | null) {
  return { connections: row ? (await findConnectionsUnder(t, scope, row.id)).length : 0, grants: 0 }
}

const recordOf = ({ name, definition }: Provider): string => definition.client?.record ?? name

async function present(house: VaultHouse, t: Tx, scope: Scope, name: string): Promise<Provider> {
  const found = await providerOf(house, t, scope, name)
  if (!found) throw new Problem('not_found')
  return found
}

async function show(_house: VaultHouse, t: Tx, scope: Scope, row: ClientRow) {
  const affected = await affectedBy(t, scope, row)
  return {
    provider: row.provider,
    issuer: row.issuer || null,
    client_id: row.client_id,
    has_secret: row.secret !== null,
    auth: row.auth,
    key_id: row.key_id,
    redirect_uris: row.redirect_uris,
    state: row.state,
    connections: affected.connections,
    created_by: row.created_by,
    created_at: row.created_at,
    updated_at: row.updated_at,
  }
}

/** Nothing of it is said again, not even where it goes wrong. */
function checkKey(text: string): void {
  try {
    checkSigningKey(text)
  } catch (error) {
    if (!(error instanceof SigningKeyFault)) throw error
    throw new Problem('validation_failed', { errors: [{ path: '/secret', code: 'key_invalid', message: error.message }] })
  }
}

const digestOf = (secret: string | null | undefined): string | null =>
  secret === undefined || secret === null ? null : sha256(secret).toString('hex')

const actOf = (house: VaultHouse, scope: Scope, name: string, act: string, about: Record<string, unknown>) => async (t: Tx) => {
  const provider = await present(house, t, scope, name)
  const digest = sha256(canonical({ act, ...about })).toString('hex')
  // People see that a secret is given, not its digest.
  const body = {
    act,
    provider: provider.name,
    ...about,
    ...('secret' in about ? { secret: about.secret === null ? null : 'given' } : {}),
  }
  return actOnProvider('provider.manage', scope, judged(provider.definition), {
    fields: [`act:${act}`, `sha256:${digest}`],
    body,
  })
}

const tell = (
  t: Tx,
  scope: Scope,
  type: Extract<EventType, `client.${string}`>,
  row: ClientRow,
  data: EventData,
): Promise<string> =>
  record(
    t,
    scope,
    type,
    { client_record_id: row.id, provider: row.provider, issuer: row.issuer || null, ...data },
    { resource: { type: 'client', id: row.id } },
  )
