// The eight calls that a proxy process makes of the database, and no other (V79). Each is a function that demands an enrolled node and an open run.
import { type Sql, sql } from '../../db/sql.ts'
import type { Tx } from '../../db/tx.ts'

export type RevisionRow = { run_id: string; is_open: boolean; revision: number }

export const readRevisions = (t: Tx, node: string, runIds: readonly string[]) => t.rows<RevisionRow>`
  select run_id, is_open, revision::float8 as revision
  from countersign_engine.proxy_revision(${node}::text, ${runIds}::text[])`

/** What `view.ts` reads; null: the run is over, or its agent may not act. */
export const readRoutes = (t: Tx, node: string, runId: string) => t.one<{ routes: unknown }>`
  select countersign_engine.proxy_routes(${node}::text, ${runId}::text) as routes`

/** `text` is null where `known` is the active version. */
export const readPolicies = (t: Tx, node: string, runId: string, known: number | null) =>
  t.maybe<{ version: number; text: string | null }>`
  select version, text from countersign_engine.proxy_policies(${node}::text, ${runId}::text, ${known}::integer)`

export const reserveUse = (t: Tx, node: string, runId: string, grantId: string) => t.one<{ is_reserved: boolean }>`
  select countersign_engine.proxy_reserve(${node}::text, ${runId}::text, ${grantId}::text) as is_reserved`

export type Spending = { runId: string; holdId: string; digest: Buffer; judgedUnder: number; requestId: string }

export const spendHold = (t: Tx, node: string, { runId, holdId, digest, judgedUnder, requestId }: Spending) => t.one<{
  is_spent: boolean
}>`
  select countersign_engine.proxy_spend(${node}::text, ${runId}::text, ${holdId}::text, ${digest}::bytea, ${judgedUnder}::integer,
    ${requestId}::text) as is_spent`

/** What became of an approved request: `not_sent` where no byte of it was let out, `unknown` where that cannot be said. */
export type Became = 'sent' | 'not_sent' | 'unknown'
const WAS_SENT: Readonly<Record<Became, boolean | null>> = { sent: true, not_sent: null, unknown: false }

export const settleHold = (t: Tx, node: string, hold: { runId: string; holdId: string; became: Became }) => t.one<{
  is_settled: boolean
}>`
  select countersign_engine.proxy_settle(${node}::text, ${hold.runId}::text, ${hold.holdId}::text, ${WAS_SENT[hold.became]}::boolean) as is_settled`

export type ProxyEvent = {
  id: string
  run_id: string
  type: string
  class: string
  resource_type: string | null
  resource_id: string | null
  decision: string | null
  action: string | null
  body: string
}

export const recordEvents = (t: Tx, node: string, events: readonly ProxyEvent[]) => t.one<{ written: number }>`
  select countersign_engine.proxy_record(${node}::text, ${JSON.stringify(events)}::jsonb) as written`

/** By itself, in one message. */
export const recordingOf = (node: string, events: readonly ProxyEvent[]): Sql => sql`
  select countersign_engine.proxy_record(${node}::text, ${JSON.stringify(events)}::jsonb) as written`

export const beatNode = (t: Tx, node: string, beat: { version: string; lagMs: number; leases: number; runs: number }) => t.run`
  select countersign_engine.proxy_beat(${node}::text, ${beat.version}::text, ${beat.lagMs}::integer, ${beat.leases}::integer,
    ${beat.runs}::integer)`
