// Messages that come at the same time (relay.md R30, R57): they share a transaction, and nothing else.
import type pg from 'pg'
import { expect, test } from 'vitest'
import type { House, Person } from '#harness'
import { systemScope } from '../../../db/scope.ts'
import { tx } from '../../../db/tx.ts'
import { type Loose, openRelay, type RelayTest, relayAgent } from '../../testing/relay.ts'

// Begin and commit, credential and limits included. A caller with an account is judged in its own tenant first, and told of in its own record.
const STRANGER = { start: 13, send: 14 }
const CALLER = { start: 19, send: 20 }
const IN_COMPANY = 2
const WITH_KEYS = 12
const BOTH_SIDES = 24

const START = (relay: RelayTest, text: string, own: { token?: string; key?: string } = {}) => relay.start({ text }, own)

/** The texts of all statements from now on. */
function listenIn({ db }: House): string[] {
  const seen: string[] = []
  const heard = new WeakSet<object>()
  db.pool.on('acquire', (client: pg.PoolClient) => {
    if (heard.has(client)) return
    heard.add(client)
    const query = client.query.bind(client) as (...args: unknown[]) => unknown
    client.query = ((asked: string | { text: string }, ...rest: unknown[]) => {
      seen.push((typeof asked === 'string' ? asked : asked.text).trim())
      return query(asked, ...rest)
    }) as typeof client.query
  })
  return seen
}

async function activate(owner: Pick<Person, 'post'>, text: string): Promise<void> {
  const saved = await owner.post('/api/v1/policies', { text })
  expect([saved.status, saved.body.errors]).toEqual([201, []])
  expect((await owner.post(`/api/v1/policies/${saved.body.version}/activate`, {})).status).toBe(200)
}

const eventsOf = async ({ house }: RelayTest, threadId: string) =>
  house.admin.rows<{ sequence: string; type: string; actor: string; said: string }>`
    select t.sequence::text, t.type, t.actor ->> 'id' as actor, e.body::json -> 'data' ->> 'thread_id' as said
    from thread_events t join events e on e.tenant_id = t.tenant_id and e.id = t.id where t.thread_id = ${threadId} order by t.sequence`

test('R30 T1 T12 of messages at once each has its own thread, events, usage and answer, under its own relay grant; far fewer transactions write them', async () => {
  const relay = await openRelay({ checkAnswers: false })
  const { house } = relay
  const stranger = await relay.makeGrant({ agent: null })
  const tokens = [relay.grant, stranger]
  const seen = listenIn(house)
  const started = await Promise.all(
    Array.from({ length: 24 }, (_, i) => START(relay, `start ${i}`, { token: tokens[i % 2]?.token as string })),
  )
  expect(started.map(({ status }) => status)).toEqual(Array(24).fill(202))
  const sent: Loose[] = await Promise.all(
    started.map(({ body }, i) =>
      relay.bearer(tokens[i % 2]?.token as string).post(`/api/v1/threads/${body.thread_id}/messages`, { text: `more ${i}` }),
    ),
  )
  expect(sent.map(({ status, body }) => [status, body.sequence])).toEqual(Array(24).fill([202, 3]))
  expect(seen.filter((text) => text.startsWith('insert into messages')).length).toBeLessThan(24)
  for (const [i, { body }] of started.entries()) {
    expect(body.sequence).toBe(2)
    const actor = i % 2 === 0 ? relay.caller.id : stranger.id
    expect((await eventsOf(relay, body.thread_id)).map((one) => [one.type, one.actor, one.said])).toEqual(
      ['thread.accepted', 'message.accepted', 'message.accepted', 'thread.queued'].map((type) => [type, actor, body.thread_id]),
    )
  }
  const usage = await house.admin.rows`
    select relay_grant_id as id, sum(messages)::integer as n from relay_usage group by 1 order by 2, 1`
  expect(usage).toEqual([relay.grant.id, stranger.id].sort().map((id) => ({ id, n: 24 })))
  const listed = await house.admin.one<{ n: number }>`select count(*)::integer as n from caller_threads`
  expect(listed.n).toBe(12)
  const claimed = await relay.claim({ limit: 100 })
  expect(claimed.map((one) => one.message.parts[0].text).sort()).toEqual(
    Array.from({ length: 24 }, (_, i) => `start ${i}`).sort(),
  )
})

test('R7 R115 who shares a transaction with others reaches none of their threads', async () => {
  const relay = await openRelay({ checkAnswers: false })
  const other = await relay.makeGrant({ agent: null })
  const mine = (await START(relay, 'mine')).body.thread_id
  const theirs = (await START(relay, 'theirs', { token: other.token })).body.thread_id
  const send = (token: string, id: string) => relay.bearer(token).post(`/api/v1/threads/${id}/messages`, { text: 'more' })
  for (let round = 0; round < 4; round++) {
    const answers = await Promise.all([
      START(relay, 'company'),
      send(relay.grant.token, mine),
      send(other.token, mine),
      send(relay.grant.token, theirs),
      send(other.token, theirs),
      START(relay, 'company', { token: other.token }),
    ])
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 404, 404, 202, 202])
  }
  const rows = await relay.house.admin.rows`
    select distinct h.relay_grant_id = m.relay_grant_id as own from messages m join threads h on h.id = m.thread_id`
  expect(rows).toEqual([{ own: true }])
})

