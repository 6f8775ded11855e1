// One act from the careful set to the loose one and back (vault.md V18).
import { expect, test } from 'vitest'
import { setup } from '#harness'
import { checkPolicies } from '../../policy/set.ts'
import { policySchema } from './judge.ts'
import { withProxySet } from './proxy-set.ts'
import { startingText } from './starting.ts'

const OWN = '@id("own") forbid (principal is Agent, action == Action::"proxy.pass", resource);'

test('V18 the loose set and back: only the policies of the proxy change, and both texts pass', () => {
  const text = `${startingText()}\n${OWN}\n`
  const loose = withProxySet(text, 'loose') as string
  const idsOf = (source: string) => checkPolicies(source, policySchema()).policies.map(({ id }) => id)
  expect(checkPolicies(loose, policySchema()).errors).toEqual([])
  const careful = ['proxy-reads', 'proxy-writes', 'proxy-asking-grants', 'proxy-tools']
  const others = idsOf(text).filter((id) => !careful.includes(id))
  expect(idsOf(loose).sort()).toEqual([...others, 'proxy-grants-allow', 'proxy-grants-ask'].sort())
  expect(withProxySet(loose, 'loose')).toBeNull()
  expect(withProxySet(text, 'careful')).toBeNull()
  expect(idsOf(withProxySet(loose, 'careful') as string).sort()).toEqual(idsOf(text).sort())
})

test('V18 one click activates the looser set; whoever may not activate policies does not', async () => {
  const house = await setup()
  const path = '/api/v1/policies/proxy-set'
  const before = (await house.alice.get('/api/v1/policies/active')).body.version
  expect((await (await house.member.person()).post(path, { set: 'loose' })).status).toBe(403)
  expect((await house.agent.post(path, { set: 'loose' })).status).toBe(403)
  expect((await house.alice.post(path, { set: 'none' })).status).toBe(422)
  const done = await house.alice.post(path, { set: 'loose' })
  expect(done.body, JSON.stringify(done.body)).toMatchObject({ active: true, note: 'The proxy: loose.' })
  expect(done.body.version).toBe(before + 1)
  expect((await house.alice.post(path, { set: 'loose' })).body.version).toBe(done.body.version)
  const ids = (await house.alice.get('/api/v1/policies/active')).body.policies.map((one: { id: string }) => one.id)
  expect(ids).toContain('proxy-grants-allow')
  expect(ids).not.toContain('proxy-writes')
  expect(await house.eventTypes()).toEqual(expect.arrayContaining(['policy.saved', 'policy.activated']))
  expect((await house.alice.post(path, { set: 'careful' })).body.version).toBe(before + 2)
})
