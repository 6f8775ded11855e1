// The statements over child keys. A token is known by its hash alone.
import { type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import type { KeyInUse } from '../sql.ts'

export type ChildInUse = KeyInUse & { child_id: string; audience: string; child_scopes: string[] }

export const useChildKey = (hash: Buffer, address: string | null): Sql =>
  sql`select * from countersign_engine.use_child_key(${hash}::bytea, ${address}::inet)`

export const dropChildKey = (hash: Buffer): Sql => sql`select countersign_engine.drop_child_key(${hash}::bytea) as dropped`

export const insertChildKey = (
  t: Tx,
  scope: Scope,
  one: { id: string; keyId: string; hash: Buffer; audience: string; scopes: readonly string[]; expiresAt: Date },
) => t.run`
  insert into child_keys (id, tenant_id, key_id, token_hash, audience, scopes, created_at, expires_at)
  values (${one.id}::text, ${scope.tenantId}::uuid, ${one.keyId}::text, ${one.hash}::bytea, ${one.audience}::text, ${one.scopes}::text[], ${t.now}::timestamptz,
    ${one.expiresAt}::timestamptz)`

export const deleteOver = (t: Tx, scope: Scope, keyId: string) => t.run`
  delete from child_keys where tenant_id = ${scope.tenantId}::uuid and key_id = ${keyId}::text and expires_at <= ${t.now}::timestamptz`

export const findEndOfKey = (t: Tx, scope: Scope, keyId: string) => t.maybe<{ expires_at: Date; environment: 'live' | 'test' }>`
  select expires_at, environment from keys where tenant_id = ${scope.tenantId}::uuid and id = ${keyId}::text`
