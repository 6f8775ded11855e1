// Asking again, one by one and in bulk (P90, A28), and the order of FIFO endpoints (P92, A26).
import { expect, test } from 'vitest'
import type { House } from '#harness'
import { deliveriesOf, endpoint, houseFor, openReceiver } from './testing/receiver.ts'

const seconds = async (house: House, n: number) => {
  for (let i = 0; i < n; i++) {
    await house.clock.advance('1s')
    await house.runJobs()
  }
}

test('P90 one delivery again: one attempt with the same bytes and id, never swallowed, whatever came of it before', async () => {
  const there = await openReceiver()
  const house = await houseFor([there])
  const own = await endpoint(house, `${there.origin}/hook`, { events: ['task.created'] })
  await house.given.task()
  await house.runJobs()
  const [row] = await deliveriesOf(house, `endpoint=${own.id}`)
  const replay = () => house.alice.post(`/api/v1/deliveries/${row?.id}/replay`, {})
  expect((await replay()).body).toMatchObject({ state: 'pending', trigger: 'manual' })
  // Asked twice before it left: one attempt answers both.
  await replay()
  await house.runJobs()
  await replay()
  await house.runJobs()
  expect(there.got).toHaveLength(3)
  expect(new Set(there.got.map((got) => got.body)).size).toBe(1)
  expect(new Set(there.got.map((got) => got.headers['webhook-id'])).size).toBe(1)
  expect(there.got.map((got) => got.headers['webhook-attempt'])).toEqual(['1', '2', '3'])
  const { log } = (await house.alice.get(`/api/v1/deliveries/${row?.id}`)).body
  expect(log.map((one: { trigger: string }) => one.trigger)).toEqual(['auto', 'manual', 'manual'])
  expect((await house.stranger.post(`/api/v1/deliveries/${row?.id}/replay`, {})).status).toBe(404)
  expect((await house.auditor.post(`/api/v1/deliveries/${row?.id}/replay`, {})).status).toBe(403)
})

test('P90 a replay while an attempt is under way is another attempt after it', async () => {
  const there = await openReceiver()
  const house = await houseFor([there])
  const own = await endpoint(house, `${there.origin}/hook`, { events: ['task.created'] })
  await house.given.task()
  const [row] = await deliveriesOf(house, `endpoint=${own.id}`)
  there.answers = ['hang']
  const running = house.runJobs()
  await expect.poll(() => there.got.length, { interval: 5, timeout: 10_000 }).toBe(1)
  expect((await house.alice.post(`/api/v1/deliveries/${row?.id}/replay`, {})).body.state).toBe('sending')
  there.release()
  await running
  await seconds(house, 3)
  expect(there.got.length).toBe(2)
  expect(await deliveriesOf(house, `endpoint=${own.id}`)).toMatchObject([{ state: 'succeeded', attempts: 2 }])
})

test('P90 an event goes once more to every endpoint that it went to', async () => {
  const there = await openReceiver()
  const house = await houseFor([there])
  for (const path of ['/a', '/b']) await endpoint(house, there.origin + path, { events: ['task.created'] })
  await house.given.task()
  await house.runJobs()
  const [row] = await deliveriesOf(house, 'type=task.created')
  expect((await house.alice.post(`/api/v1/events/${row?.event_id}/replay`, {})).body.deliveries).toHaveLength(2)
  await house.runJobs()
  expect(there.got.map((got) => got.path).sort()).toEqual(['/a', '/a', '/b', '/b'])
  expect((await house.alice.post('/api/v1/events/evt_00000000000000000000000000/replay', {})).status).toBe(404)
})

