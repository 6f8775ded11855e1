// An installation in which each page of the relay has something to show: cards, requests, relay grants and threads from both sides and in most states, what could not be delivered, and
// names and words as long and as strange as others may write them.
import { onTestFinished } from 'vitest'
import { leastCard, wholeCard } from '../../packages/server/src/relay/cards/testing/cards.ts'
import { type Card, type Granted, type Loose, openRelay } from '../../packages/server/src/relay/testing/relay.ts'
import { openReceiver } from '../../packages/server/src/webhooks/testing/receiver.ts'
import type { Person } from '../harness/index.ts'
import { pagesBuilt } from './browser.ts'

const LONG = 'The travel desk of the northern sales region with everybody who ever worked there and their deputies'
const HOSTILE = '<img src=x onerror="window.hacked=1"> pay 100\u202e001 [link](javascript:alert(1))'
const ASKS = `@id("asks") @ask("May {agent} write to us?") permit (principal is Agent, action in [Action::"thread.start", Action::"thread.send"], resource) when { context has skill && context.skill == "pay" };
@id("connect") @ask("May {agent} be connected?") permit (principal is Agent, action == Action::"connection_request.create", resource);
@id("rest") permit (principal is Agent, action in [Action::"thread.start", Action::"thread.send"], resource) unless { context has skill && context.skill == "pay" };
@id("server") permit (principal is Agent, action in [Action::"thread.respond", Action::"thread.serve", Action::"thread.read"], resource);
@id("people") permit (principal is User, action, resource);`
const WAITS = ['0s', '6s', '6m', '35m', '3h', '6h', '12h', '16h', '23h', '27h']

export type World = Awaited<ReturnType<typeof openWorld>>

