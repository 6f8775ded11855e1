// The statements over policies: sets and activations are only ever added to.
import { type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import type { KeyInUse } from '../sql.ts'

export type PolicyRow = {
  version: number
  text: string
  note: string | null
  origin: 'starting' | 'saved'
  saved_by: string
  saved_at: Date
  active: boolean
  activated_at: Date | null
}

/** What every decision reads: the active version, and the agents that ask, as they are at this moment. */
export type ActiveRow = { version: number | null; agents: { id: string; name: string; environment: string; labels: string[] }[] }

export const findActive = (t: Tx, scope: Scope, agentIds: readonly string[]) => t.one<ActiveRow>`
  select ${activeColumns(scope, agentIds)}`

/** The same for a statement that reads more in its one round trip. */
export const activeColumns = (scope: Scope, agentIds: readonly string[]): Sql => sql`
  (
    select version from policy_activations where tenant_id = ${scope.tenantId}::uuid order by ordinal desc limit 1
  ) as version, coalesce((
    select json_agg(json_build_object('id', id, 'name', name, 'environment', environment, 'labels', labels))
    from agents where tenant_id = ${scope.tenantId}::uuid and id = any(${agentIds}::text[])
  ), '[]') as agents`

export const findText = (t: Tx, scope: Scope, version: number) => t.maybe<{ text: string }>`
  select text from policies where tenant_id = ${scope.tenantId}::uuid and version = ${version}::integer`

export const findPolicy = (t: Tx, scope: Scope, version: number) => t.maybe<PolicyRow>`
  select p.version, p.text, p.note, p.origin, p.saved_by, p.saved_at, coalesce(p.version = last.version, false) as active,
    (select max(a.activated_at) from policy_activations a where a.tenant_id = p.tenant_id and a.version = p.version) as activated_at
  from policies p
  left join lateral (
    select version from policy_activations where tenant_id = ${scope.tenantId}::uuid order by ordinal desc limit 1
  ) last on true
  where p.tenant_id = ${scope.tenantId}::uuid and p.version = ${version}::integer`

export const listPolicies = (t: Tx, scope: Scope, page: { before: number | null; limit: number }) => t.rows<PolicyRow>`
  select p.version, p.text, p.note, p.origin, p.saved_by, p.saved_at, coalesce(p.version = last.version, false) as active,
    (select max(a.activated_at) from policy_activations a where a.tenant_id = p.tenant_id and a.version = p.version) as activated_at
  from policies p
  left join lateral (
    select version from policy_activations where tenant_id = ${scope.tenantId}::uuid order by ordinal desc limit 1
  ) last on true
  where p.tenant_id = ${scope.tenantId}::uuid and (${page.before}::integer is null or p.version < ${page.before}::integer)
  order by p.version desc
  limit ${page.limit}::integer`

/** Versions that hold something, newest first: found by the text that names it. */
export const findVersionsWith = (t: Tx, scope: Scope, words: string, limit: number) => t.rows<{ version: number; text: string }>`
  select version, text from policies where tenant_id = ${scope.tenantId}::uuid and position(${words}::text in text) > 0 order by version desc limit ${limit}::integer`

/** Whether any version that holds it was ever activated. */
export const hasCounted = async (t: Tx, scope: Scope, words: string): Promise<boolean> => {
  const { counted } = await t.one<{ counted: boolean }>`
    select exists (
      select from policies v join policy_activations a on a.tenant_id = v.tenant_id and a.version = v.version
      where v.tenant_id = ${scope.tenantId}::uuid and position(${words}::text in v.text) > 0) as counted`
  return counted
}

/** Policies by a prefix of their ids that stand in versions nobody ever activated, and in no other; each with the first version that holds it, the newest first. */
export const listDrafted = (t: Tx, scope: Scope, prefix: string, limit: number) => t.rows<{
  id: string
  version: number
  text: string
}>`
  select d.id, d.version, p.text from (
    select m[1] as id, min(v.version) as version
    from policies v cross join lateral regexp_matches(v.text, '@id\\("(' || regexp_replace(${prefix}::text, '[.]', '[.]', 'g') || '[a-z0-9]+)"\\)', 'g') m
    where v.tenant_id = ${scope.tenantId}::uuid and position('@id("' || ${prefix}::text in v.text) > 0
    group by m[1]
    having not bool_or(exists (select from policy_activations a where a.tenant_id = ${scope.tenantId}::uuid and a.version = v.version))) d
  join policies p on p.tenant_id = ${scope.tenantId}::uuid and p.version = d.version
  order by d.version desc, d.id limit ${limit}::integer`

export type NewPolicy = { text: string; note: string | null; origin: 'starting' | 'saved' }

// The next number is read and taken in one statement; of two saves at once the second meets the primary key and is told so.
export const insertPolicy = (t: Tx, scope: Scope, policy: NewPolicy) => t.one<{ version: number }>`
  insert into policies (version, tenant_id, text, note, origin, saved_by, saved_at)
  select coalesce(max(version), 0) + 1, ${scope.tenantId}::uuid, ${policy.text}::text, ${policy.note}::text, ${policy.origin}::text,
    ${scope.principal}::text, ${t.now}::timestamptz
  from policies where tenant_id = ${scope.tenantId}::uuid
  returning version`

/** Nothing where the tenant has one already: of many that find it without, one gives it. */
export const insertFirstPolicy = (t: Tx, scope: Scope, text: string) => t.run`
  insert into policies (version, tenant_id, text, note, origin, saved_by, saved_at)
  values (1, ${scope.tenantId}::uuid, ${text}::text, null, 'starting', ${scope.principal}::text, ${t.now}::timestamptz)
  on conflict do nothing`

export const insertFirstActivation = (t: Tx, scope: Scope) => t.run`
  insert into policy_activations (ordinal, tenant_id, version, activated_by, activated_at)
  values (1, ${scope.tenantId}::uuid, 1, ${scope.principal}::text, ${t.now}::timestamptz)
  on conflict do nothing`

// The ordinal is read and taken in one statement, as above.
export const insertActivation = (t: Tx, scope: Scope, version: number) => t.run`
  insert into policy_activations (ordinal, tenant_id, version, activated_by, activated_at)
  select coalesce(max(ordinal), 0) + 1, ${scope.tenantId}::uuid, ${version}::integer, ${scope.principal}::text, ${t.now}::timestamptz
  from policy_activations where tenant_id = ${scope.tenantId}::uuid`

export type ActivePolicyRow = { tenant_id: string; version: number | null; text: string | null }

export const activePolicies = (t: Tx) => t.rows<ActivePolicyRow>`
  select tenant_id, version, text from countersign_engine.active_policies()`

export type KeptDecision = {
  id: string
  action: string
  outcome: 'allow' | 'ask' | 'deny'
  reason: string
  policy_version: number
  policy_ids: string[]
  request: Buffer
}
export type DecisionRow = KeptDecision & { decided_at: Date }

export const insertDecisions = (t: Tx, scope: Scope, decisions: readonly KeptDecision[]) => t.run`
  insert into policy_decisions (id, tenant_id, action, outcome, reason, policy_version, policy_ids, request, decided_at)
  select id, ${scope.tenantId}::uuid, action, outcome, reason, policy_version, policy_ids, decode(request, 'base64'), ${t.now}::timestamptz
  from json_to_recordset(${JSON.stringify(decisions.map((one) => ({ ...one, request: one.request.toString('base64') })))}::json)
    as g (id text, action text, outcome text, reason text, policy_version integer, policy_ids text[], request text)`

/** Newest first. */
export const listDecisionsBefore = (t: Tx, scope: Scope, page: { before: string | null; limit: number }) => t.rows<DecisionRow>`
  select id, action, outcome, reason, policy_version, policy_ids, request, decided_at from policy_decisions
  where tenant_id = ${scope.tenantId}::uuid and (${page.before}::text is null or id < ${page.before}::text collate "C")
  order by id desc limit ${page.limit}::integer`

export const pruneDecisions = (t: Tx, keep: number) => t.one<{ pruned: number }>`
  select countersign_engine.prune_policy_decisions(${keep}::integer) as pruned`

/** For an explanation: who this principal is in the tenant now. */
export const findRole = (t: Tx, scope: Scope, userId: string) => t.maybe<{ role: string; is_host: boolean }>`
  select r.role, exists (select from hosts h where h.user_id = r.user_id) as is_host
  from roles r where r.tenant_id = ${scope.tenantId}::uuid and r.user_id = ${userId}::text and r.deactivated_at is null`

/** A key by its id, as a request with it would find it now, wherever that came from. */
export const findKeyInUse = (t: Tx, scope: Scope, keyId: string) => t.maybe<KeyInUse>`
  select k.id, k.tenant_id, k.kind, k.agent_id, a.state as agent_state, a.name as agent_name, a.user_id as agent_owner, k.name,
    k.user_id as maker, u.display_name as maker_name, r.role as maker_role, k.scopes, n.state as tenant_state,
    coalesce(k.expires_at <= ${t.now}::timestamptz, false) as expired, k.revoked_at is not null as revoked, true as address_allowed
  from keys k
  join users u on u.id = k.user_id
  join tenants n on n.id = k.tenant_id
  left join agents a on a.tenant_id = k.tenant_id and a.id = k.agent_id
  left join roles r on r.tenant_id = k.tenant_id and r.user_id = k.user_id and r.deactivated_at is null
  where k.tenant_id = ${scope.tenantId}::uuid and k.id = ${keyId}::text`

export const findAgentOwner = (t: Tx, scope: Scope, agentId: string) => t.maybe<{
  name: string
  environment: string
  labels: string[]
  user_id: string
}>`
  select name, environment, labels, user_id from agents where tenant_id = ${scope.tenantId}::uuid and id = ${agentId}::text`
