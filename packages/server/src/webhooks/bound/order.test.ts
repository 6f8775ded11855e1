// Again and in order (relay.md R67–R70, §12.15): the schedule, one message of a thread after the other, what is exhausted, replays, and who sees what.
import { enqueue } from '@countersign/queue'
import { expect, test } from 'vitest'
import { clientOf } from '../../../../../test/harness/client.ts'
import { DELAYS } from '../schedule.ts'
import { openBinder, runOut } from '../testing/binder.ts'
import { type Got, keyHolder, openReceiver } from '../testing/receiver.ts'

const eventOf = (got: Got) => got.headers['webhook-id']

test('R67 R69 §12.15 ten attempts in 75 h 35 min 5 s, then exhausted, its job a dead letter; two replays both arrive with the first bytes and ids', async () => {
  const there = await openReceiver()
  there.otherwise = 500
  const rig = await openBinder([there])
  const { house } = rig
  const { secret } = await house.given.key({ kind: 'usr', scopes: ['deliveries:*', 'jobs:*'] })
  const holder = clientOf(house.url, { bearer: secret })
  await rig.put(rig.card, { url: `${there.origin}/agent`, generate_secret: true })
  const thread = rig.thread()
  const [made] = await rig.message(thread)
  expect(await runOut(rig, 'owner', thread)).toBe(DELAYS.standard.length)
  expect(there.got).toHaveLength(10)
  const [row] = await rig.seen('owner', thread)
  expect(row).toMatchObject({ state: 'exhausted', attempts: 10, last_status: 500 })
  const waits = (row?.log ?? [])
    .slice(1)
    .map((one, i) => (one.started_at.getTime() - (row?.log[i]?.ended_at.getTime() ?? 0)) / 1000)
  for (const [i, seconds] of DELAYS.standard.entries()) {
    expect(waits[i]).toBeGreaterThanOrEqual(seconds * 0.9 - 0.01)
    expect(waits[i]).toBeLessThanOrEqual(seconds * 1.1 + 5)
  }
  expect(rig.room.results.map(({ state }) => state)).toEqual([...Array(9).fill('pending'), 'exhausted'])
  expect((await holder.get('/api/v1/dead-letters?kind=webhook.deliver')).body.data).toMatchObject([
    { state: 'failed', state_reason: 'terminal_error', dead_letter: true },
  ])
  const listed = (await holder.get('/api/v1/deliveries?state=exhausted')).body.data
  expect(listed).toMatchObject([{ id: made?.id, form: 'full', resource_id: thread }])

  there.otherwise = 204
  for (const nth of [1, 2]) {
    expect((await holder.post(`/api/v1/deliveries/${made?.id}/replay`, {})).status).toBe(202)
    await house.runJobs()
    expect(there.got).toHaveLength(10 + nth)
  }
  for (const name of ['webhook-id', 'countersign-delivery', 'idempotency-key'])
    expect(new Set(there.got.map((got) => got.headers[name])).size, name).toBe(1)
  expect(new Set(there.got.map((got) => got.body)).size).toBe(1)
  expect(new Set(there.got.map((got) => got.headers['x-foragent-nonce'])).size).toBe(12)
})

test('R68 §12.15 an endpoint that is down for six hours and a killed worker: all arrives in order under its first id, each message after the one before', async () => {
  const there = await openReceiver()
  there.otherwise = 503
  const rig = await openBinder([there])
  const { house } = rig
  await rig.put(rig.card, { url: `${there.origin}/agent`, generate_secret: true })
  const [thread, other] = [rig.thread(), rig.thread()]
  const events: string[] = []
  for (const key of [thread, thread, thread, other]) {
    const [made] = await rig.message(key)
    events.push((await rig.seen('owner', key)).find(({ id }) => id === made?.id)?.event_id as string)
  }
  await house.runJobs()
  // The second and the third wait behind the first; the other thread waits for nobody.
  expect(new Set(there.got.map(eventOf))).toEqual(new Set([events[0], events[3]]))
  // A worker took the first and died: the row says that it is being sent, and for ten minutes nobody else touches it.
  await house.clock.advance('6s')
  await house.admin.query(
    `update countersign.deliveries set state = 'sending', attempts = attempts + 1, sent_by = 'gone', started_at = countersign.now() where event_id = $1`,
    [events[0]],
  )
  await house.runJobs()
  await house.clock.advance('6h')
  there.otherwise = 200
  await runOut(rig, 'owner', thread)
  await runOut(rig, 'owner', other)
  const arrived = there.got.filter((got) => [events[0], events[1], events[2]].includes(eventOf(got) as string)).map(eventOf)
  expect(arrived.slice(arrived.lastIndexOf(events[0]))).toEqual(events.slice(0, 3))
  const rows = await rig.seen('owner', thread)
  expect(rows.map(({ state }) => state)).toEqual(['succeeded', 'succeeded', 'succeeded'])
  expect(rows.at(-1)?.log.map((one) => one.class)).toContain('lost')
  for (const row of [...rows, ...(await rig.seen('owner', other))])
    expect(
      new Set(there.got.filter((got) => eventOf(got) === row.event_id).map((got) => got.headers['countersign-delivery'])),
    ).toEqual(new Set([row.id]))
})

