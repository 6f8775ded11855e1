// The facts that policies may read are those of the tenant's own providers (V17), at the routes of policies.
import { expect, test } from 'vitest'
import { checkActivePolicies } from '../../identity/policies/doctor.ts'
import { openPolicies, policySchema } from '../../identity/policies/judge.ts'
import { faultIn } from '../../policy/schema.ts'
import { bundle } from '../bundle/bundle.ts'
import { ALPHA, openVault } from '../testing/vault.ts'
import { factsOfTenant, factTypes } from './facts.ts'

const READS_COST_CENTRE = `permit (principal, action, resource);
forbid (principal is Agent, action == Action::"proxy.request", resource) when { context.facts has cost_centre && context.facts.cost_centre == "X1" };`

test('V17 a policy may read the facts of this tenant’s providers, each of its type, and no other tenant’s', async () => {
  const { house, define } = await openVault()
  const check = (by = house.alice, text = READS_COST_CENTRE) => by.post('/api/v1/policies/check', { text })
  // A fact that no provider has can never be there: whoever writes of it is told that the policy never applies.
  expect((await check()).body.warnings).toMatchObject([{ code: 'warning', policy_id: 'policy2' }])
  const beta = {
    ...ALPHA,
    name: 'beta',
    facts: { cost_centre: { in: 'body', pointer: '/cost_centre', type: 'string' } },
  } as const
  await define(beta)
  expect((await house.alice.get('/api/v1/policies/schema')).body.text).toMatch(
    /type Facts = \{ "amount"\?: Long, .*"cost_centre"\?: String/,
  )
  expect((await check()).body).toMatchObject({ valid: true, errors: [], warnings: [] })
  const wrong = READS_COST_CENTRE.replace('"X1"', '7')
  expect((await check(house.alice, wrong)).body.valid).toBe(false)
  expect((await check(await house.stranger.person())).body.warnings).toHaveLength(1)

  const saved = await house.alice.post('/api/v1/policies', { text: READS_COST_CENTRE })
  expect(saved.status, JSON.stringify(saved.body)).toBe(201)
  const { version } = saved.body
  expect((await house.alice.post(`/api/v1/policies/${version}/activate`, {})).status).toBe(200)

  // The provider goes; what was saved is still a set that reads, at a start too.
  await house.admin.run`update definitions set state = 'removed' where provider = 'beta'`
  await house.admin.run`update providers set removed_at = countersign.now() where name = 'beta'`
  expect((await check()).body).toMatchObject({ valid: true, warnings: [] })
  expect((await house.alice.get('/api/v1/policies/active')).body).toMatchObject({ version, errors: [] })
  expect(await checkActivePolicies(house.db, openPolicies('', factsOfTenant))).toMatchObject({ status: 'ok' })
})

test('V17 the facts of the release clash nowhere, and whatever a fact is called, the schema holds together', () => {
  const all = [...bundle().byName.values()].map(({ definition }) => definition)
  const types = factTypes(all)
  for (const { name, facts = {} } of all)
    for (const [fact, { type, in: place }] of Object.entries(facts))
      if (place !== 'response') expect([name, fact, types[fact]]).toEqual([name, fact, type])
  const words = Object.fromEntries(
    ['if', 'in', 'has', 'like', 'is', 'true', 'then', 'else'].map((word) => [word, 'bool'] as const),
  )
  expect(faultIn(policySchema({ ...types, ...words }))).toBeNull()
})
