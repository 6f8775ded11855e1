// Names that the authority of a run may be kept to (`--pin-hosts`, V118): what is granted as it opens, in the words of certificates, which know a name and everything
// below it, and no wildcard. What a rule alone denies is no name. Never names an address.
import type { Usable } from '../connections/choose.ts'
import { defaultsOf } from '../providers/params.ts'
import { nameAbove, parsePattern } from '../providers/pattern.ts'

export function pinnedNames(can: readonly Usable[]): string[] {
  const names = can.flatMap(({ connection, definition, grants }) => {
    const params = { ...defaultsOf(definition), ...connection.params }
    const own = definition.hosts.map(({ host }) => host)
    const granted = grants.flatMap(({ rules }) =>
      rules.filter(({ effect }) => effect !== 'deny').flatMap(({ hosts }) => hosts ?? own),
    )
    return granted.flatMap((host) => nameAbove(parsePattern(host), params) ?? [])
  })
  const all = [...new Set(names)].sort()
  // What lies below another that is named anyway says nothing more.
  return all.filter((name) => !all.some((other) => name.endsWith(`.${other}`)))
}
