// The statements over cards, their versions and the keys that sign them. A version's content never changes; its bytes do where they are signed anew (R15, R17).
import type { CardAlgorithm, CardJwk } from '../../crypto/card-signature.ts'
import { type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import type { Only } from '../../identity/sql.ts'
import type { CardContent, DeliveryMode, Limits, Visibility } from './input.ts'

export type CardState = 'active' | 'paused' | 'retired'
export type CardRow = {
  id: string
  agent_id: string | null
  slug: string
  name: string
  environment: 'live' | 'test'
  state: CardState
  state_since: Date
  paused_reason: string | null
  visibility: Visibility
  version: number
  listing: 'direct_link_only' | 'submitted' | 'listed' | 'rejected'
  listed_version: number | null
  submitted_version: number | null
  listing_note: string | null
  is_primary: boolean
  delivery_mode: DeliveryMode
  on_exhausted: 'queue' | 'fail'
  direct_messages: boolean
  unapproved: 'refuse' | 'request'
  idle_seconds: number
  reply_closes_after_seconds: number
  ring_seconds: number
  created_by: string
  created_at: Date
  updated_at: Date
  /** Of its newest version. */
  content: CardContent
  content_hash: Buffer
}

const COLUMNS: Sql = sql`c.id, c.agent_id, c.slug, c.name, c.environment, c.state, c.state_since, c.paused_reason, c.visibility, c.version, c.listing,
  c.listed_version, c.submitted_version, c.listing_note, c.is_primary, c.delivery_mode, c.on_exhausted, c.direct_messages, c.unapproved, c.idle_seconds, c.reply_closes_after_seconds,
  c.ring_seconds, c.created_by, c.created_at, c.updated_at, v.content, v.content_hash`
const CURRENT: Sql = sql`cards c join card_versions v on v.tenant_id = c.tenant_id and v.card_id = c.id and v.number = c.version`

/** A user's own are those that they made, or that an agent of theirs serves; an agent's those that it serves, or that any agent may. */
const seenBy = ({ user, agent }: Only): Sql => sql`(${user}::text is null or c.created_by = ${user}::text or exists (
      select from agents a where a.tenant_id = c.tenant_id and a.id = c.agent_id and a.user_id = ${user}::text))
    and (${agent}::text is null or coalesce(c.agent_id = ${agent}::text, true))`

/** Whoever changes a card: an agent only that which it serves. */
const keptBy = (only: Only): Sql => sql`${seenBy(only)} and (${only.agent}::text is null or c.agent_id = ${only.agent}::text)`

export const findCard = (t: Tx, scope: Scope, id: string, only: Only) => t.maybe<CardRow>`
  select ${COLUMNS} from ${CURRENT} where c.tenant_id = ${scope.tenantId}::uuid and c.id = ${id}::text and ${seenBy(only)}`

// Two who save at once: the second waits and then finds that its If-Match is stale.
export const lockCard = (t: Tx, scope: Scope, id: string, only: Only) => t.maybe<{ id: string }>`
  select c.id from cards c where c.tenant_id = ${scope.tenantId}::uuid and c.id = ${id}::text and ${keptBy(only)} for no key update`

export type CardFilter = { state?: CardState; agent_id?: string; visibility?: Visibility }
export const listCards = (
  t: Tx,
  scope: Scope,
  filter: CardFilter,
  only: Only,
  before: string | null,
  limit: number,
) => t.rows<CardRow>`
  select ${COLUMNS} from ${CURRENT}
  where c.tenant_id = ${scope.tenantId}::uuid and ${seenBy(only)}
    and (${filter.state ?? null}::text is null or c.state = ${filter.state ?? null}::text)
    and (${filter.agent_id ?? null}::text is null or c.agent_id = ${filter.agent_id ?? null}::text)
    and (${filter.visibility ?? null}::text is null or c.visibility = ${filter.visibility ?? null}::text)
    and (${before}::text is null or c.id < ${before}::text)
  order by c.id desc limit ${limit}::integer`

/** What the row of a card takes from its content and settings. */
export type CardColumns = Pick<
  CardRow,
  | 'agent_id'
  | 'slug'
  | 'name'
  | 'visibility'
  | 'is_primary'
  | 'direct_messages'
  | 'unapproved'
  | 'idle_seconds'
  | 'reply_closes_after_seconds'
  | 'ring_seconds'
> & { retention_days: number | null; max_message_bytes: number; limits: Limits }

/** 0: the slug is somebody's, of whatever tenant. */
export const insertCardIfFree = (
  t: Tx,
  scope: Scope,
  one: CardColumns & { id: string; environment: 'live' | 'test'; created_by: string },
) => t.run`
  insert into cards (id, tenant_id, agent_id, slug, name, environment, state_since, visibility, version, is_primary, direct_messages, unapproved,
    retention_days, idle_seconds, reply_closes_after_seconds, ring_seconds, max_message_bytes, limits, created_by, created_at, updated_at)
  values (${one.id}::text, ${scope.tenantId}::uuid, ${one.agent_id}::text, ${one.slug}::text, ${one.name}::text, ${one.environment}::text,
    ${t.now}::timestamptz, ${one.visibility}::text, 1, ${one.is_primary}::boolean, ${one.direct_messages}::boolean, ${one.unapproved}::text,
    ${one.retention_days}::integer, ${one.idle_seconds}::integer, ${one.reply_closes_after_seconds}::integer, ${one.ring_seconds}::integer,
    ${one.max_message_bytes}::integer, ${JSON.stringify(one.limits)}::jsonb, ${one.created_by}::text, ${t.now}::timestamptz, ${t.now}::timestamptz)
  on conflict (slug) do nothing`

/** What is no longer public leaves the listing in the same statement; of a listed card what was saved waits for its review. */
export const updateCard = (t: Tx, scope: Scope, id: string, one: CardColumns & { version: number }) => t.run`
  update cards set agent_id = ${one.agent_id}::text, slug = ${one.slug}::text, name = ${one.name}::text, visibility = ${one.visibility}::text,
    version = ${one.version}::integer, is_primary = ${one.is_primary}::boolean, direct_messages = ${one.direct_messages}::boolean,
    unapproved = ${one.unapproved}::text, retention_days = ${one.retention_days}::integer, idle_seconds = ${one.idle_seconds}::integer,
    reply_closes_after_seconds = ${one.reply_closes_after_seconds}::integer, ring_seconds = ${one.ring_seconds}::integer,
    max_message_bytes = ${one.max_message_bytes}::integer, limits = ${JSON.stringify(one.limits)}::jsonb, updated_at = ${t.now}::timestamptz,
    listing = case when ${one.visibility}::text = 'public' then listing else 'direct_link_only' end,
    listed_version = case when ${one.visibility}::text = 'public' then listed_version end,
    submitted_version = case when ${one.visibility}::text <> 'public' then null when listing = 'listed' and ${one.version}::integer > version then ${one.version}::integer
      else submitted_version end
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

/** There is one primary card: the others are it no more. */
export const clearPrimary = (t: Tx, scope: Scope, but: string) => t.run`
  update cards set is_primary = false, updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and is_primary and id <> ${but}::text`

export const moveCardVersion = (t: Tx, scope: Scope, id: string, version: number) => t.run`
  update cards set version = ${version}::integer, updated_at = ${t.now}::timestamptz where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

export const moveCardIf = (
  t: Tx,
  scope: Scope,
  id: string,
  from: CardState,
  to: 'active' | 'paused',
  reason: string | null,
) => t.run`
  update cards set state = ${to}::text, state_since = ${t.now}::timestamptz, paused_reason = ${reason}::text, updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and state = ${from}::text`

export const retireCardIfLive = (t: Tx, scope: Scope, id: string) => t.run`
  update cards set state = 'retired', state_since = ${t.now}::timestamptz, updated_at = ${t.now}::timestamptz, paused_reason = null, is_primary = false,
    listing = 'direct_link_only', listed_version = null, submitted_version = null
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and state <> 'retired'`

export const setDelivery = (t: Tx, scope: Scope, id: string, mode: DeliveryMode, onExhausted: 'queue' | 'fail') => t.run`
  update cards set delivery_mode = ${mode}::text, on_exhausted = ${onExhausted}::text, updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

/** What policies are told of where messages go. */
export const setDeliveryHost = (t: Tx, scope: Scope, id: string, host: string | null) => t.run`
  update cards set delivery_host = ${host}::text
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and delivery_host is distinct from ${host}::text`

export const hasGrants = (t: Tx, scope: Scope, id: string) => t.one<{ has: boolean }>`
  select exists (select from relay_grants g where g.tenant_id = ${scope.tenantId}::uuid and g.card_id = ${id}::text) as has`

export type VersionRow = {
  card_id: string
  number: number
  content: CardContent
  content_hash: Buffer
  native: Buffer
  a2a: Buffer
  origin: string
  author: string
  created_at: Date
  signed_at: Date
}
const VERSION: Sql = sql`v.card_id, v.number, v.content, v.content_hash, v.native, v.a2a, v.origin, v.author, v.created_at, v.signed_at`

export type SignedBytes = { native: Buffer; a2a: Buffer; origin: string }
export const insertVersion = (
  t: Tx,
  scope: Scope,
  one: SignedBytes & { card_id: string; number: number; content: CardContent; content_hash: Buffer; author: string },
) => t.run`
  insert into card_versions (card_id, tenant_id, number, content, content_hash, native, a2a, origin, author, created_at, signed_at)
  values (${one.card_id}::text, ${scope.tenantId}::uuid, ${one.number}::integer, ${JSON.stringify(one.content)}::json, ${one.content_hash}::bytea,
    ${one.native}::bytea, ${one.a2a}::bytea, ${one.origin}::text, ${one.author}::text, ${t.now}::timestamptz, ${t.now}::timestamptz)`

export const resignVersion = (t: Tx, scope: Scope, cardId: string, number: number, bytes: SignedBytes) => t.run`
  update card_versions set native = ${bytes.native}::bytea, a2a = ${bytes.a2a}::bytea, origin = ${bytes.origin}::text, signed_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and card_id = ${cardId}::text and number = ${number}::integer`

export const findVersion = (t: Tx, scope: Scope, cardId: string, number: number) => t.maybe<VersionRow>`
  select ${VERSION} from card_versions v
  where v.tenant_id = ${scope.tenantId}::uuid and v.card_id = ${cardId}::text and v.number = ${number}::integer`

/** What is served: of a version, or of the current one. */
export const findServed = (t: Tx, scope: Scope, cardId: string, number: number | null) =>
  t.maybe<Pick<VersionRow, 'number' | 'native' | 'a2a' | 'signed_at'> & { is_compatible: boolean }>`
  select v.number, v.native, v.a2a, v.signed_at,
    exists (select from tenants x where x.id = c.tenant_id and x.relay_compat = 'foragent') as is_compatible
  from cards c
  join card_versions v on v.tenant_id = c.tenant_id and v.card_id = c.id and v.number = coalesce(${number}::integer, c.version)
  where c.tenant_id = ${scope.tenantId}::uuid and c.id = ${cardId}::text`

export type ListedVersion = Omit<VersionRow, 'native' | 'a2a' | 'content'>
export const listVersions = (t: Tx, scope: Scope, cardId: string, before: number | null, limit: number) => t.rows<ListedVersion>`
  select v.card_id, v.number, v.content_hash, v.origin, v.author, v.created_at, v.signed_at from card_versions v
  where v.tenant_id = ${scope.tenantId}::uuid and v.card_id = ${cardId}::text and (${before}::integer is null or v.number < ${before}::integer)
  order by v.number desc limit ${limit}::integer`

/** Current versions of cards in use, in the order of their ids. */
export const listCurrentVersions = (t: Tx, scope: Scope, after: string, limit: number) => t.rows<VersionRow>`
  select ${VERSION} from ${CURRENT}
  where c.tenant_id = ${scope.tenantId}::uuid and c.state <> 'retired' and c.id > ${after}::text
  order by c.id limit ${limit}::integer`

// Two statements: the second sees what whoever held the lock has written, a joined row of the first would not.
export const lockAnyCard = (t: Tx, scope: Scope, cardId: string) => t.maybe<{ id: string }>`
  select c.id from cards c where c.tenant_id = ${scope.tenantId}::uuid and c.id = ${cardId}::text for no key update`
export const findCurrentVersion = (t: Tx, scope: Scope, cardId: string) => t.maybe<VersionRow>`
  select ${VERSION} from ${CURRENT} where c.tenant_id = ${scope.tenantId}::uuid and c.id = ${cardId}::text`

export const versionsOf = (t: Tx, scope: Scope, cardId: string) => t.rows<VersionRow>`
  select ${VERSION} from card_versions v where v.tenant_id = ${scope.tenantId}::uuid and v.card_id = ${cardId}::text order by v.number`

export type CardKeyRow = {
  kid: string
  alg: CardAlgorithm
  public_jwk: CardJwk
  private_key: Buffer
  state: 'active' | 'retiring'
  created_at: Date
  retires_at: Date | null
}

/** The newest first. A key whose overlap is over signs nothing and is in no key set, whenever its job comes. */
export const findKeys = (t: Tx, scope: Scope) => t.rows<CardKeyRow>`
  select k.kid, k.alg, k.public_jwk, k.private_key, k.state, k.created_at, k.retires_at from card_keys k
  where k.tenant_id = ${scope.tenantId}::uuid and k.state in ('active', 'retiring') and (k.retires_at is null or k.retires_at > ${t.now}::timestamptz)
  order by k.state, k.created_at desc`

/** 0: the tenant has one meanwhile. */
export const insertKeyIfNone = (
  t: Tx,
  scope: Scope,
  one: { kid: string; alg: CardAlgorithm; public_jwk: CardJwk; private_key: Buffer },
) => t.run`
  insert into card_keys (kid, tenant_id, alg, public_jwk, private_key, state, created_at)
  values (${one.kid}::text, ${scope.tenantId}::uuid, ${one.alg}::text, ${JSON.stringify(one.public_jwk)}::json, ${one.private_key}::bytea, 'active',
    ${t.now}::timestamptz)
  on conflict (tenant_id) where state = 'active' do nothing`

export const retireActiveKeys = (t: Tx, scope: Scope, retiresAt: Date) => t.run`
  update card_keys set state = 'retiring', retires_at = ${retiresAt}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and state = 'active'`

/** Their private halves are gone from this row on. */
export const compromiseKeys = (t: Tx, scope: Scope) => t.rows<{ kid: string }>`
  update card_keys set state = 'compromised', private_key = null, retires_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and state in ('active', 'retiring') returning kid`

export const endRetiringKeys = (t: Tx, scope: Scope) => t.rows<{ kid: string }>`
  update card_keys set state = 'retired', private_key = null
  where tenant_id = ${scope.tenantId}::uuid and state = 'retiring' and retires_at <= ${t.now}::timestamptz returning kid`

// Rotations of one tenant take turns, so that "one open rotation" holds, and wait for whoever publishes: else a card could be signed by a key that has just been given
// up. Publishers share the lock, and take it before the row of their card.
export const lockKeys = (t: Tx, scope: Scope) => t.run`
  select pg_advisory_xact_lock(x'636b7900'::integer, hashtext(${scope.tenantId}::text))`
export const shareKeys = (t: Tx, scope: Scope) => t.run`
  select pg_advisory_xact_lock_shared(x'636b7900'::integer, hashtext(${scope.tenantId}::text))`

/** Of all versions, each name with the type that it was first given. */
export const listFactsEver = (t: Tx, scope: Scope) => t.rows<{ name: string; type: 'long' | 'bool' | 'word' }>`
  select distinct on (f ->> 'name') f ->> 'name' as name, f ->> 'type' as type
  from card_versions v cross join lateral (
    select s from json_array_elements(v.content -> 'skills') as s
    union all select s from json_array_elements(v.content -> 'extended' -> 'skills') as s) as k
  cross join lateral json_array_elements(k.s -> 'facts') as f
  where v.tenant_id = ${scope.tenantId}::uuid
  order by f ->> 'name', v.created_at, v.card_id, v.number`

/** Of cards of others to which this tenant has a relay grant. */
export const listFactsOfPeers = (t: Tx) => t.rows<{ name: string; type: 'long' | 'bool' | 'word' }>`
  select name, type from countersign_engine.facts_of_peers()`

export const findShown = (t: Tx, scope: Scope, cardId: string) => t.maybe<{ native: Buffer; listing: CardRow['listing'] }>`
  select v.native, c.listing from ${CURRENT} where c.tenant_id = ${scope.tenantId}::uuid and c.id = ${cardId}::text`

export type Viewer = {
  request_id: string | null
  request_state: string | null
  relay_grant_id: string | null
  grant_expires_at: Date | null
}
/** Of the current tenant; `agents` null: all of its agents. */
export const cardViewer = (t: Tx, cardId: string, agents: readonly string[] | null) => t.one<Viewer>`
  select * from countersign_engine.card_viewer(${cardId}::text, ${agents}::text[])`
