// A form field knows texts only; before the schema judges, a text takes the type the schema asks for (T76). It converts exactly or not at all:
// what does not fit stays as it came, and the schema then says what is wrong.
import { Digits } from '../../http/json.ts'
import type { Gated, Json } from './schema.ts'

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
const DATE_TIME = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d)(:\d\d(?:\.\d+)?)?([Zz]|[+-]\d\d:\d\d)$/

type Node = Json | boolean

export function coerce(gated: Gated, value: unknown): unknown {
  return new Coercion(gated).value([gated.schema], value)
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Digits)

class Coercion {
  private readonly gated: Gated

  constructor(gated: Gated) {
    this.gated = gated
  }

  /** `nodes` are all schemas that judge this value. */
  value(nodes: Node[], value: unknown): unknown {
    const judges = this.unfold(nodes)
    if (typeof value === 'string') return this.text(judges, value)
    if (Array.isArray(value)) return value.map((item, i) => this.value(itemSchemas(judges, i), item))
    if (isObject(value)) return this.object(judges, value)
    return value
  }

  private object(judges: Json[], value: Json): Json {
    const fitting = judges.filter((judge) => fitsConstants(judge, value))
    const required = new Set(fitting.flatMap((judge) => (judge.required ?? []) as string[]))
    const members: [string, unknown][] = []
    for (const [name, member] of Object.entries(value)) {
      const nodes = fitting.flatMap((judge) => memberSchemas(judge, name))
      if (nodes.length === 0) {
        members.push([name, member])
        continue
      }
      const coerced = this.value(nodes, member)
      const isBlank = coerced === '' && !required.has(name)
      if (!isBlank) members.push([name, coerced])
    }
    return Object.fromEntries(members)
  }

  private text(judges: Json[], text: string): unknown {
    const types = new Set(judges.flatMap((judge) => askedTypes(judge)))
    if (types.size === 0) return text
    const blank = text.trim() === ''
    if (blank && types.has('null')) return text === '' || !types.has('string') ? null : text
    if (types.has('string')) return judges.some((judge) => judge.format === 'date-time') ? dateTime(text) : text
    if (blank) return ''
    const trimmed = text.trim()
    if ((types.has('number') || types.has('integer')) && NUMBER.test(trimmed)) return exactNumber(trimmed) ?? text
    if (types.has('boolean') && (trimmed === 'true' || trimmed === 'false')) return trimmed === 'true'
    return text
  }

  /** The schemas behind references and combinations: a nullable number is a number and null. */
  private unfold(nodes: Node[], seen = new Set<Node>()): Json[] {
    return nodes.flatMap((node) => {
      if (typeof node === 'boolean' || seen.has(node)) return []
      seen.add(node)
      const next = ['allOf', 'anyOf', 'oneOf'].flatMap((name) => (node[name] ?? []) as Node[])
      const target = typeof node.$ref === 'string' ? [this.find(node.$ref)] : []
      return [node, ...this.unfold([...target, ...next], seen)]
    })
  }

  private find(ref: string): Node {
    const names = ref.slice(1).split('/').slice(1)
    let node: unknown = this.gated.schema
    for (const name of names) node = (node as Json)[decodeURIComponent(name).replace(/~1/g, '/').replace(/~0/g, '~')]
    return node as Node
  }
}

function askedTypes(judge: Json): string[] {
  if (judge.type !== undefined) return [judge.type].flat() as string[]
  const values = 'const' in judge ? [judge.const] : Array.isArray(judge.enum) ? judge.enum : []
  return values.map((value) => (value === null ? 'null' : typeof value))
}

function memberSchemas(judge: Json, name: string): Node[] {
  const properties = (judge.properties ?? {}) as Record<string, Node>
  if (Object.hasOwn(properties, name)) return [properties[name] as Node]
  return judge.additionalProperties === undefined || judge.patternProperties !== undefined
    ? []
    : [judge.additionalProperties as Node]
}

function itemSchemas(judges: Json[], index: number): Node[] {
  return judges.flatMap((judge) => {
    const tuple = (judge.prefixItems ?? (Array.isArray(judge.items) ? judge.items : [])) as Node[]
    if (index < tuple.length) return [tuple[index] as Node]
    const rest = Array.isArray(judge.items) ? judge.additionalItems : judge.items
    return rest === undefined ? [] : [rest as Node]
  })
}

/** Of a union told apart by a constant member only the meant branch may change the value. */
function fitsConstants(judge: Json, value: Json): boolean {
  const properties = (judge.properties ?? {}) as Record<string, Node>
  return Object.entries(properties).every(
    ([name, node]) =>
      typeof node === 'boolean' ||
      !('const' in node) ||
      !Object.hasOwn(value, name) ||
      String(node.const) === String(value[name]),
  )
}

/** The double with exactly these digits, or null: 0.1 is one, 12345678901234567890 is not. */
function exactNumber(text: string): number | null {
  const number = Number(text)
  if (!Number.isFinite(number)) return null
  return digits(String(number)) === digits(text) ? number : null
}

/** Significant digits and exponent, so that 4.20 and 42e-1 are one number. */
function digits(text: string): string {
  const [, sign, whole = '', fraction = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? []
  const all = (whole + fraction).replace(/^0+/, '')
  const significant = all.replace(/0+$/, '')
  if (significant === '') return '0'
  return `${sign}${significant}e${Number(exponent) - fraction.length + all.length - significant.length}`
}

function dateTime(text: string): string {
  const parts = DATE_TIME.exec(text.trim())
  return parts ? `${parts[1]}T${parts[2]}${parts[3] ?? ':00'}${(parts[4] ?? '').toUpperCase()}` : text
}