test('R30 one of several is refused alone, messages to one thread keep their order, and one that waits for a lock holds up nobody', async () => {
  const relay = await openRelay({ checkAnswers: false })
  const { house } = relay
  const busy = (await START(relay, 'busy')).body.thread_id
  const taken = (await START(relay, 'taken')).body.thread_id
  const send = (id: string, text: string) => relay.bearer(relay.grant.token).post(`/api/v1/threads/${id}/messages`, { text })
  let waits: Promise<{ status: number; body: Loose }> | undefined
  await tx(house.db, systemScope('test', house.tenantId), async (t) => {
    await t.run`select 1 from threads where id = ${taken}::text for update`
    waits = send(taken, 'later')
    const answers = await Promise.all([
      START(relay, 'one'),
      relay.start({ text: 'two', skill: 'none' }),
      ...['a', 'b', 'c'].map((text) => send(busy, text)),
      relay.start({ data: { amount: 'much' }, skill: 'pay' }),
      START(relay, 'four'),
    ])
    expect(answers.map(({ status }) => status)).toEqual([202, 422, 202, 202, 202, 422, 202])
    expect(
      answers
        .slice(2, 5)
        .map((one) => one.body.sequence)
        .sort(),
    ).toEqual([3, 5, 7])
  })
  expect([(await waits)?.status, (await waits)?.body.sequence]).toEqual([202, 3])
})

test('R30 a message costs the database a bounded number of statements, alone and by far fewer in company', async () => {
  const relay = await openRelay({ checkAnswers: false })
  const { house, grant } = relay
  // Near the bound of open threads starts take turns.
  const stranger = await relay.makeGrant({ agent: null, limits: { max_open_threads: 0 } })
  const seen = listenIn(house)
  /** The least of several: what the server does by itself meanwhile is nobody's message. */
  const costOf = async (act: () => Promise<unknown>): Promise<number> => {
    const costs: number[] = []
    for (let round = 0; round < 4; round++) {
      seen.length = 0
      await act()
      costs.push(seen.filter((text) => !/countersign_queue|seal_events|pg_notify/.test(text)).length)
    }
    return Math.min(...costs)
  }
  const body = { text: 'hello' }
  // What is read once, such as keys and policies, is there after the first.
  const threads: string[] = []
  for (const { token } of [grant, stranger]) threads.push((await relay.start(body, { token })).body.thread_id)
  const send = (token: string, id = '') => relay.bearer(token).post(`/api/v1/threads/${id}/messages`, body)
  await Promise.all([send(grant.token, threads[0]), send(stranger.token, threads[1])])
  const start = (token: string) => () => relay.start(body, { token })
  expect(await costOf(start(stranger.token))).toBeLessThanOrEqual(STRANGER.start)
  expect(await costOf(() => send(stranger.token, threads[1]))).toBeLessThanOrEqual(STRANGER.send)
  expect(await costOf(start(grant.token))).toBeLessThanOrEqual(CALLER.start)
  expect(await costOf(() => send(grant.token, threads[0]))).toBeLessThanOrEqual(CALLER.send)
  const many = (key?: () => string) =>
    costOf(() =>
      Promise.all(Array.from({ length: 24 }, () => relay.start(body, { token: stranger.token, ...(key && { key: key() }) }))),
    )
  expect(await many()).toBeLessThanOrEqual(24 * IN_COMPANY)
  // Their replies are begun and completed by few statements too.
  expect(await many(() => crypto.randomUUID())).toBeLessThanOrEqual(24 * IN_COMPANY + WITH_KEYS)
  const another = await relayAgent(house, relay.bea, 'another', relay.callerTenant)
  const agent = await relay.makeGrant({ agent: another, limits: { max_open_threads: 0 } })
  await start(agent.token)()
  const ofAgents = await costOf(() => Promise.all(Array.from({ length: 24 }, start(agent.token))))
  expect(ofAgents).toBeLessThanOrEqual(24 * IN_COMPANY + BOTH_SIDES)
})

test('R71 messages that leave one tenant at once are judged together, each by itself: who is refused is refused alone, and told in that tenant alone', async () => {
  const relay = await openRelay({ checkAnswers: false })
  const { house, bea } = relay
  await activate(
    bea,
    `@id("no-pay") forbid (principal is Agent, action == Action::"thread.start", resource) when { context.direction == "out" && context.skill == "pay" };
@id("asks") @ask("May {agent} write?") permit (principal is Agent, action == Action::"thread.start", resource) when { context.direction == "out" && context.skill == "echo" };
@id("rest") permit (principal is Agent, action, resource) unless { context has skill && context.skill == "echo" };
@id("people") permit (principal is User, action, resource);`,
  )
  const second = await relay.makeGrant({ agent: await relayAgent(house, bea, 'second', relay.callerTenant) })
  const tokens = [relay.grant.token, second.token]
  const bodies = Array.from({ length: 12 }, (_, i) => ({
    ...(i % 4 === 1
      ? { data: { amount: 5 }, skill: 'pay' }
      : i % 4 === 2
        ? { text: `ask ${i}`, skill: 'echo' }
        : { text: `in ${i}` }),
  }))
  const seen = listenIn(house)
  const answers = await Promise.all(bodies.map((body, i) => relay.start(body, { token: tokens[i % 2] as string })))
  expect(answers.map(({ status, body }) => [status, body.code ?? body.state])).toEqual(
    bodies.map((_, i) => (i % 4 === 1 ? [403, 'policy_denied'] : [202, i % 4 === 2 ? 'awaiting_approval' : 'queued'])),
  )
  expect(seen.filter((text) => text.includes('relay_sending')).length).toBeLessThan(12)
  const refused = await house.admin.rows<{ tenant: string; grant: string }>`
    select tenant_id::text as tenant, body::json -> 'data' ->> 'relay_grant_id' as grant from events where type = 'thread.refused' order by 2`
  expect(refused).toEqual(Array(3).fill({ tenant: relay.callerTenant, grant: second.id }))
  const there = await house.admin.rows<{ text: string }>`select id from threads`
  expect(there.length).toBe(6)
})
