// Small parts of inference: what one piece of a schema says about the field that asks for it. Pure, and blind to where the piece stands.
import type { Column, Field } from './kinds.ts'
import { isSchema, labelOf, number, resolve, type Schema, text } from './schema.ts'

export type Common = Pick<Field, 'name' | 'label' | 'hint' | 'required' | 'path' | 'open_is_null' | 'within'>

/** What a hinted kind takes over from the schema where the hint says nothing. */
export function fromSchema(schema: Schema): Record<string, unknown> {
  const whole = schema.type === 'integer'
  const [above, below] = [number(schema.exclusiveMinimum), number(schema.exclusiveMaximum)]
  const min = number(schema.minimum) ?? (above === undefined ? undefined : above + (whole ? 1 : 0))
  const max = number(schema.maximum) ?? (below === undefined ? undefined : below - (whole ? 1 : 0))
  const step = number(schema.multipleOf) ?? (whole ? 1 : undefined)
  return Object.fromEntries(Object.entries({ min, max, step }).filter(([, value]) => value !== undefined))
}

/** The members to lay out, when an object has members and says nothing that fields cannot ask for. */
export function membersOf(schema: Schema): Record<string, unknown> | null {
  if (schema.type !== undefined && schema.type !== 'object') return null
  if (!isSchema(schema.properties) || ['oneOf', 'anyOf', 'allOf'].some((name) => schema[name] !== undefined)) return null
  if (isSchema(schema.additionalProperties) && Object.keys(schema.additionalProperties).length > 0) return null
  if (schema.patternProperties !== undefined) return null
  // What only a branch or the list of required names speaks of is asked for as well.
  const elsewhere = ['then', 'else'].map((name) => schema[name]).filter(isSchema)
  const dependent = isSchema(schema.dependentSchemas) ? Object.values(schema.dependentSchemas).filter(isSchema) : []
  const more = [...elsewhere, ...dependent].flatMap((part) => (isSchema(part.properties) ? Object.entries(part.properties) : []))
  const required = (Array.isArray(schema.required) ? (schema.required as string[]) : []).map((name) => [name, {}] as const)
  const all = { ...Object.fromEntries([...required, ...more]), ...schema.properties }
  const order = [...Object.keys(schema.properties), ...Object.keys(all)]
  const members = Object.fromEntries([...new Set(order)].map((name) => [name, (all as Schema)[name]]))
  return Object.keys(members).length === 0 && schema.additionalProperties !== false ? null : members
}

export function textField(common: Common, schema: Schema): Field {
  const [min, max] = [number(schema.minLength), number(schema.maxLength)]
  const pattern = text(schema.pattern)
  const length = bounds('length', min, max)
  switch (schema.format) {
    case 'date':
      return { ...common, kind: 'date' }
    case 'time':
      return { ...common, kind: 'time' }
    case 'date-time':
      return { ...common, kind: 'datetime' }
    case 'email':
    case 'uri':
      return {
        ...common,
        kind: 'short_text',
        subtype: schema.format === 'uri' ? 'url' : 'email',
        ...length,
        ...(pattern && { pattern }),
      }
  }
  return (max ?? 0) > 200 || (min ?? 0) >= 100
    ? { ...common, kind: 'long_text', ...length }
    : { ...common, kind: 'short_text', subtype: 'plain', ...length, ...(pattern && { pattern }) }
}

type Bounds<N extends string> = { [K in `min_${N}` | `max_${N}`]?: number }
export const bounds = <N extends string>(name: N, min: number | undefined, max: number | undefined): Bounds<N> =>
  ({ ...(min !== undefined && { [`min_${name}`]: min }), ...(max !== undefined && { [`max_${name}`]: max }) }) as Bounds<N>

export const tableField = (common: Common, columns: Column[], min?: number, max?: number): Field => ({
  ...common,
  kind: 'table',
  columns,
  ...bounds('rows', min, max),
  initial_rows: min ?? 0,
  allow_add_row: true,
  allow_remove_row: true,
})

const CELLS = {
  short_text: 'short_text',
  long_text: 'long_text',
  switch: 'switch',
  single_select: 'single_select',
  date: 'date',
  datetime: 'datetime',
} as const

export function columnOf(field: Field, schema: Schema): Column | null {
  const kind = field.kind === 'short_text' && field.subtype === 'number' ? 'number' : CELLS[field.kind as keyof typeof CELLS]
  if (!kind || schema['x-countersign-field'] !== undefined) return null
  const { min, max } = fromSchema(schema)
  const { name, label, required, open_is_null } = field
  return {
    ...{ name, label, kind, required },
    ...(open_is_null && { open_is_null }),
    ...(field.kind === 'single_select' && { options: field.options }),
    ...(kind === 'number' && schema.exclusiveMinimum === undefined && min !== undefined && { min_value: min as number }),
    ...(kind === 'number' && schema.exclusiveMaximum === undefined && max !== undefined && { max_value: max as number }),
    ...('default' in field && field.default !== undefined && { default: field.default }),
  }
}

/** What the schema says to begin with, where the field can begin with it. */
export function withDefault(field: Field, initial: unknown): Field {
  if (initial === undefined || initial === null) return field
  switch (field.kind) {
    case 'switch':
      return typeof initial === 'boolean' ? { ...field, default: initial } : field
    case 'short_text':
      return typeof initial === 'string' || typeof initial === 'number' ? { ...field, default: initial } : field
    case 'long_text':
    case 'date':
    case 'time':
    case 'datetime':
      return typeof initial === 'string' ? { ...field, default: initial } : field
    case 'single_select':
    case 'json':
      return { ...field, default: initial }
    case 'multi_select':
      return Array.isArray(initial) ? { ...field, default: initial } : field
    default:
      return field
  }
}

export function branchesOf(schema: Schema): unknown[] | null {
  const branches =
    schema.oneOf ?? schema.anyOf ?? (Array.isArray(schema.type) ? schema.type.map((type) => ({ type })) : undefined)
  return Array.isArray(branches) && branches.length > 1 ? branches : null
}

export const memberOf = (schema: Schema, name: string): Schema => {
  const member = isSchema(schema.properties) ? schema.properties[name] : undefined
  return isSchema(member) ? member : {}
}

/** The member by which all branches can be told apart: one fixed value in each, another in every one. */
export function discriminatorOf(parts: readonly Schema[], root: Schema): string | undefined {
  const names = isSchema(parts[0]?.properties) ? Object.keys(parts[0].properties) : []
  return names.find((name) => {
    const values = parts.map((part) => {
      const { const: fixed, enum: one } = resolve(memberOf(part, name), root)
      return fixed ?? (Array.isArray(one) && one.length === 1 ? one[0] : undefined)
    })
    return values.every((value) => value !== undefined && typeof value !== 'object') && new Set(values).size === values.length
  })
}

export function withoutLabels({ title: _, description: __, ...rest }: Schema): Schema {
  return rest
}

const WORDS: Record<string, string> = {
  ...{ string: 'Text', number: 'Number', integer: 'Whole number', boolean: 'Yes or no' },
  ...{ array: 'List', object: 'Several values' },
}
export const wordOf = (schema: Schema, i: number): string => {
  if (schema.const !== undefined) return labelOf(schema.const)
  return WORDS[String(schema.type)] ?? (isSchema(schema.properties) ? `Form ${i + 1}` : `Way ${i + 1}`)
}
