// Made from the contract table of the server by `npm run generate`; a change here is lost. Types only, nothing of this is in the built code.

export type Json = null | boolean | number | string | Json[] | { [member: string]: Json }

/** Committed: the thread and every link of it answer from now on. */
export type AcceptedMessage = {
  thread_id: string
  message_id: string
  sequence: number | null
  state:
    | 'awaiting_approval'
    | 'queued'
    | 'delivering'
    | 'waiting_owner'
    | 'waiting_caller'
    | 'responded'
    | 'closed'
    | 'failed'
    | 'rejected'
    | 'revoked'
    | 'expired'
  context_id: string
  operation_id: string | null
  payload_hash: string
  expires_at: string | null
  approval: {
    task_id: string
    side: 'caller' | 'owner'
    url: string
    expires_at: string
  } | null
  links: {
    inspect: string
    messages: string
    events: string
    stream: string
    access_tokens: string
    close: string
    a2a_task: string
  }
  callback?: {
    endpoint_id: string
    secret?: string
    secret_shown?: boolean
  }
  thread_access_token?: string | null
  thread_access_token_expires_at?: string | null
  secret_shown?: boolean
  response?: {
    outcome: 'reply' | 'progress' | 'ask' | 'completed' | 'failed' | 'rejected' | 'message' | null
    state:
      | 'awaiting_approval'
      | 'queued'
      | 'delivering'
      | 'waiting_owner'
      | 'waiting_caller'
      | 'responded'
      | 'closed'
      | 'failed'
      | 'rejected'
      | 'revoked'
      | 'expired'
    parts: {
      text?: string
      /** Any JSON value. */
      data?: Json
      raw?: string
      url?: string
      media_type?: string
      filename?: string
      metadata?: { [member: string]: Json }
    }[]
    artifacts: ThreadArtifact[]
  }
  events_after?: number
}

export type AddedRootKey = {
  version: number
  fingerprint: string
  source: string
}

export type Agent = {
  id: string
  name: string
  description: string
  owner_user_id: string
  owner_display_name: string
  environment: 'live' | 'test'
  labels: string[]
  /** Required: a bare key of this agent does not count. */
  proof: 'optional' | 'required'
  state: 'unclaimed' | 'active' | 'paused' | 'revoked'
  created_at: string
  updated_at: string
}

/** The card of an agent, and what stands between it and whoever asks. */
export type AgentCard = {
  /** The signed document, as `GET /agents/{slug}/card` has it. */
  card: { [member: string]: Json }
  viewer: {
    request: {
      id: string
      state: 'pending' | 'approved' | 'denied' | 'withdrawn' | 'expired'
    } | null
    relay_grant: {
      id: string
      expires_at: string | null
    } | null
    /** What you could do here; policies of both sides are asked when you do it. */
    may: (
      | 'connection_request.create'
      | 'thread.start'
      | 'thread.send'
      | 'thread.read'
      | 'thread.close'
      | 'thread.subscribe'
      | 'card.publish'
      | 'card.submit'
    )[]
    listing: 'direct_link_only' | 'submitted' | 'listed' | 'rejected' | null
  }
}

/** How an agent was when it was last looked at, newest first. */
export type AgentHealth = {
  /** null: nobody has looked yet. Only listed agents are looked at. */
  state: 'ok' | 'degraded' | 'down' | null
  /** down: card_differs, no_claim, unreachable, card_vanished, key_changed or credential_refused; degraded: paused. */
  reason: string | null
  checked_at: string | null
  history: {
    checked_at: string
    state: 'ok' | 'degraded' | 'down'
    reason: string | null
    ms: number
  }[]
}

export type AgentRegistration = {
  agent_id: string
  handle: string
  environment: 'live' | 'test'
  thumbprint: string
  /** Six words for the first 96 bits of the thumbprint, for people to compare. */
  words: string[]
  did: string | null
  /** From where it registered. */
  address: string | null
  registered_at: string
  /** It has shown that it holds the private key. */
  proven: boolean
  expires_at: string
}

/** An agent, as it asked for itself. */
export type AgentSelf = {
  agent: Agent
  key: {
    id: string
    /** Of the public key that signed this request. */
    thumbprint: string | null
    scopes: string[]
    expires_at: string
  }
  /** How this request proved itself. */
  proof: 'key' | 'dpop'
  connections: {
    id: string
    provider: string
    name: string
    status: string
    expires_at: string | null
  }[]
  grants: {
    id: string
    connection_id: string
    expires_at: string | null
  }[]
}

export type AskedSignIn = {
  /** What the command says of the machine it runs on. Nobody vouches for it. */
  client: string
  /** From where it asked. */
  address: string | null
  asked_at: string
  expires_at: string
}

export type AuditExport = {
  id: string
  format: 'ndjson' | 'csv'
  from: string | null
  to: string | null
  state: 'running' | 'ready' | 'failed' | 'expired'
  requested_by: string
  from_seq: number | null
  to_seq: number | null
  total: number | null
  written: number
  bytes: number
  checkpoint_size: number | null
  error: string | null
  created_at: string
  finished_at: string | null
  expires_at: string | null
}

export type Authorization = {
  authorization_id: string
  status: 'pending' | 'waiting_for_user' | 'processing' | 'completed' | 'failed' | 'expired' | 'cancelled'
  provider: string
  method:
    | 'code'
    | 'device'
    | 'register'
    | 'client_credentials'
    | 'jwt_bearer'
    | 'token_exchange'
    | 'github_app'
    | 'api_key'
    | 'basic'
    | 'aws'
    | 'minted_jwt'
    | 'cookies'
  connection_name: string
  /** Null: the connection is the tenant’s, shared. */
  owner_id: string | null
  next_action: 'open_url' | 'show_code' | 'none'
  user_code: string | null
  verification_uri: string | null
  verification_uri_complete: string | null
  interval: number | null
  error: {
    /** Ours, or the provider’s own. */
    code: string
    /** In the provider’s words: data, never markup. */
    said: string | null
  } | null
  connection_id: string | null
  created_at: string
  expires_at: string
}

/** When and how a person is asked. */
export type Availability = {
  away: {
    id: string
    from: string
    until: string
    delegate_id: string | null
  }[]
  max_open: number | null
  quiet_hours: {
    from: string
    until: string
    time_zone: string
  } | null
  notify: {
    direct: ('email' | 'slack' | 'webhook' | 'push')[] | null
    shared: ('email' | 'slack' | 'webhook' | 'push')[] | null
  }
}

export type Block = {
  id: string
  tenant: string | null
  agent: string | null
  domain: string | null
  reason: string | null
  created_by: string
  created_at: string
}

export type BreakGlass = {
  id: string
  tenant_id: string
  tenant_name: string
  host_id: string
  host_name: string
  reason: string
  minutes: number
  state: 'asked' | 'open' | 'refused' | 'withdrawn' | 'expired' | 'closed'
  /** The question to the owners, in their inbox. */
  task_id: string | null
  asked_at: string
  /** From then on a second host may decide. */
  hosts_from: string
  expires_at: string
  decided_at: string | null
  decided_by: string | null
  decided_as: 'owner' | 'host' | null
  ends_at: string | null
  closed_at: string | null
  closed_by: string | null
  closed_reason: 'time' | 'left' | 'ended_by_owner' | 'ended_by_host' | null
}

/** A job that waits for the outside. */
export type Callback = {
  id: string
  job_id: string
  name: string
  state: 'open' | 'completed' | 'failed' | 'expired' | 'cancelled'
  then: 'finish' | 'resume'
  /** `{"_redacted": true}` where the caller may not see it. */
  payload: Json
  error: { [member: string]: Json } | null
  /** How answers are judged: jsonpath by name. */
  expressions: { [member: string]: Json } | null
  created_at: string
  timeout_at: string
  resolved_at: string | null
}

export type Capabilities = {
  version: string
  /** The database takes no writes now; mutations answer 503 `read_only`. */
  read_only: boolean
  schema_version: number | null
  expected_schema_version: number
  features: string[]
}

/** An agent that others may find and ask to work with. */
export type Card = {
  id: string
  /** The name in its address. */
  slug: string
  name: string
  summary: string
  skills: CardSkill[]
  /** Media types. */
  accepted_inputs: string[]
  /** Media types. */
  expected_outputs: string[]
  description?: string
  category?: string
  provider?: {
    name: string
    url: string
  }
  limits?: RelayLimits
  /** What holders of a live relay grant are told beside the rest (R86). */
  extended?: {
    description?: string
    /** Beside those that everybody reads of. */
    skills?: CardSkill[]
  }
  /** Public JWKs of P-256 to which messages are sealed. */
  encryption_keys?: { [member: string]: Json }[]
  documentation_url?: string
  icon_url?: string
  /** What is countersigned: who connects, or single messages too. */
  approval: 'connection' | 'message'
  visibility: 'public' | 'members' | 'grant_holders'
  /** 0: messages are gone when their thread ends; none: kept as long as the thread. */
  retention_days: number | 'none'
  max_message_bytes: number
  /** false switches off what the A2A face would offer. */
  capabilities?: {
    streaming?: boolean
    push_notifications?: boolean
    extended_card?: boolean
  }
  /** Whose keys serve it; null: any agent of the tenant that may. */
  agent_id: string | null
  /** What a first message of an agent without a relay grant does: refuse it, or make a connection request and let it wait for that. */
  unapproved: 'refuse' | 'request'
  direct_messages: boolean
  idle_seconds: number
  reply_closes_after_seconds: number
  ring_seconds: number
  /** Answers for the handles of this tenant. */
  primary: boolean
  version: number
  /** What `If-Match` of a change names. */
  etag: string
  state: 'active' | 'paused' | 'retired'
  state_since: string
  paused_reason: string | null
  listing: 'direct_link_only' | 'submitted' | 'listed' | 'rejected'
  listed_version: number | null
  /** Of a listed card: saved since, and waiting for its review. */
  pending_version: number | null
  /** What the reviewers said. */
  listing_note: string | null
  delivery: {
    mode: 'inbox' | 'push' | 'a2a'
    on_exhausted: 'queue' | 'fail'
  }
  environment: 'live' | 'test'
  /** The base address of the agent, with its slash. */
  url: string
  /** Where anybody reads the card, if it is public. */
  card_url: string
  created_by: string
  created_at: string
  updated_at: string
}

export type CardChange = {
  /** Until a relay grant exists. */
  slug?: string
  name?: string
  summary?: string
  skills?: CardSkill[]
  /** Media types. */
  accepted_inputs?: string[]
  /** Media types. */
  expected_outputs?: string[]
  description?: string | null
  category?: string | null
  provider?: {
    name: string
    url: string
  } | null
  limits?: RelayLimits | null
  extended?: {
    description?: string
    /** Beside those that everybody reads of. */
    skills?: CardSkill[]
  } | null
  encryption_keys?: { [member: string]: Json }[] | null
  documentation_url?: string | null
  icon_url?: string | null
  /** What is countersigned: who connects, or single messages too. */
  approval?: 'connection' | 'message'
  visibility?: 'public' | 'members' | 'grant_holders'
  /** 0: messages are gone when their thread ends; none: kept as long as the thread. */
  retention_days?: number | 'none'
  max_message_bytes?: number
  /** false switches off what the A2A face would offer. */
  capabilities?: {
    streaming?: boolean
    push_notifications?: boolean
    extended_card?: boolean
  }
  /** Whose keys serve it; null: any agent of the tenant that may. */
  agent_id?: string | null
  /** What a first message of an agent without a relay grant does: refuse it, or make a connection request and let it wait for that. */
  unapproved?: 'refuse' | 'request'
  direct_messages?: boolean
  idle_seconds?: number
  reply_closes_after_seconds?: number
  ring_seconds?: number
  /** Answers for the handles of this tenant. */
  primary?: boolean
  /** Save it although it looks as if a secret stood in it. */
  confirm_public?: boolean
}

/** A card, and where messages for its agent go. */
export type CardDelivery = {
  id: string
  /** The name in its address. */
  slug: string
  name: string
  summary: string
  skills: CardSkill[]
  /** Media types. */
  accepted_inputs: string[]
  /** Media types. */
  expected_outputs: string[]
  description?: string
  category?: string
  provider?: {
    name: string
    url: string
  }
  limits?: RelayLimits
  /** What holders of a live relay grant are told beside the rest (R86). */
  extended?: {
    description?: string
    /** Beside those that everybody reads of. */
    skills?: CardSkill[]
  }
  /** Public JWKs of P-256 to which messages are sealed. */
  encryption_keys?: { [member: string]: Json }[]
  documentation_url?: string
  icon_url?: string
  /** What is countersigned: who connects, or single messages too. */
  approval: 'connection' | 'message'
  visibility: 'public' | 'members' | 'grant_holders'
  /** 0: messages are gone when their thread ends; none: kept as long as the thread. */
  retention_days: number | 'none'
  max_message_bytes: number
  /** false switches off what the A2A face would offer. */
  capabilities?: {
    streaming?: boolean
    push_notifications?: boolean
    extended_card?: boolean
  }
  /** Whose keys serve it; null: any agent of the tenant that may. */
  agent_id: string | null
  /** What a first message of an agent without a relay grant does: refuse it, or make a connection request and let it wait for that. */
  unapproved: 'refuse' | 'request'
  direct_messages: boolean
  idle_seconds: number
  reply_closes_after_seconds: number
  ring_seconds: number
  /** Answers for the handles of this tenant. */
  primary: boolean
  version: number
  /** What `If-Match` of a change names. */
  etag: string
  state: 'active' | 'paused' | 'retired'
  state_since: string
  paused_reason: string | null
  listing: 'direct_link_only' | 'submitted' | 'listed' | 'rejected'
  listed_version: number | null
  /** Of a listed card: saved since, and waiting for its review. */
  pending_version: number | null
  /** What the reviewers said. */
  listing_note: string | null
  delivery: {
    mode: 'inbox' | 'push' | 'a2a'
    on_exhausted: 'queue' | 'fail'
  }
  environment: 'live' | 'test'
  /** The base address of the agent, with its slash. */
  url: string
  /** Where anybody reads the card, if it is public. */
  card_url: string
  created_by: string
  created_at: string
  updated_at: string
  endpoint: {
    id: string
    url: string
    mode: string
    state: string
  } | null
  upstream: {
    card_url: string
    connection_id: string | null
    /** By a key that is pinned for its origin, or in the key set of its own origin. */
    signed: boolean
    checked_at: string
  } | null
  /** In the answer that made it, and nowhere else. */
  secret?: string
  secret_shown?: boolean
}

/** Where messages for an agent go. Never a secret. */
export type CardDeliveryTargets = {
  mode: 'inbox' | 'push' | 'a2a'
  on_exhausted: 'queue' | 'fail'
  endpoint: {
    id: string
    url: string
    mode: string
    state: string
  } | null
  upstream: {
    card_url: string
    connection_id: string | null
    /** By a key that is pinned for its origin, or in the key set of its own origin. */
    signed: boolean
    checked_at: string
  } | null
}

/** A domain that belongs to whoever owns a card, or is to be proved to. */
export type CardDomain = {
  id: string
  card_id: string
  domain: string
  method: 'dns' | 'https'
  state: 'pending' | 'verified' | 'expired'
  /** Publish one of the two: which of them is looked at, `method` says. Leave it there: it is looked at each week. */
  challenge: {
    dns: {
      name: string
      type: 'TXT'
      value: string
    }
    https: {
      url: string
      line: string
    }
  }
  /** When it was found last. */
  verified_at: string | null
  /** 90 days after that. */
  expires_at: string | null
  checked_at: string | null
  /** Of the last look, where it found nothing. */
  failed_at: string | null
  created_at: string
}

export type CardKeyRotation = {
  /** Signs every current card anew. */
  job_id: string
  kid: string
  retiring: string[]
  /** When the older key leaves the key set. */
  retires_at: string | null
}

/** Both documents of a card as they would be, before they are signed. */
export type CardPreview = {
  document: { [member: string]: Json }
  a2a_document: { [member: string]: Json }
  /** What looks like a secret, by JSON Pointer. */
  secrets: {
    path: string
    kind: string
  }[]
}

export type CardReviewed = {
  card_id: string
  /** The name in its address. */
  slug: string
  listing: 'direct_link_only' | 'submitted' | 'listed' | 'rejected'
  version: number
  /** Of a listed card: saved since, and waiting for its review. */
  pending_version: number | null
}

export type CardSkill = {
  id: string
  name: string
  description: string
  tags: string[]
  input_modes?: string[]
  output_modes?: string[]
  examples?: string[]
  /** What policies may rely on, by name (R74). */
  facts?: {
    name: string
    /** Into the first data part of a message (RFC 6901). */
    pointer: string
    type: 'long' | 'bool' | 'word'
    /** Of a word, and of nothing else: which it may be. */
    values?: string[]
    required?: boolean
  }[]
  /** Of a message that needs an approval. */
  risk?: 'low' | 'medium' | 'high' | 'critical'
}

export type CardVersion = {
  number: number
  is_current: boolean
  content_sha256: string
  author: string
  created_at: string
  signed_at: string
}

export type ChannelState = {
  channel: 'email' | 'slack' | 'webhook' | 'push'
  /** Whether it is set up for this tenant. */
  ready: boolean
  /** Notices that it could not bring within the last day. */
  failed: number
  last_sent_at: string | null
  last_failed_at: string | null
  /** Why the last one that failed did. */
  last_reason: string | null
}

export type ChannelTrouble = {
  channel: 'email' | 'slack' | 'webhook' | 'push'
  failed: number
  last_failed_at: string
  last_reason: string | null
}

/** One check of the doctor. */
export type Check = {
  code: string
  status: 'ok' | 'warn' | 'fail'
  what: string
  mend: string | null
  /** Which page of the documentation says what to do. */
  runbook: string | null
}

/** A signed head of the tree over the log: a C2SP note whose origin is the name of the log. */
export type Checkpoint = {
  size: number
  root: string
  note: string
  created_at: string
  cosignatures: string | null
}

export type ClaimedMessage = {
  message: ThreadMessage
  thread: {
    id: string
    agent: string
    card_version: number
    relay_grant_id: string
    context_id: string
    state:
      | 'awaiting_approval'
      | 'queued'
      | 'delivering'
      | 'waiting_owner'
      | 'waiting_caller'
      | 'responded'
      | 'closed'
      | 'failed'
      | 'rejected'
      | 'revoked'
      | 'expired'
    outcome: 'completed' | 'canceled' | null
    reason:
      | 'progress'
      | 'reply_held'
      | 'asked'
      | 'responded'
      | 'completed'
      | 'closed_by_caller'
      | 'closed_by_owner'
      | 'agent_error'
      | 'delivery_exhausted'
      | 'outcome_unknown'
      | 'reply_refused'
      | 'deadline_passed'
      | 'no_answer'
      | 'approval_denied'
      | 'approval_timeout'
      | 'policy_denied'
      | 'agent_rejected'
      | 'grant_revoked'
      | 'grant_expired'
      | null
    turn: 'caller' | 'owner' | 'human' | 'none'
    sequence: number
    skill: string | null
    operation_id: string | null
    reference_thread_ids: string[]
    caller: {
      tenant_id: string | null
      agent_id: string | null
      label: string
    }
    callee: {
      tenant_id: string
      agent: string
    }
    /** It rings until somebody answers, for the card’s `ring_seconds` at most. */
    live: boolean
    /** When the owner’s side answered first. */
    answered_at: string | null
    /** Of an ended thread that was answered: from then to its end. */
    duration_ms: number | null
    approval: {
      task_id: string
      side: 'caller' | 'owner'
      url: string
      expires_at: string
    } | null
    error: {
      code: string
      message: string
    } | null
    created_at: string
    updated_at: string
    expires_at: string | null
    ended_at: string | null
  }
  /** The fence of this lease: name it in the answer and when you settle. */
  claim_token: string
  lease_expires_at: string
}

export type CollectedRelayToken = {
  /** Shown in this one answer. */
  relay_token?: string
  secret_shown?: false
  relay_grant_id: string
  expires_at: string
}

/** A remark on a task. */
export type Comment = {
  id: string
  task_id: string
  /** Of the task when it was said. */
  revision: number
  audience: 'all' | 'humans'
  /** sent_back: said when the task was handed back to the agent. late_answer: an answer that came too late to count. */
  purpose: 'comment' | 'sent_back' | 'late_answer'
  author: {
    type: 'user' | 'agent' | 'key' | 'guest' | 'system'
    id: string
    display_name: string
  }
  channel: 'dashboard' | 'email' | 'slack' | 'embed' | 'webhook' | 'api' | 'cli'
  /** `{"_redacted": true}` where the caller may not see it. */
  body: Json
  created_at: string
}

export type CompatibilityKey = {
  version: number
  origin: 'made' | 'imported'
  created_at: string
  effective_at: string
}

export type ConnectView = {
  authorization_id: string
  status: 'pending' | 'waiting_for_user' | 'processing' | 'completed' | 'failed' | 'expired' | 'cancelled'
  step: 'fields' | 'choose_issuer' | 'go_on' | 'device' | 'wait' | 'done' | 'ended'
  provider: {
    name: string
    display_name: string
    description: string | null
    docs_url: string | null
    verified_on: string | null
    hosts: string[]
  }
  /** Null: everybody in the tenant who may. */
  owner: string | null
  /** The agent that asked for it. */
  asked_by: string | null
  connection_name: string
  replaces: boolean
  method:
    | 'code'
    | 'device'
    | 'register'
    | 'client_credentials'
    | 'jwt_bearer'
    | 'token_exchange'
    | 'github_app'
    | 'api_key'
    | 'basic'
    | 'aws'
    | 'minted_jwt'
    | 'cookies'
  pkce: boolean
  scopes: {
    name: string
    says: string | null
  }[]
  redirect_url: string | null
  fields: {
    name: string
    label: string
    secret: boolean
    pattern: string | null
    hint: string | null
  }[]
  issuers: string[]
  nonce: string | null
  user_code: string | null
  verification_uri: string | null
  verification_uri_complete: string | null
  error: {
    /** Ours, or the provider’s own. */
    code: string
    /** In the provider’s words: data, never markup. */
    said: string | null
  } | null
  connection_id: string | null
  expires_at: string
}

/** A stored credential of a provider. What is secret in it stands in no answer. */
export type Connection = {
  id: string
  provider: string
  /** Of the provider’s definition; 0 is the bundled one. */
  definition_version: number
  name: string
  owner: string | null
  /** True: it is the tenant’s, and nobody’s own. */
  shared: boolean
  labels: string[]
  params: { [member: string]: string }
  method:
    | 'code'
    | 'device'
    | 'register'
    | 'client_credentials'
    | 'jwt_bearer'
    | 'token_exchange'
    | 'github_app'
    | 'api_key'
    | 'basic'
    | 'aws'
    | 'minted_jwt'
    | 'cookies'
  status: 'pending' | 'connected' | 'needs_reauth' | 'suspended' | 'revoked' | 'removed'
  status_cause: string | null
  status_since: string
  scopes: string[]
  /** What the provider asked for in addition; signing in again asks for these too. */
  asked_scopes: string[]
  /** Where alone it may go, as whoever brought it said; empty: every host of the provider. */
  hosts: string[]
  account: {
    id: string | null
    label: string | null
  } | null
  expires_at: string | null
  refresh_at: string | null
  obtained_at: string | null
  last_used_at: string | null
  last_error: {
    code: string
    at: string
  } | null
  /** Raised each time other material is stored. */
  generation: number
  /** Raised by every change; the ETag. */
  revision: number
  provider_revocation: 'waiting' | 'done' | 'failed' | 'none' | null
  /** The last exchange of its key for a new one. */
  rotation: {
    state: 'creating' | 'testing' | 'overlapping' | 'retiring' | 'undoing' | 'over'
    /** Why it ended early; null: it did not. */
    cause: string | null
    started_at: string
    /** Until then the old key counts beside the new one. */
    retire_at: string | null
  } | null
  /** The active grants on it; an agent sees its own. */
  used_by: {
    grant_id: string
    agent_id: string | null
    agent_label: string | null
  }[]
  /** Users and agents whose default it is; empty text stands for the tenant. */
  default_of: string[]
  created_by: string
  created_at: string
  updated_at: string
}

export type ConnectionDecision = {
  connection_request: ConnectionRequest
  /** Null while more people have to agree. */
  relay_grant: RelayGrant | null
  /** Shown in this one answer. */
  relay_token?: string
  secret_shown?: false
  expires_at: string | null
}

/** An agent asks people to connect a provider. */
export type ConnectionProposal = {
  id: string
  agent_id: string
  provider: string
  method:
    | 'code'
    | 'device'
    | 'register'
    | 'client_credentials'
    | 'jwt_bearer'
    | 'token_exchange'
    | 'github_app'
    | 'api_key'
    | 'basic'
    | 'aws'
    | 'minted_jwt'
    | 'cookies'
    | null
  connection_name: string
  shared: boolean
  scopes: string[]
  params: { [member: string]: string }
  reason: string
  status: 'proposed' | 'accepted' | 'rejected' | 'expired'
  status_cause: string | null
  /** In which people are asked. */
  task_id: string | null
  decided_by: string | null
  /** By which whoever accepted connects. */
  authorization_id: string | null
  /** What came of it; to use it the agent needs a grant. */
  connection_id: string | null
  created_at: string
  expires_at: string
}

/** An agent of one owner asks to work with an agent of another. */
export type ConnectionRequest = {
  id: string
  side: 'owner' | 'caller'
  agent: string
  card_id: string
  state: 'pending' | 'approved' | 'denied' | 'withdrawn' | 'expired'
  asker: {
    tenant_id: string
    agent_id: string
    name: string
  }
  purpose: string
  asked: RelayTerms
  given: RelayTerms | null
  relay_grant_id: string | null
  issue: 'on_approve' | 'on_collect' | null
  token_issued_at: string | null
  /** Of the message that it came with, and that waits for it. */
  thread_id: string | null
  /** Where the owner’s people answer it. */
  task_url: string | null
  note: string | null
  created_at: string
  decided_at: string | null
  /** Until when it can be answered. */
  expires_at: string
  task_id?: string | null
  note_visible?: boolean
  decided_by?: string | null
  policy_version?: number | null
  /** How its asker asks, everywhere; for the owner’s people, where a request is read. */
  conduct?: {
    score: number
    /** Cards of others, in seven days. */
    cards_asked: number
    /** In thirty days. */
    refusals: number
    /** How often it ran into a limit of the relay, in seven days. */
    times_limited: number
    /** What its tenant has proved to be its own. */
    domains: string[]
  }
}

/** A peer with whom a relay grant or request ever existed. */
export type Contact = {
  id: string
  direction: 'in' | 'out'
  /** An agent (in), a card (out), or a relay grant whose caller has no account here. */
  peer: string
  tenant: string | null
  name: string
  /** Of what is live between the two, else of the newest. */
  state: 'active' | 'pending' | 'approved' | 'denied' | 'withdrawn' | 'expired' | 'revoked'
  relay_grant_id: string | null
  connection_request_id: string | null
  since: string
  last_thread: {
    id: string
    at: string
  } | null
  note: string | null
  favourite: boolean
}

export type DeadLetterDepth = {
  as_of: string
  total: number
  oldest_at: string | null
  groups: {
    kind: string
    queue: string
    reason: string
    n: number
    oldest_at: string
    newest_at: string
  }[]
}

