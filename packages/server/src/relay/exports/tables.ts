// What an export of a whole tenant does with each table that holds rows of tenants (platform.md P145): written row by row, told by lines of another shape, or left out, with why.
// No bytes are ever in a row: what is sealed is a secret, or is told where it is shown with its redaction.

/** Written as they stand: every column but those of bytes. `where` keeps the rows that are this tenant's own to tell; `without` names columns that could open or repeat something. */
export const ROWS: Readonly<Record<string, { where?: string; without?: readonly string[] }>> = {
  tenants: {},
  // People and agents
  roles: {},
  invitations: {},
  agents: {},
  agent_keys: {},
  keys: {},
  user_labels: {},
  availability: {},
  absences: {},
  pools: {},
  pool_members: {},
  break_glass: {},
  // Policies
  policies: {},
  policy_activations: {},
  policy_decisions: {},
  policy_asks: {},
  // How tasks are asked, told and checked
  task_defaults: {},
  decision_settings: {},
  forms: {},
  revisions: {},
  verifiers: {},
  verifier_runs: { without: ['fault'] },
  task_links: { without: ['choice'] },
  embed_origins: {},
  embed_tokens: {},
  notices: {},
  notice_templates: {},
  mails: {},
  letters: {},
  mail_identities: {},
  slack_apps: {},
  slack_installations: {},
  slack_people: {},
  slack_names: {},
  slack_messages: {},
  provider_keys: {},
  compatibility_keys: {},
  // Where events go. What the other side of a thread set up there is its own.
  endpoints: { where: `side is distinct from 'caller'` },
  endpoint_health: {
    where: `not exists (select from endpoints e where e.tenant_id = x.tenant_id and e.id = x.endpoint_id and e.side = 'caller')`,
  },
  deliveries: { where: `side is distinct from 'caller'` },
  delivery_attempts: {
    where: `not exists (select from deliveries d where d.tenant_id = x.tenant_id and d.id = x.delivery_id and d.side = 'caller')`,
  },
  replays: {},
  egress_allows: {},
  // The vault: what is connected and who may use it, never with what
  providers: {},
  provider_names: {},
  definitions: {},
  clients: { without: ['registration'] },
  connections: {},
  connection_defaults: {},
  connection_proposals: {},
  grants: {},
  runs: {},
  rotations: { without: ['claim'] },
  authorities: {},
  proxy_holds: {},
  // The relay: what this side set down by itself
  cards: {},
  card_claims: {},
  card_domains: { without: ['token'] },
  card_health: {},
  card_keys: {},
  card_upstreams: {},
  handles: {},
  contacts: {},
  blocks: {},
  relay_usage: {},
  relay_limited: {},
  standing_discards: {},
  // The record and what left
  audit_retention: {},
  audit_exports: {},
  exports: {},
  erasures: {},
  holds: {},
  key_erasures: {},
}

/** Told by lines of these names. */
export const TOLD: Readonly<Record<string, string>> = {
  events: 'sealed',
  seals: 'sealed',
  checkpoints: 'checkpoint',
  tasks: 'task',
  decisions: 'task, receipt',
  comments: 'task',
  card_versions: 'card_version',
  relay_grants: 'relay_grant',
  relay_tokens: 'relay_grant',
  connection_requests: 'connection_request',
  threads: 'thread',
  caller_threads: 'thread',
  messages: 'message, artifact',
  held_messages: 'message',
  thread_events: 'event',
  message_asks: 'decision',
}

const KEYS = 'Keys and digests of secrets: nothing gives one back.'
const DERIVED = 'Made of other rows, and made anew from them.'
const PASSING = 'Of what is going on at this moment; it means nothing afterwards.'
const COPIES = 'Copies of what is told elsewhere.'
const OF_PEOPLE = 'Of a person, and not the tenant’s to take out.'

export const LEFT_OUT: Readonly<Record<string, string>> = {
  ...{ tenant_keys: KEYS, subject_keys: KEYS, session_tokens: KEYS, key_tokens: KEYS, child_keys: KEYS, thread_tokens: KEYS },
  ...{ endpoint_secrets: KEYS, vault_canaries: KEYS, slack_links: KEYS },
  ...{ seal_heads: DERIVED, seal_tiles: DERIVED, task_inbox: DERIVED, task_rollups: DERIVED, task_rollup_parts: DERIVED },
  ...{ task_rollup_marks: DERIVED, label_picks: DERIVED, listed_cards: DERIVED, vault_revisions: DERIVED },
  ...{ exhausted_reports: DERIVED, incident_notices: DERIVED, untold_events: PASSING, authorizations: PASSING },
  ...{ decision_challenges: PASSING, message_sendings: PASSING, proxy_hold_waiters: PASSING, proxy_openings: PASSING },
  ...{ slack_bodies: PASSING, mail_replies: PASSING, upstream_contexts: PASSING, upstream_tasks: PASSING },
  ...{ replies: COPIES, event_bodies: COPIES, export_chunks: COPIES, audit_export_chunks: COPIES },
  ...{ sessions: OF_PEOPLE, event_origins: OF_PEOPLE },
  // Not of a table of this list, and not in the export either.
  jobs: 'What stands in the queue: read it at GET /jobs.',
}
