// What goes over the wire about policies. Checks form only; what a text means is judged by policy/.
import { s } from '../../http/route.ts'

const OutcomeWord = s.oneOf('allow', 'ask', 'deny')
const ReasonWord = s.oneOf('permitted', 'asked', 'forbidden', 'no_permit', 'policy_error')
const versionNumber = s.int({ min: 1, max: 2_147_483_647 })
/** In a path: what is no number of a version is not there. */
export const versionParam = { version: s.pattern(/^[1-9]\d{0,8}$/, 'Must be a version.').transform(Number) }
export const aVersion = versionNumber
/** 500 policies of 8 kB. What is more is told with line and column up to here. */
export const MAX_TEXT = 4_194_304

const Fault = s.named(
  'PolicyFault',
  s.object({ path: s.text(), line: s.int(), column: s.int(), code: s.text(), message: s.text(), policy_id: s.maybe(s.text()) }),
)
const Shown = s.named(
  'ShownPolicy',
  s.object({
    id: s.text(),
    effect: s.oneOf('permit', 'forbid'),
    says: s.text().describe('In words.'),
    ask: s.maybe(
      s.object({ text: s.text(), quorum: s.int(), expires_seconds: s.int(), on_timeout: s.oneOf('deny', 'escalate') }),
    ),
    until: s.maybe(s.time()),
    text: s.text({ max: 10_000 }),
    line: s.int(),
    column: s.int(),
  }),
)

const versionMembers = {
  version: s.int(),
  active: s.boolean(),
  origin: s.oneOf('starting', 'saved'),
  note: s.maybe(s.text()),
  bytes: s.int(),
  saved_by: s.text(),
  saved_at: s.time(),
  activated_at: s.maybe(s.time()).describe('When it last became the active one.'),
}
export const VersionRow = s.named('PolicyVersionRow', s.object(versionMembers))
const checkedMembers = {
  errors: s.array(Fault, { max: 10_000 }),
  warnings: s.array(Fault, { max: 10_000 }),
  policies: s.array(Shown),
}
export const Version = s.named(
  'PolicyVersion',
  s.object({ ...versionMembers, text: s.text({ max: MAX_TEXT }), ...checkedMembers }),
)
export const Checked = s.named('PolicyCheck', s.object({ valid: s.boolean(), ...checkedMembers }))

const Named = s.object({ id: s.text(), text: s.text({ max: 10_000 }) })
export const DifferenceBody = s.named(
  'PolicyDifference',
  s.object({
    version: s.int(),
    against: s.int(),
    added: s.array(Named),
    removed: s.array(Named),
    changed: s.array(s.object({ id: s.text(), before: s.text({ max: 10_000 }), after: s.text({ max: 10_000 }) })),
    same: s.int(),
  }),
)

const Thing = s.object({ type: s.text(), id: s.text() })
const Side = s.object({ outcome: OutcomeWord, reason: ReasonWord, policy_ids: s.array(s.text()) })
export const DryRunBody = s.named(
  'PolicyDryRun',
  s.object({
    version: s.int(),
    judged: s.int(),
    without_content: s
      .int()
      .describe('Judged without text of whoever asked, because no policy read it then and it was not kept.'),
    unreadable: s.int(),
    changed: s.array(
      s.object({
        decided_at: s.time(),
        principal: Thing,
        action: s.text(),
        resource: Thing,
        policy_version: s.int(),
        before: Side,
        after: Side,
      }),
      { max: 10_000 },
    ),
  }),
)

const named = {
  type: s.pattern(/^[A-Za-z][A-Za-z0-9_]{0,63}$/, 'Must be a type of the schema, such as Agent.'),
  id: s.line({ max: 256 }),
}
const Given = s.object({
  ...named,
  attributes: s.optional(s.jsonObject()),
  parents: s.optional(s.array(s.object(named), { max: 20 })),
})
export const ExplainAsk = s.object({
  principal: Given,
  action: s.line({ max: 100 }),
  resource: s.optional(Given).describe('The tenant, unless said.'),
  context: s.optional(s.jsonObject()).describe('Without `now` and `ip`.'),
  at: s.optional(s.time()),
  address: s.optional(s.line({ max: 45 })),
  version: s.optional(versionNumber).describe('The active version, unless said.'),
  text: s.optional(s.text({ max: MAX_TEXT })).describe('A text that is not saved, in place of a version.'),
})
export const Explained = s.named(
  'PolicyOutcome',
  s.object({
    outcome: OutcomeWord,
    reason: ReasonWord,
    says: s.text(),
    policy_ids: s.array(s.text()),
    policy_version: s.int().describe('0 for a text that is not saved.'),
    ask: s.maybe(
      s.object({ quorum: s.int(), expires_seconds: s.int(), on_timeout: s.oneOf('deny', 'escalate'), texts: s.array(s.text()) }),
    ),
    faults: s.array(s.text()).describe('What could not be evaluated.'),
    policies: s.array(Shown),
  }),
)
export const SchemaBody = s.named('PolicySchema', s.object({ text: s.text({ max: 1_000_000 }), actions: s.array(s.text()) }))
