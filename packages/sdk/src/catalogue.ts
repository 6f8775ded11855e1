// The closed catalogue of everything that Countersign can answer instead of what was asked. A server sends no other code, a
// client needs to know no other code, and docs/errors.md is generated from this table. It never holds text about one request:
// that stands in the problem's `detail` and members.

/**
 * Whether repeating the call can help.
 *
 * - `no`: the same call fails again; change something first.
 * - `after`: repeat it when the time in `Retry-After` has passed.
 * - `later`: repeat it with growing pauses; nothing was done yet.
 * - `same`: it is unknown whether something was done; repeat exactly the same call with the same `Idempotency-Key`.
 *
 * @example
 * ```ts
 * import { PROBLEMS } from '@countersign/sdk'
 * console.log(PROBLEMS.rate_limited.retry) // 'after'
 * ```
 */
export type Retry = 'no' | 'after' | 'later' | 'same'

/** One row of the catalogue: the HTTP status, a title that never changes, and what to do about it. */
export type CatalogueEntry = { readonly status: number; readonly title: string; readonly retry: Retry; readonly advice: string }

const no = (status: number, title: string, advice: string) => ({ status, title, retry: 'no', advice }) as const
const after = (status: number, title: string, advice: string) => ({ status, title, retry: 'after', advice }) as const
const later = (status: number, title: string, advice: string) => ({ status, title, retry: 'later', advice }) as const
const same = (status: number, title: string, advice: string) => ({ status, title, retry: 'same', advice }) as const

/**
 * Every problem that travels, by its code.
 *
 * @example
 * ```ts
 * import { PROBLEMS } from '@countersign/sdk'
 * console.log(PROBLEMS.task_not_open.status) // 409
 * ```
 */
