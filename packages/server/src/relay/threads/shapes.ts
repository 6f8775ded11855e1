// What the routes of threads take and answer (relay.md §3.1, §3.2, §4.1).
import { s } from '../../http/route.ts'
import { BoundCallback, CallbackBody } from '../endpoints/shapes.ts'
import { RESPONSE_OUTCOMES, THREAD_REASONS, THREAD_STATES } from '../model.ts'
import { Content, PartBody } from './parts.ts'

const visible = (max: number) => s.pattern(new RegExp(`^[\\x21-\\x7e]{1,${max}}$`), `1 to ${max} visible ASCII characters.`)
export const Slug = s.text({ max: 200 })
const Skill = s.line({ max: 128 })
const Sync = s.object({ wait_ms: s.int({ min: 1, max: 25_000 }) })
const ThreadIds = s.array(s.id('thr'), { max: 20 })

const sent = {
  ...Content,
  skill: s.optional(Skill),
  operation_id: s.optional(visible(128)),
  reference_thread_ids: s.optional(ThreadIds),
  sync: s.optional(Sync).describe('Waits for the answer: 200 with it when it comes in time, otherwise 202.'),
  callback: s.optional(CallbackBody).describe('Where you want to be told of the thread; with scope `threads:subscribe`.'),
}
export const SendBody = s.object(sent)
export const StartBody = s.object({
  ...sent,
  context_id: s.optional(visible(128)).describe('The caller’s own name for a conversation, or one that an earlier thread had.'),
  accepted_output_modes: s.optional(s.array(s.line({ max: 255 }), { max: 32 })),
  expires_in_seconds: s.optional(s.int({ min: 60, max: 7_776_000 })),
  want_thread_token: s.optional(s.boolean()).describe('With scope `threads:read`: also a thread token, shown once.'),
  live: s.optional(s.boolean()).describe('Rings: unanswered after the card’s `ring_seconds` it ends.'),
})

const Outcome = s.oneOf(...RESPONSE_OUTCOMES)
const ArtifactBody = s.object({
  artifact_id: visible(128),
  name: s.optional(s.line({ max: 200 })),
  description: s.optional(s.text({ max: 2_000 })),
  parts: s.array(PartBody, { min: 1, max: 32 }),
  append: s.optional(s.boolean()),
  last_chunk: s.optional(s.boolean()),
})
export const ResponseBody = s.object({
  ...Content,
  outcome: s.optional(Outcome),
  artifacts: s.optional(s.array(ArtifactBody, { max: 32 })),
  error: s.optional(s.object({ code: s.line({ max: 100 }), message: s.text({ max: 2_000 }) })),
  claim_token: s.optional(s.line({ max: 100 })),
})

const State = s.oneOf(...THREAD_STATES)
const Reason = s.maybe(s.oneOf(...THREAD_REASONS))
const Turn = s.oneOf('caller', 'owner', 'human', 'none')
const ThreadOutcome = s.maybe(s.oneOf('completed', 'canceled'))
const SideName = s.oneOf('caller', 'owner')
export const ApprovalBody = s.object({ task_id: s.text(), side: SideName, url: s.text(), expires_at: s.text() })
const Links = s.object({
  inspect: s.text(),
  messages: s.text(),
  events: s.text(),
  stream: s.text(),
  access_tokens: s.text(),
  close: s.text(),
  a2a_task: s.text(),
})

const thread = {
  id: s.id('thr'),
  agent: s.text(),
  card_version: s.int(),
  relay_grant_id: s.id('rgr'),
  context_id: s.text(),
  state: State,
  outcome: ThreadOutcome,
  reason: Reason,
  turn: Turn,
  sequence: s.int(),
  skill: s.maybe(s.text()),
  operation_id: s.maybe(s.text()),
  reference_thread_ids: s.array(s.text()),
  caller: s.object({ tenant_id: s.maybe(s.text()), agent_id: s.maybe(s.text()), label: s.text() }),
  callee: s.object({ tenant_id: s.id('ten'), agent: s.text() }),
  live: s.boolean().describe('It rings until somebody answers, for the card’s `ring_seconds` at most.'),
  answered_at: s.maybe(s.text()).describe('When the owner’s side answered first.'),
  duration_ms: s.maybe(s.int()).describe('Of an ended thread that was answered: from then to its end.'),
  approval: s.maybe(ApprovalBody),
  error: s.maybe(s.object({ code: s.text(), message: s.text() })),
  created_at: s.text(),
  updated_at: s.text(),
  expires_at: s.maybe(s.text()),
  ended_at: s.maybe(s.text()),
}
export const ThreadBody = s.named('Thread', s.object({ ...thread, links: Links }), 'A piece of work between two agents.')

export const ThreadLine = s.named(
  'ThreadLine',
  s.object({
    id: s.id('thr'),
    side: SideName,
    agent: s.text(),
    relay_grant_id: s.id('rgr'),
    context_id: s.text(),
    state: State,
    outcome: ThreadOutcome,
    reason: Reason,
    turn: Turn,
    sequence: s.int(),
    skill: s.maybe(s.text()),
    operation_id: s.maybe(s.text()),
    with: s.text().describe('The other side: the label of the relay grant, or the name on the card.'),
    ...{ caller: thread.caller, callee: thread.callee, live: thread.live, approval: thread.approval },
    ...{ answered_at: thread.answered_at, duration_ms: thread.duration_ms },
    created_at: s.text(),
    updated_at: s.text(),
    ended_at: s.maybe(s.text()),
  }),
  'A thread as one side’s list shows it: no content.',
)

