// Connection requests on the wire: what was asked beside what was given.
import type { FieldError } from '@countersign/sdk'
import { s } from '../../http/route.ts'
import { BoundCallback, CallbackBody } from '../endpoints/shapes.ts'
import { Bind, binding, GrantBody, Side, TermsBody, wishes } from '../grants/shapes.ts'
import { fault, type TermsIn } from '../grants/terms.ts'

export const RequestState = s.oneOf('pending', 'approved', 'denied', 'withdrawn', 'expired')

export const NewRequest = s.object({
  purpose: s.text({ min: 1, max: 2_000 }),
  from_agent_id: s.optional(s.id('agt')).describe('Of people: which of their agents asks. An agent asks for itself.'),
  ...wishes,
  callback: s
    .optional(CallbackBody)
    .describe('Where you want to be told what becomes of it; with scope `threads:subscribe`. Events: `connection_request.*`.'),
})

const Terms = s.named(
  'RelayTerms',
  s.object({
    ...TermsBody,
    expires_in_seconds: s.int(),
    bind: s.object({ addresses: s.maybe(s.array(s.text())), dpop_jkt: s.maybe(s.text()) }),
    encryption: s.literal('off'),
  }),
)

const Note = s.text({ max: 2_000 })
export const notes = {
  note: s.optional(Note),
  note_visible: s.optional(s.boolean()).describe('Whether the asking side reads the note.'),
}

export const Approval = s.object({
  ...wishes,
  ...binding,
  ...notes,
  lasting: s
    .optional(s.boolean())
    .describe(
      'Of a request that came with a message: whether the two stay connected. Without it the relay grant is for the thread of that message, starts no other and ends with it.',
    ),
  issue: s
    .withDefault(s.oneOf('on_approve', 'on_collect'), 'on_approve')
    .describe(
      'on_approve: this answer holds the token, to be handed over. on_collect: it is made when the asking side fetches it.',
    ),
})

export const RequestBody = s.named(
  'ConnectionRequest',
  s.object({
    id: s.id('creq'),
    side: Side,
    agent: s.text(),
    card_id: s.id('card'),
    state: RequestState,
    asker: s.object({ tenant_id: s.id('ten'), agent_id: s.id('agt'), name: s.text() }),
    purpose: s.text(),
    asked: Terms,
    given: s.maybe(Terms),
    relay_grant_id: s.maybe(s.id('rgr')),
    issue: s.maybe(s.oneOf('on_approve', 'on_collect')),
    token_issued_at: s.maybe(s.time()),
    thread_id: s.maybe(s.id('thr')).describe('Of the message that it came with, and that waits for it.'),
    task_url: s.maybe(s.text()).describe('Where the owner’s people answer it.'),
    note: s.maybe(s.text()),
    created_at: s.time(),
    decided_at: s.maybe(s.time()),
    expires_at: s.time().describe('Until when it can be answered.'),
    task_id: s.optional(s.maybe(s.id('task'))),
    note_visible: s.optional(s.boolean()),
    decided_by: s.optional(s.maybe(s.text())),
    policy_version: s.optional(s.maybe(s.int())),
    conduct: s
      .optional(
        s.object({
          score: s.int({ min: 0, max: 100 }),
          cards_asked: s.int().describe('Cards of others, in seven days.'),
          refusals: s.int().describe('In thirty days.'),
          times_limited: s.int().describe('How often it ran into a limit of the relay, in seven days.'),
          domains: s.array(s.text()).describe('What its tenant has proved to be its own.'),
        }),
      )
      .describe('How its asker asks, everywhere; for the owner’s people, where a request is read.'),
  }),
  'An agent of one owner asks to work with an agent of another.',
)

export const RequestMade = s.named(
  'NewConnectionRequest',
  s.object({ ...RequestBody.shape, callback: s.optional(BoundCallback) }),
  'A connection request as it was made.',
)

export const Decided = s.named(
  'ConnectionDecision',
  s.object({
    connection_request: RequestBody,
    relay_grant: s.maybe(GrantBody).describe('Null while more people have to agree.'),
    relay_token: s.optional(s.text()).describe('Shown in this one answer.'),
    secret_shown: s.optional(s.literal(false)),
    expires_at: s.maybe(s.time()),
  }),
)

export const Collected = s.named(
  'CollectedRelayToken',
  s.object({
    relay_token: s.optional(s.text()).describe('Shown in this one answer.'),
    secret_shown: s.optional(s.literal(false)),
    relay_grant_id: s.id('rgr'),
    expires_at: s.time(),
  }),
)

const Edited = s.object({
  ...wishes,
  skills: s.optional(s.maybe(wishes.skills.unwrap())),
  bind: s.optional(s.maybe(Bind)),
  lasting: s.optional(s.boolean()),
})

/** Of edited arguments, which no route has parsed. */
export function readTerms(args: unknown): { terms: TermsIn } | { errors: FieldError[] } {
  const read = Edited.safeParse(args)
  if (read.success) {
    // Not of the terms, but of what they are given for.
    const { lasting: _, ...terms } = read.data
    return { terms: terms as TermsIn }
  }
  return { errors: read.error.issues.map(({ path, code, message }) => fault(`/${path.join('/')}`, code, message)) }
}
