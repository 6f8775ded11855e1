// What tests of the relay begin with: an owner with a card, another tenant with an agent, and the relay grant between them, as if it had all come to be by its routes.
import { type AgentCaller, type Client, clientOf, type House, type Person, type SetupOptions, setup } from '#harness'
import { canonical } from '../../crypto/canonical.ts'
import { mintKey, sha256 } from '../../crypto/token.ts'
import { newId } from '../../std/id.ts'

// biome-ignore lint/suspicious/noExplicitAny: a test reads whatever came back
export type Loose = any

export const SCOPES = ['threads:start', 'threads:send', 'threads:read', 'threads:close', 'threads:subscribe']
const CONTENT = {
  name: 'Echo',
  description: 'Says it again.',
  accepted_inputs: ['text/plain', 'application/json'],
  expected_outputs: ['text/plain'],
  skills: [
    { id: 'echo', name: 'Echo', description: 'Says it again.', tags: ['test'] },
    {
      id: 'pay',
      name: 'Pay',
      description: 'Pays.',
      tags: ['test'],
      facts: [{ name: 'amount', pointer: '/amount', type: 'long', required: true }],
    },
  ],
}

export type Card = { id: string; slug: string }
export type Granted = { id: string; token: string; tokenId: string }
export type RelayTest = {
  house: House
  card: Card
  /** Of the owner, with a key that serves. */
  server: AgentCaller
  /** Owner of the calling tenant. */
  bea: Person
  callerTenant: string
  caller: AgentCaller
  grant: Granted
  makeCard(own?: Record<string, unknown>): Promise<Card>
  makeGrant(own?: {
    card?: Card
    agent?: AgentCaller | null
    tenant?: string
    skills?: string[]
    limits?: object
    scopes?: string[]
    expires?: Date
  }): Promise<Granted>
  /** Whoever shows this credential. */
  bearer(token: string): Pick<Client, 'get' | 'post' | 'raw'>
  start(
    body?: Record<string, unknown>,
    own?: { token?: string; key?: string; card?: Card },
  ): Promise<{ status: number; body: Loose }>
  claim(body?: Record<string, unknown>, card?: Card): Promise<Loose[]>
  respond(threadId: string, body: Record<string, unknown>): Promise<{ status: number; body: Loose }>
  thread(id: string): Promise<Loose>
}

/** An agent that may do all of the relay. */
export const relayAgent = (house: House, owner: Person, name: string, tenantId?: string) =>
  house.given.agent({
    owner,
    name,
    ...(tenantId === undefined ? {} : { tenantId }),
    scopes: ['threads:*', 'cards:*', 'relay_grants:*', 'connection_requests:*', 'contacts:*'],
  })

export async function openRelay(options: SetupOptions = {}): Promise<RelayTest> {
  const house = await setup(options)
  const { admin } = house
  const server = await relayAgent(house, house.alice, 'echo-server')
  const callerTenant = await house.given.tenant('Callers')
  const bea = await house.given.user({ role: 'owner', tenantId: callerTenant, displayName: 'Bea' })
  const caller = await relayAgent(house, bea, 'caller', callerTenant)

  const makeCard: RelayTest['makeCard'] = async (own = {}) => {
    const id = newId('card')
    const slug = `echo-${id.slice(-8).toLowerCase()}`
    const { content = {}, ...columns } = own as { content?: object }
    const said = { ...CONTENT, ...content }
    await admin.run`
      insert into cards (id, tenant_id, agent_id, slug, name, environment, state_since, visibility, version, created_by, created_at, updated_at)
      values (${id}, ${house.tenantId}::uuid, ${server.id}, ${slug}, 'Echo', 'live', countersign.now(), 'public', 1, ${house.alice.id}, countersign.now(), countersign.now())`
    for (const [name, value] of Object.entries(columns))
      await admin.query(`update countersign.cards set ${name} = $1 where id = $2`, [value, id])
    await admin.run`
      insert into card_versions (card_id, tenant_id, number, content, content_hash, native, a2a, origin, author, created_at, signed_at)
      values (${id}, ${house.tenantId}::uuid, 1, ${JSON.stringify(said)}::json, ${sha256(canonical(said))}, ${Buffer.from(canonical(said))}, ${Buffer.from(canonical(said))},
        ${house.url}, ${house.alice.id}, countersign.now(), countersign.now())`
    return { id, slug }
  }
  const card = await makeCard()

  const makeGrant: RelayTest['makeGrant'] = async (own = {}) => {
    const {
      card: at = card,
      agent = caller,
      tenant = callerTenant,
      skills = null,
      limits = {},
      scopes = SCOPES,
      expires = null,
    } = own
    const id = newId('rgr')
    const tokenId = newId('rtk')
    const token = mintKey('live', 'rly')
    await admin.run`
      insert into relay_grants (id, tenant_id, card_id, asker_tenant, asker_agent, label, purpose, skills, scopes, limits, environment, state, state_since, created_by, created_at, expires_at)
      values (${id}, ${house.tenantId}::uuid, ${at.id}, ${agent ? tenant : null}::uuid, ${agent?.id ?? null}, 'Caller', 'to test', ${skills}::text[], ${scopes}::text[],
        ${JSON.stringify(limits)}::jsonb, 'live', 'active', countersign.now(), ${house.alice.id}, countersign.now(), ${expires}::timestamptz)`
    await admin.run`
      insert into relay_tokens (id, tenant_id, relay_grant_id, token_hash, prefix, last_four, scopes, created_by, created_at, expires_at)
      values (${tokenId}, ${house.tenantId}::uuid, ${id}, ${sha256(token)}, ${token.slice(0, 16)}, ${token.slice(-4)}, ${scopes}::text[], ${house.alice.id}, countersign.now(),
        countersign.now() + interval '90 days')`
    return { id, token, tokenId }
  }
  const grant = await makeGrant()

  const bearer = (token: string) => clientOf(house.url, { bearer: token })
  const start: RelayTest['start'] = (body = { text: 'hello' }, { token = grant.token, key, card: at = card } = {}) =>
    bearer(token).post(`/api/v1/agents/${at.slug}/threads`, body, key === undefined ? {} : { 'Idempotency-Key': key })
  const claim: RelayTest['claim'] = async (body = {}, at = card) => {
    const answer = await server.post(`/api/v1/agents/${at.slug}/inbox/claim`, body)
    if (answer.status !== 200) throw new Error(`claim: ${answer.status} ${JSON.stringify(answer.body)}`)
    return answer.body.data
  }
  return {
    ...{ house, card, server, bea, callerTenant, caller, grant, makeCard, makeGrant, bearer, start, claim },
    respond: (threadId, body) => server.post(`/api/v1/threads/${threadId}/responses`, body),
    thread: async (id) => (await server.get(`/api/v1/threads/${id}`)).body,
  }
}
