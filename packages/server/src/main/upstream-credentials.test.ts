// What a connection of the vault adds to requests of an agent that answers elsewhere, and whom it may be named by (relay.md R44, R116).
import { expect, test } from 'vitest'
import { systemScope } from '../db/scope.ts'
import type { VaultHouse } from '../vault/house.ts'
import { openVault } from '../vault/testing/vault.ts'
import { openCredentials } from './upstream-credentials.ts'

test('R116 the headers of a connection, for the hosts of its provider alone; once it is gone, nothing', async () => {
  const { house, connect } = await openVault()
  const { id, value } = await connect()
  const credentialFor = openCredentials(house as unknown as VaultHouse)
  expect(await credentialFor(house.tenantId, id, 'https://api.example.com')).toEqual({ authorization: `Bearer ${value}` })
  for (const origin of ['https://api.example.org', 'https://api.example.com:8443', 'http://api.example.com'])
    expect([origin, await credentialFor(house.tenantId, id, origin)]).toEqual([origin, null])
  const elsewhere = await house.given.tenant('Elsewhere')
  expect(await credentialFor(elsewhere, id, 'https://api.example.com')).toBeNull()
  await house.admin.run`update connections set status = 'suspended' where id = ${id}`
  expect(await credentialFor(house.tenantId, id, 'https://api.example.com')).toBeNull()
  expect(systemScope('relay').principal).toBe('system:relay')
})

test('R116 an agent names no connection, and a member none of somebody else', async () => {
  const { house, connect } = await openVault()
  const { id } = await connect()
  const upstream = { card_url: 'https://api.example.com/card.json', connection_id: id }
  const member = await house.member.person()
  const made = await member.post('/api/v1/cards', {
    ...{
      slug: 'by-a-member',
      name: 'M',
      summary: 'Of a member.',
      accepted_inputs: ['text/plain'],
      expected_outputs: ['text/plain'],
    },
    skills: [{ id: 'any', name: 'Any', description: 'Anything.', tags: ['test'] }],
  })
  expect([made.status, made.body]).toMatchObject([201, {}])
  const path = `/api/v1/cards/${made.body.id}/delivery`
  const theirs = await member.put(path, { mode: 'a2a', upstream })
  expect([theirs.status, theirs.body.code]).toEqual([404, 'not_found'])
  const bot = await house.given.agent({ owner: house.alice, scopes: ['cards:*'] })
  const card = (await house.alice.post('/api/v1/cards', { ...CARD, agent_id: bot.id })).body
  const byAgent = await bot.put(`/api/v1/cards/${card.id}/delivery`, { mode: 'a2a', upstream })
  expect([byAgent.status, byAgent.body.code]).toEqual([403, 'forbidden'])
})

const CARD = {
  ...{ slug: 'of-a-bot', name: 'B', summary: 'Of a bot.', accepted_inputs: ['text/plain'], expected_outputs: ['text/plain'] },
  skills: [{ id: 'any', name: 'Any', description: 'Anything.', tags: ['test'] }],
}
