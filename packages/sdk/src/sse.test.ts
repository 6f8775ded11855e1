import { expect, test } from 'vitest'
import { readEvents, type StreamEvent } from './sse.ts'

const streamOf = (chunks: string[]) =>
  new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk))
      controller.close()
    },
  })

async function read(chunks: string[], lastEventId = ''): Promise<StreamEvent[]> {
  const events: StreamEvent[] = []
  for await (const event of readEvents(streamOf(chunks), lastEventId)) events.push(event)
  return events
}

test('T30 events are read as the standard says, however the bytes are cut', async () => {
  const text =
    ': hello\nretry: 1000\n\nid: evt_1\nevent: task.created\ndata: {"a":\ndata: 1}\n\r\ndata:ü\r\rid: evt_2\r\ndata: x\r\n\r\n'
  const expected = [
    { id: 'evt_1', event: 'task.created', data: '{"a":\n1}' },
    { id: 'evt_1', event: 'message', data: 'ü' },
    { id: 'evt_2', event: 'message', data: 'x' },
  ]
  expect(await read([text])).toEqual(expected)
  for (let size = 1; size < 8; size++) {
    const chunks = Array.from({ length: Math.ceil(text.length / size) }, (_, i) => text.slice(i * size, (i + 1) * size))
    expect(await read(chunks), `in pieces of ${size}`).toEqual(expected)
  }
})

test('T30 an event that was cut does not count, and an id holds until the next one', async () => {
  expect(await read(['data: a\n\nid: b\ndata: c'], 'evt_0')).toEqual([{ id: 'evt_0', event: 'message', data: 'a' }])
})

test('T30 life and the wish of the server are told', async () => {
  const notes: unknown[] = []
  const events = readEvents(streamOf([':\n', 'retry: 250\n', 'retry: soon\n', '\n']), '', {
    alive: () => notes.push('alive'),
    retry: (ms) => notes.push(ms),
  })
  expect((await events.next()).done).toBe(true)
  expect(notes).toEqual(['alive', 'alive', 250, 'alive', 'alive'])
})
