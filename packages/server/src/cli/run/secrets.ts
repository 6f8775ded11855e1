// `--with-secret VAR=conn.field` (V131): a stored value in one variable of the child, for programs that cannot do with a placeholder. An export like any other (V16): by
// a person who signs in for it, where the tenant has switched it on, with an event that says which command it was for. Its output is masked whether or not that was asked.

import { Problem } from '@countersign/sdk'
import { EndsWith, exitCode } from '../output.ts'
import { asPerson, type SignIn } from '../person.ts'
import type { Door } from '../tasks.ts'
import type { Connection } from '../which-connection.ts'
import { NotStarted } from './child.ts'

export type Wanted = { variable: string; connection: string; field: string }

/** By variable. Ends as `export` would where it is refused: nothing has started. */
export async function secretsFor(
  door: Door,
  wanted: readonly Wanted[],
  { signIn, purpose }: { signIn: SignIn; purpose: string },
): Promise<Record<string, string>> {
  if (wanted.length === 0) return {}
  try {
    const values = await asPerson(door, signIn, async (person) => {
      const found: [string, string][] = []
      for (const { variable, connection, field } of wanted) {
        const { id } = await named(person, connection)
        const reason = `countersign run --with-secret ${variable}: ${purpose}`
        const text = await person('POST', `/connections/${id}/export`, { fields: [field], format: 'json', reason })
        found.push([variable, (JSON.parse(text) as Record<string, string>)[field] as string])
      }
      return found
    })
    return Object.fromEntries(values)
  } catch (error) {
    if (error instanceof Problem) throw new EndsWith(error.code === 'not_found' ? 3 : exitCode(error), error)
    throw error
  }
}

type Person = (method: string, path: string) => Promise<string>

/** As the person who signed in sees them: the key of the command may be an agent's. */
async function named(person: Person, word: string): Promise<Pick<Connection, 'id'>> {
  if (word.startsWith('conn_')) return { id: word }
  const [provider = '', name = 'default'] = word.split(':', 2)
  const text = await person('GET', `/connections?provider=${encodeURIComponent(provider)}&limit=200`)
  const { data } = JSON.parse(text) as { data: Connection[] }
  const found = data.filter((one) => one.name === name && one.status !== 'removed')
  const [first] = found.sort((a, b) => Number(a.shared) - Number(b.shared))
  if (!first) throw new EndsWith(3, new Problem('connection_missing', { detail: `There is no connection ${provider}:${name}.` }))
  return first
}

/** What cannot be found in output cannot be masked: said before anything starts. */
export function mustBeLong(flag: string, name: string, value: string, shortest: number): void {
  if (Buffer.byteLength(value) < shortest)
    throw new NotStarted(
      125,
      `${flag} ${name}: its value has fewer than ${shortest} bytes, and what is innocent would be masked with it.`,
    )
}
