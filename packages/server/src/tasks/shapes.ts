// The shapes of tasks on the wire: what routes of both dialects take and answer. Form only; what it means is the verbs' part.
import { s } from '../http/route.ts'
import { ACTION_TYPES } from './actions/proposal.ts'
import { ActionIn } from './actions/shapes.ts'
import { Assurance, QuorumBody, QuorumIn } from './quorum/shapes.ts'
import { AgentOutcome } from './talk/shapes.ts'
import { Escalation, OnTimeoutBody, Reminders } from './time/shapes.ts'
import { VerifierIn } from './verifiers/config.ts'
import { WHY_NOT } from './wire.ts'

export const Status = s.oneOf(
  'open',
  'verifying',
  'returned',
  'revising',
  'completed',
  'timed_out',
  'cancelled',
  'verification_exhausted',
)
export const Outcome = s.oneOf('answered', 'accepted', 'edited', 'responded', 'ignored', 'denied', 'defaulted')
const Priority = s.oneOf('low', 'normal', 'high', 'urgent')
const Level = s.oneOf('none', 'notify', 'strict')
const Pointers = s.array(s.pattern(/^(?:\/(?:[^~/]|~[01])*)*$/, 'Must be a JSON Pointer such as /card/number.'), { max: 50 })
const Redact = s.either(
  Level,
  s.object({
    level: s.optional(Level),
    payload: s.optional(Pointers),
    response: s.optional(Pointers),
    action: s.optional(Pointers),
  }),
)
const RedactBody = s.either(
  Level,
  s.object({ level: Level, payload: s.array(s.text()), response: s.array(s.text()), action: s.array(s.text()) }),
)

export const taskId = { id: s.id('task') }

const WhyNot = s.oneOf(...WHY_NOT)
const Masked = s.json().describe('`{"_redacted": true}` where the caller may not see it.')
const VerdictIn = s.object({
  pointer: s.pattern(/^(?:\/(?:[^~/]|~[01])*)+$/, 'Must be a JSON Pointer such as /approved.'),
  approve: s.array(s.json(), { max: 50 }),
  deny: s.array(s.json(), { max: 50 }),
})

export const DecisionBody = s.named(
  'Decision',
  s.object({
    id: s.id('dec'),
    task_id: s.id('task'),
    user_id: s.maybe(s.id('usr')).describe('null: somebody who is no user here; name and address say who.'),
    display_name: s.text(),
    email: s.maybe(s.text()),
    type: s.oneOf('respond', 'accept', 'edit', 'ignore', 'deny'),
    response: Masked,
    args: Masked.describe('Of an edit: the arguments as they were approved.'),
    patch: Masked.describe('Of an edit: what it changed, as a JSON Patch (RFC 6902).'),
    reason: Masked,
    comment: Masked,
    raw_text: Masked.describe('What was said in free text, for a verifier to read.'),
    seen_revision: s.int({ min: 1 }),
    state: s.oneOf('pending', 'counted', 'returned', 'void', 'withdrawn'),
    group: s.maybe(s.text()).describe('The group of the quorum in which it counts.'),
    remembered_until: s.maybe(s.time()).describe('Until then the same act is allowed by a policy of its own.'),
    stepped_in: s.boolean().describe('Decided by somebody who was not asked; the reason then says why.'),
    channel: s.oneOf('dashboard', 'email', 'slack', 'embed', 'webhook', 'api', 'cli'),
    assurance: s.oneOf('link', 'channel', 'session', 'step_up', 'passkey'),
    attested_by: s.maybe(s.id('key')).describe('The key that relayed it and says whose decision it is.'),
    decided_at: s.time(),
    decision_sha256: s.text().describe('What was decided about what was shown, in hex.'),
  }),
  'What one human decided about a task.',
)

const status = { native: Status, compatible: s.text() }

