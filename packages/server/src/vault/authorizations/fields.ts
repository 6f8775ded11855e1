// What a person types in (V33, V41): trimmed of outer white space, held against its pattern, and refused with its hint. Never echoed, never kept when it is refused.
import { Problem } from '@countersign/sdk'
import type { Definition, Field, Method } from '../providers/definition.ts'
import { readExpression } from '../providers/expression.ts'

const LONGEST = 16_384
const AWS: Field[] = [
  {
    name: 'access_key_id',
    label: 'Access key id',
    secret: false,
    pattern: '^[A-Z0-9]{16,128}$',
    hint: '16 to 128 capital letters and digits, such as AKIA…',
  },
  { name: 'secret_access_key', label: 'Secret access key', secret: true },
]
const BASIC: Field[] = [
  { name: 'username', label: 'User name', secret: false },
  { name: 'password', label: 'Password', secret: true },
]

/** Empty: this way of connecting has no form. */
export function fieldsOf(definition: Definition, method: Method): readonly Field[] {
  if (method === 'api_key') return definition.api_key?.fields ?? [{ name: 'api_key', label: 'API key', secret: true }]
  if (method === 'basic') return definition.api_key?.fields ?? BASIC
  if (method === 'cookies') return definition.api_key?.fields ?? []
  if (method === 'aws') return definition.api_key?.fields ?? AWS
  return []
}

type Fault = { path: string; code: string; message: string }

export function readFields(fields: readonly Field[], given: Readonly<Record<string, string>>): Record<string, string> {
  const errors: Fault[] = []
  const read: Record<string, string> = {}
  for (const name of Object.keys(given))
    if (!fields.some((field) => field.name === name))
      errors.push({ path: `/fields/${name}`, code: 'unknown', message: 'There is no such field.' })
  for (const field of fields) {
    // Not `trim()`: a mark of the byte order is no white space, and a key with one in front is none.
    const value = (given[field.name] ?? '').replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '')
    const fault = faultIn(field, value)
    if (fault) errors.push({ path: `/fields/${field.name}`, ...fault })
    else read[field.name] = value
  }
  if (errors.length > 0) throw new Problem('validation_failed', { errors })
  return read
}

function faultIn({ label, pattern, hint }: Field, value: string): Omit<Fault, 'path'> | null {
  const says = hint === undefined ? '' : ` ${hint}`
  if (value === '') return { code: 'required', message: `${label} is needed.${says}` }
  if (value.length > LONGEST) return { code: 'too_long', message: `${label} is too long.${says}` }
  if (/[\p{Cc}\ufeff\u2028\u2029]/u.test(value))
    return { code: 'pattern', message: `${label} holds a line break or another invisible character.${says}` }
  if (pattern !== undefined && !readExpression(pattern).test(value))
    return { code: 'pattern', message: `${label} does not look like one.${says}` }
  return null
}
