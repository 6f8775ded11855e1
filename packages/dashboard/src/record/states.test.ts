import { expect, test } from 'vitest'
import { stepsOf } from './states.ts'

const record = (...oldestFirst: string[]) => oldestFirst.map((type, i) => ({ id: String(i), type })).reverse()

test('T160 each event that moved the task says from where to where; the others and what is not known say nothing', () => {
  const whole = record('task.created', 'task.claimed', 'task.sent_back', 'task.revised', 'task.completed')
  expect([...stepsOf(whole)]).toEqual([
    ['0', { from: null, to: 'open' }],
    ['2', { from: 'open', to: 'revising' }],
    ['3', { from: 'revising', to: 'open' }],
    ['4', { from: 'open', to: 'completed' }],
  ])
  // The older page was not read.
  expect([...stepsOf(whole.slice(0, 3))]).toEqual([
    ['3', { from: 'revising', to: 'open' }],
    ['4', { from: 'open', to: 'completed' }],
  ])
})
