// What a caller may give as the type of an answer, and the one form in which the rest of the SDK uses it: a JSON Schema to send and a
// check to run. Every library is read by its structure; none is imported.

import { pointerStep } from '../canonical.ts'
import type { FieldError } from '../problem.ts'
import type { JsonSchema } from '../shapes.ts'
import { checkJsonSchema } from './check.ts'
import { convert, notConvertible } from './convert.ts'
import { readZod3 } from './zod3.ts'
import { readZod4 } from './zod4.ts'

/** A Standard Schema (standardschema.dev), as Zod, Valibot, ArkType and others are. */
export type StandardSchema = {
  readonly '~standard': {
    readonly version: number
    readonly vendor: string
    readonly validate: (value: unknown) => unknown
    readonly types?: { readonly input: unknown; readonly output: unknown } | undefined
    readonly jsonSchema?: unknown
  }
}

/** A Zod 3 schema older than Standard Schema. */
export type OlderZod = { readonly _output: unknown; safeParse(value: unknown): unknown }

/** What may stand as `response`: a Zod 4 or 3 schema, any Standard Schema, or JSON Schema. */
export type ResponseSchema = StandardSchema | OlderZod | JsonSchema

/**
 * The type of the answer to a schema; `unknown` for plain JSON Schema.
 *
 * @example
 * ```ts
 * import type { AnswerOf } from '@countersign/sdk'
 * import { z } from 'zod'
 * const Refund = z.object({ approved: z.boolean() })
 * const answer: AnswerOf<typeof Refund> = { approved: true }
 * ```
 */
export type AnswerOf<S> = S extends { readonly '~standard': { readonly types?: infer T } }
  ? NonNullable<T> extends { readonly output: infer O }
    ? O
    : unknown
  : S extends { readonly _output: infer O }
    ? O
    : unknown

export type Checked = { ok: true; value: unknown } | { ok: false; errors: FieldError[] }
export type ReadSchema = {
  jsonSchema: JsonSchema
  check(value: unknown): Promise<Checked>
  /** It can refuse an answer that its JSON Schema lets pass: then the answer is looked at here before a person is told that it counts. */
  checksMore: boolean
}

/** Throws `SchemaNotConvertible` before anything is sent. `beside` is a JSON Schema given for a library that cannot make one. */
export function readSchema(schema: ResponseSchema, beside?: JsonSchema): ReadSchema {
  if (typeof schema !== 'object' && typeof schema !== 'function') throw notConvertible('', 'not a schema')
  const tree = '_zod' in schema ? readZod4 : isZod3(schema) ? readZod3 : null
  if (tree) {
    const { jsonSchema, revive, checksMore } = convert(tree, schema)
    return {
      jsonSchema: describesObject(beside ?? jsonSchema),
      check: (value) => validate(schema, revive(value)),
      checksMore: checksMore || beside !== undefined,
    }
  }
  if ('~standard' in schema) {
    const own = beside ?? jsonSchemaOf(schema as StandardSchema)
    if (!own)
      throw notConvertible(
        '',
        `${(schema as StandardSchema)['~standard'].vendor} gives no JSON Schema; pass one as \`jsonSchema\` beside it`,
      )
    // What such a library checks beyond its JSON Schema it does not say.
    return { jsonSchema: describesObject(own), check: (value) => validate(schema, value), checksMore: true }
  }
  const json = beside ?? (schema as JsonSchema) // neither a Zod nor a Standard Schema, so it is JSON Schema
  return {
    jsonSchema: json,
    check: async (value) => {
      const errors = checkJsonSchema(json, value)
      return errors.length === 0 ? { ok: true, value } : { ok: false, errors }
    },
    checksMore: false,
  }
}

const isZod3 = (schema: object) =>
  '_def' in schema && typeof (schema._def as { typeName?: unknown } | null)?.typeName === 'string' && 'safeParse' in schema

/** The JSON Schema ability of Standard Schema, in the draft that the server speaks. */
function jsonSchemaOf(schema: StandardSchema): JsonSchema | null {
  const ability = schema['~standard'].jsonSchema as { input?: (options: { target: string }) => unknown } | undefined
  if (typeof ability?.input !== 'function') return null
  try {
    return ability.input({ target: 'draft-2020-12' }) as JsonSchema
  } catch (cause) {
    throw notConvertible('', cause instanceof Error ? cause.message : String(cause), cause)
  }
}

/** An answer is an object (T73): anything else is refused here rather than by the server. */
function describesObject(json: JsonSchema): JsonSchema {
  if (!isObjectSchema(json, json)) throw notConvertible('', 'the answer must be an object; wrap it, for instance as { value: … }')
  return json
}

function isObjectSchema(json: JsonSchema, root: JsonSchema, depth = 0): boolean {
  if (depth > 16) return true // a loop of references: the server judges it
  if (typeof json.$ref === 'string' && json.$ref.startsWith('#/$defs/')) {
    const target = (root.$defs as Record<string, JsonSchema> | undefined)?.[json.$ref.slice('#/$defs/'.length)]
    return target !== undefined && isObjectSchema(target, root, depth + 1)
  }
  const parts = (json.anyOf ?? json.oneOf) as JsonSchema[] | undefined
  if (parts) return parts.every((part) => isObjectSchema(part, root, depth + 1))
  const all = json.allOf as JsonSchema[] | undefined
  if (all) return all.some((part) => isObjectSchema(part, root, depth + 1))
  return json.type === 'object' || Object.keys(json).length === 0
}

type Issue = { message: string; path?: readonly (PropertyKey | { key: PropertyKey })[] }
type Result = {
  issues?: readonly Issue[] | undefined
  value?: unknown
  success?: boolean
  data?: unknown
  error?: { issues: readonly Issue[] }
}

async function validate(schema: object, value: unknown): Promise<Checked> {
  const standard = (schema as Partial<StandardSchema>)['~standard']
  if (standard) {
    const result = (await standard.validate(value)) as Result
    return result.issues ? { ok: false, errors: result.issues.map(fieldError) } : { ok: true, value: result.value }
  }
  const older = schema as { safeParseAsync?: (value: unknown) => Promise<unknown>; safeParse(value: unknown): unknown }
  const result = (await (older.safeParseAsync?.(value) ?? older.safeParse(value))) as Result
  return result.success ? { ok: true, value: result.data } : { ok: false, errors: (result.error?.issues ?? []).map(fieldError) }
}

function fieldError(issue: Issue): FieldError {
  const keys = (issue.path ?? []).map((step) => (typeof step === 'object' ? step.key : step))
  return { path: keys.map((key) => pointerStep(String(key))).join(''), code: 'invalid', message: issue.message }
}
