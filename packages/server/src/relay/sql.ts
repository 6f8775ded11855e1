// The functions of the engine through which somebody of another tenant is found, and told (relay.md R7). Each names what it touches and answers no content.
import { type Sql, sql } from '../db/sql.ts'
import type { Scope, Tx } from '../db/tx.ts'
import type { AgentState } from '../identity/sql.ts'

export type CardPlace = {
  tenant_id: string
  card_id: string
  state: 'active' | 'paused' | 'retired'
  visibility: string
  tenant_state: string
}
export const cardPlace = (slug: string): Sql => sql`select * from countersign_engine.card_place(${slug}::text)`

/** Where a relay grant, connection request or thread lies. `party` is the grant or request itself, or the grant of the thread. */
export type Place = {
  tenant_id: string
  tenant_state: string
  party: string
  card_id: string
  slug: string
  asker_tenant: string | null
  asker_agent: string | null
  label: string
  state: string
  /** A thread that waits on its caller's side: to its owner's there is none. */
  is_held: boolean
  /** And so does its relay grant: nobody has agreed to it (R103). */
  is_waiting: boolean
}
export const relayPlace = (id: string): Sql =>
  sql`select *, false as is_held, false as is_waiting from countersign_engine.relay_place(${id}::text)
    union all select *, true, false from countersign_engine.held_place(${id}::text)
    union all select *, true, true from countersign_engine.waiting_place(${id}::text) limit 1`

/** Where a thread lies that is there. */
export const placeOfThread = (t: Tx, id: string) => t.maybe<{ tenant_id: string; party: string }>`
  select tenant_id, party from countersign_engine.relay_place(${id}::text)`

export type GrantBetween = {
  tenant_id: string
  tenant_state: string
  relay_grant_id: string
  card_id: string
  card_state: string
  scopes: string[]
  asker_tenant: string | null
  label: string
  dpop_jkt: string | null
  grant_over: boolean
}
export const grantBetween = (agentId: string, slug: string): Sql =>
  sql`select * from countersign_engine.grant_between(${agentId}::text, ${slug}::text)`

/** What an agent sent to a card last, before there was a relay grant (R103): `party` is the one that it opens, or has opened. */
export type WaitingBetween = Pick<Place, 'tenant_id' | 'tenant_state' | 'party' | 'label'> & { asker_tenant: string }
export const waitingBetween = (agentId: string, slug: string): Sql =>
  sql`select * from countersign_engine.waiting_between(${agentId}::text, ${slug}::text)`

export type RelayTokenInUse = {
  id: string
  tenant_id: string
  tenant_state: string
  relay_grant_id: string
  card_id: string
  slug: string
  card_state: string
  scopes: string[]
  grant_state: 'active' | 'revoked' | 'expired'
  grant_over: boolean
  expired: boolean
  ended: boolean
  address_allowed: boolean
  dpop_jkt: string | null
  asker_tenant: string | null
  asker_agent: string | null
  label: string
  environment: 'live' | 'test'
  asker_state: string | null
  agent_state: AgentState | null
}
/** Of any number of requests, each by its place among them. */
export const useRelayTokens = (hashes: readonly Buffer[], addresses: readonly (string | null)[]): Sql => sql`
  select used.*, asked.nth::integer from unnest(${hashes}::bytea[], ${addresses}::inet[]) with ordinality as asked (hash, address, nth)
  cross join lateral countersign_engine.use_relay_token(asked.hash, asked.address) as used`

export type ProofVerdict = { verdict: 'fresh' | 'replayed' | 'stale' | 'recovered'; at: Date }
export const useRelayProof = (one: { thumbprint: string; id: string; issuedAt: Date }): Sql =>
  sql`select * from countersign_engine.use_relay_proof(${one.thumbprint}::text, ${one.id}::text, ${one.issuedAt}::timestamptz)`

export type ThreadTokenInUse = {
  id: string
  tenant_id: string
  tenant_state: string
  thread_id: string
  relay_grant_id: string
  side: 'caller' | 'owner'
  expired: boolean
  minted_by: string
  first_minted_at: Date
  asker_tenant: string | null
  asker_agent: string | null
  label: string
  asker_state: string | null
  /** Of the agent that minted it. */
  agent_state: AgentState | null
}
export const useThreadToken = (hash: Buffer): Sql => sql`select * from countersign_engine.use_thread_token(${hash}::bytea)`