const timeRow = {
  reminders: s.maybe(s.json()),
  reminded_at: s.maybe(s.time()),
  escalation: s.maybe(s.json()),
  escalation_level: s.int({ min: 0 }).describe('How often others were asked because nobody answered.'),
  escalated_at: s.maybe(s.time()),
  pause_while_revising: s.boolean(),
  comment_count: s.int({ min: 0 }),
  expect_outcome_seconds: s.maybe(s.int()),
  agent_outcome: s.maybe(AgentOutcome),
  agent_outcome_at: s.maybe(s.time()),
  outcome_missing_at: s.maybe(s.time()),
}

const row = (dialect: keyof typeof status) => ({
  id: s.id('task'),
  version: s.int({ min: 1 }).describe('Grows with every change; also the ETag.'),
  revision: s.int({ min: 1, max: 21 }).describe('Grows with every new content that is shown to the human.'),
  origin: s.oneOf('agent', 'user', 'proxy', 'relay', 'queue', 'vault'),
  origin_ref: s.maybe(s.text()),
  agent_id: s.maybe(s.id('agt')),
  agent_name: s.maybe(s.text()),
  created_by: s.text(),
  on_behalf_of: s.maybe(s.text()),
  idempotency_key: s.maybe(s.text()),
  key_reuse: s.oneOf('forever', 'until_collected'),
  replay_mismatch_at: s.maybe(s.time()),
  task: s.text(),
  verdict: s.maybe(s.jsonObject()),
  quorum: s.maybe(QuorumBody),
  votes: s.int({ min: 0 }).describe('Decisions that count while the task waits for several.'),
  votes_needed: s.int({ min: 1 }),
  unreachable_at: s.maybe(s.time()).describe('Since then too few people are left who could agree.'),
  separate: s.boolean().describe('Nobody on the requester’s side is counted.'),
  assurance: Assurance.describe('What the asking side wants a decision to be proven by, at least.'),
  status: status[dialect],
  outcome: s.maybe(Outcome),
  timeout_seconds: s.maybe(s.int()),
  deadline_at: s.time(),
  assign_to: s.json(),
  assigned_to_user_id: s.maybe(s.id('usr')),
  assigned_to_email: s.maybe(s.text()),
  assigned_to_display_name: s.maybe(s.text()),
  assigned_to_slack_user_id: s.maybe(s.text()),
  assigned_for_user_id: s.maybe(s.id('usr')).describe('In whose place the holder is asked, because they are away.'),
  notify: s.maybe(s.array(s.text())),
  require_assignee: s.boolean(),
  answer_by_reply: s.boolean(),
  delegable: s.boolean(),
  unrouted_at: s.maybe(s.time()).describe('Nobody could be asked or told: the fallback pool has it.'),
  warnings: s.array(s.object({ code: s.text(), message: s.text() })),
  priority: Priority,
  tags: s.array(s.text()),
  metadata: s.jsonObject(),
  risk: s.oneOf('low', 'normal', 'high', 'critical'),
  redact: RedactBody,
  redact_payload: s.boolean(),
  verifier_config: s.json(),
  verifier_result: s.json(),
  verification: s.maybe(s.oneOf('skipped_redacted')).describe('No model is asked, for the task hides its content.'),
  verification_attempt: s.int({ min: 0 }),
  callback_url: s.maybe(s.text()),
  callback_mode: s.oneOf('standard', 'awaithumans'),
  completed_by_user_id: s.maybe(s.id('usr')),
  completed_by_email: s.maybe(s.text()),
  completed_by_display_name: s.maybe(s.text()),
  completed_by_slack_user_id: s.maybe(s.text()),
  completed_via_channel: s.maybe(s.text()),
  created_at: s.time(),
  updated_at: s.time(),
  opened_at: s.time(),
  verifying_at: s.maybe(s.time()),
  returned_at: s.maybe(s.time()),
  revising_at: s.maybe(s.time()),
  completed_at: s.maybe(s.time()),
  timed_out_at: s.maybe(s.time()),
  cancelled_at: s.maybe(s.time()),
  verification_exhausted_at: s.maybe(s.time()),
  assigned_at: s.maybe(s.time()),
  claimed_at: s.maybe(s.time()),
  first_notified_at: s.maybe(s.time()),
  first_viewed_at: s.maybe(s.time()),
  collected_at: s.maybe(s.time()),
  ...timeRow,
  erased_at: s.maybe(s.time()),
  url: s.text().describe('The page on which people answer.'),
})

