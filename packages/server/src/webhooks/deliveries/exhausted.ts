// What was given up, told to whoever runs the tenant (relay.md R69): one report a day for everything that ended without arriving, the tenant's own deliveries and those to it as a
// caller. Nothing given up, nothing told. Knows nothing of mail; names endpoints and numbers, no address and no content.
import { type Scope, systemScope } from '../../db/scope.ts'
import { once, type Tx, tx } from '../../db/tx.ts'
import type { WebhooksHouse } from '../house.ts'
import { exhaustedSince, findReport, findRunners, listExhausted, takeReport } from './sql.ts'

const DAY_MS = 86_400_000

export type ExhaustedReport = {
  /** Addresses of those who run the tenant. */
  to: readonly string[]
  many: number
  endpoints: readonly { id: string | null; side: 'owner' | 'caller' | null; many: number; lastStatus: number | null }[]
}
/** Handed in by main: how it reaches them. */
export type TellExhausted = (t: Tx, scope: Scope, report: ExhaustedReport) => Promise<void>

/** Every tenant with something to tell. Killed and run again it goes on; run twice a day it tells once. */
export async function reportExhausted(house: WebhooksHouse, signal?: AbortSignal): Promise<number> {
  const { tell } = house
  if (!tell) return 0
  let reports = 0
  // A report that was missed for a day or two is made up for.
  const since = new Date(house.db.clock.now().getTime() - 3 * DAY_MS)
  const found = await once<{ tenant_id: string }>(house.db, exhaustedSince(since, null))
  for (const tenantId of new Set(found.map((row) => row.tenant_id))) {
    signal?.throwIfAborted()
    const scope = systemScope('webhooks', tenantId)
    const isTold = await tx(house.db, scope, async (t) => {
      const before = await findReport(t, scope)
      const rows = await listExhausted(t, before?.told_until ?? new Date(t.now.getTime() - DAY_MS), tenantId)
      if (rows.length === 0 || (await takeReport(t, scope)) === 0) return false
      const to = (await findRunners(t, scope)).map(({ email }) => email)
      const endpoints = rows.map(({ endpoint_id, side, many, last_status }) => ({
        ...{ id: endpoint_id, side, many, lastStatus: last_status },
      }))
      await tell(t, scope, { to, many: rows.reduce((sum, { many }) => sum + many, 0), endpoints })
      return true
    })
    if (isTold) reports++
  }
  return reports
}
