// What goes over the wire about links. Checks form only; a token never stands in an answer but that of a session, once.
import { s } from '../../http/route.ts'
import { DecideBody, TaskBody } from '../shapes.ts'
import { CommentBody } from '../talk/shapes.ts'

export const LINK_PROBLEMS = ['link_invalid', 'link_expired', 'link_used', 'link_revoked'] as const

/** A decision; which content it is about, the page says by its nonce. */
export const AnswerBody = s.named('LinkAnswer', DecideBody.omit({ seen_revision: true }))

export const Token = s.pattern(/^[\x21-\x7e]{1,200}$/, 'Must be the token of a link.')

export const TaskLink = s.named(
  'TaskLink',
  s.object({
    id: s.id('lnk'),
    task_id: s.id('task'),
    revision: s.int({ min: 1 }),
    purpose: s.oneOf('answer', 'review', 'reply'),
    channel: s.oneOf('email', 'webhook'),
    label: s.maybe(s.text()).describe('What its button says.'),
    user_id: s.maybe(s.id('usr')),
    display_name: s.text(),
    notice_id: s.maybe(s.text()),
    state: s.oneOf('live', 'held', 'used', 'expired', 'revoked').describe('held: a verifier looks at the answer.'),
    created_at: s.time(),
    expires_at: s.time(),
    used_at: s.maybe(s.time()),
  }),
  'A link that opens the task for one person. How it is opened is told to that person alone.',
)

export const LinkView = s.named(
  'LinkView',
  s.object({
    state: s.oneOf('open', 'revised', 'verifying'),
    purpose: s.oneOf('answer', 'review', 'session'),
    choice: s.maybe(s.object({ label: s.text(), answer: s.jsonObject() })).describe('What the button stood for.'),
    told_revision: s.int({ min: 1 }).describe('Of the content that the message showed; older than the task’s: it was revised.'),
    reader: s.object({ user_id: s.maybe(s.id('usr')), display_name: s.text(), email: s.maybe(s.text()) }),
    session: s.maybe(s.text()).describe('Goes on in place of the link: for this task, until an hour of silence.'),
    nonce: s.text().describe('Goes with the answer of this page.'),
    nonce_expires_at: s.time(),
    expires_at: s.time(),
    task: TaskBody,
    comments: s.array(CommentBody).describe('Of the page of a review link: what has been said, the oldest first.'),
  }),
)

export const LinkActBody = s.named(
  'LinkAct',
  s.either(
    s.object({ type: s.oneOf('claim', 'release') }),
    s.object({ type: s.literal('comment'), body: s.text({ min: 1, max: 10_000 }) }),
    s.object({ type: s.literal('send_back'), comment: s.text({ min: 1, max: 10_000 }) }),
  ),
  'What a person does from the page of a review link besides answering.',
)
export const LinkDone = s.named('LinkDone', s.object({ state: s.literal('done'), task: TaskBody, comment: s.maybe(CommentBody) }))
export const LinkAnswered = s.named('LinkAnswered', s.object({ state: s.literal('answered'), task: TaskBody }))
