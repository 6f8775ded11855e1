import { expect, test } from 'vitest'
import { setup } from '#harness'
import { tenantWire } from '../../std/id.ts'

test('V123 P10 whoever asks is told who they are: by session, by personal key, by agent key; nobody without one', async () => {
  const house = await setup()
  const tenant = { tenant_id: tenantWire(house.tenantId), tenant_name: 'Main', tenant_state: 'active' }
  const at = '/api/v1/principal'
  expect((await house.alice.get(at)).body).toEqual({
    ...tenant,
    ...{ type: 'user', id: house.alice.id, name: 'Alice', email: house.alice.email, role: 'owner', environment: null },
    ...{ key_id: null, scopes: null, now: expect.any(String) },
  })
  const key = await house.given.key({ kind: 'usr', scopes: ['connections:read'] })
  expect((await house.nobody.get(at, { authorization: `Bearer ${key.secret}` })).body).toMatchObject({
    ...{ type: 'user', id: house.alice.id, email: house.alice.email, key_id: key.id, scopes: ['connections:read'] },
  })
  expect((await house.agent.get(at)).body).toMatchObject({
    ...{ ...tenant, type: 'agent', id: house.agent.id, email: null, role: null, environment: 'live', key_id: house.agent.keyId },
  })
  expect((await house.nobody.get(at)).status).toBe(401)
})