test('A28 P90 a bulk replay of 1,000 exhausted deliveries, cancelled half way: each was tried at most once more, the bytes are identical, progress adds up', async () => {
  const there = await openReceiver()
  const house = await houseFor([there])
  const own = await endpoint(house, `${there.origin}/hook`, { events: ['task.created'] })
  await house.given.task()
  // A thousand that have used up their schedule, written as the engine leaves them: the way there is tested elsewhere.
  await house.admin.query(
    `with body as (
       insert into countersign.event_bodies (event_id, tenant_id, form, bytes, created_at)
       select 'evt_' || lpad(n::text, 26, '0'), $1::uuid, 'full', convert_to('{"id":"evt_' || lpad(n::text, 26, '0') || '","type":"task.created","n":' || n || '}', 'UTF8'), countersign.now()
       from generate_series(1, 1000) n)
     insert into countersign.deliveries (id, tenant_id, endpoint_id, event_id, event_type, form, state, tries, attempts, next_at, created_at, ended_at)
     select 'dlv_' || lpad(n::text, 26, '0'), $1::uuid, $2, 'evt_' || lpad(n::text, 26, '0'), 'task.created', 'full', 'exhausted', 10, 10,
       countersign.now(), countersign.now(), countersign.now() from generate_series(1, 1000) n`,
    [house.tenantId, own.id],
  )
  there.otherwise = 500
  const ask = {
    endpoint_id: own.id,
    what: 'exhausted',
    since: new Date(house.clock.now().getTime() - 60_000).toISOString(),
    per_second: 100,
  }
  const begun = await house.alice.post('/api/v1/replays', ask)
  expect([begun.status, begun.body]).toMatchObject([202, { state: 'running', total: 1_000, started: 0 }])
  expect((await house.alice.post('/api/v1/replays', ask)).body).toMatchObject({ code: 'replay_running' })
  const progress = async () => (await house.alice.get(`/api/v1/replays/${begun.body.id}`)).body
  // Half way is when the receiver has seen half: how many seconds' worth that is depends on the machine.
  const tried = () => there.got.filter((got) => got.body.includes('"n":'))
  const cancelled = expect
    .poll(() => tried().length, { interval: 5, timeout: 100_000 })
    .toBeGreaterThan(450)
    .then(() => house.alice.delete(`/api/v1/replays/${begun.body.id}`))
  let isOver = false
  void cancelled.finally(() => {
    isOver = true
  })
  while (!isOver) await seconds(house, 1)
  expect((await cancelled).status).toBe(204)
  expect((await house.alice.delete(`/api/v1/replays/${begun.body.id}`)).status).toBe(409)
  await seconds(house, 2)
  const { state, total, started, succeeded, failed, waiting } = await progress()
  expect({ state, total, succeeded, waiting }).toEqual({ state: 'cancelled', total: 1_000, succeeded: 0, waiting: 0 })
  expect(failed).toBe(started)
  expect(started).toBeGreaterThan(450)
  expect(started).toBeLessThan(1_000)
  const ours = tried()
  expect(ours).toHaveLength(started)
  expect(new Set(ours.map((got) => got.headers['webhook-id'])).size).toBe(started)
  for (const got of ours)
    expect(got.body).toBe(
      `{"id":"${got.headers['webhook-id']}","type":"task.created","n":${Number(got.headers['webhook-id']?.slice(4))}}`,
    )
  expect(new Set(ours.map((got) => got.headers['webhook-attempt']))).toEqual(new Set(['11']))
}, 120_000)

test('P90 a range of time skips what succeeded, unless told; 20 a second; nothing named is refused', async () => {
  const there = await openReceiver()
  const house = await houseFor([there])
  const own = await endpoint(house, `${there.origin}/hook`, { events: ['task.created'], schedule: [1] })
  there.otherwise = 500
  await house.given.task()
  await house.runJobs()
  await seconds(house, 2)
  there.otherwise = 200
  for (let n = 0; n < 2; n++) await house.given.task()
  await house.runJobs()
  expect(there.got).toHaveLength(4)
  expect((await deliveriesOf(house, `endpoint=${own.id}&state=exhausted`)).length).toBe(1)
  const since = new Date(house.clock.now().getTime() - 3_600_000).toISOString()
  const start = async (more: object) => (await house.alice.post('/api/v1/replays', more)).body
  expect(await start({ since })).toMatchObject({ total: 1, per_second: 20 })
  await house.runJobs()
  expect(await start({ since, include_succeeded: true, endpoint_id: own.id })).toMatchObject({ total: 3 })
  await house.runJobs()
  await seconds(house, 1)
  expect(there.got).toHaveLength(4 + 1 + 3)
  expect((await house.alice.get('/api/v1/replays')).body.data).toMatchObject([
    { state: 'done', started: 3, succeeded: 3 },
    { state: 'done', started: 1 },
  ])
  for (const bad of [{}, { what: 'exhausted' }, { since, until: '2020-01-01T00:00:00.000Z' }])
    expect((await house.alice.post('/api/v1/replays', bad)).status).toBe(422)
})

