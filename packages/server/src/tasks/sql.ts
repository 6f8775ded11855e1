// Every statement of the room, one function each. A transition is one conditional update; zero rows is an answer, and the verb says why.
import { join, type Sql, sql } from '../db/sql.ts'
import type { Scope, Tx } from '../db/tx.ts'

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
export type AssignTo = { email: string } | { emails: string[] } | { user_id: string }
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
  form_definition: Json | null
  initial_response: Buffer | null
  verdict: Verdict | null
  status: Status
  outcome: Outcome | null
  timeout_seconds: number | null
  deadline_at: Date
  on_timeout: 'time_out' | 'deny' | 'default'
  timeout_response: Buffer | null
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
  redact: 'none' | 'notify' | 'strict'
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
  form_definition: string | null
  initial_response: string | null
  verdict: string | null
  timeout_seconds: number | null
  deadline_at: string
  on_timeout: string
  timeout_response: string | null
  assign_to: string | null
  asked: string[]
  assigned_to_user_id: string | null
  assigned_to_email: string | null
  assigned_to_display_name: string | null
  priority: string
  tags: string[]
  metadata: string
  risk: string
  redact: string
  callback_url: string | null
  callback_mode: string
  /** The task's own key under the tenant's (P124). */
  subject: string
  wrapped: string
}

