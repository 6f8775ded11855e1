import { expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'
import { createQueue, defineKind, discard, type Followed, type Kind } from './index.ts'
import { drain } from './testing.ts'

async function open(kinds: readonly Kind[]) {
  const house = await database()
  const another = (own = kinds) => {
    const queue = createQueue({ database: { url: house.runtimeUrl }, kinds: own, clock: house.clock, listen: false })
    onTestFinished(() => queue.close({ grace: '1s' }))
    return queue
  }
  return { ...house, another, queue: another() }
}

test('Q112 a function among the follow-ups becomes a job of a kind of its own, which any worker runs with the job and its outcome', async () => {
  const seen: Followed<{ order: number }>[] = []
  let tries = 0
  async function tellOwner(followed: Followed<{ order: number }>) {
    if (++tries === 1) throw new Error('the owner does not answer')
    seen.push(followed)
  }
  const ship = defineKind<{ order: number }>('ship', {
    queue: 'parcels',
    onCompleted: [tellOwner],
    onFailed: [(followed) => void seen.push(followed), { kind: 'audit', select: '$.outcome.reason' }],
    run: (job) => (job.payload.order === 1 ? { tracking: 'T1' } : discard('no such address')),
  })
  const audit = defineKind('audit', { run: () => undefined })
  const { queue, clock } = await open([ship as Kind, audit])
  const [good, bad] = [await queue.enqueue(ship, { order: 1 }), await queue.enqueue(ship, { order: 2 })]
  const ran = await drain(queue)
  expect(ran.map((one) => one.kind).sort()).toEqual(['audit', 'ship', 'ship', 'ship:on_completed:tell_owner', 'ship:on_failed:0'])
  await clock.advance('5s')
  expect((await drain(queue)).map(({ kind, outcome }) => [kind, outcome])).toEqual([
    ['ship:on_completed:tell_owner', 'completed'],
  ])
  expect(seen.find((one) => one.job.id === good)).toMatchObject({
    job: { kind: 'ship', queue: 'parcels', payload: { order: 1 }, attempt: 1 },
    outcome: { state: 'completed', output: { tracking: 'T1' } },
  })
  expect(seen.find((one) => one.job.id === bad)).toMatchObject({
    outcome: { state: 'failed', reason: 'terminal_error', error: 'no such address' },
  })
  const [follow] = (await queue.jobs({ kind: 'ship:on_completed:tell_owner' })).data
  expect(follow).toMatchObject({ queue: 'parcels', metadata: { 'countersign:follows': good } })
})

test('Q112 whoever causes the transition inserts the follow-up, also a process that has no code of the kind', async () => {
  const seen: string[] = []
  const kind = defineKind('wish', { onCancelled: [function told({ job }) { seen.push(job.id) }], run: () => undefined }) // biome-ignore format: one line
  const { queue, another } = await open([kind as Kind])
  await queue.register()
  const id = await queue.enqueue(kind, null, { runAt: '1h' })
  await another([]).cancel(id)
  await drain(queue)
  expect(seen).toEqual([id])
})

test('Q112 functions of one event have names of their own, and a name that is too long is an error where the kind is declared', () => {
  const twice = () => undefined
  expect(() => defineKind('a', { onFailed: [twice, twice], run: twice })).toThrow(
    expect.objectContaining({
      code: 'validation_failed',
      members: { errors: [expect.objectContaining({ path: '/onFailed/1' })] },
    }),
  )
  expect(() => defineKind(`a${'b'.repeat(195)}`, { onFailed: [twice], run: twice })).toThrow('too long')
  expect(defineKind('a', { onFailed: [twice], onCompleted: [twice], run: twice }).name).toBe('a')
})