export const PROBLEMS = {
  // 400: the request cannot be read, or what proves it cannot be
  json_invalid: no(
    400,
    'Body is not acceptable JSON',
    'Send UTF-8 JSON without byte order mark, duplicate members, lone surrogates, NUL or more than 64 levels.',
  ),
  request_invalid: no(400, 'Request cannot be understood', 'Send each header once and follow the HTTP specification.'),
  cursor_invalid: no(
    400,
    'Cursor is not valid here',
    'Use a cursor only with the route, filter and tenant that gave it; start again without one.',
  ),
  idempotency_key_invalid: no(
    400,
    'Idempotency-Key is not acceptable',
    'Send the header once, with 1 to 255 visible ASCII characters; streams take none.',
  ),
  credential_in_url: no(
    400,
    'A credential stands in the URL',
    'Send keys in the Authorization header only. A real key seen in a URL is revoked: make a new one.',
  ),
  challenge_invalid: no(
    400,
    'Challenge is not valid',
    'Start the sign-in or confirmation again; a challenge is used once and soon expires.',
  ),
  assertion_invalid: no(
    400,
    'Assertion is not valid',
    'Start the sign-in again from this server; ask the operator if it keeps failing.',
  ),
  link_invalid: no(400, 'Link is not valid', 'Open the link exactly as it was sent, or ask for a new one.'),
  embed_origin_not_allowed: no(
    400,
    'Origin may not embed',
    'Add the origin of the embedding page to the allowed origins of the tenant.',
  ),
  protocol: no(400, 'Request is not well formed', 'Send one request that can be read in one way only; the connection is closed.'),

  // 401: who asks is not known
  unauthenticated: no(401, 'Sign-in or key needed', 'Send a session cookie or `Authorization: Bearer cs_…`.'),
  credentials_invalid: no(401, 'Sign-in failed', 'Check name and password; the answer is the same whichever of them was wrong.'),
  session_ended: no(401, 'Session has ended', 'Sign in again.'),
  key_invalid: no(
    401,
    'Key is not valid',
    'Copy the whole key; it ends in a checksum, so a cut or mistyped one is noticed at once.',
  ),
  key_expired: no(401, 'Key has expired', 'Make or rotate a key.'),
  key_revoked: no(401, 'Key was revoked', 'Make a new key and find out why the old one was revoked.'),
  proof_invalid: no(
    401,
    'Proof of possession does not count',
    'Sign a new proof for exactly this request with an enrolled key; `reason` says what was wrong, `Date` what time it is here.',
  ),
  proof_replayed: no(401, 'Proof was shown before', 'Sign a new proof, with a `jti` of its own, for each request.'),
  signature_invalid: no(401, 'Signature does not match', 'Sign the exact bytes of the body with a live key.'),
  signature_expired: no(
    401,
    'Signature is too old',
    'Correct the clock of the sender and sign again; 300 seconds are tolerated.',
  ),
  embed_token_invalid: no(401, 'Embed token is not valid', 'Mint a new embed token on your server.'),
  wrong_token_kind: no(401, 'Another kind of credential is needed', 'Use a credential of one of the kinds named in `accepted`.'),
  token_binding_failed: no(
    401,
    'Token is bound to something else',
    'Use it from an address that it was bound to, or with a proof of the key that it was bound to.',
  ),

  // 403: known, but not allowed
  forbidden: no(403, 'Not allowed', 'Ask somebody whose role allows it, or to be given that role.'),
  scope_missing: no(403, 'Key lacks a scope', 'Use a key that has the scope named in `needed`.'),
  policy_denied: no(403, 'Denied by policy', 'Do not try another way: a policy of the tenant forbids this act.'),
  policy_error: no(403, 'Policy could not be judged', 'An operator must mend the policy; whatever cannot be judged is denied.'),
  step_up_required: no(403, 'Fresh proof of presence needed', 'Prove presence by one of `methods` and repeat the request.'),
  csrf_refused: no(403, 'Request comes from another site', 'Call from the same origin, or use a key instead of a cookie.'),
  tls_required: no(403, 'HTTPS needed', 'Use https. A key sent in the clear is revoked: make a new one.'),
  email_unverified: no(403, 'E-mail address is not verified', 'Open the link in the verification mail first.'),
  sign_in_method_required: no(403, 'Another way to sign in is required', 'Sign in by one of the ways named in `methods`.'),
  setup_token_invalid: no(
    403,
    'Set-up link is not valid',
    'Use the newest set-up link from the log, or print a new one with `countersign setup link`.',
  ),
  signup_closed: no(403, 'Sign-up is closed', 'Ask for an invitation.'),
  tenant_suspended: no(403, 'Tenant is suspended', 'Ask the host of this installation.'),
  link_needs_proof: no(
    403,
    'Account must be proved before it is linked',
    'Sign in to the existing account first, then link the other one.',
  ),
  role_too_high: no(403, 'Role is above your own', 'Ask somebody with at least that role.'),
  scope_too_wide: no(403, 'Scope is wider than allowed', 'Ask for scopes, life and addresses within those of the maker.'),
  domain_unproven: no(403, 'Domain is not proved', 'Publish the DNS record shown and verify the domain first.'),
  agent_may_not_decide: no(
    403,
    'Agents never decide',
    'Only a person can answer, claim or approve a task. No policy can permit it to an agent.',
  ),
  not_eligible: no(403, 'Not asked to answer this task', 'Ask the holder, or an operator who may step in.'),
  separation_of_duties: no(
    403,
    'The asking side may not decide',
    'Somebody who is not on the side of the requester must answer.',
  ),
  embed_token_wrong_task: no(403, 'Embed token is for another task', 'Mint an embed token for this task.'),
  human_denied: no(403, 'A person has denied it', 'Do not try another way: a person saw exactly this and said no.'),
  export_off: no(403, 'Taking credentials out is switched off', 'An owner or admin of the tenant must switch it on first.'),
  unclaimed_agent: no(
    403,
    'Nobody has claimed this agent',
    'Give `claim_url` to the person who is to answer for it; once they accept, send the request again.',
  ),
  not_exportable: no(
    403,
    'This cannot leave the vault',
    'Refresh tokens, client secrets and private keys never leave; use the connection through the proxy.',
  ),
  form_replayed: no(
    403,
    'This form was sent before, or from elsewhere',
    'Open the page again and fill in the form that it shows now.',
  ),
  same_person: no(
    403,
    'Somebody else has to approve it',
    'Ask another person with this right; whoever proposes a definition does not approve it.',
  ),
  proxy_denied: no(403, 'The proxy denies this request', 'Read `reason`; ask for a grant if this should be possible.'),
  approval_expired: no(403, 'Nobody agreed in time', 'Send the request again, and people are asked anew.'),
  approval_required: no(
    403,
    'The owner has to agree to a connection first',
    'Ask for one at `request_url`; `request_state` tells how an earlier request stands. Then start again.',
  ),
  not_participant: no(403, 'This side takes no such part', 'Use a credential of the other side of the thread.'),
  not_owner: no(403, 'Only the owner of the card decides this', 'Ask somebody of the tenant that the card belongs to.'),

  // 404 to 410: not there, not like that, not any more
  not_found: no(404, 'Not found', 'Check the id; what belongs to others looks the same as what does not exist.'),
  connection_missing: no(404, 'No usable connection', 'Connect the provider, or name a connection that may be used here.'),
  method_not_allowed: no(405, 'Method not allowed', 'Use one of the methods named in the `Allow` header.'),
  not_acceptable: no(406, 'No acceptable representation', 'Accept one of the types that the route answers with.'),
  run_token_required: no(
    407,
    'Run token needed',
    'Send the token of a live run as `Proxy-Authorization`; `countersign run -- <command>` does it for you.',
  ),
  authorization_expired: no(
    410,
    'This page cannot be used any more',
    'Start connecting again; each link opens once and for minutes.',
  ),
  claim_expired: no(410, 'Link was used or is too old', 'Have the agent call again: the answer names a new link.'),
  link_used: no(410, 'Link was used', 'A link works once; ask for a new one.'),
  link_expired: no(410, 'Link has expired', 'Ask for a new one.'),
  link_revoked: no(410, 'Link was revoked', 'Ask for a new one.'),
  content_erased: no(410, 'Content was erased', 'Nothing can bring it back; the record of who decided and when remains.'),
  callback_expired: no(410, 'Callback has expired', 'The job no longer waits for this answer.'),
  payload_expired: no(
    410,
    'The message is past its time',
    'Its parts went at `expired_at` and nothing brings them back; who, when and its hash remain.',
  ),
  payload_erased: no(410, 'The message was erased', 'Its parts went at `expired_at` and nothing brings them back.'),

  // 409: right in itself, but not in the present state
  state_conflict: no(409, 'Not possible in the present state', 'Read it again; `state` tells how it stands now.'),
  version_conflict: no(409, 'Changed in between', 'Read it again and repeat the change on the new version.'),
  setup_completed: no(409, 'Set-up is complete', 'Sign in, or ask an operator for an invitation.'),
  last_owner: no(409, 'The last owner must stay', 'Make somebody else an owner first.'),
  factor_required: no(409, 'A second factor is required', 'Add another factor before removing this one.'),
  rotation_open: no(409, 'A rotation is still open', 'Wait until the overlap ends, or revoke the old secret.'),
  replay_running: no(409, 'A replay is running', 'Wait for it or cancel it first.'),
  export_running: no(409, 'An export is running', 'Wait for it to finish.'),
  legal_hold: no(409, 'A legal hold forbids it', 'An owner must lift the hold first.'),
  idempotency_in_flight: after(
    409,
    'The same request is still running',
    'Wait for `Retry-After` and repeat it with the same key.',
  ),
  not_sealed_yet: after(409, 'Not sealed yet', 'Sealing takes about a second; ask again.'),
  task_not_open: no(409, 'Task is not open', 'It was settled before; `status` and `by` tell how. The answer was not stored.'),
  task_verifying: no(409, 'An answer is being verified', 'Wait for the verifier; the task opens again if it refuses.'),
  task_already_claimed: no(409, 'Somebody else holds the task', 'Ask the person named in `by` to release it.'),
  already_decided: no(
    409,
    'You have decided already',
    'One person has one vote; withdraw it while the task is open to change it.',
  ),
  task_revised: no(409, 'The content has changed', 'Read the new revision and decide on that one.'),
  file_not_ready: later(409, 'File is not ready', 'Finish the upload, or wait until it has been checked.'),
  channel_not_configured: no(409, 'Channel is not configured', 'Configure the channel first.'),
  lease_stale: no(409, 'Lease is no longer held', 'Another worker has the job; drop the result.'),
  unique_conflict: no(409, 'An equal job exists', 'Use the job named in `job_id`.'),
  preview_stale: no(409, 'The preview is out of date', 'Make a new preview and confirm that one.'),
  callback_resolved: no(409, 'Callback was answered', 'A callback is answered once.'),
  callback_replayed: no(409, 'Heartbeat is not newer than the last', 'Sign each heartbeat with the present time.'),
  provider_exists: no(
    409,
    'A provider of this name exists',
    'Choose another name, or send `override: true` where a bundled one is meant.',
  ),
  confirmation_required: no(409, 'Others depend on this', 'Look at `affected`, then send `confirm: true`.'),
  key_in_use: no(409, 'This key is taken', 'Make a new key pair; a public key belongs to one agent.'),
  client_needed: no(
    409,
    'No client is registered at this provider',
    'Register an application at the provider and store its client id first.',
  ),
  connection_exists: no(409, 'A connection of this name exists', 'Send `replace: true` to replace it, or choose another name.'),
  needs_reauth: no(409, 'Somebody has to sign in again', 'The owner of the connection signs in at the provider once more.'),
  run_ended: no(409, 'Run has ended', 'Open a new run.'),
  hold_spent: no(409, 'The approval was used', 'The request named in `sent` went out with it. Send it again to ask anew.'),
  duplicate_request: no(409, 'A request of yours is open', 'Wait for the one named in `existing_id`, or withdraw it.'),
  request_already_decided: no(409, 'Request was decided', 'Read it again; `state` tells how.'),
  listing_conflict: no(409, 'Listing has changed', 'Read the card again; `state` tells how its listing stands.'),
  thread_closed: no(409, 'Thread is closed', 'Start a new thread; give it the same `context_id` to go on.'),
  thread_revoked: no(409, 'Thread was revoked', 'Its relay grant has ended: ask the owner for a new one.'),
  thread_ended: no(409, 'Thread has ended', 'Read `reason`, and start a new thread with the same `context_id` to go on.'),
  slug_taken: no(409, 'This slug is taken', 'Choose another slug.'),
  already_delivered: no(
    409,
    'Message was delivered',
    'It cannot be withdrawn any more; `state` tells how it stands. Close the thread to end the work.',
  ),
  grant_ended: no(409, 'Relay grant has ended', 'Ask for a new one; `state` tells how this one ended.'),
  token_already_issued: no(409, 'Token was issued', 'It is shown once. If it was lost, rotate the relay grant.'),
  delivery_mode: no(
    409,
    'Agent is not served from its inbox',
    'Set the delivery of the card to the mode that this needs; `mode` tells the present one.',
  ),

  // 413 to 431: too large, wrong kind, wrong host
  body_too_large_to_ask: no(
    413,
    'Body is too large to be shown to people',
    'A request that people must agree to has at most 1 MiB.',
  ),
  host_mismatch: no(421, 'Host differs from the target', 'Name the same host in CONNECT, in TLS and in the request.'),
  body_too_large: no(413, 'Body is too large', 'Send less; `limit` tells the bytes that the route takes.'),
  file_too_large: no(413, 'File is too large', 'Send a file within `limit` bytes.'),
  payload_too_large: no(413, 'Payload is too large', 'Store the large part elsewhere and put a reference into the payload.'),
  uri_too_long: no(414, 'URL is too long', 'Keep the URL within 8 kB.'),
  media_type_unsupported: no(415, 'Media type not supported', 'Send `Content-Type: application/json` in UTF-8, not compressed.'),
  file_type_not_allowed: no(415, 'File type not allowed', 'Send one of the accepted types; the content decides, not the name.'),
  host_unknown: no(421, 'Host is not served here', 'Use the public URL of the server, or add the name to ALLOWED_HOSTS.'),
  headers_too_large: no(431, 'Headers are too large', 'Keep all headers together within 16 kB.'),

  // 422: readable, but not acceptable
  definition_invalid: no(
    422,
    'Definition is not valid',
    'Mend what `errors` names; each has a JSON pointer. Nothing was stored.',
  ),
  validation_failed: no(422, 'Some fields are not acceptable', 'Mend every field listed in `errors`.'),
  url_invalid: no(422, 'URL is not valid', 'Send an absolute URL without user name or password.'),
  url_not_allowed: no(422, 'URL is not allowed', 'Use a public https address that is not this server.'),
  password_refused: no(
    422,
    'Password is refused',
    'Choose a longer one that is not common and does not hold your name; `reason` tells which.',
  ),
  policy_invalid: no(422, 'Policy is not valid', 'Mend the policy at the line and column named in `errors`.'),
  idempotency_mismatch: no(
    422,
    'The key was used for something else',
    'Use a new key for a new request. `differs` names the members that are not equal.',
  ),
  response_invalid: no(422, 'Answer does not fit its schema', 'Mend every field listed in `errors`; nothing was stored.'),
  payload_invalid: no(422, 'Payload does not fit its schema', 'Mend every field listed in `errors`.'),
  args_invalid: no(422, 'Arguments do not fit their schema', 'Mend every field listed in `errors`.'),
  items_invalid: no(422, 'Some items are not acceptable', 'Mend every item listed in `errors`.'),
  schema_invalid: no(
    422,
    'Schema is not usable',
    'Send JSON Schema 2020-12 of an object, with local references and plain patterns only.',
  ),
  form_invalid: no(422, 'Form is not usable', 'Mend every place listed in `errors`.'),
  assign_to_invalid: no(
    422,
    'Assignee cannot be understood',
    'Use exactly one of the forms of assign_to; `did_you_mean` names the nearest.',
  ),
  notify_invalid: no(422, 'Notice target cannot be understood', 'Write `channel:target`; `did_you_mean` names the nearest.'),
  no_eligible_human: no(422, 'Nobody may answer', 'Ask people who exist, are available and are not on the asking side.'),
  quorum_unreachable: no(422, 'Too few people for the quorum', 'Lower `need` to at most `eligible`, or ask more people.'),
  address_not_allowed: no(422, 'Address is not allowed', 'Ask people of the directory, or have a policy permit the address.'),
  deny_response_required: no(
    422,
    'Denial by deadline needs an answer',
    'Name a `verdict`, or give a default answer that fits the schema.',
  ),
  unsafe_default: no(
    422,
    'A risky task may not approve itself',
    'With high or critical risk let the deadline deny, time out or escalate.',
  ),
  edited_action_denied: no(422, 'The edited action is denied', 'A policy forbids these arguments; edit them again or deny.'),
  verifier_not_configured: no(422, 'Verifier is not configured', 'Connect the provider of the verifier first.'),
  verifier_conflicts_with_redaction: no(
    422,
    'Verifier would read redacted content',
    'Drop the redaction or the verifier, or set `allow_redacted`.',
  ),
  file_rejected: no(422, 'File is rejected', 'The content is not what was declared, or is harmful.'),
  callback_secret_missing: no(
    422,
    'Callback has no secret',
    'Give a `secret`, name an `endpoint_id`, or send `generate_secret: true`. Nothing was saved.',
  ),
  secret_in_card: no(
    422,
    'Card seems to hold a secret',
    'Take it out at the places named in `errors`; send `confirm_public: true` if everybody may read it.',
  ),
  card_untrusted: no(
    422,
    'Card of the other side is not trusted',
    'Have it signed by a key that can be verified, or pin its key.',
  ),
  verification_failed: no(
    422,
    'Proof was not found',
    'Publish the challenge exactly as shown, wait until it is visible, then verify again.',
  ),
  encryption_required: no(422, 'Parts must be encrypted', 'Seal the parts for both sides; this relay grant takes no clear ones.'),
  kind_unknown: no(422, 'Kind is not declared', 'Declare the kind, or let the queue accept undeclared ones.'),
  dependency_unknown: no(422, 'A job to wait for does not exist', 'Name jobs of this tenant that are still kept.'),
  flow_cyclic: no(422, 'Jobs wait for each other', 'Remove the cycle from `after`.'),
  schedule_invalid: no(422, 'Schedule is not valid', 'Mend the field named in `errors`; a schedule must fire at some time.'),
  filter_required: no(422, 'A filter is required', 'Name what the bulk act is for.'),
  callback_expression_failed: no(422, 'Filter of the callback failed', 'Mend the expression or the body.'),

  // 428: right, but people have to agree first, or the caller has to say what they have read
  precondition_required: no(
    428,
    'Say which version you have read',
    'Read it again and send its `ETag` as `If-Match`; `current_etag` is the present one.',
  ),
  approval_pending: after(
    428,
    'A person has to agree first',
    'Wait for the task named in `task_id`, then send exactly the same request again; one that differs by a byte is asked anew.',
  ),

  // 429: too much at once
  rate_limited: after(429, 'Too many requests', 'Wait for `Retry-After`; `bucket` names the limit.'),
  concurrency_limited: later(429, 'Too many at once', 'End some of the open waits or streams first.'),
  too_many_open: later(429, 'Too many acts wait for people', 'Wait until some of them are answered.'),
  budget_exhausted: later(429, 'Budget is used up', 'Wait until its window ends, or ask for a larger one.'),
  queue_full: later(429, 'Queue is full', 'Wait until the backlog is shorter.'),
  quota_exceeded: after(
    429,
    'Quota of the relay grant is used up',
    'Wait until `resets_at`; `quota` and `limit` name which. The owner can raise it.',
  ),

  // 5xx: ours, or behind us
  internal: same(
    500,
    'Something broke here',
    'Repeat it with the same Idempotency-Key; give the operator the request id if it stays.',
  ),
  envelope_unknown: no(500, 'Sealed content cannot be read', 'Give the operator the request id.'),
  unreachable: later(502, 'The other side cannot be reached', 'Check its address and whether it is up.'),
  provider_error: later(502, 'The provider did not do it', 'Read `said`, the provider’s own words; nothing was changed here.'),
  too_large: no(502, 'The other side answered too much', 'Ask it for less.'),
  tls: no(502, 'The certificate of the other side is refused', 'Mend the certificate, or name the authority that signed it.'),
  upstream_proxy: later(502, 'The proxy on the way out failed', 'Tell the operator; the request did not arrive.'),
  coding_unsupported: no(502, 'The answer is coded in a way that cannot be scanned', 'Ask for gzip, deflate, br or none.'),
  busy: after(503, 'Busy', 'Wait for `Retry-After`.'),
  store_unavailable: after(503, 'Database is away', 'Wait for `Retry-After`; nothing was written.'),
  read_only: after(503, 'Database is read-only', 'Wait for the fail-over to end; reading works.'),
  not_ready: after(503, 'Not ready', 'The server is starting, stopping or lacks something; `checks` names it.'),
  agent_paused: after(503, 'Agent is paused', 'Its owner has paused it; try again after `Retry-After`, or at `until`.'),
  vault_sealed: after(503, 'Sealed content cannot be opened now', 'The operator must bring back the source of the root key.'),
  control_unreachable: after(503, 'The proxy hears nothing of its control plane', 'Wait for `Retry-After`; nothing was sent.'),
  record_unavailable: after(503, 'The record cannot be written', 'Wait for `Retry-After`; nothing was sent.'),
  schema_mismatch: later(
    503,
    'Database has another version',
    'Migrate the database, or run the version of the server that fits it.',
  ),
  engine_reanchoring: after(503, 'Queue is being re-anchored', 'Wait for `Retry-After`; nothing was lost.'),
  timeout: same(504, 'The other side took too long', 'It may have acted. Repeat only with the same Idempotency-Key.'),
  loop_detected: no(508, 'Request goes in a circle', 'The server was asked to call itself; change the target.'),
} as const satisfies Record<string, CatalogueEntry>

