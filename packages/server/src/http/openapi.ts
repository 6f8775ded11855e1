// The OpenAPI 3.1 document of the contract table. Everything in it comes from the routes; a sentence that is not there is not made up here.
import { PROBLEMS, type ProblemCode } from '@countersign/sdk'
import * as z from 'zod'
import { acceptedBy, type CredentialKind } from './credential.ts'
import { isMutating, isStream, type Route } from './route.ts'
import type { Shape } from './schema.ts'

export type JsonSchema = { [keyword: string]: unknown }
export type Components = Record<string, JsonSchema>

/** JSON Schema of one schema; named ones move to `components` and are referred to. The same name for two shapes is an error. */
export function schemaOf(schema: z.ZodType, components: Components): JsonSchema {
  const {
    $schema: _,
    $defs = {},
    ...own
  } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema & { $defs?: Components }
  for (const [name, named] of Object.entries($defs)) {
    const moved = pointToComponents(named) as JsonSchema
    const known = components[name]
    if (known && JSON.stringify(known) !== JSON.stringify(moved)) throw new Error(`Two different schemas are called ${name}.`)
    components[name] = moved
  }
  return pointToComponents(own) as JsonSchema
}

function pointToComponents(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(pointToComponents)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) =>
      name === '$ref' ? [name, String(member).replace('#/$defs/', '#/components/schemas/')] : [name, pointToComponents(member)],
    ),
  )
}

export type DocumentOptions = {
  version: string
  rootRoutes?: readonly Route[]
  publicUrl?: string
  /** What we send, by name: the part of the document that no route is. */
  webhooks?: JsonSchema
}

/** Codes that any authenticated route may answer, beside its own (platform.md §20). */
const COMMON: readonly ProblemCode[] = [
  'json_invalid',
  'unauthenticated',
  'forbidden',
  'validation_failed',
  'rate_limited',
  'internal',
  'busy',
  'read_only',
  'store_unavailable',
]
const OPEN: readonly ProblemCode[] = [
  'json_invalid',
  'validation_failed',
  'rate_limited',
  'internal',
  'busy',
  'read_only',
  'store_unavailable',
]

export function openApiDocument(routes: readonly Route[], options: DocumentOptions): JsonSchema {
  const components: Components = { Problem }
  // What speaks another protocol is described by that one's own documents.
  const rootRoutes = (options.rootRoutes ?? []).filter((one) => !one.spec.own)
  const paths: Record<string, Record<string, JsonSchema>> = {}
  const place = (one: Route, prefix: string) => {
    const path = `${prefix}${one.path}`.replaceAll(/:([a-z_]+)/g, '{$1}')
    paths[path] ??= {}
    ;(paths[path] as Record<string, JsonSchema>)[one.method.toLowerCase()] = operation(one, prefix, components)
  }
  for (const one of routes) {
    if (one.spec.dialect !== 'compatible') place(one, '/api/v1')
    if (one.spec.dialect === 'compatible' || one.spec.dialect === 'both') place(one, '/api')
  }
  for (const one of rootRoutes) place(one, '')
  const tags = [...new Set([...routes, ...rootRoutes].map((one) => one.spec.tag))].sort()
  return {
    openapi: '3.1.0',
    info: {
      title: 'Countersign',
      version: options.version,
      description:
        'A control plane for AI agents. Every native route under /api/v1 also answers under /api, where some speak the compatible dialect.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: options.publicUrl ?? '/' }],
    tags: tags.map((name) => ({ name, description: `Routes of ${name}.` })),
    paths: Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1))),
    ...(options.webhooks ? { webhooks: options.webhooks } : {}),
    components: {
      schemas: Object.fromEntries(Object.entries(components).sort(([a], [b]) => (a < b ? -1 : 1))),
      securitySchemes: schemesOf([...routes, ...rootRoutes]),
    },
  }
}

const SCHEMES: Record<CredentialKind, JsonSchema> = {
  key: { type: 'http', scheme: 'bearer', description: 'A key of an agent or of the tenant.' },
  session: {
    type: 'apiKey',
    in: 'cookie',
    name: '__Host-countersign',
    description: 'The cookie of a signed-in user; needs the same origin.',
  },
  relay: { type: 'http', scheme: 'bearer', description: 'The token of a relay grant.' },
  thread: { type: 'http', scheme: 'bearer', description: 'A token of one side of one thread.' },
}
const KINDS = Object.keys(SCHEMES) as CredentialKind[]

/** Those of keys and sessions always; others once a route takes them. */
const schemesOf = (routes: readonly Route[]): JsonSchema =>
  Object.fromEntries(
    KINDS.filter(
      (kind) => kind === 'key' || kind === 'session' || routes.some(({ spec }) => acceptedBy(spec).includes(kind)),
    ).map((kind) => [kind, SCHEMES[kind]]),
  )

