// Answers in somebody's own words (T131): a model makes an answer of them, and it is one once its writer has sent it. Words alone settle nothing.
import { expect, test } from 'vitest'
import type { Client } from '#harness'
import { answer, errorsOf, REFUND, remains } from '../tasks.fixture.ts'
import { asked, byModel, openVerifying, putKey, read, type Verifying } from './verifier.fixture.ts'

const at = (id: unknown, act = '') => `/api/v1/tasks/${id}${act && `/${act}`}`
const UNDERSTOOD = { approved: true, note: 'For Ann.' }
const parsed = (response: object) => ({ passed: true, parsed_response: JSON.stringify(response) })
const REASON = { reason: 'They asked me.' }

const write = (by: Client, id: unknown, text = 'Yes, go on. It is for Ann.', more: object = {}) =>
  by.post(at(id, 'decide'), { type: 'respond', raw_text: text, seen_revision: 1, ...REASON, ...more })

async function open(more: object = {}): Promise<Verifying & { id: string }> {
  const here = await openVerifying()
  await putKey(here)
  const { id } = await asked(here, byModel(), more)
  return { ...here, id }
}

test('T131 words are read by the model, shown to their writer as the answer that they seem to be, and count when that answer is sent', async () => {
  const here = await open()
  const { house, provider, id } = here
  provider.says.push(parsed(UNDERSTOOD))
  const given = await write(house.alice, id)
  expect([given.status, given.body.status]).toEqual([202, 'verifying'])
  await house.runJobs()
  expect(provider.wrong).toEqual([])
  expect(provider.heard).toMatchObject([{ wantsParsed: true }])
  expect(provider.heard[0]?.user).toContain('It is for Ann.')
  const back = await read(here, id)
  expect(back).toMatchObject({
    ...{ status: 'returned', response: null, outcome: null, verification_attempt: 0 },
    verifier_result: {
      passed: true,
      parsed_response: UNDERSTOOD,
      reason: expect.stringContaining('only then is it your answer'),
    },
    decisions: [{ state: 'returned', response: null, raw_text: 'Yes, go on. It is for Ann.' }],
  })
  const done = await house.alice.post(at(id, 'decide'), answer(UNDERSTOOD, REASON))
  expect([done.status, done.body.status, done.body.response]).toEqual([200, 'completed', UNDERSTOOD])
  // The model has spoken about this very answer already.
  expect(provider.heard).toHaveLength(1)
  expect(done.body.decisions.map(({ state }: { state: string }) => state)).toEqual(['returned', 'counted'])
  expect((await house.eventTypes()).filter((type) => type === 'task.completed')).toHaveLength(1)
})

test('T131 an answer that differs from what was understood, or is somebody else’s, is checked like any other', async () => {
  const here = await open()
  const { house, provider, id } = here
  provider.says.push(parsed(UNDERSTOOD))
  await write(house.alice, id)
  await house.runJobs()
  const changed = await house.alice.post(at(id, 'decide'), answer({ ...UNDERSTOOD, note: 'For Ben.' }, REASON))
  expect([changed.status, changed.body.status]).toEqual([202, 'verifying'])
  provider.says.push({ passed: false, reason: 'Ben who?' })
  await house.runJobs()
  expect(await read(here, id)).toMatchObject({ status: 'returned', verification_attempt: 1 })
  provider.says.push(parsed(UNDERSTOOD))
  await write(house.alice, id)
  await house.runJobs()
  expect((await house.bob.post(at(id, 'decide'), answer(UNDERSTOOD, REASON))).status).toBe(202)
  expect(provider.heard).toHaveLength(3)
})

