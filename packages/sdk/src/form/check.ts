// What the fields of a form say about an answer (T79), in the words that the server uses for schemas: one error for each place, with the name of the field (T58). The server runs it
// on every answer, a page while one types; patterns are handed out instead of run, for only who runs them can bound their time.
import { canonicalJson } from '../canonical.ts'
import type { FieldError } from '../problem.ts'
import { dayOf, momentOf, secondOf } from './calendar.ts'
import { type Column, type Field, type FieldOf, type Form, isRecord, leaves, type Option } from './kinds.ts'
import { isIn, step, steps, valueAt } from './place.ts'

type Say = (code: string, message: string, below?: string) => void
type How = { partial: boolean; base: string; prefix: string; root: unknown; errors: FieldError[] }

/** Every error, not the first. `partial`: what is missing is what a person is asked for. */
export function checkAnswer(form: Pick<Form, 'fields'>, answer: unknown, options: { partial?: boolean } = {}): FieldError[] {
  const errors: FieldError[] = []
  checkFields(form.fields, { partial: options.partial ?? false, base: '', prefix: '', root: answer, errors })
  return errors
}

function checkFields(fields: readonly Field[], how: How) {
  for (const field of leaves(fields)) checkField(field, how)
}

function checkField(field: Field, how: How) {
  const value = valueAt(how.root, field.path)
  const name = how.prefix + field.name
  const say: Say = (code, message, below = '') =>
    void how.errors.push({
      path: how.base + field.path + below,
      field: below === '' ? name : [name, ...steps(below)].join('.'),
      code,
      message,
    })
  if (value === undefined || (value === null && field.open_is_null)) {
    const wanted = field.required && (field.within === undefined || valueAt(how.root, field.within) !== undefined)
    if (wanted && value === undefined && !how.partial) say('required', 'This is required.')
    return
  }
  // Whether null may stand here is the schema's to say.
  if (value === null && !field.required) return
  if (field.kind === 'subform') return checkEntries(field, value, how, say)
  if (field.kind === 'variant') return checkVariant(field, value, how)
  CHECKS[field.kind]?.(field as never, value, say)
}

type Check = (field: never, value: unknown, say: Say) => void
const check =
  <K extends Field['kind']>(run: (field: FieldOf<K>, value: unknown, say: Say) => void): Check =>
  (field, value, say) =>
    run(field, value, say)

const CHECKS: Partial<Record<Field['kind'], Check>> = {
  short_text: check<'short_text'>((field, value, say) => {
    if (field.subtype === 'number' || field.subtype === 'currency') {
      if (field.as_text ? typeof value !== 'string' || !/^-?\d+(?:\.\d+)?$/.test(value) : typeof value !== 'number')
        say('type', 'This must be a number.')
      return
    }
    if (!isText(value, say)) return
    length(field, value, say)
    if (field.subtype === 'email' && !/^[^\s@]{1,64}@[^\s@.]+(\.[^\s@.]+)*$/.test(value))
      say('format', 'This must be a mail address.')
    if (field.subtype === 'url' && !/^[a-z][a-z0-9+.-]*:[^\s]+$/i.test(value)) say('format', 'This must be a web address.')
    if (field.subtype === 'phone' && !/^\+?[\d ()./-]{3,30}$/.test(value)) say('format', 'This must be a telephone number.')
  }),
  long_text: check<'long_text'>((field, value, say) => void (isText(value, say) && length(field, value, say))),
  rich_text: check<'rich_text'>((field, value, say) => void (isText(value, say) && length(field, value, say))),
  switch: check<'switch'>((_, value, say) => void (typeof value !== 'boolean' && say('type', 'This must be true or false.'))),
  single_select: check<'single_select'>((field, value, say) => chosen(field.options, value, say)),
  multi_select: check<'multi_select'>((field, value, say) =>
    chosenList(field.options, value, say, field.min_count, field.max_count),
  ),
  picture_choice: check<'picture_choice'>((field, value, say) =>
    field.multiple ? chosenList(field.options, value, say) : chosen(field.options, value, say),
  ),
  ranking: check<'ranking'>((field, value, say) => {
    const { length: all } = field.options
    chosenList(field.options, value, say)
    if (Array.isArray(value) && value.length < all) say('min_items', `All ${all} must stand in the order.`)
  }),
  slider: check<'slider'>((field, value, say) => {
    if (!inRange(value, field.min, field.max, say)) return
    const steps = ((value as number) - field.min) / field.step
    if (Math.abs(steps - Math.round(steps)) > 1e-6)
      say('multiple_of', `This must go in steps of ${field.step} from ${field.min}.`)
  }),
  star_rating: check<'star_rating'>((field, value, say) => void (inRange(value, 1, field.max, say) && isWhole(value, say))),
  opinion_scale: check<'opinion_scale'>(
    (field, value, say) => void (inRange(value, field.min, field.max, say) && isWhole(value, say)),
  ),
  date: check<'date'>((field, value, say) => {
    if (dayOf(value) === null) return say('format', 'This must be a date such as 2026-01-31.')
    between(dayOf(value) as number, dayOf, field.min_date, field.max_date, say)
  }),
  datetime: check<'datetime'>((field, value, say) => {
    const at = momentOf(value)
    if (at === null) return say('format', 'This must be a date and time with its offset, such as 2026-01-31T08:30:00Z.')
    between(at, momentOf, field.min_datetime, field.max_datetime, say)
  }),
  date_range: check<'date_range'>(checkRange),
  time: check<'time'>((field, value, say) => {
    const at = secondOf(value)
    if (at === null) return say('format', 'This must be a time such as 08:30.')
    between(at, secondOf, field.min_time, field.max_time, say)
    const from = secondOf(field.min_time) ?? 0
    if (field.step_minutes !== undefined && (at - from) % (field.step_minutes * 60) !== 0)
      say('multiple_of', `This must go in steps of ${field.step_minutes} minutes.`)
  }),
  table: check<'table'>(checkTable),
  file_upload: check<'file_upload'>((_, __, say) => say('files_unavailable', 'Files are not available in this version.')),
  signature: check<'signature'>((_, __, say) => say('files_unavailable', 'Files are not available in this version.')),
}

