import { expect, onTestFinished, test } from 'vitest'
import { createQueue, defineKind, migrate } from './index.ts'
import { emptyDatabase } from './testing/empty-database.ts'
import { drain } from './testing.ts'

test('Q42 Q139 the ring anchored anew by hand keeps what waits, in its order, and runs nothing again', async () => {
  const url = await emptyDatabase()
  await migrate(url)
  const ran: unknown[] = []
  const note = defineKind('note', { run: ({ payload }) => void ran.push(payload) })
  const queue = createQueue({ database: { url }, kinds: [note], listen: false })
  onTestFinished(() => queue.close())
  await queue.enqueueMany([1, 2].map((payload) => ({ kind: 'note', payload })))
  await drain(queue)
  await queue.enqueueMany([3, 4, 5].map((payload) => ({ kind: 'note', payload })))
  expect(await queue.reanchor()).toBe(3)
  expect(await queue.reanchor()).toBe(0)
  await queue.enqueue(note, 6)
  await drain(queue)
  expect(ran).toEqual([1, 2, 3, 4, 5, 6])
})
