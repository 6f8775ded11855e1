import { expect, test } from 'vitest'
import { decidedOf } from './decided.ts'

const event = (sequence: number, type: string, data: object) => ({
  ...{ id: `evt_${sequence}`, sequence, type, at: '2026-11-23T09:00:00Z', actor: { type: 'agent', id: 'agt_1' } },
  data: data as Record<string, never>,
})
const EVENTS = [
  event(1, 'thread.accepted', { decision: 'ask', policy_ids: ['two-eyes'], policy_version: 3 }),
  event(2, 'message.accepted', { message_id: 'msg_1' }),
  event(3, 'approval.requested', {
    message_id: 'msg_1',
    task_id: 'task_1',
    side: 'owner',
    policy_ids: ['two-eyes'],
    policy_version: 3,
  }),
  event(4, 'approval.decided', { task_id: 'task_1', side: 'owner', decision: 'agreed' }),
  event(5, 'message.accepted', { message_id: 'msg_2', decision: 'allow', policy_ids: ['shipped'], policy_version: 4 }),
]

test('R75 beside each message stands what was decided of it, of the first what was decided of its thread', () => {
  expect(decidedOf(EVENTS, { id: 'msg_1', sequence: 2 })).toMatchObject({
    ...{ outcome: 'ask', policies: ['two-eyes'], version: 3 },
    asked: { taskId: 'task_1', side: 'owner', decision: 'agreed' },
  })
  expect(decidedOf(EVENTS, { id: 'msg_2', sequence: 5 })).toEqual({
    ...{ outcome: 'allow', policies: ['shipped'], version: 4, asked: null },
  })
})

test('R82 a question that nobody has answered yet says so, and a message of which nothing is known says nothing', () => {
  expect(decidedOf(EVENTS.slice(0, 3), { id: 'msg_1', sequence: 2 }).asked).toMatchObject({ taskId: 'task_1', decision: null })
  expect(decidedOf([], { id: 'msg_9', sequence: null })).toEqual({ outcome: null, policies: [], version: null, asked: null })
})
