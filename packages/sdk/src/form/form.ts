// @countersign/sdk/form: what is asked, from a response schema and a definition (T63, T77–T81), the same for every surface. It draws nothing and sends nothing.
import { type Fault, readDefinition } from './definition.ts'
import { inferForm } from './infer.ts'
import { type Column, type Field, type Form, leaves, type Option } from './kinds.ts'
import { isIn, steps } from './place.ts'
import { isSchema, merged, resolve, type Schema, withoutNull } from './schema.ts'

export { type Answerable, type AnswerableOptions, answerable, buttonsOf, type Surface } from './answerable.ts'
export { localIn, momentIn } from './calendar.ts'
export { checkAnswer, fieldAt, type PatternCheck, patternsOf } from './check.ts'
export { assemble, type Draft, type Drafts, draftOf, emptyEntry, placesOf } from './draft.ts'
export { inferForm } from './infer.ts'
export {
  type AnyKind,
  type Column,
  type Field,
  type FieldOf,
  type Form,
  type Kind,
  leaves,
  type Option,
  type Picture,
  SHOWN,
  sentence,
  type Variant,
} from './kinds.ts'
export { checkSchema } from './live.ts'
export { isIn, step, steps, valueAt } from './place.ts'

/**
 * The form that asks for an answer of a schema: the definition where there is one, mended and completed from the schema, else what is inferred. Total: whatever
 * stands in the definition, the form can be answered.
 *
 * @example
 * ```ts
 * import { formOf } from '@countersign/sdk/form'
 * const form = formOf({ type: 'object', properties: { approved: { type: 'boolean' } }, required: ['approved'] }, null)
 * console.log(form.fields[0]?.kind) // switch
 * ```
 */
export const formOf = (schema: unknown, definition: unknown): Form => readForm(schema, definition).form

/** The same with everything that had to be mended, by its path: who takes no mended forms refuses them. */
export function readForm(
  schema: unknown,
  definition: unknown,
  at = { definition: '/form_definition', schema: '/response_schema' },
): { form: Form; faults: Fault[] } {
  const inferred = inferForm(schema)
  const hints = inferred.faults.map((fault) => ({ ...fault, path: at.schema + fault.path }))
  if (definition === null || definition === undefined) return { form: inferred.form, faults: hints }
  const asked = leaves(inferred.form.fields)
  const instead = (path: string | null) => asked.find((field) => field.path === path) ?? null
  const { form, faults } = readDefinition(definition, at.definition, instead)
  if (!form) return { form: inferred.form, faults: [...hints, ...faults] }
  const root = isSchema(schema) ? schema : {}
  const fitted = fit(form.fields, { root, asked, at: `${at.definition}/fields`, faults })
  return { form: { ...form, fields: complete(fitted, asked), objects: inferred.form.objects }, faults: [...hints, ...faults] }
}

type Fitting = { root: Schema; asked: Field[]; at: string; faults: Fault[] }

/** Fields that can give what the schema takes at their place; others are exchanged for the inferred one, or left out where the schema has no such place. */
function fit(fields: readonly Field[], how: Fitting): Field[] {
  return fields.flatMap((field, i): Field[] => {
    const at = `${how.at}/${i}`
    if (field.kind === 'section_collapse') return [{ ...field, fields: fit(field.fields, { ...how, at: `${at}/fields` }) }]
    if (leaves([field]).length === 0) return [field]
    const own = how.asked.find((one) => one.path === field.path)
    const wrong = (code: string, message: string) =>
      void how.faults.push({ path: `${at}/${code === 'path_unknown' ? 'path' : 'kind'}`, code, message })
    if (own) {
      const fitted = fitToPlace(field, own)
      if (fitted) return [fitted]
      wrong('kind_mismatch', 'This kind gives another type than the schema takes there.')
      return [own]
    }
    if (how.asked.some((one) => isIn(field.path, one.path))) return [field]
    const within = how.asked.some((one) => isIn(one.path, field.path))
    if (within && field.kind !== 'date_range' && field.kind !== 'subform' && field.kind !== 'table') {
      wrong('kind_mismatch', 'The schema wants an object there, and this kind gives none.')
      return []
    }
    if (within || isOpen(how.root, field.path)) return [field]
    wrong('path_unknown', 'The schema has no place for this value: it takes no further members there.')
    return []
  })
}

const NUMBERS = ['slider', 'star_rating', 'opinion_scale']
const TEXTS = ['short_text', 'long_text', 'rich_text', 'date', 'time', 'datetime']
const isNumeric = (field: Field) => field.kind === 'short_text' && (field.subtype === 'number' || field.subtype === 'currency')

