// The statements by which any number of messages of callers are taken in one transaction: what each stands on, in one row a relay grant, and the rows that they become. Each names the
// relay grants that it is about, as the transaction does to the database.
import { type Sql, sql } from '../../../db/sql.ts'
import type { Scope, Tx } from '../../../db/tx.ts'
import { type ActiveRow, activeColumns } from '../../../identity/policies/sql.ts'
import { shareGrantLock, tryShareGrantLocks } from '../../sql.ts'
import type { CardContent, CardRow, GrantLimits, GrantRow, NewThread, PeerRow, ThreadRow } from '../sql.ts'

/** wait: for whoever has a lock that is needed. pass: who shares a transaction with others waits for nobody, and goes alone instead. */
export type Way = 'wait' | 'pass'

/** The relay grants that are shared now, in one order. Any number of acceptances share one; who revokes waits for those on their way, and the next ones for it (G2). */
export async function shareGrants(t: Tx, ids: readonly string[], way: Way): Promise<readonly string[]> {
  if (way === 'pass') return (await tryShareGrantLocks(t, ids)).map(({ id }) => id)
  for (const id of ids) await shareGrantLock(t, id)
  return ids
}

/** A thread under its lock, without what its relay grant and its card say of it. */
export type LockedThread = Omit<ThreadRow, 'slug' | 'delivery_mode' | 'asker_tenant' | 'asker_agent' | 'label'>

/** In one order, as everybody who takes several does; after the lock of their relay grants, as whoever revokes takes them. */
export const holdThreads = (t: Tx, scope: Scope, ids: readonly string[], way: Way) => t.rows<LockedThread>`
  select id, tenant_id, card_id, card_version, relay_grant_id, context_id, face, state, outcome, reason, turn, sequence::float8 as sequence, skill, operation_id,
    reference_thread_ids, accepted_output_modes, live, answered_at, approval, error, claimed_until, created_at, updated_at, ended_at, deadline_at, due_at,
    expires_at, kept_until, has_endpoints
  from threads where tenant_id = ${scope.tenantId}::uuid and id = any (${ids}::text[]) order by id for update ${way === 'pass' ? sql`skip locked` : sql``}`

type CardColumns = Omit<CardRow, 'id' | 'agent_id' | 'state' | 'version' | 'limits' | 'content'>
type GrantColumns = Omit<GrantRow, 'id' | 'state' | 'limits' | 'created_at'>
type PeerColumns = Omit<PeerRow, 'tenant_id'>
type GroundRow = CardColumns &
  GrantColumns &
  PeerColumns &
  ActiveRow & {
    grant_id: string
    grant_state: GrantRow['state']
    grant_limits: GrantLimits
    granted_at: Date
    card_agent: string | null
    card_state: CardRow['state']
    card_version: number
    card_limits: GrantLimits
    peer_tenant: string | null
    messages: number
    bytes: string
    open: number
  }

/** What a message under one relay grant stands on: read by a statement after its lock. */
export type Ground = {
  grant: GrantRow
  card: Omit<CardRow, 'content'>
  peer: PeerRow
  /** Of the relay grant, today. */
  used: { messages: number; bytes: number }
  /** Its open threads; nobody asks where none is to be started. */
  open: number
  active: ActiveRow
}

export async function groundsOf(
  t: Tx,
  scope: Scope,
  grantIds: readonly string[],
  starting: readonly string[],
): Promise<Map<string, Ground>> {
  const rows = await t.rows<GroundRow>`
    select g.id as grant_id, g.card_id, g.asker_tenant, g.asker_agent, g.label, g.skills, g.scopes, g.limits as grant_limits, g.state as grant_state,
      coalesce(g.expires_at <= ${t.now}::timestamptz, false) as is_over, g.sandbox, g.created_at as granted_at, n.state as tenant_state,
      g.asker_tenant is not null and exists (select from blocks b where b.tenant_id = g.tenant_id)
        and countersign_engine.is_blocked_by(g.tenant_id, g.asker_tenant, g.asker_agent) as is_blocked,
      c.slug, c.name, c.agent_id as card_agent, c.environment, c.state as card_state, c.paused_until, c.version as card_version, c.visibility, c.delivery_mode, c.delivery_host,
      c.on_exhausted, c.direct_messages, c.unapproved, c.retention_days, c.idle_seconds, c.reply_closes_after_seconds, c.ring_seconds, c.max_message_bytes,
      c.limits as card_limits, p.tenant_id as peer_tenant, p.agent_id, p.since, g.asker_tenant is distinct from g.tenant_id as external, coalesce(p.has_card, false) as has_card, p.user_id,
      coalesce(p.domains, '{}') as domains, coalesce(p.card_proved, false) as card_proved, u.messages, u.bytes,
      case when g.id = any (${starting}::text[]) then (
        select count(*) from threads h where h.tenant_id = g.tenant_id and h.relay_grant_id = g.id and h.ended_at is null) else 0 end::integer as open,
      ${active(scope)}
    from relay_grants g
    join cards c on c.tenant_id = g.tenant_id and c.id = g.card_id
    join tenants n on n.id = g.tenant_id
    left join countersign_engine.relay_callers(${grantIds}::text[]) p on p.relay_grant_id = g.id
    cross join lateral (
      select coalesce(sum(r.messages), 0)::integer as messages, coalesce(sum(r.bytes), 0)::bigint as bytes from relay_usage r
      where r.tenant_id = g.tenant_id and r.relay_grant_id = g.id and r.day = ${t.now}::timestamptz::date) u
    where g.tenant_id = ${scope.tenantId}::uuid and g.id = any (${grantIds}::text[])`
  return new Map(rows.map((row) => [row.grant_id, groundOf(row)]))
}

