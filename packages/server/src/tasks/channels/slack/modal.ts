// The form of a task as a modal of Slack (T117): each field a block whose id comes from the field's name, what was typed read back from it, and the server's word about a
// field put on its block. Pure; it validates nothing.

import type { FieldError } from '@countersign/sdk'
import { type Drafts, draftOf, type Field, type Form, isIn, leaves, localIn, type Option } from '@countersign/sdk/form'
import type { InputBlock, KnownBlock, ModalView, PlainTextOption } from '@slack/types'
import { sha256Hex } from '../../../crypto/token.ts'
import type { Task } from '../../wire.ts'
import { contentOf, plain } from './blocks.ts'
import { atMost, clip, LIMITS } from './limits.ts'
import { at, isRecord, type Json, textAt } from './read.ts'

/** What the view carries, so that a submission knows what it answers. */
export type ViewMemory = { n: string; t: string; r: number }
export const ANSWER = 'cs_answer'
const VALUE = 'value'

export function blockIdOf(field: Pick<Field, 'name'>): string {
  const id = `f-${field.name}`
  return id.length <= LIMITS.blockId ? id : `f-${sha256Hex(field.name)}`
}

export type ModalInput = {
  task: Task
  form: Form
  memory: ViewMemory
  drafts?: Drafts
  note?: string
  /** What was wrong with the last answer, by the blocks of its fields: a view that opens can carry no errors of Slack's own. */
  said?: Record<string, string>
  url: string
}

export function modalOf({ task, form, memory, drafts, note, said = {}, url }: ModalInput): ModalView {
  const shown = drafts ?? draftOf(form, isRecord(task.initial_response) ? task.initial_response : undefined)
  const fields = form.fields.flatMap((field) => {
    const words = said[blockIdOf(field)]
    return [...(words === undefined ? [] : [section(`⚠ ${words}`)]), ...blocksOf(field, shown)]
  })
  const content = [
    ...(note === undefined ? [] : [section(note)]),
    section(typeof task.task === 'string' ? task.task : 'A task waits'),
    ...contentOf(task),
    { type: 'context', elements: [{ type: 'mrkdwn', text: `<${url}|Open the whole question>` }] } satisfies KnownBlock,
    { type: 'divider' } satisfies KnownBlock,
  ]
  return {
    type: 'modal',
    callback_id: ANSWER,
    private_metadata: JSON.stringify(memory),
    title: { type: 'plain_text', text: clip(form.title ?? 'Your answer', LIMITS.modalTitle), emoji: false },
    submit: { type: 'plain_text', text: clip(form.submit_label ?? 'Send', LIMITS.modalTitle), emoji: false },
    close: { type: 'plain_text', text: 'Not now', emoji: false },
    blocks: [
      ...atMost<KnownBlock>(content, Math.max(1, LIMITS.modalBlocks - fields.length), () =>
        section('There is more on its page.'),
      ),
      ...fields,
    ],
  }
}

/** In the place of a form that can be answered no more. */
export const endOf = (text: string, url: string): ModalView => ({
  type: 'modal',
  callback_id: 'cs_end',
  title: { type: 'plain_text', text: 'Not sent', emoji: false },
  close: { type: 'plain_text', text: 'Close', emoji: false },
  blocks: [section(text), { type: 'context', elements: [{ type: 'mrkdwn', text: `<${url}|Open the question>` }] }],
})

const section = (text: string): KnownBlock => ({ type: 'section', text: plain(text) })

function blocksOf(field: Field, drafts: Drafts): KnownBlock[] {
  switch (field.kind) {
    case 'display_text':
      return [section(field.text)]
    case 'section':
      return [section(field.subtitle ? `${field.title}\n${field.subtitle}` : field.title)]
    case 'divider':
      return [{ type: 'divider' }]
    // Slack would fetch it from its own servers: who wants to see it follows the link (T86).
    case 'image':
      return [section(`Image: ${field.alt ?? 'without a description'}. It is shown on the page of the question.`)]
    default: {
      const element = elementOf(field, drafts[field.name])
      return element === null ? [] : [inputOf(field, element)]
    }
  }
}

