// Requests of the proxy as the record tells them: listed, filtered, followed, and seen by whoever may.
import { expect, onTestFinished, test } from 'vitest'
import type { House } from '#harness'
import { systemClock } from '../../std/clock.ts'
import { newId, tenantWire } from '../../std/id.ts'
import { openVault } from '../../vault/testing/vault.ts'
import type { Judged } from '../decide/judge.ts'
import { connection as aConnection, definition, GRANT, view } from '../decide/testing/view.fixture.ts'
import { judgedEvent, settledEvent } from '../node/event.ts'
import type { ProxyEvent } from '../node/sql.ts'

const PATH = '/api/v1/proxy/requests'
const SETTLED = {
  ...{ status: 200, fault: null, bytesUp: 10, bytesDown: 20, upstreamMs: 3, ttfbMs: 2, totalMs: 4, redactions: 1 },
  ...{ replaced: false, retried: false, address: null, protocolUpstream: 'h2' as const },
}

async function proxied() {
  const { house } = await openVault()
  const at = systemClock.now()
  const one = { ...aConnection('1', definition('alpha', [{ host: 'api.example.com' }])), id: newId('conn') }
  const given = (agentId: string, runId: string) => {
    const made = view([one], { id: runId, tenant: tenantWire(house.tenantId), agentId })
    return { ...made, agent: { ...made.agent, id: agentId } }
  }
  const put = (event: ProxyEvent, agentId: string) => house.admin.run`
    insert into events (id, tenant_id, type, class, resource_type, resource_id, actor_id, decision, action, occurred_at, body)
    values (${event.id}::text, ${house.tenantId}::uuid, ${event.type}::text, ${event.class}::text, ${event.resource_type}::text,
      ${event.resource_id}::text, ${agentId}::text, ${event.decision}::text, ${event.action}::text, ${at}::timestamptz, ${event.body}::text)`
  const run = newId('run')
  const say = async (own: { method?: string; host?: string; agent?: string; run?: string; deny?: true; ended?: true }) => {
    const agentId = own.agent ?? house.agent.id
    const id = newId('req')
    const seen = given(agentId, own.run ?? run)
    const asked = {
      ...{ id, scheme: 'https' as const, host: own.host ?? 'api.example.com', port: 443, path: '/v1' },
      ...{ method: own.method ?? 'GET', clientAddress: '127.0.0.1' },
    }
    const judged = own.deny
      ? { outcome: 'deny' as const, reason: 'no_permit' as const, policy: null, connection: one }
      : ({
          outcome: 'allow',
          use: { connection: one, grant: { ...GRANT, id: newId('grt') }, effect: 'allow', minting: false },
        } as Judged)
    await put(judgedEvent(seen, asked, judged, at), agentId)
    if (own.ended) await put(settledEvent(seen, { id }, one.id, SETTLED, at), agentId)
    return id
  }
  return { house, say, run, connection: one }
}

const list = async (by: { get: House['alice']['get'] }, query = '') => {
  const answer = await by.get(`${PATH}${query}`)
  expect([answer.status, answer.body.code]).toEqual([200, undefined])
  return answer.body
}

