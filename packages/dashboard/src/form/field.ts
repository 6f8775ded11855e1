// From a response schema to the fields of a form. Covers what people are asked for; whatever it does not recognise becomes a JSON field, so that no
// question is unanswerable. It never validates: the server does, and says what is wrong where.

export type Schema = { readonly [member: string]: unknown }

export type Option = { value: unknown; label: string; hint?: string }

type Common = {
  name: string
  label: string
  hint?: string
  required: boolean
  nullable: boolean
  /** The member must be there and may be null. */
  openIsNull?: boolean
  initial?: unknown
}

export type Field = Common &
  (
    | { kind: 'text'; format: 'plain' | 'email' | 'url'; maxLength?: number }
    | { kind: 'long_text'; maxLength?: number }
    | { kind: 'number'; integer: boolean; minimum?: number; maximum?: number }
    | { kind: 'boolean' }
    | { kind: 'choice'; options: Option[] }
    | { kind: 'choices'; options: Option[] }
    | { kind: 'date' | 'time' | 'date_time' }
    | { kind: 'object'; fields: Field[] }
    | { kind: 'list'; item: Field; minItems: number; maxItems?: number }
    | { kind: 'json' }
  )

const isSchema = (value: unknown): value is Schema => typeof value === 'object' && value !== null && !Array.isArray(value)
const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)
const number = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined)

/** `shipping_address` and `shippingAddress` read as "Shipping address". */
export function sentence(name: string): string {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/[_-]+/g, ' ')
    .trim()
    .toLowerCase()
  return words === '' ? name : words.charAt(0).toUpperCase() + words.slice(1)
}

/** The fields of an object schema; null when the answer as a whole has to be written as JSON. */
export function fieldsOf(schema: unknown): Field[] | null {
  if (!isSchema(schema)) return null
  const field = fieldOf('', schema, true, schema, 0)
  return field.kind === 'object' ? field.fields : null
}

function fieldOf(name: string, given: Schema, required: boolean, root: Schema, depth: number): Field {
  const { schema, nullable } = withoutNull(resolve(given, root), root)
  const common: Common = {
    name,
    label: text(schema.title) ?? text(given.title) ?? sentence(name),
    hint: text(schema.description) ?? text(given.description),
    required: required && !nullable,
    nullable,
    ...(required && nullable && { openIsNull: true }),
    initial: schema.default ?? given.default,
  }
  // A schema that refers to itself has no end; past this depth the rest is asked as JSON.
  if (depth > 8) return { ...common, kind: 'json' }

  const options = optionsOf(schema)
  if (options) return { ...common, kind: 'choice', options }

  switch (schema.type) {
    case 'boolean':
      return { ...common, kind: 'boolean' }
    case 'integer':
    case 'number':
      return {
        ...common,
        kind: 'number',
        integer: schema.type === 'integer',
        minimum: number(schema.minimum),
        maximum: number(schema.maximum),
      }
    case 'string':
      return textField(common, schema)
    case 'array':
      return listField(common, schema, root, depth)
    case 'object':
      return objectField(common, schema, root, depth)
  }
  return isSchema(schema.properties) ? objectField(common, schema, root, depth) : { ...common, kind: 'json' }
}

function textField(common: Common, schema: Schema): Field {
  const maxLength = number(schema.maxLength)
  switch (schema.format) {
    case 'date':
      return { ...common, kind: 'date' }
    case 'time':
      return { ...common, kind: 'time' }
    case 'date-time':
      return { ...common, kind: 'date_time' }
    case 'email':
      return { ...common, kind: 'text', format: 'email', maxLength }
    case 'uri':
      return { ...common, kind: 'text', format: 'url', maxLength }
  }
  const long = (maxLength ?? 0) > 200 || (number(schema.minLength) ?? 0) >= 100
  return long ? { ...common, kind: 'long_text', maxLength } : { ...common, kind: 'text', format: 'plain', maxLength }
}

function listField(common: Common, schema: Schema, root: Schema, depth: number): Field {
  if (!isSchema(schema.items)) return { ...common, kind: 'json' }
  const options = optionsOf(resolve(schema.items, root))
  if (options) return { ...common, kind: 'choices', options }
  const item = fieldOf('', schema.items, true, root, depth + 1)
  return { ...common, kind: 'list', item, minItems: number(schema.minItems) ?? 0, maxItems: number(schema.maxItems) }
}

function objectField(common: Common, schema: Schema, root: Schema, depth: number): Field {
  const properties = isSchema(schema.properties) ? schema.properties : {}
  const needed = Array.isArray(schema.required) ? schema.required : []
  const names = Object.keys(properties)
  // Free-form members cannot be laid out as fields.
  if (names.length === 0 || schema.oneOf !== undefined || schema.anyOf !== undefined || schema.allOf !== undefined)
    return { ...common, kind: 'json' }
  const fields = names.map((name) => {
    const member = properties[name]
    return fieldOf(name, isSchema(member) ? member : {}, needed.includes(name), root, depth + 1)
  })
  return { ...common, kind: 'object', fields }
}

function optionsOf(schema: Schema): Option[] | null {
  if (Array.isArray(schema.enum))
    return schema.enum.filter((value) => value !== null).map((value) => ({ value, label: String(value) }))
  if (schema.const !== undefined) return [{ value: schema.const, label: text(schema.title) ?? String(schema.const) }]
  const branches = schema.oneOf ?? schema.anyOf
  if (!Array.isArray(branches) || branches.length === 0) return null
  const options = branches.map((branch): Option | null =>
    isSchema(branch) && branch.const !== undefined && branch.const !== null
      ? { value: branch.const, label: text(branch.title) ?? String(branch.const), hint: text(branch.description) }
      : null,
  )
  return options.every((option) => option !== null) ? options : null
}

/** Takes `null` out of a type list or a union, as Pydantic and zod write optional values. */
function withoutNull(schema: Schema, root: Schema): { schema: Schema; nullable: boolean } {
  if (Array.isArray(schema.type)) {
    const types = schema.type.filter((type) => type !== 'null')
    if (types.length === 1) return { schema: { ...schema, type: types[0] }, nullable: types.length < schema.type.length }
  }
  for (const union of ['anyOf', 'oneOf'] as const) {
    const branches = schema[union]
    if (!Array.isArray(branches)) continue
    const rest = branches.filter((branch) => !(isSchema(branch) && branch.type === 'null'))
    if (rest.length === 1 && rest.length < branches.length && isSchema(rest[0])) {
      const { [union]: _, ...outer } = schema
      return { schema: { ...outer, ...resolve(rest[0], root) }, nullable: true }
    }
  }
  return { schema, nullable: false }
}

function resolve(schema: Schema, root: Schema): Schema {
  let at = schema
  for (let hops = 0; typeof at.$ref === 'string' && hops < 16; hops++) {
    const { $ref, ...beside } = at
    const found = ($ref as string)
      .replace(/^#\/?/, '')
      .split('/')
      .filter(Boolean)
      .reduce<unknown>((node, key) => (isSchema(node) ? node[key.replaceAll('~1', '/').replaceAll('~0', '~')] : undefined), root)
    if (!isSchema(found)) return beside
    at = { ...found, ...beside }
  }
  return at
}
