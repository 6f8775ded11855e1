// The statements over relay grants and their tokens. A transition is one conditional update under the row's lock; zero rows is an answer.
import { type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import type { Limits } from '../cards/input.ts'
import type { RelayScope } from '../party.ts'
import { wholeGrantLock } from '../sql.ts'

export type GrantState = 'active' | 'revoked' | 'expired'

export type GrantRow = {
  id: string
  tenant_id: string
  card_id: string
  slug: string
  request_id: string | null
  asker_tenant: string | null
  asker_agent: string | null
  label: string
  purpose: string
  skills: string[] | null
  scopes: RelayScope[]
  limits: Partial<Limits>
  addresses: string[] | null
  dpop_jkt: string | null
  encryption: 'off' | 'optional' | 'required'
  environment: 'live' | 'test'
  sandbox: boolean
  token_seconds: number
  /** Made for one thread: it ends with that one (R103). */
  only_thread: string | null
  state: GrantState
  state_since: Date
  /** The nearer of the life of its newest token and of `ends_at`. */
  expires_at: Date | null
  /** What the owner has set: nothing goes beyond it. */
  ends_at: Date | null
  revision: number
  created_by: string
  created_at: Date
  ended_by: string | null
  ended_reason: string | null
}

const COLUMNS: Sql = sql`g.id, g.tenant_id, g.card_id, (select c.slug from cards c where c.tenant_id = g.tenant_id and c.id = g.card_id) as slug, g.request_id,
  g.asker_tenant, g.asker_agent, g.label, g.purpose, g.skills, g.scopes, g.limits, g.addresses::text[] as addresses, g.dpop_jkt, g.encryption, g.environment,
  g.sandbox, g.token_seconds, g.only_thread, g.state, g.state_since, g.expires_at, g.ends_at, g.revision, g.created_by, g.created_at, g.ended_by, g.ended_reason`

export type NewGrant = Pick<
  GrantRow,
  | 'id'
  | 'card_id'
  | 'request_id'
  | 'asker_tenant'
  | 'asker_agent'
  | 'label'
  | 'purpose'
  | 'skills'
  | 'scopes'
  | 'limits'
  | 'addresses'
  | 'dpop_jkt'
  | 'environment'
  | 'sandbox'
  | 'token_seconds'
  | 'only_thread'
>

export const insertGrant = (t: Tx, scope: Scope, one: NewGrant) => t.one<GrantRow>`
  insert into relay_grants as g (id, tenant_id, card_id, request_id, asker_tenant, asker_agent, label, purpose, skills, scopes, limits, addresses, dpop_jkt,
    environment, sandbox, token_seconds, only_thread, state, state_since, expires_at, ends_at, created_by, created_at)
  values (${one.id}::text, ${scope.tenantId}::uuid, ${one.card_id}::text, ${one.request_id}::text, ${one.asker_tenant}::uuid, ${one.asker_agent}::text,
    ${one.label}::text, ${one.purpose}::text, ${one.skills}::text[], ${one.scopes}::text[], ${JSON.stringify(one.limits)}::jsonb, ${one.addresses}::text[]::cidr[],
    ${one.dpop_jkt}::text, ${one.environment}::text, ${one.sandbox}::boolean, ${one.token_seconds}::integer, ${one.only_thread}::text, 'active', ${t.now}::timestamptz,
    ${t.now}::timestamptz + make_interval(secs => ${one.token_seconds}::integer),
    case when ${one.sandbox}::boolean then ${t.now}::timestamptz + make_interval(secs => ${one.token_seconds}::integer) end, ${scope.principal}::text, ${t.now}::timestamptz)
  returning ${COLUMNS}`

/** Once what it was opened for has gone in. */
export const setScopes = (t: Tx, scope: Scope, id: string, scopes: readonly RelayScope[]) => t.one<GrantRow>`
  update relay_grants g set scopes = ${[...scopes]}::text[] where g.tenant_id = ${scope.tenantId}::uuid and g.id = ${id}::text returning ${COLUMNS}`

export const endNow = (t: Tx, scope: Scope, id: string) => t.run`
  update relay_grants g set expires_at = ${t.now}::timestamptz, ends_at = ${t.now}::timestamptz
  where g.tenant_id = ${scope.tenantId}::uuid and g.id = ${id}::text and g.state = 'active'`

export const findGrant = (t: Tx, scope: Scope, id: string) => t.maybe<GrantRow>`
  select ${COLUMNS} from relay_grants g where g.tenant_id = ${scope.tenantId}::uuid and g.id = ${id}::text`

/** Rotation, renewal and the end of one grant take turns here; acceptance holds the same row FOR SHARE. */
export const lockGrant = (t: Tx, scope: Scope, id: string) => t.maybe<GrantRow>`
  select ${COLUMNS} from relay_grants g where g.tenant_id = ${scope.tenantId}::uuid and g.id = ${id}::text for no key update of g`

export const findActiveBetween = (t: Tx, scope: Scope, cardId: string, agentId: string) => t.maybe<GrantRow>`
  select ${COLUMNS} from relay_grants g
  where g.tenant_id = ${scope.tenantId}::uuid and g.card_id = ${cardId}::text and g.asker_agent = ${agentId}::text and g.state = 'active'`

export type GrantFilter = { state?: GrantState; card?: string }
/** Null: everything of the tenant. Else what this person made or stands behind, or what this agent serves. */
export type Own = { user: string | null; agent: string | null }

/** Of rows that name a card, by its name in the statement. */
export const ofOwn = ({ user, agent }: Own, row: Sql): Sql =>
  user === null && agent === null
    ? sql``
    : sql`and exists (
      select from cards c left join agents a on a.tenant_id = c.tenant_id and a.id = c.agent_id
      where c.tenant_id = ${row}.tenant_id and c.id = ${row}.card_id
        and case when ${agent}::text is not null then coalesce(c.agent_id = ${agent}::text, true)
          else c.created_by = ${user}::text or a.user_id = ${user}::text end)`

/** Of the owner's own tenant, newest first. */
export const listGrants = (
  t: Tx,
  scope: Scope,
  filter: GrantFilter,
  own: Own,
  below: string | null,
  limit: number,
) => t.rows<GrantRow>`
  select ${COLUMNS} from relay_grants g
  where g.tenant_id = ${scope.tenantId}::uuid and (${below}::text is null or g.id < ${below}::text)
    ${filter.state === undefined ? sql`` : sql`and g.state = ${filter.state}::text`}
    ${filter.card === undefined ? sql`` : sql`and exists (select from cards c where c.tenant_id = g.tenant_id and c.id = g.card_id and c.slug = ${filter.card}::text)`}
    ${ofOwn(own, sql`g`)}
  order by g.id desc limit ${limit}::integer`

export type GrantChange = { label: string; limits: Partial<Limits>; ends_at: Date | null }

/** `expires_at` follows: it is never beyond what the owner has set. */
export const updateGrantIfActive = (t: Tx, scope: Scope, id: string, change: GrantChange, expiresAt: Date) => t.maybe<GrantRow>`
  update relay_grants g set label = ${change.label}::text, limits = ${JSON.stringify(change.limits)}::jsonb, ends_at = ${change.ends_at}::timestamptz,
    expires_at = ${expiresAt}::timestamptz, warned_days = case when ${expiresAt}::timestamptz > g.expires_at then null else g.warned_days end, revision = g.revision + 1
  where g.tenant_id = ${scope.tenantId}::uuid and g.id = ${id}::text and g.state = 'active'
  returning ${COLUMNS}`

/** A new life, from now (G1); of one that expired within 30 days too (G3). */
export const restartGrantIf = (t: Tx, scope: Scope, id: string, from: GrantState, endsAt: Date | null) => t.maybe<GrantRow>`
  update relay_grants g set state = 'active', state_since = case when g.state = 'active' then g.state_since else ${t.now}::timestamptz end,
    ends_at = ${endsAt}::timestamptz, expires_at = least(${t.now}::timestamptz + make_interval(secs => g.token_seconds), ${endsAt}::timestamptz),
    ended_by = null, ended_reason = null, warned_days = null, revision = g.revision + 1
  where g.tenant_id = ${scope.tenantId}::uuid and g.id = ${id}::text and g.state = ${from}::text
    and case when g.state = 'active' then g.expires_at > ${t.now}::timestamptz else g.state_since > ${t.now}::timestamptz - interval '30 days' end
  returning ${COLUMNS}`

/** G2, G3: from the commit of this nothing is accepted under it. */
export const endGrantIfActive = async (
  t: Tx,
  scope: Scope,
  id: string,
  to: 'revoked' | 'expired',
  reason: string | null,
): Promise<GrantRow | null> => {
  await wholeGrantLock(t, id)
  return t.maybe<GrantRow>`
  update relay_grants g set state = ${to}::text, state_since = ${t.now}::timestamptz, ended_by = ${scope.principal}::text, ended_reason = ${reason}::text,
    revision = g.revision + 1
  where g.tenant_id = ${scope.tenantId}::uuid and g.id = ${id}::text and g.state = 'active'
    and (${to}::text = 'revoked' or g.expires_at <= ${t.now}::timestamptz)
  returning ${COLUMNS}`
}

export type TokenRow = {
  id: string
  relay_grant_id: string
  prefix: string
  last_four: string
  scopes: RelayScope[]
  created_at: Date
  expires_at: Date
  ends_at: Date | null
  last_used_on: string | null
  last_used_range: string | null
  is_live: boolean
}
const TOKEN: Sql = sql`k.id, k.relay_grant_id, k.prefix, k.last_four, k.scopes, k.created_at, k.expires_at, k.ends_at, k.last_used_on::text as last_used_on,
  k.last_used_range`
const isLive = (now: Date): Sql =>
  sql`(k.expires_at > ${now}::timestamptz and (k.ends_at is null or k.ends_at > ${now}::timestamptz)) as is_live`

export const insertToken = (
  t: Tx,
  scope: Scope,
  one: {
    id: string
    grantId: string
    hash: Buffer
    prefix: string
    lastFour: string
    scopes: readonly string[]
    expiresAt: Date
  },
) => t.run`
  insert into relay_tokens (id, tenant_id, relay_grant_id, token_hash, prefix, last_four, scopes, created_by, created_at, expires_at)
  values (${one.id}::text, ${scope.tenantId}::uuid, ${one.grantId}::text, ${one.hash}::bytea, ${one.prefix}::text, ${one.lastFour}::text, ${one.scopes}::text[],
    ${scope.principal}::text, ${t.now}::timestamptz, ${one.expiresAt}::timestamptz)`

/** Of some relay grants, newest first. */
export const findTokens = (t: Tx, scope: Scope, grantIds: readonly string[]) => t.rows<TokenRow>`
  select ${TOKEN}, ${isLive(t.now)} from relay_tokens k
  where k.tenant_id = ${scope.tenantId}::uuid and k.relay_grant_id = any (${grantIds}::text[])
  order by k.created_at desc, k.id desc`

export const findToken = (t: Tx, scope: Scope, id: string) => t.maybe<TokenRow>`
  select ${TOKEN}, ${isLive(t.now)} from relay_tokens k where k.tenant_id = ${scope.tenantId}::uuid and k.id = ${id}::text`

/** The live ones of a grant, each no later than it would have ended anyway. `but`: not this one. Answers how many. */
export const endTokens = (t: Tx, scope: Scope, grantId: string, at: Date, but: string | null = null) => t.run`
  update relay_tokens k set ends_at = least(${at}::timestamptz, k.ends_at)
  where k.tenant_id = ${scope.tenantId}::uuid and k.relay_grant_id = ${grantId}::text and k.id is distinct from ${but}::text
    and k.expires_at > ${t.now}::timestamptz and (k.ends_at is null or k.ends_at > ${t.now}::timestamptz)`

export const endTokenIfLive = (t: Tx, scope: Scope, id: string) => t.maybe<{ relay_grant_id: string }>`
  update relay_tokens k set ends_at = ${t.now}::timestamptz
  where k.tenant_id = ${scope.tenantId}::uuid and k.id = ${id}::text and k.expires_at > ${t.now}::timestamptz
    and (k.ends_at is null or k.ends_at > ${t.now}::timestamptz)
  returning k.relay_grant_id`

export type TokenPlace = { tenant_id: string; id: string; relay_grant_id: string }
export const tokenPlace = (hash: Buffer): Sql => sql`select * from countersign_engine.relay_token_place(${hash}::bytea)`

export type Ending = { tenant_id: string; id: string; days: number }
export const grantsEnding = (limit: number): Sql => sql`select * from countersign_engine.relay_grants_ending(${limit}::integer)`

/** Of two who warn at once one does: the guard repeats why the warning was due. */
export const markWarnedIfDue = (t: Tx, scope: Scope, id: string, days: number) => t.maybe<GrantRow>`
  update relay_grants g set warned_days = ${days}::integer
  where g.tenant_id = ${scope.tenantId}::uuid and g.id = ${id}::text and g.state = 'active' and (g.warned_days is null or g.warned_days > ${days}::integer)
    and g.expires_at <= ${t.now}::timestamptz + make_interval(days => greatest(${days}::integer, 1))
  returning ${COLUMNS}`

export type CardRow = {
  id: string
  slug: string
  name: string
  state: 'active' | 'paused' | 'retired'
  environment: 'live' | 'test'
  skills: string[]
  /** Those alone that everybody reads of. */
  open_skills: string[]
}
/** With the skills of its newest version; a relay grant gives those of the extended card too (R86). */
export const findCard = (t: Tx, scope: Scope, by: { id?: string; slug?: string }) => t.maybe<CardRow>`
  select c.id, c.slug, c.name, c.state, c.environment,
    array(select s.one ->> 'id' from json_array_elements(v.content -> 'skills') as s (one)
      union all select s.one ->> 'id' from json_array_elements(v.content -> 'extended' -> 'skills') as s (one)) as skills,
    array(select s.one ->> 'id' from json_array_elements(v.content -> 'skills') as s (one)) as open_skills
  from cards c join card_versions v on v.tenant_id = c.tenant_id and v.card_id = c.id and v.number = c.version
  where c.tenant_id = ${scope.tenantId}::uuid and (c.id = ${by.id ?? null}::text or c.slug = ${by.slug ?? null}::text)`

/** Whether that agent holds or held a relay grant to the card, and so has read all of it. */
export const hasReadAll = (t: Tx, scope: Scope, cardId: string, agentId: string) => t.one<{ is: boolean }>`
  select exists (select from relay_grants where tenant_id = ${scope.tenantId}::uuid and card_id = ${cardId}::text and asker_agent = ${agentId}::text) as is`

/** The agents of a person, by which they are on the asking side of something. */
export const agentsOf = async (t: Tx, scope: Scope, userId: string): Promise<string[]> =>
  (
    await t.rows<{ id: string }>`select id from agents where tenant_id = ${scope.tenantId}::uuid and user_id = ${userId}::text`
  ).map(({ id }) => id)

/** What was drafted under a relay grant and set aside (R79). */
export const discardStandingOnce = (t: Tx, scope: Scope, id: string, grantId: string) => t.run`
  insert into standing_discards (id, tenant_id, relay_grant_id, discarded_by, discarded_at)
  values (${id}::text, ${scope.tenantId}::uuid, ${grantId}::text, ${scope.principal}::text, ${t.now}::timestamptz) on conflict do nothing`

export const listDiscarded = async (t: Tx, scope: Scope, grantId: string): Promise<Set<string>> => {
  const rows = await t.rows<{ id: string }>`
    select id from standing_discards where tenant_id = ${scope.tenantId}::uuid and relay_grant_id = ${grantId}::text`
  return new Set(rows.map(({ id }) => id))
}
