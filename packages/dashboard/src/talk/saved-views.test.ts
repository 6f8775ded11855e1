import { expect, test } from 'vitest'
import { savedViews } from './saved-views.ts'

function memory(): Storage {
  const held = new Map<string, string>()
  return {
    getItem: (name: string) => held.get(name) ?? null,
    setItem: (name: string, text: string) => void held.set(name, text),
  } as Storage
}

test('T158 a view is kept under its name, per person, and the newest of a name counts', () => {
  const storage = memory()
  const ann = savedViews('usr_a', storage)
  ann.save({ name: 'Money', search: 'tag=money' })
  ann.save({ name: 'Urgent', search: 'priority=urgent' })
  expect(ann.save({ name: 'Money', search: 'tag=refund' })).toEqual([
    { name: 'Urgent', search: 'priority=urgent' },
    { name: 'Money', search: 'tag=refund' },
  ])
  expect(savedViews('usr_b', storage).read()).toEqual([])
  expect(ann.drop('Urgent').map(({ name }) => name)).toEqual(['Money'])
})
