// The statements over grants. `generation` counts every change of what a grant lets its agent do; a transition is guarded by the state that it leaves.
import { type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import type { Rule } from './rules.ts'

export type GrantStatus = 'proposed' | 'active' | 'suspended' | 'expired' | 'revoked' | 'rejected'

export type GrantRow = {
  id: string
  agent_id: string | null
  agent_label: string | null
  connection_id: string
  rules: Rule[]
  starts_at: Date
  expires_at: Date
  max_uses: number | null
  uses: number
  client_cidrs: string[]
  placeholder_required: boolean
  minting: boolean
  narrow: Record<string, unknown>
  record: 'auto' | 'before' | 'stream'
  scan: boolean
  status: GrantStatus
  status_cause: string | null
  status_since: Date
  reason: string
  generation: number
  task_id: string | null
  created_by: string
  created_at: Date
  updated_at: Date
}

const COLUMNS: Sql = sql`g.id, g.agent_id, g.agent_label, g.connection_id, g.rules, g.starts_at, g.expires_at, g.max_uses::float8 as max_uses,
  g.uses::float8 as uses, g.client_cidrs::text[] as client_cidrs, g.placeholder_required, g.minting, g.narrow, g.record, g.scan, g.status,
  g.status_cause, g.status_since, g.reason, g.generation::float8 as generation, g.task_id, g.created_by, g.created_at, g.updated_at`

/** Of the connections of a user and of their agents, or of one agent; null on both sides: all of the tenant. */
export type SeenGrants = { user: string | null; agent: string | null }

const seenBy = ({ user, agent }: SeenGrants): Sql => sql`(${user}::text is null or exists (
      select from connections c where c.tenant_id = g.tenant_id and c.id = g.connection_id and c.owner = ${user}::text
    ) or exists (select from agents a where a.tenant_id = g.tenant_id and a.id = g.agent_id and a.user_id = ${user}::text))
    and (${agent}::text is null or g.agent_id = ${agent}::text or exists (
      select from agents a where a.tenant_id = g.tenant_id and a.id = ${agent}::text and g.agent_label = any (a.labels)))`

export const findGrant = (t: Tx, scope: Scope, id: string, seen: SeenGrants) => t.maybe<GrantRow>`
  select ${COLUMNS} from grants g where g.tenant_id = ${scope.tenantId}::uuid and g.id = ${id}::text and ${seenBy(seen)}`

export const lockGrant = (t: Tx, scope: Scope, id: string, seen: SeenGrants) => t.maybe<GrantRow>`
  select ${COLUMNS} from grants g where g.tenant_id = ${scope.tenantId}::uuid and g.id = ${id}::text and ${seenBy(seen)} for no key update`

export type GrantFilter = { agent_id?: string; connection_id?: string; status?: string }

export const listGrants = (
  t: Tx,
  scope: Scope,
  filter: GrantFilter,
  seen: SeenGrants,
  before: string | null,
  limit: number,
) => t.rows<GrantRow>`
  select ${COLUMNS} from grants g
  where g.tenant_id = ${scope.tenantId}::uuid and ${seenBy(seen)}
    ${
      filter.agent_id === undefined
        ? sql``
        : sql`and (g.agent_id = ${filter.agent_id}::text or exists (select from agents a where a.tenant_id = g.tenant_id
            and a.id = ${filter.agent_id}::text and g.agent_label = any (a.labels)))`
    }
    ${filter.connection_id === undefined ? sql`` : sql`and g.connection_id = ${filter.connection_id}::text`}
    ${filter.status === undefined ? sql`` : sql`and g.status = ${filter.status}::text`}
    ${before === null ? sql`` : sql`and g.id < ${before}::text`}
  order by g.id desc limit ${limit}::integer`

export type Terms = Pick<
  GrantRow,
  | 'rules'
  | 'starts_at'
  | 'expires_at'
  | 'max_uses'
  | 'client_cidrs'
  | 'placeholder_required'
  | 'minting'
  | 'narrow'
  | 'record'
  | 'scan'
>

export const insertGrant = (
  t: Tx,
  scope: Scope,
  one: Terms & {
    id: string
    agent_id: string | null
    agent_label: string | null
    connection_id: string
    status: 'active' | 'proposed'
    reason: string
    proposal_digest: Buffer | null
  },
) => t.one<GrantRow>`
  insert into grants as g (id, tenant_id, agent_id, agent_label, connection_id, rules, starts_at, expires_at, max_uses, client_cidrs,
    placeholder_required, minting, narrow, record, scan, status, status_since, reason, proposal_digest, created_by, created_at, updated_at)
  values (${one.id}::text, ${scope.tenantId}::uuid, ${one.agent_id}::text, ${one.agent_label}::text, ${one.connection_id}::text,
    ${JSON.stringify(one.rules)}::jsonb, ${one.starts_at}::timestamptz, ${one.expires_at}::timestamptz, ${one.max_uses}::bigint,
    ${one.client_cidrs}::cidr[], ${one.placeholder_required}::boolean, ${one.minting}::boolean, ${JSON.stringify(one.narrow)}::jsonb,
    ${one.record}::text, ${one.scan}::boolean, ${one.status}::text, ${t.now}::timestamptz, ${one.reason}::text,
    ${one.proposal_digest}::bytea, ${scope.principal}::text, ${t.now}::timestamptz, ${t.now}::timestamptz)
  returning ${COLUMNS}`

export const findProposal = (t: Tx, scope: Scope, digest: Buffer) => t.maybe<GrantRow>`
  select ${COLUMNS} from grants g
  where g.tenant_id = ${scope.tenantId}::uuid and g.proposal_digest = ${digest}::bytea and g.status = 'proposed'`

// Serialises the proposals of one agent, so that the bound on their number holds.
export const lockProposals = (t: Tx, scope: Scope, agentId: string) => t.run`
  select pg_advisory_xact_lock(x'67727400'::integer, hashtext(${scope.tenantId}::text || ${agentId}::text))`

/** Of grants and of connections. */
export const countProposals = (t: Tx, scope: Scope, agentId: string) => t.one<{ n: number }>`
  select (select count(*) from grants where tenant_id = ${scope.tenantId}::uuid and created_by = ${agentId}::text and status = 'proposed')::integer
    + (select count(*) from connection_proposals
        where tenant_id = ${scope.tenantId}::uuid and agent_id = ${agentId}::text and status = 'proposed')::integer as n`

/** Guarded by the states that it leaves; what it lets its agent do may be narrowed on the way. */
export const moveGrantIf = (
  t: Tx,
  scope: Scope,
  id: string,
  from: readonly GrantStatus[],
  to: { status: GrantStatus; cause: string | null; terms?: Terms },
) => t.maybe<GrantRow>`
  update grants g set status = ${to.status}::text, status_cause = ${to.cause}::text, status_since = ${t.now}::timestamptz,
    generation = generation + 1, updated_at = ${t.now}::timestamptz
    ${to.terms ? sql`, ${termsOf(to.terms)}` : sql``}
  where g.tenant_id = ${scope.tenantId}::uuid and g.id = ${id}::text and g.status = any (${from}::text[])
  returning ${COLUMNS}`

export const changeGrant = (t: Tx, scope: Scope, id: string, terms: Terms) => t.one<GrantRow>`
  update grants g set generation = generation + 1, updated_at = ${t.now}::timestamptz, ${termsOf(terms)}
  where g.tenant_id = ${scope.tenantId}::uuid and g.id = ${id}::text
  returning ${COLUMNS}`

const termsOf = (one: Terms): Sql => sql`rules = ${JSON.stringify(one.rules)}::jsonb, starts_at = ${one.starts_at}::timestamptz,
    expires_at = ${one.expires_at}::timestamptz, max_uses = ${one.max_uses}::bigint, client_cidrs = ${one.client_cidrs}::cidr[],
    placeholder_required = ${one.placeholder_required}::boolean, minting = ${one.minting}::boolean,
    narrow = ${JSON.stringify(one.narrow)}::jsonb, record = ${one.record}::text, scan = ${one.scan}::boolean`

export const moveGrantsOf = (
  t: Tx,
  scope: Scope,
  connectionId: string,
  from: readonly GrantStatus[],
  to: GrantStatus,
  cause: string,
) => t.rows<GrantRow>`
  update grants g set status = ${to}::text, status_cause = ${cause}::text, status_since = ${t.now}::timestamptz, generation = generation + 1,
    updated_at = ${t.now}::timestamptz
  where g.tenant_id = ${scope.tenantId}::uuid and g.connection_id = ${connectionId}::text and g.status = any (${from}::text[])
  returning ${COLUMNS}`

export const grantsToEnd = (t: Tx, atMost: number) => t.rows<{ id: string; tenant_id: string }>`
  select id, tenant_id from countersign_engine.grants_to_end(${atMost}::integer)`

/** The guard repeats why it was due. */
export const endIfOver = (t: Tx, scope: Scope, id: string) => t.maybe<GrantRow>`
  update grants g set status = case when status = 'proposed' then 'rejected' else 'expired' end, status_cause = 'expired',
    status_since = ${t.now}::timestamptz, generation = generation + 1, updated_at = ${t.now}::timestamptz
  where g.tenant_id = ${scope.tenantId}::uuid and g.id = ${id}::text and g.status in ('active', 'suspended', 'proposed')
    and g.expires_at <= ${t.now}::timestamptz
  returning ${COLUMNS}`

/** How long a grant of this tenant may last. */
export const grantMost = (t: Tx, scope: Scope) => t.one<{ seconds: number }>`
  select grant_max_seconds as seconds from tenants where id = ${scope.tenantId}::uuid`

/** Who is asked about a proposal: whoever may grant, and the owner of the connection. */
export const emailsOfGranters = (t: Tx, scope: Scope, ownerId: string | null) => t.rows<{ email: string }>`
  select e.address as email from roles r join user_emails e on e.user_id = r.user_id and e.is_primary
  where r.tenant_id = ${scope.tenantId}::uuid and (r.role in ('owner', 'admin', 'operator') or r.user_id = ${ownerId}::text)
    and r.deactivated_at is null
  order by e.email limit 50`

export const setTask = (t: Tx, scope: Scope, id: string, taskId: string) => t.run`
  update grants set task_id = ${taskId}::text where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and task_id is null`

/** For this agent or one of its labels, at this moment, and not used up. */
export const grantsInForce = (t: Tx, scope: Scope, agentId: string) => t.rows<GrantRow>`
  select ${COLUMNS} from grants g join agents a on a.tenant_id = g.tenant_id and a.id = ${agentId}::text
  where g.tenant_id = ${scope.tenantId}::uuid and g.status = 'active' and (g.agent_id = a.id or g.agent_label = any (a.labels))
    and g.starts_at <= ${t.now}::timestamptz and g.expires_at > ${t.now}::timestamptz and (g.max_uses is null or g.uses < g.max_uses)
  order by g.id`
