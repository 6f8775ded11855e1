// A form in a terminal (T147): field by field, each checked by the form's own rules before the next is asked, in the words of every other surface. What a
// terminal cannot take (files, a signature) is said at once, with the page that can.
import type { Task } from '@countersign/sdk'
import {
  assemble,
  type Column,
  checkAnswer,
  type Draft,
  type Drafts,
  type Field,
  type FieldOf,
  formOf,
  leaves,
  type Option,
} from '@countersign/sdk/form'
import { plain, usage } from './output.ts'

export type Asking = { ask: (question: string) => Promise<string>; say: (line: string) => void }
export type Question = Pick<Task, 'response_schema' | 'form_definition' | 'url'>

export async function askForm(question: Question, io: Asking): Promise<unknown> {
  const form = formOf(question.response_schema, question.form_definition)
  const shown = form.fields.length === 0 ? [] : form.fields
  const drafts = await askFields(shown, io, question.url)
  return assemble(form, drafts)
}

/** What a form asks for, for whoever writes one. */
export function describeForm(schema: unknown, definition: unknown): string {
  return leaves(formOf(schema, definition).fields)
    .map(
      (field) =>
        `${field.name}  ${field.kind}  ${plain(field.label)}${field.required ? '' : ' (may be left open)'}${choicesOf(field)}`,
    )
    .join('\n')
}

const choicesOf = (field: Field): string =>
  'options' in field && field.kind !== 'variant' ? `: ${field.options.map(({ label }) => plain(label)).join(', ')}` : ''

async function askFields(fields: readonly Field[], io: Asking, url: string): Promise<Drafts> {
  const drafts: Drafts = {}
  for (const field of fields) {
    if (field.kind === 'section_collapse') {
      io.say(plain(field.title))
      Object.assign(drafts, await askFields(field.fields, io, url))
    } else if (field.kind === 'section') io.say(plain(field.title))
    else if (field.kind === 'display_text') io.say(plain(field.text))
    else if (leaves([field]).length > 0) drafts[field.name] = await askUntilRight(field, io, url)
  }
  return drafts
}

async function askUntilRight(field: Field, io: Asking, url: string): Promise<Draft> {
  for (;;) {
    const draft = await askOne(field, io, url)
    const errors = checkAnswer({ fields: [field] }, assemble({ fields: [field], objects: [] }, { [field.name]: draft }))
    if (errors.length === 0) return draft
    for (const { message } of errors) io.say(`  ${message}`)
  }
}

const head = (field: Field | Column, more = ''): string =>
  `${plain(field.label)}${more}${field.required ? '' : ', empty to leave open'}: `

async function askOne(field: Field, io: Asking, url: string): Promise<Draft> {
  switch (field.kind) {
    case 'switch':
      return askSwitch(field, io, `${field.true_label} or ${field.false_label}`, [field.true_label, field.false_label])
    case 'single_select':
      return askChoice(field, field.options, io)
    case 'picture_choice':
      return field.multiple ? askChoices(field, field.options, io, 'several with commas') : askChoice(field, field.options, io)
    case 'multi_select':
      return askChoices(field, field.options, io, 'several with commas')
    case 'ranking':
      return askChoices(field, field.options, io, 'all of them with commas, the first first')
    case 'date_range':
      return { start: await io.ask(head(field, ', from')), end: await io.ask(head(field, ', to')) }
    case 'table':
      return askRows(field, io)
    case 'subform':
      return askEntries(field, io, url)
    case 'variant':
      return askVariant(field, io, url)
    case 'file_upload':
    case 'signature':
      if (!field.required) return undefined
      throw usage(`${plain(field.label)} cannot be given in a terminal. Answer on the page: ${url}`)
    case 'json':
      return io.ask(head(field, ' (JSON)'))
    default:
      return io.ask(head(field, hintOf(field)))
  }
}