/** What one human decided about a task. */
export type Decision = {
  id: string
  task_id: string
  /** null: somebody who is no user here; name and address say who. */
  user_id: string | null
  display_name: string
  email: string | null
  type: 'respond' | 'accept' | 'edit' | 'ignore' | 'deny'
  /** `{"_redacted": true}` where the caller may not see it. */
  response: Json
  /** Of an edit: the arguments as they were approved. */
  args: Json
  /** Of an edit: what it changed, as a JSON Patch (RFC 6902). */
  patch: Json
  /** `{"_redacted": true}` where the caller may not see it. */
  reason: Json
  /** `{"_redacted": true}` where the caller may not see it. */
  comment: Json
  /** What was said in free text, for a verifier to read. */
  raw_text: Json
  seen_revision: number
  state: 'pending' | 'counted' | 'returned' | 'void' | 'withdrawn'
  /** The group of the quorum in which it counts. */
  group: string | null
  /** Until then the same act is allowed by a policy of its own. */
  remembered_until: string | null
  /** Decided by somebody who was not asked; the reason then says why. */
  stepped_in: boolean
  channel: 'dashboard' | 'email' | 'slack' | 'embed' | 'webhook' | 'api' | 'cli'
  assurance: 'link' | 'channel' | 'session' | 'step_up' | 'passkey'
  /** The key that relayed it and says whose decision it is. */
  attested_by: string | null
  decided_at: string
  /** What was decided about what was shown, in hex. */
  decision_sha256: string
}

export type DecisionChallenge = {
  /** SHA-256 over `countersign/decision/v1\n`, the digest and the nonce, in base64url. */
  challenge: string
  nonce: string
  /** What is decided about what was shown, in hex. */
  decision_sha256: string
  expires_at: string
  options: {
    /** How its person can prove to be there. */
    methods: string[]
  }
}

export type DecisionSettings = {
  /** Operators, admins and owners may decide what they were not asked, with a reason. */
  step_in: boolean
  /** The least that any decision needs; the risk of a task may need more. */
  decision_assurance: 'link' | 'channel' | 'session' | 'step_up'
  /** Where nobody on the requester’s side counts: `asked`, for several people, for critical tasks and where a task says so; `high`, from that risk on; `all`, always. */
  separate_duties: 'asked' | 'high' | 'all'
  /** How many people a critical task needs at least. */
  critical_quorum: 1 | 2
  /** Who denies a proposed action says why. */
  deny_reason: boolean
}

export type DefinitionCheck = {
  canonical: string
  /** SHA-256 of the canonical form, in hex. */
  digest: string
  warnings: {
    path: string
    code: string
    message: string
  }[]
  fields: {
    name: string
    label: string
    secret: boolean
    pattern?: string
    hint?: string
  }[]
}

export type Delivery = {
  id: string
  endpoint_id: string | null
  /** Of a delivery to an address of its own, such as a task’s callback_url. */
  url: string | null
  event_id: string
  event_type: string
  resource_id: string | null
  form: 'full' | 'thin' | 'callback'
  state: 'pending' | 'sending' | 'succeeded' | 'exhausted' | 'held' | 'cancelled'
  attempts: number
  trigger: 'auto' | 'manual' | 'bulk' | 'test'
  fifo: boolean
  /** It is over and holds up its key until somebody skips or replays it. */
  blocks: boolean
  next_attempt_at: string | null
  last_status: number | null
  last_class: string | null
  replay_id: string | null
  created_at: string
  succeeded_at: string | null
  ended_at: string | null
}

export type DeliveryAttempt = {
  n: number
  trigger: 'auto' | 'manual' | 'bulk' | 'test'
  started_at: string
  ended_at: string
  ms: number
  dns_ms: number | null
  /** Null on a connection that was open already. */
  connect_ms: number | null
  tls_ms: number | null
  first_byte_ms: number | null
  /** Shown to hosts only. */
  address: string | null
  family: number | null
  status: number | null
  /** Null: it succeeded. lost: the worker died, and nobody knows whether it arrived. */
  class:
    | 'status'
    | 'timeout'
    | 'unreachable'
    | 'tls'
    | 'too_large'
    | 'url_not_allowed'
    | 'url_invalid'
    | 'lost'
    | 'answer_invalid'
    | null
  excerpt: string | null
}

export type DeliveryDetail = {
  id: string
  endpoint_id: string | null
  /** Of a delivery to an address of its own, such as a task’s callback_url. */
  url: string | null
  event_id: string
  event_type: string
  resource_id: string | null
  form: 'full' | 'thin' | 'callback'
  state: 'pending' | 'sending' | 'succeeded' | 'exhausted' | 'held' | 'cancelled'
  attempts: number
  trigger: 'auto' | 'manual' | 'bulk' | 'test'
  fifo: boolean
  /** It is over and holds up its key until somebody skips or replays it. */
  blocks: boolean
  next_attempt_at: string | null
  last_status: number | null
  last_class: string | null
  replay_id: string | null
  created_at: string
  succeeded_at: string | null
  ended_at: string | null
  /** Of FIFO: the delivery that holds up its key. */
  waits_for: string | null
  log: DeliveryAttempt[]
  body: string | null
}

/** The exceptions of one tenant to what may be dialled. */
export type EgressAllows = {
  tenant_id: string
  allow: {
    /** An exact host or a network, each with one port: `receiver.example:8443`, `10.1.0.0/16:443`, `[fd00:1::]/32:443`. */
    target: string
    reason: string
    added_by: string
    added_at: string
  }[]
}

/** A page that may show tasks of the tenant. */
export type EmbedOrigin = {
  id: string
  origin: string
  created_by: string
  created_at: string
}

/** A token that opens one task inside another page. */
export type EmbedToken = {
  id: string
  task_id: string
  agent_id: string | null
  /** Who answers there, as whoever minted the token said. */
  sub: string | null
  parent_origin: string
  allow: ('decide' | 'comment')[]
  theme: 'auto' | 'light' | 'dark'
  /** The key that minted it. */
  key_id: string | null
  created_by: string
  created_at: string
  expires_at: string
  last_used_at: string | null
  revoked_at: string | null
  /** settled: it still reads the result, and decides nothing. */
  state: 'live' | 'settled' | 'expired' | 'revoked'
}

export type Endpoint = {
  id: string
  label: string
  url: string
  events: string[]
  mode: 'standard' | 'stripe' | 'github' | 'awaithumans' | 'foragent'
  header: 'Countersign-Signature' | 'Humane-Signature' | 'X-Humane-Signature' | null
  ed25519: boolean
  public_key: string | null
  thin: boolean | null
  ordering: 'none' | 'fifo'
  on_exhausted: 'proceed' | 'block'
  schedule: {
    name: 'standard' | 'quick_24h' | 'own'
    delays: number[]
    attempts: number
    total_seconds: number
  }
  timeout_seconds: number
  max_in_flight: number
  rate_per_second: number | null
  ca_pem: string | null
  has_client_certificate: boolean
  header_names: string[]
  state: 'pending' | 'active' | 'paused' | 'disabled' | 'deleted'
  state_reason: string | null
  state_since: string
  /** Live ones, newest first. */
  secrets: {
    n: number
    created_at: string
    ends_at: string | null
  }[]
  health: {
    failing_since: string | null
    last_failure_at: string | null
    timeouts_in_a_row: number
    slowed_until: string | null
  }
  created_by: string
  created_at: string
  updated_at: string
}

export type EndpointStats = {
  attempts: number
  succeeded: number
  failed: number
  p50_ms: number | null
  p95_ms: number | null
  success_share: number | null
  waiting: number
  held: number
  exhausted: number
  /** The last 24 hours, oldest first. */
  hours: {
    hour: string
    attempts: number
    succeeded: number
    failed: number
    p50_ms: number | null
    p95_ms: number | null
  }[]
}

export type EndpointWithSecret = {
  id: string
  label: string
  url: string
  events: string[]
  mode: 'standard' | 'stripe' | 'github' | 'awaithumans' | 'foragent'
  header: 'Countersign-Signature' | 'Humane-Signature' | 'X-Humane-Signature' | null
  ed25519: boolean
  public_key: string | null
  thin: boolean | null
  ordering: 'none' | 'fifo'
  on_exhausted: 'proceed' | 'block'
  schedule: {
    name: 'standard' | 'quick_24h' | 'own'
    delays: number[]
    attempts: number
    total_seconds: number
  }
  timeout_seconds: number
  max_in_flight: number
  rate_per_second: number | null
  ca_pem: string | null
  has_client_certificate: boolean
  header_names: string[]
  state: 'pending' | 'active' | 'paused' | 'disabled' | 'deleted'
  state_reason: string | null
  state_since: string
  /** Live ones, newest first. */
  secrets: {
    n: number
    created_at: string
    ends_at: string | null
  }[]
  health: {
    failing_since: string | null
    last_failure_at: string | null
    timeouts_in_a_row: number
    slowed_until: string | null
  }
  created_by: string
  created_at: string
  updated_at: string
  /** In this answer only. */
  secret?: string
  /** false in a replayed answer, which no longer has the secret. */
  secret_shown?: boolean
}

/** What an erasure takes away, and how it stands. */
export type Erasure = {
  id: string
  subject: 'thread' | 'relay_grant' | 'card'
  subject_id: string
  state: 'planned' | 'running' | 'done' | 'cancelled'
  plan: {
    threads: number
    open_threads: number
    messages: number
    tasks: number
    deliveries: number
    exports: number
  }
  stays: string[]
  counts: {
    threads: number
    messages: number
    tasks: number
    deliveries: number
    keys: number
  } | null
  event_id: string | null
  planned_by: string
  created_at: string
  confirmed_by: string | null
  confirmed_at: string | null
  finished_at: string | null
}

