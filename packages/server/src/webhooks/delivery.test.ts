// The walking path: an event, its deliveries in the same transaction, what is sent, and what becomes of it.
import { expect, test } from 'vitest'
import { systemScope } from '../db/scope.ts'
import { tx } from '../db/tx.ts'
import { record } from '../events/event.ts'
import { deliveriesOf, endpoint, houseFor, openReceiver } from './testing/receiver.ts'

test('P85 deliveries and their jobs are of the transaction of the event: committed they are sent, rolled back there is nothing', async () => {
  const there = await openReceiver()
  const house = await houseFor([there])
  const [one, two] = [
    await endpoint(house, `${there.origin}/a`),
    await endpoint(house, `${there.origin}/b`, { events: ['task.*'] }),
  ]
  await endpoint(house, `${there.origin}/c`, { events: ['task.completed', 'agent.*'] })
  there.got.length = 0
  await house.runJobs()
  there.got.length = 0

  const { id } = await house.given.task()
  await expect(
    tx(house.db, systemScope('test', house.tenantId), async (t) => {
      await record(t, systemScope('test', house.tenantId), 'task.created', { lost: true }, { resource: { type: 'task', id } })
      throw new Error('changed my mind')
    }),
  ).rejects.toThrow('changed my mind')
  const waiting = await deliveriesOf(house, 'type=task.created')
  expect(waiting.map((row) => [row.endpoint_id, row.state]).sort()).toEqual(
    [
      [one.id, 'pending'],
      [two.id, 'pending'],
    ].sort(),
  )
  await house.runJobs()
  expect(there.got.map((got) => got.path).sort()).toEqual(['/a', '/b'])
  expect(await deliveriesOf(house, 'type=task.created')).toMatchObject([{ state: 'succeeded' }, { state: 'succeeded' }])
  expect(await house.runJobs()).toEqual([])
})

test('P83 P84 the body has its five members in order, the same bytes for all; headers name event, attempt and sender', async () => {
  const there = await openReceiver()
  const house = await houseFor([there])
  await endpoint(house, `${there.origin}/a`, { headers: { 'X-Team': 'blue' } })
  await endpoint(house, `${there.origin}/b`)
  const { id } = await house.given.task()
  await house.runJobs()
  const all = there.got.filter((got) => JSON.parse(got.body).type === 'task.created')
  expect(all).toHaveLength(2)
  expect(new Set(all.map((got) => got.body)).size).toBe(1)
  const [got] = all as [(typeof all)[0]]
  const body = JSON.parse(got.body)
  expect(Object.keys(body)).toEqual(['id', 'type', 'occurred_at', 'tenant_id', 'data'])
  expect(body).toMatchObject({ type: 'task.created', data: { resource: { type: 'task', id }, actor: { type: 'agent' } } })
  expect(got.headers).toMatchObject({
    'content-type': 'application/json',
    'user-agent': 'Countersign/0.0.0-test',
    'webhook-id': body.id,
    'webhook-attempt': '1',
  })
  expect(got.headers.cookie).toBeUndefined()
  expect(all.find((one) => one.path === '/a')?.headers['x-team']).toBe('blue')
  expect(body.id).not.toContain('.')
  const stored = await house.admin.rows`select form from countersign.event_bodies where event_id = ${body.id}`
  expect(stored).toEqual([{ form: 'full' }])
})
