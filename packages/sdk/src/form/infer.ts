// From a response schema to the form that asks for it (T80): every construct has a field, and what no kind can say is a JSON field, so that nothing is dropped and no question is
// unanswerable. Labels are title, then description, then the name in sentence case (T81). It never validates an answer.
import { type Fault, hintMembers, readField } from './definition.ts'
import {
  type Column,
  type Field,
  type FieldOf,
  type Form,
  MOST_FIELDS,
  MOST_LEVELS,
  type Objects,
  sentence,
  type Variant,
} from './kinds.ts'
import {
  bounds,
  branchesOf,
  type Common,
  columnOf,
  discriminatorOf,
  fromSchema,
  memberOf,
  membersOf,
  tableField,
  textField,
  withDefault,
  withoutLabels,
  wordOf,
} from './leaf.ts'
import { step, steps } from './place.ts'
import { isSchema, merged, number, optionsOf, resolve, type Schema, text, together, withoutNull } from './schema.ts'

export type Inferred = { form: Form; faults: Fault[] }

export function inferForm(schema: unknown): Inferred {
  const root = isSchema(schema) ? schema : {}
  const inference = new Inference(root)
  const { fields, objects } = inference.response()
  const form: Form = { version: 1, layout: 'one_column', fields, objects }
  if (inference.count <= MOST_FIELDS) return { form, faults: inference.faults }
  return { form: { ...form, fields: [wholeAsJson(root)], objects: [] }, faults: inference.faults }
}

const wholeAsJson = (schema: unknown): Field => ({
  ...{ kind: 'json', name: 'response', label: 'Answer', hint: 'Written as JSON.', required: true, path: '', schema },
})

/** Where a value stands, in the answer and in what is asked. */
type At = { name: string; path: string; required: boolean; within?: string; level: number; where: string }
type Fields = { fields: Field[]; objects: Objects }

class Inference {
  readonly faults: Fault[] = []
  readonly root: Schema
  count = 0
  private objects: Objects = []

  constructor(root: Schema) {
    this.root = root
  }

  response(): Fields {
    const top = { name: '', path: '', required: true, level: 1, where: '' }
    const seen = this.seen(this.root)
    const members = membersOf(seen.schema)
    if (members) return this.scope(() => this.members(seen.schema, members, top))
    const variant = this.variant(seen.schema, { name: 'response', label: 'Answer', required: true, path: '' }, top)
    return { fields: [variant ?? wholeAsJson(this.root)], objects: [] }
  }

  /** Fields with the required objects that stand in their scope. */
  private scope(make: () => Field[]): Fields {
    const outer = this.objects
    this.objects = []
    const fields = make()
    const objects = this.objects
    this.objects = outer
    return { fields, objects }
  }

  /** The schema as one looks at it: references followed, null set aside, parts together. */
  private seen(given: Schema): { schema: Schema; nullable: boolean } {
    const { schema, nullable } = withoutNull(resolve(given, this.root), this.root)
    return { schema: merged(resolve(schema, this.root), this.root) ?? schema, nullable }
  }

  private members(schema: Schema, members: Record<string, unknown>, at: At): Field[] {
    const needed = Array.isArray(schema.required) ? schema.required : []
    return Object.entries(members).flatMap(([name, member]) => {
      if (member === false) return []
      const field = this.field(isSchema(member) ? member : {}, {
        name: nameOf(at, name),
        path: at.path + step(name),
        required: needed.includes(name),
        ...(at.within !== undefined && { within: at.within }),
        level: at.level,
        where: `${at.where}/properties${step(name)}`,
      })
      return [field]
    })
  }

  private field(given: Schema, at: At): Field {
    this.count++
    const { schema, nullable } = this.seen(given)
    const title = text(given.title) ?? text(schema.title)
    const description = text(given.description) ?? text(schema.description)
    const own = steps(at.path).at(-1) ?? at.name
    const common: Common = {
      name: at.name,
      label: title ?? description ?? sentence(own),
      ...(title && description && { hint: description }),
      required: at.required && !nullable,
      path: at.path,
      ...(at.required && nullable && { open_is_null: true }),
      ...(at.within !== undefined && { within: at.within }),
    }
    const initial = given.default ?? schema.default
    const made = withDefault(this.bare(schema, common, at), initial)
    return this.hinted(given['x-countersign-field'] ?? schema['x-countersign-field'], schema, made, at)
  }

  private bare(schema: Schema, common: Common, at: At): Field {
    if (at.level > MOST_LEVELS || this.count > MOST_FIELDS) return { ...common, kind: 'json', schema }
    const options = optionsOf(schema, this.root)
    if (options && options.length > 0) return { ...common, kind: 'single_select', options }
    switch (schema.type) {
      case 'boolean':
        return { ...common, kind: 'switch', true_label: 'Yes', false_label: 'No' }
      case 'integer':
      case 'number':
        return { ...common, kind: 'short_text', subtype: 'number' }
      case 'string':
        return textField(common, schema)
      case 'array':
        return this.list(schema, common, at)
    }
    const members = membersOf(schema)
    if (members) return this.section(schema, members, common, at)
    return this.variant(schema, common, at) ?? { ...common, kind: 'json', schema }
  }

  private section(schema: Schema, members: Record<string, unknown>, common: Common, at: At): Field {
    const within = common.required ? at.within : at.path
    // Left open it would have to be null as a whole; a section knows only its members.
    if (common.open_is_null) return { ...common, kind: 'json', schema }
    if (common.required) this.objects.push({ path: at.path, ...(at.within !== undefined && { within: at.within }) })
    const fields = this.members(schema, members, { ...at, level: at.level + 1, ...(within !== undefined && { within }) })
    const { hint, ...rest } = common
    return { ...rest, kind: 'section_collapse', title: common.label, ...(hint && { subtitle: hint }), fields, default_open: true }
  }

