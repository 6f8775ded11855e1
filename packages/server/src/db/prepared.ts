// Statements are named, so that a connection parses and plans each of them once (half the time of a statement with joins). Behind a pooler none is:
// names belong to a server connection. The names are bounded: texts without end, such as lists of placeholders, stay unnamed.
import type pg from 'pg'
import type { Sql } from './sql.ts'

export type Prepare = 'auto' | 'off'

export type Statements = {
  query(statement: Sql): pg.QueryConfig
  /** The key that the connection was greeted with is not that of the process which answers: somebody stands in between. */
  see(greeted: number, answering: number): void
  /** After a change of a table under us the kept plans are worth nothing; names of a new generation are parsed afresh. */
  forget(): void
}

// The statements of a whole server are a few hundred; each costs PostgreSQL some 20 KB a connection.
const MOST = 500

export function openStatements(prepare: Prepare): Statements {
  const names = new Map<string, string>()
  let generation = 0
  let isNamed = prepare === 'auto'

  const nameOf = (text: string): string | undefined => {
    const known = names.get(text)
    if (known !== undefined || names.size >= MOST) return known
    const name = `s${generation}_${names.size}`
    names.set(text, name)
    return name
  }
  return {
    query({ text, values }) {
      return { name: isNamed ? nameOf(text) : undefined, text, values: values as unknown[] }
    },
    see(greeted, answering) {
      if (greeted !== answering) isNamed = false
    },
    forget() {
      generation += 1
      names.clear()
    },
  }
}
