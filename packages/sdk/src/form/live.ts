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
    message: `This ${worded(error)}.`,
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

const TYPES: Record<string, string> = {
  ...{ object: 'an object', array: 'a list', string: 'a text', number: 'a number' },
  ...{ integer: 'a whole number', boolean: 'true or false', null: 'empty' },
}
const FORMATS: Record<string, string> = {
  date: 'a date such as 2026-01-31',
  time: 'a time such as 08:30',
  'date-time': 'a date and time with its offset, such as 2026-01-31T08:30:00Z',
  email: 'a mail address',
  uri: 'a web address',
  uuid: 'a UUID',
  ipv4: 'an IPv4 address',
  ipv6: 'an IPv6 address',
}

/** Types and formats in the words of the person, as the server says them. */
function worded({ code, message }: FieldError): string {
  const said = message.replace(/^must be (?:a )?/, '')
  if (code === 'type')
    return `must be ${said
      .split(' or ')
      .map((type) => TYPES[type] ?? type)
      .join(' or ')}`
  return code === 'format' ? `must be ${FORMATS[said] ?? said}` : message
}
