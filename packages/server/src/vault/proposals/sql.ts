// The statements over what agents ask to be connected to. A transition is one conditional update; zero rows is an answer.
import { type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import type { Method } from '../providers/definition.ts'

export type ProposalStatus = 'proposed' | 'accepted' | 'rejected' | 'expired'

export type ProposalRow = {
  id: string
  agent_id: string
  provider: string
  method: Method | null
  connection_name: string
  shared: boolean
  scopes: string[]
  params: Record<string, string>
  reason: string
  status: ProposalStatus
  status_cause: string | null
  task_id: string | null
  decided_by: string | null
  authorization_id: string | null
  /** What came of its authorization. */
  connection_id: string | null
  created_at: Date
  expires_at: Date
}

const COLUMNS: Sql = sql`p.id, p.agent_id, p.provider, p.method, p.connection_name, p.shared, p.scopes, p.params, p.reason, p.status, p.status_cause,
  p.task_id, p.decided_by, p.authorization_id, z.connection_id, p.created_at, p.expires_at`
const FROM: Sql = sql`connection_proposals p left join authorizations z on z.tenant_id = p.tenant_id and z.id = p.authorization_id`

/** An agent sees its own, a person who reaches only their own those of their agents. */
type SeenProposals = { user: string | null; agent: string | null }

const seenBy = ({ user, agent }: SeenProposals): Sql => sql`(${agent}::text is null or p.agent_id = ${agent}::text)
    and (${user}::text is null or exists (
      select from agents a where a.tenant_id = p.tenant_id and a.id = p.agent_id and a.user_id = ${user}::text))`

export const findConnectionProposal = (t: Tx, scope: Scope, id: string, seen: SeenProposals) => t.maybe<ProposalRow>`
  select ${COLUMNS} from ${FROM} where p.tenant_id = ${scope.tenantId}::uuid and p.id = ${id}::text and ${seenBy(seen)}`

export const findOpenProposal = (t: Tx, scope: Scope, digest: Buffer) => t.maybe<ProposalRow>`
  select ${COLUMNS} from ${FROM}
  where p.tenant_id = ${scope.tenantId}::uuid and p.digest = ${digest}::bytea and p.status = 'proposed'`

export const listConnectionProposals = (
  t: Tx,
  scope: Scope,
  filter: { status?: ProposalStatus; agent_id?: string },
  seen: SeenProposals,
  before: string | null,
  limit: number,
) => t.rows<ProposalRow>`
  select ${COLUMNS} from ${FROM}
  where p.tenant_id = ${scope.tenantId}::uuid and ${seenBy(seen)}
    ${filter.status === undefined ? sql`` : sql`and p.status = ${filter.status}::text`}
    ${filter.agent_id === undefined ? sql`` : sql`and p.agent_id = ${filter.agent_id}::text`}
    ${before === null ? sql`` : sql`and p.id < ${before}::text`}
  order by p.id desc limit ${limit}::integer`

export const insertProposal = (
  t: Tx,
  scope: Scope,
  one: Pick<
    ProposalRow,
    'id' | 'agent_id' | 'provider' | 'method' | 'connection_name' | 'shared' | 'scopes' | 'params' | 'reason' | 'expires_at'
  > & {
    digest: Buffer
  },
) => t.run`
  insert into connection_proposals (id, tenant_id, agent_id, provider, method, connection_name, shared, scopes, params, reason, digest, status,
    status_since, created_at, expires_at)
  values (${one.id}::text, ${scope.tenantId}::uuid, ${one.agent_id}::text, ${one.provider}::text, ${one.method}::text, ${one.connection_name}::text,
    ${one.shared}::boolean, ${one.scopes}::text[], ${JSON.stringify(one.params)}::jsonb, ${one.reason}::text, ${one.digest}::bytea, 'proposed',
    ${t.now}::timestamptz, ${t.now}::timestamptz, ${one.expires_at}::timestamptz)`

export const moveProposalIf = (
  t: Tx,
  scope: Scope,
  id: string,
  from: readonly ProposalStatus[],
  to: { status: ProposalStatus; cause?: string | null; by?: string | null; authorizationId?: string },
) => t.run`
  update connection_proposals set status = ${to.status}::text, status_cause = ${to.cause ?? null}::text,
    status_since = ${t.now}::timestamptz, decided_by = coalesce(${to.by ?? null}::text, decided_by),
    authorization_id = coalesce(${to.authorizationId ?? null}::text, authorization_id)
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status = any (${from}::text[])`

export const setProposalTask = (t: Tx, scope: Scope, id: string, taskId: string) => t.run`
  update connection_proposals set task_id = ${taskId}::text where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and task_id is null`
