// Many attempts that begin in one transaction, and many that are settled in one (relay.md R42, R68, R70): each as if it were alone.
import { expect, test } from 'vitest'
import type { WebhooksHouse } from '../../webhooks/house.ts'
import type { Outcome } from '../../webhooks/sending/outcome.ts'
import { type Happened, settleMany } from '../../webhooks/sending/settle.ts'
import { type Asked, type Letter, takeMany } from '../../webhooks/sending/take.ts'
import { leastCard } from '../cards/testing/cards.ts'
import { type Card, type Loose, openRelay } from '../testing/relay.ts'
import { roundsOf } from './found.ts'

/** So many threads with a message each for a push agent, and none of them taken yet. */
async function given(count: number) {
  const inside: WebhooksHouse[] = []
  const settings = { EGRESS_HTTP: '1', EGRESS_ALLOW: '127.0.0.1:9' }
  const relay = await openRelay({
    settings,
    beside: ({ webhooks }) => {
      inside.push(webhooks)
      return []
    },
  })
  const { house } = relay
  const made = await house.alice.post('/api/v1/cards', { ...leastCard('ada-batch'), agent_id: relay.server.id })
  const card: Card = { id: made.body.id, slug: made.body.slug }
  const push = { mode: 'push', url: 'http://127.0.0.1:9/agent', generate_secret: true }
  expect((await house.alice.put(`/api/v1/cards/${card.id}/delivery`, push)).status).toBe(200)
  const { token } = await relay.makeGrant({ card })
  const threads: string[] = []
  for (let n = 0; n < count; n++) threads.push((await relay.start({ text: `hello ${n}` }, { card, token })).body.thread_id)
  const startMany = (many: number): Promise<Loose[]> =>
    Promise.all(Array.from({ length: many }, (_, n) => relay.start({ text: `at once ${n}` }, { card, token })))
  const deliveries = (): Promise<Loose[]> => house.admin.rows<Loose>`
    select id, generation, endpoint_id as lane, resource_id as key, state, attempts, message_id from deliveries order by ord`
  const asked = async (): Promise<Asked[]> =>
    (await deliveries()).map(({ id, generation, lane, key }) => ({
      ...{ id, generation, lane, key, job: `job ${id}`, tenantId: house.tenantId, fifo: true },
    }))
  const webhooks = inside[0] as WebhooksHouse
  const letterOf = (taken: unknown): Letter => (taken as { letter: Letter }).letter
  const happened = ({ took, delays }: Letter, outcome: Outcome): Happened => {
    const { id, attempt: n, endpoint_id, trigger, started_at } = took
    const nothing = { dns_ms: null, connect_ms: null, tls_ms: null, first_byte_ms: null, address: null, family: null }
    const { status, class: fault } = outcome
    const row = { delivery_id: id, n, endpoint_id, trigger, started_at: started_at.toISOString(), ms: 1, excerpt: null }
    const log = { ...row, ...nothing, status, class: fault }
    return { tenantId: house.tenantId, took, outcome, log, answer: null, boundTo: card.id, delays }
  }
  return { relay, house, threads, startMany, deliveries, asked, webhooks, letterOf, happened }
}

const ARRIVED: Outcome = { state: 'succeeded', tries: 0, afterMs: null, status: 202, class: null, gone: false, how: 'answered' }
const REFUSED: Outcome = {
  state: 'pending',
  tries: 1,
  afterMs: 5_000,
  status: 503,
  class: 'status',
  gone: false,
  how: 'answered',
}

