// What the installation lets a definition ask for: hosts that the operator put on the list of what may be reached past the guard (V4). Reads it, changes nothing.
import type { Scope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { listTargets } from '../../identity/egress/sql.ts'
import type { VaultHouse } from '../house.ts'
import type { Surroundings } from './check.ts'

export async function clearHosts(house: VaultHouse, scope: Scope): Promise<Surroundings> {
  const targets = await tx(house.db, scope, (t) => listTargets(t, scope), { readOnly: true })
  const hosts = new Set(targets.map(({ target }) => target.replace(/:\d+$/, '')))
  return { mayGoInTheClear: (host) => hosts.has(host) }
}