/** `exhausted`: how many messages used up their schedule. */
export async function openWorld({ exhausted = 3 }: { exhausted?: number } = {}) {
  const there = await openReceiver()
  const settings = { EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${there.port}` }
  const relay = await openRelay({ pages: pagesBuilt(), settings, sandbox: true })
  const { house, callerTenant, server, start, claim, respond, bearer, makeGrant } = relay
  onTestFinished(() => there.release())

  // What used up its schedule first, for it takes days.
  const pushed = await made(house.alice, 'ada-push', { agent_id: server.id, name: 'Ada, by push' })
  const delivery = { mode: 'push', url: `${there.origin}/agent`, generate_secret: true }
  must(await house.alice.put(`/api/v1/cards/${pushed.id}/delivery`, delivery), 200)
  const pusher = await makeGrant({ card: pushed })
  there.otherwise = 500
  for (let i = 0; i < exhausted; i++) must(await start({ text: `Order ${i}` }, { card: pushed, token: pusher.token }), 202)
  for (const wait of exhausted > 0 ? WAITS : []) {
    await house.clock.advance(wait)
    await house.runJobs()
  }
  there.otherwise = 204

  // What `openRelay` makes without the door is no whole card, and lists of cards show whole ones.
  await house.admin.run`
    update card_versions set content = (select p.content::jsonb from card_versions p where p.card_id = ${pushed.id} order by p.number desc limit 1) || content::jsonb
      || jsonb_build_object('slug', ${relay.card.slug}::text) where card_id = ${relay.card.id}`

  const owner = await house.given.user({ role: 'owner', displayName: 'Olga' })
  const other = await house.given.user({ role: 'owner', tenantId: callerTenant, displayName: 'Bea' })
  const saved = await owner.post('/api/v1/policies', { text: ASKS })
  must(await owner.post(`/api/v1/policies/${saved.body.version}/activate`, {}), 200)

  // Cards, and who asks for them.
  const card = await made(owner, 'ada-travel', { ...wholeCard('ada-travel'), name: 'Ada Travel', approval: 'connection' })
  const narrow = await made(owner, 'ada-narrow', {
    name: LONG.slice(0, 80),
    summary: HOSTILE.replaceAll('\u202e', ''),
    unapproved: 'request',
  })
  must(await owner.post(`/api/v1/cards/${card.id}/listing`, { action: 'submit' }), 200)
  const agents: Loose[] = []
  for (const name of ['planner', 'a-very-long-name-of-an-agent-that-somebody-thought-was-clear', 'third', 'fourth'])
    agents.push(
      await house.given.agent({ owner: other, name, tenantId: callerTenant, scopes: ['threads:*', 'connection_requests:*'] }),
    )
  const ask = async (by: Loose, purpose: string) =>
    must(await by.post('/api/v1/agents/ada-travel/connection-requests', { purpose, skills: ['book.flight', 'cancel'] }), 201).body
  const pending = await ask(agents[0], 'Trips of our sales team')
  const approved = await ask(agents[1], `${LONG}. ${LONG}. ${LONG}`)
  const denied = await ask(agents[2], HOSTILE)
  must(
    await owner.post(`/api/v1/connection-requests/${approved.id}/approve`, {
      skills: ['cancel'],
      expires_in_seconds: 86_400,
      issue: 'on_collect',
    }),
    200,
  )
  must(await owner.post(`/api/v1/connection-requests/${denied.id}/deny`, { note: 'Not now', note_visible: true }), 200)
  const first = must(await agents[3].post('/api/v1/agents/ada-narrow/threads', { text: HOSTILE, skill: 'book' }), 202).body

  // Relay grants and their threads.
  const grants: Record<string, Granted> = {
    plain: relay.grant,
    near: await makeGrant({
      agent: null,
      limits: { max_open_threads: 5, messages_per_day: 20, bytes_per_day: 100_000, rate: 60 },
    }),
  }
  const revoked = await makeGrant({ agent: null })
  must(await owner.post(`/api/v1/relay-grants/${revoked.id}/revoke`, { reason: 'The season is over' }), 200)
  await house.admin.run`update relay_grants set label = ${LONG} where id = ${grants.near?.id}`
  const near = { token: (grants.near as Granted).token }
  for (let i = 0; i < 4; i++) must(await start({ text: `Order ${i}`, skill: 'echo' }, near), 202)
  const answered = must(await start({ text: 'A train to Rome, please.\n\nFor two, by the window.', skill: 'echo' }), 202).body
  const asked = must(await start({ data: { amount: 4900, currency: 'EUR', to: HOSTILE }, skill: 'pay' }), 202).body
  const works: Loose[] = (await claim({ limit: 10 })) as Loose[]
  const work = works.find(({ thread }) => thread.id === answered.thread_id)
  const artifacts = [
    {
      artifact_id: 'plan',
      name: 'Plan',
      description: 'Two seats.',
      parts: [{ data: { leaves: '8:10', price: 4900 } }, { text: HOSTILE }],
    },
    {
      artifact_id: 'ticket',
      name: LONG,
      parts: [
        { raw: 'JVBERi0=', media_type: 'application/pdf', filename: 'ticket.pdf' },
        { url: `https://rail.example/${'a'.repeat(200)}` },
      ],
    },
  ]
  must(await respond(answered.thread_id, { text: 'Tomorrow, 8:10', artifacts, claim_token: work?.claim_token }), 200)
  must(await bearer(relay.grant.token).post(`/api/v1/threads/${answered.thread_id}/messages`, { text: 'Good. And back?' }), 202)
  return {
    ...{
      relay,
      house,
      there,
      owner,
      other,
      card,
      narrow,
      pushed,
      pending,
      approved,
      denied,
      first,
      grants,
      revoked,
      answered,
      asked,
      agents,
    },
    waiting: { id: works.length > 0 ? (works[0].thread.id as string) : '' },
  }
}

async function made(by: Person, slug: string, own: object): Promise<Card> {
  const { body } = must(await by.post('/api/v1/cards', { ...leastCard(slug), ...own, slug }), 201)
  return { id: body.id, slug: body.slug }
}

function must<T extends { status: number; body: Loose }>(answer: T, status: number): T {
  if (answer.status !== status) throw new Error(`${answer.status}: ${JSON.stringify(answer.body)}`)
  return answer
}
