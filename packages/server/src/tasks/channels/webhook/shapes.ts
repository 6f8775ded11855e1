// What a program at an endpoint sends back.
import { s } from '../../../http/route.ts'
import { AnswerBody } from '../../links/shapes.ts'

export const ActionBody = s.object({
  token: s.pattern(/^[A-Za-z0-9_-]{43}$/, 'Must be the token of a link: what stands behind the # of its address.'),
  answer: s.optional(AnswerBody).describe('Left out: what the link stands for.'),
  seen_revision: s.optional(s.int({ min: 1 })).describe('Of the notice that was answered, unless said.'),
  person: s.optional(
    s
      .object({ email: s.email(), display_name: s.optional(s.line({ max: 200 })) })
      .describe('Who answered; the signature vouches for it.'),
  ),
})
