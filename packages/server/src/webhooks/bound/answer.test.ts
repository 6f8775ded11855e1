// What an owner's agent answers to a delivery, and what whoever bound the endpoint is asked and told (relay.md R42, R35, R68, R109): all in the transactions that
// take and settle the attempt.
import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { destroySubjectKey } from '../../identity/keys-at-rest/tenant-key.ts'
import { openBinder, runOut } from '../testing/binder.ts'
import { openReceiver } from '../testing/receiver.ts'

const json = (value: unknown, status = 200) => ({
  status,
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(value),
})

/** A card with an endpoint, and a room that reads answers up to 64 KiB. */
async function given() {
  const there = await openReceiver()
  const rig = await openBinder([there])
  const { endpoint } = await rig.put(rig.card, { url: `${there.origin}/agent`, generate_secret: true })
  rig.room.attempt = () => ({ replyBytes: 65_536 })
  return { there, rig, endpoint, thread: rig.thread() }
}

test('R42 a 2xx with a body is heard with its type before the attempt is written down, and kept nowhere else; an empty one is heard as taken', async () => {
  const { there, rig, endpoint, thread } = await given()
  const canary = randomBytes(16).toString('hex')
  there.answers = [json({ outcome: 'reply', text: canary }), 204, { status: 202 }]
  const states: (string | undefined)[] = []
  rig.room.answered = async ({ id }, t) => {
    const row = await t.maybe<{ state: string }>`select state from deliveries where id = ${id}::text`
    states.push(row?.state)
    return 'taken' as const
  }
  const made = await rig.message(thread)
  await rig.message(thread)
  await rig.message(thread)
  await rig.house.runJobs()
  expect(rig.room.answers.map(({ status, type, text }) => ({ status, type, text }))).toEqual([
    { status: 200, type: 'application/json', text: JSON.stringify({ outcome: 'reply', text: canary }) },
    { status: 204, type: null, text: '' },
    { status: 202, type: null, text: '' },
  ])
  expect(rig.room.answers[0]?.delivery).toMatchObject({
    ...{
      id: made[0]?.id,
      endpointId: endpoint.id,
      boundTo: rig.card,
      side: 'owner',
      key: thread,
      type: 'message.accepted',
      attempt: 1,
    },
  })
  expect(states).toEqual(['sending', 'sending', 'sending'])
  expect(rig.room.results.map(({ state }) => state)).toEqual(['succeeded', 'succeeded', 'succeeded'])
  expect((await rig.seen('owner', thread)).flatMap(({ log }) => log.map(({ excerpt }) => excerpt))).toEqual([null, null, null])
  const { rows } = await rig.house.admin.query(`select string_agg(x::text, ' ') as text from countersign.delivery_attempts x`)
  expect(rows[0].text).not.toContain(canary)
  expect(rig.house.logs.join('\n')).not.toContain(canary)
})

test('R42 what the room writes of an answer is in the transaction that settles: where that fails neither is there, and the next attempt brings both', async () => {
  const { there, rig, thread } = await given()
  there.otherwise = json({ outcome: 'completed' })
  let calls = 0
  rig.room.answered = async ({ endpointId }, t, scope) => {
    await record(t, scope, 'endpoint.updated', { endpoint_id: endpointId, fields: ['heard'] })
    if (++calls === 1) throw new Error('out of paper')
    return 'taken' as const
  }
  await rig.message(thread)
  await rig.house.runJobs()
  const told = async () => (await rig.house.eventTypes()).filter((type) => type === 'endpoint.updated').length
  expect([await told(), rig.room.results, (await rig.seen('owner', thread))[0]?.state]).toEqual([0, [], 'sending'])
  await rig.house.clock.advance('2s')
  await rig.house.runJobs()
  expect([await told(), (await rig.seen('owner', thread))[0]?.state]).toEqual([1, 'succeeded'])
  expect(there.got.map((got) => got.headers['idempotency-key'])).toEqual([
    there.got[0]?.headers['idempotency-key'],
    there.got[0]?.headers['idempotency-key'],
  ])
})

test('R42 §10 an answer that is none, or one that is too large, is a failed attempt of its class and tried again by the schedule', async () => {
  const { there, rig, thread } = await given()
  there.answers = [{ status: 200, body: '{"outcome":' }, json({ text: 'x'.repeat(70_000) }), json({ outcome: 'reply' })]
  rig.room.answered = () => (rig.room.answers.at(-1)?.text.endsWith('}') ? 'taken' : 'invalid')
  await rig.message(thread)
  await runOut(rig, 'owner', thread)
  const [row] = await rig.seen('owner', thread)
  expect(row?.log.map((one) => [one.status, one.class])).toEqual([
    [200, 'answer_invalid'],
    [null, 'too_large'],
    [200, null],
  ])
  expect(rig.room.results.map(({ state, class: kind }) => [state, kind])).toEqual([
    ['pending', 'answer_invalid'],
    ['pending', 'too_large'],
    ['succeeded', null],
  ])
  expect(rig.room.answers).toHaveLength(2)
})

