// Cursors of lists: where to go on, sealed over tenant, route and filter (P10). A cursor carries no secret, but nobody can make, alter or move one.
import { Problem } from '@countersign/sdk'
import { canonical } from '../crypto/canonical.ts'
import type { Keyring } from '../crypto/keyring.ts'
import { EnvelopeError, open, type Place, seal, type WrappingKey } from '../crypto/seal.ts'
import { sha256 } from '../crypto/token.ts'
import { tenantWire } from '../std/id.ts'
import { type Json, readJson, writeJson } from './json.ts'

/** `filter` is everything of the query but `cursor` and `limit`; `tenantId` the uuid of the scope. */
export type CursorPlace = { tenantId: string; route: string; filter: unknown }

const DAY_MS = 24 * 3_600_000

const keysOf = (keyring: Keyring): WrappingKey => ({
  current: keyring.current,
  versions: new Map(keyring.versions.map((version) => [version, keyring.purpose('cursor', version)])),
})

const placeOf = ({ tenantId, route, filter }: CursorPlace): Place => ({
  tenant: tenantWire(tenantId),
  table: 'cursor',
  column: route.replaceAll(' ', '_'),
  row: sha256(canonical(filter ?? null)).toString('base64url'),
})

/** `position` is what the next page's statement compares with: keys of the last row, never an offset. `now` is the transaction's. */
export function sealCursor(keyring: Keyring, at: CursorPlace, position: Json | Date, now: Date): string {
  const text = writeJson({ at: now.getTime(), position })
  return seal(keysOf(keyring), placeOf(at), Buffer.from(text)).toString('base64url')
}

/** The position, or 400 `cursor_invalid` for one that is altered, of another tenant, route or filter, or older than 24 hours. */
export function openCursor<T = Json>(keyring: Keyring, at: CursorPlace, cursor: string, now: Date): T {
  if (!/^[A-Za-z0-9_-]{1,2000}$/.test(cursor)) throw new Problem('cursor_invalid')
  let opened: { at: number; position: T }
  try {
    opened = readJson(open(keysOf(keyring), placeOf(at), Buffer.from(cursor, 'base64url')).toString()) as unknown as typeof opened
  } catch (cause) {
    if (cause instanceof EnvelopeError) throw new Problem('cursor_invalid', {}, { cause })
    throw cause
  }
  if (now.getTime() - opened.at >= DAY_MS) throw new Problem('cursor_invalid', { detail: 'The cursor is older than 24 hours.' })
  return opened.position
}

/** The answer of a list from one row more than was asked for. `position` of the last row that is shown seals the next cursor. */
export function pageOf<T>(
  keyring: Keyring,
  at: CursorPlace,
  rows: T[],
  { limit, now, position }: { limit: number; now: Date; position: (row: T) => Json | Date },
): { data: T[]; next_cursor: string | null } {
  const data = rows.slice(0, limit)
  const last = data.at(-1)
  const more = rows.length > limit && last !== undefined
  return { data, next_cursor: more ? sealCursor(keyring, at, position(last), now) : null }
}