const PartShown = s.object({
  text: s.optional(s.text({ max: 1_000_000 })),
  data: s.optional(s.json()),
  raw: s.optional(s.text({ max: 1_000_000 })),
  url: s.optional(s.text()),
  media_type: s.optional(s.text()),
  filename: s.optional(s.text()),
  metadata: s.optional(s.record(s.json())),
})
export const MessageBody = s.named(
  'ThreadMessage',
  s.object({
    id: s.id('msg'),
    thread_id: s.id('thr'),
    sequence: s.maybe(s.int()),
    side: SideName,
    kind: s.oneOf('message', 'progress', 'artifact'),
    outcome: s.maybe(Outcome),
    parts: s.optional(s.array(PartShown)),
    metadata: s.optional(s.record(s.json())),
    skill: s.maybe(s.text()),
    client_message_id: s.maybe(s.text()),
    operation_id: s.maybe(s.text()),
    reference_thread_ids: s.array(s.text()),
    artifact_id: s.optional(s.text()),
    name: s.optional(s.text()),
    description: s.optional(s.text()),
    append: s.optional(s.boolean()),
    last_chunk: s.optional(s.boolean()),
    payload_hash: s.text(),
    payload_state: s.oneOf('present', 'expired', 'erased'),
    state: s.oneOf('held', 'queued', 'delivering', 'delivered', 'exhausted', 'withdrawn', 'refused'),
    created_at: s.text(),
    expires_at: s.maybe(s.text()),
  }),
  'What one side said; without `parts` once its payload is gone.',
)
export const ArtifactShown = s.named(
  'ThreadArtifact',
  s.object({
    artifact_id: s.text(),
    name: s.maybe(s.text()),
    description: s.maybe(s.text()),
    parts: s.array(PartShown),
    is_complete: s.boolean(),
    sequence: s.int(),
  }),
  'A result, merged from the pieces in which it came.',
)
export const EventBody = s.named(
  'ThreadEvent',
  s.object({
    id: s.id('evt'),
    sequence: s.int(),
    type: s.text(),
    at: s.text(),
    actor: s.object({ type: s.text(), id: s.text() }),
    data: s.record(s.json()),
  }),
  'One numbered fact of a thread.',
)

export const AcceptedBody = s.named(
  'AcceptedMessage',
  s.object({
    thread_id: s.id('thr'),
    message_id: s.id('msg'),
    sequence: s.maybe(s.int()),
    state: State,
    context_id: s.text(),
    operation_id: s.maybe(s.text()),
    payload_hash: s.text(),
    expires_at: s.maybe(s.text()),
    approval: s.maybe(ApprovalBody),
    links: Links,
    callback: s.optional(BoundCallback),
    thread_access_token: s.optional(s.maybe(s.text())),
    thread_access_token_expires_at: s.optional(s.maybe(s.text())),
    secret_shown: s.optional(s.boolean()),
    response: s.optional(
      s.object({
        outcome: s.maybe(Outcome),
        state: State,
        parts: s.array(PartShown),
        artifacts: s.array(ArtifactShown),
      }),
    ),
    events_after: s.optional(s.int()),
  }),
  'Committed: the thread and every link of it answer from now on.',
)
export const RespondedBody = s.named(
  'RespondedMessage',
  s.object({
    thread_id: s.id('thr'),
    message_id: s.maybe(s.id('msg')),
    sequence: s.maybe(s.int()),
    state: State,
    outcome: ThreadOutcome,
    reason: Reason,
    turn: Turn,
    approval: s.maybe(ApprovalBody),
  }),
  'What the owner’s side said, and the state that it brought the thread to.',
)
export const ClaimedBody = s.named(
  'ClaimedMessage',
  s.object({
    message: MessageBody,
    thread: s.object(thread),
    claim_token: s.text().describe('The fence of this lease: name it in the answer and when you settle.'),
    lease_expires_at: s.text(),
  }),
)
export const SettledBody = s.object({
  data: s.array(
    s.object({
      claim_token: s.text(),
      status: s.oneOf('ok', 'lease_stale'),
      message_id: s.maybe(s.text()),
      lease_expires_at: s.maybe(s.text()),
    }),
  ),
})
export const WaitingBody = s.named(
  'WaitingMessage',
  s.object({
    message_id: s.id('msg'),
    thread_id: s.id('thr'),
    sequence: s.int(),
    from: s.text(),
    context_id: s.text(),
    skill: s.maybe(s.text()),
    state: s.text(),
    state_reason: s.maybe(s.text()),
    thread_state: State,
    size_bytes: s.int(),
    age_seconds: s.int(),
    attempts: s.int(),
    claimed_by: s.maybe(s.text()),
    claimed_until: s.maybe(s.text()),
    created_at: s.text(),
  }),
  'A message of a caller that the owner’s side has not settled: no content.',
)
export const MintedBody = s.object({
  thread_access_token: s.optional(s.text()),
  secret_shown: s.optional(s.boolean()),
  side: SideName,
  expires_at: s.text(),
})

export const isState = (text: string): text is (typeof THREAD_STATES)[number] =>
  (THREAD_STATES as readonly string[]).includes(text)
