// The statements over connection requests. A transition is one conditional update; zero rows is an answer.
import { type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import { type Own, ofOwn } from '../grants/sql.ts'
import type { Terms } from '../grants/terms.ts'

export type RequestState = 'pending' | 'approved' | 'denied' | 'withdrawn' | 'expired'

export type RequestRow = {
  id: string
  tenant_id: string
  card_id: string
  slug: string
  asker_tenant: string
  asker_agent: string
  asker_name: string
  asked_by: string
  purpose: string
  asked: Terms
  given: Terms | null
  state: RequestState
  state_since: Date
  issue: 'on_approve' | 'on_collect' | null
  task_id: string | null
  decided_by: string | null
  note: string | null
  note_visible: boolean
  relay_grant_id: string | null
  issued_at: Date | null
  policy_version: number | null
  on_timeout: 'deny' | 'escalate'
  escalated_at: Date | null
  /** Of the message that waits for it, and the relay grant that it opens (R103). */
  thread_id: string | null
  opens_grant_id: string | null
  created_at: Date
  expires_at: Date
}

const COLUMNS: Sql = sql`r.id, r.tenant_id, r.card_id, (select c.slug from cards c where c.tenant_id = r.tenant_id and c.id = r.card_id) as slug, r.asker_tenant,
  r.asker_agent, r.asker_name, r.asked_by, r.purpose, r.asked, r.given, r.state, r.state_since, r.issue, r.task_id, r.decided_by, r.note, r.note_visible,
  r.relay_grant_id, r.issued_at, r.policy_version, r.on_timeout, r.escalated_at, r.thread_id, r.opens_grant_id, r.created_at, r.expires_at`

export type NewRequest = Pick<
  RequestRow,
  | 'id'
  | 'card_id'
  | 'asker_tenant'
  | 'asker_agent'
  | 'asker_name'
  | 'asked_by'
  | 'purpose'
  | 'asked'
  | 'given'
  | 'state'
  | 'issue'
  | 'task_id'
  | 'decided_by'
  | 'policy_version'
  | 'on_timeout'
  | 'thread_id'
  | 'opens_grant_id'
  | 'expires_at'
>

/** Null: the same is waiting already (C1). */
export const insertIfNonePending = (t: Tx, scope: Scope, one: NewRequest) => t.maybe<RequestRow>`
  insert into connection_requests as r (id, tenant_id, card_id, asker_tenant, asker_agent, asker_name, asked_by, purpose, asked, given, state, state_since, issue,
    task_id, decided_by, policy_version, on_timeout, thread_id, opens_grant_id, created_at, expires_at)
  values (${one.id}::text, ${scope.tenantId}::uuid, ${one.card_id}::text, ${one.asker_tenant}::uuid, ${one.asker_agent}::text, ${one.asker_name}::text,
    ${one.asked_by}::text, ${one.purpose}::text, ${JSON.stringify(one.asked)}::jsonb, ${one.given && JSON.stringify(one.given)}::jsonb, ${one.state}::text,
    ${t.now}::timestamptz, ${one.issue}::text, ${one.task_id}::text, ${one.decided_by}::text, ${one.policy_version}::integer, ${one.on_timeout}::text, ${one.thread_id}::text,
    ${one.opens_grant_id}::text,
    ${t.now}::timestamptz, ${one.expires_at}::timestamptz)
  on conflict (tenant_id, asker_agent, card_id) where state = 'pending' do nothing
  returning ${COLUMNS}`

export const findRequest = (t: Tx, scope: Scope, id: string) => t.maybe<RequestRow>`
  select ${COLUMNS} from connection_requests r where r.tenant_id = ${scope.tenantId}::uuid and r.id = ${id}::text`

export const findPending = (t: Tx, scope: Scope, cardId: string, agentId: string) => t.maybe<RequestRow>`
  select ${COLUMNS} from connection_requests r
  where r.tenant_id = ${scope.tenantId}::uuid and r.card_id = ${cardId}::text and r.asker_agent = ${agentId}::text and r.state = 'pending'`

/** Two who fetch at once take turns here, and the second finds that it was fetched (R25). */
export const lockRequest = (t: Tx, scope: Scope, id: string) => t.maybe<RequestRow>`
  select ${COLUMNS} from connection_requests r where r.tenant_id = ${scope.tenantId}::uuid and r.id = ${id}::text for update of r`

export type RequestFilter = { state?: RequestState; card?: string }
export const listRequests = (
  t: Tx,
  scope: Scope,
  filter: RequestFilter,
  own: Own,
  below: string | null,
  limit: number,
) => t.rows<RequestRow>`
  select ${COLUMNS} from connection_requests r
  where r.tenant_id = ${scope.tenantId}::uuid and (${below}::text is null or r.id < ${below}::text)
    ${filter.state === undefined ? sql`` : sql`and r.state = ${filter.state}::text`}
    ${filter.card === undefined ? sql`` : sql`and exists (select from cards c where c.tenant_id = r.tenant_id and c.id = r.card_id and c.slug = ${filter.card}::text)`}
    ${ofOwn(own, sql`r`)}
  order by r.id desc limit ${limit}::integer`

export type Settling = {
  state: 'approved' | 'denied' | 'withdrawn' | 'expired'
  by: string | null
  given?: Terms
  issue?: 'on_approve' | 'on_collect'
  note?: string | null
  noteVisible?: boolean
  /** Of its task, where that was moved: the question is open for as long as people can answer it. */
  until?: Date
}

/** C3, C4, C5: of all who come one does it. An end by time needs no time to be left. */
export const settleIfPending = (t: Tx, scope: Scope, id: string, to: Settling) => t.maybe<RequestRow>`
  update connection_requests r set state = ${to.state}::text, state_since = ${t.now}::timestamptz, decided_by = ${to.by}::text,
    given = ${to.given ? JSON.stringify(to.given) : null}::jsonb, issue = ${to.issue ?? null}::text, note = ${to.note ?? null}::text,
    note_visible = ${to.noteVisible ?? false}::boolean
  where r.tenant_id = ${scope.tenantId}::uuid and r.id = ${id}::text and r.state = 'pending'
    and (${to.state}::text = 'expired' or greatest(r.expires_at, ${to.until ?? null}::timestamptz) > ${t.now}::timestamptz)
  returning ${COLUMNS}`

export const setGrant = (t: Tx, scope: Scope, id: string, grantId: string) => t.one<RequestRow>`
  update connection_requests r set relay_grant_id = ${grantId}::text where r.tenant_id = ${scope.tenantId}::uuid and r.id = ${id}::text
  returning ${COLUMNS}`

/** R25: of two who fetch it one does. */
export const issueIfNot = (t: Tx, scope: Scope, id: string) => t.maybe<RequestRow>`
  update connection_requests r set issued_at = ${t.now}::timestamptz
  where r.tenant_id = ${scope.tenantId}::uuid and r.id = ${id}::text and r.state = 'approved' and r.issued_at is null
  returning ${COLUMNS}`

export const escalateIfPending = (t: Tx, scope: Scope, id: string, until: Date) => t.run`
  update connection_requests r set escalated_at = ${t.now}::timestamptz, expires_at = ${until}::timestamptz
  where r.tenant_id = ${scope.tenantId}::uuid and r.id = ${id}::text and r.state = 'pending' and r.escalated_at is null`

export const isBlocked = (t: Tx, scope: Scope, asker: { tenant: string; agent: string }) => t.one<{ blocked: boolean }>`
  select countersign_engine.is_blocked_by(${scope.tenantId}::uuid, ${asker.tenant}::uuid, ${asker.agent}::text) as blocked`

/** Whoever made the card, and whose agent serves it: they may decide who reaches it. */
export const ownersOfCard = (t: Tx, scope: Scope, cardId: string) => t.one<{ owners: string[] }>`
  select array_remove(array[case when c.created_by like 'usr\_%' then c.created_by end, a.user_id], null) as owners
  from cards c left join agents a on a.tenant_id = c.tenant_id and a.id = c.agent_id
  where c.tenant_id = ${scope.tenantId}::uuid and c.id = ${cardId}::text`

export type AskingAgent = { id: string; name: string; user_id: string | null; state: string; environment: string }
export const findAskingAgent = (t: Tx, scope: Scope, id: string, ownedBy: string | null) => t.maybe<AskingAgent>`
  select a.id, a.name, a.user_id, a.state, a.environment from agents a
  where a.tenant_id = ${scope.tenantId}::uuid and a.id = ${id}::text and (${ownedBy}::text is null or a.user_id = ${ownedBy}::text)`

export const isOfAskingSide = (t: Tx, askerTenant: string, userId: string) => t.one<{ is: boolean }>`
  select countersign_engine.is_of_asking_side(${askerTenant}::uuid, ${userId}::text) as is`

export type ConductRow = { tenant_id: string; cards_asked: number; refusals: number; times_limited: number; domains: string[] }
export const findConduct = (t: Tx, tenants: readonly string[]) => t.rows<ConductRow>`
  select a.id as tenant_id, c.cards_asked, c.refusals, c.times_limited, p.domains
  from unnest(${tenants}::uuid[]) as a (id) cross join lateral countersign_engine.asker_conduct(a.id) c
    cross join lateral countersign_engine.peer_proofs(a.id, '') p`

export const addLimited = (t: Tx, scope: Scope, times: number) => t.run`
  insert into relay_limited as l (day, tenant_id, times) values ((${t.now}::timestamptz at time zone 'UTC')::date, ${scope.tenantId}::uuid, ${times}::integer)
  on conflict (tenant_id, day) do update set times = l.times + excluded.times`

/** `peer`: an agent of the tenant, or a card. */
export const peerProofs = (t: Tx, tenantId: string, peer: string) => t.one<{ domains: string[]; card_proved: boolean }>`
  select domains, card_proved from countersign_engine.peer_proofs(${tenantId}::uuid, ${peer}::text)`

export const peerTenant = (t: Tx, tenantId: string) => t.maybe<{ name: string; created_at: Date }>`
  select name, created_at from countersign_engine.peer_tenant(${tenantId}::uuid)`
