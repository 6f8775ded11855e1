// What a person has typed so far, and how it becomes an answer. What does not convert exactly is sent as typed, so that the server can say what is wrong with it: nothing is
// guessed, rounded or dropped here, and nothing that nobody filled in becomes a yes, a zero or an empty text.
import { canonicalJson } from '../canonical.ts'
import { localIn, momentIn } from './calendar.ts'
import {
  type Column,
  type Field,
  type FieldOf,
  type Form,
  isRecord,
  leaves,
  type Objects,
  type Option,
  type Variant,
} from './kinds.ts'
import { step, valueAt, withValueAt } from './place.ts'

export type Draft = string | boolean | undefined | Draft[] | Drafts
/** By the names of fields, those in sections among them. */
export type Drafts = { [name: string]: Draft }

/** Every input as it stands before anybody typed: what was prefilled, else what the field begins with, else open. */
export const draftOf = (form: Pick<Form, 'fields'>, initial?: unknown): Drafts => draftsOf(form.fields, initial)

const draftsOf = (fields: readonly Field[], initial: unknown): Drafts =>
  Object.fromEntries(leaves(fields).map((field) => [field.name, leafOf(field, valueAt(initial, field.path))]))

export const emptyEntry = (field: FieldOf<'subform'> | FieldOf<'table'>): Drafts =>
  field.kind === 'subform' ? draftsOf(field.fields, undefined) : rowOf(field.columns, {})

function leafOf(field: Field, given: unknown): Draft {
  const value = given ?? ('default' in field ? field.default : undefined)
  switch (field.kind) {
    case 'switch':
      return typeof value === 'boolean' ? value : undefined
    case 'single_select':
      return chosenOf(field.options, value)
    case 'multi_select':
      return listOf(value)
        .map((one) => chosenOf(field.options, one))
        .filter((one) => one !== '')
    case 'ranking':
      return given === undefined
        ? undefined
        : listOf(value)
            .map((one) => chosenOf(field.options, one))
            .filter((one) => one !== '')
    case 'picture_choice': {
      const chosen = listOf(value)
        .map((one) => chosenOf(field.options, one))
        .filter((one) => one !== '')
      return field.multiple ? chosen : (chosen[0] ?? '')
    }
    case 'datetime':
      return typeof value === 'string' ? localIn(field.timezone, value) : ''
    case 'date_range':
      return isRecord(value) ? { start: textOf(value.start), end: textOf(value.end) } : { start: '', end: '' }
    case 'table': {
      const rows = Array.isArray(value)
        ? value
        : Array.from({ length: Math.max(field.min_rows ?? 0, field.initial_rows) }, () => ({}))
      return rows.map((row) => rowOf(field.columns, isRecord(row) ? row : {}))
    }
    case 'subform': {
      const count = Math.max(field.min_count ?? 0, field.initial_count)
      const entries = Array.isArray(value) ? value : Array.from({ length: count }, () => undefined)
      return entries.map((entry) => draftsOf(field.fields, entry))
    }
    case 'variant': {
      const at = value === undefined ? -1 : field.options.findIndex((option) => fits(field, option, value))
      const options = field.options.map((option, i) => [
        String(i),
        draftsOf(option.fields, i === at ? withValueAt({}, field.path, value) : undefined),
      ])
      return { chosen: at < 0 ? '' : String(at), ...Object.fromEntries(options) }
    }
    case 'json':
      return value === undefined ? '' : JSON.stringify(value, null, 2)
    case 'file_upload':
    case 'signature':
      return undefined
    default:
      return textOf(value)
  }
}

const textOf = (value: unknown): string =>
  value === undefined || value === null || typeof value === 'object' ? '' : String(value)
const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : value === undefined ? [] : [value])
const chosenOf = (options: readonly Option[], value: unknown): string => {
  if (value === undefined) return ''
  const at = options.findIndex((option) => canonicalJson(option.value) === canonicalJson(value))
  return at < 0 ? '' : String(at)
}

