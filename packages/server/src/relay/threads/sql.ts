// The statements over threads and their messages. Every transition is one conditional update under the row's lock, and whoever changes a thread or one of its messages takes the
// thread's row first, so that no two ever wait for each other (R30).
import { type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import {
  ENDED_STATES,
  type MessageKind,
  type MessageState,
  type PayloadState,
  type ResponseOutcome,
  type Side,
  type ThreadOutcome,
  type ThreadReason,
  type ThreadState,
  type Turn,
} from '../model.ts'
import { shareGrantLock } from '../sql.ts'

export type CardRow = {
  id: string
  slug: string
  name: string
  agent_id: string | null
  environment: 'live' | 'test'
  state: 'active' | 'paused' | 'retired'
  paused_until: Date | null
  version: number
  visibility: string
  delivery_mode: 'inbox' | 'push' | 'a2a'
  delivery_host: string | null
  on_exhausted: 'queue' | 'fail'
  direct_messages: boolean
  unapproved: 'refuse' | 'request'
  retention_days: number | null
  idle_seconds: number
  reply_closes_after_seconds: number
  ring_seconds: number
  max_message_bytes: number
  limits: GrantLimits
  content: CardContent
}
/** What of a version's content acceptance reads; the whole of it is cards/input.ts's. */
export type CardContent = {
  accepted_inputs: string[]
  skills: CardSkill[]
  extended?: { skills?: CardSkill[] | undefined } | undefined
}
type CardSkill = { id: string; input_modes?: string[]; facts?: unknown[]; risk?: string }
export type GrantLimits = { max_open_threads?: number; messages_per_day?: number; bytes_per_day?: number; rate?: number }

export const CARD: Sql = sql`c.id, c.slug, c.name, c.agent_id, c.environment, c.state, c.paused_until, c.version, c.visibility, c.delivery_mode, c.delivery_host, c.on_exhausted,
  c.direct_messages, c.unapproved, c.retention_days, c.idle_seconds, c.reply_closes_after_seconds, c.ring_seconds, c.max_message_bytes, c.limits, v.content`

export const findCard = (t: Tx, scope: Scope, by: { id?: string; slug?: string }) => t.maybe<CardRow>`
  select ${CARD} from cards c join card_versions v on v.tenant_id = c.tenant_id and v.card_id = c.id and v.number = c.version
  where c.tenant_id = ${scope.tenantId}::uuid and ${by.id === undefined ? sql`c.slug = ${by.slug ?? ''}::text` : sql`c.id = ${by.id}::text`}`

export type GrantRow = {
  id: string
  card_id: string
  asker_tenant: string | null
  asker_agent: string | null
  label: string
  skills: string[] | null
  scopes: string[]
  limits: GrantLimits
  state: 'active' | 'revoked' | 'expired'
  is_over: boolean
  sandbox: boolean
  created_at: Date
  is_blocked: boolean
  /** Of the owner (P11). */
  tenant_state: string
}

/** What policies of one side may know of the other; `user_id`: whose agent that is. */
export type PeerRow = {
  tenant_id: string | null
  agent_id: string | null
  since: Date | null
  external: boolean
  has_card: boolean
  user_id: string | null
  domains: string[]
  /** A domain is proved for the card of that agent. */
  card_proved: boolean
}
/** With what its own side may know of the relay grant. */
export type GrantedRow = PeerRow & { card_id: string; granted_at: Date; scopes: string[]; sandbox: boolean }
export const PEER: Sql = sql`p.tenant_id, p.agent_id, p.since, p.external, p.has_card, p.user_id, p.card_id, p.granted_at, p.scopes, p.sandbox, k.domains, k.card_proved`
/** Of a caller its agent proves, of an owner the card that was asked for. One row, and said to be: what is read beside it costs once. */
export const peerAs = (grantId: string | Sql, side: Side): Sql => sql`
  (select * from countersign_engine.relay_peer(${grantId}::text, ${side}::text) limit 1) p
  cross join lateral (
    select * from countersign_engine.peer_proofs(p.tenant_id, ${side === 'caller' ? sql`p.agent_id` : sql`p.card_id`}) limit 1) k`
export const findPeer = (t: Tx, grantId: string, side: Side) => t.maybe<GrantedRow>`select ${PEER} from ${peerAs(grantId, side)}`

/** Of a message on its way out, in the tenant of its caller. `skills`: of the relay grant; null: all. */
export type SendingRow = GrantedRow & {
  card_version: number
  skills: string[] | null
  thread_skill: string | null
  last_sequence: number | null
  open_threads: number
  messages: number
}
export type OutRow = SendingRow & { waits: boolean }
/** `threadId`: of a follow-up. */
export type OutPlace = { grantId: string; threadId: string | null }
/** In the tenant of the caller: of any number of messages, each by its number from 1. `waits`: something of the thread has not gone in, or never began. */
export const findAllGranted = (t: Tx, scope: Scope, all: readonly OutPlace[]) => t.rows<OutRow & { nth: number }>`
  select a.nth::integer, ${PEER}, q.card_version, q.skills, q.last_sequence, q.open_threads, q.messages, coalesce(q.thread_skill, (
    select m.skill from held_messages m where m.tenant_id = ${scope.tenantId}::uuid and m.thread_id = a.thread_id and m.starts)) as thread_skill, exists (
    select from held_messages m where m.tenant_id = ${scope.tenantId}::uuid and m.thread_id = a.thread_id and (m.starts or m.state in ('asked', 'ready'))) as waits
  from unnest(${all.map((one) => one.grantId)}::text[], ${all.map((one) => one.threadId)}::text[]) with ordinality as a (grant_id, thread_id, nth)
  cross join lateral countersign_engine.relay_peer(a.grant_id, 'owner') p
  cross join lateral countersign_engine.peer_proofs(p.tenant_id, p.card_id) k
  cross join lateral countersign_engine.relay_sending(a.grant_id, a.thread_id) q`

export const findGranted = async (t: Tx, scope: Scope, grantId: string, threadId: string | null): Promise<OutRow | null> =>
  (await findAllGranted(t, scope, [{ grantId, threadId }]))[0] ?? null

type Skills = NonNullable<CardContent['extended']>['skills']
/** As the caller of that relay grant may read them. */
export const skillsOfVersion = (t: Tx, grantId: string, version: number) => t.maybe<{
  content: { skills: CardContent['skills']; extended: Skills | null } | null
}>`
  select countersign_engine.relay_skills(${grantId}::text, ${version}::integer) as content`

/** Any number of acceptances share it; a revocation waits for those that are on their way, and the next ones for it, so none commits after it (G2). */
export const shareGrant = async (t: Tx, scope: Scope, id: string): Promise<GrantRow | null> => {
  await shareGrantLock(t, id)
  return findGrant(t, scope, id)
}

/** Under a share of it that this transaction has. */
export const findGrant = (t: Tx, scope: Scope, id: string) => t.maybe<GrantRow>`
    select id, card_id, asker_tenant, asker_agent, label, skills, scopes, limits, state, coalesce(expires_at <= ${t.now}::timestamptz, false) as is_over,
      sandbox, created_at, (select n.state from tenants n where n.id = relay_grants.tenant_id) as tenant_state,
      asker_tenant is not null and exists (select from blocks b where b.tenant_id = relay_grants.tenant_id)
        and countersign_engine.is_blocked_by(tenant_id, asker_tenant, asker_agent) as is_blocked
    from relay_grants where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

export const countOpen = (t: Tx, scope: Scope, grantId: string) => t.one<{ n: number }>`
  select count(*)::integer as n from threads where tenant_id = ${scope.tenantId}::uuid and relay_grant_id = ${grantId}::text and ended_at is null`

/** Near its limit the starts of one relay grant take turns, so that the count holds. */
export const lockStarts = (t: Tx, grantId: string) =>
  t.run`select pg_advisory_xact_lock(hashtextextended('relay starts ' || ${grantId}::text, 0))`

export type Usage = { messages: number; bytes: string }
export const usageToday = (t: Tx, scope: Scope, grantId: string) => t.one<Usage>`
  select coalesce(sum(messages), 0)::integer as messages, coalesce(sum(bytes), 0)::bigint as bytes
  from relay_usage where tenant_id = ${scope.tenantId}::uuid and relay_grant_id = ${grantId}::text and day = ${t.now}::timestamptz::date`

export type ApprovalRow = { task_id: string; side: Side; expires_at: string }
export type ThreadRow = {
  id: string
  tenant_id: string
  card_id: string
  card_version: number
  slug: string
  /** Of the card, as it is now. */
  delivery_mode: CardRow['delivery_mode']
  relay_grant_id: string
  asker_tenant: string | null
  asker_agent: string | null
  label: string
  context_id: string
  face: 'native' | 'a2a' | 'mcp'
  state: ThreadState
  outcome: ThreadOutcome | null
  reason: ThreadReason | null
  turn: Turn
  sequence: number
  skill: string | null
  operation_id: string | null
  reference_thread_ids: string[]
  accepted_output_modes: string[]
  live: boolean
  answered_at: Date | null
  approval: ApprovalRow | null
  error: { code: string; message: string } | null
  claimed_until: Date | null
  created_at: Date
  updated_at: Date
  ended_at: Date | null
  deadline_at: Date
  due_at: Date | null
  expires_at: Date | null
  kept_until: Date | null
  /** Somebody wants to be told of it. */
  has_endpoints: boolean
}

export const THREAD: Sql = sql`h.id, h.tenant_id, h.card_id, h.card_version, c.slug, c.delivery_mode, h.relay_grant_id, g.asker_tenant, g.asker_agent, g.label, h.context_id, h.face,
  h.state, h.outcome, h.reason, h.turn, h.sequence::float8 as sequence, h.skill, h.operation_id, h.reference_thread_ids, h.accepted_output_modes, h.live,
  h.answered_at, h.approval, h.error, h.claimed_until, h.created_at, h.updated_at, h.ended_at, h.deadline_at, h.due_at, h.expires_at, h.kept_until,
  h.has_endpoints`
export const THREADS: Sql = sql`threads h join relay_grants g on g.tenant_id = h.tenant_id and g.id = h.relay_grant_id
  join cards c on c.tenant_id = h.tenant_id and c.id = h.card_id`

export const findThread = (t: Tx, scope: Scope, id: string) => t.maybe<ThreadRow>`
  select ${THREAD} from ${THREADS} where h.tenant_id = ${scope.tenantId}::uuid and h.id = ${id}::text`

export const lockThread = (t: Tx, scope: Scope, id: string) => t.maybe<ThreadRow>`
  select ${THREAD} from ${THREADS} where h.tenant_id = ${scope.tenantId}::uuid and h.id = ${id}::text for update of h`

/** In one order, as everybody who takes several does. */
export const lockThreads = (t: Tx, scope: Scope, ids: readonly string[]) => t.rows<ThreadRow>`
  select ${THREAD} from ${THREADS} where h.tenant_id = ${scope.tenantId}::uuid and h.id = any (${ids}::text[]) order by h.id for update of h`

export type NewThread = Pick<
  ThreadRow,
  | 'id'
  | 'card_id'
  | 'card_version'
  | 'relay_grant_id'
  | 'context_id'
  | 'face'
  | 'state'
  | 'turn'
  | 'sequence'
  | 'skill'
  | 'operation_id'
  | 'reference_thread_ids'
  | 'accepted_output_modes'
  | 'live'
  | 'deadline_at'
  | 'due_at'
  | 'expires_at'
  | 'approval'
>

export type ThreadChange = Pick<
  ThreadRow,
  | 'state'
  | 'outcome'
  | 'reason'
  | 'turn'
  | 'sequence'
  | 'approval'
  | 'error'
  | 'answered_at'
  | 'claimed_until'
  | 'ended_at'
  | 'due_at'
  | 'expires_at'
  | 'kept_until'
>

/** Under the locks that the caller holds. */
export const updateThreads = (t: Tx, scope: Scope, all: readonly (ThreadChange & { id: string })[]) =>
  t.run`${changedThreads(t, scope, all)}`
/** The same as a part of the statement that records what changed. */
export const withThreads = (t: Tx, scope: Scope, all: readonly (ThreadChange & { id: string })[]): Sql =>
  sql`changed as (${changedThreads(t, scope, all)})`
const changedThreads = (t: Tx, scope: Scope, all: readonly (ThreadChange & { id: string })[]): Sql => sql`
  update threads h set state = x.state, outcome = x.outcome, reason = x.reason, turn = x.turn, sequence = x.sequence, approval = x.approval, error = x.error,
    answered_at = x.answered_at, claimed_until = x.claimed_until, ended_at = x.ended_at, due_at = x.due_at, expires_at = x.expires_at,
    kept_until = x.kept_until, updated_at = ${t.now}::timestamptz
  from jsonb_to_recordset(${JSON.stringify(all)}::jsonb) as x (
    id text, state text, outcome text, reason text, turn text, sequence bigint, approval jsonb, error jsonb, answered_at timestamptz,
    claimed_until timestamptz, ended_at timestamptz, due_at timestamptz, expires_at timestamptz, kept_until timestamptz)
  where h.tenant_id = ${scope.tenantId}::uuid and h.id = x.id`

export type MessageRow = {
  id: string
  thread_id: string
  card_id: string
  relay_grant_id: string
  sequence: number
  side: Side
  kind: MessageKind
  outcome: ResponseOutcome | null
  state: MessageState
  state_reason: string | null
  skill: string | null
  payload: Buffer | null
  subject: string | null
  payload_hash: string
  payload_state: PayloadState
  size_bytes: number
  part_kinds: string[]
  media_types: string[]
  facts: Record<string, unknown> | null
  client_message_id: string | null
  operation_id: string | null
  reference_thread_ids: string[]
  artifact_id: string | null
  artifact_name: string | null
  artifact_description: string | null
  append: boolean | null
  last_chunk: boolean | null
  created_by: string
  created_at: Date
  expires_at: Date | null
  attempts: number
  next_attempt_at: Date | null
  claimed_by: string | null
  claimed_until: Date | null
  delivered_at: Date | null
  delivered_via: string | null
  task_id: string | null
  /** Of one that waits on its caller's side: the tenant in which it lies. */
  home?: string
}

export const MESSAGE: Sql = sql`m.id, m.thread_id, m.card_id, m.relay_grant_id, m.sequence::float8 as sequence, m.side, m.kind, m.outcome, m.state, m.state_reason, m.skill,
  m.payload, m.subject, m.payload_hash, m.payload_state, m.size_bytes, m.part_kinds, m.media_types, m.facts, m.client_message_id, m.operation_id,
  m.reference_thread_ids, m.artifact_id, m.artifact_name, m.artifact_description, m.append, m.last_chunk, m.created_by, m.created_at, m.expires_at, m.attempts,
  m.next_attempt_at, m.claimed_by, m.claimed_until, m.delivered_at, m.delivered_via, m.task_id`

export const insertMessages = (t: Tx, scope: Scope, all: readonly MessageRow[]) => t.run`${newMessages(t, scope, all)}`
/** The same as a part of the statement that records them. */
export const withMessages = (t: Tx, scope: Scope, all: readonly MessageRow[]): Sql => sql`said as (${newMessages(t, scope, all)})`
const newMessages = (t: Tx, scope: Scope, all: readonly MessageRow[]): Sql => sql`
  insert into messages (id, tenant_id, thread_id, card_id, relay_grant_id, sequence, side, kind, outcome, state, state_reason, skill, payload, subject, payload_hash,
    payload_state, size_bytes, part_kinds, media_types, facts, client_message_id, operation_id, reference_thread_ids, artifact_id, artifact_name,
    artifact_description, append, last_chunk, created_by, created_at, expires_at, next_attempt_at, delivered_at, delivered_via, task_id)
  select x.id, ${scope.tenantId}::uuid, x.thread_id, x.card_id, x.relay_grant_id, x.sequence, x.side, x.kind, x.outcome, x.state, x.state_reason, x.skill, p.payload,
    x.subject, x.payload_hash, 'present', x.size_bytes, x.part_kinds, x.media_types, x.facts, x.client_message_id, x.operation_id, x.reference_thread_ids,
    x.artifact_id, x.artifact_name, x.artifact_description, x.append, x.last_chunk, x.created_by, ${t.now}::timestamptz, x.expires_at, x.next_attempt_at,
    x.delivered_at, x.delivered_via, x.task_id
  from jsonb_to_recordset(${JSON.stringify(all.map(({ payload: _bytes, ...rest }) => rest))}::jsonb) as x (
    id text, thread_id text, card_id text, relay_grant_id text, sequence bigint, side text, kind text, outcome text, state text, state_reason text, skill text,
    subject text, payload_hash text, size_bytes integer, part_kinds text[], media_types text[], facts jsonb, client_message_id text, operation_id text,
    reference_thread_ids text[], artifact_id text, artifact_name text, artifact_description text, append boolean, last_chunk boolean, created_by text,
    expires_at timestamptz, next_attempt_at timestamptz, delivered_at timestamptz, delivered_via text, task_id text)
  join unnest(${all.map((one) => one.id)}::text[], ${all.map((one) => one.payload)}::bytea[]) as p (id, payload) on p.id = x.id`

export const findMessage = (t: Tx, scope: Scope, threadId: string, id: string) => t.maybe<MessageRow>`
  select ${MESSAGE} from messages m where m.tenant_id = ${scope.tenantId}::uuid and m.thread_id = ${threadId}::text and m.id = ${id}::text`

/** The pieces of a reply that waits for people, in their order. */
export const heldReplies = (t: Tx, scope: Scope, taskId: string) => t.rows<MessageRow>`
  select ${MESSAGE} from messages m where m.tenant_id = ${scope.tenantId}::uuid and m.task_id = ${taskId}::text and m.side = 'owner' and m.state = 'held'
  order by m.sequence desc`

/** In order of sequence; what the owner's side holds back is not the caller's to see. */
export const listMessages = (
  t: Tx,
  scope: Scope,
  threadId: string,
  after: number,
  limit: number,
  kinds: readonly MessageKind[],
) => t.rows<MessageRow>`
  select ${MESSAGE} from messages m
  where m.tenant_id = ${scope.tenantId}::uuid and m.thread_id = ${threadId}::text and m.sequence > ${after}::bigint and m.kind = any (${kinds}::text[])
    ${scope.relaySide === 'caller' ? sql`and not (m.side = 'owner' and m.state in ('held', 'refused'))` : sql``}
  order by m.sequence limit ${limit}::integer`

export const newestMessages = (t: Tx, scope: Scope, threadId: string, limit: number) => t.rows<MessageRow>`
  select * from (
    select ${MESSAGE} from messages m
    where m.tenant_id = ${scope.tenantId}::uuid and m.thread_id = ${threadId}::text and m.sequence > 0 and m.kind <> 'artifact'
      ${scope.relaySide === 'caller' ? sql`and not (m.side = 'owner' and m.state in ('held', 'refused'))` : sql``}
    order by m.sequence desc limit ${limit}::integer) newest
  order by sequence`

/** What the caller sent and nobody has taken yet, lowest first. */
export const listUndelivered = (t: Tx, scope: Scope, threadIds: readonly string[]) => t.rows<MessageRow>`
  select ${MESSAGE} from messages m
  where m.tenant_id = ${scope.tenantId}::uuid and m.thread_id = any (${threadIds}::text[]) and m.side = 'caller' and m.state in ('held', 'queued', 'delivering', 'exhausted')
  order by m.thread_id, m.sequence`

/** Under the thread's lock. */
export const settleMessages = (t: Tx, scope: Scope, ids: readonly string[], to: SettledState) =>
  t.run`${settledMessages(t, scope, ids, to)}`
/** The same as a part of the statement that records it. */
export const withSettled = (t: Tx, scope: Scope, ids: readonly string[], to: SettledState): Sql =>
  sql`settled as (${settledMessages(t, scope, ids, to)})`
type SettledState = { state: MessageState; reason: string | null; via: string | null }
const settledMessages = (t: Tx, scope: Scope, ids: readonly string[], to: SettledState): Sql => sql`
  update messages set state = ${to.state}::text, state_reason = ${to.reason}::text, claimed_until = null,
    delivered_at = case when ${to.state}::text = 'delivered' then ${t.now}::timestamptz end,
    delivered_via = case when ${to.state}::text = 'delivered' then ${to.via}::text end
  where tenant_id = ${scope.tenantId}::uuid and id = any (${ids}::text[])`

export const requeueMessage = (
  t: Tx,
  scope: Scope,
  id: string,
  to: { state: 'queued' | 'exhausted'; at: Date | null; reason: string | null },
) => t.run`
  update messages set state = ${to.state}::text, state_reason = ${to.reason}::text, claimed_until = null, next_attempt_at = ${to.at}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

export type EventLine = {
  thread_id: string
  relay_grant_id: string
  sequence: number
  id: string
  type: string
  actor: string
  data: string
}
/** A part of the statement that writes the same events in the record. */
export const withThreadEvents = (t: Tx, scope: Scope, all: readonly EventLine[]): Sql => sql`numbered as (
  insert into thread_events (thread_id, tenant_id, sequence, id, relay_grant_id, type, at, actor, data)
  select x.thread_id, ${scope.tenantId}::uuid, x.sequence, x.id, x.relay_grant_id, x.type, ${t.now}::timestamptz, x.actor::json, x.data::json
  from unnest(${all.map((one) => one.thread_id)}::text[], ${all.map((one) => one.relay_grant_id)}::text[], ${all.map((one) => one.sequence)}::bigint[],
    ${all.map((one) => one.id)}::text[], ${all.map((one) => one.type)}::text[], ${all.map((one) => one.actor)}::text[], ${all.map((one) => one.data)}::text[])
    as x (thread_id, relay_grant_id, sequence, id, type, actor, data))`

export type ThreadEventRow = {
  id: string
  sequence: number
  type: string
  at: Date
  actor: { type: string; id: string }
  data: Record<string, unknown>
}
export const listThreadEvents = (t: Tx, scope: Scope, threadId: string, after: number, limit: number) => t.rows<ThreadEventRow>`
  select id, sequence::float8 as sequence, type, at, actor, data from thread_events
  where tenant_id = ${scope.tenantId}::uuid and thread_id = ${threadId}::text and sequence > ${after}::bigint
  order by sequence limit ${limit}::integer`

/** How far the watched threads are, whatever their tenants. */
export const threadSequences = (ids: readonly string[]): Sql =>
  sql`select id, sequence::float8 as version from countersign_engine.thread_sequences(${ids}::text[])
    union all select id, sequence::float8 from countersign_engine.held_sequences(${ids}::text[])`

const ready = (t: Tx, scope: Scope, cardId: string, skills: readonly string[] | null): Sql => sql`
  m.tenant_id = ${scope.tenantId}::uuid and m.card_id = ${cardId}::text and m.side = 'caller' and coalesce(m.next_attempt_at <= ${t.now}::timestamptz, true)
  and (${skills}::text[] is null or m.skill = any (${skills}::text[]))
  and m.sequence = (
    select e.sequence from messages e where e.tenant_id = m.tenant_id and e.thread_id = m.thread_id and e.side = 'caller'
      and e.state in ('held', 'queued', 'delivering') order by e.sequence limit 1)`

// Relay grants are found one after the other by the index, and of each as many messages are looked at as it may get: what a claim costs does not grow with what waits. A thread that
// somebody else holds is left to them, so more are looked at than are wanted.
/**
 * Threads of a card whose lowest undelivered message may be taken now, each under its lock, in order: those whose relay grant has had least before them first, oldest first within
 * one. `looks`: how many are looked at.
 */
export const lockClaimable = (
  t: Tx,
  scope: Scope,
  cardId: string,
  { limit, looks, skills }: { limit: number; looks: number; skills: readonly string[] | null },
) => t.rows<ThreadRow & { message_id: string }>`
  with recursive waiting (relay_grant_id) as (
    (select m.relay_grant_id from messages m
      where m.tenant_id = ${scope.tenantId}::uuid and m.card_id = ${cardId}::text and m.side = 'caller' and m.state = 'queued'
      order by m.relay_grant_id limit 1)
    union all
    select (select m.relay_grant_id from messages m
      where m.tenant_id = ${scope.tenantId}::uuid and m.card_id = ${cardId}::text and m.side = 'caller' and m.state = 'queued'
        and m.relay_grant_id > w.relay_grant_id
      order by m.relay_grant_id limit 1)
    from waiting w where w.relay_grant_id is not null
  ), share as (
    select 1 + ${looks}::integer / greatest(1, count(*))::integer as each from waiting where relay_grant_id is not null
  ), free as (
    select f.thread_id, f.id, f.relay_grant_id, f.created_at from waiting w cross join lateral (
      select m.thread_id, m.id, m.relay_grant_id, m.created_at from messages m
      where m.relay_grant_id = w.relay_grant_id and m.state = 'queued' and ${ready(t, scope, cardId, skills)}
      order by m.created_at, m.id limit (select each from share)) f
    where w.relay_grant_id is not null
    union all
    (select m.thread_id, m.id, m.relay_grant_id, m.created_at from messages m
      where m.state = 'delivering' and m.claimed_until <= ${t.now}::timestamptz and ${ready(t, scope, cardId, skills)}
      order by m.claimed_until limit ${looks}::integer)
  ), first as (
    select f.thread_id, f.id from (
      select x.*, row_number() over (partition by x.relay_grant_id order by x.created_at, x.id) as turn from free x) f
    order by f.turn, f.created_at, f.id limit ${looks}::integer
  )
  select k.*, f.id as message_id from first f cross join lateral (
    select ${THREAD} from ${THREADS}
    where h.tenant_id = ${scope.tenantId}::uuid and h.id = f.thread_id and h.state <> all (${ENDED_STATES}::text[]) for update of h skip locked) k
  limit ${limit}::integer`

/** Under the lock of its thread: only as it was when it was chosen. */
export const claimMessages = (
  t: Tx,
  scope: Scope,
  all: readonly { id: string; hash: Buffer }[],
  by: string,
  until: Date,
) => t.rows<MessageRow>`
  update messages m set state = 'delivering', attempts = m.attempts + 1, claim_hash = x.hash, claimed_by = ${by}::text, claimed_until = ${until}::timestamptz
  from unnest(${all.map((one) => one.id)}::text[], ${all.map((one) => one.hash)}::bytea[]) as x (id, hash)
  where m.tenant_id = ${scope.tenantId}::uuid and m.id = x.id
    and (m.state = 'queued' or (m.state = 'delivering' and m.claimed_until <= ${t.now}::timestamptz))
    and m.sequence = (
      select e.sequence from messages e where e.tenant_id = m.tenant_id and e.thread_id = m.thread_id and e.side = 'caller'
        and e.state in ('held', 'queued', 'delivering') order by e.sequence limit 1)
  returning ${MESSAGE}`

/** The message of a claim, if that claim is the current one. */
export const findClaimed = (t: Tx, scope: Scope, hash: Buffer) => t.maybe<MessageRow>`
  select ${MESSAGE} from messages m where m.tenant_id = ${scope.tenantId}::uuid and m.claim_hash = ${hash}::bytea
    and m.state = 'delivering' and m.claimed_until > ${t.now}::timestamptz`

/** The fence stays behind until somebody else claims the message: so whoever repeats what they settled is told the same. */
export type ClaimedRow = MessageRow & { claim_hash: Buffer }
export const findOnceClaimed = (t: Tx, scope: Scope, hashes: readonly Buffer[]) => t.rows<ClaimedRow>`
  select ${MESSAGE}, m.claim_hash from messages m where m.tenant_id = ${scope.tenantId}::uuid and m.claim_hash = any (${hashes}::bytea[])`

/** The threads of the messages that were handed over with these fences, in the one order in which several are taken. */
export const lockClaimed = (t: Tx, scope: Scope, cardId: string, hashes: readonly Buffer[]) => t.rows<ThreadRow>`
  select ${THREAD} from ${THREADS}
  where h.tenant_id = ${scope.tenantId}::uuid and h.id in (
    select m.thread_id from messages m
    where m.tenant_id = ${scope.tenantId}::uuid and m.card_id = ${cardId}::text and m.claim_hash = any (${hashes}::bytea[]))
  order by h.id for update of h`

export const extendClaim = (t: Tx, scope: Scope, id: string, until: Date) => t.run`
  update messages set claimed_until = ${until}::timestamptz where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

export type WaitingRow = MessageRow & { thread_state: ThreadState; label: string; context_id: string }
export const listWaiting = (
  t: Tx,
  scope: Scope,
  cardId: string,
  states: readonly MessageState[],
  before: string | null,
  limit: number,
) => t.rows<WaitingRow>`
  select ${MESSAGE}, h.state as thread_state, h.context_id, g.label
  from messages m join threads h on h.tenant_id = m.tenant_id and h.id = m.thread_id join relay_grants g on g.tenant_id = m.tenant_id and g.id = m.relay_grant_id
  where m.tenant_id = ${scope.tenantId}::uuid and m.card_id = ${cardId}::text and m.side = 'caller' and m.state = any (${states}::text[])
    ${before === null ? sql`` : sql`and m.id > ${before}::text`}
  order by m.id limit ${limit}::integer`

export type ThreadFilter = {
  state?: readonly ThreadState[]
  slug?: string
  context_id?: string
  operation_id?: string
  q?: string
  relay_grant_id?: string
}

const like = (text: string) => `%${text.replace(/[\\%_]/g, '\\$&')}%`

export const listThreads = (t: Tx, scope: Scope, filter: ThreadFilter, before: string | null, limit: number) => t.rows<ThreadRow>`
  select ${THREAD} from ${THREADS}
  where h.tenant_id = ${scope.tenantId}::uuid
    ${filter.state === undefined ? sql`` : sql`and h.state = any (${filter.state}::text[])`}
    ${filter.slug === undefined ? sql`` : sql`and c.slug = ${filter.slug}::text`}
    ${filter.context_id === undefined ? sql`` : sql`and h.context_id = ${filter.context_id}::text`}
    ${filter.operation_id === undefined ? sql`` : sql`and h.operation_id = ${filter.operation_id}::text`}
    ${filter.q === undefined ? sql`` : sql`and concat_ws(' ', h.id, h.operation_id, h.context_id, h.skill, c.slug, g.label) ilike ${like(filter.q)}::text`}
    ${filter.relay_grant_id === undefined ? sql`` : sql`and h.relay_grant_id = ${filter.relay_grant_id}::text`}
    ${scope.agentId === null ? sql`` : sql`and (c.agent_id is null or c.agent_id = ${scope.agentId}::text)`}
    ${before === null ? sql`` : sql`and h.id < ${before}::text`}
  order by h.id desc limit ${limit}::integer`

export type CallerThreadRow = {
  thread_id: string
  owner_tenant: string
  relay_grant_id: string
  agent_id: string
  slug: string
  card_name: string
  context_id: string
  operation_id: string | null
  skill: string | null
  state: ThreadState
  outcome: ThreadOutcome | null
  reason: ThreadReason | null
  turn: Turn
  sequence: number
  created_at: Date
  updated_at: Date
  ended_at: Date | null
  /** Of what waits on this side. */
  held_approval: ApprovalRow | null
} & CallerLine
/** Null: of a thread that its owner forgot. */
type CallerLine = { label: string | null; live: boolean | null; answered_at: Date | null; approval: ApprovalRow | null }

// What waits on this side stands in its list as it is here; once it goes in, the owner's side says what it is.
const CALLER_LIST: Sql = sql`(
  select l.tenant_id, l.thread_id, l.owner_tenant, l.relay_grant_id, l.agent_id, l.slug, l.card_name, l.context_id, l.operation_id, l.skill,
    case when w.at is null or l.ended_at is not null then l.state else 'awaiting_approval' end as state, l.outcome,
    case when w.at is null or l.ended_at is not null then l.reason end as reason,
    case when w.at is null or l.ended_at is not null then l.turn else 'human' end as turn, l.sequence, l.created_at, greatest(l.updated_at, w.at) as updated_at, l.ended_at,
    case when l.ended_at is null then w.approval end as held_approval, null::text as label, null::boolean as live
  from caller_threads l left join lateral (
    select max(m.updated_at) as at, (array_agg(m.approval order by m.position) filter (where m.state = 'asked'))[1] as approval
    from held_messages m where m.tenant_id = l.tenant_id and m.thread_id = l.thread_id and m.state in ('asked', 'ready')) w on true
  union all
  select m.tenant_id, m.thread_id, m.owner_tenant, m.relay_grant_id, m.agent_id, m.slug, m.card_name, m.context_id, m.operation_id, m.skill, coalesce(m.thread_state, 'awaiting_approval'),
    m.thread_outcome, m.thread_reason, case when m.ended_at is null then 'human' else 'none' end, case when m.ended_at is null then 0 else 1 end,
    m.created_at, m.updated_at, m.ended_at, case when m.ended_at is null then m.approval end, m.label, m.live
  from held_messages m where m.starts)`

/** The caller's own list. `agent`: of one agent alone; `user`: of those that they own. */
export const listCallerThreads = (
  t: Tx,
  scope: Scope,
  filter: ThreadFilter,
  own: { agent: string | null; user: string | null },
  before: string | null,
  limit: number,
) => t.rows<CallerThreadRow>`
  with listed as materialized (
  select k.thread_id, k.owner_tenant, k.relay_grant_id, k.agent_id, k.slug, k.card_name, k.context_id, k.operation_id, k.skill, k.state, k.outcome, k.reason, k.turn,
    k.sequence::float8 as sequence, k.created_at, k.updated_at, k.ended_at, k.held_approval, k.label, k.live
  from ${CALLER_LIST} k
  where k.tenant_id = ${scope.tenantId}::uuid
    ${filter.state === undefined ? sql`` : sql`and k.state = any (${filter.state}::text[])`}
    ${filter.slug === undefined ? sql`` : sql`and k.slug = ${filter.slug}::text`}
    ${filter.context_id === undefined ? sql`` : sql`and k.context_id = ${filter.context_id}::text`}
    ${filter.operation_id === undefined ? sql`` : sql`and k.operation_id = ${filter.operation_id}::text`}
    ${filter.q === undefined ? sql`` : sql`and concat_ws(' ', k.thread_id, k.operation_id, k.context_id, k.skill, k.slug, k.card_name) ilike ${like(filter.q)}::text`}
    ${filter.relay_grant_id === undefined ? sql`` : sql`and k.relay_grant_id = ${filter.relay_grant_id}::text`}
    ${own.agent === null ? sql`` : sql`and k.agent_id = ${own.agent}::text`}
    ${own.user === null ? sql`` : sql`and exists (select from agents a where a.tenant_id = k.tenant_id and a.id = k.agent_id and a.user_id = ${own.user}::text)`}
    ${before === null ? sql`` : sql`and k.thread_id < ${before}::text`}
  order by k.thread_id desc limit ${limit}::integer)
  select k.thread_id, k.owner_tenant, k.relay_grant_id, k.agent_id, k.slug, k.card_name, k.context_id, k.operation_id, k.skill, k.state, k.outcome, k.reason, k.turn,
    k.sequence, k.created_at, k.updated_at, k.ended_at, k.held_approval, coalesce(k.label, e.label) as label, coalesce(k.live, e.live) as live, e.answered_at, e.approval
  from listed k left join countersign_engine.caller_lines(array(select thread_id from listed)) e on e.id = k.thread_id
  order by k.thread_id desc`

export const openThreadsOf = (t: Tx, scope: Scope, grantId: string, limit: number) => t.rows<ThreadRow>`
  select ${THREAD} from ${THREADS}
  where h.tenant_id = ${scope.tenantId}::uuid and h.relay_grant_id = ${grantId}::text and h.ended_at is null
  order by h.id limit ${limit}::integer for update of h`

export const insertThreadToken = (
  t: Tx,
  scope: Scope,
  one: {
    id: string
    thread: Pick<ThreadRow, 'id' | 'relay_grant_id'>
    side: Side
    hash: Buffer
    by: string
    first: Date
    expiresAt: Date
  },
) => t.run`
  insert into thread_tokens (id, tenant_id, thread_id, relay_grant_id, side, token_hash, minted_by, first_minted_at, created_at, expires_at)
  values (${one.id}::text, ${scope.tenantId}::uuid, ${one.thread.id}::text, ${one.thread.relay_grant_id}::text, ${one.side}::text, ${one.hash}::bytea, ${one.by}::text,
    ${one.first}::timestamptz, ${t.now}::timestamptz, ${one.expiresAt}::timestamptz)`

/** The tokens that came of one another by renewal. */
export const deleteTokenLine = (
  t: Tx,
  scope: Scope,
  one: { thread_id: string; side: Side; minted_by: string; first_minted_at: Date },
) => t.run`
  delete from thread_tokens where tenant_id = ${scope.tenantId}::uuid and thread_id = ${one.thread_id}::text and side = ${one.side}::text
    and minted_by = ${one.minted_by}::text and first_minted_at = ${one.first_minted_at}::timestamptz`

/** Up to where a person has read it, as their own side's record has it. */
export const findView = (t: Tx, scope: Scope, threadId: string) => t.one<{ sequence: number | null }>`
  select max((e.body::jsonb #>> '{data,sequence}')::float8) as sequence from events e
  where e.tenant_id = ${scope.tenantId}::uuid and e.resource_id = ${threadId}::text and e.type = 'thread.viewed' and e.actor_id = ${scope.actor.id}::text`
