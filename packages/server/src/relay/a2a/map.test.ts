import { taskStateFromJSON } from '@a2a-js/sdk'
import { expect, test } from 'vitest'
import { isEnded, THREAD_STATES, type ThreadOutcome, type ThreadState } from '../model.ts'
import {
  endsBlocking,
  endsSendStream,
  isEndedTask,
  STATE_MAP,
  TASK_STATES,
  type TaskStateName,
  taskStateOf,
  threadStatesOf,
} from './map.ts'

// The contract's table, written out once more: what stands in map.ts is held against it.
const CONTRACT: [ThreadState, ThreadOutcome | null, TaskStateName][] = [
  ['awaiting_approval', null, 'TASK_STATE_AUTH_REQUIRED'],
  ['queued', null, 'TASK_STATE_SUBMITTED'],
  ['delivering', null, 'TASK_STATE_WORKING'],
  ['waiting_owner', null, 'TASK_STATE_WORKING'],
  ['waiting_caller', null, 'TASK_STATE_INPUT_REQUIRED'],
  ['responded', null, 'TASK_STATE_INPUT_REQUIRED'],
  ['closed', 'completed', 'TASK_STATE_COMPLETED'],
  ['closed', 'canceled', 'TASK_STATE_CANCELED'],
  ['failed', null, 'TASK_STATE_FAILED'],
  ['expired', null, 'TASK_STATE_FAILED'],
  ['rejected', null, 'TASK_STATE_REJECTED'],
  ['revoked', null, 'TASK_STATE_REJECTED'],
]

test.each(CONTRACT)('R91 a thread that is %s (%s) is %s', (state, outcome, task) => {
  expect(taskStateOf({ state, outcome })).toBe(task)
  expect(threadStatesOf(task)).toContainEqual({ state, outcome })
  expect(isEndedTask(task)).toBe(isEnded(state))
})

test('R91 every state of a thread has its row, and every name is one that the codec knows', () => {
  expect(new Set(STATE_MAP.map((row) => row.state))).toEqual(new Set(THREAD_STATES))
  expect(STATE_MAP).toHaveLength(CONTRACT.length)
  for (const name of TASK_STATES) expect(taskStateFromJSON(name)).toBeGreaterThan(0)
})

test('R94 a blocking send returns at the ended states and where the caller or a person has the turn', () => {
  expect(TASK_STATES.filter((name) => !endsBlocking(name))).toEqual(['TASK_STATE_SUBMITTED', 'TASK_STATE_WORKING'])
})

test('R96 the stream of a send ends with the turn, and an approval keeps it open', () => {
  expect(TASK_STATES.filter((name) => !endsSendStream(name))).toEqual([
    'TASK_STATE_SUBMITTED',
    'TASK_STATE_WORKING',
    'TASK_STATE_AUTH_REQUIRED',
  ])
})