// A create that meets its key waits for the holder's commit and then inserts nothing: its repeat finds the row. Callers sort by key, so that two batches
// with the same keys wait for each other in one order. The task's key is stored by the same statement, for inserted tasks alone.
export const insertIfKeyIsFree = (t: Tx, scope: Scope, tasks: readonly NewTask[]) => t.rows<TaskRow>`
  with given as materialized (
    select * from json_to_recordset(${JSON.stringify(tasks)}::json) as g (
      id text, origin text, origin_ref text, agent_id text, created_by text, asker text, on_behalf_of text, idempotency_key text, key_reuse text,
      task text, description text, payload text, payload_schema text, response_schema text, form_definition text, initial_response text,
      verdict text, timeout_seconds integer, deadline_at timestamptz, on_timeout text, timeout_response text, assign_to text, asked text[],
      assigned_to_user_id text, assigned_to_email text, assigned_to_display_name text, priority text, tags text[], metadata text,
      risk text, redact text, callback_url text, callback_mode text, subject text, wrapped text)
  ), inserted as (
    insert into tasks (id, tenant_id, origin, origin_ref, agent_id, created_by, asker, on_behalf_of, idempotency_key, key_reuse, task, description,
      payload, payload_schema, response_schema, form_definition, initial_response, verdict, timeout_seconds, deadline_at, on_timeout,
      timeout_response, assign_to, asked, assigned_to_user_id, assigned_to_email, assigned_to_display_name, assigned_at, priority, tags,
      metadata, risk, redact, callback_url, callback_mode, created_at, updated_at, opened_at)
    select id, ${scope.tenantId}::uuid, origin, origin_ref, agent_id, created_by, asker, on_behalf_of, idempotency_key, key_reuse, task,
      decode(description, 'base64'), decode(payload, 'base64'), payload_schema::json, response_schema::json, form_definition::json,
      decode(initial_response, 'base64'), verdict::json, timeout_seconds, deadline_at, on_timeout, decode(timeout_response, 'base64'),
      assign_to::json, asked, assigned_to_user_id, assigned_to_email, assigned_to_display_name,
      case when assigned_to_user_id is not null or assigned_to_email is not null then ${t.now}::timestamptz end, priority, tags,
      metadata::jsonb, risk, redact, callback_url, callback_mode, ${t.now}::timestamptz, ${t.now}::timestamptz, ${t.now}::timestamptz
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
  | 'agent_id'
  | 'completed_at'
  | 'timed_out_at'
  | 'cancelled_at'
  | 'verification_attempt'
  | 'collected_at'
>

export const findPolls = (t: Tx, scope: Scope, ids: readonly string[], reached: Sql) => t.rows<PollRow>`
  select id, version, revision, status, outcome, response, cancel_reason, redact, agent_id, completed_at, timed_out_at, cancelled_at,
    verification_attempt, collected_at
  from tasks where tenant_id = ${scope.tenantId}::uuid and id = any(${ids}::text[]) and ${reached}`

export type VersionRow = { id: string; version: number; status: Status }

/** Of any tenants: whether tasks moved on, and nothing else. */
export const findVersions = (tenants: readonly string[], ids: readonly string[]) => sql`
  select id, version, status from countersign_engine.task_versions(${tenants}::uuid[], ${ids}::text[])`

export type PersonRow = { id: string; display_name: string; email: string | null; emails: string[] }

export const findPerson = (t: Tx, scope: Scope) => t.maybe<PersonRow>`
  select u.id, u.display_name, max(e.address) filter (where e.is_primary) as email, coalesce(array_agg(e.email) filter (where e.email is not null), '{}') as emails
  from roles r join users u on u.id = r.user_id left join user_emails e on e.user_id = u.id
  where r.tenant_id = ${scope.tenantId}::uuid and r.user_id = ${scope.userId}::text and r.deactivated_at is null
  group by u.id, u.display_name`

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
  response: string | null
  user_id: string
  email: string | null
  display_name: string
  channel: string
  revision: number
  unless_held_by_another: string | null
}

// The row's lock orders all that would settle it: the second waits, then finds another status and matches nothing (T12).
// A holder who appeared since the person looked is respected unless they step in. At most one ending a task, sorted by its id, so that two batches
// wait for each other in one order.
export const decideIfOpen = (t: Tx, scope: Scope, endings: readonly Ending[]) => t.rows<TaskRow>`
  update tasks set status = 'completed', outcome = 'answered', response = decode(g.response, 'base64'), cancel_reason = null,
    completed_by_user_id = g.user_id, completed_by_email = g.email, completed_by_display_name = g.display_name,
    completed_via_channel = g.channel, completed_at = ${t.now}::timestamptz, version = version + 1, updated_at = ${t.now}::timestamptz
  from json_to_recordset(${JSON.stringify(endings)}::json) as g (id text, response text, user_id text, email text, display_name text,
    channel text, revision integer, unless_held_by_another text)
  where tenant_id = ${scope.tenantId}::uuid and tasks.id = g.id and status = any(${OPEN}::text[]) and tasks.revision = g.revision
    and deadline_at > ${t.now}::timestamptz
    and (g.unless_held_by_another is null or assigned_to_user_id is null or assigned_to_user_id = g.unless_held_by_another)
  returning tasks.*`

export const expireIfDue = (t: Tx, scope: Scope, id: string, end: Settlement) => t.maybe<TaskRow>`
  update tasks set ${settled(t, end)}
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status = any(${['open', 'returned', 'revising']}::text[])
    and deadline_at <= ${t.now}::timestamptz
  returning *`

export const cancelIfNotFinal = (t: Tx, scope: Scope, id: string, end: Settlement) => t.maybe<TaskRow>`
  update tasks set ${settled(t, end)}
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status <> all(${FINAL}::text[])
  returning *`

export const claimIfFree = (
  t: Tx,
  scope: Scope,
  id: string,
  holder: { id: string; email: string | null; display_name: string },
) => t.maybe<TaskRow>`
  update tasks set assigned_to_user_id = ${holder.id}::text, assigned_to_email = ${holder.email}::text,
    assigned_to_display_name = ${holder.display_name}::text, assigned_at = ${t.now}::timestamptz, claimed_at = ${t.now}::timestamptz,
    version = version + 1, updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status = any(${OPEN}::text[]) and assigned_to_user_id is null
  returning *`

export const releaseIfClaimed = (t: Tx, scope: Scope, id: string, holder: string | null) => t.maybe<TaskRow>`
  update tasks set assigned_to_user_id = null, assigned_to_email = null, assigned_to_display_name = null, assigned_at = null, claimed_at = null,
    version = version + 1, updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status = any(${OPEN}::text[]) and claimed_at is not null
    ${holder === null ? sql`` : sql`and assigned_to_user_id = ${holder}::text`}
  returning *`

export type TaskChange = { priority?: string; tags?: string[]; metadata?: string; deadline_at?: Date }

// A deadline is never shortened (T5): the guard stands here, where no other write can come between.
export const updateIfNotFinal = (t: Tx, scope: Scope, id: string, change: TaskChange, version: number | null) => t.maybe<TaskRow>`
  update tasks set priority = coalesce(${change.priority ?? null}::text, priority), tags = coalesce(${change.tags ?? null}::text[], tags),
    metadata = coalesce(${change.metadata ?? null}::jsonb, metadata), deadline_at = coalesce(${change.deadline_at ?? null}::timestamptz, deadline_at),
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
  user_id: string
  email: string | null
  display_name: string
  type: string
  response: Buffer | null
  reason: Buffer | null
  comment: Buffer | null
  seen_revision: number
  state: string
  stepped_in: boolean
  channel: string
  assurance: string
  decided_at: Date
  decision_sha256: Buffer
}

