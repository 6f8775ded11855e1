// What fields say about the type of the answer: the schema follows the list of fields. Only the places of fields that were changed are written; what somebody wrote into the schema by
// hand besides (a description, bounds of a number, a member that may be null) stays. Draws nothing.
import { step, steps } from '@countersign/sdk/form'
import { asks, asText, isFile, type Raw, rows } from './kinds.ts'

export type Schema = Record<string, unknown>
const isSchema = (value: unknown): value is Schema => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The type that a field's answer has. */
export function schemaOf(field: Raw): Schema {
  const values = rows(field.options).map(({ value }) => value)
  switch (field.kind) {
    case 'short_text':
      return ofShortText(field)
    case 'long_text':
    case 'rich_text':
      return { type: 'string', ...limits(field, 'length') }
    case 'switch':
      return { type: 'boolean' }
    case 'single_select':
      return { enum: values }
    case 'picture_choice':
      return field.multiple === true ? { type: 'array', items: { enum: values }, uniqueItems: true } : { enum: values }
    case 'multi_select':
      return { type: 'array', items: { enum: values }, uniqueItems: true, ...limits(field, 'count') }
    case 'ranking':
      return { type: 'array', items: { enum: values }, uniqueItems: true }
    case 'slider':
      return { type: isWhole(field) ? 'integer' : 'number', minimum: field.min ?? 0, maximum: field.max ?? 100 }
    case 'star_rating':
      return { type: 'integer', minimum: 1, maximum: field.max ?? 5 }
    case 'opinion_scale':
      return { type: 'integer', minimum: field.min ?? 1, maximum: field.max ?? 10 }
    case 'date':
      return { type: 'string', format: 'date' }
    case 'time':
      return { type: 'string', format: 'time' }
    case 'datetime':
      return { type: 'string', format: 'date-time' }
    case 'date_range': {
      const day = { type: 'string', format: 'date' }
      return { type: 'object', properties: { start: day, end: day }, required: ['start', 'end'], additionalProperties: false }
    }
    case 'table':
      return { type: 'array', items: ofColumns(rows(field.columns)), ...limits(field, 'rows') }
    case 'subform':
      return { type: 'array', items: ofEntry(rows(field.fields)), ...limits(field, 'count') }
    default:
      return {}
  }
}

function ofShortText(field: Raw): Schema {
  if (field.subtype === 'number' || field.subtype === 'currency') return { type: 'number' }
  const format = field.subtype === 'email' ? 'email' : field.subtype === 'url' ? 'uri' : undefined
  return {
    type: 'string',
    ...(format && { format }),
    ...limits(field, 'length'),
    ...(asText(field.pattern) && { pattern: field.pattern }),
  }
}

const isWhole = ({ min = 0, max = 100, step: by = 1 }: Raw): boolean => [min, max, by].every(Number.isInteger)

const LIMITS = { length: ['minLength', 'maxLength'], count: ['minItems', 'maxItems'], rows: ['minItems', 'maxItems'] } as const
function limits(field: Raw, of: keyof typeof LIMITS): Schema {
  const [low, high] = LIMITS[of]
  const [min, max] = [field[`min_${of}`], field[`max_${of}`]]
  return { ...(typeof min === 'number' && { [low]: min }), ...(typeof max === 'number' && { [high]: max }) }
}

function ofColumns(columns: readonly Raw[]): Schema {
  const properties = Object.fromEntries(columns.map((column) => [asText(column.name), ofColumn(column)]))
  const required = columns.filter((column) => column.required !== false).map(({ name }) => name)
  return { type: 'object', properties, required, additionalProperties: false }
}

function ofColumn(column: Raw): Schema {
  if (column.kind !== 'number' && column.kind !== 'currency') return schemaOf(column)
  const { min_value: minimum, max_value: maximum } = column
  return { type: 'number', ...(typeof minimum === 'number' && { minimum }), ...(typeof maximum === 'number' && { maximum }) }
}

function ofEntry(fields: readonly Raw[]): Schema {
  const [alone] = placesOf(fields)
  // An entry of one value is that value.
  if (alone?.path === '') return alone.node
  return synced({ type: 'object', properties: {}, additionalProperties: false }, [], fields)
}

type Place = { path: string; node: Schema; required: boolean }

const placesOf = (fields: readonly Raw[]): Place[] =>
  fields.flatMap((field) => {
    if (field.kind === 'section_collapse') return placesOf(rows(field.fields))
    if (!asks(field.kind) || (asText(field.name) === '' && field.path === undefined)) return []
    const path = typeof field.path === 'string' ? field.path : step(asText(field.name))
    return [{ path, node: schemaOf(field), required: field.required !== false && !isFile(field.kind) }]
  })

/** The schema after the fields were changed from `before` to `after`. */
export function synced(schema: Schema, before: readonly Raw[], after: readonly Raw[]): Schema {
  const [old, now] = [placesOf(before), placesOf(after)]
  const renamed = renamedIn(old, now)
  const gone = old.filter(({ path }) => !now.some((one) => one.path === path))
  const kept = gone.reduce((at, { path }) => without(at, steps(path)), schema)
  return now.reduce((at, place) => {
    const was = old.find(({ path }) => path === place.path) ?? (renamed?.to === place.path ? renamed.was : undefined)
    const isSame = was !== undefined && was.path === place.path && JSON.stringify(was.node) === JSON.stringify(place.node)
    if (isSame && was.required === place.required) return at
    const own = was && nodeAt(schema, steps(was.path))
    // One that may be null has to be there and need not be filled in: who touches neither leaves that as it is.
    const needed = was && was.required === place.required ? isNeeded(schema, steps(was.path)) : place.required
    return put(at, steps(place.path), isSame ? null : together(own, place.node, was?.node), needed)
  }, kept)
}

