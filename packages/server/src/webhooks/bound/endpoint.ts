// Endpoints of a card or of one thread (relay.md R62, R66, R70, R100): put, listed, rotated and taken away within the transaction of whoever binds them. A secret is
// answered by the verb that makes it and never again; credentials of a push config are answered by none.
import { Problem } from '@countersign/sdk'
import { newSigningSecret } from '../../crypto/signature.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import { tenantKey } from '../../identity/keys-at-rest/tenant-key.ts'
import { newId } from '../../std/id.ts'
import { cancelOpenOf } from '../deliveries/sql.ts'
import { newPair } from '../endpoints/endpoint.ts'
import { DEFAULTS } from '../endpoints/input.ts'
import { type Rotation, rotateIn } from '../endpoints/secret.ts'
import {
  type AnyEndpointRow,
  findEndpointsByIds,
  findLiveSecrets,
  forgetSecrets,
  insertEndpoint,
  moveEndpointIf,
  type SecretRow,
  updateEndpoint,
} from '../endpoints/sql.ts'
import { letGo } from '../endpoints/switch.ts'
import type { WebhooksHouse } from '../house.ts'
import { openSecret, sealColumn } from '../material.ts'
import { type Binding, findBound, findSecretHolder, lockBinding, lockBound } from './sql.ts'
import type { Prepared } from './wishes.ts'

/** Of one side of a thread. */
const MOST = 10
const CARD_IN_FLIGHT = 50
const THREAD_IN_FLIGHT = 10

export type BoundEndpoint = ReturnType<typeof show>
/** `relayGrantId`: of the caller's side, through which it came. */
export type Place = Binding & { relayGrantId: string | null }

/** The same address, the same config, or the one endpoint of a card is replaced where it is: what was on its way goes on, to what it says now. */
export async function putBound(
  house: WebhooksHouse,
  t: Tx,
  scope: Scope,
  place: Place,
  wanted: Prepared,
): Promise<{ endpoint: BoundEndpoint; secret: string | null; replaced: boolean }> {
  await lockBinding(t, scope, place)
  const present = await findBound(t, scope, place)
  const same = present.find((row) => isSame(place, row, wanted))
  if (!same && present.length >= MOST)
    throw new Problem('state_conflict', { detail: `A thread has at most ${MOST} endpoints on a side.`, most: MOST })
  const secret = await secretOf(house, t, scope, place, wanted, same ?? null)
  const id = same?.id ?? newId('whe', t.now.getTime())
  const columns = await columnsOf(house, t, scope, id, wanted, same ?? null)
  if (same) {
    await updateEndpoint(t, scope, id, columns)
    await letGo(t, scope, id, ['paused', 'disabled'], null)
  } else {
    const { boundTo: bound_to, side, relayGrantId: relay_grant_id } = place
    const client_id = wanted.config ? (wanted.config.id ?? id) : null
    const binding = { bound_to, side, relay_grant_id, caller_tenant: wanted.callerTenant, client_id }
    await insertEndpoint(t, scope, { ...columns, ...binding, id, state: 'active' })
  }
  if (secret !== null) await rotateIn(house, t, scope, { id, mode: wanted.mode }, { overlap_seconds: 0, force: true }, secret)
  return {
    endpoint: await readBound(t, scope, id),
    secret: wanted.secret === 'new' ? secret : null,
    replaced: same !== undefined,
  }
}

function isSame({ boundTo }: Place, row: AnyEndpointRow, { url, config }: Prepared): boolean {
  if (boundTo.startsWith('card_')) return true
  if (config) return row.client_id !== null && row.client_id === config.id
  return row.client_id === null && row.url === url
}

/** Null: there is one already and none was given, or a key pair of the instance signs. */
async function secretOf(
  house: WebhooksHouse,
  t: Tx,
  scope: Scope,
  { side, relayGrantId }: Place,
  { secret, config }: Prepared,
  same: AnyEndpointRow | null,
): Promise<string | null> {
  if (config) return null
  if (secret === 'new') return newSigningSecret()
  if (secret === null) {
    if (same && same.mode !== 'a2a') return null
    throw new Problem('callback_secret_missing')
  }
  if ('own' in secret) return secret.own
  const holder = await findSecretHolder(t, scope, secret.of, side, relayGrantId)
  const [newest] = holder ? await findLiveSecrets(t, scope, [holder.id]) : []
  if (!newest)
    throw new Problem('callback_secret_missing', { detail: 'There is no endpoint of that id whose secret could be used.' })
  return openSecret(await tenantKey(house, t, scope), scope, newest.endpoint_id, newest.n, newest.material)
}

