// Statements of the A2A face alone: a caller's threads with one agent in the order of their last change, and the numbers that frames have.
import { type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import { type CallerRow, callerThreads } from '../held/sql.ts'
import type { ThreadOutcome, ThreadState } from '../model.ts'

export type TaskFilter = {
  states: readonly { state: ThreadState; outcome: ThreadOutcome | null }[] | null
  contextId: string | null
  changedSince: Date | null
}

/** Of the one relay grant of this scope, whose envelopes are still kept. */
const matching = (t: Tx, scope: Scope, { states, contextId, changedSince }: TaskFilter): Sql => sql`
  h.tenant_id = ${scope.tenantId}::uuid and h.relay_grant_id = ${scope.relayParty ?? null}::text
    and coalesce(h.kept_until > ${t.now}::timestamptz, true)
    ${
      states === null
        ? sql``
        : sql`and exists (select from unnest(${states.map((one) => one.state)}::text[], ${states.map((one) => one.outcome)}::text[]) as s (state, outcome)
            where s.state = h.state and coalesce(s.outcome = h.outcome, true))`
    }
    ${contextId === null ? sql`` : sql`and h.context_id = ${contextId}::text`}
    ${changedSince === null ? sql`` : sql`and h.updated_at >= ${changedSince}::timestamptz`}`

export type TaskPlace = { at: string; id: string }

export const listTasks = (t: Tx, scope: Scope, filter: TaskFilter, after: TaskPlace | null, limit: number) => t.rows<CallerRow>`
  select h.* from ${callerThreads(null)}
  where ${matching(t, scope, filter)}
    ${after === null ? sql`` : sql`and (h.updated_at, h.id) < (${after.at}::timestamptz, ${after.id}::text)`}
  order by h.updated_at desc, h.id desc limit ${limit}::integer`

export const countTasks = (t: Tx, scope: Scope, filter: TaskFilter) => t.one<{ n: number }>`
  select count(*)::integer as n from ${callerThreads(null)} where ${matching(t, scope, filter)}`

/** The number of the last event of these types up to `upTo`; 0 before the first. */
export const lastOfTypes = (t: Tx, scope: Scope, threadId: string, upTo: number, types: readonly string[]) => t.one<{
  sequence: number
}>`
  select coalesce(max(sequence), 0)::float8 as sequence from thread_events
  where tenant_id = ${scope.tenantId}::uuid and thread_id = ${threadId}::text and sequence <= ${upTo}::bigint and type = any (${types}::text[])`
