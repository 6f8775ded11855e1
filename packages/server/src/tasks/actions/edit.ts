// Edited arguments (T45): by their schema, of the types they were proposed in, and different only where the asking side lets them be. Stores nothing.
import { type FieldError, Problem } from '@countersign/sdk'
import { Digits, readJson, writeJson } from '../../http/json.ts'
import type { Forms } from '../forms/answer.ts'
import { diff, isWithin } from './patch.ts'
import { type Action, ARGS_BYTES } from './proposal.ts'

type Json = Record<string, unknown>

/** The arguments as they are to be run, or `args_invalid` with every error. */
export async function checkEdit(forms: Forms, action: Action, given: Json, path: string): Promise<Json> {
  const { value, errors } = await typed(forms, action, given, path)
  if (Buffer.byteLength(writeJson(value)) > ARGS_BYTES) errors.push(wrong(path, 'too_large', 'Arguments have at most 1 MiB.'))
  const { editable } = action
  if (editable !== null)
    for (const { path: at } of diff(action.args, value))
      if (!editable.some((pointer) => isWithin(at, pointer)))
        errors.push(wrong(`${path}${at}`, 'not_editable', 'This part may not be edited.'))
  if (errors.length > 0) throw new Problem('args_invalid', { errors })
  return value as Json
}

const wrong = (path: string, code: string, message: string): FieldError => ({
  path,
  field: path.split('/').slice(2).join('.'),
  code,
  message,
})

async function typed(
  forms: Forms,
  { args, args_schema }: Action,
  given: Json,
  path: string,
): Promise<{ value: unknown; errors: FieldError[] }> {
  if (args_schema) {
    const gated = await forms.gate(args_schema, '/action/args_schema', { mustBeObject: true })
    const { value, errors } = await forms.judge(gated, given, path)
    return { value, errors: [...errors] }
  }
  const errors: FieldError[] = []
  return { value: keepTypes(args, given, path, errors), errors }
}

type Kind = 'null' | 'boolean' | 'number' | 'text' | 'list' | 'object'
const kindOf = (value: unknown): Kind => {
  if (value === null) return 'null'
  if (value instanceof Digits || typeof value === 'number') return 'number'
  if (typeof value === 'boolean') return 'boolean'
  if (typeof value === 'string') return 'text'
  return Array.isArray(value) ? 'list' : 'object'
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
const SAYS: Record<Kind, string> = {
  null: 'nothing',
  boolean: 'yes or no',
  number: 'a number',
  text: 'a text',
  list: 'a list',
  object: 'an object',
}

/** Without a schema what was proposed says what fits: a number stays a number (a field of a form sends it as text). What is new is free. */
function keepTypes(before: unknown, after: unknown, path: string, errors: FieldError[]): unknown {
  if (before === undefined || before === null) return after
  const [was, is] = [kindOf(before), kindOf(after)]
  if (was === 'number' && is === 'text' && NUMBER.test((after as string).trim())) return readJson((after as string).trim())
  if (was === 'boolean' && (after === 'true' || after === 'false')) return after === 'true'
  if (was !== is) {
    errors.push(wrong(path, 'type', `Must be ${SAYS[was]}.`))
    return after
  }
  if (was === 'list')
    return (after as unknown[]).map((value, i) => keepTypes((before as unknown[])[i], value, `${path}/${i}`, errors))
  if (was !== 'object') return after
  const members = before as Json
  return Object.fromEntries(
    Object.entries(after as Json).map(([name, value]) => {
      const at = `${path}/${name.replace(/~/g, '~0').replace(/\//g, '~1')}`
      return [name, keepTypes(Object.hasOwn(members, name) ? members[name] : undefined, value, at, errors)]
    }),
  )
}
