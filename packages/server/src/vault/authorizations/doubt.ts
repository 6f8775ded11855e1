// A server said that it does not know a client which it registered itself: a job asks it (RFC 7592). Where there is no way to ask, nothing is known better and nothing
// is done.
import { enqueue } from '@countersign/queue'
import type { Scope, Tx } from '../../db/tx.ts'
import { openClient } from '../clients/client.ts'
import { findClientById } from '../clients/sql.ts'
import type { VaultHouse } from '../house.ts'

/** Settles what a registration left open; its payload is a provider and an issuer, and with `doubt` also one that is in use is looked at. */
export const SETTLE = 'client.settle'

export async function doubtRegistration(
  house: Pick<VaultHouse, 'db' | 'keyring'>,
  t: Tx,
  scope: Scope,
  id: string | null,
): Promise<void> {
  const row = id === null ? null : await findClientById(t, scope, id)
  if (row?.state !== 'active' || row.registration === null) return
  if ((await openClient(house, t, scope, row)).managed === null) return
  const payload = { provider: row.provider, issuer: row.issuer, doubt: true }
  await enqueue(t, { kind: SETTLE, tenantId: scope.tenantId, payload, uniqueKey: row.id })
}
