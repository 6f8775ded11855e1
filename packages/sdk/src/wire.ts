// Made from the contract table of the server by `npm run generate`; a change here is lost. Types only, nothing of this is in the built code.

export type Json = null | boolean | number | string | Json[] | { [member: string]: Json }

export type Agent = {
  id: string
  name: string
  description: string
  owner_user_id: string
  owner_display_name: string
  environment: 'live' | 'test'
  state: 'unclaimed' | 'active' | 'paused' | 'revoked'
  created_at: string
  updated_at: string
}

export type CompatibilityKey = {
  version: number
  origin: 'made' | 'imported'
  created_at: string
  effective_at: string
}

/** What one human decided about a task. */
export type Decision = {
  id: string
  task_id: string
  user_id: string
  display_name: string
  email: string | null
  type: 'respond' | 'accept' | 'edit' | 'ignore' | 'deny'
  /** `{"_redacted": true}` where the caller may not see it. */
  response: Json
  /** `{"_redacted": true}` where the caller may not see it. */
  reason: Json
  /** `{"_redacted": true}` where the caller may not see it. */
  comment: Json
  seen_revision: number
  state: 'pending' | 'counted' | 'returned' | 'void' | 'withdrawn'
  /** Decided by somebody who was not asked; the reason then says why. */
  stepped_in: boolean
  channel: 'dashboard' | 'email' | 'slack' | 'embed' | 'webhook' | 'api' | 'cli'
  assurance: 'link' | 'channel' | 'session' | 'step_up' | 'passkey'
  decided_at: string
  /** What was decided about what was shown, in hex. */
  decision_sha256: string
}

/** What happened, who did it and to what. It holds ids, states and names of fields, never content. */
export type Event = {
  id: string
  type: string
  class: 'audit' | 'activity'
  occurred_at: string
  tenant_id: string
  actor: {
    type: 'user' | 'agent' | 'key' | 'system'
    id: string
    session_id?: string
    key_id?: string
  }
  on_behalf_of: {
    type: 'user' | 'agent' | 'key' | 'system'
    id: string
  }[]
  resource: {
    type: string
    id: string
  } | null
  data: { [member: string]: Json }
  before?: { [member: string]: Json }
  after?: { [member: string]: Json }
  decision?: { [member: string]: Json }
  request_id: string | null
}

export type EventType = {
  name: string
  class: 'audit' | 'activity'
  says: string
}

export type Invitation = {
  id: string
  email: string
  role: 'owner' | 'admin' | 'operator' | 'member' | 'reviewer' | 'auditor' | 'viewer'
  invited_by: string
  state: 'open' | 'accepted' | 'expired' | 'revoked'
  created_at: string
  expires_at: string
  accepted_at: string | null
  revoked_at: string | null
}

export type Joined = {
  user_id: string
  email: string
  tenant_id: string
}

export type Key = {
  id: string
  kind: 'agt' | 'usr' | 'adm'
  environment: 'live' | 'test'
  name: string
  agent_id: string | null
  scopes: string[]
  addresses: string[]
  created_by: string
  created_by_display_name: string
  prefix: string
  last_four: string
  state: 'active' | 'expired' | 'revoked'
  created_at: string
  expires_at: string
  revoked_at: string | null
  /** Until then the token before the last rotation works too. */
  rotation_ends_at: string | null
  /** The day, in UTC. */
  last_used_at: string | null
  /** The /24 or /48 of the last use. */
  last_used_from: string | null
}

export type MadeInvitation = {
  id: string
  email: string
  role: 'owner' | 'admin' | 'operator' | 'member' | 'reviewer' | 'auditor' | 'viewer'
  invited_by: string
  state: 'open' | 'accepted' | 'expired' | 'revoked'
  created_at: string
  expires_at: string
  accepted_at: string | null
  revoked_at: string | null
  link?: string
  secret_shown?: boolean
}

export type Me = {
  id: string
  display_name: string
  username: string | null
  email: string
  role: 'owner' | 'admin' | 'operator' | 'member' | 'reviewer' | 'auditor' | 'viewer'
  state: 'active' | 'deactivated'
  is_host: boolean
  created_at: string
  tenant_id: string
  tenant_name: string
  session_id: string | null
  /** How far each action reaches for this person; what is not here is not open. */
  may: { [member: string]: 'any' | 'own' }
}

