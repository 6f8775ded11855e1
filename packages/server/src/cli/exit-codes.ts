// How commands end: one table, one meaning each (V124). Every problem that a server or a client can name has its number here, and docs/cli/exit-codes.md is
// generated from it. `audit verify` keeps a list of its own (docs/audit.md), and a child of `run` ends with its own number.

/** What each number says. */
export const EXITS = {
  0: 'done',
  1: 'unexpected; also: nothing of that id, where no other number says what was looked for',
  2: 'the words of the command were wrong, or a question had nobody to answer it',
  3: 'no such connection',
  4: 'no such provider',
  5: 'somebody has to sign in at the provider again, or renewing failed',
  6: 'a connection of this name exists',
  7: 'a provider of this name exists',
  8: 'the host cannot be reached',
  9: 'the server is there and cannot serve now',
  10: 'not signed in, or what proves who you are is refused',
  11: 'given up by a person',
  12: 'denied by policy, or by a person',
  13: 'people have to agree first, or nobody did in time',
  14: 'not permitted for your role',
  15: 'sealed, or trouble with keys',
  16: 'the definition is not valid',
  17: 'timed out',
  18: 'a limit',
  19: 'conflicts with how it stands now',
  20: 'a check found trouble',
  78: 'settings that cannot be used, or a database that does not fit',
} as const

export type Exit = keyof typeof EXITS

/** Codes of the catalogue by the number that a command ends with. */
const CODES: Readonly<Record<Exclude<Exit, 0 | 20>, readonly string[]>> = {
  1: [
    ...['internal', 'not_found', 'method_not_allowed', 'not_acceptable', 'loop_detected', 'content_erased'],
    ...['callback_expired', 'callback_expression_failed', 'payload_expired', 'payload_erased'],
  ],
  2: [
    ...['json_invalid', 'request_invalid', 'cursor_invalid', 'idempotency_key_invalid', 'credential_in_url', 'protocol'],
    ...['embed_origin_not_allowed', 'validation_failed', 'url_invalid', 'url_not_allowed', 'password_refused', 'policy_invalid'],
    ...['idempotency_mismatch', 'response_invalid', 'payload_invalid', 'args_invalid', 'items_invalid', 'schema_invalid'],
    ...['form_invalid', 'assign_to_invalid', 'notify_invalid', 'no_eligible_human', 'quorum_unreachable', 'unsafe_default'],
    ...['address_not_allowed', 'deny_response_required', 'verifier_not_configured', 'verifier_conflicts_with_redaction'],
    ...['file_rejected', 'kind_unknown', 'dependency_unknown', 'flow_cyclic', 'schedule_invalid', 'filter_required'],
    ...['media_type_unsupported', 'file_type_not_allowed', 'rule_too_wide', 'host_unknown', 'host_mismatch'],
    ...['timeout_out_of_range', 'schema_not_convertible', 'name_taken', 'precondition_required', 'callback_secret_missing'],
    ...['secret_in_card', 'card_untrusted', 'verification_failed', 'encryption_required'],
  ],
  3: ['connection_missing'],
  4: [],
  5: ['needs_reauth', 'provider_error'],
  6: ['connection_exists'],
  7: ['provider_exists'],
  8: ['server_unreachable', 'unreachable', 'tls', 'upstream_proxy'],
  9: [
    ...['busy', 'store_unavailable', 'read_only', 'not_ready', 'control_unreachable', 'record_unavailable'],
    ...['schema_mismatch', 'engine_reanchoring', 'answer_unreadable', 'coding_unsupported', 'agent_paused'],
  ],
  10: [
    ...['unauthenticated', 'credentials_invalid', 'session_ended', 'key_invalid', 'key_expired', 'key_revoked', 'tls_required'],
    ...['signature_invalid', 'signature_expired', 'embed_token_invalid', 'embed_token_wrong_task', 'challenge_invalid'],
    ...['assertion_invalid', 'step_up_required', 'csrf_refused', 'email_unverified', 'sign_in_method_required'],
    ...['setup_token_invalid', 'link_needs_proof', 'link_invalid', 'link_used', 'link_expired', 'link_revoked'],
    ...['proof_invalid', 'proof_replayed', 'run_token_required', 'form_replayed', 'authorization_expired', 'claim_expired'],
    ...['wrong_token_kind', 'token_binding_failed'],
  ],
  11: ['aborted', 'task_cancelled'],
  12: [
    ...['policy_denied', 'policy_error', 'human_denied', 'proxy_denied', 'edited_action_denied', 'task_denied'],
    ...['verification_exhausted', 'export_off', 'not_exportable'],
  ],
  13: ['approval_pending', 'approval_expired', 'approval_required', 'task_timed_out'],
  14: [
    ...['forbidden', 'scope_missing', 'scope_too_wide', 'role_too_high', 'same_person', 'agent_may_not_decide', 'not_eligible'],
    ...['separation_of_duties', 'signup_closed', 'tenant_suspended', 'domain_unproven', 'unclaimed_agent'],
    ...['not_participant', 'not_owner'],
  ],
  15: ['vault_sealed', 'envelope_unknown'],
  16: ['definition_invalid'],
  17: ['timeout'],
  18: [
    ...['rate_limited', 'concurrency_limited', 'too_many_open', 'budget_exhausted', 'queue_full', 'body_too_large'],
    ...['file_too_large', 'payload_too_large', 'uri_too_long', 'headers_too_large', 'body_too_large_to_ask', 'too_large'],
    'quota_exceeded',
  ],
  19: [
    ...['state_conflict', 'version_conflict', 'setup_completed', 'last_owner', 'factor_required', 'rotation_open'],
    ...['replay_running', 'export_running', 'legal_hold', 'idempotency_in_flight', 'not_sealed_yet', 'task_not_open'],
    ...['task_verifying', 'task_already_claimed', 'already_decided', 'task_revised', 'file_not_ready', 'channel_not_configured'],
    ...['lease_stale', 'unique_conflict', 'preview_stale', 'callback_resolved', 'callback_replayed', 'confirmation_required'],
    ...['client_needed', 'run_ended', 'hold_spent', 'key_in_use', 'duplicate_request', 'request_already_decided'],
    ...['listing_conflict', 'thread_closed', 'thread_revoked', 'thread_ended', 'slug_taken', 'already_delivered', 'grant_ended'],
    ...['token_already_issued', 'delivery_mode'],
  ],
  78: ['settings_invalid', 'definitions_tampered'],
}