/** The field with what the schema knows about its place, or null when it gives another type. */
function fitToPlace(field: Field, own: Field): Field | null {
  const { open_is_null, within } = own
  const more = {
    ...(open_is_null && { open_is_null }),
    ...(within !== undefined && { within }),
    required: field.required || (own.required && within === undefined),
  }
  const fitted = { ...field, ...more } as Field
  switch (own.kind) {
    case 'switch':
      return field.kind === 'switch' || offers(field, (value) => typeof value === 'boolean') ? fitted : null
    case 'single_select': {
      if (offers(field, (value) => has(own.options, value))) return fitted
      const kinds = own.options.map(({ value }) => typeof value)
      if (kinds.every((kind) => kind === 'boolean')) return field.kind === 'switch' ? fitted : null
      const numeric = NUMBERS.includes(field.kind) || isNumeric(field)
      return (numeric ? kinds.includes('number') : TEXTS.includes(field.kind) && kinds.includes('string')) ? fitted : null
    }
    case 'multi_select':
      return offersList(field, (value) => has(own.options, value)) ? fitted : null
    case 'subform':
      if (field.kind === 'subform') return completed(fitted, field.fields, own.fields)
      return own.fields[0]?.path === '' && offersList(field, () => true) ? fitted : null
    case 'table':
      if (field.kind === 'subform') return completed(fitted, field.fields, own.columns.map(cell))
      return field.kind === 'table' ? ({ ...fitted, columns: withColumns(field.columns, own.columns) } as Field) : null
    case 'json':
    case 'variant':
      return fitted
  }
  if (isNumber(own))
    return NUMBERS.includes(field.kind) || isNumeric(field) || offers(field, (value) => typeof value === 'number') ? fitted : null
  if (isNumeric(field)) return { ...fitted, as_text: true } as Field
  return TEXTS.includes(field.kind) || offers(field, (value) => typeof value === 'string') ? fitted : null
}

const isNumber = (field: Field): boolean => isNumeric(field) || NUMBERS.includes(field.kind)
const has = (options: readonly Option[], value: unknown) => options.some((option) => option.value === value)
const offers = (field: Field, fits: (value: unknown) => boolean): boolean =>
  (field.kind === 'single_select' || (field.kind === 'picture_choice' && !field.multiple)) &&
  field.options.every(({ value }) => fits(value))
const offersList = (field: Field, fits: (value: unknown) => boolean): boolean =>
  (field.kind === 'multi_select' || field.kind === 'ranking' || (field.kind === 'picture_choice' && field.multiple)) &&
  field.options.every(({ value }) => fits(value))

const completed = (field: Field, given: readonly Field[], own: readonly Field[]): Field =>
  ({ ...field, fields: complete([...given], leaves(own)) }) as Field

const withColumns = (given: readonly Column[], own: readonly Column[]): Column[] => [
  ...given.map((column) => {
    const { open_is_null } = own.find(({ name }) => name === column.name) ?? {}
    return { ...column, ...(open_is_null && { open_is_null }) }
  }),
  ...own.filter((column) => column.required && !given.some(({ name }) => name === column.name)),
]

/** A column of inference as the field that it would be outside of a table. */
const cell = (column: Column): Field =>
  ({
    ...{
      name: column.name,
      label: column.label,
      required: column.required,
      path: `/${column.name.replaceAll('~', '~0').replaceAll('/', '~1')}`,
    },
    ...(column.kind === 'number' || column.kind === 'currency'
      ? { kind: 'short_text', subtype: 'number' }
      : { kind: column.kind, subtype: 'plain' }),
    ...(column.kind === 'switch' && { true_label: 'Yes', false_label: 'No' }),
    ...(column.options && { options: column.options }),
  }) as Field

/** What the schema requires and no field asks for is asked for at the end. */
function complete(fields: Field[], asked: readonly Field[]): Field[] {
  const places = leaves(fields).map(({ path }) => path)
  const missing = asked.filter(
    (field) =>
      (field.required || field.open_is_null) &&
      field.within === undefined &&
      !places.some((path) => isIn(path, field.path) || isIn(field.path, path)),
  )
  return [...fields, ...missing]
}

/** Whether the schema lets a member be at the place of which it says nothing. */
function isOpen(root: Schema, path: string): boolean {
  let at: Schema = root
  for (const name of steps(path)) {
    const { schema } = withoutNull(resolve(at, root), root)
    at = merged(schema, root) ?? schema
    const next = isSchema(at.properties) ? at.properties[name] : undefined
    if (next === undefined) return at.additionalProperties !== false && at.unevaluatedProperties !== false
    if (!isSchema(next)) return next !== false
    at = next
  }
  return true
}
