// Sets of policies as versions (P69): saved once and never changed, activated, compared, and gone back to by activating an older one. Judges no act.
import { enqueueMany } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import { isUniqueViolation } from '../../db/errors.ts'
import { type Scope, type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { type Difference, differenceOf } from '../../policy/difference.ts'
import { type Checked, checkPolicies, type Fault, type Policy } from '../../policy/set.ts'
import { sayPolicy } from '../../policy/words.ts'
import { type PolicyHouse, schemaOf, setsOf } from './judge.ts'
import { findActive, findPolicy, insertActivation, insertPolicy, listPolicies, type PolicyRow } from './sql.ts'

/** A tenant without a set is given one in a transaction of its own. */
const READ = { readOnly: true } as const

export const policiesTopic = (tenantId: string): string => `policies:${tenantId}`

export type ShownPolicy = {
  id: string
  effect: 'permit' | 'forbid'
  says: string
  ask: { text: string; quorum: number; expires_seconds: number; on_timeout: 'deny' | 'escalate' } | null
  until: Date | null
  text: string
  line: number
  column: number
}

export const showPolicies = (policies: readonly Policy[]): ShownPolicy[] =>
  policies.map((policy) => {
    const { ask, until } = policy.notes
    return {
      id: policy.id,
      effect: policy.effect,
      says: sayPolicy(policy),
      ask: ask && { text: ask.text, quorum: ask.quorum, expires_seconds: ask.expiresSeconds, on_timeout: ask.onTimeout },
      until,
      text: policy.text,
      ...policy.place,
    }
  })

/** What an editor shows while somebody types. */
export async function checkText(house: PolicyHouse, scope: Scope, text: string) {
  const schema = await tx(house.db, scope, (t) => schemaOf(house, t, scope), READ)
  const { policies, errors, warnings } = checkPolicies(text, schema)
  return { valid: errors.length === 0, errors, warnings, policies: showPolicies(policies) }
}

export const listVersions = (house: PolicyHouse, scope: Scope, page: { before: number | null; limit: number }) =>
  tx(
    house.db,
    scope,
    async (t) => {
      await setsOf(house, t, scope, (await findActive(t, scope, [])).version)
      return (await listPolicies(t, scope, page)).map(showRow)
    },
    READ,
  )

const showRow = ({ text, ...row }: PolicyRow) => ({ ...row, bytes: Buffer.byteLength(text) })

/** With the text, its policies in words, and what this build has against it. */
export const getVersion = (house: PolicyHouse, scope: Scope, version: number | 'active') =>
  tx(
    house.db,
    scope,
    async (t) => {
      const row = await findVersion(house, t, scope, version)
      const { errors, warnings, policies } = checkPolicies(row.text, await schemaOf(house, t, scope))
      return { ...showRow(row), text: row.text, errors, warnings, policies: showPolicies(policies) }
    },
    READ,
  )

export async function findVersion(house: PolicyHouse, t: Tx, scope: Scope, version: number | 'active'): Promise<PolicyRow> {
  const active = (await findActive(t, scope, [])).version
  if (active === null) await setsOf(house, t, scope, null)
  const row = await findPolicy(t, scope, version === 'active' ? (active ?? 1) : version)
  if (!row) throw new Problem('not_found')
  return row
}

export type SaveInput = { text: string; note?: string | null; based_on?: number }

export async function savePolicies(house: PolicyHouse, scope: Scope, input: SaveInput) {
  // Before the transaction that writes: what takes long keeps nobody waiting.
  const { beforeCommit: _, ...quiet } = scope
  const schema = await tx(house.db, quiet, (t) => schemaOf(house, t, quiet), READ)
  const { warnings, policies } = pass(checkPolicies(input.text, schema))
  return inTurn(() =>
    tx(house.db, scope, async (t) => {
      await setsOf(house, t, scope, (await findActive(t, scope, [])).version)
      const { version } = await insertPolicy(t, scope, { text: input.text, note: input.note ?? null, origin: 'saved' })
      // Whoever edited an older text is told, instead of another's change vanishing in theirs.
      if (input.based_on !== undefined && input.based_on !== version - 1)
        throw new Problem('version_conflict', { version: version - 1 })
      await record(
        t,
        scope,
        'policy.saved',
        { version, policies: policies.length },
        { resource: { type: 'policy', id: String(version) } },
      )
      t.wake(policiesTopic(scope.tenantId))
      const row = (await findPolicy(t, scope, version)) as PolicyRow
      return { ...showRow(row), text: row.text, errors: [], warnings, policies: showPolicies(policies) }
    }),
  )
}

/** Counts from the next decision in every process; going back is the same act with an older version. */
export const activatePolicies = (house: PolicyHouse, scope: Scope, version: number, replaces: number | undefined) =>
  inTurn(() =>
    tx(house.db, scope, async (t) => {
      const row = await findVersion(house, t, scope, version)
      // What passed an older build may not pass this one.
      pass(checkPolicies(row.text, await schemaOf(house, t, scope)))
      const before = (await findActive(t, scope, [])).version
      if (replaces !== undefined && replaces !== before) throw new Problem('version_conflict', { version: before })
      if (before !== version) {
        await insertActivation(t, scope, version)
        const change = { before: { version: before }, after: { version } }
        await record(
          t,
          scope,
          'policy.activated',
          { version, previous: before },
          { resource: { type: 'policy', id: String(version) }, ...change },
        )
        t.wake(policiesTopic(scope.tenantId))
        // Whom it keeps from deciding is missed wherever they are waited for (T42).
        await enqueueMany(t, [{ kind: 'task.recount_quorums', tenantId: scope.tenantId, payload: {} }])
      }
      return showRow((await findPolicy(t, scope, version)) as PolicyRow)
    }),
  )

export const diffVersions = (house: PolicyHouse, scope: Scope, version: number, against: number | 'active') =>
  tx(
    house.db,
    scope,
    async (t): Promise<{ version: number; against: number } & Difference> => {
      const after = await findVersion(house, t, scope, version)
      const before = await findVersion(house, t, scope, against)
      const schema = await schemaOf(house, t, scope)
      const parsed = (row: PolicyRow) => checkPolicies(row.text, schema).policies
      return { version, against: before.version, ...differenceOf(parsed(before), parsed(after)) }
    },
    READ,
  )

/** The policies that passed; else 422 with every fault, its line and its column. */
export function pass(checked: Checked): Checked {
  if (checked.errors.length === 0) return checked
  const [first] = checked.errors as [Fault]
  throw new Problem('policy_invalid', {
    detail: `Line ${first.line}, column ${first.column}: ${first.message}`,
    errors: checked.errors,
  })
}

/** Somebody else took the number meanwhile. */
export async function inTurn<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    if (isUniqueViolation(error)) throw new Problem('version_conflict', {}, { cause: error })
    throw error
  }
}
