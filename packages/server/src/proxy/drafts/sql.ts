// What a run learned, as the record tells it. Reads only.
import type { Scope, Tx } from '../../db/tx.ts'

export type LearnedRow = {
  scheme: 'http' | 'https'
  host: string
  port: number
  method: string
  path: string
  requests: number
}

/**
 * Of the newest events of a run, each place once, the most wanted first. Under row security the run, which stands in the body, is a filter and no condition of
 * `events_proxied_run`; so the type stands alone, by which `events_type` gives what the tenant learned and nothing else.
 */
export const findLearned = (t: Tx, scope: Scope, runId: string, atMost: number) => t.rows<LearnedRow>`
  select d ->> 'scheme' as scheme, d ->> 'host' as host, (d ->> 'port')::integer as port, d ->> 'method' as method, d ->> 'path' as path,
    count(*)::integer as requests
  from (
    select body::jsonb -> 'data' as d from events
    where tenant_id = ${scope.tenantId}::uuid and (body::jsonb #>> '{data,run_id}') = ${runId}::text
      and type = 'proxy.learned'
    order by events.xid desc, ord desc
    limit ${atMost}::integer
  ) learned
  group by 1, 2, 3, 4, 5
  order by requests desc, host, path, method, scheme, port`
