// The client under which a connection is obtained and renewed, as the calls to its provider take it.
import type { Scope, Tx } from '../../db/tx.ts'
import { clientOf } from '../clients/client.ts'
import type { VaultHouse } from '../house.ts'
import { ProviderFault } from './protocol/fault.ts'
import type { ProviderClient } from './protocol/server.ts'
import { findClientPlace } from './sql.ts'

export type Registered = { id: string; issuer: string | null; client: ProviderClient }

/** By the id that an authorization or a connection carries. Throws where the client is gone. */
export async function clientFor(house: VaultHouse, t: Tx, scope: Scope, id: string | null): Promise<Registered> {
  const place = id === null ? null : await findClientPlace(t, scope, id)
  const found = place && (await clientOf(house, t, scope, place.provider, place.issuer))
  if (!place || !found?.client_id)
    throw new ProviderFault('unusable', 'client_needed', { said: 'No client is registered at this provider any more.' })
  return {
    id: found.id,
    issuer: place.issuer === '' ? null : place.issuer,
    client: { clientId: found.client_id, auth: found.auth, secret: found.secret },
  }
}
