// Where a request came from (P110): address, client and name in a side envelope under the subject's own key, made once for a session or key and place.
// The event holds the SHA-256 of the envelope, so erasing the key takes the person out of the record and leaves the chain whole. Never holds plain values
// beyond the request: the cache knows names of envelopes only.
import { Problem } from '@countersign/sdk'
import { openText, sealText } from '../crypto/seal.ts'
import { hmacSha256, sha256Hex } from '../crypto/token.ts'
import type { Db, Scope, Tx } from '../db/tx.ts'
import type { OriginView } from '../events/audit/house.ts'
import { findOrigins, putOrigin } from '../events/sql.ts'
import type { RequestInfo } from '../http/route.ts'
import { tenantWire } from '../std/id.ts'
import { type KeyHouse, subjectKey, subjectKeys } from './keys-at-rest/tenant-key.ts'
import { isFresh } from './proof.ts'

export type OriginValues = { address: string | null; client: string | null; email?: string | null; name?: string | null }

// Retention gives an envelope a day's grace, so none is used longer than some hours after it was made.
const HELD_MS = 6 * 3_600_000
const HELD = 20_000
const held = new WeakMap<Db, Map<string, { sha256: string; until: number }>>()

const place = (scope: Scope, row: string) => ({
  tenant: tenantWire(scope.tenantId),
  table: 'event_origins',
  column: 'envelope',
  row,
})

const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/

type Asked = Pick<RequestInfo, 'address' | 'header'> & Partial<Pick<RequestInfo, 'client'>>

/** The scope of a request with what the record says beside who it is: how it proved itself, from where it came, and whose trace it is part of. */
export function traced<S extends Scope>(house: KeyHouse, scope: S, request: Asked): S {
  const assurance = scope.actor.key_id ? 'key' : isFresh(scope.stepUpAt, house.db.now()) ? 'step_up' : 'session'
  const own = { ...scope, actor: { ...scope.actor, assurance } as const }
  const subject = scope.userId ? `user:${scope.userId}` : `${scope.actor.type}:${scope.actor.id}`
  const values = { address: request.address, client: request.client ?? null, name: scope.displayName }
  return {
    ...own,
    traceId: TRACEPARENT.exec(request.header('traceparent') ?? '')?.[1] ?? null,
    origin: originOf(house, own, subject, values),
  }
}

/** What `scope.origin` is: nothing happens before the first event asks. */
export function originOf(
  house: KeyHouse,
  scope: Scope,
  subject: string,
  values: OriginValues,
): (t: Tx) => Promise<string | null> {
  const label = [
    scope.tenantId,
    scope.principal,
    scope.actor.session_id,
    scope.actor.key_id,
    subject,
    values.address,
    values.client,
  ]
  return async (t) => {
    // The name in the cache says nothing by itself.
    const known = hmacSha256(house.keyring.purpose('bucket'), JSON.stringify(label)).toString('base64')
    const cache = held.get(house.db) ?? new Map<string, { sha256: string; until: number }>()
    held.set(house.db, cache)
    const now = house.db.clock.now().getTime()
    const found = cache.get(known)
    if (found && found.until > now) return found.sha256
    const sha256 = await putEnvelope(house, t, scope, subject, values)
    if (sha256 !== null)
      t.afterCommit(() => {
        if (cache.size >= HELD) cache.delete(cache.keys().next().value as string)
        cache.set(known, { sha256, until: now + HELD_MS })
      })
    return sha256
  }
}

async function putEnvelope(house: KeyHouse, t: Tx, scope: Scope, subject: string, values: OriginValues): Promise<string | null> {
  try {
    const key = await subjectKey(house, t, scope, subject)
    const envelope = sealText(key, place(scope, subject), JSON.stringify(values))
    const sha256 = sha256Hex(envelope)
    await putOrigin(t, scope, sha256, subject, envelope)
    return sha256
  } catch (error) {
    // Whoever was erased leaves no new trace.
    if (error instanceof Problem && error.code === 'content_erased') return null
    throw error
  }
}

/** What these envelopes say, for readers of the record; one whose key was destroyed says only that. */
export async function openOrigins(
  house: KeyHouse,
  t: Tx,
  scope: Scope,
  hashes: readonly string[],
): Promise<Map<string, OriginView>> {
  const views = new Map<string, OriginView>(hashes.map((sha256) => [sha256, { sha256, erased: true }]))
  const rows = hashes.length === 0 ? [] : await findOrigins(t, scope, hashes)
  const keys = await subjectKeys(house, t, scope, [...new Set(rows.map((row) => row.subject))])
  for (const { sha256, subject, envelope } of rows) {
    const key = keys.get(subject)
    if (!key) continue
    const values = JSON.parse(openText(key, place(scope, subject), envelope)) as OriginValues
    const known = Object.entries(values).filter(([, value]) => typeof value === 'string')
    views.set(sha256, { sha256, erased: false, ...Object.fromEntries(known) })
  }
  return views
}
