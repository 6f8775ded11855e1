import { expect, test } from 'vitest'
import { database } from '#harness'
import { createQueue, defineKind, discard, type Kind, type QueueOptions, retry, snooze } from './index.ts'

/** A queue over a fresh database, as the runtime login. */
async function open(kinds: readonly Kind[], options: Partial<QueueOptions> = {}) {
  const house = await database()
  const queue = createQueue({ database: { url: house.runtimeUrl }, kinds, clock: house.clock, ...options })
  return { ...house, queue, close: () => queue.close({ grace: '2s' }) }
}

test('Q1 Q68 an enqueued job wakes a sleeping worker and is completed with its output', async () => {
  const hello = defineKind<{ name: string }>('hello', { run: (job) => ({ said: `hello ${job.payload.name}` }) })
  const { queue, close } = await open([hello])
  queue.work()
  const id = await queue.enqueue(hello, { name: 'Ada' })
  expect(await queue.result(id)).toEqual({ said: 'hello Ada' })
  expect(await queue.job(id)).toMatchObject({ state: 'completed', attempt: 1, lease: 1 })
  await close()
})