const rowOf = (columns: readonly Column[], row: Record<string, unknown>): Drafts =>
  Object.fromEntries(
    columns.map((column) => {
      const value = row[column.name] ?? column.default
      if (column.kind === 'switch') return [column.name, typeof value === 'boolean' ? value : undefined]
      if (column.kind === 'single_select') return [column.name, chosenOf(column.options ?? [], value)]
      if (column.kind === 'datetime') return [column.name, typeof value === 'string' ? localIn(undefined, value) : '']
      return [column.name, textOf(value)]
    }),
  )

function fits(field: FieldOf<'variant'>, option: Variant, value: unknown): boolean {
  if (field.discriminator !== undefined) return isRecord(value) && value[field.discriminator] === option.value
  const own = option.fields.find(({ path }) => path === field.path)
  if (!own)
    return (
      isRecord(value) &&
      leaves(option.fields).every(
        ({ required, path }) => !required || valueAt(withValueAt({}, field.path, value), path) !== undefined,
      )
    )
  const type =
    own.kind === 'switch'
      ? 'boolean'
      : own.kind === 'short_text' && own.subtype === 'number'
        ? 'number'
        : own.kind === 'json'
          ? typeof value
          : 'string'
  return Array.isArray(value) ? ['multi_select', 'table', 'subform', 'json'].includes(own.kind) : typeof value === type
}

/** The answer that the draft stands for; what was left open is not in it. */
export const assemble = (form: Pick<Form, 'fields' | 'objects'>, drafts: Drafts): unknown =>
  scopeOf(form.fields, form.objects, drafts) ?? {}

function scopeOf(fields: readonly Field[], objects: Objects, drafts: Drafts): unknown {
  // What is there only because it has to be: it brings no optional object about.
  const open: { path: string; within?: string; value: null | [] }[] = []
  const ensured: Objects = []
  const fill = (root: unknown, inner: readonly Field[], own: Drafts): unknown => {
    let filled = root
    for (const field of leaves(inner)) {
      const draft = own[field.name]
      const chosen =
        field.kind === 'variant' && isRecord(draft)
          ? field.options[Number(draft.chosen === '' ? Number.NaN : draft.chosen)]
          : undefined
      if (field.kind === 'variant' && chosen) {
        ensured.push(...chosen.objects)
        if (field.discriminator !== undefined) filled = withValueAt(filled, field.path + step(field.discriminator), chosen.value)
        filled = fill(filled, chosen.fields, ((draft as Drafts)[String(field.options.indexOf(chosen))] ?? {}) as Drafts)
        continue
      }
      const value = givenBy(field, draft)
      if (Array.isArray(value) && value.length === 0) open.push({ path: field.path, within: field.within, value: [] })
      else if (value !== undefined) filled = withValueAt(filled, field.path, value)
      else if (field.open_is_null) open.push({ path: field.path, within: field.within, value: null })
    }
    return filled
  }
  let root = fill(undefined, fields, drafts)
  const isThere = (within: string | undefined) => within === undefined || valueAt(root, within) !== undefined
  for (const { path, within } of [...objects, ...ensured])
    if (valueAt(root, path) === undefined && isThere(within)) root = withValueAt(root, path, {})
  for (const { path, within, value } of open) if (isThere(within)) root = withValueAt(root, path, value)
  return root
}

function givenBy(field: Field, draft: Draft): unknown {
  switch (field.kind) {
    case 'switch':
      return typeof draft === 'boolean' ? draft : undefined
    case 'single_select':
      return optionAt(field.options, draft)
    case 'multi_select':
      return Array.isArray(draft) && (draft.length > 0 || field.required) ? inOrder(field.options, draft) : undefined
    case 'ranking':
      return Array.isArray(draft) ? draft.map((one) => optionAt(field.options, one)) : undefined
    case 'picture_choice':
      if (!field.multiple) return optionAt(field.options, draft)
      return Array.isArray(draft) && (draft.length > 0 || field.required) ? inOrder(field.options, draft) : undefined
    case 'short_text':
      return (field.subtype === 'number' || field.subtype === 'currency') && !field.as_text ? numberOf(draft) : typed(draft)
    case 'slider':
    case 'star_rating':
    case 'opinion_scale':
      return numberOf(draft)
    case 'datetime':
      return typeof draft === 'string' && draft !== '' ? (momentIn(field.timezone, draft) ?? draft) : undefined
    case 'date_range': {
      const { start, end } = (isRecord(draft) ? draft : {}) as Drafts
      const range = { ...(typed(start) && { start }), ...(typed(end) && { end }) }
      return Object.keys(range).length > 0 ? range : undefined
    }
    case 'table': {
      const rows = (Array.isArray(draft) ? draft : []) as Drafts[]
      const kept = rows.filter((row, i) => i < (field.min_rows ?? 0) || !isBlank(field.columns, row))
      return kept.length > 0 || field.required ? kept.map((row) => rowValue(field.columns, row)) : undefined
    }
    case 'subform': {
      const entries = (Array.isArray(draft) ? draft : []) as Drafts[]
      const empty = field.fields.some(({ path }) => path === '') ? null : {}
      const values = entries.map((entry) => scopeOf(field.fields, field.objects ?? [], entry) ?? empty)
      return values.length > 0 || field.required ? values : undefined
    }
    case 'json':
      return jsonOf(draft)
    case 'file_upload':
    case 'signature':
    case 'variant':
      return undefined
    default:
      return typed(draft)
  }
}