const whole = {
  description: Masked,
  payload: Masked,
  action: Masked.describe('The proposed call, when there is one.'),
  payload_schema: s.maybe(s.jsonObject()),
  response_schema: s.jsonObject(),
  form: s.maybe(s.text()).describe('The stored form that it was asked with, as `name@version`.'),
  form_definition: s.maybe(s.jsonObject()),
  initial_response: Masked,
  on_timeout: s.json(),
  response: Masked,
  cancel_reason: Masked,
  agent_outcome_detail: Masked,
  decisions: s.array(DecisionBody),
  may: s
    .array(
      s.oneOf(
        'decide',
        'step_in',
        'withdraw_vote',
        'remember',
        'claim',
        'release',
        'cancel',
        'update',
        'comment',
        'send_back',
        'erase',
      ),
    )
    .describe('What the caller may do with the task in its present state.'),
  may_not: s
    .object({ decide: s.optional(WhyNot), claim: s.optional(WhyNot), release: s.optional(WhyNot), cancel: s.optional(WhyNot) })
    .describe('Of these acts, where they are not in `may`: why the caller may not.'),
  needs_proof: s
    .maybe(Assurance)
    .describe('What the caller, who may decide, has to prove before; null where what they have proven is enough.'),
}
const included = { payload: s.optional(Masked), response: s.optional(Masked) }

export const TaskBody = s.named('Task', s.object({ ...row('native'), ...whole }), 'A question to a human, and its answer.')
export const TaskRowBody = s.named(
  'TaskRow',
  s.object({ ...row('native'), ...included }),
  'A task in a list: without its content.',
)
const spoken = { task_metadata: s.jsonObject() }
export const CompatibleTaskBody = s.named('CompatibleTask', s.object({ ...row('compatible'), ...whole, ...spoken }))
export const CompatibleRowBody = s.object({ ...row('compatible'), ...included, ...spoken })

const poll = (dialect: keyof typeof status) => ({
  id: s.id('task'),
  status: status[dialect],
  version: s.int({ min: 1 }),
  revision: s.int({ min: 1 }),
  outcome: s.maybe(Outcome),
  response: Masked,
  cancel_reason: Masked,
  completed_at: s.maybe(s.time()),
  timed_out_at: s.maybe(s.time()),
  cancelled_at: s.maybe(s.time()),
  verification_attempt: s.int({ min: 0 }),
  candidate: s.optional(
    s.maybe(
      s
        .object({ decision_id: s.id('dec'), response: Masked, attempt: s.int({ min: 1 }) })
        .describe('For the agent that asked: an answer that waits for its word (`POST /tasks/{id}/verification`).'),
    ),
  ),
})
export const PollBody = s.named('TaskPoll', s.object(poll('native')), 'How a task stands, for whoever waits for it.')
export const CompatiblePollBody = s.object(poll('compatible'))
export const WaitBody = s.named(
  'TaskWait',
  s.object({ tasks: s.record(PollBody), final: s.array(s.id('task')), pending: s.array(s.id('task')) }),
)

const key = s.pattern(/^[^\p{Cc}]{1,512}$/u, 'Must have 1 to 512 characters, none of them a control character.')
const metadata = s.nullish(s.jsonObject())

/** What both dialects send alike. */
const asked = {
  task: s.text({ min: 1, max: 4_000 }),
  payload: s.nullish(s.jsonObject()),
  payload_schema: s.nullish(s.jsonObject()),
  response_schema: s.json(),
  form_definition: s.nullish(s.jsonObject()),
  initial_response: s.nullish(s.jsonObject()),
  assign_to: s.optional(
    s
      .json()
      .describe(
        'A mail address, a list of addresses, `{email}`, `{emails}`, `{user_id}`, `{users}`, `{role, access_level, pool}`, `{pool, strategy}`, `{any: [forms]}`, or null: the default pool of the tenant.',
      ),
  ),
  notify: s.nullish(
    s
      .array(s.text({ max: 1_000 }), { max: 100 })
      .describe('Who is told, and how: `channel[+identity]:target`, such as `email:ann@example.com`.'),
  ),
  callback_url: s.nullish(s.text({ min: 1, max: 2_048 })),
  redact_payload: s.nullish(s.boolean()),
}

