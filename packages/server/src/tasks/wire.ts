// A task as it is spoken, in both dialects (T60, §3.4), and the one mask that every surface goes through (T153). Reads no row and opens no envelope.
import type { Scope } from '../db/scope.ts'
import { writeJson } from '../http/json.ts'
import { reach } from '../identity/matrix.ts'
import type { Content, DecisionContent } from './content.ts'
import type { DecisionRow, ListRow, PollRow, Status, TaskRow } from './sql.ts'
import { isFinal } from './sql.ts'

export type Dialect = 'native' | 'compatible'
/** Where something will be read (§9.3). `callback` is the asking agent's own address. */
export type Surface = 'single' | 'agent' | 'list' | 'callback'

export const REDACTED = { _redacted: true }
export const TRUNCATED = { _truncated: true }
const LARGEST_IN_LIST = 8_192

export const COMPATIBLE_STATUS: Record<Status, string> = {
  open: 'created',
  verifying: 'submitted',
  returned: 'rejected',
  revising: 'in_progress',
  completed: 'completed',
  timed_out: 'timed_out',
  cancelled: 'cancelled',
  verification_exhausted: 'verification_exhausted',
}
export const statusWord = (status: Status, dialect: Dialect): string =>
  dialect === 'native' ? status : COMPATIBLE_STATUS[status]
/** Every native status that a word of this dialect means. */
export const statusesOf = (word: string, dialect: Dialect): Status[] =>
  (Object.keys(COMPATIBLE_STATUS) as Status[]).filter((status) => statusWord(status, dialect) === word)

/** Which surface a caller reads on. */
export const surfaceOf = (scope: Scope): Surface => (scope.agentId !== null ? 'agent' : 'single')

/**
 * The one mask. Of matrix and level the stricter applies: who may not see content sees none, lists and whoever is no asked human see it at level `none` only.
 * The title, states, names and times are never content.
 */
export function mask<T extends Record<string, unknown>>(
  members: T,
  level: TaskRow['redact'],
  surface: Surface,
  sees: boolean,
): T {
  const full = sees && (level === 'none' || surface !== 'list')
  const shown = (value: unknown) => {
    if (value === null || value === undefined) return value
    if (!full) return REDACTED
    return surface === 'list' && Buffer.byteLength(writeJson(value)) > LARGEST_IN_LIST ? TRUNCATED : value
  }
  return Object.fromEntries(Object.entries(members).map(([name, value]) => [name, shown(value)])) as T
}

export const seesContent = (scope: Scope): boolean => reach(scope, 'task.content') !== 'none'

export type Act = 'decide' | 'step_in' | 'claim' | 'release' | 'cancel' | 'update'

type Shown = { row: TaskRow; content: Content; decisions: { row: DecisionRow; content: DecisionContent }[] }
type Look = { scope: Scope; surface: Surface; agentName: string | null; publicUrl: string; may: Act[] }

/** Everything a single answer carries. */
export function showTask({ row, content, decisions }: Shown, look: Look) {
  const sees = seesContent(look.scope)
  const { timeout_response, ...rest } = content
  const masked = mask(rest, row.redact, look.surface, sees)
  const fallback = mask({ value: timeout_response }, row.redact, look.surface, sees).value
  return {
    ...showRow(row, look),
    description: masked.description,
    payload: masked.payload,
    payload_schema: row.payload_schema,
    response_schema: row.response_schema,
    form_definition: row.form_definition,
    initial_response: masked.initial_response,
    on_timeout: row.on_timeout === 'default' ? { default: fallback } : row.on_timeout,
    response: masked.response,
    cancel_reason: masked.cancel_reason,
    decisions: decisions.map((one) => showDecision(one.row, one.content, row, look)),
    may: look.may,
  }
}