// Callers are no agents of this tenant, whatever they are in theirs.
const active = (scope: Scope): Sql => activeColumns(scope, [])

function groundOf(row: GroundRow): Ground {
  const { card_id, label, skills, scopes, is_over, sandbox, tenant_state, is_blocked, asker_tenant, asker_agent } = row
  const {
    slug,
    name,
    environment,
    paused_until,
    visibility,
    delivery_mode,
    delivery_host,
    on_exhausted,
    direct_messages,
    unapproved,
  } = row
  const { retention_days, idle_seconds, reply_closes_after_seconds, ring_seconds, max_message_bytes } = row
  const { agent_id, since, external, has_card, user_id, domains, card_proved, messages, bytes, open, version, agents } = row
  return {
    grant: {
      ...{
        id: row.grant_id,
        card_id,
        asker_tenant,
        asker_agent,
        label,
        skills,
        scopes,
        limits: row.grant_limits,
        state: row.grant_state,
      },
      ...{ is_over, sandbox, created_at: row.granted_at, is_blocked, tenant_state },
    },
    card: {
      ...{
        id: card_id,
        slug,
        name,
        agent_id: row.card_agent,
        environment,
        state: row.card_state,
        paused_until,
        version: row.card_version,
      },
      ...{ visibility, delivery_mode, delivery_host, on_exhausted, direct_messages, unapproved, retention_days, idle_seconds },
      ...{ reply_closes_after_seconds, ring_seconds, max_message_bytes, limits: row.card_limits },
    },
    peer: { tenant_id: row.peer_tenant, agent_id, since, external, has_card, user_id, domains, card_proved },
    ...{ used: { messages, bytes: Number(bytes) }, open, active: { version, agents } },
  }
}

/** What these versions of cards say. */
export const findContents = (t: Tx, scope: Scope, all: readonly { id: string; version: number }[]) => t.rows<{
  card_id: string
  number: number
  content: CardContent
}>`
  select v.card_id, v.number, v.content from card_versions v
  join unnest(${all.map((one) => one.id)}::text[], ${all.map((one) => one.version)}::integer[]) as x (card_id, number) using (card_id, number)
  where v.tenant_id = ${scope.tenantId}::uuid`

export const insertThreads = (t: Tx, scope: Scope, all: readonly NewThread[]) => t.run`
  insert into threads (id, tenant_id, card_id, card_version, relay_grant_id, context_id, face, state, turn, sequence, skill, operation_id,
    reference_thread_ids, accepted_output_modes, live, created_at, updated_at, deadline_at, due_at, expires_at, approval)
  select x.id, ${scope.tenantId}::uuid, x.card_id, x.card_version, x.relay_grant_id, x.context_id, x.face, x.state, x.turn, x.sequence, x.skill, x.operation_id,
    x.reference_thread_ids, x.accepted_output_modes, x.live, ${t.now}::timestamptz, ${t.now}::timestamptz, x.deadline_at, x.due_at, x.expires_at, x.approval
  from jsonb_to_recordset(${JSON.stringify(all)}::jsonb) as x (
    id text, card_id text, card_version integer, relay_grant_id text, context_id text, face text, state text, turn text, sequence bigint, skill text,
    operation_id text, reference_thread_ids text[], accepted_output_modes text[], live boolean, deadline_at timestamptz, due_at timestamptz,
    expires_at timestamptz, approval jsonb)`

/** What is counted for a relay grant in one transaction, in one of its parts. */
export type Spent = { grantId: string; part: number; messages: number; bytes: number }

// In one order: of two transactions that count for the same relay grants neither has what the other waits for.
export const addUsage = (t: Tx, scope: Scope, all: readonly Spent[]) => t.run`
  insert into relay_usage as u (relay_grant_id, tenant_id, day, part, messages, bytes)
  select x.grant_id, ${scope.tenantId}::uuid, ${t.now}::timestamptz::date, x.part, x.messages, x.bytes
  from unnest(${all.map((one) => one.grantId)}::text[], ${all.map((one) => one.part)}::smallint[], ${all.map((one) => one.messages)}::integer[],
    ${all.map((one) => one.bytes)}::bigint[]) as x (grant_id, part, messages, bytes)
  order by x.grant_id collate "C", x.part
  on conflict (tenant_id, relay_grant_id, day, part) do update set messages = u.messages + excluded.messages, bytes = u.bytes + excluded.bytes`