export const CreateBody = s.object({
  ...asked,
  response_schema: s.optional(s.json().describe('The type of the answer; an `action` or a `form` may do without.')),
  form: s.nullish(
    s.text({ min: 1, max: 80 }).describe('A stored form as `name@version`, instead of `response_schema` and `form_definition`.'),
  ),
  action: s.nullish(ActionIn),
  quorum: s.nullish(QuorumIn),
  assurance: s.optional(Assurance),
  description: s.nullish(s.text({ max: 20_000 })),
  verdict: s.nullish(VerdictIn),
  idempotency_key: s.nullish(key),
  key_reuse: s.optional(s.oneOf('forever', 'until_collected')),
  timeout_seconds: s.optional(s.int({ min: 5, max: 31_536_000 })),
  deadline_at: s.optional(s.time()),
  on_timeout: s.optional(OnTimeoutBody),
  reminders: s.optional(Reminders),
  escalation: s.optional(Escalation),
  pause_while_revising: s.optional(s.boolean().describe('The deadline rests while the agent revises.')),
  expect_outcome_seconds: s.nullish(
    s.int({ min: 5, max: 31_536_000 }).describe('How long after the answer the agent has to report what became of it.'),
  ),
  priority: s.optional(Priority),
  tags: s.optional(s.array(s.pattern(/^[a-z0-9][a-z0-9_.:-]{0,49}$/, 'Must be 1 to 50 of a-z, 0-9, _ . : -'), { max: 20 })),
  metadata,
  risk: s.optional(s.oneOf('low', 'normal', 'high', 'critical')),
  redact: s.optional(Redact),
  require_assignee: s.optional(s.boolean().describe('Refuse the task where nobody can be asked.')),
  answer_by_reply: s.optional(
    s.boolean().describe('A reply by mail whose first line is the label of one button decides; any other reply is a comment.'),
  ),
  delegable: s.optional(s.boolean().describe('Whether whoever is asked may have another answer in their place.')),
  callback_mode: s.optional(s.oneOf('standard', 'awaithumans')),
  verifier_config: s.optional(VerifierIn),
  on_behalf_of: s.nullish(s.line({ max: 200 })),
})

/** As the published clients send it (T59). */
export const CompatibleCreateBody = s.object({
  ...asked,
  idempotency_key: key,
  timeout_seconds: s.int({ min: 60, max: 2_592_000 }),
  verifier_config: s.nullish(s.jsonObject()),
  task_metadata: metadata,
})

export const UpdateBody = s.object({
  priority: s.optional(Priority),
  tags: CreateBody.shape.tags,
  metadata: s.optional(s.jsonObject()),
  deadline_at: s.optional(s.time()),
  reminders: s.optional(Reminders),
  notify: s.optional(s.array(s.text({ max: 1_000 }), { max: 100 }).describe('Who is new here is told; the others were.')),
})

export const DecideBody = s.object({
  type: s.oneOf(...ACTION_TYPES),
  response: s.nullish(s.jsonObject()),
  args: s.nullish(s.jsonObject().describe('Of an edit: all arguments, as they are to be run.')),
  reason: s.nullish(s.text({ max: 4_000 })),
  comment: s.nullish(s.text({ max: 10_000 })),
  raw_text: s.nullish(
    s
      .text({ min: 1, max: 20_000 })
      .describe(
        'In place of `response`, where a model checks the answers: it makes an answer of these words, and their writer confirms it.',
      ),
  ),
  on_behalf_of: s.nullish(
    s
      .text({ min: 1, max: 320 })
      .describe(
        'Whose decision it is, by user id or mail address: only, and always, with a key of the scope `tasks:decide_for`.',
      ),
  ),
  seen_revision: s.int({ min: 1 }).describe('The revision that the human saw.'),
  assertion: s.nullish(
    s
      .object({ nonce: s.pattern(/^[A-Za-z0-9_-]{43}$/, 'Must be 32 bytes in base64url.') })
      .describe('Of `decide/challenge`: the decision was fixed there, and its person proved to be there after that.'),
  ),
  remember: s.nullish(
    s
      .object({ for_seconds: s.int({ min: 60, max: 86_400 }) })
      .describe('Allow the same act for a while; for whoever may activate policies, with a fresh proof of presence.'),
  ),
})

