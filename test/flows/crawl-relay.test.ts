// Ids of the relay in foreign hands (relay.md R115, R120): what two tenants have between them is tried on every route of the contract table, by a third tenant's person and agent, by a
// relay token of another caller of the same card, and by thread tokens of another thread on either side; and by both faces. Each hears what it hears of ids that nobody has.
import { expect, test } from 'vitest'
import { type Client, clientOf } from '#harness'
import { BINDINGS, message, OPERATIONS, raw } from '../../packages/server/src/relay/a2a/testing/agent.ts'
import { leastCard } from '../../packages/server/src/relay/cards/testing/cards.ts'
import { askBeforeLeaving } from '../../packages/server/src/relay/testing/leaving.ts'
import { type Loose, openRelay, relayAgent } from '../../packages/server/src/relay/testing/relay.ts'
import { newId } from '../../packages/server/src/std/id.ts'
import { openReceiver } from '../../packages/server/src/webhooks/testing/receiver.ts'
import { ask, callOf, type Ids, nobodys, rootRoutes, routes } from './calls.ts'

/** Of everything that two tenants can have between them one, and whoever is not of them. */
async function furnish() {
  const there = await openReceiver()
  there.otherwise = 503
  const relay = await openRelay({ settings: { EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${there.port}` } })
  const { house, bea, caller } = relay
  const made = async (answer: Promise<{ status: number; body: Loose }>): Promise<Loose> => {
    const { status, body } = await answer
    expect(status, JSON.stringify(body)).toBeLessThan(300)
    return body
  }
  const card = await made(house.alice.post('/api/v1/cards', leastCard('ada-crawled')))
  const listed = await made(house.alice.post('/api/v1/cards', leastCard('ada-asked')))
  const request = await made(caller.post(`/api/v1/agents/${listed.slug}/connection-requests`, { purpose: 'to test' }))
  const grant = await relay.makeGrant({ card })
  const callback = { url: `${there.origin}/told`, generate_secret: true }
  const thread = await made(relay.start({ text: 'hello', callback }, { card, token: grant.token }))
  const [claimed] = await relay.claim({}, card)
  await made(relay.respond(thread.thread_id, { outcome: 'reply', text: 'answer', claim_token: claimed.claim_token }))
  const domain = await made(house.alice.post(`/api/v1/cards/${card.id}/domains`, { domain: 'example.com', method: 'dns' }))
  const block = await made(house.alice.post('/api/v1/blocks', { domain: 'blocked.example', reason: 'no' }))
  const exported = await made(house.alice.post('/api/v1/exports', { subject: 'thread', id: thread.thread_id }))
  const erasure = await made(house.alice.post('/api/v1/erasures', { subject: 'thread', id: thread.thread_id }))
  await house.runJobs()
  const [delivery] = (await bea.get('/api/v1/deliveries')).body.data
  const [event] = (await house.alice.get('/api/v1/events?type=thread.accepted')).body.data
  await askBeforeLeaving(bea)
  const held = await made(caller.post(`/api/v1/agents/${card.slug}/threads`, { text: 'held back' }))
  const owned: Record<string, string> = {
    ...{ card: card.id, creq: request.id, rgr: grant.id, rtk: grant.tokenId, thr: thread.thread_id, msg: thread.message_id },
    ...{ evt: event.id, dlv: delivery.id, whe: delivery.endpoint_id, agt: caller.id, task: held.approval.task_id },
  }
  for (const one of [domain, block, exported, erasure]) owned[(one.id as string).split('_')[0] as string] = one.id
  const heldBack: Record<string, string> = { thr: held.thread_id, msg: held.message_id, task: held.approval.task_id }

  // Others: a tenant that has nothing to do with it, whose agent calls the same card under a relay grant of its own.
  const tenant = await house.given.tenant('Others')
  const cleo = await house.given.user({ role: 'owner', tenantId: tenant })
  const robot = await relayAgent(house, cleo, 'robot', tenant)
  const theirs = await relay.makeGrant({ card, agent: robot, tenant })
  const own = await made(relay.start({ text: 'mine', want_thread_token: true }, { card, token: theirs.token }))
  const ofOwner = await made(house.alice.post(`/api/v1/threads/${own.thread_id}/access-tokens`, {}))
  const bearer = (token: string) => clientOf(house.url, { bearer: token })
  const others: Record<string, () => Promise<Client>> = {
    person: () => house.given.user({ role: 'owner', tenantId: tenant }),
    agent: async () => robot,
    'relay token': async () => bearer(theirs.token),
    'thread token of a caller': async () => bearer(own.thread_access_token),
    'thread token of the owner': async () => bearer(ofOwner.thread_access_token),
  }
  return { relay, there, card, owned, heldBack, others, theirs, thread, held }
}

test('R115 what two tenants have between them is answered like what never was to whoever is neither, on every route', {
  timeout: 600_000,
}, async () => {
  const { relay, owned, heldBack, others, thread } = await furnish()
  const tried = new Map<string, number>()
  const people = await (others.person as () => Promise<Client>)()
  for (const known of [owned, heldBack]) {
    const ids: Ids = (prefix) => known[prefix]
    for (const one of [...routes, ...rootRoutes]) {
      const { call, places } = callOf(one, ids)
      const found = [...places].filter((place) => known[place.split(':')[1] as string] !== undefined)
      if (found.length === 0 || (known === heldBack && !found.some((place) => place.endsWith(':thr') || place.endsWith(':msg'))))
        continue
      for (const [who, client] of Object.entries(others)) {
        const by = who === 'person' && one.method === 'GET' ? people : await client()
        const nobody = [await ask(by, callOf(one, nobodys).call)]
        const answer = await ask(by, call)
        if (!nobody.includes(answer)) nobody.push(await ask(by, callOf(one, nobodys).call))
        expect([who, one.method, one.path, nobody.includes(answer) ? answer : { answer, nobody }]).toEqual([
          who,
          one.method,
          one.path,
          answer,
        ])
        for (const place of found) tried.set(place, (tried.get(place) ?? 0) + 1)
      }
    }
  }
  for (const kind of ['card', 'creq', 'rgr', 'thr', 'msg', 'dlv', 'whe'])
    expect([kind, tried.get(`path:${kind}`) ?? 0]).toEqual([kind, expect.toSatisfy((n: number) => n > 4)])
  // And nothing of it changed.
  expect(await relay.thread(thread.thread_id)).toMatchObject({ state: 'responded' })
  expect((await relay.house.alice.get(`/api/v1/relay-grants/${owned.rgr}`)).body).toMatchObject({ state: 'active' })
  expect((await relay.bea.get(`/api/v1/connection-requests/${owned.creq}`)).body).toMatchObject({ state: 'pending' })
})

test.each(BINDINGS)('R115 nor is it there for any operation of A2A under another relay grant: %s', async (binding) => {
  const { relay, card, theirs, thread, held } = await furnish()
  const of = { house: relay.house, slug: card.slug, grant: theirs }
  const plain = (text: string) => text.replaceAll(/thr_[0-9A-Z]{26}/g, 'ID').replaceAll(/req_[0-9A-Z]+/g, 'ID')
  for (const method of OPERATIONS) {
    const answers: string[] = []
    for (const id of [thread.thread_id as string, held.thread_id as string, newId('thr')]) {
      const own = method.startsWith('Send') ? { message: message(undefined, { taskId: id }) } : {}
      const config = { id: method.includes('Config') ? 'mine' : id, taskId: id, url: 'https://example.com/' }
      const { status, text, headers } = await raw(of, binding, { method, params: { ...config, ...own } })
      answers.push(`${status} ${[...headers.keys()].sort().join()} ${plain(text)}`)
    }
    if (method === 'ListTasks' || method === 'GetExtendedAgentCard') continue
    expect([method, new Set(answers).size], answers.join('\n')).toEqual([method, 1])
  }
  const { text } = await raw(of, binding, { method: 'ListTasks', params: { pageSize: 100 } })
  expect([text.includes(thread.thread_id), text.includes(held.thread_id), /"totalSize":\s*1\b/.test(text)]).toEqual([
    false,
    false,
    true,
  ])
})