test('A26 P92 FIFO: the first fails twice, then 1, 2, 3 of its task arrive in order, and another task was not late', async () => {
  const there = await openReceiver()
  const house = await houseFor([there])
  await endpoint(house, `${there.origin}/hook`, { events: ['task.*'], ordering: 'fifo', schedule: [600, 600, 600] })
  there.answers = [500]
  const slow = await house.given.task()
  await house.runJobs()
  there.answers = []
  await house.alice.patch(`/api/v1/tasks/${slow.id}`, { priority: 'high' })
  await house.alice.patch(`/api/v1/tasks/${slow.id}`, { priority: 'low' })
  const [behind, head] = await deliveriesOf(house, `resource=${slow.id}`).then((rows) => [rows[0], rows.at(-1)])
  expect((await house.alice.get(`/api/v1/deliveries/${behind?.id}`)).body).toMatchObject({
    state: 'pending',
    waits_for: head?.id,
  })
  const other = await house.given.task()
  await house.runJobs()
  const seen = () =>
    there.got.map((got) => [
      JSON.parse(got.body).data.resource.id === slow.id ? 'slow' : 'other',
      JSON.parse(got.body).type,
      got.headers['webhook-attempt'],
    ])
  expect(seen()).toEqual([
    ['slow', 'task.created', '1'],
    ['other', 'task.created', '1'],
  ])
  there.answers = [500]
  await house.clock.advance('11m')
  await house.runJobs()
  await house.clock.advance('11m')
  await house.runJobs()
  expect(seen().slice(2)).toEqual([
    ['slow', 'task.created', '2'],
    ['slow', 'task.created', '3'],
    ['slow', 'task.updated', '1'],
    ['slow', 'task.updated', '1'],
  ])
  const order = there.got.slice(-2).map((got) => JSON.parse(got.body).id)
  expect(order).toEqual([...order].sort())
  expect(other.id).not.toBe(slow.id)
})

test('P92 a head that used up its schedule blocks its key where asked to, until somebody skips it; proceed lets the next go', async () => {
  const there = await openReceiver()
  const house = await houseFor([there])
  for (const [path, on_exhausted] of [
    ['/block', 'block'],
    ['/proceed', 'proceed'],
  ] as const)
    await endpoint(house, there.origin + path, { events: ['task.*'], ordering: 'fifo', on_exhausted, schedule: [1] })
  there.otherwise = 500
  const { id } = await house.given.task()
  await house.runJobs()
  await seconds(house, 2)
  there.otherwise = 204
  there.got.length = 0
  await house.alice.patch(`/api/v1/tasks/${id}`, { priority: 'high' })
  await house.runJobs()
  expect(there.got.map((got) => got.path)).toEqual(['/proceed'])
  const [head] = (await deliveriesOf(house, 'state=exhausted')).filter((row) => row.blocks)
  expect((await house.alice.post(`/api/v1/deliveries/${head?.id}/skip`, {})).body).toMatchObject({
    state: 'exhausted',
    blocks: false,
  })
  await house.runJobs()
  expect(there.got.map((got) => got.path)).toEqual(['/proceed', '/block'])
  expect((await house.alice.post(`/api/v1/deliveries/${head?.id}/skip`, {})).status).toBe(409)
})

test('P92 skip and cancel end a head that still waits, and the next of its key goes at once', async () => {
  const there = await openReceiver()
  const house = await houseFor([there])
  await endpoint(house, there.origin, { events: ['task.*'], ordering: 'fifo', schedule: [3_600] })
  for (const act of ['skip', 'cancel'] as const) {
    there.answers = [500]
    const { id } = await house.given.task()
    await house.runJobs()
    await house.alice.patch(`/api/v1/tasks/${id}`, { priority: 'high' })
    await house.runJobs()
    there.got.length = 0
    const [head] = await deliveriesOf(house, `resource=${id}&type=task.created`)
    const ended = await house.alice.post(`/api/v1/deliveries/${head?.id}/${act}`, {})
    expect(ended.body.state).toBe(act === 'skip' ? 'exhausted' : 'cancelled')
    await house.runJobs()
    expect(there.got.map((got) => JSON.parse(got.body).type)).toEqual(['task.updated'])
    expect((await house.alice.post(`/api/v1/deliveries/${head?.id}/cancel`, {})).status).toBe(409)
  }
})
