// What an agent may use now: connections with an active grant for it, each with its definition and every such grant. The proxy's routes are made from this (V92).
// Holds no material, and judges no request.
import type { Scope, Tx } from '../../db/tx.ts'
import { type GrantRow, grantsInForce } from '../grants/sql.ts'
import type { Definition } from '../providers/definition.ts'
import { definitionsOf, keyOf } from './definition.ts'
import { type ConnectionRow, findConnections } from './sql.ts'

export type Usable = { connection: ConnectionRow; definition: Definition; placeholder: string; grants: readonly GrantRow[] }

/** What stands where the credential will go (V59): no secret, one for each connection. */
export const placeholderOf = (definition: Definition, connectionId: string): string =>
  (definition.placeholder ?? 'csph_{id}').replaceAll('{id}', connectionId)

export async function usable(t: Tx, scope: Scope, agentId: string): Promise<Usable[]> {
  const grants = await grantsInForce(t, scope, agentId)
  if (grants.length === 0) return []
  const rows = await findConnections(t, scope, [...new Set(grants.map(({ connection_id }) => connection_id))])
  const definitions = await definitionsOf(t, scope, rows)
  return rows.flatMap((connection) => {
    const definition = definitions.get(keyOf(connection))
    if (!definition) return []
    const own = grants.filter(({ connection_id }) => connection_id === connection.id)
    return [{ connection, definition, placeholder: placeholderOf(definition, connection.id), grants: own }]
  })
}
