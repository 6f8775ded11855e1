// What a card may say (R10): the fields, their bounds, and what no schema can tell of them. Nothing in a card is empty: what is not there is left out, so that the signed
// form of it has one spelling (R16). Reads no row; opens no address.
import { type FieldError, Problem } from '@countersign/sdk'
import { KeyRefused, readJwk } from '../../crypto/public-key.ts'
import { type Parsed, s } from '../../http/schema.ts'
import { FACT_TYPES } from './facts.ts'

export const MOST_CARD_BYTES = 65_536

export const VISIBILITIES = ['public', 'members', 'grant_holders'] as const
export type Visibility = (typeof VISIBILITIES)[number]
export const DELIVERY_MODES = ['inbox', 'push', 'a2a'] as const
export type DeliveryMode = (typeof DELIVERY_MODES)[number]

/** Addresses of ours below /agents/, and names that would pass for the house itself. */
const RESERVED: ReadonlySet<string> = new Set(
  `a2a account accounts admin administrator agent agents api app assets audit auth billing callback card cards contact contacts countersign create
  dashboard docs export exports forgot grant grants handle handles health help home host inbox index invite jwks listing live login logout mail mcp me
  message messages metrics new node null oauth official openapi operator owner policy privacy profile proxy public queue recover register relay root
  sandbox security self session settings signin signup spec starter static status support system task tasks tenant test thread threads token tokens
  true false undefined user users vault verify webhook webhooks well-known www`.split(/\s+/),
)
export const isReserved = (slug: string): boolean => RESERVED.has(slug)

export const Slug = s
  .pattern(/^[a-z0-9]+(?:-[a-z0-9]+)*$/, 'Must be of a-z, 0-9 and single hyphens between them.')
  .min(3)
  .max(64)
  .describe('The name in its address.')