const inputOf = (field: Field, element: InputBlock['element']): InputBlock => ({
  type: 'input',
  block_id: blockIdOf(field),
  label: plain(field.label || 'Answer', LIMITS.label),
  element,
  optional: !field.required,
  ...(field.hint ? { hint: plain(field.hint, LIMITS.hint) } : {}),
})

/** Null: this kind is not asked for here; `answerable` has sent a form that needs it to its page. */
function elementOf(field: Field, draft: unknown): InputBlock['element'] | null {
  const typed = typeof draft === 'string' && draft !== '' && draft.length <= LIMITS.input ? { initial_value: draft } : {}
  const holder = 'placeholder' in field && field.placeholder ? { placeholder: plain(field.placeholder, LIMITS.placeholder) } : {}
  switch (field.kind) {
    case 'short_text':
      if (field.subtype === 'number' || field.subtype === 'currency')
        return { type: 'number_input', action_id: VALUE, is_decimal_allowed: true, ...typed, ...holder }
      if (field.subtype === 'email') return { type: 'email_text_input', action_id: VALUE, ...typed, ...holder }
      if (field.subtype === 'url') return { type: 'url_text_input', action_id: VALUE, ...typed, ...holder }
      return { type: 'plain_text_input', action_id: VALUE, ...typed, ...holder, ...lengthsOf(field) }
    case 'long_text':
      return { type: 'plain_text_input', action_id: VALUE, multiline: true, ...typed, ...holder, ...lengthsOf(field) }
    case 'switch':
      return radios(
        [
          { text: field.true_label, value: 'true' },
          { text: field.false_label, value: 'false' },
        ],
        typeof draft === 'boolean' ? String(draft) : '',
      )
    case 'single_select':
      return choice(indexed(field.options), typeof draft === 'string' ? draft : '')
    case 'picture_choice':
      return field.multiple
        ? choices(indexed(field.options), draft)
        : choice(indexed(field.options), typeof draft === 'string' ? draft : '')
    case 'multi_select':
      return choices(indexed(field.options), draft)
    case 'slider':
      return {
        type: 'number_input',
        action_id: VALUE,
        is_decimal_allowed: !Number.isInteger(field.step) || !Number.isInteger(field.min),
        min_value: String(field.min),
        max_value: String(field.max),
        ...typed,
      }
    case 'star_rating':
      return choice(
        numbers(1, field.max, (n) => `${n} of ${field.max}`),
        typeof draft === 'string' ? draft : '',
      )
    case 'opinion_scale':
      return choice(
        numbers(field.min, field.max, (n) => labelOfScale(field, n)),
        typeof draft === 'string' ? draft : '',
      )
    case 'date':
      return {
        type: 'datepicker',
        action_id: VALUE,
        ...(typeof draft === 'string' && draft !== '' ? { initial_date: draft } : {}),
      }
    case 'time':
      return {
        type: 'timepicker',
        action_id: VALUE,
        ...(typeof draft === 'string' && draft !== '' ? { initial_time: draft.slice(0, 5) } : {}),
      }
    case 'datetime':
      return { type: 'datetimepicker', action_id: VALUE }
    default:
      return null
  }
}

const lengthsOf = ({ max_length }: { max_length?: number }) => ({
  max_length: Math.max(1, Math.min(max_length ?? LIMITS.input, LIMITS.input)),
})

const labelOfScale = (field: { min: number; max: number; min_label?: string; max_label?: string }, n: number): string =>
  n === field.min && field.min_label
    ? `${n}: ${field.min_label}`
    : n === field.max && field.max_label
      ? `${n}: ${field.max_label}`
      : String(n)

type Choice = { text: string; value: string; hint?: string }
const indexed = (options: readonly Option[]): Choice[] =>
  options.map((option, i) => ({ text: option.label, value: String(i), ...(option.hint ? { hint: option.hint } : {}) }))
const numbers = (from: number, to: number, label: (n: number) => string): Choice[] =>
  Array.from({ length: to - from + 1 }, (_, i) => ({ text: label(from + i), value: String(from + i) }))

export const optionOf = ({ text, value, hint }: Choice): PlainTextOption => ({
  text: { type: 'plain_text', text: clip(text === '' ? ' ' : text, LIMITS.option), emoji: false },
  value,
  ...(hint ? { description: { type: 'plain_text', text: clip(hint, LIMITS.option), emoji: false } } : {}),
})