const typed = (draft: Draft): string | undefined => (typeof draft === 'string' && draft !== '' ? draft : undefined)
const optionAt = (options: readonly Option[], draft: Draft): unknown =>
  typeof draft === 'string' && draft !== '' ? options[Number(draft)]?.value : undefined
/** Answers keep the order in which the options stand, not that of the clicks. */
const inOrder = (options: readonly Option[], draft: readonly Draft[]): unknown[] =>
  options.filter((_, i) => draft.includes(String(i))).map(({ value }) => value)

// 0.1 and 1e3 are themselves; 9007199254740993 is not, and goes as typed.
function numberOf(draft: Draft): unknown {
  if (typeof draft !== 'string' || draft.trim() === '') return undefined
  const value = Number(draft)
  const exact = Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value))
  return exact ? value : draft
}

function jsonOf(draft: Draft): unknown {
  if (typeof draft !== 'string' || draft.trim() === '') return undefined
  try {
    return JSON.parse(draft)
  } catch (error) {
    // Not JSON (yet): the message beside the field is the one place where the person reads about it.
    if (error instanceof SyntaxError) return draft
    throw error
  }
}

const isBlank = (columns: readonly Column[], row: Drafts): boolean =>
  columns.every(({ name }) => row[name] === undefined || row[name] === '')

const rowValue = (columns: readonly Column[], row: Drafts): Record<string, unknown> =>
  Object.fromEntries(
    columns.flatMap((column): [string, unknown][] => {
      const value = cellOf(column, row[column.name])
      return value === undefined ? (column.open_is_null ? [[column.name, null]] : []) : [[column.name, value]]
    }),
  )

function cellOf(column: Column, draft: Draft): unknown {
  switch (column.kind) {
    case 'switch':
      return typeof draft === 'boolean' ? draft : undefined
    case 'single_select':
      return optionAt(column.options ?? [], draft)
    case 'number':
    case 'currency':
      return numberOf(draft)
    case 'datetime':
      return typed(draft) === undefined ? undefined : (momentIn(undefined, draft as string) ?? draft)
    default:
      return typed(draft)
  }
}

/** Where in the answer each input stands, as JSON Pointers, for the draft as it is now. */
export function placesOf(fields: readonly Field[], drafts: Drafts, base = ''): string[] {
  return leaves(fields).flatMap((field): string[] => {
    const draft = drafts[field.name]
    const own = base + field.path
    const entries = (Array.isArray(draft) ? draft : []) as Drafts[]
    if (field.kind === 'table')
      return [own, ...entries.flatMap((_, i) => field.columns.map(({ name }) => own + step(i) + step(name)))]
    if (field.kind === 'subform') return [own, ...entries.flatMap((entry, i) => placesOf(field.fields, entry, own + step(i)))]
    if (field.kind === 'variant' && isRecord(draft)) {
      const chosen = field.options[draft.chosen === '' ? -1 : Number(draft.chosen)]
      return chosen ? [own, ...placesOf(chosen.fields, (draft[draft.chosen as string] ?? {}) as Drafts, base)] : [own]
    }
    return [own]
  })
}
