// Every table of the database, once (P1). A table that is not here fails the build and the boot; what a list cannot say stands in the migration.
export type Table = {
  /** tenant: rows of one tenant, under its policy (P2). installation: of the whole installation. queue: reached through functions only. */
  kind: 'tenant' | 'installation' | 'queue'
  /** The column that holds the tenant; `id` for tenants itself. */
  tenantColumn?: string
  /** Indexes that are not led by the tenant, each with its reason (P2, P6). */
  indexes?: Record<string, string>
  /** Not in every database: only where time can be moved by a test. */
  optional?: true
}

const ID = 'ids are random and unique in the installation (P6); cross-tenant lookups by id happen in engine functions only'

/** Keyed by `schema.table`; the schema `countersign` is not written. */
export const TABLES: Record<string, Table> = {
  // spine
  migrations: { kind: 'installation' },
  test_clock: { kind: 'installation', optional: true },
  tenants: { kind: 'tenant', tenantColumn: 'id' },
  // queue: no login reads or writes one; its functions do
  'countersign_queue.awaited': { kind: 'queue' },
  'countersign_queue.buckets': { kind: 'queue' },
  'countersign_queue.callbacks': { kind: 'queue' },
  'countersign_queue.claims': { kind: 'queue' },
  'countersign_queue.closures': { kind: 'queue' },
  'countersign_queue.generations': { kind: 'queue' },
  'countersign_queue.history': { kind: 'queue' },
  'countersign_queue.history_days': { kind: 'queue' },
  'countersign_queue.jobs': { kind: 'queue' },
  'countersign_queue.kinds': { kind: 'queue' },
  'countersign_queue.lanes': { kind: 'queue' },
  'countersign_queue.leases': { kind: 'queue' },
  'countersign_queue.principals': { kind: 'queue' },
  'countersign_queue.prunings': { kind: 'queue' },
  'countersign_queue.queues': { kind: 'queue' },
  'countersign_queue.quiets': { kind: 'queue' },
  'countersign_queue.ring': { kind: 'queue' },
  'countersign_queue.rollups': { kind: 'queue' },
  'countersign_queue.rollups_hourly': { kind: 'queue' },
  'countersign_queue.schedules': { kind: 'queue' },
  'countersign_queue.shares': { kind: 'queue' },
  'countersign_queue.tolerance': { kind: 'queue' },
  'countersign_queue.tombstones': { kind: 'queue' },
  'countersign_queue.transitions': { kind: 'queue' },
  'countersign_queue.turns': { kind: 'queue' },
  'countersign_queue.workers': { kind: 'queue' },
  // keys at rest
  tenant_keys: { kind: 'tenant' },
  subject_keys: { kind: 'tenant' },
  root_keys: { kind: 'installation' },
  keyring_state: { kind: 'installation' },
  keyring_leases: { kind: 'installation' },
  rewraps: { kind: 'installation' },
  user_keys: { kind: 'installation' },
  kept_keys: { kind: 'installation' },
  verification_keys: { kind: 'installation' },
  key_erasures: {
    kind: 'tenant',
    indexes: { key_erasures_unwritten: 'written beside the backups across tenants, oldest first (P128)' },
  },
  user_key_erasures: { kind: 'installation' },
  // events
  events: {
    kind: 'tenant',
    indexes: { events_pkey: ID, events_unsealed: 'sealed across tenants, in the order of transactions (P112)' },
  },
  // the audit log
  event_origins: { kind: 'tenant' },
  seals: { kind: 'tenant' },
  seal_heads: { kind: 'tenant' },
  seal_tiles: { kind: 'tenant' },
  checkpoints: { kind: 'tenant' },
  signing_keys: { kind: 'installation' },
  seal_state: { kind: 'installation' },
  seal_leases: { kind: 'installation' },
  audit_retention: { kind: 'tenant' },
  audit_exports: { kind: 'tenant' },
  audit_export_chunks: { kind: 'tenant' },
  // the edge
  replies: { kind: 'tenant', indexes: { replies_expired: 'swept across tenants by their end' } },
  buckets: { kind: 'installation' },
  // identity
  users: { kind: 'installation' },
  user_emails: { kind: 'installation' },
  passwords: { kind: 'installation' },
  hosts: { kind: 'installation' },
  setup_tokens: { kind: 'installation' },
  roles: { kind: 'tenant', indexes: { roles_user: 'at sign-in no tenant is known yet' } },
  sessions: { kind: 'tenant', indexes: { sessions_pkey: ID } },
  session_tokens: { kind: 'tenant', indexes: { session_tokens_pkey: 'found by the hash of a token before the tenant is known' } },
  agents: { kind: 'tenant', indexes: { agents_pkey: ID } },
  keys: { kind: 'tenant', indexes: { keys_pkey: ID } },
  key_tokens: { kind: 'tenant', indexes: { key_tokens_pkey: 'found by the hash of a token before the tenant is known' } },
  // proofs of agents
  agent_keys: { kind: 'tenant', indexes: { agent_keys_pkey: 'found by its thumbprint before the tenant is known (V134)' } },
  seen_proofs: { kind: 'installation' },
  proof_store: { kind: 'installation' },
  agent_registrations: { kind: 'installation' },
  // commands that ask to be signed in; what answers one names a tenant, and no row is found by it
  cli_sign_ins: { kind: 'installation' },
  // what the doctor seals and deletes in one transaction
  vault_canaries: { kind: 'tenant' },
  invitations: {
    kind: 'tenant',
    indexes: { invitations_pkey: ID, invitations_token_hash_key: 'found by the hash of a token before the tenant is known' },
  },
  // break-glass
  break_glass: { kind: 'tenant' },
  // policies
  policies: { kind: 'tenant' },
  policy_activations: { kind: 'tenant' },
  policy_decisions: { kind: 'tenant' },
  policy_asks: { kind: 'tenant' },
  // tasks
  tasks: {
    kind: 'tenant',
    indexes: { tasks_found: 'holds words, tags and names of the asked; rows of other tenants are left out as they are read' },
  },
  task_inbox: { kind: 'tenant' },
  decisions: { kind: 'tenant' },
  decision_challenges: { kind: 'tenant' },
  decision_settings: { kind: 'tenant' },
  forms: { kind: 'tenant' },
  compatibility_keys: { kind: 'tenant' },
  // routing and notices
  pools: { kind: 'tenant' },
  pool_members: { kind: 'tenant' },
  user_labels: { kind: 'tenant' },
  label_picks: { kind: 'tenant' },
  availability: { kind: 'tenant' },
  absences: { kind: 'tenant' },
  notices: { kind: 'tenant' },
  comments: { kind: 'tenant' },
  revisions: { kind: 'tenant' },
  task_defaults: { kind: 'tenant' },
  task_rollups: { kind: 'tenant' },
  task_rollup_parts: { kind: 'tenant' },
  task_rollup_marks: { kind: 'tenant' },
  // verifiers
  provider_keys: { kind: 'tenant' },
  verifiers: { kind: 'tenant' },
  verifier_runs: { kind: 'tenant' },
  // slack
  slack_apps: { kind: 'tenant', indexes: { slack_apps_tenant_id_key: 'one app a tenant' } },
  slack_installations: { kind: 'tenant' },
  slack_names: { kind: 'tenant' },
  slack_people: { kind: 'tenant' },
  slack_links: { kind: 'tenant', indexes: { slack_links_token_hash_key: 'ids are random and unique in the installation (P6)' } },
  slack_messages: { kind: 'tenant' },
  slack_bodies: { kind: 'tenant' },
  // embeds
  embed_origins: { kind: 'tenant' },
  embed_tokens: {
    kind: 'tenant',
    indexes: { embed_tokens_token_hash_key: 'found by the hash of a token before the tenant is known' },
  },
  // mail
  task_links: {
    kind: 'tenant',
    indexes: { task_links_token_hash_key: 'found by the hash of a token before the tenant is known' },
  },
  notice_templates: { kind: 'tenant' },
  mail_identities: { kind: 'tenant' },
  mails: { kind: 'tenant' },
  mail_replies: { kind: 'tenant' },
  letters: { kind: 'tenant' },
  exhausted_reports: { kind: 'tenant' },
  // vault
  providers: { kind: 'tenant' },
  provider_names: { kind: 'tenant' },
  definitions: { kind: 'tenant' },
  clients: { kind: 'tenant' },
  authorizations: { kind: 'tenant', indexes: { authorizations_id: ID } },
  rotations: { kind: 'tenant' },
  connection_proposals: { kind: 'tenant' },
  connections: {
    kind: 'tenant',
    indexes: {
      connections_due: 'what is due is found over all tenants, by an engine function (V47)',
      connections_ending: 'what ends soon is found over all tenants, by an engine function (V50)',
    },
  },
  connection_defaults: { kind: 'tenant' },
  grants: { kind: 'tenant' },
  authorities: { kind: 'tenant' },
  runs: { kind: 'tenant', indexes: { runs_token_hash_key: 'the proxy knows a run by its token alone, before the tenant (V84)' } },
  vault_revisions: { kind: 'tenant' },
  // proxy
  proxy_nodes: { kind: 'installation' },
  proxy_holds: { kind: 'tenant' },
  proxy_hold_waiters: { kind: 'tenant' },
  proxy_openings: { kind: 'tenant' },
  untold_events: { kind: 'tenant' },
  // relay
  standing_discards: { kind: 'tenant' },
  cards: { kind: 'tenant', indexes: { cards_id: ID, cards_slug: 'a slug is one card in the whole installation (relay.md R10)' } },
  card_versions: { kind: 'tenant' },
  card_keys: { kind: 'tenant' },
  connection_requests: {
    kind: 'tenant',
    indexes: {
      connection_requests_id: ID,
      connection_requests_opens:
        'the thread of a message that waits is found before its tenant is known, by an engine function (R103)',
      connection_requests_message: 'what an agent sent a card last is found by an engine function (R103)',
      connection_requests_asker: 'what a tenant asked of others is found by an engine function (R24)',
      connection_requests_due: 'what is due is found over all tenants, by an engine function (C5)',
    },
  },
  relay_grants: {
    kind: 'tenant',
    indexes: {
      relay_grants_id: ID,
      relay_grants_asker: 'what a tenant was given by others is found by an engine function (R24)',
      relay_grants_due: 'what is due is found over all tenants, by an engine function (G3)',
      relay_grants_ending: 'what ends soon is found over all tenants, by an engine function (R26)',
    },
  },
  child_keys: {
    kind: 'tenant',
    indexes: { child_keys_hash: 'found by the hash of a token before the tenant is known' },
  },
  relay_tokens: {
    kind: 'tenant',
    indexes: {
      relay_tokens_hash: 'found by the hash of a token before the tenant is known',
      relay_tokens_ending: 'what ends soon is found over all tenants, by an engine function (R26)',
    },
  },
  relay_usage: { kind: 'tenant' },
  threads: {
    kind: 'tenant',
    indexes: { threads_id: ID, threads_due: 'what is due is found over all tenants, by an engine function (T15, T16)' },
  },
  messages: {
    kind: 'tenant',
    indexes: {
      messages_claimed: 'leases that are over are found over all tenants, by an engine function (T6)',
      messages_delivered: 'the last minutes of all tenants are measured for the status page (R111)',
      messages_expiring: 'what expires is found over all tenants, by an engine function (R108)',
    },
  },
  thread_events: { kind: 'tenant' },
  thread_tokens: {
    kind: 'tenant',
    indexes: {
      thread_tokens_hash: 'found by the hash of a token before the tenant is known',
      thread_tokens_expired: 'pruned across tenants by age',
    },
  },
  caller_threads: { kind: 'tenant' },
  message_asks: {
    kind: 'tenant',
    indexes: {
      message_asks_elsewhere: 'what ends a thread ends the question about it in the other tenant, by an engine function (R80)',
      message_asks_elsewhere_grant:
        'what ends a relay grant ends the questions about its threads in the other tenant, by an engine function (R80)',
    },
  },
  held_messages: {
    kind: 'tenant',
    indexes: {
      held_messages_id: ID,
      held_messages_thread:
        'what waits on the side of a caller is looked for from the tenant of the owner, by an engine function (R7)',
      held_messages_grant:
        'what waits on the side of a caller ends with its relay grant, in the tenant of the owner, by an engine function (G2)',
      held_messages_due: 'what is due is found over all tenants, by an engine function (T15)',
    },
  },
  message_sendings: {
    kind: 'tenant',
    indexes: { message_sendings_recent: 'the last minutes of all tenants are measured for the status page (R111)' },
  },
  card_upstreams: { kind: 'tenant' },
  upstream_contexts: { kind: 'tenant' },
  upstream_tasks: { kind: 'tenant' },
  blocks: { kind: 'tenant' },
  handles: { kind: 'tenant', indexes: { handles_once: 'a handle is one tenant’s in the whole installation (R19)' } },
  listed_cards: {
    kind: 'tenant',
    indexes: { listed_cards_words: 'the listing of all tenants is searched by an engine function (R22)' },
  },
  card_domains: {
    kind: 'tenant',
    indexes: { card_domains_due: 'proofs to look at again are found over all tenants, by an engine function (R23)' },
  },
  card_health: { kind: 'tenant' },
  card_claims: { kind: 'tenant' },
  relay_limited: { kind: 'tenant' },
  contacts: { kind: 'tenant' },
  holds: { kind: 'tenant' },
  exports: {
    kind: 'tenant',
    indexes: { exports_subject: 'what is erased goes from the exports of both sides, by an engine function (R109)' },
  },
  export_chunks: { kind: 'tenant' },
  erasures: { kind: 'tenant' },
  // the way out
  egress_allows: { kind: 'tenant' },
  // status
  status_readings: { kind: 'installation' },
  status_days: { kind: 'installation' },
  incidents: { kind: 'installation' },
  incident_updates: { kind: 'installation' },
  incident_notices: { kind: 'tenant' },
  // webhooks
  endpoints: {
    kind: 'tenant',
    indexes: {
      endpoints_caller_id: 'an endpoint of a caller is named before the tenant that its thread lies in is known (R66)',
      endpoints_taken_away: 'those of threads that were taken away are pruned across tenants by age',
    },
  },
  endpoint_secrets: { kind: 'tenant' },
  endpoint_health: { kind: 'tenant' },
  event_bodies: { kind: 'tenant', indexes: { event_bodies_created: 'pruned across tenants by age' } },
  replays: { kind: 'tenant' },
  deliveries: {
    kind: 'tenant',
    indexes: {
      deliveries_created: 'pruned across tenants by age',
      deliveries_caller_id: 'a delivery of a caller is named before the tenant that its thread lies in is known (R70)',
      deliveries_given_up: 'what was given up is found over all tenants, once a day, by an engine function (R69)',
      deliveries_caller: 'what a caller was told by the tenants that its threads lie in is found by an engine function (R70)',
    },
  },
  delivery_attempts: {
    kind: 'tenant',
    indexes: { delivery_attempts_recent: 'the last hour of all tenants is counted for the status page (P142)' },
  },
}
