// Who tries a relay out: the person whom commands act as, or, where they act as the agent of the `countersign dev` on this machine, its first person, for whom it keeps a key
// beside its database (identity/development.ts). Prints no key, and sends that one to its own server alone.
import { readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { Countersign, type RouteAnswer } from '@countersign/sdk'
import { isAlive } from './alive.ts'
import { usage } from './output.ts'

export type Principal = RouteAnswer<'GET /principal'>
type Development = { url: string; agent_key: string; person_key_file: string | null; pid: number }

/** Null where an agent or nobody calls. */
export async function findPerson(client: Countersign): Promise<{ person: Countersign | null; principal: Principal | null }> {
  const { url, key } = client.settings
  if (key === null) return { person: null, principal: null }
  const principal = await client.call('GET /principal')
  if (principal.type === 'user') return { person: client, principal }
  const kept = firstPersonsKey(url, key)
  return { person: kept === null ? null : new Countersign({ url, key: kept }), principal }
}

export async function mustBePerson(client: Countersign): Promise<Countersign> {
  const { person, principal } = await findPerson(client)
  if (person) return person
  const who = principal === null ? 'nobody is signed in' : `this is the key of ${named(principal)}`
  throw usage(`A person tries it out, and ${who}. Sign in: countersign login --server ${client.settings.url}`)
}

export const named = ({ type, name }: Principal): string => (type === 'agent' ? `the agent “${name}”` : `“${name}”`)

function firstPersonsKey(url: string, key: string): string | null {
  const dev = closed(join(homedir(), '.countersign-dev.json'))
  if (dev === null) return null
  const { person_key_file: file, ...of } = JSON.parse(dev) as Development
  if (of.url !== url || of.agent_key !== key || file === null || !isAlive(of.pid)) return null
  return closed(file)?.trim() ?? null
}

/** What others can read or write is nobody's key. */
function closed(file: string): string | null {
  const found = statSync(file, { throwIfNoEntry: false })
  return found?.isFile() && (found.mode & 0o077) === 0 ? readFileSync(file, 'utf8') : null
}
