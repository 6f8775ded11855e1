// Authorizations that are over are forgotten after a month (V28), and only those.
import { enqueue } from '@countersign/queue'
import { expect, test } from 'vitest'
import { setup } from '#harness'
import { systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { start } from './testing/page.ts'
import { giveClient, giveProvider, oauthProvider } from './testing/provider.ts'

test('V28 an authorization that ended a month ago is deleted; one that is younger, and whatever came of it, stays', async () => {
  const house = await setup()
  await giveProvider(house, oauthProvider({ origin: 'https://acme.example' }))
  await giveClient(house, 'acme')
  const old = await start(house, { provider: 'acme' })
  await house.alice.post(`/api/v1/authorizations/${old.body.authorization_id}/cancel`)
  const prune = async () => {
    const scope = systemScope('test', house.tenantId)
    await tx(house.db, scope, (t) => enqueue(t, { kind: 'authorization.prune', payload: {} }))
    await house.runJobs()
    return (await house.admin.rows<{ id: string }>`select id from authorizations order by id`).map(({ id }) => id)
  }
  const young = await start(house, { provider: 'acme', name: 'young' })
  await house.clock.advance('29d')
  const kept = await prune()
  // Nobody went on with the other one: it expired weeks ago, and its job says so now.
  expect(kept).toEqual([old.body.authorization_id, young.body.authorization_id])
  await house.clock.advance('2d')
  expect(await prune()).toEqual([young.body.authorization_id])
  await house.clock.advance('31d')
  expect(await prune()).toEqual([])
  expect(await house.eventTypes()).toEqual(expect.arrayContaining(['authorization.cancelled', 'authorization.expired']))
})
