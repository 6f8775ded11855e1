// The lists of both sides say who calls whom, whether it rings, what is waited for and how long it took (relay.md R20), and hold no content.
import { expect, test } from 'vitest'
import { tenantWire } from '../../std/id.ts'
import { askBeforeLeaving } from '../testing/leaving.ts'
import { type Loose, openRelay, type RelayTest } from '../testing/relay.ts'

const lines = async ({ house, bea }: RelayTest, id: string): Promise<[Loose, Loose]> => {
  const find = (list: Loose) => list.body.data.find((one: Loose) => one.id === id)
  return [find(await house.alice.get('/api/v1/threads?side=owner')), find(await bea.get('/api/v1/threads?side=caller'))]
}

test('R20 a live thread that was answered and has ended stands so in the lists of both sides', async () => {
  const relay = await openRelay()
  await relay.house.admin.run`update cards set ring_seconds = 600`
  const { thread_id: id } = (await relay.start({ text: 'a secret word', live: true })).body
  const parties = {
    caller: { tenant_id: tenantWire(relay.callerTenant), agent_id: relay.caller.id, label: 'Caller' },
    callee: { tenant_id: tenantWire(relay.house.tenantId), agent: relay.card.slug },
  }
  for (const line of await lines(relay, id))
    expect(line).toMatchObject({ ...parties, live: true, answered_at: null, duration_ms: null, ended_at: null, approval: null })
  await relay.respond(id, { outcome: 'progress', text: 'Here.' })
  await relay.house.clock.advance('5m')
  await relay.server.post(`/api/v1/threads/${id}/close`, {})
  const whole = await relay.thread(id)
  const { answered_at, ended_at, duration_ms } = whole
  expect(duration_ms).toBeGreaterThanOrEqual(300_000)
  for (const line of await lines(relay, id)) {
    expect(line).toMatchObject({ ...parties, live: true, answered_at, ended_at, duration_ms })
    expect(JSON.stringify(line)).not.toContain('secret word')
  }
})

test('R20 what people of either side are asked about is in the line of its thread, until they have answered', async () => {
  const relay = await openRelay()
  const { house } = relay
  const text = `@id("asks") @ask("Well?") permit (principal is Agent, action == Action::"thread.start", resource);
@id("people") permit (principal is User, action, resource);`
  const { version } = (await house.bob.post('/api/v1/policies', { text })).body
  await house.bob.post(`/api/v1/policies/${version}/activate`, {})
  const { thread_id: id, approval } = (await relay.start()).body
  for (const line of await lines(relay, id)) expect(line).toMatchObject({ state: 'awaiting_approval', approval })
  await house.bob.post(`/api/v1/tasks/${approval.task_id}/decide`, { type: 'accept', seen_revision: 1 })
  for (const line of await lines(relay, id)) expect(line).toMatchObject({ state: 'queued', approval: null })
})

test('R20 R71 a thread that waits on its caller’s own side has a line there alone', async () => {
  const relay = await openRelay()
  await askBeforeLeaving(relay.bea)
  const { thread_id: id, approval } = (await relay.start({ text: 'x', live: true })).body
  const [theirs, own] = await lines(relay, id)
  expect(theirs).toBeUndefined()
  expect(own).toMatchObject({
    ...{ state: 'awaiting_approval', live: true, approval, answered_at: null },
    caller: { tenant_id: tenantWire(relay.callerTenant), agent_id: relay.caller.id, label: 'Caller' },
    callee: { tenant_id: tenantWire(relay.house.tenantId), agent: relay.card.slug },
  })
})
