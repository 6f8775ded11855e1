// TypeScript text of what goes over the wire, from the schemas of the routes: the SDK's wire.ts is this text. No hand writes a wire type twice.
import type * as z from 'zod'
import { type Components, type JsonSchema, schemaOf } from './openapi.ts'
import type { Route } from './route.ts'
import type { Shape } from './schema.ts'

/** A module of types: one per named schema, and `Routes` with params, query, body and answers of each native route. */
export function wireTypes(routes: readonly Route[]): string {
  const components: Components = {}
  const native = routes.filter((one) => one.spec.dialect !== 'compatible')
  const entries = native.map((one) => `  '${one.method} ${one.path}': ${routeType(one, components)}`)
  const named = Object.entries(components)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, schema]) => `${comment(schema, '')}export type ${name} = ${typeOf(schema, '')}\n`)
  return [
    '// Made from the contract table of the server by `npm run generate`; a change here is lost. Types only, nothing of this is in the built code.\n',
    'export type Json = null | boolean | number | string | Json[] | { [member: string]: Json }\n',
    ...named,
    `/** Every native route by its head. */\nexport type Routes = {\n${entries.join('\n')}\n}\n`,
  ].join('\n')
}

function routeType({ spec }: Route, components: Components): string {
  const answers = Object.entries(spec.answers).map(([status, answer]) => `      ${status}: ${answerType(answer, components)}`)
  return [
    '{',
    `    params: ${shapeType(spec.params ?? {}, components)}`,
    `    query: ${shapeType(spec.query ?? {}, components)}`,
    `    body: ${spec.body ? typeOf(schemaOf(spec.body, components), '    ') : 'undefined'}`,
    `    answers: {\n${answers.join('\n')}\n    }`,
    '  }',
  ].join('\n')
}

const answerType = (answer: z.ZodType | null | 'stream' | 'page', components: Components): string =>
  answer === null || answer === 'page'
    ? 'undefined'
    : answer === 'stream'
      ? 'ReadableStream<Uint8Array>'
      : typeOf(schemaOf(answer, components), '      ')

function shapeType(shape: Shape, components: Components): string {
  const members = Object.entries(shape).map(([name, schema]) => {
    const optional = schema.safeParse(undefined).success
    return `${memberName(name)}${optional ? '?' : ''}: ${typeOf(schemaOf(schema, components), '    ')}`
  })
  return members.length === 0 ? 'Record<string, never>' : `{ ${members.join('; ')} }`
}

const memberName = (name: string) => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name))

const comment = (schema: JsonSchema, indent: string) =>
  typeof schema.description === 'string' ? `${indent}/** ${schema.description.replaceAll('*/', '* /')} */\n` : ''

/** TypeScript of a JSON Schema as zod writes it. A keyword that says nothing about the type is left out. */
export function typeOf(schema: JsonSchema, indent: string): string {
  if (typeof schema.$ref === 'string') return schema.$ref.split('/').at(-1) as string
  if ('const' in schema) return literal(schema.const)
  if (Array.isArray(schema.enum)) return schema.enum.map(literal).join(' | ')
  const choices = schema.anyOf ?? schema.oneOf
  if (Array.isArray(choices)) return [...new Set(choices.map((choice) => typeOf(choice as JsonSchema, indent)))].join(' | ')
  if (Array.isArray(schema.type))
    return schema.type.map((type) => typeOf({ ...schema, type, description: undefined }, indent)).join(' | ')
  switch (schema.type) {
    case 'string':
      return 'string'
    case 'integer':
    case 'number':
      return 'number'
    case 'boolean':
      return 'boolean'
    case 'null':
      return 'null'
    case 'array':
      return listType(typeOf((schema.items ?? {}) as JsonSchema, indent))
    case 'object':
      return objectType(schema, indent)
    default:
      return 'Json'
  }
}

const literal = (value: unknown) =>
  typeof value === 'string' ? `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'` : String(value)
const listType = (item: string) => (item.includes(' ') ? `(${item})[]` : `${item}[]`)

function objectType(schema: JsonSchema, indent: string): string {
  const properties = Object.entries((schema.properties ?? {}) as Record<string, JsonSchema>)
  const others = schema.additionalProperties
  if (properties.length === 0)
    return others && others !== true
      ? `{ [member: string]: ${typeOf(others as JsonSchema, indent)} }`
      : others
        ? '{ [member: string]: Json }'
        : 'Record<string, never>'
  const required = (schema.required ?? []) as string[]
  const inner = `${indent}  `
  const lines = properties.map(
    ([name, member]) =>
      `${comment(member, inner)}${inner}${memberName(name)}${required.includes(name) ? '' : '?'}: ${typeOf(member, inner)}`,
  )
  return `{\n${lines.join('\n')}\n${indent}}`
}