test('R68 what holds up a thread is skipped by an explicit act, recorded on the owner’s side; what is taken back leaves the line', async () => {
  const there = await openReceiver()
  there.otherwise = 500
  const rig = await openBinder([there])
  const { house, bound, scope, inTx } = rig
  await rig.put(rig.card, { url: `${there.origin}/agent`, generate_secret: true })
  const thread = rig.thread()
  const [first] = await rig.message(thread)
  await rig.message(thread, { messageId: 'msg_00000000000000000000000002' })
  const [third] = await rig.message(thread)
  await house.runJobs()
  expect(there.got).toHaveLength(1)
  expect((await house.alice.post(`/api/v1/deliveries/${first?.id}/skip`, {})).body).toMatchObject({ state: 'exhausted' })
  expect(await house.eventTypes()).toContain('delivery.skipped')
  expect(await inTx((t) => bound.cancel(t, scope, thread, 'owner', ['msg_00000000000000000000000002']))).toBe(1)
  there.otherwise = 204
  await house.runJobs()
  expect(there.got.map((got) => got.headers['countersign-delivery'])).toEqual([first?.id, third?.id])
  expect((await rig.seen('owner', thread)).map(({ state }) => state)).toEqual(['succeeded', 'cancelled', 'exhausted'])
})

test('R69 what used up its schedule is sent again by thread: the owner’s in a job with progress, the caller’s at its own word', async () => {
  const there = await openReceiver()
  there.otherwise = 500
  const rig = await openBinder([there])
  const { house, bound, scope, inTx } = rig
  const holder = await keyHolder(house)
  const thread = rig.thread()
  await rig.put(rig.card, { url: `${there.origin}/agent`, generate_secret: true })
  await rig.put(thread, { url: `${there.origin}/caller`, generate_secret: true })
  await rig.message(thread)
  await rig.news(thread)
  await runOut(rig, 'owner', thread)
  await runOut(rig, 'caller', thread)
  there.otherwise = 204
  there.got.length = 0
  const begun = await holder.post('/api/v1/replays', { thread_id: thread, what: 'exhausted' })
  expect(begun.body).toMatchObject({ total: 1, thread_id: thread })
  await house.runJobs()
  expect(there.got.map((got) => got.path)).toEqual(['/agent'])
  expect((await holder.get(`/api/v1/replays/${begun.body.id}`)).body).toMatchObject({ succeeded: 1 })
  expect(await inTx((t) => bound.replayExhausted(t, scope, { key: thread, side: 'caller' }))).toBe(1)
  await house.runJobs()
  expect(there.got.map((got) => got.path)).toEqual(['/agent', '/caller'])
  const [row] = await rig.seen('caller', thread)
  for (let n = 0; n < 2; n++) {
    await inTx((t) => bound.replay(t, scope, { key: thread, side: 'caller', id: row?.id as string }))
    await house.runJobs()
  }
  expect(there.got.filter((got) => got.path === '/caller')).toHaveLength(3)
})

