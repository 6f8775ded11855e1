// The one statement of lists, and its filters as predicates: keyset, never an offset but for the clients that know nothing else.
import { join, type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import type { ListRow, Status } from '../sql.ts'

/** The last row of the page before: its sort key (null when the id is the key) and its id. */
export type Place = { key: string | number | null; id: string }
export type Page = {
  sort: 'created' | 'deadline' | 'priority' | 'updated'
  order: 'asc' | 'desc'
  after: Place | null
  limit: number
  offset?: number
  include: readonly string[]
}

const LIST_COLUMNS = sql`id, version, revision, origin, origin_ref, agent_id, created_by, asker, on_behalf_of, idempotency_key, key_reuse, key_freed_at,
  replay_mismatch_at, task, verdict, status, outcome, timeout_seconds, deadline_at, on_timeout, assign_to, asked, assigned_to_user_id,
  assigned_to_email, assigned_to_display_name, assigned_to_slack_user_id, priority, priority_rank, tags, metadata, risk, redact, callback_url,
  callback_mode, completed_by_user_id, completed_by_email, completed_by_display_name, completed_by_slack_user_id, completed_via_channel,
  verification_attempt, created_at, updated_at, opened_at, verifying_at, returned_at, revising_at, completed_at, timed_out_at, cancelled_at,
  verification_exhausted_at, assigned_at, claimed_at, first_notified_at, first_viewed_at, collected_at, erased_at`

// Ids are UUIDv7 of the database's time, so their order is the order of creation.
const SORT_KEY = { created: null, deadline: sql`deadline_at`, priority: sql`priority_rank`, updated: sql`updated_at` }
const KEY_TYPE = { created: sql`text`, deadline: sql`timestamptz`, priority: sql`smallint`, updated: sql`timestamptz` }

export const findTaskPage = (t: Tx, scope: Scope, matching: Sql, page: Page) => {
  const key = SORT_KEY[page.sort]
  const down = page.order === 'desc'
  const [way, beyond] = down ? [sql`desc`, sql`<`] : [sql`asc`, sql`>`]
  const after = page.after
  const place = !after
    ? sql`true`
    : key
      ? sql`(${key}, id) ${beyond} (${after.key}::${KEY_TYPE[page.sort]}, ${after.id}::text)`
      : sql`id ${beyond} ${after.id}::text`
  return t.rows<ListRow>`
    select ${LIST_COLUMNS}
      ${page.include.includes('payload') ? sql`, payload` : sql``} ${page.include.includes('response') ? sql`, response` : sql``}
    from tasks
    where tenant_id = ${scope.tenantId}::uuid and ${matching} and ${place}
    order by ${key ? sql`${key} ${way},` : sql``} id ${way}
    limit ${page.limit}::integer offset ${page.offset ?? 0}::integer`
}

export type ListFilter = {
  status?: Status[]
  outcome?: string[]
  assigned_to?: string
  /** `assigned_to` as addresses are compared, when it is one. */
  folded: string | null
  unassigned?: boolean
  mine?: boolean
  /** Who `mine` means; nobody for agents and keys of a tenant. */
  asker: { id: string; keys: string[] } | null
  agent_id?: string
  origin?: string
  tag?: string
  priority?: string
  risk?: string
  created_after?: Date
  created_before?: Date
  deadline_before?: Date
  idempotency_key?: string
  q?: string
  terminal?: boolean
}

export function listFilter(reached: Sql, input: ListFilter): Sql {
  const parts = [reached]
  const add = (value: unknown, part: Sql) => void (value !== undefined && parts.push(part))
  if (input.status) parts.push(sql`status = any(${input.status}::text[])`)
  if (input.terminal !== undefined) {
    const ended = sql`status in ('completed', 'timed_out', 'cancelled', 'verification_exhausted')`
    parts.push(input.terminal ? ended : sql`not ${ended}`)
  }
  add(input.outcome, sql`outcome = any(${input.outcome}::text[])`)
  add(input.agent_id, sql`tasks.agent_id = ${input.agent_id}::text`)
  add(input.origin, sql`origin = ${input.origin}::text`)
  add(input.tag, sql`${input.tag}::text = any(tags)`)
  add(input.priority, sql`priority = ${input.priority}::text`)
  add(input.risk, sql`risk = ${input.risk}::text`)
  add(input.created_after, sql`created_at >= ${input.created_after}::timestamptz`)
  add(input.created_before, sql`created_at < ${input.created_before}::timestamptz`)
  add(input.deadline_before, sql`deadline_at < ${input.deadline_before}::timestamptz`)
  add(input.idempotency_key, sql`idempotency_key = ${input.idempotency_key}::text`)
  if (input.unassigned !== undefined) {
    const free = sql`(assigned_to_user_id is null and assigned_to_email is null)`
    parts.push(input.unassigned ? free : sql`not ${free}`)
  }
  if (input.mine !== undefined) parts.push(mine(input.asker, input.mine))
  if (input.assigned_to !== undefined) parts.push(heldBy(input.assigned_to, input.folded))
  if (input.q !== undefined) parts.push(saying(input.q))
  return join(parts, ' and ')
}

/** Held by me, or free and asked of me. */
function mine(person: ListFilter['asker'], wanted: boolean): Sql {
  const own = person
    ? sql`(assigned_to_user_id = ${person.id}::text or (assigned_to_user_id is null and asked && ${person.keys}::text[]))`
    : sql`false`
  return wanted ? own : sql`not ${own}`
}

/** A user's id, an address, a Slack id, or part of a name. */
function heldBy(text: string, folded: string | null): Sql {
  const part = `%${text.replace(/[\\%_]/g, '\\$&')}%`
  return sql`(assigned_to_user_id = ${text}::text or assigned_to_slack_user_id = ${text}::text or assigned_to_display_name ilike ${part}::text
    ${folded === null ? sql`` : sql`or lower(assigned_to_email) = ${folded}::text or asked @> array[${folded}::text]`})`
}

/** Every word of the query begins a word of the question. */
function saying(q: string): Sql {
  const words = q.normalize('NFKC').match(/[\p{L}\p{N}]+/gu) ?? []
  if (words.length === 0) return sql`true`
  return sql`to_tsvector('simple', task) @@ to_tsquery('simple', ${words
    .slice(0, 10)
    .map((word) => `${word}:*`)
    .join(' & ')}::text)`
}
