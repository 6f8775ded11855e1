// One address for agents: ids of ours, slugs of anybody's (R10).
import { expect, test } from 'vitest'
import { setup } from '#harness'
import { agentOf, openTwo } from '../testing/two.ts'
import { leastCard } from './testing/cards.ts'

test('R10 one address tells an agent by its id and a card by its slug, with what stands between it and whoever asks', async () => {
  const { house, slug, caller, bea, ask, connect } = await openTwo()
  const reader = await agentOf(house, bea, ['agents:read', 'connection_requests:*', 'threads:*'], 'reader')
  const own = await bea.get(`/api/v1/agents/${caller.id}`)
  expect(own.body).toMatchObject({ id: caller.id, name: 'bea-bot' })
  expect((await house.alice.get(`/api/v1/agents/${caller.id}`)).status).toBe(404)

  const before = await reader.get(`/api/v1/agents/${slug}`)
  expect(before.status).toBe(200)
  const served = await house.nobody.get(`/api/v1/agents/${slug}/card`)
  expect(before.body.card).toEqual(served.body)
  expect(before.body.viewer).toEqual({ request: null, relay_grant: null, may: ['connection_request.create'], listing: null })

  const { requestId, grantId } = await connect()
  const after = await bea.get(`/api/v1/agents/${slug}`)
  expect(after.body.viewer).toMatchObject({ request: { id: requestId, state: 'approved' }, relay_grant: { id: grantId } })
  expect(after.body.viewer.may).toContain('thread.start')
  // Another agent of the same tenant has no part in it.
  expect((await reader.get(`/api/v1/agents/${slug}`)).body.viewer).toMatchObject({ request: null, relay_grant: null })
  const owner = await house.alice.get(`/api/v1/agents/${slug}`)
  expect(owner.body.viewer).toMatchObject({ listing: 'direct_link_only', may: expect.arrayContaining(['card.publish']) })
  expect((await ask()).status).toBe(409)
  expect((await house.nobody.get(`/api/v1/agents/${slug}`)).status).toBe(401)
})

test('R10 R11 what is neither id nor slug is not there, nor a card that this tenant may not know of; its own people read it', async () => {
  const { house, bea } = await openTwo()
  for (const name of ['..', '%2e%2e', 'Ada', 'ab', 'a--b', 'agt_1', 'nobody-here', 'x'.repeat(65)])
    expect([name, (await bea.get(`/api/v1/agents/${name}`)).status]).toEqual([name, 404])
  const hidden = await house.alice.post('/api/v1/cards', { ...leastCard('for-members'), visibility: 'members' })
  expect(hidden.status).toBe(201)
  const foreign = await bea.get('/api/v1/agents/for-members')
  const random = await bea.get('/api/v1/agents/for-nobodys')
  expect([foreign.status, { ...foreign.body, request_id: '' }]).toEqual([random.status, { ...random.body, request_id: '' }])
  expect((await house.bob.get('/api/v1/agents/for-members')).body.card.slug).toBe('for-members')
})

test('P61 of the agents of one tenant a member sees their own by its id, an agent itself, an auditor all; the others are not there', async () => {
  const house = await setup()
  const member = await house.member.person()
  const mine = await house.given.agent({ owner: member, name: 'mine' })
  const at = (id: string) => `/api/v1/agents/${id}`
  const { agent: theirs } = house
  expect([(await member.get(at(mine.id))).body.name, (await mine.get(at(mine.id))).body.name]).toEqual(['mine', 'mine'])
  for (const who of [member, mine]) expect((await who.get(at(theirs.id))).status).toBe(404)
  for (const { id } of [mine, theirs]) expect((await house.auditor.get(at(id))).status).toBe(200)
})
