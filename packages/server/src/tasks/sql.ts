// Every statement of the room, one function each. A transition is one conditional update; zero rows is an answer, and the verb says why.
import type { Role } from '../db/scope.ts'
import { join, type Sql, sql } from '../db/sql.ts'
import type { Scope, Tx } from '../db/tx.ts'
import type { DecisionSettings } from './decision-settings.ts'
import type { Quorum } from './quorum/quorum.ts'
import type { Level, StoredRedaction } from './redaction.ts'
import type { AssignTo } from './routing/form.ts'
import type { EscalationStep, Reminder, TimeoutEscalation } from './time/moments.ts'
import type { Verifier } from './verifiers/config.ts'

export type Status =
  | 'open'
  | 'verifying'
  | 'returned'
  | 'revising'
  | 'completed'
  | 'timed_out'
  | 'cancelled'
  | 'verification_exhausted'
export type Outcome = 'answered' | 'accepted' | 'edited' | 'responded' | 'ignored' | 'denied' | 'defaulted'
export const FINAL: readonly Status[] = ['completed', 'timed_out', 'cancelled', 'verification_exhausted']
export const OPEN: readonly Status[] = ['open', 'returned']
export const isFinal = (status: Status): boolean => FINAL.includes(status)

export type Verdict = { pointer: string; approve: unknown[]; deny: unknown[] }
export type Json = Record<string, unknown>

export type TaskRow = {
  id: string
  version: number
  revision: number
  origin: string
  origin_ref: string | null
  agent_id: string | null
  created_by: string
  asker: string
  on_behalf_of: string | null
  idempotency_key: string | null
  key_reuse: 'forever' | 'until_collected'
  key_freed_at: Date | null
  replay_mismatch_at: Date | null
  task: string
  description: Buffer | null
  payload: Buffer | null
  payload_schema: Json | null
  response_schema: Json
  form: string | null
  form_definition: Json | null
  initial_response: Buffer | null
  verdict: Verdict | null
  action: Buffer | null
  quorum: Quorum | null
  /** Nobody on the requester's side is counted (T41). */
  separate: boolean
  /** What the asking side wants a decision to be proven by, at least. */
  assurance: 'link' | 'channel' | 'session' | 'step_up' | 'passkey'
  votes: number
  unreachable_at: Date | null
  status: Status
  outcome: Outcome | null
  timeout_seconds: number | null
  deadline_at: Date
  on_timeout: 'time_out' | 'deny' | 'default'
  timeout_response: Buffer | null
  reminders: Reminder[] | null
  reminded: number
  reminded_at: Date | null
  escalation: EscalationStep[] | null
  escalation_step: number
  timeout_escalations: TimeoutEscalation[] | null
  timeout_step: number
  escalation_level: number
  escalated_at: Date | null
  pause_while_revising: boolean
  comment_count: number
  expect_outcome_seconds: number | null
  agent_outcome: 'succeeded' | 'failed' | 'skipped' | null
  agent_outcome_detail: Buffer | null
  agent_outcome_at: Date | null
  outcome_missing_at: Date | null
  assign_to: AssignTo | null
  asked: string[]
  assigned_to_user_id: string | null
  assigned_to_email: string | null
  assigned_to_display_name: string | null
  assigned_to_slack_user_id: string | null
  priority: 'low' | 'normal' | 'high' | 'urgent'
  priority_rank: number
  tags: string[]
  metadata: Json
  risk: 'low' | 'normal' | 'high' | 'critical'
  redact: Level
  redact_pointers: StoredRedaction['redact_pointers']
  notify: string[] | null
  require_assignee: boolean
  answer_by_reply: boolean
  delegable: boolean
  claim_seconds: number | null
  assigned_for_user_id: string | null
  unrouted_at: Date | null
  noticed_at: Date | null
  callback_url: string | null
  callback_mode: 'standard' | 'awaithumans'
  response: Buffer | null
  cancel_reason: Buffer | null
  completed_by_user_id: string | null
  completed_by_email: string | null
  completed_by_display_name: string | null
  completed_by_slack_user_id: string | null
  completed_via_channel: string | null
  verification_attempt: number
  verifier_config: Verifier[] | null
  verification_skipped: 'skipped_redacted' | null
  verifier_result: Buffer | null
  verifying_decision_id: string | null
  verifying_position: number | null
  verifying_outcome: Outcome | null
  created_at: Date
  updated_at: Date
  opened_at: Date
  verifying_at: Date | null
  returned_at: Date | null
  revising_at: Date | null
  completed_at: Date | null
  timed_out_at: Date | null
  cancelled_at: Date | null
  verification_exhausted_at: Date | null
  assigned_at: Date | null
  claimed_at: Date | null
  first_notified_at: Date | null
  first_viewed_at: Date | null
  collected_at: Date | null
  erased_at: Date | null
}

