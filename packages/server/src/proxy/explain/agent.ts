// What an agent may reach at this moment, as a run of it would see it. Opens no run and counts nothing.
import { Problem } from '@countersign/sdk'
import type { Scope, Tx } from '../../db/tx.ts'
import { setsOf } from '../../identity/policies/judge.ts'
import { findActive } from '../../identity/policies/sql.ts'
import type { Sets } from '../../policy/decide.ts'
import { tenantWire } from '../../std/id.ts'
import type { View } from '../decide/view.ts'
import type { GateHouse } from '../gate/house.ts'
import { type Routes, readView } from '../node/view.ts'
import { readAgentRoutes } from './sql.ts'

const EIGHT_HOURS_MS = 8 * 3_600_000

/** Null: the agent does not act now. `chosen`: as a run would choose, by provider. */
export async function viewOfAgent(
  { bundled }: GateHouse,
  t: Tx,
  scope: Scope,
  agentId: string,
  { mode = 'enforce', labels = [] }: { mode?: 'enforce' | 'learn'; labels?: readonly string[] } = {},
): Promise<View | null> {
  const { routes } = await readAgentRoutes(t, scope, agentId)
  if (routes === null) return null
  const run: Routes['run'] = {
    ...{ id: 'run_explained', tenant: tenantWire(scope.tenantId), tenant_id: scope.tenantId, agent_id: agentId, mode },
    ...{ labels: [...labels], proof: 'key', purpose: 'explained', chosen: {}, wait_seconds: null },
    created_at: t.now.toISOString(),
    expires_at: new Date(t.now.getTime() + EIGHT_HOURS_MS).toISOString(),
  }
  return readView({ ...(routes as Omit<Routes, 'run'>), run }, { version: 0, text: '' }, bundled)
}

/** The policies in force; `policy_error` where this build cannot read them. */
export async function activeSets({ vault }: GateHouse, t: Tx, scope: Scope): Promise<Sets> {
  const { version } = await findActive(t, scope, [])
  const sets = await setsOf(vault, t, scope, version)
  if (!sets) throw new Problem('policy_error')
  return sets
}
