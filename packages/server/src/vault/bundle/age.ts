// How old a comparison with a vendor's documentation may be (V52): a year. Vendors move endpoints and scopes; a date that nobody renews says less each month.
// A definition that nobody compared has no date, and is shown as not verified; it is none of these.
import type { Definition } from '../providers/definition.ts'

/** Names of those whose date is older than twelve months, or lies in the future, with the date. */
export function outOfDate(definitions: Iterable<Pick<Definition, 'name' | 'verified_on'>>, today: Date): string[] {
  const oldest = new Date(Date.UTC(today.getUTCFullYear() - 1, today.getUTCMonth(), today.getUTCDate()))
  return [...definitions].flatMap(({ name, verified_on }) => {
    if (verified_on === undefined) return []
    const on = new Date(`${verified_on}T00:00:00Z`)
    return on < oldest || on > today ? [`${name} (${verified_on})`] : []
  })
}
