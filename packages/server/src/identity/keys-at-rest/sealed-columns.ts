// Every column that holds envelopes, once (P124, P126, P129). A room that seals a column adds its line here: then rewraps find it, `keyring verify` opens it,
// and the test of the catalogue knows it. The other columns of bytes stand below with what they are.
// Names and expressions here are ours and become SQL as they stand; nothing from outside ever gets in.

export type SealedColumn = {
  table: string
  column: string
  /** The row in the envelope's place, as SQL over the row. */
  row: string
  /** Whose key wraps the data keys, as SQL over the row; none: the tenant's own. */
  subject?: string
  /** Where only some rows are envelopes. */
  where?: string
  /** Something else names these bytes, or nobody may write them: their data keys are never replaced. */
  isFixed?: true
}

const ofTask = (column: string): SealedColumn => ({ table: 'tasks', column, row: 'id', subject: `'task:' || id` })
const ofDecision = (column: string): SealedColumn => ({ table: 'decisions', column, row: 'id', subject: `'task:' || task_id` })

export const SEALED: readonly SealedColumn[] = [
  ...[
    'description',
    'payload',
    'action',
    'initial_response',
    'timeout_response',
    'response',
    'cancel_reason',
    'verifier_result',
    'agent_outcome_detail',
  ].map(ofTask),
  ...['response', 'args', 'patch', 'reason', 'comment', 'raw_text'].map(ofDecision),
  { table: 'comments', column: 'body', row: 'id', subject: `'task:' || task_id` },
  ...['content', 'note'].map((column) => ({
    table: 'revisions',
    column,
    row: `task_id || '/' || revision`,
    subject: `'task:' || task_id`,
  })),
  { table: 'verifier_runs', column: 'verdict', row: `decision_id || '/' || position`, subject: `'task:' || task_id` },
  { table: 'provider_keys', column: 'material', row: 'name' },
  { table: 'compatibility_keys', column: 'material', row: 'version::text' },
  { table: 'replies', column: 'reply', row: 'id' },
  { table: 'policy_decisions', column: 'request', row: 'id' },
  { table: 'endpoints', column: 'client_certificate', row: 'id' },
  { table: 'endpoints', column: 'headers', row: 'id' },
  { table: 'endpoints', column: 'signing_key', row: 'id' },
  { table: 'endpoint_secrets', column: 'material', row: `endpoint_id || '/' || n` },
  { table: 'letters', column: 'body', row: 'id' },
  { table: 'mail_identities', column: 'secret', row: 'id' },
  { table: 'mail_identities', column: 'inbound_secret', row: 'id' },
  { table: 'slack_apps', column: 'client_secret', row: 'id' },
  { table: 'slack_apps', column: 'signing_secret', row: 'id' },
  { table: 'slack_installations', column: 'bot_token', row: 'id' },
  { table: 'clients', column: 'secret', row: `id || '/' || generation` },
  { table: 'authorizations', column: 'secrets', row: `id || '/' || generation` },
  { table: 'connections', column: 'material', row: `id || '/' || generation` },
  { table: 'rotations', column: 'held', row: `id || '/' || generation` },
  { table: 'authorities', column: 'key', row: 'id' },
  { table: 'vault_canaries', column: 'material', row: 'id' },
  { table: 'card_keys', column: 'private_key', row: 'kid' },
  { table: 'messages', column: 'payload', row: 'id', subject: 'subject', where: 'payload is not null' },
  { table: 'export_chunks', column: 'bytes', row: `export_id || '/' || n`, subject: `'export:' || export_id`, isFixed: true },
  { table: 'held_messages', column: 'payload', row: 'id', subject: 'subject', where: 'payload is not null' },
  ...['edited', 'request'].map((column) => ({ table: 'proxy_holds', column, row: 'id', subject: `'task:' || task_id` })),
  { table: 'event_origins', column: 'envelope', row: 'subject', subject: 'subject', isFixed: true },
  {
    table: 'event_bodies',
    column: 'bytes',
    row: `event_id || '/' || form`,
    subject: 'subject',
    where: 'subject is not null',
    isFixed: true,
  },
]

/** Bytes that are no envelope: wrapped keys, hashes and digests of high entropy, public keys, and what is no secret. Nothing else may be there (P129). */
export const OTHER_BYTES: Readonly<Record<string, 'wrapped key' | 'hash' | 'public key' | 'public bytes'>> = {
  'tenant_keys.wrapped': 'wrapped key',
  'subject_keys.wrapped': 'wrapped key',
  'user_keys.wrapped': 'wrapped key',
  'kept_keys.wrapped': 'wrapped key',
  'root_keys.wrapped': 'wrapped key',
  'verification_keys.public_key': 'public key',
  'signing_keys.public_key': 'public key',
  'replies.key_hash': 'hash',
  'replies.fingerprint': 'hash',
  'setup_tokens.token_hash': 'hash',
  'session_tokens.token_hash': 'hash',
  'key_tokens.token_hash': 'hash',
  'agent_registrations.token_hash': 'hash',
  'cli_sign_ins.secret_hash': 'hash',
  'child_keys.token_hash': 'hash',
  'cli_sign_ins.code_hash': 'hash',
  'invitations.token_hash': 'hash',
  'embed_tokens.token_hash': 'hash',
  'slack_links.token_hash': 'hash',
  'slack_bodies.body_hash': 'hash',
  'task_links.token_hash': 'hash',
  'relay_tokens.token_hash': 'hash',
  'thread_tokens.token_hash': 'hash',
  'messages.claim_hash': 'hash',
  'mail_identities.code_hash': 'hash',
  'mails.to_hash': 'hash',
  'decisions.address_hash': 'hash',
  'decisions.content_sha256': 'hash',
  'decisions.decision_sha256': 'hash',
  'decision_challenges.challenge_sha256': 'hash',
  'decision_challenges.decision_sha256': 'hash',
  'policy_asks.digest': 'hash',
  'seals.digest': 'hash',
  'seals.prev_hash': 'hash',
  'seals.hash': 'hash',
  'seal_heads.hash': 'hash',
  'seal_tiles.hash': 'hash',
  'checkpoints.root': 'hash',
  'authorizations.state_hash': 'hash',
  'authorizations.token_hash': 'hash',
  'authorizations.cookie_hash': 'hash',
  'authorizations.nonce_hash': 'hash',
  'definitions.digest': 'hash',
  'grants.proposal_digest': 'hash',
  'connection_proposals.digest': 'hash',
  'runs.token_hash': 'hash',
  'proxy_nodes.fingerprint': 'hash',
  'proxy_holds.digest': 'hash',
  'proxy_holds.edited_digest': 'hash',
  'card_versions.content_hash': 'hash',
  'card_versions.native': 'public bytes',
  'card_versions.a2a': 'public bytes',
  'audit_export_chunks.bytes': 'public bytes',
}