test('V140 V120 requests are listed newest first, each with how it ended, and filtered by what they tell', async () => {
  const { house, say, run, connection } = await proxied()
  const [first, second, third] = [
    await say({ ended: true }),
    await say({ deny: true, method: 'POST' }),
    await say({ host: 'other.example.com', run: newId('run') }),
  ]
  const all = await list(house.alice)
  expect(all.data.map(({ request_id }: { request_id: string }) => request_id)).toEqual([third, second, first])
  expect(all.data[2]).toMatchObject({
    ...{
      agent_id: house.agent.id,
      run_id: run,
      connection_id: connection.id,
      outcome: 'allow',
      reason: null,
      host: 'api.example.com',
    },
    ended: { status: 200, bytes_up: 10, bytes_down: 20, total_ms: 4, redactions: 1 },
  })
  expect(all.data[1]).toMatchObject({ outcome: 'deny', reason: 'no_permit', method: 'POST', ended: null })
  const filters: [string, string[]][] = [
    [`?run_id=${run}`, [second, first]],
    [`?outcome=deny`, [second]],
    [`?reason=no_permit`, [second]],
    ['?host=other.example.com', [third]],
    [`?connection_id=${connection.id}&outcome=allow`, [third, first]],
    [`?agent_id=${newId('agt')}`, []],
    ['?from=2999-01-01T00:00:00Z', []],
  ]
  for (const [query, ids] of filters)
    expect([query, (await list(house.alice, query)).data.map((one: { request_id: string }) => one.request_id)]).toEqual([
      query,
      ids,
    ])
  const one = await house.alice.get(`${PATH}/${all.data[2].event_id}`)
  expect([one.status, one.body]).toEqual([200, all.data[2]])
  expect((await house.alice.get(`${PATH}/${newId('evt')}`)).status).toBe(404)
  const page = await list(house.alice, '?limit=2')
  expect((await list(house.alice, `?limit=2&cursor=${page.next_cursor}`)).data).toHaveLength(1)
})

test('V139 V140 an agent sees its own requests, a member those of their agents, a reviewer none', async () => {
  const { house, say } = await proxied()
  const own = await say({})
  const other = await house.alice.post('/api/v1/agents', { name: 'other' })
  await say({ agent: other.body.id })
  expect((await list(house.agent)).data.map((one: { request_id: string }) => one.request_id)).toEqual([own])
  expect((await list(house.alice)).data).toHaveLength(2)
  expect((await list(house.member)).data).toEqual([])
  const [{ event_id }] = (await list(house.agent)).data
  expect((await house.member.get(`${PATH}/${event_id}`)).status).toBe(404)
  expect((await house.reviewer.get(PATH)).status).toBe(403)
})

test('V140 requests are followed live, with how each ended, and a filter holds there too', async () => {
  const { house, say } = await proxied()
  const leave = new AbortController()
  onTestFinished(() => leave.abort())
  const answer = await house.agent.raw(`${PATH}/stream?outcome=allow`, { signal: leave.signal })
  expect(answer.status).toBe(200)
  await say({ deny: true })
  const id = await say({ ended: true })
  const told = await firstOf(answer, 2)
  expect(told.map(({ event, data }) => [event, data.request_id])).toEqual([
    ['request', id],
    ['ended', id],
  ])
  expect([told[0]?.data.outcome, told[1]?.data.status]).toEqual(['allow', 200])
})

type Sent = { event: string; data: Record<string, unknown> }

/** As many events as were asked for; comments are passed over. */
async function firstOf(answer: Response, count: number): Promise<Sent[]> {
  const found: Sent[] = []
  let text = ''
  for await (const chunk of answer.body as ReadableStream<Uint8Array>) {
    text += Buffer.from(chunk).toString('utf8')
    const blocks = text.split('\n\n')
    text = blocks.pop() as string
    for (const block of blocks) {
      const data = /^data: (.*)$/m.exec(block)?.[1]
      const event = /^event: (.*)$/m.exec(block)?.[1]
      if (data !== undefined && event !== undefined) found.push({ event, data: JSON.parse(data) as Sent['data'] })
    }
    if (found.length >= count) break
  }
  return found
}

test('V140 a simulation judges again what was recorded, and says what it was answered then', async () => {
  const { house, say } = await proxied()
  await say({})
  await say({ deny: true, method: 'POST' })
  const said = await house.alice.post('/api/v1/proxy/simulate', { since: '2020-01-01T00:00:00Z' })
  expect(said.body).toMatchObject({ judged: 2, changed: 0, skipped: 0 })
  // No connection of this tenant fits any more: what was let out then would be refused now.
  expect(
    said.body.data.map((one: { method: string; recorded: { outcome: string }; before: { outcome: string } }) => [
      one.method,
      one.recorded.outcome,
      one.before.outcome,
    ]),
  ).toEqual([
    ['POST', 'deny', 'deny'],
    ['GET', 'allow', 'deny'],
  ])
})