  private list(schema: Schema, common: Common, at: At): Field {
    if (!isSchema(schema.items) || Object.keys(schema.items).length === 0 || schema.prefixItems !== undefined)
      return { ...common, kind: 'json', schema }
    const { schema: item, nullable } = this.seen(schema.items)
    const [min, max] = [number(schema.minItems), number(schema.maxItems)]
    const options = optionsOf(item, this.root)
    if (options && options.length > 0 && !nullable)
      return { ...common, kind: 'multi_select', options, ...bounds('count', min, max) }
    const columns = this.tried(() => this.columns(item, `${at.where}/items`))
    if (columns && !nullable) return tableField(common, columns, min, max)
    return this.entries(schema.items, item, common, at, min, max)
  }

  /** What an attempt that comes to nothing has noted is forgotten. */
  private tried<T>(attempt: () => T | null): T | null {
    const { count, objects } = this
    const faults = this.faults.length
    this.objects = []
    const made = attempt()
    this.objects = objects
    if (made === null) {
      this.count = count
      this.faults.length = faults
    }
    return made
  }

  /** The columns of a flat object; null when something in it needs more room than a cell. */
  private columns(item: Schema, where: string): Column[] | null {
    const members = membersOf(item)
    if (!members || Object.keys(members).length > 8) return null
    const needed = Array.isArray(item.required) ? item.required : []
    const columns = Object.entries(members).map(([name, member]): Column | null => {
      if (!isSchema(member)) return null
      const field = this.field(member, {
        name,
        path: step(name),
        required: needed.includes(name),
        level: 1,
        where: `${where}/properties${step(name)}`,
      })
      return columnOf(field, this.seen(member).schema)
    })
    return columns.every((column) => column !== null) ? columns : null
  }

  private entries(given: Schema, item: Schema, common: Common, at: At, min?: number, max?: number): Field {
    const members = membersOf(item)
    const level = at.level + 1
    const where = `${at.where}/items`
    const { fields, objects } = this.scope(() =>
      members && !this.seen(given).nullable
        ? this.members(item, members, { name: '', path: '', required: true, level, where })
        : [this.field(given, { name: 'entry', path: '', required: true, level, where })],
    )
    const initial_count = min ?? 0
    const labels = { add_label: 'Add', remove_label: 'Remove' }
    return { ...common, kind: 'subform', fields, objects, ...bounds('count', min, max), initial_count, ...labels }
  }

  /** A union as a choice with the fields of each branch; null when the schema is none. */
  private variant(schema: Schema, common: Common, at: At): FieldOf<'variant'> | null {
    const branches = branchesOf(schema)
    if (!branches || branches.length > 20 || at.level > MOST_LEVELS) return null
    const { oneOf: _, anyOf: __, type: ___, ...beside } = schema
    const seen = branches.map((branch) => (isSchema(branch) ? this.seen(branch).schema : {}))
    const parts = seen.map((part) => (isSchema(schema.properties) ? together(withoutLabels(beside), part) : part))
    if (!parts.every((part) => part !== null)) return null
    const discriminator = discriminatorOf(parts, this.root)
    const within = common.required ? at.within : at.path
    const options = parts.map((part, i): Variant => {
      const mark = discriminator && (optionsOf(resolve(memberOf(part, discriminator), this.root), this.root) ?? [])[0]
      const label = text(part.title) ?? (mark ? mark.label : (text(part.description) ?? wordOf(part, i)))
      const members = membersOf(part)
      const { fields, objects } = this.scope(() => {
        const deeper = {
          ...at,
          name: at.path === '' ? '' : at.name,
          level: at.level + 1,
          ...(within !== undefined && { within }),
        }
        if (!members) return [this.field(withoutLabels(part), { ...deeper, name: at.name || 'value', required: true })]
        const others = Object.fromEntries(Object.entries(members).filter(([name]) => name !== discriminator))
        return this.members(part, others, deeper)
      })
      const ensured = members ? [{ path: at.path }, ...objects] : objects
      return { value: mark ? mark.value : i, label, fields, objects: ensured, schema: part }
    })
    return { ...common, kind: 'variant', ...(discriminator && { discriminator }), options }
  }

  /** `x-countersign-field`: a kind, or a kind with members, over what was inferred. */
  private hinted(hint: unknown, schema: Schema, made: Field, at: At): Field {
    if (hint === undefined || hint === null) return made
    const path = `${at.where}/x-countersign-field`
    const given = typeof hint === 'string' ? { kind: hint } : isSchema(hint) ? hint : {}
    const kind = text(given.kind) ?? made.kind
    const from: Record<string, unknown> = { ...fromSchema(schema), ...made, kind }
    const known = [...hintMembers(kind), 'label', 'hint']
    const base = Object.fromEntries(Object.entries(from).filter(([name]) => known.includes(name)))
    const inner = made.kind === 'table' && kind === 'table' ? { columns: made.columns } : {}
    const { field, faults } = readField(
      { ...base, ...inner, ...given, kind, name: made.name, path: made.path, required: made.required },
      path,
    )
    this.faults.push(...faults)
    return field ? ({ ...field, ...kept(made) } as Field) : made
  }
}

/** Names of members with a dot between; where a member's own name would make that ambiguous, its pointer. */
const nameOf = (at: At, name: string): string =>
  /[./]/.test(name) || at.name.startsWith('/') ? at.path + step(name) : at.name === '' ? name : `${at.name}.${name}`

const kept = ({ open_is_null, within }: Field) => ({
  ...(open_is_null && { open_is_null }),
  ...(within !== undefined && { within }),
})
