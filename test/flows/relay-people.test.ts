// Who decides and who reads in the relay (relay.md R124): agents never decide, by no route and no task; what people read is on the record; auditors and viewers see envelopes,
// decisions and receipts.
import { expect, test } from 'vitest'
import type { Client, Person } from '#harness'
import { sealStep } from '../../packages/server/src/events/audit/sealing.ts'
import { leastCard } from '../../packages/server/src/relay/cards/testing/cards.ts'
import { type Loose, openRelay } from '../../packages/server/src/relay/testing/relay.ts'
import { openReceiver } from '../../packages/server/src/webhooks/testing/receiver.ts'
import { callOf, type Ids, rootRoutes, routes } from './calls.ts'

const POLICY = `@id("comes") @ask("Let it in?") permit (principal is Agent, action == Action::"thread.start", resource) when { context has direction && context.direction == "in" };
@id("answers") @ask("May we answer this?") permit (principal is Agent, action == Action::"thread.respond", resource);
@id("serve") permit (principal is Agent, action, resource) unless {
  action == Action::"thread.start" || action == Action::"thread.respond" || action == Action::"connection_request.create" };
@id("connects") @ask("Let them ask?") permit (principal is Agent, action == Action::"connection_request.create", resource);
@id("people") permit (principal is User, action, resource);`

async function activate(owner: Pick<Person, 'post'>, text: string): Promise<void> {
  const saved = await owner.post('/api/v1/policies', { text })
  expect([saved.status, saved.body.errors]).toEqual([201, []])
  expect((await owner.post(`/api/v1/policies/${saved.body.version}/activate`, {})).status).toBe(200)
}

test('R124 an agent’s key decides no approval, no held reply, no listing and no connection request, by route or by task', {
  timeout: 60_000,
}, async () => {
  const relay = await openRelay()
  const { house, bea, caller } = relay
  await activate(house.bob, POLICY)
  const made = await house.alice.post('/api/v1/cards', leastCard('ada-listed'))
  expect((await house.alice.post(`/api/v1/cards/${made.body.id}/listing`, { action: 'submit' })).status).toBe(200)
  const asked = await caller.post('/api/v1/agents/ada-listed/connection-requests', { purpose: 'to test' })
  expect(asked.status).toBe(201)
  const first = (await relay.start({ text: 'may I come in?' })).body
  const agreed = await house.bob.post(`/api/v1/tasks/${first.approval.task_id}/decide`, { type: 'accept', seen_revision: 1 })
  expect(agreed.status).toBe(200)
  await relay.claim()
  expect((await relay.respond(first.thread_id, { text: 'as drafted' })).body.reason).toBe('reply_held')
  await relay.start({ text: 'and I?' })
  await house.runJobs()

  const scopes = ['tasks:*', 'threads:*', 'cards:*', 'connection_requests:*', 'relay_grants:*', 'contacts:*']
  const agents: Client[] = [relay.server, caller]
  for (const owner of [house.alice, house.bob]) agents.push(await house.given.agent({ owner, name: 'eager', scopes }))
  const open = () =>
    house.admin.rows<{ id: string; kind: string }>`
      select id, split_part(origin_ref, '_', 1) as kind from tasks where tenant_id = ${house.tenantId}::uuid and status = 'open' and origin = 'relay' order by id`
  const before = await open()
  expect(new Set(before.map(({ kind }) => kind))).toEqual(new Set(['msg', 'card', 'creq']))
  for (const agent of agents) {
    for (const { id, kind } of before)
      for (const type of ['accept', 'deny', 'respond']) {
        const { status } = await agent.post(`/api/v1/tasks/${id}/decide`, { type, seen_revision: 1, reason: 'I say so' })
        expect([kind, type, [403, 404].includes(status) ? 'refused' : status]).toEqual([kind, type, 'refused'])
      }
    for (const [path, body] of [
      [`connection-requests/${asked.body.id}/approve`, {}],
      [`connection-requests/${asked.body.id}/deny`, { reason: 'no' }],
      [`cards/${made.body.id}/review`, { version: 1, decision: 'list' }],
    ] as const) {
      const { status } = await agent.post(`/api/v1/${path}`, body)
      expect([path, [403, 404].includes(status) ? 'refused' : status]).toEqual([path, 'refused'])
    }
  }
  expect(await open()).toEqual(before)
  expect((await bea.get(`/api/v1/connection-requests/${asked.body.id}`)).body.state).toBe('pending')
})

