// A task as it is spoken, in both dialects (T60, §3.4). What of it may be read where stands in redaction.ts, which everything here goes through. Reads no row
// and opens no envelope.
import type { Scope } from '../db/scope.ts'
import { reach } from '../identity/matrix.ts'
import type { Content, DecisionContent } from './content.ts'
import type { Assurance } from './may-decide.ts'
import { neededOf, showQuorum } from './quorum/quorum.ts'
import { mask, type Surface, showOn, spokenRedaction } from './redaction.ts'
import type { DecisionRow, ListRow, PollRow, Status, TaskRow } from './sql.ts'
import { isFinal } from './sql.ts'
import { spokenOnTimeout } from './time/prepare.ts'
import { briefOf } from './verifiers/config.ts'

export type Dialect = 'native' | 'compatible'

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

export const seesContent = (scope: Scope): boolean => reach(scope, 'task.content') !== 'none'

/** Which surface a caller reads on. Of matrix and redaction the stricter applies: who may not see content sees none (T153). */
export function surfaceOf(scope: Scope): Surface {
  if (!seesContent(scope)) return 'nobody'
  if (scope.agentId !== null) return 'agent'
  return scope.guest?.channel === 'embed' ? 'embed' : 'reader'
}

export type Act =
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

/** Why an act that is not in `may` is not: the code that the verb would answer with, as far as the row tells. */
export const WHY_NOT = [
  ...([
    'task_not_open',
    'task_verifying',
    'already_decided',
    'separation_of_duties',
    'task_already_claimed',
    'not_eligible',
  ] as const),
  ...(['needs_several', 'not_claimed', 'agent_may_not_decide', 'forbidden'] as const),
] as const
export type WhyNot = (typeof WHY_NOT)[number]

export type May = {
  may: Act[]
  may_not: { decide?: WhyNot; claim?: WhyNot; release?: WhyNot; cancel?: WhyNot }
  /** Who may decide proves this first; null: what they have proven is enough. */
  needs_proof: Assurance | null
}

type Shown = { row: TaskRow; content: Content; decisions: { row: DecisionRow; content: DecisionContent }[] }
type Look = May & { scope: Scope; surface: Surface; agentName: string | null; publicUrl: string }

/** Everything a single answer carries. */
export function showTask({ row, content, decisions }: Shown, look: Look): Task {
  return showOn(look.surface, wholeOf({ row, content, decisions }, look))
}

// Added to the row's own object: a literal that spreads so many members and names more makes an object of the slow kind, at a hundred times the price of all else here.
/** Everything, to everybody: only `showOn` may read it. */
function wholeOf({ row, content, decisions }: Shown, look: Look) {
  return Object.assign(showRow(row, look), {
    description: content.description,
    payload: content.payload,
    action: content.action,
    payload_schema: row.payload_schema,
    response_schema: row.response_schema,
    form: row.form,
    form_definition: row.form_definition,
    initial_response: content.initial_response,
    on_timeout: spokenOnTimeout(
      row.timeout_escalations,
      row.on_timeout === 'default' ? { default: content.timeout_response } : row.on_timeout,
    ),
    response: content.response,
    cancel_reason: content.cancel_reason,
    verifier_config: spokenVerifiers(seesInstructions(look) ? row.verifier_config : row.verifier_config?.map(briefOf)),
    verifier_result: content.verifier_result as unknown,
    agent_outcome_detail: content.agent_outcome_detail,
    decisions: decisions.map((one) => sayDecision(one.row, one.content, row)),
    may: look.may,
    may_not: look.may_not,
    needs_proof: look.needs_proof,
  })
}

/** As it was sent: one by itself, several as a list. */
const spokenVerifiers = (all: readonly object[] | null | undefined): unknown => (all && all.length === 1 ? all[0] : (all ?? null))

/** What a model is told to look for is for whoever asks and whoever runs the work, not for who answers. */
const seesInstructions = ({ scope, surface }: Look): boolean => surface === 'agent' || reach(scope, 'task.read') === 'any'