test('T131 what does not fit the schema, or is no object, is no verdict: it is asked again and uses no attempt; a refusal uses one', async () => {
  const here = await open()
  const { house, provider, id } = here
  provider.says.push(
    parsed({ approved: 'perhaps' }),
    { passed: true, parsed_response: '' },
    { as: { ...parsed({}), parsed_response: '[1]' } },
  )
  await write(house.alice, id)
  await house.runJobs()
  for (const pause of ['1s', '5s']) {
    await house.clock.advance(pause)
    await house.runJobs()
  }
  expect(provider.heard).toHaveLength(3)
  expect(await read(here, id)).toMatchObject({ status: 'verifying', verification_attempt: 0 })
  expect((await house.alice.get(at(id, 'verification'))).body.data).toMatchObject([{ state: 'waiting', fault: 'bad_reply' }])
  provider.says.push({ passed: false, reason: 'Whom is it for?' })
  await house.clock.advance('15s')
  await house.runJobs()
  expect(await read(here, id)).toMatchObject({
    ...{ status: 'returned', verification_attempt: 1 },
    verifier_result: { passed: false, reason: 'Whom is it for?' },
  })
})

test('T131 words settle nothing without a verdict either: an outage gives them back, and no operator lets them count', async () => {
  const here = await openVerifying()
  await putKey(here)
  const { house, provider } = here
  provider.otherwise = { status: 503 }
  const { id } = await asked(here, byModel({ on_unavailable: 'accept' }))
  await write(house.alice, id)
  const refused = await house.alice.post(at(id, 'verification/override'), { reason: 'clear enough' })
  expect([refused.status, refused.body.code]).toEqual([409, 'state_conflict'])
  await house.runJobs()
  for (const pause of ['1s', '5s', '15s', '60s']) {
    await house.clock.advance(pause)
    await house.runJobs()
  }
  expect(await read(here, id)).toMatchObject({ status: 'returned', response: null, verification_attempt: 0 })
})

test('T131 free text stands for itself, and only where a model reads it', async () => {
  const here = await open()
  const { house, id } = here
  const plain = await house.given.task(REFUND)
  const before = await remains(house)
  const nobody = await write(house.alice, plain.id)
  expect([nobody.status, errorsOf(nobody.body)]).toEqual([422, ['/raw_text nobody_reads']])
  for (const more of [{ response: { approved: true } }, { args: {} }, { type: 'accept' }]) {
    const both = await write(house.alice, id, 'yes', more)
    expect([both.status, errorsOf(both.body)]).toEqual([422, ['/raw_text not_allowed']])
  }
  for (const text of ['', 'x'.repeat(20_001)]) expect((await write(house.alice, id, text)).status).toBe(422)
  expect(await remains(house)).toEqual(before)
})

test('T131 T16 words among several votes go back to their writer, and the vote is cast when they send the answer', async () => {
  const here = await openVerifying()
  const { house, provider } = here
  await putKey(here)
  const operator = await house.operator.person()
  const { id } = await asked(here, byModel(), { quorum: 2 })
  provider.says.push(parsed(UNDERSTOOD))
  expect((await write(house.bob, id)).body).toMatchObject({ status: 'open', votes: 0 })
  await house.runJobs()
  expect(await read(here, id)).toMatchObject({ status: 'open', votes: 0, decisions: [{ state: 'returned' }] })
  expect((await house.bob.post(at(id, 'decide'), answer(UNDERSTOOD, REASON))).body).toMatchObject({ status: 'open', votes: 1 })
  await operator.post(at(id, 'decide'), answer(UNDERSTOOD, REASON))
  await house.runJobs()
  expect(await read(here, id)).toMatchObject({ status: 'completed', response: UNDERSTOOD })
})

test('T7 T131 what somebody wrote stands in an envelope only', async () => {
  const { house, id } = await open()
  await write(house.alice, id, 'canary-in-words')
  const [dump] = await house.admin.rows<{ text: string }>`
    select (select string_agg(d::text, ' ') from decisions d) || (select string_agg(e::text, ' ') from events e)
      || (select string_agg(j::text, ' ') from countersign_queue.jobs j) as text`
  expect(dump?.text).toContain(id)
  for (const form of ['canary-in-words', Buffer.from('canary-in-words').toString('hex')]) expect(dump?.text).not.toContain(form)
})