/** A new task as one JSON object: envelopes in base64, json members as their own text. */
export type NewTask = {
  id: string
  origin: string
  origin_ref: string | null
  agent_id: string | null
  created_by: string
  asker: string
  on_behalf_of: string | null
  idempotency_key: string | null
  key_reuse: string
  task: string
  description: string | null
  payload: string | null
  payload_schema: string | null
  response_schema: string
  form: string | null
  form_definition: string | null
  initial_response: string | null
  verdict: string | null
  action: string | null
  quorum: string | null
  separate: boolean
  assurance: string
  unreachable: boolean
  timeout_seconds: number | null
  deadline_at: string
  on_timeout: string
  timeout_response: string | null
  reminders: string | null
  escalation: string | null
  timeout_escalations: string | null
  pause_while_revising: boolean
  expect_outcome_seconds: number | null
  assign_to: string | null
  asked: string[]
  assigned_to_user_id: string | null
  assigned_to_email: string | null
  assigned_to_display_name: string | null
  assigned_for_user_id: string | null
  unrouted: boolean
  claim_seconds: number | null
  notify: string[] | null
  require_assignee: boolean
  answer_by_reply: boolean
  delegable: boolean
  priority: string
  tags: string[]
  metadata: string
  risk: string
  redact: string
  redact_pointers: string | null
  verifier_config: string | null
  verification_skipped: string | null
  callback_url: string | null
  callback_mode: string
  /** The task's own key under the tenant's (P124). */
  subject: string
  wrapped: string
}

const DEFAULT_REMINDERS: readonly Reminder[] = [{ at_percent: 50 }, { at_percent: 90 }]
// What the task says, an empty list too; else the tenant's, once the time is an hour or more (T37). Read in the statement itself, so that it costs no round trip.
const remindersOf = (t: Tx, scope: Scope): Sql => sql`
  case when reminders is not null then reminders::json when deadline_at - ${t.now}::timestamptz >= interval '1 hour'
    then coalesce((select d.reminders from task_defaults d where d.tenant_id = ${scope.tenantId}::uuid), ${JSON.stringify(DEFAULT_REMINDERS)}::json) end`

// What the task asks for, or what the tenant hides at least, whichever hides more: none, notify, strict stand in the order of their letters.
const redactOf = (scope: Scope): Sql => sql`
  greatest(redact collate "C", (select d.redact collate "C" from task_defaults d where d.tenant_id = ${scope.tenantId}::uuid))`

