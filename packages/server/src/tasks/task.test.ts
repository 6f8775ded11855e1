import { expect, test } from 'vitest'
import { setup } from '#harness'

const yesNo = {
  type: 'object',
  properties: { approved: { type: 'boolean' }, note: { type: 'string', maxLength: 500 } },
  required: ['approved'],
  additionalProperties: false,
}
const refund = {
  task: 'Refund order 1042?',
  payload: { order: 1042, amount: 240 },
  response_schema: yesNo,
  timeout_seconds: 3600,
}

test('T1 an agent asks, a person answers, and the poll returns the typed answer', async () => {
  const house = await setup()
  const asked = await house.agent.post('/api/v1/tasks', refund)
  expect(asked.status).toBe(201)
  expect(asked.body).toMatchObject({
    status: 'open',
    origin: 'agent',
    agent_id: house.agent.id,
    agent_name: 'refund-bot',
    payload: refund.payload,
    version: 1,
    revision: 1,
  })
  const { id } = asked.body
  const waiting = house.agent.get(`/api/v1/tasks/${id}/poll?timeout=25`)
  const answered = await house.alice.post(`/api/v1/tasks/${id}/decide`, {
    type: 'respond',
    response: { approved: 'true' },
    seen_revision: 1,
  })
  expect(answered.status).toBe(200)
  expect(answered.body).toMatchObject({
    status: 'completed',
    outcome: 'answered',
    response: { approved: true },
    completed_via_channel: 'dashboard',
    completed_by_display_name: 'Alice',
  })
  expect((await waiting).body).toMatchObject({ id, status: 'completed', response: { approved: true } })
  expect(await house.eventTypes()).toEqual(['task.created', 'task.completed'])
})
