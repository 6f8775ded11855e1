// Skills of the extended card (relay.md R86, R24): a relay grant names them, its holder uses them, and nobody else learns that they are there.
import { expect, test } from 'vitest'
import { openTwo, type Two } from '../testing/two.ts'

const INSIDE = {
  id: 'inside',
  name: 'Inside',
  description: 'Prices inside.',
  tags: ['sales'],
  facts: [{ name: 'pieces', pointer: '/pieces', type: 'long', required: true }],
}

async function open(more: object = {}): Promise<Two> {
  const two = await openTwo()
  const { etag } = (await two.house.alice.get(`/api/v1/cards/${two.cardId}`)).body
  const wishes = { extended: { skills: [INSIDE] }, accepted_inputs: ['text/plain', 'application/json'], ...more }
  const saved = await two.house.alice.patch(`/api/v1/cards/${two.cardId}`, wishes, { 'if-match': etag })
  expect(saved.status).toBe(200)
  return two
}
const start = ({ as, slug }: Two, token: string, body: object) => as(token).post(`/api/v1/agents/${slug}/threads`, body)

test('R86 R24 a relay grant names a skill of the extended card, agreed to or made without a request, and its holder uses it', async () => {
  const two = await open()
  const { token } = await two.connect({ skills: ['inside'] })
  expect((await start(two, token, { skill: 'inside', data: { pieces: 3 } })).status).toBe(202)
  expect((await start(two, token, { skill: 'inside', data: { pieces: 'few' } })).body.errors).toMatchObject([
    { path: '/data/pieces' },
  ])
  expect((await start(two, token, { skill: 'book', text: 'A train.' })).body.code).toBe('scope_missing')
  const own = { agent: two.slug, label: 'Carl', purpose: 'To sell.', skills: ['book', 'inside'] }
  const made = await two.house.bob.post('/api/v1/relay-grants', own)
  expect([made.status, made.body.relay_grant.skills]).toEqual([201, ['book', 'inside']])
  expect((await start(two, made.body.relay_token, { skill: 'inside', data: { pieces: 1 } })).status).toBe(202)
})

test('R74 the owner’s policies read the facts of such a skill', async () => {
  const two = await open()
  const { token } = await two.connect({ skills: ['inside'] })
  const text = `@id("few") permit (principal is Agent, action, resource) when { context has facts && context.facts has pieces && context.facts.pieces < 5 };
@id("people") permit (principal is User, action, resource);`
  const saved = await two.house.bob.post('/api/v1/policies', { text })
  expect([saved.status, saved.body.errors]).toEqual([201, []])
  await two.house.bob.post(`/api/v1/policies/${saved.body.version}/activate`, {})
  const pieces = async (many: number) => (await start(two, token, { skill: 'inside', data: { pieces: many } })).status
  expect([await pieces(4), await pieces(5)]).toEqual([202, 403])
})

test('R86 a request of whoever never held a relay grant is told of such a skill what it is told of one that is not there', async () => {
  const two = await open({ unapproved: 'request' })
  const said = ({ status, body }: Awaited<ReturnType<Two['ask']>>) => [status, body.code, body.errors]
  const unknown = said(await two.ask({ skills: ['nowhere'] }))
  expect([said(await two.ask({ skills: ['inside'] })), unknown[0]]).toEqual([unknown, 422])
  const first = (skill: string) => two.caller.post(`/api/v1/agents/${two.slug}/threads`, { skill, data: { pieces: 1 } })
  expect(said(await first('inside'))).toEqual(said(await first('nowhere')))
  const { grantId } = await two.connect()
  expect((await two.bea.post(`/api/v1/relay-grants/${grantId}/revoke`, {})).status).toBe(200)
  expect((await two.ask({ skills: ['inside'] })).status).toBe(201)
})

test('R74 a fact of the extended card that the tenant knows as another type is refused at its path', async () => {
  const two = await open()
  const { etag } = (await two.house.alice.get(`/api/v1/cards/${two.cardId}`)).body
  const clash = { ...INSIDE, facts: [{ name: 'pieces', pointer: '/pieces', type: 'bool' }] }
  const refused = await two.house.alice.patch(
    `/api/v1/cards/${two.cardId}`,
    { extended: { skills: [clash] } },
    { 'if-match': etag },
  )
  expect([refused.status, refused.body.errors?.[0]?.path]).toEqual([422, '/extended/skills/0/facts/0/type'])
})
