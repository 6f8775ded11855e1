// Cookies of a session that an agent may use and not have (V45): where a site renews one, it is taken out of the answer and handed to whoever keeps it.
import type { Field } from '../flow.ts'

export type Taken = {
  /** What goes on to the agent. */
  fields: readonly Field[]
  /** Name → value; the last of a name counts, as in a browser. */
  renewed: Readonly<Record<string, string>>
}

/** RFC 6265 §5.2, no more of it than is needed. A site that deletes a cookie renews nothing: it is withheld all the same. */
export function takeCookies(fields: readonly Field[], names: ReadonlySet<string>): Taken {
  const renewed: Record<string, string> = Object.create(null)
  const kept = fields.filter(([field, line]) => {
    if (field.toLowerCase() !== 'set-cookie') return true
    const [pair = '', ...attributes] = line.split(';')
    const at = pair.indexOf('=')
    const name = pair.slice(0, at).trim()
    if (at < 1 || !names.has(name)) return true
    const value = pair.slice(at + 1).trim()
    if (value === '' || isDeletion(attributes)) delete renewed[name]
    else renewed[name] = value
    return false
  })
  return { fields: kept, renewed }
}

function isDeletion(attributes: readonly string[]): boolean {
  const read = new Map(
    attributes.map((one): [string, string] => {
      const at = one.indexOf('=')
      return at < 0 ? [one.trim().toLowerCase(), ''] : [one.slice(0, at).trim().toLowerCase(), one.slice(at + 1).trim()]
    }),
  )
  const age = read.get('max-age')
  if (age !== undefined && /^-?\d+$/.test(age)) return Number(age) <= 0
  // Deleted by the usual means: an end long before there was this cookie. No clock is needed for that.
  const end = Date.parse(read.get('expires') ?? '')
  return !Number.isNaN(end) && end < LONG_AGO
}

const LONG_AGO = Date.UTC(2020, 0, 1)