// A create that meets its key waits for the holder's commit and then inserts nothing: its repeat finds the row. Callers sort by key, so that two batches
// with the same keys wait for each other in one order. The task's key is stored by the same statement, for inserted tasks alone.
export const insertIfKeyIsFree = (t: Tx, scope: Scope, tasks: readonly NewTask[]) => t.rows<TaskRow>`
  with given as materialized (
    select * from json_to_recordset(${JSON.stringify(tasks)}::json) as g (
      id text, origin text, origin_ref text, agent_id text, created_by text, asker text, on_behalf_of text, idempotency_key text, key_reuse text,
      task text, description text, payload text, payload_schema text, response_schema text, form text, form_definition text, initial_response text,
      verdict text, action text, quorum text, separate boolean, assurance text, unreachable boolean, timeout_seconds integer, deadline_at timestamptz, on_timeout text, timeout_response text, assign_to text, asked text[],
      reminders text, escalation text, timeout_escalations text, pause_while_revising boolean, expect_outcome_seconds integer,
      assigned_to_user_id text, assigned_to_email text, assigned_to_display_name text, priority text, tags text[], metadata text,
      assigned_for_user_id text, unrouted boolean, claim_seconds integer, notify text[], require_assignee boolean, answer_by_reply boolean, delegable boolean,
      risk text, redact text, redact_pointers text, verifier_config text, verification_skipped text, callback_url text, callback_mode text, subject text, wrapped text)
  ), inserted as (
    insert into tasks (id, tenant_id, origin, origin_ref, agent_id, created_by, asker, on_behalf_of, idempotency_key, key_reuse, task, description,
      payload, payload_schema, response_schema, form, form_definition, initial_response, verdict, action, quorum, separate, assurance, unreachable_at, timeout_seconds,
      deadline_at, on_timeout, timeout_response, reminders, escalation, timeout_escalations, pause_while_revising, expect_outcome_seconds, assign_to, asked, assigned_to_user_id, assigned_to_email, assigned_to_display_name, assigned_at, priority, tags,
      assigned_for_user_id, unrouted_at, claim_seconds, notify, require_assignee, answer_by_reply, delegable,
      metadata, risk, redact, redact_pointers, verifier_config, verification_skipped, callback_url, callback_mode, created_at, updated_at, opened_at)
    select id, ${scope.tenantId}::uuid, origin, origin_ref, agent_id, created_by, asker, on_behalf_of, idempotency_key, key_reuse, task,
      decode(description, 'base64'), decode(payload, 'base64'), payload_schema::json, response_schema::json, form, form_definition::json,
      decode(initial_response, 'base64'), verdict::json, decode(action, 'base64'), quorum::json, separate, assurance,
      case when unreachable then ${t.now}::timestamptz end, timeout_seconds, deadline_at, on_timeout, decode(timeout_response, 'base64'),
      ${remindersOf(t, scope)}, escalation::json, timeout_escalations::json, pause_while_revising, expect_outcome_seconds,
      assign_to::json, asked, assigned_to_user_id, assigned_to_email, assigned_to_display_name,
      case when assigned_to_user_id is not null or assigned_to_email is not null then ${t.now}::timestamptz end, priority, tags,
      assigned_for_user_id, case when unrouted then ${t.now}::timestamptz end, claim_seconds, notify, require_assignee, answer_by_reply, delegable,
      metadata::jsonb, risk, ${redactOf(scope)}, redact_pointers::json, verifier_config::json, verification_skipped, callback_url, callback_mode, ${t.now}::timestamptz, ${t.now}::timestamptz, ${t.now}::timestamptz
    from given
    on conflict (tenant_id, asker, idempotency_key) where idempotency_key is not null and key_freed_at is null do nothing
    returning *
  ), keyed as (
    insert into subject_keys (subject, tenant_id, version, wrapped, created_at)
    select g.subject, ${scope.tenantId}::uuid, 1, decode(g.wrapped, 'base64'), ${t.now}::timestamptz
    from given g join inserted i on i.id = g.id
  )
  select * from inserted`

export const findTasksByKey = (t: Tx, scope: Scope, askers: readonly string[], keys: readonly string[]) => t.rows<TaskRow>`
  select tasks.* from unnest(${askers}::text[], ${keys}::text[]) as wanted (asker, key)
  join tasks on tasks.tenant_id = ${scope.tenantId}::uuid and tasks.asker = wanted.asker and tasks.idempotency_key = wanted.key
    and tasks.key_freed_at is null`