const BY_CODE: ReadonlyMap<string, Exit> = new Map(
  Object.entries(CODES).flatMap(([exit, codes]) => codes.map((code) => [code, Number(exit) as Exit] as const)),
)

/** Undefined: the table does not know the code. A newer server may say what this command has not heard of. */
export const exitOfCode = (code: string): Exit | undefined => BY_CODE.get(code)

/** The page of docs/cli. */
export function exitCodesPage(): string {
  const rows = Object.entries(EXITS).map(([exit, says]) => {
    const codes = (CODES as Readonly<Record<string, readonly string[]>>)[exit] ?? []
    return `| ${exit} | ${says} | ${codes.map((code) => `\`${code}\``).join(' ')} |`
  })
  return `# Exit codes

<!-- Generated from packages/server/src/cli/exit-codes.ts by \`npm run generate\`. Do not edit. -->

Every command of \`countersign\` ends with one of these, and each number has one meaning. With \`--json\` a command that fails prints
\`{"v":1,"error":{"code", "message", "status", "request_id", …}}\` on stdout as well; \`code\` says more than the number ([errors](../errors.md)).

| Number | Means | Codes |
|---|---|---|
${rows.join('\n')}

\`not_found\` is 3 for commands about one connection, and 4 for commands about one provider.

\`countersign audit verify\` has numbers of its own ([the record](../audit.md)): 0 sound, 2 unreadable, 10 gap, 11 altered, 12 reordered, 13 truncated,
14 forked, 15 bad signature. \`countersign run\` ends as its child does, with 128 + n for a signal; 125, 126 and 127 where the child never started,
and as \`export\` does where \`--with-secret\` was refused.
`
}
