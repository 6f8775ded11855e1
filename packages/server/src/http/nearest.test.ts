import { expect, test } from 'vitest'
import { nearest } from './nearest.ts'

test('P154 the nearest known name is found, whatever its case, and a far one is not guessed', () => {
  const known = ['task.created', 'task.completed', 'task.cancelled']
  expect(nearest('task.craeted', known)).toBe('task.created')
  expect(nearest('TASK.CANCELED', known)).toBe('task.cancelled')
  expect(nearest('task.completed', known)).toBe('task.completed')
  expect(nearest('invoice.paid', known)).toBeNull()
  expect(nearest('', known)).toBeNull()
  expect(nearest('x', [])).toBeNull()
})
