// How the use of a connection ends (V51): at once, in one transaction with its event and with every grant on it. What the provider is told comes after, by a job.
import { enqueue } from '@countersign/queue'
import type { Scope, Tx } from '../../db/tx.ts'
import { endGrantsOf } from '../grants/end.ts'
import { type ConnectionRow, moveConnectionIf } from './sql.ts'
import { tellConnection } from './store.ts'

/** The job that tells the provider and then erases the material; its payload is `{ connection_id }`. */
export const REVOKE = 'vault.revoke'

/** Null: it was over before. */
export async function revokeConnectionIn(
  t: Tx,
  scope: Scope,
  id: string,
  { cause, localOnly = false }: { cause: string; localOnly?: boolean },
): Promise<(ConnectionRow & { job_id: string }) | null> {
  const row = await moveConnectionIf(t, scope, id, ['pending', 'connected', 'needs_reauth', 'suspended'], {
    status: 'revoked',
    cause,
    revocation: localOnly ? 'none' : 'waiting',
  })
  if (!row) return null
  await endGrantsOf(t, scope, id, 'connection_revoked')
  await tellConnection(t, scope, 'connection.revoked', row, { cause, local_only: localOnly })
  return { ...row, job_id: await enqueue(t, { kind: REVOKE, tenantId: scope.tenantId, payload: { connection_id: id } }) }
}