function hintOf(field: Field): string {
  if (field.kind === 'date') return ' (2026-01-31)'
  if (field.kind === 'time') return ' (08:30)'
  if (field.kind === 'datetime') return ' (2026-01-31T08:30)'
  if (field.kind === 'slider' || field.kind === 'opinion_scale') return ` (${field.min} to ${field.max})`
  return field.kind === 'star_rating' ? ` (1 to ${field.max})` : ''
}

const YES = ['y', 'yes', 'true', '1']
const NO = ['n', 'no', 'false', '0']

async function askSwitch(field: Field | Column, io: Asking, said: string, [yes, no]: [string, string]): Promise<Draft> {
  for (;;) {
    const word = (await io.ask(head(field, ` (${plain(said)})`))).toLowerCase()
    if (word === '') return undefined
    if (word === yes.toLowerCase() || YES.includes(word)) return true
    if (word === no.toLowerCase() || NO.includes(word)) return false
    io.say('  This is answered by yes or no.')
  }
}

function listOptions(options: readonly Option[], io: Asking): void {
  for (const [i, { label }] of options.entries()) io.say(`  ${i + 1}  ${plain(label)}`)
}

/** By its number, its label or its value. Drafts know options by their place. */
function placeOf(options: readonly Option[], word: string): string | null {
  const number = /^\d+$/.test(word) ? Number(word) - 1 : -1
  const place = options.findIndex(
    ({ label, value }, i) => i === number || label.toLowerCase() === word.toLowerCase() || String(value) === word,
  )
  return place < 0 ? null : String(place)
}

async function askChoice(field: Field | Column, options: readonly Option[], io: Asking): Promise<Draft> {
  listOptions(options, io)
  for (;;) {
    const word = await io.ask(head(field))
    if (word === '') return ''
    const place = placeOf(options, word)
    if (place !== null) return place
    io.say('  This is none of them.')
  }
}

async function askChoices(field: Field, options: readonly Option[], io: Asking, how: string): Promise<Draft> {
  listOptions(options, io)
  for (;;) {
    const words = (await io.ask(head(field, ` (${how})`))).split(',').map((word) => word.trim())
    if (words.join('') === '') return field.kind === 'ranking' ? undefined : []
    const places = words.map((word) => placeOf(options, word))
    if (!places.includes(null)) return places as string[]
    io.say('  One of these is none of them.')
  }
}

const another = async (io: Asking, what: string): Promise<boolean> =>
  YES.includes((await io.ask(`${what} (yes or no): `)).toLowerCase())

async function askRows(field: FieldOf<'table'>, io: Asking): Promise<Draft> {
  const rows: Drafts[] = []
  while (rows.length < (field.min_rows ?? 0) || (await another(io, `${plain(field.label)}: another row?`))) {
    const row: Drafts = {}
    for (const column of field.columns) row[column.name] = await askCell(column, io)
    rows.push(row)
  }
  return rows
}

function askCell(column: Column, io: Asking): Promise<Draft> {
  if (column.kind === 'switch') return askSwitch(column, io, 'yes or no', ['yes', 'no'])
  return column.kind === 'single_select' ? askChoice(column, column.options ?? [], io) : io.ask(head(column))
}

async function askEntries(field: FieldOf<'subform'>, io: Asking, url: string): Promise<Draft> {
  const entries: Drafts[] = []
  while (
    entries.length < (field.min_count ?? 0) ||
    (await another(io, `${plain(field.label)}: ${plain(field.add_label).toLowerCase()}?`))
  )
    entries.push(await askFields(field.fields, io, url))
  return entries
}

async function askVariant(field: FieldOf<'variant'>, io: Asking, url: string): Promise<Draft> {
  const chosen = await askChoice(field, field.options, io)
  const option = field.options[Number(chosen)]
  if (chosen === '' || !option) return { chosen: '' }
  return { chosen: String(chosen), [String(chosen)]: await askFields(option.fields, io, url) }
}
