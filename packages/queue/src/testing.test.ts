import { expect, onTestFinished, test } from 'vitest'
import { createQueue, defineKind, defineSchedule, enqueue, migrate } from './index.ts'
import { emptyDatabase } from './testing/empty-database.ts'
import { advance, drain, expectEnqueued } from './testing.ts'

test('Q127 drain runs all that is due here and now, advance moves the clock, expectEnqueued finds jobs by kind and payload', async () => {
  const url = await emptyDatabase()
  await migrate(url, { testClock: true })
  const told = defineKind<{ to: string }>('told', { run: (job) => job.payload.to })
  const order = defineKind<{ id: number; lines: string[] }>('order', {
    run: (job, ctx) => {
      if (job.attempt === 1) throw new Error('the printer is out of paper')
      ctx.enqueue({ kind: 'told', payload: { to: 'Ada', order: job.payload.id } })
    },
  })
  const schedules = [defineSchedule('nightly', { cron: '0 3 * * *', kind: told, payload: { to: 'everybody' } })]
  const queue = createQueue({ database: { url }, kinds: [order, told], schedules, listen: false })
  onTestFinished(() => queue.close())

  expect(await drain(queue)).toEqual([])
  const first = await queue.enqueue(order, { id: 1, lines: ['a', 'b'] })
  const later = await queue.enqueue(told, { to: 'Bo' }, { runAt: '1m' })
  await queue.enqueue(told, { to: 'Cy' }, { hold: 'not yet' })
  expect((await expectEnqueued(queue, 'order', { id: 1, lines: ['a', 'b'] })).map((job) => job.id)).toEqual([first])
  expect(await expectEnqueued(queue, 'told')).toHaveLength(2)
  await expect(expectEnqueued(queue, 'order', { lines: ['b', 'a'] })).rejects.toThrow(
    /No order with .* was enqueued; there are .*"a","b"/,
  )
  await expect(expectEnqueued(queue, 'nobody')).rejects.toThrow('No nobody')

  expect(await drain(queue)).toEqual([
    { id: first, kind: 'order', outcome: 'failed', error: 'Error: the printer is out of paper' },
  ])
  await advance(queue, '5s') // the backoff is over, the minute is not
  const [again, follow, ...rest] = await drain(queue)
  expect([again, follow?.kind, rest]).toEqual([{ id: first, kind: 'order', outcome: 'completed' }, 'told', []])
  await expectEnqueued(queue, 'told', { to: 'Ada', order: 1 })
  await advance(queue, '1m')
  expect(await drain(queue)).toEqual([{ id: later, kind: 'told', outcome: 'completed' }])
  await advance(queue, '1d')
  expect((await drain(queue)).map((one) => one.kind)).toEqual(['told']) // the schedule's, once
  await expectEnqueued(queue, 'told', { to: 'everybody' })
  expect((await queue.jobs({ state: 'blocked' })).data).toHaveLength(1)

  for (let n = 0; n < 3; n++) await enqueue(queue.house.store, { kind: 'told', payload: { to: `${n}` } })
  expect(await drain(queue, { max: 2 })).toHaveLength(2)
})