test('R42 R68 of attempts that begin together the one that is no more what was accepted goes nowhere, and the one whose thread ended; the others leave', async () => {
  const { relay, house, threads, asked, deliveries, webhooks, letterOf } = await given(5)
  const [, forged, ended] = threads as [string, string, string]
  await house.admin.run`update messages set payload_hash = ${`sha256:${'0'.repeat(64)}`} where thread_id = ${forged}`
  const all = await asked()
  await house.admin.run`update threads set state = 'failed', turn = 'none', ended_at = countersign.now() where id = ${ended}`
  const taken = await takeMany(webhooks, all)
  const leaving = all.flatMap(({ key }, i) => (taken[i] === 'done' ? [] : [key]))
  expect(leaving).toEqual(threads.filter((id) => id !== forged && id !== ended))
  const letters = taken.flatMap((one) => (one === 'done' ? [] : [letterOf(one)]))
  for (const { headers, took, body } of letters) {
    expect(headers['idempotency-key']).toBe(took.message_id)
    expect(JSON.parse(body.toString()).data.message.id).toBe(took.message_id)
  }
  // Each has a token and a proof of its own.
  expect(new Set(letters.map(({ headers }) => headers['countersign-reply-token'])).size).toBe(3)
  expect(new Set(letters.map(({ headers }) => headers['countersign-caller'])).size).toBe(3)
  for (const { headers, took } of letters) {
    const bearer = relay.bearer(headers['countersign-reply-token'] as string)
    expect((await bearer.get(`/api/v1/threads/${took.resource_id}`)).status).toBe(200)
  }
  const states = Object.fromEntries((await deliveries()).map(({ key, state }) => [key, state]))
  expect([states[forged], states[ended]]).toEqual(['cancelled', 'cancelled'])
  const messages = await house.admin.rows<Loose>`select thread_id, state from messages where thread_id = ${forged}`
  expect(messages).toMatchObject([{ state: 'exhausted' }])
  expect((await relay.thread(leaving[0] as string)).state).toBe('delivering')
})

test('R68 R70 of outcomes that are settled together one arrived, one failed, and one came too late: each thread is as if alone', async () => {
  const { relay, house, threads, asked, webhooks, letterOf, happened } = await given(4)
  const all = await asked()
  const letters = (await takeMany(webhooks, all)).map(letterOf)
  const [arrived, failed, late, last] = letters as [Letter, Letter, Letter, Letter]
  // Whoever was believed dead: somebody else has the third one by now.
  await house.admin.run`update deliveries set attempts = attempts + 1, sent_by = 'another' where id = ${late.took.id}`
  await house.admin.run`update messages set claim_hash = ${Buffer.alloc(32)} where id = ${late.took.message_id}`
  const next = await settleMany(webhooks, [
    happened(arrived, ARRIVED),
    happened(failed, REFUSED),
    happened(late, ARRIVED),
    happened(last, ARRIVED),
  ])
  expect(next).toMatchObject([null, { at: expect.any(Date) }, null, null])
  const states = await Promise.all(threads.map(async (id) => (await relay.thread(id)).state))
  expect(states).toEqual(['waiting_owner', 'queued', 'delivering', 'waiting_owner'])
  const messages = await house.admin
    .rows<Loose>`select state, next_attempt_at from messages where side = 'caller' order by created_at, id`
  expect(messages.map(({ state }) => state)).toEqual(['delivered', 'queued', 'delivering', 'delivered'])
  const log = await house.admin.rows<Loose>`select delivery_id, status, class from delivery_attempts`
  expect(log).toHaveLength(4)
  // What was never settled begins again under the same ids, and the log says so.
  await house.clock.advance('11m')
  const again = await takeMany(webhooks, [all[2] as Asked])
  expect(letterOf(again[0]).took).toMatchObject({ id: late.took.id, message_id: late.took.message_id, attempt: 3 })
  expect(letterOf(again[0]).body).toEqual(late.body)
})

test('R42 R43 messages to a push agent that come at the same time are accepted together, each with its delivery and its job', async () => {
  const { house, threads, deliveries, startMany } = await given(0)
  const started = await startMany(24)
  expect(started.map(({ status }) => status)).toEqual(Array(24).fill(202))
  const ids = started.map(({ body }) => body.thread_id).sort()
  expect(threads).toEqual([])
  const rows = await deliveries()
  expect(rows.map(({ key }) => key).sort()).toEqual(ids)
  expect(new Set(rows.map(({ id }) => id)).size).toBe(24)
  expect(rows.map(({ message_id }) => message_id).sort()).toEqual(started.map(({ body }) => body.message_id).sort())
  const jobs = await house.admin
    .rows<Loose>`select payload ->> 'delivery_id' as id from countersign_queue.jobs where kind = 'webhook.deliver'`
  expect(jobs.map(({ id }) => id).sort()).toEqual(rows.map(({ id }) => id).sort())
  const { n } = await house.admin.one<{ n: number }>`select count(distinct xmin::text)::integer as n from deliveries`
  expect(n).toBeLessThan(24)
})

test('R68 of two about one thread the second comes in a round of its own', () => {
  const all = [...'abacab'].map((thread, n) => ({ thread, n }))
  const rounds = roundsOf(all, ({ thread }) => thread).map((round) => round.map(({ n }) => n))
  expect(rounds).toEqual([[0, 1, 3], [2, 5], [4]])
})