/** One place that took another name, and nothing else. */
function renamedIn(old: readonly Place[], now: readonly Place[]): { to: string; was: Place } | null {
  if (old.length !== now.length) return null
  const other = now.flatMap((place, i) => (place.path === old[i]?.path ? [] : [i]))
  const [i] = other
  const was = i === undefined ? undefined : old[i]
  return other.length === 1 && was ? { to: (now[i as number] as Place).path, was } : null
}

const JOINED = ['$ref', 'oneOf', 'anyOf', 'allOf'] as const
/** Made of parts that only its author can take apart. */
export const isJoined = (schema: Schema): boolean => JOINED.some((name) => schema[name] !== undefined)

function nodeAt(schema: Schema, [name, ...rest]: readonly string[]): Schema | undefined {
  if (name === undefined) return schema
  const inner = isSchema(schema.properties) ? schema.properties[name] : undefined
  return isSchema(inner) ? nodeAt(inner, rest) : undefined
}

/** The schema with another node where the steps lead; where they lead nowhere, as it was. */
export function withNode(schema: Schema, [name, ...rest]: readonly string[], node: Schema): Schema {
  if (name === undefined) return node
  const inner = schema[name]
  return isSchema(inner) ? { ...schema, [name]: withNode(inner, rest, node) } : schema
}

function isNeeded(schema: Schema, path: readonly string[]): boolean {
  const around = nodeAt(schema, path.slice(0, -1))
  return list(around?.required).includes(path.at(-1))
}

function put(schema: Schema, [name, ...rest]: readonly string[], node: Schema | null, required: boolean): Schema {
  if (name === undefined || isJoined(schema)) return schema
  const properties = isSchema(schema.properties) ? schema.properties : {}
  const own = properties[name]
  const inner = isSchema(own) ? own : {}
  const next = rest.length > 0 ? put({ type: 'object', ...inner }, rest, node, required) : (node ?? inner)
  const names = Array.isArray(schema.required) ? schema.required : []
  const isThere = names.includes(name)
  // What is needed in an object makes the object needed; the other way round somebody may have meant it.
  const needed =
    required && !isThere ? [...names, name] : !required && rest.length === 0 ? names.filter((one) => one !== name) : names
  return { type: 'object', ...schema, properties: { ...properties, [name]: next }, required: needed }
}

function without(schema: Schema, [name, ...rest]: readonly string[]): Schema {
  if (name === undefined || isJoined(schema) || !isSchema(schema.properties)) return schema
  const { [name]: own, ...others } = schema.properties
  if (rest.length > 0)
    return isSchema(own) ? { ...schema, properties: { ...schema.properties, [name]: without(own, rest) } } : schema
  return {
    ...schema,
    properties: others,
    required: (Array.isArray(schema.required) ? schema.required : []).filter((one) => one !== name),
  }
}

// Written from the field; everything else of a place is its author's.
const OWN = ['type', 'format', 'enum', 'const', 'minLength', 'maxLength', 'pattern', 'minItems', 'maxItems', 'uniqueItems']
const NESTED = ['items', 'properties', 'required', 'additionalProperties', ...JOINED]
const BOUNDS = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf']

/** `old`: what stands there; `was`: what its fields said before; `made`: what they say now. */
function together(old: Schema | undefined, made: Schema, was: Schema | undefined): Schema {
  if (!old) return made
  const types = [old.type].flat()
  const isNumeric = made.type === 'number' || made.type === 'integer'
  const isSame = types.includes(made.type) || (isNumeric && (types.includes('integer') || types.includes('number')))
  const own = [...OWN, ...NESTED, ...(isNumeric && isSame ? [] : BOUNDS), 'default', 'x-countersign-field']
  const kept = Object.fromEntries(Object.entries(old).filter(([name]) => !own.includes(name)))
  if (!isSame) return { ...kept, ...made }
  const type = types.includes(made.type) || made.type === 'number' ? { type: old.type } : {}
  return { ...kept, ...made, ...type, ...inside(old, made, was ?? {}) }
}

/** Members of which the fields never spoke are their author's. */
function inside(old: Schema, made: Schema, was: Schema): Schema {
  if (isSchema(old.items) && isSchema(made.items))
    return { items: together(old.items, made.items, isSchema(was.items) ? was.items : undefined) }
  if (!isSchema(old.properties) || !isSchema(made.properties)) return {}
  const [before, spoken] = [old.properties, isSchema(was.properties) ? was.properties : {}]
  const others = Object.entries(before).filter(
    ([name]) => !Object.hasOwn(spoken, name) && !Object.hasOwn(made.properties as Schema, name),
  )
  const merged = Object.entries(made.properties).map(([name, node]): [string, unknown] => {
    const [own, said] = [before[name], spoken[name]]
    return [name, together(isSchema(own) ? own : undefined, node as Schema, isSchema(said) ? said : undefined)]
  })
  const needed = [...list(made.required), ...list(old.required).filter((name) => others.some(([other]) => other === name))]
  return {
    properties: Object.fromEntries([...merged, ...others]),
    required: needed,
    additionalProperties: old.additionalProperties,
  }
}

const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])
