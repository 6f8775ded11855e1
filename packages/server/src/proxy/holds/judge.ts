// The judgement of a request that waits, by the control plane: the same that a node makes (decide/judge.ts), over what the database says at this moment.
// Opens no material and counts nothing.
import { Problem } from '@countersign/sdk'
import type { Scope, Tx } from '../../db/tx.ts'
import { setsOf } from '../../identity/policies/judge.ts'
import { findActive } from '../../identity/policies/sql.ts'
import type { Asking } from '../../policy/decide.ts'
import { type Judged, judgeRequest } from '../decide/judge.ts'
import type { View } from '../decide/view.ts'
import type { GateHouse } from '../gate/house.ts'
import { type Routes, readView } from '../node/view.ts'
import { readRunRoutes } from './sql.ts'
import { askedOf, type Stored } from './stored.ts'

export type Asks = Extract<Judged, { outcome: 'ask' | 'allow' }> & { outcome: 'ask' }

export type Judgement = { view: View; judged: Judged }

/** null: the run is over, or its agent does not act. */
export async function judgeStored(house: GateHouse, t: Tx, scope: Scope, stored: Stored): Promise<Judgement | null> {
  const { run_id: runId, connection_id: connectionId } = stored.request
  const { version } = await findActive(t, scope, [])
  const sets = await setsOf(house.vault, t, scope, version)
  const row = await readRunRoutes(t, scope, runId)
  if (!row?.routes) return null
  if (!sets) throw new Problem('policy_error')
  const view = readView(row.routes as Routes, { version: sets.version, text: '' }, house.bundled)
  const { tenant, agentId } = view.run
  // Whatever a node says of the run: it is this one.
  if (stored.request.tenant_id !== tenant || stored.request.agent_id !== agentId) throw new Problem('forbidden')
  const placeholder = view.connections.find(({ id }) => id === connectionId)?.placeholder ?? ''
  const limits = { inspectBody: house.inspectBody }
  return { view, judged: await judgeRequest({ view, sets, limits, at: t.now }, askedOf(stored, placeholder)) }
}

export const asksPeople = (judged: Judged): judged is Asks => judged.outcome === 'ask'

export const askingOf = ({ policy }: Asks): Asking =>
  policy.ask ?? { quorum: 1, expires_seconds: 600, on_timeout: 'deny', texts: [] }

/** More than what people were asked for: nobody has agreed to that. */
export const isStricter = (judged: Judged, before: { quorum: number }): boolean =>
  judged.outcome === 'deny' || (asksPeople(judged) && askingOf(judged).quorum > before.quorum)
