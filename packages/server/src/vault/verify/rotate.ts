// New keys for one tenant's vault (V72). Asks for it; the work is the key ring's, in batches, whoever asked.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import { type RewrapView, startRewrap } from '../../identity/keys-at-rest/rewrap/start.ts'
import { tenantWire } from '../../std/id.ts'
import type { VaultHouse } from '../house.ts'

export async function startRotation(house: Pick<VaultHouse, 'db'>, scope: Scope, reseal: boolean): Promise<RewrapView> {
  try {
    return await startRewrap(house, scope, { tenant_id: tenantWire(scope.tenantId as string), renew: true, reseal })
  } catch (error) {
    // Nothing of this tenant was ever sealed, so there is no key to follow.
    if (error instanceof Problem && error.code === 'not_found') throw new Problem('state_conflict', { state: 'empty' })
    throw error
  }
}
