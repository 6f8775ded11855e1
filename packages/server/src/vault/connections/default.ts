// Which connection of a provider is meant where none is named (V9): the agent's default, else its owner's, else the tenant's. A default that points to nothing
// any more is cleared in the transaction that notices, with an event, and is never replaced by a guess.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { ownOnly } from '../../identity/agent.ts'
import { reach } from '../../identity/matrix.ts'
import { findAgent } from '../../identity/sql.ts'
import type { VaultHouse } from '../house.ts'
import { invalid } from '../problem.ts'
import { type Connection, lockOrThrow, readConnection } from './connection.ts'
import { type ConnectionRow, clearDefault, findConnection, findDefaults, lockByName, putDefault } from './sql.ts'
import { tellConnection } from './store.ts'

/** The tenant's own holder of a default. */
const TENANT = ''
/** What a connection is called when nobody calls it otherwise (V8): meant where no other was made the default. */
const DEFAULT = 'default'
const ALL = { owner: null, agent: null }

export const makeDefault = (
  house: VaultHouse,
  scope: Scope,
  id: string,
  { agent_id, tenant = false }: { agent_id?: string; tenant?: boolean },
): Promise<Connection> =>
  tx(house.db, scope, async (t) => {
    const row = await lockOrThrow(t, scope, id, 'connection.update')
    const holder = await holderOf(t, scope, row, agent_id, tenant)
    await putDefault(t, scope, holder, row.provider, id)
    await tellConnection(t, scope, 'connection.defaulted', row, { holder: holder === TENANT ? 'tenant' : holder })
    return readConnection(t, scope, id)
  })

async function holderOf(t: Tx, scope: Scope, row: ConnectionRow, agentId: string | undefined, tenant: boolean): Promise<string> {
  if (tenant) {
    if (agentId !== undefined) throw invalid('/agent_id', 'unexpected', 'A default is an agent’s or the tenant’s.')
    if (row.owner !== null) throw invalid('/tenant', 'not_shared', 'Only a shared connection is the default of the tenant.')
    if (reach(scope, 'connection.update') !== 'any') throw new Problem('forbidden', { action: 'connection.update' })
    return TENANT
  }
  if (agentId !== undefined) {
    if (!(await findAgent(t, scope, agentId, ownOnly(scope, 'agent.update'))))
      throw invalid('/agent_id', 'not_found', 'There is no such agent.')
    return agentId
  }
  if (scope.userId === null) throw invalid('/agent_id', 'required', 'Name an agent, or the tenant.')
  return scope.userId
}

export type Wanted = { provider: string; name?: string; agentId: string | null; ownerId: string | null }

/** `missing`: what was named, or what a default pointed to, is not there; the default is gone by the end of this transaction. */
export type Chosen = ConnectionRow | 'missing' | null

/** Null: nothing was named, and there is no default and none that is called so. */
export async function chooseConnection(t: Tx, scope: Scope, { provider, name, agentId, ownerId }: Wanted): Promise<Chosen> {
  const called = async (wanted: string) => {
    const own = ownerId === null ? null : await lockByName(t, scope, provider, ownerId, wanted)
    return own ?? (await lockByName(t, scope, provider, null, wanted))
  }
  if (name !== undefined) return (await called(name)) ?? 'missing'
  const holders = [agentId, ownerId, TENANT].filter((holder) => holder !== null)
  const all = await findDefaults(t, scope, holders, provider)
  for (const holder of holders) {
    const found = all.find((one) => one.holder === holder)
    if (!found) continue
    if (found.alive) return findConnection(t, scope, found.connection_id, ALL)
    await forget(t, scope, found.holder, provider, found.connection_id)
    return 'missing'
  }
  return called(DEFAULT)
}

async function forget(t: Tx, scope: Scope, holder: string, provider: string, id: string): Promise<void> {
  if ((await clearDefault(t, scope, holder, provider, id)) === 0) return
  const data = { connection_id: id, provider, holder: holder === TENANT ? 'tenant' : holder, cleared: true }
  await record(t, scope, 'connection.defaulted', data, { resource: { type: 'connection', id } })
}
