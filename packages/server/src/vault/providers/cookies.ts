// Cookies of a definition (V45): which field of a connection a cookie fills, by the injections that put it back. A cookie whose injection is more than one whole field is
// none that anybody could hand in.
import type { Definition } from './definition.ts'
import { readTemplate } from './template.ts'

/** Name of the cookie → name of the field. */
export function cookieFields({ inject }: Definition): ReadonlyMap<string, string> {
  const fields = new Map<string, string>()
  for (const { where, name, template = '' } of inject) {
    if (where !== 'cookie' || name === undefined) continue
    const [piece, ...more] = readTemplate(template)
    if (piece && 'field' in piece && more.length === 0) fields.set(name, piece.field)
  }
  return fields
}

/** What a browser's developer tools copy: `Cookie: a=b; c=d`, or the part behind the colon. The first of a name counts, as at a server. */
export function readCookieLine(line: string): Record<string, string> {
  const read: Record<string, string> = {}
  for (const pair of line.replace(/^\s*cookie\s*:/i, '').split(';')) {
    const at = pair.indexOf('=')
    const name = pair.slice(0, at).trim()
    if (name !== '' && at > 0 && !Object.hasOwn(read, name)) read[name] = pair.slice(at + 1).trim()
  }
  return read
}
