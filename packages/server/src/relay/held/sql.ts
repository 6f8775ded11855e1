// The statements over what a caller's own side holds back, in the caller's tenant, and over its threads as that caller sees them: those that are with their owners, and those that wait
// on its own side. Whoever changes what is held of a thread has the lock of that thread first.
import { type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import type { ApprovalRow, ThreadRow } from '../threads/sql.ts'
import { THREADS } from '../threads/sql.ts'

export type HeldRow = {
  id: string
  thread_id: string
  relay_grant_id: string
  owner_tenant: string
  starts: boolean
  card_id: string
  card_version: number
  slug: string
  card_name: string
  label: string
  agent_id: string
  face: ThreadRow['face']
  context_id: string
  skill: string | null
  operation_id: string | null
  client_message_id: string | null
  reference_thread_ids: string[]
  accepted_output_modes: string[]
  live: boolean
  deadline_at: Date
  payload: Buffer | null
  subject: string
  payload_hash: string
  size_bytes: number
  body_bytes: number
  part_kinds: string[]
  media_types: string[]
  state: 'asked' | 'ready' | 'refused' | 'withdrawn'
  state_reason: string | null
  task_id: string | null
  /** Of the other side: the connection request that it waits for. */
  request_id: string | null
  approval: ApprovalRow | null
  thread_state: 'closed' | 'rejected' | 'revoked' | 'expired' | null
  thread_outcome: ThreadRow['outcome']
  thread_reason: ThreadRow['reason']
  event_id: string | null
  created_at: Date
  updated_at: Date
  ended_at: Date | null
  expires_at: Date
  erased_at: Date | null
  has_endpoints: boolean
}

const HELD: Sql = sql`m.id, m.thread_id, m.relay_grant_id, m.owner_tenant, m.starts, m.card_id, m.card_version, m.slug, m.card_name, m.label, m.agent_id, m.face, m.context_id,
  m.skill, m.operation_id, m.client_message_id, m.reference_thread_ids, m.accepted_output_modes, m.live, m.deadline_at, m.payload, m.subject, m.payload_hash, m.size_bytes,
  m.body_bytes, m.part_kinds, m.media_types, m.state, m.state_reason, m.task_id, m.request_id, m.approval, m.thread_state, m.thread_outcome, m.thread_reason, m.event_id, m.created_at,
  m.updated_at, m.ended_at, m.expires_at, m.erased_at, m.has_endpoints`

/** One after the other, whoever sends, decides or ends: so what comes after what waits is behind it. */
export const lockHeld = (t: Tx, threadId: string) =>
  t.run`select pg_advisory_xact_lock(hashtextextended('held of ' || ${threadId}::text, 0))`

export type NewHeld = Omit<
  HeldRow,
  | 'state_reason'
  | 'thread_state'
  | 'thread_outcome'
  | 'thread_reason'
  | 'event_id'
  | 'created_at'
  | 'updated_at'
  | 'ended_at'
  | 'erased_at'
  | 'has_endpoints'
>
export const insertHeld = (t: Tx, scope: Scope, one: NewHeld) => t.run`
  insert into held_messages (id, tenant_id, thread_id, relay_grant_id, owner_tenant, starts, card_id, card_version, slug, card_name, label, agent_id, face, context_id, skill,
    operation_id, client_message_id, reference_thread_ids, accepted_output_modes, live, deadline_at, payload, subject, payload_hash, size_bytes, body_bytes, part_kinds,
    media_types, state, task_id, request_id, approval, created_at, updated_at, expires_at)
  values (${one.id}::text, ${scope.tenantId}::uuid, ${one.thread_id}::text, ${one.relay_grant_id}::text, ${one.owner_tenant}::uuid, ${one.starts}::boolean, ${one.card_id}::text,
    ${one.card_version}::integer, ${one.slug}::text, ${one.card_name}::text, ${one.label}::text, ${one.agent_id}::text, ${one.face}::text, ${one.context_id}::text,
    ${one.skill}::text, ${one.operation_id}::text, ${one.client_message_id}::text, ${one.reference_thread_ids}::text[], ${one.accepted_output_modes}::text[],
    ${one.live}::boolean, ${one.deadline_at}::timestamptz, ${one.payload}::bytea, ${one.subject}::text, ${one.payload_hash}::text, ${one.size_bytes}::integer,
    ${one.body_bytes}::integer, ${one.part_kinds}::text[], ${one.media_types}::text[], ${one.state}::text, ${one.task_id}::text, ${one.request_id}::text,
    ${one.approval === null ? null : JSON.stringify(one.approval)}::jsonb, ${t.now}::timestamptz, ${t.now}::timestamptz, ${one.expires_at}::timestamptz)`

/** Of a thread or a relay grant, in the order of the threads and in which they were sent. */
export const heldAbout = (t: Tx, scope: Scope, id: string) => t.rows<HeldRow>`
  select ${HELD} from held_messages m
  where m.tenant_id = ${scope.tenantId}::uuid and ${id.startsWith('thr_') ? sql`m.thread_id` : sql`m.relay_grant_id`} = ${id}::text order by m.thread_id, m.position`

/** In the order in which they were sent. */
export const listHeld = (t: Tx, scope: Scope, threadId: string) => t.rows<HeldRow>`
  select ${HELD} from held_messages m where m.tenant_id = ${scope.tenantId}::uuid and m.thread_id = ${threadId}::text order by m.position`

export const findHeld = (t: Tx, scope: Scope, id: string) => t.maybe<HeldRow>`
  select ${HELD} from held_messages m where m.tenant_id = ${scope.tenantId}::uuid and m.id = ${id}::text`

export const settleHeldIf = (
  t: Tx,
  scope: Scope,
  id: string,
  to: { state: Exclude<HeldRow['state'], 'asked'>; reason: string | null },
) => t.run`
  update held_messages set state = ${to.state}::text, state_reason = ${to.reason}::text, updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and state in ('asked', 'ready')`

/** What waited only behind what ends. */
export const withdrawReady = (t: Tx, scope: Scope, threadIds: readonly string[]) => t.run`
  update held_messages set state = 'withdrawn', state_reason = 'thread_ended', updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and thread_id = any (${threadIds}::text[]) and state = 'ready'`

/** Of a thread that never began. Zero rows: it has ended, or gone in. */
export type HeldEnd = {
  state: NonNullable<HeldRow['thread_state']>
  outcome: ThreadRow['outcome']
  reason: NonNullable<ThreadRow['reason']>
}
export const endHeldThreadIf = (t: Tx, scope: Scope, threadId: string, to: HeldEnd) => t.run`
  update held_messages set thread_state = ${to.state}::text, thread_outcome = ${to.outcome}::text, thread_reason = ${to.reason}::text, ended_at = ${t.now}::timestamptz,
    updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and thread_id = ${threadId}::text and starts and ended_at is null`

export const nameEnd = (t: Tx, scope: Scope, threadId: string, eventId: string) => t.run`
  update held_messages set event_id = ${eventId}::text where tenant_id = ${scope.tenantId}::uuid and thread_id = ${threadId}::text and starts`

/** Of a thread that has not begun. */
export const markHeld = (t: Tx, scope: Scope, threadId: string, has: { endpoints: boolean }) => t.run`
  update held_messages set has_endpoints = ${has.endpoints}::boolean where tenant_id = ${scope.tenantId}::uuid and thread_id = ${threadId}::text and starts`

/** Threads that never began and ended so long ago, with endpoints. */
export const findHeldTelling = (t: Tx, scope: Scope, days: number, limit: number) => t.rows<{
  thread_id: string
  owner_tenant: string
}>`
  select thread_id, owner_tenant from held_messages
  where tenant_id = ${scope.tenantId}::uuid and has_endpoints and ended_at <= ${t.now}::timestamptz - make_interval(days => ${days}::integer)
  order by ended_at limit ${limit}::integer`

/** It has gone in. */
export const deleteHeld = (t: Tx, scope: Scope, id: string) => t.run`
  delete from held_messages where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

export const openHeldStarts = (t: Tx, scope: Scope, grantId: string) => t.rows<{ thread_id: string }>`
  select thread_id from held_messages
  where tenant_id = ${scope.tenantId}::uuid and relay_grant_id = ${grantId}::text and starts and ended_at is null order by thread_id`

/** What nobody lets go any more is kept as long as what is refused elsewhere, and its envelope as long as that of any thread. */
export const clearHeld = async (t: Tx, scope: Scope, envelopeDays: number): Promise<void> => {
  await t.run`
    update held_messages set payload = null
    where tenant_id = ${scope.tenantId}::uuid and payload is not null and state in ('refused', 'withdrawn') and expires_at <= ${t.now}::timestamptz`
  await t.run`
    delete from held_messages
    where tenant_id = ${scope.tenantId}::uuid and state in ('refused', 'withdrawn')
      and updated_at <= ${t.now}::timestamptz - make_interval(days => ${envelopeDays}::integer)`
}

/** What of a thread or a relay grant waits for people of the other tenant. */
export const askedElsewhere = (t: Tx, of: { grant?: string; threads?: readonly string[] }) => t.rows<{
  tenant_id: string
  thread_id: string
  task_id: string | null
}>`
  select tenant_id, thread_id, task_id from countersign_engine.asked_elsewhere(${of.grant ?? null}::text, ${of.threads ?? []}::text[]) order by task_id`

export const heldDue = (limit: number): Sql => sql`select tenant_id, id from countersign_engine.held_due(${limit}::integer)`

/** `is_held`: something of it waits on the caller's side. `is_apart`: all of it does, and its owner's side knows of none. */
export type CallerRow = ThreadRow & { is_held: boolean; is_apart: boolean }

const overlaid = (name: Sql, held: Sql): Sql =>
  sql`case when k.is_open and h.ended_at is null then ${held} else h.${name} end as ${name}`

/** As `threads h`, for the caller of the current relay grant; of one thread, or null for all. */
export const callerThreads = (id: string | null): Sql => sql`(
  select h.id, h.tenant_id, h.card_id, h.card_version, c.slug, c.delivery_mode, h.relay_grant_id, g.asker_tenant, g.asker_agent, g.label, h.context_id, h.face,
    ${overlaid(sql`state`, sql`'awaiting_approval'`)}, h.outcome, ${overlaid(sql`reason`, sql`null`)}, ${overlaid(sql`turn`, sql`'human'`)},
    h.sequence::float8 as sequence, h.skill, h.operation_id, h.reference_thread_ids, h.accepted_output_modes, h.live, h.answered_at,
    ${overlaid(sql`approval`, sql`k.approval`)}, h.error, h.claimed_until, h.created_at, ${overlaid(sql`updated_at`, sql`greatest(h.updated_at, k.updated_at)`)}, h.ended_at,
    h.deadline_at, h.due_at, h.expires_at, h.kept_until, h.has_endpoints, k.id is not null as is_held, false as is_apart
  from ${THREADS} left join countersign_engine.held_threads(${id}::text) k on k.id = h.id
  union all
  select k.id, k.tenant_id, k.card_id, k.card_version, k.slug, 'inbox', k.relay_grant_id, k.asker_tenant, k.asker_agent, k.label, k.context_id, k.face,
    k.state, k.outcome, k.reason, k.turn, k.sequence::float8, k.skill, k.operation_id, k.reference_thread_ids, k.accepted_output_modes, k.live, null::timestamptz,
    k.approval, null::jsonb, null::timestamptz, k.created_at, k.updated_at, k.ended_at, k.deadline_at, null::timestamptz, k.expires_at, null::timestamptz, false, true, true
  from countersign_engine.held_threads(${id}::text) k where k.starts) h`

export const findCallerThread = (t: Tx, scope: Scope, id: string) => t.maybe<CallerRow>`
  select * from ${callerThreads(id)} where h.tenant_id = ${scope.tenantId}::uuid and h.id = ${id}::text`
