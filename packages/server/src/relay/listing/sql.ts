// The statements over the listing and its review (relay.md §2.3). A transition is one conditional update; zero rows is an answer.
import { type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import type { CardContent } from '../cards/input.ts'

/** 0: it is not in a state from which it is handed in. Of a listed card the version that waits stands beside the listed one. */
export const submitIf = (t: Tx, scope: Scope, id: string, by: string, reviewTenant: string) => t.run`
  update cards set listing = case when listing = 'listed' then 'listed' else 'submitted' end, submitted_version = version, submitted_by = ${by}::text,
    review_tenant = ${reviewTenant}::uuid, listing_note = null, updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and visibility = 'public' and state <> 'retired'
    and (listing in ('direct_link_only', 'rejected') or (listing = 'listed' and submitted_version is null and version <> listed_version))`

export const withdrawIf = (t: Tx, scope: Scope, id: string) => t.run`
  update cards set listing = 'direct_link_only', listed_version = null, submitted_version = null, listing_note = null, updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and listing <> 'direct_link_only'`

export const findReviewTenant = (t: Tx, scope: Scope, id: string) => t.maybe<{ review_tenant: string | null }>`
  select review_tenant from cards where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

export type Submission = {
  tenant_id: string
  slug: string
  name: string
  state: string
  visibility: string
  listing: 'direct_link_only' | 'submitted' | 'listed' | 'rejected'
  version: number
  listed_version: number | null
  submitted_version: number | null
  submitted_by: string | null
  task_id: string | null
  task_version: number | null
  content: CardContent | null
  listed_content: CardContent | null
  domains: unknown[]
  health: Record<string, unknown> | null
}
/** Of a card that was handed in to the current tenant. */
export const findSubmission = (t: Tx, id: string) => t.maybe<Submission>`
  select * from countersign_engine.listing_submission(${id}::text)`

/** 0: what was seen is not so any more. */
export const noteReview = (t: Tx, id: string, seen: string | null, task: string | null, version: number | null) =>
  t.one<{ n: number }>`select countersign_engine.note_review(${id}::text, ${seen}::text, ${task}::text, ${version}::integer) as n`

export type Decided = { tenant_id: string; listing: 'listed' | 'rejected'; pending_version: number | null }
/** Null: that version is not what waits any more. */
export const decideIfSubmitted = (t: Tx, id: string, version: number, passes: boolean, said: string | null) => t.maybe<Decided>`
  select * from countersign_engine.decide_listing(${id}::text, ${version}::integer, ${passes}::boolean, ${said}::text)`

export const delistIfListed = (t: Tx, id: string, said: string | null) => t.maybe<{ tenant_id: string }>`
  select * from countersign_engine.delist_card(${id}::text, ${said}::text)`

export const tellOwner = (t: Tx, id: string, body: string) =>
  t.run`select countersign_engine.tell_card_owner(${id}::text, ${body}::text)`

export type FoundCard = {
  card_id: string
  slug: string
  version: number
  content: CardContent
  signed_at: Date
  listed_at: Date
  score: number
  verified: number
  domains: { domain: string; method: 'dns' | 'https'; verified_at: string; expires_at: string }[]
  health: { state: 'ok' | 'degraded' | 'down'; reason: string | null; checked_at: string; p50_ms: number | null } | null
}
export type Asked = { tenant: string | null; agent: string | null; below: readonly unknown[] | null; limit: number }
export const searchListing = (
  q: string | null,
  wants: Record<string, string | boolean>,
  { tenant, agent, below, limit }: Asked,
): Sql => sql`
  select * from countersign_engine.search_listing(${q}::text, ${JSON.stringify(wants)}::jsonb, ${tenant}::uuid, ${agent}::text,
    ${below === null ? null : JSON.stringify(below)}::jsonb, ${limit}::integer)`
