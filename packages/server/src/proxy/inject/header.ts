// A credential in a field of the head: every field of that name goes first, so exactly one arrives (V56).
import { valuesOf } from '../http1/head.ts'
import { mayReplace, type Outbound, requireVisible, type WhenPresent } from './outbound.ts'

export function injectHeader(out: Outbound, name: string, value: string, placeholder: string | null, when?: WhenPresent): void {
  requireVisible(value)
  const lower = name.toLowerCase()
  const present = valuesOf(out.fields, lower)
  const seen = present.length === 0 ? undefined : isBasic(present[0]) ? basicText(present[0] as string) : present.join(',')
  if (!mayReplace(out, seen, placeholder, when)) return
  out.fields = out.fields.filter(([field]) => field.toLowerCase() !== lower)
  out.fields.push([name, value])
  out.added.push(Buffer.from(value, 'latin1'))
}

const isBasic = (value: string | undefined): boolean => value !== undefined && /^basic /i.test(value)
/** A placeholder may stand inside the coded part. */
const basicText = (value: string): string => Buffer.from(value.slice(6), 'base64').toString('latin1')

/** User and password, either of which may be empty. */
export function injectBasic(
  out: Outbound,
  { user, password }: { user: string; password: string },
  placeholder: string | null,
  when?: WhenPresent,
): void {
  if (user !== '') requireUserPass(user)
  if (password !== '') requireUserPass(password)
  const coded = Buffer.from(`${user}:${password}`, 'utf8').toString('base64')
  injectHeader(out, 'Authorization', `Basic ${coded}`, placeholder, when)
  out.added.push(Buffer.from(coded, 'latin1'), Buffer.from(`${user}:${password}`, 'utf8'))
}

function requireUserPass(text: string): void {
  if (!/^[\x20-\x7e\u0080-\uffff]+$/.test(text)) requireVisible('')
}
