// An answer that the asking agent is to look at before it counts (T129), for the waits of that agent and of nobody else.
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import { openContents } from '../content.ts'
import type { TasksHouse } from '../house.ts'
import { findDecisions, type PollRow } from '../sql.ts'
import type { Candidate } from '../wire.ts'

export async function candidatesOf(
  house: TasksHouse,
  t: Tx,
  scope: Scope,
  rows: readonly PollRow[],
): Promise<ReadonlyMap<string, Candidate>> {
  const own = rows.filter((row) => row.candidate_id !== null && scope.agentId !== null && row.agent_id === scope.agentId)
  if (own.length === 0) return new Map()
  const ids = own.map((row) => row.id)
  const opener = await openContents(house, t, scope, ids)
  const decisions = new Map((await findDecisions(t, scope, ids)).map((one) => [one.id, one]))
  return new Map(
    own.flatMap((row) => {
      const decision = decisions.get(row.candidate_id as string)
      if (!decision) return []
      const { response } = opener.decision(decision)
      return [[row.id, { decision_id: decision.id, response, attempt: row.verification_attempt + 1 }] as const]
    }),
  )
}
