// The form of a task beside its schema (T63, T77–T79): understood when the task is made, and every bound of its fields checked on every answer. It refuses what the native surface may not
// take; on the compatible one whatever stands in a definition becomes a form that can be answered.
import { type FieldError, Problem } from '@countersign/sdk'
import { checkAnswer, type Form, fieldAt, patternsOf, readForm } from '@countersign/sdk/form'
import type { Evaluation } from './evaluation.ts'
import { vetPattern } from './pattern.ts'
import { type Gated, type Json, plain } from './schema.ts'

/** `native` refuses, `compatible` mends; `stored` was judged when the task was made. */
export type Reading = 'native' | 'compatible' | 'stored'

/** Null: the schema says everything that there is to say. */
export async function readAsked(
  evaluation: Evaluation,
  schema: Json,
  definition: unknown,
  reading: Reading,
): Promise<Form | null> {
  const plainSchema = plain(schema)
  if ((definition === null || definition === undefined) && !JSON.stringify(plainSchema).includes('"x-countersign-field"'))
    return null
  const { form, faults } = readForm(plainSchema, plain(definition))
  if (reading === 'stored') return form
  const patterns = await refusedPatterns(evaluation, definition)
  if (reading === 'native') refuse([...faults, ...patterns])
  return reading === 'compatible' && patterns.length > 0 ? readForm(plainSchema, withoutPatterns(plain(definition))).form : form
}

function refuse(faults: readonly FieldError[]): void {
  if (faults.length === 0) return
  const inSchema = faults.every(({ path }) => path.startsWith('/response_schema'))
  throw new Problem(inSchema ? 'schema_invalid' : 'form_invalid', { errors: faults.slice(0, 100) })
}

/** Every pattern of a definition, with its place; those of a schema were vetted with it. */
function patternsIn(node: unknown, path: string): { path: string; pattern: string }[] {
  if (typeof node !== 'object' || node === null) return []
  return Object.entries(node).flatMap(([name, value]) =>
    name === 'pattern' && typeof value === 'string'
      ? [{ path: `${path}/pattern`, pattern: value }]
      : name === 'fields' || Array.isArray(node)
        ? patternsIn(value, `${path}/${name}`)
        : [],
  )
}

async function refusedPatterns(evaluation: Evaluation, definition: unknown): Promise<FieldError[]> {
  const all = patternsIn(definition, '/form_definition').map((one) => ({ ...one, vetted: vetPattern(one.pattern) }))
  const sound = all.flatMap(({ vetted }) => ('source' in vetted ? [vetted.source] : []))
  const slow = await evaluation.probe(sound)
  return all.flatMap(({ path, vetted }): FieldError[] => {
    if ('code' in vetted) return [{ path, code: vetted.code, message: vetted.message }]
    return slow.includes(vetted.source)
      ? [{ path, code: 'pattern_unsafe', message: 'This pattern can run for ever on a short text.' }]
      : []
  })
}

function withoutPatterns(node: unknown): unknown {
  if (typeof node !== 'object' || node === null) return node
  if (Array.isArray(node)) return node.map(withoutPatterns)
  return Object.fromEntries(
    Object.entries(node).flatMap(([name, value]) =>
      name === 'pattern' ? [] : [[name, name === 'fields' ? withoutPatterns(value) : value]],
    ),
  )
}

/** What the fields say beyond the schema, under `path`; patterns run where a deadline interrupts them. */
export async function boundErrors(
  evaluation: Evaluation,
  form: Form,
  value: unknown,
  path: string,
  options: { partial: boolean },
): Promise<FieldError[]> {
  const answer = plain(value)
  const errors = checkAnswer(form, answer, options)
  const texts = patternsOf(form, answer).flatMap((one) => {
    const vetted = vetPattern(one.pattern)
    return 'source' in vetted ? [{ ...one, source: vetted.source }] : []
  })
  const fits = await Promise.all(texts.map(({ source, text }) => matches(evaluation, source, text)))
  const wrong = texts.flatMap(({ path: at, field }, i) =>
    fits[i] ? [] : [{ path: at, field, code: 'pattern', message: 'This does not have the form that is asked for.' }],
  )
  return [...errors, ...wrong].map((error) => ({ ...error, path: path + error.path }))
}

async function matches(evaluation: Evaluation, pattern: string, text: string): Promise<boolean> {
  const gated: Gated = { schema: { pattern }, draft: '2020-12', guarded: true, compares: false, patterns: [pattern] }
  const units = await evaluation.run(gated, text)
  return units !== 'too_slow' && units.length === 0
}

/** The schema's errors with the names of the form's fields, and of the form's own those at places that the schema said nothing about. */
export function together(form: Form, bySchema: readonly FieldError[], byForm: readonly FieldError[], path: string): FieldError[] {
  const told = new Set(bySchema.map((error) => error.path))
  const named = bySchema.map((error) => ({ ...error, field: fieldAt(form, error.path.slice(path.length)) }))
  return [...named, ...byForm.filter((error) => !told.has(error.path))]
}
