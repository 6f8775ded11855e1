// What is done to a relay grant, as policies are asked about it (relay.md R72). The owner's side is judged in its own tenant; the asking side acts by what it was given, and its
// rights are those of a party. Decides nothing by itself.

import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { bodySha256 } from '../../identity/policies/countersign.ts'
import type { RelayHouse } from '../house.ts'

type GrantAction = 'relay_grant.create' | 'relay_grant.update' | 'relay_grant.rotate' | 'relay_grant.revoke'

/** `resource`: the grant; of one that does not exist yet, its card. */
export function judgedGrant<T>(
  house: Pick<RelayHouse, 'db' | 'countersign'>,
  scope: Scope,
  { action, resource, body }: { action: GrantAction; resource: string; body: object },
  effect: (t: Tx) => Promise<T>,
): Promise<T> {
  if (scope.relayParty !== undefined) return tx(house.db, scope, effect)
  const act = {
    ...{ origin: 'relay' as const, action, resource: { type: 'RelayGrant', id: resource } },
    ...{ context: { direction: 'in', body_sha256: bodySha256(body) }, body },
  }
  return house.countersign(scope, act, effect)
}