const Https = s.pattern(/^https:\/\/[^\s<>"\\^`{|}]+$/, 'Must be an https address.').max(2_048)
const MediaType = s
  .pattern(/^(?:\*|[a-z0-9][a-z0-9!#$&^_.+-]*)\/(?:\*|[a-z0-9][a-z0-9!#$&^_.+-]*)$/, 'Must be a media type such as text/plain.')
  .max(127)
const mediaTypes = () => s.array(MediaType, { min: 1, max: 32 })
const line = (max: number) => s.line({ min: 1, max })
const text = (max: number) => s.text({ min: 1, max })

const Fact = s.object({
  name: s.pattern(/^[a-z][a-z0-9_]{0,63}$/, 'Must be a name of a-z, 0-9 and _.'),
  pointer: s
    .pattern(/^(?:\/(?:[^~/]|~[01])*)+$/, 'Must be a JSON Pointer such as /amount.')
    .max(512)
    .describe('Into the first data part of a message (RFC 6901).'),
  type: s.oneOf(...FACT_TYPES),
  values: s.optional(s.array(line(200), { min: 1, max: 100 })).describe('Of a word, and of nothing else: which it may be.'),
  required: s.optional(s.boolean()),
})

export const Skill = s.named(
  'CardSkill',
  s.object({
    id: s.pattern(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/, 'Must be of letters, digits and _.- .'),
    name: line(80),
    description: text(1_000),
    tags: s.array(line(40), { min: 1, max: 16 }),
    input_modes: s.optional(mediaTypes()),
    output_modes: s.optional(mediaTypes()),
    examples: s.optional(s.array(text(500), { min: 1, max: 8 })),
    facts: s.optional(s.array(Fact, { min: 1, max: 32 })).describe('What policies may rely on, by name (R74).'),
    risk: s.optional(s.oneOf('low', 'medium', 'high', 'critical')).describe('Of a message that needs an approval.'),
  }),
)
export type Skill = Parsed<typeof Skill>

const limit = (max: number) => s.optional(s.int({ min: 0, max }))
/** What a relay grant may use; 0 switches a limit off. */
export const Limits = s.named(
  'RelayLimits',
  s.object({
    max_open_threads: limit(100_000),
    messages_per_day: limit(10_000_000),
    bytes_per_day: limit(1_099_511_627_776),
    rate: limit(1_000_000).describe('Messages a minute.'),
  }),
)
export type Limits = Parsed<typeof Limits>

const seconds = (min: number, max: number) => s.int({ min, max })

/** What every card says. */
const required = {
  name: line(80),
  summary: line(280),
  skills: s.array(Skill, { min: 1, max: 64 }),
  accepted_inputs: mediaTypes().describe('Media types.'),
  expected_outputs: mediaTypes().describe('Media types.'),
}
/** What it may say beside that, and may take back. */
const removable = {
  description: text(4_000),
  category: s.pattern(/^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/, 'Must be a word of a-z, 0-9 and single hyphens.').max(40),
  provider: s.object({ name: line(120), url: Https }),
  limits: Limits,
  extended: s
    .object({
      description: s.optional(text(4_000)),
      skills: s.optional(s.array(Skill, { min: 1, max: 64 })).describe('Beside those that everybody reads of.'),
    })
    .describe('What holders of a live relay grant are told beside the rest (R86).'),
  encryption_keys: s.array(s.jsonObject(), { min: 1, max: 8 }).describe('Public JWKs of P-256 to which messages are sealed.'),
  documentation_url: Https,
  icon_url: Https,
}
/** What has a default. */
const postures = {
  approval: s.oneOf('connection', 'message').describe('What is countersigned: who connects, or single messages too.'),
  visibility: s.oneOf(...VISIBILITIES),
  retention_days: s
    .either(s.int({ min: 0, max: 3_650 }), s.literal('none'))
    .describe('0: messages are gone when their thread ends; none: kept as long as the thread.'),
  max_message_bytes: s.int({ min: 16_384, max: 8_388_608 }),
  capabilities: s
    .object({
      streaming: s.optional(s.boolean()),
      push_notifications: s.optional(s.boolean()),
      extended_card: s.optional(s.boolean()),
    })
    .describe('false switches off what the A2A face would offer.'),
}
/** What callers are not told: of the card's row alone. */
const settings = {
  agent_id: s.maybe(s.id('agt')).describe('Whose keys serve it; null: any agent of the tenant that may.'),
  unapproved: s
    .oneOf('refuse', 'request')
    .describe(
      'What a first message of an agent without a relay grant does: refuse it, or make a connection request and let it wait for that.',
    ),
  direct_messages: s.boolean(),
  idle_seconds: seconds(3_600, 7_776_000),
  reply_closes_after_seconds: seconds(0, 7_776_000),
  ring_seconds: seconds(5, 600),
  primary: s.boolean().describe('Answers for the handles of this tenant.'),
}

const may = s.object({ ...removable, ...postures, ...settings }).partial().shape
const confirm_public = s.optional(s.boolean()).describe('Save it although it looks as if a secret stood in it.')

export const NewCard = s.object({ slug: Slug, ...required, ...may, confirm_public })
/** What is named is changed; null takes an optional field away. */
export const CardChange = s.named(
  'CardChange',
  s.object({
    slug: s.optional(Slug).describe('Until a relay grant exists.'),
    ...s.object(required).partial().shape,
    ...may,
    description: s.nullish(removable.description),
    category: s.nullish(removable.category),
    provider: s.nullish(removable.provider),
    limits: s.nullish(removable.limits),
    extended: s.nullish(removable.extended),
    encryption_keys: s.nullish(removable.encryption_keys),
    documentation_url: s.nullish(removable.documentation_url),
    icon_url: s.nullish(removable.icon_url),
    confirm_public,
  }),
)
export type NewCard = Parsed<typeof NewCard>
export type Wishes = Parsed<typeof CardChange>

const Said = s.object({ slug: Slug, ...required, ...s.object(removable).partial().shape, ...postures })
/** What of a card its keepers are shown, beside where it stands. */
export const CardShown = {
  ...required,
  ...s.object(removable).partial().shape,
  ...postures,
  capabilities: s.optional(postures.capabilities),
  ...settings,
}

/** What a version of a card says: stored as it is, and what both documents are made of. */
export type CardContent = Omit<Parsed<typeof Said>, 'capabilities'> & {
  capabilities?: Parsed<typeof postures.capabilities>
  delivery: DeliveryMode
}
const SettingsOf = s.object(settings)
export type CardSettings = Parsed<typeof SettingsOf>

export const NEW_CONTENT = {
  approval: 'connection',
  visibility: 'public',
  retention_days: 30,
  max_message_bytes: 1_048_576,
  delivery: 'inbox',
} as const satisfies Partial<CardContent>
export const NEW_SETTINGS: CardSettings = {
  agent_id: null,
  unapproved: 'refuse',
  direct_messages: false,
  idle_seconds: 604_800,
  reply_closes_after_seconds: 86_400,
  ring_seconds: 45,
  primary: false,
}

const CONTENT = ['slug', ...Object.keys(required), ...Object.keys(removable), ...Object.keys(postures), 'delivery']

/** What is there, with the wishes put over it: what a wish takes away is not there, and a `false` that says nothing neither. Every fault at once. */
export function readContent(present: Partial<CardContent>, wishes: Wishes & { delivery?: DeliveryMode }): CardContent {
  const merged: Record<string, unknown> = { ...present }
  for (const [name, value] of Object.entries(wishes)) if (CONTENT.includes(name) && value !== undefined) merged[name] = value
  const content = tidy(merged) as CardContent
  const errors = faultsOf(content)
  if (errors.length > 0) throw new Problem('validation_failed', { errors })
  return content
}

export function readCardSettings(present: CardSettings, wishes: Wishes): CardSettings {
  const given = Object.entries(wishes).filter(([name, value]) => name in settings && value !== undefined)
  return { ...present, ...Object.fromEntries(given) }
}

/** One spelling for one meaning: nothing that is null, and no `required: false` (R16). */
function tidy(content: Record<string, unknown>): Record<string, unknown> {
  const { skills, extended, ...rest } = content as { skills?: Skill[]; extended?: { skills?: Skill[] } | null }
  const kept = Object.entries(rest).filter(([, value]) => value !== null)
  return {
    ...Object.fromEntries(kept),
    ...(skills && { skills: skills.map(tidySkill) }),
    ...(extended && { extended: { ...extended, ...(extended.skills && { skills: extended.skills.map(tidySkill) }) } }),
  }
}
const tidySkill = ({ facts, ...skill }: Skill) => ({ ...skill, ...(facts && { facts: facts.map(tidyFact) }) })
const tidyFact = ({ required: isRequired, ...fact }: Parsed<typeof Fact>) => ({ ...fact, ...(isRequired && { required: true }) })

const fault = (path: string, code: string, message: string): FieldError => ({ path, code, message })

/** What no schema tells of one member. */
function faultsOf(content: CardContent): FieldError[] {
  const errors = content.skills.flatMap((skill, i) => skillFaults(skill, `/skills/${i}`))
  const more = content.extended?.skills ?? []
  errors.push(...more.flatMap((skill, i) => skillFaults(skill, `/extended/skills/${i}`)))
  errors.push(
    ...repeated(
      content.skills.map((skill) => skill.id),
      '/skills',
      '/id',
    ),
    ...more.flatMap(({ id }, i) =>
      [...content.skills, ...more.slice(0, i)].some((other) => other.id === id)
        ? [fault(`/extended/skills/${i}/id`, 'repeated', 'Stands there already.')]
        : [],
    ),
  )
  for (const name of ['accepted_inputs', 'expected_outputs'] as const) errors.push(...repeated(content[name], `/${name}`))
  const urls = {
    '/provider/url': content.provider?.url,
    '/documentation_url': content.documentation_url,
    '/icon_url': content.icon_url,
  }
  for (const [path, url] of Object.entries(urls))
    if (url !== undefined && !isPlain(url)) errors.push(fault(path, 'invalid', 'Must be an https address without a user in it.'))
  for (const name of ['limits', 'capabilities', 'extended'] as const)
    if (content[name] && Object.keys(content[name]).length === 0) errors.push(fault(`/${name}`, 'empty', 'Leave it out.'))
  content.encryption_keys?.forEach((key, i) => {
    const why = keyFault(key)
    if (why) errors.push(fault(`/encryption_keys/${i}`, 'invalid', why))
  })
  return errors
}

function skillFaults(skill: Skill, path: string): FieldError[] {
  const errors = repeated(skill.tags, `${path}/tags`)
  for (const name of ['input_modes', 'output_modes'] as const) errors.push(...repeated(skill[name] ?? [], `${path}/${name}`))
  errors.push(
    ...repeated(
      (skill.facts ?? []).map((one) => one.name),
      `${path}/facts`,
      '/name',
    ),
  )
  skill.facts?.forEach((one, i) => {
    if ((one.type === 'word') !== (one.values !== undefined))
      errors.push(fault(`${path}/facts/${i}/values`, 'invalid', 'A word lists its values, and nothing else does.'))
    errors.push(...repeated(one.values ?? [], `${path}/facts/${i}/values`))
  })
  return errors
}

const repeated = (names: readonly string[], path: string, member = ''): FieldError[] =>
  names.flatMap((name, i) =>
    names.indexOf(name) < i ? [fault(`${path}/${i}${member}`, 'repeated', 'Stands there already.')] : [],
  )

function isPlain(text: string): boolean {
  const url = URL.parse(text)
  return url !== null && url.username === '' && url.password === '' && url.hostname !== ''
}

function keyFault(jwk: Record<string, unknown>): string | null {
  try {
    return readJwk(jwk).alg === 'ES256' ? null : 'Messages are sealed to keys of P-256 (EC).'
  } catch (error) {
    if (error instanceof KeyRefused) return error.message
    throw error
  }
}
