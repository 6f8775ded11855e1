// `policy.active` (P153): the active set of every tenant passes in this build, and every tenant has one. Called at the start and by `countersign doctor`.
import { systemScope } from '../../db/scope.ts'
import { type Db, tx } from '../../db/tx.ts'
import { checkPolicies } from '../../policy/set.ts'
import { tenantWire } from '../../std/id.ts'
import { giveStartingSet, type Policies, policySchema } from './judge.ts'
import { activePolicies } from './sql.ts'

export type PolicyFinding = { code: 'policy.active'; status: 'ok' | 'warn' | 'fail'; what: string; mend: string | null }

const system = systemScope('policies')
const MEND =
  'Activate a version that passes, or save a mended one: countersign policies check, save, activate. Until then every act of the tenant is denied.'

/** Never writes: a tenant without a set is given one by the start, or by its first decision. */
export async function checkActivePolicies(
  db: Db,
  policies: Pick<Policies, 'schema' | 'facts'> = { schema: policySchema(), facts: async () => ({}) },
): Promise<PolicyFinding> {
  const rows = await tx(db, system, activePolicies, { readOnly: true })
  const broken: string[] = []
  for (const { tenant_id, version, text } of rows) {
    if (text === null || checkPolicies(text, policies.schema).errors.length === 0) continue
    // It may read facts of providers that this tenant alone has.
    const scope = systemScope('policies', tenant_id)
    const own = policySchema(await tx(db, scope, (t) => policies.facts(t, scope), { readOnly: true }))
    const [fault] = checkPolicies(text, own).errors
    if (fault)
      broken.push(`${tenantWire(tenant_id)} version ${version}, line ${fault.line}, column ${fault.column}: ${fault.message}`)
  }
  if (broken.length > 0) return { code: 'policy.active', status: 'fail', what: broken.join(' '), mend: MEND }
  const what = `The active policies of ${rows.length} ${rows.length === 1 ? 'tenant passes' : 'tenants pass'}.`
  return { code: 'policy.active', status: 'ok', what, mend: null }
}

/** Tenants from before there were policies get the set that new ones start with. */
export async function giveStartingSets(db: Db): Promise<number> {
  const rows = await tx(db, system, activePolicies, { readOnly: true })
  const without = rows.filter(({ version }) => version === null)
  for (const { tenant_id } of without) await giveStartingSet({ db }, tenant_id)
  return without.length
}