/** What happened, who did it and to what. It holds ids, states and names of fields, never content. */
export type Event = {
  id: string
  type: string
  class: 'audit' | 'activity'
  occurred_at: string
  tenant_id: string
  actor: {
    type: 'user' | 'agent' | 'key' | 'guest' | 'system'
    id: string
    session_id?: string
    key_id?: string
    assurance?: 'key' | 'link' | 'channel' | 'session' | 'step_up'
    /** The SHA-256 of the side envelope of address and client. */
    origin?: string
  }
  on_behalf_of: {
    type: 'user' | 'agent' | 'key' | 'guest' | 'system'
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
  trace_id?: string
  /** Its number in the sealed log; in lists, once it is sealed. */
  seq?: number
}

/** An event with its place in the log, and where it came from while that is not erased. */
export type EventDetail = {
  id: string
  type: string
  class: 'audit' | 'activity'
  occurred_at: string
  tenant_id: string
  actor: {
    type: 'user' | 'agent' | 'key' | 'guest' | 'system'
    id: string
    session_id?: string
    key_id?: string
    assurance?: 'key' | 'link' | 'channel' | 'session' | 'step_up'
    /** The SHA-256 of the side envelope of address and client. */
    origin?: string
  }
  on_behalf_of: {
    type: 'user' | 'agent' | 'key' | 'guest' | 'system'
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
  trace_id?: string
  /** The exact text that is hashed and exported (RFC 8785). */
  body: string
  seal: {
    seq: number
    digest: string
    prev_hash: string
    hash: string
    sealed_at: string
    /** Whether a signed checkpoint covers it. */
    checkpointed: boolean
  } | null
  origin: {
    sha256: string
    erased: boolean
    address?: string
    client?: string
    email?: string
    name?: string
  } | null
}

export type EventReplayed = {
  deliveries: string[]
}

export type EventType = {
  name: string
  version: number
  class: 'audit' | 'activity'
  says: string
  /** Deliveries of it are thin unless their endpoint asks for all. */
  sensitive: boolean
  /** JSON Schema of the body that endpoints get. */
  schema: { [member: string]: Json }
}

/** What the proxy would do with a request, step by step. Nothing was sent, opened, asked or counted. */
export type ExplainedRequest = {
  outcome: 'allow' | 'ask' | 'deny' | 'pass' | 'learn'
  /** Why it would be denied: a reason of `proxy_denied`. */
  reason: string | null
  connection_id: string | null
  grant_id: string | null
  /** What the agent may name, where several connections fit. */
  choices: string[]
  policy: {
    /** 0 for policies that are not saved. */
    version: number
    ids: string[]
    reason: string | null
    ask: {
      quorum: number
      expires_seconds: number
      on_timeout: 'deny' | 'escalate'
      texts: string[]
    } | null
  }
  steps: {
    step: string
    result: 'passed' | 'refused' | 'asks' | 'not_reached' | 'not_tried'
    detail: { [member: string]: Json }
  }[]
}

/** One side of a thread, a relay grant or a card, or all that a tenant has, taken out as JSON Lines. */
export type Export = {
  id: string
  subject: 'thread' | 'relay_grant' | 'card' | 'tenant'
  subject_id: string
  side: 'owner' | 'caller' | 'both'
  state: 'running' | 'ready' | 'failed' | 'expired'
  requested_by: string
  event_id: string
  threads: number
  written: number
  bytes: number
  checkpoint_size: number | null
  lines_hash: string | null
  error: string | null
  created_at: string
  finished_at: string | null
  expires_at: string | null
}

export type FetchedSignIn = {
  state: 'waiting' | 'refused' | 'approved'
  key: NewKey | null
}

export type FormPreview = {
  /** What people are asked, mended and completed as the compatible surface would. */
  form: { [member: string]: Json }
  /** Why a task with this would be refused; empty when it would not. */
  errors: {
    path: string
    code: string
    message: string
  }[]
  surfaces: {
    dashboard: {
      by: 'form' | 'buttons' | 'link'
      why: string | null
      left_out: string[]
      buttons: {
        label: string
        response: { [member: string]: Json }
      }[]
    }
    embed: {
      by: 'form' | 'buttons' | 'link'
      why: string | null
      left_out: string[]
      buttons: {
        label: string
        response: { [member: string]: Json }
      }[]
    }
    slack: {
      by: 'form' | 'buttons' | 'link'
      why: string | null
      left_out: string[]
      buttons: {
        label: string
        response: { [member: string]: Json }
      }[]
    }
    mail: {
      by: 'form' | 'buttons' | 'link'
      why: string | null
      left_out: string[]
      buttons: {
        label: string
        response: { [member: string]: Json }
      }[]
    }
    push: {
      by: 'form' | 'buttons' | 'link'
      why: string | null
      left_out: string[]
      buttons: {
        label: string
        response: { [member: string]: Json }
      }[]
    }
  }
}

/** Everything that is measured, for hosts. */
export type FullStatus = {
  status: 'ok' | 'warn' | 'outage' | 'unknown'
  sentence: string
  as_of: string | null
  away_since: string | null
  latency: {
    at: string
    p50_ms: number
    p95_ms: number
  }[]
  components: {
    name: string
    title: string
    state: 'ok' | 'warn' | 'outage' | 'unknown'
    since: string | null
    uptime: number | null
    days: {
      day: string
      ok: number
      warn: number
      outage: number
    }[]
    says: string
    measured_at: string | null
    measured: { [member: string]: number | null }
    /** Which page of the documentation says what to do. */
    runbook: string | null
  }[]
  incidents: Incident[]
}

/** One agent, or every agent with a label, may use one connection. It never reads it. */
export type Grant = {
  id: string
  agent_id: string | null
  agent_label: string | null
  connection_id: string
  rules: GrantRule[]
  starts_at: string
  expires_at: string
  max_uses: number | null
  uses: number
  client_cidrs: string[]
  placeholder_required: boolean
  minting: boolean
  narrow: {
    repositories?: string[]
    permissions?: { [member: string]: string }
    role?: string
    session_policy?: string
    regions?: string[]
    services?: string[]
  }
  record: 'auto' | 'before' | 'stream'
  scan: boolean
  status: 'proposed' | 'active' | 'suspended' | 'expired' | 'revoked' | 'rejected'
  status_cause: string | null
  status_since: string
  reason: string
  /** Raised by every change; the ETag. */
  generation: number
  /** In which people are asked for a proposed one. */
  task_id: string | null
  created_by: string
  created_at: string
  updated_at: string
}

export type GrantRule = {
  effect: 'allow' | 'ask' | 'deny'
  /** Of the definition’s; all of them when left out. */
  hosts?: string[]
  /** `*`, or names in upper case. */
  methods?: string[]
  /** Prefixes of whole segments; `*` is one segment, a last `**` the rest, `=` in front means exactly this one. */
  paths?: string[]
  /** MCP tools, `*` at the end for any that begin so. */
  tools?: string[]
  where?: {
    fact: string
    op: 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge' | 'in' | 'like'
    value: number | string | boolean | (number | string | boolean)[]
  }[]
}

export type Handle = {
  /** The name in its address. */
  handle: string
  of: 'tenant' | 'user'
  user_id: string | null
  card_id: string | null
  findable: boolean
  created_at: string
}

/** Where a handle leads. */
export type HandleCard = {
  /** The name in its address. */
  handle: string
  of: 'tenant' | 'user'
  card: {
    /** The name in its address. */
    slug: string
    name: string
    summary: string | null
    version: number
    url: string
    card_url: string
  }
}

export type Heartbeat = {
  expires_at: string
}

/** One request of a run that waits for people. */
export type Hold = {
  task_id: string
  state: 'pending' | 'approved' | 'denied' | 'expired' | 'spent'
  /** What the person who refused it said. */
  comment: string | null
  /** SHA-256 of the request as it was sent: what people agree to. */
  digest: string
  expires_at: string
  /** The request that went out with the approval. */
  sent: string | null
}

/** A draft made of the card of an A2A agent, and what was found there. */
export type ImportedCard = {
  id: string
  /** The name in its address. */
  slug: string
  name: string
  summary: string
  skills: CardSkill[]
  /** Media types. */
  accepted_inputs: string[]
  /** Media types. */
  expected_outputs: string[]
  description?: string
  category?: string
  provider?: {
    name: string
    url: string
  }
  limits?: RelayLimits
  /** What holders of a live relay grant are told beside the rest (R86). */
  extended?: {
    description?: string
    /** Beside those that everybody reads of. */
    skills?: CardSkill[]
  }
  /** Public JWKs of P-256 to which messages are sealed. */
  encryption_keys?: { [member: string]: Json }[]
  documentation_url?: string
  icon_url?: string
  /** What is countersigned: who connects, or single messages too. */
  approval: 'connection' | 'message'
  visibility: 'public' | 'members' | 'grant_holders'
  /** 0: messages are gone when their thread ends; none: kept as long as the thread. */
  retention_days: number | 'none'
  max_message_bytes: number
  /** false switches off what the A2A face would offer. */
  capabilities?: {
    streaming?: boolean
    push_notifications?: boolean
    extended_card?: boolean
  }
  /** Whose keys serve it; null: any agent of the tenant that may. */
  agent_id: string | null
  /** What a first message of an agent without a relay grant does: refuse it, or make a connection request and let it wait for that. */
  unapproved: 'refuse' | 'request'
  direct_messages: boolean
  idle_seconds: number
  reply_closes_after_seconds: number
  ring_seconds: number
  /** Answers for the handles of this tenant. */
  primary: boolean
  version: number
  /** What `If-Match` of a change names. */
  etag: string
  state: 'active' | 'paused' | 'retired'
  state_since: string
  paused_reason: string | null
  listing: 'direct_link_only' | 'submitted' | 'listed' | 'rejected'
  listed_version: number | null
  /** Of a listed card: saved since, and waiting for its review. */
  pending_version: number | null
  /** What the reviewers said. */
  listing_note: string | null
  delivery: {
    mode: 'inbox' | 'push' | 'a2a'
    on_exhausted: 'queue' | 'fail'
  }
  environment: 'live' | 'test'
  /** The base address of the agent, with its slash. */
  url: string
  /** Where anybody reads the card, if it is public. */
  card_url: string
  created_by: string
  created_at: string
  updated_at: string
  upstream: {
    card_url: string
    connection_id: string | null
    /** By a key that is pinned for its origin, or in the key set of its own origin. */
    signed: boolean
    checked_at: string
  }
  report: {
    card_url: string
    verification: {
      /** `card_verification` of your tenant. */
      mode: 'ignore' | 'prefer' | 'require'
      signed: boolean
      /** The names of the keys that verified. */
      signers: string[]
      /** Whose keys those are: pinned by the operator, or of the card’s own origin. */
      keys: 'pinned' | 'origin' | null
    }
    interfaces: {
      url: string
      binding: string
      version: string
    }[]
    /** Where the draft says less than the card, or something else. */
    changed: {
      path: string
      message: string
    }[]
  }
}

export type ImportedConnections = {
  data: {
    index: number
    provider: string
    status: 'imported' | 'replaced' | 'failed'
    connection_id: string | null
    expires_at: string | null
    /** Cookies that the provider’s definition has no use for. */
    ignored: string[]
    code: string | null
    message: string | null
  }[]
}

/** What a host announced, newest words first. */
export type Incident = {
  id: string
  kind: 'incident' | 'maintenance'
  severity: 'SEV-1' | 'SEV-2' | 'SEV-3' | 'SEV-4' | null
  status: 'investigating' | 'identified' | 'monitoring' | 'resolved' | 'scheduled' | 'in_progress' | 'completed'
  title: string
  components: string[]
  affects: 'none' | 'some' | 'all'
  affected: string[]
  customer_data: boolean
  detected_at: string
  starts_at: string | null
  ends_at: string | null
  notify_by: string | null
  notified_at: string | null
  alarmed_at: string | null
  opened_by: string
  opened_at: string
  closed_at: string | null
  updates: {
    id: string
    incident_id: string
    status: 'investigating' | 'identified' | 'monitoring' | 'resolved' | 'scheduled' | 'in_progress' | 'completed'
    severity: 'SEV-1' | 'SEV-2' | 'SEV-3' | 'SEV-4' | null
    body: string
    written_by: string
    written_at: string
  }[]
}

/** Where an event stands in the chain, and the hashes from it up to the root of the newest checkpoint (RFC 6962). */
export type InclusionProof = {
  event_id: string
  seq: number
  digest: string
  prev_hash: string
  hash: string
  sealed_at: string
  size: number
  root: string
  proof: string[]
  note: string
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

export type IssuedRelayToken = {
  relay_grant: RelayGrant
  /** Shown in this one answer. */
  relay_token?: string
  secret_shown?: false
  expires_at: string
}

/** One piece of work and how it stands. */
export type Job = {
  id: string
  kind: string
  queue: string
  /** 1 is urgent, 4 can wait. */
  priority: number
  state: 'scheduled' | 'retrying' | 'blocked' | 'ready' | 'running' | 'waiting' | 'completed' | 'failed' | 'cancelled'
  state_reason: string | null
  attempt: number
  max_attempts: number
  crashes: number
  lease: number
  worker: string | null
  run_at: string
  enqueued_at: string
  claimed_at: string | null
  finished_at: string | null
  deadline_at: string | null
  cancel_requested_at: string | null
  /** `{"_redacted": true}` where the caller may not see it. */
  progress: Json
  metadata: { [member: string]: Json }
  tags: string[]
  unique_key: string | null
  ordering_key: string | null
  concurrency_key: string | null
  rate_key: string | null
  /** The schedule that made it. */
  schedule: string | null
  dead_letter: boolean
  /** The agent that enqueued it over the API. */
  agent_id: string | null
  /** The user who enqueued it over the API, or whose agent did. */
  owner_id: string | null
  last_error: {
    at: string
    attempt: number
    lease: number | null
    reason: string
    /** Null where the caller may not see it. */
    error: string | null
    stack?: string
    worker?: string | null
  } | null
  /** `{"_redacted": true}` where the caller may not see it. */
  payload: Json
  payload_version: number
  /** `{"_redacted": true}` where the caller may not see it. */
  output: Json
  /** The newest 25 attempts that failed. */
  errors: {
    at: string
    attempt: number
    lease: number | null
    reason: string
    /** Null where the caller may not see it. */
    error: string | null
    stack?: string
    worker?: string | null
  }[]
  trace: { [member: string]: Json } | null
  /** What the caller may do with it now; only in answers of one job. */
  may: ('retry' | 'cancel' | 'reschedule' | 'move')[]
}

export type JobResult = {
  id: string
  state: 'scheduled' | 'retrying' | 'blocked' | 'ready' | 'running' | 'waiting' | 'completed' | 'failed' | 'cancelled'
  /** Whether the job is over. */
  done: boolean
  reason: string | null
  /** `{"_redacted": true}` where the caller may not see it. */
  output: Json
  error: string | null
}

/** A job as lists show it, without its content. */
export type JobRow = {
  id: string
  kind: string
  queue: string
  /** 1 is urgent, 4 can wait. */
  priority: number
  state: 'scheduled' | 'retrying' | 'blocked' | 'ready' | 'running' | 'waiting' | 'completed' | 'failed' | 'cancelled'
  state_reason: string | null
  attempt: number
  max_attempts: number
  crashes: number
  lease: number
  worker: string | null
  run_at: string
  enqueued_at: string
  claimed_at: string | null
  finished_at: string | null
  deadline_at: string | null
  cancel_requested_at: string | null
  /** `{"_redacted": true}` where the caller may not see it. */
  progress: Json
  metadata: { [member: string]: Json }
  tags: string[]
  unique_key: string | null
  ordering_key: string | null
  concurrency_key: string | null
  rate_key: string | null
  /** The schedule that made it. */
  schedule: string | null
  dead_letter: boolean
  /** The agent that enqueued it over the API. */
  agent_id: string | null
  /** The user who enqueued it over the API, or whose agent did. */
  owner_id: string | null
  last_error: {
    at: string
    attempt: number
    lease: number | null
    reason: string
    /** Null where the caller may not see it. */
    error: string | null
    stack?: string
    worker?: string | null
  } | null
}

export type JobTransition = {
  at: string
  /** `enqueued`, `claimed`, `completed`, `retrying`, `rescued`, `retried` … */
  what: string
  /** The state that the job then had. */
  state: 'scheduled' | 'retrying' | 'blocked' | 'ready' | 'running' | 'waiting' | 'completed' | 'failed' | 'cancelled' | null
  actor: {
    type: 'user' | 'agent' | 'key' | 'guest' | 'system' | 'worker'
    id: string
  } | null
  attempt: number | null
  lease: number | null
  worker: string | null
  outcome: string | null
  reason: string | null
  error: string | null
  duration_ms: number | null
}

/** What became of each job of a bulk call. */
export type JobsChanged = {
  changed: number
  data: {
    id: string
    changed: boolean
    /** Null when there is no such job. */
    state: 'scheduled' | 'retrying' | 'blocked' | 'ready' | 'running' | 'waiting' | 'completed' | 'failed' | 'cancelled' | null
    code: 'not_found' | 'state_conflict' | 'unique_conflict' | 'approval_pending' | 'policy_denied' | 'human_denied' | null
    /** The job that holds the unique key. */
    job_id?: string
  }[]
}

export type Joined = {
  user_id: string
  email: string
  tenant_id: string
}

export type Key = {
  id: string
  kind: 'agt' | 'usr' | 'adm' | 'emb'
  environment: 'live' | 'test'
  name: string
  agent_id: string | null
  /** Of a key for embeds: whose tasks it may show. */
  agent_ids: string[]
  /** Of a key for embeds: where; none means wherever the tenant allows. */
  origins: string[]
  /** Of a key pair: the name of its public half (RFC 7638), shown with a proof in place of a secret. */
  thumbprint: string | null
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

export type Keyring = {
  source: string
  sources: {
    name: string
    answers: boolean
  }[]
  skipped: {
    source: string
    reason: string
  }[]
  versions: RootKey[]
  processes: {
    id: string
    roles: string[]
    versions: number[]
    since: string
  }[]
  tenant_keys: {
    tenants: number
    versions: number
    retired: number
  }
  ages: {
    what: string
    oldest_at: string
    days: number
    warn: boolean
  }[]
  warnings: string[]
  rewraps: Rewrap[]
}

export type Kind = {
  name: string
  paused_at: string | null
  paused_by: string | null
  /** When a worker last declared it. */
  seen_at: string | null
  /** Not declared for a day. */
  stale: boolean
  /** Live workers that run it. */
  workers: number
  queue: string | null
  priority: number | null
  max_attempts: number | null
  max_crashes: number | null
  deadline_ms: number | null
  keep_output_ms: number | null
  dead_letters: boolean
  payload_version: number | null
}

export type KindStats = {
  kind: string
  completed: number
  failed: number
  cancelled: number
  retried: number
  rescued: number
  /** How long an attempt took that completed, in the middle. */
  p50_ms: number | null
  p95_ms: number | null
  /** How long such a job waited before it. */
  wait_p50_ms: number | null
  wait_p95_ms: number | null
  /** Failures by reason. */
  reasons: { [member: string]: number }
}

/** By what a user can be asked besides their name; labels grant nothing. */
export type Labels = {
  roles: string[]
  access_levels: string[]
}

/** What is held is neither erased nor does it expire. */
export type LegalHold = {
  id: string
  subject: 'tenant' | 'card' | 'relay_grant' | 'thread'
  reason: string | null
  held: true
}

/** What a person does from the page of a review link besides answering. */
export type LinkAct =
  | {
      type: 'claim' | 'release'
    }
  | {
      type: 'comment'
      body: string
    }
  | {
      type: 'send_back'
      comment: string
    }

export type LinkAnswer = {
  type: 'accept' | 'edit' | 'respond' | 'ignore' | 'deny'
  response?: { [member: string]: Json } | null
  args?: { [member: string]: Json } | null
  reason?: string | null
  comment?: string | null
  raw_text?: string | null
  on_behalf_of?: string | null
  assertion?: {
    nonce: string
  } | null
  remember?: {
    for_seconds: number
  } | null
}

export type LinkAnswered = {
  state: 'answered'
  task: Task
}

export type LinkDone = {
  state: 'done'
  task: Task
  comment: Comment | null
}

export type LinkView = {
  state: 'open' | 'revised' | 'verifying'
  purpose: 'answer' | 'review' | 'session'
  /** What the button stood for. */
  choice: {
    label: string
    answer: { [member: string]: Json }
  } | null
  /** Of the content that the message showed; older than the task’s: it was revised. */
  told_revision: number
  reader: {
    user_id: string | null
    display_name: string
    email: string | null
  }
  /** Goes on in place of the link: for this task, until an hour of silence. */
  session: string | null
  /** Goes with the answer of this page. */
  nonce: string
  nonce_expires_at: string
  expires_at: string
  task: Task
  /** Of the page of a review link: what has been said, the oldest first. */
  comments: Comment[]
}

/** A reviewed version of a card, with what is known of it and since when. */
export type ListedCard = {
  /** The name in its address. */
  slug: string
  version: number
  name: string
  summary: string
  category: string | null
  provider: {
    name: string
    url: string
  } | null
  skills: {
    id: string
    name: string
    tags: string[]
  }[]
  accepted_inputs: string[]
  expected_outputs: string[]
  url: string
  card_url: string
  listed_at: string
  signed: {
    at: string
  }
  verified_domains: {
    domain: string
    method: 'dns' | 'https'
    verified_at: string
    expires_at: string
  }[]
  health: {
    state: 'ok' | 'degraded' | 'down'
    reason: string | null
    checked_at: string
    p50_ms: number | null
  } | null
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

export type MadeTenant = {
  id: string
  name: string
  state: 'active' | 'suspended' | 'closing' | 'erased'
  state_since: string
  state_reason: string | null
  created_at: string
  /** Of a closing tenant: until then it can be opened again. */
  erased_after: string | null
  state_by: string
  invitation_id?: string
  /** The invitation of its owner, in this answer only. */
  link?: string
}

/** Who mails come from, and how they leave. */
export type MailIdentity = {
  /** What `email+id:` names. */
  id: string
  display_name: string
  from_email: string
  from_name: string | null
  reply_to: string | null
  transport: 'smtp' | 'resend' | 'http' | 'file' | 'log' | 'none'
  /** Without what is secret. */
  settings: { [member: string]: Json }
  has_secret: boolean
  inbound_domain: string | null
  /** Where the provider posts what arrives. */
  inbound_url: string | null
  is_default: boolean
  verified_at: string | null
  last_sent_at: string | null
  last_error: string | null
  last_error_at: string | null
  created_at: string
  updated_at: string
}

export type Maintenance = {
  /** Whether some process leads maintenance. */
  leads: boolean
  /** Null for callers who may not see the machines. */
  leader: string | null
  /** Live workers. */
  workers: number
  schema_version: number | null
  expected_schema_version: number
  /** What goes on, but worse than it could: listen, maintenance, schema, ring_blocked, horizon … */
  degraded: string[]
  duties: {
    duty: string
    every_ms: number
    budget_ms: number
    runs: number
    overruns: number
    last_ms: number
    /** How long it rests for having overrun. */
    rests_ms: number
    failing: boolean
  }[]
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
  tenant_state: 'active' | 'suspended' | 'closing' | 'erased'
  /** The door through which a host sees this tenant. */
  break_glass: {
    id: string
    ends_at: string
  } | null
  session_id: string | null
  /** How far each action reaches for this person; what is not here is not open. */
  may: { [member: string]: 'any' | 'own' }
  /** Only from a server that `countersign dev` started: its desk is the page /dev. */
  dev?: boolean
}

export type Membership = {
  tenant_id: string
  name: string
  state: 'active' | 'suspended' | 'closing' | 'erased'
  /** null: a tenant that break-glass opened for you, to read. */
  role: 'owner' | 'admin' | 'operator' | 'member' | 'reviewer' | 'auditor' | 'viewer' | null
  current: boolean
  break_glass_id: string | null
  break_glass_ends_at: string | null
}

export type MintedEmbed = {
  id: string
  /** In this answer only. It goes into no URL but the fragment of `embed_url`. */
  embed_token?: string
  /** The address of the frame. */
  embed_url?: string
  expires_at: string
  /** false in a replayed answer, which no longer has the token. */
  secret_shown?: boolean
}

export type NewCard = {
  /** The name in its address. */
  slug: string
  name: string
  summary: string
  skills: CardSkill[]
  /** Media types. */
  accepted_inputs: string[]
  /** Media types. */
  expected_outputs: string[]
  description?: string
  category?: string
  provider?: {
    name: string
    url: string
  }
  limits?: RelayLimits
  /** What holders of a live relay grant are told beside the rest (R86). */
  extended?: {
    description?: string
    /** Beside those that everybody reads of. */
    skills?: CardSkill[]
  }
  /** Public JWKs of P-256 to which messages are sealed. */
  encryption_keys?: { [member: string]: Json }[]
  documentation_url?: string
  icon_url?: string
  /** What is countersigned: who connects, or single messages too. */
  approval?: 'connection' | 'message'
  visibility?: 'public' | 'members' | 'grant_holders'
  /** 0: messages are gone when their thread ends; none: kept as long as the thread. */
  retention_days?: number | 'none'
  max_message_bytes?: number
  /** false switches off what the A2A face would offer. */
  capabilities?: {
    streaming?: boolean
    push_notifications?: boolean
    extended_card?: boolean
  }
  /** Whose keys serve it; null: any agent of the tenant that may. */
  agent_id?: string | null
  /** What a first message of an agent without a relay grant does: refuse it, or make a connection request and let it wait for that. */
  unapproved?: 'refuse' | 'request'
  direct_messages?: boolean
  idle_seconds?: number
  reply_closes_after_seconds?: number
  ring_seconds?: number
  /** Answers for the handles of this tenant. */
  primary?: boolean
  /** Save it although it looks as if a secret stood in it. */
  confirm_public?: boolean
  /** That of its agent, unless said. */
  environment?: 'live' | 'test'
}

export type NewCompatibilityKey = {
  version: number
  origin: 'made' | 'imported'
  created_at: string
  effective_at: string
  key: string
  secret: string
}

/** A connection request as it was made. */
export type NewConnectionRequest = {
  id: string
  side: 'owner' | 'caller'
  agent: string
  card_id: string
  state: 'pending' | 'approved' | 'denied' | 'withdrawn' | 'expired'
  asker: {
    tenant_id: string
    agent_id: string
    name: string
  }
  purpose: string
  asked: RelayTerms
  given: RelayTerms | null
  relay_grant_id: string | null
  issue: 'on_approve' | 'on_collect' | null
  token_issued_at: string | null
  /** Of the message that it came with, and that waits for it. */
  thread_id: string | null
  /** Where the owner’s people answer it. */
  task_url: string | null
  note: string | null
  created_at: string
  decided_at: string | null
  /** Until when it can be answered. */
  expires_at: string
  task_id?: string | null
  note_visible?: boolean
  decided_by?: string | null
  policy_version?: number | null
  /** How its asker asks, everywhere; for the owner’s people, where a request is read. */
  conduct?: {
    score: number
    /** Cards of others, in seven days. */
    cards_asked: number
    /** In thirty days. */
    refusals: number
    /** How often it ran into a limit of the relay, in seven days. */
    times_limited: number
    /** What its tenant has proved to be its own. */
    domains: string[]
  }
  callback?: {
    endpoint_id: string
    secret?: string
    secret_shown?: boolean
  }
}

export type NewKey = {
  id: string
  kind: 'agt' | 'usr' | 'adm' | 'emb'
  environment: 'live' | 'test'
  name: string
  agent_id: string | null
  /** Of a key for embeds: whose tasks it may show. */
  agent_ids: string[]
  /** Of a key for embeds: where; none means wherever the tenant allows. */
  origins: string[]
  /** Of a key pair: the name of its public half (RFC 7638), shown with a proof in place of a secret. */
  thumbprint: string | null
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

export type NewMailIdentity = {
  /** What `email+id:` names. */
  id: string
  display_name: string
  from_email: string
  from_name: string | null
  reply_to: string | null
  transport: 'smtp' | 'resend' | 'http' | 'file' | 'log' | 'none'
  /** Without what is secret. */
  settings: { [member: string]: Json }
  has_secret: boolean
  inbound_domain: string | null
  /** Where the provider posts what arrives. */
  inbound_url: string | null
  is_default: boolean
  verified_at: string | null
  last_sent_at: string | null
  last_error: string | null
  last_error_at: string | null
  created_at: string
  updated_at: string
  /** Signs what the provider posts. Shown once. */
  inbound_secret: string | null
}

export type NewSignIn = {
  /** For the person: eight letters, for ten minutes, once. */
  code: string
  /** For the command alone. */
  secret: string
  verification_url: string
  /** With the code in the fragment. */
  verification_url_complete: string
  interval: number
  expires_at: string
}

/** One message about one task in one channel. */
export type Notice = {
  id: string
  task_id: string
  revision: number
  purpose: 'asked' | 'reminder' | 'escalated' | 'returned' | 'revised' | 'digest'
  channel: 'email' | 'slack' | 'webhook' | 'push'
  identity: string | null
  /** Where it went; null for who may not see the content of the task. */
  target: string | null
  user_id: string | null
  display_name: string | null
  state: 'queued' | 'sent' | 'failed' | 'rewritten' | 'expired'
  attempts: number
  /** Of each attempt that failed. */
  reasons: {
    at: string
    reason: string
  }[]
  /** The notice that tells of this one together with others. */
  digest_id: string | null
  /** The notice whose channel failed. */
  instead_of: string | null
  created_at: string
  sent_at: string | null
  failed_at: string | null
  rewritten_at: string | null
}

/** The form in which notices come to an endpoint; without one they come raw. */
export type NoticeTemplate = {
  endpoint_id: string
  template: 'raw' | 'teams' | 'discord' | 'google_chat'
  updated_at: string
}

export type OpenedRun = {
  run: Run
  /** For the proxy and for /runs/self; shown here and nowhere again. */
  token?: string
  secret_shown?: boolean
  proxy_url: string | null
  /** What the child trusts besides public authorities. */
  ca_pem: string
  /** Variables for the child; each holds a placeholder, no secret. */
  env: { [member: string]: string }
}

export type OwnRun = {
  run: Run
  routes: {
    connection_id: string
    provider: string
    name: string
    status: string
    hosts: string[]
    placeholder: string
    env: string[]
    /** Regular expressions of the provider’s own secrets, for whoever masks output. */
    key_patterns: string[]
    grant_ids: string[]
  }[]
  env: { [member: string]: string }
}

/** One content: `text`, `data`, `raw` or `url`. */
export type Part = {
  text?: string
  /** Any JSON value. */
  data?: Json
  /** base64 */
  raw?: string
  /** https; passed on and never opened. */
  url?: string
  media_type?: string
  filename?: string
  metadata?: { [member: string]: Json }
}

/** The people of the installation were asked to look after it. */
export type PeerReported = {
  peer: string
  reason: 'spam' | 'impersonation' | 'harmful' | 'broken' | 'other'
  reported_at: string
}

export type PolicyCheck = {
  valid: boolean
  errors: PolicyFault[]
  warnings: PolicyFault[]
  policies: ShownPolicy[]
}

export type PolicyDifference = {
  version: number
  against: number
  added: {
    id: string
    text: string
  }[]
  removed: {
    id: string
    text: string
  }[]
  changed: {
    id: string
    before: string
    after: string
  }[]
  same: number
}

export type PolicyDryRun = {
  version: number
  judged: number
  /** Judged without text of whoever asked, because no policy read it then and it was not kept. */
  without_content: number
  unreadable: number
  changed: {
    decided_at: string
    principal: {
      type: string
      id: string
    }
    action: string
    resource: {
      type: string
      id: string
    }
    policy_version: number
    before: {
      outcome: 'allow' | 'ask' | 'deny'
      reason: 'permitted' | 'asked' | 'forbidden' | 'no_permit' | 'policy_error'
      policy_ids: string[]
    }
    after: {
      outcome: 'allow' | 'ask' | 'deny'
      reason: 'permitted' | 'asked' | 'forbidden' | 'no_permit' | 'policy_error'
      policy_ids: string[]
    }
  }[]
}

export type PolicyFault = {
  path: string
  line: number
  column: number
  code: string
  message: string
  policy_id: string | null
}

export type PolicyOutcome = {
  outcome: 'allow' | 'ask' | 'deny'
  reason: 'permitted' | 'asked' | 'forbidden' | 'no_permit' | 'policy_error'
  says: string
  policy_ids: string[]
  /** 0 for a text that is not saved. */
  policy_version: number
  ask: {
    quorum: number
    expires_seconds: number
    on_timeout: 'deny' | 'escalate'
    texts: string[]
  } | null
  /** What could not be evaluated. */
  faults: string[]
  policies: ShownPolicy[]
}

export type PolicySchema = {
  text: string
  actions: string[]
}

export type PolicyVersion = {
  version: number
  active: boolean
  origin: 'starting' | 'saved'
  note: string | null
  bytes: number
  saved_by: string
  saved_at: string
  /** When it last became the active one. */
  activated_at: string | null
  text: string
  errors: PolicyFault[]
  warnings: PolicyFault[]
  policies: ShownPolicy[]
}

export type PolicyVersionRow = {
  version: number
  active: boolean
  origin: 'starting' | 'saved'
  note: string | null
  bytes: number
  saved_by: string
  saved_at: string
  /** When it last became the active one. */
  activated_at: string | null
}

/** A named group of users from which whoever is asked is taken. */
export type Pool = {
  id: string
  name: string
  description: string
  strategy: 'least_recent' | 'least_open' | 'broadcast'
  claim_seconds: number | null
  members: string[]
  created_by: string
  created_at: string
  updated_at: string
}

/** Who a call comes from. */
export type Principal = {
  tenant_id: string
  tenant_name: string
  tenant_state: 'active' | 'suspended' | 'closing' | 'erased'
  type: 'user' | 'agent' | 'key' | 'guest' | 'system'
  id: string
  name: string
  email: string | null
  /** Of a person. */
  role: string | null
  /** Of an agent. */
  environment: 'live' | 'test' | null
  /** The key of the call; null of a session. */
  key_id: string | null
  /** Of the key; null of a session. */
  scopes: string[] | null
  /** The clock by which the server judges. */
  now: string
}

export type Provider = {
  name: string
  aliases: string[]
  kind: 'app' | 'llm' | 'mcp' | 'cookies' | 'custom'
  display_name: string
  /** available: a client has to be registered first; connected: for whoever looks. */
  state: 'available' | 'configured' | 'connected'
  methods: (
    | 'code'
    | 'device'
    | 'register'
    | 'client_credentials'
    | 'jwt_bearer'
    | 'token_exchange'
    | 'github_app'
    | 'api_key'
    | 'basic'
    | 'aws'
    | 'minted_jwt'
    | 'cookies'
  )[]
  hosts: string[]
  /** Variables that programs read its fields from. */
  env: { [member: string]: string }
  /** The day on which somebody compared it with the vendor’s documentation; null: not verified. */
  verified_on: string | null
  bundled: boolean
  /** The tenant’s own stands in place of a bundled one. */
  overridden: boolean
  /** A version waits for approval. */
  proposed: boolean
  /** false: it is only proposed so far; told to who could approve it. */
  in_force: boolean
  /** 0: the bundled one. */
  version: number
}

export type ProviderClient = {
  /** Whose record this is; products of one vendor may share one. */
  provider: string
  issuer: string | null
  client_id: string | null
  has_secret: boolean
  auth: 'basic' | 'post' | 'none' | 'private_key_jwt'
  /** The name of the key with which it signs, as the provider knows it. */
  key_id: string | null
  redirect_uris: string[]
  state: 'registering' | 'active' | 'unknown' | 'removed'
  /** That were obtained under it and are still in use. */
  connections: number
  created_by: string
  created_at: string
  updated_at: string
}

export type ProviderClientRemoved = {
  provider: string
  affected: {
    connections: number
    grants: number
  }
}

export type ProviderDetail = {
  name: string
  /** null: nothing is in force yet. */
  provider: {
    name: string
    aliases: string[]
    kind: 'app' | 'llm' | 'mcp' | 'cookies' | 'custom'
    display_name: string
    /** available: a client has to be registered first; connected: for whoever looks. */
    state: 'available' | 'configured' | 'connected'
    methods: (
      | 'code'
      | 'device'
      | 'register'
      | 'client_credentials'
      | 'jwt_bearer'
      | 'token_exchange'
      | 'github_app'
      | 'api_key'
      | 'basic'
      | 'aws'
      | 'minted_jwt'
      | 'cookies'
    )[]
    hosts: string[]
    /** Variables that programs read its fields from. */
    env: { [member: string]: string }
    /** The day on which somebody compared it with the vendor’s documentation; null: not verified. */
    verified_on: string | null
    bundled: boolean
    /** The tenant’s own stands in place of a bundled one. */
    overridden: boolean
    /** A version waits for approval. */
    proposed: boolean
    /** false: it is only proposed so far; told to who could approve it. */
    in_force: boolean
    /** 0: the bundled one. */
    version: number
  } | null
  definition: { [member: string]: Json } | null
  /** As it was written, comments and all. */
  source: string | null
  digest: string | null
  /** To register at the provider. */
  redirect_url: string
  client: {
    client_id: string | null
    issuer: string | null
    auth: string
    state: string
  }[]
  usage: {
    connections: number
    grants: number
  } | null
  proposals: ProviderVersion[]
}

export type ProviderEnded = {
  provider: string
  affected: {
    connections: number
    grants: number
  }
  /** The job that ends the connections; null: there is none to end. */
  job_id: string | null
}

export type ProviderKey = {
  name: string
  provider: 'anthropic' | 'openai' | 'gemini' | 'azure_openai' | 'openai_compatible'
  has_key: boolean
  base_url: string | null
  model: string | null
  is_default: boolean
  input_price: number | null
  output_price: number | null
  created_by: string
  created_at: string
  updated_at: string
}

export type ProviderVersion = {
  provider: string
  version: number
  /** SHA-256 of the canonical form, in hex. */
  digest: string
  state: 'proposed' | 'active' | 'superseded' | 'rejected' | 'removed'
  reason: string
  /** As it was written, comments and all. */
  source: string
  definition: { [member: string]: Json }
  proposed_by: string
  proposed_at: string
  decided_by: string | null
  decided_at: string | null
  /** Against what was in force. */
  difference: {
    path: string
    change: 'added' | 'removed' | 'changed'
  }[]
  /** A credential could go elsewhere by it: on approval every grant waits to be confirmed. */
  suspends_grants: boolean
  affected: {
    connections: number
    grants: number
  }
  warnings: {
    path: string
    code: string
    message: string
  }[]
}

/** One judgement of the proxy, with how the request ended once that is known. Values of queries, headers and bodies are in no record. */
export type ProxiedRequest = {
  event_id: string
  request_id: string | null
  at: string
  agent_id: string
  run_id: string
  connection_id: string | null
  grant_id: string | null
  task_id: string | null
  outcome: 'allow' | 'deny' | 'ask' | 'pass' | 'learn'
  reason: string | null
  scheme: 'http' | 'https'
  host: string
  port: number
  method: string
  path: string
  tools: string[]
  /** Names of facts that were read. */
  facts: string[]
  proof: string | null
  client_address: string | null
  policy_ids: string[]
  policy_version: number | null
  ended: {
    /** Of the upstream; null where no answer came. */
    status: number | null
    /** A code of the catalogue where no answer came. */
    fault: string | null
    bytes_up: number
    bytes_down: number
    total_ms: number
    /** How often an injected value was masked in what came back. */
    redactions: number
    /** A value of the client’s stood where the credential goes. */
    replaced: boolean
    retried: boolean
  } | null
}

/** A process of the role `proxy` that may call the gate. */
export type ProxyNode = {
  id: string
  name: string
  /** SHA-256 of its certificate, in hexadecimal. */
  fingerprint: string
  /** Silent: it has not said for ten seconds that it is there. */
  state: 'live' | 'silent' | 'expelled'
  enrolled_by: string
  enrolled_at: string
  seen_at: string | null
  version: string | null
  /** How old what it knew was when it last said so. */
  lag_ms: number | null
  /** Credentials that it held for seconds. */
  leases: number | null
  /** Runs that it followed. */
  runs: number | null
  /** What it asked of the gate, for runs that are open or ended within a day. */
  calls: {
    /** Tokens of runs that clients showed it. */
    opens: number
    /** Credentials that it was handed. */
    materials: number
    /** Requests for which it asked people, or how they stand. */
    asks: number
    /** The most that it called for one run within this minute; more than a limit are refused. */
    busiest: number
  }
  expelled_at: string | null
  expelled_by: string | null
}

export type Queue = {
  name: string
  paused_at: string | null
  paused_by: string | null
  /** How many jobs by state; a state without jobs may be left out. */
  depth: { [member: string]: number }
  /** Whether some count above 10,000 is an estimate. */
  estimated: boolean
  as_of: string
  oldest_ready_ms: number | null
  /** Live workers that serve it. */
  workers: number
  /** How many run at once, over all processes. */
  max_running: number | null
  /** How many of one concurrency key run at once: for every key, or by the beginning of the key. */
  max_running_per_key: number | { [member: string]: number } | null
  rate: {
    limit: number
    per_seconds: number
    burst?: number
  } | null
  /** For every rate key, or by the beginning of the key. */
  rate_per_key:
    | {
        limit: number
        per_seconds: number
        burst?: number
      }
    | {
        [member: string]: {
          limit: number
          per_seconds: number
          burst?: number
        }
      }
    | null
  max_depth: number | null
  on_full: 'reject' | 'signal'
  fair_by: 'tenant' | 'concurrency_key' | null
  /** Of groups of a fair queue; 1 unless said. */
  weights: { [member: string]: number } | null
  /** After how long a waiting job counts as one priority higher; 0: never. */
  aging_seconds: number
  /** Whether it takes jobs of kinds that no worker declared; null: not over the API, but from SQL and from TypeScript, where a producer may be first. */
  undeclared: boolean | null
}

/** What is wrong with the queue and what to do about it; empty when nothing is. */
export type QueueFindings = {
  healthy: boolean
  findings: {
    /** `queue_without_worker`, `queue_paused`, `leader_missing`, `listen_lost`, `ring_pressure` … */
    code: string
    /** What is wrong. */
    what: string
    /** What to do. */
    remedy: string
  }[]
}

export type QueueKey = {
  /** What stands for the key in a path. */
  ref: string
  key: string
  by: 'ordering_key' | 'concurrency_key' | 'rate_key' | 'kind'
  /** How many jobs wait for it; counted up to 1,000. */
  waiting: number
  running: number
  /** When a rate key is looked at again. */
  until: string | null
  /** Of an ordering key the job that the others wait for; else who is next. */
  head: {
    id: string
    kind: string
    state: 'scheduled' | 'retrying' | 'blocked' | 'ready' | 'running' | 'waiting' | 'completed' | 'failed' | 'cancelled'
    attempt: number
    run_at: string
  } | null
}

export type QueueSeries = {
  from: string
  to: string
  step_seconds: number
  series: {
    /** The kind, queue or outcome; null without `by`. */
    key: string | null
    points: {
      at: string
      completed: number
      failed: number
      cancelled: number
      retried: number
      rescued: number
      /** How long an attempt took that completed, in the middle. */
      p50_ms: number | null
      p95_ms: number | null
      /** How long such a job waited before it. */
      wait_p50_ms: number | null
      wait_p95_ms: number | null
    }[]
  }[]
}

export type QueueStats = {
  as_of: string
  /** How many jobs by state; a state without jobs may be left out. */
  depth: { [member: string]: number }
  oldest_ready_ms: number | null
  dead_letters: number
  workers: number
  last_minute: {
    enqueued: number | null
    completed: number
    failed: number
    cancelled: number
    retried: number
    rescued: number
    /** How long an attempt took that completed, in the middle. */
    p50_ms: number | null
    p95_ms: number | null
    /** How long such a job waited before it. */
    wait_p50_ms: number | null
    wait_p95_ms: number | null
  }
}

export type QueueStatsRow = {
  queue: string
  completed: number
  failed: number
  cancelled: number
  retried: number
  rescued: number
  /** How long an attempt took that completed, in the middle. */
  p50_ms: number | null
  p95_ms: number | null
  /** How long such a job waited before it. */
  wait_p50_ms: number | null
  wait_p95_ms: number | null
  /** How many jobs by state; a state without jobs may be left out. */
  depth: { [member: string]: number }
  oldest_ready_ms: number | null
}

/** How many people have to agree, as it was resolved when the task was made. */
export type Quorum = {
  groups: {
    name: string | null
    need: number
    all: boolean
    /** Any JSON value. */
    assign_to: Json
  }[]
  on_deny: 'first' | 'impossible'
  combine: 'last' | 'agree' | 'list'
  separate: boolean
  blind: boolean
}

/** A compact JWS (EdDSA) that `countersign receipt verify` and docs/audit.md check with the published keys alone. */
export type Receipt = {
  receipt: string
  kid: string
  sealed: boolean
}

export type RegisteredAgent = {
  agent_id: string
  state: 'unclaimed'
  /** The thumbprint of the key (RFC 7638): what stands behind `DPoP` in the Authorization header. */
  key_id: string
  /** Six words for the first 96 bits of the thumbprint, for people to compare. */
  words: string[]
  /** For the person who is to answer for it: once, for ten minutes. */
  claim_url: string
  claim_expires_at: string
}

/** What lets an agent of another owner work with one of yours, or one of yours with theirs. */
export type RelayGrant = {
  id: string
  /** On which side of it you stand. */
  side: 'owner' | 'caller'
  agent: string
  card_id: string
  connection_request_id: string | null
  asker: {
    tenant_id: string | null
    agent_id: string | null
    label: string
  }
  label: string
  purpose: string
  /** Null: every skill of the card. */
  skills: string[] | null
  scopes: ('threads:start' | 'threads:send' | 'threads:read' | 'threads:close' | 'threads:subscribe')[]
  limits: RelayLimits
  bind: {
    addresses: string[] | null
    dpop_jkt: string | null
  }
  encryption: 'off' | 'optional' | 'required'
  environment: 'live' | 'test'
  sandbox: boolean
  /** Made for this thread alone: it starts no other, and ends with it. */
  only_thread: string | null
  token_lifetime_seconds: number
  state: 'active' | 'revoked' | 'expired'
  is_expired: boolean
  /** A rotation moves it on by the lifetime of the new token, up to `ends_at`. */
  expires_at: string | null
  /** What the owner has set; nothing goes beyond it. */
  ends_at: string | null
  version: number
  created_by: string | null
  created_at: string
  ended_at: string | null
  ended_reason: string | null
  /** Newest first. */
  tokens: RelayTokenEnds[]
}

/** A relay grant, and what of its quotas is used. */
export type RelayGrantInUse = {
  id: string
  /** On which side of it you stand. */
  side: 'owner' | 'caller'
  agent: string
  card_id: string
  connection_request_id: string | null
  asker: {
    tenant_id: string | null
    agent_id: string | null
    label: string
  }
  label: string
  purpose: string
  /** Null: every skill of the card. */
  skills: string[] | null
  scopes: ('threads:start' | 'threads:send' | 'threads:read' | 'threads:close' | 'threads:subscribe')[]
  limits: RelayLimits
  bind: {
    addresses: string[] | null
    dpop_jkt: string | null
  }
  encryption: 'off' | 'optional' | 'required'
  environment: 'live' | 'test'
  sandbox: boolean
  /** Made for this thread alone: it starts no other, and ends with it. */
  only_thread: string | null
  token_lifetime_seconds: number
  state: 'active' | 'revoked' | 'expired'
  is_expired: boolean
  /** A rotation moves it on by the lifetime of the new token, up to `ends_at`. */
  expires_at: string | null
  /** What the owner has set; nothing goes beyond it. */
  ends_at: string | null
  version: number
  created_by: string | null
  created_at: string
  ended_at: string | null
  ended_reason: string | null
  /** Newest first. */
  tokens: RelayTokenEnds[]
  /** What of its quotas is used. */
  usage: {
    open_threads: number
    messages_today: number
    bytes_today: number
    /** Those in force: its own, else the card’s, else everybody’s. 0: none. */
    limits: {
      max_open_threads: number
      messages_per_day: number
      bytes_per_day: number
    }
    /** When the day of both begins anew (UTC). */
    resets_at: string
  }
}

export type RelayGrantRevoked = {
  state: 'active' | 'revoked' | 'expired'
  threads_revoked: number
}

export type RelayLimits = {
  max_open_threads?: number
  messages_per_day?: number
  bytes_per_day?: number
  /** Messages a minute. */
  rate?: number
}

export type RelayTerms = {
  /** Null: every skill of the card. */
  skills: string[] | null
  scopes: ('threads:start' | 'threads:send' | 'threads:read' | 'threads:close' | 'threads:subscribe')[]
  limits: RelayLimits
  expires_in_seconds: number
  bind: {
    addresses: string[] | null
    dpop_jkt: string | null
  }
  encryption: 'off'
}

/** The two ends of a relay token, that tell it from others. */
export type RelayTokenEnds = {
  id: string
  prefix: string
  last_four: string
  scopes: ('threads:start' | 'threads:send' | 'threads:read' | 'threads:close' | 'threads:subscribe')[]
  created_at: string
  expires_at: string
  /** After a rotation: until when it still works. Or when it was given up. */
  ends_at: string | null
  last_used_on: string | null
  /** The network that it was last used from, never the address. */
  last_used_range: string | null
  is_live: boolean
}

/** RFC 7662, and what it opens. Of a token that is not yours to ask about nothing but `active: false`. */
export type RelayTokenIntrospection = {
  active: boolean
  scope?: string
  client_id?: string
  token_type?: 'Bearer' | 'DPoP'
  exp?: number
  iat?: number
  sub?: string
  aud?: string
  cnf?: {
    jkt: string
  }
  relay_grant?: string
  agent?: string
  scopes?: ('threads:start' | 'threads:send' | 'threads:read' | 'threads:close' | 'threads:subscribe')[]
  state?: 'active' | 'revoked' | 'expired'
  is_expired?: boolean
  expires_at?: string
  last_used_on?: string | null
  /** The start of the day on which it was last used. */
  last_used_at?: string | null
  prefix?: string
  last_four?: string
}

export type Replay = {
  id: string
  state: 'running' | 'done' | 'cancelled'
  endpoint_id: string | null
  event_id: string | null
  type: string | null
  thread_id: string | null
  what: 'exhausted' | 'any'
  since: string | null
  until: string | null
  include_succeeded: boolean
  per_second: number
  /** How many it was about when it began. */
  total: number
  started: number
  succeeded: number
  failed: number
  waiting: number
  created_by: string
  created_at: string
  ended_at: string | null
}

/** What the owner’s side said, and the state that it brought the thread to. */
export type RespondedMessage = {
  thread_id: string
  message_id: string | null
  sequence: number | null
  state:
    | 'awaiting_approval'
    | 'queued'
    | 'delivering'
    | 'waiting_owner'
    | 'waiting_caller'
    | 'responded'
    | 'closed'
    | 'failed'
    | 'rejected'
    | 'revoked'
    | 'expired'
  outcome: 'completed' | 'canceled' | null
  reason:
    | 'progress'
    | 'reply_held'
    | 'asked'
    | 'responded'
    | 'completed'
    | 'closed_by_caller'
    | 'closed_by_owner'
    | 'agent_error'
    | 'delivery_exhausted'
    | 'outcome_unknown'
    | 'reply_refused'
    | 'deadline_passed'
    | 'no_answer'
    | 'approval_denied'
    | 'approval_timeout'
    | 'policy_denied'
    | 'agent_rejected'
    | 'grant_revoked'
    | 'grant_expired'
    | null
  turn: 'caller' | 'owner' | 'human' | 'none'
  approval: {
    task_id: string
    side: 'caller' | 'owner'
    url: string
    expires_at: string
  } | null
}

/** One change of what the human is asked to judge. */
export type Revision = {
  revision: number
  /** `{"_redacted": true}` where the caller may not see it. */
  note: Json
  /** Pointers to what differs from the revision before. */
  changed: string[]
  /** `{description, payload, action}` of the revision before. */
  before: Json
  revised_by: string
  revised_at: string
}

/** One pass over wraps, with what it did by table and version. */
export type Rewrap = {
  id: string
  state: 'waiting' | 'running' | 'finished'
  phase: 'waiting' | 'counting' | 'renewing' | 'switching' | 'rewrapping' | 'finished'
  tenant_id: string | null
  /** Whether tenants get a new version of their keys. */
  renew: boolean
  /** Whether data keys and nonces are replaced too. */
  reseal: boolean
  created_at: string
  created_by: string
  started_at: string | null
  finished_at: string | null
  total: number
  done: number
  /** Envelopes that could not be rewrapped; the log names them. */
  failed: number
  /** Wraps a second. */
  rate: number | null
  items: {
    item: string
    version: number
    total: number
    done: number
  }[]
}

/** The ring of slots, of all tenants together: states, no counts. */
export type Ring = {
  as_of: string
  generation: number
  free_slots: number
  ring_blocked: boolean
  /** Why no slot can be freed, when that is so. */
  blocked_reason: string | null
  oldest_age_ms: number | null
  /** How long the oldest snapshot of the database is held. */
  horizon_age_s: number | null
  slots: {
    slot: number
    state: 'current' | 'sealed' | 'free'
    generation: number | null
    opened_at: string | null
    age_ms: number | null
    /** What keeps a sealed slot from being emptied. */
    held_by: string | null
  }[]
}

/** A version of the root key. accepted: it opens and does not seal. current: it seals. retired: nothing names it. destroyed: it is gone. */
export type RootKey = {
  version: number
  fingerprint: string
  source: string
  state: 'accepted' | 'current' | 'retired' | 'destroyed'
  created_at: string
  promoted_at: string | null
  replaced_at: string | null
  retired_at: string | null
  /** When it will be destroyed; until then it can be kept. */
  destroy_at: string | null
  destroyed_at: string | null
  /** Keys that are wrapped under it. */
  wraps: number
  /** Passwords whose pepper comes from it. */
  passwords: number
  /** Live processes that do not hold it. */
  missing_in: number
  age_days: number
}

export type RoutedPerson = {
  user_id: string
  display_name: string
  role: string
  roles: string[]
  access_levels: string[]
  pools: string[]
  max_open: number | null
  /** Tasks that they hold now. */
  open: number
  away_until: string | null
  delegate_user_id: string | null
}

/** Who is asked where nobody is named, and who gets what reaches nobody; null: owners, admins and operators. */
export type Routing = {
  default_pool_id: string | null
  fallback_pool_id: string | null
}

/** One bounded execution of an agent. */
export type Run = {
  id: string
  agent_id: string
  environment: 'live' | 'test'
  purpose: string
  labels: string[]
  mode: 'enforce' | 'learn'
  /** How it was opened. */
  proof: 'key' | 'dpop' | 'oidc' | 'user'
  state: 'live' | 'ended'
  /** By provider: which connection it was told to use. */
  connections: { [member: string]: string }
  /** How long its requests wait for people that do not say so themselves; null: as the proxy is set. */
  wait_seconds: number | null
  opened_by: string
  client_address: string | null
  created_at: string
  expires_at: string
  beat_at: string | null
  /** When a client first showed its token to a proxy. */
  used_at: string | null
  ended_at: string | null
  ended_reason: string | null
}

/** What a run learned, as grants and policies that are not made yet. */
export type RunDraft = {
  run_id: string
  agent_id: string
  mode: 'enforce' | 'learn'
  /** How many it learned from. */
  requests: number
  /** There was more: only the newest were read, and the most wanted stand here. */
  truncated: boolean
  learned: {
    scheme: 'http' | 'https'
    host: string
    port: number
    method: string
    /** With what stands for one thing among many as `*`. */
    path: string
    requests: number
  }[]
  grants: {
    provider: string
    name: string
    requests: number
    /** That fit as well; name one of them in its place where it is meant. */
    other_connections: string[]
    /** As `POST /grants` takes it. */
    grant: {
      agent_id: string
      connection_id: string
      reason: string
      rules: GrantRule[]
    }
  }[]
  /** Hosts of nobody, each with a policy that lets this agent pass it without a credential. */
  passes: {
    host: string
    requests: number
    policy_id: string
    /** Cedar. */
    policy: string
  }[]
  /** Providers to connect first; read the draft again afterwards. */
  missing: {
    provider: string
    display_name: string
    reason: 'connection_missing' | 'needs_reauth'
    connection_id: string | null
    hosts: string[]
    requests: number
    /** Where you connect it, or sign in to it again. */
    connect_url: string
  }[]
  /** What no rule of the draft lets out: sent without TLS, for tokens, handing out credentials, or not to be named by a rule. */
  left_out: {
    scheme: 'http' | 'https'
    host: string
    port: number
    method: string
    /** With what stands for one thing among many as `*`. */
    path: string
    requests: number
    why: 'plaintext' | 'token_endpoint' | 'minting' | 'unnamed'
  }[]
}

export type Schedule = {
  id: string
  name: string
  cron: string
  timezone: string
  kind: string
  queue: string | null
  priority: number | null
  /** `{"_redacted": true}` where the caller may not see it. */
  payload: Json
  missed: 'coalesce' | 'catch_up' | 'skip'
  overlap: 'allow' | 'skip' | 'replace'
  jitter_seconds: number
  starts_at: string | null
  ends_at: string | null
  declared_in: 'code' | 'api'
  seen_at: string
  paused_at: string | null
  paused_by: string | null
  last_fire: string | null
  next_fire: string | null
  last_job_id: string | null
}

/** What a schedule has fired, newest first, and the next ten times. */
export type ScheduleFires = {
  past: {
    fire_time: string
    at: string
    job_id: string | null
    /** How its job stands; null when it is no longer kept. */
    state: 'scheduled' | 'retrying' | 'blocked' | 'ready' | 'running' | 'waiting' | 'completed' | 'failed' | 'cancelled' | null
    /** Why there is no job. */
    skipped: 'overlap' | 'outage' | 'error' | null
    error: string | null
    /** How many fires of an outage nobody makes up for. */
    fires: number | null
  }[]
  next: string[]
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

/** A callback that was answered, and the state of its job since. */
export type SettledCallback = {
  id: string
  job_id: string
  state: string
}

export type SetupStatus = {
  needs_setup: boolean
  token_active?: boolean
}

export type ShownPolicy = {
  id: string
  effect: 'permit' | 'forbid'
  /** In words. */
  says: string
  ask: {
    text: string
    quorum: number
    expires_seconds: number
    on_timeout: 'deny' | 'escalate'
  } | null
  until: string | null
  text: string
  line: number
  column: number
}

export type SlackApp = {
  configured: boolean
  app_id: string | null
  client_id: string | null
  has_client_secret: boolean
  updated_at: string | null
  /** Where Slack sends the browser back to. */
  redirect_url: string
}

export type SlackInstallation = {
  id: string
  team_id: string
  team_name: string
  bot_user_id: string
  scopes: string[]
  via: 'oauth' | 'token'
  state: 'active' | 'revoked'
  state_reason: string | null
  state_since: string
  /** Slack asked for a pause until then. */
  limited_until: string | null
  installed_by: string
  created_at: string
  updated_at: string
}

export type SlackMember = {
  slack_user_id: string
  handle: string
  display_name: string
  /** Who they are here; null while nobody is known to be them. */
  user_id: string | null
  user_name: string | null
  linked_by: 'mail' | 'sign_in' | null
}

export type StandingPermission = {
  /** Of the policy: decisions that used it name it. */
  id: string
  state: 'draft' | 'active' | 'ended'
  /** Of the policies in which it stands. */
  version: number
  /** What it allows: messages to the agent, or its answers. */
  actions: string[]
  /** null: what names none. */
  skill: string | null
  /** What a fact may be at most. */
  ceilings: { [member: string]: number }
  /** Facts that have to be as they were when people were asked. */
  facts: { [member: string]: Json }
  until: string | null
  /** The permit in words. */
  says: string
  /** The permit in Cedar. */
  text: string
}

export type StartedAuthorization = {
  authorization_id: string
  status: 'pending' | 'waiting_for_user' | 'processing' | 'completed' | 'failed' | 'expired' | 'cancelled'
  provider: string
  method:
    | 'code'
    | 'device'
    | 'register'
    | 'client_credentials'
    | 'jwt_bearer'
    | 'token_exchange'
    | 'github_app'
    | 'api_key'
    | 'basic'
    | 'aws'
    | 'minted_jwt'
    | 'cookies'
  connection_name: string
  /** Null: the connection is the tenant’s, shared. */
  owner_id: string | null
  next_action: 'open_url' | 'show_code' | 'none'
  user_code: string | null
  verification_uri: string | null
  verification_uri_complete: string | null
  interval: number | null
  error: {
    /** Ours, or the provider’s own. */
    code: string
    /** In the provider’s words: data, never markup. */
    said: string | null
  } | null
  connection_id: string | null
  created_at: string
  expires_at: string
  /** Opens the page for whoever has it, once. The token stands in the fragment; a repeated call does not show it again. */
  connect_url?: string
}

/** A form with a name. A version never changes. */
export type StoredForm = {
  /** What a task names: `name@version`. */
  form: string
  name: string
  version: number
  title: string | null
  response_schema: { [member: string]: Json }
  form_definition: { [member: string]: Json } | null
  created_by: string
  created_at: string
  /** Since then no task may name it. */
  retired_at: string | null
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
  quorum: Quorum | null
  /** Decisions that count while the task waits for several. */
  votes: number
  votes_needed: number
  /** Since then too few people are left who could agree. */
  unreachable_at: string | null
  /** Nobody on the requester’s side is counted. */
  separate: boolean
  /** What the asking side wants a decision to be proven by, at least. */
  assurance: 'link' | 'channel' | 'session' | 'step_up' | 'passkey'
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
  /** In whose place the holder is asked, because they are away. */
  assigned_for_user_id: string | null
  notify: string[] | null
  require_assignee: boolean
  answer_by_reply: boolean
  delegable: boolean
  /** Nobody could be asked or told: the fallback pool has it. */
  unrouted_at: string | null
  warnings: {
    code: string
    message: string
  }[]
  priority: 'low' | 'normal' | 'high' | 'urgent'
  tags: string[]
  metadata: { [member: string]: Json }
  risk: 'low' | 'normal' | 'high' | 'critical'
  redact:
    | 'none'
    | 'notify'
    | 'strict'
    | {
        level: 'none' | 'notify' | 'strict'
        payload: string[]
        response: string[]
        action: string[]
      }
  redact_payload: boolean
  /** Any JSON value. */
  verifier_config: Json
  /** Any JSON value. */
  verifier_result: Json
  /** No model is asked, for the task hides its content. */
  verification: 'skipped_redacted' | null
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
  reminders: Json | null
  reminded_at: string | null
  escalation: Json | null
  /** How often others were asked because nobody answered. */
  escalation_level: number
  escalated_at: string | null
  pause_while_revising: boolean
  comment_count: number
  expect_outcome_seconds: number | null
  agent_outcome: 'succeeded' | 'failed' | 'skipped' | null
  agent_outcome_at: string | null
  outcome_missing_at: string | null
  erased_at: string | null
  /** The page on which people answer. */
  url: string
  /** `{"_redacted": true}` where the caller may not see it. */
  description: Json
  /** `{"_redacted": true}` where the caller may not see it. */
  payload: Json
  /** The proposed call, when there is one. */
  action: Json
  payload_schema: { [member: string]: Json } | null
  response_schema: { [member: string]: Json }
  /** The stored form that it was asked with, as `name@version`. */
  form: string | null
  form_definition: { [member: string]: Json } | null
  /** `{"_redacted": true}` where the caller may not see it. */
  initial_response: Json
  /** Any JSON value. */
  on_timeout: Json
  /** `{"_redacted": true}` where the caller may not see it. */
  response: Json
  /** `{"_redacted": true}` where the caller may not see it. */
  cancel_reason: Json
  /** `{"_redacted": true}` where the caller may not see it. */
  agent_outcome_detail: Json
  decisions: Decision[]
  /** What the caller may do with the task in its present state. */
  may: (
    | 'decide'
    | 'step_in'
    | 'withdraw_vote'
    | 'remember'
    | 'claim'
    | 'release'
    | 'cancel'
    | 'update'
    | 'comment'
    | 'send_back'
    | 'erase'
  )[]
  /** Of these acts, where they are not in `may`: why the caller may not. */
  may_not: {
    decide?:
      | 'task_not_open'
      | 'task_verifying'
      | 'already_decided'
      | 'separation_of_duties'
      | 'task_already_claimed'
      | 'not_eligible'
      | 'needs_several'
      | 'not_claimed'
      | 'agent_may_not_decide'
      | 'forbidden'
    claim?:
      | 'task_not_open'
      | 'task_verifying'
      | 'already_decided'
      | 'separation_of_duties'
      | 'task_already_claimed'
      | 'not_eligible'
      | 'needs_several'
      | 'not_claimed'
      | 'agent_may_not_decide'
      | 'forbidden'
    release?:
      | 'task_not_open'
      | 'task_verifying'
      | 'already_decided'
      | 'separation_of_duties'
      | 'task_already_claimed'
      | 'not_eligible'
      | 'needs_several'
      | 'not_claimed'
      | 'agent_may_not_decide'
      | 'forbidden'
    cancel?:
      | 'task_not_open'
      | 'task_verifying'
      | 'already_decided'
      | 'separation_of_duties'
      | 'task_already_claimed'
      | 'not_eligible'
      | 'needs_several'
      | 'not_claimed'
      | 'agent_may_not_decide'
      | 'forbidden'
  }
  /** What the caller, who may decide, has to prove before; null where what they have proven is enough. */
  needs_proof: 'link' | 'channel' | 'session' | 'step_up' | 'passkey' | null
}

/** How many open tasks the filters `mine`, `claimable` and `team` of the list would find, and how many the caller reaches. */
export type TaskCounts = {
  mine: number
  claimable: number
  team: number
  all: number
  /** More are open than were counted: each figure ends at 10,000, and `all` may be more than it says. */
  at_least: boolean
}

/** A link that opens the task for one person. How it is opened is told to that person alone. */
export type TaskLink = {
  id: string
  task_id: string
  revision: number
  purpose: 'answer' | 'review' | 'reply'
  channel: 'email' | 'webhook'
  /** What its button says. */
  label: string | null
  user_id: string | null
  display_name: string
  notice_id: string | null
  /** held: a verifier looks at the answer. */
  state: 'live' | 'held' | 'used' | 'expired' | 'revoked'
  created_at: string
  expires_at: string
  used_at: string | null
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
  candidate?: {
    decision_id: string
    /** `{"_redacted": true}` where the caller may not see it. */
    response: Json
    attempt: number
  } | null
}

export type TaskRecordEntry = {
  id: string
  type: string
  occurred_at: string
  actor: {
    type: 'user' | 'agent' | 'key' | 'guest' | 'system'
    id: string
    session_id?: string
    key_id?: string
    /** How it was proved who acted. */
    assurance?: string
  }
  channel: string | null
  data: { [member: string]: Json }
  before?: { [member: string]: Json }
  after?: { [member: string]: Json }
  seq: number | null
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
  quorum: Quorum | null
  /** Decisions that count while the task waits for several. */
  votes: number
  votes_needed: number
  /** Since then too few people are left who could agree. */
  unreachable_at: string | null
  /** Nobody on the requester’s side is counted. */
  separate: boolean
  /** What the asking side wants a decision to be proven by, at least. */
  assurance: 'link' | 'channel' | 'session' | 'step_up' | 'passkey'
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
  /** In whose place the holder is asked, because they are away. */
  assigned_for_user_id: string | null
  notify: string[] | null
  require_assignee: boolean
  answer_by_reply: boolean
  delegable: boolean
  /** Nobody could be asked or told: the fallback pool has it. */
  unrouted_at: string | null
  warnings: {
    code: string
    message: string
  }[]
  priority: 'low' | 'normal' | 'high' | 'urgent'
  tags: string[]
  metadata: { [member: string]: Json }
  risk: 'low' | 'normal' | 'high' | 'critical'
  redact:
    | 'none'
    | 'notify'
    | 'strict'
    | {
        level: 'none' | 'notify' | 'strict'
        payload: string[]
        response: string[]
        action: string[]
      }
  redact_payload: boolean
  /** Any JSON value. */
  verifier_config: Json
  /** Any JSON value. */
  verifier_result: Json
  /** No model is asked, for the task hides its content. */
  verification: 'skipped_redacted' | null
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
  reminders: Json | null
  reminded_at: string | null
  escalation: Json | null
  /** How often others were asked because nobody answered. */
  escalation_level: number
  escalated_at: string | null
  pause_while_revising: boolean
  comment_count: number
  expect_outcome_seconds: number | null
  agent_outcome: 'succeeded' | 'failed' | 'skipped' | null
  agent_outcome_at: string | null
  outcome_missing_at: string | null
  erased_at: string | null
  /** The page on which people answer. */
  url: string
  /** `{"_redacted": true}` where the caller may not see it. */
  payload?: Json
  /** `{"_redacted": true}` where the caller may not see it. */
  response?: Json
}

export type TaskSettings = {
  /** After a task has ended, its content is erased when so many days are over. */
  retention_days: number
  /** Of tasks of an hour or more that say nothing themselves; null: at half and nine tenths of their time. */
  reminders:
    | (
        | {
            after: number
          }
        | {
            before: number
          }
        | {
            at_percent: number
          }
      )[]
    | null
  /** The least that any task hides: at `notify` nothing but the title leaves the house, at `strict` not even that. */
  redact: 'none' | 'notify' | 'strict'
  /** Whether the other clients too are refused another question under a known key, in place of getting the first one. */
  compat_strict_replay: boolean
}

/** The figures of tasks over a stretch of time, within what the caller reaches. */
export type TaskStats = {
  from: string
  to: string
  days: number
  time_zone: string
  totals: {
    created: number
    open: number
    answered: number
    accepted: number
    edited: number
    responded: number
    ignored: number
    denied: number
    defaulted: number
    timed_out: number
    cancelled: number
    verification_exhausted: number
  }
  /** By the day on which it was asked, and how it ended. */
  volume: {
    day: string
    created: number
    open: number
    answered: number
    accepted: number
    edited: number
    responded: number
    ignored: number
    denied: number
    defaulted: number
    timed_out: number
    cancelled: number
    verification_exhausted: number
  }[]
  /** When questions come; Monday is 0. */
  heat: {
    weekday: number
    hour: number
    tasks: number
  }[]
  /** From the question to the first person who opened it. */
  first_look: {
    tasks: number
    median_seconds: number | null
    p90_seconds: number | null
    histogram: {
      from_seconds: number
      up_to_seconds: number
      tasks: number
    }[]
  }
  /** From the question to its end. */
  decision: {
    tasks: number
    median_seconds: number | null
    p90_seconds: number | null
    histogram: {
      from_seconds: number
      up_to_seconds: number
      tasks: number
    }[]
  }
  backlog: {
    open: number
    oldest_seconds: number | null
    ages: {
      up_to_seconds: number
      tasks: number
    }[]
  }
  escalated: number
  edits: {
    /** Of the actions that people agreed to, the share that they changed first. */
    rate: number | null
    edited: number
    accepted: number
    fields: {
      pointer: string
      tasks: number
    }[]
  }
  verifier: {
    refusals: number
    tasks: number
  }
  quorum: {
    tasks: number
    unanimous: number
  }
  after_approval: {
    approved: number
    succeeded: number
    failed: number
    skipped: number
    missing: number
  }
  groups: {
    key: string
    name: string
    tasks: number
    escalated: number
    approved: number
    mean_seconds: number | null
  }[]
}

export type TaskWait = {
  tasks: { [member: string]: TaskPoll }
  final: string[]
  pending: string[]
}

export type Tenant = {
  id: string
  name: string
  state: 'active' | 'suspended' | 'closing' | 'erased'
  state_since: string
  state_reason: string | null
  created_at: string
  /** Of a closing tenant: until then it can be opened again. */
  erased_after: string | null
  session_profile: 'standard' | 'strict' | 'custom'
  session_idle_seconds: number | null
  session_absolute_seconds: number | null
  revoke_exposed_keys: boolean
  /** Whether a proof of an agent has to repeat a nonce of this server. */
  proof_nonce: boolean
  /** Whether people may take stored credentials out, field by field. */
  vault_export: boolean
  /** How long a grant may last. */
  grant_max_seconds: number
  /** How cards of agents elsewhere are taken: not verified, verified where they are signed, or only where they verify. */
  card_verification: 'ignore' | 'prefer' | 'require'
  /** `foragent`: answers of the relay about your agents, and to yours, have the names of ForAgent beside ours, as with the header `Countersign-Compat`. */
  relay_compat: 'none' | 'foragent'
}

/** What a host sees of a tenant: its name and its state, nothing that lives in it. */
export type TenantPlate = {
  id: string
  name: string
  state: 'active' | 'suspended' | 'closing' | 'erased'
  state_since: string
  state_reason: string | null
  created_at: string
  /** Of a closing tenant: until then it can be opened again. */
  erased_after: string | null
  state_by: string
}

export type TestSent = {
  delivery_id: string
}

/** A piece of work between two agents. */
export type Thread = {
  id: string
  agent: string
  card_version: number
  relay_grant_id: string
  context_id: string
  state:
    | 'awaiting_approval'
    | 'queued'
    | 'delivering'
    | 'waiting_owner'
    | 'waiting_caller'
    | 'responded'
    | 'closed'
    | 'failed'
    | 'rejected'
    | 'revoked'
    | 'expired'
  outcome: 'completed' | 'canceled' | null
  reason:
    | 'progress'
    | 'reply_held'
    | 'asked'
    | 'responded'
    | 'completed'
    | 'closed_by_caller'
    | 'closed_by_owner'
    | 'agent_error'
    | 'delivery_exhausted'
    | 'outcome_unknown'
    | 'reply_refused'
    | 'deadline_passed'
    | 'no_answer'
    | 'approval_denied'
    | 'approval_timeout'
    | 'policy_denied'
    | 'agent_rejected'
    | 'grant_revoked'
    | 'grant_expired'
    | null
  turn: 'caller' | 'owner' | 'human' | 'none'
  sequence: number
  skill: string | null
  operation_id: string | null
  reference_thread_ids: string[]
  caller: {
    tenant_id: string | null
    agent_id: string | null
    label: string
  }
  callee: {
    tenant_id: string
    agent: string
  }
  /** It rings until somebody answers, for the card’s `ring_seconds` at most. */
  live: boolean
  /** When the owner’s side answered first. */
  answered_at: string | null
  /** Of an ended thread that was answered: from then to its end. */
  duration_ms: number | null
  approval: {
    task_id: string
    side: 'caller' | 'owner'
    url: string
    expires_at: string
  } | null
  error: {
    code: string
    message: string
  } | null
  created_at: string
  updated_at: string
  expires_at: string | null
  ended_at: string | null
  links: {
    inspect: string
    messages: string
    events: string
    stream: string
    access_tokens: string
    close: string
    a2a_task: string
  }
}

/** A result, merged from the pieces in which it came. */
export type ThreadArtifact = {
  artifact_id: string
  name: string | null
  description: string | null
  parts: {
    text?: string
    /** Any JSON value. */
    data?: Json
    raw?: string
    url?: string
    media_type?: string
    filename?: string
    metadata?: { [member: string]: Json }
  }[]
  is_complete: boolean
  sequence: number
}

/** Where the caller of a thread wants to be told of it. */
export type ThreadCallback = {
  /** An https address. */
  url: string
  /** Your own signing secret. */
  secret?: string
  /** An endpoint under the same relay grant whose secret signs. */
  endpoint_id?: string
  /** A new secret, shown once. */
  generate_secret?: boolean
  /** Names, `thread.*`, or all where left out. */
  events?: string[]
  /** Both signatures (default), or the standard one alone. */
  signature?: 'foragent' | 'standard'
  /** Ids and links without parts. */
  thin?: boolean
  /** Signs with a key pair of its own besides. */
  ed25519?: boolean
}

/** What one side was sent of a thread, attempt by attempt. */
export type ThreadDelivery = {
  id: string
  endpoint_id: string | null
  event_id: string
  event_type: string
  form: 'full' | 'thin' | 'callback'
  state: 'pending' | 'sending' | 'succeeded' | 'exhausted' | 'held' | 'cancelled'
  attempts: number
  trigger: 'auto' | 'manual' | 'bulk' | 'test'
  next_attempt_at: string | null
  last_status: number | null
  last_class: string | null
  created_at: string
  succeeded_at: string | null
  ended_at: string | null
  log: {
    n: number
    trigger: 'auto' | 'manual' | 'bulk' | 'test'
    started_at: string
    ended_at: string
    ms: number
    dns_ms: number | null
    connect_ms: number | null
    tls_ms: number | null
    first_byte_ms: number | null
    family: number | null
    status: number | null
    class: string | null
    excerpt: string | null
  }[]
}

/** Where the caller of a thread is told of it. */
export type ThreadEndpoint = {
  id: string
  url: string
  events: string[]
  signature: 'foragent' | 'standard' | 'a2a'
  thin: boolean
  state: 'pending' | 'active' | 'paused' | 'disabled'
  state_reason: string | null
  state_since: string
  public_key: string | null
  /** Of an A2A push config: the name that its client gave it. */
  config_id: string | null
  secrets: {
    n: number
    created_at: string
    ends_at: string | null
  }[]
  created_at: string
  updated_at: string
}

export type ThreadEndpointMade = {
  id: string
  url: string
  events: string[]
  signature: 'foragent' | 'standard' | 'a2a'
  thin: boolean
  state: 'pending' | 'active' | 'paused' | 'disabled'
  state_reason: string | null
  state_since: string
  public_key: string | null
  /** Of an A2A push config: the name that its client gave it. */
  config_id: string | null
  secrets: {
    n: number
    created_at: string
    ends_at: string | null
  }[]
  created_at: string
  updated_at: string
  /** In the answer that made it, and nowhere else. */
  secret?: string
  secret_shown?: boolean
}

/** One numbered fact of a thread. */
export type ThreadEvent = {
  id: string
  sequence: number
  type: string
  at: string
  actor: {
    type: string
    id: string
  }
  data: { [member: string]: Json }
}

/** A thread as one side’s list shows it: no content. */
export type ThreadLine = {
  id: string
  side: 'caller' | 'owner'
  agent: string
  relay_grant_id: string
  context_id: string
  state:
    | 'awaiting_approval'
    | 'queued'
    | 'delivering'
    | 'waiting_owner'
    | 'waiting_caller'
    | 'responded'
    | 'closed'
    | 'failed'
    | 'rejected'
    | 'revoked'
    | 'expired'
  outcome: 'completed' | 'canceled' | null
  reason:
    | 'progress'
    | 'reply_held'
    | 'asked'
    | 'responded'
    | 'completed'
    | 'closed_by_caller'
    | 'closed_by_owner'
    | 'agent_error'
    | 'delivery_exhausted'
    | 'outcome_unknown'
    | 'reply_refused'
    | 'deadline_passed'
    | 'no_answer'
    | 'approval_denied'
    | 'approval_timeout'
    | 'policy_denied'
    | 'agent_rejected'
    | 'grant_revoked'
    | 'grant_expired'
    | null
  turn: 'caller' | 'owner' | 'human' | 'none'
  sequence: number
  skill: string | null
  operation_id: string | null
  /** The other side: the label of the relay grant, or the name on the card. */
  with: string
  caller: {
    tenant_id: string | null
    agent_id: string | null
    label: string
  }
  callee: {
    tenant_id: string
    agent: string
  }
  /** It rings until somebody answers, for the card’s `ring_seconds` at most. */
  live: boolean
  approval: {
    task_id: string
    side: 'caller' | 'owner'
    url: string
    expires_at: string
  } | null
  /** When the owner’s side answered first. */
  answered_at: string | null
  /** Of an ended thread that was answered: from then to its end. */
  duration_ms: number | null
  created_at: string
  updated_at: string
  ended_at: string | null
}

/** What one side said; without `parts` once its payload is gone. */
export type ThreadMessage = {
  id: string
  thread_id: string
  sequence: number | null
  side: 'caller' | 'owner'
  kind: 'message' | 'progress' | 'artifact'
  outcome: 'reply' | 'progress' | 'ask' | 'completed' | 'failed' | 'rejected' | 'message' | null
  parts?: {
    text?: string
    /** Any JSON value. */
    data?: Json
    raw?: string
    url?: string
    media_type?: string
    filename?: string
    metadata?: { [member: string]: Json }
  }[]
  metadata?: { [member: string]: Json }
  skill: string | null
  client_message_id: string | null
  operation_id: string | null
  reference_thread_ids: string[]
  artifact_id?: string
  name?: string
  description?: string
  append?: boolean
  last_chunk?: boolean
  payload_hash: string
  payload_state: 'present' | 'expired' | 'erased'
  state: 'held' | 'queued' | 'delivering' | 'delivered' | 'exhausted' | 'withdrawn' | 'refused'
  created_at: string
  expires_at: string | null
}

export type Tick = {
  /** The duties that were looked at. */
  duties: string[]
  took_ms: number
}

export type Tried = {
  relay_grant: RelayGrant
  agent: string
  /** Shown in this one answer. It reaches this agent and no other. */
  relay_token?: string
  commands?: TryCommands
  secret_shown?: false
  expires_at: string
  links: {
    card: string
    threads: string
    /** In the dashboard: its threads, live. */
    threads_page: string
  }
}

/** Each starts a thread and shows the answer, as it is pasted. They hold the token. */
export type TryCommands = {
  /** One line for a shell. */
  curl: string
  /** One line for a shell, where these commands are installed. */
  cli: string
  /** A module of JavaScript over @a2a-js/sdk. */
  a2a: string
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

/** Keys and envelopes of a tenant, in numbers. */
export type VaultStatus = {
  /** empty: nothing was ever sealed here. */
  state: 'open' | 'empty'
  root_key: {
    /** Its kind, such as file or exec. */
    source: string
    fingerprint: string
    version: number
  }
  tenant_key: {
    version: number
    versions: number
    retired: number
  } | null
  envelopes: {
    total: number
    items: {
      item: string
      version: number
      rows: number
    }[]
  }
  connections: {
    count: number
    by_status: { [member: string]: number }
  }
  /** Where agents reach the proxy; null where there is none. */
  proxy_url: string | null
}

/** What checks an answer before it counts. */
export type Verifier = {
  id: string
  name: string
  version: number
  /** `{provider, …}`, every member of it; docs/tasks/verifiers.md has each. */
  config: { [member: string]: Json }
  created_by: string
  created_at: string
  updated_at: string
}

export type VerifierRun = {
  id: string
  decision_id: string
  position: number
  provider: string
  model: string | null
  verifier_id: string | null
  state: 'waiting' | 'passed' | 'refused' | 'accepted' | 'returned' | 'overridden' | 'ended'
  tries: number
  fault: string | null
  input_tokens: number
  output_tokens: number
  /** In US dollars, where the prices are known. */
  cost: number | null
  /** What it said, as far as the caller may see it. */
  reason: Json
  started_at: string
  ended_at: string | null
}

export type VerifierTrial = {
  /** Null: no verdict came. */
  passed: boolean | null
  reason: string | null
  field_errors: {
    path: string
    field?: string
    code: string
    message: string
  }[]
  parsed_response: { [member: string]: Json } | null
  /** Why no verdict came. */
  unavailable: string | null
  input_tokens: number
  output_tokens: number
  cost: number | null
}

/** A message of a caller that the owner’s side has not settled: no content. */
export type WaitingMessage = {
  message_id: string
  thread_id: string
  sequence: number
  from: string
  context_id: string
  skill: string | null
  state: string
  state_reason: string | null
  thread_state:
    | 'awaiting_approval'
    | 'queued'
    | 'delivering'
    | 'waiting_owner'
    | 'waiting_caller'
    | 'responded'
    | 'closed'
    | 'failed'
    | 'rejected'
    | 'revoked'
    | 'expired'
  size_bytes: number
  age_seconds: number
  attempts: number
  claimed_by: string | null
  claimed_until: string | null
  created_at: string
}

/** Both documents of a version as they are served, signatures and all. */
export type WholeCardVersion = {
  number: number
  is_current: boolean
  content_sha256: string
  author: string
  created_at: string
  signed_at: string
  document: { [member: string]: Json }
  a2a_document: { [member: string]: Json }
}

export type Worker = {
  id: string
  /** Null for callers who may not see the machines. */
  host: string | null
  pid: number | null
  version: string
  /** Those that the tenant knows. */
  queues: string[]
  kinds: string[]
  started_at: string
  beat_at: string
  alive: boolean
  /** How many jobs of this tenant it runs. */
  running: number
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
  'PATCH /agents/:id': {
    params: { id: string }
    query: Record<string, never>
    body: {
      name?: string
      description?: string
      /** Grants and policies may mean every agent with a label. */
      labels?: string[]
      /** Required: each call of the agent is proven with its key pair, and a bare key of it is refused. */
      proof?: 'optional' | 'required'
      state?: 'active' | 'paused' | 'revoked'
    }
    answers: {
      200: Agent
    }
  }
  'POST /agents/register': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      /** did:key:z6Mk… of Ed25519, or a public JWK of Ed25519 or P-256. */
      public_key: string | { [member: string]: Json }
      handle: string
      environment?: 'live' | 'test'
    }
    answers: {
      201: RegisteredAgent
    }
  }
  'POST /agents/:id/registration': {
    params: { id: string }
    query: Record<string, never>
    body: {
      token: string
    }
    answers: {
      200: AgentRegistration
    }
  }
  'POST /agents/:id/claim': {
    params: { id: string }
    query: Record<string, never>
    body: {
      token: string
      owner?: string
    }
    answers: {
      200: Agent
    }
  }
  'POST /agents/:id/reject': {
    params: { id: string }
    query: Record<string, never>
    body: {
      token: string
    }
    answers: {
      200: {
        agent_id: string
        state: 'rejected'
      }
    }
  }
  'POST /cli/sign-ins': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      client: string
    }
    answers: {
      201: NewSignIn
    }
  }
  'POST /cli/sign-ins/fetch': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      secret: string
    }
    answers: {
      200: FetchedSignIn
    }
  }
  'POST /cli/sign-ins/look': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      /** As the command shows it; in any case, with the dash or without. */
      code: string
    }
    answers: {
      200: {
        /** What the command says of the machine it runs on. Nobody vouches for it. */
        client: string
        /** From where it asked. */
        address: string | null
        asked_at: string
        expires_at: string
        /** It asked from the address from which you ask now. */
        same_address: boolean
        tenant_name: string
        /** Until when it would be signed in. */
        session_ends_at: string
      }
    }
  }
  'POST /cli/sign-ins/approve': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      /** As the command shows it; in any case, with the dash or without. */
      code: string
    }
    answers: {
      200: AskedSignIn
    }
  }
  'POST /cli/sign-ins/refuse': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      /** As the command shows it; in any case, with the dash or without. */
      code: string
    }
    answers: {
      200: AskedSignIn
    }
  }
  'GET /keys': {
    params: Record<string, never>
    query: { limit?: number; cursor?: string; agent_id?: string; kind?: 'agt' | 'usr' | 'adm' | 'emb' }
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
      kind: 'agt' | 'usr' | 'adm' | 'emb'
      agent_id?: string
      /** Of a key for embeds: whose tasks it may show. */
      agent_ids?: string[]
      /** Of a key for embeds: where it may show them. */
      origins?: string[]
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
        | 'batches:*'
        | 'batches:submit'
        | 'blocks:*'
        | 'blocks:manage'
        | 'break_glass:*'
        | 'break_glass:end'
        | 'callbacks:*'
        | 'callbacks:settle'
        | 'card_keys:*'
        | 'card_keys:rotate'
        | 'cards:*'
        | 'cards:publish'
        | 'cards:read'
        | 'cards:review'
        | 'cards:submit'
        | 'checkpoints:*'
        | 'checkpoints:read'
        | 'connection_requests:*'
        | 'connection_requests:create'
        | 'connection_requests:decide'
        | 'connection_requests:read'
        | 'connections:*'
        | 'connections:create'
        | 'connections:delete'
        | 'connections:export'
        | 'connections:read'
        | 'connections:update'
        | 'contacts:*'
        | 'contacts:read'
        | 'contacts:update'
        | 'dead_letters:*'
        | 'dead_letters:purge'
        | 'dead_letters:retry'
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
        | 'grants:decide'
        | 'grants:read'
        | 'grants:revoke'
        | 'holds:*'
        | 'holds:set'
        | 'jobs:*'
        | 'jobs:cancel'
        | 'jobs:enqueue'
        | 'jobs:read'
        | 'jobs:reschedule'
        | 'jobs:retry'
        | 'keys:*'
        | 'keys:create'
        | 'keys:read'
        | 'keys:revoke'
        | 'keys:rotate'
        | 'maintenance:*'
        | 'maintenance:tick'
        | 'metrics:read'
        | 'policies:*'
        | 'policies:activate'
        | 'policies:dry_run'
        | 'policies:read'
        | 'policies:write'
        | 'providers:*'
        | 'providers:manage'
        | 'providers:propose'
        | 'proxy:*'
        | 'proxy:read'
        | 'queues:*'
        | 'queues:drain'
        | 'queues:override'
        | 'queues:pause'
        | 'queues:read'
        | 'queues:resume'
        | 'relay_grants:*'
        | 'relay_grants:create'
        | 'relay_grants:read'
        | 'relay_grants:revoke'
        | 'relay_grants:rotate'
        | 'relay_grants:update'
        | 'roles:*'
        | 'roles:change'
        | 'runs:*'
        | 'runs:create'
        | 'runs:end'
        | 'runs:read'
        | 'schedules:*'
        | 'schedules:manage'
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
        | 'threads:erase'
        | 'threads:export'
        | 'threads:list'
        | 'threads:mint'
        | 'threads:read'
        | 'threads:respond'
        | 'threads:send'
        | 'threads:serve'
        | 'threads:start'
        | 'threads:subscribe'
        | 'users:*'
        | 'users:invite'
        | 'users:list'
        | 'users:remove'
        | 'users:reset'
        | 'vaults:*'
        | 'vaults:read'
        | 'vaults:rotate'
        | 'vaults:verify'
        | 'workers:*'
        | 'workers:stop'
      )[]
      addresses?: string[]
      environment?: 'live' | 'test'
      expires_in_seconds?: number
      /** did:key:z6Mk… of Ed25519, or a public JWK of Ed25519 or P-256. */
      public_key?: string | { [member: string]: Json }
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
      /** did:key:z6Mk… of Ed25519, or a public JWK of Ed25519 or P-256. */
      public_key?: string | { [member: string]: Json }
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
      kind?: 'agt' | 'usr' | 'adm' | 'emb'
      created_before?: string
    }
    answers: {
      200: {
        revoked: number
      }
    }
  }
  'GET /principal': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: Principal
    }
  }
  'GET /policies': {
    params: Record<string, never>
    query: { limit?: number; cursor?: string }
    body: undefined
    answers: {
      200: {
        data: PolicyVersionRow[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'GET /policies/active': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: PolicyVersion
    }
  }
  'GET /policies/schema': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: PolicySchema
    }
  }
  'GET /policies/:version': {
    params: { version: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: PolicyVersion
    }
  }
  'GET /policies/:version/diff': {
    params: { version: string }
    query: { against?: number }
    body: undefined
    answers: {
      200: PolicyDifference
    }
  }
  'POST /policies': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      text: string
      note?: string | null
      based_on?: number
    }
    answers: {
      201: PolicyVersion
    }
  }
  'POST /policies/proxy-set': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      set: 'careful' | 'loose'
    }
    answers: {
      200: PolicyVersionRow
    }
  }
  'POST /policies/:version/activate': {
    params: { version: string }
    query: Record<string, never>
    body: {
      /** Refused when another version is active than this one. */
      replaces?: number
    }
    answers: {
      200: PolicyVersionRow
    }
  }
  'POST /policies/check': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      text: string
    }
    answers: {
      200: PolicyCheck
    }
  }
  'POST /policies/decide': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      principal: {
        type: string
        id: string
        attributes?: { [member: string]: Json }
        parents?: {
          type: string
          id: string
        }[]
      }
      action: string
      /** The tenant, unless said. */
      resource?: {
        type: string
        id: string
        attributes?: { [member: string]: Json }
        parents?: {
          type: string
          id: string
        }[]
      }
      /** Without `now` and `ip`. */
      context?: { [member: string]: Json }
      at?: string
      address?: string
      /** The active version, unless said. */
      version?: number
      /** A text that is not saved, in place of a version. */
      text?: string
    }
    answers: {
      200: PolicyOutcome
    }
  }
  'POST /policies/:version/dry-run': {
    params: { version: string }
    query: Record<string, never>
    body: {
      decisions?: number
    }
    answers: {
      200: PolicyDryRun
    }
  }
  'GET /tenants': {
    params: Record<string, never>
    query: { limit?: number; cursor?: string }
    body: undefined
    answers: {
      200: {
        data: TenantPlate[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'POST /tenants': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      name: string
      owner_email?: string
    }
    answers: {
      201: MadeTenant
    }
  }
  'GET /tenants/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: TenantPlate
    }
  }
  'PATCH /tenants/:id': {
    params: { id: string }
    query: Record<string, never>
    body: {
      state: 'active' | 'suspended' | 'closing'
      reason?: string
    }
    answers: {
      200: TenantPlate
    }
  }
  'GET /tenant': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: Tenant
    }
  }
  'PATCH /tenant': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      name?: string
      session_profile?: 'standard' | 'strict' | 'custom'
      session_idle_seconds?: number
      session_absolute_seconds?: number
      revoke_exposed_keys?: boolean
      proof_nonce?: boolean
      vault_export?: boolean
      grant_max_seconds?: number
      card_verification?: 'ignore' | 'prefer' | 'require'
      relay_compat?: 'none' | 'foragent'
    }
    answers: {
      200: Tenant
    }
  }
  'POST /tenant/transfer': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      user_id: string
    }
    answers: {
      200: Tenant
    }
  }
  'POST /tenant/close': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      name: string
      reason: string
    }
    answers: {
      200: Tenant
    }
  }
  'POST /tenant/reopen': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: Tenant
    }
  }
  'GET /me/tenants': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        data: Membership[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'POST /me/tenant': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      tenant_id: string
    }
    answers: {
      200: Membership
    }
  }
  'GET /break-glass': {
    params: Record<string, never>
    query: { limit?: number; cursor?: string }
    body: undefined
    answers: {
      200: {
        data: BreakGlass[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'POST /break-glass': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      tenant_id: string
      reason: string
      minutes?: number
    }
    answers: {
      201: BreakGlass
    }
  }
  'GET /break-glass/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: BreakGlass
    }
  }
  'POST /break-glass/:id/close': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: BreakGlass
    }
  }
  'GET /tenant/break-glass': {
    params: Record<string, never>
    query: { limit?: number; cursor?: string }
    body: undefined
    answers: {
      200: {
        data: BreakGlass[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'POST /tenant/break-glass/:id/end': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: BreakGlass
    }
  }
  'GET /keyring': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: Keyring
    }
  }
  'POST /keyring/versions': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      201: AddedRootKey
    }
  }
  'POST /keyring/versions/:version/promote': {
    params: { version: string }
    query: Record<string, never>
    body: undefined
    answers: {
      204: undefined
    }
  }
  'POST /keyring/versions/:version/retire': {
    params: { version: string }
    query: Record<string, never>
    body: undefined
    answers: {
      204: undefined
    }
  }
  'POST /keyring/versions/:version/keep': {
    params: { version: string }
    query: Record<string, never>
    body: undefined
    answers: {
      204: undefined
    }
  }
  'POST /keyring/versions/:version/destroy': {
    params: { version: string }
    query: Record<string, never>
    body: undefined
    answers: {
      202: {
        destroy_at: string
      }
    }
  }
  'POST /keyring/rewraps': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      tenant_id?: string | null
      renew?: boolean
      reseal?: boolean
    }
    answers: {
      202: Rewrap
    }
  }
  'GET /keyring/rewraps/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Rewrap
    }
  }
  'POST /keyring/tenant-keys/destroy': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        destroyed: number
        kept: number
      }
    }
  }
  'GET /egress/allow': {
    params: Record<string, never>
    query: { tenant_id: string }
    body: undefined
    answers: {
      200: EgressAllows
    }
  }
  'PUT /egress/allow': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      tenant_id: string
      allow: {
        /** An exact host or a network, each with one port: `receiver.example:8443`, `10.1.0.0/16:443`, `[fd00:1::]/32:443`. */
        target: string
        reason?: string
      }[]
    }
    answers: {
      200: EgressAllows
    }
  }
  'GET /status': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: FullStatus
    }
  }
  'GET /status/checks': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        data: Check[]
      }
    }
  }
  'GET /incidents': {
    params: Record<string, never>
    query: { limit?: number; cursor?: string }
    body: undefined
    answers: {
      200: {
        data: Incident[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'POST /incidents': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      /** `incident` unless said otherwise. */
      kind?: 'incident' | 'maintenance'
      severity?: 'SEV-1' | 'SEV-2' | 'SEV-3' | 'SEV-4'
      status?: 'investigating' | 'identified' | 'monitoring' | 'resolved' | 'scheduled' | 'in_progress' | 'completed'
      title: string
      /** The first words about it, for people. */
      body: string
      components?: string[]
      /** Whose tenants are told; all unless some are named. */
      affects?: 'none' | 'some' | 'all'
      affected?: string[]
      /** Whether it touches customers’ data: those concerned must then be told within 24 hours. */
      customer_data?: boolean
      detected_at?: string
      starts_at?: string
      ends_at?: string
    }
    answers: {
      201: Incident
    }
  }
  'GET /incidents/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Incident
    }
  }
  'PATCH /incidents/:id': {
    params: { id: string }
    query: Record<string, never>
    body: {
      severity?: 'SEV-1' | 'SEV-2' | 'SEV-3' | 'SEV-4'
      status?: 'investigating' | 'identified' | 'monitoring' | 'resolved' | 'scheduled' | 'in_progress' | 'completed'
      title?: string
      /** New words about it; they are told to everybody who is concerned. */
      body?: string
      components?: string[]
      affects?: 'none' | 'some' | 'all'
      affected?: string[]
      customer_data?: boolean
      /** Those concerned were told, outside of this page too where that is needed. */
      notified?: true
      starts_at?: string
      ends_at?: string
    }
    answers: {
      200: Incident
    }
  }
  'GET /events': {
    params: Record<string, never>
    query: {
      actor?: string
      resource?: string
      type?: string
      class?: 'audit' | 'activity'
      action?: string
      decision?: string
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
    query: { actor?: string; resource?: string; type?: string; class?: 'audit' | 'activity'; action?: string; decision?: string }
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
      200: EventDetail
    }
  }
  'GET /audit/checkpoints': {
    params: Record<string, never>
    query: { limit?: number; cursor?: string }
    body: undefined
    answers: {
      200: {
        data: Checkpoint[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'GET /audit/checkpoints/latest': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: Checkpoint
    }
  }
  'GET /audit/proofs/:event_id': {
    params: { event_id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: InclusionProof
    }
  }
  'GET /audit/consistency': {
    params: Record<string, never>
    query: { from: number; to: number }
    body: undefined
    answers: {
      200: {
        from: {
          size: number
          root: string
          note: string
        }
        to: {
          size: number
          root: string
          note: string
        }
        proof: string[]
      }
    }
  }
  'GET /events/:id/receipt': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Receipt
    }
  }
  'POST /audit/exports': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      from?: string
      to?: string
      format?: 'ndjson' | 'csv'
    }
    answers: {
      202: AuditExport
    }
  }
  'GET /audit/exports': {
    params: Record<string, never>
    query: { limit?: number; cursor?: string }
    body: undefined
    answers: {
      200: {
        data: AuditExport[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'GET /audit/exports/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: AuditExport
    }
  }
  'GET /audit/exports/:id/pieces/:n': {
    params: { id: string; n: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        n: number
        text: string
        next: number | null
      }
    }
  }
  'GET /audit/status': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        state: 'ok' | 'warn' | 'outage'
        lag_seconds: number | null
        waiting: number
        head: {
          seq: number
          hash: string
          sealed_at: string
        } | null
        checkpoint: Checkpoint | null
      }
    }
  }
  'GET /audit/retention': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        audit_months: number
        activity_days: number
        held: boolean
        held_reason: string | null
      }
    }
  }
  'PUT /audit/retention': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      audit_months: number
      activity_days: number
    }
    answers: {
      200: {
        audit_months: number
        activity_days: number
        held: boolean
        held_reason: string | null
      }
    }
  }
  'GET /endpoints': {
    params: Record<string, never>
    query: { state?: 'pending' | 'active' | 'paused' | 'disabled'; event?: string; limit?: number; cursor?: string }
    body: undefined
    answers: {
      200: {
        data: Endpoint[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'POST /endpoints': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      url: string
      /** Event types, `prefix.*`, or `*`: an array, or a text with commas between. */
      events: string | string[]
      label?: string
      /** How deliveries are signed; docs/webhooks.md has each. */
      mode?: 'standard' | 'stripe' | 'github' | 'awaithumans' | 'foragent'
      /** Of mode stripe: the header that carries the signature. */
      header?: 'Countersign-Signature' | 'Humane-Signature' | 'X-Humane-Signature'
      /** Of mode standard: also signs with a key pair of the endpoint. */
      ed25519?: boolean
      thin?: boolean | null
      /** fifo: deliveries about one resource one after the other. */
      ordering?: 'none' | 'fifo'
      /** Of fifo: what happens behind a delivery that used up its schedule. */
      on_exhausted?: 'proceed' | 'block'
      /** A schedule by name, or the seconds before attempt 2, 3, …, at most 7 days in all. */
      schedule?: 'standard' | 'quick_24h' | number[]
      timeout_seconds?: number
      max_in_flight?: number
      rate_per_second?: number | null
      ca_pem?: string | null
      client_certificate?: {
        cert: string
        key: string
      } | null
      headers?: { [member: string]: string } | null
      /** false: active without an answer to a first ping. */
      verify?: boolean
    }
    answers: {
      201: EndpointWithSecret
    }
  }
  'GET /endpoints/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Endpoint
    }
  }
  'GET /endpoints/:id/stats': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: EndpointStats
    }
  }
  'PATCH /endpoints/:id': {
    params: { id: string }
    query: Record<string, never>
    body: {
      url?: string
      /** Event types, `prefix.*`, or `*`: an array, or a text with commas between. */
      events?: string | string[]
      label?: string
      /** How deliveries are signed; docs/webhooks.md has each. */
      mode?: 'standard' | 'stripe' | 'github' | 'awaithumans' | 'foragent'
      /** Of mode stripe: the header that carries the signature. */
      header?: 'Countersign-Signature' | 'Humane-Signature' | 'X-Humane-Signature'
      /** Of mode standard: also signs with a key pair of the endpoint. */
      ed25519?: boolean
      thin?: boolean | null
      /** fifo: deliveries about one resource one after the other. */
      ordering?: 'none' | 'fifo'
      /** Of fifo: what happens behind a delivery that used up its schedule. */
      on_exhausted?: 'proceed' | 'block'
      /** A schedule by name, or the seconds before attempt 2, 3, …, at most 7 days in all. */
      schedule?: 'standard' | 'quick_24h' | number[]
      timeout_seconds?: number
      max_in_flight?: number
      rate_per_second?: number | null
      ca_pem?: string | null
      client_certificate?: {
        cert: string
        key: string
      } | null
      headers?: { [member: string]: string } | null
    }
    answers: {
      200: Endpoint
    }
  }
  'DELETE /endpoints/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      204: undefined
    }
  }
  'POST /endpoints/:id/rotate': {
    params: { id: string }
    query: Record<string, never>
    body: {
      overlap_seconds?: number
      /** Ends the overlap of an earlier rotation now. */
      force?: boolean
    }
    answers: {
      200: EndpointWithSecret
    }
  }
  'POST /endpoints/:id/secrets/:n/revoke': {
    params: { id: string; n: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Endpoint
    }
  }
  'POST /endpoints/:id/pause': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Endpoint
    }
  }
  'POST /endpoints/:id/resume': {
    params: { id: string }
    query: Record<string, never>
    body: {
      recover_since?: string
    }
    answers: {
      200: Endpoint
    }
  }
  'POST /endpoints/:id/test': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      202: TestSent
    }
  }
  'GET /deliveries': {
    params: Record<string, never>
    query: {
      endpoint?: string
      event?: string
      type?: string
      resource?: string
      state?: 'pending' | 'sending' | 'succeeded' | 'exhausted' | 'held' | 'cancelled'
      class?:
        | 'status'
        | 'timeout'
        | 'unreachable'
        | 'tls'
        | 'too_large'
        | 'url_not_allowed'
        | 'url_invalid'
        | 'lost'
        | 'answer_invalid'
      replay?: string
      since?: string
      until?: string
      limit?: number
      cursor?: string
    }
    body: undefined
    answers: {
      200: {
        data: Delivery[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'GET /deliveries/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: DeliveryDetail
    }
  }
  'POST /deliveries/:id/replay': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      202: Delivery
    }
  }
  'POST /deliveries/:id/skip': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Delivery
    }
  }
  'POST /deliveries/:id/cancel': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Delivery
    }
  }
  'POST /events/:id/replay': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      202: EventReplayed
    }
  }
  'GET /replays': {
    params: Record<string, never>
    query: { limit?: number; cursor?: string }
    body: undefined
    answers: {
      200: {
        data: Replay[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'POST /replays': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      endpoint_id?: string
      event_id?: string
      type?: string
      /** What was to go to one’s own side of a thread. */
      thread_id?: string
      /** exhausted: by when they ended; any (default): by when they came to be. */
      what?: 'exhausted' | 'any'
      since?: string
      until?: string
      include_succeeded?: boolean
      per_second?: number
    }
    answers: {
      202: Replay
    }
  }
  'GET /replays/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Replay
    }
  }
  'DELETE /replays/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      204: undefined
    }
  }
  'GET /tasks/:id/comments': {
    params: { id: string }
    query: { limit?: number; cursor?: string }
    body: undefined
    answers: {
      200: {
        data: Comment[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'POST /tasks/:id/comments': {
    params: { id: string }
    query: Record<string, never>
    body: {
      body: string
      /** `humans`: no agent ever receives it. */
      audience?: 'all' | 'humans'
      purpose?: 'comment' | 'late_answer'
    }
    answers: {
      201: Comment
    }
  }
  'POST /tasks/:id/send-back': {
    params: { id: string }
    query: Record<string, never>
    body: {
      comment: string
      /** The revision that the human saw. */
      seen_revision?: number
    }
    answers: {
      200: Task
    }
  }
  'GET /tasks/:id/revisions': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        data: Revision[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'POST /tasks/:id/revisions': {
    params: { id: string }
    query: Record<string, never>
    body: {
      payload?: { [member: string]: Json }
      description?: string | null
      action?: {
        name: string
        args: { [member: string]: Json }
        args_schema?: { [member: string]: Json } | null
        description?: string | null
        allow?: ('accept' | 'edit' | 'respond' | 'ignore' | 'deny')[]
        editable?: string[] | null
        allow_remember?: boolean
      }
      /** What was changed, and why; people read it. */
      note: string
    }
    answers: {
      201: Task
    }
  }
  'POST /tasks/:id/outcome': {
    params: { id: string }
    query: Record<string, never>
    body: {
      status: 'succeeded' | 'failed' | 'skipped'
      detail?: string | null
      /** Where to find what came of it: ids, links. */
      refs?: string[]
    }
    answers: {
      201: Task
    }
  }
  'GET /tasks/export': {
    params: Record<string, never>
    query: {
      format?: 'csv' | 'ndjson'
      include?: 'learning'
      status?: (
        | 'open'
        | 'verifying'
        | 'returned'
        | 'revising'
        | 'completed'
        | 'timed_out'
        | 'cancelled'
        | 'verification_exhausted'
      )[]
      agent_id?: string
      tag?: string
      created_after?: string
      created_before?: string
    }
    body: undefined
    answers: {
      200: undefined
    }
  }
  'DELETE /tasks/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      204: undefined
    }
  }
  'GET /tasks/stats': {
    params: Record<string, never>
    query: {
      days?: number
      agent_id?: string
      person?: string
      pool?: string
      channel?: 'dashboard' | 'email' | 'slack' | 'embed' | 'webhook' | 'api' | 'cli' | 'timeout'
      tag?: string
      by?: 'none' | 'agent' | 'person' | 'channel'
      time_zone?: string
    }
    body: undefined
    answers: {
      200: TaskStats
    }
  }
  'POST /tasks': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      task: string
      payload?: { [member: string]: Json } | null
      payload_schema?: { [member: string]: Json } | null
      /** The type of the answer; an `action` or a `form` may do without. */
      response_schema?: Json
      form_definition?: { [member: string]: Json } | null
      initial_response?: { [member: string]: Json } | null
      /** A mail address, a list of addresses, `{email}`, `{emails}`, `{user_id}`, `{users}`, `{role, access_level, pool}`, `{pool, strategy}`, `{any: [forms]}`, or null: the default pool of the tenant. */
      assign_to?: Json
      notify?: string[] | null
      callback_url?: string | null
      redact_payload?: boolean | null
      form?: string | null
      action?: {
        name: string
        args: { [member: string]: Json }
        args_schema?: { [member: string]: Json } | null
        description?: string | null
        allow?: ('accept' | 'edit' | 'respond' | 'ignore' | 'deny')[]
        editable?: string[] | null
        allow_remember?: boolean
      } | null
      quorum?:
        | number
        | 'all'
        | {
            groups: {
              name: string
              need: number | 'all'
              /** Any JSON value. */
              assign_to: Json
            }[]
            on_deny?: 'first' | 'impossible'
            combine?: 'last' | 'agree' | 'list'
            separate?: boolean
            blind?: boolean
          }
        | null
      assurance?: 'link' | 'channel' | 'session' | 'step_up' | 'passkey'
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
      /** What the deadline does: `"time_out"`, `"deny"`, `{"default": response}`, or `{"escalate": {assign_to, extra_seconds, then}}`, up to five times. */
      on_timeout?:
        | 'time_out'
        | 'deny'
        | {
            default: { [member: string]: Json }
          }
        | {
            escalate: {
              /** Any JSON value. */
              assign_to: Json
              notify?: string[]
              extra_seconds: number
              then:
                | 'time_out'
                | 'deny'
                | {
                    default: { [member: string]: Json }
                  }
                | {
                    escalate: {
                      /** Any JSON value. */
                      assign_to: Json
                      notify?: string[]
                      extra_seconds: number
                      then:
                        | 'time_out'
                        | 'deny'
                        | {
                            default: { [member: string]: Json }
                          }
                        | {
                            escalate: {
                              /** Any JSON value. */
                              assign_to: Json
                              notify?: string[]
                              extra_seconds: number
                              then:
                                | 'time_out'
                                | 'deny'
                                | {
                                    default: { [member: string]: Json }
                                  }
                                | {
                                    escalate: {
                                      /** Any JSON value. */
                                      assign_to: Json
                                      notify?: string[]
                                      extra_seconds: number
                                      then:
                                        | 'time_out'
                                        | 'deny'
                                        | {
                                            default: { [member: string]: Json }
                                          }
                                        | {
                                            escalate: {
                                              /** Any JSON value. */
                                              assign_to: Json
                                              notify?: string[]
                                              extra_seconds: number
                                              then:
                                                | 'time_out'
                                                | 'deny'
                                                | {
                                                    default: { [member: string]: Json }
                                                  }
                                            }
                                          }
                                    }
                                  }
                            }
                          }
                    }
                  }
            }
          }
      /** When the asked people are told again. Left out: at half and nine tenths of the time, when that is an hour or more. */
      reminders?: (
        | {
            after: number
          }
        | {
            before: number
          }
        | {
            at_percent: number
          }
      )[]
      /** Before the deadline: whom to ask as well, or instead, when nobody has answered. */
      escalation?: {
        after_seconds: number
        /** Any JSON value. */
        assign_to: Json
        mode?: 'add' | 'replace'
        notify?: string[]
        raise_priority?: boolean
      }[]
      /** The deadline rests while the agent revises. */
      pause_while_revising?: boolean
      expect_outcome_seconds?: number | null
      priority?: 'low' | 'normal' | 'high' | 'urgent'
      tags?: string[]
      metadata?: { [member: string]: Json } | null
      risk?: 'low' | 'normal' | 'high' | 'critical'
      redact?:
        | 'none'
        | 'notify'
        | 'strict'
        | {
            level?: 'none' | 'notify' | 'strict'
            payload?: string[]
            response?: string[]
            action?: string[]
          }
      /** Refuse the task where nobody can be asked. */
      require_assignee?: boolean
      /** A reply by mail whose first line is the label of one button decides; any other reply is a comment. */
      answer_by_reply?: boolean
      /** Whether whoever is asked may have another answer in their place. */
      delegable?: boolean
      callback_mode?: 'standard' | 'awaithumans'
      /** The id of a stored verifier, `{provider, …}`, or a list of at most 3 of either; the first refusal stops. docs/tasks/verifiers.md */
      verifier_config?: Json
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
      unrouted?: boolean
      claimable?: boolean
      team?: boolean
      metadata?: { [member: string]: string }
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
  'GET /tasks/counts': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: TaskCounts
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
  'GET /tasks/:id/receipt': {
    params: { id: string }
    query: { include?: 'content' }
    body: undefined
    answers: {
      200: Receipt
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
  'POST /tasks/:id/reveal': {
    params: { id: string }
    query: Record<string, never>
    body: {
      reason?: string | null
    }
    answers: {
      200: Task
    }
  }
  'POST /tasks/:id/decide': {
    params: { id: string }
    query: Record<string, never>
    body: {
      type: 'accept' | 'edit' | 'respond' | 'ignore' | 'deny'
      response?: { [member: string]: Json } | null
      args?: { [member: string]: Json } | null
      reason?: string | null
      comment?: string | null
      raw_text?: string | null
      on_behalf_of?: string | null
      /** The revision that the human saw. */
      seen_revision: number
      assertion?: {
        nonce: string
      } | null
      remember?: {
        for_seconds: number
      } | null
    }
    answers: {
      200: Task
      202: Task
    }
  }
  'POST /tasks/:id/decide/challenge': {
    params: { id: string }
    query: Record<string, never>
    body: {
      type: 'accept' | 'edit' | 'respond' | 'ignore' | 'deny'
      response?: { [member: string]: Json } | null
      args?: { [member: string]: Json } | null
      reason?: string | null
      comment?: string | null
      raw_text?: string | null
      on_behalf_of?: string | null
      /** The revision that the human saw. */
      seen_revision: number
      assertion?: {
        nonce: string
      } | null
      remember?: {
        for_seconds: number
      } | null
    }
    answers: {
      200: DecisionChallenge
    }
  }
  'DELETE /tasks/:id/decisions/:decision': {
    params: { id: string; decision: string }
    query: Record<string, never>
    body: undefined
    answers: {
      204: undefined
    }
  }
  'DELETE /tasks/:id/remembered': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      204: undefined
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
      /** When the asked people are told again. Left out: at half and nine tenths of the time, when that is an hour or more. */
      reminders?: (
        | {
            after: number
          }
        | {
            before: number
          }
        | {
            at_percent: number
          }
      )[]
      /** Who is new here is told; the others were. */
      notify?: string[]
    }
    answers: {
      200: Task
    }
  }
  'GET /decision-settings': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: DecisionSettings
    }
  }
  'PATCH /decision-settings': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      /** Operators, admins and owners may decide what they were not asked, with a reason. */
      step_in?: boolean
      /** The least that any decision needs; the risk of a task may need more. */
      decision_assurance?: 'link' | 'channel' | 'session' | 'step_up'
      /** Where nobody on the requester’s side counts: `asked`, for several people, for critical tasks and where a task says so; `high`, from that risk on; `all`, always. */
      separate_duties?: 'asked' | 'high' | 'all'
      /** How many people a critical task needs at least. */
      critical_quorum?: 1 | 2
      /** Who denies a proposed action says why. */
      deny_reason?: boolean
    }
    answers: {
      200: DecisionSettings
    }
  }
  'GET /tasks/settings': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: TaskSettings
    }
  }
  'PUT /tasks/settings': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      /** After a task has ended, its content is erased when so many days are over. */
      retention_days?: number
      /** Of tasks of an hour or more that say nothing themselves; null: at half and nine tenths of their time. */
      reminders?:
        | (
            | {
                after: number
              }
            | {
                before: number
              }
            | {
                at_percent: number
              }
          )[]
        | null
      /** The least that any task hides: at `notify` nothing but the title leaves the house, at `strict` not even that. */
      redact?: 'none' | 'notify' | 'strict'
      /** Whether the other clients too are refused another question under a known key, in place of getting the first one. */
      compat_strict_replay?: boolean
    }
    answers: {
      200: TaskSettings
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
  'GET /verifiers': {
    params: Record<string, never>
    query: { limit?: number; cursor?: string }
    body: undefined
    answers: {
      200: {
        data: Verifier[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'POST /verifiers': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      name: string
      config: { [member: string]: Json }
    }
    answers: {
      201: Verifier
    }
  }
  'GET /verifiers/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Verifier
    }
  }
  'PUT /verifiers/:id': {
    params: { id: string }
    query: Record<string, never>
    body: {
      name: string
      config: { [member: string]: Json }
    }
    answers: {
      200: Verifier
    }
  }
  'DELETE /verifiers/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      204: undefined
    }
  }
  'POST /verifiers/:id/test': {
    params: { id: string }
    query: Record<string, never>
    body: {
      task?: string
      description?: string | null
      payload?: { [member: string]: Json } | null
      response?: { [member: string]: Json } | null
      raw_text?: string | null
    }
    answers: {
      200: VerifierTrial
    }
  }
  'GET /provider-keys': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        data: ProviderKey[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'PUT /provider-keys/:name': {
    params: { name: string }
    query: Record<string, never>
    body: {
      provider: 'anthropic' | 'openai' | 'gemini' | 'azure_openai' | 'openai_compatible'
      key?: string | null
      base_url?: string | null
      model?: string | null
      is_default?: boolean
      input_price?: number | null
      output_price?: number | null
    }
    answers: {
      200: ProviderKey
    }
  }
  'DELETE /provider-keys/:name': {
    params: { name: string }
    query: Record<string, never>
    body: undefined
    answers: {
      204: undefined
    }
  }
  'POST /tasks/:id/verification': {
    params: { id: string }
    query: Record<string, never>
    body: {
      passed: boolean
      reason?: string | null
      field_errors?:
        | {
            /** A JSON Pointer into the answer, such as `/amount`. */
            path: string
            message: string
            code?: string
          }[]
        | null
      /** Of the candidate; the word on another answer is refused. */
      decision_id?: string
    }
    answers: {
      200: Task
    }
  }
  'POST /tasks/:id/verification/override': {
    params: { id: string }
    query: Record<string, never>
    body: {
      reason: string
    }
    answers: {
      200: Task
    }
  }
  'GET /tasks/:id/verification': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        data: VerifierRun[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'GET /tasks/:id/notices': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        data: Notice[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'POST /tasks/:id/notices/:notice/resend': {
    params: { id: string; notice: string }
    query: Record<string, never>
    body: undefined
    answers: {
      202: Notice
    }
  }
  'GET /channels': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        data: ChannelState[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'GET /channels/troubles': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        data: ChannelTrouble[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'GET /pools': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        data: Pool[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'POST /pools': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      name: string
      description?: string
      strategy?: 'least_recent' | 'least_open' | 'broadcast'
      claim_seconds?: number | null
      members: string[]
    }
    answers: {
      201: Pool
    }
  }
  'GET /pools/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Pool
    }
  }
  'PUT /pools/:id': {
    params: { id: string }
    query: Record<string, never>
    body: {
      name: string
      description?: string
      strategy?: 'least_recent' | 'least_open' | 'broadcast'
      claim_seconds?: number | null
      members: string[]
    }
    answers: {
      200: Pool
    }
  }
  'DELETE /pools/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      204: undefined
    }
  }
  'GET /routing': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: Routing
    }
  }
  'PUT /routing': {
    params: Record<string, never>
    query: Record<string, never>
    body: Routing
    answers: {
      200: Routing
    }
  }
  'GET /routing/people': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        data: RoutedPerson[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'GET /users/:id/labels': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Labels
    }
  }
  'PUT /users/:id/labels': {
    params: { id: string }
    query: Record<string, never>
    body: Labels
    answers: {
      200: Labels
    }
  }
  'GET /me/availability': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: Availability
    }
  }
  'PUT /me/availability': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      away?: {
        from: string
        until: string
        delegate_id?: string | null
      }[]
      max_open?: number | null
      quiet_hours?: {
        from: string
        until: string
        time_zone: string
      } | null
      notify?: {
        direct?: string[] | null
        shared?: string[] | null
      } | null
    }
    answers: {
      200: Availability
    }
  }
  'POST /tasks/:id/reassign': {
    params: { id: string }
    query: Record<string, never>
    body: {
      /** Any JSON value. */
      assign_to: Json
      reason: string
    }
    answers: {
      200: Task
    }
  }
  'POST /tasks/:id/images': {
    params: { id: string }
    query: Record<string, never>
    body: {
      url: string
    }
    answers: {
      200: {
        type: string
        bytes: number
        /** The image as `data:`. */
        data_url: string
      }
    }
  }
  'GET /forms': {
    params: Record<string, never>
    query: { limit?: number; cursor?: string }
    body: undefined
    answers: {
      200: {
        data: StoredForm[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'POST /forms': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      name: string
      title?: string | null
      response_schema: { [member: string]: Json }
      form_definition?: { [member: string]: Json } | null
    }
    answers: {
      201: StoredForm
    }
  }
  'POST /forms/preview': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      response_schema: { [member: string]: Json }
      form_definition?: { [member: string]: Json } | null
      risk?: 'low' | 'normal' | 'high' | 'critical'
      redact?: 'none' | 'notify' | 'strict'
    }
    answers: {
      200: FormPreview
    }
  }
  'GET /forms/:name': {
    params: { name: string }
    query: { version?: number }
    body: undefined
    answers: {
      200: StoredForm
    }
  }
  'PUT /forms/:name': {
    params: { name: string }
    query: Record<string, never>
    body: {
      title?: string | null
      response_schema: { [member: string]: Json }
      form_definition?: { [member: string]: Json } | null
    }
    answers: {
      200: StoredForm
    }
  }
  'DELETE /forms/:name': {
    params: { name: string }
    query: Record<string, never>
    body: undefined
    answers: {
      204: undefined
    }
  }
  'POST /embed/tokens': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      task_id: string
      parent_origin: string
      /** Who will answer, in your own words: you vouch for them. */
      sub?: string | null
      ttl_seconds?: number | null
      /** What may be done there; decide unless said otherwise. */
      allow?: ('decide' | 'comment')[] | null
      theme?: 'auto' | 'light' | 'dark' | null
    }
    answers: {
      200: MintedEmbed
    }
  }
  'GET /embed/tokens': {
    params: Record<string, never>
    query: { task_id?: string; live?: boolean; limit?: number; cursor?: string }
    body: undefined
    answers: {
      200: {
        data: EmbedToken[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'DELETE /embed/tokens/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      204: undefined
    }
  }
  'GET /embed/origins': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        data: EmbedOrigin[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'POST /embed/origins': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      origin: string
    }
    answers: {
      201: EmbedOrigin
    }
  }
  'DELETE /embed/origins/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      204: undefined
    }
  }
  'POST /channels/email/action': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      token: string
      nonce?: string
      answer?: LinkAnswer
      act?: LinkAct
    }
    answers: {
      200: LinkView | LinkAnswered | LinkDone
    }
  }
  'GET /tasks/:id/links': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        data: TaskLink[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'DELETE /tasks/:id/links/:link': {
    params: { id: string; link: string }
    query: Record<string, never>
    body: undefined
    answers: {
      204: undefined
    }
  }
  'GET /channels/email/identities': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        data: MailIdentity[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'POST /channels/email/identities': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      id: string
      display_name: string
      from_email: string
      from_name?: string | null
      reply_to?: string | null
      transport: 'smtp' | 'resend' | 'http' | 'file' | 'log' | 'none'
      /** smtp: host, port, security (tls, starttls, none), user, password, ca. resend: api_key, base_url. http: url, headers, template. Others: none. */
      settings?: { [member: string]: Json }
      inbound_domain?: string | null
      is_default?: boolean
    }
    answers: {
      201: NewMailIdentity
    }
  }
  'GET /channels/email/identities/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: MailIdentity
    }
  }
  'PATCH /channels/email/identities/:id': {
    params: { id: string }
    query: Record<string, never>
    body: {
      display_name?: string
      from_email?: string
      from_name?: string | null
      reply_to?: string | null
      transport?: 'smtp' | 'resend' | 'http' | 'file' | 'log' | 'none'
      /** smtp: host, port, security (tls, starttls, none), user, password, ca. resend: api_key, base_url. http: url, headers, template. Others: none. */
      settings?: { [member: string]: Json }
      inbound_domain?: string | null
      is_default?: boolean
    }
    answers: {
      200: NewMailIdentity
    }
  }
  'DELETE /channels/email/identities/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      204: undefined
    }
  }
  'POST /channels/email/identities/:id/test': {
    params: { id: string }
    query: Record<string, never>
    body: {
      to: string
    }
    answers: {
      200: {
        sent: boolean
        reason: string | null
      }
    }
  }
  'POST /channels/email/identities/:id/confirm': {
    params: { id: string }
    query: Record<string, never>
    body: {
      code: string
    }
    answers: {
      200: MailIdentity
    }
  }
  'POST /channels/email/inbound/:identity': {
    params: { identity: string }
    query: Record<string, never>
    body: {
      raw?: string
      /** In place of `raw`: a mail of ours that could not be delivered, by its Message-ID or by the provider’s own name of it. */
      bounce?: {
        message_id?: string
        provider_id?: string
        reason?: string
      }
      dkim?: {
        domain: string
        result: string
      }[]
      spf?: {
        domain: string
        result: string
      } | null
    }
    answers: {
      200: {
        outcome: 'comment' | 'decision' | 'dropped' | 'refused' | 'bounced'
        reason: string | null
      }
    }
  }
  'GET /channels/slack/manifest': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: { [member: string]: Json }
    }
  }
  'GET /channels/slack/app': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: SlackApp
    }
  }
  'PUT /channels/slack/app': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      app_id?: string | null
      client_id?: string | null
      client_secret?: string | null
      signing_secret: string
    }
    answers: {
      200: SlackApp
    }
  }
  'POST /channels/slack/oauth/start': {
    params: Record<string, never>
    query: Record<string, never>
    body: Record<string, never>
    answers: {
      200: {
        url: string
      }
    }
  }
  'GET /channels/slack/oauth/callback': {
    params: Record<string, never>
    query: { code?: string; state?: string; error?: string }
    body: undefined
    answers: {
      302: undefined
    }
  }
  'GET /channels/slack/installations': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        data: SlackInstallation[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'POST /channels/slack/installations': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      bot_token: string
    }
    answers: {
      201: SlackInstallation
    }
  }
  'DELETE /channels/slack/installations/:team': {
    params: { team: string }
    query: Record<string, never>
    body: undefined
    answers: {
      204: undefined
    }
  }
  'GET /channels/slack/installations/:team/members': {
    params: { team: string }
    query: { limit?: number; cursor?: string }
    body: undefined
    answers: {
      200: {
        data: SlackMember[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'POST /channels/slack/test': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      team_id?: string | null
      /** #channel, @handle, an id, or a mail address. */
      target: string
    }
    answers: {
      200: {
        team_id: string
        channel: string
        ts: string
      }
    }
  }
  'POST /channels/slack/link': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      token: string
    }
    answers: {
      200: {
        team_id: string
        slack_user_id: string
      }
    }
  }
  'DELETE /channels/slack/installations/:team/members/:member': {
    params: { team: string; member: string }
    query: Record<string, never>
    body: undefined
    answers: {
      204: undefined
    }
  }
  'POST /channels/slack/interactions': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: { [member: string]: Json }
    }
  }
  'POST /channels/slack/events': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: { [member: string]: Json }
    }
  }
  'POST /channels/slack/options': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: { [member: string]: Json }
    }
  }
  'POST /channels/webhook/actions': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      token: string
      /** Left out: what the link stands for. */
      answer?: LinkAnswer
      /** Of the notice that was answered, unless said. */
      seen_revision?: number
      /** Who answered; the signature vouches for it. */
      person?: {
        email: string
        display_name?: string
      }
    }
    answers: {
      200: LinkAnswered
    }
  }
  'GET /channels/webhook/templates': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        data: NoticeTemplate[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'PUT /channels/webhook/templates/:endpoint': {
    params: { endpoint: string }
    query: Record<string, never>
    body: {
      template: 'raw' | 'teams' | 'discord' | 'google_chat'
    }
    answers: {
      200: NoticeTemplate
    }
  }
  'POST /channels/webhook/test': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      endpoint: string
      template?: 'raw' | 'teams' | 'discord' | 'google_chat'
    }
    answers: {
      200: {
        sent: boolean
        /** What the endpoint answered. */
        status: number | null
        reason: string | null
      }
    }
  }
  'GET /jobs': {
    params: Record<string, never>
    query: {
      state?: 'scheduled' | 'retrying' | 'blocked' | 'ready' | 'running' | 'waiting' | 'completed' | 'failed' | 'cancelled'
      kind?: string
      queue?: string
      tag?: string
      schedule?: string
      unique_key?: string
      ordering_key?: string
      q?: string
      since?: string
      until?: string
      limit?: number
      cursor?: string
    }
    body: undefined
    answers: {
      200: {
        data: JobRow[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'GET /jobs/stream': {
    params: Record<string, never>
    query: {
      state?: 'scheduled' | 'retrying' | 'blocked' | 'ready' | 'running' | 'waiting' | 'completed' | 'failed' | 'cancelled'
      kind?: string
      queue?: string
    }
    body: undefined
    answers: {
      200: ReadableStream<Uint8Array>
    }
  }
  'GET /jobs/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Job
    }
  }
  'GET /jobs/:id/timeline': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        data: JobTransition[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'GET /jobs/:id/result': {
    params: { id: string }
    query: { wait?: number }
    body: undefined
    answers: {
      200: JobResult
    }
  }
  'POST /jobs': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      kind: string
      /** Any JSON value. */
      payload?: Json
      queue?: string
      /** 1 is urgent, 4 can wait. */
      priority?: number
      /** Not before this time; now unless said. */
      run_at?: string
      max_attempts?: number
      /** How long one attempt may take; 0 for no deadline. */
      deadline_seconds?: number
      /** One job at a time has this key; see `on_conflict`. */
      unique_key?: string
      /** `reject` (default): 409 with `job_id`. `return`: that job, 200. `replace`: that job, not yet running, takes payload and time, 200. */
      on_conflict?: 'reject' | 'return' | 'replace'
      ordering_key?: string
      /** `strict`: of one `ordering_key` one job after the other. */
      order?: 'shard' | 'strict'
      concurrency_key?: string
      rate_key?: string
      tags?: string[]
      metadata?: { [member: string]: Json }
    }
    answers: {
      200: Job
      201: Job
    }
  }
  'POST /jobs/:id/retry': {
    params: { id: string }
    query: Record<string, never>
    body: {
      queue?: string
      /** 1 is urgent, 4 can wait. */
      priority?: number
      run_at?: string
      /** Any JSON value. */
      payload?: Json
    }
    answers: {
      200: Job
    }
  }
  'POST /jobs/:id/cancel': {
    params: { id: string }
    query: Record<string, never>
    body: {
      reason?: string | null
    }
    answers: {
      200: Job
    }
  }
  'POST /jobs/:id/reschedule': {
    params: { id: string }
    query: Record<string, never>
    body: {
      run_at: string
    }
    answers: {
      200: Job
    }
  }
  'POST /jobs/bulk-retry': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      ids: string[]
    }
    answers: {
      200: JobsChanged
    }
  }
  'POST /jobs/bulk-cancel': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      ids: string[]
      reason?: string | null
    }
    answers: {
      200: JobsChanged
    }
  }
  'GET /queues': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        data: Queue[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'GET /queues/:name': {
    params: { name: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Queue
    }
  }
  'PATCH /queues/:name': {
    params: { name: string }
    query: Record<string, never>
    body: {
      /** How many run at once, over all processes. */
      max_running?: number | null
      /** How many of one concurrency key run at once: for every key, or by the beginning of the key. */
      max_running_per_key?: number | { [member: string]: number } | null
      rate?: {
        limit: number
        per_seconds: number
        burst?: number
      } | null
      /** For every rate key, or by the beginning of the key. */
      rate_per_key?:
        | {
            limit: number
            per_seconds: number
            burst?: number
          }
        | {
            [member: string]: {
              limit: number
              per_seconds: number
              burst?: number
            }
          }
        | null
      max_depth?: number | null
      on_full?: 'reject' | 'signal'
      fair_by?: 'tenant' | 'concurrency_key' | null
      /** Of groups of a fair queue; 1 unless said. */
      weights?: { [member: string]: number } | null
      /** After how long a waiting job counts as one priority higher; 0: never. */
      aging_seconds?: number
      /** Whether it takes jobs of kinds that no worker declared; null: not over the API, but from SQL and from TypeScript, where a producer may be first. */
      undeclared?: boolean | null
    }
    answers: {
      200: Queue
    }
  }
  'POST /queues/:name/pause': {
    params: { name: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Queue
    }
  }
  'POST /queues/:name/resume': {
    params: { name: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Queue
    }
  }
  'POST /queues/:name/drain': {
    params: { name: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        name: string
        /** How many jobs by state; a state without jobs may be left out. */
        cancelled: { [member: string]: number }
      }
    }
  }
  'GET /queues/:name/keys': {
    params: { name: string }
    query: { limit?: number; cursor?: string }
    body: undefined
    answers: {
      200: {
        data: QueueKey[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'POST /queues/:name/keys/:key/skip': {
    params: { name: string; key: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        key: string
        job_id: string
        state:
          | 'scheduled'
          | 'retrying'
          | 'blocked'
          | 'ready'
          | 'running'
          | 'waiting'
          | 'completed'
          | 'failed'
          | 'cancelled'
          | null
      }
    }
  }
  'POST /queues/:name/keys/:key/retry': {
    params: { name: string; key: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        key: string
        job_id: string
        state:
          | 'scheduled'
          | 'retrying'
          | 'blocked'
          | 'ready'
          | 'running'
          | 'waiting'
          | 'completed'
          | 'failed'
          | 'cancelled'
          | null
      }
    }
  }
  'GET /kinds': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        data: Kind[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'GET /kinds/:name': {
    params: { name: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Kind
    }
  }
  'POST /kinds/:name/pause': {
    params: { name: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Kind
    }
  }
  'POST /kinds/:name/resume': {
    params: { name: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Kind
    }
  }
  'GET /schedules': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        data: Schedule[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'POST /schedules': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      name: string
      /** Five or six fields, or @hourly and its like. */
      cron: string
      /** IANA name; UTC unless said. */
      timezone?: string
      kind: string
      /** Any JSON value. */
      payload?: Json
      queue?: string
      /** 1 is urgent, 4 can wait. */
      priority?: number
      missed?: 'coalesce' | 'catch_up' | 'skip'
      overlap?: 'allow' | 'skip' | 'replace'
      jitter_seconds?: number
      starts_at?: string | null
      ends_at?: string | null
    }
    answers: {
      201: Schedule
    }
  }
  'GET /schedules/:name': {
    params: { name: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Schedule
    }
  }
  'PATCH /schedules/:name': {
    params: { name: string }
    query: Record<string, never>
    body: {
      /** Five or six fields, or @hourly and its like. */
      cron?: string
      /** IANA name; UTC unless said. */
      timezone?: string
      kind?: string
      /** Any JSON value. */
      payload?: Json
      queue?: string
      /** 1 is urgent, 4 can wait. */
      priority?: number
      missed?: 'coalesce' | 'catch_up' | 'skip'
      overlap?: 'allow' | 'skip' | 'replace'
      jitter_seconds?: number
      starts_at?: string | null
      ends_at?: string | null
    }
    answers: {
      200: Schedule
    }
  }
  'DELETE /schedules/:name': {
    params: { name: string }
    query: Record<string, never>
    body: undefined
    answers: {
      204: undefined
    }
  }
  'POST /schedules/:name/trigger': {
    params: { name: string }
    query: Record<string, never>
    body: undefined
    answers: {
      201: {
        job_id: string
      }
    }
  }
  'POST /schedules/:name/pause': {
    params: { name: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Schedule
    }
  }
  'POST /schedules/:name/resume': {
    params: { name: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Schedule
    }
  }
  'GET /schedules/:name/fires': {
    params: { name: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: ScheduleFires
    }
  }
  'GET /dead-letters': {
    params: Record<string, never>
    query: { kind?: string; queue?: string; reason?: string; tag?: string; q?: string; limit?: number; cursor?: string }
    body: undefined
    answers: {
      200: {
        data: JobRow[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'GET /dead-letters/depth': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: DeadLetterDepth
    }
  }
  'GET /dead-letters/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Job
    }
  }
  'DELETE /dead-letters/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      204: undefined
    }
  }
  'POST /dead-letters/:id/retry': {
    params: { id: string }
    query: Record<string, never>
    body: {
      queue?: string
      /** 1 is urgent, 4 can wait. */
      priority?: number
      run_at?: string
      /** Any JSON value. */
      payload?: Json
    }
    answers: {
      200: Job
    }
  }
  'POST /dead-letters/bulk-retry': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      filter: {
        ids?: string[]
        kind?: string
        queue?: string
        reason?: string
        /** Everything, when no filter is meant. */
        all?: true
        /** The `next` of the call before. */
        after?: string
      }
      queue?: string
      /** 1 is urgent, 4 can wait. */
      priority?: number
      run_at?: string
      /** Any JSON value. */
      payload?: Json
    }
    answers: {
      200: {
        retried: number
        /** Letters that stayed: another job has their unique key. */
        conflicts: {
          id: string
          job_id: string
        }[]
        /** Where to go on when letters are left: call again with it as `after` in the filter. */
        next: string | null
      }
    }
  }
  'POST /dead-letters/bulk-purge': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      filter: {
        ids?: string[]
        kind?: string
        queue?: string
        reason?: string
        /** Everything, when no filter is meant. */
        all?: true
        /** The `next` of the call before. */
        after?: string
      }
    }
    answers: {
      200: {
        purged: number
        more: boolean
      }
    }
  }
  'POST /dead-letters/bulk-move': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      filter: {
        ids?: string[]
        kind?: string
        queue?: string
        tag?: string
        /** Everything, when no filter is meant. */
        all?: true
      }
      reason?: string | null
    }
    answers: {
      200: JobsChanged
    }
  }
  'GET /workers': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        data: Worker[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'GET /queue/doctor': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: QueueFindings
    }
  }
  'GET /workers/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Worker
    }
  }
  'GET /ring': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: Ring
    }
  }
  'GET /maintenance': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: Maintenance
    }
  }
  'POST /maintenance/tick': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: Tick
    }
  }
  'GET /capabilities': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: Capabilities
    }
  }
  'GET /stats': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: QueueStats
    }
  }
  'GET /stats/timeseries': {
    params: Record<string, never>
    query: { from?: string; to?: string; step?: number; by?: 'kind' | 'queue' | 'outcome' }
    body: undefined
    answers: {
      200: QueueSeries
    }
  }
  'GET /stats/kinds': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        data: KindStats[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'GET /stats/queues': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        data: QueueStatsRow[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'GET /callbacks': {
    params: Record<string, never>
    query: {
      state?: 'open' | 'completed' | 'failed' | 'expired' | 'cancelled'
      kind?: string
      queue?: string
      job_id?: string
      limit?: number
      cursor?: string
    }
    body: undefined
    answers: {
      200: {
        data: Callback[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'GET /callbacks/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Callback
    }
  }
  'POST /callbacks/:id/resume': {
    params: { id: string }
    query: Record<string, never>
    body: {
      /** Any JSON value. */
      payload?: Json
    }
    answers: {
      200: {
        id: string
        job_id: string
        state: 'scheduled' | 'retrying' | 'blocked' | 'ready' | 'running' | 'waiting' | 'completed' | 'failed' | 'cancelled'
      }
    }
  }
  'POST /callbacks/:id/retry': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        id: string
        job_id: string
        state: 'scheduled' | 'retrying' | 'blocked' | 'ready' | 'running' | 'waiting' | 'completed' | 'failed' | 'cancelled'
      }
    }
  }
  'POST /callbacks/:id/cancel': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        id: string
        job_id: string
        state: 'scheduled' | 'retrying' | 'blocked' | 'ready' | 'running' | 'waiting' | 'completed' | 'failed' | 'cancelled'
      }
    }
  }
  'GET /providers': {
    params: Record<string, never>
    query: {
      kind?: 'app' | 'llm' | 'mcp' | 'cookies' | 'custom'
      state?: 'available' | 'configured' | 'connected' | 'overridden' | 'proposed'
      q?: string
      limit?: number
      cursor?: string
    }
    body: undefined
    answers: {
      200: {
        data: Provider[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'GET /providers/:name': {
    params: { name: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: ProviderDetail
    }
  }
  'POST /providers/check': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      /** JSON, with comments and trailing commas. */
      source: string
    }
    answers: {
      200: DefinitionCheck
    }
  }
  'POST /providers': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      /** JSON, with comments and trailing commas. */
      source: string
      /** It stands in place of a bundled definition of this name. */
      override?: boolean
      reason?: string
    }
    answers: {
      202: ProviderVersion
    }
  }
  'PUT /providers/:name': {
    params: { name: string }
    query: Record<string, never>
    body: {
      /** JSON, with comments and trailing commas. */
      source: string
      /** It stands in place of a bundled definition of this name. */
      override?: boolean
      reason?: string
    }
    answers: {
      202: ProviderVersion
    }
  }
  'POST /providers/:name/versions/:digest/approve': {
    params: { name: string; digest: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: ProviderVersion
    }
  }
  'POST /providers/:name/versions/:digest/reject': {
    params: { name: string; digest: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: ProviderVersion
    }
  }
  'DELETE /providers/:name': {
    params: { name: string }
    query: Record<string, never>
    body: {
      confirm?: boolean
      /** How many connections whoever confirms has seen; another number is asked again. */
      affected?: number
    }
    answers: {
      202: ProviderEnded
    }
  }
  'POST /providers/:name/revoke': {
    params: { name: string }
    query: Record<string, never>
    body: {
      confirm?: boolean
      /** How many connections whoever confirms has seen; another number is asked again. */
      affected?: number
    }
    answers: {
      202: ProviderEnded
    }
  }
  'GET /providers/:name/client': {
    params: { name: string }
    query: { issuer?: string }
    body: undefined
    answers: {
      200: ProviderClient
    }
  }
  'PUT /providers/:name/client': {
    params: { name: string }
    query: Record<string, never>
    body: {
      client_id: string
      /** Write-only. Left out: the present one stays. */
      secret?: string | null
      /** As the definition says, unless given. For `private_key_jwt` the secret is a private key: PEM, or a JWK. */
      auth?: 'basic' | 'post' | 'none' | 'private_key_jwt'
      /** For `private_key_jwt`: the name under which the provider has the public key. */
      key_id?: string | null
      /** Of a client that was registered at one of several authorization servers. */
      issuer?: string
      /** Needed where connections depend on it. */
      confirm?: boolean
      /** How many connections whoever confirms has seen; another number is asked again. */
      affected?: number
      /** End the connections that were obtained under it; else they stay. */
      revoke_connections?: boolean
    }
    answers: {
      200: ProviderClient
    }
  }
  'DELETE /providers/:name/client': {
    params: { name: string }
    query: Record<string, never>
    body: {
      /** Of a client that was registered at one of several authorization servers. */
      issuer?: string
      /** Needed where connections depend on it. */
      confirm?: boolean
      /** How many connections whoever confirms has seen; another number is asked again. */
      affected?: number
      /** End the connections that were obtained under it; else they stay. */
      revoke_connections?: boolean
    }
    answers: {
      200: ProviderClientRemoved
    }
  }
  'GET /connections': {
    params: Record<string, never>
    query: {
      provider?: string
      status?: 'pending' | 'connected' | 'needs_reauth' | 'suspended' | 'revoked' | 'removed'
      owner?: string
      shared?: 'true' | 'false'
      q?: string
      limit?: number
      cursor?: string
    }
    body: undefined
    answers: {
      200: {
        data: Connection[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'GET /connections/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Connection
    }
  }
  'PATCH /connections/:id': {
    params: { id: string }
    query: Record<string, never>
    body: {
      name?: string
      labels?: string[]
      shared?: boolean
      /** Of a key that ends: 30, 7 and 1 days before the event `connection.expiring` says so. */
      expires_at?: string | null
      /** Where the credential goes: every grant is suspended until somebody confirms it. */
      params?: { [member: string]: string }
    }
    answers: {
      200: Connection
    }
  }
  'DELETE /connections/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Connection
    }
  }
  'POST /connections/:id/default': {
    params: { id: string }
    query: Record<string, never>
    body: {
      agent_id?: string
      tenant?: boolean
    }
    answers: {
      200: Connection
    }
  }
  'POST /connections/compare': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      items: {
        connection_id: string
        fields: { [member: string]: string }
      }[]
    }
    answers: {
      200: {
        data: {
          connection_id: string
          state: 'match' | 'different' | 'missing'
        }[]
      }
    }
  }
  'POST /connections/import': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      items: {
        provider: string
        method?:
          | 'code'
          | 'device'
          | 'register'
          | 'client_credentials'
          | 'jwt_bearer'
          | 'token_exchange'
          | 'github_app'
          | 'api_key'
          | 'basic'
          | 'aws'
          | 'minted_jwt'
          | 'cookies'
        name?: string
        shared?: boolean
        labels?: string[]
        params?: { [member: string]: string }
        fields?: { [member: string]: string }
        /** By name, or the line of a `Cookie` field. */
        cookies?: string | { [member: string]: string }
        /** Where the cookies are from, and the only hosts that they go to; each must be one of the provider’s. */
        hosts?: string[]
        expires_at?: string
        /** Of cookies a day, unless given. */
        lifetime_seconds?: number
        replace?: boolean
      }[]
    }
    answers: {
      200: ImportedConnections
    }
  }
  'POST /connections/:id/export': {
    params: { id: string }
    query: Record<string, never>
    body: {
      fields: string[]
      format: 'env' | 'json' | 'shell' | 'dotenv'
      reason: string
    }
    answers: {
      200: undefined
    }
  }
  'POST /connections/:id/rotate': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      202: {
        status: 'rotating'
        job_id: string
      }
    }
  }
  'GET /connection-proposals': {
    params: Record<string, never>
    query: { status?: 'proposed' | 'accepted' | 'rejected' | 'expired'; agent_id?: string; limit?: number; cursor?: string }
    body: undefined
    answers: {
      200: {
        data: ConnectionProposal[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'POST /connection-proposals': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      provider: string
      method?:
        | 'code'
        | 'device'
        | 'register'
        | 'client_credentials'
        | 'jwt_bearer'
        | 'token_exchange'
        | 'github_app'
        | 'api_key'
        | 'basic'
        | 'aws'
        | 'minted_jwt'
        | 'cookies'
      name?: string
      shared?: boolean
      scopes?: string[]
      params?: { [member: string]: string }
      reason: string
    }
    answers: {
      200: ConnectionProposal
      201: ConnectionProposal
    }
  }
  'GET /connection-proposals/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: ConnectionProposal
    }
  }
  'POST /connection-proposals/:id/accept': {
    params: { id: string }
    query: Record<string, never>
    body: {
      method?:
        | 'code'
        | 'device'
        | 'register'
        | 'client_credentials'
        | 'jwt_bearer'
        | 'token_exchange'
        | 'github_app'
        | 'api_key'
        | 'basic'
        | 'aws'
        | 'minted_jwt'
        | 'cookies'
      name?: string
      shared?: boolean
      scopes?: string[]
      params?: { [member: string]: string }
    }
    answers: {
      201: StartedAuthorization
    }
  }
  'POST /connection-proposals/:id/reject': {
    params: { id: string }
    query: Record<string, never>
    body: {
      reason?: string
    }
    answers: {
      200: ConnectionProposal
    }
  }
  'GET /grants': {
    params: Record<string, never>
    query: {
      agent_id?: string
      connection_id?: string
      status?: 'proposed' | 'active' | 'suspended' | 'expired' | 'revoked' | 'rejected'
      limit?: number
      cursor?: string
    }
    body: undefined
    answers: {
      200: {
        data: Grant[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'POST /grants': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      /** Or `agent_label`; an agent proposes for itself. */
      agent_id?: string
      agent_label?: string
      /** Or `provider`, with `connection` where not the default is meant. */
      connection_id?: string
      provider?: string
      connection?: string
      reason?: string
      rules?: GrantRule[]
      starts_at?: string
      /** 30 days from its start when left out. */
      expires_at?: string
      max_uses?: number | null
      client_cidrs?: string[]
      placeholder_required?: boolean
      /** Whether endpoints that hand out new credentials are within it. */
      minting?: boolean
      /** Limits of what is minted for a run. */
      narrow?: {
        repositories?: string[]
        permissions?: { [member: string]: string }
        role?: string
        session_policy?: string
        regions?: string[]
        services?: string[]
      }
      record?: 'auto' | 'before' | 'stream'
      /** False lets answers of an unknown coding through unread. */
      scan?: boolean
    }
    answers: {
      200: Grant
      201: Grant
    }
  }
  'GET /grants/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Grant
    }
  }
  'PATCH /grants/:id': {
    params: { id: string }
    query: Record<string, never>
    body: {
      rules?: GrantRule[]
      starts_at?: string
      /** 30 days from its start when left out. */
      expires_at?: string
      max_uses?: number | null
      client_cidrs?: string[]
      placeholder_required?: boolean
      /** Whether endpoints that hand out new credentials are within it. */
      minting?: boolean
      /** Limits of what is minted for a run. */
      narrow?: {
        repositories?: string[]
        permissions?: { [member: string]: string }
        role?: string
        session_policy?: string
        regions?: string[]
        services?: string[]
      }
      record?: 'auto' | 'before' | 'stream'
      /** False lets answers of an unknown coding through unread. */
      scan?: boolean
    }
    answers: {
      200: Grant
    }
  }
  'POST /grants/:id/approve': {
    params: { id: string }
    query: Record<string, never>
    body: {
      rules?: GrantRule[]
      starts_at?: string
      /** 30 days from its start when left out. */
      expires_at?: string
      max_uses?: number | null
      client_cidrs?: string[]
      placeholder_required?: boolean
      /** Whether endpoints that hand out new credentials are within it. */
      minting?: boolean
      /** Limits of what is minted for a run. */
      narrow?: {
        repositories?: string[]
        permissions?: { [member: string]: string }
        role?: string
        session_policy?: string
        regions?: string[]
        services?: string[]
      }
      record?: 'auto' | 'before' | 'stream'
      /** False lets answers of an unknown coding through unread. */
      scan?: boolean
    }
    answers: {
      200: Grant
    }
  }
  'POST /grants/:id/reject': {
    params: { id: string }
    query: Record<string, never>
    body: {
      reason?: string
    }
    answers: {
      200: Grant
    }
  }
  'POST /grants/:id/suspend': {
    params: { id: string }
    query: Record<string, never>
    body: {
      reason?: string
    }
    answers: {
      200: Grant
    }
  }
  'POST /grants/:id/revoke': {
    params: { id: string }
    query: Record<string, never>
    body: {
      reason?: string
    }
    answers: {
      200: Grant
    }
  }
  'GET /runs': {
    params: Record<string, never>
    query: { agent_id?: string; state?: 'live' | 'ended'; limit?: number; cursor?: string }
    body: undefined
    answers: {
      200: {
        data: Run[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'POST /runs': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      agent_id?: string
      purpose: string
      labels?: string[]
      /** 8 hours when left out, 7 days at most. */
      ttl_seconds?: number
      mode?: 'enforce' | 'learn'
      /** By provider: the name or id of a connection. */
      connections?: { [member: string]: string }
      /** How long requests wait for people that do not say so by `Countersign-Wait`. */
      wait_seconds?: number
      /** An authority of its own, or the tenant’s for what runs long. */
      ca?: 'run' | 'tenant'
      /** Its own authority is good for the hosts that are granted now, and for no other name. */
      pin_hosts?: boolean
    }
    answers: {
      201: OpenedRun
    }
  }
  'GET /runs/self': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: OwnRun
    }
  }
  'POST /runs/self/beat': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: Heartbeat
    }
  }
  'POST /runs/self/end': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      reason?: string
    }
    answers: {
      200: Run
    }
  }
  'GET /proxy/ca': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: undefined
    }
  }
  'GET /runs/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Run
    }
  }
  'POST /runs/:id/end': {
    params: { id: string }
    query: Record<string, never>
    body: {
      reason?: string
    }
    answers: {
      200: Run
    }
  }
  'GET /agents/self': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: AgentSelf
    }
  }
  'GET /vault/status': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: VaultStatus
    }
  }
  'POST /vault/verify': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      202: {
        job_id: string
      }
    }
  }
  'POST /vault/check': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        /** Of the tenant’s key that it was sealed under. */
        key_version: number
      }
    }
  }
  'POST /vault/rotate': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      /** Data keys and nonces are replaced, too. */
      reseal?: boolean
    }
    answers: {
      202: Rewrap
    }
  }
  'GET /vault/rotations/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Rewrap
    }
  }
  'POST /authorizations': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      provider: string
      method?:
        | 'code'
        | 'device'
        | 'register'
        | 'client_credentials'
        | 'jwt_bearer'
        | 'token_exchange'
        | 'github_app'
        | 'api_key'
        | 'basic'
        | 'aws'
        | 'minted_jwt'
        | 'cookies'
      name?: string
      shared?: boolean
      scopes?: string[]
      params?: { [member: string]: string }
      replace?: boolean
      /** For keys and passwords, without a page. Only from a session. */
      fields?: { [member: string]: string }
      /** Also where the provider’s test of the fields fails; the connection says so. */
      store_anyway?: boolean
    }
    answers: {
      201: StartedAuthorization
    }
  }
  'GET /authorizations/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Authorization
    }
  }
  'POST /authorizations/:id/cancel': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Authorization
    }
  }
  'POST /authorizations/:id/open': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: ConnectView
    }
  }
  'POST /connections/:id/revoke': {
    params: { id: string }
    query: Record<string, never>
    body: {
      local_only?: boolean
    }
    answers: {
      202: {
        status: 'revoked'
        job_id: string
      }
    }
  }
  'POST /connections/:id/refresh': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Connection
    }
  }
  'POST /connections/:id/test': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        status: 'works' | 'refused' | 'untested'
        code: string | null
        ms: number
      }
    }
  }
  'GET /proxy/nodes': {
    params: Record<string, never>
    query: { limit?: number; cursor?: string }
    body: undefined
    answers: {
      200: {
        data: ProxyNode[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'POST /proxy/nodes': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      fingerprint: string
      name: string
    }
    answers: {
      201: ProxyNode
    }
  }
  'DELETE /proxy/nodes/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      204: undefined
    }
  }
  'POST /grants/explain': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      method: string
      url: string
      /** By name; a placeholder or `Countersign-Connection` selects. */
      headers?: { [member: string]: string }
      body?: string
      /** Of the client; 127.0.0.1, unless said. */
      address?: string
      agent_id?: string
      mode?: 'enforce' | 'learn'
      /** Of the run. */
      labels?: string[]
    }
    answers: {
      200: ExplainedRequest
    }
  }
  'POST /proxy/simulate': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      /** Cedar text that is not saved. */
      policies?: string
      requests?: {
        method: string
        url: string
        /** By name; a placeholder or `Countersign-Connection` selects. */
        headers?: { [member: string]: string }
        body?: string
        /** Of the client; 127.0.0.1, unless said. */
        address?: string
        agent_id: string
      }[]
      since?: string
    }
    answers: {
      200: {
        judged: number
        changed: number
        /** Recorded requests of agents that do not act now. */
        skipped: number
        data: {
          agent_id: string
          method: string
          url: string
          recorded: {
            event_id: string
            at: string
            outcome: string
            reason: string | null
          } | null
          before: ExplainedRequest
          after: ExplainedRequest | null
          changed: boolean
        }[]
      }
    }
  }
  'GET /runs/:id/draft': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: RunDraft
    }
  }
  'GET /runs/self/holds/:task_id': {
    params: { task_id: string }
    query: { wait?: number }
    body: undefined
    answers: {
      200: Hold
    }
  }
  'GET /proxy/requests': {
    params: Record<string, never>
    query: {
      run_id?: string
      agent_id?: string
      connection_id?: string
      outcome?: 'allow' | 'deny' | 'ask' | 'pass' | 'learn'
      reason?: string
      host?: string
      from?: string
      to?: string
      limit?: number
      cursor?: string
    }
    body: undefined
    answers: {
      200: {
        data: ProxiedRequest[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'GET /proxy/requests/stream': {
    params: Record<string, never>
    query: {
      run_id?: string
      agent_id?: string
      connection_id?: string
      outcome?: 'allow' | 'deny' | 'ask' | 'pass' | 'learn'
      reason?: string
      host?: string
    }
    body: undefined
    answers: {
      200: ReadableStream<Uint8Array>
    }
  }
  'GET /proxy/requests/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: ProxiedRequest
    }
  }
  'GET /cards': {
    params: Record<string, never>
    query: {
      state?: 'active' | 'paused' | 'retired'
      agent_id?: string
      visibility?: 'public' | 'members' | 'grant_holders'
      limit?: number
      cursor?: string
    }
    body: undefined
    answers: {
      200: {
        data: Card[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'POST /cards': {
    params: Record<string, never>
    query: Record<string, never>
    body: NewCard
    answers: {
      201: Card
    }
  }
  'POST /cards/preview': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      /** The name in its address. */
      slug: string
      name: string
      summary: string
      skills: CardSkill[]
      /** Media types. */
      accepted_inputs: string[]
      /** Media types. */
      expected_outputs: string[]
      description?: string
      category?: string
      provider?: {
        name: string
        url: string
      }
      limits?: RelayLimits
      /** What holders of a live relay grant are told beside the rest (R86). */
      extended?: {
        description?: string
        /** Beside those that everybody reads of. */
        skills?: CardSkill[]
      }
      /** Public JWKs of P-256 to which messages are sealed. */
      encryption_keys?: { [member: string]: Json }[]
      documentation_url?: string
      icon_url?: string
      /** What is countersigned: who connects, or single messages too. */
      approval?: 'connection' | 'message'
      visibility?: 'public' | 'members' | 'grant_holders'
      /** 0: messages are gone when their thread ends; none: kept as long as the thread. */
      retention_days?: number | 'none'
      max_message_bytes?: number
      /** false switches off what the A2A face would offer. */
      capabilities?: {
        streaming?: boolean
        push_notifications?: boolean
        extended_card?: boolean
      }
      /** Whose keys serve it; null: any agent of the tenant that may. */
      agent_id?: string | null
      /** What a first message of an agent without a relay grant does: refuse it, or make a connection request and let it wait for that. */
      unapproved?: 'refuse' | 'request'
      direct_messages?: boolean
      idle_seconds?: number
      reply_closes_after_seconds?: number
      ring_seconds?: number
      /** Answers for the handles of this tenant. */
      primary?: boolean
      /** Save it although it looks as if a secret stood in it. */
      confirm_public?: boolean
      card_id?: string
    }
    answers: {
      200: CardPreview
    }
  }
  'GET /cards/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Card
    }
  }
  'PATCH /cards/:id': {
    params: { id: string }
    query: Record<string, never>
    body: CardChange
    answers: {
      200: Card
    }
  }
  'DELETE /cards/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      204: undefined
    }
  }
  'POST /cards/:id/pause': {
    params: { id: string }
    query: Record<string, never>
    body: {
      reason?: string
    }
    answers: {
      200: Card
    }
  }
  'POST /cards/:id/resume': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Card
    }
  }
  'GET /cards/:id/versions': {
    params: { id: string }
    query: { limit?: number; cursor?: string }
    body: undefined
    answers: {
      200: {
        data: CardVersion[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'GET /cards/:id/versions/:n': {
    params: { id: string; n: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: WholeCardVersion
    }
  }
  'POST /cards/:id/versions/:n/restore': {
    params: { id: string; n: string }
    query: Record<string, never>
    body: {
      confirm_public?: boolean
    }
    answers: {
      200: Card
      201: Card
    }
  }
  'POST /relay/keys/rotate': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      compromised?: boolean
    }
    answers: {
      202: CardKeyRotation
    }
  }
  'GET /agents/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Agent | AgentCard
    }
  }
  'GET /agents/:slug/card': {
    params: { slug: string }
    query: { version?: number }
    body: undefined
    answers: {
      200: undefined
      304: undefined
    }
  }
  'POST /agents/:slug/connection-requests': {
    params: { slug: string }
    query: Record<string, never>
    body: {
      purpose: string
      /** Of people: which of their agents asks. An agent asks for itself. */
      from_agent_id?: string
      /** Ids of the card’s skills; all of them when left out. */
      skills?: string[]
      /** All five when left out. */
      scopes?: ('threads:start' | 'threads:send' | 'threads:read' | 'threads:close' | 'threads:subscribe')[]
      /** Of the grant and of each of its tokens, from when it is made; 90 days when left out. */
      expires_in_seconds?: number
      limits?: RelayLimits
      /** Where you want to be told what becomes of it; with scope `threads:subscribe`. Events: `connection_request.*`. */
      callback?: ThreadCallback
    }
    answers: {
      201: NewConnectionRequest
    }
  }
  'GET /connection-requests': {
    params: Record<string, never>
    query: {
      side?: 'owner' | 'caller'
      state?: 'pending' | 'approved' | 'denied' | 'withdrawn' | 'expired'
      agent?: string
      limit?: number
      cursor?: string
    }
    body: undefined
    answers: {
      200: {
        data: ConnectionRequest[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'GET /connection-requests/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: ConnectionRequest
    }
  }
  'POST /connection-requests/:id/approve': {
    params: { id: string }
    query: Record<string, never>
    body: {
      /** Ids of the card’s skills; all of them when left out. */
      skills?: string[]
      /** All five when left out. */
      scopes?: ('threads:start' | 'threads:send' | 'threads:read' | 'threads:close' | 'threads:subscribe')[]
      /** Of the grant and of each of its tokens, from when it is made; 90 days when left out. */
      expires_in_seconds?: number
      limits?: RelayLimits
      bind?: {
        /** Addresses or networks from which its tokens work. */
        addresses?: string[] | null
        /** Its tokens work only with proofs of this key (RFC 9449). */
        dpop_jkt?: string | null
      } | null
      /** End-to-end encryption is not offered. */
      encryption?: 'off'
      note?: string
      /** Whether the asking side reads the note. */
      note_visible?: boolean
      /** Of a request that came with a message: whether the two stay connected. Without it the relay grant is for the thread of that message, starts no other and ends with it. */
      lasting?: boolean
      /** on_approve: this answer holds the token, to be handed over. on_collect: it is made when the asking side fetches it. */
      issue?: 'on_approve' | 'on_collect'
    }
    answers: {
      200: ConnectionDecision
    }
  }
  'POST /connection-requests/:id/deny': {
    params: { id: string }
    query: Record<string, never>
    body: {
      note?: string
      /** Whether the asking side reads the note. */
      note_visible?: boolean
    }
    answers: {
      200: ConnectionRequest
    }
  }
  'POST /connection-requests/:id/withdraw': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: ConnectionRequest
    }
  }
  'POST /connection-requests/:id/collect': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: CollectedRelayToken
    }
  }
  'GET /relay-grants': {
    params: Record<string, never>
    query: {
      side?: 'owner' | 'caller'
      state?: 'active' | 'revoked' | 'expired'
      agent?: string
      limit?: number
      cursor?: string
    }
    body: undefined
    answers: {
      200: {
        data: RelayGrant[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'POST /relay-grants': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      /** The slug or the id of the card. */
      agent: string
      label: string
      purpose: string
      /** Ids of the card’s skills; all of them when left out. */
      skills?: string[]
      /** All five when left out. */
      scopes?: ('threads:start' | 'threads:send' | 'threads:read' | 'threads:close' | 'threads:subscribe')[]
      /** Of the grant and of each of its tokens, from when it is made; 90 days when left out. */
      expires_in_seconds?: number
      limits?: RelayLimits
      bind?: {
        /** Addresses or networks from which its tokens work. */
        addresses?: string[] | null
        /** Its tokens work only with proofs of this key (RFC 9449). */
        dpop_jkt?: string | null
      } | null
      /** End-to-end encryption is not offered. */
      encryption?: 'off'
    }
    answers: {
      201: IssuedRelayToken
    }
  }
  'GET /relay-grants/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: RelayGrantInUse
    }
  }
  'GET /connection-grants/:id/introspect': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: RelayGrantInUse
    }
  }
  'PATCH /relay-grants/:id': {
    params: { id: string }
    query: Record<string, never>
    body: {
      label?: string
      limits?: RelayLimits
      ends_at?: string | null
    }
    answers: {
      200: RelayGrant
    }
  }
  'POST /relay-grants/:id/rotate': {
    params: { id: string }
    query: Record<string, never>
    body: {
      overlap_seconds?: number
      /** Also while an earlier rotation is open: the oldest of the three ends at once. */
      force?: boolean
    }
    answers: {
      200: IssuedRelayToken
    }
  }
  'POST /connection-grants/:id/rotate': {
    params: { id: string }
    query: Record<string, never>
    body: {
      overlap_seconds?: number
      /** Also while an earlier rotation is open: the oldest of the three ends at once. */
      force?: boolean
    }
    answers: {
      200: IssuedRelayToken
    }
  }
  'POST /relay-grants/:id/renew': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: IssuedRelayToken
    }
  }
  'POST /relay-grants/:id/revoke': {
    params: { id: string }
    query: Record<string, never>
    body: {
      reason?: string
    }
    answers: {
      200: RelayGrantRevoked
    }
  }
  'POST /connection-grants/:id/revoke': {
    params: { id: string }
    query: Record<string, never>
    body: {
      reason?: string
    }
    answers: {
      200: RelayGrantRevoked
    }
  }
  'GET /relay-grants/:id/standing-permissions': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        data: StandingPermission[]
      }
    }
  }
  'POST /relay-grants/:id/standing-permissions': {
    params: { id: string }
    query: Record<string, never>
    body: {
      task_id: string
      /** By the name of a fact that is a number. */
      ceilings?: { [member: string]: number }
      for_seconds: number
    }
    answers: {
      201: StandingPermission
    }
  }
  'POST /relay-grants/:id/standing-permissions/:pid/activate': {
    params: { id: string; pid: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: StandingPermission
    }
  }
  'DELETE /relay-grants/:id/standing-permissions/:pid': {
    params: { id: string; pid: string }
    query: Record<string, never>
    body: undefined
    answers: {
      204: undefined
    }
  }
  'POST /relay-tokens/introspect': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      /** Left out by who shows the token itself. */
      token?: string
      token_type_hint?: string
    }
    answers: {
      200: RelayTokenIntrospection
    }
  }
  'POST /relay-tokens/revoke': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      /** Left out by who shows the token itself. */
      token?: string
      token_type_hint?: string
    }
    answers: {
      200: Record<string, never>
    }
  }
  'POST /relay-tokens/rotate': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      /** Left out by who shows the token itself. */
      token?: string
      token_type_hint?: string
      overlap_seconds?: number
      force?: boolean
    }
    answers: {
      200: IssuedRelayToken
    }
  }
  'POST /agents/:slug/threads': {
    params: { slug: string }
    query: Record<string, never>
    body: {
      text?: string
      /** Any JSON value. */
      data?: Json
      parts?: Part[]
      metadata?: { [member: string]: Json }
      skill?: string
      operation_id?: string
      reference_thread_ids?: string[]
      /** Waits for the answer: 200 with it when it comes in time, otherwise 202. */
      sync?: {
        wait_ms: number
      }
      /** Where you want to be told of the thread; with scope `threads:subscribe`. */
      callback?: ThreadCallback
      /** The caller’s own name for a conversation, or one that an earlier thread had. */
      context_id?: string
      accepted_output_modes?: string[]
      expires_in_seconds?: number
      /** With scope `threads:read`: also a thread token, shown once. */
      want_thread_token?: boolean
      /** Rings: unanswered after the card’s `ring_seconds` it ends. */
      live?: boolean
    }
    answers: {
      200: AcceptedMessage
      202: AcceptedMessage
    }
  }
  'POST /agents/:slug/invoke': {
    params: { slug: string }
    query: Record<string, never>
    body: {
      text?: string
      /** Any JSON value. */
      data?: Json
      parts?: Part[]
      metadata?: { [member: string]: Json }
      skill?: string
      operation_id?: string
      reference_thread_ids?: string[]
      /** Waits for the answer: 200 with it when it comes in time, otherwise 202. */
      sync?: {
        wait_ms: number
      }
      /** Where you want to be told of the thread; with scope `threads:subscribe`. */
      callback?: ThreadCallback
      /** The caller’s own name for a conversation, or one that an earlier thread had. */
      context_id?: string
      accepted_output_modes?: string[]
      expires_in_seconds?: number
      /** With scope `threads:read`: also a thread token, shown once. */
      want_thread_token?: boolean
      /** Rings: unanswered after the card’s `ring_seconds` it ends. */
      live?: boolean
    }
    answers: {
      200: AcceptedMessage
      202: AcceptedMessage
    }
  }
  'POST /threads/:id/messages': {
    params: { id: string }
    query: Record<string, never>
    body: {
      text?: string
      /** Any JSON value. */
      data?: Json
      parts?: Part[]
      metadata?: { [member: string]: Json }
      skill?: string
      operation_id?: string
      reference_thread_ids?: string[]
      /** Waits for the answer: 200 with it when it comes in time, otherwise 202. */
      sync?: {
        wait_ms: number
      }
      /** Where you want to be told of the thread; with scope `threads:subscribe`. */
      callback?: ThreadCallback
    }
    answers: {
      200: AcceptedMessage
      202: AcceptedMessage
    }
  }
  'POST /threads/:id/messages/:mid/withdraw': {
    params: { id: string; mid: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: ThreadMessage
    }
  }
  'POST /threads/:id/access-tokens': {
    params: { id: string }
    query: Record<string, never>
    body: {
      side?: 'caller' | 'owner'
    }
    answers: {
      201: {
        thread_access_token?: string
        secret_shown?: boolean
        side: 'caller' | 'owner'
        expires_at: string
      }
    }
  }
  'GET /threads': {
    params: Record<string, never>
    query: {
      side?: 'caller' | 'owner'
      state?: string
      agent?: string
      context_id?: string
      operation_id?: string
      q?: string
      relay_grant_id?: string
      limit?: number
      cursor?: string
    }
    body: undefined
    answers: {
      200: {
        data: ThreadLine[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'GET /threads/:id': {
    params: { id: string }
    query: { wait_seconds?: number; after?: number }
    body: undefined
    answers: {
      200: Thread
    }
  }
  'GET /threads/:id/messages': {
    params: { id: string }
    query: { limit?: number; cursor?: string }
    body: undefined
    answers: {
      200: {
        data: ThreadMessage[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'GET /threads/:id/messages/:mid': {
    params: { id: string; mid: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: ThreadMessage
    }
  }
  'GET /threads/:id/artifacts': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        data: ThreadArtifact[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'GET /threads/:id/events': {
    params: { id: string }
    query: { after?: number; limit?: number }
    body: undefined
    answers: {
      200: {
        data: ThreadEvent[]
        sequence: number
      }
    }
  }
  'GET /threads/:id/endpoints': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        data: ThreadEndpoint[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'POST /threads/:id/endpoints': {
    params: { id: string }
    query: Record<string, never>
    body: ThreadCallback
    answers: {
      200: ThreadEndpointMade
      201: ThreadEndpointMade
    }
  }
  'DELETE /threads/:id/endpoints': {
    params: { id: string }
    query: { endpoint_id?: string; url?: string }
    body: undefined
    answers: {
      204: undefined
    }
  }
  'GET /threads/:id/deliveries': {
    params: { id: string }
    query: { limit?: number; cursor?: string }
    body: undefined
    answers: {
      200: {
        data: ThreadDelivery[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'POST /threads/:id/responses': {
    params: { id: string }
    query: Record<string, never>
    body: {
      text?: string
      /** Any JSON value. */
      data?: Json
      parts?: Part[]
      metadata?: { [member: string]: Json }
      outcome?: 'reply' | 'progress' | 'ask' | 'completed' | 'failed' | 'rejected' | 'message'
      artifacts?: {
        artifact_id: string
        name?: string
        description?: string
        parts: Part[]
        append?: boolean
        last_chunk?: boolean
      }[]
      error?: {
        code: string
        message: string
      }
      claim_token?: string
    }
    answers: {
      200: RespondedMessage
      202: RespondedMessage
    }
  }
  'POST /threads/:id/close': {
    params: { id: string }
    query: Record<string, never>
    body: {
      reason?: string
    }
    answers: {
      200: Thread
    }
  }
  'POST /agents/:slug/inbox/claim': {
    params: { slug: string }
    query: Record<string, never>
    body: {
      limit?: number
      lease_seconds?: number
      wait_seconds?: number
      skills?: string[]
    }
    answers: {
      200: {
        data: ClaimedMessage[]
      }
    }
  }
  'POST /agents/:slug/inbox/settle': {
    params: { slug: string }
    query: Record<string, never>
    body: {
      claim_token: string
      action: 'ack' | 'extend' | 'release' | 'fail'
      /** With `fail`: one word of `a-z 0-9 _ . : -` that begins with a letter, at most 64 long, for the record. Anything else is kept as `failed`. */
      reason?: string
      lease_seconds?: number
    }[]
    answers: {
      200: {
        data: {
          claim_token: string
          status: 'ok' | 'lease_stale'
          message_id: string | null
          lease_expires_at: string | null
        }[]
      }
    }
  }
  'GET /agents/:slug/inbox': {
    params: { slug: string }
    query: { state?: 'queued' | 'delivering' | 'exhausted' | 'held'; limit?: number; cursor?: string }
    body: undefined
    answers: {
      200: {
        data: WaitingMessage[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'GET /contacts': {
    params: Record<string, never>
    query: {
      direction?: 'in' | 'out'
      state?: 'active' | 'pending' | 'approved' | 'denied' | 'withdrawn' | 'expired' | 'revoked'
      favourite?: 'true' | 'false'
      q?: string
      limit?: number
      cursor?: string
    }
    body: undefined
    answers: {
      200: {
        data: Contact[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'PATCH /contacts/:id': {
    params: { id: string }
    query: Record<string, never>
    body: {
      note?: string | null
      favourite?: boolean
    }
    answers: {
      200: Contact
    }
  }
  'POST /contacts/:id/report': {
    params: { id: string }
    query: Record<string, never>
    body: {
      reason: 'spam' | 'impersonation' | 'harmful' | 'broken' | 'other'
      /** For the people who look after it; the other side does not read it. */
      note?: string
    }
    answers: {
      201: PeerReported
    }
  }
  'POST /agents/:slug/report': {
    params: { slug: string }
    query: Record<string, never>
    body: {
      reason: 'spam' | 'impersonation' | 'harmful' | 'broken' | 'other'
      /** For the people who look after it; the other side does not read it. */
      note?: string
    }
    answers: {
      201: PeerReported
    }
  }
  'GET /blocks': {
    params: Record<string, never>
    query: { limit?: number; cursor?: string }
    body: undefined
    answers: {
      200: {
        data: Block[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'POST /blocks': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      tenant?: string
      agent?: string
      domain?: string
      reason?: string
    }
    answers: {
      200: Block
      201: Block
    }
  }
  'GET /blocks/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Block
    }
  }
  'DELETE /blocks/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      204: undefined
    }
  }
  'GET /handles': {
    params: Record<string, never>
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        data: Handle[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'GET /handles/:handle': {
    params: { handle: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: HandleCard
    }
  }
  'PUT /handles/:handle': {
    params: { handle: string }
    query: Record<string, never>
    body: {
      of: 'tenant' | 'user'
      /** null: the primary card of the tenant. */
      card_id?: string | null
      /** Until it is true, nobody finds you by it. */
      findable?: boolean
    }
    answers: {
      200: Handle
      201: Handle
    }
  }
  'DELETE /handles/:handle': {
    params: { handle: string }
    query: Record<string, never>
    body: undefined
    answers: {
      204: undefined
    }
  }
  'GET /listing': {
    params: Record<string, never>
    query: {
      q?: string
      skill?: string
      tag?: string
      input?: string
      output?: string
      verified?: 'true' | 'false'
      healthy?: 'true' | 'false'
      limit?: number
      cursor?: string
    }
    body: undefined
    answers: {
      200: {
        data: ListedCard[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'POST /cards/:id/listing': {
    params: { id: string }
    query: Record<string, never>
    body: {
      action: 'submit' | 'withdraw'
    }
    answers: {
      200: Card
    }
  }
  'POST /cards/:id/review': {
    params: { id: string }
    query: Record<string, never>
    body: {
      version: number
      decision: 'list' | 'reject' | 'delist'
      /** Required to reject. */
      note?: string
    }
    answers: {
      200: CardReviewed
    }
  }
  'POST /relay/sandbox': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      /** The slug or the id of a card of your own; the agent `sandbox` when left out. */
      agent?: string
      /** In whose name; an agent of yours is made for it when left out. */
      from_agent_id?: string
    }
    answers: {
      201: Tried
    }
  }
  'GET /cards/:id/domains': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        data: CardDomain[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'POST /cards/:id/domains': {
    params: { id: string }
    query: Record<string, never>
    body: {
      domain: string
      method?: 'dns' | 'https'
    }
    answers: {
      200: CardDomain
      201: CardDomain
    }
  }
  'POST /cards/:id/domains/:domain_id/verify': {
    params: { id: string; domain_id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: CardDomain
    }
  }
  'DELETE /cards/:id/domains/:domain_id': {
    params: { id: string; domain_id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      204: undefined
    }
  }
  'GET /agents/:slug/health': {
    params: { slug: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: AgentHealth
    }
  }
  'POST /exports': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      subject: 'thread' | 'relay_grant' | 'card' | 'tenant'
      /** Of the thread, the relay grant, the card or one’s own tenant. */
      id: string
    }
    answers: {
      202: Export
    }
  }
  'GET /exports': {
    params: Record<string, never>
    query: { limit?: number; cursor?: string }
    body: undefined
    answers: {
      200: {
        data: Export[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'GET /exports/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Export
    }
  }
  'GET /exports/:id/pieces/:n': {
    params: { id: string; n: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        n: number
        text: string
        next: number | null
      }
    }
  }
  'POST /erasures': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      subject: 'thread' | 'relay_grant' | 'card'
      /** Of the thread, the relay grant or the card. */
      id: string
    }
    answers: {
      202: Erasure
    }
  }
  'GET /erasures': {
    params: Record<string, never>
    query: { limit?: number; cursor?: string }
    body: undefined
    answers: {
      200: {
        data: Erasure[]
        /** Hand it back as `cursor` for what follows; null at the end. */
        next_cursor: string | null
      }
    }
  }
  'GET /erasures/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: {
        id: string
        subject: 'thread' | 'relay_grant' | 'card'
        subject_id: string
        state: 'planned' | 'running' | 'done' | 'cancelled'
        plan: {
          threads: number
          open_threads: number
          messages: number
          tasks: number
          deliveries: number
          exports: number
        }
        stays: string[]
        counts: {
          threads: number
          messages: number
          tasks: number
          deliveries: number
          keys: number
        } | null
        event_id: string | null
        planned_by: string
        created_at: string
        confirmed_by: string | null
        confirmed_at: string | null
        finished_at: string | null
        receipt: {
          receipt: string
          kid: string
          sealed: boolean
        } | null
      }
    }
  }
  'POST /erasures/:id/confirm': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      202: Erasure
    }
  }
  'POST /erasures/:id/cancel': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: Erasure
    }
  }
  'PUT /holds/:id': {
    params: { id: string }
    query: Record<string, never>
    body: {
      reason?: string
    }
    answers: {
      200: LegalHold
    }
  }
  'DELETE /holds/:id': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      204: undefined
    }
  }
  'GET /cards/:id/delivery': {
    params: { id: string }
    query: Record<string, never>
    body: undefined
    answers: {
      200: CardDeliveryTargets
    }
  }
  'POST /cards/import': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      /** Where its card is: …/.well-known/agent-card.json. */
      url: string
      /** Made of its name unless said. */
      slug?: string
      /** Whose credentials are added to requests to the origin of the card. */
      connection_id?: string
    }
    answers: {
      201: ImportedCard
    }
  }
  'PUT /cards/:id/delivery': {
    params: { id: string }
    query: Record<string, never>
    body: {
      mode: 'inbox' | 'push' | 'a2a'
      /** What becomes of a thread whose message could not be delivered. */
      on_exhausted?: 'queue' | 'fail'
      /** push: where each message is posted to. */
      url?: string
      /** push: your own signing secret. */
      secret?: string
      /** push: an endpoint whose secret signs. */
      endpoint_id?: string
      /** push: a new secret, shown once. */
      generate_secret?: boolean
      /** push: both signatures (default), or the standard one alone. */
      signature?: 'foragent' | 'standard'
      /** push: ids and links without parts. */
      thin?: boolean
      /** a2a: the agent that the relay calls. */
      upstream?: {
        /** The card of an A2A 1.0 agent. */
        card_url: string
        /** Whose credentials are added to requests to the origin of the card. */
        connection_id?: string
      }
    }
    answers: {
      200: CardDelivery
    }
  }
  'POST /oauth/token': {
    params: Record<string, never>
    query: Record<string, never>
    body: {
      grant_type: 'client_credentials'
      resource: string
      scope?: string
      client_id?: string
      client_secret?: string
    }
    answers: {
      200: undefined
    }
  }
  'POST /callbacks/:id/complete': {
    params: { id: string }
    query: Record<string, never>
    body: {
      /** Any JSON value. */
      payload?: Json
      /** When given it must be that of the job. */
      lease?: number
    }
    answers: {
      200: SettledCallback
      202: SettledCallback
    }
  }
  'POST /callbacks/:id/fail': {
    params: { id: string }
    query: Record<string, never>
    body: {
      error: string
      retryable?: boolean
      /** When given it must be that of the job. */
      lease?: number
    }
    answers: {
      200: SettledCallback
      202: SettledCallback
    }
  }
  'POST /callbacks/:id/heartbeat': {
    params: { id: string }
    query: Record<string, never>
    body: {
      timeout_seconds?: number
      /** When given it must be that of the job. */
      lease?: number
    }
    answers: {
      200: SettledCallback
      202: SettledCallback
    }
  }
}
