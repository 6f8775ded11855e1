// What all tenants of an installation share, and who may act on it. Queues, kinds and their limits are the installation's, and what is done to one is done
// to the jobs of all tenants: so it is for hosts and for the tenant that the installation began with. Knows nothing of what is shared.
import type { Scope } from '../db/scope.ts'
import type { Tx } from '../db/tx.ts'
import type { Action } from './matrix.ts'
import { homeTenant } from './sql.ts'

/** Actions that never mean less than all of a queue or a kind. `queue.resume` is not one: it also frees keys, which are a tenant's own. */
export const SHARED_ACTIONS: readonly Action[] = ['queue.pause', 'queue.override']

export const reachesShared = async (t: Tx, scope: Scope): Promise<boolean> =>
  scope.isHost || (await homeTenant(t)).id === scope.tenantId
