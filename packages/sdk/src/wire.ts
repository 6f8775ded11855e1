// The bodies that travel, member for member as the server speaks them. Only types: nothing here exists at run time.

/** Any JSON value. */
export type Json = null | boolean | number | string | Json[] | { [member: string]: Json }
/** A JSON object. */
export type JsonObject = { [member: string]: Json }
/** A JSON Schema, 2020-12 or draft-07. */
export type JsonSchema = { [keyword: string]: unknown }
/** One page of a list; `next_cursor` is null on the last. */
export type Page<T> = { data: T[]; next_cursor: string | null }

export type TaskStatus =
  | 'open'
  | 'verifying'
  | 'returned'
  | 'revising'
  | 'completed'
  | 'timed_out'
  | 'cancelled'
  | 'verification_exhausted'
export type TaskOutcome = 'answered' | 'accepted' | 'edited' | 'responded' | 'ignored' | 'denied' | 'defaulted'
export type Priority = 'low' | 'normal' | 'high' | 'urgent'
export type Risk = 'low' | 'normal' | 'high' | 'critical'
export type Assurance = 'link' | 'channel' | 'session' | 'step_up' | 'passkey'
export type OnTimeout = 'time_out' | 'deny' | { default: JsonObject }
export type Verdict = { pointer: string; approve: Json[]; deny: Json[] }
export type Redact =
  | 'none'
  | 'notify'
  | 'strict'
  | { level?: 'none' | 'notify' | 'strict'; payload?: string[]; response?: string[]; action?: string[] }

export type Decision = {
  id: string
  type: string
  state: 'pending' | 'counted' | 'returned' | 'void' | 'withdrawn'
  response: JsonObject | null
  reason: string | null
  revision: number
  user_id: string | null
  display_name: string | null
  channel: string
  created_at: string
  [member: string]: unknown
}

export type Task = {
  id: string
  version: number
  revision: number
  origin: 'agent' | 'user' | 'proxy' | 'relay' | 'queue' | 'vault'
  agent_id: string | null
  created_by: string
  on_behalf_of: string | null
  idempotency_key: string | null
  key_reuse: 'forever' | 'until_collected'
  task: string
  description: string | null
  payload: JsonObject | null
  payload_schema: JsonSchema | null
  response_schema: JsonSchema | null
  form_definition: JsonObject | null
  initial_response: JsonObject | null
  verdict: Verdict | null
  status: TaskStatus
  outcome: TaskOutcome | null
  response: JsonObject | null
  timeout_seconds: number
  deadline_at: string
  on_timeout: OnTimeout
  assign_to: Json
  notify: string[] | null
  priority: Priority
  tags: string[]
  metadata: JsonObject
  risk: Risk
  redact: Redact
  callback_url: string | null
  callback_mode: 'standard' | 'awaithumans'
  assigned_to_user_id: string | null
  assigned_to_email: string | null
  assigned_to_display_name: string | null
  completed_by_user_id: string | null
  completed_by_email: string | null
  completed_by_display_name: string | null
  completed_via_channel: string | null
  decisions: Decision[]
  verification_attempt: number
  created_at: string
  updated_at: string
  opened_at: string | null
  claimed_at: string | null
  completed_at: string | null
  timed_out_at: string | null
  cancelled_at: string | null
  collected_at: string | null
  [member: string]: unknown
}

export type CreateTask = {
  task: string
  description?: string
  payload?: unknown
  payload_schema?: JsonSchema | null
  response_schema?: JsonSchema
  form_definition?: JsonObject | null
  initial_response?: unknown
  verdict?: Verdict
  timeout_seconds?: number
  deadline_at?: string
  on_timeout?: OnTimeout
  idempotency_key?: string
  key_reuse?: 'forever' | 'until_collected'
  assign_to?: unknown
  notify?: string[]
  priority?: Priority
  tags?: string[]
  metadata?: JsonObject
  risk?: Risk
  redact?: Redact
  callback_url?: string
  callback_mode?: 'standard' | 'awaithumans'
  on_behalf_of?: string
  parent_task_id?: string
  correlation_id?: string
}
export type UpdateTask = { priority?: Priority; tags?: string[]; metadata?: JsonObject; notify?: string[]; deadline_at?: string }
export type DecideTask = {
  type: 'respond' | 'deny'
  response?: unknown
  reason?: string
  comment?: string
  seen_revision: number
  on_behalf_of?: string
}
export type TaskListPage = Page<Task>
export type TaskQuery = {
  status?: string | string[]
  outcome?: string
  assigned_to?: string
  unassigned?: boolean
  mine?: boolean
  claimable?: boolean
  agent_id?: string
  tag?: string
  priority?: Priority
  risk?: Risk
  created_after?: string
  created_before?: string
  deadline_before?: string
  idempotency_key?: string
  q?: string
  sort?: string
  cursor?: string
  limit?: number
  [filter: string]: QueryValue
}
export type QueryValue = string | number | boolean | null | undefined | readonly (string | number)[]

export type PollResult = {
  id: string
  status: TaskStatus
  version: number
  revision: number
  outcome: TaskOutcome | null
  response: JsonObject | null
  completed_at: string | null
  timed_out_at: string | null
  cancelled_at: string | null
  verification_attempt: number
}
export type WaitTasks = { ids: string[]; mode: 'any' | 'all'; timeout?: number }
export type WaitResult = { final: string[]; tasks: { [id: string]: PollResult } }

export type Agent = {
  id: string
  name: string
  description: string | null
  owner_user_id: string
  environment: 'live' | 'test'
  state: 'active' | 'paused' | 'revoked'
  created_at: string
  updated_at: string
  [member: string]: unknown
}
export type CreateAgent = { name: string; description?: string; environment?: 'live' | 'test'; owner_user_id?: string }
export type UpdateAgent = { name?: string; description?: string | null; state?: 'active' | 'paused' | 'revoked' }

export type Key = {
  id: string
  kind: string
  environment: 'live' | 'test'
  agent_id: string | null
  label: string | null
  prefix: string
  last_four: string
  scopes: string[]
  created_by: string
  created_at: string
  expires_at: string
  revoked_at: string | null
  last_used_at: string | null
  [member: string]: unknown
}
/** A key as it is answered once, when it is made or rotated. */
export type NewKey = Key & { secret?: string; secret_shown?: false }
export type CreateKey = {
  kind: 'agt' | 'usr' | 'adm'
  agent_id?: string
  label?: string
  scopes?: string[]
  expires_in_seconds?: number
  addresses?: string[]
}

export type User = { id: string; email: string; display_name: string; username: string | null; [member: string]: unknown }
export type Me = User & { role: string | null; tenant_id: string; is_host: boolean }
export type Session = {
  id: string
  started_at: string
  last_seen_at: string
  expires_at: string
  address: string | null
  client: string | null
  methods: string[]
  current: boolean
  [member: string]: unknown
}
export type SetupStatus = { needs_setup: boolean; token_active?: boolean }
export type SetupOperator = { token: string; email: string; password: string; display_name?: string }
export type SetupResult = { user_id: string; email: string; tenant_id: string }

export type EventRecord = {
  id: string
  type: string
  class: 'audit' | 'activity'
  occurred_at: string
  tenant_id: string
  actor: JsonObject
  resource: { type: string; id: string } | null
  data: JsonObject
  [member: string]: unknown
}
