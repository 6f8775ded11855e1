// Endpoints: where a tenant wants its events (P79–P82). Secrets are shown by the verb that makes them and never again.
import { Problem } from '@countersign/sdk'
import { ed25519PublicKey } from '../../crypto/ed25519.ts'
import type { WrappingKey } from '../../crypto/seal.ts'
import { hasRoomForTwo, newSigningSecret, writtenPublicKey } from '../../crypto/signature.ts'
import { randomBytes } from '../../crypto/token.ts'
import type { Scope } from '../../db/scope.ts'
import { once, type Tx, tx } from '../../db/tx.ts'
import type { EventData } from '../../events/event.ts'
import { openCursor, pageOf } from '../../http/cursor.ts'
import { tenantKey } from '../../identity/keys-at-rest/tenant-key.ts'
import { newId, tenantWire } from '../../std/id.ts'
import { probeBound } from '../bound/probe.ts'
import { tellOwn } from '../callers/enter.ts'
import { cancelOpenOf } from '../deliveries/sql.ts'
import { filtersOf } from '../filter.ts'
import type { WebhooksHouse } from '../house.ts'
import { sealColumn, sealSecret } from '../material.ts'
import { delaysOf, totalsOf } from '../schedule.ts'
import { insertProbe } from '../sending/sql.ts'
import { DEFAULTS, readSettings, type Settings, type Wishes } from './input.ts'
import {
  type Binding,
  countEndpoints,
  type EndpointRow,
  type EndpointState,
  findEndpoint,
  findEndpointsByIds,
  findHealth,
  findLiveSecrets,
  forgetSecrets,
  type HealthRow,
  insertEndpoint,
  insertSecret,
  listEndpointsBefore,
  lockEndpoint,
  lockEndpointsOf,
  lockOwnEndpoint,
  moveEndpointIf,
  publicKeyOf,
  type SecretRow,
  UNBOUND,
  updateEndpoint,
} from './sql.ts'
import { pause, releaseHeld } from './switch.ts'

const MOST = 100

export type Endpoint = Awaited<ReturnType<typeof show>>

export async function createEndpoint(
  house: WebhooksHouse,
  scope: Scope,
  input: Wishes & { url: string; events: string | string[]; verify?: boolean },
) {
  const { verify = true, ...wishes } = input
  const settings = readSettings(DEFAULTS, wishes)
  const url = await house.checkUrl(input.url, '/url', scope.tenantId)
  return tx(house.db, scope, async (t) => {
    await lockEndpointsOf(t, scope)
    if ((await countEndpoints(t, scope)).n >= MOST)
      throw new Problem('state_conflict', { detail: `A tenant has at most ${MOST} endpoints.`, most: MOST })
    const id = newId('whe', t.now.getTime())
    const key = await tenantKey(house, t, scope)
    const { ed25519, ...columns } = settings
    const state: EndpointState = verify ? 'pending' : 'active'
    const pair = ed25519 ? newPair(key, scope, id) : { signing_key: null, public_key: null }
    await insertEndpoint(t, scope, { ...columns, ...sealedOf(key, scope, id, wishes), ...pair, ...UNBOUND, id, url, state })
    const secret = newSigningSecret()
    await insertSecret(t, scope, id, 1, sealSecret(key, scope, id, 1, secret))
    if (verify) await probe(t, scope, id, 'endpoint.ping')
    await tell(t, scope, 'endpoint.created', id, { url_host: new URL(url).host, events: settings.events, state })
    return { ...(await read(t, scope, id)), secret }
  })
}

export const getEndpoint = (house: WebhooksHouse, scope: Scope, id: string): Promise<Endpoint> =>
  tx(house.db, scope, (t) => read(t, scope, id), { readOnly: true })

export async function listEndpoints(
  house: WebhooksHouse,
  scope: Scope,
  query: { state?: string; event?: string; limit: number; cursor?: string },
) {
  const { limit, cursor, ...filter } = query
  const at = { tenantId: scope.tenantId, route: 'GET /endpoints', filter }
  return tx(
    house.db,
    scope,
    async (t) => {
      const before = cursor === undefined ? null : openCursor<string>(house.keyring, at, cursor, t.now)
      const named = { state: filter.state, event: filter.event === undefined ? undefined : filtersOf(filter.event) }
      const rows = await listEndpointsBefore(t, scope, named, before, limit + 1)
      const page = pageOf(house.keyring, at, rows, { limit, now: t.now, position: (row) => row.id })
      const secrets = await findLiveSecrets(
        t,
        scope,
        page.data.map((row) => row.id),
      )
      return { ...page, data: page.data.map((row) => show(row, row, secrets)) }
    },
    { readOnly: true },
  )
}

