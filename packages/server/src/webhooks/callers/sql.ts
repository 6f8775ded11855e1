// The statements over what this tenant's agents are told as callers by the tenants that their threads lie in (relay.md R70). Each goes through a function of the engine, which looks at
// the current tenant alone.
import { type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import type { DeliveryFilter, DeliveryRow, ReplayFilter } from '../deliveries/sql.ts'

export type CallerPlace = { tenant_id: string; relay_grant_id: string }
export const callerPlace = (id: string, tenantId: string): Sql =>
  sql`select tenant_id, relay_grant_id from countersign_engine.caller_place(${id}::text, ${tenantId}::uuid)`

export const listCallerDeliveries = (t: Tx, filter: DeliveryFilter, before: string | null, limit: number) => t.rows<DeliveryRow>`
  select * from countersign_engine.caller_deliveries(${JSON.stringify(filter)}::jsonb, ${before}::bigint, ${limit}::integer)`

export type Replayable = CallerPlace & { id: string; ord: string }
export const nextOfCallers = (
  t: Tx,
  filter: ReplayFilter,
  includeSucceeded: boolean,
  position: string,
  madeUntil: Date,
  limit: number,
) => t.rows<Replayable>`
  select * from countersign_engine.caller_replayable(${JSON.stringify(filter)}::jsonb, ${includeSucceeded}::boolean, ${position}::bigint,
    ${madeUntil}::timestamptz, ${limit}::integer)`

export const countOfCallers = (t: Tx, filter: ReplayFilter, includeSucceeded: boolean, limit: number) => t.one<{ n: number }>`
  select count(*)::integer as n from countersign_engine.caller_replayable(${JSON.stringify(filter)}::jsonb, ${includeSucceeded}::boolean, 0,
    ${t.now}::timestamptz, ${limit}::integer)`

export const progressOfCallers = (t: Tx, replayId: string) => t.one<{ succeeded: number; failed: number; waiting: number }>`
  select succeeded, failed, waiting from countersign_engine.caller_replay_progress(${replayId}::text)`

export const tellCaller = (t: Tx, scope: Scope, body: string) =>
  t.run`select countersign_engine.tell_caller(${scope.relayParty ?? ''}::text, ${body}::text)`
