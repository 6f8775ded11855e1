// A credential as one cookie among those of the client: merged by name, the others stay in their order (V56).
import { valuesOf } from '../http1/head.ts'
import { InjectionFault, mayReplace, type Outbound, type WhenPresent } from './outbound.ts'

const VALUE = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+$/

export function injectCookie(out: Outbound, name: string, value: string, placeholder: string | null, when?: WhenPresent): void {
  if (!VALUE.test(value)) throw new InjectionFault()
  const cookies = valuesOf(out.fields, 'cookie')
    .flatMap((line) => line.split(';').map((one) => one.trim()))
    .filter((one) => one !== '')
  const isNamed = (cookie: string): boolean => cookie.split('=', 1)[0]?.trim() === name
  const present = cookies.filter(isNamed)
  if (!mayReplace(out, present.length === 0 ? undefined : present.join('; '), placeholder, when)) return
  out.fields = out.fields.filter(([field]) => field.toLowerCase() !== 'cookie')
  out.fields.push(['Cookie', [...cookies.filter((cookie) => !isNamed(cookie)), `${name}=${value}`].join('; ')])
  out.added.push(Buffer.from(value, 'latin1'))
}
