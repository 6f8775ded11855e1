// Calls of every route of the contract table, made from its schemas: an id wherever one may stand, and the least of everything else that is taken. Knows no route by name, so a
// new room is called from its first day.
import { type Components, type JsonSchema, schemaOf } from '../../packages/server/src/http/openapi.ts'
import type { Route } from '../../packages/server/src/http/route.ts'
import type { Shape } from '../../packages/server/src/http/schema.ts'
import { describeRoutes } from '../../packages/server/src/main/rooms.ts'
import { newId, newTenantUuid, tenantWire } from '../../packages/server/src/std/id.ts'
import type { Client } from '../harness/client.ts'

export const { routes, rootRoutes } = describeRoutes()
/** How one id of a kind is had: A's, or one that nobody has. */
export type Ids = (prefix: string) => string | undefined

export const nobodys: Ids = (prefix) => (prefix === 'ten' ? tenantWire(newTenantUuid()) : newId(prefix as 'task'))
const PREFIXES = /\^\(\?:([a-z|]+)\)_/

/** A value that the schema takes, with an id wherever one may stand; `used` hears of each. */
function sample(schema: JsonSchema, components: Components, ids: Ids, used: (prefix: string) => void, depth = 0): unknown {
  const again = (one: JsonSchema) => sample(one, components, ids, used, depth + 1)
  if (typeof schema.$ref === 'string') return again(components[schema.$ref.split('/').at(-1) as string] as JsonSchema)
  if (depth > 8) return null
  if (schema.const !== undefined) return schema.const
  if (Array.isArray(schema.enum)) return schema.enum[0]
  const choices = (schema.anyOf ?? schema.oneOf ?? schema.allOf) as JsonSchema[] | undefined
  if (choices) return again(choices.find((one) => PREFIXES.test(String(one.pattern))) ?? (choices[0] as JsonSchema))
  const [, prefixes] = PREFIXES.exec(String(schema.pattern)) ?? []
  if (prefixes) {
    for (const prefix of prefixes.split('|')) {
      const id = ids(prefix)
      if (id) {
        used(prefix)
        return id
      }
    }
    return nobodys(prefixes.split('|')[0] as string)
  }
  switch (schema.type) {
    case 'object': {
      const members = Object.entries((schema.properties ?? {}) as Record<string, JsonSchema>)
      const required = (schema.required ?? []) as string[]
      const wanted = members.filter(([name, member]) => required.includes(name) || mayHoldId(member, components))
      return Object.fromEntries(wanted.map(([name, member]) => [name, again(member)]))
    }
    case 'array':
      return mayHoldId(schema.items as JsonSchema, components) || Number(schema.minItems ?? 0) > 0
        ? [again(schema.items as JsonSchema)]
        : []
    case 'integer':
    case 'number':
      return Math.max(1, Number(schema.minimum ?? 1))
    case 'boolean':
      return true
    case 'string': {
      if (schema.format === 'date-time') return '2026-01-31T12:00:00.000Z'
      if (schema.format === 'email') return 'nobody@example.com'
      if (schema.pattern || Number(schema.maxLength ?? 1_000) < 32) return 'a'.repeat(Math.max(1, Number(schema.minLength ?? 1)))
      // Free text may be read as an id by a filter.
      const id = ids('task')
      if (id) used('task')
      return (id ?? newId('task')).padEnd(Number(schema.minLength ?? 0), 'x')
    }
    default:
      return {}
  }
}

const mayHoldId = (schema: JsonSchema | undefined, components: Components): boolean =>
  schema !== undefined && /\(\?:[a-z|]+\)_\[0-7\]/.test(JSON.stringify({ schema, of: refsOf(schema, components) }))

function refsOf(schema: JsonSchema, components: Components): unknown {
  const [, name] = /"#\/components\/schemas\/([^"]+)"/.exec(JSON.stringify(schema)) ?? []
  return name ? components[name] : null
}

const shapes = new WeakMap<
  Route,
  { params: [string, JsonSchema][]; query: [string, JsonSchema][]; body: JsonSchema | null; components: Components }
>()

function shapeOf(one: Route) {
  const known = shapes.get(one)
  if (known) return known
  const components: Components = {}
  const each = (shape: Shape | undefined) =>
    Object.entries(shape ?? {}).map(([name, schema]) => [name, schemaOf(schema, components)] as [string, JsonSchema])
  const made = {
    params: each(one.spec.params),
    query: each(one.spec.query),
    body: one.spec.body ? schemaOf(one.spec.body, components) : null,
    components,
  }
  shapes.set(one, made)
  return made
}

export type Call = { method: string; path: string; body: string | undefined; headers: Record<string, string> }

/** `places`: where an id stands in this call. */
export function callOf(
  one: Route,
  ids: Ids,
  more: { cursor?: string; headers?: Record<string, string> } = {},
): { call: Call; places: Set<string> } {
  const { params, query, body, components } = shapeOf(one)
  const places = new Set<string>()
  const at = (place: string) => (prefix: string) => void places.add(`${place}:${prefix}`)
  const named = Object.fromEntries(params.map(([name, schema]) => [name, String(sample(schema, components, ids, at('path')))]))
  const path = one.path.replace(/:([a-z_]+)/g, (_, name: string) => encodeURIComponent(named[name] ?? ''))
  const asked = query
    .filter(
      ([name, schema]) =>
        name !== 'limit' &&
        name !== 'cursor' &&
        name !== 'timeout' &&
        (mayHoldId(schema, components) || (schema.type === 'string' && !schema.pattern && !schema.enum && !schema.format)),
    )
    .map(([name, schema]) => [name, String(sample(schema, components, ids, at('query')))] as [string, string])
  if (more.cursor) asked.push(['cursor', more.cursor])
  const prefix = rootRoutes.includes(one) ? '' : one.spec.dialect === 'compatible' ? '/api' : '/api/v1'
  return {
    places,
    call: {
      method: one.method,
      path: `${prefix}${path}${asked.length > 0 ? `?${new URLSearchParams(asked)}` : ''}`,
      body: one.method === 'GET' ? undefined : JSON.stringify(body ? sample(body, components, ids, at('body')) : {}),
      headers: more.headers ?? {},
    },
  }
}

/** What an answer says once ids, times, tokens and digests look alike. */
const plain = (text: string): string =>
  text
    .replace(/\b[a-z]{2,4}_[0-7][0-9A-HJKMNP-TV-Z]{25}/g, 'ID')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replace(/\+[0-9a-f]{8}\+/g, '+NAME+')
    .replace(/whsec_[A-Za-z0-9+/=]+/g, 'TOKEN')
    .replace(/[A-Za-z0-9_-]{36,}/g, 'TOKEN')
    // What a command that asks to be signed in shows its person.
    .replace(/\b[B-Z2-6]{4}-[B-Z2-6]{4}\b/g, 'CODE')
    .replace(/\b\d+(\.\d+)?\b/g, 'N')

/** What is answered, once what differs by itself looks alike. */
export async function ask(by: Client, { method, path, body, headers }: Call): Promise<string> {
  const abort = new AbortController()
  const answer = await by.raw(path, { method, body, headers, signal: abort.signal })
  if (answer.headers.get('content-type')?.startsWith('text/event-stream')) {
    abort.abort()
    return `${answer.status} stream`
  }
  return `${answer.status} ${plain(await answer.text())}`
}
