// What it takes to send to an endpoint, opened: secrets, its own headers, client certificate and signing key. Held per version of the endpoint and for minutes
// at most; never logged, never answered.
import { openText, sealText, type WrappingKey } from '../crypto/seal.ts'
import { Secret } from '../crypto/secret.ts'
import type { SentMode, SignatureHeader } from '../crypto/signature.ts'
import { NO_TENANT, type Scope } from '../db/scope.ts'
import type { Db, Tx } from '../db/tx.ts'
import { tenantKey } from '../identity/keys-at-rest/tenant-key.ts'
import { tenantWire } from '../std/id.ts'
import { type AnyEndpointRow, findEndpointsByIds, findLiveSecrets } from './endpoints/sql.ts'
import type { WebhooksHouse } from './house.ts'
import { delaysOf } from './schedule.ts'

export type Material = {
  id: string
  version: number
  url: string
  mode: SentMode
  header: SignatureHeader
  secrets: { secret: Secret; endsAt: Date | null }[]
  seed: Secret | null
  headers: Secret | null
  ca: string | undefined
  client: Secret | null
  timeoutMs: number
  maxInFlight: number
  ratePerSecond: number | null
  delays: readonly number[]
  /** Of a bound one; null on a tenant's own. */
  boundTo: string | null
  /** Whose exceptions of the guard count on the way. */
  guardedAs: string
}

export type Column = 'client_certificate' | 'headers' | 'signing_key'

const place = (scope: Scope, table: string, column: string, row: string) => ({
  tenant: tenantWire(scope.tenantId),
  table,
  column,
  row,
})

export const sealColumn = (key: WrappingKey, scope: Scope, id: string, column: Column, text: string): Buffer =>
  sealText(key, place(scope, 'endpoints', column, id), text)
export const openColumn = (key: WrappingKey, scope: Scope, id: string, column: Column, envelope: Buffer): string =>
  openText(key, place(scope, 'endpoints', column, id), envelope)
export const openSecret = (key: WrappingKey, scope: Scope, id: string, n: number, envelope: Buffer): string =>
  openText(key, place(scope, 'endpoint_secrets', 'material', `${id}/${n}`), envelope)
export const sealSecret = (key: WrappingKey, scope: Scope, id: string, n: number, text: string): Buffer =>
  sealText(key, place(scope, 'endpoint_secrets', 'material', `${id}/${n}`), text)

const HELD_MS = 5 * 60_000
const MOST_HELD = 2_000

type Held = { material: Material; until: number }
const held = new WeakMap<Db, Map<string, Held>>()

/** Of each of these endpoints at the version that its row has now. */
export async function materialsOf(
  house: Pick<WebhooksHouse, 'db' | 'keyring'>,
  t: Tx,
  scope: Scope,
  wanted: ReadonlyMap<string, number>,
): Promise<Map<string, Material>> {
  const cache = held.get(house.db) ?? new Map<string, Held>()
  held.set(house.db, cache)
  const now = house.db.clock.now().getTime()
  const found = new Map<string, Material>()
  const missing: string[] = []
  for (const [id, version] of wanted) {
    const known = cache.get(id)
    if (known && known.until > now && known.material.version === version) found.set(id, known.material)
    else missing.push(id)
  }
  if (missing.length === 0) return found
  const key = await tenantKey(house, t, scope)
  const [rows, secrets] = [await findEndpointsByIds(t, scope, missing), await findLiveSecrets(t, scope, missing)]
  for (const row of rows) {
    const own = secrets
      .filter((one) => one.endpoint_id === row.id)
      .map(({ n, material, ends_at }) => ({
        secret: new Secret(openSecret(key, scope, row.id, n, material)),
        endsAt: ends_at,
      }))
    const material = materialOf(key, scope, row, own)
    found.set(row.id, material)
    // What is read here is committed: the rows were, and this transaction changes none of them.
    if (cache.size >= MOST_HELD) cache.clear()
    cache.set(row.id, { material, until: now + HELD_MS })
  }
  return found
}

function materialOf(key: WrappingKey, scope: Scope, row: AnyEndpointRow, secrets: Material['secrets']): Material {
  const opened = (column: Column): Secret | null => {
    const envelope = row[column]
    return envelope === null ? null : new Secret(openColumn(key, scope, row.id, column, envelope))
  }
  return {
    id: row.id,
    version: row.version,
    url: row.url,
    mode: row.mode,
    header: row.header,
    secrets,
    seed: opened('signing_key'),
    headers: opened('headers'),
    ca: row.ca_pem ?? undefined,
    client: opened('client_certificate'),
    timeoutMs: row.timeout_seconds * 1000,
    maxInFlight: row.max_in_flight,
    ratePerSecond: row.rate_per_second,
    delays: delaysOf(row.schedule, row.delays),
    boundTo: row.bound_to,
    guardedAs: row.side === 'caller' ? (row.caller_tenant ?? NO_TENANT) : scope.tenantId,
  }
}
