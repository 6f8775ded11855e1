// Live threads (relay.md R20): they ring at the owner's, are answered or declined, and end where nobody answers.
import { expect, test } from 'vitest'
import { tenantWire } from '../../std/id.ts'
import { type Loose, openRelay } from '../testing/relay.ts'

const typesOf = async (relay: Loose, id: string): Promise<string[]> =>
  (await relay.server.get(`/api/v1/threads/${id}/events?limit=200`)).body.data.map((one: Loose) => one.type)

/** So long that the time which a test takes by itself is none of it. */
async function openLive() {
  const relay = await openRelay()
  await relay.house.admin.run`update cards set ring_seconds = 600`
  return relay
}

async function sweep(house: Loose, time: string): Promise<void> {
  await house.runJobs()
  await house.clock.advance(time)
  await house.runJobs()
}

test('R20 a live thread rings, an answer of progress takes it, and it shows who spoke for how long', async () => {
  const relay = await openLive()
  const { house, card } = relay
  const { body } = await relay.start({ text: 'Are you there?', live: true })
  const id = body.thread_id
  expect(await typesOf(relay, id)).toEqual(['thread.accepted', 'message.accepted', 'thread.ringing'])
  const told = await house.admin.one<{
    body: string
  }>`select body from events where type = 'thread.ringing' and tenant_id = ${house.tenantId}::uuid`
  expect(JSON.parse(told.body).data).toMatchObject({ thread_id: id, sequence: 3, until: expect.any(String) })
  expect(await relay.thread(id)).toMatchObject({ live: true, answered_at: null, duration_ms: null, sequence: 3 })
  // It is at work on it, and has not answered yet: the time goes on.
  await relay.claim()
  await sweep(house, '8m')
  expect((await relay.thread(id)).state).toBe('delivering')
  expect((await relay.respond(id, { outcome: 'progress', text: 'Here.' })).status).toBe(200)
  await sweep(house, '5m')
  const taken = await relay.thread(id)
  expect(taken).toMatchObject({
    ...{ state: 'waiting_owner', live: true, answered_at: expect.any(String), duration_ms: null },
    caller: { tenant_id: tenantWire(relay.callerTenant), agent_id: relay.caller.id },
    callee: { tenant_id: tenantWire(house.tenantId), agent: card.slug },
    approval: null,
  })
  await relay.server.post(`/api/v1/threads/${id}/close`, {})
  const over = await relay.thread(id)
  expect(over.duration_ms).toBe(Date.parse(over.ended_at) - Date.parse(over.answered_at))
  expect(over.duration_ms).toBeGreaterThanOrEqual(300_000)
})

test('R20 unanswered after the card’s ring_seconds it ends with no_answer; what is not live waits on', async () => {
  const relay = await openRelay()
  const { house } = relay
  const untilOf = async (id: string) => {
    const { data } = (await relay.server.get(`/api/v1/threads/${id}/events`)).body
    const rang = data.find(({ type }: Loose) => type === 'thread.ringing')
    return (Date.parse(rang.data.until) - Date.parse(rang.at)) / 1000
  }
  const usual = (await relay.start({ text: 'x', live: true })).body.thread_id
  expect(await untilOf(usual)).toBe(45)
  await house.admin.run`update cards set ring_seconds = 600`
  const live = (await relay.start({ text: 'x', live: true })).body.thread_id
  const patient = (await relay.start({ text: 'x' })).body.thread_id
  expect(await untilOf(live)).toBe(600)
  await sweep(house, '5m')
  expect(await relay.thread(usual)).toMatchObject({ state: 'expired', reason: 'no_answer', answered_at: null, duration_ms: null })
  expect((await relay.thread(live)).state).toBe('queued')
  await sweep(house, '6m')
  expect((await relay.thread(live)).reason).toBe('no_answer')
  expect((await relay.thread(patient)).state).toBe('queued')
  expect(await typesOf(relay, patient)).not.toContain('thread.ringing')
  expect((await relay.respond(live, { text: 'Too late.' })).body.code).toBe('thread_ended')
})

test('R20 declining is a rejected response; another message of the caller rings no longer for it', async () => {
  const relay = await openLive()
  const { house } = relay
  const again = (id: string) => relay.bearer(relay.grant.token).post(`/api/v1/threads/${id}/messages`, { text: 'Hello?' })
  const id = (await relay.start({ text: 'x', live: true })).body.thread_id
  const other = (await relay.start({ text: 'x', live: true })).body.thread_id
  await sweep(house, '4m')
  expect([(await again(id)).status, (await again(other)).status]).toEqual([202, 202])
  await sweep(house, '4m')
  expect((await relay.thread(id)).state).toBe('queued')
  expect((await relay.respond(id, { outcome: 'rejected', text: 'Not now.' })).status).toBe(200)
  expect(await relay.thread(id)).toMatchObject({ state: 'rejected', reason: 'agent_rejected', answered_at: expect.any(String) })
  await sweep(house, '3m')
  expect((await relay.thread(other)).reason).toBe('no_answer')
})

test('R20 a call that people have to let in rings once they have', async () => {
  const relay = await openLive()
  const { house } = relay
  const made = await house.bob.post('/api/v1/policies', {
    text: '@id("people") permit (principal is User, action, resource);\n@id("ask") @ask("May {agent} call?") permit (principal is Agent, action == Action::"thread.start", resource);\n@id("rest") permit (principal is Agent, action in [Action::"thread.send", Action::"thread.respond"], resource);',
  })
  expect((await house.bob.post(`/api/v1/policies/${made.body.version}/activate`, {})).status).toBe(200)
  const started = await relay.start({ text: 'x', live: true })
  const id = started.body.thread_id
  await sweep(house, '20m')
  expect([(await relay.thread(id)).state, await typesOf(relay, id)]).toEqual([
    'awaiting_approval',
    expect.not.arrayContaining(['thread.ringing']),
  ])
  const task = started.body.approval.task_id
  const { body } = await house.bob.get(`/api/v1/tasks/${task}`)
  expect((await house.bob.post(`/api/v1/tasks/${task}/decide`, { type: 'accept', seen_revision: body.revision })).status).toBe(
    200,
  )
  expect(await typesOf(relay, id)).toContain('thread.ringing')
  await sweep(house, '8m')
  expect((await relay.thread(id)).state).toBe('queued')
  await sweep(house, '3m')
  expect(await relay.thread(id)).toMatchObject({ state: 'expired', reason: 'no_answer' })
})
