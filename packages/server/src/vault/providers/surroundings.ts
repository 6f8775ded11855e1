// What the installation lets a definition ask for: hosts that the operator put on the list of what may be reached past the guard (V4). Reads it, changes nothing.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { listTargets } from '../../identity/egress/sql.ts'
import type { VaultHouse } from '../house.ts'
import { providerOf } from './catalogue.ts'
import type { Surroundings } from './check.ts'
import { findProvider } from './sql.ts'

/** `changes`: the provider that is to be there, however wrong what is sent may be. */
export async function clearHosts(house: VaultHouse, scope: Scope, changes: string | null = null): Promise<Surroundings> {
  const read = async (t: Tx) => {
    if (changes !== null && !(await isThere(house, t, scope, changes))) throw new Problem('not_found')
    return listTargets(t, scope)
  }
  const targets = await tx(house.db, scope, read, { readOnly: true })
  const hosts = new Set(targets.map(({ target }) => target.replace(/:\d+$/, '')))
  return { mayGoInTheClear: (host) => hosts.has(host) }
}

/** In force, or proposed and not removed. */
export async function isThere(house: VaultHouse, t: Tx, scope: Scope, name: string): Promise<boolean> {
  const row = await findProvider(t, scope, name)
  return (row !== null && row.removed_at === null) || (await providerOf(house, t, scope, name))?.name === name
}
