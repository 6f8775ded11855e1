// Where a form can be answered (T85): natively, by buttons, or by a link to the full form, and why. One pure function that every channel asks, so that no channel has a rule of its own.
import { type AnyKind, FILES, type Field, type Form, isRecord, leaves, SHOWN } from './kinds.ts'
import { withValueAt } from './place.ts'

export type Surface = 'dashboard' | 'embed' | 'slack' | 'mail' | 'push'
type Risk = 'low' | 'normal' | 'high' | 'critical'
type Assurance = 'link' | 'channel' | 'session' | 'step_up' | 'passkey'

export type AnswerableOptions = {
  risk?: Risk
  redact?: 'none' | 'notify' | 'strict'
  /** What a decision needs at least, where that is more than what the risk asks for. */
  assurance?: Assurance
  /** A proposed action instead of a form: what may be said to it. */
  action?: { allow: readonly string[] } | null
  /** The channel had to shorten what the person judges. */
  shortened?: boolean
}

export type Button = { label: string; response: Record<string, unknown> }
export type Answerable = {
  by: 'form' | 'buttons' | 'link'
  /** A sentence for the person, when it is a link or something is left out. */
  why: string | null
  /** Names of optional fields and of content that this surface cannot show. */
  left_out: string[]
  buttons: Button[]
}

const ORDER: readonly Assurance[] = ['link', 'channel', 'session', 'step_up', 'passkey']
const NEEDED: Record<Risk, Assurance> = { low: 'link', normal: 'link', high: 'step_up', critical: 'passkey' }
/** What a person there has proved at most; the dashboard asks for more where more is needed. */
const PROVED: Record<Surface, Assurance> = {
  dashboard: 'passkey',
  embed: 'link',
  slack: 'channel',
  mail: 'link',
  push: 'passkey',
}

const NOT_IN_SLACK: readonly AnyKind[] = [
  ...(['rich_text', 'ranking', 'date_range', 'signature', 'video', 'pdf_viewer', 'html'] as const),
  ...(['section_collapse', 'table', 'subform', 'variant', 'json'] as const),
]
const SLACK_BLOCKS = 90
// Above a hundred they are loaded while somebody types.
const SLACK_OPTIONS = 1_000
const BUTTONS = 6

/**
 * How a task can be answered on a surface.
 *
 * @example
 * ```ts
 * import { answerable, formOf } from '@countersign/sdk/form'
 * const form = formOf({ type: 'object', properties: { approved: { type: 'boolean' } }, required: ['approved'] }, null)
 * console.log(answerable(form, 'mail').by, answerable(form, 'mail', { risk: 'high' }).by) // buttons link
 * ```
 */
export function answerable(form: Form, surface: Surface, options: AnswerableOptions = {}): Answerable {
  const risk = options.risk ?? 'normal'
  const link = (why: string): Answerable => ({ by: 'link', why, left_out: [], buttons: [] })
  if (surface === 'dashboard') return { by: 'form', why: null, left_out: [], buttons: [] }
  const redact = options.redact ?? 'none'
  if (redact === 'strict' || (redact === 'notify' && surface !== 'embed'))
    return link('Its content is shown only to who is signed in.')
  const need = stronger(options.assurance ?? 'link', NEEDED[risk])
  if (ORDER.indexOf(need) > ORDER.indexOf(PROVED[surface])) return link(PROOF[need])
  const risky = risk === 'high' || risk === 'critical'
  if (options.shortened && risky)
    return link('Part of the content is missing here, and the risk is too high to decide without it.')
  if (surface === 'push' && risky) return link('The risk is too high to decide from a notification.')
  if (options.action) return ofAction(surface, options.action.allow)
  if (surface === 'push') return link('A form is answered on its page.')
  if (surface === 'mail') return byButtons(form)
  return surface === 'slack' ? bySlack(form, risky) : { by: 'form', why: null, left_out: [], buttons: [] }
}

const stronger = (a: Assurance, b: Assurance): Assurance => (ORDER.indexOf(a) > ORDER.indexOf(b) ? a : b)