/** What is named is changed; `null` takes an optional setting away. */
export async function changeEndpoint(house: WebhooksHouse, scope: Scope, id: string, wishes: Wishes): Promise<Endpoint> {
  const url = wishes.url === undefined ? undefined : await house.checkUrl(wishes.url, '/url', scope.tenantId)
  return tx(house.db, scope, async (t) => {
    const row = await lockOrThrow(t, scope, id)
    const present: Settings = { ...row, ed25519: row.public_key !== null }
    const settings = readSettings(present, wishes)
    if (!hasRoomForTwo(settings.mode) && (await findLiveSecrets(t, scope, [id])).length > 1)
      throw new Problem('rotation_open', { detail: 'This mode has room for one signature; revoke the older secret first.' })
    const key = await tenantKey(house, t, scope)
    const { ed25519, ...columns } = settings
    const pair = !ed25519
      ? { signing_key: null, public_key: null }
      : row.signing_key
        ? { signing_key: row.signing_key, public_key: row.public_key }
        : newPair(key, scope, id)
    const kept = { client_certificate: row.client_certificate, headers: row.headers, header_names: row.header_names }
    const sealed = { ...kept, ...changedSeals(key, scope, id, wishes) }
    await updateEndpoint(t, scope, id, { ...columns, ...sealed, ...pair, auth_scheme: null, url: url ?? row.url })
    await tell(t, scope, 'endpoint.updated', id, { fields: Object.keys(wishes).sort() })
    return read(t, scope, id)
  })
}

/** Its log stays until its time is over; its secrets go now. */
export const deleteEndpoint = (house: WebhooksHouse, scope: Scope, id: string): Promise<null> =>
  tx(house.db, scope, async (t) => {
    await lockOrThrow(t, scope, id)
    await moveEndpointIf(t, scope, id, ['pending', 'active', 'paused', 'disabled'], 'deleted', 'deleted')
    await cancelOpenOf(t, scope, id)
    await forgetSecrets(t, scope, id)
    await tell(t, scope, 'endpoint.deleted', id, {})
    return null
  })

export const pauseEndpoint = (house: WebhooksHouse, scope: Scope, id: string): Promise<Endpoint> =>
  tx(house.db, scope, async (t) => {
    const row = await lockOrThrow(t, scope, id)
    if (!(await pause(t, scope, id))) throw conflict(row, 'Only an endpoint that is pending or active can be paused.')
    return read(t, scope, id)
  })

/** Active again. What was held is sent, or only what came to be since `recover_since`. */
export const resumeEndpoint = (
  house: WebhooksHouse,
  scope: Scope,
  id: string,
  input: { recover_since?: Date },
): Promise<Endpoint> =>
  tx(house.db, scope, async (t) => {
    const row = await lockOrThrow(t, scope, id)
    if (!(await releaseHeld(t, scope, id, ['paused', 'disabled'], input.recover_since ?? null)))
      throw conflict(row, 'Only an endpoint that is paused or disabled can be resumed; a pending one by a test that it answers.')
    return read(t, scope, id)
  })

/** One request now, whatever the filters say. An endpoint that waits for its first answer gets its ping again. */
export const testEndpoint = (house: WebhooksHouse, scope: Scope, id: string): Promise<{ delivery_id: string }> =>
  tx(house.db, scope, async (t) => {
    const row = await lockOwnOrThrow(t, scope, id)
    const { side } = row
    const delivery =
      side === null
        ? await probe(t, scope, id, row.state === 'pending' ? 'endpoint.ping' : 'endpoint.test')
        : await probeBound(house, t, scope, { id, side, boundTo: row.bound_to as string })
    await tell(t, scope, 'endpoint.tested', id, { delivery_id: delivery })
    return { delivery_id: delivery }
  })

