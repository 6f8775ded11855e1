// Requests of the proxy as the record tells them. Reads only.
import { type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import type { Position } from '../../events/sql.ts'
import type { Only } from '../../identity/sql.ts'

export const OUTCOMES = ['allow', 'deny', 'ask', 'pass', 'learn'] as const
export type RequestOutcome = (typeof OUTCOMES)[number]

export type RequestFilter = {
  run_id?: string
  agent_id?: string
  connection_id?: string
  outcome?: RequestOutcome
  reason?: string
  host?: string
  from?: Date
  to?: Date
}

export type ProxiedRow = Position & { body: string; settled: string | null }

const TYPE_OF: Record<RequestOutcome, string> = {
  allow: 'proxy.allowed',
  deny: 'proxy.denied',
  ask: 'proxy.asked',
  pass: 'proxy.passed',
  learn: 'proxy.learned',
}

const seen = ({ user, agent }: Only): Sql => sql`
  (${agent}::text is null or actor_id = ${agent}::text)
  and (${user}::text is null or exists (
    select from agents a where a.tenant_id = events.tenant_id and a.id = events.actor_id and a.user_id = ${user}::text))`

const matching = ({ run_id, agent_id, connection_id, outcome, reason, host, from, to }: RequestFilter): Sql => sql`
  type in ('proxy.allowed', 'proxy.denied', 'proxy.asked', 'proxy.passed', 'proxy.learned')
  ${run_id === undefined ? sql`` : sql`and (body::jsonb #>> '{data,run_id}') = ${run_id}::text`}
  ${agent_id === undefined ? sql`` : sql`and actor_id = ${agent_id}::text`}
  ${connection_id === undefined ? sql`` : sql`and resource_id = ${connection_id}::text`}
  ${outcome === undefined ? sql`` : sql`and type = ${TYPE_OF[outcome]}::text`}
  ${reason === undefined ? sql`` : sql`and (body::jsonb #>> '{data,reason}') = ${reason}::text`}
  ${host === undefined ? sql`` : sql`and (body::jsonb #>> '{data,host}') = ${host}::text`}
  ${from === undefined ? sql`` : sql`and occurred_at >= ${from}::timestamptz`}
  ${to === undefined ? sql`` : sql`and occurred_at < ${to}::timestamptz`}`

const columns = (scope: Scope): Sql => sql`
  xid::text, ord, body,
  (select s.body from events s
   where s.tenant_id = ${scope.tenantId}::uuid and s.type = 'proxy.settled' and (s.body::jsonb ->> 'request_id') = (events.body::jsonb ->> 'request_id')
     and events.type in ('proxy.allowed', 'proxy.passed', 'proxy.learned')
   limit 1) as settled`

export const findProxied = (t: Tx, scope: Scope, id: string, only: Only) => t.maybe<ProxiedRow>`
  select ${columns(scope)} from events
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and ${matching({})} and ${seen(only)}`

/** Newest first, below a position, each with how it ended. */
export const listProxied = (
  t: Tx,
  scope: Scope,
  given: { filter: RequestFilter; only: Only; before: Position | null; limit: number },
) => t.rows<ProxiedRow>`
  select ${columns(scope)}
  from events
  where tenant_id = ${scope.tenantId}::uuid and ${matching(given.filter)} and ${seen(given.only)}
    ${given.before ? sql`and (xid, ord) < (${given.before.xid}::xid8, ${given.before.ord}::bigint)` : sql``}
  order by events.xid desc, ord desc
  limit ${given.limit}::integer`
