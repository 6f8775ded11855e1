import { expect, test } from 'vitest'
import { type Client, setup } from '#harness'
import { answer, REFUND } from './tasks.fixture.ts'

type Told = { id: string; event: string; data: { task_id: string; data: Record<string, unknown> } }

/** Reads server-sent events until told to stop. */
async function open(caller: Pick<Client, 'raw'>, path: string, lastEventId?: string) {
  const stop = new AbortController()
  const response = await caller.raw(path, { headers: lastEventId ? { 'Last-Event-ID': lastEventId } : {}, signal: stop.signal })
  const reader = (response.body as ReadableStream<Uint8Array>)
    .pipeThrough(new TextDecoderStream() as never)
    .getReader() as ReadableStreamDefaultReader<string>
  let text = ''
  const next = async (): Promise<Told | null> => {
    for (;;) {
      const end = text.indexOf('\n\n')
      if (end >= 0) {
        const block = text.slice(0, end)
        text = text.slice(end + 2)
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1]
        if (field('id'))
          return { id: field('id') as string, event: field('event') as string, data: JSON.parse(field('data') as string) }
        continue
      }
      const { value, done } = await reader.read()
      if (done) return null
      text += value
    }
  }
  return { status: response.status, next, close: () => stop.abort() }
}

test('T30 the stream of a task tells each of its events once, and goes on after Last-Event-ID', async () => {
  const house = await setup()
  const { id } = await house.given.task(REFUND)
  const stream = await open(house.agent, `/api/v1/tasks/${id}/stream`)
  await house.given.task(REFUND)
  await house.alice.post(`/api/v1/tasks/${id}/claim`)
  const claimed = await stream.next()
  expect(claimed).toMatchObject({ event: 'task.claimed', data: { task_id: id } })
  stream.close()
  await house.alice.post(`/api/v1/tasks/${id}/decide`, answer({ approved: true, note: 'canary-note' }))
  const resumed = await open(house.agent, `/api/v1/tasks/${id}/stream`, claimed?.id)
  const completed = await resumed.next()
  expect(completed).toMatchObject({ event: 'task.completed', data: { task_id: id, data: { from: 'open', to: 'completed' } } })
  expect(JSON.stringify(completed)).not.toContain('canary')
  resumed.close()
})

// The bound is of wall-clock time: a run that the machine held up is tried again.
test('T30 T18 the stream of all tasks tells a caller only of those they reach, and ends within 2 s of its key being revoked', {
  retry: 2,
}, async () => {
  const house = await setup()
  const other = await house.given.agent()
  const [mine, theirs, people] = await Promise.all([
    open(house.agent, '/api/v1/tasks/stream'),
    open(other, '/api/v1/tasks/stream'),
    open(house.alice, '/api/v1/tasks/stream?type=task.created'),
  ])
  const one = await house.given.task(REFUND)
  const two = await house.given.task(REFUND, other)
  expect((await mine.next())?.data.task_id).toBe(one.id)
  expect((await theirs.next())?.data.task_id).toBe(two.id)
  expect([(await people.next())?.data.task_id, (await people.next())?.data.task_id]).toEqual([one.id, two.id])
  people.close()
  mine.close()
  const started = performance.now()
  const ended = theirs.next()
  await house.alice.post(`/api/v1/keys/${other.keyId}/revoke`, {})
  expect(await ended).toBeNull()
  expect(performance.now() - started).toBeLessThan(2_000)
})

test('T30 a stream refuses a type that is no task’s and a Last-Event-ID that is not known', async () => {
  const house = await setup()
  expect((await house.alice.raw('/api/v1/tasks/stream?type=key.created')).status).toBe(422)
  expect(
    (await house.alice.raw('/api/v1/tasks/stream', { headers: { 'Last-Event-ID': 'evt_00000000000000000000000000' } })).status,
  ).toBe(400)
})