/** One of them is enough; an empty one says that none is needed. */
const securityOf = ({ spec }: Route): JsonSchema[] => [
  ...(spec.auth === 'none' && spec.credentials ? [{}] : []),
  ...KINDS.filter((kind) => acceptedBy(spec).includes(kind)).map((kind) => ({ [kind]: [] })),
]

function operation(one: Route, prefix: string, components: Components): JsonSchema {
  const { spec } = one
  return {
    operationId: operationId(one, prefix),
    summary: spec.summary,
    ...(spec.description ? { description: spec.description } : {}),
    tags: [spec.tag],
    security: securityOf(one),
    parameters: [
      ...parameters(spec.params ?? {}, 'path', components),
      ...parameters(spec.query ?? {}, 'query', components),
      ...(isMutating(one) && spec.auth !== 'none' && spec.idempotency !== 'none' ? [IDEMPOTENCY_KEY] : []),
    ],
    ...(spec.body
      ? { requestBody: { required: true, content: { 'application/json': { schema: schemaOf(spec.body, components) } } } }
      : {}),
    responses: { ...successes(one, components), ...refusals(one) },
    ...(spec.action ? { 'x-action': spec.action } : {}),
  }
}

/** `POST /tasks/:id/claim` → postTasksIdClaim; the compatible twin and what stands at the root carry theirs. */
const operationId = ({ method, path }: Route, prefix: string) =>
  [method.toLowerCase(), { '/api': 'compatible', '': 'root' }[prefix] ?? '', ...path.split(/[^A-Za-z0-9]+/)]
    .filter(Boolean)
    .map((part, i) => (i === 0 ? part : part.replace(/^./, (first) => first.toUpperCase())))
    .join('')

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'The same key with the same call gives the first answer again for 24 hours.',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
}

function parameters(shape: Shape, place: 'path' | 'query', components: Components): JsonSchema[] {
  return Object.entries(shape).map(([name, schema]) => {
    const { description, ...own } = schemaOf(schema, components)
    const required = place === 'path' || !schema.safeParse(undefined).success
    return {
      name,
      in: place,
      required,
      ...(description ? { description } : {}),
      ...(own.type === 'array' ? { style: 'form', explode: false } : {}),
      ...(own.type === 'object' ? { style: 'deepObject', explode: true } : {}),
      schema: own,
    }
  })
}

const HEADERS = { 'X-Request-Id': { description: 'Names this call in logs and support.', schema: { type: 'string' } } }

function successes(one: Route, components: Components): Record<string, JsonSchema> {
  return Object.fromEntries(
    Object.entries(one.spec.answers).map(([status, answer]) => {
      const said = { description: DESCRIPTIONS[status] ?? 'The answer.', headers: HEADERS }
      if (answer === null) return [status, said]
      if (answer === 'page') return [status, said]
      const content =
        isStream(one) && answer === 'stream'
          ? { 'text/event-stream': { schema: { type: 'string' } } }
          : { 'application/json': { schema: schemaOf(answer as z.ZodType, components) } }
      return [status, { ...said, content }]
    }),
  )
}

const DESCRIPTIONS: Record<string, string> = {
  200: 'Done.',
  201: 'Made.',
  202: 'Accepted; it goes on by itself.',
  204: 'Done; there is nothing to say.',
  303: 'See there.',
}

function refusals(one: Route): Record<string, JsonSchema> {
  const { spec } = one
  const codes = new Set<ProblemCode>([
    ...(spec.auth === 'none' ? OPEN : COMMON),
    ...(Object.keys(spec.params ?? {}).length > 0 ? (['not_found'] as const) : []),
    ...(spec.credentials ? (['wrong_token_kind'] as const) : []),
    ...(spec.problems ?? []),
  ])
  const byStatus = new Map<number, ProblemCode[]>()
  for (const code of codes) byStatus.set(PROBLEMS[code].status, [...(byStatus.get(PROBLEMS[code].status) ?? []), code])
  return Object.fromEntries(
    [...byStatus].map(([status, known]) => [
      String(status),
      {
        description: known.map((code) => `\`${code}\`: ${PROBLEMS[code].title}.`).join(' '),
        headers: HEADERS,
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    ]),
  )
}

const Problem: JsonSchema = {
  type: 'object',
  description: 'RFC 9457. Members beside these depend on the code.',
  required: ['type', 'title', 'status', 'code', 'request_id'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string', enum: Object.keys(PROBLEMS) },
    request_id: { type: 'string' },
    retry_after: { type: 'integer', description: 'Seconds.' },
    errors: {
      type: 'array',
      description: 'Everything that is wrong with what was sent.',
      items: {
        type: 'object',
        required: ['path', 'code', 'message'],
        properties: {
          path: { type: 'string', description: 'A JSON Pointer into the body, or the bare name of a query or header field.' },
          code: { type: 'string' },
          message: { type: 'string' },
        },
      },
    },
  },
}