/** What lists carry, and singles too. */
export function showRow(row: ListRow, look: Pick<Look, 'agentName' | 'publicUrl'>) {
  return {
    id: row.id,
    version: row.version,
    revision: row.revision,
    origin: row.origin,
    origin_ref: row.origin_ref,
    agent_id: row.agent_id,
    agent_name: look.agentName,
    created_by: row.created_by,
    on_behalf_of: row.on_behalf_of,
    idempotency_key: row.idempotency_key,
    key_reuse: row.key_reuse,
    replay_mismatch_at: row.replay_mismatch_at,
    task: row.task,
    verdict: row.verdict,
    status: row.status as string,
    outcome: row.outcome,
    timeout_seconds: row.timeout_seconds,
    deadline_at: row.deadline_at,
    assign_to: row.assign_to,
    assigned_to_user_id: row.assigned_to_user_id,
    assigned_to_email: row.assigned_to_email,
    assigned_to_display_name: row.assigned_to_display_name,
    assigned_to_slack_user_id: row.assigned_to_slack_user_id,
    priority: row.priority,
    tags: row.tags,
    metadata: row.metadata,
    risk: row.risk,
    redact: row.redact,
    redact_payload: row.redact !== 'none',
    verifier_config: null,
    verifier_result: null,
    verification_attempt: row.verification_attempt,
    callback_url: row.callback_url,
    callback_mode: row.callback_mode,
    completed_by_user_id: row.completed_by_user_id,
    completed_by_email: row.completed_by_email,
    completed_by_display_name: row.completed_by_display_name,
    completed_by_slack_user_id: row.completed_by_slack_user_id,
    completed_via_channel: row.completed_via_channel,
    created_at: row.created_at,
    updated_at: row.updated_at,
    opened_at: row.opened_at,
    verifying_at: row.verifying_at,
    returned_at: row.returned_at,
    revising_at: row.revising_at,
    completed_at: row.completed_at,
    timed_out_at: row.timed_out_at,
    cancelled_at: row.cancelled_at,
    verification_exhausted_at: row.verification_exhausted_at,
    assigned_at: row.assigned_at,
    claimed_at: row.claimed_at,
    first_notified_at: row.first_notified_at,
    first_viewed_at: row.first_viewed_at,
    collected_at: row.collected_at,
    erased_at: row.erased_at,
    url: `${look.publicUrl}/tasks/${row.id}`,
  }
}

export function showDecision(row: DecisionRow, content: DecisionContent, task: TaskRow, look: Pick<Look, 'scope' | 'surface'>) {
  return {
    id: row.id,
    task_id: row.task_id,
    user_id: row.user_id,
    display_name: row.display_name,
    email: row.email,
    type: row.type,
    ...mask(content, task.redact, look.surface, seesContent(look.scope)),
    seen_revision: row.seen_revision,
    state: row.state,
    stepped_in: row.stepped_in,
    channel: row.channel,
    assurance: row.assurance,
    decided_at: row.decided_at,
    decision_sha256: row.decision_sha256.toString('hex'),
  }
}

export type Task = ReturnType<typeof showTask>

/** What a wait answers (§3.1). */
export function showPoll(row: PollRow, content: Content | null, scope: Scope) {
  const masked = content && mask(content, row.redact, surfaceOf(scope), seesContent(scope))
  return {
    id: row.id,
    status: row.status as string,
    version: row.version,
    revision: row.revision,
    outcome: row.outcome,
    response: isFinal(row.status) ? (masked?.response ?? null) : null,
    cancel_reason: masked?.cancel_reason ?? null,
    completed_at: row.completed_at,
    timed_out_at: row.timed_out_at,
    cancelled_at: row.cancelled_at,
    verification_attempt: row.verification_attempt,
  }
}
export type Poll = ReturnType<typeof showPoll>

/** The same object in the words of the other clients. */
export function inDialect<T extends { status: string; metadata?: unknown }>(shown: T, dialect: Dialect): T {
  if (dialect === 'native') return shown
  const status = COMPATIBLE_STATUS[shown.status as Status]
  return 'metadata' in shown ? { ...shown, status, task_metadata: shown.metadata } : { ...shown, status }
}
