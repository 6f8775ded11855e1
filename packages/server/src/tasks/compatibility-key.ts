// The tenant's key that signs posts to `callback_url` (T71, T72): made or imported, shown once, replaced at a chosen moment. It signs nothing else.
import { openText, sealText } from '../crypto/seal.ts'
import { randomBytes } from '../crypto/token.ts'
import type { Scope } from '../db/scope.ts'
import { type Tx, tx } from '../db/tx.ts'
import { record } from '../events/event.ts'
import { tenantKey } from '../identity/keys-at-rest/tenant-key.ts'
import { tenantWire } from '../std/id.ts'
import type { TasksHouse } from './house.ts'
import { invalid } from './settle.ts'
import { type CompatibilityKeyRow, findCompatibilityKeys, insertCompatibilityKeyIfNone } from './sql.ts'

const place = (scope: Scope, version: number) => ({
  tenant: tenantWire(scope.tenantId),
  table: 'compatibility_keys',
  column: 'material',
  row: String(version),
})

/** The key as its holders write it (`AWAITHUMANS_PAYLOAD_KEY`), and as Standard Webhooks libraries want it. */
export type CompatibilityKey = { key: string; secret: string; version: number; effective_at: Date }
export type CompatibilityKeyInfo = { version: number; origin: 'made' | 'imported'; created_at: Date; effective_at: Date }

const info = ({ version, origin, created_at, effective_at }: CompatibilityKeyRow): CompatibilityKeyInfo => ({
  version,
  origin,
  created_at,
  effective_at,
})

export async function listCompatibilityKeys(house: TasksHouse, scope: Scope) {
  const rows = await tx(house.db, scope, (t) => findCompatibilityKeys(t, scope), { readOnly: true })
  return { data: rows.map(info), next_cursor: null }
}

/** A new key, or one that receivers hold already. The one before signs until `effective_at`. */
export async function putCompatibilityKey(
  house: TasksHouse,
  scope: Scope,
  input: { key?: string; effective_at?: Date },
): Promise<CompatibilityKey & CompatibilityKeyInfo> {
  const material = input.key === undefined ? randomBytes(32) : Buffer.from(input.key, 'base64url')
  if (material.length !== 32) throw invalid('/key', 'key_length', 'A compatibility key is 32 bytes in base64url.')
  return tx(house.db, scope, async (t) => {
    if (input.effective_at && input.effective_at < t.now) throw invalid('/effective_at', 'out_of_range', 'This time has passed.')
    const version = ((await findCompatibilityKeys(t, scope))[0]?.version ?? 0) + 1
    const row = await insert(house, t, scope, {
      version,
      material,
      origin: input.key === undefined ? 'made' : 'imported',
      effectiveAt: input.effective_at ?? t.now,
    })
    await record(t, scope, 'settings.changed', {
      setting: 'compatibility_key',
      version,
      origin: row.origin,
      effective_at: row.effective_at,
    })
    return { ...info(row), key: material.toString('base64url'), secret: `whsec_${material.toString('base64')}` }
  })
}

async function insert(
  house: TasksHouse,
  t: Tx,
  scope: Scope,
  made: { version: number; material: Buffer; origin: 'made' | 'imported'; effectiveAt: Date },
): Promise<CompatibilityKeyRow> {
  const parent = await tenantKey(house, t, scope)
  const row = {
    version: made.version,
    material: sealText(parent, place(scope, made.version), made.material.toString('base64url')),
    origin: made.origin,
    created_by: scope.principal,
    created_at: t.now,
    effective_at: made.effectiveAt,
  }
  const inserted = await insertCompatibilityKeyIfNone(t, scope, row)
  if (inserted === 0) throw invalid('/key', 'raced', 'Another key was made at this moment; look at it first.')
  return row
}

/** The 32 bytes that sign now; made on first use, so that no post ever leaves unsigned. */
export async function signingKey(house: TasksHouse, t: Tx, scope: Scope): Promise<Buffer> {
  const rows = await findCompatibilityKeys(t, scope)
  const row = rows.find((one) => one.effective_at <= t.now) ?? rows.at(-1)
  const parent = await tenantKey(house, t, scope)
  if (row) return Buffer.from(openText(parent, place(scope, row.version), row.material), 'base64url')
  const material = randomBytes(32)
  const version = 1
  const sealed = sealText(parent, place(scope, version), material.toString('base64url'))
  const made = {
    version,
    material: sealed,
    origin: 'made' as const,
    created_by: scope.principal,
    created_at: t.now,
    effective_at: t.now,
  }
  return (await insertCompatibilityKeyIfNone(t, scope, made)) > 0 ? material : signingKey(house, t, scope)
}
