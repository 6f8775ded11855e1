// The statements over those whom a tenant has met, refuses, or is found by (relay.md R19, R20, R120).
import { type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import type { Own } from '../grants/sql.ts'

export type BlockRow = {
  id: string
  blocked_tenant: string | null
  blocked_agent: string | null
  blocked_domain: string | null
  reason: string | null
  created_by: string
  created_at: Date
}
const BLOCK: Sql = sql`b.id, b.blocked_tenant, b.blocked_agent, b.blocked_domain, b.reason, b.created_by, b.created_at`

export type NewBlock = Omit<BlockRow, 'created_at'>
/** Null: that one is blocked already. */
export const insertBlockIfNone = (t: Tx, scope: Scope, one: NewBlock) => t.maybe<BlockRow>`
  insert into blocks as b (id, tenant_id, blocked_tenant, blocked_agent, blocked_domain, reason, created_by, created_at)
  values (${one.id}::text, ${scope.tenantId}::uuid, ${one.blocked_tenant}::uuid, ${one.blocked_agent}::text, ${one.blocked_domain}::text, ${one.reason}::text,
    ${one.created_by}::text, ${t.now}::timestamptz)
  on conflict (tenant_id, coalesce(blocked_tenant::text, blocked_agent, blocked_domain)) do nothing
  returning ${BLOCK}`

export const findBlockOf = (t: Tx, scope: Scope, subject: string) => t.maybe<BlockRow>`
  select ${BLOCK} from blocks b
  where b.tenant_id = ${scope.tenantId}::uuid and coalesce(b.blocked_tenant::text, b.blocked_agent, b.blocked_domain) = ${subject}::text`

export const findBlock = (t: Tx, scope: Scope, id: string) => t.maybe<BlockRow>`
  select ${BLOCK} from blocks b where b.tenant_id = ${scope.tenantId}::uuid and b.id = ${id}::text`

export const listBlockRows = (t: Tx, scope: Scope, below: string | null, limit: number) => t.rows<BlockRow>`
  select ${BLOCK} from blocks b where b.tenant_id = ${scope.tenantId}::uuid and (${below}::text is null or b.id < ${below}::text)
  order by b.id desc limit ${limit}::integer`

export const deleteBlock = (t: Tx, scope: Scope, id: string) => t.maybe<BlockRow>`
  delete from blocks b where b.tenant_id = ${scope.tenantId}::uuid and b.id = ${id}::text returning ${BLOCK}`

export type ContactRow = {
  id: string
  direction: 'in' | 'out'
  peer: string
  peer_tenant: string | null
  name: string
  state: 'active' | 'pending' | 'approved' | 'denied' | 'withdrawn' | 'expired' | 'revoked'
  relay_grant_id: string | null
  request_id: string | null
  since: Date
  last_thread_id: string | null
  last_thread_at: Date | null
  note: string | null
  favourite: boolean
}
const CONTACT = (scope: Scope, own: Own): Sql => sql`
  select m.*, k.note, coalesce(k.favourite, false) as favourite
  from countersign_engine.contacts_met(${own.user}::text, ${own.agent}::text) m
  left join contacts k on k.tenant_id = ${scope.tenantId}::uuid and k.id = m.id`

export type ContactFilter = { direction?: 'in' | 'out'; state?: ContactRow['state']; favourite?: boolean; q?: string }
export const listContactRows = (
  t: Tx,
  scope: Scope,
  filter: ContactFilter,
  own: Own,
  below: string | null,
  limit: number,
) => t.rows<ContactRow>`
  select * from (${CONTACT(scope, own)}) c
  where (${filter.direction ?? null}::text is null or c.direction = ${filter.direction ?? null}::text)
    and (${filter.state ?? null}::text is null or c.state = ${filter.state ?? null}::text)
    and (${filter.favourite ?? null}::boolean is null or c.favourite = ${filter.favourite ?? null}::boolean)
    and (${filter.q ?? null}::text is null or strpos(lower(c.name), lower(${filter.q ?? null}::text)) > 0)
    and (${below}::text is null or c.id < ${below}::text)
  order by c.id desc limit ${limit}::integer`

export const findContact = (t: Tx, scope: Scope, id: string, own: Own) => t.maybe<ContactRow>`
  select * from (${CONTACT(scope, own)}) c where c.id = ${id}::text`

export const putContact = (t: Tx, scope: Scope, id: string, one: { note: string | null; favourite: boolean }) => t.run`
  insert into contacts (id, tenant_id, note, favourite, updated_by, updated_at)
  values (${id}::text, ${scope.tenantId}::uuid, ${one.note}::text, ${one.favourite}::boolean, ${scope.principal}::text, ${t.now}::timestamptz)
  on conflict (tenant_id, id) do update set note = excluded.note, favourite = excluded.favourite, updated_by = excluded.updated_by, updated_at = excluded.updated_at`

export type HandleRow = { handle: string; user_id: string | null; card_id: string | null; findable: boolean; created_at: Date }
const HANDLE: Sql = sql`h.handle, h.user_id, h.card_id, h.findable, h.created_at`

export const listHandleRows = (t: Tx, scope: Scope) => t.rows<HandleRow>`
  select ${HANDLE} from handles h where h.tenant_id = ${scope.tenantId}::uuid order by h.handle`

// Two who claim for one owner take turns; the second finds what the first has claimed.
export const lockHandles = (t: Tx, scope: Scope) => t.run`
  select pg_advisory_xact_lock(x'636b6864'::integer, hashtext(${scope.tenantId}::text))`

export const findHandleOf = (t: Tx, scope: Scope, userId: string | null) => t.maybe<HandleRow>`
  select ${HANDLE} from handles h where h.tenant_id = ${scope.tenantId}::uuid and h.user_id is not distinct from ${userId}::text`

export const findOwnHandle = (t: Tx, scope: Scope, handle: string) => t.maybe<HandleRow>`
  select ${HANDLE} from handles h where h.tenant_id = ${scope.tenantId}::uuid and h.handle = ${handle}::text`

/** Null: it is somebody's, of whatever tenant. */
export const insertHandleIfFree = (
  t: Tx,
  scope: Scope,
  one: Omit<HandleRow, 'created_at'> & { by: string },
) => t.maybe<HandleRow>`
  insert into handles as h (handle, tenant_id, user_id, card_id, findable, created_by, created_at)
  values (${one.handle}::text, ${scope.tenantId}::uuid, ${one.user_id}::text, ${one.card_id}::text, ${one.findable}::boolean, ${one.by}::text, ${t.now}::timestamptz)
  on conflict (handle) do nothing
  returning ${HANDLE}`

export const updateHandle = (
  t: Tx,
  scope: Scope,
  handle: string,
  one: Pick<HandleRow, 'card_id' | 'findable'>,
) => t.one<HandleRow>`
  update handles h set card_id = ${one.card_id}::text, findable = ${one.findable}::boolean
  where h.tenant_id = ${scope.tenantId}::uuid and h.handle = ${handle}::text returning ${HANDLE}`

export const deleteHandle = (t: Tx, scope: Scope, handle: string) => t.run`
  delete from handles where tenant_id = ${scope.tenantId}::uuid and handle = ${handle}::text`

export type FoundHandle = {
  handle: string
  of_user: boolean
  slug: string
  name: string
  summary: string | null
  card_version: number
}
export const findHandle = (handle: string): Sql => sql`select * from countersign_engine.find_handle(${handle}::text)`
