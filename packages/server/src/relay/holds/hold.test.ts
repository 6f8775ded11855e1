// What is held outlives its day and its thread (relay.md R109, §12.21), and goes when nothing holds it any more.
import { expect, test } from 'vitest'
import { type Loose, openRelay, type RelayTest } from '../testing/relay.ts'

const retain = async ({ house }: RelayTest) => {
  await house.server.queue.enqueueMany([{ kind: 'relay.retain' }])
  await house.runJobs()
}
const said = async ({ server }: RelayTest, id: string) =>
  (await server.get(`/api/v1/threads/${id}/messages`)).body.data.map((one: Loose) => [one.payload_state, one.parts?.[0]?.text])

test('R109 §12.21 a held thread is untouched when its day key goes, and once the hold is lifted it is over at once', {
  timeout: 90_000,
}, async () => {
  const relay = await openRelay()
  const { house } = relay
  const [held, free] = [
    (await relay.start({ text: 'held words' })).body.thread_id,
    (await relay.start({ text: 'free words' })).body.thread_id,
  ]
  expect((await house.alice.put(`/api/v1/holds/${held}`, { reason: 'a case' })).body).toMatchObject({
    subject: 'thread',
    held: true,
  })
  // What comes after the hold is held too.
  for (const id of [held, free]) await relay.respond(id, { text: 'the answer', outcome: 'completed' })
  await house.runJobs()
  await house.clock.advance('31d')
  await house.clock.advance('1d')
  await retain(relay)
  expect(await said(relay, held)).toEqual([
    ['present', 'held words'],
    ['present', 'the answer'],
    ['present', 'the answer'],
  ])
  expect(await said(relay, free)).toEqual([1, 2, 3].map(() => ['expired', undefined]))
  expect(
    await house.admin.rows`select wrapped from subject_keys where subject like 'relay_day:%' and wrapped is not null`,
  ).toEqual([])
  await house.clock.advance('400d')
  await retain(relay)
  expect(await house.admin.rows`select id from threads`).toEqual([{ id: held }])
  const owner = await house.given.user({ role: 'owner' })
  expect((await owner.delete(`/api/v1/holds/${held}`)).status).toBe(204)
  expect(await house.admin.rows`select 1 from messages where expires_at is null`).toEqual([])
  await retain(relay)
  expect(await house.admin.rows`select 1 from threads`).toEqual([])
  expect(
    await house.admin.rows`select wrapped from subject_keys where subject = ${`held:${held}`} and wrapped is not null`,
  ).toEqual([])
  expect((await house.eventTypes()).filter((type) => type === 'hold.changed')).toHaveLength(2)
})

test('R109 what was to be kept only while its thread was open stays while a card is held', async () => {
  const relay = await openRelay()
  const { house } = relay
  const card = await relay.makeCard({ retention_days: 0 })
  const grant = await relay.makeGrant({ card })
  await house.alice.put(`/api/v1/holds/${card.id}`, {})
  const { thread_id: id } = (await relay.start({ text: 'words' }, { card, token: grant.token })).body
  await relay.respond(id, { text: 'the answer', outcome: 'completed' })
  expect(await said(relay, id)).toContainEqual(['present', 'words'])
  await house.alice.delete(`/api/v1/holds/${card.id}`)
  expect(await said(relay, id)).toEqual([1, 2, 3].map(() => ['expired', undefined]))
  await house.clock.advance('1d')
  await retain(relay)
  expect(await house.admin.rows`select 1 from messages where payload is not null`).toEqual([])
  expect(await house.admin.rows`select wrapped from subject_keys where subject = ${`thread:${id}`}`).toEqual([{ wrapped: null }])
})

test('R109 holds are the owner’s to set, by a session with a fresh proof', async () => {
  const relay = await openRelay()
  const { house } = relay
  expect((await house.operator.put(`/api/v1/holds/${relay.card.id}`, {})).status).toBe(403)
  expect((await relay.server.raw(`/api/v1/holds/${relay.card.id}`, { method: 'DELETE' })).status).toBe(403)
  await house.clock.advance('11m')
  expect((await house.alice.put(`/api/v1/holds/${relay.card.id}`, {})).body.code).toBe('step_up_required')
})
