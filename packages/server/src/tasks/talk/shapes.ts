// What people and the agent say about a task, on the wire: form only.
import { s } from '../../http/route.ts'
import { ActionIn } from '../actions/shapes.ts'

export const AgentOutcome = s.oneOf('succeeded', 'failed', 'skipped')
const Masked = s.json().describe('`{"_redacted": true}` where the caller may not see it.')

export const CommentBody = s.named(
  'Comment',
  s.object({
    id: s.id('cmt'),
    task_id: s.id('task'),
    revision: s.int({ min: 1 }).describe('Of the task when it was said.'),
    audience: s.oneOf('all', 'humans'),
    purpose: s
      .oneOf('comment', 'sent_back', 'late_answer')
      .describe(
        'sent_back: said when the task was handed back to the agent. late_answer: an answer that came too late to count.',
      ),
    author: s.object({ type: s.oneOf('user', 'agent', 'key', 'guest', 'system'), id: s.text(), display_name: s.text() }),
    channel: s.oneOf('dashboard', 'email', 'slack', 'embed', 'webhook', 'api', 'cli'),
    body: Masked,
    created_at: s.time(),
  }),
  'A remark on a task.',
)

export const NewComment = s.object({
  body: s.text({ min: 1, max: 10_000 }),
  audience: s.withDefault(s.oneOf('all', 'humans'), 'all').describe('`humans`: no agent ever receives it.'),
  purpose: s.withDefault(s.oneOf('comment', 'late_answer'), 'comment'),
})

export const SendBackBody = s.object({
  comment: s.text({ min: 1, max: 10_000 }),
  seen_revision: s.optional(s.int({ min: 1 }).describe('The revision that the human saw.')),
})

export const ReviseBody = s.object({
  payload: s.optional(s.jsonObject()),
  description: s.optional(s.maybe(s.text({ max: 20_000 }))),
  action: s.optional(ActionIn),
  note: s.text({ min: 1, max: 4_000 }).describe('What was changed, and why; people read it.'),
})

export const RevisionBody = s.named(
  'Revision',
  s.object({
    revision: s.int({ min: 2 }),
    note: Masked,
    changed: s.array(s.text()).describe('Pointers to what differs from the revision before.'),
    before: Masked.describe('`{description, payload, action}` of the revision before.'),
    revised_by: s.text(),
    revised_at: s.time(),
  }),
  'One change of what the human is asked to judge.',
)

export const OutcomeBody = s.object({
  status: AgentOutcome,
  detail: s.nullish(s.text({ max: 4_000 })),
  refs: s.optional(s.array(s.line({ max: 500 }), { max: 20 })).describe('Where to find what came of it: ids, links.'),
})
