// The shape of a proposed action on the wire. Form only.
import { s } from '../../http/route.ts'
import { ACTION_TYPES } from './proposal.ts'

const Pointer = s.pattern(/^(?:\/(?:[^~/]|~[01])*)*$/, 'Must be a JSON Pointer such as /amount.')

export const ActionIn = s.object({
  name: s.line({ min: 1, max: 200 }),
  args: s.jsonObject(),
  args_schema: s.nullish(s.jsonObject()),
  description: s.nullish(s.text({ max: 20_000 })),
  allow: s.optional(s.array(s.oneOf(...ACTION_TYPES), { min: 1, max: 5 })),
  editable: s.nullish(
    s.array(Pointer, { max: 50 }).describe('Where an edit may differ, as pointers into `args`; left out: everywhere.'),
  ),
  allow_remember: s.optional(s.boolean()),
})
