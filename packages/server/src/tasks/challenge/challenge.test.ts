// A decision that is fixed before it is proven (T152): the digests by an independent hand, and every way in which a proof is not of this decision.
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { type Client, clientOf, type House, type Person, setup } from '#harness'
import { answer, REFUND, remains } from '../tasks.fixture.ts'

const at = (id: unknown, act = '') => `/api/v1/tasks/${id}${act && `/${act}`}`
const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest()
const fix = (who: Client, id: unknown, body: object) => who.post(at(id, 'decide/challenge'), body)
const prove = ({ admin }: House, who: Person) =>
  admin.run`update sessions set step_up_at = countersign.now() where user_id = ${who.id}`
const send = (who: Client, id: unknown, nonce: string, body: object) =>
  who.post(at(id, 'decide'), { ...body, assertion: { nonce } })

const YES = answer({ approved: true, note: 'Ann asked.' })

async function open(more: object = {}): Promise<{ house: House; reviewer: Person; id: string }> {
  const house = await setup()
  const reviewer = await house.reviewer.person()
  const { id } = await house.given.task({ ...REFUND, assign_to: { email: reviewer.email }, ...more })
  return { house, reviewer, id }
}

test('T152 a challenge fixes content and decision by the digests of the receipt; proven after that, exactly this one counts', async () => {
  const { house, reviewer, id } = await open({ risk: 'high', description: 'Parcel lost.' })
  await house.clock.advance('11m')
  expect((await reviewer.post(at(id, 'decide'), YES)).body.code).toBe('step_up_required')
  const before = await remains(house)
  const { status, body: fixed } = await fix(reviewer, id, YES)
  expect([status, fixed.options]).toEqual([200, { methods: ['password'] }])
  expect(await remains(house)).toEqual(before)

  // Member by member in the order of RFC 8785, and none of our own code.
  const content = `{"action":null,"description":"Parcel lost.","items":null,"payload":{"amount":240,"currency":"EUR","order":1042},"revision":1,"task":"Refund order 1042?","task_id":"${id}","tenant_id":"${(await house.alice.get('/api/v1/me')).body.tenant_id}","v":1}`
  const decision = `{"args":null,"content_sha256":"${sha256(content).toString('hex')}","items":null,"reason":null,"response":{"approved":true,"note":"Ann asked."},"type":"respond","user_id":"${reviewer.id}","v":1}`
  expect(fixed.decision_sha256).toBe(sha256(decision).toString('hex'))
  const nonce = Buffer.from(fixed.nonce, 'base64url')
  expect(nonce).toHaveLength(32)
  const signed = Buffer.concat([Buffer.from('countersign/decision/v1\n'), sha256(decision), nonce])
  expect(fixed.challenge).toBe(sha256(signed).toString('base64url'))

  await prove(house, reviewer)
  const done = await send(reviewer, id, fixed.nonce, YES)
  expect([done.status, done.body.status]).toEqual([200, 'completed'])
  expect(done.body.decisions).toMatchObject([{ assurance: 'step_up', decision_sha256: fixed.decision_sha256 }])
  const [kept] = await house.admin.rows<{ decision_id: string }>`select decision_id from decision_challenges`
  expect(kept?.decision_id).toBe(done.body.decisions[0].id)
})

test.each<[string, object]>([
  ['another note', answer({ approved: true, note: 'Ann asked!' })],
  ['the other answer', answer({ approved: false, note: 'Ann asked.' })],
  ['a reason', { ...YES, reason: 'x' }],
])('T152 A29 a proof of one decision is none of one with %s', async (_name, other) => {
  const { house, reviewer, id } = await open()
  const { body } = await fix(reviewer, id, YES)
  await prove(house, reviewer)
  const refused = await send(reviewer, id, body.nonce, other)
  expect([refused.status, refused.body.code]).toEqual([400, 'challenge_invalid'])
  expect((await house.alice.get(at(id))).body).toMatchObject({ status: 'open', decisions: [] })
  expect((await send(reviewer, id, body.nonce, YES)).status).toBe(200)
})

test('T152 A29 a proof is of this content: of a revised task it is none', async () => {
  const { house, reviewer, id } = await open()
  const { body } = await fix(reviewer, id, YES)
  expect(
    (await house.agent.post(at(id, 'revisions'), { payload: { ...REFUND.payload, amount: 241 }, note: 'one more' })).status,
  ).toBe(201)
  await prove(house, reviewer)
  expect((await send(reviewer, id, body.nonce, YES)).body.code).toBe('task_revised')
  expect((await send(reviewer, id, body.nonce, { ...YES, seen_revision: 2 })).body.code).toBe('challenge_invalid')
})

test('T152 A29 it is proven after it was fixed, within five minutes, once, by the person and in the session that fixed it', async () => {
  const { house, reviewer, id } = await open({ quorum: 2, assign_to: { emails: ['x@example.com', 'y@example.com'] } })
  const two = await house.given.user({ role: 'reviewer' })
  const both = { assign_to: { emails: [reviewer.email, two.email] }, reason: 'both' }
  expect((await house.bob.post(at(id, 'reassign'), both)).status).toBe(200)
  await prove(house, reviewer)
  await house.clock.advance('1s')
  const early = (await fix(reviewer, id, YES)).body
  const refused = await send(reviewer, id, early.nonce, YES)
  expect(refused.body).toMatchObject({ status: 403, code: 'step_up_required', open_url: `${house.url}/tasks/${id}` })
  await Promise.all([prove(house, reviewer), prove(house, two)])
  expect((await send(two, id, early.nonce, YES)).body.code).toBe('challenge_invalid')
  await house.clock.advance('5m')
  expect((await send(reviewer, id, early.nonce, YES)).body.code).toBe('challenge_invalid')

  const { nonce } = (await fix(reviewer, id, YES)).body
  await prove(house, reviewer)
  const voted = await send(reviewer, id, nonce, YES)
  expect(voted.body).toMatchObject({ status: 'open', votes: 1 })
  expect((await reviewer.delete(at(id, `decisions/${voted.body.decisions[0].id}`))).status).toBe(204)
  expect((await send(reviewer, id, nonce, YES)).body.code).toBe('challenge_invalid')
  expect((await send(reviewer, id, 'A'.repeat(43), YES)).body.code).toBe('challenge_invalid')
})

test('T152 what could not be decided is not fixed either, and who has no session proves nothing', async () => {
  const { house, reviewer, id } = await open()
  const wrong = await fix(reviewer, id, answer({ approved: 'perhaps' }))
  expect([wrong.status, wrong.body.code]).toEqual([422, 'response_invalid'])
  expect((await fix(await house.member.person(), id, YES)).status).toBe(404)
  expect((await fix(house.agent, id, YES)).body.code).toBe('agent_may_not_decide')
  const key = await house.given.key({ kind: 'usr', scopes: ['tasks:*'] })
  const own = await house.given.task({ ...REFUND, assign_to: { user_id: house.alice.id } })
  expect((await fix(clientOf(house.url, { bearer: key.secret }), own.id, YES)).body.code).toBe('step_up_required')
  expect(await house.admin.rows`select 1 from decision_challenges`).toEqual([])
})
