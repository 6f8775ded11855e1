// The shapes of a quorum on the wire. Form only.
import { s } from '../../http/route.ts'
import { ASSURANCES } from '../may-decide.ts'

export const Assurance = s.oneOf(...ASSURANCES)

const MOST = 100
const Need = s.either(s.int({ min: 1, max: MOST }), s.literal('all'))
const OnDeny = s.oneOf('first', 'impossible')
const Combine = s.oneOf('last', 'agree', 'list')

/** How many people have to agree. */
export const QuorumIn = s.either(
  s.int({ min: 1, max: MOST }),
  s.literal('all'),
  s.object({
    groups: s.array(s.object({ name: s.line({ max: 100 }), need: Need, assign_to: s.json() }), { min: 1, max: 10 }),
    on_deny: s.optional(OnDeny),
    combine: s.optional(Combine),
    separate: s.optional(s.boolean()),
    blind: s.optional(s.boolean()),
  }),
)

export const QuorumBody = s.named(
  'Quorum',
  s.object({
    groups: s.array(s.object({ name: s.maybe(s.text()), need: s.int({ min: 1 }), all: s.boolean(), assign_to: s.json() })),
    on_deny: OnDeny,
    combine: Combine,
    separate: s.boolean(),
    blind: s.boolean(),
  }),
  'How many people have to agree, as it was resolved when the task was made.',
)
