// Two owners on one server: Alice's tenant holds a card, another tenant has an agent that wants to reach it. For tests.
import { randomUUID } from 'node:crypto'
import { type AgentCaller, type Client, clientOf, type House, type Person, type SetupOptions, setup } from '#harness'
import { leastCard } from '../cards/testing/cards.ts'

export type Two = {
  house: House
  slug: string
  cardId: string
  /** Owner of the asking tenant, and its agent. */
  bea: Person
  caller: AgentCaller
  askerTenant: string
  /** Asks with the caller's key, as the route does. */
  ask(own?: object, by?: Client): Promise<Awaited<ReturnType<Client['post']>>>
  /** Asked and agreed to by Bob: the id of the relay grant, and its token. */
  connect(terms?: object): Promise<{ requestId: string; grantId: string; token: string }>
  /** With a bearer of any kind. */
  as(token: string): Client
  events(tenantId: string, like?: string): Promise<{ type: string; body: Record<string, unknown> }[]>
}

const KEY = ['threads:*', 'connection_requests:*', 'relay_grants:*', 'cards:*']

export async function openTwo(options: SetupOptions = {}, own: { scopes?: string[] } = {}): Promise<Two> {
  const house = await setup(options)
  const slug = `ada-${randomUUID().slice(0, 8)}`
  const skill = (id: string) => ({ id, name: id, description: `Does ${id}.`, tags: ['x'] })
  const card = await house.alice.post('/api/v1/cards', { ...leastCard(slug), skills: [skill('book'), skill('cancel')] })
  if (card.status !== 201) throw new Error(JSON.stringify(card.body))
  const askerTenant = await house.given.tenant('Bea & Co')
  const bea = await house.given.user({ role: 'owner', tenantId: askerTenant, displayName: 'Bea' })
  const caller = await agentOf(house, bea, own.scopes ?? KEY)
  const ask = (more: object = {}, by: Client = caller) =>
    by.post(`/api/v1/agents/${slug}/connection-requests`, { purpose: 'To book travel for our people.', ...more })
  return {
    ...{ house, slug, bea, caller, askerTenant, ask },
    cardId: card.body.id,
    async connect(terms = {}) {
      const asked = await ask()
      if (asked.status !== 201) throw new Error(JSON.stringify(asked.body))
      const agreed = await house.bob.post(`/api/v1/connection-requests/${asked.body.id}/approve`, terms)
      if (agreed.status !== 200) throw new Error(JSON.stringify(agreed.body))
      return { requestId: asked.body.id, grantId: agreed.body.relay_grant.id, token: agreed.body.relay_token }
    },
    as: (token) => clientOf(house.url, { bearer: token }),
    events: async (tenantId, like = '%') => {
      const rows = await house.admin.rows<{ type: string; body: string }>`
        select type, body from events where tenant_id = ${tenantId}::uuid and type like ${like} order by ord`
      return rows.map(({ type, body }) => ({ type, body: JSON.parse(body) }))
    },
  }
}

/** An agent of whoever is named, in their tenant, with a key. */
export async function agentOf(house: House, owner: Person, scopes: string[], name = 'bea-bot'): Promise<AgentCaller> {
  const agent = await owner.post('/api/v1/agents', { name })
  if (agent.status !== 201) throw new Error(JSON.stringify(agent.body))
  const key = await house.given.key({ kind: 'agt', agent_id: agent.body.id, name, scopes }, owner)
  return Object.assign(clientOf(house.url, { bearer: key.secret }), {
    id: agent.body.id as string,
    key: key.secret,
    keyId: key.id,
  })
}