export type NewDecision = Omit<DecisionRow, 'decided_at'> & {
  actor_id: string
  session_id: string | null
  key_id: string | null
  address_hash: Buffer | null
  content_sha256: Buffer
}

const base64 = (envelope: Buffer | null) => envelope?.toString('base64') ?? null

export const insertDecisions = (t: Tx, scope: Scope, decisions: readonly NewDecision[]) => t.run`
  insert into decisions (id, tenant_id, task_id, user_id, email, display_name, type, response, reason, comment, seen_revision, state,
    stepped_in, channel, assurance, actor_id, session_id, key_id, address_hash, content_sha256, decision_sha256, decided_at)
  select id, ${scope.tenantId}::uuid, task_id, user_id, email, display_name, type, decode(response, 'base64'), decode(reason, 'base64'),
    decode(comment, 'base64'), seen_revision, state, stepped_in, channel, assurance, actor_id, session_id, key_id,
    decode(address_hash, 'base64'), decode(content_sha256, 'base64'), decode(decision_sha256, 'base64'), ${t.now}::timestamptz
  from json_to_recordset(${JSON.stringify(
    decisions.map((d) => ({
      ...d,
      response: base64(d.response),
      reason: base64(d.reason),
      comment: base64(d.comment),
      address_hash: base64(d.address_hash),
      content_sha256: base64(d.content_sha256),
      decision_sha256: base64(d.decision_sha256),
    })),
  )}::json) as g (id text, task_id text, user_id text, email text, display_name text, type text, response text, reason text, comment text,
    seen_revision integer, state text, stepped_in boolean, channel text, assurance text, actor_id text, session_id text, key_id text,
    address_hash text, content_sha256 text, decision_sha256 text)`

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
  | 'payload_schema'
  | 'response_schema'
  | 'form_definition'
>

export const findReached = (t: Tx, scope: Scope, id: string, reached: readonly Sql[]) => t.maybe<{ id: string }>`
  select id from tasks where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and ${join([...reached], ' and ')}`

// Which tasks a caller reaches, as predicates over `tasks`; person.ts says which of them holds.
export const EVERY = sql`true`
export const NONE = sql`false`
export const ofAgent = (agentId: string): Sql => sql`tasks.agent_id = ${agentId}::text`
export const ofAsker = (asker: string): Sql => sql`tasks.asker = ${asker}::text`
export const ofId = (id: string): Sql => sql`tasks.id = ${id}::text`
/** Asked by them or by an agent of theirs, held or answered by them, or asked of them. */
export const ofPerson = (scope: Scope, userId: string, keys: readonly string[]): Sql => sql`
  (tasks.asker = ${userId}::text or tasks.assigned_to_user_id = ${userId}::text or tasks.completed_by_user_id = ${userId}::text
    or tasks.asked && ${keys}::text[]
    or tasks.agent_id in (select a.id from agents a where a.tenant_id = ${scope.tenantId}::uuid and a.user_id = ${userId}::text))`

/** Of each decision that counts, what it was made on: the receipt names it when the content itself is gone. */
export const findDecisionDigests = (t: Tx, scope: Scope, taskId: string) => t.rows<{ id: string; content_sha256: Buffer }>`
  select id, content_sha256 from decisions where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text`