/**
 * A code that a server may send.
 *
 * @example
 * ```ts
 * import type { ProblemCode } from '@countersign/sdk'
 * const code: ProblemCode = 'task_not_open'
 * ```
 */
export type ProblemCode = keyof typeof PROBLEMS

/**
 * What can end a call on the client's side without a server having said so: a task that was settled without an answer, a server
 * that was never reached, a schema that cannot be sent. Their status is 0, for they never travel.
 *
 * @example
 * ```ts
 * import { CLIENT_PROBLEMS } from '@countersign/sdk'
 * console.log(CLIENT_PROBLEMS.server_unreachable.advice)
 * ```
 */
export const CLIENT_PROBLEMS = {
  task_timed_out: no(
    0,
    'Nobody answered in time',
    'Ask again with more time, or say what a passed deadline means by `onTimeout`.',
  ),
  task_cancelled: no(0, 'Task was cancelled', 'Somebody withdrew the question; `detail` gives the reason.'),
  task_denied: no(0, 'Denied', 'A person, or the deadline, said no. Do not do it another way.'),
  verification_exhausted: no(
    0,
    'No answer passed the verifier',
    'Read the reasons on the page of the task, and ask again more clearly.',
  ),
  timeout_out_of_range: no(0, 'Time is out of range', 'Give 5 seconds to 365 days, in milliseconds or as text such as "2h".'),
  server_unreachable: later(
    0,
    'Server cannot be reached',
    'Check COUNTERSIGN_URL and whether the server runs: `npx countersign dev`.',
  ),
  schema_not_convertible: no(0, 'Schema cannot be sent', 'Change the part at `path`, or give a `jsonSchema` beside the schema.'),
  aborted: no(0, 'Aborted', 'The signal given by the caller ended the wait.'),
  settings_invalid: no(0, 'Settings are not usable', 'Set COUNTERSIGN_URL and COUNTERSIGN_KEY, or run `npx countersign dev`.'),
  answer_unreadable: same(
    0,
    'The answer is not from Countersign',
    'Something between client and server answered; check the URL.',
  ),
} as const satisfies Record<string, CatalogueEntry>

/** A code that only a client makes. */
export type ClientCode = keyof typeof CLIENT_PROBLEMS

/**
 * Whether a text is one of the codes of the catalogue.
 *
 * @example
 * ```ts
 * import { isProblemCode } from '@countersign/sdk'
 * console.log(isProblemCode('not_found'), isProblemCode('nope')) // true false
 * ```
 */
export function isProblemCode(code: unknown): code is ProblemCode {
  return typeof code === 'string' && Object.hasOwn(PROBLEMS, code)
}

/** The row of the catalogue for a code of either side. */
export function entryOf(code: ProblemCode | ClientCode): CatalogueEntry {
  return isProblemCode(code) ? PROBLEMS[code] : CLIENT_PROBLEMS[code]
}
