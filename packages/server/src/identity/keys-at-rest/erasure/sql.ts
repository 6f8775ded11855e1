// The statements over what was erased. They hold ids and times; the keys are gone before a row stands here.
import type { Scope, Tx } from '../../../db/tx.ts'

export type ErasureRow = { id: string; tenant_id: string | null; subject: string | null; erased_at: Date; erased_by: string }

export const unwrittenErasures = (t: Tx, atMost: number) => t.rows<ErasureRow>`
  select id, tenant_id, subject, erased_at, erased_by from countersign_engine.unwritten_erasures(${atMost}::integer)`

export const markWritten = (t: Tx, ids: readonly string[]) => t.one<{ marked: number }>`
  select countersign_engine.erasures_written(${ids}::text[], ${t.now}::timestamptz) as marked`

// One writer at a time over all processes: the file has no other lock. Ends with the transaction.
export const lockLedger = (t: Tx) => t.one<{ locked: boolean }>`
  select pg_try_advisory_xact_lock(hashtextextended('countersign/erasures.jsonl', 0)) as locked`

export const destroyTenantKeys = (t: Tx, scope: Scope) => t.run`
  update tenant_keys set wrapped = null, state = 'destroyed', destroyed_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and wrapped is not null and state <> 'retired'`

export const destroyRetiredKeys = (t: Tx, scope: Scope) => t.run`
  update tenant_keys set wrapped = null, state = 'destroyed', destroyed_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and state = 'retired'`

export const destroySubjectKeysOf = (t: Tx, scope: Scope) => t.run`
  update subject_keys set wrapped = null, destroyed_at = ${t.now}::timestamptz, destroyed_by = ${scope.principal}::text
  where tenant_id = ${scope.tenantId}::uuid and wrapped is not null`

/** Contents that lie under keys of whole days go row by row: what a thread of the current tenant said. */
export const eraseThread = (t: Tx, threadId: string) => t.one<{ messages: number }>`
  select countersign.erase_thread(${threadId}::text) as messages`
