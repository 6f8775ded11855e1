// The client under which a connection is obtained and renewed, as the calls to its provider take it.
import type { Scope, Tx } from '../../db/tx.ts'
import { openClient } from '../clients/client.ts'
import { findClientById } from '../clients/sql.ts'
import type { VaultHouse } from '../house.ts'
import { ProviderFault } from './protocol/fault.ts'
import type { ProviderClient } from './protocol/server.ts'

export type Registered = { id: string; issuer: string | null; client: ProviderClient }

/**
 * By the id that an authorization or a connection carries. Throws where the client is gone. `alsoRemoved`: to tell its provider that something obtained under it is
 * over, for as long as its secret is there.
 */
export async function clientFor(
  house: VaultHouse,
  t: Tx,
  scope: Scope,
  id: string | null,
  { alsoRemoved = false } = {},
): Promise<Registered> {
  const row = id === null ? null : await findClientById(t, scope, id)
  const usable = row && (row.state === 'active' || (alsoRemoved && row.state === 'removed'))
  const found = usable ? await openClient(house, t, scope, row) : null
  if (!found?.client_id || (found.auth !== 'none' && found.secret === null))
    throw new ProviderFault('unusable', 'client_needed', { said: 'No client is registered at this provider any more.' })
  return {
    id: found.id,
    issuer: found.issuer === '' ? null : found.issuer,
    client: { clientId: found.client_id, auth: found.auth, secret: found.secret, keyId: found.keyId },
  }
}
