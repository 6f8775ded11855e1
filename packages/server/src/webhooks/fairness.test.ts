// Whose turn it is (P93), how many at once (P79), and what time takes away (P89).
import { createQueue } from '@countersign/queue'
import { expect, onTestFinished, test } from 'vitest'
import { systemScope } from '../db/scope.ts'
import { tx } from '../db/tx.ts'
import { recordMany } from '../events/event.ts'
import { tenantUuid } from '../std/id.ts'
import { deliveriesOf, endpoint, houseFor, keyHolder, openReceiver } from './testing/receiver.ts'

test('P93 tenants take turns: one delivery of a small tenant does not wait behind the backlog of a large one', async () => {
  const there = await openReceiver()
  const house = await houseFor([there])
  await endpoint(house, `${there.origin}/large`, { events: ['job.enqueued'] })
  const stranger = await house.stranger.person()
  const other = await stranger.post('/api/v1/endpoints', { url: `${there.origin}/small`, events: 'job.enqueued', verify: false })
  expect(other.status).toBe(201)
  const large = systemScope('test', house.tenantId)
  const small = systemScope('test', tenantUuid((await stranger.get('/api/v1/me')).body.tenant_id) as string)
  const told = (scope: typeof large) => ({ scope, type: 'job.enqueued' as const, data: {} })
  await tx(house.db, large, (t) => recordMany(t, Array(30).fill(told(large))))
  await tx(house.db, small, (t) => recordMany(t, [told(small)]))
  await house.runJobs()
  expect(there.got).toHaveLength(31)
  // By when they were given away: what is under way together arrives in any order.
  const before = await house.admin.one<{ n: number }>`
    select count(*)::integer as n from countersign_queue.jobs j where j.kind = 'webhook.deliver' and j.tenant_id = ${large.tenantId}::uuid
      and j.claimed_at < (select s.claimed_at from countersign_queue.jobs s where s.kind = 'webhook.deliver' and s.tenant_id = ${small.tenantId}::uuid)`
  expect(before.n).toBeLessThan(3)
})

test('P79 P93 no more of an endpoint are given away at once than it allows, over all processes; a hanging one gets one', async () => {
  const there = await openReceiver()
  const house = await houseFor([there])
  const own = await endpoint(house, `${there.origin}/hook`, { events: ['job.enqueued'], max_in_flight: 3 })
  const scope = systemScope('test', house.tenantId)
  const fire = (n: number) =>
    tx(house.db, scope, (t) => recordMany(t, Array(n).fill({ scope, type: 'job.enqueued' as const, data: {} })))
  const keys = () => house.admin.rows<{ key: string; n: number }>`
    select concurrency_key as key, count(*)::integer as n from countersign_queue.jobs where kind = 'webhook.deliver' group by 1 order by 1`
  await fire(2)
  expect(await keys()).toEqual([{ key: `3:${own.id}`, n: 2 }])
  await house.admin.query('update countersign.endpoint_health set timeouts = 3')
  await fire(1)
  expect(await keys()).toEqual([
    { key: `1:${own.id}`, n: 1 },
    { key: `3:${own.id}`, n: 2 },
  ])
  const queue = createQueue({ database: house.db.pool, listen: false })
  onTestFinished(() => queue.close())
  expect(await queue.settings('webhooks')).toMatchObject({ fair_by: 'tenant' })
})

test('P79 a rate paces the starts of an endpoint, whoever sends', async () => {
  const there = await openReceiver()
  const house = await houseFor([there])
  await endpoint(house, `${there.origin}/hook`, { events: ['job.enqueued'], rate_per_second: 0.1 })
  const scope = systemScope('test', house.tenantId)
  await tx(house.db, scope, (t) => recordMany(t, Array(3).fill({ scope, type: 'job.enqueued' as const, data: {} })))
  await house.runJobs()
  expect(there.got).toHaveLength(1)
  await house.clock.advance('11s')
  await house.runJobs()
  expect(there.got).toHaveLength(2)
  await house.clock.advance('11s')
  await house.runJobs()
  expect(there.got).toHaveLength(3)
  expect((await deliveriesOf(house)).map((row) => [row.state, row.attempts])).toEqual(Array(3).fill(['succeeded', 1]))
})

test('P89 rows and bodies are kept for 90 days, and what is still on its way longer; filters and pages of the list', async () => {
  const there = await openReceiver()
  const house = await houseFor([there])
  const holder = await keyHolder(house)
  const own = await endpoint(house, `${there.origin}/hook`, { events: ['task.*'] })
  const first = await house.given.task()
  await house.given.task()
  await house.runJobs()
  there.otherwise = 503
  await house.alice.patch(`/api/v1/tasks/${first.id}`, { priority: 'high' })
  await house.runJobs()
  const list = async (query: string) => (await holder.get(`/api/v1/deliveries?${query}`)).body
  expect((await list(`resource=${first.id}`)).data).toHaveLength(2)
  expect((await list('state=pending')).data).toMatchObject([
    { event_type: 'task.updated', last_class: 'status', last_status: 503 },
  ])
  expect((await list('class=status&type=task.*')).data).toHaveLength(1)
  const page = await list(`limit=2&endpoint=${own.id}`)
  expect((await list(`limit=2&endpoint=${own.id}&cursor=${page.next_cursor}`)).data).toHaveLength(1)
  expect((await holder.get('/api/v1/deliveries?since=2026-02-01T00:00:00Z&until=2026-01-01T00:00:00Z')).status).toBe(422)
  expect((await house.alice.get(`/api/v1/endpoints/${own.id}/stats`)).body).toMatchObject({
    attempts: 3,
    succeeded: 2,
    failed: 1,
    waiting: 1,
    success_share: 2 / 3,
    hours: expect.arrayContaining([expect.objectContaining({ attempts: 3 })]),
  })
  const rows = async () =>
    (
      await house.admin.query(
        `select (select count(*)::int from countersign.deliveries) as deliveries, (select count(*)::int from countersign.delivery_attempts) as attempts,
           (select count(*)::int from countersign.event_bodies) as bodies`,
      )
    ).rows[0]
  expect(await rows()).toEqual({ deliveries: 3, attempts: 3, bodies: 3 })
  await house.admin.query(`update countersign.deliveries set created_at = created_at - interval '91 days'`)
  await house.admin.query(`update countersign.event_bodies set created_at = created_at - interval '91 days'`)
  await house.server.queue.enqueueMany([{ kind: 'webhook.prune' }])
  await house.runJobs()
  const { deliveries } = await rows()
  expect(deliveries).toBe(1)
  expect((await list('')).data).toMatchObject([{ state: 'pending' }])
})