async function columnsOf(house: WebhooksHouse, t: Tx, scope: Scope, id: string, wanted: Prepared, same: AnyEndpointRow | null) {
  const { url, events, mode, thin, ed25519, config } = wanted
  const key = await tenantKey(house, t, scope)
  const kept = same?.signing_key ? { signing_key: same.signing_key, public_key: same.public_key } : null
  const pair = ed25519 ? (kept ?? newPair(key, scope, id)) : { signing_key: null, public_key: null }
  const names = Object.keys(config?.headers ?? {})
  return {
    ...{ url, events, mode, thin, ...pair },
    ...{ label: '', header: DEFAULTS.header, ordering: 'fifo' as const, on_exhausted: 'proceed' as const },
    ...{ schedule: 'standard' as const, delays: null, timeout_seconds: DEFAULTS.timeout_seconds, rate_per_second: null },
    max_in_flight: config ? THREAD_IN_FLIGHT : CARD_IN_FLIGHT,
    ...{ ca_pem: null, client_certificate: null, header_names: names, auth_scheme: config?.scheme ?? null },
    headers: names.length > 0 ? sealColumn(key, scope, id, 'headers', JSON.stringify(config?.headers)) : null,
  }
}

export async function listBound(t: Tx, scope: Scope, binding: Binding): Promise<BoundEndpoint[]> {
  const rows = await findBound(t, scope, binding)
  const secrets = await findLiveSecrets(
    t,
    scope,
    rows.map((row) => row.id),
  )
  return rows.map((row) => show(row, secrets))
}

async function readBound(t: Tx, scope: Scope, id: string): Promise<BoundEndpoint> {
  const [row] = await findEndpointsByIds(t, scope, [id])
  return show(row as AnyEndpointRow, await findLiveSecrets(t, scope, [id]))
}

/** One of them by its id, its address or a client's own name for it; or all. What waits goes nowhere. Answers how many there were. */
export async function removeBound(
  t: Tx,
  scope: Scope,
  binding: Binding,
  which: { id: string } | { url: string } | { clientId: string } | 'all',
): Promise<number> {
  await lockBinding(t, scope, binding)
  const rows = (await findBound(t, scope, binding)).filter((row) => {
    if (which === 'all') return true
    if ('id' in which) return row.id === which.id
    return 'url' in which ? row.url === which.url && row.client_id === null : row.client_id === which.clientId
  })
  for (const { id } of rows) {
    await moveEndpointIf(t, scope, id, ['active', 'paused', 'disabled'], 'deleted', 'deleted')
    await cancelOpenOf(t, scope, id)
    await forgetSecrets(t, scope, id)
  }
  return rows.length
}

/** Overlap where the mode has room for two signatures; in the others the new one takes over at once (R66). */
export async function rotateBound(
  house: WebhooksHouse,
  t: Tx,
  scope: Scope,
  binding: Binding,
  id: string,
  input: Rotation & { secret?: string },
): Promise<{ endpoint: BoundEndpoint; secret: string | null; overlapSeconds: number }> {
  const row = await lockBound(t, scope, binding, id)
  if (!row) throw new Problem('not_found')
  if (row.mode === 'a2a') throw new Problem('state_conflict', { detail: 'A push config is signed with the key of the instance.' })
  const { secret, overlap } = await rotateIn(house, t, scope, row, input, input.secret)
  const made = input.secret === undefined ? secret : null
  return { endpoint: await readBound(t, scope, id), secret: made, overlapSeconds: overlap }
}

const show = (row: AnyEndpointRow, secrets: readonly SecretRow[]) => ({
  id: row.id,
  url: row.url,
  events: row.events,
  mode: row.mode,
  thin: row.thin === true,
  state: row.state,
  state_reason: row.state_reason,
  state_since: row.state_since,
  public_key: row.public_key,
  client_id: row.client_id,
  auth_scheme: row.auth_scheme,
  secrets: secrets.filter((one) => one.endpoint_id === row.id).map(({ n, created_at, ends_at }) => ({ n, created_at, ends_at })),
  created_at: row.created_at,
  updated_at: row.updated_at,
})