test('R42 R45 news to a caller is answered to nobody; a failure is told and not heard', async () => {
  const { there, rig, thread } = await given()
  await rig.put(thread, { url: `${there.origin}/caller`, generate_secret: true })
  there.byPath = { '/caller': json({ outcome: 'reply' }), '/agent': { status: 500, body: 'later' } }
  await rig.news(thread)
  await rig.message(thread)
  await rig.house.runJobs()
  expect(rig.room.answers).toEqual([])
  expect(rig.room.results.map(({ state, status }) => [state, status]).sort()).toEqual([
    ['pending', 500],
    ['succeeded', 200],
  ])
  expect((await rig.seen('owner', thread))[0]?.log).toMatchObject([{ excerpt: 'later' }])
})

test('R35 an attempt that may not leave is cancelled without a byte, and the next message of its thread goes; threads are held before any delivery', async () => {
  const { there, rig, thread } = await given()
  const [stopped] = await rig.message(thread)
  const [next] = await rig.message(thread)
  rig.room.attempt = ({ id }) => (id === stopped?.id ? null : {})
  await rig.house.runJobs()
  expect(there.got.map((got) => got.headers['countersign-delivery'])).toEqual([next?.id])
  expect((await rig.seen('owner', thread)).map(({ state }) => state)).toEqual(['succeeded', 'cancelled'])
  expect(rig.room.held.every((keys) => keys.length === 1 && keys[0] === thread)).toBe(true)
  expect(rig.room.held.length).toBeGreaterThanOrEqual(3)
})

test('R32 R42 what is taken back while it is on the wire may land: its answer is heard, and it stays taken back', async () => {
  const { there, rig, thread } = await given()
  there.answers = ['hang']
  await rig.message(thread)
  const running = rig.house.runJobs()
  await expect.poll(() => there.got.length, { interval: 5, timeout: 10_000 }).toBe(1)
  expect(await rig.inTx((t) => rig.bound.cancel(t, rig.scope, thread, 'owner'))).toBe(1)
  there.release()
  await running
  expect((await rig.seen('owner', thread))[0]).toMatchObject({ state: 'cancelled', attempts: 1 })
  expect(rig.room.results).toMatchObject([{ state: 'cancelled' }])
  await rig.house.clock.advance('10s')
  await rig.house.runJobs()
  expect(there.got).toHaveLength(1)
})

test('R30 who ends a thread and who settles an attempt to it take turns at the thread: neither waits crosswise for the other', async () => {
  const { there, rig, thread } = await given()
  const lock = (t: Tx) => t.run`select pg_advisory_xact_lock(hashtext(${thread}::text))`
  rig.room.hold = lock
  there.answers = ['hang']
  await rig.message(thread)
  const running = rig.house.runJobs()
  await expect.poll(() => there.got.length, { interval: 5, timeout: 10_000 }).toBe(1)
  const settles = async () =>
    (await rig.house.admin.query(`select count(*)::integer as n from pg_locks where locktype = 'advisory' and not granted`))
      .rows[0].n
  await rig.inTx(async (t) => {
    await lock(t)
    // The attempt ends now, and its settlement waits for the thread before it locks the delivery that we are about to take back.
    there.release()
    await expect.poll(settles, { interval: 5, timeout: 10_000 }).toBe(1)
    expect(await rig.bound.cancel(t, rig.scope, thread, 'owner')).toBe(1)
  })
  await running
  expect((await rig.seen('owner', thread))[0]).toMatchObject({
    state: 'cancelled',
    attempts: 1,
    log: [{ n: 1, class: 'unreachable' }],
  })
  expect(rig.room.results.map(({ state }) => state)).toEqual(['cancelled'])
  expect(rig.house.logs.join('\n')).not.toContain('deadlock')
})

test('R109 §12.22 with its thread forgotten, or its key destroyed, a stored delivery tells nothing any more, by no replay', async () => {
  const { there, rig, thread } = await given()
  there.otherwise = { status: 500, body: 'you sent me: the words' }
  const [first] = await rig.message(thread)
  const other = rig.thread()
  const [second] = await rig.message(other, { sealedUnder: 'day:2026-11-24' })
  await rig.house.runJobs()
  await rig.inTx((t) => rig.bound.forget(t, rig.scope, thread))
  await rig.inTx((t) => destroySubjectKey(t, rig.scope, 'day:2026-11-24'))
  there.got.length = 0
  there.otherwise = 204
  for (const id of [first?.id, second?.id]) await rig.house.alice.post(`/api/v1/deliveries/${id}/replay`, {})
  await rig.house.runJobs()
  expect(there.got).toEqual([])
  for (const key of [thread, other]) expect((await rig.seen('owner', key))[0]?.state).toBe('cancelled')
  expect((await rig.seen('owner', thread))[0]?.log[0]?.excerpt).toBeNull()
})

test('R23 a card is asked whether its agent is there by one signed ping, whatever it listens to', async () => {
  const { there, rig } = await given()
  await rig.put(rig.card, { url: `${there.origin}/agent`, events: ['message.accepted'] })
  there.answers = [500]
  const ping = () => rig.inTx((t) => rig.bound.ping(t, rig.scope, { boundTo: rig.card, side: 'owner' }))
  const [first] = await ping()
  await rig.house.runJobs()
  const [second] = await ping()
  await rig.house.runJobs()
  expect(there.got.map((got) => JSON.parse(got.body).type)).toEqual(['relay.ping', 'relay.ping'])
  expect(rig.room.results.map(({ id, state }) => [id, state])).toEqual([
    [first?.id, 'exhausted'],
    [second?.id, 'succeeded'],
  ])
})
