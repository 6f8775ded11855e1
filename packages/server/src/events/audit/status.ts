// How the sealing of a record stands (P115): where the chain ends, how old the oldest event is that waits, and which transaction it waits for.
import { type Scope, type Tx, tx } from '../../db/tx.ts'
import { showCheckpoint } from './checkpoint.ts'
import type { AuditHouse } from './house.ts'
import { describeSession, findHead, type Lag, listCheckpoints, sealLag } from './sql.ts'

export const WARN_SECONDS = 5
export const OUTAGE_SECONDS = 60

export type SealStatus = {
  state: 'ok' | 'warn' | 'outage'
  /** The age of the oldest event that waits, in seconds; null when none does. */
  lag_seconds: number | null
  waiting: number
  /** The oldest open transaction that events could still come from, when some wait. */
  held_by: { pid: number; state: string | null; since: Date | null; application: string | null } | null
}

/** Of the whole installation, for the status page and for metrics; or of one tenant. */
export const sealStatus = ({ db }: Pick<AuditHouse, 'db'>, scope: Scope, tenantId: string | null = null): Promise<SealStatus> =>
  tx(db, scope, (t) => sealStatusIn(t, tenantId), { readOnly: true })

/** The same for a transaction that is open already. */
export async function sealStatusIn(t: Tx, tenantId: string | null = null): Promise<SealStatus> {
  const [lag] = await t.rows<Lag>`${sealLag(tenantId)}`
  const { oldest = null, waiting = 0, holding_pid = null } = lag ?? {}
  const lag_seconds = oldest === null ? null : Math.max(0, Math.round((t.now.getTime() - oldest.getTime()) / 100) / 10)
  const age = lag_seconds ?? 0
  const holder = waiting > 0 && holding_pid !== null ? await describeSession(t, holding_pid) : null
  return {
    state: age >= OUTAGE_SECONDS ? 'outage' : age >= WARN_SECONDS ? 'warn' : 'ok',
    lag_seconds,
    waiting,
    held_by: holder && holding_pid !== null ? { pid: holding_pid, ...holder } : null,
  }
}

/** Of one tenant's log, for its page. */
export async function getAuditStatus(house: Pick<AuditHouse, 'db'>, scope: Scope) {
  const status = await sealStatus(house, scope, scope.tenantId)
  const { head, checkpoint } = await tx(
    house.db,
    scope,
    async (t) => ({ head: await findHead(t, scope), checkpoint: (await listCheckpoints(t, scope, null, 1))[0] ?? null }),
    { readOnly: true },
  )
  return {
    state: status.state,
    lag_seconds: status.lag_seconds,
    waiting: status.waiting,
    head: head && { seq: head.size, hash: head.hash.toString('hex'), sealed_at: head.sealed_at },
    checkpoint: checkpoint && showCheckpoint(checkpoint),
  }
}
