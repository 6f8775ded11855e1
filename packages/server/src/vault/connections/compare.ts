// Whether values that somebody holds are those that are stored, without a stored one ever leaving: `match` or `different`, for all fields of a connection together.
// Guessing is what it could be used for, so people alone may ask, about connections that they may change, and each value counts against a limit that no search
// survives. What was sent is neither kept nor written down.
import { Problem } from '@countersign/sdk'
import { sameBytes, sha256 } from '../../crypto/token.ts'
import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import type { VaultHouse } from '../house.ts'
import { openMaterial } from '../material/material.ts'
import { lockOrThrow } from './connection.ts'

type Comparison = { connection_id: string; fields: Record<string, string> }
type Compared = { connection_id: string; state: 'match' | 'different' | 'missing' }

export async function compareConnections(
  house: VaultHouse,
  scope: Scope,
  items: readonly Comparison[],
  take: (cost: number) => Promise<void>,
): Promise<Compared[]> {
  if (scope.actor.type !== 'user') throw new Problem('forbidden', { action: 'connection.update' })
  await take(items.length)
  const { beforeCommit: _, ...quiet } = scope
  const compared: Compared[] = []
  for (const item of items) {
    const state = await tx(house.db, quiet, (t) => compareOne(house, t, quiet, item))
    compared.push({ connection_id: item.connection_id, state })
  }
  return compared
}

async function compareOne(
  house: VaultHouse,
  t: Tx,
  scope: Scope,
  { connection_id, fields }: Comparison,
): Promise<Compared['state']> {
  const row = await lockOrThrow(t, scope, connection_id, 'connection.update').catch((error: unknown) => {
    if (error instanceof Problem && error.code === 'not_found') return null
    throw error
  })
  if (!row || row.material === null) return 'missing'
  const material: Readonly<Record<string, unknown>> = await openMaterial(house, t, scope, row)
  // All of them are held against what is stored, in whatever order they differ.
  const same = Object.entries(fields).map(([name, value]) => {
    const stored = Object.hasOwn(material, name) ? material[name] : undefined
    return typeof stored === 'string' && sameBytes(sha256(stored), sha256(value.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '')))
  })
  return same.length > 0 && same.every((one) => one) ? 'match' : 'different'
}
