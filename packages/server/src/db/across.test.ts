// One transaction over two tenants: each statement is confined to one of them, and what is undone is undone in both.
import { expect, test } from 'vitest'
import { setup } from '#harness'
import { across } from './across.ts'
import { systemScope } from './scope.ts'
import { tx } from './tx.ts'

test('R7 a transaction over two tenants sees one at a time, and ends in both or in neither', async () => {
  const house = await setup()
  const here = systemScope('relay', house.tenantId)
  const there = systemScope('relay', await house.given.tenant('There'))
  const seen = (scopes: string[], ids: { id: string }[]) => scopes.push(...ids.map(({ id }) => id))
  const order: string[] = []
  await tx(house.db, here, async (t) => {
    seen(order, await t.rows<{ id: string }>`select id from tenants`)
    await across(t, here, there, async () => seen(order, await t.rows<{ id: string }>`select id from tenants`))
    await across(t, here, there, async () => {
      throw new RangeError('stop')
    }).catch((error: unknown) => expect(error).toBeInstanceOf(RangeError))
    seen(order, await t.rows<{ id: string }>`select id from tenants`)
  })
  expect(order).toEqual([here.tenantId, there.tenantId, here.tenantId])
})
