// Which definition a name means in a tenant (V5, V6): the tenant's own version in force, else the bundled one. Proposals are not seen here: they act only once approved.
// Changes nothing.
import type { Scope, Tx } from '../../db/tx.ts'
import { bundle } from '../bundle/bundle.ts'
import type { VaultHouse } from '../house.ts'
import type { Definition } from './definition.ts'
import { findActive, findNamed, findVersion, type VersionRow } from './sql.ts'

export type Provider = {
  name: string
  definition: Definition
  /** 0: the bundled one. */
  version: number
  digest: Buffer
  source: string
  /** A bundled definition of this name exists. */
  bundled: boolean
  /** The tenant's own stands in its place. */
  overridden: boolean
}

/** By name or alias; the tenant's own come first. Null: there is none. */
export async function providerOf(
  _house: Pick<VaultHouse, 'db'>,
  t: Tx,
  scope: Scope,
  nameOrAlias: string,
): Promise<Provider | null> {
  const [named] = await findNamed(t, scope, [nameOrAlias])
  const own = named && (await findActive(t, scope, [named.provider]))[0]
  if (own) return ownProvider(own)
  const name = bundle().aliases.get(nameOrAlias) ?? nameOrAlias
  // An alias of a bundled definition that was overridden means what stands in its place.
  const instead = name === nameOrAlias ? undefined : (await findActive(t, scope, [name]))[0]
  return instead ? ownProvider(instead) : bundledProvider(name)
}

/** Under which a connection was made or lives on; a version that was rejected never was one. */
export async function definitionAt(
  _house: Pick<VaultHouse, 'db'>,
  t: Tx,
  scope: Scope,
  name: string,
  version: number,
): Promise<Definition | null> {
  if (version === 0) return bundle().byName.get(name)?.definition ?? null
  const row = await findVersion(t, scope, name, version)
  return row && row.state !== 'proposed' && row.state !== 'rejected' ? row.definition : null
}

/** All that a tenant may choose from, in the order of their names. */
export async function listProviders(t: Tx, scope: Scope): Promise<Provider[]> {
  const own = (await findActive(t, scope, null)).map(ownProvider)
  const taken = new Set(own.map(({ name }) => name))
  const shipped = [...bundle().byName.keys()].filter((name) => !taken.has(name)).map((name) => bundledProvider(name) as Provider)
  return [...own, ...shipped].sort((a, b) => (a.name < b.name ? -1 : 1))
}

export const ownProvider = (row: VersionRow): Provider => {
  const bundled = bundle().byName.has(row.provider)
  const { provider: name, definition, version, digest, source } = row
  return { name, definition, version, digest, source, bundled, overridden: bundled }
}

export function bundledProvider(name: string): Provider | null {
  const one = bundle().byName.get(name)
  return one ? { ...one, version: 0, bundled: true, overridden: false } : null
}