export const findTask = (t: Tx, scope: Scope, id: string, reached: Sql) => t.maybe<TaskRow>`
  select tasks.* from tasks where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and ${reached}`

export const findTasks = (t: Tx, scope: Scope, ids: readonly string[], reached: Sql) => t.rows<TaskRow>`
  select tasks.* from tasks where tenant_id = ${scope.tenantId}::uuid and id = any(${ids}::text[]) and ${reached}`

/** What a wait answers, and not a byte more: payloads may be large, and waits are many. */
export type PollRow = Pick<
  TaskRow,
  | 'id'
  | 'version'
  | 'revision'
  | 'status'
  | 'outcome'
  | 'response'
  | 'cancel_reason'
  | 'redact'
  | 'redact_pointers'
  | 'agent_id'
  | 'completed_at'
  | 'timed_out_at'
  | 'cancelled_at'
  | 'verification_attempt'
  | 'collected_at'
> & {
  /** The answer that lies with the asking agent, for it to say whether it can use it (T129). */
  candidate_id: string | null
}

export const findPolls = (t: Tx, scope: Scope, ids: readonly string[], reached: Sql) => t.rows<PollRow>`
  select id, version, revision, status, outcome, response, cancel_reason, redact, redact_pointers, agent_id, completed_at,
    timed_out_at, cancelled_at, verification_attempt, collected_at,
    case when status = 'verifying' and verifier_config -> verifying_position::integer ->> 'provider' = 'agent' then verifying_decision_id
      when status in ('open', 'returned') and quorum is not null and verifier_config is not null then
        (select r.decision_id from verifier_runs r where r.tenant_id = tasks.tenant_id and r.task_id = tasks.id and r.state = 'waiting'
          and r.provider = 'agent' order by r.id limit 1)
      end as candidate_id
  from tasks where tenant_id = ${scope.tenantId}::uuid and id = any(${ids}::text[]) and ${reached}`

export type VersionRow = { id: string; version: number; status: Status }

/** Of any tenants: whether tasks moved on, and nothing else. */
export const findVersions = (tenants: readonly string[], ids: readonly string[]) => sql`
  select id, version, status from countersign_engine.task_versions(${tenants}::uuid[], ${ids}::text[])`

/** `pools` as they are spelled among who is asked; `agents` are those that they own. */
export type PersonRow = {
  id: string
  display_name: string
  /** Left out of who is no user here. */
  role?: Role
  email: string | null
  emails: string[]
  pools: string[]
  agents: string[]
}

export const findPerson = (t: Tx, scope: Scope) => t.maybe<PersonRow>`
  select u.id, u.display_name, r.role, max(e.address) filter (where e.is_primary) as email, coalesce(array_agg(e.email) filter (where e.email is not null), '{}') as emails,
    coalesce((select array_agg('pool:' || m.pool_id) from pool_members m where m.tenant_id = ${scope.tenantId}::uuid and m.user_id = u.id), '{}') as pools,
    coalesce((select array_agg(a.id) from agents a where a.tenant_id = ${scope.tenantId}::uuid and a.user_id = u.id), '{}') as agents
  from roles r join users u on u.id = r.user_id left join user_emails e on e.user_id = u.id
  where r.tenant_id = ${scope.tenantId}::uuid and r.user_id = ${scope.userId}::text and r.deactivated_at is null
  group by u.id, u.display_name, r.role`

/** A user of this tenant who can act now, by id or by folded address. */
export const findAsked = (t: Tx, scope: Scope, by: { userId?: string; email?: string }) => t.maybe<{
  id: string
  display_name: string
  email: string | null
}>`
  select u.id, u.display_name, p.address as email
  from roles r join users u on u.id = r.user_id
  left join user_emails p on p.user_id = u.id and p.is_primary
  where r.tenant_id = ${scope.tenantId}::uuid and r.deactivated_at is null
    and ${by.userId === undefined ? sql`u.id = (select e.user_id from user_emails e where e.email = ${by.email}::text)` : sql`u.id = ${by.userId}::text`}`