const UNROUTED = { code: 'unrouted', message: 'Nobody could be asked or told: the fallback pool has this task.' }

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
    quorum: row.quorum && showQuorum(row.quorum),
    votes: row.votes,
    votes_needed: row.quorum ? neededOf(row.quorum) : 1,
    unreachable_at: row.unreachable_at,
    separate: row.separate,
    assurance: row.assurance,
    status: row.status as string,
    outcome: row.outcome,
    timeout_seconds: row.timeout_seconds,
    deadline_at: row.deadline_at,
    assign_to: row.assign_to,
    assigned_to_user_id: row.assigned_to_user_id,
    assigned_to_email: row.assigned_to_email,
    assigned_to_display_name: row.assigned_to_display_name,
    assigned_to_slack_user_id: row.assigned_to_slack_user_id,
    assigned_for_user_id: row.assigned_for_user_id,
    notify: row.notify,
    require_assignee: row.require_assignee,
    answer_by_reply: row.answer_by_reply,
    delegable: row.delegable,
    unrouted_at: row.unrouted_at,
    warnings: row.unrouted_at === null ? [] : [UNROUTED],
    priority: row.priority,
    tags: row.tags,
    metadata: row.metadata,
    risk: row.risk,
    redact: spokenRedaction(row),
    redact_payload: row.redact !== 'none',
    verifier_config: spokenVerifiers(row.verifier_config?.map(briefOf)),
    verifier_result: null as unknown,
    verification: row.verification_skipped,
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
    reminders: row.reminders,
    reminded_at: row.reminded_at,
    escalation: row.escalation,
    escalation_level: row.escalation_level,
    escalated_at: row.escalated_at,
    pause_while_revising: row.pause_while_revising,
    comment_count: row.comment_count,
    expect_outcome_seconds: row.expect_outcome_seconds,
    agent_outcome: row.agent_outcome,
    agent_outcome_at: row.agent_outcome_at,
    outcome_missing_at: row.outcome_missing_at,
    erased_at: row.erased_at,
    url: `${look.publicUrl}/tasks/${row.id}`,
  }
}

export function showDecision(row: DecisionRow, content: DecisionContent, task: TaskRow, look: Pick<Look, 'surface'>) {
  return { ...sayDecision(row, content, task), ...mask(content, task, look.surface, 'decision') }
}

const sayDecision = (row: DecisionRow, content: DecisionContent, { quorum }: Pick<TaskRow, 'quorum'>) => ({
  id: row.id,
  task_id: row.task_id,
  user_id: row.user_id,
  display_name: row.display_name,
  email: row.email,
  type: row.type,
  ...content,
  seen_revision: row.seen_revision,
  state: row.state,
  group: (row.counted_in === null ? null : quorum?.groups[row.counted_in]?.name) ?? null,
  remembered_until: row.remembered_until,
  stepped_in: row.stepped_in,
  channel: row.channel,
  assurance: row.assurance,
  attested_by: row.attested_by,
  decided_at: row.decided_at,
  decision_sha256: row.decision_sha256.toString('hex'),
})

export type Task = ReturnType<typeof wholeOf>

/** An answer that waits for the word of the agent that asked (T129). */
export type Candidate = { decision_id: string; response: unknown; attempt: number }

/** What a wait answers (§3.1). */
export function showPoll(row: PollRow, content: Content | null, scope: Scope, candidate: Candidate | null = null) {
  const masked = content && mask(content, row, surfaceOf(scope))
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
    ...(candidate === null ? {} : { candidate }),
  }
}
export type Poll = ReturnType<typeof showPoll>

/** The same object in the words of the other clients. */
export function inDialect<T extends { status: string; metadata?: unknown }>(shown: T, dialect: Dialect): T {
  if (dialect === 'native') return shown
  const status = COMPATIBLE_STATUS[shown.status as Status]
  return 'metadata' in shown ? { ...shown, status, task_metadata: shown.metadata } : { ...shown, status }
}