const PROOF: Record<Assurance, string> = {
  link: 'This is answered on its page.',
  channel: 'This is answered where you are known.',
  session: 'This needs you to be signed in.',
  step_up: 'This needs you to be signed in, with a fresh proof that it is you.',
  passkey: 'This needs your passkey.',
}

function ofAction(surface: Surface, allow: readonly string[]): Answerable {
  const buttons = allow.includes('accept') && allow.includes('deny')
  if (surface === 'slack' || surface === 'embed') return { by: 'form', why: null, left_out: [], buttons: [] }
  return buttons
    ? { by: 'buttons', why: null, left_out: [], buttons: [] }
    : { by: 'link', why: 'This takes more than a yes or a no.', left_out: [], buttons: [] }
}

/** The answers that one press can give: those of the one required field, when it has few. */
export function buttonsOf(form: Form): Button[] | null {
  const required = leaves(form.fields).filter((field) => field.required && field.within === undefined)
  const [field] = required
  if (!field || required.length !== 1) return null
  const choices = choicesOf(field)
  if (!choices || choices.length > BUTTONS) return null
  return choices.map(({ label, value }) => {
    let response = withValueAt({}, field.path, value)
    for (const { path, within } of form.objects) if (within === undefined) response = ensured(response, path)
    return { label, response: response as Record<string, unknown> }
  })
}

function ensured(response: unknown, path: string): unknown {
  const names = path.split('/').slice(1)
  let at: unknown = response
  for (const name of names) at = isRecord(at) ? at[name.replaceAll('~1', '/').replaceAll('~0', '~')] : undefined
  return at === undefined ? withValueAt(response, path, {}) : response
}

function choicesOf(field: Field): { label: string; value: unknown }[] | null {
  const numbers = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, i) => ({ label: String(from + i), value: from + i }))
  switch (field.kind) {
    case 'switch':
      return [
        { label: field.true_label, value: true },
        { label: field.false_label, value: false },
      ]
    case 'single_select':
      return field.options
    case 'star_rating':
      return numbers(1, field.max).map(({ label, value }) => ({ label: `${label} of ${field.max}`, value }))
    case 'opinion_scale':
      return numbers(field.min, field.max)
    default:
      return null
  }
}

function byButtons(form: Form): Answerable {
  // A required member that may be null has to be there too, and one press gives one member.
  const alone = leaves(form.fields).filter((field) => field.open_is_null).length === 0
  const buttons = alone ? buttonsOf(form) : null
  if (!buttons) return { by: 'link', why: 'It asks for more than one press can say.', left_out: [], buttons: [] }
  const others = leaves(form.fields).filter((field) => !field.required)
  return {
    by: 'buttons',
    why: others.length > 0 ? 'The page asks for more, if you want to say more.' : null,
    left_out: others.map(({ name }) => name),
    buttons,
  }
}

function bySlack(form: Form, risky: boolean): Answerable {
  const link = (why: string): Answerable => ({ by: 'link', why, left_out: [], buttons: [] })
  const out: Field[] = []
  let blocks = 0
  for (const field of form.fields) {
    const fits = !NOT_IN_SLACK.includes(field.kind) && !FILES.includes(field.kind) && optionsOf(field) <= SLACK_OPTIONS
    if (fits) blocks += field.kind === 'picture_choice' ? field.options.length + 1 : 1
    else out.push(field)
  }
  const asked = out.flatMap((field) => leaves([field]))
  const required = asked.find((field) => field.required || field.open_is_null)
  if (required) return link(`“${required.label}” cannot be asked for in Slack.`)
  const content = out.find((field) => SHOWN.includes(field.kind))
  if (content && risky)
    return link('Part of the content cannot be shown in Slack, and the risk is too high to decide without it.')
  if (blocks > SLACK_BLOCKS) return link('The form is too long for Slack.')
  const why =
    out.length === 0 ? null : `${out.length} ${out.length === 1 ? 'part' : 'parts'} of the form can be seen on its page only.`
  return { by: 'form', why, left_out: out.map(({ name }) => name), buttons: [] }
}

const optionsOf = (field: Field): number => ('options' in field ? field.options.length : 0)