export const findAgentNames = (t: Tx, scope: Scope, ids: readonly string[]) => t.rows<{ id: string; name: string }>`
  select id, name from agents where tenant_id = ${scope.tenantId}::uuid and id = any(${ids}::text[])`

export type Settlement = {
  status: 'completed' | 'timed_out' | 'cancelled'
  outcome: Outcome | null
  response: Buffer | null
  cancelReason: Buffer | null
  by: { user_id: string; email: string | null; display_name: string } | null
  channel: string | null
}

const settled = (t: Tx, end: Settlement): Sql => sql`
  status = ${end.status}::text, outcome = ${end.outcome}::text, response = ${end.response}::bytea, cancel_reason = ${end.cancelReason}::bytea,
  completed_by_user_id = ${end.by?.user_id ?? null}::text, completed_by_email = ${end.by?.email ?? null}::text,
  completed_by_display_name = ${end.by?.display_name ?? null}::text, completed_via_channel = ${end.channel}::text,
  completed_at = ${end.status === 'completed' ? t.now : null}::timestamptz, timed_out_at = ${end.status === 'timed_out' ? t.now : null}::timestamptz,
  cancelled_at = ${end.status === 'cancelled' ? t.now : null}::timestamptz, version = version + 1, updated_at = ${t.now}::timestamptz`

/** A decision on its way to the row: the envelope of its answer in base64, and what must still hold. */
export type Ending = {
  id: string
  outcome: Outcome
  response: string | null
  /** Null: of somebody who is no user here. */
  user_id: string | null
  email: string | null
  display_name: string
  channel: string
  revision: number
  unless_held_by_another: string | null
}

// The row's lock orders all that would settle it: the second waits, then finds another status and matches nothing (T12).
// A holder who appeared since the person looked is respected unless they step in. At most one ending a task, sorted by its id, so that two batches
// wait for each other in one order.
// The ids stand there twice: to join a list of unknown length the plan would read everything that is open.
export const decideIfOpen = (t: Tx, scope: Scope, endings: readonly Ending[]) => t.rows<TaskRow & { agent_name: string | null }>`
  update tasks set status = 'completed', outcome = g.outcome, response = decode(g.response, 'base64'), cancel_reason = null,
    completed_by_user_id = g.user_id, completed_by_email = g.email, completed_by_display_name = g.display_name,
    completed_via_channel = g.channel, completed_at = ${t.now}::timestamptz, version = version + 1, updated_at = ${t.now}::timestamptz
  from json_to_recordset(${JSON.stringify(endings)}::json) as g (id text, outcome text, response text, user_id text, email text, display_name text,
    channel text, revision integer, unless_held_by_another text)
  where tenant_id = ${scope.tenantId}::uuid and tasks.id = any(${endings.map(({ id }) => id)}::text[]) and tasks.id = g.id
    and status = any(${OPEN}::text[]) and tasks.revision = g.revision and deadline_at > ${t.now}::timestamptz
    and (g.unless_held_by_another is null or assigned_to_user_id is null or assigned_to_user_id = g.unless_held_by_another)
  returning tasks.*, (select a.name from agents a where a.tenant_id = tasks.tenant_id and a.id = tasks.agent_id) as agent_name`

// The deadline rests for an hour at most while an answer is verified (T14), and while the agent revises where that was asked (T53).
export const expireIfDue = (t: Tx, scope: Scope, id: string, end: Settlement) => t.maybe<TaskRow>`
  update tasks set ${settled(t, end)}
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and deadline_at <= ${t.now}::timestamptz
    and (status in ('open', 'returned') or status = 'revising' and not pause_while_revising
      or status = 'verifying' and verifying_at <= ${t.now}::timestamptz - interval '1 hour')
  returning *`

export const cancelIfNotFinal = (t: Tx, scope: Scope, id: string, end: Settlement) => t.maybe<TaskRow>`
  update tasks set ${settled(t, end)}
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status <> all(${FINAL}::text[])
  returning *`

