import type { Task } from '@countersign/sdk'
import { expect, test } from 'vitest'
import { can, stepsIn } from './can.ts'

const task = (members: Partial<Task>) =>
  ({ status: 'open', may: [], may_not: {}, completed_by_display_name: null, ...members }) as unknown as Task

test('what one may do is the server’s answer, and where it says no there is a sentence', () => {
  expect(can('decide', task({ may: ['decide'] }))).toBe(true)
  expect(can('decide', task({ may: ['step_in'] }))).toBe(true)
  expect(stepsIn(task({ may: ['step_in'] }))).toBe(true)
  expect(stepsIn(task({ may: ['decide', 'step_in'] }))).toBe(false)
  for (const act of ['decide', 'claim', 'release', 'cancel'] as const) expect(can(act, task({}))).toMatch(/\.$/)
})

test('a task that is over says how, whatever one might have done with it', () => {
  const settled = task({ status: 'completed', completed_by_display_name: 'Bob', may: ['decide'] })
  expect(can('decide', settled)).toBe('This task was settled by Bob.')
  expect(can('claim', task({ status: 'timed_out' }))).toBe('The time for this task ran out.')
  expect(can('cancel', task({ status: 'cancelled' }))).toBe('This task was withdrawn.')
  expect(can('decide', task({ status: 'verifying' }))).toBe('An answer is being checked.')
})

test('what is being checked or changed can be withdrawn by whom the server lets, and nothing else', () => {
  for (const status of ['verifying', 'revising'] as const) {
    const under = task({ status, may: ['cancel', 'claim'] })
    expect(can('cancel', under)).toBe(true)
    expect(can('claim', under)).toMatch(/\.$/)
    expect(can('cancel', task({ status }))).toMatch(/\.$/)
  }
  expect(can('cancel', task({ status: 'completed', may: [] }))).toMatch(/settled/)
})

test('why not is the server’s reason in words: who is on the asking side, or came second, is not told that it was asked of somebody else', () => {
  const because = (act: 'decide' | 'claim' | 'release', reason: string, more: object = {}) =>
    can(act, task({ may_not: { [act]: reason } as Task['may_not'], ...more }))
  expect(because('decide', 'separation_of_duties')).toMatch(/asking side/)
  expect(because('decide', 'already_decided')).toMatch(/voted/)
  expect(because('decide', 'task_already_claimed', { assigned_to_display_name: 'Bob' })).toBe('Bob holds this question.')
  expect(because('claim', 'task_already_claimed')).toBe('Somebody else holds this question.')
  expect(because('claim', 'needs_several')).toMatch(/Several people/)
  expect(because('release', 'not_claimed')).toBe('Nobody holds it.')
  expect(because('decide', 'forbidden')).toMatch(/role/)
  expect(because('decide', 'not_eligible')).toMatch(/somebody else/)
})