test('R70 each side sees its own deliveries with every attempt, and nothing of the other’s; the tenant’s lists know nothing of the caller’s', async () => {
  const there = await openReceiver()
  there.answers = [500]
  const rig = await openBinder([there])
  const { house, bound, scope, inTx } = rig
  const thread = rig.thread()
  await rig.put(thread, { url: `${there.origin}/secret-place`, generate_secret: true })
  await rig.put(rig.card, { url: `${there.origin}/agent`, generate_secret: true })
  const [theirs] = await rig.news(thread)
  await house.runJobs()
  const [ours] = await rig.message(thread)
  await house.clock.advance('6s')
  await house.runJobs()
  expect((await rig.seen('caller', thread)).map(({ id }) => id)).toEqual([theirs?.id])
  expect((await rig.seen('caller', thread))[0]?.log).toMatchObject([
    { n: 1, status: 500, class: 'status' },
    { n: 2, status: 204, class: null },
  ])
  expect((await rig.seen('owner', thread)).map(({ id }) => id)).toEqual([ours?.id])
  const listed = (await house.alice.get('/api/v1/deliveries?limit=200')).body.data as { id: string }[]
  expect(listed.map(({ id }) => id)).toEqual([ours?.id])
  for (const [path, method] of [
    [`/api/v1/deliveries/${theirs?.id}`, 'get'],
    [`/api/v1/deliveries/${theirs?.id}/replay`, 'post'],
    [`/api/v1/deliveries/${theirs?.id}/skip`, 'post'],
    [`/api/v1/deliveries/${theirs?.id}/cancel`, 'post'],
    [`/api/v1/endpoints/${theirs?.endpoint_id}`, 'get'],
    [`/api/v1/endpoints/${ours?.endpoint_id}`, 'get'],
    [`/api/v1/endpoints/${theirs?.endpoint_id}/stats`, 'get'],
  ] as const)
    expect((await (method === 'get' ? house.alice.get(path) : house.alice.post(path, {}))).status, path).toBe(404)
  expect((await house.alice.get('/api/v1/endpoints')).body.data).toEqual([])
  await expect(
    inTx((t) => bound.replay(t, scope, { key: thread, side: 'owner', id: theirs?.id as string })),
  ).rejects.toMatchObject({ code: 'not_found' })
  await rig.news(thread)
  for (const table of ['jobs', 'ring']) {
    const jobs = await house.admin.query(
      `select coalesce(string_agg(j::text, ' '), '') as text from countersign_queue.${table} j`,
    )
    expect(jobs.rows[0].text, table).not.toContain(new URL(there.origin).host)
  }
  const record = await house.admin.query(`select coalesce(string_agg(e::text, ' '), '') as text from countersign.events e`)
  expect(record.rows[0].text).not.toContain(theirs?.endpoint_id as string)
})

test('R67 410 switches an endpoint off and holds what is on its way; put again it goes out, and a caller’s is no word in the owner’s record', async () => {
  const there = await openReceiver()
  there.answers = [410, 410]
  const rig = await openBinder([there])
  const { house } = rig
  const thread = rig.thread()
  await rig.put(thread, { url: `${there.origin}/hook`, generate_secret: true })
  await rig.news(thread)
  await house.runJobs()
  await rig.news(thread)
  expect((await rig.seen('caller', thread)).map(({ state }) => state)).toEqual(['held', 'held'])
  expect(await house.eventTypes()).not.toContain('endpoint.disabled')
  await rig.put(thread, { url: `${there.origin}/hook` })
  there.answers = []
  await house.runJobs()
  expect((await rig.seen('caller', thread)).map(({ state }) => state)).toEqual(['succeeded', 'succeeded'])
  const bound = await rig.put(rig.card, { url: `${there.origin}/agent`, generate_secret: true })
  there.answers = [410]
  await rig.message(rig.thread())
  await house.runJobs()
  expect(await house.eventTypes()).toContain('endpoint.disabled')
  expect((await rig.inTx((t) => rig.bound.list(t, rig.scope, { boundTo: rig.card, side: 'owner' })))[0]).toMatchObject({
    ...{ id: bound.endpoint.id, state: 'disabled', state_reason: 'gone' },
  })
})

test('R70 an endpoint of a thread that was taken away is gone with its secrets once its deliveries are; one that is there stays', async () => {
  const there = await openReceiver()
  const rig = await openBinder([there])
  const { house, bound, scope, inTx } = rig
  const thread = rig.thread()
  await rig.put(thread, { url: `${there.origin}/a`, generate_secret: true })
  const stays = await rig.put(rig.card, { url: `${there.origin}/agent`, generate_secret: true })
  await rig.news(thread)
  await house.runJobs()
  await inTx((t) => bound.remove(t, scope, { boundTo: thread, side: 'caller' }, 'all'))
  const left = async () =>
    (await house.admin.query('select id from countersign.endpoints')).rows.map(({ id }: { id: string }) => id)
  const prune = () => enqueue(house.db.pool, { kind: 'webhook.prune', tenantId: house.tenantId, payload: {} })
  await house.clock.advance('89d')
  await prune()
  await house.runJobs()
  expect(await left()).toHaveLength(2)
  await house.clock.advance('2d')
  await prune()
  await house.runJobs()
  expect(await left()).toEqual([stays.endpoint.id])
  expect((await house.admin.query('select endpoint_id from countersign.endpoint_secrets')).rows).toEqual([
    { endpoint_id: stays.endpoint.id },
  ])
})
