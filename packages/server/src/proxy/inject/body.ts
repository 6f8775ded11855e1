// A credential inside the body: a member of JSON by its pointer, or a field of a form (V56). What is not exactly one of the two is refused; so is multipart.
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
  let at: unknown = root
  for (const part of path) at = memberOf(at, part)
  if (typeof at !== 'object' || at === null || last === '__proto__') throw new InjectionFault()
  const present = memberOf(at, last)
  const said = present === undefined ? undefined : typeof present === 'string' ? present : JSON.stringify(present)
  if (!mayReplace(out, said, placeholder, when)) return body
  ;(at as Record<string, unknown>)[last] = value
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
