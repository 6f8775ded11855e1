// How inference looks at a JSON Schema: references followed, nulls set aside, parts put together. It validates nothing, and a schema it does not understand stays as it is.
import { isRecord, type Option } from './kinds.ts'

export type Schema = { readonly [member: string]: unknown }
export const isSchema = (value: unknown): value is Schema => isRecord(value)

export const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)
export const number = (value: unknown): number | undefined =>
  typeof value === 'number' || (isRecord(value) && typeof value.valueOf() === 'number') ? Number(value) : undefined

/** Behind references; what stands beside one counts too. */
export function resolve(schema: Schema, root: Schema): Schema {
  let at = schema
  for (let hops = 0; typeof at.$ref === 'string' && hops < 16; hops++) {
    const { $ref, ...beside } = at
    const found = find($ref as string, root)
    if (!found) return beside
    at = { ...found, ...beside }
  }
  return at
}

function find(ref: string, root: Schema): Schema | null {
  if (ref !== '#' && !ref.startsWith('#/')) return byAnchor(ref.slice(1), root)
  let at: unknown = root
  for (const part of ref.slice(2).split('/').filter(Boolean)) {
    const name = unescaped(part)
    if (Array.isArray(at)) at = at[Number(name)]
    else at = isRecord(at) && Object.hasOwn(at, name) ? at[name] : undefined
  }
  return isSchema(at) ? at : null
}

function unescaped(part: string): string {
  let name = part
  try {
    name = decodeURIComponent(part)
  } catch (error) {
    if (!(error instanceof URIError)) throw error
  }
  return name.replaceAll('~1', '/').replaceAll('~0', '~')
}

function byAnchor(anchor: string, root: unknown, depth = 0): Schema | null {
  if (depth > 32 || typeof root !== 'object' || root === null) return null
  if (isSchema(root) && (root.$anchor === anchor || root.$id === `#${anchor}`)) return root
  for (const member of Object.values(root)) {
    const found = byAnchor(anchor, member, depth + 1)
    if (found) return found
  }
  return null
}

/** Takes `null` out of a type list, a list of values or a union, as Pydantic and Zod write what may be null. */
export function withoutNull(schema: Schema, root: Schema): { schema: Schema; nullable: boolean } {
  if (Array.isArray(schema.type) && schema.type.includes('null')) {
    const types = schema.type.filter((type) => type !== 'null')
    return { schema: withoutNull({ ...schema, type: types.length === 1 ? types[0] : types }, root).schema, nullable: true }
  }
  if (Array.isArray(schema.type) && schema.type.length === 1) return withoutNull({ ...schema, type: schema.type[0] }, root)
  if (Array.isArray(schema.enum) && schema.enum.includes(null) && schema.enum.length > 1)
    return { schema: { ...schema, enum: schema.enum.filter((value) => value !== null) }, nullable: true }
  for (const union of ['anyOf', 'oneOf'] as const) {
    const branches = schema[union]
    if (!Array.isArray(branches)) continue
    const rest = branches.filter((branch) => !isNull(branch, root))
    if (rest.length === branches.length || rest.length === 0) continue
    const { [union]: _, ...outer } = schema
    if (rest.length > 1) return { schema: { ...outer, [union]: rest }, nullable: true }
    return isSchema(rest[0]) ? { schema: { ...resolve(rest[0], root), ...outer }, nullable: true } : { schema, nullable: true }
  }
  return { schema, nullable: false }
}

function isNull(branch: unknown, root: Schema): boolean {
  if (!isSchema(branch)) return false
  const { type, const: value, enum: values } = resolve(branch, root)
  return type === 'null' || value === null || (Array.isArray(values) && values.length === 1 && values[0] === null)
}

/** `allOf` of objects, and a single `anyOf` or `oneOf`, as one schema; null when that cannot be said in one. */
export function merged(schema: Schema, root: Schema, depth = 0): Schema | null {
  const parts = ['allOf', 'anyOf', 'oneOf'].flatMap((name) => {
    const branches = schema[name]
    return Array.isArray(branches) && (name === 'allOf' || branches.length === 1)
      ? branches.map((branch) => ({ name, branch }))
      : []
  })
  if (parts.length === 0) return schema
  const names = parts.map(({ name }) => name)
  let all: Schema = Object.fromEntries(Object.entries(schema).filter(([name]) => !names.includes(name)))
  for (const { branch } of parts) {
    if (branch === true) continue
    const part = isSchema(branch) && depth < 16 ? merged(resolve(branch, root), root, depth + 1) : null
    const next = part && together(all, part)
    if (!next) return null
    all = next
  }
  return all
}

/** Both at once: members and needs of both. Null when they say different things about the same. */
export function together(a: Schema, b: Schema): Schema | null {
  const all: Record<string, unknown> = { ...a }
  for (const [name, value] of Object.entries(b)) {
    const own = all[name]
    if (own === undefined || JSON.stringify(own) === JSON.stringify(value)) all[name] = value
    else if (name === 'required' && Array.isArray(own) && Array.isArray(value)) all[name] = [...new Set([...own, ...value])]
    else if (name === 'properties' && isSchema(own) && isSchema(value)) {
      const both = propertiesTogether(own, value)
      if (!both) return null
      all[name] = both
    } else if (name === 'additionalProperties') all[name] = own === false || value === false ? false : own === true ? value : own
    else if (['title', 'description', 'default', '$schema', '$id', '$defs', 'definitions'].includes(name)) continue
    else return null
  }
  return all
}

function propertiesTogether(a: Schema, b: Schema): Schema | null {
  const all: Record<string, unknown> = { ...a }
  for (const [name, value] of Object.entries(b)) {
    const own = all[name]
    if (own === undefined || own === true) all[name] = value
    else if (isSchema(own) && isSchema(value)) {
      const both = together(own, value)
      if (!both) return null
      all[name] = both
    }
  }
  return all
}

/** The values that one may choose from, when the schema is a list of values. */
export function optionsOf(schema: Schema, root: Schema): Option[] | null {
  if (Array.isArray(schema.enum)) return schema.enum.map((value) => ({ value, label: labelOf(value) }))
  if (schema.const !== undefined) return [{ value: schema.const, label: text(schema.title) ?? labelOf(schema.const) }]
  const branches = schema.oneOf ?? schema.anyOf
  if (!Array.isArray(branches) || branches.length === 0 || isSchema(schema.properties)) return null
  const options = branches.map((branch): Option[] | null => {
    const one = isSchema(branch) ? resolve(branch, root) : {}
    if (Array.isArray(one.enum)) return one.enum.map((value) => ({ value, label: labelOf(value) }))
    if (one.const === undefined || one.const === null) return null
    const hint = text(one.description)
    return [{ value: one.const, label: text(one.title) ?? labelOf(one.const), ...(hint && { hint }) }]
  })
  return options.every((option) => option !== null) ? options.flat() : null
}

export const labelOf = (value: unknown): string => (typeof value === 'object' ? JSON.stringify(value) : String(value))