export type NewCompatibilityKey = {
  version: number
  origin: 'made' | 'imported'
  created_at: string
  effective_at: string
  key: string
  secret: string
}

export type NewKey = {
  id: string
  kind: 'agt' | 'usr' | 'adm'
  environment: 'live' | 'test'
  name: string
  agent_id: string | null
  scopes: string[]
  addresses: string[]
  created_by: string
  created_by_display_name: string
  prefix: string
  last_four: string
  state: 'active' | 'expired' | 'revoked'
  created_at: string
  expires_at: string
  revoked_at: string | null
  /** Until then the token before the last rotation works too. */
  rotation_ends_at: string | null
  /** The day, in UTC. */
  last_used_at: string | null
  /** The /24 or /48 of the last use. */
  last_used_from: string | null
  /** The key itself, in this answer only. */
  secret?: string
  /** false in a replayed answer, which no longer has the secret. */
  secret_shown?: boolean
}

export type Session = {
  id: string
  started_at: string
  last_seen_at: string
  expires_at: string
  address: string | null
  client: string | null
  methods: string[]
  assurance: 'session' | 'step_up'
  current: boolean
}

export type SetupStatus = {
  needs_setup: boolean
  token_active?: boolean
}

/** A question to a human, and its answer. */
export type Task = {
  id: string
  /** Grows with every change; also the ETag. */
  version: number
  /** Grows with every new content that is shown to the human. */
  revision: number
  origin: 'agent' | 'user' | 'proxy' | 'relay' | 'queue' | 'vault'
  origin_ref: string | null
  agent_id: string | null
  agent_name: string | null
  created_by: string
  on_behalf_of: string | null
  idempotency_key: string | null
  key_reuse: 'forever' | 'until_collected'
  replay_mismatch_at: string | null
  task: string
  verdict: { [member: string]: Json } | null
  status: 'open' | 'verifying' | 'returned' | 'revising' | 'completed' | 'timed_out' | 'cancelled' | 'verification_exhausted'
  outcome: 'answered' | 'accepted' | 'edited' | 'responded' | 'ignored' | 'denied' | 'defaulted' | null
  timeout_seconds: number | null
  deadline_at: string
  /** Any JSON value. */
  assign_to: Json
  assigned_to_user_id: string | null
  assigned_to_email: string | null
  assigned_to_display_name: string | null
  assigned_to_slack_user_id: string | null
  priority: 'low' | 'normal' | 'high' | 'urgent'
  tags: string[]
  metadata: { [member: string]: Json }
  risk: 'low' | 'normal' | 'high' | 'critical'
  redact: 'none' | 'notify' | 'strict'
  redact_payload: boolean
  /** Any JSON value. */
  verifier_config: Json
  /** Any JSON value. */
  verifier_result: Json
  verification_attempt: number
  callback_url: string | null
  callback_mode: 'standard' | 'awaithumans'
  completed_by_user_id: string | null
  completed_by_email: string | null
  completed_by_display_name: string | null
  completed_by_slack_user_id: string | null
  completed_via_channel: string | null
  created_at: string
  updated_at: string
  opened_at: string
  verifying_at: string | null
  returned_at: string | null
  revising_at: string | null
  completed_at: string | null
  timed_out_at: string | null
  cancelled_at: string | null
  verification_exhausted_at: string | null
  assigned_at: string | null
  claimed_at: string | null
  first_notified_at: string | null
  first_viewed_at: string | null
  collected_at: string | null
  erased_at: string | null
  /** The page on which people answer. */
  url: string
  /** `{"_redacted": true}` where the caller may not see it. */
  description: Json
  /** `{"_redacted": true}` where the caller may not see it. */
  payload: Json
  payload_schema: { [member: string]: Json } | null
  response_schema: { [member: string]: Json }
  form_definition: { [member: string]: Json } | null
  /** `{"_redacted": true}` where the caller may not see it. */
  initial_response: Json
  /** Any JSON value. */
  on_timeout: Json
  /** `{"_redacted": true}` where the caller may not see it. */
  response: Json
  /** `{"_redacted": true}` where the caller may not see it. */
  cancel_reason: Json
  decisions: Decision[]
  /** What the caller may do with the task in its present state. */
  may: ('decide' | 'step_in' | 'claim' | 'release' | 'cancel' | 'update')[]
}

