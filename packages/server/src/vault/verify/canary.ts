// Whether the vault works at this moment (vault.md §7.2 `doctor`): random bytes are sealed under the tenant's key, stored, read back, opened, compared, and deleted. Touches no
// row of anybody, and leaves none.
import { open, seal } from '../../crypto/seal.ts'
import { randomBytes, randomToken, sameBytes } from '../../crypto/token.ts'
import type { Scope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { tenantKey } from '../../identity/keys-at-rest/tenant-key.ts'
import { tenantWire } from '../../std/id.ts'
import type { VaultHouse } from '../house.ts'
import { deleteCanary, findCanary, insertCanary } from './sql.ts'

export function tryCanary(house: Pick<VaultHouse, 'db' | 'keyring'>, scope: Scope): Promise<{ key_version: number }> {
  return tx(house.db, scope, async (t) => {
    const id = randomToken(9)
    const place = { tenant: tenantWire(scope.tenantId), table: 'vault_canaries', column: 'material', row: id }
    const key = await tenantKey(house, t, scope)
    const plain = randomBytes(64)
    await insertCanary(t, scope, { id, material: seal(key, place, plain) })
    const kept = await findCanary(t, scope, id)
    if (!kept || !sameBytes(open(key, place, kept.material), plain))
      throw new Error('What was sealed came back as something else.')
    if ((await deleteCanary(t, scope, id)) !== 1) throw new Error('What was sealed cannot be deleted.')
    return { key_version: key.current }
  })
}
