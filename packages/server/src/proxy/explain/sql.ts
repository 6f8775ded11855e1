// What a judgement without a run is made from.
import type { Scope, Tx } from '../../db/tx.ts'

/** What `proxy/node/view.ts` reads, but for the run; null: there is no such agent, or it may not act now. */
export const readAgentRoutes = (t: Tx, scope: Scope, agentId: string) => t.one<{ routes: unknown }>`
  select agent_routes(${scope.tenantId}::uuid, ${agentId}::text) as routes`

export type PastRequest = {
  id: string
  agent_id: string
  occurred_at: Date
  decision: string
  scheme: 'http' | 'https'
  host: string
  port: number
  method: string
  path: string
  reason: string | null
}

/** The newest that were judged since a time. Values of queries and bodies are in no record. */
export const findPastRequests = (t: Tx, scope: Scope, since: Date, atMost: number) => t.rows<PastRequest>`
  select id, actor_id as agent_id, occurred_at,
    case type when 'proxy.passed' then 'pass' when 'proxy.learned' then 'learn' else decision end as decision,
    d ->> 'scheme' as scheme, d ->> 'host' as host, (d ->> 'port')::integer as port, d ->> 'method' as method, d ->> 'path' as path,
    d ->> 'reason' as reason
  from events, lateral (select body::jsonb -> 'data' as d) told
  where tenant_id = ${scope.tenantId}::uuid and occurred_at >= ${since}::timestamptz
    and type in ('proxy.allowed', 'proxy.denied', 'proxy.asked', 'proxy.passed', 'proxy.learned')
    -- What was allowed after people agreed was asked before, and is counted there.
    and not (type = 'proxy.allowed' and d ? 'task_id')
  order by events.xid desc, ord desc
  limit ${atMost}::integer`
