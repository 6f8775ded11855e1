// The schema's word while one types, in the shape and the words that the server uses. It only helps: the server judges every answer again.
import type { FieldError } from '../problem.ts'
import { checkJsonSchema } from '../schema/check.ts'
import type { JsonSchema } from '../shapes.ts'
import { fieldAt } from './check.ts'
import { type Form, isRecord } from './kinds.ts'

export function checkSchema(form: Pick<Form, 'fields'>, schema: unknown, answer: unknown): FieldError[] {
  if (!isRecord(schema)) return []
  return errorsOf(schema as JsonSchema, answer).map((error) => ({
    ...error,
    field: fieldAt(form, error.path),
    message: `This ${error.message}.`,
  }))
}

function errorsOf(schema: JsonSchema, answer: unknown): FieldError[] {
  try {
    return checkJsonSchema(schema, answer)
  } catch (error) {
    // A pattern in a spelling that only the server mends: its word has to do.
    if (error instanceof SyntaxError) return []
    throw error
  }
}