function isText(value: unknown, say: Say): value is string {
  if (typeof value === 'string') return true
  say('type', 'This must be a text.')
  return false
}

function length(
  { min_length: min, max_length: max }: { min_length?: number; max_length?: number },
  value: string,
  say: Say,
): void {
  const own = [...value].length
  if (min !== undefined && own < min)
    say('min_length', min === 1 ? 'This must not be empty.' : `This must have at least ${min} characters.`)
  if (max !== undefined && own > max) say('max_length', `This must have at most ${max} characters.`)
}

const isOffered = (options: readonly Option[], value: unknown) =>
  options.some(
    (option) => option.value === value || (typeof value === 'object' && canonicalJson(option.value) === canonicalJson(value)),
  )

function chosen(options: readonly Option[], value: unknown, say: Say, below?: string) {
  if (!isOffered(options, value)) {
    const some = options.slice(0, 20).map((option) => JSON.stringify(option.value))
    say('enum', `This must be one of ${some.join(', ')}.`, below)
  }
}

function chosenList(options: readonly Option[], value: unknown, say: Say, min?: number, max?: number) {
  if (!Array.isArray(value)) return say('type', 'This must be a list.')
  for (const [i, one] of value.entries()) chosen(options, one, say, step(i))
  if (new Set(value.map(canonicalJson)).size < value.length) say('unique_items', 'No two of these may be equal.')
  counted(value.length, min, max, say)
}

function counted(own: number, min: number | undefined, max: number | undefined, say: Say) {
  if (min !== undefined && own < min) say('min_items', `Choose or add at least ${min}.`)
  if (max !== undefined && own > max) say('max_items', `Choose or add at most ${max}.`)
}

function inRange(value: unknown, min: number | undefined, max: number | undefined, say: Say, below?: string): boolean {
  if (typeof value !== 'number') say('type', 'This must be a number.', below)
  else if (min !== undefined && value < min) say('minimum', `This must be at least ${min}.`, below)
  else if (max !== undefined && value > max) say('maximum', `This must be at most ${max}.`, below)
  else return true
  return false
}

const isWhole = (value: unknown, say: Say): void => void (Number.isInteger(value) || say('type', 'This must be a whole number.'))

function between(
  own: number,
  order: (text: unknown) => number | null,
  min: string | undefined,
  max: string | undefined,
  say: Say,
  below?: string,
): void {
  const [from, to] = [order(min), order(max)]
  if (from !== null && own < from) say('minimum', `This must not be before ${min}.`, below)
  if (to !== null && own > to) say('maximum', `This must not be after ${max}.`, below)
}

function checkRange(field: FieldOf<'date_range'>, value: unknown, say: Say) {
  if (!isRecord(value)) return say('type', 'This must be a first and a last day.')
  const extra = Object.keys(value).filter((name) => name !== 'start' && name !== 'end')
  for (const name of extra) say('unknown_member', 'This does not belong to the answer.', step(name))
  const [start, end] = [dayOf(value.start), dayOf(value.end)]
  for (const [name, day] of [
    ['start', start],
    ['end', end],
  ] as const) {
    if (day === null)
      say(
        value[name] === undefined ? 'required' : 'format',
        value[name] === undefined ? 'This is required.' : 'This must be a date such as 2026-01-31.',
        step(name),
      )
    else between(day, dayOf, field.min_date, field.max_date, say, step(name))
  }
  if (start === null || end === null) return
  if (end < start) return say('minimum', 'The last day is before the first.')
  const days = end - start + 1
  if (field.min_days !== undefined && days < field.min_days) say('min_days', `This must be at least ${field.min_days} days.`)
  if (field.max_days !== undefined && days > field.max_days) say('max_days', `This must be at most ${field.max_days} days.`)
}