/** How a task stands, for whoever waits for it. */
export type TaskPoll = {
  id: string
  status: 'open' | 'verifying' | 'returned' | 'revising' | 'completed' | 'timed_out' | 'cancelled' | 'verification_exhausted'
  version: number
  revision: number
  outcome: 'answered' | 'accepted' | 'edited' | 'responded' | 'ignored' | 'denied' | 'defaulted' | null
  /** `{"_redacted": true}` where the caller may not see it. */
  response: Json
  /** `{"_redacted": true}` where the caller may not see it. */
  cancel_reason: Json
  completed_at: string | null
  timed_out_at: string | null
  cancelled_at: string | null
  verification_attempt: number
}

export type TaskRecordEntry = {
  id: string
  type: string
  occurred_at: string
  actor: {
    type: 'user' | 'agent' | 'key' | 'system'
    id: string
    session_id?: string
    key_id?: string
  }
  data: { [member: string]: Json }
  request_id: string | null
}

/** A task in a list: without its content. */
export type TaskRow = {
  id: string
  /** Grows with every change; also the ETag. */
  version: number
  /** Grows with every new content that is shown to the human. */
  revision: number
  origin: 'agent' | 'user' | 'proxy' | 'relay' | 'queue' | 'vault'
  origin_ref: string | null
  agent_id: string | null
  agent_name: string | null
  created_by: string
  on_behalf_of: string | null
  idempotency_key: string | null
  key_reuse: 'forever' | 'until_collected'
  replay_mismatch_at: string | null
  task: string
  verdict: { [member: string]: Json } | null
  status: 'open' | 'verifying' | 'returned' | 'revising' | 'completed' | 'timed_out' | 'cancelled' | 'verification_exhausted'
  outcome: 'answered' | 'accepted' | 'edited' | 'responded' | 'ignored' | 'denied' | 'defaulted' | null
  timeout_seconds: number | null
  deadline_at: string
  /** Any JSON value. */
  assign_to: Json
  assigned_to_user_id: string | null
  assigned_to_email: string | null
  assigned_to_display_name: string | null
  assigned_to_slack_user_id: string | null
  priority: 'low' | 'normal' | 'high' | 'urgent'
  tags: string[]
  metadata: { [member: string]: Json }
  risk: 'low' | 'normal' | 'high' | 'critical'
  redact: 'none' | 'notify' | 'strict'
  redact_payload: boolean
  /** Any JSON value. */
  verifier_config: Json
  /** Any JSON value. */
  verifier_result: Json
  verification_attempt: number
  callback_url: string | null
  callback_mode: 'standard' | 'awaithumans'
  completed_by_user_id: string | null
  completed_by_email: string | null
  completed_by_display_name: string | null
  completed_by_slack_user_id: string | null
  completed_via_channel: string | null
  created_at: string
  updated_at: string
  opened_at: string
  verifying_at: string | null
  returned_at: string | null
  revising_at: string | null
  completed_at: string | null
  timed_out_at: string | null
  cancelled_at: string | null
  verification_exhausted_at: string | null
  assigned_at: string | null
  claimed_at: string | null
  first_notified_at: string | null
  first_viewed_at: string | null
  collected_at: string | null
  erased_at: string | null
  /** The page on which people answer. */
  url: string
  /** `{"_redacted": true}` where the caller may not see it. */
  payload?: Json
  /** `{"_redacted": true}` where the caller may not see it. */
  response?: Json
}

export type TaskWait = {
  tasks: { [member: string]: TaskPoll }
  final: string[]
  pending: string[]
}

export type User = {
  id: string
  display_name: string
  username: string | null
  email: string
  role: 'owner' | 'admin' | 'operator' | 'member' | 'reviewer' | 'auditor' | 'viewer'
  state: 'active' | 'deactivated'
  is_host: boolean
  created_at: string
}

