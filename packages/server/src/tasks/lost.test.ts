// A server that is lost around the commit of a decision (A18): what was committed is told, once, by whoever runs next; what was not is told to nobody.
import { expect, test, vi } from 'vitest'
import { type Client, clientOf } from '#harness'
import { endpoint, houseFor, openReceiver } from '../webhooks/testing/receiver.ts'
import { answer, REFUND } from './tasks.fixture.ts'

const decide = (by: Client, id: string) => by.post(`/api/v1/tasks/${id}/decide`, answer({ approved: true }, { reason: 'seen' }))

test('T11 T167 A18 a server lost between the deciding commit and the first delivery: every delivery arrives once, and none of a decision that was rolled back', {
  timeout: 60_000,
}, async () => {
  const receiver = await openReceiver()
  const house = await houseFor([receiver])
  await endpoint(house, `${receiver.origin}/ends`, { events: ['task.completed'] })
  const lost = await house.second()
  const key = await house.given.key({ kind: 'usr', scopes: ['tasks:*'] }, house.bob)
  const committed: string[] = []
  for (let i = 0; i < 5; i++) {
    const { id } = await house.given.task(REFUND)
    expect((await decide(clientOf(lost.url, { bearer: key.secret }), id)).status).toBe(200)
    committed.push(id)
  }
  // Its deliveries are not begun when it goes.
  expect(receiver.got).toEqual([])
  await lost.close()

  // Another is lost before it commits: the connection of its transaction breaks while it waits for the row.
  const { id: cut } = await house.given.task(REFUND)
  await house.admin.query('begin')
  await house.admin.query('select from countersign.tasks where id = $1 for update', [cut])
  const refused = decide(house.bob, cut)
  await vi.waitFor(
    async () => {
      const { rows } = await house.admin.query(
        'select pg_terminate_backend(pid) as lost from pg_stat_activity where pg_backend_pid() = any(pg_blocking_pids(pid))',
      )
      expect(rows).toEqual([{ lost: true }])
    },
    { timeout: 30_000, interval: 50 },
  )
  await house.admin.query('rollback')
  expect((await refused).status).toBe(503)

  await house.runJobs()

  const told = receiver.got.map(({ body }) => JSON.parse(body).data.resource.id)
  expect(told.sort()).toEqual([...committed].sort())
  expect((await house.bob.get(`/api/v1/tasks/${cut}`)).body).toMatchObject({ status: 'open', version: 1, decisions: [] })
  // Sent again it counts, and is told.
  expect((await decide(house.bob, cut)).status).toBe(200)
  await house.runJobs()
  expect(receiver.got.map(({ body }) => JSON.parse(body).data.resource.id).filter((id) => id === cut)).toHaveLength(1)
})
