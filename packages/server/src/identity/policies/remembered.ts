// A permit that somebody allowed for a while (tasks.md T48), as a version of the policies like any other: the active text and one policy more, active from the
// next decision on. What has ended is left out of the next such version. Runs in the caller's transaction.
import type { Scope, Tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { checkPolicies, readPolicies } from '../../policy/set.ts'
import { type PolicyHouse, schemaOf } from './judge.ts'
import { findVersion, pass, policiesTopic } from './policy.ts'
import { insertActivation, insertPolicy } from './sql.ts'

const PREFIXES = ['remembered.', 'standing.']

/** The active text with one policy more, as a version that nobody has activated. */
export async function draftPolicy(
  house: PolicyHouse,
  t: Tx,
  scope: Scope,
  policy: { id: string; text: string },
): Promise<number> {
  const active = await findVersion(house, t, scope, 'active')
  const text = `${active.text.trimEnd()}\n\n${policy.text}\n`
  pass(checkPolicies(text, await schemaOf(house, t, scope)))
  const { version } = await insertPolicy(t, scope, { text, note: `A draft with ${policy.id}.`, origin: 'saved' })
  const resource = { type: 'policy', id: String(version) }
  await record(t, scope, 'policy.saved', { version, policies: readPolicies(text).policies.length }, { resource })
  t.wake(policiesTopic(scope.tenantId))
  return version
}

export const rememberPolicy = (house: PolicyHouse, t: Tx, scope: Scope, policy: { id: string; text: string }): Promise<number> =>
  replace(house, t, scope, policy.id, policy.text) as Promise<number>

/** Null where the active version does not hold it. */
export const forgetPolicy = (house: PolicyHouse, t: Tx, scope: Scope, id: string): Promise<number | null> =>
  replace(house, t, scope, id, null)

async function replace(house: PolicyHouse, t: Tx, scope: Scope, id: string, added: string | null): Promise<number | null> {
  const active = await findVersion(house, t, scope, 'active')
  const { policies } = readPolicies(active.text)
  if (added === null && !policies.some((policy) => policy.id === id)) return null
  const over = policies.filter(
    (policy) =>
      policy.id === id ||
      (PREFIXES.some((prefix) => policy.id.startsWith(prefix)) && policy.notes.until !== null && policy.notes.until <= t.now),
  )
  const left = over.reduce((text, policy) => text.replace(policy.text, ''), active.text).trimEnd()
  const text = `${left}${added === null ? '' : `\n\n${added}`}\n`
  pass(checkPolicies(text, await schemaOf(house, t, scope)))
  const note = added === null ? `Without ${id}.` : `With ${id}.`
  const { version } = await insertPolicy(t, scope, { text, note, origin: 'saved' })
  const resource = { type: 'policy', id: String(version) }
  await record(t, scope, 'policy.saved', { version, policies: readPolicies(text).policies.length }, { resource })
  await insertActivation(t, scope, version)
  const change = { before: { version: active.version }, after: { version } }
  await record(t, scope, 'policy.activated', { version, previous: active.version }, { resource, ...change })
  t.wake(policiesTopic(scope.tenantId))
  return version
}
