// Every statement of embeds, one function each.
import { type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import type { TaskRow } from '../sql.ts'

export type Allow = 'decide' | 'comment'
export type Theme = 'auto' | 'light' | 'dark'

export type OriginRow = { id: string; origin: string; created_by: string; created_at: Date }

export const findOrigins = (t: Tx, scope: Scope) => t.rows<OriginRow>`
  select id, origin, created_by, created_at from embed_origins where tenant_id = ${scope.tenantId}::uuid order by id`

/** Nothing when it is there already. */
export const insertOrigin = (t: Tx, scope: Scope, id: string, origin: string) => t.maybe<OriginRow>`
  insert into embed_origins (id, tenant_id, origin, created_by, created_at)
  values (${id}::text, ${scope.tenantId}::uuid, ${origin}::text, ${scope.principal}::text, ${t.now}::timestamptz)
  on conflict (tenant_id, origin) do nothing
  returning id, origin, created_by, created_at`

export const deleteOrigin = (t: Tx, scope: Scope, id: string) => t.maybe<{ origin: string }>`
  delete from embed_origins where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text returning origin`

/** What a key of the kind emb was limited to when it was made. */
export const findLimits = (t: Tx, scope: Scope, keyId: string) => t.maybe<{ agent_ids: string[]; origins: string[] }>`
  select agent_ids, origins from keys where tenant_id = ${scope.tenantId}::uuid and id = ${keyId}::text`

export const ofAgents = (agents: readonly string[]): Sql => sql`tasks.agent_id = any(${agents}::text[])`

/** Who answered here before under that name: a renewed token is the same person. */
export const findPersonOfSub = (t: Tx, scope: Scope, taskId: string, sub: string) => t.maybe<{ person: string }>`
  select person from embed_tokens
  where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text and sub = ${sub}::text order by id limit 1`

export type NewToken = {
  id: string
  hash: Buffer
  taskId: string
  agentId: TaskRow['agent_id']
  sub: string | null
  person: string
  origin: string
  allow: readonly Allow[]
  theme: Theme
  dialect: 'native' | 'compatible'
  keyId: string | null
  expiresAt: Date
}

export const insertToken = (t: Tx, scope: Scope, token: NewToken) => t.run`
  insert into embed_tokens (id, tenant_id, token_hash, task_id, agent_id, sub, person, origin, allow, theme, dialect, key_id, created_by,
    created_at, expires_at)
  values (${token.id}::text, ${scope.tenantId}::uuid, ${token.hash}::bytea, ${token.taskId}::text, ${token.agentId}::text, ${token.sub}::text,
    ${token.person}::text, ${token.origin}::text, ${token.allow}::text[], ${token.theme}::text, ${token.dialect}::text, ${token.keyId}::text,
    ${scope.principal}::text, ${t.now}::timestamptz, ${token.expiresAt}::timestamptz)`

// Nobody asks for them again; a few with each new one, so that the table stays as small as what is alive. The last token of a person keeps who they were.
export const deleteLongEnded = (t: Tx, scope: Scope, before: Date) => t.run`
  delete from embed_tokens where tenant_id = ${scope.tenantId}::uuid and id in (
    select e.id from embed_tokens e join tasks k on k.tenant_id = e.tenant_id and k.id = e.task_id
    where e.tenant_id = ${scope.tenantId}::uuid and e.expires_at < ${before}::timestamptz
      and k.status in ('completed', 'timed_out', 'cancelled', 'verification_exhausted')
    order by e.id limit 100 for update of e skip locked)`

export type TokenRow = {
  id: string
  task_id: string
  agent_id: string | null
  sub: string | null
  parent_origin: string
  allow: Allow[]
  theme: Theme
  key_id: string | null
  created_by: string
  created_at: Date
  expires_at: Date
  last_used_at: Date | null
  revoked_at: Date | null
  state: 'live' | 'settled' | 'expired' | 'revoked'
}

type Page = { taskId: string | null; live: boolean; before: string | null; limit: number }

export const findTokens = (t: Tx, scope: Scope, reached: Sql, page: Page) => t.rows<TokenRow>`
  select * from (
    select e.id, e.task_id, e.agent_id, e.sub, e.origin as parent_origin, e.allow, e.theme, e.key_id, e.created_by, e.created_at, e.expires_at,
      e.last_used_at, e.revoked_at,
      case when e.revoked_at is not null then 'revoked' when e.expires_at <= ${t.now}::timestamptz then 'expired'
        when tasks.status in ('completed', 'timed_out', 'cancelled', 'verification_exhausted') then 'settled' else 'live' end as state
    from embed_tokens e join tasks on tasks.tenant_id = e.tenant_id and tasks.id = e.task_id
    where e.tenant_id = ${scope.tenantId}::uuid and ${reached}
      and (${page.taskId}::text is null or e.task_id = ${page.taskId}::text)
      and (${page.before}::text is null or e.id < ${page.before}::text collate "C")
  ) listed
  where not ${page.live}::boolean or state = 'live'
  order by id desc limit ${page.limit}::integer`

export type RevokedToken = { id: string; task_id: string; agent_id: string | null; was_live: boolean }

/** Also one that is revoked already; `was_live` says whether this call did it. */
export const revokeToken = (t: Tx, scope: Scope, id: string, reached: Sql) => t.maybe<RevokedToken>`
  with found as (
    select e.id, e.revoked_at is null as was_live from embed_tokens e join tasks on tasks.tenant_id = e.tenant_id and tasks.id = e.task_id
    where e.tenant_id = ${scope.tenantId}::uuid and e.id = ${id}::text and ${reached} for update of e
  )
  update embed_tokens e set revoked_at = coalesce(e.revoked_at, ${t.now}::timestamptz), revoked_by = coalesce(e.revoked_by, ${scope.principal}::text)
  from found where e.tenant_id = ${scope.tenantId}::uuid and e.id = found.id
  returning e.id, e.task_id, e.agent_id, found.was_live`

export type EmbedInUse = {
  id: string
  tenant_id: string
  task_id: string
  person: string
  sub: string | null
  allow: Allow[]
  key_id: string | null
  tenant_state: string
  settled: boolean
  ended: boolean
}

/** Across tenants: by the hash of what the page shows. */
export const useEmbed = (hash: Buffer) => sql`select * from countersign_engine.use_embed(${hash}::bytea)`

export type EmbedPageRow = {
  origin: string
  theme: Theme
  dialect: 'native' | 'compatible'
  created_at: Date
  expires_at: Date
}

export const findPage = (embedId: string, taskId: string) => sql`
  select * from countersign_engine.embed_page(${embedId}::text, ${taskId}::text)`