function radios(all: readonly Choice[], chosen: string): InputBlock['element'] {
  const options = all.map(optionOf)
  const initial = options.find(({ value }) => value === chosen)
  return { type: 'radio_buttons', action_id: VALUE, options, ...(initial ? { initial_option: initial } : {}) }
}

function choice(all: readonly Choice[], chosen: string): InputBlock['element'] {
  if (all.length <= LIMITS.few) return radios(all, chosen)
  const options = all.map(optionOf)
  const initial = options.find(({ value }) => value === chosen)
  const begin = initial ? { initial_option: initial } : {}
  if (all.length <= LIMITS.options) return { type: 'static_select', action_id: VALUE, options, ...begin }
  return { type: 'external_select', action_id: VALUE, min_query_length: 0, ...begin }
}

function choices(all: readonly Choice[], draft: unknown): InputBlock['element'] {
  const chosen = Array.isArray(draft) ? draft : []
  const options = all.map(optionOf)
  const initial = options.filter(({ value }) => chosen.includes(value))
  const begin = initial.length > 0 ? { initial_options: initial } : {}
  if (all.length <= LIMITS.few) return { type: 'checkboxes', action_id: VALUE, options, ...begin }
  if (all.length <= LIMITS.options) return { type: 'multi_static_select', action_id: VALUE, options, ...begin }
  return { type: 'multi_external_select', action_id: VALUE, min_query_length: 0, ...begin }
}

/** Of a field with more options than a select holds: those whose label has what was typed. */
export function optionsFor(form: Form, blockId: string, typed: string): PlainTextOption[] {
  const field = leaves(form.fields).find((one) => blockIdOf(one) === blockId)
  if (!field || !('options' in field) || field.kind === 'variant') return []
  const sought = typed.trim().toLowerCase()
  return indexed(field.options)
    .filter(({ text }) => text.toLowerCase().includes(sought))
    .slice(0, LIMITS.options)
    .map(optionOf)
}

/** What was typed, as the form's own drafts; blocks of no field of this form are nothing. */
export function draftsFrom(form: Form, values: unknown): Drafts {
  return Object.fromEntries(
    leaves(form.fields).flatMap((field) => {
      const given = at(values, blockIdOf(field), VALUE)
      return isRecord(given) ? [[field.name, draftFrom(field, given)]] : []
    }),
  )
}

function draftFrom(field: Field, given: Json): Drafts[string] {
  const one = textAt(given, 'selected_option', 'value')
  switch (field.kind) {
    case 'switch':
      return one === null ? undefined : one === 'true'
    case 'multi_select':
      return manyOf(given)
    case 'picture_choice':
      return field.multiple ? manyOf(given) : (one ?? '')
    case 'single_select':
    case 'star_rating':
    case 'opinion_scale':
      return one ?? ''
    case 'date':
      return textAt(given, 'selected_date') ?? ''
    case 'time':
      return textAt(given, 'selected_time') ?? ''
    case 'datetime': {
      const seconds = given.selected_date_time
      return typeof seconds === 'number' ? localIn(field.timezone, new Date(seconds * 1_000).toISOString()) : ''
    }
    default:
      return textAt(given, 'value') ?? ''
  }
}

const manyOf = ({ selected_options: given }: Json): string[] =>
  Array.isArray(given) ? given.flatMap((option) => textAt(option, 'value') ?? []) : []

/** Each message on the block of the field that it is about; what no field of this view holds stands on the first. Null: the view has no block that can carry one. */
export function errorsOn(form: Form, errors: readonly FieldError[], base = '/response'): Record<string, string> | null {
  const asked = leaves(form.fields).filter((field) => elementOf(field, undefined) !== null)
  const [first] = asked
  if (!first) return null
  const said = new Map<string, string>()
  for (const { path, message } of errors) {
    const own = path.startsWith(base) ? path.slice(base.length) : path
    const field = asked.find((one) => isIn(own, one.path)) ?? first
    const id = blockIdOf(field)
    said.set(id, clip([said.get(id), message].filter(Boolean).join(' '), 300))
  }
  return Object.fromEntries(said)
}