test('R124 what a person reads of a thread is on the record of their own side, again once more was said; what agents read is not', async () => {
  const relay = await openRelay()
  const { house, bea, caller, server } = relay
  const { thread_id: id } = (await relay.start({ text: 'hello' })).body
  await relay.respond(id, { text: 'one' })
  const reader = async (who: Person) =>
    relay.bearer((await who.post(`/api/v1/threads/${id}/access-tokens`, {})).body.thread_access_token)
  const views = async (who: Pick<Person, 'get'>): Promise<Loose[]> =>
    (await who.get('/api/v1/events?type=thread.viewed')).body.data
  const [alice, other] = [await reader(house.alice), await reader(bea)]
  for (const agent of [caller, server]) expect((await agent.get(`/api/v1/threads/${id}/messages`)).status).toBe(200)
  expect(await views(house.alice)).toEqual([])
  const { data } = (await alice.get(`/api/v1/threads/${id}/messages`)).body
  expect(data[0].parts).toEqual([{ text: 'hello' }])
  expect((await alice.get(`/api/v1/threads/${id}/messages/${data[0].id}`)).status).toBe(200)
  expect((await alice.get(`/api/v1/threads/${id}/artifacts`)).status).toBe(200)
  expect(await views(house.alice)).toMatchObject([{ actor: { id: house.alice.id }, data: { thread_id: id, side: 'owner' } }])
  await relay.respond(id, { text: 'two', outcome: 'completed' })
  await alice.get(`/api/v1/threads/${id}/messages`)
  expect(await views(house.alice)).toHaveLength(2)
  expect((await other.get(`/api/v1/threads/${id}/messages`)).body.data).toHaveLength(5)
  expect(await views(bea)).toMatchObject([{ actor: { id: bea.id }, data: { thread_id: id, side: 'caller' } }])
  expect(await views(house.alice)).toHaveLength(2)
})

/** Every route that reads, with the ids of what there is. */
const READS = [...routes, ...rootRoutes].filter(({ method, path }) => method === 'GET' && !path.startsWith('/assets'))

test('R124 auditors and viewers see envelopes, decisions and receipts, and nothing of what was said, by no route that reads', {
  timeout: 480_000,
}, async () => {
  const there = await openReceiver()
  const relay = await openRelay({ settings: { EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${there.port}` } })
  const { house, grant } = relay
  const hook = await house.alice.post('/api/v1/endpoints', { url: `${there.origin}/hook`, events: '*', verify: false })
  await activate(house.bob, POLICY)
  const word = `cnry${crypto.randomUUID()}`
  const { thread_id: id, message_id, approval } = (await relay.start({ text: word })).body
  await house.bob.post(`/api/v1/tasks/${approval.task_id}/decide`, { type: 'accept', seen_revision: 1 })
  const reply = await relay.respond(id, { text: word })
  await house.bob.post(`/api/v1/tasks/${reply.body.approval.task_id}/decide`, { type: 'accept', seen_revision: 1 })
  await house.runJobs()
  await sealStep({ db: house.db })
  const [delivery] = (await house.alice.get('/api/v1/deliveries')).body.data
  const [event] = (await house.alice.get('/api/v1/events?type=approval.decided')).body.data
  const known: Record<string, string> = {
    ...{ thr: id, msg: message_id, task: approval.task_id, rgr: grant.id, card: relay.card.id, agt: relay.server.id },
    ...{ evt: event.id, whe: hook.body.id, dlv: delivery.id },
  }
  const named = (path: string) => path.replace('/agents/agent-a', `/agents/${relay.card.slug}`)
  const ids: Ids = (prefix) => known[prefix]
  for (const [who, person] of [
    ['auditor', house.auditor],
    ['viewer', house.viewer],
  ] as const) {
    let read = 0
    for (const one of READS) {
      const { call } = callOf(one, ids)
      if (/stream/.test(one.path)) continue
      for (const query of one.path.includes(':') ? [''] : ['', '?include=payload,response&limit=100', `?q=${word}`]) {
        const path = `${named(call.path).split('?')[0]}${query}`
        const answer = await person.raw(path, { method: 'GET' })
        const text = await answer.text()
        if (answer.status === 200 && text.length > 2) read++
        expect([who, path, text.replaceAll(encodeURIComponent(word), '').split(word).length - 1]).toEqual([who, path, 0])
      }
    }
    expect(read).toBeGreaterThan(30)
    const threads = await person.get('/api/v1/threads')
    expect(threads.body.data).toMatchObject([{ id, state: 'responded' }])
    const decisions = await person.get(`/api/v1/tasks/${approval.task_id}/decisions`)
    expect([decisions.status, decisions.body.data?.length], JSON.stringify(decisions.body)).toEqual([200, 1])
    const minted = await person.post(`/api/v1/threads/${id}/access-tokens`, {})
    expect(minted.status).toBe(403)
  }
  const decided = (await house.auditor.get('/api/v1/events?type=approval.decided')).body.data
  expect(decided.map(({ data }: Loose) => data)).toMatchObject([{ decision: 'agreed' }, { decision: 'agreed', thread_id: id }])
  expect((await house.auditor.get(`/api/v1/events/${decided[0].id}/receipt`)).status).toBe(200)
})
