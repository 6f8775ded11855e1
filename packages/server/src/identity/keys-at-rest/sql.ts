// The statements over wrapped keys. They move wrapped bytes only: nothing here wraps, unwraps or holds a plain key.
import type { Scope, Tx } from '../../db/tx.ts'

export type KeyState = 'accepted' | 'current' | 'retired' | 'destroyed'
export type TenantKeyRow = {
  version: number
  wrapped: Buffer | null
  root_version: number
  root_fingerprint: string
  state: KeyState
}
export type SubjectKeyRow = { subject: string; version: number; wrapped: Buffer | null; destroyed_at: Date | null }
export type RootKeyInUse = { root_version: number; root_fingerprint: string }

export const findTenantKeys = (t: Tx, scope: Scope) => t.rows<TenantKeyRow>`
  select version, wrapped, root_version, root_fingerprint, state from tenant_keys where tenant_id = ${scope.tenantId}::uuid`

// Of two first uses at once the second waits here for the first's commit and then inserts nothing; both read the same row afterwards.
export const insertTenantKeyIfNone = (t: Tx, scope: Scope, row: TenantKeyRow) => t.run`
  insert into tenant_keys (version, tenant_id, wrapped, root_version, root_fingerprint, state, created_at)
  values (${row.version}::integer, ${scope.tenantId}::uuid, ${row.wrapped}::bytea, ${row.root_version}::integer,
    ${row.root_fingerprint}::text, ${row.state}::text, ${t.now}::timestamptz)
  on conflict (tenant_id, version) do nothing`

export const findSubjectKeys = (t: Tx, scope: Scope, subjects: readonly string[]) => t.rows<SubjectKeyRow>`
  select subject, version, wrapped, destroyed_at from subject_keys
  where tenant_id = ${scope.tenantId}::uuid and subject = any(${subjects}::text[])`

export const insertSubjectKeyIfNone = (t: Tx, scope: Scope, subject: string, version: number, wrapped: Buffer) => t.run`
  insert into subject_keys (subject, tenant_id, version, wrapped, created_at)
  values (${subject}::text, ${scope.tenantId}::uuid, ${version}::integer, ${wrapped}::bytea, ${t.now}::timestamptz)
  on conflict (tenant_id, subject, version) do nothing`

export const destroySubjectKeysIfAlive = (t: Tx, scope: Scope, subject: string) => t.run`
  update subject_keys set wrapped = null, destroyed_at = ${t.now}::timestamptz, destroyed_by = ${scope.principal}::text
  where tenant_id = ${scope.tenantId}::uuid and subject = ${subject}::text and destroyed_at is null`

export const rootKeysInUse = (t: Tx) => t.rows<RootKeyInUse>`
  select root_version, root_fingerprint from countersign_engine.root_keys_in_use()
  union select root_version, root_fingerprint from user_keys where wrapped is not null
  union select root_version, root_fingerprint from kept_keys`
