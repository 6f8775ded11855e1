// The statements over what callers are told of threads. Endpoints and their deliveries are another room's; here stands only that a thread has some.
import type { Scope, Tx } from '../../db/tx.ts'

/** Under the lock of its row. */
export const markThread = (t: Tx, scope: Scope, id: string) => t.run`
  update threads set has_endpoints = true where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and not has_endpoints`

export const unmarkThread = (t: Tx, scope: Scope, id: string) => t.run`
  update threads set has_endpoints = false where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and has_endpoints`

/** Room for one more event, without a change of the thread: how long it has been idle stays as it is. */
export const countEvent = (t: Tx, scope: Scope, id: string) => t.run`
  update threads set sequence = sequence + 1 where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

/** Of each address once, the newest: where the threads of a relay grant that are open, or ended just now, tell. */
export const threadsTelling = (t: Tx, scope: Scope, grantId: string, limit: number) => t.rows<{
  endpoint_id: string
  thread_id: string
}>`
  select distinct on (e.url) e.id as endpoint_id, e.bound_to as thread_id
  from endpoints e join threads h on h.tenant_id = e.tenant_id and h.id = e.bound_to
  where e.tenant_id = ${scope.tenantId}::uuid and e.relay_grant_id = ${grantId}::text and e.state <> 'deleted' and e.mode <> 'a2a'
    and (h.ended_at is null or h.ended_at = ${t.now}::timestamptz)
  order by e.url, e.id desc limit ${limit}::integer`