/** For whoever verifies `v1a` signatures (P84): public, and the same answer for what is not there. */
export async function webhookKeys(house: WebhooksHouse, endpointId: string) {
  const [row] = await once<{ public_key: string | null }>(house.db, publicKeyOf(endpointId))
  if (!row?.public_key) throw new Problem('not_found')
  const x = Buffer.from(row.public_key.slice('whpk_'.length), 'base64').toString('base64url')
  return { keys: [{ kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', use: 'sig', kid: endpointId, x }] }
}

const conflict = (row: EndpointRow, detail: string) => new Problem('state_conflict', { state: row.state, detail })

export async function lockOwnOrThrow(t: Tx, scope: Scope, id: string): Promise<EndpointRow & Binding> {
  const row = await lockOwnEndpoint(t, scope, id)
  if (!row) throw new Problem('not_found')
  return row
}

export async function lockOrThrow(t: Tx, scope: Scope, id: string): Promise<EndpointRow> {
  const row = await lockEndpoint(t, scope, id)
  if (!row) throw new Problem('not_found')
  return row
}

type Told =
  | 'endpoint.created'
  | 'endpoint.updated'
  | 'endpoint.deleted'
  | 'endpoint.tested'
  | 'endpoint.secret_rotated'
  | 'endpoint.secret_revoked'

export const tell = (t: Tx, scope: Scope, type: Told, id: string, data: EventData): Promise<void> =>
  tellOwn(t, scope, type, { endpoint_id: id, ...data }, { type: 'endpoint', id })

/** Of our own making: it stands in no record, so its id names nothing but itself. */
async function probe(t: Tx, scope: Scope, endpointId: string, type: 'endpoint.ping' | 'endpoint.test'): Promise<string> {
  const eventId = newId('evt', t.now.getTime())
  const head = { id: eventId, type, occurred_at: t.now, tenant_id: tenantWire(scope.tenantId) }
  const body = JSON.stringify({ ...head, data: { endpoint_id: endpointId } })
  const trigger = type === 'endpoint.ping' ? 'auto' : 'test'
  return (await insertProbe(t, scope, { endpointId, eventId, type, trigger, body })).id
}

export function newPair(key: WrappingKey, scope: Scope, id: string) {
  const seed = randomBytes(32)
  return {
    signing_key: sealColumn(key, scope, id, 'signing_key', seed.toString('base64')),
    public_key: writtenPublicKey(ed25519PublicKey(seed)),
  }
}

function sealedOf(key: WrappingKey, scope: Scope, id: string, { client_certificate, headers }: Wishes) {
  const names = Object.keys(headers ?? {})
  return {
    client_certificate: client_certificate
      ? sealColumn(key, scope, id, 'client_certificate', JSON.stringify(client_certificate))
      : null,
    headers: names.length > 0 ? sealColumn(key, scope, id, 'headers', JSON.stringify(headers)) : null,
    header_names: names,
  }
}

function changedSeals(key: WrappingKey, scope: Scope, id: string, wishes: Wishes) {
  const { client_certificate, headers, header_names } = sealedOf(key, scope, id, wishes)
  return {
    ...(wishes.client_certificate === undefined ? {} : { client_certificate }),
    ...(wishes.headers === undefined ? {} : { headers, header_names }),
  }
}

export async function read(t: Tx, scope: Scope, id: string): Promise<Endpoint> {
  const row = await findEndpoint(t, scope, id)
  if (!row) throw new Problem('not_found')
  return show(row, await findHealth(t, scope, id), await findLiveSecrets(t, scope, [id]))
}

/** Of one that is bound as well. */
export async function readOwn(t: Tx, scope: Scope, id: string): Promise<Endpoint> {
  const [row] = await findEndpointsByIds(t, scope, [id])
  if (!row) throw new Problem('not_found')
  return show(row as EndpointRow, await findHealth(t, scope, id), await findLiveSecrets(t, scope, [id]))
}

function show(row: EndpointRow, health: HealthRow, secrets: readonly SecretRow[]) {
  const delays = delaysOf(row.schedule, row.delays)
  return {
    id: row.id,
    label: row.label,
    url: row.url,
    events: row.events,
    mode: row.mode,
    header: row.mode === 'stripe' ? row.header : null,
    ed25519: row.public_key !== null,
    public_key: row.public_key,
    thin: row.thin,
    ordering: row.ordering,
    on_exhausted: row.on_exhausted,
    schedule: { name: row.schedule, delays: [...delays], ...totalsOf(delays) },
    timeout_seconds: row.timeout_seconds,
    max_in_flight: row.max_in_flight,
    rate_per_second: row.rate_per_second,
    ca_pem: row.ca_pem,
    has_client_certificate: row.client_certificate !== null,
    header_names: row.header_names,
    state: row.state,
    state_reason: row.state_reason,
    state_since: row.state_since,
    secrets: secrets
      .filter((one) => one.endpoint_id === row.id)
      .map(({ n, created_at, ends_at }) => ({ n, created_at, ends_at })),
    health: {
      failing_since: health.failing_since,
      last_failure_at: health.last_failure_at,
      timeouts_in_a_row: health.timeouts,
      slowed_until: health.slowed_until,
    },
    created_by: row.created_by,
    created_at: row.created_at,
    updated_at: row.updated_at,
  }
}