export const listQuery = {
  status: s.optional(s.array(s.text({ min: 1, max: 40 }), { max: 20 })),
  outcome: s.optional(s.array(Outcome, { max: 20 })),
  assigned_to: s.optional(s.text({ min: 1, max: 320 }).describe('A user id, a mail address, or part of a name.')),
  unassigned: s.optional(s.boolean()),
  mine: s.optional(s.boolean().describe('Held by the caller, or free and asked of them.')),
  unrouted: s.optional(s.boolean().describe('Open, and nobody could be asked or told: the fallback pool has it.')),
  claimable: s.optional(s.boolean().describe('Open, held by nobody, and asked of the caller.')),
  team: s.optional(s.boolean().describe('Asked of a pool that the caller is in, whoever holds it.')),
  metadata: s.optional(
    s
      .record(s.text({ max: 1_000 }))
      .refine((members) => Object.keys(members).length <= 5, 'May name at most five members.')
      .describe('`metadata[order]=1042`: every member that is named has this value.'),
  ),
  agent_id: s.optional(s.id('agt')),
  origin: s.optional(s.oneOf('agent', 'user', 'proxy', 'relay', 'queue', 'vault')),
  tag: s.optional(s.text({ min: 1, max: 50 })),
  priority: s.optional(Priority),
  risk: s.optional(s.oneOf('low', 'normal', 'high', 'critical')),
  created_after: s.optional(s.time()),
  created_before: s.optional(s.time()),
  deadline_before: s.optional(s.time()),
  idempotency_key: s.optional(s.text({ min: 1, max: 512 })),
  q: s.optional(s.text({ min: 1, max: 200 }).describe('Words of the question, each by its beginning.')),
  sort: s.withDefault(s.oneOf('created', 'deadline', 'priority', 'updated'), 'created'),
  order: s.optional(s.oneOf('asc', 'desc')),
  include: s.optional(
    s
      .array(s.oneOf('payload', 'response'), { max: 2 })
      .describe('Content that lists leave out; above 8 KiB it reads `{"_truncated": true}`.'),
  ),
}

export const pollQuery = {
  timeout: s.withDefault(s.int({ min: 1, max: 30 }), 25),
  since_version: s.optional(s.int({ min: 0 }).describe('Answer on any change beyond this version.')),
}

const count = () => s.int({ min: 0 })

export const CountsBody = s.named(
  'TaskCounts',
  s.object({
    mine: count(),
    claimable: count(),
    team: count(),
    all: count(),
    at_least: s
      .boolean()
      .describe('More are open than were counted: each figure ends at 10,000, and `all` may be more than it says.'),
  }),
  'How many open tasks the filters `mine`, `claimable` and `team` of the list would find, and how many the caller reaches.',
)

export const RecordEntry = s.named(
  'TaskRecordEntry',
  s.object({
    id: s.id('evt'),
    type: s.text(),
    occurred_at: s.time(),
    actor: s.object({
      type: s.oneOf('user', 'agent', 'key', 'guest', 'system'),
      id: s.text(),
      session_id: s.optional(s.text()),
      key_id: s.optional(s.text()),
      assurance: s.optional(s.text().describe('How it was proved who acted.')),
    }),
    channel: s.maybe(s.text().describe('Through what it came; null: nobody acted from outside.')),
    data: s.jsonObject(),
    before: s.optional(s.jsonObject()),
    after: s.optional(s.jsonObject()),
    seq: s.maybe(s.int().describe('Its number in the sealed log, for whoever reads all of the record; null until it is sealed.')),
    request_id: s.maybe(s.text()),
  }),
)
