import { expect, test } from 'vitest'
import { draftStore, dropDrafts } from './draft-store.ts'

function memory(): Storage {
  const names = {
    getItem(name: string): string | null {
      return Object.hasOwn(this, name) ? ((this as Record<string, unknown>)[name] as string) : null
    },
    setItem(name: string, text: string) {
      Object.assign(this, { [name]: text })
    },
    removeItem(name: string) {
      delete (this as Record<string, unknown>)[name]
    },
  }
  for (const name of Object.keys(names)) Object.defineProperty(names, name, { enumerable: false })
  return names as unknown as Storage
}

test('T159 a draft belongs to one person and one revision of one question, and sign-out leaves none', () => {
  const storage = memory()
  const task = { id: 'task_1', revision: 1 }
  const mine = draftStore('usr_a', task, storage)
  const kept = { draft: { approved: true }, reason: '' }
  mine.keep(kept)
  expect(mine.read()).toEqual(kept)
  expect(draftStore('usr_b', task, storage).read()).toBeNull()
  expect(draftStore('usr_a', { ...task, revision: 2 }, storage).read()).toBeNull()
  storage.setItem('other', 'stays')
  dropDrafts(storage)
  expect(mine.read()).toBeNull()
  expect(storage.getItem('other')).toBe('stays')
})
