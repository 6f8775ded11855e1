// Statements that stand in the source as one whole template are named, so that a connection parses and plans each of them once (half the time of a
// statement with joins). Composed statements are not: their number has no end. Behind a pooler none is: names belong to a server connection.
import type pg from 'pg'
import { Sql, sql } from './sql.ts'

export type Prepare = 'auto' | 'off'

export type Statements = {
  query(strings: TemplateStringsArray, values: unknown[]): pg.QueryConfig
  /** The key that the connection was greeted with is not that of the process which answers: somebody stands in between. */
  see(greeted: number, answering: number): void
  /** After a change of a table under us the kept plans are worth nothing; names of a new generation are parsed afresh. */
  forget(): void
}

type Kept = { text: string; number: number }

export function openStatements(prepare: Prepare): Statements {
  const kept = new WeakMap<TemplateStringsArray, Kept>()
  let count = 0
  let generation = 0
  let isNamed = prepare === 'auto'

  const keep = (strings: TemplateStringsArray, text: string): Kept => {
    count += 1
    const one = { text, number: count }
    kept.set(strings, one)
    return one
  }
  return {
    query(strings, values) {
      if (!isNamed || values.some((value) => value instanceof Sql)) {
        const { text, values: flat } = sql(strings, ...values)
        return { text, values: flat as unknown[] }
      }
      const { text, number } = kept.get(strings) ?? keep(strings, sql(strings, ...values).text)
      return { name: `s${generation}_${number}`, text, values }
    },
    see(greeted, answering) {
      if (greeted !== answering) isNamed = false
    },
    forget() {
      generation += 1
    },
  }
}
