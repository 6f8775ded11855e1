// The statements over requests that wait for people. Every move is one conditional update; zero rows is an answer.
import { type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'

export type HoldState =
  | 'open'
  | 'agreed'
  | 'refused'
  | 'expired'
  | 'lapsed'
  | 'closed'
  | 'spent'
  | 'sent'
  | 'not_sent'
  | 'unknown'
export type HoldRow = {
  id: string
  task_id: string
  digest: Buffer
  agent_id: string
  run_id: string
  connection_id: string
  grant_id: string
  grant_generation: number
  action: 'proxy.request' | 'proxy.tool'
  policy_version: number
  policy_ids: string[]
  quorum: number
  on_timeout: 'deny' | 'escalate'
  escalated_at: Date | null
  state: HoldState
  state_since: Date
  opened_at: Date
  expires_at: Date
  lapses_at: Date | null
  request: Buffer | null
  edited: Buffer | null
  edited_digest: Buffer | null
  judged_revision: number
  spent_at: Date | null
  spent_request: string | null
  told_at: Date | null
  cause: string | null
}

const COLUMNS: Sql = sql`h.id, h.task_id, h.digest, h.agent_id, h.run_id, h.connection_id, h.grant_id, h.grant_generation::float8 as grant_generation,
  h.action, h.policy_version, h.policy_ids, h.quorum, h.on_timeout, h.escalated_at, h.state, h.state_since, h.opened_at, h.expires_at, h.lapses_at,
  h.request, h.edited, h.edited_digest, h.judged_revision::float8 as judged_revision, h.spent_at, h.spent_request, h.told_at, h.cause`

export const readRunRoutes = (t: Tx, scope: Scope, runId: string) => t.maybe<{ routes: unknown }>`
  select countersign.agent_routes(r.tenant_id, r.agent_id) || jsonb_build_object(
    'run', jsonb_build_object('id', r.id, 'tenant', countersign.tenant_wire(r.tenant_id), 'tenant_id', r.tenant_id, 'agent_id', r.agent_id, 'mode', r.mode,
      'labels', r.labels, 'proof', r.proof, 'created_at', r.created_at, 'expires_at', r.expires_at, 'purpose', r.purpose, 'chosen', r.chosen)) as routes
  from runs r
  where r.tenant_id = ${scope.tenantId}::uuid and r.id = ${runId}::text and r.ended_at is null and r.expires_at > ${t.now}::timestamptz`

export const findHold = (t: Tx, scope: Scope, id: string) => t.maybe<HoldRow>`
  select ${COLUMNS} from proxy_holds h where h.tenant_id = ${scope.tenantId}::uuid and h.id = ${id}::text`

export const findHoldOfTask = (t: Tx, scope: Scope, taskId: string) => t.maybe<HoldRow>`
  select ${COLUMNS} from proxy_holds h where h.tenant_id = ${scope.tenantId}::uuid and h.task_id = ${taskId}::text`

/** The newest of this very request; one that waits or was agreed to is always the newest. */
export const findLastHold = (t: Tx, scope: Scope, runId: string, digest: Buffer) => t.maybe<HoldRow>`
  select ${COLUMNS} from proxy_holds h
  where h.tenant_id = ${scope.tenantId}::uuid and h.run_id = ${runId}::text and h.digest = ${digest}::bytea
  order by h.opened_at desc, h.id desc limit 1`

/** What was asked for a run before, newest first. */
export const holdsOfRun = (t: Tx, scope: Scope, runId: string, atMost: number) => t.rows<
  Pick<HoldRow, 'id' | 'task_id' | 'state' | 'opened_at'>
>`
  select h.id, h.task_id, h.state, h.opened_at from proxy_holds h
  where h.tenant_id = ${scope.tenantId}::uuid and h.run_id = ${runId}::text order by h.opened_at desc, h.id desc limit ${atMost}::integer`

export const countOpenHolds = (t: Tx, scope: Scope, runId: string) => t.one<{ open: number }>`
  select count(*)::integer as open from proxy_holds h
  where h.tenant_id = ${scope.tenantId}::uuid and h.run_id = ${runId}::text and h.state = 'open'`

// The open holds of a run are counted one asker after another: of twenty-one at once the last is refused.
export const lockRunHolds = (t: Tx, scope: Scope, runId: string) => t.run`
  select pg_advisory_xact_lock(x'686f6c64'::integer, hashtext(${`${scope.tenantId}/${runId}`}::text))`

export type NewHold = Pick<
  HoldRow,
  | 'id'
  | 'task_id'
  | 'digest'
  | 'agent_id'
  | 'run_id'
  | 'connection_id'
  | 'grant_id'
  | 'grant_generation'
  | 'action'
  | 'policy_version'
  | 'policy_ids'
  | 'quorum'
  | 'on_timeout'
  | 'expires_at'
  | 'judged_revision'
> & { request: Buffer }

export const insertHold = (t: Tx, scope: Scope, one: NewHold) => t.one<HoldRow>`
  insert into proxy_holds as h (id, tenant_id, task_id, digest, agent_id, run_id, connection_id, grant_id, grant_generation, action, policy_version,
    policy_ids, quorum, on_timeout, state, state_since, opened_at, expires_at, judged_revision, request)
  values (${one.id}::text, ${scope.tenantId}::uuid, ${one.task_id}::text, ${one.digest}::bytea, ${one.agent_id}::text, ${one.run_id}::text,
    ${one.connection_id}::text, ${one.grant_id}::text, ${one.grant_generation}::bigint, ${one.action}::text, ${one.policy_version}::integer,
    ${one.policy_ids}::text[], ${one.quorum}::integer, ${one.on_timeout}::text, 'open', ${t.now}::timestamptz, ${t.now}::timestamptz,
    ${one.expires_at}::timestamptz, ${one.judged_revision}::bigint, ${one.request}::bytea)
  returning ${COLUMNS}`

/** It was judged again and stands: under what it may be spent. */
export const keepJudged = (
  t: Tx,
  scope: Scope,
  id: string,
  by: { revision: number; grantId: string; grantGeneration: number; policyVersion: number },
) => t.run`
  update proxy_holds set judged_revision = greatest(judged_revision, ${by.revision}::bigint), grant_id = ${by.grantId}::text,
    grant_generation = ${by.grantGeneration}::bigint, policy_version = ${by.policyVersion}::integer
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and state in ('open', 'agreed')`

/** Nobody would be asked any more: it waits on, for whoever is asked may still say no. */
export const keepRevision = (t: Tx, scope: Scope, id: string, revision: number) => t.run`
  update proxy_holds set judged_revision = greatest(judged_revision, ${revision}::bigint)
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and state in ('open', 'agreed')`

/** What is over keeps nothing of the request but its digest; what a person made of it goes out with the use, and is erased after it. */
export const settleIf = (
  t: Tx,
  scope: Scope,
  id: string,
  to: {
    state: HoldState
    from: readonly HoldState[]
    lapsesAt?: Date
    edited?: { body: Buffer; digest: Buffer }
    cause?: string
  },
) => t.maybe<HoldRow>`
  update proxy_holds h set state = ${to.state}::text, state_since = ${t.now}::timestamptz, lapses_at = ${to.lapsesAt ?? null}::timestamptz,
    cause = ${to.cause ?? null}::text, edited = ${to.edited?.body ?? null}::bytea, edited_digest = ${to.edited?.digest ?? null}::bytea,
    request = case when ${to.state}::text = 'agreed' then h.request end
  where h.tenant_id = ${scope.tenantId}::uuid and h.id = ${id}::text and h.state = any (${to.from}::text[])
  returning ${COLUMNS}`

export const escalateIfOpen = (t: Tx, scope: Scope, taskId: string, until: Date) => t.run`
  update proxy_holds set escalated_at = ${t.now}::timestamptz, expires_at = ${until}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text and state = 'open' and on_timeout = 'escalate' and escalated_at is null`

/** Once: whoever comes second finds that it was told. */
export const tellIfUntold = (t: Tx, scope: Scope, id: string) => t.run`
  update proxy_holds set told_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and state = 'expired' and told_at is null`

export const holdsToEnd = (t: Tx, scope: Scope, runId: string) => t.rows<{ id: string; task_id: string }>`
  select id, task_id from proxy_holds where tenant_id = ${scope.tenantId}::uuid and run_id = ${runId}::text and state in ('open', 'agreed') order by id`

/* Who waits */

export const waitFor = (t: Tx, scope: Scope, holdId: string, requestId: string, until: Date) => t.run`
  insert into proxy_hold_waiters (request_id, tenant_id, hold_id, since, until)
  values (${requestId}::text, ${scope.tenantId}::uuid, ${holdId}::text, ${t.now}::timestamptz, ${until}::timestamptz)
  on conflict (tenant_id, hold_id, request_id) do update set until = excluded.until`

export const stopWaiting = (t: Tx, scope: Scope, holdId: string, requestId: string) => t.run`
  delete from proxy_hold_waiters
  where tenant_id = ${scope.tenantId}::uuid and hold_id = ${holdId}::text
    and (request_id = ${requestId}::text or until <= ${t.now}::timestamptz)`

export const oldestWaiter = (t: Tx, scope: Scope, holdId: string) => t.maybe<{ request_id: string }>`
  select request_id from proxy_hold_waiters
  where tenant_id = ${scope.tenantId}::uuid and hold_id = ${holdId}::text and until > ${t.now}::timestamptz
  order by since, request_id limit 1`

/* Over all tenants */

export const holdsDue = (atMost: number): Sql => sql`
  select tenant_id, id, due from countersign_engine.holds_due(${atMost}::integer)`
export const holdsToRejudge = (atMost: number): Sql => sql`
  select tenant_id, id from countersign_engine.holds_to_rejudge(${atMost}::integer)`
export const untoldTenants = (atMost: number): Sql =>
  sql`select tenant_id from countersign_engine.untold_tenants(${atMost}::integer)`
export const pruneOpenings = (atMost: number): Sql => sql`select countersign_engine.prune_openings(${atMost}::integer) as gone`

// Two workers share what is there: each takes the rows that the other has not locked, and whoever deletes a row tells of it in the same transaction.
export const takeUntold = (t: Tx, scope: Scope, atMost: number) => t.rows<{ id: string; body: string }>`
  with free as materialized (
    select event_id from untold_events where tenant_id = ${scope.tenantId}::uuid order by event_id limit ${atMost}::integer for update skip locked
  ), taken as (
    delete from untold_events u using free where u.tenant_id = ${scope.tenantId}::uuid and u.event_id = free.event_id
    returning u.event_id
  )
  select e.id, e.body from taken k join events e on e.tenant_id = ${scope.tenantId}::uuid and e.id = k.event_id order by e.id`

export type ShownNames = { agent: string; owner: string | null; account: string | null }

export const namesFor = (t: Tx, scope: Scope, agentId: string, connectionId: string) => t.one<ShownNames>`
  select a.name as agent, u.display_name as owner, c.account_label as account
  from agents a
  left join users u on u.id = a.user_id
  join connections c on c.tenant_id = a.tenant_id and c.id = ${connectionId}::text
  where a.tenant_id = ${scope.tenantId}::uuid and a.id = ${agentId}::text`
