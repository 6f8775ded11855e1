// Two sets for what goes through the proxy, one act from one to the other (vault.md V18): `careful`, with which a tenant starts, asks people for each write and each
// call of a tool; in `loose` a grant decides alone. Every other policy of the tenant stays, and what was active before is a version to go back to.
import { type Scope, tx } from '../../db/tx.ts'
import { readPolicies } from '../../policy/set.ts'
import type { PolicyHouse } from './judge.ts'
import { activatePolicies, findVersion, savePolicies } from './policy.ts'
import { looseText, startingText } from './starting.ts'

export const PROXY_SETS = ['careful', 'loose'] as const
export type ProxySet = (typeof PROXY_SETS)[number]

const CAREFUL = ['proxy-reads', 'proxy-writes', 'proxy-asking-grants', 'proxy-tools']

const policiesOf = (set: ProxySet) => {
  const { policies } = readPolicies(set === 'loose' ? looseText() : startingText())
  return set === 'loose' ? policies : policies.filter(({ id }) => CAREFUL.includes(id))
}

/** The text with the policies of this set in place of those of the other; null: it has them already. */
export function withProxySet(text: string, set: ProxySet): string | null {
  const wanted = policiesOf(set)
  const ours = new Set([...CAREFUL, ...policiesOf('loose').map(({ id }) => id)])
  const present = readPolicies(text).policies.filter(({ id }) => ours.has(id))
  const isThere = present.length === wanted.length && wanted.every((one) => present.some((other) => other.text === one.text))
  if (isThere) return null
  const left = present.reduce((rest, policy) => rest.replace(policy.text, ''), text)
  return `${left.replace(/\n{3,}/g, '\n\n').trimEnd()}\n\n${wanted.map((policy) => policy.text.trim()).join('\n\n')}\n`
}

export async function activateProxySet(house: PolicyHouse, scope: Scope, set: ProxySet) {
  const { beforeCommit: _, ...quiet } = scope
  const active = await tx(house.db, quiet, (t) => findVersion(house, t, quiet, 'active'), { readOnly: true })
  const text = withProxySet(active.text, set)
  if (text === null) return activatePolicies(house, scope, active.version, active.version)
  const { version } = await savePolicies(house, quiet, { text, note: `The proxy: ${set}.` })
  return activatePolicies(house, scope, version, active.version)
}
