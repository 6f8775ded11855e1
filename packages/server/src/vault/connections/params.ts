// The parameters of a connection that is there already, against its provider's definition: they say to which host its credential goes.
import type { Scope, Tx } from '../../db/tx.ts'
import { invalid } from '../problem.ts'
import { readParams } from '../providers/params.ts'
import { definitionOf } from './definition.ts'
import type { ConnectionRow } from './sql.ts'

/** What is derived from the credential stays as it was: it changes with that alone. */
export async function changedParams(t: Tx, scope: Scope, row: ConnectionRow, wanted: Readonly<Record<string, string>>) {
  const definition = await definitionOf(t, scope, row)
  if (!definition) throw invalid('/params', 'definition_missing', 'The definition of this provider is not there any more.')
  for (const [name, { derive }] of Object.entries(definition.params ?? {}))
    if (derive && Object.hasOwn(wanted, name) && wanted[name] !== row.params[name])
      throw invalid(`/params/${name}`, 'derived', 'This parameter is read from the credential.')
  return readParams(definition, { ...row.params, ...wanted })
}
