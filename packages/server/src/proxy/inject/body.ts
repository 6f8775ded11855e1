// A credential inside the body: a member of JSON by its pointer, or a field of a form (V56). What is not exactly one of the two is refused; so is multipart.
import { at, strictJson } from '../decide/json.ts'
import { valuesOf } from '../http1/head.ts'
import { InjectionFault, mayReplace, type Outbound, type WhenPresent } from './outbound.ts'

export function injectBody(out: Outbound, name: string, value: string, placeholder: string | null, when?: WhenPresent): void {
  const type = (valuesOf(out.fields, 'content-type')[0] ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
  if (valuesOf(out.fields, 'content-encoding').some((coding) => coding.toLowerCase() !== 'identity')) throw new InjectionFault()
  const body = out.body ?? Buffer.alloc(0)
  if (name.startsWith('/')) {
    if (type !== 'application/json' && !type.endsWith('+json')) throw new InjectionFault()
    out.body = intoJson(out, body, name, value, placeholder, when)
  } else {
    if (type !== 'application/x-www-form-urlencoded') throw new InjectionFault()
    out.body = intoForm(out, body, name, value, placeholder, when)
  }
  out.added.push(Buffer.from(value, 'utf8'))
}

/** Whether our placeholder stands at this place; what is no body of that kind holds none. */
export function bodyHolds(out: Outbound, name: string, placeholder: string | null): boolean {
  if (placeholder === null || out.body === null || !out.body.includes(placeholder)) return false
  if (!name.startsWith('/'))
    return new URLSearchParams(out.body.toString('utf8')).getAll(name).some((one) => one.includes(placeholder))
  const strict = strictJson(out.body)
  const present = strict === 'ambiguous' ? undefined : at(strict.value, name)
  return typeof present === 'string' && present.includes(placeholder)
}

function intoJson(
  out: Outbound,
  body: Buffer,
  pointer: string,
  value: string,
  placeholder: string | null,
  when?: WhenPresent,
): Buffer {
  const root = parsed(body)
  const path = pointer
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
  const last = path.pop() as string
  let holder: unknown = root
  for (const part of path) holder = memberOf(holder, part)
  if (typeof holder !== 'object' || holder === null || last === '__proto__') throw new InjectionFault()
  const present = memberOf(holder, last)
  const said = present === undefined ? undefined : typeof present === 'string' ? present : JSON.stringify(present)
  if (!mayReplace(out, said, placeholder, when)) return body
  ;(holder as Record<string, unknown>)[last] = value
  return Buffer.from(JSON.stringify(root), 'utf8')
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) throw new InjectionFault()
    throw error
  }
}

const memberOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined

function intoForm(
  out: Outbound,
  body: Buffer,
  name: string,
  value: string,
  placeholder: string | null,
  when?: WhenPresent,
): Buffer {
  const form = new URLSearchParams(body.toString('utf8'))
  const present = form.getAll(name)
  if (!mayReplace(out, present.length === 0 ? undefined : present.join('&'), placeholder, when)) return body
  form.delete(name)
  form.append(name, value)
  return Buffer.from(form.toString(), 'latin1')
}