/** Every native route by its head. */
export type Routes = {
  'GET /setup/status': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: SetupStatus
    }
  }
  'POST /setup/operator': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      token: string
      email: string
      password: string
      display_name?: string
    }
    answers: {
      201: Joined
    }
  }
  'POST /auth/login': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      login: string
      password: string
    }
    answers: {
      204: undefined
    }
  }
  'POST /auth/logout': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      204: undefined
    }
  }
  'POST /auth/step-up': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      password: string
    }
    answers: {
      204: undefined
    }
  }
  'GET /auth/me': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: Me
    }
  }
  'GET /me': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: Me
    }
  }
  'PATCH /me': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      display_name?: string
      username?: string | null
    }
    answers: {
      200: User
    }
  }
  'POST /me/password': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      old_password?: string
      password: string
    }
    answers: {
      204: undefined
    }
  }
  'GET /me/sessions': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        data: Session[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'DELETE /me/sessions/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      204: undefined
    }
  }
  'DELETE /me/sessions': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      204: undefined
    }
  }
  'GET /users': {
    params: Record<string, never>
    query: { limit?: number; cursor?: string }
    body: undefined
    answers: {
      200: {
        data: User[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'GET /users/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: User
    }
  }
  'PATCH /users/:id': {
    params: { id: string }
    query: Record<string, never>
    body: {
      state: 'active' | 'deactivated'
    }
    answers: {
      200: User
    }
  }
  'DELETE /users/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      204: undefined
    }
  }
  'PUT /users/:id/role': {
    params: { id: string }
    query: Record<string, never>
    body: {
      role: 'owner' | 'admin' | 'operator' | 'member' | 'reviewer' | 'auditor' | 'viewer'
    }
    answers: {
      200: User
    }
  }
  'GET /invitations': {
    params: Record<string, never>
    query: { limit?: number; cursor?: string }
    body: undefined
    answers: {
      200: {
        data: Invitation[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'POST /invitations': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      email: string
      role: 'owner' | 'admin' | 'operator' | 'member' | 'reviewer' | 'auditor' | 'viewer'
    }
    answers: {
      201: MadeInvitation
    }
  }
  'DELETE /invitations/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      204: undefined
    }
  }
  'POST /invitations/accept': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      token: string
      email: string
      password: string
      display_name?: string
    }
    answers: {
      201: Joined
    }
  }
  'GET /agents': {
    params: Record<string, never>
    query: { limit?: number; cursor?: string; state?: 'unclaimed' | 'active' | 'paused' | 'revoked' }
    body: undefined
    answers: {
      200: {
        data: Agent[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'POST /agents': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      name: string
      description?: string
      environment?: 'live' | 'test'
      owner_user_id?: string
    }
    answers: {
      201: Agent
    }
  }
  'GET /agents/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Agent
    }
  }
  'PATCH /agents/:id': {
    params: { id: string }
    query: Record<string, never>
    body: {
      name?: string
      description?: string
      state?: 'active' | 'paused' | 'revoked'
    }
    answers: {
      200: Agent
    }
  }
  'GET /keys': {
    params: Record<string, never>
    query: { limit?: number; cursor?: string; agent_id?: string; kind?: 'agt' | 'usr' | 'adm' }
    body: undefined
    answers: {
      200: {
        data: Key[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'POST /keys': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      kind: 'agt' | 'usr' | 'adm'
      agent_id?: string
      name?: string
      scopes?: (
        | 'accounts:*'
        | 'accounts:erase'
        | 'accounts:export'
        | 'agents:*'
        | 'agents:create'
        | 'agents:read'
        | 'agents:revoke'
        | 'agents:update'
        | 'audit:*'
        | 'audit:export'
        | 'audit:verify'
        | 'cards:*'
        | 'cards:publish'
        | 'checkpoints:*'
        | 'checkpoints:read'
        | 'connection_requests:*'
        | 'connection_requests:decide'
        | 'connections:*'
        | 'connections:create'
        | 'connections:delete'
        | 'connections:read'
        | 'deliveries:*'
        | 'deliveries:cancel'
        | 'deliveries:read'
        | 'deliveries:replay'
        | 'deliveries:skip'
        | 'directories:*'
        | 'directories:manage'
        | 'endpoints:*'
        | 'endpoints:create'
        | 'endpoints:delete'
        | 'endpoints:pause'
        | 'endpoints:read'
        | 'endpoints:rotate'
        | 'endpoints:test'
        | 'endpoints:update'
        | 'erasures:*'
        | 'erasures:confirm'
        | 'erasures:plan'
        | 'events:*'
        | 'events:list'
        | 'exports:*'
        | 'exports:create'
        | 'grants:*'
        | 'grants:create'
        | 'grants:revoke'
        | 'holds:*'
        | 'holds:set'
        | 'jobs:*'
        | 'jobs:cancel'
        | 'jobs:enqueue'
        | 'jobs:read'
        | 'jobs:retry'
        | 'keys:*'
        | 'keys:create'
        | 'keys:read'
        | 'keys:revoke'
        | 'keys:rotate'
        | 'metrics:read'
        | 'policies:*'
        | 'policies:activate'
        | 'policies:dry_run'
        | 'policies:read'
        | 'policies:write'
        | 'providers:*'
        | 'providers:manage'
        | 'queues:*'
        | 'queues:drain'
        | 'queues:pause'
        | 'queues:read'
        | 'queues:resume'
        | 'relay_grants:*'
        | 'relay_grants:revoke'
        | 'relay_grants:rotate'
        | 'roles:*'
        | 'roles:change'
        | 'sessions:*'
        | 'sessions:list'
        | 'sessions:revoke'
        | 'sinks:*'
        | 'sinks:manage'
        | 'tasks:*'
        | 'tasks:audit'
        | 'tasks:cancel'
        | 'tasks:claim'
        | 'tasks:comment'
        | 'tasks:configure'
        | 'tasks:content'
        | 'tasks:create'
        | 'tasks:decide'
        | 'tasks:decide_for'
        | 'tasks:delete'
        | 'tasks:embed'
        | 'tasks:export'
        | 'tasks:extend'
        | 'tasks:list'
        | 'tasks:override'
        | 'tasks:poll'
        | 'tasks:read'
        | 'tasks:reassign'
        | 'tasks:receipt'
        | 'tasks:release'
        | 'tasks:report_outcome'
        | 'tasks:reveal'
        | 'tasks:revise'
        | 'tasks:route'
        | 'tasks:send_back'
        | 'tasks:stats'
        | 'tasks:stream'
        | 'tasks:timeline'
        | 'tasks:update'
        | 'tasks:verify'
        | 'tasks:withdraw_vote'
        | 'tenants:*'
        | 'tenants:close'
        | 'tenants:read'
        | 'tenants:transfer'
        | 'tenants:update'
        | 'threads:*'
        | 'threads:close'
        | 'threads:read'
        | 'users:*'
        | 'users:invite'
        | 'users:list'
        | 'users:remove'
        | 'users:reset'
      )[]
      addresses?: string[]
      environment?: 'live' | 'test'
      expires_in_seconds?: number
    }
    answers: {
      201: NewKey
    }
  }
  'GET /keys/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Key
    }
  }
  'POST /keys/:id/rotate': {
    params: { id: string }
    query: Record<string, never>
    body: {
      overlap_seconds?: number
    }
    answers: {
      201: NewKey
    }
  }
  'POST /keys/:id/revoke': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      204: undefined
    }
  }
  'POST /keys/revoke': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      created_by?: string
      agent_id?: string
      kind?: 'agt' | 'usr' | 'adm'
      created_before?: string
    }
    answers: {
      200: {
        revoked: number
      }
    }
  }
  'GET /events': {
    params: Record<string, never>
    query: {
      actor?: string
      resource?: string
      type?: string
      class?: 'audit' | 'activity'
      since?: string
      until?: string
      limit?: number
      cursor?: string
    }
    body: undefined
    answers: {
      200: {
        data: Event[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'GET /events/types': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        data: EventType[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'GET /events/stream': {
    params: Record<string, never>
    query: { actor?: string; resource?: string; type?: string; class?: 'audit' | 'activity' }
    body: undefined
    answers: {
      200: ReadableStream<Uint8Array>
    }
  }
  'GET /events/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Event
    }
  }
  'POST /tasks': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      task: string
      payload?: { [member: string]: Json } | null
      payload_schema?: { [member: string]: Json } | null
      /** Any JSON value. */
      response_schema: Json
      form_definition?: { [member: string]: Json } | null
      initial_response?: { [member: string]: Json } | null
      /** A mail address, a list of addresses, `{email}`, `{emails}`, `{user_id}`, or null: whoever runs the work. */
      assign_to?: Json
      callback_url?: string | null
      redact_payload?: boolean | null
      description?: string | null
      verdict?: {
        pointer: string
        approve: Json[]
        deny: Json[]
      } | null
      idempotency_key?: string | null
      key_reuse?: 'forever' | 'until_collected'
      timeout_seconds?: number
      deadline_at?: string
      on_timeout?:
        | 'time_out'
        | 'deny'
        | {
            default: { [member: string]: Json }
          }
      priority?: 'low' | 'normal' | 'high' | 'urgent'
      tags?: string[]
      metadata?: { [member: string]: Json } | null
      risk?: 'low' | 'normal' | 'high'
      redact?: 'none' | 'notify'
      callback_mode?: 'standard' | 'awaithumans'
      on_behalf_of?: string | null
    }
    answers: {
      200: Task
      201: Task
    }
  }
  'GET /tasks': {
    params: Record<string, never>
    query: {
      status?: string[]
      outcome?: ('answered' | 'accepted' | 'edited' | 'responded' | 'ignored' | 'denied' | 'defaulted')[]
      assigned_to?: string
      unassigned?: boolean
      mine?: boolean
      agent_id?: string
      origin?: 'agent' | 'user' | 'proxy' | 'relay' | 'queue' | 'vault'
      tag?: string
      priority?: 'low' | 'normal' | 'high' | 'urgent'
      risk?: 'low' | 'normal' | 'high' | 'critical'
      created_after?: string
      created_before?: string
      deadline_before?: string
      idempotency_key?: string
      q?: string
      sort?: 'created' | 'deadline' | 'priority' | 'updated'
      order?: 'asc' | 'desc'
      include?: ('payload' | 'response')[]
      limit?: number
      cursor?: string
    }
    body: undefined
    answers: {
      200: {
        data: TaskRow[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'GET /tasks/stream': {
    params: Record<string, never>
    query: { type?: string; agent_id?: string }
    body: undefined
    answers: {
      200: ReadableStream<Uint8Array>
    }
  }
  'GET /tasks/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Task
    }
  }
  'GET /tasks/:id/decisions': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        data: Decision[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'GET /tasks/:id/record': {
    params: { id: string }
    query: { limit?: number; cursor?: string }
    body: undefined
    answers: {
      200: {
        data: TaskRecordEntry[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'GET /tasks/:id/poll': {
    params: { id: string }
    query: { timeout?: number; since_version?: number }
    body: undefined
    answers: {
      200: TaskPoll
    }
  }
  'POST /tasks/wait': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      ids: string[]
      mode?: 'any' | 'all'
      timeout?: number
    }
    answers: {
      200: TaskWait
    }
  }
  'GET /tasks/:id/stream': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: ReadableStream<Uint8Array>
    }
  }
  'POST /tasks/:id/decide': {
    params: { id: string }
    query: Record<string, never>
    body: {
      type: 'respond'
      response: { [member: string]: Json }
      reason?: string | null
      comment?: string | null
      /** The revision that the human saw. */
      seen_revision: number
    }
    answers: {
      200: Task
    }
  }
  'POST /tasks/:id/claim': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Task
    }
  }
  'POST /tasks/:id/release': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Task
    }
  }
  'POST /tasks/:id/cancel': {
    params: { id: string }
    query: Record<string, never>
    body: {
      reason?: string | null
    }
    answers: {
      200: Task
    }
  }
  'PATCH /tasks/:id': {
    params: { id: string }
    query: Record<string, never>
    body: {
      priority?: 'low' | 'normal' | 'high' | 'urgent'
      tags?: string[]
      metadata?: { [member: string]: Json }
      deadline_at?: string
    }
    answers: {
      200: Task
    }
  }
  'GET /compatibility-keys': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        data: CompatibilityKey[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'POST /compatibility-keys': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      key?: string
      effective_at?: string
    }
    answers: {
      201: NewCompatibilityKey
    }
  }
}