export const claimIfFree = (
  t: Tx,
  scope: Scope,
  id: string,
  /** `userId` null: somebody who is no user here, known by their address. */
  holder: { userId: string | null; email: string | null; display_name: string },
) => t.maybe<TaskRow>`
  update tasks set assigned_to_user_id = ${holder.userId}::text, assigned_to_email = ${holder.email}::text,
    assigned_to_display_name = ${holder.display_name}::text, assigned_at = ${t.now}::timestamptz, claimed_at = ${t.now}::timestamptz,
    version = version + 1, updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status = any(${OPEN}::text[]) and assigned_to_user_id is null
    and claimed_at is null
  returning *`

export const releaseIfClaimed = (t: Tx, scope: Scope, id: string, holder: string | null) => t.maybe<TaskRow>`
  update tasks set assigned_to_user_id = null, assigned_to_email = null, assigned_to_display_name = null, assigned_at = null, claimed_at = null,
    version = version + 1, updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status = any(${OPEN}::text[]) and claimed_at is not null
    ${holder === null ? sql`` : sql`and coalesce(assigned_to_user_id, lower(assigned_to_email)) = ${holder}::text`}
  returning *`

/** `added`: names under which people may answer besides those who are asked already. */
export type TaskChange = {
  priority?: string
  tags?: string[]
  metadata?: string
  deadline_at?: Date
  reminders?: string
  reminded?: number
  notify?: string[]
  added?: string[]
}

// A deadline is never shortened (T5): the guard stands here, where no other write can come between.
export const updateIfNotFinal = (t: Tx, scope: Scope, id: string, change: TaskChange, version: number | null) => t.maybe<TaskRow>`
  update tasks set priority = coalesce(${change.priority ?? null}::text, priority), tags = coalesce(${change.tags ?? null}::text[], tags),
    metadata = coalesce(${change.metadata ?? null}::jsonb, metadata), deadline_at = coalesce(${change.deadline_at ?? null}::timestamptz, deadline_at),
    reminders = coalesce(${change.reminders ?? null}::json, reminders), reminded = coalesce(${change.reminded ?? null}::smallint, reminded),
    notify = coalesce(${change.notify ?? null}::text[], notify),
    asked = tasks.asked || array(select k from unnest(${change.added ?? []}::text[]) as k where k <> all(tasks.asked)),
    version = version + 1, updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status <> all(${FINAL}::text[])
    and (${change.deadline_at ?? null}::timestamptz is null or (${change.deadline_at ?? null}::timestamptz >= deadline_at and deadline_at > ${t.now}::timestamptz))
    and (${version}::integer is null or version = ${version}::integer)
  returning *`

/** The asking agent has read the end: under `until_collected` the key is free from now on (T24). */
export const collectIfFinal = (t: Tx, scope: Scope, ids: readonly string[]) => t.run`
  update tasks set collected_at = ${t.now}::timestamptz, key_freed_at = case when key_reuse = 'until_collected' then ${t.now}::timestamptz end
  where tenant_id = ${scope.tenantId}::uuid and id = any(${ids}::text[]) and status = any(${FINAL}::text[]) and collected_at is null`

export const markViewedIfNot = (t: Tx, scope: Scope, id: string) => t.run`
  update tasks set first_viewed_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and first_viewed_at is null`

