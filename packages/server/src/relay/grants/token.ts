// Relay tokens: made here alone, shown in one answer and kept as a hash (relay.md R9, R25, R26). No row, event or list can give one back.
import { mintKey, sha256 } from '../../crypto/token.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import { newId } from '../../std/id.ts'
import { type GrantRow, insertToken } from './sql.ts'

/** For as long as the grant lives now. */
export async function mintToken(t: Tx, scope: Scope, grant: GrantRow): Promise<{ token: string; expiresAt: Date }> {
  const token = mintKey(grant.environment, 'rly')
  const expiresAt = grant.expires_at ?? new Date(t.now.getTime() + grant.token_seconds * 1_000)
  await insertToken(t, scope, {
    id: newId('rtk', t.now.getTime()),
    grantId: grant.id,
    hash: sha256(token),
    // The visible ends tell two tokens apart; the rest is 156 bits.
    prefix: token.slice(0, 12),
    lastFour: token.slice(-4),
    scopes: grant.scopes,
    expiresAt,
  })
  return { token, expiresAt }
}