export type PlacedId = { tenant_id: string; id: string }
export const askedRequests = (t: Tx, tenantId: string, below: string | null, limit: number) => t.rows<PlacedId>`
  select tenant_id, id from countersign_engine.asked_requests(${tenantId}::uuid, ${below}::text, ${limit}::integer)`
export const askedGrants = (t: Tx, tenantId: string, below: string | null, limit: number) => t.rows<PlacedId>`
  select tenant_id, id from countersign_engine.asked_grants(${tenantId}::uuid, ${below}::text, ${limit}::integer)`

export const mirrorThreads = (t: Tx, threadIds: readonly string[]) =>
  t.run`select countersign_engine.mirror_threads(${threadIds}::text[])`

/** Events of asking sides, each beside its relay grant or connection request. */
export const tellAskers = (t: Tx, told: readonly { party: string; body: string }[]) =>
  t.run`select countersign_engine.tell_askers(${told.map((one) => one.party)}::text[], ${told.map((one) => one.body)}::text[])`

export const tellAsker = (t: Tx, party: string, bodies: readonly string[]) =>
  tellAskers(
    t,
    bodies.map((body) => ({ party, body })),
  )

export type DueThing = { what: 'thread' | 'grant' | 'request'; tenant_id: string; id: string }
export const relayDue = (limit: number): Sql => sql`select * from countersign_engine.relay_due(${limit}::integer)`

/** Whether a card is this agent's to serve, or was made by this person or stands for an agent of theirs. */
export const reachesCard = (t: Tx, scope: Scope, cardId: string) => t.one<{ own: boolean }>`
  select exists (
    select from cards c left join agents a on a.tenant_id = c.tenant_id and a.id = c.agent_id
    where c.tenant_id = ${scope.tenantId}::uuid and c.id = ${cardId}::text
      and case when ${scope.agentId}::text is not null then coalesce(c.agent_id = ${scope.agentId}::text, true)
        else c.created_by = ${scope.userId}::text or a.user_id = ${scope.userId}::text end
  ) as own`

export const ownsAgent = (t: Tx, scope: Scope, agentId: string | null) => t.one<{ own: boolean }>`
  select exists (
    select from agents a
    where a.tenant_id = ${scope.tenantId}::uuid and a.id = ${agentId}::text and (a.id = ${scope.agentId}::text or a.user_id = ${scope.userId}::text)
  ) as own`

/** Of the newest request of this agent for the card. */
export const findRequestState = (t: Tx, scope: Scope, cardId: string, agentId: string) => t.maybe<{
  id: string
  state: string
  thread_id: string | null
}>`
  select id, state, thread_id from connection_requests where tenant_id = ${scope.tenantId}::uuid and card_id = ${cardId}::text and asker_agent = ${agentId}::text
  order by id desc limit 1`

/** Those that still open something, whoever holds them being let to: relay tokens with a live relay grant, and thread tokens. */
export const liveTokens = (t: Tx, scope: Scope, ids: readonly string[]) => t.rows<{ id: string }>`
  select l.id from countersign_engine.live_relay_tokens(${scope.tenantId}::uuid, ${ids}::text[]) as l`

// Who accepts under a relay grant shares it, who ends it has it alone, and whoever comes after the one who waits stands behind them. Locks of the row would not do: those who share
// one pass whoever waits for it, for as long as any of them holds it, so that busy callers could put off a revocation for ever. The state is read by a statement after the lock.
const ofGrant = (id: string): Sql => sql`hashtextextended('relay grant ' || ${id}::text, 0)`
export const grantShare = (id: Sql): Sql => sql`pg_advisory_xact_lock_shared(hashtextextended('relay grant ' || ${id}, 0))`
export const shareGrantLock = (t: Tx, id: string) => t.run`select pg_advisory_xact_lock_shared(${ofGrant(id)})`
/** Those that can be had at once: whoever waits for one of them to end it is not passed. */
export const tryShareGrantLocks = (t: Tx, ids: readonly string[]) => t.rows<{ id: string }>`
  select x.id from unnest(${ids}::text[]) as x (id) where pg_try_advisory_xact_lock_shared(hashtextextended('relay grant ' || x.id, 0))`
export const wholeGrantLock = (t: Tx, id: string) => t.run`select pg_advisory_xact_lock(${ofGrant(id)})`
