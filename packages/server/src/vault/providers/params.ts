// Parameters of a connection (V2): what was given, what is derived from a key, what a definition takes for granted. Refuses what no definition asks for.
// Never holds a secret: what is derived from a key is a part that names a place, such as a data centre.
import { type FieldError, Problem } from '@countersign/sdk'
import type { Definition } from './definition.ts'
import { readExpression } from './expression.ts'
import { type Params, readBaseUrl } from './pattern.ts'

/** `validation_failed` with `/params/<name>`. `fields` are those of the key that is being stored, for what is derived from it. */
export function readParams({ params = {} }: Definition, given: Params, fields: Params = {}): Record<string, string> {
  const errors: FieldError[] = []
  const add = (name: string, code: string, message: string) => errors.push({ path: `/params/${name}`, code, message })
  for (const name of Object.keys(given))
    if (!Object.hasOwn(params, name)) add(name, 'unknown', 'This provider has no such parameter.')
  const read: Record<string, string> = {}
  for (const [name, param] of Object.entries(params)) {
    const { derive } = param
    const key = derive && Object.hasOwn(fields, derive.field) ? (fields[derive.field] as string) : undefined
    const derived = derive && key?.includes(derive.after_last) ? key.slice(key.lastIndexOf(derive.after_last) + 1) : undefined
    const value = Object.hasOwn(given, name) ? (given[name] as string) : (derived ?? param.default)
    if (value === undefined) add(name, 'required', 'Is required.')
    else if (
      param.values ? !param.values.includes(value) : param.pattern !== undefined && !readExpression(param.pattern).test(value)
    )
      add(name, 'invalid', 'Is not a value that it may have.')
    else if (name === 'base_url' && !readBaseUrl(value))
      add(name, 'invalid', 'Must be an https origin, such as https://git.example.com.')
    else read[name] = name === 'base_url' ? new URL(value).origin : value
  }
  if (errors.length > 0) throw new Problem('validation_failed', { errors })
  return read
}

/** What stands where nobody said otherwise: of a definition that nobody has connected yet, and of rows that are older than a default. */
export const defaultsOf = ({ params = {} }: Pick<Definition, 'params'>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(params).flatMap(([name, param]) => (param.default === undefined ? [] : [[name, param.default]])),
  )

/** A URL of a definition with the parameters of a connection in it, each as one piece of text that never reaches into the host or another segment. */
export function fillUrl(url: string, params: Params): string {
  return url.replace(/\{([a-z][a-z0-9_]*)\}/g, (whole, name: string) => {
    if (!Object.hasOwn(params, name)) return whole
    return name === 'base_url' ? (params[name] as string) : encodeURIComponent(params[name] as string)
  })
}
