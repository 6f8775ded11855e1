// The keys that `countersign dev` keeps before anybody has signed up: one for an agent, which it hands out, and one of the first person, with which `relay try` tries the
// sandbox. Each lies in a file of its owner's alone, since the database keeps hashes only. Never runs in production, and gives nobody a way to sign in to pages.
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { parseKey, sha256 } from '../crypto/token.ts'
import { type Scope, systemScope } from '../db/scope.ts'
import { tx } from '../db/tx.ts'
import { newId, newTenantUuid } from '../std/id.ts'
import { createAgent } from './agent.ts'
import type { IdentityHouse } from './house.ts'
import { createKey, type NewKey } from './key.ts'
import { FIRST_TENANT } from './setup.ts'
import { findAgentByName, findFirstOwner, homeTenant, insertRole, insertTenant, insertUser, lockSetup, useKey } from './sql.ts'

type NewSecretKey = NewKey & { public_key?: undefined }

const AGENT = 'Development agent'
const TRIES = ['connection_requests:create', 'tasks:decide', 'tasks:read', 'threads:start']
const nobody = systemScope('development')

/** The key in `file` while it counts, else a new one, which the file then holds. */
export const developmentKey = (house: IdentityHouse, file: string): Promise<string> =>
  keptKey(house, file, async (scope) => {
    const known = await tx(house.db, scope, (t) => findAgentByName(t, scope, AGENT), { readOnly: true })
    const agent = known ?? (await createAgent(house, scope, { name: AGENT }))
    return { kind: 'agt', agent_id: agent.id, name: 'countersign dev' }
  })

/** The same of the first person's own: it tries the sandbox, and answers what that asks them. */
export const firstPersonKey = (house: IdentityHouse, file: string): Promise<string> =>
  keptKey(house, file, async () => ({ kind: 'usr', name: 'countersign relay try', scopes: TRIES }))

async function keptKey(house: IdentityHouse, file: string, inputOf: (scope: Scope) => Promise<NewSecretKey>): Promise<string> {
  const kept = await readKept(file)
  if (kept !== null && (await counts(house, kept))) return kept
  const scope = await developmentScope(house)
  const { secret } = await createKey(house, scope, await inputOf(scope))
  await writeFile(file, `${secret}\n`, { mode: 0o600 })
  // A file that was there already keeps its mode when it is written.
  await chmod(file, 0o600)
  return secret
}

async function readKept(file: string): Promise<string | null> {
  try {
    const text = (await readFile(file, 'utf8')).trim()
    return parseKey(text) ? text : null
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

async function counts(house: IdentityHouse, secret: string): Promise<boolean> {
  const key = await tx(house.db, nobody, (t) => useKey(t, sha256(secret), null))
  return key !== null && !key.revoked && !key.expired && (key.agent_state ?? 'active') === 'active' && key.maker_role !== null
}

/** As the first owner; before set-up as the place that is kept for them, in the tenant that will be theirs. */
export async function developmentScope(house: Pick<IdentityHouse, 'db'>): Promise<Scope> {
  const tenantId = (await tx(house.db, nobody, homeTenant, { readOnly: true })).id ?? newTenantUuid()
  const scope = systemScope('development', tenantId)
  const owner = await tx(house.db, scope, async (t) => {
    await lockSetup(t)
    const found = await findFirstOwner(t, scope)
    if (found) return found.user_id
    if ((await homeTenant(t)).id === null) await insertTenant(t, { id: tenantId, name: FIRST_TENANT })
    const id = newId('usr', t.now.getTime())
    await insertUser(t, { id, display_name: 'First operator', username: null })
    await insertRole(t, scope, id, 'owner')
    return id
  })
  return { ...scope, role: 'owner', userId: owner }
}