export const markReplayMismatch = (t: Tx, scope: Scope, id: string) => t.run`
  update tasks set replay_mismatch_at = ${t.now}::timestamptz where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

export type DecisionRow = {
  id: string
  task_id: string
  user_id: string | null
  /** What somebody who is no user here is told apart by. */
  guest: string | null
  /** One of the two. */
  person: string
  email: string | null
  display_name: string
  type: string
  response: Buffer | null
  args: Buffer | null
  patch: Buffer | null
  reason: Buffer | null
  comment: Buffer | null
  /** In their own words, for a verifier that reads them. */
  raw_text: Buffer | null
  seen_revision: number
  state: string
  /** The group of the quorum. */
  counted_in: number | null
  /** The version of the policies by which it is remembered, and until when. */
  remembered_version: number | null
  remembered_until: Date | null
  stepped_in: boolean
  channel: string
  assurance: string
  /** The key that relayed it and says whose it is. */
  attested_by: string | null
  decided_at: Date
  decision_sha256: Buffer
}

export type NewDecision = Omit<DecisionRow, 'decided_at' | 'person'> & {
  actor_id: string
  session_id: string | null
  key_id: string | null
  address_hash: Buffer | null
  content_sha256: Buffer
  /** For figures, which read no content: whether it said yes, and where an edit differs. */
  approves: boolean | null
  edited: string[] | null
}

const base64 = (envelope: Buffer | null) => envelope?.toString('base64') ?? null

/** Answers every decision of these tasks, those before with them: whoever shows the task needs no second look. */
export const insertDecisions = (t: Tx, scope: Scope, decisions: readonly NewDecision[]) => t.rows<DecisionRow>`
  with inserted as (
  insert into decisions (id, tenant_id, task_id, user_id, guest, email, display_name, type, response, args, patch, reason, comment, raw_text, seen_revision,
    approves, edited, state, counted_in, remembered_version, remembered_until, stepped_in, channel, assurance, actor_id, session_id, key_id, attested_by, address_hash,
    content_sha256, decision_sha256, decided_at)
  select id, ${scope.tenantId}::uuid, task_id, user_id, guest, email, display_name, type, decode(response, 'base64'), decode(args, 'base64'),
    decode(patch, 'base64'), decode(reason, 'base64'), decode(comment, 'base64'), decode(raw_text, 'base64'), seen_revision, approves, edited, state, counted_in, remembered_version,
    remembered_until, stepped_in, channel, assurance, actor_id, session_id, key_id, attested_by,
    decode(address_hash, 'base64'), decode(content_sha256, 'base64'), decode(decision_sha256, 'base64'), ${t.now}::timestamptz
  from json_to_recordset(${JSON.stringify(
    decisions.map((d) => ({
      ...d,
      response: base64(d.response),
      args: base64(d.args),
      patch: base64(d.patch),
      reason: base64(d.reason),
      comment: base64(d.comment),
      raw_text: base64(d.raw_text),
      address_hash: base64(d.address_hash),
      content_sha256: base64(d.content_sha256),
      decision_sha256: base64(d.decision_sha256),
    })),
  )}::json) as g (approves boolean, edited text[], id text, task_id text, user_id text, guest text, email text, display_name text, type text, response text, args text, patch text,
    reason text, comment text, raw_text text, seen_revision integer, state text, counted_in integer, remembered_version integer, remembered_until timestamptz, stepped_in boolean, channel text, assurance text, actor_id text, session_id text, key_id text,
    attested_by text, address_hash text, content_sha256 text, decision_sha256 text)
  returning *
  )
  select * from inserted union all
  select * from decisions where tenant_id = ${scope.tenantId}::uuid and task_id = any(${decisions.map((one) => one.task_id)}::text[])
  order by id`

export const findDecisions = (t: Tx, scope: Scope, taskIds: readonly string[]) => t.rows<DecisionRow>`
  select * from decisions where tenant_id = ${scope.tenantId}::uuid and task_id = any(${taskIds}::text[]) order by id`

export type CompatibilityKeyRow = {
  version: number
  material: Buffer
  origin: 'made' | 'imported'
  created_by: string
  created_at: Date
  effective_at: Date
}

export const findCompatibilityKeys = (t: Tx, scope: Scope) => t.rows<CompatibilityKeyRow>`
  select version, material, origin, created_by, created_at, effective_at from compatibility_keys
  where tenant_id = ${scope.tenantId}::uuid order by version desc`

// Of two first uses at once the second waits for the first's commit, inserts nothing and reads the same key afterwards.
export const insertCompatibilityKeyIfNone = (t: Tx, scope: Scope, row: CompatibilityKeyRow) => t.run`
  insert into compatibility_keys (version, tenant_id, material, origin, created_by, created_at, effective_at)
  values (${row.version}::integer, ${scope.tenantId}::uuid, ${row.material}::bytea, ${row.origin}::text, ${row.created_by}::text,
    ${t.now}::timestamptz, ${row.effective_at}::timestamptz)
  on conflict (tenant_id, version) do nothing`

/** A row of a list: everything but content, schemas and forms, which only `include` brings. */
export type ListRow = Omit<
  TaskRow,
  | 'description'
  | 'initial_response'
  | 'timeout_response'
  | 'cancel_reason'
  | 'agent_outcome_detail'
  | 'verifier_result'
  | 'payload_schema'
  | 'response_schema'
  | 'form'
  | 'form_definition'
  | 'action'
>

export const findReached = (t: Tx, scope: Scope, id: string, reached: readonly Sql[]) => t.maybe<{ id: string }>`
  select id from tasks where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and ${join([...reached], ' and ')}`

// Which tasks a caller reaches, as predicates over `tasks`; person.ts says which of them holds.
export const EVERY = sql`true`
export const NONE = sql`false`
export const ofAgent = (agentId: string): Sql => sql`tasks.agent_id = ${agentId}::text`
/** Of nobody in particular and of users: an agent is its own asker, and has an index of its own. */
export const ofAsker = (asker: string): Sql => sql`(tasks.asker = ${asker}::text and tasks.agent_id is null)`
export const ofId = (id: string): Sql => sql`tasks.id = ${id}::text`
/** Asked by them or by an agent of theirs, held or answered by them, or asked of them. */
export const ofPerson = (scope: Scope, userId: string, keys: readonly string[]): Sql => sql`
  (tasks.asker = ${userId}::text or tasks.assigned_to_user_id = ${userId}::text or tasks.completed_by_user_id = ${userId}::text
    or tasks.asked && ${keys}::text[]
    or tasks.agent_id in (select a.id from agents a where a.tenant_id = ${scope.tenantId}::uuid and a.user_id = ${userId}::text))`

/** Of each decision that counts, what it was made on: the receipt names it when the content itself is gone. */
export const findDecisionDigests = (t: Tx, scope: Scope, taskId: string) => t.rows<{ id: string; content_sha256: Buffer }>`
  select id, content_sha256 from decisions where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text`

type Unset = { [Name in keyof DecisionSettings]: null }

/** All null where the tenant has set nothing; with the version of the policies that is active. */
export const findDecisionRules = (t: Tx, scope: Scope) => t.one<(DecisionSettings | Unset) & { policy_version: number | null }>`
  select s.step_in, s.decision_assurance, s.separate_duties, s.critical_quorum, s.deny_reason, (
    select version from policy_activations where tenant_id = ${scope.tenantId}::uuid order by ordinal desc limit 1
  ) as policy_version
  from (values (1)) one left join decision_settings s on s.tenant_id = ${scope.tenantId}::uuid`

export const putDecisionSettings = (t: Tx, scope: Scope, settings: DecisionSettings) => t.run`
  insert into decision_settings (step_in, tenant_id, decision_assurance, separate_duties, critical_quorum, deny_reason, changed_by, changed_at)
  values (${settings.step_in}::boolean, ${scope.tenantId}::uuid, ${settings.decision_assurance}::text, ${settings.separate_duties}::text,
    ${settings.critical_quorum}::integer, ${settings.deny_reason}::boolean, ${scope.principal}::text, ${t.now}::timestamptz)
  on conflict (tenant_id) do update set step_in = excluded.step_in, decision_assurance = excluded.decision_assurance,
    separate_duties = excluded.separate_duties, critical_quorum = excluded.critical_quorum, deny_reason = excluded.deny_reason,
    changed_by = excluded.changed_by, changed_at = excluded.changed_at`
