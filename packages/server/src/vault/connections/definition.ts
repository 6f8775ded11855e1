// The definition under which a connection was made: the tenant's own version, or the bundled one.
import type { Scope, Tx } from '../../db/tx.ts'
import { bundle } from '../bundle/bundle.ts'
import type { Definition } from '../providers/definition.ts'
import { findDefinitions } from './sql.ts'

type Of = { provider: string; definition_version: number }

export const definitionOf = async (t: Tx, scope: Scope, row: Of): Promise<Definition | null> =>
  (await definitionsOf(t, scope, [row])).get(keyOf(row)) ?? null

export const keyOf = ({ provider, definition_version }: Of): string => `${provider}@${definition_version}`

/** By `keyOf`; what is not there any more is not in the answer. */
export async function definitionsOf(t: Tx, scope: Scope, rows: readonly Of[]): Promise<Map<string, Definition>> {
  const found = new Map<string, Definition>()
  const own = rows.filter(({ definition_version }) => definition_version > 0)
  for (const { provider } of rows.filter(({ definition_version }) => definition_version === 0)) {
    const bundled = bundle().byName.get(provider)
    if (bundled) found.set(`${provider}@0`, bundled.definition)
  }
  if (own.length === 0) return found
  const names = own.map(({ provider }) => provider)
  const versions = own.map(({ definition_version }) => definition_version)
  for (const row of await findDefinitions(t, scope, names, versions)) found.set(`${row.provider}@${row.version}`, row.definition)
  return found
}
