// A fragment of SQL with its values beside it, never inside it. Nested fragments are spliced and renumbered; everything else becomes $n.
// Writes no SQL itself and knows no table: the statements stand in the sql.ts of each room.
export class Sql {
  readonly strings: readonly string[]
  readonly values: readonly unknown[]

  constructor(strings: readonly string[], values: readonly unknown[]) {
    this.strings = strings
    this.values = values
  }

  get text(): string {
    return this.strings.reduce((text, part, i) => `${text}$${i}${part}`)
  }
}

export function sql(strings: readonly string[], ...values: unknown[]): Sql {
  const parts: string[] = [strings[0] as string]
  const flat: unknown[] = []
  values.forEach((value, i) => {
    const after = strings[i + 1] as string
    if (value instanceof Sql) {
      const [first, ...rest] = value.strings
      parts.push(`${parts.pop()}${first}`, ...rest)
      parts.push(`${parts.pop()}${after}`)
      flat.push(...value.values)
    } else {
      parts.push(after)
      flat.push(value)
    }
  })
  return new Sql(parts, flat)
}

/** `separator` is written into the statement as it stands, so it is never a value from outside. */
export function join(parts: readonly Sql[], separator: string): Sql {
  if (parts.length === 0) return new Sql([''], [])
  const strings = ['', ...parts.slice(1).map(() => separator), '']
  return sql(strings, ...parts)
}