function checkTable(field: FieldOf<'table'>, value: unknown, say: Say) {
  if (!Array.isArray(value)) return say('type', 'This must be a list.')
  counted(value.length, field.min_rows, field.max_rows, say)
  for (const [i, row] of value.entries()) {
    if (!isRecord(row)) {
      say('type', 'This must be an object.', step(i))
      continue
    }
    for (const column of field.columns)
      checkCell(column, row[column.name], (code, message) => say(code, message, step(i) + step(column.name)))
  }
}

function checkCell(column: Column, value: unknown, say: Say) {
  if (value === undefined) return column.required && !column.open_is_null ? say('required', 'This is required.') : undefined
  if (value === null && !column.required) return
  switch (column.kind) {
    case 'short_text':
    case 'long_text':
      return void isText(value, say)
    case 'number':
    case 'currency':
      return void inRange(value, column.min_value, column.max_value, say)
    case 'switch':
      return typeof value === 'boolean' ? undefined : say('type', 'This must be true or false.')
    case 'single_select':
      return chosen(column.options ?? [], value, say)
    case 'date':
      return dayOf(value) === null ? say('format', 'This must be a date such as 2026-01-31.') : undefined
    case 'datetime':
      return momentOf(value) === null
        ? say('format', 'This must be a date and time with its offset, such as 2026-01-31T08:30:00Z.')
        : undefined
  }
}

function checkEntries(field: FieldOf<'subform'>, value: unknown, how: How, say: Say) {
  if (!Array.isArray(value)) return say('type', 'This must be a list.')
  counted(value.length, field.min_count, field.max_count, say)
  for (const [i, entry] of value.entries())
    checkFields(field.fields, {
      ...how,
      base: how.base + field.path + step(i),
      prefix: `${how.prefix}${field.name}.${i}.`,
      root: entry,
    })
}

/** Of a union only the branch that the answer names speaks; where none is named the schema alone judges. */
function checkVariant(field: FieldOf<'variant'>, value: unknown, how: How) {
  const mark = field.discriminator !== undefined && isRecord(value) ? value[field.discriminator] : undefined
  const option = mark === undefined ? undefined : field.options.find((one) => one.value === mark)
  if (option) checkFields(option.fields, how)
}

export type PatternCheck = { path: string; field: string; pattern: string; text: string }

/** Texts of the answer that a field's pattern has to judge. */
export function patternsOf(form: Pick<Form, 'fields'>, answer: unknown): PatternCheck[] {
  const collect = (fields: readonly Field[], root: unknown, base: string, prefix: string): PatternCheck[] =>
    leaves(fields).flatMap((field): PatternCheck[] => {
      const value = valueAt(root, field.path)
      const path = base + field.path
      if (field.kind === 'subform' && Array.isArray(value))
        return value.flatMap((entry, i) => collect(field.fields, entry, path + step(i), `${prefix}${field.name}.${i}.`))
      if (field.kind === 'variant' && field.discriminator !== undefined && isRecord(value)) {
        const mark = value[field.discriminator]
        return field.options.filter((one) => one.value === mark).flatMap((one) => collect(one.fields, root, base, prefix))
      }
      return field.kind === 'short_text' && field.pattern !== undefined && typeof value === 'string'
        ? [{ path, field: prefix + field.name, pattern: field.pattern, text: value }]
        : []
    })
  return collect(form.fields, answer, '', '')
}

/** The name of the field that an error at a place of the answer is about: the form's own, with entry and column where it has them. */
export function fieldAt(form: Pick<Form, 'fields'>, pointer: string): string {
  const named = (fields: readonly Field[], place: string): string | null => {
    const own = leaves(fields)
      .filter((field) => isIn(place, field.path) && (field.path !== '' || leaves(fields).length === 1))
      .sort((a, b) => b.path.length - a.path.length)[0]
    if (!own) return null
    const rest = steps(place.slice(own.path.length))
    if (own.kind === 'variant') {
      const inner = own.options.map((option) => named(option.fields, place)).find((name) => name !== null)
      if (inner) return inner
    }
    if (own.kind === 'subform' && rest.length > 1) {
      const inner = named(own.fields, rest.slice(1).map(step).join(''))
      return [own.name, rest[0], ...(inner ? [inner] : rest.slice(1))].join('.')
    }
    return [own.name, ...rest].join('.')
  }
  return named(form.fields, pointer) ?? steps(pointer).join('.')
}
