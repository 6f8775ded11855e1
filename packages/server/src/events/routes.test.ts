import { expect, test } from 'vitest'
import { type House, setup } from '#harness'
import { systemScope } from '../db/scope.ts'
import { tx } from '../db/tx.ts'
import { newId } from '../std/id.ts'
import { record } from './event.ts'
import type { EventType } from './types.ts'

const say = (house: House, n: number, type: EventType = 'task.updated') => {
  const scope = systemScope('test', house.tenantId)
  return tx(house.db, scope, (t) => record(t, scope, type, { n }))
}

type Message = { id?: string; event?: string; data?: string }

/** The first `count` events of a stream. */
async function readStream(response: Response, count: number): Promise<Message[]> {
  const got: Message[] = []
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true })
    const blocks = text.split('\n\n')
    text = blocks.pop() ?? ''
    for (const block of blocks) {
      const message = Object.fromEntries(block.split('\n').map((line) => line.split(/: ?(.*)/s).slice(0, 2))) as Message
      if (message.data !== undefined) got.push(message)
    }
    if (got.length >= count) return got
  }
  return got
}

test('P118 the list, one event and the types answer to those who may read the record, in the shape of the contract', async () => {
  const house = await setup()
  const id = await say(house, 1)
  const list = await house.alice.get('/api/v1/events?type=task.updated&limit=1')
  expect(list).toMatchObject({ status: 200, body: { data: [{ id, type: 'task.updated', data: { n: 1 } }], next_cursor: null } })
  expect((await house.alice.get(`/api/v1/events/${id}`)).body).toMatchObject(list.body.data[0])
  const types = await house.auditor.get('/api/v1/events/types')
  expect(types.body.data).toContainEqual(
    expect.objectContaining({ name: 'task.created', class: 'activity', says: 'An agent asked a question.' }),
  )

  for (const caller of [house.member, house.reviewer, house.viewer, house.agent])
    expect((await caller.get('/api/v1/events')).status).toBe(403)
  expect((await house.nobody.get('/api/v1/events')).status).toBe(401)
  expect((await house.stranger.get(`/api/v1/events/${id}`)).status).toBe(404)
})

test('P118 bad filters, ids and cursors are refused with their field', async () => {
  const house = await setup()
  const ask = (query: string) => house.alice.get(`/api/v1/events?${query}`)
  expect(await ask('type=task.craeted')).toMatchObject({
    status: 422,
    body: { code: 'validation_failed', did_you_mean: 'task.created' },
  })
  for (const bad of [
    'type=',
    'type=a*b',
    'type=**',
    'type=*.x',
    'type=a..b',
    'type=A',
    'class=x',
    'since=23:59:60',
    'limit=0',
    'nosuch=1',
    'since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z',
  ])
    expect(await ask(bad), bad).toMatchObject({ status: 422 })
  expect(await ask('cursor=forged')).toMatchObject({ status: 400, body: { code: 'cursor_invalid' } })
  expect((await house.alice.get(`/api/v1/events/${newId('evt')}`)).status).toBe(404)
  expect((await house.alice.get('/api/v1/events/evt_x')).status).toBe(404)
})

test('T30 the stream gives events as they are committed, and after a break what follows Last-Event-ID, over two processes', async () => {
  const house = await setup()
  const first = await say(house, 0)
  const stop = new AbortController()
  const open = await house.alice.raw('/api/v1/events/stream?type=task.*', {
    headers: { 'last-event-id': first },
    signal: stop.signal,
  })
  expect(open.headers.get('content-type')).toContain('text/event-stream')
  const coming = readStream(open, 2)
  const [one, two] = [await say(house, 1), await say(house, 2)]
  await say(house, 3, 'settings.changed') // filtered
  const got = await coming
  expect(got.map((message) => message.id)).toEqual([one, two])
  expect(JSON.parse(got[0]?.data ?? '')).toMatchObject({ id: one, data: { n: 1 } })
  expect(got[0]?.event).toBe('task.updated')
  stop.abort()

  const four = await say(house, 4)
  const other = house.alice.at((await house.second()).url)
  const again = new AbortController()
  const resumed = await other.raw('/api/v1/events/stream?type=task.*', {
    headers: { 'last-event-id': two },
    signal: again.signal,
  })
  const rest = readStream(resumed, 2)
  const five = await say(house, 5)
  expect((await rest).map((message) => message.id)).toEqual([four, five])
  again.abort()
})

test('T30 a Last-Event-ID that this record does not have is refused before the stream begins', async () => {
  const house = await setup()
  const id = await say(house, 1)
  for (const [caller, last] of [
    [house.alice, newId('evt')],
    [house.alice, 'rubbish'],
    [house.stranger, id],
  ] as const) {
    const response = await caller.raw('/api/v1/events/stream', { headers: { 'last-event-id': last } })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ code: 'cursor_invalid' })
  }
})
